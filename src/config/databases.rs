//! `[databases.x]`: one sharded database, its servers and its map.

use std::collections::HashSet;
use std::sync::Arc;

use crate::logic::identifier::NAME_BYTES_MAX;
use crate::logic::shards::{ShardId, ShardMap, ShardSet};
use crate::logic::topology::{
    ANY_NAME, Database, Health, PoolSettings, ReplicaSettings, Role, Server, SessionLimits, Shard,
};

use super::keyspaces;
use super::limits::{self, LIMIT_FIELDS, POOL_FIELDS, REPLICA_FIELDS};
use super::names::Names;
use super::report::Problems;
use super::secret::Environment;
use super::section::{Section, entries, list, text};
use super::server;
use super::source::Span;
use super::tables::{self, Used};
use super::tree::{Entry, Node, Value};
use super::users::UserSettings;

/// Fields of a database: its own, then those of `[pool]` and `[limits]`.
pub const FIELDS: &[&str] = &{
    let own = ["shards", "replicas", "keyspaces", "tables", "default_shard", "create_tables", "local_functions"];
    let mut fields = [""; 7 + POOL_FIELDS.len() + LIMIT_FIELDS.len()];
    let mut at = 0;
    while at < fields.len() {
        fields[at] = match at.checked_sub(own.len()) {
            None => own[at],
            Some(at) if at < POOL_FIELDS.len() => POOL_FIELDS[at],
            Some(at) => LIMIT_FIELDS[at - POOL_FIELDS.len()],
        };
        at += 1;
    }
    fields
};

/// Fields of a shard.
pub const SHARD_FIELDS: &[&str] = &["primary", "replicas", "role"];

/// Fields of a server that is written as a table.
pub const SERVER_FIELDS: &[&str] = &["url", "weight", "zone"];

/// Names that mean something else to operators' tools.
const RESERVED: [&str; 2] = ["shardway", "pgbouncer"];

/// One database as the file describes it.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// The name clients connect to
    pub name: Box<str>,
    /// Its map
    pub map: Arc<ShardMap>,
    /// Users whose new tables the map may gain
    pub create_tables: Vec<Box<str>>,
    /// Its shards, nothing known of their health yet
    pub shards: Vec<Shard>,
    /// Settings of its pools
    pub pool: PoolSettings,
    /// When replicas may answer
    pub replicas: ReplicaSettings,
    /// Limits on its sessions
    pub limits: SessionLimits,
}

impl DatabaseSettings {
    /// The database before any of its servers was asked.
    pub fn database(&self) -> Database {
        Database {
            name: self.name.clone(),
            is_found: false,
            map: Arc::clone(&self.map),
            create_tables: self.create_tables.clone(),
            catalog: None,
            shards: self.shards.clone(),
            pool: self.pool.clone(),
            replicas: self.replicas.clone(),
            limits: self.limits.clone(),
            greeting: Arc::default(),
        }
    }
}

/// What holds for all databases.
#[derive(Debug, Clone, Copy)]
pub struct General<'a> {
    /// Of pools that do not set it themselves
    pub pool: &'a PoolSettings,
    /// Of sessions, likewise
    pub limits: &'a SessionLimits,
    /// Who may log in, where all of them are known
    pub users: Option<&'a [UserSettings]>,
    /// There are other proxies with this map
    pub has_peers: bool,
}

/// Reads one database, whose section may have these `fields`.
pub fn read(
    entry: &Entry,
    fields: &'static [&'static str],
    general: General<'_>,
    env: Environment<'_>,
    problems: &mut Problems,
) -> Option<DatabaseSettings> {
    check_name(&entry.key, entry.key_span, problems);
    let section = Section::open(&entry.node, fields, problems);
    let shard_entries = section.named("shards", problems);
    if shard_entries.is_empty() {
        problems
            .error(entry.key_span, format!("the database `{}` has no shards", entry.key))
            .help(format!("add [databases.{}.shards.a] with primary = \"postgres://host:5432/database\"", entry.key));
    }
    if shard_entries.len() > ShardSet::CAPACITY {
        problems.error(entry.key_span, format!("a database has at most {} shards", ShardSet::CAPACITY));
        return None;
    }
    let limits = limits::limits(section, general.limits, problems);
    if shard_entries.len() > limits.sequence_stride as usize {
        let span = section.get("sequence_stride").map_or(entry.key_span, |node| node.span);
        problems.error(span, format!("`sequence_stride` is less than the number of shards ({})", shard_entries.len()));
    }
    let pool = limits::pool(section, general.pool, problems);
    if (1..shard_entries.len()).contains(&(pool.database_max as usize)) {
        let span = section.get("max_db_connections").map_or(entry.key_span, |node| node.span);
        problems
            .warning(span, format!("`max_db_connections` is less than the number of shards ({})", shard_entries.len()))
            .help("statements over more shards would wait in vain");
    }
    let default_shard = section.text("default_shard", problems);
    let shard_entries = default_first(shard_entries, default_shard.map(|(name, _)| name));
    let settings = DatabaseSettings {
        name: entry.key.as_str().into(),
        shards: shards(&entry.key, &shard_entries, problems),
        map: Arc::new(map(&entry.key, section, &shard_entries, default_shard, problems)),
        create_tables: creators(section, general, problems),
        pool,
        replicas: limits::replicas(section.section("replicas", REPLICA_FIELDS, problems), env, problems),
        limits,
    };
    Some(settings)
}

/// The catalogs that clients see are those of the first shard: where tables that are not listed live on one, that one has the
/// most of them.
fn default_first<'a>(shards: &'a [Entry], default_shard: Option<&str>) -> Vec<&'a Entry> {
    let is_default = |entry: &&Entry| default_shard == Some(entry.key.as_str());
    shards.iter().filter(is_default).chain(shards.iter().filter(|entry| !is_default(entry))).collect()
}

/// Who may create tables that are not listed. A proxy that has not heard of such a table would look for it on the default
/// shard.
fn creators(section: Section<'_>, general: General<'_>, problems: &mut Problems) -> Vec<Box<str>> {
    let errors_before = problems.errors();
    let names = section.texts("create_tables", problems);
    for (name, span) in &names {
        // After an error, who is missing may only be unreadable.
        let is_known = general.users.is_none_or(|users| users.iter().any(|it| *it.user.name == **name));
        if errors_before == 0 && !is_known {
            problems.error(*span, format!("there is no user `{name}`")).help("add it to [[users]]");
        }
    }
    if let (Some((_, span)), true, Some(_)) = (names.first(), general.has_peers, section.get("default_shard")) {
        problems
            .error(*span, "`create_tables` beside `default_shard` is for a proxy that is alone")
            .help("other proxies would look for a new table on the default shard until they load the file again");
    }
    names.into_iter().map(|(name, _)| name.into()).collect()
}

fn check_name(name: &str, span: Span, problems: &mut Problems) {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        problems.error(span, format!("a database name has 1 to {NAME_BYTES_MAX} bytes"));
    }
    if RESERVED.contains(&name) {
        problems
            .error(span, format!("the database name `{name}` is reserved"))
            .help("it is kept for the administration console");
    }
}

fn shards(database: &str, shard_entries: &[&Entry], problems: &mut Problems) -> Vec<Shard> {
    let mut shards = Vec::new();
    let mut seen: Vec<(String, Span)> = Vec::new();
    for (entry, id) in shard_entries.iter().zip(0_u16..) {
        let section = Section::open(&entry.node, SHARD_FIELDS, problems);
        if section.get("primary").is_none() {
            problems
                .error(entry.key_span, format!("the shard `{}` has no `primary`", entry.key))
                .help("primary = \"postgres://host:5432/database\"");
        }
        let label = format!("{database}/{}", entry.key);
        let finds_roles = section.choice("role", false, &[("fixed", false), ("auto", true)], problems);
        let mut server = |node: &Node, role, name: String| {
            let (server, url) = server(node, database, ShardId(id), role, name, problems)?;
            report_twice(&mut seen, url, node.span, problems);
            Some(server)
        };
        // Where roles are found, a name that says one would be wrong some day.
        let name = |number: usize| match (finds_roles, number) {
            (true, _) => format!("{label}/server-{}", number + 1),
            (false, 0) => format!("{label}/primary"),
            (false, _) => format!("{label}/replica-{number}"),
        };
        let primary = section.get("primary").and_then(|node| server(node, Role::Primary, name(0)));
        let replicas = section.get("replicas").map_or(&[][..], list);
        let replicas =
            replicas.iter().zip(1..).filter_map(|(node, number)| server(node, Role::Replica, name(number))).collect();
        if let Some(primary) = primary {
            shards.push(Shard { name: entry.key.as_str().into(), primary, replicas, finds_roles, schema: None });
        }
    }
    shards
}

/// One server, and its host, port and database in one word.
fn server(
    node: &Node,
    database: &str,
    shard: ShardId,
    role: Role,
    name: String,
    problems: &mut Problems,
) -> Option<(Arc<Server>, String)> {
    let (url, weight, zone) = if let Value::Table(_) = &node.value {
        let section = Section::open(node, SERVER_FIELDS, problems);
        section.require("url", problems);
        let zone = section.text("zone", problems).map(|(zone, _)| zone.into());
        (section.get("url")?, section.count("weight", 1, 1..=10_000, problems), zone)
    } else {
        (node, 1, None)
    };
    let address = server::address(text(url, "url", problems)?, url.span, database, problems)?;
    let place = format!("{:?} {} {}", address.host, address.port, address.database);
    let server = Server {
        name: name.into(),
        shard,
        role,
        address,
        weight,
        zone,
        health: Health::Unknown,
        lag: None,
        places: Arc::default(),
        trail: Arc::default(),
    };
    Some((Arc::new(server), place))
}

/// Two shards on one server and database would both hold every row of the other.
fn report_twice(seen: &mut Vec<(String, Span)>, place: String, span: Span, problems: &mut Problems) {
    if let Some((_, first)) = seen.iter().find(|(known, _)| *known == place) {
        let first = problems.sources.place(*first);
        problems.error(span, "this server and database is listed twice").help(format!(
            "it is also at {}:{}; each shard needs a database of its own",
            first.path.display(),
            first.line
        ));
    }
    seen.push((place, span));
}

fn map(
    database: &str,
    section: Section<'_>,
    shard_entries: &[&Entry],
    default_shard: Option<(&str, Span)>,
    problems: &mut Problems,
) -> ShardMap {
    let shards = Names::new("shard", shard_entries.iter().map(|entry| entry.key.clone()).collect());
    let keyspace_entries = section.named("keyspaces", problems);
    let keyspace_names = Names::new("keyspace", keyspace_entries.iter().map(|entry| entry.key.clone()).collect());
    let errors_before = problems.errors();

    let mut used = Used::default();
    let mut used_by_keys = HashSet::new();
    let keyspaces = keyspace_entries
        .iter()
        .filter_map(|entry| keyspaces::read(entry, &shards, &mut used_by_keys, problems))
        .collect();
    used.shards.extend(used_by_keys);
    let tables = tables::read(section.named("tables", problems), &shards, &keyspace_names, &mut used, problems);
    let default_shard = default_shard.and_then(|(name, span)| shards.find(name, span, problems)).map(ShardId);
    // Without a map there is one place for all tables.
    let default_shard = default_shard.or((database == ANY_NAME).then_some(ShardId(0)));
    used.shards.extend(default_shard);

    // After an error, what looks unused is often only misspelled elsewhere.
    if problems.errors() == errors_before {
        warn_unused(&used, shard_entries, keyspace_entries, problems);
    }
    let local_functions = section.texts("local_functions", problems);
    ShardMap {
        shards: shard_entries.iter().map(|entry| entry.key.as_str().into()).collect(),
        keyspaces,
        tables: tables.placements,
        unique: tables.unique,
        default_shard,
        local_functions: local_functions.into_iter().map(|(name, _)| name.into()).collect(),
    }
}

fn warn_unused(used: &Used, shards: &[&Entry], keyspaces: &[Entry], problems: &mut Problems) {
    for (entry, id) in keyspaces.iter().zip(0_u16..) {
        if !used.keyspaces.contains(&id) {
            problems.warning(entry.key_span, format!("no table uses the keyspace `{}`", entry.key));
        }
    }
    for (entry, id) in shards.iter().zip(0_u16..) {
        if !used.reference && !used.shards.contains(&ShardId(id)) {
            problems
                .warning(entry.key_span, format!("nothing lives on the shard `{}`", entry.key))
                .help("no keyspace, table or default_shard names it");
        }
    }
}

/// The databases of the file.
pub fn read_all(
    node: Option<&Node>,
    general: General<'_>,
    env: Environment<'_>,
    problems: &mut Problems,
) -> Vec<DatabaseSettings> {
    let all = node.map_or(&[][..], |node| entries(node, problems));
    if all.is_empty() {
        problems.general("there are no databases").help("add [databases.app] with its shards");
    }
    let listed = all.iter().filter(|entry| entry.key != ANY_NAME);
    listed.filter_map(|entry| read(entry, FIELDS, general, env, problems)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_may_set_every_pool_setting_and_limit() {
        for field in limits::POOL_FIELDS.iter().chain(limits::LIMIT_FIELDS) {
            assert!(FIELDS.contains(field), "{field}");
        }
    }
}
