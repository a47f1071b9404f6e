//! The whole proxy in operation: the real binary before real servers, as its operators and users see it.

use std::fs;
use std::io;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::support::cluster::{Proxy, SHARDS, World};
use crate::support::data::{self, admin};
use crate::support::wire::{self, Wire};

/// Who comes in: passwords, TLS, limits, startup parameters.
mod login;
/// Connections to servers: logins, TLS, sizes, queues, ages.
mod servers;
/// HUP, TERM, INT.
mod signals;
/// How a proxy ends, and another takes its place.
mod leaving;
/// What happens when a limit is reached.
mod limits;
/// Statements that are cancelled while they wait.
mod cancels;
/// Clients that say goodbye while a statement runs.
mod goodbyes;
/// Who may log in, as servers, lists, rules and certificates say.
mod auth;
/// Statements that keep a server with their client.
mod pins;
/// LISTEN by a connection for all.
mod listen;
/// Several proxies behind one address.
mod peers;
/// Which reads go to replicas.
mod replicas;
mod resharded;
/// Which of several replicas is chosen.
mod choice;
/// Names of servers that come to stand for other addresses.
mod names;
/// Servers that change their roles.
mod takeover;
/// Timelines outlive reloads and restarts.
mod remembered;
/// Counters that say what happened; logs that say no secrets.
mod figures;
/// The status page in a browser.
mod page;
/// What a session may rely on while servers change under it.
mod sessions;
/// Sessions by their number.
mod processes;
/// Memory of idle clients.
mod memory;
/// Sorted rows of several shards.
mod merge;
/// Statements over several shards, when something is in their way.
mod across;
/// The administration console.
mod console;
/// Statements that concern every shard as a whole.
mod everywhere;
/// Statements that run while the schema changes.
mod beside;
/// Functions that run although nobody calls them.
mod unasked;
/// New tables that the session places.
mod placed;
/// Databases that the map does not name.
mod found;
/// What `pg_dump` writes, run through the proxy.
mod dumps;
/// PostgreSQL's own programs.
mod tools;
mod types;

const PATIENCE: Duration = Duration::from_secs(20);

/// Servers shared by all tests of this part; each test starts a proxy of its own, with users of its own where it counts
/// connections.
struct Stage {
    world: World,
    /// A client of each shard
    clients: Vec<i64>,
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage::new(World::start("operations", false).unwrap()));

/// What a proxy is started with, apart from the map.
#[derive(Default)]
struct Settings<'a> {
    /// Lines for `[listen]`
    listen: &'a str,
    /// Lines for `[databases.app]`
    database: &'a str,
    /// Further sections
    more: &'a str,
}

impl Stage {
    fn new(world: World) -> Self {
        data::load(&world);
        let mut oracle = admin(world.oracle.port());
        let client_of = |shard: &&str| {
            let sql = "SELECT min(c) FROM generate_series(1::bigint, 40) c WHERE placement.shard_of(c) = ";
            oracle.value(&format!("{sql}'{shard}'")).parse().unwrap()
        };
        let clients = SHARDS.iter().map(client_of).collect();
        Self { world, clients }
    }

    /// A role of this name on all shards that may do what `app` may.
    fn role(&self, name: &str) {
        for server in &self.world.shards {
            admin(server.port()).rows(&format!("CREATE ROLE {name} LOGIN PASSWORD 'secret' IN ROLE app"));
        }
    }

    fn proxy(&self, name: &str, settings: &Settings<'_>) -> Proxy {
        let start = |port, metrics| self.toml(port, metrics, settings);
        Proxy::start_with(&self.world.lab, name, start).unwrap()
    }

    fn toml(&self, port: u16, metrics_port: u16, settings: &Settings<'_>) -> String {
        let front = Proxy::front(port, metrics_port);
        let front = front.replacen("[listen]\n", &format!("[listen]\n{}\n", settings.listen), 1);
        let map = data::map_toml(&self.world);
        let map = match settings.database {
            "" => map,
            lines => map.replacen("pool_size = 10", lines, 1),
        };
        format!("{front}{}\n{map}", settings.more)
    }
}

/// A login; the error is what the client hears.
fn enter(port: u16, user: &str, options: &[(&str, &str)]) -> io::Result<Wire> {
    let mut wire = Wire::connect(port)?;
    let mut all = vec![("user", user)];
    if !options.iter().any(|(name, _)| *name == "database") {
        all.push(("database", "app"));
    }
    all.extend_from_slice(options);
    wire.send(&wire::startup(196_608, &all))?;
    wire.authenticate()?;
    Ok(wire)
}

fn login(proxy: &Proxy) -> Wire {
    Wire::login(proxy.port, "app", &[]).unwrap()
}

/// SQLSTATE and message of a statement that must fail.
fn failure(wire: &mut Wire, sql: &str) -> (String, String) {
    let frames = wire.simple(sql).unwrap();
    wire::answers(&frames).into_iter().find_map(|answer| answer.error).unwrap_or_else(|| panic!("{sql} succeeded"))
}

/// All fields of the first ErrorResponse, readable.
fn whole_error(frames: &[wire::Frame]) -> String {
    let error = frames.iter().find(|frame| frame.tag == b'E').unwrap_or_else(|| panic!("no error: {frames:?}"));
    String::from_utf8_lossy(&error.body).replace('\0', " | ")
}

/// Asks until it holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to a process.
fn signal(name: &str, pid: &str) {
    assert!(is_sent(name, pid), "kill -{name} {pid}");
}

fn is_sent(name: &str, pid: &str) -> bool {
    Command::new("kill").arg(format!("-{name}")).arg(pid).status().unwrap().success()
}

/// A process that stands still.
struct Stopped(String);

impl Stopped {
    /// `None`: it is gone.
    fn new(pid: &str) -> Option<Self> {
        is_sent("STOP", pid).then(|| Self(pid.to_owned()))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        is_sent("CONT", &self.0);
    }
}

/// GET of a path: status code and body.
fn get(port: u16, path: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The sum of all series of this name that carry all these labels.
pub fn metric(proxy: &Proxy, name: &str, labels: &[&str]) -> f64 {
    let (status, body) = get(proxy.metrics_port, "/metrics");
    assert_eq!(status, 200);
    sum(&body, name, labels)
}

fn sum(body: &str, name: &str, labels: &[&str]) -> f64 {
    let lines = body.lines().filter_map(|line| line.strip_prefix(name));
    let fitting = lines.filter(|rest| rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label)));
    fitting.map(|rest| rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// psql with the password `secret`: whether it succeeded, and what it said.
fn psql(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("psql");
    command.env("PGPASSWORD", "secret").env("LC_ALL", "C").arg("-XqAt").args(arguments);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.trim().to_owned())
}

/// Rewrites the proxy's configuration and has it loaded; `result` is `ok` or `failed`.
fn reload(proxy: &Proxy, change: impl FnOnce(String) -> String, result: &str) {
    let label = format!("result=\"{result}\"");
    let count = |proxy: &Proxy| metric(proxy, "shardway_reloads_total", &[&label]);
    let before = count(proxy);
    let toml = change(fs::read_to_string(&proxy.config).unwrap());
    fs::write(&proxy.config, toml).unwrap();
    proxy.signal("HUP");
    until("the reload is counted", || count(proxy) > before);
}

/// Connections of a role on a server.
fn connections(port: u16, role: &str) -> usize {
    admin(port).value(&format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'")).parse().unwrap()
}
