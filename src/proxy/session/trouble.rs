//! What goes wrong in a session, and whether it goes on.

use crate::logic::plan::Refusal;
use crate::logic::protocol::report::Fault;

/// Why a session ends.
#[derive(Debug)]
pub enum End {
    /// The client said goodbye or has gone
    Gone,
    /// The client is told
    Fault(Fault),
}

/// A fault that the client hears of while its session goes on, or the end.
#[derive(Debug)]
pub(super) enum Trouble {
    Refusal(Refusal),
    Fault(Fault),
    /// A server's own error, which the client has already been sent
    Told,
    End(End),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        match (&fault, fault.is_fatal()) {
            (Fault::ClientGone, _) => Self::End(End::Gone),
            (_, true) => Self::End(End::Fault(fault)),
            (_, false) => Self::Fault(fault),
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<End> for Trouble {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}
