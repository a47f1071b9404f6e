//! One exchange with a server: what is to be sent goes out, what comes back goes to the client, until nothing is owed.
//!
//! Both directions move at the same time, so that neither side can block the other; a slow client slows the server
//! and never grows our memory.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;

use crate::logic::protocol::report::Fault;
use crate::logic::protocol::walk::Broken;
use crate::logic::session::pipeline::Pipeline;
use crate::proxy::server::Backend;
use crate::proxy::session::client::{Client, poll_read, poll_write_some, with_scratch};
use crate::proxy::session::timing::{Limits, Time, Verdict};

/// What waits for more to come stays below this, so that it costs no more to copy it than to send it alone.
const WAIT_MAX: usize = 16 << 10;

/// How an exchange ended.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing is owed any more
    Settled,
    /// The server wants COPY data
    CopyIn,
    /// The client has gone
    ClientGone,
    /// The connection to the server broke
    ServerLost {
        /// What happened
        cause: String,
        /// The client has part of a message: nothing else can be said to it
        is_inside_frame: bool,
        /// The client has seen part of the answer
        is_answer_begun: bool,
    },
}

/// Bytes on their way to a server.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    /// Where to append what is to be sent.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets what was not sent.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }

    /// Sends what the socket takes now. `true`: nothing is left.
    pub fn poll_send(&mut self, backend: &mut Backend, context: &mut Context<'_>) -> io::Result<bool> {
        if !self.bytes.is_empty() {
            self.sent += poll_write_some(&mut backend.stream, context, &self.bytes[self.sent..])?;
            if self.sent < self.bytes.len() {
                return Ok(false);
            }
            self.clear();
            if self.bytes.capacity() > 64 << 10 {
                self.bytes = Vec::new();
            }
            if backend.stream.is_secure() {
                return Ok(Pin::new(&mut backend.stream).poll_flush(context)?.is_ready());
            }
        }
        Ok(true)
    }
}

/// Sends a slice of the client's own bytes without copying what the socket takes at once.
pub async fn send_direct(backend: &mut Backend, outgoing: &mut Outgoing, bytes: &[u8]) {
    std::future::poll_fn(|context| {
        if outgoing.is_empty() {
            match poll_write_some(&mut backend.stream, context, bytes) {
                Ok(written) if written == bytes.len() && !backend.stream.is_secure() => (),
                Ok(written) => outgoing.buffer().extend_from_slice(&bytes[written..]),
                // The read side will say what happened: the server may have left a last message.
                Err(error) => tracing::debug!(%error, "a server does not take our bytes"),
            }
        } else {
            outgoing.buffer().extend_from_slice(bytes);
        }
        Poll::Ready(())
    })
    .await;
}

/// Runs an exchange.
pub struct Exchange<'a> {
    /// The client
    pub client: &'a mut Client,
    /// The server
    pub backend: &'a mut Backend,
    /// What is owed
    pub pipeline: &'a mut Pipeline,
    /// What is to be sent
    pub outgoing: &'a mut Outgoing,
    /// Bytes received from the server so far
    pub received: u64,
    /// Bytes of it that were passed to the client
    pub passed: u64,
}

impl<'a> Exchange<'a> {
    /// One of which nothing has been received yet.
    pub fn new(
        client: &'a mut Client,
        backend: &'a mut Backend,
        pipeline: &'a mut Pipeline,
        outgoing: &'a mut Outgoing,
    ) -> Self {
        Self { client, backend, pipeline, outgoing, received: 0, passed: 0 }
    }

    /// Until nothing is owed.
    pub async fn run(&mut self) -> Outcome {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// The same; `on_late` is called when a statement takes longer than it may, and the client hears why.
    pub async fn run_within(&mut self, limits: Limits, on_late: impl Fn(Duration, Arc<AtomicBool>)) -> Outcome {
        if limits.each.is_zero() && limits.all.is_none() {
            return self.run().await;
        }
        // The usual run does without its memory.
        Box::pin(self.run_limited(limits, on_late)).await
    }

    async fn run_limited(&mut self, limits: Limits, on_late: impl Fn(Duration, Arc<AtomicBool>)) -> Outcome {
        self.pipeline.tell_completed = true;
        let mut time = Time::begin(limits, self.pipeline);
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(time.end().into()));
        let mut was_late = false;
        let outcome = std::future::poll_fn(|context| {
            if let Poll::Ready(outcome) = self.poll(context) {
                return Poll::Ready(outcome);
            }
            if time.goes_on(self.pipeline) {
                alarm.as_mut().reset(time.end().into());
            }
            while alarm.as_mut().poll(context).is_ready() {
                match time.verdict(self.client) {
                    Verdict::Late(limit, is_late) => {
                        let mut error = Vec::new();
                        Fault::StatementTimeout { limit }.write(&mut error);
                        self.pipeline.instead = Some(error.into());
                        on_late(limit, is_late);
                        was_late = true;
                    }
                    Verdict::Deaf => return Poll::Ready(Outcome::ClientGone),
                    Verdict::Early => (),
                }
                alarm.as_mut().reset(time.end().into());
            }
            Poll::Pending
        });
        let outcome = outcome.await;
        time.settle();
        self.pipeline.instead = None;
        if was_late && matches!(outcome, Outcome::Settled | Outcome::CopyIn) {
            // A cancel that is late must not meet the next statement.
            self.backend.cancellable.quiet().await;
        }
        outcome
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        // A failed write is not the end: the server may have said why, and that is read below.
        let is_writable = self.outgoing.poll_send(self.backend, context);
        if let Err(error) = &is_writable {
            tracing::debug!(%error, "a server does not take our bytes");
            self.outgoing.clear();
        }
        loop {
            if self.client.has_backlog() && !self.may_wait(0) {
                match self.client.poll_flush(context) {
                    Poll::Ready(Ok(())) => (),
                    Poll::Ready(Err(_)) => return Poll::Ready(Outcome::ClientGone),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if self.pipeline.is_settled() {
                return Poll::Ready(Outcome::Settled);
            }
            if self.pipeline.is_copy_in {
                return Poll::Ready(Outcome::CopyIn);
            }
            match self.poll_server(context) {
                Poll::Ready(Ok(())) => (),
                Poll::Ready(Err(outcome)) => return Poll::Ready(outcome),
                Poll::Pending => {
                    if self.client.has_backlog()
                        && !self.may_wait(0)
                        && matches!(self.client.poll_flush(context), Poll::Ready(Err(_)))
                    {
                        return Poll::Ready(Outcome::ClientGone);
                    }
                    return self.client.poll_gone(context).map(|()| Outcome::ClientGone);
                }
            }
        }
    }

    /// May the client wait for so many bytes more, and for what stands before them?
    fn may_wait(&self, more: usize) -> bool {
        (self.pipeline.more_follows || self.pipeline.may_ask_again.is_some())
            && self.client.outbox.len() + more <= WAIT_MAX
    }

    /// While COPY data flows in: sends what is waiting, takes in what the server says. Pending while both block.
    pub fn poll_copy(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Outcome>> {
        if let Err(error) = self.outgoing.poll_send(self.backend, context) {
            tracing::debug!(%error, "a server does not take our bytes");
            self.outgoing.clear();
        }
        match self.poll_server(context) {
            Poll::Ready(Err(outcome)) => Poll::Ready(Err(outcome)),
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Between two statements: what a server says that nobody asked for.
    pub fn poll_unasked(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            match self.poll_server(context) {
                Poll::Ready(Ok(())) => (),
                Poll::Ready(Err(outcome)) => return Poll::Ready(outcome),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// One read from the server, judged and passed on.
    fn poll_server(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Outcome>> {
        if !self.backend.unheard.is_empty() {
            let unheard = self.backend.unheard.take();
            let heard = self.hear(context, unheard.bytes());
            self.backend.unheard = unheard.shorten(self.backend.walk.left());
            return Poll::Ready(heard);
        }
        with_scratch(|scratch| {
            let count = match poll_read(&mut self.backend.stream, context, scratch) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.lost("the server closed the connection".into()))),
                Poll::Ready(Ok(count)) => count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.lost(error.to_string()))),
                Poll::Pending => return Poll::Pending,
            };
            self.received += count as u64;
            let heard = self.hear(context, &scratch[..count]);
            if self.backend.walk.left() > 0 {
                self.backend.unheard.keep(&scratch[..count], self.backend.walk.left());
            }
            Poll::Ready(heard)
        })
    }

    /// Passes on what the client is to hear of a chunk.
    fn hear(&mut self, context: &mut Context<'_>, chunk: &[u8]) -> Result<(), Outcome> {
        let before = self.client.outbox.len();
        let tail = match self.backend.walk.feed(chunk, self.pipeline, &mut self.client.outbox) {
            Ok(tail) => tail,
            Err(Broken { tag, length }) => {
                return Err(self.lost(format!("the server sent a message '{}' of length {length}", char::from(tag))));
            }
        };
        if !self.pipeline.is_entering() {
            self.backend.cancellable.has_entered();
        }
        if let Some(withheld) = &mut self.pipeline.withheld {
            withheld.said.extend_from_slice(&self.client.outbox[before..]);
            self.client.outbox.truncate(before);
            return Ok(());
        }
        self.passed += (self.client.outbox.len() - before + tail.len()) as u64;
        if self.passed > 0 {
            self.pipeline.may_ask_again = None;
        }
        if self.may_wait(tail.len()) {
            self.client.outbox.extend_from_slice(tail);
            return Ok(());
        }
        self.client.send_or_keep(context, tail).map_err(|_| Outcome::ClientGone)
    }

    fn lost(&self, cause: String) -> Outcome {
        Outcome::ServerLost {
            cause,
            is_inside_frame: self.backend.walk.is_inside_passed_frame(),
            is_answer_begun: self.passed > 0,
        }
    }
}
