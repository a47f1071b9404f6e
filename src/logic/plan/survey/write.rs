//! What a write needs to know to run on several shards: UPDATE, DELETE and MERGE whose rows each follow from what their
//! own shard holds, and writes to the copies of a reference table.

use crate::logic::catalog::Relation;
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Body, Change, FromItem, Insert, Merge, MergeKind, RelationName};
use crate::logic::value::KeyType;

use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::super::{Place, Requirement, TakenNumbers, Value};
use super::insert::{Target, is_column_of};
use super::nature::Nature;
use super::params::MomentParams;
use super::{Preferred, Spread, Survey, key_rule};

/// A write to a sharded table.
pub struct Written<'a> {
    /// Which shards have rows that it may concern
    pub requirement: Requirement,
    /// What has to be fetched first; `None`: each shard has what its rows need
    pub spread: Option<Spread<'a>>,
    /// The home of the key that its rows get
    pub new_key: Option<(Value, Requirement)>,
    /// What it depends on besides rows
    pub nature: Nature,
    /// How many parameters there are
    pub params: u16,
    /// Parameters that no two servers may read as times of their own
    pub moment_params: MomentParams,
    /// Its triggers may change settings that we cannot see
    pub taints: bool,
}

/// A write to a reference table.
pub struct Copied<'a> {
    /// What has to be fetched first; `None`: every shard has it
    pub spread: Option<Spread<'a>>,
    /// What it depends on besides rows
    pub nature: Nature,
    /// The first shard alone can run it
    pub needs_first: bool,
    /// How many parameters there are
    pub params: u16,
    /// Parameters that no two servers may read as times of their own
    pub moment_params: MomentParams,
    /// Its triggers may change settings that we cannot see
    pub taints: bool,
    /// The numbers that its rows take
    pub numbers: TakenNumbers,
}

impl<'a> Survey<'a> {
    /// An UPDATE whose rows may follow the order in which others lie, and the defaults that it asks for.
    pub(super) fn note_change(&mut self, change: &Change) {
        self.nature.follows_order |= change.verb == "UPDATE" && !change.from.is_empty();
        if change.assignments.iter().any(|assignment| matches!(assignment.value, Expression::Default))
            && let Found::Reference(relation) = self.schema.find(&change.table)
        {
            self.defaults(relation, None);
        }
    }

    /// An INSERT into a table that is not sharded: of rows that are in each other's way, the first one stays.
    pub(super) fn note_insert(&mut self, insert: &Insert) {
        let is_listed = insert.source.as_ref().is_none_or(|source| matches!(source.body, Body::Values(_)));
        self.nature.follows_order |= insert.on_conflict.is_some() && !is_listed;
    }

    /// Rows of the source that the target lacks count as well: the source is what a MERGE goes through.
    pub(super) fn note_merge(&mut self, merge: &Merge, uses_before: usize) {
        if !merge.branches.iter().any(|branch| branch.kind == MergeKind::NotInTarget) {
            return;
        }
        let is_table = match &merge.source {
            FromItem::Table { name, .. } => matches!(self.schema.find(name), Found::Sharded { .. }),
            FromItem::Query { .. } | FromItem::Rows { .. } | FromItem::Join(_) | FromItem::Unknown(_) => false,
        };
        self.goes_through = match self.uses.get(uses_before..) {
            Some([source]) if is_table => Some(source.variable),
            Some(_) | None => None,
        };
    }

    /// The assignment that gives all rows one other key.
    pub(super) fn moves(&mut self, change: &Change, own: &str, target: Target<'_>) -> Option<usize> {
        if !self.may_write_across || self.mentions.is_none() {
            return None;
        }
        let (at, value) = self.one_key(change, own, target)?;
        self.new_key = Some(value);
        Some(at)
    }

    /// The same, where the shard of the rows must be that of their new key as well: all that may be tied to them is there.
    pub(super) fn stays(&mut self, change: &Change, own: &str, target: Target<'_>) -> Option<usize> {
        if self.may_write_across || self.mentions.is_some() {
            return None;
        }
        let (at, value) = self.one_key(change, own, target)?;
        self.store_values(vec![value], target, true);
        Some(at)
    }

    fn one_key(&mut self, change: &Change, own: &str, target: Target<'_>) -> Option<(usize, Value)> {
        let keeps = |value: &Expression| {
            let Expression::Column(parts) = value else { return false };
            let is_bare = change.from.is_empty() && parts.len() == 1 && *parts[0] == *target.key;
            is_bare || is_column_of(parts, own, target.key)
        };
        let is_key = |name: Option<&str>| name == Some(target.key);
        let at = change.assignments.iter().position(|it| is_key(it.name.as_deref()) && !keeps(&it.value))?;
        let value = self.literals.value(&change.assignments[at].value)?;
        let is_text = self.key_type(target.keyspace) == KeyType::Text;
        if is_text && self.literals.is_bare_number(&value) {
            return None;
        }
        Some((at, value))
    }

    /// What came out of a survey of a write to a sharded table: UPDATE, DELETE, MERGE.
    pub fn finish_write(mut self, table: &RelationName, verb: &'static str) -> Result<Written<'a>, Refusal> {
        self.settle();
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        let torn = || Refusal::not_row_by_row(verb, &table.name);
        let Found::Sharded { keyspace, key, relation } = self.schema.find(table) else {
            let needed = self.uses.first().map_or(&*table.name, |used| &used.table);
            return Err(Refusal::not_row_by_row(verb, needed));
        };
        let anchor = self.goes_through.ok_or_else(torn)?;
        let used = self.uses.iter().find(|used| used.variable == anchor).ok_or_else(torn)?;
        let is_free = self.preferred == Preferred::Any && self.tied.is_empty();
        let nature = std::mem::take(&mut self.nature);
        // What is picked from each copy of a reference table need not be the same row.
        if !is_free || nature.asks_server || nature.picks && nature.reads_copies {
            return Err(torn());
        }
        if nature.is_now {
            return Err(Refusal::moving_time(verb, &table.name));
        }
        if nature.reads_time {
            return Err(Refusal::reads_time(verb, &table.name));
        }
        let system = self.mentions.as_ref().and_then(|mentions| mentions.system_column(relation));
        if let Some(column) = system {
            return Err(Refusal::across(&format!("system column {column}")));
        }
        let keys = self.keys_with_modified(anchor, used.keyspace).ok_or_else(torn)?;
        let place = Place::Lookup { keyspace: used.keyspace, column: used.column.clone(), keys };
        let mut requirement = Requirement { table: used.table.clone(), place };
        self.params.mark_requirement(&mut requirement, self.schema.map);
        let new_key = self.new_key.take().map(|value| {
            let target = Target { table: &table.name, key, keyspace, relation };
            let (column, rule) = (Box::from(key), key_rule(target));
            let place = Place::Store { keyspace, column, keys: vec![value.clone()], rule, is_conditional: true };
            let mut home = Requirement { table: table.name.clone(), place };
            self.params.mark_requirement(&mut home, self.schema.map);
            (value, home)
        });
        let (params, taints) = (self.params.highest(), self.mark.taints);
        let moment_params = self.params.of_moments();
        let is_local = self.uses.iter().all(|used| self.is_beside(used.variable, anchor));
        if self.modified.is_some() && !(is_local && self.is_read_beside(anchor) && new_key.is_none()) {
            return Err(torn());
        }
        let takes_sharded = !is_local || !self.can_leave_sharded();
        let spread = match is_local && self.singles.is_empty() {
            true => None,
            false => Some(self.finish_spread_of(takes_sharded)?),
        };
        // A row as a whole is of a type that its own shard has.
        if spread.as_ref().is_some_and(|spread| spread.shard.is_some()) {
            return Err(torn());
        }
        Ok(Written { requirement, spread, new_key, nature, params, moment_params, taints })
    }

    /// What came out of a survey of a write to a reference table; `None`: it writes to none.
    pub fn finish_copies(mut self, table: &RelationName, verb: &'static str) -> Option<Result<Copied<'a>, Refusal>> {
        let Found::Reference(relation) = self.schema.find(table) else { return None };
        self.settle();
        if let Some(refusal) = self.refusal.take() {
            return Some(Err(refusal));
        }
        let on_first = |shard: &ShardId| *shard == ShardId(0);
        let leaves_something = self.mark.pin.or(self.mark.needs_pinned).is_some() || !self.mark.set_config.is_empty();
        let is_bound = self.preferred == Preferred::Current || leaves_something;
        if !self.writes_copies || is_bound || !self.tied.iter().all(on_first) {
            return Some(Err(Refusal::copies_need_rows(verb, &table.name)));
        }
        if let Some(column) = self.system_column(relation) {
            return Some(Err(Refusal::across(&format!("system column {column}"))));
        }
        let is_on_first = self.uses.is_empty() && self.singles.iter().all(on_first);
        let needs_first = !self.tied.is_empty() || self.preferred != Preferred::Any;
        let needs_first = needs_first || is_on_first && !self.singles.is_empty();
        let (params, taints) = (self.params.highest(), self.mark.taints);
        let moment_params = self.params.of_moments();
        let (nature, numbers) = (std::mem::take(&mut self.nature), self.mark.numbers.clone());
        let spread = if is_on_first { Ok(None) } else { self.finish_spread().map(Some) };
        Some(spread.and_then(|spread| match spread {
            // A view is not written out here, and a row as a whole is of a type that its own shard has.
            Some(spread) if !spread.views.is_empty() || spread.shard.is_some_and(|shard| !on_first(&shard)) => {
                Err(Refusal::copies_need_rows(verb, &table.name))
            }
            spread => Ok(Copied { spread, needs_first, params, moment_params, taints, nature, numbers }),
        }))
    }

    fn system_column(&self, relation: Option<&Relation>) -> Option<&'static str> {
        self.mentions.as_ref().and_then(|mentions| mentions.system_column(relation))
    }
}
