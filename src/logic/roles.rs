//! Which server of a shard is its primary, where the map leaves that to the servers (`role = "auto"`).
//!
//! Each server is asked; each says whether it takes writes, and on which timeline. The newest timeline wins, and an older one
//! never comes back: a primary that was left behind by a promotion has missed what was written since. Two servers that
//! take writes on the same timeline have each a history of their own: neither is chosen.

use crate::logic::topology::Health;

/// What one server last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Report {
    /// It was not asked yet
    #[default]
    Unasked,
    /// It does not answer
    Silent,
    /// It follows another; its timeline, where it can be seen
    Standby(Option<u32>),
    /// It takes writes, on this timeline
    Primary(u32),
}

impl Report {
    /// The timeline that it tells of.
    pub fn timeline(self) -> Option<u32> {
        match self {
            Self::Primary(timeline) | Self::Standby(Some(timeline)) => Some(timeline),
            Self::Unasked | Self::Silent | Self::Standby(None) => None,
        }
    }

    /// What a server is taken to be that has `said` something and has this health now: one lost probe changes nothing.
    pub fn now(said: Self, health: Health) -> Self {
        match health {
            Health::Up | Health::Suspect | Health::Unknown => said,
            Health::Down => Self::Silent,
        }
    }
}

/// Which one it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Some have not been asked yet
    Undecided,
    /// This one, by its place among the servers
    Primary(usize),
    /// None takes writes that has not been left behind
    Nobody,
    /// These take writes on the same timeline
    Several(Vec<usize>),
}

/// The servers of one shard.
#[derive(Debug, Clone)]
pub struct Roles {
    reports: Vec<Report>,
    /// The newest timeline that was ever seen
    newest: u32,
}

impl Roles {
    /// So many servers, none of them asked.
    pub fn new(servers: usize) -> Self {
        Self { reports: vec![Report::Unasked; servers], newest: 0 }
    }

    /// This timeline was seen before these servers were asked.
    pub fn recall(&mut self, timeline: u32) {
        self.newest = self.newest.max(timeline);
    }

    /// A server was asked. A promoted one need not wait for the others: its timeline is newer than all that was seen.
    pub fn report(&mut self, server: usize, report: Report) -> Verdict {
        let is_newest = matches!(report, Report::Primary(timeline) if timeline > self.newest && self.newest > 0);
        self.reports[server] = report;
        self.newest = self.newest.max(report.timeline().unwrap_or(0));
        if !is_newest && self.reports.contains(&Report::Unasked) {
            return Verdict::Undecided;
        }
        let is_newest = |place: &usize| self.reports[*place] == Report::Primary(self.newest);
        let found: Vec<usize> = (0..self.reports.len()).filter(is_newest).collect();
        match found.as_slice() {
            [] => Verdict::Nobody,
            [only] => Verdict::Primary(*only),
            _ => Verdict::Several(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Report::{Primary, Silent, Standby};

    /// What was said by which server, in turn; the verdict after the last.
    fn after(said: &[(usize, Report)]) -> Verdict {
        let mut roles = Roles::new(3);
        said.iter().fold(Verdict::Undecided, |_, (server, report)| roles.report(*server, *report))
    }

    #[test]
    fn the_newest_timeline_wins_and_never_two() {
        let follows = Standby(Some(1));
        let settled = [(0, Primary(1)), (1, follows), (2, follows)];
        let then = |more: &[(usize, Report)]| after(&[&settled[..], more].concat());
        assert_eq!(after(&settled[..2]), Verdict::Undecided, "the third may be newer");
        assert_eq!(then(&[]), Verdict::Primary(0));
        assert_eq!(after(&[(0, Primary(1)), (1, Silent), (2, Silent)]), Verdict::Primary(0), "nobody says otherwise");
        assert_eq!(then(&[(1, Primary(2))]), Verdict::Primary(1), "promoted while the old one lives");
        assert_eq!(then(&[(1, Primary(2)), (0, Primary(1))]), Verdict::Primary(1), "which goes on claiming");
        assert_eq!(then(&[(0, Silent)]), Verdict::Nobody, "dead, and nobody promoted yet");
        assert_eq!(then(&[(0, Silent), (2, Primary(2))]), Verdict::Primary(2));
        assert_eq!(then(&[(0, Silent), (2, Primary(2)), (0, Primary(1))]), Verdict::Primary(2), "the old one is back");
        assert_eq!(
            then(&[(2, Primary(2)), (2, Silent), (0, Primary(1))]),
            Verdict::Nobody,
            "the old one has missed writes, so it does not come back when the new one dies"
        );
        assert_eq!(then(&[(1, Primary(2)), (2, Primary(2))]), Verdict::Several(vec![1, 2]), "the same timeline twice");
        assert_eq!(then(&[(1, Primary(2)), (2, Primary(2)), (1, Standby(Some(2)))]), Verdict::Primary(2));
        assert_eq!(then(&[(1, Primary(2)), (2, Primary(3))]), Verdict::Primary(2));
        assert_eq!(then(&[(1, Standby(Some(2)))]), Verdict::Nobody, "somebody we do not know was promoted");
        assert_eq!(then(&[(1, Standby(None))]), Verdict::Primary(0), "whose timeline cannot be seen says nothing");
    }

    #[test]
    fn one_lost_probe_changes_nothing() {
        assert_eq!(Report::now(Primary(3), Health::Suspect), Primary(3));
        assert_eq!(Report::now(Primary(3), Health::Down), Silent);
    }
}
