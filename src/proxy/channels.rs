//! LISTEN for sessions that own no server: one connection for each database and shard listens for all of them.
//!
//! Its server sends every notification of a channel once; from here it goes to the mailbox of each session that listens,
//! which takes it between two transactions. A connection that is lost ends the sessions that it listened for: what was
//! sent meanwhile nobody knows.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::logic::protocol::frame::{self, Frame, Front, HEADER, client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::roster::Roster;
use crate::logic::topology::{Address, Spot};
use crate::proxy::metrics::{ChannelMetrics, Metrics};
use crate::proxy::notifiers::UnderWay;
use crate::proxy::pool::ServerPool;
use crate::proxy::stream::Stream;

/// An answer that takes longer is none. A connection that has nothing to say is asked as often.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// A connection that nobody needs is kept for so long: pools of clients stop and start to listen with each checkout.
const LINGER: Duration = Duration::from_secs(10);
/// Bytes of notifications that wait for one client at most.
const MAILBOX_MAX: usize = 16 << 20;

/// Ends when another server is to be listened to.
pub type Moved = Pin<Box<dyn Future<Output = ()> + Send>>;

type Waiter = oneshot::Sender<Result<(), Fault>>;
/// Says when it is done.
pub type Answer = oneshot::Receiver<Result<(), Fault>>;

/// A notification on its way to a client.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The shard that it comes from
    pub shard: Arc<str>,
    /// Its channel
    pub channel: Arc<str>,
    /// The whole NotificationResponse
    pub frame: Arc<[u8]>,
}

/// Where the notifications of a session wait until it takes them.
#[derive(Debug, Default)]
pub struct Mailbox {
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    queue: VecDeque<Notification>,
    bytes: usize,
    /// The session has to end
    lost: Option<Fault>,
    waker: Option<Waker>,
}

impl Mailbox {
    fn put(&self, notification: Notification) {
        let mut content = self.content.lock();
        content.bytes += notification.frame.len();
        if content.bytes > MAILBOX_MAX {
            let cause =
                format!("the client has not taken {MAILBOX_MAX} bytes of them, which come between transactions");
            content.lost.get_or_insert(Fault::Missed { shard: (*notification.shard).into(), cause });
            content.queue.clear();
        } else {
            content.queue.push_back(notification);
        }
        wake(&mut content);
    }

    fn lose(&self, fault: &Fault) {
        let mut content = self.content.lock();
        content.lost.get_or_insert_with(|| fault.clone());
        wake(&mut content);
    }

    /// Wakes the session when something comes. What has come already is for `take`.
    pub fn park(&self, waker: &Waker) -> Poll<()> {
        let mut content = self.content.lock();
        content.waker = Some(waker.clone());
        if content.queue.is_empty() && content.lost.is_none() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Why the session has to end, if it has to.
    pub fn lost(&self) -> Option<Fault> {
        self.content.lock().lost.clone()
    }

    /// All that waits.
    pub fn take(&self) -> VecDeque<Notification> {
        let mut content = self.content.lock();
        content.bytes = 0;
        std::mem::take(&mut content.queue)
    }
}

fn wake(content: &mut Content) {
    if let Some(waker) = content.waker.take() {
        waker.wake();
    }
}

/// The connections that listen, by database and shard.
#[derive(Default)]
pub struct Channels {
    ears: Arc<Mutex<HashMap<Key, Arc<Ear>>>>,
}

type Key = (Box<str>, Box<str>);

/// A connection that listens for all sessions of a database on one shard.
pub struct Ear {
    pool: Arc<ServerPool>,
    state: Mutex<State>,
    /// There is something to be told to the server
    wake: Notify,
    metrics: ChannelMetrics,
}

#[derive(Default)]
struct State {
    roster: Roster<Arc<Mailbox>, Waiter>,
    /// It listens no longer
    closed: Option<Fault>,
}

/// A session hears a channel, or waits to, for as long as it has this.
pub struct Subscription {
    /// What listens
    pub ear: Arc<Ear>,
    channel: Box<str>,
    session: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.ear.state.lock().roster.leave(&self.channel, self.session);
        self.ear.metrics.listening.decrement(1);
        self.ear.wake.notify_one();
    }
}

impl Channels {
    /// A session is to hear a channel of a shard of a database, which metrics know by `label`: it does once the receiver says
    /// so, and nothing that is committed later is missed. Listens to the server of this pool, with its login if nothing does
    /// yet.
    pub fn join(
        &self,
        (database, label): (&str, &str),
        pool: &Arc<ServerPool>,
        (metrics, moved): (&Metrics, impl FnOnce() -> Moved),
        (channel, session, mailbox): (&str, u64, &Arc<Mailbox>),
    ) -> (Subscription, Answer) {
        let key: Key = (database.into(), pool.shard.clone());
        // Held to the end: what nobody needs is closed under this lock.
        let mut ears = self.ears.lock();
        let known = ears.get(&key).filter(|ear| ear.pool.address == pool.address).cloned();
        let ear = known.unwrap_or_else(|| {
            let ear = Arc::new(Ear {
                pool: Arc::clone(pool),
                state: Mutex::default(),
                wake: Notify::new(),
                metrics: metrics.channels(label, &pool.shard),
            });
            drop(tokio::spawn(Arc::clone(&ear).listen(Arc::clone(&self.ears), key.clone(), moved())));
            if let Some(old) = ears.insert(key, Arc::clone(&ear)) {
                old.close("another server is the primary now");
            }
            ear
        });
        let (waiter, answer) = oneshot::channel();
        let mut state = ear.state.lock();
        match &state.closed {
            Some(fault) => drop(waiter.send(Err(fault.clone()))),
            None => state.roster.join(channel, session, Arc::clone(mailbox), waiter),
        }
        drop(state);
        ear.metrics.listening.increment(1);
        ear.wake.notify_one();
        (Subscription { ear, channel: channel.into(), session }, answer)
    }

    /// Returns when all that has been committed up to now in the database at this address has been heard.
    pub async fn catch_up(&self, address: &Address) {
        let spot = Spot::beside(address, &address.database);
        let ears: Vec<_> = self.ears.lock().values().filter(|ear| spot.is_of(&ear.pool.address)).cloned().collect();
        let answers: Vec<Answer> = ears.iter().map(|ear| ear.catch_up()).collect();
        for answer in answers {
            // Who is lost has heard its last.
            drop(answer.await);
        }
    }
}

impl Ear {
    /// Resolves when all that has been committed up to now is in the mailboxes.
    pub fn catch_up(&self) -> Answer {
        let (waiter, answer) = oneshot::channel();
        let mut state = self.state.lock();
        match &state.closed {
            Some(fault) => drop(waiter.send(Err(fault.clone()))),
            None => state.roster.catch_up(Some(waiter)),
        }
        drop(state);
        self.wake.notify_one();
        answer
    }

    /// The task of the connection.
    async fn listen(self: Arc<Self>, ears: Arc<Mutex<HashMap<Key, Arc<Self>>>>, key: Key, moved: Moved) {
        let end = match self.pool.connect_apart().await {
            Ok(connected) => {
                tracing::debug!(server = %self.pool.server, pid = connected.pid, "a connection listens");
                self.metrics.connections.increment(1);
                let end = self.converse(connected.stream, moved, &ears, &key).await;
                self.metrics.connections.decrement(1);
                end
            }
            Err(fault) => Err(fault),
        };
        {
            let mut ears = ears.lock();
            if ears.get(&key).is_some_and(|ear| Arc::ptr_eq(ear, &self)) {
                ears.remove(&key);
            }
        }
        if let Err(fault) = end {
            self.fail(&fault);
        }
    }

    /// Asks and hears until the connection is lost, or nobody needs it any more.
    async fn converse(
        &self,
        mut stream: Stream,
        mut moved: Moved,
        ears: &Mutex<HashMap<Key, Arc<Self>>>,
        key: &Key,
    ) -> Result<(), Fault> {
        let mut buffer = BytesMut::new();
        let mut is_asked = false;
        let mut deadline = Instant::now() + LINGER;
        loop {
            let round = self.state.lock().roster.next_round();
            if let Some(sql) = round {
                is_asked = true;
                deadline = Instant::now() + ANSWER_MAX;
                let asked = tokio::time::timeout_at(deadline, ask(&mut stream, &sql)).await;
                asked
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                    .map_err(|it| self.lost(&it.to_string()))?;
            }
            let is_closed = || self.state.lock().closed.clone();
            if let Some(fault) = is_closed() {
                return Err(fault);
            }
            tokio::select! {
                read = stream.read_buf(&mut buffer) => {
                    if read.map_err(|it| self.lost(&it.to_string()))? == 0 {
                        return Err(self.lost("the server closed the connection"));
                    }
                    let mut is_answered = false;
                    // It ends by itself: a shard that does not answer is given up.
                    while let Some(commit) = self.hear(&mut buffer, &mut is_answered)? {
                        commit.ended().await;
                        deadline = Instant::now() + ANSWER_MAX;
                    }
                    if is_answered {
                        is_asked = false;
                        let is_unused = self.state.lock().roster.is_unused();
                        deadline = Instant::now() + if is_unused { LINGER } else { ANSWER_MAX };
                    }
                }
                () = self.wake.notified() => (),
                () = &mut moved => return Err(self.lost("another server is the primary now")),
                () = tokio::time::sleep_until(deadline) => {
                    if is_asked {
                        return Err(self.lost(&format!("no answer within {ANSWER_MAX:?}")));
                    }
                    // Under the lock of all, so that nobody gets it who comes meanwhile.
                    let mut ears = ears.lock();
                    let mut state = self.state.lock();
                    if state.roster.is_unused() {
                        state.closed = Some(self.lost("nobody listened"));
                        ears.remove(key);
                        return Ok(());
                    }
                    state.roster.catch_up(None);
                }
            }
        }
    }

    /// Takes in what the server has said, and notes whether it has answered. Stops before the notification of a transaction
    /// that has not committed on all its shards: nothing overtakes it.
    fn hear(&self, buffer: &mut BytesMut, is_answered: &mut bool) -> Result<Option<UnderWay>, Fault> {
        loop {
            let size = match frame::front(buffer) {
                Front::Partial { .. } => return Ok(None),
                Front::Malformed { tag, length } => {
                    let tag = char::from(tag);
                    return Err(self.lost(&format!("the server sent a message '{tag}' of length {length}")));
                }
                Front::Whole(frame) => {
                    match frame.tag {
                        server::NOTIFICATION => {
                            let pid = view::notification(frame.body).map(|(pid, _)| pid);
                            if let Some(commit) = pid.and_then(|pid| self.pool.commit_of(pid)) {
                                return Ok(Some(commit));
                            }
                            self.deliver(&frame)?;
                        }
                        server::READY => {
                            *is_answered = true;
                            for waiter in self.state.lock().roster.answered() {
                                drop(waiter.send(Ok(())));
                            }
                        }
                        server::ERROR => {
                            let message = view::error_field(frame.body, b'M').unwrap_or_default();
                            return Err(self.lost(&String::from_utf8_lossy(message)));
                        }
                        _ => (),
                    }
                    frame.bytes.len()
                }
            };
            buffer.advance(size);
        }
    }

    fn deliver(&self, frame: &Frame<'_>) -> Result<(), Fault> {
        let Some((pid, channel)) = view::notification(frame.body) else {
            return Err(self.lost("the server sent a notification that is none"));
        };
        let channel: Arc<str> = channel.into();
        let mut bytes = frame.bytes.to_vec();
        if let Some(client) = self.pool.client_of(pid) {
            bytes[HEADER..HEADER + 4].copy_from_slice(&client.to_be_bytes());
        }
        let bytes: Arc<[u8]> = bytes.into();
        let shard: Arc<str> = self.pool.shard.as_ref().into();
        let state = self.state.lock();
        let mut sent = 0;
        for mailbox in state.roster.members(&channel) {
            let notification =
                Notification { shard: Arc::clone(&shard), channel: Arc::clone(&channel), frame: Arc::clone(&bytes) };
            mailbox.put(notification);
            sent += 1;
        }
        self.metrics.received.increment(1);
        self.metrics.delivered.increment(sent);
        Ok(())
    }

    fn lost(&self, cause: &str) -> Fault {
        Fault::Missed {
            shard: self.pool.shard.clone(),
            cause: format!("the connection that listens was lost: {cause}"),
        }
    }

    fn close(&self, cause: &str) {
        self.fail(&self.lost(cause));
        self.wake.notify_one();
    }

    /// Who listens has to end, who waits hears why.
    fn fail(&self, fault: &Fault) {
        let (members, waiters) = {
            let mut state = self.state.lock();
            if state.closed.is_none() && !state.roster.is_unused() && matches!(fault, Fault::Missed { .. }) {
                tracing::warn!(server = %self.pool.server, %fault, "listener lost");
                self.metrics.lost.increment(1);
            }
            state.closed.get_or_insert_with(|| fault.clone());
            state.roster.close()
        };
        for mailbox in members {
            mailbox.lose(fault);
        }
        for waiter in waiters {
            drop(waiter.send(Err(fault.clone())));
        }
    }
}

/// An empty round is a Sync alone: PostgreSQL sends what it has before it answers.
async fn ask(stream: &mut Stream, sql: &str) -> io::Result<()> {
    let mut bytes = Vec::new();
    match sql {
        "" => write::bare(&mut bytes, client::SYNC),
        sql => write::query(&mut bytes, sql.as_bytes()),
    }
    stream.write_all(&bytes).await?;
    stream.flush().await
}
