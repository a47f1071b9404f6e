//! COPY FROM STDIN: passed through to one server, or taken apart so that each row goes home by its key.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::logic::copy::{CopyFault, CopyFormat, CopyKey, CopyPart, RowSplitter, Suffix};
use crate::logic::plan::{Access, CopyIn, CopyTo, KeyOfRow, Refusal};
use crate::logic::protocol::frame::{Front, client};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::route;
use crate::logic::session::pipeline::{Owed, Pipeline};
use crate::logic::shards::{ShardId, ShardSet};
use crate::logic::sql::statement::Isolation;
use crate::logic::value::{Format, Raw};
use crate::proxy::session::exchange::{Exchange, Outcome, Outgoing};
use crate::proxy::session::patience::Deadline;
use crate::proxy::session::{End, Session, Trouble};

/// Rows gathered for one shard before they are sent.
const BATCH: usize = 64 << 10;
/// A row larger than this is an error: PostgreSQL's own limit of a field.
const ROW_MAX: usize = 1 << 30;

/// What the client said next while data flows in.
enum Said {
    Data,
    Done,
    Failed(String),
}

/// One shard that takes part.
struct Part {
    index: usize,
    shard: ShardId,
    pipeline: Pipeline,
    /// It has rows
    has_begun: bool,
    rows: Vec<u8>,
    outgoing: Outgoing,
}

impl Session {
    /// The server of `index` takes COPY data: passes on what the client sends until it is done or the server ends it.
    pub(super) async fn pump_copy(&mut self, index: usize) -> Result<(), Trouble> {
        let result = Box::pin(self.pump(index)).await;
        if let (Err(Trouble::End(_)), true) = (&result, self.pipeline.is_copy_in) {
            // It waits for more of this copy, and is good for nothing else.
            drop(self.held.swap_remove(index));
        }
        result
    }

    async fn pump(&mut self, index: usize) -> Result<(), Trouble> {
        let deadline = self.deadline();
        loop {
            let mut is_over = false;
            while let Front::Whole(frame) = self.client.front() {
                let (tag, size) = (frame.tag, frame.bytes.len());
                match tag {
                    // Ignored while data flows in (protocol-flow, COPY operations).
                    client::FLUSH | client::SYNC => (),
                    client::COPY_DATA => self.outgoing.buffer().extend_from_slice(frame.bytes),
                    client::COPY_DONE | client::COPY_FAIL => {
                        self.outgoing.buffer().extend_from_slice(frame.bytes);
                        is_over = true;
                    }
                    client::TERMINATE => return Err(End::Gone.into()),
                    _ => {
                        write::copy_fail(self.outgoing.buffer(), "unexpected message during COPY from stdin");
                        is_over = true;
                    }
                }
                self.client.consume(size);
                if is_over || self.outgoing.len() >= BATCH {
                    break;
                }
            }
            if let Front::Partial { tag, size } = self.client.front() {
                super::check_frame(tag, size)?;
            }
            if is_over {
                return self.end_pump(index).await;
            }
            let mut patience = self.patience_until(deadline);
            let polled = std::future::poll_fn(|context| match patience.ends(context) {
                true => Poll::Ready(Ok(())),
                false => self.poll_pump(index, context),
            });
            let polled = polled.await;
            if let Some(fault) = patience.fault() {
                return self.give_up_pump(index, &fault).await;
            }
            match polled {
                Ok(()) if self.pipeline.is_settled() => {
                    self.pipeline.is_copy_in = false;
                    return Ok(());
                }
                Ok(()) => (),
                Err(Outcome::ClientGone) => return Err(End::Gone.into()),
                Err(outcome) => return self.trouble_of(index, outcome),
            }
        }
    }

    /// The last of the data has been written: what comes of it.
    async fn end_pump(&mut self, index: usize) -> Result<(), Trouble> {
        self.pipeline.is_copy_in = false;
        if self.held[index].in_pipeline {
            // In the extended protocol a server keeps its answer until it is asked for it.
            write::bare(self.outgoing.buffer(), client::FLUSH);
        }
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)
    }

    /// The client hears of this instead of what the server says.
    async fn give_up_pump(&mut self, index: usize, fault: &Fault) -> Result<(), Trouble> {
        let mut error = Vec::new();
        fault.write(&mut error);
        self.pipeline.instead = Some(error.into());
        // It waits for a lock, which a cancel ends, or for data, which only the end of it does.
        self.cancel_copies(&[index]).await;
        write::copy_fail(self.outgoing.buffer(), "the statement is given up");
        let result = self.end_pump(index).await;
        self.pipeline.instead = None;
        result
    }

    /// Sends what is gathered; reads what the server says; then more from the client.
    fn poll_pump(&mut self, index: usize, context: &mut Context<'_>) -> Poll<Result<(), Outcome>> {
        let backend = &mut self.held[index].lease;
        let mut exchange = Exchange::new(&mut self.client, backend, &mut self.pipeline, &mut self.outgoing);
        if let Poll::Ready(outcome) = exchange.poll_copy(context) {
            return Poll::Ready(outcome);
        }
        if self.pipeline.is_settled() {
            return Poll::Ready(Ok(()));
        }
        if !self.outgoing.is_empty() {
            return Poll::Pending;
        }
        // What came with the last of a batch may be all that the client has to say.
        if matches!(self.client.front(), Front::Whole(_)) {
            return Poll::Ready(Ok(()));
        }
        self.client.poll_fill(context).map(|filled| match filled {
            Ok(0) | Err(_) => Err(Outcome::ClientGone),
            Ok(_) => Ok(()),
        })
    }

    /// COPY into a sharded table or a reference table. `text` is the statement; in the extended protocol its Bind has been answered.
    pub(super) async fn copy_in(&mut self, copy: &CopyIn, text: &str, is_extended: bool) -> Result<(), Trouble> {
        self.check_bent(text)?;
        self.check_copied(&copy.to)?;
        if self.is_read_only() {
            let message = "cannot execute COPY FROM in a read-only transaction".to_owned();
            return Err(Fault::Said { sqlstate: "25006", message }.into());
        }
        // All shards commit, or none does.
        let own = self.begin_own(Access::Write);
        let (mut parts, deadline) = (Vec::new(), self.deadline());
        let streamed = self.copy_rows(copy, text, &mut parts, deadline).await;
        let result = match streamed {
            Ok(()) => self.finish_copy(copy, &mut parts, deadline).await,
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = &result {
            if let Trouble::Fault(Fault::Deadlock { .. } | Fault::StatementTimeout { .. }) = trouble {
                let servers: Vec<usize> = parts.iter().map(|part| part.index).collect();
                self.cancel_copies(&servers).await;
            }
            self.stop_copies(&mut parts).await?;
        }
        let rows = self.end_own(own, result).await?;
        write::command_complete(&mut self.client.outbox, &format!("COPY {rows}"));
        if !is_extended {
            self.say_ready();
        }
        Ok(())
    }

    async fn copy_rows(
        &mut self,
        copy: &CopyIn,
        text: &str,
        parts: &mut Vec<Part>,
        deadline: Option<Deadline>,
    ) -> Result<(), Trouble> {
        // A transaction that stays on one shard has one time.
        if copy.timed.is_empty() || self.isolation() == Isolation::Serializable {
            let position = self.begin_copy(copy, text, parts).await?;
            return self.stream_rows((copy, position, None), text, parts, deadline).await;
        }
        let text = copy.listed(text).ok_or_else(|| Refusal::rows_beside("this way of writing it"))?;
        let computed = self.compute(&copy.asked(), &[], &[]).await?;
        let values = computed.iter().map(|value| value.bytes.as_deref().unwrap_or_default());
        let suffix = Suffix::of(&copy.format, values);
        let position = self.begin_copy(copy, &text, parts).await?;
        self.stream_rows((copy, position, Some(suffix)), &text, parts, deadline).await
    }

    /// A server has a look at the statement before the client sends its rows. Returns the place of their key.
    async fn begin_copy(&mut self, copy: &CopyIn, text: &str, parts: &mut Vec<Part>) -> Result<usize, Trouble> {
        let refusal = match &copy.to {
            _ if copy.unless_wrong.is_some() => copy.unless_wrong.clone(),
            CopyTo::Homes(KeyOfRow { position: None, column, .. }) => {
                Some(Refusal::copy_without_key(&copy.table, column))
            }
            CopyTo::Homes(_) | CopyTo::Copies => None,
        };
        // A transaction that is to stay on one shard goes to that of its rows.
        let is_free = refusal.is_some() || self.isolation() != Isolation::Serializable;
        if let Some(shard) = self.first_shard(copy).filter(|shard| is_free || self.is_member(*shard)) {
            parts.push(self.open_copy(copy, shard, text).await?);
        }
        if let Some(refusal) = refusal {
            return Err(refusal.into());
        }
        let format = u8::from(copy.format == CopyFormat::Binary);
        write::copy_in_response(&mut self.client.outbox, format, copy.columns);
        self.flush().await?;
        Ok(match &copy.to {
            CopyTo::Homes(key) => key.position.unwrap_or_default(),
            CopyTo::Copies => 0,
        })
    }

    /// Where a COPY begins: on a server of the open transaction, if it has one that may take rows.
    fn first_shard(&self, copy: &CopyIn) -> Option<ShardId> {
        let shards = match &copy.to {
            CopyTo::Homes(of) => self.map().keyspace(of.keyspace).all(),
            CopyTo::Copies => return Some(ShardId(0)),
        };
        let any = Some(self.any_shard()).filter(|shard| shards.contains(*shard));
        shards.iter().find(|shard| self.is_member(*shard)).or(any).or(shards.first())
    }

    fn is_member(&self, shard: ShardId) -> bool {
        self.held.iter().any(|held| held.is_member && held.shard == shard)
    }

    /// Reads the client's rows up to CopyDone and sends each to its shard.
    async fn stream_rows(
        &mut self,
        (copy, position, suffix): (&CopyIn, usize, Option<Suffix>),
        text: &str,
        parts: &mut Vec<Part>,
        deadline: Option<Deadline>,
    ) -> Result<(), Trouble> {
        let mut splitter = RowSplitter::new(copy.format.clone(), position, ROW_MAX);
        let (mut header, mut moving) = (Vec::new(), ShardSet::EMPTY);
        loop {
            let said = self.copy_message(&mut splitter, deadline).await?;
            match said {
                Said::Data => (),
                Said::Done => splitter.finish(),
                Said::Failed(why) => {
                    let message = format!("COPY from stdin failed: {why}");
                    return Err(Fault::CopyFailed { sqlstate: "57014", message }.into());
                }
            }
            while let Some(part) = splitter.next().map_err(|fault| copy_fault(copy, fault))? {
                match part {
                    CopyPart::Header(bytes) => header.extend_from_slice(bytes),
                    CopyPart::Row { bytes, key } => {
                        let shards = self.shards_of_row(copy, &key)?;
                        if copy.has_moving_time(bytes) {
                            moving = moving.union(shards);
                            copy.check_moving(moving)?;
                        }
                        for shard in shards.iter() {
                            let at = match parts.iter().position(|part| part.shard == shard) {
                                Some(at) => at,
                                None => {
                                    parts.push(self.open_copy(copy, shard, text).await?);
                                    parts.len() - 1
                                }
                            };
                            self.begin_rows(&mut parts[at], &header);
                            match &suffix {
                                Some(suffix) if !copy.is_short(bytes) => suffix.add(bytes, &mut parts[at].rows),
                                Some(_) | None => parts[at].rows.extend_from_slice(bytes),
                            }
                            // Of all copies the first one tells what there is to note.
                            parts[at].pipeline.hides_notices = shards.len() > 1 && at > 0;
                            if parts[at].rows.len() >= BATCH {
                                self.deliver(&mut parts[at], deadline).await?;
                            }
                        }
                    }
                }
            }
            if let Said::Done = said {
                break;
            }
        }
        if parts.is_empty() {
            // No row: a server still says whether the statement is right.
            parts.push(self.open_copy(copy, self.first_shard(copy).unwrap_or(ShardId(0)), text).await?);
        }
        if parts.iter().all(|part| !part.has_begun) {
            self.begin_rows(&mut parts[0], &header);
        }
        for part in parts.iter_mut().filter(|part| !part.has_begun) {
            part.rows.extend_from_slice(&header);
        }
        Ok(())
    }

    /// The first of its rows is about to follow.
    fn begin_rows(&mut self, part: &mut Part, header: &[u8]) {
        if !std::mem::replace(&mut part.has_begun, true) {
            self.wrote(part.index);
            part.rows.extend_from_slice(header);
        }
    }

    /// The client's next message; its data goes to the splitter.
    async fn copy_message(&mut self, splitter: &mut RowSplitter, deadline: Option<Deadline>) -> Result<Said, Trouble> {
        loop {
            let mut said = None;
            match self.client.front() {
                Front::Whole(frame) => {
                    let size = frame.bytes.len();
                    match frame.tag {
                        client::COPY_DATA => {
                            splitter.push(frame.body);
                            said = Some(Said::Data);
                        }
                        client::COPY_DONE => said = Some(Said::Done),
                        client::COPY_FAIL => {
                            let why = frame.body.strip_suffix(b"\0").unwrap_or(frame.body);
                            said = Some(Said::Failed(String::from_utf8_lossy(why).into_owned()));
                        }
                        client::FLUSH | client::SYNC => (),
                        client::TERMINATE => return Err(End::Gone.into()),
                        other => {
                            let message = format!("unexpected message type 0x{other:02X} during COPY from stdin");
                            return Err(Fault::CopyFailed { sqlstate: "08P01", message }.into());
                        }
                    }
                    self.client.consume(size);
                }
                Front::Partial { tag, size } => {
                    super::check_frame(tag, size)?;
                    // A server may wait for a lock while the client takes its time.
                    let mut patience = self.patience_until(deadline);
                    let filled = std::future::poll_fn(|context| match patience.ends(context) {
                        true => Poll::Ready(Ok(0)),
                        false => self.client.poll_fill(context),
                    });
                    let filled = filled.await;
                    if let Some(fault) = patience.fault() {
                        return Err(fault.into());
                    }
                    if !matches!(filled, Ok(1..)) {
                        return Err(End::Gone.into());
                    }
                }
                Front::Malformed { .. } => return Err(Fault::Protocol("invalid message length".into()).into()),
            }
            if let Some(said) = said {
                return Ok(said);
            }
        }
    }

    fn shards_of_row(&self, copy: &CopyIn, key: &CopyKey<'_>) -> Result<ShardSet, Trouble> {
        match &copy.to {
            CopyTo::Homes(of) => self.home_of_row(copy, of, key).map(ShardSet::of),
            CopyTo::Copies => Ok(ShardSet::first_of(self.map().shards.len())),
        }
    }

    fn home_of_row(&self, copy: &CopyIn, of: &KeyOfRow, key: &CopyKey<'_>) -> Result<ShardId, Trouble> {
        let format = if copy.format == CopyFormat::Binary { Format::Binary } else { Format::Text };
        let bytes = match key {
            CopyKey::Value(value) => Some(&**value),
            CopyKey::Null => None,
            CopyKey::Missing => {
                let message = format!("missing data for column \"{}\"", of.column);
                return Err(Fault::CopyFailed { sqlstate: "22P04", message }.into());
            }
        };
        let raw = Raw::Param { format, type_oid: 0, bytes };
        route::home_of_row(&copy.table, of, self.map().keyspace(of.keyspace), raw).map_err(Into::into)
    }

    /// Starts the COPY on one more shard.
    async fn open_copy(&mut self, copy: &CopyIn, shard: ShardId, text: &str) -> Result<Part, Trouble> {
        let target = self.target(route::Destination::Shard(shard), Access::Write)?;
        let index = self.hold(target).await?;
        if copy.by_position {
            self.check_places_of(&copy.table)?;
        }
        self.pipeline.clear();
        self.prepare(index);
        self.ask(index, Owed::QuietQuery, text);
        let outcome = self.converse(index, None).await?;
        let is_taking = matches!(outcome, Outcome::CopyIn);
        self.trouble_of(index, outcome)?;
        if !is_taking {
            return Err(Trouble::Told);
        }
        let mut pipeline = std::mem::take(&mut self.pipeline);
        pipeline.is_copy_in = false;
        let shard = self.held[index].shard;
        Ok(Part { index, shard, pipeline, has_begun: false, rows: Vec::new(), outgoing: Outgoing::default() })
    }

    /// Sends the rows gathered for a shard. What its server says meanwhile is kept.
    async fn deliver(&mut self, part: &mut Part, deadline: Option<Deadline>) -> Result<(), Trouble> {
        if !part.rows.is_empty() {
            write::copy_data(part.outgoing.buffer(), &part.rows);
            part.rows.clear();
        }
        let mut patience = self.patience_until(deadline);
        let outcome = std::future::poll_fn(|context| {
            if patience.ends(context) {
                return Poll::Ready(Ok(()));
            }
            let backend = &mut self.held[part.index].lease;
            let mut exchange = Exchange::new(&mut self.client, backend, &mut part.pipeline, &mut part.outgoing);
            match exchange.poll_copy(context) {
                Poll::Ready(outcome) => Poll::Ready(outcome),
                Poll::Pending if part.outgoing.is_empty() => Poll::Ready(Ok(())),
                Poll::Pending => Poll::Pending,
            }
        });
        let outcome = outcome.await;
        if let Some(fault) = patience.fault() {
            return Err(fault.into());
        }
        match outcome {
            Ok(()) if part.pipeline.failure.is_some() => Err(Trouble::Told),
            Ok(()) => Ok(()),
            Err(outcome) => self.trouble_of(part.index, outcome),
        }
    }

    /// CopyDone on every shard, then the commit. Returns the number of rows.
    async fn finish_copy(
        &mut self,
        copy: &CopyIn,
        parts: &mut [Part],
        deadline: Option<Deadline>,
    ) -> Result<u64, Trouble> {
        let mut counts = Vec::with_capacity(parts.len());
        for part in parts.iter_mut() {
            self.deliver(part, deadline).await?;
        }
        for part in parts.iter_mut() {
            counts.push(self.end_part(part, client::COPY_DONE).await?);
        }
        let rows = match &copy.to {
            CopyTo::Homes(_) => counts.iter().sum(),
            CopyTo::Copies => self.check_copies(&copy.table, &counts)?,
        };
        Ok(rows)
    }

    async fn end_part(&mut self, part: &mut Part, tag: u8) -> Result<u64, Trouble> {
        if part.pipeline.is_settled() {
            return Err(Trouble::Told);
        }
        self.pipeline = std::mem::take(&mut part.pipeline);
        write::bare(self.outgoing.buffer(), tag);
        let outcome = self.converse(part.index, None).await?;
        self.trouble_of(part.index, outcome)?;
        self.settle(part.index);
        if self.pipeline.failure.is_some() {
            return Err(Trouble::Told);
        }
        let tag = self.pipeline.tag.take().unwrap_or_default();
        let count = std::str::from_utf8(&tag).ok().and_then(|tag| tag.rsplit(' ').next()?.parse().ok());
        Ok(count.unwrap_or(0))
    }

    /// A query of ours: only its errors reach the client.
    pub(super) async fn quietly(&mut self, index: usize, sql: &str) -> Result<(), Trouble> {
        self.pipeline.clear();
        self.ask(index, Owed::QuietQuery, sql);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        if self.pipeline.failure.is_some() { Err(Trouble::Told) } else { Ok(()) }
    }

    /// The session is given up: servers that wait for a lock are cancelled.
    async fn cancel_copies(&self, servers: &[usize]) {
        let servers: Vec<_> = servers.iter().map(|index| Arc::clone(&self.held[*index].lease.cancellable)).collect();
        self.slot.set_all(servers.clone());
        self.slot.cancel(&self.shared.connector).await;
        for server in servers {
            server.quiet().await;
        }
    }

    /// A COPY has failed: servers that still take data are told to stop.
    async fn stop_copies(&mut self, parts: &mut [Part]) -> Result<(), Trouble> {
        // Of what was set in a pipeline before it the client may not have heard yet.
        let is_heard = self.held.iter().all(|held| held.reported.is_empty());
        for part in parts.iter_mut() {
            let is_there = self.held.get(part.index).is_some_and(|held| held.shard == part.shard);
            if !is_there {
                continue;
            }
            self.pipeline = std::mem::take(&mut part.pipeline);
            if !self.pipeline.is_settled() {
                self.pipeline.deafen();
                write::copy_fail(self.outgoing.buffer(), "another shard or the client has failed");
                let outcome = self.converse(part.index, None).await?;
                self.trouble_of(part.index, outcome)?;
                let reported = std::mem::take(&mut self.pipeline.parameters);
                if is_heard {
                    self.report_set(reported.into_iter().collect());
                }
            }
        }
        Ok(())
    }
}

fn copy_fault(copy: &CopyIn, fault: CopyFault) -> Fault {
    Fault::CopyFailed { sqlstate: fault.sqlstate(), message: format!("COPY {}: {fault}", copy.table) }
}
