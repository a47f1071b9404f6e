//! Ends the process at a named step, for the tests of what recovery makes of it.

/// `SHARDWAY_CRASH_AT` names the step.
#[cfg(debug_assertions)]
pub fn crash_at(step: &str) {
    if std::env::var("SHARDWAY_CRASH_AT").is_ok_and(|wanted| wanted == step) {
        std::process::abort();
    }
}

/// Released builds do no such thing.
#[cfg(not(debug_assertions))]
pub fn crash_at(_step: &str) {}
