//! The time that statements of one exchange take. Each has its own, as in PostgreSQL: it is over when the server has completed
//! it, and that of the next begins. Of those in one text the server tells late, so their times are counted together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::logic::session::pipeline::Pipeline;
use crate::proxy::session::client::{Client, UNTAKEN_MAX};

/// How long statements may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Each of them; zero: for ever
    pub each: Duration,
    /// All that are under way together
    pub all: Option<Duration>,
}

/// What is to be done when time has passed.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The statement is to be cancelled: it was allowed so long. The flag is taken back when it ends by itself
    Late(Duration, Arc<AtomicBool>),
    /// Its client takes nothing of what is there for it: it is as good as gone
    Deaf,
    /// Nothing yet
    Early,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Time {
    limits: Limits,
    begun: Instant,
    /// When the statement that runs began
    since: Instant,
    /// The numbers of those replies owed that end statements
    ends: VecDeque<u32>,
    /// Statements of a text that are not done
    left: u16,
    late: Option<Late>,
}

/// The statement that runs is late.
#[derive(Debug)]
struct Late {
    is_late: Arc<AtomicBool>,
    /// What the client had taken when it was last looked at, and when that was
    taken: u64,
    looked: Instant,
}

impl Time {
    /// Of what is owed now.
    pub fn begin(limits: Limits, pipeline: &Pipeline) -> Self {
        let now = Instant::now();
        let ends = pipeline.statement_ends().collect();
        Self { limits, begun: now, since: now, ends, left: pipeline.statements_left(), late: None }
    }

    /// The server may have completed statements: the next one has its own time. Is the alarm to be set anew?
    pub fn goes_on(&mut self, pipeline: &Pipeline) -> bool {
        let before = (self.ends.len(), self.left);
        let answered = pipeline.answered();
        while self.ends.front().is_some_and(|end| *end < answered) {
            self.ends.pop_front();
        }
        self.left = pipeline.statements_left();
        if (self.ends.len(), self.left) == before {
            return false;
        }
        self.since = Instant::now();
        let was_late = self.late.is_some();
        self.settle();
        // An alarm that rings early costs less than one that is set anew for each of many.
        was_late
    }

    /// A cancel request that has not left yet comes too late.
    pub fn settle(&mut self) {
        if let Some(late) = self.late.take() {
            late.is_late.store(false, Ordering::Release);
        }
    }

    /// When something is to be done.
    pub fn end(&self) -> Instant {
        match &self.late {
            Some(late) => late.looked + UNTAKEN_MAX,
            None => {
                let (limit, since) = self.limit();
                since + limit
            }
        }
    }

    /// What ends first, and since when it counts.
    fn limit(&self) -> (Duration, Instant) {
        let Limits { each, all } = self.limits;
        let each = each * u32::from(self.left.max(1));
        match all {
            Some(all) if each.is_zero() || self.begun + all < self.since + each => (all, self.begun),
            Some(_) | None => (each, self.since),
        }
    }

    /// Time has passed.
    pub fn verdict(&mut self, client: &Client) -> Verdict {
        let now = Instant::now();
        if now < self.end() {
            return Verdict::Early;
        }
        let (taken, looked) = (client.bytes_out, now);
        match &mut self.late {
            Some(late) if client.takes_nothing_since(late.taken) => Verdict::Deaf,
            Some(late) => {
                (late.taken, late.looked) = (taken, looked);
                Verdict::Early
            }
            None => {
                let is_late = Arc::new(AtomicBool::new(true));
                self.late = Some(Late { is_late: Arc::clone(&is_late), taken, looked });
                Verdict::Late(self.limit().0, is_late)
            }
        }
    }
}
