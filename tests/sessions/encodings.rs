//! Clients that speak another encoding than UTF-8: the same as PostgreSQL says to them, byte by byte, or a refusal.

use crate::support::wire::{Frame, Wire, bind, error_field, execute, message, parse, sync, text};

use super::STAGE;

/// Rows, tags and SQLSTATEs.
fn said(frames: &[Frame]) -> Vec<(u8, Vec<u8>)> {
    let told = frames.iter().filter(|frame| matches!(frame.tag, b'D' | b'C' | b'E' | b'S'));
    let body = |frame: &Frame| match frame.tag {
        b'E' => error_field(&frame.body, b'C').into_bytes(),
        _ => frame.body.clone(),
    };
    told.map(|frame| (frame.tag, body(frame))).collect()
}

fn query(sql: &[u8]) -> Vec<u8> {
    message(b'Q', &[sql, b"\0"].concat())
}

fn prepared(sql: &[u8], parameters: &[&[u8]]) -> Vec<u8> {
    let parameters: Vec<_> = parameters.iter().map(|value| (0, Some(value.to_vec()))).collect();
    let parse = message(b'P', &[b"\0", sql, b"\0\0\0"].concat());
    [parse, bind("", "", &parameters, 0), execute("", 0), sync()].concat()
}

fn hear(wire: &mut Wire, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    wire.send(bytes).unwrap();
    said(&wire.until_ready().unwrap())
}

/// Two clients, one of them of PostgreSQL.
fn both(options: &[(&str, &str)]) -> [Wire; 2] {
    [STAGE.world.oracle.port(), STAGE.proxy.port].map(|port| Wire::login(port, "app", options).unwrap())
}

#[test]
fn what_one_server_answers_may_be_asked_in_its_clients_encoding() {
    let at_login = both(&[("client_encoding", "LATIN1")]);
    let later = both(&[]);
    for (mut wires, set) in [(at_login, "SHOW client_encoding"), (later, "SET client_encoding = 'latin1'")] {
        for bytes in [
            query(set.as_bytes()),
            query(b"SELECT 'caf\xe9', length('caf\xe9'), kind FROM events WHERE client_id = 1 AND id = 1"),
            query(b"INSERT INTO events (client_id, id, kind) VALUES (6001, 1, 'caf\xe9'), (6001, 2, '\xc3\xa9')"),
            query(b"SELECT id, kind, length(kind) FROM events WHERE client_id = 6001 AND kind IN ('caf\xe9', '\xc3\xa9') ORDER BY id"),
            query(b"UPDATE events SET kind = kind || '\xfc' WHERE client_id = 6001 -- \xe4"),
            prepared(b"SELECT id, kind, $2 FROM events WHERE client_id = $1 AND kind = $2 ORDER BY 1", &[b"6001", b"caf\xe9\xfc"]),
            query(b"SELECT U&'\\20AC'"),
            query(b"SELECT 1; SELECT 'ascii' FROM events WHERE client_id = 6001"),
            query(b"SELECT 1 / (length('\xe9') - 1)"),
            query(b"SELECT '\xe9' FROM nowhere_to_be_found"),
            query(b"BEGIN"),
            query(b"SAVEPOINT s"),
            query(b"SELECT kind FROM events WHERE client_id = 6001 AND kind > '\xe0' ORDER BY id"),
            query(b"ROLLBACK TO s"),
            query(b"SET LOCAL client_encoding = 'UTF8'"),
            query("SELECT kind, 'é' FROM events WHERE client_id = 6001 ORDER BY id".as_bytes()),
            query(b"COMMIT"),
            query(b"SELECT kind FROM events WHERE client_id = 6001 ORDER BY id"),
            query(b"SET NAMES 'KOI8-R'"),
            query(b"SELECT '\xc1\xc2', upper('\xc1\xc2'), convert_to('\xc1\xc2', 'UTF8')"),
            query(b"SET NAMES 'EUC_JP'"),
            query(b"SELECT '\xa4\xa2\xa4\xa4', char_length('\xa4\xa2\xa4\xa4')"),
            query(b"SELECT '\xa4'"),
            query(b"SELECT set_config('client_encoding', 'WIN1252', false)"),
            query(b"SELECT '\x80', convert_to('\x80', 'UTF8')"),
            query(b"SET client_encoding = 'SJIS'"),
            query(b"SELECT 'plain', kind FROM events WHERE client_id = 1 AND id = 1"),
            query(b"SET client_encoding = 'no such thing'"),
            query(b"SHOW client_encoding"),
            query(b"DELETE FROM events WHERE client_id = 6001"),
            query(b"RESET client_encoding"),
        ] {
            let [expected, found] = wires.each_mut().map(|wire| hear(wire, &bytes));
            assert_eq!(expected, found, "{}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn where_letters_would_decide_who_answers_they_are_refused() {
    let mut wire = Wire::login(STAGE.proxy.port, "app", &[("client_encoding", "LATIN1")]).unwrap();
    let refused = vec![(b'E', b"0A000".to_vec())];
    for bytes in [
        query(b"SELECT note FROM orders WHERE customer = 'Andr\xe9'"),
        query(b"INSERT INTO orders (customer, order_id) VALUES ('Andr\xe9', 1)"),
        prepared(b"SELECT note FROM orders WHERE customer = $1", &[b"Andr\xe9"]),
        prepared(b"SELECT '\xe9'", &[]),
        query(b"SELECT 1 AS \xe9"),
        query(b"SELECT E'\xe9'"),
        query(b"PREPARE p AS SELECT '\xe9'"),
        query(b"SET application_name = '\xe9'"),
        query(b"SELECT set_config('application_name', '\xe9', false)"),
        query(b"SELECT 1; SELECT '\xe9'"),
        query(b"SELECT count(*) FROM events"),
        query(b"SELECT id FROM events ORDER BY kind LIMIT 1"),
        query(b"UPDATE events SET amount = 0 WHERE id = 77777"),
        query(b"COPY k_text FROM STDIN"),
    ] {
        assert_eq!(hear(&mut wire, &bytes), refused, "{}", String::from_utf8_lossy(&bytes));
    }
    wire.rows("SET client_encoding = 'SJIS'");
    for sql in [&b"SELECT '\x83\x5c'"[..], b"SELECT '\xb1'"] {
        assert_eq!(hear(&mut wire, &query(sql)), refused, "{}", String::from_utf8_lossy(sql));
    }
    // What was prepared in UTF-8 would be read otherwise where it has to be prepared again.
    wire.rows("RESET ALL");
    wire.rows("SET client_encoding = 'UTF8'");
    wire.send(&[parse("named", "SELECT 'é' || $1", &[]), sync()].concat()).unwrap();
    wire.until_ready().unwrap();
    let run = [bind("", "named", &[text("x")], 0), execute("", 0), sync()].concat();
    assert_eq!(hear(&mut wire, &run)[0].0, b'D');
    wire.rows("SET client_encoding = 'LATIN1'");
    assert_eq!(hear(&mut wire, &run), refused);
}

#[test]
fn an_encoding_does_not_stay_behind_on_a_server() {
    // More turns than there are connections, each of them in the hands of others before.
    for turn in 0..6 {
        let mut latin = Wire::login(STAGE.proxy.port, "app", &[("client_encoding", "LATIN1")]).unwrap();
        let mut utf8 = Wire::login(STAGE.proxy.port, "app", &[]).unwrap();
        utf8.rows(&format!("SET my.name = 'Zoë {turn}'"));
        for client in 1..4 {
            let ask = query(format!("SELECT kind FROM events WHERE client_id = {client} AND id = 1").as_bytes());
            hear(&mut latin, &ask);
            assert_eq!(hear(&mut latin, &query(b"SELECT '\xe9'"))[0], (b'D', b"\0\x01\0\0\0\x01\xe9".to_vec()));
            let sql =
                format!("SELECT current_setting('my.name') || 'é' FROM events WHERE client_id = {client} AND id = 1");
            assert_eq!(utf8.value(&sql), format!("Zoë {turn}é"));
        }
    }
}
