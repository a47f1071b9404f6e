//! `[[users]]`: who may log in.

use std::collections::HashMap;
use std::sync::Arc;

use crate::logic::crowd::CrowdLimits;
use crate::logic::identifier::NAME_BYTES_MAX;
use crate::logic::topology::{Login, Secret, User};
use crate::proxy::door::TlsSettings;

use super::limits;
use super::report::Problems;
use super::secret::{self, Environment, Password};
use super::section::{Section, list};
use super::source::Span;
use super::tree::Node;
use super::userlist::{self, Entry};

/// Fields of a user.
pub const FIELDS: &[&str] = &[
    "name",
    "password",
    "auth",
    "server_user",
    "server_password",
    "max_user_connections",
    "max_user_client_connections",
    "logins_per_second",
];

/// A user, and what the file says of the password.
#[derive(Debug, Clone)]
pub struct UserSettings {
    /// As the topology has it
    pub user: Arc<User>,
    /// What the verifier was made of: two verifiers of one password differ, so a reload compares these
    password: Option<Password>,
}

impl PartialEq for UserSettings {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&self.user, &other.user);
        a.name == b.name
            && self.password == other.password
            && std::mem::discriminant(&a.login) == std::mem::discriminant(&b.login)
            && a.server_user == b.server_user
            && a.server_password == b.server_password
            && a.crowd == b.crowd
            && a.connections_max == b.connections_max
    }
}

/// How a user proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    Scram,
    Trust,
    Certificate,
}

/// Reads all users. `file` is a list of PgBouncer's; `looks_up`: a server may know more.
pub fn read(
    node: Option<&Node>,
    file: Option<(&str, Span)>,
    looks_up: bool,
    tls: Option<&TlsSettings>,
    env: Environment<'_>,
    problems: &mut Problems,
) -> Vec<UserSettings> {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    let mut users = Vec::new();
    let listed = file.map_or_else(Vec::new, |(path, span)| read_list(path, span, problems));
    for node in node.map_or(&[][..], list) {
        let section = Section::open(node, FIELDS, problems);
        let Some(name_node) = section.require("name", problems) else { continue };
        let Some(name) = super::section::text(name_node, "name", problems) else { continue };
        check_name(name, name_node.span, problems);
        if let Some(first) = seen.insert(name, name_node.span) {
            let first = problems.sources.place(first);
            problems.error(name_node.span, format!("the user `{name}` is listed twice")).help(format!(
                "it is also at {}:{}",
                first.path.display(),
                first.line
            ));
        }
        let of_list = listed.iter().find(|entry| entry.name == name);
        users.extend(read_one(name, section, of_list, tls, env, problems));
    }
    if let Some((_, span)) = file {
        add_listed(&listed, span, &mut users, problems);
    }
    if users.is_empty() && !looks_up && problems.errors() == 0 {
        problems.general("there are no users: nobody could log in").help("add [[users]] with a name and a password");
    }
    users
}

fn read_list(path: &str, span: Span, problems: &mut Problems) -> Vec<Entry> {
    let Some(text) = secret::read(path, span, problems) else { return Vec::new() };
    userlist::parse(&text).unwrap_or_else(|line| {
        problems.error(span, format!("line {line} of {path} is not \"name\" \"password\""));
        Vec::new()
    })
}

/// Adds the users of PgBouncer's list that the file does not name itself.
fn add_listed(entries: &[Entry], span: Span, users: &mut Vec<UserSettings>, problems: &mut Problems) {
    for entry in entries {
        if users.iter().any(|it| *it.user.name == *entry.name) {
            continue;
        }
        check_name(&entry.name, span, problems);
        let Some(password) = Password::of_text(&entry.secret) else {
            let what = if entry.secret.is_empty() { "no password" } else { "an MD5 hash" };
            problems
                .warning(span, format!("line {}: the user `{}` has {what} and cannot log in", entry.line, entry.name))
                .help("copy the SCRAM-SHA-256 verifier from pg_authid");
            continue;
        };
        let user = User {
            name: entry.name.as_str().into(),
            login: Login::Verifier(password.verifier()),
            server_user: None,
            server_password: plain(&password),
            crowd: CrowdLimits::default(),
            connections_max: None,
        };
        users.push(UserSettings { user: Arc::new(user), password: Some(password) });
    }
}

fn check_name(name: &str, span: Span, problems: &mut Problems) {
    if name.is_empty() {
        problems.error(span, "the user name is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        problems.error(span, format!("the user name is longer than {NAME_BYTES_MAX} bytes"));
    }
}

fn read_one(
    name: &str,
    section: Section<'_>,
    listed: Option<&Entry>,
    tls: Option<&TlsSettings>,
    env: Environment<'_>,
    problems: &mut Problems,
) -> Option<UserSettings> {
    let words = [("scram", Auth::Scram), ("trust", Auth::Trust), ("certificate", Auth::Certificate)];
    let auth = section.choice("auth", Auth::Scram, &words, problems);
    let listed = || Some(Password::of_text(&listed?.secret)).filter(Option::is_some);
    let password = section.get("password").map(|node| secret::password(node, env, problems)).or_else(listed);
    let server_password = section.get("server_password").and_then(|node| secret::plain(node, env, problems));
    let login = match (auth, &password) {
        (Auth::Scram, Some(Some(password))) => Login::Verifier(password.verifier()),
        (Auth::Scram, Some(None)) => return None, // reported where it stands
        (Auth::Scram, None) => {
            problems
                .error(section.span, format!("the user `{name}` has no password"))
                .help("add password = { env = \"NAME\" }, or say auth = \"trust\" or auth = \"certificate\"");
            return None;
        }
        (Auth::Trust, _) => {
            let span = section.get("auth").map_or(section.span, |node| node.span);
            problems.warning(span, format!("anyone who can reach us may log in as `{name}`"));
            Login::Trust
        }
        (Auth::Certificate, _) => {
            check_certificates(section, tls, problems);
            Login::Certificate
        }
    };
    let password = password.flatten();
    let user = User {
        name: name.into(),
        login,
        server_user: section.text("server_user", problems).map(|(user, _)| user.into()),
        server_password: server_password.or_else(|| password.as_ref().and_then(plain)),
        crowd: limits::crowd(section, "max_user_client_connections", CrowdLimits::default(), problems),
        connections_max: section
            .get("max_user_connections")
            .map(|_| section.count("max_user_connections", 0, 0..=1_000_000, problems)),
    };
    Some(UserSettings { user: Arc::new(user), password })
}

fn check_certificates(section: Section<'_>, tls: Option<&TlsSettings>, problems: &mut Problems) {
    if tls.is_none_or(|tls| tls.authorities_file.is_none()) {
        let span = section.get("auth").map_or(section.span, |node| node.span);
        problems
            .error(span, "client certificates cannot be checked")
            .help("set certificate, key and client_ca under [listen.tls]");
    }
}

fn plain(password: &Password) -> Option<Secret> {
    match password {
        Password::Plain(secret) => Some(secret.clone()),
        Password::Verifier(_) => None,
    }
}
