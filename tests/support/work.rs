//! Threads that work beside a test until it is over, however it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long the work goes on: it is over when this is dropped, also by a test that fails. Clients that nobody ends
/// go on for ever, and what they keep fills the memory of all other tests.
#[derive(Default)]
pub struct Work(Progress);

impl Work {
    /// What those who work look at.
    pub fn progress(&self) -> Progress {
        self.0.clone()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Tells those who work whether they go on.
#[derive(Clone, Default)]
pub struct Progress(Arc<AtomicBool>);

impl Progress {
    pub fn goes_on(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}
