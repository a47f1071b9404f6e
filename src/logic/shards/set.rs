//! A set of shards: small, copied, without allocation.

use std::fmt;

use super::ShardId;

/// Shards of one database. Ids from [`ShardSet::CAPACITY`] on do not fit; a map never has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ShardSet([u64; 4]);

impl ShardSet {
    /// A map has at most this many shards.
    pub const CAPACITY: usize = 256;
    /// No shard.
    pub const EMPTY: Self = Self([0; 4]);

    /// One shard.
    pub fn of(shard: ShardId) -> Self {
        let mut set = Self::EMPTY;
        set.insert(shard);
        set
    }

    /// The shards 0 to `count - 1`.
    pub fn first_of(count: usize) -> Self {
        (0..count.min(Self::CAPACITY)).map(|shard| ShardId(shard as u16)).collect()
    }

    /// Adds a shard.
    pub fn insert(&mut self, shard: ShardId) {
        let at = usize::from(shard.0);
        debug_assert!(at < Self::CAPACITY, "the map was checked to have fewer shards");
        self.0[at / 64 % 4] |= 1 << (at % 64);
    }

    /// Is it in the set?
    pub fn contains(self, shard: ShardId) -> bool {
        let at = usize::from(shard.0);
        at < Self::CAPACITY && self.0[at / 64] >> (at % 64) & 1 == 1
    }

    /// In either.
    pub fn union(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// In both.
    pub fn intersect(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// How many.
    pub fn len(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// None at all?
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// In ascending order.
    pub fn iter(self) -> impl Iterator<Item = ShardId> {
        self.0.into_iter().enumerate().flat_map(|(word, bits)| {
            let rest = |bits: &u64| Some(bits & (bits - 1)).filter(|rest| *rest != 0);
            std::iter::successors(Some(bits).filter(|bits| *bits != 0), rest)
                .map(move |bits| ShardId((word * 64) as u16 + bits.trailing_zeros() as u16))
        })
    }

    /// The lowest.
    pub fn first(self) -> Option<ShardId> {
        self.iter().next()
    }

    /// The only one; `None` when there are none or several.
    pub fn only(self) -> Option<ShardId> {
        self.first().filter(|_| self.len() == 1)
    }
}

impl FromIterator<ShardId> for ShardSet {
    fn from_iter<I: IntoIterator<Item = ShardId>>(shards: I) -> Self {
        shards.into_iter().fold(Self::EMPTY, |mut set, shard| {
            set.insert(shard);
            set
        })
    }
}

impl fmt::Debug for ShardSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|shard| shard.0)).finish()
    }
}
