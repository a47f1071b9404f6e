//! Who has sent a notification. PostgreSQL tells the number of the server's process; clients know each other by the numbers
//! that they were greeted with.
//!
//! A connection that serves many clients has one number for all of them. Before another client notifies over it, the
//! connections that listen for clients (`proxy::channels`) are asked for what has been committed before: what they hear from
//! then on is that client's.
//!
//! A listener with a server of its own (session pooling) cannot be asked. It is told a client's number where that is certain:
//! of its own notifications, and of connections whose clients have not notified shortly after one another, or while the
//! listener was in a transaction. Otherwise the server's number stays.
//!
//! A transaction over several shards notifies when the first of them commits. Who is told of it may look at once, on any
//! shard: so the connections that listen keep it to themselves until all have committed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::logic::protocol::walk::Processes;
use crate::logic::topology::Address;

/// A notification has reached a listener that waits for it after this time.
const DELIVERED: Duration = Duration::from_millis(50);

/// A server connection as one that notifies.
#[derive(Debug)]
pub struct Notifier {
    /// The server's process
    pid: i32,
    /// The number of the client that it was lent to last
    client: AtomicI32,
    last: Mutex<Option<Said>>,
    /// The last commit over several shards, which has ended when its `Commit` is no more
    commit: Mutex<Option<watch::Receiver<()>>>,
}

/// A commit over several shards is under way for as long as there is this.
pub struct Commit {
    _sender: watch::Sender<()>,
}

/// Such a commit, for who waits for its end.
#[derive(Debug)]
pub struct UnderWay(watch::Receiver<()>);

impl UnderWay {
    /// Resolves when it has ended.
    pub async fn ended(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// The last client that has notified over a connection.
#[derive(Debug)]
struct Said {
    client: i32,
    until: Instant,
    /// When the client before it had done so for the last time
    before: Option<Instant>,
}

impl Notifier {
    /// It is lent to the client of this number.
    pub fn lend(&self, client: i32) {
        self.client.store(client, Relaxed);
    }

    /// The number of the client that it was lent to last.
    pub fn client(&self) -> i32 {
        self.client.load(Relaxed)
    }

    /// Has another than its client notified over it before?
    pub fn is_anothers(&self) -> bool {
        self.last.lock().as_ref().is_some_and(|said| said.client != self.client.load(Relaxed))
    }

    /// Its client is about to notify.
    pub fn notify(&self, now: Instant) {
        let client = self.client.load(Relaxed);
        let mut last = self.last.lock();
        match &mut *last {
            Some(said) if said.client == client => said.until = now,
            Some(said) => *said = Said { client, until: now, before: Some(said.until) },
            None => *last = Some(Said { client, until: now, before: None }),
        }
    }

    /// The transaction that has notified is over.
    pub fn notified(&self, now: Instant) {
        if let Some(said) = &mut *self.last.lock() {
            said.until = now;
        }
    }

    /// Its client's transaction begins to commit, and others do on other shards. What it notifies is not told before the
    /// returned is dropped.
    pub fn commit(&self) -> Commit {
        let (sender, receiver) = watch::channel(());
        *self.commit.lock() = Some(receiver);
        Commit { _sender: sender }
    }

    fn commit_under_way(&self) -> Option<UnderWay> {
        self.commit.lock().clone().filter(|commit| commit.has_changed().is_ok()).map(UnderWay)
    }

    /// The client whose a notification is, to a listener that is asked before another notifies.
    fn heard(&self) -> Option<i32> {
        self.last.lock().as_ref().map(|said| said.client)
    }

    /// The same to any other listener, which was idle then.
    fn said(&self, idle_at: Option<Instant>) -> Option<i32> {
        let last = self.last.lock();
        let said = last.as_ref()?;
        let is_certain = match said.before {
            None => true,
            // Those of the client before have been delivered since.
            Some(before) => idle_at.is_some_and(|idle| idle.saturating_duration_since(before) >= DELIVERED),
        };
        is_certain.then_some(said.client)
    }
}

/// The connections of all pools.
#[derive(Debug, Default)]
pub struct Notifiers {
    known: Mutex<HashMap<(Address, i32), Weak<Notifier>>>,
}

impl Notifiers {
    /// A fresh connection, to a process of a server.
    pub fn add(&self, address: &Address, pid: i32) -> Arc<Notifier> {
        let notifier =
            Arc::new(Notifier { pid, client: AtomicI32::new(pid), last: Mutex::default(), commit: Mutex::default() });
        let mut known = self.known.lock();
        known.retain(|_, notifier| notifier.strong_count() > 0);
        known.insert((address.clone(), pid), Arc::downgrade(&notifier));
        notifier
    }

    /// The number of the client that has notified by this process of a server, to one who is asked before another does.
    pub fn client_of(&self, address: &Address, pid: i32) -> Option<i32> {
        self.find(address, pid)?.heard()
    }

    /// The commit over several shards that this process of a server takes part in.
    pub fn commit_of(&self, address: &Address, pid: i32) -> Option<UnderWay> {
        self.find(address, pid)?.commit_under_way()
    }

    fn find(&self, address: &Address, pid: i32) -> Option<Arc<Notifier>> {
        self.known.lock().get(&(address.clone(), pid)).and_then(Weak::upgrade)
    }
}

/// What a connection that listens knows of those that notify.
#[derive(Debug)]
pub struct Ear {
    own: Arc<Notifier>,
    address: Address,
    all: Arc<Notifiers>,
}

impl Ear {
    /// Of the connection that is this notifier.
    pub fn new(own: Arc<Notifier>, address: Address, all: Arc<Notifiers>) -> Self {
        Self { own, address, all }
    }
}

impl Processes for Ear {
    fn client_of(&self, pid: i32, idle_at: Option<Instant>) -> Option<i32> {
        if pid == self.own.pid {
            // A connection that listens stays with its client.
            return Some(self.own.client.load(Relaxed));
        }
        self.all.find(&self.address, pid)?.said(idle_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_its_clients_where_that_is_certain() {
        let notifier = Notifier { pid: 7, client: AtomicI32::new(7), last: Mutex::default(), commit: Mutex::default() };
        let start = Instant::now();
        assert_eq!(notifier.said(Some(start)), None, "nobody has notified");
        notifier.lend(1001);
        notifier.notify(start);
        assert_eq!((notifier.said(Some(start)), notifier.said(None)), (Some(1001), Some(1001)));
        notifier.notified(start + DELIVERED);
        notifier.lend(1002);
        assert_eq!(notifier.said(Some(start)), Some(1001), "its next client has not notified yet");
        notifier.notify(start + DELIVERED);
        assert_eq!(notifier.said(Some(start + DELIVERED)), None, "it may be that of the client before");
        assert_eq!(notifier.said(None), None, "so it may for a listener that has been busy since");
        assert_eq!(notifier.said(Some(start + DELIVERED * 2)), Some(1002));
    }
}
