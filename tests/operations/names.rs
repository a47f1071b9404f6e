//! A name that comes to stand for another address: new statements go there, open transactions end where they are.

use std::sync::Arc;

use super::*;
use crate::support::cluster::{Auth, Lab, Server};
use crate::support::relay::Relay;

const HOST: &str = "shard-a.test";

#[test]
fn a_name_that_stands_for_another_address_is_followed() {
    let lab = Arc::new(Lab::new("names").unwrap());
    let [one, other] = ["one", "other"].map(|name| {
        let server = Server::start(&lab, name, Auth::Scram, &[]).unwrap();
        admin(server.port()).rows(&format!(
            "CREATE TABLE notes (text text); GRANT ALL ON notes TO app; INSERT INTO notes VALUES ('{name}')"
        ));
        server
    });
    let hosts = lab.folder().join("hosts");
    // Written in place: a renamed file would not be seen behind the mount.
    let stands_for = |address: &str| fs::write(&hosts, format!("127.0.0.1 localhost\n{address} {HOST}\n")).unwrap();
    stands_for("127.0.0.1");
    let toml = format!(
        "[health]\ninterval = \"200ms\"\n\n[monitor]\nuser = \"postgres\"\n\n[databases.app]\ndefault_shard = \"a\"\n\n\
         [databases.app.shards.a]\nprimary = \"postgres://{HOST}:{}/app\"\n",
        one.port()
    );
    // Only Linux has more addresses of its own without being asked.
    let is_relayed = Relay::start(("127.0.0.2", one.port()), other.port()).is_ok();
    let proxy = if is_relayed { Proxy::start_with_hosts(&lab, "proxy", &toml, &hosts).unwrap() } else { None };
    let Some(proxy) = proxy else {
        eprintln!("not tested: names cannot be given to a process alone here");
        return;
    };
    let ask = |wire: &mut Wire| wire.value("SELECT text FROM notes");
    let (mut idle, mut open) = (login(&proxy), login(&proxy));
    assert_eq!(ask(&mut idle), "one");
    open.rows("BEGIN");
    assert_eq!(ask(&mut open), "one");
    stands_for("127.0.0.2");
    until("the other address is asked", || ask(&mut idle) == "other");
    assert_eq!(ask(&mut open), "one", "its transaction is there");
    open.rows("COMMIT");
    until("its connection is not kept", || ask(&mut open) == "other");
    until("no connection to the old address is left", || connections(one.port(), "app") == 0);
    assert!(proxy.output().contains("the name of a server stands for other addresses"), "{}", proxy.output());
    // A name that nobody knows any more stands for what it stood for.
    fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(ask(&mut idle), "other");
}
