//! Cancel requests to statements that no server runs: they wait for one.

use super::*;

const CANCELLED: &str = "SERROR | VERROR | C57014 | Mcanceling statement due to user request";

fn count(stage: &Stage, shard: usize) -> String {
    format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[shard])
}

fn extended(sql: &str) -> Vec<u8> {
    [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat()
}

/// Sends it, and returns when so many clients wait.
fn send_to_wait(proxy: &Proxy, wire: &mut Wire, messages: &[u8], waiting: f64) {
    wire.send(messages).unwrap();
    until("it waits", || metric(proxy, "shardway_clients", &["state=\"waiting\""]) == waiting);
}

/// It hears that its statement is cancelled, and nothing else.
fn assert_cancelled(wire: &mut Wire, status: u8, what: &str) {
    let frames = wire.until_ready().unwrap();
    assert!(whole_error(&frames).starts_with(CANCELLED), "{what}: {frames:?}");
    assert_eq!(frames.len(), 2, "{what}: {frames:?}");
    assert_eq!(frames[1].body, [status], "{what}");
}

#[test]
fn a_statement_that_waits_for_a_connection_is_cancelled() {
    let stage = &*STAGE;
    let proxy = stage.proxy("cancelled", &Settings { database: "pool_size = 1", ..Settings::default() });
    let (mut holder, mut wire, mut third) = (login(&proxy), login(&proxy), login(&proxy));
    holder.rows(&format!("BEGIN; {}", count(stage, 1)));
    // The one connection more that the pool has for transactions that hold others is lent, too.
    let mut other = login(&proxy);
    other.rows(&format!("BEGIN; {}", count(stage, 2)));
    assert_eq!(other.value(&count(stage, 1)), "6");
    let update = format!("UPDATE events SET kind = 'ghost' WHERE client_id = {}", stage.clients[1]);
    let cases = [
        wire::query(&count(stage, 1)),
        wire::query(&update),
        wire::query(&format!("{}; {}", count(stage, 1), count(stage, 1))),
        wire::query("SELECT count(*) FROM events"),
        wire::query("SELECT id FROM events ORDER BY id LIMIT 3"),
        wire::query("UPDATE events SET kind = 'ghost' WHERE id < 3"),
        [extended(&count(stage, 1)), wire::sync()].concat(),
        [extended("SELECT id FROM events ORDER BY id LIMIT 3"), wire::sync()].concat(),
        // What could have gone ahead is cancelled too.
        [extended(&count(stage, 0)), extended(&count(stage, 1)), wire::sync()].concat(),
    ];
    for messages in &cases {
        let what = String::from_utf8_lossy(messages).into_owned();
        send_to_wait(&proxy, &mut wire, messages, 1.0);
        wire.cancel().unwrap();
        let frames = wire.until_ready().unwrap();
        assert!(whole_error(&frames).starts_with(CANCELLED), "{what}: {frames:?}");
        assert!(frames.iter().all(|frame| !b"DC".contains(&frame.tag)), "{what}: {frames:?}");
        assert_eq!(frames.last().unwrap().body, b"I", "{what}");
        // What it held meanwhile is free.
        assert_eq!(third.value(&count(stage, 0)), "6", "{what}");
    }
    // By its number, too.
    send_to_wait(&proxy, &mut wire, &cases[0], 1.0);
    assert_eq!(third.value(&format!("/* shardway shard=a */ SELECT pg_cancel_backend({})", wire.pid())), "t");
    assert_cancelled(&mut wire, b'I', "pg_cancel_backend");
    // Its place in the queue is given back.
    send_to_wait(&proxy, &mut wire, &cases[0], 1.0);
    send_to_wait(&proxy, &mut third, &cases[0], 2.0);
    wire.cancel().unwrap();
    assert_cancelled(&mut wire, b'I', "the first in the queue");
    other.rows("COMMIT");
    holder.rows("COMMIT");
    assert_eq!(wire::answers(&third.until_ready().unwrap())[0].tag, "SELECT 1");
    assert_eq!(wire.value(&format!("{} AND kind = 'ghost'", count(stage, 1))), "0");
    // One that comes when nothing waits is not for the next statement.
    holder.rows(&format!("BEGIN; {}", count(stage, 1)));
    wire.cancel().unwrap();
    send_to_wait(&proxy, &mut wire, &cases[0], 1.0);
    holder.rows("COMMIT");
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "SELECT 1");
}

#[test]
fn a_transaction_whose_statement_is_cancelled_while_it_waits_has_failed() {
    let stage = &*STAGE;
    let proxy = stage.proxy("cancelled-open", &Settings { database: "pool_size = 1", ..Settings::default() });
    let (mut holder, mut wire) = (login(&proxy), login(&proxy));
    holder.rows(&format!("BEGIN; {}", count(stage, 1)));
    let update = format!("UPDATE events SET kind = 'ghost' WHERE client_id = {}", stage.clients[0]);
    for ask in [wire::query(&count(stage, 1)), [extended(&count(stage, 1)), wire::sync()].concat()] {
        wire.rows("BEGIN");
        wire.rows(&update);
        send_to_wait(&proxy, &mut wire, &ask, 1.0);
        wire.cancel().unwrap();
        assert_cancelled(&mut wire, b'E', "in a transaction");
        assert_eq!(failure(&mut wire, &count(stage, 0)).0, "25P02");
        assert_eq!(wire::answers(&wire.simple("COMMIT").unwrap())[0].tag, "ROLLBACK");
        assert_eq!(wire.value(&format!("{} AND kind = 'ghost'", count(stage, 0))), "0");
    }
    holder.rows("COMMIT");
    assert_eq!(wire.value(&count(stage, 1)), "6");
}
