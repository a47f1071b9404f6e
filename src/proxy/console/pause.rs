//! PAUSE, RESUME, KILL, RECONNECT and WAIT_CLOSE: what becomes of server connections.

use std::sync::Arc;
use std::time::Duration;

use crate::proxy::console::Console;
use crate::proxy::console::act::Failure;
use crate::proxy::pool::ServerPool;

/// Looked at so often while something is waited for.
const LOOK: Duration = Duration::from_millis(10);

impl Console {
    /// Lends no more servers; returns when all have come back and are closed.
    pub(super) async fn pause(&self, database: Option<&str>) -> Result<(), Failure> {
        let database = self.named(database)?;
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
        self.until(database.as_deref(), |pool| pool.counts().0.lent == 0 && pool.is_empty()).await;
        Ok(())
    }

    /// Lends servers again.
    pub(super) fn resume(&self, database: Option<&str>) -> Result<(), Failure> {
        let database = self.named(database)?;
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
        let name = self.database(database)?;
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
        let database = self.named(database)?;
        self.pools(database.as_deref()).iter().for_each(ServerPool::renew);
        Ok(())
    }

    /// Returns when none is left that RECONNECT has told to close.
    pub(super) async fn wait_close(&self, database: Option<&str>) -> Result<(), Failure> {
        let database = self.named(database)?;
        let is_renewed = |pool: &ServerPool| pool.connections().iter().all(|connection| !pool.is_stale(connection));
        self.until(database.as_deref(), is_renewed).await;
        Ok(())
    }

    fn named(&self, database: Option<&str>) -> Result<Option<Box<str>>, Failure> {
        database.map(|name| self.database(name)).transpose()
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
