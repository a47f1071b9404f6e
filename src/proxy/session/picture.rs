//! What a session knows of its database, and the shard that it has named itself.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::logic::plan::{Reason, Refusal};
use crate::logic::protocol::report::Fault;
use crate::logic::route::{self, Destination};
use crate::logic::session::encoding::Encoding;
use crate::logic::session::settings::Settings;
use crate::logic::shards::{ShardId, ShardMap};
use crate::logic::sql::escapes::Strings;
use crate::logic::sql::name;
use crate::logic::sql::statement::Isolation;
use crate::logic::topology::{Database, Shard};
use crate::logic::value::{LiteralKind, Raw};
use crate::proxy::plans::Planner;
use crate::proxy::pool::ServerPool;
use crate::proxy::session::{Run, Session};

/// What the session knows of its database, until the topology or its search path changes.
pub struct Picture {
    /// The topology it is from
    pub epoch: u64,
    /// The database
    pub database: Arc<Database>,
    /// Plans for it
    pub planner: Arc<Planner>,
    search_path: Option<Box<str>>,
    role: Option<Box<str>>,
    /// What the settings said that it holds for
    said: Said,
    /// Of each shard
    pub pools: Vec<PoolsOfShard>,
}

/// The pools of a shard's servers, once they were needed.
pub struct PoolsOfShard {
    /// Of its primary
    pub primary: Option<Arc<ServerPool>>,
    /// Of its replicas, as the topology lists them
    pub replicas: SmallVec<[Option<Arc<ServerPool>>; 2]>,
}

impl PoolsOfShard {
    fn of(shard: &Shard) -> Self {
        Self { primary: None, replicas: smallvec![None; shard.replicas.len()] }
    }

    /// The same of the shard as it is now: servers that are elsewhere have other pools.
    fn follow(&mut self, old: &Shard, new: &Shard) {
        if old.primary.address != new.primary.address {
            self.primary = None;
        }
        self.replicas.resize(new.replicas.len(), None);
        for (place, replica) in new.replicas.iter().enumerate() {
            if old.replicas.get(place).is_none_or(|old| old.address != replica.address) {
                self.replicas[place] = None;
            }
        }
    }
}

/// What a session's settings say that every statement asks for.
#[derive(Clone, Copy)]
struct Said {
    /// Of the settings
    version: u64,
    /// A parameter of ours was set
    has_own: bool,
    strings: Strings,
    /// Of a transaction that does not say it
    isolation: Isolation,
    /// In which the client speaks
    encoding: Encoding,
}

impl Said {
    fn by(settings: &Settings) -> Self {
        let strings = settings.get("standard_conforming_strings").map_or(Strings::Standard, Strings::of);
        let encoding = Encoding::of(settings.get("client_encoding"));
        let level = settings.at_begin("default_transaction_isolation");
        let isolation = level.and_then(|level| Isolation::parse(level.trim_matches('\''))).unwrap_or_default();
        Self { version: settings.version(), has_own: settings.has_own(), strings, isolation, encoding }
    }
}

impl Picture {
    /// Statements are planned as before: only servers have changed.
    fn plans_as(&self, database: &Database) -> bool {
        let of = self.planner.database();
        let is_same_catalog = match (&of.catalog, &database.catalog) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, _) | (_, None) => false,
        };
        is_same_catalog && Arc::ptr_eq(&of.map, &database.map) && Arc::ptr_eq(&self.database.map, &database.map)
    }

    /// The same with what is known now of its servers.
    fn follow(&mut self, epoch: u64, database: &Arc<Database>) {
        let shards = self.database.shards.iter().zip(&database.shards);
        for (pools, (old, new)) in self.pools.iter_mut().zip(shards) {
            pools.follow(old, new);
        }
        (self.epoch, self.database) = (epoch, Arc::clone(database));
    }
}

impl Session {
    /// Brings `self.picture` up to date: before a statement, while nothing is under way.
    pub(super) fn look(&mut self) -> Result<(), Fault> {
        let is_between = self.run == Run::Between && !self.held.iter().any(|held| held.in_pipeline);
        if !is_between {
            return self.refresh().map(drop);
        }
        match self.follow_topology()? {
            true => self.leave_old_servers().map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    /// The same in the middle of a statement, or of a pipeline: the servers that are held stay. Says whether there is another
    /// picture.
    pub(super) fn refresh(&mut self) -> Result<bool, Fault> {
        if !self.held.is_empty() {
            let topology = self.shared.topology.load();
            let is_new = self.picture.as_ref().is_none_or(|picture| picture.epoch != topology.epoch);
            if is_new && let Some(database) = topology.databases.get(&self.database) {
                self.check_servers(database)?;
            }
        }
        self.follow_topology()
    }

    fn follow_topology(&mut self) -> Result<bool, Fault> {
        let epoch = self.shared.topology.load().epoch;
        if let Some(picture) = &self.picture
            && picture.epoch == epoch
            && picture.said.version == self.settings.version()
        {
            return Ok(false);
        }
        let (search_path, said) = (self.settings.get("search_path"), Said::by(&self.settings));
        if let Some(picture) = &mut self.picture
            && picture.epoch == epoch
            && picture.search_path.as_deref() == search_path
            && picture.role.as_deref() == self.settings.get("role")
        {
            picture.said = said;
            return Ok(false);
        }
        let topology = self.shared.topology.load_full();
        let Some(database) = topology.databases.get(&self.database) else {
            return Err(Fault::NoDatabase(self.database.clone()));
        };
        if self.unlisted.as_ref().is_some_and(|unlisted| !Arc::ptr_eq(&unlisted.map, &database.map)) {
            self.forget_made();
            return Err(Fault::MapChanged);
        }
        if let Some(picture) = &mut self.picture
            && picture.search_path.as_deref() == search_path
            && picture.role.as_deref() == self.settings.get("role")
            && self.unlisted.is_none()
            && picture.plans_as(database)
        {
            picture.follow(topology.epoch, database);
            picture.said = said;
            self.follow_writes(true);
            return Ok(true);
        }
        let Some(catalog) = &database.catalog else {
            return Err(Fault::NoCatalog(self.database.clone()));
        };
        let schemas = match search_path {
            Some(sql) => split_search_path(sql),
            None => catalog.search_path.clone(),
        };
        let role = self.settings.get("role");
        let user = role.map_or(&*self.user.name, |role| role.trim_matches(['\'', '"']));
        let search = with_user(schemas, user);
        let (database, planner) = match &self.unlisted {
            None => (Arc::clone(database), self.shared.planner(database, &search)),
            Some(unlisted) => {
                let database = Arc::new(Database { map: Arc::new(unlisted.extended()), ..Database::clone(database) });
                (Arc::clone(&database), Arc::new(self.shared.planner_apart(database, search)))
            }
        };
        let pools = database.shards.iter().map(PoolsOfShard::of).collect();
        let (search_path, role) = (search_path.map(Into::into), role.map(Into::into));
        let is_same_map = self.picture.as_ref().is_none_or(|old| Arc::ptr_eq(&old.database.map, &database.map));
        self.picture = Some(Picture { epoch: topology.epoch, database, planner, search_path, role, said, pools });
        self.follow_writes(is_same_map);
        Ok(true)
    }

    /// The next `look` is a whole one.
    pub(super) fn look_again(&mut self) {
        self.picture.iter_mut().for_each(|picture| picture.epoch = 0);
    }

    /// The picture that `look` made.
    pub(super) fn picture(&self) -> &Picture {
        self.picture.as_ref().expect("look() comes before every use")
    }

    pub(super) fn map(&self) -> &ShardMap {
        &self.picture().database.map
    }

    pub(super) fn shard_name(&self, shard: ShardId) -> &str {
        &self.picture().database.shards[usize::from(shard.0)].name
    }

    /// What the settings say now.
    fn said(&self) -> Said {
        let said = self.picture().said;
        if said.version == self.settings.version() { said } else { Said::by(&self.settings) }
    }

    /// Has the session set a parameter of ours?
    pub(super) fn has_own(&self) -> bool {
        self.said().has_own
    }

    /// How backslashes in the client's strings are to be read.
    pub(super) fn strings(&self) -> Strings {
        self.said().strings
    }

    /// The level of a transaction that does not say it.
    pub(super) fn default_isolation(&self) -> Isolation {
        self.said().isolation
    }

    /// The encoding that the client speaks.
    pub(super) fn encoding(&self) -> Encoding {
        self.said().encoding
    }

    /// The shard that the session has named with `SET shardway.shard` or `shardway.key`.
    pub(super) fn named_shard(&self) -> Result<Option<ShardId>, Refusal> {
        if !self.has_own() {
            return Ok(None);
        }
        if let Some(name) = self.settings.get("shardway.shard") {
            return shard_by_name(self.map(), name).map(Some);
        }
        match self.settings.get("shardway.key") {
            Some(key) => shard_by_key(self.map(), key).map(Some),
            None => Ok(None),
        }
    }

    /// A destination made definite by what the session has named. What the keys prove wins over no name; a name
    /// that contradicts them is an error.
    pub(super) fn overrule(
        &self,
        found: Result<Destination, Refusal>,
        named: Option<ShardId>,
    ) -> Result<Destination, Refusal> {
        let Some(named) = named else { return found };
        match found {
            Ok(Destination::Shard(shard)) if shard != named => Err(Refusal {
                reason: Reason::BadHint,
                sqlstate: "0A000",
                message: format!(
                    "the statement belongs to shard \"{}\", but the session has named shard \"{}\"",
                    self.shard_name(shard),
                    self.shard_name(named)
                ),
                detail: None,
                hint: Some("RESET shardway.shard, RESET shardway.key".to_owned()),
            }),
            Ok(_) | Err(_) => Ok(Destination::Shard(named)),
        }
    }
}

/// `SET shardway.shard = 'b'`.
pub(super) fn shard_by_name(map: &ShardMap, name: &str) -> Result<ShardId, Refusal> {
    map.shard_named(name).ok_or_else(|| Refusal {
        reason: Reason::BadHint,
        sqlstate: "22023",
        message: format!("there is no shard \"{name}\""),
        detail: None,
        hint: Some(format!("the shards are {}", map.shards.join(", "))),
    })
}

/// `SET shardway.key = '42'`, or `'keyspace:42'` where there is more than one keyspace.
pub(super) fn shard_by_key(map: &ShardMap, text: &str) -> Result<ShardId, Refusal> {
    let refuse = |message: String, hint: Option<String>| Refusal {
        reason: Reason::BadHint,
        sqlstate: "22023",
        message,
        detail: None,
        hint,
    };
    let named = text.split_once(':').and_then(|(name, key)| Some((map.keyspace_named(name)?, key)));
    let (keyspace, key) = match (named, map.keyspaces.len()) {
        (Some((keyspace, key)), _) => (map.keyspace(keyspace), key),
        (None, 1) => (&map.keyspaces[0], text),
        (None, _) => {
            let names: Vec<&str> = map.keyspaces.iter().map(|keyspace| &*keyspace.name).collect();
            let hint = format!("write keyspace:key; the keyspaces are {}", names.join(", "));
            return Err(refuse(format!("\"{text}\" does not say of which keyspace it is a key"), Some(hint)));
        }
    };
    let raw = Raw::Literal { kind: LiteralKind::String, negative: false, text: key };
    match route::key_home(keyspace, raw) {
        Some(shard) => Ok(shard),
        None => Err(refuse(format!("\"{key}\" is not a key of keyspace \"{}\" with a home", keyspace.name), None)),
    }
}

/// `SET shardway.role`.
pub(super) fn check_role(value: &str) -> Result<(), Refusal> {
    match value {
        "primary" | "replica" | "auto" => Ok(()),
        _ => Err(Refusal {
            reason: Reason::BadHint,
            sqlstate: "22023",
            message: format!("invalid value for parameter \"shardway.role\": \"{value}\""),
            detail: None,
            hint: Some("Available values: primary, replica, auto.".to_owned()),
        }),
    }
}

/// The schemas of a `search_path` setting, as `SET search_path TO` takes them.
fn split_search_path(sql: &str) -> Vec<Box<str>> {
    let mut schemas = Vec::new();
    let mut rest = sql.trim_start_matches(name::RAW).trim_start();
    while let Some(first) = rest.chars().next() {
        let (schema, after) = match first {
            '"' | '\'' => quoted(&rest[1..], first),
            _ => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_lowercase(), &rest[end..])
            }
        };
        if !schema.is_empty() {
            schemas.push(schema.into());
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    schemas
}

/// A quoted item up to its closing quote, and what follows. A doubled quote stands for one.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut item = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, found)) = chars.next() {
        if found != quote {
            item.push(found);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            item.push(quote);
        } else {
            return (item, &text[at + 1..]);
        }
    }
    (item, "")
}

/// `"$user"` is the schema of the user's name.
fn with_user(schemas: Vec<Box<str>>, user: &str) -> Vec<Box<str>> {
    schemas.into_iter().map(|schema| if &*schema == "$user" { user.into() } else { schema }).collect()
}
