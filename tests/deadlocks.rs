//! Deadlocks over several shards: one of the transactions is aborted, in time, as on one PostgreSQL; who only waits is
//! left alone.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::operations::metric;
use crate::support::cluster::{Proxy, SHARDS, World};
use crate::support::data::{self, admin};
use crate::support::script::extended;
use crate::support::wire::{self, Answer, Wire};

/// `deadlock_timeout` × 2, and what a machine adds that is busy with all the other tests.
const BROKEN_WITHIN: Duration = Duration::from_secs(2 + 8);

struct Stage {
    world: World,
    /// Clients of each shard: each test has one of each of its own
    clients: Vec<Vec<i64>>,
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let world = World::start("deadlocks", false).unwrap();
    data::load(&world);
    let mut oracle = admin(world.oracle.port());
    let client_of = |shard: &&str| {
        let sql = "SELECT c FROM generate_series(1::bigint, 40) c WHERE c <> 42 AND placement.shard_of(c) = ";
        let rows = oracle.rows(&format!("{sql}'{shard}' ORDER BY c"));
        rows.into_iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect()
    };
    let clients = SHARDS.iter().map(client_of).collect();
    Stage { world, clients }
});

impl Stage {
    fn proxy(&self, name: &str) -> Proxy {
        Proxy::start(&self.world.lab, name, &data::map_toml(&self.world)).unwrap()
    }

    /// Locks a row of the test's client on this shard.
    fn update(&self, shard: usize, test: usize) -> String {
        self.update_row(shard, test, 1)
    }

    fn update_row(&self, shard: usize, test: usize, id: usize) -> String {
        let client = self.clients[shard][test];
        format!("UPDATE events SET amount = amount + 1 WHERE client_id = {client} AND id = {id}")
    }

    /// A session inside a transaction that has locked a row.
    fn holding(&self, proxy: &Proxy, shard: usize, test: usize) -> Wire {
        let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
        wire.rows("BEGIN");
        wire.rows(&self.update(shard, test));
        wire
    }

    /// Waits until this statement waits for a lock.
    fn until_waiting(&self, shard: usize, statement: &str) {
        let start = Instant::now();
        let mut server = admin(self.world.shards[shard].port());
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query = '{}'",
            statement.replace('\'', "''")
        );
        while server.value(&sql) == "0" {
            assert!(start.elapsed() < Duration::from_secs(10), "it does not wait: {statement}");
        }
    }
}

fn answer(wire: &mut Wire) -> Answer {
    wire::answers(&wire.until_ready().unwrap()).into_iter().next().unwrap()
}

fn detail(wire: &mut Wire) -> (String, String) {
    let frames = wire.until_ready().unwrap();
    let error = frames.iter().find(|frame| frame.tag == b'E').expect("an error");
    let state = wire::answers(&frames).into_iter().find_map(|answer| answer.error).unwrap().0;
    (state, String::from_utf8_lossy(&error.body).into_owned())
}

fn counted(proxy: &Proxy) -> f64 {
    metric(proxy, "shardway_deadlocks_total", &["database=\"app\""])
}

#[test]
fn two_sessions_in_opposite_order_lose_the_younger_and_no_more() {
    let (stage, test) = (&*STAGE, 0);
    let proxy = stage.proxy("opposite");
    assert_eq!(counted(&proxy), 0.0);
    let mut elder = stage.holding(&proxy, 0, test);
    let mut younger = stage.holding(&proxy, 1, test);
    younger.send(&wire::query(&stage.update(0, test))).unwrap();
    stage.until_waiting(0, &stage.update(0, test));
    let start = Instant::now();
    elder.send(&wire::query(&stage.update(1, test))).unwrap();
    let (state, error) = detail(&mut younger);
    assert!(start.elapsed() < BROKEN_WITHIN, "{:?}", start.elapsed());
    assert!(start.elapsed() > Duration::from_millis(900), "deadlock_timeout is a second: {:?}", start.elapsed());
    assert_eq!(state, "40P01", "{error}");
    assert!(error.contains("deadlock detected"), "{error}");
    assert!(error.contains("On shard \"a\" process") && error.contains("On shard \"b\" process"), "{error}");
    // Its locks are free although its client has not said ROLLBACK.
    assert_eq!(answer(&mut elder).tag, "UPDATE 1");
    assert_eq!(wire::answers(&younger.simple("SELECT 1").unwrap())[0].error.as_ref().unwrap().0, "25P02");
    assert_eq!(wire::answers(&younger.simple("COMMIT").unwrap())[0].tag, "ROLLBACK");
    assert_eq!(wire::answers(&elder.simple("COMMIT").unwrap())[0].tag, "COMMIT");
    assert_eq!(counted(&proxy), 1.0);
    assert!(proxy.output().contains("deadlock over several shards"), "{}", proxy.output());
    assert_eq!(younger.value("SELECT 1"), "1");
}

#[test]
fn three_sessions_in_a_ring_lose_one() {
    let (stage, test) = (&*STAGE, 1);
    let proxy = stage.proxy("ring");
    let mut ring: Vec<Wire> = (0..3).map(|shard| stage.holding(&proxy, shard, test)).collect();
    let start = Instant::now();
    for (number, wire) in ring.iter_mut().enumerate() {
        wire.send(&extended(&stage.update((number + 1) % 3, test), &[])).unwrap();
    }
    let mut youngest = ring.pop().unwrap();
    assert_eq!(detail(&mut youngest).0, "40P01");
    assert!(start.elapsed() < BROKEN_WITHIN, "{:?}", start.elapsed());
    youngest.rows("ROLLBACK");
    // The second waited for the third, the first for the second.
    let mut second = ring.pop().unwrap();
    assert_eq!(answer(&mut second).error, None);
    second.rows("COMMIT");
    assert_eq!(answer(&mut ring[0]).error, None);
    ring[0].rows("COMMIT");
    assert_eq!(counted(&proxy), 1.0);
}

#[test]
fn sessions_of_two_proxies_lose_one_of_them() {
    let (stage, test) = (&*STAGE, 2);
    let (one, other) = (stage.proxy("one"), stage.proxy("other"));
    let mut elder = stage.holding(&one, 0, test);
    let mut younger = stage.holding(&other, 1, test);
    younger.send(&wire::query(&stage.update(0, test))).unwrap();
    let start = Instant::now();
    elder.send(&wire::query(&stage.update(1, test))).unwrap();
    assert_eq!(detail(&mut younger).0, "40P01");
    assert!(start.elapsed() < BROKEN_WITHIN, "{:?}", start.elapsed());
    assert_eq!(answer(&mut elder).error, None);
    elder.rows("ROLLBACK");
    assert_eq!((counted(&one), counted(&other)), (0.0, 1.0));
}

#[test]
fn a_circle_through_a_client_of_one_shard_is_ended_too() {
    let (stage, test) = (&*STAGE, 3);
    let proxy = stage.proxy("through");
    let mut elder = stage.holding(&proxy, 0, test);
    let mut younger = stage.holding(&proxy, 1, test);
    younger.rows(&stage.update_row(0, test, 2));
    // Waits for the younger on a, and is waited for on b by nobody: it holds a row of b that the elder wants.
    let mut direct = admin(stage.world.shards[1].port());
    direct.rows("BEGIN");
    direct.rows(&stage.update_row(1, test, 2));
    direct.send(&wire::query(&stage.update(1, test))).unwrap();
    elder.send(&wire::query(&stage.update_row(1, test, 2))).unwrap();
    younger.send(&wire::query(&stage.update(0, test))).unwrap();
    assert_eq!(detail(&mut younger).0, "40P01");
    assert_eq!(answer(&mut direct).error, None);
    direct.rows("ROLLBACK");
    assert_eq!(answer(&mut elder).error, None);
    elder.rows("ROLLBACK");
    younger.rows("ROLLBACK");
}

#[test]
fn a_savepoint_brings_the_victim_back() {
    let (stage, test) = (&*STAGE, 4);
    let proxy = stage.proxy("savepoint");
    let mut elder = stage.holding(&proxy, 0, test);
    let mut younger = Wire::login(proxy.port, "app", &[]).unwrap();
    younger.rows("BEGIN");
    younger.rows(&stage.update(1, test));
    younger.rows("SAVEPOINT before");
    younger.rows(&stage.update(2, test));
    younger.send(&wire::query(&stage.update(0, test))).unwrap();
    stage.until_waiting(0, &stage.update(0, test));
    elder.send(&wire::query(&stage.update(2, test))).unwrap();
    assert_eq!(detail(&mut younger).0, "40P01");
    // What came after the savepoint is undone on every shard, and no more.
    assert_eq!(answer(&mut elder).error, None);
    elder.rows("ROLLBACK");
    younger.rows("ROLLBACK TO before");
    younger.rows(&stage.update(2, test));
    assert_eq!(wire::answers(&younger.simple("COMMIT").unwrap())[0].tag, "COMMIT");
}

#[test]
fn who_only_waits_is_left_alone() {
    let (stage, test) = (&*STAGE, 5);
    let proxy = stage.proxy("plain");
    let mut first = Wire::login(proxy.port, "app", &[]).unwrap();
    first.rows("BEGIN");
    (0..3).for_each(|shard| drop(first.rows(&stage.update(shard, test))));
    let mut waiting: Vec<Wire> = (0..3)
        .map(|shard| {
            let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
            wire.rows("BEGIN");
            wire.rows(&stage.update_row((shard + 1) % 3, test, 2));
            wire.send(&wire::query(&stage.update(shard, test))).unwrap();
            wire
        })
        .collect();
    let start = Instant::now();
    // Three times as long as it takes to end one.
    while start.elapsed() < Duration::from_millis(4500) {
        first.rows("SELECT pg_sleep(0.5)");
    }
    first.rows("COMMIT");
    for wire in &mut waiting {
        assert_eq!(answer(wire).error, None);
        wire.rows("ROLLBACK");
    }
    assert_eq!(counted(&proxy), 0.0);
}

/// COPY data for rows of one client: more than the proxy keeps back.
fn rows_of(client: i64) -> Vec<u8> {
    (1000..6000).flat_map(|id| format!("{client}\t{id}\tcopied and copied\n").into_bytes()).collect()
}

/// Begins a COPY whose client says no more for now.
fn copying(wire: &mut Wire, sql: &str, rows: &[u8]) {
    wire.send(&wire::query(sql)).unwrap();
    wire.until(b"GE").unwrap();
    wire.send(&wire::message(b'd', rows)).unwrap();
}

#[test]
fn a_copy_that_waits_is_part_of_a_circle() {
    let (stage, test) = (&*STAGE, 5);
    let proxy = stage.proxy("copy");
    let client = stage.clients[1][test];
    let stored = format!("INSERT INTO events (client_id, id, kind) VALUES ({client}, 1000, 'first')");
    let copy = "COPY events (client_id, id, kind) FROM STDIN";
    for is_elder in [true, false] {
        let begin = |shard| stage.holding(&proxy, shard, test);
        // Who copies waits for the row that the other has stored, and has what the other wants.
        let (mut copier, mut other) = match is_elder {
            true => {
                let copier = begin(0);
                (copier, begin(2))
            }
            false => {
                let other = begin(2);
                (begin(0), other)
            }
        };
        other.rows(&stored);
        copying(&mut copier, copy, &rows_of(client));
        stage.until_waiting(1, copy);
        other.send(&wire::query(&stage.update(0, test))).unwrap();
        let start = Instant::now();
        let victim = if is_elder { &mut other } else { &mut copier };
        let (state, error) = detail(victim);
        assert_eq!(state, "40P01", "{error}");
        assert!(start.elapsed() < BROKEN_WITHIN, "{:?}", start.elapsed());
        match is_elder {
            true => {
                copier.send(&wire::message(b'c', b"")).unwrap();
                assert_eq!(answer(&mut copier).tag, "COPY 5000");
            }
            false => {
                copier.send(&wire::message(b'c', b"")).unwrap();
                assert_eq!(answer(&mut other).tag, "UPDATE 1");
                assert_eq!(wire::answers(&copier.simple("SELECT 1").unwrap())[0].error.as_ref().unwrap().0, "25P02");
            }
        }
        for wire in [&mut copier, &mut other] {
            assert_eq!(wire::answers(&wire.simple("ROLLBACK").unwrap())[0].tag, "ROLLBACK");
            assert_eq!(wire.value("SELECT 1"), "1");
        }
    }
    assert_eq!(counted(&proxy), 2.0);
}

#[test]
fn a_copy_into_one_shard_that_waits_is_part_of_a_circle() {
    let (stage, test) = (&*STAGE, 6);
    let proxy = stage.proxy("copy-one");
    let mut elder = stage.holding(&proxy, 1, test);
    elder.rows("INSERT INTO audit VALUES (1000, 'first')");
    let mut younger = stage.holding(&proxy, 2, test);
    let copy = "COPY audit (id, what) FROM STDIN";
    let rows: Vec<u8> = (1000..6000).flat_map(|id| format!("{id}\tcopied and copied\n").into_bytes()).collect();
    copying(&mut younger, copy, &rows);
    stage.until_waiting(0, copy);
    elder.send(&wire::query(&stage.update(2, test))).unwrap();
    let start = Instant::now();
    younger.send(&wire::message(b'd', b"")).unwrap();
    let (state, error) = detail(&mut younger);
    assert_eq!(state, "40P01", "{error}");
    assert!(start.elapsed() < BROKEN_WITHIN, "{:?}", start.elapsed());
    younger.send(&wire::message(b'c', b"")).unwrap();
    assert_eq!(answer(&mut elder).tag, "UPDATE 1");
    for wire in [&mut elder, &mut younger] {
        assert_eq!(wire::answers(&wire.simple("ROLLBACK").unwrap())[0].tag, "ROLLBACK");
        assert_eq!(wire.value("SELECT 1"), "1");
    }
}

#[test]
fn a_merge_that_waits_is_part_of_a_circle() {
    let (stage, test) = (&*STAGE, 7);
    let proxy = stage.proxy("merge");
    let merge = "SELECT client_id, session FROM sessions ORDER BY client_id, session LIMIT 3";
    for message in [wire::query(merge), extended(merge, &[])] {
        let mut elder = Wire::login(proxy.port, "app", &[]).unwrap();
        elder.rows("BEGIN");
        elder.rows("/* shardway shard=b */ LOCK TABLE sessions");
        let mut younger = stage.holding(&proxy, 0, test);
        younger.send(&message).unwrap();
        let start = Instant::now();
        elder.send(&wire::query(&stage.update(0, test))).unwrap();
        let (state, error) = detail(&mut younger);
        assert_eq!(state, "40P01", "{error}");
        assert!(start.elapsed() < BROKEN_WITHIN, "{:?}", start.elapsed());
        assert_eq!(answer(&mut elder).tag, "UPDATE 1");
        for wire in [&mut elder, &mut younger] {
            assert_eq!(wire::answers(&wire.simple("ROLLBACK").unwrap())[0].tag, "ROLLBACK");
        }
    }
}

/// Parse, Describe, Flush; then Bind, Execute, Sync: as drivers prepare.
fn prepared(name: &str, sql: &str) -> [Vec<u8>; 2] {
    let first = [wire::parse(name, sql, &[]), wire::describe(b'S', name), wire::flush()];
    [first.concat(), [wire::bind("", name, &[], 0), wire::execute("", 0), wire::sync()].concat()]
}

/// Waits until nobody else has a lock of any kind on this table.
fn until_free(server: &mut Wire, table: &str) -> bool {
    let start = Instant::now();
    let others = format!(
        "SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND granted AND pid <> pg_backend_pid()"
    );
    while server.value(&others) != "0" {
        if start.elapsed() > Duration::from_secs(5) {
            return false;
        }
    }
    true
}

#[test]
fn a_query_that_waits_on_one_shard_keeps_no_locks_on_the_others() {
    let stage = &*STAGE;
    let proxy = stage.proxy("keeps");
    let read = "SELECT order_id FROM orders WHERE note IS NULL";
    let merged = "SELECT order_id FROM orders ORDER BY order_id";
    let gathered = "SELECT count(DISTINCT o.note) FROM orders o JOIN order_items i USING (order_id)";
    let together = |sql: &str| [Vec::new(), extended(sql, &[])];
    let mut asked: Vec<[Vec<u8>; 2]> = [read, merged, gathered].map(together).into();
    asked.push(prepared("", read));
    asked.push(prepared("s", merged));
    // Described by any shard, run by one.
    for day in ["2023-01-01", "2024-02-01", "2024-06-01"] {
        asked.push(prepared("", &format!("SELECT value FROM readings WHERE day = '{day}'")));
    }
    for (number, [first, then]) in asked.iter().enumerate() {
        let table = if number < 5 { "orders" } else { "readings" };
        for shard in 0..3 {
            let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
            let mut owners: Vec<Wire> = stage.world.shards.iter().map(|server| admin(server.port())).collect();
            let mut waiting = Wire::login(proxy.port, "app", &[]).unwrap();
            if !first.is_empty() {
                waiting.send(first).unwrap();
                waiting.until(b"T").unwrap();
            }
            owners[shard].rows("BEGIN");
            if first.is_empty() {
                owners[shard].rows(&lock);
            } else {
                // Who has described it on this shard has a lock on it, and does not wait here.
                let taken = owners[shard].simple(&format!("{lock} NOWAIT")).unwrap();
                if wire::answers(&taken)[0].error.is_some() {
                    owners[shard].rows("ROLLBACK");
                    waiting.send(then).unwrap();
                    waiting.until_ready().unwrap();
                    continue;
                }
            }
            waiting.send(then).unwrap();
            for other in (0..3).filter(|other| *other != shard) {
                assert!(until_free(&mut owners[other], table), "{number}: {shard} is waited for, {other} is locked");
            }
            owners[shard].rows("ROLLBACK");
            let answers = wire::answers(&waiting.until_ready().unwrap());
            assert_eq!(answers[0].error, None, "{number}");
        }
    }
    assert_eq!(counted(&proxy), 0.0);
}

#[test]
fn a_pipeline_that_has_read_on_a_shard_is_part_of_a_circle() {
    let stage = &*STAGE;
    let proxy = stage.proxy("pipelined");
    let part = |sql: &str| [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat();
    let mut reader = Wire::login(proxy.port, "app", &[]).unwrap();
    reader.send(&[part("SELECT value FROM readings WHERE day = '2024-02-01'"), wire::flush()].concat()).unwrap();
    reader.until(b"C").unwrap();
    let mut owner = Wire::login(proxy.port, "app", &[]).unwrap();
    let alter = "ALTER TABLE readings ALTER COLUMN value SET DEFAULT 1";
    owner.send(&wire::query(alter)).unwrap();
    stage.until_waiting(1, alter);
    let start = Instant::now();
    reader.send(&[part("SELECT count(value) FROM readings"), wire::sync()].concat()).unwrap();
    let (state, error) = detail(&mut owner);
    assert_eq!(state, "40P01", "{error}");
    assert!(start.elapsed() < BROKEN_WITHIN, "{:?}", start.elapsed());
    assert!(wire::answers(&reader.until_ready().unwrap()).iter().all(|answer| answer.error.is_none()));
    assert_eq!(counted(&proxy), 1.0);
}

#[test]
fn a_client_that_takes_its_rows_slowly_is_part_of_a_circle() {
    let stage = &*STAGE;
    let proxy = stage.proxy("slow");
    let mut owner = Wire::login(proxy.port, "app", &[]).unwrap();
    owner.rows("BEGIN");
    owner.rows("/* shardway shard=a */ LOCK TABLE k_integer");
    // More than sockets take: b goes on sending for as long as a has not begun.
    let read = "SELECT repeat(v, 1000) FROM k_integer, generate_series(1, 20000) WHERE k IS NOT NULL";
    let mut reader = Wire::login(proxy.port, "app", &[]).unwrap();
    reader.send(&wire::query(read)).unwrap();
    stage.until_waiting(0, read);
    let start = Instant::now();
    owner.send(&wire::query("/* shardway shard=b */ LOCK TABLE k_integer")).unwrap();
    let lost = detail(&mut reader);
    assert_eq!(lost.0, "40P01", "{}", lost.1);
    assert!(start.elapsed() < BROKEN_WITHIN, "{:?}", start.elapsed());
    assert_eq!(answer(&mut owner).error, None);
    owner.rows("ROLLBACK");
    assert_eq!(reader.value("SELECT 1"), "1");
}
