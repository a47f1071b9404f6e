//! Limits on clients, logins, statements and transactions: who hears what when they are reached.

use std::thread;

use super::*;

fn slow(stage: &Stage, seconds: u32) -> String {
    format!("SELECT pg_sleep({seconds}) FROM events WHERE client_id = {} LIMIT 1", stage.clients[0])
}

fn count(stage: &Stage) -> String {
    format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0])
}

/// A proxy with these settings for one role of its own.
fn proxy_for(stage: &Stage, role: &str, user: &str, database: &str) -> Proxy {
    stage.role(role);
    let more =
        format!("[[users]]\nname = \"{role}\"\npassword = \"secret\"\n{user}\n\n[monitor]\nuser = \"postgres\"\n");
    stage.proxy(role, &Settings { database, more: &more, ..Settings::default() })
}

#[test]
fn a_transaction_beyond_its_time_is_ended() {
    let stage = &*STAGE;
    let proxy = stage.proxy("longer", &Settings { database: "transaction_timeout = \"1s\"", ..Settings::default() });
    let mut idle = login(&proxy);
    idle.rows("BEGIN");
    idle.rows(&count(stage));
    let error = whole_error(&idle.until_closed().unwrap());
    assert!(error.contains("SFATAL | VFATAL | C25P04") && error.contains("transaction timeout"), "{error}");
    let mut busy = login(&proxy);
    busy.rows("BEGIN");
    busy.rows(&count(stage));
    busy.send(&wire::query(&slow(stage, 60))).unwrap();
    let frames = busy.until_closed().unwrap();
    let error = whole_error(&frames);
    assert!(error.contains("C57014") && error.contains("canceling statement due to statement timeout"), "{error}");
    assert!(whole_error(&frames[frames.len() - 1..]).contains("25P04"), "{frames:?}");
    // Many short ones are not one long one.
    let mut brisk = login(&proxy);
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1500) {
        brisk.rows("BEGIN");
        brisk.rows(&count(stage));
        brisk.rows("COMMIT");
    }
}

#[test]
fn idle_clients_hear_what_postgresql_would_say() {
    let stage = &*STAGE;
    let database = "client_idle_timeout = \"300ms\"\nidle_transaction_timeout = \"300ms\"";
    let proxy = stage.proxy("idlers", &Settings { database, ..Settings::default() });
    // One that has not said anything yet, too.
    let mut silent = login(&proxy);
    assert!(whole_error(&silent.until_closed().unwrap()).contains("C57P05"));
    let mut wire = login(&proxy);
    wire.send(&wire::query(&count(stage))).unwrap();
    let error = whole_error(&wire.until_closed().unwrap());
    assert!(
        error.contains("SFATAL | VFATAL | C57P05 | Mterminating connection due to idle-session timeout"),
        "{error}"
    );
    let mut wire = login(&proxy);
    wire.send(&wire::query("BEGIN")).unwrap();
    let error = whole_error(&wire.until_closed().unwrap());
    assert!(error.contains("C25P03 | Mterminating connection due to idle-in-transaction timeout"), "{error}");
}

#[test]
fn a_late_statement_hears_that_it_was_late() {
    let stage = &*STAGE;
    let proxy = stage.proxy("lateness", &Settings { database: "query_timeout = \"400ms\"", ..Settings::default() });
    let mut wire = login(&proxy);
    let error = whole_error(&wire.simple(&slow(stage, 60)).unwrap());
    assert!(error.contains("C57014 | Mcanceling statement due to statement timeout"), "{error}");
    assert!(error.contains("query_timeout"), "{error}");
    assert_eq!(wire.value(&count(stage)), "6");
}

/// As in PostgreSQL, where `statement_timeout` is for each statement of a pipeline and of a text.
#[test]
fn statements_that_are_sent_together_have_their_time_one_by_one() {
    let stage = &*STAGE;
    let proxy = stage.proxy("together", &Settings { database: "query_timeout = \"1s\"", ..Settings::default() });
    let mut wire = login(&proxy);
    let sleep = |shard: usize, seconds: f32| {
        format!("SELECT pg_sleep({seconds}) FROM events WHERE client_id = {} LIMIT 1", stage.clients[shard])
    };
    let extended =
        |sql: &String| [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat();
    let pipeline = |all: &[String]| [all.iter().map(extended).collect::<Vec<_>>().concat(), wire::sync()].concat();
    let tags = |frames: &[wire::Frame]| -> String {
        frames.iter().map(|frame| frame.tag as char).filter(|tag| "CEZ".contains(*tag)).collect()
    };
    let short: Vec<String> = (0..5).map(|_| sleep(0, 0.4)).collect();
    let apart: Vec<String> = [0, 0, 0, 1, 1, 1].iter().map(|shard| sleep(*shard, 0.4)).collect();
    let late = [sleep(0, 0.4), sleep(0, 0.4), sleep(0, 60.0), sleep(0, 0.4)];
    for (messages, answer) in [
        (pipeline(&short), "CCCCCZ"),
        (wire::query(&short.join(";")), "CCCCCZ"),
        (pipeline(&apart), "CCCCCCZ"),
        (wire::query(&apart.join(";")), "CCCCCCZ"),
        (pipeline(&late), "CCEZ"),
        (wire::query(&late.join(";")), "CCEZ"),
        (wire::query(&late[2]), "EZ"),
        (pipeline(&short[..1]), "CZ"),
    ] {
        let what = String::from_utf8_lossy(&messages).into_owned();
        wire.send(&messages).unwrap();
        let frames = wire.until_ready().unwrap();
        assert_eq!(tags(&frames), answer, "{what}: {frames:?}");
        if answer.contains('E') {
            let error = whole_error(&frames);
            assert!(error.contains("C57014 | Mcanceling statement due to statement timeout"), "{what}: {error}");
            // PostgreSQL answers a text as a whole: nobody sees from outside which of its statements runs.
            let limit = if what.contains(';') { "4s" } else { "1s" };
            assert!(error.contains(&format!("it was allowed {limit}")), "{what}: {error}");
        }
    }
    // What is left of a transaction's time is left for all of them.
    let both = "query_timeout = \"1s\"\ntransaction_timeout = \"1500ms\"";
    let proxy = stage.proxy("together-open", &Settings { database: both, ..Settings::default() });
    let mut wire = login(&proxy);
    wire.send(&pipeline(&short)).unwrap();
    let frames = wire.until_ready().unwrap();
    assert_eq!(tags(&frames), "CCCEZ", "{frames:?}");
    assert!(whole_error(&frames).contains("Mcanceling statement due to statement timeout"), "{frames:?}");
}

/// A client that has begun a COPY and sends no more keeps a server and its locks: as much of a statement as one that runs.
#[test]
fn a_copy_whose_data_does_not_come_is_late_too() {
    let stage = &*STAGE;
    let proxy = stage.proxy("stalled", &Settings { database: "query_timeout = \"400ms\"", ..Settings::default() });
    let mut wire = login(&proxy);
    wire.rows("CREATE TEMP TABLE loaded (client_id bigint, id int, kind text)");
    let extended = |sql: &str| [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat();
    for table in ["loaded", "events"] {
        let copy = format!("COPY {table} (client_id, id, kind) FROM STDIN");
        let row = |number: usize| format!("{}\t{}\tstalled\n", stage.clients[number], 9_000_000 + number);
        for messages in [wire::query(&copy), [extended(&copy), wire::flush()].concat()] {
            wire.send(&messages).unwrap();
            wire.until(b"G").unwrap();
            wire.send(&[wire::message(b'd', row(0).as_bytes()), wire::message(b'd', row(1).as_bytes())].concat())
                .unwrap();
            let error = whole_error(&wire.until(b"E").unwrap());
            assert!(error.contains("C57014 | Mcanceling statement due to statement timeout"), "{table}: {error}");
            if messages[0] != b'Q' {
                wire.send(&wire::sync()).unwrap();
            }
            wire.until_ready().unwrap();
            // What still comes of it is for nobody.
            wire.send(&[wire::message(b'd', row(2).as_bytes()), wire::message(b'c', b"")].concat()).unwrap();
            assert_eq!(wire.value(&format!("SELECT count(*) FROM {table} WHERE kind = 'stalled'")), "0");
        }
    }
}

/// Rows that their client does not take stand in the way of everybody who wants their server.
#[test]
fn a_client_that_does_not_read_is_late_too() {
    let stage = &*STAGE;
    let database = "query_timeout = \"400ms\"\npool_size = 1";
    let proxy = stage.proxy("unread", &Settings { database, ..Settings::default() });
    let rows = "generate_series(1, 200000) g, repeat('x', 1000)";
    let one = format!("SELECT * FROM events, {rows} WHERE client_id = {}", stage.clients[0]);
    for sql in [one, format!("SELECT * FROM events, {rows}"), format!("COPY (SELECT * FROM events, {rows}) TO STDOUT")]
    {
        let mut deaf = login(&proxy);
        deaf.send(&wire::query(&sql)).unwrap();
        let mut next = login(&proxy);
        until("the server is free", || {
            next.simple(&count(stage)).is_ok_and(|it| wire::answers(&it)[0].error.is_none())
        });
    }
}

#[test]
fn a_pipeline_that_nobody_ends_is_given_up() {
    let stage = &*STAGE;
    let ask = count(stage);
    let open = [wire::parse("", &ask, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::flush()].concat();
    let cases = [
        ("query_timeout", "C57014 | Mterminating connection: no Sync has come within query_timeout"),
        ("transaction_timeout", "C25P04 | Mterminating connection due to transaction timeout"),
        ("idle_transaction_timeout", "C25P03 | Mterminating connection due to idle-in-transaction timeout"),
    ];
    for (setting, said) in cases {
        let database = format!("{setting} = \"400ms\"\nclient_idle_timeout = \"200ms\"");
        let proxy = stage.proxy(setting, &Settings { database: &database, ..Settings::default() });
        let mut wire = login(&proxy);
        wire.send(&open).unwrap();
        let error = whole_error(&wire.until_closed().unwrap());
        assert!(error.contains(&format!("SFATAL | VFATAL | {said}")), "{setting}: {error}");
    }
    // Flushes do not make a transaction younger.
    let database = "transaction_timeout = \"1s\"";
    let proxy = stage.proxy("unsynced", &Settings { database, ..Settings::default() });
    let mut wire = login(&proxy);
    let (started, mut ended) = (Instant::now(), false);
    while !ended && started.elapsed() < Duration::from_secs(20) {
        wire.send(&open).unwrap();
        let frames = wire.until(b"CE").unwrap();
        ended = frames.last().is_some_and(|frame| frame.tag == b'E');
    }
    assert!(ended && started.elapsed() > Duration::from_millis(900), "{:?}", started.elapsed());
}

#[test]
fn clients_of_a_user_and_of_a_database_are_counted() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "crowded", "max_user_client_connections = 2", "max_db_client_connections = 4");
    let refused = |user: &str| enter(proxy.port, user, &[]).err().unwrap().to_string();
    let mut inside: Vec<Wire> = (0..2).map(|_| enter(proxy.port, "crowded", &[]).unwrap()).collect();
    let error = refused("crowded");
    assert!(error.contains("53300") && error.contains("max_user_client_connections"), "{error}");
    inside.extend((0..2).map(|_| login(&proxy)));
    let error = refused("app");
    assert!(error.contains("53300") && error.contains("max_db_client_connections"), "{error}");
    // A place that is left is free, also of those that were turned away by the other limit.
    inside.remove(0);
    until("the place is free", || enter(proxy.port, "crowded", &[]).is_ok());
    assert!(metric(&proxy, "shardway_clients_rejected_total", &["reason=\"full\""]) >= 2.0);
}

#[test]
fn logins_come_no_faster_than_they_may() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "hurried", "logins_per_second = 1", "pool_size = 2");
    let enters = || enter(proxy.port, "hurried", &[]).map(drop).map_err(|error| error.to_string());
    // However slow this machine is, of many at once one comes too soon.
    let attempts: Vec<_> = thread::scope(|scope| {
        (0..12).map(|_| scope.spawn(enters)).collect::<Vec<_>>().into_iter().map(|it| it.join().unwrap()).collect()
    });
    let errors: Vec<&String> = attempts.iter().filter_map(|it| it.as_ref().err()).collect();
    assert!(!errors.is_empty() && errors.len() < 12, "{attempts:?}");
    assert!(errors.iter().all(|error| error.contains("53300") && error.contains("logins_per_second")), "{errors:?}");
    until("one comes in again", || enters().is_ok());
    drop(login(&proxy));
}

#[test]
fn who_waits_is_told_and_who_leaves_waits_no_longer() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "patient", "", "pool_size = 1\nwait_notify = \"200ms\"");
    let mut holder = enter(proxy.port, "patient", &[]).unwrap();
    holder.rows(&format!("BEGIN; {}", count(stage)));
    let mut waiting = enter(proxy.port, "patient", &[]).unwrap();
    waiting.send(&wire::query(&count(stage))).unwrap();
    let notice = waiting.recv().unwrap();
    let said = String::from_utf8_lossy(&notice.body).replace('\0', " | ");
    assert_eq!(notice.tag, b'N', "{said}");
    assert!(said.contains("SNOTICE") && said.contains("waits in the queue"), "{said}");
    let mut leaving = enter(proxy.port, "patient", &[]).unwrap();
    let write = format!("UPDATE events SET kind = 'ghost' WHERE client_id = {} AND id = 2", stage.clients[0]);
    leaving.send(&wire::query(&write)).unwrap();
    until("both wait", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) == 2.0);
    drop(leaving);
    until("one has left", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) == 1.0);
    holder.rows("COMMIT");
    assert_eq!(wire::answers(&waiting.until_ready().unwrap())[0].tag, "SELECT 1");
    let ghost = format!("SELECT count(*) FROM events WHERE client_id = {} AND kind = 'ghost'", stage.clients[0]);
    assert_eq!(holder.value(&ghost), "0");
}

#[test]
fn users_of_one_pool_take_turns() {
    let stage = &*STAGE;
    stage.role("shared");
    let user = |name: &str| {
        format!(
            "[[users]]\nname = \"{name}\"\npassword = \"secret\"\nserver_user = \"shared\"\nserver_password = \"secret\"\n\n"
        )
    };
    let more = user("many") + &user("few") + "[monitor]\nuser = \"postgres\"\n";
    let proxy =
        stage.proxy("turns-of-users", &Settings { database: "pool_size = 1", more: &more, ..Settings::default() });
    let mut holder = enter(proxy.port, "many", &[]).unwrap();
    holder.rows(&format!("BEGIN; {}", count(stage)));
    let mut sessions: Vec<Wire> = Vec::new();
    for (turn, user) in ["many", "many", "many", "many", "many", "few"].iter().enumerate() {
        let mut wire = enter(proxy.port, user, &[]).unwrap();
        let values = format!("({}, {}, 'fair', clock_timestamp())", stage.clients[0], 9100 + turn);
        wire.send(&wire::query(&format!("INSERT INTO events (client_id, id, kind, at) VALUES {values}"))).unwrap();
        let waiting = turn as f64 + 1.0;
        until("it waits", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) == waiting);
        sessions.push(wire);
    }
    holder.rows("COMMIT");
    for wire in &mut sessions {
        assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "INSERT 0 1");
    }
    let mut admin = admin(stage.world.shards[0].port());
    let order = admin.rows("SELECT id FROM events WHERE kind = 'fair' ORDER BY at");
    let order: Vec<usize> = order.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect();
    admin.rows("DELETE FROM events WHERE kind = 'fair'");
    assert_eq!(order, [9100, 9105, 9101, 9102, 9103, 9104]);
}

#[test]
fn a_server_that_refuses_is_asked_again_only_after_server_login_retry() {
    let stage = &*STAGE;
    let more = "[[users]]\nname = \"hopeless\"\npassword = \"secret\"\n\n[monitor]\nuser = \"postgres\"\n";
    let database = "server_login_retry = \"1h\"";
    let proxy = stage.proxy("hopeless", &Settings { more, database, ..Settings::default() });
    let mut wire = enter(proxy.port, "hopeless", &[]).unwrap();
    for _ in 0..20 {
        let error = whole_error(&wire.simple(&count(stage)).unwrap());
        assert!(error.contains("C28P01") && error.contains("refused a connection"), "{error}");
    }
    let refusals = proxy.output().matches("server connection failed server=app/a/primary").count();
    assert_eq!(refusals, 1, "{}", proxy.output());
    let failed = ["app/a/primary", "result=\"failed\""];
    until("it is counted", || metric(&proxy, "shardway_server_connects_total", &failed) > 0.0);
    assert_eq!(metric(&proxy, "shardway_server_connects_total", &failed), 1.0);
}

#[test]
fn connections_of_a_database_and_of_a_user_are_counted_over_all_pools() {
    let stage = &*STAGE;
    stage.role("spender");
    stage.role("saver");
    let more = "[[users]]\nname = \"spender\"\npassword = \"secret\"\nmax_user_connections = 2\n\n\
                [[users]]\nname = \"saver\"\npassword = \"secret\"\n\n[monitor]\nuser = \"postgres\"\n\n[console]\nstats = [\"saver\"]\n";
    let database = "pool_size = 10\nmax_db_connections = 3\nmax_db_client_connections = 90";
    let proxy = stage.proxy("budget", &Settings { database, more, ..Settings::default() });
    let ports: Vec<u16> = stage.world.shards.iter().map(|shard| shard.port()).collect();
    let open = |user: &str| ports.iter().map(|port| connections(*port, user)).sum::<usize>();
    let on = |shard: usize| format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[shard]);
    // Unused connections of one pool are closed for another: three shards, two connections.
    let mut wire = enter(proxy.port, "spender", &[]).unwrap();
    for round in 0..9 {
        wire.rows(&on(round % 3));
        assert!(open("spender") <= 2, "in round {round}");
    }
    // Those that are in use are not: the third waits, until one comes back to a pool where nobody wants it.
    let mut holders: Vec<Wire> = (0..2).map(|_| enter(proxy.port, "spender", &[]).unwrap()).collect();
    for (shard, holder) in holders.iter_mut().enumerate() {
        holder.rows(&format!("BEGIN; {}", on(shard)));
    }
    wire.send(&wire::query(&on(2))).unwrap();
    until("it waits", || metric(&proxy, "shardway_waiting_clients", &["app/c/primary"]) == 1.0);
    assert_eq!(open("spender"), 2);
    holders[1].rows("COMMIT");
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "SELECT 1");
    assert!(open("spender") <= 2);
    // The database has one more for another user, and no more than that.
    holders[1].rows(&format!("BEGIN; {}", on(1)));
    let mut savers: Vec<Wire> = (0..2).map(|_| enter(proxy.port, "saver", &[]).unwrap()).collect();
    savers[0].rows(&format!("BEGIN; {}", on(2)));
    savers[1].send(&wire::query(&on(0))).unwrap();
    until("it waits", || metric(&proxy, "shardway_waiting_clients", &["app/a/primary"]) == 1.0);
    assert_eq!(open("spender") + open("saver"), 3);
    until("they are counted", || metric(&proxy, "shardway_database_connections", &[]) == 3.0);
    assert_eq!(metric(&proxy, "shardway_database_connections_max", &[]), 3.0);
    // Who waits is older than who comes: the connection that comes back is the waiter's, though its own pool has a use for it.
    let mut late = enter(proxy.port, "spender", &[]).unwrap();
    late.send(&wire::query(&on(1))).unwrap();
    until("it waits", || metric(&proxy, "shardway_waiting_clients", &["app/b/primary"]) == 1.0);
    holders[1].rows("COMMIT");
    assert_eq!(wire::answers(&savers[1].until_ready().unwrap())[0].tag, "SELECT 1");
    assert_eq!(wire::answers(&late.until_ready().unwrap())[0].tag, "SELECT 1");
    // A connection that is lost makes room too.
    let mut again = enter(proxy.port, "spender", &[]).unwrap();
    again.rows(&format!("BEGIN; {}", on(1)));
    wire.send(&wire::query(&on(2))).unwrap();
    until("it waits", || metric(&proxy, "shardway_waiting_clients", &["app/c/primary"]) == 1.0);
    drop(again);
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "SELECT 1");
    let mut console = enter(proxy.port, "saver", &[("database", "shardway")]).unwrap();
    let shown = console.rows("SHOW DATABASES").into_iter().find(|row| row[0].as_deref() == Some("app")).unwrap();
    assert_eq!((shown[11].as_deref(), shown[13].as_deref()), (Some("3"), Some("90")), "{shown:?}");
    let shown = console.rows("SHOW USERS").into_iter().find(|row| row[0].as_deref() == Some("spender")).unwrap();
    assert_eq!((shown[4].as_deref(), shown[6].as_deref()), (Some("2"), Some("0")), "{shown:?}");
    // Without limits everybody gets what the pools have.
    reload(&proxy, |toml| toml.replace("max_db_connections = 3\n", "").replace("max_user_connections = 2\n", ""), "ok");
    let mut many: Vec<Wire> = (0..6).map(|_| enter(proxy.port, "spender", &[]).unwrap()).collect();
    for (number, wire) in many.iter_mut().enumerate() {
        wire.rows(&format!("BEGIN; {}", on(number % 3)));
    }
}
