//! Builds the method of a keyspace from what the map says, or tells everything that is wrong with it.

use std::fmt;

use super::{KeyRange, Method, ShardId, ShardMap, ShardSet};
use crate::logic::value::Key;

/// Buckets a keyspace may have: enough for any fleet, and a map that prints.
const BUCKETS_MAX: u32 = 65_536;

/// `a = "0-85"`: consecutive buckets of one shard, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketRun {
    /// First bucket
    pub first: u32,
    /// Last bucket
    pub last: u32,
    /// Their shard
    pub shard: ShardId,
}

/// What is wrong with a map. `entry` and `other` count the runs or ranges as they were given, so that a message can
/// point to their place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapProblem {
    /// No shard has any bucket or range
    Empty,
    /// `"85-0"`
    RunReversed {
        /// The run
        entry: usize,
        /// Its ends as written
        first: u32,
        /// Its ends as written
        last: u32,
    },
    /// A bucket number above what is supported
    TooManyBuckets {
        /// The run
        entry: usize,
        /// Its last bucket
        last: u32,
    },
    /// Two runs claim a bucket
    BucketTwice {
        /// The later run
        entry: usize,
        /// The earlier run
        other: usize,
        /// The lowest bucket they share
        bucket: u32,
    },
    /// Buckets below the highest that no run names
    BucketsMissing {
        /// First of them
        first: u32,
        /// Last of them
        last: u32,
    },
    /// A range without a key
    RangeEmpty {
        /// The range
        entry: usize,
        /// Lower bound
        from: Key,
        /// Upper bound
        to: Key,
    },
    /// Two ranges share keys
    RangesOverlap {
        /// The range that begins later
        entry: usize,
        /// The range that begins earlier
        other: usize,
        /// A key of both; `None` when both are unbounded below
        key: Option<Key>,
    },
    /// More shards than a set of shards holds
    TooManyShards {
        /// How many
        count: usize,
    },
}

impl MapProblem {
    /// The entry to point to; `None` for a problem of the whole.
    pub fn entry(&self) -> Option<usize> {
        match self {
            Self::RunReversed { entry, .. }
            | Self::TooManyBuckets { entry, .. }
            | Self::BucketTwice { entry, .. }
            | Self::RangeEmpty { entry, .. }
            | Self::RangesOverlap { entry, .. } => Some(*entry),
            Self::Empty | Self::BucketsMissing { .. } | Self::TooManyShards { .. } => None,
        }
    }
}

impl ShardMap {
    /// A map that a [`ShardSet`] can speak of; methods are checked as they are made.
    pub fn check_size(&self) -> Result<(), MapProblem> {
        match self.shards.len() {
            0..=ShardSet::CAPACITY => Ok(()),
            count => Err(MapProblem::TooManyShards { count }),
        }
    }
}

impl fmt::Display for MapProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "no shard has any keys"),
            Self::RunReversed { first, last, .. } => {
                write!(f, "buckets {first}-{last} run backwards; write {last}-{first}")
            }
            Self::TooManyBuckets { last, .. } => {
                write!(f, "bucket {last} is too high; the highest is {}", BUCKETS_MAX - 1)
            }
            Self::BucketTwice { bucket, .. } => write!(f, "bucket {bucket} has two shards"),
            Self::BucketsMissing { first, last } if first == last => write!(f, "bucket {first} has no shard"),
            Self::BucketsMissing { first, last } => write!(f, "buckets {first}-{last} have no shard"),
            Self::RangeEmpty { from, to, .. } => {
                write!(f, "the range from {from} to {to} holds no key; the upper bound is excluded")
            }
            Self::RangesOverlap { key: Some(key), .. } => write!(f, "key {key} lies in two ranges"),
            Self::RangesOverlap { key: None, .. } => write!(f, "two ranges have no lower bound"),
            Self::TooManyShards { count } => {
                write!(f, "{count} shards are too many; at most {} are supported", ShardSet::CAPACITY)
            }
        }
    }
}

impl Method {
    /// Hash buckets: the highest bucket named tells how many there are, and each must have exactly one shard.
    pub fn hash(runs: &[BucketRun]) -> Result<Self, Vec<MapProblem>> {
        let mut problems: Vec<_> = runs.iter().enumerate().filter_map(|(entry, run)| check_run(entry, run)).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let Some(highest) = runs.iter().map(|run| run.last).max() else { return Err(vec![MapProblem::Empty]) };
        let mut owners: Vec<Option<usize>> = vec![None; highest as usize + 1];
        for (entry, run) in runs.iter().enumerate() {
            let claimed = &mut owners[run.first as usize..=run.last as usize];
            if let Some((at, other)) = claimed.iter().enumerate().find_map(|(at, owner)| owner.map(|other| (at, other)))
            {
                problems.push(MapProblem::BucketTwice { entry, other, bucket: run.first + at as u32 });
            }
            claimed.fill(Some(entry));
        }
        problems.extend(missing(&owners));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self::Hash { buckets: owners.iter().flatten().map(|entry| runs[*entry].shard).collect() })
    }

    /// Ranges in any order; gaps are allowed (their keys have no home), overlaps are not.
    pub fn range(ranges: Vec<KeyRange>) -> Result<Self, Vec<MapProblem>> {
        if ranges.is_empty() {
            return Err(vec![MapProblem::Empty]);
        }
        let mut problems: Vec<_> =
            ranges.iter().enumerate().filter_map(|(entry, range)| check_range(entry, range)).collect();
        let mut sorted: Vec<(usize, KeyRange)> = ranges.into_iter().enumerate().collect();
        sorted.sort_by(|(_, a), (_, b)| a.from.cmp(&b.from));
        // The range that reaches furthest so far: an overlap need not be with the neighbour.
        let mut widest = 0;
        for at in 1..sorted.len() {
            let ((other, before), (entry, range)) = (&sorted[widest], &sorted[at]);
            let overlaps = match (&before.to, &range.from) {
                (Some(end), Some(begin)) => begin < end,
                (None, _) | (_, None) => true,
            };
            if overlaps {
                problems.push(MapProblem::RangesOverlap { entry: *entry, other: *other, key: range.from.clone() });
            }
            let reaches_further = match (&before.to, &range.to) {
                (Some(end), Some(further)) => further > end,
                (Some(_), None) => true,
                (None, _) => false,
            };
            if reaches_further {
                widest = at;
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self::Range(sorted.into_iter().map(|(_, range)| range).collect()))
    }
}

fn check_run(entry: usize, run: &BucketRun) -> Option<MapProblem> {
    match run {
        BucketRun { first, last, .. } if first > last => {
            Some(MapProblem::RunReversed { entry, first: *first, last: *last })
        }
        BucketRun { last, .. } if *last >= BUCKETS_MAX => Some(MapProblem::TooManyBuckets { entry, last: *last }),
        BucketRun { .. } => None,
    }
}

fn check_range(entry: usize, range: &KeyRange) -> Option<MapProblem> {
    match (&range.from, &range.to) {
        (Some(from), Some(to)) if from >= to => {
            Some(MapProblem::RangeEmpty { entry, from: from.clone(), to: to.clone() })
        }
        (Some(_) | None, Some(_) | None) => None,
    }
}

/// Runs of buckets without an owner.
fn missing(owners: &[Option<usize>]) -> Vec<MapProblem> {
    let mut found = Vec::new();
    for run in owners.chunk_by(|a, b| a.is_none() == b.is_none()).scan(0, |first, run| {
        let start = *first;
        *first += run.len();
        Some((start, run))
    }) {
        if let (start, [None, ..]) = run {
            found.push(MapProblem::BucketsMissing { first: start as u32, last: (start + run.1.len() - 1) as u32 });
        }
    }
    found
}
