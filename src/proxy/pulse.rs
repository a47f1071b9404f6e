//! When servers last answered sessions: a sign of life for those who probe them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use crate::logic::topology::Address;

/// Of all servers.
#[derive(Debug, Default)]
pub struct Pulses(Mutex<HashMap<Address, Pulse>>);

impl Pulses {
    /// The pulse of the server there; those that nobody feels any more are forgotten.
    pub fn of(&self, address: &Address) -> Pulse {
        let mut pulses = self.0.lock();
        if !pulses.contains_key(address) {
            pulses.retain(|_, pulse| Arc::strong_count(&pulse.last) > 1);
        }
        pulses.entry(address.clone()).or_default().clone()
    }
}

/// Of one server; clones share it.
#[derive(Debug, Clone)]
pub struct Pulse {
    since: Instant,
    /// Microseconds from `since`; zero: never
    last: Arc<AtomicU64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { since: Instant::now(), last: Arc::default() }
    }
}

impl Pulse {
    /// A session has its whole answer.
    pub fn beat(&self, now: Instant) {
        self.last.store(self.micros(now), Ordering::Relaxed);
    }

    /// Has a session had its answer after `then`?
    pub fn has_beaten_since(&self, then: Instant) -> bool {
        self.last.load(Ordering::Relaxed) > self.micros(then)
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.since).as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_answered_before_is_no_sign_of_life_now() {
        let pulse = Pulse::default();
        let (start, second) = (pulse.since, Duration::from_secs(1));
        assert!(!pulse.has_beaten_since(start), "it has never answered");
        pulse.clone().beat(start + second);
        assert!(pulse.has_beaten_since(start));
        assert!(!pulse.has_beaten_since(start + second));
    }
}
