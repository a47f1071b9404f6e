//! Semi-joins: rows that can meet no row of another table stay on their shards.
//!
//! ```sql
//! SELECT … FROM lineitem, part WHERE l_partkey = p_partkey AND p_brand = 'Brand#12'
//! -- asks the shards for
//! SELECT … FROM lineitem WHERE l_partkey IN (SELECT p_partkey FROM part WHERE p_brand = 'Brand#12')
//! ```
//!
//! That holds where a shard has all rows of the other table that its own could meet: a reference table, or a sharded
//! one where both keys are equal. What restricts the other table (its conditions, and semi-joins of its own) goes along.

use crate::logic::catalog::{Column, RelationKind};
use crate::logic::sql::name::{qualified, quoted};

use super::mention::{Condition, Mention, Mentioned, Mentions};
use super::ties::{Side, Tie};

/// Tables behind tables beyond this are left out.
const DEPTH_MAX: usize = 4;
/// So are conditions longer than this.
const TEXT_MAX: usize = 4 << 10;

impl Mentions<'_> {
    /// Adds to the conditions of each table what its ties say.
    pub(super) fn add_semijoins(&mut self) {
        if self.names_schemas || self.ties.known.is_empty() {
            return;
        }
        let found: Vec<Vec<Condition>> = (0..self.tables.len()).map(|table| self.semijoins(table, &[])).collect();
        for (mention, mut conditions) in self.tables.iter_mut().zip(found) {
            mention.conditions.append(&mut conditions);
        }
    }

    /// The semi-joins of a table with those that it is tied to, leaving out those it is looked at from.
    fn semijoins(&self, table: usize, from: &[usize]) -> Vec<Condition> {
        let mut others: Vec<usize> = Vec::new();
        for tie in self.ties.known.iter().filter(|tie| tie.of.table == table) {
            if !others.contains(&tie.to.table) && !from.contains(&tie.to.table) {
                others.push(tie.to.table);
            }
        }
        let from: Vec<usize> = from.iter().copied().chain([table]).collect();
        let found = others.into_iter().filter_map(|other| self.semijoin(table, other, &from));
        found.filter(|condition| condition.text.len() <= TEXT_MAX).collect()
    }

    fn semijoin(&self, table: usize, other: usize, from: &[usize]) -> Option<Condition> {
        let (of, to) = (&self.tables[table], &self.tables[other]);
        if from.len() > DEPTH_MAX || of.is_renamed || to.is_renamed {
            return None;
        }
        let ties = self.ties.known.iter().filter(|tie| tie.of.table == table && tie.to.table == other);
        let ties: Vec<&Tie> = ties.filter(|tie| is_alike(of, &tie.of, to, &tie.to)).collect();
        if ties.is_empty() || !is_beside(of, to, &ties) {
            return None;
        }
        let inner = self.semijoins(other, from);
        let all: Vec<&Condition> = to.conditions.iter().chain(&inner).collect();
        if all.is_empty() {
            return None;
        }
        let named =
            |mention: &Mention<'_>, side: &Side| format!("{}.{}", quoted(mention.visible_name()), quoted(&side.column));
        let tests: Vec<String> = ties.iter().map(|tie| named(of, &tie.of)).collect();
        let targets: Vec<String> = ties.iter().map(|tie| named(to, &tie.to)).collect();
        let texts: Vec<String> = all.iter().map(|condition| format!("({})", condition.text)).collect();
        let only = if to.name.is_only { "ONLY " } else { "" };
        let text = format!(
            "({}) IN (SELECT {} FROM {only}{} AS {} WHERE {})",
            tests.join(", "),
            targets.join(", "),
            qualified(to.name.schema.as_deref(), &to.name.name),
            quoted(to.visible_name()),
            texts.join(" AND ")
        );
        let params = all.iter().flat_map(|condition| condition.params.iter().copied()).collect();
        Some(Condition { text: text.into(), params })
    }
}

/// Every shard that has a row of the one has all rows of the other that it can meet.
fn is_beside(of: &Mention<'_>, to: &Mention<'_>, ties: &[&Tie]) -> bool {
    let Some(relation) = to.relation() else { return false };
    // A view could pick other rows on each server; row security is the other's own matter.
    if !relation.policies.is_empty() || matches!(relation.kind, RelationKind::View(_)) {
        return false;
    }
    match (&of.what, &to.what) {
        (_, Mentioned::Whole { shard: None, .. }) => true,
        (
            Mentioned::Sharded { keyspace: one, key: own, .. },
            Mentioned::Sharded { keyspace: another, key: others, .. },
        ) => one == another && ties.iter().any(|tie| tie.of.column == *own && tie.to.column == *others),
        (
            Mentioned::Sharded { .. } | Mentioned::Whole { .. } | Mentioned::Counted { .. } | Mentioned::View { .. },
            Mentioned::Sharded { .. } | Mentioned::Whole { .. } | Mentioned::Counted { .. } | Mentioned::View { .. },
        ) => false,
    }
}

/// They are compared in one way only.
fn is_alike(of: &Mention<'_>, one: &Side, to: &Mention<'_>, other: &Side) -> bool {
    fn column<'a>(mention: &'a Mention<'_>, side: &Side) -> Option<&'a Column> {
        mention.relation()?.columns.iter().find(|column| column.name == side.column)
    }
    match (column(of, one), column(to, other)) {
        (Some(one), Some(other)) => one.type_oid == other.type_oid && one.collation == other.collation,
        (None, _) | (_, None) => false,
    }
}
