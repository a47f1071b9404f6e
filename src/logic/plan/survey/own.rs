//! Functions and triggers of the user's own: what their bodies look at.

use std::collections::HashSet;

use crate::logic::body::contained::Contained;
use crate::logic::catalog::{Function, Volatility};

use super::super::refusal::Refusal;
use super::Survey;
use super::functions::{asks_primary, is_object, is_own, speaks_of_objects, special};

impl<'a> Survey<'a> {
    /// A function of the user's own that is not IMMUTABLE.
    pub(super) fn meet_own(&mut self, called: &str, function: &'a Function) {
        match function.contained.as_deref().and_then(|it| self.reached(it)) {
            Some(reached) if self.is_for_one => {
                let functions = self.schema.catalog.functions.iter().filter(|(name, _)| reached.contains(&***name));
                // STABLE, it could be called on a replica.
                if reached.contains("current_setting")
                    || functions.flat_map(|(_, all)| all).any(|it| it.volatility == Volatility::Volatile)
                {
                    self.is_for_primary();
                }
            }
            Some(_) => self.refuse(Refusal::function_of_server(called)),
            None => self.refuse(Refusal::function(called)),
        }
    }

    /// All names in a body, and in those of the functions that are named there. `None`: one of them may look at tables, or at
    /// what one server has for itself.
    fn reached(&self, body: &'a Contained) -> Option<HashSet<&'a str>> {
        let (mut reached, mut next) = (HashSet::new(), vec![body]);
        while let Some(body) = next.pop() {
            for name in body.names.iter().map(Box::as_ref).filter(|name| reached.insert(*name)) {
                if special(name).is_some()
                    || asks_primary(name)
                    || tells_of_server(name)
                    || speaks_of_objects(name)
                    || is_object(name)
                {
                    return None;
                }
                let overloads = self.schema.catalog.functions.get(name).into_iter().flatten();
                for function in overloads.filter(|it| is_own(it) && it.volatility != Volatility::Immutable) {
                    next.push(function.contained.as_deref()?);
                }
            }
        }
        Some(reached)
    }

    /// The bodies of a trigger function (`schema.name`) that looks at nothing but rows of its table. `None`: it may look at more,
    /// or is not known.
    fn contained_trigger(&self, trigger: &str) -> Option<Vec<&'a Contained>> {
        let found: Option<Vec<&Contained>> = self.overloads(trigger).map(|it| it.contained.as_deref()).collect();
        found.filter(|found| !found.is_empty() && found.iter().all(|it| self.reached(it).is_some()))
    }

    /// Trigger functions that run with a write to a sharded table, or to one of one shard (`key` is `None`): what they look at is
    /// the row alone, and they leave its key as it is.
    pub(super) fn check_triggers(&mut self, table: &str, triggers: &[Box<str>], key: Option<&str>) {
        /// PostgreSQL's own
        const OF_A_ROW: [&str; 3] = [
            "pg_catalog.suppress_redundant_updates_trigger",
            "pg_catalog.tsvector_update_trigger",
            "pg_catalog.tsvector_update_trigger_column",
        ];
        for trigger in triggers.iter().filter(|it| !self.schema.map.is_local(it) && !OF_A_ROW.contains(&&***it)) {
            let contained = self.contained_trigger(trigger);
            let sets_key = |found: &[&Contained]| found.iter().any(|it| key.is_some_and(|key| it.sets.contains(key)));
            match contained {
                Some(found) if sets_key(&found) => self.refuse(Refusal::trigger_sets_key(table, trigger)),
                Some(_) if self.is_for_one => (),
                Some(_) => self.refuse(Refusal::trigger_of_server(table, trigger)),
                None => self.refuse(Refusal::trigger(table, trigger)),
            }
        }
    }

    /// The columns that triggers set, as far as their bodies are known.
    pub(super) fn set_by_triggers(&self, triggers: &[Box<str>]) -> Vec<&'a str> {
        let known = triggers.iter().filter_map(|it| self.contained_trigger(it)).flatten();
        known.flat_map(|it| &it.sets).map(Box::as_ref).collect()
    }

    /// Trigger functions (`schema.name`) that run with a write.
    pub(super) fn triggers(&mut self, table: &str, triggers: &[Box<str>]) {
        for trigger in triggers {
            self.leave(self.judged(trigger).0, || format!("trigger function {trigger}() of \"{table}\""));
        }
    }
}

/// PostgreSQL's own that tell of the server where they are called: what its database is called, its log, its processes (a
/// client's number is not that of one), the text that it was sent; or that do something to it.
fn tells_of_server(name: &str) -> bool {
    const ALONE: [&str; 5] = ["current_database", "current_query", "currtid2", "version", "xpath_table"];
    const HARMLESS: [&str; 7] = [
        "pg_client_encoding",
        "pg_input_is_valid",
        "pg_sleep",
        "pg_sleep_for",
        "pg_sleep_until",
        "pg_trigger_depth",
        "pg_typeof",
    ];
    let begins = ["inet_server_", "pg_", "txid_"].iter().any(|begin| name.starts_with(begin));
    ALONE.contains(&name) || begins && !HARMLESS.contains(&name)
}
