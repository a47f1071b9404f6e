//! A small client that speaks the protocol in raw frames, so that tests see every byte a driver would hide.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

pub use super::message::*;

/// A message from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub tag: u8,
    pub body: Vec<u8>,
}

/// A connection.
pub struct Wire {
    stream: TcpStream,
    input: Vec<u8>,
    taken: usize,
    /// What ParameterStatus told so far
    pub parameters: BTreeMap<String, String>,
    /// Process id and secret, for cancel requests
    pub key: Vec<u8>,
    port: u16,
}

impl Wire {
    /// Connects and logs in as `user` with the password `secret`; `options` go into the startup message.
    pub fn login(port: u16, user: &str, options: &[(&str, &str)]) -> io::Result<Self> {
        let mut all = vec![("user", user), ("database", "app")];
        all.extend_from_slice(options);
        let mut wire = Self::connect(port)?;
        wire.send(&startup(196_608, &all))?;
        wire.authenticate()?;
        Ok(wire)
    }

    /// Connects and says nothing.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, input: Vec::new(), taken: 0, parameters: BTreeMap::new(), key: Vec::new(), port })
    }

    /// The process number it was told.
    pub fn pid(&self) -> i32 {
        i32::from_be_bytes(self.key[..4].try_into().unwrap())
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// How long a read waits.
    pub fn set_patience(&mut self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
    }

    /// Closes the sending side only.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// The next message; an error of kind `UnexpectedEof` when the server closed the connection.
    pub fn recv(&mut self) -> io::Result<Frame> {
        while self.input.len() - self.taken < 5 {
            self.read_more()?;
        }
        let head = &self.input[self.taken..];
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length < 4 {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("length {length} of a {:?}", head[0] as char)));
        }
        let tag = head[0];
        while self.input.len() - self.taken < length + 1 {
            self.read_more()?;
        }
        let body = self.input[self.taken + 5..self.taken + 1 + length].to_vec();
        self.taken += length + 1;
        let frame = Frame { tag, body };
        self.remember(&frame);
        Ok(frame)
    }

    /// Messages up to and including ReadyForQuery.
    pub fn until_ready(&mut self) -> io::Result<Vec<Frame>> {
        self.until(b"Z")
    }

    /// Messages up to and including one of these.
    pub fn until(&mut self, tags: &[u8]) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        loop {
            frames.push(self.recv()?);
            if tags.contains(&frames[frames.len() - 1].tag) {
                return Ok(frames);
            }
        }
    }

    /// Messages until the server closes the connection.
    pub fn until_closed(&mut self) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        loop {
            match self.recv() {
                Ok(frame) => frames.push(frame),
                Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                    return Ok(frames);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A simple query and its whole answer.
    pub fn simple(&mut self, sql: &str) -> io::Result<Vec<Frame>> {
        self.send(&query(sql))?;
        self.until_ready()
    }

    /// A simple query that must succeed; its rows as text.
    pub fn rows(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        let answers = answers(&self.simple(sql).unwrap());
        let mut rows = Vec::new();
        for answer in answers {
            assert!(answer.error.is_none(), "{sql}: {:?}", answer.error);
            rows.extend(answer.rows.into_iter().map(|row| {
                row.into_iter().map(|field| field.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())).collect()
            }));
        }
        rows
    }

    /// A simple query that must succeed; the first field of its first row.
    pub fn value(&mut self, sql: &str) -> String {
        self.rows(sql).into_iter().next().and_then(|row| row.into_iter().next().flatten()).unwrap_or_default()
    }

    /// Sends a cancel request for this connection on a connection of its own.
    pub fn cancel(&self) -> io::Result<()> {
        let mut other = TcpStream::connect(("127.0.0.1", self.port))?;
        let mut message = (self.key.len() as u32 + 8).to_be_bytes().to_vec();
        message.extend_from_slice(&80_877_102_u32.to_be_bytes());
        message.extend_from_slice(&self.key);
        other.write_all(&message)?;
        // The server closes when it has acted on it.
        other.set_read_timeout(Some(Duration::from_secs(10)))?;
        other.read_to_end(&mut Vec::new()).map(drop)
    }

    /// Answers the server's request to authenticate; returns at ReadyForQuery.
    pub fn authenticate(&mut self) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        loop {
            let frame = self.recv()?;
            match (frame.tag, frame.body.get(..4)) {
                (b'R', Some([0, 0, 0, 10])) => self.scram()?,
                (b'R', Some([0, 0, 0, 3])) => self.send(&message(b'p', b"secret\0"))?,
                (b'E', _) => return Err(io::Error::new(ErrorKind::PermissionDenied, describe_error(&frame.body))),
                (b'Z', _) => {
                    frames.push(frame);
                    return Ok(frames);
                }
                _ => frames.push(frame),
            }
        }
    }

    fn scram(&mut self) -> io::Result<()> {
        let mut scram = ScramSha256::new(b"secret", ChannelBinding::unsupported());
        let mut first = SCRAM_SHA_256.as_bytes().to_vec();
        first.push(0);
        first.extend_from_slice(&(scram.message().len() as u32).to_be_bytes());
        first.extend_from_slice(scram.message());
        self.send(&message(b'p', &first))?;
        let reply = self.recv()?;
        if reply.tag == b'E' {
            return Err(io::Error::new(ErrorKind::PermissionDenied, describe_error(&reply.body)));
        }
        scram.update(&reply.body[4..])?;
        self.send(&message(b'p', scram.message()))?;
        let reply = self.recv()?;
        match reply.tag {
            b'R' => scram.finish(&reply.body[4..]),
            _ => Err(io::Error::new(ErrorKind::PermissionDenied, describe_error(&reply.body))),
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        if self.taken > 1 << 20 || self.taken == self.input.len() {
            self.input.drain(..self.taken);
            self.taken = 0;
        }
        let mut chunk = [0; 65_536];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.input.extend_from_slice(&chunk[..count]);
                Ok(())
            }
            // Other tests of this process send signals; `read` is then for us to repeat.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remember(&mut self, frame: &Frame) {
        match frame.tag {
            b'S' => {
                let mut words = frame.body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
                if let (Some(name), Some(value)) = (words.next(), words.next()) {
                    self.parameters.insert(name.into_owned(), value.into_owned());
                }
            }
            b'K' => self.key = frame.body.clone(),
            _ => (),
        }
    }
}

/// What one statement answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Name and type OID of each column
    pub columns: Vec<(String, u32)>,
    /// Type modifier of each column
    pub modifiers: Vec<i32>,
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// Command tag; empty for an empty query or an error
    pub tag: String,
    /// SQLSTATE and message
    pub error: Option<(String, String)>,
}

/// The answers in a stretch of messages, one a statement.
pub fn answers(frames: &[Frame]) -> Vec<Answer> {
    let mut done = Vec::new();
    let mut open = Answer::default();
    for frame in frames {
        match frame.tag {
            b'T' => {
                open.columns = columns(&frame.body);
                open.modifiers = modifiers(&frame.body);
            }
            b'D' => open.rows.push(fields(&frame.body)),
            b'd' => open.rows.push(vec![Some(frame.body.clone())]),
            b'C' => {
                open.tag = String::from_utf8_lossy(&frame.body[..frame.body.len() - 1]).into_owned();
                done.push(std::mem::take(&mut open));
            }
            b'E' => {
                open.error = Some((error_field(&frame.body, b'C'), error_field(&frame.body, b'M')));
                done.push(std::mem::take(&mut open));
            }
            b'I' | b's' => done.push(std::mem::take(&mut open)),
            _ => (),
        }
    }
    done
}

/// Fields of a DataRow.
pub fn fields(body: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut rest = &body[2..];
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
        rest = &rest[4..];
        match usize::try_from(length) {
            Err(_) => fields.push(None),
            Ok(length) => {
                fields.push(Some(rest[..length].to_vec()));
                rest = &rest[length..];
            }
        }
    }
    fields
}

/// Name and type of each column of a RowDescription.
pub fn columns(body: &[u8]) -> Vec<(String, u32)> {
    described(body).map(|(name, tail)| (name, u32::from_be_bytes(tail[6..10].try_into().unwrap()))).collect()
}

/// Type modifier of each column of a RowDescription.
fn modifiers(body: &[u8]) -> Vec<i32> {
    described(body).map(|(_, tail)| i32::from_be_bytes(tail[12..16].try_into().unwrap())).collect()
}

/// The columns of a RowDescription: each name, and the 18 bytes that follow.
fn described(body: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    let mut rest = &body[2..];
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        let (tail, after) = rest[end + 1..].split_at(18);
        rest = after;
        Some((name, tail))
    })
}

/// One field of an ErrorResponse or NoticeResponse.
pub fn error_field(body: &[u8], code: u8) -> String {
    let field = body.split(|byte| *byte == 0).find(|field| field.first() == Some(&code));
    field.map(|field| String::from_utf8_lossy(&field[1..]).into_owned()).unwrap_or_default()
}

/// `SEVERITY SQLSTATE: message`.
pub fn describe_error(body: &[u8]) -> String {
    format!("{} {}: {}", error_field(body, b'S'), error_field(body, b'C'), error_field(body, b'M'))
}

/// Messages as lines that can be compared between servers: process ids, secrets and source positions left out.
pub fn transcript(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(line).collect()
}

fn line(frame: &Frame) -> String {
    match frame.tag {
        b'E' => format!("Error {}", describe_error(&frame.body)),
        b'N' => format!("Notice {}", describe_error(&frame.body)),
        b'K' => "BackendKey".to_owned(),
        b'A' => format!("Notification {}", short(&frame.body[4..])),
        b'D' => {
            let fields = fields(&frame.body);
            let shown: Vec<String> =
                fields.iter().map(|field| field.as_deref().map_or("NULL".to_owned(), short)).collect();
            format!("Row {}", shown.join(","))
        }
        b'T' => {
            let mut line = "Columns".to_owned();
            for (name, oid) in columns(&frame.body) {
                write!(line, " {name}:{oid}").unwrap();
            }
            line
        }
        b'd' => format!("CopyData {}", short(&frame.body)),
        tag => format!("{} {}", tag as char, short(&frame.body)),
    }
}

fn short(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=200 => bytes.escape_ascii().to_string(),
        length => format!("{}… ({length} bytes)", bytes[..40].escape_ascii()),
    }
}
