//! What a reload changes, and what only a restart can.

use std::fmt;

use crate::logic::shards::{Keyspace, Method, ShardMap};
use crate::logic::topology::Shard;

use super::databases::DatabaseSettings;
use super::listen::ListenSettings;
use super::load::Settings;

/// The differences between two settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// In the order of the file
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In words, for the log
    pub what: String,
    /// When it takes effect
    pub effect: Effect,
}

/// When a change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// With the reload
    Live,
    /// At the next start; until then the old value holds
    Restart,
}

impl Diff {
    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What the reload cannot do.
    pub fn needs_restart(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.effect == Effect::Restart)
    }

    fn note(&mut self, differs: bool, effect: Effect, what: impl Into<String>) {
        if differs {
            self.changes.push(Change { what: what.into(), effect });
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.effect {
            Effect::Live => f.write_str(&self.what),
            Effect::Restart => write!(f, "{} (at the next start)", self.what),
        }
    }
}

/// Compares the settings in force with new ones.
pub fn diff(old: &Settings, new: &Settings) -> Diff {
    let mut diff = Diff::default();
    compare_listen(&old.listen, &new.listen, &mut diff);
    let parts = |name: &str| format!("user {name}");
    let users = (&old.users[..], &new.users[..]);
    compare_lists(
        users,
        |it| &it.user.name,
        |a, b, diff| diff.note(a != b, Effect::Live, parts(&a.user.name)),
        "user",
        &mut diff,
    );
    diff.note(old.peers != new.peers, Effect::Live, "peers");
    diff.note(old.auth != new.auth, Effect::Live, "auth");
    diff.note(old.health != new.health, Effect::Live, "health");
    diff.note(old.timelines != new.timelines, Effect::Restart, "health.timelines");
    diff.note(old.monitor != new.monitor, Effect::Live, "monitor");
    diff.note(old.console != new.console, Effect::Live, "console");
    diff.note(old.log.format != new.log.format, Effect::Restart, "log.format");
    diff.note(old.log.level != new.log.level, Effect::Restart, "log.level");
    diff.note(old.traces != new.traces, Effect::Restart, "traces");
    diff.note(old.log.connections != new.log.connections, Effect::Live, "log.connections");
    diff.note(old.log.statements.slow != new.log.statements.slow, Effect::Live, "log.slow_statement");
    diff.note(old.log.statements.sample_every != new.log.statements.sample_every, Effect::Live, "log.sample_every");
    let databases = (&old.databases[..], &new.databases[..]);
    compare_lists(databases, |it| &it.name, compare_database, "database", &mut diff);
    let of = |settings: &'_ Settings| settings.wildcard.as_ref().map(|it| it.database.clone());
    let wildcards = (of(old), of(new));
    compare_lists(
        (wildcards.0.as_slice(), wildcards.1.as_slice()),
        |it| &it.name,
        compare_database,
        "database",
        &mut diff,
    );
    let timeout = |settings: &Settings| settings.wildcard.as_ref().map(|it| it.idle_timeout);
    diff.note(timeout(old) != timeout(new), Effect::Live, "databases.*: autodb_idle_timeout");
    diff
}

/// Why the new settings must not be taken while data lives by the old ones: another number of buckets puts nearly
/// every key elsewhere, and a range mistyped at its end is enough for that.
pub fn misplaces(old: &Settings, new: &Settings) -> Option<String> {
    let databases = old.databases.iter().filter_map(|old| {
        let new = new.databases.iter().find(|new| new.name == old.name)?;
        let keyspaces = old.map.keyspaces.iter().filter_map(|old| {
            let new = new.map.keyspaces.iter().find(|new| new.name == old.name)?;
            Some((&old.name, buckets(&old.method)?, buckets(&new.method)?))
        });
        let (keyspace, before, after) = keyspaces.into_iter().find(|(_, before, after)| before != after)?;
        Some(format!(
            "keyspace {keyspace} of database {} has {before} buckets and would have {after}: nearly every key would be \
             looked for on another shard (a restart takes it)",
            old.name
        ))
    });
    databases.into_iter().next()
}

fn buckets(method: &Method) -> Option<usize> {
    match method {
        Method::Hash { buckets } => Some(buckets.len()),
        Method::Range(_) => None,
    }
}

fn compare_listen(old: &ListenSettings, new: &ListenSettings, diff: &mut Diff) {
    use Effect::{Live, Restart};
    diff.note(old.addresses != new.addresses, Restart, "listen.address");
    diff.note(old.unix_socket != new.unix_socket, Restart, "listen.unix_socket");
    diff.note(old.unix_socket_mode != new.unix_socket_mode, Restart, "listen.unix_socket_mode");
    diff.note(old.metrics != new.metrics, Restart, "listen.metrics");
    diff.note(old.backlog != new.backlog, Restart, "listen.backlog");
    diff.note(old.node != new.node || old.peer_secret != new.peer_secret, Restart, "listen.node or listen.peer_secret");
    diff.note(old.workers != new.workers, Restart, "listen.workers");
    diff.note(old.gather_memory != new.gather_memory, Live, "listen.gather_memory");
    diff.note(old.max_clients != new.max_clients, Live, "listen.max_clients");
    diff.note(old.login_timeout != new.login_timeout, Live, "listen.login_timeout");
    diff.note(old.drain_grace != new.drain_grace, Live, "listen.drain_grace");
    diff.note(old.drain_timeout != new.drain_timeout, Live, "listen.drain_timeout");
    diff.note(old.socket != new.socket, Restart, "listen.keepalive or listen.user_timeout");
    diff.note(old.tls != new.tls, Live, "listen.tls");
}

/// Names what is new and gone, and compares what is in both.
fn compare_lists<T>(
    (old, new): (&[T], &[T]),
    name: impl Fn(&T) -> &str,
    compare: impl Fn(&T, &T, &mut Diff),
    what: &str,
    diff: &mut Diff,
) {
    let find = |list: &'_ [T], wanted: &str| list.iter().position(|it| name(it) == wanted);
    for gone in old.iter().filter(|it| find(new, name(it)).is_none()) {
        diff.note(true, Effect::Live, format!("{what} {} is gone", name(gone)));
    }
    for item in new {
        match find(old, name(item)) {
            Some(position) => compare(&old[position], item, diff),
            None => diff.note(true, Effect::Live, format!("{what} {} is new", name(item))),
        }
    }
}

fn compare_database(old: &DatabaseSettings, new: &DatabaseSettings, diff: &mut Diff) {
    let name = &new.name;
    let mut note = |differs, what: &str| diff.note(differs, Effect::Live, format!("database {name}: {what}"));
    note(old.pool != new.pool, "pool");
    note(old.limits != new.limits, "limits");
    note(old.replicas != new.replicas, "replicas");
    note(old.create_tables != new.create_tables, "create_tables");
    note(servers(&old.shards) != servers(&new.shards), "servers");
    note(map_differs(&old.map, &new.map), "shard map");
}

/// What a reload can change about servers; health and lag are not settings.
fn servers(shards: &[Shard]) -> Vec<impl PartialEq> {
    let all = shards.iter().flat_map(|shard| std::iter::once(&shard.primary).chain(&shard.replicas));
    all.map(|server| (server.name.clone(), server.address.clone(), server.weight, server.zone.clone())).collect()
}

/// Would any key or table go elsewhere, or be refused or not?
fn map_differs(old: &ShardMap, new: &ShardMap) -> bool {
    old.shards != new.shards
        || old.tables != new.tables
        || old.default_shard != new.default_shard
        || old.local_functions != new.local_functions
        || old.unique != new.unique
        || old.keyspaces.len() != new.keyspaces.len()
        || old.keyspaces.iter().zip(&new.keyspaces).any(|(old, new)| keyspace_differs(old, new))
}

fn keyspace_differs(old: &Keyspace, new: &Keyspace) -> bool {
    let method_differs = match (&old.method, &new.method) {
        (Method::Hash { buckets: old }, Method::Hash { buckets: new }) => old != new,
        (Method::Range(old), Method::Range(new)) => old != new,
        (Method::Hash { .. }, Method::Range(_)) | (Method::Range(_), Method::Hash { .. }) => true,
    };
    method_differs || old.name != new.name || old.key_type != new.key_type || old.pins != new.pins
}
