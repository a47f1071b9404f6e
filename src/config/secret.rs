//! Passwords: written down, taken from the environment or from a file; checked here, printed nowhere.

use std::path::Path;

use crate::logic::auth::verifier::{ITERATIONS, SALT_LEN, Verifier, verifier_from_password};
use crate::logic::topology::Secret;

use super::report::Problems;
use super::section::Section;
use super::source::{SecretFile, Span};
use super::tree::{Node, Value};

/// Looks up an environment variable. Handed in, so that a test has its own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `{ env = "NAME" }` or `{ file = "path" }`.
pub const FIELDS: &[&str] = &["env", "file"];

/// What a password may look like, for help texts.
const HELP: &str = "write { env = \"NAME\" }, { file = \"path\" }, a SCRAM-SHA-256 verifier or the password itself";

/// What the password of a user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// The password itself
    Plain(Secret),
    /// What PostgreSQL stores in `pg_authid`
    Verifier(Secret),
}

impl Password {
    /// What the client's proof is checked against.
    ///
    /// Its salt is chosen anew each time, so two verifiers of one password differ.
    pub fn verifier(&self) -> Secret {
        match self {
            Self::Plain(password) => fresh_verifier(password),
            Self::Verifier(verifier) => verifier.clone(),
        }
    }
}

impl Password {
    /// What is stored for a user elsewhere; `None`: an MD5 hash, or nothing.
    pub fn of_text(text: &str) -> Option<Self> {
        if text.is_empty() || is_md5(text) {
            return None;
        }
        let secret = Secret::new(text);
        Some(if Verifier::parse(text).is_some() { Self::Verifier(secret) } else { Self::Plain(secret) })
    }
}

fn fresh_verifier(password: &Secret) -> Secret {
    let salt: [u8; SALT_LEN] = rand::random();
    Secret::new(verifier_from_password(password.expose(), &salt, ITERATIONS))
}

/// Reads the password at `node`.
pub fn password(node: &Node, env: Environment<'_>, problems: &mut Problems) -> Option<Password> {
    let secret = resolve(node, env, problems)?;
    if secret.is_empty() {
        problems.error(node.span, "the password is empty");
        return None;
    }
    if secret.starts_with("SCRAM-SHA-256$") {
        if Verifier::parse(&secret).is_none() {
            problems
                .error(node.span, "this is not a SCRAM-SHA-256 verifier")
                .help("it reads SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>, as in pg_authid");
            return None;
        }
        return Some(Password::Verifier(Secret::new(secret)));
    }
    if is_md5(&secret) {
        problems
            .error(node.span, "md5 password hashes are not supported")
            .help("set the password again under password_encryption = 'scram-sha-256' and copy it from pg_authid");
        return None;
    }
    Some(Password::Plain(Secret::new(secret)))
}

/// Reads a secret that must be plain text: what we send to servers.
pub fn plain(node: &Node, env: Environment<'_>, problems: &mut Problems) -> Option<Secret> {
    match password(node, env, problems)? {
        Password::Plain(secret) => Some(secret),
        Password::Verifier(_) => {
            problems
                .error(node.span, "the password towards the servers cannot be a verifier")
                .help("a verifier can check a password but not give one: use { env = … } or { file = … }");
            None
        }
    }
}

fn resolve(node: &Node, env: Environment<'_>, problems: &mut Problems) -> Option<String> {
    if let Value::String(text) = &node.value {
        problems.sources.hide(node.span);
        return Some(text.clone());
    }
    if !matches!(node.value, Value::Table(_)) {
        problems.error(node.span, "this cannot be a password").help(HELP);
        return None;
    }
    let section = Section::open(node, FIELDS, problems);
    match (section.text("env", problems), section.text("file", problems)) {
        (Some((name, span)), None) => {
            let found = env(name);
            if found.is_none() {
                problems.error(span, format!("the environment variable {name} is not set"));
            }
            found
        }
        (None, Some((path, span))) => read(path, span, problems),
        (Some(_), Some(_)) | (None, None) => {
            problems.error(node.span, "a password needs either `env` or `file`").help(HELP);
            None
        }
    }
}

/// The file's content up to its last line break, as Docker and Kubernetes mount secrets.
pub fn read(path: &str, span: Span, problems: &mut Problems) -> Option<String> {
    let full = problems.sources.folder(span.file).join(Path::new(path));
    problems.secret_files.push(SecretFile::look(full.clone()));
    match std::fs::read_to_string(&full) {
        Ok(text) => Some(text.trim_end_matches(['\n', '\r']).to_owned()),
        Err(error) => {
            problems.error(span, format!("cannot read the password file {}: {error}", full.display()));
            None
        }
    }
}

fn is_md5(text: &str) -> bool {
    text.strip_prefix("md5").is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_password_becomes_a_verifier() {
        let verifier = Password::Plain(Secret::new("secret")).verifier();
        assert!(Verifier::parse(verifier.expose()).is_some());
    }
}
