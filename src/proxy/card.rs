//! What others may know of a session: written by that session alone, with plain stores, and read by whoever looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::logic::console::snapshot::{ClientState, End, UnixSeconds};
use crate::logic::console::totals::Totals;
use crate::logic::protocol::report::Fault;
use crate::logic::topology::User;

const STAYS: u8 = 0;
const DISMISSED: u8 = 1;
const TERMINATED: u8 = 2;

/// From moments to numbers that can be stored, and to the time of day.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    unix: Duration,
}

impl Clock {
    /// One that starts now.
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), unix }
    }

    /// A moment as nanoseconds since the start; never 0.
    fn number(&self, moment: Instant) -> u64 {
        nanoseconds(moment.saturating_duration_since(self.started)).max(1)
    }

    fn moment(&self, number: u64) -> Instant {
        self.started + Duration::from_nanos(number)
    }

    /// A moment as the time of day.
    pub fn unix(&self, moment: Instant) -> UnixSeconds {
        (self.unix + moment.saturating_duration_since(self.started)).as_secs()
    }
}

/// A duration as a number: half of what `as_nanos` costs, and enough for five centuries.
fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(duration.subsec_nanos()))
}

/// A sum that one task writes: no locked step is needed.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// Adds to it. For its one writer only.
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    /// Adds a time.
    pub fn add_time(&self, more: Duration) {
        self.add(nanoseconds(more));
    }

    /// As it is.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn micros(&self) -> u64 {
        self.get() / 1_000
    }
}

/// What a session has done; see [`Totals`].
#[derive(Debug, Default)]
pub struct Tallies {
    /// Servers lent to it
    pub assignments: Tally,
    /// Transactions
    pub transactions: Tally,
    /// Queries
    pub queries: Tally,
    /// Bytes from the client
    pub received: Tally,
    /// Bytes to the client
    pub sent: Tally,
    /// Time in transactions
    pub transaction_time: Tally,
    /// Time in queries
    pub query_time: Tally,
    /// Time spent waiting for servers
    pub wait_time: Tally,
    /// Parse messages
    pub client_parses: Tally,
    /// Parse messages to servers
    pub server_parses: Tally,
    /// Bind messages
    pub binds: Tally,
    /// 1 once it has been greeted
    pub logins: Tally,
}

/// One session.
#[derive(Debug)]
pub struct Card {
    /// Its number
    pub id: u64,
    /// Who
    pub user: Arc<User>,
    /// Where to
    pub database: Box<str>,
    /// From where
    pub peer: End,
    /// To where
    pub local: End,
    /// Protocol and cipher
    pub tls: Option<Box<str>>,
    /// When it logged in
    pub connected: Instant,
    /// What it has done
    pub tallies: Tallies,
    clock: Clock,
    state: AtomicU8,
    requested: AtomicU64,
    /// 0: it does not wait
    waits_since: AtomicU64,
    /// 0: no transaction is open
    in_transaction_since: AtomicU64,
    /// The shards that it is on, a bit each
    members: AtomicU64,
    prepared: AtomicU32,
    /// Whether it must go, and why: see `farewell`
    leaves: AtomicU8,
    application: Mutex<Box<str>>,
}

impl Card {
    /// Of a client that has logged in just now.
    pub fn new(
        id: u64,
        user: Arc<User>,
        database: Box<str>,
        (peer, local): (End, End),
        tls: Option<Box<str>>,
        clock: Clock,
    ) -> Self {
        let now = Instant::now();
        Self {
            id,
            user,
            database,
            peer,
            local,
            tls,
            connected: now,
            tallies: Tallies::default(),
            state: AtomicU8::new(ClientState::Idle as u8),
            requested: AtomicU64::new(clock.number(now)),
            clock,
            waits_since: AtomicU64::new(0),
            in_transaction_since: AtomicU64::new(0),
            members: AtomicU64::new(0),
            prepared: AtomicU32::new(0),
            leaves: AtomicU8::new(STAYS),
            application: Mutex::default(),
        }
    }

    /// It does something else now.
    pub fn show(&self, state: ClientState) {
        self.state.store(state as u8, Relaxed);
    }

    /// A request has begun.
    pub fn begin(&self, now: Instant) {
        self.requested.store(self.clock.number(now), Relaxed);
    }

    /// It has begun to wait for a server, or ended.
    pub fn wait(&self, since: Option<Instant>) {
        self.waits_since.store(since.map_or(0, |since| self.clock.number(since)), Relaxed);
    }

    /// No transaction is open.
    pub fn end_transaction(&self) {
        self.in_transaction_since.store(0, Relaxed);
    }

    /// A transaction is open since then, on these shards.
    pub fn in_transaction(&self, since: Instant, members: u64) {
        self.members.store(members, Relaxed);
        self.in_transaction_since.store(self.clock.number(since), Relaxed);
    }

    /// Since when a transaction is open, and on which shards.
    pub fn transaction(&self) -> Option<(Instant, u64)> {
        match self.in_transaction_since.load(Relaxed) {
            0 => None,
            since => Some((self.clock.moment(since), self.members.load(Relaxed))),
        }
    }

    /// It has so many prepared statements.
    pub fn prepared(&self, count: usize) {
        self.prepared.store(u32::try_from(count).unwrap_or(u32::MAX), Relaxed);
    }

    /// It calls itself so.
    pub fn set_application(&self, name: &str) {
        let mut known = self.application.lock();
        if **known != *name {
            *known = name.into();
        }
    }

    /// It must go.
    pub fn is_leaving(&self) -> bool {
        self.leaves.load(Relaxed) != STAYS
    }

    /// What it is to be told when it must go.
    pub fn farewell(&self) -> Option<Fault> {
        match self.leaves.load(Relaxed) {
            STAYS => None,
            TERMINATED => Some(Fault::Terminated),
            _ => Some(Fault::Dismissed),
        }
    }

    /// Tells it to go: an operator says so, or another session.
    pub(super) fn set_leaving(&self, by_session: bool) {
        self.leaves.store(if by_session { TERMINATED } else { DISMISSED }, Relaxed);
    }

    /// What it does.
    pub fn state(&self) -> ClientState {
        match self.state.load(Relaxed) {
            it if it == ClientState::Active as u8 => ClientState::Active,
            it if it == ClientState::Waiting as u8 => ClientState::Waiting,
            _ => ClientState::Idle,
        }
    }

    /// When its last request began.
    pub fn requested(&self) -> Instant {
        self.clock.moment(self.requested.load(Relaxed))
    }

    /// Since when it has waited for a server.
    pub fn waits_since(&self) -> Option<Instant> {
        match self.waits_since.load(Relaxed) {
            0 => None,
            since => Some(self.clock.moment(since)),
        }
    }

    /// How many prepared statements it has.
    pub fn prepared_count(&self) -> u32 {
        self.prepared.load(Relaxed)
    }

    /// How it calls itself.
    pub fn application(&self) -> Box<str> {
        self.application.lock().clone()
    }

    /// What it has done so far.
    pub fn totals(&self) -> Totals {
        let tallies = &self.tallies;
        Totals {
            assignments: tallies.assignments.get(),
            transactions: tallies.transactions.get(),
            queries: tallies.queries.get(),
            received: tallies.received.get(),
            sent: tallies.sent.get(),
            transaction_time: tallies.transaction_time.micros(),
            query_time: tallies.query_time.micros(),
            wait_time: tallies.wait_time.micros(),
            client_parses: tallies.client_parses.get(),
            server_parses: tallies.server_parses.get(),
            binds: tallies.binds.get(),
            logins: tallies.logins.get(),
        }
    }
}
