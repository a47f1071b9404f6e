//! Asks a server for users that the settings do not name (PgBouncer's `auth_query`).
//!
//! On connections of our own, with an empty `search_path`: nothing that a client sends reaches the query but the name, as
//! a parameter (CVE-2025-12819).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::link::{Link, LinkFault, MonitorSettings};
use super::publisher::Reader;
use crate::logic::topology::{Address, AuthQuery, Health, Secret};
use crate::proxy::door::{Lookup, Stored};

/// A login waits no longer for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of one proxy.
pub struct Users {
    reader: Reader,
    links: Mutex<HashMap<Address, Arc<Link>>>,
    doubted: Arc<Notify>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(users)")
    }
}

impl Users {
    /// `doubted` is told when a password was wrong.
    pub fn new(reader: Reader, doubted: Arc<Notify>) -> Self {
        Self { reader, links: Mutex::default(), doubted }
    }

    /// A connection to a primary of the database, as the query's user; none where there is no such database.
    fn link(&self, database: &str, query: &AuthQuery) -> Result<Option<Arc<Link>>, LinkFault> {
        let topology = self.reader.load_full();
        // Which database the wildcard is asked for, the settings say: `[auth] database`.
        let wildcard = topology.wildcard.as_ref().filter(|_| query.database.is_some());
        let listed = topology.databases.get(database).cloned();
        let Some(database) = listed.or_else(|| wildcard.map(|wildcard| Arc::new(wildcard.named(database)))) else {
            return Ok(None);
        };
        let is_up = |health| health != Health::Down;
        let shard =
            database.shards.iter().find(|shard| is_up(shard.primary.health)).or_else(|| database.shards.first());
        let Some(shard) = shard else { return Ok(None) };
        let login = (Some(query.user.clone()), query.password.clone());
        let address = Address { user: login.0, password: login.1, ..shard.primary.address.clone() };
        let mut links = self.links.lock();
        if let Some(link) = links.get(&address) {
            return Ok(Some(Arc::clone(link)));
        }
        // What a reload has left behind is not kept.
        links.retain(|known, _| known.user == address.user && known.password == address.password);
        let link = Arc::new(Link::new(&address, &MonitorSettings::default(), PATIENCE)?);
        links.insert(address, Arc::clone(&link));
        Ok(Some(link))
    }
}

impl Lookup for Users {
    fn stored(&self, database: &str, user: &str) -> Stored {
        let Some(query) = self.reader.load_full().auth.query.clone() else { return Box::pin(async { Ok(None) }) };
        let link = self.link(database, &query);
        let user = user.to_owned();
        Box::pin(async move {
            let Some(link) = link.map_err(|fault| fault.to_string())? else { return Ok(None) };
            let answer = link.ask(PATIENCE, async |client| client.query_opt(&*query.sql, &[&user]).await).await;
            match answer.map_err(|fault| fault.to_string())? {
                // The name comes first; a query that gives another user's secret would let the wrong one in.
                Some(row) => match (row.try_get::<_, String>(0), row.try_get::<_, Option<String>>(1)) {
                    (Ok(name), Ok(Some(secret))) if name == user => Ok(Some(Secret::new(secret))),
                    (Ok(_), Ok(_)) => Ok(None),
                    (Err(error), _) | (_, Err(error)) => Err(format!("[auth] query: {error}")),
                },
                None => Ok(None),
            }
        })
    }

    fn doubt(&self) {
        self.doubted.notify_one();
    }
}
