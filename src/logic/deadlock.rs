//! Deadlocks over several shards: each shard sees only who waits for whom on it, and no circle.
//!
//! ```text
//! shard a:  5 ──waits for──→ 6        5 and 9 are one session, 6 and 8 another:
//! shard b:  8 ──waits for──→ 9        5,9 ──→ 6,8 ──→ 5,9
//! ```
//!
//! Shards are asked one after the other, so a circle may be put together of waits that never were at the same time. A
//! wait counts once it was seen by two looks in a row: whoever still runs the same statement has let go of nothing.

use std::collections::{BTreeSet, HashMap};

/// A server process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    /// On which shard
    pub shard: Box<str>,
    /// Its number there
    pub pid: i32,
}

/// A session that waits for a statement inside a transaction over several shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Which wait of which session of which proxy
    pub name: Name,
    /// When its transaction began, in microseconds: the youngest is given up
    pub started: i64,
    /// The processes that its transaction is on
    pub processes: Vec<Process>,
}

/// What tells one wait from another, over all proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Drawn by each proxy when it starts
    pub proxy: i64,
    /// The session's number in its proxy
    pub session: i64,
    /// The proxy counts waits: another statement is another wait
    pub wait: i64,
}

/// One process waits for a lock that another holds, or asked for earlier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// On which shard
    pub shard: Box<str>,
    /// Who waits
    pub waiter: i32,
    /// For whom
    pub blocker: i32,
}

/// Sessions that wait for each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// Whose transaction is to be aborted
    pub victim: Name,
    /// Who waits for whom, for people
    pub detail: String,
}

/// What one look has shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Certain
    pub deadlocks: Vec<Deadlock>,
    /// There may be another: look again soon
    pub is_suspicious: bool,
}

/// Who waits: a session that is known, or a process that belongs to none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Node {
    Party(Name),
    Other(Process),
}

type Edge = (Node, Node, Wait);

/// Remembers the waits of the last look.
#[derive(Debug, Default)]
pub struct Detector {
    before: BTreeSet<Edge>,
}

impl Detector {
    /// Takes in what all proxies and shards said.
    pub fn look(&mut self, parties: &[Party], waits: &[Wait]) -> Found {
        let edges = edges(parties, waits);
        let lasting: BTreeSet<Edge> = edges.intersection(&self.before).cloned().collect();
        let started: HashMap<Name, i64> = parties.iter().map(|party| (party.name, party.started)).collect();
        let deadlocks = circles(lasting, &started);
        let told: Vec<Name> = deadlocks.iter().map(|deadlock| deadlock.victim).collect();
        let rest = without(edges.clone(), |name| told.contains(&name));
        self.before = edges;
        Found { deadlocks, is_suspicious: !circles(rest, &started).is_empty() }
    }

    /// Nobody waits any more.
    pub fn forget(&mut self) {
        self.before.clear();
    }
}

fn edges(parties: &[Party], waits: &[Wait]) -> BTreeSet<Edge> {
    let named = parties.iter().flat_map(|party| party.processes.iter().map(|process| (process, party.name)));
    let owners: HashMap<&Process, Name> = named.collect();
    let node = |wait: &Wait, pid: i32| {
        let process = Process { shard: wait.shard.clone(), pid };
        owners.get(&process).map_or(Node::Other(process), |name| Node::Party(*name))
    };
    let edge = |wait: &Wait| (node(wait, wait.waiter), node(wait, wait.blocker), wait.clone());
    waits.iter().map(edge).filter(|(from, to, _)| from != to).collect()
}

fn without(mut edges: BTreeSet<Edge>, is_out: impl Fn(Name) -> bool) -> BTreeSet<Edge> {
    let is_out = |node: &Node| matches!(node, Node::Party(name) if is_out(*name));
    edges.retain(|(from, to, _)| !is_out(from) && !is_out(to));
    edges
}

/// One deadlock for each circle over several shards, until none is left. A circle on one shard is that server's to break.
fn circles(mut edges: BTreeSet<Edge>, started: &HashMap<Name, i64>) -> Vec<Deadlock> {
    let mut found = Vec::new();
    while let Some(circle) = circle(&edges) {
        let is_local = circle.iter().all(|(_, _, wait)| wait.shard == circle[0].2.shard);
        let parties = circle.iter().filter_map(|(from, _, _)| match from {
            Node::Party(name) => Some(*name),
            Node::Other(_) => None,
        });
        match parties.max_by_key(|name| (started.get(name).copied(), *name)) {
            Some(victim) if !is_local => {
                found.push(Deadlock { victim, detail: detail(&circle) });
                edges = without(edges, |name| name == victim);
            }
            Some(_) | None => drop(edges.remove(&circle[0])),
        }
    }
    found
}

/// Any circle, as the edges along it.
fn circle(edges: &BTreeSet<Edge>) -> Option<Vec<Edge>> {
    let mut leaving: HashMap<&Node, Vec<&Edge>> = HashMap::new();
    for edge in edges {
        leaving.entry(&edge.0).or_default().push(edge);
    }
    let mut is_done: HashMap<&Node, bool> = HashMap::new();
    for (start, _, _) in edges {
        // A path from `start`: each step with the number of edges that were tried from where it leads.
        let mut path: Vec<&Edge> = Vec::new();
        let mut tried: Vec<usize> = vec![0];
        is_done.entry(start).or_insert(false);
        while let Some(next) = tried.last_mut() {
            let here = path.last().map_or(start, |(_, to, _)| to);
            let edge =
                leaving.get(here).and_then(|edges| edges.get(*next)).filter(|_| is_done.get(here) != Some(&true));
            *next += 1;
            let Some(edge) = edge else {
                is_done.insert(here, true);
                tried.pop();
                path.pop();
                continue;
            };
            match is_done.get(&edge.1) {
                Some(true) => (),
                Some(false) => {
                    let from = path.iter().position(|(from, _, _)| *from == edge.1).unwrap_or(path.len());
                    return Some(path[from..].iter().copied().chain([*edge]).cloned().collect());
                }
                None => {
                    is_done.insert(&edge.1, false);
                    path.push(edge);
                    tried.push(0);
                }
            }
        }
    }
    None
}

fn detail(circle: &[Edge]) -> String {
    let lines = circle.iter().map(|(_, _, wait)| {
        format!("On shard \"{}\" process {} waits for process {}.", wait.shard, wait.waiter, wait.blocker)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `session started: shard/pid …`
    fn parties(text: &str) -> Vec<Party> {
        let party = |line: &str| {
            let mut words = line.split_whitespace();
            let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a number");
            let (session, started) = (number(), number());
            let processes = words.map(|word| {
                let (shard, pid) = word.split_once('/').expect("shard/pid");
                Process { shard: shard.into(), pid: pid.parse().expect("a number") }
            });
            Party { name: Name { proxy: 1, session, wait: session * 10 }, started, processes: processes.collect() }
        };
        text.split(';').map(party).collect()
    }

    /// `shard/waiter>blocker …`
    fn waits(text: &str) -> Vec<Wait> {
        let wait = |word: &str| {
            let (shard, pids) = word.split_once('/').expect("shard/…");
            let (waiter, blocker) = pids.split_once('>').expect("waiter>blocker");
            let pid = |text: &str| text.parse().expect("a number");
            Wait { shard: shard.into(), waiter: pid(waiter), blocker: pid(blocker) }
        };
        text.split_whitespace().map(wait).collect()
    }

    /// The sessions that two looks at the same find to be given up.
    fn victims(sessions: &str, locks: &str) -> Vec<i64> {
        let (parties, waits) = (parties(sessions), waits(locks));
        let mut detector = Detector::default();
        let first = detector.look(&parties, &waits);
        assert_eq!(first.deadlocks, [], "one look is not enough");
        let second = detector.look(&parties, &waits);
        assert_eq!(first.is_suspicious, !second.deadlocks.is_empty(), "what is suspected is found");
        assert!(!second.is_suspicious, "nothing is left");
        second.deadlocks.into_iter().map(|deadlock| deadlock.victim.session).collect()
    }

    #[test]
    fn the_youngest_of_a_circle_is_given_up() {
        let cases = [
            ("two in opposite order", "1 100 a/5 b/9; 2 200 a/6 b/8", "a/5>6 b/8>9", vec![2]),
            ("the other is the youngest", "1 300 a/5 b/9; 2 200 a/6 b/8", "a/5>6 b/8>9", vec![1]),
            ("as old: the later session", "1 100 a/5 b/9; 2 100 a/6 b/8", "a/5>6 b/8>9", vec![2]),
            ("three in a ring", "1 1 a/1 b/1; 2 2 b/2 c/2; 3 3 c/3 a/3", "b/1>2 c/2>3 a/3>1", vec![3]),
            ("through a process that is nobody's", "1 1 a/1 b/1; 2 2 a/2 b/2", "a/1>7 a/7>2 b/2>1", vec![2]),
            (
                "two circles apart",
                "1 1 a/1 b/1; 2 2 a/2 b/2; 3 3 a/3 b/3; 4 4 a/4 b/4",
                "a/1>2 b/2>1 a/3>4 b/4>3",
                vec![2, 4],
            ),
            (
                "two circles that one victim breaks",
                "1 1 a/1 b/1; 2 2 a/2 b/2; 3 9 a/3 b/3",
                "a/1>3 b/3>1 a/2>3 b/3>2",
                vec![3],
            ),
            ("a plain wait", "1 1 a/1 b/1; 2 2 a/2 b/2", "a/1>2", vec![]),
            ("a queue", "1 1 a/1 b/1; 2 2 a/2 b/2; 3 3 a/3 b/3", "a/1>2 a/3>2 a/3>1 b/1>2", vec![]),
            ("a circle on one shard is that server's", "1 1 a/1 b/1; 2 2 a/2 b/2", "a/1>2 a/2>1", vec![]),
            ("the same numbers on other shards", "1 1 a/1 b/2; 2 2 a/3 b/4", "a/1>3 b/1>2", vec![]),
            ("a local circle beside one over shards", "1 1 a/1 b/1; 2 2 a/2 b/2", "a/7>8 a/8>7 a/1>2 b/2>1", vec![2]),
        ];
        for (what, sessions, locks, expected) in cases {
            assert_eq!(victims(sessions, locks), expected, "{what}");
        }
    }

    #[test]
    fn waits_that_were_not_there_twice_prove_nothing() {
        let parties = parties("1 1 a/1 b/1; 2 2 a/2 b/2");
        let mut detector = Detector::default();
        assert!(!detector.look(&parties, &waits("a/1>2")).is_suspicious);
        assert_eq!(detector.look(&parties, &waits("a/1>2 b/2>1")), Found { deadlocks: vec![], is_suspicious: true });
        assert_eq!(detector.look(&parties, &waits("b/2>1")), Found::default(), "the other has gone on");
    }

    #[test]
    fn another_statement_of_the_same_session_is_another_wait() {
        let mut now = parties("1 1 a/1 b/1; 2 2 a/2 b/2");
        let circle = waits("a/1>2 b/2>1");
        let mut detector = Detector::default();
        assert!(detector.look(&now, &circle).is_suspicious);
        now[0].name.wait += 1;
        assert_eq!(detector.look(&now, &circle), Found { deadlocks: vec![], is_suspicious: true });
        assert_eq!(detector.look(&now, &circle).deadlocks.len(), 1);
    }

    #[test]
    fn the_detail_names_the_shards() {
        let (parties, waits) = (parties("1 1 a/5 b/9; 2 2 a/6 b/8"), waits("a/5>6 b/8>9"));
        let mut detector = Detector::default();
        detector.look(&parties, &waits);
        let detail = &detector.look(&parties, &waits).deadlocks[0].detail;
        assert_eq!(
            detail,
            "On shard \"a\" process 5 waits for process 6.\nOn shard \"b\" process 8 waits for process 9."
        );
    }
}
