//! Who did not come in, and why.

use crate::logic::auth::Fatal;
use crate::logic::auth::opening::Unread;
use crate::proxy::stream::Stream;
use std::io;
use tokio::io::AsyncWriteExt;

/// Why a connection ended at the door.
#[derive(Debug, thiserror::Error)]
pub enum Turned {
    /// Closed between two messages: a probe, or a client that goes to ask for the password. Not worth a line in the log
    #[error("closed by the client")]
    Gone,
    /// Lost within a message, or TLS failed
    #[error("lost during login: {0}")]
    Lost(#[from] io::Error),
    /// Sent what is no opening packet, and was told nothing, as PostgreSQL tells nothing
    #[error("{0}")]
    Garbled(&'static str),
    /// Was told why
    #[error("{fatal}{}{why}", if why.is_empty() { "" } else { ": " })]
    Refused {
        /// The name it gave
        user: Option<Box<str>>,
        /// What it was told
        fatal: Fatal,
        /// What it was not told: for our log only
        why: &'static str,
    },
}

impl From<Fatal> for Turned {
    fn from(fatal: Fatal) -> Self {
        Self::Refused { user: None, fatal, why: "" }
    }
}

impl From<Unread> for Turned {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Garbled(why) => Self::Garbled(why),
            Unread::Refused(fatal) => fatal.into(),
        }
    }
}

/// Sends the last bytes and closes. A client that does not listen any more changes nothing.
pub(super) async fn say_goodbye(stream: &mut Stream, bytes: &[u8]) {
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await?;
        stream.shutdown().await
    };
    if let Err(error) = sent.await {
        tracing::debug!(%error, "a refused client did not wait for the reason");
    }
}
