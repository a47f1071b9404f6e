//! Towards servers: a real PostgreSQL with every kind of login, and a server that lies.

use super::bench::*;
use super::certificates::Folder;
use shardway::logic::topology::{Address, Host, Secret, ServerTls, TlsMode};
use shardway::proxy::backend::{ConnectFault, Connected, Connector, Credentials};
use shardway::proxy::door::{Tls, TlsDemand, TlsSettings};
use shardway::proxy::stream::SocketOptions;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

/// Whose password is asked for how.
const HBA: &str = "
local   all open                    trust
local   all clear                   password
local   all all                     scram-sha-256
host    all open    127.0.0.1/32    trust
host    all clear   127.0.0.1/32    password
host    all old     127.0.0.1/32    md5
hostssl all secure  127.0.0.1/32    scram-sha-256
host    all app     127.0.0.1/32    scram-sha-256
host    all all     ::1/128         scram-sha-256
";

/// A server of its own, gone with the value.
struct Postgres {
    folder: Folder,
    port: u16,
    process: Child,
}

impl Postgres {
    async fn start() -> Self {
        let folder = Folder::new();
        folder.authority("ca");
        folder.authority("stranger");
        folder.leaf("server", "ca", "localhost", "DNS:localhost");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        give_away(folder.root());
        let data = folder.path("data");
        let initdb = as_postgres("initdb")
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"])
            .output();
        let initdb = initdb.unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        std::fs::write(data.join("pg_hba.conf"), format!("local all postgres trust\n{HBA}")).unwrap();
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.root().display()),
            "fsync=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", folder.path("server.crt").display()),
            format!("ssl_key_file={}", folder.path("server.key").display()),
        ];
        let mut command = as_postgres("postgres");
        command.arg("-D").arg(&data).args(settings.iter().flat_map(|setting| ["-c", setting]));
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { folder, port, process };
        server.prepare().await;
        server
    }

    /// Waits until it answers and makes the users.
    async fn prepare(&self) {
        let (connector, address) = (Connector::default(), self.unix());
        let postgres = Credentials { user: "postgres", password: None, parameters: &[] };
        let end = Instant::now() + 3 * PATIENCE;
        let mut connected = loop {
            match connector.connect(&Address { database: "postgres".into(), ..address.clone() }, &postgres).await {
                Ok(connected) => break connected,
                Err(fault) => assert!(Instant::now() < end, "{fault}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        for sql in [
            "CREATE DATABASE shop",
            "CREATE ROLE open LOGIN",
            "CREATE ROLE clear LOGIN PASSWORD 'secret'",
            "CREATE ROLE app LOGIN PASSWORD 'secret'",
            "CREATE ROLE secure LOGIN PASSWORD '\u{ff53}ecret'",
            "SET password_encryption = md5",
            "CREATE ROLE old LOGIN PASSWORD 'secret'",
        ] {
            let answer = query(&mut connected, sql).await;
            assert_eq!(answer, "CZ", "{sql}");
        }
    }

    fn unix(&self) -> Address {
        self.at(Host::Unix(self.folder.root().to_owned()), TlsMode::Disable, None)
    }

    fn tcp(&self, host: &str, mode: TlsMode, root: Option<&str>) -> Address {
        self.at(Host::Tcp(host.into()), mode, root)
    }

    fn at(&self, host: Host, mode: TlsMode, root: Option<&str>) -> Address {
        let tls = ServerTls { mode, root_file: root.map(|name| self.folder.path(&format!("{name}.crt"))) };
        Address { host, port: self.port, database: "shop".into(), user: None, password: None, tls }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let pid = self.process.id().to_string();
        // A fast shutdown: it takes its children and its shared memory along.
        if Command::new("kill").args(["-INT", &pid]).status().is_ok() {
            self.process.wait().ok();
        }
    }
}

/// PostgreSQL will not run as root.
fn as_postgres(program: &str) -> Command {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|it| it.path());
    let folder = installed.max().map(|version| version.join("bin")).unwrap_or_default();
    let mut command = Command::new(folder.join(program));
    command.current_dir("/");
    if number("id", &["-u"]) == 0 {
        command.uid(number("id", &["-u", "postgres"])).gid(number("id", &["-g", "postgres"]));
    }
    command
}

fn number(program: &str, arguments: &[&str]) -> u32 {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn give_away(folder: &Path) {
    if number("id", &["-u"]) == 0 {
        assert!(Command::new("chown").args(["-R", "postgres"]).arg(folder).status().unwrap().success());
    }
}

/// Runs a simple query; the tags of the answer.
async fn query(server: &mut Connected, sql: &str) -> String {
    server.stream.write_all(&tagged(b'Q', &[sql.as_bytes(), &[0]].concat())).await.unwrap();
    server.stream.flush().await.unwrap();
    answer(server).await.iter().map(|(tag, _)| *tag as char).collect()
}

async fn answer(server: &mut Connected) -> Vec<Message> {
    let mut messages = Vec::new();
    while messages.last().is_none_or(|(tag, _)| *tag != b'Z') {
        let tag = server.stream.read_u8().await.unwrap();
        let mut body = vec![0; server.stream.read_u32().await.unwrap() as usize - 4];
        server.stream.read_exact(&mut body).await.unwrap();
        messages.push((tag, body));
    }
    messages
}

async fn connect(address: &Address, user: &str, password: Option<&str>) -> Result<Connected, ConnectFault> {
    let password = password.map(Secret::new);
    let parameters = [("application_name", "a shard's"), ("client_encoding", "UTF8")];
    let credentials = Credentials { user, password: password.as_ref(), parameters: &parameters };
    let connector = Connector::new(SocketOptions::default());
    timeout(PATIENCE, connector.connect(address, &credentials)).await.expect("an answer in time")
}

/// How it went: `tls`, `plain`, or the SQLSTATE, or the kind of fault.
async fn outcome(address: &Address, user: &str, password: Option<&str>) -> String {
    match connect(address, user, password).await {
        Ok(mut server) => {
            assert_eq!(query(&mut server, "SELECT 1").await, "TDCZ");
            assert!(!server.stream.is_readable_now());
            if server.tls { "tls" } else { "plain" }.to_owned()
        }
        Err(ConnectFault::Refused { sqlstate, .. }) => sqlstate.into(),
        Err(ConnectFault::Authentication(_)) => "authentication".to_owned(),
        Err(ConnectFault::Tls(_)) => "no tls".to_owned(),
        Err(ConnectFault::Unknown { .. }) => "unknown".to_owned(),
        Err(ConnectFault::Unreachable(_)) => "unreachable".to_owned(),
        Err(ConnectFault::Protocol(words)) => words,
    }
}

#[tokio::test]
async fn every_kind_of_login_works_against_postgres() {
    use TlsMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
    let server = Postgres::start().await;
    let secret = Some("secret");
    // The password of "secure" was given with a full-width s, which SASLprep turns into the plain one.
    for (name, address, user, password, expected) in [
        ("trust", server.tcp("127.0.0.1", Disable, None), "open", None, "plain"),
        ("trust on a Unix socket", server.unix(), "open", None, "plain"),
        ("md5", server.tcp("127.0.0.1", Disable, None), "old", secret, "plain"),
        ("md5 inside TLS", server.tcp("127.0.0.1", Require, None), "old", secret, "tls"),
        ("scram", server.tcp("127.0.0.1", Disable, None), "app", secret, "plain"),
        ("scram on a Unix socket", server.unix(), "app", secret, "plain"),
        ("scram with channel binding", server.tcp("127.0.0.1", Prefer, None), "app", secret, "tls"),
        ("scram, prepared", server.tcp("127.0.0.1", Require, None), "secure", secret, "tls"),
        ("a password in clear inside TLS", server.tcp("127.0.0.1", Require, None), "clear", secret, "tls"),
        ("a password in clear on a Unix socket", server.unix(), "clear", secret, "plain"),
        ("no password in clear over TCP", server.tcp("127.0.0.1", Disable, None), "clear", secret, "authentication"),
        ("no password at hand", server.tcp("127.0.0.1", Disable, None), "app", None, "authentication"),
        ("wrong password", server.tcp("127.0.0.1", Prefer, None), "app", Some("other"), "28P01"),
        ("wrong md5 password", server.tcp("127.0.0.1", Disable, None), "old", Some("other"), "28P01"),
        ("unknown user", server.tcp("127.0.0.1", Disable, None), "nobody", secret, "28000"),
        ("TLS where the server wants it", server.tcp("127.0.0.1", Disable, None), "secure", secret, "28000"),
        ("verify-ca", server.tcp("127.0.0.1", VerifyCa, Some("ca")), "app", secret, "tls"),
        ("verify-ca, another authority", server.tcp("127.0.0.1", VerifyCa, Some("stranger")), "app", secret, "no tls"),
        ("verify-full", server.tcp("localhost", VerifyFull, Some("ca")), "app", secret, "tls"),
        ("verify-full, another name", server.tcp("127.0.0.1", VerifyFull, Some("ca")), "app", secret, "no tls"),
        ("verify-full, nobody to trust", server.tcp("localhost", VerifyFull, None), "app", secret, "no tls"),
        ("verify-ca, no file", server.tcp("localhost", VerifyCa, Some("none")), "app", secret, "no tls"),
        ("no such database", Address { database: "none".into(), ..server.unix() }, "open", None, "3D000"),
        ("no such host", server.tcp("no-such-host.invalid", Disable, None), "open", None, "unknown"),
        ("nobody there", Address { port: 1, ..server.tcp("127.0.0.1", Disable, None) }, "open", None, "unreachable"),
        ("no socket there", Address { port: 1, ..server.unix() }, "open", None, "unreachable"),
    ] {
        assert_eq!(outcome(&address, user, password).await, expected, "{name}");
    }
    reports_its_settings(&server).await;
    cancels(&server, server.tcp("127.0.0.1", TlsMode::Require, None)).await;
    cancels(&server, server.unix()).await;
}

async fn reports_its_settings(server: &Postgres) {
    let connected = connect(&server.unix(), "open", None).await.unwrap();
    let setting =
        |name: &str| connected.parameters.iter().find(|(key, _)| &**key == name).map(|(_, value)| value.to_string());
    assert_eq!(setting("application_name").as_deref(), Some("a shard's"));
    assert_eq!(setting("client_encoding").as_deref(), Some("UTF8"));
    assert!(setting("server_version").is_some());
    assert!(connected.pid > 0 && connected.secret_key.len() == 4);
}

async fn cancels(server: &Postgres, address: Address) {
    let mut connected = connect(&server.unix(), "open", None).await.unwrap();
    connected.stream.write_all(&tagged(b'Q', b"SELECT pg_sleep(600)\0")).await.unwrap();
    let asleep = "SELECT 1/count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    let mut other = connect(&server.unix(), "open", None).await.unwrap();
    while query(&mut other, asleep).await != "TDCZ" {
        tokio::task::yield_now().await;
    }
    let connector = Connector::default();
    let key = (connected.pid, &connected.secret_key[..]);
    timeout(PATIENCE, connector.cancel(&address, key, || true)).await.unwrap().unwrap();
    let answer = timeout(PATIENCE, answer(&mut connected)).await.unwrap();
    let error = answer.iter().find(|(tag, _)| *tag == b'E').expect("the statement was cancelled");
    assert_eq!(field(error, b'C'), "57014");
}

/// The certificates that PostgreSQL's manual makes: self-signed, with the host in the common name.
#[tokio::test]
async fn a_certificate_that_is_its_own_root_is_taken() {
    let folder = Folder::new();
    folder.self_signed("manual", "localhost");
    folder.self_signed("other", "localhost");
    folder.self_signed("elsewhere", "db.example.org");
    for (certificate, root, mode, taken) in [
        ("manual", "manual", TlsMode::VerifyFull, true),
        ("manual", "other", TlsMode::VerifyFull, false),
        ("elsewhere", "elsewhere", TlsMode::VerifyFull, false),
        ("elsewhere", "elsewhere", TlsMode::VerifyCa, true),
        ("elsewhere", "other", TlsMode::Require, true),
    ] {
        let tls = Tls::load(&TlsSettings {
            demand: TlsDemand::Allow,
            certificate_file: folder.path(&format!("{certificate}.crt")),
            key_file: folder.path(&format!("{certificate}.key")),
            authorities_file: None,
        });
        let bench = Bench::new(Some(tls.unwrap()));
        let tls = ServerTls { mode, root_file: Some(folder.path(&format!("{root}.crt"))) };
        let address = at_port(bench.address.port(), tls);
        let connected = connect(&address, "app", Some("secret")).await;
        assert_eq!(connected.is_ok(), taken, "{certificate} {root} {mode:?}: {connected:?}");
    }
}

fn at_port(port: u16, tls: ServerTls) -> Address {
    Address { host: Host::Tcp("localhost".into()), port, database: "shop".into(), user: None, password: None, tls }
}

/// What a server says that is none, or means no good.
#[tokio::test]
async fn a_server_that_lies_gets_no_password_and_no_memory() {
    let authentication = |code: u32, rest: &[u8]| tagged(b'R', &[&code.to_be_bytes()[..], rest].concat());
    let challenge = |text: &[u8]| authentication(11, text);
    for (name, script, expected) in [
        ("closes", vec![], "unreachable"),
        ("a huge message", vec![vec![b'R', 0x7f, 0xff, 0xff, 0xff]], "a message longer than any of a login"),
        ("a negative length", vec![vec![b'R', 0xff, 0xff, 0xff, 0xff]], "invalid message length"),
        ("an error without a code", vec![tagged(b'E', b"Mno\0\0")], "08006"),
        (
            "Ok before its proof",
            vec![authentication(10, b"SCRAM-SHA-256\0\0"), authentication(0, b"")],
            "authentication",
        ),
        ("no mechanism of ours", vec![authentication(10, b"OAUTHBEARER\0\0")], "none of the mechanisms"),
        ("a challenge unasked for", vec![challenge(b"r=a,s=AAAA,i=1")], "SASLContinue out of turn"),
        (
            "another's nonce",
            vec![authentication(10, b"SCRAM-SHA-256\0\0"), challenge(b"r=a,s=AAAA,i=4096")],
            "invalid nonce",
        ),
        ("Kerberos", vec![authentication(7, b"")], "an authentication method"),
        ("rows", vec![[authentication(0, b""), tagged(b'D', &[0, 0])].concat()], "a message that does not belong"),
        ("more after ready", vec![[&authentication(0, b"")[..], READY, READY].concat()], "more after ReadyForQuery"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answer in script {
                assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
                stream.write_all(&answer).await.unwrap();
            }
            stream.shutdown().await.ok();
            while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
        });
        let tls = ServerTls { mode: TlsMode::Disable, root_file: None };
        let address = Address { host: Host::Tcp("127.0.0.1".into()), ..at_port(port, tls) };
        let outcome = outcome(&address, "app", Some("secret")).await;
        assert!(outcome.starts_with(expected), "{name}: {outcome}");
    }
}

#[tokio::test]
async fn an_answer_to_ssl_request_may_not_bring_more_along() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        let stuffed = [&b"S"[..], &tagged(b'R', &[0; 4]), READY].concat();
        stream.write_all(&stuffed).await.unwrap();
        while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
    });
    let address = at_port(port, ServerTls { mode: TlsMode::Prefer, root_file: None });
    assert_eq!(outcome(&address, "app", Some("secret")).await, "no tls");
}
