//! A primary that a promotion has left behind does not come back, whatever is loaded or started again meanwhile.

use std::sync::Arc;

use super::*;
use crate::support::cluster::{Auth, Lab, Server};

/// A shard of three servers that finds its roles: the first was the primary and lives on, the second has taken over. Another
/// shard has one server.
struct Trio {
    lab: Arc<Lab>,
    old: Server,
    new: Server,
    third: Server,
    other: Server,
}

const WRITE: &str = "INSERT INTO notes VALUES (1, 'written')";

impl Trio {
    fn start(name: &str) -> Self {
        let lab = Arc::new(Lab::new(name).unwrap());
        let [old, other] = ["old", "other"].map(|name| {
            let server = Server::start(&lab, name, Auth::Scram, &[]).unwrap();
            admin(server.port()).rows("CREATE TABLE notes (client_id bigint, text text); GRANT ALL ON notes TO app");
            server
        });
        let [new, third] = ["new", "third"].map(|name| Server::replica_of(&old, name).unwrap());
        Self { lab, old, new, third, other }
    }

    fn toml(&self, health: &str, replicas: &[&Server]) -> String {
        let url = |server: &Server| format!("\"postgres://127.0.0.1:{}/app\"", server.port());
        let replicas: Vec<String> = replicas.iter().map(|server| url(server)).collect();
        format!(
            "[health]\ninterval = \"200ms\"\n{health}\n[monitor]\nuser = \"postgres\"\n\n\
             [databases.app]\nfailover_wait = \"300ms\"\ndefault_shard = \"b\"\n\n\
             [databases.app.shards.a]\nrole = \"auto\"\nprimary = {}\nreplicas = [{}]\n\n[databases.app.shards.b]\nprimary = {}\n\n\
             [databases.app.tables]\nnotes = {{ shard = \"a\" }}\n",
            url(&self.old),
            replicas.join(", "),
            url(&self.other)
        )
    }

    fn proxy(&self, name: &str, health: &str, replicas: &[&Server]) -> Proxy {
        let toml = self.toml(health, replicas);
        Proxy::start(&self.lab, name, &toml).unwrap()
    }

    /// The second takes over, gets a row that the first does not have, and is gone.
    fn leave_the_old_one_behind(&mut self, proxy: &Proxy) {
        assert_eq!(admin(self.new.port()).value("SELECT pg_promote(true, 60)"), "t");
        until("it is followed", || metric(proxy, "shardway_failovers_total", &["shard=\"a\""]) == 1.0);
        login(proxy).rows("INSERT INTO notes VALUES (1, 'confirmed')");
        self.new.kill().unwrap();
        until("it is missed", || metric(proxy, "shardway_primaries", &["shard=\"a\""]) == 0.0);
    }

    /// Time enough for some probes; then whether a write is taken.
    fn refuses(&self, proxy: &Proxy) {
        std::thread::sleep(Duration::from_secs(1));
        let (state, message) = failure(&mut login(proxy), WRITE);
        assert_eq!(state, "08006", "{message}");
        assert_eq!(admin(self.old.port()).value("SELECT count(*) FROM notes"), "0", "a second history");
    }
}

#[test]
fn a_reload_with_other_servers_does_not_bring_an_old_primary_back() {
    let mut trio = Trio::start("remembered");
    let proxy = trio.proxy("proxy", "", &[&trio.new, &trio.third]);
    trio.leave_the_old_one_behind(&proxy);
    trio.refuses(&proxy);
    let front = Proxy::front(proxy.port, proxy.metrics_port);
    let load = |replicas: &[&Server]| reload(&proxy, |_| front.clone() + &trio.toml("", replicas), "ok");
    load(&[&trio.new]);
    trio.refuses(&proxy);
    load(&[]);
    trio.refuses(&proxy);
    load(&[&trio.third, &trio.new]);
    trio.refuses(&proxy);
    trio.new.restart().unwrap();
    until("the newer one is back", || {
        login(&proxy).simple(WRITE).is_ok_and(|it| wire::answers(&it)[0].error.is_none())
    });
    assert_eq!(admin(trio.new.port()).value("SELECT count(*) FROM notes"), "2");
}

#[test]
fn a_restart_does_not_bring_an_old_primary_back_where_timelines_are_kept() {
    let mut trio = Trio::start("restarted");
    let health = "timelines = \"timelines.toml\"";
    let proxy = trio.proxy("proxy", health, &[&trio.new, &trio.third]);
    trio.leave_the_old_one_behind(&proxy);
    drop(proxy);
    let proxy = trio.proxy("again", health, &[&trio.new]);
    trio.refuses(&proxy);
    // Promoted again, with what it has: that is somebody's decision.
    fs::write(trio.lab.folder().join("old/standby.signal"), "").unwrap();
    trio.lab.give(&trio.lab.folder().join("old/standby.signal")).unwrap();
    trio.old.stop().unwrap();
    trio.old.restart().unwrap();
    assert_eq!(admin(trio.old.port()).value("SELECT pg_promote(true, 60)"), "t");
    until("it is taken", || login(&proxy).simple(WRITE).is_ok_and(|it| wire::answers(&it)[0].error.is_none()));
}
