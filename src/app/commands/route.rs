//! `shardway route`: where would this statement go, and why?

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::Outcome;
use super::flags::RouteFlags;
use super::load_without_secrets;
use crate::config::{DatabaseSettings, Settings};
use crate::logic::catalog::{Catalog, Column, ColumnDefault, Relation};
use crate::logic::plan::across::{Across, across};
use crate::logic::plan::change::{Change, On};
use crate::logic::plan::copy_out::CopyOut;
use crate::logic::plan::explain::explain;
use crate::logic::plan::gather::Part;
use crate::logic::plan::placed::placed;
use crate::logic::plan::{
    self, Access, Command, CopyTo, Hint, Home, One, OwnSetting, Place, Plan, Planned, Reason, Refusal, Requirement,
    Restriction, Schema, Source, Value,
};
use crate::logic::route::{self, Destination, Given, Values};
use crate::logic::shards::{Placement, ShardId, ShardMap, ShardSet};
use crate::logic::sql::statement::Reach;
use crate::logic::value::LiteralKind;

/// Prints where each statement of a text would go, and why.
pub fn route(flags: &RouteFlags, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let Some(settings) = load_without_secrets(&flags.config, &mut io::stderr())? else { return Ok(Outcome::Problems) };
    let database = database(&settings, flags.database.as_deref())?;
    write!(out, "{}", describe(database, &flags.sql, &flags.params)?)?;
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
    let schema = Schema { map, catalog: &catalog, search_path: &search_path };
    let planned = plan::plan(sql, &schema, None);
    let Ok(planned) = planned else { bail!("the text does not parse; a server would say where") };
    let given: Vec<Given<'_>> = params.iter().map(|text| given(text)).collect();
    let answers = planned.statements.iter().map(|one| {
        let text = &sql[one.at.clone()];
        let lines = match new_table(one, text, &schema).unwrap_or_else(|| answer(one, &given, map)) {
            Ok(lines) => lines,
            Err(refusal) if one.may_span => {
                let across = across(text, &schema);
                write_across(&across, &given, map).unwrap_or_else(|| refused(&refusal))
            }
            Err(refusal) => refused(&refusal),
        };
        // Several statements: each answer under its text.
        let text = if planned.statements.len() > 1 { format!("{}\n", text.trim()) } else { String::new() };
        text + &lines.iter().map(|(name, said)| format!("{name:<8} {said}\n")).collect::<String>()
    });
    Ok(answers.collect::<Vec<_>>().join("\n"))
}

fn given(text: &str) -> Given<'_> {
    Given::Literal { kind: LiteralKind::String, negative: false, text: text.into() }
}

/// What becomes of a statement, as lines of a name and what is said of it.
type Lines = Vec<(&'static str, String)>;

/// Where one shard answers, or what is in the way of that.
fn answer(planned: &Planned, given: &[Given<'_>], map: &ShardMap) -> Result<Lines, Refusal> {
    let is_of_shard = |hint: &&Hint| matches!(hint.setting, OwnSetting::Shard | OwnSetting::Key);
    let hint = planned.hint.as_ref().filter(is_of_shard);
    Ok(match (&*planned.plan, hint) {
        (_, Some(hint)) => {
            let setting = if hint.setting == OwnSetting::Shard { "shard" } else { "key" };
            vec![("shard", format!("as the hint says: {setting} {}", hint.value))]
        }
        (Plan::One(one), None) => {
            let mut lines = home(planned, &one.home, given, map)?;
            lines
                .push(("server", if one.access == Access::Read { "replica or primary" } else { "primary" }.to_owned()));
            lines.push(("because", why(planned, one, map)));
            lines
        }
        (Plan::CopyIn(copy), None) => {
            let lines = match &copy.to {
                CopyTo::Homes(key) => format!("of each row: by its {}, row by row", key.column),
                CopyTo::Copies => "all: every copy gets all rows".to_owned(),
            };
            vec![("shard", lines), ("server", "primary".to_owned())]
        }
        (Plan::Command(Command::Empty), None) => vec![("shard", "none: there is no statement".to_owned())],
        (Plan::Command(_), None) => vec![("shard", format!("none: {} is the session's own", planned.verb))],
        (Plan::Refuse(refusal), None) => return Err(refusal.clone()),
    })
}

/// A new table whose place the hint says.
fn new_table(planned: &Planned, text: &str, schema: &Schema<'_>) -> Option<Result<Lines, Refusal>> {
    let hint = planned.hint.as_ref().filter(|hint| hint.setting == OwnSetting::NewTables)?;
    let found = placed(text, &hint.value, schema).transpose()?;
    Some(found.map(|everywhere| {
        let name = |shard: ShardId| schema.map.shards[usize::from(shard.0)].to_string();
        let shards = everywhere.only.map_or("all: in one transaction".to_owned(), name);
        let line = everywhere.listing.map(|listing| listing.line(schema.map)).unwrap_or_default();
        vec![("shard", shards), ("server", "primary".to_owned()), ("map", format!("gains {line}"))]
    }))
}

/// A write over several shards.
fn write_across(across: &Across, given: &[Given<'_>], map: &ShardMap) -> Option<Lines> {
    let values = Values::Given { given, types: &[] };
    let names = |requirement: &Requirement| -> String {
        let shards = route::shards(requirement, &values, map).unwrap_or_default();
        shards.iter().map(|shard| map.shard_name(shard).to_string()).collect::<Vec<_>>().join(", ")
    };
    let first = map.shards.first().map_or("", Box::as_ref);
    let shards = match across {
        Across::Change(Change { on: On::Rows(rows), .. }) => format!("{}: each changes its own rows", names(rows)),
        Across::Change(Change { on: On::Moves(rows, moves), .. }) => {
            format!("{}: what is not at home there any more moves to {}", names(rows), names(&moves.home))
        }
        Across::Change(Change { on: On::Copies, .. }) => "all: each writes to its copy".to_owned(),
        Across::Once(_) => format!("all: {first} runs it, the others are given its rows"),
        Across::CopyOut(CopyOut::Pieces { fanout, .. }) => {
            format!("{}: each copies its own rows", names(&fanout.requirement))
        }
        Across::CopyOut(CopyOut::Answer { gather, .. }) => {
            let of = |part: &Part| names(&part.requirement);
            format!("{}: one server has the rows of all", gather.parts.iter().map(of).collect::<Vec<_>>().join(", "))
        }
        Across::Everywhere(it) => match it.reach {
            Reach::Upkeep | Reach::Outside => "all: one after the other".to_owned(),
            Reach::Database | Reach::Roles | Reach::Block | Reach::Server => "all: in one transaction".to_owned(),
        },
        Across::Staged(_) => "those of the rows that it changes, once the temporary table is there".to_owned(),
        Across::Numbers(_) => "all: each at the next number of its own".to_owned(),
        Across::Signal(_) => "none: the number is that of a client".to_owned(),
        Across::Refuse(refusal) => return Some(refused(refusal)),
        Across::Explain(explained) => return write_across(&explained.inner, given, map),
        Across::Modifying(it) => return write_across(&it.write, given, map),
        Across::Read(_) | Across::Split(_) | Across::Carry(_) | Across::Cursor(_) => return None,
    };
    Some(vec![("shard", shards), ("server", "primary".to_owned())])
}

/// The plan in words, without its marks.
fn why(planned: &Planned, one: &One, map: &ShardMap) -> String {
    let plan = explain(planned, map);
    let plan = plan.lines().next().unwrap_or_default().trim_start_matches("=> One: ");
    match &one.home {
        Home::Any => "every shard would give the same answer".to_owned(),
        Home::First => "it needs no sharded rows".to_owned(),
        Home::Current => "it names no table of the map; one that exists nevertheless is refused".to_owned(),
        Home::Process(_) => "processes of servers are those of the first shard".to_owned(),
        Home::Meet(_) => plan.trim_end_matches(" [primary]").to_owned(),
    }
}

fn home(planned: &Planned, home: &Home, given: &[Given<'_>], map: &ShardMap) -> Result<Lines, Refusal> {
    let open = parameters(home).into_iter().find(|number| usize::from(*number) > given.len());
    if let Some(number) = open {
        return Ok(vec![("shard", format!("decided by ${number}, which --param gives here"))]);
    }
    let values = Values::Given { given, types: &[] };
    let shard = match route::destination(home, &values, map) {
        Ok(Destination::Any) => "any".to_owned(),
        Ok(Destination::First) => map.shards[0].to_string(),
        Ok(Destination::Current) => format!("that of the transaction, else {}", map.shards[0]),
        Ok(Destination::Shard(shard)) => map.shard_name(shard).to_string(),
        Err(refusal) if planned.may_span && refusal.reason == Reason::ManyShards && !is_run_by_each(planned) => {
            return Ok(several(home, &values, map));
        }
        Err(refusal) => return Err(refusal),
    };
    Ok(vec![("shard", shard)])
}

fn is_run_by_each(planned: &Planned) -> bool {
    matches!(planned.verb, "UPDATE" | "DELETE" | "MERGE" | "COPY")
}

/// The shards whose rows are put together.
fn several(home: &Home, values: &Values<'_>, map: &ShardMap) -> Lines {
    let Home::Meet(all) = home else { return Vec::new() };
    let needed = all.iter().filter_map(|one| route::shards(one, values, map).ok());
    let needed = needed.fold(ShardSet::default(), ShardSet::union);
    let names: Vec<_> = needed.iter().map(|shard| map.shard_name(shard).to_string()).collect();
    vec![("shard", format!("{}: one of them runs the statement over the rows of all", names.join(", ")))]
}

fn refused(refusal: &Refusal) -> Lines {
    let mut lines = vec![("refused", format!("{}: {}", refusal.sqlstate, refusal.message))];
    lines.extend(refusal.detail.iter().map(|detail| ("detail", detail.clone())));
    lines.extend(refusal.hint.iter().map(|hint| ("hint", hint.clone())));
    lines
}

/// The numbers of the parameters that choose the shard.
fn parameters(home: &Home) -> Vec<u16> {
    let Home::Meet(all) = home else { return Vec::new() };
    let mut values = Vec::new();
    for requirement in all {
        match &requirement.place {
            Place::Shard(_) | Place::Copies | Place::Every => (),
            Place::Lookup { keys, .. } => collect(keys, &mut values),
            Place::Store { keys, .. } => values.extend(keys),
        }
    }
    let number = |value: &&Value| match value.source {
        Source::Param(number) | Source::SharedParam(number) => Some(number),
        Source::Literal { .. } | Source::Fixed(_) => None,
    };
    values.iter().filter_map(number).collect()
}

fn collect<'a>(keys: &'a Restriction, values: &mut Vec<&'a Value>) {
    match keys {
        Restriction::All | Restriction::Nothing => (),
        Restriction::Equals(value) | Restriction::AnyOf(value) => values.push(value),
        Restriction::Between { from, to } => values.extend(from.iter().chain(to).map(|(value, _)| value)),
        Restriction::And(parts) | Restriction::Or(parts) => parts.iter().for_each(|part| collect(part, values)),
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
                    collation: None,
                    is_steady: true,
                }]
            }
            Placement::Reference | Placement::Single(_) => Vec::new(),
        };
        (name.clone(), Arc::new(Relation::plain_table(columns)))
    });
    Catalog { relations: relations.collect(), ..Catalog::default() }
}
