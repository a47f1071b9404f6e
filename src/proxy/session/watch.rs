//! A statement that takes long while its session has locks on several shards may be part of a deadlock: then somebody else
//! decides whether it is given up (`logic::deadlock`). A server has locks in a transaction, before the Sync of a pipeline,
//! and for as long as it runs its share of a statement.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::logic::deadlock::Process;
use crate::logic::protocol::report::Fault;
use crate::proxy::backend::Connector;
use crate::proxy::cancel::Slot;
use crate::proxy::session::Session;
use crate::proxy::session::exchange::{Exchange, Outcome};
use crate::proxy::session::servers::{Held, UNDER_WAY};

impl Session {
    /// Resolves when the session is to be given up; gives the reason. `None`: one shard sees all there is to see.
    pub(super) fn watch(&self) -> Option<impl Future<Output = String> + use<>> {
        self.watch_of(|held| held.is_engaged() || held.status == UNDER_WAY)
    }

    /// The same for what all servers that are held are asked.
    pub(super) fn watch_all(&self) -> Option<impl Future<Output = String> + use<>> {
        self.watch_of(|_| true)
    }

    fn watch_of(&self, has_locks: fn(&Held) -> bool) -> Option<impl Future<Output = String> + use<>> {
        if self.held.len() < 2 || self.held.iter().filter(|held| has_locks(held)).count() < 2 {
            return None;
        }
        let database = &self.picture.as_ref()?.database;
        let timeout = database.limits.deadlock_timeout;
        if timeout.is_zero() {
            return None;
        }
        let processes = self
            .held
            .iter()
            .filter(|held| has_locks(held))
            .map(|held| Process { shard: held.lease.pool().shard.clone(), pid: held.lease.cancellable.pid });
        let processes = processes.collect();
        let age = self.transaction_started.map(|at| Instant::now().saturating_duration_since(at)).unwrap_or_default();
        let started = (SystemTime::now() - age).duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64;
        let (shared, name, session) = (Arc::clone(&self.shared), database.name.clone(), self.id);
        Some(async move {
            tokio::time::sleep(timeout).await;
            shared.waits.of(&name).chosen(session, started, processes).await
        })
    }
}

/// Cancels what runs; the client hears of the deadlock instead of the cancel.
pub(super) async fn give_up(
    detail: String,
    exchange: &mut Exchange<'_>,
    slot: &Slot,
    connector: &Connector,
) -> Outcome {
    let mut error = Vec::new();
    Fault::Deadlock { detail }.write(&mut error);
    exchange.pipeline.instead = Some(error.into());
    let cancellable = Arc::clone(&exchange.backend.cancellable);
    slot.cancel(connector).await;
    let outcome = exchange.run().await;
    // A cancel that is late must not meet the next statement.
    cancellable.quiet().await;
    exchange.pipeline.instead = None;
    outcome
}
