//! The servers of the demonstration, and the proxy in front of them.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};

use super::lab::{Lab, run};
use super::postgres::{Auth, Server, free_port, is_ready, is_up};
use super::progress::Progress;
use super::schema;

const SHARDS: [&str; 3] = ["a", "b", "c"];
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Three shards, their replicas, and the proxy. Ends with its value.
#[derive(Debug)]
pub struct Fleet {
    lab: Arc<Lab>,
    primaries: Vec<Server>,
    replicas: Vec<Server>,
    proxy: Child,
    port: u16,
    /// Where the metrics are
    pub metrics_port: u16,
    /// The map
    pub config: PathBuf,
}

/// A server as the table names it.
#[derive(Debug)]
pub struct Place {
    /// Shard
    pub shard: String,
    /// `primary` or `replica`
    pub role: &'static str,
    /// TCP port, by which a server is recognised
    pub port: u16,
}

impl Fleet {
    /// Starts all of it. Takes a few seconds; blocks.
    pub fn start(lab: &Arc<Lab>) -> anyhow::Result<Self> {
        let mut progress = Progress::new("PostgreSQL", 3);
        progress.set(0, "initdb");
        let primaries = in_parallel(&SHARDS, |shard| start_primary(lab, shard))?;
        progress.set(1, "three primaries");
        let replicas = in_parallel(&primaries.iter().collect::<Vec<_>>(), |primary| {
            Server::replica_of(primary, &format!("{}_replica", primary.name()))
        })?;
        progress.set(2, "three replicas");
        let (port, metrics_port) = (free_port()?, free_port()?);
        let config = lab.folder().join("shardway.toml");
        fs::write(&config, settings(port, metrics_port, &primaries, &replicas))?;
        let proxy = start_proxy(lab, &config, port, metrics_port)?;
        progress.finish("three shards, a replica each, and the proxy");
        Ok(Self { lab: Arc::clone(lab), primaries, replicas, proxy, port, metrics_port, config })
    }

    /// The connection string an application would use.
    pub fn url(&self) -> String {
        format!("postgres://app:secret@127.0.0.1:{}/app", self.port)
    }

    /// How to call `psql`: by its name where that is enough.
    pub fn psql(&self) -> String {
        let is_on_path = Command::new("psql").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match is_on_path {
            Ok(status) if status.success() => "psql".to_owned(),
            Ok(_) | Err(_) => self.lab.binary("psql").display().to_string(),
        }
    }

    /// All servers, shard by shard.
    pub fn places(&self) -> Vec<Place> {
        let place =
            |server: &Server, index: usize, role| Place { shard: SHARDS[index].to_owned(), role, port: server.port() };
        let pairs = self.primaries.iter().zip(&self.replicas).enumerate();
        pairs
            .flat_map(|(index, (first, second))| [place(first, index, "primary"), place(second, index, "replica")])
            .collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Whatever is still alive after this, the reaper ends.
        self.proxy.kill().ok();
        self.proxy.wait().ok();
        self.lab.release("proxy");
    }
}

fn start_primary(lab: &Arc<Lab>, shard: &str) -> anyhow::Result<Server> {
    let server = Server::start(lab, &format!("shard_{shard}"), Auth::Scram, &[])?;
    let mut psql = lab.program("psql");
    psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", schema::TABLES, &server.url("postgres")]);
    run(&mut psql)?;
    Ok(server)
}

fn settings(port: u16, metrics_port: u16, primaries: &[Server], replicas: &[Server]) -> String {
    let mut text = format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\nmetrics = \"127.0.0.1:{metrics_port}\"\n\n\
         [[users]]\nname = \"app\"\npassword = \"secret\"\n\n[databases.app]\npool_size = 20\n"
    );
    for (index, shard) in SHARDS.iter().enumerate() {
        text += &format!(
            "\n[databases.app.shards.{shard}]\nprimary  = \"postgres://127.0.0.1:{}/app\"\nreplicas = [\"postgres://127.0.0.1:{}/app\"]\n",
            primaries[index].port(),
            replicas[index].port()
        );
    }
    text + schema::MAP
}

/// The proxy as a user would run it: the same program, with `run`.
fn start_proxy(lab: &Lab, config: &PathBuf, port: u16, metrics_port: u16) -> anyhow::Result<Child> {
    let log = lab.folder().join("proxy.log");
    let sink = fs::File::create(&log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--allow-root", "-c"]).arg(config).stdin(Stdio::null()).stdout(sink.try_clone()?).stderr(sink);
    // Ctrl-C reaches us; the proxy ends when we say so.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().context("cannot start the proxy")?;
    lab.adopt("proxy", child.id())?;
    let deadline = Instant::now() + START_TIMEOUT;
    while !(is_up(port) && is_ready(metrics_port)) {
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            child.kill().ok();
            bail!("the proxy does not start:\n{}", fs::read_to_string(&log)?);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}

fn in_parallel<Item: Sync, Made: Send>(
    items: &[Item],
    make: impl Fn(&Item) -> anyhow::Result<Made> + Sync,
) -> anyhow::Result<Vec<Made>> {
    thread::scope(|scope| {
        let make = &make;
        let threads: Vec<_> = items.iter().map(|item| scope.spawn(move || make(item))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("starting a server panicked"))?).collect()
    })
}
