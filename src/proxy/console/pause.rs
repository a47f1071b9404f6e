//! PAUSE, RESUME, KILL, RECONNECT and WAIT_CLOSE: what becomes of server connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::logic::console::statement::{Act, Statement};
use crate::proxy::cancel::Slot;
use crate::proxy::console::act::{Failure, is_console};
use crate::proxy::console::{Console, look};
use crate::proxy::pool::ServerPool;

/// Looked at so often while something is waited for.
const LOOK: Duration = Duration::from_millis(10);
/// A PAUSE that waits is logged after so long, and again whenever that has passed.
const LOGGED: Duration = Duration::from_secs(5);
/// Clients that such a line names, at most.
const NAMED: usize = 10;

impl Console {
    /// Lends no more servers but to who has some; returns when all have come back and are closed, or when somebody has said
    /// RESUME.
    pub(super) async fn pause(&self, database: Option<&str>) -> Result<(), Failure> {
        let database = self.named(database, "pause")?;
        let is_changed = self.shared.pools.set_paused(|paused| match &database {
            _ if paused.all => false,
            Some(name) => {
                paused.databases.insert(name.clone());
                true
            }
            None => {
                paused.all = true;
                true
            }
        });
        if !is_changed {
            return Err(Failure::new("55000", "already suspended/paused"));
        }
        let mut logged = Instant::now();
        while !self.pools(database.as_deref()).iter().all(|pool| pool.is_empty()) {
            tokio::time::sleep(LOOK).await;
            if !self.is_paused(database.as_deref()) {
                return Err(Failure::new("55000", "PAUSE ended by RESUME before all servers were released"));
            }
            if logged.elapsed() >= LOGGED {
                logged = Instant::now();
                self.log_who_holds(database.as_deref());
            }
        }
        Ok(())
    }

    /// Whoever waits for a statement does so no longer. A PAUSE is undone, as in PgBouncer.
    pub(super) fn give_up(&self, statement: &Statement) -> Failure {
        if let Statement::Act(Act::Pause(database)) = statement {
            // Somebody else may have said RESUME meanwhile.
            self.resume(database.as_deref()).ok();
        }
        Failure::new("57014", "canceling statement due to user request")
    }

    fn is_paused(&self, database: Option<&str>) -> bool {
        let paused = self.shared.pools.paused();
        database.map_or(paused.all, |name| paused.all || paused.databases.contains(name))
    }

    /// Whom a PAUSE waits for: clients in a transaction, and those that keep a server between two.
    fn log_who_holds(&self, database: Option<&str>) {
        let holders: BTreeMap<u64, Arc<Slot>> =
            look::holders(&self.shared).into_values().map(|slot| (slot.card.id, slot)).collect();
        let of = holders.into_values().filter(|slot| database.is_none_or(|name| *slot.card.database == *name));
        let (open, keeping): (Vec<_>, Vec<_>) = of.partition(|slot| slot.card.transaction().is_some());
        let ids = |slots: &[Arc<Slot>]| slots.iter().take(NAMED).map(|slot| slot.card.id).collect::<Vec<_>>();
        tracing::warn!(
            database = database.unwrap_or("all of them"),
            in_transactions = open.len(),
            keep_a_server = keeping.len(),
            clients = ?[ids(&open), ids(&keeping)].concat(),
            "PAUSE waits for clients that have servers"
        );
    }

    /// Lends servers again.
    pub(super) fn resume(&self, database: Option<&str>) -> Result<(), Failure> {
        if let Some(name) = database.filter(|name| is_console(name)) {
            return Err(Failure::new("55000", format!("database {name} is not paused")));
        }
        let database = self.named(database, "resume")?;
        let is_changed = self.shared.pools.set_paused(|paused| match &database {
            Some(name) => paused.databases.remove(name),
            None => std::mem::take(&mut paused.all),
        });
        match (is_changed, database) {
            (true, _) => Ok(()),
            (false, Some(name)) => Err(Failure::new("55000", format!("database {name} is not paused"))),
            (false, None) => Err(Failure::new("55000", "pooler is not paused/suspended")),
        }
    }

    /// Pauses a database and sends all its clients away, whatever they do.
    pub(super) async fn kill(&self, database: &str) -> Result<(), Failure> {
        let name = self.database(database, "kill")?;
        let is_changed = self.shared.pools.set_paused(|paused| {
            paused.databases.insert(name.clone());
            !paused.all
        });
        if !is_changed {
            return Err(Failure::new("55000", "already suspended/paused"));
        }
        let slots = self.shared.cancels.all().into_iter().filter(|slot| slot.card.database == name);
        for slot in slots {
            let connector = Arc::clone(&self.shared.connector);
            drop(tokio::spawn(async move { slot.dismiss(&connector).await }));
        }
        Ok(())
    }

    /// Servers are closed as they come back, and new ones opened in their place.
    pub(super) fn reconnect(&self, database: Option<&str>) -> Result<(), Failure> {
        let database = self.named(database, "reconnect")?;
        self.pools(database.as_deref()).iter().for_each(ServerPool::renew);
        Ok(())
    }

    /// Returns when none is left that RECONNECT has told to close.
    pub(super) async fn wait_close(&self, database: Option<&str>) -> Result<(), Failure> {
        let database = self.named(database, "wait in")?;
        let is_renewed = |pool: &ServerPool| pool.connections().iter().all(|connection| !pool.is_stale(connection));
        self.until(database.as_deref(), is_renewed).await;
        Ok(())
    }

    fn named(&self, database: Option<&str>, what: &str) -> Result<Option<Box<str>>, Failure> {
        database.map(|name| self.database(name, what)).transpose()
    }

    fn pools(&self, database: Option<&str>) -> Vec<Arc<ServerPool>> {
        let mut pools = self.shared.pools.all();
        pools.retain(|pool| database.is_none_or(|name| *pool.database == *name));
        pools
    }

    async fn until(&self, database: Option<&str>, holds: impl Fn(&ServerPool) -> bool) {
        while !self.pools(database).iter().all(|pool| holds(pool)) {
            tokio::time::sleep(LOOK).await;
        }
    }
}
