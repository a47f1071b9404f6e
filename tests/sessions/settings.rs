//! Settings of a session over several shards: each script is played against plain PostgreSQL and through the proxy, which
//! must say the same, message by message; then another client looks whether anything was left on the servers.

use super::STAGE;
use crate::support::script::{Step, ask, extended, play, q};
use crate::support::wire::{Wire, bind, execute, flush, parse, sync, text};

/// A row of each shard, with what its server has set.
fn reads(what: &str) -> Vec<Step> {
    (1..=4).flat_map(|client| q(&format!("SELECT {what} FROM events WHERE client_id = {client} AND id = 1"))).collect()
}

const ZONE: &str = "current_setting('TimeZone'), timestamptz '2020-01-01 00:00Z'";

fn set(value: &str, is_local: bool) -> Vec<Step> {
    q(&format!("SELECT set_config('TimeZone', '{value}', {is_local})"))
}

fn step(sql: &str) -> Vec<u8> {
    [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat()
}

/// It stands among statements of several shards. Of this parameter PostgreSQL reports nothing.
fn piped(is_local: &str, end: &str) -> Vec<Step> {
    let of = |client| step(&format!("SELECT current_setting('work_mem') FROM events WHERE client_id = {client} AND id = 1"));
    let set = step(&format!("SELECT set_config('work_mem', '7MB', {is_local})"));
    let end = if end.is_empty() { Vec::new() } else { step(end) };
    let run = [of(1), of(2), set, of(1), of(2), of(3), of(4), end, of(3), sync()].concat();
    [ask(&[run]), reads("current_setting('work_mem')"), q("SELECT current_setting('work_mem')")].concat()
}

/// They pass one of the shards as text.
fn rows_of_own_type() -> Vec<Step> {
    q("SELECT a.pr, b.pr FROM wide AS a JOIN wide AS b ON a.client_id = b.client_id + 1 WHERE a.client_id < 20 ORDER BY a.client_id")
}

/// Columns that pass as text, and what the session is shown of them.
fn styled() -> Vec<Step> {
    let of = |list: &str| q(&format!("SELECT client_id, {list}, count(*) OVER () FROM styled ORDER BY client_id"));
    let whole = q("SELECT s::text, current_setting('DateStyle'), count(*) OVER () FROM styled s ORDER BY client_id");
    [of("days, stamps, spans, floats, born, seen, made"), of("days::text, spans::text, made::text"), whole, q("SHOW DateStyle")].concat()
}

/// What a session begins with.
type Options = &'static [(&'static str, &'static str)];

/// By what a session began with, and what it says.
fn scripts() -> Vec<(&'static str, Options, Vec<Step>)> {
    let zone = || reads(ZONE);
    let all = || q("SELECT count(*), current_setting('TimeZone') FROM events");
    vec![
        ("a time zone that is an interval", &[("IntervalStyle", "sql_standard")], [
            q("SHOW SERVER_VERSION"), q("SET client_min_messages TO warning; SET TIME ZONE INTERVAL '-03:30' HOUR TO MINUTE;"), q("SHOW TimeZone"), zone(), all(),
            q("BEGIN"), zone(), q("SET LOCAL TIME ZONE INTERVAL '+05:45' HOUR TO MINUTE"), zone(), all(), q("COMMIT"), zone(), q("SET TIME ZONE INTERVAL '+00:00' HOUR TO MINUTE"), zone(), all(),
        ].concat()),
        ("settings of ours for a transaction", &[], [
            q("SET LOCAL shardway.role = 'primary'"), ask(&[[step("SET LOCAL shardway.role = 'primary'"), sync()].concat()]),
            q("BEGIN"), q("SET LOCAL shardway.role = 'primary'"), q("SHOW shardway.role"), q("COMMIT"), all(),
        ].concat()),
        ("row security by a setting", &[], [
            q("SET app.tenant = '7'"), q("INSERT INTO tenant_rows VALUES (7, 1, 'a'), (7, 2, 'b'), (7, 3, 'c')"), q("INSERT INTO tenant_rows VALUES (7, 4, 'a'), (8, 1, 'b')"),
            q("INSERT INTO tenant_rows SELECT client_id, id + 10, v FROM tenant_rows"), q("INSERT INTO tenant_rows VALUES (current_setting('app.tenant')::bigint, 20, current_setting('app.tenant'))"),
            q("UPDATE tenant_rows SET v = v || current_setting('app.tenant') WHERE id > 1 RETURNING id, v"), q("SELECT id, v FROM tenant_rows ORDER BY id"), q("SELECT count(*) FROM tenant_rows"),
            q("BEGIN"), q("SET LOCAL app.tenant = '8'"), q("UPDATE tenant_rows SET v = 'x'"), q("INSERT INTO tenant_rows VALUES (8, 1, 'theirs')"), q("DELETE FROM tenant_rows"), q("SELECT set_config('app.tenant', '7', true)"),
            q("DELETE FROM tenant_rows WHERE id = 20"), q("SELECT count(*) FROM tenant_rows"), q("ROLLBACK"), q("UPDATE tenant_rows SET v = 'y' WHERE id = 20"), q("DELETE FROM tenant_rows"), q("RESET app.tenant"),
        ].concat()),
        ("set_config for a transaction", &[], [q("BEGIN"), set("Asia/Tokyo", true), zone(), all(), q("COMMIT"), zone()].concat()),
        ("set_config by a transaction", &[], [q("BEGIN"), set("Asia/Tokyo", false), zone(), q("COMMIT"), zone()].concat()),
        ("set_config undone", &[], [q("BEGIN"), set("Asia/Tokyo", false), zone(), q("ROLLBACK"), zone()].concat()),
        ("set_config behind reads", &[], [q("BEGIN"), zone(), set("Asia/Tokyo", true), zone(), all(), q("COMMIT"), zone()].concat()),
        ("set_config behind reads, and nothing after it", &[], [q("BEGIN"), zone(), set("Asia/Tokyo", false), q("COMMIT"), zone()].concat()),
        ("set_config and savepoints", &[], [
            q("BEGIN"), zone(), set("Asia/Tokyo", false), q("SAVEPOINT s"), set("Europe/Paris", true), q("ROLLBACK TO s"),
            zone(), set("Europe/Rome", true), q("RELEASE s"), zone(), q("COMMIT"), zone(),
        ].concat()),
        ("set_config with a parameter", &[], [
            q("BEGIN"), ask(&[extended("SELECT set_config('TimeZone', $1, true)", &["Asia/Tokyo"])]), zone(), q("COMMIT"), zone(),
        ].concat()),
        ("set_config, prepared", &[], [
            ask(&[parse("s", "SELECT set_config('TimeZone', $1, false)", &[25]), sync()]),
            q("BEGIN"), zone(), ask(&[bind("", "s", &[text("Asia/Tokyo")], 0), execute("", 0), sync()]), zone(), q("COMMIT"), zone(),
        ].concat()),
        ("set_config by EXECUTE", &[], [
            q("PREPARE p AS SELECT set_config('TimeZone', 'Asia/Tokyo', true)"), q("BEGIN"), zone(), q("EXECUTE p"), zone(), all(), q("COMMIT"), zone(),
        ].concat()),
        ("set_config and the end of a block in one text", &[], [
            zone(), q("BEGIN; SELECT set_config('TimeZone', 'Asia/Tokyo', false); COMMIT; SELECT current_setting('TimeZone')"), zone(), all(),
        ].concat()),
        ("set_config among several", &[], q("SELECT set_config('TimeZone', 'Asia/Tokyo', false); SELECT count(*), current_setting('TimeZone') FROM events")),
        ("a role for a transaction", &[], [q("BEGIN"), q("SELECT set_config('role', 'app', true)"), reads("current_user"), q("COMMIT")].concat()),
        ("a pipeline hears of its settings", &[], ask(&[[
            parse("", "SELECT set_config('TimeZone', 'Asia/Tokyo', false)", &[]), bind("", "", &[], 0), execute("", 0),
            parse("", "SELECT 1", &[]), bind("", "", &[], 0), execute("", 0), sync(),
        ].concat()])),
        ("set_config in a pipeline, for its transaction", &[], piped("true", "")),
        ("set_config in a pipeline, for the session", &[], piped("false", "")),
        ("set_config in a pipeline, undone", &[], piped("false", "SELECT 1/0")),
        ("set_config in a pipeline, for its transaction, undone", &[], piped("true", "SELECT 1/0")),
        ("set_config before Flush, undone", &[], [
            ask(&[[step("SELECT set_config('work_mem', '7MB', false)"), flush(), step("SELECT 1/0"), sync()].concat()]), reads("current_setting('work_mem')"),
        ].concat()),
        ("RESET of another parameter", &[("options", "-c DateStyle=German -c TimeZone=Asia/Tokyo")], [
            q("SET DateStyle = 'SQL, DMY'"), q("RESET work_mem"), reads("current_setting('DateStyle')"), q("SHOW TimeZone"),
            q("RESET DateStyle"), reads("current_setting('DateStyle')"), q("SET TimeZone = 'Europe/Rome'"), q("SET TimeZone TO DEFAULT"), zone(),
        ].concat()),
        ("RESET in a transaction", &[("options", "-c DateStyle=German")], [
            q("BEGIN"), q("SET LOCAL DateStyle = 'SQL, DMY'"), q("RESET work_mem"), reads("current_setting('DateStyle')"),
            q("SET LOCAL DateStyle TO DEFAULT"), reads("current_setting('DateStyle')"), q("COMMIT"), reads("current_setting('DateStyle')"),
        ].concat()),
        ("DISCARD ALL", &[("options", "-c DateStyle=German")], [
            q("SET DateStyle = 'SQL, DMY'"), q("SET TimeZone = 'Asia/Tokyo'"), q("DISCARD ALL"), reads("current_setting('DateStyle')"), zone(), q("DISCARD ALL"),
            q("SET standard_conforming_strings = off"), ask(&[extended("DISCARD ALL", &[])]), q("SELECT 1"),
        ].concat()),
        ("settings of PL/pgSQL", &[], [
            q("SET plpgsql.check_asserts = off"), q("SHOW plpgsql.check_asserts"), reads("current_setting('plpgsql.check_asserts')"), q("SELECT set_config('plpgsql.extra_errors', 'too_many_rows', false)"),
            reads("current_setting('plpgsql.extra_errors')"), q("SELECT set_config('plpgsql.extra_errors', 'none', false)"), q("RESET ALL"), q("SELECT 1"),
        ].concat()),
        ("RESET before a server is needed", &[("options", "-c my.own=began")], [
            q("BEGIN"), q("SET my.own = 'set'"), q("RESET my.own"), reads("current_setting('my.own')"), q("COMMIT"), q("RESET ALL"), reads("current_setting('my.own')"),
        ].concat()),
        ("a date style of the connection, and rows of a type of one's own", &[("DateStyle", "ISO, DMY")], [rows_of_own_type(), q("SET DateStyle = 'iso, ymd'"), rows_of_own_type()].concat()),
        ("values that travel as text, in a session that began with a style of its own", &[("DateStyle", "German"), ("options", "-c extra_float_digits=-3")], [
            styled(), q("BEGIN"), styled(), q("SET LOCAL DateStyle = 'SQL, DMY'"), styled(), q("SAVEPOINT s"), q("SET LOCAL IntervalStyle = 'sql_standard'"), styled(), q("ROLLBACK TO s"), styled(),
            q("SELECT max(days), sum(1 / (client_id - 5)) FROM styled"), q("ROLLBACK TO s"), styled(), q("SET DateStyle = 'ISO'"), styled(), q("COMMIT"), styled(),
            q("RESET DateStyle"), q("BEGIN"), q("DECLARE c SCROLL CURSOR FOR SELECT days, born, made FROM styled ORDER BY born, client_id"), q("FETCH 2 FROM c"), q("SET LOCAL DateStyle = 'Postgres, DMY'"),
            q("FETCH 2 FROM c"), q("FETCH PRIOR FROM c"), q("ROLLBACK"), q("SELECT 1; SELECT max(days), max(seen) FROM styled; SHOW DateStyle"),
        ].concat()),
        ("values that are written as text", &[("DateStyle", "German"), ("IntervalStyle", "sql_standard")], [
            q("SET extra_float_digits = -5"), q("BEGIN"), q("INSERT INTO styled SELECT client_id + 1000, days, stamps, spans, floats, bytes, docs, born, seen, made, zones, feel, names FROM styled"), styled(),
            q("UPDATE styled SET client_id = 77 WHERE client_id = 1"), styled(), q("INSERT INTO styled (client_id, born, days) SELECT client_id + 2000, '01.02.2003', '{03.04.2005,NULL}' FROM styled"), styled(),
            q("UPDATE styled s SET days = t.days, made = t.made FROM styled t WHERE t.client_id = s.client_id + 1"), styled(), q("ROLLBACK"), styled(),
            // One shard takes the numbers, and tells the others what has become of the rows.
            q("BEGIN"), q("INSERT INTO tags (name, seen) VALUES ('styled', '01.02.2003 04:05'), ('other', '-infinity') RETURNING name, seen"), q("INSERT INTO tags (name, seen) VALUES ('third', '03.04.2005')"),
            q("UPDATE tags SET seen = seen + '1 2:03:04.5' WHERE id = (SELECT max(id) FROM tags WHERE name = 'styled') RETURNING tags.*"), q("SELECT t.name, t.seen, t.seen::text, e.client_id FROM tags t JOIN events e ON e.id = 1 ORDER BY 1, 4"), q("ROLLBACK"),
        ].concat()),
        ("how strings are read, from the next statement of a pipeline on", &[("options", "-c escape_string_warning=off")], [
            ask(&[[
                parse("", "SELECT set_config('standard_conforming_strings', 'off', false)", &[]), bind("", "", &[], 0), execute("", 0),
                parse("", r"SELECT k FROM k_text WHERE k = '\\x41'", &[]), bind("", "", &[], 0), execute("", 0), sync(),
            ].concat()]),
            q(r"SELECT k FROM k_text WHERE k = '\\x41'"),
        ].concat()),
    ]
}

#[test]
fn settings_hold_on_every_shard_and_for_nobody_else() {
    let _turn = super::TURN.lock();
    let (proxy, oracle) = (STAGE.proxy.port, STAGE.world.oracle.port());
    for (name, options, steps) in scripts() {
        let said = [oracle, proxy].map(|port| {
            let mut lines = play(&mut Wire::login(port, "app", options).unwrap(), &steps);
            // PostgreSQL reports parameters at the end of a text, the proxy as soon as it hears of them.
            lines.sort_by_key(|line| line.starts_with("S "));
            lines
        });
        assert_eq!(said[1], said[0], "{name}");
        let look = reads("current_setting('TimeZone'), current_setting('DateStyle'), current_user, current_setting('standard_conforming_strings')");
        let seen = [oracle, proxy].map(|port| play(&mut Wire::login(port, "app", &[]).unwrap(), &look));
        assert_eq!(seen[1], seen[0], "{name}, seen by another client");
    }
}

/// A server that has run PL/pgSQL does not take them, and one that has not would.
#[test]
fn a_setting_that_plpgsql_may_not_know_is_refused_and_not_kept() {
    let mut wire = Wire::login(STAGE.proxy.port, "app", &[]).unwrap();
    for sql in [
        "SET plpgsql.foo = 'x'", "SET \"plpgsql\".foo TO 1, 2", "RESET plpgsql.foo", "SET LOCAL plpgsql.check_asserts = 'no'", "SET plpgsql.variable_conflict = error",
        "SELECT set_config('plpgsql.foo', 'x', false)", "SELECT set_config('plpgsql.check_asserts', lower('OFF'), true)",
    ] {
        for steps in [q(sql), ask(&[extended(sql, &[])])] {
            let lines = play(&mut wire, &steps);
            assert!(lines.iter().any(|line| line.contains("ERROR 0A000")), "{sql}: {lines:#?}");
            let lines = play(&mut wire, &reads("1"));
            assert!(!lines.iter().any(|line| line.contains("ERROR")), "behind {sql}: {lines:#?}");
        }
    }
}

/// It ends with the transaction, and the other shards would not hear of it.
#[test]
fn a_computed_setting_is_refused_over_several_shards() {
    let mut wire = Wire::login(STAGE.proxy.port, "app", &[]).unwrap();
    for sql in ["SELECT set_config('TimeZone', lower('UTC'), true)", "SELECT CASE WHEN now() > 'epoch' THEN set_config('TimeZone', 'UTC', true) END"] {
        let lines = play(&mut wire, &q(sql));
        assert!(lines.iter().any(|line| line.contains("ERROR 0A000")), "{sql}: {lines:#?}");
    }
}
