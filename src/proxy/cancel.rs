//! Cancel requests: a client's key leads to the server that runs its statement now, and to no other. A statement that waits
//! for a server ends its wait.
//!
//! A cancel that is under way holds its server back: the server is not lent to the next client before the request
//! has been delivered (PgBouncer 1.18 fixed the same race). And it waits until the server has done what goes before the
//! client's statement: a cancel that met BEGIN would let the statement run outside its transaction, and one that met neither
//! would be lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::Rng;
use tokio::sync::Notify;

use crate::logic::cancel_key::{Addressee, Keys};
use crate::logic::console::snapshot::End;
use crate::logic::plan::process::FIRST_CLIENT;
use crate::logic::protocol::report::Fault;
use crate::logic::topology::Address;
use crate::proxy::backend::Connector;
use crate::proxy::card::Card;
use crate::proxy::notifiers::Notifier;

/// A server that takes longer for a BEGIN is in trouble: it is sent the request all the same.
const ENTRY_MAX: Duration = Duration::from_secs(1);

/// What a cancel request to a server must name.
#[derive(Debug)]
pub struct Cancellable {
    /// The server
    pub address: Address,
    /// Its process
    pub pid: i32,
    /// Its secret
    pub key: Vec<u8>,
    /// The connection itself
    pub connection: Connection,
    /// Whose its notifications are
    pub notifier: Arc<Notifier>,
    in_flight: AtomicU32,
    delivered: Notify,
    is_entering: AtomicBool,
    entered: Notify,
}

/// What others may know of a server connection.
#[derive(Debug)]
pub struct Connection {
    /// Its number
    pub id: u64,
    /// When it was opened
    pub opened: Instant,
    /// The server's end
    pub peer: End,
    /// Our end
    pub local: End,
    /// Protocol and cipher
    pub tls: Option<Box<str>>,
    /// Prepared statements, as last counted
    pub prepared: AtomicU32,
    /// Of its pool, when it was opened
    pub generation: u32,
}

impl Cancellable {
    /// Of a fresh connection.
    pub fn new(address: Address, (pid, key): (i32, Vec<u8>), connection: Connection, notifier: Arc<Notifier>) -> Self {
        Self {
            address,
            pid,
            key,
            connection,
            notifier,
            in_flight: AtomicU32::new(0),
            delivered: Notify::new(),
            is_entering: AtomicBool::new(false),
            entered: Notify::new(),
        }
    }

    /// It is sent what goes before the client's statement: settings, BEGIN.
    pub fn enter(&self) {
        self.is_entering.store(true, Ordering::Release);
    }

    /// It has done that.
    pub fn has_entered(&self) {
        // Nobody but its session writes it.
        if self.is_entering.load(Ordering::Relaxed) {
            self.is_entering.store(false, Ordering::Release);
            self.entered.notify_waiters();
        }
    }

    async fn entered(&self) {
        loop {
            let entered = self.entered.notified();
            if !self.is_entering.load(Ordering::Acquire) {
                return;
            }
            entered.await;
        }
    }

    /// No cancel is under way to this server.
    pub fn is_quiet(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0
    }

    /// Waits until no cancel is under way.
    pub async fn quiet(&self) {
        loop {
            let delivered = self.delivered.notified();
            if self.is_quiet() {
                return;
            }
            delivered.await;
        }
    }

    /// Sends a cancel request and waits until the server has taken it.
    async fn cancel(&self, connector: &Connector, is_wanted: impl Fn() -> bool) {
        if tokio::time::timeout(ENTRY_MAX, self.entered()).await.is_err() {
            tracing::debug!(pid = self.pid, "a cancel request has not waited for BEGIN");
        }
        if let Err(fault) = connector.cancel(&self.address, (self.pid, &self.key), is_wanted).await {
            tracing::warn!(%fault, pid = self.pid, "a cancel request could not be delivered");
        }
        self.in_flight.fetch_sub(1, Ordering::Release);
        self.delivered.notify_waiters();
    }
}

/// What runs a session's statement now.
#[derive(Debug, Clone, Default)]
enum Running {
    #[default]
    Nothing,
    /// The statement waits for something else than an answer
    Waiting {
        is_cancelled: bool,
    },
    One(Arc<Cancellable>),
    Many(Vec<Arc<Cancellable>>),
}

impl Running {
    fn servers(&self) -> &[Arc<Cancellable>] {
        match self {
            Self::Nothing | Self::Waiting { .. } => &[],
            Self::One(server) => std::slice::from_ref(server),
            Self::Many(servers) => servers,
        }
    }
}

/// One session's side: which server runs its statement now.
#[derive(Debug)]
pub struct Slot {
    /// The process number the client knows
    pub pid: i32,
    /// The secret the client knows: 4 bytes in protocol 3.0, 32 in 3.2
    pub key: Box<[u8]>,
    /// What others may know of it
    pub card: Card,
    running: Mutex<Running>,
    parked: Mutex<Option<Waker>>,
}

impl Slot {
    /// The session waits for its client; `Cancels::wake_all` wakes it.
    pub fn park(&self, waker: &Waker) {
        let mut parked = self.parked.lock();
        match &mut *parked {
            Some(known) => known.clone_from(waker),
            None => *parked = Some(waker.clone()),
        }
    }

    /// A statement goes to this server.
    pub fn set(&self, server: &Arc<Cancellable>) {
        *self.running.lock() = Running::One(Arc::clone(server));
    }

    /// A statement runs on all of these.
    pub fn set_all(&self, servers: Vec<Arc<Cancellable>>) {
        *self.running.lock() = Running::Many(servers);
    }

    /// No statement runs any more.
    pub fn clear(&self) {
        let running = std::mem::take(&mut *self.running.lock());
        running.servers().iter().for_each(|server| server.has_entered());
    }

    /// Sends the client away: what it runs is cancelled, and the session ends wherever it waits.
    pub async fn dismiss(&self, connector: &Connector) {
        self.send_away(false, connector).await;
    }

    /// The same by the word of another session.
    pub async fn terminate(&self, connector: &Connector) {
        self.send_away(true, connector).await;
    }

    async fn send_away(&self, by_session: bool, connector: &Connector) {
        self.card.set_leaving(by_session);
        let cancelling = self.begin_cancel();
        self.wake();
        cancelling.deliver(connector).await;
    }

    /// The statement waits for something else than an answer for as long as this is there: a cancel request ends the wait.
    pub fn wait(&self) -> Wait<'_> {
        let before = std::mem::replace(&mut *self.running.lock(), Running::Waiting { is_cancelled: false });
        Wait { slot: self, before }
    }

    /// Why a wait may not go on.
    fn objection(&self) -> Option<Fault> {
        let is_cancelled = matches!(*self.running.lock(), Running::Waiting { is_cancelled: true });
        self.card.farewell().or_else(|| is_cancelled.then_some(Fault::Cancelled))
    }

    /// The session looks whether it may go on, whatever it waits for: it is one task.
    fn wake(&self) {
        if let Some(waker) = &*self.parked.lock() {
            waker.wake_by_ref();
        }
    }

    /// Cancels what runs now, if anything does; returns when the server has taken the request.
    pub async fn cancel(&self, connector: &Connector) {
        self.begin_cancel().deliver(connector).await;
    }

    /// The servers that run something now are held back until the requests are delivered. A wait ends by itself.
    pub fn begin_cancel(&self) -> Cancelling {
        let mut running = self.running.lock();
        if let Running::Waiting { is_cancelled } = &mut *running {
            *is_cancelled = true;
            drop(running);
            self.wake();
            return Cancelling(Running::Nothing);
        }
        for server in running.servers() {
            // Counted under the lock: the session cannot clear the slot and give the server back in between.
            server.in_flight.fetch_add(1, Ordering::AcqRel);
        }
        Cancelling(running.clone())
    }
}

/// A statement's wait for something else than an answer.
#[derive(Debug)]
pub struct Wait<'a> {
    slot: &'a Slot,
    before: Running,
}

impl Wait<'_> {
    /// Ends when the statement is cancelled or the client sent away, if it is polled by the session's own task: what the
    /// client is to be told.
    pub async fn called_off(&self) -> Fault {
        std::future::poll_fn(|context| {
            self.slot.park(context.waker());
            self.slot.objection().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// What it waited for is there, unless the wait was called off at the same moment.
    pub fn end(self) -> Result<(), Fault> {
        self.slot.objection().map_or(Ok(()), Err)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        *self.slot.running.lock() = std::mem::take(&mut self.before);
    }
}

/// Cancel requests that are to be delivered.
#[must_use = "the servers are held back until it is delivered"]
#[derive(Debug)]
pub struct Cancelling(Running);

impl Cancelling {
    /// Nothing ran.
    pub fn is_empty(&self) -> bool {
        self.0.servers().is_empty()
    }

    /// Returns when the servers have taken the requests.
    pub async fn deliver(self, connector: &Connector) {
        self.deliver_if(connector, || true).await;
    }

    /// The same, if they are still wanted when they are about to be sent.
    pub async fn deliver_if(self, connector: &Connector, is_wanted: impl Fn() -> bool) {
        for server in self.0.servers() {
            server.cancel(connector, &is_wanted).await;
        }
    }
}

/// The keys of all sessions.
#[derive(Debug, Default)]
pub struct Cancels {
    slots: Mutex<HashMap<i32, Arc<Slot>>>,
    /// How keys are made where several proxies share an address
    keys: OnceLock<Keys>,
}

impl Cancels {
    /// Keys say from now on which node gave them out; once, before the first session.
    pub fn set_keys(&self, keys: Keys) {
        if self.keys.set(keys).is_err() {
            debug_assert!(false, "a process is one node");
        }
    }

    /// For whom a request is. A proxy that has no peers has all sessions.
    pub fn addressee(&self, pid: i32, key: &[u8]) -> Addressee {
        self.keys.get().map_or_else(|| Addressee::Ours(key.into()), |keys| keys.read(pid, key))
    }

    /// A slot with a fresh key for a new session.
    pub fn register(&self, protocol_minor: u16, card: Card) -> Arc<Slot> {
        let mut rng = rand::rng();
        let is_long = protocol_minor >= 2;
        let random: [u8; 32] = rng.random();
        let mut slots = self.slots.lock();
        loop {
            // Positive: old clients print it as a process number. Above those of processes, so that it is not taken for one of a
            // server's.
            let pid = rng.random_range(FIRST_CLIENT..=i32::MAX);
            if let std::collections::hash_map::Entry::Vacant(vacant) = slots.entry(pid) {
                let key = match self.keys.get() {
                    Some(keys) => keys.make(pid, is_long, random),
                    None => random[..if is_long { 32 } else { 4 }].into(),
                };
                let slot = Arc::new(Slot { pid, key, card, running: Mutex::default(), parked: Mutex::new(None) });
                vacant.insert(Arc::clone(&slot));
                return slot;
            }
        }
    }

    /// The session has ended.
    pub fn forget(&self, pid: i32) {
        let mut slots = self.slots.lock();
        slots.remove(&pid);
        if slots.len() * 4 < slots.capacity() {
            slots.shrink_to_fit();
        }
    }

    /// Wakes every session that waits for its client.
    pub fn wake_all(&self) {
        for slot in self.all() {
            slot.wake();
        }
    }

    /// What runs now, of all sessions.
    pub fn cancel_all(&self) -> Vec<Cancelling> {
        self.slots.lock().values().map(|slot| slot.begin_cancel()).filter(|cancelling| !cancelling.is_empty()).collect()
    }

    /// All sessions.
    pub fn all(&self) -> Vec<Arc<Slot>> {
        self.slots.lock().values().cloned().collect()
    }

    /// Sessions that are open.
    pub fn len(&self) -> usize {
        self.slots.lock().len()
    }

    /// No session is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The session that has this number.
    pub fn named(&self, pid: i32) -> Option<Arc<Slot>> {
        self.slots.lock().get(&pid).cloned()
    }

    /// Others have sessions whose numbers are not known here.
    pub fn has_peers(&self) -> bool {
        self.keys.get().is_some()
    }

    /// The session that a request names with the right key.
    pub fn find(&self, pid: i32, key: &[u8]) -> Option<Arc<Slot>> {
        let slots = self.slots.lock();
        slots.get(&pid).filter(|slot| *slot.key == *key).cloned()
    }
}
