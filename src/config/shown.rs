//! The settings in force under the names that PgBouncer's operators know, for SHOW CONFIG; ours keep their own.

use std::time::Duration;

use crate::logic::console::snapshot::Setting;
use crate::logic::topology::{PoolMode, PoolSettings, SessionLimits};

use super::limits::{LIMIT_DEFAULTS, POOL_DEFAULTS};
use super::load::Settings;
use super::wildcard;

/// In the order of their names, as PgBouncer lists them. Passwords are not among them.
pub fn shown(settings: &Settings) -> Vec<Setting> {
    let listen = &settings.listen;
    let set = |key, value: String, default: &str, is_changeable| Setting {
        key,
        value,
        default: default.to_owned(),
        is_changeable,
    };
    let addresses: Vec<String> = listen.addresses.iter().map(|address| address.ip().to_string()).collect();
    let port = listen.addresses.first().map_or(6432, std::net::SocketAddr::port);
    let keepalive = listen.socket.keepalive;
    let folder = listen.unix_socket.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default();
    let idle_timeout = settings.wildcard.as_ref().map_or(wildcard::HOUR, |it| it.idle_timeout);
    let mut all = vec![
        set("autodb_idle_timeout", seconds(idle_timeout), "3600", false),
        set("admin_users", settings.console.admin.join(", "), "", true),
        set("client_login_timeout", seconds(listen.login_timeout), "60", true),
        set("drain_timeout", seconds(listen.drain_timeout), "60", true),
        set("listen_addr", addresses.join(","), "127.0.0.1", false),
        set("listen_backlog", listen.backlog.to_string(), "1024", false),
        set("listen_port", port.to_string(), "6432", false),
        set("log_connections", u8::from(settings.log.connections).to_string(), "1", true),
        set("log_disconnections", u8::from(settings.log.connections).to_string(), "1", true),
        set("max_client_conn", listen.max_clients.to_string(), "10000", true),
        set("max_db_client_connections", "0".to_owned(), "0", false),
        set("max_user_client_connections", "0".to_owned(), "0", false),
        set("stats_period", "60".to_owned(), "60", false),
        set("stats_users", settings.console.stats.join(", "), "", true),
        set("tcp_keepalive", u8::from(keepalive.is_some()).to_string(), "1", false),
        set("tcp_keepcnt", keepalive.map_or(0, |it| it.count).to_string(), "6", false),
        set("tcp_keepidle", seconds(keepalive.map_or(Duration::ZERO, |it| it.idle)), "60", false),
        set("tcp_keepintvl", seconds(keepalive.map_or(Duration::ZERO, |it| it.interval)), "10", false),
        set("unix_socket_dir", folder, "", false),
        set("unix_socket_mode", format!("{:04o}", listen.unix_socket_mode), "0777", false),
        set("workers", listen.workers.to_string(), "1", false),
    ];
    let pools = pool(&settings.pool).into_iter().zip(pool(&POOL_DEFAULTS));
    let limits = limits(&settings.limits).into_iter().zip(self::limits(&LIMIT_DEFAULTS));
    all.extend(pools.chain(limits).map(|((key, value), (_, default))| set(key, value, &default, true)));
    all.sort_by_key(|setting| setting.key);
    all
}

/// What holds for databases that set nothing themselves.
fn pool(pool: &PoolSettings) -> Vec<(&'static str, String)> {
    let mode = match pool.mode {
        PoolMode::Transaction => "transaction",
        PoolMode::Session => "session",
    };
    vec![
        ("pool_mode", mode.to_owned()),
        ("default_pool_size", pool.size.to_string()),
        ("min_pool_size", pool.min.to_string()),
        ("reserve_pool_size", pool.reserve.to_string()),
        ("reserve_pool_timeout", seconds(pool.reserve_timeout)),
        ("server_lifetime", seconds(pool.lifetime)),
        ("server_idle_timeout", seconds(pool.idle_timeout)),
        ("server_connect_timeout", seconds(pool.connect_timeout)),
        ("query_wait_timeout", seconds(pool.wait_timeout)),
        ("waiters_max", pool.waiters_max.to_string()),
        ("max_prepared_statements", pool.prepared_statements_max.to_string()),
        ("max_db_connections", pool.database_max.to_string()),
        ("max_user_connections", pool.user_max.to_string()),
    ]
}

fn limits(limits: &SessionLimits) -> Vec<(&'static str, String)> {
    vec![
        ("query_timeout", seconds(limits.query_timeout)),
        ("idle_transaction_timeout", seconds(limits.idle_transaction_timeout)),
        ("client_idle_timeout", seconds(limits.client_idle_timeout)),
        ("deadlock_timeout", seconds(limits.deadlock_timeout)),
        ("gather_limit", limits.gather_limit.to_string()),
        ("sequence_stride", limits.sequence_stride.to_string()),
    ]
}

/// As PgBouncer writes times: seconds, with a fraction where there is one.
fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}
