//! The administration console: a session of its own, that no server sees.

pub mod orders;
pub mod look;
pub mod map;
mod act;
mod pause;
mod messages;
mod run;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::logic::auth::Fatal;
use crate::logic::console::pgbouncer;
use crate::logic::console::role::Members;
use crate::logic::console::snapshot::Setting;
use crate::logic::console::totals::Periods;
use crate::proxy::card::Card;
use crate::proxy::door::Guest;
use crate::proxy::shared::Shared;
use orders::Order;

/// The databases that lead to the console: ours, and PgBouncer's name for it.
pub const NAMES: [&str; 2] = ["shardway", pgbouncer::CONSOLE];

/// PgBouncer's `stats_period`.
const PERIOD: Duration = Duration::from_secs(60);

/// Settings of the console; a reload may change them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Who may come
    pub members: Members,
    /// What SHOW CONFIG shows
    pub shown: Vec<Setting>,
    /// Clients at most
    pub max_clients: u32,
}

/// What all console sessions of a proxy share.
pub struct Console {
    shared: Arc<Shared>,
    settings: ArcSwap<ConsoleSettings>,
    periods: Mutex<Periods>,
    visitors: Mutex<HashMap<u64, Arc<Visitor>>>,
    orders: mpsc::Sender<Order>,
    /// Connections of clients, those logging in included
    pub open: AtomicU32,
}

/// A session of the console.
struct Visitor {
    card: Card,
    /// What a cancel request must bring, beside its number
    key: [u8; 4],
    dismissed: Notify,
    cancelled: Notify,
}

impl Console {
    /// Of a proxy that starts; `orders` reach whoever can carry them out.
    pub fn new(shared: Arc<Shared>, settings: ConsoleSettings, orders: mpsc::Sender<Order>) -> Arc<Self> {
        Arc::new(Self {
            shared,
            settings: ArcSwap::from_pointee(settings),
            periods: Mutex::new(Periods::new(PERIOD, Instant::now())),
            visitors: Mutex::default(),
            orders,
            open: AtomicU32::new(0),
        })
    }

    /// New settings hold for those who come from now on, and for what is shown.
    pub fn set_settings(&self, settings: ConsoleSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// Time has passed.
    pub fn tick(&self) {
        self.periods.lock().on_tick(Instant::now(), || self.shared.totals());
    }

    /// Serves a guest for as long as it stays; one who may not come is told so.
    pub async fn receive(self: Arc<Self>, guest: Guest) {
        let Some(role) = self.settings.load().members.role(&guest.user.name) else {
            let fatal = Fatal::new("42501", format!("user \"{}\" may not use the console", guest.user.name))
                .hint("Name it under admin or stats of [console].");
            drop(guest.turn_away(fatal).await);
            return;
        };
        run::serve(&self, guest, role).await;
    }

    /// A cancel request: what its visitor waits for is given up. `false`: it is for nobody here.
    pub fn cancel(&self, number: i32, key: &[u8]) -> bool {
        let visitors = self.visitors.lock();
        let visitor = u64::try_from(number).ok().and_then(|id| visitors.get(&id)).filter(|it| it.key == *key);
        visitor.inspect(|visitor| visitor.cancelled.notify_waiters()).is_some()
    }

    /// Sends a visitor of the console away.
    fn dismiss_visitor(&self, id: u64) -> bool {
        let visitor = self.visitors.lock().get(&id).cloned();
        visitor.inspect(|visitor| visitor.dismissed.notify_one()).is_some()
    }

    /// Sends all visitors of the console away.
    pub fn dismiss_visitors(&self) {
        self.visitors.lock().values().for_each(|visitor| visitor.dismissed.notify_one());
    }

    /// How many visitors the console has.
    pub fn visitors(&self) -> usize {
        self.visitors.lock().len()
    }

    /// Sessions and logins under way.
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }
}

/// A visitor for as long as it stays.
struct Visit<'a> {
    console: &'a Console,
    visitor: Arc<Visitor>,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.console.visitors.lock().remove(&self.visitor.card.id);
    }
}
