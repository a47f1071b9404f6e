//! Transactions over several shards that are prepared and not finished, as the control plane last found them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::logic::console::snapshot::{TransactionEntry, TransactionState};

/// Of all databases of one proxy, by database and shard.
#[derive(Debug, Default)]
pub struct Doubts {
    found: Mutex<HashMap<Place, Found>>,
}

/// Database and shard, or database and name.
type Place = (Box<str>, Box<str>);

/// Shards, and the longest age.
type OfShards = (Vec<Box<str>>, Duration);

/// What one shard listed: names and ages.
#[derive(Debug)]
struct Found {
    at: Instant,
    prepared: Vec<(Box<str>, Duration)>,
}

impl Doubts {
    /// A shard has been asked.
    pub fn set(&self, database: &str, shard: &str, prepared: Vec<(Box<str>, Duration)>) {
        let key = (database.into(), shard.into());
        let mut found = self.found.lock();
        if prepared.is_empty() {
            found.remove(&key);
        } else {
            found.insert(key, Found { at: Instant::now(), prepared });
        }
    }

    /// All of them: one entry a transaction.
    pub fn all(&self, now: Instant) -> Vec<TransactionEntry> {
        let mut by_gid: HashMap<Place, OfShards> = HashMap::new();
        for ((database, shard), found) in &*self.found.lock() {
            let since = now.saturating_duration_since(found.at);
            for (gid, age) in &found.prepared {
                let entry = by_gid.entry((database.clone(), gid.clone())).or_default();
                entry.0.push(shard.clone());
                entry.1 = entry.1.max(*age + since);
            }
        }
        let entries = by_gid.into_iter().map(|((database, gid), (mut shards, age))| {
            shards.sort();
            TransactionEntry {
                database,
                state: TransactionState::InDoubt,
                client: 0,
                user: Box::default(),
                shards: shards.join(", "),
                age,
                gid,
            }
        });
        entries.collect()
    }
}
