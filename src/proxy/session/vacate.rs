//! Statements on a database that nobody else may be in: DROP DATABASE, another name for it, a copy of it.
//!
//! PostgreSQL counts connections. Those that a pool keeps for nobody close before such a statement runs; a client counts as it
//! does there, whether a server works for it or not.

use std::sync::Arc;
use std::time::Duration;

use crate::logic::plan::{Mark, Plan};
use crate::logic::protocol::report::Fault;
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::{Aim, Vacated};
use crate::logic::topology::{Database, Topology};
use crate::proxy::cancel::Slot;
use crate::proxy::plans::Shape;
use crate::proxy::pool::ServerPool;
use crate::proxy::session::{End, Session, Trouble};

/// Others have so long to leave (PostgreSQL: CountOtherDBBackends).
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look whether they have.
const PAUSE: Duration = Duration::from_millis(10);

/// What these statements vacate; one that does so stands alone.
pub(super) fn vacates(bound: &[Arc<Shape>]) -> Option<Vacated> {
    bound.iter().find_map(|shape| {
        let planned = super::only(shape)?;
        let mark: &Mark = match (&*planned.plan, &planned.forced) {
            (Plan::One(one), _) => &one.mark,
            (_, forced) => &forced.as_ref()?.mark,
        };
        mark.vacates.as_deref().cloned()
    })
}

impl Session {
    /// Before it runs on this shard: nobody who is not there for a client is in the database.
    pub(super) async fn vacate(&mut self, vacated: &Vacated, shard: ShardId) -> Result<(), Trouble> {
        let is_own = self.is_there(vacated, shard, &self.picture().database.clone());
        match vacated.aim {
            // PostgreSQL ends all who are there, if it may be done at all.
            Aim::DropByForce => return Ok(()),
            // It has its own words for that.
            Aim::Drop | Aim::Rename | Aim::Move if is_own => return Ok(()),
            Aim::Drop | Aim::Rename | Aim::Move | Aim::Copy => (),
        }
        self.until_left(vacated, shard).await?;
        if !is_own {
            self.forget_found(vacated, shard);
        }
        self.pools_there(vacated, shard).iter().for_each(ServerPool::renew);
        Ok(())
    }

    /// After it has run.
    pub(super) async fn was_vacated(&mut self, vacated: &Vacated, shard: ShardId) {
        if vacated.aim != Aim::DropByForce {
            return;
        }
        for slot in self.others_there(vacated, shard) {
            slot.terminate(&self.shared.connector).await;
        }
        self.forget_found(vacated, shard);
        self.pools_there(vacated, shard).iter().for_each(ServerPool::renew);
    }

    /// Waits as long as PostgreSQL does for the clients that are there.
    async fn until_left(&mut self, vacated: &Vacated, shard: ShardId) -> Result<(), Trouble> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let others = self.others_there(vacated, shard).len();
            if others == 0 {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                let (database, is_source) = (vacated.database.clone(), vacated.aim == Aim::Copy);
                return Err(Fault::InUse { database, is_source, others }.into());
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(PAUSE) => (),
                () = std::future::poll_fn(|context| self.client.poll_gone(context)) => return Err(End::Gone.into()),
            }
        }
    }

    /// Is this database, as clients know it, the one on the server of that shard?
    fn is_there(&self, vacated: &Vacated, shard: ShardId, database: &Database) -> bool {
        let ours = &self.picture().database.shards[usize::from(shard.0)].primary.address;
        let is_there = |shard: &crate::logic::topology::Shard| {
            let address = &shard.primary.address;
            (&address.host, address.port, &address.database) == (&ours.host, ours.port, &vacated.database)
        };
        database.shards.iter().any(is_there)
    }

    /// The databases, as clients know them, that it is.
    fn there(&self, vacated: &Vacated, shard: ShardId, topology: &Topology) -> Vec<Arc<Database>> {
        topology.databases.values().filter(|it| self.is_there(vacated, shard, it)).cloned().collect()
    }

    fn others_there(&self, vacated: &Vacated, shard: ShardId) -> Vec<Arc<Slot>> {
        let names = self.there(vacated, shard, &self.shared.topology.load());
        let mut slots = if names.is_empty() { Vec::new() } else { self.shared.cancels.all() };
        slots.retain(|slot| slot.pid != self.slot.pid && names.iter().any(|it| it.name == slot.card.database));
        slots
    }

    fn pools_there(&self, vacated: &Vacated, shard: ShardId) -> Vec<Arc<ServerPool>> {
        let ours = &self.picture().database.shards[usize::from(shard.0)].primary.address;
        let mut pools = self.shared.pools.all();
        pools.retain(|pool| {
            let address = &pool.address;
            (&address.host, address.port, &address.database) == (&ours.host, ours.port, &vacated.database)
        });
        pools
    }

    /// Who asks for it from now on finds out whether it is there.
    fn forget_found(&self, vacated: &Vacated, shard: ShardId) {
        for database in self.there(vacated, shard, &self.shared.topology.load()).iter().filter(|it| it.is_found) {
            self.shared.steering.forget(&database.name);
            self.shared.forget(&database.name);
        }
    }
}
