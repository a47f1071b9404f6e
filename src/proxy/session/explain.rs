//! EXPLAIN of statements over several shards: the way of the statement, then what each server says of its part.

use crate::logic::plan::across::{Across, Explained, Read};
use crate::logic::plan::carry::Carry;
use crate::logic::plan::change::{Change, On, Over};
use crate::logic::plan::copies::Once;
use crate::logic::plan::document::{Document, Said};
use crate::logic::plan::gather::Gather;
use crate::logic::plan::merge::Merge;
use crate::logic::plan::split::Split;
use crate::logic::plan::{Access, Refusal, explain};
use crate::logic::protocol::{view, write};
use crate::logic::route::{self, Destination, Values};
use crate::logic::rows::Rows;
use crate::logic::shards::{ShardId, ShardSet};
use crate::logic::sql::statement::ExplainForm;
use crate::logic::value::Format;
use crate::proxy::session::across::Own;
use crate::proxy::session::gather::{Given, TEXT_OID};
use crate::proxy::session::split::{EXPLAIN, Stored, TEXT_RESULTS, write_bind};
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

/// int8, the type of a number of rows that is wanted.
const INT8: u32 = 20;

/// A parameter of a statement: its type, format and value.
type Parameter<'a> = (u32, Format, Option<&'a [u8]>);

/// A statement that is explained, with what the client gave.
struct Asking<'a> {
    explained: &'a Explained,
    given: Given<'a>,
    values: &'a Values<'a>,
    document: Document,
    transfer: Transfer,
}

impl Session {
    /// EXPLAIN as a Query.
    pub(super) async fn explain_query(&mut self, explained: &Explained) -> Result<(), Trouble> {
        let rows = self.explain_whole(explained, Given::NOTHING, &Values::None).await?;
        self.describe_rows(explained.form);
        self.write_rows(&rows);
        self.say_ready();
        Ok(())
    }

    /// EXPLAIN EXECUTE as a Query.
    pub(super) async fn explain_bound(
        &mut self,
        explained: &Explained,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<(), Trouble> {
        let rows = self.explain_given(explained, statement, bind).await?;
        self.describe_rows(explained.form);
        self.write_rows(&rows);
        self.say_ready();
        Ok(())
    }

    fn describe_rows(&mut self, form: ExplainForm) {
        write::row_description(&mut self.client.outbox, "QUERY PLAN", type_of(form));
    }

    /// The same for a portal, whose columns have been described: its rows are given as they are asked for.
    pub(super) async fn explain_portal(
        &mut self,
        explained: &Explained,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<Stored, Trouble> {
        let mut rows = Vec::new();
        for row in self.explain_given(explained, statement, bind).await? {
            write::data_row_text(&mut rows, &row);
        }
        Ok(Stored::returned(EXPLAIN, rows))
    }

    async fn explain_given(
        &mut self,
        explained: &Explained,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<Vec<String>, Trouble> {
        let bind = view::Bind::parse(bind)?;
        let parameters = bind.parameters();
        let given = Given { parameters: &parameters, types: &statement.types, results: &TEXT_RESULTS };
        let values = Values::Bind { bind: &bind, types: &statement.types };
        self.explain_whole(explained, given, &values).await
    }

    fn write_rows(&mut self, rows: &[String]) {
        for row in rows {
            write::data_row_text(&mut self.client.outbox, row);
        }
        write::command_complete(&mut self.client.outbox, "EXPLAIN");
    }

    /// With ANALYZE a write runs, as a transaction of its own where it would.
    async fn explain_whole(
        &mut self,
        explained: &Explained,
        given: Given<'_>,
        values: &Values<'_>,
    ) -> Result<Vec<String>, Trouble> {
        self.check_columns()?;
        self.isolate(Access::Read).await?;
        let own = match (explained.is_analyze, &*explained.inner) {
            (true, Across::Change(_)) => self.begin_own(Access::Write),
            (true | false, _) => Own::No,
        };
        let way = explain::across(&explained.inner, self.map());
        let way = way.trim_start_matches("=> ").lines().map(|line| line.trim_end().to_owned()).collect();
        let document = Document { way, ..Document::default() };
        let mut asking = Asking { explained, given, values, document, transfer: Transfer::default() };
        let result = self.explain_parts(&mut asking).await;
        self.end_own(own, result).await?;
        let Asking { mut document, transfer, .. } = asking;
        document.transfer = transfer.line();
        Ok(document.rows(explained.form))
    }

    async fn explain_parts(&mut self, asking: &mut Asking<'_>) -> Result<(), Trouble> {
        let explained = asking.explained;
        match &*explained.inner {
            Across::Read(Read { fanout: Some(fanout), .. }) => {
                let shards = route::shards(&fanout.requirement, asking.values, self.map())?;
                self.explain_text(asking, shards, fanout.access, &explained.text).await
            }
            Across::Read(Read { merge: Some(merge), .. }) => self.explain_merge(asking, merge).await,
            Across::Read(Read { gather: Ok(gather), .. }) => self.explain_gather(asking, gather).await,
            Across::Read(Read { gather: Err(refusal), .. }) | Across::Refuse(refusal) => Err(refusal.clone().into()),
            Across::Change(change) => self.explain_change(asking, change).await,
            Across::Once(Once { over: Some(over), .. }) => {
                self.explain_over(asking, over, ShardSet::of(ShardId(0))).await
            }
            Across::Once(_) => self.explain_text(asking, ShardSet::of(ShardId(0)), Access::Read, &explained.text).await,
            Across::Split(split) => self.explain_split(asking, split).await,
            Across::Carry(carry) => self.explain_carry(asking, carry).await,
            Across::CopyOut(_)
            | Across::Everywhere(_)
            | Across::Cursor(_)
            | Across::Explain(_)
            | Across::Modifying(_)
            | Across::Staged(_)
            | Across::Numbers(_)
            | Across::Signal(_) => Err(Refusal::across("EXPLAIN of such a statement").into()),
        }
    }

    /// The statement as it is, with all its parameters.
    async fn explain_text(
        &mut self,
        asking: &mut Asking<'_>,
        shards: ShardSet,
        access: Access,
        text: &str,
    ) -> Result<(), Trouble> {
        let given = asking.given;
        let parameters: Vec<Parameter<'_>> = (0..given.parameters.len()).map(|it| parameter(given, it)).collect();
        for shard in shards.iter() {
            self.explain_on(asking, shard, access, text, &parameters).await?;
        }
        Ok(())
    }

    async fn explain_merge(&mut self, asking: &mut Asking<'_>, merge: &Merge) -> Result<(), Trouble> {
        let rows = |bound| route::rows(bound, asking.values).flatten();
        let take = merge.limit.as_ref().and_then(rows);
        let skip = merge.offset.as_ref().and_then(rows).unwrap_or_default();
        let wanted = take.and_then(|take| i64::try_from(take.saturating_add(skip)).ok()).map(i64::to_be_bytes);
        let own = if merge.is_limited() { usize::from(merge.params_max()) } else { highest(&merge.params) };
        let mut parameters = named(asking.given, &merge.params, own);
        if merge.is_limited() {
            parameters.push((INT8, Format::Binary, wanted.as_ref().map(<[u8; 8]>::as_slice)));
        }
        let shards = route::shards(&merge.requirement, asking.values, self.map())?;
        for shard in shards.iter() {
            let first = self.explain_on(asking, shard, merge.access, &merge.text, &parameters).await?;
            asking.transfer.add(&first);
        }
        Ok(())
    }

    /// What is fetched.
    async fn explain_fetched(&mut self, asking: &mut Asking<'_>, gather: &Gather) -> Result<(), Trouble> {
        let mut places = self.places(gather, asking.values)?;
        places.sort_unstable_by_key(|(shard, _)| *shard);
        for (number, part) in gather.parts.iter().enumerate() {
            let parameters = named(asking.given, &part.params, highest(&part.params));
            for (shard, _) in places.iter().filter(|(_, parts)| parts.contains(&number)) {
                let first = self.explain_on(asking, *shard, Access::Read, &part.text, &parameters).await?;
                asking.transfer.add(&first);
            }
        }
        Ok(())
    }

    async fn explain_gather(&mut self, asking: &mut Asking<'_>, gather: &Gather) -> Result<(), Trouble> {
        self.explain_fetched(asking, gather).await?;
        let Explained { head, is_analyze, .. } = asking.explained;
        let fetched = match is_analyze {
            true => self.fetch(gather, asking.given, asking.values).await?,
            false => vec![Vec::new(); gather.parts.len()],
        };
        let index = self.hold_for_rest(gather).await?;
        let rows = self.explain_final(index, gather, head, asking.given, &fetched).await?;
        asking.document.then = Some(lines_of(&rows).collect());
        Ok(())
    }

    async fn explain_change(&mut self, asking: &mut Asking<'_>, change: &Change) -> Result<(), Trouble> {
        let shards = match &change.on {
            On::Rows(rows) | On::Moves(rows, _) => route::shards(rows, asking.values, self.map())?,
            On::Copies => ShardSet::first_of(self.map().shards.len()),
        };
        let Some(over) = &change.over else {
            let access = if asking.explained.is_analyze { Access::Write } else { Access::Read };
            return self.explain_text(asking, shards, access, &asking.explained.text).await;
        };
        self.explain_over(asking, over, shards).await
    }

    /// A write over rows that are fetched first.
    async fn explain_over(&mut self, asking: &mut Asking<'_>, over: &Over, shards: ShardSet) -> Result<(), Trouble> {
        self.explain_fetched(asking, &over.gather).await?;
        let fetched = vec![Vec::new(); over.gather.parts.len()];
        for shard in shards.iter() {
            let target = self.target(Destination::Shard(shard), Access::Read)?;
            let index = self.hold(target).await?;
            let rows = self.explain_final(index, &over.gather, &asking.explained.head, asking.given, &fetched).await?;
            let statement = over.gather.text.clone();
            let said = Said { shard: self.shard_name(shard).into(), statement, lines: lines_of(&rows).collect() };
            asking.document.shards.push(said);
        }
        Ok(())
    }

    /// An INSERT of rows for several shards. What a server would have to compute first is not computed for EXPLAIN: it may
    /// be the next number of a sequence. Then a server says only whether the statement is right.
    async fn explain_split(&mut self, asking: &mut Asking<'_>, split: &Split) -> Result<(), Trouble> {
        let given = asking.given;
        let shard = ShardId(0);
        if !split.asked.is_empty() {
            let text = asking.explained.text.clone();
            return self.explain_text(asking, ShardSet::of(shard), Access::Read, &text).await;
        }
        for share in self.shares_of(split, &split.requirement, asking.values)? {
            let at = |number: &u16| parameter(given, usize::from(*number).wrapping_sub(1));
            let parameters: Vec<Parameter<'_>> = share.statement.params.iter().map(at).collect();
            self.explain_on(asking, share.shard, Access::Read, &share.statement.text, &parameters).await?;
        }
        Ok(())
    }

    /// An INSERT of the rows of a query: how they are come by.
    async fn explain_carry(&mut self, asking: &mut Asking<'_>, carry: &Carry) -> Result<(), Trouble> {
        match (self.destination(&carry.origin.one, asking.values), &carry.origin.gather) {
            (Ok(destination), _) => {
                let target = self.target(destination, Access::Read)?;
                let text = carry.origin.text.clone();
                self.explain_text(asking, ShardSet::of(target.shard), Access::Read, &text).await
            }
            (Err(_), Ok(gather)) => self.explain_gather(asking, gather).await,
            (Err(_), Err(refusal)) => Err(refusal.clone().into()),
        }
    }

    /// What a shard says of a text. Returns its first line.
    async fn explain_on(
        &mut self,
        asking: &mut Asking<'_>,
        shard: ShardId,
        access: Access,
        text: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<String>, Trouble> {
        let target = self.target(Destination::Shard(shard), access)?;
        let index = self.hold(target).await?;
        if access == Access::Write {
            self.wrote(index);
        }
        let types: Vec<u8> = parameters.iter().flat_map(|(oid, ..)| oid.to_be_bytes()).collect();
        let types = self.held[index].types(&types).into_owned();
        let given: Vec<_> = parameters.iter().map(|(_, format, value)| (*format, *value)).collect();
        let rows = self.fetch_rows(index, &[1], |out| {
            write::parse(out, b"", format!("{} {text}", asking.explained.head).as_bytes(), &types);
            write_bind(out, &given, &TEXT_RESULTS);
            write::execute(out);
        });
        let rows = rows.await?;
        let (shard, statement) = (self.shard_name(shard).into(), text.into());
        asking.document.shards.push(Said { shard, statement, lines: lines_of(&rows).collect() });
        Ok(lines_of(&rows).take(1).collect())
    }
}

/// The parameters up to this one; those that the text does not name have no type to be found.
fn named<'a>(given: Given<'a>, params: &[u16], count: usize) -> Vec<Parameter<'a>> {
    let is_used = |number: usize| u16::try_from(number + 1).is_ok_and(|it| params.binary_search(&it).is_ok());
    let of = |number| if is_used(number) { parameter(given, number) } else { (TEXT_OID, Format::Text, None) };
    (0..count).map(of).collect()
}

fn parameter(given: Given<'_>, number: usize) -> Parameter<'_> {
    let (format, value) = given.parameters.get(number).copied().unwrap_or((Format::Text, None));
    (view::type_at(given.types, number), format, value)
}

fn highest(params: &[u16]) -> usize {
    usize::from(params.last().copied().unwrap_or_default())
}

/// The type of the answer (ExplainResultDesc of explain.c).
fn type_of(form: ExplainForm) -> u32 {
    match form {
        ExplainForm::Text | ExplainForm::Yaml => 25,
        ExplainForm::Json => 114,
        ExplainForm::Xml => 142,
    }
}
/// The rows of an answer of one text column.
fn lines_of(rows: &[Rows]) -> impl Iterator<Item = String> {
    let values = rows.iter().flat_map(|rows| rows.columns.iter().flat_map(|column| column.values()));
    values.map(|value| String::from_utf8_lossy(value.unwrap_or_default()).into_owned())
}

/// What the shards estimate to send.
#[derive(Debug, Default)]
struct Transfer {
    rows: u64,
    bytes: u64,
    is_known: bool,
}

impl Transfer {
    /// The first line of a plan ends in `(cost=0.00..1.05 rows=5 width=36)`, unless COSTS is off.
    fn add(&mut self, first: &[String]) {
        for line in first {
            let number = |name: &str| {
                let (_, rest) = line.split_once(name)?;
                rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
            };
            if let (Some(rows), Some(width)) = (number(" rows="), number(" width=")) {
                self.rows += rows;
                self.bytes += rows * width;
                self.is_known = true;
            }
        }
    }

    fn line(&self) -> Option<String> {
        self.is_known.then(|| format!("Estimated transfer: {} rows, {} bytes", self.rows, self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transfer_is_what_the_shards_estimate() {
        let mut transfer = Transfer::default();
        assert_eq!(transfer.line(), None);
        transfer.add(&["Seq Scan on events".to_owned()]);
        assert_eq!(transfer.line(), None);
        let line = "Seq Scan on events  (cost=0.00..1.05 rows=5 width=36) (actual time=0.01..0.02 rows=7 loops=1)";
        transfer.add(&[line.to_owned(), line.to_owned()]);
        assert_eq!(transfer.line().as_deref(), Some("Estimated transfer: 10 rows, 360 bytes"));
    }
}
