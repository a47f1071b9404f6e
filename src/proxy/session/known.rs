//! Which servers know all that a statement names, and what stands in for it where none does.

use std::borrow::Cow;
use std::sync::Arc;

use crate::logic::plan::{Home, Plan, Planned, Reason, Refusal};
use crate::logic::route::{self, Destination, Values};
use crate::logic::shards::{ShardId, ShardSet};
use crate::proxy::plans::Shape;
use crate::proxy::session::Session;
use crate::proxy::statements::Statement;

impl Session {
    /// Where a statement has to be parsed: one that may name a temporary object is known to the server that has it, one that
    /// names tables of one shard to that shard.
    pub(super) fn is_parsed_at(&self, shape: &Shape) -> Destination {
        let Some(planned) = super::only(shape) else { return Destination::Any };
        let known = || match self.is_known(planned.lacking()) {
            true => self.is_known_at(planned.lacking()),
            false => self.is_described_in(shape.text_of(planned)),
        };
        let one = match &*planned.plan {
            Plan::One(one) => one,
            Plan::Refuse(Refusal { reason: Reason::Unasked, .. }) => {
                let named = self.named_for(planned).ok().flatten();
                return named.map_or_else(known, Destination::Shard);
            }
            Plan::Refuse(_) | Plan::Command(_) | Plan::CopyIn(_) => return known(),
        };
        let home = match &one.home {
            Home::Meet(_) | Home::Process(_) if one.is_bound => Destination::Current,
            Home::Meet(_) | Home::Process(_) | Home::Any => known(),
            Home::First => Destination::First,
            Home::Current => Destination::Current,
        };
        // What cannot be is said of its Bind.
        self.beside(home, one.access).unwrap_or(Destination::Any)
    }

    /// A shard that has all that a statement names, where these lack something of it: one of the open transaction, if any has.
    /// Where none has, any says so.
    pub(super) fn is_known_at(&self, lacking: ShardSet) -> Destination {
        if lacking.is_empty() {
            return Destination::Any;
        }
        let knows = |shard: &ShardId| !lacking.contains(*shard);
        let engaged = self.held.iter().filter(|held| held.is_engaged()).map(|held| held.shard);
        let all = ShardSet::first_of(self.map().shards.len());
        engaged.chain(all.iter()).find(knows).map_or(Destination::Any, Destination::Shard)
    }

    /// Where the statement that a client gave with these words is described, and with which words.
    pub(super) fn is_described_at<'t>(&self, text: &'t str) -> Result<(ShardId, Cow<'t, str>), Refusal> {
        let lacking = lacking(&self.shape_of(text));
        if !self.is_known(lacking) {
            let described = self.picture().planner.across(text).described(text)?;
            // What it finds ungrouped would have to be looked at.
            if !described.groups_as_tables {
                return Err(Refusal::known_nowhere());
            }
            return Ok((certain(self.is_described_in(text)), Cow::Owned(described.text)));
        }
        Ok((certain(self.is_known_at(lacking)), Cow::Borrowed(text)))
    }

    /// Where the stand-in for a statement can be parsed that no shard knows.
    fn is_described_in(&self, text: &str) -> Destination {
        let described = self.picture().planner.across(text).described(text);
        let found = described.and_then(|described| route::destination(&described.home, &Values::None, self.map()));
        // Why it cannot be is said when it is asked for.
        found.unwrap_or(Destination::Any)
    }

    /// A statement of this shape as servers parse and describe it: what stands in for it, where none has all that it names.
    /// That has no rows, and is never run.
    pub(super) fn as_described(&self, statement: &Arc<Statement>, shape: &Shape) -> Result<Arc<Statement>, Refusal> {
        if self.is_known(lacking(shape)) {
            self.check_known_beside_temporary(shape)?;
            return Ok(Arc::clone(statement));
        }
        let across = statement.across(&self.picture().planner, self.catalog_version())?;
        statement.stand_in(&self.shared.statements, || across.described(&statement.text))
    }

    /// A statement that may name temporary tables, and names a table of another shard: the server of the ones lacks the other.
    fn check_known_beside_temporary(&self, shape: &Shape) -> Result<(), Refusal> {
        let Some(planned) = super::only(shape) else { return Ok(()) };
        let may_name_temporary = matches!(&*planned.plan, Plan::One(one) if one.is_bound);
        let lacks = |shard: ShardId| planned.lacking().contains(shard);
        match may_name_temporary && self.temporary_tables_at().is_some_and(lacks) {
            true => Err(Refusal::known_nowhere()),
            false => Ok(()),
        }
    }

    /// Does any shard have all that a statement names?
    fn is_known(&self, lacking: ShardSet) -> bool {
        lacking.len() < self.map().shards.len()
    }
}

/// A shard, whichever may be meant.
fn certain(destination: Destination) -> ShardId {
    match destination {
        Destination::Shard(shard) => shard,
        Destination::Any | Destination::First | Destination::Current => ShardId(0),
    }
}

/// The shards that lack something of what a statement names.
fn lacking(shape: &Shape) -> ShardSet {
    super::only(shape).map_or(ShardSet::EMPTY, Planned::lacking)
}
