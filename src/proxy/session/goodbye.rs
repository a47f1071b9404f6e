//! A client that says goodbye while its statement runs. PostgreSQL finds the goodbye when it reads on, and has done by then
//! what it was sent before. So is it done here, if anything of it can be kept; of a read, and of a transaction block that nobody
//! commits, there is nothing but the answer, which nobody hears.

use crate::logic::plan::{Access, Command, Plan, Planned};
use crate::proxy::session::Session;

impl Session {
    /// What was received up to `end` runs next, and does not end a transaction block: does it only ask?
    pub(super) fn heed_goodbye(&mut self, access: Access, end: usize) {
        let only_asks = match self.transaction.is_idle() {
            // What is before it in a pipeline is kept, if it may go on to its Sync.
            true => access == Access::Read && !self.held.iter().any(|held| held.in_pipeline && held.has_written),
            false => !self.is_implicit,
        };
        if only_asks {
            self.client.only_asks_to(end);
        }
    }

    /// The same of the statements of a Query.
    pub(super) fn heed_goodbye_to(&mut self, statements: &[Planned], end: usize) {
        let is_command = |planned: &Planned| match &*planned.plan {
            Plan::Command(command) => !matches!(command, Command::Execute(_)),
            // Its data comes from the client.
            Plan::CopyIn(_) => true,
            Plan::One(_) | Plan::Refuse(_) => false,
        };
        if !statements.iter().any(is_command) {
            let is_read = statements.iter().all(|planned| planned.access() == Access::Read);
            self.heed_goodbye(if is_read { Access::Read } else { Access::Write }, end);
        }
    }
}
