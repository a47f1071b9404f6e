//! Transactions that write on several shards: whoever dies at whatever step, all of it stays or nothing, nothing is
//! left prepared, and who was told COMMIT finds what it wrote.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::operations::metric;
use crate::support::cluster::{Auth, Proxy, SHARDS, Server, World};
use crate::support::data::{self, admin};
use crate::support::relay::Relay;
use crate::support::wire::{self, Wire};
use crate::support::work::{Progress, Work};

const PATIENCE: Duration = Duration::from_secs(120);

/// A client of each shard.
fn clients(world: &World) -> Vec<i64> {
    rows(world, 0).0
}

/// A client of each shard and the id of one of its rows, others for each number.
fn rows(world: &World, number: usize) -> (Vec<i64>, usize) {
    let mut oracle = admin(world.oracle.port());
    let sql = |shard: &str| {
        let clients = "SELECT c FROM generate_series(1::bigint, 40) c WHERE c <> 42 AND placement.shard_of(c) =";
        format!("{clients} '{shard}' ORDER BY c OFFSET {} LIMIT 1", number / 6)
    };
    let clients = SHARDS.iter().map(|shard| oracle.value(&sql(shard)).parse().unwrap()).collect();
    (clients, number % 6 + 1)
}

/// The kinds of each shard's event, as its server has them.
fn kinds(world: &World, clients: &[i64], id: usize) -> Vec<String> {
    let of = |(server, client): (_, &i64)| {
        let server: &Server = server;
        admin(server.port()).value(&format!("SELECT kind FROM events WHERE client_id = {client} AND id = {id}"))
    };
    world.shards.iter().zip(clients).map(of).collect()
}

/// Waits until no shard has anything prepared.
fn until_nothing_is_prepared(world: &World, proxy: &Proxy) {
    let start = Instant::now();
    let count = |server: &Server| admin(server.port()).value("SELECT count(*) FROM pg_prepared_xacts");
    while world.shards.iter().any(|server| count(server) != "0") {
        assert!(start.elapsed() < PATIENCE, "transactions stay prepared:\n{}", proxy.output());
        thread::sleep(Duration::from_millis(100));
    }
}

/// An error, or nothing; the connection may break.
fn run(wire: &mut Wire, sql: &str) -> Option<String> {
    match wire.simple(sql) {
        Ok(frames) => wire::answers(&frames).into_iter().find_map(|answer| answer.error).map(|(state, _)| state),
        Err(error) => Some(error.to_string()),
    }
}

fn wait_for(what: &str, proxy: &Proxy, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}\n{}", proxy.output());
        thread::sleep(Duration::from_millis(10));
    }
}

fn until_dead(proxy: &mut Proxy, what: &str) {
    let start = Instant::now();
    while proxy.is_alive() {
        assert!(start.elapsed() < PATIENCE, "{what}: the proxy does not die\n{}", proxy.output());
        thread::sleep(Duration::from_millis(10));
    }
}

/// A transaction that writes this kind to a row of every shard, all but its COMMIT.
fn write_everywhere(proxy: &Proxy, clients: &[i64], id: usize, kind: &str) -> Wire {
    let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
    assert_eq!(run(&mut wire, "BEGIN"), None);
    for client in clients {
        let update = format!("UPDATE events SET kind = '{kind}' WHERE client_id = {client} AND id = {id}");
        assert_eq!(run(&mut wire, &update), None, "{kind}");
    }
    wire
}

/// Steps of a commit, and whether it is decided by then.
const STEPS: [(&str, bool); 7] = [
    ("before_prepare", false),
    ("prepared_one", false),
    ("prepared_all", false),
    ("decided_unheard", true),
    ("decided", true),
    ("committed_one", true),
    ("committed_all", true),
];

#[test]
fn a_crash_at_any_step_of_a_commit_leaves_all_or_nothing() {
    let world = World::start("crashes", false).unwrap();
    data::load(&world);
    let map = data::map_toml(&world);
    for (number, (step, _)) in STEPS.iter().enumerate() {
        let mut dying = Proxy::start_to_crash(&world.lab, &format!("dying-{step}"), &map, step).unwrap();
        let (clients, id) = rows(&world, number);
        let mut wire = write_everywhere(&dying, &clients, id, step);
        assert!(run(&mut wire, "COMMIT").is_some(), "{step}: the proxy is to die");
        until_dead(&mut dying, step);
    }
    // Proxies that recover die as well, one with the decision, one with a part of the work.
    let recoveries = ["recovery_decided", "recovered_one"];
    for (number, step) in recoveries.into_iter().enumerate() {
        let mut dying = Proxy::start_to_crash(&world.lab, &format!("leaving-{step}"), &map, "decided").unwrap();
        let (clients, id) = rows(&world, STEPS.len() + number);
        assert!(run(&mut write_everywhere(&dying, &clients, id, step), "COMMIT").is_some());
        until_dead(&mut dying, step);
        let mut dying = Proxy::spawn_to_crash(&world.lab, &format!("dying-{step}"), &map, step).unwrap();
        until_dead(&mut dying, step);
    }
    let (one, other) = (Proxy::start(&world.lab, "one", &map), Proxy::start(&world.lab, "other", &map));
    until_nothing_is_prepared(&world, &one.unwrap());
    let all = STEPS.into_iter().chain(recoveries.map(|step| (step, true)));
    for (number, (step, is_decided)) in all.enumerate() {
        let (clients, id) = rows(&world, number);
        let found = kinds(&world, &clients, id);
        assert_eq!(found.iter().all(|kind| kind == step), is_decided, "{step}: {found:?}");
        assert!(is_decided || found.iter().all(|kind| kind != step), "{step}: {found:?}");
    }
    drop(other);
}

#[test]
fn a_shard_that_dies_at_any_step_of_a_commit_leaves_all_or_nothing() {
    let mut world = World::start("shard-kills", false).unwrap();
    data::load(&world);
    let map = data::map_toml(&world);
    let mut told = Vec::new();
    // The first shard decides.
    let victims = STEPS.iter().take(6).flat_map(|(step, is_decided)| [0, 2].map(|victim| (*step, *is_decided, victim)));
    for (number, (step, is_decided, victim)) in victims.enumerate() {
        let name = format!("{step}-{victim}");
        let proxy = Proxy::start_to_stop(&world.lab, &name, &map, step).unwrap();
        let (clients, id) = rows(&world, number);
        let mut wire = write_everywhere(&proxy, &clients, id, &name);
        wire.send(&wire::query("COMMIT")).unwrap();
        wait_for("the proxy stands still", &proxy, || proxy.is_stopped());
        world.shards[victim].kill().unwrap();
        proxy.signal("CONT");
        let answers = wire::answers(&wire.until_ready().unwrap());
        let state = answers[0].error.as_ref().map(|(state, _)| state.clone());
        world.shards[victim].restart().unwrap();
        // With the decision made the client hears nothing of a shard that dies.
        assert!(state.is_none() || !is_decided, "{name}: {answers:?}\n{}", proxy.output());
        // Its session goes on, and is in no transaction.
        let read = format!("SELECT count(*) FROM events WHERE client_id = {}", clients[1]);
        assert_eq!(wire.value(&read), "6", "{name}");
        told.push((name, clients, id, state, proxy));
    }
    let other = Proxy::start(&world.lab, "recovering", &map).unwrap();
    until_nothing_is_prepared(&world, &other);
    for (name, clients, id, state, proxy) in &told {
        let found = kinds(&world, clients, *id);
        let written = found.iter().filter(|kind| *kind == name).count();
        match state.as_deref() {
            None => assert_eq!(written, 3, "{name}: told COMMIT, {found:?}\n{}", proxy.output()),
            Some("08007") => assert!([0, 3].contains(&written), "{name}: {found:?}\n{}", proxy.output()),
            Some(_) => assert_eq!(written, 0, "{name}: told {state:?}, {found:?}\n{}", proxy.output()),
        }
    }
}

/// The session that has committed finds what it has written, however its connections fare. Recovery comes later.
#[test]
fn a_connection_that_is_lost_behind_the_decision_hides_nothing_from_its_session() {
    let world = World::start("reset", false).unwrap();
    data::load(&world);
    let relays: Vec<Relay> =
        world.shards.iter().map(|shard| Relay::start(("127.0.0.1", 0), shard.port()).unwrap()).collect();
    let map = world.shards.iter().zip(&relays).fold(data::map_toml(&world), |map, (shard, relay)| {
        map.replace(&format!("127.0.0.1:{}/", shard.port()), &format!("127.0.0.1:{}/", relay.port()))
    });
    let proxy = Proxy::start_to_stop(&world.lab, "reset", &map, "decided").unwrap();
    let (clients, id) = rows(&world, 0);
    let mut wire = write_everywhere(&proxy, &clients, id, "reset");
    wire.send(&wire::query("COMMIT")).unwrap();
    wait_for("the proxy stands still", &proxy, || proxy.is_stopped());
    relays.iter().for_each(Relay::cut);
    proxy.signal("CONT");
    assert!(wire::answers(&wire.until_ready().unwrap()).iter().all(|answer| answer.error.is_none()));
    for client in &clients {
        let kind = format!("SELECT kind FROM events WHERE client_id = {client} AND id = {id}");
        assert_eq!(wire.value(&kind), "reset");
    }
    for shard in &world.shards {
        assert_eq!(admin(shard.port()).value("SELECT count(*) FROM pg_prepared_xacts"), "0");
    }
}

#[test]
fn recovery_leaves_a_commit_alone_that_only_takes_long() {
    let world = World::start("slow-commit", false).unwrap();
    data::load(&world);
    let map = data::map_toml(&world);
    let slow = Proxy::start_to_stop(&world.lab, "slow", &map, "prepared_all").unwrap();
    let recovering = Proxy::start(&world.lab, "recovering", &map).unwrap();
    let (clients, id) = rows(&world, 0);
    let mut wire = write_everywhere(&slow, &clients, id, "slow");
    wire.send(&wire::query("COMMIT")).unwrap();
    wait_for("the proxy stands still", &slow, || slow.is_stopped());
    let age = || metric(&recovering, "shardway_in_doubt_age_seconds", &["shard=\"b\""]);
    wait_for("it has been seen as prepared for long", &recovering, || age() > 8.0);
    assert_eq!(metric(&recovering, "shardway_recoveries_total", &[]), 0.0);
    slow.signal("CONT");
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "COMMIT");
    assert_eq!(kinds(&world, &clients, id), ["slow"; 3]);
    // One whose decider has gone is undone; its owner, should it still live, hears so.
    let late = Proxy::start_to_stop(&world.lab, "late", &map, "prepared_all").unwrap();
    let mut wire = write_everywhere(&late, &clients, id, "late");
    wire.send(&wire::query("COMMIT")).unwrap();
    wait_for("the proxy stands still", &late, || late.is_stopped());
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = 'idle in transaction'";
    admin(world.shards[0].port()).rows(end);
    until_nothing_is_prepared(&world, &recovering);
    late.signal("CONT");
    let answer = wire::answers(&wire.until_ready().unwrap()).remove(0);
    assert_eq!(answer.error.map(|(state, _)| state).as_deref(), Some("08007"));
    assert_eq!(kinds(&world, &clients, id), ["slow"; 3]);
}

#[test]
fn old_decisions_are_forgotten_and_younger_ones_are_not() {
    let world = World::start("old-decisions", false).unwrap();
    data::load(&world);
    // As the proxy's own user makes it.
    let mut shard = Wire::login(world.shards[0].port(), "app", &[]).unwrap();
    shard.rows(shardway::logic::commit::SETUP);
    shard.rows(
        "INSERT INTO shardway.decisions SELECT 'old-' || n, 'committed', now() - interval '11 minutes' FROM generate_series(1, 12000) n",
    );
    shard.rows(
        "INSERT INTO shardway.decisions VALUES ('young', 'committed', now() - interval '9 minutes'), \
         ('undone', 'aborted', now() - interval '50 minutes'), ('long undone', 'aborted', now() - interval '61 minutes')",
    );
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let count = || admin(world.shards[0].port()).value("SELECT count(*) FROM shardway.decisions");
    wait_for("the old ones are gone", &proxy, || count() == "2");
    let left = "SELECT string_agg(gid, ' ' ORDER BY gid) FROM shardway.decisions";
    assert_eq!(shard.value(left), "undone young");
}

#[test]
fn a_shard_that_cannot_prepare_undoes_the_whole_transaction() {
    let mut world = World::start("unprepared", false).unwrap();
    let settings = [("max_prepared_transactions", "0")];
    world.shards[2] = Server::start(&world.lab, "unprepared", Auth::Scram, &settings).unwrap();
    data::load(&world);
    let (clients, map) = (clients(&world), data::map_toml(&world));
    let proxy = Proxy::start(&world.lab, "proxy", &map).unwrap();
    let before = kinds(&world, &clients, 1);
    let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
    assert_eq!(run(&mut wire, "BEGIN"), None);
    for client in &clients {
        assert_eq!(
            run(&mut wire, &format!("UPDATE events SET kind = 'x' WHERE client_id = {client} AND id = 1")),
            None
        );
    }
    assert_eq!(run(&mut wire, "COMMIT").as_deref(), Some("55000"));
    assert_eq!(run(&mut wire, "UPDATE events SET kind = 'x' WHERE id = 1").as_deref(), Some("55000"));
    assert_eq!(kinds(&world, &clients, 1), before);
    until_nothing_is_prepared(&world, &proxy);
    // Shards that can still do so together, in the same session.
    assert_eq!(run(&mut wire, "BEGIN"), None);
    for client in &clients[..2] {
        assert_eq!(
            run(&mut wire, &format!("UPDATE events SET kind = 'y' WHERE client_id = {client} AND id = 1")),
            None
        );
    }
    assert_eq!(run(&mut wire, "COMMIT AND CHAIN"), None);
    assert_eq!(run(&mut wire, "ROLLBACK"), None);
    assert_eq!(kinds(&world, &clients, 1)[..2], ["y", "y"]);
}

/// Each client writes a number to two rows on two shards, again and again, while the proxy is killed.
#[test]
fn killing_the_proxy_again_and_again_splits_no_transaction() {
    const ROUNDS: usize = 5;
    let world = World::start("kills", false).unwrap();
    data::load(&world);
    let (clients, map) = (clients(&world), data::map_toml(&world));
    let start = |round: usize| Proxy::start(&world.lab, &format!("proxy-{round}"), &map).unwrap();
    let mut proxy = start(0);
    let (port, total) = (AtomicU16::new(proxy.port), AtomicU64::new(0));
    let progress = |proxy: &Proxy| {
        let enough = total.load(Ordering::Relaxed) + 20;
        wait_for("clients go on", proxy, || total.load(Ordering::Relaxed) >= enough);
    };
    let confirmed: Vec<u64> = thread::scope(|scope| {
        let work = Work::default();
        let writers: Vec<_> = (0..3_usize)
            .map(|writer| {
                let (port, total, pair) = (&port, &total, [clients[writer], clients[(writer + 1) % 3]]);
                let progress = work.progress();
                scope.spawn(move || write_numbers(port, &progress, total, pair, writer + 2))
            })
            .collect();
        for round in 1..=ROUNDS {
            progress(&proxy);
            proxy.signal("KILL");
            while proxy.is_alive() {
                thread::sleep(Duration::from_millis(5));
            }
            proxy = start(round);
            port.store(proxy.port, Ordering::Relaxed);
        }
        progress(&proxy);
        drop(work);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    until_nothing_is_prepared(&world, &proxy);
    for (writer, confirmed) in confirmed.into_iter().enumerate() {
        let id = writer + 2;
        let number = |shard: usize| {
            let sql = format!("SELECT kind FROM events WHERE client_id = {} AND id = {id}", clients[shard]);
            admin(world.shards[shard].port()).value(&sql)
        };
        let (one, other) = (number(writer), number((writer + 1) % 3));
        assert_eq!(one, other, "both rows, or neither");
        let stored: u64 = one.parse().unwrap();
        assert!(stored >= confirmed, "told COMMIT of {confirmed}, found {stored}");
    }
}

/// Returns the last number whose COMMIT was answered.
fn write_numbers(port: &AtomicU16, progress: &Progress, total: &AtomicU64, pair: [i64; 2], id: usize) -> u64 {
    let (mut number, mut confirmed) = (0, 0);
    while progress.goes_on() {
        let Ok(mut wire) = Wire::login(port.load(Ordering::Relaxed), "app", &[]) else { continue };
        loop {
            number += 1;
            let [one, other] = pair
                .map(|client| format!("UPDATE events SET kind = '{number}' WHERE client_id = {client} AND id = {id}"));
            let failed = ["BEGIN", &one, &other, "COMMIT"].into_iter().any(|sql| run(&mut wire, sql).is_some());
            if failed || !progress.goes_on() {
                break;
            }
            confirmed = number;
            total.fetch_add(1, Ordering::Relaxed);
        }
    }
    confirmed
}

/// Each shard locks its row in its turn, so that clients wait for each other and never in a circle.
#[test]
fn clients_that_update_the_same_rows_on_all_shards_do_not_lock_each_other_out() {
    let world = World::start("locks", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    // One row a shard: several rows of one server could be locked in two orders, as on any PostgreSQL.
    let rows = clients(&world).iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let update = format!("UPDATE events SET amount = amount + 1 WHERE client_id IN ({rows}) AND id = 1");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
                for _ in 0..40 {
                    assert_eq!(run(&mut wire, &update), None);
                }
            });
        }
    });
    until_nothing_is_prepared(&world, &proxy);
}

/// Who is told of it may look at once, on any shard.
#[test]
fn a_notification_comes_when_all_shards_have_committed() {
    let world = World::start("announced", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "announced", &data::map_toml(&world)).unwrap();
    let clients = clients(&world);
    let login = || Wire::login(proxy.port, "app", &[]).unwrap();
    let (mut hearer, mut reader, mut speaker) = (login(), login(), login());
    let mut direct = admin(world.shards[0].port());
    hearer.rows("LISTEN news");
    direct.rows("LISTEN news");
    // What is committed there waits for a standby that there is not; what is prepared does not.
    let mut late = admin(world.shards[1].port());
    late.rows("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    late.rows("SELECT pg_reload_conf()");
    wait_for("the shard knows of its standby", &proxy, || {
        admin(world.shards[1].port()).value("SHOW synchronous_standby_names") == "nobody"
    });
    speaker.rows("BEGIN");
    speaker.rows("SET LOCAL synchronous_commit = off");
    for client in &clients {
        speaker.rows(&format!("INSERT INTO events (client_id, id, kind) VALUES ({client}, 900, 'announced')"));
    }
    speaker.rows("NOTIFY news, 'done'");
    speaker.send(&wire::query("COMMIT")).unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'COMMIT PREPARED%'";
    wait_for("a shard commits late", &proxy, || admin(world.shards[1].port()).value(waits) == "1");
    // The server has told who listens to it.
    direct.rows("SELECT 1");
    hearer.set_patience(Duration::from_millis(500));
    assert!(hearer.recv().is_err(), "the notification came too early");
    hearer.set_patience(PATIENCE);
    late.rows("ALTER SYSTEM RESET synchronous_standby_names");
    late.rows("SELECT pg_reload_conf()");
    hearer.until(b"A").unwrap();
    let seen = clients
        .iter()
        .map(|client| reader.value(&format!("SELECT count(*) FROM events WHERE client_id = {client} AND id = 900")));
    assert_eq!(seen.collect::<Vec<_>>(), ["1", "1", "1"]);
    assert_eq!(wire::answers(&speaker.until_ready().unwrap())[0].tag, "COMMIT");
    // Others are told as before.
    speaker.rows("NOTIFY news, 'more'");
    hearer.until(b"A").unwrap();
}
