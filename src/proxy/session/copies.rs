//! Writes to a reference table that only one shard may run: the first does, the others are given the rows that came of it.

use crate::logic::fetch;
use crate::logic::plan::Access;
use crate::logic::plan::copies::Once;
use crate::logic::plan::gather::Gather;
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::{view, write};
use crate::logic::route::Values;
use crate::logic::rows::{self, Elements, Rows};
use crate::logic::shards::{ShardId, ShardSet};
use crate::proxy::session::errand::Fetched;
use crate::proxy::session::fanout::{Asked, Run, Shows, tag};
use crate::proxy::session::gather::{Given, final_types, is_binary, write_formats, write_over, write_value};
use crate::proxy::session::split::Stored;
use crate::proxy::session::spread::Spread;
use crate::proxy::session::{Session, Trouble};

/// What the client gets of it.
struct Answer {
    description: Option<Vec<u8>>,
    columns: Vec<Elements>,
    count: u32,
    /// As frames
    notices: Vec<u8>,
}

impl Session {
    /// A Query that one shard runs for all.
    pub(super) async fn once_query(&mut self, once: &Once) -> Result<(), Trouble> {
        let answer = self.once_whole(once, Given::NOTHING).await?;
        let out = &mut self.client.outbox;
        if let Some(description) = answer.description.as_ref().filter(|_| once.returns) {
            write::frame(out, server::ROW_DESCRIPTION, |out| out.extend_from_slice(description));
        }
        self.answer_once(once, &answer);
        self.say_ready();
        Ok(())
    }

    /// How many rows there were is all that is told.
    pub(super) async fn once_count(&mut self, once: &Once) -> Result<u64, Trouble> {
        self.once_whole(once, Given::NOTHING).await.map(|answer| answer.count.into())
    }

    /// Execute of a portal that one shard runs for all.
    pub(super) async fn once_portal(&mut self, once: &Once, types: &[u8], bind: &[u8]) -> Result<(), Trouble> {
        let answer = self.once_bound(once, types, bind).await?;
        self.answer_once(once, &answer);
        Ok(())
    }

    /// The same with rows that are given as they are asked for.
    pub(super) async fn once_kept(&mut self, once: &Once, types: &[u8], bind: &[u8]) -> Result<Stored, Trouble> {
        let answer = self.once_bound(once, types, bind).await?;
        let mut rows = Vec::new();
        rows::write_rows(&mut rows, &answer.columns, answer.count);
        Ok(Stored::returned(once.verb, rows))
    }

    async fn once_bound(&mut self, once: &Once, types: &[u8], bind: &[u8]) -> Result<Answer, Trouble> {
        let bind = view::Bind::parse(bind)?;
        let parameters = bind.parameters();
        let given = Given { parameters: &parameters, types, results: bind.results };
        self.once_whole(once, given).await
    }

    fn answer_once(&mut self, once: &Once, answer: &Answer) {
        let out = &mut self.client.outbox;
        out.extend_from_slice(&answer.notices);
        if once.returns {
            rows::write_rows(out, &answer.columns, answer.count);
        }
        write::command_complete(out, &tag(once.verb, answer.count.into()));
    }

    async fn once_whole(&mut self, once: &Once, given: Given<'_>) -> Result<Answer, Trouble> {
        self.check_unaltered(&once.table)?;
        let own = self.begin_own(Access::Write);
        let result = Box::pin(self.once(once, given)).await;
        self.end_own(own, result).await
    }

    async fn once(&mut self, once: &Once, given: Given<'_>) -> Result<Answer, Trouble> {
        self.isolate(Access::Write).await?;
        self.check_output(&once.then.parts)?;
        let first = ShardId(0);
        let fetched = match &once.over {
            None => None,
            Some(over) => {
                self.check_columns()?;
                let values = Values::Walked { parameters: given.parameters, types: given.types };
                let fetched = self.fetch(&over.gather, given, &values).await?;
                Some((self.read_steadily(&over.gather), fetched))
            }
        };
        let write = |out: &mut Vec<u8>, types: &[u8]| match &fetched {
            None => ask(out, once, Given { types, ..given }),
            Some((gather, fetched)) => ask_over(out, (&**gather, fetched), once, Given { types, ..given }),
        };
        let mut said = self.fetch_one(first, Access::Write, given.types, write).await?;
        let Rows { mut columns, count, .. } = said.parts.pop().unwrap_or_default();
        let ours = columns.split_off(columns.len().saturating_sub(once.columns()));
        let description = said.description.and_then(|body| fetch::without_last(&body, once.columns()));
        if count > 0 {
            let fetched = vec![vec![Rows::new(ours, count)]];
            let others: ShardSet =
                ShardSet::first_of(self.map().shards.len()).iter().filter(|shard| *shard != first).collect();
            let asked = Asked::Over { gather: &once.then, given, fetched: &fetched, is_described: false };
            let run = Run { access: Access::Write, asked, shows: Shows::Nothing, is_locking: false };
            let mut counts = vec![u64::from(count)];
            counts.extend(self.fan_out(run, others).await?);
            self.check_copies(&once.table, &counts)?;
        }
        self.took_on(first, &once.numbers);
        Ok(Answer { description, columns, count, notices: said.notices.unwrap_or_default() })
    }
}

/// Parse, Bind, Describe and Execute of what the first shard runs.
fn ask(out: &mut Vec<u8>, once: &Once, given: Given<'_>) {
    let params = usize::from(once.params);
    let types: Vec<u8> = (0..params).flat_map(|number| view::type_at(given.types, number).to_be_bytes()).collect();
    write::parse(out, b"", once.text.as_bytes(), &types);
    write::frame(out, client::BIND, |out| {
        out.extend_from_slice(&[0, 0]);
        write_formats(out, params, |number| is_binary(given.parameters, number));
        out.extend_from_slice(&(params as u16).to_be_bytes());
        for number in 0..params {
            write_value(out, given.parameters.get(number).and_then(|(_, bytes)| *bytes));
        }
        write_results(out, given.results, once);
    });
    write::describe_portal(out);
    write::execute(out);
}

/// The same over rows that were fetched.
fn ask_over(out: &mut Vec<u8>, (gather, fetched): (&Gather, &Fetched), once: &Once, given: Given<'_>) {
    let spread = Spread::of(gather, fetched);
    write::parse(out, b"", spread.text.as_bytes(), &final_types(gather, given.types, &spread));
    write_over(out, b"", gather, given, &spread, |out| write_results(out, given.results, once));
    write::describe_portal(out);
    write::execute(out);
}

/// The client's format codes, and those of our columns. Where it is not known how many the client's are, one code for all
/// serves for ours too: they are text, whose bytes are the same in both formats.
fn write_results(out: &mut Vec<u8>, results: &[u8], once: &Once) {
    let codes = results.get(2..).unwrap_or_default();
    let own: Vec<u8> = match (codes.len() / 2, once.asked) {
        (0 | 1, None) => return out.extend_from_slice(results),
        (0, Some(asked)) => vec![0; asked * 2],
        (1, Some(asked)) => codes.repeat(asked),
        (_, _) => codes.to_vec(),
    };
    let ours = once.then.parts.iter().flat_map(|part| &part.columns);
    out.extend_from_slice(&((own.len() / 2 + once.columns()) as u16).to_be_bytes());
    out.extend_from_slice(&own);
    ours.for_each(|column| out.extend_from_slice(&[0, u8::from(column.is_binary)]));
}
