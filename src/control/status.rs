//! `/status.json`: what the status page shows. Counters as they stand; the page itself makes rates of them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scrape::{Buckets, Scrape};
use crate::logic::console::snapshot::{HotKey, HotKind};
use crate::logic::topology::{Database, Health, Host, Server, Topology};

type Sums = BTreeMap<String, f64>;

/// The whole proxy.
#[derive(Debug, Serialize)]
pub struct Status {
    version: &'static str,
    uptime_seconds: f64,
    map_epoch: u64,
    /// Why clients should not come; nothing when they may
    reasons: Vec<String>,
    last_reload_successful: bool,
    clients_max: Option<f64>,
    client_connections: f64,
    rejected: Sums,
    plan_cache: [f64; 2],
    databases: Vec<DatabaseStatus>,
}

#[derive(Debug, Serialize)]
struct DatabaseStatus {
    name: String,
    clients: Sums,
    statements: Vec<Statements>,
    refusals: Sums,
    errors: Sums,
    query_seconds: Buckets,
    slow_statements: f64,
    deadlocks: f64,
    hot: Vec<HotStatus>,
    shards: Vec<ShardStatus>,
}

/// A key or bucket that is asked for often.
#[derive(Debug, Serialize)]
struct HotStatus {
    keyspace: String,
    kind: &'static str,
    key: String,
    shard: Option<String>,
    share: f64,
    per_second: f64,
}

#[derive(Debug, Serialize)]
struct Statements {
    shard: String,
    role: String,
    plan: String,
    count: f64,
}

#[derive(Debug, Serialize)]
struct ShardStatus {
    name: String,
    in_doubt: f64,
    in_doubt_age_seconds: f64,
    servers: Vec<ServerStatus>,
}

#[derive(Debug, Serialize)]
struct ServerStatus {
    name: String,
    role: &'static str,
    address: String,
    health: &'static str,
    lag_seconds: Option<f64>,
    lag_bytes: Option<u64>,
    connections: Sums,
    connections_max: Option<f64>,
    waiting: f64,
    wait_max_seconds: f64,
}

impl Status {
    /// From the latest picture, a scrape and what is hot.
    pub fn new(
        topology: &Topology,
        scrape: &Scrape<'_>,
        hot: &[HotKey],
        reasons: Vec<String>,
        uptime_seconds: f64,
    ) -> Self {
        let count = |name| scrape.sum(name, &[]).unwrap_or_default();
        let mut databases: Vec<_> = topology.shown().map(|it| database(it, scrape, hot)).collect();
        databases.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds,
            map_epoch: topology.map_epoch,
            reasons,
            last_reload_successful: count("shardway_last_reload_successful") > 0.0,
            clients_max: scrape.sum("shardway_clients_max", &[]),
            client_connections: count("shardway_client_connections_total"),
            rejected: scrape.by("shardway_clients_rejected_total", "reason", &[]),
            plan_cache: ["shardway_plan_cache_hits_total", "shardway_plan_cache_misses_total"].map(count),
            databases,
        }
    }
}

fn database(database: &Database, scrape: &Scrape<'_>, hot: &[HotKey]) -> DatabaseStatus {
    let labels = &[("database", &*database.name)];
    let statements = scrape.rows("shardway_statements_total", ["shard", "role", "plan"], labels);
    let shard = |of: &crate::logic::topology::Shard| {
        let labels = &[labels[0], ("shard", &*of.name)];
        ShardStatus {
            name: of.name.to_string(),
            in_doubt: scrape.sum("shardway_transactions_in_doubt", labels).unwrap_or_default(),
            in_doubt_age_seconds: scrape.sum("shardway_in_doubt_age_seconds", labels).unwrap_or_default(),
            servers: std::iter::once(&of.primary).chain(&of.replicas).map(|it| server(it, scrape)).collect(),
        }
    };
    DatabaseStatus {
        name: database.name.to_string(),
        clients: scrape.by("shardway_clients", "state", labels),
        statements: statements
            .into_iter()
            .map(|([shard, role, plan], count)| Statements { shard, role, plan, count })
            .collect(),
        refusals: scrape.by("shardway_refusals_total", "reason", labels),
        errors: scrape.by("shardway_errors_total", "class", labels),
        query_seconds: scrape.buckets("shardway_query_seconds", labels),
        slow_statements: scrape.sum("shardway_slow_statements_total", labels).unwrap_or_default(),
        deadlocks: scrape.sum("shardway_deadlocks_total", labels).unwrap_or_default(),
        hot: hot.iter().filter(|it| it.database == database.name).map(hot_status).collect(),
        shards: database.shards.iter().map(shard).collect(),
    }
}

fn hot_status(hot: &HotKey) -> HotStatus {
    HotStatus {
        keyspace: hot.keyspace.to_string(),
        kind: match hot.kind {
            HotKind::Key => "key",
            HotKind::Bucket => "bucket",
        },
        key: hot.key.clone(),
        shard: hot.shard.as_deref().map(str::to_owned),
        share: hot.share,
        per_second: hot.statements,
    }
}

fn server(server: &Server, scrape: &Scrape<'_>) -> ServerStatus {
    let labels = &[("server", &*server.name)];
    let host = match &server.address.host {
        Host::Tcp(name) => name.to_string(),
        Host::Unix(folder) => folder.display().to_string(),
    };
    ServerStatus {
        name: server.name.to_string(),
        role: server.role.label(),
        address: format!("{host}:{}", server.address.port),
        health: match server.health {
            Health::Unknown => "unknown",
            Health::Up => "up",
            Health::Suspect => "suspect",
            Health::Down => "down",
        },
        lag_seconds: server.lag.map(|lag| lag.time.as_secs_f64()),
        lag_bytes: server.lag.map(|lag| lag.bytes),
        connections: scrape.by("shardway_servers", "state", labels),
        connections_max: scrape.sum("shardway_server_connections_max", labels),
        waiting: scrape.sum("shardway_waiting_clients", labels).unwrap_or_default(),
        wait_max_seconds: scrape.sum("shardway_pool_wait_max_seconds", labels).unwrap_or_default(),
    }
}
