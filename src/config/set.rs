//! SET of the console: one setting changed in memory, until the files are read again.

use std::time::Duration;

use crate::logic::topology::{Pinning, PoolMode, PoolSettings, SessionLimits};

use super::databases::DatabaseSettings;
use super::limits::GATHER_LIMIT_MAX;
use super::load::Settings;
use super::units;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Changes a setting by PgBouncer's name or ours. Of pools and limits, databases that have the general value get the new
/// one; those with a value of their own keep it.
pub fn set(settings: &mut Settings, key: &str, value: &str) -> Result<(), String> {
    let within = |least, most| time(key, value, least, most);
    let count = |least, most| number(key, value, least, most);
    match key {
        "pool_mode" => {
            let mode = word(key, value, &[("transaction", PoolMode::Transaction), ("session", PoolMode::Session)])?;
            pool(settings, |it| &mut it.mode, mode);
        }
        "default_pool_size" | "pool_size" => pool(settings, |it| &mut it.size, count(1, 10_000)?),
        "min_pool_size" | "pool_min" => pool(settings, |it| &mut it.min, count(0, 10_000)?),
        "reserve_pool_size" | "reserve_size" => pool(settings, |it| &mut it.reserve, count(0, 10_000)?),
        "reserve_pool_timeout" | "reserve_timeout" => {
            pool(settings, |it| &mut it.reserve_timeout, within(Duration::ZERO, DAY)?);
        }
        "server_lifetime" => pool(settings, |it| &mut it.lifetime, within(SECOND, YEAR)?),
        "server_idle_timeout" => pool(settings, |it| &mut it.idle_timeout, within(SECOND, YEAR)?),
        "server_connect_timeout" | "connect_timeout" => {
            pool(settings, |it| &mut it.connect_timeout, within(SECOND / 100, DAY)?);
        }
        "query_wait_timeout" | "wait_timeout" => {
            pool(settings, |it| &mut it.wait_timeout, within(SECOND / 100, DAY)?);
        }
        "server_login_retry" => pool(settings, |it| &mut it.login_retry, within(SECOND / 100, DAY)?),
        "query_wait_notify" | "wait_notify" => {
            pool(settings, |it| &mut it.wait_notify, within(Duration::ZERO, DAY)?);
        }
        "waiters_max" => pool(settings, |it| &mut it.waiters_max, count(0, 1_000_000)?),
        "max_prepared_statements" | "prepared_statements_max" => {
            pool(settings, |it| &mut it.prepared_statements_max, count(1, 100_000)?);
        }
        "query_timeout" => limit(settings, |it| &mut it.query_timeout, within(Duration::ZERO, YEAR)?),
        "transaction_timeout" => limit(settings, |it| &mut it.transaction_timeout, within(Duration::ZERO, YEAR)?),
        "idle_transaction_timeout" => {
            limit(settings, |it| &mut it.idle_transaction_timeout, within(Duration::ZERO, YEAR)?);
        }
        "client_idle_timeout" => limit(settings, |it| &mut it.client_idle_timeout, within(Duration::ZERO, YEAR)?),
        "deadlock_timeout" => limit(settings, |it| &mut it.deadlock_timeout, within(Duration::ZERO, YEAR)?),
        "failover_wait" => limit(settings, |it| &mut it.failover_wait, within(Duration::ZERO, YEAR)?),
        "gather_limit" => limit(settings, |it| &mut it.gather_limit, size(key, value, GATHER_LIMIT_MAX)?),
        "sequence_stride" => limit(settings, |it| &mut it.sequence_stride, count(1, 65_536)?),
        "max_db_client_connections" => limit(settings, |it| &mut it.crowd.clients, count(0, 1_000_000)?),
        "logins_per_second" => limit(settings, |it| &mut it.crowd.logins_per_second, count(0, 1_000_000)?),
        "pin" => {
            let words = [("allow", Pinning::Allow), ("warn", Pinning::Warn), ("error", Pinning::Error)];
            limit(settings, |it| &mut it.pin, word(key, value, &words)?);
        }
        "max_db_connections" => pool(settings, |it| &mut it.database_max, count(0, 1_000_000)?),
        "max_user_connections" => pool(settings, |it| &mut it.user_max, count(0, 1_000_000)?),
        "max_client_conn" | "max_clients" => settings.listen.max_clients = count(1, 1_000_000)?,
        "gather_memory" => settings.listen.gather_memory = size(key, value, u64::MAX)?,
        "client_login_timeout" | "login_timeout" => {
            settings.listen.login_timeout = within(SECOND, Duration::from_secs(3600))?;
        }
        "admin_users" => settings.console.admin = users(settings, value)?,
        "stats_users" => settings.console.stats = users(settings, value)?,
        "drain_grace" => settings.listen.drain_grace = within(Duration::ZERO, Duration::from_secs(3600))?,
        "slow_statement" => settings.log.statements.slow = within(Duration::ZERO, DAY)?,
        "sample_every" => settings.log.statements.sample_every = count(0, u32::MAX)?,
        "drain_timeout" => settings.listen.drain_timeout = within(Duration::ZERO, DAY)?,
        "log_connections" | "log_disconnections" => settings.log.connections = count(0, 1)? == 1,
        _ => return Err(format!("\"{key}\" cannot be set here: change the file, and RELOAD")),
    }
    let too_many = |pool: &PoolSettings| pool.min > pool.size;
    let wildcard = settings.wildcard.as_ref().map(|it| &it.database);
    match settings.databases.iter().chain(wildcard).map(|it| &it.pool).chain([&settings.pool]).any(too_many) {
        true => Err("the minimum of a pool would be more than its size".to_owned()),
        false => Ok(()),
    }
}

fn pool<T: PartialEq + Copy>(settings: &mut Settings, field: fn(&mut PoolSettings) -> &mut T, value: T) {
    let before = std::mem::replace(field(&mut settings.pool), value);
    for field in databases(settings).map(|it| field(&mut it.pool)).filter(|it| **it == before) {
        *field = value;
    }
}

fn limit<T: PartialEq + Copy>(settings: &mut Settings, field: fn(&mut SessionLimits) -> &mut T, value: T) {
    let before = std::mem::replace(field(&mut settings.limits), value);
    for field in databases(settings).map(|it| field(&mut it.limits)).filter(|it| **it == before) {
        *field = value;
    }
}

fn databases(settings: &mut Settings) -> impl Iterator<Item = &mut DatabaseSettings> {
    settings.databases.iter_mut().chain(settings.wildcard.as_mut().map(|it| &mut it.database))
}

/// Names of users, as the file has them for the console.
fn users(settings: &Settings, value: &str) -> Result<Vec<Box<str>>, String> {
    let names: Vec<&str> = value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let is_user = |name: &&str| settings.users.iter().any(|it| *it.user.name == **name);
    match names.iter().find(|name| !is_user(name)) {
        Some(name) => Err(format!("there is no user \"{name}\"")),
        None => Ok(names.into_iter().map(Into::into).collect()),
    }
}

fn word<T: Copy>(key: &str, value: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map(|(_, value)| *value);
    let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    found.ok_or_else(|| format!("{key} must be one of {}", all.join(", ")))
}

/// Bytes.
fn size(key: &str, value: &str, most: u64) -> Result<u64, String> {
    let size = value.parse().ok().or_else(|| units::size(value)).filter(|size| *size <= most);
    size.ok_or_else(|| format!("{key} must be a number of bytes up to {}MiB", most >> 20))
}

fn number(key: &str, value: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{key} must be a number between {least} and {most}"))
}

/// PgBouncer's seconds, or a duration as our file has it.
fn time(key: &str, value: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = seconds.or_else(|| units::duration(value)).filter(|time| (least..=most).contains(time));
    time.ok_or_else(|| format!("{key} must be between {} and {}", units::show(least), units::show(most)))
}
