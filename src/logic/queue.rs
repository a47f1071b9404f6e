//! Who waits for a connection. Users take turns, so that one with many clients does not starve one with few; the clients
//! of a user are served in the order they came.
//!
//! ```text
//! asked: a1 a2 a3 b1 a4      served: a1 b1 a2 a3 a4
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The queue of one pool. `W` is a way to hand a connection to who waits.
#[derive(Debug)]
pub struct Queue<W> {
    /// In the order of their turns; none is empty
    lines: VecDeque<Line<W>>,
    length: usize,
    /// How many of them hold other servers
    holding: usize,
    next_ticket: u64,
}

/// The clients of one user.
#[derive(Debug)]
struct Line<W> {
    user: Box<str>,
    waiting: VecDeque<Waiting<W>>,
}

#[derive(Debug)]
struct Waiting<W> {
    ticket: u64,
    /// It holds other servers meanwhile
    holds: bool,
    who: W,
    since: Instant,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self { lines: VecDeque::new(), length: 0, holding: 0, next_ticket: 0 }
    }
}

impl<W> Queue<W> {
    /// One more; gives its ticket.
    pub fn push(&mut self, user: &str, who: W, holds: bool, now: Instant) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.length += 1;
        self.holding += usize::from(holds);
        let waiting = Waiting { ticket, holds, who, since: now };
        match self.lines.iter_mut().find(|line| *line.user == *user) {
            Some(line) => line.waiting.push_back(waiting),
            None => self.lines.push_back(Line { user: user.into(), waiting: VecDeque::from([waiting]) }),
        }
        ticket
    }

    /// Whose turn it is.
    pub fn pop(&mut self) -> Option<W> {
        let mut line = self.lines.pop_front()?;
        let first = line.waiting.pop_front()?;
        if !line.waiting.is_empty() {
            self.lines.push_back(line);
        }
        self.length -= 1;
        self.holding -= usize::from(first.holds);
        Some(first.who)
    }

    /// The first that holds other servers.
    pub fn pop_holding(&mut self) -> Option<W> {
        if self.holding == 0 {
            return None;
        }
        let first = |line: &Line<W>| line.waiting.iter().position(|waiting| waiting.holds);
        let (line, place) = self.lines.iter().enumerate().find_map(|(index, line)| Some((index, first(line)?)))?;
        let found = self.lines[line].waiting.remove(place)?;
        if self.lines[line].waiting.is_empty() {
            self.lines.remove(line);
        }
        self.length -= 1;
        self.holding -= 1;
        Some(found.who)
    }

    /// How many wait that hold other servers.
    pub fn holding(&self) -> usize {
        self.holding
    }

    /// How long the first of these has waited.
    pub fn longest_holding(&self, now: Instant) -> Duration {
        if self.holding == 0 {
            return Duration::ZERO;
        }
        let firsts = self.lines.iter().filter_map(|line| line.waiting.iter().find(|waiting| waiting.holds));
        firsts.map(|first| now.saturating_duration_since(first.since)).max().unwrap_or_default()
    }

    /// Who waited under this ticket has gone.
    pub fn remove(&mut self, ticket: u64) {
        for line in &mut self.lines {
            let before = line.waiting.len();
            let is_it = |waiting: &Waiting<W>| waiting.ticket == ticket;
            self.holding -= line.waiting.iter().filter(|waiting| is_it(waiting) && waiting.holds).count();
            line.waiting.retain(|waiting| !is_it(waiting));
            self.length -= before - line.waiting.len();
        }
        self.lines.retain(|line| !line.waiting.is_empty());
    }

    /// All of them; the queue is empty then.
    pub fn take_all(&mut self) -> impl Iterator<Item = W> + use<'_, W> {
        std::iter::from_fn(|| self.pop())
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How long the first of them has waited.
    pub fn longest_wait(&self, now: Instant) -> Duration {
        let firsts = self.lines.iter().filter_map(|line| line.waiting.front());
        firsts.map(|first| now.saturating_duration_since(first.since)).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_take_turns_and_each_keeps_its_order() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for (user, who) in [("a", 1), ("a", 2), ("a", 3), ("b", 11), ("c", 21), ("b", 12)] {
            queue.push(user, who, false, now);
        }
        assert_eq!(queue.len(), 6);
        assert_eq!(queue.take_all().collect::<Vec<_>>(), [1, 11, 21, 2, 12, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn who_holds_servers_may_be_served_before_the_others() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for (user, who, holds) in [("a", 1, false), ("a", 2, true), ("b", 11, true), ("c", 21, false)] {
            queue.push(user, who, holds, now);
        }
        assert_eq!(
            (queue.holding(), queue.pop_holding(), queue.pop_holding(), queue.pop_holding()),
            (2, Some(2), Some(11), None)
        );
        assert_eq!((queue.len(), queue.pop(), queue.pop(), queue.pop()), (2, Some(1), Some(21), None));
    }

    #[test]
    fn who_has_gone_leaves_nothing_behind() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let first = queue.push("a", 1, false, now);
        queue.push("b", 2, false, now + Duration::from_secs(1));
        assert_eq!(queue.longest_wait(now + Duration::from_secs(5)), Duration::from_secs(5));
        queue.remove(first);
        queue.remove(first);
        assert_eq!(queue.longest_wait(now + Duration::from_secs(5)), Duration::from_secs(4));
        assert_eq!((queue.len(), queue.pop(), queue.pop()), (1, Some(2), None));
    }
}
