//! Operators that run functions of the user's own, however they are written: `=` stands in IN, CASE and USING, too.
//!
//! PostgreSQL finds an operator by the types of its sides. Between values of its own types it is its own, unless the user
//! has given it a meaning there.

use crate::logic::sql::statement::expression::{Expression, Subquery, TypeName};

use super::super::constants::parameter_oid;
use super::super::scope::{Columns, Scope};
use super::Survey;
use super::functions::is_object;
use super::params::type_of;
use super::unasked::{is_open, is_plain_type};

impl Survey<'_> {
    /// The operators of an expression; those of a subquery's test are noted when its columns are known.
    #[expect(clippy::wildcard_enum_match_arm, reason = "in all others there is no operator")]
    pub(super) fn note_operators(&mut self, expression: &Expression, scope: &Scope<'_>) {
        if self.schema.catalog.unasked.operators.is_empty() {
            return;
        }
        match expression {
            Expression::Compare { operator, left, right } => {
                operator.name().iter().for_each(|name| self.note_compared(name, left, right, scope));
            }
            Expression::NotDistinct(left, right) => self.note_compared("=", left, right, scope),
            Expression::Any { operator, left, array } => {
                operator.name().iter().for_each(|name| self.note_operator(name, &[left, array], scope));
            }
            Expression::In { negated, left, list } => {
                let name = if *negated { "<>" } else { "=" };
                list.iter().for_each(|item| self.note_compared(name, left, item, scope));
            }
            Expression::Between { left, low, high, .. } => {
                self.note_compared(">=", left, low, scope);
                self.note_compared("<=", left, high, scope);
            }
            Expression::Operator { name, parts } => {
                let names: &[&str] = match &**name {
                    "NOT BETWEEN" | "NOT BETWEEN SYMMETRIC" => &["<", ">"],
                    name => &[name],
                };
                let parts: Vec<&Expression> = parts.iter().collect();
                names.iter().for_each(|name| self.note_operator(name, &parts, scope));
            }
            _ => (),
        }
    }

    /// A comparison of two sides, or of the items of two rows.
    fn note_compared(&mut self, name: &str, left: &Expression, right: &Expression, scope: &Scope<'_>) {
        match (left, right) {
            (Expression::Row(items), Expression::Row(others)) if items.len() == others.len() => {
                for (item, other) in items.iter().zip(others) {
                    self.note_compared(name, item, other, scope);
                }
            }
            _ => self.note_operator(name, &[left, right], scope),
        }
    }

    fn note_operator(&mut self, name: &str, between: &[&Expression], scope: &Scope<'_>) {
        let are_plain = between.iter().all(|it| self.is_plain(it, scope));
        self.runs_operator(name, are_plain);
    }

    /// A subquery's rows are compared.
    pub(super) fn note_tested(&mut self, subquery: &Subquery, columns: &Columns, scope: &Scope<'_>) {
        let tests = match &subquery.test {
            Some(Expression::Row(items)) => items.as_slice(),
            Some(test) => std::slice::from_ref(test),
            None => return,
        };
        let are_plain = tests.iter().all(|test| self.is_plain(test, scope))
            && !columns.is_open
            && columns.list.iter().all(|column| is_plain_type(column.type_oid));
        self.runs_operator(&subquery.operator, are_plain);
    }

    /// USING and NATURAL compare columns of these types.
    pub(super) fn note_merged(&mut self, types: &[Option<u32>]) {
        self.runs_operator("=", types.iter().all(|it| is_plain_type(*it)));
    }

    fn runs_operator(&mut self, name: &str, is_between_plain: bool) {
        let unasked = &self.schema.catalog.unasked;
        if unasked.operators.contains_key(name) {
            self.has_own_values |= unasked.plain_operators.contains(name);
            if !is_between_plain || unasked.plain_operators.contains(name) {
                self.operators.insert(Box::from(name));
            }
        }
    }

    /// A value of the type is made. Does PostgreSQL bring it along?
    pub(super) fn note_value_of(&mut self, to: &TypeName) {
        let is_own = match to.names.as_slice() {
            [schema, _] if **schema == *"pg_catalog" => false,
            [name] if is_object(name) => false,
            _ => parameter_oid(to).is_none(),
        };
        self.has_own_values |= is_own;
    }

    /// The operators that were met run something, if there is a value of a type that is the user's own.
    pub(super) fn finish_operators(&mut self) {
        let met = std::mem::take(&mut self.operators);
        if !self.has_own_values {
            return;
        }
        let catalog = self.schema.catalog;
        for (name, functions) in catalog.unasked.operators.iter().filter(|(name, _)| met.contains(*name)) {
            self.runs(functions, &format!("operator {name}"), false);
        }
    }

    /// Its type is one of PostgreSQL's own, or what the other side wants.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the types of all other expressions are PostgreSQL's to find")]
    fn is_plain(&self, expression: &Expression, scope: &Scope<'_>) -> bool {
        match expression {
            Expression::IsNull(_) | Expression::And(_) | Expression::Or(_) | Expression::Moment(_) => true,
            Expression::Other(parts) => parts.iter().all(|part| self.is_plain(part, scope)),
            // What it makes of values of PostgreSQL's own types is one.
            Expression::Call(call) => {
                let functions = self.candidates(&call.name);
                let is_postgresqls = functions.iter().all(|it| &*it.schema == "pg_catalog");
                is_postgresqls && call.arguments.iter().all(|it| self.is_plain(it, scope))
            }
            it => is_open(it) || is_plain_type(type_of(it, scope)),
        }
    }
}
