//! The client's end of a session: bytes in, bytes out. An idle client owns no buffer.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::logic::protocol::frame::client::{FLUSH, SYNC, TERMINATE};
use crate::logic::protocol::frame::{self, Front};
use crate::proxy::cancel::Slot;
use crate::proxy::stream::Stream;

/// Bytes read at a time. Large pieces are what makes large results cheap, so the buffer is the thread's, not the session's.
pub const SCRATCH: usize = 64 << 10;
/// While a statement runs, no more than this is read ahead from the client.
const AHEAD_MAX: usize = 64 << 10;
/// A statement that is late is over for a client that takes nothing for so long.
pub const UNTAKEN_MAX: Duration = Duration::from_secs(5);
/// Buffers larger than this are given back as soon as they are empty.
const KEEP_MAX: usize = 8 << 10;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// Lends the thread's read buffer for the length of one poll.
pub fn with_scratch<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with(|buffer| work(&mut buffer.borrow_mut()))
}

/// One read into a slice.
pub fn poll_read(stream: &mut Stream, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(buffer);
    ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

/// Writes as much of `bytes` as the socket takes now. Returns how much that was.
pub fn poll_write_some(stream: &mut Stream, context: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match Pin::new(&mut *stream).poll_write(context, &bytes[written..]) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(count)) => written += count,
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => break,
        }
    }
    Ok(written)
}

/// The client of a session.
#[derive(Debug)]
pub struct Client {
    /// Whose client it is; it may have been sent away
    pub slot: Option<Arc<Slot>>,
    stream: Stream,
    inbox: Vec<u8>,
    taken: usize,
    /// What the client is to be sent
    pub outbox: Vec<u8>,
    sent: usize,
    is_flushing: bool,
    /// It has said goodbye and closed: what it sent before is carried out, and nobody hears the answers
    has_left: bool,
    /// Nothing but an answer comes of what runs and ends here, as `consumed` counts
    only_asks_to: u64,
    /// What it has been sent ends inside a message
    pub is_cut: bool,
    /// Bytes consumed since the session began
    pub consumed: u64,
    /// Bytes received since last asked
    pub bytes_in: u64,
    /// Bytes sent since last asked
    pub bytes_out: u64,
}

/// A place in what a client is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    at: usize,
    out: u64,
}

impl Client {
    /// With bytes that came behind the login.
    pub fn new(stream: Stream, leftover: &BytesMut) -> Self {
        Self {
            slot: None,
            stream,
            inbox: leftover.to_vec(),
            taken: 0,
            outbox: Vec::new(),
            sent: 0,
            is_flushing: false,
            has_left: false,
            only_asks_to: 0,
            is_cut: false,
            consumed: 0,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// What has been received and not consumed.
    pub fn received(&self) -> &[u8] {
        &self.inbox[self.taken..]
    }

    /// What stands at the front of it.
    pub fn front(&self) -> Front<'_> {
        frame::front(self.received())
    }

    /// The first `count` bytes are done with.
    pub fn consume(&mut self, count: usize) {
        self.taken += count;
        self.consumed += count as u64;
        if self.taken >= self.inbox.len() {
            self.taken = 0;
            self.inbox.clear();
            if self.inbox.capacity() > KEEP_MAX {
                self.inbox = Vec::new();
            }
        }
    }

    /// Gives all memory back before a long wait.
    pub fn rest(&mut self) {
        if self.inbox.is_empty() {
            self.inbox = Vec::new();
        }
        if self.outbox.is_empty() {
            self.outbox = Vec::new();
        }
    }

    /// Receives more. `Ok(0)`: the client has closed, or is not to be heard any more.
    pub fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.is_dismissed() {
            return Poll::Ready(Ok(0));
        }
        let Self { stream, inbox, taken, .. } = self;
        let result = with_scratch(|scratch| {
            let count = ready!(poll_read(stream, context, scratch))?;
            if *taken > 0 {
                inbox.drain(..*taken);
                *taken = 0;
            }
            inbox.extend_from_slice(&scratch[..count]);
            Poll::Ready(Ok(count))
        });
        if let Poll::Ready(Ok(count)) = &result {
            self.bytes_in += *count as u64;
        }
        result
    }

    /// An operator has sent it away.
    fn is_dismissed(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.card.is_leaving())
    }

    /// While a statement runs: has the client gone? Reads a little ahead, because the end stands behind what it sent.
    pub fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_dismissed() {
            return Poll::Ready(());
        }
        while self.received().len() < AHEAD_MAX && !self.has_left {
            if self.stream.poll_read_ready(context).is_pending() {
                return Poll::Pending;
            }
            match ready!(self.poll_fill(context)) {
                Ok(0) | Err(_) if self.ends_with_goodbye() => self.has_left = true,
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => (),
            }
        }
        if self.has_left && self.is_for_nobody() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Nothing but an answer will come of what runs next and stands before `end` in what was received.
    pub fn only_asks_to(&mut self, end: usize) {
        self.only_asks_to = self.consumed + end as u64;
    }

    /// Who has left has only asked, and wants nothing else.
    fn is_for_nobody(&self) -> bool {
        let Some(ahead) = self.only_asks_to.checked_sub(self.consumed) else { return false };
        let mut rest = self.received().get(ahead as usize..).unwrap_or_default();
        while let Front::Whole(frame) = frame::front(rest) {
            rest = &rest[frame.bytes.len()..];
            match frame.tag {
                TERMINATE => return true,
                SYNC | FLUSH => (),
                _ => return false,
            }
        }
        false
    }

    /// PostgreSQL carries out whatever stands before a Terminate, though the client may not wait for it.
    fn ends_with_goodbye(&self) -> bool {
        let mut rest = self.received();
        while let Front::Whole(frame) = frame::front(rest) {
            rest = &rest[frame.bytes.len()..];
            if frame.tag == TERMINATE {
                return true;
            }
        }
        false
    }

    /// A write has failed: whether that matters.
    fn unheard(&mut self, error: io::Error) -> io::Result<()> {
        self.has_left = self.has_left || self.ends_with_goodbye();
        if !self.has_left {
            return Err(error);
        }
        (self.sent, self.is_flushing) = (0, false);
        self.outbox.clear();
        Ok(())
    }

    /// Sends `tail` behind what is already waiting to be sent; keeps what the socket does not take now.
    pub fn send_or_keep(&mut self, context: &mut Context<'_>, tail: &[u8]) -> io::Result<()> {
        match self.try_to_send(context, tail) {
            Err(error) => self.unheard(error),
            sent => sent,
        }
    }

    fn try_to_send(&mut self, context: &mut Context<'_>, tail: &[u8]) -> io::Result<()> {
        if !self.outbox.is_empty() {
            self.outbox.extend_from_slice(tail);
            return match self.poll_flush(context) {
                Poll::Ready(result) => result,
                Poll::Pending => Ok(()),
            };
        }
        let written = poll_write_some(&mut self.stream, context, tail)?;
        self.bytes_out += written as u64;
        self.is_flushing |= self.stream.is_secure();
        self.outbox.extend_from_slice(&tail[written..]);
        if self.is_flushing {
            return match self.poll_flush(context) {
                Poll::Ready(result) => result,
                Poll::Pending => Ok(()),
            };
        }
        Ok(())
    }

    /// The end of what it is to be sent so far.
    pub fn mark(&self) -> Mark {
        Mark { at: self.outbox.len(), out: self.bytes_out }
    }

    /// What has been put behind a mark, unless some of it may have been sent.
    pub fn behind(&self, from: Mark) -> &[u8] {
        let is_there = from.out == self.bytes_out;
        self.outbox.get(from.at..).filter(|_| is_there).unwrap_or_default()
    }

    /// Takes messages with these tags back that were put between two marks, unless some of them may have been sent.
    pub fn take_back(&mut self, from: Mark, to: Mark, tags: &[u8]) {
        if from.out != self.bytes_out || to.at > self.outbox.len() {
            return;
        }
        let behind = self.outbox.split_off(to.at);
        let taken = self.outbox.split_off(from.at);
        let mut rest = &taken[..];
        while let Front::Whole(frame) = frame::front(rest) {
            let (bytes, tag) = (frame.bytes, frame.tag);
            rest = &rest[bytes.len()..];
            if !tags.contains(&tag) {
                self.outbox.extend_from_slice(bytes);
            }
        }
        self.outbox.extend_from_slice(rest);
        self.outbox.extend_from_slice(&behind);
    }

    /// Is something waiting to be sent?
    pub fn has_backlog(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Sends what is waiting.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_to_flush(context)) {
            Err(error) => Poll::Ready(self.unheard(error)),
            flushed => Poll::Ready(flushed),
        }
    }

    fn poll_to_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outbox.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.outbox[self.sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
            self.bytes_out += written as u64;
            self.is_flushing |= self.stream.is_secure();
        }
        self.outbox.clear();
        self.sent = 0;
        if self.outbox.capacity() > KEEP_MAX {
            self.outbox = Vec::new();
        }
        if self.is_flushing {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.is_flushing = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Has it taken nothing of what is waiting since it had been sent so many bytes? Its log says so.
    pub fn takes_nothing_since(&self, bytes_out: u64) -> bool {
        let is_deaf = self.has_backlog() && self.bytes_out == bytes_out;
        if is_deaf {
            let waiting = self.outbox.len() - self.sent;
            tracing::info!(
                client = self.slot.as_ref().map(|slot| slot.card.id),
                waiting,
                "client does not take what it has asked for: it is sent away"
            );
        }
        is_deaf
    }

    /// Sends what is waiting to a client that must take some of it before each `limit` is over.
    pub async fn flush_within(&mut self, limit: Duration) -> io::Result<()> {
        loop {
            let taken = self.bytes_out;
            match tokio::time::timeout(limit, self.flush()).await {
                Ok(flushed) => return flushed,
                Err(_) if self.takes_nothing_since(taken) => return Err(io::ErrorKind::TimedOut.into()),
                Err(_) => (),
            }
        }
    }

    /// Sends what is waiting.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.outbox.is_empty() && !self.is_flushing {
            return Ok(());
        }
        std::future::poll_fn(|context| self.poll_flush(context)).await
    }
}
