//! What a statement did on its way, for those who want to be told of single statements (`proxy::witness`).

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::logic::hot::Load;
use crate::logic::plan::One;
use crate::logic::route::Values;
use crate::logic::shards::ShardId;
use crate::logic::topology::{Database, Role};
use crate::logic::touched::{self, Touched};
use crate::logic::trace::{self, Parent, Span};
use crate::proxy::heat::EVERY;
use crate::proxy::metrics::{DatabaseMetrics, Direction, PlanKind, SpanResult};
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
    /// The first statement
    shape: OnceLock<Arc<Shape>>,
    /// The same of the statement before, until another begins: its refusal is told when it has ended
    last: Option<Arc<Shape>>,
    /// Counts statements up to the next that is looked at closely
    turn: AtomicU32,
    /// What the statement touches that is looked at closely
    touched: OnceLock<Box<Touched>>,
    /// What servers have answered to it, in bytes
    answered: u64,
    /// The first statement, where someone may be told of it
    sight: OnceLock<Box<Sight>>,
}

/// What is remembered of one statement.
struct Sight {
    shape: Arc<Shape>,
    /// The span that it was sent in
    parent: Option<Parent>,
    /// Waited for connections
    waited: Duration,
    /// The error that the client hears of
    sqlstate: OnceLock<String>,
    /// When its request had come and how long it took; once it has ended
    ended: Option<(Instant, Duration)>,
}

impl Deref for Trail {
    type Target = DatabaseMetrics;

    fn deref(&self) -> &DatabaseMetrics {
        &self.database
    }
}

impl Trail {
    /// Of a session that has done nothing yet.
    pub fn new(database: Arc<DatabaseMetrics>) -> Self {
        Self {
            database,
            shards: Default::default(),
            kinds: AtomicU32::new(0),
            shape: OnceLock::new(),
            last: None,
            // Short sessions have their turns too.
            turn: AtomicU32::new(rand::random_range(0..EVERY)),
            touched: OnceLock::new(),
            answered: 0,
            sight: OnceLock::new(),
        }
    }

    /// The counters themselves.
    pub fn database(&self) -> &Arc<DatabaseMetrics> {
        &self.database
    }

    /// A statement was sent to a server of `shard`; `None`: no shard saw it.
    pub fn statement(&self, at: Option<(ShardId, Role)>, plan: PlanKind) {
        if let Some((ShardId(shard), role)) = at {
            add(&self.shards[role as usize], 1 << shard.min(63));
        }
        self.kinds.store(self.kinds.load(Ordering::Relaxed) | 1 << plan as u32, Ordering::Relaxed);
        self.database.statement(at, plan);
    }

    /// An error goes to the client.
    pub fn error(&self, sqlstate: &[u8]) {
        if let Some(sight) = self.sight.get() {
            // Of several the first.
            sight.sqlstate.set(String::from_utf8_lossy(sqlstate).into_owned()).ok();
        }
        self.database.error(sqlstate);
    }

    /// It has waited for a connection.
    pub fn waited(&mut self, time: Duration) {
        self.database.pool_wait_seconds.record(time.as_secs_f64());
        if let Some(sight) = self.sight.get_mut() {
            sight.waited += time;
        }
    }

    /// A statement begins.
    pub fn begin(&mut self) {
        self.last = None;
    }

    /// The text of the statement that is under way or has just ended, as far as it is known.
    pub fn statement_text(&self) -> String {
        self.shape.get().or(self.last.as_ref()).map(|shape| shape.readable()).unwrap_or_default()
    }

    /// Is the next statement one that is looked at closely?
    pub fn is_turn(&self) -> bool {
        let turn = self.turn.load(Ordering::Relaxed).wrapping_add(1);
        self.turn.store(turn, Ordering::Relaxed);
        turn.is_multiple_of(EVERY)
    }

    /// Servers have answered so many bytes.
    pub fn answered(&mut self, bytes: u64) {
        self.answered += bytes;
        self.database.bytes(Direction::ServerIn, bytes);
    }

    fn forget(&mut self) {
        for shards in &mut self.shards {
            *shards.get_mut() = 0;
        }
        *self.kinds.get_mut() = 0;
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
    /// Keeps the statement's plan in mind, where somebody may be told of it; of several, the first.
    pub(super) fn remember(&self, shape: &Arc<Shape>, sql: &str) {
        // That another one is there already is as it should be.
        self.metrics.shape.set(Arc::clone(shape)).ok();
        let (witness, sight) = (&self.shared.witness, &self.metrics.sight);
        if witness.is_watching() && sight.get().is_none() {
            let parent = if witness.is_tracing() { trace::parent(sql) } else { None };
            let (shape, sqlstate) = (Arc::clone(shape), OnceLock::new());
            sight.get_or_init(|| Box::new(Sight { shape, parent, waited: Duration::ZERO, sqlstate, ended: None }));
        }
    }

    /// Keeps in mind which keys an execution touches, of one statement in so many.
    #[inline]
    pub(super) fn sample(&self, one: &One, values: &Values<'_>) {
        if self.metrics.is_turn() {
            // One of several statements is enough.
            self.metrics.touched.set(Box::new(touched::keys(one, values, self.map()))).ok();
        }
    }

    /// Tells which keys were touched, and what it cost.
    fn note_heat(&self, touched: &Touched, took: Duration, now: Instant) {
        let Some(picture) = &self.picture else { return };
        let bytes = self.metrics.answered as f64;
        let load = Load { statements: 1.0, bytes, micros: took.as_secs_f64() * 1e6 };
        self.shared.heat.note(&self.database, &picture.database.map, touched, load, now);
    }

    /// A statement has ended; it is looked back on once the client has been told of its error.
    pub(super) fn ended(&mut self, started: Instant, took: Duration) {
        if let Some(shape) = self.metrics.shape.take() {
            let [primary, replica] = [0, 1].map(|role: usize| self.metrics.shards[role].load(Ordering::Relaxed));
            shape.uses.note(took, primary | replica, self.metrics.kinds.load(Ordering::Relaxed));
            if let Some(touched) = self.metrics.touched.take() {
                self.note_heat(&touched, took, started + took);
            }
            self.metrics.last = Some(shape);
        }
        self.metrics.answered = 0;
        match self.metrics.sight.get_mut() {
            Some(sight) => sight.ended = Some((started, took)),
            None => self.metrics.forget(),
        }
    }

    /// Tells of the statement that has ended, where that is asked for.
    pub(super) fn look_back(&mut self) {
        if self.metrics.sight.get().is_none_or(|sight| sight.ended.is_none()) {
            return;
        }
        let Some(sight) = self.metrics.sight.take() else { return };
        let Some((started, took)) = sight.ended else { return };
        let (witness, number) = (&self.shared.witness, rand::random());
        let noted = witness.notes(took, number);
        if noted == Some(Noted::Slow) {
            self.metrics.slow_statements.increment(1);
        }
        let line = noted.and_then(|noted| Some((noted, witness.line(started + took)?)));
        let traces = witness.traces(sight.parent.as_ref(), number);
        if line.is_some() || traces.is_some() {
            let span = self.span(*sight, took);
            if let Some((noted, left_out)) = line {
                write_line(&span, noted, left_out);
            }
            if let Some(traces) = traces
                && traces.spans.try_send(span).is_err()
            {
                self.shared.metrics.spans(SpanResult::Dropped, 1);
            }
        }
        self.metrics.forget();
    }

    fn span(&self, sight: Sight, took: Duration) -> Span {
        let trail = &self.metrics;
        Span {
            trace: sight.parent.map_or_else(rand::random, |parent| parent.trace),
            id: rand::random::<u64>().max(1),
            parent: sight.parent.map(|parent| parent.span),
            started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(took),
            took,
            waited: sight.waited,
            client: self.id,
            user: self.user.name.clone(),
            database: self.database.clone(),
            statement: sight.shape.readable(),
            plan: trail.kinds(),
            shards: self.picture.as_ref().map(|picture| trail.shards(&picture.database)).unwrap_or_default(),
            sqlstate: sight.sqlstate.into_inner(),
        }
    }
}

fn write_line(span: &Span, noted: Noted, left_out: u64) {
    let what = match noted {
        Noted::Slow => "slow statement",
        Noted::Sampled => "statement",
    };
    let millis = |time: Duration| time.as_micros() as f64 / 1000.0;
    let Span { client, user, database, plan, shards, statement, .. } = span;
    let sqlstate = span.sqlstate.as_deref().unwrap_or("00000");
    tracing::info!(
        client, %user, %database, ms = millis(span.took), waited_ms = millis(span.waited), plan, shards, sqlstate,
        left_out, statement, "{what}"
    );
}
