//! Which shards' answers, put one behind the other, are the answer: those to queries whose rows may be split by the key of a
//! table they come from.
//!
//! A key splits a query where the rows of the table with some of its keys make some rows of the answer, and those with the
//! others the others: no outer join puts NULLs in their place, and what looks at several rows (groups, DISTINCT, windows)
//! does so for one key at a time. Every other sharded table must matter with those keys alone: joined by equality, or in a
//! subquery that is tied to them.

use crate::logic::catalog::{Function, FunctionKind};
use crate::logic::sql::statement::Distinct;
use crate::logic::sql::statement::expression::{Call, Expression};

use super::super::facts::{Facts, Variable};
use super::super::scope::{Columns, Meaning, Scope};
use super::super::{Access, Place, Requirement};
use super::functions::is_of_a_row;
use super::params::{MomentParams, type_of};
use super::query::{Gate, position_of};
use super::{Preferred, Survey, key_of};

/// The aggregates of a SELECT.
#[derive(Debug, Default)]
pub(super) struct Aggregates {
    /// There are some
    are_there: bool,
    /// One of them may follow the order of its rows
    pub follow_order: bool,
}

impl Survey<'_> {
    /// An aggregate or window function of the query that it stands in: not one further out, which it belongs to where it
    /// names columns of that alone.
    pub(super) fn is_of_rows_here(
        &mut self,
        name: &str,
        call: &Call,
        functions: &[&Function],
        scope: &Scope<'_>,
    ) -> bool {
        let is_over_rows = |it: &&Function| matches!(it.kind, FunctionKind::Aggregate | FunctionKind::Window);
        let is_window = call.over.is_some();
        let are_known =
            !functions.is_empty() && functions.iter().all(|it| is_over_rows(it) || is_window && is_of_a_row(name, it));
        if !are_known || self.is_in_rows {
            return false;
        }
        if is_window {
            return true;
        }
        let mut columns = Named::default();
        call.arguments.iter().chain(&call.rest).for_each(|part| columns.look(part, scope));
        let is_here = if columns.are_there { columns.has_own } else { !columns.has_more };
        if is_here {
            self.aggregates.are_there = true;
            self.aggregates.follow_order |= !is_same_in_any_order(name, call, functions, scope);
        }
        is_here
    }

    /// Something picks rows, or follows their order, in a query that has read so many sharded and reference tables before.
    pub(super) fn note_picked(&mut self, (uses, copies): (usize, usize)) {
        if let Some(mentions) = &mut self.mentions {
            mentions.picks_copies |= self.uses.len() == uses && self.copies > copies;
        }
    }

    /// The table by whose key the rows of the query, or those that an INSERT stores, are split among shards, each with what
    /// it needs there.
    pub fn finish_row_source(mut self) -> Option<(Requirement, Access, MomentParams)> {
        self.settle();
        let mentions = self.mentions.take()?;
        let is_alone = self.preferred == Preferred::Any && self.required.is_empty() && self.refusal.is_none();
        // Each shard would read it at its own moment.
        if !is_alone
            || self.nature.is_now
            || self.nature.reads_time && self.access == Access::Write
            || mentions.depends_on_more
            || mentions.picks_copies
            || mentions.names_system_column()
        {
            return None;
        }
        // Rows of a WITH that changes some are where it does so.
        let is_read = |source: Variable| self.modified.is_none_or(|modified| modified.read == Some(source));
        let splits = |source: &&Variable| {
            is_read(**source) && self.uses.iter().all(|used| self.is_beside(used.variable, **source))
        };
        let source = *self.sources.iter().find(splits)?;
        let source = self.modified.map_or(source, |modified| modified.target);
        // The key of a FULL join is that of all its tables.
        let used = self.uses.iter().find(|used| used.variable == source).or_else(|| self.uses.first())?;
        let keys = self.facts.keys(source);
        let place = Place::Lookup { keyspace: used.keyspace, column: used.column.clone(), keys };
        let mut requirement = Requirement { table: used.table.clone(), place };
        self.params.mark_requirement(&mut requirement, self.schema.map);
        let moment_params =
            if self.access == Access::Write { self.params.of_moments() } else { MomentParams::default() };
        Some((requirement, self.access, moment_params))
    }
}

impl Gate<'_> {
    /// The rows of the SELECT may be split by a key of its tables.
    pub(super) fn is_split_by(
        &self,
        source: Variable,
        aggregates: &Aggregates,
        columns: &Columns,
        facts: &Facts,
    ) -> bool {
        let is_key = |expression: &Expression| {
            let key = key_of(expression, self.scope);
            key.is_some_and(|(key, nullable)| !nullable && facts.shows(key, source))
        };
        let is_key_column = |meaning: &Meaning| match meaning {
            Meaning::Key { variable, nullable } => !nullable && facts.shows(*variable, source),
            Meaning::Value(_) | Meaning::Opaque => false,
        };
        let is_key_at = |expression: &Expression| {
            let column = position_of(expression).and_then(|position| columns.list.get(position.checked_sub(1)?));
            columns.is_positional && column.is_some_and(|column| is_key_column(&column.meaning))
        };
        let has_key = |expressions: &[Expression]| expressions.iter().any(|it| is_key(it) || is_key_at(it));
        let select = self.select;
        let is_grouped = !select.group_by.is_empty() || select.having.is_some() || aggregates.are_there;
        self.query.limits.is_empty()
            && !select.has_grouping_sets
            && (!is_grouped || has_key(&select.group_by))
            && self.windows.is_some_and(|windows| {
                windows.iter().all(|partition| partition.iter().any(|key| facts.shows(*key, source)))
            })
            && match &select.distinct {
                Distinct::No => true,
                Distinct::Rows => columns.list.iter().any(|column| is_key_column(&column.meaning)),
                Distinct::On(expressions) => !self.renames(expressions) && has_key(expressions),
            }
    }

    /// It picks some rows of many, or says something of their order.
    pub(super) fn picks(&self, windows: &[Vec<Variable>]) -> bool {
        !self.query.limits.is_empty()
            || !windows.is_empty()
            || !self.select.windows.is_empty()
            || matches!(self.select.distinct, Distinct::On(_))
    }
}

/// The columns that an expression names, those of queries inside it left out.
#[derive(Default)]
struct Named {
    are_there: bool,
    /// One of them is certainly of the query around the expression
    has_own: bool,
    /// There may be others
    has_more: bool,
}

impl Named {
    fn look(&mut self, expression: &Expression, scope: &Scope<'_>) {
        let mut all = |parts: &[Expression]| parts.iter().for_each(|part| self.look(part, scope));
        match expression {
            Expression::Constant(_) | Expression::Param(_) | Expression::Moment(_) => (),
            Expression::Column(parts) => {
                self.are_there = true;
                self.has_own |= scope.is_own(parts);
            }
            Expression::Cast { inner, .. } | Expression::IsNull(inner) | Expression::Field { of: inner, .. } => {
                self.look(inner, scope);
            }
            Expression::Compare { left, right, .. } | Expression::NotDistinct(left, right) => {
                self.look(left, scope);
                self.look(right, scope);
            }
            Expression::Any { left, array, .. } => {
                self.look(left, scope);
                self.look(array, scope);
            }
            Expression::In { left, list, .. } => {
                all(list);
                self.look(left, scope);
            }
            Expression::Between { left, low, high, .. } => {
                self.look(left, scope);
                self.look(low, scope);
                self.look(high, scope);
            }
            Expression::And(parts)
            | Expression::Or(parts)
            | Expression::Row(parts)
            | Expression::Array(parts)
            | Expression::Aggregate(parts)
            | Expression::Other(parts)
            | Expression::Operator { parts, .. } => all(parts),
            Expression::Call(call) => {
                all(&call.arguments);
                all(&call.rest);
            }
            Expression::Star(_)
            | Expression::Subquery(_)
            | Expression::Default
            | Expression::CurrentOf(_)
            | Expression::Unknown(_) => self.has_more = true,
        }
    }
}

/// Whatever the order of its rows, its result is the same.
fn is_same_in_any_order(name: &str, call: &Call, functions: &[&Function], scope: &Scope<'_>) -> bool {
    const ALWAYS: [&str; 9] = ["count", "min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or", "bit_xor"];
    /// smallint, integer, bigint, numeric, interval
    const EXACT: [u32; 5] = [21, 23, 20, 1700, 1186];
    let is_postgresqls = functions.iter().all(|it| &*it.schema == "pg_catalog");
    let is_exact = || call.arguments.iter().all(|it| type_of(it, scope).is_some_and(|oid| EXACT.contains(&oid)));
    is_postgresqls && (ALWAYS.contains(&name) || matches!(name, "sum" | "avg") && is_exact())
}
