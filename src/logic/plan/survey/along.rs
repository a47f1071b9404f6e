//! The conditions that a table may be asked with, where rows are fetched from several shards.
//!
//! A condition goes along with a table when it names columns of that table alone, is made of comparisons that cannot
//! fail, and stands where rows that do not meet it cannot come back (the WHERE of the same level, no outer join's
//! nullable side).

use crate::logic::sql::statement::expression::{Expression, Operator};
use crate::logic::sql::statement::{Change, Conjunct, Select};

use super::super::scope::Scope;
use super::Survey;
use super::mention::Condition;

impl Survey<'_> {
    /// The conditions of a WHERE that its tables may be asked with.
    pub(super) fn mention_conditions(&mut self, select: &Select, scope: &Scope<'_>) {
        if self.mentions.is_none() || self.view_depth > 0 || self.schema.catalog.has_own_comparisons {
            return;
        }
        self.mention_ties(select, scope);
        if let Some(filter) = &select.filter {
            self.mention_conjuncts(filter, &select.conjuncts, scope);
        }
    }

    /// The same of an UPDATE or DELETE, for the tables beside its own.
    pub(super) fn mention_conditions_of(&mut self, change: &Change, scope: &Scope<'_>) {
        if self.mentions.is_none() || self.view_depth > 0 || self.schema.catalog.has_own_comparisons {
            return;
        }
        if let Some(filter) = &change.filter {
            self.mention_conjuncts(filter, &change.conjuncts, scope);
        }
    }

    fn mention_conjuncts(&mut self, filter: &Expression, conjuncts: &[Conjunct], scope: &Scope<'_>) {
        let conditions = parts_of(filter);
        if conditions.len() != conjuncts.len() {
            return;
        }
        for (condition, conjunct) in conditions.iter().zip(conjuncts) {
            let mut params = Vec::new();
            match (owner(condition, scope, &mut params), condition) {
                (Some(Owner::Table(table)), _) => {
                    self.add_condition(table, Condition { text: conjunct.text.clone(), params });
                }
                (Some(Owner::Nobody), _) => (),
                (None, Expression::Or(branches)) => {
                    let tables = scope.entries.iter().filter_map(|entry| entry.table);
                    for table in tables.collect::<Vec<_>>() {
                        let found = of_branches(table, branches, conjunct, scope);
                        found.into_iter().for_each(|condition| self.add_condition(table, condition));
                    }
                }
                (None, _) => (),
            }
        }
    }

    fn add_condition(&mut self, table: usize, condition: Condition) {
        let mentioned = self.mentions.as_mut().map(|mentions| &mut mentions.tables[table]);
        if let Some(mention) = mentioned.filter(|mention| !mention.is_renamed && !condition.text.is_empty()) {
            mention.conditions.push(condition);
        }
    }
}

/// Whose columns an expression names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Table(usize),
}

fn both(one: Owner, other: Owner) -> Option<Owner> {
    match (one, other) {
        (Owner::Nobody, it) | (it, Owner::Nobody) => Some(it),
        (Owner::Table(one), Owner::Table(other)) => (one == other).then_some(Owner::Table(one)),
    }
}

/// The one table whose columns a condition names; `None` where it may name others, or may fail.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed does not go along")]
fn owner(condition: &Expression, scope: &Scope<'_>, params: &mut Vec<u16>) -> Option<Owner> {
    match condition {
        Expression::Constant(_) => Some(Owner::Nobody),
        Expression::Param(number) => {
            params.push(u16::try_from(*number).ok()?);
            Some(Owner::Nobody)
        }
        Expression::Cast { inner, .. } if matches!(**inner, Expression::Constant(_) | Expression::Param(_)) => {
            owner(inner, scope, params)
        }
        Expression::Column(parts) => scope.table_of(parts).map(Owner::Table),
        Expression::Compare { operator, left, right } if *operator != Operator::Other => {
            owner_of_all([&**left, &**right], scope, params)
        }
        Expression::Any { operator, left, array } if *operator != Operator::Other => {
            owner_of_all([&**left, &**array], scope, params)
        }
        Expression::In { left, list, .. } => owner_of_all(std::iter::once(&**left).chain(list), scope, params),
        Expression::Between { left, low, high, .. } => owner_of_all([&**left, &**low, &**high], scope, params),
        Expression::IsNull(inner) => owner(inner, scope, params),
        Expression::And(parts) | Expression::Or(parts) => owner_of_all(parts, scope, params),
        // Computed once, before any row is looked at.
        Expression::Operator { name, parts } if matches!(&**name, "+" | "-" | "*") => {
            owner_of_all(parts, scope, params).filter(|owner| *owner == Owner::Nobody)
        }
        Expression::Operator { name, parts } if matches!(&**name, "<>" | "~~" | "!~~") => {
            owner_of_all(parts, scope, params)
        }
        _ => None,
    }
}

fn parts_of(condition: &Expression) -> &[Expression] {
    if let Expression::And(parts) = condition { parts } else { std::slice::from_ref(condition) }
}

/// What an OR says of one table: in each of its branches something must hold for it, or the branch does not.
fn of_branches(table: usize, branches: &[Expression], conjunct: &Conjunct, scope: &Scope<'_>) -> Option<Condition> {
    if branches.len() != conjunct.branches.len() {
        return None;
    }
    let (mut texts, mut all_params) = (Vec::with_capacity(branches.len()), Vec::new());
    for (branch, printed) in branches.iter().zip(&conjunct.branches) {
        let parts = parts_of(branch);
        let mut own = Vec::new();
        for (part, text) in parts.iter().zip(printed).filter(|_| parts.len() == printed.len()) {
            let mut params = Vec::new();
            if owner(part, scope, &mut params) == Some(Owner::Table(table)) && !text.is_empty() {
                own.push(format!("({text})"));
                all_params.append(&mut params);
            }
        }
        if own.is_empty() {
            return None;
        }
        texts.push(format!("({})", own.join(" AND ")));
    }
    Some(Condition { text: texts.join(" OR ").into(), params: all_params })
}

fn owner_of_all<'e>(
    parts: impl IntoIterator<Item = &'e Expression>,
    scope: &Scope<'_>,
    params: &mut Vec<u16>,
) -> Option<Owner> {
    parts.into_iter().try_fold(Owner::Nobody, |found, part| both(found, owner(part, scope, params)?))
}
