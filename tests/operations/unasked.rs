//! Functions that run although nobody calls them: event triggers, and what the schema comes by while the proxy looks on.

use super::*;

/// A map of one sharded table and one that lives on a shard.
const MAP: &str = "[databases.app.keyspaces.clients]\ntype = \"bigint\"\nmethod = \"hash\"\n\
     buckets = { a = \"0-85\", b = \"86-170\", c = \"171-255\" }\n\
     [databases.app.tables]\nrows = { keyspace = \"clients\", key = \"id\" }\nnotes = { shard = \"a\" }\n";

/// Superusers alone make event triggers.
fn owner(proxy: &Proxy) -> Wire {
    Wire::login(proxy.port, "postgres", &[]).unwrap()
}

fn start(world: &World, name: &str, lines: &str) -> Proxy {
    let map = format!("[databases.app]\npool_size = 4\n{lines}\n{}{MAP}", world.shards_toml());
    Proxy::start(&world.lab, name, &map).unwrap()
}

fn fill(world: &World) {
    for shard in &world.shards {
        let mut wire = admin(shard.port());
        wire.rows("CREATE TABLE rows (id bigint PRIMARY KEY, v bigint); CREATE TABLE notes (id bigint PRIMARY KEY)");
        wire.rows("GRANT ALL ON rows, notes TO app; GRANT ALL ON SCHEMA public TO app");
        wire.rows("CREATE FUNCTION small(bigint) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT count(*) >= 0 AND $1 < 9 FROM rows'");
        wire.rows("CREATE FUNCTION small_of(json) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM rows'");
    }
}

fn admin_of_all(world: &World, sql: &str) {
    world.shards.iter().for_each(|shard| drop(admin(shard.port()).rows(sql)));
}

#[test]
fn event_triggers_run_with_every_change_of_the_schema() {
    let world = World::start("event-triggers", false).unwrap();
    fill(&world);
    let proxy = start(&world, "refused", "");
    let mut wire = owner(&proxy);
    wire.rows("CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO notes SELECT count(*) FROM notes; END$$");
    wire.rows("CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted()");
    for sql in [
        "CREATE TYPE mood AS ENUM ('sad')",
        "ALTER TABLE rows ADD COLUMN w integer",
        "CREATE INDEX ON notes (id)",
        "COMMENT ON TABLE notes IS 'notes'",
        "CREATE TEMP TABLE t (a integer)",
        "SELECT 1 AS a INTO TEMP t",
        "DO $$BEGIN CREATE TYPE mood AS ENUM ('sad'); END$$",
    ] {
        let (state, message) = failure(&mut wire, sql);
        assert!(state == "0A000" && message.contains("event trigger function public.noted()"), "{sql}: {message}");
    }
    wire.rows("TRUNCATE notes");
    assert_eq!(admin(world.shards[0].port()).value("SELECT count(*) FROM notes"), "0");
    // For one that only looks at its own shard somebody may vouch.
    let vouched = start(&world, "vouched", "local_functions = [\"noted\"]");
    login(&vouched).rows("CREATE TYPE mood AS ENUM ('sad')");
    assert_eq!(admin(world.shards[1].port()).value("SELECT count(*) FROM notes"), "1");
    // Without it there is nothing to refuse.
    wire.rows("DROP EVENT TRIGGER noted");
    wire.rows("ALTER TYPE mood ADD VALUE 'ok'");
}

/// What a body looks at is known again with each change of it, of what it calls, and of what its values are.
#[test]
fn functions_and_triggers_are_believed_as_long_as_they_look_at_what_they_are_given() {
    let world = World::start("contained", false).unwrap();
    fill(&world);
    let proxy = start(&world, "proxy", "");
    let (mut wire, mut other) = (owner(&proxy), login(&proxy));
    wire.rows("CREATE SEQUENCE s START 100; GRANT ALL ON SEQUENCE s TO app");
    wire.rows("CREATE FUNCTION inner_one(v bigint) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RETURN v + 1; END$$");
    wire.rows("CREATE FUNCTION outer_one(v bigint) RETURNS bigint LANGUAGE sql STABLE AS $$SELECT inner_one(v) * 2$$");
    let sets = |how: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION sets() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {how}; RETURN NEW; END$$"
        )
    };
    wire.rows(&sets("NEW.v := outer_one(NEW.v)"));
    wire.rows("CREATE TRIGGER sets BEFORE INSERT OR UPDATE ON rows FOR EACH ROW EXECUTE FUNCTION sets()");
    let write = "INSERT INTO rows VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 1 RETURNING v";
    assert_eq!(other.value(write), "4");
    assert_eq!(other.value("SELECT outer_one(v) FROM rows WHERE id = 1"), "10");
    let refused = |other: &mut Wire, sql: &str, by: &str| {
        let (state, message) = failure(other, sql);
        assert!(state == "0A000" && message.contains(by), "{sql}: {message}");
    };
    // Each shard by itself would have another time.
    refused(&mut other, "UPDATE rows SET v = 1", "sets() of \"rows\" may do something else on each shard");
    refused(&mut other, "INSERT INTO rows SELECT n, n FROM generate_series(10, 40) n", "sets()");
    let all: Vec<String> = (10..40).map(|id| format!("({id}, 1)")).collect();
    refused(&mut other, &format!("INSERT INTO rows VALUES {}", all.join(", ")), "sets()");
    refused(&mut other, "SELECT outer_one(v) FROM rows", "outer_one() may return something else on each shard");
    // What it calls reads a table.
    let counts = "SELECT count(*) FROM rows WHERE id > $1";
    wire.rows(&format!("CREATE OR REPLACE FUNCTION inner_one(v bigint) RETURNS bigint LANGUAGE sql AS '{counts}'"));
    refused(&mut other, write, "sets() of \"rows\" may need rows");
    refused(&mut other, "SELECT outer_one(1)", "outer_one() may need rows");
    wire.rows("CREATE OR REPLACE FUNCTION inner_one(v bigint) RETURNS bigint LANGUAGE sql AS 'SELECT v + 2'");
    assert_eq!(other.value(write), "6");
    // So does an overload.
    wire.rows(&format!("CREATE FUNCTION inner_one(v integer) RETURNS bigint LANGUAGE sql AS '{counts}'"));
    refused(&mut other, write, "sets()");
    wire.rows("DROP FUNCTION inner_one(integer)");
    assert_eq!(other.value(write), "6");
    // The key, notifications, numbers, and tables of its own.
    for how in [
        "NEW.id := NEW.id + 1",
        "NEW.v := pg_backend_pid()",
        "PERFORM pg_notify('a', 'b')",
        "NEW.v := currval('s')",
        "INSERT INTO notes VALUES (1)",
    ] {
        wire.rows(&sets(how));
        refused(&mut other, write, "sets()");
    }
    wire.rows(&sets("IF NEW.v > 5 THEN RAISE EXCEPTION 'too much'; END IF"));
    assert_eq!(other.value(write), "1");
    // One row whose key the first shard makes is stored as any other: one time for all of it.
    wire.rows("ALTER TABLE rows ADD COLUMN at timestamptz");
    wire.rows("ALTER TABLE rows ALTER at SET DEFAULT now(), ALTER id SET DEFAULT nextval('s')");
    wire.rows(&sets("NEW.v := CASE WHEN NEW.at = now() THEN 1 ELSE 0 END"));
    for insert in
        ["INSERT INTO rows (v) VALUES (7)", "INSERT INTO rows DEFAULT VALUES", "INSERT INTO rows (at) VALUES (now())"]
    {
        for _ in 0..4 {
            assert_eq!(other.value(&format!("{insert} RETURNING v")), "1", "{insert}");
        }
    }
    refused(
        &mut other,
        "INSERT INTO rows (v) VALUES (7), (8)",
        "sets() of \"rows\" may do something else on each shard",
    );
    // A key that tells the time is the first shard's.
    wire.rows("ALTER TABLE rows ALTER id SET DEFAULT nextval('s') + 0 * extract(epoch FROM now())::bigint");
    refused(&mut other, "INSERT INTO rows (v) VALUES (7)", "sets()");
    wire.rows("ALTER TABLE rows ALTER id SET DEFAULT nextval('s')");
    // What a server has for itself.
    for (name, body) in
        [("server", "inet_server_addr()"), ("database", "current_database()"), ("wal", "pg_current_wal_lsn()")]
    {
        wire.rows(&format!("CREATE FUNCTION of_{name}() RETURNS text LANGUAGE sql AS 'SELECT {body}::text'"));
        refused(&mut other, &format!("SELECT of_{name}()"), &format!("of_{name}()"));
    }
    wire.rows("CREATE FUNCTION number_of(regclass) RETURNS oid LANGUAGE sql AS 'SELECT $1::oid'");
    refused(&mut other, "SELECT number_of('rows')", "number_of()");
    // What an argument is by default.
    wire.rows("CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM rows'");
    wire.rows("CREATE FUNCTION fills(v bigint DEFAULT counted()) RETURNS bigint LANGUAGE sql AS 'SELECT v'");
    wire.rows("CREATE FUNCTION numbers(v bigint DEFAULT nextval('s')) RETURNS bigint LANGUAGE sql AS 'SELECT v'");
    refused(&mut other, "SELECT fills()", "fills()");
    refused(&mut other, "SELECT numbers()", "numbers()");
    // A value of a domain asks.
    wire.rows("CREATE DOMAIN little AS bigint CHECK (small(VALUE))");
    wire.rows("CREATE FUNCTION keeps(v little) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'");
    refused(&mut other, "SELECT keeps(1)", "keeps()");
    wire.rows("DROP FUNCTION keeps");
    wire.rows("CREATE OR REPLACE FUNCTION sets() RETURNS trigger LANGUAGE plpgsql AS $$DECLARE n little; BEGIN n := NEW.v; RETURN NEW; END$$");
    refused(&mut other, write, "sets()");
    wire.rows("DROP DOMAIN little; CREATE DOMAIN little AS bigint CHECK (VALUE < 5)");
    assert_eq!(other.value(write), "1");
}

/// What the open transaction has made of a function is not known to plans: whatever runs it waits for COMMIT.
#[test]
fn functions_that_the_transaction_has_changed_are_not_run_by_others_in_it() {
    let world = World::start("contained-changed", false).unwrap();
    fill(&world);
    let proxy = start(&world, "proxy", "");
    let mut wire = owner(&proxy);
    let inner = |name: &str, body: &str| {
        format!("CREATE OR REPLACE FUNCTION {name}(v bigint) RETURNS bigint LANGUAGE sql STABLE AS '{body}'")
    };
    let sets = |how: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION sets() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {how}; RETURN NEW; END$$"
        )
    };
    wire.rows(&inner("inner_one", "SELECT v + 1"));
    wire.rows(&inner("outer_one", "SELECT inner_one(v)"));
    wire.rows(&sets("NEW.v := outer_one(NEW.v)"));
    wire.rows("CREATE TRIGGER sets BEFORE INSERT OR UPDATE ON rows FOR EACH ROW EXECUTE FUNCTION sets()");
    wire.rows("CREATE VIEW shown AS SELECT * FROM rows");
    wire.rows("INSERT INTO rows VALUES (1, 1)");
    let counts = "SELECT count(*) FROM rows";
    let (write, call) = ("UPDATE rows SET v = 1 WHERE id = 1 RETURNING v", "SELECT outer_one(1)");
    wire.rows(&inner("counts", counts));
    for (changes, run) in [
        (vec![inner("inner_one", counts)], call),
        (vec![inner("inner_one", counts)], write),
        (vec![inner("inner_one", counts)], "UPDATE shown SET v = 1 WHERE id = 1"),
        (vec![sets("NEW.id := 7")], "INSERT INTO rows VALUES (2, 1)"),
        (
            vec![
                "ALTER FUNCTION inner_one RENAME TO inner_two".into(),
                "ALTER FUNCTION counts RENAME TO inner_one".into(),
            ],
            write,
        ),
    ] {
        wire.rows("BEGIN");
        changes.iter().for_each(|change| drop(wire.rows(change)));
        let (state, message) = failure(&mut wire, run);
        assert!(state == "0A000" && message.contains("has been changed in this transaction"), "{run}: {message}");
        wire.rows("ROLLBACK");
        // Nor in one text.
        let (state, message) = failure(&mut wire, &format!("{}; {run}", changes.join("; ")));
        assert_eq!(state, "0A000", "{run}: {message}");
        // Of what it has changed nothing is left.
        assert_eq!((&*wire.value(write), &*wire.value(call)), ("2", "2"));
    }
    // Others are used as ever.
    wire.rows("BEGIN");
    wire.rows(&inner("counts", "SELECT v"));
    assert_eq!(wire.value(write), "2");
    wire.rows("COMMIT");
}

/// What is made through the proxy is known with the next statement.
#[test]
fn what_begins_to_run_unasked_is_seen_by_the_next_statement() {
    let world = World::start("unasked", false).unwrap();
    fill(&world);
    let proxy = start(&world, "proxy", "");
    let (mut wire, mut other) = (owner(&proxy), login(&proxy));
    let refused = |other: &mut Wire, sql: &str| {
        let (state, message) = failure(other, sql);
        assert!(state == "0A000" && message.contains("function public.small"), "{sql}: {message}");
    };
    wire.rows("CREATE DOMAIN tiny AS bigint");
    assert_eq!(other.value("SELECT 5::tiny"), "5");
    let looks = |wire: &mut Wire, sql: &str| {
        let (state, message) = failure(wire, sql);
        assert!(state == "0A000" && message.contains("over the rows that are there"), "{sql}: {message}");
    };
    looks(&mut wire, "ALTER DOMAIN tiny ADD CONSTRAINT small CHECK (small(VALUE))");
    wire.rows("ALTER DOMAIN tiny ADD CONSTRAINT small CHECK (small(VALUE)) NOT VALID");
    refused(&mut other, "SELECT 5::tiny");
    let oid: u32 = other.value("SELECT 'tiny'::regtype::oid").parse().unwrap();
    other
        .send(
            &[
                wire::parse("", "SELECT $1", &[oid]),
                wire::bind("", "", &[wire::text("5")], 0),
                wire::execute("", 0),
                wire::sync(),
            ]
            .concat(),
        )
        .unwrap();
    assert!(whole_error(&other.until_ready().unwrap()).contains("a parameter is declared to be of type"));
    wire.rows("CREATE DOMAIN tinier AS tiny");
    refused(&mut other, "SELECT 5::tinier");
    wire.rows("CREATE TYPE of_tiny AS (a tiny)");
    refused(&mut other, "SELECT ROW(5)::of_tiny");
    looks(&mut wire, "ALTER TABLE rows ADD COLUMN w tiny");
    looks(&mut wire, "ALTER TABLE rows ALTER v TYPE tiny");
    wire.rows("ALTER TABLE rows ADD COLUMN tiny bigint");
    wire.rows("ALTER TABLE rows DROP COLUMN tiny");
    admin_of_all(&world, "ALTER TABLE rows ADD COLUMN w tiny");
    // Whatever changes the schema through the proxy has it looked at.
    wire.rows("COMMENT ON TABLE rows IS 'some'");
    refused(&mut other, "INSERT INTO rows VALUES (1, 2, 3)");
    assert_eq!(other.value("SELECT count(*) FROM rows"), "0");
    wire.rows("ALTER DOMAIN tiny DROP CONSTRAINT small");
    assert_eq!(other.value("SELECT 5::tiny"), "5");
    assert_eq!(other.value("SELECT ROW(5)::of_tiny"), "(5)");
    other.rows("INSERT INTO rows VALUES (1, 2, 3), (2, 3, 4)");

    looks(&mut wire, "ALTER TABLE rows ADD CONSTRAINT small CHECK (small(v))");
    wire.rows("ALTER TABLE rows ADD CONSTRAINT small CHECK (small(v)) NOT VALID");
    refused(&mut other, "UPDATE rows SET v = 5 WHERE id = 1");
    wire.rows("ALTER TABLE rows DROP CONSTRAINT small");
    other.rows("UPDATE rows SET v = 5 WHERE id = 1");

    // Between types of PostgreSQL's own it may be meant anywhere.
    wire.rows("CREATE CAST (json AS bigint) WITH FUNCTION small_of(json) AS IMPLICIT");
    refused(&mut other, "SELECT '{}'::json::bigint");
    refused(&mut other, "SELECT id FROM rows WHERE id = 1");
    wire.rows("DROP CAST (json AS bigint)");
    assert_eq!(other.value("SELECT v FROM rows WHERE id = 1"), "5");
}

/// PostgreSQL's own functions in conditions: nothing in its catalogs depends on them.
#[test]
fn conditions_that_set_or_lock_leave_nothing_to_the_next_client() {
    let world = World::start("conditions", false).unwrap();
    fill(&world);
    let proxy = start(&world, "proxy", "");
    let mut wire = owner(&proxy);
    wire.rows("INSERT INTO rows VALUES (1, 1)");
    let refused = |wire: &mut Wire, sql: &str, function: &str| {
        let (state, message) = failure(wire, sql);
        assert!(state == "0A000" && message.contains(function), "{sql}: {message}");
    };
    let sets = "set_config('work_mem', '77MB', false) IS NOT NULL";
    refused(&mut wire, &format!("ALTER TABLE rows ADD CONSTRAINT sets CHECK ({sets})"), "set_config");
    wire.rows(&format!("ALTER TABLE rows ADD CONSTRAINT sets CHECK ({sets}) NOT VALID"));
    refused(&mut wire, "UPDATE rows SET v = 2 WHERE id = 1", "function pg_catalog.set_config() of \"rows\"");
    wire.rows("ALTER TABLE rows DROP CONSTRAINT sets");
    wire.rows(&format!(
        "CREATE TRIGGER sets BEFORE UPDATE ON rows FOR EACH ROW WHEN ({sets}) EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ));
    refused(&mut wire, "UPDATE rows SET v = 2 WHERE id = 1", "function pg_catalog.set_config() of \"rows\"");
    wire.rows("DROP TRIGGER sets ON rows");
    // Functions of the user's own in such a condition, too.
    wire.rows("CREATE TRIGGER small BEFORE UPDATE ON rows FOR EACH ROW WHEN (small(NEW.v)) EXECUTE FUNCTION suppress_redundant_updates_trigger()");
    refused(&mut wire, "UPDATE rows SET v = 2 WHERE id = 1", "function public.small() of \"rows\"");
    wire.rows("DROP TRIGGER small ON rows");
    wire.rows("CREATE DOMAIN locks AS bigint CHECK (pg_try_advisory_lock(VALUE))");
    refused(&mut wire, "SELECT 5::locks", "pg_catalog.pg_try_advisory_lock()");
    wire.rows("DROP DOMAIN locks");
    wire.rows("CREATE FUNCTION sets(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT set_config('work_mem', '77MB', false)::bigint * 0 + $1 $$");
    refused(&mut wire, "CREATE INDEX sets ON rows (sets(v))", "sets()");
    wire.rows("UPDATE rows SET v = 2 WHERE id = 1");
    let leaks = "SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), current_setting('work_mem')";
    for shard in 0..3 {
        let answer = login(&proxy).rows(&format!("/* shardway shard={} */ {leaks}", ["a", "b", "c"][shard]));
        assert_eq!(format!("{answer:?}").matches("77MB").count(), 0, "{answer:?}");
        assert_eq!(
            admin(world.shards[shard].port()).value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
            "0"
        );
    }
}

/// `int8` is what the search path finds first.
#[test]
fn types_that_are_called_as_those_of_postgresql_are_told_apart() {
    let world = World::start("shadowing", false).unwrap();
    fill(&world);
    let proxy = start(&world, "proxy", "");
    let mut wire = owner(&proxy);
    wire.rows("CREATE SCHEMA other");
    wire.rows("CREATE DOMAIN other.int8 AS numeric(4, 1)");
    wire.rows("INSERT INTO rows VALUES (5, 1)");
    let sql = "SELECT v FROM public.rows WHERE id = '5.0'::int8";
    assert_eq!(failure(&mut wire, sql).0, "22P02");
    wire.rows("SET search_path = other, pg_catalog, public");
    let (state, message) = failure(&mut wire, sql);
    assert!(state == "0A000" && message.contains("type int8 may be another"), "{state}: {message}");
    assert_eq!(wire.value("SELECT v FROM rows WHERE id = '5'::pg_catalog.int8"), "1");
    wire.rows("DROP DOMAIN other.int8");
    assert_eq!(wire.value("SELECT v FROM rows WHERE id = '5'::int8"), "1");
}

/// `=` between a type of the user's own and text: it looks at rows of all shards, whichever way it is written.
#[test]
fn operators_between_types_of_the_user_run_however_they_are_written() {
    let world = World::start("operators", false).unwrap();
    fill(&world);
    let proxy = start(&world, "proxy", "");
    let mut wire = owner(&proxy);
    wire.rows("CREATE TYPE tone AS ENUM ('low', 'high')");
    wire.rows("ALTER TABLE rows ADD COLUMN t tone");
    wire.rows("INSERT INTO rows (id, v, t) SELECT n, n, 'low' FROM generate_series(1, 9) n");
    let counts =
        "CREATE FUNCTION counts(tone, text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT count(*) = 9 FROM rows'";
    wire.rows(counts);
    wire.rows("CREATE OPERATOR = (LEFTARG = tone, RIGHTARG = text, FUNCTION = counts)");
    for sql in [
        "SELECT id FROM rows WHERE id = 3 AND t = 'low'::text",
        "SELECT id FROM rows WHERE id = 3 AND t IN ('low'::text)",
        "SELECT id FROM rows WHERE id = 3 AND t = ANY (ARRAY['low'::text])",
        "SELECT id FROM rows WHERE id = 3 AND t IN (SELECT 'low'::text)",
        "SELECT CASE t WHEN 'low'::text THEN 1 END FROM rows WHERE id = 3",
        "SELECT id FROM rows JOIN (SELECT 'low'::text AS t) AS x USING (t) WHERE id = 3",
    ] {
        let (state, message) = failure(&mut wire, sql);
        assert!(state == "0A000" && message.contains("function public.counts() of operator ="), "{sql}: {message}");
    }
    // PostgreSQL's own are not meant.
    assert_eq!(wire.value("SELECT count(*) FROM rows WHERE id = 3 AND v IN (3, 4)"), "1");
    let mut declared = login(&proxy);
    let oid: u32 = declared.value("SELECT 'tone'::regtype::oid").parse().unwrap();
    declared.send(&[wire::parse("", "SELECT $1 = 'low'::text", &[oid]), wire::sync()].concat()).unwrap();
    assert!(whole_error(&declared.until_ready().unwrap()).contains("a parameter is declared to be of type"));
    wire.rows("DROP OPERATOR = (tone, text)");
    assert_eq!(wire.value("SELECT count(*) FROM rows WHERE t = 'low'"), "9");
}
