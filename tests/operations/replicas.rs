//! Which reads go to replicas, and what clients notice when replicas lag or die: nothing.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::*;
use crate::support::cluster::{Auth, Lab, Server};
use crate::support::script::{ask, extended, play};

const HEALTH: &str = "[health]\ninterval = \"200ms\"\ntimeout = \"5s\"\nfailures_to_down = 2\nsuccesses_to_up = 1\n";

static PAIRS: LazyLock<Stage> = LazyLock::new(|| Stage::new(World::start("replicas", true).unwrap()));

/// Waits until all replicas take reads.
fn started(stage: &Stage, name: &str, more: &str) -> Proxy {
    let proxy = stage.proxy(name, &Settings { more: &format!("{HEALTH}\n{more}"), ..Settings::default() });
    let mut wire = login(&proxy);
    for client in &stage.clients {
        until("the replicas take reads", || is_replica(&mut wire, *client));
    }
    proxy
}

fn asks_where(client: i64) -> String {
    format!("SELECT current_setting('cluster_name') LIKE '%replica' FROM events WHERE client_id = {client} LIMIT 1")
}

fn is_replica(wire: &mut Wire, client: i64) -> bool {
    wire.value(&asks_where(client)) == "t"
}

#[test]
fn reads_go_where_they_may() {
    let stage = &*PAIRS;
    for server in &stage.world.shards {
        admin(server.port()).rows(
            "CREATE SEQUENCE IF NOT EXISTS volatile_seq; GRANT ALL ON volatile_seq TO app; \
             CREATE OR REPLACE FUNCTION volatile_fn() RETURNS integer LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END'; \
             CREATE OR REPLACE FUNCTION is_standby() RETURNS boolean LANGUAGE sql STABLE AS $$SELECT current_setting('in_hot_standby') = 'on'$$; \
             CREATE OR REPLACE FUNCTION asks_standby() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT is_standby()'",
        );
    }
    let proxy = started(stage, "reads", "");
    let c = stage.clients[0];
    let from = format!("FROM events WHERE client_id = {c}");
    let whole = asks_where(c);
    // What comes before, the statement, whether it runs on a replica; the last row's last field tells.
    let cases: Vec<(&str, String, bool)> = vec![
        ("", whole.clone(), true),
        ("", format!("SELECT count(*), bool_or(current_setting('cluster_name') LIKE '%replica') {from}"), true),
        (
            "",
            format!(
                "WITH w AS (SELECT * {from}) SELECT current_setting('cluster_name') LIKE '%replica' FROM w LIMIT 1"
            ),
            true,
        ),
        ("BEGIN", whole.clone(), false),
        ("BEGIN READ ONLY", whole.clone(), true),
        ("START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", whole.clone(), true),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", whole.clone(), false),
        ("BEGIN; SET TRANSACTION READ ONLY", whole.clone(), true),
        ("BEGIN READ WRITE; SET TRANSACTION READ ONLY", whole.clone(), false),
        ("BEGIN READ WRITE; BEGIN READ ONLY", whole.clone(), false),
        ("BEGIN READ WRITE; SET TRANSACTION READ ONLY; COMMIT AND CHAIN", whole.clone(), false),
        (
            "BEGIN ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            whole.clone(),
            false,
        ),
        ("SET shardway.role = 'primary'", whole.clone(), false),
        ("SET shardway.role = 'replica'", whole.clone(), true),
        ("", format!("/* shardway role=primary */ {whole}"), false),
        ("", format!("/* shardway role=replica */ {whole}"), true),
        (
            "",
            format!("SELECT id, current_setting('cluster_name') LIKE '%replica' {from} ORDER BY id LIMIT 1 FOR UPDATE"),
            false,
        ),
        (
            "",
            format!("SELECT id, current_setting('cluster_name') LIKE '%replica' {from} ORDER BY id LIMIT 1 FOR SHARE"),
            false,
        ),
        (
            "",
            format!("SELECT pg_is_in_recovery(), current_setting('cluster_name') LIKE '%replica' {from} LIMIT 1"),
            false,
        ),
        ("", format!("SELECT random(), current_setting('cluster_name') LIKE '%replica' {from} LIMIT 1"), false),
        (
            "",
            format!("SELECT nextval('volatile_seq'), current_setting('cluster_name') LIKE '%replica' {from} LIMIT 1"),
            false,
        ),
        ("", format!("SELECT is_standby() {from} LIMIT 1"), false),
        // By way of another one.
        ("", format!("SELECT asks_standby() {from} LIMIT 1"), false),
        ("", format!("SELECT volatile_fn(), current_setting('cluster_name') LIKE '%replica' {from} LIMIT 1"), false),
        (
            "",
            format!(
                "WITH u AS (UPDATE events SET kind = kind WHERE client_id = {c} RETURNING 1) SELECT current_setting('cluster_name') LIKE '%replica' FROM u LIMIT 1"
            ),
            false,
        ),
        (
            "",
            format!(
                "UPDATE events SET kind = kind WHERE client_id = {c} AND id = 1 RETURNING current_setting('cluster_name') LIKE '%replica'"
            ),
            false,
        ),
        ("", format!("EXPLAIN (COSTS OFF) {whole}"), false),
    ];
    let mut wrong = Vec::new();
    for (before, sql, expected) in &cases {
        let mut wire = login(&proxy);
        if !before.is_empty() {
            wire.rows(before);
        }
        let answers = wire::answers(&wire.simple(sql).unwrap());
        let said = match (&answers[0].error, answers[0].rows.last()) {
            (Some(error), _) => format!("{error:?}"),
            (None, row) => row
                .and_then(|row| row.last().cloned().flatten())
                .map_or_else(String::new, |field| String::from_utf8_lossy(&field).into_owned()),
        };
        let fits = match (sql.starts_with("EXPLAIN"), sql.contains("_fn()") || sql.contains("nextval")) {
            (true, _) => answers[0].error.is_none(),
            (_, true) => said == "f" || said.contains("0A000"),
            _ => said == if *expected { "t" } else { "f" },
        };
        if !fits {
            wrong.push(format!("{before} | {sql}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A session that has written sees what it wrote: its next reads stay away from replicas that may not have it yet.
#[test]
fn a_session_reads_its_own_writes() {
    let stage = &*PAIRS;
    let proxy = started(stage, "own-writes", "");
    let client = stage.clients[1];
    let mut wire = login(&proxy);
    let mut stale = 0;
    for round in 0..100 {
        wire.rows(&format!("UPDATE events SET kind = 'round {round}' WHERE client_id = {client} AND id = 1"));
        let seen = wire.value(&format!("SELECT kind FROM events WHERE client_id = {client} AND id = 1"));
        stale += usize::from(seen != format!("round {round}"));
    }
    assert_eq!(stale, 0, "of 100 reads after a write");
}

/// Where a replica stands still a session does not read what it has replaced; others read what they may. A position that
/// is presented counts as what a session has written itself.
#[test]
fn replay_that_stands_still_hides_no_write_from_its_session() {
    let stage = &*PAIRS;
    let proxy = started(stage, "paused", "");
    let (client, replica) = (stage.clients[1], stage.world.replicas[1].port());
    let kind = format!(
        "SELECT kind, current_setting('cluster_name') LIKE '%replica' FROM events WHERE client_id = {client} AND id = 2"
    );
    let read = |wire: &mut Wire| -> (String, String) {
        let row = wire.rows(&kind).remove(0);
        (row[0].clone().unwrap(), row[1].clone().unwrap())
    };
    let (mut writer, mut other, mut told) = (login(&proxy), login(&proxy), login(&proxy));
    let mut open = login(&proxy);
    writer.rows(&format!("UPDATE events SET kind = 'before' WHERE client_id = {client} AND id = 2"));
    until("the session reads from the replica again", || read(&mut writer) == ("before".into(), "t".into()));
    assert_eq!(writer.value("SHOW shardway.position").split(['=', ':']).next(), Some("b"));

    admin(replica).rows("SELECT pg_wal_replay_pause()");
    until("replay pauses", || admin(replica).value("SELECT pg_get_wal_replay_pause_state()") == "paused");
    writer.rows(&format!("UPDATE events SET kind = 'after' WHERE client_id = {client} AND id = 2"));
    for _ in 0..50 {
        assert_eq!(read(&mut writer), ("after".into(), "f".into()), "its own write");
    }
    assert_eq!(read(&mut other), ("before".into(), "t".into()), "another session may read a replica within max_lag");
    let token = writer.value("SHOW shardway.position");
    told.rows(&format!("SET shardway.position = '{token}'"));
    assert_eq!(told.value("SHOW shardway.position"), token);
    for _ in 0..20 {
        assert_eq!(read(&mut told), ("after".into(), "f".into()), "as presented");
    }
    let mut born = enter(proxy.port, "app", &[("options", &format!("-c shardway.position={token}"))]).unwrap();
    assert_eq!(read(&mut born), ("after".into(), "f".into()), "as presented at login");
    assert!(metric(&proxy, "shardway_reads_kept_total", &["own_write"]) >= 70.0);
    told.rows("BEGIN READ ONLY");
    assert_eq!(read(&mut told), ("after".into(), "f".into()), "in a transaction that may leave");
    told.rows("COMMIT; RESET shardway.position");
    // A transaction that has read an older state already.
    open.rows("BEGIN READ ONLY");
    assert_eq!(read(&mut open), ("before".into(), "t".into()));
    open.rows(&format!("SET LOCAL shardway.position = '{token}'"));
    assert_eq!(read(&mut open), ("after".into(), "f".into()), "presented to an open transaction");
    open.rows("COMMIT");
    open.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    assert_eq!(read(&mut open), ("before".into(), "t".into()));
    assert_eq!(failure(&mut open, &format!("SET LOCAL shardway.position = '{token}'")).0, "0A000");
    open.rows("ROLLBACK");
    assert_eq!(told.value("SHOW shardway.position"), "");
    assert_eq!(read(&mut told), ("before".into(), "t".into()), "as if nothing had been presented");
    assert!(is_replica(&mut writer, stage.clients[0]), "of another shard the replica answers");
    for (value, state) in [("b=1:0/zz", "22023"), ("x=1:0/1", "22023"), ("b", "22023")] {
        assert_eq!(failure(&mut told, &format!("SET shardway.position = '{value}'")).0, state);
    }
    admin(replica).rows("SELECT pg_wal_replay_resume()");
    until("the session reads from the replica again", || read(&mut writer) == ("after".into(), "t".into()));
    told.rows(&format!("SET shardway.position = '{token}'"));
    until("who presents the position too", || read(&mut told) == ("after".into(), "t".into()));
}

/// What is planned with the new schema is not asked of a replica that has the old one, whoever asks.
#[test]
fn a_replica_that_lacks_a_change_of_the_schema_takes_no_part() {
    let lab = Arc::new(Lab::new("lacking").unwrap());
    let [one, other] = ["one", "other"].map(|name| Server::start(&lab, name, Auth::Scram, &[]).unwrap());
    for server in [&one, &other] {
        admin(server.port()).rows("CREATE TABLE notes (client_id bigint, text text); ALTER TABLE notes OWNER TO app");
    }
    let replica = Server::replica_of(&other, "replica").unwrap();
    let url = |server: &Server| format!("postgres://127.0.0.1:{}/app", server.port());
    let toml = format!(
        "{HEALTH}\n[monitor]\nuser = \"postgres\"\n\n\
         [databases.app.shards.a]\nprimary = \"{}\"\n\n\
         [databases.app.shards.b]\nprimary = \"{}\"\nreplicas = [\"{}\"]\n\n\
         [databases.app.keyspaces.clients]\ntype = \"bigint\"\nbuckets = {{ a = \"0-1\", b = \"2-3\" }}\n\n\
         [databases.app.tables]\nnotes = {{ keyspace = \"clients\", key = \"client_id\" }}\n",
        url(&one),
        url(&other),
        url(&replica)
    );
    let proxy = Proxy::start(&lab, "proxy", &toml).unwrap();
    let (mut owner, mut reader) = (login(&proxy), login(&proxy));
    owner.rows("INSERT INTO notes SELECT id, 'x' FROM generate_series(1, 20) id");
    let of_b: i64 = admin(other.port()).value("SELECT min(client_id) FROM notes").parse().unwrap();
    let place = |wire: &mut Wire| {
        wire.value(&format!("SELECT current_setting('port') FROM notes WHERE client_id = {of_b} LIMIT 1"))
    };
    let [primary, standby] = [&other, &replica].map(|server| server.port().to_string());
    until("the replica takes reads", || place(&mut reader) == standby && place(&mut owner) == standby);
    admin(replica.port()).rows("SELECT pg_wal_replay_pause()");
    until("replay pauses", || admin(replica.port()).value("SELECT pg_get_wal_replay_pause_state()") == "paused");
    // From here on nobody has the WAL flushed but who commits.
    let writer = admin(other.port()).value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'");
    let writer = Stopped::new(&writer).unwrap();
    owner.rows("ALTER TABLE notes ADD COLUMN more integer DEFAULT 7");
    admin(other.port()).rows("BEGIN; SELECT pg_logical_emit_message(false, 'of', 'nobody'); ROLLBACK");
    for wire in [&mut owner, &mut reader, &mut login(&proxy)] {
        assert_eq!(place(wire), primary);
        let rows = wire.rows("SELECT * FROM notes");
        assert_eq!(rows.len(), 20);
        assert!(rows.iter().all(|row| row.len() == 3 && row[2].as_deref() == Some("7")), "{rows:?}");
        assert_eq!(wire.value(&format!("SELECT more FROM notes WHERE client_id = {of_b}")), "7");
    }
    admin(replica.port()).rows("SELECT pg_wal_replay_resume()");
    until("the replica takes reads again", || place(&mut reader) == standby && place(&mut owner) == standby);
    assert_eq!(reader.value(&format!("SELECT more FROM notes WHERE client_id = {of_b}")), "7");
    drop(writer);
}

#[test]
fn own_writes_may_be_given_up() {
    let stage = &*PAIRS;
    let proxy = started(stage, "own-off", "");
    let (client, replica) = (stage.clients[2], stage.world.replicas[2].port());
    reload(&proxy, |toml| toml + "[databases.app.replicas]\nown_writes = \"off\"\n", "ok");
    admin(replica).rows("SELECT pg_wal_replay_pause()");
    until("replay pauses", || admin(replica).value("SELECT pg_get_wal_replay_pause_state()") == "paused");
    let mut wire = login(&proxy);
    wire.rows(&format!("UPDATE events SET kind = 'later' WHERE client_id = {client} AND id = 3"));
    let kind = format!("SELECT kind FROM events WHERE client_id = {client} AND id = 3");
    // Where probes are late, the primary answers for a while.
    until("the replica answers, which has not replayed it", || wire.value(&kind) != "later");
    let token = wire.value("SHOW shardway.position");
    wire.rows(&format!("SET shardway.position = '{token}'"));
    assert_eq!(wire.value(&kind), "later", "what is presented counts all the same");
    admin(replica).rows("SELECT pg_wal_replay_resume()");
}

#[test]
fn a_replica_that_lags_takes_no_part() {
    let stage = &*PAIRS;
    let proxy = started(stage, "lag", "");
    let (client, replica) = (stage.clients[2], stage.world.replicas[2].port());
    reload(&proxy, |toml| toml + "[databases.app.replicas]\nmax_lag = \"1s\"\nmax_lag_bytes = \"1kB\"\n", "ok");
    // Two sessions: one that writes reads from the primary for a while anyway.
    let (mut wire, mut reader) = (login(&proxy), login(&proxy));
    until("the replica takes reads", || is_replica(&mut reader, client));
    admin(replica).rows("SELECT pg_wal_replay_pause()");
    until("replay pauses", || admin(replica).value("SELECT pg_get_wal_replay_pause_state()") == "paused");
    for _ in 0..40 {
        wire.rows(&format!("UPDATE events SET payload = to_jsonb(repeat('x', 1000)) WHERE client_id = {client}"));
    }
    until("reads go to the primary", || !is_replica(&mut reader, client));
    until("the lag is shown", || metric(&proxy, "shardway_replica_lag_bytes", &["app/c/replica-1"]) > 1000.0);
    admin(replica).rows("SELECT pg_wal_replay_resume()");
    until("the replica takes reads again", || is_replica(&mut reader, client));
}

/// After the first failure nobody sees an error: a read that finds its replica dead is served by the primary.
#[test]
fn nobody_but_who_was_in_flight_notices_a_dead_replica() {
    let world = World::start("deadreplica", true).unwrap();
    let mut stage = Stage::new(world);
    // Probes are slow to notice here: statements must not depend on them.
    let proxy = started(&stage, "dead-replica", "");
    reload(&proxy, |toml| toml.replace("failures_to_down = 2", "failures_to_down = 20"), "ok");
    let mut wires: Vec<Wire> = (0..8).map(|_| login(&proxy)).collect();
    let client = stage.clients[0];
    assert!(wires.iter_mut().all(|wire| is_replica(wire, client)));
    stage.world.replicas[0].kill().unwrap();
    let mut errors = Vec::new();
    for _ in 0..20 {
        for wire in &mut wires {
            let answers = wire::answers(&wire.simple(&asks_where(client)).unwrap());
            errors.extend(answers[0].error.clone());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(errors.is_empty(), "{} of 160: {:?}", errors.len(), errors.first());
    stage.world.replicas[0].restart().unwrap();
    until("the replica takes reads again", || is_replica(&mut wires[0], client));
}

/// A lock that is taken on a replica would exclude nobody: where a READ ONLY transaction takes one, it goes on on the primary.
#[test]
fn what_a_read_only_transaction_locks_is_locked_for_all() {
    let stage = &*PAIRS;
    let proxy = started(stage, "locks", "");
    let client = stage.clients[0];
    let read = asks_where(client);
    let tries = |lock: &str| format!("SELECT pg_try_advisory_xact_lock({lock})");
    let sqlstate = |wire: &mut Wire, sql: &str| {
        let answers = wire::answers(&wire.simple(sql).unwrap());
        answers.last().unwrap().error.clone().map(|(sqlstate, _)| sqlstate)
    };
    let (mut one, mut other) = (login(&proxy), login(&proxy));
    for (before, begin) in [("", "BEGIN READ ONLY"), ("SET default_transaction_read_only = on", "BEGIN")] {
        one.rows(before);
        until("what the last one may have written is there", || is_replica(&mut one, client));
        one.rows(begin);
        assert!(is_replica(&mut one, client), "{begin}");
        one.rows("SELECT pg_advisory_xact_lock(7)");
        assert_eq!(other.value(&tries("7")), "f", "{begin}");
        assert!(!is_replica(&mut one, client), "what the lock stands for is read where it is held");
        other.rows("BEGIN READ ONLY");
        other.rows(&read);
        assert_eq!(other.value(&tries("7")), "f");
        other.rows("COMMIT");
        one.rows("COMMIT");
        assert_eq!(other.value(&tries("7")), "t");
        one.rows("RESET default_transaction_read_only");
    }
    one.rows("BEGIN READ ONLY; SAVEPOINT s; SET LOCAL work_mem = '5MB'");
    one.rows(&read);
    one.rows("LOCK TABLE events IN ROW EXCLUSIVE MODE");
    assert_eq!(sqlstate(&mut other, "BEGIN; LOCK TABLE events IN SHARE MODE NOWAIT").as_deref(), Some("55P03"));
    other.rows("ROLLBACK");
    assert_eq!(one.value("SHOW work_mem"), "5MB", "what was set is set there too");
    one.rows("ROLLBACK TO s");
    one.rows("COMMIT");
    // What a savepoint has taken back, and what functions have set, goes along.
    one.rows("BEGIN READ ONLY");
    one.rows(&read);
    for sql in [
        "SAVEPOINT s",
        "SET LOCAL work_mem = '5MB'",
        "ROLLBACK TO s",
        "SELECT set_config('statement_timeout', '7h', true)",
    ] {
        one.rows(sql);
    }
    one.rows("SELECT pg_advisory_xact_lock(7)");
    assert_eq!(one.value("SHOW statement_timeout"), "7h");
    assert_ne!(one.value("SHOW work_mem"), "5MB");
    one.rows("COMMIT");
    // Bound and executed.
    one.rows("BEGIN READ ONLY");
    let run = |wire: &mut Wire, sql: &str| {
        let messages = [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::sync()];
        wire.send(&messages.concat()).unwrap();
        wire::answers(&wire.until_ready().unwrap()).remove(0)
    };
    run(&mut one, &read);
    assert_eq!(run(&mut one, "SELECT pg_advisory_xact_lock(8)").error, None);
    assert_eq!(other.value(&tries("8")), "f");
    one.rows("COMMIT");
    // A snapshot, or a cursor, cannot be taken along.
    one.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    one.rows(&read);
    assert_eq!(sqlstate(&mut one, "SELECT pg_advisory_xact_lock(7)").as_deref(), Some("0A000"));
    one.rows("ROLLBACK; BEGIN READ ONLY");
    one.rows(&format!("DECLARE c CURSOR FOR {read}"));
    assert_eq!(sqlstate(&mut one, "SELECT pg_advisory_xact_lock(7)").as_deref(), Some("0A000"));
    one.rows("ROLLBACK");
    assert_eq!(other.value(&tries("7")), "t");
}

/// A READ ONLY transaction has read from a replica of one shard, and then needs the primaries of all: each is asked once.
#[test]
fn primaries_that_take_over_from_replicas_are_each_asked_their_own() {
    let stage = &*PAIRS;
    let proxy = started(stage, "takes-over", "");
    let mut wire = login(&proxy);
    // Of rows that no other test changes.
    let reads = [
        "SELECT client_id, id FROM events WHERE random() < 2 AND client_id > 20 ORDER BY client_id, id LIMIT 50",
        "SELECT client_id, id, random() < 2 FROM events WHERE client_id > 20 AND id < 3 ORDER BY client_id, id",
        "SELECT kind, count(*) FROM events WHERE random() < 2 AND client_id > 20 GROUP BY kind ORDER BY kind",
        "SELECT count(DISTINCT client_id), count(*) FROM events WHERE random() < 2 AND client_id BETWEEN 21 AND 39",
        "SELECT e.client_id, f.id FROM events e JOIN events f ON f.id = e.client_id WHERE random() < 2 AND e.client_id > 20 AND f.client_id > 20 ORDER BY 1, 2 LIMIT 50",
    ];
    let right = reads.map(|sql| wire.rows(sql));
    let asks = |client: &i64| {
        let value = Some(client.to_string().into_bytes());
        [wire::bind("", "", &[(0, value)], 0), wire::execute("", 0)].concat()
    };
    let told: Vec<_> = stage.clients.iter().map(|client| client.to_string().into_bytes()).collect();
    // What a volatile function may have written, replicas must have before they are read.
    let begin = |wire: &mut Wire, client| {
        until("a transaction begins on a replica", || {
            wire.rows("BEGIN READ ONLY");
            let begun = is_replica(wire, client);
            if !begun {
                wire.rows("COMMIT");
            }
            begun
        });
    };
    for client in stage.clients.iter().copied() {
        for (sql, right) in reads.iter().zip(&right) {
            begin(&mut wire, client);
            assert_eq!(wire.rows(sql), *right, "behind a read of client {client}: {sql}");
            wire.rows("COMMIT");
        }
        begin(&mut wire, client);
        let sqlstate = |wire: &mut Wire, sql: &str| {
            let answers = wire::answers(&wire.simple(sql).unwrap());
            answers.last().unwrap().error.clone().map(|(sqlstate, _)| sqlstate)
        };
        assert_eq!(sqlstate(&mut wire, "DELETE FROM events WHERE id < 0").as_deref(), Some("25006"));
        assert_eq!(sqlstate(&mut wire, "SAVEPOINT a").as_deref(), Some("25P02"), "behind a read of client {client}");
        assert_eq!(sqlstate(&mut wire, "ROLLBACK"), None);
        let several = [
            wire::parse(
                "",
                "SELECT random() < 2, client_id, id FROM events WHERE client_id = $1 ORDER BY id LIMIT 1",
                &[20],
            ),
            stage.clients.iter().flat_map(asks).collect(),
            wire::sync(),
        ];
        begin(&mut wire, client);
        wire.send(&several.concat()).unwrap();
        let found: Vec<_> = wire::answers(&wire.until_ready().unwrap()).into_iter().flat_map(|it| it.rows).collect();
        let found: Vec<_> = found.iter().map(|row| row[1].clone().unwrap()).collect();
        assert_eq!(found, told, "in a pipeline, behind a read of client {client}");
        wire.rows("COMMIT");
    }
}

/// What replicas refuse, or know otherwise, they are not asked.
#[test]
fn what_replicas_cannot_answer_the_primary_does() {
    let stage = &*PAIRS;
    for server in &stage.world.shards {
        admin(server.port()).rows(
            "CREATE UNLOGGED TABLE IF NOT EXISTS fleeting (client_id bigint, n int); GRANT ALL ON fleeting TO app; \
             CREATE TABLE IF NOT EXISTS parted (client_id bigint, n int) PARTITION BY LIST (n); \
             CREATE UNLOGGED TABLE IF NOT EXISTS parted_one PARTITION OF parted FOR VALUES IN (1); GRANT ALL ON parted TO app; \
             CREATE SEQUENCE IF NOT EXISTS numbers; SELECT nextval('numbers'); GRANT ALL ON SEQUENCE numbers TO app",
        );
    }
    let settings = Settings { database: "default_shard = \"a\"", more: HEALTH, ..Settings::default() };
    let proxy = stage.proxy("primaries", &settings);
    let mut wire = login(&proxy);
    let client = stage.clients[0];
    until("the replicas take reads", || is_replica(&mut wire, client));
    until("the schema is known", || {
        wire.simple("SELECT * FROM fleeting").is_ok_and(|it| wire::answers(&it)[0].error.is_none())
    });
    let by_key = format!("SELECT count(*) FROM fleeting WHERE client_id = {client}");
    let statements = [
        by_key.as_str(),
        "SELECT count(*) FROM fleeting",
        "SELECT f.n, e.id FROM fleeting f JOIN events e ON e.id = f.n ORDER BY 1",
        "SELECT count(*) FROM parted",
        "SELECT txid_current() > 0",
        "COPY fleeting TO STDOUT",
    ];
    for sql in statements {
        for before in ["", "BEGIN READ ONLY", "SET default_transaction_read_only = on"] {
            if !before.is_empty() {
                wire.rows(before);
                wire.rows(&asks_where(client));
            }
            let simple = wire::answers(&wire.simple(sql).unwrap());
            assert_eq!(simple[0].error, None, "{before} {sql}");
            if !sql.starts_with("COPY") {
                let messages =
                    [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::sync()];
                wire.send(&messages.concat()).unwrap();
                assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].error, None, "extended: {before} {sql}");
            }
            wire.rows(if before.starts_with("BEGIN") { "COMMIT" } else { "RESET default_transaction_read_only" });
        }
    }
    let primary = admin(stage.world.shards[0].port()).value("SELECT last_value FROM numbers");
    for ask in ["SELECT last_value FROM numbers", "SELECT last_value FROM pg_sequences WHERE sequencename = 'numbers'"]
    {
        assert_eq!(wire.value(ask), primary, "{ask}");
    }
    // Replicas know of no SERIALIZABLE.
    for setting in [
        "SET default_transaction_isolation = 'serializable'",
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    ] {
        let mut wire = login(&proxy);
        wire.rows(setting);
        assert!(!is_replica(&mut wire, client), "{setting}");
    }
}

/// All before one Sync is one transaction: replicas answer only where nothing of it writes, and portals stay where they are.
#[test]
fn pipelines_that_write_read_what_they_wrote_and_keep_their_portals() {
    let stage = &*PAIRS;
    let proxy = started(stage, "pipelines", "");
    let mut wrong = String::new();
    for client in &stage.clients {
        // Other tests write the rows before these.
        let from = format!("FROM events WHERE client_id = {client} AND id > 3");
        let read = format!("SELECT id, kind {from} ORDER BY id");
        let counted = format!("SELECT kind, count(*) {from} GROUP BY kind ORDER BY kind");
        let gathered = format!(
            "SELECT e.id, l.id FROM events e JOIN ledger l ON l.id = e.id WHERE e.client_id = {client} AND e.id IN (4, 5) \
             UNION ALL SELECT a.id, count(*) FROM audit a, events e WHERE a.id < 3 AND e.id > 3 GROUP BY a.id ORDER BY 1, 2"
        );
        let write = format!("UPDATE events SET kind = kind || '!' WHERE client_id = {client} AND id = 4");
        let everywhere = "UPDATE events SET kind = kind || '?' WHERE id = 4";
        let act = |sql: &str| [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat();
        let open = |sql: &str| [wire::parse("", sql, &[]), wire::bind("p", "", &[], 0), wire::execute("p", 1)].concat();
        let bound = |sql: &str| [wire::parse("", sql, &[]), wire::bind("p", "", &[], 0)].concat();
        let (flush, more) = (wire::flush, || wire::execute("p", 0));
        let (stands, goes_on) = (act("SAVEPOINT s"), act(&read));
        let mut cases = vec![
            vec![act(&read), flush(), act(&write), flush(), act(&read)],
            vec![act(&read), act(everywhere), act(&read)],
        ];
        for reading in [&read, &counted, &gathered] {
            cases.extend([
                vec![open(reading), act("CLOSE d"), act(reading)],
                vec![open(reading), act("CLOSE ALL"), act(reading)],
                vec![bound(reading), more(), act("CLOSE d"), bound(reading)],
                vec![act(reading), act(&write), act(reading)],
                vec![act(reading), act(everywhere), act(reading)],
                vec![bound(reading), flush(), more(), act(&write), goes_on.clone()],
                vec![open(reading), flush(), act(&write), flush(), more(), goes_on.clone()],
                vec![open(reading), act(everywhere), more(), goes_on.clone()],
                vec![open(reading), act("BEGIN"), more(), act(&write), stands.clone(), act("COMMIT"), goes_on.clone()],
                vec![open(reading), act(&read), more(), goes_on.clone()],
            ]);
        }
        for (number, case) in cases.into_iter().enumerate() {
            let steps = ask(&[case.concat(), wire::sync()]);
            let expected = play(&mut Wire::login(stage.world.oracle.port(), "app", &[]).unwrap(), &steps);
            let found = play(&mut login(&proxy), &steps);
            if expected != found {
                wrong += &format!("\n--- {number}, client {client}\n  - {expected:?}\n  + {found:?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What only reads up to its Sync is for replicas, in one message after another too.
#[test]
fn pipelines_that_only_read_go_to_replicas() {
    let stage = &*PAIRS;
    let proxy = started(stage, "reading-pipelines", "");
    let mut wire = login(&proxy);
    let where_it_is = |client: i64| {
        let sql = asks_where(client);
        [wire::parse("", &sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat()
    };
    let all = || stage.clients.iter().map(|client| where_it_is(*client)).collect::<Vec<_>>().concat();
    let over_all = "SELECT kind, bool_and(current_setting('cluster_name') LIKE '%replica') FROM events GROUP BY kind";
    let over_all = [wire::parse("", over_all, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat();
    let said = |frames: &[wire::Frame]| {
        let last = |row: Vec<Option<Vec<u8>>>| row.last().cloned().flatten().unwrap_or_default();
        let rows = frames.iter().filter(|frame| frame.tag == b'D').map(|frame| last(wire::fields(&frame.body)));
        rows.map(|value| String::from_utf8(value).unwrap()).collect::<Vec<_>>()
    };
    for (messages, is_for_replicas) in [
        (all(), true),
        ([all(), over_all.clone(), all()].concat(), true),
        ([all(), wire::flush(), all()].concat(), false),
        ([all(), where_it_is(stage.clients[0]), wire::parse("", "SET work_mem = '5MB'", &[])].concat(), false),
    ] {
        wire.send(&[messages, wire::sync()].concat()).unwrap();
        let found = said(&wire.until_ready().unwrap());
        assert!(!found.is_empty());
        assert_eq!(found.iter().all(|it| it == "t"), is_for_replicas, "{found:?}");
    }
}

/// What is bound on a replica, to be described, is run where volatile functions may run.
#[test]
fn portals_of_volatile_queries_keep_their_rows() {
    let stage = &*PAIRS;
    let proxy = started(stage, "volatile", "");
    let queries = [
        "SELECT 1 FROM (SELECT id FROM events ORDER BY random() LIMIT 3) AS some",
        "SELECT count(*) FROM events WHERE id < 4 AND random() >= 0",
        "SELECT client_id FROM events WHERE id = 1 AND clock_timestamp() IS NOT NULL ORDER BY client_id",
    ];
    for sql in queries {
        for before in ["SELECT 1", "BEGIN READ ONLY", "BEGIN"] {
            let steps = ask(&[wire::query(before), extended(sql, &[]), wire::query("ROLLBACK")]);
            let expected = play(&mut Wire::login(stage.world.oracle.port(), "app", &[]).unwrap(), &steps);
            // Each session begins on another shard.
            for _ in 0..6 {
                assert_eq!(play(&mut login(&proxy), &steps), expected, "{before}; {sql}");
            }
        }
    }
}

/// It is on a primary, though a replica has described it: its server is closed with the session.
#[test]
fn a_held_cursor_over_several_shards_is_no_other_clients() {
    let stage = &*PAIRS;
    let proxy = started(stage, "held-cursors", "");
    let declare = "DECLARE mine CURSOR WITH HOLD FOR SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind";
    for _ in 0..6 {
        let mut wire = login(&proxy);
        let lines = play(&mut wire, &ask(&[extended(declare, &[])]));
        assert!(lines.contains(&"C DECLARE CURSOR\\x00".to_owned()), "{lines:#?}");
        assert_eq!(wire.rows("FETCH 2 FROM mine").len(), 2);
        drop(wire);
        let mut other = login(&proxy);
        for client in &stage.clients {
            other.rows("BEGIN");
            other.rows(&format!("SELECT id FROM events WHERE client_id = {client} FOR SHARE"));
            assert_eq!(other.value("SELECT count(*) FROM pg_cursors"), "0");
            other.rows("ROLLBACK");
        }
    }
}
