//! Clients that say goodbye and close while a statement runs: what can be kept is carried out, the rest is cancelled.

use super::*;

/// It takes for ever.
fn endless(what: &str) -> String {
    format!("SELECT count(*) FROM events, generate_series(1, 600000), generate_series(1, 600000) x{what}")
}

/// It takes a while.
fn slow_update(client: i64, kind: &str, seconds: f64) -> String {
    format!("UPDATE events SET kind = concat('{kind}', pg_sleep({seconds})) WHERE client_id = {client} AND id = 2")
}

fn extended(sql: &str) -> Vec<u8> {
    [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::sync()].concat()
}

fn goodbye() -> Vec<u8> {
    wire::message(b'X', b"")
}

/// Does a statement with these words run anywhere?
fn runs(stage: &Stage, words: &str) -> bool {
    let of = format!("state = 'active' AND query LIKE '%{words}%' AND pid <> pg_backend_pid()");
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {of}");
    stage.world.shards.iter().any(|shard| admin(shard.port()).value(&count) != "0")
}

#[test]
fn what_nobody_hears_is_cancelled() {
    let stage = &*STAGE;
    let proxy = stage.proxy("goodbye", &Settings::default());
    let client = stage.clients[0];
    let (one, all) = (endless(&format!(" WHERE client_id = {client}")), endless(""));
    let update = slow_update(client, "unheard", 600.0);
    let bound = extended(&one);
    let cases = [
        ("a read", vec![], wire::query(&one)),
        ("two reads in a text", vec![], wire::query(&format!("SELECT 1; {one}"))),
        ("a read over several shards", vec![], wire::query(&all)),
        ("a bound read", vec![], bound.clone()),
        ("a bound read before its Sync", vec![], [&bound[..bound.len() - 5], &wire::flush()].concat()),
        ("a bound read over several shards", vec![], extended(&all)),
        ("rows that nobody takes", vec![], wire::query(&one.replace("count(*)", "client_id"))),
        ("a write in a block", vec!["BEGIN"], wire::query(&update)),
        ("a bound write in a block", vec!["BEGIN"], extended(&update)),
        (
            "a prepared read in a block",
            vec!["BEGIN", "PREPARE it AS SELECT pg_sleep(600000)"],
            wire::query("EXECUTE it"),
        ),
    ];
    for (what, before, messages) in cases {
        let mut wire = login(&proxy);
        before.iter().for_each(|sql| drop(wire.rows(sql)));
        wire.send(&messages).unwrap();
        let words = match what {
            "a prepared read in a block" => "EXECUTE",
            _ if before.is_empty() => "600000",
            _ => "unheard",
        };
        until(&format!("{what} runs"), || runs(stage, words));
        wire.send(&goodbye()).unwrap();
        drop(wire);
        until(&format!("{what} is cancelled"), || !runs(stage, words));
    }
    let unheard = format!("SELECT count(*) FROM events WHERE client_id = {client} AND kind = 'unheard'");
    assert_eq!(login(&proxy).value(&unheard), "0");
}

#[test]
fn what_is_kept_is_carried_out() {
    let stage = &*STAGE;
    let proxy = stage.proxy("goodbye-kept", &Settings::default());
    let client = stage.clients[0];
    let read = format!("SELECT count(*) FROM events, generate_series(1, 1000000) WHERE client_id = {client}");
    let mut keeper = login(&proxy);
    for turn in 0..6 {
        let kind = format!("kept {turn}");
        let update = slow_update(client, &kind, 0.3);
        let messages = match turn {
            0 => wire::query(&update),
            1 => extended(&update),
            2 => wire::query(&format!("SELECT 1; {update}")),
            3 => [wire::query("BEGIN"), wire::query(&update), wire::query("COMMIT")].concat(),
            4 => [wire::query(&read), extended(&update)].concat(),
            _ => [extended("BEGIN"), extended(&update), extended(&read), extended("COMMIT")].concat(),
        };
        let mut wire = login(&proxy);
        wire.send(&[messages, goodbye()].concat()).unwrap();
        drop(wire);
        let kept = format!("SELECT count(*) FROM events WHERE client_id = {client} AND kind = '{kind}'");
        until(&kind, || keeper.value(&kept) == "1");
    }
    keeper.rows(&format!("UPDATE events SET kind = 'buy' WHERE client_id = {client} AND id = 2"));
}

#[test]
fn a_read_whose_client_has_said_goodbye_waits_no_longer() {
    let stage = &*STAGE;
    let proxy = stage.proxy("goodbye-queue", &Settings { database: "pool_size = 1", ..Settings::default() });
    let (mut holder, mut wire) = (login(&proxy), login(&proxy));
    let count = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    holder.rows(&format!("BEGIN; {count}"));
    wire.send(&[wire::query(&count), goodbye()].concat()).unwrap();
    until("it waits", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) == 1.0);
    drop(wire);
    until("it has left", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) == 0.0);
    holder.rows("COMMIT");
}
