//! Ends or stops the process at a named step, for the tests of what recovery makes of it.

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicBool, Ordering};

/// `SHARDWAY_CRASH_AT` names a step at which the process dies, `SHARDWAY_STOP_AT` one at which it waits for SIGCONT the
/// first time.
#[cfg(debug_assertions)]
pub fn crash_at(step: &str) {
    static HAS_STOPPED: AtomicBool = AtomicBool::new(false);
    let is_at = |variable: &str| std::env::var(variable).is_ok_and(|wanted| wanted == step);
    if is_at("SHARDWAY_CRASH_AT") {
        std::process::abort();
    }
    if is_at("SHARDWAY_STOP_AT") && !HAS_STOPPED.swap(true, Ordering::Relaxed) {
        let own = std::process::id().to_string();
        if let Err(error) = std::process::Command::new("kill").args(["-STOP", &own]).status() {
            tracing::error!(%error, "cannot stop");
        }
    }
}

/// Released builds do no such thing.
#[cfg(not(debug_assertions))]
pub fn crash_at(_step: &str) {}
