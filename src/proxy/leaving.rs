//! Which sessions have to end because the proxy does.
//!
//! ```text
//! Nobody ─TERM→ Settled ─a moment later→ Everyone ─drain_timeout→ AtOnce
//!        ─INT──────────────────────────→ Everyone
//! ```

use std::time::Duration;

/// Who has to go. Later ones include earlier ones.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaving {
    /// All may stay
    Nobody,
    /// Who has been here for a while, at the next transaction boundary: who has only just come in asks its question first
    Settled,
    /// Everyone, at the next transaction boundary; nobody comes in any more
    Everyone,
    /// Everyone, in the middle of transactions too
    AtOnce,
}

/// Who has logged in within this has only just come in. A client that makes a connection for each question is done by then.
pub const NEWCOMER: Duration = Duration::from_secs(1);

impl Leaving {
    /// Must a session of this age go, between two transactions or inside one?
    pub fn includes(self, is_between: bool, age: impl FnOnce() -> Duration) -> bool {
        match self {
            Self::Nobody => false,
            Self::Settled => is_between && age() >= NEWCOMER,
            Self::Everyone => is_between,
            Self::AtOnce => true,
        }
    }
}

impl From<u8> for Leaving {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Nobody,
            1 => Self::Settled,
            2 => Self::Everyone,
            _ => Self::AtOnce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        for who in [Leaving::Nobody, Leaving::Settled, Leaving::Everyone, Leaving::AtOnce] {
            assert_eq!(Leaving::from(who as u8), who);
        }
    }

    #[test]
    fn newcomers_stay_for_a_moment_and_transactions_until_their_end() {
        let (young, old) = (|| Duration::ZERO, || NEWCOMER);
        assert!(!Leaving::Nobody.includes(true, old));
        assert!(Leaving::Settled.includes(true, old));
        assert!(!Leaving::Settled.includes(true, young));
        assert!(!Leaving::Settled.includes(false, old));
        assert!(Leaving::Everyone.includes(true, young));
        assert!(!Leaving::Everyone.includes(false, old));
        assert!(Leaving::AtOnce.includes(false, young));
    }
}
