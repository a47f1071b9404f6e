//! The heart of the tests: the same statement through the proxy over three shards, and on one plain PostgreSQL that
//! holds all the data. Same rows, names, types, tags and SQLSTATEs, or a refusal (0A000); never a difference.
//!
//! Statements lie in `tests/corpus/*.sql`, told apart by blank lines. A line that starts with `@` directs:
//! `@same 20` (at least so many statements of this file must be answered, not refused), `@write` (this file changes
//! rows), `@undone` (it does so in transactions that are rolled back, each time), `@params 1 | NULL | text` (values of `$1`…), `@data` (lines for COPY up to `\.`).

use std::fmt::Write as _;
use std::path::Path;

use crate::support::cluster::{Auth, Proxy, Server, World};
use crate::support::corpus::{Case, File};
use crate::support::data::{self, TABLES, admin};
use crate::support::wire::{self, Answer, Wire};

const MODES: [Mode; 3] = [Mode::ExtendedText, Mode::ExtendedBinary, Mode::Simple];

/// How a statement is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Parse, Bind, Execute; parameters and results as text
    ExtendedText,
    /// The same, parameters and results binary
    ExtendedBinary,
    /// Query
    Simple,
}

/// What came of one statement in one mode.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Same,
    Refused(String),
    Different(String),
}

/// The side that is compared with the oracle.
struct Subject<'a> {
    port: u16,
    wire: Wire,
    /// Whose shards to compare after a write
    world: Option<&'a World>,
    shards: Vec<Wire>,
}

/// The oracle's side: the client's connection and one that looks at tables.
struct Oracle {
    wire: Wire,
    admin: Wire,
}

#[test]
fn the_proxy_answers_as_one_postgresql_or_refuses() {
    let world = World::start("oracle", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let mut oracle = Oracle::new(world.oracle.port());
    let shards = world.shards.iter().map(|shard| admin(shard.port())).collect();
    let mut subject = Subject { port: proxy.port, wire: login(proxy.port), world: Some(&world), shards };
    let report = run_all(&mut oracle, &mut subject);
    assert!(report.complaints.is_empty(), "{}\n{}", report.table, report.complaints);
}

/// Two plain servers: shows that the corpus has one right answer to each statement, and that the comparison sees it.
#[test]
fn the_corpus_has_one_right_answer_to_each_statement() {
    let world = World::start("twins", false).unwrap();
    data::load(&world);
    let twin = Server::start(&world.lab, "twin", Auth::Scram, &[]).unwrap();
    let mut rows = admin(twin.port());
    rows.rows(&format!("BEGIN; {}; {}; COMMIT", include_str!("corpus/schema.ddl"), include_str!("corpus/data.ddl")));
    let mut oracle = Oracle::new(world.oracle.port());
    let mut subject = Subject { port: twin.port(), wire: login(twin.port()), world: None, shards: Vec::new() };
    let report = run_all(&mut oracle, &mut subject);
    assert!(report.complaints.is_empty(), "{}\n{}", report.table, report.complaints);
    assert_eq!(report.refused, 0, "{}", report.table);
    assert!(report.statements >= 400, "{} statements", report.statements);
}

#[test]
fn the_map_of_the_corpus_puts_rows_where_the_proxy_would_look() {
    let world = World::start("placement", false).unwrap();
    data::load(&world);
    let mut oracle = admin(world.oracle.port());
    let mut shards: Vec<Wire> = world.shards.iter().map(|shard| admin(shard.port())).collect();
    for (table, _) in TABLES {
        assert_eq!(data::difference(&mut oracle, &mut shards, table), None);
    }
    for shard in &mut shards {
        assert_ne!(shard.value("SELECT count(*) FROM events"), "0");
        assert_eq!(shard.value("SELECT count(*) FROM countries"), "5");
    }
    shards[0].rows("DELETE FROM countries WHERE code = 'XX'");
    let seen = data::difference(&mut oracle, &mut shards, "countries").unwrap();
    assert!(seen.contains("shard a lacks 1 × (XX,Nowhere,)"), "{seen}");
    data::repair(&world, "countries");
    assert_eq!(data::difference(&mut oracle, &mut shards, "countries"), None);
}

/// Counts, and everything that must not be.
#[derive(Default)]
struct Report {
    table: String,
    complaints: String,
    refused: usize,
    statements: usize,
}

fn run_all(oracle: &mut Oracle, subject: &mut Subject<'_>) -> Report {
    let mut report = Report {
        table: "\n| file | same | refused | DIFFERENT |\n|---|---|---|---|\n".to_owned(),
        ..Report::default()
    };
    let mut details = String::new();
    for file in File::all() {
        let mut counts = [0_usize; 3];
        for case in &file.cases {
            let outcome = run_case(oracle, subject, &file, case, &mut details);
            counts[match outcome {
                Outcome::Same => 0,
                Outcome::Refused(_) => 1,
                Outcome::Different(_) => 2,
            }] += 1;
            if let Outcome::Different(how) = outcome {
                writeln!(
                    report.complaints,
                    "DIFFERENT {}:{} {}\n  {}\n  {how}",
                    file.name, case.line, case.comment, case.sql
                )
                .unwrap();
            }
        }
        let [same, refused, different] = counts;
        writeln!(report.table, "| {} | {same} | {refused} | {different} |", file.name).unwrap();
        report.refused += refused;
        report.statements += file.cases.len();
        if same < file.same_min {
            writeln!(report.complaints, "{}: {same} statements answered, {} promised", file.name, file.same_min)
                .unwrap();
        }
    }
    save(subject, &format!("{}\n{details}", report.table));
    report
}

/// The whole list of what was refused or different, for whoever wants to read it after a run.
fn save(subject: &Subject<'_>, text: &str) {
    let name = if subject.world.is_some() { "oracle-report.md" } else { "oracle-report-twins.md" };
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), text).unwrap();
}

/// One statement in all modes; the worst outcome counts.
fn run_case(oracle: &mut Oracle, subject: &mut Subject<'_>, file: &File, case: &Case, details: &mut String) -> Outcome {
    let mut worst = Outcome::Same;
    for mode in MODES {
        if !case.fits(mode == Mode::Simple) {
            continue;
        }
        // A write runs in a transaction that is rolled back, except the last time: then the tables are compared.
        let is_kept = file.is_write
            && !file.is_undone
            && (mode == Mode::Simple || case.has_params() && mode == Mode::ExtendedBinary);
        let mut outcome = compare(oracle, subject, case, mode, file.is_write && !is_kept);
        if is_kept {
            outcome = check_tables(oracle, subject, case).unwrap_or(outcome);
        }
        match &outcome {
            Outcome::Same => (),
            Outcome::Refused(why) => {
                writeln!(
                    details,
                    "refused {}:{} {mode:?} {}\n    {}\n    {why}",
                    file.name, case.line, case.comment, case.sql
                )
                .unwrap();
                worst = if worst == Outcome::Same { outcome } else { worst };
            }
            Outcome::Different(how) => {
                writeln!(
                    details,
                    "DIFFERENT {}:{} {mode:?} {}\n    {}\n    {how}",
                    file.name, case.line, case.comment, case.sql
                )
                .unwrap();
                worst = Outcome::Different(format!("{mode:?}: {how}"));
            }
        }
    }
    worst
}

/// Runs a statement on both sides, in a transaction that is rolled back if `is_undone`.
fn compare(oracle: &mut Oracle, subject: &mut Subject<'_>, case: &Case, mode: Mode, is_undone: bool) -> Outcome {
    let parameters = parameters(&mut oracle.admin, case, mode);
    if is_undone {
        oracle.wire.simple("BEGIN").unwrap();
        if let Err(error) = subject.wire.simple("BEGIN") {
            subject.wire = login(subject.port);
            return Outcome::Different(format!("BEGIN: {error}"));
        }
    }
    let theirs = run(&mut subject.wire, case, mode, &parameters);
    let is_refused = matches!(&theirs, Ok((answers, _)) if answers.iter().any(is_refusal));
    if is_refused && !is_undone {
        // A refused write changes nothing; what the oracle would say must not change anything either.
        oracle.wire.simple("BEGIN").unwrap();
    }
    let ours = run(&mut oracle.wire, case, mode, &parameters).unwrap();
    if is_refused && !is_undone {
        oracle.wire.simple("ROLLBACK").unwrap();
    }
    // A case may leave a transaction open or failed: the next one must not meet it.
    let is_open = |side: &std::io::Result<(Vec<Answer>, u8)>| matches!(side, Ok((_, status)) if *status != b'I');
    if is_undone || ours.1 != b'I' {
        oracle.wire.simple("ROLLBACK").unwrap();
    }
    if is_undone || is_open(&theirs) {
        subject.wire.simple("ROLLBACK").ok();
    }
    match theirs {
        Err(error) => {
            subject.wire = login(subject.port);
            Outcome::Different(format!("the connection broke: {error}"))
        }
        Ok((theirs, _)) if is_refused && !ours.0.iter().any(is_refusal) => refusal(&theirs),
        Ok(theirs) => difference(&ours, &theirs, case.is_ordered()).map_or(Outcome::Same, Outcome::Different),
    }
}

pub fn is_refusal(answer: &Answer) -> bool {
    answer.error.as_ref().is_some_and(|(state, _)| state == "0A000")
}

fn refusal(answers: &[Answer]) -> Outcome {
    let error = answers.iter().filter_map(|answer| answer.error.as_ref()).next_back();
    Outcome::Refused(error.map(|(_, message)| message.clone()).unwrap_or_default())
}

/// After a write: do the shards hold what the oracle holds?
fn check_tables(oracle: &mut Oracle, subject: &mut Subject<'_>, case: &Case) -> Option<Outcome> {
    let world = subject.world?;
    let mut wrong = Vec::new();
    for (table, _) in TABLES.iter().filter(|(table, _)| case.sql.to_lowercase().contains(table)) {
        if let Some(how) = data::difference(&mut oracle.admin, &mut subject.shards, table) {
            wrong.push(how);
            data::repair(world, table);
        }
    }
    (!wrong.is_empty()).then(|| Outcome::Different(format!("rows after the write: {}", wrong.join("; "))))
}

/// How two answers differ; `None` if they do not.
pub fn difference(ours: &(Vec<Answer>, u8), theirs: &(Vec<Answer>, u8), is_ordered: bool) -> Option<String> {
    if ours.0.len() != theirs.0.len() {
        return Some(format!("{} answers instead of {}: {:?}", theirs.0.len(), ours.0.len(), theirs.0));
    }
    for (expected, found) in ours.0.iter().zip(&theirs.0) {
        let state = |answer: &Answer| answer.error.as_ref().map(|(state, _)| state.clone());
        if state(expected) != state(found) {
            return Some(format!("expected error {:?}, got {:?}", expected.error, found.error));
        }
        let head = |answer: &Answer| (answer.columns.clone(), answer.modifiers.clone(), answer.tag.clone());
        if head(expected) != head(found) {
            let shown = |answer: &Answer| format!("{:?} {:?} {:?}", answer.columns, answer.modifiers, answer.tag);
            return Some(format!("expected {}, got {}", shown(expected), shown(found)));
        }
        let rows = |answer: &Answer| {
            let mut rows = answer.rows.clone();
            if !is_ordered {
                rows.sort();
            }
            rows
        };
        if rows(expected) != rows(found) {
            return Some(format!("expected rows {}, got {}", show(&rows(expected)), show(&rows(found))));
        }
    }
    (ours.1 != theirs.1).then(|| format!("expected status {}, got {}", ours.1 as char, theirs.1 as char))
}

pub fn show(rows: &[Vec<Option<Vec<u8>>>]) -> String {
    let field =
        |field: &Option<Vec<u8>>| field.as_ref().map_or("NULL".to_owned(), |bytes| bytes.escape_ascii().to_string());
    let lines: Vec<String> =
        rows.iter().take(4).map(|row| row.iter().map(field).collect::<Vec<_>>().join(",")).collect();
    format!("({}) [{}]", rows.len(), lines.join(" / "))
}

/// Sends a statement; its answers and the transaction status after it.
pub fn run(
    wire: &mut Wire,
    case: &Case,
    mode: Mode,
    parameters: &[wire::Parameter],
) -> std::io::Result<(Vec<Answer>, u8)> {
    let format = u16::from(mode == Mode::ExtendedBinary);
    let request = match mode {
        Mode::Simple => wire::query(&case.sql),
        Mode::ExtendedText | Mode::ExtendedBinary => [
            wire::parse("", &case.sql, &[]),
            wire::bind("", "", parameters, format),
            wire::describe(b'P', ""),
            wire::execute("", 0),
            wire::sync(),
        ]
        .concat(),
    };
    wire.send(&request)?;
    let mut frames = Vec::new();
    loop {
        frames.extend(wire.until(b"GZ")?);
        let last = frames.last().expect("until() returns at least one");
        match last.tag {
            b'G' => wire.send(
                &[wire::message(b'd', case.data.as_deref().unwrap_or_default().as_bytes()), wire::message(b'c', b"")]
                    .concat(),
            )?,
            _ => return Ok((wire::answers(&frames), last.body[0])),
        }
    }
}

/// The values of a case as Bind wants them: PostgreSQL itself makes the binary ones.
pub fn parameters(admin: &mut Wire, case: &Case, mode: Mode) -> Vec<wire::Parameter> {
    if mode != Mode::ExtendedBinary {
        return case.parameters.iter().map(|value| (0, value.clone().map(String::into_bytes))).collect();
    }
    admin.send(&[wire::parse("", &case.sql, &[]), wire::describe(b'S', ""), wire::sync()].concat()).unwrap();
    let frames = admin.until_ready().unwrap();
    let Some(types) = frames.iter().find(|frame| frame.tag == b't') else {
        return case.parameters.iter().map(|value| (0, value.clone().map(String::into_bytes))).collect();
    };
    let oids = types.body[2..].chunks(4).map(|oid| u32::from_be_bytes(oid.try_into().unwrap()));
    case.parameters.iter().zip(oids).map(|(value, oid)| binary(admin, value.as_deref(), oid)).collect()
}

fn binary(admin: &mut Wire, value: Option<&str>, oid: u32) -> wire::Parameter {
    let Some(value) = value else { return (1, None) };
    let send = admin.rows(&format!("SELECT typsend::regproc, oid::regtype FROM pg_type WHERE oid = {oid}"));
    let (function, kind) = (send[0][0].clone().unwrap(), send[0][1].clone().unwrap());
    let quoted = value.replace('\'', "''");
    let made = wire::answers(&admin.simple(&format!("SELECT encode({function}('{quoted}'::{kind}), 'hex')")).unwrap());
    match made[0].rows.first().and_then(|row| row[0].clone()) {
        // Not a value of this type: both sides get it as text and have to report the same error.
        None => (0, Some(value.as_bytes().to_vec())),
        Some(hex) => {
            let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
            (1, Some(hex.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()))
        }
    }
}

impl Oracle {
    fn new(port: u16) -> Self {
        Self { wire: login(port), admin: admin(port) }
    }
}

pub fn login(port: u16) -> Wire {
    Wire::login(port, "app", &[("application_name", "oracle")]).unwrap()
}

#[test]
fn the_map_of_the_corpus_is_a_good_file() {
    let world = World::start("map", false).unwrap();
    let file = world.lab.folder().join("map.toml");
    std::fs::write(&file, Proxy::front(6432, 9090) + &data::map_toml(&world)).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_shardway")).arg("check").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}
