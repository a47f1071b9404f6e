//! What only we can show: shards, the map, plans, refusals, transactions, hot keys; and what becomes of servers.

use super::*;

#[test]
fn shards_and_the_map_are_shown() {
    let proxy = STAGE.with_console("mapped");
    let mut ops = console(&proxy, "grafana");
    let shards = named_rows(&mut ops, "SHOW SHARDS");
    let names: Vec<&str> = shards.iter().map(|row| &*row["server"]).collect();
    assert_eq!(names, ["app/a/primary", "app/b/primary", "app/c/primary"]);
    until("they are up", || named_rows(&mut ops, "SHOW SHARDS").iter().all(|row| row["health"] == "up"));
    assert_eq!(named_rows(&mut ops, "SHOW LAG"), [], "there are no replicas");
    let keyspace = row(&mut ops, "SHOW KEYSPACES", &[("keyspace", "bigints")]);
    assert_eq!((&*keyspace["type"], &*keyspace["method"]), ("bigint", "hash"));
    assert!(keyspace["tables"].contains("public.events (client_id)"), "{keyspace:?}");
    let parts: u32 = named_rows(&mut ops, "SHOW MAP")
        .iter()
        .filter(|row| row["keyspace"] == "bigints" && row["kind"] == "buckets")
        .map(|row| row["to"].parse::<u32>().unwrap() - row["from"].parse::<u32>().unwrap() + 1)
        .sum();
    assert_eq!(parts.to_string(), keyspace["parts"], "every bucket has its place");
}

#[test]
fn plans_say_how_statements_were_run() {
    let stage = &*STAGE;
    let proxy = stage.with_console("planned");
    let mut ops = console(&proxy, "grafana");
    let mut client = login(&proxy);
    for id in &stage.clients {
        client.rows(&format!("SELECT count(*) FROM events WHERE client_id = {id}"));
    }
    client.rows("SELECT count(*) FROM events");
    let plans = named_rows(&mut ops, "SHOW PLANS");
    let of =
        |part: &str| plans.iter().find(|row| row["statement"].contains(part)).unwrap_or_else(|| panic!("{plans:#?}"));
    let one = of("client_id = ?");
    assert_eq!((&*one["plan"], &*one["shards"], &*one["calls"]), ("key", "a, b, c", "3"), "{one:?}");
    assert!(one["total_time_us"].parse::<u64>().unwrap() > 0);
    let all =
        plans.iter().find(|row| row["statement"].ends_with("FROM events")).unwrap_or_else(|| panic!("{plans:#?}"));
    assert_eq!((&*all["shards"], &*all["calls"]), ("a, b, c", "1"), "{all:?}");
    assert_ne!(all["plan"], "key");
}

#[test]
fn refusals_are_kept_with_their_reasons() {
    let proxy = STAGE.with_console("refused");
    let mut ops = console(&proxy, "grafana");
    let mut client = login(&proxy);
    for _ in 0..3 {
        client.simple("SELECT * FROM nobody_listed_this_table").unwrap();
        client
            .simple("LOCK TABLE events IN ROW EXCLUSIVE MODE; SELECT * FROM events, audit WHERE random() < 2")
            .unwrap();
    }
    let refused = failure(&mut client, "UPDATE events SET client_id = random() WHERE client_id = 1");
    let shown = row(&mut ops, "SHOW REFUSALS", &[("message", &refused.1)]);
    assert_eq!((&*shown["count"], &*shown["sqlstate"], &*shown["database"]), ("1", &*refused.0, "app"));
    assert!(shown["statement"].starts_with("UPDATE events SET client_id"), "{shown:?}");
}

#[test]
fn open_transactions_are_shown_with_their_shards() {
    let stage = &*STAGE;
    let proxy = stage.with_console("open");
    let mut ops = console(&proxy, "grafana");
    let mut client = login(&proxy);
    client.rows("BEGIN");
    for id in [stage.clients[0], stage.clients[2]] {
        client.rows(&format!("SELECT count(*) FROM events WHERE client_id = {id}"));
    }
    let shown = row(&mut ops, "SHOW TRANSACTIONS", &[("user", "app")]);
    assert_eq!((&*shown["state"], &*shown["shards"], &*shown["gid"]), ("open", "a, c", ""));
    client.rows("COMMIT");
    until("it is over", || named_rows(&mut ops, "SHOW TRANSACTIONS").is_empty());
}

#[test]
fn the_key_that_all_ask_for_is_the_hot_one() {
    let stage = &*STAGE;
    let proxy = stage.with_console("hot");
    let mut ops = console(&proxy, "grafana");
    let mut client = login(&proxy);
    let hot = stage.clients[1];
    let ask = |id: i64| format!("SELECT count(*) FROM events WHERE client_id = {id}");
    // Nine of ten for one client, over both protocols.
    for turn in 0..3_000_i64 {
        let sql = ask(if turn % 10 == 0 { 100_000 + turn } else { hot });
        if turn % 2 == 0 {
            client.rows(&sql);
        } else {
            client.send(&[parse("", &sql, &[]), bind("", "", &[], 0), execute("", 0), sync()].concat()).unwrap();
            client.until_ready().unwrap();
        }
    }
    let rows = named_rows(&mut ops, "SHOW HOT KEYS");
    let first = rows.iter().find(|row| row["keyspace"] == "bigints" && row["kind"] == "key").unwrap();
    assert_eq!((&*first["key"], &*first["shard"]), (&*hot.to_string(), "b"), "{rows:#?}");
    assert!(first["share_percent"].parse::<u32>().unwrap() > 60, "{rows:#?}");
    assert!(first["bytes_per_second"].parse::<u64>().unwrap() > 0, "{rows:#?}");
    let bucket = rows.iter().find(|row| row["keyspace"] == "bigints" && row["kind"] == "bucket").unwrap();
    assert_eq!(bucket["shard"], "b");
    let labels = ["keyspace=\"bigints\"", "rank=\"1\""];
    until("the metric says so", || metric(&proxy, "shardway_hot_key_share", &labels) > 0.6);
}

#[test]
fn pause_waits_for_transactions_and_holds_statements_until_resume() {
    let stage = &*STAGE;
    let proxy = stage.with_console("paused");
    let mut ops = console(&proxy, "postgres");
    let mut looker = console(&proxy, "grafana");
    let ask = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    let mut client = login(&proxy);
    client.rows("BEGIN");
    client.rows(&ask);
    ops.send(&wire::query("PAUSE app")).unwrap();
    until("it is paused", || row(&mut looker, "SHOW DATABASES", &[("name", "app")])["paused"] == "1");
    ops.set_patience(Duration::from_millis(300));
    assert!(ops.recv().is_err(), "a transaction is open: PAUSE waits");
    ops.set_patience(PATIENCE);
    client.rows("COMMIT");
    assert_eq!(answers(&ops.until_ready().unwrap())[0].tag, "PAUSE");
    assert_eq!(named_rows(&mut looker, "SHOW SERVERS"), [], "all are closed");
    client.send(&wire::query(&ask)).unwrap();
    until("it waits", || row(&mut looker, "SHOW POOLS", &[("database", "app")])["cl_waiting"] == "1");
    assert_eq!(failure(&mut ops, "RESUME").1, "pooler is not paused/suspended");
    assert_eq!(answer(&mut ops, "RESUME app").tag, "RESUME");
    assert_eq!(answers(&client.until_ready().unwrap())[0].rows.len(), 1);
    // All databases at once, and clients that do not wait any more.
    assert_eq!(answer(&mut ops, "PAUSE").tag, "PAUSE");
    client.send(&wire::query(&ask)).unwrap();
    until("it waits", || row(&mut looker, "SHOW POOLS", &[("database", "app")])["cl_waiting"] == "1");
    client.cancel().unwrap();
    let error = answers(&client.until_ready().unwrap()).remove(0).error;
    assert_eq!(error.unwrap(), ("57014".to_owned(), "canceling statement due to user request".to_owned()));
    assert_eq!(failure(&mut ops, "PAUSE app").1, "already suspended/paused");
    assert_eq!(row(&mut looker, "SHOW STATE", &[("key", "paused")])["value"], "yes");
    client.send(&wire::query(&ask)).unwrap();
    until("it waits", || row(&mut looker, "SHOW POOLS", &[("database", "app")])["cl_waiting"] == "1");
    let id = row(&mut looker, "SHOW CLIENTS", &[("user", "app")])["id"].clone();
    answer(&mut ops, &format!("KILL_CLIENT {id}"));
    client.until_closed().unwrap();
    assert_eq!(answer(&mut ops, "RESUME").tag, "RESUME");
    assert_eq!(login(&proxy).value(&ask), "6");
}

/// The transaction waits for a server of its second shard, and PAUSE for the end of the transaction.
#[test]
fn pause_lets_a_transaction_reach_its_other_shards() {
    let stage = &*STAGE;
    let proxy = stage.with_console("pausing");
    let mut ops = console(&proxy, "postgres");
    let mut looker = console(&proxy, "grafana");
    let ask = |shard: usize| format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[shard]);
    let mut client = login(&proxy);
    client.rows("BEGIN");
    client.rows(&ask(0));
    ops.send(&wire::query("PAUSE app")).unwrap();
    until("it is paused", || row(&mut looker, "SHOW DATABASES", &[("name", "app")])["paused"] == "1");
    assert_eq!(client.value(&ask(1)), "6");
    assert_eq!(client.rows("SELECT count(*) FROM events").len(), 1);
    client.rows("COMMIT");
    assert_eq!(answers(&ops.until_ready().unwrap())[0].tag, "PAUSE");
    assert_eq!(named_rows(&mut looker, "SHOW SERVERS"), [], "all are closed");
    assert_eq!(answer(&mut ops, "RESUME app").tag, "RESUME");
}

#[test]
fn pause_says_so_when_it_is_ended_by_resume_and_whom_it_waits_for() {
    let stage = &*STAGE;
    let proxy = stage.with_console("resumed");
    let (mut ops, mut other) = (console(&proxy, "postgres"), console(&proxy, "postgres"));
    let mut client = login(&proxy);
    // It keeps its server though no transaction is open.
    client.rows("CREATE TEMPORARY TABLE kept (n int)");
    let shown = row(&mut other, "SHOW CLIENTS", &[("user", "app")]);
    assert_eq!(row(&mut other, "SHOW SERVERS", &[("link", &shown["ptr"])])["ptr"], shown["link"]);
    for (pause, resume) in [("PAUSE app", "RESUME app"), ("PAUSE", "RESUME")] {
        ops.send(&wire::query(pause)).unwrap();
        until("it is logged", || {
            proxy.output().contains("PAUSE waits for clients that have servers") || pause == "PAUSE"
        });
        until("it is ended", || answer(&mut other, resume).error.is_none());
        let (state, message) = answers(&ops.until_ready().unwrap())[0].error.clone().expect("an error");
        assert_eq!((&*state, &*message), ("55000", "PAUSE ended by RESUME before all servers were released"));
    }
    // So does who has said PAUSE and will not wait any longer.
    ops.send(&wire::query("PAUSE app")).unwrap();
    until("it is paused", || row(&mut other, "SHOW DATABASES", &[("name", "app")])["paused"] == "1");
    ops.cancel().unwrap();
    let (state, _) = answers(&ops.until_ready().unwrap())[0].error.clone().expect("an error");
    assert_eq!((&*state, &*row(&mut other, "SHOW DATABASES", &[("name", "app")])["paused"]), ("57014", "0"));
    assert!(proxy.output().contains("keep_a_server=1"), "{}", proxy.output());
    assert_eq!(client.value("SELECT count(*) FROM kept"), "0");
}

#[test]
fn reconnect_replaces_servers_as_they_come_back() {
    let stage = &*STAGE;
    let proxy = stage.with_console("replaced");
    let mut ops = console(&proxy, "postgres");
    let ask = format!("SELECT pg_backend_pid() FROM events WHERE client_id = {} LIMIT 1", stage.clients[0]);
    let mut client = login(&proxy);
    let before = client.value(&ask);
    client.rows("BEGIN");
    assert_eq!(client.value(&ask), before);
    assert_eq!(answer(&mut ops, "RECONNECT app").tag, "RECONNECT");
    assert_eq!(client.value(&ask), before, "a transaction keeps its server");
    ops.send(&wire::query("WAIT_CLOSE")).unwrap();
    ops.set_patience(Duration::from_millis(300));
    assert!(ops.recv().is_err(), "it has not come back");
    ops.set_patience(PATIENCE);
    client.rows("COMMIT");
    assert_eq!(answers(&ops.until_ready().unwrap())[0].tag, "WAIT_CLOSE");
    assert_ne!(client.value(&ask), before);
}

#[test]
fn kill_ends_everyone_and_pauses() {
    let stage = &*STAGE;
    let proxy = stage.with_console("killed");
    let mut ops = console(&proxy, "postgres");
    let (idle, mut busy) = (login(&proxy), login(&proxy));
    busy.send(&wire::query("SELECT pg_sleep(60)")).unwrap();
    until("it runs", || named_rows(&mut ops, "SHOW CLIENTS").iter().any(|row| row["link"].starts_with("0x")));
    assert_eq!(answer(&mut ops, "KILL app").tag, "KILL");
    for mut wire in [idle, busy] {
        wire.until_closed().unwrap();
    }
    until("servers are closed", || named_rows(&mut ops, "SHOW SERVERS").is_empty());
    assert_eq!(answer(&mut ops, "RESUME app").tag, "RESUME");
    let ask = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    assert_eq!(login(&proxy).value(&ask), "6");
}

#[test]
fn settings_are_set_until_the_next_reload() {
    let stage = &*STAGE;
    let proxy = stage.with_console("set");
    let mut ops = console(&proxy, "postgres");
    let shown = |ops: &mut Wire, key: &str| row(ops, "SHOW CONFIG", &[("key", key)])["value"].clone();
    let before = shown(&mut ops, "max_client_conn");
    assert_eq!(answer(&mut ops, "SET max_client_conn = 1").tag, "SET max_client_conn=1");
    assert_eq!(shown(&mut ops, "max_client_conn"), "1");
    let first = login(&proxy);
    let refused = Wire::login(proxy.port, "app", &[]).map(drop).unwrap_err();
    assert!(refused.to_string().contains("max_client"), "{refused}");
    drop(first);
    assert_eq!(answer(&mut ops, "SET query_wait_timeout TO '250ms'").tag, "SET query_wait_timeout=250ms");
    assert_eq!(shown(&mut ops, "query_wait_timeout"), "0.25");
    assert!(failure(&mut ops, "SET listen_port = 1").1.contains("cannot be set here"));
    for row in named_rows(&mut ops, "SHOW CONFIG") {
        // As it is, so that nothing changes: what is shown as changeable is, and nothing else.
        let (key, value) = (&row["key"], &row["value"]);
        let outcome = answer(&mut ops, &format!("SET {key} = '{value}'")).error;
        assert_eq!(outcome.is_none(), row["changeable"] == "yes", "{key}: {outcome:?}");
    }
    assert_eq!(answer(&mut ops, "SET pool_mode = session").tag, "SET pool_mode=session");
    assert_eq!(row(&mut ops, "SHOW DATABASES", &[("name", "app")])["pool_mode"], "session");
    assert!(failure(&mut ops, "SET admin_users = 'postgres, nobody'").1.contains("there is no user \"nobody\""));
    assert!(failure(&mut ops, "SET default_pool_size = many").1.contains("must be a number"));
    assert_eq!(answer(&mut ops, "RELOAD").tag, "RELOAD");
    assert_eq!((shown(&mut ops, "max_client_conn"), shown(&mut ops, "query_wait_timeout")), (before, "120".into()));
}

#[test]
fn shutdown_ends_the_proxy() {
    let stage = &*STAGE;
    let mut proxy = stage.with_console("shut");
    let mut ops = console(&proxy, "postgres");
    let _client = login(&proxy);
    ops.send(&wire::query("SHUTDOWN")).unwrap();
    until("it has ended", || !proxy.is_alive());
    assert_eq!(proxy.exit_code(), Some(0));
    // Others may finish what they do.
    let mut proxy = stage.with_console("shut_softly");
    let mut ops = console(&proxy, "postgres");
    let mut client = login(&proxy);
    client.rows("BEGIN");
    assert_eq!(answer(&mut ops, "SHUTDOWN WAIT_FOR_SERVERS").tag, "SHUTDOWN");
    assert_eq!(client.value("SELECT 7"), "7");
    client.rows("COMMIT");
    until("it has ended", || !proxy.is_alive());
    // Others may do what they like for as long as they like.
    let stays = Settings { more: MEMBERS, listen: "drain_timeout = \"100ms\"", ..Settings::default() };
    let mut proxy = stage.proxy("shut_patiently", &stays);
    let mut ops = console(&proxy, "postgres");
    let mut client = login(&proxy);
    assert_eq!(client.value("SELECT 6"), "6");
    assert_eq!(answer(&mut ops, "SHUTDOWN WAIT_FOR_CLIENTS").tag, "SHUTDOWN");
    until("nobody comes in", || Wire::connect(proxy.port).is_err());
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(client.value("SELECT 7"), "7");
    client.rows("BEGIN");
    assert_eq!(client.value("SELECT 8"), "8");
    assert_eq!(answer(&mut ops, "SHOW VERSION").tag, "SHOW");
    drop(client);
    until("it has ended", || !proxy.is_alive());
    assert_eq!(proxy.exit_code(), Some(0));
}

#[test]
fn a_visitor_has_the_rights_that_the_settings_give_now() {
    let proxy = STAGE.with_console("rights");
    let mut ops = console(&proxy, "postgres");
    assert!(answer(&mut ops, "PAUSE app").error.is_none());
    assert!(answer(&mut ops, "RESUME app").error.is_none());
    let denied = |ops: &mut Wire, sql: &str| answer(ops, sql).error.map(|(state, _)| state);
    reload(
        &proxy,
        |text| {
            text.replace("admin = [\"postgres\"]", "stats = [\"postgres\"]").replacen("stats = [\"grafana\"]", "", 1)
        },
        "ok",
    );
    assert_eq!(denied(&mut ops, "PAUSE app").as_deref(), Some("42501"));
    assert_eq!(denied(&mut ops, "SHOW POOLS"), None);
    reload(&proxy, |text| text.replace("stats = [\"postgres\"]", ""), "ok");
    assert_eq!(denied(&mut ops, "SHOW POOLS").as_deref(), Some("42501"));
}
