//! Sessions seen on the wire: each scenario is played against plain PostgreSQL and against the proxy over three
//! shards, and both must say the same, message by message.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::support::cluster::{Auth, Proxy, Server, World};
use crate::support::data::{self, admin};
use crate::support::script::{Scenario, Step, ask, extended, play, q};
use crate::support::wire::{self, Wire};

/// The scenarios: a table, one line a case.
#[rustfmt::skip]
mod scenarios;
/// The same over several shards.
#[rustfmt::skip]
mod across;
/// Pipelines without BEGIN over several shards.
#[rustfmt::skip]
mod pipelines;
/// Functions that set something for the session.
#[rustfmt::skip]
mod functions;
/// Clients of other encodings.
mod encodings;
#[rustfmt::skip]
/// Settings over several shards.
mod settings;
#[rustfmt::skip]
/// What clients share.
mod shared;
/// Numbers of sequences that are asked for again.
mod numbers;
mod places;
/// Texts that the planner cannot read.
mod unread;
/// Bytes that no client should send.
mod hostile;
/// Sessions that a seed makes up.
mod random;

/// So many scenarios may meet a refusal: DO blocks, functions called by number, several shards in one transaction.
const REFUSED_MAX: usize = 25;

/// An oracle with all rows and a proxy over shards, shared by the tests of this module.
struct Stage {
    world: World,
    proxy: Proxy,
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let world = World::start("sessions", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    Stage { world, proxy }
});

/// Whoever counts rows is not to see those of the other scenarios come and go.
static TURN: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

#[test]
fn the_proxy_speaks_as_postgresql_does() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    let (mut wrong, mut refused) = (String::new(), Vec::new());
    for (name, steps) in scenarios::all() {
        let expected = transcript(stage.world.oracle.port(), &(name, steps.clone()));
        let found = transcript(stage.proxy.port, &(name, steps));
        // A refusal is an answer too; what follows it in the scenario may differ then.
        let refusals = |lines: &[String]| lines.iter().filter(|line| line.contains("ERROR 0A000")).count();
        if refusals(&found) > refusals(&expected) {
            refused.push(name);
        } else if expected != found {
            wrong += &format!("\n--- {name}\n{}", side_by_side(&expected, &found));
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nrefused: {refused:?}");
    assert!(refused.len() <= REFUSED_MAX, "refused: {refused:?}");
}

#[test]
fn the_proxy_speaks_as_postgresql_does_over_several_shards() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    let mut wrong = String::new();
    for (name, steps) in [across::all(), pipelines::all()].concat() {
        let expected = transcript(stage.world.oracle.port(), &(name, steps.clone()));
        let found = transcript(stage.proxy.port, &(name, steps));
        if expected != found {
            wrong += &format!("\n--- {name}\n{}", side_by_side(&expected, &found));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// One database on one server, by transaction and by session: what a function sets, the session keeps, and nobody else has.
#[test]
fn what_functions_set_stays_with_their_session() {
    let stage = &*STAGE;
    let server = Server::start(&stage.world.lab, "alone", Auth::Scram, &[]).unwrap();
    let mut owner = admin(server.port());
    owner.rows("CREATE EXTENSION pg_trgm");
    owner.rows(functions::SCHEMA);
    let mut wrong = String::new();
    for mode in ["transaction", "session"] {
        let proxy = Proxy::start_with(&stage.world.lab, &format!("alone-{mode}"), |port, metrics| {
            let front = Proxy::front(port, metrics);
            format!(
                "{front}[databases.app]\npool_size = 4\npool_mode = \"{mode}\"\ndefault_shard = \"only\"\n\
                 [databases.app.shards.only]\nprimary = \"postgres://127.0.0.1:{}/app\"\n",
                server.port()
            )
        })
        .unwrap();
        let mut other = Wire::login(proxy.port, "app", &[]).unwrap();
        let seen = play(&mut other, &q(functions::LOOK));
        for (name, steps) in functions::all() {
            let expected = transcript(server.port(), &(name, steps.clone()));
            let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
            let mut found = Vec::new();
            for step in steps {
                found.extend(play(&mut wire, std::slice::from_ref(&step)));
                if matches!(step, Step::Ready(_)) {
                    assert_eq!(play(&mut other, &q(functions::LOOK)), seen, "{mode}: {name}: another client has it");
                }
            }
            if expected != found {
                wrong += &format!("\n--- {mode}: {name}\n{}", side_by_side(&expected, &found));
            }
        }
        let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
        for sql in functions::REFUSED {
            for steps in [q(sql), ask(&[wire::parse("", sql, &[]), wire::sync()]), ask(&[extended(sql, &[])])] {
                let found = play(&mut wire, &steps);
                assert!(found.iter().any(|line| line.contains("ERROR 0A000")), "{mode}: {sql}: {found:#?}");
                assert_eq!(play(&mut other, &q(functions::LOOK)), seen, "{mode}: {sql}: another client has it");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A statement of a text that is refused is to the session as one that fails where it stands.
#[test]
fn a_refusal_in_a_text_leaves_the_session_where_an_error_would() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    let fails = "SELECT 1 / 0";
    let refused = [
        "UPDATE events SET client_id = client_id + 1",
        "SELECT tableoid FROM events",
        "CREATE UNIQUE INDEX refused ON events (kind)",
        "SELECT setseed(0.5), id FROM events",
        "DO $$BEGIN END$$",
        "ALTER SYSTEM SET work_mem = '4MB'",
        "COPY events FROM '/nothing'",
        "SET shardway.nonsense = 1",
        "CREATE TABLE of_no_place (a integer)",
        "DECLARE c CURSOR FOR SELECT tableoid FROM events",
        "PREPARE p AS SELECT tableoid FROM events",
    ];
    let before = [
        "SELECT 1",
        "BEGIN",
        "BEGIN; SELECT 1",
        "SELECT 1; BEGIN",
        "BEGIN; SAVEPOINT a",
        "BEGIN; COMMIT",
        "BEGIN; COMMIT; BEGIN",
        "BEGIN; INSERT INTO events (client_id, id, kind) VALUES (5001, 1, 'q'), (5002, 1, 'q')",
        "INSERT INTO events (client_id, id, kind) VALUES (5001, 1, 'q'); COMMIT; BEGIN; SAVEPOINT a",
    ];
    let mut wrong = String::new();
    let mut expected = Wire::login(stage.world.oracle.port(), "app", &[]).unwrap();
    let mut found = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let after = ["SELECT 2", "ROLLBACK TO a", "SELECT 3", "ROLLBACK", "SELECT 4"];
    let left = ["SELECT count(*) FROM events WHERE kind = 'q'", "DELETE FROM events WHERE kind = 'q'"];
    let after = [after.map(q).concat(), left.map(q).concat()].concat();
    // A text without a block may be refused before any of it runs: what it has said does not count.
    let stands = |wire: &mut Wire, begin: &[Step], text: &str| {
        play(wire, begin);
        let mut lines = play(wire, &q(text));
        lines.drain(..lines.len() - 1);
        lines.extend(play(wire, &after));
        lines
    };
    for sql in refused {
        for before in before {
            for begin in [Vec::new(), q("BEGIN")] {
                let expected = stands(&mut expected, &begin, &format!("{before}; {fails}; SELECT 5"));
                let found = stands(&mut found, &begin, &format!("{before}; {sql}; SELECT 5"));
                if expected != found {
                    wrong += &format!("\n--- {before}; {sql}\n{}", side_by_side(&expected, &found));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A temporary table that was refused is none: its name means what it meant.
#[test]
fn a_temporary_table_that_was_refused_hides_nothing() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    let texts = [
        "CREATE TEMP TABLE events (z integer)",
        "CREATE TEMP TABLE events (z integer); SELECT z FROM events",
        "CREATE TEMP TABLE events AS SELECT 7 AS z; SELECT z FROM events; DROP TABLE events",
        "SELECT 1 AS z INTO TEMP events; SELECT z FROM events",
        "CREATE TEMP TABLE hidden (z integer); ALTER TABLE hidden RENAME TO events; SELECT z FROM events",
    ];
    let counts = "SELECT count(*) FROM events";
    let expected = admin(stage.world.oracle.port()).value(counts);
    for text in texts {
        let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        for _ in 0..2 {
            let lines = play(&mut wire, &q(text));
            assert!(lines.iter().any(|line| line.contains("ERROR 0A000")), "{text}: {lines:#?}");
            assert_eq!(wire.value(counts), expected, "{text}");
        }
    }
}

/// The client is told of parameters as they are, whatever it was told before.
#[test]
fn what_a_copy_that_fails_undoes_is_reported() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    let act = |sql: &str| [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat();
    let rows = wire::message(b'd', b"5001\t2\tq\n5002\t2\tq\n");
    let ends = [wire::message(b'f', b"no more\0"), [wire::message(b'd', b"5003\n"), wire::message(b'c', b"")].concat()];
    for (end, rows) in ends.into_iter().flat_map(|end| [(end.clone(), rows.clone()), (end, Vec::new())]) {
        let mut wire = Wire::login(stage.proxy.port, "app", &[("application_name", "before")]).unwrap();
        let copy = act("COPY events (client_id, id, kind) FROM STDIN");
        wire.send(&[act("SET application_name = 'behind'"), copy, wire::flush()].concat()).unwrap();
        wire.until(b"GE").unwrap();
        wire.send(&[rows, end, wire::sync()].concat()).unwrap();
        assert!(wire.until_ready().unwrap().iter().any(|frame| frame.tag == b'E'));
        assert_eq!(wire.value("SHOW application_name"), "before");
        assert_eq!(wire.parameters["application_name"], "before");
    }
}

/// What is set in a text, before a BEGIN too, belongs to a transaction: it goes with it, and to no other client.
#[test]
fn what_a_text_sets_goes_the_way_of_its_transaction_and_to_nobody_else() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    let set = "SET work_mem = '9MB'";
    let texts = [
        "BEGIN",
        "BEGIN; SELECT id FROM events WHERE client_id = 5001",
        "COMMIT; SET work_mem = '8MB'; BEGIN",
        "ROLLBACK; BEGIN",
        "SELECT id FROM events WHERE client_id = 5001; BEGIN",
        "BEGIN; SAVEPOINT a; SET work_mem = '8MB'",
        "SELECT 1",
    ];
    let firsts = [
        set,
        "SELECT set_config('work_mem', '9MB', false)",
        "SET LOCAL work_mem = '9MB'",
        "BEGIN; SET work_mem = '9MB'; COMMIT",
    ];
    let ends: [&[&str]; 4] = [&["COMMIT"], &["ROLLBACK"], &["COMMIT AND CHAIN", "ROLLBACK"], &[]];
    let on_shards = [5001, 5002, 5003, 5004].map(|client| {
        q(&format!("SELECT count(*), current_setting('work_mem') FROM events WHERE client_id = {client}"))
    });
    let look = [q("SHOW work_mem"), on_shards.concat()].concat();
    let mut wrong = String::new();
    for (first, text) in firsts.iter().flat_map(|first| texts.map(|text| (first, text))) {
        for end in ends {
            let text = format!("{first}; {text}");
            let end = end.iter().copied().flat_map(q).collect();
            let scenario: Scenario = ("sets", [q(&text), look.clone(), end, look.clone()].concat());
            let expected = transcript(stage.world.oracle.port(), &scenario);
            let found = transcript(stage.proxy.port, &scenario);
            if expected != found {
                wrong += &format!("\n--- {text}\n{}", side_by_side(&expected, &found));
            }
            let mut other = Wire::login(stage.proxy.port, "app", &[]).unwrap();
            let seen = play(&mut other, &[q("BEGIN"), on_shards.concat()].concat());
            if seen.iter().any(|line| line.starts_with("Row") && !line.ends_with("4MB")) {
                wrong += &format!("\n--- {text}: another client has it: {seen:#?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Its rows are on no one server until the protocol has executed it in part.
#[test]
fn a_portal_over_several_shards_is_no_cursor_for_sql_before_a_server_has_its_rows() {
    let stage = &*STAGE;
    let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let refused = "Error ERROR 0A000: portal \"p\" over several shards cannot be used as a cursor by SQL";
    // Of those that were put together on a server it has the rows, or that there are no more.
    for (text, is_gathered) in [
        ("SELECT id FROM events ORDER BY client_id, id", false),
        ("SELECT id FROM events", false),
        ("SELECT count(*) FROM events", false),
        ("DELETE FROM events WHERE id < 0 RETURNING id", false),
        ("SELECT kind, count(*) FROM events GROUP BY kind", true),
    ] {
        let bind = [wire::parse("", text, &[]), wire::bind("p", "", &[], 0)].concat();
        let all = [bind.clone(), wire::execute("p", 0)].concat();
        for bind in if is_gathered { vec![bind] } else { vec![bind, all] } {
            for by_sql in ["FETCH 2 FROM p", "MOVE p", "CLOSE p", "CLOSE ALL", "FETCH FIRST FROM \"p\""] {
                for by_sql in [q(by_sql), ask(&[extended(by_sql, &[])])] {
                    let steps = [q("BEGIN"), ask(&[bind.clone(), wire::sync()]), by_sql, q("ROLLBACK")].concat();
                    let lines = play(&mut wire, &steps);
                    assert!(lines.iter().any(|line| line == refused), "{text}: {lines:#?}");
                }
            }
        }
    }
    assert_eq!(wire.value("SELECT 1"), "1");
}

/// PostgreSQL words it by the moment: in a pipeline, in a transaction block.
#[test]
fn what_needs_no_block_comes_too_late_in_a_pipeline() {
    let stage = &*STAGE;
    let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let add = |client: u32| {
        let sql = format!("INSERT INTO events (client_id, id, kind) VALUES ({client}, 1, 'late')");
        [wire::parse("", &sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat()
    };
    for (clients, late) in [(5301..5305, "VACUUM events"), (5301..5305, "DISCARD ALL"), (5301..5302, "DISCARD ALL")] {
        let late = extended(late, &[]);
        let lines = play(&mut wire, &ask(&[clients.flat_map(add).collect(), late]));
        assert!(lines.iter().any(|line| line.contains("ERROR 25001")), "{lines:#?}");
        assert_eq!(wire.value("SELECT count(*) FROM events WHERE kind = 'late'"), "0");
    }
    let first = play(&mut wire, &ask(&[extended("VACUUM events", &[])]));
    assert!(first.contains(&"C VACUUM\\x00".to_owned()), "{first:#?}");
}

#[test]
fn explain_over_several_shards_shows_the_way_and_what_each_server_says() {
    let stage = &*STAGE;
    let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let mut explain = |sql: &str| play(&mut wire, &q(sql));
    let has = |lines: &[String], words: &[&str]| {
        for word in words {
            assert!(lines.iter().any(|line| line.contains(word)), "{word}: {lines:#?}");
        }
    };
    let shards = ["On shard a: ", "On shard b: ", "On shard c: "];
    let gathered = explain("EXPLAIN SELECT count(DISTINCT kind) FROM events WHERE amount > 1");
    has(&gathered, &shards);
    has(
        &gathered,
        &["Columns QUERY PLAN:25", "Row Gather", "Seq Scan on events", "Then, over these rows:", "CTE Scan"],
    );
    has(&gathered, &["Estimated transfer: ", "C EXPLAIN"]);
    let fanned = explain("EXPLAIN (COSTS OFF) SELECT id FROM events WHERE client_id IN (1, 2, 3)");
    has(&fanned, &["Row Fanout: key events.client_id", "On shard b: SELECT id", " on events", "C EXPLAIN"]);
    assert!(!fanned.iter().any(|line| line.contains("cost=")), "{fanned:#?}");
    let merged = explain("EXPLAIN (ANALYZE, TIMING OFF) SELECT id FROM events ORDER BY id LIMIT 3");
    has(&merged, &shards);
    has(&merged, &["actual rows="]);
    let analyzed = explain("EXPLAIN ANALYZE (SELECT count(DISTINCT kind) FROM events)");
    has(&analyzed, &["Then, over these rows:", "actual time="]);

    explain(
        "INSERT INTO events (client_id, id, kind) VALUES (4101, 1, 'x'), (4102, 1, 'x'), (4103, 1, 'x'), (4104, 1, 'x')",
    );
    let count = "SELECT count(*) FROM events WHERE kind = 'x' AND client_id > 4100";
    let delete = "DELETE FROM events WHERE kind = 'x' AND client_id > 4100";
    has(&explain(&format!("EXPLAIN {delete}")), &["Row Fanout", "Delete on events"]);
    has(&explain(count), &["Row 4"]);
    has(&explain(&format!("EXPLAIN ANALYZE {delete}")), &["Delete on events", "actual time="]);
    has(&explain(count), &["Row 0"]);

    has(&explain("EXPLAIN SELECT nope FROM events"), &["ERROR 42703"]);
    let mut bound = |sql: &str, parameters: &[&str]| play(&mut wire, &ask(&[extended(sql, parameters)]));
    has(&bound("EXPLAIN SELECT count(*) FROM events", &[]), &["Columns QUERY PLAN:25", "On shard b: ", "C EXPLAIN"]);
    has(&bound("EXPLAIN SELECT id FROM events WHERE client_id > $1", &["7777"]), &["7777", "C EXPLAIN"]);
    let counted = "EXPLAIN (ANALYZE, TIMING OFF) SELECT count(*) FROM (SELECT DISTINCT kind, $1::text FROM events WHERE amount > $2) e";
    has(&bound(counted, &["x", "4.5"]), &["4.5", "Then, over these rows:", "actual rows=1"]);
    let few = bound("EXPLAIN SELECT id FROM events WHERE client_id > $2 ORDER BY id LIMIT $1", &["3", "0"]);
    has(&few, &["Merge: ", "Limit  (", "rows=3 "]);
    has(&bound("EXPLAIN UPDATE events SET kind = $2 WHERE id = $1", &["7777", "x"]), &["Update on events", "7777"]);
    let pieces =
        [wire::execute("p", 1), wire::execute("p", 0), wire::execute("p", 0), wire::execute("p", 5), wire::sync()];
    let pieces =
        [vec![wire::parse("", "EXPLAIN TABLE events", &[]), wire::bind("p", "", &[], 0)], pieces.to_vec()].concat();
    wire.send(&pieces.concat()).unwrap();
    let tags = wire.until_ready().unwrap();
    let ends: Vec<String> = wire::transcript(&tags).into_iter().filter(|line| !line.starts_with("Row ")).collect();
    let tags: String = tags.iter().map(|frame| frame.tag as char).collect();
    assert!(tags.starts_with("12DsD") && tags.ends_with("DCCCZ"), "{tags}");
    assert_eq!(ends.iter().filter(|line| line.starts_with("C EXPLAIN")).count(), 3, "{ends:?}");
}

#[test]
fn explain_execute_goes_the_way_of_its_statement() {
    let stage = &*STAGE;
    let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let mut oracle = Wire::login(stage.world.oracle.port(), "app", &[]).unwrap();
    let prepare = "PREPARE one (bigint) AS SELECT 1 FROM generate_series(1, 3) WHERE $1 = 7";
    let one = ["EXPLAIN (COSTS OFF) EXECUTE one (7)", "EXPLAIN (COSTS OFF, FORMAT json) EXECUTE one (7)"];
    for session in [&mut wire, &mut oracle] {
        play(session, &q(prepare));
    }
    for sql in one {
        assert_eq!(play(&mut wire, &q(sql)), play(&mut oracle, &q(sql)));
        let extended = ask(&[extended(sql, &[])]);
        assert_eq!(play(&mut wire, &extended), play(&mut oracle, &extended));
        let described = ask(&[wire::parse("", sql, &[]), wire::describe(b'S', ""), wire::sync()]);
        assert_eq!(play(&mut wire, &described), play(&mut oracle, &described));
    }
    play(&mut wire, &q("PREPARE keyed (bigint) AS SELECT id FROM events WHERE client_id = $1"));
    play(&mut wire, &q("PREPARE several (bigint) AS SELECT count(*) FROM events WHERE id > $1"));
    play(&mut wire, &q("PREPARE change (bigint) AS DELETE FROM events WHERE id > $1"));
    for (sql, words) in [
        ("EXPLAIN EXECUTE keyed (7)", &["on events", "7"][..]),
        ("EXPLAIN EXECUTE keyed (3 + 4)", &["on events", "7"]),
        ("EXPLAIN EXECUTE several (7777)", &["On shard a: ", "On shard c: ", "7777"]),
        ("EXPLAIN (FORMAT yaml) EXECUTE several (7000 + 777)", &["Row - Way: ", "C EXPLAIN"]),
        ("EXPLAIN EXECUTE change (7777)", &["Delete on events", "7777"]),
        ("EXPLAIN EXECUTE nope (1)", &["ERROR 26000"]),
    ] {
        for lines in [play(&mut wire, &q(sql)), play(&mut wire, &ask(&[extended(sql, &[])]))] {
            for word in words {
                assert!(lines.iter().any(|line| line.contains(word)), "{sql}: {word}: {lines:#?}");
            }
        }
    }
}

#[test]
fn explain_of_writes_over_several_shards_writes_nothing() {
    let stage = &*STAGE;
    let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let rows = "INSERT INTO events (client_id, id, kind) VALUES (5201, 1, 'e'), (5202, 1, 'e'), (5203, 1, 'e'), (5204, 1, 'e')";
    for (sql, words) in [
        (rows, &["Split: ", "On shard a: INSERT", "On shard c: INSERT", "Insert on events"][..]),
        (
            "INSERT INTO events (client_id, id, kind, at) VALUES (5201, 1, 'e', now()), (5202, 1, 'e', now())",
            &["Split: ", "ask: $1"],
        ),
        (
            "INSERT INTO events (client_id, id, kind) SELECT client_id + 5200, id, 'e' FROM events WHERE id = 1",
            &["Carry: ", "On shard b: SELECT", "Seq Scan on events"],
        ),
        (
            "INSERT INTO events (client_id, id, kind) SELECT client_id, id + 5200, 'e' FROM events",
            &["Fanout: ", "Insert on events", "Seq Scan"],
        ),
        ("UPDATE events SET client_id = 5209 WHERE kind = 'e'", &["leave: ", "Update on events"]),
        (
            "UPDATE countries SET name = 'e' WHERE code = 'DE'",
            &["Copies: ", "On shard c: UPDATE", "Update on countries"],
        ),
        (
            "DELETE FROM events e USING countries c WHERE c.code = e.kind AND e.id > 5200",
            &["On shard b: DELETE", "Delete on events"],
        ),
    ] {
        let lines = play(&mut wire, &q(&format!("EXPLAIN {sql}")));
        for word in words.iter().chain(&["C EXPLAIN"]) {
            assert!(lines.iter().any(|line| line.contains(word)), "{word}: {lines:#?}");
        }
    }
    assert_eq!(wire.value("SELECT count(*) FROM events WHERE kind = 'e'"), "0");
    let refused = play(&mut wire, &q(&format!("EXPLAIN ANALYZE {rows}")));
    assert!(refused.iter().any(|line| line.contains("0A000")), "{refused:#?}");
    // With ANALYZE it does, as a part of its pipeline.
    wire.rows(rows);
    let delete = "EXPLAIN ANALYZE DELETE FROM events WHERE kind = 'e' AND client_id > 5200";
    let runs = [wire::parse("", delete, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat();
    let failed = play(&mut wire, &ask(&[runs.clone(), extended("SELECT 1/0", &[])]));
    assert!(failed.iter().any(|line| line.contains("ERROR 22012")), "{failed:#?}");
    assert_eq!(wire.value("SELECT count(*) FROM events WHERE kind = 'e'"), "4");
    play(&mut wire, &ask(&[runs, wire::sync()]));
    assert_eq!(wire.value("SELECT count(*) FROM events WHERE kind = 'e'"), "0");
}

#[test]
fn explain_over_several_shards_is_well_formed_in_every_format() {
    let stage = &*STAGE;
    let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let mut checker = admin(stage.world.oracle.port());
    for sql in [
        "SELECT count(DISTINCT kind) FROM events WHERE kind <> '\"<&>'",
        "SELECT id FROM events ORDER BY id LIMIT 3",
        "UPDATE events SET amount = 1 WHERE kind = 'none'",
        "INSERT INTO events (client_id, id, kind) VALUES (1, 9, 'e'), (2, 9, 'e'), (3, 9, 'e'), (4, 9, 'e'), (5, 9, 'e'), (6, 9, 'e')",
    ] {
        let mut explain = |form: &str| wire.value(&format!("EXPLAIN (FORMAT {form}, COSTS OFF) {sql}"));
        let json = explain("json").replace('\'', "''");
        let shards = "SELECT string_agg(s->>'Shard', ' ' ORDER BY s->>'Shard') FROM json_array_elements('{}'::json->0->'Shards') s \
                      WHERE s->'Explain'->0->'Plan'->>'Node Type' IS NOT NULL";
        assert!(checker.value(&shards.replace("{}", &json)).contains("a b c"), "{json}");
        let xml = explain("xml").replace('\'', "''");
        let shards = "SELECT array_length(xpath('/explain-shards/Shard/p:explain/p:Query', '{}'::xml, \
                      ARRAY[ARRAY['p', 'http://www.postgresql.org/2009/explain']]), 1)";
        assert!(checker.value(&shards.replace("{}", &xml)).parse::<u32>().is_ok_and(|count| count >= 3), "{xml}");
        let yaml = explain("yaml");
        assert_eq!(
            yaml.matches("\n      Explain: \n        - Plan: \n").count(),
            yaml.matches("Shard: ").count(),
            "{yaml}"
        );
    }
    let described = play(&mut wire, &q("EXPLAIN (FORMAT json) SELECT count(*) FROM events"));
    assert!(described.contains(&"Columns QUERY PLAN:114".to_owned()), "{described:#?}");
    let described = play(&mut wire, &ask(&[extended("EXPLAIN (FORMAT xml) SELECT count(*) FROM events", &[])]));
    assert!(described.contains(&"Columns QUERY PLAN:142".to_owned()), "{described:#?}");
}

/// Shows that the scenarios themselves are steady: two plain servers say the same.
#[test]
fn scenarios_have_one_transcript() {
    let world = World::start("steady", false).unwrap();
    data::load(&world);
    let twin = Server::start(&world.lab, "twin", Auth::Scram, &[]).unwrap();
    admin(twin.port()).rows(&format!(
        "BEGIN; {}; {}; COMMIT",
        include_str!("../corpus/schema.ddl"),
        include_str!("../corpus/data.ddl")
    ));
    for scenario in [scenarios::all(), across::all(), pipelines::all()].concat() {
        let (first, second) = (transcript(world.oracle.port(), &scenario), transcript(twin.port(), &scenario));
        assert_eq!(first, second, "{}", scenario.0);
        assert!(!first.iter().any(|line| line.contains("WouldBlock")), "{}: {first:?}", scenario.0);
    }
}

#[test]
fn startup_options_reach_the_session() {
    let stage = &*STAGE;
    let options: &[&[(&str, &str)]] = &[
        &[],
        &[("application_name", "my app"), ("TimeZone", "Asia/Tokyo")],
        &[("options", "-c work_mem=9MB -c search_path=other,public")],
        &[("options", "--work_mem=10MB"), ("DateStyle", "German"), ("client_encoding", "UTF8")],
        &[("extra_float_digits", "2"), ("IntervalStyle", "iso_8601")],
    ];
    for given in options {
        let look = |port: u16| {
            let mut wire = Wire::login(port, "app", given).unwrap();
            let mut shown = Vec::new();
            // A statement on each shard: the settings must hold wherever the statement runs.
            for client in 1..=6 {
                shown.push(wire.rows(&format!(
                    "SELECT current_setting('work_mem'), current_setting('search_path'), current_setting('DateStyle'), \
                     current_setting('TimeZone'), current_setting('application_name'), current_setting('extra_float_digits'), \
                     current_setting('IntervalStyle'), count(*) FROM public.events WHERE client_id = {client}"
                )));
            }
            (wire.parameters.clone(), shown)
        };
        assert_eq!(look(stage.world.oracle.port()), look(stage.proxy.port), "{given:?}");
    }
}

#[test]
fn a_name_that_is_too_long_is_remarked_at_login() {
    let stage = &*STAGE;
    let heard = |port: u16| {
        let mut wire = Wire::connect(port).unwrap();
        let name = "x".repeat(65);
        let options = [("user", "app"), ("database", "app"), ("application_name", &name)];
        wire.send(&wire::startup(196_608, &options)).unwrap();
        let mut frames = wire.authenticate().unwrap();
        frames.dedup_by_key(|frame| frame.tag);
        let remark = |frame: &wire::Frame| (frame.tag == b'N').then(|| wire::describe_error(&frame.body));
        let told: Vec<_> = frames.iter().map(|frame| (char::from(frame.tag), remark(frame))).collect();
        (told, wire.value("SHOW application_name"), wire.value("SELECT count(*) FROM events WHERE client_id = 7"))
    };
    let expected = heard(stage.world.oracle.port());
    assert!(expected.0.iter().any(|(tag, _)| *tag == 'N'), "{expected:?}");
    // The second client's settings are known already, and it hears the same.
    assert_eq!((heard(stage.proxy.port), heard(stage.proxy.port)), (expected.clone(), expected));
}

#[test]
fn settings_of_one_client_never_reach_the_next() {
    let stage = &*STAGE;
    for round in 0..20 {
        let mut first = Wire::login(stage.proxy.port, "app", &[("application_name", "first")]).unwrap();
        first.rows("SET work_mem = '11MB'");
        first.rows("SET search_path = other");
        first.rows("SELECT set_config('my.secret', 'x', false)");
        first.rows(&format!("SELECT count(*) FROM events WHERE client_id = {round}"));
        let mut second = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        let seen = second.rows(&format!(
            "SELECT current_setting('work_mem'), current_setting('search_path'), current_setting('my.secret', true), \
             current_setting('application_name') FROM events WHERE client_id = {} LIMIT 1",
            round % 6 + 1
        ));
        assert_eq!(seen[0][0].as_deref(), Some("4MB"));
        assert_eq!(seen[0][1].as_deref(), Some("\"$user\", public"));
        assert!(seen[0][2].as_deref().unwrap_or("").is_empty(), "{seen:?}");
        assert_eq!(seen[0][3].as_deref(), Some(""));
    }
}

#[test]
fn a_new_client_is_served_after_ddl_changed_a_shared_statement() {
    let stage = &*STAGE;
    let everywhere = |sql: &str| {
        for server in stage.world.shards.iter().chain([&stage.world.oracle]) {
            admin(server.port()).rows(sql);
        }
    };
    everywhere("CREATE TABLE IF NOT EXISTS countries_copy (LIKE countries); GRANT ALL ON countries_copy TO app");
    let select = [
        wire::parse("s", "SELECT * FROM countries WHERE code = $1", &[]),
        wire::bind("", "s", &[wire::text("DE")], 0),
        wire::execute("", 0),
        wire::sync(),
    ]
    .concat();
    let run = |wire: &mut Wire, bytes: &[u8]| {
        wire.send(bytes).unwrap();
        wire::answers(&wire.until_ready().unwrap())
    };
    let mut early: Vec<Wire> = (0..4).map(|_| Wire::login(stage.proxy.port, "app", &[]).unwrap()).collect();
    for wire in &mut early {
        assert_eq!(run(wire, &select)[0].rows[0].len(), 3);
    }
    everywhere("ALTER TABLE countries ADD COLUMN extra integer DEFAULT 5");
    for _ in 0..4 {
        let mut late = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        let answers = run(&mut late, &select);
        assert_eq!(answers[0].error, None);
        assert_eq!(answers[0].rows[0].len(), 4);
    }
    everywhere("ALTER TABLE countries DROP COLUMN extra");
    for _ in 0..4 {
        let mut late = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        assert_eq!(run(&mut late, &select)[0].error, None);
    }
}

#[test]
fn a_cancel_request_hits_the_statement_it_is_meant_for_and_nothing_else() {
    let stage = &*STAGE;
    let mut sleeper = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let mut others: Vec<Wire> = (0..5).map(|_| Wire::login(stage.proxy.port, "app", &[]).unwrap()).collect();
    for round in 0..10 {
        sleeper
            .send(&wire::query(&format!(
                "SELECT pg_sleep(30) FROM events WHERE client_id = 7 AND id = 1 AND {round} >= 0"
            )))
            .unwrap();
        await_running(stage, "pg_sleep(30)");
        sleeper.cancel().unwrap();
        let answers = wire::answers(&sleeper.until_ready().unwrap());
        assert_eq!(answers[0].error.as_ref().map(|(state, _)| state.as_str()), Some("57014"));
        // Too late: nothing runs any more. The next user of the same server must not feel it.
        sleeper.cancel().unwrap();
        for other in &mut others {
            assert_eq!(other.value("SELECT count(*) FROM events, pg_sleep(0.002) WHERE client_id = 7"), "6");
        }
    }
}

#[test]
fn newer_protocol_versions_are_negotiated() {
    let stage = &*STAGE;
    for (version, options) in
        [(196_610, &[][..]), (206_607, &[][..]), (196_608, &[("_pq_.command_compression", "on")][..])]
    {
        let mut all = vec![("user", "app"), ("database", "app")];
        all.extend_from_slice(options);
        let mut wire = Wire::connect(stage.proxy.port).unwrap();
        wire.send(&wire::startup(version, &all)).unwrap();
        let frames = wire.authenticate().unwrap();
        let negotiated = frames.iter().find(|frame| frame.tag == b'v');
        match version {
            196_610 => assert!(wire.key.len() >= 8, "3.2 has a key of up to 256 bytes"),
            _ => assert!(negotiated.is_some(), "version {version} {options:?}"),
        }
        assert_eq!(wire.value("SELECT count(*) FROM events WHERE client_id = 7"), "6");
    }
}

fn transcript(port: u16, (name, steps): &Scenario) -> Vec<String> {
    let mut wire = match Wire::login(port, "app", &[("application_name", name)]) {
        Ok(wire) => wire,
        Err(error) => return vec![format!("no login: {error}")],
    };
    wire.set_patience(Duration::from_secs(8));
    play(&mut wire, steps)
}

/// Waits until a shard shows a running statement that holds these words.
fn await_running(stage: &Stage, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut shards: Vec<Wire> = stage.world.shards.iter().map(|shard| admin(shard.port())).collect();
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%{words}%' AND pid <> pg_backend_pid()"
    );
    while !shards.iter_mut().any(|shard| shard.value(&sql) != "0") {
        assert!(Instant::now() < deadline, "{words} never ran");
    }
}

fn side_by_side(expected: &[String], found: &[String]) -> String {
    let mut lines = String::new();
    for index in 0..expected.len().max(found.len()) {
        let line = |side: &[String]| side.get(index).cloned().unwrap_or("(nothing)".to_owned());
        match line(expected) == line(found) {
            true => lines += &format!("    {}\n", line(expected)),
            false => lines += &format!("  - {}\n  + {}\n", line(expected), line(found)),
        }
    }
    lines
}
