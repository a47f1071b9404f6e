//! Transactions that write on several shards: whoever dies at whatever step, all of it stays or nothing, nothing is
//! left prepared, and who was told COMMIT finds what it wrote.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cluster::{Auth, Proxy, SHARDS, Server, World};
use crate::support::data::{self, admin};
use crate::support::wire::{self, Wire};

const PATIENCE: Duration = Duration::from_secs(40);

/// A client of each shard.
fn clients(world: &World) -> Vec<i64> {
    let mut oracle = admin(world.oracle.port());
    let sql = |shard: &str| {
        format!("SELECT min(c) FROM generate_series(1::bigint, 40) c WHERE placement.shard_of(c) = '{shard}'")
    };
    SHARDS.iter().map(|shard| oracle.value(&sql(shard)).parse().unwrap()).collect()
}

/// The kinds of each shard's event, as its server has them.
fn kinds(world: &World, clients: &[i64]) -> Vec<String> {
    let of = |(server, client): (_, &i64)| {
        let server: &Server = server;
        admin(server.port()).value(&format!("SELECT kind FROM events WHERE client_id = {client} AND id = 1"))
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

#[test]
fn a_crash_at_any_step_of_a_commit_leaves_all_or_nothing() {
    let world = World::start("crashes", false).unwrap();
    data::load(&world);
    let (clients, map) = (clients(&world), data::map_toml(&world));
    let steps = [
        ("before_prepare", false),
        ("prepared_one", false),
        ("prepared_all", false),
        ("decided", true),
        ("committed_one", true),
    ];
    let mut before = kinds(&world, &clients);
    for (step, is_decided) in steps {
        let mut dying = Proxy::start_to_crash(&world.lab, &format!("dying-{step}"), &map, step).unwrap();
        let mut wire = Wire::login(dying.port, "app", &[]).unwrap();
        assert_eq!(run(&mut wire, "BEGIN"), None);
        for client in &clients {
            let update = format!("UPDATE events SET kind = '{step}' WHERE client_id = {client} AND id = 1");
            assert_eq!(run(&mut wire, &update), None, "{step}");
        }
        assert!(run(&mut wire, "COMMIT").is_some(), "{step}: the proxy is to die");
        let start = Instant::now();
        while dying.is_alive() {
            assert!(start.elapsed() < PATIENCE, "{step}: the proxy does not die");
            thread::sleep(Duration::from_millis(10));
        }
        let other = Proxy::start(&world.lab, &format!("recovering-{step}"), &map).unwrap();
        until_nothing_is_prepared(&world, &other);
        let expected = if is_decided { vec![step.to_owned(); 3] } else { before };
        assert_eq!(kinds(&world, &clients), expected, "{step}\n{}", other.output());
        before = expected;
    }
}

#[test]
fn a_shard_that_cannot_prepare_undoes_the_whole_transaction() {
    let mut world = World::start("unprepared", false).unwrap();
    let settings = [("max_prepared_transactions", "0")];
    world.shards[2] = Server::start(&world.lab, "unprepared", Auth::Scram, &settings).unwrap();
    data::load(&world);
    let (clients, map) = (clients(&world), data::map_toml(&world));
    let proxy = Proxy::start(&world.lab, "proxy", &map).unwrap();
    let before = kinds(&world, &clients);
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
    assert_eq!(kinds(&world, &clients), before);
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
    assert_eq!(kinds(&world, &clients)[..2], ["y", "y"]);
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
    let (port, stop) = (AtomicU16::new(proxy.port), AtomicBool::new(false));
    let confirmed: Vec<u64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..3_usize)
            .map(|writer| {
                let (port, stop, pair) = (&port, &stop, [clients[writer], clients[(writer + 1) % 3]]);
                scope.spawn(move || write_numbers(port, stop, pair, writer + 2))
            })
            .collect();
        for round in 1..=ROUNDS {
            thread::sleep(Duration::from_millis(900));
            proxy.signal("KILL");
            while proxy.is_alive() {
                thread::sleep(Duration::from_millis(5));
            }
            proxy = start(round);
            port.store(proxy.port, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_millis(900));
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    until_nothing_is_prepared(&world, &proxy);
    assert!(confirmed.iter().sum::<u64>() > 50, "{confirmed:?}");
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
fn write_numbers(port: &AtomicU16, stop: &AtomicBool, pair: [i64; 2], id: usize) -> u64 {
    let (mut number, mut confirmed) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut wire) = Wire::login(port.load(Ordering::Relaxed), "app", &[]) else { continue };
        loop {
            number += 1;
            let [one, other] = pair
                .map(|client| format!("UPDATE events SET kind = '{number}' WHERE client_id = {client} AND id = {id}"));
            let failed = ["BEGIN", &one, &other, "COMMIT"].into_iter().any(|sql| run(&mut wire, sql).is_some());
            if failed || stop.load(Ordering::Relaxed) {
                break;
            }
            confirmed = number;
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
