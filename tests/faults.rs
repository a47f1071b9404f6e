//! Things die: a shard, a replica, a client, server connections. The others go on, only the dead shard's statements
//! fail, and say its name; pools recover by themselves.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::cluster::{Proxy, SHARDS, World};
use crate::support::data::{self, admin};
use crate::support::wire::{self, Answer, Wire};
use crate::support::work::Work;

const PATIENCE: Duration = Duration::from_secs(30);

/// In place of an SQLSTATE: the connection is gone.
const BROKEN: &str = "broken";

struct Stage {
    world: World,
    proxy: Proxy,
    /// A client of each shard
    clients: Vec<i64>,
}

impl Stage {
    /// Probes have the time that a machine needs where many tests run.
    fn start(name: &str, with_replicas: bool) -> Self {
        Self::start_with(name, with_replicas, "5s")
    }

    fn start_with(name: &str, with_replicas: bool, probe_timeout: &str) -> Self {
        let world = World::start(name, with_replicas).unwrap();
        data::load(&world);
        let mut oracle = admin(world.oracle.port());
        let clients = SHARDS
            .iter()
            .map(|shard| {
                oracle.value(&format!(
                    "SELECT min(c) FROM generate_series(1::bigint, 40) c WHERE placement.shard_of(c) = '{shard}'"
                ))
            })
            .map(|client| client.parse().unwrap())
            .collect();
        let health = format!(
            "[health]\ninterval = \"200ms\"\ntimeout = \"{probe_timeout}\"\nfailures_to_down = 2\nsuccesses_to_up = 1\n\n"
        );
        let proxy = Proxy::start(&world.lab, "proxy", &(health + &data::map_toml(&world))).unwrap();
        Self { world, proxy, clients }
    }

    fn login(&self) -> Wire {
        Wire::login(self.proxy.port, "app", &[]).unwrap()
    }

    /// Asks a shard's client until the answer is right; how long that took.
    fn until_served(&self, shard: usize) -> Duration {
        let start = Instant::now();
        let mut wire = self.login();
        while read(&mut wire, self.clients[shard]).error.is_some() {
            assert!(start.elapsed() < PATIENCE, "shard {} does not come back:\n{}", SHARDS[shard], self.proxy.output());
            thread::sleep(Duration::from_millis(20));
        }
        start.elapsed()
    }
}

/// A client that asks its shard again and again in the background, as long as its connection lives; every error is
/// kept.
struct Busy {
    work: Work,
    thread: JoinHandle<(usize, Vec<String>)>,
}

impl Busy {
    fn start(stage: &Stage, shard: usize) -> Self {
        let work = Work::default();
        let (progress, client, mut wire) = (work.progress(), stage.clients[shard], stage.login());
        let thread = thread::spawn(move || {
            let (mut served, mut errors) = (0, Vec::new());
            while progress.goes_on() {
                match read(&mut wire, client).error {
                    None => served += 1,
                    Some((state, message)) => {
                        errors.push(format!("{state} {message}"));
                        if state == BROKEN {
                            break;
                        }
                    }
                }
            }
            (served, errors)
        });
        Self { work, thread }
    }

    /// Ends it: answers and errors.
    fn stop(self) -> (usize, Vec<String>) {
        drop(self.work);
        self.thread.join().unwrap()
    }
}

#[test]
fn a_killed_shard_fails_only_its_own_statements_and_comes_back() {
    let mut stage = Stage::start("fault-shard", false);
    let others = [Busy::start(&stage, 1), Busy::start(&stage, 2)];
    let mut victim = stage.login();
    assert!(read(&mut victim, stage.clients[0]).error.is_none());

    stage.world.shards[0].kill().unwrap();
    for _ in 0..5 {
        let start = Instant::now();
        let (state, message) = read(&mut victim, stage.clients[0]).error.expect("the shard is dead");
        assert!(["08006", "08001", "57P01", "57P02", "57P03"].contains(&state.as_str()), "{state} {message}");
        assert!(message.contains("\"a\"") || message.contains("shard a"), "the dead shard has a name: {message}");
        assert!(start.elapsed() < Duration::from_secs(3), "an answer at once, not after {:?}", start.elapsed());
        assert!(read(&mut victim, stage.clients[1]).error.is_none(), "the session goes on with other shards");
    }
    stage.world.shards[0].restart().unwrap();
    stage.until_served(0);
    assert!(read(&mut victim, stage.clients[0]).error.is_none(), "the same session is served again");
    for other in others {
        let (served, errors) = other.stop();
        assert!(errors.is_empty(), "{errors:?}");
        assert!(served > 10, "{served}");
    }
}

#[test]
fn a_shard_that_dies_in_a_transaction_undoes_it_and_frees_the_session() {
    let mut stage = Stage::start("fault-tx", false);
    let client = stage.clients[0];
    let mut wire = stage.login();
    wire.rows("BEGIN");
    wire.rows(&format!("UPDATE events SET kind = 'lost' WHERE client_id = {client}"));
    stage.world.shards[0].kill().unwrap();
    let answers = wire.simple(&format!("SELECT count(*) FROM events WHERE client_id = {client}"));
    // Either the session ends, or it stands in a failed transaction.
    if let Ok(frames) = answers {
        assert!(wire::answers(&frames)[0].error.is_some());
        let frames = wire.simple("COMMIT").unwrap();
        assert_ne!(wire::answers(&frames)[0].tag, "COMMIT", "nothing was committed");
        assert_eq!(read(&mut wire, stage.clients[1]).error, None);
    }
    stage.world.shards[0].restart().unwrap();
    stage.until_served(0);
    assert_eq!(
        stage.login().value(&format!("SELECT count(*) FROM events WHERE client_id = {client} AND kind = 'lost'")),
        "0"
    );
}

#[test]
fn a_killed_replica_is_not_missed() {
    let mut stage = Stage::start("fault-replica", true);
    let busy: Vec<Busy> = (0..3).map(|shard| Busy::start(&stage, shard)).collect();
    stage.until_served(0);
    for replica in &mut stage.world.replicas {
        replica.kill().unwrap();
    }
    let mut fresh = stage.login();
    let deadline = Instant::now() + PATIENCE;
    let mut in_a_row = 0;
    while in_a_row < 50 {
        in_a_row = if read(&mut fresh, stage.clients[in_a_row % 3]).error.is_none() { in_a_row + 1 } else { 0 };
        assert!(Instant::now() < deadline, "reads do not return to the primaries:\n{}", stage.proxy.output());
    }
    for (shard, one) in busy.into_iter().enumerate() {
        let (served, errors) = one.stop();
        assert!(served > 10, "{served}");
        // What was running on the replica at that moment may be lost, nothing after.
        assert!(errors.len() <= 5, "shard {}: {} errors, {:?}", SHARDS[shard], errors.len(), errors.first());
    }
    for replica in &mut stage.world.replicas {
        replica.restart().unwrap();
    }
    stage.until_served(0);
}

#[test]
fn a_server_with_no_time_for_probes_is_not_down_while_it_answers() {
    let stage = Stage::start_with("fault-busy", false, "2s");
    stage.until_served(0);
    let mut wire = stage.login();
    // Nobody can log in, and who is in goes on.
    let mut lock = admin(stage.world.shards[0].port());
    lock.rows("BEGIN; LOCK pg_catalog.pg_authid IN ACCESS EXCLUSIVE MODE");
    let before = stage.proxy.output().len();
    let said = |text: &str| stage.proxy.output()[before..].contains(&format!("{text} server=app/a/primary"));
    lock.rows("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE '%pg_control_system%' AND pid <> pg_backend_pid()");
    // Twice the time that makes a silent server one that is down.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(9) || !said("missed a probe") {
        assert!(start.elapsed() < PATIENCE, "no probe is missed:\n{}", stage.proxy.output());
        assert_eq!(read(&mut wire, stage.clients[0]).error, None);
    }
    assert!(!said("server is down"), "{}", stage.proxy.output());
    while !said("server is down") {
        assert!(start.elapsed() < PATIENCE, "a silent server stays up:\n{}", stage.proxy.output());
        thread::sleep(Duration::from_millis(50));
    }
    lock.rows("ROLLBACK");
    stage.until_served(0);
}

#[test]
fn clients_that_die_leave_nothing_on_the_servers() {
    let stage = Stage::start("fault-client", false);
    let other = Busy::start(&stage, 1);
    for client in &stage.clients {
        let mut in_query = stage.login();
        in_query
            .send(&wire::query(&format!("SELECT pg_sleep(2) FROM events WHERE client_id = {client} AND id = 1")))
            .unwrap();
        let mut in_transaction = stage.login();
        in_transaction.rows("BEGIN");
        in_transaction.rows(&format!("UPDATE events SET kind = 'dead' WHERE client_id = {client}"));
        let mut in_copy = stage.login();
        in_copy.send(&wire::query("COPY events (client_id, id, kind) FROM STDIN")).unwrap();
        in_copy.until(b"G").unwrap();
        in_copy.send(&wire::message(b'd', format!("{client}\t5001\thalf\n").as_bytes())).unwrap();
        let mut reading = stage.login();
        reading.send(&wire::query("SELECT repeat('x', 1000) FROM generate_series(1, 200000)")).unwrap();
        reading.recv().unwrap();
    }
    let deadline = Instant::now() + PATIENCE;
    for (shard, server) in stage.world.shards.iter().enumerate() {
        let mut direct = admin(server.port());
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state <> 'idle'";
        while shard != 1 && direct.value(busy) != "0" {
            assert!(
                Instant::now() < deadline,
                "shard {}: {:?}",
                SHARDS[shard],
                direct.rows("SELECT state, query FROM pg_stat_activity WHERE usename = 'app'")
            );
            thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(direct.value("SELECT count(*) FROM events WHERE kind IN ('dead', 'half')"), "0");
        let mut wire = stage.login();
        assert_eq!(read(&mut wire, stage.clients[shard]).error, None);
    }
    let (served, errors) = other.stop();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(served > 10);
}

#[test]
fn server_connections_that_were_cut_while_idle_are_replaced_unseen() {
    let stage = Stage::start("fault-idle", false);
    let mut wire = stage.login();
    let mut errors = Vec::new();
    for _ in 0..5 {
        for (shard, server) in stage.world.shards.iter().enumerate() {
            assert_eq!(read(&mut wire, stage.clients[shard]).error, None);
            let mut direct = admin(server.port());
            direct.rows("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'");
            errors.extend(read(&mut wire, stage.clients[shard]).error);
        }
    }
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn the_proxy_ends_when_told_to_and_finishes_what_is_open() {
    let mut stage = Stage::start("fault-term", false);
    let client = stage.clients[0];
    let mut open = stage.login();
    open.rows("BEGIN");
    open.rows(&format!("UPDATE events SET kind = 'kept' WHERE client_id = {client} AND id = 1"));
    let pid = stage.proxy.pid().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    open.rows(&format!("UPDATE events SET kind = 'kept' WHERE client_id = {client} AND id = 2"));
    open.rows("COMMIT");
    drop(open);
    let deadline = Instant::now() + PATIENCE;
    while stage.proxy.is_alive() {
        assert!(Instant::now() < deadline, "the proxy does not end:\n{}", stage.proxy.output());
        thread::sleep(Duration::from_millis(20));
    }
    let mut direct = admin(stage.world.shards[0].port());
    assert_eq!(direct.value(&format!("SELECT count(*) FROM events WHERE client_id = {client} AND kind = 'kept'")), "2");
}

/// Six events has every client of the tests. A broken connection counts as an error too.
fn read(wire: &mut Wire, client: i64) -> Answer {
    match wire.simple(&format!("SELECT count(*) FROM events WHERE client_id = {client}")) {
        Ok(frames) => wire::answers(&frames).into_iter().next().unwrap_or_default(),
        Err(error) => Answer { error: Some((BROKEN.to_owned(), error.to_string())), ..Answer::default() },
    }
}
