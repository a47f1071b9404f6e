//! The checks of the fuzz targets, driven by random input from a seed that a failure names.
//!
//! `SHARDWAY_FUZZ_SECONDS=300 cargo test --test all fuzz::` looks longer, with fresh seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Bytes of servers and clients.
#[path = "checks/frames.rs"]
mod frames;
/// Texts of statements.
#[path = "checks/lexer.rs"]
mod lexer;
/// Rows of COPY.
#[path = "checks/copy.rs"]
mod copy;

/// So many inputs in an ordinary run; always the same ones.
const INPUTS: u64 = 20_000;

#[test]
fn any_frames_in_any_pieces() {
    drive(frames::run, |rng| {
        let mut bytes = vec![rng.random()];
        bytes.extend((0..12).map(|_| rng.random::<u8>()));
        for _ in 0..rng.random_range(0..12) {
            let tags = b"CCZZE1D3T2tnsISNAGHWdcKRvQPBx\0";
            let body = body(rng);
            bytes.push(tags[rng.random_range(0..tags.len())]);
            let length = match rng.random_range(0..40) {
                0 => rng.random::<u32>(),
                1 => rng.random_range(0..4),
                _ => body.len() as u32 + 4,
            };
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&body);
        }
        bytes
    });
}

fn body(rng: &mut StdRng) -> Vec<u8> {
    let known: &[&[u8]] = &[
        b"I",
        b"T",
        b"E",
        b"SELECT 1\0",
        b"SERROR\0VERROR\0C22012\0Mdivision by zero\0\0",
        b"SFATAL\0VFATAL\0C57P01\0Mbye\0\0",
        b"SERROR\0C0A000\0Mx\0RRevalidateCachedQuery\0\0",
        b"SERROR\0C42P05\0Mprepared statement \"sw_1\" already exists\0\0",
        b"TimeZone\0UTC\0",
        b"\0s\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x07\0\0",
        b"",
    ];
    match rng.random_range(0..3) {
        0 => (0..rng.random_range(0..30)).map(|_| rng.random()).collect(),
        _ => known[rng.random_range(0..known.len())].to_vec(),
    }
}

#[test]
fn any_text_reads_as_postgresql_reads_it() {
    const PIECES: &[&str] = &[
        "SELECT ",
        "INSERT INTO t VALUES (",
        "UPDATE t SET a = ",
        " FROM t ",
        " WHERE ",
        " AND ",
        "'",
        "''",
        "'a'",
        "'a''b'",
        "\"",
        "\"q\"",
        "\"\"",
        "--",
        "-- c\n",
        "/*",
        "*/",
        "/* c */",
        "/* /* n */ */",
        "/*shardway.shard=a*/",
        "\n",
        "\r",
        "\t",
        "\x0c",
        " ",
        " ",
        ",",
        "(",
        ")",
        ";",
        ";",
        "+",
        "-",
        "<-",
        "*",
        "/",
        "@",
        "=",
        "::text",
        ".",
        "..",
        "$1",
        "$",
        "$$",
        "$a$",
        "E'x'",
        "e",
        "E'",
        "U&'",
        "u&\"d\"",
        "x'1f'",
        "b'1'",
        "n'",
        "abc",
        " as ",
        "é",
        "€",
        "\u{a0}",
        "\\",
        "\\'",
        "1",
        "12",
        "2147483648",
        "99999999999999999999",
        "1.5",
        ".5",
        "1.",
        "1e5",
        "e5",
        "1e",
        "0x1",
        "1_0",
        "1a",
        " date ",
        " interval ",
        "[1:2]",
        ":=",
        "=>",
        "!=-",
        "||",
        "\x01",
        "\x04",
        "\x0b",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
    ];
    drive(lexer::run, |rng| {
        let start = if rng.random_bool(0.7) { "SELECT " } else { "" };
        let count = rng.random_range(0..12);
        let text = (0..count).fold(start.to_owned(), |text, _| text + PIECES[rng.random_range(0..PIECES.len())]);
        let mut bytes = text.into_bytes();
        if rng.random_bool(0.1) && !bytes.is_empty() {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        bytes
    });
}

#[test]
fn any_copy_stream_in_any_pieces() {
    const PIECES: &[&[u8]] = &[
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\t",
        b",",
        b"\"",
        b"\"\"",
        b"'",
        b"\\",
        b"\\\\",
        b"\\.",
        b"\\.\n",
        b"\n\\.\n",
        b"\\N",
        b"\\n",
        b"\\x41",
        b"\\101",
        b"a",
        b"1",
        b"key",
        b"\xc3\xa9",
        b"\0\0\0\x04",
        b"\0\x02",
        b"\xff\xff",
        b"\xff\xff\xff\xff",
        b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0",
        b"\0\x01\0\0\0\x02ab",
    ];
    drive(copy::run, |rng| {
        let mut bytes = vec![rng.random(), rng.random(), rng.random_range(0..8)];
        if bytes[0] % 5 == 0 && rng.random_bool(0.8) {
            bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        }
        for _ in 0..rng.random_range(0..30) {
            bytes.extend_from_slice(PIECES[rng.random_range(0..PIECES.len())]);
        }
        bytes
    });
}

/// Runs a check on many inputs; the one that fails is shown.
fn drive(check: fn(&[u8]), input: impl Fn(&mut StdRng) -> Vec<u8>) {
    let seconds = std::env::var("SHARDWAY_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let deadline = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let base: u64 = if deadline.is_some() { rand::random::<u64>() >> 1 } else { 0 };
    let mut tried = 0;
    while deadline.map_or(tried < INPUTS, |deadline| Instant::now() < deadline) {
        let bytes = input(&mut StdRng::seed_from_u64(base + tried));
        let checked = catch_unwind(AssertUnwindSafe(|| check(&bytes)));
        assert!(checked.is_ok(), "seed {}: {}", base + tried, bytes.escape_ascii());
        tried += 1;
    }
}
