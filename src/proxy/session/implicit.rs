//! Transactions that no BEGIN has begun: of several statements in one text, and of the messages before one Sync. While one
//! server is enough, its own implicit transaction is all there is; when a second one is to be written, or the session
//! itself has to act, it becomes a transaction block on each of them, which ends as PostgreSQL would end it.
//!
//! ```text
//!         a statement                         BEGIN
//!   Idle ─────────────→ implicit transaction ───────→ transaction block, which outlives the text or the pipeline
//!     ↑  COMMIT, ROLLBACK (with a warning)  │
//!     └ an error, Sync, the end of the text ┘
//! ```

use crate::logic::plan::Access;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::route::Destination;
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::{Characteristics, Control};
use crate::logic::topology::Role;
use crate::logic::transaction::{Step, Transaction, Warning, begin_tag};
use crate::proxy::session::across::Own;
use crate::proxy::session::together::Told;
use crate::proxy::session::{Session, Trouble};

impl Session {
    /// A statement of a pipeline is about to go there: outside a transaction block, only one server may be written.
    pub(super) async fn widen(&mut self, destination: Destination) -> Result<(), Trouble> {
        let is_here = |shard: ShardId| match destination {
            Destination::Shard(other) => other == shard,
            Destination::First => shard == ShardId(0),
            Destination::Any | Destination::Current => true,
        };
        let is_elsewhere = self.held.iter().any(|held| held.in_pipeline && held.has_written && !is_here(held.shard));
        if self.transaction.is_idle() && is_elsewhere { self.begin_implicit().await } else { Ok(()) }
    }

    /// A write over several shards, or a command of the session's, is part of a pipeline without BEGIN: what follows may
    /// undo it, or be undone with it. `is_last`: nothing follows.
    pub(super) async fn take_part(&mut self, is_last: bool) -> Result<(), Trouble> {
        let has_written = self.held.iter().any(|held| held.in_pipeline && held.has_written);
        if self.transaction.is_idle() && (!is_last || has_written) { self.begin_implicit().await } else { Ok(()) }
    }

    /// From now on it is a transaction block on all its servers.
    pub(super) async fn begin_implicit(&mut self) -> Result<(), Trouble> {
        if self.begin_own(Access::Write) == Own::Begun {
            self.is_implicit = true;
            self.join_pipelined().await?;
        }
        Ok(())
    }

    /// BEGIN to the servers that have been sent messages of this pipeline: PostgreSQL makes what they have done since the
    /// last Sync a part of the block.
    async fn join_pipelined(&mut self) -> Result<(), Trouble> {
        let Some(text) = self.transaction.begun().map(|begun| begun.text.clone()) else { return Ok(()) };
        self.sync_replicas().await?;
        let is_joining = |index: &usize| self.held[*index].in_pipeline && !self.held[*index].is_member;
        let joining: Vec<usize> = (0..self.held.len()).filter(is_joining).collect();
        if joining.is_empty() {
            return Ok(());
        }
        let mut told = self.together_aside(&joining, &text).await;
        for it in &mut told {
            let held = &mut self.held[it.index];
            (held.is_member, held.took_part) = (true, true);
            held.reported.extend(it.take_reported());
        }
        self.transaction.opened();
        self.check_told(told)
    }

    /// What servers said to a statement of ours.
    fn check_told(&mut self, mut told: Vec<Told>) -> Result<(), Trouble> {
        let objection = told.iter().find_map(|it| it.failure()).map(Vec::from);
        told.retain(|it| it.lost.is_some());
        match (self.drop_lost(told), objection) {
            (Some(trouble), _) => Err(trouble),
            (None, Some(body)) => Err(self.pass_error(&body)),
            (None, None) => Ok(()),
        }
    }

    /// A block that may write has nothing on replicas.
    async fn sync_replicas(&mut self) -> Result<(), Trouble> {
        while let Some(index) = self.held.iter().position(|held| held.in_pipeline && held.role == Role::Replica) {
            self.sync_server(index).await?;
        }
        Ok(())
    }

    /// A Query stands behind messages that no Sync has ended. Where they have written, it decides on what they wrote.
    pub(super) async fn meet_query(&mut self) -> Result<(), Trouble> {
        self.take_part(true).await?;
        self.sync_servers().await
    }

    /// Is there an implicit transaction that a command for blocks would meet?
    pub(super) fn is_implicit_open(&self) -> bool {
        self.is_implicit || self.transaction.is_idle() && self.held.iter().any(|held| held.in_pipeline)
    }

    /// What a block alone may do is not for pipelines without BEGIN (several statements in a text may do it).
    pub(super) fn check_block(&self, what: &'static str) -> Result<(), Fault> {
        if self.is_without_block() { Err(Fault::NoTransaction(what)) } else { Ok(()) }
    }

    /// What has no effect without a block.
    pub(super) fn warn_without_block(&mut self, what: &str) {
        let message = format!("{what} can only be used in transaction blocks");
        write::notice(&mut self.client.outbox, write::WARNING, "25P01", &message);
    }

    /// Neither BEGIN nor other statements of the same text make a block.
    pub(super) fn is_without_block(&self) -> bool {
        (self.is_implicit || self.transaction.is_idle()) && self.among.is_none()
    }

    /// Ends the transaction block that an implicit transaction has become, as its statements went.
    pub(super) async fn end_implicit(&mut self, result: Result<(), Trouble>) -> Result<(), Trouble> {
        let own = if std::mem::take(&mut self.is_implicit) { Own::Begun } else { Own::No };
        self.end_own(own, result).await
    }

    /// A command for transaction blocks meets an implicit transaction. Returns its tag.
    pub(super) async fn control_implicit(&mut self, control: &Control, text: &str) -> Result<&'static str, Trouble> {
        match (control, Transaction::Idle.on_command(control, text)) {
            (Control::Begin(_), _) => {
                self.begin_block(control, text).await?;
                Ok(begin_tag(text))
            }
            (Control::Commit { .. }, Step::Answer(tag, warning)) => {
                self.warn(warning);
                self.commit_implicit().await?;
                Ok(tag)
            }
            (_, Step::Answer(tag, warning)) => {
                self.warn(warning);
                self.portals.clear();
                self.undo_implicit().await?;
                Ok(tag)
            }
            (_, Step::Fail(fault, _)) => Err(fault.into()),
            (_, Step::Send(_)) => Err(Fault::Broken(format!("not a command of blocks: {control:?}")).into()),
        }
    }

    /// The block is to be ended by the client from now on.
    async fn begin_block(&mut self, control: &Control, text: &str) -> Result<(), Trouble> {
        if !self.is_implicit {
            drop(self.transaction.on_command(control, text));
            self.follow(control);
            self.is_implicit = true;
            self.join_pipelined().await?;
        } else if let Control::Begin(said) = control
            && *said != Characteristics::default()
        {
            self.say_modes(*said).await?;
        }
        self.is_implicit = false;
        Ok(())
    }

    /// The open transaction is to have these modes. For some it may be too late.
    async fn say_modes(&mut self, modes: Characteristics) -> Result<(), Trouble> {
        let (control, said) = (Control::SetTransaction(modes), modes.beyond(Characteristics::default()).join(", "));
        let text = format!("SET TRANSACTION {said}");
        match self.transaction.on_command(&control, &text) {
            Step::Answer(..) => return Ok(()),
            Step::Fail(fault, _) => return Err(fault.into()),
            Step::Send(_) => (),
        }
        let members: Vec<usize> = (0..self.held.len()).filter(|index| self.held[*index].is_member).collect();
        let told = self.together_aside(&members, &text).await;
        self.check_told(told)?;
        self.transaction.succeeded(&control, &text);
        Ok(())
    }

    async fn commit_implicit(&mut self) -> Result<(), Trouble> {
        self.portals.clear();
        self.pipeline.clear();
        self.sync_servers().await?;
        if self.pipeline.failure.is_some() {
            return Err(Trouble::Told);
        }
        self.end_implicit(Ok(())).await?;
        self.schema_may_have_changed(false).await
    }

    /// Whatever the servers of a pipeline, or of a text, have done is undone.
    pub(super) async fn undo_implicit(&mut self) -> Result<(), Trouble> {
        self.undo_pipeline().await?;
        if std::mem::take(&mut self.is_implicit) {
            self.undo().await;
        }
        Ok(())
    }

    pub(super) fn warn(&mut self, warning: Option<Warning>) {
        if let Some(warning) = warning {
            write::notice(&mut self.client.outbox, write::WARNING, warning.sqlstate, warning.message);
        }
    }
}
