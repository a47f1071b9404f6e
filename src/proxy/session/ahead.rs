//! Pipelines that replicas may answer. A portal lives on to the Sync on the server that has it: what comes before that must not
//! need another one.

use crate::logic::plan::Access;
use crate::logic::protocol::frame::{self, Front, client};
use crate::logic::protocol::view::{Bind, Parse};
use crate::proxy::plans::Shape;
use crate::proxy::session::Session;
use crate::proxy::session::segment::{Cut, Segment};

impl Session {
    /// May replicas answer what the segment at the front reads, outside of transaction blocks? Its portals live on to the
    /// Sync, and what writes meanwhile, or begins a block, is for primaries: so only if nothing up to there does.
    pub(super) fn may_read_ahead(&self, segment: &Segment) -> bool {
        match segment.cut {
            _ if !self.transaction.is_idle() => true,
            Cut::Sync | Cut::Direct(_) | Cut::Trouble(_) => true,
            Cut::Flush | Cut::Act(_) => !segment.needs_transaction,
            Cut::Pause | Cut::Next | Cut::Across(..) | Cut::Executed(_) | Cut::Described(_) => {
                !self.has_replicas()
                    || self.portals.iter().all(|portal| is_read(&portal.shape))
                        && self.only_reads(&self.client.received()[segment.size..])
            }
        }
    }

    fn has_replicas(&self) -> bool {
        self.picture().database.shards.iter().any(|shard| !shard.replicas.is_empty())
    }

    /// These messages end with a Sync, and nothing before it writes.
    fn only_reads(&self, messages: &[u8]) -> bool {
        let mut rest = messages;
        while let Front::Whole(frame) = frame::front(rest) {
            rest = &rest[frame.bytes.len()..];
            let reads = match frame.tag {
                client::SYNC => return true,
                client::DESCRIBE | client::EXECUTE | client::CLOSE => true,
                client::PARSE => Parse::parse(frame.body)
                    .is_ok_and(|parse| std::str::from_utf8(parse.text).is_ok_and(|sql| is_read(&self.shape_of(sql)))),
                // What is parsed among them has been looked at.
                client::BIND => Bind::parse(frame.body).is_ok_and(|bind| {
                    let bound = self.statement(bind.statement);
                    bound.map_or(true, |named| is_read(&named.statement.shape(&self.picture().planner)))
                }),
                _ => false,
            };
            if !reads {
                return false;
            }
        }
        false
    }
}

/// A replica answers it as a primary does.
fn is_read(shape: &Shape) -> bool {
    !shape.is_for_primary && super::only(shape).is_some_and(|planned| planned.access() == Access::Read)
}
