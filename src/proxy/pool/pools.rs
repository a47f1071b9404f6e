//! The pools of all servers and users.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::budget::Budgets;
use super::{OnRefused, ServerPool};
use crate::logic::pool::Pool;
use crate::logic::topology::{Address, PoolSettings, Secret, Server};
use crate::proxy::backend::Connector;
use crate::proxy::notifiers::Notifiers;
use crate::proxy::pulse::Pulses;

/// Server, user, password: who has another password has another pool.
type PoolKey = (Address, Box<str>, Option<Secret>);

/// Which pools lend nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paused {
    /// All of them
    pub all: bool,
    /// Those of these databases
    pub databases: HashSet<Box<str>>,
}

impl Paused {
    fn includes(&self, database: &str) -> bool {
        self.all || self.databases.contains(database)
    }
}

/// All pools, by server address and login.
pub struct Pools {
    pools: Mutex<HashMap<PoolKey, Arc<ServerPool>>>,
    paused: Mutex<Paused>,
    /// Server connections are numbered
    numbers: Arc<AtomicU64>,
    notifiers: Arc<Notifiers>,
    connector: Arc<Connector>,
    on_refused: OnRefused,
    pulses: Arc<Pulses>,
    /// What they share
    pub budgets: Arc<Budgets>,
}

impl Pools {
    /// None yet; `on_refused` hears of servers that refuse connections, `pulses` of those that answer.
    pub fn new(connector: Arc<Connector>, on_refused: OnRefused, pulses: Arc<Pulses>) -> Self {
        Self {
            pools: Mutex::default(),
            paused: Mutex::default(),
            numbers: Arc::new(AtomicU64::new(1)),
            notifiers: Arc::default(),
            connector,
            on_refused,
            pulses,
            budgets: Arc::default(),
        }
    }

    /// The pool of a server for a user, made when it is first asked for.
    pub fn get(
        &self,
        server: &Server,
        (database, shard): (&str, &str),
        user: &str,
        password: Option<&Secret>,
        settings: &PoolSettings,
    ) -> Arc<ServerPool> {
        let user = server.address.user.as_deref().unwrap_or(user);
        let password = server.address.password.as_ref().or(password);
        let key = (server.address.clone(), Box::from(user), password.cloned());
        let paused = self.paused.lock();
        let mut pools = self.pools.lock();
        let pool = pools.entry(key).or_insert_with(|| {
            let pool = Arc::new(ServerPool {
                database: database.into(),
                server: server.name.clone(),
                shard: shard.into(),
                address: server.address.clone(),
                user: user.into(),
                password: password.cloned(),
                machine: Mutex::new(Pool::new(settings.clone())),
                places: ArcSwap::default(),
                has_moved: AtomicBool::new(false),
                lent: AtomicU32::new(0),
                connections: Mutex::default(),
                numbers: Arc::clone(&self.numbers),
                notifiers: Arc::clone(&self.notifiers),
                generation: AtomicU32::new(0),
                connector: Arc::clone(&self.connector),
                on_refused: Arc::clone(&self.on_refused),
                pulse: self.pulses.of(&server.address),
                budgets: Arc::clone(&self.budgets),
                connects: Mutex::default(),
            });
            self.budgets.add(&pool);
            if paused.includes(database) {
                pool.set_paused(true);
            }
            pool
        });
        Arc::clone(pool)
    }

    /// Which lend nothing.
    pub fn paused(&self) -> Paused {
        self.paused.lock().clone()
    }

    /// Changes which lend nothing; gives what `change` gave.
    pub fn set_paused(&self, change: impl FnOnce(&mut Paused) -> bool) -> bool {
        // Held to the end, so that no pool is made meanwhile that does not know.
        let mut paused = self.paused.lock();
        let is_changed = change(&mut paused);
        for pool in self.all() {
            pool.set_paused(paused.includes(&pool.database));
        }
        is_changed
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<ServerPool>> {
        self.pools.lock().values().cloned().collect()
    }

    /// After a reload: pools of servers that are gone are closed, the others get their settings.
    pub fn retain(&self, settings_of: impl Fn(&Address, &str, Option<&Secret>) -> Option<PoolSettings>) {
        let mut gone = Vec::new();
        self.pools.lock().retain(|(address, user, password), pool| {
            match settings_of(address, user, password.as_ref()) {
                Some(settings) => {
                    pool.machine.lock().set_settings(settings);
                    true
                }
                None => {
                    gone.push(Arc::clone(pool));
                    false
                }
            }
        });
        for pool in gone {
            pool.close("the server is no longer in the shard map");
        }
    }

    /// Closes those whose database is there no more.
    pub fn forget(&self, is_gone: impl Fn(&ServerPool) -> bool) {
        let gone = self.pools.lock().extract_if(|_, pool| is_gone(pool)).map(|(_, pool)| pool).collect::<Vec<_>>();
        for pool in gone {
            pool.close("the database is not used any more");
        }
    }

    /// Closes all: the proxy ends.
    pub fn close(&self, why: &str) {
        for pool in self.all() {
            pool.close(why);
        }
    }
}
