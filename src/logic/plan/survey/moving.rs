//! Texts that are read as dates or times where the statement runs: `now` among them is another moment on every server.
//!
//! What a literal says is seen (`nature`), and the value of a parameter is looked at where it is bound. Any other text is
//! computed, or stands in a row.

use crate::logic::sql::statement::expression::{Constant, Expression, Literal, TypeName};
use crate::logic::value::oid;

use super::super::constants::{parameter_oid, type_oid};
use super::super::scope::Scope;
use super::Survey;
use super::nature::speaks_of_now;
use super::params::type_of;

impl Survey<'_> {
    /// A value becomes one of this type.
    pub(super) fn note_cast(&mut self, inner: &Expression, to: &TypeName, scope: &Scope<'_>) {
        let name = to.names.last().map_or("", Box::as_ref);
        if !may_hold_time(to) || self.schema.catalog.timeless_types.contains(name) && !is_of_catalog(to) {
            return;
        }
        if let Expression::Constant(Constant { value: Literal::String(text), .. }) = inner {
            // A list of times, however long it is.
            let is_list = type_oid(to).is_none() && speaks_of_now(text.as_bytes());
            self.nature.says_now |= is_list;
            self.nature.is_now |= is_list;
        }
        self.nature.reads_time |= self.may_be_text(inner, scope);
    }

    /// The same where the name of a type is written as that of a function or a field: `timestamptz(x)`, `(x).timestamptz`.
    pub(super) fn note_named_cast(&mut self, name: &str, inner: &Expression, scope: &Scope<'_>) {
        const TIMES: [&str; 5] = ["date", "time", "timetz", "timestamp", "timestamptz"];
        const RANGES: [&str; 6] =
            ["daterange", "tsrange", "tstzrange", "datemultirange", "tsmultirange", "tstzmultirange"];
        if TIMES.contains(&name) || RANGES.contains(&name) {
            self.nature.reads_time |= self.may_be_text(inner, scope);
        }
    }

    /// Its value may be a text that nobody has seen.
    fn may_be_text(&mut self, expression: &Expression, scope: &Scope<'_>) -> bool {
        // Their results are of the type of their arguments.
        const ALIKE: [&str; 6] = ["min", "max", "lag", "lead", "first_value", "last_value"];
        match expression {
            Expression::Constant(_)
            | Expression::Moment(_)
            | Expression::Default
            | Expression::Compare { .. }
            | Expression::Any { .. }
            | Expression::In { .. }
            | Expression::Between { .. }
            | Expression::NotDistinct(..)
            | Expression::And(_)
            | Expression::Or(_)
            | Expression::IsNull(_) => false,
            Expression::Param(number) => {
                self.params.read_as_time(*number);
                false
            }
            Expression::Column(_) => type_of(expression, scope).is_none_or(is_textual),
            Expression::Cast { inner, to } => match type_oid(&to.without_modifiers()) {
                Some(oid) if !is_textual(oid) => false,
                Some(_) | None => !is_of_catalog(to) || self.may_be_text(inner, scope),
            },
            // A column of XMLTABLE and its kin, say.
            Expression::Other(parts) if parts.is_empty() => true,
            // A parameter beside a text does not matter any more.
            Expression::Array(parts) | Expression::Other(parts) => {
                parts.iter().any(|part| self.may_be_text(part, scope))
            }
            Expression::Operator { name, parts } => {
                let is_arithmetic = matches!(&**name, "+" | "-" | "*" | "/" | "%");
                !is_arithmetic || parts.iter().any(|part| self.may_be_text(part, scope))
            }
            Expression::Call(call) => match call.name.last() {
                Some(name) if ALIKE.contains(&&**name) => {
                    call.arguments.iter().any(|part| self.may_be_text(part, scope))
                }
                Some(name) => !makes_time(name),
                None => true,
            },
            Expression::Subquery(subquery) => {
                let columns = self.subqueries.get(&std::ptr::from_ref(subquery.as_ref()));
                let first = columns.and_then(|columns| columns.list.first()).and_then(|column| column.type_oid);
                first.is_none_or(is_textual)
            }
            Expression::Star(_)
            | Expression::Field { .. }
            | Expression::Row(_)
            | Expression::Aggregate(_)
            | Expression::CurrentOf(_)
            | Expression::Unknown(_) => true,
        }
    }
}

/// Values of the type are dates or times, or may have some in them.
fn may_hold_time(to: &TypeName) -> bool {
    let name = to.names.last().map_or("", Box::as_ref);
    !is_of_catalog(to) || ["time", "date", "range"].iter().any(|part| name.contains(part))
}

/// PostgreSQL brings it along, as far as its name tells.
fn is_of_catalog(to: &TypeName) -> bool {
    let of_element = TypeName { dimensions: 0, ..to.without_modifiers() };
    let name = to.names.last().map_or("", Box::as_ref);
    parameter_oid(&of_element).is_some() || matches!(name, "char" | "regclass" | "regtype" | "tsvector" | "tsquery")
}

/// Its values are texts, or are made of what nobody knows.
fn is_textual(oid: u32) -> bool {
    // "char", name, text, unknown, bpchar, varchar and arrays of them
    oid >= oid::FIRST_OF_USERS || matches!(oid, 18 | 19 | 25 | 705 | 1042 | 1043 | 1002 | 1003 | 1009 | 1014 | 1015)
}

/// PostgreSQL's functions that make a date or a time, whatever of.
fn makes_time(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "clock_timestamp",
        "date_trunc",
        "date_bin",
        "timezone",
        "to_timestamp",
        "to_date",
        "age",
        "upper_inc",
        "lower_inc",
    ];
    NAMES.contains(&name) || name.starts_with("make_")
}
