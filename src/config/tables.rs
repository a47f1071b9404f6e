//! `[databases.x.tables]`: where the rows of each table live.

use std::collections::{HashMap, HashSet};

use crate::logic::identifier::NAME_BYTES_MAX;
use crate::logic::shards::{KeyspaceId, Placement, ShardId, TableName};

use super::names::Names;
use super::report::{Problems, did_you_mean};
use super::section::Section;
use super::source::Span;
use super::tree::{Entry, Node, Value};

/// Fields of a table's placement.
pub const FIELDS: &[&str] = &["keyspace", "key", "shard", "unique"];

const HELP: &str = "write \"reference\", { keyspace = \"…\", key = \"…\" } or { shard = \"…\" }";

/// What the tables make use of.
#[derive(Debug, Default)]
pub struct Used {
    /// Keyspaces with tables
    pub keyspaces: HashSet<u16>,
    /// Shards named by tables
    pub shards: HashSet<ShardId>,
    /// There are reference tables: they use every shard
    pub reference: bool,
}

/// The tables of one database.
#[derive(Debug, Default)]
pub struct Tables {
    /// Where each lives
    pub placements: HashMap<TableName, Placement>,
    /// The columns and indexes of each whose values are unique over all shards
    pub unique: HashMap<TableName, Vec<Box<str>>>,
}

/// Reads the tables of one database.
pub fn read(entries: &[Entry], shards: &Names, keyspaces: &Names, used: &mut Used, problems: &mut Problems) -> Tables {
    let mut tables = Tables::default();
    let mut places: HashMap<TableName, Span> = HashMap::new();
    for entry in entries {
        let name = table_name(&entry.key, entry.key_span, problems);
        let mut unique = Vec::new();
        let placement = placement(entry, shards, keyspaces, used, &mut unique, problems);
        let Some(name) = name else { continue };
        if let Some(first) = places.insert(name.clone(), entry.key_span) {
            let first = problems.sources.place(first);
            problems.error(entry.key_span, format!("the table `{}.{}` is listed twice", name.schema, name.name)).help(
                format!("it is also at {}:{}; a name without a schema means public", first.path.display(), first.line),
            );
        }
        if let Some(placement) = placement {
            if !unique.is_empty() {
                tables.unique.insert(name.clone(), unique);
            }
            tables.placements.insert(name, placement);
        }
    }
    tables
}

/// `events` or `sales.events`.
fn table_name(written: &str, span: Span, problems: &mut Problems) -> Option<TableName> {
    let (schema, name) = written.split_once('.').unwrap_or(("public", written));
    let fits = |part: &str| !part.is_empty() && part.len() <= NAME_BYTES_MAX;
    if !fits(schema) || !fits(name) || name.contains('.') {
        problems
            .error(span, format!("`{written}` is not the name of a table"))
            .help(format!("write a name or \"schema.name\", each of at most {NAME_BYTES_MAX} bytes"));
        return None;
    }
    Some(TableName { schema: schema.into(), name: name.into() })
}

fn placement(
    entry: &Entry,
    shards: &Names,
    keyspaces: &Names,
    used: &mut Used,
    unique: &mut Vec<Box<str>>,
    problems: &mut Problems,
) -> Option<Placement> {
    let node = &entry.node;
    if let Value::String(word) = &node.value {
        if word == "reference" {
            used.reference = true;
            return Some(Placement::Reference);
        }
        problems
            .error(node.span, format!("the table `{}` cannot be \"{word}\"", entry.key))
            .help(did_you_mean(word, ["reference"]).unwrap_or_else(|| HELP.to_owned()));
        return None;
    }
    if let Some(inner) = unquoted_schema(node) {
        problems
            .error(entry.key_span, "a table name with a schema stands in quotes")
            .help(format!("write \"{}.{inner}\" = …", entry.key));
        return None;
    }
    let section = Section::open(node, FIELDS, problems);
    let listed = section.texts("unique", problems);
    unique.extend(listed.iter().map(|(name, _)| Box::from(*name)));
    let placement =
        match (section.text("keyspace", problems), section.text("key", problems), section.text("shard", problems)) {
            (Some((keyspace, span)), Some((key, key_span)), None) => {
                if key.is_empty() || key.len() > NAME_BYTES_MAX {
                    problems.error(key_span, format!("`{key}` is not the name of a column"));
                }
                let keyspace = keyspaces.find(keyspace, span, problems)?;
                used.keyspaces.insert(keyspace);
                Some(Placement::Sharded { keyspace: KeyspaceId(keyspace), key: key.into() })
            }
            (None, None, Some((shard, span))) => {
                let shard = ShardId(shards.find(shard, span, problems)?);
                used.shards.insert(shard);
                Some(Placement::Single(shard))
            }
            (Some(_), None, None) => {
                incomplete(node, "the table needs its `key`: the column that decides the shard", problems)
            }
            (None, Some(_), None) => incomplete(node, "the table needs the `keyspace` of its key", problems),
            (None, None, None) => incomplete(node, "nothing says where the table lives", problems),
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                incomplete(node, "a table is either on one shard or spread by a keyspace", problems)
            }
        };
    check_unique(&listed, placement.as_ref(), problems);
    placement
}

/// `unique` is for tables that are spread by a keyspace.
fn check_unique(listed: &[(&str, Span)], placement: Option<&Placement>, problems: &mut Problems) {
    if let (Some((_, span)), Some(Placement::Single(_))) = (listed.first(), placement) {
        problems
            .error(*span, "`unique` is for tables that are spread by a keyspace")
            .help("a table on one shard has its unique indexes there");
    }
}

fn incomplete(node: &Node, message: &str, problems: &mut Problems) -> Option<Placement> {
    problems.error(node.span, message).help(HELP);
    None
}

/// `sales.events = …` without quotes is a table `events` inside a table `sales`.
fn unquoted_schema(node: &Node) -> Option<&str> {
    let Value::Table(entries) = &node.value else { return None };
    let inner = entries.first()?;
    let nested = matches!(&inner.node.value, Value::Table(_))
        || matches!(&inner.node.value, Value::String(word) if word == "reference");
    (nested && !FIELDS.contains(&inner.key.as_str())).then_some(inner.key.as_str())
}
