//! What transactions over several shards see.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::support::cluster::{Proxy, World};
use crate::support::data::{self, admin};
use crate::support::script::extended;
use crate::support::wire::{self, Wire};

struct Stage {
    world: World,
    proxy: Proxy,
    /// A client of each shard
    clients: Vec<String>,
}

impl Stage {
    fn start(name: &str) -> Self {
        let world = World::start(name, false).unwrap();
        data::load(&world);
        let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
        let mut oracle = admin(world.oracle.port());
        let sql = "SELECT min(c) FROM generate_series(1::bigint, 40) c WHERE placement.shard_of(c) = ";
        let clients = ["a", "b", "c"].iter().map(|shard| oracle.value(&format!("{sql}'{shard}'"))).collect();
        Self { world, proxy, clients }
    }

    fn login(&self) -> Wire {
        Wire::login(self.proxy.port, "app", &[]).unwrap()
    }

    fn count(&self, shard: usize) -> String {
        format!("SELECT count(*) FROM events WHERE client_id = {}", self.clients[shard])
    }

    /// One more event, straight on the shard.
    fn insert(&self, shard: usize, id: usize) {
        let sql = format!("INSERT INTO events (client_id, id, kind) VALUES ({}, {id}, 'new')", self.clients[shard]);
        admin(self.world.shards[shard].port()).rows(&sql);
    }

    /// Waits until a statement waits for a lock on one of these shards.
    fn until_lock(&self, shards: Range<usize>) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut watchers: Vec<_> = self.world.shards[shards].iter().map(|shard| admin(shard.port())).collect();
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        while watchers.iter_mut().all(|watcher| watcher.value(sql) == "0") {
            assert!(Instant::now() < deadline, "nothing waits for the lock");
        }
    }
}

fn state(wire: &mut Wire, sql: &str) -> Option<String> {
    wire::answers(&wire.simple(sql).unwrap()).into_iter().find_map(|answer| answer.error).map(|(state, _)| state)
}

#[test]
fn repeatable_read_takes_the_snapshots_of_all_shards_together() {
    let stage = Stage::start("repeatable");
    let two = format!("SELECT count(*) FROM events WHERE client_id IN ({}, {})", stage.clients[0], stage.clients[1]);
    let ways: [(&[&str], &[&str]); 4] = [
        (&["BEGIN ISOLATION LEVEL REPEATABLE READ"], &[]),
        (&["BEGIN", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"], &[]),
        (&["BEGIN", "SET LOCAL transaction_isolation = 'repeatable read'"], &[]),
        (&["SET default_transaction_isolation = 'repeatable read'", "BEGIN"], &["RESET default_transaction_isolation"]),
    ];
    let mut wire = stage.login();
    for (number, (begin, end)) in ways.into_iter().enumerate() {
        begin.iter().for_each(|sql| drop(wire.rows(sql)));
        let of_all = "SELECT kind, count(*) FROM events GROUP BY kind";
        let counts = [wire.value(&two), wire.value(&stage.count(0))];
        (0..3).for_each(|shard| stage.insert(shard, 100 + number));
        // The first statement needed a and b: c took its snapshot with them.
        let expected = (6 + number).to_string();
        assert_eq!(wire.value(&stage.count(2)), expected, "{begin:?}");
        let before = wire.rows(of_all);
        assert_eq!([wire.value(&two), wire.value(&stage.count(0))], counts, "{begin:?}");
        assert_eq!(before.len(), 5 + usize::from(number > 0), "{begin:?}");
        assert_eq!(state(&mut wire, "COMMIT"), None);
        end.iter().for_each(|sql| drop(wire.rows(sql)));
        assert_eq!(wire.value(&stage.count(2)), (7 + number).to_string());
    }
}

#[test]
fn a_shard_that_joined_before_keeps_its_snapshot() {
    let stage = Stage::start("joined");
    let mut wire = stage.login();
    wire.rows("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(wire.value(&stage.count(0)), "6");
    (0..3).for_each(|shard| stage.insert(shard, 100));
    // b and c are seen as they are now, a as it was.
    assert_eq!(wire.value("SELECT count(*) FROM events"), (365 + 2).to_string());
    (0..3).for_each(|shard| stage.insert(shard, 101));
    assert_eq!(wire.value("SELECT count(*) FROM events"), (365 + 2).to_string());
    wire.send(&extended("SELECT count(*) FROM events", &[])).unwrap();
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].rows[0][0].as_deref(), Some(&b"367"[..]));
    wire.rows("COMMIT");
    assert_eq!(wire.value("SELECT count(*) FROM events"), (365 + 6).to_string());
}

#[test]
fn read_committed_sees_what_others_have_committed() {
    let stage = Stage::start("committed");
    let mut wire = stage.login();
    wire.rows("BEGIN");
    assert_eq!(wire.value("SELECT count(*) FROM events"), "365");
    (0..3).for_each(|shard| stage.insert(shard, 100));
    assert_eq!(wire.value("SELECT count(*) FROM events"), "368");
    // Too late: PostgreSQL says so, and the transaction is aborted on all shards.
    assert_eq!(state(&mut wire, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").as_deref(), Some("25001"));
    assert_eq!(state(&mut wire, "SELECT 1").as_deref(), Some("25P02"));
    wire.rows("ROLLBACK");
}

#[test]
fn serializable_stays_on_one_shard_however_it_was_asked_for() {
    let stage = Stage::start("serializable");
    let mut wire = stage.login();
    let ways: [&[&str]; 5] = [
        &["BEGIN ISOLATION LEVEL SERIALIZABLE"],
        &["BEGIN", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
        &["BEGIN", "SET transaction_isolation = serializable"],
        &["BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN ISOLATION LEVEL SERIALIZABLE"],
        &["SET default_transaction_isolation = 'serializable'", "BEGIN"],
    ];
    for begin in ways {
        for second in [stage.count(1), "SELECT count(*) FROM events".to_owned(), "SELECT id FROM events".to_owned()] {
            begin.iter().for_each(|sql| drop(wire.rows(sql)));
            assert_eq!(wire.value(&stage.count(0)), "6");
            assert_eq!(wire.value("SHOW transaction_isolation"), "serializable", "{begin:?}");
            // The default of later transactions changes nothing of this one.
            wire.rows("SET default_transaction_isolation = 'read committed'");
            assert_eq!(state(&mut wire, &second).as_deref(), Some("0A000"), "{begin:?} {second}");
            wire.rows("ROLLBACK");
            wire.rows("RESET default_transaction_isolation");
        }
    }
    wire.rows("SET default_transaction_isolation = 'serializable'");
    wire.rows("BEGIN ISOLATION LEVEL READ COMMITTED");
    assert_eq!(wire.value("SELECT count(*) FROM events"), "365");
    wire.rows("COMMIT");
    assert_eq!(state(&mut wire, "SELECT count(*) FROM events").as_deref(), Some("0A000"));
}

/// A statement as a client sends it.
type Message = fn(&str) -> Vec<u8>;

#[test]
fn one_snapshot_shows_all_tables_that_a_statement_reads_on_a_shard() {
    let stage = Stage::start("together");
    let of_one = |table: &str| format!("(SELECT string_agg(kind, ',' ORDER BY id) FROM {table} WHERE id >= 1000)");
    let sql = format!("SELECT {}, {}", of_one("events"), of_one("other.events"));
    let mut wire = stage.login();
    let alone = |sql: &str| extended(sql, &[]);
    // The shards are in the implicit transaction of a pipeline already.
    let behind = |sql: &str| {
        let first = "SELECT client_id FROM events WHERE id < 0";
        let first = [wire::parse("", first, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat();
        [first, extended(sql, &[])].concat()
    };
    let ways: [(&[&str], Message, &[&str]); 5] = [
        (&[], wire::query, &[]),
        (&[], alone, &[]),
        (&[], behind, &[]),
        (&["BEGIN"], wire::query, &["COMMIT"]),
        (&["BEGIN", "UPDATE events SET kind = kind WHERE client_id = -1"], alone, &["COMMIT"]),
    ];
    let mut expected = String::new();
    for (number, (begin, message, end)) in ways.into_iter().enumerate() {
        for shard in 0..3 {
            begin.iter().for_each(|sql| drop(wire.rows(sql)));
            let mut writer = admin(stage.world.shards[shard].port());
            writer.rows("BEGIN");
            writer.rows("LOCK TABLE other.events");
            wire.send(&message(&sql)).unwrap();
            stage.until_lock(shard..shard + 1);
            let id = 1000 + 3 * number + shard;
            for table in ["events", "other.events"] {
                let client = &stage.clients[shard];
                writer.rows(&format!("INSERT INTO {table} (client_id, id, kind) VALUES ({client}, {id}, '{id}')"));
            }
            writer.rows("COMMIT");
            expected += &format!("{}{id}", if expected.is_empty() { "" } else { "," });
            let answers = wire::answers(&wire.until_ready().unwrap());
            let found: Vec<_> = answers
                .iter()
                .flat_map(|it| it.rows.concat())
                .map(|it| String::from_utf8(it.unwrap()).unwrap())
                .collect();
            assert_eq!(found, [&*expected, &*expected], "way {number}, shard {shard}");
            end.iter().for_each(|sql| drop(wire.rows(sql)));
        }
    }
}

#[test]
fn one_snapshot_shows_rows_of_a_shard_and_tables_that_it_has_as_a_whole() {
    let stage = Stage::start("whole");
    let mut wire = stage.login();
    let alone = |sql: &str| extended(sql, &[]);
    let ways: [(&[&str], Message, &[&str]); 4] = [
        (&[], wire::query, &[]),
        (&[], alone, &[]),
        (&["BEGIN"], wire::query, &["COMMIT"]),
        (&["BEGIN", "UPDATE events SET kind = kind WHERE client_id = -1"], alone, &["COMMIT"]),
    ];
    // A reference table on all shards, a single table on a.
    let tables = [("countries", "code, name, population", 0..3), ("audit", "what, id", 0..1)];
    for (number, (begin, message, end)) in ways.into_iter().enumerate() {
        for (place, (table, columns, shards)) in tables.clone().into_iter().enumerate() {
            let id = 2000 + 10 * number + place;
            let (column, values) = match table {
                "audit" => ("id", format!("'new', {id}")),
                _ => ("population", format!("'z{number}', 'new', {id}")),
            };
            let sql = format!(
                "SELECT (SELECT count(*) FROM events WHERE id = {id} AND kind = '{table}'), (SELECT count(*) FROM {table} WHERE {column} = {id})"
            );
            begin.iter().for_each(|sql| drop(wire.rows(sql)));
            let mut writers: Vec<_> = shards.map(|shard| (shard, admin(stage.world.shards[shard].port()))).collect();
            for (_, writer) in &mut writers {
                writer.rows("BEGIN");
                writer.rows(&format!("LOCK TABLE {table}"));
            }
            wire.send(&message(&sql)).unwrap();
            stage.until_lock(0..writers.len());
            for (shard, writer) in &mut writers {
                let client = &stage.clients[*shard];
                let sql = "INSERT INTO events (client_id, id, kind) VALUES";
                writer.rows(&format!("{sql} ({client}, {id}, '{table}')"));
                writer.rows(&format!("INSERT INTO {table} ({columns}) VALUES ({values})"));
            }
            for (_, writer) in &mut writers {
                writer.rows("COMMIT");
            }
            let answers = wire::answers(&wire.until_ready().unwrap());
            let found: Vec<_> = answers
                .iter()
                .flat_map(|it| it.rows.concat())
                .map(|it| String::from_utf8(it.unwrap()).unwrap())
                .collect();
            // The shard that had to wait shows both; what others show of their events is their own affair.
            assert_eq!(found[1], "1", "way {number}, {table}");
            assert_ne!(found[0], "0", "way {number}, {table}");
            end.iter().for_each(|sql| drop(wire.rows(sql)));
        }
    }
}
