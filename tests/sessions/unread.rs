//! Texts that PostgreSQL can read and the planner cannot: none is answered from one of several shards.

use super::{STAGE, TURN};
use crate::support::script::{ask, extended, play, q};
use crate::support::wire::{self, Wire};

/// `system_user` is a reserved word from PostgreSQL 16 on.
const COUNT: &str = "SELECT count(*) FROM events system_user";

#[test]
fn a_text_that_only_postgresql_can_read_is_refused() {
    let mut wire = Wire::login(STAGE.proxy.port, "app", &[]).unwrap();
    let described = [wire::parse("s", COUNT, &[]), wire::describe(b'S', "s"), wire::sync()];
    let bound = [wire::bind("", "s", &[], 0), wire::execute("", 0), wire::sync()];
    let lines = play(&mut wire, &ask(&described));
    assert!(lines.iter().any(|line| line.starts_with("Columns count")), "{lines:#?}");
    let again = format!("SELECT 1; {COUNT}; SELECT 2");
    for steps in [q(COUNT), q(&again), ask(&[extended(COUNT, &[])]), ask(&bound)] {
        let lines = play(&mut wire, &steps);
        assert!(lines.iter().any(|line| line.contains("ERROR 0A000")), "{lines:#?}");
        assert!(!lines.iter().any(|line| line.starts_with("Row ")), "{lines:#?}");
    }
    let lines = play(&mut wire, &[q("BEGIN"), q(COUNT), q("SELECT 1"), q("ROLLBACK"), q("SELECT 7")].concat());
    let has = |word: &str| lines.iter().any(|line| line.contains(word));
    assert!(has("ERROR 0A000") && has("ERROR 25P02") && has("C ROLLBACK") && has("Row 7"), "{lines:#?}");
}

/// It could store a row where it does not belong.
#[test]
fn a_text_that_only_postgresql_can_read_is_refused_on_a_shard_that_is_named() {
    const INSERT: &str = "INSERT INTO events AS system_user (client_id, id, kind) SELECT g, 987654, 'unread' FROM generate_series(1, 30) g";
    const DELETE: &str = "DELETE FROM events WHERE id = 987654";
    // Others write to the table that is counted.
    let _turn = TURN.lock();
    let mut wire = Wire::login(STAGE.proxy.port, "app", &[]).unwrap();
    for shard in ["a", "b", "c"] {
        play(&mut wire, &q(&format!("SET shardway.shard = '{shard}'")));
        for steps in [q(COUNT), ask(&[extended(COUNT, &[])]), q(INSERT), ask(&[extended(INSERT, &[])])] {
            let lines = play(&mut wire, &steps);
            assert!(lines.iter().any(|line| line.contains("ERROR 0A000")), "{lines:#?}");
        }
    }
    play(&mut wire, &q("RESET shardway.shard"));
    let lines = play(&mut wire, &q(DELETE));
    assert!(lines.iter().any(|line| line.starts_with("C DELETE 0")), "a row was stored: {lines:#?}");
}

/// PostgreSQL says what is wrong, where several servers could answer as where one does.
#[test]
fn what_nobody_can_read_is_told_in_postgresqls_words() {
    let (mut wire, mut oracle) = (
        Wire::login(STAGE.proxy.port, "app", &[]).unwrap(),
        Wire::login(STAGE.world.oracle.port(), "app", &[]).unwrap(),
    );
    for sql in [
        "SELECT nope FROM events system_user",
        "SELECT 1; SELECT FROM WHERE",
        "SELECT count(*) FROM nowhere system_user",
        "SELECT count(*) FROM events system_user WHERE id = $1 AND",
        "SELECT 'unterminated",
    ] {
        for steps in [q(sql), [q("BEGIN"), q(sql), q("SELECT 1"), q("COMMIT")].concat(), ask(&[extended(sql, &[])])] {
            assert_eq!(play(&mut wire, &steps), play(&mut oracle, &steps), "{sql}");
        }
    }
}
