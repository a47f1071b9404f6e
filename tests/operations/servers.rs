//! Connections to servers: how they are opened, how many there are, who gets them next, when they go.

use std::thread;
use std::time::Duration;

use super::*;
use crate::door::certificates::Folder;
use crate::support::cluster::{Auth, Lab, Server};
use std::sync::Arc;

/// A proxy for one role with these pool settings.
fn pooled(stage: &Stage, role: &str, database: &str) -> Proxy {
    stage.role(role);
    let more = format!("[[users]]\nname = \"{role}\"\npassword = \"secret\"\n\n[monitor]\nuser = \"postgres\"\n");
    stage.proxy(role, &Settings { database, more: &more, ..Settings::default() })
}

fn enter_all(proxy: &Proxy, role: &str, count: usize) -> Vec<Wire> {
    (0..count).map(|_| enter(proxy.port, role, &[]).unwrap()).collect()
}

#[test]
fn pool_size_is_kept_and_waiters_are_served_in_turn() {
    let stage = &*STAGE;
    let proxy = pooled(stage, "turns", "pool_size = 2");
    let port = stage.world.shards[0].port();
    let client = stage.clients[0];
    let mut holders = enter_all(&proxy, "turns", 2);
    for holder in &mut holders {
        holder.rows(&format!("BEGIN; SELECT id FROM events WHERE client_id = {client} AND id = 1"));
    }
    let mut waiting = enter_all(&proxy, "turns", 8);
    for (turn, wire) in waiting.iter_mut().enumerate() {
        let id = 9000 + turn;
        let values = format!("({client}, {id}, 'turn', clock_timestamp())");
        wire.send(&wire::query(&format!("INSERT INTO events (client_id, id, kind, at) VALUES {values}"))).unwrap();
        thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(connections(port, "turns"), 2);
    let opened = ["app/a/primary", "result=\"ok\""];
    until("what was opened is counted", || metric(&proxy, "shardway_server_connects_total", &opened) == 2.0);
    until("all wait", || metric(&proxy, "shardway_waiting_clients", &["app/a/primary"]) == 8.0);
    assert!(metric(&proxy, "shardway_pool_wait_max_seconds", &["app/a/primary"]) > 0.0);
    assert_eq!(metric(&proxy, "shardway_clients", &["state=\"waiting\""]), 8.0);
    // One comes free: the queue moves through it one by one.
    holders[0].rows("COMMIT");
    for wire in &mut waiting {
        assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "INSERT 0 1");
    }
    assert_eq!(connections(port, "turns"), 2);
    let order = admin(port).rows("SELECT id FROM events WHERE kind = 'turn' ORDER BY at");
    let order: Vec<usize> = order.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect();
    assert_eq!(order, (9000..9008).collect::<Vec<_>>());
    admin(port).rows("DELETE FROM events WHERE kind = 'turn'");
    holders[1].rows("ROLLBACK");
}

#[test]
fn who_waits_too_long_hears_53300_with_figures_and_goes_on() {
    let stage = &*STAGE;
    let proxy = pooled(stage, "queue", "pool_size = 1\nwait_timeout = \"300ms\"\nwaiters_max = 1");
    let ask = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    let [mut holder, mut late, mut later] = <[Wire; 3]>::try_from(enter_all(&proxy, "queue", 3)).ok().unwrap();
    holder.rows(&format!("BEGIN; {ask}"));
    let error = whole_error(&late.simple(&ask).unwrap());
    for word in ["SERROR", "C53300", "app/a/primary", "0.3 s", "1 connections"] {
        assert!(error.contains(word), "{word}: {error}");
    }
    late.send(&wire::query(&ask)).unwrap();
    until("it waits", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) == 1.0);
    let (state, message) = failure(&mut later, &ask);
    assert_eq!(state, "53300", "{message}");
    late.until_ready().unwrap();
    // Inside a transaction block the wait fails the block, as any error.
    late.rows("BEGIN");
    assert_eq!(failure(&mut late, &ask).0, "53300");
    assert_eq!(failure(&mut late, "SELECT 1").0, "25P02");
    late.rows("ROLLBACK");
    holder.rows("COMMIT");
    for wire in [&mut late, &mut later] {
        assert_eq!(wire.value(&ask), "6");
    }
    assert_eq!(metric(&proxy, "shardway_errors_total", &["class=\"53\""]), 4.0);
}

#[test]
fn unused_connections_go_and_the_minimum_stays() {
    let stage = &*STAGE;
    let proxy = pooled(stage, "tides", "pool_size = 6\npool_min = 2\nserver_idle_timeout = \"1s\"");
    let port = stage.world.shards[0].port();
    let mut wires = enter_all(&proxy, "tides", 6);
    let ask = format!("BEGIN; SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    wires.iter_mut().for_each(|wire| drop(wire.rows(&ask)));
    assert_eq!(connections(port, "tides"), 6);
    wires.iter_mut().for_each(|wire| drop(wire.rows("COMMIT")));
    until("the unused are closed", || connections(port, "tides") == 2);
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(connections(port, "tides"), 2);
    assert_eq!(metric(&proxy, "shardway_servers", &["app/a/primary", "state=\"idle\""]), 2.0);
    admin(port).rows("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'tides'");
    wires[0].rows(&ask);
    until("the minimum is there again", || connections(port, "tides") == 2);
}

#[test]
fn old_connections_are_replaced() {
    let stage = &*STAGE;
    let proxy = pooled(stage, "ages", "pool_size = 1\nserver_lifetime = \"1s\"");
    let port = stage.world.shards[0].port();
    let mut wire = enter(proxy.port, "ages", &[]).unwrap();
    let ask = format!("SELECT pg_backend_pid() FROM events WHERE client_id = {} LIMIT 1", stage.clients[0]);
    let mut pids = std::collections::BTreeSet::new();
    until("the third connection", || {
        pids.insert(wire.value(&ask));
        pids.len() == 3
    });
    assert!(connections(port, "ages") <= 1);
}

#[test]
fn the_reserve_serves_who_waited_long() {
    let stage = &*STAGE;
    let database = "pool_size = 1\nreserve_size = 1\nreserve_timeout = \"200ms\"\nwait_timeout = \"10s\"\nserver_idle_timeout = \"1s\"";
    let proxy = pooled(stage, "spare", database);
    let port = stage.world.shards[0].port();
    let ask = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    let mut wires = enter_all(&proxy, "spare", 2);
    wires[0].rows(&format!("BEGIN; {ask}"));
    assert_eq!(wires[1].value(&ask), "6");
    assert_eq!(connections(port, "spare"), 2);
    wires[0].rows("COMMIT");
    until("the reserve is closed", || connections(port, "spare") <= 1);
}

#[test]
fn a_server_that_refuses_our_login_is_named_with_its_own_code() {
    let stage = &*STAGE;
    stage.role("shut");
    let more = "[[users]]\nname = \"shut\"\npassword = \"secret\"\nserver_user = \"shut\"\nserver_password = \"wrong\"\n\n\
                [monitor]\nuser = \"postgres\"\n";
    let proxy = stage.proxy("refused", &Settings { more, ..Settings::default() });
    let mut wire = enter(proxy.port, "shut", &[]).unwrap();
    let ask = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    let error = whole_error(&wire.simple(&ask).unwrap());
    for word in ["28P01", "app/a/primary", "password authentication failed"] {
        assert!(error.contains(word), "{word}: {error}");
    }
    assert!(!error.contains("wrong"), "{error}");
    // Others are served, and the server is not taken for dead.
    assert_eq!(login(&proxy).value(&ask), "6");
    assert_eq!(metric(&proxy, "shardway_server_up", &["app/a/primary"]), 1.0);
}

#[test]
fn users_with_different_server_passwords_share_no_connections() {
    let stage = &*STAGE;
    let more = "[[users]]\nname = \"impostor\"\npassword = \"secret\"\nserver_user = \"app\"\nserver_password = \"wrong\"\n\n\
                [monitor]\nuser = \"postgres\"\n";
    let proxy = stage.proxy("twins", &Settings { more, ..Settings::default() });
    let ask = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    for _ in 0..2 {
        let mut wire = enter(proxy.port, "impostor", &[]).unwrap();
        assert!(whole_error(&wire.simple(&ask).unwrap()).contains("28P01"));
        assert_eq!(login(&proxy).value(&ask), "6");
    }
}

#[test]
fn shards_are_reached_through_tls() {
    let folder = Folder::new();
    folder.authority("ca");
    folder.authority("foreign");
    folder.leaf("server", "ca", "server", "DNS:localhost,IP:127.0.0.1");
    folder.leaf("stray", "ca", "stray", "DNS:elsewhere");
    let lab = Arc::new(Lab::new("servertls").unwrap());
    let start = |name: &str| {
        let file = |end: &str| {
            let to = lab.folder().join(format!("{name}.{end}"));
            fs::copy(folder.path(&format!("{name}.{end}")), &to).unwrap();
            lab.give(&to).unwrap();
            to.to_str().unwrap().to_owned()
        };
        let key = file("key");
        Command::new("chmod").args(["600", &key]).status().unwrap();
        let files = [("ssl", "on"), ("ssl_cert_file", &file("crt")), ("ssl_key_file", &key)];
        Server::start(&lab, name, Auth::Scram, &files).unwrap()
    };
    let (server, stray) = (start("server"), start("stray"));
    for server in [&server, &stray] {
        admin(server.port()).rows("CREATE TABLE t (id integer); INSERT INTO t VALUES (1); GRANT ALL ON t TO app");
    }
    let database = |name: &str, port: u16, manner: &str| {
        format!(
            "[databases.{name}]\n[databases.{name}.shards.a]\nprimary = \"postgres://127.0.0.1:{port}/app?{manner}\"\n\
             [databases.{name}.tables]\nt = {{ shard = \"a\" }}\n"
        )
    };
    let root = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let good = database("none", server.port(), "sslmode=disable")
        + &database("prefer", server.port(), "sslmode=prefer")
        + &database("require", server.port(), "sslmode=require")
        + &database("ca", stray.port(), &format!("sslmode=verify-ca&sslrootcert={}", root("ca.crt")))
        + &database("full", server.port(), &format!("sslmode=verify-full&sslrootcert={}", root("ca.crt")));
    let bad = database("foreign", server.port(), &format!("sslmode=verify-ca&sslrootcert={}", root("foreign.crt")))
        + &database("stray", stray.port(), &format!("sslmode=verify-full&sslrootcert={}", root("ca.crt")));
    let proxy = Proxy::start(&lab, "proxy", &good).unwrap();
    for (name, expected) in [("none", "f"), ("prefer", "t"), ("require", "t"), ("ca", "t"), ("full", "t")] {
        let mut wire = enter(proxy.port, "app", &[("database", name)]).unwrap();
        assert_eq!(wire.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), expected, "{name}");
        assert_eq!(wire.value("SELECT id FROM t"), "1");
    }
    reload(&proxy, |toml| toml + &bad, "ok");
    assert_eq!(login_database(&proxy, "full").value("SELECT id FROM t"), "1");
    for name in ["foreign", "stray"] {
        let error = match enter(proxy.port, "app", &[("database", name)]) {
            Err(error) => error.to_string(),
            Ok(mut wire) => whole_error(&wire.simple("SELECT id FROM t").unwrap()),
        };
        assert!(error.contains("08006") || error.contains("57P03"), "{name}: {error}");
    }
    let log = proxy.output();
    assert!(log.contains("foreign/a/primary") && log.contains("stray/a/primary"), "the log names both");
    assert!(log.to_lowercase().contains("certificate"), "and says why");
}

/// A server that is gone says so to who waits for it; one that hangs says nothing.
#[test]
fn who_waits_for_a_server_that_hangs_hears_when_it_is_down() {
    let stage = &*STAGE;
    let server = Server::start(&stage.world.lab, "hanging", Auth::Scram, &[]).unwrap();
    let toml = format!(
        "[health]\ninterval = \"200ms\"\ntimeout = \"500ms\"\nfailures_to_down = 2\n\n[monitor]\nuser = \"postgres\"\n\n\
         [databases.app]\npool_size = 1\ndefault_shard = \"only\"\n\n\
         [databases.app.shards.only]\nprimary = \"postgres://127.0.0.1:{}/app\"\n",
        server.port()
    );
    let proxy = Proxy::start(&stage.world.lab, "hanging-proxy", &toml).unwrap();
    let (mut holder, mut waiting) = (login(&proxy), login(&proxy));
    holder.rows("BEGIN; SELECT 1");
    waiting.send(&wire::query("SELECT 1")).unwrap();
    until("it waits", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) > 0.0);
    let processes = admin(server.port()).rows("SELECT pid FROM pg_stat_activity");
    let processes =
        processes.into_iter().filter_map(|row| row[0].clone()).chain(server.pid().map(|pid| pid.to_string()));
    // Some are the asking session's own, and end by themselves.
    let stopped: Vec<Stopped> = processes.filter_map(|pid| Stopped::new(&pid)).collect();
    let error = whole_error(&waiting.until_ready().unwrap());
    assert!(error.contains("C08006 |") && error.contains("its probes fail"), "{error}");
    drop(stopped);
    holder.rows("COMMIT");
    until("it is back", || waiting.simple("SELECT 1").unwrap().iter().all(|frame| frame.tag != b'E'));
}

#[test]
fn a_server_that_refuses_our_login_is_heard_in_its_own_words() {
    let stage = &*STAGE;
    let more = "[[users]]\nname = \"stranger\"\npassword = \"secret\"\n\n[monitor]\nuser = \"postgres\"\n";
    let proxy = stage.proxy("stranger", &Settings { more, ..Settings::default() });
    let mut wire = enter(proxy.port, "stranger", &[]).unwrap();
    let error = whole_error(&wire.simple("SELECT count(*) FROM events WHERE client_id = 1").unwrap());
    assert!(error.contains("C28P01") && error.contains("password authentication failed"), "{error}");
    assert!(error.contains("/primary refused a connection"), "{error}");
    stage.role("stranger");
    until("the next attempt is let in", || {
        let frames = wire.simple("SELECT count(*) FROM events WHERE client_id = 1").unwrap();
        wire::answers(&frames).iter().all(|answer| answer.error.is_none())
    });
}

/// Nobody has waited: it is not asked at all.
#[test]
fn what_is_not_asked_of_a_server_that_is_down_is_not_said_to_be_late() {
    let stage = &*STAGE;
    let proxy = stage.proxy("unasked", &Settings { more: "[health]\ninterval = \"100ms\"\n", ..Settings::default() });
    let port = stage.world.shards[1].port().to_string();
    let gone = crate::support::cluster::free_port().unwrap().to_string();
    reload(&proxy, |toml| toml.replace(&format!(":{port}/"), &format!(":{gone}/")), "ok");
    until("it is told", || {
        proxy.output().contains("shard \"b\": not asked, for it has no primary that is known to be up")
    });
    assert!(!proxy.output().contains("no answer within"), "{}", proxy.output());
}

fn login_database(proxy: &Proxy, name: &str) -> Wire {
    enter(proxy.port, "app", &[("database", name)]).unwrap()
}
