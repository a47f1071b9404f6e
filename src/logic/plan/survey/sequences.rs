//! Calls that take the next number of a sequence, or set it: where the sequence is.

use crate::logic::catalog::{Relation, RelationKind};
use crate::logic::shards::{KeyspaceId, ShardId, ShardSet, TableName};
use crate::logic::sql::name::parts_of;
use crate::logic::sql::statement::RelationName;
use crate::logic::sql::statement::expression::{Call, Constant, Expression, Literal, TypeName};

use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::super::taken::AskedNumber;
use super::Survey;

/// What has a sequence.
enum Owner {
    /// The table of one shard; these others have no such table
    Single(Box<str>, ShardId, ShardSet),
    /// A table of which every shard has a copy: the first one counts for all
    Copies,
    /// Every shard, each for itself; or the text does not say
    Unknown,
}

/// It works on an index, which every shard has a part of.
fn is_upkeep(function: &str) -> bool {
    function.starts_with("brin_summarize_") || matches!(function, "brin_desummarize_range" | "gin_clean_pending_list")
}

impl Survey<'_> {
    /// A sequence that is read as a table.
    pub(super) fn reads_numbers(&mut self, sequence: &RelationName) {
        match self.table_of(sequence).map_or(Owner::Unknown, |table| self.owner(table)) {
            Owner::Unknown if self.is_everywhere(sequence) && self.puts_numbers_together() => self.counted += 1,
            Owner::Unknown if self.is_everywhere(sequence) => self.refuse(Refusal::reads_sequence(&sequence.name)),
            owner @ (Owner::Single(..) | Owner::Copies | Owner::Unknown) => self.is_where(owner),
        }
    }

    /// Several shards have it, each its own.
    fn is_everywhere(&self, sequence: &RelationName) -> bool {
        !self.schema.is_one_shard() && self.schema.relation(sequence).is_some_and(|it| it.absent.is_empty())
    }

    /// `nextval('seq')`: the numbers of one shard, unless they fill a column of an INSERT.
    pub(super) fn takes_number(&mut self, call: &Call) {
        let owner = self.owner_of_sequence(call);
        if self.sure_alone(call) {
            let sequence = self.sequence_of(call);
            self.mark.numbers.take(sequence);
        }
        match self.fills_rows {
            true => self.draws(call),
            false => self.is_where(owner),
        }
    }

    /// `setval('seq', …)`. Numbers that every shard counts for itself must not meet those of others: see `plan::numbers`.
    pub(super) fn sets_number(&mut self, call: &Call) {
        match self.owner_of_sequence(call) {
            Owner::Unknown if !self.schema.is_one_shard() => self.refuse(Refusal::sets_sequence()),
            // Other tables may take its numbers on other shards.
            Owner::Copies if !self.schema.is_one_shard() && self.is_kept_apart(call) => {
                self.refuse(Refusal::sets_sequence());
            }
            owner @ (Owner::Single(..) | Owner::Copies | Owner::Unknown) => self.is_where(owner),
        }
    }

    /// Every shard has the sequence that a call names, and counts in places of its own.
    fn is_kept_apart(&mut self, call: &Call) -> bool {
        let sequences = self.sequences_named(call);
        let catalog = self.schema.catalog;
        let is_apart = |name: &TableName| {
            catalog.relations.get(name).is_some_and(|it| it.alike.is_empty() && it.absent.is_empty())
        };
        sequences.is_some_and(|sequences| !sequences.is_empty() && sequences.iter().all(is_apart))
    }

    /// The sequence that a call names, or those of the table that it names; `None`: nobody can tell.
    pub(super) fn sequences_named(&mut self, call: &Call) -> Option<Vec<TableName>> {
        if let Some(sequence) = self.sequence_of(call) {
            return Some(vec![sequence]);
        }
        let table = self.table_of_sequence(call)?;
        let table = self.schema.table_name(&table);
        Some(table.map(|table| self.sequences_of(&table)).unwrap_or_default())
    }

    /// `lastval()`, `currval('seq')`: the numbers of the server that has taken them.
    pub(super) fn asks_number(&mut self, call: &Call) {
        if self.mentions.is_some() {
            // Several servers run it, or one that has not given the number.
            self.refuse(Refusal::number_elsewhere());
        }
        if call.arguments.is_empty() {
            return self.mark.numbers.asked.push(AskedNumber::Last);
        }
        // Whichever of a table's it is.
        let sequences = self.sequences_named(call).unwrap_or_default();
        match sequences.is_empty() {
            true => self.mark.numbers.asked.push(AskedNumber::Unknown),
            false => self.mark.numbers.asked.extend(sequences.into_iter().map(AskedNumber::Of)),
        }
    }

    /// The sequences that belong to a table.
    pub(super) fn sequences_of(&self, table: &TableName) -> Vec<TableName> {
        let catalog = self.schema.catalog;
        let is_sequence = |name: &TableName| {
            catalog.relations.get(name).is_some_and(|relation| relation.kind == RelationKind::Sequence)
        };
        let own = catalog.owners.iter().filter(|(name, owner)| *owner == table && is_sequence(name));
        own.map(|(name, _)| name.clone()).collect()
    }

    /// The sequence that a call names.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is computed is not known here")]
    fn sequence_of(&mut self, call: &Call) -> Option<TableName> {
        let constant = match call.arguments.first()? {
            Expression::Constant(constant) => constant,
            Expression::Cast { inner, to } if to.names.last().is_some_and(|name| &**name == "regclass") => {
                match &**inner {
                    Expression::Constant(constant) => constant,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let name = self.named(constant)?;
        self.schema.table_name(&name)
    }

    fn is_where(&mut self, owner: Owner) {
        match owner {
            Owner::Single(table, shard, absent) => {
                self.lacking = self.lacking.union(absent);
                self.sequences.push(shard);
                self.require_shard(&table, shard);
            }
            Owner::Copies | Owner::Unknown => self.is_only_first("sequences"),
        }
    }

    fn owner_of_sequence(&mut self, call: &Call) -> Owner {
        if let Some(table) = self.table_of_sequence(call) {
            return self.owner(table);
        }
        let sequence = self.sequence_of(call);
        sequence.and_then(|sequence| self.only_home(&sequence)).unwrap_or(Owner::Unknown)
    }

    /// The shard that has all rows of a keyspace.
    fn only_member(&self, keyspace: KeyspaceId) -> Option<ShardId> {
        let members = self.schema.map.keyspaces[usize::from(keyspace.0)].all();
        members.iter().next().filter(|_| members.len() == 1)
    }

    /// The shard whose numbers count, of a sequence that belongs to a table of one shard.
    pub(super) fn home_of_sequence(&self, sequence: &TableName) -> Option<ShardId> {
        let table = self.schema.catalog.owners.get(sequence)?;
        match self.owner(RelationName::of(Some(table.schema.clone()), table.name.clone())) {
            Owner::Single(_, shard, _) => Some(shard),
            Owner::Copies | Owner::Unknown => None,
        }
    }

    /// A sequence of nobody that one shard alone has.
    fn only_home(&self, sequence: &TableName) -> Option<Owner> {
        let absent = self.schema.catalog.relations.get(sequence)?.absent;
        let mut homes = self.schema.map.all_shards().iter().filter(|shard| !absent.contains(*shard));
        let home = homes.next().filter(|_| !absent.is_empty() && homes.next().is_none());
        home.map(|home| Owner::Single(sequence.name.clone(), home, absent))
    }

    fn owner(&self, owner: RelationName) -> Owner {
        let absent = |relation: Option<&Relation>| relation.map_or(ShardSet::EMPTY, |it| it.absent);
        match self.schema.find(&owner) {
            Found::Single(shard, relation) => Owner::Single(owner.name, shard, absent(relation)),
            Found::Reference(_) => Owner::Copies,
            Found::Sharded { keyspace, relation, .. } => match self.only_member(keyspace) {
                Some(shard) => Owner::Single(owner.name, shard, absent(relation)),
                None => Owner::Unknown,
            },
            Found::View(..) | Found::Sequence | Found::System | Found::Unlisted | Found::Unheard => Owner::Unknown,
        }
    }

    /// The table that a sequence belongs to, where the text names the sequence or its table.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is computed is not known here")]
    fn table_of_sequence(&mut self, call: &Call) -> Option<RelationName> {
        match call.arguments.first()? {
            Expression::Constant(constant) => self.owner_of(constant),
            Expression::Cast { inner, to } if to.names.last().is_some_and(|name| &**name == "regclass") => {
                match &**inner {
                    Expression::Constant(constant) => self.owner_of(constant),
                    _ => None,
                }
            }
            Expression::Call(of) if of.name.last().is_some_and(|name| &**name == "pg_get_serial_sequence") => {
                match of.arguments.first()? {
                    Expression::Constant(constant) => self.named(constant),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn owner_of(&mut self, sequence: &Constant) -> Option<RelationName> {
        let sequence = self.named(sequence)?;
        self.table_of(&sequence)
    }

    fn table_of(&self, sequence: &RelationName) -> Option<RelationName> {
        let owner = self.schema.owner(sequence)?;
        Some(RelationName::of(Some(owner.schema.clone()), owner.name.clone()))
    }

    /// `'audit'::regclass`: a table that not every shard has is asked for where it is.
    pub(super) fn note_object(&mut self, inner: &Expression, to: &TypeName) {
        if to.names.last().is_some_and(|name| &**name == "regclass") {
            self.is_where_named(inner, false);
        }
    }

    /// The same where a function is given its name.
    pub(super) fn note_named_object(&mut self, function: &str, call: &Call) {
        let count = call.arguments.len();
        let at = match function {
            "has_table_privilege" | "has_any_column_privilege" | "has_sequence_privilege" => count.checked_sub(2),
            "has_column_privilege" => count.checked_sub(3),
            "pg_get_serial_sequence" | "to_regclass" => Some(0),
            _ if function.starts_with("pg_partition_") || is_upkeep(function) => Some(0),
            _ if function.starts_with("pg_") && function.ends_with("_size") => Some(0),
            _ => None,
        };
        let is_found =
            at.and_then(|at| call.arguments.get(at)).is_some_and(|it| self.is_where_named(it, is_upkeep(function)));
        if is_upkeep(function) && !is_found && !self.schema.is_one_shard() {
            self.refuse(Refusal::of_server(function));
        }
    }

    /// Is it a table of one shard? Of tables that every shard has the first one tells, unless it is done to its own; in rows that are stored a name is a value
    /// like others.
    fn is_where_named(&mut self, name: &Expression, is_its_own: bool) -> bool {
        let Expression::Constant(constant) = name else { return false };
        if self.fills_rows || self.view_depth > 0 {
            return false;
        }
        let Some(name) = self.named(constant) else { return false };
        let table = self.table_of(&name).unwrap_or(name);
        let Owner::Single(table, shard, absent) = self.owner(table) else { return false };
        if is_its_own || absent.iter().next().is_some() {
            self.lacking = self.lacking.union(absent);
            self.require_shard(&table, shard);
        }
        true
    }

    /// The relation that a string names.
    fn named(&mut self, constant: &Constant) -> Option<RelationName> {
        let Literal::String(text) = &constant.value else { return None };
        self.literals.fix(constant);
        match <[Box<str>; 2]>::try_from(parts_of(text)?) {
            Ok([schema, name]) => Some(RelationName::of(Some(schema), name)),
            Err(parts) => Some(RelationName::of(None, <[Box<str>; 1]>::try_from(parts).ok()?.into_iter().next()?)),
        }
    }
}
