//! How a session comes by its servers: at once, or in the queue of a pool.

use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use crate::logic::plan::Known;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::shards::ShardId;
use crate::logic::topology::{PoolMode, Role, Server};
use crate::logic::written::Freshness;
use crate::proxy::metrics::ClientState;
use crate::proxy::pool::{Lease, ServerPool};
use crate::proxy::session::Session;
use crate::proxy::session::servers::{Held, Target};

/// Why a server stays with its client where pools are by session.
pub(super) const SESSION_POOLING: &str = "session pooling";

impl Session {
    pub(super) fn pool_of(&self, server: &Server, shard: &str) -> Arc<ServerPool> {
        let user = self.user.server_user.as_deref().unwrap_or(&self.user.name);
        let settings = self.user.pool(&self.picture().database.pool);
        self.shared.pools.get(server, (&self.database, shard), user, self.user.server_password.as_ref(), &settings)
    }

    /// The index of a held server for this target: one that is held already, or a new lease.
    pub(super) async fn hold(&mut self, target: Target) -> Result<usize, Fault> {
        if target.role == Role::Primary && self.is_read_from_replica(target.shard) {
            Box::pin(self.leave_replicas()).await;
        }
        let fits = |held: &Held| held.shard == target.shard && (held.is_member || held.role == target.role);
        if let Some(index) = self.held.iter().position(fits) {
            return Ok(index);
        }
        let shard = usize::from(target.shard.0);
        let replica = match target.role {
            Role::Replica => self.lease_replica(target.shard).await?,
            Role::Primary => None,
        };
        let (mut lease, role) = match replica {
            Some(lease) => (lease, Role::Replica),
            None => (self.lease_primary(shard).await?, Role::Primary),
        };
        let shard = target.shard;
        lease.walk.oids = self.picture().database.catalog.as_ref().and_then(|it| it.oids.get(&shard)).cloned();
        lease.cancellable.notifier.lend(self.slot.pid);
        self.slot.card.tallies.assignments.add(1);
        // Of the client before.
        lease.is_tainted |= std::mem::take(&mut lease.has_unseen);
        let pin = (self.picture().database.pool.mode == PoolMode::Session).then_some(SESSION_POOLING);
        self.held.push(Held {
            lease,
            shard,
            role,
            is_member: false,
            in_pipeline: false,
            only_asked: false,
            status: b'I',
            has_written: false,
            took_part: false,
            was_prepared: false,
            untold: String::new(),
            pin,
            unpreparable: None,
            notifies: false,
            numbers: Known::Nothing,
            reported: Vec::new(),
        });
        Ok(self.held.len() - 1)
    }

    /// A connection to a replica; `None`: the primary is to answer.
    async fn lease_replica(&mut self, shard: ShardId) -> Result<Option<Lease>, Fault> {
        let needed = self.freshness(shard);
        let Some((pool, seen)) = self.pick_replica(shard, self.needed(shard)) else { return Ok(None) };
        let lease = match pool.try_lease() {
            Some(lease) => lease,
            None => match Box::pin(self.lease_of_replica(shard, &pool)).await {
                Ok(lease) => lease,
                Err(fault) if fault.is_fatal() || fault == Fault::Cancelled => return Err(fault),
                // A replica that cannot be reached: nothing has been sent, so the primary may answer.
                Err(fault) => {
                    self.forget_replicas(shard);
                    tracing::debug!(client = self.id, %fault, "the primary answers for a replica");
                    return Ok(None);
                }
            },
        };
        // Replicas that start again may begin before the place where they were seen: what was seen holds for connections
        // that are older.
        if needed == Freshness::Any || seen.is_some_and(|seen| lease.opened <= seen) {
            return Ok(Some(lease));
        }
        lease.give_back();
        Ok(None)
    }

    pub(super) async fn lease_primary(&mut self, shard: usize) -> Result<Lease, Fault> {
        let pool = match &self.picture().pools[shard].primary {
            Some(pool) if self.check_up(shard).is_ok() => Ok(Arc::clone(pool)),
            Some(_) | None => self.primary_pool(shard),
        };
        match pool {
            Ok(pool) => match pool.try_lease() {
                Some(lease) => Ok(lease),
                None => Box::pin(self.wait_for_primary(shard, Ok(pool))).await,
            },
            Err(fault) => Box::pin(self.wait_for_primary(shard, Err(fault))).await,
        }
    }

    /// The primary that we know takes writes, and is the one that the session's positions are from.
    fn check_up(&self, shard: usize) -> Result<(), Fault> {
        let of = &self.picture().database.shards[shard];
        let is_behind = matches!(self.freshness(of.primary.shard), Freshness::Ahead(_));
        if !of.is_down() && !is_behind {
            return Ok(());
        }
        let cause = match (is_behind, of.finds_roles) {
            (true, _) => "the position that must be found is of a newer primary",
            (false, true) => "no server takes its writes now",
            (false, false) => "its probes fail",
        };
        Err(Fault::ServerDown { shard: of.name.clone(), server: of.primary.name.clone(), cause: cause.to_owned() })
    }

    pub(super) fn primary_pool(&mut self, shard: usize) -> Result<Arc<ServerPool>, Fault> {
        self.check_up(shard)?;
        let of = &self.picture().database.shards[shard];
        let pool = self.pool_of(&of.primary, &of.name);
        if let Some(picture) = &mut self.picture {
            picture.pools[shard].primary = Some(Arc::clone(&pool));
        }
        Ok(pool)
    }

    pub(super) fn replica_pool(&mut self, shard: usize, place: usize) -> Arc<ServerPool> {
        let picture = self.picture();
        if let Some(pool) = &picture.pools[shard].replicas[place] {
            return Arc::clone(pool);
        }
        let of = &picture.database.shards[shard];
        let pool = self.pool_of(&of.replicas[place], &of.name);
        if let Some(picture) = &mut self.picture {
            picture.pools[shard].replicas[place] = Some(Arc::clone(&pool));
        }
        pool
    }

    /// The pools of its replicas are looked for again: one may have been closed.
    fn forget_replicas(&mut self, shard: ShardId) {
        if let Some(picture) = &mut self.picture {
            picture.pools[usize::from(shard.0)].replicas.fill(None);
        }
    }

    pub(super) async fn wait_for(&mut self, pool: &Arc<ServerPool>) -> Result<Lease, Fault> {
        let before = self.state;
        self.show(ClientState::Waiting);
        let started = Instant::now();
        self.slot.card.wait(Some(started));
        let slot = Arc::clone(&self.slot);
        let wait = slot.wait();
        let lease = tokio::select! {
            biased;
            fault = wait.called_off() => Err(fault),
            lease = self.wait_in_queue(pool) => lease,
        };
        let lease = lease.and_then(|lease| match wait.end() {
            Ok(()) => Ok(lease),
            Err(fault) => {
                lease.give_back();
                Err(fault)
            }
        });
        let waited = started.elapsed();
        self.metrics.waited(waited);
        self.slot.card.tallies.wait_time.add_time(waited);
        self.slot.card.wait(None);
        self.show(before);
        lease
    }

    /// The client is told after a while that it waits; one that leaves meanwhile waits no longer.
    async fn wait_in_queue(&mut self, pool: &Arc<ServerPool>) -> Result<Lease, Fault> {
        let user = Arc::clone(&self.user);
        let holds = !self.held.is_empty();
        let (mut lease, notify) = (Box::pin(pool.lease(&user.name, holds)), pool.wait_notify());
        let mut notice = (!notify.is_zero()).then(|| Box::pin(tokio::time::sleep(notify)));
        std::future::poll_fn(|context| {
            if let Poll::Ready(lease) = lease.as_mut().poll(context) {
                return Poll::Ready(lease);
            }
            if notice.as_mut().is_some_and(|notice| notice.as_mut().poll(context).is_ready()) {
                notice = None;
                let message = format!("no connection to {} is free: the client waits in the queue", pool.server);
                write::notice(&mut self.client.outbox, write::NOTICE, "00000", &message);
            }
            if self.client.has_backlog() && matches!(self.client.poll_flush(context), Poll::Ready(Err(_))) {
                return Poll::Ready(Err(Fault::ClientGone));
            }
            self.client.poll_gone(context).map(|()| Err(Fault::ClientGone))
        })
        .await
    }
}
