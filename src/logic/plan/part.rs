//! What shards are asked for, where one server runs a statement over their rows: some columns of a table, its rows as a whole,
//! or the numbers of a sequence.

use std::fmt::Write;

use crate::logic::catalog::{Column, Relation};
use crate::logic::sql::name::{literal, qualified, quoted};

use super::stand_in::{BIGINT, BOOL, TEXT, Transfer, table_of, transfer};
use super::survey::Mention;
use super::{Refusal, Requirement};

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
    let columns = std::iter::once(NUMBER).chain(parts.iter().flat_map(|part| part.columns.iter().cloned())).collect();
    Some(Part { requirement: first.requirement.clone(), text: text.into(), params, columns })
}

/// The number of a part.
const NUMBER: Transfer =
    Transfer { element: 23, array: 1007, is_binary: true, depends_on_settings: false, read_as: None };

/// The text of some types is a name alone, which several functions or operators may have.
pub(super) fn is_a_name(column: &Column) -> bool {
    ["regproc", "regoper"].contains(&&*column.type_name)
}

/// Values can be written down here and read again there.
pub(super) fn check_values(relation: &Relation, columns: &[&Column]) -> Result<(), Refusal> {
    if let Some(column) = columns.iter().find(|column| relation.checks_values_of(column))
        && let Some(function) = relation.checks.first()
    {
        return Err(Refusal::made_again(&column.name, &column.type_name, function));
    }
    match columns.iter().find(|column| is_a_name(column)) {
        Some(column) => Err(Refusal::across(&format!("a column of the type {}", column.type_name))),
        None => Ok(()),
    }
}

/// What the catalog knows of a table whose rows are fetched.
pub(super) fn relation_of<'a>(mention: &Mention<'a>) -> Result<&'a Relation, Refusal> {
    let known = mention.relation().filter(|relation| !relation.columns.is_empty());
    known.ok_or_else(|| Refusal::across(&format!("\"{}\", whose columns are not known,", mention.name.name)))
}

/// These columns of a table.
pub(super) fn part(mention: &Mention<'_>, requirement: &Requirement, columns: &[&Column], names_schemas: bool) -> Part {
    let list = list_of(columns, None);
    let columns = if columns.is_empty() { vec![BOOL] } else { columns.iter().map(|it| transfer(it)).collect() };
    part_of(mention, requirement, &list, columns, names_schemas)
}

/// What a shard is asked for: these columns, `of` a table.
pub(super) fn list_of(columns: &[&Column], of: Option<&str>) -> String {
    let of = of.map(|of| format!("{}.", quoted(of))).unwrap_or_default();
    let list: Vec<String> = columns.iter().map(|column| format!("{of}{}", quoted(&column.name))).collect();
    // Rows are counted even where no column is looked at.
    if list.is_empty() { "true".to_owned() } else { list.join(", ") }
}

/// The numbers of a sequence, and whether it goes up.
pub(super) fn counted_part(mention: &Mention<'_>, requirement: &Requirement) -> Part {
    let name = qualified(mention.name.schema.as_deref(), &mention.name.name);
    let text = format!(
        "SELECT last_value, log_cnt, is_called, (SELECT seqincrement > 0 FROM pg_catalog.pg_sequence WHERE seqrelid = \
         {}::pg_catalog.regclass) FROM {name}",
        literal(&name)
    );
    let columns = vec![BIGINT, BIGINT, BOOL, BOOL];
    Part { requirement: requirement.clone(), text: text.into(), params: Vec::new(), columns }
}

/// Rows as a whole, as text: the OID of their type is another one on each server.
pub(super) fn whole_part(
    mention: &Mention<'_>,
    requirement: &Requirement,
    names_schemas: bool,
) -> Result<Part, Refusal> {
    let relation = relation_of(mention)?;
    check_values(relation, &relation.columns.iter().collect::<Vec<_>>())?;
    let depends_on_settings = !relation.columns.iter().all(|column| column.is_steady);
    let list = format!("ROW({}.*)", quoted(alias_of(mention)));
    let columns = vec![Transfer { depends_on_settings, read_as: Some(table_of(mention).into()), ..TEXT }];
    Ok(part_of(mention, requirement, &list, columns, names_schemas))
}

/// The name of a table in its statement.
pub(super) fn visible_of<'m>(mention: &'m Mention<'_>) -> &'m str {
    mention.alias.as_ref().unwrap_or(&mention.name.name)
}

/// The name of a table in its part. Only conditions name the alias.
fn alias_of<'m>(mention: &'m Mention<'_>) -> &'m str {
    mention.alias.as_ref().filter(|_| !mention.conditions.is_empty()).unwrap_or(&mention.name.name)
}

/// What a shard is asked of a table: `list`, which makes these columns.
fn part_of(
    mention: &Mention<'_>,
    requirement: &Requirement,
    list: &str,
    columns: Vec<Transfer>,
    names_schemas: bool,
) -> Part {
    let name = &mention.name;
    let only = if name.is_only { "ONLY " } else { "" };
    let mut text = format!("SELECT {list} FROM {only}{}", qualified(name.schema.as_deref(), &name.name));
    // With an alias it could not be named with its schema.
    if mention.alias.is_some() || !names_schemas {
        let _infallible = write!(text, " AS {}", quoted(alias_of(mention)));
    }
    let mut params = Vec::new();
    for (number, condition) in mention.conditions.iter().enumerate() {
        let word = if number == 0 { "WHERE" } else { "AND" };
        let _infallible = write!(text, " {word} ({})", condition.text);
        params.extend_from_slice(&condition.params);
    }
    params.sort_unstable();
    params.dedup();
    Part { requirement: requirement.clone(), text: text.into(), params, columns }
}
