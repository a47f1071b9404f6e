//! A part of WITH that changes rows, where every shard runs the whole statement over its own: the rows that it returns are
//! where their keys are, and so must be all that is done with them.

use crate::logic::shards::KeyspaceId;
use crate::logic::sql::statement::{Change, CommonTable as Part, Statement};

use super::super::Restriction;
use super::super::facts::Variable;
use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::super::scope::{Columns, Meaning, Scope};
use super::Survey;

/// The part of a WITH that changes rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modified {
    /// The key of the rows that it changes
    pub target: Variable,
    /// Its number among the parts of all WITHs
    part: usize,
    /// The key of the rows that it returns, where the statement reads them: once
    pub read: Option<Variable>,
}

impl Survey<'_> {
    /// Surveys a part that writes, where rows of several shards are needed: one of them at most is followed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other writes are not followed")]
    pub(super) fn modifying_part(&mut self, part: &Part, scope: &Scope<'_>) -> Columns {
        match &part.statement {
            Statement::Change(change) if self.may_modify && self.modified.is_none() => {
                let may_write_across = std::mem::take(&mut self.may_write_across);
                let columns = self.change(change, scope);
                self.may_write_across = may_write_across;
                self.check_repeats(change);
                match self.goes_through.take() {
                    Some(target) => self.modified = Some(Modified { target, part: self.common.len(), read: None }),
                    None => self.refuse(Refusal::across("a WITH part that writes")),
                }
                columns
            }
            _ => {
                self.refuse(Refusal::across("a WITH part that writes"));
                Columns::open()
            }
        }
    }

    /// Two shards could each store a value that only one row of the whole table may have.
    fn check_repeats(&mut self, change: &Change) {
        let Found::Sharded { key, relation: Some(relation), .. } = self.schema.find(&change.table) else { return };
        let sets = |column: &str| change.assignments.iter().any(|it| it.name.as_deref() == Some(column));
        let is_torn = |columns: &&Vec<Box<str>>| {
            !columns.iter().any(|column| **column == *key) && columns.iter().any(|column| sets(column))
        };
        if relation.unique_keys.iter().any(|columns| is_torn(&columns))
            || relation.has_partial_unique_without(key) && !change.assignments.is_empty()
        {
            self.refuse(Refusal::may_repeat(change.verb, &change.table.name));
        }
    }

    /// This part of a WITH is the one that writes.
    pub(super) fn is_modified(&self, part: usize) -> bool {
        self.modified.is_some_and(|modified| modified.part == part)
    }

    /// The part that writes is read. Its rows may be split by their key.
    pub(super) fn read_modified(&mut self, columns: &mut Columns) {
        let Some(modified) = self.modified else { return };
        if modified.read.is_some() {
            return self.refuse(Refusal::across("a WITH part that writes and is read twice"));
        }
        let read = self.facts.showing(modified.target);
        for column in &mut columns.list {
            if let Meaning::Key { variable, .. } = &mut column.meaning
                && self.facts.shows(*variable, modified.target)
            {
                *variable = self.facts.showing(read);
                // What is said of the column is said of the rows that are read, not of those that are written.
                self.facts.within(read, *variable);
            }
        }
        self.modified = Some(Modified { read: Some(read), ..modified });
        self.sources = vec![read];
    }

    /// All rows of the table are where those are that the statement goes through, or those that its WITH changes.
    pub(super) fn is_beside(&self, variable: Variable, anchor: Variable) -> bool {
        match self.modified {
            None => self.facts.is_confined_to(variable, &[anchor]),
            Some(Modified { target, .. }) => {
                variable == target || self.facts.is_confined_to(variable, &[anchor, target])
            }
        }
    }

    /// What is read of the rows that the WITH changes is where those are that the statement goes through.
    pub(super) fn is_read_beside(&self, anchor: Variable) -> bool {
        let read = self.modified.and_then(|modified| modified.read);
        read.is_none_or(|read| self.facts.is_confined_to(read, &[anchor]))
    }

    /// The keys whose shards run the statement: those of the rows that it goes through, and of those that its WITH changes.
    pub(super) fn keys_with_modified(&self, anchor: Variable, keyspace: KeyspaceId) -> Option<Restriction> {
        let keys = self.facts.keys(anchor);
        match self.modified {
            None => Some(keys),
            Some(Modified { target, .. }) if self.facts.keyspace(target) != Some(keyspace) => None,
            Some(Modified { target, .. }) if self.facts.keys(target) == keys => Some(keys),
            Some(_) => Some(Restriction::All),
        }
    }
}
