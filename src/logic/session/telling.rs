//! What a server is told of a session's settings, as SQL.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::logic::plan::SettingChange;
use crate::logic::session::encoding::Encoding;
use crate::logic::session::reading::READ_BY_PARSER;
use crate::logic::sql::name::{RAW, list_for_set, literal, quoted};

/// Parameter → the SQL behind `SET name TO`.
pub type Map = BTreeMap<Box<str>, Box<str>>;

/// The value of a parameter on a server where we have not seen what became of it. It is no SQL: nothing else is equal to it.
pub const UNSEEN: &str = "\u{2}";

/// What a parameter of the user's own (`app.tenant`) has once it has been set and is no longer: PostgreSQL reads '' then, where a
/// session that has never set it reads NULL.
pub const AGAIN_UNSET: &str = DEFAULT;

/// What a parameter is set to that has no value of its own.
const DEFAULT: &str = "DEFAULT";

/// Settings of our own live beside PostgreSQL's, but never reach a server.
pub const OWN_PREFIX: &str = "shardway.";

/// The SQL that sets a parameter as it was set: for another server of the same transaction.
pub fn again(change: &SettingChange) -> String {
    let SettingChange { name, value, is_local } = change;
    let scope = if *is_local { Scope::Transaction } else { Scope::Session };
    let mut sql = String::new();
    write_set(&mut sql, name, value.as_deref().unwrap_or(DEFAULT), scope);
    sql
}

/// What a parameter is set for.
#[derive(Clone, Copy)]
enum Scope {
    Session,
    Transaction,
}

/// Who somebody is to a server: rights, which other parameters need.
pub const AUTHORIZATION: &str = "session_authorization";
/// The same, within what the authorization may be.
pub const ROLE: &str = "role";

/// It says who somebody is.
pub fn is_identity(name: &str) -> bool {
    matches!(name, AUTHORIZATION | ROLE)
}

/// The SQL that brings a server from `server` to `client`; `None` when there is nothing to do.
pub fn difference(server: &Map, client: &Map) -> Option<String> {
    let mut names: Vec<&str> = server.keys().chain(client.keys()).map(|name| &**name).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !name.starts_with(OWN_PREFIX) && !is_identity(name));
    let (mut sql, mut is_read_anew) = (String::new(), false);
    for name in names {
        match (server.get(name), client.get(name)) {
            (Some(old), Some(new)) if old == new => continue,
            // No server can be made to read NULL again.
            (Some(old), None) if **old == *AGAIN_UNSET => continue,
            (_, Some(new)) => write_set(&mut sql, name, new, Scope::Session),
            (Some(_), None) => write_reset(&mut sql, name),
            (None, None) => continue,
        }
        is_read_anew |= READ_BY_PARSER.contains(&name);
    }
    let mut sql = as_client(server, client, &sql);
    if is_read_anew {
        // What functions and prepared statements have been parsed with is that of another client.
        sql.push_str("DISCARD PLANS;");
    }
    (!sql.is_empty()).then_some(sql)
}

/// The same with what makes the server take us for the client. Another authorization may have fewer rights than who has set the
/// other parameters, so it comes behind them; a role may have been taken to set them, so it comes first. Whatever sets or resets
/// an authorization drops the role (manual, SET SESSION AUTHORIZATION).
fn as_client(server: &Map, client: &Map, others: &str) -> String {
    let mut sql = String::new();
    let (was, is) = (server.get(AUTHORIZATION), client.get(AUTHORIZATION));
    let (mut role, changes) = (server.get(ROLE), was != is || !others.is_empty());
    let turn = |sql: &mut String, role: Option<&Box<str>>| match client.get(ROLE) {
        new if new == role => (),
        Some(new) => write_set(sql, ROLE, new, Scope::Session),
        None => write_reset(sql, ROLE),
    };
    if was.is_some() && changes {
        write_reset(&mut sql, AUTHORIZATION);
        role = None;
    }
    match is {
        None => {
            turn(&mut sql, role);
            sql.push_str(others);
        }
        Some(_) if !changes => turn(&mut sql, role),
        Some(authorization) => {
            if role.is_some() {
                write_reset(&mut sql, ROLE);
            }
            sql.push_str(others);
            write_set(&mut sql, AUTHORIZATION, authorization, Scope::Session);
            turn(&mut sql, None);
        }
    }
    sql
}

/// What a server must be told before such a difference can be read: its client before spoke another encoding. The difference
/// goes on to the client's own, so it is right behind this, too.
pub fn encoding_first(server: &Map, difference: &str) -> Option<&'static str> {
    const IN_UTF8: &str = "SET client_encoding TO 'UTF8'";
    let is_other = Encoding::of(server.get("client_encoding").map(|name| &**name)) != Encoding::Utf8;
    (is_other && !difference.is_ascii()).then_some(IN_UTF8)
}

fn write_set(sql: &mut String, name: &str, value: &str, scope: Scope) {
    let (local, is_local) = match scope {
        Scope::Session => ("", false),
        Scope::Transaction => ("LOCAL ", true),
    };
    let value = match value.strip_prefix(RAW) {
        None => value,
        Some(raw) => match list_for_set(raw) {
            Some(list) => list,
            None => {
                let (name, raw) = (literal(name), literal(raw));
                return sql.push_str(&format!("SELECT pg_catalog.set_config({name}, {raw}, {is_local});"));
            }
        },
    };
    let written = match name {
        _ if value == DEFAULT => write!(sql, "SET {local}{} TO DEFAULT;", quoted_name(name)),
        "session_authorization" => write!(sql, "SET {local}SESSION AUTHORIZATION {value};"),
        "role" => write!(sql, "SET {local}ROLE {value};"),
        "timezone" => write!(sql, "SET {local}TIME ZONE {value};"),
        _ => write!(sql, "SET {local}{} TO {value};", quoted_name(name)),
    };
    written.expect("a String takes everything");
}

fn write_reset(sql: &mut String, name: &str) {
    let written = match name {
        "session_authorization" => write!(sql, "RESET SESSION AUTHORIZATION;"),
        "role" => write!(sql, "RESET ROLE;"),
        _ => write!(sql, "RESET {};", quoted_name(name)),
    };
    written.expect("a String takes everything");
}

/// A parameter's name as SQL: each part of `my.var` an identifier of its own.
fn quoted_name(name: &str) -> String {
    name.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::sql::name::setting_value;

    #[test]
    fn a_server_is_brought_to_the_client_and_ours_stay_home() {
        let map = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let server = map(&[("role", "bob"), ("work_mem", "'1MB'"), ("x.y", "'1'")]);
        let client = map(&[
            ("session_authorization", "'amy'"),
            ("shardway.shard", "'a'"),
            ("timezone", "'UTC'"),
            ("x.y", "'1'"),
            ("x.z", AGAIN_UNSET),
        ]);
        let sql = difference(&server, &client);
        let expected = "RESET ROLE;SET TIME ZONE 'UTC';RESET \"work_mem\";SET \"x\".\"z\" TO DEFAULT;\
                        SET SESSION AUTHORIZATION 'amy';DISCARD PLANS;";
        assert_eq!(sql.as_deref(), Some(expected));
        assert_eq!(difference(&client, &client), None);
    }

    #[test]
    fn another_authorization_drops_the_role() {
        let sql = |server: &[(&str, &str)], client: &[(&str, &str)]| {
            let [server, client] = [server, client]
                .map(|pairs| -> Map { pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect() });
            difference(&server, &client).unwrap_or_default()
        };
        let (amy, bob, role) = (("session_authorization", "amy"), ("session_authorization", "bob"), ("role", "r"));
        assert_eq!(sql(&[amy, role], &[]), "RESET SESSION AUTHORIZATION;");
        assert_eq!(
            sql(&[amy, role], &[bob, role]),
            "RESET SESSION AUTHORIZATION;SET SESSION AUTHORIZATION bob;SET ROLE r;"
        );
        assert_eq!(sql(&[amy], &[amy, role]), "SET ROLE r;");
        assert_eq!(
            sql(&[amy, role], &[amy, role, ("a", "1")]),
            "RESET SESSION AUTHORIZATION;SET \"a\" TO 1;SET SESSION AUTHORIZATION amy;SET ROLE r;"
        );
        assert_eq!(sql(&[("a", "1")], &[role]), "SET ROLE r;RESET \"a\";");
    }

    #[test]
    fn another_server_of_a_transaction_is_told_the_same() {
        let told = |name: &str, value: Option<&str>, is_local| {
            again(&SettingChange { name: name.into(), value: value.map(Into::into), is_local })
        };
        assert_eq!(told("work_mem", Some("'5MB'"), true), "SET LOCAL \"work_mem\" TO '5MB';");
        assert_eq!(told("role", Some("'amy'"), false), "SET ROLE 'amy';");
        assert_eq!(told("role", None, true), "SET LOCAL \"role\" TO DEFAULT;");
        let path = setting_value("search_path", "a,b");
        assert_eq!(told("search_path", Some(&path), true), "SELECT pg_catalog.set_config('search_path', 'a,b', true);");
    }

    #[test]
    fn startup_values_become_sql() {
        assert_eq!(&*setting_value("application_name", "o'brien"), "'o''brien'");
        let path = Map::from([("search_path".into(), setting_value("search_path", "\"$user\", Sales,public"))]);
        let sql = "SELECT pg_catalog.set_config('search_path', '\"$user\", Sales,public', false);";
        assert_eq!(difference(&Map::default(), &path).as_deref(), Some(sql));
        let path = Map::from([("search_path".into(), setting_value("search_path", "\"$user\", public"))]);
        assert_eq!(difference(&Map::default(), &path).as_deref(), Some("SET \"search_path\" TO \"$user\", public;"));
        assert_eq!(&*setting_value("application_name", r"a\b"), r"E'a\\b'");
    }
}
