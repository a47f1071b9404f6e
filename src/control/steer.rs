//! Runs the control plane: one thread of its own, so that nothing it does makes a session wait. Starts and stops
//! the monitors and the keepers of schemas as the map asks for them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::catalog::{self, CatalogSettings, Keep, Refresher};
use super::council::Council;
use super::deadlocks::{self, Break};
use super::finder::{Finder, Search};
use super::http::{self, Pages};
use super::link::MonitorSettings;
use super::monitor::{self, Watch};
use super::publisher::{self, Change, Publisher, Reader};
use super::readiness::Required;
use super::recovery::{self, Recover};
use super::timelines::Timelines;
use crate::logic::health::HealthSettings;
use crate::logic::protocol::report::Fault;
use crate::logic::shards::ShardId;
use crate::logic::topology::{Address, Role, Server, Shard, Spot, Topology};
use crate::proxy::doubts::Doubts;
use crate::proxy::heat::Heat;
use crate::proxy::metrics::Metrics;
use crate::proxy::pulse::Pulses;
use crate::proxy::waits::Waits;

/// Histograms are emptied, and tasks that died are started again, this often.
const UPKEEP: Duration = Duration::from_secs(1);

/// A database that a statement wants for itself is left alone for so long: PostgreSQL waits five seconds for others to go.
const LEFT_ALONE: Duration = Duration::from_secs(6);

/// `shutdown` waits no longer than this.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Settings of the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ControlSettings {
    /// How servers are probed
    pub health: HealthSettings,
    /// As whom, where an address names no user
    pub monitor: MonitorSettings,
    /// When schemas are read
    pub catalog: CatalogSettings,
    /// What `/readyz` asks for
    pub required: Required,
    /// Where `/metrics`, `/livez` and `/readyz` are served; read at the start only
    pub http: Option<SocketAddr>,
    /// Where the newest timelines are kept; read at the start only
    pub timelines: Option<PathBuf>,
}

/// The control plane.
pub struct Control;

impl Control {
    /// Binds the HTTP address, publishes `topology` as it is, and starts the thread.
    pub fn start(settings: ControlSettings, topology: Topology, metrics: Arc<Metrics>) -> io::Result<ControlHandle> {
        let listener = settings.http.map(TcpListener::bind).transpose()?;
        let http_address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let timelines = Arc::new(Timelines::open(settings.timelines.clone())?);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopping) = watch::channel(false);
        let (running, ended) = watch::channel(());
        let required = settings.required;
        let shared = Arc::new(Shared {
            publisher: Publisher::new(topology, metrics.clone()),
            refresher: Refresher::default(),
            settings: Mutex::new(settings),
            reports: Mutex::default(),
            replaced: Notify::new(),
            waits: Arc::default(),
            doubts: Arc::default(),
            heat: Arc::default(),
            pulses: Arc::default(),
            is_draining: Arc::default(),
            finder: Finder::default(),
            left_alone: Mutex::default(),
            timelines,
            runtime: runtime.handle().clone(),
        });
        let steer =
            Steer { shared: shared.clone(), metrics, tasks: HashMap::new(), councils: HashMap::new(), applied: None };
        std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            let ran = runtime.block_on(steer.run(listener, required, stopping));
            if let Err(error) = ran {
                error!(%error, "the control plane has ended");
            }
            // A name lookup may hang in the system's resolver: nobody waits for that.
            runtime.shutdown_timeout(UPKEEP);
            drop(running);
        })?;
        Ok(ControlHandle { shared, stop: Arc::new(stop), ended, http_address })
    }
}

/// What the rest of the proxy holds of it. Cheap to clone; the control plane ends when the last is dropped.
#[derive(Clone)]
pub struct ControlHandle {
    shared: Arc<Shared>,
    stop: Arc<watch::Sender<bool>>,
    ended: watch::Receiver<()>,
    http_address: Option<SocketAddr>,
}

struct Shared {
    publisher: Publisher,
    refresher: Refresher,
    settings: Mutex<ControlSettings>,
    /// By name of the server
    reports: Mutex<HashMap<Box<str>, Arc<Notify>>>,
    replaced: Notify,
    waits: Arc<Waits>,
    doubts: Arc<Doubts>,
    heat: Arc<Heat>,
    pulses: Arc<Pulses>,
    is_draining: Arc<AtomicBool>,
    finder: Finder,
    /// Databases that are left alone, each until then
    left_alone: Mutex<Vec<(Spot, Instant)>>,
    timelines: Arc<Timelines>,
    /// Where the control plane runs
    runtime: Handle,
}

impl ControlHandle {
    /// Reads the topology.
    pub fn reader(&self) -> Reader {
        self.shared.publisher.reader()
    }

    /// Asks for a new look at a schema, after DDL.
    pub fn refresher(&self) -> Refresher {
        self.shared.refresher.clone()
    }

    /// Where sessions say that they wait: deadlocks over several shards are looked for among them.
    pub fn waits(&self) -> Arc<Waits> {
        Arc::clone(&self.shared.waits)
    }

    /// Where recovery says what is in doubt.
    pub fn doubts(&self) -> Arc<Doubts> {
        Arc::clone(&self.shared.doubts)
    }

    /// Where sessions say which keys they are asked for: the status page shows the hottest.
    pub fn heat(&self) -> Arc<Heat> {
        Arc::clone(&self.shared.heat)
    }

    /// Where pools say that a server has answered: a sign of life, also when its probes go unanswered.
    pub fn pulses(&self) -> Arc<Pulses> {
        Arc::clone(&self.shared.pulses)
    }

    /// Looks for a database that the map does not name; what a client hears when there is none. It is published by then.
    pub async fn find(&self, database: Box<str>) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let finding = self.shared.runtime.spawn(async move {
            let (login, catalog) = {
                let settings = shared.settings.lock();
                (settings.monitor.clone(), settings.catalog.clone())
            };
            let search = Search { login, catalog, publisher: shared.publisher.clone() };
            let found = shared.finder.find(&database, &search).await;
            // Its schema is looked after before a client can change it.
            shared.replaced.notify_one();
            let reader = shared.publisher.reader();
            while reader.load().databases.contains_key(&database) && !shared.refresher.has(&database) {
                tokio::task::yield_now().await;
            }
            found
        });
        finding.await.unwrap_or(Err(Fault::Shutdown))
    }

    /// Forgets a database that was found.
    pub fn forget(&self, database: &str) {
        self.shared.publisher.publish(Change::Forgotten { database: database.into() });
        self.shared.replaced.notify_one();
    }

    /// Closes our own connections to a database that is all there is of one of the map's, until `come_back`, but no longer
    /// than a statement may take that wants nobody else there.
    pub fn leave_alone(&self, spot: Spot) {
        self.shared.left_alone.lock().push((spot, Instant::now() + LEFT_ALONE));
        self.shared.replaced.notify_one();
    }

    /// The statement is over.
    pub fn come_back(&self, spot: &Spot) {
        self.shared.left_alone.lock().retain(|(left, _)| left != spot);
        self.shared.replaced.notify_one();
    }

    /// A connection to this server failed: it is probed at once, and so are the others of its shard, of which one may have
    /// taken its place. For errors only: takes a lock.
    pub fn hasten(&self, server: &str) {
        let shard = server.rsplit_once('/').map_or(server, |(shard, _)| shard);
        let is_of_shard = |name: &str| name.rsplit_once('/').is_some_and(|(of, _)| of == shard);
        for (_, report) in self.shared.reports.lock().iter().filter(|(name, _)| is_of_shard(name)) {
            report.notify_one();
        }
        // A database that was found has no monitor: is it still there?
        let database = shard.rsplit_once('/').map_or(shard, |(database, _)| database);
        if self.reader().load().databases.get(database).is_some_and(|database| database.is_found) {
            self.shared.refresher.nudge(database);
        }
    }

    /// From now on `/readyz` says no: clients should go elsewhere. `/metrics` goes on.
    pub fn drain(&self) {
        self.shared.is_draining.store(true, Ordering::Relaxed);
    }

    /// Where HTTP is served, with the port that was really bound.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http_address
    }

    /// Publishes a new map at once, keeping what is known of servers that stay; their monitors stay too, those of others
    /// are stopped and started. `settings.http` and `settings.required` count at the start only.
    pub fn replace(&self, topology: Topology, settings: ControlSettings) {
        *self.shared.settings.lock() = settings;
        self.shared.publisher.publish(Change::Whole(topology));
        for database in self.reader().load_full().databases.keys() {
            self.shared.refresher.nudge(database);
        }
        self.shared.replaced.notify_one();
    }

    /// Ends the control plane and waits until its thread is gone, or five seconds.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let mut ended = self.ended.clone();
        // An error of `changed` is what we wait for: the thread has dropped its end.
        tokio::time::timeout(SHUTDOWN_MAX, ended.changed()).await.ok();
    }
}

/// What tells one task from another: equal keys survive a reload.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Monitors a server
    Watch(Box<Watched>),
    /// Keeps the schema of a database
    Keep { database: Box<str> },
    /// Finishes what is in doubt in a database
    Recover { database: Box<str> },
    /// Ends deadlocks over the shards of a database
    Break { database: Box<str> },
}

/// A server as its monitor knows it; its lag is measured against the primary of `circle`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Watched {
    server: Box<str>,
    /// `None`: it is found
    role: Option<Role>,
    address: Address,
    circle: Circle,
}

/// Servers whose monitors sit in one council: while it stays the same, so does what they know together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Circle {
    database: Box<str>,
    shard: ShardId,
    name: Box<str>,
    /// The primary, where the map names one
    primary: Option<Address>,
    /// Servers that find their roles, in the order of their names
    finding: Vec<(Box<str>, Address)>,
}

impl Circle {
    fn of(database: &str, shard: &Shard) -> Self {
        let mut finding: Vec<(Box<str>, Address)> = Vec::new();
        if shard.finds_roles {
            finding.extend(publisher::members(shard).map(|it| (it.name.clone(), it.address.clone())));
            finding.sort_by(|one, other| one.0.cmp(&other.0));
        }
        let primary = (!shard.finds_roles).then(|| shard.primary.address.clone());
        Self { database: database.into(), shard: shard.primary.shard, name: shard.name.clone(), primary, finding }
    }
}

/// What a task is to do.
enum Job {
    /// Monitor this server
    Watch { server: Arc<Server>, circle: Circle },
    /// Keep the schema of this database
    Keep { database: Box<str> },
    /// Finish what is in doubt in this database
    Recover { database: Box<str> },
    /// End deadlocks over the shards of this database
    Break { database: Box<str> },
}

impl Job {
    fn key(&self) -> Key {
        match self {
            Self::Watch { server, circle } => Key::Watch(Box::new(Watched {
                server: server.name.clone(),
                role: circle.finding.is_empty().then_some(server.role),
                address: server.address.clone(),
                circle: circle.clone(),
            })),
            Self::Keep { database } => Key::Keep { database: database.clone() },
            Self::Recover { database } => Key::Recover { database: database.clone() },
            Self::Break { database } => Key::Break { database: database.clone() },
        }
    }
}

/// All that a map asks for, but for what is left alone.
fn jobs(topology: &Topology, left_alone: &[(Spot, Instant)]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (database, settings) in &topology.databases {
        if !settings.is_found
            && let [shard] = &settings.shards[..]
            && shard.replicas.is_empty()
            && left_alone.iter().any(|(spot, _)| spot.is_of(&shard.primary.address))
        {
            continue;
        }
        jobs.push(Job::Keep { database: database.clone() });
        if settings.is_found {
            continue;
        }
        jobs.push(Job::Recover { database: database.clone() });
        jobs.push(Job::Break { database: database.clone() });
        for shard in &settings.shards {
            let circle = Circle::of(database, shard);
            let watch = |server: &Arc<Server>| Job::Watch { server: server.clone(), circle: circle.clone() };
            jobs.extend(publisher::members(shard).map(watch));
        }
    }
    jobs
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Steer {
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    tasks: HashMap<Key, Task>,
    councils: HashMap<Circle, Arc<Council>>,
    /// The settings the tasks were started with
    applied: Option<ControlSettings>,
}

impl Steer {
    async fn run(
        mut self,
        listener: Option<TcpListener>,
        required: Required,
        mut stopping: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let _http = listener.map(|it| self.serve(it, required)).transpose()?;
        let _keeper = Task(tokio::spawn(Arc::clone(&self.shared.timelines).keep()));
        let mut upkeep = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                _ = upkeep.tick() => self.metrics.upkeep(),
                () = self.shared.replaced.notified() => (),
                // An error means that every handle was dropped.
                _ = stopping.wait_for(|stop| *stop) => return Ok(()),
            }
            self.sync();
        }
    }

    fn serve(&self, listener: TcpListener, required: Required) -> io::Result<Task> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        info!(address = %listener.local_addr()?, "serving the status page, /metrics, /livez and /readyz");
        let (metrics, reader) = (self.metrics.clone(), self.shared.publisher.reader());
        let (is_draining, started) = (self.shared.is_draining.clone(), Instant::now());
        let heat = Arc::clone(&self.shared.heat);
        let pages = Pages { metrics, reader, heat, required, is_draining, started };
        Ok(Task(tokio::spawn(http::serve(listener, Arc::new(pages)))))
    }

    /// Starts what the current map asks for and stops what it no longer does.
    fn sync(&mut self) {
        let settings = self.shared.settings.lock().clone();
        if self.applied.as_ref() != Some(&settings) {
            self.tasks.clear();
        }
        let topology = self.shared.publisher.reader().load_full();
        let left_alone = {
            let mut left_alone = self.shared.left_alone.lock();
            left_alone.retain(|(_, until)| *until > Instant::now());
            left_alone.clone()
        };
        let mut wanted: HashMap<Key, Job> =
            jobs(&topology, &left_alone).into_iter().map(|job| (job.key(), job)).collect();
        self.tasks.retain(|key, task| wanted.contains_key(key) && !task.0.is_finished());
        self.forget(&wanted);
        wanted.retain(|key, _| !self.tasks.contains_key(key));
        for (key, job) in wanted {
            let task = self.start(job, &settings);
            self.tasks.insert(key, task);
        }
        self.applied = Some(settings);
    }

    fn start(&mut self, job: Job, settings: &ControlSettings) -> Task {
        match job {
            Job::Watch { server, circle } => Task(tokio::spawn(monitor::watch(Watch {
                database: circle.database.clone(),
                metrics: self.metrics.clone(),
                health: settings.health.clone(),
                login: settings.monitor.clone(),
                council: self.council(circle),
                reports: self.shared.reports.lock().entry(server.name.clone()).or_default().clone(),
                pulse: self.shared.pulses.of(&server.address),
                publisher: self.shared.publisher.clone(),
                server,
            }))),
            Job::Keep { database } => Task(tokio::spawn(catalog::keep(Keep {
                settings: settings.catalog.clone(),
                login: settings.monitor.clone(),
                desk: self.shared.refresher.desk(&database, &settings.catalog),
                publisher: self.shared.publisher.clone(),
                metrics: self.metrics.clone(),
                schema: self.shared.finder.schema(&database),
                database,
            }))),
            Job::Recover { database } => Task(tokio::spawn(recovery::recover(Recover {
                doubts: Arc::clone(&self.shared.doubts),
                login: settings.monitor.clone(),
                reader: self.shared.publisher.reader(),
                metrics: self.metrics.clone(),
                database,
            }))),
            Job::Break { database } => Task(tokio::spawn(deadlocks::end(Break {
                login: settings.monitor.clone(),
                reader: self.shared.publisher.reader(),
                metrics: self.metrics.clone(),
                desk: self.shared.waits.of(&database),
                database,
            }))),
        }
    }

    fn council(&mut self, circle: Circle) -> Arc<Council> {
        let names = circle.finding.iter().map(|(name, _)| name.clone()).collect();
        let (shard, of) = (circle.shard, (circle.database.clone(), circle.name.clone()));
        let timelines = &self.shared.timelines;
        let new = || Arc::new(Council::new(shard, of, names, Arc::clone(timelines)));
        self.councils.entry(circle).or_insert_with(new).clone()
    }

    /// Keeps nothing of servers and databases that nobody asks for.
    fn forget(&mut self, wanted: &HashMap<Key, Job>) {
        let (mut servers, mut circles, mut databases) = (HashSet::new(), HashSet::new(), HashSet::new());
        for job in wanted.values() {
            match job {
                Job::Watch { server, circle } => {
                    servers.insert(&server.name);
                    circles.insert(circle);
                }
                Job::Keep { database } | Job::Recover { database } | Job::Break { database } => {
                    databases.insert(database);
                }
            }
        }
        self.shared.reports.lock().retain(|server, _| servers.contains(server));
        self.councils.retain(|circle, _| circles.contains(circle));
        self.shared.refresher.retain(|database| databases.iter().any(|it| &***it == database));
    }
}
