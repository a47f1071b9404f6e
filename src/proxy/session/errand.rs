//! Errands: what several servers are asked at once, and the wait for all their answers.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::logic::copy::RowFormat;
use crate::logic::fetch::Fetch;
use crate::logic::memory::Over;
use crate::logic::plan::{Access, Refusal};
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::Destination;
use crate::logic::rows::{Kept, Rows};
use crate::logic::session::pipeline::{Again, CANCELLED, GROUPING_ERROR, HiddenFailure, without_position};
use crate::logic::shards::ShardId;
use crate::proxy::metrics::{Direction, PlanKind};
use crate::proxy::server::Backend;
use crate::proxy::session::client::{poll_read, with_scratch};
use crate::proxy::session::exchange::Outgoing;
use crate::proxy::session::servers::Held;
use crate::proxy::session::{End, Session, Trouble};

/// The SQLSTATE of insufficient_privilege.
const NO_RIGHTS: &[u8] = b"42501";

/// All rows, by part and server.
pub(super) type Fetched = Vec<Vec<Rows>>;

/// What one server is asked.
pub(super) struct Errand {
    /// Its place among the servers held
    pub index: usize,
    /// The parts it is asked for
    pub parts: Vec<usize>,
    pub outgoing: Outgoing,
    pub fetch: Fetch,
    /// The connection broke
    pub lost: Option<String>,
    /// It is a statement over rows that were fetched
    pub is_final: bool,
    /// Views that are written out in what it is asked
    pub views: Vec<Box<str>>,
}

/// Why the servers were not heard out.
pub(super) struct GivenUp {
    /// There were too many rows
    pub over: Option<Over>,
    /// Who waited for whom
    pub deadlock: Option<String>,
}

impl Session {
    /// Asks one shard and keeps all that it says. `write` is given the types that the client declares, as this server
    /// numbers them.
    pub(super) async fn fetch_one(
        &mut self,
        shard: ShardId,
        access: Access,
        types: &[u8],
        write: impl FnOnce(&mut Vec<u8>, &[u8]),
    ) -> Result<Fetch, Trouble> {
        let fetch = |hidden, is_synced| Fetch::new(hidden, std::iter::once(0), is_synced);
        let mut errands = [self.errand(shard, access, PlanKind::Gather, types, write, fetch).await?];
        errands[0].fetch.notices = Some(Vec::new());
        self.run_errands(&mut errands).await?;
        let [errand] = errands;
        Ok(errand.fetch)
    }

    /// What a server has against a text that it only parses: the body of its error, which nobody is told.
    pub(super) async fn complaint_about(&mut self, sql: &str) -> Result<Option<Box<[u8]>>, Trouble> {
        let parse = |out: &mut Vec<u8>, _: &[u8]| write::parse(out, b"", sql.as_bytes(), &[]);
        let fetch = |hidden, is_synced| Fetch::new(hidden, std::iter::empty(), is_synced);
        let shard = self.any_shard();
        let mut errands = [self.errand(shard, Access::Read, PlanKind::Unread, &[], parse, fetch).await?];
        let given_up = self.drive_errands(&mut errands).await?;
        let failure = errands[0].fetch.failure.take();
        self.end_errands(&mut errands, given_up)?;
        Ok(failure)
    }

    /// One shard is to be asked. `write` is given the types that the client declares, as this server numbers them; `fetch`
    /// how many queries of ours come first, and whether a Sync ends the batch.
    pub(super) async fn errand(
        &mut self,
        shard: ShardId,
        access: Access,
        kind: PlanKind,
        types: &[u8],
        write: impl FnOnce(&mut Vec<u8>, &[u8]),
        fetch: impl FnOnce(usize, bool) -> Fetch,
    ) -> Result<Errand, Trouble> {
        let target = self.target(Destination::Shard(shard), access)?;
        let index = self.hold(target).await?;
        self.metrics.statement(Some((target.shard, self.held[index].role)), kind);
        self.pipeline.clear();
        let is_open = self.held[index].in_pipeline;
        if !is_open || !self.transaction.is_idle() {
            self.prepare(index);
        }
        let hidden = self.pipeline.entered() as usize;
        self.pipeline.forget();
        self.held[index].lease.unnamed = None;
        if access == Access::Write {
            self.wrote(index);
        }
        let types = self.held[index].types(types);
        let out = self.outgoing.buffer();
        write(out, &types);
        // A Sync would end the implicit transaction of a pipeline.
        write::bare(out, if is_open { client::FLUSH } else { client::SYNC });
        let fetch = fetch(hidden, !is_open);
        let outgoing = std::mem::take(&mut self.outgoing);
        Ok(Errand { index, parts: Vec::new(), outgoing, fetch, lost: None, is_final: false, views: Vec::new() })
    }

    /// Runs statements of ours on one server and returns their rows. `write` writes the messages of each but the Sync;
    /// `widths` are the columns of each.
    pub(super) async fn fetch_rows(
        &mut self,
        index: usize,
        widths: &[usize],
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Vec<Rows>, Trouble> {
        self.pipeline.clear();
        let is_open = self.held[index].in_pipeline && self.transaction.is_idle();
        if !is_open {
            self.prepare(index);
        }
        let hidden = self.pipeline.entered() as usize;
        self.pipeline.forget();
        self.held[index].lease.unnamed = None;
        let out = self.outgoing.buffer();
        write(out);
        write::bare(out, if is_open { client::FLUSH } else { client::SYNC });
        let fetch = Fetch::new(hidden, widths.iter().copied(), !is_open);
        let outgoing = std::mem::take(&mut self.outgoing);
        let mut errands =
            [Errand { index, parts: Vec::new(), outgoing, fetch, lost: None, is_final: false, views: Vec::new() }];
        self.run_errands(&mut errands).await?;
        let [errand] = errands;
        Ok(errand.fetch.parts)
    }

    /// What stands in `outgoing`, behind what `begin_kept` put there: for the server of `index`, whose answers are kept as
    /// they come.
    pub(super) fn errand_kept(&mut self, index: usize) -> Errand {
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.held[index].lease.unnamed = None;
        let outgoing = std::mem::take(&mut self.outgoing);
        let mut fetch = Fetch::keeping(std::mem::take(&mut self.hidden) as usize);
        fetch.oids = self.held[index].lease.walk.oids.clone();
        Errand { index, parts: Vec::new(), outgoing, fetch, lost: None, is_final: false, views: Vec::new() }
    }

    /// The same for a statement over rows of several shards, which PostgreSQL finds ungrouped where it would not over tables.
    /// `copied`: its rows are those of a COPY, which the client hears of before an error.
    pub(super) async fn run_final(
        &mut self,
        index: usize,
        has_asides: bool,
        copied: Option<&RowFormat>,
    ) -> Result<Kept, Trouble> {
        let mut errands = [Errand { is_final: true, ..self.errand_kept(index) }];
        let fetch = &mut errands[0].fetch;
        (fetch.has_asides, fetch.describes, fetch.copied) = (has_asides, copied.is_some(), copied.cloned());
        self.run_errands(&mut errands).await?;
        let [errand] = errands;
        Ok(self.kept(errand))
    }

    /// The answer, with types as the client numbers them.
    pub(super) fn kept(&self, errand: Errand) -> Kept {
        errand.fetch.kept.map(|kept| *kept).unwrap_or_default()
    }

    /// Sends what is to be sent and reads what comes back, of all servers at once.
    pub(super) async fn run_errands(&mut self, errands: &mut [Errand]) -> Result<(), Trouble> {
        let given_up = self.drive_errands(errands).await?;
        self.end_errands(errands, given_up)
    }

    /// The same for reads of which the client has heard nothing. `false`: replay on a replica was in the way, and the
    /// primaries are to be asked.
    pub(super) async fn run_reads(&mut self, errands: &mut [Errand]) -> Result<bool, Trouble> {
        let given_up = self.drive_errands(errands).await?;
        if given_up.deadlock.is_none() && self.replay_is_in_the_way(errands) {
            self.turn_away_all(errands);
            return Ok(false);
        }
        self.end_errands(errands, given_up).map(|()| true)
    }

    /// Until all have said everything. Returns what they were given up for.
    async fn drive_errands(&mut self, errands: &mut [Errand]) -> Result<GivenUp, Trouble> {
        let servers = errands.iter().map(|errand| Arc::clone(&self.held[errand.index].lease.cancellable));
        self.slot.set_all(servers.collect());
        let limit = self.picture().database.limits.gather_limit;
        let memory = Arc::clone(&self.shared.memory);
        errands.iter_mut().for_each(|errand| errand.fetch.count_in(&memory));
        let mut over = None;
        let sent: usize = errands.iter().map(|errand| errand.outgoing.len()).sum();
        let mut patience = self.patience();
        let is_gone = std::future::poll_fn(|context| {
            let mut is_waiting = false;
            for errand in errands.iter_mut().filter(|errand| !errand.is_over()) {
                errand.poll(&mut self.held[errand.index], context);
                is_waiting |= !errand.is_over();
            }
            if over.is_none() {
                let held = bytes_of(errands);
                over = (held as u64 > limit).then_some(Over::Limit(limit)).or_else(|| memory.over(held));
                if over.is_some() {
                    errands.iter_mut().for_each(|errand| errand.fetch.discard());
                }
            }
            if !is_waiting {
                return Poll::Ready(false);
            }
            let is_given_up = patience.ends(context);
            let has_failed = errands.iter().any(Errand::has_failed) && errands.iter().all(Errand::may_be_stopped);
            let has_failed = has_failed || over.is_some() || is_given_up;
            if has_failed && !std::mem::replace(&mut patience.is_over, true) {
                self.cancel_aside();
            }
            self.client.poll_gone(context).map(|()| true)
        });
        if is_gone.await {
            self.abandon_errands(errands);
            return Err(End::Gone.into());
        }
        self.quieten(errands, patience.is_over).await;
        self.metrics.bytes(Direction::ServerOut, sent as u64);
        self.metrics.bytes(Direction::ServerIn, bytes_of(errands) as u64);
        Ok(GivenUp { over, deadlock: patience.deadlock })
    }

    /// A cancel that is late must not meet the next statement.
    pub(super) async fn quieten(&mut self, errands: &[Errand], was_cancelled: bool) {
        if was_cancelled {
            for errand in errands {
                let server = Arc::clone(&self.held[errand.index].lease.cancellable);
                server.quiet().await;
            }
        }
    }

    /// The client has gone: what runs is cancelled, the connections close.
    pub(super) fn abandon_errands(&mut self, errands: &[Errand]) {
        let (cancelling, connector) = (self.slot.begin_cancel(), Arc::clone(&self.shared.connector));
        let mut servers: Vec<usize> = errands.iter().map(|errand| errand.index).collect();
        servers.sort_unstable();
        let held: Vec<Held> = servers.into_iter().rev().map(|index| self.held.swap_remove(index)).collect();
        drop(tokio::spawn(async move {
            cancelling.deliver(&connector).await;
            drop(held);
        }));
    }

    /// Takes down where each server stands; the first thing that went wrong is told.
    pub(super) fn end_errands(
        &mut self,
        errands: &mut [Errand],
        GivenUp { over, deadlock }: GivenUp,
    ) -> Result<(), Trouble> {
        for errand in errands.iter_mut() {
            self.held[errand.index].reported.append(&mut errand.fetch.reported);
            if let Some(status) = errand.fetch.status {
                let held = &mut self.held[errand.index];
                held.status = status;
                held.is_member = status != b'I';
            }
        }
        if let Some(lost) = errands.iter_mut().find(|errand| errand.lost.is_some()) {
            let cause = lost.lost.clone().unwrap_or_default();
            self.pipeline.goodbye = lost.fetch.goodbye.take();
            let index = lost.index;
            self.drop_broken(errands, index);
            return Err(self.lose_last(cause).into());
        }
        let is_silenced =
            errands.iter().any(|errand| errand.fetch.failure.is_some() && !errand.fetch.is_hidden_failure);
        if let Some(hidden) = errands.iter_mut().find(|errand| errand.fetch.is_hidden_failure) {
            let index = hidden.index;
            self.pipeline.hidden_failure =
                hidden.fetch.failure.take().map(|error| Box::new(HiddenFailure { error, is_silenced }));
            if let Some(cause) = self.is_unready(index) {
                self.drop_broken(errands, index);
                return Err(self.lose_last(cause).into());
            }
        }
        let has_failed = errands.iter().any(|errand| errand.fetch.failure.is_some());
        if let Some(over) = over {
            self.fail_members(errands);
            return Err(Refusal::too_much(over).into());
        }
        if !has_failed {
            return Ok(());
        }
        let own = |errand: &&Errand| {
            let code = errand.fetch.failure.as_deref().and_then(|body| view::error_field(body, b'C'));
            code.is_some_and(|code| code != CANCELLED)
        };
        if let (Some(detail), false) = (deadlock, errands.iter().any(|errand| own(&errand))) {
            self.fail_members(errands);
            return Err(Fault::Deadlock { detail }.into());
        }
        let failed = errands.iter().find(own).or_else(|| errands.iter().find(|errand| errand.fetch.failure.is_some()));
        if failed.is_some_and(Errand::is_ungrouped) {
            self.fail_members(errands);
            return Err(Refusal::across("a column that is neither grouped by nor in an aggregate").into());
        }
        if failed.is_some_and(Errand::lacks_rights_of_view) {
            self.fail_members(errands);
            return Err(Refusal::across("a view of tables that the user has no rights to").into());
        }
        if let Some(body) = failed.and_then(|errand| errand.fetch.failure.as_deref()) {
            if let Some(Ok(code)) = view::error_field(body, b'C').map(<[u8; 5]>::try_from) {
                self.metrics.error(&code);
            }
            let body = without_position(body);
            let out = &mut self.client.outbox;
            if let Some(described) = errands.iter().find(|errand| errand.fetch.described().is_some()) {
                described.fetch.describe(out)?;
            }
            write::frame(out, server::ERROR, |out| out.extend_from_slice(&body));
        }
        self.fail_members(errands);
        Err(Trouble::Told)
    }

    /// Of several servers that are gone one is told of: it is put last, the others are dropped.
    fn drop_broken(&mut self, errands: &[Errand], told: usize) {
        let mut broken: Vec<usize> = errands.iter().filter(|it| !it.fetch.is_done()).map(|it| it.index).collect();
        broken.retain(|index| *index != told);
        broken.sort_unstable();
        let kept = self.held.remove(told);
        for index in broken.into_iter().rev() {
            drop(self.held.remove(if index > told { index - 1 } else { index }));
        }
        self.held.push(kept);
    }

    fn lose_last(&mut self, cause: String) -> Fault {
        self.lose(self.held.len() - 1, cause)
    }

    /// An error on one shard is the transaction's.
    fn fail_members(&mut self, errands: &[Errand]) {
        if self.transaction.is_on_server() && errands.iter().any(|errand| errand.fetch.failure.is_some()) {
            self.transaction.on_ready(b'E');
        }
    }
}

fn bytes_of(errands: &[Errand]) -> usize {
    errands.iter().map(|errand| errand.fetch.bytes).sum()
}

impl Errand {
    /// The rows of several shards have no primary key, which other columns could depend on.
    fn is_ungrouped(&self) -> bool {
        let code = self.fetch.failure.as_deref().and_then(|body| view::error_field(body, b'C'));
        self.is_final && code == Some(GROUPING_ERROR)
    }

    /// The tables behind a view that is written out are read with the user's rights, not with the view's. Those to the view
    /// itself are asked for too: then PostgreSQL names it at the end.
    fn lacks_rights_of_view(&self) -> bool {
        let field = |it| self.fetch.failure.as_deref().and_then(|body| view::error_field(body, it)).unwrap_or_default();
        let named = field(b'M').rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        let names_view = self.views.iter().any(|view| view.as_bytes() == named);
        field(b'C') == NO_RIGHTS && !self.views.is_empty() && !names_view
    }

    /// Something went wrong that is not our cancelling it.
    pub fn has_failed_itself(&self) -> bool {
        let code = self.fetch.failure.as_deref().map(|body| view::error_field(body, b'C'));
        self.lost.is_some() || code.is_some_and(|code| code != Some(CANCELLED))
    }

    /// Its statement, not one of ours, was answered so; the server may have gone with that.
    pub fn is_told(&self, again: Again) -> bool {
        let said = if self.lost.is_some() { &self.fetch.goodbye } else { &self.fetch.failure };
        let code = said.as_deref().and_then(|body| view::error_field(body, b'C'));
        !self.fetch.is_hidden_failure && code.is_some_and(|code| again.is_said_by(code))
    }

    /// PostgreSQL describes the rows before it fails: who has to say how they look is not stopped before, nor is who has not
    /// begun the transaction yet.
    pub fn may_be_stopped(&self) -> bool {
        self.is_over() || !self.fetch.lacks_description() && !self.fetch.is_entering()
    }

    pub fn is_over(&self) -> bool {
        self.lost.is_some() || self.fetch.is_done()
    }

    pub fn has_failed(&self) -> bool {
        self.lost.is_some() || self.fetch.failure.is_some()
    }

    /// One turn: sends, then reads until the socket is empty, or there is enough for now.
    pub fn poll(&mut self, held: &mut Held, context: &mut Context<'_>) {
        let backend = &mut *held.lease;
        if let Err(error) = self.outgoing.poll_send(backend, context) {
            tracing::debug!(%error, "a server does not take our bytes");
            self.outgoing.clear();
        }
        while !self.is_over() && !self.fetch.is_full() {
            match self.poll_read(backend, context) {
                Poll::Ready(Ok(())) => (),
                Poll::Ready(Err(error)) => self.lost = Some(error.to_string()),
                Poll::Pending => return,
            }
        }
    }

    fn poll_read(&mut self, backend: &mut Backend, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_scratch(|scratch| match std::task::ready!(poll_read(&mut backend.stream, context, scratch))? {
            0 => Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"))),
            count => Poll::Ready(
                self.fetch
                    .feed(&scratch[..count])
                    .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the server sent what is no answer"))
                    .inspect(|()| {
                        if !self.fetch.is_entering() {
                            backend.cancellable.has_entered();
                        }
                    }),
            ),
        })
    }
}
