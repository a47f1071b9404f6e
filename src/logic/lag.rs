//! How far is a replica behind? Compared by WAL positions first and by time only when positions differ: the age of
//! the last replayed transaction grows on an idle primary too.
//!
//! What comes out is an upper bound of what a reader on the replica may miss; what cannot be bounded is unknown.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::logic::topology::Lag;
use crate::logic::wal::{Position, Sample};

/// Samples kept: at one every two seconds, some two minutes.
const SAMPLES_MAX: usize = 64;
/// The latest of them, for sessions that look what they have written by.
const TRAIL: usize = 8;

/// Where the primary of one shard stood, lately, all on one timeline. Written by the primary's monitor, read by those of
/// its replicas.
#[derive(Debug, Default)]
pub struct Positions {
    samples: VecDeque<Sample>,
}

impl Positions {
    /// The primary's WAL position as it was at `at` or later (take the time before asking).
    pub fn note(&mut self, position: Position, at: Instant) {
        let is_same = |last: &Sample| last.position.timeline == position.timeline && last.position.lsn <= position.lsn;
        if !self.samples.back().is_some_and(is_same) {
            // Another server took the primary's place, or it was restored: the old positions mean nothing now.
            self.samples.clear();
        }
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, position });
    }

    /// The latest samples, oldest first.
    pub fn trail(&self) -> Arc<[Sample]> {
        self.samples.iter().skip(self.samples.len().saturating_sub(TRAIL)).copied().collect()
    }

    /// Lag of a replica that has replayed up to `replayed`, `None` when it cannot be told: on another timeline than the
    /// primary's it may have what the primary has not. `commit_age` is the age of the last commit it replayed. A primary
    /// silent for longer than `silence_max` may have moved on: its silence counts as lag.
    pub fn lag(
        &self,
        replayed: Position,
        commit_age: Option<Duration>,
        now: Instant,
        silence_max: Duration,
    ) -> Option<Lag> {
        let newest = self.samples.back().filter(|newest| newest.position.timeline == replayed.timeline)?;
        let bytes = newest.position.lsn.saturating_sub(replayed.lsn);
        let silence = now.saturating_duration_since(newest.at);
        if bytes == 0 {
            let time = if silence > silence_max { silence } else { Duration::ZERO };
            return Some(Lag { bytes, time });
        }
        // The replica has all that the primary had when it stood where the replica stands now.
        let passed = self.samples.iter().rev().find(|sample| sample.position.lsn <= replayed.lsn);
        let behind = passed.map(|sample| now.saturating_duration_since(sample.at));
        let time = match (behind, commit_age) {
            (Some(behind), Some(age)) => behind.min(age),
            (Some(bound), None) | (None, Some(bound)) => bound,
            (None, None) => return None,
        };
        Some(Lag { bytes, time: if silence > silence_max { time.max(silence) } else { time } })
    }
}

/// What is left of a reading when the replica has been silent for `silence`: it may have stood still since.
pub fn aged(lag: Lag, silence: Duration) -> Lag {
    Lag { bytes: lag.bytes, time: lag.time + silence }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE_MAX: Duration = Duration::from_secs(5);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn on_first(lsn: u64) -> Position {
        Position { timeline: 1, lsn }
    }

    /// A primary that stood at 100, 200, 300 after 0, 2, 4 seconds.
    fn primary(start: Instant) -> Positions {
        let mut positions = Positions::default();
        for (at, lsn) in [(0, 100), (2, 200), (4, 300)] {
            positions.note(on_first(lsn), start + seconds(at));
        }
        positions
    }

    #[test]
    fn bytes_first_time_second() {
        let start = Instant::now();
        /// Replayed up to, age of the last commit, now; bytes and seconds of lag.
        type Case = (&'static str, u64, Option<u64>, u64, Option<(u64, u64)>);
        let cases: &[Case] = &[
            ("all replayed: the age of the last commit means nothing", 300, Some(3600), 5, Some((0, 0))),
            ("replica seen after the primary: ahead of the sample", 350, Some(0), 5, Some((0, 0))),
            ("behind by one sample", 250, Some(3600), 5, Some((50, 3))),
            ("the replica's own clock bounds it closer", 250, Some(1), 5, Some((50, 1))),
            ("nothing replayed since its start", 200, None, 5, Some((100, 3))),
            ("further back than the samples: by its clock", 50, Some(90), 5, Some((250, 90))),
            ("further back and no clock: unknown", 50, None, 5, None),
            ("the primary is silent: all it had is not all there is", 300, Some(0), 14, Some((0, 10))),
        ];
        for &(name, replayed, age, now, expected) in cases {
            let lag = primary(start).lag(on_first(replayed), age.map(seconds), start + seconds(now), SILENCE_MAX);
            assert_eq!(lag, expected.map(|(bytes, time)| Lag { bytes, time: seconds(time) }), "{name}");
        }
    }

    #[test]
    fn without_a_primary_nothing_is_known() {
        assert_eq!(Positions::default().lag(on_first(300), Some(Duration::ZERO), Instant::now(), SILENCE_MAX), None);
    }

    #[test]
    fn a_primary_that_went_back_starts_over() {
        let start = Instant::now();
        let mut positions = primary(start);
        positions.note(on_first(150), start + seconds(5));
        let lag = positions.lag(on_first(120), None, start + seconds(5), SILENCE_MAX);
        assert_eq!(lag, None, "the samples before do not count");
    }

    #[test]
    fn a_replica_on_another_timeline_is_not_compared() {
        let start = Instant::now();
        let mut positions = primary(start);
        let lag = |positions: &Positions, timeline, lsn| {
            positions.lag(Position { timeline, lsn }, Some(Duration::ZERO), start + seconds(5), SILENCE_MAX)
        };
        assert!(lag(&positions, 1, 300).is_some() && lag(&positions, 2, 300).is_none());
        positions.note(Position { timeline: 2, lsn: 310 }, start + seconds(5));
        assert!(lag(&positions, 1, 400).is_none(), "it follows the old primary still");
        assert_eq!(lag(&positions, 2, 310), Some(Lag { bytes: 0, time: Duration::ZERO }));
        assert_eq!(positions.trail().len(), 1);
    }

    #[test]
    fn samples_are_bounded() {
        let (mut positions, start) = (Positions::default(), Instant::now());
        (0..1000).for_each(|n| positions.note(on_first(n), start));
        assert_eq!(positions.samples.len(), SAMPLES_MAX);
        let trail: Vec<u64> = positions.trail().iter().map(|sample| sample.position.lsn).collect();
        assert_eq!(trail, (992..1000).collect::<Vec<_>>());
    }
}
