//! Settings that may stand for all databases and be set anew for one: pools, limits, replicas; and health and log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::control::MonitorSettings;
use crate::logic::crowd::CrowdLimits;
use crate::logic::health::HealthSettings;
use crate::logic::topology::{Pinning, PoolMode, PoolSettings, ReplicaSettings, SessionLimits};
use crate::proxy::witness::WitnessSettings;

use super::report::Problems;
use super::secret::{self, Environment};
use super::section::Section;

/// Fields of `[pool]`, and the same of a database.
pub const POOL_FIELDS: &[&str] = &[
    "pool_mode",
    "pool_size",
    "pool_min",
    "reserve_size",
    "reserve_timeout",
    "server_lifetime",
    "server_idle_timeout",
    "connect_timeout",
    "wait_timeout",
    "waiters_max",
    "prepared_statements_max",
    "server_login_retry",
    "wait_notify",
    "max_db_connections",
    "max_user_connections",
];

/// Fields of `[limits]`, and the same of a database.
pub const LIMIT_FIELDS: &[&str] = &[
    "query_timeout",
    "transaction_timeout",
    "idle_transaction_timeout",
    "client_idle_timeout",
    "gather_limit",
    "deadlock_timeout",
    "failover_wait",
    "sequence_stride",
    "max_db_client_connections",
    "logins_per_second",
    "pin",
];

/// A Bind message carries what was fetched, and no message is longer than 1 GiB (PostgreSQL's MaxAllocSize).
pub const GATHER_LIMIT_MAX: u64 = 768 << 20;

/// Fields of `[databases.x.replicas]`.
pub const REPLICA_FIELDS: &[&str] = &["enabled", "max_lag", "max_lag_bytes", "own_writes", "zone"];

/// Fields of `[health]`.
pub const HEALTH_FIELDS: &[&str] = &["interval", "timeout", "failures_to_down", "successes_to_up", "timelines"];

/// Fields of `[monitor]`.
pub const MONITOR_FIELDS: &[&str] = &["user", "password"];

/// Fields of `[log]`.
pub const LOG_FIELDS: &[&str] = &["format", "level", "connections", "slow_statement", "sample_every"];

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Shape of the lines
    pub format: LogFormat,
    /// A level, or directives as RUST_LOG takes them
    pub level: String,
    /// Log logins and disconnections
    pub connections: bool,
    /// Single statements
    pub statements: WitnessSettings,
}

/// Shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people
    Text,
    /// For machines: one JSON object a line
    Json,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Pool settings that nobody set.
pub const POOL_DEFAULTS: PoolSettings = PoolSettings {
    mode: PoolMode::Transaction,
    size: 20,
    min: 0,
    reserve: 0,
    reserve_timeout: Duration::from_secs(5),
    lifetime: Duration::from_secs(3600),
    idle_timeout: Duration::from_secs(600),
    connect_timeout: Duration::from_secs(15),
    wait_timeout: Duration::from_secs(120),
    waiters_max: 10_000,
    prepared_statements_max: 200,
    login_retry: Duration::from_secs(1),
    wait_notify: Duration::from_secs(5),
    database_max: 0,
    user_max: 0,
};

/// Limits that nobody set.
pub const LIMIT_DEFAULTS: SessionLimits = SessionLimits {
    query_timeout: Duration::ZERO,
    transaction_timeout: Duration::ZERO,
    idle_transaction_timeout: Duration::ZERO,
    client_idle_timeout: Duration::ZERO,
    gather_limit: 256 << 20,
    sequence_stride: 64,
    deadlock_timeout: SECOND,
    crowd: CrowdLimits { clients: 0, logins_per_second: 0 },
    failover_wait: Duration::from_secs(10),
    pin: Pinning::Allow,
};

/// Reads pool settings; what is not set comes from `defaults`.
pub fn pool(section: Section<'_>, defaults: &PoolSettings, problems: &mut Problems) -> PoolSettings {
    let modes = [("transaction", PoolMode::Transaction), ("session", PoolMode::Session)];
    let pool = PoolSettings {
        mode: section.choice("pool_mode", defaults.mode, &modes, problems),
        size: section.count("pool_size", defaults.size, 1..=10_000, problems),
        min: section.count("pool_min", defaults.min, 0..=10_000, problems),
        reserve: section.count("reserve_size", defaults.reserve, 0..=10_000, problems),
        reserve_timeout: section.duration("reserve_timeout", defaults.reserve_timeout, Duration::ZERO..=DAY, problems),
        lifetime: section.duration("server_lifetime", defaults.lifetime, SECOND..=YEAR, problems),
        idle_timeout: section.duration("server_idle_timeout", defaults.idle_timeout, SECOND..=YEAR, problems),
        connect_timeout: section.duration("connect_timeout", defaults.connect_timeout, millis(10)..=DAY, problems),
        wait_timeout: section.duration("wait_timeout", defaults.wait_timeout, millis(10)..=DAY, problems),
        waiters_max: section.count("waiters_max", defaults.waiters_max, 0..=1_000_000, problems),
        prepared_statements_max: section.count(
            "prepared_statements_max",
            defaults.prepared_statements_max,
            1..=100_000,
            problems,
        ),
        login_retry: section.duration("server_login_retry", defaults.login_retry, millis(10)..=DAY, problems),
        wait_notify: section.duration("wait_notify", defaults.wait_notify, Duration::ZERO..=DAY, problems),
        database_max: section.count("max_db_connections", defaults.database_max, 0..=1_000_000, problems),
        user_max: section.count("max_user_connections", defaults.user_max, 0..=1_000_000, problems),
    };
    if pool.min > pool.size {
        let span = section.get("pool_min").or_else(|| section.get("pool_size")).map_or(section.span, |it| it.span);
        problems.error(span, format!("`pool_min` ({}) is more than `pool_size` ({})", pool.min, pool.size));
    }
    pool
}

/// Reads limits; what is not set comes from `defaults`. Zero is off.
pub fn limits(section: Section<'_>, defaults: &SessionLimits, problems: &mut Problems) -> SessionLimits {
    let gather_limit = section.size("gather_limit", defaults.gather_limit, problems);
    if let Some(node) = section.get("gather_limit")
        && gather_limit > GATHER_LIMIT_MAX
    {
        problems.error(node.span, "`gather_limit` must be at most 768MiB".to_owned());
    }
    let sequence_stride = section.count("sequence_stride", defaults.sequence_stride, 1..=65_536, problems);
    let words = [("allow", Pinning::Allow), ("warn", Pinning::Warn), ("error", Pinning::Error)];
    let pin = section.choice("pin", defaults.pin, &words, problems);
    let crowd = crowd(section, "max_db_client_connections", defaults.crowd, problems);
    let mut read = |name, default| section.duration(name, default, Duration::ZERO..=YEAR, problems);
    SessionLimits {
        query_timeout: read("query_timeout", defaults.query_timeout),
        transaction_timeout: read("transaction_timeout", defaults.transaction_timeout),
        idle_transaction_timeout: read("idle_transaction_timeout", defaults.idle_transaction_timeout),
        client_idle_timeout: read("client_idle_timeout", defaults.client_idle_timeout),
        deadlock_timeout: read("deadlock_timeout", defaults.deadlock_timeout),
        failover_wait: read("failover_wait", defaults.failover_wait),
        gather_limit,
        sequence_stride,
        crowd,
        pin,
    }
}

/// Reads how many clients may come, under this name, and how fast.
pub fn crowd(section: Section<'_>, clients: &str, defaults: CrowdLimits, problems: &mut Problems) -> CrowdLimits {
    CrowdLimits {
        clients: section.count(clients, defaults.clients, 0..=1_000_000, problems),
        logins_per_second: section.count("logins_per_second", defaults.logins_per_second, 0..=1_000_000, problems),
    }
}

/// Reads `[databases.x.replicas]`.
pub fn replicas(section: Section<'_>, env: Environment<'_>, problems: &mut Problems) -> ReplicaSettings {
    ReplicaSettings {
        enabled: section.flag("enabled", true, problems),
        max_lag: section.duration("max_lag", 10 * SECOND, millis(1)..=DAY, problems),
        max_lag_bytes: section.size("max_lag_bytes", 16 << 20, problems),
        // Often the environment knows: written as passwords are.
        zone: section.get("zone").and_then(|node| secret::plain(node, env, problems)).map(|it| it.expose().into()),
        own_writes: section.choice("own_writes", true, &[("session", true), ("off", false)], problems),
    }
}

/// Reads `[health]`.
pub fn health(section: Section<'_>, problems: &mut Problems) -> HealthSettings {
    HealthSettings {
        interval: section.duration("interval", 2 * SECOND, millis(10)..=DAY, problems),
        timeout: section.duration("timeout", 5 * SECOND, millis(10)..=DAY, problems),
        failures_to_down: section.count("failures_to_down", 3, 1..=100, problems),
        successes_to_up: section.count("successes_to_up", 2, 1..=100, problems),
    }
}

/// Reads where `[health]` keeps the newest timelines.
pub fn timelines(section: Section<'_>, problems: &mut Problems) -> Option<PathBuf> {
    let (path, span) = section.text("timelines", problems)?;
    let file = problems.sources.folder(span.file).join(path);
    if !file.parent().is_some_and(Path::is_dir) {
        problems.warning(span, format!("there is no folder for {}", file.display()));
    }
    Some(file)
}

/// Reads `[monitor]`.
pub fn monitor(section: Section<'_>, env: Environment<'_>, problems: &mut Problems) -> MonitorSettings {
    let monitor = MonitorSettings {
        user: section.text("user", problems).map(|(user, _)| user.into()),
        password: section.get("password").and_then(|node| secret::plain(node, env, problems)),
    };
    if let (None, Some(node)) = (&monitor.user, section.get("password")) {
        problems.error(node.span, "[monitor] has a password and no user");
    }
    monitor
}

/// Reads `[log]`.
pub fn log(section: Section<'_>, problems: &mut Problems) -> LogSettings {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let level = section.text("level", problems);
    if let Some((text, span)) = level
        && !is_level(text)
    {
        problems
            .error(span, format!("`{text}` is not a log level"))
            .help("error, warn, info, debug or trace; or per module: \"info,shardway::proxy=debug\"");
    }
    LogSettings {
        format: section.choice("format", LogFormat::Text, &formats, problems),
        level: level.map_or_else(|| "info".to_owned(), |(text, _)| text.to_owned()),
        connections: section.flag("connections", true, problems),
        statements: WitnessSettings {
            slow: section.duration("slow_statement", Duration::ZERO, Duration::ZERO..=DAY, problems),
            sample_every: section.count("sample_every", 0, 0..=u32::MAX, problems),
        },
    }
}

/// Levels, alone or for a module. A bare word that is no level would be taken for a module's name.
fn is_level(text: &str) -> bool {
    let bare = text.split(',').map(str::trim).filter(|part| !part.contains('='));
    text.parse::<Targets>().is_ok() && bare.into_iter().all(|part| part.parse::<LevelFilter>().is_ok())
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
