//! Servers, shards and the proxy for tests: everything lives in one temporary folder and dies with the test process.
//!
//! `world()` is shared by all tests of the process: one plain PostgreSQL, the `oracle`, and three shards. A test
//! that kills servers makes a `World` of its own.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Once};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use shardway::app::demo::postgres::{is_ready, is_up};

pub use shardway::app::demo::lab::Lab;
pub use shardway::app::demo::postgres::{Auth, Server, free_port};

/// The names of the shards, in order.
pub const SHARDS: [&str; 3] = ["a", "b", "c"];

/// An oracle, three shards, and replicas where asked for.
pub struct World {
    pub lab: Arc<Lab>,
    pub oracle: Server,
    pub shards: Vec<Server>,
    pub replicas: Vec<Server>,
}

impl World {
    /// Starts everything. `with_replicas`: one streaming replica a shard.
    pub fn start(name: &str, with_replicas: bool) -> anyhow::Result<Self> {
        let lab = Arc::new(Lab::new(name)?);
        let oracle = Server::start(&lab, "oracle", Auth::Scram, &[])?;
        let shards = SHARDS
            .iter()
            .map(|shard| Server::start(&lab, &format!("shard_{shard}"), Auth::Scram, &[]))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let replicas = match with_replicas {
            true => {
                shards.iter().map(|shard| Server::replica_of(shard, &format!("{}_replica", shard.name()))).collect()
            }
            false => Ok(Vec::new()),
        }?;
        Ok(Self { lab, oracle, shards, replicas })
    }

    /// `[databases.app.shards.*]` for all shards, with replicas where there are any.
    pub fn shards_toml(&self) -> String {
        let address = |server: &Server| format!("\"postgres://127.0.0.1:{}/app\"", server.port());
        let mut toml = String::new();
        for (index, shard) in self.shards.iter().enumerate() {
            toml += &format!("[databases.app.shards.{}]\nprimary = {}\n", SHARDS[index], address(shard));
            if let Some(replica) = self.replicas.get(index) {
                toml += &format!("replicas = [{}]\n", address(replica));
            }
        }
        toml
    }
}

/// The servers that all tests of this process share. Its lab's reaper cleans up when the process ends.
pub fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(|| World::start("tests", false).expect("real PostgreSQL servers"));
    &WORLD
}

/// The proxy, as its users start it: `shardway run -c FILE`.
pub struct Proxy {
    lab: Arc<Lab>,
    name: String,
    child: Child,
    /// Where clients connect
    pub port: u16,
    /// Where Prometheus asks
    pub metrics_port: u16,
    /// The configuration file
    pub config: PathBuf,
    /// What it wrote to stdout and stderr
    pub log: PathBuf,
}

impl Proxy {
    /// Starts the proxy with this configuration; `[listen]` and `[[users]]` (app, postgres: `secret`) are put in front.
    pub fn start(lab: &Arc<Lab>, name: &str, toml: &str) -> anyhow::Result<Self> {
        Self::start_with(lab, name, |port, metrics_port| Self::front(port, metrics_port) + toml)
    }

    /// The same; it dies at a named step of a commit over several shards.
    pub fn start_to_crash(lab: &Arc<Lab>, name: &str, toml: &str, step: &str) -> anyhow::Result<Self> {
        Self::spawn_to_crash(lab, name, toml, step)?.once_up()
    }

    /// The same, not waited for: it may be gone before it is up.
    pub fn spawn_to_crash(lab: &Arc<Lab>, name: &str, toml: &str, step: &str) -> anyhow::Result<Self> {
        let front = |port, metrics_port| Self::front(port, metrics_port) + toml;
        Self::spawn(lab, name, front, &[("SHARDWAY_CRASH_AT", step)], program())
    }

    /// The same; it stands still at the step until it is sent CONT.
    pub fn start_to_stop(lab: &Arc<Lab>, name: &str, toml: &str, step: &str) -> anyhow::Result<Self> {
        let front = |port, metrics_port| Self::front(port, metrics_port) + toml;
        Self::spawn(lab, name, front, &[("SHARDWAY_STOP_AT", step)], program())?.once_up()
    }

    /// Starts the proxy with what this makes of the ports for clients and for metrics.
    pub fn start_with(lab: &Arc<Lab>, name: &str, toml: impl FnOnce(u16, u16) -> String) -> anyhow::Result<Self> {
        Self::spawn(lab, name, toml, &[], program())?.once_up()
    }

    /// The same, with variables in its environment.
    pub fn start_with_variables(
        lab: &Arc<Lab>,
        name: &str,
        toml: impl FnOnce(u16, u16) -> String,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::spawn(lab, name, toml, variables, program())?.once_up()
    }

    /// The same, with a file of its own in place of `/etc/hosts`. `None`: this machine does not let us.
    pub fn start_with_hosts(lab: &Arc<Lab>, name: &str, toml: &str, hosts: &Path) -> anyhow::Result<Option<Self>> {
        let may = |flags: &&&str| {
            let tried = Command::new("unshare").args([flags, "mount", "--bind", "/dev/null", "/etc/hosts"]).output();
            tried.is_ok_and(|output| output.status.success())
        };
        let Some(flags) = ["-m", "-rm"].iter().find(may) else { return Ok(None) };
        let mut command = Command::new("unshare");
        let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
        command.args([flags, "sh", "-c", script]).arg(hosts).arg(env!("CARGO_BIN_EXE_shardway"));
        let front = |port, metrics_port| Self::front(port, metrics_port) + toml;
        Self::spawn(lab, name, front, &[], command)?.once_up().map(Some)
    }

    fn spawn(
        lab: &Arc<Lab>,
        name: &str,
        toml: impl FnOnce(u16, u16) -> String,
        variables: &[(&str, &str)],
        mut command: Command,
    ) -> anyhow::Result<Self> {
        tell_failures_at_once();
        let (port, mut metrics_port) = (free_port()?, free_port()?);
        // A port that was free and given back may be the next free one again.
        while metrics_port == port {
            metrics_port = free_port()?;
        }
        // Two tests that run at once may call theirs the same.
        let name = format!("{name}-{port}");
        let config = lab.folder().join(format!("{name}.toml"));
        fs::write(&config, toml(port, metrics_port))?;
        let log = lab.folder().join(format!("{name}.log"));
        let sink = fs::File::create(&log)?;
        let child = command
            .args(["run", "--allow-root", "-c"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(sink.try_clone()?)
            .stderr(sink)
            .process_group(0)
            .envs(variables.iter().copied())
            .spawn()
            .context("cannot start the proxy")?;
        lab.adopt(&name, child.id())?;
        Ok(Self { lab: Arc::clone(lab), name, child, port, metrics_port, config, log })
    }

    /// `[listen]` and `[[users]]` of every configuration.
    pub fn front(port: u16, metrics_port: u16) -> String {
        format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\nmetrics = \"127.0.0.1:{metrics_port}\"\n\n\
             [[users]]\nname = \"app\"\npassword = \"secret\"\n\n[[users]]\nname = \"postgres\"\npassword = \"secret\"\n\n"
        )
    }

    /// Connection string for tokio-postgres and psql.
    pub fn url(&self, user: &str) -> String {
        format!("postgres://{user}:secret@127.0.0.1:{}/app", self.port)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Is the process still there?
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Does it stand still (SIGSTOP)?
    pub fn is_stopped(&self) -> bool {
        let said = Command::new("ps").args(["-o", "state=", "-p", &self.pid().to_string()]).output();
        said.is_ok_and(|output| output.stdout.starts_with(b"T"))
    }

    /// Its exit code, once it has ended by itself.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().ok().flatten().and_then(|status| status.code())
    }

    /// Sends it a signal: `HUP`, `TERM`, …
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send {name}");
    }

    /// Resident memory, where /proc tells it.
    pub fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().trim_end_matches(" kB").parse().ok())
    }

    /// Everything it wrote so far.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// This proxy, taking clients and ready.
    fn once_up(mut self) -> anyhow::Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(30);
        // It may take logins with TLS only: a connection is enough.
        while !(TcpStream::connect(("127.0.0.1", self.port)).is_ok() && is_ready(self.metrics_port)) {
            if !self.is_alive() || Instant::now() > deadline {
                bail!("the proxy does not start; it said:\n{}", self.output());
            }
            std::thread::sleep(Duration::from_millis(15));
        }
        Ok(self)
    }
}

/// Writes why a test fails as soon as it does, not only at the end, which a run that is cut off never comes to.
fn tell_failures_at_once() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            // Past the test runner, which keeps what the macros print.
            writeln!(std::io::stderr(), "--- {} ---\n{panic}", thread.name().unwrap_or("a thread of a test")).ok();
            usual(panic);
        }));
    });
}

/// The binary as it is.
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_shardway"))
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        self.lab.release(&self.name);
        if std::thread::panicking() {
            eprintln!("--- log of the proxy {} ---\n{}", self.name, self.output());
        }
    }
}

#[test]
fn servers_start_replicate_die_restart_and_leave_nothing() {
    let lab = Arc::new(Lab::new("cluster").unwrap());
    let folder = lab.folder().to_owned();
    let mut primary = Server::start(&lab, "primary", Auth::Scram, &[("work_mem", "5MB")]).unwrap();
    let replica = Server::replica_of(&primary, "replica").unwrap();
    assert_eq!(psql(&primary, "SHOW work_mem"), "5MB");
    assert_eq!(psql(&replica, "SELECT pg_is_in_recovery()"), "t");
    psql(&primary, "CREATE TABLE kept AS SELECT 1 AS one");
    primary.kill().unwrap();
    assert!(!is_up(primary.port()));
    primary.restart().unwrap();
    assert_eq!(psql(&primary, "SELECT one FROM kept"), "1");
    let ports = [primary.port(), replica.port()];
    drop((primary, replica));
    assert!(!ports.into_iter().any(is_up));
    drop(lab);
    assert!(!folder.exists());
}

/// Runs SQL as the superuser with psql; unaligned, tuples only.
pub fn psql(server: &Server, sql: &str) -> String {
    let mut command = server.lab().program("psql");
    command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, &server.url("postgres")]);
    shardway::app::demo::lab::run(&mut command).unwrap().trim_end().to_owned()
}
