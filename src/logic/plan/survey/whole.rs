//! What only a real table has, and its stand-in must be given: rows as a whole, with the type of the table, and a primary
//! key, on which the other columns depend where it is grouped by.

use crate::logic::sql::statement::Select;
use crate::logic::sql::statement::expression::{Call, Expression, Literal};

use super::super::scope::{Entry, Scope};
use super::Survey;

/// A GROUP BY that names the primary key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouped {
    /// Where its first item stands in the text
    pub at: usize,
    /// The number of the table among the mentioned ones
    pub table: usize,
    /// The columns of the key
    pub key: Vec<Box<str>>,
}

impl Survey<'_> {
    /// A name is looked at: a column, or a row as a whole. Where `e.f` is no column of e, it is `f(e)`.
    pub(super) fn mention_name(&mut self, parts: &[Box<str>], scope: &Scope<'_>) {
        let [before @ .., name] = parts else { return };
        self.mention_schema(before.len());
        match scope.entry_of(parts) {
            Some(entry) if entry.is_query => (),
            Some(entry) if entry.table.is_some() => self.mention_column(entry.name.as_deref(), name),
            Some(_) | None => self.mention_column(before.last().map(Box::as_ref), name),
        }
        if !before.is_empty() && scope.find(parts).is_none() {
            self.note_field(name);
            if let [table] = before {
                self.mention_whole(std::slice::from_ref(table));
            }
        }
    }

    /// A row is looked at as a whole.
    pub(super) fn mention_whole(&mut self, of: &[Box<str>]) {
        let Some(name) = of.last() else { return self.mention_star(of) };
        let Some(mentions) = &mut self.mentions else { return };
        mentions.wholes.insert(name.clone());
        self.mention_schema(of.len());
    }

    /// A whole row as the argument of a function that takes any row, whatever its type is called.
    pub(super) fn mention_whole_row(&mut self, call: &Call, scope: &Scope<'_>) -> bool {
        const OF_ANY_ROW: [&str; 6] = ["row_to_json", "to_json", "to_jsonb", "json_agg", "jsonb_agg", "count"];
        let is_of_any = call.name.last().is_some_and(|name| OF_ANY_ROW.contains(&&**name));
        match call.arguments.as_slice() {
            [Expression::Column(parts) | Expression::Star(parts)]
                if is_of_any
                    && parts.len() == 1
                    && scope.find(parts).is_none()
                    && self.is_plain_row(&parts[0], scope) =>
            {
                self.mention_star(parts);
                if let Some(mentions) = &mut self.mentions {
                    mentions.rows.insert(parts[0].clone());
                }
                true
            }
            _ => false,
        }
    }

    /// The columns of a row keep their names where the alias has none of its own.
    fn is_plain_row(&self, name: &str, scope: &Scope<'_>) -> bool {
        let mut named = scope.entries.iter().filter(|entry| entry.name.as_deref() == Some(name));
        let is_renamed = |entry: &Entry| match (entry.table, &self.mentions) {
            (Some(table), Some(mentions)) => mentions.tables[table].is_renamed,
            (None, _) | (_, None) => false,
        };
        named.next().is_some_and(|entry| !is_renamed(entry))
    }

    /// Tables whose primary key a GROUP BY names: their other columns may stand in the select list all the same
    /// (`check_functional_grouping`).
    pub(super) fn mention_grouped(&mut self, select: &Select, scope: &Scope<'_>) {
        let Some(mentions) = self.mentions.as_mut().filter(|_| self.view_depth == 0 && !select.group_by.is_empty())
        else {
            return;
        };
        let items: Vec<&Expression> = select.group_by.iter().map(|item| grouped_by(item, select, scope)).collect();
        for entry in &scope.entries {
            let Some(table) = entry.table else { continue };
            let mention = &mentions.tables[table];
            let Some(key) = mention.relation().and_then(|relation| relation.primary_key.as_ref()) else { continue };
            let is_grouped = |name: &str| items.iter().any(|item| is_column(item, name, entry, scope));
            let is_certain = !select.has_grouping_sets && items.iter().all(|item| is_certain(item, scope));
            match (select.group_at, key.iter().all(|name| is_grouped(name))) {
                (Some(at), true) if is_certain && !mention.is_renamed => {
                    mentions.grouped.push(Grouped { at, table, key: key.clone() });
                }
                (_, is_grouped) => mentions.may_depend |= is_grouped || !is_certain || mention.is_renamed,
            }
        }
        for item in &select.group_by {
            if let Expression::Constant(constant) = item {
                self.literals.fix(constant);
            }
        }
    }
}

/// It is known whether it is a column of a table.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is computed is no column")]
fn is_certain(item: &Expression, scope: &Scope<'_>) -> bool {
    match item {
        Expression::Column(parts) => scope.find(parts).is_some_and(|found| {
            let has = |entry: &&Entry| entry.columns.list.iter().any(|column| std::ptr::eq(column, found));
            scope.entries.iter().find(has).is_some_and(|entry| entry.table.is_some())
        }),
        Expression::Row(_) | Expression::Constant(_) | Expression::Star(_) => false,
        _ => true,
    }
}

/// What an item of GROUP BY stands for: PostgreSQL takes a name for a column of FROM first, then for one of the answer.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other items stand for themselves")]
fn grouped_by<'e>(item: &'e Expression, select: &'e Select, scope: &Scope<'_>) -> &'e Expression {
    match item {
        Expression::Column(parts) if parts.len() == 1 && scope.find(parts).is_none() => {
            let mut named = select.targets.iter().filter(|target| target.name.as_ref() == parts.first());
            match (named.next(), named.next()) {
                (Some(target), None) => &target.value,
                _ => item,
            }
        }
        Expression::Constant(constant) => match &constant.value {
            Literal::Integer(digits) => {
                let before = digits.parse::<usize>().ok().and_then(|it| it.checked_sub(1)).unwrap_or(usize::MAX);
                let has_star = select.targets.iter().take(before).any(|it| matches!(it.value, Expression::Star(_)));
                select.targets.get(before).filter(|_| !has_star).map_or(item, |target| &target.value)
            }
            _ => item,
        },
        _ => item,
    }
}

fn is_column(item: &Expression, name: &str, entry: &Entry, scope: &Scope<'_>) -> bool {
    let Expression::Column(parts) = item else { return false };
    let Some(found) = scope.find(parts) else { return false };
    entry.columns.list.iter().any(|column| std::ptr::eq(column, found) && column.name.as_deref() == Some(name))
}
