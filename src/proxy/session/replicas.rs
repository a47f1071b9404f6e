//! Reads that go to replicas, and what a session must find there: all that it has written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::logic::plan::{Access, Reason, Refusal};
use crate::logic::protocol::frame::client;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::reader::{self, Candidate};
use crate::logic::route::Destination;
use crate::logic::shards::{ShardId, ShardMap};
use crate::logic::sql::statement::Isolation;
use crate::logic::topology::{Role, Server};
use crate::logic::wal::{self, Layout, Position, Sample};
use crate::logic::written::{self, Freshness};
use crate::proxy::metrics::Kept;
use crate::proxy::pool::ServerPool;
use crate::proxy::session::servers::{Held, Target};
use crate::proxy::session::{Session, Trouble};

/// A COMMIT that nobody has answered may still be carried out for this long.
const UNANSWERED_MAX: Duration = Duration::from_secs(60);

/// Where a primary stands, and how its WAL is divided.
const ASK: &str = "SELECT pg_catalog.pg_current_wal_insert_lsn(), pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), \
    pg_catalog.current_setting('wal_block_size'), pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))";

impl Session {
    /// The role of the server that answers a read of a shard.
    pub(super) fn role_for_read(&self, shard: ShardId) -> Role {
        let database = &self.picture().database;
        let replicas = &database.shards[usize::from(shard.0)].replicas;
        if replicas.is_empty() {
            return Role::Primary;
        }
        let wanted = if self.has_own() { self.settings.get("shardway.role") } else { None };
        let wanted = wanted.map(|value| value.trim_matches('\''));
        // Replicas know of no SERIALIZABLE. And what a transaction has locked on a primary is to be read there.
        let is_on_primary = |held: &Held| held.is_member && held.role == Role::Primary;
        let may_leave = match self.transaction.begun() {
            None => self.transaction.is_idle(),
            Some(begun) => self.is_read_only() && begun.suits_replicas() && !self.held.iter().any(is_on_primary),
        };
        let may_leave = may_leave && self.isolation() != Isolation::Serializable;
        let is_open = database.replicas.enabled || wanted == Some("replica");
        if !may_leave || !is_open || self.asks_primaries || wanted == Some("primary") {
            return Role::Primary;
        }
        let needed = self.needed(shard);
        if replicas.iter().any(|replica| reader::may_answer(replica, &database.replicas, needed)) {
            return Role::Replica;
        }
        let is_fresh = |replica: &Arc<Server>| reader::may_answer(replica, &database.replicas, Freshness::Any);
        self.metrics.kept(if replicas.iter().any(is_fresh) { Kept::Written } else { Kept::NoReplica });
        Role::Primary
    }

    /// The open transaction reads this shard from a replica.
    pub(super) fn is_read_from_replica(&self, shard: ShardId) -> bool {
        self.held.iter().any(|held| held.shard == shard && held.is_member_of_replica())
    }

    /// What the replicas cannot do that the open transaction reads from, if any: it has to begin anew elsewhere.
    pub(super) fn check_may_leave_replicas(&self) -> Result<(), Refusal> {
        let has_more = || self.cursors.has_any() || self.portals.iter().any(|portal| !portal.name.is_empty());
        let is_there = self.held.iter().any(Held::is_member_of_replica);
        match is_there && (self.isolation() != Isolation::ReadCommitted || has_more()) {
            true => Err(Refusal::behind_reads_of_replica()),
            false => Ok(()),
        }
    }

    /// Before several servers are taken: what leaves a replica moves the places of those that are held. Where it may not leave,
    /// the statement is refused when its turn has come.
    pub(super) async fn leave_replicas_for(&mut self, access: Access) {
        let read = self.held.iter().filter(|held| held.is_member_of_replica());
        let goes_on = |shard| self.target(Destination::Shard(shard), access).is_ok_and(|it| it.role == Role::Primary);
        if read.map(|held| held.shard).any(goes_on) {
            Box::pin(self.leave_replicas()).await;
        }
    }

    /// It goes on without replicas: each of its statements sees what is committed when it begins, wherever it runs.
    pub(super) async fn leave_replicas(&mut self) {
        let members = self.held.iter().enumerate().filter(|(_, held)| held.is_member_of_replica());
        let statements: Vec<_> = members.map(|(index, _)| (index, "ROLLBACK".to_owned())).collect();
        if statements.is_empty() {
            return;
        }
        self.end_members(statements, "left_replicas").await;
        while let Some(index) = self.held.iter().position(|held| held.role == Role::Replica && !held.is_engaged()) {
            self.held.swap_remove(index).lease.give_back();
        }
    }

    /// The open transaction is, or the next one will be.
    pub(super) fn is_read_only(&self) -> bool {
        let said = self.transaction.begun().and_then(|begun| begun.said.is_read_only);
        said.unwrap_or_else(|| self.is_read_only_by_default())
    }

    /// Transactions of the session are READ ONLY unless they say otherwise.
    pub(super) fn is_read_only_by_default(&self) -> bool {
        let value = self.settings.at_begin("default_transaction_read_only").map(|value| value.trim_matches('\''));
        value.is_some_and(|value| ["on", "true", "yes", "1"].iter().any(|word| value.eq_ignore_ascii_case(word)))
    }

    /// What a replica must have to answer a read of a shard: what the session has to find, under the schema that it plans with.
    pub(super) fn needed(&self, shard: ShardId) -> Freshness {
        self.freshness(shard).and(self.picture().database.shards[usize::from(shard.0)].freshness())
    }

    /// The schema has changed: replicas take part again when they are seen to have replayed that.
    pub(super) fn hasten_replicas(&self) {
        let shards = &self.picture().database.shards;
        for shard in shards.iter().filter(|shard| !shard.replicas.is_empty()) {
            self.shared.steering.hasten(&shard.primary.name);
        }
    }

    /// What a read of a shard must find: what this session has written, and what it was told of another's.
    pub(super) fn freshness(&self, shard: ShardId) -> Freshness {
        let (own, presented) = (&self.written, self.presented());
        if own.is_empty() && presented.is_none() {
            return Freshness::Any;
        }
        let picture = self.picture();
        let trail = &picture.database.shards[usize::from(shard.0)].primary.trail;
        let own = if picture.database.replicas.own_writes { own.freshness(shard, trail) } else { Freshness::Any };
        // A shard of it may have another name by now.
        let Ok(presented) = written::parse(presented.unwrap_or_default(), self.map()) else { return Freshness::Newest };
        let of_shard = presented.iter().filter(|(of, _)| *of == shard);
        of_shard.fold(own, |needed, (_, position)| needed.and(written::at(*position, trail)))
    }

    /// `SET shardway.position`, while it holds.
    fn presented(&self) -> Option<&str> {
        if self.has_own() { self.settings.get("shardway.position") } else { None }
    }

    /// The least busy of the replicas that may answer, by its weight, and when it was last seen.
    pub(super) fn pick_replica(
        &mut self,
        shard: ShardId,
        needed: Freshness,
    ) -> Option<(Arc<ServerPool>, Option<Instant>)> {
        let shard = usize::from(shard.0);
        let mut pools: SmallVec<[(Arc<ServerPool>, Option<Instant>); 4]> = SmallVec::new();
        let mut candidates: SmallVec<[Candidate; 4]> = SmallVec::new();
        for place in 0..self.picture().database.shards[shard].replicas.len() {
            let database = &self.picture().database;
            let replica = &database.shards[shard].replicas[place];
            if reader::may_answer(replica, &database.replicas, needed) {
                let (weight, is_near) = (replica.weight, reader::is_near(replica, &database.replicas));
                let seen = replica.trail.last().map(|sample| sample.at);
                let pool = self.replica_pool(shard, place);
                candidates.push(Candidate { weight, lent: pool.lent(), is_near });
                pools.push((pool, seen));
            }
        }
        // Spread by multiplying (Knuth): what a session does in a fixed pattern does not come to the same turns again and again.
        let leases = self.slot.card.tallies.assignments.get();
        let turn = self.id.rotate_left(16).wrapping_add(leases).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        reader::choose(&candidates, turn as usize).map(|chosen| pools.swap_remove(chosen))
    }

    /// A transaction that has written on a shard is over.
    pub(super) fn remember_write(&mut self, shard: ShardId) {
        self.remember_write_until(shard, Duration::ZERO);
    }

    /// The same where nobody has said how it ended: it may be carried out later.
    pub(super) fn remember_unanswered(&mut self, shard: ShardId) {
        self.remember_write_until(shard, UNANSWERED_MAX);
    }

    fn remember_write_until(&mut self, shard: ShardId, more: Duration) {
        let Some(picture) = &self.picture else { return };
        if !picture.database.shards[usize::from(shard.0)].replicas.is_empty() {
            self.written.note(shard, Instant::now() + more);
        }
    }

    /// `SHOW shardway.position`: what another session must find that is to see what this one has written. A primary that
    /// has not said yet where it stands since is asked.
    pub(super) async fn position(&mut self) -> Result<String, Trouble> {
        let shards: SmallVec<[ShardId; 4]> = self.written.shards().collect();
        for shard in &shards {
            if self.own_position(*shard).is_none() {
                let position = self.ask_position(*shard).await?;
                self.written.settle(*shard, position);
            }
        }
        let mut positions: SmallVec<[(ShardId, Position); 4]> = SmallVec::new();
        for shard in shards {
            positions.extend(self.own_position(shard).map(|position| (shard, position)));
        }
        let presented = self.presented().and_then(|text| written::parse(text, self.map()).ok()).unwrap_or_default();
        for (shard, position) in presented {
            match positions.iter_mut().find(|(of, _)| *of == shard) {
                Some((_, own)) => *own = position.max(*own),
                None => positions.push((shard, position)),
            }
        }
        positions.sort_unstable();
        Ok(written::show(&positions, self.map()))
    }

    fn own_position(&self, shard: ShardId) -> Option<Position> {
        let trail = &self.picture().database.shards[usize::from(shard.0)].primary.trail;
        match self.written.freshness(shard, trail) {
            Freshness::At(position) | Freshness::Ahead(position) => Some(position),
            Freshness::Any | Freshness::Newest => None,
        }
    }

    async fn ask_position(&mut self, shard: ShardId) -> Result<Position, Trouble> {
        if !self.transaction.is_idle() {
            return Err(Fault::InsideTransaction("SHOW shardway.position").into());
        }
        let index = self.hold(Target { shard, role: Role::Primary }).await?;
        let rows = self.fetch_rows(index, &[4], |out| {
            write::parse(out, b"", ASK.as_bytes(), b"");
            write::frame(out, client::BIND, |out| out.extend_from_slice(&[0; 8]));
            write::execute(out);
        });
        let rows = rows.await?;
        let fields: SmallVec<[String; 4]> = rows.iter().flat_map(|rows| &rows.columns).map(first_value).collect();
        let found = match fields.as_slice() {
            [lsn, file, page, segment] => {
                let size = |text: &str| text.parse().unwrap_or(0);
                let layout = Layout { page: size(page), segment: size(segment) };
                let position = |timeline, lsn| Position { timeline, lsn: layout.end_of_record(lsn) };
                wal::timeline_of(file).zip(wal::lsn_of(lsn)).map(|(timeline, lsn)| position(timeline, lsn))
            }
            _ => None,
        };
        found.ok_or_else(|| Fault::Broken(format!("a position in the WAL: {fields:?}")).into())
    }

    /// The picture has changed: what is known now of what was written.
    pub(super) fn follow_writes(&mut self, is_same_map: bool) {
        let Some(picture) = &self.picture else { return };
        if self.written.is_empty() {
            return;
        }
        let shards = &picture.database.shards;
        if !is_same_map {
            self.written.spread(shards.len(), Instant::now());
        }
        self.written.look(|shard| -> &[Sample] { &shards[usize::from(shard.0)].primary.trail });
    }
}

fn first_value(column: &crate::logic::rows::Elements) -> String {
    let value = column.values().next().flatten();
    value.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

/// `SET shardway.position`.
pub(super) fn check_position(map: &ShardMap, value: &str) -> Result<(), Refusal> {
    written::parse(value, map).map(drop).map_err(|wrong| Refusal {
        reason: Reason::BadHint,
        sqlstate: "22023",
        message: format!("invalid value for parameter \"shardway.position\": \"{wrong}\""),
        detail: None,
        hint: Some("It takes what SHOW shardway.position says in another session.".to_owned()),
    })
}
