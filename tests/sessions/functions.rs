//! Functions that set something for the session, before one database with one server: each script is played against it
//! and through the proxy, which lends its servers to another client between any two steps.

use crate::support::script::{Scenario, Send, Step, Until, ask, extended, q};
use crate::support::wire::{bind, execute, message, parse, query, sync, text};

/// What the scripts call.
pub const SCHEMA: &str = "
    CREATE SCHEMA made; GRANT USAGE ON SCHEMA made TO app; SET search_path = made;
    CREATE FUNCTION tenant(t text) RETURNS text LANGUAGE plpgsql AS
      $$BEGIN PERFORM set_config('app.tenant', t, false); RETURN t; END$$;
    CREATE FUNCTION by_set() RETURNS void LANGUAGE plpgsql AS $$BEGIN SET work_mem = '7MB'; END$$;
    CREATE FUNCTION by_execute(n text, v text) RETURNS void LANGUAGE plpgsql AS
      $$BEGIN EXECUTE format('SET %s = %L', n, v); END$$;
    CREATE FUNCTION by_variable(query text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE query; END$$;
    CREATE FUNCTION by_reset() RETURNS void LANGUAGE plpgsql AS $$BEGIN RESET work_mem; END$$;
    CREATE FUNCTION nested() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM made.by_set(); RETURN 1; END$$;
    CREATE FUNCTION deeper() RETURNS int LANGUAGE sql AS 'SELECT made.nested()';
    CREATE FUNCTION definer() RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = made AS
      $$BEGIN RETURN nested(); END$$;
    CREATE FUNCTION in_sql(t text) RETURNS text LANGUAGE sql AS $$SELECT set_config('app.tenant', t, false)$$;
    CREATE FUNCTION standard(t text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT set_config('app.tenant', t, false); END;
    CREATE FUNCTION stable_one(t text) RETURNS text LANGUAGE plpgsql STABLE AS
      $$BEGIN RETURN set_config('app.tenant', t, false); END$$;
    CREATE FUNCTION overloaded(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
    CREATE FUNCTION overloaded(a text) RETURNS text LANGUAGE sql AS $$SELECT made.tenant(a)$$;
    CREATE FUNCTION local_one(t text) RETURNS text LANGUAGE plpgsql AS
      $$BEGIN PERFORM set_config('app.tenant', t, true); SET LOCAL work_mem = '2MB'; RETURN current_setting('work_mem'); END$$;
    CREATE FUNCTION with_clause() RETURNS text LANGUAGE plpgsql SET work_mem = '3MB' AS
      $$BEGIN RETURN current_setting('work_mem'); END$$;
    CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql AS
      $$BEGIN BEGIN SET work_mem = '8MB'; PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END; RETURN current_setting('work_mem'); END$$;
    CREATE FUNCTION fails() RETURNS void LANGUAGE plpgsql AS $$BEGIN SET work_mem = '8MB'; PERFORM 1/0; END$$;
    CREATE PROCEDURE steps() LANGUAGE plpgsql AS $$BEGIN SET work_mem = '5MB'; COMMIT; SET work_mem = '6MB'; ROLLBACK; END$$;
    CREATE PROCEDURE halfway() LANGUAGE plpgsql AS $$BEGIN SET work_mem = '5MB'; COMMIT; PERFORM 1/0; END$$;
    CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN PERFORM set_config('app.tenant', new.note, false); RETURN new; END$$;
    CREATE TABLE notes (id int PRIMARY KEY, note text); CREATE TABLE under (id int REFERENCES notes ON UPDATE CASCADE, note text);
    CREATE TRIGGER fired BEFORE INSERT OR UPDATE ON under FOR EACH ROW EXECUTE FUNCTION fired();
    CREATE VIEW over AS SELECT id, note FROM under;
    CREATE VIEW calling AS SELECT made.tenant('of a view') AS t;
    CREATE FUNCTION writes_under(t text) RETURNS void LANGUAGE sql AS $$INSERT INTO made.under VALUES (1, t)$$;
    CREATE FUNCTION reads_view() RETURNS text LANGUAGE sql AS $$SELECT t FROM made.calling$$;
    CREATE FUNCTION adds(a int, b int) RETURNS int LANGUAGE plpgsql AS $$BEGIN SET work_mem = '4MB'; RETURN a + b; END$$;
    CREATE AGGREGATE total(int) (sfunc = adds, stype = int, initcond = '0');
    CREATE FUNCTION emptied() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN SET work_mem = '10MB'; RETURN null; END$$;
    CREATE TRIGGER emptied AFTER TRUNCATE ON under EXECUTE FUNCTION emptied();
    CREATE TABLE filled (id int, t text DEFAULT made.tenant('of a default'));
    CREATE TABLE watched (id int); ALTER TABLE watched ENABLE ROW LEVEL SECURITY;
    CREATE POLICY watch ON watched USING (made.tenant('of a policy') IS NOT NULL);
    CREATE FUNCTION \"Set Up\"() RETURNS int LANGUAGE plpgsql AS $$BEGIN SET work_mem = '11MB'; RETURN 1; END$$;
    CREATE FUNCTION quoting() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN made.\"Set Up\"(); END$$;
    CREATE FUNCTION keeps_table() RETURNS void LANGUAGE plpgsql AS $$BEGIN CREATE TEMP TABLE kept (a int); END$$;
    CREATE FUNCTION keeps_no_table() RETURNS void LANGUAGE plpgsql AS $$BEGIN CREATE TEMP TABLE kept (a int) ON COMMIT DROP; END$$;
    CREATE FUNCTION keeps_lock() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_lock(4711); END$$;
    CREATE FUNCTION keeps_cursor() RETURNS void LANGUAGE plpgsql AS
      $$BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT 7'; END$$;
    CREATE FUNCTION keeps_channel() RETURNS void LANGUAGE plpgsql AS $$BEGIN LISTEN kept; END$$;
    CREATE FUNCTION compares(a int, t text) RETURNS boolean LANGUAGE plpgsql AS
      $$BEGIN PERFORM set_config('app.tenant', t, false); RETURN true; END$$;
    CREATE OPERATOR === (LEFTARG = int, RIGHTARG = text, FUNCTION = compares);
    CREATE FUNCTION by_operator(t text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN 1 OPERATOR(made.===) t; END$$;
    CREATE FUNCTION checks(t text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN SET work_mem = '12MB'; RETURN true; END$$;
    CREATE TABLE checked (id int, note text CHECK (made.checks(note)));
    CREATE FUNCTION writes_checked() RETURNS void LANGUAGE sql AS $$INSERT INTO made.checked VALUES (2, 'b')$$;
    CREATE FUNCTION by_default(a boolean DEFAULT made.checks('a')) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
    CREATE FUNCTION commented() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN SET work_mem = '13MB'; END$$;
    CREATE EVENT TRIGGER commented ON ddl_command_end WHEN TAG IN ('COMMENT') EXECUTE FUNCTION commented();
    CREATE FUNCTION comments() RETURNS void LANGUAGE plpgsql AS $$BEGIN COMMENT ON TABLE made.mine IS 'by a function'; END$$;
    CREATE DOMAIN tenant_name AS text CHECK (made.compares(1, VALUE)); CREATE TABLE tenants (id int, name tenant_name);
    INSERT INTO notes VALUES (1, 'one'), (2, 'two');
    GRANT ALL ON ALL TABLES IN SCHEMA made TO app; GRANT CREATE ON SCHEMA made TO app";

/// Values of this type set something wherever they are made, if only where a server parses a statement.
pub const REFUSED: [&str; 7] = [
    "SELECT 'a'::made.tenant_name",
    "SELECT '{a}'::made.tenant_name[]",
    "SELECT made.tenant_name('a')",
    "SELECT '(1,a)'::made.tenants",
    "INSERT INTO made.tenants VALUES (1, 'a')",
    "SELECT * FROM json_to_record('{\"a\": \"b\"}') AS x(a made.tenant_name)",
    "SELECT array_append(array_agg(name), 'a') FROM made.tenants",
];

/// What another client sees of all that.
pub const LOOK: &str =
    "SELECT current_setting('work_mem'), coalesce(current_setting('app.tenant', true), ''), current_user, current_setting('DateStyle'),
       to_regclass('kept') IS NULL, (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM pg_catalog.pg_listening_channels()),
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())";

fn look() -> Vec<Step> {
    q(LOOK)
}

fn looked(steps: &[&str]) -> Vec<Step> {
    steps.iter().flat_map(|sql| [q(sql), look()].concat()).chain(look()).collect()
}

fn run_of(sql: &str) -> Vec<u8> {
    [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat()
}

/// All of them.
pub fn all() -> Vec<Scenario> {
    let call = "SELECT made.tenant('a')";
    vec![
        ("function: set_config", looked(&[call, "SELECT made.tenant('b')", "RESET app.tenant"])),
        ("function: SET", looked(&["SELECT made.by_set()", "SET work_mem = '5MB'", "SELECT made.by_set()", "SET work_mem = '5MB'", "RESET work_mem"])),
        ("function: EXECUTE", looked(&["SELECT made.by_execute('work_mem', '9MB')", "SELECT made.by_execute('datestyle', 'German')", "RESET ALL"])),
        ("function: EXECUTE of a variable", looked(&["SELECT made.by_variable('SET work_mem = ''9MB''')", "SELECT made.by_variable('SET ROLE pg_monitor')"])),
        ("function: RESET of what the client has set", looked(&["SET work_mem = '5MB'", "SELECT made.by_reset()", "SET work_mem = '5MB'"])),
        ("function: the client sets the same again", looked(&["SET app.tenant = 'mine'", call, "SET app.tenant = 'mine'", call, "RESET app.tenant"])),
        ("function: the client sets something else", looked(&[call, "SET work_mem = '5MB'", "SET DateStyle = 'German'", "RESET DateStyle", "RESET work_mem"])),
        ("function: RESET ALL", looked(&[call, "SELECT made.by_set()", "RESET ALL"])),
        ("function: DISCARD ALL", looked(&[call, "SELECT made.by_set()", "DISCARD ALL"])),
        ("function: nested", looked(&["SELECT made.nested()", "RESET ALL", "SELECT made.deeper()", "RESET ALL", "SELECT made.definer()"])),
        ("function: in SQL", looked(&["SELECT made.in_sql('a')", "SELECT made.standard('b')", "SELECT made.stable_one('c')"])),
        ("function: overloaded", looked(&["SELECT made.overloaded(1)", "SELECT made.overloaded('a'::text)"])),
        ("function: what ends with the transaction", looked(&["SELECT made.local_one('a')", "SELECT made.with_clause()", "SELECT made.caught()"])),
        ("function: what ends with the block", looked(&["BEGIN", "SELECT made.local_one('a')", "COMMIT"])),
        ("function: it fails", looked(&["SELECT made.fails()"])),
        ("function: rolled back", looked(&["BEGIN", call, "ROLLBACK", call, "BEGIN", "SELECT made.tenant('b')", "ROLLBACK"])),
        ("function: committed", looked(&["BEGIN", "SET work_mem = '5MB'", "SELECT made.by_set()", "COMMIT", "BEGIN", "SET work_mem = '5MB'", "ROLLBACK"])),
        ("function: SET behind it in a block", looked(&[call, "BEGIN", "SET app.tenant = 'b'", "ROLLBACK", "BEGIN", "SET app.tenant = 'b'", "COMMIT", call, "BEGIN", "SET app.tenant = 'b'", "COMMIT"])),
        ("function: savepoints", looked(&["BEGIN", call, "SAVEPOINT s", "SELECT made.tenant('b')", "ROLLBACK TO s", "SAVEPOINT t", "SELECT made.by_set()", "RELEASE t", "COMMIT"])),
        ("function: a savepoint, and the client's own", looked(&["SELECT made.by_set()", "BEGIN", "SAVEPOINT s", "SET work_mem = '5MB'", "ROLLBACK TO s", "COMMIT"])),
        ("function: COMMIT AND CHAIN", looked(&["BEGIN", "SET work_mem = '5MB'", "COMMIT AND CHAIN", "SELECT made.by_set()", "COMMIT"])),
        ("function: the block fails", looked(&["BEGIN", call, "SELECT 1/0", "COMMIT"])),
        ("function: an operator", looked(&["SELECT 1 OPERATOR(made.===) 'a'", "RESET app.tenant", "SELECT made.by_operator('b')", "RESET app.tenant"])),
        ("function: a check", looked(&["INSERT INTO made.checked VALUES (1, 'a')", "RESET work_mem", "UPDATE made.checked SET note = 'b'", "RESET work_mem", "SELECT made.writes_checked()", "RESET work_mem", "DELETE FROM made.checked"])),
        ("function: an argument by default", looked(&["SELECT made.by_default()", "RESET work_mem", "SELECT made.by_default(true)"])),
        ("function: an event trigger", looked(&["CREATE TABLE made.mine (a int)", "COMMENT ON TABLE made.mine IS 'mine'", "RESET work_mem", "SELECT made.comments()", "DROP TABLE made.mine"])),
        ("function: DO", looked(&["DO $$BEGIN PERFORM set_config('app.tenant', 'a', false); END$$", "DO LANGUAGE plpgsql 'BEGIN SET work_mem = ''6MB''; END'", "DO $$BEGIN PERFORM made.nested(); END$$", "DO $$BEGIN SET LOCAL work_mem = '2MB'; END$$"])),
        ("function: a temporary table", looked(&["SELECT made.keeps_table()", "INSERT INTO kept VALUES (1)", "SELECT a FROM kept", "DROP TABLE kept"])),
        ("function: a temporary table that its transaction drops", looked(&["BEGIN", "SELECT made.keeps_no_table()", "INSERT INTO kept VALUES (1)", "SELECT a FROM kept", "COMMIT"])),
        ("function: a lock", looked(&["SELECT made.keeps_lock()", "SELECT pg_advisory_unlock(4711)"])),
        ("function: a cursor WITH HOLD", looked(&["SELECT made.keeps_cursor()", "FETCH held", "CLOSE held"])),
        ("function: LISTEN", looked(&["SELECT made.keeps_channel()", "SELECT 1"])),
        ("DO: a temporary table", looked(&["DO $$BEGIN CREATE TEMP TABLE kept (a int); END$$", "SELECT count(*) FROM kept", "DISCARD ALL"])),
        ("DO: a lock", looked(&["DO 'BEGIN PERFORM pg_advisory_lock_shared(4711); END'", "DISCARD ALL"])),
        ("UPDATE of pg_settings", looked(&["UPDATE pg_settings SET setting = '7MB' WHERE name = 'work_mem'", "WITH u AS (UPDATE pg_catalog.pg_settings SET setting = '8MB' WHERE name = 'work_mem' RETURNING 1) SELECT 1", "RESET work_mem"])),
        ("function: CALL", looked(&["CALL made.steps()", "CALL made.halfway()"])),
        ("function: triggers", looked(&["INSERT INTO made.under VALUES (1, 'a')", "UPDATE made.over SET note = 'b'", "UPDATE made.notes SET id = 3 WHERE id = 1", "UPDATE made.notes SET id = 1 WHERE id = 3", "SELECT made.writes_under('c')", "DELETE FROM made.under"])),
        ("function: a failing trigger", looked(&["INSERT INTO made.under VALUES (7, 'a')"])),
        ("function: views", looked(&["SELECT * FROM made.calling", "RESET ALL", "SELECT made.reads_view()"])),
        ("function: an aggregate", looked(&["SELECT made.total(i) FROM generate_series(1, 3) i"])),
        ("function: wherever it stands", looked(&[
            "SELECT * FROM made.tenant('a')", "RESET ALL", "SELECT (SELECT made.tenant('b'))", "RESET ALL", "VALUES (made.tenant('c'))", "RESET ALL", "SELECT 1 ORDER BY made.tenant('d')", "RESET ALL",
            "WITH w AS MATERIALIZED (SELECT made.tenant('e') AS t) SELECT t FROM w", "RESET ALL", "SELECT t FROM made.notes, LATERAL made.tenant(note) t ORDER BY id", "RESET ALL",
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT made.tenant('f')", "EXPLAIN (COSTS OFF) SELECT made.tenant('g')", "RESET ALL", "CREATE TEMP TABLE t AS SELECT made.tenant('h') AS t", "DROP TABLE t", "RESET ALL",
            "UPDATE made.notes SET note = made.tenant(note) WHERE id = 2", "RESET ALL", "DELETE FROM made.notes WHERE made.tenant('i') IS NULL", "RESET ALL", "SELECT made.quoting()",
        ])),
        ("function: a cursor", looked(&["BEGIN", "DECLARE c CURSOR FOR SELECT made.tenant('a')", "FETCH c", "COMMIT", "DECLARE d CURSOR WITH HOLD FOR SELECT made.tenant('b')", "FETCH d", "CLOSE d"])),
        ("function: TRUNCATE, defaults and policies", looked(&["TRUNCATE made.under", "RESET ALL", "INSERT INTO made.filled VALUES (1)", "RESET ALL", "SELECT count(*) FROM made.watched", "MERGE INTO made.under u USING made.notes n ON u.id = n.id WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.note)", "DELETE FROM made.under"])),
        ("function: COPY", [
            vec![Send(query("COPY made.under FROM STDIN")), Until(b"G"), Send([message(b'd', b"1\tcopied\n"), message(b'c', b"")].concat()), Step::Ready(1)], look(), q("COPY (SELECT made.tenant('out')) TO STDOUT"), look(), q("DELETE FROM made.under"), look(),
        ].concat()),
        ("function: by its number", [ask(&[message(b'F', &[1599_u32.to_be_bytes().to_vec(), vec![0, 0, 0, 1, 0, 0, 0, 3], b"0.5".to_vec(), vec![0, 0]].concat())]), q("SELECT random()"), q("SELECT random()")].concat()),
        ("function: set_config of a list", looked(&["SELECT set_config('search_path', 'other, made', false)", "SELECT id FROM notes ORDER BY id", "SELECT current_setting('search_path')", "SELECT nested()"])),
        ("function: several statements in one message", [q(&format!("SET app.tenant = 'x'; {call}; {LOOK}")), look(), q("SELECT made.by_set(); SET work_mem = '5MB'"), look(), q("SELECT made.by_set(); SELECT 1/0"), look(), q("BEGIN; SELECT made.tenant('c'); COMMIT; SELECT 1/0"), look()].concat()),
        ("function: by the extended protocol", [ask(&[extended("SELECT made.tenant($1)", &["a"])]), look(), ask(&[extended(LOOK, &[])]), ask(&[extended("SET app.tenant = 'a'", &[])]), look()].concat()),
        ("function: in a pipeline", [ask(&[run_of(call), run_of(LOOK), run_of("SELECT made.by_set()"), sync()]), look(), ask(&[run_of("SELECT made.tenant('b')"), run_of("SELECT 1/0"), sync()]), look(), ask(&[run_of("SET app.tenant = 'c'"), run_of(call), sync()]), look()].concat()),
        ("function: in groups of a pipeline", [vec![Send([run_of(call), sync(), run_of(LOOK), sync(), run_of("SET app.tenant = 'c'"), sync(), run_of(LOOK), sync()].concat()), Step::Ready(4)], look()].concat()),
        ("function: prepared", [ask(&[parse("s", "SELECT made.tenant($1)", &[]), sync()]), look(), ask(&[bind("", "s", &[text("a")], 0), execute("", 0), sync()]), look(), q("PREPARE p (text) AS SELECT made.tenant($1)"), q("EXECUTE p ('b')"), look(), q("DEALLOCATE ALL")].concat()),
        ("function: prepared before it sets anything", [
            q("CREATE OR REPLACE FUNCTION made.later() RETURNS int LANGUAGE sql AS 'SELECT 1'"), q("PREPARE p AS SELECT made.later()"), ask(&[parse("s", "SELECT made.later()", &[]), sync()]),
            q("EXECUTE p"), ask(&[bind("", "s", &[], 0), execute("", 0), sync()]), look(),
            q("CREATE OR REPLACE FUNCTION made.later() RETURNS int LANGUAGE plpgsql AS $$BEGIN SET work_mem = '9MB'; RETURN 1; END$$"), q("EXECUTE p"), look(), q("RESET ALL"),
            ask(&[bind("", "s", &[], 0), execute("", 0), sync()]), look(), q("DROP FUNCTION made.later()"), q("DEALLOCATE ALL"),
        ].concat()),
        ("function: made in the block that calls it", looked(&["BEGIN", "CREATE FUNCTION made.fresh() RETURNS int LANGUAGE plpgsql AS $$BEGIN SET work_mem = '9MB'; RETURN 1; END$$", "SELECT made.fresh()", "COMMIT", "DROP FUNCTION made.fresh()"])),
        ("function: replaced in the block that calls it", looked(&["CREATE FUNCTION made.fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'", "BEGIN", "CREATE OR REPLACE FUNCTION made.fresh() RETURNS int LANGUAGE plpgsql AS $$BEGIN SET work_mem = '9MB'; RETURN 1; END$$", "SELECT made.fresh()", "COMMIT", "DROP FUNCTION made.fresh()"])),
        ("function: set_config that is not sure to run", looked(&["SELECT set_config('work_mem', '9MB', false) WHERE false", "SELECT CASE WHEN 1 = 2 THEN set_config('work_mem', '9MB', false) END", "SELECT set_config('work_mem', '8MB', false) FROM made.notes WHERE id = 1"])),
        ("function: set_config of what is computed", looked(&["SELECT set_config('app.' || 'tenant', 'a', false)", "SELECT set_config('app.tenant', note, false) FROM made.notes ORDER BY id", "SELECT set_config('app.tenant', 'b', true)"])),
        ("function: set_config by parameter, in SQL", looked(&["PREPARE p (text) AS SELECT set_config('app.tenant', $1, false)", "EXECUTE p ('a')", "SET app.tenant = 'b'", "EXECUTE p ('c')", "DEALLOCATE p"])),
        ("function: set_config by parameter", [ask(&[extended("SELECT set_config('app.tenant', $1, false)", &["a"])]), look(), ask(&[extended("SELECT set_config($1, $2, $3)", &["work_mem", "9MB", "false"])]), look()].concat()),
        ("function: the seed of random()", looked(&["SELECT setseed(0.5)", "SELECT random()", "SELECT random()", "SET seed = 0.25", "SELECT random()", "SELECT set_config('seed', '0.5', false)", "SELECT random()"])),
        ("function: the seed of random() in a block", looked(&["BEGIN", "SELECT setseed(0.5)", "SELECT random()", "COMMIT", "SELECT random()"])),
        ("function: a setting of an extension", looked(&["SELECT set_limit(0.7)", "SELECT show_limit()", "SET pg_trgm.similarity_threshold = 0.6", "SELECT show_limit()"])),
    ]
}
