//! Three shards with two replicas each behind two proxies, and clients that write, keep a ledger of what was confirmed
//! and read it back at once, while replay stands still, a replica is promoted, a primary is killed, the map is changed and a
//! proxy is drained. No confirmed write is lost, no client misses its own, and the only errors are of statements that were
//! on their way to a server that died.
//!
//! `SHARDWAY_FAILOVER_SECONDS=600 cargo test failover` goes through it again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::operations::metric;
use crate::support::cluster::{Auth, Lab, Proxy, SHARDS, Server};
use crate::support::data::admin;
use crate::support::wire::{self, Wire};
use crate::support::work::{Progress, Work};

const CLIENTS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(180);
/// Every so many turns a client rests, and only reads, until replicas have what it wrote
const TURNS_TO_REST: i64 = 20;
const REST: Duration = Duration::from_secs(1);

/// A shard: where its primary is among its servers, as those who run it know.
struct Trio {
    servers: Vec<Server>,
    primary: usize,
    /// Servers made so far, for names
    made: usize,
}

impl Trio {
    fn start(lab: &Arc<Lab>, shard: &str) -> Self {
        let primary = Server::start(lab, &format!("{shard}-0"), Auth::Scram, &[]).unwrap();
        admin(primary.port()).rows(
            "CREATE TABLE accounts (client_id bigint, id bigint, value bigint, PRIMARY KEY (client_id, id)); GRANT ALL ON accounts TO app",
        );
        let mut trio = Self { servers: vec![primary], primary: 0, made: 1 };
        for _ in 0..2 {
            trio.add_replica();
        }
        for server in &trio.servers {
            trio.confirm_by_replicas(server);
        }
        trio
    }

    /// What is confirmed is on a replica too.
    fn confirm_by_replicas(&self, server: &Server) {
        admin(server.port()).rows("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'");
        admin(server.port()).rows("SELECT pg_reload_conf()");
    }

    fn add_replica(&mut self) {
        let primary = &self.servers[self.primary];
        let shard = primary.name().split('-').next().unwrap();
        let replica = Server::replica_of(primary, &format!("{shard}-{}", self.made)).unwrap();
        self.made += 1;
        self.servers.push(replica);
    }

    fn primary(&self) -> &Server {
        &self.servers[self.primary]
    }

    fn replicas(&self) -> Vec<usize> {
        (0..self.servers.len()).filter(|index| *index != self.primary).collect()
    }

    fn ask(&self, server: usize, sql: &str) -> String {
        admin(self.servers[server].port()).value(sql)
    }

    fn follow(&self, server: usize, other: usize) {
        let port = self.servers[other].port();
        let mut admin = admin(self.servers[server].port());
        admin.rows(&format!("ALTER SYSTEM SET primary_conninfo = 'user=postgres host=127.0.0.1 port={port}'"));
        admin.rows("SELECT pg_reload_conf()");
    }

    /// One replica takes over while the old primary lives: it lets go of nothing that it has not confirmed.
    fn switch_over(&mut self) {
        let [next, other] = self.replicas()[..] else { panic!("two replicas") };
        self.follow(other, next);
        await_that("the other replica follows the next primary", || {
            self.ask(next, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1"
                && self.ask(self.primary, "SELECT count(*) FROM pg_stat_replication") == "1"
        });
        let end = self.ask(self.primary, "SELECT pg_current_wal_insert_lsn()");
        await_that("the next primary has all that may have been confirmed", || {
            self.ask(next, &format!("SELECT pg_last_wal_receive_lsn() >= '{end}'")) == "t"
        });
        assert_eq!(self.ask(next, "SELECT pg_promote(true, 60)"), "t");
        self.servers[self.primary].stop().unwrap();
        self.primary = next;
    }

    /// The primary dies: the replica that has most takes over, the other follows it.
    fn kill_primary(&mut self) {
        self.servers[self.primary].kill().unwrap();
        let replicas = self.replicas();
        for replica in &replicas {
            await_that("nothing is on its way any more", || {
                self.ask(*replica, "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") == "0"
            });
        }
        let received = |index: &usize| -> u64 {
            self.ask(*index, "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::bigint").parse().unwrap()
        };
        let next = replicas.iter().copied().max_by_key(received).unwrap();
        assert_eq!(self.ask(next, "SELECT pg_promote(true, 60)"), "t");
        for other in replicas.into_iter().filter(|index| *index != next) {
            self.follow(other, next);
        }
        self.primary = next;
    }

    /// A new replica in the place of a server that is gone.
    fn replace_the_dead(&mut self) {
        let dead = self.servers.iter().position(|server| server.pid().is_none()).unwrap();
        self.add_replica();
        let new = self.servers.pop().unwrap();
        self.servers[dead] = new;
        self.confirm_by_replicas(&self.servers[dead]);
    }
}

/// What clients and the one who makes trouble share.
struct Game {
    ports: [AtomicU16; 2],
    /// The proxy that takes clients
    is_open: [AtomicBool; 2],
    progress: Progress,
    /// Confirmed writes by shard
    writes: [AtomicUsize; 3],
}

/// What one client knows of one of its rows.
#[derive(Clone, Default)]
struct Entry {
    /// Confirmed, and read back
    known: i64,
    /// Written, and nobody said whether it stays
    perhaps: Vec<i64>,
    /// Rows that were inserted
    inserted: Vec<i64>,
}

/// One client: what it was told.
#[derive(Default)]
struct Ledger {
    entries: [Entry; 3],
    /// By shard: errors of statements
    errors: [Vec<String>; 3],
    /// Proxies that have sent it away
    farewells: usize,
    reads: usize,
}

fn key(client: usize, shard: usize) -> usize {
    shard * 1000 + client + 1
}

impl Game {
    fn goes_on(&self) -> bool {
        self.progress.goes_on()
    }

    fn login(&self, client: usize) -> Option<Wire> {
        for turn in client.. {
            if !self.goes_on() {
                return None;
            }
            if self.is_open[turn % 2].load(Ordering::Relaxed)
                && let Ok(wire) = Wire::login(self.ports[turn % 2].load(Ordering::Relaxed), "app", &[])
            {
                return Some(wire);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn play(&self, client: usize) -> Ledger {
        let mut ledger = Ledger::default();
        let mut number = 0;
        while let Some(mut wire) = self.login(client) {
            wire.set_patience(PATIENCE);
            while self.goes_on() {
                number += 1;
                let shard = rand::random_range(0..3);
                if !self.turn(&mut wire, client, shard, number, &mut ledger) {
                    break;
                }
            }
        }
        ledger
    }

    /// One write and the look at it. `false`: the connection is gone.
    fn turn(&self, wire: &mut Wire, client: usize, shard: usize, number: i64, ledger: &mut Ledger) -> bool {
        let key = key(client, shard);
        let update = format!("UPDATE accounts SET value = {number} WHERE client_id = {key} AND id = 0");
        let insert = format!("INSERT INTO accounts VALUES ({key}, {number}, 0)");
        let statements = match number % 3 {
            0 => vec![update],
            1 => vec!["BEGIN".to_owned(), update, "COMMIT".to_owned()],
            _ => vec![insert],
        };
        let is_update = number % 3 != 2;
        if is_update {
            ledger.entries[shard].perhaps.push(number);
        }
        match run(wire, &statements) {
            Ran::Done(_) => {
                self.writes[shard].fetch_add(1, Ordering::Relaxed);
                let entry = &mut ledger.entries[shard];
                if is_update {
                    (entry.known, entry.perhaps) = (number, Vec::new());
                } else {
                    entry.inserted.push(number);
                }
            }
            Ran::Failed(error) => ledger.errors[shard].push(format!("{statements:?}: {error}")),
            Ran::SentAway => {
                ledger.farewells += 1;
                return false;
            }
            Ran::Broken(error) => panic!("a proxy has left a client without a word: {error}"),
        }
        let rest = if number % TURNS_TO_REST == 0 { REST } else { Duration::ZERO };
        let start = Instant::now();
        loop {
            if !read(wire, key, shard, ledger) {
                return false;
            }
            if start.elapsed() >= rest || !self.goes_on() {
                return true;
            }
        }
    }
}

/// Reads a row and counts those that were inserted: nothing that was confirmed may be missing. `false`: the connection is
/// gone.
fn read(wire: &mut Wire, key: usize, shard: usize, ledger: &mut Ledger) -> bool {
    let ask = format!(
        "SELECT value, (SELECT count(*) FROM accounts b WHERE b.client_id = {key} AND id > 0) FROM accounts a WHERE client_id = {key} AND id = 0"
    );
    match run(wire, &[ask]) {
        Ran::Done(row) => {
            let entry = &mut ledger.entries[shard];
            let (value, count): (i64, usize) = (row[0].parse().unwrap(), row[1].parse().unwrap());
            assert!(
                value == entry.known || entry.perhaps.contains(&value),
                "read {value}, wrote {} {:?}",
                entry.known,
                entry.perhaps
            );
            assert!(count >= entry.inserted.len(), "{count} of {} rows", entry.inserted.len());
            (entry.known, entry.perhaps) = (value, Vec::new());
            ledger.reads += 1;
        }
        Ran::Failed(error) => ledger.errors[shard].push(format!("a read: {error}")),
        Ran::SentAway => {
            ledger.farewells += 1;
            return false;
        }
        Ran::Broken(error) => panic!("a proxy has left a client without a word: {error}"),
    }
    true
}

/// How statements have ended.
enum Ran {
    /// The last row
    Done(Vec<String>),
    Failed(String),
    /// The proxy has said goodbye
    SentAway,
    Broken(String),
}

fn run(wire: &mut Wire, statements: &[String]) -> Ran {
    let mut row = Vec::new();
    for sql in statements {
        let sent = wire.send(&wire::query(sql));
        let mut frames = Vec::new();
        let ended = loop {
            match wire.recv() {
                Ok(frame) if frame.tag == b'Z' => break Ok(()),
                Ok(frame) => frames.push(frame),
                Err(error) => break Err(error),
            }
        };
        let fault = wire::answers(&frames).into_iter().find_map(|answer| answer.error);
        match (ended, fault) {
            (Err(_), Some((state, _))) if state == "57P01" => return Ran::SentAway,
            (Err(error), fault) => return Ran::Broken(format!("{error} {fault:?} {sent:?}")),
            (Ok(()), Some((state, message))) => {
                if statements.len() > 1 {
                    run(wire, &["ROLLBACK".to_owned()]);
                }
                return Ran::Failed(format!("{state} {message}"));
            }
            (Ok(()), None) => {
                let rows = wire::answers(&frames).into_iter().flat_map(|answer| answer.rows);
                if let Some(last) = rows.last() {
                    let text = |field: Option<Vec<u8>>| String::from_utf8(field.unwrap_or_default()).unwrap();
                    row = last.into_iter().map(text).collect();
                }
            }
        }
    }
    Ran::Done(row)
}

fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The map: every server of a shard, in whatever role.
fn toml(trios: &[Trio], pins: &str) -> String {
    let mut toml = "[health]\ninterval = \"200ms\"\nfailures_to_down = 2\nsuccesses_to_up = 1\n\n[monitor]\nuser = \"postgres\"\n\n\
                    [databases.app]\npool_size = 10\nfailover_wait = \"2m\"\n\n"
        .to_owned();
    for (shard, trio) in SHARDS.iter().zip(trios) {
        let urls: Vec<_> =
            trio.servers.iter().map(|server| format!("\"postgres://127.0.0.1:{}/app\"", server.port())).collect();
        toml += &format!(
            "[databases.app.shards.{shard}]\nrole = \"auto\"\nprimary = {}\nreplicas = [{}]\n\n",
            urls[0],
            urls[1..].join(", ")
        );
    }
    toml + &format!(
        "[databases.app.keyspaces.clients]\ntype = \"bigint\"\nmethod = \"range\"\npins = {{ {pins} }}\n\
         ranges = [ {{ to = 1000, shard = \"a\" }}, {{ from = 1000, to = 2000, shard = \"b\" }}, {{ from = 2000, shard = \"c\" }} ]\n\n\
         [databases.app.tables]\naccounts = {{ keyspace = \"clients\", key = \"client_id\" }}\n"
    )
}

/// Everything that is done to the servers and proxies while clients go on.
struct Trouble<'a> {
    game: &'a Game,
    lab: Arc<Lab>,
    trios: Vec<Trio>,
    proxies: [Proxy; 2],
    /// Primaries lost, by shard
    deaths: [usize; 3],
    drained: usize,
    /// Reads that replicas have answered, as told by proxies before they ended
    from_replicas: f64,
    pins: String,
}

impl Trouble<'_> {
    /// Clients get on with every shard.
    fn let_them_play(&self, after: &str) {
        let before: Vec<usize> = self.game.writes.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let start = Instant::now();
        let is_done = |shard: usize| self.game.writes[shard].load(Ordering::Relaxed) >= before[shard] + 20;
        while !(0..3).all(is_done) {
            assert!(start.elapsed() < PATIENCE, "nobody gets on after {after}:\n{}", self.proxies[1].output());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn pause_replay(&self, shard: usize) {
        let trio = &self.trios[shard];
        for replica in trio.replicas() {
            admin(trio.servers[replica].port()).rows("SELECT pg_wal_replay_pause()");
        }
        self.let_them_play("replay was paused");
        for replica in trio.replicas() {
            admin(trio.servers[replica].port()).rows("SELECT pg_wal_replay_resume()");
        }
    }

    /// Another map for both proxies: servers that were replaced, and a key that lives elsewhere now.
    fn reload(&mut self, key: usize) {
        self.pins += &format!("{}{key} = \"c\"", if self.pins.is_empty() { "" } else { ", " });
        for proxy in &self.proxies {
            let count = || metric(proxy, "shardway_reloads_total", &["result=\"ok\""]);
            let before = count();
            let front = Proxy::front(proxy.port, proxy.metrics_port);
            std::fs::write(&proxy.config, front + &toml(&self.trios, &self.pins)).unwrap();
            proxy.signal("HUP");
            await_that("the new map is loaded", || count() > before);
            let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
            wire.rows(&format!("INSERT INTO accounts VALUES ({key}, {}, 0)", proxy.port));
        }
        let port = self.trios[2].primary().port();
        assert_eq!(admin(port).value(&format!("SELECT count(*) FROM accounts WHERE client_id = {key}")), "2");
    }

    /// One proxy ends, its clients go to the other; then there are two again.
    fn drain(&mut self, cycle: usize) {
        let place = self.drained % 2;
        self.game.is_open[place].store(false, Ordering::Relaxed);
        self.from_replicas += metric(&self.proxies[place], "shardway_statements_total", &["role=\"replica\""]);
        self.proxies[place].signal("TERM");
        let proxy = &mut self.proxies[place];
        await_that("the drained proxy ends", || !proxy.is_alive());
        self.drained += 1;
        self.let_them_play("a proxy was drained");
        let name = format!("failover-{place}-{cycle}");
        self.proxies[place] = Proxy::start(&self.lab, &name, &toml(&self.trios, &self.pins)).unwrap();
        self.game.ports[place].store(self.proxies[place].port, Ordering::Relaxed);
        self.game.is_open[place].store(true, Ordering::Relaxed);
    }

    fn cycle(&mut self, number: usize) {
        let [paused, promoted, killed] = [0, 1, 2].map(|step| (step + number + 2) % 3);
        self.pause_replay(paused);
        self.trios[promoted].switch_over();
        self.deaths[promoted] += 1;
        self.let_them_play("a replica was promoted");
        self.trios[killed].kill_primary();
        self.deaths[killed] += 1;
        self.let_them_play("a primary was killed");
        for shard in [promoted, killed] {
            self.trios[shard].replace_the_dead();
        }
        self.reload(500 + number);
        self.let_them_play("the map was changed");
        self.drain(number);
        self.let_them_play("a proxy came back");
    }
}

#[test]
fn nothing_confirmed_is_lost_whoever_is_promoted_or_dies() {
    let seconds = std::env::var("SHARDWAY_FAILOVER_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let lab = Arc::new(Lab::new("failover").unwrap());
    let trios: Vec<Trio> = SHARDS.iter().map(|shard| Trio::start(&lab, shard)).collect();
    let proxies = [0, 1].map(|number| Proxy::start(&lab, &format!("failover-{number}"), &toml(&trios, "")).unwrap());
    let mut wire = Wire::login(proxies[0].port, "app", &[]).unwrap();
    for client in 0..CLIENTS {
        for shard in 0..3 {
            wire.rows(&format!("INSERT INTO accounts VALUES ({}, 0, 0)", key(client, shard)));
        }
    }
    let work = Work::default();
    let game = Game {
        ports: [0, 1].map(|number: usize| AtomicU16::new(proxies[number].port)),
        is_open: [AtomicBool::new(true), AtomicBool::new(true)],
        progress: work.progress(),
        writes: Default::default(),
    };
    let (ledgers, trouble) = thread::scope(|scope| {
        let game = &game;
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || game.play(client))).collect();
        let (deaths, pins) = ([0; 3], String::new());
        let mut trouble =
            Trouble { game, lab: Arc::clone(&lab), trios, proxies, deaths, drained: 0, from_replicas: 0.0, pins };
        trouble.let_them_play("the start");
        let (start, mut number) = (Instant::now(), 0);
        while number == 0 || start.elapsed() < Duration::from_secs(seconds) {
            trouble.cycle(number);
            number += 1;
        }
        drop(work);
        let ledgers: Vec<Ledger> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        assert!(trouble.from_replicas > 0.0, "no read has gone to a replica");
        (ledgers, trouble)
    });
    let count = |of: &dyn Fn(&Ledger) -> usize| ledgers.iter().map(of).sum::<usize>();
    eprintln!(
        "failover: {:?} writes, {} reads, {} of them by replicas, {} errors, primaries lost {:?}, {} proxies drained, {} farewells",
        game.writes,
        count(&|ledger| ledger.reads),
        trouble.from_replicas,
        count(&|ledger| ledger.errors.iter().map(Vec::len).sum()),
        trouble.deaths,
        trouble.drained,
        count(&|ledger| ledger.farewells),
    );
    for (client, ledger) in ledgers.iter().enumerate() {
        assert!(ledger.farewells <= trouble.drained, "sent away {} times", ledger.farewells);
        for (shard, entry) in ledger.entries.iter().enumerate() {
            let errors = &ledger.errors[shard];
            assert!(errors.len() <= trouble.deaths[shard], "more than was in flight on shard {shard}: {errors:#?}");
            let mut primary = admin(trouble.trios[shard].primary().port());
            let key = key(client, shard);
            let value = primary
                .value(&format!("SELECT value FROM accounts WHERE client_id = {key} AND id = 0"))
                .parse()
                .unwrap();
            assert!(
                value == entry.known || entry.perhaps.contains(&value),
                "{value}, told {} {:?}",
                entry.known,
                entry.perhaps
            );
            let rows = primary.rows(&format!("SELECT id FROM accounts WHERE client_id = {key} AND id > 0"));
            let rows: std::collections::HashSet<i64> =
                rows.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect();
            let lost: Vec<_> = entry.inserted.iter().filter(|id| !rows.contains(id)).collect();
            assert!(lost.is_empty(), "confirmed and lost on shard {shard}: {lost:?}");
        }
    }
}
