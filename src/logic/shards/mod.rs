//! The shard map: which shard is the home of a key, and where each table lives.

use std::collections::HashMap;

use crate::logic::value::{Key, KeyType};

pub use find::Bound;
pub use problem::{BucketRun, MapProblem};
pub use set::ShardSet;

mod set;
mod find;
mod problem;

/// A shard of one database: an index into [`ShardMap::shards`]. Comes only from a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

/// A keyspace of one database: an index into [`ShardMap::keyspaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyspaceId(pub u16);

/// A table's full name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// Schema; the map's unqualified names mean `public`
    pub schema: Box<str>,
    /// Table
    pub name: Box<str>,
}

/// Where a table's rows live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Spread over the shards of a keyspace by the value of one column
    Sharded {
        /// The keyspace
        keyspace: KeyspaceId,
        /// The key column
        key: Box<str>,
    },
    /// A full copy on every shard
    Reference,
    /// On one shard
    Single(ShardId),
}

/// The shard map of one database.
#[derive(Debug, Clone)]
pub struct ShardMap {
    /// Names of the shards, in the order of the file; a `ShardId` indexes them
    pub shards: Vec<Box<str>>,
    /// The keyspaces; a `KeyspaceId` indexes them
    pub keyspaces: Vec<Keyspace>,
    /// Listed tables
    pub tables: HashMap<TableName, Placement>,
    /// Home of the tables that are not listed; without it they are refused by name
    pub default_shard: Option<ShardId>,
    /// User-defined functions that the operator vouches for: they read only rows of the shard they run on
    pub local_functions: Vec<Box<str>>,
    /// Columns and indexes of sharded tables that the operator vouches for: no two rows have the same values there, on
    /// whichever shards they are
    pub unique: HashMap<TableName, Vec<Box<str>>>,
}

/// How the values of one kind of key map to shards.
#[derive(Debug, Clone)]
pub struct Keyspace {
    /// Its name in the map
    pub name: Box<str>,
    /// The type of its keys
    pub key_type: KeyType,
    /// Hash or range
    pub method: Method,
    /// Single keys placed by hand; they win over the method
    pub pins: HashMap<Key, ShardId>,
    /// Every shard that owns a bucket, a range or a pin
    members: ShardSet,
}

/// How a keyspace finds a shard.
#[derive(Debug, Clone)]
pub enum Method {
    /// PostgreSQL's hash-partition function modulo the number of buckets; one entry a bucket
    Hash {
        /// The shard of each bucket
        buckets: Box<[ShardId]>,
    },
    /// Sorted, non-overlapping ranges
    Range(Box<[KeyRange]>),
}

/// `from` included, `to` excluded; `None` is unbounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// Lower bound, included
    pub from: Option<Key>,
    /// Upper bound, excluded
    pub to: Option<Key>,
    /// Home of the range
    pub shard: ShardId,
}

#[cfg(test)]
mod tests;
