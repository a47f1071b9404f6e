//! Plan + values + map → shard, for one execution.
//!
//! A requirement that cannot be met by one shard is a refusal here; no arm guesses.

use crate::logic::plan::process::FIRST_CLIENT;
use crate::logic::plan::{Home, KeyOfRow, KeyRule, Place, Reason, Refusal, Requirement, Restriction, Value};
use crate::logic::shards::{Keyspace, KeyspaceId, ShardId, ShardMap, ShardSet};
use crate::logic::value::{Decoded, Key, KeyType, Raw, Stored as Becomes};

mod values;

pub use values::{Given, Values, rows, whole_number};

/// Where a statement goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Any shard
    Any,
    /// The first of the map
    First,
    /// The one the open transaction is on; otherwise the first
    Current,
    /// This one
    Shard(ShardId),
}

/// The shards that one use of a table needs; never fewer than those that matter.
pub fn shards(requirement: &Requirement, values: &Values<'_>, map: &ShardMap) -> Result<ShardSet, Refusal> {
    shards_of(requirement, values, map).map(|found| found.shards)
}

/// Finds the shard that all requirements of a plan name.
pub fn destination(home: &Home, values: &Values<'_>, map: &ShardMap) -> Result<Destination, Refusal> {
    let requirements = match home {
        Home::Any => return Ok(Destination::Any),
        Home::First => return Ok(Destination::First),
        Home::Current => return Ok(Destination::Current),
        Home::Process(number) => return process(number, values),
        Home::Meet(requirements) => requirements,
    };
    if let Values::Bind { bind, types } = values
        && bind.len() > WALK_ONCE_ABOVE
    {
        let parameters = bind.parameters();
        return meeting(requirements, &Values::Walked { parameters: &parameters, types }, map);
    }
    meeting(requirements, values, map)
}

/// A process of a server, unless the number is that of a client.
fn process(number: &Value, values: &Values<'_>) -> Result<Destination, Refusal> {
    match values.decode(number, KeyType::Integer) {
        Decoded::Key(Key::Int(number)) if number >= i64::from(FIRST_CLIENT) => Err(Refusal::client_number()),
        // An argument of EXECUTE has to be computed first.
        Decoded::Undecidable(_) if matches!(values, Values::Given { .. }) => Err(Refusal::client_number()),
        // What is no number, a server says.
        Decoded::Key(_) | Decoded::Null | Decoded::NoMatch | Decoded::Invalid | Decoded::Undecidable(_) => {
            Ok(Destination::First)
        }
    }
}

/// A Bind with more parameters is walked once for all of them, not once for each.
const WALK_ONCE_ABOVE: usize = 16;

fn meeting(requirements: &[Requirement], values: &Values<'_>, map: &ShardMap) -> Result<Destination, Refusal> {
    if map.shards.len() == 1 {
        check_stores(requirements, values, map)?;
        return Ok(Destination::First);
    }
    let mut needed = ShardSet::default();
    let mut undecided = None;
    for requirement in requirements {
        let found = shards_of(requirement, values, map)?;
        needed = needed.union(found.shards);
        undecided = undecided.or(found.undecided);
    }
    match (needed.only(), needed.len()) {
        (Some(shard), _) => Ok(Destination::Shard(shard)),
        (None, 0) => Ok(Destination::Any),
        (None, _) => Err(many_shards(requirements, values, map, undecided)),
    }
}

/// On one shard every key is at home, but a key that has none at all is still an error.
fn check_stores(requirements: &[Requirement], values: &Values<'_>, map: &ShardMap) -> Result<(), Refusal> {
    let stores = requirements.iter().filter(|requirement| matches!(requirement.place, Place::Store { .. }));
    for requirement in stores {
        shards_of(requirement, values, map)?;
    }
    Ok(())
}

/// The shards that one use of a table needs, and why they could not be narrowed.
#[derive(Debug, Clone, Copy)]
struct Found {
    shards: ShardSet,
    undecided: Option<&'static str>,
}

impl Found {
    fn certain(shards: ShardSet) -> Self {
        Self { shards, undecided: None }
    }
}

fn shards_of(requirement: &Requirement, values: &Values<'_>, map: &ShardMap) -> Result<Found, Refusal> {
    match &requirement.place {
        Place::Shard(shard) => Ok(Found::certain(ShardSet::of(*shard))),
        Place::Copies => Ok(Found::certain(ShardSet::default())),
        Place::Every => Ok(Found::certain(ShardSet::first_of(map.shards.len()))),
        Place::Lookup { keyspace, keys, .. } => Ok(lookup(keys, *keyspace, values, map)),
        Place::Store { keyspace, column, keys, rule, is_conditional } => {
            let keyspace = &map.keyspaces[usize::from(keyspace.0)];
            let target = Stored { table: &requirement.table, column, keyspace, rule: *rule };
            store(target, keys, values).map_err(|refusal| if *is_conditional { perhaps(refusal) } else { refusal })
        }
    }
}

/// Where rows are written to.
#[derive(Clone, Copy)]
struct Stored<'a> {
    table: &'a str,
    column: &'a str,
    keyspace: &'a Keyspace,
    rule: KeyRule,
}

fn store(target: Stored<'_>, keys: &[Value], values: &Values<'_>) -> Result<Found, Refusal> {
    let mut shards = ShardSet::default();
    for value in keys {
        if let Some(shard) = target.home(values.decode_stored(value, target.keyspace.key_type))? {
            shards = shards.union(ShardSet::of(shard));
        }
    }
    Ok(Found::certain(shards))
}

impl Stored<'_> {
    /// The home of a row that is written; `None`: any server will report the error that PostgreSQL has for its key.
    fn home(&self, key: Decoded) -> Result<Option<ShardId>, Refusal> {
        let Self { table, column, keyspace, rule } = *self;
        match key {
            Decoded::Key(key) => match rule.modifier.stored(key) {
                Becomes::As(key) => match keyspace.shard_of(&key) {
                    Some(shard) => Ok(Some(shard)),
                    None => Err(no_home(table, column, &keyspace.name, Some(&key))),
                },
                Becomes::Error => Ok(None),
                Becomes::Unknown => {
                    Err(undecidable(table, column, "the column's type changes the value when it is stored"))
                }
            },
            Decoded::Null if rule.is_not_null => Ok(None),
            Decoded::Null => Err(no_home(table, column, &keyspace.name, None)),
            Decoded::Invalid => Ok(None),
            Decoded::NoMatch => Err(undecidable(table, column, "the value is not one of the key's type")),
            Decoded::Undecidable(why) => Err(undecidable(table, column, why)),
        }
    }
}

/// Without a row there is no error, and with a value that fails it is another one: only running it would tell.
fn perhaps(refusal: Refusal) -> Refusal {
    if refusal.reason == Reason::NoHome { Refusal { sqlstate: "0A000", ..refusal } } else { refusal }
}

/// The home of each row that is written, in their order; `None`: any server reports what is wrong with the row.
pub fn homes(requirement: &Requirement, values: &Values<'_>, map: &ShardMap) -> Result<Vec<Option<ShardId>>, Refusal> {
    let Place::Store { keyspace, column, keys, rule, is_conditional } = &requirement.place else {
        return Ok(Vec::new());
    };
    let keyspace = &map.keyspaces[usize::from(keyspace.0)];
    let target = Stored { table: &requirement.table, column, keyspace, rule: *rule };
    let found: Result<_, Refusal> =
        keys.iter().map(|key| target.home(values.decode_stored(key, keyspace.key_type))).collect();
    found.map_err(|refusal| if *is_conditional { perhaps(refusal) } else { refusal })
}

/// The rows whose keys only a server can read.
pub fn unread(requirement: &Requirement, values: &Values<'_>, map: &ShardMap) -> Vec<usize> {
    let Place::Store { keyspace, keys, rule, .. } = &requirement.place else { return Vec::new() };
    let key_type = map.keyspaces[usize::from(keyspace.0)].key_type;
    let is_unread = |key: &Value| match values.decode_stored(key, key_type) {
        Decoded::Key(key) => rule.modifier.stored(key) == Becomes::Unknown,
        Decoded::NoMatch | Decoded::Undecidable(_) => true,
        Decoded::Null | Decoded::Invalid => false,
    };
    keys.iter().enumerate().filter(|(_, key)| is_unread(key)).map(|(row, _)| row).collect()
}

/// The home of one row that is written, by the value of its key; `None` as above.
pub fn home_of_value(requirement: &Requirement, map: &ShardMap, key: Raw<'_>) -> Result<Option<ShardId>, Refusal> {
    let Place::Store { keyspace, column, rule, .. } = &requirement.place else { return Ok(None) };
    let keyspace = &map.keyspaces[usize::from(keyspace.0)];
    let target = Stored { table: &requirement.table, column, keyspace, rule: *rule };
    target.home(keyspace.key_type.decode_stored(key, None))
}

/// The home of a row of a COPY. A key that no server would take goes to the first, which says so.
pub fn home_of_row(table: &str, of: &KeyOfRow, keyspace: &Keyspace, key: Raw<'_>) -> Result<ShardId, Refusal> {
    let target = Stored { table, column: &of.column, keyspace, rule: of.rule };
    target.home(keyspace.key_type.decode_stored(key, None)).map(|shard| shard.unwrap_or(ShardId(0)))
}

/// The home of a single key, if it is one and has a home.
pub fn key_home(keyspace: &Keyspace, key: Raw<'_>) -> Option<ShardId> {
    match keyspace.key_type.decode(key, None) {
        Decoded::Key(key) => keyspace.shard_of(&key),
        Decoded::Null | Decoded::NoMatch | Decoded::Invalid | Decoded::Undecidable(_) => None,
    }
}

fn lookup(keys: &Restriction, keyspace_id: KeyspaceId, values: &Values<'_>, map: &ShardMap) -> Found {
    let keyspace = &map.keyspaces[usize::from(keyspace_id.0)];
    let nested = |keys: &Restriction| lookup(keys, keyspace_id, values, map);
    match keys {
        Restriction::All => Found::certain(keyspace.all()),
        Restriction::Nothing => Found::certain(ShardSet::default()),
        Restriction::Equals(value) => home_of(values.decode(value, keyspace.key_type), keyspace),
        Restriction::AnyOf(value) => match values.decode_array(value, keyspace.key_type) {
            Ok(items) => any_of(items.into_iter().map(|item| home_of(item, keyspace))),
            Err(why) => Found { shards: keyspace.all(), undecided: Some(why) },
        },
        Restriction::Between { from, to } => between(from.as_ref(), to.as_ref(), keyspace, values),
        Restriction::And(all) => {
            let mut found = Found::certain(keyspace.all());
            let mut why = None;
            for one in all.iter().map(nested) {
                found.shards = found.shards.intersect(one.shards);
                why = why.or(one.undecided);
            }
            // What one conjunct cannot tell matters only while the others have not settled it.
            found.undecided = why.filter(|_| found.shards.len() > 1);
            found
        }
        Restriction::Or(any) => any_of(any.iter().map(nested)),
    }
}

fn any_of(items: impl Iterator<Item = Found>) -> Found {
    items.fold(Found::certain(ShardSet::default()), |all, one| Found {
        shards: all.shards.union(one.shards),
        undecided: all.undecided.or(one.undecided),
    })
}

fn home_of(decoded: Decoded, keyspace: &Keyspace) -> Found {
    match decoded {
        Decoded::Key(key) => Found::certain(keyspace.shard_of(&key).map(ShardSet::of).unwrap_or_default()),
        Decoded::Null | Decoded::NoMatch | Decoded::Invalid => Found::certain(ShardSet::default()),
        Decoded::Undecidable(why) => Found { shards: keyspace.all(), undecided: Some(why) },
    }
}

/// One end of an interval: a key, no bound, or nothing can lie in it.
enum End {
    At(Key, bool),
    Open,
    Empty,
}

fn between(
    from: Option<&(Value, bool)>,
    to: Option<&(Value, bool)>,
    keyspace: &Keyspace,
    values: &Values<'_>,
) -> Found {
    let mut why = None;
    let mut end = |bound: Option<&(Value, bool)>| match bound {
        None => End::Open,
        Some((value, is_included)) => match values.decode(value, keyspace.key_type) {
            Decoded::Key(key) => End::At(key, *is_included),
            Decoded::Null | Decoded::Invalid => End::Empty,
            // A value between two keys, or beyond them all: leaving the end open asks for more, never for less.
            Decoded::NoMatch => End::Open,
            Decoded::Undecidable(reason) => {
                why = Some(reason);
                End::Open
            }
        },
    };
    let (from, to) = (end(from), end(to));
    let shards = match (&from, &to) {
        (End::Empty, _) | (_, End::Empty) => ShardSet::default(),
        _ => keyspace.shards_between(from.as_bound(), to.as_bound()),
    };
    Found { shards, undecided: why }
}

impl End {
    fn as_bound(&self) -> Option<(&Key, bool)> {
        match self {
            Self::At(key, is_included) => Some((key, *is_included)),
            Self::Open | Self::Empty => None,
        }
    }
}

/// PostgreSQL's code for a row that fits no partition.
fn no_home(table: &str, column: &str, keyspace: &str, key: Option<&Key>) -> Refusal {
    let shown = key.map_or_else(|| "null".to_owned(), ToString::to_string);
    Refusal {
        reason: Reason::NoHome,
        sqlstate: "23514",
        message: format!("no shard is the home of \"{table}\".{column} = {shown}"),
        detail: Some(match key {
            Some(_) => format!("keyspace \"{keyspace}\" has no range for this key"),
            None => format!("a row of \"{table}\" needs a value in its sharding key"),
        }),
        hint: None,
    }
}

fn undecidable(table: &str, column: &str, why: &str) -> Refusal {
    Refusal {
        reason: Reason::UndecidableKey,
        sqlstate: "0A000",
        message: format!("cannot tell the shard of \"{table}\".{column} from this value"),
        detail: Some(why.to_owned()),
        hint: Some("write the value in the key's own type".to_owned()),
    }
}

fn many_shards(
    requirements: &[Requirement],
    values: &Values<'_>,
    map: &ShardMap,
    undecided: Option<&'static str>,
) -> Refusal {
    let mut needs = Vec::new();
    for requirement in requirements {
        let Ok(found) = shards_of(requirement, values, map) else { continue };
        let names: Vec<&str> = found.shards.iter().map(|shard| &*map.shards[usize::from(shard.0)]).collect();
        let need = format!("\"{}\" on {}", requirement.table, names.join(", "));
        if !names.is_empty() && !needs.contains(&need) {
            needs.push(need);
        }
    }
    let mut detail = format!("it needs rows of {}", needs.join("; "));
    if let Some(why) = undecided {
        detail.push_str(&format!("; a key could not be decided: {why}"));
    }
    Refusal {
        reason: Reason::ManyShards,
        sqlstate: "0A000",
        message: "statement needs more than one shard".to_owned(),
        detail: Some(detail),
        hint: Some(hint_for(requirements, map)),
    }
}

fn hint_for(requirements: &[Requirement], map: &ShardMap) -> String {
    let keyed = requirements.iter().find_map(|requirement| match &requirement.place {
        Place::Lookup { keys: Restriction::All, keyspace, .. } => Some((&requirement.table, keyspace)),
        Place::Lookup { .. } | Place::Store { .. } | Place::Shard(_) | Place::Copies | Place::Every => None,
    });
    match keyed {
        Some((table, keyspace)) => format!(
            "restrict \"{table}\" to one key of \"{}\", or choose with SET shardway.shard",
            map.keyspaces[usize::from(keyspace.0)].name
        ),
        None => "use keys of one shard in a statement, or choose with SET shardway.shard".to_owned(),
    }
}
