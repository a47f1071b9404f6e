//! Passwords and certificates: who is let in, and that the others all look alike.

use super::bench::*;
use postgres_protocol::authentication::sasl::ChannelBinding;

#[tokio::test]
async fn the_right_password_opens_and_the_server_proves_itself() {
    let mut bench = Bench::new(None);
    let mut client = bench.client().await;
    client.send(&as_user("app")).await;
    let transcript = client.scram("secret", "SCRAM-SHA-256", ChannelBinding::unsupported()).await;
    assert_eq!(transcript[0].1, b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    assert_eq!(tags(&transcript), "RRRRZ");
    assert_eq!(transcript[3].1, vec![0; 4]);
    assert_eq!(bench.verdict().await, "welcome app");
}

/// Tags and lengths of what a client sees, with the salt and the error.
async fn attempt(bench: &mut Bench, user: &str) -> (Vec<(u8, usize)>, String, String) {
    let mut client = bench.client().await;
    client.send(&as_user(user)).await;
    let transcript = client.scram("guess", "SCRAM-SHA-256", ChannelBinding::unsupported()).await;
    assert_eq!(bench.verdict().await, "28P01");
    let challenge = String::from_utf8_lossy(&transcript[1].1[4..]).into_owned();
    let salt = challenge.split(',').nth(1).unwrap().to_owned() + challenge.split(',').nth(2).unwrap();
    let error = transcript.last().unwrap();
    assert_eq!(field(error, b'C'), "28P01");
    let shape = transcript.iter().map(|(tag, body)| (*tag, body.len())).collect();
    (shape, salt, field(error, b'M').replace(user, "?"))
}

#[tokio::test]
async fn an_unknown_user_looks_like_one_with_another_password() {
    let mut bench = Bench::new(None);
    let (shape, salt, message) = attempt(&mut bench, "app").await;
    assert_eq!(message, "password authentication failed for user \"?\"");
    // The same length of name, so that lengths can be compared.
    for user in ["xyz", "zzz"] {
        let (unknown_shape, unknown_salt, unknown_message) = attempt(&mut bench, user).await;
        assert_eq!((&unknown_shape, &unknown_message), (&shape, &message));
        assert_ne!(unknown_salt, salt);
        assert_eq!(unknown_salt.len(), salt.len());
        assert_eq!(attempt(&mut bench, user).await.1, unknown_salt, "the salt of a name stays");
    }
    // Neither is one whose proof is a certificate, or whose verifier is broken.
    for user in ["card", "broken"] {
        let (other, _, other_message) = attempt(&mut bench, user).await;
        assert_eq!((tags_of(&other), &other_message), (tags_of(&shape), &message));
    }
}

fn tags_of(shape: &[(u8, usize)]) -> Vec<u8> {
    shape.iter().map(|(tag, _)| *tag).collect()
}

#[tokio::test]
async fn malformed_password_messages_are_refused() {
    let first = b"n,,n=,r=abc";
    let mut bench = Bench::new(None);
    for (name, bytes) in [
        ("a query instead", tagged(b'Q', b"SELECT 1\0")),
        ("length 3", vec![b'p', 0, 0, 0, 3]),
        ("negative length", vec![b'p', 0xff, 0xff, 0xff, 0xff]),
        ("a length beyond any exchange", vec![b'p', 0, 0, 8, 0]),
        ("empty", tagged(b'p', b"")),
        ("a password in clear", tagged(b'p', b"secret\0")),
        ("no mechanism", sasl_initial("", first)),
        ("another mechanism", sasl_initial("OAUTHBEARER", first)),
        ("binding without TLS", sasl_initial("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=abc")),
        ("binding under the plain name", sasl_initial("SCRAM-SHA-256", b"p=tls-server-end-point,,n=,r=abc")),
        ("inner length beyond the message", tagged(b'p', b"SCRAM-SHA-256\0\x7f\xff\xff\xffn,,n=,r=abc")),
        ("inner length negative", tagged(b'p', b"SCRAM-SHA-256\0\xff\xff\xff\xff")),
        ("mandatory extension", sasl_initial("SCRAM-SHA-256", b"n,,m=x,n=,r=abc")),
    ] {
        let mut client = bench.client().await;
        client.send(&as_user("app")).await;
        assert_eq!(client.message().await.unwrap().0, b'R');
        client.send(&bytes).await;
        let message = client.message().await.unwrap_or_else(|| panic!("{name}: no reason given"));
        assert_eq!(field(&message, b'C'), "08P01", "{name}");
        assert_eq!(bench.verdict().await, "08P01", "{name}");
    }
}

#[tokio::test]
async fn malformed_proofs_are_refused() {
    let mut bench = Bench::new(None);
    for (last, sqlstate) in [
        (&b""[..], "08P01"),
        (b"c=biws,r=abc", "08P01"),
        (b"c=biws,r=abc,p=AAAA", "08P01"),
        (b"c=eSws,r=abc,p=AAAA", "28000"),
        (b"\xff\xff", "08P01"),
    ] {
        let mut client = bench.client().await;
        client.send(&as_user("app")).await;
        client.message().await.unwrap();
        client.send(&sasl_initial("SCRAM-SHA-256", b"n,,n=,r=abc")).await;
        client.message().await.unwrap();
        client.send(&tagged(b'p', last)).await;
        assert_eq!(field(&client.message().await.unwrap(), b'C'), sqlstate, "{last:?}");
        assert_eq!(bench.verdict().await, sqlstate);
    }
}

#[tokio::test]
async fn a_client_that_goes_to_ask_for_the_password_is_no_event() {
    let mut bench = Bench::new(None);
    let mut client = bench.client().await;
    client.send(&as_user("app")).await;
    client.message().await.unwrap();
    drop(client);
    assert_eq!(bench.verdict().await, "gone");
}
