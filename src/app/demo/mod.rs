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
    say(&invitation(&fleet))?;
    match options.once {
        true => Ok(()),
        false => std::future::pending().await,
    }
}

/// What went where: each answer named the server that gave it, so this is what happened, not what was planned.
fn table(fleet: &Fleet, tally: &Tally) -> String {
    let mut text = format!("\n{:<8} {:<9} {:>11} {:>10} {:>10}\n", "shard", "role", "statements", "p50 ms", "p99 ms");
    for place in fleet.places() {
        let mut micros = tally.by_port.get(&place.port).cloned().unwrap_or_default();
        text += &line(&place.shard, place.role, &mut micros);
    }
    text += "\n";
    for (kind, mut micros) in tally.by_kind.clone() {
        text += &line(kind, "", &mut micros);
    }
    if tally.errors > 0 {
        text += &format!("\n{} statements failed; the last error: {}\n", tally.errors, tally.last_error);
    }
    text
}

fn line(name: &str, role: &str, micros: &mut [u32]) -> String {
    micros.sort_unstable();
    let quantile = |share: f64| match micros.len() {
        0 => "-".to_owned(),
        count => format!("{:.2}", f64::from(micros[((count - 1) as f64 * share) as usize]) / 1000.0),
    };
    let width = if role.is_empty() { 18 } else { 8 };
    let role = if role.is_empty() { String::new() } else { format!(" {role:<9}") };
    format!("{name:<width$}{role} {:>11} {:>10} {:>10}\n", micros.len(), quantile(0.5), quantile(0.99))
}

fn invitation(fleet: &Fleet) -> String {
    format!(
        "Try it:   psql \"{}\"\n\
         \u{20}         SELECT * FROM events WHERE client_id = 42 ORDER BY at DESC LIMIT 3;\n\
         Metrics:  http://127.0.0.1:{}/metrics\n\
         Map:      {}\n\
         Ctrl-C stops everything and removes it.",
        fleet.url(),
        fleet.metrics_port,
        fleet.config.display()
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
