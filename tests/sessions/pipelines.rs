//! Pipelines without BEGIN over several shards: all before one Sync is one transaction. Add a case: a name, and the steps.
//! None of these is refused.

use crate::support::script::{Closed, Ready, Scenario, Send, Step, Until, ask, extended, q};
use crate::support::wire::{bind, describe, execute, flush, message, parse, query, sync, text};

/// All of them.
pub fn all() -> Vec<Scenario> {
    [writes(), errors(), commands(), modes(), others()].concat()
}

const ADD: &str = "INSERT INTO events (client_id, id, kind) VALUES ($1, $2, 'q')";
const COUNT: &str = "SELECT id, count(*), sum(client_id) FROM events WHERE kind = 'q' GROUP BY id ORDER BY id";
/// An INSERT of rows of all shards.
const SPLIT: &str = "INSERT INTO events (client_id, id, kind) VALUES (5001, 9, 'q'), (5002, 9, 'q'), (5003, 9, 'q'), (5004, 9, 'q') RETURNING client_id";

/// Parse, Bind and Execute of the unnamed statement.
fn act(sql: &str) -> Vec<u8> {
    [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat()
}

fn add(client: u32, id: u32) -> Vec<u8> {
    [parse("", ADD, &[]), run("", client, id)].concat()
}

fn run(name: &str, client: u32, id: u32) -> Vec<u8> {
    [bind("", name, &[text(&client.to_string()), text(&id.to_string())], 0), execute("", 0)].concat()
}

/// By a portal of this name, of the statement s.
fn named(portal: &str, client: u32) -> Vec<u8> {
    [bind(portal, "s", &[text(&client.to_string()), text("1")], 0), execute(portal, 0)].concat()
}

/// Rows of all shards, one by one.
fn adds(id: u32) -> Vec<u8> {
    (5001..5007).flat_map(|client| add(client, id)).collect()
}

/// What is left, and an end of it.
fn look() -> Vec<Step> {
    [q(COUNT), q("DELETE FROM events WHERE kind = 'q'")].concat()
}

fn writes() -> Vec<Scenario> {
    let all = |name: &str, id: u32| (5001..5031).flat_map(|client| run(name, client, id)).collect::<Vec<u8>>();
    let returning = "INSERT INTO events (client_id, id, kind) VALUES ($1, $2, 'q') RETURNING client_id, id";
    vec![
        ("writes of all shards", [ask(&[adds(1), sync()]), look()].concat()),
        ("writes of a named statement", [ask(&[parse("s", ADD, &[]), all("s", 1), sync()]), ask(&[all("s", 2), sync()]), look()].concat()),
        ("writes with rows, described", [ask(&[parse("s", returning, &[]), describe(b'S', "s"), sync()]), ask(&[all("s", 1), sync()]), look()].concat()),
        ("writes that are read", [ask(&[adds(1), act(COUNT), adds(2), act("SELECT id FROM events WHERE client_id = 5003 AND kind = 'q' ORDER BY id"), act(COUNT), sync()]), look()].concat()),
        ("writes between two Flushes", [vec![Send([add(5001, 1), flush()].concat()), Until(b"C"), Send([add(5002, 1), flush()].concat()), Until(b"C"), Send([add(5003, 1), act(COUNT), flush()].concat()), Until(b"C"), Until(b"C"), Send(sync()), Ready(1)], look()].concat()),
        ("writes of two groups", [vec![Send([adds(1), sync(), adds(2), sync(), adds(3), sync()].concat()), Ready(3)], look()].concat()),
        ("writes and a Sync that comes later", [vec![Send(adds(1)), Send(flush()), Until(b"C"), Send(adds(2)), Send(sync()), Ready(1)], look()].concat()),
        ("reads before writes", [ask(&[act("SELECT count(*) FROM events WHERE client_id = 1"), act("SELECT count(*) FROM events WHERE client_id = 2"), act("SELECT count(*) FROM events WHERE client_id = 3"), adds(1), sync()]), look()].concat()),
        ("reads over shards before writes", [ask(&[act("SELECT count(*), max(id) FROM events"), adds(1), act("SELECT client_id, id FROM events ORDER BY 1, 2 LIMIT 3"), sync()]), look()].concat()),
        ("portals that live on", [ask(&[parse("r", "SELECT id FROM events WHERE client_id = $1 ORDER BY id", &[]), bind("p", "r", &[text("1")], 0), execute("p", 2), adds(1), execute("p", 2), execute("p", 0), sync()]), look()].concat()),
        ("an unnamed portal lives on", [ask(&[parse("r", "SELECT id FROM events WHERE client_id = $1 ORDER BY id", &[]), parse("s", ADD, &[]), bind("", "r", &[text("1")], 0), execute("", 2), named("a", 5001), named("b", 5002), named("c", 5003), execute("", 2), execute("", 0), sync()]), look()].concat()),
        ("unnamed portals live on, wherever they are", (1..4).flat_map(|client| [ask(&[parse("", "SELECT id FROM events WHERE client_id = $1 ORDER BY id", &[]), bind("", "", &[text(&client.to_string())], 0), execute("", 1), parse("s", ADD, &[]), named("a", 5001), named("b", 5002), execute("", 1), named("c", 5003), execute("", 0), message(b'C', b"Ss\0"), sync()]), look()].concat()).collect()),
        ("an unnamed portal, then BEGIN", [ask(&[parse("r", "SELECT id FROM events WHERE client_id = $1 ORDER BY id", &[]), parse("s", ADD, &[]), parse("t", "BEGIN", &[]), bind("", "r", &[text("1")], 0), execute("", 2), named("a", 5001), bind("t", "t", &[], 0), execute("t", 0), execute("", 2), named("b", 5002), execute("", 0), sync()]), q("ROLLBACK"), look()].concat()),
        ("portals bound before they are run", [ask(&[parse("s", ADD, &[]), bind("a", "s", &[text("5001"), text("1")], 0), bind("b", "s", &[text("5002"), text("1")], 0), bind("c", "s", &[text("5003"), text("1")], 0), bind("d", "s", &[text("5004"), text("1")], 0), execute("a", 0), execute("c", 0), execute("b", 0), execute("d", 0), sync()]), look()].concat()),
        ("a write over shards, then others", [ask(&[act(SPLIT), add(5001, 1), act("UPDATE events SET id = id + 1 WHERE kind = 'q'"), act(COUNT), act("DELETE FROM events WHERE kind = 'q' AND client_id = 5002"), act(COUNT), sync()]), look()].concat()),
        ("two writes over shards", [ask(&[act(SPLIT), act("UPDATE events SET id = 1 WHERE kind = 'q'"), act(SPLIT), sync()]), look()].concat()),
        ("a read, then a write over shards", [ask(&[act(COUNT), act(SPLIT), act(COUNT), sync()]), look()].concat()),
        ("locks over shards", [ask(&[act("SELECT count(*) FROM (SELECT 1 FROM events WHERE client_id = 1) e"), act("SELECT id FROM events WHERE client_id IN (1, 2, 3) AND id = 1 FOR UPDATE"), adds(1), sync()]), look()].concat()),
        ("reference tables", [ask(&[act("INSERT INTO countries (code, name) VALUES ('QQ', 'q')"), add(5001, 1), act("UPDATE countries SET name = 'r' WHERE code = 'QQ'"), act("SELECT name FROM countries WHERE code = 'QQ'"), sync()]), q("DELETE FROM countries WHERE code = 'QQ'"), look()].concat()),
        ("a key that moves", [ask(&[adds(1), act("UPDATE events SET client_id = 5009 WHERE kind = 'q' AND client_id = 5002"), act("SELECT client_id, id FROM events WHERE kind = 'q' ORDER BY 1, 2"), sync()]), look()].concat()),
        ("settings follow", [ask(&[act("SET work_mem = '5MB'"), adds(1), act("SELECT current_setting('work_mem') FROM events WHERE client_id = 5001 AND kind = 'q'"), act("SELECT current_setting('work_mem') FROM events WHERE client_id = 5002 AND kind = 'q'"), sync()]), q("SHOW work_mem"), q("RESET work_mem"), look()].concat()),
        ("a block behind it", [ask(&[adds(1), sync()]), q("BEGIN"), ask(&[adds(2), sync()]), q("ROLLBACK"), look()].concat()),
    ]
}

fn errors() -> Vec<Scenario> {
    let fails = || act("SELECT 1 / (client_id - 1) FROM events WHERE client_id = 1");
    vec![
        ("an error at the end undoes all", [ask(&[adds(1), fails(), sync()]), look()].concat()),
        ("an error in the middle undoes all", [ask(&[add(5001, 1), add(5002, 1), fails(), add(5003, 1), sync()]), look()].concat()),
        ("an error of each shard", (5001..5004).flat_map(|client| [ask(&[adds(1), add(client, 1), add(5006, 2), sync()]), look()].concat()).collect()),
        ("an error behind a COMMIT undoes what came behind it", [(5001..5007).flat_map(|client| ask(&[act("BEGIN"), add(5003, client - 5000), act("COMMIT"), add(client, 9), fails(), sync()])).collect::<Vec<_>>(), ask(&[act("BEGIN"), add(5001, 8), act("COMMIT"), act("UPDATE events SET id = id + 20 WHERE kind = 'q'"), fails(), sync()]), look()].concat()),
        ("an error of the parser undoes all", [ask(&[adds(1), act("SELEC"), adds(2), sync()]), look()].concat()),
        ("an error of a statement over shards", [ask(&[adds(1), act("SELECT 1 / (client_id - 5003) FROM events WHERE kind = 'q' ORDER BY client_id"), adds(2), sync()]), look()].concat()),
        ("an error of a write over shards", [ask(&[act(SPLIT), adds(1), act(SPLIT), adds(2), sync()]), look()].concat()),
        ("an error, then another group", [vec![Send([adds(1), fails(), sync(), adds(2), sync()].concat()), Ready(2)], look()].concat()),
        ("an error that is flushed", [vec![Send([adds(1), fails(), flush()].concat()), Until(b"E"), Send([adds(2), sync()].concat()), Ready(1)], look()].concat()),
        ("an error undoes settings", [ask(&[act("SET work_mem = '5MB'"), adds(1), fails(), sync()]), q("SHOW work_mem"), look()].concat()),
        ("an error undoes settings of one shard", [ask(&[add(5001, 1), act("SET work_mem = '5MB'"), fails(), sync()]), q("SHOW work_mem"), look()].concat()),
        ("an error undoes what a setting stands behind", [ask(&[add(5001, 1), act("SET work_mem = '5MB'"), add(5001, 1), sync()]), q("SHOW work_mem"), look()].concat()),
        ("an unknown statement undoes all", [ask(&[adds(1), run("nope", 5001, 2), sync()]), look()].concat()),
    ]
}

fn commands() -> Vec<Scenario> {
    let fails = || act("SELECT 1/0");
    vec![
        ("BEGIN takes in what came before", [ask(&[add(5001, 1), act("BEGIN"), add(5002, 1), sync()]), q("ROLLBACK"), look()].concat()),
        ("BEGIN takes in what came before on all shards", [ask(&[adds(1), act("BEGIN"), adds(2), sync()]), q("SAVEPOINT s"), ask(&[adds(3), sync()]), q("ROLLBACK TO s"), q("COMMIT"), look()].concat()),
        ("BEGIN takes in one write", [ask(&[add(5001, 1), act("BEGIN"), sync()]), q("ROLLBACK"), look()].concat()),
        ("BEGIN takes in one write, committed", [ask(&[add(5001, 1), act("BEGIN"), sync()]), ask(&[add(5002, 1), sync()]), q("COMMIT"), look()].concat()),
        ("BEGIN and ROLLBACK in a pipeline", [ask(&[add(5001, 1), act("BEGIN"), add(5002, 1), act("ROLLBACK"), add(5003, 1), sync()]), look()].concat()),
        ("BEGIN after a read, with options", [ask(&[act("SELECT count(*) FROM events WHERE client_id = 5001"), act("BEGIN ISOLATION LEVEL SERIALIZABLE"), add(5001, 1), sync()]), look()].concat()),
        ("BEGIN that fails undoes what came before", [ask(&[add(5001, 1), act("BEGIN ISOLATION LEVEL REPEATABLE READ"), sync()]), look()].concat()),
        ("COMMIT ends what came before", [ask(&[add(5001, 1), act("COMMIT"), add(5002, 1), fails(), sync()]), look()].concat()),
        ("COMMIT ends what came before on all shards", [ask(&[adds(1), act("COMMIT"), adds(2), fails(), sync()]), look()].concat()),
        ("ROLLBACK undoes what came before", [ask(&[add(5001, 1), act("ROLLBACK"), add(5002, 2), sync()]), look()].concat()),
        ("ROLLBACK undoes what came before on all shards", [ask(&[adds(1), act("ROLLBACK"), adds(2), sync()]), look()].concat()),
        ("a block ends, others follow", [ask(&[act("BEGIN"), adds(1), act("COMMIT"), adds(2), fails(), sync()]), look()].concat()),
        ("AND CHAIN needs a block", [ask(&[adds(1), act("COMMIT AND CHAIN"), sync()]), ask(&[adds(1), act("ROLLBACK AND CHAIN"), sync()]), look()].concat()),
        ("savepoints need a block", [ask(&[adds(1), act("SAVEPOINT a"), sync()]), ask(&[adds(1), act("ROLLBACK TO a"), sync()]), ask(&[adds(1), act("RELEASE a"), sync()]), look()].concat()),
        ("a cursor needs a block", [ask(&[adds(1), act("DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 5001"), sync()]), ask(&[adds(1), act("DECLARE c CURSOR FOR SELECT id FROM events ORDER BY id"), sync()]), look()].concat()),
        ("LOCK needs a block", [ask(&[adds(1), act("LOCK TABLE events"), sync()]), ask(&[add(5001, 1), act("LOCK TABLE events"), sync()]), look()].concat()),
        ("SET LOCAL holds to the end", [ask(&[adds(1), act("SET LOCAL work_mem = '5MB'"), act("SHOW work_mem"), act("SELECT current_setting('work_mem') FROM events WHERE client_id = 5002 AND kind = 'q'"), sync()]), q("SHOW work_mem"), look()].concat()),
    ]
}

/// Modes of a transaction that are said behind other messages of a pipeline.
fn modes() -> Vec<Scenario> {
    let firsts = ["PREPARE x AS SELECT 1", "DEALLOCATE ALL", "DISCARD PLANS", "SET work_mem = '5MB'", "LISTEN news", "SHOW work_mem", "SELECT 1", "SELECT count(*) FROM events WHERE client_id = 5001", "SELECT count(*) FROM events", "INSERT INTO events (client_id, id, kind) VALUES (5001, 1, 'q')", "EXPLAIN (COSTS OFF) SELECT 1"];
    let modes = ["ISOLATION LEVEL REPEATABLE READ", "ISOLATION LEVEL READ COMMITTED", "READ ONLY", "ISOLATION LEVEL REPEATABLE READ, READ ONLY", "READ ONLY, DEFERRABLE"];
    let told = ["SHOW transaction_isolation", "SHOW transaction_read_only"];
    let mut all = Vec::new();
    for first in firsts {
        for mode in modes {
            for say in ["BEGIN", "START TRANSACTION", "SET TRANSACTION"] {
                let said = [act(first), act(&format!("{say} {mode}"))].concat();
                let read = act("SELECT count(*) FROM events WHERE client_id = 5002");
                all.push(("modes", [ask(&[said.clone(), told.map(act).concat(), read.clone(), act("COMMIT AND CHAIN"), told.map(act).concat(), sync()]), q("COMMIT"), ask(&[said, flush(), read, sync()]), told.map(q).concat(), q("COMMIT"), q("UNLISTEN *"), q("DEALLOCATE ALL"), look()].concat()));
            }
        }
    }
    // On a server that does not know it yet it is parsed to be described, which counts for nothing.
    for number in 0..4 {
        let sql = format!("DELETE FROM events WHERE client_id = 5003 AND id = 1{number}");
        all.push(("modes behind Describe", [ask(&[parse("s", &sql, &[]), describe(b'S', "s"), sync()]), q("SELECT count(*) FROM events WHERE client_id = 5001"), ask(&[describe(b'S', "s"), act("BEGIN ISOLATION LEVEL REPEATABLE READ"), bind("", "s", &[], 0), execute("", 0), act("COMMIT"), sync()])].concat()));
        all.push(("Describe, then others", [ask(&[parse("s", &sql, &[]), sync()]), ask(&[describe(b'S', "s"), describe(b'S', "t"), act("SELECT 1"), sync()]), ask(&[describe(b'S', "s"), add(5001, 1), describe(b'S', "s"), add(5002, 1), act("ROLLBACK"), sync()]), vec![Send([describe(b'S', "s"), flush()].concat()), Until(b"nT"), Send([describe(b'S', "s"), add(5001, 1), sync()].concat()), Ready(1)], look()].concat()));
    }
    all
}

fn others() -> Vec<Scenario> {
    let copied = |rows: &[u8]| [message(b'd', rows), message(b'c', b"")].concat();
    vec![
        ("COPY behind writes", [vec![Send([adds(1), act("COPY events (client_id, id, kind) FROM STDIN"), flush()].concat()), Until(b"GE"), Send([copied(b"5001\t2\tq\n5002\t2\tq\n5003\t2\tq\n"), sync()].concat()), Ready(1)], look()].concat()),
        ("COPY that fails behind writes", [vec![Send([adds(1), act("COPY events (client_id, id, kind) FROM STDIN"), flush()].concat()), Until(b"GE"), Send([copied(b"5001\t1\tq\n5002\t2\tq\n5003\t2\tq\n"), sync()].concat()), Ready(1)], look()].concat()),
        ("COPY, then an error", [vec![Send([act("COPY events (client_id, id, kind) FROM STDIN"), flush()].concat()), Until(b"GE"), Send([copied(b"5001\t1\tq\n5002\t2\tq\n5003\t2\tq\n"), act("SELECT 1/0"), sync()].concat()), Ready(1)], look()].concat()),
        ("an empty Query ends a pipeline", [vec![Send([adds(1), query(""), sync()].concat()), Ready(2)], look()].concat()),
        ("Queries over shards end pipelines", [vec![Send([adds(1), query(&format!("{COUNT}; DELETE FROM events WHERE kind = 'q' AND client_id = 5002; {COUNT}")), sync()].concat()), Ready(2)], vec![Send([adds(2), query(COUNT), adds(3), query("COMMIT"), adds(4), query("ROLLBACK"), sync()].concat()), Ready(4)], look()].concat()),
        ("a Query that begins a block takes in a pipeline", [vec![Send([adds(1), query("BEGIN"), sync()].concat()), Ready(2)], q("ROLLBACK"), look()].concat()),
        ("a Query ends a pipeline", [vec![Send([adds(1), query("SELECT 1"), sync()].concat()), Ready(2)], look()].concat()),
        ("a Query that fails undoes a pipeline", [vec![Send([adds(1), query("SELECT 1/0"), sync()].concat()), Ready(2)], look()].concat()),
        ("a Query that fails undoes a pipeline of one shard", [vec![Send([add(5001, 1), query("SELECT 1/0"), sync()].concat()), Ready(2)], look()].concat()),
        ("a Query that does not parse undoes a pipeline", [vec![Send([adds(1), query("SELEC"), sync()].concat()), Ready(2)], look()].concat()),
        ("a table is made and filled", [ask(&[adds(1), act("CREATE TEMP TABLE mine (a int) ON COMMIT DROP"), act("INSERT INTO mine VALUES (1)"), act("SELECT * FROM mine"), sync()]), look()].concat()),
        ("a deferred constraint fails at Sync", [q("CREATE TEMP TABLE once (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)"), ask(&[adds(1), act("INSERT INTO once VALUES (1), (1)"), sync()]), look()].concat()),
        ("by parts of a hundred rows", [ask(&[(0..100).map(|id| add(5001 + id % 7, id)).collect::<Vec<_>>().concat(), sync()]), q("SELECT count(*), sum(id) FROM events WHERE kind = 'q'"), q("DELETE FROM events WHERE kind = 'q'")].concat()),
        ("by bytes of a long pipeline", [q("DELETE FROM events WHERE kind = 'q'"), ask(&[parse("s", "INSERT INTO events (client_id, id, kind, payload) VALUES ($1, $2, 'q', jsonb_build_object('p', $3::text))", &[]), (0..40_u32).map(|id| [bind("", "s", &[text(&(5001 + id % 5).to_string()), text(&id.to_string()), text(&"y".repeat(20_000))], 0), execute("", 0)].concat()).collect::<Vec<_>>().concat(), sync()]), q("SELECT count(*), sum(id), sum(length(payload::text)) FROM events WHERE kind = 'q'"), q("DELETE FROM events WHERE kind = 'q'")].concat()),
        ("a Terminate behind it", vec![Send([act("SELECT count(*) FROM events WHERE client_id = 5001"), act("SELECT count(*) FROM events WHERE client_id = 5002"), sync(), message(b'X', b"")].concat()), Closed]),
        ("a Terminate behind commands", vec![Send([query("BEGIN"), query("ROLLBACK"), message(b'X', b"")].concat()), Closed]),
        ("EXECUTE is described where its statement is known", (5001..5007).flat_map(|client| {
            let joined = "SELECT e.id, m.note FROM events e LEFT JOIN memos m ON m.client_id = e.client_id AND m.id > 9000 WHERE e.client_id BETWEEN 5001 AND 5006 ORDER BY e.client_id, 1, 2";
            let read = format!("SELECT client_id, id FROM events WHERE client_id = {client} FOR UPDATE");
            let described = [parse("", "EXECUTE t", &[]), bind("", "", &[], 0), describe(b'P', ""), execute("", 1), flush()].concat();
            let told = |first: Vec<u8>| ask(&[first, parse("t", joined, &[]), bind("p", "t", &[], 0), describe(b'P', "p"), described.clone(), bind("q", "", &[], 0), describe(b'P', "q"), sync(), message(b'C', b"St\0"), sync()])[..1].to_vec();
            let ended = |first: Vec<u8>, end: Vec<Step>| [told(first), vec![Ready(2)], end].concat();
            [ended(act(&format!("PREPARE x AS {read}")), q("DEALLOCATE x")), ended([act("BEGIN"), act(&read)].concat(), q("ROLLBACK")), ended(act(&read), Vec::new()), ended(act(&format!("UPDATE events SET id = id WHERE client_id = {client}")), Vec::new())].concat()
        }).collect()),
        ("BEGIN, run again", [ask(&[act("BEGIN"), execute("", 0), sync()]), look()].concat()),
        ("COMMIT, run again", [ask(&[adds(1), act("COMMIT"), execute("", 0), sync()]), look()].concat()),
        ("SET, run again", [ask(&[act("SET work_mem = '5MB'"), execute("", 0), sync()]), look()].concat()),
        ("an INSERT over shards, run again", [ask(&[act("INSERT INTO events (client_id, id, kind) VALUES (5001, 9, 'q'), (5002, 9, 'q'), (5003, 9, 'q')"), execute("", 0), sync()]), look()].concat()),
        ("an UPDATE over shards, run again", [ask(&[act("UPDATE events SET amount = 1 WHERE kind = 'q'"), execute("", 0), sync()]), look()].concat()),
        ("an empty text, run again", [ask(&[act(""), execute("", 0), sync()]), look()].concat()),
        ("COPY TO, run again", [ask(&[act("COPY (SELECT id FROM events WHERE kind = 'q') TO STDOUT"), execute("", 0), sync()]), look()].concat()),
        ("what is left over", [ask(&[extended("SELECT 1", &[])]), look()].concat()),
    ]
}
