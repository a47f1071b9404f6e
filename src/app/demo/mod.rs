//! `shardway demo`: three shards, each a primary and a streaming replica, in a temporary folder; two schemas, data
//! loaded through the proxy, a mixed workload, a table of what went where, and a `psql` line to try.
//!
//! Ctrl-C, TERM or a panic leave nothing behind: see `lab`.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use fleet::Fleet;
use lab::Lab;
use workload::Tally;

pub mod lab;
pub mod postgres;
pub mod progress;
pub mod schema;
pub mod fleet;
pub mod load;
pub mod workload;

/// What the user may choose.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Rows of client events to load
    pub rows: u32,
    /// How long the mixed workload runs
    pub duration: Duration,
    /// End after the table, instead of waiting for Ctrl-C
    pub once: bool,
}

/// Runs the demonstration to its end, or until the user has seen enough.
pub fn run(options: DemoOptions) -> anyhow::Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            shown = show(options) => shown,
            () = interrupted() => say("\nStopping; nothing is left behind."),
        }
    });
    // A server may be starting on a blocking thread: it is not waited for, the reaper takes it.
    runtime.shutdown_timeout(Duration::from_millis(500));
    ended
}

async fn show(options: DemoOptions) -> anyhow::Result<()> {
    let fleet = tokio::task::spawn_blocking(|| Fleet::start(&Arc::new(Lab::new("demo")?))).await??;
    say(&format!("Loading {} events and {} prices through the proxy …", options.rows, load::prices()))?;
    load::load(&fleet, options.rows).await?;
    let tally = workload::run(&fleet, options.duration).await?;
    say(&table(&fleet, &tally))?;
    if options.once {
        return Ok(());
    }
    say(&invitation(&fleet))?;
    std::future::pending().await
}

/// What went where: each answer named the server that gave it, so this is what happened, not what was planned.
fn table(fleet: &Fleet, tally: &Tally) -> String {
    let mut text = line("shard", "role", ["statements", "p50 ms", "p99 ms"].map(str::to_owned));
    for place in fleet.places() {
        let mut micros = tally.by_port.get(&place.port).cloned().unwrap_or_default();
        text += &line(&place.shard, place.role, figures(&mut micros));
    }
    text += &line("\nrequest", "", ["count", "p50 ms", "p99 ms"].map(str::to_owned));
    for (kind, mut micros) in tally.by_kind.clone() {
        text += &line(kind, "", figures(&mut micros));
    }
    if tally.errors > 0 {
        text += &format!("\n{} requests failed; the last error: {}\n", tally.errors, tally.last_error);
    }
    format!("\n{text}")
}

/// How many, their median and their 99th percentile.
fn figures(micros: &mut [u32]) -> [String; 3] {
    micros.sort_unstable();
    let quantile = |share: f64| match micros.len() {
        0 => "-".to_owned(),
        count => format!("{:.2}", f64::from(micros[((count - 1) as f64 * share) as usize]) / 1000.0),
    };
    [micros.len().to_string(), quantile(0.5), quantile(0.99)]
}

fn line(name: &str, role: &str, [count, middle, high]: [String; 3]) -> String {
    // A request's name may run into the column of the roles, which it has not.
    let name = if role.is_empty() { format!("{name:<20}") } else { format!("{name:<8} {role:<11}") };
    let pad = usize::from(name.starts_with('\n'));
    format!("{name}{:pad$}{count:>10} {middle:>9} {high:>9}\n", "")
}

fn invitation(fleet: &Fleet) -> String {
    format!(
        "In another terminal:\n\n\
         \u{20} {psql} \"{url}\"\n\
         \u{20}     SELECT * FROM events WHERE client_id = 42 ORDER BY at DESC LIMIT 3;   -- one shard: answered\n\
         \u{20}     SELECT count(*) FROM events;                                          -- all shards: their counts, added up\n\
         \u{20} curl -s http://127.0.0.1:{metrics}/metrics\n\
         \u{20} {program} route -c {map} \"SELECT * FROM events WHERE client_id = 42\"\n\n\
         Ctrl-C stops everything and removes it.",
        psql = fleet.psql(),
        url = fleet.url(),
        metrics = fleet.metrics_port,
        program = std::env::args().next().unwrap_or_else(|| "shardway".to_owned()),
        map = fleet.config.display()
    )
}

async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals end the process, and the reaper cleans up.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
