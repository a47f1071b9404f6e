//! Runs the proxy: wires the rooms, reloads when it is told to, and ends.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::drain::{self, Drain};
use super::found::Found;
use super::keeper::{self, WANTED_MAX, Wanted};
use super::listening::{self, Listening};
use super::signals::{How, Signals, Told};
use super::steering::Refresh;
use super::{logging, systemd, upkeep};
use crate::config::{self, SecretFile, Settings};

use crate::control::{CatalogSettings, Control, ControlHandle, ControlSettings, Users, export};
use crate::logic::auth::verifier;
use crate::logic::cancel_key::Keys;
use crate::logic::console::statement::Shutdown;
use crate::logic::plan::listing::Listing;
use crate::logic::shards::ShardMap;
use crate::logic::topology::{Address, Database, PoolSettings, Secret, Topology};
use crate::proxy::backend::Connector;
use crate::proxy::console::orders::{Order, Wish};
use crate::proxy::console::{Console, ConsoleSettings};
use crate::proxy::door::{Door, Tls};
use crate::proxy::entrance::{Entrance, EntranceLimits};
use crate::proxy::metrics::Metrics;
use crate::proxy::placing::{Placing, Step};
use crate::proxy::pool::Pools;
use crate::proxy::shared::Shared;
use crate::proxy::witness::Traces;

/// Orders of operators that wait for their turn, at most.
const ORDERS_MAX: usize = 16;

/// A proxy that cannot find out what the schemas are takes its predecessor's place all the same, after this.
const SUCCESSION: Duration = Duration::from_secs(30);

/// Serves clients until it is told to stop. `file` is read again on SIGHUP.
pub fn run(file: &Path, settings: Settings, as_root: AsRoot) -> anyhow::Result<()> {
    let runtime = runtime(settings.listen.workers)?;
    runtime.block_on(async move {
        as_root.check()?;
        let mut signals = Signals::listen()?;
        let mut proxy = Proxy::start(file.to_owned(), settings)?;
        let mut told = proxy.listen(&mut signals).await?;
        tracing::info!(addresses = ?proxy.addresses(), metrics = ?proxy.metrics_address(), "ready for clients");
        systemd::ready(&status(&proxy.entrance, &proxy.shared));
        loop {
            let next = match told.take() {
                Some(told) => told,
                None => proxy.until_told(&mut signals).await,
            };
            match next {
                // What was wrong is in the log.
                Told::Reload => drop(proxy.reload()),
                Told::End(how) => break proxy.end(how, &mut signals).await,
            }
        }
        Ok(())
    })
}

/// May we be the superuser of this machine?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsRoot {
    /// Nobody said so
    Refused,
    /// `--allow-root`
    Allowed,
}

impl AsRoot {
    /// Fails where we are root and may not be.
    fn check(self) -> anyhow::Result<()> {
        // The other end of a pair of sockets is ours too: whose it is says who we are.
        let (own, _other) = UnixStream::pair().context("cannot find out who we are")?;
        match (self, own.peer_cred().context("cannot find out who we are")?.uid()) {
            (Self::Refused, 0) => bail!("will not run as root: start it as another user, or with --allow-root"),
            (Self::Refused | Self::Allowed, _) => Ok(()),
        }
    }
}

/// One worker is a loop of its own, without the price of threads waking each other; more share the sessions.
fn runtime(workers: u32) -> anyhow::Result<Runtime> {
    let mut builder = match workers {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers as usize);
    }
    builder.enable_all().build().context("cannot start the runtime")
}

/// A proxy that serves.
pub struct Proxy {
    file: PathBuf,
    settings: Settings,
    control: ControlHandle,
    shared: Arc<Shared>,
    door: Arc<Door>,
    entrance: Arc<Entrance>,
    metrics: Arc<Metrics>,
    console: Arc<Console>,
    /// What operators ask for at the console
    orders: mpsc::Receiver<Order>,
    /// Tables that sessions create, for the map
    wanted: mpsc::Receiver<Wanted>,
    listening: Listening,
    /// Looks after the pools, also while clients finish
    upkeep: JoinHandle<()>,
    /// Tells systemd how we stand
    telling: JoinHandle<()>,
    /// A password was wrong, a client's or ours
    doubted: Arc<Notify>,
}

impl Proxy {
    /// Begins to look after servers. Call it inside the runtime that is to carry the sessions.
    pub fn start(file: PathBuf, settings: Settings) -> anyhow::Result<Self> {
        let metrics = Metrics::new();
        let control = Control::start(control_settings(&settings), settings.topology(), Arc::clone(&metrics))
            .context("cannot start the control plane")?;
        let connector = Arc::new(Connector::new(settings.listen.socket));
        let doubted = Arc::new(Notify::new());
        let (hasten, doubt) = (control.clone(), Arc::clone(&doubted));
        let on_refused = move |server: &str| {
            hasten.hasten(server);
            doubt.notify_one();
        };
        let pools = Pools::new(Arc::clone(&connector), Arc::new(on_refused), control.pulses());
        let topology = control.reader().cell();
        let (want, wanted) = mpsc::channel(WANTED_MAX);
        let steering = Arc::new(Refresh(control.refresher(), control.clone(), want));
        let (metrics_too, waits) = (Arc::clone(&metrics), (control.waits(), control.doubts(), control.heat()));
        let shared = Arc::new(Shared::new(Arc::clone(&topology), pools, connector, metrics_too, steering, waits));
        if let Some(export) = settings.traces.export.clone() {
            let spans = export::start(export, Arc::clone(&metrics)).context("cannot start the thread of spans")?;
            shared.witness.trace(Traces { spans, sample_every: settings.traces.sample_every });
        }
        shared.witness.set(settings.log.statements);
        let tls = settings.listen.tls.as_ref().map(Tls::load).transpose()?;
        metrics.certificate_ends(tls.as_ref().and_then(Tls::ends));
        metrics.clients_max.set(f64::from(settings.listen.max_clients));
        shared.memory.set_max(settings.listen.gather_memory);
        let door = Arc::new(Door::new(topology, tls, verifier::ITERATIONS));
        let (sender, orders) = mpsc::channel(ORDERS_MAX);
        let console = Console::new(Arc::clone(&shared), console_settings(&settings), sender);
        door.set_lookup(Arc::new(Users::new(control.reader(), Arc::clone(&doubted))));
        let entrance = Entrance::new(Arc::clone(&door), Arc::clone(&shared), Arc::clone(&console), limits(&settings));
        entrance.set_peers(settings.peers.clone());
        if let (node @ 1.., Some(secret)) = (settings.listen.node, &settings.listen.peer_secret) {
            shared.cancels.set_keys(Keys::new(node, secret.expose().as_bytes()));
        }
        let upkeep =
            tokio::spawn(upkeep::look_after(Arc::clone(&shared), Arc::clone(&console), Found::new(control.clone())));
        let listening = Listening::default();
        let (entrance_too, shared_too) = (Arc::clone(&entrance), Arc::clone(&shared));
        let telling = tokio::spawn(systemd::keep_telling(move || status(&entrance_too, &shared_too)));
        Ok(Self {
            file,
            settings,
            control,
            shared,
            door,
            entrance,
            metrics,
            console,
            orders,
            wanted,
            listening,
            upkeep,
            telling,
            doubted,
        })
    }

    /// Begins to let clients in. Where another process serves the same port, that goes on doing so alone until we can
    /// answer statements. Gives the signal that came meanwhile.
    async fn listen(&mut self, signals: &mut Signals) -> anyhow::Result<Option<Told>> {
        let mut told = None;
        if listening::has_predecessor(&self.settings.listen) {
            tracing::info!("another process listens here: waiting until its clients can be served");
            tokio::select! {
                () = self.ready() => (),
                () = tokio::time::sleep(SUCCESSION) => (),
                signal = signals.next() => told = Some(signal),
            }
        }
        self.listening = Listening::open(&self.settings.listen, &self.entrance)?;
        Ok(told)
    }

    /// Where clients may connect.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.listening.addresses
    }

    /// Where metrics are served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.control.http_address()
    }

    /// Waits until the schema of every database is known: statements are answered from then on.
    pub async fn ready(&self) {
        let is_known = |topology: &Topology| topology.databases.values().all(|it| it.catalog.is_some());
        self.control.reader().until(is_known).await;
    }

    /// The next signal, or what an operator asks for that comes to the same. Meanwhile passwords that are wrong are looked
    /// at again, where they may have been changed.
    async fn until_told(&mut self, signals: &mut Signals) -> Told {
        loop {
            tokio::select! {
                told = signals.next() => return told,
                Some(order) = self.orders.recv() => {
                    if let Some(how) = self.follow(order) {
                        return Told::End(how);
                    }
                }
                Some(Wanted { placing, answer }) = self.wanted.recv() => {
                    // Who asked may have left.
                    answer.send(self.place(placing).await).ok();
                }
                () = self.doubted.notified() => self.renew_users(),
            }
        }
    }

    /// Takes new passwords, where a file with passwords has been written to. The rest of the settings waits for a reload.
    fn renew_users(&mut self) {
        if !self.settings.secret_files.iter().any(SecretFile::has_changed) {
            return;
        }
        match config::load(&self.file) {
            Ok(fresh) => {
                tracing::info!("passwords have changed: they are taken");
                let (users, auth, secret_files) = (fresh.users, fresh.auth, fresh.secret_files);
                self.apply(Settings { users, auth, secret_files, ..self.settings.clone() });
            }
            Err(report) => logging::errors(&format!("passwords have changed and are not taken:\n{report}")),
        }
    }

    /// A table that a session creates: into the file first, then it is in force; nothing else of the file is taken up.
    async fn place(&mut self, placing: Placing) -> Result<(), String> {
        let of = |settings: &Settings| settings.databases.iter().position(|it| it.name == placing.database);
        let at = of(&self.settings).ok_or("The database is gone.")?;
        let map = &self.settings.databases[at].map;
        if placing.step != Step::Remove && !Arc::ptr_eq(map, &placing.map) {
            return Err("The shard map has changed meanwhile: try again.".to_owned());
        }
        keeper::edit(self.file.clone(), placing.clone()).await?;
        let mut map = ShardMap::clone(map);
        let tables: Vec<String> = placing.tables.iter().map(Listing::name).collect();
        for Listing { table, placement } in placing.tables {
            match placing.step {
                Step::Try => return Ok(()),
                Step::Add => drop(map.tables.insert(table, placement)),
                Step::Remove => drop(map.tables.remove(&table)),
            }
        }
        tracing::info!(database = %placing.database, ?tables, step = ?placing.step, "the shard map has changed: new tables");
        let mut settings = self.settings.clone();
        settings.databases[at].map = Arc::new(map);
        self.apply(settings);
        Ok(())
    }

    /// Carries out what an operator asks for; how to end, if that is it.
    fn follow(&mut self, order: Order) -> Option<How> {
        let (outcome, end) = match &order.wish {
            Wish::Reload => (self.reload(), None),
            Wish::Set { key, value } => (self.set(key, value), None),
            Wish::Shutdown(Shutdown::Now) => (Ok(()), Some(How::AtOnce)),
            Wish::Shutdown(Shutdown::WaitForServers) => (Ok(()), Some(How::Soon)),
            Wish::Shutdown(Shutdown::WaitForClients) => (Ok(()), Some(How::WhenLeft)),
        };
        // Who asked may have left.
        order.answer.send(outcome).ok();
        end
    }

    /// Reads the file again. What is wrong with it is logged and returned, and then nothing changes.
    pub fn reload(&mut self) -> Result<(), String> {
        systemd::reloading();
        let loaded = config::load(&self.file).map_err(|report| format!("\n{report}"));
        let taken = loaded.and_then(|settings| self.take_up(settings));
        if let Err(why) = &taken {
            logging::errors(&format!("the new settings are not taken: {why}"));
        }
        self.metrics.reloaded(taken.is_ok());
        systemd::ready(&status(&self.entrance, &self.shared));
        taken
    }

    /// Changes one setting until the next reload.
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let mut settings = self.settings.clone();
        config::set(&mut settings, key, value)?;
        self.take_up(settings)
    }

    fn take_up(&mut self, settings: Settings) -> Result<(), String> {
        let tls = settings.listen.tls.as_ref().map(Tls::load).transpose().map_err(|error| error.to_string())?;
        if let Some(why) = config::misplaces(&self.settings, &settings) {
            return Err(why);
        }
        let diff = config::diff(&self.settings, &settings);
        for change in &diff.changes {
            tracing::info!(what = %change.what, effect = ?change.effect, "changed");
        }
        self.shared.connector.forget();
        self.metrics.certificate_ends(tls.as_ref().and_then(Tls::ends));
        self.metrics.clients_max.set(f64::from(settings.listen.max_clients));
        self.shared.memory.set_max(settings.listen.gather_memory);
        self.door.set_tls(tls);
        self.entrance.set_limits(limits(&settings));
        self.entrance.set_peers(settings.peers.clone());
        self.console.set_settings(console_settings(&settings));
        self.shared.witness.set(settings.log.statements);
        self.apply(settings);
        tracing::info!(changes = diff.changes.len(), "settings reloaded");
        Ok(())
    }

    /// From now on its users, servers and pools are those.
    fn apply(&mut self, settings: Settings) {
        let mut topology = settings.topology();
        topology.map_epoch = self.control.reader().load().map_epoch + 1;
        self.control.replace(topology, control_settings(&settings));
        let topology = self.control.reader().load_full();
        let settings_of = |address: &Address, user: &str, password: Option<&Secret>| {
            pool_settings(&settings, &topology, address, user, password)
        };
        self.shared.pools.retain(settings_of);
        self.settings = settings;
    }

    /// Lets clients leave, then closes everything.
    async fn end(self, how: How, signals: &mut Signals) {
        let Self { control, shared, entrance, listening, settings, orders, wanted, .. } = self;
        drop(wanted);
        let telling = self.telling;
        let status = format!("draining {} clients", entrance.open());
        let tell_systemd = || {
            telling.abort();
            systemd::stopping(&status);
        };
        // Who is told waits for TimeoutStopSec and then kills: until clients have left by themselves it hears that we live.
        let is_near = drain::is_near(how, &settings.listen);
        if is_near {
            tell_systemd();
        }
        let (shared_too, console) = (Arc::clone(&shared), Arc::clone(&self.console));
        let drain = Drain { control: control.clone(), shared: shared_too, entrance, console, listening };
        tokio::select! {
            () = drain.run(how, &settings.listen, signals) => (),
            () = until_shutdown(orders) => tracing::info!("told to end at once (SHUTDOWN)"),
        }
        if !is_near {
            tell_systemd();
        }
        close(&control, &shared, &self.upkeep).await;
    }

    /// Closes everything at once.
    pub async fn stop(self) {
        self.telling.abort();
        drop(self.listening);
        close(&self.control, &self.shared, &self.upkeep).await;
    }
}

/// While the proxy ends, an operator may still end it at once.
async fn until_shutdown(mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        let is_end = order.wish == Wish::Shutdown(Shutdown::Now);
        let answer = if is_end { Ok(()) } else { Err("the pooler is shutting down".to_owned()) };
        order.answer.send(answer).ok();
        if is_end {
            return;
        }
    }
    std::future::pending().await
}

async fn close(control: &ControlHandle, shared: &Shared, upkeep: &JoinHandle<()>) {
    upkeep.abort();
    shared.pools.close("the pooler is shutting down");
    control.shutdown().await;
}

/// One line on how we stand.
fn status(entrance: &Entrance, shared: &Shared) -> String {
    let counts = shared.pools.all().into_iter().map(|pool| pool.counts().0);
    let (servers, waiting) = counts
        .fold((0, 0), |(servers, waiting), counts| (servers + counts.lent + counts.idle, waiting + counts.waiting));
    format!("{} clients, {waiting} of them waiting; {servers} connections to servers", entrance.open())
}

/// Schemas are not looked at more often than this.
const SCHEMA_LEAST: Duration = Duration::from_secs(1);

fn control_settings(settings: &Settings) -> ControlSettings {
    ControlSettings {
        health: settings.health.clone(),
        monitor: settings.monitor.clone(),
        catalog: CatalogSettings { refresh: settings.health.interval.max(SCHEMA_LEAST), ..CatalogSettings::default() },
        http: settings.listen.metrics,
        timelines: settings.timelines.clone().or_else(|| Some(systemd::state_folder()?.join("timelines.toml"))),
        ..ControlSettings::default()
    }
}

fn console_settings(settings: &Settings) -> ConsoleSettings {
    ConsoleSettings {
        members: settings.console.clone(),
        shown: config::shown(settings),
        max_clients: settings.listen.max_clients,
    }
}

fn limits(settings: &Settings) -> EntranceLimits {
    EntranceLimits {
        max_clients: settings.listen.max_clients,
        login_timeout: settings.listen.login_timeout,
        logs_connections: settings.log.connections,
    }
}

/// The settings of a pool that is still wanted: its server is in the map, and someone logs in there so.
fn pool_settings(
    settings: &Settings,
    topology: &Topology,
    address: &Address,
    user: &str,
    password: Option<&Secret>,
) -> Option<PoolSettings> {
    let logs_in = |it: &config::UserSettings| {
        let name = it.user.server_user.as_deref().unwrap_or(&it.user.name);
        let is_user = address.user.as_deref().unwrap_or(name) == user;
        is_user && address.password.as_ref().or(it.user.server_password.as_ref()) == password
    };
    let has = |database: &&Arc<Database>| {
        database.shards.iter().any(|shard| {
            std::iter::once(&shard.primary).chain(&shard.replicas).any(|server| server.address == *address)
        })
    };
    // Who has shown by SCRAM who it is may be any user; so it is with those that a server knows.
    let may_be_unknown = settings.auth.query.is_some() || password.is_some_and(|secret| secret.keys().is_some());
    if !may_be_unknown && !settings.users.iter().any(logs_in) {
        return None;
    }
    let database = topology.databases.values().find(has)?;
    let known = settings.users.iter().find(|it| logs_in(it));
    Some(known.map_or_else(|| database.pool.clone(), |it| it.user.pool(&database.pool).into_owned()))
}
