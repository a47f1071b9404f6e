//! Numbers of sequences that a transaction asks for again: `lastval()`, `currval('seq')`.

use super::*;

/// Numbers are not those of one PostgreSQL: the oracle's way of asking hides them.
const LAST: &str = "SELECT lastval() > 0";

fn lines(text: &str) -> Vec<Step> {
    text.split(" | ").flat_map(q).collect()
}

#[rustfmt::skip]
fn answered() -> Vec<Scenario> {
    let same = "SELECT lastval() = currval('labels_id_seq'), currval('public.labels_id_seq'::regclass) > 0, currval(pg_get_serial_sequence('labels', 'id')) > 0";
    let remark = "INSERT INTO labels (id, label) SELECT 1000 + nextval('labels_id_seq'), 'n'";
    vec![
        ("of the table of one shard", [lines("BEGIN | INSERT INTO labels (id, label) VALUES (DEFAULT, 'n')"), q(LAST), q(same), lines("SELECT label FROM labels WHERE id = lastval() | ROLLBACK")].concat()),
        ("of two rows", [lines("BEGIN | SELECT nextval('labels_id_seq') > 0 | INSERT INTO labels (label) VALUES ('n'), ('m')"), lines("SELECT label FROM labels WHERE id = lastval() | SELECT label FROM labels WHERE id = lastval() - 1 | ROLLBACK")].concat()),
        ("a row that has its number is no reason to forget it", [lines("BEGIN | INSERT INTO labels (label) VALUES ('n') | INSERT INTO labels (id, label) VALUES (9999, 'm') | SELECT label FROM labels WHERE id = lastval() | ROLLBACK")].concat()),
        ("of a key that a sequence makes", [lines("BEGIN | INSERT INTO serials (v) VALUES ('n')"), q(LAST), lines("SELECT currval('serials_id_seq') > 0 | SELECT currval(pg_get_serial_sequence('serials', 'id')) > 0 | ROLLBACK")].concat()),
        ("of an identity", [lines("BEGIN | INSERT INTO identified (v) VALUES ('n'), ('m')"), q(LAST), lines("SELECT currval('identified_id_seq') = lastval() | ROLLBACK")].concat()),
        ("of a reference table", [lines("BEGIN | INSERT INTO tags (name) VALUES ('n')"), q(LAST), lines("SELECT name FROM tags WHERE id = currval('tags_id_seq') | ROLLBACK")].concat()),
        ("nextval by itself", lines("BEGIN | SELECT nextval('labels_id_seq') IS NULL FROM (SELECT 1) x | ROLLBACK | BEGIN | DECLARE c CURSOR FOR SELECT 1 | SELECT 1 FROM (SELECT nextval('labels_id_seq')) x | ROLLBACK")),
        ("in one text", [lines("INSERT INTO labels (label) VALUES ('n'); SELECT lastval() > 0; DELETE FROM labels WHERE label = 'n'"), lines("BEGIN; INSERT INTO serials (v) VALUES ('n'); SELECT lastval() > 0; ROLLBACK")].concat()),
        ("beside a temporary table of another shard", [lines("BEGIN | SELECT 1 FROM memos WHERE id = 1 | CREATE TEMP TABLE apart (a int) | COMMIT | BEGIN | INSERT INTO labels (label) VALUES ('n')"), ask(&[extended("SELECT label FROM labels WHERE id = lastval()", &[])]), lines("SELECT currval('labels_id_seq') = lastval() | ROLLBACK | DROP TABLE apart")].concat()),
        ("behind a text", [q("BEGIN; INSERT INTO labels (label) VALUES ('n')"), q(LAST), q("ROLLBACK")].concat()),
        ("of the parent, for a child", lines("BEGIN | INSERT INTO labels (label) VALUES ('n') | INSERT INTO ledger (id, entry) VALUES (lastval() + 1000, 'n') | UPDATE labels SET label = 'm' WHERE id = currval('labels_id_seq') | SELECT entry FROM ledger WHERE id = lastval() + 1000 | ROLLBACK")),
        ("a savepoint does not take it back", [lines("BEGIN | SAVEPOINT a | INSERT INTO labels (label) VALUES ('n') | ROLLBACK TO a"), q(LAST), q("ROLLBACK")].concat()),
        ("by the extended protocol", [q("BEGIN"), ask(&[extended("INSERT INTO labels (label) VALUES ($1)", &["n"])]), ask(&[extended("SELECT label FROM labels WHERE id = lastval() AND label = $1", &["n"])]), q("ROLLBACK")].concat()),
        ("reads of other shards are no reason to forget it", [lines("BEGIN | INSERT INTO labels (label) VALUES ('n') | SELECT count(*) FROM events WHERE client_id = 1 | SELECT count(*) FROM events | SELECT note FROM memos WHERE id = 1"), q(LAST), q("ROLLBACK")].concat()),
        ("an INSERT … SELECT that takes one, after another", [lines("BEGIN | INSERT INTO labels (label) VALUES ('n')"), q(remark), q("SELECT 1000 + lastval() = (SELECT max(id) FROM labels)"), q("ROLLBACK")].concat()),
    ]
}

/// The rows of the corpus have numbers that the sequence has not given.
fn leave_room(stage: &Stage) {
    for server in stage.world.shards.iter().chain([&stage.world.oracle]) {
        admin(server.port()).rows("SELECT setval(oid::regclass, 5000) FROM pg_class WHERE relname = 'labels_id_seq'");
    }
}

#[test]
fn numbers_that_the_transaction_has_taken_are_told() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    leave_room(stage);
    let mut wrong = String::new();
    for (name, steps) in answered() {
        let expected = transcript(stage.world.oracle.port(), &(name, steps.clone()));
        let found = transcript(stage.proxy.port, &(name, steps));
        assert!(expected.iter().all(|line| !line.contains("ERROR")), "{name}: {expected:#?}");
        if expected != found {
            wrong += &format!("\n--- {name}\n{}", side_by_side(&expected, &found));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Its server has given numbers to others. What it would tell is theirs.
#[test]
fn numbers_that_may_be_others_are_refused() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    leave_room(stage);
    let mut others: Vec<Wire> = (0..3).map(|_| Wire::login(stage.proxy.port, "app", &[]).unwrap()).collect();
    for wire in &mut others {
        play(wire, &lines("BEGIN | INSERT INTO labels (label) VALUES ('n') | INSERT INTO serials (v) VALUES ('n')"));
    }
    for wire in &mut others {
        play(wire, &q("ROLLBACK"));
    }
    for text in [
        "SELECT lastval()",
        "SELECT lastval(), count(*) FROM events",
        "SELECT id FROM events WHERE id > currval('serials_id_seq')",
        "UPDATE events SET kind = kind WHERE id = lastval()",
        "BEGIN | SELECT lastval()",
        "BEGIN | SELECT label FROM labels WHERE id = 1 | SELECT lastval()",
        "BEGIN | INSERT INTO labels (id, label) VALUES (9999, 'n') | SELECT lastval()",
        "BEGIN | INSERT INTO labels (label) SELECT label FROM labels WHERE id < 0 | SELECT lastval()",
        "BEGIN | WITH n AS (SELECT nextval('labels_id_seq')) SELECT label FROM labels | SELECT lastval()",
        "BEGIN | EXPLAIN INSERT INTO labels (label) VALUES ('n') | SELECT lastval()",
        "BEGIN | PREPARE p AS INSERT INTO labels (label) VALUES ('n') | SELECT lastval()",
        "BEGIN | INSERT INTO labels (label) VALUES ('n') | SELECT currval('serials_id_seq')",
        "BEGIN | INSERT INTO labels (label) VALUES ('n') | SELECT currval('labels_id_' || 'seq')",
        "BEGIN | INSERT INTO labels (label) VALUES ('n') | SELECT lastval(), count(*) FROM events",
        "BEGIN | INSERT INTO labels (label) VALUES ('n') | INSERT INTO memos (id) VALUES (lastval())",
        "BEGIN | INSERT INTO labels (label) VALUES ('n') | INSERT INTO memos (id) VALUES (9999) | SELECT lastval()",
        "BEGIN | INSERT INTO labels (label) VALUES ('n') | UPDATE events SET kind = kind WHERE id < 0 | SELECT lastval()",
        "BEGIN | SAVEPOINT a | INSERT INTO labels (label, code) VALUES ('n', 'long') | ROLLBACK TO a | SELECT lastval()",
        // The server that stays with the session is not the one of the INSERT.
        "SET shardway.shard = 'a' | CREATE TEMP TABLE stays (a int) | RESET shardway.shard | INSERT INTO labels (label) VALUES ('n') | \
         DELETE FROM labels WHERE label = 'n' | SELECT lastval()",
    ] {
        let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
        let (before, asks) = text.rsplit_once(" | ").unwrap_or(("SELECT 1", text));
        let said = play(&mut wire, &lines(before));
        assert!(said.iter().all(|line| !line.contains("0A000")), "{text}: {said:#?}");
        let said = play(&mut wire, &q(asks));
        assert!(said.iter().any(|line| line.contains("ERROR 0A000")), "{text}: {said:#?}");
    }
    // A cursor takes its numbers when it is read.
    let cursor = "BEGIN | DECLARE c CURSOR FOR SELECT nextval('serials_id_seq') FROM generate_series(1, 9) | INSERT INTO labels (label) VALUES ('n') | FETCH c";
    let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let said = play(&mut wire, &[lines(cursor), q("SELECT lastval()")].concat());
    assert!(said.iter().any(|line| line.contains("ERROR 0A000")), "{said:#?}");
    // A Bind alone takes nothing.
    let mut wire = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    play(&mut wire, &q("BEGIN"));
    let bound = [wire::parse("", "INSERT INTO labels (label) VALUES ('n')", &[]), wire::bind("", "", &[], 0)].concat();
    play(&mut wire, &ask(&[bound, wire::sync()]));
    let said = play(&mut wire, &q("SELECT lastval()"));
    assert!(said.iter().any(|line| line.contains("ERROR 0A000")), "{said:#?}");
}
