//! PgBouncer's tables, column for column (1.26; 1.25 lacks the counts of logins).

mod sockets;
mod stats;

use std::borrow::Cow;

use crate::logic::console::snapshot::{Database, Lists, Memory, Mode, Pool, Setting, User};
use crate::logic::console::table::{Cell, Column, Table};

pub use sockets::{SOCKETS, SOCKETS_AND_BUFFERS, clients, moment, servers, sockets};
pub use stats::{STATS, STATS_AVERAGES, STATS_TOTALS, TOTALS, stats, stats_averages, stats_totals, totals};

/// The name under which the console is listed, as in PgBouncer: dashboards leave it out by this name.
pub const CONSOLE: &str = "pgbouncer";

/// SHOW POOLS.
pub const POOLS: &[Column] = &[
    Column::text("database"),
    Column::text("user"),
    Column::int4("cl_active"),
    Column::int4("cl_waiting"),
    Column::int4("cl_active_cancel_req"),
    Column::int4("cl_waiting_cancel_req"),
    Column::int4("sv_active"),
    Column::int4("sv_active_cancel"),
    Column::int4("sv_being_canceled"),
    Column::int4("sv_idle"),
    Column::int4("sv_used"),
    Column::int4("sv_tested"),
    Column::int4("sv_login"),
    Column::int4("maxwait"),
    Column::int4("maxwait_us"),
    Column::text("pool_mode"),
    Column::text("load_balance_hosts"),
];

/// SHOW POOLS: one row for each database and user, over all its shards.
pub fn pools(pools: &[Pool]) -> Table {
    let row = |pool: &Pool| {
        vec![
            (&pool.database).into(),
            (&pool.user).into(),
            pool.clients.active.into(),
            pool.clients.waiting.into(),
            0.into(),
            0.into(),
            pool.servers.active.into(),
            0.into(),
            pool.servers.being_canceled.into(),
            pool.servers.idle.into(),
            0.into(),
            0.into(),
            pool.servers.login.into(),
            pool.wait.as_secs().into(),
            pool.wait.subsec_micros().into(),
            mode(pool.mode),
            Cell::Null,
        ]
    };
    Table::new(POOLS, pools.iter().map(row).collect())
}

fn mode(mode: Mode) -> Cell {
    match mode {
        Mode::Transaction => "transaction".into(),
        Mode::Session => "session".into(),
        Mode::Statement => "statement".into(),
    }
}

/// SHOW DATABASES.
pub const DATABASES: &[Column] = &[
    Column::text("name"),
    Column::text("host"),
    Column::int4("port"),
    Column::text("database"),
    Column::text("force_user"),
    Column::int4("pool_size"),
    Column::int4("min_pool_size"),
    Column::int4("reserve_pool_size"),
    Column::int4("server_lifetime"),
    Column::text("pool_mode"),
    Column::text("load_balance_hosts"),
    Column::int4("max_connections"),
    Column::int4("current_connections"),
    Column::int4("max_client_connections"),
    Column::int4("current_client_connections"),
    Column::int4("paused"),
    Column::int4("disabled"),
];

/// SHOW DATABASES: one row for each; `host` lists the primaries of its shards.
pub fn databases(databases: &[Database]) -> Table {
    let row = |database: &Database| {
        vec![
            (&database.name).into(),
            (!database.hosts.is_empty()).then(|| database.hosts.join(",")).into(),
            database.port.into(),
            (&database.on_server).into(),
            database.force_user.as_ref().into(),
            database.pool_size.into(),
            database.pool_min.into(),
            database.reserve_size.into(),
            database.lifetime.as_secs().into(),
            mode(database.mode),
            Cell::Null,
            database.servers_max.into(),
            database.servers.into(),
            database.clients_max.into(),
            database.clients.into(),
            database.is_paused.into(),
            database.is_disabled.into(),
        ]
    };
    Table::new(DATABASES, databases.iter().map(row).collect())
}

/// SHOW USERS.
pub const USERS: &[Column] = &[
    Column::text("name"),
    Column::text("pool_size"),
    Column::text("reserve_pool_size"),
    Column::text("pool_mode"),
    Column::int4("max_user_connections"),
    Column::int4("current_connections"),
    Column::int4("max_user_client_connections"),
    Column::int4("current_client_connections"),
];

/// SHOW USERS. Pools are set for databases, not for users.
pub fn users(users: &[User]) -> Table {
    let row = |user: &User| {
        vec![
            (&user.name).into(),
            "".into(),
            "".into(),
            Cell::Null,
            user.servers_max.into(),
            user.servers.into(),
            user.clients_max.into(),
            user.clients.into(),
        ]
    };
    Table::new(USERS, users.iter().map(row).collect())
}

/// SHOW LISTS.
pub const LISTS: &[Column] = &[Column::text("list"), Column::int4("items")];

/// SHOW LISTS. Names are resolved by the system, and peers are found by their address: these lists are empty.
pub fn lists(lists: &Lists) -> Table {
    let rows = [
        ("databases", lists.databases),
        ("users", lists.users),
        ("peers", 0),
        ("pools", lists.pools),
        ("peer_pools", 0),
        ("free_clients", lists.clients_free),
        ("used_clients", lists.clients),
        ("login_clients", lists.logins),
        ("free_servers", 0),
        ("used_servers", lists.servers),
        ("dns_names", 0),
        ("dns_zones", 0),
        ("dns_queries", 0),
        ("dns_pending", 0),
    ];
    Table::new(LISTS, rows.map(|(list, items)| vec![list.into(), items.into()]).into())
}

/// SHOW CONFIG.
pub const CONFIG: &[Column] =
    &[Column::text("key"), Column::text("value"), Column::text("default"), Column::text("changeable")];

/// SHOW CONFIG.
pub fn config(settings: &[Setting]) -> Table {
    let row = |setting: &Setting| {
        let changeable = if setting.is_changeable { "yes" } else { "no" };
        vec![setting.key.into(), setting.value.clone().into(), setting.default.clone().into(), changeable.into()]
    };
    Table::new(CONFIG, settings.iter().map(row).collect())
}

/// SHOW STATE.
pub const STATE: &[Column] = &[Column::text("key"), Column::text("value")];

/// SHOW STATE.
pub fn state(is_paused: bool) -> Table {
    let say = |yes| if yes { "yes" } else { "no" };
    let rows = [("active", say(!is_paused)), ("paused", say(is_paused)), ("suspended", "no")];
    Table::new(STATE, rows.map(|(key, value)| vec![key.into(), value.into()]).into())
}

/// SHOW VERSION.
pub const VERSION: &[Column] = &[Column::text("version")];

/// SHOW VERSION.
pub fn version() -> Table {
    Table::new(VERSION, vec![vec![concat!("shardway ", env!("CARGO_PKG_VERSION")).into()]])
}

/// SHOW MEM.
pub const MEM: &[Column] =
    &[Column::text("name"), Column::int4("size"), Column::int4("used"), Column::int4("free"), Column::int4("memtotal")];

/// SHOW MEM.
pub fn mem(memory: &[Memory]) -> Table {
    let row = |it: &Memory| vec![it.name.into(), it.size.into(), it.used.into(), 0.into(), (it.size * it.used).into()];
    Table::new(MEM, memory.iter().map(row).collect())
}

/// SHOW PEERS.
pub const PEERS: &[Column] =
    &[Column::int4("peer_id"), Column::text("host"), Column::int4("port"), Column::int4("pool_size")];

/// SHOW PEER_POOLS.
pub const PEER_POOLS: &[Column] = &[
    Column::int4("peer_id"),
    Column::int4("cl_active_cancel_req"),
    Column::int4("cl_waiting_cancel_req"),
    Column::int4("sv_active_cancel"),
    Column::int4("sv_login"),
];

/// SHOW DNS_HOSTS.
pub const DNS_HOSTS: &[Column] = &[Column::text("hostname"), Column::int8("ttl"), Column::text("addrs")];

/// SHOW DNS_ZONES.
pub const DNS_ZONES: &[Column] = &[Column::text("zonename"), Column::int8("serial"), Column::int4("count")];

/// What SHOW HELP tells, as a notice.
pub const HELP: &str = "\n\tSHOW HELP|CONFIG|DATABASES|POOLS|CLIENTS|SERVERS|USERS|VERSION\n\
     \tSHOW PEERS|PEER_POOLS\n\
     \tSHOW SOCKETS|ACTIVE_SOCKETS|LISTS|MEM|STATE\n\
     \tSHOW DNS_HOSTS|DNS_ZONES\n\
     \tSHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS\n\
     \tSHOW SHARDS|MAP|KEYSPACES|LAG\n\
     \tSHOW PLANS|REFUSALS|TRANSACTIONS|HOT KEYS\n\
     \tSET key = arg\n\
     \tRELOAD\n\
     \tPAUSE [<db>]\n\
     \tRESUME [<db>]\n\
     \tDISABLE <db>\n\
     \tENABLE <db>\n\
     \tRECONNECT [<db>]\n\
     \tKILL <db>\n\
     \tKILL_CLIENT <client_id>\n\
     \tSHUTDOWN\n\
     \tSHUTDOWN WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS\n\
     \tWAIT_CLOSE [<db>]";

/// A table without rows.
pub fn empty(columns: &'static [Column]) -> Table {
    Table { columns: Cow::Borrowed(columns), rows: Vec::new() }
}
