//! Writes a table into the file that lists its database's tables, or takes it out again. Everything else in the file stays
//! as it is, comments and layout too.
//!
//! The file is replaced whole: the new one is written beside it, and takes its name once it is on the disk. Processes that
//! share a file take turns.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::logic::plan::listing::Listing;
use crate::logic::shards::{Placement, ShardMap};

use super::load::{load_edited, texts};

/// Could `add` be done now? Nothing is left of the attempt.
pub fn check(file: &Path, database: &str, listings: &[Listing], map: &ShardMap) -> Result<(), String> {
    in_turn(file, || {
        let written = write_beside(&added(file, database, listings, map)?)?;
        fs::remove_file(&written.path).map_err(|error| cannot("remove", &written.path, &error))
    })
}

/// Lists the tables.
pub fn add(file: &Path, database: &str, listings: &[Listing], map: &ShardMap) -> Result<(), String> {
    in_turn(file, || rename(&write_beside(&added(file, database, listings, map)?)?))
}

/// The tables are listed no more.
pub fn remove(file: &Path, database: &str, listings: &[Listing]) -> Result<(), String> {
    in_turn(file, || rename(&write_beside(&removed(file, database, listings)?)?))
}

/// A file, and what it is to say.
#[derive(Debug)]
struct Edit {
    path: PathBuf,
    text: String,
}

fn added(file: &Path, database: &str, listings: &[Listing], map: &ShardMap) -> Result<Edit, String> {
    let files = texts(file).map_err(|report| format!("The settings cannot be read: {report}"))?;
    let (path, text) = holder(&files, database)?;
    let mut edit = Edit { path: path.clone(), text: text.clone() };
    for listing in listings {
        edit.text = with_entry(&edit.text, database, &listing.name(), value(&listing.placement, map))?;
    }
    // What is read back must be what was meant, and nothing may be wrong with the rest.
    let env = |name: &str| std::env::var(name).ok();
    let settings = load_edited(file, &env, Some((&edit.path, &edit.text))).map_err(|report| {
        let first = report.to_string().lines().next().unwrap_or_default().to_owned();
        format!("The settings have errors; \"shardway check\" shows them. {first}")
    })?;
    let its = settings.databases.iter().find(|it| *it.name == *database);
    let is_meant = |listing: &Listing| {
        let read = its.and_then(|it| Some(value(it.map.tables.get(&listing.table)?, &it.map).to_string()));
        read == Some(value(&listing.placement, map).to_string())
    };
    if listings.iter().all(is_meant) { Ok(edit) } else { Err(format!("{} has no place for it.", edit.path.display())) }
}

fn removed(file: &Path, database: &str, listings: &[Listing]) -> Result<Edit, String> {
    let files = texts(file).map_err(|report| format!("The settings cannot be read: {report}"))?;
    let edits = files.iter().filter_map(|(path, text)| {
        let mut document: DocumentMut = text.parse().ok()?;
        let tables = tables_of(&mut document, database)?;
        let removed = listings.iter().filter(|listing| tables.remove(&listing.name()).is_some()).count();
        (removed == listings.len()).then(|| Edit { path: path.clone(), text: shown(&document, text) })
    });
    edits.into_iter().next().ok_or_else(|| "They are not listed.".to_owned())
}

/// The file that most of a database's tables are listed in, or else the one that describes it.
fn holder<'a>(files: &'a [(PathBuf, String)], database: &str) -> Result<&'a (PathBuf, String), String> {
    let rank = |(_, text): &&(PathBuf, String)| {
        let mut document: DocumentMut = text.parse().ok()?;
        let described = document.get("databases")?.as_table_like()?.get(database)?.as_table_like()?.iter().count();
        Some((tables_of(&mut document, database).map_or(0, |tables| tables.iter().count()), described))
    };
    let ranked = files.iter().filter_map(|file| Some((rank(&file)?, file)));
    // Of several the first.
    let best = ranked.rev().max_by_key(|(rank, _)| *rank);
    best.map(|(_, file)| file).ok_or_else(|| format!("No file of the settings describes the database \"{database}\"."))
}

fn tables_of<'a>(document: &'a mut DocumentMut, database: &str) -> Option<&'a mut dyn TableLike> {
    let databases = document.get_mut("databases")?.as_table_like_mut()?;
    databases.get_mut(database)?.as_table_like_mut()?.get_mut("tables")?.as_table_like_mut()
}

/// The text with a table more.
fn with_entry(text: &str, database: &str, name: &str, value: Value) -> Result<String, String> {
    let unfit = || format!("[databases.{database}] is not written as a table.");
    let mut document: DocumentMut = text.parse().map_err(|error| format!("It is not TOML: {error}"))?;
    let databases = document.get_mut("databases").and_then(Item::as_table_like_mut).ok_or_else(unfit)?;
    let its = databases.get_mut(database).ok_or_else(unfit)?;
    let is_inline = its.is_inline_table();
    let its = its.as_table_like_mut().ok_or_else(unfit)?;
    if its.get("tables").is_none() {
        let none = if is_inline { Item::Value(InlineTable::new().into()) } else { Item::Table(Table::new()) };
        its.insert("tables", none);
    }
    let tables = its.get_mut("tables").and_then(Item::as_table_like_mut).ok_or_else(unfit)?;
    if tables.get(name).is_some() {
        return Err(format!("It says something of \"{name}\" already that is not in force: reload it first."));
    }
    tables.insert(name, Item::Value(value));
    Ok(shown(&document, text))
}

/// With the line ends that the text had.
fn shown(document: &DocumentMut, before: &str) -> String {
    let text = document.to_string();
    if before.contains("\r\n") { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text }
}

/// As a person would write it.
fn value(placement: &Placement, map: &ShardMap) -> Value {
    let table =
        |fields: &[(&str, &str)]| Value::InlineTable(fields.iter().map(|(name, value)| (*name, *value)).collect());
    match placement {
        Placement::Sharded { keyspace, key } => table(&[("keyspace", &map.keyspace(*keyspace).name), ("key", key)]),
        Placement::Reference => "reference".into(),
        Placement::Single(shard) => table(&[("shard", &map.shards[usize::from(shard.0)])]),
    }
}

/// A file on the disk that has no name yet that anybody reads.
struct Written {
    path: PathBuf,
    /// Where it is to be
    target: PathBuf,
}

/// Does it while no other process does.
fn in_turn(file: &Path, edit: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let lock = folder_of(file).and_then(File::open).map_err(|error| cannot("open the folder of", file, &error))?;
    let until = Instant::now() + TURN_MAX;
    loop {
        match lock.try_lock() {
            Ok(()) => return edit(),
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(PAUSE),
            Err(error) => return Err(cannot("lock the folder of", file, &error.into())),
        }
    }
}

/// An edit takes milliseconds. Whoever keeps the folder longer is in the way: everything that concerns the settings waits.
const TURN_MAX: Duration = Duration::from_secs(3);
/// Between two looks whether it is free.
const PAUSE: Duration = Duration::from_millis(5);

/// Gives it the file's name.
fn rename(written: &Written) -> Result<(), String> {
    fs::rename(&written.path, &written.target).map_err(|error| {
        fs::remove_file(&written.path).ok();
        cannot("replace", &written.target, &error)
    })?;
    // The name, too, is to outlive a loss of power.
    let kept = folder_of(&written.target).and_then(|folder| File::open(folder)?.sync_all());
    kept.map_err(|error| cannot("keep", &written.target, &error))
}

fn folder_of(file: &Path) -> io::Result<PathBuf> {
    let target = fs::canonicalize(file)?;
    Ok(target.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned))
}

/// The new text beside the file, behind links to it.
fn write_beside(edit: &Edit) -> Result<Written, String> {
    let written = (|| {
        let target = fs::canonicalize(&edit.path)?;
        let permissions = fs::metadata(&target)?.permissions();
        if permissions.readonly() {
            return Err(io::Error::other("it is read-only"));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Patterns of `include` do not find it.
        let path = target.with_file_name(format!(".{name}.new"));
        // It may hold passwords.
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let filled = file.write_all(edit.text.as_bytes()).and_then(|()| file.set_permissions(permissions));
        if let Err(error) = filled.and_then(|()| file.sync_all()) {
            fs::remove_file(&path).ok();
            return Err(error);
        }
        Ok(Written { path, target })
    })();
    written.map_err(|error| cannot("write", &edit.path, &error))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> String {
    format!("Cannot {what} {}: {error}.", path.display())
}
