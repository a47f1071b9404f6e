//! The script of a session: read a request, plan, route, then act on the route.
//!
//! One task owns one session. Rules live in `logic`; here bytes move.

mod trouble;
mod client;
mod trail;
mod timing;
mod exchange;
mod picture;
mod servers;
mod watch;
mod known;
mod leases;
mod relay;
mod replicas;
mod farewell;
mod together;
mod isolation;
mod greet;
mod commit;
mod listen;
mod shadows;
mod patience;
mod goodbye;
mod gate;
mod copy;
mod errand;
mod locate;
mod failover;
mod spread;
mod gather;
mod guard;
mod fanout;
mod split;
mod portal;
mod copy_out;
mod origin;
mod carry;
mod numbers;
mod placed;
mod merge;
mod change;
mod copies;
mod modifying;
mod filled;
mod staged;
mod everywhere;
mod across;
mod direct;
mod implicit;
mod spelled;
mod shapes;
mod vacate;
mod simple;
mod unread;
mod encoded;
mod gathered;
mod several;
mod cursors;
mod process;
mod explain;
mod execute;
mod executed;
mod set;
mod commands;
mod segment;
mod binds;
mod steps;
mod emit;
mod act;
mod stale;
mod lanes;
mod ahead;
mod extended;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::logic::plan::{Plan, Refusal};
use crate::logic::protocol::frame::{self, Front, client as tag};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write::{self, Report};
use crate::logic::session::cursors::Cursors;
use crate::logic::session::pipeline::{KeptRows, Pipeline};
use crate::logic::session::settings::Settings;
use crate::logic::session::unlisted::Unlisted;
use crate::logic::sql::template::Template;
use crate::logic::topology::User;
use crate::logic::transaction::Transaction;
use crate::logic::written::Written;
use crate::proxy::cancel::Slot;
use crate::proxy::metrics::{ClientState, Direction};
use crate::proxy::plans::Shape;
use crate::proxy::shared::Shared;
use client::{Client, UNTAKEN_MAX};
use exchange::Outgoing;
use extended::Progress;
use farewell::Farewell;
use listen::Hearing;
use picture::Picture;
use portal::{AcrossPortal, Among, Named, Portal, Run};
use servers::Held;
use shadows::Names;
use trail::Trail;
use trouble::Trouble;

pub use greet::welcome;
pub use trouble::End;

thread_local! {
    /// The lexer's buffers are the thread's: an idle client owns none.
    static TEMPLATE: RefCell<Template> = RefCell::new(Template::new(Default::default()));
}

/// One client's session.
#[allow(clippy::struct_excessive_bools, reason = "facts about the session, each independent of the others")]
pub struct Session {
    client: Client,
    shared: Arc<Shared>,
    user: Arc<User>,
    database: Box<str>,
    /// For logs
    id: u64,
    /// When it came in
    since: Instant,
    slot: Arc<Slot>,
    metrics: Trail,
    state: ClientState,
    transaction: Transaction,
    transaction_started: Option<Instant>,
    settings: Settings,
    cursors: Cursors,
    /// Names of prepared statements, PREPARE's too: they share one name space
    named: HashMap<Box<[u8]>, Named, foldhash::fast::RandomState>,
    unnamed: Option<Named>,
    /// The ReadyForQuery that the client is owed once the schema is known anew
    kept_ready: Option<u8>,
    /// Portals of the open transaction
    portals: Vec<Portal>,
    run: Run,
    /// A Sync has been consumed that an error came before
    is_synced: bool,
    /// The open transaction is that of a pipeline, or of a text, without BEGIN, and ends with it
    is_implicit: bool,
    /// One of several statements of a text runs
    among: Option<Among>,
    /// Statements that it has executed, in the order of its messages: those of a pipeline before they run
    executed: u32,
    /// No replica is asked for the statement that runs: it would answer otherwise, or its replay was in the way
    asks_primaries: bool,
    /// What the session has written: replicas may not have it yet
    written: Written,
    /// The open transaction was lost between two statements, and the client does not know
    unheard: Option<Box<Fault>>,
    /// What functions have set for the session is lost: it cannot go on
    bereft: Option<Box<Fault>>,
    /// A server does not take what the session has set: what the client is to be told when it is dropped
    unready: Option<Box<Fault>>,
    /// A server that was held has said goodbye
    farewell: Option<Box<Farewell>>,
    /// The open transaction has changed the schema
    has_ddl: bool,
    /// It has made functions or triggers, which no plan knows yet
    has_made_functions: bool,
    /// Names that mean something else to it than to plans
    names: Option<Box<Names>>,
    /// Tables that the open transaction has made, for the map
    unlisted: Option<Box<Unlisted>>,
    held: Vec<Held>,
    /// It listens, or is about to
    hearing: Option<Box<Hearing>>,
    /// Queries of ours before a statement whose answer is kept
    hidden: u32,
    /// How often gates had moved when what runs was planned
    moves: u32,
    pipeline: Pipeline,
    /// Where rows of a statement over several shards go that the client asks for piece by piece
    kept: Option<Box<KeptRows>>,
    outgoing: Outgoing,
    picture: Option<Picture>,
    /// The version of the settings that its card knows; 0: of none, they begin with 1
    introduced: u64,
}

/// Bytes of a session, what it points to left out.
pub const SESSION_SIZE: usize = size_of::<Session>();
// The allocator's next size is 1536: every idle client would pay for it.
const _: () = assert!(SESSION_SIZE <= 1280, "what is rare in a session is boxed");

/// Serves a client until it leaves.
pub async fn run(mut session: Box<Session>) {
    let end = loop {
        match session.wait().await {
            Ok(()) => (),
            Err(end) => break end,
        }
        // Boxed, so that the state of a statement under way is not part of every idle session. What is rare in it is boxed
        // again, which keeps it small. The box is there first: `Box::pin` would make all of it on the stack, and copy it.
        let serving = Box::write(Box::new_uninit(), session.serve());
        if let Err(end) = Box::into_pin(serving).await {
            break end;
        }
    };
    Box::pin(session.finish(end)).await;
}

impl Session {
    /// Its number in logs.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the client's next bytes. Servers that stay with the session may speak or close meanwhile.
    async fn wait(&mut self) -> Result<(), End> {
        self.show(if self.held.is_empty() { ClientState::Idle } else { ClientState::Active });
        self.introduce();
        self.client.rest();
        let limits = self.idle_limit();
        let is_between = self.transaction.is_idle() && self.run == Run::Between && self.client.received().is_empty();
        let filled = std::future::poll_fn(|context| {
            self.slot.park(context.waker());
            if let Some(fault) = self.slot.card.farewell() {
                return Poll::Ready(Err(End::Fault(fault)));
            }
            if let Some(end) = self.poll_heard(context) {
                return Poll::Ready(Err(end));
            }
            if self.client.has_backlog() && matches!(self.client.poll_flush(context), Poll::Ready(Err(_))) {
                return Poll::Ready(Err(End::Gone));
            }
            if let Poll::Ready(result) = self.client.poll_fill(context) {
                return Poll::Ready(match result {
                    Ok(0) | Err(_) => Err(End::Gone),
                    Ok(_) => Ok(()),
                });
            }
            // What the client has asked already is answered first.
            if self.shared.leaving().includes(is_between, || self.since.elapsed()) {
                return Poll::Ready(Err(End::Fault(Fault::Shutdown)));
            }
            self.poll_held(context)
        });
        tokio::select! {
            biased;
            filled = filled => filled,
            fault = limits => Err(End::Fault(fault)),
        }
    }

    /// Serves every whole message that has been received.
    async fn serve(&mut self) -> Result<(), End> {
        if self.farewell.is_some() {
            Box::pin(self.hear_farewell()).await?;
        }
        loop {
            if let Some(fault) = self.bereft.take() {
                return Err(End::Fault(*fault));
            }
            let (tag, size) = match self.client.front() {
                Front::Whole(frame) => (frame.tag, frame.bytes.len()),
                Front::Partial { tag, size } => {
                    check_frame(tag, size)?;
                    return self.flush().await;
                }
                Front::Malformed { tag, length } => {
                    let what =
                        format!("invalid message length {length} in message '{}'", char::from(tag).escape_default());
                    return Err(End::Fault(Fault::Protocol(what)));
                }
            };
            check_frame(Some(tag), Some(size))?;
            match self.request(tag, size).await {
                Ok(Progress::Served) => (),
                Ok(Progress::Wants) => return self.flush().await,
                Err(trouble) => {
                    Box::pin(self.hear_in_trouble(&trouble)).await?;
                    self.report(trouble)?;
                }
            }
            if self.hearing.is_some() {
                Box::pin(self.hear_notifications()).await?;
            }
            self.look_back();
            if self.transaction.status() == b'E' && self.run == Run::Between {
                self.abort_members().await;
                self.open_gates_of_failed();
            }
        }
    }

    /// One message, or one run of extended-protocol messages up to Sync.
    async fn request(&mut self, tag: u8, size: usize) -> Result<Progress, Trouble> {
        if self.run == Run::Skipping && tag != tag::SYNC && tag != tag::TERMINATE {
            self.client.consume(size);
            return Ok(Progress::Served);
        }
        match tag {
            tag::QUERY => self.simple_query(size).await.map(|()| Progress::Served),
            tag::PARSE | tag::BIND | tag::DESCRIBE | tag::EXECUTE | tag::CLOSE | tag::FLUSH | tag::SYNC => {
                self.extended().await
            }
            tag::FUNCTION_CALL => Box::pin(self.function_call(size)).await.map(|()| Progress::Served),
            tag::TERMINATE => {
                // It may still listen to what it has asked for before.
                self.flush().await?;
                Err(End::Gone.into())
            }
            // Outside COPY these are ignored: a client may still send them after an error (protocol-flow, COPY operations).
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => {
                self.client.consume(size);
                Ok(Progress::Served)
            }
            other => {
                let what = format!("invalid frontend message type {other}");
                Err(Fault::Protocol(what).into())
            }
        }
    }

    /// Reports what the session survives, with the ReadyForQuery that a Query is owed.
    fn report(&mut self, trouble: Trouble) -> Result<(), End> {
        self.tell(&trouble);
        if let Trouble::End(end) = trouble {
            return Err(end);
        }
        self.after_own_error();
        Ok(())
    }

    /// Counts a trouble and writes its ErrorResponse, unless a server has done so.
    fn tell(&mut self, trouble: &Trouble) {
        let unheard = self.unheard.take();
        match trouble {
            Trouble::Refusal(refusal) => {
                self.metrics.refusal(refusal.reason);
                self.metrics.error(refusal.sqlstate.as_bytes());
                self.note_refusal(refusal);
                write_refusal(&mut self.client.outbox, refusal);
            }
            Trouble::Fault(fault) => {
                // Why it is aborted, to who has not heard yet.
                let fault = unheard.as_deref().filter(|_| *fault == Fault::TransactionAborted).unwrap_or(fault);
                self.metrics.error(fault.sqlstate().as_bytes());
                fault.write(&mut self.client.outbox);
            }
            Trouble::Told | Trouble::End(_) => (),
        }
    }

    /// Keeps it for those who look for what is refused.
    fn note_refusal(&self, refusal: &Refusal) {
        let (now, statement) = (self.shared.clock.unix(Instant::now()), self.metrics.statement_text());
        self.shared.refusals.lock().note(&self.database, refusal, &statement, now);
    }

    /// ReadyForQuery, when the client is owed one.
    fn say_ready(&mut self) {
        match (self.among, &self.hearing) {
            (Some(_), _) => (),
            (None, Some(_)) => self.kept_ready = Some(self.transaction.status()),
            (None, None) => write::ready(&mut self.client.outbox, self.transaction.status()),
        }
    }

    fn after_own_error(&mut self) {
        self.kept_ready = None;
        self.transaction.abort();
        self.say_ready();
    }

    async fn flush(&mut self) -> Result<(), End> {
        let limit = if self.held.is_empty() { Duration::ZERO } else { self.statement_limit() };
        let flushed = match limit.is_zero() {
            true => self.client.flush().await,
            // Its servers are not its own to keep.
            false => self.client.flush_within(limit.max(UNTAKEN_MAX)).await,
        };
        let received = std::mem::take(&mut self.client.bytes_in);
        let sent = std::mem::take(&mut self.client.bytes_out);
        self.metrics.bytes(Direction::ClientIn, received);
        self.metrics.bytes(Direction::ClientOut, sent);
        self.slot.card.tallies.received.add(received);
        self.slot.card.tallies.sent.add(sent);
        flushed.map_err(|_| End::Gone)
    }

    fn show(&mut self, state: ClientState) {
        if self.state as u8 != state as u8 {
            self.metrics.client(Some(self.state), Some(state));
            self.state = state;
            self.slot.card.show(state);
        }
    }

    /// A request has begun.
    fn begin(&mut self, now: Instant) {
        self.asks_primaries = false;
        self.show(ClientState::Active);
        self.metrics.begin();
        self.slot.card.begin(now);
    }

    /// Keeps its card up to date.
    fn introduce(&mut self) {
        self.slot.card.prepared(self.named.len());
        if self.introduced != self.settings.version() {
            self.introduced = self.settings.version();
            let name = self.settings.get("application_name").unwrap_or_default();
            self.slot.card.set_application(name.trim_matches('\''));
        }
    }

    /// The time after which an idle client is sent away; never, when it may stay.
    fn idle_limit(&self) -> impl Future<Output = Fault> + use<> {
        let mut least: Option<(Duration, Fault)> = None;
        let mut bound = |limit: Duration, fault: Fault| {
            if !limit.is_zero() && least.as_ref().is_none_or(|(least, _)| limit < *least) {
                least = Some((limit, fault));
            }
        };
        // In the midst of a pipeline servers have a transaction open too.
        let is_unsynced = self.run != Run::Between && self.held.iter().any(|held| held.in_pipeline);
        let is_open = is_unsynced || !self.transaction.is_idle();
        match self.picture.as_ref().map(|picture| &picture.database.limits) {
            Some(limits) if is_open => {
                bound(limits.idle_transaction_timeout, Fault::IdleTransactionTimeout);
                bound(self.transaction_left().unwrap_or_default(), Fault::TransactionTimeout);
                if is_unsynced {
                    bound(limits.query_timeout, Fault::SyncTimeout);
                }
            }
            Some(limits) => bound(limits.client_idle_timeout, Fault::IdleTimeout),
            // It has not said anything yet.
            None => {
                let topology = self.shared.topology.load();
                let limit = topology.databases.get(&self.database).map(|database| database.limits.client_idle_timeout);
                bound(limit.unwrap_or_default(), Fault::IdleTimeout);
            }
        }
        async move {
            let Some((limit, fault)) = least else { return std::future::pending().await };
            tokio::time::sleep(limit).await;
            fault
        }
    }

    /// Says goodbye, closes, gives everything back.
    async fn finish(mut self: Box<Self>, end: End) {
        self.metrics.client(Some(self.state), None);
        self.shared.depart(&self.slot);
        let is_cut = self.client.is_cut || self.held.iter().any(|held| !held.lease.walk.is_between_frames());
        let end = match (end, self.slot.card.farewell()) {
            (End::Gone, Some(fault)) if !is_cut => End::Fault(fault),
            (end, _) => end,
        };
        match end {
            End::Gone => tracing::debug!(client = self.id, "client has left"),
            End::Fault(fault) => {
                tracing::info!(client = self.id, user = %self.user.name, database = %self.database, %fault, "client is sent away");
                self.metrics.error(fault.sqlstate().as_bytes());
                fault.write(&mut self.client.outbox);
                let farewell = tokio::time::timeout(Duration::from_secs(5), self.client.flush());
                if farewell.await.is_err() {
                    tracing::debug!(client = self.id, "client did not take its farewell");
                }
            }
        }
        self.release_all();
        self.open_gates();
    }
}

/// Text as PostgreSQL takes it.
fn utf8(text: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(text).map_err(|error| {
        let rest = &text[error.valid_up_to()..];
        let length = match rest.first() {
            Some(0xc0..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..=0xf7) => 4,
            _ => 1,
        };
        Fault::Encoding(rest[..length.min(rest.len())].into())
    })
}

/// A tag PostgreSQL does not know, or a length it does not accept, ends the session before anything is buffered.
fn check_frame(tag: Option<u8>, size: Option<usize>) -> Result<(), End> {
    let Some(tag) = tag else { return Ok(()) };
    let Some(longest) = frame::longest_from_client(tag) else {
        return Err(End::Fault(Fault::Protocol(format!("invalid frontend message type {tag}"))));
    };
    if size.is_some_and(|size| size > longest) {
        return Err(End::Fault(Fault::Protocol(format!("invalid message length in message '{}'", char::from(tag)))));
    }
    Ok(())
}

fn write_refusal(out: &mut Vec<u8>, refusal: &Refusal) {
    let report = Report {
        severity: "ERROR",
        sqlstate: refusal.sqlstate,
        message: &refusal.message,
        detail: refusal.detail.as_deref(),
        hint: refusal.hint.as_deref(),
    };
    write::error_of(out, &report, refusal.routine());
}

/// The only statement of a text, when there is one.
fn only(shape: &Shape) -> Option<&crate::logic::plan::Planned> {
    match &shape.statements {
        Ok(statements) if statements.len() == 1 => statements.first(),
        Ok(_) | Err(_) => None,
    }
}

/// A plan that acts on the session.
fn command(plan: &Plan) -> Option<&crate::logic::plan::Command> {
    match plan {
        Plan::Command(command) => Some(command),
        Plan::One(_) | Plan::CopyIn(_) | Plan::Refuse(_) => None,
    }
}
