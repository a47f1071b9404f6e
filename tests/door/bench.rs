//! A door that listens, and a client that speaks raw bytes.

use arc_swap::ArcSwap;
use bytes::{BufMut, BytesMut};
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use shardway::logic::auth::verifier::ITERATIONS;
use shardway::logic::auth::verifier_from_password;
use shardway::logic::topology::{Login, Secret, Topology, User};
use shardway::proxy::door::{Door, Entered, Listener, Tls, Turned, enter};
use shardway::proxy::stream::SocketOptions;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Every wait of these tests ends.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// What the bench says to a guest after its login: ReadyForQuery.
pub const READY: &[u8] = b"Z\0\0\0\x05I";

pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A door on a free port. Each connection's end, or its beginning, comes out of `outcomes`.
pub struct Bench {
    pub address: SocketAddr,
    pub door: Arc<Door>,
    outcomes: mpsc::Receiver<Result<Entered, Turned>>,
}

impl Bench {
    pub fn new(tls: Option<Tls>) -> Self {
        let listener = Listener::tcp(([127, 0, 0, 1], 0).into(), 64, true, SocketOptions::default()).unwrap();
        Self::on(listener, tls)
    }

    pub fn on(listener: Listener, tls: Option<Tls>) -> Self {
        let door = Arc::new(Door::new(Arc::new(ArcSwap::from_pointee(topology())), tls, ITERATIONS));
        let (sender, outcomes) = mpsc::channel(64);
        let address = listener.local_address().unwrap_or(([0, 0, 0, 0], 0).into());
        tokio::spawn(receive(listener, door.clone(), sender));
        Self { address, door, outcomes }
    }

    pub async fn client(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    pub async fn outcome(&mut self) -> Result<Entered, Turned> {
        timeout(PATIENCE, self.outcomes.recv()).await.expect("an outcome in time").expect("the door is open")
    }

    /// The guest's name, or the SQLSTATE, or how it was lost.
    pub async fn verdict(&mut self) -> String {
        match self.outcome().await {
            Ok(Entered::Session(guest)) => format!("welcome {}", guest.user.name),
            Ok(Entered::Cancel { pid, key, .. }) => format!("cancel {pid} {}", key.len()),
            Err(Turned::Gone) => "gone".to_owned(),
            Err(Turned::Lost(error)) => format!("lost {:?}", error.kind()),
            Err(Turned::Garbled(why)) => why.to_owned(),
            Err(Turned::Refused { fatal, .. }) => fatal.sqlstate.to_owned(),
        }
    }
}

async fn receive(listener: Listener, door: Arc<Door>, outcomes: mpsc::Sender<Result<Entered, Turned>>) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        let (door, outcomes) = (door.clone(), outcomes.clone());
        tokio::spawn(async move {
            let mut outcome = timeout(PATIENCE, enter(stream, peer, &door)).await.expect("within the login timeout");
            if let Ok(Entered::Session(guest)) = &mut outcome {
                guest.unsent.extend_from_slice(READY);
                guest.stream.write_all(&guest.unsent).await.unwrap();
                guest.stream.flush().await.unwrap();
            }
            outcomes.send(outcome).await.ok();
        });
    }
}

fn topology() -> Topology {
    let verifier = Secret::new(verifier_from_password("secret", b"0123456789abcdef", ITERATIONS));
    let users = [
        ("open", Login::Trust),
        ("app", Login::Verifier(verifier)),
        ("card", Login::Certificate),
        ("broken", Login::Verifier(Secret::new("no verifier"))),
    ];
    let user = |(name, login): (&str, Login)| {
        (
            name.into(),
            Arc::new(User {
                name: name.into(),
                login,
                server_user: None,
                server_password: None,
                crowd: Default::default(),
                connections_max: None,
            }),
        )
    };
    Topology { users: users.into_iter().map(user).collect(), ..Topology::default() }
}

/// One message: tag and body.
pub type Message = (u8, Vec<u8>);

pub struct Client {
    pub wire: Box<dyn Wire>,
}

impl Client {
    pub fn new(wire: impl Wire + 'static) -> Self {
        Self { wire: Box::new(wire) }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).await.unwrap();
        self.wire.flush().await.unwrap();
    }

    pub async fn byte(&mut self) -> u8 {
        timeout(PATIENCE, self.wire.read_u8()).await.expect("an answer in time").unwrap()
    }

    /// The next message; `None` at the end.
    pub async fn message(&mut self) -> Option<Message> {
        timeout(PATIENCE, async {
            let tag = self.wire.read_u8().await.ok()?;
            let length = self.wire.read_u32().await.unwrap();
            let mut body = vec![0; length as usize - 4];
            self.wire.read_exact(&mut body).await.unwrap();
            Some((tag, body))
        })
        .await
        .expect("a message in time")
    }

    /// Everything up to the end.
    pub async fn messages(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.message().await {
            messages.push(message);
        }
        messages
    }

    /// Logs in by SCRAM after the start-up packet was sent; what came on the way, up to ReadyForQuery or the end.
    pub async fn scram(&mut self, password: &str, mechanism: &str, binding: ChannelBinding) -> Vec<Message> {
        let mut transcript = vec![self.message().await.expect("mechanisms")];
        let mut scram = ScramSha256::new(password.as_bytes(), binding);
        self.send(&sasl_initial(mechanism, scram.message())).await;
        while let Some(message) = self.message().await {
            transcript.push(message);
            match transcript.last().unwrap() {
                (b'R', body) if body[3] == 11 => {
                    scram.update(&body[4..]).unwrap();
                    self.send(&tagged(b'p', scram.message())).await;
                }
                (b'R', body) if body[3] == 12 => scram.finish(&body[4..]).unwrap(),
                (b'Z', _) => break,
                _ => (),
            }
        }
        transcript
    }
}

pub fn tags(messages: &[Message]) -> String {
    messages.iter().map(|(tag, _)| *tag as char).collect()
}

/// A field of an ErrorResponse.
pub fn field(message: &Message, name: u8) -> String {
    assert_eq!(message.0, b'E', "{message:?}");
    let mut fields = message.1.split(|byte| *byte == 0);
    let field = fields.find(|field| field.first() == Some(&name)).unwrap_or_default();
    String::from_utf8(field.get(1..).unwrap_or_default().to_vec()).unwrap()
}

pub fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let mut packet = BytesMut::new();
    packet.put_u32(body.len() as u32 + 8);
    packet.put_u32(code);
    packet.put_slice(body);
    packet.to_vec()
}

/// A StartupMessage of version 3.`minor`.
pub fn startup(minor: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in parameters {
        body.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
    }
    body.push(0);
    packet((3 << 16) + minor, &body)
}

pub fn as_user(name: &str) -> Vec<u8> {
    startup(0, &[("user", name), ("database", "shop")])
}

pub fn ssl_request() -> Vec<u8> {
    packet(80_877_103, b"")
}

pub fn gss_request() -> Vec<u8> {
    packet(80_877_104, b"")
}

pub fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

pub fn sasl_initial(mechanism: &str, message: &[u8]) -> Vec<u8> {
    tagged(b'p', &[mechanism.as_bytes(), &[0], &(message.len() as u32).to_be_bytes(), message].concat())
}
