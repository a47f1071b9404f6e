//! What has been said of a transaction, and how the next one begins where it is chained.

use crate::logic::protocol::report::Fault;
use crate::logic::sql::statement::{Characteristics, Control, Isolation};

use super::{ALREADY_IN_PROGRESS, Aborted, Step, Transaction, begin_tag};

/// What has been said of a transaction, for the servers that do not know of it yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Begun {
    /// SQL to open it: the BEGIN and what followed, separated by `;`
    pub text: String,
    /// Length of what begins it, with its modes: what AND CHAIN starts over with
    begin_len: u32,
    /// The modes that this part of the text says
    begin_said: Characteristics,
    /// It has them from the transaction before
    is_chained: bool,
    savepoints: Vec<Savepoint>,
    /// How it runs, as far as it was said
    pub said: Characteristics,
    /// A statement has been answered for which PostgreSQL takes a snapshot: too late for some modes
    has_snapshot: bool,
    /// Its text says modes that no server in recovery takes, though others may have been said since
    is_for_primary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Savepoint {
    name: Box<str>,
    /// Length of the text up to and including it
    len: usize,
    /// How the transaction ran when it was set
    said: Characteristics,
}

impl Begun {
    pub(super) fn new(text: &str, said: Characteristics) -> Self {
        let mut begun = Self { said, begin_said: said, is_for_primary: is_for_primary(said), ..Self::default() };
        begun.push(text);
        begun.begin_len = begun.text.len() as u32;
        begun
    }

    pub(super) fn plain() -> Self {
        Self::new("BEGIN", Characteristics::default())
    }

    /// Could a replica be told all of it?
    pub fn suits_replicas(&self) -> bool {
        !self.is_for_primary
    }

    pub(super) fn take_snapshot(&mut self) {
        self.has_snapshot = true;
    }

    pub(super) fn default_to(&mut self, modes: Characteristics) {
        (self.said, self.begin_said) = (modes.then(self.said), modes.then(self.begin_said));
    }

    /// What ends it on its servers after an error, and begins the next one if it is chained.
    pub(super) fn fail(&mut self, chain: bool) -> String {
        *self = self.failed();
        if chain { format!("ROLLBACK; {}", self.text.trim_end_matches("\n;")) } else { "ROLLBACK".to_owned() }
    }

    /// What AND CHAIN begins after an error. Outside of savepoints PostgreSQL has forgotten by then which modes were said
    /// (AbortTransaction puts them back), but not those that it was chained with.
    pub(super) fn failed(&self) -> Self {
        match (self.savepoints.is_empty(), self.is_chained) {
            (false, _) => self.undone(),
            (true, true) => self.with(self.begin_said),
            (true, false) => Self::plain(),
        }
    }

    /// What ROLLBACK AND CHAIN begins: savepoints are undone first, with what was said in them.
    pub(super) fn undone(&self) -> Self {
        let outermost = self.savepoints.first().map_or(self.said, |savepoint| savepoint.said);
        self.with(Characteristics { is_read_only: outermost.is_read_only, ..self.said })
    }

    /// What COMMIT AND CHAIN begins (PostgreSQL manual, COMMIT: with the same characteristics).
    pub(super) fn again(&self) -> Self {
        self.with(self.said)
    }

    fn with(&self, said: Characteristics) -> Self {
        let text = self.text[..self.begin_len as usize].to_owned();
        let is_for_primary = self.is_for_primary || is_for_primary(said);
        let mut next = Self { text, begin_said: said, is_chained: true, said, is_for_primary, ..Self::default() };
        said.beyond(self.begin_said).into_iter().for_each(|mode| next.push(&format!("SET TRANSACTION {mode}")));
        next.begin_len = next.text.len() as u32;
        next
    }

    /// A line comment at the end of one statement must not swallow the next.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text.trim_end_matches([';', ' ', '\n', '\t', '\r']));
        self.text.push_str("\n;");
    }

    fn find(&self, name: &str) -> Result<usize, Fault> {
        let at = self.savepoints.iter().rposition(|savepoint| &*savepoint.name == name);
        at.ok_or_else(|| Fault::NoSavepoint(name.into()))
    }

    pub(super) fn rollback_to(&mut self, name: &str) -> Result<(), Fault> {
        let at = self.find(name)?;
        self.text.truncate(self.savepoints[at].len);
        self.said = self.savepoints[at].said;
        self.savepoints.truncate(at + 1);
        Ok(())
    }

    /// What PostgreSQL has against modes that are said in a savepoint or behind a query (variable.c, check_XactIsoLevel and
    /// its neighbours).
    fn objection(&self, later: Characteristics) -> Option<Fault> {
        let is_another = |isolation: Isolation| self.said.isolation.is_some_and(|now| now != isolation);
        let is_level = later.isolation.is_some_and(is_another);
        let is_to_write = later.is_read_only == Some(false) && self.said.is_read_only == Some(true);
        let (is_inside, is_late) = (!self.savepoints.is_empty(), self.has_snapshot);
        let message = if is_late && is_level {
            "SET TRANSACTION ISOLATION LEVEL must be called before any query"
        } else if is_inside && is_level {
            "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction"
        } else if is_inside && is_to_write {
            "cannot set transaction read-write mode inside a read-only transaction"
        } else if is_late && is_to_write {
            "transaction read-write mode must be set before any query"
        } else if is_inside && later.is_deferrable.is_some() {
            "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction"
        } else if is_late && later.is_deferrable.is_some() {
            "SET TRANSACTION [NOT] DEFERRABLE must be called before any query"
        } else {
            return None;
        };
        Some(Fault::Said { sqlstate: "25001", message: message.to_owned() })
    }

    /// Where servers have it open they object themselves, but for what they do not know of: statements that were answered
    /// without them.
    pub(super) fn objection_of_own(&self, control: &Control) -> Option<Step> {
        let (Control::Begin(said) | Control::SetTransaction(said)) = control else { return None };
        let fault = self.objection(*said).filter(|_| self.has_snapshot)?;
        Some(Step::Fail(fault, matches!(control, Control::Begin(_)).then_some(ALREADY_IN_PROGRESS)))
    }

    pub(super) fn on_command(&mut self, control: &Control, text: &str) -> (Step, Option<Transaction>) {
        let aborted = |begun: &Self| Some(Transaction::Aborted(Box::new(Aborted::Begun(begun.clone()))));
        match control {
            Control::Begin(said) | Control::SetTransaction(said) => {
                if let Some(fault) = self.objection(*said) {
                    let warning = matches!(control, Control::Begin(_)).then_some(ALREADY_IN_PROGRESS);
                    return (Step::Fail(fault, warning), aborted(self));
                }
                self.push(text);
                self.said = self.said.then(*said);
                self.is_for_primary |= is_for_primary(*said);
                let step = match matches!(control, Control::Begin(_)) {
                    true => Step::Answer(begin_tag(text), Some(ALREADY_IN_PROGRESS)),
                    false => Step::Answer("SET", None),
                };
                (step, None)
            }
            Control::Commit { chain } => (Step::Answer("COMMIT", None), Some(self.ended(*chain))),
            Control::Rollback { chain: true } => {
                (Step::Answer("ROLLBACK", None), Some(Transaction::Begun(self.undone())))
            }
            Control::Rollback { chain: false } => (Step::Answer("ROLLBACK", None), Some(Transaction::Idle)),
            Control::Savepoint(name) => {
                self.push(text);
                let (len, said) = (self.text.len(), self.said);
                self.savepoints.push(Savepoint { name: name.clone(), len, said });
                (Step::Answer("SAVEPOINT", None), None)
            }
            Control::Release(name) => match self.find(name) {
                Ok(at) => {
                    self.push(text);
                    // The transaction around it is read only or not as it was (CommitSubTransaction).
                    self.said.is_read_only = self.savepoints[at].said.is_read_only;
                    self.savepoints.truncate(at);
                    (Step::Answer("RELEASE", None), None)
                }
                Err(fault) => (Step::Fail(fault, None), aborted(self)),
            },
            Control::RollbackTo(name) => match self.rollback_to(name) {
                Ok(()) => (Step::Answer("ROLLBACK", None), None),
                Err(fault) => (Step::Fail(fault, None), aborted(self)),
            },
        }
    }

    pub(super) fn ended(&self, chain: bool) -> Transaction {
        if chain { Transaction::Begun(self.again()) } else { Transaction::Idle }
    }
}

/// PostgreSQL refuses these modes during recovery (variable.c).
fn is_for_primary(said: Characteristics) -> bool {
    said.is_read_only == Some(false) || said.isolation == Some(Isolation::Serializable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ_ONLY: Characteristics =
        Characteristics { isolation: None, is_read_only: Some(true), is_deferrable: None };

    fn said(begun: &mut Begun, commands: &[(Control, &str)]) {
        for (command, text) in commands {
            assert!(matches!(begun.on_command(command, text).0, Step::Answer(..)), "{text}");
        }
    }

    #[test]
    fn a_chained_transaction_has_the_modes_of_the_one_before() {
        let set = (Control::SetTransaction(READ_ONLY), "SET TRANSACTION READ ONLY");
        let savepoint = (Control::Savepoint("a".into()), "SAVEPOINT a");
        let mut begun = Begun::plain();
        said(&mut begun, &[savepoint.clone(), set.clone()]);
        assert_eq!(begun.again().text, "BEGIN\n;SET TRANSACTION READ ONLY\n;");
        assert_eq!(begun.again().again(), begun.again());
        assert_eq!(begun.failed(), begun.undone(), "the savepoint is undone either way");
        assert_eq!(begun.failed().text, "BEGIN\n;");
        said(&mut begun, &[(Control::Release("a".into()), "RELEASE a")]);
        assert_eq!(begun.again().text, "BEGIN\n;");
        said(&mut begun, &[set, savepoint]);
        assert_eq!(begun.failed().text, "BEGIN\n;SET TRANSACTION READ ONLY\n;");
    }

    #[test]
    fn modes_are_not_changed_in_a_savepoint() {
        let mut begun = Begun::new("BEGIN READ ONLY", READ_ONLY);
        begun.default_to(Characteristics { isolation: Some(Isolation::ReadCommitted), ..Characteristics::default() });
        said(&mut begun, &[(Control::Savepoint("a".into()), "SAVEPOINT a")]);
        let none = Characteristics::default();
        let fails = [
            Characteristics { isolation: Some(Isolation::Serializable), ..none },
            Characteristics { is_read_only: Some(false), ..none },
            Characteristics { is_deferrable: Some(true), ..none },
        ];
        for modes in fails {
            let (step, next) = begun.clone().on_command(&Control::SetTransaction(modes), "SET TRANSACTION …");
            assert!(matches!(step, Step::Fail(Fault::Said { sqlstate: "25001", .. }, _)), "{step:?}");
            assert_eq!(next.map(|it| it.status()), Some(b'E'));
        }
        let same = Characteristics { isolation: Some(Isolation::ReadCommitted), ..READ_ONLY };
        said(&mut begun, &[(Control::SetTransaction(same), "SET TRANSACTION …")]);
    }
}
