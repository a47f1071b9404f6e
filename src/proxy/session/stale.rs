//! Statements that the client described before the schema changed: a server that prepares one anew must not give it other
//! columns than it was told of. PostgreSQL refuses that too: "cached plan must not change result type".

use std::sync::Arc;

use smallvec::SmallVec;

use crate::logic::protocol::frame::client;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::session::pipeline::{Done, Owed};
use crate::proxy::session::segment::{Segment, Step};
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

impl Session {
    /// What the client was told of the statements that it has described.
    pub(super) fn remember_columns(&mut self, index: usize, segment: &Segment) {
        for done in &self.pipeline.done {
            let Done::Described(step, body) = done else { continue };
            let Some(Step::Describe { name, .. }) = segment.steps.get(*step as usize) else { continue };
            if let Some(named) = self.named.get_mut(&name[..]) {
                named.columns = Some(columns_on(&self.held[index].lease.walk, body));
            }
        }
    }

    /// Before a segment is sent: do its statements have the columns on this server that the client was told? Asks the
    /// server where that is not known, which is rare: after a change of the schema, once for each statement.
    /// `false`: the server had an error to tell instead, and the segment is over.
    pub(super) async fn keeps_columns(
        &mut self,
        index: usize,
        segment: &mut Segment,
        is_sync: bool,
    ) -> Result<bool, Trouble> {
        for (statement, told) in std::mem::take(&mut segment.expected) {
            if self.held[index].lease.prepared.columns(statement.id).is_none() {
                self.ask_columns(index, &statement).await?;
            }
            if self.pipeline.failure.is_some() {
                self.client.consume(segment.size);
                self.after_segment(index, segment, false);
                if is_sync {
                    Box::pin(self.sync_after_error()).await?;
                }
                return Ok(false);
            }
            if self.held[index].lease.prepared.columns(statement.id) != Some(&told) {
                self.client.consume(segment.size);
                self.take_back_all(segment);
                // What was to go ahead of the statement: settings, BEGIN.
                let outcome = self.converse(index, None).await?;
                self.trouble_of(index, outcome)?;
                return Err(Fault::ChangedResult.into());
            }
        }
        Ok(true)
    }

    async fn ask_columns(&mut self, index: usize, statement: &Arc<Statement>) -> Result<(), Trouble> {
        self.ensure(index, statement, true, &mut SmallVec::new());
        write::on_statement(self.outgoing.buffer(), client::DESCRIBE, &statement.server_name());
        self.pipeline.owe(Owed::HiddenDescribe);
        write::bare(self.outgoing.buffer(), client::FLUSH);
        self.held[index].in_pipeline = true;
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        if self.pipeline.failure.is_none() {
            let body = self.pipeline.columns.take().unwrap_or_default();
            let lease = &mut self.held[index].lease;
            let columns = columns_on(&lease.walk, &body);
            lease.prepared.described(statement.id, columns);
            self.pipeline.clear();
        }
        Ok(())
    }
}

/// The columns in a RowDescription of a server, with the client's numbers of types.
fn columns_on(walk: &crate::logic::protocol::walk::Walk, body: &[u8]) -> Arc<[u8]> {
    use crate::logic::protocol::frame::server::ROW_DESCRIPTION;
    let mut body = body.to_vec();
    if let Some(oids) = &walk.oids {
        oids.translate(ROW_DESCRIPTION, &mut body);
    }
    view::columns(&body).into()
}
