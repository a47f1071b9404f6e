//! Errors as drivers show them: with their places in the client's text, details, hints, and the objects that they name.

use super::*;

const FIELDS: &[u8] = b"CMDHPstcdn";

/// Statements over several shards, single-shard ones, writes and utilities.
const WRONG: [&str; 36] = [
    "SELECT nosuch FROM events",
    "SELECT nosuch FROM events WHERE client_id = 1",
    "SELECT e.nosuch, count(*) FROM events e GROUP BY 1",
    "SELECT client_id FROM events WHERE nosuch = 1 ORDER BY client_id",
    "SELECT client_id FROM nosuch",
    "SELECT client_id FROM events JOIN nosuch USING (client_id)",
    "SELECT id + 'x' FROM events",
    "SELECT sum(kind) FROM events",
    "SELECT count(*) FROM events WHERE kind > 5",
    "SELECT 'é', count(*) FROM events WHERE kind > 5",
    "SELECT * FROM events ORDER BY nosuch",
    "SELECT nofunction(id) FROM events",
    "SELECT id FROM events WHERE client_id IN (SELECT client_id, client_id FROM sessions)",
    "SELECT id FROM events LIMIT 'x'",
    "SELECT array_agg(id ORDER BY nosuch) FROM events",
    "SELECT DISTINCT ON (client_id) client_id, id FROM events ORDER BY id",
    "SELECT id FROM events UNION SELECT nosuch FROM sessions",
    "SELECT id FROM events UNION SELECT client_id, seconds FROM sessions",
    "WITH x AS (SELECT id FROM events) SELECT y.id FROM x",
    "SELECT row_number() OVER (ORDER BY nosuch) FROM events",
    "SELECT max(id) FILTER (WHERE id) FROM events",
    "SELECT 1 / 0, id FROM events",
    "UPDATE events SET nosuch = 1",
    "UPDATE countries SET code = NULL",
    "INSERT INTO countries VALUES ('DE', 'again')",
    "INSERT INTO events (client_id, id, nosuch) VALUES (5001, 1, 2)",
    "INSERT INTO events (client_id, id, kind) VALUES (5001, 'x', 'y')",
    "INSERT INTO doubled (client_id, id, n) VALUES (5001, 1, 1000)",
    "INSERT INTO doubled (client_id, id, code) VALUES (5001, 1, '??')",
    "PREPARE wrong AS SELECT nosuch FROM events",
    "PREPARE wrong (bigint) AS SELECT id FROM events WHERE client_id = $1 AND nosuch",
    "EXPLAIN SELECT nosuch FROM events",
    "DROP TABLE nosuch",
    "ALTER TABLE events ADD COLUMN id integer",
    "CREATE INDEX ON events (nosuch)",
    "COPY events (nosuch) FROM STDIN",
];

#[test]
fn errors_have_their_places_and_objects() {
    let stage = &*STAGE;
    let _turn = TURN.lock();
    let mut expected = Wire::login(stage.world.oracle.port(), "app", &[]).unwrap();
    let mut found = Wire::login(stage.proxy.port, "app", &[]).unwrap();
    let mut wrong = String::new();
    for sql in WRONG {
        for message in [wire::query(sql), extended(sql, &[])] {
            let told = |wire: &mut Wire| {
                wire.send(&message).unwrap();
                let frames = wire.until_ready().unwrap();
                let error = frames.iter().find(|frame| frame.tag == b'E').map(|frame| {
                    FIELDS
                        .iter()
                        .map(|field| format!("{} ", wire::error_field(&frame.body, *field)))
                        .collect::<String>()
                });
                wire.rows("ROLLBACK");
                error.unwrap_or_else(|| panic!("{sql} is no error"))
            };
            let (expected, found) = (told(&mut expected), told(&mut found));
            if expected != found {
                wrong += &format!("\n--- {sql}\n  - {expected}\n  + {found}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
