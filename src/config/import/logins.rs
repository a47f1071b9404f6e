//! Who may log in, and how: `auth_*`, `client_tls_*`, `[users]`, `[peers]`, and the console's members.

use std::collections::HashMap;

use super::hba::{self, Rules};
use super::ini::{Ini, Read, list, quoted, words};
use crate::config::userlist::{self, Entry};
use crate::logic::topology::ANY_NAME;

/// What `auth_file` says, where there is one that can be read here.
pub struct Listed(Option<Vec<Entry>>);

impl Listed {
    /// Reads it.
    pub fn read(ini: &Ini, read: Read<'_>, left: &mut Vec<String>) -> Self {
        let Some(file) = get(ini, "auth_file") else { return Self(None) };
        let entries = read(file).and_then(|text| {
            userlist::parse(&text).map_err(|line| format!("line {line} is not \"name\" \"password\""))
        });
        Self(entries.map_err(|why| left.push(format!("auth_file = {file}: {why}"))).ok())
    }

    /// Passwords in plain text.
    pub fn passwords(&self) -> HashMap<&str, &str> {
        let plain = self.entries().iter().filter(|it| !is_verifier(it) && is_usable(it));
        plain.map(|it| (it.name.as_str(), it.secret.as_str())).collect()
    }

    fn entries(&self) -> &[Entry] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Why nobody can log in as this user, if so.
    fn lacks(&self, name: &str, ini: &Ini) -> Option<&'static str> {
        match self.entries().iter().find(|entry| entry.name == name) {
            None => Some("auth_file does not name the user"),
            Some(entry) if is_usable(entry) || without_secret(ini).is_some() => None,
            Some(_) => Some("auth_file has no password of the user, and no SCRAM verifier"),
        }
    }
}

fn get<'a>(ini: &'a Ini, name: &str) -> Option<&'a str> {
    ini.get(name).filter(|value| !value.is_empty())
}

fn is_verifier(entry: &Entry) -> bool {
    entry.secret.starts_with("SCRAM-SHA-256$")
}

/// Can anybody prove by it who it is? An MD5 hash is of no use.
fn is_usable(entry: &Entry) -> bool {
    let is_hash = entry.secret.len() == 35 && entry.secret.starts_with("md5");
    !entry.secret.is_empty() && !is_hash
}

/// What `auth` says of users who need no secret.
fn without_secret(ini: &Ini) -> Option<&'static str> {
    match get(ini, "auth_type") {
        Some("trust") => Some("trust"),
        Some("cert") => Some("certificate"),
        Some(_) | None => None,
    }
}

/// `[listen.tls]`.
pub fn tls(ini: &Ini) -> String {
    let files =
        [("certificate", "client_tls_cert_file"), ("key", "client_tls_key_file"), ("client_ca", "client_tls_ca_file")];
    let files: String =
        files.iter().filter_map(|(ours, name)| Some(format!("{ours} = {}\n", quoted(get(ini, name)?)))).collect();
    let mode = match get(ini, "client_tls_sslmode").unwrap_or("disable") {
        "allow" | "prefer" => "allow",
        "verify-ca" | "verify-full" => "verify",
        mode => mode,
    };
    match (mode, files.is_empty()) {
        ("disable", true) => String::new(),
        (mode, _) => format!("\n[listen.tls]\nmode = {}\n{files}", quoted(mode)),
    }
}

/// `[auth]` and `[[users]]`.
pub fn auth(ini: &Ini, listed: &Listed, read: Read<'_>, left: &mut Vec<String>) -> String {
    let mut lines = String::new();
    let mut users = Vec::new();
    if let Some(file) = get(ini, "auth_file") {
        lines += &format!("file = {}\n", quoted(file));
    }
    lines += &query(ini, listed, left);
    let kind = get(ini, "auth_type").unwrap_or("md5");
    let mut rules = Rules::default();
    match kind {
        "scram-sha-256" => (),
        "md5" | "plain" => {
            left.push(format!("auth_type = {kind}: clients log in with SCRAM; MD5 hashes are of no use"))
        }
        "trust" => rules.rules.push("{ method = \"trust\" }".to_owned()),
        "cert" => rules.rules.push("{ method = \"certificate\" }".to_owned()),
        "hba" => match get(ini, "auth_hba_file").map(|file| (file, read(file))) {
            Some((_, Ok(text))) => rules = hba::rules(&text, read, left),
            Some((file, Err(why))) => {
                left.push(format!("auth_hba_file = {file}: {why}: everybody is rejected"));
                rules.rules.push("{ method = \"reject\" }".to_owned());
            }
            None => rules.rules.push("{ method = \"reject\" }".to_owned()),
        },
        kind => {
            left.push(format!("auth_type = {kind}: there is no such thing here; users log in with SCRAM"));
        }
    }
    if kind != "hba" {
        left.extend(get(ini, "auth_hba_file").map(|file| format!("auth_hba_file = {file}: auth_type is not hba")));
    }
    if !rules.rules.is_empty() {
        lines +=
            &format!("rules = [\n{}]\n", rules.rules.iter().map(|rule| format!("  {rule},\n")).collect::<String>());
    }
    if rules.wants_certificates && get(ini, "client_tls_ca_file").is_none() {
        left.push("auth_hba_file: rules with cert need client_tls_ca_file".to_owned());
    }
    let names = match get(ini, "auth_ident_file").map(|file| (file, read(file))) {
        None => String::new(),
        Some((file, Err(why))) => {
            left.push(format!("auth_ident_file = {file}: {why}"));
            String::new()
        }
        Some((_, Ok(text))) => hba::certificate_names(&text, &rules.maps, left),
    };
    if let Some(auth) = without_secret(ini) {
        for entry in listed.entries().iter().filter(|entry| !is_usable(entry)) {
            users.push((entry.name.as_str(), format!("auth = \"{auth}\"\n")));
        }
    }
    of_users(ini, listed, &mut users, left);
    let mut toml = String::new();
    if !lines.is_empty() {
        toml += &format!("\n[auth]\n{lines}");
    }
    if !names.is_empty() {
        toml += &format!("\n[auth.certificate_names]\n{names}");
    }
    for (name, lines) in &users {
        toml += &format!("\n[[users]]\nname = {}\n{lines}", quoted(name));
    }
    if listed.entries().is_empty() && get(ini, "auth_file").is_none() && get(ini, "auth_user").is_none() {
        left.push("auth_file, auth_user: neither is set, so nobody could log in: add [[users]]".to_owned());
    }
    toml
}

/// Where users are looked up.
fn query(ini: &Ini, listed: &Listed, left: &mut Vec<String>) -> String {
    let Some(user) = get(ini, "auth_user") else {
        for name in ["auth_query", "auth_dbname"] {
            left.extend(get(ini, name).map(|value| format!("{name} = {value}: there is no auth_user")));
        }
        return String::new();
    };
    let mut lines = format!("user = {}\n", quoted(user));
    if !listed.passwords().contains_key(user) {
        left.push(format!(
            "auth_user = {user}: auth_file has no password of it in plain text; `[auth] password` is for it"
        ));
    }
    if let Some(query) = get(ini, "auth_query") {
        lines += &format!("query = {}\n", quoted(query));
    }
    let names = || ini.databases.iter().map(|(name, _)| name.as_str());
    let database = match get(ini, "auth_dbname") {
        Some(name) => Some(name),
        // Who has not logged in yet does not choose where users are looked up.
        None if names().any(|name| name == ANY_NAME) => {
            let first = names().find(|name| *name != ANY_NAME);
            left.push(match first {
                Some(first) => format!("auth_query: for the databases of * users are looked up in {first}"),
                None => {
                    "auth_query: set `[auth] database`: * has no database before its client has logged in".to_owned()
                }
            });
            first
        }
        None => None,
    };
    lines + &database.map(|name| format!("database = {}\n", quoted(name))).unwrap_or_default()
}

/// `[users]`: the password of each is in `auth_file`.
fn of_users<'a>(ini: &'a Ini, listed: &Listed, users: &mut Vec<(&'a str, String)>, left: &mut Vec<String>) {
    for (name, settings) in &ini.users {
        let mut lines = String::new();
        for (key, value) in words(settings) {
            let why = match (key.as_str(), value.parse::<u32>()) {
                ("max_user_connections" | "max_user_client_connections", Ok(number)) => match listed.lacks(name, ini) {
                    Some(why) => why,
                    None => {
                        lines += &format!("{key} = {number}\n");
                        continue;
                    }
                },
                ("max_user_connections" | "max_user_client_connections", Err(_)) => "it is no number",
                _ => "it is set for a database here, not for a user",
            };
            left.push(format!("[users] {name}: {key} = {value}: {why}"));
        }
        match users.iter_mut().find(|(known, _)| known == name).filter(|_| !lines.is_empty()) {
            Some((_, known)) => *known += &lines,
            None if !lines.is_empty() => users.push((name.as_str(), lines)),
            None => (),
        }
    }
}

/// `[console]`: members must be users that are named somewhere.
pub fn members(ini: &Ini, listed: &Listed, left: &mut Vec<String>) -> String {
    let mut members = |setting: &str| -> String {
        let names = get(ini, setting).unwrap_or("").split(',').map(str::trim).filter(|name| !name.is_empty());
        let mut known = Vec::new();
        for name in names {
            match listed.lacks(name, ini).filter(|_| listed.0.is_some()) {
                Some(why) => left.push(format!("{setting} = {name}: {why}")),
                None => known.push(name),
            }
        }
        list(known)
    };
    let (admin, stats) = (members("admin_users"), members("stats_users"));
    if admin == "[]" && stats == "[]" {
        return String::new();
    }
    format!("\n[console]\nadmin = {admin}\nstats = {stats}\n")
}

/// `peer_id` and `[peers]` need a secret that PgBouncer has not: as comments, to be completed.
pub fn peers(ini: &Ini, left: &mut Vec<String>) -> String {
    let node = get(ini, "peer_id").filter(|id| *id != "0");
    if node.is_none() && ini.peers.is_empty() {
        return String::new();
    }
    left.push(
        "peer_id, [peers]: they are comments in the file; all proxies need the same `[listen] peer_secret`".to_owned(),
    );
    let mut lines = "\n# The proxies behind one address. Give all of them the same secret, and take the first two lines to [listen].\n".to_owned();
    lines += &format!("#: node = {}\n#: peer_secret = {{ env = \"PEER_SECRET\" }}\n", node.unwrap_or("1"));
    for (id, connection) in ini.peers.iter().filter(|(id, _)| Some(id.as_str()) != node) {
        let words = words(connection);
        let get = |name: &str| words.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let (host, port) = (get("host").unwrap_or("127.0.0.1"), get("port").unwrap_or("6432"));
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if host.parse::<std::net::Ipv4Addr>().is_err() && !host.starts_with('[') && host != "localhost" {
            left.push(format!("[peers] {id}: host = {host}: peers are named by address"));
        }
        for (key, value) in words.iter().filter(|(key, _)| !matches!(key.as_str(), "host" | "port")) {
            left.push(format!("[peers] {id}: {key} = {value}: cancel requests go out at once"));
        }
        lines += &format!("#: [[peers]]\n#: id = {id}\n#: address = {}\n", quoted(&format!("{host}:{port}")));
    }
    lines
}
