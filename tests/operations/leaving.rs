//! How a proxy ends: load balancers first, then clients one by one; its successor takes over without a refused connection;
//! systemd is told.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::support::work::{Progress, Work};

fn count_of(client: i64) -> String {
    format!("SELECT count(*) FROM events WHERE client_id = {client}")
}

fn until_ended(proxy: &mut Proxy) {
    until("the process ends", || proxy.exit_code().is_some());
    assert_eq!(proxy.exit_code(), Some(0));
}

#[test]
fn term_fails_readiness_first_and_goes_on_for_drain_grace() {
    let stage = &*STAGE;
    let mut proxy = stage.proxy("grace", &Settings { listen: "drain_grace = \"3s\"", ..Settings::default() });
    let mut early = login(&proxy);
    early.rows("SELECT 1");
    let told = Instant::now();
    proxy.signal("TERM");
    until("it is not ready", || get(proxy.metrics_port, "/readyz").0 == 503);
    assert_eq!(login(&proxy).value(&count_of(stage.clients[0])), "6", "clients still come in");
    assert_eq!(early.value(&count_of(stage.clients[1])), "6", "clients stay");
    assert!(told.elapsed() < Duration::from_secs(3), "this machine is too slow to tell");
    assert!(whole_error(&early.until_closed().unwrap()).contains("57P01"));
    assert!(told.elapsed() >= Duration::from_secs(3));
    until_ended(&mut proxy);
}

#[test]
fn int_does_not_wait_for_drain_grace_and_quit_waits_for_nothing() {
    let stage = &*STAGE;
    for signal in ["INT", "QUIT"] {
        let listen = "drain_grace = \"1h\"\ndrain_timeout = \"1h\"";
        let mut proxy = stage.proxy(&format!("hasty-{signal}"), &Settings { listen, ..Settings::default() });
        let mut idle = login(&proxy);
        proxy.signal(signal);
        assert!(idle.until_closed().is_ok());
        until_ended(&mut proxy);
    }
}

#[test]
fn who_has_just_come_in_may_ask_first() {
    let stage = &*STAGE;
    let mut proxy = stage.proxy("newcomer", &Settings::default());
    let mut old = login(&proxy);
    thread::sleep(Duration::from_millis(1100));
    let mut new = login(&proxy);
    proxy.signal("TERM");
    let told = Instant::now();
    assert!(whole_error(&old.until_closed().unwrap()).contains("57P01"));
    new.send(&wire::query("SELECT 7")).unwrap();
    let is_in_time = told.elapsed() < Duration::from_millis(900);
    let frames = new.until_closed().unwrap();
    assert!(!is_in_time || frames.iter().any(|frame| frame.tag == b'D'), "{frames:?}");
    assert!(whole_error(&frames).contains("57P01"), "and goes then");
    until_ended(&mut proxy);
}

#[test]
fn stragglers_hear_why_and_their_statements_are_cancelled() {
    let stage = &*STAGE;
    stage.role("straggler");
    let more = "[[users]]\nname = \"straggler\"\npassword = \"secret\"\n\n[monitor]\nuser = \"postgres\"\n";
    let listen = "drain_timeout = \"1s\"";
    let mut proxy = stage.proxy("stragglers", &Settings { listen, more, ..Settings::default() });
    let mut open = enter(proxy.port, "straggler", &[]).unwrap();
    open.rows(&format!("BEGIN; {}", count_of(stage.clients[0])));
    let mut busy = enter(proxy.port, "straggler", &[]).unwrap();
    let sleep = format!("SELECT pg_sleep(3600) FROM events WHERE client_id = {} LIMIT 1", stage.clients[0]);
    busy.send(&wire::query(&sleep)).unwrap();
    let port = stage.world.shards[0].port();
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'straggler' AND query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    until("it sleeps", || admin(port).value(sleeping) == "1");
    proxy.signal("TERM");
    assert!(whole_error(&open.until_closed().unwrap()).contains("SFATAL | VFATAL | C57P01"));
    let frames = busy.until_closed().unwrap();
    assert!(whole_error(&frames).contains("57014"), "{frames:?}");
    assert!(whole_error(&frames[frames.len() - 1..]).contains("57P01"), "{frames:?}");
    until_ended(&mut proxy);
    until("nothing sleeps any more", || admin(port).value(sleeping) == "0");
}

/// Connects, asks, leaves, again and again, until it is told to stop.
fn come_and_go(port: u16, ask: &str, progress: &Progress, served: &AtomicUsize) {
    while progress.goes_on() {
        let mut wire = enter(port, "app", &[]).unwrap_or_else(|error| panic!("turned away: {error}"));
        assert_eq!(wire.value(ask), "6");
        wire.send(&wire::message(b'X', b"")).unwrap();
        served.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_successor_takes_over_without_a_refused_connection() {
    let stage = &*STAGE;
    let shared = crate::support::cluster::free_port().unwrap();
    let start = |name: &str| {
        let toml = |port, metrics| {
            let own = format!("address = \"127.0.0.1:{port}\"");
            let both = format!("address = [\"127.0.0.1:{port}\", \"127.0.0.1:{shared}\"]");
            stage.toml(port, metrics, &Settings::default()).replacen(&own, &both, 1)
        };
        Proxy::start_with(&stage.world.lab, name, toml).unwrap()
    };
    let mut serving = start("relay-0");
    let (work, served) = (Work::default(), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|turn| {
            let (progress, served, ask) = (work.progress(), Arc::clone(&served), count_of(stage.clients[turn % 3]));
            thread::spawn(move || come_and_go(shared, &ask, &progress, &served))
        })
        .collect();
    for turn in 1..=3 {
        let next = start(&format!("relay-{turn}"));
        let before = metric(&next, "shardway_client_connections_total", &[]);
        until("both serve", || metric(&next, "shardway_client_connections_total", &[]) > before + 5.0);
        serving.signal("TERM");
        until_ended(&mut serving);
        serving = next;
        let at_end = served.load(Ordering::Relaxed);
        until("its successor serves alone", || served.load(Ordering::Relaxed) > at_end + 10);
    }
    drop(work);
    for client in clients {
        client.join().unwrap();
    }
}

/// What systemd hears.
struct Systemd {
    socket: UnixDatagram,
    path: String,
}

impl Systemd {
    fn new(stage: &Stage, name: &str) -> Self {
        let path = stage.world.lab.folder().join(name).to_str().unwrap().to_owned();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    /// Messages up to the one that has this line.
    fn until(&self, line: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let size = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {line}: {error}; {heard:?}"));
            heard.push(String::from_utf8_lossy(&buffer[..size]).into_owned());
            if heard[heard.len() - 1].lines().any(|said| said.starts_with(line)) {
                return heard;
            }
        }
    }
}

#[test]
fn systemd_hears_of_start_reload_life_and_end() {
    let stage = &*STAGE;
    let systemd = Systemd::new(stage, "notified");
    let toml = |port, metrics| stage.toml(port, metrics, &Settings::default());
    let variables = [("NOTIFY_SOCKET", systemd.path.as_str()), ("WATCHDOG_USEC", "400000")];
    let mut proxy = Proxy::start_with_variables(&stage.world.lab, "notifying", toml, &variables).unwrap();
    assert!(systemd.until("READY=1")[0].contains("STATUS=0 clients"));
    for _ in 0..3 {
        systemd.until("WATCHDOG=1");
    }
    let _client = login(&proxy);
    until("the status line follows", || systemd.until("STATUS=")[0].contains("STATUS=1 clients"));
    proxy.signal("HUP");
    let reloading = systemd.until("RELOADING=1").pop().unwrap();
    let micros = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(micros.parse::<u64>().unwrap() > 0);
    systemd.until("READY=1");
    proxy.signal("TERM");
    systemd.until("STOPPING=1");
    until_ended(&mut proxy);
}

#[test]
fn systemd_does_not_wait_for_an_end_that_waits_for_clients() {
    let stage = &*STAGE;
    let systemd = Systemd::new(stage, "kept-waiting");
    let settings = Settings { more: "[console]\nadmin = [\"app\"]\n", ..Settings::default() };
    let toml = |port, metrics| stage.toml(port, metrics, &settings);
    let variables = [("NOTIFY_SOCKET", systemd.path.as_str()), ("WATCHDOG_USEC", "400000")];
    let mut proxy = Proxy::start_with_variables(&stage.world.lab, "patient", toml, &variables).unwrap();
    let mut client = login(&proxy);
    enter(proxy.port, "app", &[("database", "shardway")]).unwrap().simple("SHUTDOWN WAIT_FOR_CLIENTS").unwrap();
    until("nobody comes in", || Wire::connect(proxy.port).is_err());
    // It neither kills after TimeoutStopSec nor because we are silent.
    let heard: Vec<String> = (0..4).flat_map(|_| systemd.until("WATCHDOG=1")).collect();
    assert!(!heard.concat().contains("STOPPING"), "{heard:?}");
    assert_eq!(client.value("SELECT 7"), "7");
    drop(client);
    systemd.until("STOPPING=1");
    until_ended(&mut proxy);
}

/// Starts a proxy that listens on this socket only, as systemd would; its own address is not opened.
fn activated(stage: &Stage, name: &str, socket: &TcpListener) -> (Child, u16) {
    let (port, metrics) =
        (crate::support::cluster::free_port().unwrap(), crate::support::cluster::free_port().unwrap());
    let config = stage.world.lab.folder().join(format!("{name}.toml"));
    fs::write(&config, stage.toml(port, metrics, &Settings::default())).unwrap();
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" run --allow-root -c \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_shardway")]).arg(config);
    let socket: std::os::fd::OwnedFd = socket.try_clone().unwrap().into();
    let child = command.stdin(Stdio::from(socket)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    stage.world.lab.adopt(name, child.id()).unwrap();
    (child, port)
}

#[test]
fn sockets_of_systemd_are_listened_on_and_outlive_the_process() {
    let stage = &*STAGE;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    for turn in 0..2 {
        let name = format!("activated-{turn}");
        // Nobody listens yet, or any more: the client waits in the socket.
        let waiting = thread::spawn(move || enter(port, "app", &[]).map(|mut wire| wire.value("SELECT 7")));
        let (mut child, own_port) = activated(stage, &name, &socket);
        assert_eq!(waiting.join().unwrap().unwrap(), "7");
        assert!(Wire::connect(own_port).is_err(), "the socket is instead of the address");
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        stage.world.lab.release(&name);
    }
}

#[test]
fn root_is_refused_unless_it_is_allowed() {
    let me = Command::new("id").arg("-u").output().unwrap().stdout;
    if me != b"0\n" {
        return;
    }
    let stage = &*STAGE;
    let config = stage.world.lab.folder().join("as-root.toml");
    fs::write(&config, stage.toml(1, 2, &Settings::default())).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_shardway")).args(["run", "-c"]).arg(config).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("will not run as root") && said.contains("--allow-root"), "{said}");
}
