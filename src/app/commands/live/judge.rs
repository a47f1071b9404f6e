//! Compares what servers say with what the map needs.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::differences::differences;
use super::facts::{ForeignKey, SequenceFacts, ServerFacts, TableFacts};
use crate::config::{DatabaseSettings, Severity};
use crate::logic::catalog::Counts;
use crate::logic::shards::{Keyspace, Placement, ShardId, ShardMap, TableName};
use crate::logic::topology::{Role, Server};

/// What is wrong with one server on its own, in a database of so many shards.
pub fn server(server: &Server, (finds_role, shards): (bool, usize), facts: &ServerFacts) -> Vec<Finding> {
    let mut notes = Notes { subject: server.name.to_string(), findings: Vec::new() };
    match (server.role, facts.is_recovering) {
        _ if finds_role => (),
        (Role::Primary, true) => notes.error("is listed as the primary and is a replica"),
        (Role::Replica, false) => notes.error("is listed as a replica and is a primary"),
        (Role::Primary, false) | (Role::Replica, true) => (),
    }
    if facts.encoding != "UTF8" {
        notes.error(format!("has server_encoding {}; keys are compared as UTF8", facts.encoding));
    }
    if shards > 1 && facts.prepared_transactions_max == 0 && server.role == Role::Primary {
        notes.warning("has max_prepared_transactions = 0: writes to several shards will be refused");
    }
    notes.findings
}

/// What is wrong with the servers of a shard together; the one that is listed as the primary comes first.
pub fn replicas(servers: &[(&Server, ServerFacts)]) -> Vec<Finding> {
    let Some(((first, facts), others)) = servers.split_first() else { return Vec::new() };
    let strangers = others.iter().filter(|(_, theirs)| theirs.system != facts.system);
    let finding = |(other, theirs): &(&Server, ServerFacts)| Finding {
        severity: Severity::Error,
        subject: other.name.to_string(),
        message: format!(
            "is of another cluster than {}: its system_identifier is {}, not {}",
            first.name, theirs.system, facts.system
        ),
    };
    strangers.map(finding).collect()
}

/// What is wrong with the shards together; `None` is a shard whose primary could not be asked.
pub fn shards(database: &DatabaseSettings, primaries: &[Option<ServerFacts>]) -> Vec<Finding> {
    let mut notes = Notes { subject: database.name.to_string(), findings: Vec::new() };
    let known: Vec<(&str, ShardId, &ServerFacts)> = database
        .shards
        .iter()
        .zip(primaries)
        .filter_map(|(shard, facts)| Some((&*shard.name, shard.primary.shard, facts.as_ref()?)))
        .collect();
    check_versions(&known, &mut notes);
    for (name, placement) in database.map.tables.iter().collect::<BTreeMap<_, _>>() {
        let homes: Vec<_> = known.iter().filter(|(_, shard, _)| lives_on(placement, *shard)).copied().collect();
        check_table(name, placement, &database.map, &homes, &mut notes);
        if let Placement::Sharded { .. } = placement {
            let all: Vec<_> = homes
                .iter()
                .filter_map(|(shard, id, facts)| Some((*shard, *id, facts.tables.get(name)?.sequences.as_slice())))
                .collect();
            check_sequences(
                &format!(" of the table {}", show(name)),
                &all,
                database.limits.sequence_stride,
                &mut notes,
            );
        }
    }
    let all: Vec<_> = known.iter().map(|(shard, id, facts)| (*shard, *id, facts.sequences.as_slice())).collect();
    check_sequences("", &all, database.limits.sequence_stride, &mut notes);
    let objects: Vec<_> = known.iter().map(|(shard, _, facts)| (*shard, &facts.objects)).collect();
    let is_home = |name: &str| {
        let shard = known.iter().find(|(shard, _, _)| *shard == name).map(|(_, shard, _)| *shard);
        shard.is_some_and(|shard| is_home_of_its_own(&database.map, shard))
    };
    differences("", &objects, is_home).into_iter().for_each(|(severity, message)| notes.add(severity, message));
    notes.findings
}

struct Notes {
    subject: String,
    findings: Vec<Finding>,
}

impl Notes {
    fn error(&mut self, message: impl Into<String>) {
        self.add(Severity::Error, message.into());
    }

    fn warning(&mut self, message: impl Into<String>) {
        self.add(Severity::Warning, message.into());
    }

    fn add(&mut self, severity: Severity, message: String) {
        self.findings.push(Finding { severity, subject: self.subject.clone(), message });
    }
}

/// A shard with what its primary says.
type Known<'a> = (&'a str, ShardId, &'a ServerFacts);

fn check_versions(known: &[Known<'_>], notes: &mut Notes) {
    let mut majors: Vec<i32> = known.iter().map(|(_, _, facts)| facts.version / 10_000).collect();
    majors.sort_unstable();
    majors.dedup();
    if majors.len() > 1 {
        let shown: Vec<String> = majors.iter().map(i32::to_string).collect();
        notes.error(format!("its shards run different versions of PostgreSQL: {}", shown.join(", ")));
    }
}

fn lives_on(placement: &Placement, shard: ShardId) -> bool {
    match placement {
        Placement::Sharded { .. } | Placement::Reference => true,
        Placement::Single(home) => *home == shard,
    }
}

/// Tables may live on this shard alone, and views and functions beside them.
fn is_home_of_its_own(map: &ShardMap, shard: ShardId) -> bool {
    let mut placements = map.tables.values();
    map.default_shard == Some(shard) || placements.any(|it| matches!(it, Placement::Single(home) if *home == shard))
}

fn check_table<'a>(name: &TableName, placement: &Placement, map: &ShardMap, homes: &[Known<'a>], notes: &mut Notes) {
    let shown = show(name);
    let mut first: Option<(&str, &TableFacts)> = None;
    let mut triggers: BTreeSet<&str> = BTreeSet::new();
    for (shard, _, facts) in homes {
        let Some(table) = facts.tables.get(name) else {
            notes.error(format!("the table {shown} does not exist on shard {shard}"));
            continue;
        };
        triggers.extend(table.triggers.iter().map(String::as_str));
        match first {
            None => first = Some((shard, table)),
            Some((other, same)) => compare(&shown, (other, same), (shard, table), notes),
        }
    }
    let objects = |(shard, _, facts): &Known<'a>| Some((*shard, &facts.tables.get(name)?.objects));
    let objects: Vec<_> = homes.iter().filter_map(objects).collect();
    let differences = differences(&format!(" of {shown}"), &objects, |_| false);
    differences.into_iter().for_each(|(severity, message)| notes.add(severity, message));
    let Some((_, table)) = first else { return };
    match placement {
        Placement::Sharded { keyspace, key } => {
            let keyspace = &map.keyspaces[usize::from(keyspace.0)];
            check_key(&shown, table, keyspace, key, notes);
            check_constraints(&shown, table, map, placement, key, notes);
        }
        Placement::Reference | Placement::Single(_) => check_references(&shown, table, map, placement, "", notes),
    }
    if !triggers.is_empty() && homes.len() > 1 {
        notes.warning(format!(
            "the table {shown} has triggers ({}): they see only the rows of their own shard",
            triggers.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
}

fn compare(shown: &str, (other, same): (&str, &TableFacts), (shard, table): (&str, &TableFacts), notes: &mut Notes) {
    if same.columns == table.columns {
        return;
    }
    let columns = |table: &TableFacts| -> Vec<String> {
        table.columns.iter().map(|it| format!("{} {}", it.name, it.type_name)).collect()
    };
    let (ours, theirs) = (columns(table), columns(same));
    let only = |a: &[String], b: &[String]| a.iter().filter(|it| !b.contains(it)).cloned().collect::<Vec<_>>();
    let differences: Vec<String> = [(other, only(&theirs, &ours)), (shard, only(&ours, &theirs))]
        .into_iter()
        .filter(|(_, columns)| !columns.is_empty())
        .map(|(shard, columns)| format!("only {shard} has {}", columns.join(", ")))
        .collect();
    let what = if differences.is_empty() {
        "the order of its columns or a collation".to_owned()
    } else {
        differences.join("; ")
    };
    notes.error(format!("the table {shown} differs between the shards {other} and {shard}: {what}"));
}

fn check_key(shown: &str, table: &TableFacts, keyspace: &Keyspace, key: &str, notes: &mut Notes) {
    let Some(column) = table.columns.iter().find(|column| column.name == key) else {
        notes.error(format!("the table {shown} has no column {key}, its sharding key"));
        return;
    };
    if !keyspace.key_type.fits_column(column.type_oid) {
        notes.error(format!(
            "the column {shown}.{key} is of type {}, the keyspace {} of type {}",
            column.type_name,
            keyspace.name,
            keyspace.key_type.name()
        ));
    }
    if !column.is_deterministic {
        notes.error(format!(
            "the column {shown}.{key} has a nondeterministic collation: equal keys may differ in bytes"
        ));
    }
}

/// Two shards must not give out the same number: each counts in the same steps, from a place of its own.
fn check_sequences(whose: &str, all: &[(&str, ShardId, &[SequenceFacts])], stride: u32, notes: &mut Notes) {
    let names: BTreeSet<&str> = all.iter().flat_map(|(_, _, them)| them.iter().map(|it| it.name.as_str())).collect();
    for sequence in names {
        let counts: Vec<_> = all
            .iter()
            .filter_map(|(shard, id, them)| Some((*shard, *id, them.iter().find(|it| it.name == sequence)?)))
            .collect();
        let starts: Vec<Counts> = counts.iter().map(|(_, _, it)| it.counts).collect();
        let lasts: Vec<Counts> = counts.iter().map(|(_, _, it)| Counts { start: it.last, ..it.counts }).collect();
        if Counts::keep_apart(&starts) && Counts::keep_apart(&lasts) {
            continue;
        }
        // A whole number of steps from each START.
        let last = counts.iter().map(|(_, _, it)| it.last).max().unwrap_or_default();
        let steps = last.max(0).saturating_add(i64::from(stride) - 1) / i64::from(stride);
        let alters: Vec<String> = counts
            .iter()
            .map(|(shard, id, _)| {
                let start = 1 + i64::from(id.0);
                let restart = start.saturating_add(steps.saturating_mul(i64::from(stride)));
                format!("{shard}: ALTER SEQUENCE {sequence} INCREMENT BY {stride} START WITH {start} RESTART WITH {restart};")
            })
            .collect();
        notes.warning(format!(
            "the sequence {sequence}{whose} gives out the same numbers on several shards; while nobody writes, run (with \
             RESTART behind the greatest number that rows have, where they came in with theirs)\n  {}",
            alters.join("\n  ")
        ));
    }
}

/// What spans shards cannot be kept by any of them.
fn check_constraints(
    shown: &str,
    table: &TableFacts,
    map: &ShardMap,
    placement: &Placement,
    key: &str,
    notes: &mut Notes,
) {
    let vouched: Vec<&str> = map
        .unique
        .iter()
        .filter(|(name, _)| show(name) == *shown)
        .flat_map(|(_, names)| names)
        .map(Box::as_ref)
        .collect();
    for (index, columns) in &table.unique {
        let is_vouched = vouched.contains(&index.as_str()) || columns.iter().any(|it| vouched.contains(&it.as_str()));
        if !columns.iter().any(|column| column == key) && !is_vouched {
            notes.error(format!(
                "the unique index {index} of {shown} does not contain the key {key}: it holds only within a shard. \
                 Writes to it are refused, unless unique = [\"{index}\"] in the map says that its values cannot repeat"
            ));
        }
    }
    check_references(shown, table, map, placement, key, notes);
}

fn check_references(
    shown: &str,
    table: &TableFacts,
    map: &ShardMap,
    placement: &Placement,
    key: &str,
    notes: &mut Notes,
) {
    for foreign_key in &table.references {
        let (name, to) = (&foreign_key.name, show(&foreign_key.to));
        if !is_kept(foreign_key, map, placement, key) {
            notes.error(format!("the foreign key {name} of {shown} to {to} may point to another shard"));
        }
        // An UPDATE of a sharding key is another matter.
        let is_updated = matches!(map.tables.get(&foreign_key.to), Some(Placement::Reference | Placement::Single(_)))
            && foreign_key.updated.iter().any(|column| column == key);
        let acts = [(is_updated, "UPDATE"), (foreign_key.reset.iter().any(|column| column == key), "DELETE")];
        for (_, verb) in acts.iter().filter(|(is_it, _)| *is_it) {
            notes.warning(format!(
                "the foreign key {name} of {shown} changes the key {key} where the row is (ON {verb}): what would set it off is refused, \
                 unless it goes past shardway, which would leave rows on the wrong shard"
            ));
        }
    }
}

/// Is the row it points to on the same shard?
fn is_kept(foreign_key: &ForeignKey, map: &ShardMap, placement: &Placement, key: &str) -> bool {
    let keyspace = match (placement, map.tables.get(&foreign_key.to)) {
        (_, Some(Placement::Reference)) => return true,
        (Placement::Single(ours), Some(Placement::Single(theirs))) => return ours == theirs,
        (Placement::Reference | Placement::Single(_), to) => return to.is_none(),
        (Placement::Sharded { keyspace, .. }, _) => keyspace,
    };
    match map.tables.get(&foreign_key.to) {
        Some(Placement::Reference) => true,
        Some(Placement::Sharded { keyspace: theirs, key: their_key }) => {
            keyspace == theirs && foreign_key.columns.iter().any(|(our, their)| our == key && **their == **their_key)
        }
        Some(Placement::Single(_)) | None => false,
    }
}

fn show(name: &TableName) -> String {
    if &*name.schema == "public" { name.name.to_string() } else { format!("{}.{}", name.schema, name.name) }
}
