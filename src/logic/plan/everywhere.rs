//! Statements that concern every shard as a whole: their text runs on each of them as it is.
//!
//! What belongs to a transaction is committed on all shards or on none. What PostgreSQL does not let into a transaction
//! goes from shard to shard, and says how far it came when one of them fails.

use crate::logic::shards::ShardId;
use crate::logic::sql::name::literal;
use crate::logic::sql::name::qualified;
use crate::logic::sql::statement::{CreateTable, Reach, RelationName, Step, Utility, Wakes};

use super::Refusal;
use super::altered::{Altered, altered};
use super::block::with_definition;
use super::definition::Place;
use super::divided::{Divided, divided};
use super::evaluated;
use super::listing::{Listing, done};
use super::numbers::Restart;
use super::pieces::tokens;
use super::schema::{Found, Schema};
use super::utility;

/// A statement that every shard runs as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Everywhere {
    /// As PostgreSQL calls it
    pub verb: &'static str,
    /// It changes the schema
    pub is_ddl: bool,
    /// What it needs of the transaction around it
    pub reach: Reach,
    /// Names that mean something else afterwards
    pub bends: Vec<Box<str>>,
    /// What may run the functions that it names, afterwards
    pub wakes: Wakes,
    /// One of them may look at tables, as far as is known
    pub looks: bool,
    /// Tables that have other columns afterwards
    pub alters: Vec<Altered>,
    /// Names of tables that nobody else can use before it is committed, and which are others then
    pub locks: Vec<Box<str>>,
    /// Sequences that begin to count with it
    pub numbers: Option<Numbers>,
    /// A sequence that goes on at a number
    pub restart: Option<Restart>,
    /// It names indexes or sequences alone, none of them known: a temporary table's, or made elsewhere a moment ago
    pub seeks: bool,
    /// Not every shard after all: this one
    pub only: Option<ShardId>,
    /// It names tables of different homes: what each shard is told of its own
    pub divided: Option<Divided>,
    /// The map is to gain this table with it
    pub listing: Option<Box<Listing>>,
    /// Rows are to be stored behind it
    pub fill: Option<Box<Fill>>,
}

/// How a new table is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// What every shard runs: the table without rows
    pub create: Box<str>,
    /// What stores the rows, if there are to be any
    pub insert: Option<Box<str>>,
    /// The table's name as SQL
    pub name: Box<str>,
}

impl Everywhere {
    /// Its names are those of functions.
    pub fn makes_functions(&self) -> bool {
        matches!(self.verb, "CREATE FUNCTION" | "ALTER FUNCTION")
    }

    /// The text as it is, on all shards.
    pub fn plain(verb: &'static str, is_ddl: bool, reach: Reach) -> Self {
        Self {
            verb,
            is_ddl,
            reach,
            bends: Vec::new(),
            wakes: Wakes::Nothing,
            looks: false,
            alters: Vec::new(),
            locks: Vec::new(),
            numbers: None,
            restart: None,
            seeks: false,
            only: None,
            divided: None,
            listing: None,
            fill: None,
        }
    }

    /// What a shard is told of this text, if anything.
    pub fn share<'t>(&'t self, shard: ShardId, text: &'t str) -> Option<&'t str> {
        match (&self.only, &self.divided) {
            (Some(only), _) => (*only == shard).then_some(text),
            (None, Some(divided)) => divided.shares.get(usize::from(shard.0))?.as_deref(),
            (None, None) => Some(text),
        }
    }

    /// What tells whether a shard has the one constraint that SET CONSTRAINTS names: that of a table of one shard the others
    /// lack. Of several names each shard would have to be told its own.
    pub fn sought(&self, text: &str) -> Option<String> {
        let all = tokens(text).filter(|_| self.verb == SET_CONSTRAINTS)?;
        let begin = all.iter().position(|token| token.is("constraints"))?;
        let end = all.iter().rposition(|token| token.is("deferred") || token.is("immediate"))?;
        let names = all.get(begin + 1..end).filter(|names| !names.iter().any(|token| token.is(",")))?;
        let name = literal(&names.last()?.name());
        Some(format!("SELECT FROM pg_catalog.pg_constraint WHERE conname = {name}"))
    }

    /// Does the command tag of this shard count?
    pub fn speaks(&self, shard: ShardId) -> bool {
        self.divided.as_ref().and_then(|it| it.home).is_none_or(|home| home == shard)
    }

    /// What a shard is told before the statement.
    pub fn before(&self, text: &str) -> Option<String> {
        let listing = self.listing.as_ref()?;
        let tokens = tokens(text)?;
        let is_tolerant = tokens.windows(3).any(|it| it[0].is("if") && it[1].is("not") && it[2].is("exists"));
        is_tolerant.then(|| listing.check_free())
    }

    /// What a shard is told after the statement.
    pub fn after(&self, shard: ShardId, stride: u32) -> impl Iterator<Item = String> + use<> {
        let numbers = self.numbers.as_ref().map(|numbers| numbers.statement(shard, stride));
        numbers.into_iter().chain(self.listing.as_ref().map(|listing| listing.check()))
    }
}

/// SET CONSTRAINTS by name, which each shard of a transaction has to hear.
pub fn constraints() -> Everywhere {
    Everywhere::plain(SET_CONSTRAINTS, false, Reach::Block)
}

/// As PostgreSQL calls it.
pub const SET_CONSTRAINTS: &str = "SET CONSTRAINTS";

/// New sequences, which must not give out the same number on two shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbers {
    /// Those of the columns of this table
    OfTable(Box<str>),
    /// This one
    Sequence(Box<str>),
}

impl Numbers {
    /// What a shard is told after the statement: it counts in steps of `stride`, from a number of its own. Sequences
    /// that have counted before stay as they are.
    pub fn statement(&self, shard: ShardId, stride: u32) -> String {
        let which = match self {
            Self::OfTable(name) => format!(
                "s.seqrelid IN (SELECT d.objid FROM pg_catalog.pg_depend d WHERE d.classid = \
                 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = d.classid AND d.refobjid = \
                 {}::pg_catalog.regclass AND d.deptype IN ('a', 'i'))",
                literal(name)
            ),
            Self::Sequence(name) => format!("s.seqrelid = {}::pg_catalog.regclass", literal(name)),
        };
        // Of sequences of others, whom we may not ask, nothing is asked: CASE alone has an order.
        done(&format!(
            "DECLARE it record; BEGIN FOR it IN SELECT s.seqrelid::pg_catalog.regclass AS name, \
             s.seqincrement AS step, s.seqstart AS start FROM pg_catalog.pg_sequence s WHERE s.seqincrement IN (1, -1) \
             AND CASE WHEN {which} THEN pg_catalog.pg_sequence_last_value(s.seqrelid) IS NULL END \
             LOOP EXECUTE pg_catalog.format(\
             'ALTER SEQUENCE %s INCREMENT BY %s START WITH %s RESTART', it.name, it.step * {stride}, it.start + \
             it.step * {}); END LOOP; END;",
            shard.0
        ))
    }
}

/// A name as SQL may have it in a text that is read as a name again.
fn written(name: &RelationName) -> Box<str> {
    qualified(name.schema.as_deref(), &name.name).into()
}

/// A statement on what is there.
pub fn utility(statement: &Utility, text: &str, schema: &Schema<'_>) -> Result<Everywhere, Refusal> {
    let names = utility::names(statement, schema);
    let is_mixed = names.iter().any(|name| matches!(schema.find(name), Found::Single(..) | Found::Unlisted));
    let divided = divided(statement, text, schema).filter(|_| is_mixed);
    if is_mixed && divided.is_none() {
        let shown: Vec<&str> = names.iter().map(|name| name.name.as_ref()).collect();
        return Err(Refusal::mixed_homes(statement.verb, &shown));
    }
    if statement.verb == "TRUNCATE" {
        names.iter().try_for_each(|name| check_triggers(name, schema))?;
    }
    let Utility { verb, is_ddl, reach, ref bends, .. } = *statement;
    let counts = statement.steps.iter().any(|step| matches!(step, Step::Count(count) if count.is_new));
    let numbers = match (names.first(), statement.belongings.first()) {
        (Some(table), _) if counts && is_sharded(table, schema) => Some(Numbers::OfTable(written(table))),
        (None, Some(sequence)) if counts => Some(Numbers::Sequence(written(sequence))),
        (_, _) => None,
    };
    let restart = match divided.as_ref().and_then(|it| it.home) {
        Some(_) => None,
        None => restart(statement, &names, schema)?,
    };
    let (mut bends, alters) = (bends.clone(), altered(statement, schema));
    schema.add_runners(&mut bends);
    let (wakes, looks) = (statement.wakes.clone(), evaluated::names_function(text, schema));
    let locks = locks(statement, &alters, schema);
    let is_known = |name: &RelationName| !matches!(schema.find(name), Found::Unheard) || schema.owner(name).is_some();
    let seeks = names.is_empty() && !statement.belongings.is_empty() && !statement.belongings.iter().any(is_known);
    let plain = Everywhere::plain(verb, is_ddl, reach);
    Ok(Everywhere { bends, wakes, looks, alters, locks, numbers, restart, seeks, divided, ..plain })
}

/// The tables of which it changes columns or names, which it locks against all others, and the views over them. What it does to
/// partitions of a table alone lets others go on.
fn locks(statement: &Utility, alters: &[Altered], schema: &Schema<'_>) -> Vec<Box<str>> {
    let is_apart = |step: &Step| matches!(step, Step::Partition(_));
    if !statement.steps.is_empty() && statement.steps.iter().all(is_apart) {
        return Vec::new();
    }
    let renames = |step: &Step| matches!(step, Step::RenameColumn(_) | Step::Rename(_) | Step::Move(_));
    let mut locked: Vec<Box<str>> = alters.iter().map(|it| it.table.clone()).collect();
    if statement.steps.iter().any(renames) {
        locked.extend(statement.relations.iter().map(|it| it.name.clone()));
    }
    locked.sort_unstable();
    locked.dedup();
    if !locked.is_empty() {
        schema.add_views(&mut locked);
    }
    locked
}

/// RESTART WITH, where every shard counts for itself. Of a reference table the first one does for all.
fn restart(statement: &Utility, owners: &[RelationName], schema: &Schema<'_>) -> Result<Option<Restart>, Refusal> {
    let restarts = statement.steps.iter().find_map(|step| if let Step::Count(it) = step { it.restarts } else { None });
    let Some((number, sequence)) = restarts.zip(statement.belongings.first()) else { return Ok(None) };
    let name = written(sequence);
    match (schema.find(sequence), owners.iter().any(|owner| matches!(schema.find(owner), Found::Reference(_)))) {
        (Found::Sequence, false) => Ok(Some(Restart { name, number })),
        (Found::Sequence, true) => Ok(None),
        (_, _) => Err(Refusal::restarts_sequence(&name)),
    }
}

/// DO with a definition that concerns every shard.
pub fn block(language: &str, body: &str, schema: &Schema<'_>) -> Result<Everywhere, Refusal> {
    let defined = with_definition(language, body, |statement, text| utility(statement, text, schema));
    let everywhere = defined.unwrap_or_else(|| Err(Refusal::procedural("DO")))?;
    match (&everywhere.divided, &everywhere.numbers, &everywhere.restart) {
        (None, None, None) => Ok(Everywhere { verb: "DO", ..everywhere }),
        (_, _, _) => Err(Refusal::procedural("DO")),
    }
}

/// CREATE TABLE of a table that every shard has.
pub fn create_table(create: &CreateTable, text: &str, schema: &Schema<'_>) -> Everywhere {
    let counts = create.steps.iter().any(|step| match step {
        Step::Column(column) => column.is_numbered,
        Step::Like { .. } => true,
        Step::Rule(_)
        | Step::DropColumn(_)
        | Step::Retype(..)
        | Step::RenameColumn(_)
        | Step::Rename(_)
        | Step::Move(_)
        | Step::Partition(_)
        | Step::Inherits(..)
        | Step::Count(_)
        | Step::RenameSchema(_) => false,
    });
    let place = utility::place_of_new(&create.name, &create.steps, schema);
    let is_sharded = matches!(place, Some(Place::Sharded { .. }));
    let numbers = (counts && is_sharded).then(|| Numbers::OfTable(written(&create.name)));
    // Its rows cannot be given to other copies whole.
    let is_bent = matches!(place, Some(Place::Reference)) && create.steps.iter().any(may_generate);
    let bends = if is_bent { vec![create.name.name.clone()] } else { Vec::new() };
    let wakes = Wakes::Names(vec![create.name.name.clone()]);
    let looks = evaluated::names_function(text, schema);
    Everywhere { numbers, bends, wakes, looks, ..Everywhere::plain("CREATE TABLE", true, Reach::Database) }
}

/// Some of the columns may be computed from others.
fn may_generate(step: &Step) -> bool {
    match step {
        Step::Column(column) => column.is_generated,
        Step::Like { .. } | Step::Partition(_) | Step::Inherits(..) => true,
        Step::Rule(_)
        | Step::DropColumn(_)
        | Step::Retype(..)
        | Step::RenameColumn(_)
        | Step::Rename(_)
        | Step::Move(_)
        | Step::Count(_)
        | Step::RenameSchema(_) => false,
    }
}

fn is_sharded(table: &RelationName, schema: &Schema<'_>) -> bool {
    matches!(schema.find(table), Found::Sharded { .. })
}

/// TRUNCATE runs triggers, which may look anywhere.
fn check_triggers(name: &RelationName, schema: &Schema<'_>) -> Result<(), Refusal> {
    let (Found::Sharded { relation: Some(relation), .. } | Found::Reference(Some(relation))) = schema.find(name) else {
        return Ok(());
    };
    match relation.fired.truncate.iter().find(|function| !schema.map.is_local(function)) {
        Some(function) => Err(Refusal::trigger(&name.name, function)),
        None => Ok(()),
    }
}
