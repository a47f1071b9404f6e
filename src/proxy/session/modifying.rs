//! WITH whose parts write rows of several shards: what the query around needs is fetched, the shards run the write once, and
//! one server runs the query over the rows that it returned.

use crate::logic::plan::Access;
use crate::logic::plan::across::{Across, Modified};
use crate::logic::protocol::frame::HEADER;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::Values;
use crate::logic::rows::{Elements, Rows};
use crate::proxy::session::gather::{Bound, Given, write_formats, write_value};
use crate::proxy::session::split::{Input, Stored};
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

impl Session {
    /// A Query over what a write of its WITH returns.
    pub(super) async fn modifying_query(&mut self, modified: &Modified, sql: &str) -> Result<(), Trouble> {
        let mut stored = self.modify(modified, &Input::of_query(sql)).await?;
        stored.give_described(true, &mut self.client.outbox);
        self.say_ready();
        Ok(())
    }

    /// The same for a portal: the rows are the caller's to give.
    pub(super) async fn modifying_portal(
        &mut self,
        modified: &Modified,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<Stored, Trouble> {
        let bind = view::Bind::parse(bind)?;
        self.modify(modified, &Input::of_bind(statement, &bind)).await
    }

    async fn modify(&mut self, modified: &Modified, input: &Input<'_>) -> Result<Stored, Trouble> {
        self.check_columns()?;
        // What stands before it in the pipeline has not written.
        self.sync_servers().await?;
        let own = self.begin_own(Access::Write);
        let result = Box::pin(self.modify_rows(modified, input)).await;
        self.end_own(own, result).await
    }

    async fn modify_rows(&mut self, modified: &Modified, input: &Input<'_>) -> Result<Stored, Trouble> {
        let described = self.describe(input).await?;
        let query = &modified.query;
        self.check_output(&query.gather.parts[query.part..=query.part])?;
        let mut types = described.parameters.as_deref().map(view::parameter_types).unwrap_or_default().to_vec();
        types.resize(types.len().max(usize::from(query.gather.params) * 4), 0);
        let given = Given { parameters: &input.parameters, types: &types, results: input.results };
        let mut places =
            self.places(&query.gather, &Values::Walked { parameters: &input.parameters, types: &types })?;
        places.iter_mut().for_each(|(_, parts)| parts.retain(|part| *part != query.part));
        places.retain(|(_, parts)| !parts.is_empty());
        self.asks_primaries = true;
        let mut fetched = self.fetch_from(&query.gather, given, places, Access::Read, None).await?;
        fetched[query.part] = vec![self.returned(modified, given).await?];
        let index = self.hold_for_rest(&query.gather).await?;
        self.begin_kept(index);
        let is_guarded = self.write_planned(index, &query.gather, given, &fetched, Bound::HIDDEN);
        self.describe_kept(index, given.results);
        write::execute(self.outgoing.buffer());
        self.pipeline.forget();
        self.wrote(index);
        let kept = self.run_final(index, is_guarded, None).await?;
        self.client.outbox.extend_from_slice(&kept.notices);
        let mut stored = Stored::returned("SELECT", kept.rows).counted(kept.charge);
        stored.description = described.descriptions.into_iter().next();
        Ok(stored)
    }

    /// The write is done. Returns the rows that the query wants of it.
    async fn returned(&mut self, modified: &Modified, given: Given<'_>) -> Result<Rows, Trouble> {
        let columns = &modified.query.gather.parts[modified.query.part].columns;
        let count = given.types.len() / 4;
        let statement = self.interned(&modified.query.write, given.types);
        let mut bind = vec![0, 0];
        write_formats(&mut bind, count, |number| super::gather::is_binary(given.parameters, number));
        bind.extend_from_slice(&(count as u16).to_be_bytes());
        for number in 0..count {
            write_value(&mut bind, given.parameters.get(number).and_then(|(_, bytes)| *bytes));
        }
        write_formats(&mut bind, columns.len() + modified.query.others, |column| {
            columns.get(column).is_some_and(|it| it.is_binary)
        });
        let stored = match &modified.write {
            Across::Change(change) => self.change_kept(change, &statement, (&bind, None)).await?,
            Across::Split(split) => self.split_portal(split, &statement, &bind).await?,
            Across::Carry(carry) => self.carry_portal(carry, &statement, &bind).await?,
            Across::Read(_)
            | Across::Once(_)
            | Across::CopyOut(_)
            | Across::Modifying(_)
            | Across::Staged(_)
            | Across::Numbers(_)
            | Across::Everywhere(_)
            | Across::Cursor(_)
            | Across::Explain(_)
            | Across::Signal(_)
            | Across::Refuse(_) => return Err(Fault::Broken("a part of WITH that writes nothing".into()).into()),
        };
        let mut rows = Rows::new(vec![Elements::default(); columns.len().max(1)], 0);
        for frame in stored.frames() {
            rows.count += 1;
            for (elements, field) in rows.columns.iter_mut().zip(view::fields(&frame[HEADER..])?) {
                elements.push(field);
            }
        }
        Ok(rows)
    }
}
