//! Refusals that were said lately, each with its count: bounded, those that were not said for longest go first.

use std::collections::HashMap;

use crate::logic::console::snapshot::{RefusalSeen, UnixSeconds};
use crate::logic::plan::Refusal;

/// Different refusals that are kept.
const KEPT_MAX: usize = 256;
/// Characters of a statement that are kept.
const STATEMENT_MAX: usize = 1000;

/// See the module.
#[derive(Debug, Default)]
pub struct Seen {
    entries: HashMap<(Box<str>, Box<str>), RefusalSeen>,
}

impl Seen {
    /// A statement was refused.
    pub fn note(&mut self, database: &str, refusal: &Refusal, statement: &str, now: UnixSeconds) {
        let key = (Box::from(database), Box::from(&*refusal.message));
        if !self.entries.contains_key(&key) && self.entries.len() >= KEPT_MAX {
            self.forget_one();
        }
        let entry = self.entries.entry(key).or_insert_with(|| RefusalSeen {
            database: database.into(),
            reason: refusal.reason.label(),
            sqlstate: refusal.sqlstate,
            message: (&*refusal.message).into(),
            detail: refusal.detail.as_deref().map(Into::into),
            hint: refusal.hint.as_deref().map(Into::into),
            statement: Box::default(),
            count: 0,
            last: now,
        });
        entry.count += 1;
        entry.last = now;
        if !statement.is_empty() {
            entry.statement = statement.chars().take(STATEMENT_MAX).collect::<String>().into();
        }
    }

    fn forget_one(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.entries.remove(&oldest);
        }
    }

    /// All of them, the last one first.
    pub fn all(&self) -> Vec<RefusalSeen> {
        let mut all: Vec<RefusalSeen> = self.entries.values().cloned().collect();
        all.sort_by(|one, other| other.last.cmp(&one.last).then(other.count.cmp(&one.count)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_too_many_and_the_oldest_goes() {
        let mut seen = Seen::default();
        for turn in 0..1000_u64 {
            let refusal = Refusal { message: format!("no {turn}"), ..Refusal::alone("x") };
            seen.note("app", &refusal, "SELECT ?", turn);
            seen.note("app", &refusal, "", turn);
        }
        let all = seen.all();
        assert_eq!((all.len(), &*all[0].message, all[0].count, &*all[0].statement), (256, "no 999", 2, "SELECT ?"));
        assert!(all.iter().all(|it| it.last >= 744));
    }
}
