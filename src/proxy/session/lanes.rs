//! A pipeline over several shards: every server gets its messages in one send before any answer is read; answers pass
//! to the client in the order of its messages. A server that is ahead waits with its answer: at most one read of it is
//! kept here.
//!
//! ```text
//! client:   [a: B E] [b: B E] [a: B E] Sync        turns, in the client's order
//! lane a:   B E B E Sync    → 2 C (turn) 2 C Z
//! lane b:   B E Sync        →     2 C Z
//! ```
//!
//! Only what can be undone goes ahead, because an earlier statement may fail: reads, and the writes of one shard. Writes
//! on several go in turn, so that two sessions cannot lock each other out.

use std::sync::Arc;
use std::task::Poll;

use smallvec::SmallVec;

use crate::logic::plan::Access;
use crate::logic::protocol::frame::{self, client};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::route::Destination;
use crate::logic::session::pipeline::{Owed, Pipeline};
use crate::logic::sql::statement::Isolation;
use crate::logic::topology::Role;
use crate::proxy::metrics::Direction;
use crate::proxy::session::exchange::{Outcome, Outgoing};
use crate::proxy::session::segment::{Cut, Segment};
use crate::proxy::session::servers::Target;
use crate::proxy::session::{End, Run, Session, Trouble};

/// What one server is sent, and what it owes.
struct Lane {
    target: Target,
    /// Its place among the held servers
    index: usize,
    outgoing: Outgoing,
    pipeline: Pipeline,
    /// Statements prepared by what stands in `outgoing`
    sent: SmallVec<[u64; 8]>,
    /// The transaction writes here
    is_writer: bool,
    /// It has been sent messages
    is_begun: bool,
    /// Its messages end in a Sync of ours
    is_synced: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// The client's messages, and the lane that each segment of them belongs to
    turns: Vec<(usize, Segment)>,
}

impl Lanes {
    /// One shard is enough for what stands at the front.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    fn size(&self) -> usize {
        self.turns.iter().map(|(_, segment)| segment.size).sum()
    }
}

impl Session {
    /// Reads on from a segment that another shard's messages follow, for as long as all of it can be sent ahead.
    /// `segment` becomes what comes after that.
    pub(super) fn gather_lanes(&mut self, segment: &mut Segment) -> Lanes {
        let mut lanes = Lanes::default();
        if !matches!(segment.cut, Cut::Next) || self.has_ddl || self.isolation() == Isolation::Serializable {
            return lanes;
        }
        while let Some(lane) = self.lane_for(&mut lanes.lanes, segment) {
            let shard = lanes.lanes[lane].target.shard;
            self.portals_are_on(shard);
            let mut end = segment.start + segment.size;
            let cut = std::mem::replace(&mut segment.cut, Cut::Next);
            // Sync and Flush are not part of a turn.
            let own = if matches!(cut, Cut::Sync | Cut::Flush) { frame::HEADER } else { 0 };
            segment.size -= own;
            end -= own;
            let next = match cut {
                Cut::Next => self.gather_segment(end),
                Cut::Sync
                | Cut::Flush
                | Cut::Pause
                | Cut::Act(_)
                | Cut::Across(..)
                | Cut::Executed(_)
                | Cut::Described(_)
                | Cut::Direct(_)
                | Cut::Trouble(_) => Segment { size: own, cut, ..Segment::at(end) },
            };
            lanes.turns.push((lane, std::mem::replace(segment, next)));
        }
        lanes
    }

    /// The lane of a segment, if it may be sent ahead.
    fn lane_for(&self, lanes: &mut Vec<Lane>, segment: &Segment) -> Option<usize> {
        let Destination::Shard(shard) = segment.destination else { return None };
        if !segment.needs_transaction || !segment.can_be_undone || segment.sets || !segment.expected.is_empty() {
            return None;
        }
        let found = lanes.iter().position(|lane| lane.target.shard == shard);
        let target = match found {
            Some(place) => lanes[place].target,
            None => self.target(segment.destination, segment.access).ok()?,
        };
        // It would leave replicas that other lanes read from.
        if target.role == Role::Primary && self.is_read_from_replica(shard) {
            return None;
        }
        let has_written = self.held.iter().any(|held| held.shard == shard && held.is_engaged() && held.has_written);
        let is_writer = segment.access == Access::Write || has_written;
        let other_writes = lanes.iter().enumerate().any(|(place, lane)| lane.is_writer && found != Some(place));
        if is_writer && (other_writes || target.role != Role::Primary) {
            return None;
        }
        let place = found.unwrap_or(lanes.len());
        if found.is_none() {
            lanes.push(Lane {
                target,
                index: 0,
                outgoing: Outgoing::default(),
                pipeline: Pipeline::in_turns(),
                sent: SmallVec::new(),
                is_writer,
                is_begun: false,
                is_synced: false,
            });
        }
        lanes[place].is_writer |= is_writer;
        Some(place)
    }

    /// Sends everything, then relays the answers in turn. An error is told and skips what comes after it, `rest` too.
    /// `is_sync`: nothing stands between it and the client's Sync.
    pub(super) async fn run_lanes(
        &mut self,
        lanes: &mut Lanes,
        rest: &mut Segment,
        is_sync: bool,
    ) -> Result<(), Trouble> {
        let writes = lanes.lanes.iter().any(|lane| lane.is_writer);
        self.heed_goodbye(if writes { Access::Write } else { Access::Read }, lanes.size());
        let lacking = self.hold_lanes(lanes, rest).await;
        self.write_lanes(lanes, is_sync && lacking.is_none());
        self.send_lanes(&mut lanes.lanes).await;
        let result = self.take_turns(lanes, rest).await;
        self.client.consume(lanes.size());
        match (result, lacking) {
            (Ok(()), Some(fault)) if self.run != Run::Skipping => Err(fault.into()),
            (result, _) => result,
        }
    }

    /// Comes by the servers. What needs one that cannot be had is taken off, with what comes after it.
    async fn hold_lanes(&mut self, lanes: &mut Lanes, rest: &mut Segment) -> Option<Fault> {
        let mut lacking = None;
        let mut order: SmallVec<[usize; 8]> = (0..lanes.lanes.len()).collect();
        // Always in one order, so that two sessions cannot wait for each other's servers.
        order.sort_unstable_by_key(|place| lanes.lanes[*place].target.shard);
        for place in order {
            let Some(first) = lanes.turns.iter().position(|(lane, _)| *lane == place) else { continue };
            let held = self.hold(lanes.lanes[place].target).await;
            let mut own = lanes.turns.iter().filter(|(lane, _)| *lane == place);
            match held
                .and_then(|index| own.try_for_each(|(_, turn)| self.check_places_among(turn.planned())).map(|()| index))
            {
                Ok(index) => lanes.lanes[place].index = index,
                Err(fault) => {
                    // What is cancelled is the pipeline, not what comes last in it.
                    let first = if fault == Fault::Cancelled { 0 } else { first };
                    self.take_back_turns(&mut lanes.turns[first..], rest);
                    lanes.turns.truncate(first);
                    lacking = Some(fault);
                }
            }
        }
        lacking
    }

    /// Names that were given by messages that are not reached.
    fn take_back_turns(&mut self, turns: &mut [(usize, Segment)], rest: &mut Segment) {
        self.take_back_all(rest);
        for (_, segment) in turns.iter_mut().rev() {
            self.take_back_all(segment);
        }
    }

    /// Writes each server's messages.
    fn write_lanes(&mut self, lanes: &mut Lanes, is_sync: bool) {
        for (place, segment) in &mut lanes.turns {
            let lane = &mut lanes.lanes[*place];
            self.swap(lane);
            if std::mem::replace(&mut lane.is_begun, true) {
                self.pipeline.owe(Owed::Turn);
                if self.are_timed() {
                    // The time of a turn does not depend on what stands behind it.
                    write::bare(self.outgoing.buffer(), client::FLUSH);
                }
            } else {
                self.prepare(lane.index);
            }
            self.held[lane.index].pipe(false);
            self.last_numbers_at(lane.index);
            if segment.access == Access::Write {
                self.wrote(lane.index);
            }
            self.emit(lane.index, segment, &mut lane.sent);
            self.count_bound(lane.index, segment);
            self.swap(lane);
        }
        for lane in lanes.lanes.iter_mut().filter(|lane| lane.is_begun) {
            let held = &self.held[lane.index];
            // What was written outside a transaction block is committed when all that belongs to it has gone well.
            lane.is_synced = is_sync && (held.is_member || !held.has_written);
            write::bare(lane.outgoing.buffer(), if lane.is_synced { client::SYNC } else { client::FLUSH });
            if lane.is_synced {
                lane.pipeline.owe(Owed::HiddenSync);
            }
        }
    }

    /// To every server, before any answer is read.
    async fn send_lanes(&mut self, lanes: &mut [Lane]) {
        for lane in lanes.iter().filter(|lane| lane.is_begun) {
            if self.held[lane.index].notifies {
                Box::pin(self.make_known(lane.index)).await;
            }
        }
        self.cancels_are_for(lanes.iter().filter(|lane| lane.is_begun));
        let mut sent = 0;
        std::future::poll_fn(|context| {
            for lane in lanes.iter_mut().filter(|lane| lane.is_begun) {
                sent += lane.outgoing.len();
                if let Err(error) = lane.outgoing.poll_send(&mut self.held[lane.index].lease, context) {
                    // Reading will tell what happened.
                    tracing::debug!(%error, "a server does not take our bytes");
                    lane.outgoing.clear();
                }
                sent -= lane.outgoing.len();
            }
            Poll::Ready(())
        })
        .await;
        self.metrics.bytes(Direction::ServerOut, sent as u64);
    }

    /// A cancel request is for all of these.
    fn cancels_are_for<'a>(&self, lanes: impl Iterator<Item = &'a Lane>) {
        self.slot.set_all(lanes.map(|lane| Arc::clone(&self.held[lane.index].lease.cancellable)).collect());
    }

    async fn take_turns(&mut self, lanes: &mut Lanes, rest: &mut Segment) -> Result<(), Trouble> {
        for number in 0..lanes.turns.len() {
            let place = lanes.turns[number].0;
            let lane = &mut lanes.lanes[place];
            lane.pipeline.next_turn();
            match self.hear(lane).await? {
                Outcome::Settled if lane.pipeline.failure.is_none() => self.end_lane(lane),
                Outcome::Settled => return self.skip_turns(lanes, number, rest).await,
                Outcome::ServerLost { cause, is_inside_frame, .. } => {
                    let index = lane.index;
                    self.take_back_turns(&mut lanes.turns[number + 1..], rest);
                    self.cancel_lanes(&lanes.lanes, place);
                    let fault = self.lose(index, cause);
                    return if is_inside_frame { Err(End::Gone.into()) } else { Err(fault.into()) };
                }
                Outcome::CopyIn | Outcome::ClientGone => {
                    return Err(Fault::Broken("a pipeline was sent ahead that cannot be undone".into()).into());
                }
            }
        }
        Ok(())
    }

    /// A server that has said all, with the Sync that it was sent: its part of the pipeline is over.
    fn end_lane(&mut self, lane: &mut Lane) {
        if lane.is_synced && lane.pipeline.is_empty() {
            self.swap(lane);
            self.held[lane.index].in_pipeline = false;
            self.settle(lane.index);
            self.swap(lane);
        }
    }

    /// Relays what a server owes up to the end of its turn.
    async fn hear(&mut self, lane: &mut Lane) -> Result<Outcome, End> {
        self.swap(lane);
        let outcome = self.relay(lane.index, 0).await?;
        self.pipeline.done.clear();
        self.swap(lane);
        Ok(outcome)
    }

    /// After an error: the other servers have done what PostgreSQL would have skipped. Nobody hears of it, and nothing
    /// of it stays.
    async fn skip_turns(&mut self, lanes: &mut Lanes, number: usize, rest: &mut Segment) -> Result<(), Trouble> {
        let place = lanes.turns[number].0;
        let answered = lanes.lanes[place].pipeline.failure.take().map_or(0, |failure| failure.answered);
        self.run = Run::Skipping;
        self.take_back_turns(&mut lanes.turns[number + 1..], rest);
        self.take_back(&mut lanes.turns[number].1, answered);
        lanes.lanes.iter_mut().for_each(|lane| lane.pipeline.silence());
        self.cancel_lanes(&lanes.lanes, place);
        for lane in lanes.lanes.iter_mut().filter(|lane| lane.is_begun) {
            self.held[lane.index].lease.unnamed = None;
            let outcome = self.hear(lane).await?;
            if let Outcome::ServerLost { cause, .. } = outcome {
                // The client has been told an error already; the other servers close with this one.
                let fault = self.lose(lane.index, cause);
                tracing::debug!(client = self.id, %fault, "lost in a pipeline that has failed");
                return Ok(());
            }
            let server = Arc::clone(&self.held[lane.index].lease.cancellable);
            // A cancel that is late must not meet the next statement.
            server.quiet().await;
            let held = &mut self.held[lane.index];
            held.in_pipeline = !lane.is_synced;
            if lane.pipeline.skips_to_sync {
                held.status = b'E';
            }
        }
        if self.transaction.is_on_server() {
            self.transaction.on_ready(b'E');
        }
        Ok(())
    }

    /// Stops the servers that are still at work, but for the one that has failed.
    fn cancel_lanes(&mut self, lanes: &[Lane], but: usize) {
        let is_busy = |(place, lane): &(usize, &Lane)| *place != but && lane.is_begun && !lane.pipeline.is_empty();
        let busy: Vec<&Lane> = lanes.iter().enumerate().filter(is_busy).map(|(_, lane)| lane).collect();
        if busy.is_empty() {
            return;
        }
        self.cancels_are_for(busy.into_iter());
        let (cancelling, connector) = (self.slot.begin_cancel(), Arc::clone(&self.shared.connector));
        drop(tokio::spawn(async move { cancelling.deliver(&connector).await }));
    }

    fn swap(&mut self, lane: &mut Lane) {
        std::mem::swap(&mut self.outgoing, &mut lane.outgoing);
        std::mem::swap(&mut self.pipeline, &mut lane.pipeline);
    }
}
