//! What a session listens on. LISTEN and UNLISTEN take effect when their transaction commits.

use std::collections::BTreeSet;

use crate::logic::body::tokens::{Token, tokens};
use crate::logic::identifier::{NAME_BYTES_MAX, cut};
use crate::logic::sql::statement::{Control, Listen};

/// What PostgreSQL remarks on a channel's name that it cuts off, when it reads the statement.
pub fn remark(statement: &str) -> Option<String> {
    let tokens = tokens(statement);
    let name = tokens.iter().filter_map(Token::name).find(|name| name.len() > NAME_BYTES_MAX)?;
    Some(format!("identifier \"{name}\" will be truncated to \"{}\"", cut(name)))
}

/// A channel on a shard: notifications are those of one server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// Name of the shard
    pub shard: Box<str>,
    /// Name of the channel
    pub name: Box<str>,
}

/// The channels of a session.
#[derive(Debug, Default)]
pub struct Listening {
    channels: BTreeSet<Channel>,
    /// What the open transaction has asked for, and on which shard
    pending: Vec<(Box<str>, Listen)>,
    /// Savepoints of the open transaction, and how much had been asked for at each
    savepoints: Vec<(Box<str>, usize)>,
}

impl Listening {
    /// Of a session whose open transaction has these savepoints.
    pub fn new(savepoints: &[Box<str>]) -> Self {
        let savepoints = savepoints.iter().map(|name| (name.clone(), 0)).collect();
        Self { savepoints, ..Self::default() }
    }

    /// LISTEN or UNLISTEN on this shard: for when the transaction commits.
    pub fn ask(&mut self, shard: &str, listen: &Listen) {
        self.pending.push((shard.into(), listen.clone()));
    }

    /// The open transaction has asked for something.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Nothing is listened on, and nothing has been asked for.
    pub fn is_nothing(&self) -> bool {
        self.channels.is_empty() && self.pending.is_empty()
    }

    /// What is listened on.
    pub fn channels(&self) -> &BTreeSet<Channel> {
        &self.channels
    }

    /// What will be when the transaction commits.
    pub fn wanted(&self) -> BTreeSet<Channel> {
        let mut wanted = self.channels.clone();
        for (shard, listen) in &self.pending {
            let channel = |name: &str| Channel { shard: shard.clone(), name: name.into() };
            match listen {
                Listen::To(name) => drop(wanted.insert(channel(name))),
                Listen::NotTo(name) => drop(wanted.remove(&channel(name))),
                Listen::ToNothing => wanted.clear(),
            }
        }
        wanted
    }

    /// A command of the client's has succeeded.
    pub fn follow(&mut self, control: &Control) {
        match control {
            Control::Savepoint(name) => self.savepoints.push((name.clone(), self.pending.len())),
            Control::Release(name) => {
                if let Some(at) = self.savepoint(name) {
                    self.savepoints.truncate(at);
                }
            }
            Control::RollbackTo(name) => {
                if let Some(at) = self.savepoint(name) {
                    self.pending.truncate(self.savepoints[at].1);
                    self.savepoints.truncate(at + 1);
                }
            }
            Control::Begin(_) | Control::Commit { .. } | Control::Rollback { .. } | Control::SetTransaction(_) => (),
        }
    }

    /// The transaction is over.
    pub fn end(&mut self, is_committed: bool) {
        if is_committed && self.is_pending() {
            self.channels = self.wanted();
        }
        self.pending.clear();
        self.savepoints.clear();
    }

    fn savepoint(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|(savepoint, _)| **savepoint == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(channels: &BTreeSet<Channel>) -> Vec<&str> {
        channels.iter().map(|channel| &*channel.name).collect()
    }

    #[test]
    fn what_was_asked_for_holds_when_its_transaction_commits() {
        let mut listening = Listening::default();
        listening.ask("a", &Listen::To("one".into()));
        assert!(listening.channels().is_empty() && listening.is_pending());
        assert_eq!(names(&listening.wanted()), ["one"]);
        listening.end(false);
        assert!(listening.is_nothing());
        listening.ask("a", &Listen::To("one".into()));
        listening.ask("a", &Listen::To("two".into()));
        listening.ask("a", &Listen::NotTo("one".into()));
        listening.end(true);
        assert_eq!(names(listening.channels()), ["two"]);
        listening.ask("b", &Listen::NotTo("two".into()));
        listening.end(true);
        assert_eq!(names(listening.channels()), ["two"], "that of another shard is another");
        listening.ask("b", &Listen::ToNothing);
        listening.ask("b", &Listen::To("three".into()));
        listening.end(true);
        assert_eq!(names(listening.channels()), ["three"]);
    }

    #[test]
    fn what_was_asked_for_behind_a_savepoint_goes_with_it() {
        let mut listening = Listening::new(&["before".into()]);
        listening.ask("a", &Listen::To("one".into()));
        listening.follow(&Control::Savepoint("s".into()));
        listening.ask("a", &Listen::To("two".into()));
        listening.follow(&Control::Savepoint("t".into()));
        listening.ask("a", &Listen::To("three".into()));
        listening.follow(&Control::Release("t".into()));
        assert_eq!(names(&listening.wanted()), ["one", "three", "two"]);
        listening.follow(&Control::RollbackTo("s".into()));
        assert_eq!(names(&listening.wanted()), ["one"]);
        listening.follow(&Control::RollbackTo("before".into()));
        assert!(listening.is_nothing());
    }
}
