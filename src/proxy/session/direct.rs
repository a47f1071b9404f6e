//! The usual pipeline of one bound statement over several shards: Bind, perhaps Describe, Execute, Sync. The shards that
//! run it say what is wrong with the Bind and describe the rows, so no other server has to be asked first.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::logic::plan::Access;
use crate::logic::plan::across::{Across, Read};
use crate::logic::protocol::frame::{self, Front, client};
use crate::logic::protocol::view::{self, Bind, Target};
use crate::logic::session::pipeline::Name;
use crate::proxy::plans::Shape;
use crate::proxy::session::gather::Portal;
use crate::proxy::session::merge::Merged;
use crate::proxy::session::{AcrossPortal, Run, Session, Trouble};
use crate::proxy::statements::Statement;

/// A bound statement that is run at once.
pub(super) struct Direct {
    statement: Arc<Statement>,
    shape: Arc<Shape>,
    across: Arc<Across>,
    portal: Box<[u8]>,
    bind: Vec<u8>,
    /// The client's name of the statement
    name: Name,
    /// A Describe is among the messages
    describes: bool,
    /// Bytes of its messages, Sync left out
    pub size: usize,
}

impl Session {
    /// Whether such a pipeline stands here, of which this is the Bind, to several shards. Anything unusual about it is
    /// left to those who serve all pipelines.
    pub(super) fn direct(
        &self,
        at: usize,
        bind: &Bind<'_>,
        statement: &Arc<Statement>,
        shape: &Arc<Shape>,
    ) -> Option<Direct> {
        // What stands before it may have been parsed, and no more.
        let is_first = self.run == Run::Between || self.transaction.is_idle() && self.portals.is_empty();
        if !is_first || self.has_ddl || self.held.iter().any(|held| held.in_pipeline) {
            return None;
        }
        self.check_alive().ok()?;
        let mut messages = Messages { bytes: &self.client.received()[at..], at: 0 };
        let body = messages.next(client::BIND)?;
        let mut describes = false;
        if let Some(body) = messages.next(client::DESCRIBE) {
            let Ok(Target::Portal(name)) = view::target(body) else { return None };
            describes = name == bind.portal;
            describes.then_some(())?;
        }
        let executed = view::execute(messages.next(client::EXECUTE)?).ok()?;
        let size = messages.at;
        messages.next(client::SYNC)?;
        if executed != (bind.portal, 0) {
            return None;
        }
        self.check_bent(&statement.text).ok()?;
        let across = statement.across(&self.picture().planner, self.catalog_version()).ok()?;
        self.check_across(&across).ok()?;
        let Across::Read(read) = &*across else { return None };
        let is_suited = match (&read.fanout, &read.gather) {
            (Some(fanout), _) => !fanout.is_locking,
            // A server that knows the statement says so if there are more or fewer parameters.
            // An error of the parts comes behind the columns, which nobody would have described.
            (None, Ok(gather)) => {
                gather.access == Access::Read
                    && bind.parameters().len() == statement.params(gather.params)
                    && !(describes && gather.fails_early)
            }
            (None, Err(_)) => false,
        };
        is_suited.then_some(())?;
        let (portal, name) = (bind.portal.into(), SmallVec::from_slice(bind.statement));
        let (statement, shape, bind) = (Arc::clone(statement), Arc::clone(shape), body.to_vec());
        Some(Direct { statement, shape, across, portal, bind, name, describes, size })
    }

    /// Runs it, and serves its Sync; after an error that is skipped to.
    pub(super) async fn run_direct(&mut self, direct: Direct) -> Result<(), Trouble> {
        let Direct { statement, shape, across, portal, bind, name, describes, size } = direct;
        self.client.consume(size);
        self.run = Run::Pipelining;
        let Across::Read(read) = &*across else { return Ok(()) };
        self.read_direct(read, &statement, &bind, &Portal { name, describes }).await?;
        let since = self.executed;
        let across = AcrossPortal { across, statement, bind, since, told: None, is_done: true, stored: None };
        self.remember_portal(portal, shape, (Some(Box::new(across)), None));
        self.client.consume(frame::HEADER);
        self.run = Run::Between;
        self.say_ready();
        Ok(())
    }

    async fn read_direct(
        &mut self,
        read: &Read,
        statement: &Statement,
        bind: &[u8],
        portal: &Portal,
    ) -> Result<(), Trouble> {
        if let Some(fanout) = &read.fanout {
            return self.fan_out_direct(fanout, statement, bind, portal).await;
        }
        if let Some(merge) = read.merge.as_ref().filter(|merge| merge.is_suited())
            && let Merged::Done(_) = self.merge_portal(merge, statement, bind, Some(portal)).await?
        {
            return Ok(());
        }
        let gather = read.gather.as_ref().map_err(Clone::clone)?;
        self.gather_direct(gather, statement, bind, portal).await
    }
}

/// Messages of the client, one behind the other.
struct Messages<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Messages<'a> {
    /// The body of the next one, if it is of this kind and has come whole.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        match frame::front(&self.bytes[self.at..]) {
            Front::Whole(frame) if frame.tag == tag => {
                self.at += frame.bytes.len();
                Some(frame.body)
            }
            Front::Whole(_) | Front::Partial { .. } | Front::Malformed { .. } => None,
        }
    }
}
