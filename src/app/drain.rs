//! How the proxy ends: clients leave one after another, and nobody loses a transaction that could be finished.
//!
//! ```text
//! TERM: /readyz says no ─drain_grace→ listeners close ─→ each client ends at its next transaction boundary (57P01)
//! INT:                                listeners close ─→ ─drain_timeout→ the rest ends in mid-transaction
//! SHUTDOWN WAIT_FOR_CLIENTS:          listeners close ─→ clients leave by themselves, and so does the console ─→ as INT
//! a second signal: the rest ends at once
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::listening::Listening;
use super::signals::{How, Signals};
use crate::config::ListenSettings;
use crate::control::ControlHandle;
use crate::proxy::console::Console;
use crate::proxy::entrance::Entrance;
use crate::proxy::leaving::{Leaving, NEWCOMER};
use crate::proxy::shared::Shared;

/// Who has to leave in mid-transaction has this long to hear why.
const FAREWELL: Duration = Duration::from_secs(2);

/// Is there a time when the end comes, whatever clients do?
pub fn is_near(how: How, listen: &ListenSettings) -> bool {
    match how {
        How::AtOnce => true,
        How::Soon | How::Gently => !listen.drain_timeout.is_zero(),
        How::WhenLeft => false,
    }
}

/// What a proxy that ends still has.
pub struct Drain {
    /// Tells the world that we are not ready any more
    pub control: ControlHandle,
    /// Tells sessions to leave
    pub shared: Arc<Shared>,
    /// Counts clients
    pub entrance: Arc<Entrance>,
    /// Its visitors leave when the clients have left
    pub console: Arc<Console>,
    /// Lets clients in until it is closed
    pub listening: Listening,
}

impl Drain {
    /// Returns when nobody is left, or when it is time to end all the same.
    pub async fn run(self, how: How, listen: &ListenSettings, signals: &mut Signals) {
        tracing::info!(clients = self.entrance.open(), ?how, "draining");
        self.control.drain();
        tokio::select! {
            () = self.empty(how, listen) => (),
            () = signals.next_end() => tracing::info!("told to end at once"),
        }
    }

    async fn empty(self, how: How, listen: &ListenSettings) {
        let Self { shared, entrance, console, listening, .. } = self;
        let first = match how {
            How::AtOnce => return,
            How::Soon | How::WhenLeft => Leaving::Everyone,
            How::Gently => {
                tokio::time::sleep(listen.drain_grace).await;
                Leaving::Settled
            }
        };
        listening.close().await;
        if how == How::WhenLeft {
            until(|| shared.cancels.is_empty(), Duration::MAX).await;
        }
        let started = Instant::now();
        shared.leave(first);
        if first == Leaving::Settled {
            until_empty(&entrance, NEWCOMER).await;
            shared.leave(Leaving::Everyone);
        }
        let left = listen.drain_timeout.saturating_sub(started.elapsed()).max(Duration::from_millis(1));
        let limit = if listen.drain_timeout.is_zero() { Duration::MAX } else { left };
        until_empty(&entrance, limit).await;
        if entrance.open() > 0 {
            tracing::warn!(clients = entrance.open(), "clients did not leave in time (drain_timeout)");
            part(&shared, &entrance).await;
        }
        console.dismiss_visitors();
        until(|| console.visitors() == 0, FAREWELL).await;
    }
}

/// Ends sessions in the middle of transactions and statements; they hear why. First those whose statement can be cancelled,
/// then who waits for its client: for the data of a COPY.
async fn part(shared: &Arc<Shared>, entrance: &Entrance) {
    shared.leave(Leaving::AtOnce);
    for cancelling in shared.cancels.cancel_all() {
        let shared = Arc::clone(shared);
        drop(tokio::spawn(async move { cancelling.deliver(&shared.connector).await }));
    }
    until(|| shared.cancels.is_empty(), FAREWELL / 2).await;
    for slot in shared.cancels.all() {
        let shared = Arc::clone(shared);
        drop(tokio::spawn(async move { slot.terminate(&shared.connector).await }));
    }
    until_empty(entrance, FAREWELL / 2).await;
}

async fn until_empty(entrance: &Entrance, limit: Duration) {
    until(|| entrance.open() == 0, limit).await;
}

async fn until(holds: impl Fn() -> bool, limit: Duration) {
    const LOOK: Duration = Duration::from_millis(20);
    let started = Instant::now();
    while !holds() && started.elapsed() < limit {
        tokio::time::sleep(LOOK).await;
    }
}
