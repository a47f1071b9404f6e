//! A progress bar on stderr; plain lines where stderr is no terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const WIDTH: u64 = 40;
const PAUSE: Duration = Duration::from_millis(80);

/// How far a piece of work has come.
#[derive(Debug)]
pub struct Progress {
    label: String,
    total: u64,
    drawn: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// Starts at zero of `total`.
    pub fn new(label: &str, total: u64) -> Self {
        Self { label: label.to_owned(), total: total.max(1), drawn: None, is_terminal: io::stderr().is_terminal() }
    }

    /// So much is done; `note` stands behind the bar.
    pub fn set(&mut self, done: u64, note: &str) {
        let is_due = self.drawn.is_none_or(|at| at.elapsed() >= PAUSE);
        if self.is_terminal && is_due {
            self.drawn = Some(Instant::now());
            self.draw(done, note, "");
        }
    }

    /// All is done.
    pub fn finish(&mut self, note: &str) {
        match self.is_terminal {
            true => self.draw(self.total, note, "\n"),
            // Whether anyone reads stderr changes nothing for the work itself.
            false => writeln!(io::stderr(), "{}: {note}", self.label).unwrap_or_default(),
        }
    }

    fn draw(&self, done: u64, note: &str, end: &str) {
        let filled = (done.min(self.total) * WIDTH / self.total) as usize;
        let bar = "█".repeat(filled) + &"░".repeat(WIDTH as usize - filled);
        let mut out = io::stderr().lock();
        write!(out, "\r{:<12} {bar} {note:<28}{end}", self.label).unwrap_or_default();
        out.flush().unwrap_or_default();
    }
}
