//! Finishes transactions over several shards that their proxy could not finish: it died, or a shard did.
//!
//! Any proxy can do so for any other; what each does is idempotent, and the decider's row settles who is right
//! (`logic::commit`). Connections are the monitor's: finishing a prepared transaction takes its owner or a superuser
//! (PostgreSQL manual, COMMIT PREPARED).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::Error;
use tracing::{info, warn};

use super::link::{Link, LinkFault, MonitorSettings};
use super::publisher::Reader;
use crate::logic::commit::{self, Outcome};
use crate::logic::topology::{Address, Database, Health};
use crate::proxy::metrics::Metrics;

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(2);
/// A shard must answer within this.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Transactions of ours that are prepared, and whether they have been so for longer than a commit takes.
const PREPARED: &str = "SELECT gid, prepared < clock_timestamp() - interval '5 seconds' FROM pg_prepared_xacts
     WHERE database = current_database() AND gid LIKE 'shardway:%'";
const IS_SET_UP: &str = "SELECT to_regclass('shardway.decisions') IS NOT NULL";
/// Waits for a decision that is on its way; one that comes later fails.
const DECIDE: &str =
    "INSERT INTO shardway.decisions (gid, outcome) VALUES ($1, 'aborted') ON CONFLICT (gid) DO NOTHING";
const DECIDED: &str = "SELECT outcome FROM shardway.decisions WHERE gid = $1";
/// Decisions that nobody can be waiting for unless a shard still lists them as prepared.
const OLD: &str = "SELECT gid FROM shardway.decisions WHERE at < clock_timestamp() - interval '1 hour' LIMIT 10000";
const FORGET: &str = "DELETE FROM shardway.decisions WHERE gid = ANY($1)";

/// What the task of one database is made from.
pub(super) struct Recover {
    pub database: Box<str>,
    pub login: MonitorSettings,
    pub reader: Reader,
    pub metrics: Arc<Metrics>,
}

/// Runs until its task is stopped.
pub(super) async fn recover(recover: Recover) {
    for outcome in [Outcome::Committed, Outcome::Aborted] {
        // A series is there from the start, so that its first increase is one.
        recover.metrics.recovered(&recover.database, outcome, 0);
    }
    let mut recovery = Recovery { recover, links: HashMap::new(), warned: Vec::new() };
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
}

/// A prepared transaction as a shard lists it.
struct Listed {
    shard: usize,
    gid: String,
    is_old: bool,
}

impl Recovery {
    async fn round(&mut self) {
        let topology = self.recover.reader.load_full();
        let Some(database) = topology.databases.get(&self.recover.database) else { return };
        if database.shards.len() < 2 {
            return;
        }
        self.links.retain(|address, _| database.shards.iter().any(|shard| shard.primary.address == *address));
        let mut told = Vec::new();
        // Decisions are read before the lists: what is prepared later than the list has a newer decision.
        let old = self.old_decisions(database, &mut told).await;
        let (listed, is_complete) = self.listed(database, &mut told).await;
        for one in listed.iter().filter(|one| one.is_old) {
            if let Err(why) = self.settle(database, one).await {
                told.push(format!("transaction {} on shard \"{}\": {why}", one.gid, database.shards[one.shard].name));
            }
        }
        if is_complete {
            self.forget(database, old, &listed).await;
        }
        for message in told.iter().filter(|message| !self.warned.contains(message)) {
            warn!(database = %self.recover.database, "{message}");
        }
        self.warned = told;
    }

    /// The link to a shard whose table of decisions is there.
    async fn link(&mut self, database: &Database, shard: usize) -> Result<Arc<Link>, LinkFault> {
        let primary = &database.shards[shard].primary;
        if primary.health == Health::Down {
            return Err(LinkFault::TimedOut(ANSWER_MAX));
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
            let all = rows.iter().map(|row| Listed { shard, gid: row.get(0), is_old: row.get(1) });
            let before = listed.len();
            listed.extend(all.filter(|one| commit::decider(&one.gid, &self.recover.database).is_some()));
            self.recover.metrics.in_doubt(&self.recover.database, &of.name, listed.len() - before);
        }
        (listed, is_complete)
    }

    /// Asks the decider, and does what it says.
    async fn settle(&mut self, database: &Database, one: &Listed) -> Result<(), String> {
        let name = commit::decider(&one.gid, &self.recover.database).unwrap_or_default();
        let decider = database.shards.iter().position(|shard| &*shard.name == name);
        let decider = decider.ok_or_else(|| format!("there is no shard \"{name}\" to ask"))?;
        let link = self.link(database, decider).await.map_err(|fault| format!("shard \"{name}\": {fault}"))?;
        let outcome = link.ask(ANSWER_MAX, async |client| decide(client, &one.gid).await).await;
        let outcome = outcome.map_err(|fault| format!("shard \"{name}\": {fault}"))?;
        let outcome = outcome.ok_or_else(|| format!("shard \"{name}\" has a decision that is none"))?;
        let link = self.link(database, one.shard).await.map_err(|fault| fault.to_string())?;
        let sql = outcome.statement(&one.gid);
        let ended = link.ask(ANSWER_MAX, async |client| client.batch_execute(&sql).await).await;
        ended.map_err(|fault| fault.to_string())?;
        let shard = &database.shards[one.shard].name;
        info!(database = %self.recover.database, %shard, gid = one.gid, outcome = outcome.label(), "recovered a transaction");
        self.recover.metrics.recovered(&self.recover.database, outcome, 1);
        Ok(())
    }

    async fn old_decisions(&mut self, database: &Database, told: &mut Vec<String>) -> Vec<(usize, Vec<String>)> {
        let mut old = Vec::new();
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
        old
    }

    /// Old decisions that no shard waits for.
    async fn forget(&mut self, database: &Database, old: Vec<(usize, Vec<String>)>, listed: &[Listed]) {
        for (shard, mut gids) in old {
            gids.retain(|gid| listed.iter().all(|one| one.gid != *gid));
            if gids.is_empty() {
                continue;
            }
            let Ok(link) = self.link(database, shard).await else { continue };
            let forgotten = link.ask(ANSWER_MAX, async |client| client.execute(FORGET, &[&gids]).await).await;
            if let Err(fault) = forgotten {
                warn!(database = %self.recover.database, %fault, "old decisions could not be deleted");
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

/// What was decided; where nothing was, it is decided now.
async fn decide(client: &mut Object, gid: &str) -> Result<Option<Outcome>, Error> {
    client.execute(DECIDE, &[&gid]).await?;
    let row = client.query_one(DECIDED, &[&gid]).await?;
    Ok(Outcome::parse(row.get(0)))
}
