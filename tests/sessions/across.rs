//! What clients say that concerns several shards. Add a case: a name, and the steps. None of these is refused.

use crate::support::script::{Ready, Scenario, Send, Step, Until, ask, extended, q};
use crate::support::wire::{bind, close, describe, execute, message, parse, query, sync, text};

/// All of them.
pub fn all() -> Vec<Scenario> {
    [texts(), prepared(), settings(), pieces(), returned(), staged(), tables(), cursors(), blocks(), modes(), copies()].concat()
}

/// Rows of these clients live on all three shards.
const CLIENTS: std::ops::Range<u32> = 4001..4007;

fn insert(client: u32, id: u32) -> String {
    format!("INSERT INTO events (client_id, id, kind) VALUES ({client}, {id}, 's')")
}

fn inserts(id: u32) -> String {
    CLIENTS.map(|client| insert(client, id)).collect::<Vec<_>>().join("; ")
}

const COUNT: &str = "SELECT id, count(*), sum(client_id) FROM events WHERE kind = 's' GROUP BY id ORDER BY id";

/// What is left, and an end of it.
fn look() -> Vec<Step> {
    [q(COUNT), q("DELETE FROM events WHERE kind = 's'")].concat()
}

fn texts() -> Vec<Scenario> {
    let all = inserts(1);
    let count = "SELECT count(*) FROM events";
    vec![
        ("text: an error behind a COMMIT undoes what came behind it", [CLIENTS.flat_map(|client| [q(&format!("{}; COMMIT; {}; SELECT 1/0", insert(4001, client), insert(client, 9))), q(&format!("BEGIN; {}; COMMIT; {}; SELECT 1/0", insert(4003, client), insert(client, 8))), q(&format!("BEGIN; {}; ROLLBACK; {}; SELECT 1/0", insert(4002, client), insert(client, 7)))].concat()).collect::<Vec<_>>(), look()].concat()),
        ("text: COMMIT before a statement for another shard", [CLIENTS.flat_map(|client| [q("BEGIN"), q(&insert(4001, client)), q(&format!("COMMIT; {}", insert(client, 9))), q("BEGIN"), q(&insert(4002, client)), q(&format!("ROLLBACK; {}", insert(client, 8)))].concat()).collect::<Vec<_>>(), look()].concat()),
        ("text: COMMIT of what has failed, before another statement", [CLIENTS.flat_map(|client| [q("BEGIN"), q(&insert(4001, client)), q("SELECT 1/0"), q(&format!("COMMIT; {}", insert(client, 9))), q("BEGIN"), q("nonsense"), q(&format!("COMMIT; {}", insert(client, 8))), q("BEGIN; SELECT 1/0"), q(&format!("COMMIT; {}", insert(client, 7)))].concat()).collect::<Vec<_>>(), look()].concat()),
        ("text: COPY that fails", [q("COPY (SELECT id, 1 / (id - id) FROM events ORDER BY client_id, id) TO STDOUT"), q("COPY (SELECT kind, sum(1 / (id - id)) AS s FROM events GROUP BY kind) TO STDOUT (FORMAT csv, HEADER)"), q("COPY (SELECT count(*), 1 / 0 FROM events) TO STDOUT"), q("COPY (SELECT kind, 1 / (count(*) - count(*)) FROM events GROUP BY kind) TO STDOUT (FORMAT binary)"), q(&format!("{count}; COPY (SELECT DISTINCT kind::int FROM events WHERE kind = 'buy') TO STDOUT; SELECT 2")), ask(&[extended("COPY (SELECT sum(1 / (id - id)) FROM events) TO STDOUT", &[])]), q("COPY (SELECT nope FROM events ORDER BY 1) TO STDOUT")].concat()),
        ("text: reads of three shards", q("SELECT count(*) FROM events WHERE client_id = 1; SELECT count(*) FROM events WHERE client_id = 2; SELECT count(*) FROM events WHERE client_id = 3")),
        ("text: reads over shards", q(&format!("{count}; SELECT client_id, id FROM events ORDER BY 1, 2 LIMIT 3; {count}"))),
        ("text: writes stay together", [q(&all), look()].concat()),
        ("text: an error undoes the writes", [q(&format!("{all}; SELECT 1/0; {count}")), look()].concat()),
        ("text: an error on one shard undoes the writes", [q(&format!("{all}; {}", insert(4001, 1))), look()].concat()),
        ("text: an error over shards undoes the writes", [q(&format!("{all}; SELECT 1 / (client_id - 4003) FROM events ORDER BY 1; {count}")), look()].concat()),
        ("text: what is written is read", [q(&format!("{all}; {COUNT}; UPDATE events SET id = id + 1 WHERE kind = 's'; {COUNT}")), look()].concat()),
        ("text: a change over shards and an error", [q(&all), q(&format!("UPDATE events SET id = 7 WHERE kind = 's'; {COUNT}; SELECT nope")), look()].concat()),
        ("text: the place of an error", q(&format!("{count}; SELECT 'ä', 1; SELECT nope FROM events WHERE client_id = 1; SELECT 1"))),
        ("text: the place of an error in the first", q(&format!("SELECT nope FROM events WHERE client_id = 1; {count}"))),
        ("text: a block inside", [q(&format!("BEGIN; {all}; COMMIT; {count}")), look()].concat()),
        ("text: a block inside, rolled back", [q(&format!("BEGIN; {all}; ROLLBACK; {COUNT}")), look()].concat()),
        ("text: a block that stays open", [q(&format!("BEGIN; {all}")), q(COUNT), q("ROLLBACK"), look()].concat()),
        ("text: a block that fails stays failed", [q(&format!("BEGIN; {all}; SELECT 1/0; SELECT 1")), q("SELECT 1"), q("ROLLBACK"), look()].concat()),
        ("text: BEGIN keeps what came before", [q(&format!("{all}; BEGIN; {}", inserts(2))), q(COUNT), q("ROLLBACK"), look()].concat()),
        ("text: BEGIN, then COMMIT, keep what came before", [q(&format!("{all}; BEGIN; {}; COMMIT; {}; SELECT 1/0", inserts(2), inserts(3))), look()].concat()),
        ("text: COMMIT without BEGIN", [q(&format!("{all}; COMMIT; {}; SELECT 1/0", inserts(2))), look()].concat()),
        ("text: ROLLBACK without BEGIN", [q(&format!("{all}; ROLLBACK; {}", inserts(2))), look()].concat()),
        ("text: COMMIT AND CHAIN without BEGIN", [q(&format!("{all}; COMMIT AND CHAIN; SELECT 1")), look()].concat()),
        ("text: ROLLBACK AND CHAIN without BEGIN", [q(&format!("{all}; ROLLBACK AND CHAIN; SELECT 1")), look()].concat()),
        ("text: SAVEPOINT without BEGIN", [q(&format!("{all}; SAVEPOINT a; SELECT 1")), look()].concat()),
        ("text: RELEASE without BEGIN", [q(&format!("{all}; RELEASE a; SELECT 1")), look()].concat()),
        ("text: ROLLBACK TO without BEGIN", [q(&format!("{all}; ROLLBACK TO a; SELECT 1")), look()].concat()),
        ("text: COMMIT first", [q(&format!("COMMIT; {all}")), look()].concat()),
        ("text: BEGIN with options first", [q(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {all}; SHOW transaction_isolation")), q("COMMIT"), look()].concat()),
        ("text: READ ONLY", [q(&format!("BEGIN READ ONLY; {count}; {all}")), q("ROLLBACK"), look()].concat()),
        ("text: inside a block over shards", [q("BEGIN"), q(count), q(&all), q(&format!("{COUNT}; SELECT 1")), q("COMMIT"), look()].concat()),
        ("text: ends a block over shards", [q("BEGIN"), q(count), q(&all), q(&format!("COMMIT; {COUNT}")), look()].concat()),
        ("text: ends a failed block over shards", [q("BEGIN"), q(&all), q("SELECT 1/0"), q(&format!("ROLLBACK; {all}")), look()].concat()),
        ("text: COMMIT of a failed block over shards", [q("BEGIN"), q(&all), q("SELECT 1/0"), q(&format!("COMMIT; {all}")), look()].concat()),
        ("text: savepoints", [q(&format!("BEGIN; {all}; SAVEPOINT a; {}; ROLLBACK TO a; {COUNT}; RELEASE a; COMMIT", inserts(2))), look()].concat()),
        ("text: settings", [q(&format!("SET work_mem = '5MB'; {count}; SHOW work_mem; SELECT current_setting('work_mem') FROM events WHERE client_id = 1 AND id = 1")), q("SHOW work_mem"), q("RESET work_mem")].concat()),
        ("text: settings are undone", [q(&format!("SET work_mem = '5MB'; {count}; SELECT 1/0")), q("SHOW work_mem")].concat()),
        ("text: SET LOCAL", [q(&format!("SET LOCAL work_mem = '5MB'; {count}; SHOW work_mem")), q("SHOW work_mem")].concat()),
        ("text: search_path holds for what follows", [q("SET search_path = other, public; SELECT count(*), max(kind) FROM events; RESET search_path; SELECT count(*), max(kind) FROM events")].concat()),
        ("text: set_config", [q(&format!("SELECT set_config('work_mem', '6MB', false); {count}; SHOW work_mem")), q("SHOW work_mem"), q("RESET ALL")].concat()),
        ("text: VACUUM does not stand among others", q(&format!("{count}; VACUUM audit"))),
        ("text: DISCARD ALL does not stand among others", q(&format!("{count}; DISCARD ALL; SELECT 1"))),
        ("text: PREPARE and DEALLOCATE", [q(&format!("PREPARE s AS SELECT 1; {count}; DEALLOCATE s; SELECT 2")), q("DEALLOCATE s")].concat()),
        ("text: COPY among others", [
            vec![Send(query(&format!("{count}; COPY events (client_id, id, kind) FROM STDIN; {COUNT}"))), Until(b"GE"), Send([message(b'd', b"4001\t1\ts\n4002\t1\ts\n4003\t1\ts\n4004\t1\ts\n"), message(b'c', b"")].concat()), Ready(1)],
            look(),
        ].concat()),
        ("text: COPY that fails undoes the others", [
            vec![Send(query(&format!("{all}; COPY events (client_id, id, kind) FROM STDIN; {COUNT}"))), Until(b"GE"), Send([message(b'd', b"4001\t1\ts\n4002\t1\ts\n"), message(b'c', b"")].concat()), Ready(1)],
            look(),
        ].concat()),
        ("text: an empty statement among others", q(&format!("{count};; ;SELECT 1;"))),
        ("text: a syntax error runs nothing", [q(&format!("{all}; SELEC")), look()].concat()),
        ("text: a deferred error at the end", [q("CREATE TEMP TABLE once (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)"), q(&format!("BEGIN; {all}; INSERT INTO once VALUES (1), (1); COMMIT; SELECT 1")), look()].concat()),
        ("text: temporary tables", [q(&format!("CREATE TEMP TABLE mine (a int); {all}; INSERT INTO mine VALUES (1); SELECT * FROM mine; {COUNT}")), q(&format!("{}; INSERT INTO mine VALUES (2); SELECT 1", inserts(2))), q("SELECT count(*) FROM mine"), look()].concat()),
        ("text: rows of several shards are written", [q("INSERT INTO events (client_id, id, kind) VALUES (4001, 1, 's'), (4002, 1, 's'), (4003, 1, 's'); SELECT count(*) FROM events WHERE kind = 's'; INSERT INTO events (client_id, id, kind) VALUES (4001, 2, 's'), (4002, 1, 's')"), look(), q("INSERT INTO events (client_id, id, kind) VALUES (4001, 1, 's'), (4002, 1, 's'), (4003, 1, 's'); SELECT count(*) FROM events WHERE kind = 's'"), look()].concat()),
        ("notices: of tables of two shards", [q("BEGIN"), q("DROP TABLE IF EXISTS nothing, labels, memos, no_schema.nothing"), q("ROLLBACK"), q("BEGIN"), ask(&[extended("DROP TABLE IF EXISTS memos, nothing, labels", &[])]), q("ROLLBACK")].concat()),
        ("text: notices", q(&format!("{count}; {count}; DROP TABLE IF EXISTS pg_temp.nothing"))),
    ]
}

fn prepared() -> Vec<Scenario> {
    let prepare = "PREPARE s (bigint) AS SELECT client_id, id FROM events WHERE client_id < $1 ORDER BY 1, 2 LIMIT 5";
    vec![
        ("prepared: an error comes alone", [q("PREPARE s AS SELECT 1 / (id - 3) FROM events"), q("EXECUTE s"), q("PREPARE t AS SELECT kind, sum(1 / (id - 3)) FROM events GROUP BY kind"), q("EXECUTE t"), q("PREPARE u AS SELECT row_number() OVER (ORDER BY client_id), 1 / (client_id % 50 - 42) FROM events"), q("EXECUTE u"), q("PREPARE v AS SELECT count(*), 1 / 0 FROM events"), q("EXECUTE v"), q("SELECT 1; EXECUTE s; SELECT 2"), q("PREPARE w (bigint) AS SELECT 1 / (id - 3) FROM events WHERE client_id = $1"), q("EXECUTE w (3 + 4)"), q("EXECUTE w (7)")].concat()),
        ("execute: a query over shards", [q(prepare), q("EXECUTE s (5)"), q("EXECUTE s ('6')"), q("EXECUTE s (NULL)"), q("EXECUTE s (2 + 1)"), q("DEALLOCATE s")].concat()),
        ("execute: described, of a statement that came later, and of one that is gone", [ask(&[parse("t", "EXECUTE s", &[]), sync()]), ask(&[parse("s", "SELECT count(*) AS n FROM events", &[]), describe(b'S', "t"), parse("u", "EXECUTE s", &[]), describe(b'S', "u"), sync()]), ask(&[close(b'S', "s"), describe(b'S', "u"), sync()]), ask(&[describe(b'S', "t"), sync()])].concat()),
        ("execute: without parameters", [q("PREPARE s AS SELECT count(*) FROM events"), q("EXECUTE s"), q("EXECUTE s")].concat()),
        ("execute: types that are found", [q("PREPARE s AS SELECT count(*), $2::text AS t FROM events WHERE client_id > $1 AND at > $3"), q("EXECUTE s (3, 'x', '2024-01-01')"), q("EXECUTE s (3 - 1, upper('x'), timestamptz '2024-01-01' + interval '1 day')")].concat()),
        ("execute: a computed key", [q("PREPARE s AS SELECT id FROM events WHERE client_id = $1 ORDER BY id"), q("EXECUTE s (3 + 4)"), q("EXECUTE s (length('abcdefg'))"), q("EXECUTE s (7)")].concat()),
        ("execute: a computed key of a write", [q("PREPARE s AS INSERT INTO events (client_id, id, kind) VALUES ($1, $2, 's')"), q("EXECUTE s (4000 + 1, 1)"), q("EXECUTE s (4000 + 2, 1 + 0)"), look()].concat()),
        ("execute: rows of several shards are written", [q("PREPARE s (bigint) AS INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 's'), ($1 + 1, 1, 's'), (4003, $1, 's') RETURNING client_id, id"), q("EXECUTE s (4001)"), q("EXECUTE s (4000 + 4)"), look()].concat()),
        ("execute: arguments are converted", [q(prepare), q("EXECUTE s (3.7)"), q("EXECUTE s (3.2 + 0)"), q("EXECUTE s (true)"), q("EXECUTE s (now())"), q("EXECUTE s ('x')"), q("EXECUTE s ('x'::text)")].concat()),
        ("execute: numbers for text", [q("PREPARE s (text) AS SELECT count(*), max($1) FROM events"), q("EXECUTE s (007)"), q("EXECUTE s (1.50)"), q("EXECUTE s (1e3)"), q("EXECUTE s (-1)")].concat()),
        ("execute: an argument fails", [q(prepare), q("EXECUTE s (1 / 0)"), q("EXECUTE s (4)"), q("BEGIN"), q("EXECUTE s (1 / 0)"), q("SELECT 1"), q("ROLLBACK"), q("EXECUTE s (4)")].concat()),
        ("execute: too few and too many", [q(prepare), q("EXECUTE s"), q("EXECUTE s (1, 2)"), q("EXECUTE s (1 + 1, 2)"), q("EXECUTE s (4)")].concat()),
        ("bind: too few and too many", ["SELECT kind, count(*) FROM events WHERE id > $1 GROUP BY kind ORDER BY 1", "SELECT client_id, id FROM events WHERE id = $1 ORDER BY 1", "SELECT count(DISTINCT kind) FROM events WHERE id > $1"].iter().flat_map(|sql| [ask(&[parse("b", sql, &[]), sync()]), ask(&[bind("", "b", &[], 0), execute("", 0), sync()]), ask(&[bind("", "b", &[text("3"), text("4")], 0), describe(b'P', ""), execute("", 0), sync()]), ask(&[bind("", "b", &[text("3")], 0), describe(b'P', ""), execute("", 0), sync()]), ask(&[close(b'S', "b"), sync()])].concat()).collect()),
        ("execute: a subquery is no argument", [q(prepare), q("EXECUTE s ((SELECT 1))"), q("EXECUTE s (count(*))"), q("EXECUTE s (client_id)")].concat()),
        ("execute: rows as they come", [q("PREPARE s (text) AS SELECT client_id FROM events WHERE kind = $1"), q(&inserts(1)), q("EXECUTE s ('nothing')"), q("PREPARE u (text, bigint) AS UPDATE events SET id = id + $2 WHERE kind = $1"), q("EXECUTE u ('s', 2)"), q("EXECUTE u ('s' || '', 2)"), look()].concat()),
        ("execute: a change with RETURNING", [q(&insert(4001, 1)), q("PREPARE u (text) AS UPDATE events SET id = id + 1 WHERE kind = $1 RETURNING client_id, id"), q("EXECUTE u ('s')"), look()].concat()),
        ("execute: in a block", [q("BEGIN"), q(prepare), q(&inserts(1)), q("PREPARE c AS SELECT count(*) FROM events WHERE kind = $1"), q("EXECUTE c ('s')"), q("PREPARE d AS DELETE FROM events WHERE kind = $1"), q("EXECUTE d ('s')"), q("EXECUTE c ('s' || '')"), q("ROLLBACK"), q("EXECUTE c ('s')")].concat()),
        ("execute: among others", [q(&format!("{prepare}; EXECUTE s (3); {all}; EXECUTE s (2 + 2); DEALLOCATE s", all = inserts(1))), look()].concat()),
        ("execute: types of one's own", [q("PREPARE s AS SELECT client_id FROM wide WHERE md = $1 ORDER BY 1"), q("EXECUTE s ('ok')"), q("EXECUTE s ('sad'::mood)"), q("EXECUTE s ('none')")].concat()),
        ("execute: values keep every digit", [q("SET extra_float_digits = -5"), q("PREPARE s (float8) AS SELECT count(*) FROM wide WHERE f8 < $1"), q("EXECUTE s (0.1 + 0.2)"), q("EXECUTE s ('NaN')"), q("PREPARE t (float8) AS SELECT $1 = 0.1::float8 + 0.2::float8, count(*) FROM events"), q("EXECUTE t (0.1::float8 + 0.2::float8)")].concat()),
        ("execute: an unknown one among others", q("SELECT count(*) FROM events; EXECUTE nope (1)")),
        ("execute: by the extended protocol", [q(prepare), ask(&[extended("EXECUTE s (5)", &[])]), ask(&[extended("EXECUTE s (2 + 1)", &[])]), ask(&[parse("e", "EXECUTE s (4)", &[]), describe(b'S', "e"), sync()]), ask(&[bind("", "e", &[], 0), execute("", 0), sync()]), ask(&[bind("", "e", &[], 1), describe(b'P', ""), execute("", 0), sync()])].concat()),
        ("execute: by the extended protocol, one shard", [q("PREPARE s (bigint) AS SELECT id, kind, at FROM events WHERE client_id = $1 ORDER BY id"), ask(&[extended("EXECUTE s (7)", &[])]), ask(&[extended("EXECUTE s (3 + 4)", &[])]), ask(&[extended("EXECUTE s (length('abcdefg'))", &[])]), ask(&[parse("", "EXECUTE s (7)", &[]), bind("", "", &[], 1), describe(b'P', ""), execute("", 0), sync()]), ask(&[parse("", "EXECUTE s (1)", &[]), bind("", "", &[], 0), execute("", 0), parse("", "EXECUTE s (2)", &[]), bind("", "", &[], 0), execute("", 0), parse("", "EXECUTE s (3)", &[]), bind("", "", &[], 0), execute("", 0), sync()])].concat()),
        ("execute: by the extended protocol, in pieces", [q(prepare), q("PREPARE o (bigint) AS SELECT id FROM events WHERE client_id = $1 ORDER BY id"), q("BEGIN"), ask(&[parse("", "EXECUTE s (5)", &[]), bind("p", "", &[], 0), execute("p", 2), sync()]), ask(&[execute("p", 2), sync()]), ask(&[execute("p", 0), sync()]), ask(&[parse("", "EXECUTE o (7)", &[]), bind("o", "", &[], 0), execute("o", 2), sync()]), ask(&[execute("o", 0), close(b'P', "o"), sync()]), q("COMMIT")].concat()),
        ("execute: by the extended protocol, a write", [q("PREPARE s (bigint, bigint) AS INSERT INTO events (client_id, id, kind) VALUES ($1, $2, 's') RETURNING client_id"), q("PREPARE w (bigint) AS INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 's')"), ask(&[extended("EXECUTE s (4001, 1)", &[])]), ask(&[extended("EXECUTE s (4000 + 2, 1)", &[])]), ask(&[extended("EXECUTE w (4003)", &[])]), q("PREPARE u (text) AS UPDATE events SET id = id + 1 WHERE kind = $1 RETURNING client_id, id"), q("PREPARE d (text) AS DELETE FROM events WHERE kind = $1"), ask(&[extended("EXECUTE u ('nothing')", &[])]), ask(&[extended("EXECUTE d ('s')", &[])]), look()].concat()),
        ("execute: by the extended protocol, writes of all shards", [q("PREPARE w (bigint) AS INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 's')"), ask(&[CLIENTS.flat_map(|client| [parse("", &format!("EXECUTE w ({client})"), &[]), bind("", "", &[], 0), execute("", 0)].concat()).collect::<Vec<u8>>(), sync()]), look(), ask(&[CLIENTS.flat_map(|client| [parse("", &format!("EXECUTE w ({client})"), &[]), bind("", "", &[], 0), execute("", 0)].concat()).collect::<Vec<u8>>(), parse("", "EXECUTE w (4001)", &[]), bind("", "", &[], 0), execute("", 0), sync()]), look()].concat()),
        ("execute: by the extended protocol, wrong", [ask(&[extended("EXECUTE nope (1)", &[])]), q(prepare), ask(&[parse("", "EXECUTE s", &[]), bind("", "", &[], 0), execute("", 0), sync()]), ask(&[parse("", "EXECUTE s (1, 2)", &[]), bind("", "", &[], 0), execute("", 0), sync()]), ask(&[parse("", "EXECUTE s (1 / 0)", &[]), bind("", "", &[], 0), execute("", 0), sync()]), ask(&[parse("", "EXECUTE s ('x')", &[]), bind("", "", &[], 0), execute("", 0), sync()]), q("BEGIN"), ask(&[parse("", "EXECUTE s (1 / 0)", &[]), bind("", "", &[], 0), execute("", 0), sync()]), q("SELECT 1"), q("ROLLBACK"), ask(&[extended("EXECUTE s (4)", &[])])].concat()),
        ("prepare: by the extended protocol", [ask(&[extended(prepare, &[])]), q("EXECUTE s (4)"), ask(&[extended(prepare, &[])]), ask(&[extended("DEALLOCATE s", &[])]), q("EXECUTE s (4)")].concat()),
        ("prepare: in a pipeline", [ask(&[parse("", "SELECT 1", &[]), bind("", "", &[], 0), execute("", 0), parse("", prepare, &[]), bind("", "", &[], 0), execute("", 0), bind("", "s", &[text("4")], 0), execute("", 0), sync()]), q("EXECUTE s (4)")].concat()),
        ("prepare: wrong, in a pipeline", [ask(&[parse("", "SELECT 1", &[]), bind("", "", &[], 0), execute("", 0), parse("", "PREPARE s AS SELECT nope FROM events", &[]), bind("", "", &[], 0), execute("", 0), parse("", "SELECT 2", &[]), sync()]), q("EXECUTE s")].concat()),
    ]
}

/// What a pipeline sets belongs to it, as what it writes does.
fn settings() -> Vec<Scenario> {
    let run_of = |sql: &str| [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat();
    let shown = || [q("SHOW work_mem"), q("SHOW application_name"), q("SELECT current_setting('work_mem') FROM events WHERE client_id = 2 AND id = 1")].concat();
    let here = insert(4001, 1);
    let elsewhere: Vec<String> = CLIENTS.map(|client| insert(client, 2)).collect();
    let many = format!("INSERT INTO events (client_id, id, kind) VALUES {}", CLIENTS.map(|client| format!("({client}, 3, 's')")).collect::<Vec<_>>().join(", "));
    let failing = "INSERT INTO events (client_id, id, kind) VALUES (4002, 1 / (length('x') - 1), 's')";
    let failing_over_shards = "UPDATE events SET amount = 1 / (id - id) WHERE kind = 's'";
    let mut all = Vec::new();
    let setters = ["SELECT set_config('work_mem', '77kB', false)", "SET LOCAL work_mem = '78kB'"];
    for setter in setters {
        let before = || q(&insert(4003, 9));
        let played = |statements: &[&str]| [before(), ask(&[statements.iter().map(|sql| run_of(sql)).collect::<Vec<_>>().concat(), sync()]), shown(), look(), q("RESET ALL"), shown()].concat();
        all.extend([
            ("settings: then a write", played(&[setter, &here])),
            ("settings: then writes of all shards", played(&[&[setter][..], &elsewhere.iter().map(String::as_str).collect::<Vec<_>>()].concat())),
            ("settings: then a write over shards", played(&[setter, &many])),
            ("settings: behind a write over shards", played(&[&many, setter])),
            ("settings: between writes", played(&[&here, setter, &many, "SELECT current_setting('work_mem')"])),
            ("settings: then a write that fails", played(&[setter, failing])),
            ("settings: then a write that fails elsewhere", played(&[setter, &here, failing])),
            ("settings: then a write over shards that fails", played(&[setter, failing_over_shards])),
            ("settings: behind a write, then one that fails", played(&[&here, setter, failing_over_shards])),
            ("settings: then a read over shards that fails", played(&[setter, "SELECT sum(1 / (id - id)) FROM events"])),
            ("settings: then a read that fails", played(&[setter, "SELECT 1 / (id - id) FROM events WHERE client_id = 2", &here])),
        ]);
    }
    let taken = |first: &str| [ask(&[parse("", first, &[]), bind("q", "", &[], 0), parse("s", &many, &[]), bind("p", "s", &[], 0), execute("p", 0), parse("s", "PREPARE x AS SELECT 1", &[]), sync()]), look()].concat();
    all.extend([
        ("pipeline: a name that is taken undoes the writes", taken("SELECT 1")),
        ("pipeline: a name that is taken undoes the writes, behind CLOSE ALL", taken("CLOSE ALL")),
    ]);
    let reported = "SELECT set_config('application_name', 'x', false)";
    let told = |statements: &[&str]| [ask(&[statements.iter().map(|sql| run_of(sql)).collect::<Vec<_>>().concat(), sync()]), q("SHOW application_name"), look(), q("RESET ALL")].concat();
    all.extend([
        ("settings: reported behind a write over shards", told(&[reported, &many])),
        ("settings: reported behind writes", told(&[&here, reported, &many])),
        ("settings: reported behind writes of all shards", told(&[&[reported][..], &elsewhere.iter().map(String::as_str).collect::<Vec<_>>()].concat())),
    ]);
    all
}

/// Temporary tables of rows over shards.
fn tables() -> Vec<Scenario> {
    let make = "CREATE TEMP TABLE mine AS SELECT client_id, id, kind, amount FROM events WHERE id < 3";
    let seen = || q("SELECT count(*), sum(client_id), max(kind), sum(amount) FROM mine");
    let of = |client: u32| format!("SELECT count(*) FROM events WHERE client_id = {client}");
    let act = |sql: &str| [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat();
    let both = "SELECT id, n.note, l.code FROM memos n JOIN labels l USING (id)";
    vec![
        ("tables of one shard that no other has, prepared and described", ["memos", "labels"].iter().flat_map(|table| [
            ask(&[[parse("a", &format!("SELECT id FROM {table} WHERE id = $1"), &[]), sync()].concat()]),
            ask(&[[parse("b", &format!("SELECT max(t.id), count(e.id) FROM {table} AS t JOIN events AS e ON e.id = t.id"), &[]), describe(b'S', "b"), sync()].concat()]),
            ask(&[[bind("", "a", &[text("7")], 0), describe(b'P', ""), execute("", 0), bind("", "b", &[], 0), execute("", 0), sync()].concat()]),
            ask(&[[close(b'S', "a"), close(b'S', "b"), sync()].concat()]),
            q(&format!("PREPARE p (int) AS SELECT count(*) FROM {table} WHERE id < $1")), q("EXECUTE p (9)"), q("EXECUTE p (9, 9)"), q("DEALLOCATE p"),
            q(&format!("PREPARE p AS SELECT count(e.id) FROM {table} AS t JOIN events AS e ON e.id = t.id")), q("EXECUTE p"), q("DEALLOCATE p"),
            q(&format!("BEGIN; INSERT INTO events (client_id, id, kind) SELECT id, 900, 's' FROM {table}; SELECT count(*) FROM events WHERE kind = 's'; ROLLBACK")),
        ].concat()).collect()),
        ("tables of two shards that no shard has together, prepared and described", [
            ask(&[parse("a", &format!("{both} WHERE n.id > $1 AND l.label LIKE $2 AND n.at < $3 ORDER BY 1 LIMIT $4"), &[]), describe(b'S', "a"), sync()]),
            ask(&[bind("", "a", &[text("5"), text("l%"), text("2030-01-01"), text("3")], 0), describe(b'P', ""), execute("", 0), bind("", "a", &[text("9"), text("%"), text("infinity"), text("1")], 1), execute("", 0), sync()]),
            ask(&[bind("", "a", &[text("x"), text("l%"), text("2030-01-01"), text("3")], 0), execute("", 0), sync()]),
            ask(&[bind("", "a", &[text("5")], 0), execute("", 0), sync()]),
            q("BEGIN"), ask(&[bind("p", "a", &[text("0"), text("l%"), text("2030-01-01"), text("9")], 0), execute("p", 2), sync()]), ask(&[execute("p", 2), execute("p", 0), sync()]), q("COMMIT"),
            ask(&[close(b'S', "a"), sync()]), ask(&[describe(b'S', "a"), sync()]),
            ask(&[parse("", &format!("{both} WHERE n.id = $1"), &[23]), describe(b'S', ""), bind("", "", &[text("7")], 0), describe(b'P', ""), execute("", 0), sync()]),
            ask(&[parse("", &format!("{both} WHERE n.id = $1 AND l.label = $1"), &[]), describe(b'S', ""), sync()]),
            ask(&[parse("", &format!("{both} WHERE l.label = 7"), &[]), sync()]),
            ask(&[parse("", "SELECT 1", &[]), bind("", "", &[], 0), execute("", 0), parse("", both, &[]), bind("", "", &[], 0), execute("", 0), parse("", "SELECT 2", &[]), bind("", "", &[], 0), execute("", 0), sync()]),
            q(&format!("PREPARE p (int) AS {both} WHERE n.id < $1 ORDER BY 1")), q("EXECUTE p (7)"), q("EXECUTE p (3 + 4)"), q("EXECUTE p (7, 7)"), q("EXECUTE p ('x')"),
            ask(&[extended("EXECUTE p (7)", &[])]), ask(&[parse("", "EXECUTE p (3 + 4)", &[]), describe(b'S', ""), bind("", "", &[], 0), describe(b'P', ""), execute("", 0), sync()]), ask(&[parse("", "EXECUTE p", &[]), bind("", "", &[], 0), execute("", 0), sync()]), q("DEALLOCATE p"), q("EXECUTE p (7)"),
            q(&format!("PREPARE p AS {both} WHERE l.label = 7")), q("PREPARE p AS SELECT l.code, count(*) FROM memos n JOIN labels l USING (id) GROUP BY ROLLUP (l.code) ORDER BY 1, 2"), q("EXECUTE p"), q("DEALLOCATE p"),
            ["memos n JOIN labels l", "labels n JOIN memos l"].iter().flat_map(|both| [
                q(&format!("PREPARE p AS SELECT n, l.id, n.nope FROM {both} USING (id)")), q(&format!("PREPARE p (int) AS SELECT n, l.id, to_jsonb(n) FROM {both} USING (id) WHERE n.id < $1 ORDER BY n.id")), q("EXECUTE p (7)"), q("EXECUTE p (3 + 4)"), q("DEALLOCATE p"),
                ask(&[parse("w", &format!("SELECT n, n IS NULL FROM {both} USING (id) WHERE n.id < $1 ORDER BY n.id"), &[]), describe(b'S', "w"), bind("", "w", &[text("6")], 0), describe(b'P', ""), execute("", 0), sync()]), ask(&[bind("", "w", &[text("7")], 0), execute("", 0), sync()]), ask(&[close(b'S', "w"), sync()]),
                q("BEGIN"), q("SELECT count(*) FROM events WHERE client_id = 7"), ask(&[extended(&format!("SELECT n FROM {both} USING (id) ORDER BY n.id LIMIT $1"), &["2"])]), q("COMMIT"),
                ask(&[extended(&format!("INSERT INTO events (client_id, id, kind) SELECT 4001, 800 + n.id, n::text FROM {both} USING (id) WHERE n.id < $1 RETURNING kind"), &["6"])]), q("DELETE FROM events WHERE id > 800"),
            ].concat()).collect(),
            q("BEGIN"), ask(&[extended(&format!("DECLARE c CURSOR FOR {both} ORDER BY 1"), &[])]), q("FETCH 2 FROM c"), q("ROLLBACK"),
            ask(&[extended(&format!("CREATE TEMP TABLE mine AS {both} WHERE n.id < $1"), &["9"])]), q("SELECT count(*) FROM mine"),
            ask(&[parse("", &format!("{both} JOIN mine USING (id) WHERE mine.note <> $1"), &[]), describe(b'S', ""), bind("", "", &[text("x")], 0), execute("", 0), sync()]),
            ask(&[parse("", &format!("EXPLAIN {both} WHERE n.id < $1"), &[]), describe(b'S', ""), sync()]),
            ask(&[parse("", "INSERT INTO events (client_id, id, kind, amount) SELECT n.client_id, 900 + n.id, 's', $1 FROM memos n JOIN labels l USING (id) WHERE l.label <> $2 RETURNING amount", &[]), describe(b'S', ""), bind("", "", &[text("1.5"), text("x")], 0), describe(b'P', ""), execute("", 0), sync()]),
            q("DELETE FROM events WHERE id > 900"),
        ].concat()),
        ("rows of all shards into a table of one", {
            let store = "INSERT INTO memos (id, note, client_id) SELECT 7000 + client_id, kind, $1 FROM events WHERE id = 1 AND client_id < 9";
            let plain = store.replace("$1", "1");
            let count = || q("SELECT count(*), max(note) FROM memos WHERE id > 7000");
            [
                q("BEGIN"), q(&plain), count(), q("ROLLBACK"), count(),
                q(&format!("{plain}; SELECT 1 / 0")), count(),
                ask(&[act(&plain), act("SELECT 1 / 0"), sync()]), count(),
                ask(&[act(&insert(4001, 1)), act(&plain), act("SELECT 1 / 0"), sync()]), count(), look(),
                ask(&[act(&insert(4002, 1)), act(&plain), act("SELECT count(*) FROM memos WHERE id > 7000"), sync()]), count(), look(), q("DELETE FROM memos WHERE id > 7000"),
                ask(&[parse("s", &format!("{store} RETURNING id, client_id"), &[]), describe(b'S', "s"), bind("", "s", &[text("5")], 0), describe(b'P', ""), execute("", 0), sync()]), count(), ask(&[bind("", "s", &[text("5")], 0), execute("", 0), sync()]),
                q("DELETE FROM memos WHERE id > 7000"), q("BEGIN"), ask(&[bind("p", "s", &[text("5")], 1), execute("p", 2), sync()]), ask(&[execute("p", 0), execute("p", 0), sync()]), q("COMMIT"), count(), q("DELETE FROM memos WHERE id > 7000"),
                q("BEGIN"), ask(&[parse("u", store, &[]), bind("p", "u", &[text("5")], 0), execute("p", 0), execute("p", 0), sync()]), q("ROLLBACK"), count(),
                q(&format!("PREPARE w AS {store}")), q("EXECUTE w (3)"), count(), q("EXECUTE w (3)"), q("DELETE FROM memos WHERE id > 7000"),
                q(&format!("EXPLAIN {plain} RETURNING nope")), count(),
            ].concat()
        }),
        ("table: of rows", [q(make), seen(), q("INSERT INTO mine VALUES (0, 1.5, 'x', 1.239) RETURNING *"), q("SELECT count(*) FROM events"), seen(), q("DROP TABLE mine"), seen()].concat()),
        ("table: WITH NO DATA", [q("CREATE TEMP TABLE mine AS SELECT client_id, kind AS k, amount, 1 / 0 AS a FROM events WITH NO DATA"), q("SELECT attname, atttypid, atttypmod, attnotnull FROM pg_attribute WHERE attrelid = 'mine'::regclass AND attnum > 0 ORDER BY attnum"), q("SELECT * FROM mine")].concat()),
        ("table: WITH NO DATA, of groups, in a block", [q("BEGIN"), q("CREATE TEMP TABLE mine (a, b) AS (SELECT kind, count(*) FROM events GROUP BY kind) WITH NO DATA"), q("SELECT * FROM mine"), q("ROLLBACK"), q("SELECT * FROM mine")].concat()),
        ("table: WITH NO DATA, by the extended protocol", [ask(&[extended("CREATE TEMP TABLE mine AS SELECT DISTINCT kind, $1::int AS n FROM events WITH NO DATA", &["7"])]), q("SELECT * FROM mine"), ask(&[extended("CREATE TEMP TABLE IF NOT EXISTS mine AS TABLE events WITH NO DATA", &[])])].concat()),
        ("table: WITH DATA", [q("CREATE TEMP TABLE mine AS SELECT client_id, id, kind, amount FROM events WITH DATA;"), seen()].concat()),
        ("table: WITH DATA, by the extended protocol", [ask(&[extended("CREATE TEMP TABLE mine AS SELECT client_id, id, kind, amount FROM events WHERE id < $1 WITH DATA -- all", &["3"])]), seen()].concat()),
        ("table: catalogs show it", [q(make), q("SELECT relname FROM pg_class WHERE relname = 'mine'"), q("SELECT 'mine'::regclass, to_regclass('mine')"), q("BEGIN"), q("SELECT count(*) FROM events WHERE client_id = 2"), q("SELECT to_regclass('mine')"), q("SELECT table_type FROM information_schema.tables WHERE table_name = 'mine'"), q("COMMIT")].concat()),
        ("table: beside statements for other shards", CLIENTS.flat_map(|client| [q("CREATE TEMP TABLE mine (a int)"), q(&format!("{}; SELECT a FROM mine; SELECT to_regclass('mine')", of(client))), ask(&[act(&of(client)), act("SELECT a FROM mine"), act(&format!("INSERT INTO mine VALUES ({client})")), act(&of(4001)), act("SELECT to_regclass('mine')"), sync()]), ask(&[act(&of(client)), parse("s", "SELECT a FROM mine WHERE a = $1", &[]), describe(b'S', "s"), bind("", "s", &[text(&client.to_string())], 0), execute("", 0), close(b'S', "s"), sync()]), q("BEGIN"), ask(&[act(&of(client)), act("SELECT to_regclass('mine')"), sync()]), q("COMMIT"), q("DROP TABLE mine")].concat()).collect()),
        ("table: catalogs show a temporary sequence", [q("CREATE TEMP SEQUENCE mine"), q("SELECT nextval('mine')"), q("SELECT to_regclass('mine')"), q("SELECT relkind FROM pg_class WHERE relname = 'mine'")].concat()),
        ("table: catalogs show it, on any server", [q("CREATE TEMP TABLE mine AS SELECT id FROM events WHERE client_id = 2"), q("SELECT relname FROM pg_class WHERE relname = 'mine'"), q("SELECT to_regclass('mine')"), q("BEGIN"), q(&insert(4001, 1)), q("SELECT to_regclass('mine')"), q(&insert(4003, 1)), q("COMMIT"), look()].concat()),
        ("table: of groups, with names", [q("CREATE TEMPORARY TABLE mine (word, n) ON COMMIT PRESERVE ROWS AS (SELECT kind, count(*) FROM events GROUP BY kind)"), q("SELECT * FROM mine ORDER BY word"), q("INSERT INTO mine VALUES ('x', 1)")].concat()),
        ("table: beside another", [q("CREATE TEMP TABLE one (a int)"), q("INSERT INTO one VALUES (1), (2)"), q(make), q("SELECT count(*) FROM mine JOIN one ON one.a = mine.id")].concat()),
        ("table: rolled back", [q("BEGIN"), q(make), seen(), q("ROLLBACK"), seen()].concat()),
        ("table: committed with writes", [q("BEGIN"), q(make), seen(), q(&inserts(1)), q("COMMIT"), seen(), look()].concat()),
        ("table: dropped at COMMIT", [q("BEGIN"), q("CREATE TEMP TABLE mine ON COMMIT DROP AS SELECT client_id AS a FROM events ORDER BY client_id, id LIMIT 3"), q("SELECT * FROM mine"), q("COMMIT"), q("SELECT * FROM mine")].concat()),
        ("table: by the extended protocol", [ask(&[extended("CREATE TEMP TABLE mine AS SELECT client_id, id, kind, amount FROM events WHERE id = $1", &["2"])]), seen()].concat()),
        ("table: in a pipeline that fails", [ask(&[parse("", &insert(4001, 1), &[]), bind("", "", &[], 0), execute("", 0), parse("", make, &[]), bind("", "", &[], 0), execute("", 0), parse("", "SELECT 1/0", &[]), bind("", "", &[], 0), execute("", 0), sync()]), seen(), look()].concat()),
        ("table: a row that fails", [q("CREATE TEMP TABLE mine AS SELECT 1 / (client_id - client_id) AS a, client_id FROM events"), seen()].concat()),
        ("table: there already", [q(make), q(make), q("CREATE TEMP TABLE IF NOT EXISTS mine AS SELECT client_id FROM events"), seen()].concat()),
        ("table: among others", [q(&format!("{make}; SELECT count(*) FROM mine; {all}; SELECT count(*) FROM mine", all = inserts(1))), seen(), look()].concat()),
    ]
}

/// Rows that writes over shards return, as they are asked for.
fn pieces() -> Vec<Scenario> {
    let update = "UPDATE events SET amount = 5 WHERE kind = $1 RETURNING kind, amount";
    let delete = "DELETE FROM events WHERE kind = $1 RETURNING id";
    let bound = |sql: &str| [parse("s", sql, &[]), bind("p", "s", &[text("s")], 0)].concat();
    let all = || q(&inserts(1));
    vec![
        ("pieces: an UPDATE in a block", [all(), q("BEGIN"), ask(&[bound(update), describe(b'P', "p"), execute("p", 2), sync()]), q("SELECT sum(amount) FROM events WHERE kind = 's'"), ask(&[execute("p", 3), sync()]), ask(&[execute("p", 3), sync()]), ask(&[execute("p", 0), sync()]), q("ROLLBACK"), q("SELECT sum(amount) FROM events WHERE kind = 's'"), look()].concat()),
        ("pieces: an UPDATE outside", [all(), ask(&[bound(update), execute("p", 1), sync()]), ask(&[execute("p", 1), sync()]), q("SELECT sum(amount) FROM events WHERE kind = 's'"), look()].concat()),
        ("pieces: a DELETE in a pipeline", [all(), ask(&[bound(delete), execute("p", 4), execute("p", 1), execute("p", 0), execute("p", 0), sync()]), look()].concat()),
        ("pieces: a DELETE that an error undoes", [all(), ask(&[bound(delete), execute("p", 4), parse("", "SELECT 1/0", &[]), bind("", "", &[], 0), execute("", 0), sync()]), look()].concat()),
        ("pieces: in binary", [all(), ask(&[parse("s", update, &[]), bind("p", "s", &[text("s")], 1), execute("p", 5), execute("p", 5), sync()]), look()].concat()),
        ("pieces: a format that there is not", [
            ask(&[parse("", "SELECT client_id, id FROM events WHERE id = 1 ORDER BY 1", &[]), bind("", "", &[], 2), describe(b'P', ""), execute("", 0), sync()]),
            ask(&[parse("", "SELECT count(*) FROM events", &[]), bind("", "", &[], 256), execute("", 0), sync()]),
        ].concat()),
        ("pieces: no rows", ask(&[bound(update), execute("p", 4), sync()])),
        ("pieces: a key that moves", [all(), ask(&[parse("s", "UPDATE events SET client_id = 4009 WHERE client_id = 4002 AND kind = $1 RETURNING client_id", &[]), bind("p", "s", &[text("s")], 0), execute("p", 1), execute("p", 1), sync()]), look()].concat()),
        ("pieces: a reference table", [ask(&[parse("s", "INSERT INTO countries (code, name) VALUES ('Q1', $1), ('Q2', $1), ('Q3', $1) RETURNING code", &[]), bind("p", "s", &[text("s")], 0), execute("p", 2), execute("p", 2), sync()]), ask(&[parse("s2", "DELETE FROM countries WHERE name = $1 RETURNING name", &[]), bind("p", "s2", &[text("s")], 0), execute("p", 2), execute("p", 0), sync()]), q("SELECT count(*) FROM countries WHERE name = 's'")].concat()),
    ]
}

/// Queries over what a write of their WITH returns.
fn returned() -> Vec<Scenario> {
    let gone = "WITH gone AS (DELETE FROM events WHERE kind = 's' RETURNING client_id, id) SELECT id, count(*), sum(client_id) FROM gone GROUP BY id";
    let typed = "WITH u AS (UPDATE events SET amount = $1 WHERE kind = $2 RETURNING client_id, amount) SELECT client_id, amount + $3 FROM u ORDER BY client_id";
    let fails = "WITH u AS (UPDATE events SET amount = 1 WHERE kind = 's' RETURNING client_id) SELECT 1 / (client_id - 4003) FROM u";
    let stores = "WITH i AS (INSERT INTO events (client_id, id, kind) VALUES (4001, 7, 's'), (4002, 7, 's'), (4003, 7, 's') RETURNING client_id) SELECT max(client_id) FROM i";
    let amounts = "SELECT sum(amount) FROM events WHERE kind = 's'";
    let all = || q(&inserts(1));
    let bound = |limit: u32| [parse("s", typed, &[]), bind("p", "s", &[text("5"), text("s"), text("2")], 0), describe(b'P', "p"), execute("p", limit)].concat();
    vec![
        ("returned: outside", [all(), q(gone), q(gone), q(COUNT)].concat()),
        ("returned: in a block", [q("BEGIN"), all(), q(gone), q(COUNT), q("ROLLBACK"), all(), q("BEGIN"), q(gone), q("COMMIT"), q(COUNT)].concat()),
        ("returned: to a savepoint", [all(), q("BEGIN"), q("SAVEPOINT a"), q(gone), q("ROLLBACK TO a"), q(COUNT), q(gone), q("COMMIT"), q(COUNT)].concat()),
        ("returned: an error undoes it", [all(), q(fails), q(amounts), q("BEGIN"), q(fails), q("SELECT 1"), q("ROLLBACK"), q(amounts), q(stores), q(stores), look()].concat()),
        ("returned: among others", [all(), q(&format!("{gone}; {stores}; {COUNT}")), q(&format!("{gone}; SELECT 1/0")), look()].concat()),
        ("returned: among others, with an error", [all(), q(&format!("SELECT 1; {fails}; SELECT 2")), q(amounts), look()].concat()),
        ("returned: bound", [all(), ask(&[bound(0), sync()]), q(amounts), ask(&[bound(2), execute("p", 3), execute("p", 0), sync()]), look()].concat()),
        ("returned: in binary", [all(), ask(&[parse("s", typed, &[]), bind("p", "s", &[text("5"), text("s"), text("2")], 1), execute("p", 0), sync()]), look()].concat()),
        ("returned: described", ask(&[parse("s", typed, &[]), describe(b'S', "s"), sync()])),
        ("returned: in a pipeline", [all(), ask(&[bound(0), parse("", COUNT, &[]), bind("", "", &[], 0), execute("", 0), sync()]), ask(&[bound(0), parse("", "SELECT 1/0", &[]), bind("", "", &[], 0), execute("", 0), sync()]), q(amounts), look()].concat()),
        ("returned: prepared", [all(), q(&format!("PREPARE w (numeric, text, numeric) AS {typed}")), q("EXECUTE w (3, 's', 4)"), q("EXECUTE w (3 + 1, 's' || '', 4)"), q(&format!("PREPARE f AS {fails}")), q("EXECUTE f"), q(amounts), q("DEALLOCATE ALL"), look()].concat()),
        ("returned: with settings", [q("SET work_mem = '5MB'"), all(), q(gone), all(), q("SET work_mem = '6MB'; SET timezone = 'Asia/Tokyo'"), ask(&[bound(2), execute("p", 0), sync()]), q("RESET ALL"), look()].concat()),
        ("pieces: with settings", [q("SET work_mem = '5MB'"), all(), ask(&[parse("s", "UPDATE events SET amount = 5 WHERE kind = $1 RETURNING kind", &[]), bind("p", "s", &[text("s")], 0), execute("p", 2), execute("p", 0), sync()]), q("RESET ALL"), look()].concat()),
    ]
}

/// Rows of a temporary table, taken to those of several shards.
fn staged() -> Vec<Scenario> {
    let make = "CREATE TEMP TABLE staging (client_id bigint, id bigint, kind text COLLATE \"C\", amount numeric(12,2), seen timestamptz, md mood)";
    let fill = "INSERT INTO staging SELECT c, 1, CASE WHEN c % 2 = 0 THEN 's' ELSE 'S' END, c / 10.0, '2024-05-05', 'ok' FROM generate_series(4001, 4004) c";
    let begin = || [q(make), q(fill), q(&inserts(1))].concat();
    let amounts = || q("SELECT client_id, kind, amount, at FROM events WHERE client_id BETWEEN 4001 AND 4010 ORDER BY client_id, id");
    let end = || [amounts(), q("DELETE FROM events WHERE client_id BETWEEN 4001 AND 4010"), q("DROP TABLE IF EXISTS staging")].concat();
    let update = "UPDATE events e SET amount = s.amount, at = s.seen FROM staging s WHERE s.client_id = e.client_id AND s.id = e.id";
    let delete = "DELETE FROM events e USING staging s WHERE s.client_id = e.client_id AND s.kind = e.kind";
    let upsert = "INSERT INTO events (client_id, id, kind, amount) SELECT client_id, id, kind, amount FROM staging ON CONFLICT (client_id, id) DO UPDATE SET amount = excluded.amount";
    let copied = || vec![Send(query("COPY staging (client_id, id, kind, amount) FROM STDIN")), Until(b"GE"), Send([message(b'd', b"4001\t1\ts\t1.5\n4002\t1\ts\t2.5\n4003\t2\ts\t3.5\n4005\t2\ts\t4.5\n"), message(b'c', b"")].concat()), Ready(1)];
    vec![
        ("staged: an upsert", [begin(), q(upsert), q(upsert), q("INSERT INTO events (client_id, id, kind) SELECT client_id, 2, kind FROM staging ON CONFLICT DO NOTHING"), q("INSERT INTO staging SELECT client_id, id + 10, kind FROM staging"), q("INSERT INTO events (client_id, id, kind) SELECT s.client_id, s.id, c.name FROM staging s JOIN countries c ON c.code = 'DE' RETURNING client_id"), end()].concat()),
        ("staged: an upsert of what is copied, in a block", [q("BEGIN"), q("CREATE TEMP TABLE staging (LIKE events INCLUDING DEFAULTS) ON COMMIT DROP"), copied(), q(upsert), q("UPDATE events e SET amount = e.amount + s.amount FROM staging s WHERE s.client_id = e.client_id AND s.id = e.id"), amounts(), q("DELETE FROM events USING staging s WHERE s.client_id = events.client_id AND s.amount > 3"), q("COMMIT"), end()].concat()),
        ("staged: an UPDATE", [begin(), q(update), amounts(), q("UPDATE events e SET amount = s.amount * 2 FROM staging s WHERE s.client_id = e.client_id AND s.id = e.id RETURNING s.md, s.seen"), q("UPDATE events e SET amount = 1 WHERE (client_id, id) IN (SELECT client_id, id FROM staging WHERE kind > 'T')"), q("UPDATE events SET amount = (SELECT max(amount) FROM staging) WHERE kind = 's'"), end()].concat()),
        ("staged: one key", [begin(), CLIENTS.flat_map(|client| [q(&format!("{update} AND e.client_id = {client}")), ask(&[parse("", &format!("{delete} AND e.client_id = $1"), &[]), bind("", "", &[text(&client.to_string())], 0), execute("", 0), sync()])].concat()).collect(), end()].concat()),
        ("staged: a DELETE", [begin(), q(delete), amounts(), q("DELETE FROM events e WHERE EXISTS (SELECT FROM staging s WHERE s.client_id = e.client_id) RETURNING e.id"), q("DELETE FROM events WHERE kind = 's' AND client_id NOT IN (SELECT client_id FROM staging)"), end()].concat()),
        ("staged: a MERGE", [begin(), q("MERGE INTO events e USING staging s ON s.client_id = e.client_id AND s.id = e.id WHEN MATCHED THEN UPDATE SET amount = s.amount"), end()].concat()),
        ("staged: in a block", [begin(), q("BEGIN"), q(update), amounts(), q("ROLLBACK"), amounts(), q("BEGIN"), q(update), q("SAVEPOINT a"), q(delete), q("ROLLBACK TO a"), q("COMMIT"), end()].concat()),
        ("staged: an error undoes it", [begin(), q("UPDATE events e SET amount = 1 / (e.client_id - 4003) FROM staging s WHERE s.client_id = e.client_id"), amounts(), q("BEGIN"), q(update), q("SELECT 1/0"), q("COMMIT"), end()].concat()),
        ("staged: among others", [begin(), q(&format!("{update}; SELECT count(*) FROM staging; {delete}; SELECT 1")), amounts(), q(&format!("{update}; SELECT 1/0")), end()].concat()),
        ("staged: bound", [begin(), ask(&[parse("s", &format!("{update} AND s.amount > $1 RETURNING e.id, e.kind"), &[]), describe(b'S', "s"), bind("p", "s", &[text("400.15")], 0), describe(b'P', "p"), execute("p", 0), sync()]), q("INSERT INTO staging VALUES (4005, 1, 's', 9)"), ask(&[bind("p", "s", &[text("2")], 1), execute("p", 2), execute("p", 0), sync()]), ask(&[parse("", delete, &[]), bind("", "", &[], 0), execute("", 0), parse("", "SELECT 1/0", &[]), bind("", "", &[], 0), execute("", 0), sync()]), end()].concat()),
        ("staged: prepared", [begin(), q(&format!("PREPARE u (numeric) AS {update} AND s.amount > $1")), q("EXECUTE u (400.2)"), amounts(), q("EXECUTE u (0 + 1)"), q("DEALLOCATE u"), end()].concat()),
        ("staged: other columns", [begin(), q(update), q("ALTER TABLE staging RENAME amount TO sum"), q(update), q("ALTER TABLE staging RENAME sum TO amount"), q(update), q("DROP TABLE staging"), q(update), end()].concat()),
        ("staged: no such table", [q(&inserts(1)), q(update), q(delete), q(make), q("UPDATE events SET amount = 1 FROM nowhere n WHERE n.id = events.id"), end()].concat()),
        ("staged: into a reference table", [q("CREATE TEMP TABLE staging (code char(2), name text, population bigint)"), q("INSERT INTO staging VALUES ('Q1', 'one', 1), ('Q2', 'two', 2), ('DE', 'Deutschland', 3)"), q("BEGIN"), q("UPDATE countries c SET name = s.name FROM staging s WHERE s.code = c.code"), q("DELETE FROM countries USING staging s WHERE s.code = countries.code"), q("ROLLBACK"), q("INSERT INTO countries SELECT * FROM staging WHERE code LIKE 'Q%'"), q("DELETE FROM countries c USING staging s WHERE s.code = c.code AND s.code LIKE 'Q%' RETURNING c.code"), q("DROP TABLE staging")].concat()),
        ("staged: pg_temp", [begin(), q("UPDATE events e SET amount = s.amount FROM pg_temp.staging s WHERE s.client_id = e.client_id"), end()].concat()),
    ]
}

/// Five rows each of a query over shards.
const OVER: &str = "SELECT client_id, id, kind, amount, at FROM events ORDER BY client_id, id LIMIT 12";

fn cursors() -> Vec<Scenario> {
    let one = "SELECT id FROM events WHERE client_id = 7 ORDER BY id";
    let declare = format!("DECLARE c CURSOR FOR {OVER}");
    let scroll = format!("DECLARE c SCROLL CURSOR FOR {OVER}");
    let fetch = |how: &str| q(&format!("FETCH {how} c"));
    vec![
        ("cursor: forward", [q("BEGIN"), q(&declare), fetch("FROM"), fetch("2 FROM"), fetch("FORWARD 3 IN"), q("MOVE 2 FROM c"), fetch("ALL FROM"), fetch("FROM"), q("CLOSE c"), fetch("FROM"), q("ROLLBACK")].concat()),
        ("cursor: every direction", [q("BEGIN"), q(&scroll), fetch("LAST FROM"), fetch("PRIOR FROM"), fetch("FIRST FROM"), fetch("ABSOLUTE 5 FROM"), fetch("RELATIVE -2 FROM"), fetch("RELATIVE 0 FROM"), fetch("ABSOLUTE -1 FROM"), fetch("BACKWARD 3 FROM"), fetch("BACKWARD ALL FROM"), fetch("0 FROM"), q("MOVE ABSOLUTE 3 IN c"), fetch("FORWARD ALL FROM"), q("MOVE BACKWARD ALL IN c"), fetch("NEXT FROM"), q("COMMIT")].concat()),
        ("cursor: NO SCROLL", [q("BEGIN"), q(&format!("DECLARE c NO SCROLL CURSOR FOR {OVER}")), fetch("2 FROM"), fetch("PRIOR FROM"), q("ROLLBACK")].concat()),
        ("cursor: outside a block", q(&declare)),
        ("cursor: a name that is taken", [q("BEGIN"), q(&declare), q(&declare), q("ROLLBACK"), q("BEGIN"), q(&declare), q("COMMIT")].concat()),
        ("cursor: a name that is taken on another shard", [q("BEGIN"), q("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 1 ORDER BY id"), q("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id"), q("ROLLBACK")].concat()),
        ("cursor: an error in the query", [q("BEGIN"), q("DECLARE c CURSOR FOR SELECT nope FROM events ORDER BY 1"), q("ROLLBACK")].concat()),
        ("cursor: an error of a row", [q("BEGIN"), q("DECLARE c CURSOR FOR SELECT 1 / (client_id - 4001), client_id FROM events WHERE client_id > 0 ORDER BY client_id"), fetch("1 FROM"), q("ROLLBACK")].concat()),
        ("cursor: BINARY and INSENSITIVE", [q("BEGIN"), q(&format!("DECLARE c BINARY INSENSITIVE CURSOR WITHOUT HOLD FOR {OVER}")), fetch("2 FROM"), q("ROLLBACK")].concat()),
        ("cursor: a name in quotes", [q("BEGIN"), q(&format!("DECLARE \"For it\" CURSOR FOR {OVER}")), q("FETCH \"For it\""), q("CLOSE \"For it\""), q("ROLLBACK")].concat()),
        ("cursor: rows of the moment of DECLARE", [q(&inserts(1)), q("BEGIN"), q("DECLARE c CURSOR FOR SELECT client_id, id FROM events WHERE kind = 's' ORDER BY 1"), q("UPDATE events SET id = 9 WHERE kind = 's'"), q("DELETE FROM events WHERE kind = 's' AND client_id = 4002"), fetch("ALL FROM"), q("COMMIT"), look()].concat()),
        ("cursor: several on several shards", [q("BEGIN"), q("DECLARE a CURSOR FOR SELECT id FROM events WHERE client_id = 1 ORDER BY id"), q("DECLARE b CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id"), q("DECLARE d CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id"), q(&declare), q("FETCH a"), q("FETCH b"), q("FETCH d"), q("FETCH c"), q("MOVE ALL a"), q("FETCH 2 b"), q("CLOSE b"), q("FETCH ALL d"), q("FETCH c"), q("FETCH a"), q("FETCH b"), q("ROLLBACK")].concat()),
        ("cursor: CLOSE ALL", [q("BEGIN"), q("DECLARE a CURSOR FOR SELECT id FROM events WHERE client_id = 1 ORDER BY id"), q("DECLARE b CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id"), q("DECLARE d CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id"), q(&declare), q("CLOSE ALL"), q("DECLARE a CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id"), q("FETCH a"), q("FETCH b"), q("ROLLBACK")].concat()),
        ("cursor: one that is not there, over shards", [q("BEGIN"), q("SELECT count(*) FROM events"), q("FETCH nope"), q("ROLLBACK")].concat()),
        ("cursor: one shard in a transaction over several", [q("BEGIN"), q("SELECT count(*) FROM events"), q(&format!("DECLARE c CURSOR FOR {one}")), q("SELECT count(*) FROM events"), fetch("2 FROM"), q("UPDATE events SET kind = kind WHERE client_id = 1"), fetch("1 FROM"), q("COMMIT")].concat()),
        ("cursor: savepoints", [q("BEGIN"), q("SAVEPOINT a"), q(&declare), fetch("2 FROM"), q("ROLLBACK TO a"), fetch("2 FROM"), q("ROLLBACK TO a"), q("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 1 ORDER BY id"), fetch("1 FROM"), q("RELEASE a"), fetch("1 FROM"), q("ROLLBACK")].concat()),
        ("cursor: ends with its transaction", [q("BEGIN"), q(&declare), q("COMMIT"), fetch("1 FROM"), q("BEGIN"), fetch("1 FROM"), q("ROLLBACK")].concat()),
        ("cursor: AND CHAIN ends it", [q("BEGIN"), q(&declare), q("COMMIT AND CHAIN"), fetch("1 FROM"), q("ROLLBACK")].concat()),
        ("cursor: WITH HOLD", [q(&format!("DECLARE c CURSOR WITH HOLD FOR {OVER}")), fetch("2 FROM"), q("SELECT count(*) FROM events"), q("BEGIN"), fetch("2 FROM"), q(&inserts(1)), q("COMMIT"), fetch("1 FROM"), fetch("ALL FROM"), q("CLOSE c"), fetch("1 FROM"), look()].concat()),
        ("cursor: WITH HOLD in a block", [q("BEGIN"), q(&inserts(1)), q("DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT client_id, id FROM events WHERE kind = 's' ORDER BY 1"), fetch("2 FROM"), q("COMMIT"), q("DELETE FROM events WHERE kind = 's'"), fetch("1 FROM"), fetch("ABSOLUTE 1 FROM"), fetch("ALL FROM"), q("CLOSE c")].concat()),
        ("cursor: WITH HOLD, rolled back", [q("BEGIN"), q(&format!("DECLARE c CURSOR WITH HOLD FOR {OVER}")), q("ROLLBACK"), fetch("1 FROM"), q(&format!("DECLARE c CURSOR WITH HOLD FOR {OVER}")), fetch("1 FROM"), q("CLOSE ALL"), fetch("1 FROM")].concat()),
        ("cursor: WITH HOLD on two shards", [q("DECLARE a CURSOR WITH HOLD FOR SELECT id FROM events WHERE client_id = 1 ORDER BY id"), q("DECLARE b CURSOR WITH HOLD FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id"), q("DECLARE d CURSOR WITH HOLD FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id"), q("FETCH a"), q("FETCH b"), q("FETCH d"), q("FETCH a"), q("CLOSE ALL"), q("FETCH a")].concat()),
        ("cursor: DISCARD ALL closes what is held", [q(&format!("DECLARE c CURSOR WITH HOLD FOR {OVER}")), q("DISCARD ALL"), fetch("1 FROM")].concat()),
        ("cursor: in one text", [q(&format!("BEGIN; {declare}; FETCH 2 FROM c; MOVE 1 FROM c; FETCH c; COMMIT")), q(&format!("{declare}; FETCH 2 FROM c; CLOSE c")), q("DECLARE a CURSOR FOR SELECT id FROM events WHERE client_id = 1 ORDER BY id; SELECT count(*) FROM events; FETCH a")].concat()),
        ("cursor: held, and declared again in one text", CLIENTS.flat_map(|client| [q(&format!("DECLARE c CURSOR WITH HOLD FOR {one}")), q(&format!("SELECT id FROM events WHERE client_id = {client} ORDER BY id; DECLARE c CURSOR FOR SELECT 1; SELECT 2")), q(&format!("SELECT count(*) FROM events; DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = {client}")), q(&format!("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = {client}")), fetch("1 FROM"), q(&format!("CLOSE c; DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = {client}; FETCH c")), fetch("1 FROM")].concat()).collect()),
        ("cursor: one shard in one text", [q(&format!("BEGIN; DECLARE c CURSOR FOR {one}; FETCH 2 FROM c")), q("SELECT count(*) FROM events"), q("FETCH c"), q("COMMIT")].concat()),
        ("cursor: WHERE CURRENT OF on one shard", [q("BEGIN"), q(&insert(4001, 1)), q(&insert(4002, 1)), q("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 4002 AND kind = 's'"), q("FETCH c"), q("UPDATE events SET id = 2 WHERE CURRENT OF c"), q("SELECT client_id, id FROM events WHERE kind = 's' ORDER BY 1"), q("DELETE FROM events WHERE CURRENT OF c"), q("COMMIT"), look()].concat()),
        ("cursor: by the extended protocol", [q("BEGIN"), ask(&[extended(&declare, &[])]), ask(&[extended("FETCH 2 FROM c", &[])]), q("FETCH 1 FROM c"), ask(&[extended("MOVE 1 FROM c", &[])]), ask(&[extended("FETCH ALL FROM c", &[])]), ask(&[extended("CLOSE c", &[])]), q("COMMIT")].concat()),
        ("cursor: parameters of the extended protocol", [q("BEGIN"), ask(&[extended("DECLARE c CURSOR FOR SELECT client_id, id FROM events WHERE client_id < $1 AND kind <> $2 ORDER BY 1, 2", &["5", "x"])]), q("FETCH 3 FROM c"), q("COMMIT")].concat()),
        ("cursor: in a pipeline", [q("BEGIN"), ask(&[parse("", &declare, &[]), bind("", "", &[], 0), execute("", 0), parse("", "FETCH 2 FROM c", &[]), bind("", "", &[], 0), execute("", 0), parse("", "CLOSE c", &[]), bind("", "", &[], 0), execute("", 0), sync()]), q("COMMIT")].concat()),
        ("cursor: in a pipeline without a block", [ask(&[parse("", &declare, &[]), bind("", "", &[], 0), execute("", 0), parse("", "FETCH 2 FROM c", &[]), bind("", "", &[], 0), execute("", 0), sync()]), q("FETCH c")].concat()),
        ("cursor: the views of a query", [q("BEGIN"), q("DECLARE c CURSOR FOR SELECT * FROM event_totals ORDER BY 1"), fetch("3 FROM"), q("ROLLBACK")].concat()),
        ("portal: suspended over shards", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), execute("p", 5), sync()]), ask(&[execute("p", 5), sync()]), ask(&[execute("p", 5), sync()]), ask(&[execute("p", 5), sync()]), ask(&[close(b'P', "p"), execute("p", 1), sync()]), q("ROLLBACK")].concat()),
        ("portal: rows as they come, suspended", [q(&inserts(1)), q("BEGIN"), ask(&[parse("s", "SELECT 's' FROM events WHERE kind = 's'", &[]), bind("p", "s", &[], 0), execute("p", 4), sync()]), ask(&[execute("p", 1), sync()]), ask(&[execute("p", 0), sync()]), ask(&[execute("p", 0), sync()]), q("ROLLBACK"), look()].concat()),
        ("portal: exactly as many rows as asked for", [q(&inserts(1)), q("BEGIN"), ask(&[parse("s", "SELECT 's' FROM events WHERE kind = 's'", &[]), bind("p", "s", &[], 0), execute("p", 6), sync()]), ask(&[execute("p", 6), sync()]), q("ROLLBACK"), look()].concat()),
        ("portal: all rows, and again", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), execute("p", 0), sync()]), ask(&[execute("p", 0), sync()]), q("ROLLBACK")].concat()),
        ("portal: two in turn", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("a", "s", &[], 0), bind("b", "s", &[], 1), execute("a", 2), execute("b", 3), execute("a", 2), execute("b", 3), sync()]), q("ROLLBACK")].concat()),
        ("portal: limits without a block", [ask(&[parse("s", OVER, &[]), bind("", "s", &[], 0), execute("", 5), execute("", 5), execute("", 0), sync()]), ask(&[execute("", 1), sync()])].concat()),
        ("cursor: backward, though nobody asked for SCROLL", [q("BEGIN"), q("DECLARE c CURSOR FOR SELECT DISTINCT kind FROM events ORDER BY 1"), fetch("2 FROM"), fetch("BACKWARD 1 FROM"), fetch("ABSOLUTE 3 FROM"), fetch("FIRST FROM"), fetch("RELATIVE 0 FROM"), fetch("PRIOR FROM"), q("ROLLBACK")].concat()),
        ("cursor: backward over groups, WITH HOLD", [q("DECLARE c CURSOR WITH HOLD FOR SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind"), fetch("2 FROM"), fetch("BACKWARD 1 FROM"), fetch("LAST FROM"), q("CLOSE c")].concat()),
        ("cursor: NO SCROLL", [q("BEGIN"), q("DECLARE \"cursor\" NO SCROLL CURSOR FOR SELECT DISTINCT kind FROM events ORDER BY 1"), q("FETCH 2 FROM \"cursor\""), q("FETCH PRIOR FROM \"cursor\""), q("ROLLBACK")].concat()),
        ("cursor: named scroll", [q("BEGIN"), q("DECLARE scroll CURSOR FOR SELECT DISTINCT kind FROM events ORDER BY 1"), q("FETCH 2 FROM scroll"), q("FETCH PRIOR FROM scroll"), q("ROLLBACK")].concat()),
        ("cursor: WITH HOLD that fails", [q("DECLARE c CURSOR WITH HOLD FOR SELECT 1 / (id - id) FROM events"), fetch("1 FROM"), q("DECLARE c CURSOR WITH HOLD FOR SELECT sum(1 / (id - id)) FROM events"), fetch("1 FROM")].concat()),
        ("cursor: WITH HOLD that fails at COMMIT, and declared anew", [q("BEGIN"), q("DECLARE c CURSOR WITH HOLD FOR SELECT DISTINCT 1 / (id - 3) FROM events"), q("COMMIT"), fetch("1 FROM"), q("SELECT 1; DECLARE c CURSOR WITH HOLD FOR SELECT DISTINCT 1 / (id - 3) FROM events; SELECT 1/0"), q("BEGIN"), q(&declare), fetch("1 FROM"), q("COMMIT")].concat()),
        ("cursor: executed by the protocol", [q("BEGIN"), q(&declare), ask(&[describe(b'P', "c"), execute("c", 2), sync()]), fetch("1 FROM"), ask(&[execute("c", 0), sync()]), fetch("1 FROM"), q("COMMIT")].concat()),
        ("cursor: executed by the protocol, WITH HOLD", [q(&format!("DECLARE c CURSOR WITH HOLD FOR {OVER}")), ask(&[execute("c", 2), sync()]), fetch("1 FROM"), ask(&[describe(b'P', "c"), execute("c", 1), sync()]), ask(&[close(b'P', "c"), sync()]), fetch("1 FROM")].concat()),
        ("cursor: executed by the protocol, on one shard", [q(&format!("DECLARE a CURSOR WITH HOLD FOR {one}")), q("DECLARE b CURSOR WITH HOLD FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id"), ask(&[execute("b", 1), sync()]), ask(&[execute("a", 1), sync()]), ask(&[close(b'P', "a"), close(b'P', "b"), sync()]), q("FETCH a"), q("FETCH b")].concat()),
        ("cursor: closed by the protocol, and declared anew", [q("BEGIN"), q(&declare), ask(&[close(b'P', "c"), sync()]), q("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id"), fetch("1 FROM"), ask(&[close(b'P', "c"), sync()]), q(&declare), fetch("2 FROM"), q("COMMIT")].concat()),
        ("portal: closed by sql", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), execute("p", 2), sync()]), q("CLOSE p"), ask(&[execute("p", 1), sync()]), q("ROLLBACK")].concat()),
        ("portal: all closed by sql", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), execute("p", 2), parse("", one, &[]), bind("o", "", &[], 0), execute("o", 1), sync()]), q("CLOSE ALL"), q("SAVEPOINT a"), ask(&[execute("p", 1), sync()]), q("ROLLBACK TO a"), ask(&[execute("o", 1), sync()]), q("ROLLBACK")].concat()),
        ("portal: bound behind a savepoint", [q("BEGIN"), q("SAVEPOINT a"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), sync()]), q("ROLLBACK TO a"), ask(&[execute("p", 1), sync()]), q("ROLLBACK"), q("BEGIN"), q("SAVEPOINT a"), ask(&[bind("p", "s", &[], 0), sync()]), q("RELEASE a"), ask(&[execute("p", 1), sync()]), q("ROLLBACK")].concat()),
        ("portal: bound before a savepoint", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), sync()]), q("SAVEPOINT a"), q("SELECT 1/0"), q("ROLLBACK TO a"), ask(&[execute("p", 1), sync()]), q("ROLLBACK")].concat()),
        ("portal: bound twice", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), bind("p", "s", &[], 0), sync()]), q("ROLLBACK"), q("BEGIN"), ask(&[bind("p", "s", &[], 0), execute("p", 0), sync()]), ask(&[parse("", one, &[]), bind("p", "", &[], 0), execute("p", 1), sync()]), q("ROLLBACK"), ask(&[bind("p", "s", &[], 0), execute("p", 1), sync()]), ask(&[bind("p", "s", &[], 0), execute("p", 1), sync()])].concat()),
        ("portal: closed before it is executed", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), close(b'P', "p"), sync()]), ask(&[execute("p", 1), sync()]), q("ROLLBACK"), q("BEGIN"), ask(&[bind("p", "s", &[], 0), execute("p", 0), sync()]), ask(&[close(b'P', "p"), sync()]), ask(&[bind("p", "s", &[], 0), execute("p", 1), sync()]), q("COMMIT")].concat()),
        ("portal: without a name, behind a query", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("", "s", &[], 0), sync()]), q("SELECT 1"), ask(&[execute("", 1), sync()]), q("ROLLBACK")].concat()),
        ("portal: its name is free behind COMMIT", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), execute("p", 1), parse("", "COMMIT", &[]), bind("", "", &[], 0), execute("", 0), bind("p", "s", &[], 0), execute("p", 2), sync()])].concat()),
        ("portal: executed again after an error", [q(&inserts(1)), CLIENTS.flat_map(|client| [q("BEGIN"), ask(&[parse("s", &format!("SELECT sum(1 / (client_id - {client})) FROM events WHERE kind = 's'"), &[]), bind("p", "s", &[], 0), sync()]), q("SAVEPOINT a"), ask(&[execute("p", 0), sync()]), q("ROLLBACK TO a"), ask(&[execute("p", 0), sync()]), q("ROLLBACK"), ask(&[close(b'S', "s"), sync()])].concat()).collect(), look()].concat()),
        ("portal: its name is free behind CLOSE", [q("BEGIN"), ask(&[parse("s", one, &[]), bind("p", "s", &[], 0), execute("p", 1), sync()]), q("CLOSE p"), ask(&[bind("p", "s", &[], 0), execute("p", 1), sync()]), q("CLOSE ALL"), ask(&[bind("p", "s", &[], 0), execute("p", 1), sync()]), q("ROLLBACK")].concat()),
        ("portal: closed behind messages for another shard", CLIENTS.flat_map(|client| [q("BEGIN"), ask(&[parse("s", one, &[]), bind("p", "s", &[], 0), execute("p", 1), sync()]), ask(&[parse("t", &format!("SELECT count(*) FROM events WHERE client_id = {client}"), &[]), bind("", "t", &[], 0), execute("", 0), close(b'P', "p"), sync()]), ask(&[bind("p", "s", &[], 0), execute("p", 1), sync()]), q("ROLLBACK"), ask(&[close(b'S', "s"), close(b'S', "t"), sync()])].concat()).collect()),
        ("cursor: closed behind messages for another shard, WITH HOLD", CLIENTS.flat_map(|client| [q(&format!("DECLARE c CURSOR WITH HOLD FOR {one}")), ask(&[parse("", &format!("SELECT count(*) FROM events WHERE client_id = {client}"), &[]), bind("", "", &[], 0), execute("", 0), close(b'P', "c"), sync()]), fetch("1 FROM"), q(&format!("DECLARE c CURSOR WITH HOLD FOR {one}")), fetch("1 FROM"), q("CLOSE c")].concat()).collect()),
        ("portal: fetched by sql", [q("BEGIN"), ask(&[parse("s", OVER, &[]), bind("p", "s", &[], 0), execute("p", 2), sync()]), q("FETCH 2 FROM p"), q("ROLLBACK")].concat()),
    ]
}

fn blocks() -> Vec<Scenario> {
    let (first, second) = (inserts(1), inserts(2));
    let lines = |text: &str| -> Vec<Step> { text.split("; ").flat_map(q).collect() };
    let all = || lines(&first);
    let more = || lines(&second);
    let fails = || q("SELECT 1 / (client_id - client_id) FROM events WHERE kind = 's'");
    vec![
        ("block: ROLLBACK TO brings all shards back", [q("BEGIN"), all(), q("SAVEPOINT a"), more(), q(COUNT), q("ROLLBACK TO a"), q(COUNT), q("COMMIT"), look()].concat()),
        ("block: a shard that joins behind a savepoint", [q("BEGIN"), q(&insert(4001, 1)), q("SAVEPOINT a"), more(), q("ROLLBACK TO a"), q(COUNT), q(&insert(4002, 3)), q("COMMIT"), look()].concat()),
        ("block: nested savepoints", [q("BEGIN"), q("SAVEPOINT a"), all(), q("SAVEPOINT b"), q(&insert(4001, 2)), q("SAVEPOINT c"), more(), fails(), q(COUNT), q("ROLLBACK TO b"), q(COUNT), q("RELEASE c"), q("ROLLBACK TO a"), q(COUNT), more(), q("COMMIT"), look()].concat()),
        ("block: RELEASE keeps what was done", [q("BEGIN"), all(), q("SAVEPOINT a"), more(), q("RELEASE a"), q(COUNT), q("ROLLBACK TO a"), q("ROLLBACK"), look()].concat()),
        ("block: savepoints of one name", [q("BEGIN"), q("SAVEPOINT a"), all(), q("SAVEPOINT a"), more(), q("ROLLBACK TO a"), q(COUNT), q("RELEASE a"), q("ROLLBACK TO a"), q(COUNT), q("COMMIT"), look()].concat()),
        ("block: an error on one shard, back to the savepoint", [q("BEGIN"), all(), q("SAVEPOINT a"), q(&insert(4003, 1)), q(COUNT), q("ROLLBACK TO SAVEPOINT a"), q(COUNT), more(), q("COMMIT"), look()].concat()),
        ("block: an error over shards, back to the savepoint", [q("BEGIN"), all(), q("SAVEPOINT a"), fails(), q("ROLLBACK TO a"), q(COUNT), q("SELECT nope FROM events"), q("ROLLBACK TO a"), more(), q("COMMIT"), look()].concat()),
        ("block: a refused statement, back to the savepoint", [q("BEGIN"), all(), q("SAVEPOINT a"), q("SELECT 1/0"), q("ROLLBACK TO a"), q("ROLLBACK TO nope"), q("ROLLBACK TO a"), q(COUNT), q("COMMIT"), look()].concat()),
        ("block: an error before any savepoint", [q("BEGIN"), all(), fails(), q("ROLLBACK TO a"), q("SAVEPOINT b"), q("COMMIT"), look()].concat()),
        ("block: COMMIT AND CHAIN", [q("BEGIN ISOLATION LEVEL REPEATABLE READ"), all(), q("COMMIT AND CHAIN"), q("SHOW transaction_isolation"), more(), q(COUNT), q("ROLLBACK AND CHAIN"), q(COUNT), q("SHOW transaction_isolation"), q("COMMIT"), look()].concat()),
        ("block: COMMIT AND CHAIN of a failed one", [q("BEGIN"), all(), fails(), q("COMMIT AND CHAIN"), q(COUNT), more(), q("COMMIT"), look()].concat()),
        ("block: READ ONLY", [q("BEGIN READ ONLY"), q(COUNT), q(&insert(4001, 1)), q("ROLLBACK"), q("BEGIN"), all(), q("SET TRANSACTION READ ONLY"), q(COUNT), q(&insert(4001, 3)), q("ROLLBACK"), look()].concat()),
        ("block: READ ONLY, a change over shards", [q("BEGIN READ ONLY"), q("UPDATE events SET id = id WHERE kind = 's'"), q("ROLLBACK"), q("BEGIN READ ONLY"), q("SELECT count(*) FROM events"), q("DELETE FROM events WHERE kind = 's'"), q("COMMIT")].concat()),
        ("block: READ ONLY behind a savepoint", [q("BEGIN"), q("SAVEPOINT a"), q("SET TRANSACTION READ ONLY"), q("SELECT count(*) FROM events"), q("ROLLBACK TO a"), all(), q("ROLLBACK"), look()].concat()),
        ("block: DEFERRABLE", [q("BEGIN READ ONLY, DEFERRABLE"), q(COUNT), q("SHOW transaction_deferrable"), q("COMMIT")].concat()),
        ("block: SET TRANSACTION after a query", [q("BEGIN"), q(COUNT), q("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"), q("ROLLBACK")].concat()),
        ("block: SET LOCAL on all shards", [q("BEGIN"), q(&insert(4001, 1)), q("SET LOCAL work_mem = '5MB'"), lines("SELECT current_setting('work_mem') FROM events WHERE client_id = 1 AND id = 1; SELECT current_setting('work_mem') FROM events WHERE client_id = 2 AND id = 1; SELECT current_setting('work_mem') FROM events WHERE client_id = 3 AND id = 1"), q("COMMIT"), q("SHOW work_mem"), look()].concat()),
        ("block: SET LOCAL, back to a savepoint", [q("BEGIN"), all(), q("SET LOCAL TimeZone = 'Asia/Tokyo'"), q("SAVEPOINT a"), q("SET LOCAL TimeZone = 'Asia/Kolkata'"), q("SELECT max(at) FROM events"), q("ROLLBACK TO a"), q("SELECT max(at) FROM events"), q("SELECT at FROM events WHERE client_id = 2 ORDER BY id LIMIT 1"), q("ROLLBACK"), q("SHOW TimeZone")].concat()),
        ("block: SET that fails, over shards", [q("BEGIN"), all(), q("SET work_mem = 'lots'"), q(COUNT), q("ROLLBACK"), look()].concat()),
        ("block: SET CONSTRAINTS over shards", [q("BEGIN"), q("SET CONSTRAINTS ALL DEFERRED"), all(), q("SET CONSTRAINTS ALL IMMEDIATE"), more(), q("COMMIT"), q("SET CONSTRAINTS ALL DEFERRED"), look()].concat()),
        ("block: a deferred constraint fails at COMMIT", [q("CREATE TEMP TABLE once (a int PRIMARY KEY DEFERRABLE)"), q("BEGIN"), all(), q("SET CONSTRAINTS ALL DEFERRED"), q("INSERT INTO once VALUES (1), (1)"), q("COMMIT"), q("SELECT 1"), look()].concat()),
        ("block: a deferred constraint fails when it is made immediate", [q("CREATE TEMP TABLE once (a int PRIMARY KEY DEFERRABLE)"), q("BEGIN"), all(), q("SET CONSTRAINTS ALL DEFERRED"), q("INSERT INTO once VALUES (1), (1)"), q("SET CONSTRAINTS ALL IMMEDIATE"), q("ROLLBACK"), look()].concat()),
        ("block: BEGIN inside, over shards", [q("BEGIN"), all(), q("BEGIN"), q("START TRANSACTION"), q("COMMIT"), look()].concat()),
        ("block: by the extended protocol", [ask(&[extended("BEGIN", &[])]), ask(&[extended(&insert(4001, 1), &[])]), ask(&[extended(&insert(4002, 1), &[])]), ask(&[extended("SAVEPOINT a", &[])]), ask(&[extended(&insert(4003, 1), &[])]), ask(&[extended("SELECT 1/0", &[])]), ask(&[extended("ROLLBACK TO a", &[])]), ask(&[extended(COUNT, &[])]), ask(&[extended("COMMIT", &[])]), look()].concat()),
    ]
}

/// READ ONLY and levels of isolation, on no server yet, on one, on all: what is chained has those of before.
fn modes() -> Vec<Scenario> {
    let begins = ["BEGIN", "BEGIN READ ONLY", "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"];
    let said: [&[&str]; 12] = [
        &[], &["SET TRANSACTION READ ONLY"], &["BEGIN READ ONLY"], &["SAVEPOINT a", "SET TRANSACTION READ ONLY"], &["SAVEPOINT a", "SELECT nope"],
        &["SAVEPOINT a", "SET TRANSACTION READ ONLY", "RELEASE a"], &["SAVEPOINT a", "SET TRANSACTION READ ONLY", "ROLLBACK TO a"],
        &["SAVEPOINT a", "SET TRANSACTION READ ONLY", "SAVEPOINT b", "SELECT nope"], &["SAVEPOINT a", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
        &["SAVEPOINT a", "SET TRANSACTION READ WRITE"], &["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"], &["SELECT nope"],
    ];
    let reads = [None, Some("SHOW transaction_isolation"), Some("SELECT count(*) FROM events WHERE client_id = 4002"), Some(COUNT)];
    let ends = ["COMMIT AND CHAIN", "ROLLBACK AND CHAIN"];
    let mut all = Vec::new();
    for (number, begin) in begins.into_iter().enumerate() {
        for (at, (said, end)) in said.into_iter().flat_map(|said| ends.map(|end| (said, end))).enumerate() {
            let read = reads[(number + at / 2) % reads.len()];
            let before = read.into_iter().flat_map(q);
            let said = said.iter().copied().flat_map(q);
            let after = [end, "SHOW transaction_isolation", "SHOW transaction_read_only", &insert(4002, 1), "ROLLBACK AND CHAIN", &insert(4003, 1), "COMMIT"].map(q).concat();
            all.push(("modes: chained", q(begin).into_iter().chain(before).chain(said).chain(after).chain(look()).collect()));
        }
    }
    let each = |lines: &[&str]| lines.iter().copied().flat_map(q).collect::<Vec<_>>();
    all.extend([
        ("modes: too late on a shard that joined", each(&["BEGIN", "SHOW transaction_isolation", "SELECT count(*) FROM events WHERE client_id = 4002", "SELECT count(*) FROM events WHERE client_id = 4003", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT 1", "ROLLBACK"])),
        ("modes: behind what takes a snapshot", ["PREPARE x AS SELECT 1", "DEALLOCATE ALL", "DISCARD PLANS", "SHOW work_mem", "SAVEPOINT a"].into_iter().flat_map(|sql| {
            let modes = ["ISOLATION LEVEL REPEATABLE READ", "READ WRITE", "DEFERRABLE", "ISOLATION LEVEL READ COMMITTED, READ ONLY"];
            let says = ["SET TRANSACTION", "BEGIN"];
            modes.into_iter().flat_map(move |mode| says.map(|say| each(&["BEGIN READ ONLY", sql, &format!("{say} {mode}"), "SHOW transaction_isolation", "ROLLBACK", "DEALLOCATE ALL"])).concat())
        }).collect()),
        ("modes: READ WRITE too late", each(&["BEGIN READ ONLY", "SHOW transaction_isolation", "SELECT count(*) FROM events WHERE client_id = 4001", "SET TRANSACTION READ WRITE", "ROLLBACK"])),
        ("settings: what is no value or no name", each(&["SET LOCAL my.var = 1", "SELECT 1; SET LOCAL my.var = 2", "SHOW my.var", "SET my.var = 1,2", "SELECT 1", "SET my.\"Var X\" = 'a'", "SELECT 1", "SET \"a b\".c = 1", "SELECT 1", "BEGIN", "SET my.var = 0x10", "SELECT 1", "ROLLBACK", "SET my.var = 12", "SELECT current_setting('my.var')", "SET my.\"Var\" = 'x'", "SHOW \"my.Var\"", "RESET my.var", "RESET my.\"V W\"", "SELECT 1"])),
    ]);
    all
}

/// COPY: what is wrong with the statement is told before the client sends rows.
fn copies() -> Vec<Scenario> {
    let wrong = [
        "events (nothing)", "events (client_id, nothing)", "events (id, id)", "events (client_id, id, client_id)", "events (ctid)", "events (client_id, id, kind) FROM STDIN (FORMAT nothing)",
        "events FROM STDIN (nothing true)", "events FROM STDIN (DELIMITER 'ab')", "events FROM STDIN (QUOTE '!')", "events FROM STDIN (FORMAT csv, FORMAT text)", "events FROM STDIN (FORMAT csv, FORCE_NULL (nothing))",
        "events FROM STDIN (FORMAT binary, DELIMITER ',')", "events FROM STDIN (FORCE_QUOTE (kind))", "events FROM STDIN (HEADER nothing)", "events FROM STDIN WHERE nothing = 1", "events FROM STDIN WHERE client_id",
        "events FROM STDIN (NULL E'\\n')", "events FROM STDIN (FORMAT csv, ESCAPE 'xx')", "doubled (client_id, id, twice)", "readings (nothing)", "countries (nothing)", "countries (code, code)", "countries FROM STDIN (QUOTE '!')",
        "titles (id, title, upper)", "countries FROM STDIN (FORMAT nothing)", "ledger (nothing)",
    ];
    let of = |rest: &str| format!("COPY {rest}{}", if rest.contains("STDIN") { "" } else { " FROM STDIN" });
    let told = |rest: &str| {
        let sql = of(rest);
        let block = [q("BEGIN"), q("SELECT count(*) FROM events WHERE client_id = 4001"), q(&sql), q("ROLLBACK")].concat();
        [q(&sql), ask(&[extended(&sql, &[])]), block, q(&format!("SELECT 1; {sql}; SELECT 2"))].concat()
    };
    let rows = |sql: &str, rows: &[u8]| [vec![Send(query(sql)), Until(b"GE"), Send([message(b'd', rows), message(b'c', b"")].concat()), Ready(1)], look()].concat();
    let each = |sql: &str, client: u32| rows(sql, format!("{client}\t1\ts\n{client}\t2\ts\n").as_bytes());
    let csv = "COPY events (client_id, id, kind) FROM STDIN (FORMAT csv, HEADER)";
    let mut all: Vec<Scenario> = wrong.into_iter().map(|rest| (rest, told(rest))).collect();
    all.extend([
        ("copy to one shard", CLIENTS.flat_map(|client| each("COPY events (client_id, id, kind) FROM STDIN", client)).collect()),
        ("copy to one shard, under a name", CLIENTS.flat_map(|client| rows(csv, format!("client_id,id,kind\n{client},1,s\n").as_bytes())).collect()),
        ("copy of a name alone", [rows(csv, b"client_id,id,kind\n"), rows(csv, b"")].concat()),
        ("copy, SERIALIZABLE", [q("SET default_transaction_isolation = 'serializable'"), CLIENTS.flat_map(|client| each("COPY events (client_id, id, kind) FROM STDIN", client)[..4].to_vec()).collect(), q("RESET default_transaction_isolation"), look()].concat()),
        ("copy in a block that is SERIALIZABLE", CLIENTS.flat_map(|client| [q("BEGIN ISOLATION LEVEL SERIALIZABLE"), each("COPY events (client_id, id, kind) FROM STDIN", client)[..4].to_vec(), q("COPY events (nothing) FROM STDIN"), q("ROLLBACK"), q("BEGIN ISOLATION LEVEL SERIALIZABLE"), q(&insert(client, 3)), q("COPY events (nothing) FROM STDIN"), q("ROLLBACK")].concat()).collect()),
        ("copy in a block", [q("BEGIN"), q(&insert(4002, 9)), each("COPY events (client_id, id, kind) FROM STDIN", 4001)[..4].to_vec(), q(COUNT), q("COMMIT"), look()].concat()),
    ]);
    all
}
