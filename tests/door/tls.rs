//! TLS towards clients: asked for, or begun at once; required; with certificates; reloaded.

use super::bench::*;
use super::certificates::Folder;
use postgres_protocol::authentication::sasl::ChannelBinding;
use shardway::logic::auth::certificate::end_point;
use shardway::proxy::door::{Tls, TlsDemand, TlsFault, TlsSettings};
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// How a client speaks TLS.
#[derive(Clone, Copy)]
struct Manner<'a> {
    alpn: &'a [&'a [u8]],
    version: &'static SupportedProtocolVersion,
    certificate: Option<&'a str>,
}

const USUAL: Manner<'_> = Manner { alpn: &[], version: &TLS13, certificate: None };

fn folder() -> Folder {
    let folder = Folder::new();
    folder.authority("ca");
    folder.leaf("proxy", "ca", "proxy", "DNS:localhost");
    folder.leaf("card", "ca", "card", "");
    folder.leaf("other", "ca", "other", "");
    folder.self_signed("stranger", "card");
    folder
}

fn load(folder: &Folder, demand: TlsDemand, certificate: &str) -> Result<Tls, TlsFault> {
    Tls::load(&TlsSettings {
        demand,
        certificate_file: folder.path(&format!("{certificate}.crt")),
        key_file: folder.path(&format!("{certificate}.key")),
        authorities_file: Some(folder.path("ca.crt")),
    })
}

async fn handshake(folder: &Folder, tcp: TcpStream, manner: Manner<'_>) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.path("ca.crt")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[manner.version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match manner.certificate {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = vec![CertificateDer::from_pem_file(folder.path(&format!("{name}.crt"))).unwrap()];
            let key = PrivateKeyDer::from_pem_file(folder.path(&format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = manner.alpn.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

/// Through SSLRequest.
async fn asked(bench: &Bench, folder: &Folder, manner: Manner<'_>) -> io::Result<(Client, Vec<u8>)> {
    let mut client = TcpStream::connect(bench.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut client, &ssl_request()).await.unwrap();
    assert_eq!(tokio::io::AsyncReadExt::read_u8(&mut client).await.unwrap(), b'S');
    let tls = handshake(folder, client, manner).await?;
    let shown = tls.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    Ok((Client::new(tls), shown))
}

#[tokio::test]
async fn passwords_are_bound_to_the_certificate() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Allow, "proxy").unwrap()));
    for version in [&TLS12, &TLS13] {
        let (mut client, shown) = asked(&bench, &folder, Manner { version, ..USUAL }).await.unwrap();
        client.send(&as_user("app")).await;
        let binding = ChannelBinding::tls_server_end_point(end_point(&shown).unwrap());
        let transcript = client.scram("secret", "SCRAM-SHA-256-PLUS", binding).await;
        assert_eq!(transcript[0].1, b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
        assert_eq!(tags(&transcript), "RRRRZ");
        assert_eq!(bench.verdict().await, "welcome app");
    }
}

#[tokio::test]
async fn binding_to_something_else_is_refused() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Allow, "proxy").unwrap()));
    for (mechanism, binding, expected) in [
        ("SCRAM-SHA-256", ChannelBinding::unsupported(), "welcome app"),
        ("SCRAM-SHA-256", ChannelBinding::unrequested(), "28000"),
        ("SCRAM-SHA-256-PLUS", ChannelBinding::unsupported(), "08P01"),
        ("SCRAM-SHA-256-PLUS", ChannelBinding::unrequested(), "08P01"),
        ("SCRAM-SHA-256-PLUS", ChannelBinding::tls_server_end_point(vec![1; 32]), "28000"),
    ] {
        let (mut client, _) = asked(&bench, &folder, USUAL).await.unwrap();
        client.send(&as_user("app")).await;
        client.scram("secret", mechanism, binding).await;
        assert_eq!(bench.verdict().await, expected, "{mechanism}");
    }
}

#[tokio::test]
async fn tls_may_begin_at_once_when_it_names_the_protocol() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Require, "proxy").unwrap()));
    // The second is longer than what the door reads at first.
    let padded = [&[&b"postgresql"[..]][..], &[&b"padding"[..]; 300]].concat();
    for (alpn, version) in [(&padded[..1], &TLS12), (&padded[..1], &TLS13), (&padded, &TLS12), (&padded, &TLS13)] {
        let tcp = TcpStream::connect(bench.address).await.unwrap();
        let manner = Manner { alpn, version, ..USUAL };
        let mut client = Client::new(handshake(&folder, tcp, manner).await.unwrap());
        client.send(&as_user("open")).await;
        assert_eq!(client.message().await.unwrap(), (b'R', vec![0; 4]));
        assert_eq!(bench.verdict().await, "welcome open");
    }
    for alpn in [&[][..], &[&b"http/1.1"[..]]] {
        let tcp = TcpStream::connect(bench.address).await.unwrap();
        if let Ok(tls) = handshake(&folder, tcp, Manner { alpn, ..USUAL }).await {
            assert_eq!(Client::new(tls).message().await, None);
        }
        assert_eq!(bench.verdict().await, "lost InvalidData");
    }
    let mut bench = Bench::new(None);
    let tcp = TcpStream::connect(bench.address).await.unwrap();
    assert!(handshake(&folder, tcp, Manner { alpn: &[b"postgresql"], ..USUAL }).await.is_err());
    assert_eq!(bench.verdict().await, "lost Unsupported");
}

#[tokio::test]
async fn encryption_inside_encryption_is_no_protocol() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Allow, "proxy").unwrap()));
    for request in [ssl_request(), gss_request()] {
        let (mut client, _) = asked(&bench, &folder, USUAL).await.unwrap();
        client.send(&request).await;
        assert_eq!(field(&client.message().await.unwrap(), b'C'), "0A000");
        assert_eq!(bench.verdict().await, "0A000");
    }
}

#[tokio::test]
async fn a_packet_stuffed_behind_the_request_is_never_taken_for_one_from_inside() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Allow, "proxy").unwrap()));
    let mut client = bench.client().await;
    client.send(&[ssl_request(), as_user("open")].concat()).await;
    let messages = client.messages().await;
    assert_eq!(tags(&messages), "E", "an error in clear, and no 'S'");
    assert_eq!(bench.verdict().await, "08P01");
}

#[tokio::test]
async fn where_tls_is_required_only_cancel_requests_come_without() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Require, "proxy").unwrap()));
    for user in ["open", "app", "nobody"] {
        let mut client = bench.client().await;
        client.send(&as_user(user)).await;
        assert_eq!(field(&client.message().await.unwrap(), b'C'), "28000");
        assert_eq!(bench.verdict().await, "28000");
    }
    let mut client = bench.client().await;
    client.send(&packet(80_877_102, &[1; 8])).await;
    assert_eq!(bench.verdict().await, "cancel 16843009 4");
}

#[tokio::test]
async fn a_certificate_opens_to_the_user_it_names() {
    let folder = folder();
    for demand in [TlsDemand::Allow, TlsDemand::Verify] {
        let mut bench = Bench::new(Some(load(&folder, demand, "proxy").unwrap()));
        let with = |name| Manner { certificate: Some(name), ..USUAL };
        let (mut client, _) = asked(&bench, &folder, with("card")).await.unwrap();
        client.send(&as_user("card")).await;
        assert_eq!(bench.verdict().await, "welcome card");
        let (mut client, _) = asked(&bench, &folder, with("other")).await.unwrap();
        client.send(&as_user("card")).await;
        client.scram("secret", "SCRAM-SHA-256", ChannelBinding::unsupported()).await;
        assert_eq!(bench.verdict().await, "28P01");
    }
}

#[tokio::test]
async fn certificates_of_strangers_and_none_at_all_end_the_handshake_where_they_are_required() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Verify, "proxy").unwrap()));
    for certificate in [None, Some("stranger")] {
        // In TLS 1.3 the client learns of it with its first read.
        if let Ok((mut client, _)) = asked(&bench, &folder, Manner { certificate, ..USUAL }).await {
            assert_eq!(client.message().await, None);
        }
        assert_eq!(bench.verdict().await, "lost InvalidData");
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_those_who_come_after_it() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Allow, "proxy").unwrap()));
    let (mut before, old) = asked(&bench, &folder, USUAL).await.unwrap();
    folder.leaf("renewed", "ca", "proxy", "DNS:localhost");
    bench.door.set_tls(Some(load(&folder, TlsDemand::Allow, "renewed").unwrap()));
    let (mut after, new) = asked(&bench, &folder, USUAL).await.unwrap();
    assert_ne!(old, new);
    for (client, shown) in [(&mut before, old), (&mut after, new)] {
        client.send(&as_user("app")).await;
        let binding = ChannelBinding::tls_server_end_point(end_point(&shown).unwrap());
        client.scram("secret", "SCRAM-SHA-256-PLUS", binding).await;
        assert_eq!(bench.verdict().await, "welcome app");
    }
}

/// PostgreSQL's own client library, up to the end of its login.
#[tokio::test]
async fn libpq_logs_in() {
    let folder = folder();
    let mut bench = Bench::new(Some(load(&folder, TlsDemand::Allow, "proxy").unwrap()));
    let root = format!(
        "sslmode=verify-full sslrootcert={} host=localhost hostaddr=127.0.0.1",
        folder.path("ca.crt").display()
    );
    let card = format!("sslcert={} sslkey={}", folder.path("card.crt").display(), folder.path("card.key").display());
    for (user, manner, expected) in [
        ("app", "sslmode=disable", "welcome app"),
        ("app", "sslmode=prefer", "welcome app"),
        ("app", "sslmode=require channel_binding=require", "welcome app"),
        ("app", &root, "welcome app"),
        ("card", &format!("{root} {card}"), "welcome card"),
        ("open", "sslmode=disable options='-c geqo=off'", "welcome open"),
        ("nobody", "sslmode=require channel_binding=require", "28P01"),
    ] {
        // A host is named, because libpq makes a server name of the socket folder otherwise, which rustls does not take.
        let address = format!("host=127.0.0.1 port={} dbname=shop user={user} {manner}", bench.address.port());
        let mut psql = tokio::process::Command::new("psql");
        psql.env("PGPASSWORD", "secret").args(["-XAtc", "SELECT 1", &address]).kill_on_drop(true);
        let _psql = psql.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert_eq!(bench.verdict().await, expected, "{user} {manner}");
    }
}

#[test]
fn files_that_do_not_fit_are_reported_by_name() {
    let folder = folder();
    let settings = TlsSettings {
        demand: TlsDemand::Allow,
        certificate_file: folder.path("proxy.crt"),
        key_file: folder.path("proxy.key"),
        authorities_file: None,
    };
    for (change, words) in [
        (TlsSettings { certificate_file: folder.path("none.crt"), ..settings.clone() }, "none.crt: "),
        (
            TlsSettings { certificate_file: folder.path("proxy.key"), ..settings.clone() },
            "proxy.key: holds no certificate",
        ),
        (TlsSettings { key_file: folder.path("proxy.crt"), ..settings.clone() }, "proxy.crt: "),
        (TlsSettings { key_file: folder.path("card.key"), ..settings.clone() }, "keys may not be consistent"),
        (TlsSettings { demand: TlsDemand::Verify, ..settings.clone() }, "no file of authorities"),
    ] {
        let fault = Tls::load(&change).unwrap_err().to_string();
        assert!(fault.contains(words), "{fault}");
    }
    assert!(Tls::load(&settings).is_ok());
}
