//! The extended protocol: segments of a pipeline go to their shards in as few sends as can be, errors skip to Sync.

use std::time::Instant;

use crate::logic::plan::{Access, Mark, Plan};
use crate::logic::protocol::frame::{self, client};
use crate::logic::protocol::write;
use crate::logic::session::pipeline::{Owed, Withheld};
use crate::logic::shards::ShardId;
use crate::logic::topology::Role;
use crate::logic::transaction::Transaction;
use crate::proxy::metrics::PlanKind;
use crate::proxy::session::exchange::Outcome;
use crate::proxy::session::segment::{Cut, Given, Segment, Step};
use crate::proxy::session::servers::{Held, Target};
use crate::proxy::session::shapes::is_ours;
use crate::proxy::session::steps::own_columns;
use crate::proxy::session::vacate::vacates;
use crate::proxy::session::{End, Run, Session, Trouble};

/// A text no parser takes: makes a server abort its implicit transaction as PostgreSQL would have.
const POISON: &[u8] = b"refused by the proxy";

/// How far a run of messages came.
pub(super) enum Progress {
    /// There may be more to serve
    Served,
    /// More bytes are needed
    Wants,
}

impl Session {
    /// Messages of the extended protocol stand at the front.
    pub(super) async fn extended(&mut self) -> Result<Progress, Trouble> {
        if self.run == Run::Skipping {
            return Box::pin(self.end_of_skipped()).await;
        }
        if !self.is_gathered() {
            return Ok(Progress::Wants);
        }
        let started = Instant::now();
        self.begin(started);
        if self.shared.gates.are_any_closed()
            && let Err(fault) = Box::pin(self.pass_gates()).await
        {
            return self.segment_ended(Err(fault.into()), started, false).await;
        }
        self.see_gates();
        if let Err(fault) = self.look() {
            Box::pin(self.lose_map(fault)).await?;
        }
        let mut segment = self.gather_segment(0);
        self.asks_primaries |= !self.may_read_ahead(&segment);
        let mut lanes = self.gather_lanes(&mut segment);
        let cut = std::mem::replace(&mut segment.cut, Cut::Next);
        self.run = if matches!(cut, Cut::Sync) { Run::Between } else { Run::Pipelining };
        let ends_nothing = matches!(cut, Cut::Sync) && segment.size == frame::HEADER && self.is_quiet();
        let result = if lanes.is_empty() {
            self.run_segment(&mut segment, &cut).await
        } else {
            let is_sync = matches!(cut, Cut::Sync) && !segment.needs_server;
            match Box::pin(self.run_lanes(&mut lanes, &mut segment, is_sync)).await {
                // What has not been consumed is skipped, its Sync too.
                Ok(()) if self.run == Run::Skipping => return Ok(Progress::Served),
                Err(Trouble::End(end)) => return Err(end.into()),
                Err(trouble) => return Box::pin(self.skip(&trouble)).await.map(|()| Progress::Served),
                Ok(()) => {
                    segment.move_to_front();
                    Box::pin(self.run_segment(&mut segment, &cut)).await
                }
            }
        };
        if segment.is_before_direct && result.is_ok() && self.run != Run::Skipping {
            // It is part of what comes next, which comes by its servers in their order.
            self.transaction_started.get_or_insert(started);
            self.release();
            return Ok(Progress::Served);
        }
        let result = match (result, cut) {
            (Ok(()), _) if self.run == Run::Skipping => Ok(()),
            (Ok(()), Cut::Act(shape)) => Box::pin(self.act_extended(&shape)).await,
            (Ok(()), Cut::Across(portal, limit)) => Box::pin(self.execute_across(&portal, limit)).await,
            (Ok(()), Cut::Direct(direct)) => {
                self.heed_goodbye(Access::Read, direct.size);
                Box::pin(self.run_direct(*direct)).await
            }
            (Ok(()), Cut::Described(portal)) => Box::pin(self.describe_across(&portal)).await,
            (Ok(()), Cut::Executed(portal)) => Box::pin(self.bind_executed(&portal)).await,
            (Ok(()), Cut::Trouble(trouble)) => Err(trouble),
            (Ok(()), Cut::Sync | Cut::Flush | Cut::Pause | Cut::Next) => Ok(()),
            (Err(trouble), cut) => {
                if matches!(cut, Cut::Sync) {
                    self.is_synced = true;
                }
                Err(trouble)
            }
        };
        self.segment_ended(result, started, ends_nothing).await
    }

    /// No server has been sent messages that await their Sync.
    fn is_quiet(&self) -> bool {
        !self.is_implicit && self.held.iter().all(|held| !held.in_pipeline)
    }

    /// `ends_nothing`: a Sync behind what has ended, and been counted, already.
    async fn segment_ended(
        &mut self,
        result: Result<(), Trouble>,
        started: Instant,
        ends_nothing: bool,
    ) -> Result<Progress, Trouble> {
        match result {
            Ok(()) => (),
            Err(Trouble::End(end)) => return Err(end.into()),
            Err(trouble) => Box::pin(self.skip(&trouble)).await?,
        }
        if ends_nothing {
            self.end_batch();
        } else if self.held.iter().all(|held| !held.in_pipeline) {
            self.end_statement(started);
        } else {
            // Its transaction is as old as its first messages.
            self.transaction_started.get_or_insert(started);
        }
        Ok(Progress::Served)
    }

    /// Reports an error of ours; what follows up to Sync is skipped.
    async fn skip(&mut self, trouble: &Trouble) -> Result<(), Trouble> {
        Box::pin(self.hear_in_trouble(trouble)).await?;
        self.tell(trouble);
        self.transaction.abort();
        self.forget_declared();
        self.run = Run::Skipping;
        if std::mem::take(&mut self.is_synced) {
            return self.sync_after_error().await;
        }
        Ok(())
    }

    /// Sync after an error of ours, or of a server that has not been sent one.
    async fn end_of_skipped(&mut self) -> Result<Progress, Trouble> {
        const SYNC_SIZE: usize = frame::HEADER;
        let started = Instant::now();
        self.client.consume(SYNC_SIZE);
        self.sync_after_error().await?;
        self.end_statement(started);
        Ok(Progress::Served)
    }

    pub(super) async fn sync_after_error(&mut self) -> Result<(), Trouble> {
        self.run = Run::Between;
        self.undo_implicit().await?;
        self.say_ready();
        Ok(())
    }

    /// Ends the implicit transactions that a pipeline has left, undone: a server that has written without failing itself
    /// must be made to.
    pub(super) async fn undo_pipeline(&mut self) -> Result<(), Trouble> {
        while let Some(index) = self.held.iter().position(|held| held.in_pipeline) {
            let held = &mut self.held[index];
            held.in_pipeline = false;
            // One that skips to Sync has failed by itself.
            let must_fail = held.has_written && !held.is_member && held.status != b'E';
            self.pipeline.clear();
            if must_fail {
                write::parse(self.outgoing.buffer(), b"", POISON, b"");
                self.pipeline.owe(Owed::Poison(Box::default()));
                self.held[index].lease.unnamed = None;
            }
            write::bare(self.outgoing.buffer(), client::SYNC);
            self.pipeline.owe(Owed::HiddenSync);
            let outcome = self.converse(index, None).await?;
            self.trouble_of(index, outcome)?;
            // An error on another of its servers is the transaction's, whatever this one says.
            if self.held.get(index).is_some_and(|held| held.is_member) && self.transaction.status() != b'E' {
                self.settle(index);
            }
        }
        Ok(())
    }

    async fn run_segment(&mut self, segment: &mut Segment, cut: &Cut) -> Result<(), Trouble> {
        let is_sync = matches!(cut, Cut::Sync);
        if segment.needs_server {
            return self.run_on_server(segment, is_sync).await;
        }
        for step in &segment.steps {
            match step {
                Step::Answer(bytes) => self.client.outbox.extend_from_slice(bytes),
                Step::OwnColumns(setting) => own_columns(&mut self.client.outbox, *setting),
                Step::Parse { .. }
                | Step::Trial { .. }
                | Step::Bind { .. }
                | Step::Describe { .. }
                | Step::Columns { .. }
                | Step::Portal { .. } => debug_assert!(false, "it needs a server"),
            }
        }
        self.client.consume(segment.size);
        if is_sync { Box::pin(self.sync_all()).await } else { Ok(()) }
    }

    /// Sync: every server of the pipeline gets one, the client one answer.
    async fn sync_all(&mut self) -> Result<(), Trouble> {
        self.sync_servers().await?;
        self.end_implicit(Ok(())).await?;
        self.schema_may_have_changed(false).await?;
        self.say_ready();
        Ok(())
    }

    /// Ends the implicit transactions of a pipeline. A simple query does so too, without the client's Sync.
    pub(super) async fn sync_servers(&mut self) -> Result<(), Trouble> {
        while let Some(index) = self.held.iter().position(|held| held.in_pipeline) {
            if self.is_implicit && self.held[index].is_member {
                // It has answered everything, and hears of the end by itself.
                self.held[index].in_pipeline = false;
            } else {
                self.sync_server(index).await?;
            }
        }
        Ok(())
    }

    /// The last statement of a pipeline is about to go to other servers, where it may wait: those that have parsed and
    /// described alone keep no locks meanwhile. Whoever it waits for may wait for them, and no server would know of it.
    pub(super) async fn let_go(&mut self, but: Option<usize>) -> Result<(), Trouble> {
        if !self.transaction.is_idle() {
            return Ok(());
        }
        let is_free = |(index, held): (usize, &Held)| held.in_pipeline && held.only_asked && Some(index) != but;
        while let Some(index) = self.held.iter().enumerate().position(is_free) {
            self.sync_server(index).await?;
        }
        Ok(())
    }

    pub(super) async fn sync_server(&mut self, index: usize) -> Result<(), Trouble> {
        self.held[index].in_pipeline = false;
        self.pipeline.clear();
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::HiddenSync);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        self.settle_segment(index);
        Ok(())
    }

    /// The server said where it stands, behind messages that end no transaction: it does not know of an error of ours.
    fn settle_segment(&mut self, index: usize) {
        let is_ours = matches!(self.transaction, Transaction::Aborted(_));
        if !is_ours && (self.held[index].is_member || self.transaction.is_idle()) {
            self.settle(index);
        }
    }

    async fn run_on_server(&mut self, segment: &mut Segment, is_sync: bool) -> Result<(), Trouble> {
        if segment.run.iter().all(|shape| super::only(shape).is_some()) {
            self.heed_goodbye(segment.access, segment.size);
        }
        let (target, index) = match self.hold_for(segment, is_sync).await {
            Ok(held) => held,
            Err(trouble) => {
                self.client.consume(segment.size);
                return Err(trouble);
            }
        };
        if is_sync && self.held.len() > 1 {
            Box::pin(self.let_go(Some(index))).await?;
        }
        self.pipeline.clear();
        // Parse and Describe alone need no transaction: a BEGIN that is held back waits for a statement that chooses a shard.
        let joins = segment.needs_transaction || !matches!(self.transaction, Transaction::Begun(_));
        match (self.held[index].in_pipeline, joins) {
            (true, false) => (),
            (false, false) => self.prepare_settings(index),
            (_, true) => self.prepare(index),
        }
        if !segment.expected.is_empty() && !Box::pin(self.keeps_columns(index, segment, is_sync)).await? {
            return Ok(());
        }
        self.exchange_segment((target, index), segment, is_sync, joins).await
    }

    /// Its messages, then what they did.
    async fn exchange_segment(
        &mut self,
        (target, mut index): (Target, usize),
        segment: &mut Segment,
        is_sync: bool,
        joins: bool,
    ) -> Result<(), Trouble> {
        let changes_schema = segment.changes_schema();
        let others = self.held.iter().enumerate().any(|(other, held)| other != index && held.in_pipeline);
        if segment.is_to_write() {
            self.wrote(index);
        }
        self.emit(index, segment, &mut smallvec::SmallVec::new());
        let ends = is_sync && !others && !self.is_implicit;
        self.pipeline.keeps_ready = changes_schema || self.has_ddl || !joins;
        self.pipeline.hides_stale = ends && self.transaction.is_idle() && self.is_parsed_later(index, segment);
        self.count_bound(index, segment);
        if ends && joins && self.client.outbox.is_empty() && can_be_asked_again(segment) {
            self.pipeline.may_ask_again = self.may_ask_again(index, segment.access);
        }
        // What would begin behind a snapshot that a Parse of ours has taken could not choose its isolation any more.
        let is_free = !joins || segment.is_before_direct || self.transaction.is_idle() && segment.only_describes();
        let is_apart = !ends && is_free && !is_sync && !self.held[index].in_pipeline;
        if ends || is_apart {
            write::bare(self.outgoing.buffer(), client::SYNC);
            self.pipeline.owe(if ends { Owed::Sync } else { Owed::HiddenSync });
        } else {
            write::bare(self.outgoing.buffer(), client::FLUSH);
        }
        match ends || is_apart {
            true => self.held[index].in_pipeline = false,
            false => self.held[index].pipe(segment.only_asks()),
        }
        let mut outcome = self.converse(index, None).await?;
        if self.pipeline.is_stale {
            outcome = Box::pin(self.again(index, segment)).await?;
        }
        if let Some(withheld) = self.pipeline.withheld.take() {
            let is_lost = matches!(outcome, Outcome::ServerLost { .. });
            match Box::pin(self.elsewhere((target, index, is_lost), segment, &withheld)).await {
                Ok(Some(asked)) => (index, outcome) = asked,
                Ok(None) => {
                    self.client.consume(segment.size);
                    let answered = self.pipeline.failure.as_ref().map_or(0, |failure| failure.answered);
                    self.take_back(segment, answered);
                    self.kept_ready = None;
                    self.say_ready();
                    return Ok(());
                }
                Err(trouble) => {
                    self.client.consume(segment.size);
                    return Err(trouble);
                }
            }
        }
        self.client.consume(segment.size);
        let (mut ends, mut is_sync) = (ends, is_sync);
        if let Outcome::CopyIn = outcome {
            // A Sync that came ahead of the data is ignored by servers, and so by us: another one will follow.
            (ends, is_sync) = (false, false);
            self.held[index].pipe(false);
            Box::pin(self.pump_copy(index)).await?;
        } else {
            self.trouble_of(index, outcome)?;
        }
        let vacated = if changes_schema { vacates(&segment.run) } else { None };
        self.after_segment(index, segment, changes_schema);
        if let Some(vacated) = vacated {
            Box::pin(self.was_vacated(&vacated, target.shard)).await;
        }
        self.portals_are_on(target.shard);
        if is_apart && self.pipeline.failure.is_some() {
            // The server has had its Sync; the client's is still to come.
            self.run = Run::Skipping;
        }
        if ends && !joins {
            self.kept_ready = None;
            self.say_ready();
        } else if ends {
            self.settle(index);
            self.held[index].in_pipeline = false;
            self.schema_may_have_changed(false).await?;
        } else if is_sync && self.run != Run::Skipping {
            Box::pin(self.sync_all()).await?;
        } else if is_sync {
            Box::pin(self.sync_after_error()).await?;
        }
        Ok(())
    }

    async fn hold_for(&mut self, segment: &Segment, is_sync: bool) -> Result<(Target, usize), Trouble> {
        if segment.sets {
            // It holds for what follows on other servers, and what follows may undo it.
            self.take_part(is_sync && self.held.iter().all(|held| !held.in_pipeline)).await?;
        }
        if segment.is_to_write() {
            self.widen(segment.destination).await?;
        }
        let target = self.target(segment.destination, segment.access)?;
        if segment.access == Access::Write
            && segment.changes_schema()
            && let Some(vacated) = vacates(&segment.run)
        {
            Box::pin(self.vacate(&vacated, target.shard)).await?;
        }
        let index = self.hold(target).await?;
        self.check_places_among(segment.planned())?;
        Ok((target, index))
    }

    /// Counts the statements that a segment sends to a server, and tells of those that notify.
    pub(super) fn count_bound(&mut self, index: usize, segment: &Segment) {
        let Held { shard, role, .. } = self.held[index];
        for shape in &segment.run {
            let planned = super::only(shape);
            if let Some(Plan::One(one)) = planned.map(|planned| &*planned.plan) {
                self.announce(index, &one.mark);
            }
            let kind = planned.and_then(|planned| PlanKind::of(&planned.plan)).unwrap_or(PlanKind::Hint);
            self.metrics.statement(Some((shard, role)), kind);
        }
    }

    /// The portals that were bound without a server are on this shard.
    pub(super) fn portals_are_on(&mut self, shard: ShardId) {
        for portal in &mut self.portals {
            if !is_ours(&portal.shape) {
                portal.shard.get_or_insert(shard);
            }
        }
    }

    /// Did the client parse the first statement that is bound later than the server did? Then PostgreSQL would have
    /// planned it with the schema of that later moment.
    fn is_parsed_later(&self, index: usize, segment: &Segment) -> bool {
        match segment.steps.iter().find(|step| matches!(step, Step::Bind { .. })) {
            Some(Step::Bind { statement, name, since, .. }) if !name.is_empty() => {
                self.held[index].lease.prepared.since(statement.id).is_some_and(|prepared| prepared < *since)
            }
            _ => false,
        }
    }

    /// The schema changed behind our back between the server's Parse and the client's: the server parses anew.
    async fn again(&mut self, index: usize, segment: &mut Segment) -> Result<Outcome, End> {
        self.pipeline.clear();
        self.held[index].lease.prepared.clear();
        self.held[index].lease.unnamed = None;
        self.ask(index, Owed::HiddenQuery, "DEALLOCATE ALL");
        segment.owed_at.clear();
        // What comes before the Bind was answered by us.
        let first = segment.steps.iter().position(|step| matches!(step, Step::Bind { .. })).unwrap_or(0);
        drop(segment.steps.drain(..first));
        self.emit(index, segment, &mut smallvec::SmallVec::new());
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::Sync);
        self.converse(index, None).await
    }

    /// Another server is asked, as if this one had not been. `None`: there is none, and the client has heard the error.
    async fn elsewhere(
        &mut self,
        (target, index, is_lost): (Target, usize, bool),
        segment: &mut Segment,
        withheld: &Withheld,
    ) -> Result<Option<(usize, Outcome)>, Trouble> {
        let (has_written, keeps_ready) = (self.held[index].has_written, self.pipeline.keeps_ready);
        if !self.turn_away(index, withheld.again, is_lost).await? {
            self.pipeline.tell_withheld(withheld, &mut self.client.outbox);
            return Ok(None);
        }
        self.client.outbox.clear();
        let index = self.hold(Target { role: Role::Primary, ..target }).await?;
        self.pipeline.clear();
        self.pipeline.keeps_ready = keeps_ready;
        self.prepare(index);
        if has_written {
            self.wrote(index);
        }
        segment.owed_at.clear();
        self.emit(index, segment, &mut smallvec::SmallVec::new());
        self.count_bound(index, segment);
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::Sync);
        let outcome = self.converse(index, None).await?;
        Ok(Some((index, outcome)))
    }

    /// What a segment did to the session.
    pub(super) fn after_segment(&mut self, index: usize, segment: &mut Segment, changes_schema: bool) {
        self.remember_told(index, segment);
        self.remember_across();
        let failure = self.pipeline.failure.clone();
        if let Some(failure) = &failure {
            self.held[index].lease.unnamed = None;
            self.take_back(segment, failure.answered);
            if self.pipeline.skips_to_sync {
                self.run = Run::Skipping;
                self.held[index].status = b'E';
            }
            if self.transaction.is_on_server() {
                self.transaction.on_ready(b'E');
            } else {
                // A statement that does not parse fails a transaction that no server knows of yet.
                self.transaction.abort();
                self.forget_declared();
            }
        }
        self.has_ddl |= changes_schema && failure.is_none();
        let mut settings = std::mem::take(&mut segment.settings).into_iter().peekable();
        for (place, shape) in std::mem::take(&mut segment.run).into_iter().enumerate() {
            let set = settings.next_if(|(of, _)| *of == place);
            let Some(planned) = super::only(&shape) else {
                // Nobody has read it.
                self.held[index].lease.has_unseen = true;
                continue;
            };
            match (&*planned.plan, &planned.forced) {
                (Plan::One(one), _) => match set {
                    None => self.mark(index, &one.mark, one.access),
                    Some((_, changes)) => {
                        let mut mark = Mark { set_bound: Vec::new(), ..one.mark.clone() };
                        mark.set_config.extend(changes);
                        self.mark(index, &mark, one.access);
                    }
                },
                (_, Some(forced)) => self.mark(index, &forced.mark, forced.access),
                (_, None) => (),
            }
        }
        if segment.needs_transaction {
            // Portals that were bound before may have gone on.
            self.last_numbers_at(index);
        }
        for shape in std::mem::take(&mut segment.numbering) {
            if let Some(Plan::One(one)) = super::only(&shape).map(|planned| &*planned.plan) {
                self.took(index, &one.mark.numbers);
            }
        }
    }

    /// After an error the names given by messages that were not reached mean what they meant before.
    pub(super) fn take_back(&mut self, segment: &mut Segment, answered: u32) {
        let reached = segment.owed_at.iter().filter(|owed| **owed < answered).count();
        self.take_back_from(segment, reached);
        if matches!(segment.steps.get(reached), Some(Step::Parse { is_named: false, .. })) {
            // PostgreSQL forgets it even if what was parsed in its place is no statement.
            self.unnamed = None;
        }
    }

    /// The same for a segment of which nothing was reached.
    pub(super) fn take_back_all(&mut self, segment: &mut Segment) {
        self.take_back_from(segment, 0);
    }

    fn take_back_from(&mut self, segment: &mut Segment, reached: usize) {
        while let Some((_, given)) = segment.undo.pop_if(|(step, _)| *step >= reached) {
            match given {
                Given::Statement(name, before) => match (name.is_empty(), before) {
                    (true, before) => self.unnamed = before,
                    (false, Some(before)) => drop(self.named.insert(name, before)),
                    (false, None) => drop(self.named.remove(&name)),
                },
                Given::Portal(name, before) => {
                    self.forget_portal(&name);
                    self.portals.extend(before);
                }
            }
        }
    }
}

/// One statement and no more: of several, some may have been carried out.
fn can_be_asked_again(segment: &Segment) -> bool {
    segment.run.len() == 1
}
