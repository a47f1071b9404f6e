//! Ends a transaction over several shards: all of it stays, or nothing (`logic::commit` draws how).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::logic::commit::{self, Decider, Outcome};
use crate::logic::plan::{Refusal, TEMPORARY_TABLE};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::shards::ShardId;
use crate::logic::sql::name::literal;
use crate::logic::sql::statement::Control;
use crate::logic::topology::Role;
use crate::proxy::crash::crash_at;
use crate::proxy::notifiers::Commit;
use crate::proxy::session::servers::Target;
use crate::proxy::session::together::{Stop, Told};
use crate::proxy::session::{Session, Trouble};

impl Session {
    /// Is COMMIT more than to tell the servers?
    pub(super) fn has_to_be_decided(&self) -> bool {
        self.unlisted.is_some() || self.has_several_writers()
    }

    /// Does the open transaction have to be committed in two phases?
    fn has_several_writers(&self) -> bool {
        self.held.iter().filter(|held| held.is_member && held.has_written).count() > 1
    }

    /// COMMIT of a transaction that was lost behind the client's back is an error: PostgreSQL's tag for it, ROLLBACK, is
    /// for clients who have heard of one. Any other statement tells them.
    pub(super) fn check_heard(&mut self, control: &Control) -> Result<(), Fault> {
        if !control.ends() {
            return Ok(());
        }
        match self.unheard.take() {
            Some(fault) if control.is_commit() && self.transaction.status() == b'E' => {
                self.transaction.forget();
                Err(*fault)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// COMMIT of a transaction that has written on several shards.
    pub(super) async fn commit_command(&mut self, control: &Control) -> Result<(), Trouble> {
        self.commit_everywhere().await?;
        self.transaction.committed(control.chains());
        self.follow(control);
        write::command_complete(&mut self.client.outbox, "COMMIT");
        Ok(())
    }

    /// Commits on every server of the open transaction, on all of them or on none. What the session knows of the
    /// transaction is left to the caller on success; after an error the transaction is over and nothing of it stays,
    /// or its outcome is unknown and the client has been told so (08007).
    pub(super) async fn commit_everywhere(&mut self) -> Result<(), Trouble> {
        self.listen_first().await?;
        let members = |is_writer: bool| -> Vec<usize> {
            let is_so = |index: &usize| self.held[*index].is_member && self.held[*index].has_written == is_writer;
            (0..self.held.len()).filter(is_so).collect()
        };
        let (mut writers, readers) = (members(true), members(false));
        // What keeps a server with its client (temporary tables, cursors WITH HOLD) cannot be prepared, but
        // can decide.
        writers.sort_by_key(|index| self.held[*index].pin.is_none());
        let (listed, refused) = match self.list_made().await {
            Ok(listed) => (listed, None),
            Err(trouble) => (Vec::new(), Some(trouble)),
        };
        let mut reported: Reported = self.held.iter_mut().flat_map(|held| std::mem::take(&mut held.reported)).collect();
        let done = match (refused, writers.as_slice()) {
            (Some(trouble), _) => Err(trouble),
            (None, []) => Ok((Vec::new(), None)),
            (None, [only]) => self.commit_one(*only).await.map(|()| (Vec::new(), None)),
            (None, several) => self.commit_in_two_phases(several, &mut reported).await,
        };
        match done {
            Ok((mut rest, under_way)) => {
                let prepared: Vec<(ShardId, String)> =
                    rest.iter().map(|(index, sql)| (self.held[*index].shard, sql.clone())).collect();
                rest.extend(readers.into_iter().map(|index| (index, "COMMIT".to_owned())));
                let by_others = self.end_members(rest, "committed_one").await;
                self.finish_anew(prepared).await;
                drop(under_way);
                if writers.len() != 1 {
                    reported.extend(by_others);
                }
                self.report_set(reported);
                crash_at("committed_all");
                Ok(())
            }
            Err(trouble) => {
                self.report_set(reported);
                self.roll_back_members().await;
                self.transaction.on_ready(b'I');
                self.transaction_ended(false);
                // One server that is lost with a COMMIT on its way may have heard it.
                let is_heard = matches!(trouble, Trouble::Told | Trouble::Refusal(_));
                if is_heard || writers.len() > 1 {
                    self.unlist(&listed, &trouble).await;
                }
                Err(trouble)
            }
        }
    }

    /// One server alone has written. What follows in the same text or pipeline is another transaction, which it has to join.
    async fn commit_one(&mut self, index: usize) -> Result<(), Trouble> {
        self.quietly(index, "COMMIT").await?;
        self.held[index].is_member = false;
        Ok(())
    }

    /// Who decides: the one that PostgreSQL would not prepare, or perhaps would not, else the first that was written.
    fn decider(&self, writers: &[usize]) -> Result<usize, Refusal> {
        let bound: Vec<usize> =
            writers.iter().copied().filter(|index| self.held[*index].unpreparable.is_some()).collect();
        if let [one, other, ..] = bound.as_slice() {
            let of = |index: usize| {
                let held = &self.held[index];
                (held.unpreparable.unwrap_or_default(), self.shard_name(held.shard))
            };
            return Err(Refusal::unpreparable(of(*one), of(*other)));
        }
        let pinned = writers.iter().copied().find(|index| self.held[*index].pin == Some(TEMPORARY_TABLE));
        let pinned = pinned.or_else(|| writers.iter().copied().find(|index| self.held[*index].pin.is_some()));
        Ok(bound.first().copied().or(pinned).unwrap_or(writers[0]))
    }

    /// Returns what is left to be done when it is decided, and adds what the client is to be told of parameters.
    async fn commit_in_two_phases(
        &mut self,
        writers: &[usize],
        reported: &mut Reported,
    ) -> Result<(Statements, Option<Commit>), Trouble> {
        let decider = self.decider(writers)?;
        let others = writers.iter().filter(|index| **index != decider);
        let held = &self.held[decider];
        let by = Decider { shard: self.shard_name(held.shard), pid: held.lease.cancellable.pid };
        let Some(gid) = commit::gid(&self.database, by, rand::random()) else {
            return Err(Refusal::long_names().into());
        };
        let started = Instant::now();
        crash_at("before_prepare");
        let prepare = format!("PREPARE TRANSACTION {}", literal(&gid));
        let prepare = others.map(|index| (*index, prepare.clone())).collect();
        let mut told = self.together(prepare, Stop::May, || crash_at("prepared_one")).await;
        let by_prepared: Reported = told.iter_mut().flat_map(Told::take_reported).collect();
        for it in &told {
            // Prepared or undone, the server's session is in no transaction any more.
            self.held[it.index].is_member = false;
            self.held[it.index].was_prepared = it.is_done();
        }
        crash_at("prepared_all");
        // The decision notifies, and who hears of it may look at once at what is not committed yet.
        let under_way = self.held[decider].lease.cancellable.notifier.commit();
        let undone = match told.iter().all(Told::is_done) {
            false => None,
            true if started.elapsed() > UNDECIDED_MAX => Some(Fault::Undone.into()),
            true => match self.write_decision(decider, &gid, reported).await {
                Ok(()) => {
                    reported.extend(by_prepared);
                    self.held[decider].is_member = false;
                    crash_at("decided");
                    return Ok((finishing(&told, Outcome::Committed, &gid), Some(under_way)));
                }
                // Whoever finds the decision, or none, finishes the others.
                Err(unknown @ Trouble::Fault(Fault::OutcomeUnknown { .. })) => return Err(unknown),
                Err(trouble) => Some(trouble),
            },
        };
        let undo = finishing(&told, Outcome::Aborted, &gid);
        let undo = self.together(undo, Stop::After(FINISH_MAX), || crash_at("undone_one")).await;
        told.extend(undo.into_iter().filter(|it| it.lost.is_some()));
        let failed = self.drop_lost(told);
        Err(undone.or(failed).unwrap_or(Trouble::Told))
    }

    /// The decision: a row and a commit on one server.
    async fn write_decision(&mut self, index: usize, gid: &str, reported: &mut Reported) -> Result<(), Trouble> {
        let shard = self.shard_name(self.held[index].shard).to_owned();
        let sql = format!("INSERT INTO {} (gid) VALUES ({});COMMIT", commit::DECISIONS, literal(gid));
        let mut told = self.together(vec![(index, sql)], Stop::May, || crash_at("decided_unheard")).await;
        reported.extend(told.iter_mut().flat_map(Told::take_reported));
        let Some(it) = told.pop() else { return Ok(()) };
        if it.lost.is_some() {
            self.held[index].is_member = false;
            drop(self.drop_lost(vec![it]));
            return Err(Fault::OutcomeUnknown { shard: shard.into() }.into());
        }
        let Some(body) = it.failure() else { return Ok(()) };
        match (view::error_field(body, b'C'), view::error_field(body, b'n')) {
            // undefined_table, invalid_schema_name, insufficient_privilege
            (Some(b"42P01" | b"3F000" | b"42501"), _) => Err(Refusal::no_decisions(&shard).into()),
            // read_only_sql_transaction: it has written, so it was not before.
            (Some(b"25006"), _) => Err(Refusal::decides_read_only().into()),
            (Some(b"23505"), Some(b"decisions_pkey")) => Err(Fault::Undone.into()),
            _ => Err(self.tell_failure(body, &shard)),
        }
    }

    /// A server's own error, with the shard it comes from.
    fn tell_failure(&mut self, body: &[u8], shard: &str) -> Trouble {
        if let Some(Ok(code)) = view::error_field(body, b'C').map(<[u8; 5]>::try_from) {
            self.metrics.error(&code);
        }
        write::frame(&mut self.client.outbox, server::ERROR, |out| {
            out.extend_from_slice(body.strip_suffix(&[0]).unwrap_or(body));
            if view::error_field(body, b'W').is_none() {
                out.extend_from_slice(format!("WCOMMIT on shard \"{shard}\"\0").as_bytes());
            }
            out.push(0);
        });
        Trouble::Told
    }

    /// Servers that are gone are dropped. Of several things that went wrong the first is the client's to hear.
    pub(super) fn drop_lost(&mut self, mut told: Vec<Told>) -> Option<Trouble> {
        let mut trouble = None;
        for it in told.iter().filter(|it| it.lost.is_none()) {
            let shard = self.shard_name(self.held[it.index].shard).to_owned();
            if let (Some(body), None) = (it.failure(), &trouble) {
                trouble = Some(self.tell_failure(body, &shard));
            }
        }
        told.retain(|it| it.lost.is_some());
        told.sort_unstable_by_key(|it| it.index);
        told.dedup_by_key(|it| it.index);
        let is_member = told.iter().any(|it| self.held[it.index].is_member);
        while let Some(mut it) = told.pop() {
            if !told.is_empty() {
                let held = self.held.swap_remove(it.index);
                self.note_kept(&held);
                continue;
            }
            // The last one speaks for all.
            self.held[it.index].is_member = is_member;
            self.pipeline.goodbye = it.goodbye();
            let fault = self.lose(it.index, it.lost.unwrap_or_default());
            trouble.get_or_insert(fault.into());
        }
        trouble
    }

    /// What has to come after the decision. A server that is gone is left to recovery: the client is told nothing of it. Returns
    /// what the servers have reported.
    pub(super) async fn end_members(&mut self, statements: Statements, step: &str) -> Reported {
        for (index, _) in &statements {
            self.held[*index].is_member = false;
        }
        let mut told = self.together(statements, Stop::After(FINISH_MAX), || crash_at(step)).await;
        let reported = told.iter_mut().flat_map(Told::take_reported).collect();
        for it in &told {
            // AND CHAIN begins the next one.
            let held = &mut self.held[it.index];
            held.is_member = it.lost.is_none() && matches!(held.status, b'T' | b'E');
            // undefined_object: recovery was faster.
            let failure = it.failure().filter(|body| view::error_field(body, b'C') != Some(b"42704"));
            if let Some(message) = failure.and_then(|body| view::error_field(body, b'M')) {
                let message = String::from_utf8_lossy(message);
                tracing::error!(client = self.id, %message, "a decided transaction waits for recovery on a shard");
            }
        }
        told.retain(|it| it.lost.is_some());
        if let Some(Trouble::Fault(fault)) = self.drop_lost(told) {
            tracing::warn!(client = self.id, %fault, "a decided transaction waits for recovery on a shard");
        }
        reported
    }

    /// The connection of one that was prepared may be gone while its server goes on: the session would find there what was
    /// before, until recovery has come round. Another connection does as well.
    async fn finish_anew(&mut self, prepared: Vec<(ShardId, String)>) {
        for (shard, sql) in prepared {
            if self.held.iter().any(|held| held.shard == shard) {
                continue;
            }
            let held = tokio::time::timeout(ANEW_MAX, self.hold(Target { shard, role: Role::Primary })).await;
            let Ok(Ok(index)) = held else { continue };
            self.end_members(vec![(index, sql)], "committed_anew").await;
            self.remember_write(shard);
        }
    }

    /// What was set for a transaction is over with it: the client is told what parameters are now.
    pub(super) fn report_set(&mut self, reported: Reported) {
        for (name, value) in reported {
            write::parameter_status(&mut self.client.outbox, &name, &value);
        }
    }

    /// The open transaction is undone on all its servers, and nobody has to end it any more.
    pub(super) async fn undo(&mut self) {
        self.roll_back_members().await;
        self.transaction.forget();
        self.transaction_ended(false);
    }

    /// Rolls back on every server of the open transaction. What the session knows of it is left to the caller.
    pub(super) async fn roll_back_members(&mut self) {
        let is_unheard = self.held.iter().any(|held| !held.reported.is_empty());
        self.held.iter_mut().for_each(|held| held.reported.clear());
        let members = (0..self.held.len()).filter(|index| self.held[*index].is_member);
        let statements = members.map(|index| (index, "ROLLBACK".to_owned())).collect();
        let reported = self.end_members(statements, "rolled_back_one").await;
        if !is_unheard {
            self.report_set(reported);
        }
    }

    /// An error on one shard ends the transaction, or what came since the last savepoint, on all of them: as on one
    /// PostgreSQL its locks are free before the client says ROLLBACK.
    pub(super) async fn abort_members(&mut self) {
        let members = || (0..self.held.len()).filter(|index| self.held[*index].is_member);
        let alive: Vec<usize> = members().filter(|index| self.held[*index].status == b'T').collect();
        if alive.is_empty() || members().count() < 2 || self.held.iter().any(|held| held.in_pipeline) {
            return;
        }
        let statements = alive.into_iter().map(|index| (index, POISON.to_owned())).collect();
        let mut told = self.together(statements, Stop::After(FINISH_MAX), || ()).await;
        self.report_set(told.iter_mut().flat_map(Told::take_reported).collect());
        told.retain(|it| it.lost.is_some());
        if self.drop_lost(told).is_some() {
            tracing::warn!(client = self.id, "a server was lost while its transaction was being aborted");
        }
    }
}

/// Statements by the place of their server.
type Statements = Vec<(usize, String)>;
/// Parameters that servers have reported, and their values.
type Reported = BTreeMap<Box<str>, Box<str>>;

/// A decision takes milliseconds. After this long recovery may have undone the transaction, and even forgotten that.
const UNDECIDED_MAX: Duration = Duration::from_secs(300);
/// What is decided takes milliseconds too; after this long recovery is left to do it.
pub(super) const FINISH_MAX: Duration = Duration::from_secs(30);
/// The client waits for so long for another connection to a server that has lost one. Recovery needs no longer.
const ANEW_MAX: Duration = Duration::from_secs(5);
/// A text that no server takes: the transaction it meets is aborted.
const POISON: &str = "aborted by an error on another shard";

/// What ends what has been prepared.
fn finishing(told: &[Told], outcome: Outcome, gid: &str) -> Statements {
    told.iter().filter(|it| it.is_done()).map(|it| (it.index, outcome.statement(gid))).collect()
}
