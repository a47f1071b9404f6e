//! `auth_hba_file` and `auth_ident_file` as rules of `[auth]`.
//!
//! A line that cannot be said in our words becomes a rule that rejects whoever it may fit, so that no line behind it lets in
//! somebody who was not meant to come.

use std::net::IpAddr;

use super::ini::{Read, list, quoted};

/// What the files become.
#[derive(Debug, Default)]
pub struct Rules {
    /// One a line
    pub rules: Vec<String>,
    /// The maps of certificate names that are used
    pub maps: Vec<String>,
    /// Some rule lets in who shows a certificate
    pub wants_certificates: bool,
}

/// A word, and whether it stood in quotes.
type Word = (String, bool);

/// Reads the rules; `left` hears of each that is not carried over as it is.
pub fn rules(text: &str, read: Read<'_>, left: &mut Vec<String>) -> Rules {
    let mut rules = Rules::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields = fields(line);
        let Some(rule) = Rule::of(&fields, read) else {
            left.push(format!("auth_hba_file: {line}: PgBouncer does not read this line either"));
            continue;
        };
        if let Some(why) = rule.lacks {
            left.push(format!("auth_hba_file: {line}: {why}; whoever it may be for is rejected"));
        }
        if rule.is_of_replication {
            left.push(format!("auth_hba_file: {line}: there are no replication connections"));
            continue;
        }
        rules.wants_certificates |= rule.method == "certificate";
        rules.maps.extend(rule.map.clone().filter(|map| !rules.maps.contains(map)));
        rules.rules.push(rule.written());
    }
    rules
}

/// Lines of `[auth.certificate_names]` for the maps that are used.
pub fn certificate_names(text: &str, maps: &[String], left: &mut Vec<String>) -> String {
    let mut names: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<String> = fields(line).into_iter().filter_map(|mut field| Some(field.pop()?.0)).collect();
        match &words[..] {
            [map, _, _] if !maps.contains(map) => left.push(format!("auth_ident_file: {line}: no rule uses this map")),
            [_, name, user] if !name.starts_with('/') && user != "all" => {
                match names.iter_mut().find(|(known, _)| known == name) {
                    Some((_, users)) => users.push(user.clone()),
                    None => names.push((name.clone(), vec![user.clone()])),
                }
            }
            _ => left.push(format!("auth_ident_file: {line}: names are mapped one by one here")),
        }
    }
    let line = |(name, users): (String, Vec<String>)| {
        format!("{} = {}\n", quoted(&name), list(users.iter().map(String::as_str)))
    };
    names.into_iter().map(line).collect()
}

struct Rule {
    databases: Vec<String>,
    users: Vec<String>,
    origins: Vec<String>,
    tls: Option<bool>,
    method: &'static str,
    map: Option<String>,
    is_of_replication: bool,
    /// Why it rejects
    lacks: Option<&'static str>,
}

impl Rule {
    /// `None`: it is no line of such a file.
    fn of(fields: &[Vec<Word>], read: Read<'_>) -> Option<Self> {
        let (kind, databases, users) = (&fields.first()?.first()?.0, fields.get(1)?, fields.get(2)?);
        let (tls, is_local) = match kind.as_str() {
            "local" => (None, true),
            "host" => (None, false),
            "hostssl" => (Some(true), false),
            "hostnossl" => (Some(false), false),
            _ => return None,
        };
        let is_word = |word: &Word, text: &str| !word.1 && word.0 == text;
        let mut rule = Self {
            is_of_replication: databases.iter().all(|word| is_word(word, "replication")),
            databases: Vec::new(),
            users: Vec::new(),
            origins: Vec::new(),
            tls,
            method: "reject",
            map: None,
            lacks: None,
        };
        rule.databases = rule.names(databases, read);
        rule.users = rule.names(users, read);
        let mut rest = &fields[3..];
        if is_local {
            rule.origins.push("unix".to_owned());
        } else {
            rest = rule.origin(rest)?;
        }
        let (method, options) = rest.split_first()?;
        rule.ask(&method.first()?.0, options);
        Some(rule)
    }

    /// Names of databases or users; none: all.
    fn names(&mut self, words: &[Word], read: Read<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for (word, is_quoted) in words {
            match word.as_str() {
                "all" if !is_quoted => return Vec::new(),
                "replication" if !is_quoted => (),
                "sameuser" | "samerole" | "samegroup" if !is_quoted => {
                    self.lacks = Some("a rule cannot compare user and database");
                    return Vec::new();
                }
                _ if !is_quoted && word.starts_with(['+', '/']) => {
                    self.lacks = Some("rules know names, no groups and patterns");
                    return Vec::new();
                }
                _ => match word.strip_prefix('@').filter(|_| !is_quoted) {
                    None => names.push(word.clone()),
                    Some(file) => match read(file) {
                        Ok(text) => names.extend(text.lines().flat_map(fields).flatten().map(|(name, _)| name)),
                        Err(_) => {
                            self.lacks = Some("the file with the names cannot be read");
                            return Vec::new();
                        }
                    },
                },
            }
        }
        names
    }

    /// The address, with a mask behind it perhaps; gives what follows.
    fn origin<'a>(&mut self, fields: &'a [Vec<Word>]) -> Option<&'a [Vec<Word>]> {
        let (first, rest) = fields.split_first()?;
        let text = &first.first()?.0;
        let anywhere = || vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()];
        let host = text.split_once('/').map_or(text.as_str(), |(host, _)| host);
        match (text.as_str(), host.parse::<IpAddr>()) {
            ("all", _) => self.origins = anywhere(),
            (_, Ok(_)) if text.contains('/') => self.origins.push(text.clone()),
            (_, Ok(address)) => {
                let mask: IpAddr = rest.first()?.first()?.0.parse().ok()?;
                let (ones, length) = match mask {
                    IpAddr::V4(mask) => (mask.to_bits().leading_ones(), 32),
                    IpAddr::V6(mask) => (mask.to_bits().leading_ones(), 128),
                };
                if (length == 32) != address.is_ipv4() {
                    return None;
                }
                self.origins.push(format!("{address}/{ones}"));
                return Some(&rest[1..]);
            }
            (_, Err(_)) => {
                self.lacks = Some("addresses of rules are numbers");
                self.origins = anywhere();
            }
        }
        Some(rest)
    }

    fn ask(&mut self, method: &str, options: &[Vec<Word>]) {
        let method = match method {
            "trust" => "trust",
            "reject" => "reject",
            "md5" | "password" | "plain" | "scram-sha-256" => "scram",
            "cert" => "certificate",
            "peer" => {
                self.lacks.get_or_insert("a Unix socket does not tell us who is behind it");
                "reject"
            }
            _ => {
                self.lacks.get_or_insert("there is no such way to prove who one is");
                "reject"
            }
        };
        let option = options.iter().flatten().find_map(|(word, _)| word.strip_prefix("map="));
        self.map = option.map(str::to_owned).filter(|_| method == "certificate");
        self.method = if self.lacks.is_some() { "reject" } else { method };
    }

    fn written(&self) -> String {
        let mut parts = Vec::new();
        for (name, texts) in [("database", &self.databases), ("user", &self.users), ("address", &self.origins)] {
            if !texts.is_empty() {
                parts.push(format!("{name} = {}", list(texts.iter().map(String::as_str))));
            }
        }
        parts.extend(self.tls.map(|tls| format!("tls = {tls}")));
        parts.push(format!("method = \"{}\"", self.method));
        format!("{{ {} }}", parts.join(", "))
    }
}

/// The fields of a line, each a list of words between commas. What follows a `#` is none of it.
fn fields(line: &str) -> Vec<Vec<Word>> {
    let (mut fields, mut rest): (Vec<Vec<Word>>, &str) = (Vec::new(), line);
    let mut continues = false;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next().filter(|first| *first != '#') else { return fields };
        if first == ',' {
            (continues, rest) = (true, &rest[1..]);
            continue;
        }
        let (word, after) = match rest.strip_prefix('"') {
            Some(inside) => {
                let (word, after) = inside.split_once('"').unwrap_or((inside, ""));
                ((word.to_owned(), true), after)
            }
            None => {
                let end = rest.find(|it: char| it.is_whitespace() || matches!(it, ',' | '#')).unwrap_or(rest.len());
                ((rest[..end].to_owned(), false), &rest[end..])
            }
        };
        match fields.last_mut().filter(|_| continues) {
            Some(field) => field.push(word),
            None => fields.push(vec![word]),
        }
        (continues, rest) = (false, after);
    }
}
