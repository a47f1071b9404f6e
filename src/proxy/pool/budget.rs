//! `max_db_connections` and `max_user_connections`: pools of one database, or of one user, share what they may open.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use super::ServerPool;
use crate::logic::budget::{self, Budget, Owner, Shares};
use crate::proxy::server::Place;

/// What the pools of one proxy share.
#[derive(Default)]
pub struct Budgets {
    machine: Mutex<Budget<Weak<ServerPool>>>,
    /// Pools that wait: looked at whenever a connection comes back
    waiting: AtomicUsize,
    pools: Mutex<Vec<Weak<ServerPool>>>,
}

impl Budgets {
    /// Connections of a database or a user.
    pub fn used(&self, owner: &Owner) -> u32 {
        self.machine.lock().used(owner)
    }

    /// A pool is there.
    pub(super) fn add(&self, pool: &Arc<ServerPool>) {
        let mut pools = self.pools.lock();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// A connection is gone: the next in turn may open one.
    fn release(self: &Arc<Self>, shares: &Shares) {
        self.machine.lock().release(shares);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.serve();
        }
    }

    fn serve(self: &Arc<Self>) {
        loop {
            let next = {
                let mut machine = self.machine.lock();
                let next = machine.serve();
                self.waiting.store(machine.waiting(), Ordering::Relaxed);
                next
            };
            let Some((pool, shares)) = next else { return };
            // Dropped by who does not want it any more: that serves the next.
            let place = self.place(shares);
            if let Some(pool) = pool.upgrade() {
                pool.open_with(place);
            }
        }
    }

    fn place(self: &Arc<Self>, shares: Shares) -> Place {
        let budgets = Arc::clone(self);
        Place::new(move || budgets.release(&shares))
    }
}

impl ServerPool {
    fn shares(&self) -> Shares {
        let machine = self.machine.lock();
        let settings = machine.settings();
        [
            (Owner::Database(self.database.clone()), settings.database_max),
            (Owner::User(self.user.clone()), settings.user_max),
        ]
    }

    /// Opens a connection, or waits until the database and the user may have one more.
    pub(super) fn open_in_turn(self: &Arc<Self>) {
        let shares = self.shares();
        if self.budgets.machine.lock().claim(&shares) {
            let place = self.budgets.place(shares);
            drop(tokio::spawn(Arc::clone(self).open(place)));
            return;
        }
        let waiting_since = {
            let mut machine = self.machine.lock();
            machine.deferred();
            machine.waiting_since(Instant::now())
        };
        // Connections that are kept open for nobody are not worth another's.
        let Some(since) = waiting_since else { return };
        {
            let mut machine = self.budgets.machine.lock();
            machine
                .wait(Arc::downgrade(self), shares.clone(), since, |it| std::ptr::eq(it.as_ptr(), Arc::as_ptr(self)));
            self.budgets.waiting.store(machine.waiting(), Ordering::Relaxed);
        }
        self.make_room(&shares);
    }

    /// It is this pool's turn.
    fn open_with(self: &Arc<Self>, place: Place) {
        if self.machine.lock().open_one(Instant::now()) {
            drop(tokio::spawn(Arc::clone(self).open(place)));
        }
    }

    /// Closes the longest unused connection of another pool whose going makes room.
    fn make_room(self: &Arc<Self>, shares: &Shares) {
        let lacking = self.budgets.machine.lock().lacking(shares);
        let pools: Vec<Arc<Self>> = self.budgets.pools.lock().iter().filter_map(Weak::upgrade).collect();
        let others = pools.iter().filter(|it| !Arc::ptr_eq(it, self) && budget::share_owner(&lacking, &it.shares()));
        let unused = others.filter_map(|pool| Some((pool.machine.lock().unused_since()?, pool)));
        let Some((_, pool)) = unused.min_by_key(|(since, _)| *since) else { return };
        let mut effects = Vec::new();
        pool.machine.lock().close_unused(&mut effects);
        pool.carry_out(effects);
    }

    /// A connection comes back while another pool has waited longer than anybody here, and could have one if this one went.
    pub(super) fn is_owed(&self, now: Instant) -> bool {
        if self.budgets.waiting.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let shares = self.shares();
        let Some(since) = self.budgets.machine.lock().waited_for(&shares) else { return false };
        self.machine.lock().waiting_since(now).is_none_or(|own| since <= own)
    }
}
