//! Statements that are not queries: who acts, one shard or all.

use crate::logic::shards::{ShardId, TableName};
use crate::logic::sql::statement::{Reach, RelationName, Statement, Step, Utility};

use super::definition::{self, Defined, Place};
use super::schema::{Found, Schema};
use super::survey::Survey;
use super::{Refusal, TEMPORARY_OBJECT, TEMPORARY_SEQUENCE, TEMPORARY_TABLE};

/// Surveys DDL and administration by name. What concerns every shard is a refusal here; `everywhere` has the way.
pub fn utility(utility: &Utility, schema: &Schema<'_>, survey: &mut Survey<'_>) {
    survey.writes();
    if utility.fires {
        survey.note_definition(utility.verb);
    }
    if utility.is_temporary {
        stays_with_session(survey);
        return survey.refuse(Refusal::temporary_object(utility.verb));
    }
    survey.mark.is_ddl = utility.is_ddl;
    survey.mark.makes_functions = matches!(utility.verb, "CREATE FUNCTION" | "CREATE TRIGGER");
    survey.mark.vacates = utility.vacates.clone().map(Box::new);
    survey.mark.outside_transaction = utility.reach == Reach::Outside;
    let names: Vec<RelationName> = names(utility, schema);
    if utility.reach == Reach::Server {
        if utility.verb == "LOAD" {
            survey.mark.pin = Some("library of its own");
        }
        survey.refuse(Refusal::of_server(utility.verb));
    }
    let first = names.first().or(utility.belongings.first());
    match first {
        Some(first) if first.is_temporary => {
            survey.note_columns(&utility.steps);
            definition::check_temporary(first, &utility.steps, schema, survey);
        }
        Some(first) => {
            let defined = Defined { name: first, place: Place::of(&schema.find(first)), is_new: false };
            definition::check(defined, &utility.steps, schema, survey);
        }
        None => (),
    }
    if let Some(query) = &utility.query {
        return view(utility, query, schema, survey);
    }
    if names.is_empty() {
        if utility.belongings.iter().any(|name| name.is_temporary) {
            survey.is_bound();
            survey.mark.pin = Some(TEMPORARY_SEQUENCE);
            survey.mark.temporary = utility.belongings.first().map(|name| name.name.clone());
            return;
        }
        survey.refuse(Refusal::every_shard(utility.verb, &[]));
    }
    if utility.verb == "TRUNCATE" {
        survey.truncated(&names);
    }
    if let Some((_, table)) = brought_home(utility, schema) {
        let sequence = utility.belongings.first().and_then(|name| schema.table_name(name));
        let relation = |name: &TableName| schema.catalog.relations.get(name);
        // What others have given out its own could give out again.
        if let Some(name) = sequence.filter(|name| relation(name).is_some_and(|it| !it.alike.is_empty())) {
            return survey.refuse(Refusal::numbers_alike(&name));
        }
        return survey.refuse(Refusal::every_shard(utility.verb, &[&table.name]));
    }
    for name in &names {
        let shown: Vec<&str> = names.iter().map(|name| name.name.as_ref()).collect();
        match schema.find(name) {
            Found::Single(shard, _) => survey.require_shard(&name.name, shard),
            // A temporary table, or an error for PostgreSQL to report.
            Found::Unheard => {
                survey.is_bound();
                if Some(name) == names.first() {
                    survey.mark.temporary = new_name(&utility.steps).or(survey.mark.temporary.take());
                }
            }
            Found::Unlisted => survey.refuse(Refusal::unlisted(&name.name)),
            Found::View(definition, _) => match survey.home_of_view(definition) {
                Some(shard) => survey.require_shard(&name.name, shard),
                None => survey.refuse(Refusal::every_shard(utility.verb, &shown)),
            },
            Found::Sharded { .. } | Found::Reference(_) | Found::Sequence | Found::System => {
                survey.refuse(Refusal::every_shard(utility.verb, &shown));
            }
        }
    }
}

/// The name that a table is given.
fn new_name(steps: &[Step]) -> Option<Box<str>> {
    steps.iter().find_map(|step| if let Step::Rename(name) = step { Some(name.clone()) } else { None })
}

/// The tables that a statement names, by themselves or by what belongs to them. A sequence of nobody is on every shard.
pub fn names(utility: &Utility, schema: &Schema<'_>) -> Vec<RelationName> {
    let owners = utility.belongings.iter().filter_map(|name| schema.owner(name));
    let owners = owners.map(|owner| RelationName::of(Some(owner.schema.clone()), owner.name.clone()));
    utility.relations.iter().cloned().chain(owners).collect()
}

/// A sequence of nobody, which every shard has, is to belong to a table of one shard: that shard, and the table's name.
pub fn brought_home<'u>(utility: &'u Utility, schema: &Schema<'_>) -> Option<(ShardId, &'u RelationName)> {
    let ([table], [sequence]) = (utility.relations.as_slice(), utility.belongings.as_slice()) else { return None };
    let is_free = utility.verb == "ALTER SEQUENCE" && schema.owner(sequence).is_none() && !schema.is_one_shard();
    let home = if let Found::Single(shard, _) = schema.find(table) { Some(shard) } else { None };
    home.filter(|_| is_free && matches!(schema.find(sequence), Found::Sequence | Found::Unheard))
        .map(|home| (home, table))
}

/// A view lives where its tables do.
fn view(utility: &Utility, query: &Statement, schema: &Schema<'_>, survey: &mut Survey<'_>) {
    let Some(name) = utility.relations.first() else { return };
    if name.is_temporary {
        return temporary_view(name, query, schema, survey);
    }
    let (homes, is_bound) = survey.homes_of(query);
    if is_bound {
        survey.refuse(Refusal::view_of_unheard(&name.name));
    }
    match (schema.find(name), homes.as_slice()) {
        (Found::Unlisted, _) => survey.refuse(Refusal::unlisted(&name.name)),
        (Found::Sharded { relation: None, .. } | Found::Reference(None) | Found::Single(_, None), _) => {
            survey.refuse(Refusal::name_of_map(&name.name));
        }
        (_, []) => survey.refuse(Refusal::every_shard(utility.verb, &[&name.name])),
        (_, [first, rest @ ..]) if rest.iter().all(|other| other == first) => {
            survey.require_shard(&name.name, *first);
        }
        (_, _) => survey.refuse(Refusal::mixed_homes(utility.verb, &[&name.name])),
    }
}

/// A view for this session alone, where its temporary tables are. No plan knows what stands behind its name, so there may be
/// nothing but these.
fn temporary_view(name: &RelationName, query: &Statement, schema: &Schema<'_>, survey: &mut Survey<'_>) {
    stays_with_session(survey);
    survey.mark.temporary = Some(name.name.clone());
    // As other sessions see it, the schema is what it was.
    survey.mark.is_ddl = false;
    if !matches!(schema.find(&RelationName { schema: None, ..name.clone() }), Found::Unheard) {
        survey.refuse(Refusal::shadow(&name.name));
    }
    if !survey.is_of_session(query) {
        survey.refuse(Refusal::temporary_view(&name.name));
    }
}

/// What is made ends with the session, and so its server must stay with it.
fn stays_with_session(survey: &mut Survey<'_>) {
    survey.is_bound();
    survey.mark.pin = Some(TEMPORARY_OBJECT);
    survey.mark.unpreparable = Some("a temporary object");
}

/// Surveys the creation of a table.
pub fn create_table(
    verb: &'static str,
    name: &RelationName,
    steps: &[Step],
    schema: &Schema<'_>,
    survey: &mut Survey<'_>,
) {
    survey.writes();
    survey.note_definition(verb);
    if name.is_temporary {
        survey.is_bound();
        survey.mark.pin = Some(TEMPORARY_TABLE);
        survey.note_columns(steps);
        survey.mark.temporary = Some(name.name.clone());
        survey.mark.unpreparable = Some("a temporary table");
        let visible = RelationName { schema: None, ..name.clone() };
        if !matches!(schema.find(&visible), Found::Unheard) {
            survey.refuse(Refusal::shadow(&name.name));
        }
        definition::check_temporary(name, steps, schema, survey);
        return;
    }
    if name.schema.is_none() && schema.search_path.first().is_some_and(|first| **first == *"pg_temp") {
        let why = "By the search_path it is one of this session, which the statement does not say.";
        survey.refuse(Refusal::not_followed(verb, &name.name, why, "Write CREATE TEMP TABLE."));
    }
    survey.mark.is_ddl = true;
    let found = schema.find(name);
    let place = place_of_new(name, steps, schema).unwrap_or(Place::Other);
    let is_filled = verb != "CREATE TABLE";
    if !is_filled {
        let defined = Defined { name, place, is_new: true };
        definition::check(defined, steps, schema, survey);
    }
    match (found, place) {
        (_, Place::Sharded { .. } | Place::Reference) if is_filled => survey.refuse(Refusal::filled(&name.name)),
        (_, Place::Single(shard)) => survey.require_shard(&name.name, shard),
        (_, Place::Sharded { .. } | Place::Reference) | (Found::View(..) | Found::Sequence | Found::System, _) => {
            survey.refuse(Refusal::every_shard(verb, &[&name.name]));
        }
        (Found::Unlisted, Place::Other) => survey.refuse(Refusal::unlisted(&name.name)),
        (Found::Unheard | Found::Sharded { .. } | Found::Reference(_) | Found::Single(..), Place::Other) => {
            survey.refuse(Refusal::no_place(&name.name))
        }
    }
}

/// Where a new table is to live: as the map says, as the table it is a partition of, or on the default shard.
pub fn place_of_new<'a>(name: &RelationName, steps: &[Step], schema: &Schema<'a>) -> Option<Place<'a>> {
    let parent = steps.iter().find_map(|step| if let Step::Partition(parent) = step { Some(parent) } else { None });
    match (Place::of(&schema.find(name)), parent) {
        (Place::Other, Some(parent)) => Some(Place::of(&schema.find(parent))),
        (Place::Other, None) => {
            let is_free = matches!(schema.find(name), Found::Unheard);
            schema.map.default_shard.filter(|_| is_free).map(Place::Single)
        }
        (place, _) => Some(place),
    }
}
