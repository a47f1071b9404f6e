//! Looks at the map: shards and their servers, keyspaces, and where their keys live.

use std::collections::HashMap;
use std::time::Duration;

use crate::logic::console::snapshot::{KeyspaceEntry, MapEntry, MapKind, ServerCounts, ShardServer};
use crate::logic::shards::{Keyspace, Method, Placement, ShardMap};
use crate::logic::topology::{Address, Database, Health, Role, Server, Topology};
use crate::proxy::console::look;
use crate::proxy::shared::Shared;

/// The databases in the order of their names.
fn databases(topology: &Topology) -> Vec<&Database> {
    let mut databases: Vec<&Database> = topology.databases.values().map(|database| &**database).collect();
    databases.sort_by(|one, other| one.name.cmp(&other.name));
    databases
}

/// How the pools of one server stand together.
type Sums = (ServerCounts, u32, Duration);

/// Every server of every shard, the primaries first.
pub fn servers(shared: &Shared) -> Vec<ShardServer> {
    let topology = shared.topology.load_full();
    let mut sums: HashMap<Address, Sums> = HashMap::new();
    for pool in shared.pools.all() {
        let (servers, waiting, wait) = look::counts(&pool);
        let sum = sums.entry(pool.address.clone()).or_default();
        look::add(&mut sum.0, servers);
        sum.1 += waiting;
        sum.2 = sum.2.max(wait);
    }
    let mut found = Vec::new();
    for database in databases(&topology) {
        for shard in &database.shards {
            for server in std::iter::once(&shard.primary).chain(&shard.replicas) {
                let (servers, waiting, wait) = sums.get(&server.address).copied().unwrap_or_default();
                found.push(ShardServer {
                    database: database.name.clone(),
                    shard: shard.name.clone(),
                    server: server.name.clone(),
                    role: server.role,
                    host: look::host(&server.address.host),
                    port: server.address.port,
                    health: server.health,
                    lag: server.lag,
                    takes_reads: takes_reads(database, server),
                    servers,
                    waiting,
                    wait,
                });
            }
        }
    }
    found
}

fn takes_reads(database: &Database, server: &Server) -> bool {
    let limits = &database.replicas;
    let is_near = server.lag.is_some_and(|lag| lag.time <= limits.max_lag && lag.bytes <= limits.max_lag_bytes);
    match server.role {
        Role::Primary => server.health != Health::Down,
        Role::Replica => {
            let is_up = matches!(server.health, Health::Up | Health::Suspect);
            limits.enabled && is_up && is_near && server.weight > 0
        }
    }
}

/// Every run of buckets, range and pin.
pub fn entries(shared: &Shared) -> Vec<MapEntry> {
    let topology = shared.topology.load_full();
    let mut found = Vec::new();
    for database in databases(&topology) {
        for keyspace in &database.map.keyspaces {
            found.extend(of_keyspace(database, keyspace));
        }
    }
    found
}

fn of_keyspace(database: &Database, keyspace: &Keyspace) -> Vec<MapEntry> {
    let entry = |kind, from, to, shard| MapEntry {
        database: database.name.clone(),
        keyspace: keyspace.name.clone(),
        kind,
        from,
        to,
        shard: database.map.shard_name(shard).into(),
    };
    let mut found: Vec<MapEntry> = match &keyspace.method {
        Method::Hash { buckets } => {
            let mut first = 0;
            let runs = buckets.chunk_by(|one, other| one == other).map(|run| {
                let last = first + run.len() - 1;
                let entry = entry(MapKind::Buckets, Some(first.to_string()), Some(last.to_string()), run[0]);
                first = last + 1;
                entry
            });
            runs.collect()
        }
        Method::Range(ranges) => {
            let text = |bound: &Option<_>| bound.as_ref().map(ToString::to_string);
            ranges.iter().map(|it| entry(MapKind::Range, text(&it.from), text(&it.to), it.shard)).collect()
        }
    };
    let mut pins: Vec<_> = keyspace.pins.iter().collect();
    pins.sort();
    found.extend(pins.into_iter().map(|(key, shard)| {
        let key = key.to_string();
        entry(MapKind::Pin, Some(key.clone()), Some(key), *shard)
    }));
    found
}

/// Every keyspace.
pub fn keyspaces(shared: &Shared) -> Vec<KeyspaceEntry> {
    let topology = shared.topology.load_full();
    let mut found = Vec::new();
    for database in databases(&topology) {
        for (index, keyspace) in database.map.keyspaces.iter().enumerate() {
            let (method, parts) = match &keyspace.method {
                Method::Hash { buckets } => ("hash", buckets.len()),
                Method::Range(ranges) => ("range", ranges.len()),
            };
            found.push(KeyspaceEntry {
                database: database.name.clone(),
                keyspace: keyspace.name.clone(),
                key_type: keyspace.key_type.name(),
                method,
                parts,
                pins: keyspace.pins.len(),
                tables: tables(&database.map, index),
            });
        }
    }
    found
}

fn tables(map: &ShardMap, keyspace: usize) -> Vec<String> {
    let of = map.tables.iter().filter_map(|(table, placement)| match placement {
        Placement::Sharded { keyspace: of, key } if usize::from(of.0) == keyspace => {
            Some(format!("{}.{} ({key})", table.schema, table.name))
        }
        Placement::Sharded { .. } | Placement::Reference | Placement::Single(_) => None,
    });
    let mut tables: Vec<String> = of.collect();
    tables.sort();
    tables
}
