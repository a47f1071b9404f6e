//! A reload that takes shards out of the map, or names them in another order, while sessions hold servers.

use std::sync::Arc;

use super::*;
use crate::support::cluster::Lab;
use crate::support::script::extended;

/// The map with these shards, in this order, each with its buckets.
fn map(stage: &Stage, table: &str, shards: &[(&str, &str)]) -> String {
    let port = |name: &str| stage.world.shards[SHARDS.iter().position(|shard| *shard == name).unwrap()].port();
    let mut toml = "[monitor]\nuser = \"postgres\"\n".to_owned();
    for (name, _) in shards {
        toml += &format!("[databases.app.shards.{name}]\nprimary = \"postgres://127.0.0.1:{}/app\"\n", port(name));
    }
    let buckets: Vec<String> = shards.iter().map(|(name, buckets)| format!("{name} = \"{buckets}\"")).collect();
    toml + &format!(
        "[databases.app.keyspaces.keys]\ntype = \"bigint\"\nbuckets = {{ {} }}\n[databases.app.tables]\n\
         {table} = {{ keyspace = \"keys\", key = \"k\" }}\n",
        buckets.join(", ")
    )
}

/// Another map, while the proxy runs.
fn remap(proxy: &Proxy, toml: &str) {
    reload(proxy, |old| old[..old.find("[monitor]").unwrap()].to_owned() + toml, "ok");
}

const ALL: [(&str, &str); 3] = [("a", "0-1"), ("b", "2-3"), ("c", "4-7")];
/// Others in which shard c keeps its rows.
const OTHERS: [&[(&str, &str)]; 2] = [&[("b", "0-3"), ("c", "4-7")], &[("c", "4-7"), ("a", "0-1"), ("b", "2-3")]];

/// A proxy, and keys of shard b and of shard c.
fn begin(stage: &Stage, lab: &Arc<Lab>, table: &str, name: &str) -> (Proxy, i64, i64) {
    for server in &stage.world.shards {
        admin(server.port()).rows(&format!(
            "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (k bigint PRIMARY KEY, v integer); \
             ALTER TABLE {table} OWNER TO app"
        ));
    }
    let proxy = Proxy::start(lab, name, &map(stage, table, &ALL)).unwrap();
    login(&proxy).rows(&format!("INSERT INTO {table} SELECT id, 0 FROM generate_series(1, 40) id"));
    let first = |shard: usize| admin(stage.world.shards[shard].port()).value(&format!("SELECT min(k) FROM {table}"));
    (proxy, first(1).parse().unwrap(), first(2).parse().unwrap())
}

#[test]
fn an_open_transaction_ends_rather_than_write_to_what_has_become_another_shard() {
    let stage = &*STAGE;
    let lab = Arc::new(Lab::new("resharded").unwrap());
    for (number, other) in OTHERS.iter().enumerate() {
        let (proxy, of_b, of_c) = begin(stage, &lab, "resharded", &format!("resharded-{number}"));
        let write = |key: i64| format!("UPDATE resharded SET v = 1 WHERE k = {key}");
        let mut waiting: Vec<Wire> = (0..4).map(|_| login(&proxy)).collect();
        let [one, several, prepared, idle] = &mut waiting[..] else { unreachable!("four") };
        one.rows(&format!("BEGIN; {}", write(of_b)));
        several.rows(&format!(
            "BEGIN; INSERT INTO resharded VALUES ({of_b} + 1000, 1), ({of_c} + 1000, 1) ON CONFLICT DO NOTHING"
        ));
        prepared.rows("BEGIN");
        prepared.rows(&format!("SELECT v FROM resharded WHERE k = {of_c}"));
        idle.rows(&format!("SELECT v FROM resharded WHERE k = {of_b}"));
        remap(&proxy, &map(stage, "resharded", other));
        assert_eq!(failure(one, &write(of_c)).0, "08006");
        assert_eq!(failure(one, &write(of_c)).0, "25P02");
        assert_eq!(failure(several, "COMMIT").0, "08006");
        let error = whole_error(&{
            prepared.send(&extended(&write(of_c), &[])).unwrap();
            prepared.until_ready().unwrap()
        });
        assert!(error.contains("C08006 |"), "{error}");
        for wire in [&mut *one, &mut *prepared] {
            wire.rows("ROLLBACK");
        }
        for wire in [one, several, prepared, idle] {
            wire.rows(&write(of_c));
        }
        let mut home = admin(stage.world.shards[2].port());
        assert_eq!(home.value(&format!("SELECT v FROM resharded WHERE k = {of_c}")), "1");
        assert_eq!(home.value("SELECT count(*) FROM resharded WHERE k > 1000"), "0");
        assert_eq!(metric(&proxy, "shardway_clients", &["state=\"active\""]), 0.0);
    }
}

#[test]
fn a_session_whose_server_is_kept_ends_with_the_place_of_its_shard() {
    let stage = &*STAGE;
    let lab = Arc::new(Lab::new("resharded-kept").unwrap());
    let (proxy, _, of_c) = begin(stage, &lab, "kept", "resharded-kept");
    let mut wire = login(&proxy);
    wire.rows("SELECT pg_advisory_lock(7)");
    let ask = format!("UPDATE kept SET v = 2 WHERE k = {of_c}");
    remap(&proxy, &map(stage, "kept", OTHERS[1]));
    let error = failure_and_close(&mut wire, &ask);
    assert!(error.contains("C08006 |") && error.contains("advisory lock"), "{error}");
    login(&proxy).rows(&ask);
    let mut home = admin(stage.world.shards[2].port());
    assert_eq!(home.value(&format!("SELECT v FROM kept WHERE k = {of_c}")), "2");
    until("the lock is free", || login(&proxy).value("SELECT pg_try_advisory_xact_lock(7)") == "t");
}

/// What a session hears that ends with this statement.
fn failure_and_close(wire: &mut Wire, sql: &str) -> String {
    wire.send(&wire::query(sql)).unwrap();
    whole_error(&wire.until_closed().unwrap())
}
