//! Scripts that read like a story: `tests/logic/*.slt`, each run on one plain PostgreSQL and through the proxy over three
//! shards, with the same expectations.
//!
//! The format is that of sqllogictest, as much of it as the scripts need. Records are told apart by blank lines:
//! - `statement ok`, `statement count 3`, `statement error 23505` (its SQLSTATE), then the SQL. Lines behind `----` are
//!   what COPY FROM STDIN is fed.
//! - `query`, or `query rowsort` where the order is open, then the SQL, `----` and the rows: fields with blanks between
//!   them, `NULL`, and `(empty)`.
//! - `connection name` before a record: another session. `onlyif shardway` and `skipif shardway` before a record: what the
//!   one refuses and the other does not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::oracle::{Mode, login, run};
use crate::support::cluster::{Proxy, World};
use crate::support::corpus::Case;
use crate::support::data;
use crate::support::wire::{Answer, Wire};

/// The tables of the scripts. Each script makes those it needs, and drops them.
const TABLES: &str = "[databases.app.tables]\n\
    accounts = { keyspace = \"bigints\", key = \"owner\" }\n\
    entries = { keyspace = \"bigints\", key = \"owner\" }\n\
    places = { keyspace = \"texts\", key = \"name\" }\n\
    oddities = { keyspace = \"bigints\", key = \"k\" }\n\
    of_rows = { keyspace = \"bigints\", key = \"k\" }\n\
    row_kinds = \"reference\"\n\
    row_others = \"reference\"\n\
    rates = \"reference\"\n\
    notes = { shard = \"b\" }\n";

/// What a record expects.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Ok,
    /// So many rows in the command tag
    Count(u64),
    /// A SQLSTATE
    Error(String),
    /// Rows, perhaps in any order
    Rows {
        is_sorted: bool,
        rows: Vec<String>,
    },
}

#[derive(Debug, PartialEq, Eq)]
struct Record {
    line: usize,
    connection: String,
    /// On the proxy only, or not on the proxy
    only_through_proxy: Option<bool>,
    expected: Expected,
    sql: String,
    /// What COPY is fed
    data: Option<String>,
}

#[test]
fn scripts_read_the_same_through_the_proxy() {
    let world = World::start("logic", false).unwrap();
    let proxy = Proxy::start(&world.lab, "proxy", &(data::keyspaces_toml(&world) + TABLES)).unwrap();
    for port in std::iter::once(world.oracle.port()).chain(world.shards.iter().map(|shard| shard.port())) {
        data::admin(port).rows("GRANT ALL ON SCHEMA public TO app");
    }
    let mut records = 0;
    for path in scripts() {
        let script = parse(&fs::read_to_string(&path).unwrap());
        records += script.len();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        play(&script, world.oracle.port(), false).unwrap_or_else(|how| panic!("{name} on PostgreSQL: {how}"));
        play(&script, proxy.port, true).unwrap_or_else(|how| panic!("{name} through the proxy: {how}"));
    }
    assert!(records >= 150, "{records} records");
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logic");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "slt"));
    paths.sort();
    paths
}

/// Runs all records of a script, in the simple and the extended protocol by turns; says which one is the first that comes
/// out otherwise.
fn play(script: &[Record], port: u16, through_proxy: bool) -> Result<(), String> {
    let mut sessions: BTreeMap<&str, Wire> = BTreeMap::new();
    let records = script.iter().filter(|it| it.only_through_proxy.is_none_or(|only| only == through_proxy));
    for (record, mode) in records.zip([Mode::Simple, Mode::ExtendedText].into_iter().cycle()) {
        let wire = sessions.entry(&record.connection).or_insert_with(|| login(port));
        let case = Case { sql: record.sql.clone(), data: record.data.clone(), ..Case::default() };
        let mode = if case.fits(false) { mode } else { Mode::Simple };
        let (answers, _) = run(wire, &case, mode, &[]).map_err(|error| format!("line {}: {error}", record.line))?;
        if let Some(how) = difference(&record.expected, &answers) {
            return Err(format!("line {}: {}\n  {how}", record.line, record.sql));
        }
    }
    Ok(())
}

/// What is not as expected.
fn difference(expected: &Expected, answers: &[Answer]) -> Option<String> {
    let error = answers.iter().find_map(|answer| answer.error.as_ref());
    let last = answers.last().cloned().unwrap_or_default();
    match (expected, error) {
        (Expected::Error(state), Some((found, _))) if state == found => None,
        (Expected::Error(state), _) => Some(format!("expected error {state}, got {error:?} {}", last.tag)),
        (_, Some(error)) => Some(format!("got error {error:?}")),
        (Expected::Ok, None) => None,
        (Expected::Count(count), None) => {
            let found = last.tag.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok());
            (found != Some(*count)).then(|| format!("expected {count} rows, got {}", last.tag))
        }
        (Expected::Rows { is_sorted, rows }, None) => {
            let (mut expected, mut found) = (rows.clone(), shown(&last));
            if !is_sorted {
                expected.sort();
                found.sort();
            }
            (expected != found).then(|| format!("expected\n{}\n  got\n{}", expected.join("\n"), found.join("\n")))
        }
    }
}

/// Rows as scripts write them. Lines of COPY TO stand as they came.
fn shown(answer: &Answer) -> Vec<String> {
    let field = |field: &Option<Vec<u8>>| match field.as_deref() {
        None => "NULL".to_owned(),
        Some(b"") => "(empty)".to_owned(),
        Some(bytes) => String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned(),
    };
    answer.rows.iter().map(|row| row.iter().map(field).collect::<Vec<_>>().join(" ")).collect()
}

fn parse(text: &str) -> Vec<Record> {
    let lines: Vec<(usize, &str)> = text.lines().enumerate().map(|(number, line)| (number + 1, line)).collect();
    lines.split(|(_, line)| line.trim().is_empty()).filter_map(record).collect()
}

/// One record; `None` for comments alone.
fn record(lines: &[(usize, &str)]) -> Option<Record> {
    let mut lines = lines.iter().filter(|(_, line)| !line.starts_with('#'));
    let (mut connection, mut only_through_proxy) = ("default".to_owned(), None);
    loop {
        let (line, head) = lines.next()?;
        let words: Vec<&str> = head.split_whitespace().collect();
        let mut expected = match words[..] {
            ["connection", name] => {
                name.clone_into(&mut connection);
                continue;
            }
            ["onlyif", "shardway"] => {
                only_through_proxy = Some(true);
                continue;
            }
            ["skipif", "shardway"] => {
                only_through_proxy = Some(false);
                continue;
            }
            ["statement", "ok"] => Expected::Ok,
            ["statement", "count", number] => Expected::Count(number.parse().unwrap()),
            ["statement", "error", state] => Expected::Error(state.to_owned()),
            ["query"] => Expected::Rows { is_sorted: true, rows: Vec::new() },
            ["query", "rowsort"] => Expected::Rows { is_sorted: false, rows: Vec::new() },
            _ => panic!("line {line}: no record begins with {head:?}"),
        };
        let rest: Vec<&str> = lines.map(|(_, line)| *line).collect();
        let (sql, behind) = match rest.iter().position(|line| *line == "----") {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (&rest[..], None),
        };
        let mut data = None;
        match (&mut expected, behind) {
            (Expected::Rows { rows, .. }, behind) => {
                *rows = behind.unwrap_or_default().iter().map(|it| (*it).to_owned()).collect()
            }
            (_, Some(behind)) => data = Some(behind.iter().map(|line| format!("{line}\n")).collect()),
            (_, None) => (),
        }
        return Some(Record { line: *line, connection, only_through_proxy, expected, sql: sql.join("\n"), data });
    }
}

#[test]
fn what_comes_out_otherwise_is_seen() {
    let script = parse(
        "# a comment\n\nconnection two\nquery rowsort\nSELECT 1\n----\n2 NULL\n1 (empty)\n\nstatement count 2\nCOPY t FROM STDIN\n----\n1\n2\n",
    );
    let [query, copy] = &script[..] else { panic!("{script:?}") };
    assert_eq!((query.line, &*query.connection, &*query.sql), (3 + 1, "two", "SELECT 1"));
    assert_eq!(copy.data.as_deref(), Some("1\n2\n"));
    let row = |fields: &[Option<&str>]| fields.iter().map(|field| field.map(|it| it.as_bytes().to_vec())).collect();
    let answers = [Answer { rows: vec![row(&[Some("1"), Some("")]), row(&[Some("2"), None])], ..Answer::default() }];
    assert_eq!(difference(&query.expected, &answers), None);
    assert!(difference(&copy.expected, &answers).is_some());
    let in_order = Expected::Rows { is_sorted: true, rows: vec!["2 NULL".to_owned(), "1 (empty)".to_owned()] };
    assert!(difference(&in_order, &answers).is_some());
    assert!(difference(&Expected::Error("23505".to_owned()), &answers).is_some());
}
