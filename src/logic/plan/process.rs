//! The numbers of sessions. A client bears one of its own, above those of all servers' processes: `pg_backend_pid()` tells it,
//! and `pg_cancel_backend` and `pg_terminate_backend` mean the client with it.

use std::ops::Range;

use crate::logic::catalog::{Function, FunctionKind, Volatility};
use crate::logic::sql::statement::expression::{Call, Expression, Literal};
use crate::logic::sql::statement::{Body, Distinct, Query, Select, Target};

use super::constants::Literals;
use super::words::Words;
use super::{Schema, Value};

/// The numbers of clients begin here. Those of processes stay below it (PID_MAX_LIMIT in Linux).
pub const FIRST_CLIENT: i32 = 1 << 22;

/// Where a query calls `pg_backend_pid()`, if the client's number may stand there. It may where nothing is read that servers know
/// of their processes, and nothing is asked about the number. `text` is what it was parsed from.
pub fn own_numbers(query: &Query, text: &str, schema: &Schema<'_>) -> Option<Vec<Range<usize>>> {
    let mut look = Look { schema, found: Vec::new() };
    if !look.query(query) || look.found.is_empty() {
        return None;
    }
    look.found.sort_unstable();
    look.found.dedup();
    look.found.into_iter().map(|at| Some(at..end_of_call(text, at)?)).collect()
}

/// The query with a number in these places. Columns are named as before, and of the same types.
pub fn with_number(text: &str, places: &[Range<usize>], number: i32) -> String {
    let mut out = String::with_capacity(text.len() + 24 * places.len());
    let mut at = 0;
    for place in places {
        out.push_str(&text[at..place.start]);
        out.push_str(&format!("(SELECT {number} AS pg_backend_pid)"));
        at = place.end;
    }
    out + &text[at..]
}

/// Behind `pg_backend_pid()`, which begins at `at`.
pub(super) fn end_of_call(text: &str, at: usize) -> Option<usize> {
    let mut words = Words::of(text.get(at..)?);
    let closing = std::iter::from_fn(|| words.next()).find(|(word, _)| *word == ")");
    closing.map(|(_, end)| at + end)
}

struct Look<'a> {
    schema: &'a Schema<'a>,
    /// Where the calls begin
    found: Vec<usize>,
}

impl Look<'_> {
    /// `false`: a server's number may be meant.
    fn query(&mut self, query: &Query) -> bool {
        let is_plain = query.with.is_none() && !query.is_locking;
        let body = match &query.body {
            Body::Select(select) => self.select(select),
            Body::Values(rows) => rows.iter().all(|row| self.all(row)),
            Body::SetOperation(left, right) => self.query(left) && self.query(right),
        };
        is_plain && body && self.all(&query.order_by) && self.all(&query.limits)
    }

    fn select(&mut self, select: &Select) -> bool {
        let Select { distinct, targets, from, filter, group_by, having, windows, .. } = select;
        let distinct = match distinct {
            Distinct::No | Distinct::Rows => true,
            Distinct::On(items) => self.all(items),
        };
        from.is_empty()
            && distinct
            && targets.iter().all(|target| self.expression(&target.value))
            && filter.iter().chain(having).all(|condition| self.expression(condition))
            && self.all(group_by)
            && self.all(windows)
    }

    fn all(&mut self, expressions: &[Expression]) -> bool {
        expressions.iter().all(|expression| self.expression(expression))
    }

    fn expression(&mut self, expression: &Expression) -> bool {
        match expression {
            Expression::Constant(_)
            | Expression::Param(_)
            | Expression::Column(_)
            | Expression::Star(_)
            | Expression::Moment(_)
            | Expression::Default => true,
            Expression::Cast { inner, .. } | Expression::IsNull(inner) | Expression::Field { of: inner, .. } => {
                self.expression(inner)
            }
            Expression::Compare { left, right, .. } | Expression::NotDistinct(left, right) => {
                self.expression(left) && self.expression(right)
            }
            Expression::Any { left, array, .. } => self.expression(left) && self.expression(array),
            Expression::In { left, list, .. } => self.expression(left) && self.all(list),
            Expression::Between { left, low, high, .. } => {
                self.expression(left) && self.expression(low) && self.expression(high)
            }
            Expression::And(all)
            | Expression::Or(all)
            | Expression::Row(all)
            | Expression::Array(all)
            | Expression::Aggregate(all)
            | Expression::Operator { parts: all, .. }
            | Expression::Other(all) => self.all(all),
            Expression::Call(call) => self.call(call),
            Expression::Subquery(it) => it.test.iter().all(|test| self.expression(test)) && self.query(&it.query),
            Expression::CurrentOf(_) | Expression::Unknown(_) => false,
        }
    }

    fn call(&mut self, call: &Call) -> bool {
        if is_of_postgres(call, "pg_backend_pid", self.schema) {
            self.found.push(call.at);
            return call.arguments.is_empty() && call.rest.is_empty() && call.over.is_none();
        }
        let before = self.found.len();
        let over = call.over.iter().all(|over| self.all(&over.partition) && self.all(&over.rest));
        let inside = over && self.all(&call.arguments) && self.all(&call.rest);
        inside && (self.found.len() == before || self.only_computes(call))
    }

    /// It makes something of its arguments, and knows nothing of processes.
    fn only_computes(&self, call: &Call) -> bool {
        let Some(name) = call.name.last() else { return false };
        let known = self.schema.catalog.functions.get(name).map(Vec::as_slice).unwrap_or_default();
        let computes = |it: &Function| {
            &*it.schema == "pg_catalog" && it.volatility != Volatility::Volatile && it.kind != FunctionKind::Procedure
        };
        !known.is_empty() && known.iter().all(computes) && !name.starts_with("pg_")
    }
}

/// A call of this function of PostgreSQL, and of nothing else that has its name.
pub(super) fn is_of_postgres(call: &Call, name: &str, schema: &Schema<'_>) -> bool {
    let is_named = match call.name.as_slice() {
        [function] => &**function == name,
        [in_schema, function] => &**in_schema == "pg_catalog" && &**function == name,
        _ => false,
    };
    let known = || schema.catalog.functions.get(name).map(Vec::as_slice).unwrap_or_default();
    is_named && known().iter().all(|function| &*function.schema == "pg_catalog")
}

/// `SELECT pg_cancel_backend(number)` or `SELECT pg_terminate_backend(number [, timeout])`.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// What is to become of who has the number
    pub kind: SignalKind,
    /// The number
    pub number: Value,
    /// How many milliseconds to wait for the end
    pub timeout: Option<Value>,
    /// The name of its column
    pub column: Box<str>,
}

/// What a signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalKind {
    /// The statement ends
    Cancel,
    /// The session ends
    Terminate,
}

/// A query that is one of these and no more.
pub fn signal(query: &Query, literals: &Literals<'_>, schema: &Schema<'_>) -> Option<Signal> {
    let (select, target, call) = only_call(query)?;
    let is_bare = select.from.is_empty() && select.filter.is_none() && select.having.is_none();
    let name = call.name.last().filter(|_| is_bare)?;
    let (kind, number, timeout) = match (&**name, call.arguments.as_slice()) {
        ("pg_cancel_backend", [number]) => (SignalKind::Cancel, number, None),
        ("pg_terminate_backend", [number]) => (SignalKind::Terminate, number, None),
        ("pg_terminate_backend", [number, timeout]) => (SignalKind::Terminate, number, Some(timeout)),
        _ => return None,
    };
    let number = whole_number(number, literals, &[INT2, INT4])?;
    let timeout = match timeout {
        Some(timeout) => Some(whole_number(timeout, literals, &[INT2, INT4, INT8])?),
        None => None,
    };
    let column = target.name.clone().unwrap_or_else(|| name.clone());
    is_of_postgres(call, name, schema).then_some(Signal { kind, number, timeout, column })
}

/// A SELECT that returns what one call gives, for each of its rows and in any order.
pub(super) fn only_call(query: &Query) -> Option<(&Select, &Target, &Call)> {
    let Body::Select(select) = &query.body else { return None };
    let Select { distinct: Distinct::No, targets, group_by, windows, .. } = &**select else { return None };
    let [target] = targets.as_slice() else { return None };
    let Expression::Call(call) = &target.value else { return None };
    let is_plain = query.with.is_none()
        && !query.is_locking
        && query.order_by.is_empty()
        && query.limits.is_empty()
        && group_by.is_empty()
        && windows.is_empty()
        && call.rest.is_empty()
        && call.over.is_none();
    is_plain.then_some((&**select, target, call))
}

const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;

/// A literal or a parameter that PostgreSQL takes for an argument of one of these types.
fn whole_number(expression: &Expression, literals: &Literals<'_>, types: &[u32]) -> Option<Value> {
    if let Expression::Constant(constant) = expression
        && matches!(constant.value, Literal::Decimal(_))
    {
        return None;
    }
    literals.value(expression).filter(|value| value.cast.is_none_or(|cast| types.contains(&cast)))
}

#[cfg(test)]
mod tests {
    use super::with_number;

    #[test]
    fn a_number_stands_where_it_was_asked_for() {
        let text = "SELECT pg_backend_pid ( ), pg_catalog.pg_backend_pid()::text";
        let first = super::end_of_call(text, 7).map(|end| 7..end).expect("it ends");
        let second = super::end_of_call(text, 27).map(|end| 27..end).expect("it ends");
        assert_eq!(
            (&text[first.clone()], &text[second.clone()]),
            ("pg_backend_pid ( )", "pg_catalog.pg_backend_pid()")
        );
        let expected = "SELECT (SELECT 5000000 AS pg_backend_pid), (SELECT 5000000 AS pg_backend_pid)::text";
        assert_eq!(with_number(text, &[first, second], 5_000_000), expected);
    }
}
