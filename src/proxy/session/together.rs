//! Short statements of ours that several servers run at the same time. The client hears nothing of them and does not
//! end them by leaving: what has to be done is done.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::logic::protocol::frame::client;
use crate::logic::protocol::walk::Broken;
use crate::logic::protocol::write;
use crate::logic::session::pipeline::{Owed, Pipeline};
use crate::proxy::server::Backend;
use crate::proxy::session::client::{poll_read, with_scratch};
use crate::proxy::session::exchange::Outgoing;
use crate::proxy::session::{Session, Trouble};

/// May the statements still be stopped?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// By a cancel request, by `query_timeout`, to end a deadlock
    May,
    /// They must run to their end: only a server that says nothing for this long is given up
    After(Duration),
}

/// One server's part.
pub(super) struct Told {
    /// Its place among the servers held
    pub index: usize,
    outgoing: Outgoing,
    pipeline: Pipeline,
    /// The connection broke, or took too long
    pub lost: Option<String>,
}

impl Told {
    /// The body of the server's error.
    pub fn failure(&self) -> Option<&[u8]> {
        self.pipeline.deaf_failure.as_deref()
    }

    /// What it said before it closed the connection.
    pub fn goodbye(&mut self) -> Option<Box<[u8]>> {
        self.pipeline.goodbye.take()
    }

    /// The parameters that it has reported, and their values.
    pub fn take_reported(&mut self) -> Vec<(Box<str>, Box<str>)> {
        std::mem::take(&mut self.pipeline.parameters)
    }

    /// It was done.
    pub fn is_done(&self) -> bool {
        self.lost.is_none() && self.failure().is_none()
    }

    fn is_over(&self) -> bool {
        self.lost.is_some() || self.pipeline.is_settled()
    }

    /// Sends, then reads until the socket is empty. What is not an answer (a notification) goes to the client.
    fn poll(&mut self, backend: &mut Backend, client: &mut Vec<u8>, context: &mut Context<'_>) {
        if let Err(error) = self.outgoing.poll_send(backend, context) {
            // Reading will tell what happened.
            tracing::debug!(%error, "a server does not take our bytes");
            self.outgoing.clear();
        }
        while !self.is_over() {
            let polled = with_scratch(|scratch| match poll_read(&mut backend.stream, context, scratch) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(0)) => Poll::Ready(Err("the server closed the connection".to_owned())),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error.to_string())),
                Poll::Ready(Ok(count)) => Poll::Ready(
                    backend
                        .walk
                        .feed(&scratch[..count], &mut self.pipeline, client)
                        .map(<[u8]>::to_vec)
                        .map_err(|Broken { tag, .. }| format!("a message '{}' that is none", char::from(tag))),
                ),
            });
            match polled {
                Poll::Ready(Ok(tail)) => client.extend_from_slice(&tail),
                Poll::Ready(Err(cause)) => self.lost = Some(cause),
                Poll::Pending => return,
            }
        }
    }
}

impl Session {
    /// Runs a statement of ours on each of these servers. `on_answer` is called after each answer.
    pub(super) async fn together(
        &mut self,
        statements: Vec<(usize, String)>,
        stop: Stop,
        on_answer: impl Fn(),
    ) -> Vec<Told> {
        let told = statements.into_iter().map(|(index, sql)| self.told(index, &sql)).collect();
        self.settle_all(told, stop, on_answer).await
    }

    /// The same where the statement must leave the client's portals as they are, which a Query does not.
    pub(super) async fn together_aside(&mut self, indexes: &[usize], sql: &str) -> Vec<Told> {
        let mut told = Vec::with_capacity(indexes.len());
        for index in indexes {
            self.held[*index].lease.unnamed = None;
            let mut outgoing = Outgoing::default();
            let mut pipeline = Pipeline::default();
            pipeline.silence();
            write::aside(outgoing.buffer(), sql);
            write::bare(outgoing.buffer(), client::SYNC);
            pipeline.owe(Owed::Aside);
            pipeline.owe(Owed::HiddenSync);
            told.push(Told { index: *index, outgoing, pipeline, lost: None });
        }
        self.settle_all(told, Stop::May, || ()).await
    }

    /// Begins the open transaction on servers that do not know of it yet, and runs a first statement there.
    pub(super) async fn join(&mut self, indexes: &[usize], sql: &str) -> Result<(), Trouble> {
        let mut told = Vec::with_capacity(indexes.len());
        for index in indexes {
            self.pipeline.clear();
            self.prepare(*index);
            let (mut outgoing, mut pipeline) = (std::mem::take(&mut self.outgoing), std::mem::take(&mut self.pipeline));
            self.held[*index].lease.unnamed = None;
            write::query(outgoing.buffer(), sql.as_bytes());
            pipeline.owe(Owed::DeafQuery);
            told.push(Told { index: *index, outgoing, pipeline, lost: None });
        }
        let mut told = self.settle_all(told, Stop::May, || ()).await;
        for it in &mut told {
            self.pipeline.hidden_failure = it.pipeline.hidden_failure.take();
            it.lost = self.is_unready(it.index).or(it.lost.take());
            self.held[it.index].reported.extend(it.take_reported());
        }
        self.drop_lost(told).map_or(Ok(()), Err)
    }

    fn told(&mut self, index: usize, sql: &str) -> Told {
        self.held[index].lease.unnamed = None;
        let (mut outgoing, mut pipeline) = (Outgoing::default(), Pipeline::default());
        write::query(outgoing.buffer(), sql.as_bytes());
        pipeline.owe(Owed::DeafQuery);
        Told { index, outgoing, pipeline, lost: None }
    }

    async fn settle_all(&mut self, mut told: Vec<Told>, stop: Stop, on_answer: impl Fn()) -> Vec<Told> {
        let limit = match stop {
            Stop::May => {
                let servers = told.iter().map(|it| Arc::clone(&self.held[it.index].lease.cancellable));
                self.slot.set_all(servers.collect());
                self.statement_limit()
            }
            Stop::After(limit) => {
                self.slot.clear();
                for it in &told {
                    // A cancel that is late must not meet what has to be done.
                    self.held[it.index].lease.cancellable.quiet().await;
                }
                limit
            }
        };
        self.run_together(&mut told, stop, limit, on_answer).await;
        for it in &told {
            if let Some(status) = it.pipeline.status {
                self.held[it.index].status = status;
            }
        }
        told
    }

    async fn run_together(&mut self, told: &mut [Told], stop: Stop, limit: Duration, on_answer: impl Fn()) {
        let watch = self.watch().filter(|_| stop == Stop::May);
        let is_watched = watch.is_some();
        let watch = async move {
            match watch {
                Some(watch) => watch.await,
                None => std::future::pending().await,
            }
        };
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(watch, deadline);
        let (mut is_stopped, mut is_chosen) = (false, !is_watched);
        std::future::poll_fn(|context| {
            for it in told.iter_mut().filter(|it| !it.is_over()) {
                it.poll(&mut self.held[it.index].lease, &mut self.client.outbox, context);
                if it.is_over() {
                    on_answer();
                }
            }
            if told.iter().all(Told::is_over) {
                return Poll::Ready(());
            }
            let is_late = !limit.is_zero() && !is_stopped && deadline.as_mut().poll(context).is_ready();
            if !is_chosen && let Poll::Ready(detail) = watch.as_mut().poll(context) {
                is_chosen = true;
                let mut error = Vec::new();
                crate::logic::protocol::report::Fault::Deadlock { detail }.write(&mut error);
                for it in told.iter_mut() {
                    it.pipeline.instead = Some(error.clone().into());
                }
                self.cancel_aside();
            }
            match stop {
                Stop::May if is_late => {
                    is_stopped = true;
                    self.cancel_aside();
                }
                Stop::After(limit) if is_late => {
                    for it in told.iter_mut().filter(|it| !it.is_over()) {
                        it.lost = Some(format!("no answer within {limit:?}"));
                    }
                    return Poll::Ready(());
                }
                Stop::May | Stop::After(_) => (),
            }
            Poll::Pending
        })
        .await;
        for it in told {
            // A cancel that is late must not meet the next statement.
            self.held[it.index].lease.cancellable.quiet().await;
        }
    }

    /// Cancels what runs now; whoever waits for its end goes on waiting.
    pub(super) fn cancel_aside(&self) {
        let (cancelling, connector) = (self.slot.begin_cancel(), Arc::clone(&self.shared.connector));
        drop(tokio::spawn(async move { cancelling.deliver(&connector).await }));
    }
}
