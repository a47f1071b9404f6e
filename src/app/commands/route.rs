//! `shardway route`: where would this statement go, and why?

use std::io::{self, Write};

use anyhow::{Context, bail};

use super::Outcome;
use super::flags::RouteFlags;
use super::load;
use crate::config::{DatabaseSettings, Settings};
use crate::logic::catalog::{Catalog, Column, ColumnDefault, Relation, RelationKind};
use crate::logic::plan::explain::explain;
use crate::logic::plan::{self, Home, Plan, Schema};
use crate::logic::route::{self, Destination, Given, Values};
use crate::logic::shards::{Placement, ShardMap};
use crate::logic::value::LiteralKind;

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

/// The plan and the route of each statement of a text, without asking a server: columns other than the keys, views
/// and functions of the user's own are not known here.
fn describe(database: &DatabaseSettings, sql: &str, params: &[String]) -> anyhow::Result<String> {
    let map = &database.map;
    let catalog = listed_tables(map);
    let search_path = [Box::from("public")];
    let planned = plan::plan(sql, &Schema { map, catalog: &catalog, search_path: &search_path }, None);
    let Ok(planned) = planned else { bail!("the text does not parse; a server would say where") };
    let given: Vec<Given<'_>> = params.iter().map(|text| given(text)).collect();
    let lines = planned.statements.iter().map(|one| {
        let shown = explain(one, map);
        match &*one.plan {
            Plan::One(plan) => {
                format!("{shown}\n   {}", routed(&plan.home, &Values::Given { given: &given, types: &[] }, map))
            }
            Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_) => shown,
        }
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn given(text: &str) -> Given<'_> {
    Given::Literal { kind: LiteralKind::String, negative: false, text: text.into() }
}

fn routed(home: &Home, values: &Values<'_>, map: &ShardMap) -> String {
    match route::destination(home, values, map) {
        Ok(Destination::Any) => "shard: any".to_owned(),
        Ok(Destination::First | Destination::Current) => format!("shard: {}", map.shards[0]),
        Ok(Destination::Shard(shard)) => format!("shard: {}", map.shard_name(shard)),
        Err(refusal) => format!("refused: {} ({})", refusal.message, refusal.detail.unwrap_or_default()),
    }
}

/// What the map says of the schema.
fn listed_tables(map: &ShardMap) -> Catalog {
    let relations = map.tables.iter().map(|(name, placement)| {
        let columns = match placement {
            Placement::Sharded { keyspace, key } => {
                let key_type = map.keyspace(*keyspace).key_type;
                let (type_oid, type_name) = (key_type.oid(), key_type.name().into());
                vec![Column {
                    name: key.clone(),
                    type_oid,
                    type_name,
                    default: ColumnDefault::None,
                    is_not_null: true,
                    has_loose_equality: false,
                }]
            }
            Placement::Reference | Placement::Single(_) => Vec::new(),
        };
        let relation = Relation {
            kind: RelationKind::Table,
            columns,
            unique_keys: Vec::new(),
            has_partial_unique: false,
            triggers: Vec::new(),
            has_rules: false,
            policies: Vec::new(),
        };
        (name.clone(), relation)
    });
    Catalog { relations: relations.collect(), ..Catalog::default() }
}
