//! `[auth]`: how logins are judged, and where users come from besides `[[users]]`.

use crate::logic::auth::rules::{Method, Origin, Rule};
use crate::logic::topology::{AuthQuery, AuthSettings};

use super::report::Problems;
use super::secret::{self, Environment};
use super::section::{Section, list, text};
use super::tree::Node;
use crate::proxy::door::TlsSettings;

/// Fields of `[auth]`.
pub const FIELDS: &[&str] = &["file", "user", "password", "query", "database", "rules", "certificate_names"];

/// Fields of a rule.
pub const RULE_FIELDS: &[&str] = &["database", "user", "address", "tls", "method"];

/// PgBouncer's, with every name qualified: who may not log in, or not any more, has no password.
const QUERY: &str = "SELECT rolname, CASE WHEN rolvaliduntil OPERATOR(pg_catalog.<) pg_catalog.now() THEN NULL ELSE rolpassword END \
                     FROM pg_catalog.pg_authid WHERE rolname OPERATOR(pg_catalog.=) $1 AND rolcanlogin";

/// Reads `[auth]`, apart from `file`, which is read with the users.
pub fn read(
    section: Section<'_>,
    tls: Option<&TlsSettings>,
    env: Environment<'_>,
    problems: &mut Problems,
) -> AuthSettings {
    let rules = section.get("rules").map_or(&[][..], list);
    AuthSettings {
        rules: rules.iter().filter_map(|node| rule(node, tls, problems)).collect(),
        certificate_names: certificate_names(section, problems),
        query: query(section, env, problems),
    }
}

fn query(section: Section<'_>, env: Environment<'_>, problems: &mut Problems) -> Option<AuthQuery> {
    let user = section.text("user", problems);
    if user.is_none() {
        for name in ["query", "password", "database"] {
            if let Some(node) = section.get(name) {
                problems
                    .error(node.span, format!("[auth] has `{name}` and no `user`"))
                    .help("name the user that may look up others, with its password");
            }
        }
    }
    let sql = section.text("query", problems);
    if let Some((sql, span)) = sql
        && !sql.contains("$1")
    {
        problems.error(span, "the query does not look at `$1`, the name of the user");
    }
    Some(AuthQuery {
        user: user?.0.into(),
        password: section.get("password").and_then(|node| secret::plain(node, env, problems)),
        database: section.text("database", problems).map(|(name, _)| name.into()),
        sql: sql.map_or(QUERY, |(sql, _)| sql).into(),
    })
}

fn rule(node: &Node, tls: Option<&TlsSettings>, problems: &mut Problems) -> Option<Rule> {
    let section = Section::open(node, RULE_FIELDS, problems);
    let mut names = |field: &str| -> Vec<Box<str>> {
        section.texts(field, problems).into_iter().map(|(name, _)| name.into()).collect()
    };
    let (databases, users) = (names("database"), names("user"));
    let mut from = Vec::new();
    for (text, span) in section.texts("address", problems) {
        match Origin::parse(text) {
            Some(origin) => from.push(origin),
            None => {
                problems
                    .error(span, format!("`{text}` is no address"))
                    .help("write \"10.0.0.0/8\", \"192.168.1.7\", \"::1\" or \"unix\"; leave `address` out for all");
            }
        }
    }
    let words = [
        ("user", Method::OfUser),
        ("scram", Method::Scram),
        ("certificate", Method::Certificate),
        ("trust", Method::Trust),
        ("reject", Method::Reject),
    ];
    let wanted = section.require("method", problems)?;
    let method = section.choice("method", Method::Reject, &words, problems);
    match method {
        Method::Trust => {
            problems.warning(wanted.span, "whoever this rule fits may log in without a password");
        }
        Method::Certificate if tls.is_none_or(|tls| tls.authorities_file.is_none()) => {
            problems
                .error(wanted.span, "client certificates cannot be checked")
                .help("set certificate, key and client_ca under [listen.tls]");
        }
        Method::Certificate | Method::OfUser | Method::Scram | Method::Reject => (),
    }
    let tls = section.get("tls").map(|_| section.flag("tls", false, problems));
    Some(Rule { databases, users, from, tls, method })
}

/// `"common name" = "user"`, or a list of users.
fn certificate_names(section: Section<'_>, problems: &mut Problems) -> Vec<(Box<str>, Box<str>)> {
    let mut names = Vec::new();
    for entry in section.named("certificate_names", problems) {
        for node in list(&entry.node) {
            if let Some(user) = text(node, &entry.key, problems) {
                names.push((entry.key.as_str().into(), user.into()));
            }
        }
    }
    names
}
