//! Statements that concern every shard as a whole. The shards run them in their order, so that two sessions cannot lock
//! each other out; the client hears what the first one says, and an error of any.

use crate::logic::plan::across::Across;
use crate::logic::plan::altered::telling;
use crate::logic::plan::everywhere::{Everywhere, SET_CONSTRAINTS};
use crate::logic::plan::{Access, Refusal};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::{view, write};
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Owed;
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::Reach;
use crate::proxy::metrics::PlanKind;
use crate::proxy::session::{Session, Trouble};

/// Of several sessions that list tables at a time one comes first, and the others begin again: this often at most.
const RACES_MAX: usize = 32;

/// What came of it on one shard.
enum Ended {
    /// The command tag
    Done(String),
    /// The body of the server's ErrorResponse
    Failed(Box<[u8]>),
}

/// A name means nothing there: of a table, a type or an index, a function, a column. PL/pgSQL has errors of syntax for `t.c%TYPE`.
fn is_unknown(body: &[u8]) -> bool {
    matches!(view::error_field(body, b'C'), Some(b"42P01" | b"42704" | b"42883" | b"42703" | b"42601"))
}

impl Session {
    /// A Query, or a part of one, that every shard runs.
    pub(super) async fn everywhere_query(&mut self, everywhere: &Everywhere, sql: &str) -> Result<(), Trouble> {
        let tag = self.run_everywhere(everywhere, sql).await?;
        write::command_complete(&mut self.client.outbox, &tag);
        self.say_ready();
        Ok(())
    }

    /// Runs it on every shard. Returns the command tag; the schema that comes out of it is known by then.
    pub(super) async fn run_everywhere(&mut self, everywhere: &Everywhere, sql: &str) -> Result<String, Trouble> {
        let is_alone = self.transaction.is_idle() && !self.is_implicit_open();
        let Some(listing) = everywhere.listing.as_ref().filter(|_| is_alone) else {
            return self.try_everywhere(everywhere, sql).await;
        };
        let place = listing.place(self.map());
        let mut result = self.try_everywhere(everywhere, sql).await;
        for _ in 0..RACES_MAX {
            let Err(trouble) = &result else { break };
            let again = self.placed_again(sql, &place, trouble)?;
            let Some(Across::Everywhere(everywhere)) = again.as_deref() else { break };
            result = self.try_everywhere(everywhere, sql).await;
        }
        result
    }

    async fn try_everywhere(&mut self, everywhere: &Everywhere, sql: &str) -> Result<String, Trouble> {
        self.isolate(Access::Write).await?;
        if everywhere.divided.as_ref().is_some_and(|it| it.names_unheard)
            && self.with_temporary_objects().next().is_some()
        {
            return Err(Refusal::temporary_elsewhere().into());
        }
        let needs_no_block = matches!(everywhere.reach, Reach::Upkeep | Reach::Outside);
        let (is_named, needs_block) = (everywhere.verb == SET_CONSTRAINTS, everywhere.reach == Reach::Block);
        if is_named && self.check_block(everywhere.verb).is_err() {
            // PostgreSQL warns, and looks whether it is there.
            return Err(Refusal::named_constraints().into());
        }
        if needs_block {
            self.check_block(everywhere.verb)?;
        }
        if let Some(listing) = &everywhere.listing {
            self.check_no_shadow(&listing.table.name)?;
            self.may_list(listing).await?;
        }
        if everywhere.reach == Reach::Roles && self.has_shared_server() {
            return Err(Refusal::shared_server(everywhere.verb).into());
        }
        let (sql, fill) = match &everywhere.fill {
            Some(fill) => {
                self.check_columns()?;
                self.check_bent(sql)?;
                (&*fill.create, Some(fill))
            }
            None => (sql, None),
        };
        self.close_gate(everywhere);
        self.pipeline.hears_once = everywhere.divided.is_some();
        let result = if needs_no_block && self.transaction.is_idle() {
            self.run_in_turn(everywhere, sql).await
        } else {
            // In a transaction block PostgreSQL itself says what it does not let in.
            let own = self.begin_own(Access::Write);
            let mut result = self.run_in_transaction(everywhere, sql).await;
            if let (Ok(tag), Some(fill)) = (&mut result, fill) {
                match Box::pin(self.fill(everywhere, fill)).await {
                    Ok(Some(filled)) => *tag = filled,
                    Ok(None) => (),
                    Err(trouble) => result = Err(trouble),
                }
            }
            if let (Ok(_), Some(listing)) = (&result, &everywhere.listing)
                && let Err(fault) = self.made_table(listing)
            {
                result = Err(fault.into());
            }
            self.end_own(own, result).await
        };
        self.pipeline.hears_once = false;
        // Where nobody knows how it ended it may have been done.
        let may_be_done = result.is_ok() || needs_no_block || matches!(result, Err(Trouble::Fault(_)));
        self.has_ddl |= everywhere.is_ddl && may_be_done;
        if result.is_ok() && !self.transaction.is_idle() {
            self.names.get_or_insert_default().change(everywhere, sql);
        }
        self.schema_may_have_changed(false).await?;
        result
    }

    fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.map().shards.len()).map(|index| ShardId(index as u16))
    }

    /// Do two shards lie on one server?
    fn has_shared_server(&self) -> bool {
        let shards = &self.picture().database.shards;
        let address = |index: usize| &shards[index].primary.address;
        (1..shards.len()).any(|index| {
            (0..index)
                .any(|other| address(index).host == address(other).host && address(index).port == address(other).port)
        })
    }

    /// As a part of the open transaction.
    async fn run_in_transaction(&mut self, everywhere: &Everywhere, sql: &str) -> Result<String, Trouble> {
        let (mut tag, mut unknown) = (None, None);
        let restarts = match &everywhere.restart {
            Some(restart) => self.restarts(restart).await?,
            None => Vec::new(),
        };
        let (sought, last) = (everywhere.sought(sql), self.shards().last());
        for shard in self.shards() {
            let Some(sql) = everywhere.share(shard, sql) else { continue };
            let target = self.target(Destination::Shard(shard), Access::Write)?;
            let index = self.hold(target).await?;
            self.pipeline.clear();
            self.prepare(index);
            let may_know = match &sought {
                Some(question) => self.has_any(index, question).await?,
                None => true,
            };
            if !may_know && (tag.is_some() || Some(shard) != last) {
                continue;
            }
            self.wrote(index);
            let mut ended = Ended::Done(String::new());
            if let Some(before) = everywhere.before(sql) {
                ended = self.run_on(index, &before, false).await?;
                self.settle(index);
                self.pipeline.clear();
            }
            if matches!(ended, Ended::Done(_)) {
                ended = self.run_on(index, sql, tag.is_none()).await?;
                self.settle(index);
            }
            let afters = everywhere.after(shard, self.picture().database.limits.sequence_stride);
            for after in afters.chain(restarts.get(usize::from(shard.0)).cloned()) {
                if matches!(ended, Ended::Failed(_)) {
                    break;
                }
                self.pipeline.clear();
                if let failed @ Ended::Failed(_) = self.run_on(index, &after, false).await? {
                    ended = failed;
                }
                self.settle(index);
            }
            match ended {
                Ended::Done(said) if everywhere.speaks(shard) => drop(tag.get_or_insert(said)),
                Ended::Done(_) => (),
                // undefined_object
                Ended::Failed(body)
                    if everywhere.verb == SET_CONSTRAINTS
                        && may_know
                        && view::error_field(&body, b'C') == Some(b"42704") =>
                {
                    return Err(Refusal::named_constraints().into());
                }
                // PostgreSQL's own error, unless another shard knows the name.
                Ended::Failed(body) if everywhere.is_ddl && is_unknown(&body) => {
                    unknown.get_or_insert((shard, body));
                }
                Ended::Failed(body) => return Err(self.pass_error(unknown.as_ref().map_or(&body, |(_, first)| first))),
            }
            if let (Some(_), Some((shard, body))) = (&tag, &unknown) {
                let said = String::from_utf8_lossy(view::error_field(body, b'M').unwrap_or_default());
                return Err(Refusal::known_elsewhere(everywhere.verb, self.shard_name(*shard), &said).into());
            }
        }
        match unknown {
            Some((_, body)) => Err(self.pass_error(&body)),
            None => Ok(tag.unwrap_or_default()),
        }
    }

    /// Shard by shard, each by itself. An error says where it has been done and where not.
    async fn run_in_turn(&mut self, everywhere: &Everywhere, sql: &str) -> Result<String, Trouble> {
        let (mut tag, mut done, mut unknown) = (None, Vec::new(), None);
        let shares = self.shards().filter_map(|shard| Some((shard, everywhere.share(shard, sql)?)));
        let shares: Vec<(ShardId, &str)> = shares.collect();
        for (number, (shard, sql)) in shares.iter().enumerate() {
            let failed = match self.run_alone(*shard, sql, tag.is_none()).await {
                Ok(Ended::Done(said)) => {
                    tag.get_or_insert(said);
                    done.push(*shard);
                    continue;
                }
                // Another shard may have it.
                Ok(Ended::Failed(body)) if everywhere.seeks && is_unknown(&body) => {
                    unknown.get_or_insert(body);
                    continue;
                }
                Ok(Ended::Failed(body)) => body,
                Err(Trouble::Fault(fault)) => {
                    let mut error = Vec::new();
                    fault.write(&mut error);
                    error.split_off(crate::logic::protocol::frame::HEADER).into()
                }
                Err(trouble) => return Err(trouble),
            };
            let left: Vec<ShardId> = shares.iter().skip(number + 1).map(|(shard, _)| *shard).collect();
            let body = view::with_report(&failed, self.shard_name(*shard), &self.report_of(&done, &left));
            return Err(self.pass_error(&body));
        }
        match unknown.filter(|_| tag.is_none()) {
            Some(body) => Err(self.pass_error(&body)),
            None => Ok(tag.unwrap_or_default()),
        }
    }

    async fn run_alone(&mut self, shard: ShardId, sql: &str, is_first: bool) -> Result<Ended, Trouble> {
        let target = self.target(Destination::Shard(shard), Access::Write)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare_settings(index);
        self.wrote(index);
        self.run_on(index, sql, is_first).await
    }

    /// Has a server rows that answer this?
    async fn has_any(&mut self, index: usize, question: &str) -> Result<bool, Trouble> {
        let ended = self.run_on(index, question, false).await?;
        self.settle(index);
        self.pipeline.clear();
        Ok(!matches!(ended, Ended::Done(tag) if tag == "SELECT 0"))
    }

    async fn run_on(&mut self, index: usize, sql: &str, is_first: bool) -> Result<Ended, Trouble> {
        let (shard, role) = (self.held[index].shard, self.held[index].role);
        self.metrics.statement(Some((shard, role)), PlanKind::Fanout);
        // Those that are told different things have different remarks.
        let is_first = is_first || self.pipeline.hears_once;
        self.ask(index, Owed::Everywhere { is_first }, sql);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        Ok(match self.pipeline.deaf_failure.take() {
            Some(body) => Ended::Failed(body),
            None => Ended::Done(String::from_utf8_lossy(&self.pipeline.tag.take().unwrap_or_default()).into_owned()),
        })
    }

    /// The client gets a server's error.
    pub(super) fn pass_error(&mut self, body: &[u8]) -> Trouble {
        self.metrics.error(view::error_field(body, b'C').unwrap_or(b"XX000"));
        write::frame(&mut self.client.outbox, server::ERROR, |out| out.extend_from_slice(body));
        Trouble::Told
    }

    fn report_of(&self, done: &[ShardId], left: &[ShardId]) -> String {
        let names = |shards: &[ShardId]| {
            let names: Vec<String> = shards.iter().map(|shard| format!("\"{}\"", self.shard_name(*shard))).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        format!("Done on: {}. Not begun on: {}.", names(done), names(left))
    }

    /// A statement that looks at what this transaction has changed, in a way that plans do not know of yet.
    pub(super) fn check_bent(&self, text: &str) -> Result<(), Refusal> {
        let Some(names) = &self.names else { return Ok(()) };
        self.check_shadows(text)?;
        let sql = telling(text).to_lowercase();
        if let Some(altered) = names.altered.iter().find(|altered| altered.forbids(text)) {
            return Err(Refusal::changed_here(&altered.table));
        }
        match names.bent_in(&sql) {
            Some(name) => Err(Refusal::changed_here(name)),
            None if names.anything => Err(Refusal::changed_anything()),
            None => Ok(()),
        }
    }

    /// Rows that one shard makes are given to others by the columns that plans know.
    pub(super) fn check_unaltered(&self, table: &str) -> Result<(), Refusal> {
        match self.names.as_ref().is_some_and(|names| names.altered.iter().any(|it| *it.table == *table)) {
            true => Err(Refusal::changed_here(table)),
            false => Ok(()),
        }
    }
}
