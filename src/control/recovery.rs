//! Finishes transactions over several shards that their proxy could not finish: it died, or a shard did.
//!
//! Any proxy can do so for any other; what each does is idempotent, and the decider's row settles who is right
//! (`logic::commit`). Connections are the monitor's: finishing a prepared transaction takes its owner or a superuser
//! (PostgreSQL manual, COMMIT PREPARED).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tracing::{debug, info, warn};

use super::link::{Link, LinkFault, MonitorSettings};
use super::publisher::Reader;
use crate::logic::commit::{self, Outcome};
use crate::logic::topology::{Address, Database, Health, Topology};
use crate::proxy::crash::crash_at;
use crate::proxy::doubts::Doubts;
use crate::proxy::metrics::Metrics;

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(2);
/// From one look for old decisions to the next.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);
/// A commit takes milliseconds: what has been prepared for longer is looked into.
const COMMIT_SECONDS: f64 = 5.0;
/// While the process that decides is in a transaction, it may still do so. Nobody waits for it longer than this.
const LIVE_SECONDS: f64 = 60.0;
/// A shard must answer within this.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Transactions of ours that are prepared, and for how many seconds they have been.
const PREPARED: &str = "SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::float8 FROM pg_prepared_xacts
     WHERE database = current_database() AND gid LIKE 'shardway:%'";
/// A process holds a lock on the transaction that it is in and that has written.
const IS_RUNNING: &str = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND granted
     AND mode = 'ExclusiveLock' AND pid = $1)";
const IS_SET_UP: &str = "SELECT to_regclass('shardway.decisions') IS NOT NULL";
/// Waits for a decision that is on its way; one that comes later fails.
const DECIDE: &str =
    "INSERT INTO shardway.decisions (gid, outcome) VALUES ($1, 'aborted') ON CONFLICT (gid) DO NOTHING";
const DECIDED: &str = "SELECT outcome FROM shardway.decisions WHERE gid = $1";
/// Decisions that nobody can be waiting for unless a shard still lists them as prepared. Who is late with a decision must
/// find that it was aborted: sessions give up long before the hour is over.
const OLD: &str = "SELECT gid FROM shardway.decisions WHERE at < clock_timestamp()
     - CASE outcome WHEN 'committed' THEN interval '10 minutes' ELSE interval '1 hour' END LIMIT 10000";
/// As many as `OLD` gives at most: there may be more.
const OLD_MAX: usize = 10_000;
const FORGET: &str = "DELETE FROM shardway.decisions WHERE gid = ANY($1)";

/// What the task of one database is made from.
pub(super) struct Recover {
    pub database: Box<str>,
    pub login: MonitorSettings,
    pub reader: Reader,
    pub metrics: Arc<Metrics>,
    pub doubts: Arc<Doubts>,
}

/// Runs until its task is stopped.
pub(super) async fn recover(recover: Recover) {
    for outcome in [Outcome::Committed, Outcome::Aborted] {
        // A series is there from the start, so that its first increase is one.
        recover.metrics.recovered(&recover.database, outcome, 0);
    }
    let mut recovery = Recovery { recover, links: HashMap::new(), warned: Vec::new(), next_forget: Instant::now() };
    recovery.wait_for_first_looks().await;
    loop {
        recovery.round().await;
        tokio::time::sleep(INTERVAL).await;
    }
}

struct Recovery {
    recover: Recover,
    /// By address of the primary, and whether the table of decisions is there
    links: HashMap<Address, (Arc<Link>, bool)>,
    /// What was told and still holds
    warned: Vec<String>,
    /// When old decisions are looked for again
    next_forget: Instant,
}

/// A prepared transaction as a shard lists it.
struct Listed {
    shard: usize,
    gid: String,
    age_seconds: f64,
}

impl Recovery {
    /// At the start nobody has looked yet which servers are up, or primaries: that is no trouble to tell of.
    async fn wait_for_first_looks(&self) {
        let has_looked = |topology: &Topology| {
            let database = topology.databases.get(&self.recover.database);
            database.is_none_or(|it| it.shards.iter().all(|shard| shard.primary.health != Health::Unknown))
        };
        if tokio::time::timeout(ANSWER_MAX, self.recover.reader.until(has_looked)).await.is_err() {
            debug!(database = %self.recover.database, "not all primaries are found yet");
        }
    }

    async fn round(&mut self) {
        let topology = self.recover.reader.load_full();
        let Some(database) = topology.databases.get(&self.recover.database) else { return };
        if database.shards.len() < 2 {
            return;
        }
        self.links.retain(|address, _| database.shards.iter().any(|shard| shard.primary.address == *address));
        let mut told = Vec::new();
        // Decisions are read before the lists: what is prepared later than the list has a newer decision.
        let old = match Instant::now() >= self.next_forget {
            true => self.old_decisions(database, &mut told).await,
            false => Vec::new(),
        };
        let (listed, is_complete) = self.listed(database, &mut told).await;
        for one in listed.iter().filter(|one| one.age_seconds > COMMIT_SECONDS) {
            if let Err(why) = self.settle(database, one).await {
                told.push(format!("transaction {} on shard \"{}\": {why}", one.gid, database.shards[one.shard].name));
            }
        }
        if is_complete {
            self.forget(database, old, &listed, &mut told).await;
        }
        for message in told.iter().filter(|message| !self.warned.contains(message)) {
            warn!(database = %self.recover.database, "{message}");
        }
        self.warned = told;
    }

    /// The link to a shard whose table of decisions is there.
    async fn link(&mut self, database: &Database, shard: usize) -> Result<Arc<Link>, LinkFault> {
        let primary = &database.shards[shard].primary;
        if database.shards[shard].is_down() {
            return Err(LinkFault::Down);
        }
        let known = self.links.get(&primary.address).cloned();
        let (link, is_set_up) = match known {
            Some(known) => known,
            None => (Arc::new(Link::new(&primary.address, &self.recover.login, ANSWER_MAX)?), false),
        };
        self.links.insert(primary.address.clone(), (link.clone(), is_set_up));
        if !is_set_up {
            link.ask(ANSWER_MAX, set_up).await?;
            self.links.insert(primary.address.clone(), (link.clone(), true));
        }
        Ok(link)
    }

    /// What every shard lists as prepared, and whether all could be asked.
    async fn listed(&mut self, database: &Database, told: &mut Vec<String>) -> (Vec<Listed>, bool) {
        let (mut listed, mut is_complete) = (Vec::new(), true);
        for (shard, of) in database.shards.iter().enumerate() {
            let rows = match self.link(database, shard).await {
                Ok(link) => link.ask(ANSWER_MAX, async |client| client.query(PREPARED, &[]).await).await,
                Err(fault) => Err(fault),
            };
            let Ok(rows) = rows.inspect_err(|fault| told.push(format!("shard \"{}\": {fault}", of.name))) else {
                is_complete = false;
                continue;
            };
            let all = rows.iter().map(|row| Listed { shard, gid: row.get(0), age_seconds: row.get(1) });
            let ours: Vec<Listed> =
                all.filter(|one| commit::decider(&one.gid, &self.recover.database).is_some()).collect();
            let oldest = ours.iter().map(|one| one.age_seconds).fold(0.0, f64::max);
            let oldest = Duration::try_from_secs_f64(oldest).unwrap_or_default();
            let age = |one: &Listed| Duration::try_from_secs_f64(one.age_seconds).unwrap_or_default();
            let prepared = ours.iter().map(|one| (one.gid.as_str().into(), age(one))).collect();
            self.recover.doubts.set(&self.recover.database, &of.name, prepared);
            self.recover.metrics.in_doubt(&self.recover.database, &of.name, ours.len(), oldest);
            listed.extend(ours);
        }
        (listed, is_complete)
    }

    /// Asks the decider, and does what it says.
    async fn settle(&mut self, database: &Database, one: &Listed) -> Result<(), String> {
        let Some(by) = commit::decider(&one.gid, &self.recover.database) else { return Ok(()) };
        let decider = database.shards.iter().position(|shard| &*shard.name == by.shard);
        let decider = decider.ok_or_else(|| format!("there is no shard \"{}\" to ask", by.shard))?;
        let of_decider = |fault: LinkFault| format!("shard \"{}\": {fault}", by.shard);
        let link = self.link(database, decider).await.map_err(of_decider)?;
        let waits = one.age_seconds < LIVE_SECONDS;
        let decided = link.ask(ANSWER_MAX, async |client| decide(client, &one.gid, by.pid, waits).await).await;
        let outcome = match decided.map_err(of_decider)? {
            Decided::Not => return Ok(()),
            Decided::As(outcome) => outcome,
            Decided::Odd(what) => return Err(format!("shard \"{}\" has a decision that is none: {what}", by.shard)),
        };
        crash_at("recovery_decided");
        let link = self.link(database, one.shard).await.map_err(|fault| fault.to_string())?;
        let sql = outcome.statement(&one.gid);
        match link.ask(ANSWER_MAX, async |client| client.batch_execute(&sql).await).await {
            Ok(()) => (),
            // Its owner or another proxy is at it, or was faster. The next look tells.
            Err(LinkFault::Postgres(error)) if error.code().is_some_and(is_anothers) => return Ok(()),
            Err(fault) => return Err(fault.to_string()),
        }
        crash_at("recovered_one");
        let shard = &database.shards[one.shard].name;
        info!(database = %self.recover.database, %shard, gid = one.gid, outcome = outcome.label(), "recovered a transaction");
        self.recover.metrics.recovered(&self.recover.database, outcome, 1);
        Ok(())
    }

    async fn old_decisions(&mut self, database: &Database, told: &mut Vec<String>) -> Vec<(usize, Vec<String>)> {
        let mut old: Vec<(usize, Vec<String>)> = Vec::new();
        for (shard, of) in database.shards.iter().enumerate() {
            let rows = match self.link(database, shard).await {
                Ok(link) => link.ask(ANSWER_MAX, async |client| client.query(OLD, &[]).await).await,
                Err(fault) => Err(fault),
            };
            match rows {
                Ok(rows) => old.push((shard, rows.iter().map(|row| row.get(0)).collect())),
                Err(fault) => told.push(format!("decisions of shard \"{}\": {fault}", of.name)),
            }
        }
        if old.iter().all(|(_, gids)| gids.len() < OLD_MAX) {
            self.next_forget = Instant::now() + FORGET_INTERVAL;
        }
        old
    }

    /// Old decisions that no shard waits for.
    async fn forget(
        &mut self,
        database: &Database,
        old: Vec<(usize, Vec<String>)>,
        listed: &[Listed],
        told: &mut Vec<String>,
    ) {
        for (shard, mut gids) in old {
            gids.retain(|gid| listed.iter().all(|one| one.gid != *gid));
            if gids.is_empty() {
                continue;
            }
            let Ok(link) = self.link(database, shard).await else { continue };
            let forgotten = link.ask(ANSWER_MAX, async |client| client.execute(FORGET, &[&gids]).await).await;
            if let Err(fault) = forgotten {
                let shard = &database.shards[shard].name;
                told.push(format!("old decisions of shard \"{shard}\" stay, for want of DELETE: {fault}"));
                self.next_forget = Instant::now() + FORGET_INTERVAL;
            }
        }
    }
}

async fn set_up(client: &mut Object) -> Result<(), Error> {
    if !client.query_one(IS_SET_UP, &[]).await?.get::<_, bool>(0) {
        client.batch_execute(commit::SETUP).await?;
    }
    Ok(())
}

/// What the decider says.
enum Decided {
    /// Nothing yet: its process may still do so
    Not,
    As(Outcome),
    Odd(String),
}

/// What was decided; where nothing was, it is decided now, unless `waits` and the process that decides is at work.
async fn decide(client: &mut Object, gid: &str, pid: i32, waits: bool) -> Result<Decided, Error> {
    let mut row = client.query_opt(DECIDED, &[&gid]).await?;
    if row.is_none() {
        if waits && client.query_one(IS_RUNNING, &[&pid]).await?.get(0) {
            return Ok(Decided::Not);
        }
        client.execute(DECIDE, &[&gid]).await?;
        row = Some(client.query_one(DECIDED, &[&gid]).await?);
    }
    let outcome: String = row.map(|row| row.get(0)).unwrap_or_default();
    Ok(Outcome::parse(&outcome).map_or(Decided::Odd(outcome), Decided::As))
}

/// The prepared transaction is gone (undefined_object), or in another's hands (object_not_in_prerequisite_state).
fn is_anothers(code: &SqlState) -> bool {
    *code == SqlState::UNDEFINED_OBJECT || *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE
}
