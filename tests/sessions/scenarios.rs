//! What clients say, and in which pieces. Add a case: a name, and the steps.

use crate::support::script::{Cancel, Closed, Ready, Scenario, Send, Step, Until, ask, extended, q};
use crate::support::wire::{
    bind, close, describe, execute, flush, message, parse, query, startup, sync, text,
};

const BY_CLIENT: &str = "SELECT id, kind FROM events WHERE client_id = $1 ORDER BY id";

/// All of them.
pub fn all() -> Vec<Scenario> {
    [
        simple(),
        statements(),
        portals(),
        pipelines(),
        lanes(),
        transactions(),
        settings(),
        copies(),
        bytes(),
        inserts(),
        notifications(),
    ]
    .concat()
}

fn simple() -> Vec<Scenario> {
    vec![
        ("several statements in one message", q("SELECT 1; SELECT 'x' AS y; SELECT count(*) FROM events WHERE client_id = 7")),
        ("several statements, the second fails", q("SELECT 1; SELECT 1/0; SELECT 2")),
        ("empty query", [q(""), q(";"), q("-- nothing"), q("/* nothing */ ;")].concat()),
        ("statements over several shards in one message", q("SELECT count(*) FROM events WHERE client_id = 1; SELECT count(*) FROM events WHERE client_id = 2; SELECT count(*) FROM events WHERE client_id = 3")),
        ("a syntax error keeps its position", q("SELECT FROM WHERE x")),
        ("an error in what is prepared has its place in the text", [q("PREPARE wrong AS SELECT nosuch FROM events WHERE client_id = 1"), q("PREPARE wrong (bigint) AS SELECT nosuch FROM events"), q("SELECT 'é'; PREPARE wrong AS SELECT nosuch FROM events"), ask(&[extended("PREPARE wrong AS SELECT nosuch FROM events", &[])])].concat()),
        ("notices", q("DO $$ BEGIN RAISE NOTICE 'hello %', 1; RAISE WARNING 'careful'; END $$")),
        ("a notice from a failing statement", q("DO $$ BEGIN RAISE NOTICE 'first'; RAISE EXCEPTION 'then' USING ERRCODE = 'P0001'; END $$")),
        ("listen and notify", [q("LISTEN news"), q("NOTIFY news, 'first'"), q("UNLISTEN news"), q("NOTIFY news, 'unheard'")].concat()),
        ("terminate", vec![Send(message(b'X', b"")), Closed]),
        ("many rows", q("SELECT n, repeat('x', 100) FROM generate_series(1, 3000) n")),
        ("a cancel request", vec![Send(query("SET shardway.shard = 'a'")), Ready(1), Send(query("DO $$ BEGIN RAISE NOTICE 'asleep'; PERFORM pg_sleep(30); END $$")), Until(b"N"), Cancel, Ready(1)]),
        ("after a cancelled statement", [vec![Send(query("SET shardway.shard = 'a'")), Ready(1), Send(query("DO $$ BEGIN RAISE NOTICE 'asleep'; PERFORM pg_sleep(30); END $$")), Until(b"N"), Cancel, Ready(1)], q("SELECT 1")].concat()),
        ("a transaction block in one message", q("BEGIN; SELECT id FROM events WHERE client_id = 7 AND id = 1; COMMIT; SELECT 2")),
        ("a function call message", ask(&[function_call(177, &[[0, 0, 0, 2], [0, 0, 0, 3]])])),
        ("a function call that fails", [ask(&[function_call(999_999, &[])]), q("SELECT 1")].concat()),
    ]
}

fn notifications() -> Vec<Scenario> {
    let long = format!("LISTEN {}", "x".repeat(63));
    let notify = |payload: &str| format!("NOTIFY news, '{payload}'");
    vec![
        ("listen by a transaction", [q("BEGIN"), q("LISTEN news"), q(&notify("early")), q("COMMIT"), q(&notify("late"))].concat()),
        ("listen undone", [q("BEGIN"), q("LISTEN news"), q("ROLLBACK"), q(&notify("unheard"))].concat()),
        ("listen undone by an error", [q("BEGIN"), q("LISTEN news"), q("SELECT 1/0"), q("COMMIT"), q(&notify("unheard"))].concat()),
        ("listen behind a savepoint", [q("BEGIN"), q("LISTEN news"), q("SAVEPOINT s"), q("LISTEN other"), q("ROLLBACK TO s"), q("COMMIT"), q("NOTIFY other"), q(&notify("heard"))].concat()),
        ("listen behind a savepoint that is released", [q("BEGIN"), q("SAVEPOINT s"), q("LISTEN news"), q("RELEASE s"), q("COMMIT"), q(&notify("heard"))].concat()),
        ("listen behind a savepoint older than it", [q("BEGIN"), q("SAVEPOINT s"), q("LISTEN news"), q("ROLLBACK TO s"), q("COMMIT"), q(&notify("unheard"))].concat()),
        ("own notifications come with the commit", [q("LISTEN news"), q("BEGIN"), q(&notify("one")), q("SELECT 1"), q(&notify("two")), q(&notify("one")), q("COMMIT")].concat()),
        ("notifications undone", [q("LISTEN news"), q("BEGIN"), q(&notify("undone")), q("ROLLBACK"), q("SELECT 1")].concat()),
        ("notifications of several shards", [q("LISTEN news"), q("BEGIN"), q("UPDATE events SET kind = kind WHERE client_id = 7 AND id = 1"), q(&notify("written")), q("SELECT count(*) FROM events WHERE client_id IN (1, 2, 3)"), q("COMMIT")].concat()),
        ("unlisten in a transaction", [q("LISTEN news"), q("LISTEN other"), q("BEGIN"), q("UNLISTEN news"), q(&notify("unheard")), q("NOTIFY other, 'heard'"), q("COMMIT"), q(&notify("unheard"))].concat()),
        ("unlisten undone", [q("LISTEN news"), q("BEGIN"), q("UNLISTEN *"), q("ROLLBACK"), q(&notify("heard"))].concat()),
        ("unlisten, then listen again", [q("LISTEN news"), q("BEGIN"), q("UNLISTEN *"), q("LISTEN news"), q(&notify("heard")), q("COMMIT")].concat()),
        ("unlisten of nothing", [q("UNLISTEN news"), q("UNLISTEN *"), q("BEGIN"), q("UNLISTEN news"), q("COMMIT")].concat()),
        ("listen twice", [q("LISTEN news"), q("LISTEN news"), q(&notify("once")), q("UNLISTEN news"), q(&notify("unheard"))].concat()),
        ("reset does not end it, discard does", [q("LISTEN news"), q("RESET ALL"), q(&notify("heard")), q("DISCARD ALL"), q(&notify("unheard"))].concat()),
        ("channels keep their case", [q("LISTEN News"), q("LISTEN \"News\""), q("NOTIFY NEWS, 'small'"), q("NOTIFY \"News\", 'large'"), q("SELECT pg_notify('News', '')"), q("LISTEN \"\"\"; DROP\""), q("NOTIFY \"\"\"; DROP\"")].concat()),
        ("the longest name of a channel", [q(&long), q(&long.replace("LISTEN", "NOTIFY"))].concat()),
        ("no payload, a long one, one too long", [q("LISTEN news"), q("NOTIFY news"), q("NOTIFY news, ''"), q(&notify(&"x".repeat(7999))), q(&notify(&"x".repeat(8000)))].concat()),
        ("listen in a failed transaction", [q("BEGIN"), q("SELECT 1/0"), q("LISTEN news"), q("UNLISTEN *"), q("ROLLBACK"), q(&notify("unheard"))].concat()),
        ("listen and notify in one message", [q("LISTEN news; NOTIFY news, 'a'; SELECT 1"), q("SELECT 1; NOTIFY news, 'b'; UNLISTEN *"), q(&notify("unheard"))].concat()),
        ("listen in a message that fails", [q("LISTEN news; SELECT 1/0"), q(&notify("unheard"))].concat()),
        ("a block in one message", [q("BEGIN; LISTEN news; NOTIFY news, 'a'; COMMIT; NOTIFY news, 'b'"), q("BEGIN; NOTIFY news, 'c'; COMMIT")].concat()),
        ("a block ends with others in one message", [q("BEGIN"), q("LISTEN news"), q("NOTIFY news, 'a'; COMMIT"), q("COMMIT; SELECT 1")].concat()),
        ("what a pool says before it takes a client back", [q("LISTEN news"), q("SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL"), q(&notify("unheard")), q("SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL")].concat()),
        ("commit and chain", [q("BEGIN"), q("LISTEN news"), q("COMMIT AND CHAIN"), q(&notify("a")), q("COMMIT"), q("ROLLBACK AND CHAIN")].concat()),
        ("listen in the extended protocol", [
            ask(&[extended("LISTEN news", &[])]), ask(&[extended("SELECT pg_notify('news', $1)", &["a"])]),
            ask(&[extended("NOTIFY news, 'b'", &[]), extended("NOTIFY news, 'c'", &[])]), vec![Ready(1)], ask(&[extended("UNLISTEN *", &[])]), ask(&[extended("NOTIFY news", &[])]),
        ].concat()),
        ("listen in a pipeline", [
            ask(&[run_of("LISTEN news"), run_of("NOTIFY news, 'a'"), run_of("SELECT 1"), sync()]),
            ask(&[run_of("UPDATE events SET kind = kind WHERE client_id = 7 AND id = 1"), run_of("UNLISTEN news"), sync()]),
            ask(&[run_of("NOTIFY news, 'b'"), sync()]),
        ].concat()),
        ("listen in a pipeline that fails", [
            ask(&[run_of("LISTEN news"), run_of("SELECT 1/0"), sync()]), ask(&[run_of("NOTIFY news, 'a'"), sync()]),
            ask(&[run_of("SELECT 1/0"), run_of("LISTEN news"), sync()]), ask(&[run_of("NOTIFY news, 'b'"), sync()]),
        ].concat()),
        ("one that listens copies", [
            q("LISTEN news"), vec![Send(query("COPY events (client_id, id, kind) FROM STDIN")), Until(b"G"), Send(message(b'c', b"")), Ready(1)],
            q("COPY (SELECT 1) TO STDOUT"), q("SELECT 1; COPY (SELECT 1) TO STDOUT"), q(&notify("heard")),
        ].concat()),
        ("one that listens works on several shards", [
            q("LISTEN news"), q("SELECT count(*) FROM events WHERE client_id IN (1, 2, 3)"), q("SELECT id FROM events WHERE client_id IN (1, 2, 3) ORDER BY client_id, id LIMIT 3"),
            q("SELECT 1; SELECT 2"), q("SELECT FROM WHERE"), q(""), q("SELECT 1/0"),
            ask(&[extended(BY_CLIENT, &["1"]), extended(BY_CLIENT, &["2"])]), vec![Ready(1)], q("SHOW timezone"), q("SET timezone = 'UTC'"), q(&notify("heard")),
        ].concat()),
        ("listen is no statement to prepare", [q("PREPARE p AS LISTEN news"), ask(&[parse("s", "LISTEN news", &[]), describe(b'S', "s"), sync()]), ask(&[bind("", "s", &[], 0), execute("", 0), execute("", 0), sync()]), q(&notify("heard"))].concat()),
    ]
}

fn run_of(sql: &str) -> Vec<u8> {
    [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat()
}

fn statements() -> Vec<Scenario> {
    let run = |name: &str, key: &str| [bind("", name, &[text(key)], 0), execute("", 0)].concat();
    vec![
        ("a named statement for many keys", [
            ask(&[parse("s", BY_CLIENT, &[]), describe(b'S', "s"), sync()]),
            ask(&[run("s", "1"), sync()]), ask(&[run("s", "2"), sync()]), ask(&[run("s", "3"), run("s", "42"), sync()]),
            ask(&[close(b'S', "s"), sync()]), ask(&[run("s", "1"), sync()]),
        ].concat()),
        ("the unnamed statement is replaced", [
            ask(&[parse("", BY_CLIENT, &[]), sync()]), ask(&[run("", "1"), sync()]),
            ask(&[parse("", "SELECT $1::text", &[]), run("", "x"), sync()]), ask(&[run("", "y"), sync()]),
        ].concat()),
        ("a simple query drops the unnamed statement", [ask(&[parse("", BY_CLIENT, &[]), sync()]), q("SELECT 1"), ask(&[run("", "1"), sync()])].concat()),
        ("a name that is taken", [ask(&[parse("s", "SELECT 1", &[]), sync()]), ask(&[parse("s", "SELECT 2", &[]), sync()]), ask(&[bind("", "s", &[], 0), execute("", 0), sync()])].concat()),
        ("a Parse that fails leaves no statement", [ask(&[parse("s", "SELEC", &[]), sync()]), ask(&[parse("s", "SELECT 1", &[]), bind("", "s", &[], 0), execute("", 0), sync()])].concat()),
        ("a statement that PostgreSQL cannot analyse", [ask(&[parse("s", "SELECT nope FROM events WHERE client_id = $1", &[]), sync()]), ask(&[run("s", "1"), sync()])].concat()),
        ("declared types", ask(&[parse("s", BY_CLIENT, &[23]), describe(b'S', "s"), bind("", "s", &[text("7")], 0), describe(b'P', ""), execute("", 0), sync()])),
        ("a declared type that does not fit", ask(&[parse("s", BY_CLIENT, &[25]), sync()])),
        ("binary parameter and results", ask(&[parse("s", BY_CLIENT, &[20]), bind("", "s", &[(1, Some(7_i64.to_be_bytes().to_vec()))], 1), describe(b'P', ""), execute("", 0), sync()])),
        ("a binary parameter of the wrong length", ask(&[parse("s", BY_CLIENT, &[20]), bind("", "s", &[(1, Some(vec![1, 2, 3]))], 0), execute("", 0), sync()])),
        ("a binary int4 for a bigint key", ask(&[parse("s", BY_CLIENT, &[23]), bind("", "s", &[(1, Some(7_i32.to_be_bytes().to_vec()))], 0), execute("", 0), sync()])),
        ("too few parameters", ask(&[parse("s", BY_CLIENT, &[]), bind("", "s", &[], 0), execute("", 0), sync()])),
        ("too many parameters", ask(&[parse("s", BY_CLIENT, &[]), bind("", "s", &[text("1"), text("2")], 0), execute("", 0), sync()])),
        ("an unknown statement", ask(&[bind("", "nope", &[], 0), execute("", 0), sync()])),
        ("describe an unknown statement", ask(&[describe(b'S', "nope"), sync()])),
        ("close an unknown statement", ask(&[close(b'S', "nope"), close(b'P', "nope"), sync()])),
        ("describe a write", ask(&[parse("s", "UPDATE events SET amount = amount WHERE client_id = $1", &[]), describe(b'S', "s"), bind("p", "s", &[text("7")], 0), describe(b'P', "p"), execute("p", 0), sync()])),
        ("two commands in one Parse", ask(&[parse("s", "SELECT 1; SELECT 2", &[]), sync()])),
        ("empty statement, extended", ask(&[extended("", &[])])),
        ("sql prepare and protocol names are one", [q("PREPARE s (bigint) AS SELECT id FROM events WHERE client_id = $1 ORDER BY id"), ask(&[run("s", "7"), sync()]), q("EXECUTE s (7)"), q("DEALLOCATE s"), ask(&[run("s", "7"), sync()])].concat()),
        ("a protocol statement executed by sql", [ask(&[parse("s", BY_CLIENT, &[20]), sync()]), q("EXECUTE s (7)"), q("EXECUTE s (8)"), q("DEALLOCATE s")].concat()),
        ("deallocate all", [ask(&[parse("s", BY_CLIENT, &[20]), sync()]), q("DEALLOCATE ALL"), ask(&[run("s", "7"), sync()])].concat()),
        ("discard all", [ask(&[parse("s", BY_CLIENT, &[20]), sync()]), q("SET work_mem = '5MB'"), q("DISCARD ALL"), ask(&[run("s", "7"), sync()]), q("SHOW work_mem")].concat()),
        ("prepared statements outlive transactions", [ask(&[parse("s", BY_CLIENT, &[20]), sync()]), q("BEGIN"), ask(&[run("s", "1"), sync()]), q("ROLLBACK"), ask(&[run("s", "2"), sync()])].concat()),
        ("a statement prepared in a failed transaction stays", [q("BEGIN"), ask(&[parse("s", BY_CLIENT, &[20]), sync()]), q("SELECT 1/0"), q("ROLLBACK"), ask(&[run("s", "2"), sync()])].concat()),
        ("prepare of begin and commit", [ask(&[parse("b", "BEGIN", &[]), parse("c", "COMMIT", &[]), sync()]), ask(&[bind("", "b", &[], 0), execute("", 0), sync()]), ask(&[extended(BY_CLIENT, &["7"])]), ask(&[bind("", "c", &[], 0), execute("", 0), sync()])].concat()),
    ]
}

fn portals() -> Vec<Scenario> {
    let open = || ask(&[parse("s", BY_CLIENT, &[]), bind("p", "s", &[text("7")], 0), sync()]);
    vec![
        ("a portal read in pieces", [q("BEGIN"), open(), ask(&[execute("p", 2), sync()]), ask(&[execute("p", 2), sync()]), ask(&[execute("p", 0), sync()]), ask(&[execute("p", 0), sync()]), ask(&[close(b'P', "p"), sync()]), ask(&[execute("p", 0), sync()]), q("ROLLBACK")].concat()),
        ("a portal ends with its transaction", [open(), ask(&[execute("p", 0), sync()])].concat()),
        ("a piece and no more", [ask(&[parse("", BY_CLIENT, &[]), bind("", "", &[text("7")], 0), execute("", 2), sync()]), ask(&[execute("", 2), sync()])].concat()),
        ("two portals in turn", [q("BEGIN"), ask(&[parse("s", BY_CLIENT, &[]), bind("a", "s", &[text("7")], 0), bind("b", "s", &[text("7")], 0), execute("a", 1), execute("b", 2), execute("a", 1), execute("b", 1), sync()]), q("COMMIT")].concat()),
        ("pieces in one pipeline", [q("BEGIN"), ask(&[parse("", BY_CLIENT, &[]), bind("", "", &[text("7")], 0), execute("", 1), execute("", 1), execute("", 0), sync()]), q("COMMIT")].concat()),
        ("a portal name that is taken", [q("BEGIN"), open(), ask(&[bind("p", "s", &[text("7")], 0), sync()]), q("ROLLBACK")].concat()),
        ("an unknown portal", ask(&[execute("nope", 0), sync()])),
        ("describe an unknown portal", ask(&[describe(b'P', "nope"), sync()])),
        ("a cursor in sql", [q("BEGIN"), q("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 7 ORDER BY id"), q("FETCH 2 FROM c"), q("MOVE 1 FROM c"), q("FETCH ALL FROM c"), q("CLOSE c"), q("FETCH c"), q("ROLLBACK")].concat()),
        ("a cursor outside a transaction", q("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 7")),
        ("a protocol portal fetched by sql", [q("BEGIN"), open(), q("FETCH 2 FROM p"), q("COMMIT")].concat()),
    ]
}

fn pipelines() -> Vec<Scenario> {
    let one = |key: &str| [parse("", BY_CLIENT, &[]), bind("", "", &[text(key)], 0), execute("", 0)].concat();
    let insert = |id: &str| [parse("", "INSERT INTO events (client_id, id, kind) VALUES (3001, $1, 'p')", &[]), bind("", "", &[text(id)], 0), execute("", 0)].concat();
    vec![
        ("three Syncs on three keys", vec![Send([one("1"), sync(), one("2"), sync(), one("3"), sync()].concat()), Ready(3)]),
        ("several statements before one Sync", ask(&[one("7"), one("7"), one("7"), sync()])),
        ("several keys before one Sync", ask(&[one("1"), one("2"), one("3"), one("4"), sync()])),
        ("an error skips to Sync", ask(&[one("7"), parse("", "SELECT 1/0", &[]), bind("", "", &[], 0), execute("", 0), one("7"), sync()])),
        ("an error skips to Sync, the next group runs", vec![Send([parse("", "SELEC", &[]), one("7"), describe(b'S', "x"), sync(), one("7"), sync()].concat()), Ready(2)]),
        ("an error undoes the group", [vec![Send([insert("1"), insert("1"), insert("2"), sync(), insert("3"), sync()].concat()), Ready(2)], q("SELECT id FROM events WHERE client_id = 3001 ORDER BY id"), q("DELETE FROM events WHERE client_id = 3001")].concat()),
        ("Sync alone", vec![Send([sync(), sync(), sync()].concat()), Ready(3)]),
        ("Flush shows what is there", [vec![Send([parse("s", BY_CLIENT, &[]), describe(b'S', "s"), flush()].concat()), Until(b"T"), Send([bind("", "s", &[text("7")], 0), execute("", 0), flush()].concat()), Until(b"C"), Send(sync()), Ready(1)]].concat()),
        ("Flush alone", vec![Send(flush()), Send(sync()), Ready(1)]),
        ("Flush behind a BEGIN that says its level", [q("BEGIN ISOLATION LEVEL SERIALIZABLE"), vec![Send([parse("s", BY_CLIENT, &[]), describe(b'S', "s"), flush()].concat()), Until(b"T"), Send([bind("", "s", &[text("7")], 0), execute("", 0), sync()].concat()), Ready(1)], q("SHOW transaction_isolation"), q("COMMIT")].concat()),
        ("Flush of a statement without a name behind BEGIN", [q("BEGIN READ ONLY DEFERRABLE"), vec![Send([parse("", BY_CLIENT, &[]), describe(b'S', ""), flush()].concat()), Until(b"T"), Send([bind("", "", &[text("7")], 0), execute("", 0), flush()].concat()), Until(b"C"), Send(sync()), Ready(1)], q("SHOW transaction_read_only"), q("COMMIT")].concat()),
        ("Flush of what does not parse behind BEGIN", [q("BEGIN ISOLATION LEVEL REPEATABLE READ"), vec![Send([parse("", "SELECT nope()", &[]), flush()].concat()), Until(b"E"), Send([parse("", "SELECT 1", &[]), sync()].concat()), Ready(1)], q("SELECT 1"), q("ROLLBACK")].concat()),
        ("an error is told before Sync", vec![Send([parse("", "SELEC", &[]), flush()].concat()), Until(b"E"), Send(one("7")), Send(sync()), Ready(1)]),
        ("a simple query behind a pipeline", vec![Send([one("7"), sync(), query("SELECT 1"), one("8"), sync()].concat()), Ready(3)]),
        ("a transaction in a pipeline", vec![Send([extended("BEGIN", &[]), extended(BY_CLIENT, &["7"]), extended("COMMIT", &[])].concat()), Ready(3)]),
        ("a transaction in one group", ask(&[parse("", "BEGIN", &[]), bind("", "", &[], 0), execute("", 0), one("7"), parse("", "COMMIT", &[]), bind("", "", &[], 0), execute("", 0), sync()])),
        ("a failed transaction in a pipeline", vec![Send([extended("BEGIN", &[]), extended("SELECT 1/0", &[]), extended(BY_CLIENT, &["7"]), extended("ROLLBACK", &[]), extended("SELECT 1", &[])].concat()), Ready(5)]),
        ("two hundred groups", vec![Send((0..200).map(|key| [one(&key.to_string()), sync()].concat()).collect::<Vec<_>>().concat()), Ready(200)]),
        ("two hundred statements in a group", ask(&[(0..200).map(|_| one("7")).collect::<Vec<_>>().concat(), sync()])),
        ("messages in small pieces", one("7").into_iter().chain(sync()).map(|byte| Send(vec![byte])).chain([Ready(1)]).collect()),
    ]
}

/// Pipelines whose statements live on several shards.
fn lanes() -> Vec<Scenario> {
    const FAILS: &str = "SELECT 1 / (client_id - $1) FROM events WHERE client_id = $1";
    const WIDE: &str = "SELECT id, repeat('x', 20000) FROM events WHERE client_id = $1 ORDER BY id";
    const ADD: &str = "INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 'l')";
    let run = |name: &str, key: u32| [bind("", name, &[text(&key.to_string())], 0), execute("", 0)].concat();
    let all = |name: &str, keys: std::ops::Range<u32>| keys.flat_map(|key| run(name, key)).collect::<Vec<u8>>();
    let named = || [parse("s", BY_CLIENT, &[]), parse("f", FAILS, &[]), parse("w", WIDE, &[]), parse("a", ADD, &[])].concat();
    let added = || q("SELECT count(*) FROM events WHERE client_id = 3005");
    let gone = || q("DELETE FROM events WHERE client_id = 3005");
    let act = |sql: &str| [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat();
    let portal = |name: &str, key: u32| bind(name, "s", &[text(&key.to_string())], 0);
    vec![
        ("many keys of a named statement", ask(&[named(), all("s", 1..60), sync()])),
        ("many keys, each described", ask(&[named(), (1..30).flat_map(|key| [portal("", key), describe(b'P', ""), execute("", 0)].concat()).collect(), sync()])),
        ("many keys, each parsed anew", ask(&[(1..30).flat_map(|key| [parse("", BY_CLIENT, &[]), bind("", "", &[text(&format!("{key}"))], 0), execute("", 0)].concat()).collect(), sync()])),
        ("many keys twice", [ask(&[named(), all("s", 1..20), sync()]), ask(&[all("s", 5..40), sync()])].concat()),
        ("many groups of many keys", vec![Send([named(), sync(), (0..20).flat_map(|first| [all("s", first..first + 7), sync()].concat()).collect()].concat()), Ready(21)]),
        ("wide rows of many keys", ask(&[named(), all("w", 1..40), sync()])),
        ("an error among many keys", [ask(&[named(), all("s", 1..10), run("f", 7), all("s", 1..10), sync()]), ask(&[all("s", 1..10), sync()])].concat()),
        ("an error at the first of many keys", [ask(&[named(), run("f", 7), all("w", 1..10), sync()]), ask(&[all("s", 1..10), sync()])].concat()),
        ("an error at the last of many keys", [ask(&[named(), all("s", 1..10), run("f", 7), sync()]), ask(&[all("s", 1..10), sync()])].concat()),
        ("several errors among many keys", [ask(&[named(), all("s", 1..10), all("f", 1..10), all("s", 1..10), sync()]), ask(&[all("s", 1..10), sync()])].concat()),
        ("an error among many keys, the next group runs", vec![Send([named(), all("s", 1..6), run("f", 7), all("s", 1..6), sync(), all("s", 1..6), sync()].concat()), Ready(2)]),
        ("an error among many keys is told before Sync", vec![Send([named(), all("s", 1..6), run("f", 7), all("s", 1..6), flush()].concat()), Until(b"E"), Send([all("s", 1..6), sync()].concat()), Ready(1)]),
        ("a Parse that fails among many keys", [ask(&[named(), all("s", 1..6), parse("bad", "SELECT nope FROM events WHERE client_id = $1", &[]), all("s", 1..6), sync()]), ask(&[run("bad", 1), sync()]), ask(&[all("s", 1..6), sync()])].concat()),
        ("a syntax error among many keys", [ask(&[named(), all("s", 1..6), parse("bad", "SELEC", &[]), all("s", 1..6), sync()]), ask(&[all("s", 1..6), sync()])].concat()),
        ("an unknown statement among many keys", [ask(&[named(), all("s", 1..6), run("nope", 1), all("s", 1..6), sync()]), ask(&[all("s", 1..6), sync()])].concat()),
        ("an unknown portal among many keys", ask(&[named(), all("s", 1..6), execute("nope", 0), all("s", 1..6), sync()])),
        ("names given behind an error are not", [ask(&[named(), all("s", 1..6), run("f", 7), parse("later", BY_CLIENT, &[]), run("s", 2), run("later", 3), close(b'S', "s"), sync()]), ask(&[all("s", 1..6), sync()]), ask(&[run("later", 1), sync()])].concat()),
        ("names given before an error are", [ask(&[named(), run("s", 1), parse("t", BY_CLIENT, &[]), all("t", 1..6), run("f", 7), all("s", 1..6), sync()]), ask(&[all("t", 1..6), sync()])].concat()),
        ("a name that is given anew among many keys", ask(&[named(), all("s", 1..4), close(b'S', "s"), parse("s", WIDE, &[]), all("s", 1..4), close(b'S', "s"), parse("s", BY_CLIENT, &[]), all("s", 1..4), sync()])),
        ("flushes among many keys", vec![Send([named(), all("s", 1..4), flush()].concat()), Until(b"C"), Until(b"C"), Until(b"C"), Send([all("s", 4..7), flush()].concat()), Until(b"C"), Until(b"C"), Until(b"C"), Send([all("s", 1..9), sync()].concat()), Ready(1)]),
        ("many keys in a transaction block", [ask(&[named(), sync()]), q("BEGIN"), ask(&[all("s", 1..20), sync()]), ask(&[all("s", 1..20), sync()]), q("COMMIT")].concat()),
        ("many keys and their transaction in one group", ask(&[named(), act("BEGIN"), all("s", 1..20), act("COMMIT"), all("s", 1..9), sync()])),
        ("an error among many keys in a transaction block", [ask(&[named(), sync()]), q("BEGIN"), ask(&[all("s", 1..9), run("f", 7), all("s", 1..9), sync()]), ask(&[all("s", 1..4), sync()]), q("COMMIT"), ask(&[all("s", 1..9), sync()])].concat()),
        ("a savepoint brings many keys back", [ask(&[named(), sync()]), q("BEGIN"), q("SAVEPOINT x"), ask(&[all("s", 1..9), run("f", 7), all("s", 1..9), sync()]), q("ROLLBACK TO x"), ask(&[all("s", 1..9), sync()]), q("COMMIT")].concat()),
        ("a write among many keys", [ask(&[named(), all("s", 1..6), run("a", 3005), run("s", 3005), all("s", 1..6), sync()]), added(), gone()].concat()),
        ("a write among many keys in a transaction block", [ask(&[named(), sync()]), q("BEGIN"), ask(&[all("s", 1..6), run("a", 3005), all("s", 1..6), sync()]), q("COMMIT"), added(), gone()].concat()),
        ("a write among many keys is undone by a later error", [ask(&[named(), all("s", 1..6), run("a", 3005), all("s", 1..6), run("f", 7), all("s", 1..6), sync()]), added()].concat()),
        ("a write among many keys is not done behind an error", [ask(&[named(), all("s", 1..6), run("f", 7), all("s", 1..6), run("a", 3005), all("s", 1..6), sync()]), added()].concat()),
        ("a write is undone by an error among many keys of a block", [ask(&[named(), sync()]), q("BEGIN"), ask(&[run("a", 3005), all("s", 1..6), run("f", 7), sync()]), q("COMMIT"), added()].concat()),
        ("a write that fails among many keys", [ask(&[named(), run("a", 3005), sync()]), ask(&[all("s", 1..6), run("a", 3005), all("s", 1..6), sync()]), added(), gone()].concat()),
        ("a write behind a flush of many keys", [vec![Send([named(), all("s", 1..6), run("a", 3005), flush()].concat()), Until(b"C"), Send([all("s", 1..6), run("f", 7), sync()].concat()), Ready(1)], added()].concat()),
        ("portals on several shards in turn", [q("BEGIN"), ask(&[named(), portal("p", 7), portal("q", 42), portal("r", 1), execute("p", 1), execute("q", 1), execute("r", 1), execute("p", 1), execute("r", 0), execute("q", 0), close(b'P', "p"), execute("p", 0), sync()]), q("ROLLBACK")].concat()),
        ("a key without a home among many", ask(&[named(), run("s", 1), bind("", "s", &[(0, None)], 0), execute("", 0), all("s", 1..9), sync()])),
        ("statements of no shard among many keys", ask(&[named(), all("s", 1..4), act("SELECT 1"), all("s", 4..9), act("SELECT count(*) FROM pg_class WHERE relname = 'events'"), all("s", 1..4), sync()])),
        ("a setting among many keys", [ask(&[named(), all("s", 1..4), act("SET work_mem = '5MB'"), all("s", 1..4), sync()]), q("SHOW work_mem"), q("RESET work_mem")].concat()),
        ("five hundred keys in a group", ask(&[named(), all("s", 1..500), sync()])),
    ]
}

fn transactions() -> Vec<Scenario> {
    let insert = "INSERT INTO events (client_id, id, kind) VALUES (3002, 1, 't')";
    let look = "SELECT count(*) FROM events WHERE client_id = 3002";
    vec![
        ("commit", [q("BEGIN"), q(insert), q(look), q("COMMIT"), q(look), q("DELETE FROM events WHERE client_id = 3002")].concat()),
        ("rollback", [q("BEGIN"), q(insert), q("ROLLBACK"), q(look)].concat()),
        ("nothing but begin and commit", [q("BEGIN"), q("COMMIT"), q("BEGIN"), q("ROLLBACK"), q("START TRANSACTION READ ONLY"), q("END")].concat()),
        ("begin twice", [q("BEGIN"), q("BEGIN"), q("COMMIT")].concat()),
        ("begin twice with work", [q("BEGIN"), q("SELECT id FROM events WHERE client_id = 7 AND id = 1"), q("BEGIN"), q("COMMIT")].concat()),
        ("commit and rollback outside", [q("COMMIT"), q("ROLLBACK")].concat()),
        ("a failed transaction", [q("BEGIN"), q("SELECT 1/0"), q("SELECT 1"), q("COMMIT"), q("SELECT 1")].concat()),
        ("a failed transaction that is to be prepared", [
            q("BEGIN"), q("SELECT 1/0"), q("PREPARE TRANSACTION 'x'"), q("SELECT 1"), q("BEGIN"), q(insert), q("SELECT 1/0"), q("prepare transaction 'x';"), q(look), q("BEGIN"), q("SELEC"), q("PREPARE TRANSACTION 'x'"), q("COMMIT"),
        ].concat()),
        ("a failed transaction after a syntax error", [q("BEGIN"), q("SELEC"), q("SELECT 1"), q("ROLLBACK")].concat()),
        ("a failed transaction, extended", [q("BEGIN"), ask(&[extended("SELECT 1/0", &[])]), ask(&[extended("SELECT 1", &[])]), ask(&[extended("ROLLBACK", &[])])].concat()),
        ("savepoints", [q("BEGIN"), q(insert), q("SAVEPOINT a"), q("SELECT 1/0"), q("ROLLBACK TO a"), q(look), q("RELEASE a"), q("ROLLBACK TO a"), q("ROLLBACK")].concat()),
        ("savepoints before any work", [q("BEGIN"), q("SAVEPOINT a"), q("SAVEPOINT b"), q(insert), q("ROLLBACK TO b"), q(look), q("ROLLBACK TO a"), q("ROLLBACK")].concat()),
        ("an unknown savepoint", [q("BEGIN"), q("ROLLBACK TO nope"), q("ROLLBACK")].concat()),
        ("savepoint outside", [q("SAVEPOINT a"), q("RELEASE a"), q("ROLLBACK TO a")].concat()),
        ("chains", [q("BEGIN ISOLATION LEVEL REPEATABLE READ"), q("COMMIT AND CHAIN"), q("SHOW transaction_isolation"), q("ROLLBACK AND CHAIN"), q("ROLLBACK")].concat()),
        ("isolation and access mode", [q("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), q("SHOW transaction_isolation"), q("SHOW transaction_read_only"), q(insert), q("ROLLBACK")].concat()),
        ("set transaction, behind the end of a block in its text", [q("BEGIN; COMMIT; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"), q("BEGIN; COMMIT; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; BEGIN; SHOW transaction_isolation"), q("SHOW transaction_isolation"), q("COMMIT"), q("BEGIN; ROLLBACK; SAVEPOINT a"), q("BEGIN; COMMIT; COMMIT"), q("BEGIN; COMMIT; BEGIN"), q("COMMIT"), q("BEGIN; COMMIT AND CHAIN; SET TRANSACTION READ ONLY; COMMIT"), q("BEGIN; ROLLBACK; ROLLBACK AND CHAIN")].concat()),
        ("set transaction", [q("BEGIN"), q("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"), q("SELECT id FROM events WHERE client_id = 7 AND id = 1"), q("SHOW transaction_isolation"), q("COMMIT")].concat()),
        ("reads of several shards in one transaction", [q("BEGIN"), q("SELECT count(*) FROM events WHERE client_id = 1"), q("SELECT count(*) FROM events WHERE client_id = 2"), q("SELECT count(*) FROM events WHERE client_id = 3"), q("COMMIT")].concat()),
        ("temporary table", [q("CREATE TEMP TABLE mine (a int)"), q("INSERT INTO mine VALUES (1)"), q("SELECT * FROM mine"), q("DISCARD TEMP"), q("SELECT * FROM mine")].concat()),
        ("advisory lock", [q("SELECT pg_try_advisory_lock(4711)"), q("SELECT pg_advisory_unlock(4711)"), q("SELECT pg_advisory_unlock(4711)")].concat()),
    ]
}

fn settings() -> Vec<Scenario> {
    let on_shards = || -> Vec<Step> {
        (1..=6).flat_map(|client| q(&format!("SELECT current_setting('work_mem'), current_setting('TimeZone') FROM events WHERE client_id = {client} AND id = 1"))).collect()
    };
    vec![
        ("set is remembered everywhere", [q("SET work_mem = '5MB'"), on_shards(), q("RESET work_mem"), on_shards()].concat()),
        ("set that is reported", [q("SET TimeZone = 'Asia/Tokyo'"), on_shards(), q("SET application_name = 'x y'"), q("SET DateStyle = 'German'"), q("SELECT date '2024-02-03'"), q("RESET ALL"), on_shards()].concat()),
        ("set, rolled back", [q("SET work_mem = '5MB'"), q("BEGIN"), q("SET work_mem = '6MB'"), q("SET TimeZone = 'Asia/Tokyo'"), q("SHOW work_mem"), q("ROLLBACK"), q("SHOW work_mem"), on_shards()].concat()),
        ("set, committed", [q("BEGIN"), q("SET work_mem = '6MB'"), q("COMMIT"), on_shards()].concat()),
        ("set local", [q("BEGIN"), q("SET LOCAL work_mem = '7MB'"), q("SELECT current_setting('work_mem') FROM events WHERE client_id = 7 AND id = 1"), q("COMMIT"), on_shards()].concat()),
        ("set local outside", [q("SET LOCAL work_mem = '7MB'"), q("SHOW work_mem")].concat()),
        ("set in a savepoint that is rolled back", [q("BEGIN"), q("SET work_mem = '5MB'"), q("SAVEPOINT s"), q("SET work_mem = '6MB'"), q("ROLLBACK TO s"), q("SHOW work_mem"), q("COMMIT"), on_shards()].concat()),
        ("set local over set", [q("BEGIN"), q("SET work_mem = '5MB'"), q("SET LOCAL work_mem = '6MB'"), q("SHOW work_mem"), q("COMMIT"), on_shards()].concat()),
        ("set with a bad value", [q("SET work_mem = 'lots'"), q("SHOW work_mem")].concat()),
        ("set of an unknown one", q("SET no_such_setting = 1")),
        ("set_config", [q("SELECT set_config('work_mem', '8MB', false)"), on_shards()].concat()),
        ("set_config local", [q("BEGIN"), q("SELECT set_config('work_mem', '8MB', true)"), q("SHOW work_mem"), q("COMMIT"), on_shards()].concat()),
        ("set_config by parameter", [ask(&[extended("SELECT set_config($1, $2, false)", &["work_mem", "9MB"])]), on_shards()].concat()),
        ("set_config of a parameter", [
            ask(&[extended("SELECT set_config('work_mem', $1, false), set_config('my.app', $2, false)", &["9MB", "it's"])]), on_shards(), ask(&[extended("SELECT set_config('work_mem', $1, false)", &["lots"])]), on_shards(),
            q("BEGIN"), ask(&[extended("SELECT set_config('work_mem', $1, false)", &["6MB"])]), q("ROLLBACK"), on_shards(), q("SELECT current_setting('my.app') FROM events WHERE client_id = 2 AND id = 1"),
            ask(&[parse("", "SELECT set_config('work_mem', $1, false)", &[]), bind("", "", &[(0, None)], 0), execute("", 0), sync()]), on_shards(),
            ask(&[parse("", "SELECT set_config('work_mem', $1, false)", &[]), bind("", "", &[text("7MB")], 0), execute("", 0), parse("", "SELECT 1/0", &[]), bind("", "", &[], 0), execute("", 0), sync()]), on_shards(),
        ].concat()),
        ("reset all takes no snapshot", [q("BEGIN; RESET ALL; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation"), q("COMMIT"), q("RESET ALL; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events WHERE client_id = 1"), q("ROLLBACK"), q("BEGIN"), q("RESET search_path"), q("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"), q("SHOW search_path"), q("COMMIT")].concat()),
        ("set_config of a list", [q("SELECT set_config('search_path', 'other, public', false)"), q("SELECT current_setting('search_path') FROM events WHERE client_id = 1 AND id = 1"), q("SELECT current_setting('search_path') FROM events WHERE client_id = 2 AND id = 1"), q("RESET search_path")].concat()),
        ("set_config that does not run", [q("SELECT set_config('work_mem', '9MB', false) WHERE false"), on_shards()].concat()),
        ("a setting of the application", [q("SET my.app = 'it''s'"), q("SELECT current_setting('my.app') FROM events WHERE client_id = 1 AND id = 1"), q("SELECT current_setting('my.app') FROM events WHERE client_id = 2 AND id = 1")].concat()),
        ("search_path", [q("SET search_path = other, public"), q("SELECT kind FROM events WHERE client_id = 7 AND id = 1"), q("RESET search_path"), q("SELECT kind FROM events WHERE client_id = 7 AND id = 1")].concat()),
        ("time zone notations", [q("SET TIME ZONE 'UTC'"), q("SHOW TimeZone"), q("SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE"), q("SHOW TimeZone"), q("SET TIME ZONE DEFAULT"), q("SHOW TimeZone")].concat()),
        ("names and encodings", [q("SET NAMES 'UTF8'"), q("SHOW client_encoding"), q("SET client_encoding = 'LATIN1'"), q("SHOW client_encoding"), q("RESET client_encoding")].concat()),
        ("set session characteristics", [q("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"), q("INSERT INTO events (client_id, id, kind) VALUES (3003, 1, 'x')"), q("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")].concat()),
        ("set by the extended protocol", [ask(&[extended("SET work_mem = '5MB'", &[])]), on_shards()].concat()),
        ("several sets in one message", [q("SET work_mem = '5MB'; SET TimeZone = 'Asia/Tokyo'"), on_shards()].concat()),
        ("a session ends itself", vec![Send(query("SELECT pg_terminate_backend(pg_backend_pid())")), Closed]),
        ("a session ends itself in a transaction", [q("BEGIN"), q("SELECT 1"), vec![Send(query("SELECT pg_terminate_backend(pg_backend_pid())")), Closed]].concat()),
        ("a session ends itself by the extended protocol", vec![Send(extended("SELECT pg_terminate_backend(pg_backend_pid())", &[])), Closed]),
        ("a session is idle in a transaction for too long", [q("SET idle_in_transaction_session_timeout = '100ms'"), q("BEGIN"), q("SELECT 1"), vec![Closed]].concat()),
        ("a session that holds a lock is idle for too long", [q("SELECT pg_advisory_lock(4242)"), q("SET idle_session_timeout = '100ms'"), q("SELECT pg_try_advisory_lock(4242)"), vec![Closed]].concat()),
        ("statement timeout", [q("SET statement_timeout = '50ms'"), q("SELECT pg_sleep(10)"), q("SELECT 1")].concat()),
        ("escapes in every string", escapes()),
        ("show of everything", q("SHOW standard_conforming_strings; SHOW server_encoding; SHOW is_superuser")),
    ]
}

/// Each text twice: as a message that one shard answers and prepared, where other clients may share the statement.
fn escapes() -> Vec<Step> {
    let said = |sql: &str| [q(sql), ask(&[extended(sql, &[])])].concat();
    let off = [q("SET escape_string_warning = off"), q("SET standard_conforming_strings = off")].concat();
    let texts = [
        r"SELECT 'it\'s', 'a\\b', E'a\\b', 'plain', kind FROM events WHERE client_id = 7 AND kind <> '\\' ORDER BY id",
        "SELECT 'a' -- it's\n'\\tb' AS v FROM events WHERE client_id = 2 AND id = 1",
        r"SELECT 'a\', nowhere FROM events -- '",
        r"SELECT U&'\0041'",
        r"SELECT $$a\b$$, $a$'\$a$, x'1f', b'1' FROM events WHERE client_id = 3 AND id = 1",
    ];
    let local = [
        // Errors keep their positions, and their words.
        q(r"SELECT '\\', nowhere FROM events WHERE client_id = 7"),
        q(r"SELECT 'unended\'"),
        q("SET standard_conforming_strings = on"),
        q("BEGIN"),
        q("SET LOCAL standard_conforming_strings = 'of'"),
        q(r"SELECT 'a\\b'"),
        q("COMMIT"),
        q(r"SELECT 'a\\b'"),
        q("SELECT set_config('standard_conforming_strings', 'no', false)"),
        q(r"SET standard_conforming_strings = on; SELECT 'a\\b'"),
        q(r"SELECT 'a\\b'"),
        q("SET standard_conforming_strings = 0"),
        ask(&[parse("kept", r"SELECT 'a\\b'", &[]), sync()]),
        q("SET standard_conforming_strings = t"),
        ask(&[bind("", "kept", &[], 0), execute("", 0), sync()]),
        q("RESET standard_conforming_strings"),
        q(r"SELECT 'a\\b'"),
    ];
    off.into_iter().chain(texts.into_iter().flat_map(said)).chain(local.concat()).collect()
}

fn copies() -> Vec<Scenario> {
    let data = |bytes: &[u8]| message(b'd', bytes);
    let start = |sql: &str| vec![Send(query(sql)), Until(b"GE")];
    let table = "events (client_id, id, kind)";
    let taken = || q("CREATE TEMP TABLE taken (v integer)");
    let taking = [parse("", "COPY taken FROM STDIN", &[]), bind("", "", &[], 0), execute("", 0)].concat();
    vec![
        ("copy out as text", q("COPY (SELECT client_id, id, kind, payload FROM events WHERE client_id = 7 ORDER BY id) TO STDOUT")),
        ("copy out as csv", q("COPY (SELECT client_id, id, kind FROM events WHERE client_id = 7 ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)")),
        ("copy out as binary", q("COPY (SELECT client_id, id, kind FROM events WHERE client_id = 7 ORDER BY id) TO STDOUT WITH (FORMAT binary)")),
        ("copy out by the extended protocol", ask(&[extended("COPY (SELECT id FROM events WHERE client_id = 7 ORDER BY id) TO STDOUT", &[])])),
        ("copy in", [start(&format!("COPY {table} FROM STDIN")), vec![Send([data(b"3010\t1\ta\n"), data(b"3010\t2\t"), data(b"b\n3010\t3\tc\n"), message(b'c', b"")].concat()), Ready(1)], q("SELECT id, kind FROM events WHERE client_id = 3010 ORDER BY id"), q("DELETE FROM events WHERE client_id = 3010")].concat()),
        ("copy in without a last newline", [start(&format!("COPY {table} FROM STDIN")), vec![Send([data(b"3011\t1\ta"), message(b'c', b"")].concat()), Ready(1)], q("DELETE FROM events WHERE client_id = 3011")].concat()),
        ("copy in with an end mark", [start(&format!("COPY {table} FROM STDIN")), vec![Send([data(b"3012\t1\ta\n\\.\n"), message(b'c', b"")].concat()), Ready(1)], q("DELETE FROM events WHERE client_id = 3012")].concat()),
        ("copy in as csv", [start(&format!("COPY {table} FROM STDIN WITH (FORMAT csv)")), vec![Send([data(b"3013,1,\"a\nb\"\n3013,2,\"\"\n"), message(b'c', b"")].concat()), Ready(1)], q("SELECT id, kind FROM events WHERE client_id = 3013 ORDER BY id"), q("DELETE FROM events WHERE client_id = 3013")].concat()),
        ("copy in as binary", [start(&format!("COPY {table} FROM STDIN WITH (FORMAT binary)")), vec![Send([data(&binary_copy(&[(3014, 1), (3014, 2)])), message(b'c', b"")].concat()), Ready(1)], q("SELECT id, kind FROM events WHERE client_id = 3014 ORDER BY id"), q("DELETE FROM events WHERE client_id = 3014")].concat()),
        ("copy in to several shards", [start(&format!("COPY {table} FROM STDIN")), vec![Send([data(b"3015\t1\ta\n3016\t1\ta\n3017\t1\ta\n3018\t1\ta\n"), message(b'c', b"")].concat()), Ready(1)], q("DELETE FROM events WHERE client_id = 3015"), q("DELETE FROM events WHERE client_id = 3016"), q("DELETE FROM events WHERE client_id = 3017"), q("DELETE FROM events WHERE client_id = 3018")].concat()),
        ("copy in that the client gives up", [start(&format!("COPY {table} FROM STDIN")), vec![Send([data(b"3019\t1\ta\n"), message(b'f', b"no more\0")].concat()), Ready(1)], q("SELECT count(*) FROM events WHERE client_id = 3019")].concat()),
        ("copy in with a bad row, then more data", [start(&format!("COPY {table} FROM STDIN")), vec![Send([data(b"3020\t1\ta\n"), data(b"3020\tx\ta\n"), data(b"3020\t2\ta\n"), message(b'c', b"")].concat()), Ready(1)], q("SELECT count(*) FROM events WHERE client_id = 3020")].concat()),
        ("copy in of nothing", [start(&format!("COPY {table} FROM STDIN")), vec![Send(message(b'c', b"")), Ready(1)]].concat()),
        ("copy in by the extended protocol", [vec![Send([parse("", &format!("COPY {table} FROM STDIN"), &[]), bind("", "", &[], 0), execute("", 0)].concat()), Send(flush()), Until(b"G"), Send([data(b"3021\t1\ta\n"), message(b'c', b""), sync()].concat()), Ready(1)], q("DELETE FROM events WHERE client_id = 3021")].concat()),
        ("copy in by the extended protocol to one server", [taken(), vec![Send(taking.clone()), Send(flush()), Until(b"G"), Send([data(b"1\n"), data(b"2\n"), message(b'c', b""), sync()].concat()), Ready(1)], q("SELECT sum(v) FROM taken")].concat()),
        ("copy in by the extended protocol behind a Sync", [taken(), vec![Send([taking.clone(), flush(), sync()].concat()), Until(b"G"), Send([data(b"1\n2\n"), message(b'c', b""), sync()].concat()), Ready(1)], q("SELECT sum(v) FROM taken")].concat()),
        ("copy in by the extended protocol in a transaction", [taken(), q("BEGIN"), vec![Send([taking.clone(), sync()].concat()), Until(b"G"), Send([data(b"1\n2\n"), message(b'c', b""), sync()].concat()), Ready(1)], q("SELECT sum(v) FROM taken"), q("COMMIT")].concat()),
        ("copy in by the extended protocol given up", [taken(), vec![Send([taking.clone(), sync()].concat()), Until(b"G"), Send([data(b"1\n"), message(b'f', b"no more\0"), sync()].concat()), Ready(1)], q("SELECT sum(v) FROM taken")].concat()),
        ("copy in by the extended protocol of a bad row", [taken(), vec![Send([taking.clone(), sync()].concat()), Until(b"G"), Send([data(b"1\nx\n"), message(b'c', b""), sync()].concat()), Ready(1)], q("SELECT sum(v) FROM taken")].concat()),
        ("copy in by the extended protocol, then a statement", [taken(), vec![Send([taking.clone(), flush()].concat()), Until(b"G"), Send([data(b"1\n2\n"), message(b'c', b""), extended("SELECT sum(v) FROM taken", &[])].concat()), Ready(1)], q("SELECT sum(v) FROM taken")].concat()),
        ("copy in inside a transaction", [q("BEGIN"), start(&format!("COPY {table} FROM STDIN")), vec![Send([data(b"3022\t1\ta\n"), message(b'c', b"")].concat()), Ready(1)], q("ROLLBACK"), q("SELECT count(*) FROM events WHERE client_id = 3022")].concat()),
        ("copy in then a statement in one message", [start(&format!("COPY {table} FROM STDIN; SELECT 5")), vec![Send([data(b"3023\t1\ta\n"), message(b'c', b"")].concat()), Ready(1)], q("DELETE FROM events WHERE client_id = 3023")].concat()),
        ("a query in the middle of copy in", [start(&format!("COPY {table} FROM STDIN")), vec![Send([data(b"3024\t1\ta\n"), query("SELECT 1")].concat()), Until(b"E")]].concat()),
        ("copy from a file is not for everyone", q("COPY events FROM '/nowhere'")),
        ("copy data without copy", [vec![Send([data(b"stray\n"), message(b'c', b""), message(b'f', b"x\0")].concat())], q("SELECT 1")].concat()),
    ]
}

fn bytes() -> Vec<Scenario> {
    let bytes_of = |value: &[u8]| (0, Some(value.to_vec()));
    vec![
        ("invalid utf-8 in a query", ask(&[message(b'Q', b"SELECT '\xff\xfe'\0")])),
        ("invalid utf-8 in a key", ask(&[message(b'Q', b"SELECT * FROM orders WHERE customer = '\xc3('\0")])),
        ("invalid utf-8 in a parameter", ask(&[parse("", "SELECT order_id FROM orders WHERE customer = $1", &[]), bind("", "", &[bytes_of(b"\xff")], 0), execute("", 0), sync()])),
        ("a zero byte in a parameter", ask(&[parse("", "SELECT order_id FROM orders WHERE customer = $1", &[]), bind("", "", &[bytes_of(b"a\0b")], 0), execute("", 0), sync()])),
        ("a huge row", q("SELECT repeat('x', 20000000)")),
        ("a huge parameter", ask(&[parse("", "SELECT length($1)", &[]), bind("", "", &[(0, Some(vec![b'y'; 20_000_000]))], 0), execute("", 0), sync()])),
        ("a huge query", q(&format!("SELECT length('{}')", "z".repeat(3_000_000)))),
        ("65535 parameters", {
            let list: Vec<String> = (1..=65_535).map(|n| format!("${n}")).collect();
            let values: Vec<_> = (1..=65_535).map(|_| text("7")).collect();
            ask(&[parse("", &format!("SELECT count(*) FROM events WHERE client_id IN ({})", list.join(",")), &[]), bind("", "", &values, 0), execute("", 0), sync()])
        }),
        ("many columns", q(&format!("SELECT {}", (1..=1600).map(|n| n.to_string()).collect::<Vec<_>>().join(",")))),
        ("a second startup message", vec![Send(startup(196_608, &[("user", "app")])), Closed]),
    ]
}

fn function_call(oid: u32, arguments: &[[u8; 4]]) -> Vec<u8> {
    let mut body = oid.to_be_bytes().to_vec();
    body.extend_from_slice(&[0, 1, 0, 1]);
    body.extend_from_slice(&(arguments.len() as u16).to_be_bytes());
    for argument in arguments {
        body.extend_from_slice(&4_u32.to_be_bytes());
        body.extend_from_slice(argument);
    }
    body.extend_from_slice(&[0, 1]);
    message(b'F', &body)
}

fn binary_copy(rows: &[(i64, i64)]) -> Vec<u8> {
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for (client, id) in rows {
        bytes.extend_from_slice(&3_u16.to_be_bytes());
        for number in [client, id] {
            bytes.extend_from_slice(&8_u32.to_be_bytes());
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&1_u32.to_be_bytes());
        bytes.push(b'k');
    }
    bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    bytes
}

/// INSERT of rows that belong to several shards.
fn inserts() -> Vec<Scenario> {
    const ROWS: &str = "INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 'a'), ($2, 2, 'b'), ($3, 3, 'c'), ($4, 4, 'd'), (3105, 5, 'e') RETURNING id, kind, at";
    const FIXED: &str = "INSERT INTO events (client_id, id, kind) VALUES (3101, 1, 'a'), (3102, 2, 'b'), (3103, 3, 'c'), (3104, 4, 'd') RETURNING client_id";
    const CLEAN: &str = "DELETE FROM events WHERE client_id BETWEEN 3100 AND 3200";
    const COUNT: &str = "SELECT count(*) FROM events WHERE client_id BETWEEN 3100 AND 3200";
    let keys = || [text("3101"), text("3102"), text("3103"), text("3104")];
    let binary = |key: i64| (1, Some(key.to_be_bytes().to_vec()));
    let bound = |limit: u32| [bind("", "s", &keys(), 0), execute("", limit)].concat();
    let prepared = || ask(&[parse("s", ROWS, &[]), describe(b'S', "s"), sync()]);
    vec![
        ("rows of several shards are described", [prepared(), ask(&[bind("", "s", &keys(), 0), describe(b'P', ""), execute("", 0), sync()]), q(CLEAN)].concat()),
        ("rows of several shards in binary", [ask(&[parse("", ROWS, &[20, 20, 20, 20]), bind("", "", &[binary(3101), binary(3102), binary(3103), binary(3104)], 1), describe(b'P', ""), execute("", 0), sync()]), q(CLEAN)].concat()),
        ("rows of several shards, parameters in both formats", [ask(&[parse("", ROWS, &[20, 0, 20, 0]), bind("", "", &[binary(3101), text("3102"), binary(3103), text("3104")], 0), execute("", 0), sync()]), q(CLEAN)].concat()),
        ("rows of several shards again and again", [prepared(), ask(&[bound(0), sync()]), q(CLEAN), ask(&[bound(0), sync()]), ask(&[bound(0), sync()]), q(COUNT), q(CLEAN)].concat()),
        ("returned rows are read in pieces", [q("BEGIN"), prepared(), ask(&[bind("p", "s", &keys(), 0), execute("p", 2), sync()]), ask(&[execute("p", 3), sync()]), ask(&[execute("p", 2), sync()]), ask(&[execute("p", 0), sync()]), q("COMMIT"), q(COUNT), q(CLEAN)].concat()),
        ("the first of the returned rows", [prepared(), ask(&[bound(1), sync()]), q(COUNT), q(CLEAN)].concat()),
        ("a key that is computed, its row read alone", [ask(&[parse("", "INSERT INTO events (client_id, id, kind) VALUES ($1 + 1, 1, 'x') RETURNING client_id, kind", &[]), bind("", "", &[text("3100")], 0), describe(b'P', ""), execute("", 1), sync()]), q(CLEAN)].concat()),
        ("rows of several shards in a transaction", [q("BEGIN"), q(FIXED), q(COUNT), q("ROLLBACK"), q(COUNT)].concat()),
        ("rows of several shards are committed", [q("BEGIN"), q(FIXED), q("COMMIT"), q(COUNT), q(CLEAN)].concat()),
        ("rows of several shards and savepoints", [q("BEGIN"), q("SAVEPOINT a"), q(FIXED), q("ROLLBACK TO a"), q(COUNT), q(FIXED), q("SAVEPOINT b"), q(FIXED), q("ROLLBACK TO b"), q("COMMIT"), q(COUNT), q(CLEAN)].concat()),
        ("one row in the way undoes them all", [q("INSERT INTO events (client_id, id, kind) VALUES (3103, 3, 'first')"), q(FIXED), q(COUNT), q("BEGIN"), q(FIXED), q("SELECT 1"), q("COMMIT"), q(COUNT), q(CLEAN)].concat()),
        ("rows of several shards, extended, fail", [prepared(), ask(&[bound(0), sync()]), q("BEGIN"), ask(&[bound(0), sync()]), q("SELECT 1"), q("ROLLBACK"), q(COUNT), q(CLEAN)].concat()),
        ("a value that no server takes", [prepared(), ask(&[bind("", "s", &[text("3101"), text("x"), text("3103"), text("3104")], 0), execute("", 0), sync()]), q(COUNT)].concat()),
        ("rows of several shards in a read-only transaction", [q("BEGIN READ ONLY"), q(FIXED), q("SELECT 1"), q("ROLLBACK"), q(COUNT)].concat()),
        ("a statement that does not parse fails its transaction", [q("BEGIN"), ask(&[parse("", "SELECT nope()", &[]), sync()]), q("SELECT 1"), q("ROLLBACK")].concat()),
        ("one moment for all rows", [q("INSERT INTO events (client_id, id, kind, at) VALUES (3101, 1, 'a', now()), (3102, 2, 'b', CURRENT_TIMESTAMP), (3103, 3, 'c', now()), (3104, 4, 'd', transaction_timestamp()) RETURNING at = now() AS same"), q("SELECT count(DISTINCT at) FROM events WHERE client_id BETWEEN 3100 AND 3200"), q(CLEAN)].concat()),
        ("one moment for a default", [q("INSERT INTO dated (client_id) VALUES (3101), (3102), (3103), (3104) RETURNING noon = date_trunc('day', now()) AS same, now() > '2020-01-01'"), q("DELETE FROM dated WHERE client_id > 3100")].concat()),
    ]
}
