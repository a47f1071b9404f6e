//! The nanoseconds that every statement pays: lexing, decoding and hashing a key, finding its shard, splitting COPY rows.

use divan::{Bencher, black_box};
use foldhash::quality::RandomState;
use shardway::logic::copy::{CopyFormat, CopyPart, RowSplitter};
use shardway::logic::shards::{BucketRun, Keyspace, Method, ShardId};
use shardway::logic::sql::template::Template;
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
    bencher.bench_local(|| template.lex(black_box(text.as_bytes())).hash);
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
    Keyspace::new("k".into(), key_type, method, std::collections::HashMap::new())
}

/// A thousand rows of 60 bytes, pushed in messages of 8 KiB.
#[divan::bench]
fn split_copy_text(bencher: Bencher<'_, '_>) {
    let format = CopyFormat::Text { delimiter: b'\t', null: b"\\N".as_slice().into(), has_header: false };
    bench_split(bencher, &format, "81234\tclick\t2026-01-31 18:30:00+00\tsome text of usual length\n");
}

#[divan::bench]
fn split_copy_csv(bencher: Bencher<'_, '_>) {
    let format = CopyFormat::Csv {
        delimiter: b',',
        quote: b'"',
        escape: b'"',
        null: Box::default(),
        has_header: false,
        key_force_null: false,
        key_force_not_null: false,
    };
    bench_split(bencher, &format, "81234,click,2026-01-31 18:30:00+00,\"some text, quoted\"\n");
}

fn bench_split(bencher: Bencher<'_, '_>, format: &CopyFormat, row: &str) {
    let stream = row.repeat(1000);
    bencher.bench_local(|| {
        let mut splitter = RowSplitter::new(format.clone(), 0, 1 << 20);
        let mut rows = 0;
        for payload in stream.as_bytes().chunks(8192) {
            splitter.push(payload);
            while let Ok(Some(CopyPart::Row { key, .. })) = splitter.next() {
                black_box(key);
                rows += 1;
            }
        }
        rows
    });
}
