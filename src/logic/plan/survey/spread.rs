//! What surveys for several shards end with: the tables to be fetched, and the shard that does the rest; or that an INSERT
//! needs nothing but its rows.

use crate::logic::shards::ShardId;

use super::super::refusal::Refusal;
use super::super::schema::Schema;
use super::super::{Access, Mark, Place, Requirement, Restriction, TakenNumbers};
use super::mention::{Mention, Mentioned, Mentions};
use super::params::{MomentParams, Params};
use super::{Preferred, Survey};

/// What a survey of an INSERT found whose rows belong to several shards.
pub struct Stored {
    params: Params,
    /// How often the text names now() and its kin
    pub moments: usize,
    /// It may change settings that we cannot see
    pub taints: bool,
    /// The numbers that its rows take
    pub numbers: TakenNumbers,
}

impl Stored {
    /// How many parameters there are.
    pub fn params(&self) -> u16 {
        self.params.highest()
    }

    /// Those that no two servers may read as times of their own.
    pub fn moment_params(&self) -> MomentParams {
        self.params.of_moments()
    }

    /// PostgreSQL finds the same types for them in each part of the text.
    pub fn has_certain_params(&self) -> bool {
        self.params.numbers().into_iter().all(|number| self.params.is_certain(number))
    }

    /// Names the parameters whose type at the server is in doubt.
    pub fn mark(&self, requirement: &mut Requirement, schema: &Schema<'_>) {
        self.params.mark_requirement(requirement, schema.map);
    }
}

/// What a survey for several shards found.
pub struct Spread<'a> {
    /// The tables to be fetched, each with the keys that matter
    pub tables: Vec<(Mention<'a>, Requirement)>,
    /// Views to be written out first
    pub views: Vec<Mention<'a>>,
    /// The shard that has to do the rest; `None`: any
    pub shard: Option<ShardId>,
    /// The rest must be done where the session is
    pub is_bound: bool,
    /// How many parameters there are
    pub params: u16,
    /// May a replica do the rest?
    pub access: Access,
    /// What the text names
    pub mentions: Mentions<'a>,
}

impl<'a> Survey<'a> {
    /// An INSERT whose rows each need nothing but what every shard has.
    pub fn finish_insert(mut self, written: &str) -> Result<Stored, Refusal> {
        self.settle();
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        let mentions = self.mentions.take().unwrap_or_default();
        if let Some(used) = self.uses.iter().find(|used| self.facts.keys(used.variable) == Restriction::All) {
            return Err(Refusal::unrestricted(self.verb, &used.table, &used.column));
        }
        let needs_rows = !self.uses.is_empty() || !self.required.is_empty();
        let numbers = std::mem::take(&mut self.mark.numbers);
        let is_bound =
            self.preferred != Preferred::Any || self.mark != Mark { taints: self.mark.taints, ..Mark::default() };
        if needs_rows {
            return Err(Refusal::rows_beside("a value that is looked up in a sharded or single table"));
        }
        if let Some(what) = mentions.of_real_table(&[]) {
            return Err(Refusal::across(&what));
        }
        if is_bound || mentions.depends_on_server {
            return Err(Refusal::rows_beside("a function that depends on the server or the session"));
        }
        if self.nature.reads_time {
            return Err(Refusal::reads_time(self.verb, written));
        }
        Ok(Stored { params: self.params, moments: mentions.moments, taints: self.mark.taints, numbers })
    }

    /// What came out of a survey that keeps mentions.
    pub fn finish_spread(self) -> Result<Spread<'a>, Refusal> {
        self.finish_spread_of(true)
    }

    /// The same; sharded tables may be left where they are.
    pub(super) fn finish_spread_of(mut self, takes_sharded: bool) -> Result<Spread<'a>, Refusal> {
        self.settle();
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        let mut mentions = self.mentions.take().unwrap_or_default();
        mentions.add_semijoins();
        let (mut tables, mut views, mut needed) = (Vec::new(), Vec::new(), 0);
        for mut mention in std::mem::take(&mut mentions.tables) {
            // Elsewhere PostgreSQL could find another type for the parameter.
            mention.conditions.retain(|condition| condition.params.iter().all(|it| self.params.is_certain(*it)));
            let place = match &mention.what {
                Mentioned::Sharded { .. } if !takes_sharded => {
                    needed += 1;
                    continue;
                }
                Mentioned::Sharded { variable, keyspace, key, .. } => {
                    needed += 1;
                    Place::Lookup { keyspace: *keyspace, column: key.clone(), keys: self.facts.keys(*variable) }
                }
                Mentioned::Whole { shard, .. } => shard.map_or(Place::Copies, Place::Shard),
                Mentioned::Counted { .. } => {
                    // They hold for what becomes of all.
                    mention.conditions.clear();
                    Place::Every
                }
                Mentioned::View { .. } => {
                    views.push(mention);
                    continue;
                }
            };
            let mut requirement = Requirement { table: mention.name.name.clone(), place };
            self.params.mark_requirement(&mut requirement, self.schema.map);
            tables.push((mention, requirement));
        }
        let is_apart = self.goes_through.is_some() && !mentions.takes_whole;
        if views.is_empty() && needed + usize::from(is_apart) != self.uses.len() {
            return Err(Refusal::across("a row security policy or default that looks at a sharded table"));
        }
        let takes_single = mentions.takes_whole || mentions.takes_single;
        if views.is_empty() && takes_single && mentions.singles != self.singles.len() {
            return Err(Refusal::across("a row security policy or default that looks at a single table"));
        }
        if let Some(what) = mentions.of_real_table(&tables) {
            return Err(Refusal::across(&what));
        }
        if let Some(view) = views.iter().find(|view| mentions.is_whole(view)) {
            return Err(Refusal::across(&format!("a row of view \"{}\" as a whole", view.name.name)));
        }
        if let Some(name) = &mentions.twice {
            return Err(Refusal::across(&format!("two tables called \"{name}\"")));
        }
        let shard = self.shard_of_rest(&mentions, &tables)?;
        Ok(Spread {
            tables,
            views,
            shard,
            is_bound: self.preferred == Preferred::Current,
            params: self.params.highest(),
            access: self.access,
            mentions,
        })
    }

    /// What the first shard alone has, single tables that are not fetched, sequences of others, and types of rows that are
    /// looked at as a whole.
    fn shard_of_rest(
        &self,
        mentions: &Mentions<'_>,
        tables: &[(Mention<'_>, Requirement)],
    ) -> Result<Option<ShardId>, Refusal> {
        let mut shard = matches!(self.preferred, Preferred::First | Preferred::OnlyFirst(_)).then_some(ShardId(0));
        let is_elsewhere = |mention: &Mention<'_>| mention.relation().is_some_and(|it| !it.absent.is_empty());
        let of_rows = tables.iter().filter(|(mention, _)| mentions.is_whole(mention) && is_elsewhere(mention));
        let of_tables = self.required.iter().filter(|_| !mentions.takes_whole && !mentions.takes_single);
        let needed = of_tables.chain(of_rows.map(|(_, requirement)| requirement)).filter_map(|it| match it.place {
            Place::Shard(shard) => Some(shard),
            Place::Lookup { .. } | Place::Store { .. } | Place::Copies | Place::Every => None,
        });
        for needed in needed.chain(self.tied.iter().chain(&self.sequences).copied()) {
            if *shard.get_or_insert(needed) != needed {
                return Err(Refusal::across("what two single shards have"));
            }
        }
        Ok(shard)
    }
}
