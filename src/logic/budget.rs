//! Server connections that a database and a user may have over all their pools, and which pool is next to open one.
//!
//! ```text
//! claim ─room→ used ──release──→ room for who waits first and fits
//!   └─none→ waiting ────────────────┘
//! ```

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// Whose connections are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A database
    Database(Box<str>),
    /// A user of servers
    User(Box<str>),
}

/// A pool's owners, and how many connections each may have; 0: any number.
pub type Shares = [(Owner, u32); 2];

/// See the module. `P` is a pool.
#[derive(Debug)]
pub struct Budget<P> {
    used: HashMap<Owner, u32>,
    waiting: VecDeque<Waiting<P>>,
}

#[derive(Debug)]
struct Waiting<P> {
    pool: P,
    shares: Shares,
    since: Instant,
}

impl<P> Default for Budget<P> {
    fn default() -> Self {
        Self { used: HashMap::new(), waiting: VecDeque::new() }
    }
}

impl<P: Clone> Budget<P> {
    /// Connections of an owner.
    pub fn used(&self, owner: &Owner) -> u32 {
        self.used.get(owner).copied().unwrap_or(0)
    }

    /// Pools that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// One more connection, if there is room for it and nobody waits for that room already.
    pub fn claim(&mut self, shares: &Shares) -> bool {
        let is_free = self.has_room(shares) && !self.waiting.iter().any(|it| share_owner(&it.shares, shares));
        if is_free {
            self.count(shares);
        }
        is_free
    }

    /// No room: the pool waits for its turn, once.
    pub fn wait(&mut self, pool: P, shares: Shares, since: Instant, is_same: impl Fn(&P) -> bool) {
        if !self.waiting.iter().any(|it| is_same(&it.pool)) {
            self.waiting.push_back(Waiting { pool, shares, since });
        }
    }

    /// A connection is gone.
    pub fn release(&mut self, shares: &Shares) {
        for (owner, _) in shares {
            if let Some(used) = self.used.get_mut(owner) {
                *used -= 1;
                if *used == 0 {
                    self.used.remove(owner);
                }
            }
        }
    }

    /// The first in turn that there is room for: it has a claim on one connection from now on.
    pub fn serve(&mut self) -> Option<(P, Shares)> {
        let place = self.waiting.iter().position(|it| self.has_room(&it.shares))?;
        let Waiting { pool, shares, .. } = self.waiting.remove(place)?;
        self.count(&shares);
        Some((pool, shares))
    }

    /// Since when somebody has waited for a connection that one of these could make room for.
    pub fn waited_for(&self, shares: &Shares) -> Option<Instant> {
        self.waiting.iter().find(|it| share_owner(&self.lacking(&it.shares), shares)).map(|it| it.since)
    }

    /// The owners that have as many as they may.
    pub fn lacking(&self, shares: &Shares) -> Vec<(Owner, u32)> {
        shares.iter().filter(|(owner, max)| *max > 0 && self.used(owner) >= *max).cloned().collect()
    }

    fn has_room(&self, shares: &Shares) -> bool {
        self.lacking(shares).is_empty()
    }

    fn count(&mut self, shares: &Shares) {
        for (owner, _) in shares {
            *self.used.entry(owner.clone()).or_default() += 1;
        }
    }
}

/// Do these have an owner in common that is limited?
pub fn share_owner(one: &[(Owner, u32)], other: &[(Owner, u32)]) -> bool {
    one.iter().any(|(owner, max)| *max > 0 && other.iter().any(|(it, _)| it == owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(database: (&str, u32), user: (&str, u32)) -> Shares {
        [(Owner::Database(database.0.into()), database.1), (Owner::User(user.0.into()), user.1)]
    }

    #[test]
    fn no_owner_has_more_than_it_may_and_pools_wait_in_turn() {
        let (mut budget, now) = (Budget::default(), Instant::now());
        let one = shares(("app", 2), ("one", 0));
        let other = shares(("app", 2), ("other", 1));
        assert!(budget.claim(&one) && budget.claim(&other));
        assert!(!budget.claim(&one));
        for (pool, of) in [("other", &other), ("one", &one), ("one", &one)] {
            budget.wait(pool, of.clone(), now, |it| *it == pool);
        }
        assert_eq!(budget.waiting(), 2, "once each");
        assert_eq!(budget.serve(), None);
        budget.release(&one);
        // The first may not have more for another reason: the second may.
        assert_eq!(budget.serve().map(|(pool, _)| pool), Some("one"));
        assert_eq!(budget.waited_for(&one), Some(now), "one of the database would do, if one of the user went too");
        budget.release(&other);
        assert!(!budget.claim(&one), "that room is waited for");
        assert_eq!(budget.serve().map(|(pool, _)| pool), Some("other"));
        assert_eq!(budget.used(&Owner::Database("app".into())), 2);
        budget.release(&one);
        budget.release(&other);
        assert_eq!((budget.used(&Owner::User("other".into())), budget.used.len()), (0, 0));
    }

    #[test]
    fn who_is_not_limited_is_counted_and_never_waits() {
        let mut budget = Budget::<()>::default();
        let free = shares(("app", 0), ("one", 0));
        assert!((0..100).all(|_| budget.claim(&free)));
        assert_eq!(budget.used(&Owner::User("one".into())), 100);
    }
}
