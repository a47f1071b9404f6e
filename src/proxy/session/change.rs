//! Writes over several shards: each changes its own rows, or its copy of a reference table.

use crate::logic::memory::Charge;
use crate::logic::plan::change::{Change, Move, On, Over};
use crate::logic::plan::{Access, Refusal};
use crate::logic::protocol::{view, write};
use crate::logic::route::{self, Values};
use crate::logic::session::pipeline::KeptRows;
use crate::logic::shards::{ShardId, ShardSet};
use crate::logic::value::Format;
use crate::proxy::session::errand::Fetched;
use crate::proxy::session::fanout::{Asked, Run, Shows, tag};
use crate::proxy::session::gather::Given;
use crate::proxy::session::split::Stored;
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

/// A write as the client sent it.
#[derive(Clone, Copy)]
struct Sent<'a> {
    asked: Asked<'a>,
    given: Given<'a>,
    values: &'a Values<'a>,
}

impl Session {
    /// A Query that changes rows of several shards.
    pub(super) async fn change_query(&mut self, change: &Change, sql: &str) -> Result<(), Trouble> {
        let rows = self.change_count(change, sql).await?;
        write::command_complete(&mut self.client.outbox, &tag(change.verb, rows));
        self.say_ready();
        Ok(())
    }

    /// How many rows it has changed is all that is told.
    pub(super) async fn change_count(&mut self, change: &Change, sql: &str) -> Result<u64, Trouble> {
        let sent = Sent { asked: Asked::Query(sql), given: Given::NOTHING, values: &Values::None };
        self.change_whole(change, sent).await
    }

    /// Execute of a portal that changes rows of several shards.
    pub(super) async fn change_portal(
        &mut self,
        change: &Change,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<(), Trouble> {
        let rows = self.change_bound(change, statement, (bind, None)).await?;
        write::command_complete(&mut self.client.outbox, &tag(change.verb, rows));
        Ok(())
    }

    /// The same with rows that are given as they are asked for.
    pub(super) async fn change_kept(
        &mut self,
        change: &Change,
        statement: &Statement,
        bind: (&[u8], Option<&[u8]>),
    ) -> Result<Stored, Trouble> {
        let max = self.picture().database.limits.gather_limit as usize;
        self.kept = Some(Box::new(KeptRows::up_to(max, Charge::of(&self.shared.memory))));
        let result = self.change_bound(change, statement, bind).await;
        let kept = self.kept.take().unwrap_or_default();
        result.map(|_| Stored::returned(change.verb, kept.frames).counted(kept.charge))
    }

    async fn change_bound(
        &mut self,
        change: &Change,
        statement: &Statement,
        (bind, told): (&[u8], Option<&[u8]>),
    ) -> Result<u64, Trouble> {
        let bind = view::Bind::parse(bind)?;
        let parameters = bind.parameters();
        let given = Given { parameters: &parameters, types: &statement.types, results: bind.results };
        let values = Values::Bind { bind: &bind, types: &statement.types };
        let sent = Sent { asked: Asked::Bound(statement, &bind, told), given, values: &values };
        self.change_whole(change, sent).await
    }

    async fn change_whole(&mut self, change: &Change, sent: Sent<'_>) -> Result<u64, Trouble> {
        let own = self.begin_own(Access::Write);
        let result = Box::pin(self.change(change, sent)).await;
        let result = match self.kept.as_ref().and_then(|kept| kept.over) {
            Some(over) if result.is_ok() => Err(Refusal::too_much(over).into()),
            Some(_) | None => result,
        };
        if change.taints {
            self.held.iter_mut().filter(|held| held.is_member).for_each(|held| held.lease.has_unseen = true);
        }
        self.end_own(own, result).await
    }

    /// Returns how many rows there were.
    async fn change(&mut self, change: &Change, sent: Sent<'_>) -> Result<u64, Trouble> {
        if matches!(change.on, On::Moves(..)) || change.over.as_ref().is_some_and(Over::fetches_rows) {
            self.check_columns()?;
        }
        let every = ShardSet::first_of(self.map().shards.len());
        let shards = match &change.on {
            On::Rows(rows) | On::Moves(rows, _) => match route::shards(rows, sent.values, self.map())? {
                // No row at all: any server says so.
                ShardSet::EMPTY => ShardSet::of(ShardId(0)),
                shards => shards,
            },
            On::Copies => every,
        };
        let moves = |(number, (_, value)): (u16, &(Format, Option<&[u8]>))| {
            value.is_some_and(|value| change.moment_params.moves(number, value))
        };
        if shards.len() > 1 && (1..).zip(sent.given.parameters).any(moves) {
            return Err(Refusal::moving_time(change.verb, &change.table).into());
        }
        match &change.on {
            On::Rows(_) => Ok(self.change_on(change, sent, shards, Shows::All).await?.iter().sum()),
            On::Moves(_, moves) => self.change_and_move(change, moves, sent, shards).await,
            On::Copies => {
                let counts = self.change_on(change, sent, shards, Shows::First).await?;
                self.check_copies(&change.table, &counts)
            }
        }
    }

    /// Runs it on these shards, over what has to be fetched first. Returns how many rows each had.
    async fn change_on(
        &mut self,
        change: &Change,
        sent: Sent<'_>,
        shards: ShardSet,
        shows: Shows,
    ) -> Result<Vec<u64>, Trouble> {
        let access = Access::Write;
        let Some(over) = &change.over else {
            return self.fan_out(Run { access, asked: sent.asked, shows, is_locking: false }, shards).await;
        };
        let fetched = self.fetch_for(over, sent, shards).await?;
        let is_described = change.returns && matches!(sent.asked, Asked::Query(_));
        let asked = Asked::Over { gather: &over.gather, given: sent.given, fetched: &fetched, is_described };
        self.fan_out(Run { access, asked, shows, is_locking: false }, shards).await
    }

    async fn fetch_for(&mut self, over: &Over, sent: Sent<'_>, shards: ShardSet) -> Result<Fetched, Trouble> {
        let mut places = self.places(&over.gather, sent.values)?;
        if over.tells_time {
            // The shard on which the transaction began, if any.
            let member = self.held.iter().find(|held| held.is_member).map(|held| held.shard);
            let teller = member.or_else(|| shards.iter().next()).unwrap_or(ShardId(0));
            places.iter_mut().for_each(|(_, parts)| parts.retain(|part| *part != 0));
            places.retain(|(_, parts)| !parts.is_empty());
            match places.iter_mut().find(|(shard, _)| *shard == teller) {
                Some((_, parts)) => parts.push(0),
                None => places.push((teller, vec![0])),
            }
        }
        self.fetch_from(&over.gather, sent.given, places, Access::Read, None).await
    }

    /// An UPDATE of the key: where it is done, the rows that belong to another shard go there.
    async fn change_and_move(
        &mut self,
        change: &Change,
        moves: &Move,
        sent: Sent<'_>,
        shards: ShardSet,
    ) -> Result<u64, Trouble> {
        let home = route::shards(&moves.home, sent.values, self.map())?;
        let first = shards.iter().next().unwrap_or(ShardId(0));
        let in_the_way =
            self.fetch_from(&moves.guard, Given::NOTHING, vec![(first, vec![0])], Access::Read, None).await?;
        if in_the_way.iter().flatten().any(|rows| rows.count > 0) {
            let why = "Foreign keys tie its rows to others, which would not move with them.";
            return Err(Refusal::key_moved(&change.table, &moves.column, why).into());
        }
        let counts = self.change_on(change, sent, shards, Shows::All).await?;
        let leaving = shards.iter().zip(&counts).filter(|(shard, count)| !home.contains(*shard) && **count > 0);
        let (places, expected): (Vec<_>, Vec<u64>) = leaving.map(|(shard, count)| ((shard, vec![0]), *count)).unzip();
        if !places.is_empty() {
            let fetched = self.fetch_from(&moves.rows, sent.given, places, Access::Write, None).await?;
            let left: Vec<u64> = fetched.iter().flatten().map(|rows| u64::from(rows.count)).collect();
            let asked = Asked::Over { gather: &moves.rows, given: sent.given, fetched: &fetched, is_described: false };
            let run = Run { access: Access::Write, asked, shows: Shows::Nothing, is_locking: false };
            let arrived: u64 = self.fan_out(run, home).await?.iter().sum();
            if left != expected || arrived != expected.iter().sum::<u64>() {
                return Err(Refusal::key_moved(
                    &change.table,
                    &moves.column,
                    "Not all rows of its shards are at home there.",
                )
                .into());
            }
        }
        Ok(counts.iter().sum())
    }

    /// Did the statement concern as many rows of every copy?
    pub(super) fn check_copies(&self, table: &str, counts: &[u64]) -> Result<u64, Trouble> {
        let first = counts.first().copied().unwrap_or_default();
        if counts.iter().all(|count| *count == first) {
            return Ok(first);
        }
        let of = |(number, count): (usize, &u64)| format!("{count} on \"{}\"", self.shard_name(ShardId(number as u16)));
        let counts: Vec<String> = counts.iter().enumerate().map(of).collect();
        Err(Refusal::copies_differ(table, &counts.join(", ")).into())
    }
}
