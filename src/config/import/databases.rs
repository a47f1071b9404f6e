//! `[databases]`: each is a database of one shard here, which may grow more.

use std::collections::HashMap;

use super::general::{self, pool_mode, time};
use super::ini::{Ini, quoted, words};
use crate::logic::topology::ANY_NAME;

const YEAR: f64 = 365.0 * 86_400.0;

/// All of them. `passwords`: what `auth_file` has in plain text.
pub fn databases(ini: &Ini, passwords: &HashMap<&str, &str>, left: &mut Vec<String>) -> String {
    let tls = tls(ini, left);
    if let Some(value) = ini.get("autodb_idle_timeout")
        && !ini.databases.iter().any(|(name, _)| name == ANY_NAME)
    {
        left.push(format!("autodb_idle_timeout = {value}: it is for the databases of *, which is not there"));
    }
    let all = ini.databases.iter().map(|(name, connection)| {
        let mut database = Database { name, lines: String::new(), host: "", port: "5432", to: name, login: None };
        let words = words(connection);
        database.take(&words, passwords, left);
        if name == ANY_NAME {
            database.idle_timeout(ini, left);
        }
        database.written(&tls)
    });
    all.collect()
}

struct Database<'a> {
    name: &'a str,
    /// Settings of ours
    lines: String,
    host: &'a str,
    port: &'a str,
    /// Its name on the server
    to: &'a str,
    login: Option<(&'a str, Option<&'a str>)>,
}

impl<'a> Database<'a> {
    fn take(&mut self, words: &'a [(String, String)], passwords: &HashMap<&str, &'a str>, left: &mut Vec<String>) {
        let name = self.name;
        // A secret is never repeated in a comment: these are settings of pools and the like.
        let mut leave =
            |key: &str, value: &str, why: &str| left.push(format!("[databases] {name}: {key} = {value}: {why}"));
        let (mut user, mut password) = (None, None);
        for (key, value) in words {
            let key = if key == "reserve_pool" { "reserve_pool_size" } else { key.as_str() };
            match key {
                "host" => self.host = value,
                "port" => self.port = value,
                "dbname" => self.to = value,
                "user" => user = Some(value.as_str()),
                "password" => password = Some(value.as_str()),
                "pool_mode" => {
                    let (mode, said) = pool_mode(value);
                    self.lines += &format!("pool_mode = {}\n", quoted(mode));
                    said.into_iter().for_each(|why| leave(key, value, why));
                }
                "auth_user" | "auth_query" | "auth_dbname" => {
                    leave(key, value, "users are looked up as [auth] says, for all databases")
                }
                "connect_query" => {
                    leave(key, value, "nothing is said on new connections: ALTER ROLE … IN DATABASE … SET")
                }
                "load_balance_hosts" => leave(key, value, "reads are spread over the `replicas` of a shard"),
                "client_encoding" | "datestyle" | "timezone" | "application_name" => {
                    leave(key, value, "a client says it, or ALTER ROLE … IN DATABASE … SET");
                }
                key => {
                    let key_of_pool = if key == "pool_size" { "default_pool_size" } else { key };
                    match general::of_database(key_of_pool, value) {
                        Some(Ok(line)) => self.lines += &line,
                        Some(Err(why)) => leave(key, value, &why),
                        None => leave(key, value, "there is no such setting of a database"),
                    }
                }
            }
        }
        if let Some((first, others)) = self.host.split_once(',') {
            leave("host", others, "several hosts of one database: the first is the primary; `replicas` take reads");
            self.host = first;
        }
        self.port = self.port.split(',').next().unwrap_or("5432");
        if self.host.starts_with('@') {
            leave("host", self.host, "there are no abstract sockets");
            self.host = "";
        }
        if self.name == ANY_NAME && !words.iter().any(|(key, _)| key == "dbname") {
            // The client's.
            self.to = "";
        }
        self.login = user.map(|user| (user, password.or_else(|| passwords.get(user).copied())));
        if let Some((user, None)) = self.login {
            leave("user", user, "its password is that of the client: write it into the address");
        }
    }

    fn idle_timeout(&mut self, ini: &Ini, left: &mut Vec<String>) {
        let Some(value) = ini.get("autodb_idle_timeout").filter(|value| !value.is_empty()) else { return };
        match time(value, 1.0, YEAR) {
            Ok(written) => self.lines += &format!("autodb_idle_timeout = {written}\n"),
            Err(why) => left.push(format!("autodb_idle_timeout = {value}: `autodb_idle_timeout` {why}")),
        }
    }

    fn written(&self, tls: &str) -> String {
        let login = match self.login {
            Some((user, Some(password))) => format!("{}:{}@", encoded(user), encoded(password)),
            Some((user, None)) => format!("{}@", encoded(user)),
            None => String::new(),
        };
        let path = if self.to.is_empty() { String::new() } else { format!("/{}", encoded(self.to)) };
        let (port, lines) = (self.port, &self.lines);
        let url = match self.host {
            "" => format!("postgres://{login}{path}?host=/tmp&port={port}"),
            folder if folder.starts_with('/') => {
                format!("postgres://{login}{path}?host={}&port={port}", encoded(folder))
            }
            host if host.contains(':') => format!("postgres://{login}[{host}]:{port}{path}{tls}"),
            host => format!("postgres://{login}{host}:{port}{path}{tls}"),
        };
        let (key, url) = (quoted(self.name), quoted(&url));
        format!(
            "\n[databases.{key}]\ndefault_shard = \"main\"\n{lines}\n[databases.{key}.shards.main]\nprimary = {url}\n"
        )
    }
}

/// What `server_tls_*` adds to the address of each server that is reached over TCP.
fn tls(ini: &Ini, left: &mut Vec<String>) -> String {
    let get = |name: &str| ini.get(name).filter(|value| !value.is_empty());
    let (mode, file) = (get("server_tls_sslmode").unwrap_or("prefer"), get("server_tls_ca_file"));
    let mode = match mode {
        "allow" => {
            left.push("server_tls_sslmode = allow: it is prefer here, TLS whenever the server can".to_owned());
            "prefer"
        }
        mode => mode,
    };
    let checks = matches!(mode, "verify-ca" | "verify-full");
    match (mode, file) {
        (mode, Some(file)) if checks => format!("?sslmode={}&sslrootcert={}", encoded(mode), encoded(file)),
        ("prefer", None) => String::new(),
        (mode, file) => {
            left.extend(file.map(|file| {
                format!("server_tls_ca_file = {file}: certificates are checked under verify-ca and verify-full only")
            }));
            if mode == "prefer" { String::new() } else { format!("?sslmode={}", encoded(mode)) }
        }
    }
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
