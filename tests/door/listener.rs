//! Ports and socket files.

use super::bench::*;
use super::certificates::Folder;
use shardway::proxy::door::{Listener, Tls, TlsDemand, TlsSettings};
use shardway::proxy::stream::{Keepalive, SocketOptions, Stream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

#[tokio::test]
async fn a_socket_file_has_its_mode_and_goes_with_its_listener() {
    let folder = Folder::new();
    let path = folder.path(".s.PGSQL.6432");
    // Left by a process that is dead.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    // Another test may be starting a program, which holds all our sockets between fork and exec.
    while std::os::unix::net::UnixStream::connect(&path).is_ok() {
        tokio::task::yield_now().await;
    }
    let listener = Listener::unix(folder.root(), 6432, 0o770, 16).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o770);
    let taken = Listener::unix(folder.root(), 6432, 0o770, 16).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    drop(listener);
    assert!(!path.exists());
    std::fs::write(&path, "not a socket").unwrap();
    assert!(Listener::unix(folder.root(), 6432, 0o770, 16).is_err());
    assert!(path.exists(), "what is not a socket is not ours to remove");
}

#[tokio::test]
async fn a_unix_socket_needs_no_tls_and_offers_none() {
    let folder = Folder::new();
    folder.self_signed("proxy", "proxy");
    let tls = Tls::load(&TlsSettings {
        demand: TlsDemand::Require,
        certificate_file: folder.path("proxy.crt"),
        key_file: folder.path("proxy.key"),
        authorities_file: None,
    });
    let listener = Listener::unix(folder.root(), 6432, 0o777, 16).unwrap();
    let mut bench = Bench::on(listener, Some(tls.unwrap()));
    let mut client = Client::new(UnixStream::connect(folder.path(".s.PGSQL.6432")).await.unwrap());
    client.send(&ssl_request()).await;
    assert_eq!(client.byte().await, b'N');
    client.send(&as_user("open")).await;
    assert_eq!(client.message().await.unwrap(), (b'R', vec![0; 4]));
    assert_eq!(bench.verdict().await, "welcome open");
}

#[tokio::test]
async fn two_listeners_share_a_port_and_hand_their_options_down() {
    let keepalive = Keepalive { idle: Duration::from_secs(30), interval: Duration::from_secs(5), count: 3 };
    let options = SocketOptions { keepalive: Some(keepalive), user_timeout: Some(Duration::from_secs(20)) };
    let first = Listener::tcp(([127, 0, 0, 1], 0).into(), 16, true, options).unwrap();
    let address = first.local_address().unwrap();
    let second = Listener::tcp(address, 16, true, options).unwrap();
    assert_eq!(second.local_address(), Some(address));
    let alone = Listener::tcp(address, 16, false, options).unwrap_err();
    assert_eq!(alone.kind(), std::io::ErrorKind::AddrInUse);
    let _client = TcpStream::connect(address).await.unwrap();
    let (stream, _) = tokio::select! { met = first.accept() => met, met = second.accept() => met }.unwrap();
    let Stream::Tcp(tcp) = &stream else { panic!("plain TCP") };
    let socket = socket2::SockRef::from(tcp);
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), keepalive.interval);
    // Each has its own, a quarter more or less.
    let idle = socket.tcp_keepalive_time().unwrap();
    assert!((22..=37).contains(&idle.as_secs()), "{idle:?}");
}
