//! Which proxy-wide statements one server connection has prepared: bounded, least recently used out first.

use std::collections::HashMap;
use std::sync::Arc;

/// The statements of one server connection, by their proxy-wide numbers.
#[derive(Debug, Default)]
pub struct Prepared {
    entries: HashMap<u64, Entry, foldhash::fast::FixedState>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    used: u64,
    since: u64,
    columns: Option<Arc<[u8]>>,
}

impl Prepared {
    /// The moment at which it was prepared.
    pub fn since(&self, id: u64) -> Option<u64> {
        self.entries.get(&id).map(|entry| entry.since)
    }

    /// Is it there? Counts as a use.
    pub fn touch(&mut self, id: u64) -> bool {
        self.clock += 1;
        match self.entries.get_mut(&id) {
            Some(entry) => {
                entry.used = self.clock;
                true
            }
            None => false,
        }
    }

    /// It has been prepared at this moment.
    pub fn insert(&mut self, id: u64, since: u64) {
        self.clock += 1;
        self.entries.insert(id, Entry { used: self.clock, since, columns: None });
    }

    /// The columns that it has had since it was prepared, where they were asked for: PostgreSQL holds it to them.
    pub fn columns(&self, id: u64) -> Option<&Arc<[u8]>> {
        self.entries.get(&id)?.columns.as_ref()
    }

    /// Remembers its columns.
    pub fn described(&mut self, id: u64, columns: Arc<[u8]>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.columns = Some(columns);
        }
    }

    /// Makes room for one more below `max`: the statement to close, which is forgotten at once.
    pub fn evict(&mut self, max: usize) -> Option<u64> {
        if self.entries.len() < max.max(1) {
            return None;
        }
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(id, _)| *id)?;
        self.entries.remove(&oldest);
        Some(oldest)
    }

    /// Forgets one.
    pub fn remove(&mut self, id: u64) {
        self.entries.remove(&id);
    }

    /// Forgets all (DEALLOCATE ALL, DISCARD ALL).
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut prepared = Prepared::default();
        prepared.insert(1, 10);
        prepared.insert(2, 20);
        assert!(prepared.touch(1));
        assert_eq!(prepared.evict(3), None);
        assert_eq!(prepared.evict(2), Some(2));
        assert!(!prepared.touch(2) && prepared.touch(1));
    }
}
