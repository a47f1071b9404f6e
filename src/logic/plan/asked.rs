//! Queries for what the session itself knows, where servers know nothing of it or something else: its number, the channels
//! that it listens on, the names of its prepared statements. They become queries of constants.

use std::ops::Range;

use crate::logic::sql::name::literal;
use crate::logic::sql::statement::expression::{Call, Expression};
use crate::logic::sql::statement::{Body, Distinct, FromItem, Query, Select};

use super::Schema;
use super::process::{end_of_call, is_of_postgres};
use super::schema::Found;
use super::words::Words;

/// What a query asks for, and where it does so in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// `pg_backend_pid()`
    Number(Vec<Range<usize>>),
    /// `pg_listening_channels()`; does the answer have a name there already?
    Channels(Range<usize>, bool),
    /// `pg_prepared_statements`, of which no more than the names matters
    Prepared(Range<usize>),
}

impl Asked {
    /// In the text that begins there.
    pub fn behind(self, start: usize) -> Self {
        let moved = |place: Range<usize>| place.start - start..place.end - start;
        match self {
            Self::Number(places) => Self::Number(places.into_iter().map(moved).collect()),
            Self::Channels(place, is_named) => Self::Channels(moved(place), is_named),
            Self::Prepared(place) => Self::Prepared(moved(place)),
        }
    }

    /// It asks for something that changes from one execution to the next.
    pub fn is_list(&self) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Channels(..) | Self::Prepared(_) => true,
        }
    }
}

/// `SELECT pg_listening_channels()`, `SELECT … FROM pg_listening_channels()`, and `SELECT count(*) FROM pg_prepared_statements`
/// or of its names. `text` is what the query was parsed from.
pub fn lists(query: &Query, text: &str, schema: &Schema<'_>) -> Option<Asked> {
    let Body::Select(select) = &query.body else { return None };
    let is_plain = query.with.is_none()
        && !query.is_locking
        && query.limits.is_empty()
        && query.order_by.iter().all(|it| is_name(it) || is_position(it));
    let Select { distinct: Distinct::No, targets, from, filter: None, group_by, having: None, windows, .. } = &**select
    else {
        return None;
    };
    if !is_plain || !group_by.is_empty() || !windows.is_empty() {
        return None;
    }
    let channels = |call: &Call| {
        let is_bare = call.arguments.is_empty() && call.rest.is_empty() && call.over.is_none();
        let end =
            end_of_call(text, call.at).filter(|_| is_bare && is_of_postgres(call, "pg_listening_channels", schema));
        end.map(|end| call.at..end)
    };
    match (targets.as_slice(), from.as_slice()) {
        ([target], []) if query.order_by.is_empty() => {
            let Expression::Call(call) = &target.value else { return None };
            Some(Asked::Channels(channels(call)?, target.name.is_some()))
        }
        ([target], [FromItem::Rows { calls, alias }])
            if (is_name(&target.value) || is_all(&target.value, schema)) && alias.columns.is_empty() =>
        {
            let place = channels(only_call(calls)?)?;
            let stands_alone = Words::of(text.get(place.end..)?).next().is_none_or(|(word, _)| {
                // ROWS FROM (…), WITH ORDINALITY.
                word != ")" && !word.eq_ignore_ascii_case("with")
            });
            Some(Asked::Channels(place, alias.name.is_some())).filter(|_| stands_alone)
        }
        (targets, [FromItem::Table { name, alias, sample: None }])
            if &*name.name == "pg_prepared_statements"
                && alias.name.is_none()
                && matches!(schema.find(name), Found::System)
                && targets.iter().all(|it| is_the_name(&it.value) || is_count(&it.value, schema)) =>
        {
            let at = name.at?;
            Some(Asked::Prepared(at..end_of_name(text, at)?))
                .filter(|_| query.order_by.iter().all(|it| is_the_name(it) || is_position(it)))
        }
        _ => None,
    }
}

/// The function in FROM: definitions of columns may stand beside it.
fn only_call(calls: &[Expression]) -> Option<&Call> {
    match calls {
        [Expression::Call(call)] => Some(call),
        [Expression::Other(parts) | Expression::Row(parts) | Expression::Array(parts)] => only_call(parts),
        [first, Expression::Other(none)] if none.is_empty() => only_call(std::slice::from_ref(first)),
        [..] => None,
    }
}

/// A column by its bare name.
fn is_name(expression: &Expression) -> bool {
    matches!(expression, Expression::Column(parts) if parts.len() == 1)
}

fn is_position(expression: &Expression) -> bool {
    matches!(expression, Expression::Constant(_))
}

fn is_the_name(expression: &Expression) -> bool {
    matches!(expression, Expression::Column(parts) if parts.len() == 1 && &*parts[0] == "name")
}

/// `*`, `count(*)`.
fn is_all(expression: &Expression, schema: &Schema<'_>) -> bool {
    matches!(expression, Expression::Star(of) if of.is_empty()) || is_count(expression, schema)
}

fn is_count(expression: &Expression, schema: &Schema<'_>) -> bool {
    let Expression::Call(call) = expression else { return false };
    let is_bare = call.rest.is_empty() && call.over.is_none();
    is_bare
        && call.arguments.iter().all(|it| matches!(it, Expression::Star(_)) || is_the_name(it))
        && is_of_postgres(call, "count", schema)
}

/// Behind the name of a relation, which begins at `at`.
fn end_of_name(text: &str, at: usize) -> Option<usize> {
    let mut words = Words::of(text.get(at..)?);
    let (_, mut end) = words.next()?;
    while let Some((".", _)) = words.next() {
        end = words.next()?.1;
    }
    Some(at + end)
}

/// The query of these values. Columns are named as before, and of the same types.
pub fn with_list<'v>(text: &str, asked: &Asked, values: impl Iterator<Item = &'v str>) -> String {
    let (place, name) = match asked {
        Asked::Number(_) => return text.to_owned(),
        Asked::Channels(place, is_named) => (place, if *is_named { "" } else { " AS pg_listening_channels" }),
        Asked::Prepared(place) => (place, " AS pg_prepared_statements(name)"),
    };
    let quoted = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    let array = format!("{{{}}}", values.map(quoted).collect::<Vec<_>>().join(","));
    let list = format!("pg_catalog.unnest({}::pg_catalog.text[]){name}", literal(&array));
    format!("{}{list}{}", &text[..place.start], &text[place.end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::sql::parse::with_statements;
    use crate::logic::sql::statement::Statement;

    #[test]
    fn a_function_in_from_is_found() {
        let found = with_statements("SELECT * FROM pg_listening_channels()", |located| {
            let Statement::Query(query) = &located[0].statement else { return None };
            let Body::Select(select) = &query.body else { return None };
            let [FromItem::Rows { calls, .. }] = select.from.as_slice() else { return None };
            assert!(only_call(calls).is_some(), "{calls:?}");
            Some(())
        });
        assert_eq!(found, Ok(Some(())));
    }

    #[test]
    fn a_list_stands_where_it_was_asked_for() {
        let text = "SELECT pg_listening_channels()";
        let all = with_list(text, &Asked::Channels(7..30, false), ["a", "b \"c"].into_iter());
        assert_eq!(all, r#"SELECT pg_catalog.unnest(E'{"a","b \\"c"}'::pg_catalog.text[]) AS pg_listening_channels"#);
        let text = "SELECT count(*) FROM pg_catalog.pg_prepared_statements ORDER BY 1";
        let end = end_of_name(text, 21).expect("it ends");
        let none = with_list(text, &Asked::Prepared(21..end), std::iter::empty());
        assert_eq!(
            none,
            "SELECT count(*) FROM pg_catalog.unnest('{}'::pg_catalog.text[]) AS pg_prepared_statements(name) ORDER BY 1"
        );
    }
}
