//! Sends spans to an OpenTelemetry collector: OTLP over HTTP, as JSON. A thread of its own, so that no session waits for it.
//!
//! What the collector does not take in time is dropped and counted. There is no TLS: a collector stands beside the proxy.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::warn;

use crate::logic::trace::Span;
use crate::proxy::metrics::{Metrics, SpanResult};

/// Spans that wait to be sent.
const QUEUE_MAX: usize = 8192;
/// Spans of one request.
const BATCH_MAX: usize = 512;
/// A span waits no longer for others to go with.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// A request must be answered within this.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportSettings {
    /// `host:port`, as it is connected to and as it stands in `Host`
    pub address: String,
    /// `/v1/traces`
    pub path: String,
    /// `service.name`
    pub service: String,
}

/// Starts the thread; it ends when the last sender is dropped.
pub fn start(settings: ExportSettings, metrics: Arc<Metrics>) -> io::Result<mpsc::Sender<Span>> {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new()
        .name("spans".to_owned())
        .spawn(move || runtime.block_on(export(&settings, receiver, &metrics)))?;
    Ok(sender)
}

async fn export(settings: &ExportSettings, mut spans: mpsc::Receiver<Span>, metrics: &Metrics) {
    let mut is_failing = false;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while spans.recv_many(&mut batch, BATCH_MAX).await > 0 {
        // Others may be on their way: one request for all of them.
        let more = async { while batch.len() < BATCH_MAX && spans.recv_many(&mut batch, BATCH_MAX).await > 0 {} };
        // That the time is up is what is waited for.
        timeout(BATCH_WAIT, more).await.ok();
        let count = batch.len() as u64;
        let body = document(&batch, &settings.service).to_string();
        batch.clear();
        let sent = match timeout(REQUEST_TIMEOUT, post(settings, &body)).await {
            Ok(sent) => sent,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        match sent {
            Ok(()) => metrics.spans(SpanResult::Sent, count),
            Err(error) => {
                metrics.spans(SpanResult::Failed, count);
                if !is_failing {
                    warn!(collector = %settings.address, %error, "spans are not taken");
                }
                is_failing = true;
                continue;
            }
        }
        is_failing = false;
    }
}

/// One request on a connection of its own.
async fn post(settings: &ExportSettings, body: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(&settings.address).await?;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        settings.path,
        settings.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < 1024 && stream.read_buf(&mut answer).await? > 0 {}
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
        Some(_) | None => Err(io::Error::other(format!("it answers \"{}\"", line.escape_debug()))),
    }
}

/// `ExportTraceServiceRequest` in OTLP's JSON: identities in hexadecimal, 64-bit numbers as strings.
fn document(spans: &[Span], service: &str) -> Value {
    let scope = json!({ "name": "shardway", "version": env!("CARGO_PKG_VERSION") });
    let resource = json!({ "attributes": [attribute("service.name", service)] });
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "scope": scope, "spans": spans }] }] })
}

fn span(span: &Span) -> Value {
    const SERVER: u8 = 2;
    const ERROR: u8 = 2;
    let mut attributes = vec![
        attribute("db.system.name", "postgresql"),
        attribute("db.namespace", &span.database),
        attribute("db.user", &span.user),
        attribute("db.query.text", &span.statement),
        attribute("shardway.plan", &span.plan),
        attribute("shardway.shards", &span.shards),
        json!({ "key": "shardway.waited_seconds", "value": { "doubleValue": span.waited.as_secs_f64() } }),
        json!({ "key": "shardway.client", "value": { "intValue": span.client.to_string() } }),
    ];
    attributes.extend(span.sqlstate.iter().map(|code| attribute("db.response.status_code", code)));
    let name = span.statement.split_ascii_whitespace().next().unwrap_or("statement");
    json!({
        "traceId": format!("{:032x}", span.trace),
        "spanId": format!("{:016x}", span.id),
        "parentSpanId": span.parent.map_or_else(String::new, |parent| format!("{parent:016x}")),
        "name": name,
        "kind": SERVER,
        "startTimeUnixNano": span.started.as_nanos().to_string(),
        "endTimeUnixNano": (span.started + span.took).as_nanos().to_string(),
        "attributes": attributes,
        "status": if span.sqlstate.is_some() { json!({ "code": ERROR }) } else { json!({}) },
    })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}
