//! Statements that several shards run as they are: all begin at once, their answers pass to the client one behind the
//! other. A shard whose turn has not come waits with its answer: nothing is kept here.

use std::sync::Arc;
use std::task::Poll;

use crate::logic::copy::{OutFormat, OutShare};
use crate::logic::plan::Access;
use crate::logic::plan::fanout::Fanout;
use crate::logic::plan::gather::Gather;
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::{self, Destination, Values};
use crate::logic::session::pipeline::{Columns, Owed, Pipeline, Shown, UNNAMED};
use crate::logic::session::telling::Map;
use crate::logic::shards::{ShardId, ShardSet};
use crate::proxy::metrics::PlanKind;
use crate::proxy::session::errand::Fetched;
use crate::proxy::session::exchange::{Outcome, Outgoing};
use crate::proxy::session::gather::{Bound, Given, Portal};
use crate::proxy::session::servers::UNDER_WAY;
use crate::proxy::session::{End, Session, Trouble};
use crate::proxy::statements::Statement;

/// What every shard is sent.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// The text of a Query
    Query(&'a str),
    /// A bound statement, and the body of the RowDescription that the client was told
    Bound(&'a Statement, &'a view::Bind<'a>, Option<&'a [u8]>),
    /// A bound statement; the first shard answers the client's Bind and Describe too
    Portal(&'a Statement, &'a view::Bind<'a>, &'a Portal),
    /// A statement over rows that have been fetched
    Over {
        /// The statement
        gather: &'a Gather,
        /// What the client gave with its own
        given: Given<'a>,
        /// The rows
        fetched: &'a Fetched,
        /// The client has not asked for a description, but needs one
        is_described: bool,
    },
}

impl Asked<'_> {
    /// The messages that PostgreSQL sends of RETURNING when all rows have been written, and not before an error.
    const fn rows(self) -> &'static [u8] {
        match self {
            Self::Query(_) => &[server::ROW_DESCRIPTION, server::DATA_ROW],
            Self::Bound(..) | Self::Portal(..) | Self::Over { .. } => &[server::DATA_ROW],
        }
    }
}

/// Whose rows the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// Those of all shards
    All,
    /// Those of the first: the others do the same
    First,
    /// Nobody's
    Nothing,
    /// Those of all shards, as the data of one COPY
    Copied(OutFormat),
}

/// A statement that several shards run.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    /// May replicas run it?
    pub access: Access,
    /// What they are sent
    pub asked: Asked<'a>,
    /// What the client sees
    pub shows: Shows,
    /// It locks rows and writes nothing that has to be committed
    pub is_locking: bool,
}

impl Run<'_> {
    fn shown(&self, is_first: bool) -> Shown {
        match (self.shows, is_first) {
            (Shows::All | Shows::First | Shows::Copied(_), true) => Shown::Described,
            (Shows::All | Shows::Copied(_), false) => Shown::Rows,
            (Shows::First, false) | (Shows::Nothing, _) => Shown::Errors,
        }
    }
}

/// One shard's share of a statement.
struct Share {
    index: usize,
    /// Where its server stood before
    status: u8,
    /// The open transaction was on it before
    was_member: bool,
    /// What was set on it before, and whether that was to be reset
    settings: (Arc<Map>, bool),
    /// What the open transaction had set elsewhere
    untold: String,
    outgoing: Outgoing,
    pipeline: Pipeline,
}

/// What went wrong, told once all shards are quiet.
enum Wrong {
    /// The client has been sent a server's error
    Told,
    /// Its rows have other columns than those of the shards before it
    Torn,
    /// The server at this place is gone
    Lost { index: usize, cause: String, is_inside_frame: bool },
}

impl Session {
    /// A Query that several shards run.
    pub(super) async fn fan_out_query(&mut self, fanout: &Fanout, sql: &str) -> Result<(), Trouble> {
        self.fan_out_query_as(fanout, sql, Shows::All).await
    }

    /// A COPY TO that several shards run.
    pub(super) async fn copy_pieces(&mut self, fanout: &Fanout, format: OutFormat, sql: &str) -> Result<(), Trouble> {
        self.fan_out_query_as(fanout, sql, Shows::Copied(format)).await
    }

    async fn fan_out_query_as(&mut self, fanout: &Fanout, sql: &str, shows: Shows) -> Result<(), Trouble> {
        let rows = self.fan_out_whole(fanout, Asked::Query(sql), &Values::None, shows).await?;
        write::command_complete(&mut self.client.outbox, &tag(fanout.verb, rows));
        self.say_ready();
        Ok(())
    }

    /// Execute of a portal that several shards run, which have to answer with the columns that the client was told.
    pub(super) async fn fan_out_portal(
        &mut self,
        fanout: &Fanout,
        statement: &Statement,
        bind: (&[u8], Option<&[u8]>),
    ) -> Result<(), Trouble> {
        self.fan_out_portal_as(fanout, statement, bind, Shows::All).await
    }

    /// Execute of a COPY TO that several shards run.
    pub(super) async fn copy_pieces_of_portal(
        &mut self,
        fanout: &Fanout,
        format: OutFormat,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<(), Trouble> {
        self.fan_out_portal_as(fanout, statement, (bind, None), Shows::Copied(format)).await
    }

    async fn fan_out_portal_as(
        &mut self,
        fanout: &Fanout,
        statement: &Statement,
        (bind, told): (&[u8], Option<&[u8]>),
        shows: Shows,
    ) -> Result<(), Trouble> {
        let bind = view::Bind::parse(bind)?;
        let values = Values::Bind { bind: &bind, types: &statement.types };
        let rows = self.fan_out_whole(fanout, Asked::Bound(statement, &bind, told), &values, shows).await?;
        write::command_complete(&mut self.client.outbox, &tag(fanout.verb, rows));
        Ok(())
    }

    /// Bind, perhaps Describe, and Execute of a portal that several shards run.
    pub(super) async fn fan_out_direct(
        &mut self,
        fanout: &Fanout,
        statement: &Statement,
        bind: &[u8],
        portal: &Portal,
    ) -> Result<(), Trouble> {
        let bind = view::Bind::parse(bind)?;
        let values = Values::Bind { bind: &bind, types: &statement.types };
        let rows = self.fan_out_whole(fanout, Asked::Portal(statement, &bind, portal), &values, Shows::All).await?;
        write::command_complete(&mut self.client.outbox, &tag(fanout.verb, rows));
        Ok(())
    }

    /// Runs it everywhere; what writes outside a transaction block is a transaction of its own.
    async fn fan_out_whole(
        &mut self,
        fanout: &Fanout,
        asked: Asked<'_>,
        values: &Values<'_>,
        shows: Shows,
    ) -> Result<u64, Trouble> {
        let is_locking = fanout.is_locking;
        let own = self.begin_own(if is_locking { Access::Read } else { fanout.access });
        let result = match route::shards(&fanout.requirement, values, self.map()) {
            Ok(shards) => self.fan_out(Run { access: fanout.access, asked, shows, is_locking }, shards).await,
            Err(refusal) => Err(refusal.into()),
        };
        self.end_own(own, result).await.map(|rows| rows.iter().sum())
    }

    /// Runs it on each of these shards. Returns how many rows each had.
    pub(super) async fn fan_out(&mut self, run: Run<'_>, shards: ShardSet) -> Result<Vec<u64>, Trouble> {
        self.isolate(run.access).await?;
        let mut shares = Vec::with_capacity(shards.len());
        // Always in one order, so that two sessions cannot wait for each other's servers.
        for shard in shards.iter() {
            let (is_first, is_last) = (shares.is_empty(), shares.len() + 1 == shards.len());
            let mut share = self.share(run, shard, is_first).await?;
            if let Shows::Copied(format) = run.shows {
                share.pipeline.copy_out = Some(OutShare { format, is_first, is_last, has_begun: false });
            }
            shares.push(share);
        }
        // Writes go from shard to shard: two sessions that lock rows on all of them cannot lock each other out.
        let is_in_turn = run.access == Access::Write;
        let begun = self.client.mark();
        if !is_in_turn {
            self.begin_shares(&mut shares).await;
        }
        let (mut rows, mut wrong) = (Vec::with_capacity(shares.len()), None);
        for number in 0..shares.len() {
            match (&wrong, is_in_turn) {
                (None, false) => (),
                (None, true) => self.begin_shares(&mut shares[number..=number]).await,
                (Some(_), false) => self.silence(&mut shares[number..]),
                (Some(_), true) => {
                    self.forget_unbegun(&shares[number..]);
                    shares.truncate(number);
                    break;
                }
            }
            let until = self.client.mark();
            let ended = self.take_turn(&mut shares[number]).await?;
            if let [turn, next, ..] = &mut shares[number..] {
                next.pipeline.columns = turn.pipeline.columns.take();
            }
            match ended {
                Ok(count) => rows.push(count),
                Err(what) => {
                    if is_in_turn {
                        self.client.take_back(begun, until, run.asked.rows());
                    }
                    wrong.get_or_insert(what);
                }
            }
        }
        self.end_shares(&shares, wrong.is_some()).await;
        match wrong {
            None => Ok(rows),
            Some(Wrong::Told) => Err(Trouble::Told),
            Some(Wrong::Torn) => Err(Fault::Torn.into()),
            Some(Wrong::Lost { index, cause, is_inside_frame }) => {
                let fault = self.lose_among(&shares, index, cause);
                if is_inside_frame { Err(End::Gone.into()) } else { Err(fault.into()) }
            }
        }
    }

    async fn share(&mut self, run: Run<'_>, shard: ShardId, is_first: bool) -> Result<Share, Trouble> {
        let target = self.target(Destination::Shard(shard), run.access)?;
        let index = self.hold(target).await?;
        let was_member = self.held[index].is_member;
        let held = &self.held[index];
        let settings = (Arc::clone(&held.lease.settings), held.is_to_reset());
        let untold = held.untold.clone();
        self.metrics.statement(Some((target.shard, self.held[index].role)), PlanKind::Fanout);
        self.pipeline.clear();
        // The other shards' rows, or the command tag.
        self.pipeline.more_follows = true;
        // In a transaction block a Sync in between changes nothing.
        let is_open = self.held[index].in_pipeline && self.transaction.is_idle();
        if !is_open {
            self.prepare(index);
        }
        self.held[index].lease.unnamed = None;
        if run.access == Access::Write && !run.is_locking {
            self.wrote(index);
        }
        self.write_share(index, run, is_first);
        if let (Shown::Described | Shown::Rows, Some(kept)) = (run.shown(is_first), &self.kept) {
            self.pipeline.kept = Some(Box::new(kept.share()));
        }
        if !matches!(run.asked, Asked::Query(_)) {
            // A Sync would end the implicit transaction of a pipeline.
            write::bare(self.outgoing.buffer(), if is_open { client::FLUSH } else { client::SYNC });
            if !is_open {
                self.pipeline.owe(Owed::HiddenSync);
            }
        }
        let outgoing = std::mem::take(&mut self.outgoing);
        let status = self.held[index].status;
        Ok(Share {
            index,
            status,
            was_member,
            settings,
            untold,
            outgoing,
            pipeline: std::mem::take(&mut self.pipeline),
        })
    }

    fn write_share(&mut self, index: usize, run: Run<'_>, is_first: bool) {
        let shown = run.shown(is_first);
        let out = self.outgoing.buffer();
        match run.asked {
            Asked::Query(sql) => {
                write::query(out, sql.as_bytes());
                self.pipeline.owe(Owed::Share { shown, is_query: true });
            }
            Asked::Bound(statement, bind, _) | Asked::Portal(statement, bind, _) => {
                let types = self.held[index].types(&statement.types);
                write::parse(out, b"", statement.text.as_bytes(), &types);
                write::bind(out, b"", b"", bind.tail);
                self.pipeline.owe(Owed::HiddenParse(UNNAMED));
                match run.asked {
                    Asked::Portal(_, _, portal) if is_first => {
                        self.pipeline.owe(Owed::Bind(portal.name.clone()));
                        if portal.describes {
                            write::describe_portal(out);
                            self.pipeline.owe(Owed::Describe);
                        }
                    }
                    Asked::Query(_) | Asked::Bound(..) | Asked::Portal(..) | Asked::Over { .. } => {
                        self.pipeline.owe(Owed::HiddenBind);
                    }
                }
                if let (Asked::Bound(_, _, Some(told)), true) = (run.asked, is_first) {
                    self.pipeline.columns = Some(Box::new(Columns::told(told)));
                }
                if shown != Shown::Errors {
                    write::describe_portal(out);
                    self.pipeline.owe(Owed::HiddenDescribe);
                }
                write::execute(out);
                self.pipeline.owe(Owed::Share { shown, is_query: false });
            }
            Asked::Over { gather, given, fetched, is_described } => {
                self.write_final(index, gather, given, fetched, Bound::HIDDEN);
                self.describe_silently(index, b"", given.results);
                let out = self.outgoing.buffer();
                if is_described && shown == Shown::Described {
                    write::describe_portal(out);
                    self.pipeline.owe(Owed::Describe);
                }
                write::execute(out);
                self.pipeline.owe(Owed::Share { shown, is_query: false });
            }
        }
    }

    /// Sends to every shard, before any answer is read.
    async fn begin_shares(&mut self, shares: &mut [Share]) {
        let servers = shares.iter().map(|share| Arc::clone(&self.held[share.index].lease.cancellable));
        self.slot.set_all(servers.collect());
        std::future::poll_fn(|context| {
            for share in shares.iter_mut() {
                let held = &mut self.held[share.index];
                held.status = UNDER_WAY;
                if let Err(error) = share.outgoing.poll_send(&mut held.lease, context) {
                    // Reading will tell what happened.
                    tracing::debug!(%error, "a server does not take our bytes");
                    share.outgoing.clear();
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Shards that have not been sent anything: the transaction never came to them.
    fn forget_unbegun(&mut self, rest: &[Share]) {
        for share in rest {
            let held = &mut self.held[share.index];
            held.is_member = share.was_member;
            held.has_written = held.is_member && held.has_written;
            // The settings that were to go with it have not been sent either.
            (held.lease.settings, held.lease.is_tainted) = (Arc::clone(&share.settings.0), share.settings.1);
            held.untold.clone_from(&share.untold);
        }
    }

    /// Relays the answer of one shard. Returns how many rows it had.
    async fn take_turn(&mut self, share: &mut Share) -> Result<Result<u64, Wrong>, End> {
        std::mem::swap(&mut self.outgoing, &mut share.outgoing);
        std::mem::swap(&mut self.pipeline, &mut share.pipeline);
        let outcome = self.relay(share.index, 0).await?;
        std::mem::swap(&mut self.outgoing, &mut share.outgoing);
        std::mem::swap(&mut self.pipeline, &mut share.pipeline);
        Ok(match outcome {
            Outcome::Settled | Outcome::CopyIn | Outcome::ClientGone => {
                if share.pipeline.status.is_none() {
                    self.held[share.index].status = share.status;
                }
                if share.pipeline.columns.as_ref().is_some_and(|columns| columns.is_torn) {
                    return Ok(Err(Wrong::Torn));
                }
                if let (Some(kept), Some(more)) = (&mut self.kept, share.pipeline.kept.take()) {
                    kept.extend(&more);
                }
                let tag = share.pipeline.tag.as_deref().unwrap_or_default();
                let is_told = share.pipeline.failure.is_some() || share.pipeline.is_deaf;
                if is_told { Err(Wrong::Told) } else { Ok(rows_of(tag)) }
            }
            Outcome::ServerLost { cause, is_inside_frame, .. } => {
                Err(Wrong::Lost { index: share.index, cause, is_inside_frame })
            }
        })
    }

    /// After an error the other shards are to stop, and nobody hears what they have to say.
    fn silence(&mut self, rest: &mut [Share]) {
        if rest.iter().all(|share| share.pipeline.is_deaf) {
            return;
        }
        rest.iter_mut().for_each(|share| share.pipeline.is_deaf = true);
        let servers = rest.iter().map(|share| Arc::clone(&self.held[share.index].lease.cancellable));
        self.slot.set_all(servers.collect());
        self.cancel_aside();
    }

    /// Where the transaction stands after all of them.
    async fn end_shares(&mut self, shares: &[Share], has_failed: bool) {
        for share in shares {
            let server = Arc::clone(&self.held[share.index].lease.cancellable);
            if has_failed {
                // A cancel that is late must not meet the next statement.
                server.quiet().await;
            }
            let held = &mut self.held[share.index];
            held.is_member = matches!(held.status, b'T' | b'E');
        }
        if self.transaction.is_on_server() {
            self.transaction.on_ready(if has_failed { b'E' } else { b'T' });
        }
    }

    /// The server that is told of goes last: the others that are gone are dropped without a word.
    fn lose_among(&mut self, shares: &[Share], told: usize, cause: String) -> Fault {
        let mut gone: Vec<usize> = shares.iter().map(|share| share.index).collect();
        gone.retain(|index| *index != told && self.held[*index].status == UNDER_WAY);
        gone.sort_unstable();
        let kept = self.held.remove(told);
        for index in gone.into_iter().rev() {
            drop(self.held.remove(if index > told { index - 1 } else { index }));
        }
        self.held.push(kept);
        self.lose(self.held.len() - 1, cause)
    }
}

pub(super) fn tag(verb: &str, rows: u64) -> String {
    format!("{verb} {rows}")
}

/// The number at the end of a command tag.
pub(super) fn rows_of(tag: &[u8]) -> u64 {
    let number = tag.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(number).ok().and_then(|number| number.parse().ok()).unwrap_or_default()
}
