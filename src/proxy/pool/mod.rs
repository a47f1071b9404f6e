//! Pools of server connections, and leases on them that are safe to drop.

mod budget;
mod lease;
mod pools;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rand::Rng;
use tokio::sync::oneshot;

use crate::logic::pool::{Asked, Counts, Effect, Expiry, Pool, Why};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::walk::Walk;
use crate::logic::topology::{Address, PoolSettings, Secret};
use crate::proxy::backend::{ConnectFault, Connected, Connector, Credentials};
use crate::proxy::cancel::{Cancellable, Connection};
use crate::proxy::metrics::Connects;
use crate::proxy::notifiers::{Ear, Notifiers, UnderWay};
use crate::proxy::pulse::Pulse;
use crate::proxy::server::{Backend, Boxed, Place};

pub use budget::Budgets;
pub use lease::Lease;
pub use pools::{Paused, Pools};

type Waiter = oneshot::Sender<Result<Boxed, Fault>>;
type Effects = Vec<Effect<Boxed, Waiter>>;

/// Hears of servers that refuse connections.
pub type OnRefused = Arc<dyn Fn(&str) + Send + Sync>;

/// The pool of one server for one user.
pub struct ServerPool {
    /// The first database that has asked for it
    pub database: Box<str>,
    /// The server's name, for messages and logs
    pub server: Box<str>,
    /// The shard's name, for messages
    pub shard: Box<str>,
    /// Where it leads
    pub address: Address,
    /// As whom
    pub user: Box<str>,
    password: Option<Secret>,
    machine: Mutex<Pool<Boxed, Waiter>>,
    /// What the host's name stands for; nothing: it is no name, or was not looked up yet
    places: ArcSwap<Vec<IpAddr>>,
    /// It may have stood for others before
    has_moved: AtomicBool,
    lent: AtomicU32,
    /// Its connections, and some that have been closed since
    connections: Mutex<Vec<Weak<Cancellable>>>,
    numbers: Arc<AtomicU64>,
    notifiers: Arc<Notifiers>,
    /// Connections of an earlier one are closed as they come back
    generation: AtomicU32,
    connector: Arc<Connector>,
    on_refused: OnRefused,
    pulse: Pulse,
    budgets: Arc<Budgets>,
    connects: Mutex<Connects>,
}

impl ServerPool {
    /// Connections lent now: how busy the server is with our sessions.
    pub fn lent(&self) -> u32 {
        self.lent.load(Ordering::Relaxed)
    }

    /// How the pool stands, and how long its first waiter has waited.
    pub fn counts(&self) -> (Counts, Duration) {
        let machine = self.machine.lock();
        (machine.counts(), machine.longest_wait(Instant::now()))
    }

    /// Connections that it may open, the reserve included.
    pub fn connections_max(&self) -> u32 {
        let machine = self.machine.lock();
        machine.settings().size + machine.settings().reserve
    }

    /// What has come of opening connections since this was last asked.
    pub fn take_connects(&self) -> Connects {
        std::mem::take(&mut self.connects.lock())
    }

    /// Its connections.
    pub fn connections(&self) -> Vec<Arc<Cancellable>> {
        self.connections.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Does it close when it comes back?
    pub fn is_stale(&self, connection: &Cancellable) -> bool {
        connection.connection.generation != self.generation.load(Ordering::Relaxed)
    }

    /// There are no connections, nor are any being opened.
    pub fn is_empty(&self) -> bool {
        self.machine.lock().is_empty()
    }

    /// Idle connections close, and lent ones as they come back; others are opened in their place.
    pub fn renew(self: &Arc<Self>) {
        let mut effects = Vec::new();
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.machine.lock().close_idle(&mut effects);
        self.carry_out(effects);
    }

    fn set_paused(self: &Arc<Self>, is_paused: bool) {
        let mut effects = Vec::new();
        match is_paused {
            true => self.machine.lock().pause(Instant::now(), &mut effects),
            false => self.machine.lock().resume(Instant::now(), &mut effects),
        }
        self.carry_out(effects);
    }

    /// The numbers of those that are not lent.
    pub fn idle(&self) -> Vec<u64> {
        self.machine.lock().idle().map(|boxed| boxed.cancellable.connection.id).collect()
    }

    /// Its settings.
    pub fn settings(&self) -> PoolSettings {
        self.machine.lock().settings().clone()
    }

    /// A connection at once, if one is idle and nobody waits.
    pub fn try_lease(self: &Arc<Self>) -> Option<Lease> {
        loop {
            let boxed = self.machine.lock().take()?;
            self.lent.fetch_add(1, Ordering::Relaxed);
            let lease = Lease::of(boxed, self);
            // Something to read on an idle connection: it was closed, or the server has something to say that no
            // client asked for. Dropping the lease closes it.
            if !lease.stream.is_readable_now() {
                return Some(lease);
            }
        }
    }

    /// After this who waits is to be told; never when it is zero.
    pub fn wait_notify(&self) -> Duration {
        self.machine.lock().settings().wait_notify
    }

    /// A connection for a client of this user; waits in the queue for at most `wait_timeout`. `holds`: it has other servers
    /// meanwhile, and is served in a pause too.
    pub async fn lease(self: &Arc<Self>, user: &str, holds: bool) -> Result<Lease, Fault> {
        let (sender, receiver) = oneshot::channel();
        let mut effects = Vec::new();
        let (asked, settings) = {
            let mut machine = self.machine.lock();
            (machine.ask((user, holds), sender, Instant::now(), &mut effects), machine.settings().clone())
        };
        self.carry_out(effects);
        let ticket = match asked {
            Asked::Waits(ticket) => ticket,
            Asked::Full => {
                return Err(Fault::QueueFull { server: self.server.clone(), waiters_max: settings.waiters_max });
            }
            Asked::Refused(why) => return Err(self.fault(why)),
        };
        let mut waiting = Waiting { pool: self, ticket, receiver };
        let waited = settings.wait_timeout;
        let answer = if waited.is_zero() {
            (&mut waiting.receiver).await
        } else {
            match tokio::time::timeout(waited, &mut waiting.receiver).await {
                Ok(answer) => answer,
                Err(_) => {
                    return Err(Fault::WaitTimeout { server: self.server.clone(), waited, size: settings.size });
                }
            }
        };
        match answer {
            Ok(Ok(boxed)) => {
                self.lent.fetch_add(1, Ordering::Relaxed);
                Ok(Lease::of(boxed, self))
            }
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(self.fault(Why::Unreachable("the pool was closed".to_owned()))),
        }
    }

    /// Does its server let anybody in now? One that stops does not, from before it ends its sessions.
    pub async fn takes_logins(&self) -> bool {
        const LOOK_MAX: Duration = Duration::from_secs(3);
        let credentials = Credentials { user: &self.user, password: self.password.as_ref(), parameters: &[] };
        let connecting = self.connector.connect(&self.address, &credentials);
        match tokio::time::timeout(LOOK_MAX, connecting).await {
            Ok(Ok(_)) => true,
            // It lives, and has its reasons.
            Ok(Err(fault)) => fault.sqlstate().is_some_and(|code| !matches!(code, "57P01" | "57P02" | "57P03")),
            Err(_) => false,
        }
    }

    /// Time has passed.
    pub fn tick(self: &Arc<Self>) {
        let mut effects = Vec::new();
        self.machine.lock().tick(Instant::now(), &mut effects);
        self.carry_out(effects);
    }

    fn close(self: &Arc<Self>, why: &str) {
        let mut effects = Vec::new();
        self.machine.lock().close(why, &mut effects);
        self.carry_out(effects);
    }

    fn fault(&self, why: Why) -> Fault {
        let server = self.server.clone();
        match why {
            Why::Unreachable(cause) => Fault::ServerDown { shard: self.shard.clone(), server, cause },
            Why::Refused { sqlstate, message } => Fault::ServerRefused { server, sqlstate, message },
        }
    }

    fn carry_out(self: &Arc<Self>, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Lend(waiter, boxed) => {
                    if let Err(Ok(boxed)) = waiter.send(Ok(boxed)) {
                        // Who waited is gone: the next in turn gets it.
                        self.settle(boxed, Instant::now());
                    }
                }
                Effect::Open => self.open_in_turn(),
                Effect::Close(boxed) => boxed.0.close(),
                Effect::Fail(waiter, why) => drop(waiter.send(Err(self.fault(why)))),
            }
        }
    }

    /// The server's name stands for these addresses now: connections to others are closed, those that are lent when they
    /// come back.
    pub fn keep_to(self: &Arc<Self>, places: &[IpAddr]) {
        if places.is_empty() || **self.places.load() == *places {
            return;
        }
        let before = self.places.swap(Arc::new(places.to_vec()));
        let mut effects = Vec::new();
        let mut machine = self.machine.lock();
        machine.retire(|boxed| is_elsewhere(boxed, places), &mut effects);
        // Those that are lent or being opened may be from a time when it stood for others, also where this is the first look.
        self.has_moved.fetch_or(!before.is_empty() || !machine.is_empty(), Ordering::Relaxed);
        drop(machine);
        self.carry_out(effects);
    }

    fn settle(self: &Arc<Self>, boxed: Boxed, now: Instant) {
        let mut effects = Vec::new();
        let has_moved = self.has_moved.load(Ordering::Relaxed) && is_elsewhere(&boxed, &self.places.load());
        let is_old = has_moved || self.is_stale(&boxed.cancellable) || self.is_owed(now);
        let expiry = Expiry(if is_old { now } else { boxed.expires });
        self.machine.lock().give_back(boxed, expiry, now, &mut effects);
        self.carry_out(effects);
    }

    async fn connect(&self, connect_timeout: Duration) -> Result<Connected, Why> {
        let credentials = Credentials { user: &self.user, password: self.password.as_ref(), parameters: &[] };
        let connecting = self.connector.connect(&self.address, &credentials);
        let result = match tokio::time::timeout(connect_timeout, connecting).await {
            Ok(result) => result.map_err(why),
            Err(_) => Err(Why::Unreachable(format!("no login within {connect_timeout:?}"))),
        };
        let mut connects = self.connects.lock();
        match &result {
            Ok(_) => connects.ok += 1,
            Err(_) => connects.failed += 1,
        }
        result
    }

    /// The number of the client that has notified by this process of the server, to who listens for clients.
    pub fn client_of(&self, pid: i32) -> Option<i32> {
        self.notifiers.client_of(&self.address, pid)
    }

    /// The commit over several shards that this process of the server takes part in.
    pub fn commit_of(&self, pid: i32) -> Option<UnderWay> {
        self.notifiers.commit_of(&self.address, pid)
    }

    /// A connection that is none of the pool's.
    pub async fn connect_apart(&self) -> Result<Connected, Fault> {
        let connect_timeout = self.machine.lock().settings().connect_timeout;
        self.connect(connect_timeout).await.map_err(|why| self.fault(why))
    }

    async fn open(self: Arc<Self>, place: Place) {
        let settings = self.machine.lock().settings().clone();
        let generation = self.generation.load(Ordering::Relaxed);
        let result = self.connect(settings.connect_timeout).await;
        let mut effects = Vec::new();
        match result {
            Ok(connected) => {
                let now = Instant::now();
                let expires = now + jittered(settings.lifetime);
                let (peer, local) = connected.stream.ends();
                let connection = Connection {
                    id: self.numbers.fetch_add(1, Ordering::Relaxed),
                    opened: now,
                    peer,
                    local,
                    tls: connected.stream.encryption(),
                    prepared: AtomicU32::new(0),
                    generation,
                };
                let address = self.address.clone();
                let notifier = self.notifiers.add(&address, connected.pid);
                let ear = Ear::new(Arc::clone(&notifier), address.clone(), Arc::clone(&self.notifiers));
                let key = (connected.pid, connected.secret_key);
                let cancellable = Arc::new(Cancellable::new(address, key, connection, notifier));
                self.remember(&cancellable);
                let backend = Backend {
                    peer: connected.stream.peer(),
                    stream: connected.stream,
                    walk: Walk::knowing(Box::new(ear)),
                    unheard: Default::default(),
                    cancellable,
                    settings: Arc::default(),
                    is_tainted: false,
                    has_unseen: false,
                    prepared: Default::default(),
                    unnamed: None,
                    opened: now,
                    expires,
                    place,
                };
                tracing::debug!(server = %self.server, pid = backend.cancellable.pid, "server connection opened");
                self.machine.lock().opened(Boxed(Box::new(backend)), Expiry(expires), now, &mut effects);
            }
            Err(why) => {
                drop(place);
                tracing::warn!(server = %self.server, cause = %why, "server connection failed");
                (self.on_refused)(&self.server);
                self.machine.lock().failed(why, Instant::now(), &mut effects);
            }
        }
        self.carry_out(effects);
    }

    fn remember(&self, cancellable: &Arc<Cancellable>) {
        let mut connections = self.connections.lock();
        connections.retain(|connection| connection.strong_count() > 0);
        connections.push(Arc::downgrade(cancellable));
    }
}

fn why(fault: ConnectFault) -> Why {
    match fault {
        ConnectFault::Refused { sqlstate, message, .. } => Why::Refused { sqlstate, message: message.into() },
        ConnectFault::Unknown { .. }
        | ConnectFault::Unreachable(_)
        | ConnectFault::Tls(_)
        | ConnectFault::Authentication(_)
        | ConnectFault::Protocol(_) => Why::Unreachable(fault.to_string()),
    }
}

/// Is it a connection to an address that the server's name does not stand for any more?
fn is_elsewhere(boxed: &Boxed, places: &[IpAddr]) -> bool {
    !places.is_empty() && boxed.peer.is_some_and(|peer| !places.contains(&peer))
}

/// Connections opened together do not all end together: up to a tenth less, at random.
fn jittered(lifetime: Duration) -> Duration {
    const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
    if lifetime.is_zero() { FOREVER } else { lifetime.mul_f64(1.0 - rand::rng().random_range(0.0..0.1)) }
}

/// A place in a pool's queue: leaving it early leaves nothing behind.
struct Waiting<'a> {
    pool: &'a Arc<ServerPool>,
    ticket: u64,
    receiver: oneshot::Receiver<Result<Boxed, Fault>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pool.machine.lock().give_up(self.ticket);
        self.receiver.close();
        if let Ok(Ok(boxed)) = self.receiver.try_recv() {
            self.pool.settle(boxed, Instant::now());
        }
    }
}
