//! How long a statement may take, and what else ends the wait for it: a deadlock, a client that takes nothing. And what
//! ends a wait that no server knows of: a cancel request, a client that leaves.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::logic::protocol::report::Fault;
use crate::proxy::session::Session;
use crate::proxy::session::client::{Client, UNTAKEN_MAX};

/// When a statement is late.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    /// How long it might take
    limit: Duration,
}

/// What ends a statement before it is done.
pub(super) struct Patience {
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
    limit: Duration,
    is_late: bool,
    /// What the client had taken when it was looked at, and when it is looked at again
    untaken: Option<(u64, Pin<Box<tokio::time::Sleep>>)>,
    watch: Option<Pin<Box<dyn Future<Output = String> + Send>>>,
    /// The session is given up for others to go on: why
    pub deadlock: Option<String>,
    /// What runs has been cancelled
    pub is_over: bool,
}

impl Session {
    /// Waits for something else than a server's answer, for as long as the client does.
    pub(super) async fn unless_called_off<T>(&mut self, waiting: impl Future<Output = T>) -> Result<T, Fault> {
        let slot = Arc::clone(&self.slot);
        let wait = slot.wait();
        tokio::select! {
            biased;
            fault = wait.called_off() => Err(fault),
            () = std::future::poll_fn(|context| self.client.poll_gone(context)) => Err(Fault::ClientGone),
            done = waiting => Ok(done),
        }
    }

    /// How long a statement over several shards may take.
    pub(super) fn patience(&self) -> Patience {
        self.patience_until(self.deadline())
    }

    /// When a statement that begins now is late; `None`: never.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let limit = self.statement_limit();
        (!limit.is_zero()).then(|| Deadline { at: Instant::now() + limit, limit })
    }

    /// For one step of a statement that is late at `deadline`.
    pub(super) fn patience_until(&self, deadline: Option<Deadline>) -> Patience {
        Patience {
            deadline: deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline.at.into()))),
            limit: deadline.map_or(Duration::ZERO, |deadline| deadline.limit),
            is_late: false,
            untaken: None,
            watch: self.watch_all().map(|watch| Box::pin(watch) as Pin<Box<dyn Future<Output = String> + Send>>),
            deadlock: None,
            is_over: false,
        }
    }
}

impl Patience {
    /// Has it ended?
    pub fn ends(&mut self, context: &mut Context<'_>) -> bool {
        if let (None, Some(watch)) = (&self.deadlock, &mut self.watch)
            && let Poll::Ready(detail) = watch.as_mut().poll(context)
        {
            self.deadlock = Some(detail);
        }
        if let (false, Some(deadline)) = (self.is_late, &mut self.deadline) {
            self.is_late = deadline.as_mut().poll(context).is_ready();
        }
        self.is_late || self.deadlock.is_some()
    }

    /// Is the statement late, and its client takes nothing of what is there for it?
    pub fn ends_with_client(&mut self, client: &Client, context: &mut Context<'_>) -> bool {
        if !self.is_late {
            return false;
        }
        loop {
            let begin = || (client.bytes_out, Box::pin(tokio::time::sleep(UNTAKEN_MAX)));
            let (taken, again) = self.untaken.get_or_insert_with(begin);
            if again.as_mut().poll(context).is_pending() {
                return false;
            }
            if client.takes_nothing_since(*taken) {
                return true;
            }
            self.untaken = None;
        }
    }

    /// Why it has ended, if it has.
    pub fn fault(self) -> Option<Fault> {
        let late = self.is_late.then_some(Fault::StatementTimeout { limit: self.limit });
        self.deadlock.map(|detail| Fault::Deadlock { detail }).or(late)
    }
}
