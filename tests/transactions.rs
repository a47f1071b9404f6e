//! Transactions over several shards and what a session may do in them: notifications, temporary tables, cursors, advisory
//! locks; timeouts, cancels and clients that leave.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::support::cluster::{Proxy, SHARDS, World};
use crate::support::data::{self, admin};
use crate::support::wire::{self, Answer, Wire};

const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    world: World,
    /// Clients of each shard: each test has one of each of its own
    clients: Vec<Vec<String>>,
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let world = World::start("transactions", false).unwrap();
    data::load(&world);
    for server in &world.shards {
        // What PREPARE TRANSACTION may have to wait for.
        admin(server.port()).rows(
            "ALTER TABLE events DROP CONSTRAINT events_pkey, ADD PRIMARY KEY (client_id, id) DEFERRABLE INITIALLY DEFERRED",
        );
    }
    let mut oracle = admin(world.oracle.port());
    let clients_of = |shard: &&str| {
        let sql = "SELECT c FROM generate_series(1::bigint, 60) c WHERE c <> 42 AND placement.shard_of(c) = ";
        let rows = oracle.rows(&format!("{sql}'{shard}' ORDER BY c"));
        rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
    };
    let clients = SHARDS.iter().map(clients_of).collect();
    Stage { world, clients }
});

/// One test's part of the stage.
struct Part {
    stage: &'static Stage,
    test: usize,
    proxy: Proxy,
}

impl Part {
    /// `database` are lines for `[databases.app]`.
    fn new(name: &str, test: usize, database: &str) -> Self {
        let stage = &*STAGE;
        let map = data::map_toml(&stage.world).replacen("pool_size = 10", &format!("pool_size = 10\n{database}"), 1);
        Self { stage, test, proxy: Proxy::start(&stage.world.lab, name, &map).unwrap() }
    }

    fn login(&self) -> Wire {
        Wire::login(self.proxy.port, "app", &[]).unwrap()
    }

    fn client(&self, shard: usize) -> &str {
        &self.stage.clients[shard][self.test]
    }

    fn update(&self, shard: usize, kind: &str) -> String {
        format!("UPDATE events SET kind = '{kind}' WHERE client_id = {} AND id = 1", self.client(shard))
    }

    fn admin(&self, shard: usize) -> Wire {
        admin(self.stage.world.shards[shard].port())
    }

    /// The shards whose row of this test has this kind.
    fn written(&self, kind: &str) -> Vec<usize> {
        let is_written = |shard: &usize| {
            let sql = format!("SELECT kind FROM events WHERE client_id = {} AND id = 1", self.client(*shard));
            self.admin(*shard).value(&sql) == kind
        };
        (0..3).filter(is_written).collect()
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < PATIENCE, "never: {what}\n{}", self.proxy.output());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Nobody holds a lock on the rows of this test, and nothing is prepared.
    fn until_free(&self) {
        for shard in 0..3 {
            let sql =
                format!("SELECT 1 FROM events WHERE client_id = {} AND id = 1 FOR UPDATE NOWAIT", self.client(shard));
            self.until("the row is free", || error(&mut self.admin(shard), &sql).is_none());
            self.until("nothing is prepared", || {
                self.admin(shard).value("SELECT count(*) FROM pg_prepared_xacts") == "0"
            });
        }
    }
}

fn answer(wire: &mut Wire, sql: &str) -> Answer {
    wire::answers(&wire.simple(sql).unwrap()).remove(0)
}

fn error(wire: &mut Wire, sql: &str) -> Option<(String, String)> {
    answer(wire, sql).error
}

fn state(wire: &mut Wire, sql: &str) -> Option<String> {
    error(wire, sql).map(|(state, _)| state)
}

fn commit(wire: &mut Wire) {
    let answer = answer(wire, "COMMIT");
    assert_eq!((answer.error, answer.tag.as_str()), (None, "COMMIT"));
}

/// The payload of the next notification.
fn notification(wire: &mut Wire) -> String {
    let body = wire.until(b"A").unwrap().pop().unwrap().body;
    let mut words = body[4..].split(|byte| *byte == 0);
    words.next();
    String::from_utf8_lossy(words.next().unwrap()).into_owned()
}

#[test]
fn a_notification_is_delivered_once_and_only_by_commit() {
    let part = Part::new("notify", 0, "");
    let (mut listener, mut wire) = (part.login(), part.login());
    listener.rows("LISTEN news");
    for (kind, end) in [("undone", "ROLLBACK"), ("done", "COMMIT")] {
        wire.rows("BEGIN");
        // The first shard that is written does not decide: the one that notifies cannot be prepared.
        wire.rows(&part.update(1, kind));
        wire.rows(&part.update(2, kind));
        wire.rows(&format!("NOTIFY news, '{kind}'"));
        wire.rows(end);
    }
    wire.rows("BEGIN");
    wire.rows(&part.update(1, "last"));
    wire.rows(&part.update(2, "last"));
    wire.rows("SELECT pg_notify('news', 'last')");
    commit(&mut wire);
    assert_eq!([notification(&mut listener), notification(&mut listener)], ["done", "last"]);
    assert_eq!(part.written("last"), [1, 2]);
    // A session hears its own, whatever its server is busy with.
    wire.rows("LISTEN news");
    wire.rows("BEGIN");
    wire.rows(&part.update(1, "own"));
    wire.rows(&part.update(2, "own"));
    wire.rows("NOTIFY news, 'own'");
    wire.send(&wire::query("COMMIT")).unwrap();
    assert_eq!(notification(&mut wire), "own");
}

#[test]
fn a_shard_with_a_temporary_table_decides() {
    let part = Part::new("temporary", 1, "");
    let mut wire = part.login();
    wire.rows("CREATE TEMP TABLE mine (x integer)");
    for order in [[1, 2], [2, 1]] {
        wire.rows("BEGIN");
        wire.rows("INSERT INTO mine VALUES (1)");
        order.into_iter().for_each(|shard| drop(wire.rows(&part.update(shard, "temporary"))));
        commit(&mut wire);
    }
    assert_eq!(part.written("temporary"), [1, 2]);
    assert_eq!(wire.value("SELECT count(*) FROM mine"), "2");
    // Made where another shard has been written before.
    let mut wire = part.login();
    wire.rows("BEGIN");
    wire.rows(&part.update(1, "made"));
    wire.rows("/* shardway shard=c */ CREATE TEMP TABLE other (x integer)");
    commit(&mut wire);
    assert_eq!(part.written("made"), [1]);
    // In a transaction that begins on another shard.
    wire.rows("BEGIN");
    wire.rows(&part.update(1, "later"));
    wire.rows("INSERT INTO other VALUES (1)");
    wire.rows(&part.update(0, "later"));
    commit(&mut wire);
    assert_eq!(part.written("later"), [0, 1]);
    assert_eq!(wire.value("SELECT count(*) FROM other"), "1");
}

#[test]
fn two_shards_that_cannot_be_prepared_are_refused_and_all_is_undone() {
    let part = Part::new("two-bound", 2, "");
    let mut wire = part.login();
    wire.rows("BEGIN");
    wire.rows(&part.update(2, "refused"));
    wire.rows("/* shardway shard=b */ CREATE TEMP TABLE mine (x integer)");
    wire.rows("NOTIFY news, 'refused'");
    let (state, message) = error(&mut wire, "COMMIT").unwrap();
    assert_eq!(state, "0A000", "{message}");
    assert_eq!(answer(&mut wire, "SELECT 1").error, None, "it is over");
    assert_eq!(wire.simple("SELECT 1").unwrap().last().unwrap().body, b"I");
    assert_eq!(part.written("refused"), [] as [usize; 0]);
    part.until_free();
}

#[test]
fn a_held_cursor_that_fails_at_commit_undoes_every_shard() {
    let part = Part::new("held-cursor", 3, "");
    let mut wire = part.login();
    for (divisor, expected) in [("id - id", Some("22012")), ("id", None)] {
        wire.rows("BEGIN");
        wire.rows(&part.update(1, "cursor"));
        wire.rows(&part.update(2, "cursor"));
        let client = part.client(0);
        wire.rows(&format!(
            "DECLARE held CURSOR WITH HOLD FOR SELECT 1 / ({divisor}) FROM events WHERE client_id = {client} ORDER BY id"
        ));
        assert_eq!(state(&mut wire, "COMMIT").as_deref(), expected);
        assert_eq!(part.written("cursor").len(), if expected.is_some() { 0 } else { 2 });
    }
    assert_eq!(wire.value("FETCH held"), "1");
    part.until_free();
}

#[test]
fn constraints_set_by_name_hold_on_every_shard_or_are_refused() {
    let part = Part::new("constraints", 11, "");
    let mut wire = part.login();
    let twice =
        |shard: usize| format!("INSERT INTO events (client_id, id, kind) VALUES ({}, 1, 'twice')", part.client(shard));
    for is_immediate in [true, false] {
        wire.rows("BEGIN");
        wire.rows(&part.update(0, "constraints"));
        if is_immediate {
            let tag = answer(&mut wire, "SET CONSTRAINTS events_pkey IMMEDIATE").tag;
            assert_eq!(tag, "SET CONSTRAINTS");
        }
        // A shard that joins later, and one that fails at COMMIT when it is not told.
        let failed = state(&mut wire, &twice(1));
        assert_eq!(failed.as_deref(), is_immediate.then_some("23505"));
        let ended = answer(&mut wire, "COMMIT");
        assert_eq!(ended.error.map(|(state, _)| state).as_deref(), (!is_immediate).then_some("23505"));
        assert!(part.written("constraints").is_empty() && part.written("twice").is_empty());
    }
    for block in [true, false] {
        wire.rows(if block { "BEGIN" } else { "SELECT 1" });
        let expected = if block { "42704" } else { "0A000" };
        assert_eq!(state(&mut wire, "SET CONSTRAINTS nope DEFERRED").as_deref(), Some(expected));
        assert_eq!(
            state(&mut wire, "SET CONSTRAINTS nope, neither DEFERRED").as_deref(),
            Some(if block { "25P02" } else { "0A000" })
        );
        wire.rows(if block { "ROLLBACK" } else { "SELECT 1" });
    }
}

#[test]
fn advisory_locks_meet_on_one_shard() {
    let part = Part::new("advisory", 4, "");
    let (mut wire, mut other) = (part.login(), part.login());
    let try_lock = |wire: &mut Wire, key: usize| wire.value(&format!("SELECT pg_try_advisory_lock({key})"));
    wire.rows("BEGIN");
    wire.rows(&part.update(1, "locked"));
    wire.rows("SELECT pg_advisory_xact_lock(7001)");
    wire.rows(&part.update(2, "locked"));
    assert_eq!(try_lock(&mut other, 7001), "f");
    commit(&mut wire);
    assert_eq!(try_lock(&mut other, 7001), "t");
    assert_eq!(try_lock(&mut wire, 7001), "f");
    // A lock of the session outlives the transaction; both kinds on one key cannot be prepared.
    wire.rows("SELECT pg_advisory_lock(7002)");
    wire.rows("BEGIN");
    wire.rows(&part.update(2, "both"));
    wire.rows(&part.update(1, "both"));
    wire.rows("SELECT pg_advisory_xact_lock(7002)");
    commit(&mut wire);
    assert_eq!(part.written("both"), [1, 2]);
    assert_eq!(try_lock(&mut other, 7002), "f");
    assert_eq!(wire.value("SELECT pg_advisory_unlock(7002)"), "t");
    assert_eq!(try_lock(&mut other, 7002), "t");
}

#[test]
fn the_clients_own_prepare_transaction_is_refused() {
    let part = Part::new("own-prepare", 5, "");
    let mut wire = part.login();
    wire.rows("BEGIN");
    wire.rows(&part.update(1, "prepared"));
    for sql in ["PREPARE TRANSACTION 'mine'", "COMMIT PREPARED 'mine'", "ROLLBACK PREPARED 'mine'"] {
        assert_eq!(state(&mut wire, sql).as_deref(), Some(if sql.starts_with('P') { "0A000" } else { "25P02" }));
    }
    wire.rows("ROLLBACK");
    assert_eq!(state(&mut wire, "COMMIT PREPARED 'mine'").as_deref(), Some("0A000"));
    assert_eq!(part.written("prepared"), [] as [usize; 0]);
}

#[test]
fn statement_timeout_of_the_client_holds_on_every_shard() {
    let part = Part::new("statement-timeout", 6, "");
    let mut wire = part.login();
    let slow =
        |shard: usize| format!("SELECT pg_sleep(20) FROM events WHERE client_id = {} AND id = 1", part.client(shard));
    wire.rows("SET statement_timeout = '200ms'");
    for shard in 0..3 {
        assert_eq!(state(&mut wire, &slow(shard)).as_deref(), Some("57014"));
    }
    wire.rows("RESET statement_timeout");
    // Of one transaction, also on shards that join later; the others are undone with the one that was late.
    wire.rows("BEGIN");
    wire.rows(&part.update(0, "late"));
    wire.rows("SET LOCAL statement_timeout = '200ms'");
    wire.rows(&part.update(1, "late"));
    assert_eq!(state(&mut wire, &slow(2)).as_deref(), Some("57014"));
    part.until_free();
    assert_eq!(answer(&mut wire, "COMMIT").tag, "ROLLBACK");
    assert_eq!(part.written("late"), [] as [usize; 0]);
    assert_eq!(wire.value("SHOW statement_timeout"), "0");
}

#[test]
fn idle_transaction_timeout_ends_the_transaction_on_every_shard() {
    let part = Part::new("idle-transaction", 7, "idle_transaction_timeout = \"300ms\"");
    let mut wire = part.login();
    wire.rows("BEGIN");
    (0..3).for_each(|shard| drop(wire.rows(&part.update(shard, "idle"))));
    let frames = wire.until_closed().unwrap();
    let said = wire::describe_error(&frames.last().unwrap().body);
    assert!(said.contains("25P03"), "{said}");
    part.until_free();
    assert_eq!(part.written("idle"), [] as [usize; 0]);
}

#[test]
fn a_server_that_ends_its_part_ends_the_transaction() {
    let part = Part::new("server-idle", 8, "");
    let mut wire = part.login();
    wire.rows("BEGIN");
    (0..2).for_each(|shard| drop(wire.rows(&part.update(shard, "part"))));
    wire.rows("/* shardway shard=c */ SET LOCAL idle_in_transaction_session_timeout = '300ms'");
    wire.rows(&part.update(2, "part"));
    // Nobody asks: the client hears of it as from one server, and the others are free as soon as one is gone.
    let said = wire.until_closed().unwrap();
    assert!(wire::transcript(&said)[0].starts_with("Error FATAL 25P03"), "{said:?}");
    part.until_free();
    assert_eq!(part.written("part"), [] as [usize; 0]);
    // So it does when somebody ends its session on one of them.
    let mut wire = part.login();
    wire.rows("BEGIN");
    (0..2).for_each(|shard| drop(wire.rows(&part.update(shard, "part"))));
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%part%'";
    part.admin(1).rows(end);
    let said = wire.until_closed().unwrap();
    assert!(wire::transcript(&said)[0].starts_with("Error FATAL 57P01"), "{said:?}");
    part.until_free();
    assert_eq!(part.written("part"), [] as [usize; 0]);
}

#[test]
fn a_client_that_leaves_in_a_transaction_leaves_nothing() {
    let part = Part::new("leaving", 9, "");
    let mut wire = part.login();
    wire.rows("BEGIN");
    (0..3).for_each(|shard| drop(wire.rows(&part.update(shard, "left"))));
    drop(wire);
    part.until_free();
    assert_eq!(part.written("left"), [] as [usize; 0]);
}

/// A transaction on all shards whose PREPARE on the last waits for another's row with the same key; its COMMIT is sent.
fn committing(part: &Part, kind: &str, id: usize) -> (Wire, Wire) {
    let insert = format!("INSERT INTO events (client_id, id, kind) VALUES ({}, {id}, '{kind}')", part.client(2));
    let mut blocker = part.admin(2);
    blocker.rows("BEGIN");
    blocker.rows(&insert);
    let mut wire = part.login();
    wire.rows("BEGIN");
    (0..3).for_each(|shard| drop(wire.rows(&part.update(shard, kind))));
    wire.rows(&insert);
    wire.send(&wire::query("COMMIT")).unwrap();
    let mut watcher = part.admin(2);
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'PREPARE TRANSACTION%'";
    part.until("PREPARE waits", || watcher.value(waiting) != "0");
    (wire, blocker)
}

#[test]
fn a_commit_that_is_cancelled_or_late_is_undone_everywhere_and_one_whose_client_leaves_is_not_torn() {
    let part = Part::new("cancelled-commit", 10, "");
    let (mut wire, mut blocker) = committing(&part, "cancelled", 501);
    wire.cancel().unwrap();
    let answers = wire::answers(&wire.until_ready().unwrap());
    assert_eq!(answers[0].error.as_ref().map(|(state, _)| state.as_str()), Some("57014"));
    assert_eq!(wire.value("SELECT 1"), "1");
    blocker.rows("ROLLBACK");
    part.until_free();
    assert_eq!(part.written("cancelled"), [] as [usize; 0]);

    let (wire, mut blocker) = committing(&part, "alone", 502);
    drop(wire);
    blocker.rows("ROLLBACK");
    part.until("it is committed all the same", || part.written("alone") == [0, 1, 2]);
    part.until_free();

    let (mut wire, mut blocker) = committing(&part, "twice", 503);
    blocker.rows("COMMIT");
    let answers = wire::answers(&wire.until_ready().unwrap());
    assert_eq!(answers[0].error.as_ref().map(|(state, _)| state.as_str()), Some("23505"));
    part.until_free();
    assert_eq!(part.written("twice"), [] as [usize; 0]);

    let late = Part::new("late-commit", 10, "query_timeout = \"500ms\"");
    let (mut wire, mut blocker) = committing(&late, "late", 504);
    let answers = wire::answers(&wire.until_ready().unwrap());
    assert_eq!(answers[0].error.as_ref().map(|(state, _)| state.as_str()), Some("57014"));
    blocker.rows("ROLLBACK");
    part.until_free();
    assert_eq!(part.written("late"), [] as [usize; 0]);
}
