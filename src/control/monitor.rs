//! Watches one server: is it up, is it what it should be, how far is it behind. `logic::health` and `logic::lag`
//! decide; this asks and tells.
//!
//! One task a server, one connection kept open. A server that does not answer in time has failed its probe.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_postgres::types::PgLsn;
use tracing::{error, info, warn};

use super::link::{Link, LinkFault, MonitorSettings};
use super::publisher::{Change, Publisher};
use crate::logic::health::{Effect, Event, HealthSettings, Machine};
use crate::logic::lag::{self, Positions};
use crate::logic::topology::{Health, Lag, Role, Server};

/// One query for both roles: a primary has no replay position and a replica no current one. Asking the wrong one is an
/// error, hence CASE.
const PROBE: &str = "SELECT recovering,
    CASE WHEN recovering THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
    CASE WHEN recovering THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END
    FROM pg_is_in_recovery() AS recovering";

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
    /// The primary's positions, shared by the monitors of its shard
    pub positions: Arc<Mutex<Positions>>,
    /// Woken when the data plane has trouble with the server
    pub reports: Arc<Notify>,
    /// Whom to tell
    pub publisher: Publisher,
}

/// What a server said.
struct Sight {
    is_recovering: bool,
    position: Option<u64>,
    commit_age: Option<Duration>,
}

/// Runs until its task is stopped.
pub async fn watch(watch: Watch) {
    let link = match Link::new(&watch.server.address, &watch.login, watch.health.timeout) {
        Ok(link) => link,
        Err(fault) => {
            // It stays unknown: used as long as it works, and as a replica never, for want of its lag.
            error!(server = %watch.server.name, %fault, "cannot watch a server");
            return std::future::pending().await;
        }
    };
    let machine = Machine::resume(watch.health.clone(), watch.server.health);
    let mut monitor = Monitor { watch, link, machine, reading: None, is_misplaced: false, is_blind: false };
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => due = monitor.round().await,
            () = monitor.watch.reports.notified() => due = due.min(monitor.reported()),
        }
    }
}

struct Monitor {
    watch: Watch,
    link: Link,
    machine: Machine,
    /// The last lag that was known, and when
    reading: Option<(Lag, Instant)>,
    is_misplaced: bool,
    /// It is alive but turns us away
    is_blind: bool,
}

impl Monitor {
    /// One probe and what follows from it; gives the time of the next.
    async fn round(&mut self) -> Instant {
        let asked = Instant::now();
        let sight = self.probe().await;
        let now = Instant::now();
        let event = match &sight {
            Ok(sight) => self.judge(sight),
            Err(fault) => self.judge_fault(fault),
        };
        let mut effects = Vec::new();
        self.machine.on(event, now, &mut effects);
        let health = self.machine.state().health();
        self.note(event, sight.as_ref().ok(), asked, now);
        let lag = self.lag(health, now);
        let mut due = now + self.watch.health.interval;
        for effect in effects {
            match effect {
                Effect::Changed { from, to } => self.log(from, to, sight.as_ref().err()),
                Effect::ProbeAt(at) => due = early(now, at),
            }
        }
        let server = self.watch.server.clone();
        self.watch.publisher.publish(Change::Server { database: self.watch.database.clone(), server, health, lag });
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

    async fn probe(&self) -> Result<Sight, LinkFault> {
        let row = self.link.ask(self.watch.health.timeout, async |client| client.query_one(PROBE, &[]).await).await?;
        let position: Option<PgLsn> = row.get(1);
        let age: Option<f64> = row.get(2);
        Ok(Sight {
            is_recovering: row.get(0),
            position: position.map(u64::from),
            // A clock behind the primary's makes it negative: as fresh as can be.
            commit_age: age.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)),
        })
    }

    /// A server in the wrong role takes no part: a standby cannot take writes, and a second primary has its own history.
    fn judge(&mut self, sight: &Sight) -> Event {
        let found = if sight.is_recovering { Role::Replica } else { Role::Primary };
        let is_misplaced = found != self.watch.server.role;
        if is_misplaced && !self.is_misplaced {
            let (found, configured) = (found.label(), self.watch.server.role.label());
            error!(server = %self.watch.server.name, found, configured, "server has another role than the map says: it takes no part");
        }
        (self.is_misplaced, self.is_blind) = (is_misplaced, false);
        if is_misplaced { Event::Misplaced } else { Event::Answered }
    }

    fn judge_fault(&mut self, fault: &LinkFault) -> Event {
        if !fault.shows_life() {
            return Event::Failed;
        }
        if !self.is_blind {
            error!(server = %self.watch.server.name, %fault, "cannot look into a server: its role and its lag stay unknown");
        }
        (self.is_blind, self.reading) = (true, None);
        Event::Answered
    }

    /// Keeps what a good answer says of positions.
    fn note(&mut self, event: Event, sight: Option<&Sight>, asked: Instant, now: Instant) {
        let (Event::Answered, Some(sight)) = (event, sight) else { return };
        match (self.watch.server.role, sight.position) {
            (Role::Primary, Some(position)) => self.watch.positions.lock().note(position, asked),
            (Role::Replica, Some(position)) => {
                let silence_max = self.watch.health.interval * 2 + self.watch.health.timeout;
                let lag = self.watch.positions.lock().lag(position, sight.commit_age, now, silence_max);
                self.reading = lag.map(|lag| (lag, asked));
            }
            (Role::Primary | Role::Replica, None) => self.reading = None,
        }
    }

    /// What may be said of the lag: older readings count their age, and a server that is down has none.
    fn lag(&mut self, health: Health, now: Instant) -> Option<Lag> {
        match health {
            Health::Up => self.reading.map(|(lag, _)| lag),
            Health::Suspect => self.reading.map(|(lag, at)| lag::aged(lag, now - at)),
            Health::Unknown | Health::Down => {
                self.reading = None;
                None
            }
        }
    }

    /// A replica that answered before its primary did has nothing to compare with yet.
    fn waits_for_primary(&self, health: Health, lag: Option<Lag>) -> bool {
        self.watch.server.role == Role::Replica && health == Health::Up && lag.is_none()
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

/// A little before `at`, at random: a fleet of proxies does not knock all at once, and the promised bound holds.
fn early(now: Instant, at: Instant) -> Instant {
    now + at.saturating_duration_since(now).mul_f64(rand::random_range(0.9..1.0))
}
