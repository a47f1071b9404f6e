//! Statements that act on the session, above all on its transaction.

use std::sync::Arc;

use crate::logic::plan::{Command, Planned, SettingChange};
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::session::pipeline::{HiddenFailure, Owed};
use crate::logic::session::telling;
use crate::logic::sql::statement::Control;
use crate::logic::transaction::{ALREADY_IN_PROGRESS, Step, Warning};
use crate::proxy::session::servers::Held;
use crate::proxy::session::together::Stop;
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::server_name;

impl Session {
    /// A command that stands alone in a Query of `size` bytes.
    pub(super) async fn command(
        &mut self,
        command: &Command,
        planned: &Planned,
        text: String,
        size: usize,
    ) -> Result<(), Trouble> {
        match command {
            Command::Control(control) => self.control_command(control, &text, size).await,
            Command::Set(_) | Command::ResetAll => {
                self.check_alive()?;
                self.set_command(command, &text, Some(size)).await
            }
            Command::Own(own) => {
                self.check_alive()?;
                let tag = Box::pin(self.own_command(own)).await?;
                self.answer(tag)
            }
            Command::Prepare(prepare) => {
                self.check_alive()?;
                self.client.consume(size);
                self.prepare_command(prepare, false).await
            }
            Command::Execute(execute) => {
                self.check_alive()?;
                self.client.consume(size);
                self.execute_command(execute, planned, &text).await
            }
            Command::Deallocate(_) | Command::DiscardAll | Command::Discard => {
                self.check_alive()?;
                let tag = self.forget_command(command, planned.verb).await?;
                self.answer(tag)
            }
            Command::Listen(listen) => {
                self.check_alive()?;
                Box::pin(self.listen_command(listen, &text, planned)).await?;
                self.answer(planned.verb)
            }
            Command::OfSession(asked) => {
                self.client.consume(size);
                self.check_alive()?;
                let text = self.answered_for(&text, asked)?;
                Box::pin(self.run_among(&text)).await
            }
            Command::Empty => self.answer_tag(server::EMPTY_QUERY),
        }
    }

    fn answer(&mut self, tag: &str) -> Result<(), Trouble> {
        write::command_complete(&mut self.client.outbox, tag);
        self.say_ready();
        Ok(())
    }

    fn answer_tag(&mut self, tag: u8) -> Result<(), Trouble> {
        write::bare(&mut self.client.outbox, tag);
        self.say_ready();
        Ok(())
    }

    pub(super) async fn control_command(&mut self, control: &Control, text: &str, size: usize) -> Result<(), Trouble> {
        self.check_heard(control)?;
        self.listen_before(control).await?;
        match self.transaction.on_command(control, text) {
            Step::Answer(tag, warning) => {
                self.answered(control, tag, warning);
                self.say_ready();
                Ok(())
            }
            Step::Fail(fault, warning) => {
                self.warn(warning);
                Err(fault.into())
            }
            Step::Send(None) if control.is_commit() && self.has_to_be_decided() => {
                self.client.consume(size);
                self.commit_command(control).await?;
                self.say_ready();
                self.schema_may_have_changed(false).await
            }
            Step::Send(replacement) => {
                let command = Command::Control(control.clone());
                self.tell_members(&command, replacement.as_deref(), text, Some(size)).await?;
                self.schema_may_have_changed(false).await
            }
        }
    }

    /// Tells every shard of the transaction; the client gets one answer, the writer's. What ends the transaction goes to
    /// the writer first: it may not be able to commit. `size` is that of the client's Query message; in the extended
    /// protocol there is none, and the command tag alone is passed on.
    pub(super) async fn tell_members(
        &mut self,
        command: &Command,
        replacement: Option<&str>,
        text: &str,
        size: Option<usize>,
    ) -> Result<(), Trouble> {
        let was_failed = self.transaction.status() == b'E';
        let mut members: Vec<usize> = (0..self.held.len()).filter(|index| self.held[*index].is_member).collect();
        members.sort_by_key(|index| !self.held[*index].has_written);
        let Some((first, others)) = members.split_first() else {
            return Err(Fault::Broken("a transaction is open on no server".into()).into());
        };
        let is_end = matches!(command, Command::Control(control) if control.ends());
        if !matches!(command, Command::Control(Control::Rollback { .. })) && !was_failed {
            self.tell_untold().await?;
        }
        let objection = match is_end {
            true => None,
            false => self.tell_others(others, replacement.unwrap_or(text)).await?,
        };
        if let Some(objection) = objection.filter(|_| !was_failed) {
            // The first may have none: only where a query has run it is too late for some modes.
            self.client.consume(size.unwrap_or(0));
            if let Command::Control(Control::Begin(_)) = command {
                self.warn(Some(ALREADY_IN_PROGRESS));
            }
            return Err(self.pass_error(&objection));
        }
        self.pipeline.clear();
        // It is over when it is over on all of them: nobody shall meet its locks after that.
        self.pipeline.keeps_ready = self.has_ddl || is_end && !others.is_empty();
        let owed = if size.is_some() { Owed::FirstOf } else { Owed::QuietQuery };
        let direct = size.filter(|_| replacement.is_none());
        match direct {
            Some(_) => self.pipeline.owe(owed),
            None => self.ask(*first, owed, replacement.unwrap_or(text)),
        }
        let outcome = self.converse(*first, direct).await?;
        self.client.consume(size.unwrap_or(0));
        self.trouble_of(*first, outcome)?;
        let (status, has_failed) = (self.pipeline.status, self.pipeline.failure.is_some());
        let tag = self.pipeline.tag.take();
        let sql = match (has_failed, status) {
            _ if !is_end => None,
            // The writer could not commit: nothing of the transaction may stay.
            (true, Some(b'I')) => Some("ROLLBACK"),
            (true, _) => None,
            (false, _) => Some(replacement.unwrap_or(text)),
        };
        if let Some(sql) = sql {
            let statements = others.iter().map(|index| (*index, sql.to_owned())).collect();
            self.end_members(statements, "ended_one").await;
            // AND CHAIN: the next transaction has written nothing yet.
            (0..self.held.len()).for_each(|index| self.forget_written(index));
        }
        self.transaction.on_ready(status.unwrap_or(b'I'));
        // What follows in the same text or pipeline is another transaction, which it has to join.
        self.held[*first].is_member = self.transaction.is_on_server();
        if has_failed {
            if self.transaction.is_idle() {
                self.transaction_ended(false);
            }
            return if size.is_some() { Ok(()) } else { Err(Trouble::Told) };
        }
        if let Some(tag) = tag {
            write::command_complete(&mut self.client.outbox, &String::from_utf8_lossy(&tag));
        }
        let text = replacement.unwrap_or(text);
        if let Command::Control(control) = command
            && was_failed
            && control.ends()
        {
            // COMMIT ends it as ROLLBACK does.
            self.apply_control(&Control::Rollback { chain: control.chains() }, text);
        } else {
            self.apply_command(command, text);
        }
        Ok(())
    }

    /// A command that the transaction outlives, for all its servers but the first. What PostgreSQL objects to, the first
    /// tells the client; returned is the error that the others gave.
    async fn tell_others(&mut self, others: &[usize], sql: &str) -> Result<Option<Box<[u8]>>, Trouble> {
        let statements: Vec<_> = others.iter().map(|index| (*index, sql.to_owned())).collect();
        if statements.is_empty() {
            return Ok(None);
        }
        let mut told = self.together(statements, Stop::May, || ()).await;
        let objection = told.iter().find_map(|it| it.failure()).map(Box::from);
        told.retain(|it| it.lost.is_some());
        self.drop_lost(told).map_or(Ok(objection), Err)
    }

    /// A command has succeeded on the servers: what the session and shards that join later must know of it.
    pub(super) fn apply_command(&mut self, command: &Command, text: &str) {
        match command {
            Command::Control(control) => self.apply_control(control, text),
            Command::Set(_) | Command::ResetAll => self.apply_set(command, text),
            Command::DiscardAll => self.cursors.close_all(),
            Command::Own(_)
            | Command::Prepare(_)
            | Command::Execute(_)
            | Command::Deallocate(_)
            | Command::Discard
            | Command::Listen(_)
            | Command::OfSession(_)
            | Command::Empty => (),
        }
    }

    fn apply_control(&mut self, control: &Control, text: &str) {
        if let (Control::Begin(_), true) = (control, self.transaction.is_idle()) {
            // Answered by a server: where it stands, it says itself.
            let step = self.transaction.on_command(control, text);
            debug_assert!(matches!(step, Step::Answer(..)), "BEGIN outside a transaction begins one");
        } else {
            self.transaction.succeeded(control, text);
        }
        self.follow(control);
    }

    /// A transaction command that no server needs to hear: the settings follow, the client gets warning and tag.
    pub(super) fn answered(&mut self, control: &Control, tag: &str, warning: Option<Warning>) {
        self.follow(control);
        self.warn(warning);
        write::command_complete(&mut self.client.outbox, tag);
    }

    /// The settings and cursors follow the transaction.
    pub(super) fn follow(&mut self, control: &Control) {
        self.cursors_follow(control);
        self.follow_made(control);
        if let Some(hearing) = &mut self.hearing {
            hearing.listening.follow(control);
        }
        match control {
            Control::Begin(_) => {
                self.transaction.default_to(self.default_modes());
                self.settings.begin();
            }
            Control::Commit { chain } => self.end_settings(true, *chain),
            Control::Rollback { chain } => self.end_settings(false, *chain),
            Control::Savepoint(name) => self.settings.savepoint(name),
            Control::Release(name) => self.settings.release(name),
            Control::RollbackTo(name) => self.settings.rollback_to(name),
            Control::SetTransaction(_) => (),
        }
    }

    /// The client has set parameters on this server. On others functions may have set them otherwise: there they are set
    /// before the next statement, even if their values are what they were.
    pub(super) fn set_elsewhere(&mut self, changes: &[SettingChange], on: usize) {
        let others = self.held.iter_mut().enumerate().filter(|(index, held)| *index != on && held.lease.has_unseen);
        for (_, held) in others {
            let settings = Arc::make_mut(&mut held.lease.settings);
            for change in changes.iter().filter(|change| !change.is_local) {
                settings.insert(change.name.clone(), telling::UNSEEN.into());
            }
        }
    }

    /// A statement of the open transaction has set parameters on one of its servers. The others are told before their next
    /// statement, and those that join when they do.
    pub(super) fn set_in_transaction(&mut self, changes: &[SettingChange], on: usize) {
        if !self.transaction.is_on_server() {
            return;
        }
        let sql: String = changes.iter().map(telling::again).collect();
        self.transaction.remember(&sql);
        let others = self.held.iter_mut().enumerate().filter(|(index, held)| *index != on && held.is_member);
        others.for_each(|(_, held)| held.untold.push_str(&sql));
    }

    /// Servers of the open transaction hear what it has set on others.
    async fn tell_untold(&mut self) -> Result<(), Trouble> {
        let untold = |(index, held): (usize, &mut Held)| {
            (!held.untold.is_empty()).then(|| (index, std::mem::take(&mut held.untold)))
        };
        let statements: Vec<_> = self.held.iter_mut().enumerate().filter_map(untold).collect();
        if statements.is_empty() {
            return Ok(());
        }
        let (first, mut told) = (statements[0].0, self.together(statements, Stop::May, || ()).await);
        let error = told.iter().find_map(|it| it.failure()).map(Box::from);
        self.pipeline.hidden_failure = error.map(|error| Box::new(HiddenFailure { error, is_silenced: false }));
        told.retain(|it| it.lost.is_some());
        self.drop_lost(told).map_or(Ok(()), Err)?;
        match self.is_unready(first) {
            Some(cause) => Err(self.lose(first, cause).into()),
            None => Ok(()),
        }
    }

    /// What has a transaction's life: settings, and what it has asked to listen to.
    pub(super) fn transaction_ended(&mut self, is_committed: bool) {
        let set = self.settings.has_changed().then(|| Arc::clone(self.settings.current()));
        self.settings.end(is_committed);
        for held in &mut self.held {
            let took_part = std::mem::take(&mut held.took_part) || held.is_member;
            // Its servers have kept what was SET: by COMMIT, and by PREPARE TRANSACTION even if it was undone then.
            let has_kept = std::mem::take(&mut held.was_prepared) || took_part && is_committed;
            held.lease.is_tainted |= !std::mem::take(&mut held.untold).is_empty();
            if let Some(set) = &set
                && has_kept
            {
                held.lease.settings = Arc::clone(set);
            }
            if took_part || held.lease.has_unseen {
                // What it has for these by now, functions of the client's may have set.
                self.settings.know_unset(&mut held.lease.settings);
            }
        }
        self.forget_made();
        if !is_committed {
            // A COMMIT that fails, too, is the end of what was to be held.
            self.cursors.end(false);
        }
        if let Some(hearing) = &mut self.hearing {
            hearing.listening.end(is_committed);
        }
    }

    fn end_settings(&mut self, is_committed: bool, chain: bool) {
        self.transaction_ended(is_committed);
        if chain {
            self.settings.begin();
        }
    }

    /// Closes the least recently used statement of a server when it has as many as it may.
    pub(super) fn make_room(&mut self, index: usize, on_their_way: usize) {
        let max = self.picture().database.pool.prepared_statements_max as usize;
        while let Some(id) = self.held[index].lease.prepared.evict(max.saturating_sub(on_their_way)) {
            write::on_statement(self.outgoing.buffer(), client::CLOSE, &server_name(id));
            self.pipeline.owe(Owed::HiddenClose);
        }
    }

    pub(super) fn catalog_version(&self) -> u64 {
        self.picture().database.catalog.as_ref().map_or(0, |catalog| catalog.version)
    }

    /// Can all statements of a text be answered without a server?
    pub(super) fn are_local(&self, statements: &[Planned]) -> bool {
        !self.transaction.is_on_server() && !self.is_to_listen() && !stand_outside(statements)
    }

    /// Several transaction commands that no server needs to hear.
    pub(super) fn answer_locally(&mut self, statements: &[Planned], sql: &str) -> Result<(), Trouble> {
        for planned in statements {
            let Some(Command::Control(control)) = super::command(&planned.plan) else { continue };
            self.check_heard(control)?;
            match self.transaction.on_command(control, &sql[planned.at.clone()]) {
                Step::Answer(tag, warning) => {
                    self.answered(control, tag, warning);
                }
                Step::Fail(fault, warning) => {
                    self.warn(warning);
                    return Err(fault.into());
                }
                Step::Send(_) => return Err(Fault::Broken("a local transaction asks for a server".into()).into()),
            }
        }
        self.say_ready();
        Ok(())
    }
}

/// Outside BEGIN, several statements in a text are an implicit transaction block, in which SAVEPOINT and the like have
/// answers of their own, also behind a COMMIT in the text: a server gives them.
fn stand_outside(statements: &[Planned]) -> bool {
    let mut is_inside = false;
    statements.iter().any(|planned| match super::command(&planned.plan) {
        Some(Command::Control(Control::Begin(_))) => {
            is_inside = true;
            false
        }
        Some(Command::Control(control)) => {
            let was_inside = is_inside;
            is_inside &= !control.ends() || control.chains();
            !was_inside
        }
        Some(_) | None => true,
    })
}
