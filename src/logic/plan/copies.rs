//! Writes to a reference table, of which every shard has a copy: all copies must get the same rows.
//!
//! Where the statement makes the same of the same rows anywhere, every shard runs it. Where its values may differ (a
//! sequence, `gen_random_uuid()`, LIMIT, the order of rows), the first shard runs it and returns the rows that came of
//! it; the others are given these. Either way the shards are gone to in one order, and as many rows must be concerned on
//! each.

use crate::logic::catalog::{Column, ColumnDefault, Relation};
use crate::logic::shards::ShardId;
use crate::logic::sql::name::{qualified, quoted};
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{
    Alias, Change as Changed, Insert, Located, Merge, MergeAction, RelationName, Statement, Target as Assignment,
};

use super::change::{Change, On, Over};
use super::constants::Literals;
use super::gather::{self, At, Gather, Part, TEXT, Transfer, transfer};
use super::schema::Found;
use super::survey::{self, Spread, Survey, is_column_of};
use super::{Access, Home, Place, Refusal, Requirement, Schema, TakenNumbers};

/// How the copies of a reference table are written.
pub enum Copied {
    /// Every shard runs the statement
    Same(Change),
    /// One shard runs it
    Once(Once),
}

/// A write that one shard runs, and the others are given its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Once {
    /// As PostgreSQL tags it; the number of rows follows
    pub verb: &'static str,
    /// Its table
    pub table: Box<str>,
    /// What the first shard runs: it returns what the client asked for, then columns of ours
    pub text: Box<str>,
    /// How many columns the client asked for. `None`: that is not known, and ours are all text
    pub asked: Option<usize>,
    /// How many parameters it has
    pub params: u16,
    /// What it runs over, where rows are fetched first
    pub over: Option<Over>,
    /// The client asked for rows
    pub returns: bool,
    /// What the others run, over these columns: its only part
    pub then: Gather,
    /// The numbers that the first shard takes
    pub numbers: TakenNumbers,
}

impl Once {
    /// How many columns are ours.
    pub fn columns(&self) -> usize {
        self.then.parts.first().map_or(0, |part| part.columns.len())
    }
}

/// What the planner looks at of a write.
struct Shape<'t> {
    verb: &'static str,
    tag: &'static str,
    table: &'t RelationName,
    has_with: bool,
    returns: bool,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else writes rows")]
fn shape(statement: &Statement) -> Option<Shape<'_>> {
    Some(match statement {
        Statement::Insert(it) => {
            let (has_with, returns) = (it.with.is_some(), !it.returning.is_empty());
            Shape { verb: "INSERT", tag: "INSERT 0", table: &it.table, has_with, returns }
        }
        Statement::Change(it) => {
            let (has_with, returns) = (it.with.is_some(), !it.returning.is_empty());
            Shape { verb: it.verb, tag: it.verb, table: &it.table, has_with, returns }
        }
        Statement::Merge(it) => {
            let (has_with, returns) = (it.with.is_some(), !it.returning.is_empty());
            Shape { verb: "MERGE", tag: "MERGE", table: &it.table, has_with, returns }
        }
        _ => return None,
    })
}

/// Plans a write to a reference table; `None`: it is none. `text` is the statement alone.
pub fn copies(located: &Located, text: &str, schema: &Schema<'_>) -> Option<Result<Copied, Refusal>> {
    let shape = shape(&located.statement)?;
    let Found::Reference(relation) = schema.find(shape.table) else { return None };
    let mut survey = Survey::new(*schema, Literals::new(text, None), shape.verb);
    survey.may_spread = true;
    survey.may_write_across = true;
    survey.keep_tables_of_write();
    survey.statement(&located.statement);
    if matches!(&located.statement, Statement::Merge(merge) if inserts(merge)) {
        survey.defaults(relation, None);
    }
    let copied = survey.finish_copies(shape.table, shape.verb)?;
    Some(copied.and_then(|copied| planned(located, text, &shape, relation, &copied)))
}

fn planned(
    located: &Located,
    text: &str,
    shape: &Shape<'_>,
    relation: Option<&Relation>,
    copied: &survey::Copied<'_>,
) -> Result<Copied, Refusal> {
    let nature = &copied.nature;
    let draws_numbers = relation.is_none_or(has_identity) && !matches!(located.statement, Statement::Change(_));
    // Others may write what is read between one shard and the next.
    let reads_copies =
        nature.reads_copies && !matches!(located.statement, Statement::Merge(_)) && shape.verb != "DELETE";
    let may_differ = reads_copies
        || nature.asks_server
        || nature.draws
        || nature.picks
        || nature.follows_order
        || nature.says_now
        || nature.reads_time;
    if may_differ || draws_numbers || copied.needs_first {
        let once = once(located, text, shape, relation, copied.params)?;
        let over = match &copied.spread {
            None => None,
            Some(spread) => {
                // The places of its tables are those in the whole text.
                let text = format!("{}{}", &text[..located.at.start], once.text);
                let at =
                    At { text: &text, at: &(located.at.start..text.len()), has_with: shape.has_with, returned: &[] };
                Some(over(at, copied.params, Some(spread), None)?)
            }
        };
        return Ok(Copied::Once(Once { numbers: copied.numbers.clone(), over, ..once }));
    }
    let requirement = anywhere(&shape.table.name);
    let times = nature.times.as_slice();
    let over = match (&copied.spread, times) {
        (None, []) => None,
        (spread, times) => {
            let times = (!times.is_empty()).then_some((times, &requirement));
            let at = At { text, at: &located.at, has_with: shape.has_with, returned: &[] };
            Some(over(at, copied.params, spread.as_ref(), times)?)
        }
    };
    let (verb, table, returns, taints) = (shape.tag, shape.table.name.clone(), shape.returns, copied.taints);
    let moment_params = copied.moment_params.clone();
    Ok(Copied::Same(Change { verb, table, on: On::Copies, over, returns, moment_params, taints }))
}

/// A write over what is fetched first.
fn over(
    at: At<'_>,
    params: u16,
    spread: Option<&Spread<'_>>,
    times: Option<gather::Times<'_>>,
) -> Result<Over, Refusal> {
    let (parts, text) = gather::over(at, spread, times, params)?;
    let gather = Gather { parts, ..writing(text, params, Vec::new()) };
    Ok(Over { gather, tells_time: times.is_some() })
}

fn anywhere(table: &str) -> Requirement {
    Requirement { table: table.into(), place: Place::Shard(ShardId(0)) }
}

fn writing(text: String, params: u16, parts: Vec<Part>) -> Gather {
    Gather {
        parts,
        text: text.into(),
        params,
        absent: Vec::new(),
        groups_as_tables: false,
        views: Vec::new(),
        fails_early: false,
        is_bound: false,
        home: Home::Any,
        access: Access::Write,
    }
}

fn has_identity(relation: &Relation) -> bool {
    relation.columns.iter().any(|column| column.default == ColumnDefault::Identity)
}

fn inserts(merge: &Merge) -> bool {
    merge.branches.iter().any(|branch| matches!(branch.action, MergeAction::Insert { .. }))
}

/// The plan of a statement that only one shard may run.
#[expect(clippy::wildcard_enum_match_arm, reason = "MERGE returns no rows")]
fn once(
    located: &Located,
    text: &str,
    shape: &Shape<'_>,
    relation: Option<&Relation>,
    params: u16,
) -> Result<Once, Refusal> {
    let refuse = |why: &str| Refusal::copies_may_differ(shape.verb, &shape.table.name, why);
    let Some(relation) = relation.filter(|it| !it.columns.is_empty()) else {
        return once_whole(located, text, shape, params).ok_or_else(|| refuse("Its columns are not known."));
    };
    if !relation.triggers.is_empty() {
        return Err(refuse("Its values may differ between servers, and its triggers would act on them twice."));
    }
    let (returned, then) = match &located.statement {
        Statement::Insert(insert) => insert_rows(insert, relation).ok_or_else(|| {
            refuse("Its values may differ between servers, and DO UPDATE does not name the columns that conflict.")
        })?,
        Statement::Change(change) => change_rows(change, relation).ok_or_else(|| {
            refuse("Its values may differ between servers, and no unique key of NOT NULL columns stays as it is.")
        })?,
        _ => return Err(refuse("Its values may differ between servers.")),
    };
    let asked = asked(&located.statement, relation);
    let travels = |it: &&Column| match asked {
        Some(_) => transfer(it),
        None => Transfer { depends_on_settings: !it.is_steady, ..TEXT },
    };
    let columns: Vec<Transfer> = returned.iter().map(travels).collect();
    let own = quoted(own_name(located, shape));
    let list = returned.iter().zip(&columns).map(|(column, transfer)| {
        let cast = if transfer.is_binary { "" } else { "::pg_catalog.text" };
        format!("{own}.{}{cast}", quoted(&column.name))
    });
    let list: Vec<String> = list.collect();
    Ok(Once {
        asked,
        verb: shape.tag,
        table: shape.table.name.clone(),
        text: returning(located, text, shape, &list).into(),
        params,
        over: None,
        returns: shape.returns,
        then: writing(then, 0, vec![given(shape, columns)]),
        numbers: TakenNumbers::default(),
    })
}

/// The same for rows of a table that the transaction has made: they are returned, and inserted again, as a whole.
fn once_whole(located: &Located, text: &str, shape: &Shape<'_>, params: u16) -> Option<Once> {
    let Statement::Insert(insert) = &located.statement else { return None };
    if insert.on_conflict.as_ref().is_some_and(|conflict| conflict.is_update) {
        return None;
    }
    let row = format!("ROW({}.*)::pg_catalog.text", quoted(own_name(located, shape)));
    let name = table(&insert.table);
    let then = format!(
        "INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT (shardway_rows.c0::{name}).* FROM ROWS FROM \
         (pg_catalog.unnest($1)) AS shardway_rows(c0)"
    );
    Some(Once {
        asked: None,
        verb: shape.tag,
        table: shape.table.name.clone(),
        text: returning(located, text, shape, &[row]).into(),
        params,
        over: None,
        returns: shape.returns,
        then: writing(then, 0, vec![given(shape, vec![Transfer { depends_on_settings: true, ..TEXT }])]),
        numbers: TakenNumbers::default(),
    })
}

/// What the others are given.
fn given(shape: &Shape<'_>, columns: Vec<Transfer>) -> Part {
    Part { requirement: anywhere(&shape.table.name), text: "".into(), params: Vec::new(), columns }
}

/// How many columns its RETURNING has, where that is plain to see.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "nothing else writes rows, and what is computed could be rows as a whole"
)]
fn asked(statement: &Statement, relation: &Relation) -> Option<usize> {
    let (returning, has_others) = match statement {
        Statement::Insert(insert) => (&insert.returning, false),
        Statement::Change(change) => (&change.returning, !change.from.is_empty()),
        _ => return None,
    };
    let of = |target: &Assignment| match &target.value {
        Expression::Column(_) => Some(1),
        Expression::Star(_) if !has_others => Some(relation.columns.len()),
        _ => None,
    };
    returning.iter().map(of).sum()
}

/// The statement, which returns this too.
fn returning(located: &Located, text: &str, shape: &Shape<'_>, list: &[String]) -> String {
    let word = if shape.returns { "," } else { "RETURNING" };
    // The text may end with a comment.
    format!("{}\n{word} {}", &text[located.at.clone()], list.join(", "))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else writes rows")]
fn own_name<'t>(located: &'t Located, shape: &Shape<'t>) -> &'t str {
    let alias: Option<&Alias> = match &located.statement {
        Statement::Insert(it) => Some(&it.alias),
        Statement::Change(it) => Some(&it.alias),
        _ => None,
    };
    alias.and_then(|alias| alias.name.as_deref()).unwrap_or(&shape.table.name)
}

fn table(name: &RelationName) -> String {
    qualified(name.schema.as_deref(), &name.name)
}

/// Rows of texts, each column under the name `c0`, `c1`, ….
fn rows_of(columns: &[&Column]) -> String {
    let calls: Vec<_> = (1..=columns.len()).map(|number| format!("pg_catalog.unnest(${number})")).collect();
    let names: Vec<_> = (0..columns.len()).map(|number| format!("c{number}")).collect();
    format!("ROWS FROM ({}) AS shardway_rows({})", calls.join(", "), names.join(", "))
}

fn value(number: usize, column: &Column) -> String {
    format!("shardway_rows.c{number}::{}", column.type_name)
}

/// What is inserted is inserted again; what DO UPDATE has changed gets what it was set to.
fn insert_rows<'r>(insert: &Insert, relation: &'r Relation) -> Option<(Vec<&'r Column>, String)> {
    let columns: Vec<_> = relation.columns.iter().filter(|it| it.default != ColumnDefault::Generated).collect();
    let names: Vec<_> = columns.iter().map(|it| quoted(&it.name)).collect();
    let values: Vec<_> = columns.iter().enumerate().map(|(number, column)| value(number, column)).collect();
    let mut text = format!(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}",
        table(&insert.table),
        names.join(", "),
        values.join(", "),
        rows_of(&columns)
    );
    if let Some(conflict) = insert.on_conflict.as_ref().filter(|conflict| conflict.is_update) {
        let set: Vec<_> = conflict.assignments.iter().filter_map(|it| it.name.as_deref()).collect();
        let is_plain = !conflict.columns.is_empty() && !conflict.has_expressions && conflict.constraint.is_none();
        let changes = |it: &Assignment| {
            let name = it.name.as_deref().unwrap_or_default();
            let keeps = matches!(&it.value, Expression::Column(parts) if is_column_of(parts, "excluded", name));
            !keeps && conflict.columns.iter().any(|column| **column == *name)
        };
        if !is_plain || conflict.assignments.iter().any(changes) {
            return None;
        }
        let arbiter: Vec<_> = conflict.columns.iter().map(|it| quoted(it)).collect();
        let set: Vec<_> = set.iter().map(|it| format!("{0} = excluded.{0}", quoted(it))).collect();
        text.push_str(&format!(" ON CONFLICT ({}) DO UPDATE SET {}", arbiter.join(", "), set.join(", ")));
    }
    Some((columns, text))
}

/// Rows are found again by a unique key that the statement leaves alone.
fn change_rows<'r>(change: &Changed, relation: &'r Relation) -> Option<(Vec<&'r Column>, String)> {
    let set: Vec<&str> = change.assignments.iter().filter_map(|it| it.name.as_deref()).collect();
    let column = |name: &str| relation.columns.iter().find(|column| &*column.name == name);
    let is_fixed = |names: &&Vec<Box<str>>| {
        names.iter().all(|name| !set.contains(&&**name) && column(name).is_some_and(|column| column.is_not_null))
    };
    let key = relation.unique_keys.iter().find(is_fixed)?;
    let columns: Vec<&Column> = key.iter().map(|name| &**name).chain(set.iter().copied()).map_while(column).collect();
    if columns.len() != key.len() + set.len() {
        return None;
    }
    let own = table(&change.table);
    let mut found = Vec::new();
    let mut changed = Vec::new();
    for (number, column) in columns.iter().enumerate() {
        let (name, value) = (quoted(&column.name), value(number, column));
        if number < key.len() {
            found.push(format!("shardway_copy.{name} = {value}"));
        } else {
            changed.push(format!("{name} = {value}"));
        }
    }
    let (rows, found) = (rows_of(&columns), found.join(" AND "));
    let text = if change.verb == "UPDATE" {
        format!("UPDATE {own} AS shardway_copy SET {} FROM {rows} WHERE {found}", changed.join(", "))
    } else {
        format!("DELETE FROM {own} AS shardway_copy USING {rows} WHERE {found}")
    };
    Some((columns, text))
}
