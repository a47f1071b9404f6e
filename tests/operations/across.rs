//! Statements over several shards when something is in their way: limits, cancels, clients that leave, dead shards.

use super::*;
use crate::support::script::extended;

/// Statements that take long: with the first two every shard is busy, with the third the server that has the rows of all.
/// `name` tells them from those of other tests.
fn slow(name: &str) -> [String; 3] {
    [
        format!("SELECT e.id FROM events e, generate_series(1, 30000000) {name} WHERE {name} < 0"),
        format!("SELECT e.id FROM events e, generate_series(1, 30000000) {name} WHERE {name} < 0 ORDER BY e.id"),
        format!("SELECT count(*) FROM (SELECT pg_sleep(0.05) FROM events) {name}"),
    ]
}

fn running(stage: &Stage, text: &str) -> usize {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%{text}%'"
    );
    stage.world.shards.iter().map(|server| admin(server.port()).value(&sql).parse::<usize>().unwrap()).sum()
}

#[test]
fn more_rows_than_gather_limit_are_54000_and_the_session_goes_on() {
    let stage = &*STAGE;
    let proxy = stage.proxy("gather-limit", &Settings { database: "gather_limit = \"1KiB\"", ..Settings::default() });
    let mut wire = login(&proxy);
    let all = "SELECT kind, count(DISTINCT id) FROM events GROUP BY kind";
    let (state, message) = failure(&mut wire, all);
    assert_eq!(state, "54000", "{message}");
    let error = whole_error(&wire.simple(all).unwrap());
    assert!(error.contains("gather_limit"), "{error}");
    assert_eq!(wire.value("SELECT count(*) FROM events WHERE client_id = -1"), "0");
    // A scan keeps nothing, so it has no limit.
    assert!(wire.rows("SELECT * FROM events").len() > 300);
    wire.rows("BEGIN");
    assert_eq!(failure(&mut wire, all).0, "54000");
    assert_eq!(failure(&mut wire, "SELECT 1").0, "25P02");
    wire.rows("ROLLBACK");
    assert_eq!(wire.value("SELECT 1"), "1");
}

#[test]
fn rows_of_all_statements_have_one_memory() {
    let stage = &*STAGE;
    let proxy = stage.proxy("gather-memory", &Settings { listen: "gather_memory = \"8MiB\"", ..Settings::default() });
    let held = || metric(&proxy, "shardway_gathered_bytes", &[]);
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    // 6 MB, which a portal keeps until its transaction ends.
    let keeps = "UPDATE nothing SET v = v WHERE client_id BETWEEN 7001 AND 7006 RETURNING repeat('x', 1000000)";
    other.rows("INSERT INTO nothing SELECT generate_series(7001, 7006), 'memory'");
    for first in [7101, 7151] {
        let rows = format!("SELECT n, n || repeat('y', 100000) FROM generate_series({first}, {first} + 49) n");
        other.rows(&format!("INSERT INTO nothing {rows}"));
    }
    other.rows("BEGIN");
    other
        .send(&[wire::parse("", keeps, &[]), wire::bind("", "", &[], 0), wire::execute("", 1), wire::sync()].concat())
        .unwrap();
    let suspended = other.until_ready().unwrap();
    assert!(suspended.iter().any(|frame| frame.tag == b's'), "{}", wire::transcript(&suspended).join("\n"));
    until("they are counted", || held() > 5e6);
    let some =
        |count: u32| format!("SELECT count(DISTINCT v) FROM nothing WHERE client_id BETWEEN 7101 AND {}", 7100 + count);
    // One alone may have 4 MB, not beside those; small ones are always answered.
    let (state, message) = failure(&mut wire, &some(40));
    assert_eq!(state, "53200", "{message}");
    let error = whole_error(&wire.simple(&some(40)).unwrap());
    assert!(error.contains("gather_memory (8 MiB)"), "{error}");
    assert_eq!(wire.value(&some(5)), "5");
    other.rows("ROLLBACK");
    assert_eq!(wire.value(&some(40)), "40");
    // Nor may one alone have more than there is.
    let (state, _) = failure(&mut wire, &some(100));
    assert_eq!(state, "53200");
    assert_eq!(wire.value("SELECT 1"), "1");
    until("nothing is held", || held() == 0.0);
    other.rows("DELETE FROM nothing WHERE client_id BETWEEN 7001 AND 7200");
}

#[test]
fn a_cancel_reaches_every_shard_and_the_session_goes_on() {
    let stage = &*STAGE;
    let proxy = stage.proxy("cancel-across", &Settings::default());
    for slow in slow("cancelled") {
        let mut wire = login(&proxy);
        wire.send(&wire::query(&slow)).unwrap();
        until("it runs", || running(stage, "cancelled") > 0);
        wire.cancel().unwrap();
        let answers = wire::answers(&wire.until_ready().unwrap());
        assert_eq!(answers[0].error.as_ref().map(|(state, _)| state.as_str()), Some("57014"), "{slow}");
        until("no shard runs it any more", || running(stage, "cancelled") == 0);
        assert_eq!(wire.value("SELECT 1"), "1");
        assert_eq!(wire.rows("SELECT kind, count(*) FROM events GROUP BY kind").len(), 5);
    }
}

#[test]
fn a_client_that_leaves_stops_every_shard() {
    let stage = &*STAGE;
    let proxy = stage.proxy("leave-across", &Settings::default());
    for slow in slow("leaving") {
        let mut wire = login(&proxy);
        wire.send(&wire::query(&slow)).unwrap();
        until("it runs", || running(stage, "leaving") > 0);
        drop(wire);
        until("no shard runs it any more", || running(stage, "leaving") == 0);
    }
    assert_eq!(login(&proxy).rows("SELECT kind, count(*) FROM events GROUP BY kind").len(), 5);
}

/// As PostgreSQL does it: who says goodbye and closes, without waiting for an answer, has said what is to be done.
#[test]
fn what_stands_before_a_goodbye_is_carried_out() {
    let stage = &*STAGE;
    let proxy = stage.proxy("goodbye", &Settings::default());
    let mut look = login(&proxy);
    let slow = format!("SELECT pg_sleep(0.2) FROM events WHERE client_id = {} AND id = 1", stage.clients[0]);
    let all = "SELECT count(*), pg_sleep(0.1) FROM events GROUP BY kind";
    for (number, first) in [&*slow, all, "SELECT id FROM events ORDER BY id", "SELECT 1"].into_iter().enumerate() {
        let insert = |row: usize| format!("INSERT INTO nothing VALUES ({}, 'goodbye')", 9000 + number * 10 + row);
        let several = format!("INSERT INTO nothing SELECT client_id + {number} * 100, 'goodbye' FROM parents");
        let mut bytes = wire::query(first);
        bytes.extend((0..5).flat_map(|row| wire::query(&insert(row))));
        bytes.extend(wire::query(&several));
        bytes.extend(extended(&insert(5), &[]));
        bytes.extend([b'X', 0, 0, 0, 4]);
        let mut wire = login(&proxy);
        wire.send(&bytes).unwrap();
        drop(wire);
        until("all of it is done", || {
            look.value("SELECT count(*) FROM nothing WHERE v = 'goodbye'") == (26 * (number + 1)).to_string()
        });
    }
    look.rows("DELETE FROM nothing WHERE v = 'goodbye'");
}

#[test]
fn query_timeout_holds_for_statements_over_several_shards() {
    let stage = &*STAGE;
    let proxy = stage.proxy("late-across", &Settings { database: "query_timeout = \"300ms\"", ..Settings::default() });
    let mut wire = login(&proxy);
    for slow in slow("late") {
        assert_eq!(failure(&mut wire, &slow).0, "57014", "{slow}");
        assert_eq!(wire.value("SELECT 1"), "1");
    }
}

#[test]
fn an_error_on_one_shard_is_told_once_and_fails_the_transaction() {
    let stage = &*STAGE;
    let proxy = stage.proxy("error-across", &Settings::default());
    let mut wire = login(&proxy);
    for wrong in [
        "SELECT 1 / (id - 1) FROM events",
        "SELECT 1 / (id - 1) FROM events ORDER BY client_id",
        "SELECT count(*), 1 / 0 FROM events",
        "UPDATE events SET amount = 1 / 0",
    ] {
        let frames = wire.simple(wrong).unwrap();
        let errors = frames.iter().filter(|frame| frame.tag == b'E').count();
        assert_eq!(errors, 1, "{wrong}");
        assert_eq!(frames.last().unwrap().body, b"I", "{wrong}");
        wire.rows("BEGIN");
        assert_eq!(failure(&mut wire, wrong).0, "22012");
        assert_eq!(failure(&mut wire, "SELECT 1").0, "25P02");
        wire.rows("ROLLBACK");
    }
    assert_eq!(wire.value("SELECT count(*) FROM events"), "365");
}

/// What is fetched of a table is what the text names of it: one who may read no more is served.
#[test]
fn who_may_read_some_columns_is_answered_as_by_one_server() {
    let stage = &*STAGE;
    for server in stage.world.shards.iter().chain([&stage.world.oracle]) {
        admin(server.port()).rows(
            "CREATE ROLE columns LOGIN PASSWORD 'secret'; \
             GRANT SELECT (client_id, v) ON parents TO columns; GRANT SELECT (client_id, id) ON watched TO columns",
        );
    }
    let more = "[[users]]\nname = \"columns\"\npassword = \"secret\"\n\n[monitor]\nuser = \"postgres\"\n";
    let proxy = stage.proxy("columns", &Settings { more, ..Settings::default() });
    let mut wires = [proxy.port, stage.world.oracle.port()].map(|port| enter(port, "columns", &[]).unwrap());
    for (sql, may) in [
        ("SELECT p.v, w.id FROM parents p JOIN watched w ON w.id = p.client_id", true),
        (
            "SELECT parents.v, watched.id FROM parents JOIN public.watched ON watched.id = public.parents.client_id",
            true,
        ),
        ("SELECT count(*) FROM parents p WHERE p.v IN (SELECT p.v FROM watched w WHERE w.id > p.client_id)", true),
        ("SELECT * FROM (SELECT v FROM parents) p JOIN (SELECT id FROM watched) w ON p.v = w.id::text", true),
        ("SELECT * FROM (SELECT v FROM parents) p JOIN watched w ON p.v = w.id::text", false),
        ("SELECT p.v, w.v FROM parents p JOIN watched w ON w.id = p.client_id", false),
        ("SELECT p.v, w FROM parents p JOIN watched w ON w.id = p.client_id", false),
        ("SELECT p.v, w.* FROM parents p JOIN watched w ON w.id = p.client_id", false),
    ] {
        let [ours, theirs] = wires.each_mut().map(|wire| {
            let answer = wire::answers(&wire.simple(sql).unwrap()).remove(0);
            (answer.error.map(|(sqlstate, _)| sqlstate), answer.rows)
        });
        assert_eq!(ours, theirs, "{sql}");
        assert_eq!(ours.0.is_none(), may, "{sql}");
    }
}

/// A plan may know of a constant what the statement does not say: the client of an EXECUTE hears what was prepared.
#[test]
fn execute_has_the_columns_of_what_was_prepared() {
    let stage = &*STAGE;
    let proxy = stage.proxy("prepared-columns", &Settings::default());
    let mut wires = [login(&proxy), enter(stage.world.oracle.port(), "app", &[]).unwrap()];
    for (number, rest) in [
        "FROM doubled WHERE id = $1",
        "FROM doubled WHERE id = $1 ORDER BY client_id LIMIT 3",
        "FROM doubled d WHERE id = $1 GROUP BY 1",
        "FROM doubled d JOIN sessions s ON s.seconds = d.id AND d.id = $1",
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("SELECT coalesce('a'::text::varchar(2), short), nullif(1, 1) {rest}");
        let [ours, theirs] = wires.each_mut().map(|wire| {
            wire.rows(&format!("PREPARE q{number} AS {text}"));
            let answers = wire::answers(&wire.simple(&format!("EXECUTE q{number}(1)")).unwrap());
            (answers[0].error.clone(), answers[0].columns.clone(), answers[0].modifiers.clone())
        });
        assert_eq!(ours, theirs, "{text}");
        assert_eq!(ours.2[0], -1, "{text}");
    }
}

/// PostgreSQL shows the rows of the Bind, which the shards would not any more.
#[test]
fn a_portal_over_several_shards_does_not_show_what_was_written_after_its_bind() {
    const WRITE: &str = "UPDATE sessions SET seconds = 1 WHERE client_id = 1";
    let stage = &*STAGE;
    let proxy = stage.proxy("portal-since", &Settings::default());
    let mut wire = login(&proxy);
    let of = |wire: &mut Wire, messages: &[Vec<u8>]| {
        wire.send(&messages.concat()).unwrap();
        wire::answers(&wire.until_ready().unwrap())
    };
    let bound = |sql: &str| [wire::parse("s", sql, &[]), wire::bind("p", "s", &[], 0)];
    for sql in ["SELECT count(*) FROM sessions", "SELECT * FROM sessions", "SELECT seconds FROM sessions ORDER BY 1"] {
        let closed = [wire::close(b'S', "s"), wire::close(b'S', "w"), wire::sync()];
        let written = [wire::parse("w", WRITE, &[]), wire::bind("q", "w", &[], 0)];
        let run = [wire::execute("p", 0), wire::sync()];
        wire.rows(&format!("BEGIN; {WRITE}"));
        of(&mut wire, &[&bound(sql)[..], &[wire::flush(), wire::sync()]].concat());
        assert_eq!(of(&mut wire, &run)[0].error, None, "{sql}: a write before its Bind");
        wire.rows("ROLLBACK");
        of(&mut wire, &closed);
        let refused = |answers: &[wire::Answer], how: &str| {
            let error = answers.iter().find_map(|answer| answer.error.as_ref());
            assert_eq!(error.map(|(state, _)| state.as_str()), Some("0A000"), "{sql}: {how}");
        };
        wire.rows("BEGIN");
        of(&mut wire, &[&bound(sql)[..], &[wire::sync()]].concat());
        wire.rows(WRITE);
        refused(&of(&mut wire, &run), "a write between two rounds");
        wire.rows("ROLLBACK");
        of(&mut wire, &closed);
        wire.rows("BEGIN");
        let turned = [&written[..], &bound(sql)[..], &[wire::execute("q", 0)], &run[..]].concat();
        refused(&of(&mut wire, &turned), "a write bound before it, executed after");
        wire.rows("ROLLBACK");
        of(&mut wire, &closed);
        wire.rows("BEGIN");
        let in_order = [&written[..], &[wire::execute("q", 0)], &bound(sql)[..], &run[..]].concat();
        let answers = of(&mut wire, &in_order);
        assert!(answers.iter().all(|answer| answer.error.is_none()), "{sql}: a write executed before");
        wire.rows("ROLLBACK");
        of(&mut wire, &closed);
    }
}

/// The shard that is asked how the rows look is slow, another fails at once.
#[test]
fn rows_are_described_before_an_error_whoever_fails_first() {
    let stage = &*STAGE;
    let proxy = stage.proxy("described-error", &Settings::default());
    let (mut wire, mut first) = (login(&proxy), admin(stage.world.shards[0].port()));
    first.rows("BEGIN");
    first.rows("LOCK TABLE sessions");
    wire.send(&wire::query("SELECT sum(100 / (client_id - client_id)) FROM sessions")).unwrap();
    until("the others have failed", || {
        let failed =
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND query LIKE '%(client_id - client_id)%'";
        stage.world.shards[1..].iter().all(|server| admin(server.port()).value(failed) != "0")
    });
    first.rows("COMMIT");
    let answers = wire::answers(&wire.until_ready().unwrap());
    assert_eq!(answers[0].error.as_ref().map(|(state, _)| state.as_str()), Some("22012"));
    assert_eq!(answers[0].columns, [("sum".to_owned(), 1700)]);
}

#[test]
fn a_portal_over_several_shards_stops_and_goes_on() {
    let stage = &*STAGE;
    let proxy = stage.proxy("portal-across", &Settings::default());
    let mut wire = login(&proxy);
    for sql in ["SELECT client_id FROM events", "SELECT client_id FROM events ORDER BY client_id"] {
        let request = [
            wire::parse("", sql, &[]),
            wire::bind("p", "", &[], 0),
            wire::describe(b'P', "p"),
            wire::execute("p", 100),
            wire::execute("p", 200),
            wire::execute("p", 0),
            wire::sync(),
        ];
        wire.send(&request.concat()).unwrap();
        let frames = wire.until_ready().unwrap();
        let tags: String = frames.iter().map(|frame| frame.tag as char).filter(|tag| *tag != 'D').collect();
        assert_eq!(tags, "12TssCZ", "{sql}");
        assert_eq!(frames.iter().filter(|frame| frame.tag == b'D').count(), 365, "{sql}");
    }
}

#[test]
fn statements_over_several_shards_stand_in_pipelines_with_others() {
    let stage = &*STAGE;
    let proxy = stage.proxy("pipeline-across", &Settings::default());
    let mut wire = login(&proxy);
    let one = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[1]);
    let top = "SELECT id FROM events ORDER BY client_id LIMIT 7";
    let request = [&*one, "SELECT count(*) FROM events", "SELECT id FROM events WHERE id = 6", top, &one];
    let bytes: Vec<u8> = request.iter().flat_map(|sql| extended(sql, &[])).collect();
    wire.send(&bytes).unwrap();
    let rows: Vec<usize> =
        (0..5).map(|_| wire.until_ready().unwrap().iter().filter(|frame| frame.tag == b'D').count()).collect();
    assert_eq!(rows, [1, 1, 60, 7, 1]);
}

#[test]
fn a_transaction_on_another_shard_reads_the_catalogs_of_the_first() {
    let stage = &*STAGE;
    let settings = Settings { database: "default_shard = \"a\"", ..Settings::default() };
    let proxy = stage.proxy("catalogs", &settings);
    let mut wire = login(&proxy);
    wire.rows("CREATE TABLE of_the_first AS SELECT 7 AS n");
    let catalogs = [
        "SELECT count(*) FROM pg_class WHERE relname = 'of_the_first'",
        "SELECT count(to_regclass('of_the_first'))",
        "SELECT count('of_the_first'::regclass)",
        "SELECT count(has_table_privilege('of_the_first', 'select'))",
    ];
    let elsewhere = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[1]);
    for sql in catalogs {
        wire.rows("BEGIN");
        wire.rows(&elsewhere);
        assert_eq!(wire.value(sql), "1", "{sql}");
        wire.rows("COMMIT");
        wire.rows("BEGIN ISOLATION LEVEL SERIALIZABLE");
        wire.rows(&elsewhere);
        assert_eq!(failure(&mut wire, sql).0, "0A000", "{sql}");
        wire.rows("ROLLBACK");
    }
    wire.rows("DROP TABLE of_the_first");
}

#[test]
fn a_transaction_that_has_become_read_only_is_not_half_committed() {
    let stage = &*STAGE;
    let proxy = stage.proxy("across-read-only", &Settings::default());
    let mut wire = login(&proxy);
    let write = "UPDATE readings SET value = value + 1000";
    let sum = "SELECT sum(value) FROM readings";
    let before = wire.value(sum);
    let error = wire.simple(&format!("{write}; SET TRANSACTION READ ONLY")).unwrap();
    assert!(whole_error(&error).contains("C0A000"), "{}", whole_error(&error));
    for sql in ["BEGIN", write, "SET TRANSACTION READ ONLY"] {
        wire.rows(sql);
    }
    assert!(!wire.value(&format!("{sum} HAVING sum(value) > {before}")).is_empty());
    assert_eq!(failure(&mut wire, "COMMIT").0, "0A000");
    assert_eq!(wire.value(sum), before);
}

#[test]
fn rows_of_all_shards_stay_locked_until_the_transaction_ends() {
    let stage = &*STAGE;
    let proxy = stage.proxy("locks-across", &Settings::default());
    let (mut one, mut other) = (login(&proxy), login(&proxy));
    // A table that no other test writes to.
    let locked = "SELECT instrument_id FROM market_data WHERE day = '2024-01-03' FOR UPDATE";
    let rows = one.rows(locked).len();
    // Outside a transaction block nothing stays.
    assert_eq!(other.rows(&format!("{locked} NOWAIT")).len(), rows);
    one.rows("BEGIN");
    assert_eq!(one.rows(locked).len(), rows);
    assert!(other.rows(&format!("{locked} SKIP LOCKED")).is_empty());
    for instrument in [1, 10_001, 20_001] {
        let one = "SELECT 1 FROM market_data WHERE day = '2024-01-03' AND instrument_id =";
        let sql = format!("{one} {instrument} FOR UPDATE NOWAIT");
        assert_eq!(failure(&mut other, &sql).0, "55P03");
    }
    assert_eq!(failure(&mut other, &format!("{locked} NOWAIT")).0, "55P03");
    one.rows("COMMIT");
    assert_eq!(other.rows(&format!("{locked} NOWAIT")).len(), rows);
    for end in ["COMMIT", "ROLLBACK"].repeat(20) {
        one.rows("BEGIN");
        one.rows(locked);
        one.rows(end);
        assert_eq!(other.rows(&format!("{locked} NOWAIT")).len(), rows);
    }
    // In the extended protocol too: there up to the Sync.
    other.send(&extended(locked, &[])).unwrap();
    assert_eq!(other.until_ready().unwrap().iter().filter(|frame| frame.tag == b'D').count(), rows);
    let unended = [wire::parse("", locked, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::flush()];
    other.send(&unended.concat()).unwrap();
    assert_eq!(other.until(b"C").unwrap().iter().filter(|frame| frame.tag == b'D').count(), rows);
    assert_eq!(failure(&mut one, &format!("{locked} NOWAIT")).0, "55P03");
    other.send(&wire::sync()).unwrap();
    other.until_ready().unwrap();
    assert_eq!(one.rows(&format!("{locked} NOWAIT")).len(), rows);
}

/// A view of which no row comes from one row alone is written out; others are read as they are.
#[test]
fn rights_to_views_are_those_of_postgresql_or_refused() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows(
            "CREATE ROLE viewer LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA public TO viewer; \
             CREATE VIEW kinds_shown AS SELECT kind, count(*) AS n FROM events GROUP BY kind; \
             CREATE VIEW kinds_hidden AS SELECT kind, count(*) AS n FROM events GROUP BY kind; \
             CREATE VIEW rows_shown AS SELECT client_id, id FROM events; \
             CREATE VIEW rows_hidden AS SELECT client_id, id FROM events; \
             GRANT SELECT ON kinds_shown, rows_shown TO viewer; \
             CREATE ROLE reads_tables LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA public TO reads_tables; \
             GRANT SELECT ON events TO reads_tables; GRANT SELECT ON kinds_shown TO reads_tables",
        );
    }
    let more = "[[users]]\nname = \"viewer\"\npassword = \"secret\"\n\n\
                [[users]]\nname = \"reads_tables\"\npassword = \"secret\"\n";
    let proxy = stage.proxy("view-rights", &Settings { more, ..Settings::default() });
    let mut viewer = enter(proxy.port, "viewer", &[]).unwrap();
    assert_eq!(viewer.value("SELECT count(id) FROM rows_shown"), "365");
    assert_eq!(viewer.rows("SELECT * FROM rows_shown WHERE id = 1").len(), 65);
    assert_eq!(failure(&mut viewer, "SELECT * FROM rows_hidden").0, "42501");
    // One PostgreSQL would read the tables with the rights of the view.
    let (state, message) = failure(&mut viewer, "SELECT * FROM kinds_shown");
    assert_eq!((state.as_str(), message.contains("a view of tables")), ("0A000", true), "{message}");
    let mut reader = enter(proxy.port, "reads_tables", &[]).unwrap();
    assert_eq!(reader.rows("SELECT * FROM kinds_shown").len(), 5);
    for hidden in
        ["SELECT * FROM kinds_hidden", "SELECT sum(v.n) FROM kinds_hidden v, kinds_shown s", "TABLE rows_hidden"]
    {
        assert_eq!(failure(&mut reader, hidden).0, "42501", "{hidden}");
    }
    assert_eq!(reader.value("SELECT count(*) FROM events"), "365");
}

#[test]
fn a_dead_shard_is_named_and_the_others_answer() {
    let mut stage = Stage::new(World::start("dead-across", false).unwrap());
    let proxy = stage.proxy("proxy", &Settings::default());
    let mut wire = login(&proxy);
    assert_eq!(wire.value("SELECT count(*) FROM events"), "365");
    stage.world.shards[1].kill().unwrap();
    let sorted = "SELECT id FROM events ORDER BY id";
    for sql in ["SELECT count(*) FROM events", "SELECT id FROM events", sorted, "DELETE FROM events"] {
        let (state, message) = failure(&mut wire, sql);
        assert!(["08006", "08001", "57P01", "57P03"].contains(&state.as_str()), "{state} {message}");
        assert!(message.contains("\"b\""), "{message}");
        assert_eq!(wire.value(&format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0])), "6");
    }
    stage.world.shards[1].restart().unwrap();
    until("it comes back", || wire::answers(&wire.simple("SELECT id FROM events").unwrap())[0].error.is_none());
    assert_eq!(wire.value("SELECT count(*) FROM events"), "365");
}

#[test]
fn a_statement_over_many_rows_is_planned_without_nested_loops_and_leaves_the_planner_as_it_was() {
    let stage = &*STAGE;
    let proxy = stage.proxy("guarded", &Settings::default());
    let mut wire = login(&proxy);
    let join = "SELECT count(*) FROM events a JOIN events b ON b.id = a.client_id AND b.kind = 'many'";
    wire.rows("BEGIN");
    wire.rows("INSERT INTO events (client_id, id, kind) SELECT c, i, 'many' FROM generate_series(1, 100) c, generate_series(1000, 1029) i");
    let plan = wire.rows(&format!("EXPLAIN ANALYZE {join}"));
    let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
    assert!(plan.iter().any(|line| line.contains("Hash Join")), "{plan:?}");
    assert!(!plan.iter().any(|line| line.contains("Nested Loop")), "{plan:?}");
    assert_eq!(wire.value(join), "0");
    assert_eq!(wire.value("SHOW enable_nestloop"), "on");
    // A portal that is asked for piece by piece.
    let rows = "SELECT a.id FROM events a JOIN events b ON b.id = a.id AND b.client_id = a.client_id AND b.kind = 'many' ORDER BY a.kind, a.id";
    let request = [
        wire::parse("", rows, &[]),
        wire::bind("", "", &[], 0),
        wire::execute("", 10),
        wire::execute("", 0),
        wire::sync(),
    ];
    wire.send(&request.concat()).unwrap();
    let frames = wire.until_ready().unwrap();
    let tags: String = frames.iter().map(|frame| frame.tag as char).filter(|tag| *tag != 'D').collect();
    assert_eq!(tags, "12sCZ");
    assert_eq!(frames.iter().filter(|frame| frame.tag == b'D').count(), 3000);
    assert_eq!(wire.value("SHOW enable_nestloop"), "on");
    // What is kept on its way leaves out the statements of ours, too.
    let numbered = "SELECT 100000 + row_number() OVER (ORDER BY a.client_id, a.id) AS number FROM events a JOIN events b ON b.id = a.id AND b.kind = 'many' AND b.client_id = 1";
    let frames = wire.simple(&format!("COPY ({numbered}) TO STDOUT")).unwrap();
    let copied: Vec<_> = frames.iter().filter(|frame| frame.tag == b'd').map(|frame| &*frame.body).collect();
    assert_eq!((copied.len(), copied[0], copied[2999]), (3000, &b"100001\n"[..], &b"103000\n"[..]));
    let frames = wire.simple(&format!("INSERT INTO nothing (client_id) {numbered}")).unwrap();
    assert!(frames.iter().any(|frame| frame.tag == b'C' && frame.body == b"INSERT 0 3000\0"), "{frames:?}");
    assert_eq!(
        wire.rows("SELECT count(*), min(client_id), max(client_id) FROM nothing")[0][2].as_deref(),
        Some("103000")
    );
    assert_eq!(wire.value("SHOW enable_nestloop"), "on");
    wire.rows("SAVEPOINT s");
    let failing = "SELECT sum(1 / (a.id - a.id)) FROM events a JOIN events b ON b.id = a.id AND b.kind = 'many'";
    assert_eq!(failure(&mut wire, failing).0, "22012");
    wire.rows("ROLLBACK TO s");
    assert_eq!(wire.value("SHOW enable_nestloop"), "on");
    wire.rows("SET LOCAL enable_nestloop = off");
    assert_eq!(wire.value(join), "0");
    assert_eq!(wire.value("SHOW enable_nestloop"), "off");
    wire.rows("ROLLBACK");
}

#[test]
fn rows_beyond_what_one_array_should_hold_are_gathered_in_several() {
    let stage = &*STAGE;
    let proxy = stage.proxy("arrays", &Settings::default());
    let mut wire = login(&proxy);
    let sql = "SELECT count(*), sum(length(a.kind)), count(DISTINCT a.id) FROM events a LEFT JOIN events b ON b.id = -a.id WHERE a.id >= 1000";
    wire.rows("BEGIN");
    for from in [1000, 2000] {
        wire.rows(&format!(
            "INSERT INTO events (client_id, id, kind) SELECT c, i, repeat('x', 20000) FROM generate_series(1, 20) c, generate_series({from}, {from} + 99) i"
        ));
    }
    let row = wire.rows(sql).remove(0);
    assert_eq!(row.into_iter().flatten().collect::<Vec<_>>(), ["4000", "80000000", "200"]);
    wire.rows("ROLLBACK");
}

#[test]
fn a_statement_over_many_rows_finds_the_settings_of_its_session() {
    let proxy = STAGE.proxy("planned-settings", &Settings::default());
    let mut wire = login(&proxy);
    wire.rows("BEGIN");
    wire.rows(
        "INSERT INTO events (client_id, id, kind) SELECT c, i, 'x' FROM generate_series(1, 30) c, generate_series(5000, 5099) i",
    );
    // Joined on what is no key: the rows of both are fetched.
    let sql = "SELECT current_setting('enable_nestloop'), (SELECT setting FROM pg_settings WHERE name = 'enable_nestloop'), count(*), \
               count(b.id) FROM events a LEFT JOIN events b ON b.id = -a.id WHERE a.id >= 5000";
    let expected = ["on", "on", "3000", "0"];
    assert_eq!(wire.rows(sql).remove(0).into_iter().flatten().collect::<Vec<_>>(), expected);
    wire.send(&extended(sql, &[])).unwrap();
    let row = wire::answers(&wire.until_ready().unwrap())[0].rows.remove(0);
    let text = |field: Option<Vec<u8>>| String::from_utf8(field.unwrap()).unwrap();
    assert_eq!(row.into_iter().map(text).collect::<Vec<_>>(), expected);
    let copied = wire.simple(&format!("COPY ({sql}) TO STDOUT")).unwrap();
    let copied = copied.iter().find(|frame| frame.tag == b'd').unwrap();
    assert_eq!(String::from_utf8_lossy(&copied.body), "on\ton\t3000\t0\n");
    wire.rows(&format!("CREATE TEMP TABLE planned (nestloop, setting, rows, others) AS {sql}"));
    assert_eq!(wire.rows("SELECT * FROM planned").remove(0).into_iter().flatten().collect::<Vec<_>>(), expected);
    wire.rows("ROLLBACK");
}

/// Rows of all shards in one pipeline, then a statement that takes long.
fn widened(stage: &Stage, name: &str) -> Vec<u8> {
    let add = |client: &i64| {
        let sql = format!("INSERT INTO events (client_id, id, kind) VALUES ({client}, 7000, '{name}')");
        [wire::parse("", &sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0)].concat()
    };
    let slow =
        format!("SELECT pg_sleep(60), '{name}' FROM events WHERE client_id = {} AND id = 7000", stage.clients[1]);
    let slow = [wire::parse("", &slow, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::flush()].concat();
    [stage.clients.iter().flat_map(add).collect::<Vec<u8>>(), slow].concat()
}

/// Nothing is left of it, and the session goes on.
fn is_undone(stage: &Stage, wire: &mut Wire, name: &str) {
    let end = wire.until_ready().unwrap();
    assert_eq!(end.last().unwrap().body, b"I");
    assert_eq!(wire.value(&format!("SELECT count(*) FROM events WHERE kind = '{name}'")), "0");
    for server in &stage.world.shards {
        let mut admin = admin(server.port());
        assert_eq!(admin.value(&format!("SELECT count(*) FROM events WHERE kind = '{name}'")), "0");
        let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND query LIKE";
        until("no transaction is left", || admin.value(&format!("{open} '%{name}%'")) == "0");
    }
    wire.send(&extended("SELECT 1", &[])).unwrap();
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].rows.len(), 1);
}

#[test]
fn a_cancel_meets_a_pipeline_that_has_widened() {
    let stage = &*STAGE;
    let proxy = stage.proxy("widened-cancel", &Settings::default());
    let mut wire = login(&proxy);
    for _ in 0..2 {
        wire.send(&widened(stage, "widenedcancel")).unwrap();
        until("it sleeps", || running(stage, "pg_sleep%widenedcancel") > 0);
        wire.cancel().unwrap();
        let frames = wire.until(b"E").unwrap();
        assert!(whole_error(&frames).contains("C57014"), "{frames:?}");
        wire.send(&wire::sync()).unwrap();
        is_undone(stage, &mut wire, "widenedcancel");
    }
}

#[test]
fn a_client_leaves_a_pipeline_that_has_widened() {
    let stage = &*STAGE;
    let proxy = stage.proxy("widened-left", &Settings::default());
    let mut wire = login(&proxy);
    wire.send(&widened(stage, "widenedleft")).unwrap();
    until("it sleeps", || running(stage, "pg_sleep%widenedleft") > 0);
    drop(wire);
    until("nothing runs any more", || running(stage, "widenedleft") == 0);
    let mut wire = login(&proxy);
    wire.send(&wire::sync()).unwrap();
    is_undone(stage, &mut wire, "widenedleft");
}

#[test]
fn a_server_is_lost_under_a_pipeline_that_has_widened() {
    let stage = &*STAGE;
    let proxy = stage.proxy("widened-lost", &Settings::default());
    // The one that runs the statement, and one that waits for the next.
    for shard in [1, 2] {
        let mut wire = login(&proxy);
        let name = format!("widenedlost{shard}");
        wire.send(&widened(stage, &name)).unwrap();
        until("it sleeps", || running(stage, &format!("pg_sleep%{name}")) > 0);
        let mut admin = admin(stage.world.shards[shard].port());
        let kill = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%{name}%'"
        );
        assert_ne!(admin.value(&kill), "0", "{name}");
        if shard == 2 {
            wire.cancel().unwrap();
        }
        let error = whole_error(&wire.until(b"E").unwrap());
        assert!(error.contains("C57P01") || shard == 2 && error.contains("C57014"), "{error}");
        // The server has ended this session alone, and so it ends for the client: at once, or with its Sync.
        wire.send(&wire::sync()).ok();
        while wire.recv().is_ok() {}
        wire = login(&proxy);
        wire.send(&wire::sync()).unwrap();
        is_undone(stage, &mut wire, &name);
    }
}

/// The temporary tables are where the session is, the other table is on another shard: neither server knows both.
#[test]
fn a_write_to_a_table_of_another_shard_than_temporary_ones_is_refused() {
    let stage = &*STAGE;
    let proxy = stage.proxy("temporary-apart", &Settings::default());
    let mut wire = login(&proxy);
    wire.rows("CREATE TEMP TABLE beside (id integer)");
    for sql in [
        "UPDATE ledger SET entry = 'x' FROM beside b WHERE b.id = ledger.id",
        "DELETE FROM ledger USING beside b WHERE b.id = ledger.id",
    ] {
        let (state, message) = failure(&mut wire, sql);
        assert_eq!(state, "0A000", "{sql}: {message}");
    }
    wire.rows("SELECT l.id FROM ledger l JOIN beside USING (id)");
}
