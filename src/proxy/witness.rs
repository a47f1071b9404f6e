//! What is said of single statements: those that took long go to the log, and one of so many others if that is asked for;
//! spans of those that belong to a trace go to its collector.
//!
//! Values never do: a text is shown with `?` for each of its literals, or not at all.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::logic::trace::{Parent, Span};

/// Lines a second at most: a log that is written without end would slow down what is slow already.
const LINES_MAX: u32 = 100;

/// What is asked for; a reload may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WitnessSettings {
    /// A statement that takes longer is logged; zero: none is
    pub slow: Duration,
    /// One statement of so many is logged, however long it takes; zero: none is
    pub sample_every: u32,
}

/// Decides which statements are told of. Looking at it costs a session one load where nothing is asked for.
#[derive(Debug)]
pub struct Witness {
    is_watching: AtomicBool,
    /// `u64::MAX`: off
    slow_micros: AtomicU64,
    sample_every: AtomicU32,
    started: Instant,
    /// The second that lines are counted for, since `started`
    second: AtomicU64,
    lines: AtomicU32,
    left_out: AtomicU64,
    traces: OnceLock<Traces>,
}

/// Spans are asked for.
#[derive(Debug)]
pub struct Traces {
    /// Where they go
    pub spans: mpsc::Sender<Span>,
    /// Of statements that belong to no trace, one in so many begins one; zero: none does
    pub sample_every: u32,
}

/// Why a statement is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It took long
    Slow,
    /// Its number came up
    Sampled,
}

impl Default for Witness {
    fn default() -> Self {
        Self {
            is_watching: AtomicBool::new(false),
            slow_micros: AtomicU64::new(u64::MAX),
            sample_every: AtomicU32::new(0),
            started: Instant::now(),
            second: AtomicU64::new(0),
            lines: AtomicU32::new(0),
            left_out: AtomicU64::new(0),
            traces: OnceLock::new(),
        }
    }
}

impl Witness {
    /// From now on.
    pub fn set(&self, settings: WitnessSettings) {
        let micros = u64::try_from(settings.slow.as_micros()).unwrap_or(u64::MAX);
        self.slow_micros.store(if micros == 0 { u64::MAX } else { micros }, Ordering::Relaxed);
        self.sample_every.store(settings.sample_every, Ordering::Relaxed);
        let is_watching = settings != WitnessSettings::default() || self.traces.get().is_some();
        self.is_watching.store(is_watching, Ordering::Relaxed);
    }

    /// Spans are asked for; once.
    pub fn trace(&self, traces: Traces) {
        let is_first = self.traces.set(traces).is_ok();
        debug_assert!(is_first, "the collector is set at the start");
        self.is_watching.store(true, Ordering::Relaxed);
    }

    /// Could any statement be told of? Otherwise nothing has to be remembered.
    pub fn is_watching(&self) -> bool {
        self.is_watching.load(Ordering::Relaxed)
    }

    /// Where the statement's span goes, if it is to have one: its trace says so, or its number comes up.
    pub fn traces(&self, parent: Option<&Parent>, number: u32) -> Option<&Traces> {
        self.traces.get().filter(|traces| match parent {
            Some(parent) => parent.is_sampled,
            None => traces.sample_every != 0 && number.is_multiple_of(traces.sample_every),
        })
    }

    /// Are there traces at all?
    pub fn is_tracing(&self) -> bool {
        self.traces.get().is_some()
    }

    /// Is this one? `number` is the session's own, evenly spread.
    pub fn notes(&self, took: Duration, number: u32) -> Option<Noted> {
        let slow = self.slow_micros.load(Ordering::Relaxed);
        if slow != u64::MAX && took.as_micros() >= u128::from(slow) {
            return Some(Noted::Slow);
        }
        let every = self.sample_every.load(Ordering::Relaxed);
        (every != 0 && number.is_multiple_of(every)).then_some(Noted::Sampled)
    }

    /// May a line be written now? Gives the number of those left out before it.
    pub fn line(&self, now: Instant) -> Option<u64> {
        let second = now.saturating_duration_since(self.started).as_secs();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.lines.store(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) >= LINES_MAX {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_noted() {
        let witness = Witness::default();
        assert!(!witness.is_watching());
        assert_eq!(witness.notes(Duration::MAX, 0), None, "nothing was asked for");
        witness.set(WitnessSettings { slow: SECOND, sample_every: 0 });
        assert!(witness.is_watching());
        assert_eq!(witness.notes(SECOND, 0), Some(Noted::Slow));
        assert_eq!(witness.notes(SECOND - Duration::from_micros(1), 0), None);
        witness.set(WitnessSettings { slow: Duration::ZERO, sample_every: 10 });
        assert!(witness.is_watching());
        let noted: Vec<u32> = (0..30).filter(|number| witness.notes(SECOND, *number).is_some()).collect();
        assert_eq!(noted, [0, 10, 20]);
        witness.set(WitnessSettings::default());
        assert!(!witness.is_watching());
    }

    #[test]
    fn what_is_traced() {
        let witness = Witness::default();
        let parent = |is_sampled| Parent { trace: 1, span: 2, is_sampled };
        assert!(witness.traces(Some(&parent(true)), 0).is_none() && !witness.is_tracing());
        witness.trace(Traces { spans: mpsc::channel(1).0, sample_every: 10 });
        witness.set(WitnessSettings::default());
        assert!(witness.is_watching() && witness.is_tracing());
        assert!(witness.traces(Some(&parent(true)), 5).is_some());
        assert!(witness.traces(Some(&parent(false)), 10).is_none(), "its trace is not recorded");
        assert!(witness.traces(None, 20).is_some() && witness.traces(None, 21).is_none());
    }

    #[test]
    fn lines_are_limited_and_those_left_out_are_counted() {
        let witness = Witness::default();
        let now = Instant::now();
        let written = (0..LINES_MAX + 5).filter(|_| witness.line(now).is_some()).count();
        assert_eq!(written, LINES_MAX as usize);
        assert_eq!(witness.line(now + SECOND), Some(5));
        assert_eq!(witness.line(now + SECOND), Some(0));
    }
}
