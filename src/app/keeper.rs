//! Keeps the map's file: a table that a session creates is written into it. One at a time.

use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use crate::config::listed;
use crate::proxy::placing::{Placing, Step};

/// Tables that wait to be listed, at most.
pub const WANTED_MAX: usize = 16;

/// A table to be listed, and who waits for it.
pub struct Wanted {
    /// The table
    pub placing: Placing,
    /// Hears that it was, or why not
    pub answer: oneshot::Sender<Result<(), String>>,
}

/// Asks, and waits for the outcome.
pub async fn ask(wanted: &mpsc::Sender<Wanted>, placing: Placing) -> Result<(), String> {
    let (answer, outcome) = oneshot::channel();
    let ending = || "The proxy is about to end.".to_owned();
    wanted.send(Wanted { placing, answer }).await.map_err(|_| ending())?;
    outcome.await.unwrap_or_else(|_| Err(ending()))
}

/// Does to the file what is asked. The disk may be slow: sessions go on meanwhile.
pub async fn edit(file: PathBuf, placing: Placing) -> Result<(), String> {
    let edit = move || {
        let Placing { step, database, tables, map } = &placing;
        match step {
            Step::Try => listed::check(&file, database, tables, map),
            Step::Add => listed::add(&file, database, tables, map),
            Step::Remove => listed::remove(&file, database, tables),
        }
    };
    tokio::task::spawn_blocking(edit).await.unwrap_or_else(|error| Err(error.to_string()))
}
