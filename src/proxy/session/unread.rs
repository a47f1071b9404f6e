//! Queries that a server only parses: those that cannot be read here, and those that PostgreSQL may find wrong before it comes to
//! what is wrong with their values.

use crate::logic::plan::{Access, Mark, Refusal};
use crate::logic::protocol::frame::{HEADER, client};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Owed;
use crate::logic::sql::parse::complaint;
use crate::proxy::metrics::PlanKind;
use crate::proxy::session::simple::Ready;
use crate::proxy::session::{Session, Trouble};

impl Session {
    /// The Query at the front cannot be read here. Where there are several servers it could be answered from one of
    /// them, or store a row where it does not belong, so it is only parsed, also where the session has named a shard:
    /// PostgreSQL says what is wrong with it, in its own words.
    pub(super) async fn send_unread(&mut self, size: usize) -> Result<(), Trouble> {
        if let Err(fault) = self.check_alive() {
            let text = view::query(&self.client.received()[HEADER..size]).unwrap_or_default();
            return Err(complaint(&String::from_utf8_lossy(text)).map_or(fault, no_syntax).into());
        }
        let Some(destination) = self.unread_goes_to() else {
            return self.parse_alone(size, Refusal::unread()).await;
        };
        let mark = Mark { taints: true, ..Mark::default() };
        self.send(&Ready { destination, access: Access::Write, mark: &mark, kind: PlanKind::Unread }, size).await
    }

    /// Where a text goes that cannot be read here: to the only server.
    pub(super) fn unread_goes_to(&self) -> Option<Destination> {
        (self.map().shards.len() == 1).then_some(Destination::Any)
    }

    /// The Query at the front is not run. A server parses it: what PostgreSQL finds then comes before anything that is
    /// wrong with the values.
    pub(super) async fn parse_alone(&mut self, size: usize, refusal: Refusal) -> Result<(), Trouble> {
        let target = self.target(Destination::Any, Access::Write)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.held[index].lease.unnamed = None;
        let body = &self.client.received()[HEADER..size];
        let text = view::query(body).map_err(|_| Fault::Protocol("invalid string in message".into()))?;
        write::parse(self.outgoing.buffer(), b"", text, &[]);
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::TrialParse);
        self.pipeline.owe(Owed::HiddenSync);
        self.metrics.statement(Some((target.shard, target.role)), PlanKind::Unread);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        self.settle(index);
        if self.pipeline.failure.is_some() { Err(Trouble::Told) } else { Err(refusal.into()) }
    }
}

/// What PostgreSQL's grammar has against a text, as an error.
pub(super) fn no_syntax(message: String) -> Fault {
    Fault::Said { sqlstate: "42601", message }
}
