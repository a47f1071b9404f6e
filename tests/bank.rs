//! A bank whose accounts live on three shards: clients move money through two proxies while proxies and shards are
//! killed at random. Whatever happens, no money is made or lost, nothing stays prepared, and who was told COMMIT finds
//! its transfer.
//!
//! `SHARDWAY_BANK_SECONDS=600 cargo test bank` runs it for longer.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cluster::{Proxy, World};
use crate::support::data::{self, admin};
use crate::support::wire::{self, Wire};
use crate::support::work::{Progress, Work};

const WRITERS: usize = 6;
const READERS: usize = 2;
const ACCOUNTS: i64 = 40;
const PATIENCE: Duration = Duration::from_secs(120);

/// What clients and the one who kills share.
struct Bank {
    ports: [AtomicU16; 2],
    hours: Progress,
    transfers: AtomicU64,
    deadlocks: AtomicU64,
    readings: AtomicU64,
}

impl Bank {
    fn is_open(&self) -> bool {
        self.hours.goes_on()
    }

    /// A login to a proxy that lives; `None`: the bank has closed.
    fn login(&self, client: usize) -> Option<Wire> {
        while self.is_open() {
            if let Ok(wire) = Wire::login(self.ports[client % 2].load(Ordering::Relaxed), "app", &[]) {
                return Some(wire);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Moves money between accounts; returns the transfers that were confirmed.
    fn write(&self, writer: usize) -> Vec<(i64, i64, usize)> {
        let (mut confirmed, mut number) = (Vec::new(), 0);
        while let Some(mut wire) = self.login(writer) {
            while self.is_open() {
                number += 1;
                let id = 1000 + writer * 1_000_000 + number;
                let from = rand::random_range(1..=ACCOUNTS);
                let to = (from + rand::random_range(1..ACCOUNTS)) % ACCOUNTS + 1;
                if from == to {
                    continue;
                }
                match self.transfer(&mut wire, from, to, id) {
                    Ok(true) => confirmed.push((from, to, id)),
                    Ok(false) => (),
                    Err(()) => break,
                }
            }
        }
        confirmed
    }

    /// `Ok(false)`: it was undone and the session goes on.
    fn transfer(&self, wire: &mut Wire, from: i64, to: i64, id: usize) -> Result<bool, ()> {
        let amount = rand::random_range(1..=20);
        let change = |client, sign| {
            format!("UPDATE events SET amount = amount {sign} {amount} WHERE client_id = {client} AND id = 1")
        };
        let note =
            |client| format!("INSERT INTO events (client_id, id, kind, amount) VALUES ({client}, {id}, 'transfer', 0)");
        let statements =
            ["BEGIN".to_owned(), change(from, '-'), note(from), change(to, '+'), note(to), "COMMIT".to_owned()];
        for sql in statements {
            let frames = wire.simple(&sql).map_err(|_| ())?;
            let Some((state, message)) = wire::answers(&frames).into_iter().find_map(|it| it.error) else { continue };
            assert!(message != "internal error" && !state.starts_with("XX"), "{state} {message}");
            if state == "40P01" {
                self.deadlocks.fetch_add(1, Ordering::Relaxed);
            }
            wire.simple("ROLLBACK").map_err(|_| ())?;
            return Ok(false);
        }
        self.transfers.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// Within one transaction each shard shows the same all the time.
    fn read(&self, reader: usize) {
        while let Some(mut wire) = self.login(reader) {
            while self.is_open() {
                let sums = ["BEGIN ISOLATION LEVEL REPEATABLE READ", SUMS, SUMS, SUMS, "COMMIT"].map(|sql| {
                    let answer = wire.simple(sql).map(|frames| wire::answers(&frames).remove(0)).ok();
                    answer.filter(|answer| answer.error.is_none()).map(|answer| answer.rows)
                });
                let [Some(_), Some(one), Some(two), Some(three), _] = sums else { break };
                assert!(one == two && two == three, "a snapshot has changed: {one:?} {two:?} {three:?}");
                self.readings.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// What each client has.
const SUMS: &str = "SELECT client_id, sum(amount) FROM events GROUP BY client_id ORDER BY client_id";

#[test]
fn money_is_neither_made_nor_lost_whoever_dies() {
    let seconds = std::env::var("SHARDWAY_BANK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let mut world = World::start("bank", false).unwrap();
    data::load(&world);
    for server in &world.shards {
        admin(server.port()).rows("UPDATE events SET amount = 100");
    }
    let map = data::map_toml(&world).replacen("pool_size = 10", "pool_size = 10\ndeadlock_timeout = \"200ms\"", 1);
    let total = |world: &World| -> i64 {
        let of = |port| admin(port).value("SELECT sum(amount)::bigint FROM events").parse::<i64>().unwrap();
        world.shards.iter().map(|server| of(server.port())).sum()
    };
    let before = total(&world);
    let mut proxies = [0, 1].map(|number| Proxy::start(&world.lab, &format!("bank-{number}"), &map).unwrap());
    let work = Work::default();
    let bank = Bank {
        ports: [0, 1].map(|number: usize| AtomicU16::new(proxies[number].port)),
        hours: work.progress(),
        transfers: AtomicU64::new(0),
        deadlocks: AtomicU64::new(0),
        readings: AtomicU64::new(0),
    };
    let mut kills = [0; 2];
    let confirmed: Vec<(i64, i64, usize)> = thread::scope(|scope| {
        let bank = &bank;
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || bank.write(writer))).collect();
        let readers: Vec<_> = (0..READERS).map(|reader| scope.spawn(move || bank.read(reader))).collect();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(seconds) || kills.contains(&0) {
            // Some of the work is done between two deaths, however slow the machine.
            let enough = bank.transfers.load(Ordering::Relaxed) + 5;
            let since = Instant::now();
            while bank.transfers.load(Ordering::Relaxed) < enough {
                assert!(since.elapsed() < PATIENCE, "nobody gets anything done:\n{}", proxies[0].output());
                thread::sleep(Duration::from_millis(20));
            }
            thread::sleep(Duration::from_millis(rand::random_range(0..1500)));
            let is_proxy = kills[0] <= kills[1];
            kills[usize::from(!is_proxy)] += 1;
            if is_proxy {
                let number = rand::random_range(0..2);
                let name = format!("bank-{number}-{}", kills[0]);
                proxies[number].signal("KILL");
                proxies[number] = Proxy::start(&world.lab, &name, &map).unwrap();
                bank.ports[number].store(proxies[number].port, Ordering::Relaxed);
            } else {
                let victim = &mut world.shards[rand::random_range(0..3)];
                victim.kill().unwrap();
                victim.restart().unwrap();
            }
        }
        drop(work);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let start = Instant::now();
    for server in &world.shards {
        while admin(server.port()).value("SELECT count(*) FROM pg_prepared_xacts") != "0" {
            assert!(start.elapsed() < PATIENCE, "transactions stay prepared:\n{}", proxies[0].output());
            thread::sleep(Duration::from_millis(100));
        }
    }
    let [proxies_killed, shards_killed] = kills;
    eprintln!(
        "bank: {} transfers, {} deadlocks, {} readings, {proxies_killed} proxies and {shards_killed} shards killed",
        confirmed.len(),
        bank.deadlocks.load(Ordering::Relaxed),
        bank.readings.load(Ordering::Relaxed)
    );
    assert_eq!(total(&world), before, "money was made or lost");
    let mut notes = std::collections::HashMap::<usize, usize>::new();
    for server in &world.shards {
        for row in admin(server.port()).rows("SELECT id FROM events WHERE kind = 'transfer'") {
            *notes.entry(row[0].as_ref().unwrap().parse().unwrap()).or_default() += 1;
        }
    }
    assert!(notes.values().all(|count| *count == 2), "a transfer on one side only");
    let lost = confirmed.iter().filter(|(_, _, id)| !notes.contains_key(id)).collect::<Vec<_>>();
    assert!(lost.is_empty(), "told COMMIT and lost: {lost:?}");
}
