//! Which server answers a read: may a replica, and which one.

use crate::logic::topology::{Health, ReplicaSettings, Server};
use crate::logic::written::Freshness;

/// May this replica answer a read that needs this? What is not known of it counts against it.
pub fn may_answer(replica: &Server, limits: &ReplicaSettings, needed: Freshness) -> bool {
    let is_up = matches!(replica.health, Health::Up | Health::Suspect);
    let is_close = replica.lag.is_some_and(|lag| lag.time <= limits.max_lag && lag.bytes <= limits.max_lag_bytes);
    let has_replayed = needed == Freshness::Any || replica.trail.last().is_some_and(|it| needed.is_met_by(it.position));
    is_up && is_close && has_replayed
}

/// A replica that may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its share of the reads
    pub weight: u32,
    /// Connections to it that are lent now
    pub lent: u32,
    /// It stands in our zone
    pub is_near: bool,
}

/// Does a server stand where the proxy does?
pub fn is_near(replica: &Server, limits: &ReplicaSettings) -> bool {
    limits.zone.is_some() && replica.zone == limits.zone
}

/// They take turns, as many as their weight; but who is as busy already, for its weight, as another would be with this read
/// too has to wait. While there are some in our zone, the others wait for them to fail. One without weight is not chosen.
pub fn choose(candidates: &[Candidate], turn: usize) -> Option<usize> {
    let is_some_near = candidates.iter().any(|candidate| candidate.is_near && candidate.weight > 0);
    let may_be = |candidate: &Candidate| candidate.weight > 0 && (candidate.is_near || !is_some_near);
    let all = || candidates.iter().enumerate().filter(|(_, candidate)| may_be(candidate));
    let is_free = |one: &Candidate| {
        let is_less_busy = |other: &Candidate| {
            u64::from(one.lent) * u64::from(other.weight) < u64::from(other.lent + 1) * u64::from(one.weight)
        };
        all().all(|(_, other)| is_less_busy(other))
    };
    let free = || all().filter(|(_, candidate)| is_free(candidate));
    let turns: usize = free().map(|(_, candidate)| candidate.weight as usize).sum();
    let mut left = turn.checked_rem(turns)?;
    let mut in_turn = free().skip_while(|(_, candidate)| {
        let is_past = left >= candidate.weight as usize;
        left = left.saturating_sub(candidate.weight as usize);
        is_past
    });
    in_turn.next().map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::logic::picture;
    use crate::logic::topology::Lag;
    use crate::logic::wal::{Position, Sample};

    fn replica(health: Health, lag: Option<(u64, u64)>, lsn: Option<u64>) -> Server {
        let shard = picture::of_ports("app", &[(1, &[2])]).databases["app"].shards[0].clone();
        let lag = lag.map(|(bytes, seconds)| Lag { bytes, time: Duration::from_secs(seconds) });
        let sample = |lsn| Sample { at: Instant::now(), position: Position { timeline: 1, lsn } };
        Server { health, lag, trail: lsn.map(sample).into_iter().collect(), ..Server::clone(&shard.replicas[0]) }
    }

    #[test]
    fn who_may_answer() {
        let limits = picture::of_ports("app", &[]).databases["app"].replicas.clone();
        let (up, none, at) = (Health::Up, Freshness::Any, Freshness::At(Position { timeline: 1, lsn: 100 }));
        let cases = [
            ("fresh", replica(up, Some((0, 0)), Some(100)), none, true),
            ("and has what was written", replica(up, Some((0, 0)), Some(100)), at, true),
            ("has not replayed it", replica(up, Some((0, 0)), Some(99)), at, false),
            ("nobody knows where it stands", replica(up, Some((0, 0)), None), at, false),
            ("only the primary has it", replica(up, Some((0, 0)), Some(900)), Freshness::Newest, false),
            ("missed a probe", replica(Health::Suspect, Some((0, 0)), Some(100)), at, true),
            ("down", replica(Health::Down, Some((0, 0)), Some(100)), none, false),
            ("not probed yet", replica(Health::Unknown, Some((0, 0)), Some(100)), none, false),
            ("of unknown lag", replica(up, None, Some(100)), none, false),
            ("too many bytes behind", replica(up, Some((1 << 30, 0)), Some(100)), none, false),
            ("too long behind", replica(up, Some((0, 11)), Some(100)), none, false),
        ];
        for (name, server, needed, expected) in cases {
            assert_eq!(may_answer(&server, &limits, needed), expected, "{name}");
        }
    }

    #[test]
    fn the_least_busy_by_its_weight_and_in_turn() {
        let of = |all: &[(u32, u32)]| -> Vec<Candidate> {
            all.iter().map(|&(weight, lent)| Candidate { weight, lent, is_near: false }).collect()
        };
        let chosen = |all: &[(u32, u32)]| choose(&of(all), 0);
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[(1, 5), (1, 4)]), Some(1));
        assert_eq!(chosen(&[(2, 5), (1, 4)]), Some(0), "twice the weight bears twice the load");
        assert_eq!(chosen(&[(0, 0), (1, 99)]), Some(1), "without weight only in reserve");
        assert_eq!(chosen(&[(0, 0)]), None);
        let turns: Vec<_> = (0..4).map(|turn| choose(&of(&[(1, 0), (1, 0)]), turn)).collect();
        assert_eq!(turns, [Some(0), Some(1), Some(0), Some(1)]);
        let turns: Vec<_> = (0..6).filter_map(|turn| choose(&of(&[(2, 0), (0, 0), (3, 0), (1, 0)]), turn)).collect();
        assert_eq!(turns, [0, 0, 2, 2, 2, 3], "shares of idle ones too");
        let turns: Vec<_> = (0..4).filter_map(|turn| choose(&of(&[(3, 1), (1, 0)]), turn)).collect();
        assert_eq!(
            turns,
            [0, 0, 0, 1],
            "a light one that is idle does not come before a heavy one that is hardly busy"
        );
        assert_eq!(choose(&of(&[(3, 3), (1, 0)]), 0), Some(1));
        assert_eq!(choose(&of(&[(1, 1), (1, 0)]), 0), Some(1), "an idle one before its equal");
    }

    /// So many clients ask without a pause, and answers take as long on one server as on another; shares in percent.
    fn shares(weights: &[u32], clients: usize) -> Vec<u32> {
        const READS: u32 = 4000;
        let mut all: Vec<_> = weights.iter().map(|&weight| Candidate { weight, lent: 0, is_near: false }).collect();
        let (mut counts, mut under_way) = (vec![0; weights.len()], Vec::new());
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..READS {
            if under_way.len() == clients {
                let done: usize = under_way.swap_remove(rng.random_range(0..clients));
                all[done].lent -= 1;
            }
            let chosen = choose(&all, rng.random::<u32>() as usize).unwrap();
            all[chosen].lent += 1;
            counts[chosen] += 1;
            under_way.push(chosen);
        }
        counts.iter().map(|count| count * 100 / READS).collect()
    }

    #[test]
    fn however_few_ask_shares_are_as_the_weights() {
        for weights in [&[3, 1][..], &[1, 1], &[1, 3, 9], &[2, 3, 5], &[1, 99]] {
            let sum: u32 = weights.iter().sum();
            for clients in [1, 2, 4, 16] {
                let found = shares(weights, clients);
                let is_close = |(share, weight): (&u32, &u32)| share.abs_diff(weight * 100 / sum) <= 8;
                assert!(found.iter().zip(weights).all(is_close), "{weights:?}, {clients} clients: {found:?}");
            }
        }
    }

    #[test]
    fn our_zone_comes_first() {
        let candidate = |weight, lent, is_near| Candidate { weight, lent, is_near };
        let near = [candidate(1, 0, false), candidate(1, 9, true), candidate(1, 8, true)];
        assert_eq!(choose(&near, 0), Some(2), "however busy");
        assert_eq!(
            choose(&[candidate(1, 5, false), candidate(0, 0, true)], 0),
            Some(0),
            "none that may be chosen is near"
        );
        let zoned = |zone: Option<&str>| Server { zone: zone.map(Into::into), ..replica(Health::Up, None, None) };
        let mut limits = picture::of_ports("app", &[]).databases["app"].replicas.clone();
        assert!(!is_near(&zoned(None), &limits), "nobody says where we are");
        limits.zone = Some("west".into());
        assert_eq!([Some("west"), Some("east"), None].map(|zone| is_near(&zoned(zone), &limits)), [true, false, false]);
    }
}
