//! From a key, an interval of keys or a name to shards.

use std::collections::HashMap;

use super::{KeyRange, Keyspace, KeyspaceId, Method, Placement, ShardId, ShardMap, ShardSet, TableName};
use crate::logic::value::{Key, KeyType};

/// Intervals of up to this many integers or days are looked up key by key in a hash keyspace.
const ENUMERATED_MAX: i128 = 64;

/// A bound of an interval and whether it is included; `None` is unbounded.
pub type Bound<'a> = Option<(&'a Key, bool)>;

impl ShardMap {
    /// The columns and indexes of the tables of this name that the operator vouches for.
    pub fn vouched(&self, table: &str) -> impl Iterator<Item = &str> {
        let tables = self.unique.iter().filter(move |(name, _)| *name.name == *table);
        tables.flat_map(|(_, names)| names).map(Box::as_ref)
    }

    /// Where a listed table lives; what is not listed is on `default_shard` or nowhere.
    pub fn placement(&self, table: &TableName) -> Option<&Placement> {
        self.tables.get(table)
    }

    /// Every shard has the same tables.
    pub fn is_uniform(&self) -> bool {
        self.default_shard.is_none() && !self.tables.values().any(|placement| matches!(placement, Placement::Single(_)))
    }

    /// The shard of this name.
    pub fn shard_named(&self, name: &str) -> Option<ShardId> {
        let at = self.shards.iter().position(|shard| **shard == *name)?;
        Some(ShardId(at as u16))
    }

    /// The keyspace of this name.
    pub fn keyspace_named(&self, name: &str) -> Option<KeyspaceId> {
        let at = self.keyspaces.iter().position(|keyspace| *keyspace.name == *name)?;
        Some(KeyspaceId(at as u16))
    }

    /// A keyspace by its id.
    pub fn keyspace(&self, id: KeyspaceId) -> &Keyspace {
        &self.keyspaces[usize::from(id.0)]
    }

    /// A shard's name.
    pub fn shard_name(&self, id: ShardId) -> &str {
        &self.shards[usize::from(id.0)]
    }

    /// Every shard.
    pub fn all_shards(&self) -> ShardSet {
        ShardSet::first_of(self.shards.len())
    }

    /// Does the operator vouch for this function (`schema.name`)? The list names functions with or without a schema.
    pub fn is_local(&self, function: &str) -> bool {
        let bare = function.split_once('.').map_or(function, |(_, bare)| bare);
        self.local_functions.iter().any(|local| **local == *bare || **local == *function)
    }
}

impl Keyspace {
    /// A keyspace of this name.
    pub fn new(name: Box<str>, key_type: KeyType, method: Method, pins: HashMap<Key, ShardId>) -> Self {
        let pinned = pins.values().copied();
        let members = match &method {
            Method::Hash { buckets } => buckets.iter().copied().chain(pinned).collect(),
            Method::Range(ranges) => ranges.iter().map(|range| range.shard).chain(pinned).collect(),
        };
        Self { name, key_type, method, pins, members }
    }

    /// The home of a key; `None` when it lies outside every range.
    pub fn shard_of(&self, key: &Key) -> Option<ShardId> {
        if let Some(shard) = self.pins.get(key) {
            return Some(*shard);
        }
        match &self.method {
            Method::Hash { buckets } => Some(buckets[(key.hash() % buckets.len() as u64) as usize]),
            Method::Range(ranges) => find(ranges, key).map(|range| range.shard),
        }
    }

    /// The bucket or range of a key that is not placed by hand.
    pub fn bucket_of(&self, key: &Key) -> Option<usize> {
        if self.pins.contains_key(key) {
            return None;
        }
        match &self.method {
            Method::Hash { buckets } => Some((key.hash() % buckets.len() as u64) as usize),
            Method::Range(ranges) => {
                let found = find(ranges, key)?;
                ranges.iter().position(|range| std::ptr::eq(range, found))
            }
        }
    }

    /// Every shard that owns a bucket, a range or a pin.
    pub fn all(&self) -> ShardSet {
        self.members
    }

    /// The shards that may hold keys of an interval: never fewer than do.
    pub fn shards_between(&self, from: Bound<'_>, to: Bound<'_>) -> ShardSet {
        // `<` on text follows the column's collation, which need not be the order of the bytes.
        if self.key_type == KeyType::Text {
            return self.all();
        }
        if is_empty(from, to) {
            return ShardSet::EMPTY;
        }
        match &self.method {
            Method::Hash { .. } => match self.enumerate(from, to) {
                Some(keys) => self.shards_of(keys),
                None => self.all(),
            },
            Method::Range(ranges) => {
                let overlapping = ranges.iter().filter(|range| overlaps(range, from, to)).map(|range| range.shard);
                let pinned = self.pins.iter().filter(|(key, _)| is_inside(key, from, to)).map(|(_, shard)| *shard);
                overlapping.chain(pinned).collect()
            }
        }
    }

    /// The homes of these keys, of which there may be more than shards.
    fn shards_of(&self, keys: impl Iterator<Item = Key>) -> ShardSet {
        let mut found = ShardSet::EMPTY;
        for shard in keys.filter_map(|key| self.shard_of(&key)) {
            found.insert(shard);
            if found == self.members {
                break;
            }
        }
        found
    }

    /// Every key of a small interval of integers or days.
    fn enumerate(&self, from: Bound<'_>, to: Bound<'_>) -> Option<impl Iterator<Item = Key> + use<>> {
        let (from, to) = (from?, to?);
        let first = discrete(from.0)? + i128::from(!from.1);
        let last = discrete(to.0)? - i128::from(!to.1);
        let is_date = self.key_type == KeyType::Date;
        let make = move |n: i128| if is_date { Key::Date(n as i32) } else { Key::Int(n as i64) };
        (last - first < ENUMERATED_MAX).then(|| (first..=last).map(make))
    }
}

/// The range that holds a key, by binary search.
fn find<'a>(ranges: &'a [KeyRange], key: &Key) -> Option<&'a KeyRange> {
    let after = ranges.partition_point(|range| range.from.as_ref().is_none_or(|from| from <= key));
    let range = &ranges[after.checked_sub(1)?];
    range.to.as_ref().is_none_or(|to| key < to).then_some(range)
}

fn is_empty(from: Bound<'_>, to: Bound<'_>) -> bool {
    match (from, to) {
        (Some((from, from_included)), Some((to, to_included))) => {
            from > to || (from == to && !(from_included && to_included))
        }
        (None, _) | (_, None) => false,
    }
}

fn is_inside(key: &Key, from: Bound<'_>, to: Bound<'_>) -> bool {
    from.is_none_or(|(from, included)| if included { from <= key } else { from < key })
        && to.is_none_or(|(to, included)| if included { key <= to } else { key < to })
}

fn overlaps(range: &KeyRange, from: Bound<'_>, to: Bound<'_>) -> bool {
    let ends_before = matches!((&range.to, from), (Some(end), Some((from, _))) if end <= from);
    let begins_after =
        matches!((&range.from, to), (Some(begin), Some((to, included))) if begin > to || (begin == to && !included));
    !ends_before && !begins_after
}

/// The number of a key whose type has a next value.
fn discrete(key: &Key) -> Option<i128> {
    match key {
        Key::Int(value) => Some(i128::from(*value)),
        Key::Date(i32::MIN | i32::MAX) => None,
        Key::Date(days) => Some(i128::from(*days)),
        Key::Text(_) | Key::Uuid(_) | Key::Timestamp(_) | Key::Numeric(_) => None,
    }
}
