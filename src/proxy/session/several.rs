//! Several statements in one text that no single shard answers together: they run one after the other, in the
//! transaction that PostgreSQL makes of them (protocol-flow, "Multiple Statements in a Simple Query").

use crate::logic::plan::{Command, OwnCommand, Plan, Planned, Reason};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::session::pipeline::Owed;
use crate::proxy::metrics::PlanKind;
use crate::proxy::plans::Shape;
use crate::proxy::session::simple::Ready;
use crate::proxy::session::{Among, Session, Trouble};

impl Session {
    /// Runs the statements of a Query of `size` bytes one after the other.
    pub(super) async fn one_by_one(&mut self, statements: &[Planned], sql: &str, size: usize) -> Result<(), Trouble> {
        self.client.consume(size);
        let result = match self.check_refused(statements) {
            Ok(()) => self.run_each(statements, sql).await,
            refused => refused,
        };
        self.among = None;
        self.kept_ready = None;
        let ended = self.end_implicit(result).await;
        if ended.is_err() && self.transaction.is_idle() {
            self.names.iter_mut().for_each(|names| names.forget_meanings());
        }
        ended?;
        self.schema_may_have_changed(false).await?;
        self.say_ready();
        Ok(())
    }

    /// A Query behind messages that no Sync has ended is part of their transaction, and the end of it.
    pub(super) async fn query_in_pipeline(&mut self, shape: &Shape, sql: &str, size: usize) -> Result<(), Trouble> {
        match &shape.statements {
            Ok(statements) => {
                if statements.is_empty() {
                    write::bare(&mut self.client.outbox, server::EMPTY_QUERY);
                }
                self.one_by_one(statements, sql, size).await
            }
            Err(_) => {
                self.among = Some(Among { before: 0 });
                let result = self.send_unread(size).await.and(Err(Trouble::Told));
                self.among = None;
                self.kept_ready = None;
                self.end_implicit(result).await
            }
        }
    }

    /// A text with a statement that is refused whatever comes before it is refused before anything of it runs; one that
    /// begins or ends a block, or sets a savepoint, up to there: the refusal leaves the session where an error would.
    fn check_refused(&self, statements: &[Planned]) -> Result<(), Trouble> {
        let is_of_block = |planned: &&Planned| matches!(super::command(&planned.plan), Some(Command::Control(control)) if control.is_of_block());
        for planned in statements.iter().take_while(|planned| !is_of_block(planned)) {
            // What its place is may be set before it.
            if planned.verb == "CREATE TABLE"
                && matches!(&*planned.plan, Plan::Refuse(it) if it.reason == Reason::UnlistedTable)
            {
                continue;
            }
            let is_forced = planned.forced.is_some() && self.named_for(planned)?.is_some();
            if let (Plan::Refuse(refusal), false) = (&*planned.plan, is_forced)
                && !self.may_cross(planned, refusal)
            {
                return Err(refusal.clone().into());
            }
        }
        Ok(())
    }

    async fn run_each(&mut self, statements: &[Planned], sql: &str) -> Result<(), Trouble> {
        let mut counted = 0;
        let mut before = 0;
        for planned in statements {
            before += sql[counted..planned.at.start].chars().count();
            counted = planned.at.start;
            self.among = Some(Among { before: u32::try_from(before).unwrap_or(u32::MAX) });
            let command = super::command(&planned.plan);
            let of_block = match command {
                Some(Command::Control(control)) if control.is_of_block() => Some(control),
                Some(_) | None => None,
            };
            if self.transaction.is_idle() && of_block.is_none() {
                self.begin_implicit().await?;
            }
            match of_block {
                Some(control) if self.is_implicit => {
                    let tag = self.control_implicit(control, &sql[planned.at.clone()]).await?;
                    write::command_complete(&mut self.client.outbox, tag);
                }
                Some(_) | None => self.run_among(&sql[planned.at.clone()]).await?,
            }
            if self.transaction.status() == b'E' {
                return Err(Trouble::Told);
            }
        }
        Ok(())
    }

    /// One statement of the text, as if it stood alone.
    pub(super) async fn run_among(&mut self, text: &str) -> Result<(), Trouble> {
        self.see_gates();
        if let Err(fault) = self.look() {
            Box::pin(self.lose_map(fault)).await?;
        }
        let (shape, found) = self.decide(text);
        self.asks_primaries |= shape.is_for_primary;
        let Some(planned) = super::only(&shape) else {
            return Err(Fault::Broken(format!("part of a text is no statement: {text}")).into());
        };
        self.check_shadows(text)?;
        if let Some(across) = self.placed(&shape, text)? {
            return self.across_query(&across, text).await;
        }
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
        self.note_mark(ready.mark);
        let target = self.target(ready.destination, ready.access)?;
        self.close_elsewhere(&ready.mark.cursors, target.shard).await?;
        if let Some(vacated) = &ready.mark.vacates {
            Box::pin(self.vacate(vacated, target.shard)).await?;
        }
        let index = self.hold_to_run(target, ready.mark).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.ask(index, Owed::Query, text);
        self.announce(index, ready.mark);
        self.metrics.statement(Some((target.shard, self.held[index].role)), ready.kind);
        let outcome = self.converse(index, None).await?;
        self.complete(index, outcome, ready, ready.mark.is_ddl).await
    }

    async fn command_among(&mut self, command: &Command, text: &str, planned: &Planned) -> Result<(), Trouble> {
        match command {
            Command::Own(own @ OwnCommand::Show(_)) => {
                let tag = Box::pin(self.own_command(own)).await?;
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
            Command::OfSession(asked) => {
                self.check_alive()?;
                let text = self.answered_for(text, asked)?;
                Box::pin(self.run_among(&text)).await
            }
            Command::Control(_)
            | Command::Set(_)
            | Command::ResetAll
            | Command::Own(OwnCommand::Set { .. })
            | Command::Deallocate(_)
            | Command::DiscardAll
            | Command::Discard
            | Command::Listen(_)
            | Command::Empty => {
                if let Some(tag) = self.command_extended(command, text, planned).await? {
                    write::command_complete(&mut self.client.outbox, tag);
                }
                Ok(())
            }
        }
    }
}
