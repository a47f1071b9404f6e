//! Real drivers do real work over three shards: psycopg2, psycopg 3, asyncpg, pg8000, SQLAlchemy, Django, node-postgres, Sequelize,
//! TypeORM, Knex, postgres.js, pgjdbc, PDO, ActiveRecord, psql and pgbench. Each script also runs against plain PostgreSQL: it must
//! pass there to mean anything here.
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
fn django() {
    let python_path = installed("SHARDWAY_PYTHON", "drivers-python/bin/python");
    let has_django = || {
        let asked = Command::new(&python_path).args(["-c", "import django"]).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    // Its own tables live on one shard.
    let keyspace = "[databases.app.keyspaces.customers]\ntype = \"bigint\"\nmethod = \"hash\"\n\
                    buckets = { a = \"0-85\", b = \"86-170\", c = \"171-255\" }\n\n[databases.app.tables]\n\
                    shop_customer = { keyspace = \"customers\", key = \"id\" }\n\
                    shop_order = { keyspace = \"customers\", key = \"customer_id\" }\nshop_country = \"reference\"\n";
    let map = data::map_toml(&STAGE.world)
        .replacen("[databases.app]\n", "[databases.app]\ndefault_shard = \"b\"\n", 1)
        .replacen("[databases.app.tables]\n", keyspace, 1);
    let proxy = Proxy::start(&STAGE.world.lab, "django", &map).unwrap();
    alike_through(&proxy, 49, |port| has_django().then(|| python("django_script.py", port)).flatten());
}

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
fn sequelize_typeorm_knex_and_postgres_js() {
    alike(37, |port| node("orms.js", port));
}

#[test]
fn pgjdbc() {
    let jar = Path::new("/usr/share/java/postgresql.jar");
    alike(900, |port| {
        let mut java = Command::new("java");
        java.arg("-cp").arg(jar).arg(folder().join("Jdbc.java"));
        (is_there("javac") && jar.exists()).then(|| run(&mut java, port))
    });
}

#[test]
fn pdo() {
    let has_driver =
        || php(&["-r", "exit(extension_loaded('pdo_pgsql') ? 0 : 1);"]).status().is_ok_and(|it| it.success());
    let script = folder().join("pdo.php");
    alike(20, |port| has_driver().then(|| run(php(&[]).arg(&script), port)));
}

#[test]
fn active_record() {
    let has_library = || {
        let mut ruby = Command::new("ruby");
        ruby.args(["-e", "require 'active_record'; require 'pg'"]).stderr(Stdio::null());
        ruby.status().is_ok_and(|it| it.success())
    };
    let script = folder().join("active_record.rb");
    alike(18, |port| has_library().then(|| run(Command::new("ruby").arg(&script), port)));
}

fn php(arguments: &[&str]) -> Command {
    let mut php = Command::new("php");
    php.args(arguments);
    php
}

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
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
    let _said = said_by_both(&STAGE.proxy, work);
}

/// The same; and what the scripts say, so many lines at least, has to be the same.
fn alike(lines_min: usize, work: impl Fn(u16) -> Option<Result<String, String>>) {
    alike_through(&STAGE.proxy, lines_min, work);
}

fn alike_through(proxy: &Proxy, lines_min: usize, work: impl Fn(u16) -> Option<Result<String, String>>) {
    let Some((plain, proxied)) = said_by_both(proxy, work) else { return };
    let pairs = plain.lines().zip(proxied.lines()).enumerate();
    if let Some((at, (theirs, ours))) = pairs.into_iter().find(|(_, (theirs, ours))| theirs != ours) {
        panic!("line {}:\n  PostgreSQL: {theirs}\n  the proxy:  {ours}", at + 1);
    }
    let count = plain.lines().count();
    assert_eq!(proxied.lines().count(), count);
    assert!(count >= lines_min, "only {count} lines:\n{plain}");
}

/// What the script says on plain PostgreSQL and through the proxy.
fn said_by_both(proxy: &Proxy, work: impl Fn(u16) -> Option<Result<String, String>>) -> Option<(String, String)> {
    // One at a time: they count rows that the others add and remove.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    let Some(plain) = work(WORLD.oracle.port()) else {
        skipped();
        return None;
    };
    let plain = plain.unwrap_or_else(|why| panic!("on plain PostgreSQL, so the script is wrong:\n{why}"));
    let proxied = work(proxy.port).expect("it was there a moment ago");
    assert!(STAGE.world.shards.iter().all(|shard| shard.pid().is_some()));
    Some((plain, proxied.unwrap_or_else(|why| panic!("through the proxy:\n{why}"))))
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
