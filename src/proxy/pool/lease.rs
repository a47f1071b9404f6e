//! A server connection that a session has for a while.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::ServerPool;
use crate::proxy::server::{Backend, Boxed};

/// A server connection lent to a session. Dropped in mid-query it closes the connection; only `give_back` returns it.
pub struct Lease {
    backend: Option<Boxed>,
    pool: Arc<ServerPool>,
}

impl Lease {
    /// On a connection of this pool that counts as lent.
    pub(super) fn of(boxed: Boxed, pool: &Arc<ServerPool>) -> Self {
        Self { backend: Some(boxed), pool: Arc::clone(pool) }
    }

    /// Its pool.
    pub fn pool(&self) -> &Arc<ServerPool> {
        &self.pool
    }

    /// Returns a clean connection; one that a cancel request is on its way to comes back when that has arrived.
    pub fn give_back(mut self) {
        let Some(boxed) = self.backend.take() else { return };
        let now = Instant::now();
        self.pool.lent.fetch_sub(1, Ordering::Relaxed);
        self.pool.pulse.beat(now);
        if boxed.cancellable.is_quiet() {
            self.pool.settle(boxed, now);
            return;
        }
        let pool = Arc::clone(&self.pool);
        drop(tokio::spawn(async move {
            boxed.cancellable.quiet().await;
            pool.settle(boxed, Instant::now());
        }));
    }
}

impl Deref for Lease {
    type Target = Backend;

    fn deref(&self) -> &Backend {
        self.backend.as_ref().expect("a lease holds its connection until it is given back")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Backend {
        self.backend.as_mut().expect("a lease holds its connection until it is given back")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(boxed) = self.backend.take() {
            self.pool.lent.fetch_sub(1, Ordering::Relaxed);
            boxed.0.close();
            let mut effects = Vec::new();
            self.pool.machine.lock().lost(Instant::now(), &mut effects);
            self.pool.carry_out(effects);
        }
    }
}
