//! Execute of a statement that the session itself answers for, and FunctionCall.

use std::sync::Arc;
use std::time::Instant;

use crate::logic::plan::{
    ADVISORY_LOCK, Access, Command, Mark, OwnCommand, Plan, Planned, Refusal, SETTING, SettingChange,
};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{frame, view, write};
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Owed;
use crate::logic::sql::statement::Control;
use crate::logic::transaction::Step as Told;
use crate::logic::value::oid;
use crate::proxy::metrics::PlanKind;
use crate::proxy::plans::Shape;
use crate::proxy::session::shapes::needs_simple;
use crate::proxy::session::{Session, Trouble};

impl Session {
    /// Execute of a statement that the session answers for.
    pub(super) async fn act_extended(&mut self, shape: &Arc<Shape>) -> Result<(), Trouble> {
        let Some(planned) = super::only(shape) else { return Ok(()) };
        let text = shape.text_of(planned);
        match &*planned.plan {
            Plan::CopyIn(copy) => {
                self.check_alive()?;
                self.take_part(false).await?;
                self.copy_in(copy, text, true).await
            }
            Plan::Command(command) => {
                self.metrics.statement(None, PlanKind::Command);
                let tag = if let Command::Control(control) = command
                    && control.is_of_block()
                    && self.is_implicit_open()
                {
                    Some(self.control_implicit(control, text).await?)
                } else {
                    self.set_in_pipeline(command).await?;
                    self.command_extended(command, text, planned).await?
                };
                if let Some(tag) = tag {
                    write::command_complete(&mut self.client.outbox, tag);
                }
                Ok(())
            }
            Plan::One(_) | Plan::Refuse(_) => Ok(()),
        }
    }

    /// What follows may undo a SET or a LISTEN, or be undone with it.
    async fn set_in_pipeline(&mut self, command: &Command) -> Result<(), Trouble> {
        if let Command::Prepare(_) | Command::Deallocate(_) | Command::Discard = command {
            return self.take_snapshot_in_pipeline().await;
        }
        let (Command::Set(_) | Command::ResetAll | Command::Control(Control::SetTransaction(_)) | Command::Listen(_)) =
            command
        else {
            return Ok(());
        };
        self.check_alive()?;
        let is_last = self.is_followed_by_sync(0) && !self.held.iter().any(|held| held.in_pipeline);
        self.take_part(is_last).await?;
        let sets = |what: fn(&[SettingChange]) -> bool| matches!(command, Command::Set(changes) if what(changes));
        let what = match () {
            () if matches!(command, Command::Control(Control::SetTransaction(_))) => "SET TRANSACTION",
            () if sets(<[SettingChange]>::is_empty) => "SET CONSTRAINTS",
            () if sets(|changes| changes.iter().any(|change| change.is_local)) => "SET LOCAL",
            () => return Ok(()),
        };
        if self.is_implicit {
            self.warn_without_block(what);
        }
        Ok(())
    }

    /// PostgreSQL takes a snapshot for a command: behind it comes a level of isolation too late.
    async fn take_snapshot_in_pipeline(&mut self) -> Result<(), Trouble> {
        self.check_alive()?;
        if !self.is_followed_by_sync(0) {
            self.take_part(false).await?;
            self.transaction.take_snapshot();
        }
        Ok(())
    }

    /// Runs a command; the tag to answer with, `None` when the answer has been given.
    pub(super) async fn command_extended(
        &mut self,
        command: &Command,
        text: &str,
        planned: &Planned,
    ) -> Result<Option<&'static str>, Trouble> {
        match command {
            Command::Control(control) => {
                self.check_heard(control)?;
                self.listen_before(control).await?;
                match self.transaction.on_command(control, text) {
                    Told::Answer(tag, warning) => {
                        self.answered(control, tag, warning);
                        Ok(None)
                    }
                    Told::Fail(fault, warning) => {
                        self.warn(warning);
                        Err(fault.into())
                    }
                    Told::Send(None) if control.is_commit() && self.has_to_be_decided() => {
                        self.commit_command(control).await?;
                        self.schema_may_have_changed(false).await?;
                        Ok(None)
                    }
                    Told::Send(replacement) => {
                        self.tell_members(command, replacement.as_deref(), text, None).await?;
                        self.schema_may_have_changed(false).await?;
                        Ok(None)
                    }
                }
            }
            Command::Set(_) | Command::ResetAll => {
                self.check_alive()?;
                self.set_command(command, text, None).await?;
                Ok(None)
            }
            Command::Own(own) => {
                self.check_alive()?;
                match own {
                    OwnCommand::Show(setting) => {
                        let value = Box::pin(self.own_value(*setting)).await?;
                        write::data_row_text(&mut self.client.outbox, &value);
                        Ok(Some("SHOW"))
                    }
                    OwnCommand::Set { .. } => Box::pin(self.own_command(own)).await.map(Some),
                }
            }
            Command::Deallocate(_) | Command::DiscardAll | Command::Discard => {
                self.check_alive()?;
                self.forget_command(command, planned.verb).await.map(Some)
            }
            Command::Listen(listen) => {
                self.check_alive()?;
                Box::pin(self.listen_command(listen, text, planned)).await?;
                Ok(Some(planned.verb))
            }
            Command::Prepare(prepare) => {
                self.check_alive()?;
                self.prepare_command(prepare, true).await?;
                Ok(None)
            }
            Command::Execute(_) => Err(Fault::Broken("an EXECUTE that is no portal of its statement".into()).into()),
            // It was parsed when it did not ask for that.
            Command::OfSession(_) => Err(Refusal::changed_result().into()),
            Command::Empty => {
                write::bare(&mut self.client.outbox, frame::server::EMPTY_QUERY);
                Ok(None)
            }
        }
    }

    /// FunctionCall: built-in functions on the first shard, or where the transaction is.
    pub(super) async fn function_call(&mut self, size: usize) -> Result<(), Trouble> {
        let started = Instant::now();
        let result = self.call(size).await;
        if result.is_err() {
            self.client.consume(size);
        }
        self.end_statement(started);
        result
    }

    async fn call(&mut self, size: usize) -> Result<(), Trouble> {
        const SETSEED: u32 = 1599;
        const SET_CONFIG: u32 = 2078;
        // pg_advisory_lock and its like, with one number and with two.
        const LOCKS: [std::ops::RangeInclusive<u32>; 2] = [2880..=2883, 2886..=2889];
        if let Err(fault) = self.look() {
            Box::pin(self.lose_map(fault)).await?;
        }
        self.check_alive()?;
        let body = &self.client.received()[frame::HEADER..size];
        let Some(oid) = body.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes)) else {
            return Err(view::Malformed("FunctionCall").into());
        };
        let is_own = oid >= oid::FIRST_OF_USERS;
        let sets = is_own || matches!(oid, SETSEED | SET_CONFIG);
        if sets && self.map().shards.len() > 1 {
            let what = if is_own { "a user-defined function" } else { "set_config() or setseed()" };
            return Err(needs_simple(&format!("calling {what}")).into());
        }
        let locks = LOCKS.iter().any(|oids| oids.contains(&oid)).then_some(ADVISORY_LOCK);
        let mark = Mark { taints: sets, pin: sets.then_some(SETTING).or(locks), ..Mark::default() };
        self.check_pin(&mark)?;
        let target = self.target(Destination::First, Access::Write)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.pipeline.owe(Owed::Query);
        self.metrics.statement(Some((target.shard, target.role)), PlanKind::Unread);
        let outcome = self.converse(index, Some(size)).await?;
        self.client.consume(size);
        if let Err(trouble) = self.trouble_of(index, outcome) {
            self.report(trouble)?;
            return Ok(());
        }
        self.mark(index, &mark, Access::Write);
        self.settle(index);
        Ok(())
    }
}
