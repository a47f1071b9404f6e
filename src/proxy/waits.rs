//! Sessions that have waited for long inside a transaction over several shards. They may be part of a deadlock that no
//! shard sees alone; the control plane looks into it while there are any.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::logic::deadlock::{Name, Party, Process};

/// Of all databases of one proxy.
pub struct Waits {
    proxy: i64,
    desks: Mutex<HashMap<Box<str>, Arc<Desk>>>,
}

impl Default for Waits {
    fn default() -> Self {
        Self { proxy: rand::random_range(1..i64::MAX), desks: Mutex::default() }
    }
}

impl Waits {
    /// Those of one database.
    pub fn of(&self, database: &str) -> Arc<Desk> {
        let mut desks = self.desks.lock();
        match desks.get(database) {
            Some(desk) => Arc::clone(desk),
            None => {
                let desk = Arc::new(Desk { proxy: self.proxy, seats: Mutex::default(), arrived: Notify::new() });
                desks.insert(database.into(), Arc::clone(&desk));
                desk
            }
        }
    }
}

/// Those of one database.
pub struct Desk {
    /// Tells this proxy from others
    pub proxy: i64,
    seats: Mutex<Seats>,
    arrived: Notify,
}

#[derive(Default)]
struct Seats {
    taken: Vec<Seat>,
    waits: i64,
}

struct Seat {
    party: Party,
    /// Tells the session that it is given up, and why
    victim: Option<oneshot::Sender<String>>,
}

impl Desk {
    /// Waits until the session is chosen to be given up; gives the reason. Dropping it ends the wait.
    pub async fn chosen(self: Arc<Self>, session: u64, started: i64, processes: Vec<Process>) -> String {
        let (victim, told) = oneshot::channel();
        let wait = {
            let mut seats = self.seats.lock();
            seats.waits += 1;
            let name = Name { proxy: self.proxy, session: session as i64, wait: seats.waits };
            seats.taken.push(Seat { party: Party { name, started, processes }, victim: Some(victim) });
            seats.waits
        };
        let leaving = Leaving { desk: self, wait };
        leaving.desk.arrived.notify_one();
        match told.await {
            Ok(why) => why,
            // Nobody else holds the sender.
            Err(_) => std::future::pending().await,
        }
    }

    /// Resolves when a session has begun to wait since the last time.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Who waits now.
    pub fn parties(&self) -> Vec<Party> {
        self.seats.lock().taken.iter().map(|seat| seat.party.clone()).collect()
    }

    /// Gives a session up. `false`: it does not wait any more, or is not of this proxy.
    pub fn give_up(&self, name: Name, why: String) -> bool {
        let mut seats = self.seats.lock();
        let seat = seats.taken.iter_mut().find(|seat| seat.party.name == name);
        seat.and_then(|seat| seat.victim.take()).is_some_and(|victim| victim.send(why).is_ok())
    }
}

struct Leaving {
    desk: Arc<Desk>,
    wait: i64,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.desk.seats.lock().taken.retain(|seat| seat.party.name.wait != self.wait);
    }
}
