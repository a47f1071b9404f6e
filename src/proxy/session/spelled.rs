//! Statements of sessions with `standard_conforming_strings` off, as everybody reads them.

use std::borrow::Cow;

use crate::logic::plan::Refusal;
use crate::logic::sql::escapes::{self, Strings};
use crate::proxy::session::{Session, Trouble};

impl Session {
    /// A text of the client with its escapes in E'…', whatever its setting is: what plans are made of, and what other
    /// sessions may run too. A server that has the client's setting reads both forms alike.
    pub(super) fn spelled_out<'t>(&self, text: &'t [u8]) -> Result<Cow<'t, [u8]>, Trouble> {
        match self.strings() {
            Strings::Standard => Ok(Cow::Borrowed(text)),
            Strings::Backslash => {
                escapes::spelled_out(text, Strings::Backslash).map_err(|_| Refusal::national_escapes().into())
            }
        }
    }
}
