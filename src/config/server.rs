//! Where a server is: `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=…`, as libpq reads it.

use std::path::PathBuf;

use crate::logic::identifier::NAME_BYTES_MAX;
use crate::logic::topology::{Address, Host, Secret, ServerTls, TlsMode};

use super::report::{Problems, did_you_mean};
use super::source::Span;

/// Parameters that the address of a server may have.
pub const PARAMETERS: &[&str] = &["host", "port", "dbname", "user", "password", "sslmode", "sslrootcert"];

/// Other parameters that libpq has.
const OF_LIBPQ: &[&str] = &[
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "options",
    "passfile",
    "replication",
    "require_auth",
    "service",
    "sslcert",
    "sslcompression",
    "sslcrl",
    "sslkey",
    "sslpassword",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// Connection-string parameters that are ours to decide.
const NOT_OURS: &str = "shardway opens these connections itself; other libpq parameters have no effect here";

const EXAMPLE: &str = "write postgres://host:5432/database";

/// Reads the address of a server; `database` is the name to use when the URL has none.
///
/// No message repeats any part of the URL but host, port and parameter names: it may hold a password.
pub fn address(url: &str, span: Span, database: &str, problems: &mut Problems) -> Option<Address> {
    match parse(url, database) {
        Ok(mut address) => {
            address.tls.root_file = address.tls.root_file.map(|path| problems.sources.folder(span.file).join(path));
            check_root_file(&address.tls, span, problems);
            Some(address)
        }
        Err(Wrong { message, help }) => {
            problems.error(span, message).help(help);
            None
        }
    }
}

fn check_root_file(tls: &ServerTls, span: Span, problems: &mut Problems) {
    let Some(path) = &tls.root_file else { return };
    if let Err(error) = std::fs::metadata(path) {
        problems.error(span, format!("cannot read sslrootcert {}: {error}", path.display()));
    }
    if matches!(tls.mode, TlsMode::Disable | TlsMode::Prefer | TlsMode::Require) {
        problems
            .warning(span, "sslrootcert is not used: certificates are only checked under verify-ca and verify-full")
            .help("add sslmode=verify-full");
    }
}

/// What is wrong with a URL.
struct Wrong {
    message: String,
    help: String,
}

fn wrong<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { message: message.into(), help: help.into() })
}

fn parse(url: &str, database: &str) -> Result<Address, Wrong> {
    let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) else {
        return wrong("the address of a server starts with postgres://", EXAMPLE);
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
    if host.contains(',') {
        return wrong("the address names several hosts", "give each server its own address, under `replicas`");
    }
    let mut parts = Parts { database: decode(path)?, ..Parts::default() };
    (parts.host, parts.port) = host_and_port(host)?;
    if let Some(login) = login {
        let (user, password) = login.split_once(':').map_or((login, None), |(user, word)| (user, Some(word)));
        parts.user = decode(user)?;
        parts.password = password.map(decode).transpose()?.unwrap_or_default();
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        parts.parameter(pair)?;
    }
    parts.address(database)
}

/// `host`, `host:port`, `[v6]:port`, or nothing.
fn host_and_port(text: &str) -> Result<(String, String), Wrong> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, port)) = rest.split_once(']') else {
            return wrong("the address has a `[` without a `]`", "write postgres://[::1]:5432/database");
        };
        return match port.strip_prefix(':') {
            Some(port) => Ok((host.to_owned(), port.to_owned())),
            None if port.is_empty() => Ok((host.to_owned(), String::new())),
            None => wrong("unexpected characters after the `]` of the address", EXAMPLE),
        };
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    if port.contains(':') {
        return wrong("an IPv6 address stands in brackets", "write postgres://[::1]:5432/database");
    }
    Ok((decode(host)?, port.to_owned()))
}

/// The URL taken apart and decoded; empty is not set.
#[derive(Default)]
struct Parts {
    host: String,
    port: String,
    database: String,
    user: String,
    password: String,
    tls_mode: Option<TlsMode>,
    root_file: String,
}

impl Parts {
    fn parameter(&mut self, pair: &str) -> Result<(), Wrong> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value)?;
        match name {
            "host" => self.host = value,
            "port" => self.port = value,
            "dbname" => self.database = value,
            "user" => self.user = value,
            "password" => self.password = value,
            "sslmode" => self.tls_mode = Some(tls_mode(&value)?),
            "sslrootcert" => self.root_file = value,
            _ => {
                // What nobody knows as a parameter may be the rest of a password.
                let meant = did_you_mean(name, PARAMETERS.iter().copied());
                let is_known = meant.is_some() || OF_LIBPQ.contains(&name);
                let shown = if is_known { format!(" `{name}`") } else { String::new() };
                return wrong(
                    format!("the address has an unknown parameter{shown}"),
                    meant.unwrap_or_else(|| NOT_OURS.to_owned()),
                );
            }
        }
        Ok(())
    }

    fn address(self, database: &str) -> Result<Address, Wrong> {
        let host = match self.host.as_str() {
            "" => return wrong("the address has no host", EXAMPLE),
            path if path.starts_with('/') => Host::Unix(PathBuf::from(path)),
            name if name.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                return wrong("the host of the address has spaces in it", EXAMPLE);
            }
            name => Host::Tcp(name.into()),
        };
        let port = match self.port.as_str() {
            "" => 5432,
            text => match text.parse::<u16>() {
                Ok(port) if port > 0 => port,
                Ok(_) | Err(_) => return wrong("the port of the address must be between 1 and 65535", EXAMPLE),
            },
        };
        let database = if self.database.is_empty() { database.to_owned() } else { self.database };
        if database.len() > NAME_BYTES_MAX {
            return wrong(format!("the database of the address is longer than {NAME_BYTES_MAX} bytes"), EXAMPLE);
        }
        let tls_mode = match (&host, self.tls_mode) {
            (Host::Unix(_), None) => TlsMode::Disable,
            (Host::Tcp(_), None) => TlsMode::Prefer,
            (Host::Unix(_) | Host::Tcp(_), Some(mode)) => mode,
        };
        Ok(Address {
            host,
            port,
            database: database.into(),
            user: Some(self.user).filter(|user| !user.is_empty()).map(Into::into),
            password: Some(self.password).filter(|word| !word.is_empty()).map(Secret::new),
            tls: ServerTls {
                mode: tls_mode,
                root_file: Some(self.root_file).filter(|path| !path.is_empty()).map(PathBuf::from),
            },
        })
    }
}

fn tls_mode(word: &str) -> Result<TlsMode, Wrong> {
    const MODES: &str = "disable, prefer, require, verify-ca or verify-full";
    match word {
        "disable" => Ok(TlsMode::Disable),
        "prefer" => Ok(TlsMode::Prefer),
        "require" => Ok(TlsMode::Require),
        "verify-ca" => Ok(TlsMode::VerifyCa),
        "verify-full" => Ok(TlsMode::VerifyFull),
        "allow" => wrong("sslmode=allow is not supported", "use sslmode=prefer: TLS whenever the server can"),
        _ => wrong("the address has an unknown sslmode", format!("use {MODES}")),
    }
}

/// Percent-decoding.
fn decode(text: &str) -> Result<String, Wrong> {
    const HELP: &str = "write a literal % as %25, @ as %40, : as %3A, / as %2F";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = digits.filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(byte) = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return wrong("the address has a % that is not followed by two hexadecimal digits", HELP);
        };
        if byte == 0 {
            return wrong("the address has a %00 in it", HELP);
        }
        bytes.push(byte);
        rest = &after[2..];
    }
    String::from_utf8(bytes).or_else(|_| wrong("the address is not UTF-8 after percent-decoding", HELP))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        match parse(url, "app") {
            Ok(Address { host, port, database, user, password, tls }) => {
                let host = match host {
                    Host::Tcp(name) => name.to_string(),
                    Host::Unix(folder) => folder.display().to_string(),
                };
                let login = user.map(|user| {
                    let word = password.map(|word| format!(":{}", word.expose())).unwrap_or_default();
                    format!("{user}{word} at ")
                });
                let root = tls.root_file.map(|path| format!(" by {}", path.display())).unwrap_or_default();
                format!("{}{host} {port} {database} {:?}{root}", login.unwrap_or_default(), tls.mode)
            }
            Err(Wrong { message, .. }) => format!("! {message}"),
        }
    }

    #[test]
    fn addresses() {
        let cases = [
            ("postgres://h", "h 5432 app Prefer"),
            ("postgresql://h:1/db", "h 1 db Prefer"),
            ("postgres://u:p%40ss@h/db", "u:p@ss at h 5432 db Prefer"),
            ("postgres://u:p@ss@h/db", "u:p@ss at h 5432 db Prefer"),
            ("postgres://[::1]:6000/db?sslmode=disable", "::1 6000 db Disable"),
            ("postgres:///db?host=/run/postgresql&port=5433", "/run/postgresql 5433 db Disable"),
            ("postgres://%2Frun%2Fpostgresql/db", "/run/postgresql 5432 db Disable"),
            ("postgres://h/db?sslmode=verify-full&sslrootcert=ca.pem", "h 5432 db VerifyFull by ca.pem"),
            ("postgres://h/db?user=u&password=x", "u:x at h 5432 db Prefer"),
            ("mysql://h/db", "! the address of a server starts with postgres://"),
            ("postgres:///db", "! the address has no host"),
            ("postgres://h:70000/db", "! the port of the address must be between 1 and 65535"),
            ("postgres://h:0/db", "! the port of the address must be between 1 and 65535"),
            ("postgres://a,b/db", "! the address names several hosts"),
            ("postgres://::1/db", "! an IPv6 address stands in brackets"),
            ("postgres://h/db?sslmode=allow", "! sslmode=allow is not supported"),
            ("postgres://h/db?ssl_mode=x", "! the address has an unknown parameter `ssl_mode`"),
            ("postgres://h/db?connect_timeout=3", "! the address has an unknown parameter `connect_timeout`"),
            ("postgres://u:half?half@h/db", "! the address has an unknown parameter"),
            ("postgres://h/%zz", "! the address has a % that is not followed by two hexadecimal digits"),
            ("postgres://h/a%00b", "! the address has a %00 in it"),
        ];
        for (url, expected) in cases {
            assert_eq!(shown(url), expected, "{url}");
        }
    }
}
