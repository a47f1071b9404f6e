//! What a statement did on its way, for those who want to be told of single statements (`proxy::witness`).

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::logic::shards::ShardId;
use crate::logic::topology::{Database, Role};
use crate::proxy::metrics::{DatabaseMetrics, PlanKind};
use crate::proxy::plans::Shape;
use crate::proxy::session::Session;
use crate::proxy::witness::Noted;

/// Counts for the session's database, and remembers what was counted until the statement ends. Only the session writes
/// it: an atomic here is a plain load and store.
pub(super) struct Trail {
    database: Arc<DatabaseMetrics>,
    /// A bit a shard, by role; those beyond the 64th share the last
    shards: [AtomicU64; 2],
    /// A bit a kind
    kinds: AtomicU32,
    /// The first statement, where someone may want to see it
    shape: OnceLock<Arc<Shape>>,
    /// Waited for connections
    waited: Duration,
    /// Chooses samples
    dice: u64,
}

impl Deref for Trail {
    type Target = DatabaseMetrics;

    fn deref(&self) -> &DatabaseMetrics {
        &self.database
    }
}

impl Trail {
    /// Of a session with this number.
    pub fn new(database: Arc<DatabaseMetrics>, session: u64) -> Self {
        Self {
            database,
            shards: Default::default(),
            kinds: AtomicU32::new(0),
            shape: OnceLock::new(),
            waited: Duration::ZERO,
            dice: session,
        }
    }

    /// A statement was sent to a server of `shard`; `None`: no shard saw it.
    pub fn statement(&self, at: Option<(ShardId, Role)>, plan: PlanKind) {
        if let Some((ShardId(shard), role)) = at {
            add(&self.shards[role as usize], 1 << shard.min(63));
        }
        self.kinds.store(self.kinds.load(Ordering::Relaxed) | 1 << plan as u32, Ordering::Relaxed);
        self.database.statement(at, plan);
    }

    /// It has waited for a connection.
    pub fn waited(&mut self, time: Duration) {
        self.database.pool_wait_seconds.record(time.as_secs_f64());
        self.waited += time;
    }

    /// The statement that is under way; of several, the first.
    pub fn remember(&self, shape: &Arc<Shape>) {
        // That another one is there already is as it should be.
        self.shape.set(Arc::clone(shape)).ok();
    }

    fn number(&mut self) -> u32 {
        // Knuth's generator (MMIX): its upper bits are even enough.
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 32) as u32
    }

    fn forget(&mut self) {
        for shards in &mut self.shards {
            *shards.get_mut() = 0;
        }
        *self.kinds.get_mut() = 0;
        self.waited = Duration::ZERO;
        self.shape.take();
    }

    /// `a, b (replica)`
    fn shards(&self, database: &Database) -> String {
        let [primary, replica] = [0, 1].map(|role: usize| self.shards[role].load(Ordering::Relaxed));
        let mut names = Vec::new();
        for (index, shard) in database.shards.iter().take(63).enumerate() {
            if primary >> index & 1 == 1 {
                names.push(shard.name.to_string());
            }
            if replica >> index & 1 == 1 {
                names.push(format!("{} (replica)", shard.name));
            }
        }
        if (primary | replica) >> 63 == 1 {
            names.push("others".to_owned());
        }
        names.join(", ")
    }

    fn kinds(&self) -> String {
        let kinds = self.kinds.load(Ordering::Relaxed);
        let named = PlanKind::ALL.into_iter().filter(|kind| kinds >> *kind as u32 & 1 == 1);
        named.map(PlanKind::label).collect::<Vec<_>>().join(", ")
    }
}

fn add(bits: &AtomicU64, bit: u64) {
    bits.store(bits.load(Ordering::Relaxed) | bit, Ordering::Relaxed);
}

impl Session {
    /// Keeps the statement's plan in mind, where somebody may be told of it.
    pub(super) fn remember(&self, shape: &Arc<Shape>) {
        if self.shared.witness.is_watching() {
            self.metrics.remember(shape);
        }
    }

    /// A statement has ended: tells of it where that is asked for.
    pub(super) fn look_back(&mut self, started: Instant, now: Instant) {
        if self.metrics.shape.get().is_some() {
            let (took, number) = (now.saturating_duration_since(started), self.metrics.number());
            if let Some(noted) = self.shared.witness.notes(took, number) {
                self.tell_of(noted, took, now);
            }
        }
        self.metrics.forget();
    }

    fn tell_of(&self, noted: Noted, took: Duration, now: Instant) {
        if noted == Noted::Slow {
            self.metrics.slow_statements.increment(1);
        }
        let Some(left_out) = self.shared.witness.line(now) else { return };
        let trail = &self.metrics;
        let statement = trail.shape.get().map(|shape| shape.readable()).unwrap_or_default();
        let shards = self.picture.as_ref().map(|picture| trail.shards(&picture.database)).unwrap_or_default();
        let millis = |time: Duration| time.as_micros() as f64 / 1000.0;
        let what = match noted {
            Noted::Slow => "slow statement",
            Noted::Sampled => "statement",
        };
        tracing::info!(
            client = self.id, user = %self.user.name, database = %self.database, ms = millis(took),
            waited_ms = millis(trail.waited), plan = trail.kinds(), %shards, left_out, %statement, "{what}"
        );
    }
}
