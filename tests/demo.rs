//! `shardway demo`, as a newcomer runs it: it says where statements went, works as shown, and leaves nothing behind.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use shardway::app::demo::lab::{Lab, run};
use shardway::app::demo::postgres::is_ready;

/// A place for temporary folders that must be empty in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("shardway-{name}-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    /// The demonstration, with few rows.
    fn demo(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shardway"));
        command.args(["demo", "--rows", "3000", "--seconds", "1"]).args(more).env("TMPDIR", &self.0);
        command.stdin(Stdio::null());
        command
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Ends with the test, also with one that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Its reaper cleans up after it.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The statements that the table counts for a role, over all shards.
fn statements(table: &str, role: &str) -> Vec<u64> {
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.filter(|words| words.get(1) == Some(&role)).map(|words| words[2].parse().unwrap()).collect()
}

#[test]
fn one_round_shows_what_went_where() {
    let temporary = Temporary::new("demo-once");
    let output = temporary.demo(&["--once"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!shown.contains("failed"), "{shown}");
    for role in ["primary", "replica"] {
        let counts = statements(&shown, role);
        assert!(counts.len() == 3 && counts.iter().sum::<u64>() > 0, "{role}: {shown}");
    }
    assert!(temporary.is_empty(), "{:?}", temporary.0);
}

#[test]
fn what_it_invites_to_works_and_signals_end_it() {
    for signal in ["-INT", "-TERM"] {
        let temporary = Temporary::new(&format!("demo{signal}"));
        let child = temporary.demo(&[]).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut demo = Running(child);
        let mut words = BufReader::new(demo.0.stdout.take().unwrap());
        let invitation = until(&mut words, "Ctrl-C stops everything");

        let url = between(&invitation, "psql \"", "\"");
        let lab = Lab::new("try").unwrap();
        let mut psql = lab.program("psql");
        psql.args(["-XqAt", &url, "-c", "SELECT count(*) > 0 FROM events WHERE client_id = 1"]);
        assert_eq!(run(&mut psql).unwrap().trim(), "t");
        let metrics = between(&invitation, "http://127.0.0.1:", "/metrics");
        assert!(is_ready(metrics.parse().unwrap()));
        let map = between(&invitation, "route -c ", " ");
        let mut route = Command::new(env!("CARGO_BIN_EXE_shardway"));
        let routed = run(route.args(["route", "-c", &map, "SELECT * FROM events WHERE client_id = 42"])).unwrap();
        assert!(routed.contains("shard    c"), "{routed}");
        let mut check = Command::new(env!("CARGO_BIN_EXE_shardway"));
        let checked = run(check.args(["check", "--live", &map])).unwrap();
        assert!(checked.contains(": ok") && !checked.contains("warning"), "{checked}");

        end(&mut demo.0, signal);
        let mut rest = String::new();
        words.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("nothing is left behind"), "{signal}: {rest}");
        assert!(temporary.is_empty(), "{signal}: {:?}", temporary.0);
    }
}

fn until(words: &mut impl BufRead, mark: &str) -> String {
    let mut text = String::new();
    while !text.contains(mark) {
        assert!(words.read_line(&mut text).unwrap() > 0, "it ended after:\n{text}");
    }
    text
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in\n{text}"));
    rest.split_once(after).unwrap().0.to_owned()
}

fn end(demo: &mut Child, signal: &str) {
    run(Command::new("kill").arg(signal).arg(demo.id().to_string())).unwrap();
    assert!(demo.wait().unwrap().success(), "{signal}");
}
