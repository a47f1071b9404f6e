//! How many clients a database or a user has, and how fast they come.

use std::time::{Duration, Instant};

/// What is allowed; zero is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrowdLimits {
    /// Clients at once
    pub clients: u32,
    /// Logins in a second
    pub logins_per_second: u32,
}

impl CrowdLimits {
    /// Everything is allowed.
    pub fn is_off(self) -> bool {
        self.clients == 0 && self.logins_per_second == 0
    }
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// Too many are here
    Clients,
    /// Too many come at once
    Logins,
}

/// Those who are here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crowd {
    clients: u32,
    /// When the logins so far have used up their share of time: it may lie a second ahead
    spent_until: Option<Instant>,
}

/// So many logins may come at once as are allowed in this time.
const BURST: Duration = Duration::from_secs(1);

impl Crowd {
    /// One more, if it may come in.
    pub fn enter(&mut self, limits: CrowdLimits, now: Instant) -> Result<(), Crowded> {
        if limits.clients > 0 && self.clients >= limits.clients {
            return Err(Crowded::Clients);
        }
        if limits.logins_per_second > 0 {
            let spent_until = self.spent_until.unwrap_or(now).max(now) + BURST / limits.logins_per_second;
            if spent_until > now + BURST {
                return Err(Crowded::Logins);
            }
            self.spent_until = Some(spent_until);
        }
        self.clients += 1;
        Ok(())
    }

    /// One has left.
    pub fn leave(&mut self) {
        self.clients -= 1;
    }

    /// Nothing has to be remembered.
    pub fn is_forgettable(&self, now: Instant) -> bool {
        self.clients == 0 && self.spent_until.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_no_more() {
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        let limits = CrowdLimits { clients: 2, logins_per_second: 0 };
        assert_eq!(crowd.enter(limits, now), Ok(()));
        assert_eq!(crowd.enter(limits, now), Ok(()));
        assert_eq!(crowd.enter(limits, now), Err(Crowded::Clients));
        crowd.leave();
        assert_eq!(crowd.enter(limits, now), Ok(()));
    }

    #[test]
    fn logins_come_in_a_burst_and_then_at_their_rate() {
        let (mut crowd, mut now) = (Crowd::default(), Instant::now());
        let limits = CrowdLimits { clients: 0, logins_per_second: 4 };
        let mut come = |now| (0..10).filter(|_| crowd.enter(limits, now).is_ok()).count();
        assert_eq!(come(now), 4);
        now += Duration::from_millis(250);
        assert_eq!(come(now), 1);
        now += Duration::from_secs(60);
        assert_eq!(come(now), 4);
    }

    #[test]
    fn what_has_left_and_rested_is_forgotten() {
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        crowd.enter(CrowdLimits { clients: 0, logins_per_second: 1 }, now).unwrap();
        crowd.leave();
        assert!(!crowd.is_forgettable(now));
        assert!(crowd.is_forgettable(now + BURST));
    }
}
