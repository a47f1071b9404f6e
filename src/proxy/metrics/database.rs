//! What is counted for one database. A session holds this for as long as it lives.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use metrics::{Counter, Gauge, Histogram};

use super::{names, registry::Registry};
use crate::logic::console::snapshot::ClientState;
use crate::logic::plan::refusal::Reason;
use crate::logic::plan::{Home, Plan};
use crate::logic::shards::ShardId;
use crate::logic::topology::{Database, Role};

/// Handles of one database. Every method is an atomic step or two; those that are rare say so.
pub struct DatabaseMetrics {
    registry: Arc<Registry>,
    name: Box<str>,
    shards: Vec<Box<str>>,
    /// By shard, role and plan, filled on first use; the last row is for statements that no shard saw.
    statements: Box<[OnceLock<Counter>]>,
    errors: Box<[OnceLock<Counter>]>,
    /// Whole numbers of ours, shown when someone looks: a gauge costs three times as much, twice a statement
    clients: [AtomicI64; 3],
    client_gauges: [Gauge; 3],
    bytes: [Counter; 4],
    /// Statements that took longer than `[log] slow_statement`
    pub slow_statements: Counter,
    kept: [Counter; 2],
    retries: [Counter; 3],
    /// Statements that wait for a primary
    pub failover_waiting: AtomicI64,
    failover_gauge: Gauge,
    /// From a request to the end of its answer
    pub query_seconds: Histogram,
    /// From the first statement of a transaction to its end
    pub transaction_seconds: Histogram,
    /// From asking for a server to having it
    pub pool_wait_seconds: Histogram,
}

/// The label `plan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanKind {
    /// Acts on the session itself
    Command,
    /// Any shard could answer
    Any,
    /// Always the first shard
    First,
    /// The shard of a key, or of a table
    Key,
    /// COPY into a sharded table
    Copy,
    /// The client named the shard
    Hint,
    /// Passed on unread: function calls, text that does not parse
    Unread,
    /// Rows of several shards, put together on one
    Gather,
    /// Several shards, each with its own rows
    Fanout,
}

const PLANS: usize = 9;

impl PlanKind {
    /// All of them.
    pub const ALL: [Self; PLANS] = [
        Self::Command,
        Self::Any,
        Self::First,
        Self::Key,
        Self::Copy,
        Self::Hint,
        Self::Unread,
        Self::Gather,
        Self::Fanout,
    ];

    /// The kind of a plan; `None` for a refusal, which is counted apart. Hints are the session's to know.
    pub fn of(plan: &Plan) -> Option<Self> {
        match plan {
            Plan::Command(_) => Some(Self::Command),
            Plan::One(one) => Some(match one.home {
                Home::Any => Self::Any,
                Home::First | Home::Current | Home::Process(_) => Self::First,
                Home::Meet(_) => Self::Key,
            }),
            Plan::CopyIn(_) => Some(Self::Copy),
            Plan::Refuse(_) => None,
        }
    }

    /// Its value of the label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Any => "any",
            Self::First => "first",
            Self::Key => "key",
            Self::Copy => "copy",
            Self::Hint => "hint",
            Self::Unread => "unread",
            Self::Gather => "gather",
            Self::Fanout => "fanout",
        }
    }
}

/// The label `reason` of reads that stay with the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// No replica is known to have what the session has written
    Written,
    /// No replica takes part: down, too far behind, or nobody knows how far
    NoReplica,
}

/// The label `reason` of statements that are asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Its server takes no writes any more (25006)
    ReadOnly,
    /// Replay on its replica was in the way (40001, 40P01)
    Conflict,
    /// The connection was lost before anything was answered to a read
    Lost,
}

/// The label `direction` of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Read from clients
    ClientIn,
    /// Sent to clients
    ClientOut,
    /// Read from servers
    ServerIn,
    /// Sent to servers
    ServerOut,
}

/// PostgreSQL's SQLSTATE classes (errcodes.txt): a closed list keeps the label bounded, whatever a server sends.
const CLASSES: &[&str] = &[
    "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22", "23", "24", "25",
    "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "44", "53", "54", "55", "57",
    "58", "72", "F0", "HV", "P0", "XX", "other",
];

impl DatabaseMetrics {
    pub(super) fn new(registry: &Arc<Registry>, database: &Database) -> Self {
        let labels = &[("database", database.label())];
        let shards: Vec<Box<str>> = database.shards.iter().map(|it| it.name.clone()).collect();
        let client = |state| registry.gauge(names::CLIENTS, &[labels[0], ("state", state)]);
        let carried = |direction| registry.counter(names::BYTES, &[labels[0], ("direction", direction)]);
        Self {
            registry: registry.clone(),
            name: database.label().into(),
            statements: empty((shards.len() + 1) * 2 * PLANS),
            shards,
            errors: empty(CLASSES.len()),
            clients: Default::default(),
            client_gauges: ["active", "idle", "waiting"].map(client),
            bytes: ["client_in", "client_out", "server_in", "server_out"].map(carried),
            slow_statements: registry.counter(names::SLOW_STATEMENTS, labels),
            retries: ["read_only", "conflict", "lost"]
                .map(|reason| registry.counter(names::RETRIES, &[labels[0], ("reason", reason)])),
            failover_waiting: AtomicI64::new(0),
            failover_gauge: registry.gauge(names::FAILOVER_WAITING, labels),
            kept: ["own_write", "no_replica"]
                .map(|reason| registry.counter(names::READS_KEPT, &[labels[0], ("reason", reason)])),
            query_seconds: registry.histogram(names::QUERY_SECONDS, labels),
            transaction_seconds: registry.histogram(names::TRANSACTION_SECONDS, labels),
            pool_wait_seconds: registry.histogram(names::POOL_WAIT_SECONDS, labels),
        }
    }

    /// These handles still fit the database after a reload.
    pub(super) fn fits(&self, database: &Database) -> bool {
        self.shards.iter().eq(database.shards.iter().map(|it| &it.name))
    }

    /// A statement was sent to a server of `shard`; `None`: no shard saw it.
    pub fn statement(&self, at: Option<(ShardId, Role)>, plan: PlanKind) {
        let (row, role) = match at {
            Some((ShardId(shard), role)) => (usize::from(shard).min(self.shards.len()), role),
            None => (self.shards.len(), Role::Primary),
        };
        let cell = &self.statements[(row * 2 + role as usize) * PLANS + plan as usize];
        cell.get_or_init(|| self.statements_of(row, role, plan)).increment(1);
    }

    fn statements_of(&self, row: usize, role: Role, plan: PlanKind) -> Counter {
        let (shard, role) = self.shards.get(row).map_or(("none", "none"), |it| (it, role.label()));
        let labels = &[("database", &*self.name), ("shard", shard), ("role", role), ("plan", plan.label())];
        self.registry.counter(names::STATEMENTS, labels)
    }

    /// A statement was refused. Looks its counter up.
    pub fn refusal(&self, reason: Reason) {
        let labels = &[("database", &*self.name), ("reason", reason.label())];
        self.registry.counter(names::REFUSALS, labels).increment(1);
    }

    /// A server stays with its client, for this reason. Looks its counter up.
    pub fn pin(&self, reason: &'static str) {
        let labels = &[("database", &*self.name), ("reason", reason)];
        self.registry.counter(names::PINS, labels).increment(1);
    }

    /// An error went to the client, ours or a server's.
    pub fn error(&self, sqlstate: &[u8]) {
        let other = CLASSES.len() - 1;
        let is_class = |class: &&str| sqlstate.len() == 5 && class.as_bytes() == &sqlstate[..2];
        let index = CLASSES.iter().position(is_class).unwrap_or(other);
        let labels = &[("database", &*self.name), ("class", CLASSES[index])];
        self.errors[index].get_or_init(|| self.registry.counter(names::ERRORS, labels)).increment(1);
    }

    /// A client comes (`from` is `None`), does something else, or leaves (`to` is `None`).
    pub fn client(&self, from: Option<ClientState>, to: Option<ClientState>) {
        if let Some(state) = from {
            self.clients[state as usize].fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(state) = to {
            self.clients[state as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A read stays with the primary.
    pub fn kept(&self, reason: Kept) {
        self.kept[reason as usize].increment(1);
    }

    /// A statement is asked again.
    pub fn retry(&self, reason: Retry) {
        self.retries[reason as usize].increment(1);
    }

    /// Brings the gauges up to date: before they are looked at.
    pub(super) fn settle(&self) {
        self.failover_gauge.set(self.failover_waiting.load(Ordering::Relaxed) as f64);
        for (gauge, count) in self.client_gauges.iter().zip(&self.clients) {
            gauge.set(count.load(Ordering::Relaxed) as f64);
        }
    }

    /// Bytes went by.
    pub fn bytes(&self, direction: Direction, count: u64) {
        if count > 0 {
            self.bytes[direction as usize].increment(count);
        }
    }
}

fn empty(cells: usize) -> Box<[OnceLock<Counter>]> {
    std::iter::repeat_with(OnceLock::new).take(cells).collect()
}
