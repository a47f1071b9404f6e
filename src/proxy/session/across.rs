//! Statements that one shard cannot answer: which way each goes, and the transaction that a write over several shards is.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::logic::plan::across::{Across, Read};
use crate::logic::plan::change::Change;
use crate::logic::plan::copies::Once;
use crate::logic::plan::copy_out::CopyOut;
use crate::logic::plan::merge::Merge;
use crate::logic::plan::{Access, CursorUse, Planned, Refusal};
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::view::Bind;
use crate::logic::protocol::write;
use crate::logic::session::pipeline::Owed;
use crate::logic::sql::statement::{Characteristics, Control, Reach};
use crate::proxy::session::merge::Merged;
use crate::proxy::session::split::{Input, Stored};
use crate::proxy::session::{AcrossPortal, Session, Trouble};
use crate::proxy::statements::Statement;

/// Is the transaction that a statement runs in its own, to be ended with it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// It began one
    Begun,
    /// It is part of a transaction block, or needs none
    No,
}

impl AcrossPortal {
    /// Servers have other portals under its name by now.
    pub(super) fn is_run(&self) -> bool {
        self.is_done || self.stored.is_some()
    }

    /// It has no rows that could be asked for later: PostgreSQL runs it once.
    fn runs_once(&self) -> bool {
        match &*self.across {
            Across::Change(Change { returns, .. }) | Across::Once(Once { returns, .. }) => !returns,
            Across::Split(split) => !split.returns,
            Across::Carry(carry) => !carry.returns,
            Across::CopyOut(_) | Across::Everywhere(_) => true,
            Across::Read(_)
            | Across::Cursor(_)
            | Across::Explain(_)
            | Across::Modifying(_)
            | Across::Staged(_)
            | Across::Numbers(_)
            | Across::Signal(_)
            | Across::Refuse(_) => false,
        }
    }
}

impl Session {
    /// A Query that needs several shards.
    pub(super) async fn across_query(&mut self, across: &Across, sql: &str) -> Result<(), Trouble> {
        self.check_alive()?;
        self.check_across(across)?;
        if !matches!(across, Across::Everywhere(_)) {
            self.check_bent(sql)?;
        }
        let before = self.client.mark();
        let result = match across {
            Across::Read(read) => self.read_query(read, sql).await,
            Across::Change(change) => self.change_query(change, sql).await,
            Across::Once(once) => self.once_query(once).await,
            Across::CopyOut(out) => self.copy_out_query(out, sql).await,
            Across::Split(split) => self.split_query(split, sql).await,
            Across::Carry(carry) => self.carry_query(carry, sql).await,
            Across::Modifying(modified) => self.modifying_query(modified, sql).await,
            Across::Staged(staged) => {
                let across = self.staged(staged, &Input::of_query(sql)).await?;
                return Box::pin(self.across_query(&across, sql)).await;
            }
            Across::Numbers(numbers) => self.numbers_query(numbers, sql).await,
            Across::Everywhere(everywhere) => self.everywhere_query(everywhere, sql).await,
            Across::Cursor(cursor) => self.declare_across(cursor).await,
            Across::Explain(explained) => self.explain_query(explained).await,
            Across::Signal(signal) => self.signal_query(signal).await,
            Across::Refuse(refusal) => Err(refusal.clone().into()),
        };
        if matches!(result, Err(Trouble::Told)) || result.is_ok() && self.pipeline.failure.is_some() {
            Box::pin(self.locate(before, sql)).await?;
        }
        result
    }

    async fn read_query(&mut self, read: &Read, sql: &str) -> Result<(), Trouble> {
        if let Some(fanout) = &read.fanout {
            return self.fan_out_query(fanout, sql).await;
        }
        if let Some(merge) = self.merged_by(read)
            && let Merged::Done(_) = self.merge_query(&merge).await?
        {
            return Ok(());
        }
        self.check_columns()?;
        match &read.gather {
            Ok(gather) => self.gather_query(gather, read.stores, sql).await.map(drop),
            Err(refusal) => Err(refusal.clone().into()),
        }
    }

    /// Execute of a portal over several shards stands at the front.
    pub(super) async fn execute_across(&mut self, name: &[u8], limit: i32) -> Result<(), Trouble> {
        let Some(place) = self.portals.iter().position(|portal| *portal.name == *name) else { return Ok(()) };
        let Some(portal) = self.portals[place].across.take() else { return Ok(()) };
        let result = self.execute_taken(place, portal, name, limit).await;
        if result.is_err()
            && let Some(portal) = self.portals.iter_mut().find(|portal| *portal.name == *name)
        {
            // The server that has described it would run it over its own rows.
            portal.has_failed = true;
        }
        result
    }

    async fn execute_taken(
        &mut self,
        place: usize,
        mut portal: Box<AcrossPortal>,
        name: &[u8],
        limit: i32,
    ) -> Result<(), Trouble> {
        let size = self.client.front().size();
        if portal.runs_once() && portal.is_run() {
            return Err(Fault::PortalIsDone(String::from_utf8_lossy(name).into_owned()).into());
        }
        self.check_since(&portal)?;
        self.asks_primaries |= self.portals[place].shape.is_for_primary;
        let access = super::only(&self.portals[place].shape).map_or(Access::Write, Planned::access);
        self.heed_goodbye(access, size);
        self.executed = self.executed.wrapping_add(1);
        if !portal.is_run() {
            self.begin_portal(&mut portal, size).await?;
        }
        match &*Arc::clone(&portal.across) {
            Across::Change(_) | Across::Once(_) if portal.is_done => {
                return Err(Refusal::alone("executing a portal of a write twice").into());
            }
            _ if portal.is_done => {
                self.client.consume(size);
                write::command_complete(&mut self.client.outbox, "SELECT 0");
                self.portals[place].across = Some(portal);
            }
            Across::Read(Read { fanout: Some(fanout), .. }) if limit == 0 || fanout.is_locking => {
                // Who wants some rows first would wait with the locks of all.
                if limit != 0 {
                    return Err(Refusal::across("FOR UPDATE in a portal with a row limit").into());
                }
                self.client.consume(size);
                self.fan_out_portal(fanout, &portal.statement, (&portal.bind, portal.told.as_deref())).await?;
                self.is_over(place, *portal);
            }
            Across::CopyOut(out) => {
                self.client.consume(size);
                self.copy_out_portal(out, &portal.statement, &portal.bind).await?;
                self.is_over(place, *portal);
            }
            Across::Read(read) => self.read_portal(read, place, portal, limit, size).await?,
            Across::Cursor(cursor) => {
                let shard = self.declare_portal(cursor, &portal.statement.types, &portal.bind).await?;
                if let Some(it) = self.portals.get_mut(place) {
                    it.shard = Some(shard);
                }
            }
            Across::Change(Change { returns: true, .. }) | Across::Once(Once { returns: true, .. })
                if limit > 0 || portal.stored.is_some() =>
            {
                self.give_stored(place, portal, limit, size).await?;
            }
            Across::Change(change) => {
                self.client.consume(size);
                self.change_portal(change, &portal.statement, &portal.bind).await?;
                self.is_over(place, *portal);
            }
            Across::Once(once) => {
                self.client.consume(size);
                self.once_portal(once, &portal.statement.types, &portal.bind).await?;
                self.is_over(place, *portal);
            }
            Across::Split(_) | Across::Carry(_) | Across::Modifying(_) => {
                self.give_stored(place, portal, limit, size).await?;
            }
            Across::Staged(_) => return Err(Fault::Broken("a staged write that has not been planned".into()).into()),
            Across::Numbers(_) | Across::Explain(_) | Across::Signal(_) => {
                self.give_stored(place, portal, limit, size).await?;
            }
            Across::Everywhere(everywhere) => {
                self.client.consume(size);
                if self.transaction.is_idle() {
                    self.sync_servers().await?;
                }
                let tag = self.run_everywhere(everywhere, &portal.statement.text).await?;
                write::command_complete(&mut self.client.outbox, &tag);
                self.is_over(place, *portal);
            }
            Across::Refuse(refusal) => return Err(refusal.clone().into()),
        }
        Ok(())
    }

    /// Execute of `size` bytes of a portal that has not run yet.
    async fn begin_portal(&mut self, portal: &mut AcrossPortal, size: usize) -> Result<(), Trouble> {
        if self.portals.len() == 1 && self.is_followed_by_sync(size) {
            self.let_go(None).await?;
        }
        self.take_part_as(&portal.across, size).await?;
        if let Across::Staged(staged) = &*Arc::clone(&portal.across) {
            portal.across = Arc::new(self.staged_portal(staged, portal).await?);
        }
        Ok(())
    }

    /// Describe of a portal that has been run stands at the front: it is bound once more, to be described.
    pub(super) async fn describe_across(&mut self, name: &[u8]) -> Result<(), Trouble> {
        const PORTAL: &[u8] = b"shardway_described";
        self.client.consume(self.client.front().size());
        let portal = self.portals.iter().find(|portal| *portal.name == *name);
        let Some(portal) = portal.and_then(|portal| portal.across.as_ref()) else { return Ok(()) };
        let (statement, bind) = (Arc::clone(&portal.statement), portal.bind.clone());
        let shape = statement.shape(&self.picture().planner);
        let statement = self.as_described(&statement, &shape)?;
        let target = self.target(self.is_parsed_at(&shape), Access::Read)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.ensure(index, &statement, true, &mut SmallVec::new());
        let out = self.outgoing.buffer();
        write::bind(out, PORTAL, &statement.server_name(), Bind::parse(&bind)?.tail);
        write::on_portal(out, client::DESCRIBE, PORTAL);
        write::on_portal(out, client::CLOSE, PORTAL);
        self.pipeline.owe(Owed::HiddenBind);
        self.pipeline.owe(Owed::Describe);
        self.pipeline.owe(Owed::HiddenClose);
        self.flush_to(index).await
    }

    /// What is bound now, to be executed over several shards.
    pub(super) fn bound_across(
        &self,
        across: Arc<Across>,
        statement: &Arc<Statement>,
        bind: &[u8],
    ) -> Box<AcrossPortal> {
        let (statement, bind, since) = (Arc::clone(statement), bind.to_vec(), self.executed);
        Box::new(AcrossPortal { across, statement, bind, since, told: None, is_done: false, stored: None })
    }

    /// PostgreSQL shows the rows that were there at the Bind, the shards those of the Execute: nothing may have been written
    /// between the two.
    fn check_since(&self, portal: &AcrossPortal) -> Result<(), Refusal> {
        let is_read = matches!(&*portal.across, Across::Read(_)) && !portal.is_run();
        let has_gone_on = self.executed != portal.since;
        match is_read && has_gone_on && self.held.iter().any(|held| held.has_written) {
            true => Err(Refusal::across("a portal that is executed after a later write of its transaction")),
            false => Ok(()),
        }
    }

    /// Execute of `size` bytes of a write, which is done first; then its rows are given as they are asked for.
    async fn give_stored(
        &mut self,
        place: usize,
        mut portal: Box<AcrossPortal>,
        limit: i32,
        size: usize,
    ) -> Result<(), Trouble> {
        self.client.consume(size);
        let mut stored = match portal.stored.take() {
            Some(stored) => stored,
            None => {
                let bind = (&*portal.bind, portal.told.as_deref());
                self.store_portal(&Arc::clone(&portal.across), &portal.statement, bind).await?
            }
        };
        stored.give(limit, &mut self.client.outbox);
        portal.stored = Some(stored);
        if let Some(it) = self.portals.get_mut(place) {
            it.across = Some(portal);
        }
        Ok(())
    }

    /// Execute of `size` bytes of the portal at this place: merged where all rows are wanted at once.
    async fn read_portal(
        &mut self,
        read: &Read,
        place: usize,
        portal: Box<AcrossPortal>,
        limit: i32,
        size: usize,
    ) -> Result<(), Trouble> {
        if let Some(merge) = self.merged_by(read).filter(|_| limit == 0)
            && let Merged::Done(_) = self.merge_portal(&merge, &portal.statement, &portal.bind, None).await?
        {
            self.client.consume(size);
            self.is_over(place, *portal);
            return Ok(());
        }
        self.check_columns()?;
        let gather = read.gather.as_ref().map_err(Clone::clone)?;
        // From now on it is a portal of one server, which the Execute goes to.
        let index = self.gather_portal(gather, &portal.statement.types, &portal.bind).await?;
        let shard = self.held[index].shard;
        if let Some(it) = self.portals.get_mut(place) {
            it.shard = Some(shard);
        }
        Ok(())
    }

    /// EXECUTE in SQL of a statement that needs several shards. PostgreSQL has all its rows before it tells of any: an error comes
    /// alone. Here that is so as long as they have not been sent.
    pub(super) async fn across_bound(
        &mut self,
        across: &Across,
        statement: &Arc<Statement>,
        bind: &[u8],
    ) -> Result<(), Trouble> {
        self.check_across(across)?;
        let begun = self.client.mark();
        let result = self.run_bound(across, statement, bind).await;
        if let Err(Trouble::Told) = &result {
            self.client.take_back(begun, self.client.mark(), &[server::ROW_DESCRIPTION, server::DATA_ROW]);
        }
        result
    }

    /// The client is told of the columns first.
    async fn run_bound(&mut self, across: &Across, statement: &Arc<Statement>, bind: &[u8]) -> Result<(), Trouble> {
        match across {
            Across::Read(Read { fanout: Some(fanout), .. }) => {
                self.describe_bound(statement, bind).await?;
                self.fan_out_portal(fanout, statement, (bind, None)).await?;
                self.say_ready();
                Ok(())
            }
            Across::Change(change) => {
                self.describe_bound(statement, bind).await?;
                self.change_portal(change, statement, bind).await?;
                self.say_ready();
                Ok(())
            }
            Across::Once(once) => {
                self.describe_bound(statement, bind).await?;
                self.once_portal(once, &statement.types, bind).await?;
                self.say_ready();
                Ok(())
            }
            Across::Read(Read { gather: Ok(gather), .. }) => {
                self.check_columns()?;
                self.gather_bound(gather, &statement.types, bind).await.map(drop)
            }
            Across::Split(_) | Across::Carry(_) | Across::Modifying(_) | Across::Numbers(_) | Across::Signal(_) => {
                self.describe_bound(statement, bind).await?;
                let mut stored = self.store_portal(across, statement, (bind, None)).await?;
                stored.give(0, &mut self.client.outbox);
                self.say_ready();
                Ok(())
            }
            Across::CopyOut(out) => {
                self.copy_out_portal(out, statement, bind).await?;
                self.say_ready();
                Ok(())
            }
            Across::Everywhere(everywhere) => self.everywhere_query(everywhere, &statement.text).await,
            Across::Staged(staged) => {
                let across = self.staged(staged, &Input::of_bind(statement, &Bind::parse(bind)?)).await?;
                Box::pin(self.run_bound(&across, statement, bind)).await
            }
            Across::Explain(explained) => self.explain_bound(explained, statement, bind).await,
            // PREPARE takes no DECLARE CURSOR.
            Across::Cursor(_) => Err(Refusal::across("a prepared command").into()),
            Across::Read(Read { gather: Err(refusal), .. }) | Across::Refuse(refusal) => Err(refusal.clone().into()),
        }
    }

    /// A write that is bound, and the rows that it returns.
    async fn store_portal(
        &mut self,
        across: &Across,
        statement: &Statement,
        (bind, told): (&[u8], Option<&[u8]>),
    ) -> Result<Stored, Trouble> {
        match across {
            Across::Split(split) => self.split_portal(split, statement, bind).await,
            Across::Carry(carry) => self.carry_portal(carry, statement, bind).await,
            Across::Modifying(modified) => self.modifying_portal(modified, statement, bind).await,
            Across::Numbers(numbers) => self.numbers_portal(numbers, statement, bind).await,
            Across::Change(change) => self.change_kept(change, statement, (bind, told)).await,
            Across::Once(once) => self.once_kept(once, &statement.types, bind).await,
            Across::Explain(explained) => self.explain_portal(explained, statement, bind).await,
            Across::Signal(signal) => self.signal_portal(signal, statement, bind).await,
            Across::Read(_)
            | Across::Staged(_)
            | Across::CopyOut(_)
            | Across::Everywhere(_)
            | Across::Cursor(_)
            | Across::Refuse(_) => Err(Fault::Broken("a statement that stores no rows".into()).into()),
        }
    }

    /// All its rows have been sent.
    fn is_over(&mut self, place: usize, portal: AcrossPortal) {
        if let Some(it) = self.portals.get_mut(place) {
            it.across = Some(Box::new(AcrossPortal { is_done: true, ..portal }));
        }
    }

    /// What a statement does is undone with its pipeline, and nothing of it may end what the pipeline has begun. `size` is
    /// that of its Execute.
    async fn take_part_as(&mut self, across: &Across, size: usize) -> Result<(), Trouble> {
        let is_last = self.is_followed_by_sync(size);
        match across {
            Across::Read(Read { fanout: Some(fanout), .. }) if fanout.is_locking => self.take_part(is_last).await,
            Across::Read(Read { gather: Ok(gather), .. }) if gather.access == Access::Write => {
                self.take_part(is_last).await
            }
            Across::Change(_) | Across::Once(_) | Across::Split(_) | Across::Carry(_) => self.take_part(is_last).await,
            Across::Modifying(_) | Across::Staged(_) | Across::Numbers(_) => self.take_part(is_last).await,
            Across::Explain(explained) => {
                let is_write = explained.is_analyze && matches!(*explained.inner, Across::Change(_));
                self.take_part(!is_write || is_last).await
            }
            Across::Cursor(cursor) => {
                if cursor.mark.cursors.iter().any(CursorUse::needs_block) {
                    self.check_block("DECLARE CURSOR")?;
                }
                self.take_part(true).await
            }
            Across::Everywhere(everywhere) => {
                // VACUUM and its kin commit at once, unless they come too late for it.
                let commits_at_once = matches!(everywhere.reach, Reach::Upkeep | Reach::Outside);
                self.take_part(commits_at_once || is_last).await
            }
            Across::CopyOut(CopyOut::Answer { .. }) => self.take_part(true).await,
            Across::Read(_) | Across::CopyOut(CopyOut::Pieces { .. }) | Across::Signal(_) | Across::Refuse(_) => Ok(()),
        }
    }

    /// The merge of a query: nothing is known against it, and it is right for the columns that its tables have by now.
    fn merged_by<'r>(&self, read: &'r Read) -> Option<Cow<'r, Merge>> {
        let merge = read.merge.as_deref().filter(|merge| merge.is_suited())?;
        if self.has_ddl { merge.of_new_columns().map(Cow::Owned) } else { Some(Cow::Borrowed(merge)) }
    }

    /// Rows are fetched by the columns that their table had before this transaction.
    pub(super) fn check_columns(&self) -> Result<(), Refusal> {
        if self.has_ddl { Err(Refusal::after_ddl()) } else { Ok(()) }
    }

    /// A statement over several shards that writes outside a transaction block is a transaction of its own.
    pub(super) fn begin_own(&mut self, access: Access) -> Own {
        if access == Access::Read || !self.transaction.is_idle() {
            return Own::No;
        }
        let begin = Control::Begin(Characteristics::default());
        drop(self.transaction.on_command(&begin, "BEGIN"));
        self.transaction.default_to(self.default_modes());
        self.settings.begin();
        Own::Begun
    }

    /// Commits or undoes what `begin_own` began, on all its shards, as the statement went.
    pub(super) async fn end_own<T>(&mut self, own: Own, result: Result<T, Trouble>) -> Result<T, Trouble> {
        match (own, result) {
            (Own::No, result) | (Own::Begun, result @ Err(Trouble::End(_))) => result,
            (Own::Begun, Ok(value)) => {
                self.commit_everywhere().await?;
                self.transaction.committed(false);
                self.transaction_ended(true);
                Ok(value)
            }
            (Own::Begun, Err(trouble)) => {
                self.undo().await;
                Err(trouble)
            }
        }
    }
}
