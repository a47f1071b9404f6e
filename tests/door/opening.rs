//! Start-up packets: versions, lengths, cancel requests, encryption asked for in clear.

use super::bench::*;
use shardway::proxy::door::{Entered, Peer};
use shardway::proxy::stream::Stream;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_trusted_user_comes_in_with_one_answer_and_nothing_is_lost() {
    let mut bench = Bench::new(None);
    let mut client = bench.client().await;
    let options = startup(
        0,
        &[
            ("user", "open"),
            ("options", "-c work_mem=1MB --a-b=x\\ y"),
            ("client_encoding", "UTF8"),
            ("database", "shop"),
        ],
    );
    let query = tagged(b'Q', b"SELECT 1\0");
    client.send(&[options, query.clone()].concat()).await;
    assert_eq!(client.message().await, Some((b'R', vec![0; 4])));
    assert_eq!(client.message().await, Some((b'Z', b"I".to_vec())));
    let Ok(Entered::Session(guest)) = bench.outcome().await else { panic!("a guest") };
    assert_eq!((&*guest.user.name, &*guest.database, guest.protocol_minor), ("open", "shop", 0));
    assert_eq!(&guest.leftover[..], &query[..]);
    assert!(matches!(guest.peer, Peer::Tcp(_)));
    let settings: Vec<_> = guest.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(settings, ["work_mem=1MB", "a_b=x y", "client_encoding=UTF8"]);
}

#[tokio::test]
async fn bad_options_are_told_only_to_those_who_are_in() {
    let mut bench = Bench::new(None);
    let options = [("options", "-x")];
    for user in ["app", "nobody"] {
        let mut client = bench.client().await;
        client.send(&startup(0, &[&[("user", user)][..], &options].concat())).await;
        assert_eq!(client.message().await.unwrap().1[3], 10, "{user} is asked for a password");
        drop(client);
        assert_eq!(bench.verdict().await, "gone");
    }
    let mut client = bench.client().await;
    client.send(&startup(0, &[&[("user", "open")][..], &options].concat())).await;
    let messages = client.messages().await;
    assert_eq!((tags(&messages).as_str(), field(&messages[1], b'C').as_str()), ("RE", "42601"));
    assert_eq!(bench.verdict().await, "42601");
}

#[tokio::test]
async fn newer_versions_and_unknown_options_are_negotiated() {
    let mut bench = Bench::new(None);
    for (minor, options, told, speaks) in [
        (0, vec![], None, 0),
        (1, vec![], None, 0),
        (2, vec![], None, 2),
        (2, vec!["_pq_.x"], Some((2, vec!["_pq_.x"])), 2),
        (0, vec!["_pq_.x", "_pq_.a"], Some((0, vec!["_pq_.x", "_pq_.a"])), 0),
        (3, vec![], Some((2, vec![])), 2),
        (9999, vec!["_pq_.test_protocol_negotiation"], Some((2, vec!["_pq_.test_protocol_negotiation"])), 2),
    ] {
        let mut client = bench.client().await;
        let names: Vec<_> =
            [("user", "open")].into_iter().chain(options.into_iter().map(|name| (name, "on"))).collect();
        client.send(&startup(minor, &names)).await;
        if let Some((newest, unknown)) = told {
            let list: Vec<u8> = unknown.iter().flat_map(|name| [name.as_bytes(), &[0]].concat()).collect();
            let body =
                [&(196_608_u32 + newest).to_be_bytes()[..], &(unknown.len() as u32).to_be_bytes(), &list].concat();
            assert_eq!(client.message().await, Some((b'v', body)), "3.{minor}");
        }
        assert_eq!(client.message().await, Some((b'R', vec![0; 4])), "3.{minor}");
        let Ok(Entered::Session(guest)) = bench.outcome().await else { panic!("a guest") };
        assert_eq!(guest.protocol_minor, speaks);
        assert!(guest.parameters.is_empty(), "_pq_ options are no settings");
    }
}

#[tokio::test]
async fn cancel_requests_are_read_and_not_answered() {
    let mut bench = Bench::new(None);
    for size in [4, 32, 256] {
        let mut client = bench.client().await;
        let key: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
        client.send(&packet(80_877_102, &[&(-7_i32).to_be_bytes()[..], &key].concat())).await;
        match bench.outcome().await {
            Ok(Entered::Cancel { pid, key: read, .. }) => assert_eq!((pid, &read[..]), (-7, &key[..])),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.messages().await, []);
    }
}

#[tokio::test]
async fn malformed_openings_are_refused() {
    let mut bench = Bench::new(None);
    for (name, bytes, sqlstate) in [
        ("protocol 2", packet(2 << 16, &[0; 288]), "0A000"),
        ("protocol 4", packet(4 << 16, b"user\0open\0\0"), "0A000"),
        ("no terminator", packet(3 << 16, b"user\0open"), "08P01"),
        ("no user", packet(3 << 16, b"database\0shop\0\0"), "28000"),
        ("no UTF-8", packet(3 << 16, b"user\0\xe9\0\0"), "22021"),
        ("replication", startup(0, &[("user", "open"), ("replication", "database")]), "0A000"),
        ("SSLRequest with a body", packet(80_877_103, b"x"), "08P01"),
    ] {
        let mut client = bench.client().await;
        client.send(&bytes).await;
        let message = client.message().await.unwrap_or_else(|| panic!("{name}: no reason given"));
        assert_eq!((field(&message, b'S'), field(&message, b'V')), ("FATAL".into(), "FATAL".into()));
        assert_eq!(field(&message, b'C'), sqlstate, "{name}");
        assert_eq!(client.message().await, None, "{name}: closed");
        assert_eq!(bench.verdict().await, sqlstate, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_opening_is_closed_without_a_word() {
    let mut bench = Bench::new(None);
    let (startup, cancel) = ("invalid length of startup packet", "invalid length of cancel request packet");
    for (name, bytes, why) in [
        ("a Terminate alone: gone before it has begun", vec![b'X', 0, 0, 0, 4], startup),
        ("length 0", vec![0; 8], startup),
        ("length 7", 7_u32.to_be_bytes().to_vec(), startup),
        ("negative length", vec![0xff; 4], startup),
        ("length 10,001", 10_001_u32.to_be_bytes().to_vec(), startup),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec(), startup),
        ("TLS 1.0 record where a length should be", vec![0x15, 3, 1, 0, 2, 2, 40], startup),
        ("cancel without a key", packet(80_877_102, &[0; 4]), cancel),
        ("cancel with 257 bytes of key", packet(80_877_102, &[0; 261]), cancel),
    ] {
        let mut client = bench.client().await;
        client.send(&bytes).await;
        assert_eq!(bench.verdict().await, why, "{name}");
        assert_eq!(client.messages().await, [], "{name}");
    }
}

#[tokio::test]
async fn the_largest_startup_packet_is_read_and_no_larger() {
    let mut bench = Bench::new(None);
    let filler = |total: usize| startup(0, &[("user", "open"), ("a", &"x".repeat(total - 8 - 10 - 3 - 1))]);
    let mut client = bench.client().await;
    assert_eq!(filler(10_000).len(), 10_000);
    client.send(&filler(10_000)).await;
    assert_eq!(bench.verdict().await, "welcome open");
    client = bench.client().await;
    client.send(&filler(10_001)).await;
    assert_eq!(bench.verdict().await, "invalid length of startup packet");
}

#[tokio::test]
async fn probes_are_silent_and_broken_packets_are_lost() {
    let mut bench = Bench::new(None);
    drop(bench.client().await);
    assert_eq!(bench.verdict().await, "gone");
    for cut in [1, 4, 7, 8, 20] {
        let mut client = bench.client().await;
        client.send(&as_user("open")[..cut]).await;
        client.wire.shutdown().await.unwrap();
        assert_eq!(bench.verdict().await, "lost UnexpectedEof", "after {cut} bytes");
        assert_eq!(client.messages().await, []);
    }
}

#[tokio::test]
async fn a_slow_client_is_heard_to_the_end() {
    let mut bench = Bench::new(None);
    let mut client = bench.client().await;
    for byte in as_user("open") {
        client.send(&[byte]).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(bench.verdict().await, "welcome open");
}

#[tokio::test]
async fn encryption_is_declined_once_each_and_the_login_goes_on() {
    let mut bench = Bench::new(None);
    for requests in
        [vec![], vec![ssl_request()], vec![gss_request(), ssl_request()], vec![ssl_request(), gss_request()]]
    {
        let mut client = bench.client().await;
        for request in requests {
            client.send(&request).await;
            assert_eq!(client.byte().await, b'N');
        }
        client.send(&as_user("open")).await;
        assert_eq!(bench.verdict().await, "welcome open");
    }
    for request in [ssl_request(), gss_request()] {
        let mut client = bench.client().await;
        client.send(&request).await;
        assert_eq!(client.byte().await, b'N');
        client.send(&request).await;
        assert_eq!(field(&client.message().await.unwrap(), b'C'), "0A000");
        bench.verdict().await;
    }
}

#[tokio::test]
async fn nothing_in_clear_may_follow_a_request_for_encryption() {
    let mut bench = Bench::new(None);
    for (request, name) in [(ssl_request(), "SSL"), (gss_request(), "GSSAPI encryption")] {
        let mut client = bench.client().await;
        client.send(&[request, as_user("open")].concat()).await;
        let message = client.message().await.unwrap();
        assert_eq!(field(&message, b'C'), "08P01");
        assert_eq!(field(&message, b'M'), format!("received unencrypted data after {name} request"));
        assert_eq!(bench.verdict().await, "08P01");
    }
}

#[tokio::test]
async fn noise_is_turned_away() {
    use rand::{RngCore, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(1);
    let mut bench = Bench::new(None);
    for round in 0..300 {
        let mut client = bench.client().await;
        let mut noise = vec![0; (random.next_u32() % 200) as usize];
        random.fill_bytes(&mut noise);
        if round % 2 == 0 {
            // A believable beginning.
            noise.splice(..0, ((noise.len() + 8) as u32).to_be_bytes().into_iter().chain([0, 3, 0, 0]));
        }
        client.wire.write_all(&noise).await.ok();
        client.wire.shutdown().await.ok();
        assert!(!bench.verdict().await.starts_with("welcome"), "{noise:?}");
    }
}

/// Ten thousand clients that are on their way in, or hang there, cost what they cost ten thousand times.
#[tokio::test]
async fn a_client_at_the_door_is_small() {
    let bench = Bench::new(None);
    let tcp = tokio::net::TcpStream::connect(bench.address).await.unwrap();
    let peer = Peer::Tcp(bench.address);
    let entering = shardway::proxy::door::enter(Stream::Tcp(tcp), peer, &bench.door);
    assert!(size_of_val(&entering) <= 2048, "{}", size_of_val(&entering));
}
