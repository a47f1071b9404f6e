//! INSERT … SELECT whose rows may belong to any shard: the query is answered, its rows are kept, and each shard stores
//! its own from arrays.

use std::collections::BTreeMap;

use crate::logic::arrays;
use crate::logic::plan::carry::{Carry, Cast};
use crate::logic::plan::pieces::Assembled;
use crate::logic::plan::{Access, Refusal, array_of_plain};
use crate::logic::protocol::frame::HEADER;
use crate::logic::protocol::{view, write};
use crate::logic::route;
use crate::logic::rows::{Elements, Kept};
use crate::logic::shards::ShardId;
use crate::logic::value::{Format, Raw, oid};
use crate::proxy::session::origin::Brought;
use crate::proxy::session::split::{Computed, Input, Share, Stored, together, write_bound};
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

/// The rows of one shard.
struct OfShard {
    /// Which of them, in order
    rows: Vec<usize>,
    /// Their values, by column
    elements: Vec<Elements>,
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
        self.check_columns()?;
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
        let computed = self.compute(&carry.asked, &input.parameters, &types).await?;
        let source = self.rows_of(&carry.origin, &carry.columns, input, &types).await?;
        let mut stored = self.store_source(carry, input, types, &computed, &source).await?;
        stored.description = described.descriptions.into_iter().next();
        Ok(stored)
    }

    /// Each row to the arrays of its shard, each shard's arrays to its table.
    async fn store_source(
        &mut self,
        carry: &Carry,
        input: &Input<'_>,
        mut types: Vec<u8>,
        computed: &[Computed],
        source: &Brought,
    ) -> Result<Stored, Trouble> {
        if source.columns.len() <= carry.key {
            let column = carry.columns.get(carry.key).map(|column| &*column.name).unwrap_or_default();
            return Err(Refusal::key_left_out(&carry.requirement.table, column).into());
        }
        let casts: Vec<Cast> = source.columns.iter().map(|column| column.cast.clone()).collect();
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
            write_bound(self.outgoing.buffer(), &share.statement, &parameters, &types, input.results)?;
            self.describe_kept(index, input.results);
            write::execute(self.outgoing.buffer());
            self.wrote(index);
            self.held[index].lease.has_unseen |= carry.taints;
            let kept: Kept = self.run_kept(index).await?;
            self.client.outbox.extend_from_slice(&kept.notices);
            shares.push(Share { statement: Assembled::default(), ..share });
            answers.push(kept);
        }
        Ok(together(&shares, &answers))
    }

    /// The rows of each shard.
    fn sorted(&self, carry: &Carry, source: &Brought) -> Result<BTreeMap<ShardId, OfShard>, Trouble> {
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
