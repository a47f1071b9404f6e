//! Where the chance of a generator comes from: a seed, or the tape of an earlier run.
//!
//! Every choice is written down. Who replays a shortened tape gets a smaller statement of the same kind: the first
//! alternative of each choice is the simplest one, and a tape that has ended says 0 for ever.

/// A source of choices.
pub struct Choices {
    /// `None`: the tape alone
    state: Option<u64>,
    tape: Vec<u32>,
    at: usize,
    /// Another value in the place of each: the same statement, other literals
    pub twist: usize,
}

impl Choices {
    /// Random ones that the seed decides.
    pub fn of_seed(seed: u64) -> Self {
        Self {
            state: Some(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x9E37_79B9_7F4A_7C15),
            tape: Vec::new(),
            at: 0,
            twist: 0,
        }
    }

    /// Those of a tape.
    pub fn replay(tape: &[u32]) -> Self {
        Self { state: None, tape: tape.to_vec(), at: 0, twist: 0 }
    }

    /// What has been chosen.
    pub fn tape(&self) -> &[u32] {
        &self.tape[..self.at.min(self.tape.len())]
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        let random = match self.state.as_mut().map(next) {
            Some(random) => {
                self.tape.push(random);
                random
            }
            None => self.tape.get(self.at).copied().unwrap_or(0),
        };
        self.at += 1;
        random as usize % count.max(1)
    }

    /// Rarely true: once in `count` times.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    /// One of these values; which of them the twist changes.
    pub fn value(&mut self, from: &[&'static str]) -> &'static str {
        from[(self.below(from.len()) + self.twist) % from.len()]
    }

    /// One of these words.
    pub fn word(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u32 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 32) as u32
}

/// Looks for a shorter tape that still shows what `shows` looks for; tries at most `tries_max` of them.
pub fn shortened(tape: &[u32], tries_max: usize, mut shows: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut best = tape.to_vec();
    let mut tries = 0;
    let mut size = best.len() / 2;
    let mut attempt = |candidate: &[u32], tries: &mut usize| {
        *tries += 1;
        *tries <= tries_max && shows(candidate)
    };
    while size > 0 && tries < tries_max {
        let mut start = 0;
        let before = best.len();
        while start < best.len() && tries < tries_max {
            let mut candidate = best.clone();
            candidate.drain(start..best.len().min(start + size));
            if attempt(&candidate, &mut tries) {
                best = candidate;
            } else {
                start += size;
            }
        }
        if size > 1 || best.len() == before {
            size /= 2;
        }
    }
    for at in 0..best.len() {
        for smaller in [0, 1, 2] {
            let mut candidate = best.clone();
            candidate[at] = smaller;
            if best[at] > smaller && attempt(&candidate, &mut tries) {
                best = candidate;
                break;
            }
        }
    }
    best
}

#[test]
fn a_tape_gives_the_same_choices_again_and_can_be_shortened() {
    let mut choices = Choices::of_seed(7);
    let chosen: Vec<usize> = (0..50).map(|_| choices.below(100)).collect();
    let mut again = Choices::replay(choices.tape());
    assert_eq!((0..50).map(|_| again.below(100)).collect::<Vec<_>>(), chosen);
    assert_eq!(again.below(100), 0);
    // A statement that fails whenever some choice is 13.
    let tape: Vec<u32> = (0..100).collect();
    let shortest = shortened(&tape, 1000, |tape| tape.contains(&13));
    assert_eq!(shortest, [13]);
}
