//! Which servers know all that a statement names, and what stands in for it where none does.

use std::borrow::Cow;
use std::sync::Arc;

use crate::logic::plan::{Home, Plan, Planned, Refusal};
use crate::logic::route::Destination;
use crate::logic::shards::{ShardId, ShardSet};
use crate::proxy::plans::Shape;
use crate::proxy::session::Session;
use crate::proxy::statements::Statement;

impl Session {
    /// Where a statement has to be parsed: one that may name a temporary object is known to the server that has it, one that
    /// names tables of one shard to that shard.
    pub(super) fn is_parsed_at(&self, shape: &Shape) -> Destination {
        let Some(planned) = super::only(shape) else { return Destination::Any };
        let known = || self.is_known_at(planned.lacking());
        let Plan::One(one) = &*planned.plan else { return known() };
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
            let across = self.picture().planner.across(text);
            return Ok((ShardId(0), Cow::Owned(across.described(text)?)));
        }
        match self.is_known_at(lacking) {
            Destination::Shard(shard) => Ok((shard, Cow::Borrowed(text))),
            Destination::Any | Destination::First | Destination::Current => Ok((ShardId(0), Cow::Borrowed(text))),
        }
    }

    /// A statement of this shape as servers parse and describe it: what stands in for it, where none has all that it names.
    /// That has no rows, and is never run.
    pub(super) fn as_described(&self, statement: &Arc<Statement>, shape: &Shape) -> Result<Arc<Statement>, Refusal> {
        if self.is_known(lacking(shape)) {
            return Ok(Arc::clone(statement));
        }
        let across = statement.across(&self.picture().planner, self.catalog_version())?;
        let text = across.described(&statement.text)?;
        let version = statement.catalog_version;
        Ok(statement.stand_in(|| self.shared.statements.intern(&text, &statement.types, version)))
    }

    /// Does any shard have all that a statement names?
    fn is_known(&self, lacking: ShardSet) -> bool {
        lacking.len() < self.map().shards.len()
    }
}

/// The shards that lack something of what a statement names.
fn lacking(shape: &Shape) -> ShardSet {
    super::only(shape).map_or(ShardSet::EMPTY, Planned::lacking)
}
