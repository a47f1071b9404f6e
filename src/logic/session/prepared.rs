//! Which proxy-wide statements one server connection has prepared: bounded, least recently used out first.

use std::collections::HashMap;

/// The statements of one server connection, by their proxy-wide numbers.
#[derive(Debug, Default)]
pub struct Prepared {
    stamps: HashMap<u64, u64, foldhash::fast::FixedState>,
    clock: u64,
}

impl Prepared {
    /// Is it there? Counts as a use.
    pub fn touch(&mut self, id: u64) -> bool {
        self.clock += 1;
        match self.stamps.get_mut(&id) {
            Some(stamp) => {
                *stamp = self.clock;
                true
            }
            None => false,
        }
    }

    /// It has been prepared.
    pub fn insert(&mut self, id: u64) {
        self.clock += 1;
        self.stamps.insert(id, self.clock);
    }

    /// Makes room for one more below `max`: the statement to close, which is forgotten at once.
    pub fn evict(&mut self, max: usize) -> Option<u64> {
        if self.stamps.len() < max.max(1) {
            return None;
        }
        let oldest = self.stamps.iter().min_by_key(|(_, stamp)| **stamp).map(|(id, _)| *id)?;
        self.stamps.remove(&oldest);
        Some(oldest)
    }

    /// Forgets one.
    pub fn remove(&mut self, id: u64) {
        self.stamps.remove(&id);
    }

    /// Forgets all (DEALLOCATE ALL, DISCARD ALL).
    pub fn clear(&mut self) {
        self.stamps.clear();
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.stamps.len()
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut prepared = Prepared::default();
        prepared.insert(1);
        prepared.insert(2);
        assert!(prepared.touch(1));
        assert_eq!(prepared.evict(3), None);
        assert_eq!(prepared.evict(2), Some(2));
        assert!(!prepared.touch(2) && prepared.touch(1));
    }
}
