//! Ends deadlocks over several shards: asks each who waits for whom, and has the youngest transaction of a circle
//! aborted (`logic::deadlock` decides). Idle until a session of this proxy has waited for `deadlock_timeout`.
//!
//! A circle may go through sessions of several proxies. Each writes down, on the first shard of the map, which of its
//! sessions wait and on which processes; all see the same circle and choose the same victim, whose proxy acts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::task::JoinSet;
use tokio_postgres::{Error, Row};
use tracing::{info, warn};

use super::link::{Link, LinkFault, MonitorSettings};
use super::publisher::Reader;
use crate::logic::deadlock::{Detector, Name, Party, Process, Wait};
use crate::logic::topology::{Address, Database, Health};
use crate::proxy::metrics::Metrics;
use crate::proxy::waits::Desk;

/// A shard must answer within this.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// After a look that is suspicious the next comes so soon.
const CONFIRM: Duration = Duration::from_millis(50);
/// Looks are no further apart: other proxies take a wait that was not written down again for over.
const INTERVAL_MAX: Duration = Duration::from_secs(2);

/// Who waits for whom, readable for every user. A prepared transaction has no process (0); it waits for nobody.
const WAITS: &str = "SELECT DISTINCT pid, blocker FROM pg_locks, unnest(pg_blocking_pids(pid)) AS blocker
     WHERE NOT granted AND blocker <> 0";
const IS_SET_UP: &str = "SELECT to_regclass('shardway.waits') IS NOT NULL";
/// Lost in a crash, and no harm done: it holds what is true for a moment.
const SETUP: &str = "CREATE SCHEMA IF NOT EXISTS shardway; CREATE UNLOGGED TABLE IF NOT EXISTS shardway.waits
     (proxy bigint, session bigint, wait bigint, started bigint, shard text, pid integer, at timestamptz)";
/// Replaces what this proxy wrote, and what proxies that have died left behind.
const WRITE: &str = "WITH gone AS (DELETE FROM shardway.waits
         WHERE proxy = $1 OR at < clock_timestamp() - interval '1 minute')
     INSERT INTO shardway.waits SELECT $1, *, clock_timestamp()
         FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::integer[])";
const OTHERS: &str = "SELECT proxy, session, wait, started, shard, pid FROM shardway.waits
     WHERE proxy <> $1 AND at > clock_timestamp() - interval '5 seconds'";

/// What the task of one database is made from.
pub(super) struct Break {
    pub database: Box<str>,
    pub login: MonitorSettings,
    pub reader: Reader,
    pub metrics: Arc<Metrics>,
    pub desk: Arc<Desk>,
}

/// Runs until its task is stopped.
pub(super) async fn end(of: Break) {
    // A series is there from the start, so that its first increase is one.
    of.metrics.deadlocks(&of.database, 0);
    let mut breaker =
        Breaker { of, links: HashMap::new(), detector: Detector::default(), told: None, has_table: false };
    loop {
        breaker.of.desk.arrival().await;
        while !breaker.of.desk.parties().is_empty() {
            let pause = breaker.round().await;
            if pause == CONFIRM {
                tokio::time::sleep(CONFIRM).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => (),
                () = breaker.of.desk.arrival() => (),
            }
        }
        breaker.rest().await;
    }
}

struct Breaker {
    of: Break,
    /// By address of the primary
    links: HashMap<Address, Arc<Link>>,
    detector: Detector,
    /// What was told and still holds
    told: Option<String>,
    /// The first shard has the table of waits
    has_table: bool,
}

impl Breaker {
    /// One look at all that waits; gives the time to the next.
    async fn round(&mut self) -> Duration {
        let topology = self.of.reader.load_full();
        let Some(database) = topology.databases.get(&self.of.database) else { return INTERVAL_MAX };
        self.links.retain(|address, _| database.shards.iter().any(|shard| shard.primary.address == *address));
        let own = self.of.desk.parties();
        let mut troubles = Vec::new();
        let others = self.exchange(database, &own).await.unwrap_or_else(|fault| {
            troubles.push(format!("waits of other proxies are not seen: {fault}"));
            Vec::new()
        });
        let parties = [own, others].concat();
        // One session alone waits for nobody who waits for it.
        let waits = if parties.len() < 2 { Vec::new() } else { self.waits(database, &parties, &mut troubles).await };
        self.warn(&troubles);
        let found = self.detector.look(&parties, &waits);
        for deadlock in found.deadlocks {
            let (name, detail) = (deadlock.victim, deadlock.detail);
            if self.of.desk.give_up(name, detail.clone()) {
                info!(database = %self.of.database, client = name.session, detail, "deadlock over several shards: a transaction is aborted");
                self.of.metrics.deadlocks(&self.of.database, 1);
            }
        }
        let interval = database.limits.deadlock_timeout.clamp(CONFIRM * 2, INTERVAL_MAX);
        if found.is_suspicious { CONFIRM } else { interval }
    }

    /// Nobody waits any more.
    async fn rest(&mut self) {
        self.detector.forget();
        let topology = self.of.reader.load_full();
        let Some(database) = topology.databases.get(&self.of.database) else { return };
        if let Err(fault) = self.exchange(database, &[]).await {
            tracing::debug!(%fault, "waits that are over were not deleted");
        }
    }

    fn link(&mut self, database: &Database, shard: usize) -> Result<Arc<Link>, LinkFault> {
        let primary = &database.shards[shard].primary;
        if primary.health == Health::Down {
            return Err(LinkFault::Down);
        }
        if let Some(link) = self.links.get(&primary.address) {
            return Ok(Arc::clone(link));
        }
        let link = Arc::new(Link::new(&primary.address, &self.of.login, ANSWER_MAX)?);
        self.links.insert(primary.address.clone(), Arc::clone(&link));
        Ok(link)
    }

    /// Writes down who waits here; gives what other proxies have written down.
    async fn exchange(&mut self, database: &Database, own: &[Party]) -> Result<Vec<Party>, LinkFault> {
        if database.shards.len() < 2 {
            return Ok(Vec::new());
        }
        let link = self.link(database, 0)?;
        if !self.has_table {
            link.ask(ANSWER_MAX, set_up).await?;
            self.has_table = true;
        }
        let rows = link.ask(ANSWER_MAX, async |client| write_and_read(client, self.of.desk.proxy, own).await).await;
        // Somebody may have dropped it.
        self.has_table = rows.is_ok();
        Ok(parties(&rows?))
    }

    /// Who waits for whom, on the shards where anybody does.
    async fn waits(&mut self, database: &Database, parties: &[Party], troubles: &mut Vec<String>) -> Vec<Wait> {
        let mut asked = JoinSet::new();
        for (index, shard) in database.shards.iter().enumerate() {
            let is_on = |party: &Party| party.processes.iter().any(|process| process.shard == shard.name);
            if !parties.iter().any(is_on) {
                continue;
            }
            let (link, name) = (self.link(database, index), shard.name.clone());
            asked.spawn(async move {
                let rows = match link {
                    Ok(link) => link.ask(ANSWER_MAX, async |client| client.query(WAITS, &[]).await).await,
                    Err(fault) => Err(fault),
                };
                (name, rows)
            });
        }
        let mut waits = Vec::new();
        for (shard, rows) in asked.join_all().await {
            let wait = |row: &Row| Wait { shard: shard.clone(), waiter: row.get(0), blocker: row.get(1) };
            match rows {
                Ok(rows) => waits.extend(rows.iter().map(wait)),
                Err(fault) => troubles.push(format!("waits of shard \"{shard}\" are not seen: {fault}")),
            }
        }
        waits
    }

    fn warn(&mut self, troubles: &[String]) {
        let now = (!troubles.is_empty()).then(|| troubles.join("; "));
        if let Some(what) = now.as_ref().filter(|what| self.told.as_ref() != Some(what)) {
            warn!(database = %self.of.database, "deadlocks over several shards may last: {what}");
        }
        self.told = now;
    }
}

async fn set_up(client: &mut Object) -> Result<(), Error> {
    if !client.query_one(IS_SET_UP, &[]).await?.get::<_, bool>(0) {
        client.batch_execute(SETUP).await?;
    }
    Ok(())
}

async fn write_and_read(client: &mut Object, proxy: i64, own: &[Party]) -> Result<Vec<Row>, Error> {
    let (mut sessions, mut waits, mut started, mut shards, mut pids) = (vec![], vec![], vec![], vec![], vec![]);
    for (party, process) in own.iter().flat_map(|party| party.processes.iter().map(move |process| (party, process))) {
        sessions.push(party.name.session);
        waits.push(party.name.wait);
        started.push(party.started);
        shards.push(&*process.shard);
        pids.push(process.pid);
    }
    client.execute(WRITE, &[&proxy, &sessions, &waits, &started, &shards, &pids]).await?;
    client.query(OTHERS, &[&proxy]).await
}

/// Rows of the same wait are one party.
fn parties(rows: &[Row]) -> Vec<Party> {
    let mut parties: Vec<Party> = Vec::new();
    for row in rows {
        let name = Name { proxy: row.get(0), session: row.get(1), wait: row.get(2) };
        let process = Process { shard: row.get::<_, &str>(4).into(), pid: row.get(5) };
        match parties.iter_mut().find(|party| party.name == name) {
            Some(party) => party.processes.push(process),
            None => parties.push(Party { name, started: row.get(3), processes: vec![process] }),
        }
    }
    parties
}
