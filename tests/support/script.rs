//! Wire-level scenarios as data: what to send and what to wait for; played against any server, they give a transcript.

use super::wire::{self, Wire};

/// One step of a scenario.
#[derive(Debug, Clone)]
pub enum Step {
    /// Send these bytes
    Send(Vec<u8>),
    /// Read up to and including one of these messages
    Until(&'static [u8]),
    /// Read up to the nth ReadyForQuery
    Ready(usize),
    /// Read until the server closes
    Closed,
    /// Ask for the running statement to be cancelled
    Cancel,
}

pub use Step::{Cancel, Closed, Ready, Send, Until};

/// A named list of steps.
pub type Scenario = (&'static str, Vec<Step>);

/// Sends the messages together and reads to the next ReadyForQuery.
pub fn ask(messages: &[Vec<u8>]) -> Vec<Step> {
    vec![Send(messages.concat()), Ready(1)]
}

/// A simple query.
pub fn q(sql: &str) -> Vec<Step> {
    ask(&[wire::query(sql)])
}

/// Parse (unnamed), Bind, Describe, Execute, Sync.
pub fn extended(sql: &str, parameters: &[&str]) -> Vec<u8> {
    let parameters: Vec<_> = parameters.iter().map(|value| wire::text(value)).collect();
    [
        wire::parse("", sql, &[]),
        wire::bind("", "", &parameters, 0),
        wire::describe(b'P', ""),
        wire::execute("", 0),
        wire::sync(),
    ]
    .concat()
}

/// Plays the steps; every message becomes a line. A broken connection ends it with a line of its own.
pub fn play(wire: &mut Wire, steps: &[Step]) -> Vec<String> {
    let mut lines = Vec::new();
    for step in steps {
        let heard = match step {
            Send(bytes) => wire.send(bytes).map(|()| Vec::new()),
            Until(tags) => wire.until(tags),
            Ready(count) => (0..*count).try_fold(Vec::new(), |mut all, _| {
                all.extend(wire.until_ready()?);
                Ok(all)
            }),
            Closed => wire.until_closed(),
            Cancel => wire.cancel().map(|()| Vec::new()),
        };
        match heard {
            Ok(frames) => lines.extend(wire::transcript(&frames)),
            Err(error) => {
                lines.push(format!("the connection ended: {:?}", error.kind()));
                return lines;
            }
        }
    }
    lines
}
