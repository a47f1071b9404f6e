//! What the monitors of one shard tell each other: where its primary stands and, where the map leaves that open, which
//! server that is.

use std::sync::Arc;

use parking_lot::Mutex;

use super::timelines::Timelines;
use crate::logic::lag::Positions;
use crate::logic::roles::{Report, Roles, Verdict};
use crate::logic::shards::ShardId;

/// See the module.
pub struct Council {
    /// The shard
    pub shard: ShardId,
    /// The primary's positions
    pub positions: Mutex<Positions>,
    /// Names of the servers, where roles are found
    names: Vec<Box<str>>,
    roles: Mutex<Roles>,
    /// What earlier councils of the shard have seen, and the name of its database and its own
    timelines: Arc<Timelines>,
    of: (Box<str>, Box<str>),
    /// What the primary's cluster is called by itself
    system: Mutex<Option<i64>>,
}

impl Council {
    /// Of a shard whose servers of these names find their roles; of none where the map says who is who.
    pub fn new(shard: ShardId, of: (Box<str>, Box<str>), names: Vec<Box<str>>, timelines: Arc<Timelines>) -> Self {
        let roles = Mutex::new(Roles::new(names.len()));
        Self { shard, positions: Mutex::default(), names, roles, timelines, of, system: Mutex::default() }
    }

    /// The place of a server among those that find their roles.
    pub fn place(&self, server: &str) -> Option<usize> {
        self.names.iter().position(|name| **name == *server)
    }

    /// The name of a server that finds its role.
    pub fn name(&self, place: usize) -> Box<str> {
        self.names[place].clone()
    }

    /// A server of this cluster was asked, and has answered.
    pub fn hear(&self, place: usize, report: Report, system: i64) -> Verdict {
        let mut roles = self.roles.lock();
        if let Some(timeline) = report.timeline() {
            roles.recall(self.timelines.note(&self.of.0, &self.of.1, system, timeline));
        }
        roles.report(place, report)
    }

    /// A server was asked: what it said last still holds, or it has not answered.
    pub fn report(&self, place: usize, report: Report) -> Verdict {
        self.roles.lock().report(place, report)
    }

    /// The primary is of this cluster.
    pub fn note_system(&self, system: i64) {
        *self.system.lock() = Some(system);
    }

    /// Does a server of this cluster follow another primary than ours?
    pub fn is_foreign(&self, system: i64) -> bool {
        self.system.lock().is_some_and(|known| known != system)
    }
}
