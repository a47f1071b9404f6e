//! The place of an error in the client's text, where servers have been asked in other words: one of them parses the text as
//! it is, and complains of the same.

use crate::logic::protocol::frame::{self, Front, server};
use crate::logic::protocol::{view, write};
use crate::proxy::session::client::Mark;
use crate::proxy::session::{End, Session, Trouble};

impl Session {
    /// The client is to hear of an error in a Query, which may lie in the outbox still, behind what was there `before`. In
    /// a block that has failed no server parses anything.
    pub(super) async fn locate(&mut self, before: Mark, sql: &str) -> Result<(), End> {
        let told = self.client.behind(before);
        if !self.transaction.is_idle() || self.among.is_some() || !may_have_place(told) {
            return Ok(());
        }
        let told = told.to_vec();
        match self.complaint_about(sql).await {
            Ok(Some(complaint)) => {
                if let Some(rest) = rest_of_same(&told, &complaint).filter(|_| self.client.behind(before) == told) {
                    let out = &mut self.client.outbox;
                    out.truncate(out.len() - told.len());
                    write::frame(out, server::ERROR, |out| out.extend_from_slice(&complaint));
                    out.extend_from_slice(rest);
                }
                Ok(())
            }
            Err(Trouble::End(end)) => Err(end),
            // What is wrong with this attempt is not what is wrong with the statement.
            Ok(None) | Err(Trouble::Told | Trouble::Refusal(_) | Trouble::Fault(_)) => Ok(()),
        }
    }
}

/// An error of those that PostgreSQL finds when it parses comes first, and it has no place yet.
fn may_have_place(told: &[u8]) -> bool {
    let Front::Whole(first) = frame::front(told) else { return false };
    let code = view::error_field(first.body, b'C').unwrap_or_default();
    let is_of_parsing = code.starts_with(b"42") || [b"22P02", b"22007", b"22008"].iter().any(|it| *it == code);
    first.tag == server::ERROR && is_of_parsing && view::error_field(first.body, b'P').is_none()
}

/// The same is said, and now of a place: returns what follows it.
fn rest_of_same<'t>(told: &'t [u8], complaint: &[u8]) -> Option<&'t [u8]> {
    let Front::Whole(error) = frame::front(told) else { return None };
    let same = |field: u8| view::error_field(error.body, field) == view::error_field(complaint, field);
    let is_same = same(b'C') && same(b'M') && view::error_field(complaint, b'P').is_some();
    is_same.then(|| &told[error.bytes.len()..])
}
