//! Walks one statement: which tables it uses and what restricts their keys, which functions it calls, what it writes.
//!
//! Every node of the statement is visited. The first refusal wins; the walk goes on all the same, so that what the
//! statement does to its session is known even if a person sends it to a shard of their choice.

use std::collections::{BTreeSet, HashMap};

use crate::logic::catalog::RelationKind;
use crate::logic::shards::{KeyspaceId, ShardId, ShardSet};
use crate::logic::sql::parse::TOO_DEEP;
use crate::logic::sql::statement::expression::{Expression, Subquery};
use crate::logic::sql::statement::{Query, RelationName};

use super::constants::Literals;
use super::facts::{Facts, Variable};
use nature::Nature;
use params::Params;
use source::Aggregates;

use super::schema::{Found, Schema};
use super::scope::{Columns, Meaning, Scope};
use super::{Access, Forced, Home, Mark, One, Place, Plan, Refusal, Requirement, Restriction, TEMPORARY_OBJECT, Value};

mod functions;
mod own;
mod config;
mod sequences;
mod nature;
mod params;
mod unasked;
mod operators;
mod moving;
mod whole;
mod ties;
mod mention;
mod spread;
mod visit;
mod along;
mod semijoin;
mod condition;
mod query;
mod source;
mod from;
mod cascade;
mod through;
mod returned;
mod insert;
mod serial;
mod change;
mod modifying;
mod company;
mod write;

pub use insert::{Target, has_no_default, is_column_of, is_plain, key_rule, may_fail, position_of_key};
pub use mention::{Mention, Mentioned, Mentions};
pub use nature::{Time, speaks_of_now};
pub use params::MomentParams;
pub use spread::{Spread, Stored};
pub use whole::Grouped;
pub use write::{Copied, Written};

/// What is known of a statement so far.
#[allow(
    clippy::struct_excessive_bools,
    reason = "wishes of the planner and facts for it, each independent of the others"
)]
pub struct Survey<'a> {
    schema: Schema<'a>,
    /// Shards that lack something it names
    lacking: ShardSet,
    /// The literals of the text
    pub literals: Literals<'a>,
    /// As PostgreSQL tags the statement
    verb: &'static str,
    facts: Facts,
    uses: Vec<Use>,
    required: Vec<Requirement>,
    common: Vec<CommonTable>,
    params: Params,
    /// Columns of the subqueries of expressions, by address
    subqueries: HashMap<*const Subquery, Columns>,
    /// For each window function met: the variables it partitions by, those that may be NULL left out
    windows: Vec<Vec<Variable>>,
    preferred: Preferred,
    /// What it answers is read from the catalogs: names of tables and types, numbers of objects
    asks_catalogs: bool,
    /// The values of an INSERT are walked: sequences there are as local as a default would be
    fills_rows: bool,
    /// Who takes numbers for the rows that are written now
    drawing: Option<serial::Drawing>,
    /// They would take numbers that shards give out twice
    meeting: Option<Refusal>,
    /// The INSERT that is walked may update rows: ON CONFLICT DO UPDATE
    upserts: bool,
    access: Access,
    /// What it does to its session
    pub mark: Mark,
    refusal: Option<Refusal>,
    /// Views and expressions of the catalog around what is looked at
    view_depth: usize,
    views: usize,
    /// Calls whose effects or results depend on how often they are made
    volatile_calls: usize,
    /// A function is called that returns several rows
    pub calls_sets: bool,
    /// What the text names, for those who asked for it
    mentions: Option<Mentions<'a>>,
    /// The shards of the single tables that were met, one for each time
    singles: Vec<ShardId>,
    /// The shards that are needed for more than rows of single tables
    tied: Vec<ShardId>,
    /// The shards of the sequences of single tables that were met: nothing can be fetched in their place
    sequences: Vec<ShardId>,
    /// How often reference tables were met
    copies: usize,
    /// How often sequences were met that each shard counts for itself
    counted: usize,
    /// The query of an EXISTS that is walked now, by address: what its rows are made of does not matter
    existing: Option<*const Query>,
    /// Calls that are surely made
    sure: config::Sure,
    /// One shard is to run all of it
    pub is_for_one: bool,
    /// Rows of several shards can be put together for it
    pub may_spread: bool,
    /// Each shard runs the outermost query over its own rows, and may lock them
    pub may_lock: bool,
    /// It is an INSERT whose rows find their shards one by one: where they belong is not asked here
    pub spreads_rows: bool,
    /// Every copy of a reference table can be written, rows can move to the shard of another key
    pub may_write_across: bool,
    /// What its answer depends on besides rows
    nature: Nature,
    /// The rows of a sharded table that a write goes through, each by itself
    goes_through: Option<Variable>,
    /// It writes to a reference table
    writes_copies: bool,
    /// Tables to be read that nobody has heard of
    pub unheard: Vec<RelationName>,
    /// Every shard may run a WITH that changes rows, over its own
    pub may_modify: bool,
    /// The part of it that does
    modified: Option<modifying::Modified>,
    /// The key that its rows get
    new_key: Option<Value>,
    /// Queries around what is looked at
    query_depth: usize,
    /// A function in the place of a table is looked at
    is_in_rows: bool,
    /// The keys by which the rows of the last query, or of the last relation, may be split among shards
    sources: Vec<Variable>,
    /// The aggregates of the SELECT that is walked now
    aggregates: Aggregates,
    /// Functions that run where values are made of the types of columns that are read
    checked: BTreeSet<Box<str>>,
    /// The types of columns may become those of literals
    carries_types: bool,
    /// There are values of types that PostgreSQL does not bring along, or may be
    has_own_values: bool,
    /// Operators that run something, between what may be such values
    operators: BTreeSet<Box<str>>,
}

/// One use of a sharded table.
struct Use {
    table: Box<str>,
    column: Box<str>,
    keyspace: KeyspaceId,
    variable: Variable,
}

/// A part of a WITH.
struct CommonTable {
    columns: Columns,
    uses: usize,
    /// What its only use requires may be required of it
    ties: Vec<(Variable, Variable)>,
    may_be_filtered: bool,
}

/// Which shard a statement goes to when no table says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Preferred {
    Any,
    /// Each shard's own answer would do, but it should be the same every time
    First,
    /// What has given the session its numbers
    Numbers,
    /// What is bound to the session
    Current,
    /// Only the first one has it: locks, notifications, sequences by name
    OnlyFirst(&'static str),
}

impl<'a> Survey<'a> {
    /// Nothing is known yet.
    pub fn new(schema: Schema<'a>, literals: Literals<'a>, verb: &'static str) -> Self {
        Self {
            schema,
            lacking: ShardSet::EMPTY,
            literals,
            verb,
            facts: Facts::default(),
            uses: Vec::new(),
            required: Vec::new(),
            common: Vec::new(),
            params: Params::default(),
            subqueries: HashMap::new(),
            windows: Vec::new(),
            preferred: Preferred::Any,
            asks_catalogs: false,
            fills_rows: false,
            drawing: None,
            meeting: None,
            upserts: false,
            access: Access::Read,
            mark: Mark::default(),
            refusal: None,
            view_depth: 0,
            views: 0,
            volatile_calls: 0,
            calls_sets: false,
            mentions: None,
            singles: Vec::new(),
            tied: Vec::new(),
            sequences: Vec::new(),
            copies: 0,
            counted: 0,
            existing: None,
            sure: config::Sure::default(),
            is_for_one: false,
            may_spread: false,
            may_lock: false,
            spreads_rows: false,
            may_write_across: false,
            nature: Nature::default(),
            goes_through: None,
            writes_copies: false,
            unheard: Vec::new(),
            may_modify: false,
            modified: None,
            new_key: None,
            query_depth: 0,
            is_in_rows: false,
            sources: Vec::new(),
            aggregates: Aggregates::default(),
            checked: BTreeSet::new(),
            carries_types: false,
            has_own_values: false,
            operators: BTreeSet::new(),
        }
    }

    /// What names mean.
    pub fn schema(&self) -> Schema<'a> {
        self.schema
    }

    /// The parameters that were met.
    pub fn params(&self) -> BTreeSet<u16> {
        self.params.numbers()
    }

    /// PostgreSQL finds the same types for them in each of their places.
    pub fn has_certain_params(&self) -> bool {
        self.params.numbers().into_iter().all(|number| self.params.is_certain(number))
    }

    /// There is no right answer. The first reason wins.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
    }

    /// Drivers ask for some settings to find out what they are connected to: the primary answers.
    pub fn show(&mut self, setting: &str) {
        self.mark.on_primary |= matches!(setting, "transaction_read_only" | "in_hot_standby" | "all");
    }

    /// A replica would answer otherwise, or not at all.
    pub fn is_for_primary(&mut self) {
        self.mark.on_primary = true;
    }

    /// It writes, or may.
    pub fn writes(&mut self) {
        self.access = Access::Write;
    }

    /// It belongs where the session is.
    pub fn is_bound(&mut self) {
        self.preferred = self.preferred.max(Preferred::Current);
    }

    /// It belongs where the session has taken numbers of sequences.
    pub fn is_where_numbers_are(&mut self) {
        self.preferred = self.preferred.max(Preferred::Numbers);
    }

    /// It belongs on the first shard.
    pub fn is_first(&mut self) {
        self.preferred = self.preferred.max(Preferred::First);
    }

    /// What a name means, and who has no such thing.
    fn find(&mut self, name: &RelationName) -> Found<'a> {
        let found = self.schema.find(name);
        let relation = match found {
            Found::Sharded { relation, .. } | Found::Reference(relation) | Found::Single(_, relation) => relation,
            Found::View(_, relation) => Some(relation),
            Found::Sequence | Found::Unlisted => self.schema.relation(name),
            Found::System | Found::Unheard => None,
        };
        let absent = match found {
            // The open transaction has made it, on that shard alone.
            Found::Single(shard, None) => self.schema.all_but(shard),
            Found::Sharded { .. }
            | Found::Reference(_)
            | Found::Single(_, Some(_))
            | Found::View(..)
            | Found::Sequence
            | Found::System
            | Found::Unlisted
            | Found::Unheard => relation.map_or(ShardSet::EMPTY, |it| it.absent),
        };
        self.lacking = self.lacking.union(absent);
        // The WAL has numbers of sequences that nobody has taken yet.
        self.mark.on_primary |= relation.is_some_and(|it| it.is_unlogged || it.kind == RelationKind::Sequence);
        self.note_relation(&name.name, relation);
        self.has_own_values |= match found {
            Found::System => false,
            Found::Unheard
            | Found::Sharded { .. }
            | Found::Reference(_)
            | Found::Single(..)
            | Found::View(..)
            | Found::Sequence
            | Found::Unlisted => relation.is_none_or(|it| it.columns.iter().any(|column| column.is_of_own_type())),
        };
        found
    }

    /// The first shard alone has it.
    pub fn is_only_first(&mut self, what: &'static str) {
        self.preferred = self.preferred.max(Preferred::OnlyFirst(what));
    }

    /// The shard of a single table takes part: not by rows alone, which could be fetched.
    pub fn require_shard(&mut self, table: &str, shard: ShardId) {
        self.tied.push(shard);
        self.require(Requirement { table: Box::from(table), place: Place::Shard(shard) });
    }

    fn require(&mut self, requirement: Requirement) {
        if !self.required.contains(&requirement) {
            self.required.push(requirement);
        }
    }

    /// What came out of it.
    pub fn finish(mut self) -> (Plan, Forced, Vec<u16>) {
        self.settle();
        self.finish_types();
        for used in std::mem::take(&mut self.uses) {
            self.require_use(used);
        }
        self.mark_shared_params();
        if self.mark.is_ddl
            && self.schema.is_one_shard()
            && self.schema.search_path.iter().any(|schema| **schema == *"pg_temp")
        {
            // By the search path it may be temporary.
            self.mark.pin.get_or_insert(TEMPORARY_OBJECT);
        }
        let (home, is_bound) = (self.home(), self.preferred == Preferred::Current);
        let refusal =
            self.refusal.take().filter(|refusal| !self.schema.is_one_shard() || refusal.reason.holds_on_one_shard());
        let forced = Forced { access: self.access, mark: self.mark.clone(), lacking: self.lacking };
        let plan = match refusal {
            Some(refusal) => Plan::Refuse(refusal),
            None => Plan::One(One { home, access: self.access, mark: self.mark, is_bound }),
        };
        (plan, forced, self.literals.into_fixed())
    }

    /// The whole statement has been seen.
    fn settle(&mut self) {
        self.finish_operators();
        self.finish_ties();
        // What is said of a key comes first: a server that computes keys takes their numbers for all shards.
        if let Some(refusal) = self.meeting.take() {
            self.refuse(refusal);
        }
    }

    /// What the only use of a WITH part requires is required of the part.
    fn finish_ties(&mut self) {
        for part in &self.common {
            if part.uses == 1 && part.may_be_filtered {
                for (inner, outer) in &part.ties {
                    self.facts.within(*inner, *outer);
                }
            }
        }
    }

    fn require_use(&mut self, used: Use) {
        let keys = self.facts.keys(used.variable);
        if keys == Restriction::All && !self.may_spread {
            self.refuse(Refusal::unrestricted(self.verb, &used.table, &used.column));
        }
        let place = Place::Lookup { keyspace: used.keyspace, column: used.column, keys };
        self.require(Requirement { table: used.table, place });
    }

    fn home(&mut self) -> Home {
        if self.schema.is_one_shard() {
            return Home::First;
        }
        match (self.preferred, self.required.is_empty()) {
            (Preferred::OnlyFirst(what), false) => {
                // They must meet on the first shard, or not at all.
                self.require_shard(what, ShardId(0));
                Home::Meet(std::mem::take(&mut self.required))
            }
            (_, false) => Home::Meet(std::mem::take(&mut self.required)),
            (Preferred::Any, true) if !self.asks_catalogs => Home::Any,
            (Preferred::Any | Preferred::First | Preferred::OnlyFirst(_), true) => Home::First,
            (Preferred::Numbers | Preferred::Current, true) => Home::Current,
        }
    }

    /// Nobody knows what it does.
    pub fn unknown(&mut self, what: &str) {
        self.writes();
        self.refuse(if what == TOO_DEEP { Refusal::too_deep() } else { Refusal::unknown(what) });
    }
}

/// The key that an expression is, if it is a bare column, and whether it may be NULL.
fn key_of(expression: &Expression, scope: &Scope<'_>) -> Option<(Variable, bool)> {
    match meaning_of(expression, scope) {
        Meaning::Key { variable, nullable } => Some((variable, nullable)),
        Meaning::Value(_) | Meaning::Opaque => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only a bare column has a meaning")]
fn meaning_of(expression: &Expression, scope: &Scope<'_>) -> Meaning {
    match expression {
        Expression::Column(parts) => scope.column(parts),
        _ => Meaning::Opaque,
    }
}
