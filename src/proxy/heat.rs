//! Which keys and buckets of each keyspace are asked for most. Sessions tell of one statement in [`EVERY`].

use std::collections::HashMap;
use std::time::Instant;

use parking_lot::Mutex;

use crate::logic::console::snapshot::{HotKey, HotKind};
use crate::logic::hot::{Hot, Load, Sketch};
use crate::logic::shards::{Keyspace, Method, ShardMap};
use crate::logic::topology::Topology;
use crate::logic::touched::Touched;
use crate::logic::value::Key;
use crate::proxy::metrics::Metrics;

/// One statement of so many is looked at.
pub const EVERY: u32 = 128;
/// Keys that are counted for each keyspace.
const COUNTERS: usize = 128;
/// Longer keys are not counted: they would take more room than they tell.
const TEXT_MAX: usize = 256;
/// Keyspaces that are counted; those of maps that are gone are forgotten with all others when there are more.
const KEYSPACES_MAX: usize = 1024;

/// Of all databases of one proxy.
#[derive(Debug, Default)]
pub struct Heat {
    keyspaces: Mutex<HashMap<Place, Counted>>,
}

/// Database and keyspace.
type Place = (Box<str>, Box<str>);

/// Of one keyspace.
#[derive(Debug)]
struct Counted {
    keys: Sketch<Key>,
    buckets: Sketch<usize>,
}

impl Heat {
    /// A statement that was looked at touched these keys.
    pub fn note(&self, database: &str, map: &ShardMap, keys: &Touched, load: Load, now: Instant) {
        // Whoever looks at the moment is not waited for: it is a sample anyway.
        let Some(mut keyspaces) = self.keyspaces.try_lock() else { return };
        for (id, key) in keys {
            let Some(keyspace) = map.keyspaces.get(usize::from(id.0)) else { continue };
            if matches!(key, Key::Text(text) if text.len() > TEXT_MAX) {
                continue;
            }
            if keyspaces.len() >= KEYSPACES_MAX {
                keyspaces.clear();
            }
            let counted = keyspaces
                .entry((database.into(), keyspace.name.clone()))
                .or_insert_with(|| Counted { keys: Sketch::new(COUNTERS, now), buckets: Sketch::new(COUNTERS, now) });
            counted.keys.add(key, load, now);
            if let Some(bucket) = keyspace.bucket_of(key) {
                counted.buckets.add(&bucket, load, now);
            }
        }
    }

    /// Shows in the metrics how much of each keyspace's statements are for its hottest keys.
    pub fn show(&self, metrics: &Metrics) {
        let now = Instant::now();
        let tops: Vec<_> = {
            let keyspaces = self.keyspaces.lock();
            let top = |counted: &Counted| counted.keys.top(3, 1.0, now).iter().map(|hot| hot.share).collect::<Vec<_>>();
            keyspaces.iter().map(|(names, counted)| (names.clone(), top(counted))).collect()
        };
        for ((database, keyspace), top) in tops {
            let share = |rank: usize| top.get(rank).copied().unwrap_or(0.0);
            metrics.hot_keys(&database, &keyspace, [share(0), share(1), share(2)]);
        }
    }

    /// The hottest of each keyspace: so many keys and as many buckets.
    pub fn top(&self, topology: &Topology, count: usize) -> Vec<HotKey> {
        let now = Instant::now();
        let mut found = Vec::new();
        for ((database, name), counted) in &*self.keyspaces.lock() {
            let keyspaces = topology.databases.get(database).map(|database| &database.map);
            let Some((map, keyspace)) =
                keyspaces.and_then(|map| Some((map, map.keyspaces.iter().find(|it| it.name == *name)?)))
            else {
                continue;
            };
            let row = |kind, key: String, shard, hot: Hot<()>| HotKey {
                database: database.clone(),
                keyspace: name.clone(),
                kind,
                key,
                shard,
                share: hot.share,
                error: hot.error,
                statements: hot.load.statements,
                bytes: hot.load.bytes,
                micros: hot.load.micros,
            };
            for hot in counted.keys.top(count, f64::from(EVERY), now) {
                let shard = keyspace.shard_of(&hot.key).map(|shard| map.shard_name(shard).into());
                found.push(row(HotKind::Key, hot.key.to_string(), shard, without_key(&hot)));
            }
            for hot in counted.buckets.top(count, f64::from(EVERY), now) {
                let shard = owner(keyspace, hot.key).map(|shard| map.shard_name(shard).into());
                found.push(row(HotKind::Bucket, hot.key.to_string(), shard, without_key(&hot)));
            }
        }
        let place = |it: &HotKey| (it.database.clone(), it.keyspace.clone(), it.kind == HotKind::Bucket);
        found.sort_by(|one, other| place(one).cmp(&place(other)).then(other.share.total_cmp(&one.share)));
        found
    }
}

fn without_key<K>(hot: &Hot<K>) -> Hot<()> {
    Hot { key: (), load: hot.load, share: hot.share, error: hot.error }
}

fn owner(keyspace: &Keyspace, bucket: usize) -> Option<crate::logic::shards::ShardId> {
    match &keyspace.method {
        Method::Hash { buckets } => buckets.get(bucket).copied(),
        Method::Range(ranges) => ranges.get(bucket).map(|range| range.shard),
    }
}
