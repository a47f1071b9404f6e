//! UPDATE, DELETE and MERGE of a sharded table on several shards: each runs the statement and changes its own rows.
//!
//! That is right where what happens to a row follows from it and from rows of the same key, which its shard has. Where it
//! needs other rows of sharded tables, these are fetched first, and the statement runs on every shard with a part of a
//! WITH in the place of each other table. The time of day is asked for once, and travels the same way.
//!
//! An UPDATE that gives all its rows one other key runs where they are; then the rows that belong elsewhere move.

use crate::logic::catalog::{ColumnDefault, Relation};
use crate::logic::sql::name::{literal, qualified, quoted};
use crate::logic::sql::statement::{Located, MergeAction, RelationName, Statement, Target};

use super::constants::{Literals, type_name};
use super::gather::{self, At, BOOL, Gather, Part, Round, in_rounds, stand_in, transfer};
use super::schema::Found;
use super::survey::{Mention, Mentioned, Survey, Written};
use super::{Access, Home, MomentParams, Refusal, Requirement, Schema, Source, Value};

/// A write that several shards run.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// As PostgreSQL tags it; the number of rows follows
    pub verb: &'static str,
    /// Its table
    pub table: Box<str>,
    /// Which shards run it
    pub on: On,
    /// What they run, over what is fetched first; `None`: the statement as it is
    pub over: Option<Over>,
    /// It returns rows
    pub returns: bool,
    /// Parameters that no two servers may read as times of their own
    pub moment_params: MomentParams,
    /// Its triggers may change settings that we cannot see
    pub taints: bool,
}

/// Which shards run a write.
#[derive(Debug, Clone, PartialEq)]
pub enum On {
    /// Those that have such rows
    Rows(Requirement),
    /// The same; then rows move to the home of their new key
    Moves(Requirement, Box<Move>),
    /// All: each has a copy of the table, and does the same to it
    Copies,
}

/// A statement over what is fetched first.
#[derive(Debug, Clone, PartialEq)]
pub struct Over {
    /// What is fetched, and the statement over it
    pub gather: Gather,
    /// The first part is the time, which one shard tells
    pub tells_time: bool,
}

impl Over {
    /// More is fetched than the time.
    pub fn fetches_rows(&self) -> bool {
        self.gather.parts.len() > usize::from(self.tells_time)
    }
}

/// How rows move.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// The shard of their new key
    pub home: Requirement,
    /// The key column
    pub column: Box<str>,
    /// Asks for what would act on rows that leave: foreign keys. Any row forbids the move
    pub guard: Gather,
    /// The rows leave their shards (its only part), and arrive
    pub rows: Gather,
}

/// Plans one statement. `text` is the statement alone.
pub fn change(text: &str, schema: &Schema<'_>) -> Result<Change, Refusal> {
    let (mut change, views) = in_rounds(text, |one, text| round(one, text, schema))?;
    if let Some(over) = &mut change.over {
        gather::guard(&mut over.gather, views);
    }
    Ok(change)
}

/// What the planner looks at of a write.
struct Shape<'t> {
    verb: &'static str,
    table: &'t RelationName,
    /// Columns that are set
    sets: Vec<&'t str>,
    inserts: bool,
    returns: bool,
    has_with: bool,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these write rows in their place")]
fn shape(statement: &Statement) -> Option<Shape<'_>> {
    match statement {
        Statement::Change(change) => Some(Shape {
            verb: change.verb,
            table: &change.table,
            sets: set_by(&change.assignments),
            inserts: false,
            returns: !change.returning.is_empty(),
            has_with: change.with.is_some(),
        }),
        Statement::Merge(merge) => {
            let actions = || merge.branches.iter().map(|branch| &branch.action);
            Some(Shape {
                verb: "MERGE",
                table: &merge.table,
                sets: actions()
                    .flat_map(|action| match action {
                        MergeAction::Update(assignments) => set_by(assignments),
                        MergeAction::Insert { .. } | MergeAction::NoRow => Vec::new(),
                    })
                    .collect(),
                inserts: actions().any(|action| matches!(action, MergeAction::Insert { .. })),
                returns: !merge.returning.is_empty(),
                has_with: merge.with.is_some(),
            })
        }
        _ => None,
    }
}

fn set_by(assignments: &[Target]) -> Vec<&str> {
    assignments.iter().filter_map(|it| it.name.as_deref()).collect()
}

fn round(located: &Located, text: &str, schema: &Schema<'_>) -> Result<Round<Change>, Refusal> {
    let Some(shape) = shape(&located.statement) else { return Err(Refusal::across("a statement that is no query")) };
    let mut survey = Survey::new(*schema, Literals::new(text, None), shape.verb);
    survey.may_spread = true;
    survey.may_write_across = true;
    survey.may_modify = matches!(located.statement, Statement::Change(_));
    survey.keep_tables_of_write();
    survey.statement(&located.statement);
    let written = survey.finish_write(shape.table, shape.verb)?;
    if let Some(spread) = &written.spread {
        let fetches_sharded = |(mention, _): &(Mention<'_>, _)| matches!(mention.what, Mentioned::Sharded { .. });
        if shape.verb == "MERGE" && spread.tables.iter().any(fetches_sharded) {
            return Err(Refusal::not_row_by_row(shape.verb, &shape.table.name));
        }
        if !spread.views.is_empty() {
            return gather::with_views(text, spread);
        }
    }
    let Found::Sharded { key, relation: Some(relation), .. } = schema.find(shape.table) else {
        return Err(Refusal::across(&format!("\"{}\", whose columns are not known,", shape.table.name)));
    };
    let on = match &written.new_key {
        None => {
            check_unique(&shape, key, relation)?;
            On::Rows(written.requirement.clone())
        }
        Some((value, home)) => {
            let moved = moves(&shape, key, relation, value, home, written.params)?;
            On::Moves(written.requirement.clone(), Box::new(moved))
        }
    };
    let over = over(located, text, &shape, &written)?;
    let (verb, table, returns, taints) = (shape.verb, shape.table.name.clone(), shape.returns, written.taints);
    let moment_params = written.moment_params;
    Ok(Round::Done(Box::new(Change { verb, table, on, over, returns, moment_params, taints })))
}

fn over(located: &Located, text: &str, shape: &Shape<'_>, written: &Written<'_>) -> Result<Option<Over>, Refusal> {
    let tells_time = !written.nature.times.is_empty();
    if !tells_time && written.spread.is_none() {
        return Ok(None);
    }
    let times = tells_time.then_some((written.nature.times.as_slice(), &written.requirement));
    let at = At { text, at: &located.at, has_with: shape.has_with, returned: &[] };
    let (parts, text) = gather::over(at, written.spread.as_ref(), times, written.params)?;
    let gather = Gather {
        parts,
        text: text.into(),
        params: written.params,
        absent: Vec::new(),
        groups_as_tables: false,
        views: Vec::new(),
        fails_early: false,
        is_bound: false,
        home: Home::Any,
        access: Access::Write,
    };
    Ok(Some(Over { gather, tells_time }))
}

/// Two shards could each store a value that only one row of the whole table may have.
fn check_unique(shape: &Shape<'_>, key: &str, relation: &Relation) -> Result<(), Refusal> {
    let has_key = |columns: &&Vec<Box<str>>| columns.iter().any(|column| **column == *key);
    let is_written = |columns: &Vec<Box<str>>| shape.inserts || columns.iter().any(|it| shape.sets.contains(&&**it));
    let torn = relation.unique_keys.iter().filter(|columns| !has_key(columns)).any(is_written);
    if torn || relation.has_partial_unique_without(key) && (shape.inserts || !shape.sets.is_empty()) {
        return Err(Refusal::may_repeat(shape.verb, &shape.table.name));
    }
    Ok(())
}

/// Rows may move where PostgreSQL's answer does not depend on their order: all get the same key, and nothing else that makes
/// a row unique is set with it.
fn moves(
    shape: &Shape<'_>,
    key: &str,
    relation: &Relation,
    value: &Value,
    home: &Requirement,
    params: u16,
) -> Result<Move, Refusal> {
    let refuse = |why: &str| Err(Refusal::key_moved(&shape.table.name, key, why));
    let is_set_too = |column: &str| column != key && shape.sets.contains(&column);
    if relation.has_partial_unique() || relation.unique_keys.iter().flatten().any(|column| is_set_too(column)) {
        return refuse("Other columns that make its rows unique could collide on the way.");
    }
    if !relation.triggers.is_empty() || !relation.policies.is_empty() || shape.table.is_only {
        return refuse("A row that moves is deleted and inserted, which its triggers and policies would notice.");
    }
    let columns: Vec<_> = relation.columns.iter().filter(|it| it.default != ColumnDefault::Generated).collect();
    let Some(of_key) = columns.iter().find(|column| *column.name == *key) else {
        return refuse("Its columns are not known.");
    };
    let Some((value, used)) = written(value) else { return refuse("The new key is not a plain value.") };
    let table = qualified(shape.table.schema.as_deref(), &shape.table.name);
    let names = columns.iter().map(|it| quoted(&it.name)).collect::<Vec<_>>().join(", ");
    let leave =
        format!("DELETE FROM {table} WHERE {} = CAST({value} AS {}) RETURNING {names}", quoted(key), of_key.type_name);
    let part = Part {
        requirement: home.clone(),
        text: leave.into(),
        params: used.into_iter().collect(),
        columns: columns.iter().map(|it| transfer(it)).collect(),
    };
    let (mut param, rows) = (params, "shardway_rows");
    let with = stand_in(rows, &columns, &mut param)?;
    let text = format!("WITH {with} INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {rows}");
    let absent = (1..=params).collect();
    let home_of_rows = Home::Meet(vec![home.clone()]);
    let rows = Gather {
        parts: vec![part],
        text: text.into(),
        params,
        absent,
        groups_as_tables: false,
        views: Vec::new(),
        fails_early: false,
        is_bound: false,
        home: home_of_rows,
        access: Access::Write,
    };
    let guard =
        Part { requirement: home.clone(), text: guard(&table, key).into(), params: Vec::new(), columns: vec![BOOL] };
    let guard = Gather {
        parts: vec![guard],
        text: "".into(),
        params: 0,
        absent: Vec::new(),
        groups_as_tables: false,
        views: Vec::new(),
        fails_early: false,
        is_bound: false,
        home: Home::Any,
        access: Access::Read,
    };
    Ok(Move { home: home.clone(), column: key.into(), guard, rows })
}

/// Foreign keys that a row with a new key would break, or that would act on others when it leaves.
fn guard(table: &str, key: &str) -> String {
    let (table, key) = (literal(table), literal(key));
    let family = format!(
        "SELECT {table}::pg_catalog.regclass UNION SELECT relid FROM pg_catalog.pg_partition_tree({table}::pg_catalog.regclass)"
    );
    format!(
        "SELECT true FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND (c.confrelid IN ({family}) OR c.conrelid IN ({family}) \
         AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.conrelid AND a.attname = {key} AND a.attnum = ANY (c.conkey)))"
    )
}

/// A value as SQL, and the parameter that it is.
fn written(value: &Value) -> Option<(String, Option<u16>)> {
    let (text, used) = match &value.source {
        Source::Param(number) | Source::SharedParam(number) => (format!("${number}"), Some(*number)),
        Source::Fixed(None) => ("NULL".to_owned(), None),
        Source::Fixed(Some((crate::logic::value::LiteralKind::String, text))) => (literal(text), None),
        Source::Fixed(Some((_, digits))) => (digits.to_string(), None),
        Source::Literal { .. } => return None,
    };
    match value.cast {
        None => Some((text, used)),
        Some(oid) => type_name(oid).map(|name| (format!("CAST({text} AS {name})"), used)),
    }
}
