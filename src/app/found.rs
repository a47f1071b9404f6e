//! Databases that the map does not name: those that nobody has used for a while are forgotten.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::control::ControlHandle;
use crate::logic::topology::Topology;
use crate::proxy::shared::Shared;

/// What was found, and since when nobody uses it.
pub struct Found {
    control: ControlHandle,
    unused: HashMap<Box<str>, Option<Instant>>,
}

impl Found {
    /// Of a proxy that starts.
    pub fn new(control: ControlHandle) -> Self {
        Self { control, unused: HashMap::new() }
    }

    /// Some time has passed.
    pub fn tick(&mut self, shared: &Shared, topology: &Topology, now: Instant) {
        let is_there = |name: &str| topology.databases.get(name).is_some_and(|database| database.is_found);
        self.unused.retain(|name, _| {
            let stays = is_there(name);
            if !stays {
                shared.forget(name);
            }
            stays
        });
        let Some(wildcard) = &topology.wildcard else { return };
        let found = topology.databases.values().filter(|database| database.is_found);
        let used = match found.clone().next() {
            Some(_) => used(shared),
            None => return,
        };
        for database in found {
            let since = self.unused.entry(database.name.clone()).or_default();
            *since = if used.contains(&database.name) { None } else { since.or(Some(now)) };
            if is_over(*since, wildcard.idle_timeout, now) {
                tracing::info!(database = %database.name, "a database that the map does not name is not used (autodb_idle_timeout)");
                self.control.forget(&database.name);
            }
        }
    }
}

fn is_over(unused_since: Option<Instant>, idle_timeout: Duration, now: Instant) -> bool {
    unused_since.is_some_and(|since| now - since >= idle_timeout)
}

/// Databases with a client or a connection, or that an operator has said something of.
fn used(shared: &Shared) -> HashSet<Box<str>> {
    let with_connections =
        shared.pools.all().into_iter().filter(|pool| !pool.is_empty()).map(|pool| pool.database.clone());
    let mut used: HashSet<Box<str>> = with_connections.collect();
    used.extend(shared.cancels.all().iter().map(|slot| slot.card.database.clone()));
    used.extend(shared.disabled.lock().iter().cloned());
    used.extend(shared.pools.paused().databases);
    used
}
