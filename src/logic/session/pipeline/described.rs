//! Descriptions of a server: which of them the client is told, and which the session wants to know.

use super::{Done, Owed, Pipeline, Shown};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::view;
use crate::logic::protocol::walk::Verdict;

/// What was told of columns.
#[derive(Debug, Default)]
pub struct Columns {
    /// The body of the RowDescription, empty for NoData
    pub body: Box<[u8]>,
    /// It is not like what was told before: the client hears nothing of the rows
    pub is_torn: bool,
}

impl Columns {
    /// Those that a client was told of.
    pub fn told(body: &[u8]) -> Self {
        Self { body: body.into(), is_torn: false }
    }
}

impl Pipeline {
    /// The session wants to know what the description that comes next says.
    pub(super) fn is_description_wanted(&self, tag: u8) -> bool {
        match self.owed.front() {
            Some(Owed::DescribeStatement(_)) => true,
            Some(
                Owed::HiddenDescribe
                | Owed::DescribeAcross
                | Owed::Share { shown: Shown::Described | Shown::Rows, is_query: true },
            ) => tag == server::ROW_DESCRIPTION,
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
            Some(Owed::Share { shown, is_query }) if tag == server::ROW_DESCRIPTION => {
                let is_first = *shown == Shown::Described;
                if *is_query {
                    self.hold_to_columns(body);
                }
                return if is_first { hidden } else { Verdict::Hide };
            }
            Some(Owed::DescribeRows) if tag == server::NO_DATA => Verdict::Hide,
            Some(Owed::DescribeRows) => Verdict::Pass,
            Some(Owed::DescribeStatement(step)) => {
                self.done.push(Done::Described(*step, body.into()));
                hidden
            }
            Some(Owed::HiddenDescribe) => {
                self.hold_to_columns(body);
                hidden
            }
            Some(Owed::DescribeAcross) => {
                self.columns = Some(Box::new(Columns::told(body)));
                hidden
            }
            Some(Owed::Describe | Owed::DescribeColumns | Owed::SilentDescribe) => hidden,
            _ => return hidden,
        };
        self.pop();
        verdict
    }

    /// The columns of a server, which have to be like those of the one before it, if there was one.
    fn hold_to_columns(&mut self, body: &[u8]) {
        let is_torn = self.columns.as_ref().is_some_and(|known| !view::is_alike(&known.body, body));
        // Its rows are not of the kind that the client was told of.
        self.is_deaf |= is_torn;
        self.columns = Some(Box::new(Columns { body: body.into(), is_torn }));
    }
}
