//! Watches one server: is it up, is it what it should be, how far is it behind. `logic::health` and `logic::lag`
//! decide; this asks and tells.
//!
//! One task a server, one connection kept open. A server that does not answer in time has failed its probe.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::lookup_host;
use tokio::sync::Notify;
use tokio_postgres::Row;
use tokio_postgres::types::PgLsn;
use tracing::{error, info, warn};

use super::council::Council;
use super::link::{Link, LinkFault, MonitorSettings};
use super::publisher::{Change, Publisher};
use crate::logic::health::{Effect, Event, HealthSettings, Machine};
use crate::logic::lag;
use crate::logic::roles::{Report, Verdict};
use crate::logic::topology::{Health, Host, Lag, Role, Server, Topology};
use crate::logic::wal::{self, Layout, Position, Sample};
use crate::proxy::metrics::Metrics;
use crate::proxy::pulse::Pulse;

/// One query for both roles: a primary has no replay position and a replica no current one. Asking the wrong one is an
/// error, hence CASE. A commit that is not synchronous is behind the insert position, perhaps not behind the written one.
///
/// A primary's timeline is in the name of its WAL file. A replica's is that of what it receives, which only members of
/// pg_monitor see, or else of the last restart point, which comes some time after a promotion.
const PROBE: &str = "SELECT recovering,
    CASE WHEN recovering THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END,
    CASE WHEN recovering THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END,
    CASE WHEN recovering THEN NULL ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END,
    greatest(received.tli, checkpoint.timeline_id, recovery.min_recovery_end_timeline),
    current_setting('wal_block_size')::bigint, pg_size_bytes(current_setting('wal_segment_size')),
    system.system_identifier,
    CASE WHEN recovering THEN NULL ELSE pg_current_wal_flush_lsn() END
    FROM pg_is_in_recovery() AS recovering, pg_control_checkpoint() AS checkpoint, pg_control_recovery() AS recovery,
    pg_control_system() AS system, (SELECT max(received_tli) FROM pg_stat_wal_receiver) AS received (tli)";

/// A commit that writes nothing but itself, for which the WAL is flushed. Replicas get what is flushed, and a record that no
/// commit follows (a page that a SELECT has pruned) is flushed by PostgreSQL after up to 15 seconds (bgwriter.c,
/// `LOG_SNAPSHOT_INTERVAL_MS`).
const FLUSH: &str = "SELECT set_config('synchronous_commit', 'local', true), txid_current()";

/// What a monitor is made from.
#[derive(Clone)]
pub struct Watch {
    /// The database the server belongs to
    pub database: Box<str>,
    /// The server
    pub server: Arc<Server>,
    /// How often and how patiently
    pub health: HealthSettings,
    /// As whom
    pub login: MonitorSettings,
    /// What it shares with the monitors of its shard
    pub council: Arc<Council>,
    /// Where failovers are counted
    pub metrics: Arc<Metrics>,
    /// Woken when the data plane has trouble with the server
    pub reports: Arc<Notify>,
    /// Whether it answers sessions
    pub pulse: Pulse,
    /// Whom to tell
    pub publisher: Publisher,
}

/// What a server said.
struct Sight {
    role: Role,
    system: i64,
    position: Option<Position>,
    commit_age: Option<Duration>,
    /// Up to where a primary's WAL is on its disk
    flushed: Option<u64>,
}

/// Runs until its task is stopped.
pub async fn watch(watch: Watch) {
    let link = match Link::new(&watch.server.address, &watch.login, watch.health.timeout) {
        Ok(link) => link,
        Err(fault) => {
            // It stays unknown: used as long as it works, and as a replica never, for want of its lag.
            if let Some(place) = watch.council.place(&watch.server.name) {
                watch.council.report(place, Report::Silent);
            }
            error!(server = %watch.server.name, %fault, "cannot watch a server");
            return std::future::pending().await;
        }
    };
    let machine = Machine::resume(watch.health.clone(), watch.server.health);
    let mut monitor = Monitor {
        link,
        machine,
        role: watch.server.role,
        finding: watch.council.place(&watch.server.name).map(Finding::at),
        reading: None,
        trail: Arc::default(),
        places: watch.server.places.clone(),
        is_misplaced: false,
        is_blind: false,
        watch,
    };
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => due = monitor.round().await,
            () = monitor.watch.reports.notified() => due = due.min(monitor.reported()),
        }
    }
}

/// What is found of a server whose role the map leaves open.
struct Finding {
    /// Its place in the council
    place: usize,
    /// What it said last
    said: Report,
    verdict: Verdict,
}

impl Finding {
    fn at(place: usize) -> Self {
        Self { place, said: Report::Unasked, verdict: Verdict::Undecided }
    }

    /// It takes writes, and is not the one that is to take them.
    fn is_odd(&self) -> bool {
        let is_chosen = self.verdict == Verdict::Primary(self.place) || self.verdict == Verdict::Undecided;
        matches!(self.said, Report::Primary(_)) && !is_chosen
    }

    /// It said last that it takes no writes.
    fn follows(&self) -> bool {
        matches!(self.said, Report::Standby(_))
    }

    /// Others have not been asked yet: who is the primary is open.
    fn is_open(&self) -> bool {
        self.verdict == Verdict::Undecided
    }
}

struct Monitor {
    watch: Watch,
    link: Link,
    machine: Machine,
    /// As the map says, or as it was found
    role: Role,
    finding: Option<Finding>,
    /// The last lag that was known, and when
    reading: Option<(Lag, Instant)>,
    /// Where the server stood when it was last asked
    trail: Arc<[Sample]>,
    /// What its host's name stands for
    places: Arc<[IpAddr]>,
    is_misplaced: bool,
    /// It is alive but turns us away
    is_blind: bool,
}

impl Monitor {
    /// One probe and what follows from it; gives the time of the next.
    async fn round(&mut self) -> Instant {
        self.look_up().await;
        let asked = Instant::now();
        let sight = self.probe().await;
        let now = Instant::now();
        let event = match &sight {
            Ok(sight) => self.judge(sight),
            Err(fault) => self.judge_fault(fault, asked),
        };
        let mut effects = Vec::new();
        self.machine.on(event, now, &mut effects);
        let health = self.machine.state().health();
        self.find(event, health);
        if let (Event::Answered, Ok(sight)) = (event, &sight) {
            self.flush(sight).await;
        }
        self.note(event, sight.as_ref().ok(), asked, now);
        let lag = self.lag(health, now);
        let mut due = now + self.watch.health.interval;
        for effect in effects {
            match effect {
                Effect::Changed { from, to } => self.log(from, to, sight.as_ref().err()),
                Effect::ProbeAt(at) => due = early(now, at),
            }
        }
        if self.finding.as_ref().is_some_and(Finding::is_open) {
            return now + self.watch.health.interval / 10;
        }
        let (database, server, trail) = (self.watch.database.clone(), self.watch.server.clone(), self.trail.clone());
        let (places, follows) = (self.places.clone(), self.finding.as_ref().is_some_and(Finding::follows));
        self.watch.publisher.publish(Change::Server { database, server, health, lag, trail, places, follows });
        match self.waits_for_primary(health, lag) {
            true => due.min(now + self.watch.health.interval / 4),
            false => due,
        }
    }

    /// The data plane had trouble: gives the time of the next probe.
    fn reported(&mut self) -> Instant {
        let (now, mut effects) = (Instant::now(), Vec::new());
        self.machine.on(Event::Reported, now, &mut effects);
        let due = effects.into_iter().find_map(|effect| match effect {
            Effect::ProbeAt(at) => Some(at),
            Effect::Changed { .. } => None,
        });
        due.unwrap_or(now)
    }

    /// Names are looked up again with each probe: a server that is reached by its old address may be another one by now.
    async fn look_up(&mut self) {
        let (Host::Tcp(name), port) = (&self.watch.server.address.host, self.watch.server.address.port) else { return };
        if name.parse::<IpAddr>().is_ok() {
            return;
        }
        // Without an answer what was known holds: the resolver's trouble is not the server's.
        let Ok(Ok(found)) = tokio::time::timeout(self.watch.health.timeout, lookup_host((&**name, port))).await else {
            return;
        };
        let mut places: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        places.sort_unstable();
        places.dedup();
        if places.is_empty() || *places == *self.places {
            return;
        }
        if !self.places.is_empty() {
            info!(server = %self.watch.server.name, ?places, "the name of a server stands for other addresses");
            self.link.renew();
        }
        self.places = places.into();
    }

    async fn probe(&self) -> Result<Sight, LinkFault> {
        let row = self.link.ask(self.watch.health.timeout, async |client| client.query_one(PROBE, &[]).await).await?;
        let age: Option<f64> = row.get(2);
        Ok(Sight {
            role: if row.get(0) { Role::Replica } else { Role::Primary },
            system: row.get(7),
            position: position(&row),
            flushed: row.get::<_, Option<PgLsn>>(8).map(u64::from),
            // A clock behind the primary's makes it negative: as fresh as can be.
            commit_age: age.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)),
        })
    }

    /// Where a primary with replicas stood at the last probe, its WAL is not flushed even now: nobody commits there, and no
    /// replica would come to where sessions that have written look for it.
    async fn flush(&self, sight: &Sight) {
        let stood = self.trail.last().map(|sample| sample.position.lsn);
        let is_left =
            self.role == Role::Primary && stood.zip(sight.flushed).is_some_and(|(stood, flushed)| flushed < stood);
        if !is_left || !self.is_followed() {
            return;
        }
        let asked = self.link.ask(self.watch.health.timeout, async |client| client.batch_execute(FLUSH).await).await;
        if let Err(fault) = asked {
            info!(server = %self.watch.server.name, %fault, "cannot have the WAL flushed: replicas take part again a little later");
        }
    }

    /// The shard has replicas.
    fn is_followed(&self) -> bool {
        let topology = self.watch.publisher.reader().load();
        let shard = topology.shard(&self.watch.database, self.watch.council.shard);
        shard.is_some_and(|shard| !shard.replicas.is_empty())
    }

    /// A server in the wrong role takes no part: a standby cannot take writes, and a second primary has its own history.
    fn judge(&mut self, sight: &Sight) -> Event {
        let found = sight.role;
        let wrong = if found == Role::Replica && self.watch.council.is_foreign(sight.system) {
            Some("server belongs to another cluster than the primary of its shard: it takes no part")
        } else if let Some(finding) = &mut self.finding {
            finding.said = match (found, sight.position) {
                (Role::Replica, position) => Report::Standby(position.map(|it| it.timeline)),
                (Role::Primary, Some(position)) => Report::Primary(position.timeline),
                (Role::Primary, None) => Report::Silent,
            };
            finding.verdict = self.watch.council.hear(finding.place, finding.said, sight.system);
            self.role = found;
            finding.is_odd().then_some("server takes writes that another has taken over: it takes no part")
        } else {
            (found != self.role).then_some("server has another role than the map says: it takes no part")
        };
        if let (Some(wrong), false) = (wrong, self.is_misplaced) {
            error!(server = %self.watch.server.name, found = found.label(), "{wrong}");
        }
        (self.is_misplaced, self.is_blind) = (wrong.is_some(), false);
        if wrong.is_none() && found == Role::Primary {
            self.watch.council.note_system(sight.system);
        }
        if wrong.is_some() { Event::Misplaced } else { Event::Answered }
    }

    /// Who is the primary now, as far as this server tells.
    fn find(&mut self, event: Event, health: Health) {
        let Some(finding) = &mut self.finding else { return };
        if finding.said == Report::Unasked {
            finding.said = Report::Silent;
        }
        let report = if event == Event::Failed { Report::now(finding.said, health) } else { finding.said };
        let (council, before) = (&self.watch.council, finding.verdict.clone());
        finding.verdict = council.report(finding.place, report);
        let claims = match &finding.verdict {
            Verdict::Undecided => return,
            Verdict::Nobody => 0,
            Verdict::Primary(_) => 1,
            Verdict::Several(places) => places.len(),
        };
        let server = match finding.verdict {
            Verdict::Primary(place) => Some(council.name(place)),
            Verdict::Undecided | Verdict::Nobody | Verdict::Several(_) => None,
        };
        let (database, shard, is_new) = (self.watch.database.clone(), council.shard, finding.verdict != before);
        if let Verdict::Several(places) = &finding.verdict
            && is_new
        {
            let names: Vec<_> = places.iter().map(|place| council.name(*place)).collect();
            error!(%database, servers = names.join(", "), "servers take writes on the same timeline: none of them is used");
        }
        let of_shard = |topology: &Topology| topology.shard(&database, shard).map(|shard| shard.primary.health);
        let is_first = of_shard(&self.watch.publisher.reader().load()) == Some(Health::Unknown);
        let change = Change::Primary { database: database.clone(), shard, server: server.clone() };
        let now = self.watch.publisher.publish(change);
        self.watch.metrics.primaries(&self.watch.server.name, claims);
        if let (Some(_), Some(server)) = (now, server) {
            info!(%database, %server, "the shard has another primary");
            if !is_first {
                self.watch.metrics.failover(&self.watch.server.name);
            }
        }
    }

    fn judge_fault(&mut self, fault: &LinkFault, asked: Instant) -> Event {
        if fault.is_late() && self.watch.pulse.has_beaten_since(asked) {
            return Event::Late;
        }
        if !fault.shows_life() {
            return Event::Failed;
        }
        if !self.is_blind {
            error!(server = %self.watch.server.name, %fault, "cannot look into a server: its role and its lag stay unknown");
        }
        (self.is_blind, self.reading, self.trail) = (true, None, Arc::default());
        Event::Answered
    }

    /// Keeps what a good answer says of positions.
    fn note(&mut self, event: Event, sight: Option<&Sight>, asked: Instant, now: Instant) {
        let (Event::Answered, Some(sight)) = (event, sight) else { return };
        match (self.role, sight.position) {
            (Role::Primary, Some(position)) => {
                let mut positions = self.watch.council.positions.lock();
                positions.note(position, asked);
                self.trail = positions.trail();
            }
            (Role::Replica, Some(position)) => {
                self.trail = Arc::new([Sample { at: asked, position }]);
                let silence_max = self.watch.health.interval * 2 + self.watch.health.timeout;
                let lag = self.watch.council.positions.lock().lag(position, sight.commit_age, now, silence_max);
                self.reading = lag.map(|lag| (lag, asked));
            }
            (Role::Primary | Role::Replica, None) => (self.reading, self.trail) = (None, Arc::default()),
        }
    }

    /// What may be said of the lag: older readings count their age, and a server that is down has none.
    fn lag(&mut self, health: Health, now: Instant) -> Option<Lag> {
        match health {
            Health::Up => self.reading.map(|(lag, _)| lag),
            Health::Suspect => self.reading.map(|(lag, at)| lag::aged(lag, now - at)),
            Health::Unknown | Health::Down => {
                (self.reading, self.trail) = (None, Arc::default());
                None
            }
        }
    }

    /// A replica that answered before its primary did has nothing to compare with yet.
    fn waits_for_primary(&self, health: Health, lag: Option<Lag>) -> bool {
        self.role == Role::Replica && health == Health::Up && lag.is_none()
    }

    fn log(&self, from: Health, to: Health, fault: Option<&LinkFault>) {
        let server = &self.watch.server.name;
        let reason = fault.map(ToString::to_string).unwrap_or_default();
        match to {
            Health::Up => info!(%server, ?from, "server is up"),
            Health::Unknown => info!(%server, ?from, "server is unknown"),
            Health::Suspect => warn!(%server, %reason, "server missed a probe"),
            Health::Down => error!(%server, ?from, %reason, "server is down"),
        }
    }
}

/// Where the server stands, if it says so.
fn position(row: &Row) -> Option<Position> {
    let lsn = u64::from(row.get::<_, Option<PgLsn>>(1)?);
    let size = |index| u64::try_from(row.get::<_, i64>(index)).unwrap_or(0);
    match row.get::<_, Option<&str>>(3) {
        Some(file) => {
            let layout = Layout { page: size(5), segment: size(6) };
            Some(Position { timeline: wal::timeline_of(file)?, lsn: layout.end_of_record(lsn) })
        }
        None => Some(Position { timeline: u32::try_from(row.get::<_, Option<i32>>(4)?).ok()?, lsn }),
    }
}

/// A little before `at`, at random: a fleet of proxies does not knock all at once, and the promised bound holds.
fn early(now: Instant, at: Instant) -> Instant {
    now + at.saturating_duration_since(now).mul_f64(rand::random_range(0.9..1.0))
}
