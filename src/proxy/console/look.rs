//! Looks at the proxy: plain values of how things stand now.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::logic::console::pgbouncer::CONSOLE;
use crate::logic::console::snapshot::{
    Client, ClientCounts, ClientState, Database, Lists, Memory, Mode, Pool, Server, ServerCounts, ServerState, Stats,
    TransactionEntry, TransactionState, User,
};
use crate::logic::console::totals::Totals;
use crate::logic::topology::{self, Host, Topology};
use crate::proxy::cancel::Slot;
use crate::proxy::card::Card;
use crate::proxy::console::Console;
use crate::proxy::pool::ServerPool;
use crate::proxy::server::Backend;
use crate::proxy::session::SESSION_SIZE;
use crate::proxy::shared::Shared;

/// The connections of a pool, by what they do.
pub(super) fn counts(pool: &ServerPool) -> (ServerCounts, u32, Duration) {
    let (counts, wait) = pool.counts();
    let servers = ServerCounts { active: counts.lent, idle: counts.idle, login: counts.opening, being_canceled: 0 };
    (servers, counts.waiting, wait)
}

pub(super) fn add(sum: &mut ServerCounts, more: ServerCounts) {
    sum.active += more.active;
    sum.idle += more.idle;
    sum.login += more.login;
    sum.being_canceled += more.being_canceled;
}

/// The user that clients of this database become.
fn forced_user(database: &topology::Database) -> Option<&str> {
    let mut users = database.shards.iter().map(|shard| shard.primary.address.user.as_deref());
    let first = users.next().flatten()?;
    users.all(|user| user == Some(first)).then_some(first)
}

/// As whom a client goes to the servers.
fn pool_user<'a>(topology: &'a Topology, card: &'a Card) -> &'a str {
    let forced = topology.databases.get(&card.database).and_then(|database| forced_user(database));
    forced.or(card.user.server_user.as_deref()).unwrap_or(&card.user.name)
}

/// SHOW POOLS, the console's own row last.
pub fn pools(console: &Console) -> Vec<Pool> {
    let shared = &console.shared;
    let topology = shared.topology.load_full();
    let mode = |database: &str| topology.databases.get(database).map_or(Mode::Transaction, |it| it.pool.mode.into());
    let mut pools: BTreeMap<(Box<str>, Box<str>), Pool> = BTreeMap::new();
    let mut row = |database: &str, user: &str, change: &mut dyn FnMut(&mut Pool)| {
        let key = (Box::from(database), Box::from(user));
        let pool = pools.entry(key).or_insert_with_key(|(database, user)| Pool {
            database: database.clone(),
            user: user.clone(),
            clients: ClientCounts::default(),
            servers: ServerCounts::default(),
            wait: Duration::ZERO,
            mode: mode(database),
        });
        change(pool);
    };
    for slot in shared.cancels.all() {
        let card = &slot.card;
        row(&card.database, pool_user(&topology, card), &mut |pool| match card.state() {
            ClientState::Active | ClientState::Idle => pool.clients.active += 1,
            ClientState::Waiting => pool.clients.waiting += 1,
        });
    }
    for pool in shared.pools.all() {
        let (servers, _, wait) = counts(&pool);
        row(&pool.database, &pool.user, &mut |row| {
            add(&mut row.servers, servers);
            row.wait = row.wait.max(wait);
        });
    }
    pools.into_values().chain([console_pool(console)]).collect()
}

fn console_pool(console: &Console) -> Pool {
    Pool {
        database: CONSOLE.into(),
        user: CONSOLE.into(),
        clients: ClientCounts { active: console.visitors.lock().len() as u32, waiting: 0 },
        servers: ServerCounts::default(),
        wait: Duration::ZERO,
        mode: Mode::Statement,
    }
}

/// Server connections that clients have, by their numbers: also between two statements.
pub(super) fn holders(shared: &Shared) -> HashMap<u64, Arc<Slot>> {
    let mut holders = HashMap::new();
    for pool in shared.pools.all() {
        let idle: HashSet<u64> = pool.idle().into_iter().collect();
        let lent = pool.connections().into_iter().filter(|it| !idle.contains(&it.connection.id));
        holders.extend(lent.filter_map(|it| Some((it.connection.id, shared.cancels.named(it.notifier.client())?))));
    }
    holders
}

/// SHOW CLIENTS: in the order in which they came.
pub fn clients(console: &Console) -> Vec<Client> {
    let now = Instant::now();
    let clock = &console.shared.clock;
    let client = |card: &Card, server: Option<u64>| Client {
        id: card.id,
        user: card.user.name.clone(),
        database: card.database.clone(),
        state: card.state(),
        peer: card.peer,
        local: card.local,
        connected: clock.unix(card.connected),
        requested: clock.unix(card.requested()),
        wait: card.waits_since().map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
        is_leaving: card.is_leaving(),
        server,
        tls: card.tls.clone().unwrap_or_default(),
        application: card.application(),
        prepared: card.prepared_count(),
    };
    let mut servers: HashMap<i32, u64> = HashMap::new();
    for (server, slot) in holders(&console.shared) {
        servers.entry(slot.pid).and_modify(|first| *first = server.min(*first)).or_insert(server);
    }
    let of_sessions = console.shared.cancels.all();
    let mut clients: Vec<Client> =
        of_sessions.iter().map(|slot| client(&slot.card, servers.get(&slot.pid).copied())).collect();
    clients.extend(console.visitors.lock().values().map(|visitor| client(&visitor.card, None)));
    clients.sort_by_key(|client| client.id);
    clients
}

/// SHOW SERVERS: in the order in which they were opened.
pub fn servers(shared: &Shared) -> Vec<Server> {
    let holders = holders(shared);
    let client = |server| holders.get(&server).map(|slot| (slot.card.id, slot.card.requested()));
    let mut servers = Vec::new();
    for pool in shared.pools.all() {
        let idle: HashSet<u64> = pool.idle().into_iter().collect();
        for cancellable in pool.connections() {
            let connection = &cancellable.connection;
            let client = client(connection.id);
            let state = match (client, idle.contains(&connection.id)) {
                (None, true) => ServerState::Idle,
                (None, false) if !cancellable.is_quiet() => ServerState::BeingCanceled,
                (Some(_), _) | (None, false) => ServerState::Active,
            };
            servers.push(Server {
                id: connection.id,
                user: pool.user.clone(),
                database: pool.database.clone(),
                shard: pool.shard.clone(),
                server: pool.server.clone(),
                state,
                peer: connection.peer,
                local: connection.local,
                connected: shared.clock.unix(connection.opened),
                requested: shared.clock.unix(client.map_or(connection.opened, |(_, requested)| requested)),
                is_leaving: pool.is_stale(&cancellable),
                client: client.map(|(id, _)| id),
                pid: cancellable.pid,
                tls: connection.tls.clone().unwrap_or_default(),
                prepared: connection.prepared.load(Ordering::Relaxed),
            });
        }
    }
    servers.sort_by_key(|server| server.id);
    servers
}

/// Things by database or user.
type Sums = HashMap<Box<str>, u32>;

fn count(sums: &mut Sums, name: &str, more: u32) {
    match sums.get_mut(name) {
        Some(sum) => *sum += more,
        None => drop(sums.insert(name.into(), more)),
    }
}

/// SHOW DATABASES, the console last.
pub fn databases(console: &Console) -> Vec<Database> {
    let shared = &console.shared;
    let topology = shared.topology.load_full();
    let (mut clients, mut servers) = (Sums::new(), Sums::new());
    for slot in shared.cancels.all() {
        count(&mut clients, &slot.card.database, 1);
    }
    for pool in shared.pools.all() {
        let (counts, ..) = counts(&pool);
        count(&mut servers, &pool.database, counts.active + counts.idle + counts.login);
    }
    let (disabled, paused) = (shared.disabled.lock().clone(), shared.pools.paused());
    let of = |sums: &Sums, name: &str| sums.get(name).copied().unwrap_or(0);
    let mut all: Vec<&Arc<topology::Database>> = topology.databases.values().collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    let listed = all.into_iter().map(|it| {
        let first = &it.shards[0].primary.address;
        Database {
            name: it.name.clone(),
            hosts: it.shards.iter().map(|shard| host(&shard.primary.address.host)).collect(),
            port: first.port,
            on_server: first.database.clone(),
            force_user: forced_user(it).map(Into::into),
            pool_size: it.pool.size,
            pool_min: it.pool.min,
            reserve_size: it.pool.reserve,
            lifetime: it.pool.lifetime,
            mode: it.pool.mode.into(),
            servers: of(&servers, &it.name),
            servers_max: it.pool.database_max,
            clients: of(&clients, &it.name),
            clients_max: it.limits.crowd.clients,
            is_paused: paused.databases.contains(&it.name),
            is_disabled: disabled.contains(&it.name),
        }
    });
    listed.chain([console_database(console)]).collect()
}

fn console_database(console: &Console) -> Database {
    Database {
        name: CONSOLE.into(),
        hosts: Vec::new(),
        port: 0,
        on_server: CONSOLE.into(),
        force_user: Some(CONSOLE.into()),
        pool_size: 0,
        pool_min: 0,
        reserve_size: 0,
        lifetime: Duration::ZERO,
        mode: Mode::Statement,
        servers: 0,
        clients: console.visitors.lock().len() as u32,
        servers_max: 0,
        clients_max: 0,
        is_paused: false,
        is_disabled: false,
    }
}

/// A host as it was named; the folder of a Unix socket.
pub(super) fn host(host: &Host) -> Box<str> {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.to_string_lossy().into(),
    }
}

/// SHOW USERS.
pub fn users(console: &Console) -> Vec<User> {
    let shared = &console.shared;
    let topology = shared.topology.load_full();
    let (mut clients, mut servers) = (Sums::new(), Sums::new());
    for slot in shared.cancels.all() {
        count(&mut clients, &slot.card.user.name, 1);
    }
    for visitor in console.visitors.lock().values() {
        count(&mut clients, &visitor.card.user.name, 1);
    }
    for pool in shared.pools.all() {
        let (counts, ..) = counts(&pool);
        count(&mut servers, &pool.user, counts.active + counts.idle + counts.login);
    }
    // What holds for users that say nothing of it, where the databases agree.
    let mut maxima = topology.databases.values().map(|database| database.pool.user_max);
    let user_max = maxima.next().filter(|first| maxima.all(|it| it == *first)).unwrap_or(0);
    let user = |user: &Arc<topology::User>| User {
        name: user.name.clone(),
        servers: servers.get(user.server_user.as_ref().unwrap_or(&user.name)).copied().unwrap_or(0),
        servers_max: user.connections_max.unwrap_or(user_max),
        clients: clients.get(&user.name).copied().unwrap_or(0),
        clients_max: user.crowd.clients,
    };
    let mut users: Vec<User> = topology.users.values().map(user).collect();
    users.sort_by(|one, other| one.name.cmp(&other.name));
    users
}

/// SHOW STATS: every database of the map, and those that were used before a reload.
pub fn stats(console: &Console) -> Vec<Stats> {
    let mut totals = console.shared.totals();
    for name in console.shared.topology.load().databases.keys() {
        totals.entry(name.clone()).or_default();
    }
    let logins = console.visitors.lock().len() as u64;
    totals.insert(CONSOLE.into(), Totals { logins, ..Totals::default() });
    let (now, periods) = (Instant::now(), console.periods.lock());
    let mut stats: Vec<Stats> = totals
        .into_iter()
        .map(|(database, totals)| Stats { averages: periods.averages(&database, &totals, now), totals, database })
        .collect();
    stats.sort_by(|one, other| one.database.cmp(&other.database));
    stats
}

/// SHOW TRANSACTIONS: the oldest first.
pub fn transactions(shared: &Shared) -> Vec<TransactionEntry> {
    let now = Instant::now();
    let topology = shared.topology.load_full();
    let open = shared.cancels.all().into_iter().filter_map(|slot| {
        let card = &slot.card;
        let (since, members) = card.transaction()?;
        let shards = topology.databases.get(&card.database).map_or(&[][..], |database| &database.shards);
        let on = shards.iter().enumerate().filter(|(index, _)| members >> (*index).min(63) & 1 == 1);
        Some(TransactionEntry {
            database: card.database.clone(),
            state: TransactionState::Open,
            client: card.id,
            user: card.user.name.clone(),
            shards: on.map(|(_, shard)| &*shard.name).collect::<Vec<_>>().join(", "),
            age: now.saturating_duration_since(since),
            gid: Box::default(),
        })
    });
    let mut all: Vec<TransactionEntry> = open.chain(shared.doubts.all(now)).collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.age));
    all
}

/// SHOW LISTS.
pub fn lists(console: &Console) -> Lists {
    let shared = &console.shared;
    let topology = shared.topology.load();
    let (sessions, visitors) = (shared.cancels.len(), console.visitors.lock().len());
    Lists {
        databases: topology.databases.len() + 1,
        users: topology.users.len(),
        pools: pools(console).len(),
        clients: sessions + visitors,
        clients_free: (console.settings.load().max_clients as usize).saturating_sub(sessions),
        logins: (console.open() as usize).saturating_sub(sessions),
        servers: shared.pools.all().iter().map(|pool| pool.connections().len()).sum(),
    }
}

/// SHOW MEM.
pub fn memory(console: &Console) -> Vec<Memory> {
    let shared = &console.shared;
    let lists = lists(console);
    let of = |name, size, used| Memory { name, size, used };
    vec![
        of("user_cache", size_of::<topology::User>(), lists.users),
        of("db_cache", size_of::<topology::Database>(), lists.databases - 1),
        of("pool_cache", size_of::<ServerPool>(), shared.pools.all().len()),
        of("server_cache", size_of::<Backend>(), lists.servers),
        of("client_cache", SESSION_SIZE, lists.clients),
        of("plan_cache", 0, shared.plans()),
        of("prepared_statement_cache", 0, shared.statements.len()),
    ]
}
