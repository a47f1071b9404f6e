//! The control plane against real servers: what it publishes when they lag, die, change their role or their schema.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

/// Up, down, behind, in the wrong role.
mod health;
/// Logging in: passwords, TLS, and functions that would deceive us.
mod login;
/// Tables, functions and settings as they are and as they change.
mod schema;
/// What is kept after any change is what a whole read would give.
mod parts;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shardway::control::{Control, ControlHandle, ControlSettings};
use shardway::logic::health::HealthSettings;
use shardway::logic::topology::Topology;
use shardway::proxy::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::cluster::Server;

fn settings() -> ControlSettings {
    let health = HealthSettings {
        interval: Duration::from_millis(100),
        timeout: Duration::from_millis(400),
        ..HealthSettings::default()
    };
    let http = Some("127.0.0.1:0".parse().unwrap());
    ControlSettings { health, http, ..ControlSettings::default() }
}

fn start(topology: Topology) -> ControlHandle {
    Control::start(settings(), topology, Metrics::new()).unwrap()
}

/// Runs SQL as the superuser.
async fn sql(server: &Server, text: &str) {
    let config = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port());
    let (client, connection) = tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    let carried = tokio::spawn(connection);
    client.batch_execute(text).await.unwrap();
    drop(client);
    carried.await.unwrap().unwrap();
}

/// Nothing here may take longer.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let within = tokio::time::timeout(Duration::from_secs(20), future).await;
    within.unwrap_or_else(|_| panic!("never happened: {what}"))
}

async fn until(control: &ControlHandle, what: &str, holds: impl Fn(&Topology) -> bool) -> Arc<Topology> {
    soon(what, control.reader().until(holds)).await
}

async fn get(control: &ControlHandle, path: &str) -> (String, String) {
    let mut stream = tokio::net::TcpStream::connect(control.http_address().unwrap()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}
