//! HUP loads the settings again while clients go on; TERM and INT let clients finish, then the process ends.

use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::support::work::Work;

const HALF: &str = "{ a = \"0-85\", b = \"86-170\", c = \"171-255\" }";

fn count_of(client: i64) -> String {
    format!("SELECT count(*) FROM events WHERE client_id = {client}")
}

/// Clients that ask all shards again and again until `work` is done; any error is one too many.
fn undisturbed(stage: &Stage, proxy: &Proxy, work: impl FnOnce()) {
    let going = Work::default();
    let busy: Vec<_> = (0..3)
        .map(|_| {
            let (mut wire, progress, clients) = (login(proxy), going.progress(), stage.clients.clone());
            thread::spawn(move || {
                let mut served = 0;
                while progress.goes_on() {
                    for client in &clients {
                        assert_eq!(wire.value(&count_of(*client)), "6");
                        wire.rows(&format!("BEGIN; {}; COMMIT", count_of(*client)));
                        served += 1;
                    }
                }
                served
            })
        })
        .collect();
    work();
    drop(going);
    for one in busy {
        assert!(one.join().unwrap() > 0);
    }
}

#[test]
fn a_reload_changes_the_map_under_running_clients() {
    let stage = &*STAGE;
    for (server, v) in stage.world.shards.iter().zip(SHARDS) {
        admin(server.port()).rows(&format!(
            "CREATE TABLE added (k smallint PRIMARY KEY, v text); GRANT ALL ON added TO app; INSERT INTO added VALUES (1, '{v}')"
        ));
    }
    let proxy = stage.proxy("remap", &Settings { database: "pool_size = 3", ..Settings::default() });
    let mut wire = login(&proxy);
    let ask = "SELECT v FROM added WHERE k = 1";
    assert_eq!(failure(&mut wire, ask).0, "0A000");
    undisturbed(stage, &proxy, || {
        let line = "added = { keyspace = \"smallints\", key = \"k\" }\n";
        reload(&proxy, |toml| toml + line, "ok");
        let home = wire.value(ask);
        // All buckets of that keyspace go to the next shard; statements known by their text follow.
        for (index, shard) in SHARDS.iter().enumerate() {
            if *shard == home {
                continue;
            }
            let (section, all) =
                ("type = \"smallint\"\nmethod = \"hash\"\nbuckets = ", format!("{{ {shard} = \"0-255\" }}"));
            let old = if index == 0 || (index == 1 && home == "a") { HALF.to_owned() } else { String::new() };
            reload(
                &proxy,
                |toml| {
                    let at = toml.find(section).unwrap() + section.len();
                    let end = at + toml[at..].find('\n').unwrap();
                    assert!(old.is_empty() || toml[at..end] == old);
                    format!("{}{all}{}", &toml[..at], &toml[end..])
                },
                "ok",
            );
            assert_eq!(wire.value(ask), *shard);
        }
        reload(&proxy, |toml| toml.replace(line, ""), "ok");
        assert_eq!(failure(&mut wire, ask).0, "0A000");
    });
    assert_eq!(metric(&proxy, "shardway_reloads_total", &["result=\"ok\""]), 4.0);
    assert_eq!(metric(&proxy, "shardway_errors_total", &[]), 2.0);
}

#[test]
fn a_broken_file_changes_nothing_and_is_counted() {
    let stage = &*STAGE;
    let proxy = stage.proxy("broken", &Settings::default());
    let mut wire = login(&proxy);
    let good = fs::read_to_string(&proxy.config).unwrap();
    let epoch = metric(&proxy, "shardway_map_epoch", &[]);
    undisturbed(stage, &proxy, || {
        for (turn, wrong) in
            ["not toml at all [", "unknown = 1\n", &good.replace("86-170", "86-160"), ""].iter().enumerate()
        {
            reload(&proxy, |_| (*wrong).to_owned(), "failed");
            assert_eq!(metric(&proxy, "shardway_reloads_total", &["result=\"failed\""]), turn as f64 + 1.0);
            assert_eq!(wire.value(&count_of(stage.clients[0])), "6");
            assert!(enter(proxy.port, "app", &[]).is_ok());
        }
        fs::rename(&proxy.config, proxy.config.with_extension("away")).unwrap();
        proxy.signal("HUP");
        until("the missing file is counted", || {
            metric(&proxy, "shardway_reloads_total", &["result=\"failed\""]) == 5.0
        });
    });
    assert_eq!(metric(&proxy, "shardway_map_epoch", &[]), epoch);
    assert_eq!(metric(&proxy, "shardway_reloads_total", &["result=\"ok\""]), 0.0);
    assert!(proxy.output().contains("161"), "the log says what is wrong");
}

#[test]
fn a_reload_changes_users_passwords_and_pools() {
    let stage = &*STAGE;
    stage.role("mover");
    let more = "[[users]]\nname = \"mover\"\npassword = \"secret\"\n";
    let proxy = stage
        .proxy("users", &Settings { database: "pool_size = 1\nwait_timeout = \"2s\"", more, ..Settings::default() });
    let mut early = enter(proxy.port, "mover", &[]).unwrap();
    let ask = count_of(stage.clients[0]);
    early.rows(&format!("BEGIN; {ask}"));
    let mut second = enter(proxy.port, "mover", &[]).unwrap();
    assert_eq!(failure(&mut second, &ask).0, "53300");
    reload(&proxy, |toml| toml.replace("pool_size = 1", "pool_size = 2"), "ok");
    assert_eq!(second.value(&ask), "6", "there are two connections now");
    assert!(enter(proxy.port, "fresh", &[]).is_err());
    let changed = |toml: String| {
        let users = "[[users]]\nname = \"fresh\"\npassword = \"secret\"\nserver_user = \"app\"\nserver_password = \"secret\"\n\n[[users]]\nname = \"mover\"\n\
                     password = \"renewed\"\nserver_password = \"secret\"";
        toml.replace("[[users]]\nname = \"mover\"\npassword = \"secret\"", users)
    };
    reload(&proxy, changed, "ok");
    assert_eq!(enter(proxy.port, "fresh", &[]).unwrap().value(&ask), "6");
    let error = enter(proxy.port, "mover", &[]).err().unwrap().to_string();
    assert!(error.contains("28P01"), "{error}");
    // Who is inside stays.
    early.rows("COMMIT");
    assert_eq!(early.value(&ask), "6");
    reload(&proxy, |toml| toml.replace("pool_size = 2", "pool_size = 1"), "ok");
    until("the pool shrinks", || connections(stage.world.shards[0].port(), "mover") <= 1);
    reload(&proxy, |toml| toml.replacen("[listen]\n", "[listen]\nmax_clients = 3\n", 1), "ok");
    let third = enter(proxy.port, "app", &[]).unwrap();
    assert!(enter(proxy.port, "app", &[]).err().unwrap().to_string().contains("53300"));
    drop(third);
}

#[test]
fn a_server_password_that_was_wrong_is_right_after_a_reload() {
    let stage = &*STAGE;
    stage.role("late");
    let more = "[[users]]\nname = \"late\"\npassword = \"secret\"\nserver_password = \"wrong\"\n\n[monitor]\nuser = \"postgres\"\n";
    let proxy = stage.proxy("secrets", &Settings { more, ..Settings::default() });
    let mut wire = enter(proxy.port, "late", &[]).unwrap();
    let ask = count_of(stage.clients[0]);
    assert!(whole_error(&wire.simple(&ask).unwrap()).contains("28P01"));
    reload(&proxy, |toml| toml.replace("server_password = \"wrong\"", "server_password = \"secret\""), "ok");
    until("a new client gets through", || {
        let mut wire = enter(proxy.port, "late", &[]).unwrap();
        wire::answers(&wire.simple(&ask).unwrap())[0].error.is_none()
    });
}

/// Signals a proxy that has an idle client and one in a transaction; returns the latter.
fn draining(stage: &Stage, proxy: &Proxy, signal: &str) -> Wire {
    let (mut idle, mut open) = (login(proxy), login(proxy));
    open.rows("BEGIN");
    assert_eq!(open.value(&count_of(stage.clients[0])), "6");
    let told = Instant::now();
    proxy.signal(signal);
    let frames = idle.until_closed().unwrap();
    assert!(whole_error(&frames).contains("SFATAL | VFATAL | C57P01"), "{frames:?}");
    assert!(told.elapsed() < Duration::from_secs(3), "at once");
    until("no new clients", || Wire::connect(proxy.port).is_err());
    assert_eq!(get(proxy.metrics_port, "/readyz").0, 503);
    assert_eq!(get(proxy.metrics_port, "/livez").0, 200);
    open
}

fn until_ended(proxy: &mut Proxy) {
    until("the process ends", || proxy.exit_code().is_some());
    assert_eq!(proxy.exit_code(), Some(0));
}

#[test]
fn term_lets_transactions_finish() {
    let stage = &*STAGE;
    for signal in ["TERM", "INT"] {
        let mut proxy = stage.proxy(&format!("drain-{signal}"), &Settings::default());
        let mut open = draining(stage, &proxy, signal);
        for client in &stage.clients {
            assert_eq!(open.value(&count_of(*client)), "6", "further shards are open to the transaction");
        }
        assert_eq!(proxy.exit_code(), None);
        let end = wire::transcript(&open.simple("COMMIT").unwrap());
        assert_eq!(end[0], "C COMMIT\\x00");
        assert!(whole_error(&open.until_closed().unwrap()).contains("57P01"));
        until_ended(&mut proxy);
    }
}

#[test]
fn a_second_term_ends_at_once() {
    let stage = &*STAGE;
    let mut proxy = stage.proxy("twice", &Settings::default());
    let mut open = draining(stage, &proxy, "TERM");
    proxy.signal("TERM");
    until_ended(&mut proxy);
    assert!(open.until_closed().is_ok());
}

#[test]
fn stragglers_end_at_drain_timeout_and_zero_means_never() {
    let stage = &*STAGE;
    let mut proxy = stage.proxy("straggler", &Settings { listen: "drain_timeout = \"1s\"", ..Settings::default() });
    let start = Instant::now();
    let open = draining(stage, &proxy, "TERM");
    until_ended(&mut proxy);
    assert!(start.elapsed() < Duration::from_secs(6));
    drop(open);
    let mut proxy = stage.proxy("patient", &Settings { listen: "drain_timeout = \"0\"", ..Settings::default() });
    let mut open = draining(stage, &proxy, "TERM");
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(proxy.exit_code(), None);
    open.rows("ROLLBACK");
    until_ended(&mut proxy);
}

#[test]
fn who_waits_in_a_copy_and_who_sits_at_the_console_hears_why_it_ends() {
    let stage = &*STAGE;
    let console = "[console]\nadmin = [\"app\"]\n";
    let told = |wire: &mut Wire| whole_error(&wire.until_closed().unwrap());
    let visit = |proxy: &Proxy| enter(proxy.port, "app", &[("database", "shardway")]).unwrap();
    let listen = "drain_timeout = \"300ms\"";
    let mut proxy = stage.proxy("drain-copy", &Settings { listen, more: console, ..Settings::default() });
    let (mut copying, mut visitor) = (login(&proxy), visit(&proxy));
    copying.send(&wire::query("COPY events (client_id, id, kind) FROM STDIN")).unwrap();
    copying.until(b"G").unwrap();
    proxy.signal("TERM");
    assert!(told(&mut copying).contains("SFATAL | VFATAL | C57P01"));
    assert!(told(&mut visitor).contains("SFATAL | VFATAL | C57P01"));
    until_ended(&mut proxy);
    // A console that somebody has left open keeps nothing alive.
    let listen = "drain_timeout = \"1h\"";
    let mut proxy = stage.proxy("drain-console", &Settings { listen, more: console, ..Settings::default() });
    let mut visitor = visit(&proxy);
    proxy.signal("TERM");
    assert!(told(&mut visitor).contains("SFATAL | VFATAL | C57P01"));
    until_ended(&mut proxy);
}
