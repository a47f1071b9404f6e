//! Functions that run although the statement calls none of them: those of operators, of types (checks of domains, casts,
//! orders), of tables whose rows are written, and of event triggers.
//!
//! PostgreSQL decides by the types of values what runs, and we know few of them. Where a type runs something, whatever may
//! make a value of it is taken to do so: a cast to it, rows of it, functions that take it or return it. Of a database
//! without such types nothing is asked.

use crate::logic::body::leaves::Leaves;
use crate::logic::catalog::{Relation, Volatility};
use crate::logic::sql::statement::expression::{Call, Expression};
use crate::logic::sql::statement::{Column, RelationName, Statement, Step};
use crate::logic::value::oid;

use super::super::refusal::Refusal;
use super::super::scope::Scope;
use super::Survey;
use super::functions::leaves_of;
use super::params::type_of;

impl Survey<'_> {
    /// Values of any type may run something.
    pub(in super::super) fn note_values(&mut self, statement: &Statement) {
        let has_values = !matches!(
            statement,
            Statement::Utility(_) | Statement::CreateTable(_) | Statement::Show(_) | Statement::Cursor { .. }
        );
        if has_values {
            let catalog = self.schema.catalog;
            self.runs(&catalog.unasked.anywhere, "a cast", true);
        }
    }

    /// A value of this type is made: the last of the names is its own.
    pub(in super::super) fn note_type(&mut self, names: &[Box<str>]) {
        let Some(name) = names.last() else { return };
        let catalog = self.schema.catalog;
        if let Some(functions) = catalog.unasked.types.get(name) {
            self.runs(functions, &format!("type \"{name}\""), true);
        }
        let schema = names.len().checked_sub(2).map(|at| names[at].clone());
        // Rows of a table; the type of an array of them has an underscore in front.
        for name in [Some(&**name), name.strip_prefix('_')].into_iter().flatten() {
            let rows = self.schema.relation(&RelationName::of(schema.clone(), name.into()));
            if let Some(relation) = rows.filter(|it| !it.checks.is_empty()) {
                self.runs(&relation.checks, &format!("type \"{name}\""), true);
            }
        }
    }

    /// The search path may lead to a type of the user's own where PostgreSQL's is named.
    pub(super) fn check_type_name(&mut self, names: &[Box<str>]) {
        if let [name] = names
            && self.schema.catalog.shadowing_types.contains(name)
            && self.schema.lists_pg_catalog()
        {
            self.refuse(Refusal::shadowed_type(name));
        }
    }

    /// A relation is read or written.
    pub(super) fn note_relation(&mut self, name: &str, relation: Option<&Relation>) {
        let Some(relation) = relation.filter(|it| !it.checks.is_empty()) else { return };
        if !relation.reads.is_empty() {
            self.runs(&relation.reads, &format!("the column types of \"{name}\""), true);
        }
        if relation.columns.iter().any(|column| relation.checks_values_of(column)) {
            self.checked.extend(relation.checks.iter().cloned());
        }
    }

    /// The type of one argument may become that of another: a domain's, too (`lag(d, 1, '5')`, `array_agg(d) || '{5}'`).
    pub(super) fn note_carried(&mut self, call: &Call, is_postgresqls: bool, scope: &Scope<'_>) {
        let name = call.name.last().map_or("", Box::as_ref);
        let may = matches!(name, "lag" | "lead") || name.starts_with("array_") || !is_postgresqls;
        let has_open = call.arguments.len() < 2 || call.arguments.iter().any(is_open);
        self.carries_types |= may && has_open && may_be_of_own_type(&call.arguments, scope);
    }

    /// The same of the elements of an array.
    pub(super) fn note_array(&mut self, elements: &[Expression], scope: &Scope<'_>) {
        self.carries_types |= may_be_of_own_type(elements, scope);
    }

    /// A table of the session gets columns of these types, by name or by its rows: nobody knows them when it is written to.
    pub(in super::super) fn note_columns(&mut self, steps: &[Step]) {
        self.carries_types = true;
        for step in steps {
            if let Step::Column(Column { type_name: Some(name), .. }) = step {
                self.note_type(&name.names);
            } else if let Step::Like { source, .. } = step {
                self.find(source);
            }
        }
    }

    /// What becomes of the types of columns that are read.
    pub(super) fn finish_types(&mut self) {
        if self.carries_types && !self.checked.is_empty() {
            let functions = std::mem::take(&mut self.checked);
            let before = self.refusal.take();
            self.runs(&functions, "a column type", true);
            self.refusal = self.refusal.take().or(before);
        }
    }

    /// Checks, generated columns, indexes and types run functions when rows are written.
    pub(super) fn checks(&mut self, table: &str, relation: &Relation) {
        let has_values = relation.columns.iter().any(|column| relation.checks_values_of(column));
        for function in &relation.checks {
            self.runs_one(function, &format!("\"{table}\""), has_values);
        }
    }

    /// The schema is changed: event triggers run.
    pub(in super::super) fn note_definition(&mut self, verb: &str) {
        let catalog = self.schema.catalog;
        for function in &catalog.unasked.definitions {
            self.leave(self.judged(function).0, || format!("event trigger function {function}()"));
            if !self.schema.map.is_local(function) {
                self.refuse(Refusal::event_trigger(verb, function));
            }
        }
    }

    /// Functions run with values that are read or made: how often nobody knows.
    pub(super) fn runs<'f>(&mut self, functions: impl IntoIterator<Item = &'f Box<str>>, of: &str, has_values: bool) {
        for function in functions {
            if self.runs_one(function, of, has_values) == Volatility::Volatile {
                self.volatile_calls += 1;
                self.writes();
            }
            self.nature.asks_server = true;
            self.depends_on_more_than_a_row();
            self.depends_on_server();
        }
    }

    /// `has_values`: it may run where a literal is read already, when a server parses the statement.
    pub(super) fn runs_one(&mut self, function: &str, of: &str, has_values: bool) -> Volatility {
        let (leaves, volatility) = self.judged(function);
        if !self.schema.map.is_local(function) && !self.schema.is_one_shard() {
            self.refuse(Refusal::unasked(function, of));
        }
        if has_values && leaves == Leaves::Settings {
            self.refusal = Some(Refusal::unasked_setting(function, of));
        }
        self.leave(leaves, || format!("function {function}() of {of}"));
        volatility
    }

    /// What a function (`schema.name`) leaves, and what it may do. One that the catalog lacks is newer than it.
    pub(super) fn judged(&self, function: &str) -> (Leaves, Volatility) {
        let judged = self.overloads(function).map(|it| (leaves_of(it), it.volatility));
        judged
            .reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
            .unwrap_or((Leaves::Unseen, Volatility::Volatile))
    }
}

/// PostgreSQL finds its type by what stands beside it.
pub(super) fn is_open(expression: &Expression) -> bool {
    matches!(expression, Expression::Constant(_) | Expression::Param(_))
}

/// It is certainly one of PostgreSQL's own.
pub(super) fn is_plain_type(type_oid: Option<u32>) -> bool {
    type_oid.is_some_and(|oid| oid < oid::FIRST_OF_USERS)
}

/// Is one of them of a type that PostgreSQL does not bring along, as far as can be seen?
fn may_be_of_own_type(expressions: &[Expression], scope: &Scope<'_>) -> bool {
    expressions.iter().any(|it| !is_open(it) && !is_plain_type(type_of(it, scope)))
}
