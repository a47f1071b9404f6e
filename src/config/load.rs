//! Reads the files, checks all of them, and gives either settings or everything that is wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::control::MonitorSettings;
use crate::logic::console::role::Members;
use crate::logic::health::HealthSettings;
use crate::logic::topology::{AuthQuery, AuthSettings, PoolSettings, SessionLimits, Topology};

use super::auth;
use super::console;
use super::databases::{self, DatabaseSettings, General};
use super::limits::{
    self, HEALTH_FIELDS, LIMIT_DEFAULTS, LIMIT_FIELDS, LOG_FIELDS, LogSettings, MONITOR_FIELDS, POOL_DEFAULTS,
    POOL_FIELDS,
};
use super::listen::{self, ListenSettings};
use super::report::{Problems, Report};
use super::secret::Environment;
use super::section::Section;
use super::source::{SecretFile, Span};
use super::traces::{self, TracesSettings};
use super::tree::{self, Entry, Node, Value};
use super::users::{self, UserSettings};
use super::wildcard::{self, WildcardSettings};
use crate::proxy::peers::PeerNode;

/// Fields of the file itself.
pub const FIELDS: &[&str] = &[
    "include",
    "listen",
    "peers",
    "auth",
    "users",
    "pool",
    "limits",
    "health",
    "monitor",
    "log",
    "traces",
    "console",
    "databases",
];

/// A bigger file is not one of ours.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Everything the file says, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The front door
    pub listen: ListenSettings,
    /// Other proxies behind our address
    pub peers: Vec<PeerNode>,
    /// Who may log in
    pub users: Vec<UserSettings>,
    /// How logins are judged
    pub auth: AuthSettings,
    /// Files that passwords were read from
    pub secret_files: Vec<SecretFile>,
    /// What clients may connect to
    pub databases: Vec<DatabaseSettings>,
    /// What they may connect to besides
    pub wildcard: Option<WildcardSettings>,
    /// How servers are probed
    pub health: HealthSettings,
    /// Where the newest timelines are kept
    pub timelines: Option<PathBuf>,
    /// As whom the control plane logs in: as `[monitor]` says, or as the first user with a password for servers
    pub monitor: MonitorSettings,
    /// What is logged
    pub log: LogSettings,
    /// Who may use the console
    pub console: Members,
    /// `[pool]`: what databases have that set nothing themselves
    pub pool: PoolSettings,
    /// `[limits]`: the same
    pub limits: SessionLimits,
    /// Spans of statements
    pub traces: TracesSettings,
    /// Warnings only: errors make no settings
    pub warnings: Report,
}

impl Settings {
    /// The fleet as the file describes it: no server was asked yet.
    pub fn topology(&self) -> Topology {
        Topology {
            epoch: 0,
            map_epoch: 0,
            databases: self.databases.iter().map(|it| (it.name.clone(), Arc::new(it.database()))).collect(),
            wildcard: self.wildcard.as_ref().map(|it| Arc::new(it.wildcard())),
            users: self.users.iter().map(|it| (it.user.name.clone(), Arc::clone(&it.user))).collect(),
            auth: Arc::new(self.auth.clone()),
        }
    }
}

/// Loads the settings, with the process's environment.
pub fn load(path: &Path) -> Result<Settings, Report> {
    load_with(path, &|name| std::env::var(name).ok())
}

/// Loads the settings; `env` gives the environment variables that passwords name.
pub fn load_with(path: &Path, env: Environment<'_>) -> Result<Settings, Report> {
    load_edited(path, env, None)
}

/// A file, and what stands in its place.
type Edited<'a> = Option<(&'a Path, &'a str)>;

/// The settings as they would be if one of the files said something else.
pub fn load_edited(path: &Path, env: Environment<'_>, edited: Edited<'_>) -> Result<Settings, Report> {
    let mut problems = Problems::default();
    let settings = read_file(path, edited, &mut problems).map(|tree| {
        let tree = with_includes(tree, edited, &mut problems);
        settings(&tree, env, &mut problems)
    });
    let report = problems.report();
    match settings {
        Some(settings) if !report.is_fatal() => Ok(Settings { warnings: report, ..settings }),
        Some(_) | None => Err(report),
    }
}

/// The files and what they say, the main one first.
pub fn texts(path: &Path) -> Result<Vec<(PathBuf, String)>, Report> {
    let mut problems = Problems::default();
    if let Some(tree) = read_file(path, None, &mut problems) {
        with_includes(tree, None, &mut problems);
    }
    let texts = problems.sources.texts();
    let report = problems.report();
    if report.is_fatal() { Err(report) } else { Ok(texts) }
}

fn settings(tree: &Node, env: Environment<'_>, problems: &mut Problems) -> Settings {
    // Where syntax is broken, what is missing may only be unreadable.
    let syntax_errors = problems.errors() > 0;
    let file = Section::open(tree, FIELDS, problems);
    let listen = listen::read(file.section("listen", listen::FIELDS, problems), env, problems);
    let peers = listen::peers(file.get("peers"), &listen, problems);
    let pool = limits::pool(file.section("pool", POOL_FIELDS, problems), &POOL_DEFAULTS, problems);
    let session = limits::limits(file.section("limits", LIMIT_FIELDS, problems), &LIMIT_DEFAULTS, problems);
    let auth_section = file.section("auth", auth::FIELDS, problems);
    let list = auth_section.text("file", problems);
    let auth = auth::read(auth_section, listen.tls.as_ref(), env, problems);
    let users = if syntax_errors && file.get("users").is_none() {
        Vec::new()
    } else {
        users::read(file.get("users"), list, auth.query.is_some(), listen.tls.as_ref(), env, problems)
    };
    let auth = AuthSettings { query: auth.query.map(|query| with_password(query, &users)), ..auth };
    let known = auth.query.is_none().then_some(&users[..]);
    let general = General { pool: &pool, limits: &session, users: known, has_peers: !peers.is_empty() };
    let databases = if syntax_errors && file.get("databases").is_none() {
        Vec::new()
    } else {
        databases::read_all(file.get("databases"), general, env, problems)
    };
    let wildcard = wildcard::read(file.get("databases"), general, &auth, env, problems);
    let health = file.section("health", HEALTH_FIELDS, problems);
    let monitor = limits::monitor(file.section("monitor", MONITOR_FIELDS, problems), env, problems);
    Settings {
        console: console::read(file.section("console", console::FIELDS, problems), &users, problems),
        pool,
        limits: session,
        monitor: if monitor.user.is_some() { monitor } else { first_login(&users, auth.query.as_ref()) },
        users,
        peers,
        auth,
        secret_files: std::mem::take(&mut problems.secret_files),
        databases,
        wildcard,
        health: limits::health(health, problems),
        timelines: limits::timelines(health, problems),
        traces: traces::read(file.section("traces", traces::FIELDS, problems), problems),
        log: limits::log(file.section("log", LOG_FIELDS, problems), problems),
        listen,
        warnings: Report::default(),
    }
}

/// Who looks up users may be one of them: then its password is known.
fn with_password(query: AuthQuery, users: &[UserSettings]) -> AuthQuery {
    let user = users.iter().find(|it| it.user.name == query.user && query.password.is_none());
    AuthQuery { password: query.password.or_else(|| user?.user.server_password.clone()), ..query }
}

/// The first user who can log in to servers, else the one that looks up others, else the first at all.
fn first_login(users: &[UserSettings], query: Option<&AuthQuery>) -> MonitorSettings {
    let users = || users.iter().map(|it| &it.user);
    let able = users().find(|user| user.server_password.is_some());
    if let (None, Some(query)) = (able, query) {
        return MonitorSettings { user: Some(query.user.clone()), password: query.password.clone() };
    }
    let user = able.or_else(|| users().next());
    user.map_or_else(MonitorSettings::default, |user| MonitorSettings {
        user: Some(user.server_user.as_ref().unwrap_or(&user.name).clone()),
        password: user.server_password.clone(),
    })
}

fn read_file(path: &Path, edited: Edited<'_>, problems: &mut Problems) -> Option<Node> {
    match read_text(path, edited) {
        Ok(text) => {
            let file = problems.sources.add(path.to_owned(), text);
            Some(tree::parse(file, problems))
        }
        Err(error) => {
            problems.general(format!("cannot read {}: {error}", path.display()));
            None
        }
    }
}

fn read_text(path: &Path, edited: Edited<'_>) -> std::io::Result<String> {
    if let Some((_, text)) = edited.filter(|(edited, _)| *edited == path) {
        return Ok(text.to_owned());
    }
    if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    std::fs::read_to_string(path)
}

/// The main file's tree with those of its `include` files merged in.
fn with_includes(mut tree: Node, edited: Edited<'_>, problems: &mut Problems) -> Node {
    let files: Vec<(PathBuf, Span)> = {
        let patterns = Section::open(&tree, FIELDS, &mut Problems::default()).texts("include", problems);
        patterns.into_iter().flat_map(|(pattern, span)| matching(pattern, span, problems)).collect()
    };
    for (path, span) in files {
        let text = match read_text(&path, edited) {
            Ok(text) => text,
            Err(error) => {
                problems.error(span, format!("cannot read {}: {error}", path.display()));
                continue;
            }
        };
        let file = problems.sources.add(path, text);
        let Value::Table(more) = tree::parse(file, problems).value else { continue };
        let more = without_include(more, problems);
        if let Value::Table(entries) = &mut tree.value {
            tree::merge(entries, more, problems);
        }
    }
    tree
}

fn without_include(mut entries: Vec<Entry>, problems: &mut Problems) -> Vec<Entry> {
    entries.retain(|entry| {
        let is_include = entry.key == "include";
        if is_include {
            problems.error(entry.key_span, "an included file cannot include others");
        }
        !is_include
    });
    entries
}

/// The files that a pattern names: one `*` in the last part of the path.
fn matching(pattern: &str, span: Span, problems: &mut Problems) -> Vec<(PathBuf, Span)> {
    let full = problems.sources.folder(span.file).join(pattern);
    if !pattern.contains('*') {
        return vec![(full, span)];
    }
    let folder = full.parent().unwrap_or(Path::new("")).to_owned();
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((start, end)) = name.split_once('*').filter(|(_, end)| !end.contains('*')) else {
        problems.error(span, "`include` takes one `*`, in the name of the file").help("\"databases/*.toml\"");
        return Vec::new();
    };
    let Ok(listing) = std::fs::read_dir(&folder) else {
        problems.error(span, format!("there is no folder {}", folder.display()));
        return Vec::new();
    };
    let fits = |name: &str| {
        name.len() >= start.len() + end.len()
            && name.starts_with(start)
            && name.ends_with(end)
            && !name.starts_with('.')
    };
    let mut found: Vec<(PathBuf, Span)> = listing
        .filter_map(Result::ok)
        .filter(|entry| fits(&entry.file_name().to_string_lossy()))
        .map(|entry| (entry.path(), span))
        .collect();
    found.sort();
    if found.is_empty() {
        problems.warning(span, format!("no file matches {pattern}"));
    }
    found
}
