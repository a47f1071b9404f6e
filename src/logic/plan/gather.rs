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

use std::fmt::Write;
use std::ops::Range;

use crate::logic::catalog::{Column, ColumnDefault};
use crate::logic::sql::parse::with_texts;
use crate::logic::sql::statement::{Located, Statement};

use super::constants::{Literals, array_of_plain};
use super::survey::{Mention, Mentioned, Mentions, Spread, Survey, Time};
use super::words::Words;
use super::{Access, Home, Place, Refusal, Requirement, Schema};

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
    /// Where the final statement runs
    pub home: Home,
    /// May a replica run it?
    pub access: Access,
}

/// The rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which shards have them
    pub requirement: Requirement,
    /// What each of these is asked
    pub text: Box<str>,
    /// The parameters of the user that it names
    pub params: Vec<u16>,
    /// What comes back
    pub columns: Vec<Transfer>,
}

/// How the values of one column travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// The type of the elements of the array
    pub element: u32,
    /// The type of the array
    pub array: u32,
    /// In binary format; types of the user's own travel as text, because their OIDs differ between servers
    pub is_binary: bool,
    /// As text, which some settings of a session make ambiguous or round off (DateStyle, extra_float_digits)
    pub depends_on_settings: bool,
}

/// Several parts as one statement, so that one snapshot shows them all. Each row begins with the number of its part; the
/// columns of the others are NULL in it. The first arm has no rows: it tells the types.
pub fn together(parts: &[&Part]) -> Option<Part> {
    let (first, _) = parts.split_first()?;
    let from = |number: usize| format!("({}) AS q{number}", parts[number].text);
    let all: Vec<usize> = (0..parts.len()).collect();
    let list = |own: &[usize]| {
        let of = |number: usize| match own.contains(&number) {
            true => format!("q{number}.*"),
            false => vec!["NULL"; parts[number].columns.len()].join(", "),
        };
        all.iter().map(|number| of(*number)).collect::<Vec<_>>().join(", ")
    };
    let sources = all.iter().map(|number| from(*number)).collect::<Vec<_>>().join(", ");
    let mut text = format!("SELECT 0, {} FROM {sources} WHERE false", list(&all));
    let mut params: Vec<u16> = parts.iter().flat_map(|part| part.params.iter().copied()).collect();
    params.sort_unstable();
    params.dedup();
    for number in all.iter().copied() {
        let _infallible = write!(text, " UNION ALL SELECT {number}, {} FROM {}", list(&[number]), from(number));
    }
    let columns = std::iter::once(NUMBER).chain(parts.iter().flat_map(|part| part.columns.iter().copied())).collect();
    Some(Part { requirement: first.requirement.clone(), text: text.into(), params, columns })
}

/// The number of a part.
const NUMBER: Transfer = Transfer { element: 23, array: 1007, is_binary: true, depends_on_settings: false };
pub(super) const TEXT: Transfer = Transfer { element: 25, array: 1009, is_binary: false, depends_on_settings: false };
pub(super) const BOOL: Transfer = Transfer { element: 16, array: 1000, is_binary: true, depends_on_settings: false };

/// Views on views beyond this are refused.
const VIEW_ROUNDS_MAX: usize = 16;
/// Texts longer than this are refused: views that multiply.
const TEXT_MAX: usize = 1 << 20;

/// Plans one statement. `text` is the statement alone.
pub fn gather(text: &str, schema: &Schema<'_>) -> Result<Gather, Refusal> {
    in_rounds(text, |one, text| round(one, text, schema))
}

/// What one look at a text comes to.
pub(super) enum Round<T> {
    Done(Box<T>),
    /// Its views are written out: look again
    Expanded(String),
}

/// Looks at a statement until none of its views is left.
pub(super) fn in_rounds<T>(
    text: &str,
    round: impl Fn(&Located, &str) -> Result<Round<T>, Refusal>,
) -> Result<T, Refusal> {
    let mut expanded;
    let mut text = text;
    for _ in 0..VIEW_ROUNDS_MAX {
        let parsed = with_texts(text, |located| match located {
            [one] => round(one, text),
            _ => Err(Refusal::across("a query of several statements")),
        });
        match parsed.unwrap_or_else(|_| Err(Refusal::across("a text that does not parse")))? {
            Round::Done(plan) => return Ok(*plan),
            Round::Expanded(text) if text.len() > TEXT_MAX => break,
            Round::Expanded(text) => expanded = text,
        }
        text = &expanded;
    }
    Err(Refusal::across("so many views"))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only queries read rows of several shards")]
fn round(located: &Located, text: &str, schema: &Schema<'_>) -> Result<Round<Gather>, Refusal> {
    let has_with = match &located.statement {
        Statement::Query(query) => query.with.is_some(),
        _ => return Err(Refusal::across("a statement that is no query")),
    };
    let mut survey = Survey::new(*schema, Literals::new(text, None), "SELECT");
    survey.keep_all_tables();
    survey.statement(&located.statement);
    let spread = survey.finish_spread()?;
    if !spread.views.is_empty() {
        return Ok(Round::Expanded(with_views(text, &spread.views)?));
    }
    finished(&located.at, text, &spread, has_with).map(|gather| Round::Done(Box::new(gather)))
}

/// A piece of text in the place of another.
struct Edit {
    at: Range<usize>,
    to: String,
}

fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.at.start);
    let mut out = String::with_capacity(text.len() + 200);
    let mut done = 0;
    for edit in edits {
        out.push_str(&text[done..edit.at.start]);
        out.push_str(&edit.to);
        done = edit.at.end;
    }
    out.push_str(&text[done..]);
    out
}

pub(super) fn with_views(text: &str, views: &[Mention<'_>]) -> Result<String, Refusal> {
    let mut edits = Vec::with_capacity(views.len());
    for view in views {
        let Mentioned::View { definition } = &view.what else { continue };
        let query = definition.trim_end().trim_end_matches(';');
        edits.push(instead_of(text, view, &format!("({query})"))?);
    }
    Ok(edited(text, edits))
}

/// Something else in the place of a table, under the name that the table has in the statement.
fn instead_of(text: &str, mention: &Mention<'_>, to: &str) -> Result<Edit, Refusal> {
    let unplaced = || Refusal::across(&format!("the way \"{}\" is named", mention.name.name));
    if mention.name.is_only {
        return Err(Refusal::across("ONLY"));
    }
    let start = mention.name.at.ok_or_else(unplaced)?;
    let end = start + name_length(text.get(start..).ok_or_else(unplaced)?, mention.name.schema.is_some());
    if follows_table(&text[..start]) {
        return Err(Refusal::across("TABLE"));
    }
    let alias = match &mention.alias {
        Some(_) => String::new(),
        None => format!(" AS {}", quoted(&mention.name.name)),
    };
    Ok(Edit { at: start..end, to: format!("{to}{alias}") })
}

/// The bytes of `name` or `schema.name`, and of the `*` that may follow.
fn name_length(text: &str, has_schema: bool) -> usize {
    let mut words = Words::of(text);
    let mut end = 0;
    for _ in 0..if has_schema { 3 } else { 1 } {
        end = words.next().map_or(end, |(_, end)| end);
    }
    match words.next() {
        Some(("*", after)) => after,
        _ => end,
    }
}

/// The statement TABLE takes a name and nothing else.
fn follows_table(before: &str) -> bool {
    let before = before.trim_end();
    before.len() >= 5 && before.get(before.len() - 5..).is_some_and(|word| word.eq_ignore_ascii_case("table"))
}

fn finished(at: &Range<usize>, text: &str, spread: &Spread<'_>, has_with: bool) -> Result<Gather, Refusal> {
    let (parts, text) = over(At { text, at, has_with }, Some(spread), None, spread.params)?;
    let shard = |shard| Requirement { table: "shardway".into(), place: Place::Shard(shard) };
    let home = match (spread.shard, spread.is_bound) {
        (Some(it), _) => Home::Meet(vec![shard(it)]),
        (None, true) => Home::Current,
        (None, false) => Home::Any,
    };
    Ok(Gather { parts, text: text.into(), params: spread.params, absent: Vec::new(), home, access: spread.access })
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
}

/// The places of a statement that ask for the time, and whose shards may tell it.
pub(super) type Times<'t> = (&'t [Time], &'t Requirement);

/// A statement over rows that are fetched, and over a time that is asked for once, in the first part. `param` is the number
/// of its own parameters.
pub(super) fn over(
    At { text, at, has_with }: At<'_>,
    spread: Option<&Spread<'_>>,
    times: Option<Times<'_>>,
    mut param: u16,
) -> Result<(Vec<Part>, String), Refusal> {
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
    for (mention, requirement) in spread.iter().flat_map(|spread| &spread.tables) {
        let columns = spread.map_or(Ok(Vec::new()), |spread| columns_of(mention, &spread.mentions))?;
        let part = part(mention, requirement, &columns);
        // The same rows are fetched once, under one name: PostgreSQL compares expressions by the tables they name.
        let known = parts.iter().position(|it| *it == part);
        let name = format!("{prefix}{}", known.unwrap_or(parts.len()) + 1 - before);
        edits.push(instead_of(text, mention, &name)?);
        if known.is_none() {
            with.push(stand_in(&name, &columns, &mut param)?);
            parts.push(part);
        }
    }
    edits.push(beginning(text, at, &with.join(", "), has_with));
    let text = edited(text, edits);
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
    }
}

/// The time in the place of a word or call that asks for it. A query in parentheses has the name of its column, so that
/// of the function stays.
fn time_of(text: &str, table: &str, number: usize, time: &Time) -> Edit {
    let mut words = Words::of(&text[time.at..]);
    let (mut name, mut end) = words.next().unwrap_or_default();
    let mut is_open = time.is_call;
    while let Some((word, after)) = words.next() {
        match word {
            "(" if !is_open => is_open = true,
            ")" if is_open => {
                end = after;
                break;
            }
            _ if !is_open => break,
            "(" | "." => (),
            word if time.is_call => name = word,
            _ => (),
        }
    }
    let name = name.trim_matches('"').to_ascii_lowercase();
    let to = format!("(SELECT t{} AS {} FROM {table})", number + 1, quoted(&name));
    Edit { at: time.at..time.at + end, to }
}

fn columns_of<'a>(mention: &Mention<'a>, mentions: &Mentions<'_>) -> Result<Vec<&'a Column>, Refusal> {
    match &mention.what {
        Mentioned::Sharded { relation: Some(relation), .. } | Mentioned::Whole { relation: Some(relation), .. }
            if !relation.columns.is_empty() =>
        {
            let columns = mentions.columns_of(mention, relation);
            // Their text is a name alone, which several functions or operators may have.
            match columns.iter().find(|column| ["regproc", "regoper"].contains(&&*column.type_name)) {
                Some(column) => Err(Refusal::across(&format!("a column of the type {}", column.type_name))),
                None => Ok(columns),
            }
        }
        Mentioned::Sharded { .. } | Mentioned::Whole { .. } | Mentioned::View { .. } => {
            Err(Refusal::across(&format!("\"{}\", whose columns are not known,", mention.name.name)))
        }
    }
}

/// WITH goes before the statement; where it has one, perhaps inside parentheses, among its parts.
fn beginning(text: &str, at: &Range<usize>, with: &str, has_with: bool) -> Edit {
    let mut words = Words::of(&text[at.clone()]);
    let (mut word, mut end) = words.next().unwrap_or_default();
    if !has_with {
        let start = at.start + end - word.len();
        return Edit { at: start..start, to: format!("WITH {with} ") };
    }
    while word == "(" {
        (word, end) = words.next().unwrap_or_default();
    }
    let end = match words.next() {
        Some((word, end)) if word.eq_ignore_ascii_case("recursive") => end,
        Some(_) | None => end,
    };
    Edit { at: at.start + end..at.start + end, to: format!(" {with}, ") }
}

/// The part of WITH that stands in for a table.
pub(super) fn stand_in(name: &str, columns: &[&Column], param: &mut u16) -> Result<String, Refusal> {
    let (mut names, mut values, mut arrays) = (Vec::new(), Vec::new(), Vec::new());
    for (number, column) in columns.iter().enumerate() {
        names.push(quoted(&column.name));
        let collation = column.collation.as_ref().map(|it| format!(" COLLATE {it}")).unwrap_or_default();
        values.push(format!("u.c{number}::{}{collation}", column.type_name));
    }
    for number in 0..columns.len().max(1) {
        *param = param.checked_add(1).ok_or_else(|| Refusal::across("so many columns and parameters"))?;
        arrays.push((format!("pg_catalog.unnest(${param})"), format!("c{number}")));
    }
    let names = if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) };
    let (calls, aliases): (Vec<_>, Vec<_>) = arrays.into_iter().unzip();
    Ok(format!(
        "{name}{names} AS MATERIALIZED (SELECT {} FROM ROWS FROM ({}) AS u({}))",
        values.join(", "),
        calls.join(", "),
        aliases.join(", ")
    ))
}

fn part(mention: &Mention<'_>, requirement: &Requirement, columns: &[&Column]) -> Part {
    let name = &mention.name;
    let schema = name.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
    let list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    // Rows are counted even where no column is looked at.
    let list = if list.is_empty() { "true".to_owned() } else { list.join(", ") };
    // Only conditions name the alias.
    let alias = mention.alias.as_ref().filter(|_| !mention.conditions.is_empty()).unwrap_or(&name.name);
    let mut text = format!("SELECT {list} FROM {schema}{} AS {}", quoted(&name.name), quoted(alias));
    let mut params = Vec::new();
    for (number, condition) in mention.conditions.iter().enumerate() {
        let word = if number == 0 { "WHERE" } else { "AND" };
        let _infallible = write!(text, " {word} ({})", condition.text);
        params.extend_from_slice(&condition.params);
    }
    params.sort_unstable();
    params.dedup();
    let columns = if columns.is_empty() { vec![BOOL] } else { columns.iter().map(|it| transfer(it)).collect() };
    Part { requirement: requirement.clone(), text: text.into(), params, columns }
}

pub(super) fn transfer(column: &Column) -> Transfer {
    let element = column.type_oid;
    match array_of_plain(element) {
        Some(array) => Transfer { element, array, is_binary: true, depends_on_settings: false },
        None => Transfer { depends_on_settings: !is_steady(column), ..TEXT },
    }
}

/// The text of its values is the same under all settings, and so is that of arrays of them.
pub(super) fn is_steady(column: &Column) -> bool {
    const OIDS_OF_USERS: u32 = 16_384;
    const STEADY: [&str; 13] = [
        "smallint",
        "integer",
        "bigint",
        "numeric",
        "text",
        "character",
        "boolean",
        "uuid",
        "json",
        "name",
        "reg",
        "bit",
        "ts",
    ];
    column.type_oid < OIDS_OF_USERS && STEADY.iter().any(|name| column.type_name.starts_with(name))
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
