//! The settings a client has made, which follow it from server to server.
//!
//! PostgreSQL keeps them in the session; here a session has many servers. So each client's changes are kept as SQL,
//! with PostgreSQL's rules of transactions and savepoints, and a server is brought to them before it is lent.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::logic::plan::SettingChange;
use crate::logic::session::reading::READ_BY_PARSER;
use crate::logic::session::telling::{
    AGAIN_UNSET, AUTHORIZATION, Map, OWN_PREFIX, ROLE, again, difference, is_identity,
};

/// The settings of one session.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// From the startup message: what RESET goes back to
    startup: Arc<Map>,
    /// As of now, uncommitted changes included
    current: Arc<Map>,
    /// As of the start of the open transaction
    before: Option<Arc<Map>>,
    /// SET LOCAL of the open transaction
    local: Arc<Map>,
    savepoints: Vec<Savepoint>,
    /// Grows whenever a parameter may have changed
    version: u64,
    /// See `reading`
    reading: u64,
}

#[derive(Debug, Clone)]
struct Savepoint {
    name: Box<str>,
    current: Arc<Map>,
    local: Arc<Map>,
}

impl Settings {
    /// Of a session that starts with these.
    pub fn new(startup: Arc<Map>) -> Self {
        let mut settings = Self { current: Arc::clone(&startup), startup, version: 1, ..Self::default() };
        settings.read_anew();
        settings
    }

    /// As long as it is the same, PostgreSQL makes the same of the literals that it parses.
    pub fn reading(&self) -> u64 {
        self.reading
    }

    fn read_anew(&mut self) {
        let mut hasher = DefaultHasher::new();
        READ_BY_PARSER.map(|name| self.get(name)).hash(&mut hasher);
        self.reading = hasher.finish();
    }

    /// What a server must be brought to before the open transaction begins on it.
    pub fn base(&self) -> &Arc<Map> {
        self.before.as_ref().unwrap_or(&self.current)
    }

    /// As of now, what the open transaction has changed included.
    pub fn current(&self) -> &Arc<Map> {
        &self.current
    }

    /// As long as it stays the same, every parameter does.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Has the client set a parameter of ours?
    pub fn has_own(&self) -> bool {
        let is_own = |map: &Map| map.keys().any(|name| name.starts_with(OWN_PREFIX));
        is_own(&self.local) || is_own(&self.current)
    }

    /// A parameter as it holds now; `None`: the server's default.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.local.get(name).or_else(|| self.current.get(name)).map(|value| &**value)
    }

    /// A parameter as it held when the open transaction began: what `default_transaction_…` means for it.
    pub fn at_begin(&self, name: &str) -> Option<&str> {
        self.base().get(name).map(|value| &**value)
    }

    /// Has the open transaction changed a parameter for the whole session?
    pub fn has_changed(&self) -> bool {
        self.before.as_ref().is_some_and(|before| !Arc::ptr_eq(before, &self.current))
    }

    /// Parameters of servers are set otherwise than the session began with.
    pub fn has_any(&self) -> bool {
        let mut all = self.current.iter();
        all.any(|(name, value)| !name.starts_with(OWN_PREFIX) && self.startup.get(name) != Some(value))
    }

    /// The SQL that sets the startup message's settings; `None` without any.
    pub fn startup_sql(&self) -> Option<String> {
        difference(&Map::default(), &self.startup)
    }

    /// The SQL for what a change puts back to the startup message's value. `None`: it sets a value, or puts the server's back.
    pub fn startup_again(&self, change: &SettingChange) -> Option<String> {
        let value = change.value.is_none().then(|| self.startup.get(&change.name).cloned()).flatten()?;
        Some(again(&SettingChange { value: Some(value), ..change.clone() }))
    }

    /// It has begun with settings that a server of ours does not begin with.
    pub fn has_startup(&self) -> bool {
        let is_usual = |name: &str, value: &str| {
            let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
            name == "client_encoding" && plain.eq_ignore_ascii_case("utf8")
        };
        self.startup.iter().any(|(name, value)| !is_usual(name, value))
    }

    /// BEGIN.
    pub fn begin(&mut self) {
        if self.before.is_none() {
            self.before = Some(Arc::clone(&self.current));
        }
    }

    /// A SET or RESET that PostgreSQL accepted. SET LOCAL outside a transaction changes nothing.
    pub fn apply(&mut self, change: &SettingChange) {
        if change.is_local && self.before.is_none() {
            return self.no_longer(&[Arc::new(Map::from([(change.name.clone(), AGAIN_UNSET.into())]))]);
        }
        self.version += 1;
        let default = self.startup.get(&change.name).cloned();
        let value = change.value.clone().or(default);
        let map = if change.is_local { &mut self.local } else { &mut self.current };
        let map = Arc::make_mut(map);
        match value {
            Some(value) => map.insert(change.name.clone(), value),
            None if is_of_user(&change.name) => map.insert(change.name.clone(), AGAIN_UNSET.into()),
            None => map.remove(&change.name),
        };
        if !change.is_local && self.local.contains_key(&change.name) {
            Arc::make_mut(&mut self.local).remove(&change.name);
        }
        if !change.is_local && *change.name == *AUTHORIZATION && self.get(ROLE).is_some() {
            // PostgreSQL drops the role then (manual, SET SESSION AUTHORIZATION).
            Arc::make_mut(&mut self.current).remove(ROLE);
            Arc::make_mut(&mut self.local).remove(ROLE);
        }
        if READ_BY_PARSER.contains(&&*change.name) {
            self.read_anew();
        }
    }

    /// RESET ALL; role and session authorization stay (PostgreSQL manual, RESET).
    pub fn reset_all(&mut self) {
        self.version += 1;
        let mut map = (*self.startup).clone();
        for (name, value) in self.current.iter() {
            if is_identity(name) {
                map.insert(name.clone(), value.clone());
            }
        }
        let had = [std::mem::replace(&mut self.current, Arc::new(map)), std::mem::take(&mut self.local)];
        self.no_longer(&had);
        self.read_anew();
    }

    /// DISCARD ALL: everything, ours too.
    pub fn discard_all(&mut self) {
        self.version += 1;
        let had = [std::mem::replace(&mut self.current, Arc::clone(&self.startup)), std::mem::take(&mut self.local)];
        self.no_longer(&had);
        self.read_anew();
    }

    /// A server has taken part in what unset these: it needs not hear of it.
    pub fn know_unset(&self, server: &mut Arc<Map>) {
        for (name, value) in self.current.iter().filter(|(_, value)| ***value == *AGAIN_UNSET) {
            if !server.contains_key(name) {
                Arc::make_mut(server).insert(name.clone(), value.clone());
            }
        }
    }

    /// What has held before, and may no longer.
    fn no_longer(&mut self, had: &[Arc<Map>]) {
        let names = had.iter().flat_map(|map| map.keys());
        let unset: Vec<&Box<str>> =
            names.filter(|name| is_of_user(name) && !self.current.contains_key(*name)).collect();
        if !unset.is_empty() {
            self.version += 1;
            let current = Arc::make_mut(&mut self.current);
            current.extend(unset.into_iter().map(|name| (name.clone(), AGAIN_UNSET.into())));
        }
        if had.iter().any(|map| map.keys().any(|name| READ_BY_PARSER.contains(&&**name))) {
            self.read_anew();
        }
    }

    /// SAVEPOINT.
    pub fn savepoint(&mut self, name: &str) {
        let (current, local) = (Arc::clone(&self.current), Arc::clone(&self.local));
        self.savepoints.push(Savepoint { name: name.into(), current, local });
    }

    /// RELEASE: the changes since stay.
    pub fn release(&mut self, name: &str) {
        if let Some(at) = self.savepoints.iter().rposition(|savepoint| &*savepoint.name == name) {
            self.savepoints.truncate(at);
        }
    }

    /// ROLLBACK TO: the changes since are undone, the savepoint stays.
    pub fn rollback_to(&mut self, name: &str) {
        if let Some(at) = self.savepoints.iter().rposition(|savepoint| &*savepoint.name == name) {
            self.version += 1;
            self.savepoints.truncate(at + 1);
            let Savepoint { current, local, .. } = self.savepoints[at].clone();
            let had = [std::mem::replace(&mut self.current, current), std::mem::replace(&mut self.local, local)];
            self.no_longer(&had);
            self.read_anew();
        }
    }

    /// The transaction ended, committed or not.
    pub fn end(&mut self, is_committed: bool) {
        // Where they stay, they are now what transactions begin with.
        self.version += u64::from(self.has_changed());
        if let Some(before) = self.before.take()
            && !is_committed
        {
            let had = std::mem::replace(&mut self.current, before);
            self.no_longer(&[had]);
            self.read_anew();
        }
        if !self.local.is_empty() {
            self.version += 1;
            let had = std::mem::take(&mut self.local);
            self.no_longer(&[had]);
        }
        self.savepoints.clear();
    }
}

/// A parameter that is neither PostgreSQL's nor ours: `app.tenant`.
fn is_of_user(name: &str) -> bool {
    name.contains('.') && !name.starts_with(OWN_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> SettingChange {
        SettingChange { name: name.into(), value: Some(value.into()), is_local: false }
    }

    fn local(name: &str, value: &str) -> SettingChange {
        SettingChange { is_local: true, ..set(name, value) }
    }

    fn reset(name: &str) -> SettingChange {
        SettingChange { name: name.into(), value: None, is_local: false }
    }

    #[test]
    fn rollback_undoes_what_the_transaction_set() {
        let mut settings = Settings::default();
        settings.apply(&set("timezone", "'UTC'"));
        settings.begin();
        settings.apply(&set("timezone", "'Asia/Tokyo'"));
        settings.apply(&local("work_mem", "'1MB'"));
        assert_eq!(settings.get("timezone"), Some("'Asia/Tokyo'"));
        assert_eq!(settings.get("work_mem"), Some("'1MB'"));
        assert_eq!(settings.base().get("timezone").map(|value| &**value), Some("'UTC'"));
        settings.end(false);
        assert_eq!(settings.get("timezone"), Some("'UTC'"));
        assert_eq!(settings.get("work_mem"), None);
    }

    #[test]
    fn what_a_transaction_has_set_is_what_the_next_begins_with() {
        const LEVEL: &str = "default_transaction_isolation";
        let mut settings = Settings::default();
        settings.begin();
        settings.apply(&set(LEVEL, "'serializable'"));
        let within = settings.version();
        assert_eq!(settings.at_begin(LEVEL), None);
        settings.end(true);
        assert_eq!(settings.at_begin(LEVEL), Some("'serializable'"));
        assert_ne!(settings.version(), within);
    }

    #[test]
    fn rollback_to_a_savepoint_undoes_what_came_after_it() {
        let mut settings = Settings::default();
        settings.begin();
        settings.apply(&set("a.b", "'1'"));
        settings.savepoint("s");
        settings.apply(&set("a.b", "'2'"));
        settings.rollback_to("s");
        assert_eq!(settings.get("a.b"), Some("'1'"));
        settings.apply(&set("a.b", "'3'"));
        settings.release("s");
        settings.end(true);
        assert_eq!(settings.get("a.b"), Some("'3'"));
    }

    #[test]
    fn set_local_outside_a_transaction_changes_nothing() {
        let mut settings = Settings::default();
        settings.apply(&local("work_mem", "'1MB'"));
        assert_eq!(settings.get("work_mem"), None);
    }

    #[test]
    fn reset_goes_back_to_the_startup_message() {
        let startup = Map::from([("datestyle".into(), "'iso'".into())]);
        let mut settings = Settings::new(Arc::new(startup));
        settings.apply(&set("datestyle", "'german'"));
        settings.apply(&reset("datestyle"));
        assert_eq!(settings.get("datestyle"), Some("'iso'"));
    }

    #[test]
    fn what_was_set_once_is_never_null_again() {
        let own = |settings: &Settings| settings.get("a.b").map(str::to_owned);
        let mut settings = Settings::default();
        settings.begin();
        settings.apply(&local("a.b", "'1'"));
        settings.end(true);
        assert_eq!(own(&settings).as_deref(), Some(AGAIN_UNSET));
        let mut settings = Settings::default();
        settings.begin();
        settings.savepoint("s");
        settings.apply(&set("a.b", "'1'"));
        settings.rollback_to("s");
        assert_eq!(own(&settings).as_deref(), Some(AGAIN_UNSET));
        settings.apply(&set("a.b", "'1'"));
        settings.end(false);
        assert_eq!(own(&settings).as_deref(), Some(AGAIN_UNSET));
        settings.apply(&set("a.b", "'1'"));
        settings.discard_all();
        assert_eq!(own(&settings).as_deref(), Some(AGAIN_UNSET));
        // A server that reads '' has nothing to hear.
        assert_eq!(difference(settings.current(), &Map::default()), None);
    }

    #[test]
    fn a_role_goes_with_the_authorization() {
        let mut settings = Settings::default();
        settings.apply(&set("session_authorization", "amy"));
        settings.apply(&set("role", "r"));
        settings.apply(&reset("session_authorization"));
        assert_eq!(settings.get("role"), None);
    }
}
