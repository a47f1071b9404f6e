//! The settings in force under the names that PgBouncer's operators know, for SHOW CONFIG; ours keep their own.

use std::path::PathBuf;
use std::time::Duration;

use crate::logic::console::snapshot::Setting;
use crate::logic::topology::{Pinning, PoolMode, PoolSettings, SessionLimits};
use crate::proxy::door::{TlsDemand, TlsSettings};

use super::limits::{LIMIT_DEFAULTS, LogFormat, POOL_DEFAULTS};
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
    let query = settings.auth.query.as_ref();
    let tls = listen.tls.as_ref();
    let tls_file = |file: fn(&TlsSettings) -> Option<&PathBuf>| {
        tls.and_then(file).map(|path| path.display().to_string()).unwrap_or_default()
    };
    let demand = match tls.map(|it| it.demand) {
        None => "disable",
        Some(TlsDemand::Allow) => "allow",
        Some(TlsDemand::Require) => "require",
        Some(TlsDemand::Verify) => "verify-full",
    };
    let format = match settings.log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    let user_timeout = listen.socket.user_timeout.unwrap_or_default();
    let timelines = settings.timelines.as_ref().map(|path| path.display().to_string());
    let mut all = vec![
        set("autodb_idle_timeout", seconds(idle_timeout), "3600", false),
        set("admin_users", settings.console.admin.join(", "), "", true),
        set("auth_dbname", query.and_then(|it| it.database.as_deref()).unwrap_or_default().to_owned(), "", false),
        set("auth_query", query.map(|it| it.sql.to_string()).unwrap_or_default(), "", false),
        set("auth_user", query.map(|it| it.user.to_string()).unwrap_or_default(), "", false),
        set("client_tls_ca_file", tls_file(|it| it.authorities_file.as_ref()), "", false),
        set("client_tls_cert_file", tls_file(|it| Some(&it.certificate_file)), "", false),
        set("client_tls_key_file", tls_file(|it| Some(&it.key_file)), "", false),
        set("client_tls_sslmode", demand.to_owned(), "disable", false),
        set("client_login_timeout", seconds(listen.login_timeout), "60", true),
        set("drain_grace", seconds(listen.drain_grace), "0", true),
        set("drain_timeout", seconds(listen.drain_timeout), "60", true),
        set("failures_to_down", settings.health.failures_to_down.to_string(), "3", false),
        set("gather_memory", listen.gather_memory.to_string(), "1073741824", true),
        set("health_interval", seconds(settings.health.interval), "2", false),
        set("health_timeout", seconds(settings.health.timeout), "5", false),
        set("listen_addr", addresses.join(","), "127.0.0.1", false),
        set("listen_backlog", listen.backlog.to_string(), "1024", false),
        set("listen_port", port.to_string(), "6432", false),
        set("log_connections", u8::from(settings.log.connections).to_string(), "1", true),
        set("log_disconnections", u8::from(settings.log.connections).to_string(), "1", true),
        set("log_format", format.to_owned(), "text", false),
        set("log_level", settings.log.level.clone(), "info", false),
        set("max_client_conn", listen.max_clients.to_string(), "10000", true),
        set("max_user_client_connections", "0".to_owned(), "0", false),
        set("peer_id", listen.node.to_string(), "0", false),
        set("sample_every", settings.log.statements.sample_every.to_string(), "0", true),
        set("slow_statement", seconds(settings.log.statements.slow), "0", true),
        set("stats_period", "60".to_owned(), "60", false),
        set("stats_users", settings.console.stats.join(", "), "", true),
        set("successes_to_up", settings.health.successes_to_up.to_string(), "2", false),
        set("tcp_keepalive", u8::from(keepalive.is_some()).to_string(), "1", false),
        set("tcp_keepcnt", keepalive.map_or(0, |it| it.count).to_string(), "6", false),
        set("tcp_keepidle", seconds(keepalive.map_or(Duration::ZERO, |it| it.idle)), "60", false),
        set("tcp_keepintvl", seconds(keepalive.map_or(Duration::ZERO, |it| it.interval)), "10", false),
        set("tcp_user_timeout", user_timeout.as_millis().to_string(), "0", false),
        set("timelines", timelines.unwrap_or_default(), "", false),
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
        ("server_login_retry", seconds(pool.login_retry)),
        ("query_wait_notify", seconds(pool.wait_notify)),
        ("query_wait_timeout", seconds(pool.wait_timeout)),
        ("waiters_max", pool.waiters_max.to_string()),
        ("max_prepared_statements", pool.prepared_statements_max.to_string()),
        ("max_db_connections", pool.database_max.to_string()),
        ("max_user_connections", pool.user_max.to_string()),
    ]
}

fn limits(limits: &SessionLimits) -> Vec<(&'static str, String)> {
    let pin = match limits.pin {
        Pinning::Allow => "allow",
        Pinning::Warn => "warn",
        Pinning::Error => "error",
    };
    vec![
        ("query_timeout", seconds(limits.query_timeout)),
        ("transaction_timeout", seconds(limits.transaction_timeout)),
        ("idle_transaction_timeout", seconds(limits.idle_transaction_timeout)),
        ("client_idle_timeout", seconds(limits.client_idle_timeout)),
        ("deadlock_timeout", seconds(limits.deadlock_timeout)),
        ("failover_wait", seconds(limits.failover_wait)),
        ("max_db_client_connections", limits.crowd.clients.to_string()),
        ("logins_per_second", limits.crowd.logins_per_second.to_string()),
        ("pin", pin.to_owned()),
        ("gather_limit", limits.gather_limit.to_string()),
        ("sequence_stride", limits.sequence_stride.to_string()),
    ]
}

/// As PgBouncer writes times: seconds, with a fraction where there is one.
fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}
