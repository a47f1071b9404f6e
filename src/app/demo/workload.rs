//! A short mixed workload. Every answer carries the port of the server that gave it, so the table shows facts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, Statement};

use super::fleet::Fleet;
use super::load::connect;
use super::progress::Progress;
use super::schema::{CLIENTS, INSTRUMENTS};

const CONNECTIONS: u64 = 8;
/// So many of them read only. The others find what they have written a moment ago, which mostly the primaries have alone.
const READERS: u64 = 4;
/// Of a hundred requests these read.
const READS: u32 = 75;
const BEAT: Duration = Duration::from_millis(100);

/// Times in microseconds, by server and by kind of statement.
#[derive(Debug, Default)]
pub struct Tally {
    /// By the server's port
    pub by_port: BTreeMap<u16, Vec<u32>>,
    /// By kind of statement
    pub by_kind: BTreeMap<&'static str, Vec<u32>>,
    /// Statements that failed
    pub errors: u64,
    /// What the last of them said
    pub last_error: String,
}

/// Runs it for a while on several connections.
pub async fn run(fleet: &Fleet, duration: Duration) -> anyhow::Result<Tally> {
    let mut workers = Vec::new();
    for seed in 0..CONNECTIONS {
        let requests = if seed < READERS { READS } else { 100 };
        workers.push(Worker::new(connect(fleet).await?, seed, requests).await?);
    }
    // The clock starts when all have prepared their statements.
    let end = Instant::now() + duration;
    let tasks: Vec<_> = workers.into_iter().map(|worker| tokio::spawn(worker.run(end))).collect();
    let total = duration.as_millis() as u64;
    let mut progress = Progress::new("workload", total);
    while Instant::now() < end {
        tokio::time::sleep(BEAT.min(end.saturating_duration_since(Instant::now()))).await;
        let left = end.saturating_duration_since(Instant::now());
        progress.set(total.saturating_sub(left.as_millis() as u64), &format!("{} s left", left.as_secs()));
    }
    let mut tally = Tally::default();
    for task in tasks {
        tally.add(task.await?);
    }
    let statements: usize = tally.by_kind.values().map(Vec::len).sum();
    let each_second = statements as f64 / duration.as_secs_f64().max(0.001);
    progress.finish(&format!("{statements} answers, {each_second:.0} a second"));
    Ok(tally)
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (port, micros) in other.by_port {
            self.by_port.entry(port).or_default().extend(micros);
        }
        for (kind, micros) in other.by_kind {
            self.by_kind.entry(kind).or_default().extend(micros);
        }
        self.errors += other.errors;
        if !other.last_error.is_empty() {
            self.last_error = other.last_error;
        }
    }
}

/// One connection with its prepared statements.
struct Worker {
    client: Client,
    random: StdRng,
    /// It picks among the first so many of a hundred
    requests: u32,
    next_id: i64,
    tally: Tally,
    latest: Statement,
    summary: Statement,
    insert: Statement,
    price: Statement,
    screen: Statement,
    update: Statement,
}

impl Worker {
    async fn new(client: Client, seed: u64, requests: u32) -> anyhow::Result<Self> {
        let prepare = async |sql: &str| client.prepare(sql).await;
        Ok(Self {
            random: StdRng::seed_from_u64(seed + 100),
            requests,
            tally: Tally::default(),
            next_id: 1_000_000_000 + seed as i64 * 10_000_000,
            latest: prepare("SELECT inet_server_port(), e.id, k.title FROM events e JOIN event_kinds k USING (kind) WHERE client_id = $1 ORDER BY at DESC LIMIT 10").await?,
            summary: prepare("SELECT inet_server_port(), count(*), sum(amount) FROM events WHERE client_id = $1").await?,
            insert: prepare("INSERT INTO events (client_id, id, kind, at) VALUES ($1, $2, 'view', now()) RETURNING inet_server_port()").await?,
            price: prepare("SELECT inet_server_port(), day, close FROM market_data WHERE instrument_id = $1 ORDER BY day").await?,
            screen: prepare("SELECT inet_server_port(), count(*), avg(close) FROM market_data WHERE instrument_id BETWEEN $1 AND $2").await?,
            update: prepare("UPDATE market_data SET volume = volume + 1 WHERE instrument_id = $1 RETURNING inet_server_port()").await?,
            client,
        })
    }

    async fn run(mut self, end: Instant) -> Tally {
        while Instant::now() < end {
            let start = Instant::now();
            let (kind, done) = self.step().await;
            match done {
                Ok(()) => self.tally.by_kind.entry(kind).or_default().push(micros(start.elapsed())),
                Err(error) => {
                    self.tally.errors += 1;
                    self.tally.last_error =
                        format!("{kind}: {}", error.as_db_error().map_or(error.to_string(), ToString::to_string));
                    // A broken proxy must not turn this into a busy loop.
                    tokio::time::sleep(BEAT).await;
                }
            }
        }
        self.tally
    }

    /// One request, picked at random.
    async fn step(&mut self) -> (&'static str, Result<(), tokio_postgres::Error>) {
        let client_id = self.random.random_range(1..=i64::from(CLIENTS));
        let instrument = self.random.random_range(1..=i64::from(INSTRUMENTS));
        let hundred = instrument - (instrument - 1) % 100;
        let (client, by_port) = (&self.client, &mut self.tally.by_port);
        match self.random.random_range(0..self.requests) {
            0..35 => ("latest events", ask(client, &self.latest, &[&client_id], by_port).await),
            35..50 => ("summary of a client", ask(client, &self.summary, &[&client_id], by_port).await),
            50..70 => ("prices", ask(client, &self.price, &[&instrument], by_port).await),
            70..75 => ("screen of 100", ask(client, &self.screen, &[&hundred, &(hundred + 99)], by_port).await),
            READS..88 => {
                self.next_id += 1;
                ("insert", ask(client, &self.insert, &[&client_id, &self.next_id], by_port).await)
            }
            88..94 => ("update", ask(client, &self.update, &[&instrument], by_port).await),
            _ => ("transaction of 3", self.transaction(client_id).await),
        }
    }

    async fn transaction(&mut self, client_id: i64) -> Result<(), tokio_postgres::Error> {
        self.next_id += 2;
        let by_port = &mut self.tally.by_port;
        let transaction = self.client.transaction().await?;
        ask(&transaction, &self.insert, &[&client_id, &self.next_id], by_port).await?;
        ask(&transaction, &self.insert, &[&client_id, &(self.next_id - 1)], by_port).await?;
        ask(&transaction, &self.latest, &[&client_id], by_port).await?;
        transaction.commit().await
    }
}

/// Runs one statement, and notes its time at the server that its answer names.
async fn ask(
    client: &impl GenericClient,
    statement: &Statement,
    values: &[&(dyn ToSql + Sync)],
    by_port: &mut BTreeMap<u16, Vec<u32>>,
) -> Result<(), tokio_postgres::Error> {
    let start = Instant::now();
    let rows = client.query(statement, values).await?;
    // An answer without rows names nobody.
    if let Some(port) = rows.first().and_then(|row| row.get::<_, Option<i32>>(0)) {
        by_port.entry(u16::try_from(port).unwrap_or(0)).or_default().push(micros(start.elapsed()));
    }
    Ok(())
}

fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}
