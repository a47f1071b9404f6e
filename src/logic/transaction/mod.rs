//! The only home of transaction state: after every event we know where the session stands.
//!
//! ```text
//!          BEGIN            first statement          error
//!   Idle ─────────→ Begun ─────────────────→ Open ─────────→ Open (failed) ─ROLLBACK─→ Idle
//!     ↑  COMMIT or    │                        │ refusal, or the server is gone
//!     └── ROLLBACK ───┴──────refusal──────→ Aborted ──ROLLBACK──→ Idle
//! ```
//!
//! BEGIN costs nothing: no server knows of a `Begun` transaction. What was said since (SAVEPOINT, SET LOCAL, …)
//! is kept as text and goes out together with the first statement that chooses a shard.

use crate::logic::protocol::report::Fault;
use crate::logic::sql::statement::{Characteristics, Control};

pub use begun::Begun;

mod begun;

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Transaction {
    /// Outside
    #[default]
    Idle,
    /// BEGIN was said, no server knows yet
    Begun(Begun),
    /// Open on a server, or on several
    Open {
        /// A server has seen an error: commands are ignored until ROLLBACK
        is_failed: bool,
        /// What a shard that joins later must be told first
        begun: Begun,
    },
    /// We reported an error that the servers do not know of
    Aborted(Box<Aborted>),
}

/// What an aborted transaction was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aborted {
    /// Not on a server yet
    Begun(Begun),
    /// Still open on its servers, which must be told to roll back
    Open(Begun),
    /// Its server is gone
    Lost,
}

/// What is to be done with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The server of the transaction answers; with this text instead of the client's, when there is one
    Send(Option<String>),
    /// We answer with this tag, after this warning when there is one
    Answer(&'static str, Option<Warning>),
    /// We report this, after this warning when there is one
    Fail(Fault, Option<Warning>),
}

/// PostgreSQL's warnings on transaction commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// Five characters
    pub sqlstate: &'static str,
    /// Its text
    pub message: &'static str,
}

const NONE_IN_PROGRESS: Warning = Warning { sqlstate: "25P01", message: "there is no transaction in progress" };
/// BEGIN inside of a block.
pub const ALREADY_IN_PROGRESS: Warning =
    Warning { sqlstate: "25001", message: "there is already a transaction in progress" };
const SET_OUTSIDE: Warning =
    Warning { sqlstate: "25P01", message: "SET TRANSACTION can only be used in transaction blocks" };

impl Transaction {
    /// The status of ReadyForQuery.
    pub fn status(&self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::Begun(_) | Self::Open { is_failed: false, .. } => b'T',
            Self::Open { is_failed: true, .. } | Self::Aborted(_) => b'E',
        }
    }

    /// Outside any transaction.
    pub fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// A server has it open, whatever we told the client since.
    pub fn is_on_server(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Aborted(was) => matches!(**was, Aborted::Open(_)),
            Self::Idle | Self::Begun(_) => false,
        }
    }

    /// What a shard that joins must be told first, and how the transaction was begun.
    pub fn begun(&self) -> Option<&Begun> {
        match self {
            Self::Begun(begun) | Self::Open { begun, .. } => Some(begun),
            Self::Idle | Self::Aborted(_) => None,
        }
    }

    /// It begins with these modes, unless it was begun with others.
    pub fn default_to(&mut self, modes: Characteristics) {
        if let Self::Begun(begun) = self {
            begun.default_to(modes);
        }
    }

    /// A statement has been answered without a server, for which PostgreSQL takes a snapshot.
    pub fn take_snapshot(&mut self) {
        if let Self::Begun(begun) | Self::Open { begun, .. } = self {
            begun.take_snapshot();
        }
    }

    /// A transaction command: what is to be done. `text` is its own SQL.
    pub fn on_command(&mut self, control: &Control, text: &str) -> Step {
        match self {
            Self::Idle => self.on_idle(control, text),
            Self::Begun(begun) => match begun.on_command(control, text) {
                (step, Some(next)) => {
                    *self = next;
                    step
                }
                (step, None) => step,
            },
            Self::Open { is_failed: true, begun } => {
                // Only one of its servers may have failed: none of the others must be told to commit.
                let (Control::Commit { chain } | Control::Rollback { chain }) = control else {
                    return Step::Send(None);
                };
                Step::Send(Some(begun.fail(*chain)))
            }
            Self::Open { is_failed: false, begun } => match begun.objection_of_own(control) {
                Some(step) => {
                    self.abort();
                    step
                }
                None => Step::Send(None),
            },
            Self::Aborted(_) => self.on_aborted(control),
        }
    }

    fn on_idle(&mut self, control: &Control, text: &str) -> Step {
        match control {
            Control::Begin(said) => {
                *self = Self::Begun(Begun::new(text, *said));
                Step::Answer(begin_tag(text), None)
            }
            Control::Commit { chain: false } => Step::Answer("COMMIT", Some(NONE_IN_PROGRESS)),
            Control::Rollback { chain: false } => Step::Answer("ROLLBACK", Some(NONE_IN_PROGRESS)),
            Control::Commit { chain: true } => Step::Fail(Fault::NoTransaction("COMMIT AND CHAIN"), None),
            Control::Rollback { chain: true } => Step::Fail(Fault::NoTransaction("ROLLBACK AND CHAIN"), None),
            Control::Savepoint(_) => Step::Fail(Fault::NoTransaction("SAVEPOINT"), None),
            Control::Release(_) => Step::Fail(Fault::NoTransaction("RELEASE SAVEPOINT"), None),
            Control::RollbackTo(_) => Step::Fail(Fault::NoTransaction("ROLLBACK TO SAVEPOINT"), None),
            Control::SetTransaction(_) => Step::Answer("SET", Some(SET_OUTSIDE)),
        }
    }

    fn on_aborted(&mut self, control: &Control) -> Step {
        let Self::Aborted(was) = self else { return Step::Send(None) };
        match (control, &mut **was) {
            (Control::Commit { chain } | Control::Rollback { chain }, Aborted::Open(begun)) => {
                Step::Send(Some(begun.fail(*chain)))
            }
            (Control::Commit { chain } | Control::Rollback { chain }, was @ (Aborted::Begun(_) | Aborted::Lost)) => {
                let next = match was {
                    Aborted::Begun(begun) => begun.failed(),
                    Aborted::Open(_) | Aborted::Lost => Begun::plain(),
                };
                *self = if *chain { Self::Begun(next) } else { Self::Idle };
                Step::Answer("ROLLBACK", None)
            }
            (Control::RollbackTo(_), Aborted::Open(_)) => Step::Send(None),
            (Control::RollbackTo(name), Aborted::Begun(begun)) => match begun.rollback_to(name) {
                Ok(()) => {
                    *self = Self::Begun(std::mem::take(begun));
                    Step::Answer("ROLLBACK", None)
                }
                Err(fault) => Step::Fail(fault, None),
            },
            _ => Step::Fail(Fault::TransactionAborted, None),
        }
    }

    /// A server is being told of it.
    pub fn opened(&mut self) {
        if let Self::Begun(begun) = self {
            *self = Self::Open { is_failed: false, begun: std::mem::take(begun) };
        }
    }

    /// A server that runs our statements said where it stands.
    pub fn on_ready(&mut self, status: u8) {
        let begun = match std::mem::take(self) {
            Self::Begun(begun) | Self::Open { begun, .. } => begun,
            Self::Aborted(was) => match *was {
                Aborted::Begun(begun) | Aborted::Open(begun) => begun,
                Aborted::Lost => Begun::default(),
            },
            Self::Idle => Begun::default(),
        };
        *self = match status {
            b'T' => Self::Open { is_failed: false, begun },
            b'E' => Self::Open { is_failed: true, begun },
            _ => Self::Idle,
        };
    }

    /// A command has succeeded on the servers that know of the transaction: shards that join later hear of it.
    pub fn succeeded(&mut self, control: &Control, text: &str) {
        if let Self::Open { begun, .. } | Self::Begun(begun) = self {
            match control {
                Control::Savepoint(_)
                | Control::Release(_)
                | Control::RollbackTo(_)
                | Control::SetTransaction(_)
                | Control::Begin(_) => drop(begun.on_command(control, text)),
                Control::Commit { .. } => *begun = begun.again(),
                Control::Rollback { .. } => *begun = begun.undone(),
            }
        }
    }

    /// We reported an error of our own. Outside a transaction nothing changes.
    pub fn abort(&mut self) {
        *self = match std::mem::take(self) {
            Self::Idle => Self::Idle,
            Self::Begun(begun) => Self::Aborted(Box::new(Aborted::Begun(begun))),
            Self::Open { is_failed: false, begun } => Self::Aborted(Box::new(Aborted::Open(begun))),
            failed @ (Self::Open { is_failed: true, .. } | Self::Aborted(_)) => failed,
        };
    }

    /// Its server is gone.
    pub fn lose(&mut self) {
        if self.is_on_server() {
            *self = Self::Aborted(Box::new(Aborted::Lost));
        }
    }

    /// Every server has committed it.
    pub fn committed(&mut self, chain: bool) {
        *self = match std::mem::take(self) {
            Self::Open { begun, .. } | Self::Begun(begun) => begun.ended(chain),
            Self::Idle | Self::Aborted(_) => Self::Idle,
        };
    }

    /// It was the session's own, and is over.
    pub fn forget(&mut self) {
        *self = Self::Idle;
    }

    /// Adds to a transaction what servers that it is not on yet are to be told (SET LOCAL).
    pub fn remember(&mut self, text: &str) {
        if let Self::Begun(begun) | Self::Open { is_failed: false, begun } = self {
            begun.push(text);
        }
    }
}

/// PostgreSQL tags a BEGIN by how it was written.
pub fn begin_tag(text: &str) -> &'static str {
    let is_start = text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("start"));
    if is_start { "START TRANSACTION" } else { "BEGIN" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Control = Control::Begin(Characteristics { isolation: None, is_read_only: None, is_deferrable: None });
    const COMMIT: Control = Control::Commit { chain: false };

    fn begun() -> Transaction {
        let mut transaction = Transaction::Idle;
        assert_eq!(transaction.on_command(&BEGIN, "BEGIN"), Step::Answer("BEGIN", None));
        transaction
    }

    fn text(transaction: &Transaction) -> &str {
        let Transaction::Begun(begun) = transaction else { panic!("not begun: {transaction:?}") };
        &begun.text
    }

    #[test]
    fn what_is_said_before_the_first_statement_goes_out_with_it() {
        let mut transaction = begun();
        transaction.on_command(&Control::Savepoint("a".into()), "SAVEPOINT a;");
        transaction.remember("SET LOCAL x.y = 1 -- why");
        transaction.on_command(&Control::Savepoint("b".into()), "SAVEPOINT b");
        assert_eq!(text(&transaction), "BEGIN\n;SAVEPOINT a\n;SET LOCAL x.y = 1 -- why\n;SAVEPOINT b\n;");
        assert_eq!(
            transaction.on_command(&Control::RollbackTo("a".into()), "ROLLBACK TO a"),
            Step::Answer("ROLLBACK", None)
        );
        assert_eq!(text(&transaction), "BEGIN\n;SAVEPOINT a\n;");
        transaction.on_ready(b'T');
        assert_eq!(transaction.status(), b'T');
        assert_eq!(transaction.on_command(&COMMIT, "COMMIT"), Step::Send(None));
    }

    #[test]
    fn an_empty_transaction_never_reaches_a_server() {
        let mut transaction = begun();
        assert_eq!(transaction.on_command(&COMMIT, "COMMIT"), Step::Answer("COMMIT", None));
        assert!(transaction.is_idle());
    }

    #[test]
    fn commit_after_a_refusal_rolls_back() {
        let mut transaction = begun();
        transaction.on_ready(b'T');
        transaction.abort();
        assert_eq!(transaction.status(), b'E');
        assert_eq!(transaction.on_command(&BEGIN, "BEGIN"), Step::Fail(Fault::TransactionAborted, None));
        assert_eq!(transaction.on_command(&COMMIT, "COMMIT"), Step::Send(Some("ROLLBACK".to_owned())));
        transaction.on_ready(b'I');
        assert!(transaction.is_idle());
    }

    #[test]
    fn commit_after_an_error_is_a_rollback_on_every_server() {
        let mut transaction = begun();
        transaction.on_ready(b'E');
        assert_eq!(transaction.on_command(&COMMIT, "COMMIT"), Step::Send(Some("ROLLBACK".to_owned())));
    }

    #[test]
    fn what_follows_a_failed_transaction_is_a_plain_one() {
        let mut transaction = Transaction::Idle;
        let said = Characteristics { is_read_only: Some(true), ..Characteristics::default() };
        transaction.on_command(&Control::Begin(said), "BEGIN READ ONLY");
        transaction.on_ready(b'E');
        let chain = Control::Rollback { chain: true };
        assert_eq!(
            transaction.on_command(&chain, "ROLLBACK AND CHAIN"),
            Step::Send(Some("ROLLBACK; BEGIN".to_owned()))
        );
        transaction.on_ready(b'T');
        transaction.succeeded(&chain, "ROLLBACK AND CHAIN");
        assert_eq!(transaction.begun().map(|begun| &*begun.text), Some("BEGIN\n;"));
        assert_eq!(transaction.begun().and_then(|begun| begun.said.is_read_only), None);
    }

    #[test]
    fn a_savepoint_brings_an_aborted_transaction_back() {
        let mut transaction = begun();
        transaction.on_command(&Control::Savepoint("s".into()), "SAVEPOINT s");
        transaction.abort();
        let step = transaction.on_command(&Control::RollbackTo("s".into()), "ROLLBACK TO s");
        assert_eq!((step, transaction.status()), (Step::Answer("ROLLBACK", None), b'T'));
    }

    #[test]
    fn a_lost_server_leaves_only_rollback() {
        let mut transaction = begun();
        transaction.on_ready(b'T');
        transaction.lose();
        assert_eq!(
            transaction.on_command(&Control::RollbackTo("s".into()), ""),
            Step::Fail(Fault::TransactionAborted, None)
        );
        assert_eq!(transaction.on_command(&COMMIT, "COMMIT"), Step::Answer("ROLLBACK", None));
        assert!(transaction.is_idle());
    }

    #[test]
    fn warnings_are_postgresqls() {
        let mut transaction = Transaction::Idle;
        assert_eq!(transaction.on_command(&COMMIT, "COMMIT"), Step::Answer("COMMIT", Some(NONE_IN_PROGRESS)));
        let mut transaction = begun();
        assert_eq!(
            transaction.on_command(&BEGIN, "start transaction"),
            Step::Answer("START TRANSACTION", Some(ALREADY_IN_PROGRESS))
        );
    }

    #[test]
    fn a_shard_that_joins_late_hears_of_savepoints_and_settings() {
        let mut transaction = begun();
        transaction.on_ready(b'T');
        transaction.succeeded(&Control::Savepoint("s".into()), "SAVEPOINT s");
        transaction.remember("SET LOCAL x.y = 1");
        assert_eq!(transaction.begun().map(|begun| &*begun.text), Some("BEGIN\n;SAVEPOINT s\n;SET LOCAL x.y = 1\n;"));
        transaction.succeeded(&Control::RollbackTo("s".into()), "ROLLBACK TO s");
        assert_eq!(transaction.begun().map(|begun| &*begun.text), Some("BEGIN\n;SAVEPOINT s\n;"));
    }
}
