//! What all sessions of one proxy share. Two proxies fit in one process: nothing here is global.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::logic::catalog::Catalog;
use crate::logic::console::seen::Seen;
use crate::logic::console::snapshot::PlanUse;
use crate::logic::console::totals::Totals;
use crate::logic::defaults::Defaults;
use crate::logic::memory::Memory;
use crate::logic::protocol::report::Fault;
use crate::logic::session::telling::Map;
use crate::logic::topology::{Address, Database, Spot, Topology};
use crate::proxy::backend::Connector;
use crate::proxy::cancel::{Cancels, Slot};
use crate::proxy::card::Clock;
use crate::proxy::channels::Channels;
use crate::proxy::doubts::Doubts;
use crate::proxy::gates::Gates;
use crate::proxy::heat::Heat;
use crate::proxy::leaving::Leaving;
use crate::proxy::metrics::Metrics;
use crate::proxy::placing::Placing;
use crate::proxy::plans::{Paths, Planner};
use crate::proxy::pool::{Pools, ServerPool};
use crate::proxy::statements::Statements;
use crate::proxy::waits::Waits;
use crate::proxy::witness::Witness;

/// What sessions ask of the control plane.
pub trait Steering: Send + Sync {
    /// The schema of a database has changed: resolves once plans see it, or after a bounded wait.
    fn schema_changed(&self, database: &str) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Looks for a database that the map does not name: it is in the picture when this resolves, or the client hears why not.
    fn find(&self, database: &str) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

    /// A database that was found is not to be in the picture any more.
    fn forget(&self, database: &str);

    /// A statement wants nobody else in this database: the control plane stays out of it, where it can.
    fn leave_alone(&self, spot: Spot);

    /// That statement is over.
    fn come_back(&self, spot: &Spot);

    /// Something was odd about a server: it is looked at, and so are the others of its shard. For errors only.
    fn hasten(&self, server: &str);

    /// A new table for the map. What is in the way is said in words.
    fn place(&self, placing: Placing) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

    /// Resolves once a picture is published of which this holds; perhaps never.
    fn until(&self, holds: Box<dyn Fn(&Topology) -> bool + Send + Sync>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Startup parameters that a server has accepted, and what it reported then.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The settings they make
    pub settings: Arc<Map>,
    /// ParameterStatus values that differ from the greeting
    pub reported: Arc<Vec<(Box<str>, Box<str>)>>,
    /// What it had to remark, as whole messages: a name was too long
    pub remarks: Arc<[u8]>,
    /// The schema whose defaults were looked at
    pub catalog: Weak<Catalog>,
}

/// See the module.
pub struct Shared {
    /// The latest picture of the fleet
    pub topology: Arc<ArcSwap<Topology>>,
    /// Server connections
    pub pools: Pools,
    /// Connections that listen for sessions
    pub channels: Channels,
    /// Opens server connections, sends cancel requests
    pub connector: Arc<Connector>,
    /// Proxy-wide prepared statements
    pub statements: Statements,
    /// Cancel keys
    pub cancels: Cancels,
    /// Sessions that may be part of a deadlock
    pub waits: Arc<Waits>,
    /// Counters
    pub metrics: Arc<Metrics>,
    /// Which single statements are told of
    pub witness: Witness,
    /// The control plane
    pub steering: Arc<dyn Steering>,
    leaving: AtomicU8,
    /// Transactions in doubt
    pub doubts: Arc<Doubts>,
    /// Keys that are asked for most
    pub heat: Arc<Heat>,
    /// Tables that are being changed
    pub gates: Arc<Gates>,
    /// Rows of several shards that sessions hold
    pub memory: Arc<Memory>,
    /// What was refused lately
    pub refusals: Mutex<Seen>,
    /// Turns moments into the time of day
    pub clock: Clock,
    /// Databases that take no new clients
    pub disabled: Mutex<HashSet<Box<str>>>,
    /// What sessions have done that are gone
    departed: Mutex<HashMap<Box<str>, Totals>>,
    /// What the server connections of each database have begun with: the version of its defaults
    begun_with: Mutex<HashMap<Box<str>, u64>>,
    planners: Mutex<HashMap<PlannerKey, Arc<Planner>>>,
    paths: Mutex<Paths>,
    accepted: Mutex<HashMap<AcceptedKey, Accepted>>,
    next_session: AtomicU64,
    moments: AtomicU64,
}

type PlannerKey = (Box<str>, Vec<Box<str>>);
/// Database, user, startup parameters as sent.
pub type AcceptedKey = (Box<str>, Box<str>, Vec<(Box<str>, Box<str>)>);

/// Different sets of startup parameters remembered; they are forgotten all at once.
const ACCEPTED_MAX: usize = 4096;
/// Different search paths planned for at a time; they are forgotten all at once.
const PLANNERS_MAX: usize = 1024;

impl Shared {
    /// Of a proxy that starts.
    pub fn new(
        topology: Arc<ArcSwap<Topology>>,
        pools: Pools,
        connector: Arc<Connector>,
        metrics: Arc<Metrics>,
        steering: Arc<dyn Steering>,
        (waits, doubts, heat): (Arc<Waits>, Arc<Doubts>, Arc<Heat>),
    ) -> Self {
        Self {
            topology,
            pools,
            channels: Channels::default(),
            connector,
            statements: Statements::default(),
            cancels: Cancels::default(),
            waits,
            metrics,
            witness: Witness::default(),
            steering,
            leaving: AtomicU8::new(Leaving::Nobody as u8),
            doubts,
            heat,
            gates: Arc::default(),
            memory: Arc::default(),
            refusals: Mutex::default(),
            clock: Clock::start(),
            disabled: Mutex::default(),
            departed: Mutex::default(),
            begun_with: Mutex::default(),
            planners: Mutex::default(),
            paths: Mutex::default(),
            accepted: Mutex::default(),
            next_session: AtomicU64::new(1),
            moments: AtomicU64::new(0),
        }
    }

    /// The proxy ends: these sessions do, now or at their next transaction boundary.
    pub fn leave(&self, who: Leaving) {
        self.leaving.store(who as u8, Ordering::Release);
        self.cancels.wake_all();
    }

    /// Who has to go.
    pub fn leaving(&self) -> Leaving {
        Leaving::from(self.leaving.load(Ordering::Acquire))
    }

    /// A session has ended.
    pub fn depart(&self, slot: &Slot) {
        // Under one lock with the sum, so that nobody who looks counts it twice or not at all.
        let mut departed = self.departed.lock();
        *departed.entry(slot.card.database.clone()).or_default() += slot.card.totals();
        self.cancels.forget(slot.pid);
    }

    /// What was done in each database that anyone has used.
    pub fn totals(&self) -> HashMap<Box<str>, Totals> {
        let departed = self.departed.lock();
        let mut totals = departed.clone();
        for slot in self.cancels.all() {
            match totals.get_mut(&slot.card.database) {
                Some(sum) => *sum += slot.card.totals(),
                None => drop(totals.insert(slot.card.database.clone(), slot.card.totals())),
            }
        }
        totals
    }

    /// The database of this name, be it one that the map does not name.
    pub async fn database(&self, name: &str) -> Result<Arc<Database>, Fault> {
        let known = |topology: &Topology| topology.databases.get(name).cloned();
        if let Some(database) = known(&self.topology.load()) {
            return Ok(database);
        }
        if self.topology.load().wildcard.is_some() {
            self.steering.find(name).await?;
        }
        known(&self.topology.load()).ok_or_else(|| Fault::NoDatabase(name.into()))
    }

    /// A database that was found is in the picture no more: nothing of it is kept.
    pub fn forget(&self, database: &str) {
        let topology = self.topology.load_full();
        let shards = || topology.databases.values().flat_map(|database| &database.shards);
        let is_wanted = |address: &Address| shards().any(|shard| shard.primary.address == *address);
        self.pools.forget(|pool| *pool.database == *database && !is_wanted(&pool.address));
        self.departed.lock().remove(database);
        self.begun_with.lock().remove(database);
        self.planners.lock().retain(|(of, _), _| **of != *database);
        self.accepted.lock().retain(|(of, ..), _| **of != *database);
    }

    /// Sessions of a database begin with these defaults from now on. Connections that began with others close as they come
    /// back: RESET ALL there goes back to what a role or the database had then.
    pub fn begin_with(&self, database: &str, defaults: &Defaults) {
        let before = self.begun_with.lock().insert(database.into(), defaults.version);
        if before.is_some_and(|before| before != defaults.version) {
            tracing::info!(
                database,
                "ALTER ROLE or ALTER DATABASE has set something: connections to servers are renewed"
            );
            self.pools.all().iter().filter(|pool| *pool.database == *database).for_each(ServerPool::renew);
        }
    }

    /// A number for a new session, for logs.
    pub fn session_id(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    /// A moment in the life of the proxy: what was prepared and what was parsed later can be told apart.
    pub fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::Relaxed)
    }

    /// The planner for a database as it is now and a search path.
    pub fn planner(&self, database: &Arc<Database>, search_path: &[Box<str>]) -> Arc<Planner> {
        let is_current = |planner: &Arc<Planner>| {
            let of = planner.database();
            Arc::ptr_eq(&of.map, &database.map)
                && match (&of.catalog, &database.catalog) {
                    (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                    (None, None) => true,
                    (Some(_), None) | (None, Some(_)) => false,
                }
        };
        let mut planners = self.planners.lock();
        let key = (database.name.clone(), search_path.to_vec());
        if let Some(planner) = planners.get(&key).filter(|planner| is_current(planner)) {
            return Arc::clone(planner);
        }
        if planners.len() >= PLANNERS_MAX {
            planners.clear();
        }
        let planner = Arc::new(self.planner_apart(Arc::clone(database), search_path.to_vec()));
        planners.insert(key, Arc::clone(&planner));
        planner
    }

    /// The same for who keeps it to itself.
    pub fn planner_apart(&self, database: Arc<Database>, search_path: Vec<Box<str>>) -> Planner {
        Planner::new(database, self.paths.lock().numbered(search_path), Arc::clone(&self.metrics))
    }

    /// Plans kept, over all databases and search paths.
    pub fn plans(&self) -> usize {
        self.planners.lock().values().map(|planner| planner.entries()).sum()
    }

    /// How statements were run, over all databases and search paths: those that took most time first.
    pub fn plan_uses(&self, most: usize) -> Vec<PlanUse> {
        let planners: Vec<Arc<Planner>> = self.planners.lock().values().cloned().collect();
        let mut uses: Vec<PlanUse> = planners.iter().flat_map(|planner| planner.uses(most)).collect();
        uses.sort_by_key(|it| std::cmp::Reverse(it.time));
        uses.truncate(most);
        uses
    }

    /// Startup parameters that were accepted before.
    pub fn accepted(&self, key: &AcceptedKey, catalog: &Weak<Catalog>) -> Option<Accepted> {
        self.accepted.lock().get(key).filter(|accepted| accepted.catalog.ptr_eq(catalog)).cloned()
    }

    /// Remembers startup parameters.
    pub fn accept(&self, key: AcceptedKey, accepted: Accepted) {
        let mut known = self.accepted.lock();
        if known.len() >= ACCEPTED_MAX {
            known.clear();
        }
        known.insert(key, accepted);
    }
}
