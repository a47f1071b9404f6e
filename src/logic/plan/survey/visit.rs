//! Visits expressions: every part of them, with what it names, calls and compares.

use crate::logic::sql::parse::deeper;
use crate::logic::sql::statement::Target as Assignment;
use crate::logic::sql::statement::expression::{Expression, Subquery, SubqueryKind, Window};

use super::super::constants::array_oid;
use super::super::refusal::Refusal;
use super::super::scope::Scope;
use super::functions::is_object;
use super::params::{cast_oid, type_of};
use super::{Survey, key_of};

impl Survey<'_> {
    /// Visits an expression that restricts nothing.
    pub fn visit(&mut self, expression: &Expression, scope: &Scope<'_>) {
        deeper(|| self.visit_shape(expression, scope));
    }

    /// Visits expressions that restrict nothing.
    pub fn visit_all(&mut self, expressions: &[Expression], scope: &Scope<'_>) {
        for expression in expressions {
            self.visit(expression, scope);
        }
    }

    pub(super) fn visit_targets(&mut self, targets: &[Assignment], scope: &Scope<'_>) {
        for target in targets {
            self.visit_item(&target.value, scope);
        }
    }

    /// Visits the items of a list, in which `t.*` stands for the columns of t.
    pub(super) fn visit_items(&mut self, items: &[Expression], scope: &Scope<'_>) {
        for item in items {
            self.visit_item(item, scope);
        }
    }

    pub(super) fn visit_item(&mut self, item: &Expression, scope: &Scope<'_>) {
        if let Expression::Star(of) = item {
            self.mention_stars(of, scope);
        } else {
            self.visit(item, scope);
        }
    }

    fn visit_shape(&mut self, expression: &Expression, scope: &Scope<'_>) {
        self.note_operators(expression, scope);
        match expression {
            Expression::Constant(constant) => self.note_literal(&constant.value),
            Expression::Default => (),
            Expression::Moment(moment) => {
                self.depends_on_more_than_a_row();
                self.note_moment(*moment);
                self.meet_moment();
            }
            Expression::Aggregate(parts) => {
                self.depends_on_more_than_a_row();
                self.nature.follows_order = true;
                self.visit_all(parts, scope);
            }
            Expression::Column(parts) => self.mention_name(parts, scope),
            // Outside of a list it is the row.
            Expression::Star(of) => self.mention_whole(of),
            Expression::Param(number) => self.params.meet(*number, None),
            Expression::Cast { inner, to } => {
                self.asks_catalogs |= to.names.last().is_some_and(|name| is_object(name));
                self.note_object(inner, to);
                self.note_type(&to.names);
                self.check_type_name(&to.names);
                self.note_value_of(to);
                self.visit_as(inner, cast_oid(to), scope);
                self.note_cast(inner, to, scope);
            }
            Expression::IsNull(inner) => self.visit(inner, scope),
            Expression::Field { of, name } => {
                self.note_field(name);
                self.note_named_cast(name, of, scope);
                self.visit(of, scope);
            }
            Expression::Any { left, array, .. } => {
                self.visit(left, scope);
                self.visit_as(array, type_of(left, scope).and_then(array_oid), scope);
            }
            Expression::Compare { left, right, .. } | Expression::NotDistinct(left, right) => {
                self.visit_beside(left, right, scope);
                self.visit_beside(right, left, scope);
            }
            Expression::In { left, list, .. } => {
                self.visit(left, scope);
                list.iter().for_each(|item| self.visit_beside(item, left, scope));
            }
            Expression::Between { left, low, high, .. } => {
                self.visit(left, scope);
                self.visit_beside(low, left, scope);
                self.visit_beside(high, left, scope);
            }
            Expression::Row(parts) => self.visit_items(parts, scope),
            Expression::Array(parts) => {
                self.note_array(parts, scope);
                self.visit_all(parts, scope);
            }
            Expression::And(parts)
            | Expression::Or(parts)
            | Expression::Other(parts)
            | Expression::Operator { parts, .. } => self.visit_all(parts, scope),
            Expression::Call(call) => {
                self.call(call, scope);
                if let ([.., name], [argument]) = (&*call.name, &*call.arguments) {
                    self.note_named_cast(name, argument, scope);
                }
                if !self.mention_whole_row(call, scope) {
                    self.visit_all(&call.arguments, scope);
                }
                self.visit_all(&call.rest, scope);
                if let Some(window) = &call.over {
                    self.window(window, scope);
                }
            }
            Expression::Subquery(subquery) => self.subquery(subquery, scope),
            Expression::CurrentOf(_) => self.refuse(Refusal::unknown("WHERE CURRENT OF in this place")),
            Expression::Unknown(what) => self.unknown(what),
        }
    }

    fn subquery(&mut self, subquery: &Subquery, scope: &Scope<'_>) {
        let copies_before = (self.uses.len(), self.copies);
        self.nature.follows_order |= subquery.kind == SubqueryKind::Array;
        self.carries_types |= subquery.kind == SubqueryKind::Array;
        if let Some(test) = &subquery.test {
            self.visit(test, scope);
        }
        self.existing = (subquery.kind == SubqueryKind::Exists).then_some(std::ptr::from_ref(&subquery.query));
        let columns = self.query(&subquery.query, scope);
        self.note_tested(subquery, &columns, scope);
        if subquery.kind == SubqueryKind::Array {
            self.note_picked(copies_before);
        }
        self.subqueries.insert(std::ptr::from_ref(subquery), columns);
    }

    pub(super) fn window(&mut self, window: &Window, scope: &Scope<'_>) {
        self.visit_all(&window.partition, scope);
        self.visit_all(&window.rest, scope);
        // Rows with different keys meet where an outer join has left their keys NULL.
        let keys = window.partition.iter().filter_map(|part| key_of(part, scope)).filter(|(_, nullable)| !nullable);
        self.windows.push(keys.map(|(key, _)| key).collect());
    }
}
