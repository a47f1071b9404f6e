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
