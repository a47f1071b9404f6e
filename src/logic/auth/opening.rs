//! The packets a connection opens with: they have no tag, only a length and a code.
//!
//! Our own parser, because pgwire's reads names through a lossy conversion, forgets the list of unknown options
//! and does not say where a packet ends.

use super::fatal::{CHARACTER_NOT_IN_REPERTOIRE, FEATURE_NOT_SUPPORTED, Fatal, INVALID_AUTHORIZATION};
use super::options::{self, Settings};
use crate::logic::identifier::cut;
use pgwire::messages::startup::NegotiateProtocolVersion;

/// The same limit as PostgreSQL's (MAX_STARTUP_PACKET_LENGTH).
pub const PACKET_MAX: usize = 10_000;

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
const VERSION_3: u32 = 3 << 16;
const MINOR_NEWEST: u16 = 2;
const STARTUP_LENGTH: &str = "invalid length of startup packet";

/// Which encryption a client has asked for so far: each once (`ProcessStartupPacket`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// SSLRequest was answered
    pub ssl: bool,
    /// GSSENCRequest was answered
    pub gss: bool,
}

/// One opening packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// SSLRequest
    Ssl,
    /// GSSENCRequest
    Gss,
    /// CancelRequest
    Cancel {
        /// As given out in BackendKeyData
        pid: i32,
        /// 4 bytes in protocol 3.0, up to 256 in 3.2
        key: Box<[u8]>,
    },
    /// StartupMessage
    Startup(Startup),
}

/// A StartupMessage.
#[derive(Debug, PartialEq, Eq)]
pub struct Startup {
    /// 0 or 2: what we will speak
    pub protocol_minor: u16,
    /// Who wants in
    pub user: Box<str>,
    /// To which database
    pub database: Box<str>,
    /// Asked for a minor version that we do not have
    newer: bool,
    /// `_pq_.` options: we know none
    unknown: Vec<String>,
    options: Option<Box<str>>,
    settings: Settings,
}

/// Why an opening packet is not taken for one.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// Whoever sent this may not speak the protocol at all: PostgreSQL closes without a word
    Garbled(&'static str),
    /// Is told why
    Refused(Fatal),
}

impl From<Fatal> for Unread {
    fn from(fatal: Fatal) -> Self {
        Self::Refused(fatal)
    }
}

/// The whole packet's length, from its first four bytes.
pub fn length(head: [u8; 4]) -> Result<usize, Unread> {
    match usize::try_from(u32::from_be_bytes(head)) {
        Ok(length @ 8..=PACKET_MAX) => Ok(length),
        Ok(_) | Err(_) => Err(Unread::Garbled(STARTUP_LENGTH)),
    }
}

/// Reads one whole packet, length included.
pub fn parse(packet: &[u8], asked: Asked) -> Result<Opening, Unread> {
    let (Some(code), Some(body)) = (word(packet, 4), packet.get(8..)) else {
        return Err(Unread::Garbled(STARTUP_LENGTH));
    };
    match code {
        SSL_REQUEST if !asked.ssl => only_code(body, Opening::Ssl),
        GSS_REQUEST if !asked.gss => only_code(body, Opening::Gss),
        CANCEL_REQUEST => cancel(body),
        code if code >> 16 == VERSION_3 >> 16 => Ok(Opening::Startup(startup((code & 0xffff) as u16, body)?)),
        code => Err(Unread::Refused(Fatal::new(
            FEATURE_NOT_SUPPORTED,
            format!("unsupported frontend protocol {}.{}: server supports 3.0 to 3.2", code >> 16, code & 0xffff),
        ))),
    }
}

fn only_code(body: &[u8], opening: Opening) -> Result<Opening, Unread> {
    if body.is_empty() { Ok(opening) } else { Err(Fatal::protocol(STARTUP_LENGTH).into()) }
}

fn cancel(body: &[u8]) -> Result<Opening, Unread> {
    match (word(body, 0), body.get(4..)) {
        (Some(pid), Some(key)) if (4..=256).contains(&key.len()) => {
            Ok(Opening::Cancel { pid: pid as i32, key: key.into() })
        }
        (_, _) => Err(Unread::Garbled("invalid length of cancel request packet")),
    }
}

fn startup(minor: u16, body: &[u8]) -> Result<Startup, Fatal> {
    let mut user = None;
    let mut database = None;
    let mut startup = Startup {
        // 3.1 was never released and is spoken as 3.0.
        protocol_minor: if minor < MINOR_NEWEST { 0 } else { MINOR_NEWEST },
        user: "".into(),
        database: "".into(),
        newer: minor > MINOR_NEWEST,
        unknown: Vec::new(),
        options: None,
        settings: Vec::new(),
    };
    for pair in pairs(body)? {
        let (name, value) = pair?;
        match name {
            "user" => user = Some(value),
            "database" => database = Some(value),
            "options" => startup.options = Some(value.into()),
            "replication" => refuse_replication(value)?,
            name if name.starts_with("_pq_.") => startup.unknown.push(name.to_owned()),
            name => startup.settings.push((name.into(), value.into())),
        }
    }
    let Some(user) = user.filter(|name| !name.is_empty()) else {
        return Err(Fatal::new(INVALID_AUTHORIZATION, "no PostgreSQL user name specified in startup packet"));
    };
    // As ProcessStartupPacket does, without a word: who or what is looked for has a shorter name.
    startup.user = cut(user).into();
    startup.database = cut(database.filter(|name| !name.is_empty()).unwrap_or(user)).into();
    Ok(startup)
}

/// `name \0 value \0 … \0`, the last NUL being the packet's last byte.
fn pairs(body: &[u8]) -> Result<impl Iterator<Item = Result<(&str, &str), Fatal>>, Fatal> {
    let layout = || Fatal::protocol("invalid startup packet layout: expected terminator as last byte");
    let named = match body {
        [0] => None,
        [named @ .., 0, 0] => Some(named),
        _ => return Err(layout()),
    };
    let mut strings = named.into_iter().flat_map(|named| named.split(|byte| *byte == 0));
    Ok(std::iter::from_fn(move || {
        let name = strings.next()?;
        let pair = match strings.next() {
            Some(value) if !name.is_empty() => text(name).and_then(|name| Ok((name, text(value)?))),
            Some(_) | None => Err(layout()),
        };
        Some(pair)
    }))
}

fn text(bytes: &[u8]) -> Result<&str, Fatal> {
    std::str::from_utf8(bytes).map_err(|error| {
        let wrong = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        Fatal::new(CHARACTER_NOT_IN_REPERTOIRE, format!("invalid byte sequence for encoding \"UTF8\": 0x{wrong:02x}"))
    })
}

/// A walsender speaks to one server; there is no such thing over shards.
fn refuse_replication(value: &str) -> Result<(), Fatal> {
    match value.to_ascii_lowercase().as_str() {
        "false" | "off" | "no" | "0" | "f" | "n" => Ok(()),
        _ => Err(Fatal::new(FEATURE_NOT_SUPPORTED, "replication connections are not supported")
            .hint("Connect to the shard's server itself.")),
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

impl Startup {
    /// What to tell a client that asked for more than we know.
    pub fn negotiation(&self) -> Option<NegotiateProtocolVersion> {
        let version = VERSION_3 as i32 + i32::from(self.protocol_minor);
        (self.newer || !self.unknown.is_empty()).then(|| NegotiateProtocolVersion::new(version, self.unknown.clone()))
    }

    /// The settings asked for, those in `options` first: a later one overrides an earlier one (`process_startup_options`).
    /// Called only after login, as PostgreSQL does: a stranger learns nothing about options.
    pub fn into_parameters(self) -> Result<Settings, Fatal> {
        let Some(options) = self.options else { return Ok(self.settings) };
        let mut parameters = options::parse(&options)?;
        parameters.extend(self.settings);
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::wildcard_enum_match_arm, reason = "whatever else it is, it is wrong")]

    use super::*;

    fn packet(code: u32, body: &[u8]) -> Vec<u8> {
        let mut packet = (body.len() as u32 + 8).to_be_bytes().to_vec();
        packet.extend(code.to_be_bytes());
        packet.extend(body);
        packet
    }

    fn parsed(code: u32, body: &[u8]) -> Result<Opening, Unread> {
        parse(&packet(code, body), Asked::default())
    }

    fn reason(unread: Unread) -> Fatal {
        match unread {
            Unread::Refused(fatal) => fatal,
            Unread::Garbled(why) => panic!("{why}, and not a word"),
        }
    }

    fn started(code: u32, body: &[u8]) -> Startup {
        match parsed(code, body) {
            Ok(Opening::Startup(startup)) => startup,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn startup_names_are_taken_apart() {
        let startup = started(VERSION_3, b"user\0app\0options\0-c a=1\0a\x002\0client_encoding\0UTF8\0\0");
        assert_eq!((&*startup.user, &*startup.database), ("app", "app"));
        assert_eq!(startup.negotiation(), None);
        let names: Vec<_> = startup.into_parameters().unwrap().into_iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(names, ["a=1", "a=2", "client_encoding=UTF8"]);
        assert_eq!(&*started(VERSION_3, b"user\0app\0database\0\0\0").database, "app");
        let long = "x".repeat(64);
        let startup = started(VERSION_3, format!("user\0{long}\0database\0{long}y\0\0").as_bytes());
        assert_eq!((&*startup.user, &*startup.database), (&long[..63], &long[..63]));
        assert_eq!(&*started(VERSION_3, b"user\0app\0database\0shop\0x\0\0\0").database, "shop");
    }

    #[test]
    fn versions_are_negotiated_down_to_what_we_have() {
        for (minor, speaks, told) in [(0, 0, None), (1, 0, None), (2, 2, None), (3, 2, Some(2)), (9999, 2, Some(2))] {
            let startup = started(VERSION_3 + minor, b"user\0app\0\0");
            assert_eq!(startup.protocol_minor, speaks);
            assert_eq!(startup.negotiation().map(|n| n.newest_minor_protocol), told.map(|minor| 196_608 + minor));
        }
        let startup = started(VERSION_3, b"_pq_.b\0on\0user\0app\0_pq_.a\0\0\0");
        let told = startup.negotiation().unwrap();
        assert_eq!(
            (told.newest_minor_protocol, told.unsupported_options),
            (196_608, vec!["_pq_.b".into(), "_pq_.a".into()])
        );
        for code in [2 << 16, 4 << 16, 0, u32::MAX] {
            assert_eq!(reason(parsed(code, b"user\0app\0\0").unwrap_err()).sqlstate, "0A000");
        }
    }

    #[test]
    fn each_encryption_is_asked_for_once() {
        assert_eq!(parsed(SSL_REQUEST, b""), Ok(Opening::Ssl));
        assert_eq!(parsed(GSS_REQUEST, b""), Ok(Opening::Gss));
        let asked = Asked { ssl: true, gss: false };
        assert_eq!(reason(parse(&packet(SSL_REQUEST, b""), asked).unwrap_err()).sqlstate, "0A000");
        assert_eq!(parse(&packet(GSS_REQUEST, b""), asked), Ok(Opening::Gss));
        assert_eq!(reason(parsed(SSL_REQUEST, b"x").unwrap_err()).sqlstate, "08P01");
    }

    #[test]
    fn cancel_keys_are_short_or_long() {
        for size in [4, 32, 256] {
            let body = [&7_i32.to_be_bytes()[..], &vec![9; size]].concat();
            assert_eq!(parsed(CANCEL_REQUEST, &body), Ok(Opening::Cancel { pid: 7, key: vec![9; size].into() }));
        }
        for size in [0, 3, 257] {
            let body = [&7_i32.to_be_bytes()[..], &vec![9; size]].concat();
            assert!(matches!(parsed(CANCEL_REQUEST, &body), Err(Unread::Garbled(_))));
        }
        assert!(matches!(parsed(CANCEL_REQUEST, b""), Err(Unread::Garbled(_))));
    }

    #[test]
    fn malformed_packets_are_refused() {
        for (body, sqlstate) in [
            (&b""[..], "08P01"),
            (b"\0", "28000"),
            (b"\0\0", "08P01"),
            (b"user\0app", "08P01"),
            (b"user\0app\0", "08P01"),
            (b"user\0\0", "08P01"),
            (b"user\0app\0\0\0", "08P01"),
            (b"user\0app\0database\0\0", "08P01"),
            (b"user\0\0\0", "28000"),
            (b"database\0app\0\0", "28000"),
            (b"user\0\xff\0\0", "22021"),
            (b"user\0app\0replication\0database\0\0", "0A000"),
        ] {
            let error = reason(parsed(VERSION_3, body).unwrap_err());
            assert_eq!(error.sqlstate, sqlstate, "{body:?}: {error}");
        }
        for head in [0, 7, 10_001, u32::MAX, 0x4745_5420] {
            assert!(length(head.to_be_bytes()).is_err());
        }
        assert_eq!(length(10_000_u32.to_be_bytes()), Ok(10_000));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(code: u32, body: Vec<u8>) {
            drop(parsed(code, &body));
            drop(parsed(VERSION_3, &body));
            drop(parsed(CANCEL_REQUEST, &body));
            drop(parse(&body, Asked::default()));
        }
    }
}
