//! The nanoseconds that every statement pays: lexing, decoding and hashing a key, finding its shard, splitting COPY rows.

use divan::{black_box, Bencher};
use foldhash::quality::RandomState;
use shardway::logic::shards::{BucketRun, Keyspace, Method, ShardId};
use shardway::logic::sql::template::{Strings, Template};
use shardway::logic::value::{Format, Key, KeyType, LiteralKind, Raw};

fn main() {
    divan::main();
}

const POINT_SELECT: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = 419;";
const JOIN: &str = "SELECT o.id, o.placed_at, c.name FROM orders AS o JOIN customers AS c ON c.id = o.customer_id \
    WHERE o.customer_id = 81234 AND o.status IN ('open', 'paid') AND o.placed_at >= '2026-01-01' ORDER BY o.placed_at DESC LIMIT 50";

#[divan::bench(args = [POINT_SELECT, JOIN], sample_size = 2000)]
fn lex(bencher: Bencher<'_, '_>, text: &str) {
    let mut template = Template::new(RandomState::default());
    bencher.bench_local(|| template.lex(black_box(text.as_bytes()), Strings::Standard).hash);
}

#[divan::bench(sample_size = 2000)]
fn decode_literal() -> bool {
    let raw = Raw::Literal { kind: LiteralKind::Integer, negative: false, text: "81234" };
    KeyType::BigInt.decode(black_box(raw), None) == shardway::logic::value::Decoded::Null
}

#[divan::bench(sample_size = 2000)]
fn decode_binary_param() -> bool {
    let raw = Raw::Param { format: Format::Binary, type_oid: 20, bytes: Some(&[0, 0, 0, 0, 0, 1, 61, 82]) };
    KeyType::BigInt.decode(black_box(raw), None) == shardway::logic::value::Decoded::Null
}

#[divan::bench(sample_size = 2000)]
fn shard_of_bigint(bencher: Bencher<'_, '_>) {
    let keyspace = keyspace(KeyType::BigInt);
    bencher.bench_local(|| keyspace.shard_of(black_box(&Key::Int(81234))));
}

#[divan::bench(sample_size = 2000)]
fn shard_of_text(bencher: Bencher<'_, '_>) {
    let keyspace = keyspace(KeyType::Text);
    let key = Key::Text(b"0123456789abcdef0123456789abcdef".as_slice().into());
    bencher.bench_local(|| keyspace.shard_of(black_box(&key)));
}

fn keyspace(key_type: KeyType) -> Keyspace {
    let runs = [(0, 85), (86, 170), (171, 255)];
    let runs: Vec<BucketRun> =
        (0..3).zip(runs).map(|(shard, (first, last))| BucketRun { first, last, shard: ShardId(shard) }).collect();
    let method = Method::hash(&runs).expect("the buckets have no gaps");
    Keyspace { name: "k".into(), key_type, method, pins: std::collections::HashMap::new() }
}
