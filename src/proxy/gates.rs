//! Tables that are being changed on all shards. The change locks them shard by shard, and PostgreSQL reads the schema anew
//! behind such a lock; who plans here has done so before. So whoever can waits here instead, and plans when the change is
//! over and the schema that comes out of it is known.
//!
//! ```text
//!  the change   ──close──ALTER a──ALTER b──ALTER c──COMMIT──schema read──open──→
//!  an INSERT            ──in_the_way? waits───────────────────────────────────plans──→
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Gates whose closing and opening is remembered, of all databases. Who looks back further is told that all have moved.
const REMEMBERED: usize = 256;

/// Of all databases of one proxy.
#[derive(Debug, Default)]
pub struct Gates {
    count: AtomicUsize,
    moves: AtomicU32,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    closed: Vec<Closed>,
    /// Those that were closed or opened lately, with the number of that move
    moved: VecDeque<(u32, Arc<Tables>)>,
}

/// What a gate keeps others from.
#[derive(Debug)]
struct Tables {
    database: Box<str>,
    names: Box<[Box<str>]>,
}

#[derive(Debug)]
struct Closed {
    tables: Arc<Tables>,
    /// Ends when the gate is opened
    opened: watch::Receiver<()>,
}

/// Keeps others from these tables until it is dropped.
#[derive(Debug)]
pub struct Gate {
    gates: Arc<Gates>,
    tables: Arc<Tables>,
    opening: watch::Sender<()>,
}

impl Gates {
    /// Tables of these names are about to change.
    pub fn close(self: &Arc<Self>, database: &str, names: &[Box<str>]) -> Gate {
        let (opening, opened) = watch::channel(());
        let tables = Arc::new(Tables { database: database.into(), names: names.into() });
        let mut all = self.all.lock();
        all.closed.push(Closed { tables: Arc::clone(&tables), opened });
        self.note(&mut all, &tables);
        Gate { gates: Arc::clone(self), tables, opening }
    }

    fn note(&self, all: &mut All, tables: &Arc<Tables>) {
        if all.moved.len() == REMEMBERED {
            all.moved.pop_front();
        }
        let number = self.moves.load(Ordering::Relaxed) + 1;
        all.moved.push_back((number, Arc::clone(tables)));
        self.moves.store(number, Ordering::Release);
        self.count.store(all.closed.len(), Ordering::Release);
    }

    /// Is any closed, of whatever database? For every statement.
    pub fn are_any_closed(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// How often some gate was closed or opened. For every statement.
    pub fn moves(&self) -> u32 {
        self.moves.load(Ordering::Relaxed)
    }

    /// Is a gate before this table closed, or has one been closed or opened behind so many moves? Own ones do not count.
    pub fn has_moved(&self, database: &str, table: &str, since: u32, own: &[Gate]) -> bool {
        let all = self.all.lock();
        let is_it = |tables: &Arc<Tables>| {
            *tables.database == *database
                && tables.names.iter().any(|name| name.eq_ignore_ascii_case(table))
                && !own.iter().any(|gate| Arc::ptr_eq(&gate.tables, tables))
        };
        let is_forgotten = all.moved.front().is_some_and(|(oldest, _)| since + 1 < *oldest);
        is_forgotten
            || all.closed.iter().any(|it| is_it(&it.tables))
            || all.moved.iter().any(|(number, tables)| *number > since && is_it(tables))
    }

    /// The first closed one of a database with a name of which this holds; what is returned ends when it is opened.
    pub fn in_the_way(
        &self,
        database: &str,
        is_named: &dyn Fn(&str) -> bool,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let all = self.all.lock();
        let stands =
            |it: &&Closed| *it.tables.database == *database && it.tables.names.iter().any(|name| is_named(name));
        let mut opened = all.closed.iter().find(stands)?.opened.clone();
        // Nothing is ever sent: an error says that the other end is gone.
        Some(async move { while opened.changed().await.is_ok() {} })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let mut all = self.gates.all.lock();
        all.closed.retain(|it| !it.opened.same_channel(&self.opening.subscribe()));
        self.gates.note(&mut all, &self.tables);
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

    #[test]
    fn what_has_moved_since_is_known() {
        let gates = Arc::<Gates>::default();
        let moved = |since: u32, own: &[Gate]| gates.has_moved("app", "Moved", since, own);
        assert!(!moved(gates.moves(), &[]));
        let before = gates.moves();
        let gate = [gates.close("app", &["moved".into()])];
        assert!(moved(before, &[]) && moved(gates.moves(), &[]), "it is closed");
        assert!(!moved(before, &gate), "by oneself");
        assert!(!gates.has_moved("app", "unmoved", before, &[]) && !gates.has_moved("other", "moved", before, &[]));
        let closed = gates.moves();
        drop(gate);
        assert!(moved(before, &[]) && moved(closed, &[]), "it was opened behind that");
        assert!(!moved(gates.moves(), &[]));
        let since = gates.moves();
        for _ in 0..REMEMBERED / 2 {
            drop(gates.close("other", &["any".into()]));
        }
        assert!(!moved(since, &[]), "all of that is remembered");
        drop(gates.close("other", &["any".into()]));
        assert!(moved(since, &[]) && !moved(gates.moves(), &[]), "nobody knows any more");
    }
}
