//! One table: what went wrong → severity, SQLSTATE, text. Every error of ours becomes bytes here.

use std::time::Duration;

use crate::logic::protocol::frame::server;
use crate::logic::protocol::view;
use crate::logic::protocol::write::{self, Report};

const AGAIN: &str = "try the transaction again";

/// What went wrong, apart from the planner's refusals and the servers' own errors, which pass through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The client broke the protocol: the session ends
    Protocol(String),
    /// A text that is not UTF-8: the bytes that are none
    Encoding(Box<[u8]>),
    /// No such database: said after login
    NoDatabase(Box<str>),
    /// `max_clients` are connected
    TooManyClients {
        /// The limit
        max: usize,
    },
    /// Too many clients wait for a connection already
    QueueFull {
        /// Server
        server: Box<str>,
        /// Its limit
        waiters_max: u32,
    },
    /// No connection became free in time
    WaitTimeout {
        /// Server
        server: Box<str>,
        /// How long the client waited
        waited: Duration,
        /// Connections, all in use
        size: u32,
    },
    /// A server cannot be reached, or is known to be down
    ServerDown {
        /// Shard
        shard: Box<str>,
        /// Server
        server: Box<str>,
        /// What the last attempt said
        cause: String,
    },
    /// A server refused our login or is starting up: its own SQLSTATE
    ServerRefused {
        /// Server
        server: Box<str>,
        /// As the server said
        sqlstate: Box<str>,
        /// As the server said
        message: String,
    },
    /// The connection broke while a statement ran
    ServerLost {
        /// Shard
        shard: Box<str>,
        /// What happened
        cause: String,
        /// A transaction was open: it is gone
        in_transaction: bool,
    },
    /// Notifications may have passed the session by: it ends
    Missed {
        /// Shard
        shard: Box<str>,
        /// What happened
        cause: String,
    },
    /// The connection broke that was kept for the session, with what it has there: it ends
    SessionLost {
        /// Shard
        shard: Box<str>,
        /// Why it was kept (`temporary table`, `advisory lock`, …)
        kept: &'static str,
    },
    /// The connection broke while a transaction over several shards was being decided
    OutcomeUnknown {
        /// The shard that decides
        shard: Box<str>,
    },
    /// Sessions wait for each other over several shards: this one is given up
    Deadlock {
        /// Who waits for whom
        detail: String,
    },
    /// Recovery has undone the transaction before its decision was written
    Undone,
    /// The shard map is another one than that with which the transaction has made tables
    MapChanged,
    /// Shards have answered with rows of different kinds: the schema was being changed
    Torn,
    /// This table is being changed, or has been since a statement was planned that fills its columns by their places
    Shifted(Box<str>),
    /// The schema is not known yet: no shard could be asked
    NoCatalog(Box<str>),
    /// Commands are ignored until ROLLBACK
    TransactionAborted,
    /// The columns that a prepared statement was described with are others now
    ChangedResult,
    /// A prepared statement of this name exists
    StatementExists(String),
    /// No prepared statement of this name
    NoStatement(String),
    /// No portal of this name
    NoPortal(String),
    /// A portal that can be run once has been run
    PortalIsDone(String),
    /// A cursor of this name is open
    CursorExists(String),
    /// No such savepoint
    NoSavepoint(Box<str>),
    /// SAVEPOINT and the like outside a transaction
    NoTransaction(&'static str),
    /// A command that PostgreSQL does not allow inside a transaction block
    InsideTransaction(&'static str),
    /// A COPY that cannot go on
    CopyFailed {
        /// PostgreSQL's code for it
        sqlstate: &'static str,
        /// Its text
        message: String,
    },
    /// Other clients are in a database that nobody else may be in
    InUse {
        /// Its name on the server
        database: Box<str>,
        /// It was to be copied
        is_source: bool,
        /// How many they are
        others: usize,
    },
    /// A server does not take what the session has set: its statement has not run
    Unready {
        /// The server's shard
        shard: Box<str>,
        /// As the server said
        sqlstate: Box<str>,
        /// As the server said
        message: String,
    },
    /// What PostgreSQL says where there was no server to say it
    Said {
        /// PostgreSQL's code for it
        sqlstate: &'static str,
        /// Its text
        message: String,
    },
    /// A startup parameter that a server does not take: the session does not begin
    Startup {
        /// As the server said
        sqlstate: Box<str>,
        /// As the server said
        message: String,
    },
    /// A cancel request has met the statement where no server ran it
    Cancelled,
    /// A statement took too long
    StatementTimeout {
        /// How long it could
        limit: Duration,
    },
    /// The client has gone while it waited: nobody is told
    ClientGone,
    /// A fault that keeps a session from beginning
    AtLogin(Box<Self>),
    /// Idle outside transactions for too long (`client_idle_timeout`): the session ends
    IdleTimeout,
    /// Idle inside a transaction for too long (`idle_transaction_timeout`): the session ends
    IdleTransactionTimeout,
    /// A transaction took too long (`transaction_timeout`): the session ends
    TransactionTimeout,
    /// A pipeline has been left without Sync for longer than a statement may take (`query_timeout`): the session ends
    SyncTimeout,
    /// A server has ended this session alone, as it would have without us: the body of its ErrorResponse
    Farewell(Box<[u8]>),
    /// The proxy is shutting down: the session ends
    Shutdown,
    /// An operator has sent the client away: the session ends
    Dismissed,
    /// Another session has ended this one (`pg_terminate_backend`)
    Terminated,
    /// An operator lets nobody in to this database
    Disabled(Box<str>),
    /// An invariant of ours is broken: the session ends, the process lives
    Broken(String),
}

impl Fault {
    /// Does the session end with it?
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Protocol(_)
            | Self::NoDatabase(_)
            | Self::TooManyClients { .. }
            | Self::Missed { .. }
            | Self::SessionLost { .. }
            | Self::IdleTimeout
            | Self::IdleTransactionTimeout
            | Self::TransactionTimeout
            | Self::SyncTimeout
            | Self::ClientGone
            | Self::Farewell(_)
            | Self::Shutdown
            | Self::Dismissed
            | Self::Terminated
            | Self::Disabled(_)
            | Self::Startup { .. }
            | Self::AtLogin(_)
            | Self::Broken(_) => true,
            Self::Encoding(_)
            | Self::QueueFull { .. }
            | Self::WaitTimeout { .. }
            | Self::ServerDown { .. }
            | Self::ServerRefused { .. }
            | Self::ServerLost { .. }
            | Self::OutcomeUnknown { .. }
            | Self::Deadlock { .. }
            | Self::Undone
            | Self::MapChanged
            | Self::Torn
            | Self::Shifted(_)
            | Self::Cancelled
            | Self::StatementTimeout { .. }
            | Self::NoCatalog(_)
            | Self::TransactionAborted
            | Self::ChangedResult
            | Self::StatementExists(_)
            | Self::NoStatement(_)
            | Self::NoPortal(_)
            | Self::PortalIsDone(_)
            | Self::CursorExists(_)
            | Self::NoSavepoint(_)
            | Self::NoTransaction(_)
            | Self::InsideTransaction(_)
            | Self::InUse { .. }
            | Self::Said { .. }
            | Self::Unready { .. }
            | Self::CopyFailed { .. } => false,
        }
    }

    /// Five characters (PostgreSQL manual, "PostgreSQL Error Codes").
    pub fn sqlstate(&self) -> &str {
        match self {
            Self::Protocol(_) => "08P01",
            Self::Encoding(_) => "22021",
            Self::NoDatabase(_) => "3D000",
            Self::TooManyClients { .. } | Self::QueueFull { .. } | Self::WaitTimeout { .. } => "53300",
            Self::ServerDown { .. } | Self::ServerLost { .. } | Self::Missed { .. } | Self::SessionLost { .. } => {
                "08006"
            }
            Self::OutcomeUnknown { .. } => "08007",
            Self::Deadlock { .. } => "40P01",
            Self::Undone | Self::MapChanged => "40000",
            Self::Torn | Self::Shifted(_) => "40001",
            Self::ServerRefused { sqlstate, .. } => sqlstate,
            Self::NoCatalog(_) => "57P03",
            Self::TransactionAborted => "25P02",
            Self::ChangedResult => "0A000",
            Self::StatementExists(_) => "42P05",
            Self::NoStatement(_) => "26000",
            Self::NoPortal(_) => "34000",
            Self::PortalIsDone(_) => "55000",
            Self::CursorExists(_) => "42P03",
            Self::NoSavepoint(_) => "3B001",
            Self::NoTransaction(_) => "25P01",
            Self::InsideTransaction(_) => "25001",
            Self::InUse { .. } => "55006",
            Self::CopyFailed { sqlstate, .. } | Self::Said { sqlstate, .. } => sqlstate,
            Self::Startup { sqlstate, .. } | Self::Unready { sqlstate, .. } => sqlstate,
            Self::AtLogin(fault) => fault.sqlstate(),
            Self::Cancelled | Self::StatementTimeout { .. } | Self::SyncTimeout => "57014",
            Self::ClientGone => "08006",
            Self::IdleTimeout => "57P05",
            Self::IdleTransactionTimeout => "25P03",
            Self::TransactionTimeout => "25P04",
            Self::Farewell(body) => field(body, b'C'),
            Self::Shutdown | Self::Dismissed | Self::Terminated => "57P01",
            // PostgreSQL's code for a database that takes no connections (datallowconn).
            Self::Disabled(_) => "55000",
            Self::Broken(_) => "XX000",
        }
    }

    /// Message, detail, hint.
    fn text(&self) -> (String, Option<String>, Option<&'static str>) {
        let plain = |message: String| (message, None, None);
        match self {
            Self::Protocol(what) => plain(what.clone()),
            Self::Encoding(bytes) => plain(no_encoding(bytes)),
            Self::NoDatabase(name) => plain(format!("database \"{name}\" does not exist")),
            Self::TooManyClients { max } => too_many(*max),
            Self::QueueFull { server, waiters_max } => (
                format!("too many clients wait for a connection to {server}"),
                Some(format!("waiters_max is {waiters_max}")),
                None,
            ),
            Self::WaitTimeout { server, waited, size } => (
                format!("no connection to {server} became free in time (wait_timeout)"),
                Some(format!("waited {:.1} s for one of {size} connections, all in use", waited.as_secs_f64())),
                Some("shorten transactions, or raise pool_size"),
            ),
            Self::ServerDown { shard, server, cause } => {
                (format!("shard \"{shard}\" cannot be reached"), Some(format!("{server}: {cause}")), None)
            }
            Self::ServerRefused { server, message, .. } => {
                (message.clone(), Some(format!("{server} refused a connection")), None)
            }
            Self::Missed { shard, cause } => missed(shard, cause),
            Self::SessionLost { shard, kept } => session_lost(shard, kept),
            Self::ServerLost { shard, cause, in_transaction } => (
                format!("connection to shard \"{shard}\" was lost while a statement ran"),
                Some(cause.clone()),
                in_transaction.then_some("the transaction is gone: roll back and try again"),
            ),
            Self::OutcomeUnknown { shard } => (
                format!("connection to shard \"{shard}\" was lost during COMMIT: its outcome is unknown"),
                Some("the transaction has written on several shards, and this one decides".into()),
                Some("look whether its changes are there: all of them are, or none"),
            ),
            Self::Deadlock { detail } => ("deadlock detected".into(), Some(detail.clone()), Some(AGAIN)),
            Self::Undone => undone(),
            Self::MapChanged => {
                ("the shard map has changed while the transaction made new tables for it".into(), None, Some(AGAIN))
            }
            Self::Torn => torn(),
            Self::Shifted(table) => shifted(table),
            Self::NoCatalog(name) => no_catalog(name),
            Self::TransactionAborted => {
                plain("current transaction is aborted, commands ignored until end of transaction block".into())
            }
            Self::ChangedResult => plain("cached plan must not change result type".into()),
            Self::StatementExists(name) => plain(format!("prepared statement \"{name}\" already exists")),
            Self::NoStatement(name) => plain(no_statement(name)),
            Self::NoPortal(name) => plain(format!("portal \"{name}\" does not exist")),
            Self::PortalIsDone(name) => plain(format!("portal \"{name}\" cannot be run")),
            Self::CursorExists(name) => plain(format!("cursor \"{name}\" already exists")),
            Self::NoSavepoint(name) => plain(format!("savepoint \"{name}\" does not exist")),
            Self::NoTransaction(what) => plain(format!("{what} can only be used in transaction blocks")),
            Self::InsideTransaction(what) => plain(format!("{what} cannot run inside a transaction block")),
            Self::CopyFailed { message, .. } | Self::Startup { message, .. } => plain(message.clone()),
            Self::InUse { database, is_source, others } => in_use(database, *is_source, *others),
            Self::Said { message, .. } => plain(message.clone()),
            Self::Unready { shard, message, .. } => unready(shard, message),
            Self::AtLogin(fault) => fault.text(),
            Self::Cancelled => plain("canceling statement due to user request".into()),
            Self::StatementTimeout { limit } => (
                "canceling statement due to statement timeout".into(),
                Some(format!("it was allowed {limit:?} (query_timeout, transaction_timeout)")),
                None,
            ),
            Self::ClientGone => plain("the client has left".into()),
            Self::IdleTimeout => plain("terminating connection due to idle-session timeout".into()),
            Self::IdleTransactionTimeout => plain("terminating connection due to idle-in-transaction timeout".into()),
            Self::TransactionTimeout => plain("terminating connection due to transaction timeout".into()),
            Self::SyncTimeout => plain("terminating connection: no Sync has come within query_timeout".into()),
            Self::Farewell(body) => plain(field(body, b'M').to_owned()),
            Self::Shutdown => plain("terminating connection: the pooler is shutting down".into()),
            Self::Dismissed => plain("terminating connection: admin forced disconnect".into()),
            Self::Terminated => plain("terminating connection due to administrator command".into()),
            Self::Disabled(name) => plain(format!("database \"{name}\" is disabled")),
            Self::Broken(what) => {
                (format!("internal error: {what}"), None, Some("please report it with the log around this time"))
            }
        }
    }

    /// Appends the ErrorResponse.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Self::Farewell(body) = self {
            return write::frame(out, server::ERROR, |out| out.extend_from_slice(body));
        }
        let (message, detail, hint) = self.text();
        let severity = if self.is_fatal() { "FATAL" } else { "ERROR" };
        let report = Report { severity, sqlstate: self.sqlstate(), message: &message, detail: detail.as_deref(), hint };
        // Drivers know it by the function that says so in PostgreSQL, and prepare again.
        let routine = if *self == Self::ChangedResult { "RevalidateCachedQuery" } else { "" };
        write::error_of(out, &report, routine);
    }
}

/// A field of a server's ErrorResponse.
fn field(body: &[u8], code: u8) -> &str {
    view::error_field(body, code).and_then(|field| std::str::from_utf8(field).ok()).unwrap_or_default()
}

fn no_encoding(bytes: &[u8]) -> String {
    let bytes: String = bytes.iter().map(|byte| format!(" 0x{byte:02x}")).collect();
    format!("invalid byte sequence for encoding \"UTF8\":{bytes}")
}

fn too_many(max: usize) -> (String, Option<String>, Option<&'static str>) {
    ("no more connections allowed (max_clients)".into(), Some(format!("{max} clients are connected")), None)
}

fn missed(shard: &str, cause: &str) -> (String, Option<String>, Option<&'static str>) {
    (
        format!("notifications of shard \"{shard}\" may have been missed"),
        Some(cause.to_owned()),
        Some("connect again, LISTEN, then look at what may have changed"),
    )
}

fn session_lost(shard: &str, kept: &str) -> (String, Option<String>, Option<&'static str>) {
    (
        format!(
            "terminating connection: the server of shard \"{shard}\" is lost that was kept for the session ({kept})"
        ),
        Some("its locks, temporary tables, cursors and settings there are gone with it".to_owned()),
        Some("connect again"),
    )
}

fn undone() -> (String, Option<String>, Option<&'static str>) {
    let detail = "recovery took it for one whose proxy is gone; nothing of it was kept";
    ("the transaction was rolled back: its commit took too long".to_owned(), Some(detail.to_owned()), Some(AGAIN))
}

fn shifted(table: &str) -> (String, Option<String>, Option<&'static str>) {
    let detail = format!("\"{table}\" may have other columns by now, and the statement has no list of those it fills");
    let hint = "run it again, or name the columns";
    ("could not serialize access due to a change of the schema".to_owned(), Some(detail), Some(hint))
}

fn torn() -> (String, Option<String>, Option<&'static str>) {
    let detail = "the shards have answered with different columns: some before the change, some behind it";
    ("could not serialize access due to a change of the schema".to_owned(), Some(detail.to_owned()), Some(AGAIN))
}

fn no_catalog(name: &str) -> (String, Option<String>, Option<&'static str>) {
    (format!("the schema of database \"{name}\" is not known yet"), Some("no shard could be asked so far".into()), None)
}

/// A server that does not take what the session has set.
fn unready(shard: &str, message: &str) -> (String, Option<String>, Option<&'static str>) {
    let detail = format!("The statement has not run: shard \"{shard}\" could not be given what the session has set.");
    (message.to_owned(), Some(detail), None)
}

fn in_use(database: &str, is_source: bool, others: usize) -> (String, Option<String>, Option<&'static str>) {
    let source = if is_source { "source " } else { "" };
    let detail = match others {
        1 => "There is 1 other session using the database.".to_owned(),
        others => format!("There are {others} other sessions using the database."),
    };
    (format!("{source}database \"{database}\" is being accessed by other users"), Some(detail), None)
}

fn no_statement(name: &str) -> String {
    match name {
        "" => "unnamed prepared statement does not exist".into(),
        name => format!("prepared statement \"{name}\" does not exist"),
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (message, detail, _) = self.text();
        write!(f, "{} {message}", self.sqlstate())?;
        match detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}
