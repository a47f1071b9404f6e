//! Counts and times, as PgBouncer shows them: SHOW STATS, STATS_TOTALS, STATS_AVERAGES, TOTALS.

use crate::logic::console::snapshot::Stats;
use crate::logic::console::table::{Cell, Column, Table};
use crate::logic::console::totals::Totals;

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
