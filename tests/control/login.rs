//! Logging in: passwords, TLS, and functions that would deceive us.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

use shardway::control::{Control, ControlSettings, MonitorSettings};
use shardway::logic::picture;
use shardway::logic::topology::{Address, Health, Secret, Server as Member, ServerTls, TlsMode, Topology};
use shardway::proxy::metrics::Metrics;

use super::{settings, sql, start, until};
use crate::support::cluster::{Auth, Lab, Server};

/// One shard whose address was edited.
fn with_address(server: &Server, edit: impl FnOnce(&mut Address)) -> Topology {
    let mut topology = picture::of_ports("app", &[(server.port(), &[])]);
    let app = Arc::make_mut(topology.databases.get_mut("app").unwrap());
    let mut primary = Member::clone(&app.shards[0].primary);
    edit(&mut primary.address);
    app.shards[0].primary = Arc::new(primary);
    topology
}

fn health(topology: &Topology) -> Health {
    topology.databases["app"].shards[0].primary.health
}

#[tokio::test]
async fn a_server_that_turns_us_away_is_alive_and_nobody_can_deceive_us() {
    let lab = Arc::new(Lab::new("turned-away").unwrap());
    let a = Server::start(&lab, "a", Auth::Scram, &[]).unwrap();
    // Were our queries to use it, the primary would look like a standby.
    sql(&a, "CREATE FUNCTION public.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true'").await;
    sql(&a, "ALTER DATABASE postgres SET search_path = public, pg_catalog").await;
    sql(&a, "CREATE ROLE watcher LOGIN PASSWORD 'right'").await;
    let as_watcher = |password: &str| {
        let topology = with_address(&a, |it| (it.user, it.password) = (None, None));
        let monitor = MonitorSettings { user: Some("watcher".into()), password: Some(Secret::new(password)) };
        (topology, ControlSettings { monitor, ..settings() })
    };
    let (topology, wrong) = as_watcher("wrong");
    let control = Control::start(wrong, topology, Metrics::new()).unwrap();
    let now = until(&control, "alive, but not known", |it| health(it) == Health::Up).await;
    assert!(now.databases["app"].catalog.is_none());
    let (topology, right) = as_watcher("right");
    control.replace(topology, right);
    until(&control, "the schema is read", |it| it.databases["app"].catalog.is_some()).await;
    let probed = until(&control, "it was probed too", |it| health(it) != Health::Unknown).await;
    assert_eq!(health(&probed), Health::Up);
}

/// `server.crt` and `server.key` of `localhost`, made by openssl and signed by `root.crt`.
fn certificates(lab: &Lab) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        let output = command.current_dir(lab.folder()).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -sha256 -nodes -days 9";
    openssl(&format!("{new} -keyout root.key -out root.crt -subj /CN=authority"));
    openssl(&format!(
        "{new} -keyout server.key -out server.crt -subj /CN=localhost -CA root.crt -CAkey root.key \
         -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost"
    ));
    let key = lab.folder().join("server.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    lab.give(&key).unwrap();
}

#[tokio::test]
async fn tls_is_as_strict_as_the_map_says() {
    let lab = Arc::new(Lab::new("control-tls").unwrap());
    certificates(&lab);
    let file = |name: &str| lab.folder().join(name).display().to_string();
    let (certificate, key) = (file("server.crt"), file("server.key"));
    let tls = [("ssl", "on"), ("ssl_cert_file", &*certificate), ("ssl_key_file", &*key)];
    let a = Server::start(&lab, "a", Auth::Scram, &tls).unwrap();
    let plain = Server::start(&lab, "plain", Auth::Scram, &[]).unwrap();
    let root = Some(lab.folder().join("root.crt"));
    let cases = [
        ("prefer", &a, TlsMode::Prefer, None, "127.0.0.1", Health::Up),
        ("prefer, and the server cannot", &plain, TlsMode::Prefer, None, "127.0.0.1", Health::Up),
        ("require, and the server cannot", &plain, TlsMode::Require, None, "127.0.0.1", Health::Down),
        ("verify-ca does not look at the name", &a, TlsMode::VerifyCa, root.clone(), "127.0.0.1", Health::Up),
        ("verify-full does", &a, TlsMode::VerifyFull, root.clone(), "127.0.0.1", Health::Down),
        ("verify-full with the right name", &a, TlsMode::VerifyFull, root, "localhost", Health::Up),
    ];
    for (case, server, mode, root_file, host, expected) in cases {
        let control = start(with_address(server, |it| {
            // A role with a password: SCRAM, over TLS with channel binding.
            (it.user, it.password) = (Some("app".into()), Some(Secret::new("secret")));
            it.host = shardway::logic::topology::Host::Tcp(host.into());
            it.tls = ServerTls { mode, root_file };
        }));
        let decided = |it: &Topology| matches!(health(it), Health::Up | Health::Down);
        assert_eq!(health(&*until(&control, case, decided).await), expected, "{case}");
    }
}
