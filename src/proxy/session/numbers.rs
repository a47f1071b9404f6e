//! `setval` over all shards: each goes on at the next number of its own.

use crate::logic::plan::numbers::{Counting, Numbers, Restart, Setting};
use crate::logic::plan::{Access, Refusal};
use crate::logic::protocol::frame::HEADER;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::shards::{ShardId, ShardSet};
use crate::proxy::session::split::{Input, Stored, TEXT_RESULTS, write_bind};
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

impl Session {
    /// A Query that sets sequences.
    pub(super) async fn numbers_query(&mut self, numbers: &Numbers, sql: &str) -> Result<(), Trouble> {
        let mut stored = self.numbers(numbers, &Input::of_query(sql)).await?;
        stored.give_described(true, &mut self.client.outbox);
        self.say_ready();
        Ok(())
    }

    /// The same for a portal: the rows are the caller's to give.
    pub(super) async fn numbers_portal(
        &mut self,
        numbers: &Numbers,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<Stored, Trouble> {
        let bind = view::Bind::parse(bind)?;
        self.numbers(numbers, &Input::of_bind(statement, &bind)).await
    }

    async fn numbers(&mut self, numbers: &Numbers, input: &Input<'_>) -> Result<Stored, Trouble> {
        if self.with_temporary_objects().next().is_some() {
            // It may be one of the session's own.
            return Err(Refusal::sets_sequence().into());
        }
        // What stands before it in the pipeline has not written.
        self.sync_servers().await?;
        let own = self.begin_own(Access::Write);
        let result = self.set_numbers(numbers, input).await;
        self.end_own(own, result).await
    }

    async fn set_numbers(&mut self, numbers: &Numbers, input: &Input<'_>) -> Result<Stored, Trouble> {
        let described = self.describe(input).await?;
        let mut types = described.parameters.as_deref().map(view::parameter_types).unwrap_or_default().to_vec();
        types.resize(usize::from(numbers.params) * 4, 0);
        let computed = self.rows_of(&numbers.origin, &[], input, &types).await?.kept;
        let is_binary = view::is_binary(input.results);
        let mut rows = Vec::new();
        for row in 0..computed.starts.len() {
            let setting = setting_of(&view::fields(&computed.row(row)[HEADER..])?)?;
            if let Some(setting) = &setting {
                self.set_number(setting).await?;
            }
            match setting.map(|setting| setting.number) {
                None => write::data_row(&mut rows, None),
                Some(number) if is_binary => write::data_row(&mut rows, Some(&number.to_be_bytes())),
                Some(number) => write::data_row_text(&mut rows, &number.to_string()),
            }
        }
        let mut stored = Stored::returned("SELECT", rows);
        stored.description = described.descriptions.into_iter().next();
        Ok(stored)
    }

    async fn set_number(&mut self, setting: &Setting<'_>) -> Result<(), Trouble> {
        let counting = self.counting(setting).await?;
        let shards = ShardSet::first_of(self.map().shards.len());
        for (shard, statement) in shards.iter().zip(setting.statements(&counting)?) {
            self.row_of(shard, &statement, true).await?;
        }
        Ok(())
    }

    /// What each shard is told behind an ALTER SEQUENCE … RESTART WITH.
    pub(super) async fn restarts(&mut self, restart: &Restart) -> Result<Vec<String>, Trouble> {
        if self.with_temporary_objects().next().is_some() {
            // It may be one of the session's own.
            return Err(Refusal::restarts_sequence(&restart.name).into());
        }
        let setting = restart.setting();
        Ok(setting.restarts(&self.counting(&setting).await?)?)
    }

    /// How every shard counts: that is known before the first of them is set.
    async fn counting(&mut self, setting: &Setting<'_>) -> Result<Vec<Counting>, Trouble> {
        let mut counting = Vec::new();
        for shard in ShardSet::first_of(self.map().shards.len()).iter() {
            let answer = self.row_of(shard, &setting.question(), false).await?;
            let Some(row) = answer else {
                // It is no sequence, which PostgreSQL says in its own words.
                self.row_of(shard, &setting.plain(), true).await?;
                return Err(Fault::Broken("setval of what is no sequence".into()).into());
            };
            counting.push(counting_of(&view::fields(&row[HEADER..])?)?);
        }
        Ok(counting)
    }

    /// The frame of the row that a shard answers with.
    async fn row_of(&mut self, shard: ShardId, text: &str, is_write: bool) -> Result<Option<Vec<u8>>, Trouble> {
        let index = self.hold_writer(shard).await?;
        write::parse(self.outgoing.buffer(), b"", text.as_bytes(), b"");
        write_bind(self.outgoing.buffer(), &[], &TEXT_RESULTS);
        write::execute(self.outgoing.buffer());
        if is_write {
            self.wrote(index);
        }
        let kept = self.run_kept(index).await?;
        Ok((!kept.starts.is_empty()).then(|| kept.row(0).to_vec()))
    }
}

/// A row of what was computed; `None`: with a NULL in it nothing is set.
fn setting_of<'a>(fields: &[Option<&'a [u8]>]) -> Result<Option<Setting<'a>>, Trouble> {
    let unread = || Trouble::from(Fault::Broken("what setval was to set cannot be read".into()));
    match *fields {
        [Some(name), Some(number), Some(is_used)] => {
            let name = std::str::from_utf8(name).map_err(|_| unread())?;
            let number = number.try_into().map(i64::from_be_bytes).map_err(|_| unread())?;
            Ok(Some(Setting { name, number, is_used: is_used == [1] }))
        }
        [_, _, _] => Ok(None),
        _ => Err(unread()),
    }
}

/// A row of pg_sequence, as text.
fn counting_of(fields: &[Option<&[u8]>]) -> Result<Counting, Trouble> {
    let number = |at: usize| -> Option<i64> { std::str::from_utf8(fields.get(at).copied()??).ok()?.parse().ok() };
    let counting = || {
        let [start, step, least, greatest] = [number(0)?, number(1)?, number(2)?, number(3)?];
        Some(Counting { start, step, least, greatest, cycles: fields.get(4).copied()?? == b"t" })
    };
    counting().ok_or_else(|| Fault::Broken("how a sequence counts cannot be read".into()).into())
}
