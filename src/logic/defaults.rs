//! Settings that a new session begins with, where they change what statements mean: from the configuration of the
//! servers, from ALTER DATABASE and from ALTER ROLE. Sessions set them on their servers like settings of their own: so what
//! a statement is planned with is what it runs with, however old the connection is.

use std::collections::BTreeMap;

/// The settings that are looked at, in lower case.
pub const NAMES: [&str; 15] = [
    "application_name",
    "array_nulls",
    "client_encoding",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "intervalstyle",
    "lc_monetary",
    "role",
    "search_path",
    "standard_conforming_strings",
    "timezone",
    "xmloption",
];

/// What sessions of one database begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Defaults {
    /// Without ALTER DATABASE and ALTER ROLE; only what planning depends on
    pub base: Vec<(Box<str>, Box<str>)>,
    /// What these have set
    pub set: Vec<DefaultSet>,
    /// Tells one state of all that they have set, whatever its name, from another
    pub version: u64,
}

/// `ALTER ROLE role IN DATABASE … SET name = value`, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DefaultSet {
    /// For this role; `None`: for all
    pub role: Option<Box<str>>,
    /// In this database alone
    pub in_database: bool,
    /// In lower case
    pub name: Box<str>,
    /// As SHOW prints it
    pub value: Box<str>,
}

impl Defaults {
    /// What was set for a user. What is set for the role wins over what is set for the database (manual, ALTER ROLE).
    pub fn set_for(&self, user: &str) -> BTreeMap<&str, &str> {
        let is_for = |set: &&DefaultSet| set.role.as_deref().is_none_or(|role| role == user);
        let mut found: Vec<&DefaultSet> = self.set.iter().filter(is_for).collect();
        found.sort_by_key(|set| (set.role.is_some(), set.in_database));
        found.into_iter().map(|set| (&*set.name, &*set.value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_setting_wins() {
        let set = |role: Option<&str>, in_database, name: &str, value: &str| DefaultSet {
            role: role.map(Into::into),
            in_database,
            name: name.into(),
            value: value.into(),
        };
        let set = vec![
            set(Some("app"), true, "timezone", "role in database"),
            set(Some("app"), false, "timezone", "role"),
            set(None, true, "timezone", "database"),
            set(None, false, "timezone", "all"),
            set(Some("app"), false, "datestyle", "role"),
            set(None, true, "datestyle", "database"),
            set(None, false, "datestyle", "all"),
        ];
        let defaults = Defaults { set, ..Defaults::default() };
        let of = |user| defaults.set_for(user).into_values().collect::<Vec<_>>();
        assert_eq!(of("app"), ["role", "role in database"]);
        assert_eq!(of("other"), ["database", "database"]);
    }
}
