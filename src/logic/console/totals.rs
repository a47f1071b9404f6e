//! What is counted for each database, and its averages over a period, as PgBouncer counts it.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// Sums since the proxy started. Times are in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Times a server was lent to a client
    pub assignments: u64,
    /// Transactions
    pub transactions: u64,
    /// Queries; a pipeline up to its Sync is one
    pub queries: u64,
    /// Bytes from clients
    pub received: u64,
    /// Bytes to clients
    pub sent: u64,
    /// In transactions
    pub transaction_time: u64,
    /// In queries
    pub query_time: u64,
    /// Of clients, for servers
    pub wait_time: u64,
    /// Parse messages of clients
    pub client_parses: u64,
    /// Parse messages to servers
    pub server_parses: u64,
    /// Bind messages of clients
    pub binds: u64,
    /// Clients that have logged in
    pub logins: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.assignments += other.assignments;
        self.transactions += other.transactions;
        self.queries += other.queries;
        self.received += other.received;
        self.sent += other.sent;
        self.transaction_time += other.transaction_time;
        self.query_time += other.query_time;
        self.wait_time += other.wait_time;
        self.client_parses += other.client_parses;
        self.server_parses += other.server_parses;
        self.binds += other.binds;
        self.logins += other.logins;
    }
}

impl Totals {
    /// Averages between an older look and this one: a second's worth, and for times of queries and transactions one's worth.
    #[must_use]
    pub fn averages(&self, older: &Self, between: Duration) -> Self {
        let micros = between.as_micros();
        let each_second = |now: u64, before: u64| {
            let sum = u128::from(now.saturating_sub(before)) * 1_000_000;
            sum.checked_div(micros).map_or(0, |average| u64::try_from(average).unwrap_or(u64::MAX))
        };
        let each = |time: u64, time_before: u64, count: u64, before: u64| {
            time.saturating_sub(time_before).checked_div(count.saturating_sub(before)).unwrap_or(0)
        };
        Self {
            assignments: each_second(self.assignments, older.assignments),
            transactions: each_second(self.transactions, older.transactions),
            queries: each_second(self.queries, older.queries),
            received: each_second(self.received, older.received),
            sent: each_second(self.sent, older.sent),
            transaction_time: each(
                self.transaction_time,
                older.transaction_time,
                self.transactions,
                older.transactions,
            ),
            query_time: each(self.query_time, older.query_time, self.queries, older.queries),
            wait_time: each_second(self.wait_time, older.wait_time),
            client_parses: each_second(self.client_parses, older.client_parses),
            server_parses: each_second(self.server_parses, older.server_parses),
            binds: each_second(self.binds, older.binds),
            logins: each_second(self.logins, older.logins),
        }
    }
}

/// Sums by database.
pub type ByDatabase = HashMap<Box<str>, Totals>;

/// Remembers how the sums stood, so that averages are those of the last period or two.
#[derive(Debug)]
pub struct Periods {
    length: Duration,
    older: (Instant, ByDatabase),
    newer: (Instant, ByDatabase),
}

impl Periods {
    /// From the start of a proxy.
    pub fn new(length: Duration, now: Instant) -> Self {
        Self { length, older: (now, ByDatabase::new()), newer: (now, ByDatabase::new()) }
    }

    /// Time has passed: `totals` is asked when a period has ended.
    pub fn on_tick(&mut self, now: Instant, totals: impl FnOnce() -> ByDatabase) {
        if now.saturating_duration_since(self.newer.0) >= self.length {
            self.older = std::mem::replace(&mut self.newer, (now, totals()));
        }
    }

    /// The averages up to now.
    pub fn averages(&self, database: &str, totals: &Totals, now: Instant) -> Totals {
        let (since, sums) = &self.older;
        let older = sums.get(database).copied().unwrap_or_default();
        totals.averages(&older, now.saturating_duration_since(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_forget_what_lies_two_periods_back() {
        let started = Instant::now();
        let minute = Duration::from_secs(60);
        let mut periods = Periods::new(minute, started);
        let totals = |queries| Totals { queries, ..Totals::default() };
        let sums = |queries| ByDatabase::from([("app".into(), totals(queries))]);
        assert_eq!(periods.averages("app", &totals(50), started + minute / 6).queries, 5);
        periods.on_tick(started + minute, || sums(600));
        periods.on_tick(started + minute * 3 / 2, || panic!("the period has not ended"));
        assert_eq!(periods.averages("app", &totals(600), started + minute).queries, 10);
        periods.on_tick(started + 2 * minute, || sums(600));
        assert_eq!(periods.averages("app", &totals(1_200), started + 2 * minute).queries, 10);
        periods.on_tick(started + 3 * minute, || sums(600));
        assert_eq!(periods.averages("app", &totals(600), started + 3 * minute).queries, 0);
    }

    #[test]
    fn averages_are_those_of_the_time_between() {
        let older = Totals { queries: 100, query_time: 1_000, received: 50, ..Totals::default() };
        let now = Totals { queries: 700, query_time: 31_000, received: 1_250, ..Totals::default() };
        let averages = now.averages(&older, Duration::from_secs(60));
        assert_eq!((averages.queries, averages.query_time, averages.received), (10, 50, 20));
        assert_eq!(now.averages(&now, Duration::from_secs(60)), Totals::default(), "nothing happened");
        assert_eq!(now.averages(&older, Duration::ZERO).queries, 0, "no time has passed");
    }
}
