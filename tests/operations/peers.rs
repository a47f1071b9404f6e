//! Several proxies behind one address: a cancel request reaches the right one.

use std::thread;

use super::*;

/// Two proxies that know each other, and a third number that nobody has.
fn pair(stage: &Stage) -> [Proxy; 2] {
    let ports = [0; 2].map(|_| crate::support::cluster::free_port().unwrap());
    [0, 1].map(|index| {
        let toml = |port, metrics| {
            let own = format!("address = \"127.0.0.1:{port}\"");
            let both = format!("address = [\"127.0.0.1:{port}\", \"127.0.0.1:{}\"]", ports[index]);
            let listen = format!("node = {}\npeer_secret = \"shared by all\"", index + 1);
            let more = format!("[[peers]]\nid = {}\naddress = \"127.0.0.1:{}\"\n", 2 - index, ports[1 - index]);
            let settings = Settings { listen: &listen, more: &more, ..Settings::default() };
            stage.toml(port, metrics, &settings).replacen(&own, &both, 1)
        };
        Proxy::start_with(&stage.world.lab, &format!("peer-{index}"), toml).unwrap()
    })
}

/// Runs a long statement on one proxy and sends its cancel request to another; the statement's SQLSTATE.
fn cancelled_through(stage: &Stage, at: &Proxy, through: &Proxy, minor: u32) -> String {
    let mut wire = Wire::connect(at.port).unwrap();
    wire.send(&wire::startup(196_608 + minor, &[("user", "app"), ("database", "app")])).unwrap();
    wire.authenticate().unwrap();
    assert_eq!(wire.key.len(), if minor == 2 { 36 } else { 8 });
    let mut request = (wire.key.len() as u32 + 8).to_be_bytes().to_vec();
    request.extend(80_877_102_u32.to_be_bytes());
    request.extend(&wire.key);
    let sleep = format!("SELECT pg_sleep(60) FROM events WHERE client_id = {} LIMIT 1", stage.clients[0]);
    wire.send(&wire::query(&sleep)).unwrap();
    let port = through.port;
    // Again and again: the first may come before the statement runs.
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let asking = thread::spawn(move || {
        while stopped
            .recv_timeout(Duration::from_millis(200))
            .is_err_and(|it| it == std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            let mut wire = Wire::connect(port).unwrap();
            wire.send(&request).unwrap();
            wire.until_closed().unwrap();
        }
    });
    let answers = wire::answers(&wire.until_ready().unwrap());
    drop(stop);
    asking.join().unwrap();
    answers[0].error.as_ref().expect("a minute is long").0.clone()
}

#[test]
fn a_cancel_request_reaches_its_session_through_any_peer() {
    let stage = &*STAGE;
    let [first, second] = pair(stage);
    for minor in [0, 2] {
        assert_eq!(cancelled_through(stage, &first, &first, minor), "57014");
        assert_eq!(cancelled_through(stage, &first, &second, minor), "57014");
        assert_eq!(cancelled_through(stage, &second, &first, minor), "57014");
    }
    // A number alone says nothing of the proxy that gave it out.
    let (mut here, mut there) = (login(&first), login(&second));
    let failed = failure(&mut here, &format!("SELECT pg_terminate_backend({})", there.pid()));
    let message = format!("no client of this proxy has the number {}", there.pid());
    assert_eq!(failed, ("0A000".to_owned(), message));
    assert_eq!(there.value("SELECT 1"), "1");
}
