//! Random tables, rows and statements, from a seed: the same through the proxy over three shards and on one PostgreSQL.
//!
//! `SHARDWAY_SEED` (default 1) and `SHARDWAY_STATEMENTS` (default 10,000) choose another run or a longer one. What
//! differs is shortened and printed with its tables, ready to become a case of the corpus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::oracle::{Mode, is_refusal, login, parameters, run};
use crate::support::cluster::{Proxy, SHARDS, World};
use crate::support::corpus::Case;
use crate::support::data::{self, admin};
use crate::support::wire::{self, Answer, Wire};

/// The source of chance.
pub mod choices;
/// Types and values.
mod kinds;
/// Tables and rows.
mod schema;
/// Names, parameters, marks.
mod writer;
/// Expressions and conditions.
mod expression;
/// Aggregates and windows.
mod aggregate;
/// Queries.
mod query;
/// Queries over tables that are tied by their keys.
mod colocated;
/// Writes.
mod change;
/// The verdict.
mod compare;

use choices::{Choices, shortened};
use compare::{Verdict, compare};
use query::Standing;
use schema::Schema;
use writer::{Marks, Writer, numbered};

/// Statements over one set of tables.
const PER_SCHEMA: usize = 250;
/// Views over each set of tables that are tried.
const VIEWS: usize = 3;
/// The SQLSTATE of what a timeout has ended.
const CANCELLED: &str = "57014";
/// Sessions at the same time.
const WORKERS: usize = 2;
/// Differences that are shortened and shown; the others are counted.
const SHOWN_MAX: usize = 25;
/// What is tried to shorten one of them.
const TRIES_MAX: usize = 600;

/// A statement, made.
struct Made {
    case: Case,
    mode: Mode,
    form: Form,
    marks: Marks,
    /// The table that it changes
    changes: Option<String>,
    /// A change of the same table that is made before it, and rolled back to a savepoint
    undone: Option<Case>,
    tape: Vec<u32>,
}

/// How a query comes to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Itself,
    /// DECLARE CURSOR, then FETCH
    Cursor,
    /// PREPARE, then EXECUTE
    Prepared,
}

/// What is to be done.
#[derive(Clone, Copy)]
struct Run<'a> {
    seed: u64,
    statements: usize,
    schemas: &'a [Schema],
    /// Of the oracle and of the proxy
    ports: (u16, u16),
}

/// The two sides.
struct Sides {
    oracle: Wire,
    proxy: Wire,
    /// The oracle's, which makes binary parameters
    admin: Wire,
    port: u16,
}

#[derive(Default)]
struct Counts {
    queries: usize,
    queries_refused: usize,
    changes: usize,
    changes_refused: usize,
    failed: usize,
    /// How often something was refused or failed, and the shortest statement of them
    reasons: BTreeMap<String, (usize, String)>,
    different: usize,
    complaints: String,
}

#[test]
fn random_statements_are_answered_as_by_one_postgresql() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (seed, statements) = (number("SHARDWAY_SEED", 1), number("SHARDWAY_STATEMENTS", 10_000) as usize);
    let world = World::start("generator", false).unwrap();
    let mut schemas: Vec<Schema> = (0..statements.div_ceil(PER_SCHEMA))
        .map(|it| Schema::random(it, &mut Choices::of_seed(seed.wrapping_mul(1_000_003) + it as u64)))
        .collect();
    load(&world, &mut schemas, seed);
    let map = data::keyspaces_toml(&world) + &schema::map_toml(&schemas);
    let proxy = Proxy::start(&world.lab, "proxy", &map).unwrap();
    let run = Run { seed, statements, schemas: &schemas, ports: (world.oracle.port(), proxy.port) };
    let counts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || run.part(worker))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).fold(Counts::default(), Counts::and)
    });
    let report = counts.report();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("generator-report-{seed}.md"));
    std::fs::write(file, &report).unwrap();
    assert_eq!(counts.different, 0, "seed {seed}\n{report}\n{}", counts.complaints);
    assert!(counts.failed * 10 < statements, "too many statements fail on both sides\n{report}");
    assert!(counts.queries_refused * 20 <= counts.queries, "too many queries are refused\n{report}");
}

impl Run<'_> {
    /// What one worker does: its tables are its own.
    fn part(&self, worker: usize) -> Counts {
        let (oracle, proxy) = self.ports;
        let mut sides = Sides { oracle: login(oracle), proxy: login(proxy), admin: admin(oracle), port: proxy };
        let mut counts = Counts::default();
        for it in (0..self.statements).filter(|it| it / PER_SCHEMA % WORKERS == worker) {
            if it.is_multiple_of(PER_SCHEMA) {
                sides.set_zone(it / PER_SCHEMA);
            }
            self.statement(it, &mut sides, &mut counts);
        }
        counts
    }

    fn statement(&self, it: usize, sides: &mut Sides, counts: &mut Counts) {
        let schema = &self.schemas[it / PER_SCHEMA];
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(1_000 + it as u64) << 20;
        let made = make(Choices::of_seed(seed), schema);
        self.check(it, &made, sides, counts);
        // Again with other literals: what is remembered of the first must not answer the second.
        let mut twisted = Choices::replay(&made.tape);
        twisted.twist = 1;
        let twisted = make(twisted, schema);
        if it.is_multiple_of(3) && twisted.case.sql != made.case.sql {
            self.check(it, &twisted, sides, counts);
        }
    }

    fn check(&self, it: usize, made: &Made, sides: &mut Sides, counts: &mut Counts) {
        let schema = &self.schemas[it / PER_SCHEMA];
        let verdict = sides.verdict(made);
        counts.add(made, &verdict);
        if matches!(verdict, Verdict::Different(_)) && counts.different <= SHOWN_MAX {
            let complaint = shown(sides, made, schema, it);
            counts.complaints += &complaint;
            eprintln!("{complaint}");
        }
    }
}

/// Makes tables and views everywhere, fills the oracle, and each shard with its part.
fn load(world: &World, schemas: &mut [Schema], seed: u64) {
    const TYPES: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); \
        CREATE DOMAIN positive AS integer CHECK (VALUE > 0); GRANT ALL ON SCHEMA public TO app; ";
    let mut oracle = admin(world.oracle.port());
    let ddl: String = schemas.iter().map(Schema::ddl).collect();
    oracle.rows(&format!("{TYPES}{ddl}"));
    oracle.rows(&data::placement_functions());
    for (number, schema) in schemas.iter_mut().enumerate() {
        oracle.rows(&format!("SET datestyle = iso; {}", schema.rows()));
        for it in 0..VIEWS {
            let choices = Choices::of_seed(seed.wrapping_mul(7_000_003) + (number * VIEWS + it) as u64);
            let view = schema.view(it, choices);
            // Not every query can be a view: one may not have a type for each column.
            if wire::answers(&oracle.simple(&view.ddl).unwrap()).iter().all(|answer| answer.error.is_none()) {
                schema.views.push(view);
            }
        }
    }
    oracle.rows("ANALYZE");
    for (index, server) in world.shards.iter().enumerate() {
        let mut shard = admin(server.port());
        // The first shard numbers types as the oracle does, the others in their own way.
        for filler in 0..index {
            shard.rows(&format!("CREATE TYPE filler_{filler} AS ENUM ('x')"));
        }
        shard.rows(&format!("{TYPES}{ddl}"));
        let views = schemas.iter().flat_map(|schema| &schema.views);
        views.for_each(|view| drop(shard.rows(&view.ddl)));
        for table in schemas.iter().flat_map(|schema| &schema.tables) {
            data::fill(&mut oracle, &mut shard, &table.name, table.home, SHARDS[index]);
        }
        shard.rows("ANALYZE");
    }
}

/// Makes a statement over these tables.
fn make(mut choices: Choices, schema: &Schema) -> Made {
    let mode = [Mode::Simple, Mode::ExtendedText, Mode::ExtendedBinary][choices.below(3)];
    let is_change = choices.one_in(6);
    let form = match choices.below(8) {
        0 if !is_change && mode == Mode::Simple => Form::Cursor,
        1 if mode == Mode::Simple => Form::Prepared,
        _ => Form::Itself,
    };
    let with_params = form == Form::Prepared || mode != Mode::Simple && choices.one_in(2);
    let mut writer = Writer::new(choices, schema, with_params);
    writer.is_plain = writer.choices.one_in(3);
    let (sql, changes) = match is_change {
        true => {
            let (sql, table) = writer.change(None);
            (sql, Some(table))
        }
        false => {
            let tied = if writer.choices.one_in(3) { writer.colocated() } else { None };
            (tied.unwrap_or_else(|| writer.query(None, None, Standing::Top)).sql, None)
        }
    };
    let mut marks = writer.marks;
    marks.stores = is_change;
    let mut undone = None;
    if let Some(table) = changes.as_deref().filter(|_| writer.choices.one_in(3)) {
        let values = writer.params.take();
        undone = Some(Case { sql: writer.change(Some(table)).0, ..Case::default() });
        marks = marks.and(writer.marks);
        writer.params = values;
    }
    let (sql, parameters) = numbered(&sql, &writer.params.unwrap_or_default());
    let parameters = parameters.into_iter().map(Some).collect();
    // Equal values that look different are compared as text.
    let mode =
        if mode == Mode::ExtendedBinary && (marks.is_loose() || marks.has_rows) { Mode::ExtendedText } else { mode };
    let case = Case { sql, parameters, ..Case::default() };
    Made { case, mode, form, marks, changes, undone, tape: writer.choices.tape().to_vec() }
}

impl Sides {
    fn set_zone(&mut self, number: usize) {
        let zone = ["UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin"][number % 4];
        // Views over views multiply.
        self.oracle.rows("SET statement_timeout = '3s'");
        for side in [&mut self.oracle, &mut self.proxy] {
            side.rows(&format!("SET TimeZone = '{zone}'"));
        }
    }

    fn verdict(&mut self, made: &Made) -> Verdict {
        let has_transaction = made.changes.is_some() || made.form == Form::Cursor;
        if let (true, Some(lost)) = (has_transaction, self.both("BEGIN")) {
            return lost;
        }
        let mut verdict = self.undone(made).unwrap_or_else(|| self.formed(made));
        if let (Some(table), Verdict::Same) = (&made.changes, &verdict) {
            let rows = Case { sql: format!("SELECT * FROM {table}"), ..Case::default() };
            let marks = Marks { is_ordered: false, counts_only: false, ..made.marks };
            verdict = match self.once(&rows, Mode::Simple, marks) {
                Verdict::Different(how) => Verdict::Different(format!("rows after the write: {how}")),
                other => other,
            };
        }
        if let (true, Some(lost)) = (has_transaction, self.both("ROLLBACK")) {
            return lost;
        }
        verdict
    }

    /// A command that cannot fail; what came of it if it did.
    fn both(&mut self, sql: &str) -> Option<Verdict> {
        self.oracle.simple(sql).unwrap();
        match self.proxy.simple(sql).map(|frames| wire::answers(&frames).remove(0).error) {
            Ok(None) => None,
            Ok(Some(error)) => Some(Verdict::Different(format!("{sql}: {error:?}"))),
            Err(error) => Some(self.lost(&error)),
        }
    }

    /// Makes the change that is rolled back; `Some`: there is no use in going on.
    fn undone(&mut self, made: &Made) -> Option<Verdict> {
        let undone = made.undone.as_ref()?;
        if let Some(lost) = self.both("SAVEPOINT s") {
            return Some(lost);
        }
        match self.once(undone, Mode::Simple, made.marks) {
            Verdict::Different(how) => return Some(Verdict::Different(format!("{}\n  {how}", undone.sql))),
            Verdict::Same | Verdict::Failed(_) | Verdict::Refused(_) => (),
        }
        self.both("ROLLBACK TO s")
    }

    /// Runs the statement in its form.
    fn formed(&mut self, made: &Made) -> Verdict {
        let Made { case, mode, marks, .. } = made;
        let (before, then) = match made.form {
            Form::Itself => return self.once(case, *mode, *marks),
            Form::Cursor => {
                let some = if marks.is_ordered { "FETCH 3 FROM c" } else { "FETCH 0 FROM c" };
                (format!("DECLARE c CURSOR FOR {}", case.sql), vec![some.to_owned(), "FETCH ALL FROM c".to_owned()])
            }
            Form::Prepared => {
                let quoted = |value: &Option<String>| {
                    value.as_ref().map_or("NULL".to_owned(), |it| format!("'{}'", it.replace('\'', "''")))
                };
                let values: Vec<String> = case.parameters.iter().map(quoted).collect();
                let list = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
                self.both("DEALLOCATE ALL");
                (format!("PREPARE p AS {}", case.sql), vec![format!("EXECUTE p{list}")])
            }
        };
        let simple = |sql: String| Case { sql, ..Case::default() };
        let first = self.once(&simple(before), Mode::Simple, *marks);
        then.into_iter().fold(first, |verdict, sql| match verdict {
            Verdict::Same => self.once(&simple(sql), Mode::Simple, *marks),
            other => other,
        })
    }

    fn once(&mut self, case: &Case, mode: Mode, marks: Marks) -> Verdict {
        let parameters = parameters(&mut self.admin, case, mode);
        let one = |answers: &[Answer]| answers.first().cloned().unwrap_or_default();
        let ours = one(&run(&mut self.oracle, case, mode, &parameters).unwrap().0);
        if ours.error.as_ref().is_some_and(|(state, _)| state == CANCELLED) {
            return Verdict::Failed("it takes too long".to_owned());
        }
        let theirs = match run(&mut self.proxy, case, mode, &parameters) {
            Ok((theirs, _)) => one(&theirs),
            Err(error) => return self.lost(&error),
        };
        if is_refusal(&ours) {
            return Verdict::Failed(ours.error.map(|(_, message)| message).unwrap_or_default());
        }
        compare(&ours, &theirs, marks, mode == Mode::ExtendedBinary)
    }

    fn lost(&mut self, error: &std::io::Error) -> Verdict {
        self.proxy = login(self.port);
        Verdict::Different(format!("the connection broke: {error}"))
    }
}

/// The shortest statement that still differs, and its tables.
fn shown(sides: &mut Sides, made: &Made, schema: &Schema, number: usize) -> String {
    let tape = shortened(&made.tape, TRIES_MAX, |tape| {
        matches!(sides.verdict(&make(Choices::replay(tape), schema)), Verdict::Different(_))
    });
    let shortest = make(Choices::replay(&tape), schema);
    let (shortest, how) = match sides.verdict(&shortest) {
        Verdict::Different(how) => (&shortest, how),
        other => (made, format!("not twice: {other:?}")),
    };
    let mut text = format!("DIFFERENT (statement {number}, {:?})\n", shortest.mode);
    for table in schema.tables.iter().filter(|table| shortest.case.sql.contains(&*table.name)) {
        writeln!(text, "{:?}\n{};\n{};", table.home, table.ddl, table.rows).unwrap();
    }
    for view in schema.views.iter().filter(|view| shortest.case.sql.contains(&*view.name)) {
        writeln!(text, "{}", view.ddl).unwrap();
    }
    writeln!(text, "{:?}", shortest.form).unwrap();
    if shortest.case.has_params() {
        let values: Vec<_> = shortest.case.parameters.iter().map(|it| it.clone().unwrap_or_default()).collect();
        writeln!(text, "@params {}", values.join(" | ")).unwrap();
    }
    writeln!(text, "{}\n  {how}", shortest.case.sql).unwrap();
    text
}

impl Counts {
    fn add(&mut self, made: &Made, verdict: &Verdict) {
        let (all, refused) = match made.changes {
            Some(_) => (&mut self.changes, &mut self.changes_refused),
            None => (&mut self.queries, &mut self.queries_refused),
        };
        *all += 1;
        match verdict {
            Verdict::Same => (),
            Verdict::Failed(why) => {
                self.failed += 1;
                self.note(&format!("failed: {why}"), made);
            }
            Verdict::Refused(why) => {
                *refused += 1;
                self.note(&format!("refused: {why}"), made);
            }
            Verdict::Different(_) => self.different += 1,
        }
    }

    /// Those of both.
    fn and(mut self, other: Self) -> Self {
        self.queries += other.queries;
        self.queries_refused += other.queries_refused;
        self.changes += other.changes;
        self.changes_refused += other.changes_refused;
        self.failed += other.failed;
        self.different += other.different;
        self.complaints += &other.complaints;
        for (why, (count, example)) in other.reasons {
            self.reasons.entry(why).or_insert((0, example)).0 += count;
        }
        self
    }

    fn note(&mut self, why: &str, made: &Made) {
        let why: String = why.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        let (count, first) = self.reasons.entry(why).or_default();
        *count += 1;
        if first.is_empty() || first.len() > made.case.sql.len() {
            first.clone_from(&made.case.sql);
        }
    }

    fn report(&self) -> String {
        let Self { queries, queries_refused, changes, changes_refused, failed, different, .. } = self;
        let mut text = format!(
            "queries {queries}, refused {queries_refused}; writes {changes}, refused {changes_refused}; \
             failed on both sides {failed}; DIFFERENT {different}\n"
        );
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (why, (count, example)) in reasons {
            writeln!(text, "{count:6} {why}\n         {example}").unwrap();
        }
        text
    }
}
