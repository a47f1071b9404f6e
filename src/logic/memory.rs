//! Bytes of rows that all sessions of a proxy hold at one time.
//!
//! Whoever keeps rows has a [`Charge`] beside them, which takes them off again when it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// So much of one charge stays uncounted: small answers are not worth a word to the others.
const UNCOUNTED: usize = 64 << 10;

/// Who holds no more than this is not in the way of others.
const SMALL: usize = 1 << 20;

/// What rows may come to, over all sessions.
#[derive(Debug, Default)]
pub struct Memory {
    held: AtomicUsize,
    /// 0: any number
    max: AtomicU64,
}

/// Why no more rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// One statement has more than it may, in bytes
    Limit(u64),
    /// All together have more than they may, in bytes
    Memory(u64),
}

/// Bytes that are counted as long as this lives.
#[derive(Debug, Default)]
pub struct Charge {
    /// `None`: nobody counts
    memory: Option<Arc<Memory>>,
    counted: usize,
    uncounted: usize,
}

impl Memory {
    /// Bytes that they may come to; 0: any number.
    pub fn set_max(&self, max: u64) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Bytes that they come to.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Is there too little for one that holds so many bytes already?
    pub fn over(&self, held: usize) -> Option<Over> {
        let max = self.max.load(Ordering::Relaxed);
        (max > 0 && held > SMALL && self.held() as u64 > max).then_some(Over::Memory(max))
    }
}

impl Charge {
    /// Nothing yet.
    pub fn of(memory: &Arc<Memory>) -> Self {
        Self { memory: Some(Arc::clone(memory)), ..Self::default() }
    }

    /// Another one, of the same memory.
    pub fn another(&self) -> Self {
        Self { memory: self.memory.clone(), ..Self::default() }
    }

    /// So many bytes more.
    pub fn grow(&mut self, bytes: usize) {
        self.uncounted += bytes;
        if self.uncounted > UNCOUNTED
            && let Some(memory) = &self.memory
        {
            memory.held.fetch_add(self.uncounted, Ordering::Relaxed);
            self.counted += std::mem::take(&mut self.uncounted);
        }
    }

    /// Is there too little for one that holds so many bytes already?
    pub fn over(&self, held: usize) -> Option<Over> {
        self.memory.as_ref()?.over(held)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.held.fetch_sub(self.counted, Ordering::Relaxed);
        }
    }
}

impl Clone for Charge {
    fn clone(&self) -> Self {
        let mut copy = self.another();
        copy.grow(self.counted + self.uncounted);
        copy
    }
}

/// Rows are the same whoever counts them.
impl PartialEq for Charge {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Charge {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_as_long_as_they_are_held() {
        let memory = Arc::new(Memory::default());
        let mut charge = Charge::of(&memory);
        charge.grow(UNCOUNTED);
        assert_eq!(memory.held(), 0);
        charge.grow(1);
        assert_eq!(memory.held(), UNCOUNTED + 1);
        let copy = charge.clone();
        assert_eq!(memory.held(), 2 * UNCOUNTED + 2);
        drop(charge);
        assert_eq!(memory.held(), UNCOUNTED + 1);
        drop(copy);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn who_holds_little_goes_on_when_others_hold_too_much() {
        let memory = Arc::new(Memory::default());
        let mut charge = Charge::of(&memory);
        charge.grow(100 << 20);
        assert_eq!(charge.over(100 << 20), None, "no limit");
        memory.set_max(99 << 20);
        assert_eq!(charge.over(100 << 20), Some(Over::Memory(99 << 20)));
        assert_eq!(memory.over(SMALL), None);
        drop(charge);
        assert_eq!(memory.over(100 << 20), None);
    }
}
