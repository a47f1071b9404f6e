//! Which tables of a text need rows of which others: equalities without which a row does not matter.
//!
//! They come from WHERE and inner joins, and from `IN (SELECT …)` and `EXISTS (SELECT …)` that must hold. Rows that an
//! outer join preserves, or may replace by NULLs, are tied to nothing.

use crate::logic::sql::statement::expression::{Expression, Operator, Subquery, SubqueryKind};
use crate::logic::sql::statement::{Body, Distinct, Select};

use super::super::scope::{Entry, Scope};
use super::Survey;

/// A column of a mentioned table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    pub table: usize,
    pub column: Box<str>,
}

/// A row of `of` matters only with a row of `to` where both columns are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tie {
    pub of: Side,
    pub to: Side,
}

/// Which tables of a text need rows of which others.
#[derive(Debug, Default)]
pub(super) struct Ties {
    /// Those that hold
    pub known: Vec<Tie>,
    /// Equalities of inner joins: they count where no outer join around them makes their rows nullable
    joined: Vec<(Side, Side)>,
    /// What the rows of a query inside an expression are, by the address of its SELECT
    inner: Vec<(*const Select, Inner)>,
}

/// A SELECT as its subquery needs it.
#[derive(Debug)]
struct Inner {
    /// The columns that it returns, where they are those of tables
    targets: Vec<Option<Side>>,
    /// Equalities with columns of further out; it has rows only where they hold
    outer: Vec<(Side, Vec<Box<str>>)>,
    /// It returns rows only for rows of its tables
    is_of_rows: bool,
}

impl Survey<'_> {
    /// The ON of an inner join is looked at.
    pub(super) fn mention_joined(&mut self, on: &Expression, scope: &Scope<'_>) {
        let Some(mentions) = self.mentions.as_mut().filter(|_| self.view_depth == 0) else { return };
        for part in parts_of(on) {
            if let Some((left, right)) = equal(part) {
                let sides = (side(left, scope), side(right, scope));
                mentions.ties.joined.extend(sides.0.zip(sides.1));
            }
        }
    }

    /// USING of an inner join, one of its columns.
    pub(super) fn mention_used(&mut self, name: &str, left: &[Entry], right: &[Entry]) {
        let Some(mentions) = self.mentions.as_mut().filter(|_| self.view_depth == 0) else { return };
        let of = |entries: &[Entry]| {
            let scope = Scope { entries: entries.to_vec(), ..Scope::default() };
            Some(Side { table: scope.table_of(&[name.into()])?, column: name.into() })
        };
        mentions.ties.joined.extend(of(left).zip(of(right)));
    }

    /// What the WHERE of a SELECT ties, and what the queries around it may make of it.
    pub(super) fn mention_ties(&mut self, select: &Select, scope: &Scope<'_>) {
        let Some(mentions) = self.mentions.as_mut().filter(|_| self.view_depth == 0) else { return };
        let is_here = |side: &Side| {
            let mut entries = scope.entries.iter();
            entries.any(|entry| entry.table == Some(side.table) && !entry.is_nullable)
        };
        let ties = &mut mentions.ties;
        let joined = std::mem::take(&mut ties.joined);
        let (here, elsewhere) = joined.into_iter().partition(|(one, other)| is_here(one) && is_here(other));
        ties.joined = elsewhere;
        let here: Vec<(Side, Side)> = here;
        here.into_iter().for_each(|(one, other)| ties.add_both(one, other));
        let mut inner = Inner {
            targets: select.targets.iter().map(|target| side(&target.value, scope)).collect(),
            outer: Vec::new(),
            is_of_rows: returns_rows(select),
        };
        for part in select.filter.iter().flat_map(parts_of) {
            if let Expression::Subquery(subquery) = part {
                ties.add_inner(subquery, scope);
            }
            let Some((left, right)) = equal(part) else { continue };
            match (side(left, scope), side(right, scope)) {
                (Some(one), Some(other)) => ties.add_both(one, other),
                (Some(own), None) => inner.outer.extend(outer(right, scope).map(|it| (own, it))),
                (None, Some(own)) => inner.outer.extend(outer(left, scope).map(|it| (own, it))),
                (None, None) => (),
            }
        }
        ties.inner.push((std::ptr::from_ref(select), inner));
    }
}

impl Ties {
    fn add_both(&mut self, one: Side, other: Side) {
        self.add(other.clone(), one.clone());
        self.add(one, other);
    }

    fn add(&mut self, of: Side, to: Side) {
        let tie = Tie { of, to };
        if tie.of.table != tie.to.table && !self.known.contains(&tie) {
            self.known.push(tie);
        }
    }

    /// `x IN (SELECT …)`, `EXISTS (SELECT …)`: rows of the tables here that meet none of the rows inside are left out.
    fn add_inner(&mut self, subquery: &Subquery, scope: &Scope<'_>) {
        let Body::Select(select) = &subquery.query.body else { return };
        let is_ordered_by_columns = subquery.query.order_by.iter().all(is_plain);
        let Some((_, inner)) = self.inner.iter().find(|(it, _)| *it == std::ptr::from_ref(&**select)) else { return };
        let tests = match (&subquery.kind, &subquery.test) {
            (SubqueryKind::In, Some(Expression::Row(tests))) => tests.as_slice(),
            (SubqueryKind::In, Some(test)) => std::slice::from_ref(test),
            (SubqueryKind::Exists, _) => &[],
            (SubqueryKind::In | SubqueryKind::Array | SubqueryKind::Other, _) => return,
        };
        let mut found = Vec::new();
        if tests.len() == inner.targets.len() {
            for (test, target) in tests.iter().zip(&inner.targets) {
                found.extend(side(test, scope).zip(target.clone()));
            }
        }
        if inner.is_of_rows && is_ordered_by_columns {
            let outer = inner.outer.iter();
            found.extend(outer.filter_map(|(own, parts)| Some((side_of(parts, scope)?, own.clone()))));
        }
        found.into_iter().for_each(|(of, to)| self.add(of, to));
    }
}

fn parts_of(condition: &Expression) -> &[Expression] {
    if let Expression::And(parts) = condition { parts } else { std::slice::from_ref(condition) }
}

fn equal(condition: &Expression) -> Option<(&Expression, &Expression)> {
    if let Expression::Compare { operator: Operator::Equal, left, right } = condition {
        Some((left, right))
    } else {
        None
    }
}

fn side(expression: &Expression, scope: &Scope<'_>) -> Option<Side> {
    if let Expression::Column(parts) = expression { side_of(parts, scope) } else { None }
}

fn side_of(parts: &[Box<str>], scope: &Scope<'_>) -> Option<Side> {
    Some(Side { table: scope.table_of(parts)?, column: parts.last()?.clone() })
}

/// A column that is certainly one of further out.
fn outer(expression: &Expression, scope: &Scope<'_>) -> Option<Vec<Box<str>>> {
    let Expression::Column(parts) = expression else { return None };
    (scope.find(parts).is_some() && !scope.is_own(parts)).then(|| parts.clone())
}

/// No aggregate makes a row of none; one could stand in ORDER BY, too.
fn returns_rows(select: &Select) -> bool {
    select.group_by.is_empty()
        && select.having.is_none()
        && select.windows.is_empty()
        && !matches!(select.distinct, Distinct::On(_))
        && select.targets.iter().all(|target| is_plain(&target.value))
}

fn is_plain(value: &Expression) -> bool {
    matches!(value, Expression::Constant(_) | Expression::Column(_) | Expression::Star(_))
}
