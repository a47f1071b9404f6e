//! `shardway route`: where would this statement go, and why?

use std::io::{self, Write};

use anyhow::{Context, bail};

use super::Outcome;
use super::flags::RouteFlags;
use super::load;
use crate::config::{DatabaseSettings, Settings};

/// Prints the plan and the route of a statement.
pub fn route(flags: &RouteFlags, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let Some(settings) = load(&flags.config, &mut io::stderr())? else { return Ok(Outcome::Problems) };
    let database = database(&settings, flags.database.as_deref())?;
    writeln!(out, "{}", describe(database, &flags.sql, &flags.params)?)?;
    Ok(Outcome::Good)
}

fn database<'a>(settings: &'a Settings, name: Option<&str>) -> anyhow::Result<&'a DatabaseSettings> {
    let names = || settings.databases.iter().map(|it| &*it.name).collect::<Vec<_>>().join(", ");
    match (name, settings.databases.as_slice()) {
        (Some(name), all) => all
            .iter()
            .find(|it| &*it.name == name)
            .with_context(|| format!("there is no database `{name}`; there is {}", names())),
        (None, [only]) => Ok(only),
        (None, _) => bail!("say which database with --database: {}", names()),
    }
}

/// The one place that asks the planner.
fn describe(database: &DatabaseSettings, sql: &str, params: &[String]) -> anyhow::Result<String> {
    bail!("no planner is wired to {} yet for `{sql}` with {} parameters", database.name, params.len())
}
