//! Why there is no connection to a server.

use std::io;

/// Why there is no connection to a server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFault {
    /// Its name has no address
    #[error("could not translate host name \"{host}\" to address: {source}")]
    Unknown {
        /// The name
        host: Box<str>,
        /// What the resolver said
        source: io::Error,
    },
    /// No answer, or the connection broke
    #[error("{0}")]
    Unreachable(#[from] io::Error),
    /// It cannot do TLS, or did not prove who it is
    #[error("TLS: {0}")]
    Tls(String),
    /// It said no, in its own words
    #[error("{severity} {sqlstate}: {message}")]
    Refused {
        /// `FATAL`
        severity: Box<str>,
        /// Its code: 28P01, 3D000, 53300, 57P03, …
        sqlstate: Box<str>,
        /// Its message
        message: Box<str>,
    },
    /// It asks for something we have not got, or will not give
    #[error("{0}")]
    Authentication(String),
    /// It does not speak the protocol
    #[error("unexpected answer: {0}")]
    Protocol(String),
}

impl ConnectFault {
    /// The server's own code, if it answered at all.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused { sqlstate, .. } => Some(sqlstate),
            Self::Unknown { .. }
            | Self::Unreachable(_)
            | Self::Tls(_)
            | Self::Authentication(_)
            | Self::Protocol(_) => None,
        }
    }

    /// The server lives but will not have us now: it starts, stops, recovers or is full. No reason to take it for dead.
    pub fn is_passing(&self) -> bool {
        self.sqlstate().is_some_and(|code| matches!(code, "57P03" | "57P01" | "57P02" | "53300"))
    }
}
