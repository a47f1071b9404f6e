//! A shard whose primary is being replaced: statements that have not been sent yet wait for the new one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::logic::plan::Access;
use crate::logic::protocol::report::Fault;
use crate::logic::session::pipeline::Again;
use crate::logic::shards::ShardId;
use crate::logic::topology::{Database, Health, Role, Topology};
use crate::proxy::metrics::{ClientState, DatabaseMetrics, Retry};
use crate::proxy::pool::{Lease, ServerPool};
use crate::proxy::session::Session;
use crate::proxy::session::errand::Errand;

/// A look at a server that takes no writes takes no longer.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// Why a server that works is not used any more.
const CHANGED: &str = "another server has become the primary of the shard, or the shard map has other shards";
/// Between two attempts, so that a server that refuses is not asked without a pause.
const PAUSE: Duration = Duration::from_millis(50);

impl Session {
    /// A connection to the primary when there was none at once. Where roles are found, what says that nobody takes
    /// writes now is not an answer before `failover_wait` has passed.
    pub(super) async fn wait_for_primary(
        &mut self,
        shard: usize,
        pool: Result<Arc<ServerPool>, Fault>,
    ) -> Result<Lease, Fault> {
        let database = Arc::clone(&self.picture().database);
        let limit = database.limits.failover_wait;
        if !database.shards[shard].finds_roles || limit.is_zero() {
            return self.lease_while_it_is(shard, &pool?).await;
        }
        let deadline = Instant::now() + limit;
        let mut fault = match pool {
            Ok(pool) => match self.lease_while_it_is(shard, &pool).await {
                Err(fault) if is_passing(&fault) => fault,
                ended => return ended,
            },
            Err(fault) => fault,
        };
        let place = Place::take(self.metrics.database(), database.pool.waiters_max);
        let Some(_place) = place else {
            let waiters_max = database.pool.waiters_max;
            return Err(Fault::QueueFull { server: database.shards[shard].primary.name.clone(), waiters_max });
        };
        let before = self.state;
        self.show(ClientState::Waiting);
        let ended = loop {
            self.shared.steering.hasten(&database.shards[shard].primary.name);
            let name = self.database.clone();
            let is_there = move |topology: &Topology| {
                let shard = topology.shard(&name, ShardId(shard as u16));
                shard.is_none_or(|shard| !shard.is_down())
            };
            let shared = Arc::clone(&self.shared);
            let found = async move {
                tokio::time::sleep(PAUSE).await;
                shared.steering.until(Box::new(is_there)).await;
            };
            let found = match self.unless_called_off(tokio::time::timeout_at(deadline.into(), found)).await {
                Ok(found) => found,
                Err(fault) => break Err(fault),
            };
            if found.is_err() || Instant::now() >= deadline {
                break Err(fault);
            }
            if let Err(fault) = self.refresh() {
                break Err(fault);
            }
            self.look_again();
            if !Arc::ptr_eq(&self.picture().database.map, &database.map) {
                // What was planned with the old map must not run by the new one.
                break Err(fault);
            }
            let pool = match self.primary_pool(shard) {
                Ok(pool) => pool,
                Err(again) => {
                    fault = again;
                    continue;
                }
            };
            match self.lease_while_it_is(shard, &pool).await {
                Err(again) if is_passing(&again) => fault = again,
                ended => break ended,
            }
        };
        self.show(before);
        ended
    }

    /// A connection to a server for as long as it is the primary and answers: who waits for one that is gone would wait in vain.
    async fn lease_while_it_is(&mut self, shard: usize, pool: &Arc<ServerPool>) -> Result<Lease, Fault> {
        let (name, address) = (self.database.clone(), pool.address.clone());
        let is_over = move |topology: &Topology| {
            let shard = topology.shard(&name, ShardId(shard as u16));
            shard.is_none_or(|shard| shard.primary.address != address || shard.is_down())
        };
        self.wait_until(pool, Box::new(is_over), "its probes fail, or another server has become the primary").await
    }

    /// The same of a replica.
    pub(super) async fn lease_of_replica(&mut self, shard: ShardId, pool: &Arc<ServerPool>) -> Result<Lease, Fault> {
        let (name, address) = (self.database.clone(), pool.address.clone());
        let is_over = move |topology: &Topology| {
            let shard = topology.shard(&name, shard);
            let replica = shard.and_then(|shard| shard.replicas.iter().find(|replica| replica.address == address));
            replica.is_none_or(|replica| replica.health == Health::Down)
        };
        self.wait_until(pool, Box::new(is_over), "its probes fail, or it is no replica any more").await
    }

    /// Waits in the queue of a pool, unless this comes to hold.
    async fn wait_until(
        &mut self,
        pool: &Arc<ServerPool>,
        is_over: Box<dyn Fn(&Topology) -> bool + Send + Sync>,
        cause: &str,
    ) -> Result<Lease, Fault> {
        let over = self.shared.steering.until(is_over);
        let gone =
            Fault::ServerDown { shard: pool.shard.clone(), server: pool.server.clone(), cause: cause.to_owned() };
        let before = self.state;
        let lease = tokio::select! {
            biased;
            lease = self.wait_for(pool) => lease,
            () = over => Err(gone),
        };
        // Where the wait was broken off.
        self.slot.card.wait(None);
        self.show(before);
        lease
    }

    /// What the error of a statement may be, so that it is asked again of another server and the client hears nothing: it
    /// stands alone, outside a transaction.
    pub(super) fn may_ask_again(&self, index: usize, access: Access) -> Option<Again> {
        let held = &self.held[index];
        let is_under_way = self.among.is_some() || !self.client.outbox.is_empty();
        if !self.transaction.is_idle() || held.is_engaged() || held.pin.is_some() || is_under_way {
            return None;
        }
        match (held.role, access) {
            (Role::Replica, Access::Read) => Some(Again::Conflict),
            (Role::Primary, Access::Write) => Some(Again::ReadOnly),
            (Role::Replica | Role::Primary, Access::Read | Access::Write) => None,
        }
    }

    /// A statement has failed in a way that another server would not: brings the session to where that one can be asked.
    /// `false`: there is no other one, so the error stands. `is_lost`: the server has gone with its error.
    pub(super) async fn turn_away(&mut self, index: usize, again: Again, is_lost: bool) -> Result<bool, Fault> {
        if again == Again::ReadOnly && self.is_read_only_by_default() {
            // The session has asked for it.
            return Ok(false);
        }
        let asked = Instant::now();
        let held = self.held.swap_remove(index);
        let pool = Arc::clone(held.lease.pool());
        if is_lost {
            // It went with the error (FATAL): what it owed does not come, and whoever is asked now says farewell itself.
            self.pipeline.forget();
            self.farewell = None;
        }
        match again {
            Again::Conflict => {
                self.metrics.retry(Retry::Conflict);
                if is_lost {
                    drop(held.lease);
                } else {
                    held.lease.give_back();
                }
                return Ok(true);
            }
            Again::ReadOnly => drop(held.lease),
        }
        self.shared.steering.hasten(&pool.server);
        let (name, address, shard) = (self.database.clone(), pool.address.clone(), held.shard);
        let is_known = move |topology: &Topology| {
            let shard = topology.shard(&name, shard);
            shard.is_none_or(|shard| {
                let has_looked = shard.primary.trail.last().is_some_and(|sample| sample.at >= asked);
                shard.primary.address != address || shard.is_down() || has_looked
            })
        };
        let known = self.shared.steering.until(Box::new(is_known));
        if self.unless_called_off(tokio::time::timeout(LOOK_MAX, known)).await?.is_err() {
            tracing::debug!(client = self.id, "nobody has looked at a primary in time");
        }
        let map = Arc::clone(&self.picture().database.map);
        self.refresh()?;
        self.look_again();
        let database = &self.picture().database;
        let of = database.shards.get(usize::from(shard.0)).filter(|_| Arc::ptr_eq(&database.map, &map));
        let is_replaced = of.is_some_and(|of| of.primary.address != pool.address || of.is_down());
        if is_replaced {
            tracing::warn!(client = self.id, server = %pool.server, "a primary takes no writes any more: another one is asked");
            self.metrics.retry(Retry::ReadOnly);
        }
        Ok(is_replaced)
    }

    /// The same of several servers: each that has failed is a replica whose replay was in the way, and the client has heard
    /// nothing.
    pub(super) fn replay_is_in_the_way(&self, errands: &[Errand]) -> bool {
        let mut failed = errands.iter().filter(|errand| errand.has_failed_itself()).peekable();
        let is_in_the_way = |errand: &Errand| {
            let held = &self.held[errand.index];
            held.role == Role::Replica && !held.is_engaged() && held.pin.is_none() && errand.is_told(Again::Conflict)
        };
        failed.peek().is_some() && self.transaction.is_idle() && self.among.is_none() && failed.all(is_in_the_way)
    }

    /// Lets go of the replicas, so that the primaries are asked.
    pub(super) fn turn_away_all(&mut self, errands: &[Errand]) {
        self.metrics.retry(Retry::Conflict);
        let mut done: Vec<&Errand> = errands.iter().collect();
        done.sort_unstable_by_key(|errand| std::cmp::Reverse(errand.index));
        for errand in done {
            match errand.fetch.status.filter(|_| errand.lost.is_none()) {
                Some(status) if self.held[errand.index].role == Role::Primary => {
                    self.held[errand.index].status = status
                }
                Some(_) => self.held.swap_remove(errand.index).lease.give_back(),
                None => drop(self.held.swap_remove(errand.index)),
            }
        }
    }

    /// The picture has changed. A transaction on a server that is no longer the primary must not be committed there, and
    /// servers are known by the places of their shards. Gives what a transaction without BEGIN has lost by that.
    pub(super) fn leave_old_servers(&mut self) -> Option<Fault> {
        let mut lost = None;
        while let Some(index) = self.held.iter().position(|held| {
            let Some(picture) = &self.picture else { return false };
            held.is_elsewhere(&picture.database)
        }) {
            let (is_open, was_implicit) = (self.transaction.status() == b'T', self.is_implicit);
            let fault = self.lose(index, CHANGED.to_owned());
            if was_implicit && !self.is_implicit {
                lost = Some(fault);
            } else if is_open && self.transaction.status() == b'E' {
                self.unheard = Some(Box::new(fault));
            }
        }
        lost
    }

    /// The same in the middle of something, where what is held cannot be left behind: it ends with that.
    pub(super) fn check_servers(&self, database: &Database) -> Result<(), Fault> {
        let Some(held) = self.held.iter().find(|held| held.is_elsewhere(database)) else { return Ok(()) };
        let shard = held.lease.pool().shard.clone();
        Err(Fault::ServerLost { shard, cause: CHANGED.to_owned(), in_transaction: held.is_member })
    }
}

/// It says that a server is going or coming, not that the statement is wrong.
fn is_passing(fault: &Fault) -> bool {
    // admin_shutdown, crash_shutdown, cannot_connect_now
    let is_passing_state = |state: &str| matches!(state, "57P01" | "57P02" | "57P03");
    matches!(fault, Fault::ServerDown { .. })
        || matches!(fault, Fault::ServerRefused { sqlstate, .. } if is_passing_state(sqlstate))
}

/// A place among the statements that wait, given back when dropped.
struct Place(Arc<DatabaseMetrics>);

impl Place {
    fn take(metrics: &Arc<DatabaseMetrics>, max: u32) -> Option<Self> {
        let before = metrics.failover_waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(metrics));
        (before < i64::from(max)).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.failover_waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
