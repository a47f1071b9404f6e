//! Statements that need rows of several shards: the rows are fetched, and one PostgreSQL runs the statement over them.
//!
//! Every shard sends the rows and columns that the statement may look at. They go, as one array a column, into
//! parameters of one final statement, where a part of a WITH stands in the place of each table:
//!
//! ```sql
//! WITH shardway_1(client_id, kind) AS MATERIALIZED (SELECT … FROM ROWS FROM (unnest($1), unnest($2)) …)
//! SELECT kind, count(*) FROM shardway_1 AS events GROUP BY kind
//! ```
//!
//! No aggregate, no order, no comparison is computed here: PostgreSQL does it, over the same rows as one server that
//! has them all.

use std::ops::Range;

use crate::logic::catalog::{Column, ColumnDefault, Relation};
use crate::logic::sql::name::{qualified, quoted};
use crate::logic::sql::parse::with_texts;
use crate::logic::sql::statement::{Located, RelationName, Statement};

use super::constants::Literals;
use super::edits::{Edit, beginning, edited, instead_of, time_of, tokens_of, without_schemas};
use super::grouping_sets;
use super::part::{check_values, counted_part, list_of, part, relation_of, visible_of, whole_part};
use super::pieces::{self, Token, tokens};
use super::schema::Found;
use super::stand_in::{counted, is_grouped_by, next, of_whole_rows};
use super::survey::{Grouped, Mention, Mentioned, Mentions, Spread, Survey, Time};
use super::{Access, Home, Place, Refusal, Requirement, Schema};

pub(super) use super::part::is_a_name;
pub use super::part::{Part, together};
pub(super) use super::stand_in::{BOOL, TEXT, stand_in, transfer};
pub use super::stand_in::{Transfer, widened};

/// A statement over rows of several shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Gather {
    /// What is fetched
    pub parts: Vec<Part>,
    /// The final statement. Its parameters are those of the user, then one array for each column of each part
    pub text: Box<str>,
    /// How many of them are the user's
    pub params: u16,
    /// Those of them that the final statement does not name: nobody could tell their types there
    pub absent: Vec<u16>,
    /// Each column that PostgreSQL finds ungrouped in it, it would find so over the tables themselves
    pub groups_as_tables: bool,
    /// The views of its text that were written out: its parts ask for the tables behind them
    pub views: Vec<Box<str>>,
    /// Its parts compute what may fail: by then the client of a Query has heard of the columns
    pub fails_early: bool,
    /// It may name temporary tables: then it runs where the session has them, or not at all
    pub is_bound: bool,
    /// Where the final statement runs
    pub home: Home,
    /// May a replica run it?
    pub access: Access,
}

impl Gather {
    /// A statement that needs no rows: one server runs it as it is.
    pub fn without_parts(text: &str) -> Self {
        Self {
            parts: Vec::new(),
            text: text.into(),
            params: pieces::params(text).into_iter().max().unwrap_or_default(),
            absent: Vec::new(),
            groups_as_tables: true,
            views: Vec::new(),
            fails_early: false,
            is_bound: false,
            home: Home::Any,
            access: Access::Write,
        }
    }

    /// The final statement without rows, for a server that is to describe it: its parameters are those of the user. `None` where
    /// it would not be described as the statement itself.
    pub fn described(&self) -> Option<Described> {
        if !self.absent.is_empty() {
            return None;
        }
        let is_rows = |token: &Token<'_>| token.param().is_some_and(|param| param > self.params);
        // The columns are of their types by a cast.
        let edits = tokens(&self.text)?
            .into_iter()
            .filter(is_rows)
            .map(|token| Edit { at: token.start..token.end(), to: "NULL::pg_catalog.text[]".to_owned() });
        let text = edited(&self.text, edits.collect()).ok()?;
        Some(Described { text, groups_as_tables: self.groups_as_tables, home: self.home.clone() })
    }
}

/// What a server parses and describes in the place of a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// SQL
    pub text: String,
    /// Each column that PostgreSQL finds ungrouped in it, it would find so in the statement itself
    pub groups_as_tables: bool,
    /// Where it can be parsed
    pub home: Home,
}

/// Views on views beyond this are refused.
const VIEW_ROUNDS_MAX: usize = 16;
/// Texts longer than this are refused: views that multiply.
const TEXT_MAX: usize = 1 << 20;

/// Plans one statement. `text` is the statement alone.
pub fn gather(text: &str, schema: &Schema<'_>) -> Result<Gather, Refusal> {
    with_returned(text, &[], schema)
}

/// A write whose RETURNING makes the rows of a table that a text names.
#[derive(Debug)]
pub(super) struct Returned {
    /// What stands before the name of the table in the text
    pub mark: String,
    /// The write, up to its RETURNING
    pub head: String,
    /// What it returns behind the columns that are wanted
    pub tail: String,
}

/// The same; the rows of some of its tables are those that writes return. What is fetched otherwise is as it was before.
pub(super) fn with_returned(text: &str, returned: &[Returned], schema: &Schema<'_>) -> Result<Gather, Refusal> {
    let (mut gather, views) = in_rounds(text, |one, text| round(one, text, returned, schema))?;
    guard(&mut gather, views);
    Ok(gather)
}

/// Who reads a view needs the rights to it: a part asks for them, though it asks the view for nothing.
pub(super) fn guard(gather: &mut Gather, views: Vec<RelationName>) {
    let is_query = |part: &&mut Part| part.text.starts_with("SELECT ");
    let Some(part) = gather.parts.iter_mut().find(is_query).filter(|_| !views.is_empty()) else { return };
    let of = |view: &RelationName| {
        format!("NOT EXISTS (SELECT FROM {} WHERE false)", qualified(view.schema.as_deref(), &view.name))
    };
    let asked: Vec<String> = views.iter().map(of).collect();
    part.text = format!("SELECT * FROM ({}) AS q WHERE {}", part.text, asked.join(" AND ")).into();
    gather.views = views.into_iter().map(|view| view.name).collect();
}

/// What one look at a text comes to.
pub(super) enum Round<T> {
    Done(Box<T>),
    /// Its views are written out: look again
    Expanded(String, Vec<RelationName>),
}

/// Looks at a statement until none of its views is left. Returns those that it names itself too.
pub(super) fn in_rounds<T>(
    text: &str,
    round: impl Fn(&Located, &str) -> Result<Round<T>, Refusal>,
) -> Result<(T, Vec<RelationName>), Refusal> {
    let (mut expanded, mut named);
    let mut text = text;
    let mut views = None;
    for _ in 0..VIEW_ROUNDS_MAX {
        let parsed = with_texts(text, |located| match located {
            [one] => round(one, text),
            _ => Err(Refusal::across("a query of several statements")),
        });
        match parsed.unwrap_or_else(|_| Err(Refusal::across("a text that does not parse")))? {
            Round::Done(plan) => return Ok((*plan, views.unwrap_or_default())),
            Round::Expanded(text, _) if text.len() > TEXT_MAX => break,
            Round::Expanded(text, found) => (expanded, named) = (text, found),
        }
        views.get_or_insert(named);
        text = &expanded;
    }
    Err(Refusal::across("so many views"))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only queries read rows of several shards")]
fn round(located: &Located, text: &str, returned: &[Returned], schema: &Schema<'_>) -> Result<Round<Gather>, Refusal> {
    let has_with = match &located.statement {
        Statement::Query(query) => query.with.is_some(),
        Statement::Change(change) if target_on_one(&change.table, schema).is_some() => change.with.is_some(),
        Statement::Merge(merge) if target_on_one(&merge.table, schema).is_some() => merge.with.is_some(),
        _ => return Err(Refusal::across("a statement that is no query")),
    };
    let mut survey = Survey::new(*schema, Literals::new(text, None), "SELECT");
    survey.keep_all_tables();
    survey.statement(&located.statement);
    let spread = survey.finish_spread()?;
    if !spread.views.is_empty() {
        return with_views(text, &spread);
    }
    let at = At { text, at: &located.at, has_with, returned };
    finished(at, &spread).map(|gather| Round::Done(Box::new(gather)))
}

/// Plans an UPDATE, DELETE or MERGE of a table that one server has: it runs the statement, over rows that are fetched.
/// `None`: its table is none of these.
pub fn on_one(table: &RelationName, text: &str, schema: &Schema<'_>) -> Option<Result<Gather, Refusal>> {
    let home = target_on_one(table, schema)?;
    Some(home.and_then(|home| {
        let mut gather = gather(text, schema)?;
        gather.home = match (gather.home, home) {
            (Home::Any, home) => home,
            (Home::Meet(mut all), Home::Meet(table)) => {
                all.extend(table);
                Home::Meet(all)
            }
            (Home::Current, Home::Current) => Home::Current,
            (Home::First | Home::Current | Home::Process(_) | Home::Meet(_), _) => {
                return Err(Refusal::across("a write to one shard's table with what only a session has"));
            }
        };
        Ok(Gather { access: Access::Write, ..gather })
    }))
}

/// Where a table is whose rows one server has all of: a single one on its shard, and what no plan knows, a temporary one,
/// where the session is.
fn target_on_one(table: &RelationName, schema: &Schema<'_>) -> Option<Result<Home, Refusal>> {
    match schema.find(table) {
        Found::Unheard => Some(Ok(Home::Current)),
        Found::Single(shard, relation) => {
            // What these run may need rows of other shards, too.
            let is_plain = |it: &Relation| it.policies.is_empty() && it.triggers.is_empty() && !it.has_rules;
            let requirement = Requirement { table: table.name.clone(), place: Place::Shard(shard) };
            Some(match relation {
                Some(relation) if is_plain(relation) => Ok(Home::Meet(vec![requirement])),
                Some(_) | None => {
                    Err(Refusal::across(&format!("a write to \"{}\" with rows of other shards", table.name)))
                }
            })
        }
        Found::Sharded { .. }
        | Found::Reference(_)
        | Found::View(..)
        | Found::System
        | Found::Sequence
        | Found::Unlisted => None,
    }
}

pub(super) fn with_views<T>(text: &str, spread: &Spread<'_>) -> Result<Round<T>, Refusal> {
    let tokens = tokens_of(text)?;
    let mut edits = without_schemas(&tokens, &spread.views.iter().collect::<Vec<_>>(), &spread.mentions.shadowed)?;
    for view in &spread.views {
        let Mentioned::View { definition, relation } = &view.what else { continue };
        // The policies of its tables hold for its owner.
        if relation.reads_as_owner {
            return Err(Refusal::across("a view of a table with row security"));
        }
        let query = definition.trim_end().trim_end_matches(';');
        edits.push(instead_of(&tokens, view, &format!("({query})"))?);
    }
    let views = spread.views.iter().map(|view| view.name.clone()).collect();
    Ok(Round::Expanded(edited(text, edits)?, views))
}

fn finished(at: At<'_>, spread: &Spread<'_>) -> Result<Gather, Refusal> {
    let (parts, text) = over(at, Some(spread), None, spread.params)?;
    let shard = |shard| Requirement { table: "shardway".into(), place: Place::Shard(shard) };
    let home = match (spread.shard, spread.is_bound) {
        (Some(it), _) => Home::Meet(vec![shard(it)]),
        (None, true) => Home::Current,
        (None, false) => Home::Any,
    };
    Ok(Gather {
        parts,
        text: text.into(),
        params: spread.params,
        absent: Vec::new(),
        groups_as_tables: groups_as_tables(spread),
        views: Vec::new(),
        fails_early: false,
        is_bound: spread.is_bound,
        home,
        access: spread.access,
    })
}

/// Where a statement stands.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    /// The text around it
    pub text: &'t str,
    /// Its bytes
    pub at: &'t Range<usize>,
    /// It begins with WITH
    pub has_with: bool,
    /// The writes that make the rows of some of its tables
    pub returned: &'t [Returned],
}

impl At<'_> {
    /// The rows of a table, where they are those of a write.
    fn returned(&self, mention: &Mention<'_>, list: &str, part: Part) -> Part {
        let before = mention.name.at.and_then(|at| self.text.get(..at)).unwrap_or_default();
        let Some(write) = self.returned.iter().find(|write| before.ends_with(&write.mark)) else { return part };
        let text = format!("{} {list}{}", write.head, write.tail);
        Part { params: pieces::params(&text), text: text.into(), ..part }
    }
}

/// The places of a statement that ask for the time, and whose shards may tell it.
pub(super) type Times<'t> = (&'t [Time], &'t Requirement);

/// A statement over rows that are fetched, and over a time that is asked for once, in the first part. `param` is the number
/// of its own parameters.
pub(super) fn over(
    place: At<'_>,
    spread: Option<&Spread<'_>>,
    times: Option<Times<'_>>,
    mut param: u16,
) -> Result<(Vec<Part>, String), Refusal> {
    let (own, At { text, at, has_with, .. }) = (param, place);
    let tokens = tokens_of(text)?;
    let (mut parts, mut edits, mut with) = (Vec::new(), Vec::new(), Vec::new());
    let mut prefix = "shardway_".to_owned();
    while text.contains(&prefix) {
        prefix.push('_');
    }
    if let Some((times, requirement)) = times {
        let name = format!("{prefix}time");
        let columns: Vec<Column> = times.iter().enumerate().map(|(number, time)| time_column(number, time)).collect();
        with.push(stand_in(&name, &columns.iter().collect::<Vec<_>>(), &mut param)?);
        let asked: Vec<Edit> =
            times.iter().enumerate().map(|(number, time)| time_of(text, &name, number, time)).collect();
        let list: Vec<&str> = asked.iter().map(|edit| &text[edit.at.clone()]).collect();
        let columns = columns.iter().map(transfer).collect();
        let text = format!("SELECT {}", list.join(", ")).into();
        parts.push(Part { requirement: requirement.clone(), text, params: Vec::new(), columns });
        edits.extend(asked);
    }
    let before = parts.len();
    let names_schemas = spread.is_some_and(|spread| spread.mentions.names_schemas);
    for (mention, requirement) in spread.iter().flat_map(|spread| &spread.tables) {
        if spread.is_some_and(|spread| spread.mentions.is_whole(mention)) {
            if matches!(mention.what, Mentioned::Counted { .. }) {
                return Err(Refusal::reads_sequence(&mention.name.name));
            }
            let list = format!("ROW({}.*)", quoted(visible_of(mention)));
            let part = place.returned(mention, &list, whole_part(mention, requirement, names_schemas)?);
            let known = parts.iter().position(|it| *it == part);
            let before: usize = parts[..known.unwrap_or(parts.len())].iter().map(|part| part.columns.len()).sum();
            edits.push(instead_of(&tokens, mention, &of_whole_rows(mention, usize::from(own) + before + 1))?);
            if known.is_none() {
                param = next(param)?;
                parts.push(part);
            }
            continue;
        }
        let is_counted = matches!(mention.what, Mentioned::Counted { .. });
        let (columns, part) = match spread.filter(|_| !is_counted) {
            Some(spread) => {
                let columns = columns_of(mention, &spread.mentions)?;
                let part = part(mention, requirement, &columns, names_schemas);
                (columns.clone(), place.returned(mention, &list_of(&columns, Some(visible_of(mention))), part))
            }
            None => (Vec::new(), counted_part(mention, requirement)),
        };
        // The same rows are fetched once, under one name: PostgreSQL compares expressions by the tables they name.
        let known = parts.iter().position(|it| *it == part);
        let name = format!("{prefix}{}", known.unwrap_or(parts.len()) + 1 - before);
        edits.push(instead_of(&tokens, mention, &name)?);
        if known.is_none() {
            with.push(match is_counted {
                true => counted(&name, &mut param)?,
                false => stand_in(&name, &columns, &mut param)?,
            });
            parts.push(part);
        }
    }
    for grouped in spread.iter().flat_map(|spread| &spread.mentions.grouped) {
        edits.extend(spread.and_then(|spread| dependent_on(grouped, spread)).map(|(edit, _)| edit));
    }
    for condition in grouping_sets::conditions(&tokens) {
        edits.push(Edit { at: condition.start..condition.start, to: "(".to_owned() });
        edits.push(Edit { at: condition.end..condition.end, to: ") IS TRUE".to_owned() });
    }
    if let Some(spread) = spread {
        let mentions: Vec<_> = spread.tables.iter().map(|(mention, _)| mention).collect();
        edits.extend(without_schemas(&tokens, &mentions, &spread.mentions.shadowed)?);
    }
    if !with.is_empty() {
        edits.push(beginning(text, at, &with.join(", "), has_with));
    }
    let text = edited(text, edits)?;
    Ok((parts, text[at.start..].to_owned()))
}

fn time_column(number: usize, time: &Time) -> Column {
    let type_name = match time.type_oid {
        1082 => "date",
        1083 => "time without time zone",
        1114 => "timestamp without time zone",
        1266 => "time with time zone",
        _ => "timestamp with time zone",
    };
    Column {
        name: format!("t{}", number + 1).into(),
        type_oid: time.type_oid,
        type_name: type_name.into(),
        default: ColumnDefault::None,
        is_not_null: true,
        has_loose_equality: false,
        collation: None,
        is_steady: true,
    }
}

fn columns_of<'a>(mention: &Mention<'a>, mentions: &Mentions<'_>) -> Result<Vec<&'a Column>, Refusal> {
    let relation = relation_of(mention)?;
    let columns = mentions.columns_of(mention, relation);
    check_values(relation, &columns)?;
    Ok(columns)
}

/// Columns that a primary key in GROUP BY stands for are grouped by too: that makes no other groups, and rows that were
/// fetched have no primary key. Says too whether all of them can be grouped by.
fn dependent_on(grouped: &Grouped, spread: &Spread<'_>) -> Option<(Edit, bool)> {
    let (mention, _) = spread.tables.get(grouped.table)?;
    let relation = relation_of(mention).ok()?;
    let is_whole = spread.mentions.is_whole(mention);
    let named =
        if is_whole { relation.columns.iter().collect() } else { spread.mentions.columns_of(mention, relation) };
    let visible = quoted(mention.alias.as_ref().unwrap_or(&mention.name.name));
    let all_can = named.iter().all(|column| is_grouped_by(column));
    let others = named.into_iter().filter(|column| !grouped.key.contains(&column.name) && is_grouped_by(column));
    let mut items: Vec<String> = others.map(|column| format!("{visible}.{}, ", quoted(&column.name))).collect();
    items.extend((spread.mentions.shows_rows(mention) && all_can).then(|| format!("({visible}.*), ")));
    Some((Edit { at: grouped.at..grouped.at, to: items.concat() }, all_can))
}

/// Each column that stands ungrouped in it would be so over the tables themselves.
fn groups_as_tables(spread: &Spread<'_>) -> bool {
    let is_told = |grouped: &Grouped| dependent_on(grouped, spread).is_some_and(|(_, all_can)| all_can);
    !spread.mentions.may_depend && spread.mentions.grouped.iter().all(is_told)
}
