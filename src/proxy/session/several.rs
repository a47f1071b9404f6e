//! Several statements in one text that no single shard answers together: they run one after the other, in the
//! transaction that PostgreSQL makes of them (protocol-flow, "Multiple Statements in a Simple Query").
//!
//! ```text
//!         a statement                         BEGIN
//!   Idle ─────────────→ implicit transaction ───────→ transaction block, which outlives the text
//!     ↑  COMMIT, ROLLBACK (with a warning)  │
//!     └──── an error, the end of the text ──┘
//! ```

use crate::logic::plan::{Access, Command, OwnCommand, Plan, Planned, Refusal};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::session::pipeline::Owed;
use crate::logic::transaction::begin_tag;
use crate::proxy::metrics::PlanKind;
use crate::proxy::session::across::Own;
use crate::proxy::session::simple::Ready;
use crate::proxy::session::{Among, Session, Trouble};

impl Session {
    /// Runs the statements of a Query of `size` bytes one after the other.
    pub(super) async fn one_by_one(&mut self, statements: &[Planned], sql: &str, size: usize) -> Result<(), Trouble> {
        self.check_refused(statements)?;
        self.client.consume(size);
        let mut own = Own::No;
        let result = self.run_each(statements, sql, &mut own).await;
        self.among = None;
        self.kept_ready = None;
        self.end_own(own, result).await?;
        self.schema_may_have_changed(false).await?;
        self.say_ready();
        Ok(())
    }

    /// A text with a statement that is refused whatever comes before it is refused before anything of it runs.
    fn check_refused(&self, statements: &[Planned]) -> Result<(), Trouble> {
        for planned in statements {
            let is_forced = planned.forced.is_some() && self.named_for(planned)?.is_some();
            if let (Plan::Refuse(refusal), false) = (&*planned.plan, is_forced)
                && !self.may_cross(planned, refusal)
            {
                return Err(refusal.clone().into());
            }
        }
        Ok(())
    }

    async fn run_each(&mut self, statements: &[Planned], sql: &str, own: &mut Own) -> Result<(), Trouble> {
        let mut counted = 0;
        let mut before = 0;
        for planned in statements {
            before += sql[counted..planned.at.start].chars().count();
            counted = planned.at.start;
            self.among = Some(Among { before: u32::try_from(before).unwrap_or(u32::MAX) });
            let command = super::command(&planned.plan);
            if self.transaction.is_idle() && !command.is_some_and(is_of_block) {
                *own = self.begin_own(Access::Write);
            }
            match command {
                Some(command) if *own == Own::Begun && is_of_block(command) => {
                    self.end_implicit(command, &sql[planned.at.clone()], own).await?;
                }
                Some(_) | None => self.run_among(&sql[planned.at.clone()]).await?,
            }
            if self.transaction.status() == b'E' {
                return Err(Trouble::Told);
            }
        }
        Ok(())
    }

    /// A command for transaction blocks, in a transaction that no BEGIN has begun.
    async fn end_implicit(&mut self, command: &Command, text: &str, own: &mut Own) -> Result<(), Trouble> {
        let tag = match command {
            Command::Begin(_) if text.split_ascii_whitespace().count() > 2 => {
                return Err(Refusal::alone("BEGIN with options").into());
            }
            // The block is to be committed by the client from now on.
            Command::Begin(_) => begin_tag(text),
            Command::Commit { chain: false } => {
                self.warn_of_no_block();
                *own = Own::No;
                self.end_own(Own::Begun, Ok(())).await?;
                "COMMIT"
            }
            Command::Rollback { chain: false } => {
                self.warn_of_no_block();
                self.roll_back_members().await;
                self.transaction.forget();
                self.settings.end(false);
                "ROLLBACK"
            }
            Command::Commit { chain: true } => return Err(Fault::NoTransaction("COMMIT AND CHAIN").into()),
            Command::Rollback { chain: true } => return Err(Fault::NoTransaction("ROLLBACK AND CHAIN").into()),
            Command::Savepoint(_) => return Err(Fault::NoTransaction("SAVEPOINT").into()),
            Command::Release(_) => return Err(Fault::NoTransaction("RELEASE SAVEPOINT").into()),
            Command::RollbackTo(_) => return Err(Fault::NoTransaction("ROLLBACK TO SAVEPOINT").into()),
            Command::SetTransaction(_)
            | Command::Set(_)
            | Command::ResetAll
            | Command::Own(_)
            | Command::Prepare(_)
            | Command::Execute(_)
            | Command::Deallocate(_)
            | Command::DiscardAll
            | Command::Discard
            | Command::Empty => return Err(Fault::Broken(format!("not a command of blocks: {command:?}")).into()),
        };
        *own = Own::No;
        write::command_complete(&mut self.client.outbox, tag);
        Ok(())
    }

    fn warn_of_no_block(&mut self) {
        write::notice(&mut self.client.outbox, "25P01", "there is no transaction in progress");
    }

    /// One statement of the text, as if it stood alone.
    async fn run_among(&mut self, text: &str) -> Result<(), Trouble> {
        self.look()?;
        let (shape, found) = self.decide(text);
        let Some(planned) = super::only(&shape) else {
            return Err(Fault::Broken(format!("part of a text is no statement: {text}")).into());
        };
        match (&*planned.plan, found) {
            (_, Some(Err(refusal))) if self.may_cross(planned, &refusal) => {
                let across = self.picture().planner.across(text);
                self.across_query(&across, text).await
            }
            (_, Some(found)) => {
                self.check_alive()?;
                self.check_bent(text)?;
                let ready = self.ready(planned, found)?;
                self.send_among(&ready, text).await
            }
            (Plan::Command(command), None) => {
                self.metrics.statement(None, PlanKind::Command);
                self.command_among(command, text, planned).await
            }
            (Plan::CopyIn(copy), None) => {
                self.check_alive()?;
                self.copy_in(copy, text, true).await
            }
            (Plan::Refuse(refusal), None) => Err(refusal.clone().into()),
            (Plan::One(_), None) => Err(Fault::Broken(format!("not routed: {text}")).into()),
        }
    }

    async fn send_among(&mut self, ready: &Ready<'_>, text: &str) -> Result<(), Trouble> {
        let target = self.target(ready.destination, ready.access)?;
        self.close_elsewhere(&ready.mark.cursors, target.shard).await?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.ask(index, Owed::Query, text);
        self.metrics.statement(Some((target.shard, self.held[index].role)), ready.kind);
        let outcome = self.converse(index, None).await?;
        self.complete(index, outcome, ready, ready.mark.is_ddl).await
    }

    async fn command_among(&mut self, command: &Command, text: &str, planned: &Planned) -> Result<(), Trouble> {
        match command {
            Command::Own(own @ OwnCommand::Show(_)) => {
                let tag = self.own_command(own)?;
                write::command_complete(&mut self.client.outbox, tag);
                Ok(())
            }
            Command::Prepare(prepare) => {
                self.check_alive()?;
                self.prepare_command(prepare, true).await
            }
            Command::Execute(execute) => {
                self.check_alive()?;
                self.execute_command(execute, planned, text).await
            }
            Command::Begin(_)
            | Command::Commit { .. }
            | Command::Rollback { .. }
            | Command::Savepoint(_)
            | Command::Release(_)
            | Command::RollbackTo(_)
            | Command::SetTransaction(_)
            | Command::Set(_)
            | Command::ResetAll
            | Command::Own(OwnCommand::Set { .. })
            | Command::Deallocate(_)
            | Command::DiscardAll
            | Command::Discard
            | Command::Empty => {
                if let Some(tag) = self.command_extended(command, text, planned.verb).await? {
                    write::command_complete(&mut self.client.outbox, tag);
                }
                Ok(())
            }
        }
    }
}

/// Does this command begin or end a transaction block, or stand inside one only?
fn is_of_block(command: &Command) -> bool {
    match command {
        Command::Begin(_)
        | Command::Commit { .. }
        | Command::Rollback { .. }
        | Command::Savepoint(_)
        | Command::Release(_)
        | Command::RollbackTo(_) => true,
        Command::SetTransaction(_)
        | Command::Set(_)
        | Command::ResetAll
        | Command::Own(_)
        | Command::Prepare(_)
        | Command::Execute(_)
        | Command::Deallocate(_)
        | Command::DiscardAll
        | Command::Discard
        | Command::Empty => false,
    }
}
