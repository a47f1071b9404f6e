//! What a held server is sent, and how its answer comes to the client.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::logic::protocol::frame::client;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::session::pipeline::{CANCELLED, Done, HiddenFailure, Owed, Pipeline, UNNAMED};
use crate::logic::session::telling;
use crate::proxy::metrics::Direction;
use crate::proxy::server::Backend;
use crate::proxy::session::exchange::{self, Exchange, Outcome};
use crate::proxy::session::timing::Limits;
use crate::proxy::session::{End, Session, Trouble, watch};

const RESET_SETTINGS: &[u8] = b"RESET SESSION AUTHORIZATION;RESET ALL";
/// DISCARD ALL, but for the statements that are prepared.
const RESET_ALL_OF_IT: &[u8] = b"RESET SESSION AUTHORIZATION;RESET ALL;CLOSE ALL;UNLISTEN *;\
    SELECT pg_catalog.pg_advisory_unlock_all();DISCARD PLANS;DISCARD TEMP;DISCARD SEQUENCES";

/// What a session has set, in a transaction of its own: where it fails, what stands behind it finds a failed transaction, and
/// does not run as somebody else or without what was set.
fn tell_settings(backend: &mut Backend, pipeline: &mut Pipeline, out: &mut Vec<u8>, sql: &[u8]) {
    tell_first(backend, pipeline, out, &[b"BEGIN;", sql, b";COMMIT"].concat());
}

/// A query of ours before the client's own statement.
fn tell_first(backend: &mut Backend, pipeline: &mut Pipeline, out: &mut Vec<u8>, sql: &[u8]) {
    backend.cancellable.enter();
    query(backend, pipeline, out, Owed::HiddenQuery, sql);
}

/// A query of ours. It destroys the unnamed statement.
fn query(backend: &mut Backend, pipeline: &mut Pipeline, out: &mut Vec<u8>, owed: Owed, sql: &[u8]) {
    backend.unnamed = None;
    pipeline.owe(owed);
    write::query(out, sql);
}

impl Session {
    /// How long the next statement may run: `query_timeout`, and what is left of `transaction_timeout`. Zero: for ever.
    pub(super) fn statement_limit(&self) -> Duration {
        let Some(picture) = &self.picture else { return Duration::ZERO };
        let limits = &picture.database.limits;
        match (limits.query_timeout, self.transaction_left()) {
            (query, None) => query,
            (Duration::ZERO, Some(left)) => left,
            (query, Some(left)) => query.min(left),
        }
    }

    /// Each statement has a time of its own.
    pub(super) fn are_timed(&self) -> bool {
        self.picture.as_ref().is_some_and(|picture| !picture.database.limits.query_timeout.is_zero())
    }

    /// The same for statements that are sent together: each has its `query_timeout`.
    fn limits(&self) -> Limits {
        let each = self.picture.as_ref().map_or(Duration::ZERO, |picture| picture.database.limits.query_timeout);
        Limits { each, all: self.transaction_left() }
    }

    /// What is left of `transaction_timeout`, a millisecond at least; `None`: there is no limit.
    pub(super) fn transaction_left(&self) -> Option<Duration> {
        let timeout = self.picture.as_ref()?.database.limits.transaction_timeout;
        if timeout.is_zero() {
            return None;
        }
        let spent = self.transaction_started.map_or(Duration::ZERO, |started| started.elapsed());
        Some(timeout.saturating_sub(spent).max(Duration::from_millis(1)))
    }

    /// Writes what a server must hear before the client's own statement: settings, and the BEGIN that was held back.
    pub(super) fn prepare(&mut self, index: usize) {
        self.prepare_settings(index);
        let held = &mut self.held[index];
        if let Some(begun) = self.transaction.begun()
            && !held.is_member
        {
            held.is_member = true;
            tell_first(&mut held.lease, &mut self.pipeline, self.outgoing.buffer(), begun.text.as_bytes());
            // What was set meanwhile stands in it.
            held.untold.clear();
            self.transaction.opened();
        }
        let held = &mut self.held[index];
        if held.is_member && !held.untold.is_empty() {
            let untold = std::mem::take(&mut held.untold);
            tell_first(&mut held.lease, &mut self.pipeline, self.outgoing.buffer(), untold.as_bytes());
        }
        let held = &mut self.held[index];
        held.took_part |= held.is_member;
    }

    /// The settings alone, for what needs no transaction.
    pub(super) fn prepare_settings(&mut self, index: usize) {
        let held = &mut self.held[index];
        let base = self.settings.base();
        let out = self.outgoing.buffer();
        // In a pipeline a query of ours would end its transaction.
        if held.is_to_reset() && !held.is_engaged() {
            // Of another client: what else functions may have left goes too.
            let reset = if held.pin.is_none() { RESET_ALL_OF_IT } else { RESET_SETTINGS };
            tell_settings(&mut held.lease, &mut self.pipeline, out, reset);
            held.lease.settings = Arc::default();
            held.lease.is_tainted = false;
            held.lease.has_unseen = false;
        }
        if !held.is_member && !Arc::ptr_eq(&held.lease.settings, base) {
            if let Some(sql) = telling::difference(&held.lease.settings, base) {
                if let Some(encoding) = telling::encoding_first(&held.lease.settings, &sql) {
                    tell_settings(&mut held.lease, &mut self.pipeline, out, encoding.as_bytes());
                }
                tell_settings(&mut held.lease, &mut self.pipeline, out, sql.as_bytes());
            }
            held.lease.settings = Arc::clone(base);
        }
    }

    /// A query of ours, to be sent with the next `converse`. It destroys the server's unnamed statement.
    pub(super) fn ask(&mut self, index: usize, owed: Owed, sql: &str) {
        query(&mut self.held[index].lease, &mut self.pipeline, self.outgoing.buffer(), owed, sql.as_bytes());
    }

    /// What stands in `outgoing` belongs to a pipeline of the client's, whose Sync is still to come: after an error the server
    /// skips to it.
    pub(super) async fn flush_to(&mut self, index: usize) -> Result<(), Trouble> {
        self.held[index].pipe(false);
        write::bare(self.outgoing.buffer(), client::FLUSH);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        if self.pipeline.failure.is_some() {
            self.held[index].status = b'E';
            return Err(Trouble::Told);
        }
        Ok(())
    }

    /// Sends what stands in `outgoing` and `direct`, relays until all that is owed is settled.
    pub(super) async fn converse(&mut self, index: usize, direct: Option<usize>) -> Result<Outcome, End> {
        if self.held[index].notifies {
            Box::pin(self.make_known(index)).await;
        }
        let backend = &mut *self.held[index].lease;
        self.slot.set(&backend.cancellable);
        let mut sent = 0;
        if let Some(size) = direct {
            // A simple query destroys the unnamed statement (protocol-flow, extended query).
            backend.unnamed = None;
            sent = size + self.outgoing.len();
            exchange::send_direct(backend, &mut self.outgoing, &self.client.received()[..size]).await;
            sent -= self.outgoing.len();
        }
        self.relay(index, sent).await
    }

    /// The same for a server that cancel requests know of. `sent`: bytes on their way already.
    pub(super) async fn relay(&mut self, index: usize, sent: usize) -> Result<Outcome, End> {
        let sent = sent + self.outgoing.len();
        let (watch, limits) = (self.watch().map(Box::pin), self.limits());
        let backend = &mut *self.held[index].lease;
        if let Some(among) = self.among {
            self.pipeline.keeps_ready = true;
            self.pipeline.characters_before = self.pipeline.characters_before.max(among.before);
        }
        if self.hearing.is_some() {
            self.pipeline.keeps_ready = true;
        }
        self.pipeline.speak(&mut self.client.outbox);
        let mut exchange = Exchange::new(&mut self.client, backend, &mut self.pipeline, &mut self.outgoing);
        let (slot, connector, id) = (&self.slot, &self.shared.connector, self.id);
        let outcome = exchange.run_within(limits, |limit, is_late| {
            tracing::info!(client = id, ?limit, "statement is cancelled (query_timeout, transaction_timeout)");
            let (cancelling, connector) = (slot.begin_cancel(), Arc::clone(connector));
            let is_wanted = move || is_late.load(Ordering::Acquire);
            drop(tokio::spawn(async move { cancelling.deliver_if(&connector, is_wanted).await }));
        });
        let outcome = match watch {
            None => outcome.await,
            Some(watch) => {
                let first = Box::pin(async move {
                    tokio::select! {
                        biased;
                        outcome = outcome => Ok(outcome),
                        detail = watch => Err(detail),
                    }
                });
                match first.await {
                    Ok(outcome) => outcome,
                    Err(detail) => Box::pin(watch::give_up(detail, &mut exchange, slot, connector)).await,
                }
            }
        };
        let received = exchange.received;
        self.metrics.bytes(Direction::ServerOut, sent as u64);
        self.metrics.answered(received);
        for done in &self.pipeline.done {
            if let Done::Prepared(id) = done
                && *id != UNNAMED
            {
                let now = self.shared.moment();
                let lease = &mut self.held[index].lease;
                lease.prepared.insert(*id, now);
                self.slot.card.tallies.server_parses.add(1);
                lease.cancellable.connection.prepared.store(lease.prepared.len() as u32, Ordering::Relaxed);
            }
        }
        if let Some(failure) = &self.pipeline.failure {
            self.metrics.error(&failure.sqlstate);
        }
        if let Some(status) = self.pipeline.status {
            self.held[index].status = status;
        }
        if let Outcome::ClientGone = outcome {
            self.abandon(index);
            return Err(End::Gone);
        }
        if let Some(cause) = self.is_unready(index) {
            return Ok(Outcome::ServerLost { cause, is_inside_frame: false, is_answer_begun: true });
        }
        if let Some(status) = self.pipeline.kept_ready.take()
            && self.among.is_none()
        {
            self.kept_ready = Some(status);
        }
        Ok(outcome)
    }

    /// A message of ours failed: the server is not in the state that the client believes, and its connection closes. What
    /// the client's statement has found there is a failed transaction.
    pub(super) fn is_unready(&mut self, index: usize) -> Option<String> {
        let HiddenFailure { error, is_silenced } = *self.pipeline.hidden_failure.take()?;
        if is_silenced && view::error_field(&error, b'C') == Some(CANCELLED) {
            // It was stopped before it had begun, for another shard had failed. What it was told first it may lack.
            self.held[index].lease.is_tainted = true;
            return None;
        }
        let pool = self.held[index].lease.pool();
        tracing::info!(client = self.id, server = %pool.server, "a server does not take what the session has set");
        let [sqlstate, message] = [b'C', b'M']
            .map(|code| String::from_utf8_lossy(view::error_field(&error, code).unwrap_or_default()).into_owned());
        let shard = pool.shard.clone();
        self.unready = Some(Box::new(Fault::Unready { shard, sqlstate: sqlstate.into(), message: message.clone() }));
        Some(message)
    }
}
