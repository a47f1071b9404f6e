//! INSERT of rows that belong to several shards: what has to be computed first is asked of one server, then each shard
//! stores its rows, one after the other.

use std::collections::BTreeMap;

use crate::logic::memory::Charge;
use crate::logic::plan::pieces::{Assembled, Piece};
use crate::logic::plan::split::Split;
use crate::logic::plan::{Access, Place, Reason, Refusal, Requirement, Source, Value};
use crate::logic::protocol::frame::{self, Front, HEADER, client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::{self, Destination, Values};
use crate::logic::rows::Kept;
use crate::logic::shards::ShardId;
use crate::logic::value::{Format, oid};
use crate::proxy::metrics::PlanKind;
use crate::proxy::session::errand::Errand;
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

/// What the client gave with its statement.
pub(super) struct Input<'a> {
    /// The statement
    pub text: &'a str,
    /// Format and bytes of each parameter
    pub parameters: Vec<(Format, Option<&'a [u8]>)>,
    /// Declared types, as Parse carries them
    pub types: &'a [u8],
    /// The format codes of the results, their number first
    pub results: &'a [u8],
    /// It is a Query: nobody has parsed it yet
    pub is_query: bool,
}

impl<'a> Input<'a> {
    /// Of a Query.
    pub(super) fn of_query(text: &'a str) -> Self {
        Self { text, parameters: Vec::new(), types: &[], results: &TEXT_RESULTS, is_query: true }
    }

    /// Of a bound statement.
    pub(super) fn of_bind(statement: &'a Statement, bind: &view::Bind<'a>) -> Self {
        let (text, types) = (&*statement.text, &*statement.types);
        Self { text, parameters: bind.parameters(), types, results: bind.results, is_query: false }
    }
}

/// A value that one server has computed.
pub(super) struct Computed {
    pub type_oid: u32,
    pub bytes: Option<Box<[u8]>>,
}

/// What one shard stores.
pub(super) struct Share {
    pub shard: ShardId,
    /// Which of the rows, in order
    pub rows: Vec<usize>,
    pub statement: Assembled,
}

/// What came of an INSERT.
#[derive(Default)]
pub(super) struct Stored {
    /// The body of the RowDescription
    pub description: Option<Box<[u8]>>,
    /// The frames of the rows that it returned
    rows: Vec<u8>,
    /// Where each of them begins
    starts: Vec<usize>,
    /// How many of them the client has
    given: usize,
    /// How many rows were stored
    count: u64,
    /// What did it, where it was no INSERT
    verb: Option<&'static str>,
    /// What its rows come to, where that is counted
    _charge: Charge,
}

impl Stored {
    /// Rows that a statement of this verb returned, as frames.
    pub(super) fn returned(verb: &'static str, rows: Vec<u8>) -> Self {
        let (mut starts, mut at) = (Vec::new(), 0);
        while let Front::Whole(frame) = frame::front(&rows[at..]) {
            starts.push(at);
            at += frame.bytes.len();
        }
        Self { rows, starts, verb: Some(verb), ..Self::default() }
    }

    /// The same, whose rows come to that.
    pub(super) fn counted(self, charge: Charge) -> Self {
        Self { _charge: charge, ..self }
    }

    /// The frames of its rows.
    pub(super) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.starts.iter().skip(1).copied().chain([self.rows.len()]);
        self.starts.iter().zip(ends).map(|(start, end)| &self.rows[*start..end])
    }

    /// How many rows were stored.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Sends all rows as the answer to a Query does: described, where they are returned.
    pub(super) fn give_described(&mut self, returns: bool, out: &mut Vec<u8>) {
        if let Some(description) = self.description.take().filter(|_| returns) {
            write::frame(out, server::ROW_DESCRIPTION, |out| out.extend_from_slice(&description));
        }
        self.give(0, out);
    }

    /// Sends the next rows, all of them for a limit of 0, and says how the Execute ends.
    pub(super) fn give(&mut self, limit: i32, out: &mut Vec<u8>) {
        let limit = usize::try_from(limit).unwrap_or(0);
        let left = self.starts.len() - self.given;
        let count = if limit == 0 { left } else { left.min(limit) };
        let at = |row: usize| self.starts.get(row).copied().unwrap_or(self.rows.len());
        out.extend_from_slice(&self.rows[at(self.given)..at(self.given + count)]);
        self.given += count;
        // Nobody looks whether there is another row.
        if limit > 0 && count == limit {
            write::bare(out, server::PORTAL_SUSPENDED);
        } else {
            // Of a portal that returns rows the tag tells how many came this time.
            let told = if self.starts.is_empty() { self.count } else { count as u64 };
            match self.verb {
                Some(EXPLAIN) => write::command_complete(out, EXPLAIN),
                verb => write::command_complete(out, &format!("{} {told}", verb.unwrap_or("INSERT 0"))),
            }
        }
    }
}

/// The tag that tells no number of rows.
pub(super) const EXPLAIN: &str = "EXPLAIN";
/// Each result in binary format.
const BINARY_RESULTS: [u8; 4] = [0, 1, 0, 1];
/// Each result as text.
pub(super) const TEXT_RESULTS: [u8; 2] = [0, 0];
/// Values in one SELECT: PostgreSQL takes 1,664.
const ASKED_AT_ONCE: usize = 1_600;

impl Session {
    /// A Query whose rows belong to several shards.
    pub(super) async fn split_query(&mut self, split: &Split, sql: &str) -> Result<(), Trouble> {
        let mut stored = self.split(split, &Input::of_query(sql)).await?;
        stored.give_described(split.returns, &mut self.client.outbox);
        self.say_ready();
        Ok(())
    }

    /// How many rows there were is all that is told.
    pub(super) async fn split_count(&mut self, split: &Split, sql: &str) -> Result<u64, Trouble> {
        self.split(split, &Input::of_query(sql)).await.map(|stored| stored.count())
    }

    /// The same for a portal: the rows that it returns are the caller's to give.
    pub(super) async fn split_portal(
        &mut self,
        split: &Split,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<Stored, Trouble> {
        let bind = view::Bind::parse(bind)?;
        self.split(split, &Input::of_bind(statement, &bind)).await
    }

    async fn split(&mut self, split: &Split, input: &Input<'_>) -> Result<Stored, Trouble> {
        self.isolate(Access::Write).await?;
        for (number, (_, bytes)) in (1..).zip(&input.parameters) {
            bytes.map_or(Ok(()), |bytes| split.check_moment(number, bytes))?;
        }
        let own = self.begin_own(Access::Write);
        let result = self.store_everywhere(split, input).await;
        self.end_own(own, result).await
    }

    async fn store_everywhere(&mut self, split: &Split, input: &Input<'_>) -> Result<Stored, Trouble> {
        let mut types = input.types.to_vec();
        types.resize(usize::from(split.params) * 4, 0);
        let is_undeclared = (0..usize::from(split.params)).any(|number| view::type_at(&types, number) == 0);
        let mut description = None;
        if split.is_described && (input.is_query || is_undeclared) {
            let kept = self.describe(input).await?;
            description = kept.descriptions.into_iter().next();
            if let Some(body) = &kept.parameters {
                types = view::parameter_types(body).to_vec();
                types.resize(usize::from(split.params) * 4, 0);
            }
        }
        let computed = self.compute(&split.asked, &input.parameters, &types).await?;
        let mut parameters = input.parameters.clone();
        parameters.resize(usize::from(split.params), (Format::Text, None));
        for value in &computed {
            parameters.push((Format::Binary, value.bytes.as_deref()));
            types.extend_from_slice(&value.type_oid.to_be_bytes());
        }
        let values = Values::Walked { parameters: &parameters, types: &types };
        let read;
        let shares = match self.shares_of(split, &split.requirement, &values) {
            Err(Trouble::Refusal(refusal)) if refusal.reason == Reason::UndecidableKey => {
                let mut requirement = split.requirement.clone();
                read = self.read_keys(split, &mut requirement, &parameters, &types).await?;
                for value in &read {
                    parameters.push((Format::Binary, value.bytes.as_deref()));
                    types.extend_from_slice(&value.type_oid.to_be_bytes());
                }
                let values = Values::Walked { parameters: &parameters, types: &types };
                self.shares_of(split, &requirement, &values)?
            }
            shares => shares?,
        };
        let is_ahead = input.is_query && shares.len() > 1;
        if is_ahead {
            self.bind_everywhere(input, &parameters, &types, &shares).await?;
        }
        let mut answers = Vec::with_capacity(shares.len());
        for share in &shares {
            let index = self.hold_writer(share.shard).await?;
            if !is_ahead {
                let types = self.held[index].types(&types);
                write_bound(self.outgoing.buffer(), &share.statement, &parameters, &types, input.results)?;
            }
            if input.is_query && split.returns {
                write::describe_portal(self.outgoing.buffer());
            }
            write::execute(self.outgoing.buffer());
            self.wrote(index);
            self.held[index].lease.has_unseen |= split.taints;
            let kept = self.run_kept(index).await?;
            answers.push(kept);
        }
        // Keys are computed there.
        self.took_on(ShardId(0), &split.numbers);
        let mut stored = together(&shares, &answers);
        stored.description = description.or(stored.description);
        for kept in answers {
            self.client.outbox.extend_from_slice(&kept.notices);
        }
        Ok(stored)
    }

    /// Has the first shard read the keys that cannot be read here: they become parameters behind the others.
    async fn read_keys(
        &mut self,
        split: &Split,
        requirement: &mut Requirement,
        parameters: &[(Format, Option<&[u8]>)],
        types: &[u8],
    ) -> Result<Vec<Computed>, Trouble> {
        let rows = route::unread(requirement, &Values::Walked { parameters, types }, self.map());
        let Some(asked) = rows.iter().map(|row| split.asked_key(*row)).collect::<Option<Vec<Piece>>>() else {
            return Ok(Vec::new());
        };
        let read = self.compute(&asked, parameters, types).await?;
        if let Place::Store { keys, .. } = &mut requirement.place {
            for (row, number) in rows.into_iter().zip(types.len() / 4 + 1..) {
                let number =
                    u16::try_from(number).map_err(|_| Refusal::rows_beside("so many values to be computed"))?;
                keys[row] = Value { source: Source::Param(number), cast: None };
            }
        }
        Ok(read)
    }

    /// A server of a shard, ready to be sent messages of the extended protocol.
    pub(super) async fn hold_writer(&mut self, shard: ShardId) -> Result<usize, Trouble> {
        let target = self.target(Destination::Shard(shard), Access::Write)?;
        let index = self.hold(target).await?;
        self.metrics.statement(Some((target.shard, self.held[index].role)), PlanKind::Fanout);
        self.begin_kept(index);
        Ok(index)
    }

    /// What a server hears before the statements whose answers are kept.
    pub(super) fn begin_kept(&mut self, index: usize) {
        self.pipeline.clear();
        self.prepare(index);
        self.hidden = self.pipeline.entered();
        self.pipeline.forget();
    }

    /// Sends what stands in `outgoing`; the answer.
    pub(super) async fn run_kept(&mut self, index: usize) -> Result<Kept, Trouble> {
        let mut errands = [self.errand_kept(index)];
        self.run_errands(&mut errands).await?;
        let [errand] = errands;
        Ok(self.kept(errand))
    }

    /// A shard describes the statement as it is, or says what is wrong with it: the first that has all that it names.
    pub(super) async fn describe(&mut self, input: &Input<'_>) -> Result<Kept, Trouble> {
        let (shard, text) = self.is_described_at(input.text)?;
        let index = self.hold_writer(shard).await?;
        let types = self.held[index].types(input.types);
        write::parse(self.outgoing.buffer(), b"", text.as_bytes(), &types);
        write::on_statement(self.outgoing.buffer(), client::DESCRIBE, b"");
        self.run_kept(index).await
    }

    /// The first shard computes what is to be the same everywhere, and keys: its sequences count for all shards.
    pub(super) async fn compute(
        &mut self,
        asked: &[Piece],
        parameters: &[(Format, Option<&[u8]>)],
        types: &[u8],
    ) -> Result<Vec<Computed>, Trouble> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let index = self.hold_writer(ShardId(0)).await?;
        let types = self.held[index].types(types);
        for pieces in asked.chunks(ASKED_AT_ONCE) {
            let statement = listed("SELECT ", pieces);
            write_bound(self.outgoing.buffer(), &statement, parameters, &types, &BINARY_RESULTS)?;
            write::describe_portal(self.outgoing.buffer());
            write::execute(self.outgoing.buffer());
        }
        let kept = self.run_kept(index).await?;
        let mut computed = Vec::with_capacity(asked.len());
        for (number, description) in kept.descriptions.iter().enumerate().take(kept.starts.len()) {
            let fields = view::fields(&kept.row(number)[HEADER..])?;
            for ((type_oid, _), bytes) in view::column_types(description)?.into_iter().zip(fields) {
                if type_oid >= oid::FIRST_OF_USERS {
                    return Err(Refusal::rows_beside("a sharding key that is computed in a type of your own").into());
                }
                computed.push(Computed { type_oid, bytes: bytes.map(Into::into) });
            }
        }
        if computed.len() != asked.len() {
            return Err(Fault::Broken("a server has not computed what it was asked for".into()).into());
        }
        Ok(computed)
    }

    /// Which rows each shard stores, always in the same order of shards, so that two statements cannot wait for each other.
    pub(super) fn shares_of(
        &self,
        split: &Split,
        requirement: &Requirement,
        values: &Values<'_>,
    ) -> Result<Vec<Share>, Trouble> {
        let homes = route::homes(requirement, values, self.map())?;
        let some = homes.iter().flatten().next().copied().unwrap_or(ShardId(0));
        let mut rows: BTreeMap<ShardId, Vec<usize>> = BTreeMap::new();
        for (row, home) in homes.iter().enumerate() {
            rows.entry(home.unwrap_or(some)).or_default().push(row);
        }
        let share = |(shard, rows): (ShardId, Vec<usize>)| {
            let mut statement = Assembled::default();
            statement.push_piece(&split.head);
            for (number, row) in rows.iter().enumerate() {
                statement.push(if number == 0 { "" } else { ", " });
                statement.push_piece(&split.rows[*row]);
            }
            statement.push_piece(&split.tail);
            Share { shard, rows, statement }
        };
        Ok(rows.into_iter().map(share).collect())
    }

    /// Parse and Bind on all shards at once: what is wrong with any row is said before one is stored.
    async fn bind_everywhere(
        &mut self,
        input: &Input<'_>,
        parameters: &[(Format, Option<&[u8]>)],
        types: &[u8],
        shares: &[Share],
    ) -> Result<(), Trouble> {
        let mut errands: Vec<Errand> = Vec::with_capacity(shares.len());
        for share in shares {
            let index = self.hold_writer(share.shard).await?;
            let types = self.held[index].types(types);
            write_bound(self.outgoing.buffer(), &share.statement, parameters, &types, input.results)?;
            errands.push(self.errand_kept(index));
        }
        self.run_errands(&mut errands).await?;
        Ok(())
    }
}

fn listed(before: &str, pieces: &[Piece]) -> Assembled {
    let mut statement = Assembled::default();
    statement.push(before);
    for (number, piece) in pieces.iter().enumerate() {
        statement.push(if number == 0 { "" } else { ", " });
        statement.push_piece(piece);
    }
    statement
}

/// Parse and Bind of a statement and the parameters that it names.
pub(super) fn write_bound(
    out: &mut Vec<u8>,
    statement: &Assembled,
    parameters: &[(Format, Option<&[u8]>)],
    types: &[u8],
    results: &[u8],
) -> Result<(), Fault> {
    let at = |number: &u16| usize::from(*number).wrapping_sub(1);
    let missing =
        |number: &u16| Fault::Broken(format!("a statement of ours has a parameter ${number} without a value"));
    let given = |number: &u16| parameters.get(at(number)).copied().ok_or_else(|| missing(number));
    let declared: Vec<u8> =
        statement.params.iter().flat_map(|number| view::type_at(types, at(number)).to_be_bytes()).collect();
    let named = statement.params.iter().map(given).collect::<Result<Vec<_>, _>>()?;
    write::parse(out, b"", statement.text.as_bytes(), &declared);
    write_bind(out, &named, results);
    Ok(())
}

/// Bind of the unnamed statement to the unnamed portal.
pub(super) fn write_bind(out: &mut Vec<u8>, parameters: &[(Format, Option<&[u8]>)], results: &[u8]) {
    write::frame(out, client::BIND, |out| {
        let count = (parameters.len() as u16).to_be_bytes();
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&count);
        for (format, _) in parameters {
            out.extend_from_slice(&[0, u8::from(*format == Format::Binary)]);
        }
        out.extend_from_slice(&count);
        for (_, value) in parameters {
            out.extend_from_slice(&value.map_or(-1, |value| value.len() as i32).to_be_bytes());
            out.extend_from_slice(value.unwrap_or_default());
        }
        out.extend_from_slice(results);
    });
}

/// The answers of all shards as that of one: rows in the order in which they were given, where none is missing.
pub(super) fn together(shares: &[Share], answers: &[Kept]) -> Stored {
    let mut stored = Stored::default();
    for kept in answers {
        let tag = kept.tag.as_deref().unwrap_or_default();
        stored.count += super::fanout::rows_of(tag);
        if stored.description.is_none() {
            stored.description = kept.descriptions.first().cloned();
        }
    }
    let is_whole = shares.iter().zip(answers).all(|(share, kept)| share.rows.len() == kept.starts.len());
    let mut order: Vec<(usize, &[u8])> = Vec::new();
    for (share, kept) in shares.iter().zip(answers) {
        for number in 0..kept.starts.len() {
            let place = if is_whole { share.rows[number] } else { order.len() };
            order.push((place, kept.row(number)));
        }
    }
    order.sort_unstable_by_key(|(place, _)| *place);
    for (_, row) in order {
        stored.starts.push(stored.rows.len());
        stored.rows.extend_from_slice(row);
    }
    stored
}
