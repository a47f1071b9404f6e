//! What a session may rely on while it changes servers: its settings, statements, locks and notifications.

use super::*;

fn ask(client: i64, what: &str) -> String {
    format!("SELECT {what} FROM events WHERE client_id = {client} AND id = 1")
}

const LOOK: &str = "concat_ws(' ', current_setting('TimeZone'), current_setting('search_path'), current_user, session_user, \
                    current_setting('work_mem'), current_setting('application_name'), current_setting('my.own', true))";

#[test]
fn settings_follow_their_client_over_one_server_connection() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE ROLE reader; GRANT reader TO app; GRANT SELECT ON events TO reader");
    }
    let more =
        "[[users]]\nname = \"root\"\npassword = \"secret\"\nserver_user = \"postgres\"\nserver_password = \"secret\"\n";
    let proxy = stage.proxy("settings", &Settings { database: "pool_size = 1", more, ..Settings::default() });
    let client = stage.clients[0];
    let mut one = enter(proxy.port, "app", &[("TimeZone", "Asia/Tokyo"), ("application_name", "one")]).unwrap();
    let mut two = enter(proxy.port, "app", &[("options", "-c work_mem=7MB")]).unwrap();
    one.rows("SET ROLE reader");
    one.rows("SET my.own = 'mine'");
    two.rows("SET search_path = public, other; SET TIME ZONE 'Europe/Oslo'");
    let (first, second) =
        ("Asia/Tokyo \"$user\", public reader app 4MB one mine", "Europe/Oslo public, other app app 7MB");
    for _ in 0..10 {
        assert_eq!(one.value(&ask(client, LOOK)), first);
        // A setting that another session made up is empty here, not absent: PostgreSQL cannot forget its name.
        assert_eq!(two.value(&ask(client, LOOK)).trim_end(), second);
    }
    // What a transaction sets is gone with its rollback, and SET LOCAL with its end.
    one.rows("BEGIN");
    one.rows("SET work_mem = '9MB'");
    one.rows("SET LOCAL TimeZone = 'UTC'");
    assert_eq!(one.value(&ask(client, LOOK)), "UTC \"$user\", public reader app 9MB one mine");
    one.rows("SAVEPOINT s");
    one.rows("SET work_mem = '12MB'");
    one.rows("ROLLBACK TO s");
    assert!(one.value(&ask(client, LOOK)).contains(" 9MB "));
    one.rows("ROLLBACK");
    two.value(&ask(client, LOOK));
    assert_eq!(one.value(&ask(client, LOOK)), first);
    one.rows("BEGIN");
    one.rows("SET work_mem = '9MB'");
    one.rows("SET LOCAL TimeZone = 'UTC'");
    one.value(&ask(client, LOOK));
    one.rows("COMMIT");
    two.value(&ask(client, LOOK));
    assert_eq!(one.value(&ask(client, LOOK)), first.replace("4MB", "9MB"));
    one.rows("SET shardway.shard = 'b'");
    one.rows("RESET ALL");
    assert_eq!(one.value("SHOW shardway.shard"), "");
    two.value(&ask(client, LOOK));
    // RESET ALL goes back to what the session began with; the role is no setting to it.
    assert_eq!(one.value(&ask(client, LOOK)).trim_end(), "Asia/Tokyo \"$user\", public reader app 4MB one");
    one.rows("DISCARD ALL");
    two.value(&ask(client, LOOK));
    assert_eq!(one.value(&ask(client, LOOK)).trim_end(), "Asia/Tokyo \"$user\", public app app 4MB one");
    let mut fresh = login(&proxy);
    assert!(fresh.value(&ask(client, LOOK)).trim_end().ends_with("\"$user\", public app app 4MB"));
    // A superuser's session that became another stays that, for itself alone.
    let mut root = enter(proxy.port, "root", &[]).unwrap();
    let mut other = enter(proxy.port, "root", &[]).unwrap();
    root.rows("SET SESSION AUTHORIZATION app");
    for _ in 0..3 {
        assert_eq!(root.value(&ask(client, "concat(current_user, session_user)")), "appapp");
        assert_eq!(other.value(&ask(client, "concat(current_user, session_user)")), "postgrespostgres");
    }
    root.rows("RESET SESSION AUTHORIZATION");
    assert_eq!(root.value(&ask(client, "session_user")), "postgres");
    // Another authorization drops the role, and the same one may be taken again. What only a superuser sets stays set.
    root.rows("SET lo_compat_privileges = on");
    let who = "concat_ws(' ', current_user, session_user, current_setting('lo_compat_privileges'))";
    for _ in 0..2 {
        for (change, expected) in [
            ("SET SESSION AUTHORIZATION app", "app app on"),
            ("SET ROLE reader", "reader app on"),
            ("RESET SESSION AUTHORIZATION", "postgres postgres on"),
        ] {
            root.rows(change);
            for _ in 0..2 {
                assert_eq!(root.value(&ask(client, who)), expected, "{change}");
                assert_eq!(other.value(&ask(client, who)), "postgres postgres off", "{change}");
            }
        }
    }
}

/// What a session has set cannot be set on the next server: the statement behind it must not run there as somebody else.
#[test]
fn a_statement_does_not_run_where_the_role_of_its_session_cannot_be_taken() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE ROLE passing; GRANT passing TO app; GRANT ALL ON events TO passing");
    }
    let proxy = stage.proxy("roles", &Settings { database: "pool_size = 1", ..Settings::default() });
    let [a, b, _] = stage.clients[..] else { panic!("three shards") };
    let mut one = login(&proxy);
    one.rows("SET ROLE passing");
    let mut other = login(&proxy);
    [a, b].iter().for_each(|client| drop(other.rows(&ask(*client, "1"))));
    for server in &stage.world.shards {
        admin(server.port()).rows("REVOKE ALL ON events FROM passing; DROP ROLE passing");
    }
    let insert = |client: i64, id: i64| format!("INSERT INTO events (client_id, id) VALUES ({client}, {id})");
    let missing = ("22023".to_owned(), "role \"passing\" does not exist".to_owned());
    let several = format!("INSERT INTO events (client_id, id) VALUES ({a}, 9101), ({b}, 9102)");
    let gathered = "SELECT count(*) FROM events x JOIN events y ON x.id = y.id + 1";
    for sql in [&*insert(a, 9100), &several, gathered, "SELECT count(*) FROM events"] {
        assert_eq!(failure(&mut one, sql), missing, "{sql}");
    }
    one.rows("BEGIN");
    assert_eq!(failure(&mut one, &insert(b, 9103)), missing);
    assert_eq!(failure(&mut one, &insert(b, 9103)).0, "25P02");
    one.rows("ROLLBACK");
    assert_eq!(other.value("SELECT count(*) FROM events WHERE id BETWEEN 9100 AND 9103"), "0");
}

/// Whoever comes next to the same servers finds nothing of it, however the transaction ended and on however many shards.
#[test]
fn what_a_transaction_sets_stays_with_its_client() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE ROLE leftover; GRANT leftover TO app");
    }
    let proxy = stage.proxy("leftovers", &Settings { database: "pool_size = 1", ..Settings::default() });
    let [a, b, _] = stage.clients[..] else { panic!("three shards") };
    let set_config = "SELECT set_config('work_mem', '7MB', false)";
    let write =
        |client: i64, id: i64| format!("UPDATE events SET amount = amount WHERE client_id = {client} AND id = {id}");
    let two_shards = vec![write(a, 1), write(b, 1)];
    let texts: &[(&str, Vec<String>, &str)] = &[
        ("SET work_mem = '7MB'", vec![ask(a, "1")], "COMMIT"),
        ("SET work_mem = '7MB'", vec![ask(a, "1")], "ROLLBACK"),
        ("SET work_mem = '7MB'", vec![], "COMMIT"),
        (set_config, vec![ask(a, "1")], "COMMIT"),
        ("SET work_mem = '7MB'", two_shards.clone(), "COMMIT"),
        (set_config, two_shards.clone(), "COMMIT"),
        ("SET work_mem = '7MB'", two_shards, "ROLLBACK"),
        ("SET ROLE leftover", vec![], "COMMIT"),
    ];
    for (set, statements, end) in texts {
        let mut one = login(&proxy);
        one.rows("BEGIN");
        one.rows(set);
        statements.iter().for_each(|sql| drop(one.rows(sql)));
        one.rows(end);
        let mut next = login(&proxy);
        for client in [a, b] {
            let look = ask(client, "concat_ws(' ', current_setting('work_mem'), current_user)");
            assert_eq!(next.value(&look), "4MB app", "{set}; {statements:?}; {end}");
        }
        if !set.contains("ROLE") {
            let kept = if *end == "COMMIT" { "7MB" } else { "4MB" };
            assert_eq!(one.value(&ask(b, "current_setting('work_mem')")), kept, "{set}; {statements:?}; {end}");
        }
    }
}

/// `default_transaction_…` is for the transactions that begin after it.
#[test]
fn defaults_of_transactions_leave_the_open_one_alone() {
    let stage = &*STAGE;
    let proxy = stage.proxy("characteristics", &Settings::default());
    let mut wire = login(&proxy);
    let [a, b, _] = stage.clients[..] else { panic!("three shards") };
    wire.rows("BEGIN");
    wire.rows("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE");
    let write = format!("UPDATE events SET amount = amount WHERE client_id IN ({a}, {b}) AND id = 1");
    wire.rows(&write);
    assert_eq!(wire.value("SHOW transaction_isolation"), "read committed");
    wire.rows("COMMIT");
    assert_eq!(
        failure(&mut wire, &format!("UPDATE events SET amount = amount WHERE client_id = {a} AND id = 1")).0,
        "25006"
    );
    wire.rows("BEGIN READ WRITE");
    assert_eq!(wire.value("SHOW transaction_isolation"), "serializable");
    assert_eq!(failure(&mut wire, &write).0, "0A000");
    wire.rows("ROLLBACK");
}

#[test]
fn session_pooling_keeps_everything() {
    let stage = &*STAGE;
    stage.role("sessional");
    let more = "[[users]]\nname = \"sessional\"\npassword = \"secret\"\n";
    let database = "pool_mode = \"session\"\npool_size = 2\nwait_timeout = \"2s\"";
    let proxy = stage.proxy("session", &Settings { database, more, ..Settings::default() });
    let client = stage.clients[0];
    let mut wire = enter(proxy.port, "sessional", &[]).unwrap();
    let pid = wire.value(&ask(client, "pg_backend_pid()"));
    wire.rows("SET work_mem = '5MB'");
    wire.rows("SET shardway.shard = 'a'");
    wire.rows("CREATE TEMP TABLE scratch (v integer)");
    wire.rows("INSERT INTO scratch VALUES (1), (2)");
    wire.rows("SELECT pg_advisory_lock(77)");
    wire.rows("LISTEN news");
    let mut other = enter(proxy.port, "sessional", &[("shardway.shard", "a")]).unwrap();
    for _ in 0..3 {
        assert_eq!(wire.value("SELECT sum(v) FROM scratch"), "3");
        assert_eq!(wire.value(&ask(client, "pg_backend_pid()")), pid);
        assert_eq!(wire.value("SELECT current_setting('work_mem')"), "5MB");
        assert_eq!(other.value("SELECT pg_try_advisory_lock(77)"), "f");
    }
    other.rows("NOTIFY news, 'hello'");
    let note = wire.recv().unwrap();
    assert_eq!(note.tag, b'A');
    assert!(note.body.ends_with(b"news\0hello\0"), "{note:?}");
    let mut third = enter(proxy.port, "sessional", &[]).unwrap();
    assert_eq!(failure(&mut third, &ask(client, "1")).0, "53300");
    drop(wire);
    until("the place is free", || wire::answers(&third.simple(&ask(client, "1")).unwrap())[0].error.is_none());
    assert_eq!(third.value("SELECT current_setting('work_mem')"), "4MB");
    until("the lock is gone", || other.value("SELECT pg_try_advisory_lock(77)") == "t");
}

#[test]
fn who_listens_hears_while_idle() {
    let stage = &*STAGE;
    let proxy = stage.proxy("listen", &Settings { database: "pool_size = 3", ..Settings::default() });
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    wire.rows("LISTEN wire");
    for turn in 0..3 {
        other.rows(&format!("NOTIFY wire, 'turn {turn}'"));
        let note = wire.recv().unwrap();
        assert!(note.tag == b'A' && note.body.ends_with(format!("wire\0turn {turn}\0").as_bytes()), "{note:?}");
        assert_eq!(wire.value(&ask(stage.clients[1], "1")), "1", "the listener goes on as any client");
    }
    other.rows("SELECT pg_notify('wire', 'by function')");
    assert!(wire.recv().unwrap().body.ends_with(b"by function\0"));
    wire.rows("UNLISTEN *");
    other.rows("NOTIFY wire, 'unheard'");
    assert_eq!(wire.value("SELECT 1"), "1");
}

#[test]
fn a_notification_bears_the_number_of_the_client_that_sent_it() {
    let stage = &*STAGE;
    let proxy = stage.proxy("notify", &Settings { database: "pool_size = 1", ..Settings::default() });
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    wire.rows("LISTEN numbers");
    let number = |note: &wire::Frame| {
        assert_eq!(note.tag, b'A', "{note:?}");
        i32::from_be_bytes(note.body[..4].try_into().unwrap())
    };
    let extended = |sql: &str| {
        [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::sync()].concat()
    };
    for turn in 0..3 {
        other.rows(&format!("NOTIFY numbers, '{turn}'"));
        assert_eq!(number(&wire.recv().unwrap()), other.pid());
        other.send(&extended("SELECT pg_notify('numbers', 'by function')")).unwrap();
        other.until_ready().unwrap();
        assert_eq!(number(&wire.recv().unwrap()), other.pid());
        other.rows(&format!("BEGIN; NOTIFY numbers, 'in a transaction {turn}'; COMMIT"));
        assert_eq!(number(&wire.recv().unwrap()), other.pid());
    }
    // Its own, over the connection that another has used just now.
    let own = wire.simple("NOTIFY numbers, 'own'").unwrap();
    assert_eq!(number(own.iter().find(|frame| frame.tag == b'A').unwrap()), wire.pid());
    // In a text whose statements go to several shards one by one.
    let text = format!("{}; {}; NOTIFY numbers, 'text'", ask(stage.clients[0], "1"), ask(stage.clients[1], "2"));
    other.simple(&text).unwrap();
    assert_eq!(number(&wire.recv().unwrap()), other.pid());
    // Others over the same connection, close upon each other, while the listener is busy.
    wire.rows("BEGIN");
    let mut said = Vec::new();
    for turn in 0..20 {
        let mut next = login(&proxy);
        let sql = format!("SELECT pg_notify('numbers', 'next {turn}')");
        match turn % 2 {
            0 => drop(next.rows(&sql)),
            _ => {
                next.send(&extended(&sql)).unwrap();
                next.until_ready().unwrap();
            }
        }
        said.push(next.pid());
    }
    let heard = wire.simple("COMMIT").unwrap();
    let heard: Vec<i32> = heard.iter().filter(|frame| frame.tag == b'A').map(number).collect();
    assert_eq!(heard, said);
}

#[test]
fn advisory_locks_exclude_each_other_across_clients() {
    let stage = &*STAGE;
    let proxy = stage.proxy("advisory", &Settings { database: "pool_size = 4", ..Settings::default() });
    let mut wires: Vec<Wire> = (0..4).map(|_| login(&proxy)).collect();
    wires[0].rows("SELECT pg_advisory_lock(4711)");
    for _ in 0..3 {
        wires[0].value(&ask(stage.clients[1], "1"));
        for wire in &mut wires[1..] {
            assert_eq!(wire.value("SELECT pg_try_advisory_lock(4711)"), "f");
        }
    }
    assert_eq!(wires[0].value("SELECT pg_advisory_unlock(4711)"), "t");
    assert_eq!(wires[1].value("SELECT pg_try_advisory_lock(4711)"), "t");
    drop(wires.remove(1));
    until("a client that leaves gives its lock back", || wires[1].value("SELECT pg_try_advisory_lock(4711)") == "t");
    wires[0].rows("BEGIN");
    assert_eq!(wires[0].value("SELECT pg_try_advisory_xact_lock(4712)"), "t");
    assert_eq!(wires[2].value("SELECT pg_try_advisory_xact_lock(4712)"), "f");
    wires[0].rows("COMMIT");
    assert_eq!(wires[2].value("SELECT pg_try_advisory_xact_lock(4712)"), "t");
}

/// A lock that a function takes for each row would stay on a server that goes back to the pool.
#[test]
fn locks_of_the_session_do_not_stay_in_the_pool() {
    let stage = &*STAGE;
    let proxy = stage.proxy("row-locks", &Settings { database: "pool_size = 4", ..Settings::default() });
    let mut wire = login(&proxy);
    for sql in [
        "SELECT id FROM events WHERE pg_try_advisory_lock(id)",
        "COPY (SELECT pg_advisory_lock(id) FROM events) TO STDOUT",
    ] {
        let answers = wire::answers(&wire.simple(sql).unwrap());
        assert_eq!(answers[0].error.as_ref().map(|(sqlstate, _)| sqlstate.as_str()), Some("0A000"), "{sql}");
    }
    let mut other = login(&proxy);
    assert_eq!(other.value("SELECT pg_try_advisory_lock(1)"), "t");
    // By its number.
    let call =
        [2880_u32.to_be_bytes().as_slice(), &[0, 1, 0, 1, 0, 1, 0, 0, 0, 8], &4713_i64.to_be_bytes(), &[0, 1]].concat();
    wire.send(&wire::message(b'F', &call)).unwrap();
    wire.until_ready().unwrap();
    assert_eq!(other.value("SELECT pg_try_advisory_lock(4713)"), "f");
    drop(wire);
    until("it goes with its client", || other.value("SELECT pg_try_advisory_lock(4713)") == "t");
}

/// Where the server has to forget a statement first, a name whose Parse has failed is free all the same.
#[test]
fn a_name_whose_parse_has_failed_is_free_on_a_full_server() {
    let stage = &*STAGE;
    let proxy =
        stage.proxy("full-server", &Settings { database: "prepared_statements_max = 3", ..Settings::default() });
    let mut wire = login(&proxy);
    let parsed = |wire: &mut Wire, name: &str, sql: &str| {
        let answers =
            run(wire, &[wire::parse(name, sql, &[]), wire::bind("", name, &[], 0), wire::execute("", 0), wire::sync()]);
        answers[0].error.clone().map(|(sqlstate, _)| sqlstate)
    };
    for number in 0..6 {
        assert_eq!(parsed(&mut wire, &format!("n{number}"), &format!("SELECT {number}")), None);
    }
    assert_eq!(parsed(&mut wire, "x", "SELECT nosuch").as_deref(), Some("42703"));
    assert_eq!(parsed(&mut wire, "x", "SELECT 1"), None);
}

fn run(wire: &mut Wire, messages: &[Vec<u8>]) -> Vec<wire::Answer> {
    wire.send(&messages.concat()).unwrap();
    wire::answers(&wire.until_ready().unwrap())
}

fn prepared(name: &str, sql: &str) -> [Vec<u8>; 4] {
    [wire::parse(name, sql, &[]), wire::bind("", name, &[], 0), wire::execute("", 0), wire::sync()]
}

fn again(name: &str) -> [Vec<u8>; 3] {
    [wire::bind("", name, &[], 0), wire::execute("", 0), wire::sync()]
}

fn said(answers: &[wire::Answer]) -> String {
    assert_eq!(answers[0].error, None);
    String::from_utf8_lossy(answers[0].rows[0][0].as_ref().unwrap()).into_owned()
}

#[test]
fn prepared_statements_are_the_clients_own_and_servers_keep_a_few() {
    let stage = &*STAGE;
    stage.role("preparer");
    let more = "[[users]]\nname = \"preparer\"\npassword = \"secret\"\n";
    let database = "pool_size = 1\nprepared_statements_max = 5";
    let proxy = stage.proxy("prepared", &Settings { database, more, ..Settings::default() });
    let client = stage.clients[0];
    let mut wires: Vec<Wire> = (0..2).map(|_| enter(proxy.port, "preparer", &[]).unwrap()).collect();
    for (turn, wire) in wires.iter_mut().enumerate() {
        assert_eq!(
            said(&run(wire, &prepared("s", &ask(client, &format!("'client {turn}'"))))),
            format!("client {turn}")
        );
    }
    for turn in [0, 1, 1, 0] {
        assert_eq!(said(&run(&mut wires[turn], &again("s"))), format!("client {turn}"));
    }
    // Many more than a server keeps, one by one and all within one pipeline.
    for n in 0..20 {
        assert_eq!(
            said(&run(&mut wires[0], &prepared(&format!("n{n}"), &ask(client, &format!("'text {n}'"))))),
            format!("text {n}")
        );
    }
    for n in (0..20).chain((0..20).rev()) {
        assert_eq!(said(&run(&mut wires[0], &again(&format!("n{n}")))), format!("text {n}"));
    }
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for n in (0..20).chain(0..20) {
        let name = format!("n{n}");
        messages.extend([wire::bind("", &name, &[], 0), wire::execute("", 0)]);
    }
    for n in 20..40 {
        let name = format!("n{n}");
        messages.extend([
            wire::parse(&name, &ask(client, &format!("'text {n}'")), &[]),
            wire::bind("", &name, &[], 0),
            wire::execute("", 0),
        ]);
    }
    messages.push(wire::sync());
    let answers = run(&mut wires[0], &messages);
    let texts: Vec<String> = answers.iter().map(|answer| said(std::slice::from_ref(answer))).collect();
    assert_eq!(texts, (0..20).chain(0..20).chain(20..40).map(|n| format!("text {n}")).collect::<Vec<_>>());
    assert_eq!(said(&run(&mut wires[1], &again("s"))), "client 1");
}

#[test]
fn after_ddl_through_the_proxy_who_prepares_again_is_served() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE TABLE IF NOT EXISTS k_ddl (k smallint PRIMARY KEY, v text); ALTER TABLE k_ddl OWNER TO app; INSERT INTO k_ddl VALUES (1, 'x')");
    }
    let proxy = stage.proxy("ddl", &Settings { database: "pool_size = 2", ..Settings::default() });
    reload(&proxy, |toml| toml + "k_ddl = { keyspace = \"smallints\", key = \"k\" }\n", "ok");
    let sql = "SELECT * FROM k_ddl WHERE k = 1";
    let mut wires: Vec<Wire> = (0..4).map(|_| login(&proxy)).collect();
    for wire in &mut wires {
        assert_eq!(run(wire, &prepared("s", sql))[0].rows[0].len(), 2);
    }
    let mut owner = login(&proxy);
    for (ddl, columns) in
        [("ADD COLUMN extra integer DEFAULT 5", 3), ("DROP COLUMN extra", 2), ("ALTER COLUMN v TYPE varchar(9)", 2)]
    {
        for shard in SHARDS {
            owner.rows(&format!("SET shardway.shard = '{shard}'"));
            owner.rows(&format!("ALTER TABLE k_ddl {ddl}"));
        }
        for wire in &mut wires {
            let answers = run(wire, &[vec![wire::close(b'S', "s")], prepared("s", sql).to_vec()].concat());
            assert_eq!(answers[0].error, None, "{ddl}");
            assert_eq!(answers[0].rows[0].len(), columns, "{ddl}");
            let unnamed = run(wire, &prepared("", sql));
            assert_eq!(unnamed[0].rows[0].len(), columns, "{ddl}");
            assert_eq!(wire.rows(sql)[0].len(), columns, "{ddl}");
        }
    }
}

#[test]
fn servers_keep_no_more_statements_than_they_may() {
    let stage = &*STAGE;
    stage.role("hoarder");
    let more = "[[users]]\nname = \"hoarder\"\npassword = \"secret\"\n";
    let database = "pool_size = 1\nprepared_statements_max = 5";
    let proxy = stage.proxy("hoard", &Settings { database, more, ..Settings::default() });
    let mut wire = enter(proxy.port, "hoarder", &[]).unwrap();
    let parses = (0..20).map(|n| wire::parse(&format!("n{n}"), &ask(stage.clients[0], &format!("'text {n}'")), &[]));
    run(&mut wire, &parses.chain([wire::sync()]).collect::<Vec<_>>());
    run(&mut wire, &prepared("last", &ask(stage.clients[0], "'last'")));
    let count = "DO $$BEGIN RAISE NOTICE 'kept %', (SELECT count(*) FROM pg_prepared_statements); END$$";
    for shard in SHARDS {
        wire.rows(&format!("SET shardway.shard = '{shard}'"));
        run(&mut wire, &prepared(&format!("on_{shard}"), &format!("SELECT 'on {shard}'")));
        let said = wire.simple(count).unwrap();
        let kept = said.iter().find_map(|frame| {
            let told = String::from_utf8_lossy(&frame.body).into_owned();
            told.split_once("Mkept ").map(|(_, rest)| rest.split('\0').next().unwrap_or_default().to_owned())
        });
        let kept: usize = kept.expect("it says so").parse().unwrap();
        assert!(kept <= 5, "{kept} are kept on the server");
    }
}

#[test]
fn settings_of_a_query_that_begins_a_transaction_hold() {
    let stage = &*STAGE;
    let proxy = stage.proxy("begun", &Settings::default());
    let mut wire = login(&proxy);
    wire.rows("BEGIN; SET work_mem = '9MB'");
    assert_eq!(wire.value(&ask(stage.clients[0], "current_setting('work_mem')")), "9MB");
}

#[test]
fn a_statement_beyond_query_timeout_is_cancelled_and_the_session_goes_on() {
    let stage = &*STAGE;
    let proxy = stage.proxy("late", &Settings { database: "query_timeout = \"300ms\"", ..Settings::default() });
    let mut wire = login(&proxy);
    let answers = run(&mut wire, &prepared("", &ask(stage.clients[0], "pg_sleep(30)")));
    let (sqlstate, _) = answers[0].error.as_ref().expect("half a minute is too long");
    assert_eq!(sqlstate, "57014");
    assert_eq!(wire.value(&ask(stage.clients[0], "'here'")), "here");
}

#[test]
fn commit_after_an_error_on_one_shard_commits_on_none() {
    let stage = &*STAGE;
    let proxy = stage.proxy("failed", &Settings::default());
    let mut wire = login(&proxy);
    let before = wire.value(&ask(stage.clients[1], "kind"));
    wire.rows("BEGIN");
    wire.rows(&format!("UPDATE events SET kind = 'lost' WHERE client_id = {} AND id = 1", stage.clients[1]));
    let failed = run(&mut wire, &prepared("", &ask(stage.clients[0], "1 / (id - 1)")));
    assert_eq!(failed[0].error.as_ref().map(|(sqlstate, _)| sqlstate.as_str()), Some("22012"));
    let ended = run(&mut wire, &prepared("", "COMMIT"));
    assert_eq!((ended[0].error.as_ref(), ended[0].tag.as_str()), (None, "ROLLBACK"));
    assert_eq!(wire.value(&ask(stage.clients[1], "kind")), before);
}

#[test]
fn copy_data_beyond_a_batch_ends_with_what_came_in_the_same_read() {
    let stage = &*STAGE;
    let proxy = stage.proxy("batch", &Settings::default());
    let mut wire = login(&proxy);
    wire.rows("CREATE TEMP TABLE texts (t text)");
    // CopyDone comes behind a row that fills a batch, and nothing comes behind CopyDone.
    for size in [60 << 10, 64 << 10, 100 << 10, 512 << 10] {
        wire.send(&wire::query("COPY texts FROM STDIN")).unwrap();
        wire.until(b"G").unwrap();
        let row = [vec![b'x'; size], b"\n".to_vec()].concat();
        wire.send(&[wire::message(b'd', &row), wire::message(b'c', b"")].concat()).unwrap();
        assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "COPY 1");
        wire.send(&wire::query("COPY texts FROM STDIN")).unwrap();
        wire.until(b"G").unwrap();
        wire.send(&[wire::message(b'd', &row), wire::message(b'f', b"the client's reason\0")].concat()).unwrap();
        let failed = wire::answers(&wire.until_ready().unwrap());
        assert_eq!(failed[0].error.as_ref().map(|(sqlstate, _)| sqlstate.as_str()), Some("57014"));
    }
    assert_eq!(wire.value("SELECT count(*) FROM texts"), "4");
}

#[test]
fn settings_in_a_transaction_that_has_changed_the_schema_are_answered() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl_set", &Settings::default());
    let mut wire = login(&proxy);
    wire.rows("BEGIN");
    wire.rows("CREATE TEMP TABLE made_here (a int)");
    wire.rows("SET LOCAL work_mem = '5MB'");
    wire.rows("SET search_path = pg_temp, public");
    wire.rows("RESET ALL");
    wire.rows("SET work_mem = '6MB'");
    assert_eq!(run(&mut wire, &prepared("", "SET LOCAL work_mem = '7MB'"))[0].tag, "SET");
    assert_eq!(
        wire.value("SELECT current_setting('work_mem') FROM made_here RIGHT JOIN (SELECT 1) one ON true"),
        "7MB"
    );
    wire.rows("ROLLBACK");
}

#[test]
fn a_statement_does_not_change_its_columns_on_a_server_that_prepares_it_anew() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows(
            "CREATE TABLE k_stale (a int, b int); ALTER TABLE k_stale OWNER TO app; INSERT INTO k_stale VALUES (1, 2)",
        );
    }
    let proxy = stage.proxy("stale", &Settings { database: "pool_size = 3", ..Settings::default() });
    reload(&proxy, |toml| toml + "k_stale = { shard = \"a\" }\n", "ok");
    let (mut wire, mut other, mut owner) = (login(&proxy), login(&proxy), login(&proxy));
    let sql = "SELECT * FROM k_stale";
    let described = |wire: &mut Wire, name: &str| {
        let parsed = run(wire, &[wire::parse(name, sql, &[]), wire::describe(b'S', name), wire::sync()]);
        assert!(parsed.iter().all(|answer| answer.error.is_none()), "{parsed:?}");
        assert_eq!(run(wire, &again(name))[0].error, None);
    };
    let refused = |answers: &[wire::Answer]| {
        let expected = ("0A000".to_owned(), "cached plan must not change result type".to_owned());
        assert_eq!(answers[0].error.as_ref(), Some(&expected));
    };
    described(&mut wire, "s");
    described(&mut wire, "t");
    // The server that has them is busy: another one gets them.
    other.rows("BEGIN");
    other.value(&ask(stage.clients[0], "1"));
    owner.rows("CREATE TYPE k_unlike AS (a int)");
    owner.rows("DROP TYPE k_unlike");
    assert_eq!(run(&mut wire, &again("s"))[0].error, None, "what it reads has not changed");
    for server in &stage.world.shards[1..] {
        admin(server.port()).rows("ALTER TABLE k_stale ALTER COLUMN b SET DATA TYPE text");
    }
    owner.rows("ALTER TABLE k_stale ALTER COLUMN b SET DATA TYPE text");
    for _ in 0..2 {
        refused(&run(&mut wire, &again("s")));
    }
    wire.rows("BEGIN");
    refused(&run(&mut wire, &again("t")));
    assert_eq!(run(&mut wire, &prepared("", "SELECT 1"))[0].error.as_ref().unwrap().0, "25P02");
    wire.rows("ROLLBACK");
    described(&mut wire, "u");
    assert_eq!(said(&run(&mut wire, &again("u"))), "1");
    other.rows("ROLLBACK");
}

#[test]
fn parameters_keep_the_types_that_the_client_was_told() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE TABLE k_typed (a int); ALTER TABLE k_typed OWNER TO app");
    }
    let proxy = stage.proxy("typed", &Settings { database: "pool_size = 3", ..Settings::default() });
    reload(&proxy, |toml| toml + "k_typed = { shard = \"a\" }\n", "ok");
    let (mut wire, mut other, mut owner) = (login(&proxy), login(&proxy), login(&proxy));
    let insert = |wire: &mut Wire, value: &[u8]| {
        let parameters = [(1, Some(value.to_vec()))];
        let answers = run(wire, &[wire::bind("", "s", &parameters, 0), wire::execute("", 0), wire::sync()]);
        answers.into_iter().find_map(|answer| answer.error)
    };
    let sql = "INSERT INTO k_typed VALUES ($1)";
    let parsed = run(&mut wire, &[wire::parse("s", sql, &[]), wire::describe(b'S', "s"), wire::sync()]);
    assert!(parsed.iter().all(|answer| answer.error.is_none()), "{parsed:?}");
    assert_eq!(insert(&mut wire, b"ABCD"), None);
    for retyped in ["bigint", "text"] {
        let change = format!("ALTER TABLE k_typed ALTER COLUMN a SET DATA TYPE {retyped}");
        for server in &stage.world.shards[1..] {
            admin(server.port()).rows(&change);
        }
        owner.rows(&change);
        // The server that has it is busy: another one gets it.
        other.rows("BEGIN");
        other.value("SELECT count(*) FROM k_typed WHERE false");
        assert_eq!(insert(&mut wire, b"ABCD"), None, "{retyped}");
        other.rows("COMMIT");
    }
    assert_eq!(owner.value("SELECT string_agg(a, ' ') FROM k_typed"), "1094861636 1094861636 1094861636");
}

#[test]
fn a_client_that_dies_in_a_copy_leaves_no_server_in_the_midst_of_it() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE TABLE k_copied (a int); ALTER TABLE k_copied OWNER TO app");
    }
    let proxy = stage.proxy("copied", &Settings { database: "pool_size = 1", ..Settings::default() });
    reload(&proxy, |toml| toml + "k_copied = { shard = \"a\" }\n", "ok");
    for sql in ["COPY k_copied FROM STDIN", "SELECT 1; COPY k_copied FROM STDIN"] {
        let mut dying = login(&proxy);
        dying.send(&wire::query(sql)).unwrap();
        dying.until(b"G").unwrap();
        dying.send(&wire::message(b'd', b"1\n")).unwrap();
        drop(dying);
        let mut next = login(&proxy);
        assert_eq!(next.value("SELECT count(*) FROM k_copied"), "0", "{sql}");
        next.rows("BEGIN; LOCK TABLE k_copied IN ACCESS EXCLUSIVE MODE NOWAIT; COMMIT");
    }
}

#[test]
fn transactions_that_need_each_others_connections_go_on() {
    let stage = &*STAGE;
    let proxy = stage.proxy("crossing", &Settings { database: "pool_size = 1", ..Settings::default() });
    let (mut one, mut two) = (login(&proxy), login(&proxy));
    let [first, second] = [stage.clients[0], stage.clients[1]].map(|client| ask(client, "1"));
    for (wire, sql) in [(&mut one, &first), (&mut two, &second)] {
        wire.rows("BEGIN");
        wire.rows(sql);
    }
    for (wire, sql) in [(&mut one, &second), (&mut two, &first)] {
        wire.send(&wire::query(sql)).unwrap();
    }
    for wire in [&mut one, &mut two] {
        let tags: Vec<u8> = wire.until_ready().unwrap().iter().map(|frame| frame.tag).collect();
        assert_eq!(tags, b"TDCZ");
        wire.rows("COMMIT");
    }
}

/// The texts of the rows that an extended query answers with, or its error.
fn texts(wire: &mut Wire, sql: &str) -> Result<Vec<String>, String> {
    let prepared =
        [wire::parse("", sql, &[]), wire::describe(b'S', ""), wire::bind("", "", &[], 0), wire::execute("", 0)];
    wire.send(&[prepared.concat(), wire::sync()].concat()).unwrap();
    let answer = wire::answers(&wire.until_ready().unwrap()).remove(0);
    let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap_or_default()).unwrap();
    match answer.error {
        Some((state, message)) => Err(format!("{state} {message}")),
        None => Ok(answer.rows.concat().into_iter().map(text).collect()),
    }
}

#[test]
fn an_execute_may_name_a_call_and_bear_thousands_of_arguments() {
    let stage = &*STAGE;
    let proxy = stage.proxy("executed-call", &Settings::default());
    let create = "CREATE PROCEDURE forty_two(INOUT a integer) LANGUAGE plpgsql AS $$ BEGIN a := 42; END $$";
    let on_all = |sql: &str| stage.world.shards.iter().for_each(|server| drop(admin(server.port()).rows(sql)));
    on_all(create);
    let mut wire = login(&proxy);
    wire.rows("SET shardway.shard = 'a'");
    let many: Vec<String> = (1..=3000).map(|number| format!("${number}::integer")).collect();
    let many = format!("SELECT 2999 = ANY (ARRAY[{}])", many.join(", "));
    for (name, sql) in [("called", "CALL forty_two(null)"), ("called_with", "CALL forty_two($1)"), ("many", &many)] {
        wire.send(&[wire::parse(name, sql, &[]), wire::sync()].concat()).unwrap();
        assert_eq!(wire::answers(&wire.until_ready().unwrap()), []);
    }
    let plan = "Utility statements have no plan structure";
    let list = |count: usize| (1..=count).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let wrong = "42601 wrong number of parameters for prepared statement";
    for _ in 0..2 {
        assert_eq!(texts(&mut wire, "EXPLAIN EXECUTE called"), Ok(vec![plan.into()]));
        assert_eq!(texts(&mut wire, "EXPLAIN (ANALYZE) EXECUTE called_with(NULL)"), Ok(vec![plan.into()]));
        let json = texts(&mut wire, "EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE called_with(1)");
        assert_eq!(json, Ok(vec!["[\n  \"Utility Statement\"\n]".into()]));
        assert_eq!(texts(&mut wire, "EXPLAIN EXECUTE called_with"), Err(format!("{wrong} \"called_with\"")));
        assert_eq!(texts(&mut wire, "EXECUTE called_with(1 + 1)"), Ok(vec!["42".into()]));
        assert_eq!(
            texts(&mut wire, &format!("EXPLAIN (COSTS OFF) EXECUTE many({})", list(3000))),
            Ok(vec!["Result".into()])
        );
        assert_eq!(texts(&mut wire, &format!("EXECUTE many({})", list(3000))), Ok(vec!["t".into()]));
        assert_eq!(texts(&mut wire, &format!("EXECUTE many({})", list(2999))), Err(format!("{wrong} \"many\"")));
        assert_eq!(texts(&mut wire, "SELECT 1"), Ok(vec!["1".into()]));
    }
    on_all("DROP PROCEDURE forty_two");
}

/// Does a connection of this server hold bytes that nobody has read?
fn has_unread(port: u16) -> bool {
    let local = format!("0100007F:{port:04X}");
    let all = fs::read_to_string("/proc/net/tcp").unwrap();
    let mut lines = all.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // local_address, rem_address, st, tx_queue:rx_queue
    lines.any(|line| line.get(1) == Some(&&*local) && line.get(4).is_some_and(|it| !it.ends_with(":00000000")))
}

/// PostgreSQL cancels what runs and nothing else: BEGIN and settings that go before a statement are not what is meant.
#[test]
fn a_cancel_waits_until_its_statement_has_begun() {
    let world = World::start("early-cancel", false).unwrap();
    data::load(&world);
    let map = data::map_toml(&world).replacen("pool_size = 10", "pool_size = 1", 1);
    let proxy = Proxy::start(&world.lab, "proxy", &map).unwrap();
    let port = world.shards[0].port();
    let mut wire = login(&proxy);
    let client = wire.value("SELECT min(client_id) FROM events WHERE client_id > 0");
    let server = world.shards.iter().find(|shard| {
        let sql = format!("SELECT count(*) FROM events WHERE client_id = {client}");
        admin(shard.port()).value(&sql) != "0"
    });
    let port = server.map_or(port, |it| it.port());
    let pid = wire.value(&format!("SELECT pg_backend_pid() FROM events WHERE client_id = {client} AND id = 1"));
    for begin in ["BEGIN", "SET work_mem = '7MB'"] {
        wire.rows(begin);
        signal("STOP", &pid);
        wire.send(&wire::query(&format!("SELECT pg_sleep(20) FROM events WHERE client_id = {client} AND id = 1")))
            .unwrap();
        until("the server has been sent it", || has_unread(port));
        std::thread::scope(|scope| {
            let cancelling = scope.spawn(|| wire.cancel().unwrap());
            std::thread::sleep(Duration::from_millis(200));
            // Whoever waits for the end of the request sends its next statement then: that one must not be hit.
            assert!(!cancelling.is_finished(), "the request is over before it has been delivered");
            signal("CONT", &pid);
            cancelling.join().unwrap();
        });
        let error = wire::answers(&wire.until_ready().unwrap()).into_iter().find_map(|answer| answer.error);
        assert_eq!(error.map(|(code, _)| code).as_deref(), Some("57014"), "{begin}");
        wire.rows("ROLLBACK");
        assert_eq!(wire.value("SELECT count(*) > 0 FROM events"), "t");
    }
}
