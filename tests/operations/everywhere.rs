//! Statements that concern every shard as a whole: all of them or none, or an exact report.

use super::*;
use crate::support::script::extended;

fn on_shards(stage: &Stage, sql: &str) -> Vec<String> {
    stage.world.shards.iter().map(|server| admin(server.port()).value(sql)).collect()
}

fn is_type(name: &str) -> String {
    format!("SELECT count(*) FROM pg_type WHERE typname = '{name}'")
}

fn is_index(name: &str) -> String {
    format!("SELECT count(*) FROM pg_class WHERE relkind = 'i' AND relname = '{name}'")
}

#[test]
fn what_one_shard_refuses_none_has() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-atomic", &Settings::default());
    let mut wire = login(&proxy);
    admin(stage.world.shards[1].port()).rows("CREATE TYPE atomic_type AS ENUM ('there')");
    let create = "CREATE TYPE atomic_type AS ENUM ('here')";
    let (state, message) = failure(&mut wire, create);
    assert_eq!((state.as_str(), message.as_str()), ("42710", "type \"atomic_type\" already exists"));
    assert_eq!(on_shards(stage, &is_type("atomic_type")), ["0", "1", "0"]);
    wire.send(&extended(create, &[])).unwrap();
    let frames = wire.until_ready().unwrap();
    assert!(whole_error(&frames).contains("C42710"));
    assert_eq!(frames.last().unwrap().body, b"I");
    assert_eq!(on_shards(stage, &is_type("atomic_type")), ["0", "1", "0"]);
    // In a transaction block the error aborts it on all shards; a savepoint brings it back.
    wire.rows("BEGIN");
    wire.rows("CREATE TYPE first_type AS ENUM ('x')");
    wire.rows("SAVEPOINT before");
    assert_eq!(failure(&mut wire, create).0, "42710");
    assert_eq!(failure(&mut wire, "SELECT 1").0, "25P02");
    wire.rows("ROLLBACK TO before");
    wire.rows("CREATE TYPE second_type AS ENUM ('x')");
    wire.rows("COMMIT");
    assert_eq!(on_shards(stage, &is_type("first_type")), ["1"; 3]);
    assert_eq!(on_shards(stage, &is_type("second_type")), ["1"; 3]);
    assert_eq!(on_shards(stage, &is_type("atomic_type")), ["0", "1", "0"]);
    admin(stage.world.shards[1].port()).rows("DROP TYPE atomic_type");
    wire.rows("DROP TYPE first_type, second_type");
    assert_eq!(on_shards(stage, &is_type("first_type")), ["0"; 3]);
    assert_eq!(on_shards(stage, "SELECT count(*) FROM pg_prepared_xacts"), ["0"; 3]);
}

#[test]
fn a_change_of_the_schema_is_seen_by_the_next_statement_of_anyone() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-seen", &Settings::default());
    let (mut one, mut other) = (login(&proxy), login(&proxy));
    let sum = "SELECT count(fresh), max(fresh) FROM readings";
    assert_eq!(failure(&mut other, sum).0, "42703");
    one.rows("ALTER TABLE readings ADD COLUMN fresh integer DEFAULT 7");
    assert_eq!(other.rows(sum)[0][1].as_deref(), Some("7"));
    assert_ne!(other.value(sum), "0");
    let last = other.value("SELECT max(sensor) FROM readings");
    one.rows("BEGIN");
    one.rows("ALTER TABLE readings DROP COLUMN fresh");
    // What is added up or compared needs no columns, what is fetched does.
    assert_eq!(one.value("SELECT max(sensor) FROM readings"), last);
    assert_eq!(failure(&mut one, "SELECT avg(sensor) FROM readings").0, "0A000");
    one.rows("ROLLBACK");
    assert_eq!(one.rows(sum)[0][1].as_deref(), Some("7"));
    one.send(&extended("ALTER TABLE readings DROP COLUMN fresh", &[])).unwrap();
    assert!(one.until_ready().unwrap().iter().any(|frame| frame.tag == b'C' && frame.body == b"ALTER TABLE\0"));
    assert_eq!(failure(&mut other, sum).0, "42703");
}

/// Drivers that remember what columns a statement has would take the new ones for the old.
#[test]
fn a_prepared_statement_does_not_change_its_columns() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-prepared", &Settings::default());
    let (mut owner, mut wire) = (login(&proxy), login(&proxy));
    let error = |wire: &mut Wire, name: &str| {
        wire.send(&[wire::bind("", name, &[], 0), wire::execute("", 0), wire::sync()].concat()).unwrap();
        wire::answers(&wire.until_ready().unwrap()).into_iter().find_map(|answer| answer.error)
    };
    let texts = [("all", "SELECT * FROM readings"), ("count", "SELECT count(*) FROM readings")];
    for (name, text) in texts {
        wire.send(&[wire::parse(name, text, &[]), wire::describe(b'S', name), wire::sync()].concat()).unwrap();
        wire.until_ready().unwrap();
    }
    owner.rows("ALTER TABLE readings ADD COLUMN later integer");
    wire.send(&[wire::bind("", "all", &[], 0), wire::execute("", 0), wire::sync()].concat()).unwrap();
    let changed = whole_error(&wire.until_ready().unwrap());
    assert!(changed.contains("C0A000") && changed.contains("Mcached plan must not change result type"), "{changed}");
    // Drivers know it by this, and prepare again.
    assert!(changed.contains("RRevalidateCachedQuery"), "{changed}");
    assert_eq!(error(&mut wire, "count"), None);
    owner.rows("ALTER TABLE readings DROP COLUMN later");
    assert_eq!(error(&mut wire, "all"), None);
}

#[test]
fn an_execute_of_what_does_not_parse_any_more_is_one_error() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE TABLE k_passing (a int, passing int); ALTER TABLE k_passing OWNER TO app");
    }
    let proxy = stage.proxy("ddl-executed", &Settings::default());
    reload(&proxy, |toml| toml + "k_passing = { shard = \"a\" }\n", "ok");
    let (mut owner, mut other, mut wire) = (login(&proxy), login(&proxy), login(&proxy));
    wire.rows("PREPARE passing AS SELECT passing FROM k_passing");
    owner.rows("ALTER TABLE k_passing DROP COLUMN passing");
    for begin in [None, Some("BEGIN")] {
        // The server that has it is busy: another one gets it.
        other.rows("BEGIN");
        other.rows("SELECT a FROM k_passing");
        begin.into_iter().for_each(|sql| drop(wire.rows(sql)));
        let tags: Vec<u8> = wire.simple("EXECUTE passing").unwrap().iter().map(|frame| frame.tag).collect();
        assert_eq!(tags, b"EZ");
        begin.into_iter().for_each(|_| drop(wire.rows("ROLLBACK")));
        assert_eq!(wire.rows("SELECT 1").len(), 1);
        other.rows("COMMIT");
    }
}

#[test]
fn a_notice_is_said_once() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-notice", &Settings::default());
    let mut wire = login(&proxy);
    let frames = wire.simple("DROP TYPE IF EXISTS no_such_type").unwrap();
    let tags: Vec<u8> = frames.iter().map(|frame| frame.tag).collect();
    assert_eq!(tags, b"NCZ");
}

#[test]
fn outside_of_transactions_it_goes_from_shard_to_shard_and_says_how_far() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-turn", &Settings::default());
    let mut wire = login(&proxy);
    admin(stage.world.shards[1].port()).rows("CREATE INDEX turn_index ON readings (value)");
    let create = "CREATE INDEX CONCURRENTLY turn_index ON readings (sensor)";
    let error = whole_error(&wire.simple(create).unwrap());
    assert!(error.contains("C42P07"), "{error}");
    assert!(error.contains("Mshard \"b\": relation \"turn_index\" already exists"), "{error}");
    assert!(error.contains("DDone on: \"a\". Not begun on: \"c\"."), "{error}");
    assert_eq!(on_shards(stage, &is_index("turn_index")), ["1", "1", "0"]);
    wire.rows("DROP INDEX CONCURRENTLY IF EXISTS turn_index");
    assert_eq!(on_shards(stage, &is_index("turn_index")), ["0"; 3]);
    wire.rows(create);
    assert_eq!(on_shards(stage, &is_index("turn_index")), ["1"; 3]);
    for sql in ["REINDEX INDEX CONCURRENTLY turn_index", "REINDEX TABLE readings", "ANALYZE readings", "VACUUM"] {
        wire.rows(sql);
        wire.send(&extended(sql, &[])).unwrap();
        let frames = wire.until_ready().unwrap();
        assert_eq!(frames.iter().filter(|frame| frame.tag == b'E').count(), 0, "{sql}");
    }
    let vacuumed = "SELECT count(*) FROM pg_class WHERE relname = 'readings' AND relallvisible > 0";
    wire.rows("VACUUM readings");
    assert_eq!(on_shards(stage, vacuumed), ["1"; 3]);
    wire.rows("BEGIN");
    assert_eq!(failure(&mut wire, "VACUUM readings").0, "25001");
    wire.rows("ROLLBACK");
    wire.rows("DROP INDEX turn_index");
    assert_eq!(on_shards(stage, &is_index("turn_index")), ["0"; 3]);
}

#[test]
fn locks_need_a_block_and_are_taken_on_all_shards() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-lock", &Settings::default());
    let mut wire = login(&proxy);
    assert_eq!(failure(&mut wire, "LOCK TABLE readings").0, "25P01");
    wire.rows("BEGIN");
    wire.rows("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE");
    let locked = "SELECT count(*) FROM pg_locks WHERE relation = 'readings'::regclass AND mode = 'AccessExclusiveLock'";
    assert_eq!(on_shards(stage, locked), ["1"; 3]);
    wire.rows("COMMIT");
    assert_eq!(on_shards(stage, locked), ["0"; 3]);
}

#[test]
fn a_changed_name_waits_for_the_commit() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-bent", &Settings::default());
    let mut wire = login(&proxy);
    wire.rows("CREATE VIEW bent AS SELECT name FROM countries");
    wire.rows("BEGIN");
    wire.rows("CREATE OR REPLACE VIEW bent AS SELECT kind AS name FROM events");
    wire.rows("SELECT 1 AS unbent");
    assert_eq!(failure(&mut wire, "SELECT * FROM bent").0, "0A000");
    wire.rows("ROLLBACK");
    assert_eq!(wire.rows("SELECT * FROM bent").len(), 5);
    wire.rows("DROP VIEW bent");
}

/// Checks, domains, operators that call functions over tables: plans know of them when the transaction commits.
#[test]
fn what_runs_new_functions_waits_for_the_commit() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-woken", &Settings::default());
    let mut wire = login(&proxy);
    let looks = "CREATE FUNCTION looks(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT count(*) > 0 FROM events'";
    let client = stage.clients[1];
    let insert = format!("INSERT INTO events (client_id, id, kind) VALUES ({client}, 90077, 'x')");
    for (changes, sql) in [
        (vec![looks, "ALTER TABLE events ADD CONSTRAINT looks CHECK (looks(kind)) NOT VALID"], &*insert),
        (vec![looks, "CREATE DOMAIN looked AS text CHECK (looks(VALUE))"], "SELECT 'x'::looked"),
        (
            vec![
                looks,
                "CREATE DOMAIN looked AS text CHECK (looks(VALUE))",
                "ALTER TABLE events ADD COLUMN also looked",
            ],
            &*insert,
        ),
        (
            vec![
                "CREATE TYPE tone AS ENUM ('low')",
                "CREATE FUNCTION tone_is(tone, text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT count(*) > 0 FROM events'",
                "CREATE OPERATOR = (LEFTARG = tone, RIGHTARG = text, FUNCTION = tone_is)",
            ],
            "SELECT 'low'::tone IN ('low'::text)",
        ),
        (
            vec![
                "CREATE TYPE tone AS (n text)",
                "CREATE FUNCTION tone_of(text) RETURNS tone LANGUAGE sql STABLE AS 'SELECT ROW(count(*)::text)::tone FROM events'",
                "CREATE CAST (text AS tone) WITH FUNCTION tone_of(text)",
            ],
            "SELECT CAST(name AS tone) FROM countries",
        ),
    ] {
        wire.rows("BEGIN");
        changes.iter().for_each(|change| drop(wire.rows(change)));
        let (state, message) = failure(&mut wire, sql);
        assert!(state == "0A000" && message.contains("transaction"), "{sql}: {state} {message}");
        wire.rows("ROLLBACK");
    }
    // What only looks at its arguments is used at once.
    wire.rows("BEGIN");
    wire.rows("CREATE FUNCTION longer(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT length($1) > 0'");
    wire.rows("ALTER TABLE events ADD COLUMN also text CHECK (also <> '')");
    wire.rows(&insert);
    wire.rows("ROLLBACK");
}

#[test]
fn rows_are_not_put_in_by_the_columns_of_before() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-columns", &Settings::default());
    let mut wire = login(&proxy);
    let [one, other] = [stage.clients[1], stage.clients[2]];
    let copies = "SELECT string_agg(t::text, ' ' ORDER BY id) FROM tags t WHERE id > 900";
    let before = on_shards(stage, copies);
    // Which rows the copies get would depend on the columns that were known; the key would be another column.
    for (change, sql) in [
        (
            "ALTER TABLE tags ADD COLUMN extra integer",
            "INSERT INTO tags (id, name, seen, extra) VALUES (901, 'x', 'now', 5)",
        ),
        ("ALTER TABLE tags ADD COLUMN extra integer", "UPDATE tags SET weight = random() WHERE id = 1"),
        ("ALTER TABLE tags ALTER COLUMN weight SET DEFAULT random()", "INSERT INTO tags (id, name) VALUES (901, 'x')"),
        ("ALTER TABLE other.events DROP COLUMN kind", &format!("INSERT INTO other.events VALUES ({one}, 1)")),
        ("ALTER TABLE other.events DROP COLUMN kind", "COPY other.events FROM STDIN"),
        (
            "ALTER TABLE sessions ADD COLUMN extra integer",
            &format!("UPDATE sessions SET client_id = {other} WHERE client_id = {one}"),
        ),
        (
            "ALTER TABLE events ADD COLUMN extra integer",
            "INSERT INTO other.events (client_id, id) SELECT id, client_id FROM events",
        ),
    ] {
        wire.rows("BEGIN");
        wire.rows(change);
        assert_eq!(failure(&mut wire, sql).0, "0A000", "{sql}");
        wire.rows("ROLLBACK");
    }
    assert_eq!(on_shards(stage, copies), before);
    // What is listed finds its place, and what every shard computes for itself is the same.
    for (change, sql) in [
        ("ALTER TABLE tags ADD COLUMN extra integer", "UPDATE tags SET extra = id * 2".to_owned()),
        (
            "ALTER TABLE other.events ADD COLUMN extra integer",
            format!("INSERT INTO other.events (extra, client_id, id) VALUES (1, {one}, 90001), (2, {other}, 90001)"),
        ),
        (
            "ALTER TABLE tags ADD CONSTRAINT named CHECK (name <> '')",
            "INSERT INTO tags (id, name) VALUES (901, 'x')".to_owned(),
        ),
    ] {
        wire.rows("BEGIN");
        wire.rows(change);
        wire.rows(&sql);
        wire.rows("ROLLBACK");
    }
}

#[test]
fn a_script_of_several_statements_is_one_transaction_on_all_shards() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-script", &Settings::default());
    let mut wire = login(&proxy);
    let script = "CREATE TYPE script_type AS ENUM ('x'); CREATE INDEX script_index ON readings (value); SELECT 1; ";
    let frames = wire.simple(script).unwrap();
    let tags: Vec<String> = wire::answers(&frames).into_iter().map(|answer| answer.tag).collect();
    assert_eq!(tags, ["CREATE TYPE", "CREATE INDEX", "SELECT 1"]);
    assert_eq!(on_shards(stage, &is_type("script_type")), ["1"; 3]);
    assert_eq!(
        failure(&mut wire, "DROP TYPE script_type; DROP INDEX script_index; DROP INDEX script_index").0,
        "42704"
    );
    assert_eq!(on_shards(stage, &is_type("script_type")), ["1"; 3]);
    assert_eq!(failure(&mut wire, "DROP TYPE script_type; VACUUM readings").0, "25001");
    wire.rows("DROP TYPE script_type; DROP INDEX script_index");
    assert_eq!(on_shards(stage, &is_index("script_index")), ["0"; 3]);
}

/// A proxy whose map lists more tables of the keyspace `bigints`, by `client_id`.
fn with_tables(stage: &Stage, name: &str, tables: &[&str]) -> Proxy {
    let proxy = stage.proxy(name, &Settings::default());
    let lines: String =
        tables.iter().map(|table| format!("{table} = {{ keyspace = \"bigints\", key = \"client_id\" }}\n")).collect();
    let section = "[databases.app.tables]\n";
    reload(&proxy, |toml| toml.replacen(section, &format!("{section}{lines}"), 1), "ok");
    proxy
}

#[test]
fn no_number_is_given_out_by_two_shards() {
    let stage = &*STAGE;
    let proxy = with_tables(stage, "ddl-numbers", &["tickets", "stubs", "copies"]);
    let mut wire = login(&proxy);
    wire.rows("CREATE TABLE tickets (client_id bigint, id bigserial, n integer GENERATED BY DEFAULT AS IDENTITY, PRIMARY KEY (client_id, id))");
    wire.rows("CREATE SEQUENCE stub_numbers START 1000");
    wire.rows(
        "CREATE TABLE stubs (client_id bigint, id bigint DEFAULT nextval('stub_numbers'), PRIMARY KEY (client_id, id))",
    );
    wire.rows("CREATE TABLE copies (LIKE tickets INCLUDING ALL)");
    // What is there counts on from where it is.
    wire.rows("CREATE TABLE IF NOT EXISTS tickets (client_id bigint, id bigserial, PRIMARY KEY (client_id, id))");
    for round in 0..4 {
        for client in &stage.clients {
            wire.rows(&format!("INSERT INTO tickets (client_id) VALUES ({client})"));
            wire.rows(&format!("INSERT INTO stubs (client_id) VALUES ({client})"));
            wire.rows(&format!("INSERT INTO copies (client_id, id) VALUES ({client}, {round})"));
        }
        wire.rows("CREATE TABLE IF NOT EXISTS tickets (client_id bigint, id bigserial, PRIMARY KEY (client_id, id))");
    }
    for (table, column, least) in
        [("tickets", "id", "1"), ("tickets", "n", "1"), ("stubs", "id", "1000"), ("copies", "n", "1")]
    {
        let sql = format!(
            "SELECT count(*), count(DISTINCT {column}), min({column}), max({column}) < {least} + 64 * 4 FROM {table}"
        );
        let row: Vec<String> = wire.rows(&sql)[0].iter().map(|it| it.clone().unwrap()).collect();
        assert_eq!(row, ["12", "12", least, "t"], "{table}.{column}");
    }
    // TRUNCATE … RESTART IDENTITY begins again, each shard at its own place.
    wire.rows("TRUNCATE tickets RESTART IDENTITY");
    for client in &stage.clients {
        wire.rows(&format!("INSERT INTO tickets (client_id) VALUES ({client})"));
    }
    assert_eq!(wire.value("SELECT array_agg(id ORDER BY id) FROM tickets"), "{1,2,3}");
    for refused in [
        "ALTER SEQUENCE tickets_id_seq INCREMENT BY 1",
        "ALTER TABLE tickets ALTER n RESTART WITH 5",
        "CREATE SEQUENCE other_numbers INCREMENT BY 10",
        "SELECT setval('tickets_id_seq', 7), setval('stub_numbers', 7)",
        "SELECT count(*) FROM events WHERE setval('stub_numbers', 7) = 7",
    ] {
        assert_eq!(failure(&mut wire, refused).0, "0A000", "{refused}");
    }
    // Each shard goes on at the next number of its own, or does not, where the transaction is undone.
    let next = |wire: &mut Wire| {
        let of = |client| wire.value(&format!("INSERT INTO tickets (client_id) VALUES ({client}) RETURNING id"));
        let mut ids: Vec<i64> = stage.clients.iter().map(of).map(|id| id.parse().unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    wire.rows("ALTER SEQUENCE public.tickets_id_seq RESTART WITH 700");
    assert_eq!(next(&mut wire), [705, 706, 707]);
    wire.rows("BEGIN");
    wire.rows("ALTER SEQUENCE tickets_id_seq RESTART 5000000000");
    assert_eq!(next(&mut wire), [5_000_000_001, 5_000_000_002, 5_000_000_003]);
    wire.rows("ROLLBACK");
    assert_eq!(next(&mut wire), [769, 770, 771]);
    wire.send(&extended("ALTER SEQUENCE tickets_id_seq CACHE 1 RESTART WITH 1 OWNED BY NONE", &[])).unwrap();
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "ALTER SEQUENCE");
    assert_eq!(failure(&mut wire, "ALTER SEQUENCE tickets_id_seq RESTART WITH 0").0, "22023");
    assert_eq!(failure(&mut wire, "ALTER SEQUENCE no_such_numbers RESTART WITH 7").0, "0A000");
    wire.rows("TRUNCATE tickets");
    assert_eq!(next(&mut wire), [1, 2, 3]);
    wire.rows("ALTER SEQUENCE tickets_id_seq RESTART");
    wire.rows("ALTER SEQUENCE tickets_id_seq OWNED BY NONE");
    wire.rows("DROP TABLE tickets, stubs, copies");
    wire.rows("DROP SEQUENCE stub_numbers, tickets_id_seq");
}

/// Of all its numbers the last is told, as pg_dump asks for it.
#[test]
fn a_definition_that_names_what_one_shard_has_is_refused_by_name() {
    let stage = &*STAGE;
    let proxy = stage.proxy("ddl-known", &Settings::default());
    let mut wire = login(&proxy);
    let function =
        |of: &str| format!("CREATE FUNCTION looks_at() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM {of}'");
    // The last shard has it, and the first.
    for (shard, lacking) in [(2, "a"), (0, "b")] {
        admin(stage.world.shards[shard].port()).rows("CREATE TABLE one_alone (id bigint)");
        for sql in [function("one_alone"), "CREATE DOMAIN of_one AS one_alone[]".to_owned()] {
            let (state, message) = failure(&mut wire, &sql);
            assert_eq!(state, "0A000", "{message}");
            assert!(message.ends_with("names what not every shard has"), "{message}");
            wire.send(&extended(&sql, &[])).unwrap();
            let frames = wire.until_ready().unwrap();
            assert!(whole_error(&frames).contains(&format!("On shard \"{lacking}\"")));
        }
        assert_eq!(on_shards(stage, "SELECT count(*) FROM pg_proc WHERE proname = 'looks_at'"), ["0"; 3]);
        admin(stage.world.shards[shard].port()).rows("DROP TABLE one_alone");
    }
    // What no shard has is PostgreSQL's own error.
    assert_eq!(failure(&mut wire, &function("of_nobody")).0, "42P01");
    wire.rows("CREATE TEMP TABLE mine (id bigint); CREATE INDEX mine_id ON mine (id)");
    assert_eq!(failure(&mut wire, "DROP INDEX mine_id").0, "0A000");
    // What needs no transaction is done where it is.
    wire.rows("REINDEX INDEX mine_id");
    wire.rows("DROP INDEX CONCURRENTLY mine_id");
    assert_eq!(failure(&mut wire, "REINDEX INDEX mine_id").0, "42P01");
    wire.rows("CREATE INDEX mine_id ON mine (id)");
    wire.rows("DROP INDEX IF EXISTS mine_id");
    assert_eq!(failure(&mut wire, "DROP INDEX mine_id").0, "42704");
}

#[test]
fn a_new_sequence_asks_nothing_of_those_of_others() {
    let stage = &*STAGE;
    let proxy = stage.proxy("sequence-others", &Settings::default());
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE SEQUENCE of_others INCREMENT 1");
    }
    let mut wire = login(&proxy);
    wire.rows("CREATE SEQUENCE of_mine");
    assert_eq!(on_shards(stage, "SELECT nextval('of_mine')"), ["1", "2", "3"]);
    wire.rows("DROP SEQUENCE of_mine");
    for server in &stage.world.shards {
        admin(server.port()).rows("DROP SEQUENCE of_others");
    }
}

#[test]
fn a_sequence_that_all_shards_have_is_read_where_it_has_come_furthest() {
    let stage = &*STAGE;
    for (number, server) in (1..).zip(&stage.world.shards) {
        let sequence = format!("CREATE SEQUENCE falling INCREMENT -64 START {}", -number);
        admin(server.port()).rows(&format!("{sequence}; GRANT ALL ON SEQUENCE falling TO app"));
    }
    let proxy = with_tables(stage, "last-numbers", &["drawn"]);
    let mut wire = login(&proxy);
    wire.rows("CREATE TABLE drawn (client_id bigint, id bigserial, down integer, PRIMARY KEY (client_id, id))");
    wire.rows("ALTER TABLE drawn ALTER down SET DEFAULT nextval('falling')");
    let ask = "SELECT last_value, is_called FROM public.drawn_id_seq";
    let falls = "SELECT f.last_value, is_called FROM falling AS f";
    let told = |wire: &mut Wire, sql: &str| {
        let row: Vec<String> = wire.rows(sql)[0].iter().map(|it| it.clone().unwrap()).collect();
        wire.send(&extended(sql, &[])).unwrap();
        assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].rows.len(), 1);
        row
    };
    assert_eq!(told(&mut wire, ask), ["1", "f"]);
    assert_eq!(told(&mut wire, falls), ["-1", "f"]);
    for (client, last, least) in [(0, "1", "-1"), (2, "3", "-3"), (1, "3", "-3"), (1, "66", "-66"), (0, "66", "-66")] {
        wire.rows(&format!("INSERT INTO drawn (client_id) VALUES ({})", stage.clients[client]));
        assert_eq!(told(&mut wire, ask), [last, "t"]);
        assert_eq!(told(&mut wire, falls), [least, "t"]);
    }
    assert_eq!(
        told(&mut wire, "SELECT s.last_value = (SELECT max(id) FROM drawn) FROM drawn_id_seq s WHERE is_called"),
        ["t"]
    );
    assert_eq!(wire.value("SELECT count(*) FROM drawn_id_seq WHERE NOT is_called"), "0");
    wire.rows("SELECT setval('drawn_id_seq', 1000)");
    assert_eq!(told(&mut wire, ask), ["1025", "f"]);
    for refused in ["SELECT s FROM drawn_id_seq s", "COPY (SELECT last_value FROM falling) TO STDOUT"] {
        assert_eq!(failure(&mut wire, refused).0, "0A000", "{refused}");
    }
    wire.rows("DROP TABLE drawn");
    for server in &stage.world.shards {
        admin(server.port()).rows("DROP SEQUENCE falling");
    }
}

/// As pg_dump, Django and Rails write it.
#[test]
fn setval_goes_on_behind_the_number_on_every_shard() {
    let stage = &*STAGE;
    let proxy = with_tables(stage, "setval", &["jumps", "alike"]);
    let (mut wire, mut oracle) = (login(&proxy), admin(stage.world.oracle.port()));
    let create = "CREATE TABLE jumps (client_id bigint, id bigserial, n integer GENERATED BY DEFAULT AS IDENTITY, PRIMARY KEY (client_id, id))";
    let clients = &stage.clients;
    let insert = |wire: &mut Wire| -> Vec<i64> {
        let of = |client| wire.value(&format!("INSERT INTO jumps (client_id, n) VALUES ({client}, 0) RETURNING id"));
        clients.iter().map(of).map(|id| id.parse().unwrap()).collect()
    };
    wire.rows(create);
    oracle.rows(create);
    let prepared = "SELECT setval($1::text::regclass, $2, $3) AS now";
    let mut seen = Vec::new();
    // What is set, and the number behind which all shards are to go on.
    let steps = [
        (wire::query("SELECT pg_catalog.setval('public.jumps_id_seq', 1000, true)"), 1000),
        (wire::query("SELECT setval('jumps_id_seq'::regclass, 2000 /* (, */, false) -- )"), 1999),
        (extended(prepared, &["jumps_id_seq", "3001", "true"]), 3001),
        (extended(prepared, &["jumps_id_seq", "3300", "off"]), 3299),
        (binary("SELECT setval('jumps_id_seq', 4000)"), 4000),
        (
            wire::query("BEGIN; SELECT setval('jumps_id_seq', (SELECT 4500 + count(*) % 10 FROM events)); ROLLBACK"),
            4503,
        ),
        (wire::query("PREPARE p AS SELECT setval('jumps_id_seq', $1)"), 4500),
        (wire::query("EXECUTE p(5000)"), 5000),
        (wire::query("SELECT setval('jumps_id_seq', NULL)"), 5000),
        (wire::query("SELECT setval('jumps_id_seq', 9000) WHERE false"), 5000),
    ];
    for (messages, least) in steps {
        wire.send(&messages).unwrap();
        oracle.send(&messages).unwrap();
        assert_eq!(
            wire::transcript(&wire.until_ready().unwrap()),
            wire::transcript(&oracle.until_ready().unwrap()),
            "{least}"
        );
        let ids = insert(&mut wire);
        assert!(ids.iter().all(|id| *id > least && *id <= least + 4 * 64), "{least}: {ids:?}");
        seen.extend(ids);
    }
    seen.sort_unstable();
    let all = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), all);
    // Over the rows of all shards.
    let reset =
        "SELECT setval(pg_get_serial_sequence('jumps', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM jumps";
    assert_eq!(wire.value(reset).parse::<i64>().unwrap(), seen[all - 1]);
    assert!(insert(&mut wire).iter().all(|id| *id > seen[all - 1]));
    // The same errors, and the transaction goes on as there.
    for wrong in [
        "SELECT setval('jumps_id_seq', 0)",
        "SELECT setval('jumps_n_seq', 3000000000)",
        "SELECT setval('jumps_id_seq', 7.5)",
        "SELECT setval('jumps_id_seq', 7, 1)",
        "SELECT setval('no_such_sequence', 7)",
        "SELECT setval('jumps', 7)",
        "SELECT setval('jumps_id_seq', 1/0)",
    ] {
        assert_eq!(failure(&mut wire, wrong), failure(&mut oracle, wrong), "{wrong}");
    }
    // One that the session alone has is on one server.
    wire.rows("CREATE TEMP SEQUENCE passing");
    assert_eq!(failure(&mut wire, "SELECT setval('passing', 7)").0, "0A000");
    wire.rows("DISCARD ALL");
    // Made elsewhere, with steps of one.
    for (number, shard) in stage.world.shards.iter().enumerate() {
        admin(shard.port()).rows(&format!("CREATE SEQUENCE alike START {}", 1 + number));
    }
    let (code, message) = failure(&mut wire, "SELECT setval('alike', 7)");
    assert_eq!(code, "0A000", "{message}");
    wire.rows("DROP SEQUENCE alike");
    wire.rows("DROP TABLE jumps");
    oracle.rows("DROP TABLE jumps");
}

/// One statement of the extended protocol without parameters, all results in binary format.
fn binary(sql: &str) -> Vec<u8> {
    [
        wire::parse("", sql, &[]),
        wire::bind("", "", &[], 1),
        wire::describe(b'P', ""),
        wire::execute("", 0),
        wire::sync(),
    ]
    .concat()
}

/// What COPY TO sent: the bodies of its CopyData messages, its tag, and how many times it began and ended.
fn copied(wire: &mut Wire, sql: &str) -> (Vec<Vec<u8>>, String, [usize; 2]) {
    let frames = wire.simple(sql).unwrap();
    let count = |tag: u8| frames.iter().filter(|frame| frame.tag == tag).count();
    let data = frames.iter().filter(|frame| frame.tag == b'd').map(|frame| frame.body.clone()).collect();
    (data, wire::answers(&frames).pop().unwrap().tag, [count(b'H'), count(b'c')])
}

#[test]
fn copy_to_has_one_header_and_one_trailer_and_comes_back() {
    let stage = &*STAGE;
    let proxy = stage.proxy("copy-out", &Settings::default());
    let (mut wire, mut oracle) = (login(&proxy), admin(stage.world.oracle.port()));
    let (lines, tag, ends) = copied(&mut wire, "COPY wide TO STDOUT WITH (FORMAT csv, HEADER)");
    let (expected, expected_tag, _) = copied(&mut oracle, "COPY wide TO STDOUT WITH (FORMAT csv, HEADER)");
    assert_eq!((tag, ends, &lines[0]), (expected_tag, [1, 1], &expected[0]));
    let sorted = |lines: &[Vec<u8>]| {
        let mut lines = lines.to_vec();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&lines), sorted(&expected));
    for table in ["events", "orders", "nothing", "readings"] {
        let sql = format!("COPY {table} TO STDOUT WITH (FORMAT binary)");
        let (data, tag, ends) = copied(&mut wire, &sql);
        assert_eq!(ends, [1, 1], "{table}");
        oracle.rows(&format!("CREATE TEMP TABLE back_{table} (LIKE {table})"));
        oracle.send(&wire::query(&format!("COPY back_{table} FROM STDIN WITH (FORMAT binary)"))).unwrap();
        oracle.until(b"G").unwrap();
        oracle.send(&[wire::message(b'd', &data.concat()), wire::message(b'c', b"")].concat()).unwrap();
        assert_eq!(wire::answers(&oracle.until_ready().unwrap())[0].tag, tag, "{table}");
        for (one, other) in [(format!("back_{table}"), table.to_owned()), (table.to_owned(), format!("back_{table}"))] {
            let left = format!("SELECT count(*) FROM (TABLE {one} EXCEPT ALL TABLE {other}) x");
            let left =
                left.replace("TABLE events", "SELECT client_id, id, kind, amount, at, payload::text FROM events");
            let left = left
                .replace("TABLE back_events", "SELECT client_id, id, kind, amount, at, payload::text FROM back_events");
            assert_eq!(oracle.value(&left), "0", "{table}");
        }
    }
    // In the extended protocol, and in a transaction.
    wire.rows("BEGIN");
    wire.send(&extended("COPY events TO STDOUT", &[])).unwrap();
    let frames = wire.until_ready().unwrap();
    assert_eq!(frames.iter().filter(|frame| frame.tag == b'd').count(), 365);
    assert!(frames.iter().any(|frame| frame.tag == b'C' && frame.body == b"COPY 365\0"));
    assert_eq!(wire.value("SELECT count(*) FROM events"), "365");
    wire.rows("COMMIT");
    // An error on one shard ends it, and the session goes on.
    assert_eq!(failure(&mut wire, "COPY (SELECT 1 / (id - 2) FROM events) TO STDOUT").0, "22012");
    assert_eq!(wire.value("SELECT count(*) FROM events"), "365");
}

#[test]
fn a_table_of_one_shard_is_no_temporary_one_under_its_new_name() {
    let stage = &*STAGE;
    let settings = Settings { database: "default_shard = \"b\"", ..Settings::default() };
    let proxy = stage.proxy("renamed", &settings);
    let mut wire = login(&proxy);
    wire.rows("CREATE TABLE before_it AS SELECT 7 AS n");
    wire.rows("ALTER TABLE before_it RENAME TO behind_it");
    assert_eq!(wire.value("SELECT n FROM behind_it"), "7");
    wire.rows("DROP TABLE behind_it");
}

/// The map says where such a table is, so the next statement of anyone finds it.
#[test]
fn a_new_table_of_one_shard_is_filled_with_rows_of_all() {
    let stage = &*STAGE;
    let settings = Settings { database: "pool_size = 10\ndefault_shard = \"b\"", ..Settings::default() };
    let proxy = stage.proxy("created", &settings);
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    let expected = wire.rows("SELECT kind, count(*), sum(amount) FROM events GROUP BY kind ORDER BY kind");
    let is_table = |name: &str| format!("SELECT count(*) FROM pg_class WHERE relname = '{name}'");
    let columns = |name: &str| {
        format!(
            "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute \
             WHERE attrelid = '{name}'::regclass AND attnum > 0"
        )
    };
    let query = "SELECT kind, count(*) AS n, sum(amount) AS total FROM events GROUP BY kind";
    wire.rows(&format!("CREATE TABLE made_simple AS {query}"));
    wire.send(&extended(&format!("CREATE TABLE made_extended AS {query}"), &[])).unwrap();
    let frames = wire.until_ready().unwrap();
    assert!(frames.iter().any(|frame| frame.tag == b'C' && frame.body == b"SELECT 5\0"), "{frames:?}");
    wire.rows(&query.replacen(" FROM", " INTO UNLOGGED TABLE made_into FROM", 1));
    for table in ["made_simple", "made_extended", "made_into"] {
        assert_eq!(on_shards(stage, &is_table(table)), ["0", "1", "0"], "{table}");
        assert_eq!(other.rows(&format!("SELECT kind, n, total FROM {table} ORDER BY kind")), expected, "{table}");
        let shard = &stage.world.shards[1];
        assert_eq!(admin(shard.port()).value(&columns(table)), "kind text, n bigint, total numeric", "{table}");
        wire.rows(&format!("DROP TABLE {table}"));
    }
    // In a transaction it is undone with it; an error leaves nothing.
    wire.rows("BEGIN");
    wire.rows("CREATE TABLE made_undone AS SELECT DISTINCT client_id, kind FROM events");
    assert_eq!(failure(&mut wire, "SELECT count(*) FROM made_undone").0, "0A000");
    wire.rows("ROLLBACK");
    assert_eq!(failure(&mut wire, "CREATE TABLE made_undone AS SELECT sum(1 / (id - id)) FROM events").0, "22012");
    assert_eq!(on_shards(stage, &is_table("made_undone")), ["0", "0", "0"]);
    assert_eq!(wire.value("SELECT count(*) FROM events"), "365");
    // Committed together with rows of other shards.
    wire.rows("BEGIN");
    wire.rows(&format!("INSERT INTO nothing (client_id) VALUES ({})", stage.clients[0]));
    wire.rows("CREATE TABLE made_together AS SELECT max(id) AS id FROM events");
    wire.rows("COMMIT");
    assert_eq!(other.value("SELECT count(*) FROM made_together, nothing"), "1");
    wire.rows("DROP TABLE made_together");
    wire.rows("DELETE FROM nothing");
    // Where the map does not say so, none is made.
    let proxy = stage.proxy("not-created", &Settings::default());
    let mut wire = login(&proxy);
    for sql in ["CREATE TABLE made_nowhere AS SELECT id FROM events", "SELECT id INTO made_nowhere FROM events"] {
        let frames = wire.simple(sql).unwrap();
        let error = whole_error(&frames);
        assert!(error.contains("C0A000") && error.contains("shard map"), "{error}");
    }
    assert_eq!(on_shards(stage, &is_table("made_nowhere")), ["0", "0", "0"]);
}
