//! Types of the user's own, which every server numbers for itself: what clients hear of them, inside of values too.

use super::*;

/// The messages for one statement without parameters, all results in binary format.
fn asked(sql: &str, describes: u8) -> Vec<u8> {
    let describe = match describes {
        b'P' => wire::describe(b'P', ""),
        b'S' => wire::describe(b'S', ""),
        _ => Vec::new(),
    };
    let (before, after) = if describes == b'S' { (describe, Vec::new()) } else { (Vec::new(), describe) };
    [wire::parse("", sql, &[]), before, wire::bind("", "", &[], 1), after, wire::execute("", 0), wire::sync()].concat()
}

/// The rows, of which the first column is left out.
fn values(wire: &mut Wire, messages: &[u8]) -> Vec<Vec<Vec<u8>>> {
    wire.send(messages).unwrap();
    let frames = wire.until_ready().unwrap();
    let errors: Vec<_> =
        frames.iter().filter(|frame| frame.tag == b'E').map(|it| wire::describe_error(&it.body)).collect();
    assert_eq!(errors, [""; 0]);
    let rows = frames.iter().filter(|frame| frame.tag == b'D').map(|frame| wire::fields(&frame.body));
    rows.map(|row| row.into_iter().skip(1).map(Option::unwrap).collect()).collect()
}

#[test]
fn arrays_and_rows_name_types_by_the_numbers_that_the_client_knows() {
    let stage = &*STAGE;
    for (number, server) in stage.world.shards.iter().enumerate() {
        let mut admin = admin(server.port());
        // Each has come to another number by then.
        (0..=number).for_each(|it| drop(admin.rows(&format!("CREATE TYPE spare_{it} AS ENUM ()"))));
        admin.rows("CREATE TYPE shade AS ENUM ('dark', 'light')");
        admin.rows("CREATE TYPE patch AS (id int, shade shade, shades shade[])");
    }
    let proxy = stage.proxy("types", &Settings::default());
    let mut wire = login(&proxy);
    let number: u32 = wire.value("SELECT 'shade'::regtype::oid").parse().unwrap();
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let array = [words(&[1, 0, number, 1, 1, 4]), b"dark".to_vec()].concat();
    let list: u32 = wire.value("SELECT 'shade[]'::regtype::oid").parse().unwrap();
    let patch =
        [words(&[3, 23, 4, 7, number, 5]), b"light".to_vec(), words(&[list, array.len() as u32]), array.clone()];
    let expected = vec![array, patch.concat()];
    let shades = "ARRAY['dark'::shade]";
    let columns = "client_id, ARRAY['dark'::shade], ROW(7, 'light'::shade, ARRAY['dark'::shade])::patch";
    let clients = stage.clients.iter().map(|client| client.to_string()).collect::<Vec<_>>().join(", ");
    let here: Vec<String> = stage
        .clients
        .iter()
        .map(|client| format!("SELECT {columns} FROM events WHERE client_id = {client} AND id = 1"))
        .collect();
    let several = [
        format!("SELECT {columns} FROM events WHERE client_id IN ({clients}) AND id = 1"),
        format!("SELECT {columns} FROM events WHERE client_id IN ({clients}) AND id = 1 ORDER BY client_id"),
        format!("SELECT DISTINCT ON (amount > 0) {columns} FROM events ORDER BY amount > 0, client_id"),
        format!(
            "UPDATE events SET amount = amount WHERE client_id IN ({clients}) AND id = 1 RETURNING client_id, {shades}"
        ),
        format!(
            "WITH same AS (UPDATE events SET amount = amount WHERE client_id IN ({clients}) AND id = 1 RETURNING client_id) \
             SELECT client_id, {shades} FROM same"
        ),
    ];
    for sql in here.iter().chain(&several) {
        for describes in [b'P', b'S', 0] {
            let rows = values(&mut wire, &asked(sql, describes));
            assert!(!rows.is_empty(), "{sql}");
            rows.iter().for_each(|row| assert_eq!(*row, expected[..row.len()], "{sql} {}", char::from(describes)));
        }
    }
    // A portal that is run in pieces, and one whose statement was described long before.
    let named = [wire::parse("patches", &several[0], &[]), wire::describe(b'S', "patches"), wire::sync()].concat();
    values(&mut wire, &named);
    wire.rows("BEGIN");
    let pieces =
        [wire::bind("piece", "patches", &[], 1), wire::execute("piece", 1), wire::execute("piece", 0), wire::sync()];
    let rows = values(&mut wire, &pieces.concat());
    assert_eq!(rows.len(), stage.clients.len());
    rows.iter().for_each(|row| assert_eq!(*row, expected));
    wire.rows(&format!("DECLARE patches BINARY CURSOR FOR {}", here[2]));
    assert_eq!(values(&mut wire, &wire::query("FETCH ALL FROM patches")), vec![expected]);
    wire.rows("COMMIT");
    for server in &stage.world.shards {
        admin(server.port()).rows("DROP TYPE patch, shade");
    }
}
