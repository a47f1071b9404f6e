//! Real drivers do real work over three shards: psycopg2, psycopg 3, asyncpg, pg8000, SQLAlchemy, node-postgres,
//! psql and pgbench. Each script also runs against plain PostgreSQL: it must pass there to mean anything here.
//!
//! Python is `SHARDWAY_PYTHON` or that of `target/drivers-python`, node packages lie in `SHARDWAY_NODE_PATH` or
//! `target/drivers-node`: `make test` installs both. A runtime that is missing is reported loudly, and fails the test when `SHARDWAY_NEED_DRIVERS` is set.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use parking_lot::Mutex;

use crate::support::cluster::{Lab, Proxy, World};
use crate::support::data;

/// Protocol and script; the simple protocol has no pipelines.
const PGBENCH: &[(&str, &str)] = &[
    ("simple", "select"),
    ("simple", "transaction"),
    ("extended", "select"),
    ("extended", "transaction"),
    ("extended", "pipeline"),
    ("prepared", "select"),
    ("prepared", "transaction"),
    ("prepared", "pipeline"),
];

struct Stage {
    world: World,
    proxy: Proxy,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let world = World::start("plain", false).unwrap();
    data::load(&world);
    world
});

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let world = World::start("drivers", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    Stage { world, proxy }
});

#[test]
fn psycopg2() {
    on_both(|port| python("psycopg2_script.py", port));
}

#[test]
fn psycopg3() {
    on_both(|port| python("psycopg3_script.py", port));
}

#[test]
fn psycopg2_transfers_between_shards() {
    on_both(|port| python("psycopg2_transfers.py", port));
}

#[test]
fn psycopg3_transfers_between_shards() {
    on_both(|port| python("psycopg3_transfers.py", port));
}

#[test]
fn asyncpg_transfers_between_shards() {
    on_both(|port| python("asyncpg_transfers.py", port));
}

#[test]
fn node_postgres_transfers_between_shards() {
    on_both(|port| node("node_transfers.js", port));
}

#[test]
fn asyncpg() {
    on_both(|port| python("asyncpg_script.py", port));
}

#[test]
fn pg8000() {
    on_both(|port| python("pg8000_script.py", port));
}

#[test]
fn sqlalchemy() {
    on_both(|port| python("sqlalchemy_script.py", port));
}

/// The console has no counterpart in a plain PostgreSQL.
#[test]
fn console() {
    let members = format!("[console]\nadmin = [\"app\"]\n\n{}", data::map_toml(&STAGE.world));
    let proxy = Proxy::start(&STAGE.world.lab, "console", &members).unwrap();
    let python = installed("SHARDWAY_PYTHON", "drivers-python/bin/python");
    if !python.exists() {
        return skipped();
    }
    let mut script = Command::new(python);
    let said = run_in(script.arg(folder().join("console_script.py")), proxy.port, "shardway");
    said.unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn node_postgres() {
    on_both(|port| node("node_postgres.js", port));
}

#[test]
fn psql() {
    on_both(|port| {
        let mut psql = programs().program("psql");
        psql.args(["-X", "-f"]).arg(folder().join("psql.sql"));
        Some(run(&mut psql, port))
    });
}

#[test]
fn pgbench() {
    on_both(|port| {
        for (mode, script) in PGBENCH {
            let mut pgbench = programs().program("pgbench");
            // As many threads as clients: pgbench prepares with a blocking call, which must not hold up another
            // client of its thread that has the server.
            pgbench.args(["-n", "-M", mode, "-c", "8", "-j", "8", "-t", "50", "-f"]);
            pgbench.arg(folder().join(format!("pgbench/{script}.sql")));
            match run(&mut pgbench, port) {
                Ok(said) if said.contains("400/400") => (),
                Ok(said) | Err(said) => return Some(Err(format!("{mode} {script}: {said}"))),
            }
        }
        Some(Ok(String::new()))
    });
}

/// Where programs of PostgreSQL are found, and as whom they run.
fn programs() -> &'static Lab {
    &WORLD.lab
}

/// `work` gets a port; its answer is what the script said, or why it failed; `None` when the runtime is missing.
fn on_both(work: impl Fn(u16) -> Option<Result<String, String>>) {
    // One at a time: they count rows that the others add and remove.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    match work(WORLD.oracle.port()) {
        None => return skipped(),
        Some(plain) => drop(plain.unwrap_or_else(|why| panic!("on plain PostgreSQL, so the script is wrong:\n{why}"))),
    }
    let proxied = work(STAGE.proxy.port).expect("it was there a moment ago");
    assert!(STAGE.world.shards.iter().all(|shard| shard.pid().is_some()));
    proxied.unwrap_or_else(|why| panic!("through the proxy:\n{why}"));
}

fn skipped() {
    let words = "SKIPPED: this driver's runtime is not installed (see the Makefile's test target)";
    assert!(std::env::var_os("SHARDWAY_NEED_DRIVERS").is_none(), "{words}");
    eprintln!("\n*** {words} ***\n");
}

fn python(script: &str, port: u16) -> Option<Result<String, String>> {
    let python = installed("SHARDWAY_PYTHON", "drivers-python/bin/python");
    python.exists().then(|| run(Command::new(python).arg(folder().join(script)), port))
}

fn node(script: &str, port: u16) -> Option<Result<String, String>> {
    let packages = installed("SHARDWAY_NODE_PATH", "drivers-node/node_modules");
    let mut node = Command::new("node");
    node.arg(folder().join(script)).env("NODE_PATH", &packages);
    packages.join("pg").exists().then(|| run(&mut node, port))
}

fn run(command: &mut Command, port: u16) -> Result<String, String> {
    run_in(command, port, "app")
}

fn run_in(command: &mut Command, port: u16, database: &str) -> Result<String, String> {
    let output = command
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", port.to_string())
        .envs([("PGUSER", "app"), ("PGPASSWORD", "secret"), ("PGDATABASE", database)])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drivers")
}

/// Where `make test` put it, or where the environment says it is.
fn installed(variable: &str, place: &str) -> PathBuf {
    // CARGO_TARGET_TMPDIR is target/tmp.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp has a parent");
    std::env::var_os(variable).map_or_else(|| target.join(place), PathBuf::from)
}
