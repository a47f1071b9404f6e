//! What comes along with a table: triggers, checks, rules, row security, defaults; and whether its key can be followed.

use crate::logic::catalog::{ColumnDefault, Relation, UniqueIndex};
use crate::logic::shards::ShardId;
use crate::logic::sql::parse::with_statements;
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Body, Insert, Query, RelationName, Statement};

use super::super::Place;
use super::super::constants::Literals;
use super::super::mark::Mark;
use super::super::refusal::Refusal;
use super::super::scope::{Columns, Entry, Scope};
use super::from::VIEW_DEPTH_MAX;
use super::{Preferred, Survey, Target};

impl Survey<'_> {
    /// The key column must compare and hash as the keys of its keyspace do.
    pub fn check_key_column(&mut self, target: Target<'_>) {
        let columns = target.relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
        let Some(column) = columns.iter().find(|column| column.name.as_ref() == target.key) else { return };
        if column.has_loose_equality || !self.key_type(target.keyspace).takes_column(column.type_oid) {
            self.refuse(Refusal::key_type(target.table, target.key, &column.type_name));
        }
    }

    /// Triggers, checks and rules run with a write, and may look anywhere.
    /// `key` is the sharding key of the table.
    pub fn check_company(&mut self, table: &str, relation: Option<&Relation>, key: Option<&str>, verb: &str) {
        let Some(relation) = relation else { return };
        let triggers = match verb {
            "INSERT" | "COPY" | "COPY FROM" if !self.upserts => &relation.fired.insert,
            "DELETE" => &relation.fired.delete,
            _ => &relation.triggers,
        };
        self.triggers(table, triggers);
        // What rules run is not looked into.
        self.mark.taints |= relation.has_rules;
        self.check_triggers(table, triggers, key);
        // Rows that go are not checked.
        if verb != "DELETE" {
            self.checks(table, relation);
        }
        if relation.has_rules {
            self.refuse(Refusal::rules(table));
        }
    }

    /// TRUNCATE runs triggers, with CASCADE those of other tables too.
    pub fn truncated(&mut self, tables: &[RelationName]) {
        if self.schema.is_one_shard() {
            for (table, relation) in &self.schema.catalog.relations {
                self.triggers(&table.name, &relation.fired.truncate);
            }
            return;
        }
        for name in tables {
            let relation = self.schema.table_name(name).and_then(|table| self.schema.catalog.relations.get(&table));
            self.triggers(&name.name, relation.map(|it| it.fired.truncate.as_slice()).unwrap_or_default());
        }
    }

    /// Triggers and checks may run with a write to tables that are not named: those of a view.
    pub fn any_company(&mut self, name: &str, view: &Relation) {
        self.checks(name, view);
        self.any_triggers();
        for (table, relation) in &self.schema.catalog.relations {
            for function in &relation.checks {
                self.runs_one(function, &format!("\"{}\"", table.name), false);
            }
        }
    }

    fn any_triggers(&mut self) {
        for (table, relation) in &self.schema.catalog.relations {
            self.triggers(&table.name, &relation.triggers);
        }
    }

    /// Every shard keeps its own unique indexes: one without the key would let a value in that another shard has.
    /// `changed` are the columns that get new values; `None`: all of them.
    pub fn check_unique(&mut self, target: Target<'_>, verb: &str, changed: Option<&[&str]>) {
        let Some(relation) = target.relation else { return };
        if self.schema.map.keyspaces[usize::from(target.keyspace.0)].all().len() < 2 {
            return;
        }
        let concerns = |index: &UniqueIndex, column: &str| {
            index.columns.iter().any(|it| **it == *column)
                || index.definition.as_ref().is_some_and(|definition| definition.contains(column))
        };
        let changed: Option<Vec<&str>> =
            changed.map(|changed| [changed, &self.set_by_triggers(&relation.triggers)].concat());
        let torn = relation.unique_indexes.iter().find(|index| {
            let is_changed = changed.as_ref().is_none_or(|it| it.iter().any(|column| concerns(index, column)));
            is_changed
                && !index.columns.iter().any(|column| **column == *target.key)
                && !self.is_vouched(target.table, index)
        });
        if let Some(index) = torn {
            self.refuse(Refusal::torn_index(verb, target.table, &index.name, target.key));
        }
    }

    /// No two rows of the table have the same values in this index, the operator says.
    pub(super) fn is_vouched(&self, table: &str, index: &UniqueIndex) -> bool {
        let mut vouched = self.schema.map.vouched(table);
        vouched.any(|it| *it == *index.name || index.columns.iter().any(|column| **column == *it))
    }

    /// Surveys the row security of a table whose rows are written.
    pub fn check_policies(&mut self, name: &RelationName, relation: Option<&Relation>) {
        self.policies(name, relation, &Columns::open());
    }

    /// Surveys the row security of a table: conditions that PostgreSQL adds.
    pub fn policies(&mut self, name: &RelationName, relation: Option<&Relation>, columns: &Columns) {
        for policy in relation.map(|relation| relation.policies.as_slice()).unwrap_or_default() {
            let entry = Entry::of(Some(name.name.clone()), columns.clone());
            self.expression_of_catalog(policy, vec![entry]);
        }
    }

    /// Surveys what an INSERT leaves to defaults.
    pub fn insert_defaults(&mut self, insert: &Insert, relation: Option<&Relation>) {
        let Some(relation) = relation else { return };
        let listed: Vec<&str> = match (insert.columns.is_empty(), &insert.source) {
            (_, Some(source)) if uses_default(source) => Vec::new(),
            (false, _) => insert.columns.iter().map(Box::as_ref).collect(),
            (true, Some(Query { body: Body::Values(rows), .. })) => {
                let width = rows.first().map_or(0, Vec::len);
                relation.columns.iter().take(width).map(|column| column.name.as_ref()).collect()
            }
            (true, _) => Vec::new(),
        };
        self.defaults(Some(relation), Some(&listed));
    }

    /// Surveys the defaults of columns that are not `given`.
    pub fn defaults(&mut self, relation: Option<&Relation>, given: Option<&[&str]>) {
        let is_given = |name: &str| given.is_some_and(|given| given.contains(&name));
        let outside = std::mem::replace(&mut self.fills_rows, true);
        for column in relation.map(|relation| relation.columns.as_slice()).unwrap_or_default() {
            if is_given(&column.name) {
                continue;
            }
            self.with_column(Some(&column.name), |this| match &column.default {
                ColumnDefault::Expression(text) => this.expression_of_catalog(text, Vec::new()),
                ColumnDefault::Identity => this.draws_identity(),
                ColumnDefault::None | ColumnDefault::Generated => (),
            });
        }
        self.fills_rows = outside;
    }

    /// Every server computes the same value for each row, at any time.
    pub fn is_fixed(&self, expression: &Expression) -> bool {
        let mut inner = Self::new(self.schema, Literals::new("", None), self.verb);
        inner.keep_mentions();
        inner.visit(expression, &Scope::default());
        let is_moving = inner.nature.says_now || inner.nature.reads_time;
        inner.refusal.is_none() && !inner.depends_on_more() && !is_moving
    }

    /// Where the tables that a statement names live: the single shards, and whether only the session knows of some.
    pub fn homes_of(&self, statement: &Statement) -> (Vec<ShardId>, bool) {
        let mut inner = Self::new(self.schema, Literals::new("", None), self.verb);
        inner.may_spread = true;
        inner.statement(statement);
        let single = inner.required.iter().filter_map(|requirement| match requirement.place {
            Place::Shard(shard) => Some(shard),
            Place::Copies | Place::Every | Place::Lookup { .. } | Place::Store { .. } => None,
        });
        (single.collect(), inner.preferred == Preferred::Current)
    }

    /// It looks at nothing but temporary tables, and the session's server makes of them what any would.
    pub fn is_of_session(&self, statement: &Statement) -> bool {
        let mut inner = Self::new(self.schema, Literals::new("", None), self.verb);
        inner.keep_all_tables();
        inner.statement(statement);
        let mentions = inner.mentions.as_ref();
        let names_no_other = inner.uses.is_empty()
            && inner.required.is_empty()
            && inner.singles.is_empty()
            && inner.sequences.is_empty()
            && inner.copies + inner.counted + inner.views == 0
            && mentions.is_none_or(|mentions| mentions.tables.is_empty());
        let is_plain = !inner.asks_catalogs && inner.volatile_calls == 0 && !inner.nature.asks_server;
        let is_bound = matches!(inner.preferred, Preferred::Any | Preferred::Current);
        names_no_other && is_plain && is_bound && inner.refusal.is_none() && inner.mark == Mark::default()
    }

    /// The single shard that a view's tables live on.
    pub fn home_of_view(&self, definition: &str) -> Option<ShardId> {
        let homes = with_statements(definition, |located| {
            located.iter().flat_map(|one| self.homes_of(&one.statement).0).collect::<Vec<_>>()
        });
        homes.ok()?.first().copied()
    }

    fn expression_of_catalog(&mut self, text: &str, entries: Vec<Entry>) {
        if self.view_depth >= VIEW_DEPTH_MAX {
            return self.refuse(Refusal::unknown("row security that is nested so deeply"));
        }
        let done = self.of_catalog(&format!("SELECT {text}"), |this, query| {
            let around = Scope::default();
            let scope = Scope { entries, ..Scope::inside(&around) };
            if let Body::Select(select) = &query.body {
                select.targets.iter().for_each(|target| this.visit(&target.value, &scope));
            }
        });
        if done.is_none() {
            self.refuse(Refusal::unknown("an expression of the schema that does not parse"));
        }
    }
}

fn uses_default(source: &Query) -> bool {
    let Body::Values(rows) = &source.body else { return false };
    rows.iter().flatten().any(|value| matches!(value, Expression::Default))
}
