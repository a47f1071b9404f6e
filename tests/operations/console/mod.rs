//! The administration console: PgBouncer's tables and commands, ours, and who may use which.

use super::*;
use crate::support::wire::{Answer, answers, bind, describe, execute, parse, sync};

/// The tables that dashboards and scripts know, column by column.
mod tables;
/// What only we can show, and what becomes of servers.
mod own;
/// Commands that do something.
mod commands;

const MEMBERS: &str = "[[users]]\nname = \"grafana\"\npassword = \"secret\"\n\n\
                       [console]\nadmin = [\"postgres\"]\nstats = [\"grafana\"]\n";

impl Stage {
    /// A proxy with a console for `postgres`, who may do everything, and `grafana`, who may look.
    fn with_console(&self, name: &str) -> Proxy {
        self.proxy(name, &Settings { more: MEMBERS, ..Settings::default() })
    }
}

fn console(proxy: &Proxy, user: &str) -> Wire {
    enter(proxy.port, user, &[("database", "shardway")]).unwrap()
}

/// The one answer of a statement.
fn answer(wire: &mut Wire, sql: &str) -> Answer {
    let mut all = answers(&wire.simple(sql).unwrap());
    assert_eq!(all.len(), 1, "{sql}: {all:?}");
    all.remove(0)
}

/// The rows of a SHOW as name and value.
fn named_rows(wire: &mut Wire, sql: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let answer = answer(wire, sql);
    assert!(answer.error.is_none(), "{sql}: {:?}", answer.error);
    let text =
        |cell: &Option<Vec<u8>>| cell.as_deref().map_or("NULL".into(), |it| String::from_utf8_lossy(it).into_owned());
    let names: Vec<String> = answer.columns.iter().map(|(name, _)| name.clone()).collect();
    answer.rows.iter().map(|row| names.iter().cloned().zip(row.iter().map(text)).collect()).collect()
}

/// The row of a SHOW in which these columns have these values.
fn row(wire: &mut Wire, sql: &str, wanted: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    let rows = named_rows(wire, sql);
    let fits =
        |row: &&std::collections::BTreeMap<String, String>| wanted.iter().all(|(name, value)| row[*name] == *value);
    rows.iter().find(fits).unwrap_or_else(|| panic!("{sql}: no {wanted:?} in {rows:#?}")).clone()
}
