//! COPY TO STDOUT of rows of several shards.

use crate::logic::copy::RowFormat;
use crate::logic::plan::copy_out::CopyOut;
use crate::logic::plan::gather::Gather;
use crate::logic::plan::{Access, Refusal};
use crate::logic::protocol::frame::{HEADER, server};
use crate::logic::protocol::{view, write};
use crate::logic::route::Values;
use crate::proxy::session::gather::{Bound, Given, Heard, TEXT_RESULTS};
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

/// Data that waits for the client: then it is its turn.
const OUTBOX_MAX: usize = 32 << 10;
/// All results in binary.
const BINARY_RESULTS: [u8; 4] = [0, 1, 0, 1];

impl Session {
    /// A Query.
    pub(super) async fn copy_out_query(&mut self, out: &CopyOut, sql: &str) -> Result<(), Trouble> {
        match out {
            CopyOut::Pieces { fanout, format } => self.copy_pieces(fanout, *format, sql).await,
            CopyOut::Answer { query, gather, format } => {
                self.copy_answer(query, gather, format).await?;
                self.say_ready();
                Ok(())
            }
        }
    }

    /// Execute of a portal.
    pub(super) async fn copy_out_portal(
        &mut self,
        out: &CopyOut,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<(), Trouble> {
        match out {
            CopyOut::Pieces { fanout, format } => self.copy_pieces_of_portal(fanout, *format, statement, bind).await,
            CopyOut::Answer { query, gather, format } => {
                if self.transaction.is_idle() {
                    self.sync_servers().await?;
                }
                self.copy_answer(query, gather, format).await
            }
        }
    }

    /// The query is answered, its rows are written as COPY writes them.
    async fn copy_answer(&mut self, query: &str, gather: &Gather, format: &RowFormat) -> Result<(), Trouble> {
        self.check_columns()?;
        let results: &[u8] = if format.is_binary() { &BINARY_RESULTS } else { &TEXT_RESULTS };
        let given = Given { parameters: &[], types: &[], results };
        let places = self.places(gather, &Values::None)?;
        let heard = Some(Heard { sql: query, copied: Some(format) }).filter(|_| gather.fails_early);
        let fetched = self.fetch_from(gather, given, places, Access::Read, heard).await?;
        let index = self.hold_for_rest(gather).await?;
        self.begin_kept(index);
        let is_guarded = self.write_planned(index, gather, given, &fetched, Bound::HIDDEN);
        drop(fetched);
        write::describe_portal(self.outgoing.buffer());
        write::execute(self.outgoing.buffer());
        self.pipeline.forget();
        let kept = self.run_final(index, is_guarded, Some(format)).await?;
        let description = kept.descriptions.first().cloned().unwrap_or_default();
        let names = view::column_names(&description)?;
        if format.names_another(&names) {
            return Err(Refusal::copy_out_of_query().into());
        }
        let out = &mut self.client.outbox;
        out.extend_from_slice(&kept.notices);
        let mut data = format.open(&names, out);
        for number in 0..kept.starts.len() {
            let fields = view::fields(&kept.row(number)[HEADER..])?;
            format.row(&names, &fields, &mut data);
            let out = &mut self.client.outbox;
            write::frame(out, server::COPY_DATA, |out| out.append(&mut data));
            if out.len() >= OUTBOX_MAX {
                self.flush().await?;
            }
        }
        let out = &mut self.client.outbox;
        if format.end(&mut data) {
            write::frame(out, server::COPY_DATA, |out| out.append(&mut data));
        }
        write::bare(out, server::COPY_DONE);
        write::command_complete(out, &format!("COPY {}", kept.starts.len()));
        Ok(())
    }
}
