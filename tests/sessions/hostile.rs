//! Bytes that no client should send: an error or a close, the process lives, other clients feel nothing, memory stays.

use std::time::Duration;

use super::STAGE;
use crate::support::wire::{self, Wire, bind, message, parse, query, startup, sync, text};

/// What is sent instead of a startup message.
fn openings() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", vec![]),
        ("one byte", vec![0]),
        ("a length of zero", vec![0, 0, 0, 0]),
        ("a length of four", vec![0, 0, 0, 4]),
        ("a negative length", vec![0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0]),
        ("a huge length", [&[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0][..], &[b'a'; 5000]].concat()),
        ("http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("an unknown version", startup(0x0009_0000, &[("user", "app")])),
        ("version two", startup(0x0002_0000, &[("user", "app")])),
        ("no user", startup(196_608, &[("database", "app")])),
        ("no terminator", vec![0, 0, 0, 12, 0, 3, 0, 0, b'u', b's', b'e', b'r']),
        ("a name without value", vec![0, 0, 0, 14, 0, 3, 0, 0, b'u', b's', b'e', b'r', 0, 0]),
        ("a user that is not utf-8", [&[0, 0, 0, 16, 0, 3, 0, 0][..], b"user\0\xff\0\0"].concat()),
        ("a cancel request that is cut", vec![0, 0, 0, 16, 4, 0xd2, 0x16, 0x2e, 0, 0]),
        ("a cancel request for nobody", vec![0, 0, 0, 16, 4, 0xd2, 0x16, 0x2e, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("tls asked for twice", [0_u8, 0, 0, 8, 4, 0xd2, 0x16, 0x2f].repeat(20)),
        ("tls hello out of the blue", vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
    ]
}

/// What is sent after login.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let raw = |tag: u8, length: i32, body: &[u8]| [&[tag][..], &length.to_be_bytes(), body].concat();
    let mut odd_bind = vec![0, 0];
    odd_bind.extend_from_slice(&[0, 1, 0, 9, 0xff, 0xff, 0x7f, 0xff]);
    vec![
        ("an unknown message", message(b'~', b"x")),
        ("a zero tag", message(0, b"")),
        ("a length below four", raw(b'Q', 3, b"")),
        ("a negative length", raw(b'Q', -5, b"")),
        ("the most negative length", raw(b'P', i32::MIN, b"")),
        ("the largest length", raw(b'Q', i32::MAX, b"SELECT 1")),
        ("a query without its end", message(b'Q', b"SELECT 1")),
        ("an empty query message", message(b'Q', b"")),
        ("a zero inside a query", message(b'Q', b"SELECT 1\0SELECT 2\0")),
        ("a Parse without its types", message(b'P', b"s\0SELECT 1\0")),
        ("a Parse with more types than bytes", message(b'P', b"s\0SELECT 1\0\xff\xff\0\0")),
        ("a Parse of a negative count", message(b'P', b"s\0SELECT 1\0\x80\0")),
        ("a Bind that lies about lengths", message(b'B', &odd_bind)),
        ("a Bind cut short", message(b'B', b"\0\0\0")),
        (
            "a Bind with trailing bytes",
            [parse("", "SELECT $1::text", &[]), message(b'B', b"\0\0\0\0\0\x01\0\0\0\x01a\0\0extra"), sync()].concat(),
        ),
        ("a Describe of a wrong kind", [message(b'D', b"Xs\0"), sync()].concat()),
        ("a Close of a wrong kind", [message(b'C', b"Xs\0"), sync()].concat()),
        ("an Execute cut short", [message(b'E', b"\0\0"), sync()].concat()),
        ("a Sync with a body", message(b'S', b"body")),
        ("a password after login", message(b'p', b"secret\0")),
        ("a function call cut short", message(b'F', b"\0\0")),
        ("copy done, out of place", [message(b'c', b""), message(b'd', b"xxx")].concat()),
        ("half a message", raw(b'Q', 100, b"SELECT")),
        ("deeply nested sql", query(&format!("SELECT {}1{}", "(".repeat(2000), ")".repeat(2000)))),
        ("twenty thousand terms", query(&format!("SELECT {}", vec!["1"; 20_000].join("+")))),
        (
            "twenty thousand ORs of the key",
            query(&format!("SELECT 1 FROM events WHERE {}", vec!["client_id = 1"; 20_000].join(" OR "))),
        ),
        (
            "deeply nested subqueries",
            query(&format!("SELECT * FROM {}events{}", "(SELECT * FROM ".repeat(500), ") x".repeat(500))),
        ),
        ("NOT, ten thousand times", query(&format!("SELECT 1 WHERE {} true", "NOT ".repeat(10_000)))),
        ("an open comment", query(&format!("SELECT {}", "/*".repeat(10_000)))),
        ("an open string", query("SELECT 'open")),
        ("an open dollar quote", query("SELECT $x$ open")),
        ("a long name", query(&format!("SELECT 1 AS {}", "n".repeat(100_000)))),
        ("a long statement name", [parse(&"s".repeat(100_000), "SELECT 1", &[]), sync()].concat()),
        ("random bytes", noise(1, 10_000)),
        ("more random bytes", noise(2, 100)),
        (
            "parameters nobody asked for",
            [parse("", "SELECT 1", &[]), bind("", "", &vec![text("x"); 1000], 0), sync()].concat(),
        ),
    ]
}

#[test]
fn hostile_openings_end_in_an_error_or_a_close() {
    let stage = &*STAGE;
    for (name, bytes) in openings() {
        let mut wire = Wire::connect(stage.proxy.port).unwrap();
        wire.set_patience(Duration::from_secs(10));
        wire.send(&bytes).ok();
        wire.finish_sending();
        let end = read_to_end(&mut wire);
        assert!(end.is_ok(), "{name}: {end:?}");
        proxy_is_well(name);
    }
}

#[test]
fn hostile_messages_end_in_an_error_or_a_close() {
    let stage = &*STAGE;
    let before = stage.proxy.resident_kib();
    for (name, bytes) in messages() {
        let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        wire.set_patience(Duration::from_secs(30));
        wire.send(&bytes).ok();
        wire.finish_sending();
        let end = read_to_end(&mut wire);
        assert!(end.is_ok(), "{name}: {end:?}");
        proxy_is_well(name);
    }
    if let (Some(before), Some(after)) = (before, stage.proxy.resident_kib()) {
        assert!(after < before + 200_000, "memory grew from {before} to {after} KiB");
    }
}

#[test]
fn clients_may_vanish_at_any_byte() {
    let stage = &*STAGE;
    let whole = [startup(196_608, &[("user", "app"), ("database", "app")]), noise(3, 30)].concat();
    for cut in 0..whole.len() {
        let mut wire = Wire::connect(stage.proxy.port).unwrap();
        wire.send(&whole[..cut]).ok();
    }
    let statement = [
        parse("s", "SELECT * FROM events WHERE client_id = $1", &[]),
        bind("", "s", &[text("7")], 0),
        wire::execute("", 0),
        sync(),
    ]
    .concat();
    for cut in 0..statement.len() {
        let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        wire.send(&statement[..cut]).ok();
    }
    for _ in 0..30 {
        let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        wire.send(&query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")).unwrap();
        wire.recv().unwrap();
    }
    for _ in 0..30 {
        let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        wire.rows("BEGIN");
        wire.rows("UPDATE events SET amount = amount WHERE client_id = 7");
    }
    proxy_is_well("after clients vanished");
}

#[test]
fn wrong_logins_look_alike() {
    let stage = &*STAGE;
    let attempt = |user: &str, database: &str, proof: &[u8]| {
        let mut wire = Wire::connect(stage.proxy.port).unwrap();
        wire.send(&startup(196_608, &[("user", user), ("database", database)])).unwrap();
        let asked = wire.recv().unwrap();
        wire.send(&message(b'p', proof)).unwrap();
        wire.finish_sending();
        let end = wire.until_closed().unwrap();
        let errors: Vec<String> =
            end.iter().filter(|frame| frame.tag == b'E').map(|frame| wire::error_field(&frame.body, b'C')).collect();
        (asked.body[..4].to_vec(), errors)
    };
    let first = b"SCRAM-SHA-256\0\0\0\0\x20n,,n=,r=abcdefghijklmnopqrstuvwx";
    let seen: Vec<_> = [("app", "app"), ("nobody", "app"), ("app", "nowhere"), ("nobody", "nowhere")]
        .into_iter()
        .map(|(user, database)| attempt(user, database, first))
        .collect();
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    for proof in
        [&b""[..], b"\0", b"SCRAM-SHA-256\0", b"SCRAM-SHA-256\0\xff\xff\xff\xff", b"NOPE\0\0\0\0\0", &noise(4, 200)]
    {
        let (_, errors) = attempt("app", "app", proof);
        assert!(errors.len() <= 1, "{errors:?}");
    }
    proxy_is_well("after wrong logins");
}

/// Another client is served, by every shard.
fn proxy_is_well(after: &str) {
    let mut wire = Wire::login(STAGE.proxy.port, "app", &[]).unwrap_or_else(|error| panic!("after {after}: {error}"));
    for client in 1..=6 {
        assert_eq!(
            wire.value(&format!("SELECT count(*) FROM events WHERE client_id = {client}")),
            "6",
            "after {after}"
        );
    }
}

fn read_to_end(wire: &mut Wire) -> std::io::Result<()> {
    match wire.until_closed() {
        Ok(_) => Ok(()),
        // What is not a frame (an `N` to a TLS request) is an answer too.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(()),
        Err(error) => Err(error),
    }
}

/// Bytes that look random and are the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}
