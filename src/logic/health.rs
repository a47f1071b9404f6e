//! Is a server up? Decided from probes, with patience both ways: one lost probe is not an outage, and one lucky
//! probe is not a recovery. An outage is noticed within `interval + failures_to_down × (timeout + interval / 4)`.

use std::time::{Duration, Instant};

use crate::logic::topology::Health;

/// How servers are probed, and how much patience there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSettings {
    /// From one probe to the next, when all is well
    pub interval: Duration,
    /// A probe without an answer by then has failed (connecting included)
    pub timeout: Duration,
    /// Failed probes in a row until a server is down
    pub failures_to_down: u32,
    /// Good probes in a row until a server that was down is up
    pub successes_to_up: u32,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            failures_to_down: 3,
            successes_to_up: 2,
        }
    }
}

impl HealthSettings {
    /// Between probes while in doubt: a quarter of the interval.
    fn interval_in_doubt(&self) -> Duration {
        self.interval / 4
    }
}

/// Where a server stands.
///
/// ```text
///              ok                    failed                failed × failures_to_down in a row
/// Unknown ───────────→ Up ─────────────────────→ Suspect ─────────────────────────────────────→ Down
///    │                 ↑ ↑                        │  ↑                                            │
///    │                 │ └─────────── ok ─────────┘  │                                            │
///    └──── failed ─────┼─────────────────────────────┘                                            │
///                      └──────────────────── ok × successes_to_up in a row ───────────────────────┘
///
/// any ─misplaced→ Down                 a server found in the wrong role is not given a second chance
/// Up ──late→ Suspect ──late→ Suspect    a probe that a busy server has no time for is no failure
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not probed yet
    Unknown,
    /// The last probe was good
    Up,
    /// The last probes failed, but not enough of them, or were late
    Suspect {
        /// Failed in a row
        failures: u32,
    },
    /// Out of use
    Down {
        /// Good in a row since
        successes: u32,
    },
}

impl State {
    /// What the topology tells sessions.
    pub fn health(self) -> Health {
        match self {
            Self::Unknown => Health::Unknown,
            Self::Up => Health::Up,
            Self::Suspect { .. } => Health::Suspect,
            Self::Down { .. } => Health::Down,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A probe was answered, by a server in the role it is configured for
    Answered,
    /// A probe failed: refused, timed out, broken off
    Failed,
    /// A probe was not answered in time by a server that has answered sessions meanwhile: busy, and alive
    Late,
    /// A probe was answered by a server in another role than configured: it takes no part
    Misplaced,
    /// A session could not connect, or lost its connection: worth a look
    Reported,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Probe at this time, instead of whenever the next probe was due
    ProbeAt(Instant),
    /// Tell the others
    Changed {
        /// Stood here
        from: Health,
        /// Stands here now
        to: Health,
    },
}

/// The machine of one server.
#[derive(Debug)]
pub struct Machine {
    settings: HealthSettings,
    state: State,
    last_result: Option<Instant>,
}

impl Machine {
    /// Nothing is known yet; the first probe is due at once.
    pub fn new(settings: HealthSettings) -> Self {
        Self { settings, state: State::Unknown, last_result: None }
    }

    /// Takes up where an earlier machine stood (after a reload).
    pub fn resume(settings: HealthSettings, health: Health) -> Self {
        let state = match health {
            Health::Unknown => State::Unknown,
            Health::Up => State::Up,
            Health::Suspect => State::Suspect { failures: 1 },
            Health::Down => State::Down { successes: 0 },
        };
        Self { settings, state, last_result: None }
    }

    /// Where the server stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one event.
    pub fn on(&mut self, event: Event, now: Instant, effects: &mut Vec<Effect>) {
        let from = self.state.health();
        match event {
            Event::Answered => self.state = self.after_success(),
            Event::Failed => self.state = self.after_failure(),
            Event::Late => self.state = self.after_delay(),
            Event::Misplaced => self.state = State::Down { successes: 0 },
            Event::Reported => return effects.push(Effect::ProbeAt(self.soonest(now))),
        }
        self.last_result = Some(now);
        let to = self.state.health();
        if from != to {
            effects.push(Effect::Changed { from, to });
        }
        effects.push(Effect::ProbeAt(now + self.pause(event)));
    }

    fn after_success(&self) -> State {
        match self.state {
            State::Unknown | State::Up | State::Suspect { .. } => State::Up,
            State::Down { successes } if successes + 1 >= self.settings.successes_to_up => State::Up,
            State::Down { successes } => State::Down { successes: successes + 1 },
        }
    }

    fn after_failure(&self) -> State {
        let failures = match self.state {
            State::Unknown | State::Up => 1,
            State::Suspect { failures } => failures + 1,
            State::Down { .. } => return State::Down { successes: 0 },
        };
        if failures >= self.settings.failures_to_down {
            State::Down { successes: 0 }
        } else {
            State::Suspect { failures }
        }
    }

    /// A server that has too much to do is not helped by sending its clients away: such a probe does not count.
    fn after_delay(&self) -> State {
        match self.state {
            State::Unknown | State::Up => State::Suspect { failures: 0 },
            State::Suspect { failures } => State::Suspect { failures },
            State::Down { .. } => State::Down { successes: 0 },
        }
    }

    /// In doubt, and on the way back up, the next probe comes sooner.
    fn pause(&self, event: Event) -> Duration {
        match (self.state, event) {
            (State::Suspect { .. }, _) | (State::Down { .. }, Event::Answered) => self.settings.interval_in_doubt(),
            (State::Unknown | State::Up | State::Down { .. }, _) => self.settings.interval,
        }
    }

    /// However many sessions complain, a server is not probed more than about ten times an interval.
    fn soonest(&self, now: Instant) -> Instant {
        match self.last_result {
            Some(last) => now.max(last + self.settings.interval / 10),
            None => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Event::{Answered, Failed, Late, Misplaced};
    use Health::{Down, Suspect, Unknown, Up};

    fn machine() -> Machine {
        Machine::new(HealthSettings { interval: Duration::from_secs(4), ..HealthSettings::default() })
    }

    /// Runs `events` a second apart; gives the health after each.
    fn run(events: &[Event]) -> Vec<Health> {
        let (mut machine, start) = (machine(), Instant::now());
        let step = |(second, event): (usize, &Event)| {
            machine.on(*event, start + Duration::from_secs(second as u64), &mut Vec::new());
            machine.state().health()
        };
        events.iter().enumerate().map(step).collect()
    }

    #[test]
    fn patience_both_ways() {
        let cases: &[(&str, &[Event], &[Health])] = &[
            ("the first answer is enough at the start", &[Answered], &[Up]),
            ("one lost probe is not an outage", &[Answered, Failed, Answered], &[Up, Suspect, Up]),
            ("three in a row are", &[Answered, Failed, Failed, Failed], &[Up, Suspect, Suspect, Down]),
            (
                "a good one in between starts the count again",
                &[Failed, Failed, Answered, Failed, Failed],
                &[Suspect, Suspect, Up, Suspect, Suspect],
            ),
            (
                "one lucky probe is not a recovery",
                &[Failed, Failed, Failed, Answered, Failed, Answered, Answered],
                &[Suspect, Suspect, Down, Down, Down, Down, Up],
            ),
            (
                "a busy server is not down",
                &[Answered, Late, Late, Late, Late, Answered],
                &[Up, Suspect, Suspect, Suspect, Suspect, Up],
            ),
            (
                "what was late neither counts nor makes good",
                &[Failed, Failed, Late, Failed, Late],
                &[Suspect, Suspect, Suspect, Down, Down],
            ),
            ("the wrong role ends it at once", &[Answered, Misplaced, Answered, Answered], &[Up, Down, Down, Up]),
        ];
        for (name, events, expected) in cases {
            assert_eq!(run(events), *expected, "{name}");
        }
    }

    #[test]
    fn changes_are_told_once() {
        let (mut machine, now, mut effects) = (machine(), Instant::now(), Vec::new());
        machine.on(Answered, now, &mut effects);
        machine.on(Answered, now, &mut effects);
        let changes: Vec<_> = effects.iter().filter(|it| matches!(it, Effect::Changed { .. })).collect();
        assert_eq!(changes, [&Effect::Changed { from: Unknown, to: Up }]);
    }

    #[test]
    fn probes_come_sooner_in_doubt() {
        let (mut machine, now) = (machine(), Instant::now());
        let mut next = |event, at: Instant| {
            let mut effects = Vec::new();
            machine.on(event, at, &mut effects);
            match effects.last() {
                Some(Effect::ProbeAt(due)) => *due - at,
                other => panic!("no probe is due: {other:?}"),
            }
        };
        assert_eq!(next(Answered, now), Duration::from_secs(4));
        assert_eq!(next(Failed, now), Duration::from_secs(1));
        assert_eq!(next(Failed, now), Duration::from_secs(1));
        assert_eq!(next(Failed, now), Duration::from_secs(4), "down: no hurry");
        assert_eq!(next(Answered, now), Duration::from_secs(1), "on the way back");
    }

    #[test]
    fn reports_hasten_the_next_probe_but_not_without_end() {
        let (mut machine, now, mut effects) = (machine(), Instant::now(), Vec::new());
        machine.on(Event::Reported, now, &mut effects);
        assert_eq!(effects, [Effect::ProbeAt(now)]);
        effects.clear();
        machine.on(Answered, now, &mut effects);
        effects.clear();
        machine.on(Event::Reported, now + Duration::from_millis(1), &mut effects);
        assert_eq!(effects, [Effect::ProbeAt(now + Duration::from_millis(400))]);
        assert_eq!(machine.state(), State::Up, "a report alone decides nothing");
    }
}
