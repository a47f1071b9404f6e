//! Statements that act on the session: transactions, settings, PREPARE and EXECUTE in SQL.

use std::sync::Arc;

use crate::logic::plan::{Access, Command, OwnCommand, OwnSetting, Planned, SettingChange};
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Owed;
use crate::logic::session::settings::{self, OWN_PREFIX};
use crate::logic::transaction::{Step, Warning};
use crate::proxy::session::commit::is_commit;
use crate::proxy::session::picture::{check_role, shard_by_key, shard_by_name};
use crate::proxy::session::replicas::check_position;
use crate::proxy::session::servers::{Held, needs_session};
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
            Command::Begin(_)
            | Command::Commit { .. }
            | Command::Rollback { .. }
            | Command::Savepoint(_)
            | Command::Release(_)
            | Command::RollbackTo(_)
            | Command::SetTransaction(_) => self.transaction_command(command, &text, size).await,
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
                Box::pin(self.listen_command(listen, planned)).await?;
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

    async fn transaction_command(&mut self, command: &Command, text: &str, size: usize) -> Result<(), Trouble> {
        self.check_heard(command)?;
        self.listen_before(command).await?;
        match self.transaction.on_command(command, text) {
            Step::Answer(tag, warning) => {
                self.answered(command, tag, warning);
                self.say_ready();
                Ok(())
            }
            Step::Fail(fault) => Err(fault.into()),
            Step::Send(None) if is_commit(command) && self.has_to_be_decided() => {
                self.client.consume(size);
                self.commit_command(command).await?;
                self.say_ready();
                self.schema_may_have_changed(false).await
            }
            Step::Send(replacement) => {
                self.tell_members(command, replacement, text, Some(size)).await?;
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
        let is_end = matches!(command, Command::Commit { .. } | Command::Rollback { .. });
        if !matches!(command, Command::Rollback { .. }) && !was_failed {
            self.tell_untold().await?;
        }
        let objection = match is_end {
            true => None,
            false => self.tell_others(others, replacement.unwrap_or(text)).await?,
        };
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
        if !has_failed {
            self.pipeline.hidden_failure = objection;
            self.check_hidden(*first)?;
        } else {
            if self.transaction.is_idle() {
                self.transaction_ended(false);
            }
            return if size.is_some() { Ok(()) } else { Err(Trouble::Told) };
        }
        if let Some(tag) = tag {
            write::command_complete(&mut self.client.outbox, &String::from_utf8_lossy(&tag));
        }
        let ended = if was_failed { &Command::Rollback { chain: is_chain(command) } } else { command };
        let followed = if matches!(command, Command::RollbackTo(_)) { command } else { ended };
        self.apply_command(followed, replacement.unwrap_or(text));
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
        if let (Command::Begin(_), true) = (command, self.transaction.is_idle()) {
            // Answered by a server: where it stands, it says itself.
            let step = self.transaction.on_command(command, text);
            debug_assert!(matches!(step, Step::Answer(..)), "BEGIN outside a transaction begins one");
        } else {
            self.transaction.succeeded(command, text);
        }
        self.follow(command);
    }

    /// A transaction command that no server needs to hear: the settings follow, the client gets warning and tag.
    pub(super) fn answered(&mut self, command: &Command, tag: &str, warning: Option<Warning>) {
        self.follow(command);
        if let Some(warning) = warning {
            write::notice(&mut self.client.outbox, write::WARNING, warning.sqlstate, warning.message);
        }
        write::command_complete(&mut self.client.outbox, tag);
    }

    /// The settings and cursors follow the transaction.
    pub(super) fn follow(&mut self, command: &Command) {
        self.cursors_follow(command);
        self.follow_made(command);
        if let Some(hearing) = &mut self.hearing {
            hearing.listening.follow(command);
        }
        match command {
            Command::Begin(_) => {
                self.transaction.default_to(self.default_isolation());
                self.settings.begin();
            }
            Command::Commit { chain } => self.end_settings(true, *chain),
            Command::Rollback { chain } => self.end_settings(false, *chain),
            Command::Savepoint(name) => self.settings.savepoint(name),
            Command::Release(name) => self.settings.release(name),
            Command::RollbackTo(name) => self.settings.rollback_to(name),
            Command::Set(changes) => changes.iter().for_each(|change| self.settings.apply(change)),
            Command::ResetAll => self.settings.reset_all(),
            Command::SetTransaction(_)
            | Command::Own(_)
            | Command::Prepare(_)
            | Command::Execute(_)
            | Command::Deallocate(_)
            | Command::DiscardAll
            | Command::Discard
            | Command::Listen(_)
            | Command::OfSession(_)
            | Command::Empty => (),
        }
    }

    /// The client has set parameters on this server. On others functions may have set them otherwise: there they are set
    /// before the next statement, even if their values are what they were.
    pub(super) fn set_elsewhere(&mut self, changes: &[SettingChange], on: usize) {
        let others = self.held.iter_mut().enumerate().filter(|(index, held)| *index != on && held.lease.has_unseen);
        for (_, held) in others {
            let settings = Arc::make_mut(&mut held.lease.settings);
            for change in changes.iter().filter(|change| !change.is_local) {
                settings.insert(change.name.clone(), settings::UNSEEN.into());
            }
        }
    }

    /// A statement of the open transaction has set parameters on one of its servers. The others are told before their next
    /// statement, and those that join when they do.
    pub(super) fn set_in_transaction(&mut self, changes: &[SettingChange], on: usize) {
        if !self.transaction.is_on_server() {
            return;
        }
        let sql: String = changes.iter().map(settings::again).collect();
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
        self.pipeline.hidden_failure = told.iter().find_map(|it| it.failure()).map(Box::from);
        told.retain(|it| it.lost.is_some());
        self.drop_lost(told).map_or(Ok(()), Err)?;
        Ok(self.check_hidden(first)?)
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

    /// SET and RESET. A parameter of the user's own (`my.var`) takes any value: no server is asked.
    pub(super) async fn set_command(
        &mut self,
        command: &Command,
        text: &str,
        size: Option<usize>,
    ) -> Result<(), Trouble> {
        // RESET on a server goes back to its own defaults: those of the client's startup message are set again behind it.
        let reset = self.startup_again(command).map(|sql| format!("{text}\n;{sql}"));
        // Where functions may have set it otherwise, the server has to hear of it.
        let is_unseen = self.held.iter().any(|held| held.lease.has_unseen);
        if is_free(command) && !is_unseen && !self.transaction.is_on_server() {
            self.transaction.remember(reset.as_deref().unwrap_or(text));
            self.follow(command);
            write::command_complete(&mut self.client.outbox, if is_reset(text) { "RESET" } else { "SET" });
            if size.is_some() {
                self.say_ready();
            }
            return Ok(());
        }
        if self.transaction.is_on_server() {
            self.tell_members(command, reset.as_deref(), text, size).await?;
            // In a transaction that has changed the schema the answer was kept back.
            return self.schema_may_have_changed(false).await;
        }
        let target = self.target(Destination::Any, Access::Read)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        let owed = if size.is_some() { Owed::FirstOf } else { Owed::QuietQuery };
        let direct = size.filter(|_| reset.is_none());
        match direct {
            Some(_) => self.pipeline.owe(owed),
            None => self.ask(index, owed, reset.as_deref().unwrap_or(text)),
        }
        let outcome = self.converse(index, direct).await?;
        self.client.consume(size.unwrap_or(0));
        self.trouble_of(index, outcome)?;
        let has_failed = self.pipeline.failure.is_some();
        let tag = self.pipeline.tag.take();
        self.settle(index);
        if has_failed {
            return if size.is_some() { Ok(()) } else { Err(Trouble::Told) };
        }
        if let Some(tag) = tag {
            write::command_complete(&mut self.client.outbox, &String::from_utf8_lossy(&tag));
        }
        self.apply_command(command, reset.as_deref().unwrap_or(text));
        if self.transaction.is_idle() {
            self.held[index].lease.settings = Arc::clone(self.settings.base());
        }
        if let Command::Set(changes) = command {
            self.set_elsewhere(changes, index);
        } else {
            // RESET ALL.
            let others = self.held.iter_mut().enumerate().filter(|(other, _)| *other != index);
            others.for_each(|(_, held)| held.lease.is_tainted |= held.lease.has_unseen);
        }
        Ok(())
    }

    /// Of a command that puts parameters back: the SQL for those that the client's startup message has set.
    fn startup_again(&self, command: &Command) -> Option<String> {
        if let Command::ResetAll = command {
            return self.settings.startup_sql();
        }
        let Command::Set(changes) = command else { return None };
        let sql: String = changes.iter().filter_map(|change| self.settings.startup_again(change)).collect();
        (!sql.is_empty()).then_some(sql)
    }

    /// SET, RESET and SHOW of our own settings.
    pub(super) async fn own_command(&mut self, own: &OwnCommand) -> Result<&'static str, Trouble> {
        match own {
            OwnCommand::Show(setting) => {
                let value = self.own_value(*setting).await?;
                write::one_text_row(&mut self.client.outbox, setting.name(), &value);
                Ok("SHOW")
            }
            OwnCommand::Set { setting, value, is_local } => {
                if let Some(value) = value {
                    match setting {
                        OwnSetting::Shard => drop(shard_by_name(self.map(), value)?),
                        OwnSetting::Key => drop(shard_by_key(self.map(), value)?),
                        OwnSetting::Role => check_role(value)?,
                        OwnSetting::Position => check_position(self.map(), value)?,
                        OwnSetting::NewTables => self.check_place(value)?,
                    }
                }
                let change = SettingChange { name: setting.name().into(), value: value.clone(), is_local: *is_local };
                self.settings.apply(&change);
                Ok(if value.is_some() { "SET" } else { "RESET" })
            }
        }
    }

    /// What SHOW says of one of our own settings.
    pub(super) async fn own_value(&mut self, setting: OwnSetting) -> Result<String, Trouble> {
        let default = match setting {
            OwnSetting::Position => return self.position().await,
            OwnSetting::Role => "auto",
            OwnSetting::Shard | OwnSetting::Key | OwnSetting::NewTables => "",
        };
        Ok(self.settings.get(setting.name()).unwrap_or(default).to_owned())
    }

    /// DISCARD ALL puts parameters back: a server with those of the session does so, and reports to the client which of them
    /// it had been told otherwise.
    async fn report_reset(&mut self) -> Result<(), Trouble> {
        if !self.settings.has_any() {
            return Ok(());
        }
        let target = self.target(Destination::Any, Access::Read)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        let startup = self.settings.startup_sql().unwrap_or_default();
        self.ask(index, Owed::QuietQuery, &format!("RESET SESSION AUTHORIZATION;RESET ALL;{startup}"));
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        self.settle(index);
        if self.pipeline.failure.is_some() {
            self.held[index].lease.is_tainted = true;
            self.release();
            return Err(Trouble::Told);
        }
        self.settings.discard_all();
        // The server stands where the session does: nobody has to reset it again.
        self.held[index].lease.settings = Arc::clone(self.settings.base());
        self.release();
        Ok(())
    }

    /// DEALLOCATE and DISCARD. Returns the command tag.
    pub(super) async fn forget_command(
        &mut self,
        command: &Command,
        verb: &'static str,
    ) -> Result<&'static str, Trouble> {
        match command {
            Command::Deallocate(Some(name)) => match self.named.remove(name.as_bytes()) {
                Some(_) => Ok("DEALLOCATE"),
                None => Err(Fault::NoStatement(name.to_string()).into()),
            },
            Command::Deallocate(None) => {
                self.named.clear();
                Ok("DEALLOCATE ALL")
            }
            Command::DiscardAll => {
                if !self.transaction.is_idle() || self.is_implicit_open() {
                    return Err(Fault::InsideTransaction("DISCARD ALL").into());
                }
                self.report_reset().await?;
                self.named.clear();
                self.unnamed = None;
                self.settings.discard_all();
                self.cursors.close_all();
                self.listen_to_nothing();
                // Temporary tables, locks and cursors go with the connections that had them.
                self.held.clear();
                self.names = None;
                Ok("DISCARD ALL")
            }
            Command::Discard
            | Command::Begin(_)
            | Command::Commit { .. }
            | Command::Rollback { .. }
            | Command::Savepoint(_)
            | Command::Release(_)
            | Command::RollbackTo(_)
            | Command::SetTransaction(_)
            | Command::Set(_)
            | Command::ResetAll
            | Command::Own(_)
            | Command::Prepare(_)
            | Command::Execute(_)
            | Command::Listen(_)
            | Command::OfSession(_)
            | Command::Empty => {
                if self.pinned().is_some() {
                    return Err(needs_session(verb).into());
                }
                Ok(verb)
            }
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
        !self.transaction.is_on_server()
            && !self.is_to_listen()
            && statements.iter().all(|planned| {
                matches!(
                    super::command(&planned.plan),
                    Some(
                        Command::Begin(_)
                            | Command::Commit { .. }
                            | Command::Rollback { .. }
                            | Command::Savepoint(_)
                            | Command::Release(_)
                            | Command::RollbackTo(_)
                            | Command::SetTransaction(_)
                    )
                )
            })
            && !ends_in_nothing(statements)
    }

    /// Several transaction commands that no server needs to hear.
    pub(super) fn answer_locally(&mut self, statements: &[Planned], sql: &str) -> Result<(), Trouble> {
        for planned in statements {
            let Some(command) = super::command(&planned.plan) else { continue };
            self.check_heard(command)?;
            match self.transaction.on_command(command, &sql[planned.at.clone()]) {
                Step::Answer(tag, warning) => {
                    self.answered(command, tag, warning);
                }
                Step::Fail(fault) => return Err(fault.into()),
                Step::Send(_) => return Err(Fault::Broken("a local transaction asks for a server".into()).into()),
            }
        }
        self.say_ready();
        Ok(())
    }
}

/// Outside BEGIN, several statements in a text are an implicit transaction block, in which SAVEPOINT and the like have
/// answers of their own: a server gives them.
fn ends_in_nothing(statements: &[Planned]) -> bool {
    let first = statements.first().and_then(|planned| super::command(&planned.plan));
    !matches!(first, Some(Command::Begin(_)))
}

fn is_chain(command: &Command) -> bool {
    matches!(command, Command::Commit { chain: true } | Command::Rollback { chain: true })
}

/// Every parameter it sets has a dot in its name: PostgreSQL takes any value for these.
fn is_free(command: &Command) -> bool {
    let Command::Set(changes) = command else { return false };
    !changes.is_empty()
        && changes.iter().all(|change| change.name.contains('.') && !change.name.starts_with(OWN_PREFIX))
}

fn is_reset(text: &str) -> bool {
    text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("reset"))
}
