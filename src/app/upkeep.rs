//! What is done again and again beside the sessions.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::found::Found;
use crate::logic::budget::Owner;
use crate::logic::topology::Address;
use crate::proxy::console::Console;
use crate::proxy::metrics::Standing;
use crate::proxy::shared::Shared;

/// Pools are looked after, and their gauges set, this often.
const UPKEEP: Duration = Duration::from_secs(1);

/// More than the allocator hands out without looking at what else there is.
const LARGE: usize = 8 << 20;

/// Lets time pass in the pools, and shows how they stand.
pub async fn look_after(shared: Arc<Shared>, console: Arc<Console>, mut found: Found) {
    let mut interval = tokio::time::interval(UPKEEP);
    loop {
        interval.tick().await;
        console.tick();
        give_back();
        shared.heat.show(&shared.metrics);
        let topology = shared.topology.load_full();
        found.tick(&shared, &topology, Instant::now());
        let shards = topology.databases.values().flat_map(|database| &database.shards);
        let known: HashMap<&Address, &[IpAddr]> = shards
            .flat_map(|shard| std::iter::once(&shard.primary).chain(&shard.replicas))
            .map(|server| (&server.address, &*server.places))
            .collect();
        let mut servers = HashMap::<Box<str>, Standing>::new();
        for pool in shared.pools.all() {
            pool.keep_to(known.get(&pool.address).copied().unwrap_or_default());
            pool.tick();
            let (counts, wait) = pool.counts();
            let sums = servers.entry(topology.server_label(&pool.database, &pool.server).into()).or_default();
            sums.active += counts.lent;
            sums.idle += counts.idle;
            sums.opening += counts.opening;
            sums.waiting += counts.waiting;
            *sums.connections_max.get_or_insert_default() += pool.connections_max();
            sums.wait_max = sums.wait_max.max(wait);
            let connects = pool.take_connects();
            sums.connects.ok += connects.ok;
            sums.connects.failed += connects.failed;
        }
        shared.metrics.stand(&servers);
        let mut used = HashMap::<&str, (u32, u32)>::new();
        for database in topology.databases.values() {
            let (used, max) = used.entry(database.label()).or_default();
            *used += shared.pools.budgets.used(&Owner::Database(database.name.clone()));
            *max = database.pool.database_max;
        }
        for (label, (used, max)) in used {
            shared.metrics.connections_of(label, used, max);
        }
        shared.metrics.gathered_bytes.set(shared.memory.held() as f64);
        shared.metrics.plan_cache_entries.set(shared.plans() as f64);
        shared.metrics.prepared_statements.set(shared.statements.len() as f64);
    }
}

/// What has been free for some seconds goes back to the system when the allocator is next asked for a large piece, or gets one
/// back. On a proxy that has become quiet that would never be.
fn give_back() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
}
