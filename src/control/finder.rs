//! Finds databases that the map does not name: a client asks for one, and the wildcard's server says whether it is there.
//!
//! Only what a server knows is kept, so that clients cannot fill memory with names.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_postgres::error::SqlState;
use tracing::{info, warn};

use super::catalog::{self, CatalogSettings, Seen};
use super::link::{Link, LinkFault, MonitorSettings};
use super::publisher::{Change, Publisher};
use crate::logic::protocol::report::Fault;
use crate::logic::topology::{Database, Wildcard};

/// So many databases are looked for at a time.
const SEARCHES_MAX: usize = 4;

/// Of one proxy.
pub(super) struct Finder {
    turns: Semaphore,
    /// The server could not be asked: since when, and what it was
    trouble: Mutex<Option<(Instant, Fault)>>,
    /// What was read of databases that have just been found
    schemas: Mutex<HashMap<Box<str>, Seen>>,
}

impl Default for Finder {
    fn default() -> Self {
        Self { turns: Semaphore::new(SEARCHES_MAX), trouble: Mutex::default(), schemas: Mutex::default() }
    }
}

/// How a server is asked.
pub(super) struct Search {
    pub login: MonitorSettings,
    pub catalog: CatalogSettings,
    pub publisher: Publisher,
}

impl Finder {
    /// Publishes the database of this name with its schema, if the wildcard's server has it.
    pub async fn find(&self, name: &str, search: &Search) -> Result<(), Fault> {
        let _turn = self.turns.acquire().await;
        let reader = search.publisher.reader();
        // Another client may have asked for it meanwhile.
        let topology = reader.load_full();
        if topology.databases.contains_key(name) {
            return Ok(());
        }
        let Some(wildcard) = &topology.wildcard else { return Err(Fault::NoDatabase(name.into())) };
        self.check_trouble(wildcard)?;
        let mut database = wildcard.named(name);
        match read(&mut database, search).await {
            Ok(schema) => {
                let change = Change::Found { database: Arc::new(database), like: Arc::clone(wildcard) };
                if search.publisher.publish(change).is_some() {
                    info!(database = name, "a database that the map does not name was found");
                    self.schemas.lock().insert(name.into(), schema);
                }
                Ok(())
            }
            Err(fault) => Err(self.judge(name, &database, &fault)),
        }
    }

    /// What was read of a database as it was found; once.
    pub fn schema(&self, name: &str) -> Option<Seen> {
        self.schemas.lock().remove(name)
    }

    /// A server that could not be asked is left in peace for a moment.
    fn check_trouble(&self, wildcard: &Wildcard) -> Result<(), Fault> {
        match &*self.trouble.lock() {
            Some((since, fault)) if since.elapsed() < wildcard.database.pool.login_retry => Err(fault.clone()),
            Some(_) | None => Ok(()),
        }
    }

    /// What the client hears: what a server would say to its login, too, and else that nobody knows.
    fn judge(&self, name: &str, database: &Database, fault: &LinkFault) -> Fault {
        let said = match fault {
            LinkFault::Postgres(error) => error.as_db_error(),
            LinkFault::NoUser
            | LinkFault::Tls(_)
            | LinkFault::Down
            | LinkFault::TimedOut(_)
            | LinkFault::NotConnected
            | LinkFault::Pool(_) => None,
        };
        match said {
            Some(_) if fault.is_no_database() => return Fault::NoDatabase(name.into()),
            Some(said) if *said.code() == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => {
                return Fault::Startup { sqlstate: said.code().code().into(), message: said.message().to_owned() };
            }
            Some(_) | None => (),
        }
        warn!(database = name, %fault, "cannot find out whether a database is there");
        let fault = match said {
            Some(_) => return Fault::NoCatalog(name.into()),
            None => Fault::ServerDown {
                shard: database.shards[0].name.clone(),
                server: database.shards[0].primary.name.clone(),
                cause: fault.to_string(),
            },
        };
        *self.trouble.lock() = Some((Instant::now(), fault.clone()));
        fault
    }
}

async fn read(database: &mut Database, search: &Search) -> Result<Seen, LinkFault> {
    let limit: Duration = search.catalog.read_timeout;
    let link = Link::new(&database.shards[0].primary.address, &search.login, limit)?;
    let seen = catalog::read(&link, limit).await?;
    database.catalog = Some(catalog::catalog_of(&seen.schema, &database.map));
    database.greeting = Arc::new(seen.schema.greeting.clone());
    Ok(seen)
}
