//! Queries of the simple protocol: one statement or several in a text.

use std::sync::Arc;
use std::time::Instant;

use crate::logic::plan::across::Across;
use crate::logic::plan::{Access, Forced, Home, Mark, One, OwnSetting, Place, Plan, Planned, Reason, Refusal};
use crate::logic::protocol::frame::HEADER;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::{Destination, Values};
use crate::logic::session::pipeline::{Owed, Withheld};
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::Control;
use crate::logic::topology::Role;
use crate::proxy::metrics::{PlanKind, Retry};
use crate::proxy::plans::Shape;
use crate::proxy::session::exchange::Outcome;
use crate::proxy::session::servers::Target;
use crate::proxy::session::{Run, Session, TEMPLATE, Trouble};

/// The plans of a text, and where it goes if it is one statement for one shard.
type Decided = (Arc<Shape>, Option<Result<Destination, Refusal>>);

/// A statement that goes to a server, ready to be sent.
pub(super) struct Ready<'a> {
    pub destination: Destination,
    pub access: Access,
    pub mark: &'a Mark,
    pub kind: PlanKind,
}

impl Session {
    /// A Query message of `size` bytes stands at the front of what was received.
    pub(super) async fn simple_query(&mut self, size: usize) -> Result<(), Trouble> {
        let (started, consumed) = (Instant::now(), self.client.consumed);
        self.begin(started);
        self.unnamed = None;
        self.executed = self.executed.wrapping_add(1);
        self.run = Run::Between;
        let met = match self.is_implicit || self.held.iter().any(|held| held.in_pipeline) {
            true => Box::pin(self.meet_query()).await,
            false => Ok(()),
        };
        let result = match met {
            Ok(()) => self.query(size).await,
            Err(trouble) => Err(trouble),
        };
        if self.client.consumed == consumed {
            self.client.consume(size);
        }
        self.end_statement(started);
        result
    }

    /// Metrics and leases at the end of a statement.
    pub(super) fn end_statement(&mut self, started: Instant) {
        let now = Instant::now();
        let took = now - started;
        let tallies = &self.slot.card.tallies;
        tallies.queries.add(1);
        tallies.query_time.add_time(took);
        self.metrics.query_seconds.record(took.as_secs_f64());
        self.ended(started, took);
        let began = *self.transaction_started.get_or_insert(started);
        if self.transaction.is_idle() {
            let open = now - began;
            let tallies = &self.slot.card.tallies;
            tallies.transactions.add(1);
            tallies.transaction_time.add_time(open);
            self.metrics.transaction_seconds.record(open.as_secs_f64());
            self.transaction_started = None;
            self.slot.card.end_transaction();
            if self.has_closed_gates() {
                self.open_gates();
            }
        } else {
            let members = self.held.iter().filter(|held| held.is_engaged());
            let members = members.fold(0, |members, held| members | 1_u64 << held.shard.0.min(63));
            self.slot.card.in_transaction(began, members);
        }
        self.end_batch();
    }

    /// Cursors, portals and leases at that point.
    pub(super) fn end_batch(&mut self) {
        if self.transaction.is_idle() {
            // Whatever ended it: what is held has outlived it.
            self.cursors.end(true);
            if !self.portals.is_empty() && self.run == Run::Between {
                self.portals.clear();
            }
        }
        self.release();
    }

    async fn query(&mut self, size: usize) -> Result<(), Trouble> {
        if self.shared.gates.are_any_closed() {
            Box::pin(self.pass_gates()).await?;
        }
        self.see_gates();
        if let Err(fault) = self.look() {
            Box::pin(self.lose_map(fault)).await?;
        }
        if !self.portals.is_empty() {
            self.end_unnamed_portal();
        }
        let body = &self.client.received()[HEADER..size];
        let text = view::query(body).map_err(|_| Fault::Protocol("invalid string in message".into()))?;
        if self.is_encoded(text) {
            return Box::pin(self.encoded_query(size)).await;
        }
        let text = self.spelled_out(text)?;
        let sql = super::utf8(&text)?;
        let (shape, found) = self.decide(sql);
        self.asks_primaries |= shape.is_for_primary;
        self.remember(&shape, sql);
        if !shape.has_several() {
            self.check_shadows(sql)?;
        }
        if self.is_implicit {
            let (statements, text) = (Arc::clone(&shape), sql.to_owned());
            return Box::pin(self.query_in_pipeline(&statements, &text, size)).await;
        }
        if let Some(across) = self.placed(&shape, sql)? {
            let text = sql.to_owned();
            self.client.consume(size);
            return Box::pin(self.across_query(&across, &text)).await;
        }
        let Ok(statements) = &shape.statements else {
            // Not SQL as we know it: a server says what is wrong with it, in PostgreSQL's words.
            return Box::pin(self.send_unread(size)).await;
        };
        match (&statements[..], found) {
            ([], _) => self.answer_empty(),
            ([planned], _) if self.ends_what_failed(planned) => {
                Box::pin(self.control_command(&Control::Commit { chain: false }, "COMMIT", size)).await
            }
            ([planned], Some(Err(refusal))) if self.may_cross(planned, &refusal) => {
                let (across, text) = (self.across_of(&shape, sql), sql.to_owned());
                self.heed_goodbye_to(statements, size);
                self.client.consume(size);
                Box::pin(self.across_query(&across, &text)).await
            }
            ([planned], Some(found)) => {
                self.check_bent(sql)?;
                self.send_one(planned, found, size).await
            }
            ([planned], None) => {
                let text = sql[planned.at.clone()].to_owned();
                Box::pin(self.act(&shape, planned, text, size)).await
            }
            (several, _) => {
                let text = sql.to_owned();
                Box::pin(self.several(several, &text, size)).await
            }
        }
    }

    /// One shard is not enough, but several may be put together: unless the session has named one.
    pub(super) fn may_cross(&self, planned: &Planned, refusal: &Refusal) -> bool {
        if refusal.reason == Reason::ClientNumber {
            return planned.may_span;
        }
        // A hint is for one server, unless it is for none.
        planned.may_span
            && planned.hint.as_ref().is_none_or(|hint| hint.setting == OwnSetting::NewTables)
            && refusal.reason.is_for_several()
            && matches!(self.named_for(planned), Ok(None))
    }

    /// How a text of this shape comes by rows of several shards.
    fn across_of(&self, shape: &Shape, sql: &str) -> Arc<Across> {
        TEMPLATE.with_borrow_mut(|template| {
            let lexed = template.lex(sql.as_bytes());
            self.picture().planner.across_of(shape, sql, lexed.literals)
        })
    }

    /// The plan of a text.
    pub(super) fn shape_of(&self, sql: &str) -> Arc<Shape> {
        TEMPLATE.with_borrow_mut(|template| self.picture().planner.templated(sql, &template.lex(sql.as_bytes())))
    }

    /// The plan of a text, and where it goes if it is one statement for one shard.
    pub(super) fn decide(&self, sql: &str) -> Decided {
        let picture = self.picture();
        TEMPLATE.with_borrow_mut(|template| {
            let lexed = template.lex(sql.as_bytes());
            let shape = picture.planner.templated(sql, &lexed);
            let Some(planned) = super::only(&shape) else { return (shape, None) };
            let values = Values::Text { sql, literals: lexed.literals };
            let found = match &*planned.plan {
                Plan::One(one) => {
                    self.sample(one, &values);
                    Some(self.destination(one, &values))
                }
                Plan::Refuse(refusal) if planned.forced.is_some() || planned.may_span => Some(Err(refusal.clone())),
                Plan::Refuse(_) | Plan::Command(_) | Plan::CopyIn(_) => None,
            };
            (shape, found)
        })
    }

    /// The shard that a comment of the statement or a setting of the session names.
    pub(super) fn named_for(&self, planned: &Planned) -> Result<Option<ShardId>, Refusal> {
        use crate::proxy::session::picture::{shard_by_key, shard_by_name};
        match &planned.hint {
            Some(hint) => match hint.setting {
                OwnSetting::Shard => shard_by_name(self.map(), &hint.value).map(Some),
                OwnSetting::Key => shard_by_key(self.map(), &hint.value).map(Some),
                OwnSetting::Role | OwnSetting::Position | OwnSetting::NewTables => self.named_shard(),
            },
            None => self.named_shard(),
        }
    }

    /// What is to be sent for a plan that goes to a server.
    pub(super) fn ready<'a>(
        &self,
        planned: &'a Planned,
        found: Result<Destination, Refusal>,
    ) -> Result<Ready<'a>, Trouble> {
        let named = self.named_for(planned)?;
        if let (Plan::One(one), Err(refusal)) = (&*planned.plan, &found)
            && stores_rows(one)
        {
            // Rows that belong elsewhere stay refused even on a shard that the session has named.
            return Err(refusal.clone().into());
        }
        let destination = self.overrule(found, named)?;
        let (access, mark, kind) = match (&*planned.plan, &planned.forced) {
            (Plan::One(one), _) => (one.access, &one.mark, PlanKind::of(&planned.plan)),
            (Plan::Refuse(_) | Plan::Command(_) | Plan::CopyIn(_), Some(Forced { access, mark, .. })) => {
                (*access, mark, None)
            }
            (Plan::Refuse(refusal), None) => return Err(refusal.clone().into()),
            (Plan::Command(_) | Plan::CopyIn(_), None) => {
                return Err(Fault::Broken("a command was routed".into()).into());
            }
        };
        let destination = self.at_cursors(&mark.cursors, !self.is_without_block(), destination)?;
        let kind = match (named, kind) {
            (None, Some(kind)) => kind,
            (Some(_), _) | (None, None) => PlanKind::Hint,
        };
        self.check_pin(mark)?;
        self.check_needs(mark)?;
        Ok(Ready { destination, access: self.access(planned, access), mark, kind })
    }

    /// A comment or setting may keep a read on the primary.
    fn access(&self, planned: &Planned, access: Access) -> Access {
        let is_primary =
            planned.hint.as_ref().is_some_and(|hint| hint.setting == OwnSetting::Role && &*hint.value == "primary");
        if is_primary && self.transaction.is_idle() { Access::Write } else { access }
    }

    /// A statement of one shard.
    pub(super) async fn send_one(
        &mut self,
        planned: &Planned,
        found: Result<Destination, Refusal>,
        size: usize,
    ) -> Result<(), Trouble> {
        self.check_alive()?;
        let ready = match self.ready(planned, found) {
            Err(Trouble::Refusal(refusal)) if refusal.reason == Reason::NoHome => {
                return Box::pin(self.parse_alone(size, refusal)).await;
            }
            ready => ready?,
        };
        self.heed_goodbye_to(std::slice::from_ref(planned), size);
        self.send(&ready, size).await
    }

    /// A transaction that has failed takes nothing but its end.
    pub(super) fn check_alive(&self) -> Result<(), Fault> {
        if self.transaction.status() == b'E' { Err(Fault::TransactionAborted) } else { Ok(()) }
    }

    /// PREPARE TRANSACTION ends a transaction that has failed, as COMMIT does.
    pub(super) fn ends_what_failed(&self, planned: &Planned) -> bool {
        planned.verb == "PREPARE TRANSACTION" && self.transaction.status() == b'E'
    }

    /// Sends the Query at the front to a server and relays its answer.
    pub(super) async fn send(&mut self, ready: &Ready<'_>, size: usize) -> Result<(), Trouble> {
        self.note_mark(ready.mark);
        let target = self.target(ready.destination, ready.access)?;
        self.close_elsewhere(&ready.mark.cursors, target.shard).await?;
        let is_repeatable = ready.access == Access::Read && self.transaction.is_idle();
        let is_ddl = ready.mark.is_ddl;
        if is_ddl && let Some(vacated) = &ready.mark.vacates {
            Box::pin(self.vacate(vacated, target.shard)).await?;
        }
        let mut outcome = self.attempt(target, ready, size).await;
        if let Ok((index, Outcome::ServerLost { is_answer_begun: false, .. })) = &outcome
            && is_repeatable
            && self.held[*index].pin.is_none()
        {
            // A read that was not answered at all may be asked again, of another server when there is one.
            self.metrics.retry(Retry::Lost);
            self.lose(*index, "lost before it answered a read; asked again".to_owned());
            self.farewell = None;
            let target = Target { role: Role::Primary, ..target };
            outcome = Box::pin(self.attempt(target, ready, size)).await;
        }
        let (mut index, mut outcome) = outcome?;
        if let Some(withheld) = self.pipeline.withheld.take() {
            let is_lost = matches!(outcome, Outcome::ServerLost { .. });
            if !self.turn_away(index, withheld.again, is_lost).await? {
                self.say_withheld(&withheld, size);
                return Ok(());
            }
            let target = Target { role: Role::Primary, ..target };
            (index, outcome) = Box::pin(self.attempt(target, ready, size)).await?;
            if let Some(withheld) = self.pipeline.withheld.take() {
                // Once is enough.
                self.say_withheld(&withheld, size);
                return Ok(());
            }
        }
        self.client.consume(size);
        self.complete(index, outcome, ready, is_ddl).await
    }

    /// The client hears the error of the Query at the front after all.
    fn say_withheld(&mut self, withheld: &Withheld, size: usize) {
        self.client.consume(size);
        self.pipeline.tell_withheld(withheld, &mut self.client.outbox);
        self.kept_ready = None;
        self.say_ready();
    }

    async fn attempt(&mut self, target: Target, ready: &Ready<'_>, size: usize) -> Result<(usize, Outcome), Trouble> {
        let index = self.hold_to_run(target, ready.mark).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.pipeline.keeps_ready = ready.mark.is_ddl;
        self.pipeline.may_ask_again = self.may_ask_again(index, ready.access);
        self.pipeline.owe(Owed::Query);
        self.announce(index, ready.mark);
        self.metrics.statement(Some((target.shard, self.held[index].role)), ready.kind);
        let outcome = self.converse(index, Some(size)).await?;
        Ok((index, outcome))
    }

    /// What follows an answered Query: COPY data, transaction state, what the statement did to the session.
    pub(super) async fn complete(
        &mut self,
        index: usize,
        outcome: Outcome,
        ready: &Ready<'_>,
        is_ddl: bool,
    ) -> Result<(), Trouble> {
        if let Outcome::CopyIn = outcome {
            Box::pin(self.pump_copy(index)).await?;
        } else {
            self.trouble_of(index, outcome)?;
        }
        self.mark(index, ready.mark, ready.access);
        self.took(index, &ready.mark.numbers);
        self.settle(index);
        if is_ddl && let Some(vacated) = &ready.mark.vacates {
            let shard = self.held[index].shard;
            Box::pin(self.was_vacated(vacated, shard)).await;
        }
        self.schema_may_have_changed(is_ddl).await
    }

    /// The server said where it stands.
    pub(super) fn settle(&mut self, index: usize) {
        let was_on_server = self.transaction.is_on_server();
        if let Some(status) = self.pipeline.status {
            self.transaction.on_ready(status);
        }
        self.held[index].is_member = self.transaction.is_on_server();
        self.held[index].took_part |= self.held[index].is_member;
        if was_on_server && self.transaction.is_idle() {
            // Ended by a statement that is not a transaction command (a procedure, several statements in a text).
            self.transaction_ended(self.pipeline.failure.is_none());
        }
    }

    /// After DDL nobody may plan with the old schema: the answer is held back until the new one is known.
    pub(super) async fn schema_may_have_changed(&mut self, is_ddl: bool) -> Result<(), Trouble> {
        self.has_ddl |= is_ddl && self.pipeline.failure.is_none();
        if self.has_ddl && self.transaction.is_idle() {
            self.has_ddl = false;
            let refreshed = self.shared.steering.schema_changed(&self.database);
            refreshed.await;
            self.hasten_replicas();
        }
        if self.transaction.is_idle() {
            let has_changed = self.has_closed_gates();
            self.names.iter_mut().for_each(|names| names.forget_changes());
            if has_changed {
                self.see_gates();
            }
            self.has_made_functions = false;
        }
        if self.hearing.is_none()
            && let Some(status) = self.kept_ready.take()
        {
            write::ready(&mut self.client.outbox, status);
        }
        Ok(())
    }

    fn answer_empty(&mut self) -> Result<(), Trouble> {
        write::bare(&mut self.client.outbox, crate::logic::protocol::frame::server::EMPTY_QUERY);
        self.say_ready();
        Ok(())
    }

    /// A statement that acts on the session, or is refused.
    async fn act(&mut self, shape: &Arc<Shape>, planned: &Planned, text: String, size: usize) -> Result<(), Trouble> {
        self.heed_goodbye_to(std::slice::from_ref(planned), size);
        match &*planned.plan {
            Plan::Command(command) => {
                self.metrics.statement(None, PlanKind::Command);
                self.command(command, planned, text, size).await
            }
            Plan::CopyIn(copy) => {
                self.check_alive()?;
                self.client.consume(size);
                self.copy_in(copy, &text, false).await
            }
            Plan::Refuse(refusal) => {
                self.check_alive()?;
                Err(refusal.clone().into())
            }
            Plan::One(_) => Err(Fault::Broken(format!("not routed: {:?}", shape.statements)).into()),
        }
    }
}

/// One destination that suits both.
pub(super) fn meet(one: Destination, other: Destination) -> Result<Destination, Refusal> {
    match (one, other) {
        (Destination::Any, other) | (other, Destination::Any) => Ok(other),
        (one, other) if one == other => Ok(one),
        (Destination::Current, other) | (other, Destination::Current) => Ok(other),
        (Destination::First, Destination::Shard(shard)) | (Destination::Shard(shard), Destination::First)
            if shard == ShardId(0) =>
        {
            Ok(Destination::Shard(shard))
        }
        (Destination::First | Destination::Shard(_), Destination::First | Destination::Shard(_)) => Err(Refusal {
            reason: Reason::ManyShards,
            sqlstate: "0A000",
            message: "statements of one query belong to different shards".to_owned(),
            detail: Some("several statements in one query are one transaction".to_owned()),
            hint: Some("send them one by one".to_owned()),
        }),
    }
}

fn stores_rows(one: &One) -> bool {
    match &one.home {
        Home::Meet(requirements) => requirements.iter().any(|it| matches!(it.place, Place::Store { .. })),
        Home::Any | Home::First | Home::Current | Home::Process(_) => false,
    }
}
