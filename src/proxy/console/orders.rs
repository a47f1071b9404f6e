//! What the console cannot do itself: it asks whoever runs the proxy.

use tokio::sync::{mpsc, oneshot};

use crate::logic::console::statement::Shutdown;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Read the files again
    Reload,
    /// Change a setting until the next reload
    Set {
        /// PgBouncer's name, or ours
        key: String,
        /// As written
        value: String,
    },
    /// End
    Shutdown(Shutdown),
}

/// A wish, and who waits for its outcome.
#[derive(Debug)]
pub struct Order {
    /// What is to be done
    pub wish: Wish,
    /// Hears that it was, or why not
    pub answer: oneshot::Sender<Result<(), String>>,
}

/// Asks, and waits for the outcome.
pub async fn ask(orders: &mpsc::Sender<Order>, wish: Wish) -> Result<(), String> {
    let (answer, outcome) = oneshot::channel();
    let nobody = || "nobody carries out orders here".to_owned();
    orders.send(Order { wish, answer }).await.map_err(|_| nobody())?;
    outcome.await.unwrap_or_else(|_| Err(nobody()))
}
