//! Ends a transaction over several shards: all of it stays, or nothing (`logic::commit` draws how).

use crate::logic::commit::{self, Outcome as Decided};
use crate::logic::plan::{Command, Refusal};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::session::pipeline::Owed;
use crate::proxy::session::exchange::Outcome;
use crate::proxy::session::{End, Session, Trouble};

impl Session {
    /// Does the open transaction have to be committed in two phases?
    pub(super) fn has_several_writers(&self) -> bool {
        self.held.iter().filter(|held| held.is_member && held.has_written).count() > 1
    }

    /// COMMIT of a transaction that has written on several shards.
    pub(super) async fn commit_command(&mut self, command: &Command) -> Result<(), Trouble> {
        self.commit_everywhere().await?;
        self.transaction.committed(matches!(command, Command::Commit { chain: true }));
        self.follow(command);
        write::command_complete(&mut self.client.outbox, "COMMIT");
        Ok(())
    }

    /// Commits on every server of the open transaction, on all of them or on none. What the session knows of the
    /// transaction is left to the caller on success; after an error the transaction is over and nothing of it stays,
    /// or its outcome is unknown and the client has been told so (08007).
    pub(super) async fn commit_everywhere(&mut self) -> Result<(), Trouble> {
        let members = |is_writer: bool| -> Vec<usize> {
            let is_so = |index: &usize| self.held[*index].is_member && self.held[*index].has_written == is_writer;
            (0..self.held.len()).filter(is_so).collect()
        };
        let (mut writers, readers) = (members(true), members(false));
        // What keeps a server with its client (temporary tables, LISTEN, cursors WITH HOLD) cannot be prepared, but
        // can decide.
        writers.sort_by_key(|index| self.held[*index].pin.is_none());
        let done = match writers.as_slice() {
            [] => Ok(()),
            [only] => self.quietly(*only, "COMMIT").await,
            [decider, others @ ..] => self.commit_in_two_phases(*decider, others).await,
        };
        if done.is_err() {
            self.roll_back_members().await?;
            self.transaction.on_ready(b'I');
            self.settings.end(false);
            return done;
        }
        self.end_members(&readers, |_| "COMMIT".to_owned()).await
    }

    async fn commit_in_two_phases(&mut self, decider: usize, others: &[usize]) -> Result<(), Trouble> {
        let name = self.shard_name(self.held[decider].shard);
        let Some(gid) = commit::gid(&self.database, name, rand::random()) else {
            return Err(Refusal::long_names().into());
        };
        crash_at("before_prepare");
        for (number, index) in others.iter().enumerate() {
            let sql = format!("PREPARE TRANSACTION {}", commit::literal(&gid));
            let servers = self.held.len();
            if let Err(trouble) = self.quietly(*index, &sql).await {
                // Where a connection broke, recovery undoes what the others prepared.
                if self.held.len() == servers {
                    self.end_members(&others[..number], |_| Decided::Aborted.statement(&gid)).await?;
                }
                return Err(trouble);
            }
            self.held[*index].is_member = false;
            crash_at("prepared_one");
        }
        crash_at("prepared_all");
        if let Err(trouble) = self.write_decision(decider, &gid).await {
            if !matches!(trouble, Trouble::Fault(Fault::OutcomeUnknown { .. })) {
                self.end_members(others, |_| Decided::Aborted.statement(&gid)).await?;
            }
            return Err(trouble);
        }
        self.held[decider].is_member = false;
        crash_at("decided");
        self.end_members(others, |_| Decided::Committed.statement(&gid)).await
    }

    /// The decision: a row and a commit on one server.
    async fn write_decision(&mut self, index: usize, gid: &str) -> Result<(), Trouble> {
        let shard = self.shard_name(self.held[index].shard).to_owned();
        self.pipeline.clear();
        let sql = format!("INSERT INTO {} (gid) VALUES ({});COMMIT", commit::DECISIONS, commit::literal(gid));
        self.ask(index, Owed::DeafQuery, &sql);
        match self.converse(index, None).await? {
            Outcome::Settled | Outcome::CopyIn => (),
            Outcome::ClientGone => return Err(End::Gone.into()),
            Outcome::ServerLost { cause, .. } => {
                self.lose(index, cause);
                return Err(Fault::OutcomeUnknown { shard: shard.into() }.into());
            }
        }
        let Some(body) = self.pipeline.deaf_failure.take() else { return Ok(()) };
        match view::error_field(&body, b'C') {
            // undefined_table, invalid_schema_name, insufficient_privilege
            Some(b"42P01" | b"3F000" | b"42501") => Err(Refusal::no_decisions(&shard).into()),
            _ => {
                write::frame(&mut self.client.outbox, server::ERROR, |out| out.extend_from_slice(&body));
                Err(Trouble::Told)
            }
        }
    }

    /// What has to come after the decision. A server that is gone is left to recovery: nothing is told of it.
    async fn end_members(&mut self, indexes: &[usize], sql: impl Fn(usize) -> String) -> Result<(), Trouble> {
        let mut gone = Vec::new();
        for index in indexes {
            self.held[*index].is_member = false;
            self.pipeline.clear();
            self.ask(*index, Owed::DeafQuery, &sql(*index));
            let outcome = self.converse(*index, None).await?;
            let failure = self.pipeline.deaf_failure.take();
            if let Outcome::ServerLost { .. } = outcome {
                gone.push(*index);
            } else if let Some(body) = failure {
                let message = view::error_field(&body, b'M').map(String::from_utf8_lossy).unwrap_or_default();
                tracing::error!(client = self.id, %message, "a decided transaction waits for recovery on a shard");
            }
            crash_at("committed_one");
        }
        gone.sort_unstable();
        for index in gone.into_iter().rev() {
            let fault = self.lose(index, "lost while a decided transaction was being finished".to_owned());
            tracing::warn!(client = self.id, %fault, "a decided transaction waits for recovery on a shard");
        }
        Ok(())
    }

    /// Rolls back on every server of the open transaction. What the session knows of it is left to the caller.
    pub(super) async fn roll_back_members(&mut self) -> Result<(), Trouble> {
        let members: Vec<usize> = (0..self.held.len()).filter(|index| self.held[*index].is_member).collect();
        self.end_members(&members, |_| "ROLLBACK".to_owned()).await
    }
}

/// COMMIT or END.
pub(super) fn is_commit(command: &Command) -> bool {
    matches!(command, Command::Commit { .. })
}

/// Ends the process at a named step, for the tests of what recovery makes of it.
#[cfg(debug_assertions)]
fn crash_at(step: &str) {
    if std::env::var("SHARDWAY_CRASH_AT").is_ok_and(|wanted| wanted == step) {
        std::process::abort();
    }
}

/// Released builds do no such thing.
#[cfg(not(debug_assertions))]
fn crash_at(_step: &str) {}
