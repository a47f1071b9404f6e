//! Counts. Handles are got once, by whoever lives long (a session, a pool, a monitor), and held: using one is an
//! atomic step. No globals: each proxy has its own.

mod names;
mod registry;
pub mod database;
pub mod server;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge};
use parking_lot::Mutex;

use crate::logic::commit::Outcome;
use crate::logic::topology::{Database, Topology};

pub use crate::logic::console::snapshot::ClientState;
pub use database::{DatabaseMetrics, Direction, Kept, PlanKind, Retry};
pub use server::{Connects, ServerMetrics, Standing};

use registry::Registry;

/// The metrics of one proxy.
pub struct Metrics {
    registry: Arc<Registry>,
    databases: Mutex<HashMap<Box<str>, Arc<DatabaseMetrics>>>,
    servers: Mutex<HashMap<Box<str>, Arc<ServerMetrics>>>,
    /// Connections accepted
    pub client_connections: Counter,
    /// Statements whose plan was known
    pub plan_cache_hits: Counter,
    /// Statements that had to be planned
    pub plan_cache_misses: Counter,
    /// Plans kept
    pub plan_cache_entries: Gauge,
    /// Distinct prepared statements
    pub prepared_statements: Gauge,
    /// Clients that may be connected
    pub clients_max: Gauge,
    /// Rows of several shards that sessions hold
    pub gathered_bytes: Gauge,
    /// Reloads, by result: failed, ok
    reloads: [Counter; 2],
    last_reload_successful: Gauge,
    /// By result
    spans: [Counter; 3],
    certificate_expiry: Gauge,
    map_epoch: Gauge,
    topology_epoch: Gauge,
}

/// Handles of the connection that listens to a shard for all sessions of a database.
pub struct ChannelMetrics {
    /// It is there
    pub connections: Gauge,
    /// Channels that sessions listen on
    pub listening: Gauge,
    /// Notifications that the server has sent
    pub received: Counter,
    /// How many times they were given to a session
    pub delivered: Counter,
    /// Times that it was lost while somebody listened
    pub lost: Counter,
}

/// The label `reason` of clients turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Too many clients
    Full,
    /// Wrong login
    Login,
    /// Did not log in in time
    Timeout,
    /// Broke the protocol
    Protocol,
    /// TLS is required, or its handshake failed
    Tls,
    /// The proxy is draining
    Draining,
}

impl Rejection {
    const ALL: [Self; 6] = [Self::Full, Self::Login, Self::Timeout, Self::Protocol, Self::Tls, Self::Draining];

    fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Login => "login",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
            Self::Draining => "draining",
        }
    }
}

fn rejections(registry: &Registry, reason: Rejection) -> metrics::Counter {
    registry.counter(names::CLIENTS_REJECTED, &[("reason", reason.label())])
}

/// The label `result` of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanResult {
    /// The collector has it
    Sent,
    /// The collector did not take it
    Failed,
    /// Too many waited to be sent
    Dropped,
}

/// The label `result` of looks at a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogRead {
    /// It was read, and it differs
    Changed,
    /// Nothing to do
    Unchanged,
    /// A shard could not be asked
    Failed,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Arc<Self> {
        let registry = Arc::new(Registry::new());
        registry.gauge(names::BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        // There from the start, so that an alert on them has something to compare with.
        drop(Rejection::ALL.map(|reason| rejections(&registry, reason)));
        let reloads = |result| registry.counter(names::RELOADS, &[("result", result)]);
        let metrics = Self {
            databases: Mutex::default(),
            servers: Mutex::default(),
            client_connections: registry.counter(names::CLIENT_CONNECTIONS, &[]),
            plan_cache_hits: registry.counter(names::PLAN_CACHE_HITS, &[]),
            plan_cache_misses: registry.counter(names::PLAN_CACHE_MISSES, &[]),
            plan_cache_entries: registry.gauge(names::PLAN_CACHE_ENTRIES, &[]),
            prepared_statements: registry.gauge(names::PREPARED_STATEMENTS, &[]),
            clients_max: registry.gauge(names::CLIENTS_MAX, &[]),
            gathered_bytes: registry.gauge(names::GATHERED_BYTES, &[]),
            reloads: ["failed", "ok"].map(reloads),
            spans: ["sent", "failed", "dropped"].map(|result| registry.counter(names::SPANS, &[("result", result)])),
            last_reload_successful: registry.gauge(names::LAST_RELOAD_SUCCESSFUL, &[]),
            certificate_expiry: registry.gauge(names::CERTIFICATE_EXPIRY, &[]),
            map_epoch: registry.gauge(names::MAP_EPOCH, &[]),
            topology_epoch: registry.gauge(names::TOPOLOGY_EPOCH, &[]),
            registry,
        };
        metrics.last_reload_successful.set(1.0);
        metrics.certificate_ends(None);
        Arc::new(metrics)
    }

    /// Handles of one database: get them once a session.
    pub fn database(&self, database: &Database) -> Arc<DatabaseMetrics> {
        let mut known = self.databases.lock();
        match known.get(database.label()) {
            Some(metrics) if metrics.fits(database) => metrics.clone(),
            Some(_) | None => {
                let metrics = Arc::new(DatabaseMetrics::new(&self.registry, database));
                known.insert(database.label().into(), metrics.clone());
                metrics
            }
        }
    }

    /// Handles of one server, by its name in the topology: get them once a pool.
    pub fn server(&self, name: &str) -> Arc<ServerMetrics> {
        let mut known = self.servers.lock();
        match known.get(name) {
            Some(metrics) => metrics.clone(),
            None => {
                let metrics = Arc::new(ServerMetrics::new(&self.registry, name));
                known.insert(name.into(), metrics.clone());
                metrics
            }
        }
    }

    /// The settings were read again: they took effect, or nothing has changed because something is wrong with them.
    pub fn reloaded(&self, is_ok: bool) {
        self.reloads[usize::from(is_ok)].increment(1);
        self.last_reload_successful.set(f64::from(u8::from(is_ok)));
    }

    /// What has become of so many spans.
    pub fn spans(&self, result: SpanResult, count: u64) {
        self.spans[result as usize].increment(count);
    }

    /// When the first of our certificates ends, since 1970; `None` without TLS.
    pub fn certificate_ends(&self, at: Option<Duration>) {
        self.certificate_expiry.set(at.map_or(f64::NAN, |at| at.as_secs_f64()));
    }

    /// A client was turned away. Looks its counter up.
    pub fn rejected(&self, reason: Rejection) {
        rejections(&self.registry, reason).increment(1);
    }

    /// A schema was looked at. Looks its counter up.
    pub fn catalog_read(&self, database: &str, result: CatalogRead) {
        let result = match result {
            CatalogRead::Changed => "changed",
            CatalogRead::Unchanged => "unchanged",
            CatalogRead::Failed => "failed",
        };
        self.registry.counter(names::CATALOG_READS, &[("database", database), ("result", result)]).increment(1);
    }

    /// Transactions over several shards that a shard lists as prepared, and the age of the oldest. Looks its gauges up.
    pub fn in_doubt(&self, database: &str, shard: &str, count: usize, oldest: Duration) {
        let labels = &[("database", database), ("shard", shard)];
        self.registry.gauge(names::TRANSACTIONS_IN_DOUBT, labels).set(count as f64);
        self.registry.gauge(names::IN_DOUBT_AGE, labels).set(oldest.as_secs_f64());
    }

    /// So many transactions were given up to end deadlocks. Looks its counter up.
    pub fn deadlocks(&self, database: &str, count: u64) {
        self.registry.counter(names::DEADLOCKS, &[("database", database)]).increment(count);
    }

    /// Recovery has finished so many. Looks its counter up.
    pub fn recovered(&self, database: &str, outcome: Outcome, count: u64) {
        let labels = &[("database", database), ("outcome", outcome.label())];
        self.registry.counter(names::RECOVERIES, labels).increment(count);
    }

    /// So many servers of the shard of `server`, whose roles are found, claim to be its primary. Looks its gauge up.
    pub fn primaries(&self, server: &str, claims: usize) {
        self.registry.gauge(names::PRIMARIES, &of_shard(server)).set(claims as f64);
    }

    /// Server connections of a database, and how many it may have. Looks its gauges up.
    pub fn connections_of(&self, database: &str, used: u32, max: u32) {
        let labels = &[("database", database)];
        self.registry.gauge(names::DATABASE_CONNECTIONS, labels).set(f64::from(used));
        self.registry.gauge(names::DATABASE_CONNECTIONS_MAX, labels).set(f64::from(max));
    }

    /// What is counted for the connection that listens to a shard. Looks its handles up.
    pub fn channels(&self, database: &str, shard: &str) -> ChannelMetrics {
        let labels = &[("database", database), ("shard", shard)];
        ChannelMetrics {
            connections: self.registry.gauge(names::LISTENER_CONNECTIONS, labels),
            listening: self.registry.gauge(names::LISTENING, labels),
            received: self.registry.counter(names::NOTIFICATIONS, labels),
            delivered: self.registry.counter(names::NOTIFICATIONS_DELIVERED, labels),
            lost: self.registry.counter(names::LISTENERS_LOST, labels),
        }
    }

    /// Another server is the primary of the shard of `server`. Looks its counter up.
    pub fn failover(&self, server: &str) {
        self.registry.counter(names::FAILOVERS, &of_shard(server)).increment(1);
    }

    /// How much of a keyspace's statements are for its hottest keys, the hottest first. Looks its gauges up.
    pub fn hot_keys(&self, database: &str, keyspace: &str, shares: [f64; 3]) {
        for (rank, share) in ["1", "2", "3"].into_iter().zip(shares) {
            let labels = &[("database", database), ("keyspace", keyspace), ("rank", rank)];
            self.registry.gauge(names::HOT_KEY_SHARE, labels).set(share);
        }
    }

    /// Shows what a new picture says; the series of servers that are gone end.
    pub fn show(&self, topology: &Topology) {
        self.map_epoch.set(topology.map_epoch as f64);
        self.topology_epoch.set(topology.epoch as f64);
        let shards = topology.shown().flat_map(|it| &it.shards);
        let servers = shards.flat_map(|it| std::iter::once(&it.primary).chain(&it.replicas));
        let present: HashMap<&str, _> = servers.map(|it| (&*it.name, (it.role, it.health, it.lag))).collect();
        for (name, (role, health, lag)) in &present {
            self.server(name).show(Some(*role), *health, *lag);
        }
        self.servers.lock().retain(|name, metrics| {
            let stays = present.contains_key(&**name);
            if !stays {
                metrics.retire();
            }
            stays
        });
    }

    /// Shows how the pools of the servers stand, by the servers' names; there are none of those that are not named.
    pub fn stand(&self, standings: &HashMap<Box<str>, Standing>) {
        for (name, metrics) in &*self.servers.lock() {
            metrics.stand(&standings.get(name).copied().unwrap_or_default());
        }
    }

    /// To be called every second or so, whether anyone scrapes or not: histograms keep every sample until then.
    pub fn upkeep(&self) {
        self.registry.upkeep();
    }

    /// All of it, as Prometheus text.
    pub fn render(&self) -> String {
        for database in self.databases.lock().values() {
            database.settle();
        }
        let servers = self.servers.lock();
        self.registry.render(|server| servers.contains_key(server))
    }
}

/// Labels of the shard of a server, `app/a/server-1`.
fn of_shard(server: &str) -> [(&'static str, &str); 2] {
    let mut parts = server.split('/');
    [("database", parts.next().unwrap_or_default()), ("shard", parts.next().unwrap_or_default())]
}

#[cfg(test)]
mod tests;
