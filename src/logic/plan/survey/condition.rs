//! Conditions: which keys they let through.
//!
//! Only what must hold for a row to matter counts: a condition, or each part of its AND. An OR restricts a key if all
//! of its branches do. Everything else (NOT, CASE, IS TRUE, functions, arithmetic) lets every key through.
//! `free` holds the variables whose rows the condition can leave out at its place.

use crate::logic::shards::KeyspaceId;
use crate::logic::sql::parse::deeper;
use crate::logic::sql::statement::expression::{Expression, Literal, Operator, Subquery, SubqueryKind};
use crate::logic::value::KeyType;

use super::super::constants::{array_oid, type_oid, type_oid_of_element};
use super::super::facts::{Variable, and, any_of, or};
use super::super::scope::{Meaning, Scope};
use super::super::{Restriction, Value};
use super::{Survey, key_of, meaning_of};

/// ANDs and ORs nested deeper than this let every key through.
const NESTING_MAX: usize = 32;

/// What a condition lets through: the named keys only so; `None` is no row at all.
type Passed = Option<Vec<(Variable, Restriction)>>;

impl Survey<'_> {
    /// Adds what a WHERE or ON proves.
    pub fn condition(&mut self, condition: &Expression, scope: &Scope<'_>, free: &[Variable]) {
        if let Expression::And(parts) = condition {
            deeper(|| parts.iter().for_each(|part| self.condition(part, scope, free)));
            return;
        }
        self.ties(condition, scope, free);
        match self.passed(condition, scope, NESTING_MAX) {
            None => free.iter().for_each(|variable| self.facts.restrict(*variable, Restriction::Nothing)),
            Some(passed) => {
                for (variable, to) in passed.into_iter().filter(|(variable, _)| free.contains(variable)) {
                    self.facts.restrict(variable, to);
                }
            }
        }
    }

    /// Equal keys: each is among the other's, where its rows may be left out.
    pub fn tie(&mut self, a: Variable, b: Variable, free: &[Variable]) {
        if free.contains(&a) {
            self.facts.within(a, b);
        }
        if free.contains(&b) {
            self.facts.within(b, a);
        }
    }

    /// The first two keys that a condition takes to be equal, none of which can be NULL.
    pub(super) fn equal_keys(&self, condition: &Expression, scope: &Scope<'_>) -> Option<(Variable, Variable)> {
        let parts = if let Expression::And(parts) = condition { parts } else { std::slice::from_ref(condition) };
        parts.iter().find_map(|part| {
            let Expression::Compare { operator: Operator::Equal, left, right } = part else { return None };
            match (self.key(left, scope)?, self.key(right, scope)?) {
                ((one, false), (other, false)) => Some((one, other)),
                ((_, true), _) | (_, (_, true)) => None,
            }
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not an equality ties nothing")]
    fn ties(&mut self, condition: &Expression, scope: &Scope<'_>, free: &[Variable]) {
        match condition {
            Expression::Compare { operator: Operator::Equal, left, right } => match (left.as_ref(), right.as_ref()) {
                (Expression::Row(left), Expression::Row(right)) if left.len() == right.len() => {
                    for (left, right) in left.iter().zip(right) {
                        self.tie_pair(left, right, scope, free);
                    }
                }
                (left, right) => self.tie_pair(left, right, scope, free),
            },
            Expression::Subquery(subquery) if subquery.kind == SubqueryKind::In => {
                self.tie_to_rows(subquery, scope, free);
            }
            _ => (),
        }
    }

    fn tie_pair(&mut self, left: &Expression, right: &Expression, scope: &Scope<'_>, free: &[Variable]) {
        match (self.key(left, scope), self.key(right, scope)) {
            (Some((a, _)), Some((b, _))) => self.tie(a, b, free),
            (Some((key, _)), None) => self.tie_to_value_of(key, right, free),
            (None, Some((key, _))) => self.tie_to_value_of(key, left, free),
            (None, None) => (),
        }
    }

    /// `key = (SELECT …)`: whatever row it is, its value is one of the inner keys.
    fn tie_to_value_of(&mut self, key: Variable, other: &Expression, free: &[Variable]) {
        let Expression::Subquery(subquery) = other else { return };
        if subquery.kind != SubqueryKind::Other || subquery.test.is_some() || !free.contains(&key) {
            return;
        }
        let columns = self.subqueries.get(&std::ptr::from_ref(subquery.as_ref()));
        match columns.and_then(|columns| columns.list.first()).map(|column| column.meaning.clone()) {
            Some(Meaning::Key { variable, .. }) => self.facts.within(key, variable),
            Some(Meaning::Value(value)) => self.facts.restrict(key, Restriction::Equals(value)),
            Some(Meaning::Opaque) | None => (),
        }
    }

    /// `key IN (SELECT …)`: each side is among the other.
    fn tie_to_rows(&mut self, subquery: &Subquery, scope: &Scope<'_>, free: &[Variable]) {
        let Some(columns) = self.subqueries.get(&std::ptr::from_ref(subquery)).cloned() else { return };
        let tests = match &subquery.test {
            Some(Expression::Row(tests)) => tests.as_slice(),
            Some(test) => std::slice::from_ref(test),
            None => return,
        };
        if !columns.is_positional || columns.list.len() != tests.len() {
            return;
        }
        for (test, column) in tests.iter().zip(&columns.list) {
            let Some((key, _)) = self.key(test, scope) else { continue };
            match &column.meaning {
                Meaning::Key { variable, .. } => {
                    self.facts.within(*variable, key);
                    if free.contains(&key) {
                        self.facts.within(key, *variable);
                    }
                }
                Meaning::Value(value) if free.contains(&key) => {
                    self.facts.restrict(key, Restriction::Equals(value.clone()));
                }
                Meaning::Value(_) | Meaning::Opaque => (),
            }
        }
    }

    fn passed(&self, condition: &Expression, scope: &Scope<'_>, nesting: usize) -> Passed {
        let all = Some(Vec::new());
        if nesting == 0 {
            return all;
        }
        match condition {
            Expression::Constant(constant) => match &constant.value {
                Literal::Null | Literal::Boolean(false) => None,
                Literal::Boolean(true)
                | Literal::Integer(_)
                | Literal::Decimal(_)
                | Literal::String(_)
                | Literal::Odd => all,
            },
            Expression::And(parts) => parts.iter().try_fold(Vec::new(), |mut passed, part| {
                passed.extend(self.passed(part, scope, nesting - 1)?);
                Some(passed)
            }),
            Expression::Or(parts) => either(parts.iter().map(|part| self.passed(part, scope, nesting - 1)).collect()),
            Expression::Compare { operator, left, right } => Some(self.compared(*operator, left, right, scope)),
            Expression::Any { operator: Operator::Equal, left, array } => {
                Some(self.key_restricted(left, scope, |this, _| this.any_of_array(array)))
            }
            Expression::In { negated: false, left, list } => Some(self.is_in(left, list, scope)),
            Expression::Between { symmetric, left, low, high } => {
                Some(self.key_restricted(left, scope, |this, key| {
                    let straight = this.between(key, low, high)?;
                    Some(if *symmetric { or(vec![straight, this.between(key, high, low)?]) } else { straight })
                }))
            }
            Expression::NotDistinct(left, right) => Some(self.not_distinct(left, right, scope)),
            // No stored row lacks its key.
            Expression::IsNull(inner) => Some(match self.key(inner, scope) {
                Some((key, false)) => vec![(key, Restriction::Nothing)],
                Some((_, true)) | None => Vec::new(),
            }),
            Expression::Any { .. }
            | Expression::In { .. }
            | Expression::Param(_)
            | Expression::Column(_)
            | Expression::Star(_)
            | Expression::Cast { .. }
            | Expression::Row(_)
            | Expression::Array(_)
            | Expression::Call(_)
            | Expression::Moment(_)
            | Expression::Aggregate(_)
            | Expression::Operator { .. }
            | Expression::Subquery(_)
            | Expression::Default
            | Expression::CurrentOf(_)
            | Expression::Field { .. }
            | Expression::Other(_)
            | Expression::Unknown(_) => all,
        }
    }

    fn compared(
        &self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        scope: &Scope<'_>,
    ) -> Vec<(Variable, Restriction)> {
        if let (Expression::Row(left), Expression::Row(right), Operator::Equal) = (left, right, operator) {
            if left.len() != right.len() {
                return Vec::new();
            }
            let pairs = left.iter().zip(right);
            return pairs.flat_map(|(left, right)| self.compared(Operator::Equal, left, right, scope)).collect();
        }
        let by_left = self.key_restricted(left, scope, |this, key| this.bound(operator, key, right, scope));
        let by_right = self.key_restricted(right, scope, |this, key| this.bound(operator.mirrored(), key, left, scope));
        by_left.into_iter().chain(by_right).collect()
    }

    /// `key operator value`.
    fn bound(&self, operator: Operator, key: Variable, value: &Expression, scope: &Scope<'_>) -> Option<Restriction> {
        let value = self.constant(value, scope)?;
        if operator != Operator::Equal && !self.has_known_order(key) {
            return None;
        }
        Some(match operator {
            Operator::Equal => Restriction::Equals(value),
            Operator::Less => Restriction::Between { from: None, to: Some((value, false)) },
            Operator::LessEqual => Restriction::Between { from: None, to: Some((value, true)) },
            Operator::Greater => Restriction::Between { from: Some((value, false)), to: None },
            Operator::GreaterEqual => Restriction::Between { from: Some((value, true)), to: None },
            Operator::Other => return None,
        })
    }

    fn between(&self, key: Variable, low: &Expression, high: &Expression) -> Option<Restriction> {
        if !self.has_known_order(key) {
            return None;
        }
        let bound = |expression: &Expression| self.literals.value(expression).map(|value| (value, true));
        match (bound(low), bound(high)) {
            (None, None) => None,
            (from, to) => Some(Restriction::Between { from, to }),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only rows are compared with rows")]
    fn is_in(&self, left: &Expression, list: &[Expression], scope: &Scope<'_>) -> Vec<(Variable, Restriction)> {
        let Expression::Row(left) = left else {
            let items: Vec<_> = list.iter().collect();
            return self.key_restricted(left, scope, |this, _| Some(any_of(this.alike(&items)?)));
        };
        let mut found = Vec::new();
        for (position, part) in left.iter().enumerate() {
            let items: Option<Vec<_>> = list
                .iter()
                .map(|item| match item {
                    Expression::Row(cells) if cells.len() == left.len() => cells.get(position),
                    _ => None,
                })
                .collect();
            let Some(items) = items else { return Vec::new() };
            // Each row is compared for itself: no common type is sought.
            let values: Option<Vec<_>> = items.into_iter().map(|item| self.literals.value(item)).collect();
            found.extend(self.key_restricted(part, scope, |_, _| Some(any_of(values?))));
        }
        found
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other expression is computed")]
    fn any_of_array(&self, array: &Expression) -> Option<Restriction> {
        if let Expression::Array(items) = array {
            return Some(any_of(self.alike(&items.iter().collect::<Vec<_>>())?));
        }
        if let Expression::Cast { inner, to } = array
            && let Expression::Array(items) = inner.as_ref()
        {
            return self.cast_elements(items, type_oid_of_element(to).filter(|_| to.dimensions == 1)?);
        }
        match array {
            Expression::Cast { to, .. } if to.dimensions != 1 => None,
            array => Some(Restriction::AnyOf(self.literals.array(array)?)),
        }
    }

    /// `ARRAY[1, $1]::bigint[]` casts each element.
    fn cast_elements(&self, items: &[Expression], element: u32) -> Option<Restriction> {
        array_oid(element)?;
        let values: Option<Vec<_>> = items
            .iter()
            .map(|item| self.literals.value(item).filter(|value| value.cast.is_none()))
            .map(|value| value.map(|value| Value { cast: Some(element), ..value }))
            .collect();
        Some(any_of(values?))
    }

    fn not_distinct(&self, left: &Expression, right: &Expression, scope: &Scope<'_>) -> Vec<(Variable, Restriction)> {
        let side = |key: &Expression, value: &Expression| {
            let (key, nullable) = self.key(key, scope)?;
            // It may hold for NULL: then the missing rows of an outer join must stay missing for the right reason.
            if nullable { None } else { Some((key, Restriction::Equals(self.constant(value, scope)?))) }
        };
        side(left, right).or_else(|| side(right, left)).into_iter().collect()
    }

    fn key_restricted(
        &self,
        key: &Expression,
        scope: &Scope<'_>,
        to: impl FnOnce(&Self, Variable) -> Option<Restriction>,
    ) -> Vec<(Variable, Restriction)> {
        let Some((key, _)) = self.key(key, scope) else { return Vec::new() };
        to(self, key).map(|to| (key, to)).into_iter().collect()
    }

    /// A bare key column, or one cast to the type it has.
    fn key(&self, expression: &Expression, scope: &Scope<'_>) -> Option<(Variable, bool)> {
        if self.schema.catalog.has_own_comparisons {
            return None;
        }
        let Expression::Cast { inner, to } = expression else { return key_of(expression, scope) };
        let (key, nullable) = key_of(inner, scope)?;
        let own = key_type_oid(self.key_type(self.facts.keyspace(key)?));
        (type_oid(to) == Some(own)).then_some((key, nullable))
    }

    /// A literal, a parameter, or a column that stands for one.
    fn constant(&self, expression: &Expression, scope: &Scope<'_>) -> Option<Value> {
        match meaning_of(expression, scope) {
            Meaning::Value(value) => Some(value),
            Meaning::Key { .. } | Meaning::Opaque => self.literals.value(expression),
        }
    }

    /// The values of a list that PostgreSQL gives a common type. `None` if that could change how one of them is read.
    pub fn alike(&self, items: &[&Expression]) -> Option<Vec<Value>> {
        let values: Vec<Value> = items.iter().map(|item| self.literals.value(item)).collect::<Option<_>>()?;
        if values.len() < 2 {
            return Some(values);
        }
        // `IN ('5.0', 2.5)` compares as numeric, where '5.0' is a 5; `IN ('5.0')` is an error. Integers do no such thing.
        let is_integer_cast = |cast: u32| matches!(cast, 20 | 21 | 23);
        let mut pairs = values.iter().zip(items);
        let has_other_type = pairs.any(|(value, item)| match value.cast {
            Some(cast) => !is_integer_cast(cast),
            None => is_decimal(item),
        });
        let has_untyped = values.iter().zip(items).any(|(value, item)| value.cast.is_none() && !is_number(item));
        let casts_agree = values.windows(2).all(|pair| pair[0].cast == pair[1].cast);
        let casts_are_integers = values.iter().all(|value| value.cast.is_none_or(is_integer_cast));
        (!(has_other_type && has_untyped) && (casts_agree || casts_are_integers)).then_some(values)
    }

    /// Text is ordered by the collation of the column, which the map's ranges do not follow.
    fn has_known_order(&self, key: Variable) -> bool {
        self.facts.keyspace(key).is_some_and(|keyspace| self.key_type(keyspace) != KeyType::Text)
    }

    /// The type of a keyspace's keys.
    pub fn key_type(&self, keyspace: KeyspaceId) -> KeyType {
        self.schema.map.keyspaces[usize::from(keyspace.0)].key_type
    }
}

/// One of the branches holds: a key is restricted if it is so in each of them.
fn either(branches: Vec<Passed>) -> Passed {
    let possible: Vec<Vec<(Variable, Restriction)>> = branches.into_iter().flatten().collect();
    let mut passed = Vec::new();
    let first = possible.first()?;
    let candidates: Vec<Variable> = first.iter().map(|(variable, _)| *variable).collect();
    for (position, variable) in candidates.iter().enumerate() {
        if candidates[..position].contains(variable) {
            continue;
        }
        let each: Option<Vec<Restriction>> = possible.iter().map(|branch| restriction_in(branch, *variable)).collect();
        passed.extend(each.map(|each| (*variable, or(each))));
    }
    Some(passed)
}

fn restriction_in(branch: &[(Variable, Restriction)], variable: Variable) -> Option<Restriction> {
    let parts: Vec<_> = branch.iter().filter(|(it, _)| *it == variable).map(|(_, to)| to.clone()).collect();
    (!parts.is_empty()).then(|| and(parts))
}

fn is_decimal(item: &Expression) -> bool {
    matches!(item, Expression::Constant(constant) if matches!(constant.value, Literal::Decimal(_)))
}

fn is_number(item: &Expression) -> bool {
    matches!(item, Expression::Constant(constant)
        if matches!(constant.value, Literal::Integer(_) | Literal::Decimal(_) | Literal::Null))
}

fn key_type_oid(key_type: KeyType) -> u32 {
    // pg_type.dat
    match key_type {
        KeyType::SmallInt => 21,
        KeyType::Integer => 23,
        KeyType::BigInt => 20,
        KeyType::Text => 25,
        KeyType::Uuid => 2950,
        KeyType::Date => 1082,
        KeyType::Timestamp => 1114,
        KeyType::TimestampTz => 1184,
        KeyType::Numeric => 1700,
    }
}
