//! Homes of keys and intervals, and what a wrong map is told.

use proptest::prelude::*;

use super::*;

fn keyspace(key_type: KeyType, method: Method, pins: &[(i64, u16)]) -> Keyspace {
    let pins = pins.iter().map(|(key, shard)| (Key::Int(*key), ShardId(*shard))).collect();
    Keyspace::new("k".into(), key_type, method, pins)
}

fn run(first: u32, last: u32, shard: u16) -> BucketRun {
    BucketRun { first, last, shard: ShardId(shard) }
}

fn range(from: Option<i64>, to: Option<i64>, shard: u16) -> KeyRange {
    KeyRange { from: from.map(Key::Int), to: to.map(Key::Int), shard: ShardId(shard) }
}

fn told(result: Result<Method, Vec<MapProblem>>) -> Vec<String> {
    result.unwrap_err().iter().map(ToString::to_string).collect()
}

fn ids(set: ShardSet) -> Vec<u16> {
    set.iter().map(|shard| shard.0).collect()
}

fn hashed() -> Keyspace {
    let method = Method::hash(&[run(0, 85, 0), run(171, 255, 2), run(86, 170, 1)]).unwrap();
    keyspace(KeyType::BigInt, method, &[(42, 3)])
}

fn ranged() -> Keyspace {
    let ranges = vec![range(Some(10), Some(20), 1), range(None, Some(10), 0), range(Some(30), None, 2)];
    keyspace(KeyType::BigInt, Method::range(ranges).unwrap(), &[(15, 3), (25, 4)])
}

#[test]
fn a_key_lives_in_its_bucket_unless_it_is_pinned() {
    // Buckets as PostgreSQL 15 has them: see value/samples.txt.
    for (key, shard) in [(0, 2), (1, 2), (-1, 1), (42, 3)] {
        assert_eq!(hashed().shard_of(&Key::Int(key)), Some(ShardId(shard)), "{key}");
    }
    assert_eq!(ids(hashed().all()), [0, 1, 2, 3]);
}

#[test]
fn a_key_lives_in_its_range_unless_it_is_pinned() {
    let homes = [
        (i64::MIN, Some(0)),
        (9, Some(0)),
        (10, Some(1)),
        (15, Some(3)),
        (19, Some(1)),
        (20, None),
        (25, Some(4)),
        (29, None),
        (30, Some(2)),
        (i64::MAX, Some(2)),
    ];
    for (key, shard) in homes {
        assert_eq!(ranged().shard_of(&Key::Int(key)), shard.map(ShardId), "{key}");
    }
}

#[test]
fn intervals_over_ranges() {
    type Case = (Option<(i64, bool)>, Option<(i64, bool)>, &'static [u16]);
    let cases: &[Case] = &[
        (None, None, &[0, 1, 2, 3, 4]),
        (Some((0, true)), Some((9, true)), &[0]),
        (Some((0, true)), Some((10, false)), &[0]),
        (Some((0, true)), Some((10, true)), &[0, 1]),
        (Some((10, true)), Some((14, true)), &[1]),
        (Some((14, false)), Some((15, true)), &[1, 3]),
        (Some((20, true)), Some((24, true)), &[]),
        (Some((20, true)), Some((25, true)), &[4]),
        (Some((30, false)), None, &[2]),
        (Some((5, true)), Some((4, true)), &[]),
        (Some((5, true)), Some((5, false)), &[]),
    ];
    for (from, to, expected) in cases {
        let (from, to) = (from.map(|(key, is)| (Key::Int(key), is)), to.map(|(key, is)| (Key::Int(key), is)));
        let bound = |bound: &Option<(Key, bool)>| bound.clone();
        let (from, to) = (bound(&from), bound(&to));
        let found =
            ranged().shards_between(from.as_ref().map(|(key, is)| (key, *is)), to.as_ref().map(|(key, is)| (key, *is)));
        assert_eq!(ids(found), *expected, "{from:?} {to:?}");
    }
}

#[test]
fn intervals_over_text_ignore_the_order_of_the_bytes() {
    let text = |text: &str| Some(Key::Text(text.as_bytes().into()));
    let ranges = vec![
        KeyRange { from: None, to: text("m"), shard: ShardId(0) },
        KeyRange { from: text("m"), to: None, shard: ShardId(1) },
    ];
    let names = keyspace(KeyType::Text, Method::range(ranges).unwrap(), &[]);
    let (from, to) = (text("a").unwrap(), text("b").unwrap());
    assert_eq!(ids(names.shards_between(Some((&from, true)), Some((&to, true)))), [0, 1]);
    assert_eq!(names.shard_of(&to), Some(ShardId(0)));
}

#[test]
fn wrong_buckets() {
    assert_eq!(told(Method::hash(&[])), ["no shard has any keys"]);
    assert_eq!(told(Method::hash(&[run(5, 0, 0)])), ["buckets 5-0 run backwards; write 0-5"]);
    assert_eq!(told(Method::hash(&[run(0, 70_000, 0)])), ["bucket 70000 is too high; the highest is 65535"]);
    assert_eq!(
        told(Method::hash(&[run(1, 9, 0), run(5, 5, 1), run(12, 15, 2)])),
        ["bucket 5 has two shards", "bucket 0 has no shard", "buckets 10-11 have no shard"]
    );
}

#[test]
fn wrong_ranges() {
    assert_eq!(told(Method::range(Vec::new())), ["no shard has any keys"]);
    assert_eq!(
        told(Method::range(vec![range(Some(5), Some(5), 0)])),
        ["the range from 5 to 5 holds no key; the upper bound is excluded"]
    );
    let overlapping = vec![range(Some(0), Some(100), 0), range(Some(5), Some(6), 1), range(Some(50), Some(60), 2)];
    let problems = Method::range(overlapping).unwrap_err();
    assert_eq!(problems.iter().map(MapProblem::entry).collect::<Vec<_>>(), [Some(1), Some(2)]);
    assert_eq!(problems[1].to_string(), "key 50 lies in two ranges");
    assert_eq!(
        told(Method::range(vec![range(None, None, 0), range(None, Some(1), 1)])),
        ["two ranges have no lower bound"]
    );
}

#[test]
fn sets() {
    let set: ShardSet = [0, 63, 64, 255].into_iter().map(ShardId).collect();
    assert_eq!((ids(set), set.len(), set.first(), set.only()), (vec![0, 63, 64, 255], 4, Some(ShardId(0)), None));
    let other = ShardSet::of(ShardId(64));
    assert_eq!(set.intersect(other).only(), Some(ShardId(64)));
    assert_eq!(ShardSet::first_of(3).union(other).len(), 4);
    assert!(set.intersect(ShardSet::of(ShardId(1))).is_empty());
    assert!(set.contains(ShardId(255)) && !set.contains(ShardId(254)));
}

proptest! {
    /// A key inside an interval lives on one of the interval's shards, whatever the method.
    #[test]
    fn an_interval_misses_no_shard(
        a in -100i64..100, width in 0i64..90, key in -100i64..200, from_included: bool, to_included: bool, cuts in prop::collection::btree_set(-100i64..200, 2..8)
    ) {
        let cuts: Vec<i64> = cuts.into_iter().collect();
        let ranges = cuts.windows(2).enumerate().map(|(n, cut)| range(Some(cut[0]), Some(cut[1]), n as u16)).collect();
        let ranged = keyspace(KeyType::BigInt, Method::range(ranges).unwrap(), &[(7, 9)]);
        let (from, to) = (Key::Int(a), Key::Int(a + width));
        let inside = (if from_included { key >= a } else { key > a }) && (if to_included { key <= a + width } else { key < a + width });
        for keyspace in [ranged, hashed()] {
            let shards = keyspace.shards_between(Some((&from, from_included)), Some((&to, to_included)));
            if let (true, Some(home)) = (inside, keyspace.shard_of(&Key::Int(key))) {
                prop_assert!(shards.contains(home));
            }
        }
    }
}
