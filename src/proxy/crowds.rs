//! Clients by database and by user: each has its limits, and a place that is left is free again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::logic::crowd::{Crowd, CrowdLimits, Crowded};

/// Of one proxy.
#[derive(Debug, Default)]
pub struct Crowds {
    crowds: Mutex<HashMap<Name, Crowd>>,
}

/// Whose clients are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// Of a database
    Database(Box<str>),
    /// Of a user
    User(Box<str>),
}

/// A place in a crowd: dropping it leaves it.
#[derive(Debug)]
pub struct Place {
    crowds: Arc<Crowds>,
    name: Name,
}

impl Crowds {
    /// One more. Nothing is counted where there is no limit: one that a reload brings counts those who come after it.
    pub fn enter(self: &Arc<Self>, name: Name, limits: CrowdLimits, now: Instant) -> Result<Option<Place>, Crowded> {
        if limits.is_off() {
            return Ok(None);
        }
        self.crowds.lock().entry(name.clone()).or_default().enter(limits, now)?;
        Ok(Some(Place { crowds: Arc::clone(self), name }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut crowds = self.crowds.crowds.lock();
        if let Some(crowd) = crowds.get_mut(&self.name) {
            crowd.leave();
        }
        let now = Instant::now();
        crowds.retain(|_, crowd| !crowd.is_forgettable(now));
    }
}
