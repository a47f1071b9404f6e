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
        if let Some(said) = goodbye.filter(|body| !is_end_of_server(body)) {
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

/// Does a server that says so take all its sessions with it? One that crashes does (57P02), and one whose first process is
/// gone, which its sessions find out by themselves (57P01, as of one that is told to end; from be-secure.c).
fn is_end_of_server(body: &[u8]) -> bool {
    let says = |field, what: &[u8]| view::error_field(body, field) == Some(what);
    says(b'V', b"PANIC") || says(b'C', b"57P02") || says(b'F', b"be-secure.c")
}

#[cfg(test)]
mod tests {
    use super::is_end_of_server;

    #[test]
    fn a_server_that_is_gone_is_told_from_a_session_that_was_ended() {
        let body = |code: &str, file: &str| {
            format!("SFATAL\0VFATAL\0C{code}\0Mterminating connection\0F{file}\0\0").into_bytes()
        };
        assert!(is_end_of_server(&body("57P02", "postgres.c")));
        assert!(is_end_of_server(&body("57P01", "be-secure.c")));
        assert!(!is_end_of_server(&body("57P01", "postgres.c")));
        assert!(!is_end_of_server(&body("25P03", "postgres.c")));
    }
}
