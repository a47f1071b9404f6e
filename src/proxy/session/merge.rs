//! Queries whose rows come sorted from several shards and are merged into one stream. All shards run at once; each reads
//! ahead a little and then waits for its turn, and all wait for a slow client: nothing is kept here.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::logic::fetch::Fetch;
use crate::logic::merge::{Folded, Heads, KeyKind, Ordered, Rows, SortKey, Step};
use crate::logic::plan::Requirement;
use crate::logic::plan::merge::{Bound, Merge};
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::{self, Values};
use crate::logic::shards::{ShardId, ShardSet};
use crate::logic::value::oid;
use crate::proxy::metrics::{Direction, PlanKind};
use crate::proxy::session::errand::{Errand, GivenUp};
use crate::proxy::session::gather::{Given, Portal, TEXT_OID, TEXT_RESULTS, is_binary, write_formats, write_value};
use crate::proxy::session::{End, Session, Trouble};
use crate::proxy::statements::Statement;

/// How a query of several shards was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merged {
    /// Its rows, so many, have been sent
    Done(u64),
    /// Nothing has been sent: PostgreSQL has to order it, or to say what is wrong with its LIMIT
    Unsuited,
    /// Nothing has been sent: replay on a replica was in the way, and the primaries are to be asked
    InTheWay,
}

/// Rows that wait for the client: then it is its turn.
const OUTBOX_MAX: usize = 32 << 10;

/// How far a merge has come.
enum Stage {
    /// No shard has described its rows
    Undescribed,
    /// Rows pass
    Merging(Ordered),
    /// One row of each is taken; what the client is to hear before the one that comes of them
    Folding(Folded, Vec<u8>),
    /// What still comes is of no interest; so many rows were passed on
    Draining(Merged),
}

/// What the client hears before the rows.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// Its Bind has been done
    of_bind: bool,
    /// The columns
    of_rows: bool,
}

/// One query under way.
struct Run<'a> {
    merge: &'a Merge,
    told: Told,
    skip: u64,
    take: Option<u64>,
    stage: Stage,
    /// A shard sent rows that do not fit its description
    is_broken: bool,
    /// The shards describe rows of different kinds
    is_torn: bool,
}

impl Session {
    /// A Query over several shards.
    pub(super) async fn merge_query(&mut self, merge: &Merge) -> Result<Merged, Trouble> {
        let given = Given { parameters: &[], types: &[], results: &TEXT_RESULTS };
        let merged = self.merge(merge, given, &Values::None, Told { of_bind: false, of_rows: true }).await?;
        if let Merged::Done(rows) = merged {
            write::command_complete(&mut self.client.outbox, &format!("SELECT {rows}"));
            self.say_ready();
        }
        Ok(merged)
    }

    /// Execute of a portal over several shards.
    pub(super) async fn merge_portal(
        &mut self,
        merge: &Merge,
        statement: &Statement,
        bind: &[u8],
        portal: Option<&Portal>,
    ) -> Result<Merged, Trouble> {
        let bind = view::Bind::parse(bind)?;
        let parameters = bind.parameters();
        let given = Given { parameters: &parameters, types: &statement.types, results: bind.results };
        let values = Values::Bind { bind: &bind, types: &statement.types };
        let told = Told { of_bind: portal.is_some(), of_rows: portal.is_some_and(|portal| portal.describes) };
        let merged = self.merge(merge, given, &values, told).await?;
        if let Merged::Done(rows) = merged {
            write::command_complete(&mut self.client.outbox, &format!("SELECT {rows}"));
        }
        Ok(merged)
    }

    async fn merge(
        &mut self,
        merge: &Merge,
        given: Given<'_>,
        values: &Values<'_>,
        told: Told,
    ) -> Result<Merged, Trouble> {
        let rows = |bound: &Option<Bound>| match bound {
            Some(bound) => route::rows(bound, values),
            None => Some(None),
        };
        let (Some(take), Some(skip)) = (rows(&merge.limit), rows(&merge.offset)) else { return Ok(Merged::Unsuited) };
        if !has_known_formats(given.results) {
            return Ok(Merged::Unsuited);
        }
        let skip = skip.unwrap_or_default();
        self.isolate(merge.access).await?;
        let shards = self.shards_of(&merge.requirement, values)?;
        let wanted = take.map(|take| take.saturating_add(skip));
        let run = || Run { merge, told, skip, take, stage: Stage::Undescribed, is_broken: false, is_torn: false };
        let mut errands = self.merge_errands(merge, given, wanted, &shards).await?;
        let merged = self.run_merge(&mut errands, run()).await?;
        if merged != Merged::InTheWay {
            return Ok(merged);
        }
        self.asks_primaries = true;
        let again = self.merge_errands(merge, given, wanted, &shards).await;
        self.run_merge(&mut again?, run()).await
    }

    fn shards_of(&self, requirement: &Requirement, values: &Values<'_>) -> Result<ShardSet, Trouble> {
        let shards = route::shards(requirement, values, self.map())?;
        // Some shard has to say that there are no rows.
        Ok(if shards.is_empty() { ShardSet::of(ShardId(0)) } else { shards })
    }

    async fn merge_errands(
        &mut self,
        merge: &Merge,
        given: Given<'_>,
        wanted: Option<u64>,
        shards: &ShardSet,
    ) -> Result<Vec<Errand>, Trouble> {
        let mut errands = Vec::with_capacity(shards.len());
        // Always in one order, so that two sessions cannot wait for each other's servers.
        for shard in shards.iter() {
            let write = |out: &mut Vec<u8>, types: &[u8]| ask(out, merge, Given { types, ..given }, wanted);
            let errand = self.errand(shard, merge.access, PlanKind::Fanout, given.types, write, Fetch::merged);
            let mut errand = errand.await?;
            errand.fetch.oids = self.held[errand.index].lease.walk.oids.clone();
            errands.push(errand);
        }
        Ok(errands)
    }

    /// Sends to all shards and passes their rows on, until all have said everything.
    async fn run_merge(&mut self, errands: &mut [Errand], mut run: Run<'_>) -> Result<Merged, Trouble> {
        let servers = errands.iter().map(|errand| Arc::clone(&self.held[errand.index].lease.cancellable));
        self.slot.set_all(servers.collect());
        let sent: usize = errands.iter().map(|errand| errand.outgoing.len()).sum();
        let mut patience = self.patience();
        let is_gone = std::future::poll_fn(|context| {
            let is_given_up = patience.ends(context);
            loop {
                for errand in errands.iter_mut().filter(|errand| !errand.is_over()) {
                    errand.poll(&mut self.held[errand.index], context);
                }
                let has_failed = run.is_broken || errands.iter().any(Errand::has_failed);
                if has_failed && run.is_untold() && self.replay_is_in_the_way(errands) {
                    run.stage = Stage::Draining(Merged::InTheWay);
                } else if has_failed {
                    run.fail(errands, &mut self.client.outbox);
                }
                let step = run.step(errands, &mut self.client.outbox);
                let is_stopped = has_failed && errands.iter().all(Errand::may_be_stopped);
                if (is_stopped || is_given_up) && !std::mem::replace(&mut patience.is_over, true) {
                    self.cancel_aside();
                }
                match self.poll_merge(errands, step, context) {
                    Poll::Ready(None) => (),
                    Poll::Ready(Some(is_gone)) => return Poll::Ready(is_gone),
                    Poll::Pending if patience.ends_with_client(&self.client, context) => return Poll::Ready(true),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        if is_gone.await {
            self.abandon_errands(errands);
            return Err(End::Gone.into());
        }
        self.quieten(errands, patience.is_over).await;
        self.metrics.bytes(Direction::ServerOut, sent as u64);
        let received: usize = errands.iter().map(|errand| errand.fetch.received).sum();
        self.metrics.bytes(Direction::ServerIn, received as u64);
        if let Stage::Draining(Merged::InTheWay) = run.stage {
            self.turn_away_all(errands);
            return Ok(Merged::InTheWay);
        }
        if self.transaction.is_idle() && run.is_outdated(errands) {
            errands.iter_mut().for_each(|errand| errand.fetch.failure = None);
            run.stage = Stage::Draining(Merged::Unsuited);
        }
        self.end_errands(errands, GivenUp { over: None, deadlock: patience.deadlock })?;
        if run.is_torn {
            return Err(Fault::Torn.into());
        }
        match run.stage {
            Stage::Draining(merged) if !run.is_broken => Ok(merged),
            Stage::Undescribed | Stage::Merging(_) | Stage::Folding(..) | Stage::Draining(_) => {
                Err(Fault::Broken("a shard sent rows that do not fit their description".to_owned()).into())
            }
        }
    }

    /// After a step: `Ready(None)` goes on with the next, `Ready(Some(is the client gone?))` ends it.
    fn poll_merge(&mut self, errands: &[Errand], step: Step, context: &mut Context<'_>) -> Poll<Option<bool>> {
        // As PostgreSQL does, the client is sent what there is once it comes to some size.
        let enough = if step == Step::Row { OUTBOX_MAX } else { OUTBOX_MAX / 4 };
        if self.client.outbox.len() >= enough {
            match self.client.poll_flush(context) {
                Poll::Ready(Ok(())) => (),
                Poll::Ready(Err(_)) => return Poll::Ready(Some(true)),
                Poll::Pending => return Poll::Pending,
            }
        }
        match step {
            Step::Row => Poll::Ready(None),
            Step::Done if errands.iter().all(Errand::is_over) => Poll::Ready(Some(false)),
            Step::Wants | Step::Done => self.client.poll_gone(context).map(|()| Some(true)),
        }
    }
}

impl Run<'_> {
    /// Passes rows on until a shard has to send more, or the client has to take some.
    fn step(&mut self, errands: &mut [Errand], out: &mut Vec<u8>) -> Step {
        if let Stage::Undescribed = self.stage
            && errands.iter().all(|errand| errand.fetch.description.is_some() || errand.is_over())
        {
            self.begin(errands, out);
        }
        match &mut self.stage {
            Stage::Undescribed if errands.iter().all(Errand::is_over) => Step::Done,
            Stage::Undescribed => Step::Wants,
            Stage::Merging(ordered) => loop {
                if out.len() >= OUTBOX_MAX {
                    return Step::Row;
                }
                match ordered.step(errands, out) {
                    Ok(Step::Row) => (),
                    Ok(Step::Done) => {
                        self.stage = Stage::Draining(Merged::Done(ordered.passed));
                        return Step::Row;
                    }
                    Ok(Step::Wants) => return Step::Wants,
                    Err(_) => {
                        self.is_broken = true;
                        return Step::Row;
                    }
                }
            },
            Stage::Folding(folded, head) => match folded.step(errands, head) {
                Ok(Step::Wants | Step::Row) => Step::Wants,
                Ok(Step::Done) => {
                    let merged = if folded.is_out_of_range { Merged::Unsuited } else { Merged::Done(1) };
                    if merged != Merged::Unsuited {
                        out.append(head);
                    }
                    self.stage = Stage::Draining(merged);
                    Step::Row
                }
                Err(_) => {
                    self.is_broken = true;
                    Step::Row
                }
            },
            Stage::Draining(_) => {
                let was_full = errands.iter().any(|errand| errand.fetch.is_full());
                errands.iter_mut().for_each(|errand| errand.fetch.rows().clear());
                if was_full { Step::Row } else { Step::Done }
            }
        }
    }

    /// Once all have described their rows the first description says how these compare, and what the client is told of its
    /// columns.
    fn begin(&mut self, errands: &[Errand], out: &mut Vec<u8>) {
        let mut descriptions = errands.iter().filter_map(|errand| errand.fetch.description.as_deref());
        let Some(description) = descriptions.next() else { return };
        if !descriptions.all(|other| view::is_alike(description, other)) {
            self.is_torn = true;
            self.stage = Stage::Draining(Merged::Done(0));
            return;
        }
        let keys = self.merge.keys.len();
        let described = Described::read(description, keys);
        // The schema may have changed behind our back: then the columns of a star are not those that were counted.
        let is_counted = keys > 0 || !self.merge.folds.is_empty();
        let described = described.filter(|it| !is_counted || it.count == self.merge.columns);
        let Some(described) = described else {
            self.stage = Stage::Draining(Merged::Unsuited);
            return;
        };
        let stage = match &self.merge.folds[..] {
            [] => {
                let kinds =
                    self.merge.keys.iter().zip(&described.types).map(|(key, oid)| Some((*key, key.kind(*oid)?)));
                let keys = kinds.collect::<Option<Vec<(SortKey, KeyKind)>>>();
                let columns = usize::from(described.count);
                keys.map(|keys| Stage::Merging(Ordered::new(keys, columns, errands.len(), self.skip, self.take)))
            }
            folds => {
                let fields = described.fields();
                let columns = folds.iter().zip(fields).map(|(fold, (oid, is_binary))| (*fold, oid, is_binary));
                Folded::new(columns, errands.len()).map(|folded| Stage::Folding(folded, Vec::new()))
            }
        };
        let Some(mut stage) = stage else {
            self.merge.learned.is_unsuited();
            self.stage = Stage::Draining(Merged::Unsuited);
            return;
        };
        match &mut stage {
            Stage::Folding(_, head) => self.tell(&described, head),
            Stage::Undescribed | Stage::Merging(_) | Stage::Draining(_) => self.tell(&described, out),
        }
        self.stage = stage;
    }

    /// What comes before the rows.
    fn tell(&self, described: &Described<'_>, out: &mut Vec<u8>) {
        if self.told.of_bind {
            write::bare(out, server::BIND_COMPLETE);
        }
        if self.told.of_rows {
            write::frame(out, server::ROW_DESCRIPTION, |out| {
                out.extend_from_slice(&described.count.to_be_bytes());
                out.extend_from_slice(described.columns);
            });
        }
    }
}

impl Run<'_> {
    /// The client has heard nothing yet.
    fn is_untold(&self) -> bool {
        matches!(self.stage, Stage::Undescribed | Stage::Folding(..) | Stage::Draining(Merged::InTheWay))
    }

    /// Nothing more is passed on. PostgreSQL too describes the rows before it fails.
    fn fail(&mut self, errands: &[Errand], out: &mut Vec<u8>) {
        if let Stage::Draining(Merged::InTheWay) = self.stage {
            // The primaries will say the same, or will not.
            return;
        }
        if let Stage::Undescribed = self.stage {
            self.begin(errands, out);
        }
        if let Stage::Folding(_, head) = &mut self.stage {
            out.append(head);
        }
        self.stage = Stage::Draining(Merged::Done(0));
    }

    /// The schema has changed behind our back: a star has other columns than were counted, and nothing has been sent.
    fn is_outdated(&self, errands: &[Errand]) -> bool {
        /// protocol_violation (errcodes.txt): "bind message has … result formats but query has … columns"
        const MISCOUNTED: &[u8] = b"08P01";
        let is_miscounted = |errand: &Errand| {
            errand.fetch.failure.as_deref().is_some_and(|body| view::error_field(body, b'C') == Some(MISCOUNTED))
        };
        errands.iter().all(|errand| errand.fetch.status.is_some() && errand.fetch.description.is_none())
            && errands.iter().any(is_miscounted)
    }
}

impl Heads for Errand {
    fn rows(&mut self) -> &mut Rows {
        self.fetch.rows()
    }

    fn has_ended(&self) -> bool {
        self.fetch.has_ended()
    }
}

/// Bytes after a column's name: table, column, type, size, modifier, format (RowDescription).
const REST: usize = 18;

/// What a RowDescription says.
struct Described<'a> {
    /// The columns of the client
    count: u16,
    /// Their descriptions
    columns: &'a [u8],
    /// The types of the columns behind them
    types: Vec<u32>,
}

impl<'a> Described<'a> {
    /// Type of each of the client's columns, and whether its values are in binary.
    fn fields(&self) -> impl Iterator<Item = (u32, bool)> {
        let mut rest = self.columns;
        std::iter::from_fn(move || {
            let end = memchr::memchr(0, rest)? + 1;
            let (_, facts) = rest.split_at_checked(end)?;
            let (facts, after) = facts.split_first_chunk::<REST>()?;
            rest = after;
            Some((u32::from_be_bytes(*facts[6..].first_chunk()?), facts[REST - 1] == 1))
        })
    }

    /// The last `keys` columns are ours.
    fn read(body: &'a [u8], keys: usize) -> Option<Self> {
        let (count, fields) = body.split_first_chunk::<2>()?;
        let count = u16::from_be_bytes(*count).checked_sub(u16::try_from(keys).ok()?)?;
        let field = |bytes: &'a [u8]| {
            let end = memchr::memchr(0, bytes)? + 1 + REST;
            bytes.split_at_checked(end)
        };
        let mut rest = fields;
        for _ in 0..count {
            (_, rest) = field(rest)?;
        }
        let columns = &fields[..fields.len() - rest.len()];
        let mut types = Vec::with_capacity(keys);
        for _ in 0..keys {
            let one;
            (one, rest) = field(rest)?;
            types.push(u32::from_be_bytes(*one[one.len() - REST + 6..].first_chunk()?));
        }
        Some(Self { count, columns, types })
    }
}

/// Parse, Bind, Describe and Execute for one shard.
fn ask(out: &mut Vec<u8>, merge: &Merge, given: Given<'_>, wanted: Option<u64>) {
    let last = usize::from(merge.params.last().copied().unwrap_or_default());
    let own = if merge.is_limited() { usize::from(merge.params_max()) } else { last };
    let is_used = |number: usize| u16::try_from(number + 1).is_ok_and(|it| merge.params.binary_search(&it).is_ok());
    let count = own + usize::from(merge.is_limited());
    let type_of = |number: usize| match number {
        _ if number == own => oid::INT8,
        _ if is_used(number) => view::type_at(given.types, number),
        // One that the text does not name has no type to be found.
        _ => TEXT_OID,
    };
    let types: Vec<u8> = (0..count).flat_map(|number| type_of(number).to_be_bytes()).collect();
    write::parse(out, b"", merge.text.as_bytes(), &types);
    write::frame(out, client::BIND, |out| {
        out.extend_from_slice(&[0, 0]);
        write_formats(out, count, |number| number == own || is_used(number) && is_binary(given.parameters, number));
        out.extend_from_slice(&(count as u16).to_be_bytes());
        for number in 0..own {
            let value = given.parameters.get(number).and_then(|(_, bytes)| *bytes);
            write_value(out, value.filter(|_| is_used(number)));
        }
        if merge.is_limited() {
            // More rows than a bigint counts are all of them.
            let wanted = wanted.and_then(|wanted| i64::try_from(wanted).ok()).map(i64::to_be_bytes);
            write_value(out, wanted.as_ref().map(<[u8; 8]>::as_slice));
        }
        write_results(out, given.results, usize::from(merge.columns), merge.keys.len());
    });
    write::describe_portal(out);
    write::execute(out);
}

/// Text or binary: any other format is an error of PostgreSQL's.
fn has_known_formats(results: &[u8]) -> bool {
    results.get(2..).unwrap_or_default().chunks_exact(2).all(|code| matches!(code, [0, 0 | 1]))
}

/// The format of each column: as the client wants its own, ours in binary.
fn write_results(out: &mut Vec<u8>, results: &[u8], columns: usize, keys: usize) {
    if keys == 0 {
        out.extend_from_slice(results);
        return;
    }
    let codes: Vec<&[u8]> = results.get(2..).unwrap_or_default().chunks_exact(2).collect();
    write_formats(out, columns + keys, |column| match codes.as_slice() {
        _ if column >= columns => true,
        [] => false,
        [all] => all[1] == 1,
        each => each.get(column).is_some_and(|code| code[1] == 1),
    });
}
