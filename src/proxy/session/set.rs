//! SET, RESET and SHOW of what a session has set, and DISCARD.

use std::sync::Arc;

use crate::logic::plan::{Access, Command, OwnCommand, OwnSetting, SettingChange};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Owed;
use crate::logic::session::telling::OWN_PREFIX;
use crate::proxy::session::picture::{check_role, shard_by_key, shard_by_name};
use crate::proxy::session::replicas::check_position;
use crate::proxy::session::servers::needs_session;
use crate::proxy::session::{Session, Trouble};

impl Session {
    /// SET or RESET has succeeded: shards that join later must hear of it.
    pub(super) fn apply_set(&mut self, command: &Command, text: &str) {
        self.transaction.remember(text);
        if let Command::Set(changes) = command {
            changes.iter().for_each(|change| self.settings.apply(change));
        } else {
            self.settings.reset_all();
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
            let is_local = matches!(command, Command::Set(changes) if changes.iter().any(|change| change.is_local));
            // In a pipeline it has been said.
            if is_local && !self.is_implicit && self.is_without_block() {
                self.warn_without_block("SET LOCAL");
            }
            self.apply_set(command, reset.as_deref().unwrap_or(text));
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
                        OwnSetting::Position => {
                            check_position(self.map(), value)?;
                            self.check_may_leave_replicas()?;
                        }
                        OwnSetting::NewTables => self.check_place(value)?,
                    }
                }
                if *is_local && self.is_without_block() {
                    self.warn_without_block("SET LOCAL");
                }
                let change = SettingChange { name: setting.name().into(), value: value.clone(), is_local: *is_local };
                self.settings.apply(&change);
                if *setting == OwnSetting::Position {
                    self.leave_replicas().await;
                }
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
        self.transaction.take_snapshot();
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
                Box::pin(self.hear_first()).await?;
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
            | Command::Control(_)
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
}

/// Every parameter it sets has a name like `app.tenant` and one string for its value: PostgreSQL takes any.
fn is_free(command: &Command) -> bool {
    let Command::Set(changes) = command else { return false };
    let is_usual = |part: &str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let is_string = |value: &str| {
        let inner = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        inner.is_some_and(|inner| !inner.replace("''", "").contains('\''))
    };
    let is_free = |change: &SettingChange| {
        change.name.contains('.')
            && change.name.split('.').all(is_usual)
            && !change.name.starts_with(OWN_PREFIX)
            && change.value.as_deref().is_none_or(is_string)
    };
    !changes.is_empty() && changes.iter().all(is_free)
}

fn is_reset(text: &str) -> bool {
    text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("reset"))
}
