//! Databases that the map does not name, found on the wildcard's server.

use super::*;
use crate::support::script;

/// A proxy whose wildcard leads to the first shard's server.
fn proxy(stage: &Stage, name: &str, wildcard: &str) -> Proxy {
    let port = stage.world.shards[0].port();
    let wildcard = format!(
        "[monitor]\nuser = \"postgres\"\npassword = \"secret\"\n\n[console]\nadmin = [\"postgres\"]\n\n[databases.\"*\"]\n{wildcard}\n\n\
         [databases.\"*\".shards.main]\nprimary = \"postgres://127.0.0.1:{port}\"\n"
    );
    stage.proxy(name, &Settings { more: &wildcard, ..Settings::default() })
}

/// A database of this name on the wildcard's server, beside the proxy.
fn create(stage: &Stage, name: &str) {
    admin(stage.world.shards[0].port()).rows(&format!("CREATE DATABASE {name}"));
}

fn enter_as_admin(proxy: &Proxy, database: &str) -> io::Result<Wire> {
    enter(proxy.port, "postgres", &[("database", database)])
}

/// The databases that the console lists, and their names on the server.
fn listed(proxy: &Proxy) -> Vec<(String, String)> {
    let mut console = enter_as_admin(proxy, "shardway").unwrap();
    let rows = console.rows("SHOW DATABASES").into_iter();
    rows.map(|row| (row[0].clone().unwrap(), row[3].clone().unwrap())).collect()
}

fn is_listed(proxy: &Proxy, name: &str) -> bool {
    listed(proxy).contains(&(name.to_owned(), name.to_owned()))
}

#[test]
fn a_database_that_the_map_does_not_name_is_found_on_the_wildcards_server() {
    let stage = &*STAGE;
    let proxy = proxy(stage, "found", "");
    let refused = |name: &str| enter_as_admin(&proxy, name).err().unwrap().to_string();
    let error = refused("found_later");
    assert!(error.contains("3D000") && error.contains("database \"found_later\" does not exist"), "{error}");
    let error = refused(&"x".repeat(64));
    assert!(error.contains("3D000"), "{error}");
    let error = refused("template0");
    assert!(error.contains("55000") && error.contains("not currently accepting connections"), "{error}");
    assert!(listed(&proxy).iter().all(|(name, _)| name == "app" || name == "pgbouncer"), "{:?}", listed(&proxy));

    create(stage, "found_later");
    let mut wire = enter_as_admin(&proxy, "found_later").unwrap();
    assert_eq!(wire.value("SELECT current_database()"), "found_later");
    wire.rows("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)");
    assert_eq!(wire.value("SELECT sum(a) FROM t"), "3");
    assert_eq!(enter_as_admin(&proxy, "postgres").unwrap().value("SELECT current_database()"), "postgres");
    assert!(is_listed(&proxy, "found_later") && is_listed(&proxy, "postgres"));
    // A map is a map.
    assert_eq!(login(&proxy).value("SELECT count(*) > 100 FROM events"), "t");
    // Nobody may count the names that clients know.
    let (_, body) = get(proxy.metrics_port, "/metrics");
    assert!(!body.contains("found_later"), "{body}");
    assert!(sum(&body, "shardway_statements_total", &["database=\"*\"", "shard=\"main\""]) >= 4.0, "{body}");
    until("its connections are counted", || metric(&proxy, "shardway_servers", &["server=\"*/main/primary\""]) >= 1.0);
    assert_eq!(get(proxy.metrics_port, "/readyz").0, 200);
}

#[test]
fn who_does_not_know_the_password_is_not_told_which_databases_there_are() {
    let stage = &*STAGE;
    create(stage, "found_hidden");
    let proxy = proxy(stage, "hidden", "");
    let mut said = Vec::new();
    for database in ["found_hidden", "found_nowhere"] {
        let mut wire = Wire::connect(proxy.port).unwrap();
        wire.send(&wire::startup(196_608, &[("user", "nobody"), ("database", database)])).unwrap();
        said.push(wire.authenticate().err().unwrap().to_string());
    }
    assert!(said[0].contains("28P01"), "{said:?}");
    assert_eq!(said[0], said[1]);
    assert!(!is_listed(&proxy, "found_hidden"));
}

#[test]
fn one_that_nobody_uses_is_forgotten_and_found_again() {
    let stage = &*STAGE;
    create(stage, "found_idle");
    let proxy = proxy(stage, "idle", "autodb_idle_timeout = \"1s\"\nserver_idle_timeout = \"1s\"");
    let mut wire = enter_as_admin(&proxy, "found_idle").unwrap();
    assert_eq!(wire.value("SELECT current_database()"), "found_idle");
    // Longer than its time, but with a client in it; the second one comes and goes.
    drop(enter_as_admin(&proxy, "postgres").unwrap());
    until("the other is forgotten", || !is_listed(&proxy, "postgres"));
    assert!(is_listed(&proxy, "found_idle"));
    assert_eq!(wire.value("SELECT current_database()"), "found_idle");
    drop(wire);
    until("it is forgotten", || !is_listed(&proxy, "found_idle"));
    let port = stage.world.shards[0].port();
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'found_idle'";
    until("nothing is connected to it", || admin(port).value(connections) == "0");
    until("nor are connections counted", || metric(&proxy, "shardway_servers", &["server=\"*/main/primary\""]) == 0.0);
    assert_eq!(enter_as_admin(&proxy, "found_idle").unwrap().value("SELECT current_database()"), "found_idle");
}

#[test]
fn one_that_was_dropped_beside_the_proxy_is_gone_once_a_client_has_missed_it() {
    let stage = &*STAGE;
    create(stage, "found_dropped");
    let proxy = proxy(stage, "dropped", "");
    let mut wire = enter_as_admin(&proxy, "found_dropped").unwrap();
    wire.rows("SELECT 1");
    admin(stage.world.shards[0].port()).rows("DROP DATABASE found_dropped WITH (FORCE)");
    until("the client has missed it", || wire.simple("SELECT 1").is_err());
    until("it is gone", || !is_listed(&proxy, "found_dropped"));
    assert!(enter_as_admin(&proxy, "found_dropped").err().unwrap().to_string().contains("3D000"));
}

#[test]
fn a_reload_keeps_what_the_new_wildcard_has_too() {
    let stage = &*STAGE;
    create(stage, "found_kept");
    create(stage, "found_listed");
    let proxy = proxy(stage, "reloaded", "pool_size = 3");
    let mut wire = enter_as_admin(&proxy, "found_kept").unwrap();
    let mut other = enter_as_admin(&proxy, "found_listed").unwrap();
    wire.rows("SELECT 1");
    other.rows("SELECT 1");
    let port = stage.world.shards[0].port();
    let section = format!(
        "\n[databases.found_listed]\ndefault_shard = \"x\"\n[databases.found_listed.shards.x]\n\
         primary = \"postgres://127.0.0.1:{port}/found_listed\"\n"
    );
    reload(&proxy, |toml| toml.replace("pool_size = 3", "pool_size = 4") + &section, "ok");
    let mut console = enter_as_admin(&proxy, "shardway").unwrap();
    let mut pool_size = |name: &str| {
        let row = console.rows("SHOW DATABASES").into_iter().find(|row| row[0].as_deref() == Some(name));
        row.map(|row| row[5].clone().unwrap())
    };
    assert_eq!(pool_size("found_kept").as_deref(), Some("4"));
    assert_eq!(pool_size("found_listed").as_deref(), Some("20"));
    assert_eq!(wire.value("SELECT current_database()"), "found_kept");
    assert_eq!(other.value("SELECT current_database()"), "found_listed");
    // Another server has other databases.
    let elsewhere = stage.world.shards[1].port();
    let of_wildcard = |port: u16| format!("[databases.\"*\".shards.main]\nprimary = \"postgres://127.0.0.1:{port}\"");
    reload(&proxy, |toml| toml.replace(&of_wildcard(port), &of_wildcard(elsewhere)), "ok");
    assert_eq!(pool_size("found_kept"), None);
    wire.send(&wire::query("SELECT 1")).unwrap();
    let error = whole_error(&wire.until_closed().unwrap());
    assert!(error.contains("SFATAL") && error.contains("3D000"), "{error}");
    assert_eq!(other.value("SELECT current_database()"), "found_listed");
    assert!(enter_as_admin(&proxy, "found_kept").err().unwrap().to_string().contains("3D000"));
    // Without a wildcard nothing is found.
    let without =
        |toml: String| toml.replace(&of_wildcard(elsewhere), "").replace("[databases.\"*\"]\npool_size = 4", "");
    reload(&proxy, without, "ok");
    assert!(enter_as_admin(&proxy, "postgres").err().unwrap().to_string().contains("3D000"));
}

#[test]
fn limits_of_the_wildcard_hold_for_each_of_its_databases() {
    let stage = &*STAGE;
    create(stage, "found_full");
    let proxy = proxy(stage, "full", "max_db_client_connections = 1");
    let _one = enter_as_admin(&proxy, "found_full").unwrap();
    let error = enter_as_admin(&proxy, "found_full").err().unwrap().to_string();
    assert!(error.contains("53300") && error.contains("max_db_client_connections"), "{error}");
    drop(enter_as_admin(&proxy, "postgres").unwrap());
}

/// A proxy, and a client that makes databases in one of its own; there is one more of this name.
fn maker(stage: &Stage, name: &str) -> (Proxy, Wire) {
    let proxy = proxy(stage, name, "");
    let mut wire = enter_as_admin(&proxy, "postgres").unwrap();
    assert_eq!(tag(&mut wire, &format!("CREATE DATABASE {name}")), "CREATE DATABASE");
    (proxy, wire)
}

/// The command tag of a statement that succeeds.
fn tag(wire: &mut Wire, sql: &str) -> String {
    let answer = wire::answers(&wire.simple(sql).unwrap()).remove(0);
    assert_eq!(answer.error, None, "{sql}");
    answer.tag
}

/// A client that was there, and has left a connection behind.
fn visit(proxy: &Proxy, database: &str) {
    let mut wire = enter_as_admin(proxy, database).unwrap();
    assert_eq!(wire.value("SELECT current_database()"), database);
}

#[test]
fn a_database_is_made_used_renamed_copied_and_dropped_through_the_proxy() {
    let (proxy, mut wire) = maker(&STAGE, "made");
    visit(&proxy, "made");
    assert_eq!(tag(&mut wire, "ALTER DATABASE made RENAME TO made_anew"), "ALTER DATABASE");
    assert!(enter_as_admin(&proxy, "made").err().unwrap().to_string().contains("3D000"));
    visit(&proxy, "made_anew");
    assert_eq!(tag(&mut wire, "CREATE DATABASE made_copy TEMPLATE made_anew"), "CREATE DATABASE");
    visit(&proxy, "made_copy");
    visit(&proxy, "made_anew");
    assert_eq!(tag(&mut wire, "DROP DATABASE made_copy"), "DROP DATABASE");
    assert!(enter_as_admin(&proxy, "made_copy").err().unwrap().to_string().contains("3D000"));
    visit(&proxy, "made_anew");
    // Prepared and bound.
    wire.send(&script::extended("DROP DATABASE made_anew", &[])).unwrap();
    let frames = wire.until_ready().unwrap();
    assert_eq!(wire::answers(&frames)[0].tag, "DROP DATABASE", "{frames:?}");
    assert!(enter_as_admin(&proxy, "made_anew").err().unwrap().to_string().contains("3D000"));
    // One of the same name is another one.
    for table in ["one", "other"] {
        wire.rows("CREATE DATABASE made");
        let mut inside = enter_as_admin(&proxy, "made").unwrap();
        inside.rows(&format!("CREATE TABLE {table} (a int)"));
        assert_eq!(inside.value("SELECT string_agg(relname, ',') FROM pg_stat_user_tables"), table);
        assert_eq!(inside.value(&format!("SELECT count(*) FROM {table}")), "0");
        drop(inside);
        wire.rows("DROP DATABASE made");
    }
}

#[test]
fn a_database_with_clients_is_not_dropped_unless_by_force() {
    let (proxy, mut wire) = maker(&STAGE, "peopled");
    // It has no connection to its database, and is there all the same.
    let mut inside = enter_as_admin(&proxy, "peopled").unwrap();
    let error = whole_error(&wire.simple("DROP DATABASE peopled").unwrap());
    let said = "C55006 | Mdatabase \"peopled\" is being accessed by other users | DThere is 1 other session using the database.";
    assert!(error.contains(said), "{error}");
    let error = whole_error(&wire.simple("CREATE DATABASE copied TEMPLATE peopled").unwrap());
    assert!(error.contains("C55006 | Msource database \"peopled\" is being accessed by other users"), "{error}");
    assert_eq!(inside.value("SELECT current_database()"), "peopled");
    let error = whole_error(&inside.simple("DROP DATABASE peopled").unwrap());
    assert!(error.contains("cannot drop the currently open database"), "{error}");
    // Nobody is sent away by who may not do so.
    let mut other = enter(proxy.port, "app", &[("database", "postgres")]).unwrap();
    assert_eq!(failure(&mut other, "DROP DATABASE peopled WITH (FORCE)").0, "42501");
    assert_eq!(inside.value("SELECT current_database()"), "peopled");
    wire.rows("DROP DATABASE peopled WITH (FORCE)");
    let error = whole_error(&inside.until_closed().unwrap());
    assert!(error.contains("SFATAL") && error.contains("57P01"), "{error}");
    assert!(enter_as_admin(&proxy, "peopled").err().unwrap().to_string().contains("3D000"));
}

#[test]
fn a_database_of_the_map_that_is_all_on_one_server_can_be_dropped_too() {
    let stage = &*STAGE;
    create(stage, "listed_alone");
    let port = stage.world.shards[0].port();
    let listed = format!(
        "\n[databases.listed]\ndefault_shard = \"x\"\n[databases.listed.shards.x]\n\
         primary = \"postgres://127.0.0.1:{port}/listed_alone\"\n"
    );
    let proxy = proxy(stage, "of_map", "");
    reload(&proxy, |toml| toml + &listed, "ok");
    let mut wire = enter_as_admin(&proxy, "postgres").unwrap();
    let mut inside = enter_as_admin(&proxy, "listed").unwrap();
    assert_eq!(inside.value("SELECT current_database()"), "listed_alone");
    let error = whole_error(&wire.simple("DROP DATABASE listed_alone").unwrap());
    assert!(error.contains("C55006"), "{error}");
    drop(inside);
    // Its monitor is there again and again, and stays away as long as it takes.
    for round in 0..3 {
        let copy = format!("listed_copy_{round}");
        assert_eq!(tag(&mut wire, &format!("CREATE DATABASE {copy} TEMPLATE listed_alone")), "CREATE DATABASE");
        assert_eq!(tag(&mut wire, &format!("DROP DATABASE {copy}")), "DROP DATABASE");
    }
    visit(&proxy, "listed_alone");
    assert_eq!(tag(&mut wire, "DROP DATABASE listed_alone"), "DROP DATABASE");
}

#[test]
fn who_leaves_in_time_is_not_in_the_way() {
    let (proxy, mut wire) = maker(&STAGE, "left_soon");
    let inside = enter_as_admin(&proxy, "left_soon").unwrap();
    wire.send(&wire::query("DROP DATABASE left_soon")).unwrap();
    drop(inside);
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "DROP DATABASE");
}

#[test]
fn many_come_at_once_to_a_database_that_nobody_knows_yet() {
    let stage = &*STAGE;
    for name in ["\"found/it\"", "\"Found \"\"it\"\"\"", "found_crowd"] {
        create(stage, name);
    }
    let proxy = proxy(stage, "crowd", "");
    let names = ["found/it", "Found \"it\"", "found_crowd", "found_never", "*"];
    let enter = |at: usize| {
        let name = names[at % names.len()];
        (name, enter_as_admin(&proxy, name).map(|mut wire| wire.value("SELECT current_database()")))
    };
    let came: Vec<_> = std::thread::scope(|scope| {
        let coming: Vec<_> = (0..20).map(|at| scope.spawn(move || enter(at))).collect();
        coming.into_iter().map(|it| it.join().unwrap()).collect()
    });
    for (name, came) in came {
        match came {
            Ok(found) => assert_eq!(found, name),
            Err(error) => {
                assert!(["found_never", "*"].contains(&name) && error.to_string().contains("3D000"), "{error}")
            }
        }
    }
    assert!(is_listed(&proxy, "found/it") && is_listed(&proxy, "Found \"it\"") && !is_listed(&proxy, "*"));
    // What it changes is known to the next statement, in the first moment too.
    let mut wire = enter_as_admin(&proxy, "found/it").unwrap();
    wire.rows("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', '9MB', false) $$");
    wire.rows(
        "CREATE TABLE t (a int PRIMARY KEY); CREATE VIEW v AS SELECT a + 1 AS b FROM t; INSERT INTO t VALUES (1)",
    );
    assert_eq!(wire.value("SELECT f()"), "9MB");
    assert_eq!(wire.value("SHOW work_mem"), "9MB");
    assert_eq!(wire.value("SELECT b FROM v"), "2");
    drop(wire);
    assert_eq!(enter_as_admin(&proxy, "found/it").unwrap().value("SHOW work_mem"), "4MB");
}

#[test]
fn a_listener_hears_in_a_found_database_and_is_in_the_way_while_it_is_there() {
    let (proxy, mut wire) = maker(&STAGE, "heard");
    let mut listener = enter_as_admin(&proxy, "heard").unwrap();
    listener.rows("LISTEN news");
    let mut speaker = enter_as_admin(&proxy, "heard").unwrap();
    speaker.rows("NOTIFY news, 'first'");
    let heard = listener.recv().unwrap();
    assert_eq!(heard.tag, b'A', "{heard:?}");
    drop(speaker);
    assert_eq!(failure(&mut wire, "DROP DATABASE heard").0, "55006");
    drop(listener);
    // The connection that has listened would be kept for a while.
    assert_eq!(tag(&mut wire, "DROP DATABASE heard"), "DROP DATABASE");
}

#[test]
fn users_are_looked_up_in_a_database_of_the_wildcard() {
    let stage = &*STAGE;
    stage.role("found_user");
    let query = "[auth]\nuser = \"postgres\"\npassword = \"secret\"\ndatabase = \"postgres\"\n\n[databases.\"*\"]";
    let proxy = proxy(stage, "looked_up", "");
    reload(&proxy, |toml| toml.replacen("[databases.\"*\"]", query, 1), "ok");
    let mut wire = enter(proxy.port, "found_user", &[("database", "postgres")]).unwrap();
    assert_eq!(wire.value("SELECT current_user"), "found_user");
    assert!(
        enter(proxy.port, "found_nobody", &[("database", "postgres")]).err().unwrap().to_string().contains("28P01")
    );
}

#[test]
fn a_client_in_another_database_of_the_server_can_be_sent_away() {
    let (proxy, mut wire) = maker(&STAGE, "signalled");
    let mut inside = enter_as_admin(&proxy, "signalled").unwrap();
    let pid = inside.pid();
    let mut other = enter(proxy.port, "app", &[("database", "postgres")]).unwrap();
    assert_eq!(failure(&mut other, &format!("SELECT pg_terminate_backend({pid})")).0, "42501");
    assert_eq!(wire.value(&format!("SELECT pg_terminate_backend({pid})")), "t");
    let error = whole_error(&inside.until_closed().unwrap());
    assert!(error.contains("57P01"), "{error}");
    // In a map of several shards another one may be meant.
    let mut of_map = login(&proxy);
    let error = failure(&mut of_map, &format!("SELECT pg_terminate_backend({})", wire.pid()));
    assert_eq!(error.0, "0A000", "{error:?}");
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_so_and_nothing_is_kept() {
    let stage = &*STAGE;
    let port = stage.world.shards[0].port();
    let nobody = crate::support::cluster::free_port().unwrap();
    let proxy = proxy(stage, "absent", "");
    reload(&proxy, |toml| toml.replace(&format!("127.0.0.1:{port}\"\n"), &format!("127.0.0.1:{nobody}\"\n")), "ok");
    let error = enter_as_admin(&proxy, "postgres").err().unwrap().to_string();
    assert!(error.contains("08006") && error.contains("shard \"main\" cannot be reached"), "{error}");
    assert!(!is_listed(&proxy, "postgres"));
    reload(&proxy, |toml| toml.replace(&nobody.to_string(), &port.to_string()), "ok");
    until("it is found", || enter_as_admin(&proxy, "postgres").is_ok());
}
