//! What the definition of a table must not say, because no shard could keep it: uniqueness and references of rows that
//! lie on different shards, and changes of what the map says.

use crate::logic::catalog::Relation;
use crate::logic::shards::{KeyspaceId, ShardId, TableName};
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Column, Count, RelationName, Rule, Step};

use super::Refusal;
use super::constants::type_oid;
use super::schema::{Found, Schema};
use super::survey::Survey;

/// A table that is defined, and where it lives.
#[derive(Clone, Copy)]
pub struct Defined<'a> {
    /// Its name
    pub name: &'a RelationName,
    /// Where its rows live
    pub place: Place<'a>,
    /// It is a new one
    pub is_new: bool,
}

/// Where the rows of a table live.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// By key
    Sharded {
        /// Its keyspace
        keyspace: KeyspaceId,
        /// Its key column
        key: &'a str,
    },
    /// On every shard
    Reference,
    /// On one shard
    Single(ShardId),
    /// Something else: a view, a sequence, a table of this session
    Other,
}

impl<'a> Place<'a> {
    /// Of what a name stands for.
    pub fn of(found: &Found<'a>) -> Self {
        match found {
            Found::Sharded { keyspace, key, .. } => Self::Sharded { keyspace: *keyspace, key },
            Found::Reference(_) => Self::Reference,
            Found::Single(shard, _) => Self::Single(*shard),
            Found::View(..) | Found::Sequence | Found::System | Found::Unlisted | Found::Unheard => Self::Other,
        }
    }

    fn is_everywhere(self) -> bool {
        matches!(self, Self::Sharded { .. } | Self::Reference)
    }
}

/// Looks at each step of a definition. The first that cannot be is the refusal.
pub fn check(defined: Defined<'_>, steps: &[Step], schema: &Schema<'_>, survey: &mut Survey<'_>) {
    let refusal = steps.iter().find_map(|step| check_step(defined, step, schema, survey));
    let refusal = refusal.or_else(|| check_key_column(defined, steps, schema));
    if let Some(refusal) = refusal {
        survey.refuse(refusal);
    }
}

/// The same for a table of the session, whose definition is PostgreSQL's to judge but for the rows of others.
pub fn check_temporary(name: &RelationName, steps: &[Step], schema: &Schema<'_>, survey: &mut Survey<'_>) {
    let is_parent = |step: &&Step| matches!(step, Step::Inherits(..));
    let defined = Defined { name, place: Place::Other, is_new: true };
    let refusal = steps.iter().filter(is_parent).find_map(|step| check_step(defined, step, schema, survey));
    if let Some(refusal) = refusal {
        survey.refuse(refusal);
    }
}

fn check_step(defined: Defined<'_>, step: &Step, schema: &Schema<'_>, survey: &Survey<'_>) -> Option<Refusal> {
    let table = &*defined.name.name;
    let key = match defined.place {
        Place::Sharded { key, .. } => Some(key),
        Place::Reference | Place::Single(_) | Place::Other => None,
    };
    let is_key = |column: &str| key == Some(column);
    match step {
        Step::Column(column) => check_column(defined, column, survey),
        Step::Rule(rule) => check_rule(defined, rule, schema),
        Step::DropColumn(column) if is_key(column) => {
            Some(Refusal::key_defined("DROP COLUMN of", table, column, "Without it a row has no home."))
        }
        Step::Retype(column, _) if is_key(column) => {
            let why = "Its keys would be those of another keyspace, and rows would belong to other shards.";
            Some(Refusal::key_defined("ALTER COLUMN TYPE of", table, column, why))
        }
        Step::Retype(_, Some(using)) if defined.place.is_everywhere() && !survey.is_fixed(using) => {
            let why = "Each shard would compute its own values, at its own time.";
            Some(Refusal::not_followed("USING with such an expression in a change", table, why, "Use UPDATE instead."))
        }
        Step::RenameColumn(column) if is_key(column) => {
            Some(Refusal::key_defined("RENAME COLUMN of", table, column, "The map knows it by this name."))
        }
        Step::Rename(_) | Step::Move(_) if is_listed(defined.name, schema) => Some(Refusal::name_of_map(table)),
        Step::Rename(new) => {
            let to = RelationName { name: new.clone(), ..defined.name.clone() };
            is_listed(&to, schema).then(|| Refusal::name_of_map(new))
        }
        Step::RenameSchema(name) => {
            let listed = schema.map.tables.keys().find(|table| table.schema == *name);
            listed.map(|table| Refusal::name_of_map(&format!("{}.{}", table.schema, table.name)))
        }
        Step::Like { source, with_indexes } => check_like(defined, source, *with_indexes, schema),
        Step::Partition(other) => check_partition(defined, other, schema),
        Step::Inherits(what, _) if defined.place.is_everywhere() => {
            let why = "Rows of other tables would be rows of this one.";
            Some(Refusal::not_followed(what, table, why, "Use partitions, or columns of its own."))
        }
        Step::Inherits(what, parents) => check_parents(defined, what, parents, schema),
        Step::Count(count) if !matches!(defined.place, Place::Single(_)) => check_count(table, *count),
        Step::DropColumn(_) | Step::Retype(..) | Step::RenameColumn(_) | Step::Move(_) | Step::Count(_) => None,
    }
}

/// Is the table in the map by this name?
fn is_listed(name: &RelationName, schema: &Schema<'_>) -> bool {
    let is = |schema_name: &str| {
        schema.map.tables.contains_key(&TableName { schema: Box::from(schema_name), name: name.name.clone() })
    };
    match &name.schema {
        Some(schema_name) => is(schema_name),
        None => schema.path().any(is),
    }
}

/// A column that is added to rows that are there: all shards must give them what one server would.
fn check_column(defined: Defined<'_>, column: &Column, survey: &Survey<'_>) -> Option<Refusal> {
    if !column.is_added || !defined.place.is_everywhere() {
        return None;
    }
    let table = &*defined.name.name;
    if column.is_numbered {
        let why = "Each shard would number the rows that are there from 1.";
        let hint = "CREATE SEQUENCE, then ADD COLUMN … DEFAULT nextval('…') on a sharded table.";
        return Some(Refusal::not_followed("ADD COLUMN with numbers of its own", table, why, hint));
    }
    let default = column.default.as_ref()?;
    let is_of_row = matches!(defined.place, Place::Sharded { .. }) && is_new_for_each_row(default);
    if is_of_row || survey.is_fixed(default) {
        return None;
    }
    let why = "Each shard would compute its own values for the rows that are there, at its own time.";
    let hint = "ADD COLUMN without the default, then ALTER COLUMN … SET DEFAULT, which is for new rows.";
    Some(Refusal::not_followed("ADD COLUMN with such a default", table, why, hint))
}

/// Another value for each row anyway, whoever computes it.
#[expect(clippy::wildcard_enum_match_arm, reason = "a call alone is looked at")]
fn is_new_for_each_row(default: &Expression) -> bool {
    match default {
        Expression::Call(call) => {
            matches!(call.name.last().map(Box::as_ref), Some("nextval" | "gen_random_uuid" | "random"))
        }
        _ => false,
    }
}

fn check_rule(defined: Defined<'_>, rule: &Rule, schema: &Schema<'_>) -> Option<Refusal> {
    let table = &*defined.name.name;
    match (rule, defined.place) {
        (Rule::Unique(columns), Place::Sharded { key, .. })
            if !has(columns, key) && !is_vouched(table, columns, schema) =>
        {
            Some(Refusal::unique_without_key("a unique constraint", table, key))
        }
        (Rule::Exclusion(columns), Place::Sharded { key, .. }) if !has(columns, key) => {
            Some(Refusal::unique_without_key("an exclusion constraint", table, key))
        }
        (Rule::Reference { columns, to, to_columns, cascaded, reset }, place) => {
            let is_itself = to.name == defined.name.name && (to.schema == defined.name.schema || defined.is_new);
            let there = schema.find(to);
            let their_place = if is_itself { defined.place } else { Place::of(&there) };
            // An UPDATE of a sharding key looks for foreign keys itself.
            let is_cascaded = |key| has(cascaded, key) && matches!(their_place, Place::Reference);
            match place {
                Place::Sharded { key, .. } if has(reset, key) || is_cascaded(key) => {
                    Some(Refusal::reference_moves(table, &to.name, key))
                }
                Place::Sharded { .. } | Place::Reference | Place::Single(_) | Place::Other => {
                    check_reference(defined, columns, (to, their_place, relation_of(&there)), to_columns)
                }
            }
        }
        (Rule::Unique(_) | Rule::Exclusion(_), _) => None,
    }
}

/// The map says that no two rows have the same values there, on whichever shards they are.
fn is_vouched(table: &str, columns: &[Box<str>], schema: &Schema<'_>) -> bool {
    schema.map.vouched(table).any(|name| has(columns, name))
}

fn has(columns: &[Box<str>], key: &str) -> bool {
    columns.iter().any(|column| **column == *key)
}

fn relation_of<'a>(found: &Found<'a>) -> Option<&'a Relation> {
    match found {
        Found::Sharded { relation, .. } | Found::Reference(relation) | Found::Single(_, relation) => *relation,
        Found::View(..) | Found::Sequence | Found::System | Found::Unlisted | Found::Unheard => None,
    }
}

/// Is the row that a foreign key points to on the same shard?
fn check_reference(
    defined: Defined<'_>,
    columns: &[Box<str>],
    (to, place, relation): (&RelationName, Place<'_>, Option<&Relation>),
    to_columns: &[Box<str>],
) -> Option<Refusal> {
    let refuse = |why: &str, hint: &str| Some(Refusal::reference_elsewhere(&defined.name.name, &to.name, why, hint));
    const ELSEWHERE: &str = "The row it points to could be on another shard.";
    const REFERENCE: &str = "Point to a reference table, or to a table of the same keyspace through the sharding keys.";
    match (defined.place, place) {
        (_, Place::Reference) | (Place::Other, _) => None,
        (Place::Single(ours), Place::Single(theirs)) if ours == theirs => None,
        (Place::Sharded { keyspace, key }, Place::Sharded { keyspace: theirs, key: their_key }) => {
            let at = columns.iter().position(|column| **column == *key);
            let is_through_keys = match (at, to_columns) {
                (None, _) => false,
                (Some(at), []) => points_to_key(at, columns.len(), their_key, relation),
                (Some(at), named) => named.get(at).is_some_and(|column| **column == *their_key),
            };
            if keyspace == theirs && is_through_keys { None } else { refuse(ELSEWHERE, REFERENCE) }
        }
        // PostgreSQL says that there is no such table, or a temporary one is not to be pointed to.
        (_, Place::Other) => None,
        (Place::Reference, Place::Sharded { .. } | Place::Single(_)) => {
            refuse("The reference table is on every shard, the row it points to on one.", "Point to a reference table.")
        }
        (Place::Single(_) | Place::Sharded { .. }, Place::Sharded { .. } | Place::Single(_)) => {
            refuse(ELSEWHERE, REFERENCE)
        }
    }
}

/// A foreign key that names no columns points to the primary key: is the key at this place of it? Every unique key of
/// as many columns has to say so.
fn points_to_key(at: usize, count: usize, key: &str, relation: Option<&Relation>) -> bool {
    let Some(relation) = relation else { return false };
    let mut fitting = relation.unique_keys.iter().filter(|columns| columns.len() == count).peekable();
    fitting.peek().is_some() && fitting.all(|columns| *columns[at] == *key)
}

/// Columns of another table come along, and with INCLUDING INDEXES what is unique among them.
fn check_like(defined: Defined<'_>, source: &RelationName, with_indexes: bool, schema: &Schema<'_>) -> Option<Refusal> {
    let found = schema.find(source);
    let relation = relation_of(&found);
    let key = match (defined.place, &found) {
        (Place::Sharded { key, .. }, _) => key,
        (Place::Single(ours), Found::Single(theirs, _))
            if ours != *theirs && relation.is_none_or(|relation| relation.absent.contains(ours)) =>
        {
            let why = "The other table is on another shard, and this one does not have it.";
            let hint = "Write the columns out, or let both live on one shard.";
            return Some(Refusal::not_followed("LIKE", &defined.name.name, why, hint));
        }
        (Place::Single(_) | Place::Reference | Place::Other, _) => return None,
    };
    let is_kept = relation.is_some_and(|relation| {
        !relation.has_partial_unique_without(key) && relation.unique_keys.iter().all(|columns| has(columns, key))
    });
    (with_indexes && !is_kept).then(|| Refusal::unique_without_key("a unique constraint", &defined.name.name, key))
}

/// A partition lives where its table does.
fn check_partition(defined: Defined<'_>, other: &RelationName, schema: &Schema<'_>) -> Option<Refusal> {
    let there = Place::of(&schema.find(other));
    let is_same = match (defined.place, there) {
        (Place::Sharded { keyspace, key }, Place::Sharded { keyspace: theirs, key: their_key }) => {
            keyspace == theirs && key == their_key
        }
        (Place::Reference, Place::Reference) | (Place::Other, Place::Other) => true,
        (Place::Single(ours), Place::Single(theirs)) => ours == theirs,
        (Place::Sharded { .. } | Place::Reference | Place::Single(_) | Place::Other, _) => false,
    };
    let is_listed_itself = defined.is_new || is_listed(other, schema);
    let why = "Both tables must live in the same way, and the map must list them.";
    (!is_same || (defined.place.is_everywhere() && !is_listed_itself))
        .then(|| Refusal::not_followed("a partition", &defined.name.name, why, "List both tables in the shard map."))
}

/// The rows of a table are rows of its parents, too: they must live with theirs.
fn check_parents(defined: Defined<'_>, what: &str, parents: &[RelationName], schema: &Schema<'_>) -> Option<Refusal> {
    let lives_with = |parent: &RelationName| match (schema.find(parent), defined.place) {
        // A temporary table too, or an error for PostgreSQL to report.
        (Found::Unheard | Found::View(..) | Found::Sequence, _) => true,
        (Found::Single(theirs, _), Place::Single(ours)) => ours == theirs,
        (Found::Single(..) | Found::Sharded { .. } | Found::Reference(_) | Found::Unlisted | Found::System, _) => false,
    };
    let other = parents.iter().find(|parent| !lives_with(parent)).filter(|_| !schema.is_one_shard())?;
    let why = format!("Its rows would be rows of \"{}\", which lives elsewhere.", other.name);
    let hint = "Both must be tables of one shard, and the same one, that all sessions see.";
    Some(Refusal::not_followed(what, &defined.name.name, &why, hint))
}

/// Numbers that every shard counts for itself must not meet those of others.
fn check_count(name: &str, count: Count) -> Option<Refusal> {
    let why = "Each shard takes its own numbers, which the steps between them keep apart.";
    let refuse = |what: &str| Refusal::not_followed(&format!("{what} in the sequence"), name, why, "Leave it out.");
    count.option.map(refuse)
}

/// A new sharded table has its key column, of the type that the map says.
fn check_key_column(defined: Defined<'_>, steps: &[Step], schema: &Schema<'_>) -> Option<Refusal> {
    let Place::Sharded { keyspace, key } = defined.place else { return None };
    let has_others = steps.iter().any(|step| matches!(step, Step::Like { .. } | Step::Partition(_)));
    if !defined.is_new {
        return None;
    }
    let refuse = |why: &str| Some(Refusal::key_defined("CREATE TABLE", &defined.name.name, key, why));
    let columns = steps.iter().filter_map(|step| if let Step::Column(column) = step { Some(column) } else { None });
    let column = columns.into_iter().find(|column| *column.name == *key);
    let Some(column) = column else {
        return if has_others { None } else { refuse("The table has no such column.") };
    };
    let key_type = schema.map.keyspace(keyspace).key_type;
    let type_oid = column.type_name.as_ref().and_then(|name| match name.names.last().map(Box::as_ref) {
        Some("bigserial" | "serial8") => Some(20),
        Some("serial" | "serial4") => Some(23),
        Some("smallserial" | "serial2") => Some(21),
        _ if name
            .names
            .last()
            .is_some_and(|it| matches!(&**it, "varchar" | "numeric" | "timestamp" | "timestamptz")) =>
        {
            type_oid(&name.without_modifiers())
        }
        _ => type_oid(name),
    });
    if type_oid.is_some_and(|oid| key_type.takes_column(oid)) {
        return None;
    }
    refuse(&format!("The keys of \"{}\" are of type {}.", schema.map.keyspace(keyspace).name, key_type.name()))
}
