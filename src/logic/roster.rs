//! Who listens on which channels of one server, and what the connection that listens for all of them must say there.
//!
//! ```text
//! a session asks ─→ asked ─next round─→ under way ─ReadyForQuery─→ in force, until it leaves
//! ```
//!
//! What is asked while a round is under way goes with the next one: however many ask, the server is told once. A round
//! that tells the server nothing new is a question all the same: whatever was committed before it has been heard when it is
//! answered (PostgreSQL sends notifications before ReadyForQuery).

use std::collections::{BTreeSet, HashMap};

use crate::logic::sql::name::quoted;

/// What a session asks for. `M`: where its notifications go. `W`: who waits for it.
#[derive(Debug)]
struct Asked<M, W> {
    /// To hear this channel; `None`: what has been committed up to now
    join: Option<(Box<str>, u64, M)>,
    waiter: Option<W>,
}

/// See the module.
#[derive(Debug)]
pub struct Roster<M, W> {
    members: HashMap<Box<str>, Vec<(u64, M)>>,
    /// What the server knows that we listen on
    heard: BTreeSet<Box<str>>,
    asked: Vec<Asked<M, W>>,
    under_way: Option<Vec<Asked<M, W>>>,
    /// As the server will know it after the round under way
    to_be_heard: BTreeSet<Box<str>>,
}

impl<M, W> Default for Roster<M, W> {
    fn default() -> Self {
        Self {
            members: HashMap::new(),
            heard: BTreeSet::new(),
            asked: Vec::new(),
            under_way: None,
            to_be_heard: BTreeSet::new(),
        }
    }
}

impl<M, W> Roster<M, W> {
    /// A session wants to hear a channel.
    pub fn join(&mut self, channel: &str, session: u64, to: M, waiter: W) {
        self.asked.push(Asked { join: Some((channel.into(), session, to)), waiter: Some(waiter) });
    }

    /// Wants to know when all that was committed before has been heard.
    pub fn catch_up(&mut self, waiter: Option<W>) {
        self.asked.push(Asked { join: None, waiter });
    }

    /// A session does not want to hear a channel any more, or to wait for it.
    pub fn leave(&mut self, channel: &str, session: u64) {
        if let Some(members) = self.members.get_mut(channel) {
            members.retain(|(member, _)| *member != session);
            if members.is_empty() {
                self.members.remove(channel);
            }
        }
        let is_other = |asked: &Asked<M, W>| {
            asked.join.as_ref().is_none_or(|(joined, member, _)| **joined != *channel || *member != session)
        };
        self.asked.retain(is_other);
        if let Some(under_way) = &mut self.under_way {
            under_way.retain(is_other);
        }
    }

    /// The sessions that hear a channel.
    pub fn members(&self, channel: &str) -> impl Iterator<Item = &M> {
        self.members.get(channel).into_iter().flatten().map(|(_, to)| to)
    }

    /// Nobody hears anything, or wants to.
    pub fn is_unused(&self) -> bool {
        self.members.is_empty() && self.asked.is_empty() && self.under_way.is_none()
    }

    /// What the server is to be told now, in SQL; empty: a question is all. `None`: nothing, or not yet.
    pub fn next_round(&mut self) -> Option<String> {
        if self.under_way.is_some() {
            return None;
        }
        let joined = self.asked.iter().filter_map(|asked| asked.join.as_ref().map(|(channel, ..)| channel.clone()));
        let wanted: BTreeSet<Box<str>> = self.members.keys().cloned().chain(joined).collect();
        if self.asked.is_empty() && self.heard == wanted {
            return None;
        }
        let mut sql = String::new();
        for channel in self.heard.difference(&wanted) {
            sql.push_str(&format!("UNLISTEN {};", quoted(channel)));
        }
        for channel in wanted.difference(&self.heard) {
            sql.push_str(&format!("LISTEN {};", quoted(channel)));
        }
        self.to_be_heard = wanted;
        self.under_way = Some(std::mem::take(&mut self.asked));
        Some(sql)
    }

    /// The server has done it. Returns who waited.
    pub fn answered(&mut self) -> Vec<W> {
        self.heard = std::mem::take(&mut self.to_be_heard);
        let mut waiters = Vec::new();
        for Asked { join, waiter } in self.under_way.take().unwrap_or_default() {
            if let Some((channel, session, to)) = join {
                self.members.entry(channel).or_default().push((session, to));
            }
            waiters.extend(waiter);
        }
        waiters
    }

    /// The connection is gone. Returns who heard something, a session once for each channel, and who waited.
    pub fn close(&mut self) -> (Vec<M>, Vec<W>) {
        let members = std::mem::take(&mut self.members).into_values().flatten().map(|(_, to)| to).collect();
        let waiting = self.under_way.take().unwrap_or_default().into_iter().chain(std::mem::take(&mut self.asked));
        (members, waiting.filter_map(|asked| asked.waiter).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestRoster = Roster<&'static str, &'static str>;

    fn heard(roster: &TestRoster, channel: &str) -> Vec<&'static str> {
        roster.members(channel).copied().collect()
    }

    #[test]
    fn the_server_is_told_once_and_each_hears_when_it_has_answered() {
        let mut roster = TestRoster::default();
        roster.join("news", 1, "one", "waits one");
        roster.join("news", 2, "two", "waits two");
        assert_eq!(roster.next_round().as_deref(), Some("LISTEN \"news\";"));
        roster.join("a \"b\"", 1, "one", "waits again");
        assert_eq!(roster.next_round(), None, "a round is under way");
        assert!(heard(&roster, "news").is_empty());
        assert_eq!(roster.answered(), ["waits one", "waits two"]);
        assert_eq!(heard(&roster, "news"), ["one", "two"]);
        assert_eq!(roster.next_round().as_deref(), Some("LISTEN \"a \"\"b\"\"\";"));
        assert_eq!(roster.answered(), ["waits again"]);
        assert_eq!(roster.next_round(), None);
    }

    #[test]
    fn who_joins_what_is_heard_already_waits_for_what_was_committed_before() {
        let mut roster = TestRoster::default();
        roster.join("news", 1, "one", "waits");
        drop(roster.next_round());
        drop(roster.answered());
        roster.join("news", 2, "two", "waits too");
        roster.catch_up(Some("catches up"));
        assert_eq!(roster.next_round().as_deref(), Some(""));
        assert_eq!(heard(&roster, "news"), ["one"]);
        assert_eq!(roster.answered(), ["waits too", "catches up"]);
        assert_eq!(heard(&roster, "news"), ["one", "two"]);
    }

    #[test]
    fn the_last_to_leave_turns_the_server_off() {
        let mut roster = TestRoster::default();
        roster.join("news", 1, "one", "waits");
        roster.join("news", 2, "two", "waits");
        drop(roster.next_round());
        // Before it is answered.
        roster.leave("news", 2);
        assert_eq!(roster.answered(), ["waits"]);
        assert_eq!(heard(&roster, "news"), ["one"]);
        roster.leave("news", 1);
        assert!(roster.is_unused());
        assert_eq!(roster.next_round().as_deref(), Some("UNLISTEN \"news\";"));
        // Somebody comes while the server is told.
        roster.join("news", 3, "three", "waits");
        drop(roster.answered());
        assert_eq!(roster.next_round().as_deref(), Some("LISTEN \"news\";"));
        let closed = roster.close();
        assert_eq!(closed, (vec![], vec!["waits"]));
    }
}
