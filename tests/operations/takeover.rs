//! A replica takes over, a primary comes back as a replica, replay is in the way: what sessions notice, and what drivers
//! find out about the server they are connected to.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::support::cluster::{Auth, Lab, Server};
use crate::support::wire::{bind, describe, execute, parse, query, sync};

/// One shard that finds its roles. Probes are rare: sessions must not depend on them.
struct Pair {
    lab: Arc<Lab>,
    one: Server,
    other: Server,
    proxy: Proxy,
}

const ADDED: &str = "INSERT INTO notes VALUES (1, 'new') RETURNING text";

impl Pair {
    fn start(name: &str, interval: &str) -> Self {
        let lab = Arc::new(Lab::new(name).unwrap());
        let one = Server::start(&lab, "one", Auth::Scram, &[]).unwrap();
        admin(one.port()).rows(
            "CREATE TABLE notes (client_id bigint, text text); GRANT ALL ON notes TO app; INSERT INTO notes VALUES (1, 'old')",
        );
        let other = Server::replica_of(&one, "other").unwrap();
        let url = |server: &Server| format!("\"postgres://127.0.0.1:{}/app\"", server.port());
        let toml = format!(
            "[health]\ninterval = \"{interval}\"\n\n[monitor]\nuser = \"postgres\"\n\n\
             [databases.app]\nfailover_wait = \"1m\"\n\n[databases.app.shards.a]\nrole = \"auto\"\nprimary = {}\nreplicas = [{}]\n\n\
             [databases.app.keyspaces.clients]\ntype = \"bigint\"\nbuckets = {{ a = \"0-1\" }}\n\n\
             [databases.app.tables]\nnotes = {{ keyspace = \"clients\", key = \"client_id\" }}\n",
            url(&one),
            url(&other)
        );
        let proxy = Proxy::start(&lab, "proxy", &toml).unwrap();
        Self { lab, one, other, proxy }
    }

    /// The primary has gone, the replica has taken over, and where the primary was there is a replica now.
    fn swap(&mut self) {
        let end = admin(self.one.port()).value("SELECT pg_current_wal_insert_lsn()");
        until("the replica has everything", || {
            admin(self.other.port()).value(&format!("SELECT pg_last_wal_replay_lsn() >= '{end}'")) == "t"
        });
        self.one.stop().unwrap();
        assert_eq!(admin(self.other.port()).value("SELECT pg_promote(true, 60)"), "t");
        let folder = self.lab.folder().join(self.one.name());
        let follows = format!("primary_conninfo = 'user=postgres host=127.0.0.1 port={}'\n", self.other.port());
        for (file, text) in [("standby.signal", String::new()), ("postgresql.auto.conf", follows)] {
            fs::write(folder.join(file), text).unwrap();
            self.lab.give(&folder.join(file)).unwrap();
        }
        self.one.restart().unwrap();
        assert_eq!(admin(self.one.port()).value("SELECT pg_is_in_recovery()"), "t");
    }

    fn notes(&self) -> String {
        admin(self.other.port()).value("SELECT count(*) FROM notes")
    }
}

fn extended(wire: &mut Wire, sql: &str) -> Vec<wire::Frame> {
    let messages = [parse("", sql, &[]), bind("", "", &[], 0), describe(b'P', ""), execute("", 0), sync()].concat();
    wire.send(&messages).unwrap();
    wire.until_ready().unwrap()
}

/// What came, but for what a server says of itself: a promoted one tells its old connections that it is no standby.
fn tags(frames: &[wire::Frame]) -> String {
    frames.iter().map(|frame| frame.tag as char).filter(|tag| *tag != 'S').collect()
}

/// The proxy knows of nothing when the statements come: they reach a server that takes no writes.
#[test]
fn a_write_that_meets_a_replica_is_asked_again_of_the_new_primary() {
    let mut pair = Pair::start("takeover", "30s");
    let mut wires: Vec<Wire> = (0..2).map(|_| login(&pair.proxy)).collect();
    until("the primary is found", || wires[0].simple("SELECT text FROM notes WHERE client_id = 1").is_ok());
    pair.swap();
    let simple = wires[0].simple(ADDED).unwrap();
    assert_eq!(wire::answers(&simple)[0].error, None);
    let other = extended(&mut wires[1], ADDED);
    assert_eq!(tags(&simple), "TDCZ", "{:?}", wire::transcript(&simple));
    assert_eq!(tags(&other), "12TDCZ", "{:?}", wire::transcript(&other));
    assert_eq!(pair.notes(), "3");
    assert!(metric(&pair.proxy, "shardway_retries_total", &["read_only"]) >= 1.0);
}

#[test]
fn what_was_open_on_an_old_primary_is_over() {
    let mut pair = Pair::start("left", "200ms");
    let mut open = login(&pair.proxy);
    until("the primary is found", || open.simple("SELECT text FROM notes WHERE client_id = 1").is_ok());
    // The old one lives on, and would take the commit.
    open.rows("BEGIN; UPDATE notes SET text = 'lost' WHERE client_id = 1");
    assert_eq!(admin(pair.other.port()).value("SELECT pg_promote(true, 60)"), "t");
    until("it is followed", || metric(&pair.proxy, "shardway_failovers_total", &["shard=\"a\""]) == 1.0);
    let (state, message) = failure(&mut open, "COMMIT");
    assert_eq!(state, "08006", "{message}");
    assert_eq!(open.value("SELECT text FROM notes WHERE client_id = 1"), "old");
    assert_eq!(wire::answers(&open.simple(ADDED).unwrap())[0].tag, "INSERT 0 1");
    assert_eq!(pair.notes(), "2");
    pair.one.stop().unwrap();
    assert_eq!(open.value("SELECT count(*) FROM notes WHERE client_id = 1"), "2");
}

/// 25006 of a server that is the primary all the same is the client's to hear, once.
#[test]
fn a_server_that_is_read_only_by_its_settings_says_so() {
    let pair = Pair::start("readonly", "200ms");
    let mut wire = login(&pair.proxy);
    until("the primary is found", || wire.simple("SELECT text FROM notes WHERE client_id = 1").is_ok());
    admin(pair.one.port()).rows("CREATE FUNCTION refuse() RETURNS text LANGUAGE plpgsql VOLATILE AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''25006'', MESSAGE = ''not today''; END'");
    admin(pair.one.port())
        .rows("ALTER TABLE notes ALTER text SET DEFAULT refuse(); GRANT EXECUTE ON FUNCTION refuse() TO app");
    let sql = "/* shardway shard=a */ INSERT INTO notes (client_id) VALUES (1)";
    until("the schema is known", || failure(&mut wire, sql).1 == "not today");
    assert_eq!(failure(&mut wire, sql), ("25006".to_owned(), "not today".to_owned()));
    let frames = extended(&mut wire, sql);
    let tags = tags(&frames);
    assert!(tags.ends_with("EZ") && tags.matches('E').count() == 1, "{tags}");
    assert_eq!(wire.value("SELECT count(*) FROM notes WHERE client_id = 1"), "1", "the session goes on");
    assert_eq!(metric(&pair.proxy, "shardway_retries_total", &["read_only"]), 0.0);
}

/// Replay cancels a read on a replica: the primary answers it, in either protocol.
#[test]
fn a_read_that_replay_cancels_is_answered_by_the_primary() {
    let pair = Pair::start("conflict", "200ms");
    let mut replica = admin(pair.other.port());
    replica.rows("ALTER SYSTEM SET max_standby_streaming_delay = '10ms'");
    replica.rows("SELECT pg_reload_conf()");
    let mut wires = [login(&pair.proxy), login(&pair.proxy)];
    let slow = "SELECT count(*) FROM notes, generate_series(1, 2000000) WHERE client_id = 1";
    let is_replica = |wire: &mut Wire| {
        wire.value("SELECT current_setting('cluster_name') FROM notes WHERE client_id = 1") == "other"
    };
    wires.iter_mut().for_each(|wire| until("the replica takes reads", || is_replica(wire)));
    let mut cancelled = 0.0;
    until("replay was in the way of both", || {
        let [one, other] = &mut wires;
        thread::scope(|scope| {
            let simple = scope.spawn(|| one.value(slow));
            let extended = scope.spawn(|| extended(other, slow));
            until("the replica is at work", || {
                admin(pair.other.port()).value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 2000000)%' AND pid <> pg_backend_pid()") == "2"
                    || simple.is_finished()
            });
            admin(pair.one.port()).rows("BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE; COMMIT");
            assert_eq!(simple.join().unwrap(), "2000000");
            let frames = extended.join().unwrap();
            assert_eq!(tags(&frames), "12TDCZ", "{:?}", wire::transcript(&frames));
        });
        cancelled = metric(&pair.proxy, "shardway_retries_total", &["conflict"]);
        cancelled >= 2.0
    });
}

/// The same of statements over several shards, one of which has replicas: sums, groups and sorted rows.
#[test]
fn a_read_over_several_shards_that_replay_cancels_is_answered_by_the_primaries() {
    let lab = Arc::new(Lab::new("conflicts").unwrap());
    let [one, two] = ["one", "two"].map(|name| Server::start(&lab, name, Auth::Scram, &[]).unwrap());
    for server in [&one, &two] {
        let mut admin = admin(server.port());
        admin.rows("CREATE TABLE notes (client_id bigint, text text); GRANT ALL ON notes TO app");
        admin.rows("INSERT INTO notes SELECT 1, 'old' FROM generate_series(1, 100000)");
    }
    admin(two.port()).rows("UPDATE notes SET client_id = 2");
    let replica = Server::replica_of(&one, "replica").unwrap();
    let mut at_replica = admin(replica.port());
    at_replica.rows("ALTER SYSTEM SET max_standby_streaming_delay = '10ms'");
    at_replica.rows("SELECT pg_reload_conf()");
    let url = |server: &Server| format!("\"postgres://127.0.0.1:{}/app\"", server.port());
    let toml = format!(
        "[health]\ninterval = \"200ms\"\n\n[monitor]\nuser = \"postgres\"\n\n[databases.app]\n\n\
         [databases.app.shards.a]\nprimary = {}\nreplicas = [{}]\n\n[databases.app.shards.b]\nprimary = {}\n\n\
         [databases.app.keyspaces.clients]\ntype = \"bigint\"\nranges = [{{ to = 2, shard = \"a\" }}, {{ from = 2, shard = \"b\" }}]\n\n\
         [databases.app.tables]\nnotes = {{ keyspace = \"clients\", key = \"client_id\" }}\n",
        url(&one),
        url(&replica),
        url(&two)
    );
    let proxy = Proxy::start(&lab, "proxy", &toml).unwrap();
    let (mut wire, mut primary) = (login(&proxy), admin(one.port()));
    let is_replica = |wire: &mut Wire| {
        wire.value("SELECT current_setting('cluster_name') FROM notes WHERE client_id = 1 LIMIT 1") == replica.name()
    };
    for (number, (list, rest, expected)) in [
        ("count(*)", "", "200000"),
        ("text, count(*)", "GROUP BY text", "old,200000"),
        ("text, client_id", "ORDER BY client_id DESC, text LIMIT 1", "old,2"),
        ("text, count(DISTINCT client_id % 7)", "GROUP BY text", "old,2"),
    ]
    .into_iter()
    .enumerate()
    {
        let slow = format!("SELECT {list} FROM notes WHERE md5(repeat(text, 1000)) <> '' {rest}");
        let before = metric(&proxy, "shardway_retries_total", &["conflict"]);
        until("the replica takes reads", || is_replica(&mut wire));
        until(&format!("replay was in the way of {slow}"), || {
            thread::scope(|scope| {
                let wire = &mut wire;
                let answer = scope.spawn(|| match number % 2 {
                    0 => wire.simple(&slow).unwrap(),
                    _ => extended(wire, &slow),
                });
                // The rows of a part may have left the replica within milliseconds.
                while !answer.is_finished() {
                    primary.rows("BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE; COMMIT");
                }
                let frames = answer.join().unwrap();
                let rows = &wire::answers(&frames)[0].rows;
                let fields = |row: &Vec<Option<Vec<u8>>>| {
                    let fields =
                        row.iter().map(|field| String::from_utf8_lossy(field.as_deref().unwrap()).into_owned());
                    fields.collect::<Vec<_>>().join(",")
                };
                assert_eq!(rows.iter().map(fields).collect::<Vec<_>>(), [expected], "{:?}", wire::transcript(&frames));
                assert_eq!(frames.iter().filter(|frame| frame.tag == b'T').count(), 1);
            });
            metric(&proxy, "shardway_retries_total", &["conflict"]) > before
        });
    }
}

#[test]
fn drivers_find_what_they_ask_for() {
    let pair = Pair::start("attributes", "200ms");
    let mut wire = login(&pair.proxy);
    let is_replica = |wire: &mut Wire| {
        wire.value("SELECT current_setting('cluster_name') FROM notes WHERE client_id = 1") == "other"
    };
    until("the replica takes reads", || is_replica(&mut wire));
    for name in ["transaction_read_only", "in_hot_standby"] {
        for ask in ["SHOW {}", "SELECT current_setting('{}')", "SELECT setting FROM pg_settings WHERE name = '{}'"] {
            assert_eq!(wire.value(&ask.replace("{}", name)), "off", "{ask} {name}");
        }
    }
    assert_eq!(wire.value("SELECT pg_is_in_recovery()"), "f");
    assert_eq!(wire.parameters["in_hot_standby"], "off");
    let read_only = "options='-c default_transaction_read_only=on'";
    for (attribute, options, is_suited) in [
        ("any", "", true),
        ("read-write", "", true),
        ("primary", "", true),
        ("prefer-standby", "", true),
        ("read-only", read_only, true),
        ("read-only", "", false),
        ("read-write", read_only, false),
        ("standby", "", false),
    ] {
        let url = format!(
            "host=127.0.0.1 port={} user=app dbname=app target_session_attrs={attribute} {options}",
            pair.proxy.port
        );
        let (is_in, said) = psql(&[&url, "-c", "SELECT 1"]);
        assert_eq!(is_in, is_suited, "{attribute} {options}: {said}");
    }
    let mut reader = enter(pair.proxy.port, "app", &[("options", "-c default_transaction_read_only=on")]).unwrap();
    assert_eq!(reader.parameters["default_transaction_read_only"], "on");
    assert!(is_replica(&mut reader));
    assert_eq!(failure(&mut reader, ADDED).0, "25006");
    reader.rows("BEGIN");
    assert!(is_replica(&mut reader), "in a transaction too");
    assert_eq!(failure(&mut reader, ADDED).0, "25006");
    reader.rows("ROLLBACK");
    reader.rows("BEGIN READ WRITE");
    assert!(!is_replica(&mut reader));
    assert_eq!(wire::answers(&reader.simple(ADDED).unwrap())[0].tag, "INSERT 0 1");
    reader.rows("COMMIT");

    // Our own settings answer in the extended protocol as any SHOW does.
    for (sql, value) in [("SHOW shardway.role", "auto"), ("SHOW shardway.shard", "")] {
        let frames = extended(&mut wire, sql);
        assert_eq!(tags(&frames), "12TDCZ", "{sql}");
        let row = frames.iter().find(|frame| frame.tag == b'D').unwrap();
        assert_eq!(wire::fields(&row.body), [Some(value.as_bytes().to_vec())], "{sql}");
    }
    wire.send(&[parse("", "SHOW shardway.position", &[]), describe(b'S', ""), sync(), query("SELECT 1")].concat())
        .unwrap();
    let frames = wire.until_ready().unwrap();
    assert_eq!(tags(&frames), "1tTZ");
    wire.until_ready().unwrap();
}

#[test]
fn who_waits_for_a_primary_in_vain_hears_so_after_failover_wait() {
    let mut pair = Pair::start("in_vain", "200ms");
    until("the primary is found", || login(&pair.proxy).simple("SELECT text FROM notes WHERE client_id = 1").is_ok());
    reload(&pair.proxy, |toml| toml.replace("\"1m\"", "\"1500ms\"\nwaiters_max = 1"), "ok");
    let (mut first, mut second) = (login(&pair.proxy), login(&pair.proxy));
    pair.one.kill().unwrap();
    until("it is missed", || metric(&pair.proxy, "shardway_primaries", &["shard=\"a\""]) == 0.0);
    let told = Instant::now();
    first.send(&query(ADDED)).unwrap();
    until("it waits", || metric(&pair.proxy, "shardway_failover_waiting", &[]) == 1.0);
    assert_eq!(failure(&mut second, ADDED).0, "53300", "one waits already");
    let error = whole_error(&first.until_ready().unwrap());
    assert!(error.contains("C08006") && error.contains("no server takes its writes now"), "{error}");
    assert!((Duration::from_millis(1400)..Duration::from_secs(10)).contains(&told.elapsed()), "{:?}", told.elapsed());
    assert_eq!(metric(&pair.proxy, "shardway_failover_waiting", &[]), 0.0);
    // Who does not want to wait so long is not kept.
    reload(&pair.proxy, |toml| toml.replace("\"1500ms\"", "\"1h\""), "ok");
    first.send(&query(ADDED)).unwrap();
    until("it waits", || metric(&pair.proxy, "shardway_failover_waiting", &[]) == 1.0);
    first.cancel().unwrap();
    let error = whole_error(&first.until_ready().unwrap());
    assert!(error.contains("C57014 | Mcanceling statement due to user request"), "{error}");
    assert_eq!(metric(&pair.proxy, "shardway_failover_waiting", &[]), 0.0);
    // The session goes on, and who comes in time is served.
    first.send(&query(ADDED)).unwrap();
    assert_eq!(admin(pair.other.port()).value("SELECT pg_promote(true, 60)"), "t");
    assert_eq!(wire::answers(&first.until_ready().unwrap())[0].error, None);
    assert_eq!(pair.notes(), "2");
}
