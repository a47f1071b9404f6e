//! PgBouncer's tables, column for column (1.26; 1.25 lacks the counts of logins).

use core::net::IpAddr;
use std::borrow::Cow;

use crate::logic::console::snapshot::{
    Client, ClientState, Database, End, Lists, Memory, Mode, Pool, Server, ServerState, Setting, Stats, UnixSeconds,
    User,
};
use crate::logic::console::table::{Cell, Column, Table};
use crate::logic::console::totals::Totals;

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

/// SHOW CLIENTS and SHOW SERVERS.
pub const SOCKETS: &[Column] = SOCKETS_AND_BUFFERS.split_at(21).0;

/// SHOW SOCKETS and SHOW ACTIVE_SOCKETS.
pub const SOCKETS_AND_BUFFERS: &[Column] = &[
    Column::text("type"),
    Column::text("user"),
    Column::text("database"),
    Column::text("replication"),
    Column::text("state"),
    Column::text("addr"),
    Column::int4("port"),
    Column::text("local_addr"),
    Column::int4("local_port"),
    Column::text("connect_time"),
    Column::text("request_time"),
    Column::int4("wait"),
    Column::int4("wait_us"),
    Column::int4("close_needed"),
    Column::text("ptr"),
    Column::text("link"),
    Column::int4("remote_pid"),
    Column::text("tls"),
    Column::text("application_name"),
    Column::int4("prepared_statements"),
    Column::int4("id"),
    Column::int4("recv_pos"),
    Column::int4("pkt_pos"),
    Column::int4("pkt_remain"),
    Column::int4("send_pos"),
    Column::int4("send_remain"),
    Column::int4("pkt_avail"),
    Column::int4("send_avail"),
];

/// SHOW CLIENTS.
pub fn clients(clients: &[Client]) -> Table {
    let state = |client: &Client| match client.state {
        ClientState::Active => "active",
        ClientState::Idle => "idle",
        ClientState::Waiting => "waiting",
    };
    Table::new(SOCKETS, clients.iter().map(|client| client_row(client, state(client))).collect())
}

/// SHOW SERVERS.
pub fn servers(servers: &[Server]) -> Table {
    let state = |server: &Server| match server.state {
        ServerState::Active => "active",
        ServerState::Idle => "idle",
        ServerState::BeingCanceled => "being_canceled",
    };
    Table::new(SOCKETS, servers.iter().map(|server| server_row(server, state(server))).collect())
}

/// SHOW SOCKETS, and SHOW ACTIVE_SOCKETS of those that are not idle. Our buffers are the worker's, not the client's.
pub fn sockets(clients: &[Client], servers: &[Server]) -> Table {
    let with_buffers = |row: Vec<Cell>| row.into_iter().chain(std::iter::repeat_n(0.into(), 7)).collect();
    let of_clients = clients.iter().map(|client| match client.state {
        ClientState::Active | ClientState::Idle => client_row(client, "cl_active"),
        ClientState::Waiting => client_row(client, "cl_waiting"),
    });
    let of_servers = servers.iter().map(|server| match server.state {
        ServerState::Active => server_row(server, "sv_active"),
        ServerState::Idle => server_row(server, "sv_idle"),
        ServerState::BeingCanceled => server_row(server, "sv_being_canceled"),
    });
    Table::new(SOCKETS_AND_BUFFERS, of_clients.chain(of_servers).map(with_buffers).collect())
}

fn client_row(client: &Client, state: &'static str) -> Vec<Cell> {
    vec![
        "C".into(),
        (&client.user).into(),
        (&client.database).into(),
        "none".into(),
        state.into(),
        address(client.peer),
        port(client.peer),
        address(client.local),
        port(client.local),
        moment(client.connected).into(),
        moment(client.requested).into(),
        client.wait.as_secs().into(),
        client.wait.subsec_micros().into(),
        client.is_leaving.into(),
        client_pointer(client.id).into(),
        client.server.map_or_else(String::new, server_pointer).into(),
        0.into(),
        (&client.tls).into(),
        (&client.application).into(),
        client.prepared.into(),
        client.id.into(),
    ]
}

fn server_row(server: &Server, state: &'static str) -> Vec<Cell> {
    vec![
        "S".into(),
        (&server.user).into(),
        (&server.database).into(),
        "none".into(),
        state.into(),
        address(server.peer),
        port(server.peer),
        address(server.local),
        port(server.local),
        moment(server.connected).into(),
        moment(server.requested).into(),
        0.into(),
        0.into(),
        server.is_leaving.into(),
        server_pointer(server.id).into(),
        server.client.map_or_else(String::new, client_pointer).into(),
        server.pid.into(),
        (&server.tls).into(),
        "".into(),
        server.prepared.into(),
        server.id.into(),
    ]
}

/// PgBouncer shows addresses in memory here, which tell a connection from others: numbers do as well.
fn client_pointer(id: u64) -> String {
    format!("0xc{id:08x}")
}

fn server_pointer(id: u64) -> String {
    format!("0x5{id:08x}")
}

fn address(end: End) -> Cell {
    match end {
        End::Tcp(address) => match address.ip() {
            IpAddr::V4(ip) => ip.to_string().into(),
            IpAddr::V6(ip) => ip.to_string().into(),
        },
        End::Unix => "unix".into(),
    }
}

fn port(end: End) -> Cell {
    match end {
        End::Tcp(address) => address.port().into(),
        End::Unix => 0.into(),
    }
}

/// `2026-11-26 10:38:15 UTC`.
pub fn moment(seconds: UnixSeconds) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a date, by Howard Hinnant's `civil_from_days`.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3_600, rest / 60 % 60, rest % 60)
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

/// SHOW STATS.
pub const STATS: &[Column] = &[
    Column::text("database"),
    Column::numeric("total_server_assignment_count"),
    Column::numeric("total_xact_count"),
    Column::numeric("total_query_count"),
    Column::numeric("total_received"),
    Column::numeric("total_sent"),
    Column::numeric("total_xact_time"),
    Column::numeric("total_query_time"),
    Column::numeric("total_wait_time"),
    Column::numeric("total_client_parse_count"),
    Column::numeric("total_server_parse_count"),
    Column::numeric("total_bind_count"),
    Column::numeric("total_client_login_count"),
    Column::numeric("avg_server_assignment_count"),
    Column::numeric("avg_xact_count"),
    Column::numeric("avg_query_count"),
    Column::numeric("avg_recv"),
    Column::numeric("avg_sent"),
    Column::numeric("avg_xact_time"),
    Column::numeric("avg_query_time"),
    Column::numeric("avg_wait_time"),
    Column::numeric("avg_client_parse_count"),
    Column::numeric("avg_server_parse_count"),
    Column::numeric("avg_bind_count"),
    Column::numeric("avg_client_login_count"),
];

/// SHOW STATS_TOTALS.
pub const STATS_TOTALS: &[Column] = &[
    Column::text("database"),
    Column::numeric("server_assignment_count"),
    Column::numeric("xact_count"),
    Column::numeric("query_count"),
    Column::numeric("bytes_received"),
    Column::numeric("bytes_sent"),
    Column::numeric("xact_time"),
    Column::numeric("query_time"),
    Column::numeric("wait_time"),
    Column::numeric("client_parse_count"),
    Column::numeric("server_parse_count"),
    Column::numeric("bind_count"),
    Column::numeric("client_login_count"),
];

/// SHOW STATS_AVERAGES: the last four bear the names that PgBouncer gives them.
pub const STATS_AVERAGES: &[Column] = &[
    Column::text("database"),
    Column::numeric("server_assignment_count"),
    Column::numeric("xact_count"),
    Column::numeric("query_count"),
    Column::numeric("bytes_received"),
    Column::numeric("bytes_sent"),
    Column::numeric("xact_time"),
    Column::numeric("query_time"),
    Column::numeric("wait_time"),
    Column::numeric("avg_client_parse_count"),
    Column::numeric("avg_server_parse_count"),
    Column::numeric("avg_bind_count"),
    Column::numeric("avg_client_login_count"),
];

/// In the order of all statistics.
fn figures(totals: &Totals) -> [u64; 12] {
    [
        totals.assignments,
        totals.transactions,
        totals.queries,
        totals.received,
        totals.sent,
        totals.transaction_time,
        totals.query_time,
        totals.wait_time,
        totals.client_parses,
        totals.server_parses,
        totals.binds,
        totals.logins,
    ]
}

fn stats_row<'a>(database: &'a str, figures: impl Iterator<Item = u64> + 'a) -> Vec<Cell> {
    std::iter::once(database.to_owned().into()).chain(figures.map(Cell::from)).collect()
}

/// SHOW STATS.
pub fn stats(all: &[Stats]) -> Table {
    let row = |it: &Stats| stats_row(&it.database, figures(&it.totals).into_iter().chain(figures(&it.averages)));
    Table::new(STATS, all.iter().map(row).collect())
}

/// SHOW STATS_TOTALS.
pub fn stats_totals(all: &[Stats]) -> Table {
    let row = |it: &Stats| stats_row(&it.database, figures(&it.totals).into_iter());
    Table::new(STATS_TOTALS, all.iter().map(row).collect())
}

/// SHOW STATS_AVERAGES.
pub fn stats_averages(all: &[Stats]) -> Table {
    let row = |it: &Stats| stats_row(&it.database, figures(&it.averages).into_iter());
    Table::new(STATS_AVERAGES, all.iter().map(row).collect())
}

/// SHOW TOTALS.
pub const TOTALS: &[Column] = &[Column::text("name"), Column::numeric("value")];

const TOTAL_NAMES: [&str; 12] = [
    "server_assignment_count",
    "xact_count",
    "query_count",
    "client_bytes",
    "server_bytes",
    "xact_time",
    "query_time",
    "wait_time",
    "ps_client_parse_count",
    "ps_server_parse_count",
    "ps_bind_count",
    "client_login_count",
];

/// SHOW TOTALS: over all databases.
pub fn totals(all: &[Stats]) -> Table {
    let (mut totals, mut averages) = (Totals::default(), Totals::default());
    for it in all {
        totals += it.totals;
        averages += it.averages;
    }
    let rows = |prefix: &'static str, it: &Totals| {
        let named = TOTAL_NAMES.into_iter().zip(figures(it));
        named.map(|(name, value)| vec![format!("{prefix}_{name}").into(), value.into()]).collect::<Vec<_>>()
    };
    Table::new(TOTALS, [rows("total", &totals), rows("avg", &averages)].concat())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(moment(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(moment(1_795_689_495), "2026-11-26 10:38:15 UTC");
    }
}
