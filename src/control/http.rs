//! Answers `GET /metrics`, `/livez`, `/readyz`, and the status page at `/`. HTTP/1.1 as far as that takes: one request a connection, no bodies.
//!
//! Never waits long, never holds much: a limit on the request's size, on its time, and on connections at once.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::warn;

use super::publisher::Reader;
use super::readiness::{self, Required};
use super::scrape::Scrape;
use super::status::Status;
use crate::proxy::heat::Heat;
use crate::proxy::metrics::Metrics;

const HEAD_MAX: usize = 8 * 1024;
/// Keys of each keyspace on the status page, and as many buckets.
const HOT_SHOWN: usize = 5;
const CONNECTIONS_MAX: usize = 32;
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// With every answer. Nothing but what the page itself brings is loaded or run, nobody frames it, and nothing is kept.
const HEADERS: &str = "Connection: close\r\n\
    Cache-Control: no-store\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n";

/// The files of the status page: path, kind, content.
const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// What the answers are made from.
pub struct Pages {
    /// `/metrics`, `/status.json`
    pub metrics: Arc<Metrics>,
    /// `/readyz`, `/status.json`
    pub reader: Reader,
    /// `/status.json`
    pub heat: Arc<Heat>,
    /// `/readyz`
    pub required: Required,
    /// `/readyz`
    pub is_draining: Arc<AtomicBool>,
    /// `/status.json`
    pub started: Instant,
}

/// One answer.
struct Answer {
    status: &'static str,
    kind: &'static str,
    body: Cow<'static, str>,
}

/// Accepts until its task is stopped.
pub async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let mut conversations = VecDeque::<AbortHandle>::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: it will not help to ask again at once.
                warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        conversations.retain(|it| !it.is_finished());
        // Who has been at it for longest is the least likely to finish: whoever opens connections and says nothing must not keep
        // a probe or a scraper out.
        if conversations.len() >= CONNECTIONS_MAX
            && let Some(oldest) = conversations.pop_front()
        {
            oldest.abort();
        }
        let pages = pages.clone();
        let conversation = tokio::spawn(async move {
            // Whoever does not finish is not worth a line in the log.
            timeout(CONNECTION_TIMEOUT, converse(stream, &pages)).await.ok();
        });
        conversations.push_back(conversation.abort_handle());
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, pages: &Pages) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let (method, path) = match &head {
        Some(head) => request_line(head).unwrap_or(("", "")),
        None => ("", ""),
    };
    let answer = match (method, path) {
        ("GET" | "HEAD", path) => pages.answer(path),
        ("", _) => plain("400 Bad Request", "bad request"),
        (_, _) => plain("405 Method Not Allowed", "only GET"),
    };
    let Answer { status, kind, body } = answer;
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{HEADERS}\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}

/// The request up to its empty line; `None` when it is too long or ends before.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|it| it == b"\r\n\r\n") {
        if head.len() >= HEAD_MAX || stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

/// Method and path without the query, of an HTTP/1.x request.
fn request_line(head: &[u8]) -> Option<(&str, &str)> {
    let end = head.iter().position(|byte| *byte == b'\r')?;
    let mut words = std::str::from_utf8(&head[..end]).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    (words.next().is_none() && version.starts_with("HTTP/1.")).then_some((method, path))
}

impl Pages {
    fn answer(&self, path: &str) -> Answer {
        match path {
            "/metrics" => Answer {
                status: "200 OK",
                kind: "text/plain; version=0.0.4; charset=utf-8",
                body: self.metrics.render().into(),
            },
            "/livez" => plain("200 OK", "ok"),
            "/readyz" => self.readiness(),
            "/status.json" => self.status(),
            path => match FILES.iter().find(|(name, _, _)| *name == path) {
                Some((_, kind, content)) => Answer { status: "200 OK", kind, body: (*content).into() },
                None => plain("404 Not Found", "there are /, /metrics, /livez and /readyz"),
            },
        }
    }

    fn reasons(&self) -> Vec<String> {
        readiness::reasons(&self.reader.load(), self.required, self.is_draining.load(Ordering::Relaxed))
    }

    fn status(&self) -> Answer {
        let text = self.metrics.render();
        let uptime = self.started.elapsed().as_secs_f64();
        let topology = self.reader.load_full();
        let hot = self.heat.top(&topology, HOT_SHOWN);
        let status = Status::new(&topology, &Scrape::read(&text), &hot, self.reasons(), uptime);
        match serde_json::to_string(&status) {
            Ok(body) => Answer { status: "200 OK", kind: "application/json", body: body.into() },
            Err(error) => plain("500 Internal Server Error", &error.to_string()),
        }
    }

    fn readiness(&self) -> Answer {
        let reasons = self.reasons();
        match reasons.is_empty() {
            true => plain("200 OK", "ok"),
            false => plain("503 Service Unavailable", &reasons.join("\n")),
        }
    }
}

fn plain(status: &'static str, text: &str) -> Answer {
    Answer { status, kind: "text/plain; charset=utf-8", body: format!("{text}\n").into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::publisher::Publisher;
    use crate::logic::picture;

    fn pages(is_draining: bool) -> Pages {
        let metrics = Metrics::new();
        let publisher = Publisher::new(picture::of_ports("app", &[(1, &[])]), metrics.clone());
        let is_draining = Arc::new(AtomicBool::new(is_draining));
        let started = Instant::now();
        let reader = publisher.reader();
        Pages { metrics, reader, heat: Arc::default(), required: Required::OnePrimary, is_draining, started }
    }

    /// The status line and the body of the answer to these bytes.
    async fn ask(request: &[u8]) -> (String, String) {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(request).await.unwrap();
        client.shutdown().await.unwrap();
        converse(server, &pages(true)).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    #[test]
    fn the_page_obeys_its_own_rules() {
        let [(_, _, html), _, (_, _, script), _] = FILES else { panic!("four files") };
        for word in ["<style", "style=", "onclick", "<script>", "javascript:", "http:", "https:"] {
            assert!(!html.contains(word), "{word}");
        }
        // What others have named (databases, servers) is text, never markup.
        for word in ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", "setAttribute(\"style"] {
            assert!(!script.contains(word), "{word}");
        }
        assert!(HEADERS.ends_with("\r\n") && !HEADERS.contains("  ") && !HEADERS.contains("unsafe"));
    }

    #[tokio::test]
    async fn requests_and_their_answers() {
        let long = [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; HEAD_MAX]].concat();
        let cases: &[(&[u8], &str, &str)] = &[
            (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", "ok"),
            (b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200 OK", "shardway_map_epoch 1"),
            (b"HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK", ""),
            (b"GET /readyz HTTP/1.1\r\n\r\n", "503 Service Unavailable", "draining\ndatabase app: its schema"),
            (b"GET / HTTP/1.1\r\n\r\n", "200 OK", "<title>shardway</title>"),
            (b"GET /page.js HTTP/1.1\r\n\r\n", "200 OK", "status.json"),
            (b"GET /page/page.js HTTP/1.1\r\n\r\n", "404 Not Found", "there are"),
            (b"GET /status.json HTTP/1.1\r\n\r\n", "200 OK", r#""name":"app/a/primary","role":"primary""#),
            (b"GET /etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found", "there are"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed", "only GET"),
            (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "400 Bad Request", "bad"),
            (b"GET /livez\r\n\r\n", "400 Bad Request", "bad"),
            (b"GET /livez HTTP/1.1\r\n", "400 Bad Request", "bad"),
            (&long, "400 Bad Request", "bad"),
        ];
        for (request, status, body) in cases {
            let name = String::from_utf8_lossy(&request[..request.len().min(40)]).into_owned();
            let answer = ask(request).await;
            assert_eq!(answer.0, format!("HTTP/1.1 {status}"), "{name}");
            assert!(answer.1.contains(body) && answer.1.is_empty() == body.is_empty(), "{name}: {}", answer.1);
        }
    }
}
