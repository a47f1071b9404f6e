//! Calls that take the next number of a sequence, or set it: where the sequence is.

use crate::logic::shards::ShardId;
use crate::logic::sql::name::parts_of;
use crate::logic::sql::statement::RelationName;
use crate::logic::sql::statement::expression::{Call, Constant, Expression, Literal};

use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::Survey;

impl Survey<'_> {
    /// `nextval('seq')`: the numbers of one shard, unless they fill a column of an INSERT.
    pub(super) fn takes_number(&mut self, call: &Call) {
        match self.home_of_sequence(call) {
            _ if self.fills_rows => (),
            Some((table, shard)) => self.require_shard(&table, shard),
            None => self.is_only_first("sequences"),
        }
    }

    /// `setval('seq', …)`. Numbers that every shard counts for itself must not meet those of others.
    pub(super) fn sets_number(&mut self, call: &Call) {
        match self.home_of_sequence(call) {
            Some((table, shard)) => self.require_shard(&table, shard),
            None if self.schema.is_one_shard() => self.is_only_first("sequences"),
            None => self.refuse(Refusal::sets_sequence()),
        }
    }

    /// The table of one shard that a sequence belongs to, where the text names the sequence or its table.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is computed is not known here")]
    fn home_of_sequence(&mut self, call: &Call) -> Option<(Box<str>, ShardId)> {
        let owner = match call.arguments.first()? {
            Expression::Constant(constant) => self.owner_of(constant)?,
            Expression::Cast { inner, to } if to.names.last().is_some_and(|name| &**name == "regclass") => {
                match &**inner {
                    Expression::Constant(constant) => self.owner_of(constant)?,
                    _ => return None,
                }
            }
            Expression::Call(of) if of.name.last().is_some_and(|name| &**name == "pg_get_serial_sequence") => {
                match of.arguments.first()? {
                    Expression::Constant(constant) => self.named(constant)?,
                    _ => return None,
                }
            }
            _ => return None,
        };
        match self.schema.find(&owner) {
            Found::Single(shard, _) => Some((owner.name, shard)),
            Found::Sharded { .. }
            | Found::Reference(_)
            | Found::View(..)
            | Found::Sequence
            | Found::System
            | Found::Unlisted
            | Found::Unheard => None,
        }
    }

    fn owner_of(&mut self, sequence: &Constant) -> Option<RelationName> {
        let sequence = self.named(sequence)?;
        let owner = self.schema.owner(&sequence)?;
        Some(RelationName::of(Some(owner.schema.clone()), owner.name.clone()))
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
