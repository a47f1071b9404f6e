//! Which keys are asked for most: the heavy hitters of a stream, in bounded memory, with old times fading.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data Streams",
//! ICDT 2005): a fixed number of counters; a key that has none takes over that of the least frequent one, with its count as
//! the possible error. Every key with more than a counters-th of all weight is among them. Time fades by forward decay
//! (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay", ICDE 2009): what comes later weighs more, so that nothing that was
//! counted before has to be touched.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// After this time something counts half.
pub const HALF_LIFE: Duration = Duration::from_secs(60);

/// Weights are brought back to their size of the beginning when they have doubled so often.
const DOUBLINGS_MAX: f64 = 64.0;

/// What one statement was, or several together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Statements
    pub statements: f64,
    /// Bytes that servers answered
    pub bytes: f64,
    /// Time, in microseconds
    pub micros: f64,
}

impl Load {
    fn scaled(self, factor: f64) -> Self {
        Self { statements: self.statements * factor, bytes: self.bytes * factor, micros: self.micros * factor }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            statements: self.statements + other.statements,
            bytes: self.bytes + other.bytes,
            micros: self.micros + other.micros,
        }
    }
}

/// A key and what it was asked for, a second.
#[derive(Debug, Clone, PartialEq)]
pub struct Hot<K> {
    /// The key
    pub key: K,
    /// A second, as of late
    pub load: Load,
    /// Its part of all statements, from 0 to 1
    pub share: f64,
    /// How much less its part may be
    pub error: f64,
}

#[derive(Debug)]
struct Counter<K> {
    key: K,
    load: Load,
    /// Statements that may have been of another key
    error: f64,
}

/// Counts keys.
#[derive(Debug)]
pub struct Sketch<K> {
    counters: Vec<Counter<K>>,
    places: HashMap<K, usize, foldhash::fast::FixedState>,
    capacity: usize,
    /// All statements
    total: f64,
    started: Instant,
    /// When a weight of one is one
    landmark: Instant,
}

impl<K: Clone + Eq + Hash> Sketch<K> {
    /// With so many counters.
    pub fn new(capacity: usize, now: Instant) -> Self {
        Self { counters: Vec::new(), places: HashMap::default(), capacity, total: 0.0, started: now, landmark: now }
    }

    /// Counts what was done for a key.
    pub fn add(&mut self, key: &K, load: Load, now: Instant) {
        let weight = self.weight(now);
        let load = load.scaled(weight);
        self.total += load.statements;
        let place = match self.places.get(key) {
            Some(place) => *place,
            None if self.counters.len() < self.capacity => {
                self.places.insert(key.clone(), self.counters.len());
                self.counters.push(Counter { key: key.clone(), load: Load::default(), error: 0.0 });
                self.counters.len() - 1
            }
            None => self.take_over(key),
        };
        let counter = &mut self.counters[place];
        counter.load = counter.load.plus(load);
    }

    /// The least frequent key's counter goes to this one.
    fn take_over(&mut self, key: &K) -> usize {
        let least = (0..self.counters.len()).min_by(|one, other| {
            let weight = |index: &usize| self.counters[*index].load.statements;
            weight(one).total_cmp(&weight(other))
        });
        let place = least.expect("there are as many counters as there can be, and at least one");
        let counter = &mut self.counters[place];
        self.places.remove(&counter.key);
        self.places.insert(key.clone(), place);
        // Bytes and time were another's: they are not taken over.
        counter.load = Load { statements: counter.load.statements, ..Load::default() };
        counter.error = counter.load.statements;
        counter.key = key.clone();
        place
    }

    /// The most frequent keys, each statement counted standing for `each`.
    pub fn top(&self, count: usize, each: f64, now: Instant) -> Vec<Hot<K>> {
        if self.total <= 0.0 {
            return Vec::new();
        }
        let mut found: Vec<&Counter<K>> = self.counters.iter().collect();
        found.sort_by(|one, other| other.load.statements.total_cmp(&one.load.statements));
        let rate = each * self.rate(now);
        let hot = |counter: &Counter<K>| Hot {
            key: counter.key.clone(),
            load: counter.load.scaled(rate),
            share: counter.load.statements / self.total,
            error: counter.error / self.total,
        };
        found.into_iter().take(count).map(hot).collect()
    }

    /// From a weight to what comes in a second, if it always came so since the start.
    fn rate(&self, now: Instant) -> f64 {
        let decay = std::f64::consts::LN_2 / HALF_LIFE.as_secs_f64();
        let age = now.saturating_duration_since(self.started).as_secs_f64().max(1.0);
        let weight = ((now.saturating_duration_since(self.landmark).as_secs_f64()) * decay).exp();
        decay / (1.0 - (-age * decay).exp()) / weight
    }

    /// What something weighs that happens now.
    fn weight(&mut self, now: Instant) -> f64 {
        let doublings = now.saturating_duration_since(self.landmark).as_secs_f64() / HALF_LIFE.as_secs_f64();
        if doublings < DOUBLINGS_MAX {
            return doublings.exp2();
        }
        let factor = (-doublings).exp2();
        self.landmark = now;
        self.total *= factor;
        for counter in &mut self.counters {
            counter.load = counter.load.scaled(factor);
            counter.error *= factor;
        }
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Load = Load { statements: 1.0, bytes: 100.0, micros: 50.0 };

    #[test]
    fn a_heavy_key_is_found_among_very_many() {
        let now = Instant::now();
        let mut sketch = Sketch::new(64, now);
        for turn in 0..100_000_u64 {
            // A tenth of all is for 42, the rest is spread over a million keys.
            let key = if turn % 10 == 0 { 42 } else { turn.wrapping_mul(6_364_136_223_846_793_005) % 1_000_000 };
            sketch.add(&key, ONE, now);
        }
        let top = sketch.top(1, 1.0, now + Duration::from_secs(1));
        assert_eq!(top[0].key, 42);
        // Never less than the truth, and more by no more than the error says.
        assert!(top[0].share >= 0.1 && top[0].share - top[0].error <= 0.1, "{top:?}");
    }

    #[test]
    fn what_was_hot_fades() {
        let start = Instant::now();
        let mut sketch = Sketch::new(8, start);
        (0..1000).for_each(|_| sketch.add(&'a', ONE, start));
        let later = start + 10 * HALF_LIFE;
        (0..10).for_each(|_| sketch.add(&'b', ONE, later));
        let top = sketch.top(2, 1.0, later);
        assert_eq!(top[0].key, 'b', "{top:?}");
        assert!(top[1].share < 0.1, "{top:?}");
        // Nor does a very long time overflow anything.
        let much_later = start + 100_000 * HALF_LIFE;
        sketch.add(&'c', ONE, much_later);
        assert_eq!(sketch.top(1, 1.0, much_later)[0].key, 'c');
        assert!(sketch.top(1, 1.0, much_later)[0].share > 0.99);
    }

    #[test]
    fn rates_are_those_of_the_stream() {
        let start = Instant::now();
        let mut sketch = Sketch::new(8, start);
        // Ten a second for five minutes, of which one in two is counted.
        for turn in 0..1_500_u64 {
            sketch.add(&'a', ONE, start + Duration::from_millis(turn * 200));
        }
        let top = sketch.top(1, 2.0, start + Duration::from_secs(300));
        let load = top[0].load;
        assert!((load.statements - 10.0).abs() < 0.5, "{load:?}");
        assert!((load.bytes - 1000.0).abs() < 50.0 && (load.micros - 500.0).abs() < 25.0, "{load:?}");
    }
}
