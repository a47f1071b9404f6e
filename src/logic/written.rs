//! What a session has written, and so must find again wherever it reads: per shard a place in the WAL that a replica
//! must have replayed.
//!
//! Nobody is asked for that place when a transaction ends. What the primary says of itself at the next look, or at any
//! later one, is behind everything that was written before: until then the primary answers.
//!
//! ```text
//!  write ends      the monitor asks: 0/500      the replica says: 0/500
//! ─────●────────────────────●──────────────────────────●───────────────→
//!        only the primary     who has replayed 0/500     the replica too
//! ```

use std::time::Instant;

use smallvec::SmallVec;

use crate::logic::shards::{ShardId, ShardMap};
use crate::logic::wal::{Position, Sample};

/// What a reader must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Anything will do
    Any,
    /// What has been written up to here, on this timeline
    At(Position),
    /// More than any replica is known to have
    Newest,
    /// What a primary has written that is newer than the one we know
    Ahead(Position),
}

impl Freshness {
    /// Has a server that stands here what is needed?
    pub fn is_met_by(self, replayed: Position) -> bool {
        match self {
            Self::Any => true,
            Self::At(needed) => replayed.timeline == needed.timeline && replayed.lsn >= needed.lsn,
            Self::Newest | Self::Ahead(_) => false,
        }
    }

    /// The stronger of two needs.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, other) | (other, Self::Any) => other,
            (Self::Ahead(one), Self::Ahead(other)) => Self::Ahead(one.max(other)),
            (ahead @ Self::Ahead(_), _) | (_, ahead @ Self::Ahead(_)) => ahead,
            (Self::Newest, _) | (_, Self::Newest) => Self::Newest,
            (Self::At(one), Self::At(other)) => Self::At(one.max(other)),
        }
    }
}

/// A need of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// All that was written before this moment
    Before(Instant),
    /// All up to here
    Upto(Position),
}

/// What one session has written, by shard.
#[derive(Debug, Clone, Default)]
pub struct Written {
    needs: SmallVec<[(ShardId, Need); 2]>,
}

impl Written {
    /// Nothing so far.
    pub fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// A transaction that has written on this shard was over at `at`.
    pub fn note(&mut self, shard: ShardId, at: Instant) {
        self.set(shard, Need::Before(at));
    }

    /// Everything that was written on this shard before now lies before `position`.
    pub fn settle(&mut self, shard: ShardId, position: Position) {
        self.set(shard, Need::Upto(position));
    }

    fn set(&mut self, shard: ShardId, need: Need) {
        match self.needs.iter_mut().find(|(of, _)| *of == shard) {
            Some((_, old)) => *old = need,
            None => self.needs.push((shard, need)),
        }
    }

    /// The shards written on.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> {
        self.needs.iter().map(|(shard, _)| *shard)
    }

    /// Another map holds: what was written on one shard may have been carried to any other, before `at`.
    pub fn spread(&mut self, shards: usize, at: Instant) {
        if !self.is_empty() {
            self.needs = (0..shards).map(|shard| (ShardId(shard as u16), Need::Before(at))).collect();
        }
    }

    /// What must be found on a shard whose primary left this trail.
    pub fn freshness(&self, shard: ShardId, trail: &[Sample]) -> Freshness {
        let need = self.needs.iter().find(|(of, _)| *of == shard);
        need.map_or(Freshness::Any, |(_, need)| need.freshness(trail))
    }

    /// Keeps the first samples that settle what is needed: later ones would ask for what others have written since.
    pub fn look<'t>(&mut self, trail_of: impl Fn(ShardId) -> &'t [Sample]) {
        for (shard, need) in &mut self.needs {
            *need = need.settled(trail_of(*shard));
        }
    }
}

impl Need {
    /// Once the trail tells where that is: that place.
    pub fn settled(self, trail: &[Sample]) -> Self {
        if let Freshness::At(position) = self.freshness(trail) { Self::Upto(position) } else { self }
    }

    /// What must be found on a shard whose primary left this trail.
    pub fn freshness(self, trail: &[Sample]) -> Freshness {
        match self {
            Self::Upto(position) => at(position, trail),
            Self::Before(end) => match trail.iter().find(|sample| sample.at >= end) {
                Some(sample) => Freshness::At(sample.position),
                None => Freshness::Newest,
            },
        }
    }
}

/// The need for a position where the primary has left this trail, all of one timeline. While nothing is known of a primary,
/// replicas of the same timeline may have it.
pub fn at(position: Position, trail: &[Sample]) -> Freshness {
    let Some(Sample { position: oldest, .. }) = trail.first() else { return Freshness::At(position) };
    match position.timeline.cmp(&oldest.timeline) {
        std::cmp::Ordering::Equal => Freshness::At(position),
        // What has been kept of an earlier timeline lies before the beginning of this one.
        std::cmp::Ordering::Less => Freshness::At(*oldest),
        std::cmp::Ordering::Greater => Freshness::Ahead(position),
    }
}

/// Positions that a client may present in another session: `a=1:0/16B3748,b=1:0/500`.
pub fn show(positions: &[(ShardId, Position)], map: &ShardMap) -> String {
    let named = |(shard, position): &(ShardId, Position)| format!("{}={position}", map.shards[usize::from(shard.0)]);
    positions.iter().map(named).collect::<Vec<_>>().join(",")
}

/// Reads what `show` writes; the error is the part that is wrong.
pub fn parse<'t>(text: &'t str, map: &ShardMap) -> Result<SmallVec<[(ShardId, Position); 4]>, &'t str> {
    let part = |part: &'t str| {
        let (name, position) = part.trim().rsplit_once('=').ok_or(part)?;
        Ok((map.shard_named(name).ok_or(part)?, Position::parse(position).ok_or(part)?))
    };
    text.split(',').filter(|part| !part.trim().is_empty()).map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::logic::picture;

    const A: ShardId = ShardId(0);
    const B: ShardId = ShardId(1);

    fn position(timeline: u32, lsn: u64) -> Position {
        Position { timeline, lsn }
    }

    /// A primary asked at these seconds.
    fn trail(start: Instant, samples: &[(u64, u32, u64)]) -> Vec<Sample> {
        let sample = |&(at, timeline, lsn): &(u64, u32, u64)| Sample {
            at: start + Duration::from_secs(at),
            position: position(timeline, lsn),
        };
        samples.iter().map(sample).collect()
    }

    #[test]
    fn the_first_look_after_a_write_tells_what_is_needed() {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        /// Name, second of the write, second and place of each look, what is needed.
        type Case = (&'static str, u64, &'static [(u64, u32, u64)], Freshness);
        let cases: &[Case] = &[
            ("never asked", 3, &[], Freshness::Newest),
            ("not asked since", 3, &[(0, 1, 100), (2, 1, 200)], Freshness::Newest),
            ("asked at that moment", 2, &[(0, 1, 100), (2, 1, 200)], Freshness::At(position(1, 200))),
            ("the first is enough", 1, &[(0, 1, 100), (2, 1, 200), (4, 1, 300)], Freshness::At(position(1, 200))),
            ("long ago", 1, &[(20, 1, 900), (22, 1, 950)], Freshness::At(position(1, 900))),
            ("another primary since", 1, &[(20, 2, 150)], Freshness::At(position(2, 150))),
        ];
        for (name, written, samples, expected) in cases {
            let mut session = Written::default();
            session.note(A, second(*written));
            assert_eq!(session.freshness(A, &trail(start, samples)), *expected, "{name}");
            assert_eq!(session.freshness(B, &trail(start, samples)), Freshness::Any, "{name}: another shard");
        }
    }

    #[test]
    fn what_is_settled_does_not_grow_until_the_next_write() {
        let start = Instant::now();
        let mut session = Written::default();
        session.note(A, start);
        let first = trail(start, &[(1, 1, 100)]);
        session.look(|_| &first);
        let later = trail(start, &[(5, 1, 500), (6, 1, 600)]);
        assert_eq!(session.freshness(A, &later), Freshness::At(position(1, 100)));
        session.note(A, start + Duration::from_secs(6));
        assert_eq!(session.freshness(A, &later), Freshness::At(position(1, 600)));
    }

    #[test]
    fn a_promotion_starts_over() {
        let start = Instant::now();
        let mut session = Written::default();
        session.settle(A, position(1, 900));
        let now = trail(start, &[(1, 2, 700), (2, 2, 800)]);
        assert_eq!(session.freshness(A, &now), Freshness::At(position(2, 700)), "what was kept lies before");
        assert_eq!(session.freshness(A, &[]), Freshness::At(position(1, 900)), "no primary is known");
        session.settle(A, position(3, 10));
        assert_eq!(session.freshness(A, &now), Freshness::Ahead(position(3, 10)), "we are late to hear of a promotion");
    }

    #[test]
    fn who_meets_a_need() {
        let at = Freshness::At(position(2, 100));
        let cases =
            [(position(2, 100), true), (position(2, 99), false), (position(1, 500), false), (position(3, 500), false)];
        for (replayed, expected) in cases {
            assert_eq!(at.is_met_by(replayed), expected, "{replayed}");
        }
        assert!(Freshness::Any.is_met_by(position(1, 0)));
        assert!(!Freshness::Newest.is_met_by(position(9, 9)));
        assert!(!Freshness::Ahead(position(1, 1)).is_met_by(position(9, 9)));
        let more = Freshness::At(position(2, 300));
        assert_eq!((at.and(more), at.and(Freshness::Any), at.and(Freshness::Newest)), (more, at, Freshness::Newest));
    }

    #[test]
    fn a_changed_map_may_have_carried_rows_anywhere() {
        let start = Instant::now();
        let mut session = Written::default();
        session.spread(2, start);
        assert!(session.is_empty(), "who has written nothing needs nothing");
        session.settle(A, position(1, 100));
        session.spread(2, start + Duration::from_secs(9));
        for shard in [A, B] {
            assert_eq!(session.freshness(shard, &trail(start, &[(8, 1, 800)])), Freshness::Newest);
            assert_eq!(
                session.freshness(shard, &trail(start, &[(8, 1, 800), (9, 1, 900)])),
                Freshness::At(position(1, 900))
            );
        }
    }

    #[test]
    fn tokens_are_read_as_they_are_shown() {
        let map = picture::of_ports("app", &[(1, &[]), (2, &[])]).databases["app"].map.clone();
        let all = [(A, position(1, 0x16B_3748)), (B, position(4, 1 << 32))];
        let text = show(&all, &map);
        assert_eq!(text, "a=1:0/16B3748,b=4:1/0");
        assert_eq!(parse(&text, &map).as_deref(), Ok(&all[..]));
        assert_eq!(parse("", &map).as_deref(), Ok(&[][..]));
        assert_eq!(parse("a=1:0/1, b=1:0/2", &map).map(|it| it.len()), Ok(2));
        for wrong in ["x=1:0/1", "a", "a=1", "a=1:0/1;b=1:0/2"] {
            assert_eq!(parse(wrong, &map), Err(wrong));
        }
    }
}
