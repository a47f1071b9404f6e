//! Temporary tables of the session whose names mean other tables by now. PostgreSQL finds a temporary table first; plans,
//! which all sessions share, know the other one alone.

use std::collections::HashSet;

use crate::logic::plan::altered::Altered;
use crate::logic::plan::everywhere::Everywhere;
use crate::logic::plan::{Mark, Plan, Planned, Refusal};
use crate::logic::sql::statement::Wakes;
use crate::proxy::gates::Gate;
use crate::proxy::session::Session;

/// Names that mean something else to a session than to plans.
#[derive(Debug, Default)]
pub struct Names {
    /// The open transaction has given them another meaning: statements that name them would be planned with the old one
    pub bent: Vec<Box<str>>,
    /// Those of them that run functions which it has made, or which look at tables
    running: Vec<Box<str>>,
    /// It has made operators or casts that may look at tables, which any statement may use
    pub anything: bool,
    /// Tables that the open transaction has given other columns
    pub altered: Vec<Altered>,
    /// Others wait for what the open transaction changes
    pub gates: Vec<Gate>,
    /// Those of temporary tables that the session has or had
    temporary: HashSet<Box<str>>,
}

impl Names {
    /// The transaction has ended: all sessions see what it has changed, or nobody does.
    pub fn forget_changes(&mut self) {
        self.forget_meanings();
        self.gates.clear();
    }

    /// The same, but that others may wait still.
    pub fn forget_meanings(&mut self) {
        self.bent.clear();
        self.running.clear();
        self.anything = false;
        self.altered.clear();
    }

    /// A name in a text in small letters that the open transaction has given another meaning.
    pub fn bent_in(&self, sql: &str) -> Option<&str> {
        first_in(&self.bent, sql)
    }

    /// What a definition of the open transaction has changed. Where it names functions that look at tables, or that the
    /// transaction has made, no plan knows what runs them from now on.
    pub fn change(&mut self, definition: &Everywhere, text: &str) {
        self.bent.extend(definition.bends.iter().cloned());
        self.altered.extend(definition.alters.iter().cloned());
        if definition.looks || first_in(&self.running, &text.to_lowercase()).is_some() {
            match &definition.wakes {
                Wakes::Nothing => (),
                Wakes::Names(names) => {
                    self.bent.extend(names.iter().cloned());
                    self.running.extend(names.iter().cloned());
                }
                Wakes::Anything => self.anything = true,
            }
        }
        if definition.makes_functions() {
            self.running.extend(definition.bends.iter().cloned());
        }
    }
}

fn first_in<'n>(names: &'n [Box<str>], sql: &str) -> Option<&'n str> {
    names.iter().map(|name| &**name).find(|name| has_word(sql, &name.to_lowercase()))
}

impl Session {
    /// Before these statements run: they may make temporary tables. One that fails to, or is rolled back, counts too.
    pub(super) fn note_temporary(&mut self, statements: &[Planned]) {
        for planned in statements {
            match (&*planned.plan, &planned.forced) {
                // It is not run.
                (Plan::Refuse(_), Some(_)) if !matches!(self.named_for(planned), Ok(Some(_))) => (),
                (_, Some(forced)) => self.note_mark(&forced.mark),
                (Plan::One(one), None) => self.note_mark(&one.mark),
                (Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_), None) => (),
            }
        }
    }

    /// The same for one statement.
    pub(super) fn note_mark(&mut self, mark: &Mark) {
        let Some(name) = &mark.temporary else { return };
        // What is renamed may be a temporary table where there are some.
        let has_some = self.names.as_ref().is_some_and(|names| !names.temporary.is_empty());
        if mark.pin.is_some() || has_some || self.pinned().is_some() {
            self.names.get_or_insert_default().temporary.insert(name.clone());
        }
    }

    /// A statement that may mean a temporary table by a name that is known for another one. Where there is one shard alone,
    /// the server that stays with the session has both.
    pub(super) fn check_shadows(&self, sql: &str) -> Result<(), Refusal> {
        let Some(names) = self.names.as_ref().filter(|names| !names.temporary.is_empty()) else { return Ok(()) };
        if self.map().shards.len() == 1 {
            return Ok(());
        }
        let sql = sql.to_lowercase();
        let planner = &self.picture().planner;
        match names.temporary.iter().find(|name| planner.knows(name) && has_word(&sql, &name.to_lowercase())) {
            Some(name) => Err(Refusal::shadowed(name)),
            None => Ok(()),
        }
    }

    /// A new table must not have the name of a temporary one.
    pub(super) fn check_no_shadow(&self, name: &str) -> Result<(), Refusal> {
        let is_temporary =
            self.map().shards.len() > 1 && self.names.as_ref().is_some_and(|names| names.temporary.contains(name));
        if is_temporary { Err(Refusal::shadowed(name)) } else { Ok(()) }
    }
}

/// Does the name stand in the text, not as a part of another word? Names can be written in more ways than are looked for
/// with `U&`, which counts as all of them.
pub(super) fn has_word(sql: &str, name: &str) -> bool {
    let name = name.replace('"', "\"\"");
    let is_part = |it: char| it.is_alphanumeric() || it == '_' || it == '$';
    let stands_alone = |at: usize| {
        let (before, after) = (sql[..at].chars().next_back(), sql[at + name.len()..].chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    };
    sql.contains("u&\"") || sql.match_indices(&*name).any(|(at, _)| stands_alone(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_of_its_own() {
        for sql in
            ["select * from t", "select t.* from public.t", "copy t(a) from stdin", "table \"t\"", "table u&\"x\""]
        {
            assert!(has_word(sql, "t"), "{sql}");
        }
        for sql in ["select 1", "select * from tt, t2, a_t", "table t$"] {
            assert!(!has_word(sql, "t"), "{sql}");
        }
        assert!(has_word("table \"a\"\"b\"", "a\"b"));
    }
}
