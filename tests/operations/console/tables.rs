//! What SHOW shows: names, order and types are what others rely on.

use super::*;

/// SHOW … and its columns as PgBouncer has them.
fn expected() -> Vec<(String, Vec<(String, u32)>)> {
    let mut tables: Vec<(String, Vec<(String, u32)>)> = Vec::new();
    for line in include_str!("columns.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix("  ") {
            None => tables.push((line.to_owned(), Vec::new())),
            Some(column) => {
                let (name, kind) = column.split_once(' ').unwrap();
                let oid = match kind {
                    "text" => 25,
                    "integer" => 23,
                    "bigint" => 20,
                    "numeric" => 1700,
                    other => panic!("{other}"),
                };
                tables.last_mut().unwrap().1.push((name.to_owned(), oid));
            }
        }
    }
    tables
}

#[test]
fn columns_are_those_of_pgbouncer() {
    let proxy = STAGE.with_console("columns");
    let _client = login(&proxy);
    let mut wire = console(&proxy, "grafana");
    let tables = expected();
    assert_eq!(tables.len(), 20);
    for (sql, columns) in tables {
        let shown = answer(&mut wire, &sql);
        assert_eq!(shown.error, None, "{sql}");
        let ours = &shown.columns[..columns.len().min(shown.columns.len())];
        assert_eq!(ours, columns, "{sql}: columns are only ever added at the end");
        assert_eq!(shown.tag, "SHOW");
        for row in &shown.rows {
            assert_eq!(row.len(), shown.columns.len(), "{sql}");
            for ((name, oid), cell) in shown.columns.iter().zip(row) {
                let number = cell.as_deref().map(|cell| std::str::from_utf8(cell).unwrap().parse::<i64>());
                assert!(*oid == 25 || matches!(number, Some(Ok(_))), "{sql}: {name} is {cell:?}");
            }
        }
    }
}

#[test]
fn both_protocols_give_the_same_rows_in_both_formats() {
    let proxy = STAGE.with_console("formats");
    let mut wire = console(&proxy, "grafana");
    for (sql, columns) in expected() {
        let batch = [parse("", &sql, &[]), describe(b'S', ""), bind("", "", &[], 1), execute("", 0), sync()].concat();
        wire.send(&batch).unwrap();
        let all = answers(&wire.until_ready().unwrap());
        assert_eq!((all.len(), &all[0].error), (1, &None), "{sql}");
        assert_eq!(all[0].columns[..columns.len()], columns, "{sql}");
        for row in &all[0].rows {
            for ((name, oid), cell) in all[0].columns.iter().zip(row) {
                let is_whole = match (*oid, cell.as_deref()) {
                    (23, Some(bytes)) => bytes.len() == 4,
                    (20, Some(bytes)) => bytes.len() == 8,
                    // Digits and sign follow the number of digits.
                    (1700, Some(bytes)) => bytes.len() == 8 + 2 * usize::from(bytes[1]),
                    (25, _) => true,
                    _ => false,
                };
                assert!(is_whole, "{sql}: {name} is {cell:?}");
            }
        }
    }
}

#[test]
fn portals_of_the_console_give_rows_piece_by_piece() {
    let proxy = STAGE.with_console("pieces");
    let mut wire = console(&proxy, "grafana");
    let batch =
        [parse("s", "SHOW LISTS", &[]), bind("p", "s", &[], 0), execute("p", 10), execute("p", 10), sync()].concat();
    wire.send(&batch).unwrap();
    let lines = wire::transcript(&wire.until_ready().unwrap());
    let rows = |from: &[String]| from.iter().filter(|line| line.starts_with("Row")).count();
    let suspended = lines.iter().position(|line| line.starts_with("s ")).unwrap_or_else(|| panic!("{lines:#?}"));
    assert_eq!((rows(&lines[..suspended]), rows(&lines[suspended..])), (10, 4), "{lines:#?}");
    // An error skips to Sync; what was prepared stays.
    let batch = [parse("", "SHOW NONSENSE", &[]), bind("", "s", &[], 0), execute("", 0), sync()].concat();
    wire.send(&batch).unwrap();
    let lines = wire::transcript(&wire.until_ready().unwrap());
    assert_eq!(lines, ["Error ERROR 42601: invalid command 'SHOW NONSENSE', use SHOW HELP;", "Z I"]);
    wire.send(&[bind("", "s", &[], 0), execute("", 0), sync()].concat()).unwrap();
    assert_eq!(answers(&wire.until_ready().unwrap())[0].rows.len(), 14);
}

#[test]
fn clients_and_servers_are_shown_as_they_are() {
    let stage = &*STAGE;
    let proxy = stage.with_console("shown");
    let mut ops = console(&proxy, "grafana");
    let mut client = Wire::login(proxy.port, "app", &[("application_name", "billing")]).unwrap();
    client.rows("BEGIN");
    client.value(&format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[1]));
    let shown = row(&mut ops, "SHOW CLIENTS", &[("user", "app")]);
    let expected = [
        ("type", "C"),
        ("database", "app"),
        ("state", "active"),
        ("application_name", "billing"),
        ("addr", "127.0.0.1"),
    ];
    for (name, value) in expected {
        assert_eq!(shown[name], value, "{name}");
    }
    assert_eq!(shown["local_port"], proxy.port.to_string());
    let pool = row(&mut ops, "SHOW POOLS", &[("database", "app"), ("user", "app")]);
    assert_eq!((&*pool["cl_active"], &*pool["sv_active"], &*pool["pool_mode"]), ("1", "1", "transaction"));
    client.rows("SET application_name = 'it''s late'");
    client.rows("COMMIT");
    let shown = row(&mut ops, "SHOW CLIENTS", &[("user", "app")]);
    assert_eq!((&*shown["state"], &*shown["link"]), ("idle", ""));
    let server = row(&mut ops, "SHOW SERVERS", &[("state", "idle"), ("user", "app")]);
    assert_eq!((&*server["type"], &*server["database"], &*server["link"]), ("S", "app", ""));
    // While a statement runs, each is linked to the other.
    client.send(&wire::query("SELECT pg_sleep(60)")).unwrap();
    until("it is linked", || row(&mut ops, "SHOW CLIENTS", &[("user", "app")])["link"].starts_with("0x"));
    let shown = row(&mut ops, "SHOW CLIENTS", &[("user", "app")]);
    let server = row(&mut ops, "SHOW SERVERS", &[("link", &shown["ptr"])]);
    assert_eq!((&server["ptr"], &*server["state"]), (&shown["link"], "active"));
    // A cancel request that is ahead of its statement finds nothing to cancel.
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'";
    until("it sleeps", || stage.world.shards.iter().any(|server| admin(server.port()).value(sleeps) == "1"));
    client.cancel().unwrap();
    client.until_ready().unwrap();
    let users = row(&mut ops, "SHOW USERS", &[("name", "app")]);
    assert_eq!(users["current_client_connections"], "1");
    let database = row(&mut ops, "SHOW DATABASES", &[("name", "app")]);
    assert_eq!((&*database["host"], &*database["current_client_connections"]), ("127.0.0.1,127.0.0.1,127.0.0.1", "1"));
    assert_eq!(row(&mut ops, "SHOW DATABASES", &[("name", "pgbouncer")])["force_user"], "pgbouncer");
}

#[test]
fn statistics_count_what_was_done_and_outlive_their_clients() {
    let stage = &*STAGE;
    let proxy = stage.with_console("counted");
    let mut ops = console(&proxy, "grafana");
    let sql = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    let mut client = login(&proxy);
    client.rows(&sql);
    client.rows("BEGIN");
    client.rows(&sql);
    client.rows("COMMIT");
    let batch = [parse("s", &sql, &[]), bind("", "s", &[], 0), execute("", 0), sync()].concat();
    client.send(&batch).unwrap();
    client.until_ready().unwrap();
    let before = row(&mut ops, "SHOW STATS_TOTALS", &[("database", "app")]);
    let expected = [
        ("query_count", "5"),
        ("xact_count", "3"),
        ("server_assignment_count", "3"),
        ("client_parse_count", "1"),
        ("bind_count", "1"),
        ("client_login_count", "1"),
        ("server_parse_count", "1"),
    ];
    for (name, value) in expected {
        assert_eq!(before[name], value, "{name}: {before:?}");
    }
    for name in ["bytes_received", "bytes_sent", "query_time", "xact_time"] {
        assert!(before[name].parse::<u64>().unwrap() > 50, "{name}: {before:?}");
    }
    drop(client);
    until("it is gone", || row(&mut ops, "SHOW DATABASES", &[("name", "app")])["current_client_connections"] == "0");
    assert_eq!(row(&mut ops, "SHOW STATS_TOTALS", &[("database", "app")]), before);
    assert_eq!(row(&mut ops, "SHOW STATS", &[("database", "app")])["total_query_count"], "5");
    assert_eq!(row(&mut ops, "SHOW TOTALS", &[("name", "total_query_count")])["value"], "5");
}
