//! Random sessions, from a seed: what a client sends in simple and extended protocol, in pipelines, blocks, savepoints, cursors
//! and COPY, to one PostgreSQL and through the proxy over three shards. Both must say the same, message by message, up to the
//! first refusal.
//!
//! `SHARDWAY_SEED` (default 1) and `SHARDWAY_SESSIONS` (default 400) choose another run or a longer one, `SHARDWAY_FROM` leaves out
//! the sessions before that number. A session that differs is shortened and printed, ready to become a scenario.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::{STAGE, Stage, TURN, side_by_side};
use crate::generator::choices::Choices;
use crate::support::cluster::{Proxy, Server, World};
use crate::support::data::{self, admin};
use crate::support::script::{Ready, Send, play};
use crate::support::wire::{self, Wire};

/// Sessions at the same time.
const WORKERS: usize = 2;
/// Clients of each worker: their rows live on all three shards.
const CLIENTS: usize = 6;
/// Sessions that differ and are shown; the others are counted.
const SHOWN_MAX: usize = 10;

/// A message of a client, as text and as bytes.
#[derive(Debug, Clone)]
struct Message {
    text: String,
    bytes: Vec<u8>,
    /// ReadyForQuery follows
    is_answered: bool,
}

/// Messages that are sent together.
type Batch = Vec<Message>;

/// The rows that the sessions of one worker know of.
#[derive(Debug, Clone, Copy)]
struct Rows {
    /// The first of its clients
    client: usize,
    /// Before the first of its memos
    memo: usize,
}

impl Rows {
    fn of(worker: usize) -> Self {
        Self { client: 5001 + 100 * worker, memo: 9000 + 100 * worker }
    }

    fn clients(self) -> std::ops::Range<usize> {
        self.client..self.client + CLIENTS
    }

    /// The condition for all of its events.
    fn events(self) -> String {
        format!("client_id BETWEEN {} AND {}", self.client, self.client + CLIENTS - 1)
    }

    /// The condition for all of its memos.
    fn memos(self) -> String {
        format!("id BETWEEN {} AND {}", self.memo, self.memo + 99)
    }
}

/// What came of the sessions of a worker.
#[derive(Default)]
struct Counts {
    different: usize,
    refused: usize,
    failed: usize,
    wrong: String,
}

#[test]
fn random_sessions_are_answered_as_by_one_postgresql() {
    are_answered_alike(&STAGE, 400);
}

/// Pipelines, blocks and cursors, while replicas answer what they may.
#[test]
fn random_sessions_are_answered_as_by_one_postgresql_with_replicas() {
    are_answered_alike(&PAIRS, 100);
}

static PAIRS: LazyLock<Stage> = LazyLock::new(|| {
    let world = World::start("paired-sessions", true).unwrap();
    data::load(&world);
    let map = format!("[health]\ninterval = \"200ms\"\n{}", data::map_toml(&world));
    let proxy = Proxy::start(&world.lab, "proxy", &map).unwrap();
    Stage { world, proxy }
});

fn are_answered_alike(stage: &Stage, usual: u64) {
    let _turn = TURN.lock();
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (seed, sessions) = (number("SHARDWAY_SEED", 1), number("SHARDWAY_SESSIONS", usual) as usize);
    let from = number("SHARDWAY_FROM", 0) as usize;
    let counts = std::thread::scope(|scope| {
        let part = |worker| (from + worker..sessions).step_by(WORKERS).map(move |session| (seed, session));
        let workers: Vec<_> = (0..WORKERS).map(|it| scope.spawn(move || Sides::of(stage, it).play(part(it)))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).fold(Counts::default(), Counts::and)
    });
    let Counts { different, refused, failed, wrong } = counts;
    let report =
        format!("seed {seed}: {sessions} sessions, {different} different, {refused} refused, {failed} with an error");
    assert!(different == 0, "{report}{wrong}");
    assert!(refused * 10 <= sessions, "too many sessions are refused: {report}");
    assert!(failed * 10 >= sessions, "hardly an error: {report}");
}

impl Counts {
    fn and(mut self, other: Self) -> Self {
        let Self { different, refused, failed, wrong } = other;
        self.different += different;
        self.refused += refused;
        self.failed += failed;
        self.wrong.push_str(&wrong);
        self
    }
}

enum Verdict {
    Alike {
        /// There was an error on both sides
        fails: bool,
    },
    Refused,
    Different(String),
}

/// The oracle and the proxy, as one worker has them.
struct Sides {
    ports: [u16; 2],
    shards: Vec<u16>,
    replicas: Vec<u16>,
    /// Between two sessions they take away the rows
    cleaners: [Wire; 2],
    rows: Rows,
}

impl Sides {
    fn of(stage: &Stage, worker: usize) -> Self {
        let ports = [stage.world.oracle.port(), stage.proxy.port];
        let of = |servers: &[Server]| servers.iter().map(Server::port).collect();
        let (shards, replicas) = (of(&stage.world.shards), of(&stage.world.replicas));
        Self { ports, shards, replicas, cleaners: ports.map(enter), rows: Rows::of(worker) }
    }

    /// Plays these sessions, each known by a seed and a number.
    fn play(&mut self, sessions: impl Iterator<Item = (u64, usize)>) -> Counts {
        let mut counts = Counts::default();
        for (seed, session) in sessions {
            let mut choices = Choices::of_seed(seed.wrapping_mul(1_000_003) + session as u64);
            let mut told = Telling { choices: &mut choices, known: Vec::new(), rows: self.rows }.session();
            match self.compare(&told) {
                Verdict::Alike { fails } => counts.failed += usize::from(fails),
                Verdict::Refused => counts.refused += 1,
                Verdict::Different(_) if counts.different >= SHOWN_MAX => counts.different += 1,
                Verdict::Different(lines) => {
                    counts.different += 1;
                    let lines = self.shorten(&mut told).unwrap_or(lines);
                    counts.wrong += &format!("\n--- session {session}\n{}\n{lines}", written(&told));
                }
            }
        }
        counts
    }

    /// Plays a session on both sides, in a database without rows of its clients.
    fn compare(&mut self, told: &[Batch]) -> Verdict {
        self.clean();
        let mut sides = self.ports.map(|port| {
            let mut wire = enter(port);
            wire.set_patience(Duration::from_secs(20));
            let seen = wire.parameters.clone();
            (wire, Parameters { told: seen.clone(), seen })
        });
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        let (mut fails, mut is_failed) = (false, false);
        for batch in told {
            let bytes: Vec<u8> = batch.iter().flat_map(|message| message.bytes.clone()).collect();
            let steps = [Send(bytes), Ready(batch.iter().filter(|message| message.is_answered).count())];
            let [right, here] = sides.each_mut().map(|(wire, parameters)| parameters.alike(play(wire, &steps)));
            // A refusal is an answer too; what follows it may differ. Some sessions are too much for PostgreSQL itself.
            let refusals = |lines: &[String]| lines.iter().filter(|line| line.contains("ERROR 0A000")).count();
            if refusals(&here) > refusals(&right) || right.iter().any(|line| line.starts_with("the connection ended")) {
                return Verdict::Refused;
            }
            fails |= right.iter().any(|line| line.starts_with("Error"));
            is_failed |= right.iter().any(|line| line == "Z E");
            let goes_on = right == here || is_taken_at_bind(&right, &here);
            let is_alike = goes_on || is_failed && is_said_at_once(batch, &here);
            is_failed = right.last().is_some_and(|line| line == "Z E");
            let says = batch.iter().map(|message| format!("> {}", message.text));
            expected.extend(says.clone().chain(right));
            found.extend(says.chain(here));
            if !is_alike {
                return Verdict::Different(side_by_side(&expected, &found));
            }
            if !goes_on {
                // What stands behind it was skipped on one side.
                break;
            }
        }
        drop(sides);
        match self.left_behind() {
            Some(lines) => {
                self.close_servers();
                Verdict::Different(lines)
            }
            None => Verdict::Alike { fails },
        }
    }

    /// What the next client of the session's servers finds set.
    fn left_behind(&mut self) -> Option<String> {
        const NOTHING: [&str; 5] = ["4MB", "", "Etc/UTC", "0", "0"];
        let settings = ["work_mem", "application_name", "TimeZone", "statement_timeout"];
        let settings = settings.map(|name| format!("current_setting('{name}')")).join(", ");
        self.rows.clients().find_map(|client| {
            let sql = format!(
                "SELECT {settings}, (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM events WHERE client_id = {client})"
            );
            let found = self.cleaners[1].rows(&sql).remove(0);
            let is_clean = found.iter().zip(NOTHING).all(|(found, nothing)| found.as_deref() == Some(nothing));
            (!is_clean).then(|| format!("left behind on the server of client {client}: {found:?}"))
        })
    }

    /// Closes the connections of all pools, so that what they have does not count for another session.
    fn close_servers(&self) {
        for shard in &self.shards {
            let all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app' AND state = 'idle'";
            admin(*shard).rows(all);
        }
    }

    fn clean(&mut self) {
        let (events, memos) = (self.rows.events(), self.rows.memos());
        let all = [format!("DELETE FROM events WHERE {events}"), format!("DELETE FROM memos WHERE {memos}")];
        for (port, cleaner) in self.ports.iter().zip(&mut self.cleaners) {
            for sql in &all {
                while cleaner.simple(sql).is_err() {
                    *cleaner = enter(*port);
                }
            }
        }
        for (shard, replica) in self.shards.iter().zip(&self.replicas) {
            let written = admin(*shard).value("SELECT pg_current_wal_lsn()");
            let mut replica = admin(*replica);
            while replica.value(&format!("SELECT pg_last_wal_replay_lsn() >= '{written}'")) != "t" {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    /// Leaves out what the difference does not need, and returns it.
    fn shorten(&mut self, told: &mut Vec<Batch>) -> Option<String> {
        let mut shown = None;
        let mut shows = |told: &mut Vec<Batch>, shorter: Vec<Batch>| {
            if let Verdict::Different(lines) = self.compare(&shorter) {
                (*told, shown) = (shorter, Some(lines));
            }
        };
        for at in (0..told.len()).rev() {
            let mut shorter = told.clone();
            shorter.remove(at);
            shows(told, shorter);
        }
        for at in 0..told.len() {
            for place in (0..told[at].len().saturating_sub(1)).rev() {
                let mut shorter = told.clone();
                shorter[at].remove(place);
                shows(told, shorter);
            }
        }
        shown
    }
}

/// What a client has been told of parameters, and what of it has been looked at.
#[derive(Clone, Default)]
struct Parameters {
    told: BTreeMap<String, String>,
    seen: BTreeMap<String, String>,
}

impl Parameters {
    /// The lines of a server in one way: what it has reported of parameters by the time that it is ready. A transaction that
    /// has failed may report what it had set now, or with its end.
    fn alike(&mut self, lines: Vec<String>) -> Vec<String> {
        let mut alike = Vec::new();
        for line in lines {
            if let Some((name, value)) = line.strip_prefix("S ").and_then(|line| line.split_once("\\x00")) {
                self.told.insert(name.to_owned(), value.trim_end_matches("\\x00").to_owned());
                continue;
            }
            if line.starts_with("Z ") && line != "Z E" {
                let news = self.told.iter().filter(|(name, value)| self.seen.get(*name) != Some(value));
                alike.extend(news.map(|(name, value)| format!("S {name} {value}")));
                self.seen.clone_from(&self.told);
            }
            if line.contains("skipping cleanup for portal") {
                // Of a portal that ROLLBACK was bound to before, which is nobody's fault.
                continue;
            }
            // PostgreSQL words it by the moment.
            alike.push(line.replace("cannot be executed within a pipeline", "cannot run inside a transaction block"));
        }
        alike
    }
}

/// In a transaction that has failed PostgreSQL describes what returns no rows, counts the parameters of a Bind, and looks whether a
/// portal may be run, before it says that the transaction has failed: the proxy asks no server any more.
fn is_said_at_once(batch: &Batch, here: &[String]) -> bool {
    let asks = |message: &Message| ["Describe ", "Bind ", "Execute "].iter().any(|word| message.text.starts_with(word));
    batch.iter().any(asks) && here.iter().any(|line| line.starts_with("Error ERROR 25P02"))
}

/// That the cursor of a DECLARE is there already on another shard is said to its Bind, not to its Execute.
fn is_taken_at_bind(right: &[String], here: &[String]) -> bool {
    let at = here.iter().position(|line| line.starts_with("Error ERROR 42P03"));
    at.is_some_and(|at| right.get(at).is_some_and(|line| line == "2 ") && right.get(..at) == here.get(..at))
}

/// Waits for a server that is coming back.
fn enter(port: u16) -> Wire {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match Wire::login(port, "app", &[]) {
            Ok(wire) => return wire,
            Err(error) => assert!(Instant::now() < deadline, "no login: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn written(told: &[Batch]) -> String {
    let line = |batch: &Batch| batch.iter().map(|message| message.text.as_str()).collect::<Vec<_>>().join(" | ");
    told.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Says what a client could say.
struct Telling<'a> {
    choices: &'a mut Choices,
    /// The statements that were prepared, and whether they take a parameter
    known: Vec<(&'static str, bool)>,
    rows: Rows,
}

impl Telling<'_> {
    fn session(&mut self) -> Vec<Batch> {
        (0..3 + self.choices.below(16)).map(|_| self.batch()).collect()
    }

    fn batch(&mut self) -> Batch {
        match self.choices.below(10) {
            0..=3 => vec![self.simple()],
            4..=8 => self.group(),
            _ => {
                let mut batch = Vec::new();
                for _ in 0..1 + self.choices.below(3) {
                    match self.choices.below(3) {
                        0 => batch.push(self.simple()),
                        _ => batch.extend(self.group()),
                    }
                }
                batch
            }
        }
    }

    /// A Query of one statement or several.
    fn simple(&mut self) -> Message {
        let count = [1, 1, 1, 1, 2, 3][self.choices.below(6)];
        let sql = (0..count).map(|_| self.any(false)).collect::<Vec<_>>().join("; ");
        let copies = sql.matches("FROM STDIN").count();
        let mut message = say(format!("Query {sql}"), wire::query(&sql), true);
        for _ in 0..copies {
            self.copy_data(&mut message);
        }
        message
    }

    /// What follows COPY FROM STDIN; a server that has not begun to copy ignores it.
    fn copy_data(&mut self, message: &mut Message) {
        let rows: String =
            (0..self.choices.below(4)).map(|_| format!("{}\t{}\tc\n", self.client(), self.id())).collect();
        message.bytes.extend(wire::message(b'd', rows.as_bytes()));
        let end = match self.choices.below(5) {
            0 => wire::message(b'f', b"no more\0"),
            _ => wire::message(b'c', b""),
        };
        message.bytes.extend(end);
        message.text += &format!(" ({rows:?})");
    }

    /// Extended protocol up to Sync.
    fn group(&mut self) -> Batch {
        let mut batch = Vec::new();
        for _ in 0..1 + self.choices.below(4) {
            match self.choices.below(9) {
                0..=5 => self.run(&mut batch),
                6 => batch.push(self.execute()),
                7 => batch.push(self.other()),
                _ => batch.extend([self.bind(), self.execute_of("")]),
            }
        }
        batch.push(say("Sync".to_owned(), wire::sync(), true));
        batch
    }

    /// Parse, Bind, Describe, Execute, or less.
    fn run(&mut self, batch: &mut Batch) {
        let (mut name, mut portal) = (self.statement(), self.portal());
        let sql = self.any(true);
        if sql.ends_with("FOR UPDATE") {
            // In a READ ONLY transaction its Bind leaves a portal behind that is none.
            portal = "";
        }
        if sql.starts_with("DECLARE") {
            // No EXECUTE in SQL may name it.
            name = "";
        }
        self.known.retain(|(it, _)| *it != name);
        self.known.push((name, sql.contains("$1")));
        let parameters: Vec<String> = sql.contains("$1").then(|| self.client()).into_iter().collect();
        let bound: Vec<_> = parameters.iter().map(|value| wire::text(value)).collect();
        let format = u16::from(self.choices.one_in(4));
        if !name.is_empty() && self.choices.below(3) > 0 {
            batch.push(say(format!("Close S {name}"), wire::close(b'S', name), false));
        }
        batch.push(say(format!("Parse {name:?} {sql}"), wire::parse(name, &sql, &[]), false));
        if self.choices.one_in(4) {
            batch.push(say(format!("Describe S {name:?}"), wire::describe(b'S', name), false));
        }
        batch.push(say(
            format!("Bind {portal:?} {name:?} {parameters:?} {format}"),
            wire::bind(portal, name, &bound, format),
            false,
        ));
        if self.choices.below(2) == 0 {
            batch.push(say(format!("Describe P {portal:?}"), wire::describe(b'P', portal), false));
        }
        let mut execute = self.execute_of(portal);
        if sql.contains("FROM STDIN") {
            self.copy_data(&mut execute);
        }
        batch.push(execute);
        match self.choices.below(8) {
            0 => batch.push(self.execute_of(portal)),
            1 => batch.push(say(format!("Describe P {portal:?}"), wire::describe(b'P', portal), false)),
            _ => (),
        }
    }

    /// What the unnamed portal is after a Query, nobody asks.
    fn execute(&mut self) -> Message {
        let portal = self.choices.word(&["p", "q"]);
        self.execute_of(portal)
    }

    fn execute_of(&mut self, portal: &str) -> Message {
        let rows = [0, 0, 0, 1, 2][self.choices.below(5)];
        say(format!("Execute {portal:?} {rows}"), wire::execute(portal, rows), false)
    }

    fn bind(&mut self) -> Message {
        let (name, portal) = (self.statement(), "");
        let takes = self.known.iter().any(|(it, takes)| *it == name && *takes);
        let parameters: Vec<String> = takes.then(|| self.client()).into_iter().collect();
        let bound: Vec<_> = parameters.iter().map(|value| wire::text(value)).collect();
        say(format!("Bind {portal:?} {name:?} {parameters:?} 0"), wire::bind(portal, name, &bound, 0), false)
    }

    fn other(&mut self) -> Message {
        let (name, portal) = (self.statement(), self.choices.word(&["p", "q"]));
        match self.choices.below(5) {
            0 => say(format!("Describe S {name:?}"), wire::describe(b'S', name), false),
            1 => say(format!("Describe P {portal:?}"), wire::describe(b'P', portal), false),
            2 => say(format!("Close S {name:?}"), wire::close(b'S', name), false),
            3 => say(format!("Close P {portal:?}"), wire::close(b'P', portal), false),
            _ => say("Flush".to_owned(), wire::flush(), false),
        }
    }

    fn statement(&mut self) -> &'static str {
        self.choices.word(&["", "", "s", "t"])
    }

    fn portal(&mut self) -> &'static str {
        self.choices.word(&["", "", "p", "q"])
    }

    fn client(&mut self) -> String {
        (self.rows.client + self.choices.below(CLIENTS)).to_string()
    }

    fn id(&mut self) -> usize {
        1 + self.choices.below(4)
    }

    /// A statement. `is_bound`: a parameter may stand for a client.
    fn any(&mut self, is_bound: bool) -> String {
        match self.choices.below(20) {
            0..=5 => self.read(is_bound),
            6..=10 => self.write(is_bound),
            11..=14 => self.block(),
            15 => self.cursor(),
            16 => self.setting(),
            17 => self.prepared(),
            18 => self.mistake(),
            _ => self.copy(),
        }
    }

    fn key(&mut self, is_bound: bool) -> String {
        if is_bound && self.choices.below(2) == 0 { "$1".to_owned() } else { self.client() }
    }

    fn read(&mut self, is_bound: bool) -> String {
        let key = self.key(is_bound);
        let (all, memos, memo) = (self.rows.events(), self.rows.memos(), self.rows.memo);
        match self.choices.below(14) {
            0 | 1 => format!("SELECT id, kind FROM events WHERE client_id = {key} ORDER BY id"),
            2 | 3 => format!("SELECT client_id, id, kind FROM events WHERE {all} ORDER BY 1, 2"),
            4 => format!("SELECT count(*), sum(id) FROM events WHERE {all}"),
            5 => format!("SELECT count(*) FROM events WHERE {all} AND client_id >= {key}"),
            6 => "SELECT name FROM countries ORDER BY code LIMIT 3".to_owned(),
            7 => format!("SELECT id, note FROM memos WHERE {memos} ORDER BY id"),
            8 => "SELECT g FROM generate_series(1, 4) g ORDER BY g".to_owned(),
            9 => format!("SELECT {key}::text AS one"),
            10 => format!("SELECT id FROM events WHERE client_id = {key} ORDER BY id FOR UPDATE"),
            11 => format!(
                "SELECT e.id, c.name FROM events e CROSS JOIN (SELECT name FROM countries ORDER BY code LIMIT 1) c WHERE e.client_id = {key} ORDER BY 1"
            ),
            12 => format!(
                "SELECT e.id, m.note FROM events e LEFT JOIN memos m ON m.client_id = e.client_id AND m.id > {memo} WHERE e.{all} ORDER BY e.client_id, 1, 2"
            ),
            _ => String::new(),
        }
    }

    fn write(&mut self, is_bound: bool) -> String {
        let (key, id) = (self.key(is_bound), self.id());
        let (all, memo) = (self.rows.events(), self.rows.memo);
        match self.choices.below(12) {
            0..=2 => format!("INSERT INTO events (client_id, id, kind) VALUES ({key}, {id}, 'r')"),
            3 => {
                let (second, third) = (self.client(), self.client());
                format!(
                    "INSERT INTO events (client_id, id, kind) VALUES ({key}, {id}, 'm'), ({second}, 5, 'm'), ({third}, 6, 'm')"
                )
            }
            4 => format!(
                "INSERT INTO events (client_id, id, kind) VALUES ({key}, {id}, 'u') ON CONFLICT (client_id, id) DO UPDATE SET kind = 'v'"
            ),
            5 => format!("INSERT INTO events (client_id, id, kind) VALUES ({key}, {id}, 'r') RETURNING id, kind"),
            6 => format!("UPDATE events SET kind = kind || '+' WHERE client_id = {key}"),
            7 => format!("UPDATE events SET kind = 'all' WHERE {all}"),
            8 => format!("DELETE FROM events WHERE client_id = {key} AND id = {id}"),
            9 => format!("DELETE FROM events WHERE {all} AND id = {id}"),
            10 => format!("INSERT INTO memos (id, note, client_id) VALUES ({memo} + {id}, 'here', {key})"),
            _ => format!("DELETE FROM memos WHERE id = {memo} + {id}"),
        }
    }

    fn block(&mut self) -> String {
        let begin = [
            "BEGIN",
            "BEGIN",
            "BEGIN",
            "BEGIN ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION READ ONLY",
            "BEGIN READ WRITE",
        ];
        let save = [
            "SAVEPOINT a",
            "SAVEPOINT b",
            "ROLLBACK TO a",
            "ROLLBACK TO SAVEPOINT b",
            "RELEASE a",
            "RELEASE SAVEPOINT b",
        ];
        let rare = [
            "COMMIT AND CHAIN",
            "ROLLBACK AND CHAIN",
            "SET TRANSACTION READ ONLY",
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "ABORT",
        ];
        match self.choices.below(12) {
            0..=3 => self.choices.word(&begin),
            4 | 5 => "COMMIT",
            6 | 7 => self.choices.word(&["ROLLBACK", "END"]),
            8..=10 => self.choices.word(&save),
            _ => self.choices.word(&rare),
        }
        .to_owned()
    }

    fn cursor(&mut self) -> String {
        let name = self.choices.word(&["c", "d"]);
        match self.choices.below(8) {
            0..=3 => {
                let way = self.choices.word(&["SCROLL ", "NO SCROLL ", "BINARY SCROLL "]);
                let hold = self.choices.word(&["", "", " WITH HOLD"]);
                let query = self.read(false);
                let query = if query.is_empty() { "SELECT 1 AS one".to_owned() } else { query };
                format!("DECLARE {name} {way}CURSOR{hold} FOR {query}")
            }
            4..=6 => {
                let verb = self.choices.word(&["FETCH", "FETCH", "MOVE"]);
                let what = self.choices.word(&[
                    "1 FROM",
                    "2 FROM",
                    "ALL FROM",
                    "NEXT FROM",
                    "PRIOR FROM",
                    "0 FROM",
                    "FIRST FROM",
                    "LAST FROM",
                    "BACKWARD 2 FROM",
                ]);
                format!("{verb} {what} {name}")
            }
            _ => format!("CLOSE {}", self.choices.word(&["c", "d", "ALL"])),
        }
    }

    fn setting(&mut self) -> String {
        let name = self.choices.word(&["work_mem", "application_name", "TimeZone", "statement_timeout"]);
        let value = match name {
            "work_mem" => self.choices.word(&["'5MB'", "'6MB'", "'lots'"]),
            "application_name" => self.choices.word(&["'one'", "two"]),
            "TimeZone" => self.choices.word(&["'Asia/Tokyo'", "UTC", "'Nowhere'"]),
            _ => self.choices.word(&["'20s'", "30000"]),
        };
        match self.choices.below(8) {
            0 | 1 => format!("SET {name} = {value}"),
            2 => format!("SET LOCAL {name} = {value}"),
            3 => format!("RESET {name}"),
            4 => format!("SELECT set_config('{name}', '77777', {})", self.choices.word(&["true", "false"])),
            5 => format!("SELECT current_setting('{name}')"),
            6 => self.choices.word(&["RESET ALL", "DISCARD PLANS"]).to_owned(),
            _ => format!("SHOW {name}"),
        }
    }

    fn prepared(&mut self) -> String {
        let name = self.choices.word(&["s", "t", "x"]);
        match self.choices.below(7) {
            0..=2 => {
                let query = if self.choices.below(2) == 0 { self.read(false) } else { self.write(false) };
                let query = if query.is_empty() { "SELECT 2 AS two".to_owned() } else { query };
                format!("PREPARE {name} AS {query}")
            }
            3..=5 => format!("EXECUTE {name}"),
            _ => format!("DEALLOCATE {}", self.choices.word(&["s", "t", "x", "ALL"])),
        }
    }

    fn mistake(&mut self) -> String {
        let key = self.client();
        match self.choices.below(8) {
            0 => "SELECT 1 / count(*) AS never FROM countries WHERE code = 'XX'".to_owned(),
            1 => "SELEC 1".to_owned(),
            2 => format!("SELECT nope FROM events WHERE client_id = {key}"),
            3 => "SELECT count(*) FROM nowhere".to_owned(),
            4 => format!("SELECT 1 / (id - id) FROM events WHERE client_id = {key}"),
            5 => format!("INSERT INTO events (client_id, id, kind) VALUES ({key}, 1, NULL)"),
            6 => "SELECT 'x'::integer".to_owned(),
            _ => format!("SELECT 1 / count(*) FROM events WHERE client_id = {key}"),
        }
    }

    fn copy(&mut self) -> String {
        let key = self.client();
        match self.choices.below(4) {
            0 => format!("COPY (SELECT id, kind FROM events WHERE client_id = {key} ORDER BY id) TO STDOUT"),
            1 => "COPY (SELECT name FROM countries ORDER BY code LIMIT 2) TO STDOUT (FORMAT csv)".to_owned(),
            _ => "COPY events (client_id, id, kind) FROM STDIN".to_owned(),
        }
    }
}

fn say(text: String, bytes: Vec<u8>, is_answered: bool) -> Message {
    Message { text, bytes, is_answered }
}
