//! Tables that are being changed on all shards. The change locks them shard by shard, and PostgreSQL reads the schema anew
//! behind such a lock; who plans here has done so before. So whoever can waits here instead, and plans when the change is
//! over and the schema that comes out of it is known.
//!
//! ```text
//!  the change   ──close──ALTER a──ALTER b──ALTER c──COMMIT──schema read──open──→
//!  an INSERT            ──in_the_way? waits───────────────────────────────────plans──→
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Of all databases of one proxy.
#[derive(Debug, Default)]
pub struct Gates {
    count: AtomicUsize,
    closed: Mutex<Vec<Closed>>,
}

#[derive(Debug)]
struct Closed {
    database: Box<str>,
    names: Box<[Box<str>]>,
    /// Ends when the gate is opened
    opened: watch::Receiver<()>,
}

/// Keeps others from these tables until it is dropped.
#[derive(Debug)]
pub struct Gate {
    gates: Arc<Gates>,
    opening: watch::Sender<()>,
}

impl Gates {
    /// Tables of these names are about to change.
    pub fn close(self: &Arc<Self>, database: &str, names: &[Box<str>]) -> Gate {
        let (opening, opened) = watch::channel(());
        let mut closed = self.closed.lock();
        closed.push(Closed { database: database.into(), names: names.into(), opened });
        self.count.store(closed.len(), Ordering::Release);
        Gate { gates: Arc::clone(self), opening }
    }

    /// Is any closed, of whatever database? For every statement.
    pub fn are_any_closed(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// The first closed one of a database with a name of which this holds; what is returned ends when it is opened.
    pub fn in_the_way(
        &self,
        database: &str,
        is_named: &dyn Fn(&str) -> bool,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let closed = self.closed.lock();
        let stands = |it: &&Closed| *it.database == *database && it.names.iter().any(|name| is_named(name));
        let mut opened = closed.iter().find(stands)?.opened.clone();
        // Nothing is ever sent: an error says that the other end is gone.
        Some(async move { while opened.changed().await.is_ok() {} })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let mut closed = self.gates.closed.lock();
        closed.retain(|it| !it.opened.same_channel(&self.opening.subscribe()));
        self.gates.count.store(closed.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_names_what_changes_waits_until_it_has() {
        let gates = Arc::<Gates>::default();
        assert!(!gates.are_any_closed());
        let first = gates.close("app", &["moved".into(), "other".into()]);
        let second = gates.close("app", &["moved".into()]);
        let named = |name: &'static str| move |it: &str| it == name;
        assert!(gates.in_the_way("app", &named("unmoved")).is_none());
        assert!(gates.in_the_way("another", &named("moved")).is_none(), "another database");
        let waiting = tokio::spawn(gates.in_the_way("app", &named("moved")).expect("the first"));
        assert!(gates.are_any_closed() && !waiting.is_finished());
        drop(first);
        waiting.await.expect("the first is open");
        assert!(gates.in_the_way("app", &named("other")).is_none());
        let waiting = gates.in_the_way("app", &named("moved")).expect("the second");
        drop(second);
        waiting.await;
        assert!(!gates.are_any_closed());
    }
}
