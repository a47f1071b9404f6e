//! Fills the tables through the proxy: COPY, each row finds its own shard.

use std::fmt::Write as _;
use std::pin::pin;

use anyhow::Context;
use bytes::Bytes;
use futures_util::SinkExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_postgres::{Client, NoTls};

use super::fleet::Fleet;
use super::progress::Progress;
use super::schema::{CLIENTS, INSTRUMENTS};

const DAYS: u32 = 5;
const ROWS_A_CHUNK: u32 = 500;
const KINDS: [&str; 10] = ["view", "view", "view", "view", "view", "click", "click", "login", "purchase", "support"];
const PAGES: [&str; 6] = ["/", "/search", "/offer", "/cart", "/account", "/help"];

/// Rows of market data.
pub fn prices() -> u32 {
    INSTRUMENTS * DAYS
}

/// A connection to the proxy; its driver task ends with it.
pub async fn connect(fleet: &Fleet) -> anyhow::Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(&fleet.url(), NoTls).await.context("cannot connect to the proxy")?;
    // When it fails, so does every later call on the client.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}

/// Loads events and prices.
pub async fn load(fleet: &Fleet, events: u32) -> anyhow::Result<()> {
    let client = connect(fleet).await?;
    let mut random = StdRng::seed_from_u64(1);
    copy(&client, "events", "COPY events (client_id, id, kind, at, amount, page) FROM STDIN", events, |row, text| {
        event(row, &mut random, text);
    })
    .await?;
    let mut random = StdRng::seed_from_u64(2);
    copy(&client, "market_data", "COPY market_data FROM STDIN", prices(), |row, text| price(row, &mut random, text))
        .await
}

async fn copy(
    client: &Client,
    label: &str,
    sql: &str,
    rows: u32,
    mut row: impl FnMut(u32, &mut String),
) -> anyhow::Result<()> {
    let mut progress = Progress::new(label, u64::from(rows));
    let mut sink = pin!(client.copy_in::<_, Bytes>(sql).await.with_context(|| format!("{sql} was refused"))?);
    let mut text = String::new();
    for number in 0..rows {
        row(number, &mut text);
        if number % ROWS_A_CHUNK == ROWS_A_CHUNK - 1 {
            sink.send(Bytes::from(std::mem::take(&mut text))).await?;
            progress.set(u64::from(number), &format!("{number} rows"));
        }
    }
    sink.send(Bytes::from(text)).await?;
    let loaded = sink.finish().await.with_context(|| format!("{label} was not loaded"))?;
    progress.finish(&format!("{loaded} rows"));
    Ok(())
}

/// A few clients are busy and most are not.
fn event(row: u32, random: &mut StdRng, text: &mut String) {
    let share: f64 = random.random();
    let client = 1 + (share * share * share * f64::from(CLIENTS)) as u32;
    let kind = KINDS[random.random_range(0..KINDS.len())];
    let page = PAGES[random.random_range(0..PAGES.len())];
    let amount = match kind {
        "purchase" => format!("{:.2}", random.random_range(3.0..400.0)),
        _ => "\\N".to_owned(),
    };
    let (day, second) = (row % 28 + 1, random.random_range(0..86_400));
    let (hour, minute) = (second / 3600, second / 60 % 60);
    writeln!(
        text,
        "{client}\t{row}\t{kind}\t2026-01-{day:02} {hour:02}:{minute:02}:{:02}+00\t{amount}\t{page}",
        second % 60
    )
    .unwrap_or_default();
}

fn price(row: u32, random: &mut StdRng, text: &mut String) {
    let (instrument, day) = (row / DAYS + 1, row % DAYS + 5);
    let open = f64::from(instrument % 997) + 5.0 + random.random_range(-1.0..1.0);
    let close = open * (1.0 + random.random_range(-0.03..0.03));
    let volume = random.random_range(1_000..2_000_000);
    writeln!(text, "{instrument}\t2026-01-{day:02}\t{open:.4}\t{close:.4}\t{volume}").unwrap_or_default();
}
