//! PostgreSQL's own programs, over shards as before one server that has all the rows.

use super::*;

/// The lines that a program prints; it must succeed.
fn said(port: u16, program: &str, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new(program);
    let port = port.to_string();
    command.env("PGPASSWORD", "secret").env("LC_ALL", "C").args(["-h", "127.0.0.1", "-p", &port, "-U", "app"]);
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn pg_dump_has_the_rows_of_all_shards() {
    let stage = &*STAGE;
    let proxy = stage.proxy("dumped", &Settings::default());
    // Read through pg_settings, as pg_dump does it, a setting holds for the session and on every shard.
    let mut wire = login(&proxy);
    let ask = "SELECT set_config(name, '9MB', false) FROM pg_settings WHERE name = 'work_mem'";
    assert_eq!(wire.value(ask), "9MB");
    for client in &stage.clients {
        let sql = format!("SELECT current_setting('work_mem') FROM events WHERE client_id = {client} LIMIT 1");
        assert_eq!(wire.value(&sql), "9MB");
    }
    assert!(
        wire.rows("SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'no_such_setting'").is_empty()
    );
    assert_eq!(login(&proxy).value("SHOW work_mem"), "4MB");
    for format in ["--inserts", "--data-only", "--schema-only"] {
        // Of which nothing else here changes the rows.
        let tables = ["wide", "order_items", "market_data", "k_text", "k_numeric", "instruments", "wide_view"];
        let chosen: Vec<String> = tables.iter().map(|table| format!("--table=public.{table}")).collect();
        let mut arguments = vec![format, "-d", "app"];
        arguments.extend(chosen.iter().map(String::as_str));
        let [ours, theirs] = [proxy.port, stage.world.oracle.port()].map(|port| {
            let mut lines = said(port, "pg_dump", &arguments);
            // A word that is another each time.
            lines.retain(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
            lines.sort();
            lines
        });
        assert!(ours.len() > 30, "{ours:?}");
        assert_eq!(ours, theirs, "{format}");
    }
}

#[test]
fn psql_describes_and_vacuumdb_vacuums() {
    let stage = &*STAGE;
    let proxy = stage.proxy("described", &Settings::default());
    for ask in ["\\d wide", "\\d+ wide_view", "\\df twice", "\\dT+ mood", "\\z wide", "\\sv wide_view"] {
        let [ours, theirs] =
            [proxy.port, stage.world.oracle.port()].map(|port| said(port, "psql", &["-X", "-d", "app", "-c", ask]));
        assert_eq!(ours, theirs, "{ask}");
        assert!(ours.len() > 2, "{ask}: {ours:?}");
    }
    let told = said(proxy.port, "vacuumdb", &["-d", "app", "-t", "events", "-t", "countries", "--analyze"]);
    assert_eq!(told, ["vacuumdb: vacuuming database \"app\""]);
}
