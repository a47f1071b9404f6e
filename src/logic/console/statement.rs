//! What can be said to the console.

use crate::logic::console::table::{Columns, Table};
use crate::logic::console::topics::Topic;

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Nothing at all
    Empty,
    /// SHOW of ours or PgBouncer's
    Show(Topic),
    /// Its answer does not depend on the proxy
    Answer {
        /// The answer
        table: Table,
        /// Its tag
        tag: &'static str,
    },
    /// Taken and of no effect: a session's own settings, cursors, locks. The tag
    Ignored(&'static str),
    /// BEGIN and the like, which frame nothing here
    Begin(&'static str),
    /// COMMIT, ROLLBACK and the like
    End(&'static str),
    /// SET of a setting of the proxy
    Set {
        /// PgBouncer's name
        key: String,
        /// As written
        value: String,
    },
    /// Does something
    Act(Act),
}

/// A command that does something. Databases are named as clients name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Lend no servers, and wait until all have come back
    Pause(Option<String>),
    /// Lend them again
    Resume(Option<String>),
    /// Take no new clients
    Disable(String),
    /// Take them again
    Enable(String),
    /// Close servers as they come back
    Reconnect(Option<String>),
    /// Close servers and clients at once, and pause
    Kill(String),
    /// Send one client away
    KillClient(u64),
    /// Wait until what RECONNECT closes is closed
    WaitClose(Option<String>),
    /// Read the files again
    Reload,
    /// End
    Shutdown(Shutdown),
}

impl Act {
    /// The tag of its answer.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Pause(_) => "PAUSE",
            Self::Resume(_) => "RESUME",
            Self::Disable(_) => "DISABLE",
            Self::Enable(_) => "ENABLE",
            Self::Reconnect(_) => "RECONNECT",
            Self::Kill(_) => "KILL",
            Self::KillClient(_) => "KILL_CLIENT",
            Self::WaitClose(_) => "WAIT_CLOSE",
            Self::Reload => "RELOAD",
            Self::Shutdown(_) => "SHUTDOWN",
        }
    }
}

/// How to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// At once
    Now,
    /// When every client has been told to go at the end of its transaction
    WaitForServers,
    /// When every client has left by itself
    WaitForClients,
}

impl Statement {
    /// The columns of its answer, if it has any.
    pub fn columns(&self) -> Option<Columns> {
        match self {
            Self::Show(topic) => topic.columns().map(Columns::Borrowed),
            Self::Answer { table, .. } => Some(table.columns.clone()),
            Self::Empty | Self::Ignored(_) | Self::Begin(_) | Self::End(_) | Self::Set { .. } | Self::Act(_) => None,
        }
    }
}

/// Why a text means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Five characters
    pub sqlstate: &'static str,
    /// What is wrong
    pub message: String,
}

impl Problem {
    /// Not a command.
    pub(super) fn syntax(text: &str) -> Self {
        // PgBouncer's words, here and below.
        Self { sqlstate: "42601", message: format!("invalid command '{}', use SHOW HELP;", text.trim()) }
    }

    /// A command for one database names none.
    pub(super) fn no_database() -> Self {
        Self { sqlstate: "42601", message: "a database is required".to_owned() }
    }

    /// What should be the number of a client is none.
    pub(super) fn no_client() -> Self {
        Self { sqlstate: "22023", message: "invalid client pointer supplied".to_owned() }
    }

    /// PgBouncer has it, and we do not.
    pub(super) fn unsupported(what: &str) -> Self {
        Self {
            sqlstate: "0A000",
            message: format!("{what} is not supported: sockets are not handed over through the console"),
        }
    }
}
