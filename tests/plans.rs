//! Golden plans: `tests/plans/*.txt`, each case a sentence, the SQL and its plan.
//!
//! `UPDATE_GOLDEN=1 cargo test plans` writes the plans anew; read every line before you accept it.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use shardway::logic::body::leaves::Leaves;
use shardway::logic::catalog::{
    Catalog, Column, ColumnDefault, Function, FunctionKind, Relation, RelationKind, Unasked, UniqueIndex, Volatility,
};
use shardway::logic::plan::across::across;
use shardway::logic::plan::explain::{across as across_in_words, explain};
use shardway::logic::plan::outline::Outline;
use shardway::logic::plan::{Access, Command, Home, Place, Restriction, Source};
use shardway::logic::plan::{Plan, Planned, Schema, Value, plan};
use shardway::logic::route::{Destination, Given, Values, destination};
use shardway::logic::shards::{KeyRange, Keyspace, KeyspaceId, Method, Placement, ShardId, ShardMap, TableName};
use shardway::logic::sql::template::{Literal, Template};
use shardway::logic::value::{Key, KeyType, LiteralKind, oid};

#[test]
fn plans_are_as_written() {
    let fixture = Fixture::new();
    let mut wrong = Vec::new();
    let mut cases = 0;
    for file in ["select", "order", "join", "subquery", "insert", "write", "utility", "refuse", "functions", "views"] {
        let path = Path::new("tests/plans").join(file).with_extension("txt");
        let written = std::fs::read_to_string(&path).unwrap();
        let mut fresh = String::new();
        for block in written.split("\n\n").filter(|block| !block.trim().is_empty()) {
            let (comment, sql) = parts(block);
            cases += usize::from(!sql.is_empty());
            if !fresh.is_empty() {
                fresh.push('\n');
            }
            fresh.push_str(&comment);
            if !sql.is_empty() {
                writeln!(fresh, "{sql}\n{}", fixture.explain(&sql)).unwrap();
            }
        }
        if fresh != written {
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &fresh).unwrap();
            }
            wrong.push(format!("{}:\n{}", path.display(), first_difference(&written, &fresh)));
        }
    }
    assert!(wrong.is_empty(), "plans differ:\n{}", wrong.join("\n"));
    assert!(cases >= 250, "only {cases} cases");
}

/// A plan that was made for one text serves another that differs in literals only, as if it had been made for that.
#[test]
fn an_outline_filled_with_other_literals_is_the_plan_of_that_text() {
    let fixture = Fixture::new();
    let mut outlined = 0;
    for sql in all_cases() {
        let mut template = Template::new(Default::default());
        let lexed = template.lex(sql.as_bytes());
        let literals = lexed.literals.to_vec();
        let spans: Vec<_> = literals.iter().map(|literal| literal.at.clone()).collect();
        let Ok(planned) = plan(&sql, &fixture.schema(), Some(&spans)) else { continue };
        let [one] = planned.statements.as_slice() else { continue };
        if literals.is_empty() || !one.may_span {
            continue;
        }
        let is_fixed = |index: u16| planned.fixed_literals.contains(&index);
        let Some(outline) = Outline::of(&sql, &literals, is_fixed, &fixture.schema()) else { continue };
        outlined += 1;
        let other = with_other_literals(&sql, &literals, is_fixed);
        let lexed = template.lex(other.as_bytes());
        let filled = outline.fill(&other, lexed.literals).unwrap();
        assert_eq!(filled, across(&other, &fixture.schema()), "{other}");
    }
    assert!(outlined >= 60, "only {outlined} outlines");
}

fn all_cases() -> Vec<String> {
    let files = std::fs::read_dir("tests/plans").unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()));
    let blocks: Vec<String> =
        files.flat_map(|text| text.unwrap().split("\n\n").map(str::to_owned).collect::<Vec<_>>()).collect();
    blocks.iter().map(|block| parts(block).1).filter(|sql| !sql.is_empty()).collect()
}

/// Each literal that may change is another one of its kind.
fn with_other_literals(sql: &str, literals: &[Literal], is_fixed: impl Fn(u16) -> bool) -> String {
    let mut other = String::new();
    let mut done = 0;
    for (index, literal) in literals.iter().enumerate().filter(|(index, _)| !is_fixed(*index as u16)) {
        let (start, end) = (literal.at.start as usize, literal.at.end as usize);
        other.push_str(&sql[done..start]);
        match literal.kind {
            LiteralKind::Integer => write!(other, "{}", 41 + index).unwrap(),
            LiteralKind::Decimal => write!(other, "{index}.25").unwrap(),
            LiteralKind::String => write!(other, "'it''s {index}'").unwrap(),
        }
        done = end;
    }
    other + &sql[done..]
}

/// The comment lines and the SQL of a case.
fn parts(block: &str) -> (String, String) {
    let is_plan = |line: &&str| line.starts_with("=>") || line.starts_with("   ");
    let (mut comment, mut sql) = (String::new(), Vec::new());
    for line in block.lines().filter(|line| !line.is_empty()).take_while(|line| !is_plan(line)) {
        if line.starts_with('#') && sql.is_empty() {
            writeln!(comment, "{line}").unwrap();
        } else {
            sql.push(line);
        }
    }
    (comment, sql.join("\n"))
}

fn first_difference(written: &str, fresh: &str) -> String {
    let mut lines = written.lines().zip(fresh.lines()).enumerate();
    match lines.find(|(_, (a, b))| a != b) {
        Some((number, (a, b))) => format!("line {}:\n  written: {a}\n  now:     {b}", number + 1),
        None => "one is longer".to_owned(),
    }
}

/// Three shards a, b, c, and the tables of the README.
struct Fixture {
    map: ShardMap,
    catalog: Catalog,
    search_path: Vec<Box<str>>,
}

impl Fixture {
    fn new() -> Self {
        Self { map: map(), catalog: catalog(), search_path: vec![Box::from("public")] }
    }

    fn schema(&self) -> Schema<'_> {
        Schema { map: &self.map, catalog: &self.catalog, search_path: &self.search_path }
    }

    fn explain(&self, sql: &str) -> String {
        match plan(sql, &self.schema(), None) {
            Ok(planned) => {
                planned.statements.iter().map(|one| self.explain_one(sql, one)).collect::<Vec<_>>().join("\n")
            }
            Err(_) => "=> Syntax error: a server words it".to_owned(),
        }
    }
}

impl Fixture {
    /// A query that names no key says how it comes by rows of all shards, an INSERT of several rows how each shard stores its own.
    fn explain_one(&self, sql: &str, planned: &Planned) -> String {
        let text = explain(planned, &self.map);
        let names_no_key = text.contains(" any") && !text.contains("any shard");
        let stores_rows = text.starts_with("=> One: rows") || matches!(&*planned.plan, Plan::Refuse(_));
        if !planned.may_span || !names_no_key && !stores_rows {
            return text;
        }
        across_in_words(&across(sql, &self.schema()), &self.map)
    }
}

fn table(name: &str) -> TableName {
    TableName { schema: Box::from("public"), name: Box::from(name) }
}

fn map() -> ShardMap {
    let shards = ["a", "b", "c"].map(Box::from).to_vec();
    let range = |from, to, shard| KeyRange { from: Some(Key::Int(from)), to, shard: ShardId(shard) };
    let keyspace = |name: &str, key_type, method| Keyspace::new(name.into(), key_type, method, HashMap::new());
    let hash = || Method::Hash { buckets: (0..256).map(|bucket| ShardId(bucket / 86)).collect() };
    let keyspaces = vec![
        keyspace("clients", KeyType::BigInt, hash()),
        keyspace(
            "instruments",
            KeyType::BigInt,
            Method::Range(Box::new([
                range(1, Some(Key::Int(10_001)), 0),
                range(10_001, Some(Key::Int(20_001)), 1),
                range(20_001, None, 2),
            ])),
        ),
        keyspace("tenants", KeyType::Text, hash()),
    ];
    let sharded = |keyspace, key: &str| Placement::Sharded { keyspace: KeyspaceId(keyspace), key: key.into() };
    let tables = [
        ("events", sharded(0, "client_id")),
        ("sessions", sharded(0, "client_id")),
        ("clients", sharded(0, "id")),
        ("logs", sharded(0, "client_id")),
        ("tickets", sharded(0, "client_id")),
        ("emails", sharded(0, "client_id")),
        ("market_data", sharded(1, "instrument_id")),
        ("documents", sharded(2, "tenant")),
        ("checked", sharded(0, "client_id")),
        ("vouched_for", sharded(0, "client_id")),
        ("countries", Placement::Reference),
        ("audit", Placement::Single(ShardId(0))),
        ("settings", Placement::Single(ShardId(1))),
        ("events_old", sharded(0, "client_id")),
        // Listed before it exists.
        ("planned_audit", Placement::Single(ShardId(1))),
        ("planned_events", sharded(0, "client_id")),
    ];
    ShardMap {
        shards,
        keyspaces,
        tables: tables.into_iter().map(|(name, placement)| (table(name), placement)).collect(),
        default_shard: None,
        local_functions: vec![Box::from("local_total"), Box::from("local_setter")],
        unique: HashMap::from([(table("tickets"), vec![Box::from("number")])]),
    }
}

fn relation(kind: RelationKind, columns: &[(&str, u32)], unique_keys: &[&[&str]]) -> Relation {
    let columns = columns.iter().map(|(name, type_oid)| Column {
        name: Box::from(*name),
        type_oid: *type_oid,
        type_name: Box::from("type"),
        default: ColumnDefault::None,
        is_not_null: false,
        has_loose_equality: false,
        collation: None,
        is_steady: true,
    });
    Relation {
        kind,
        primary_key: unique_keys.first().map(|key| key.iter().map(|name| Box::from(*name)).collect()),
        unique_keys: unique_keys.iter().map(|key| key.iter().map(|name| Box::from(*name)).collect()).collect(),
        ..Relation::plain_table(columns.collect())
    }
}

/// A table with a unique index without the key.
fn with_index(columns: &[&str], definition: Option<&str>) -> Relation {
    let mut found = relation(
        RelationKind::Table,
        &[("client_id", 20), ("id", 20), ("number", 20), ("kind", 25), ("note", 25)],
        &[&["client_id", "id"]],
    );
    found.unique_indexes = vec![UniqueIndex {
        name: Box::from("one_of_a_kind"),
        columns: columns.iter().map(|column| Box::from(*column)).collect(),
        definition: definition.map(Box::from),
    }];
    found
}

/// A table with a column of a domain whose check runs this function.
fn checked(function: &str) -> Relation {
    let columns = [("client_id", 20), ("id", 20), ("value", 20_000)];
    Relation { checks: vec![Box::from(function)], ..relation(RelationKind::Table, &columns, &[&["client_id", "id"]]) }
}

fn catalog() -> Catalog {
    use RelationKind::{MaterializedView, Partition, Sequence, Table, View};
    let events: &[(&str, u32)] =
        &[("client_id", 20), ("id", 20), ("kind", 25), ("payload", 3802), ("created_at", 1184)];
    let view = |text: &str, columns: &[(&str, u32)]| relation(View(Box::from(text)), columns, &[]);
    let mut logs = relation(Table, &[("id", 20), ("client_id", 20), ("line", 25)], &[&["id"]]);
    logs.columns[1].default = ColumnDefault::Expression(Box::from("current_client()"));
    let relations = [
        ("events", relation(Table, events, &[&["client_id", "id"]])),
        ("events_2024", relation(Partition(table("events")), events, &[&["client_id", "id"]])),
        ("events_old", relation(Partition(table("events")), events, &[])),
        ("sessions", relation(Table, &[("client_id", 20), ("id", 20), ("started_at", 1184)], &[&["client_id", "id"]])),
        ("clients", relation(Table, &[("id", 20), ("name", 25), ("country", 25)], &[&["id"]])),
        ("logs", logs),
        ("tickets", with_index(&["number"], None)),
        ("emails", with_index(&[], Some("CREATE UNIQUE INDEX ON emails (lower(kind)) WHERE id > 0"))),
        (
            "market_data",
            relation(Table, &[("instrument_id", 20), ("day", 1082), ("price", 1700)], &[&["instrument_id", "day"]]),
        ),
        ("documents", relation(Table, &[("tenant", 25), ("id", 20), ("body", 25)], &[&["tenant", "id"]])),
        ("countries", relation(Table, &[("code", 25), ("name", 25)], &[&["code"]])),
        ("checked", checked("public.total")),
        ("vouched_for", checked("public.local_total")),
        ("audit", relation(Table, &[("id", 20), ("what", 25), ("client_id", 20)], &[&["id"]])),
        ("settings", relation(Table, &[("name", 25), ("value", 25)], &[&["name"]])),
        ("forgotten", relation(Table, &[("id", 20)], &[&["id"]])),
        ("event_numbers", relation(Sequence, &[], &[])),
        ("daily", relation(MaterializedView, &[("day", 1082)], &[])),
        (
            "logins",
            view(
                "SELECT e.client_id, e.id, e.created_at AS at FROM public.events e WHERE e.kind = 'login'::text",
                &[("client_id", 20), ("id", 20), ("at", 1184)],
            ),
        ),
        (
            "latest",
            view(
                "SELECT events.client_id, events.id FROM public.events ORDER BY events.created_at DESC LIMIT 10",
                &[("client_id", 20), ("id", 20)],
            ),
        ),
        (
            "totals",
            view(
                "SELECT events.client_id AS client, count(*) AS n FROM public.events GROUP BY events.client_id",
                &[("client", 20), ("n", 20)],
            ),
        ),
        (
            "client_sessions",
            view(
                "SELECT c.id, s.started_at FROM (public.clients c JOIN public.sessions s ON ((s.client_id = c.id)))",
                &[("id", 20), ("started_at", 1184)],
            ),
        ),
        ("of_view", view("SELECT logins.client_id FROM public.logins", &[("client_id", 20)])),
        ("strange", view("SELECT 1; SELECT 2", &[("one", 23)])),
    ];
    let function = |schema: &str, volatility, is_native, kind| {
        let leaves = Leaves::Nothing;
        Function { schema: Box::from(schema), volatility, is_native, kind, returns_set: false, leaves, contained: None }
    };
    let builtin = |volatility| vec![function("pg_catalog", volatility, true, FunctionKind::Function)];
    let many = |volatility| builtin(volatility).into_iter().map(|it| Function { returns_set: true, ..it }).collect();
    let aggregate = || vec![function("pg_catalog", Volatility::Immutable, true, FunctionKind::Aggregate)];
    let own = |volatility, is_native| vec![function("public", volatility, is_native, FunctionKind::Function)];
    let setting = || {
        let setter = function("public", Volatility::Volatile, false, FunctionKind::Function);
        vec![Function { leaves: Leaves::Settings, ..setter }]
    };
    let functions = [
        ("lower", builtin(Volatility::Immutable)),
        ("abs", builtin(Volatility::Immutable)),
        ("int8up", builtin(Volatility::Immutable)),
        ("pg_get_serial_sequence", builtin(Volatility::Stable)),
        ("coalesce_text", builtin(Volatility::Immutable)),
        ("generate_series", many(Volatility::Immutable)),
        ("unnest", many(Volatility::Immutable)),
        ("date_trunc", builtin(Volatility::Stable)),
        ("now", builtin(Volatility::Stable)),
        ("version", builtin(Volatility::Stable)),
        ("pg_column_size", builtin(Volatility::Stable)),
        ("gin_clean_pending_list", builtin(Volatility::Volatile)),
        ("pg_is_in_recovery", builtin(Volatility::Volatile)),
        ("random", builtin(Volatility::Volatile)),
        ("gen_random_uuid", builtin(Volatility::Volatile)),
        ("clock_timestamp", builtin(Volatility::Volatile)),
        ("nextval", builtin(Volatility::Volatile)),
        ("count", aggregate()),
        ("sum", aggregate()),
        ("avg", aggregate()),
        ("max", aggregate()),
        ("row_number", vec![function("pg_catalog", Volatility::Immutable, true, FunctionKind::Window)]),
        ("total", own(Volatility::Stable, false)),
        ("local_total", own(Volatility::Stable, false)),
        ("touch", own(Volatility::Volatile, false)),
        ("local_setter", setting()),
        ("setter", setting()),
        ("setseed", builtin(Volatility::Volatile)),
        ("set_config", builtin(Volatility::Volatile)),
        ("slug", own(Volatility::Immutable, false)),
        ("native", own(Volatility::Volatile, true)),
        (
            "mixed",
            vec![
                function("public", Volatility::Immutable, false, FunctionKind::Function),
                function("public", Volatility::Volatile, false, FunctionKind::Function),
            ],
        ),
        // `sql` functions of PostgreSQL's own.
        ("age", vec![function("pg_catalog", Volatility::Stable, false, FunctionKind::Function)]),
    ];
    Catalog {
        version: 1,
        relations: relations.into_iter().map(|(name, relation)| (table(name), Arc::new(relation))).collect(),
        system_relations: Arc::new(["pg_class", "pg_type", "pg_locks"].into_iter().map(Box::from).collect()),
        functions: Arc::new(functions.into_iter().map(|(name, overloads)| (Box::from(name), overloads)).collect()),
        unasked: unasked(),
        search_path: vec![Box::from("public")],
        ..Catalog::default()
    }
}

/// An operator between PostgreSQL's own types and three domains.
fn unasked() -> Unasked {
    let runs = |pairs: &[(&str, &str)]| {
        let of = |(name, function): &(&str, &str)| (Box::from(*name), [Box::from(*function)].into_iter().collect());
        pairs.iter().map(of).collect()
    };
    Unasked {
        operators: runs(&[("===", "public.touch")]),
        plain_operators: [Box::from("===")].into_iter().collect(),
        types: runs(&[("totalled", "public.total"), ("vouched", "public.local_total"), ("setting", "public.setter")]),
        ..Unasked::default()
    }
}

fn only(fixture: &Fixture, sql: &str) -> Planned {
    let mut planned = plan(sql, &fixture.schema(), None).unwrap();
    assert_eq!(planned.statements.len(), 1, "{sql}");
    planned.statements.remove(0)
}

/// The literals of a text without escapes: strings and digits that no name ends in.
fn literals(sql: &str) -> Vec<std::ops::Range<u32>> {
    let bytes = sql.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'\'' => {
                at += 1 + sql[at + 1..].find('\'').unwrap() + 1;
                found.push(u32::try_from(start).unwrap()..u32::try_from(at).unwrap());
            }
            digit if digit.is_ascii_digit() => {
                at += sql[at..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(sql.len() - at);
                found.push(u32::try_from(start).unwrap()..u32::try_from(at).unwrap());
            }
            byte if byte.is_ascii_alphabetic() || b"_$".contains(&byte) => {
                at += sql[at..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(sql.len() - at).max(1);
                if byte == b'$' {
                    at += sql[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(sql.len() - at);
                }
            }
            _ => at += 1,
        }
    }
    found
}

#[test]
fn literals_are_found_by_their_place() {
    let fixture = Fixture::new();
    let cases: &[(&str, &[(u16, bool)])] = &[
        ("SELECT 1 FROM events WHERE client_id = 42", &[(1, false)]),
        ("SELECT 'x' FROM events WHERE client_id = -42", &[(1, true)]),
        ("SELECT 'x' FROM events WHERE client_id = - ( 42)", &[(1, true)]),
        ("SELECT 'x' FROM events WHERE client_id = - -42", &[(1, false)]),
        ("SELECT * FROM events WHERE kind = 'a' AND client_id = '7'", &[(1, false)]),
        ("SELECT * FROM events WHERE client_id IN (1, -2, 3)", &[(0, false), (1, true), (2, false)]),
        ("SELECT * FROM events WHERE client_id = bigint '7'", &[(0, false)]),
    ];
    for (sql, expected) in cases {
        let spans = literals(sql);
        let planned = plan(sql, &fixture.schema(), Some(&spans)).unwrap();
        let Plan::One(one) = planned.statements[0].plan.as_ref() else { panic!("{sql}") };
        let Home::Meet(all) = &one.home else { panic!("{sql}") };
        let Place::Lookup { keys, .. } = &all[0].place else { panic!("{sql}") };
        let values: Vec<&Value> = match keys {
            Restriction::Equals(value) => vec![value],
            Restriction::Or(parts) => parts
                .iter()
                .map(|part| match part {
                    Restriction::Equals(value) => value,
                    other => panic!("{sql}: {other:?}"),
                })
                .collect(),
            other => panic!("{sql}: {other:?}"),
        };
        let found: Vec<(u16, bool)> = values
            .iter()
            .map(|value| match value.source {
                Source::Literal { index, negative } => (index, negative),
                ref other => panic!("{sql}: {other:?}"),
            })
            .collect();
        assert_eq!(&found, expected, "{sql}");
        assert!(planned.fixed_literals.is_empty(), "{sql}");
    }
}

#[test]
fn literals_whose_value_shaped_the_plan_are_named() {
    let fixture = Fixture::new();
    let cases: &[(&str, &[u16])] = &[
        ("SELECT * FROM events WHERE client_id = 1 LIMIT 5", &[]),
        ("SET work_mem = '64MB'", &[0]),
        ("SELECT 7; SET work_mem = 64", &[1]),
        ("SELECT set_config('work_mem', '64MB', false), 'x'", &[0, 1]),
        ("SELECT * FROM (SELECT client_id, 5 FROM events GROUP BY 1) e WHERE client_id = 7", &[1]),
        ("PREPARE p AS SELECT * FROM events WHERE client_id = 1 AND kind = 'x'", &[0, 1]),
        ("EXECUTE p(1, 'x')", &[]),
    ];
    for (sql, expected) in cases {
        let spans = literals(sql);
        let planned = plan(sql, &fixture.schema(), Some(&spans)).unwrap();
        assert_eq!(&planned.fixed_literals, expected, "{sql}");
    }
}

#[test]
fn statements_of_one_text_keep_their_bytes() {
    let fixture = Fixture::new();
    let text = "  SELECT 1 ; INSERT INTO events (client_id) VALUES (1);\n/* shardway shard=b */ SELECT 2";
    let planned = plan(text, &fixture.schema(), None).unwrap();
    let pieces: Vec<&str> = planned.statements.iter().map(|one| &text[one.at.clone()]).collect();
    assert_eq!(pieces, ["SELECT 1", "INSERT INTO events (client_id) VALUES (1)", "/* shardway shard=b */ SELECT 2"]);
    assert!(planned.statements[2].hint.is_some());
    assert!(planned.statements[0].hint.is_none());
}

#[test]
fn nothing_at_all_is_the_empty_command() {
    let fixture = Fixture::new();
    for sql in ["", " ", ";", "-- nothing\n", "/* nothing */ ;; "] {
        assert!(matches!(only(&fixture, sql).plan.as_ref(), Plan::Command(Command::Empty)), "{sql:?}");
    }
}

#[test]
fn one_shard_takes_everything() {
    let mut fixture = Fixture::new();
    fixture.map.shards.truncate(1);
    for sql in [
        "SELECT * FROM events",
        "UPDATE events SET client_id = 5",
        "INSERT INTO events (client_id) SELECT id FROM clients",
        "DROP TABLE events",
        "DO $$ BEGIN END $$",
        "PREPARE TRANSACTION 'x'",
        "SELECT * FROM forgotten",
        "SELECT total(1)",
        "INSERT INTO countries VALUES ('x', 'y')",
    ] {
        let planned = only(&fixture, sql);
        let Plan::One(one) = planned.plan.as_ref() else { panic!("{sql}: {:?}", planned.plan) };
        assert_eq!(one.home, Home::First, "{sql}");
    }
    let misspelled = only(&fixture, "/* shardway shrad=b */ SELECT 1");
    assert!(matches!(misspelled.plan.as_ref(), Plan::Refuse(_)));
}

/// On one shard it may do all that, but not on a replica, and what it sets stays with its session.
#[test]
fn what_runs_unasked_is_looked_at_on_one_shard_too() {
    let mut fixture = Fixture::new();
    fixture.map.shards.truncate(1);
    fixture.catalog.unasked.definitions.insert(Box::from("public.setter"));
    for (sql, access, pin) in [
        ("SELECT 1 === 2", Access::Write, None),
        ("SELECT '5'::totalled", Access::Read, None),
        ("CREATE INDEX ON events (kind)", Access::Write, Some("setting made by a function")),
        ("CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION setter()", Access::Write, None),
    ] {
        let planned = only(&fixture, sql);
        let Plan::One(one) = planned.plan.as_ref() else { panic!("{sql}: {:?}", planned.plan) };
        assert_eq!((one.access, one.mark.pin), (access, pin), "{sql}");
    }
    let planned = only(&fixture, "SELECT '5'::setting");
    assert!(matches!(planned.plan.as_ref(), Plan::Refuse(refusal) if refusal.message.contains("set something")));
}

/// Comparisons of values that may be of the user's own types, whose operators look at tables.
#[test]
fn operators_run_functions_however_they_are_written() {
    let mut fixture = Fixture::new();
    for operator in ["=", "<>", "<", ">", "<=", ">="] {
        let total = [Box::from("public.total")].into_iter().collect();
        fixture.catalog.unasked.operators.insert(Box::from(operator), total);
    }
    let refused = |sql: &str| match only(&fixture, sql).plan.as_ref() {
        Plan::Refuse(refusal) => refusal.message.contains("function public.total() of operator"),
        _ => false,
    };
    // `value` is of such a type.
    for condition in [
        "value = 7",
        "7 <> value",
        "value < $1",
        "value BETWEEN 7 AND 8",
        "value NOT BETWEEN 7 AND 8",
        "value NOT BETWEEN SYMMETRIC 8 AND 7",
        "value IN (7, 8)",
        "value NOT IN (7)",
        "value = ANY ('{7}')",
        "value <> ALL ('{7}')",
        "value IS DISTINCT FROM 7",
        "value IS NOT DISTINCT FROM 7",
        "7 = ALL (SELECT value FROM checked WHERE client_id = 5)",
        "(7, value) IN (SELECT 7, 8)",
        "(id, value) <= (1, 2)",
        "id = CASE value WHEN 7 THEN 8 END",
        "nullif(value, 7) IS NULL",
        "slug(id) = 'x'",
        "lower(value) > 'x'",
        "value OPERATOR(public.=) 7",
    ] {
        let sql = format!("SELECT id FROM checked WHERE client_id = 5 AND {condition}");
        assert!(refused(&sql), "{sql}");
    }
    for sql in [
        "SELECT id FROM checked WHERE client_id = 5 ORDER BY value USING <",
        "SELECT array_agg(id ORDER BY value USING >) FROM checked WHERE client_id = 5",
        "SELECT row_number() OVER (ORDER BY value USING >) FROM checked WHERE client_id = 5",
        "SELECT a.id FROM checked a JOIN checked b USING (client_id, value) WHERE client_id = 5",
        "SELECT id FROM checked a NATURAL JOIN checked b WHERE client_id = 5",
    ] {
        assert!(refused(sql), "{sql}");
    }
    // These are of PostgreSQL's.
    for condition in [
        "id = 7 AND client_id < $1",
        "id IN (7, 8) AND id NOT BETWEEN 7 AND coalesce(id, 8)",
        "id IN (SELECT id FROM sessions WHERE client_id = 5)",
        "(id, client_id) = (1, 2) AND id = ANY ('{7}')",
        "lower('X') = 'x' AND abs(id) > 7",
        "CASE id WHEN 7 THEN true END",
        "'7' = CAST(id AS text)",
    ] {
        let sql = format!("SELECT id FROM checked WHERE client_id = 5 AND {condition}");
        assert!(matches!(only(&fixture, &sql).plan.as_ref(), Plan::One(_)), "{sql}");
    }
    let joined =
        "SELECT e.id FROM events e JOIN sessions s USING (client_id, id) WHERE client_id = 5 ORDER BY id USING <";
    assert!(matches!(only(&fixture, joined).plan.as_ref(), Plan::One(_)));
}

#[test]
fn unlisted_tables_live_on_the_default_shard() {
    let mut fixture = Fixture::new();
    fixture.map.default_shard = Some(ShardId(2));
    let planned = only(&fixture, "SELECT * FROM forgotten");
    assert_eq!(explain(&planned, &fixture.map), "=> One: forgotten on c");
}

#[test]
fn refusals_say_how_they_would_run_on_a_shard_of_choice() {
    let fixture = Fixture::new();
    let read = only(&fixture, "SELECT count(*) FROM events").forced.unwrap();
    assert_eq!(read.access, Access::Read);
    let ddl = only(&fixture, "CREATE INDEX CONCURRENTLY ON events (kind)").forced.unwrap();
    assert!(ddl.access == Access::Write && ddl.mark.is_ddl && ddl.mark.outside_transaction);
    assert!(only(&fixture, "BEGIN").forced.is_none());
}

#[test]
fn search_path_decides_what_a_name_means() {
    let mut fixture = Fixture::new();
    fixture.search_path = vec![Box::from("other")];
    let planned = only(&fixture, "SELECT * FROM events WHERE client_id = 1");
    assert_eq!(explain(&planned, &fixture.map), "=> One: the session's shard [primary]");
    let planned = only(&fixture, "SELECT * FROM public.events WHERE client_id = 1");
    assert_eq!(explain(&planned, &fixture.map), "=> One: key events.client_id = 1");
    fixture.search_path = vec![Box::from("pg_temp"), Box::from("public")];
    fixture.map.default_shard = Some(ShardId(2));
    for create in
        ["CREATE TABLE fresh (a int)", "CREATE TABLE fresh AS SELECT 1 AS a", "CREATE TABLE events (client_id bigint)"]
    {
        let planned = only(&fixture, create);
        assert!(explain(&planned, &fixture.map).contains("Write CREATE TEMP TABLE."), "{create}");
    }
    let planned = only(&fixture, "CREATE TABLE public.fresh (a int)");
    assert_eq!(explain(&planned, &fixture.map), "=> One: fresh on c [primary, ddl]");
}

/// Deep and long texts on the stack of a tokio worker.
#[test]
fn deep_texts_do_not_overflow_the_stack() {
    let nest = |open: &str, inside: &str, close: &str, times: usize| {
        format!("{}{inside}{}", open.repeat(times), close.repeat(times))
    };
    let texts = [
        format!("SELECT {}1", "1+".repeat(20_000)),
        format!("SELECT * FROM events WHERE client_id = 1{}", " OR client_id = 2".repeat(20_000)),
        format!("SELECT * FROM events WHERE client_id = 1{}", " AND id = 2".repeat(20_000)),
        format!("SELECT * FROM events WHERE {}", nest("(client_id = 1 OR (id = 2 AND ", "client_id = 2", "))", 2000)),
        format!("SELECT {}", nest("(SELECT ", "1", ")", 2000)),
        format!("SELECT * FROM events WHERE client_id = 1 AND {}", nest("EXISTS (SELECT 1 WHERE ", "true", ")", 2000)),
        nest("SELECT * FROM (", "SELECT client_id FROM events", ") x", 2000) + " WHERE client_id = 1",
        format!("SELECT 1{}", " UNION SELECT 1".repeat(20_000)),
        format!("SELECT {}", nest("CASE WHEN true THEN ", "1", " END", 2000)),
        format!("SELECT {}", nest("(", "1", ")", 2000)),
        format!("SELECT {}", nest("lower(", "'x'", ")", 2000)),
        format!("SELECT {}1", "- ".repeat(20_000)),
        format!("SELECT {}true", "NOT ".repeat(20_000)),
        format!("SELECT 1 FROM countries{}", " CROSS JOIN countries".repeat(500)),
        format!("WITH {} SELECT 1", (0..500).map(|n| format!("c{n} AS (SELECT 1)")).collect::<Vec<_>>().join(", ")),
        format!("INSERT INTO events (client_id) VALUES (1){}", ", (1)".repeat(20_000)),
    ];
    for text in texts {
        let worker = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
        let shown: String = text.chars().take(60).collect();
        let done = worker.spawn(move || {
            let fixture = Fixture::new();
            // Either plans or leaves the text to a server; both are fine, dying is not.
            plan(&text, &fixture.schema(), None).map(|planned| planned.statements.len())
        });
        done.unwrap().join().unwrap_or_else(|_| panic!("{shown}")).ok();
    }
}

/// Where an EXECUTE with these arguments goes; `declared` are the types of PREPARE.
fn executed(fixture: &Fixture, sql: &str, declared: &[u32], arguments: &[(LiteralKind, &str)]) -> Option<ShardId> {
    let planned = only(fixture, sql);
    let Plan::One(one) = planned.plan.as_ref() else { panic!("{sql}: {:?}", planned.plan) };
    let given: Vec<Given<'_>> = arguments
        .iter()
        .map(|(kind, text)| Given::Literal { kind: *kind, negative: false, text: (*text).into() })
        .collect();
    let types: Vec<u8> = declared.iter().flat_map(|oid| oid.to_be_bytes()).collect();
    match destination(&one.home, &Values::Given { given: &given, types: &types }, &fixture.map) {
        Ok(Destination::Shard(shard)) => Some(shard),
        Ok(Destination::Any | Destination::First | Destination::Current) => panic!("{sql}: no shard is asked for"),
        Err(_) => None,
    }
}

#[test]
fn execute_converts_its_arguments_as_postgresql_does() {
    use LiteralKind::{Decimal, Integer, String};
    let fixture = Fixture::new();
    let sql = "SELECT * FROM events WHERE client_id = $1";
    let home = executed(&fixture, sql, &[], &[(Integer, "6")]);
    assert!(home.is_some());
    assert_eq!(executed(&fixture, sql, &[], &[(String, "6")]), home);
    assert_eq!(executed(&fixture, sql, &[oid::NUMERIC], &[(String, "6.0")]), home);
    // Rounded to 6 by the server: only refused here.
    assert_eq!(executed(&fixture, sql, &[], &[(Decimal, "5.6")]), None);
    assert_eq!(executed(&fixture, sql, &[oid::INT4], &[(Decimal, "5.6")]), None);
    // char(n), double precision.
    assert_eq!(executed(&fixture, sql, &[1042], &[(String, "6")]), None);
    assert_eq!(executed(&fixture, sql, &[701], &[(Integer, "6")]), None);
    let text = "SELECT * FROM documents WHERE tenant = $1";
    let home = executed(&fixture, text, &[], &[(String, "7")]);
    assert!(home.is_some());
    assert_eq!(executed(&fixture, text, &[oid::TEXT], &[(Integer, "007")]), home);
}

#[test]
fn a_parameter_in_places_of_several_types_must_read_the_same_in_all() {
    use LiteralKind::String;
    let fixture = Fixture::new();
    let sql = "SELECT * FROM events WHERE length($1) > 0 AND client_id = $1";
    assert!(executed(&fixture, sql, &[], &[(String, "6")]).is_some());
    assert!(executed(&fixture, sql, &[], &[(String, "9007199254740993")]).is_none());
    assert!(executed(&fixture, sql, &[oid::INT8], &[(String, "9007199254740993")]).is_some());
    let same = "SELECT * FROM events e JOIN sessions s ON s.client_id = $1 WHERE e.client_id = $1";
    assert!(executed(&fixture, same, &[], &[(String, "9007199254740993")]).is_some());
    let mixed = "SELECT * FROM documents WHERE id = $1 AND tenant = $1";
    assert!(executed(&fixture, mixed, &[], &[(String, "6")]).is_none());
}

fn destination_of(fixture: &Fixture, sql: &str) -> Result<Destination, &'static str> {
    let planned = only(fixture, sql);
    let Plan::One(one) = planned.plan.as_ref() else { panic!("{sql}: {:?}", planned.plan) };
    destination(&one.home, &Values::None, &fixture.map).map_err(|refusal| refusal.sqlstate)
}

#[test]
fn a_row_without_its_key_is_the_servers_error_where_the_column_is_not_null() {
    let mut fixture = Fixture::new();
    let (values, select) =
        ("INSERT INTO events (client_id) VALUES (NULL)", "INSERT INTO events (client_id) SELECT NULL WHERE false");
    assert_eq!(destination_of(&fixture, values), Err("23514"));
    assert_eq!(destination_of(&fixture, select), Err("0A000"));
    let events = fixture.catalog.relations.get_mut(&table("events")).unwrap();
    Arc::make_mut(events).columns[0].is_not_null = true;
    assert_eq!(destination_of(&fixture, values), Ok(Destination::Any));
    assert_eq!(destination_of(&fixture, select), Ok(Destination::Any));
}

#[test]
fn moving_a_key_is_refused_on_a_shard_of_choice_too() {
    let fixture = Fixture::new();
    assert!(only(&fixture, "UPDATE events SET client_id = client_id + 1 WHERE client_id = 5").forced.is_none());
    // Where old and new key are known, both have to be at home there.
    assert!(destination_of(&fixture, "UPDATE events SET client_id = 7 WHERE id = 5").is_err());
    assert_eq!(
        destination_of(&fixture, "UPDATE events SET client_id = 5 WHERE client_id = 5"),
        destination_of(&fixture, "SELECT 1 FROM events WHERE client_id = 5")
    );
    assert!(only(&fixture, "SELECT count(*) FROM events").forced.is_some());
}

/// The parser's printer recurses without a limit of its own.
#[test]
fn deep_conditions_over_several_shards_are_planned_on_a_small_stack() {
    let deep = [
        format!("id = {}1", "1+".repeat(10_000)),
        format!("{}true", "NOT ".repeat(7_000)),
        format!("id = {}1{}", "abs(".repeat(6_000), ")".repeat(6_000)),
        format!("kind = 'a'{}", " || 'a'".repeat(4_000)),
        format!("id = {}1{}", "(".repeat(15_000), ")".repeat(15_000)),
        format!("id = {}1", "- ".repeat(15_000)),
        format!("id = 1{}", "::bigint".repeat(3_900)),
        format!("id = 1{}", " OR (id = 2 AND (id = 3".repeat(1_000) + &"))".repeat(1_000)),
        format!("id IN ({}1)", "1, ".repeat(20_000)),
    ];
    let plan_all = move || {
        let fixture = Fixture::new();
        for condition in deep {
            for sql in [
                format!("SELECT count(*) FROM events WHERE {condition}"),
                format!("SELECT count(*) FILTER (WHERE {condition}) FROM events"),
                format!("SELECT kind FROM events WHERE {condition} ORDER BY kind"),
            ] {
                drop(across(&sql, &fixture.schema()));
            }
        }
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(plan_all).unwrap().join().unwrap();
}
