//! Our own tables. Their columns, too, only ever grow at their end.

use crate::logic::console::pgbouncer::moment;
use crate::logic::console::snapshot::{
    HotKey, HotKind, KeyspaceEntry, MapEntry, MapKind, PlanUse, RefusalSeen, ShardServer, TransactionEntry,
    TransactionState,
};
use crate::logic::console::table::{Cell, Column, Table};
use crate::logic::topology::Health;

/// SHOW SHARDS.
pub const SHARDS: &[Column] = &[
    Column::text("database"),
    Column::text("shard"),
    Column::text("server"),
    Column::text("role"),
    Column::text("host"),
    Column::int4("port"),
    Column::text("health"),
    Column::text("takes_reads"),
    Column::int4("sv_active"),
    Column::int4("sv_idle"),
    Column::int4("sv_login"),
    Column::int4("cl_waiting"),
    Column::int4("maxwait"),
    Column::int4("maxwait_us"),
];

/// SHOW SHARDS: one row for each server.
pub fn shards(servers: &[ShardServer]) -> Table {
    let row = |it: &ShardServer| {
        vec![
            (&it.database).into(),
            (&it.shard).into(),
            (&it.server).into(),
            it.role.label().into(),
            (&it.host).into(),
            it.port.into(),
            health(it.health).into(),
            yes(it.takes_reads).into(),
            it.servers.active.into(),
            it.servers.idle.into(),
            it.servers.login.into(),
            it.waiting.into(),
            it.wait.as_secs().into(),
            it.wait.subsec_micros().into(),
        ]
    };
    Table::new(SHARDS, servers.iter().map(row).collect())
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Unknown => "unknown",
        Health::Up => "up",
        Health::Suspect => "suspect",
        Health::Down => "down",
    }
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// SHOW LAG.
pub const LAG: &[Column] = &[
    Column::text("database"),
    Column::text("shard"),
    Column::text("server"),
    Column::text("health"),
    Column::text("known"),
    Column::int8("lag_bytes"),
    Column::int8("lag_us"),
    Column::text("takes_reads"),
];

/// SHOW LAG: one row for each replica. Where the lag is not known, `known` says so and the numbers are -1.
pub fn lag(servers: &[ShardServer]) -> Table {
    let row = |it: &ShardServer| {
        let unknown = || Cell::Number(-1);
        vec![
            (&it.database).into(),
            (&it.shard).into(),
            (&it.server).into(),
            health(it.health).into(),
            yes(it.lag.is_some()).into(),
            it.lag.map_or_else(unknown, |lag| lag.bytes.into()),
            it.lag.map_or_else(unknown, |lag| u64::try_from(lag.time.as_micros()).unwrap_or(u64::MAX).into()),
            yes(it.takes_reads).into(),
        ]
    };
    let replicas = servers.iter().filter(|it| it.role == crate::logic::topology::Role::Replica);
    Table::new(LAG, replicas.map(row).collect())
}

/// SHOW MAP.
pub const MAP: &[Column] = &[
    Column::text("database"),
    Column::text("keyspace"),
    Column::text("kind"),
    Column::text("from"),
    Column::text("to"),
    Column::text("shard"),
];

/// SHOW MAP: buckets with the last included, ranges with the end left out.
pub fn map(entries: &[MapEntry]) -> Table {
    let row = |it: &MapEntry| {
        let kind = match it.kind {
            MapKind::Buckets => "buckets",
            MapKind::Range => "range",
            MapKind::Pin => "pin",
        };
        vec![
            (&it.database).into(),
            (&it.keyspace).into(),
            kind.into(),
            it.from.clone().into(),
            it.to.clone().into(),
            (&it.shard).into(),
        ]
    };
    Table::new(MAP, entries.iter().map(row).collect())
}

/// SHOW KEYSPACES.
pub const KEYSPACES: &[Column] = &[
    Column::text("database"),
    Column::text("keyspace"),
    Column::text("type"),
    Column::text("method"),
    Column::int4("parts"),
    Column::int4("pins"),
    Column::text("tables"),
];

/// SHOW KEYSPACES.
pub fn keyspaces(entries: &[KeyspaceEntry]) -> Table {
    let row = |it: &KeyspaceEntry| {
        vec![
            (&it.database).into(),
            (&it.keyspace).into(),
            it.key_type.into(),
            it.method.into(),
            it.parts.into(),
            it.pins.into(),
            it.tables.join(", ").into(),
        ]
    };
    Table::new(KEYSPACES, entries.iter().map(row).collect())
}

/// SHOW PLANS.
pub const PLANS: &[Column] = &[
    Column::text("database"),
    Column::text("statement"),
    Column::text("plan"),
    Column::text("shards"),
    Column::int8("calls"),
    Column::int8("total_time_us"),
    Column::int8("avg_time_us"),
];

/// SHOW PLANS: what took most time first.
pub fn plans(uses: &[PlanUse]) -> Table {
    let row = |it: &PlanUse| {
        vec![
            (&it.database).into(),
            it.statement.clone().into(),
            it.plan.clone().into(),
            it.shards.clone().into(),
            it.calls.into(),
            it.time.into(),
            it.time.checked_div(it.calls).unwrap_or(0).into(),
        ]
    };
    Table::new(PLANS, uses.iter().map(row).collect())
}

/// SHOW REFUSALS.
pub const REFUSALS: &[Column] = &[
    Column::text("database"),
    Column::text("reason"),
    Column::text("sqlstate"),
    Column::text("message"),
    Column::text("detail"),
    Column::text("hint"),
    Column::text("statement"),
    Column::int8("count"),
    Column::text("last"),
];

/// SHOW REFUSALS: the last one first.
pub fn refusals(seen: &[RefusalSeen]) -> Table {
    let row = |it: &RefusalSeen| {
        vec![
            (&it.database).into(),
            it.reason.into(),
            it.sqlstate.into(),
            (&it.message).into(),
            it.detail.as_ref().into(),
            it.hint.as_ref().into(),
            (&it.statement).into(),
            it.count.into(),
            moment(it.last).into(),
        ]
    };
    Table::new(REFUSALS, seen.iter().map(row).collect())
}

/// SHOW TRANSACTIONS.
pub const TRANSACTIONS: &[Column] = &[
    Column::text("database"),
    Column::text("state"),
    Column::int8("client"),
    Column::text("user"),
    Column::text("shards"),
    Column::int8("age_us"),
    Column::text("gid"),
];

/// SHOW TRANSACTIONS: the oldest first.
pub fn transactions(entries: &[TransactionEntry]) -> Table {
    let row = |it: &TransactionEntry| {
        let state = match it.state {
            TransactionState::Open => "open",
            TransactionState::InDoubt => "in doubt",
        };
        vec![
            (&it.database).into(),
            state.into(),
            it.client.into(),
            (&it.user).into(),
            it.shards.clone().into(),
            u64::try_from(it.age.as_micros()).unwrap_or(u64::MAX).into(),
            (&it.gid).into(),
        ]
    };
    Table::new(TRANSACTIONS, entries.iter().map(row).collect())
}

/// SHOW HOT KEYS.
pub const HOT_KEYS: &[Column] = &[
    Column::text("database"),
    Column::text("keyspace"),
    Column::text("kind"),
    Column::text("key"),
    Column::text("shard"),
    Column::int4("share_percent"),
    Column::int4("error_percent"),
    Column::int8("statements_per_second"),
    Column::int8("bytes_per_second"),
    Column::int8("time_us_per_second"),
];

/// SHOW HOT KEYS: estimates from a sample, the last minutes weighing most.
pub fn hot_keys(hot: &[HotKey]) -> Table {
    let row = |it: &HotKey| {
        let kind = match it.kind {
            HotKind::Key => "key",
            HotKind::Bucket => "bucket",
        };
        let whole = |number: f64| Cell::Number(number.round() as i64);
        vec![
            (&it.database).into(),
            (&it.keyspace).into(),
            kind.into(),
            it.key.clone().into(),
            it.shard.as_ref().into(),
            whole(it.share * 100.0),
            whole(it.error * 100.0),
            whole(it.statements),
            whole(it.bytes),
            whole(it.micros),
        ]
    };
    Table::new(HOT_KEYS, hot.iter().map(row).collect())
}
