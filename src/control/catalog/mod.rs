//! Keeps the schema of each database: read at the start, looked at every so often, and at once when told.
//!
//! Every primary is asked. A look is cheap, and of a shard whose schema changed only the part that may be another is read
//! again. A shard that cannot be asked keeps what it last said.

mod asking;
mod search_path;
mod bodies;
mod unasked;
mod contained;
mod rows;
mod part;
mod beginning;
mod read;
mod again;
mod merge;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::link::{Link, LinkFault, MonitorSettings};
use super::publisher::{Change, Publisher, Reader};
use crate::logic::catalog::Catalog;
use crate::logic::shards::{ShardId, ShardMap};
use crate::logic::topology::{Address, Database, Health};
use crate::proxy::metrics::{CatalogRead, Metrics};
use again::Looked;
pub(super) use again::Seen;
use merge::Merger;
use read::ShardSchema;

/// While a shard could not be asked, it is tried this often.
const RETRY: Duration = Duration::from_secs(1);

/// A look costs a server some milliseconds: of its time no more than one part of so many.
const SHARE: u32 = 10;
/// However long it takes, as on a busy machine: the next one is no later than this.
const REFRESH_MAX: Duration = Duration::from_secs(5);
/// From one look to the next, of a database that the map does not name.
const REFRESH_FOUND: Duration = Duration::from_secs(30);

/// A connection that stays would keep others from dropping a database that was found. One change of its schema often
/// follows another, and PostgreSQL waits for the connections to a database to end for some seconds.
const LINGER: Duration = Duration::from_millis(200);

/// While others drop what is being read, what has changed is read anew this often.
const LOOKS_MAX: usize = 20;
/// And all of it this often.
const READS_MAX: usize = 3;

/// When schemas are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogSettings {
    /// From one look to the next: at least. Where a look takes long they are rarer, up to 5 s
    pub refresh: Duration,
    /// A shard must be read within this, connecting included
    pub read_timeout: Duration,
    /// Whoever asks for a look waits no longer than this
    pub wait_max: Duration,
}

impl Default for CatalogSettings {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(2),
            read_timeout: Duration::from_secs(10),
            wait_max: Duration::from_secs(5),
        }
    }
}

/// What came of a look that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// What is published is at least as new as the question, for every shard
    Done,
    /// The same, but a shard could not be asked
    Incomplete,
    /// Nobody answered in time, or there is no such database
    TimedOut,
}

/// Asks for looks. Cheap to clone; for any runtime.
#[derive(Clone, Default)]
pub struct Refresher {
    desks: Arc<Mutex<HashMap<Box<str>, Arc<Desk>>>>,
}

/// Where questions to the task of one database are laid.
pub(super) struct Desk {
    asked: AtomicU64,
    wake: Notify,
    /// The last question that was answered, and whether every shard was
    served: watch::Sender<(u64, bool)>,
    wait_max: Duration,
}

impl Refresher {
    /// The schema was changed (DDL has committed): resolves when what is published reflects it. The question is put when
    /// the future is first polled.
    pub async fn poke(&self, database: &str) -> Refreshed {
        let Some(desk) = self.desks.lock().get(database).cloned() else { return Refreshed::TimedOut };
        let mut served = desk.served.subscribe();
        let ticket = desk.ask();
        let answer = served.wait_for(|(answered, _)| *answered >= ticket);
        match tokio::time::timeout(desk.wait_max, answer).await {
            Ok(Ok(answer)) if answer.1 => Refreshed::Done,
            Ok(Ok(_)) => Refreshed::Incomplete,
            Ok(Err(_)) | Err(_) => Refreshed::TimedOut,
        }
    }

    /// The same, without waiting.
    pub fn nudge(&self, database: &str) {
        if let Some(desk) = self.desks.lock().get(database) {
            desk.ask();
        }
    }

    /// Somebody looks after the schema of this database.
    pub(super) fn has(&self, database: &str) -> bool {
        self.desks.lock().contains_key(database)
    }

    pub(super) fn desk(&self, database: &str, settings: &CatalogSettings) -> Arc<Desk> {
        let wait_max = settings.wait_max;
        let desk =
            Desk { asked: AtomicU64::new(0), wake: Notify::new(), served: watch::Sender::new((0, false)), wait_max };
        let desk = Arc::new(desk);
        self.desks.lock().insert(database.into(), desk.clone());
        desk
    }

    pub(super) fn retain(&self, is_kept: impl Fn(&str) -> bool) {
        self.desks.lock().retain(|database, _| is_kept(database));
    }
}

impl Desk {
    fn ask(&self) -> u64 {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.wake.notify_one();
        ticket
    }
}

/// What the task of one database is made from.
pub(super) struct Keep {
    pub database: Box<str>,
    pub settings: CatalogSettings,
    pub login: MonitorSettings,
    pub desk: Arc<Desk>,
    pub publisher: Publisher,
    pub metrics: Arc<Metrics>,
    /// What is published already, of a database that was found
    pub schema: Option<Seen>,
}

/// Runs until its task is stopped.
pub(super) async fn keep(mut keep: Keep) {
    let schema = keep.schema.take();
    let mut keeper = Keeper {
        reader: keep.publisher.reader(),
        keep,
        known: HashMap::new(),
        is_found: false,
        merger: Merger::default(),
        merged: 0,
        warned: Vec::new(),
    };
    if let Some(seen) = schema {
        keeper.begin_with(seen);
    }
    loop {
        // What was asked before the look began is answered by it; what comes later wakes us again.
        let ticket = keeper.keep.desk.asked.load(Ordering::SeqCst);
        let begun = Instant::now();
        let is_complete = keeper.round().await;
        keeper.keep.desk.served.send_replace((ticket, is_complete));
        let refresh = keeper.keep.settings.refresh;
        let pause = match is_complete {
            // One server has all of it: little can be wrong.
            true if keeper.is_found => REFRESH_FOUND,
            true => refresh.max((begun.elapsed() * SHARE).min(REFRESH_MAX)),
            false => RETRY.min(refresh),
        };
        let woken = keeper.keep.desk.wake.notified();
        tokio::pin!(woken);
        if keeper.is_found && tokio::time::timeout(LINGER, &mut woken).await.is_err() {
            keeper.known.values().for_each(|known| known.link.renew());
        } else if keeper.is_found {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => (),
            () = woken => (),
        }
    }
}

struct Keeper {
    keep: Keep,
    reader: Reader,
    /// By address of the primary
    known: HashMap<Address, Known>,
    /// The map does not name the database
    is_found: bool,
    merger: Merger,
    /// The map's epoch that the published catalog was merged for
    merged: u64,
    /// The differences between shards that were told
    warned: Vec<String>,
}

struct Known {
    link: Arc<Link>,
    schema: Option<Arc<ShardSchema>>,
    /// What the next look begins with; none after one that failed
    seen: Option<Seen>,
}

impl Keeper {
    /// The first look only asks what has changed since.
    fn begin_with(&mut self, seen: Seen) {
        let topology = self.reader.load_full();
        let Some(database) = topology.databases.get(&self.keep.database) else { return };
        self.merged = topology.map_epoch;
        let [shard] = &database.shards[..] else { return };
        if self.link(&shard.primary.address).is_ok() {
            self.remember(&shard.primary.address, seen);
        }
    }

    /// Looks at every shard and publishes what is new. True when every shard could be asked.
    async fn round(&mut self) -> bool {
        let topology = self.reader.load_full();
        let Some(database) = topology.databases.get(&self.keep.database) else { return false };
        self.known.retain(|address, _| database.shards.iter().any(|it| it.primary.address == *address));
        let (is_complete, is_changed) = self.look(database).await;
        self.is_found = database.is_found;
        let result = match (is_complete, is_changed) {
            (_, true) => CatalogRead::Changed,
            (true, false) => CatalogRead::Unchanged,
            (false, false) => CatalogRead::Failed,
        };
        self.keep.metrics.catalog_read(database.label(), result);
        if is_changed || self.merged != topology.map_epoch {
            self.publish(database);
            self.merged = topology.map_epoch;
        }
        is_complete
    }

    /// Asks all primaries at once: could all be asked, and did any schema change?
    async fn look(&mut self, database: &Database) -> (bool, bool) {
        let (mut is_complete, mut is_changed) = (true, false);
        let mut looks = JoinSet::new();
        for shard in &database.shards {
            let primary = &shard.primary;
            match self.link(&primary.address) {
                // Nobody waits for a server that is known to be down, or that is not the primary it should be.
                _ if primary.health == Health::Down => is_complete = false,
                Ok((link, seen)) => {
                    let (address, limit) = (primary.address.clone(), self.keep.settings.read_timeout);
                    looks.spawn(async move { (address, look_at(&link, seen, limit).await) });
                }
                Err(fault) => is_complete = self.cannot_ask(&primary.name, &fault),
            }
        }
        while let Some(joined) = looks.join_next().await {
            match joined {
                Ok((address, Ok(seen))) => is_changed |= self.remember(&address, seen),
                Ok((_, Err(fault))) if database.is_found && fault.is_no_database() => self.is_gone(database),
                Ok((address, Err(fault))) => {
                    let server = database.shards.iter().find(|it| it.primary.address == address);
                    is_complete = self.cannot_ask(server.map_or("", |it| &it.primary.name), &fault);
                }
                Err(_) => is_complete = false,
            }
        }
        (is_complete, is_changed)
    }

    fn link(&mut self, address: &Address) -> Result<(Arc<Link>, Option<Seen>), LinkFault> {
        if let Some(known) = self.known.get_mut(address) {
            return Ok((known.link.clone(), known.seen.take()));
        }
        let link = Arc::new(Link::new(address, &self.keep.login, self.keep.settings.read_timeout)?);
        self.known.insert(address.clone(), Known { link: link.clone(), schema: None, seen: None });
        Ok((link, None))
    }

    /// Is it another schema than before?
    fn remember(&mut self, address: &Address, mut seen: Seen) -> bool {
        let Some(known) = self.known.get_mut(address) else { return false };
        let before = known.schema.take().filter(|schema| **schema == *seen.schema);
        let is_changed = before.is_none();
        if let Some(schema) = before {
            seen.schema = schema;
        }
        known.schema = Some(Arc::clone(&seen.schema));
        known.seen = Some(seen);
        is_changed
    }

    /// Somebody has dropped it: a client that asks for it again finds out whether it is there again.
    fn is_gone(&self, database: &Database) {
        info!(database = %database.name, "a database that the map does not name is gone");
        self.keep.publisher.publish(Change::Forgotten { database: database.name.clone() });
    }

    fn cannot_ask(&self, server: &str, fault: &LinkFault) -> bool {
        warn!(database = %self.keep.database, server, %fault, "cannot read the schema of a shard");
        false
    }

    fn publish(&mut self, database: &Database) {
        let of_shard = |(index, shard): (usize, &crate::logic::topology::Shard)| {
            let schema = self.known.get(&shard.primary.address)?.schema.clone()?;
            Some((ShardId(u16::try_from(index).expect("a map has fewer shards")), schema))
        };
        let shards: Vec<merge::OfShard> = database.shards.iter().enumerate().filter_map(of_shard).collect();
        let Some((_, first)) = shards.first() else { return };
        let (count, greeting) = (shards.len(), Arc::new(first.greeting.clone()));
        self.tell_differences(merge::differences(&shards, &database.map));
        let catalog = self.merger.merge(shards, &database.map);
        let name = &self.keep.database;
        self.keep.publisher.publish(Change::Greeting { database: name.clone(), greeting });
        let (version, relations) = (catalog.version, catalog.relations.len());
        if self.keep.publisher.publish(Change::Catalog { database: name.clone(), catalog }).is_some() {
            info!(database = %name, version = format_args!("{version:016x}"), relations, shards = count, "schema read");
        }
    }

    fn tell_differences(&mut self, differences: Vec<String>) {
        for difference in differences.iter().filter(|it| !self.warned.contains(it)) {
            warn!(database = %self.keep.database, "{difference}");
        }
        self.warned = differences;
    }
}

/// The schema of the one shard of a database.
pub(super) async fn read(link: &Link, limit: Duration) -> Result<Seen, LinkFault> {
    link.ask(limit, again::read).await
}

/// That of a database which has one shard.
pub(super) fn catalog_of(schema: &Arc<ShardSchema>, map: &Arc<ShardMap>) -> Arc<Catalog> {
    Merger::default().merge(vec![(ShardId(0), Arc::clone(schema))], map)
}

/// Reads what has changed of a shard, or all of it, on a new connection.
async fn look_at(link: &Link, mut seen: Option<Seen>, limit: Duration) -> Result<Seen, LinkFault> {
    for _ in 0..LOOKS_MAX {
        let Some(before) = seen else { break };
        seen = match link.ask(limit, async |client| again::look(client, before).await).await? {
            Looked::Now(now) => return Ok(now),
            Looked::Disturbed(after) => Some(after),
            Looked::Unknown => None,
        };
    }
    for _ in 1..READS_MAX {
        link.renew();
        match link.ask(limit, again::read).await {
            Err(LinkFault::Postgres(error)) if again::is_disturbance(&error) => (),
            read => return read,
        }
    }
    link.renew();
    link.ask(limit, again::read).await
}
