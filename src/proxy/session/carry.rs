//! INSERT … SELECT whose rows may belong to any shard: the query is answered, its rows are kept, and each shard stores
//! its own from arrays.

use std::collections::BTreeMap;

use crate::logic::arrays;
use crate::logic::fetch::{Elements, Kept};
use crate::logic::plan::carry::Carry;
use crate::logic::plan::pieces::Assembled;
use crate::logic::plan::{Access, Reason, Refusal, array_of_plain};
use crate::logic::protocol::frame::{HEADER, client};
use crate::logic::protocol::{view, write};
use crate::logic::route::{self, Destination, Values};
use crate::logic::shards::ShardId;
use crate::logic::value::{Format, Raw, oid};
use crate::proxy::session::gather::{Bound, Given};
use crate::proxy::session::split::{
    Computed, FIRST_USER_OID, Input, Share, Stored, TEXT_RESULTS, together, write_bind, write_bound,
};
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

/// The rows of the query.
struct Source {
    columns: Vec<Column>,
    kept: Kept,
}

/// How the values of one of its columns travel.
struct Column {
    type_oid: u32,
    is_binary: bool,
    /// The type that they are given where they arrive
    cast: Option<Box<str>>,
}

/// The rows of one shard.
struct OfShard {
    /// Which of them, in order
    rows: Vec<usize>,
    /// Their values, by column
    elements: Vec<Elements>,
}

/// Where the rows are asked for.
enum Asked {
    One(Destination),
    Gather,
}

impl Session {
    /// A Query whose rows may belong to any shard.
    pub(super) async fn carry_query(&mut self, carry: &Carry, sql: &str) -> Result<(), Trouble> {
        let mut stored = self.carry(carry, &Input::of_query(sql)).await?;
        stored.give_described(carry.returns, &mut self.client.outbox);
        self.say_ready();
        Ok(())
    }

    /// How many rows there were is all that is told.
    pub(super) async fn carry_count(&mut self, carry: &Carry, sql: &str) -> Result<u64, Trouble> {
        self.carry(carry, &Input::of_query(sql)).await.map(|stored| stored.count())
    }

    /// The same for a portal: the rows that it returns are the caller's to give.
    pub(super) async fn carry_portal(
        &mut self,
        carry: &Carry,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<Stored, Trouble> {
        let bind = view::Bind::parse(bind)?;
        self.carry(carry, &Input::of_bind(statement, &bind)).await
    }

    async fn carry(&mut self, carry: &Carry, input: &Input<'_>) -> Result<Stored, Trouble> {
        // What stands before it in the pipeline has not written.
        self.sync_servers().await?;
        let own = self.begin_own(Access::Write);
        let result = self.carry_rows(carry, input).await;
        self.end_own(own, result).await
    }

    async fn carry_rows(&mut self, carry: &Carry, input: &Input<'_>) -> Result<Stored, Trouble> {
        let described = self.describe(input).await?;
        let mut types = described.parameters.as_deref().map(view::parameter_types).unwrap_or_default().to_vec();
        types.resize(usize::from(carry.params) * 4, 0);
        let computed = self.compute(&carry.asked, input, &types).await?;
        let source = self.source(carry, input, &types).await?;
        let mut stored = self.store_source(carry, input, types, &computed, &source).await?;
        stored.description = described.descriptions.into_iter().next();
        Ok(stored)
    }

    /// The rows of the query.
    async fn source(&mut self, carry: &Carry, input: &Input<'_>, types: &[u8]) -> Result<Source, Trouble> {
        let values = Values::Walked { parameters: &input.parameters, types };
        let asked = match self.destination(&carry.one, &values) {
            Ok(Destination::Shard(shard)) if carry.key_is_default && shard != ShardId(0) => Asked::Gather,
            Ok(_) if carry.key_is_default => Asked::One(Destination::First),
            Ok(destination) => Asked::One(destination),
            Err(refusal) if refusal.reason == Reason::ManyShards => Asked::Gather,
            Err(refusal) => return Err(refusal.into()),
        };
        match (asked, &carry.gather) {
            (Asked::One(destination), _) => self.source_of_one(carry, input, types, destination).await,
            (Asked::Gather, Err(refusal)) => Err(refusal.clone().into()),
            (Asked::Gather, Ok(gather)) => {
                let given = |results| Given { parameters: &input.parameters, types, results };
                let fetched = self.fetch(gather, given(&[0, 0]), &values).await?;
                let index = self.hold_for_rest(gather).await?;
                self.begin_kept(index);
                self.write_final(index, gather, given(&[0, 0]), &fetched, Bound::HIDDEN);
                write::on_statement(self.outgoing.buffer(), client::DESCRIBE, b"");
                self.pipeline.forget();
                let described = self.run_final(index, false, None).await?;
                let columns = self.columns(carry, index, &described).await?;
                self.begin_kept(index);
                let formats = formats(&columns);
                let is_guarded = self.write_planned(index, gather, given(&formats), &fetched, Bound::HIDDEN);
                write::execute(self.outgoing.buffer());
                self.pipeline.forget();
                let kept = self.run_final(index, is_guarded, None).await?;
                Ok(Source { columns, kept })
            }
        }
    }

    async fn source_of_one(
        &mut self,
        carry: &Carry,
        input: &Input<'_>,
        types: &[u8],
        destination: Destination,
    ) -> Result<Source, Trouble> {
        let target = self.target(destination, Access::Write)?;
        let index = self.hold(target).await?;
        self.begin_kept(index);
        self.held[index].has_written |= carry.one.access == Access::Write;
        self.held[index].lease.has_unseen |= carry.one.mark.taints;
        let used: Vec<u16> = crate::logic::plan::pieces::params(&carry.source);
        let highest = used.iter().max().copied().unwrap_or_default();
        let mut declared = Vec::new();
        for number in 1..=highest {
            // One that the query does not name has no type to be found.
            let oid = if used.contains(&number) { view::type_at(types, usize::from(number) - 1) } else { oid::TEXT };
            declared.extend_from_slice(&oid.to_be_bytes());
        }
        let declared = self.held[index].types(&declared).into_owned();
        let parse = |out: &mut Vec<u8>| write::parse(out, b"", carry.source.as_bytes(), &declared);
        parse(self.outgoing.buffer());
        write::on_statement(self.outgoing.buffer(), client::DESCRIBE, b"");
        let described = self.run_kept(index).await?;
        let columns = self.columns(carry, index, &described).await?;
        self.begin_kept(index);
        parse(self.outgoing.buffer());
        let given = |number: u16| match input.parameters.get(usize::from(number) - 1) {
            Some(parameter) if used.contains(&number) => *parameter,
            Some(_) | None => (Format::Text, None),
        };
        let parameters: Vec<_> = (1..=highest).map(given).collect();
        write_bind(self.outgoing.buffer(), &parameters, &formats(&columns));
        write::execute(self.outgoing.buffer());
        let kept = self.run_kept(index).await?;
        Ok(Source { columns, kept })
    }

    /// How each column of the query travels.
    async fn columns(&mut self, carry: &Carry, index: usize, described: &Kept) -> Result<Vec<Column>, Trouble> {
        let types =
            described.descriptions.first().map(|body| view::column_types(body)).transpose()?.unwrap_or_default();
        let is_plain = |type_oid: u32| type_oid < FIRST_USER_OID && array_of_plain(type_oid).is_some();
        let mut casts = Vec::new();
        if types.iter().any(|(type_oid, _)| !is_plain(*type_oid)) {
            self.check_texts()?;
            self.begin_kept(index);
            let numbers: Vec<u8> = types.iter().flat_map(|(type_oid, _)| type_oid.to_be_bytes()).collect();
            let numbers = self.held[index].types(&numbers);
            let name = |(number, (_, modifier)): (usize, &(u32, i32))| {
                format!("pg_catalog.format_type({}::pg_catalog.oid, {modifier})", view::type_at(&numbers, number))
            };
            let names: Vec<String> = types.iter().enumerate().map(name).collect();
            let out = self.outgoing.buffer();
            write::parse(out, b"", format!("SELECT {}", names.join(", ")).as_bytes(), b"");
            write_bind(out, &[], &TEXT_RESULTS);
            write::execute(out);
            let kept = self.run_kept(index).await?;
            if !kept.starts.is_empty() {
                let fields = view::fields(&kept.row(0)[HEADER..])?;
                casts
                    .extend(fields.into_iter().map(|name| name.map(String::from_utf8_lossy).map(|it| it.into_owned())));
            }
        }
        let column = |(number, (type_oid, _)): (usize, &(u32, i32))| {
            let filled = carry.columns.get(number);
            // Only a literal without a type of its own comes as text where no text is wanted.
            let is_literal = *type_oid == oid::TEXT && filled.is_some_and(|filled| !takes_text(filled.type_oid));
            let cast = match (is_plain(*type_oid), is_literal) {
                (_, true) => filled.map(|filled| filled.type_name.clone()),
                (false, false) => casts.get(number).cloned().flatten().map(Into::into),
                (true, false) => None,
            };
            let type_oid = if is_literal { oid::UNSPECIFIED } else { *type_oid };
            Column { type_oid, is_binary: is_plain(type_oid), cast }
        };
        Ok(types.iter().enumerate().map(column).collect())
    }

    /// Each row to the arrays of its shard, each shard's arrays to its table.
    async fn store_source(
        &mut self,
        carry: &Carry,
        input: &Input<'_>,
        mut types: Vec<u8>,
        computed: &[Computed],
        source: &Source,
    ) -> Result<Stored, Trouble> {
        if source.columns.len() <= carry.key {
            let column = carry.columns.get(carry.key).map(|column| &*column.name).unwrap_or_default();
            return Err(Refusal::key_left_out(&carry.requirement.table, column).into());
        }
        let casts: Vec<Option<Box<str>>> = source.columns.iter().map(|column| column.cast.clone()).collect();
        let mut parameters = input.parameters.clone();
        parameters.resize(usize::from(carry.params), (Format::Text, None));
        for value in computed {
            parameters.push((Format::Binary, value.bytes.as_deref()));
            types.extend_from_slice(&value.type_oid.to_be_bytes());
        }
        for column in &source.columns {
            let array = if column.is_binary { array_of_plain(column.type_oid) } else { None };
            types.extend_from_slice(&array.unwrap_or(TEXT_ARRAY).to_be_bytes());
        }
        let (mut shares, mut answers) = (Vec::new(), Vec::new());
        for (shard, OfShard { rows, elements }) in self.sorted(carry, source)? {
            let arrays: Vec<Vec<u8>> = elements
                .iter()
                .zip(&source.columns)
                .map(|(elements, column)| {
                    let element = if column.is_binary { column.type_oid } else { oid::TEXT };
                    let mut array = Vec::new();
                    arrays::write_array(&mut array, element, std::iter::once((elements, rows.len() as u32)));
                    array.drain(..4);
                    array
                })
                .collect();
            let mut parameters = parameters.clone();
            parameters.extend(arrays.iter().map(|array| (Format::Binary, Some(&array[..]))));
            let share = Share { shard, rows, statement: carry.statement(&casts) };
            let index = self.hold_writer(shard).await?;
            let types = self.held[index].types(&types);
            write_bound(self.outgoing.buffer(), &share.statement, &parameters, &types, input.results);
            write::execute(self.outgoing.buffer());
            self.held[index].has_written = true;
            self.held[index].lease.has_unseen |= carry.taints;
            let kept: Kept = self.run_kept(index).await?;
            self.client.outbox.extend_from_slice(&kept.notices);
            shares.push(Share { statement: Assembled::default(), ..share });
            answers.push(kept);
        }
        Ok(together(&shares, &answers))
    }

    /// The rows of each shard.
    fn sorted(&self, carry: &Carry, source: &Source) -> Result<BTreeMap<ShardId, OfShard>, Trouble> {
        let width = source.columns.len();
        let mut found: BTreeMap<ShardId, OfShard> = BTreeMap::new();
        let key = &source.columns[carry.key];
        let format = if key.is_binary { Format::Binary } else { Format::Text };
        for row in 0..source.kept.starts.len() {
            let fields = view::fields(&source.kept.row(row)[HEADER..])?;
            let raw = Raw::Param { format, type_oid: key.type_oid, bytes: fields.get(carry.key).copied().flatten() };
            let home = route::home_of_value(&carry.requirement, self.map(), raw)?;
            // Any server says what is wrong with it.
            let entry = found.entry(home.unwrap_or(ShardId(0)));
            let of_shard =
                entry.or_insert_with(|| OfShard { rows: Vec::new(), elements: vec![Elements::default(); width] });
            of_shard.rows.push(row);
            for (elements, field) in of_shard.elements.iter_mut().zip(fields) {
                elements.push(field);
            }
        }
        Ok(found)
    }
}

const TEXT_ARRAY: u32 = 1009;

/// text, varchar, char(n), name: text is stored into them as it is.
fn takes_text(type_oid: u32) -> bool {
    matches!(type_oid, oid::TEXT | oid::VARCHAR | 1042 | 19)
}

/// The format codes of the results, their number first.
fn formats(columns: &[Column]) -> Vec<u8> {
    let mut out = (columns.len() as u16).to_be_bytes().to_vec();
    for column in columns {
        out.extend_from_slice(&[0, u8::from(column.is_binary)]);
    }
    out
}
