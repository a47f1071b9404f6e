//! Memory: what an idle client costs and what stays when it has gone; counters that nobody reads cost nothing.

use super::*;

#[test]
fn idle_clients_cost_little_and_give_it_back() {
    const CLIENTS: i64 = 1500;
    const ROUNDS: i64 = 4;
    let stage = &*STAGE;
    // Without passwords: hashing them takes longer than all the rest.
    let more = "[[users]]\nname = \"open\"\nauth = \"trust\"\nserver_user = \"app\"\nserver_password = \"secret\"\n";
    let proxy = stage.proxy("idlers", &Settings { database: "pool_size = 5", more, ..Settings::default() });
    let ask = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    login(&proxy).value(&ask);
    let resident = || proxy.resident_kib().unwrap() as i64;
    // Reading the schema, which happens meanwhile, moves what is resident by some 5 MB: the crowd must weigh more.
    let one_round = || {
        let before = resident();
        let clients: Vec<Wire> = (0..CLIENTS)
            .map(|_| {
                let mut wire = enter(proxy.port, "open", &[]).unwrap();
                assert_eq!(wire.value(&ask), "6");
                wire
            })
            .collect();
        let took = resident() - before;
        drop(clients);
        until("they are gone", || metric(&proxy, "shardway_clients", &[]) == 0.0);
        took
    };
    let took = one_round();
    assert!(took < 6 * CLIENTS, "{took} KiB for {CLIENTS} idle clients");
    let once_gone = resident();
    for _ in 1..ROUNDS {
        one_round();
    }
    let kept = || resident() - once_gone;
    until("what they took is given back", || kept() < (ROUNDS - 1) * CLIENTS);
    eprintln!("{CLIENTS} idle clients took {took} KiB; {ROUNDS} times as many left {} KiB", kept());
}

#[test]
fn figures_that_nobody_reads_cost_no_memory() {
    let stage = &*STAGE;
    let proxy = stage.proxy("unread", &Settings { database: "pool_size = 2", ..Settings::default() });
    let mut wire = login(&proxy);
    let batch: Vec<u8> = (0..100)
        .flat_map(|turn| {
            let sql = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[turn % 3]);
            [wire::parse("", &sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::sync()].concat()
        })
        .collect();
    let mut run = |batches: usize| {
        for _ in 0..batches {
            wire.send(&batch).unwrap();
            for _ in 0..100 {
                wire.until_ready().unwrap();
            }
        }
        proxy.resident_kib().unwrap()
    };
    let warm = run(50);
    let after = run(250);
    eprintln!("resident after 5,000 statements: {warm} KiB; after 30,000: {after} KiB");
    assert!(after < warm + 2048, "{warm} KiB grew to {after} KiB");
}

#[test]
fn what_a_large_statement_took_goes_back_to_the_system() {
    let stage = &*STAGE;
    let proxy = stage.proxy("large", &Settings::default());
    let mut wire = login(&proxy);
    for first in [7301, 7321, 7341] {
        let rows = format!("SELECT n, n || repeat('z', 1000000) FROM generate_series({first}, {first} + 19) n");
        wire.rows(&format!("INSERT INTO nothing {rows}"));
    }
    assert_eq!(wire.value("SELECT count(DISTINCT v) FROM nothing WHERE client_id BETWEEN 7301 AND 7360"), "60");
    wire.rows("DELETE FROM nothing WHERE client_id BETWEEN 7301 AND 7360");
    // It has carried 60 MB, twice. Nobody asks for anything now.
    until("it is small again", || proxy.resident_kib().unwrap() < 100 << 10);
}
