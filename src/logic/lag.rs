//! How far is a replica behind? Compared by WAL positions first and by time only when positions differ: the age of
//! the last replayed transaction grows on an idle primary too.
//!
//! What comes out is an upper bound of what a reader on the replica may miss; what cannot be bounded is unknown.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::logic::topology::Lag;

/// Samples kept: at one every two seconds, some two minutes.
const SAMPLES_MAX: usize = 64;

/// Where the primary of one shard stood, lately. Written by the primary's monitor, read by those of its replicas.
#[derive(Debug, Default)]
pub struct Positions {
    samples: VecDeque<(Instant, u64)>,
}

impl Positions {
    /// The primary's WAL position as it was at `at` or later (take the time before asking).
    pub fn note(&mut self, lsn: u64, at: Instant) {
        if self.samples.back().is_some_and(|&(_, last)| lsn < last) {
            // Another server took the primary's place, or it was restored: the old positions mean nothing now.
            self.samples.clear();
        }
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back((at, lsn));
    }

    /// Lag of a replica that has replayed up to `replayed`, `None` when it cannot be told. `commit_age` is the age of the
    /// last commit it replayed. A primary silent for longer than `silence_max` may have moved on: its silence counts as lag.
    pub fn lag(&self, replayed: u64, commit_age: Option<Duration>, now: Instant, silence_max: Duration) -> Option<Lag> {
        let &(newest_at, newest) = self.samples.back()?;
        let bytes = newest.saturating_sub(replayed);
        let silence = now.saturating_duration_since(newest_at);
        if bytes == 0 {
            let time = if silence > silence_max { silence } else { Duration::ZERO };
            return Some(Lag { bytes, time });
        }
        // The replica has all that the primary had when it stood where the replica stands now.
        let passed = self.samples.iter().rev().find(|(_, lsn)| *lsn <= replayed);
        let behind = passed.map(|(at, _)| now.saturating_duration_since(*at));
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

    /// A primary that stood at 100, 200, 300 after 0, 2, 4 seconds.
    fn primary(start: Instant) -> Positions {
        let mut positions = Positions::default();
        for (at, lsn) in [(0, 100), (2, 200), (4, 300)] {
            positions.note(lsn, start + seconds(at));
        }
        positions
    }

    #[test]
    fn bytes_first_time_second() {
        let start = Instant::now();
        let cases: &[(&str, u64, Option<u64>, u64, Option<(u64, u64)>)] = &[
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
            let lag = primary(start).lag(replayed, age.map(seconds), start + seconds(now), SILENCE_MAX);
            assert_eq!(lag, expected.map(|(bytes, time)| Lag { bytes, time: seconds(time) }), "{name}");
        }
    }

    #[test]
    fn without_a_primary_nothing_is_known() {
        assert_eq!(Positions::default().lag(300, Some(Duration::ZERO), Instant::now(), SILENCE_MAX), None);
    }

    #[test]
    fn a_primary_that_went_back_starts_over() {
        let start = Instant::now();
        let mut positions = primary(start);
        positions.note(150, start + seconds(5));
        let lag = positions.lag(120, None, start + seconds(5), SILENCE_MAX);
        assert_eq!(lag, None, "the samples before do not count");
    }

    #[test]
    fn samples_are_bounded() {
        let (mut positions, start) = (Positions::default(), Instant::now());
        (0..1000).for_each(|n| positions.note(n, start));
        assert_eq!(positions.samples.len(), SAMPLES_MAX);
    }
}
