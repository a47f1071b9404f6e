//! What a change of rows sets off through foreign keys (ON UPDATE, ON DELETE): every shard acts on its own rows, where
//! they are. None of that may give a row another sharding key, run a trigger that looks elsewhere, or fill the copies of a
//! reference table with different values.

use crate::logic::catalog::{Action, ColumnDefault, ForeignKey, Relation};
use crate::logic::shards::{Placement, TableName};
use crate::logic::sql::statement::{Body, RelationName, Target as Assignment};

use super::super::refusal::Refusal;
use super::Survey;

/// What happens to rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// They go
    Delete,
    /// Some of these columns get new values; `None`: perhaps all
    Set(Option<Vec<Box<str>>>),
}

impl Act {
    /// What the assignments of an UPDATE do.
    pub fn of(assignments: &[Assignment]) -> Self {
        Self::Set(assignments.iter().map(|it| it.name.clone()).collect())
    }

    fn sets(&self, column: &str) -> bool {
        match self {
            Self::Delete => false,
            Self::Set(None) => true,
            Self::Set(Some(columns)) => columns.iter().any(|it| **it == *column),
        }
    }
}

impl Survey<'_> {
    /// Follows the foreign keys to a table whose rows are changed, and those to the tables that they reach.
    pub fn check_cascades(&mut self, name: &RelationName, verb: &'static str, act: Act) {
        if self.schema.catalog.foreign_keys.is_empty() {
            return;
        }
        let Some(table) = self.schema.table_name(name) else { return };
        let key = self.key_of_table(&table);
        // A sharding key that is set here is looked at by itself.
        let act = match act {
            Act::Set(Some(mut columns)) => {
                columns.retain(|column| Some(&**column) != key);
                Act::Set(Some(columns))
            }
            act @ (Act::Delete | Act::Set(None)) => act,
        };
        if act == Act::Set(Some(Vec::new())) {
            return;
        }
        let mut reached = vec![(table, act)];
        let mut next = 0;
        while let Some((table, act)) = reached.get(next).cloned() {
            next += 1;
            let act = self.with_company(&table, act);
            for foreign_key in self.schema.catalog.foreign_keys.get(&table).into_iter().flatten() {
                let Some(act) = follow(foreign_key, &act) else { continue };
                if let Err(refusal) = self.check_reached(name, verb, (&table, foreign_key), &act) {
                    return self.refuse(refusal);
                }
                let step = (foreign_key.from.clone(), act);
                if !reached.contains(&step) {
                    reached.push(step);
                }
            }
        }
    }

    fn key_of_table(&self, table: &TableName) -> Option<&str> {
        match self.schema.map.tables.get(table) {
            Some(Placement::Sharded { key, .. }) => Some(key),
            Some(Placement::Reference | Placement::Single(_)) | None => None,
        }
    }

    fn is_copied(&self, table: &TableName) -> bool {
        matches!(self.schema.map.tables.get(table), Some(Placement::Reference))
    }

    /// Triggers may set other columns too, and generated ones follow those that are set.
    fn with_company(&self, table: &TableName, act: Act) -> Act {
        let Some(relation) = self.schema.catalog.relations.get(table) else { return act };
        match act {
            Act::Set(_) if !relation.triggers.is_empty() => Act::Set(None),
            Act::Set(Some(mut columns)) => {
                let generated = relation.columns.iter().filter(|it| it.default == ColumnDefault::Generated);
                columns.extend(generated.map(|it| it.name.clone()));
                Act::Set(Some(columns))
            }
            act @ (Act::Delete | Act::Set(None)) => act,
        }
    }

    fn check_reached(
        &mut self,
        name: &RelationName,
        verb: &'static str,
        (to, foreign_key): (&TableName, &ForeignKey),
        act: &Act,
    ) -> Result<(), Refusal> {
        let table = &foreign_key.from;
        if let Some(key) = self.key_of_table(table).filter(|key| act.sets(key)) {
            return Err(Refusal::cascades_to_key(verb, &name.name, &foreign_key.name, &table.name, key));
        }
        let catalog = self.schema.catalog;
        let relation = catalog.relations.get(table).map(|relation| &**relation);
        let done = if *act == Act::Delete { "DELETE" } else { "UPDATE" };
        let key = self.key_of_table(table).map(Box::<str>::from);
        self.check_company(&table.name, relation, key.as_deref(), done);
        let is_copied = self.is_copied(table);
        if is_copied && !self.is_copied(to) {
            return Err(Refusal::cascades_to_copy(verb, &name.name, &foreign_key.name, &table.name));
        }
        let sets_default = [foreign_key.on_update, foreign_key.on_delete].contains(&Action::Default);
        let defaults = relation.filter(|_| is_copied && sets_default).map(|it| defaults(it, act)).unwrap_or_default();
        let may_differ = !defaults.into_iter().all(|default| self.is_fixed_default(default));
        match may_differ {
            true => Err(Refusal::copies_may_differ(
                verb,
                &name.name,
                &format!("The foreign key \"{}\" gives rows of \"{}\" their default.", foreign_key.name, table.name),
            )),
            false => Ok(()),
        }
    }

    /// Every server fills a column with the same value.
    pub fn is_fixed_default(&mut self, default: &ColumnDefault) -> bool {
        let text = match default {
            ColumnDefault::None | ColumnDefault::Generated => return true,
            ColumnDefault::Identity => return false,
            ColumnDefault::Expression(text) => text,
        };
        let is_fixed = self.of_catalog(&format!("SELECT {text}"), |this, query| match &query.body {
            Body::Select(select) => select.targets.iter().all(|target| this.is_fixed(&target.value)),
            Body::Values(_) | Body::SetOperation(..) => false,
        });
        is_fixed == Some(true)
    }
}

/// What a foreign key makes of a change of the rows that it points to.
fn follow(foreign_key: &ForeignKey, act: &Act) -> Option<Act> {
    let all = || foreign_key.columns.iter().map(|(ours, _)| ours.clone()).collect();
    match act {
        Act::Delete => match &foreign_key.on_delete {
            Action::Nothing => None,
            Action::Cascade => Some(Act::Delete),
            Action::Null | Action::Default if foreign_key.reset.is_empty() => Some(Act::Set(Some(all()))),
            Action::Null | Action::Default => Some(Act::Set(Some(foreign_key.reset.clone()))),
        },
        Act::Set(_) => {
            let set = foreign_key.columns.iter().filter(|(_, theirs)| act.sets(theirs));
            let set: Vec<Box<str>> = set.map(|(ours, _)| ours.clone()).collect();
            match foreign_key.on_update {
                Action::Nothing => None,
                _ if set.is_empty() => None,
                Action::Cascade => Some(Act::Set(Some(set))),
                Action::Null | Action::Default => Some(Act::Set(Some(all()))),
            }
        }
    }
}

fn defaults<'r>(relation: &'r Relation, act: &Act) -> Vec<&'r ColumnDefault> {
    relation.columns.iter().filter(|column| act.sets(&column.name)).map(|column| &column.default).collect()
}
