//! The names of one database's shards or keyspaces: each stands for its position.

use super::report::{Problems, did_you_mean};
use super::source::Span;

/// Names in the order of the file.
#[derive(Debug)]
pub struct Names {
    /// "shard" or "keyspace", for messages
    what: &'static str,
    names: Vec<String>,
}

impl Names {
    /// `what` they are, and their names.
    pub fn new(what: &'static str, names: Vec<String>) -> Self {
        Self { what, names }
    }

    /// The position of a name; an unknown one is reported.
    pub fn find(&self, name: &str, span: Span, problems: &mut Problems) -> Option<u16> {
        let found = self.names.iter().position(|known| known == name);
        if found.is_none() {
            let all = || match self.names.as_slice() {
                [] => format!("no {} is listed", self.what),
                names => format!("there is {}", names.join(", ")),
            };
            problems
                .error(span, format!("there is no {} `{name}`", self.what))
                .help(did_you_mean(name, self.names.iter().map(String::as_str)).unwrap_or_else(all));
        }
        found.and_then(|position| u16::try_from(position).ok())
    }

    /// The name at a position that `find` gave.
    pub fn name(&self, position: u16) -> &str {
        &self.names[usize::from(position)]
    }
}
