//! Which of several replicas answers: those of the proxy's zone, by their weight.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::support::cluster::{Auth, Lab, Server};

const WHERE: &str = "SELECT current_setting('port') FROM notes LIMIT 1";

/// So many answers of each server, one after the other in one session.
fn shares(proxy: &Proxy) -> BTreeMap<u16, u32> {
    let mut wire = login(proxy);
    let mut shares = BTreeMap::new();
    for _ in 0..300 {
        *shares.entry(wire.value(WHERE).parse().unwrap()).or_default() += 1;
    }
    shares
}

#[test]
fn replicas_of_the_zone_answer_by_their_weight_and_others_when_these_are_gone() {
    let lab = Arc::new(Lab::new("choice").unwrap());
    let primary = Server::start(&lab, "primary", Auth::Scram, &[]).unwrap();
    admin(primary.port())
        .rows("CREATE TABLE notes (id integer); GRANT ALL ON notes TO app; INSERT INTO notes VALUES (1)");
    let [mut light, mut heavy, far] = ["light", "heavy", "far"].map(|name| Server::replica_of(&primary, name).unwrap());
    let url = |server: &Server| format!("postgres://127.0.0.1:{}/app", server.port());
    let replica = |server: &Server, weight: u32, zone: &str| {
        format!("{{ url = \"{}\", weight = {weight}, zone = \"{zone}\" }}", url(server))
    };
    let toml = format!(
        "[health]\ninterval = \"200ms\"\nfailures_to_down = 1\n\n[monitor]\nuser = \"postgres\"\n\n\
         [databases.app]\ndefault_shard = \"a\"\n\n[databases.app.replicas]\nzone = \"west\"\n\n\
         [databases.app.shards.a]\nprimary = \"{}\"\nreplicas = [{}, {}, {}]\n",
        url(&primary),
        replica(&light, 1, "west"),
        replica(&heavy, 3, "west"),
        replica(&far, 9, "east"),
    );
    let proxy = Proxy::start(&lab, "proxy", &toml).unwrap();
    let known = |proxy: &Proxy| metric(proxy, "shardway_replica_lag_bytes", &[]) == 0.0;
    let all = [light.port(), heavy.port(), far.port()];
    until("the replicas take reads", || known(&proxy) && all.contains(&login(&proxy).value(WHERE).parse().unwrap()));
    until("both of the zone do", || shares(&proxy).len() == 2);
    let found = shares(&proxy);
    let of = |server: &Server| found.get(&server.port()).copied().unwrap_or(0);
    assert_eq!(of(&light) + of(&heavy), 300, "the zone's own: {found:?}");
    assert!((45..=105).contains(&of(&light)), "a quarter of 300: {found:?}");
    // Three weigh nine times as much, once no zone is preferred.
    reload(&proxy, |toml| toml.replace("zone = \"west\"\n\n", "\n"), "ok");
    let found = shares(&proxy);
    let of = |server: &Server| found.get(&server.port()).copied().unwrap_or(0);
    assert!((170..=250).contains(&of(&far)), "nine of thirteen: {found:?}");
    reload(
        &proxy,
        |toml| toml.replace("[databases.app.replicas]\n", "[databases.app.replicas]\nzone = \"west\"\n\n"),
        "ok",
    );
    light.kill().unwrap();
    heavy.kill().unwrap();
    until("the other zone answers", || login(&proxy).value(WHERE) == far.port().to_string());
    assert_eq!(shares(&proxy), BTreeMap::from([(far.port(), 300)]));
}
