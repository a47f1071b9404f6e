//! What stands in the place of a table in a statement over rows that were fetched: one array a column, or one of whole rows.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::logic::catalog::Column;
use crate::logic::sql::name::{qualified, quoted};

use super::constants::array_of_plain;
use super::refusal::Refusal;
use super::survey::Mention;

/// How the values of one column travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The type of the elements of the array
    pub element: u32,
    /// The type of the array
    pub array: u32,
    /// In binary format; types of the user's own travel as text, because their OIDs differ between servers
    pub is_binary: bool,
    /// As text, which some settings of a session make ambiguous or round off (DateStyle, extra_float_digits)
    pub depends_on_settings: bool,
    /// As text: the type that it is read as; of rows as a whole their table
    pub read_as: Option<Arc<str>>,
}

pub(super) const TEXT: Transfer =
    Transfer { element: 25, array: 1009, is_binary: false, depends_on_settings: false, read_as: None };
pub(super) const BOOL: Transfer =
    Transfer { element: 16, array: 1000, is_binary: true, depends_on_settings: false, read_as: None };

pub(super) const BIGINT: Transfer =
    Transfer { element: 20, array: 1016, is_binary: true, depends_on_settings: false, read_as: None };

/// The part of WITH that stands in for a sequence that several shards count: it is where the one is that has come furthest,
/// or, as long as none has been asked for a number, the one whose first comes first.
pub(super) fn counted(name: &str, param: &mut u16) -> Result<String, Refusal> {
    let first = next(*param)?;
    for _ in 0..4 {
        *param = next(*param)?;
    }
    Ok(format!(
        "{name}(last_value, log_cnt, is_called) AS MATERIALIZED (SELECT u.c0::bigint, u.c1::bigint, u.c2::boolean FROM {} AS \
         u(c0, c1, c2, c3) ORDER BY u.c2::boolean DESC, CASE WHEN u.c2::boolean = u.c3::boolean THEN - u.c0::numeric ELSE \
         u.c0::numeric END LIMIT 1)",
        rows_of(first..=*param)
    ))
}

/// The part of WITH that stands in for a table.
pub(super) fn stand_in(name: &str, columns: &[&Column], param: &mut u16) -> Result<String, Refusal> {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (number, column) in columns.iter().enumerate() {
        names.push(quoted(&column.name));
        let collation = column.collation.as_ref().map(|it| format!(" COLLATE {it}")).unwrap_or_default();
        values.push(format!("u.c{number}::{}{collation}", column.type_name));
    }
    let first = next(*param)?;
    for _ in 0..columns.len().max(1) {
        *param = next(*param)?;
    }
    let aliases: Vec<String> = (0..=*param - first).map(|number| format!("c{number}")).collect();
    let names = if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) };
    Ok(format!(
        "{name}{names} AS MATERIALIZED (SELECT {} FROM {} AS u({}))",
        values.join(", "),
        rows_of(first..=*param),
        aliases.join(", ")
    ))
}

/// The rows whose columns are these parameters.
pub(super) fn rows_of(params: RangeInclusive<u16>) -> String {
    let calls: Vec<String> = params.map(|param| format!("pg_catalog.unnest(${param})")).collect();
    format!("ROWS FROM ({})", calls.join(", "))
}

/// More arrays than one for each column, where one would be too large for PostgreSQL: the text of a statement whose rows of
/// the parameters from `first` on, `width` of them, are those of the parameters from each of `others` on too. `None` where
/// they stand for rows as a whole.
pub fn widened(text: &str, first: u16, width: u16, others: &[u16]) -> Option<String> {
    let rows = |first: u16| rows_of(first..=first + width - 1);
    let one = rows(first);
    let all: Vec<String> =
        [first].iter().chain(others).map(|first| format!("SELECT * FROM {}", rows(*first))).collect();
    text.contains(&one).then(|| text.replacen(&one, &format!("({})", all.join(" UNION ALL ")), 1))
}

/// Whole rows, as the table itself: what unnests an array of its type has the columns of the table, and its rows are of
/// that type. They travel as text, in the parameter of this number.
pub(super) fn of_whole_rows(mention: &Mention<'_>, param: usize) -> String {
    let rows = texts_of_rows(param, &table_of(mention));
    format!("pg_catalog.unnest({rows})")
}

/// The array of a table's rows whose texts are this parameter.
pub(super) fn texts_of_rows(param: impl std::fmt::Display, of: &str) -> String {
    format!("${param}::pg_catalog.text[]::{of}[]")
}

/// Its table, as what stands in for it is of the type of.
pub(super) fn table_of(mention: &Mention<'_>) -> String {
    qualified(mention.schema.as_deref(), &mention.name.name)
}

/// The parameter behind this one.
pub(super) fn next(param: u16) -> Result<u16, Refusal> {
    param.checked_add(1).ok_or_else(|| Refusal::across("so many columns and parameters"))
}

pub(super) fn transfer(column: &Column) -> Transfer {
    let element = column.type_oid;
    match array_of_plain(element) {
        Some(array) => Transfer { element, array, is_binary: true, depends_on_settings: false, read_as: None },
        None => Transfer { depends_on_settings: !column.is_steady, read_as: Some((&*column.type_name).into()), ..TEXT },
    }
}

/// Its type has an equality to group by; types of the user's own may have none.
pub(super) fn is_grouped_by(column: &Column) -> bool {
    // json, point, lseg, path, box, polygon, line, circle
    const WITHOUT: [u32; 8] = [114, 600, 601, 602, 603, 604, 628, 718];
    array_of_plain(column.type_oid).is_some() && !WITHOUT.contains(&column.type_oid)
}
