//! Statements that need rows of several shards: fetches them from all shards at once, then has one server run the
//! statement over them.

use std::borrow::Cow;

use crate::logic::arrays;
use crate::logic::copy::RowFormat;
use crate::logic::fetch::Fetch;
use crate::logic::plan::gather::{self, Gather, Part};
use crate::logic::plan::{Access, Place, Refusal, steady};
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::{self, Destination, Values};
use crate::logic::rows::Rows;
use crate::logic::session::pipeline::{Name, Owed};
use crate::logic::session::texts;
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::Isolation;
use crate::logic::value::Format;
use crate::proxy::metrics::PlanKind;
use crate::proxy::session::errand::{Errand, Fetched};
use crate::proxy::session::servers::Held;
use crate::proxy::session::spread::Spread;
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

/// What the client gave with its statement.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// Format and bytes of each parameter
    pub parameters: &'a [(Format, Option<&'a [u8]>)],
    /// Declared types, as Parse carries them
    pub types: &'a [u8],
    /// The format codes of the results, their number first
    pub results: &'a [u8],
}

impl Given<'_> {
    /// Of a Query.
    pub const NOTHING: Given<'static> = Given { parameters: &[], types: &[], results: &TEXT_RESULTS };
}

/// The client's own statement, whose columns it hears of before an error of the parts.
#[derive(Clone, Copy)]
pub(super) struct Heard<'a> {
    /// Its text
    pub sql: &'a str,
    /// Its rows are those of a COPY
    pub copied: Option<&'a RowFormat>,
}

/// Which shards are asked for which parts.
pub(super) type Places = Vec<(ShardId, Vec<usize>)>;

/// Stands for the type of a parameter that a text does not name.
pub(super) const TEXT_OID: u32 = 25;
/// Results in text.
pub(super) const TEXT_RESULTS: [u8; 2] = [0, 0];

/// How the final statement is bound.
pub(super) struct Bound<'a> {
    /// The name of its portal, for the server
    pub portal: &'a [u8],
    /// The client hears of its columns as EXECUTE has them
    pub is_prepared: bool,
    /// What the Bind is answered with
    pub owed: Owed,
}

impl Bound<'_> {
    /// Without a name, and the client hears nothing of it.
    pub const HIDDEN: Bound<'static> = Bound { portal: b"", is_prepared: false, owed: Owed::HiddenBind };
}

/// What the client is told of a portal besides its rows.
#[derive(Debug, Clone)]
pub(super) struct Portal {
    /// The client's name of the statement
    pub name: Name,
    /// The client wants to know the columns
    pub describes: bool,
}

impl Session {
    /// A Query over several shards; or, if it `stores`, an INSERT of such rows.
    pub(super) async fn gather_query(&mut self, gather: &Gather, stores: bool, sql: &str) -> Result<usize, Trouble> {
        let described = Some(Heard { sql, copied: None }).filter(|_| gather.fails_early);
        // What PostgreSQL says when all is done, and not before an error.
        let late: &[u8] = match (stores, gather.access) {
            (true, _) => &[server::ROW_DESCRIPTION, server::DATA_ROW, server::COMMAND_COMPLETE],
            (false, Access::Write) => &[server::COMMAND_COMPLETE],
            (false, Access::Read) => &[],
        };
        self.gather_whole(gather, Given::NOTHING, &Values::None, (described, late)).await
    }

    /// An EXECUTE over several shards.
    pub(super) async fn gather_bound(&mut self, gather: &Gather, types: &[u8], bind: &[u8]) -> Result<usize, Trouble> {
        let bind = view::Bind::parse(bind)?;
        let parameters = bind.parameters();
        let given = Given { parameters: &parameters, types, results: bind.results };
        let late = &[server::ROW_DESCRIPTION, server::DATA_ROW, server::COMMAND_COMPLETE];
        self.gather_whole(gather, given, &Values::Bind { bind: &bind, types }, (None, late)).await
    }

    /// Returns the place of the server that ran the final statement. An error of the parts comes behind the columns of the
    /// statement `described`; messages of the kinds in `late` do not come before an error.
    async fn gather_whole(
        &mut self,
        gather: &Gather,
        given: Given<'_>,
        values: &Values<'_>,
        (described, late): (Option<Heard<'_>>, &[u8]),
    ) -> Result<usize, Trouble> {
        let begun = self.client.mark();
        let fetched = self.fetch_described(gather, given, values, described).await?;
        let index = self.hold_for_rest(gather).await?;
        self.pipeline.clear();
        self.pipeline.keeps_ready = self.has_ddl;
        self.prepare(index);
        let is_prepared = matches!(values, Values::Bind { .. });
        // An error could have to be found in the client's text.
        self.pipeline.more_follows = true;
        self.write_planned(index, gather, given, &fetched, Bound { is_prepared, ..Bound::HIDDEN });
        drop(fetched);
        self.describe_silently(index, b"", given.results);
        let out = self.outgoing.buffer();
        if !is_prepared {
            write::describe_portal(out);
            self.pipeline.owe(Owed::DescribeRows);
        }
        write::execute(out);
        self.pipeline.owe(Owed::Execute(None));
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::Sync);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        if self.pipeline.failure.is_some() {
            self.client.take_back(begun, self.client.mark(), late);
        }
        if gather.access == Access::Write {
            self.wrote(index);
        }
        self.settle(index);
        Ok(index)
    }

    /// Bind, perhaps Describe, and Execute of a portal over several shards.
    pub(super) async fn gather_direct(
        &mut self,
        gather: &Gather,
        statement: &Statement,
        bind: &[u8],
        portal: &Portal,
    ) -> Result<(), Trouble> {
        let bind = view::Bind::parse(bind)?;
        let parameters = bind.parameters();
        let given = Given { parameters: &parameters, types: &statement.types, results: bind.results };
        let values = Values::Bind { bind: &bind, types: &statement.types };
        let fetched = self.fetch(gather, given, &values).await?;
        let index = self.hold_for_rest(gather).await?;
        self.pipeline.clear();
        self.pipeline.more_follows = true;
        self.prepare(index);
        let owed = Owed::Bind(portal.name.clone());
        self.write_planned(index, gather, given, &fetched, Bound { owed, ..Bound::HIDDEN });
        drop(fetched);
        self.describe_silently(index, b"", given.results);
        let out = self.outgoing.buffer();
        if portal.describes {
            write::describe_portal(out);
            self.pipeline.owe(Owed::DescribeRows);
        }
        write::execute(out);
        self.pipeline.owe(Owed::Execute(None));
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::HiddenSync);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        let has_failed = self.pipeline.failure.is_some();
        if gather.access == Access::Write {
            self.wrote(index);
        }
        self.settle(index);
        if has_failed { Err(Trouble::Told) } else { Ok(()) }
    }

    /// Puts the portal onto a server, in the place of the one that the client bound. Returns its place among those held.
    pub(super) async fn gather_portal(&mut self, gather: &Gather, types: &[u8], bind: &[u8]) -> Result<usize, Trouble> {
        let bind = view::Bind::parse(bind)?;
        let parameters = bind.parameters();
        let given = Given { parameters: &parameters, types, results: bind.results };
        let values = Values::Bind { bind: &bind, types };
        let fetched = self.fetch(gather, given, &values).await?;
        let index = self.hold_for_rest(gather).await?;
        self.pipeline.clear();
        if !self.held[index].in_pipeline || !self.transaction.is_idle() {
            self.prepare(index);
        }
        if !bind.portal.is_empty() {
            write::on_portal(self.outgoing.buffer(), client::CLOSE, bind.portal);
            self.pipeline.owe(Owed::HiddenClose);
        }
        self.write_planned(index, gather, given, &fetched, Bound { portal: bind.portal, ..Bound::HIDDEN });
        self.flush_to(index).await?;
        if gather.access == Access::Write {
            self.wrote(index);
        }
        Ok(index)
    }

    /// Describe of a portal before its rows are asked for, where these may name types by numbers that the client does not
    /// know: the walk over them has to be told.
    pub(super) fn describe_silently(&mut self, index: usize, portal: &[u8], results: &[u8]) {
        if self.must_describe(index, results) {
            write::on_portal(self.outgoing.buffer(), client::DESCRIBE, portal);
            self.pipeline.owe(Owed::SilentDescribe);
        }
    }

    /// The same of the unnamed portal, where answers are kept.
    pub(super) fn describe_kept(&mut self, index: usize, results: &[u8]) {
        if self.must_describe(index, results) {
            write::describe_portal(self.outgoing.buffer());
        }
    }

    fn must_describe(&self, index: usize, results: &[u8]) -> bool {
        self.held[index].lease.walk.oids.is_some() && view::has_binary(results)
    }

    /// The server that runs the final statement: where it has to, else one that is there already.
    pub(super) async fn hold_for_rest(&mut self, gather: &Gather) -> Result<usize, Trouble> {
        let destination = match route::destination(&gather.home, &Values::None, self.map())? {
            Destination::Any if !self.held.iter().any(Held::is_engaged) => {
                self.held.last().map_or(Destination::Any, |held| Destination::Shard(held.shard))
            }
            certain @ (Destination::Any | Destination::First | Destination::Current | Destination::Shard(_)) => certain,
        };
        let target = self.target(destination, gather.access)?;
        if gather.is_bound {
            self.check_temporary(target.shard)?;
        }
        self.metrics.statement(Some((target.shard, target.role)), PlanKind::Gather);
        Ok(self.hold(target).await?)
    }

    /// Parse and Bind of the final statement.
    pub(super) fn write_final(
        &mut self,
        index: usize,
        gather: &Gather,
        given: Given<'_>,
        fetched: &Fetched,
        Bound { portal, is_prepared, owed }: Bound<'_>,
    ) {
        let gather = &*self.read_steadily(gather);
        let out = self.outgoing.buffer();
        let spread = Spread::of(gather, fetched);
        let declared = self.held[index].types(given.types);
        write::parse(out, b"", spread.text.as_bytes(), &final_types(gather, &declared, &spread));
        if is_prepared {
            write::on_statement(out, client::DESCRIBE, b"");
        }
        write_over(out, portal, gather, given, &spread, |out| out.extend_from_slice(given.results));
        self.pipeline.owe(Owed::FinalParse { groups_as_tables: gather.groups_as_tables });
        if is_prepared {
            self.pipeline.owe(Owed::DescribeRows);
        }
        self.pipeline.owe(owed);
        self.held[index].lease.unnamed = None;
    }

    /// Fetches the rows of all parts, from all shards at once.
    pub(super) async fn fetch(
        &mut self,
        gather: &Gather,
        given: Given<'_>,
        values: &Values<'_>,
    ) -> Result<Fetched, Trouble> {
        self.fetch_described(gather, given, values, None).await
    }

    async fn fetch_described(
        &mut self,
        gather: &Gather,
        given: Given<'_>,
        values: &Values<'_>,
        described: Option<Heard<'_>>,
    ) -> Result<Fetched, Trouble> {
        // What is stored is made of rows that nobody has changed since.
        self.asks_primaries |= gather.access == Access::Write;
        let places = self.places(gather, values)?;
        self.fetch_from(gather, given, places, Access::Read, described).await
    }

    /// The shards that have the rows of each part.
    pub(super) fn places(&self, gather: &Gather, values: &Values<'_>) -> Result<Places, Refusal> {
        let mut places: Places = Vec::new();
        let is_copy = |part: &Part| part.requirement.place == Place::Copies;
        for (number, part) in gather.parts.iter().enumerate() {
            for shard in route::shards(&part.requirement, values, self.map())?.iter() {
                match places.iter_mut().find(|(it, _)| *it == shard) {
                    Some((_, parts)) => parts.push(number),
                    None => places.push((shard, vec![number])),
                }
            }
        }
        // Where rows are asked for anyway, so that one snapshot shows both.
        let copies = (0..gather.parts.len()).filter(|number| is_copy(&gather.parts[*number]));
        let any = self.any_shard();
        let at = places.iter().position(|(shard, _)| *shard == any).unwrap_or(0);
        match places.get_mut(at) {
            Some((_, parts)) => parts.extend(copies),
            None if gather.parts.iter().any(is_copy) => {
                places.push((self.target(Destination::Any, Access::Read)?.shard, copies.collect()));
            }
            None => (),
        }
        Ok(places)
    }

    /// Asks each of these shards for its parts, all at once.
    pub(super) async fn fetch_from(
        &mut self,
        gather: &Gather,
        given: Given<'_>,
        mut places: Places,
        access: Access,
        described: Option<Heard<'_>>,
    ) -> Result<Fetched, Trouble> {
        self.isolate(access).await?;
        // Always in one order, so that two sessions cannot wait for each other's servers.
        places.sort_unstable_by_key(|(shard, _)| *shard);
        let mut errands = self.errands_for(gather, given, &places, access, described).await?;
        if !self.run_reads(&mut errands).await? {
            self.asks_primaries = true;
            let again = self.errands_for(gather, given, &places, access, described).await;
            errands = again?;
            self.run_errands(&mut errands).await?;
        }
        check_alike(&errands, &gather.parts)?;
        let mut fetched: Fetched = vec![Vec::new(); gather.parts.len()];
        for errand in errands {
            for (number, rows) in errand.fetch.aside.into_iter().flatten() {
                fetched[errand.parts[number]].push(rows);
            }
            for (number, rows) in errand.parts.into_iter().zip(errand.fetch.parts) {
                fetched[number].push(rows);
            }
        }
        Ok(fetched)
    }

    async fn errands_for(
        &mut self,
        gather: &Gather,
        given: Given<'_>,
        places: &Places,
        access: Access,
        mut described: Option<Heard<'_>>,
    ) -> Result<Vec<Errand>, Trouble> {
        // Otherwise each statement has its own snapshot, and a commit may come between two of them.
        let needs_one_statement = access == Access::Read && self.isolation() == Isolation::ReadCommitted;
        let is_steady = self.check_output(&gather.parts).is_ok();
        let mut errands = Vec::with_capacity(places.len());
        for (shard, parts) in places {
            let asked: Vec<&Part> = parts.iter().map(|number| &gather.parts[*number]).collect();
            let together = (needs_one_statement && asked.len() > 1).then(|| gather::together(&asked)).flatten();
            let widths: Vec<usize> = asked.iter().map(|part| part.columns.len()).collect();
            let described = described.take();
            let write = |out: &mut Vec<u8>, types: &[u8]| {
                if let Some(Heard { sql, .. }) = described {
                    write::parse(out, b"", sql.as_bytes(), &[]);
                    write::frame(out, client::DESCRIBE, |out| out.extend_from_slice(b"S\0"));
                }
                let one = |part: &Part| match is_steady || part.columns.iter().all(|it| !it.depends_on_settings) {
                    true => ask(out, part, Given { types, ..given }),
                    false => ask(out, &steady::printed(part), Given { types, ..given }),
                };
                together.as_ref().map_or_else(|| asked.clone(), |together| vec![together]).into_iter().for_each(one);
            };
            let fetch = |hidden, is_synced| Fetch::new(hidden, widths.into_iter(), is_synced);
            let mut errand = self.errand(*shard, access, PlanKind::Gather, given.types, write, fetch).await?;
            errand.fetch.is_together = together.is_some();
            errand.fetch.are_parts_described = true;
            // Who has them moved counts them by shard.
            errand.fetch.aside = (access == Access::Read).then(Vec::new);
            errand.fetch.describes = described.is_some();
            errand.fetch.copied = described.and_then(|heard| heard.copied.cloned());
            errand.views.clone_from(&gather.views);
            errands.push(Errand { parts: parts.clone(), ..errand });
        }
        Ok(errands)
    }

    /// Values that travel as text must come out as they went in.
    pub(super) fn check_output(&self, parts: &[Part]) -> Result<(), Refusal> {
        let columns = || parts.iter().flat_map(|part| &part.columns);
        if columns().any(|column| column.depends_on_settings) {
            self.check_texts()
        } else if columns().any(|column| !column.is_binary) {
            self.check_settings(texts::ELEMENTS)
        } else {
            Ok(())
        }
    }

    /// The final statement, where the texts of its parts would be read as something else under the settings of the session.
    pub(super) fn read_steadily<'g>(&self, gather: &'g Gather) -> Cow<'g, Gather> {
        match self.check_output(&gather.parts) {
            Ok(()) => Cow::Borrowed(gather),
            Err(_) => Cow::Owned(steady::read(gather)),
        }
    }

    /// The same, where it is known that the text of some depends on settings.
    pub(super) fn check_texts(&self) -> Result<(), Refusal> {
        self.check_settings(texts::VALUES)
    }

    fn check_settings(&self, usual: texts::Usual) -> Result<(), Refusal> {
        let greeting = &self.picture().database.greeting;
        let greeted = |name: &str| greeting.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let value_of = |name: &str| self.settings.get(name).or(greeted(name).map(|(_, value)| &**value));
        match texts::changed(usual, value_of) {
            Some(name) => Err(Refusal::text_depends(name)),
            None => Ok(()),
        }
    }

    /// EXPLAIN of the final statement. With ANALYZE the rows of its parts are fetched for it.
    pub(super) async fn explain_final(
        &mut self,
        index: usize,
        gather: &Gather,
        head: &str,
        given: Given<'_>,
        fetched: &Fetched,
    ) -> Result<Vec<Rows>, Trouble> {
        self.pipeline.clear();
        self.prepare(index);
        let hidden = self.pipeline.entered() as usize;
        let text = format!("{head} {}", gather.text).into();
        let guarded = self.guard(fetched);
        self.write_final(index, &Gather { text, ..gather.clone() }, given, fetched, Bound::HIDDEN);
        write::execute(self.outgoing.buffer());
        self.unguard(guarded);
        self.pipeline.forget();
        write::bare(self.outgoing.buffer(), client::SYNC);
        let mut fetch = Fetch::new(hidden, std::iter::once(1), true);
        fetch.has_asides = guarded.is_there();
        let outgoing = std::mem::take(&mut self.outgoing);
        let mut errands = [Errand {
            index,
            parts: Vec::new(),
            outgoing,
            fetch,
            lost: None,
            is_final: !gather.groups_as_tables,
            views: Vec::new(),
        }];
        self.run_errands(&mut errands).await?;
        let [errand] = errands;
        Ok(errand.fetch.parts)
    }
}

/// Parse, Bind and Execute of one part.
fn ask(out: &mut Vec<u8>, part: &Part, given: Given<'_>) {
    let highest = usize::from(part.params.last().copied().unwrap_or_default());
    let is_used = |number: usize| part.params.binary_search(&(number as u16 + 1)).is_ok();
    let mut types = Vec::with_capacity(highest * 4);
    for number in 0..highest {
        // One that the part does not name has no type to be found.
        let oid = if is_used(number) { view::type_at(given.types, number) } else { TEXT_OID };
        types.extend_from_slice(&oid.to_be_bytes());
    }
    write::parse(out, b"", part.text.as_bytes(), &types);
    write::frame(out, client::BIND, |out| {
        out.extend_from_slice(&[0, 0]);
        write_formats(out, highest, |number| is_used(number) && is_binary(given.parameters, number));
        out.extend_from_slice(&(highest as u16).to_be_bytes());
        for number in 0..highest {
            let value = given.parameters.get(number).and_then(|(_, bytes)| *bytes);
            write_value(out, value.filter(|_| is_used(number)));
        }
        write_formats(out, part.columns.len(), |column| part.columns[column].is_binary);
    });
    write::describe_portal(out);
    write::execute(out);
}

/// Rows of a part are alike on all shards, and of the types that they are read as, unless a change of the schema is under way,
/// or was made where we have not seen it yet.
fn check_alike(errands: &[Errand], all: &[Part]) -> Result<(), Fault> {
    let mut known: Vec<(&[usize], &[u8])> = Vec::new();
    for errand in errands {
        let width = if errand.fetch.is_together { errand.parts.len().max(1) } else { 1 };
        for (parts, told) in errand.parts.chunks(width).zip(&errand.fetch.descriptions) {
            match known.iter().find(|(of, _)| *of == parts) {
                Some((_, first)) if !view::is_alike(first, told) => return Err(Fault::Torn),
                Some(_) => (),
                None if width == 1 && !parts.iter().all(|part| is_as_planned(&all[*part], told)) => {
                    return Err(Fault::Torn);
                }
                None => known.push((parts, told)),
            }
        }
    }
    Ok(())
}

/// What travels in binary is of the type that its array has.
fn is_as_planned(part: &Part, told: &[u8]) -> bool {
    let mut columns = part.columns.iter().zip(view::kinds(told));
    columns.all(|(column, kind)| !column.is_binary || kind == column.element)
}

/// The types of the parameters of a final statement: the client's, then those of its arrays.
pub(super) fn final_types(gather: &Gather, declared: &[u8], spread: &Spread<'_>) -> Vec<u8> {
    let arrays = spread.arrays.iter().map(|(transfer, ..)| transfer.array);
    let own = (0..usize::from(gather.params))
        .map(|number| if is_absent(gather, number) { TEXT_OID } else { view::type_at(declared, number) });
    own.chain(arrays).flat_map(u32::to_be_bytes).collect()
}

/// Bind of a final statement. `results` writes the format codes of what it returns.
pub(super) fn write_over(
    out: &mut Vec<u8>,
    portal: &[u8],
    gather: &Gather,
    given: Given<'_>,
    spread: &Spread<'_>,
    results: impl FnOnce(&mut Vec<u8>),
) {
    write::frame(out, client::BIND, |out| {
        out.extend_from_slice(portal);
        out.extend_from_slice(&[0, 0]);
        let count = usize::from(gather.params) + spread.arrays.len();
        write_formats(out, count, |number| match number.checked_sub(usize::from(gather.params)) {
            Some(_) => true,
            None => !is_absent(gather, number) && is_binary(given.parameters, number),
        });
        out.extend_from_slice(&(count as u16).to_be_bytes());
        for number in 0..usize::from(gather.params) {
            let value = given.parameters.get(number).and_then(|(_, bytes)| *bytes);
            write_value(out, value.filter(|_| !is_absent(gather, number)));
        }
        for (transfer, column, rows) in &spread.arrays {
            let pieces = rows.iter().map(|rows| (&rows.columns[*column], rows.count));
            arrays::write_array(out, transfer.element, pieces);
        }
        results(out);
    });
}

/// The final statement does not name this parameter (counted from 0).
fn is_absent(gather: &Gather, number: usize) -> bool {
    gather.absent.iter().any(|absent| usize::from(*absent) == number + 1)
}

pub(super) fn is_binary(parameters: &[(Format, Option<&[u8]>)], number: usize) -> bool {
    parameters.get(number).is_some_and(|(format, _)| *format == Format::Binary)
}

pub(super) fn write_formats(out: &mut Vec<u8>, count: usize, is_binary: impl Fn(usize) -> bool) {
    out.extend_from_slice(&(count as u16).to_be_bytes());
    for number in 0..count {
        out.extend_from_slice(&[0, u8::from(is_binary(number))]);
    }
}

pub(super) fn write_value(out: &mut Vec<u8>, value: Option<&[u8]>) {
    out.extend_from_slice(&value.map_or(-1, |value| value.len() as i32).to_be_bytes());
    out.extend_from_slice(value.unwrap_or_default());
}
