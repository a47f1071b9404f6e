//! Who holds a connection, who waits, what to open or close: the pool of one server and user.
//!
//! Promise: never more than `size` (and `reserve`) connections, waiters served in turn, nothing lent that
//! has outlived its time. `C` is a connection, `W` a way to hand one to who waits.
//!
//! ```text
//!            ask ──→ idle? ─yes→ lent ──give back──→ waiter? ─yes→ lent
//!                      │no                              │no
//!                    waiting ──opened──→ lent          idle ──too old──→ closed
//! ```

use std::fmt;
use std::time::{Duration, Instant};

use crate::logic::queue::Queue;
use crate::logic::topology::PoolSettings;

/// The pool of one server and user.
#[derive(Debug)]
pub struct Pool<C, W> {
    settings: PoolSettings,
    idle: Vec<Idle<C>>,
    waiting: Queue<W>,
    lent: u32,
    opening: u32,
    fault: Option<(Instant, Why)>,
    is_closed: bool,
    /// Nothing is kept until it is resumed, and nothing lent or opened but for who holds other servers
    is_paused: bool,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Instant,
    expires: Instant,
}

/// What the shell has to do.
#[derive(Debug)]
pub enum Effect<C, W> {
    /// Hand the connection over; when nobody takes it, give it back
    Lend(W, C),
    /// Open one more; answer with `opened` or `failed`
    Open,
    /// Close it
    Close(C),
    /// Tell who waits that nothing will come
    Fail(W, Why),
}

/// Why no connection comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The server was not reached, or what came was no login
    Unreachable(String),
    /// It said no, in its own words
    Refused {
        /// As the server said
        sqlstate: Box<str>,
        /// As the server said
        message: String,
    },
}

impl Why {
    /// Who waits may go on waiting.
    fn will_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => false,
            Self::Refused { sqlstate, .. } => **sqlstate == *STARTING,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(cause) => out.write_str(cause),
            Self::Refused { sqlstate, message } => write!(out, "{sqlstate}: {message}"),
        }
    }
}

/// Answer to an `ask`.
#[derive(Debug)]
pub enum Asked {
    /// It waits under this ticket
    Waits(u64),
    /// Too many wait already
    Full,
    /// The last attempt failed a moment ago, for this reason
    Refused(Why),
}

/// A connection that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry(pub Instant);

/// A server that starts, or recovers, will be there in a moment (PostgreSQL: cannot_connect_now).
const STARTING: &str = "57P03";

impl<C, W> Pool<C, W> {
    /// An empty pool.
    pub fn new(settings: PoolSettings) -> Self {
        Self {
            settings,
            idle: Vec::new(),
            waiting: Queue::default(),
            lent: 0,
            opening: 0,
            fault: None,
            is_closed: false,
            is_paused: false,
        }
    }

    /// Its settings.
    pub fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    /// New settings after a reload; they hold from the next event on.
    pub fn set_settings(&mut self, settings: PoolSettings) {
        self.settings = settings;
    }

    /// Connections lent, idle, being opened; clients waiting.
    pub fn counts(&self) -> Counts {
        Counts {
            lent: self.lent,
            idle: self.idle.len() as u32,
            opening: self.opening,
            waiting: self.waiting.len() as u32,
        }
    }

    /// The connections that are not lent.
    pub fn idle(&self) -> impl Iterator<Item = &C> {
        self.idle.iter().map(|idle| &idle.connection)
    }

    /// How long the first in the queue has waited.
    pub fn longest_wait(&self, now: Instant) -> Duration {
        self.waiting.longest_wait(now)
    }

    /// An idle connection at once, unless somebody waits: the last used first, so that the rest can be let go.
    pub fn take(&mut self) -> Option<C> {
        if !self.waiting.is_empty() || self.is_paused {
            return None;
        }
        let idle = self.idle.pop()?;
        self.lent += 1;
        Some(idle.connection)
    }

    /// A user asks for a connection when `take` had none. `holds`: the client has other servers meanwhile, so that others may
    /// wait for it.
    pub fn ask(&mut self, (user, holds): (&str, bool), who: W, now: Instant, effects: &mut Vec<Effect<C, W>>) -> Asked {
        let is_owed = self.is_paused && holds;
        if self.waiting.len() >= self.settings.waiters_max as usize && !is_owed {
            return Asked::Full;
        }
        if let Some((_, why)) = &self.fault
            && self.has_just_failed(now)
            && !why.will_pass()
            && self.lent + self.idle.len() as u32 == 0
        {
            return Asked::Refused(why.clone());
        }
        let ticket = self.waiting.push(user, who, holds, now);
        self.serve(effects);
        self.open_for_waiters(now, effects);
        Asked::Waits(ticket)
    }

    /// Who waited under this ticket has gone.
    pub fn give_up(&mut self, ticket: u64) {
        self.waiting.remove(ticket);
    }

    /// A connection was opened.
    pub fn opened(&mut self, connection: C, expiry: Expiry, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        self.opening -= 1;
        self.fault = None;
        self.settle(connection, expiry, now, effects);
    }

    /// It could not be opened. With no other connection alive, nobody who waits has anything to wait for, unless the server
    /// is only starting.
    pub fn failed(&mut self, why: Why, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        self.opening -= 1;
        if self.lent + self.idle.len() as u32 + self.opening == 0 && !why.will_pass() {
            effects.extend(self.waiting.take_all().map(|who| Effect::Fail(who, why.clone())));
        }
        self.fault = Some((now, why));
    }

    /// It is not opened now: there is no room for it.
    pub fn deferred(&mut self) {
        self.opening -= 1;
    }

    /// There is room now. Is one more wanted still?
    pub fn open_one(&mut self, now: Instant) -> bool {
        let mut effects = Vec::new();
        self.open_for_waiters(now, &mut effects);
        // As many as are wanted: the others ask for themselves.
        self.opening -= (effects.len() as u32).saturating_sub(1);
        !effects.is_empty()
    }

    /// Since when the first in the queue has waited.
    pub fn waiting_since(&self, now: Instant) -> Option<Instant> {
        if self.waiting.is_empty() { None } else { now.checked_sub(self.longest_wait(now)) }
    }

    /// Since when its longest unused connection has been so.
    pub fn unused_since(&self) -> Option<Instant> {
        self.idle.first().map(|idle| idle.since)
    }

    /// Closes that one.
    pub fn close_unused(&mut self, effects: &mut Vec<Effect<C, W>>) {
        if !self.idle.is_empty() {
            effects.push(Effect::Close(self.idle.remove(0).connection));
        }
    }

    /// A clean connection comes back.
    pub fn give_back(&mut self, connection: C, expiry: Expiry, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        self.lent -= 1;
        self.settle(connection, expiry, now, effects);
    }

    /// A lent connection was thrown away.
    pub fn lost(&mut self, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        self.lent -= 1;
        self.open_for_waiters(now, effects);
    }

    /// Time has passed: closes what is too old or unused, opens what is missing.
    pub fn tick(&mut self, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        let min = self.settings.min;
        let mut total = self.total();
        let idle_timeout = self.settings.idle_timeout;
        let mut at = 0;
        while at < self.idle.len() {
            let idle = &self.idle[at];
            let is_unused = !idle_timeout.is_zero() && now.saturating_duration_since(idle.since) >= idle_timeout;
            if now >= idle.expires || (is_unused && total > min) || total > self.limit(now) {
                effects.push(Effect::Close(self.idle.remove(at).connection));
                total -= 1;
            } else {
                at += 1;
            }
        }
        if !self.is_closed && !self.is_paused && !self.has_just_failed(now) {
            while self.total() < min.min(self.settings.size) {
                self.opening += 1;
                effects.push(Effect::Open);
            }
        }
        self.open_for_waiters(now, effects);
    }

    /// Connections that are out of date are closed: idle ones now, lent ones say so when they come back.
    pub fn retire(&mut self, is_old: impl Fn(&C) -> bool, effects: &mut Vec<Effect<C, W>>) {
        effects.extend(
            self.idle.extract_if(.., |idle| is_old(&idle.connection)).map(|idle| Effect::Close(idle.connection)),
        );
    }

    /// No more connections: closes the idle ones, fails those who wait; lent ones are closed as they come back.
    pub fn close(&mut self, why: &str, effects: &mut Vec<Effect<C, W>>) {
        self.is_closed = true;
        effects.extend(self.idle.drain(..).map(|idle| Effect::Close(idle.connection)));
        effects.extend(self.waiting.take_all().map(|who| Effect::Fail(who, Why::Unreachable(why.to_owned()))));
    }

    /// Nothing is lent any more until `resume`: those who ask wait. Idle connections close, lent ones as they come back. Who
    /// holds other servers is served still: a transaction may need one more to come to its end.
    pub fn pause(&mut self, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        self.is_paused = true;
        self.close_idle(effects);
        self.open_for_waiters(now, effects);
    }

    /// Those who wait are served again.
    pub fn resume(&mut self, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        self.is_paused = false;
        self.open_for_waiters(now, effects);
    }

    /// Closes what is not lent.
    pub fn close_idle(&mut self, effects: &mut Vec<Effect<C, W>>) {
        effects.extend(self.idle.drain(..).map(|idle| Effect::Close(idle.connection)));
    }

    /// Nothing is lent, opening or idle any more.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// The server is not tried again yet.
    fn has_just_failed(&self, now: Instant) -> bool {
        let retry = self.settings.login_retry;
        self.fault.as_ref().is_some_and(|(at, _)| now.saturating_duration_since(*at) < retry)
    }

    fn total(&self) -> u32 {
        self.lent + self.opening + self.idle.len() as u32
    }

    /// `size`, and the reserve once somebody has waited for `reserve_timeout`. Transactions that hold a server here and wait
    /// for one there may wait for each other: those that have waited for a while get connections of their own, as many again
    /// as `size` at most.
    fn limit(&self, now: Instant) -> u32 {
        let is_stuck = self.waiting.longest_holding(now) >= HOLDING_PATIENCE;
        let for_holding = if is_stuck { (self.waiting.holding() as u32).min(self.settings.size) } else { 0 };
        let is_pressed = self.settings.reserve > 0
            && !self.waiting.is_empty()
            && self.longest_wait(now) >= self.settings.reserve_timeout;
        self.settings.size + for_holding + if is_pressed { self.settings.reserve } else { 0 }
    }

    fn settle(&mut self, connection: C, expiry: Expiry, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        let is_owed = self.waiting.holding() > 0;
        let is_above = self.total() >= self.settings.size + self.settings.reserve && !is_owed;
        let is_wanted = !self.is_paused || is_owed;
        if self.is_closed || !is_wanted || now >= expiry.0 || is_above {
            effects.push(Effect::Close(connection));
            self.open_for_waiters(now, effects);
            return;
        }
        self.idle.push(Idle { connection, since: now, expires: expiry.0 });
        self.serve(effects);
    }

    fn serve(&mut self, effects: &mut Vec<Effect<C, W>>) {
        while self.wanted() > 0
            && let Some(idle) = self.idle.pop()
            && let Some(who) = self.next()
        {
            self.lent += 1;
            effects.push(Effect::Lend(who, idle.connection));
        }
    }

    /// Who holds other servers comes first: others may wait for these.
    fn next(&mut self) -> Option<W> {
        let holding = self.waiting.pop_holding();
        if self.is_paused { holding } else { holding.or_else(|| self.waiting.pop()) }
    }

    /// So many may be served now.
    fn wanted(&self) -> usize {
        if self.is_paused { self.waiting.holding() } else { self.waiting.len() }
    }

    fn open_for_waiters(&mut self, now: Instant, effects: &mut Vec<Effect<C, W>>) {
        if self.is_closed || self.has_just_failed(now) {
            return;
        }
        let wanted = self.wanted();
        while (self.opening as usize) < wanted && self.total() < self.limit(now) {
            self.opening += 1;
            effects.push(Effect::Open);
        }
    }
}

/// A transaction that has servers waits for another one as long as this before the pool grows for it.
const HOLDING_PATIENCE: Duration = Duration::from_millis(200);

/// How a pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Held by sessions
    pub lent: u32,
    /// Ready
    pub idle: u32,
    /// Logging in
    pub opening: u32,
    /// Clients in the queue
    pub waiting: u32,
}

#[cfg(test)]
mod tests;
