//! INSERT: where each row belongs, and what its conflicts may be with.

use crate::logic::body::leaves::Leaves;
use crate::logic::catalog::{ColumnDefault, Relation, UniqueIndex};
use crate::logic::shards::KeyspaceId;
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Body, Insert, OnConflict, Query, RelationName, Target as Assignment};
use crate::logic::value::{KeyType, Modifier};

use super::super::facts::{Variable, any_of};
use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::super::scope::{Columns, Entry, Meaning, Scope};
use super::super::{KeyRule, Place, Requirement, Source, Value};
use super::cascade::Act;
use super::through::{PlaceOfRows, Through};
use super::{Survey, meaning_of};

/// A sharded table that is written.
#[derive(Clone, Copy)]
pub struct Target<'t> {
    /// Its name, for messages
    pub table: &'t str,
    /// Its key column
    pub key: &'t str,
    /// Its keyspace
    pub keyspace: KeyspaceId,
    /// What the catalog knows
    pub relation: Option<&'t Relation>,
}

/// What becomes of the key in one row.
enum Key<'e> {
    Given(&'e Expression),
    LeftOut,
}

impl Survey<'_> {
    /// Surveys an INSERT. Returns what its RETURNING columns stand for.
    pub fn insert(&mut self, insert: &Insert, parent: &Scope<'_>) -> Columns {
        self.writes();
        let mut scope = Scope::inside(parent);
        if !self.spreads_rows {
            self.with(insert.with.as_ref(), &mut scope);
        }
        let upserts = insert.on_conflict.as_ref().is_some_and(|conflict| !conflict.assignments.is_empty());
        let outside = std::mem::replace(&mut self.upserts, upserts);
        let returned = self.insert_into(insert, &scope);
        self.upserts = outside;
        returned
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other tables are told apart by `written_elsewhere`")]
    fn insert_into(&mut self, insert: &Insert, scope: &Scope<'_>) -> Columns {
        let found = self.find(&insert.table);
        self.stores_in(&insert.table, &found);
        match found {
            Found::Sharded { keyspace, key, relation } => {
                let target = Target { table: &insert.table.name, key, keyspace, relation };
                self.check_key_column(target);
                self.check_company(&insert.table.name, relation, Some(key), "INSERT");
                self.check_unique(target, "INSERT", None);
                self.check_policies(&insert.table, relation);
                self.insert_defaults(insert, relation);
                self.insert_numbers(insert, relation);
                self.insert_sharded(insert, target, scope)
            }
            Found::View(..) if let Some(through) = self.through(&insert.table) => {
                self.insert_through(insert, &through, scope)
            }
            other => {
                if let Some(source) = &insert.source {
                    self.insert_source(source, scope);
                }
                self.written_elsewhere(&insert.table, &other, "INSERT");
                if let Found::Single(_, relation) | Found::Reference(relation) = other {
                    self.insert_defaults(insert, relation);
                    self.insert_numbers(insert, relation);
                }
                self.note_insert(insert);
                opaque(self.after_insert(insert, Columns::open(), scope))
            }
        }
    }

    /// Into a view of one table.
    fn insert_through(&mut self, insert: &Insert, through: &Through, scope: &Scope<'_>) -> Columns {
        let relation = &through.relation;
        self.stores_through(through);
        self.check_company(&through.table, Some(relation), through.place.key(), "INSERT");
        self.insert_defaults(insert, Some(relation));
        match &through.place {
            PlaceOfRows::Sharded(keyspace, key) => {
                let (table, keyspace) = (&*through.table, *keyspace);
                let target = Target { table, key, keyspace, relation: Some(relation) };
                self.check_key_column(target);
                self.check_unique(target, "INSERT", None);
                self.insert_sharded(insert, target, scope)
            }
            PlaceOfRows::Single(shard) => {
                if let Some(source) = &insert.source {
                    self.insert_source(source, scope);
                }
                self.require_shard(&through.table, *shard);
                opaque(self.after_insert(insert, Columns::open(), scope))
            }
        }
    }

    /// A write to a table that is not sharded.
    pub fn written_elsewhere(&mut self, name: &RelationName, found: &Found<'_>, verb: &'static str) {
        self.writes();
        match found {
            Found::Single(shard, relation) => {
                self.require_shard(&name.name, *shard);
                self.check_company(&name.name, *relation, None, verb);
                self.check_policies(name, *relation);
            }
            Found::Reference(relation) if self.may_write_across => {
                self.writes_copies = true;
                self.check_company(&name.name, *relation, None, verb);
                self.check_policies(name, *relation);
            }
            Found::Reference(_) => self.refuse(Refusal::reference(verb, &name.name)),
            Found::View(definition, view) => {
                if definition.contains("pg_settings") {
                    self.leave(Leaves::Settings, || format!("{verb} of view \"{}\"", name.name));
                }
                self.refuse(Refusal::view(verb, &name.name));
                self.any_company(&name.name, view);
            }
            Found::Unlisted => self.refuse(Refusal::unlisted(&name.name)),
            Found::System if &*name.name == "pg_settings" => {
                self.leave(Leaves::Settings, || format!("{verb} of \"pg_settings\""));
            }
            Found::System | Found::Sequence => self.refuse(Refusal::every_shard(verb, &[&name.name])),
            Found::Unheard => self.is_bound(),
            Found::Sharded { .. } => (),
        }
    }

    fn insert_sharded(&mut self, insert: &Insert, target: Target<'_>, scope: &Scope<'_>) -> Columns {
        let position = position_of_key(&insert.columns, target);
        if insert.columns.is_empty() && insert.source.is_some() && !self.spreads_rows {
            self.mark.by_position = Some(insert.table.name.clone());
        }
        let mut stored = None;
        match &insert.source {
            Some(source) => match (&source.body, is_plain(source)) {
                (Body::Values(rows), true) => {
                    // nextval() in a row is the shard's own affair: its default would be too.
                    let outside = std::mem::replace(&mut self.fills_rows, true);
                    let columns = columns_filled(&insert.columns, target);
                    rows.iter().for_each(|row| self.visit_row(row, &columns, scope));
                    self.fills_rows = outside;
                    stored = self.stored(rows, position, insert.overrides_with_default, target);
                    self.store_rows(rows, position, insert.overrides_with_default, target);
                }
                (Body::Values(_) | Body::Select(_) | Body::SetOperation(..), _) => {
                    let columns = self.insert_source(source, scope);
                    self.store_selected(&columns, position, target);
                }
            },
            None => self.store(vec![Key::LeftOut], target, false),
        }
        let sources = std::mem::take(&mut self.sources);
        let (columns, variable) = self.sharded_columns(target.keyspace, target.key, target.relation);
        // RETURNING and DO UPDATE see rows that are written here: they need no proof of their own.
        debug_assert!(self.facts.keyspace(variable) == Some(target.keyspace), "the variable was made for it");
        if let Some(conflict) = &insert.on_conflict {
            let own = insert.alias.name.as_deref().unwrap_or(&insert.table.name);
            self.check_conflict(conflict, own, target);
        }
        let returned = self.after_insert(insert, columns, scope);
        self.sources = sources;
        match stored.filter(|_| self.keeps_keys(insert, target)) {
            // The rows that it returns have the keys that it was given.
            Some(mut keys) => {
                keys.dedup();
                self.facts.restrict(variable, any_of(keys));
                returned
            }
            None => opaque(returned),
        }
    }

    /// The keys that it is given, where they are known.
    fn stored(
        &self,
        rows: &[Vec<Expression>],
        position: Option<usize>,
        overrides_with_default: bool,
        target: Target<'_>,
    ) -> Option<Vec<Value>> {
        let position = position.filter(|_| !overrides_with_default || !is_identity(target))?;
        rows.iter().map(|row| row.get(position).and_then(|key| self.literals.value(key))).collect()
    }

    /// Its rows are stored with the keys that it is given: neither its column nor a trigger makes them others.
    fn keeps_keys(&self, insert: &Insert, target: Target<'_>) -> bool {
        let is_table = matches!(self.schema.find(&insert.table), Found::Sharded { .. });
        let has_triggers = target.relation.is_none_or(|relation| !relation.triggers.is_empty());
        is_table && !has_triggers && key_rule(target).modifier == Modifier::None
    }

    fn insert_source(&mut self, source: &Query, scope: &Scope<'_>) -> Columns {
        if self.spreads_rows {
            return Columns::open();
        }
        let outside = std::mem::replace(&mut self.fills_rows, true);
        let columns = self.query(source, scope);
        self.fills_rows = outside;
        columns
    }

    fn after_insert(&mut self, insert: &Insert, columns: Columns, scope: &Scope<'_>) -> Columns {
        let name = insert.alias.name.clone().unwrap_or_else(|| insert.table.name.clone());
        let mut inner = Scope::inside(scope);
        inner.entries.push(Entry { schema: insert.table.schema.clone(), ..Entry::of(Some(name), columns.clone()) });
        if let Some(conflict) = &insert.on_conflict {
            self.check_cascades(&insert.table, "INSERT", Act::of(&conflict.assignments));
            let mut with_excluded = Scope::inside(scope);
            with_excluded.entries.clone_from(&inner.entries);
            with_excluded.entries.push(Entry::of(Some(Box::from("excluded")), columns));
            self.visit_targets(&conflict.assignments, &with_excluded);
            self.visit_all(&conflict.rest, &with_excluded);
        }
        self.visit_returned(&insert.returning, &inner);
        self.columns(&insert.returning, &inner, None)
    }

    fn store_rows(
        &mut self,
        rows: &[Vec<Expression>],
        position: Option<usize>,
        overrides_with_default: bool,
        target: Target<'_>,
    ) {
        let keys = rows.iter().map(|row| match position.and_then(|position| row.get(position)) {
            Some(Expression::Default) | None => Key::LeftOut,
            Some(_) if overrides_with_default && is_identity(target) => Key::LeftOut,
            Some(expression) => Key::Given(expression),
        });
        self.store(keys.collect(), target, may_fail(rows));
    }

    fn store(&mut self, keys: Vec<Key<'_>>, target: Target<'_>, is_conditional: bool) {
        if self.spreads_rows {
            return;
        }
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let value = match key {
                Key::Given(expression) => self.literals.value(expression),
                Key::LeftOut => {
                    Some(Value { source: Source::Fixed(None), cast: None }).filter(|_| has_no_default(target))
                }
            };
            match (value, key) {
                (Some(value), _) => values.push(value),
                (None, Key::Given(_)) => {
                    return self.refuse(Refusal::key_not_constant("INSERT", target.table, target.key));
                }
                (None, Key::LeftOut) => return self.refuse(Refusal::key_left_out(target.table, target.key)),
            }
        }
        self.store_values(values, target, is_conditional);
    }

    /// Rows with these keys are written.
    pub(super) fn store_values(&mut self, keys: Vec<Value>, target: Target<'_>, is_conditional: bool) {
        let is_text = self.key_type(target.keyspace) == KeyType::Text;
        if is_text && keys.iter().any(|key| self.literals.is_bare_number(key)) {
            return self.refuse(Refusal::key_not_constant(self.verb, target.table, target.key));
        }
        let column = Box::from(target.key);
        let place = Place::Store { keyspace: target.keyspace, column, keys, rule: key_rule(target), is_conditional };
        self.require(Requirement { table: Box::from(target.table), place });
    }

    /// INSERT … SELECT: the key is a constant, or the key of a row that is on the right shard already.
    fn store_selected(&mut self, columns: &Columns, position: Option<usize>, target: Target<'_>) {
        if self.spreads_rows {
            return;
        }
        let Some(position) = position else { return self.store(vec![Key::LeftOut], target, true) };
        let meaning = match columns.list.get(position) {
            Some(column) if columns.is_positional => column.meaning.clone(),
            Some(_) | None => Meaning::Opaque,
        };
        self.store_meaning("INSERT", &meaning, target);
    }

    /// A row is written whose key is this.
    pub fn store_meaning(&mut self, verb: &'static str, meaning: &Meaning, target: Target<'_>) {
        match meaning {
            Meaning::Value(value) => self.store_values(vec![value.clone()], target, true),
            // A column that rounds or cuts its values could make it the key of another shard, unless its own has already.
            Meaning::Key { variable, nullable: false }
                if self.facts.keyspace(*variable) == Some(target.keyspace)
                    && self.facts.fits(*variable, key_rule(target).modifier) =>
            {
                self.store_carried(*variable, target);
            }
            Meaning::Key { .. } | Meaning::Opaque => {
                self.refuse(Refusal::key_not_carried(verb, target.table, target.key));
            }
        }
    }

    /// The rows carry the key of rows that are read: the same shard has both, if the reading meets on one.
    fn store_carried(&mut self, variable: Variable, target: Target<'_>) {
        let written = self.facts.variable(Some(target.keyspace));
        self.facts.within(written, variable);
        self.uses.push(super::Use {
            table: Box::from(target.table),
            column: Box::from(target.key),
            keyspace: target.keyspace,
            variable: written,
        });
    }

    fn check_conflict(&mut self, conflict: &OnConflict, own: &str, target: Target<'_>) {
        let has_key = |columns: &[Box<str>]| columns.iter().any(|column| column.as_ref() == target.key);
        let is_proved = match (&conflict.constraint, conflict.columns.is_empty()) {
            // Any unique index will do.
            (None, true) => target.relation.is_some_and(|relation| {
                let is_vouched = |index: &UniqueIndex| self.is_vouched(target.table, index);
                let vouched = || relation.unique_indexes.iter().filter(|index| is_vouched(index));
                let is_known = |columns: &[Box<str>]| has_key(columns) || vouched().any(|it| it.columns == *columns);
                relation.unique_keys.iter().all(|columns| is_known(columns))
                    && relation.unique_indexes.iter().all(|index| has_key(&index.columns) || is_vouched(index))
            }),
            (Some(_), _) => target.relation.is_some_and(|relation| {
                !relation.has_partial_unique_without(target.key)
                    && relation.unique_keys.iter().all(|columns| has_key(columns))
            }),
            (None, false) => has_key(&conflict.columns),
        };
        if !is_proved {
            self.refuse(Refusal::conflict(target.table, target.key));
        }
        // The row that is in the way has the same key: it is part of what they conflict on.
        let keeps = |it: &&Assignment| matches!(&it.value, Expression::Column(parts) if is_column_of(parts, "excluded", target.key));
        let changed = conflict.assignments.iter().filter(|it| it.name.as_deref() != Some(target.key) || !keeps(it));
        self.check_assignments(changed, own, target);
    }

    /// No row changes its key.
    ///
    /// `own` is the name by which the statement knows the table: `SET key = own.key` changes nothing.
    pub fn check_assignments<'e>(
        &mut self,
        mut assignments: impl Iterator<Item = &'e Assignment>,
        own: &str,
        target: Target<'_>,
    ) {
        let keeps =
            |value: &Expression| matches!(value, Expression::Column(parts) if is_column_of(parts, own, target.key));
        let is_key = |name: Option<&str>| name == Some(target.key);
        if assignments.any(|it| is_key(it.name.as_deref()) && !keeps(&it.value)) {
            self.refuse(Refusal::key_changed(target.table, target.key));
        }
    }

    /// What an expression in a row of a MERGE stands for.
    pub fn meaning_in_row(&self, expression: &Expression, scope: &Scope<'_>) -> Meaning {
        match self.literals.value(expression) {
            Some(value) => Meaning::Value(value),
            None => meaning_of(expression, scope),
        }
    }
}

/// `table.column`: the table's name is asked for, another relation could have a column of that name.
pub fn is_column_of(parts: &[Box<str>], own: &str, name: &str) -> bool {
    matches!(parts, [table, column] if table.as_ref() == own && column.as_ref() == name)
}

/// VALUES and nothing around it.
pub fn is_plain(query: &Query) -> bool {
    query.with.is_none() && query.order_by.is_empty() && query.limits.is_empty()
}

/// Computing a value of these rows may fail, before any row is found to be wrong.
pub fn may_fail(rows: &[Vec<Expression>]) -> bool {
    rows.iter().flatten().any(is_computed)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other expression is computed")]
fn is_computed(value: &Expression) -> bool {
    match value {
        Expression::Constant(_) | Expression::Param(_) | Expression::Default | Expression::Moment(_) => false,
        Expression::Cast { inner, .. } => is_computed(inner),
        _ => true,
    }
}

/// Where the key stands among the values of a row.
pub fn position_of_key(columns: &[Box<str>], target: Target<'_>) -> Option<usize> {
    if columns.is_empty() {
        let relation = target.relation?;
        return relation.columns.iter().position(|column| column.name.as_ref() == target.key);
    }
    columns.iter().position(|column| column.as_ref() == target.key)
}

/// The types and names of the columns that a row fills.
fn columns_filled<'t>(columns: &'t [Box<str>], target: Target<'t>) -> Vec<(Option<u32>, Option<&'t str>)> {
    let all = target.relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
    if columns.is_empty() {
        return all.iter().map(|column| (Some(column.type_oid), Some(column.name.as_ref()))).collect();
    }
    let type_of = |name: &str| all.iter().find(|column| column.name.as_ref() == name).map(|column| column.type_oid);
    columns.iter().map(|name| (type_of(name), Some(name.as_ref()))).collect()
}

/// A row without its key has NULL there.
pub fn has_no_default(target: Target<'_>) -> bool {
    default_of(target) == Some(&ColumnDefault::None)
}

/// What the key column makes of its values.
pub fn key_rule(target: Target<'_>) -> KeyRule {
    let columns = target.relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
    let column = columns.iter().find(|column| column.name.as_ref() == target.key);
    column.map_or_else(KeyRule::default, |column| KeyRule {
        is_not_null: column.is_not_null,
        modifier: Modifier::of_type(&column.type_name),
    })
}

fn is_identity(target: Target<'_>) -> bool {
    default_of(target).is_none_or(|default| *default == ColumnDefault::Identity)
}

fn default_of(target: Target<'_>) -> Option<&ColumnDefault> {
    let columns = &target.relation?.columns;
    columns.iter().find(|column| column.name.as_ref() == target.key).map(|column| &column.default)
}

fn opaque(mut columns: Columns) -> Columns {
    for column in &mut columns.list {
        column.meaning = Meaning::Opaque;
    }
    columns
}
