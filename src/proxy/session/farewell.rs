//! A server that ends a session says so (FATAL) and closes. Where it is this session alone, its client has none any more, as
//! with PostgreSQL; where the server itself goes, the session goes on with another one.

use std::sync::Arc;

use crate::logic::protocol::report::Fault;
use crate::logic::protocol::view;
use crate::proxy::pool::ServerPool;
use crate::proxy::session::servers::Held;
use crate::proxy::session::{End, Session, Trouble};

/// What a server has said when it closed.
pub(super) struct Farewell {
    /// The body of its ErrorResponse
    said: Box<[u8]>,
    pool: Arc<ServerPool>,
}

impl Session {
    /// Keeps what a server that is lost has said.
    pub(super) fn note_farewell(&mut self, held: &Held, goodbye: Option<&[u8]>) {
        // A server that crashes takes all sessions with it (57P02).
        let is_crash =
            |body| view::error_field(body, b'V') == Some(b"PANIC") || view::error_field(body, b'C') == Some(b"57P02");
        if let Some(said) = goodbye.filter(|body| !is_crash(body)) {
            self.farewell = Some(Box::new(Farewell { said: said.into(), pool: Arc::clone(held.lease.pool()) }));
        }
    }

    /// A statement has met trouble: if it is that, the session may have ended.
    pub(super) async fn hear_in_trouble(&mut self, trouble: &Trouble) -> Result<(), End> {
        match trouble {
            Trouble::Fault(Fault::ServerLost { .. }) => self.hear_farewell().await,
            // What a COMMIT has to say is more.
            Trouble::Fault(_) | Trouble::Refusal(_) | Trouble::Told | Trouble::End(_) => {
                self.farewell = None;
                Ok(())
            }
        }
    }

    /// Ends the session when a server has ended it and goes on without it.
    pub(super) async fn hear_farewell(&mut self) -> Result<(), End> {
        let Some(farewell) = self.farewell.take() else { return Ok(()) };
        let Farewell { said, pool } = *farewell;
        match pool.takes_logins().await {
            true => Err(End::Fault(Fault::Farewell(said))),
            false => Ok(()),
        }
    }
}
