//! Cursors of the session: which of its servers has each.
//!
//! PostgreSQL closes a cursor with its transaction, unless it is WITH HOLD and the transaction commits; ROLLBACK TO
//! closes those that were declared behind the savepoint.

use crate::logic::shards::ShardId;
use crate::logic::sql::statement::Control;

/// An open cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    name: Box<str>,
    /// The server that has it is one of this shard
    pub shard: ShardId,
    /// Its rows were put together: they are no longer rows of their tables
    pub is_gathered: bool,
    is_held: bool,
    /// How many savepoints stood when it was declared; `None`: it has outlived its transaction
    depth: Option<usize>,
}

/// All open cursors.
#[derive(Debug, Default)]
pub struct Cursors {
    open: Vec<Cursor>,
    savepoints: Vec<Box<str>>,
}

impl Cursors {
    /// The cursor of this name.
    pub fn find(&self, name: &str) -> Option<&Cursor> {
        self.open.iter().find(|cursor| &*cursor.name == name)
    }

    /// The shards that have any, each once.
    pub fn shards(&self) -> Vec<ShardId> {
        let mut shards: Vec<ShardId> = self.open.iter().map(|cursor| cursor.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// The savepoints of the open transaction, the oldest first.
    pub fn savepoints(&self) -> &[Box<str>] {
        &self.savepoints
    }

    /// DECLARE has succeeded on a server of this shard.
    pub fn declare(&mut self, name: &str, shard: ShardId, is_held: bool, is_gathered: bool) {
        self.close(name);
        let depth = Some(self.savepoints.len());
        self.open.push(Cursor { name: name.into(), shard, is_gathered, is_held, depth });
    }

    /// CLOSE has succeeded.
    pub fn close(&mut self, name: &str) {
        self.open.retain(|cursor| &*cursor.name != name);
    }

    /// Are there any?
    pub fn has_any(&self) -> bool {
        !self.open.is_empty()
    }

    /// CLOSE ALL has succeeded.
    pub fn close_all(&mut self) {
        self.open.clear();
    }

    /// A command of the client's has succeeded.
    pub fn follow(&mut self, control: &Control) {
        match control {
            Control::Savepoint(name) => self.savepoints.push(name.clone()),
            Control::Release(name) => {
                if let Some(at) = self.savepoint(name) {
                    self.savepoints.truncate(at);
                    for cursor in &mut self.open {
                        cursor.depth = cursor.depth.map(|depth| depth.min(at));
                    }
                }
            }
            Control::RollbackTo(name) => {
                if let Some(at) = self.savepoint(name) {
                    self.savepoints.truncate(at + 1);
                    self.open.retain(|cursor| cursor.depth.is_none_or(|depth| depth <= at));
                }
            }
            Control::Commit { .. } => self.end(true),
            Control::Rollback { .. } => self.end(false),
            Control::Begin(_) | Control::SetTransaction(_) => (),
        }
    }

    /// The transaction is over.
    pub fn end(&mut self, is_committed: bool) {
        self.savepoints.clear();
        self.open.retain(|cursor| cursor.depth.is_none() || is_committed && cursor.is_held);
        for cursor in &mut self.open {
            cursor.depth = None;
        }
    }

    /// How many savepoints stand before the last one of this name.
    pub fn savepoint(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|savepoint| **savepoint == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId(1);

    fn names(cursors: &Cursors) -> Vec<&str> {
        cursors.open.iter().map(|cursor| &*cursor.name).collect()
    }

    #[test]
    fn cursors_behind_a_savepoint_go_with_it() {
        let mut cursors = Cursors::default();
        cursors.declare("a", SHARD, false, false);
        cursors.follow(&Control::Savepoint("s".into()));
        cursors.declare("b", SHARD, false, true);
        cursors.follow(&Control::Savepoint("t".into()));
        cursors.declare("c", ShardId(2), false, false);
        assert_eq!(cursors.shards(), [SHARD, ShardId(2)]);
        cursors.follow(&Control::Release("t".into()));
        cursors.declare("d", SHARD, false, false);
        assert_eq!(names(&cursors), ["a", "b", "c", "d"]);
        cursors.follow(&Control::RollbackTo("s".into()));
        assert_eq!(names(&cursors), ["a"]);
        cursors.declare("e", SHARD, false, false);
        cursors.follow(&Control::RollbackTo("s".into()));
        assert_eq!(names(&cursors), ["a"]);
    }

    #[test]
    fn a_held_cursor_outlives_a_commit_and_what_is_rolled_back_later() {
        let mut cursors = Cursors::default();
        cursors.declare("a", SHARD, true, true);
        cursors.declare("b", SHARD, false, false);
        cursors.follow(&Control::Commit { chain: true });
        cursors.declare("c", SHARD, true, false);
        cursors.follow(&Control::Rollback { chain: false });
        assert_eq!(names(&cursors), ["a"]);
        cursors.close("a");
        assert!(cursors.find("a").is_none());
    }
}
