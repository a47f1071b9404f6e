//! Descriptions of a server: which of them the client is told, and which the session wants to know.

use super::{Done, Owed, Pipeline, Shown};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::walk::Verdict;

impl Pipeline {
    /// The session wants to know what the description that comes next says.
    pub(super) fn is_description_wanted(&self, tag: u8) -> bool {
        match self.owed.front() {
            Some(Owed::DescribeStatement(_)) => true,
            Some(Owed::HiddenDescribe) => tag == server::ROW_DESCRIPTION,
            _ => false,
        }
    }

    /// RowDescription, NoData or ParameterDescription; `hidden` is what happens to other answers here.
    pub(super) fn on_description(&mut self, tag: u8, body: &[u8], hidden: Verdict) -> Verdict {
        if tag == server::PARAMETER_DESCRIPTION {
            return match self.owed.front() {
                Some(Owed::DescribeColumns | Owed::DescribeRows) => Verdict::Hide,
                Some(Owed::DescribeStatement(_)) => {
                    self.done.push(Done::Parameters(body.into()));
                    hidden
                }
                _ => hidden,
            };
        }
        let verdict = match self.owed.front() {
            Some(Owed::Share { shown: Shown::Rows, .. }) if tag == server::ROW_DESCRIPTION => return Verdict::Hide,
            Some(Owed::DescribeRows) if tag == server::NO_DATA => Verdict::Hide,
            Some(Owed::DescribeRows) => Verdict::Pass,
            Some(Owed::DescribeStatement(step)) => {
                self.done.push(Done::Described(*step, body.into()));
                hidden
            }
            Some(Owed::HiddenDescribe) => {
                self.columns = Some(body.into());
                hidden
            }
            Some(Owed::Describe | Owed::DescribeColumns) => hidden,
            _ => return hidden,
        };
        self.pop();
        verdict
    }
}
