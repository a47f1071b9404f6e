//! Statements on a database that nobody else may be in: DROP DATABASE, another name for it, a copy of it.
//!
//! PostgreSQL counts connections. Those that a pool keeps for nobody close before such a statement runs; a client counts as it
//! does there, whether a server works for it or not.

use std::sync::Arc;
use std::time::Duration;

use crate::logic::plan::Planned;
use crate::logic::protocol::report::Fault;
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::{Aim, Vacated};
use crate::logic::topology::{Database, Spot};
use crate::proxy::cancel::Slot;
use crate::proxy::plans::Shape;
use crate::proxy::pool::ServerPool;
use crate::proxy::session::{Session, Trouble};

/// Others have so long to leave (PostgreSQL: CountOtherDBBackends).
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look whether they have.
const PAUSE: Duration = Duration::from_millis(10);

/// What these statements vacate; one that does so stands alone.
pub(super) fn vacates(bound: &[Arc<Shape>]) -> Option<Vacated> {
    bound.iter().find_map(|shape| super::only(shape).and_then(Planned::mark)?.vacates.as_deref().cloned())
}

impl Session {
    /// Before it runs on this shard: nobody who is not there for a client is in the database.
    pub(super) async fn vacate(&mut self, vacated: &Vacated, shard: ShardId) -> Result<(), Trouble> {
        let spot = self.spot(vacated, shard);
        let is_own = is_at(&spot, &self.picture().database);
        match vacated.aim {
            // PostgreSQL ends all who are there, if it may be done at all.
            Aim::DropByForce => return Ok(()),
            // It has its own words for that.
            Aim::Drop | Aim::Rename | Aim::Move if is_own => return Ok(()),
            Aim::Drop | Aim::Rename | Aim::Move | Aim::Copy => (),
        }
        self.until_left(&spot, vacated.aim).await?;
        if !is_own {
            self.forget_found(&spot);
        }
        self.close_idle(&spot);
        self.shared.steering.leave_alone(spot);
        Ok(())
    }

    /// After it has run, or failed to.
    pub(super) async fn was_vacated(&mut self, vacated: &Vacated, shard: ShardId) {
        let spot = self.spot(vacated, shard);
        self.shared.steering.come_back(&spot);
        if vacated.aim != Aim::DropByForce || self.pipeline.failure.is_some() {
            return;
        }
        for slot in self.others_at(&spot) {
            slot.terminate(&self.shared.connector).await;
        }
        self.forget_found(&spot);
        self.close_idle(&spot);
    }

    fn spot(&self, vacated: &Vacated, shard: ShardId) -> Spot {
        let server = &self.picture().database.shards[usize::from(shard.0)].primary;
        Spot::beside(&server.address, &vacated.database)
    }

    /// Waits as long as PostgreSQL does for the clients that are there.
    async fn until_left(&mut self, spot: &Spot, aim: Aim) -> Result<(), Trouble> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let others = self.others_at(spot).len();
            if others == 0 {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                let (database, is_source) = (spot.database.clone(), aim == Aim::Copy);
                return Err(Fault::InUse { database, is_source, others }.into());
            }
            self.unless_called_off(tokio::time::sleep(PAUSE)).await?;
        }
    }

    /// The databases, as clients know them, that are there.
    fn databases_at(&self, spot: &Spot) -> Vec<Arc<Database>> {
        self.shared.topology.load().databases.values().filter(|it| is_at(spot, it)).cloned().collect()
    }

    /// Other clients of this proxy.
    fn others_at(&self, spot: &Spot) -> Vec<Arc<Slot>> {
        let databases = self.databases_at(spot);
        let mut slots = if databases.is_empty() { Vec::new() } else { self.shared.cancels.all() };
        slots.retain(|slot| slot.pid != self.slot.pid && databases.iter().any(|it| it.name == slot.card.database));
        slots
    }

    fn close_idle(&self, spot: &Spot) {
        self.shared.pools.all().iter().filter(|pool| spot.is_of(&pool.address)).for_each(ServerPool::renew);
    }

    /// Who asks for it from now on finds out whether it is there.
    fn forget_found(&self, spot: &Spot) {
        for database in self.databases_at(spot).iter().filter(|it| it.is_found) {
            self.shared.steering.forget(&database.name);
            self.shared.forget(&database.name);
        }
    }
}

fn is_at(spot: &Spot, database: &Database) -> bool {
    database.shards.iter().any(|shard| spot.is_of(&shard.primary.address))
}
