//! A temporary folder for real PostgreSQL servers, and the promise that nothing of it is left behind.
//!
//! A small shell process, the reaper, holds one end of a pipe whose other end is ours. However we end (return,
//! panic, SIGKILL), the pipe closes; the reaper then stops every process noted in `pids/` and removes the folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail, ensure};
use parking_lot::Mutex;

/// QUIT is PostgreSQL's immediate shutdown; whoever does not listen to it within five seconds is killed.
const REAPER: &str = r#"
cat >/dev/null
cd "$1" || exit 0
alive() { for f in pids/*; do [ -e "$f" ] && kill -0 "$(cat "$f")" 2>/dev/null && return 0; done; return 1; }
for f in pids/*; do [ -e "$f" ] && kill -QUIT "$(cat "$f")" 2>/dev/null; done
n=0; while alive && [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done
for f in pids/*; do [ -e "$f" ] && kill -KILL "$(cat "$f")" 2>/dev/null; done
cd / && rm -rf "$1"
"#;

/// The roles and the database that every server of a lab has.
const BOOTSTRAP: &str = "CREATE ROLE app LOGIN PASSWORD 'secret';\nCREATE DATABASE app OWNER app;\n";

/// A temporary folder with what is needed to start PostgreSQL servers in it.
#[derive(Debug)]
pub struct Lab {
    folder: PathBuf,
    binaries: PathBuf,
    owner: Option<Owner>,
    reaper: Child,
    /// The lock is held while it is made: several servers may start at once
    template: Mutex<Option<PathBuf>>,
}

/// The user PostgreSQL runs as when we are root: it refuses to be root.
#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Lab {
    /// Makes the folder and starts its reaper. `name` shows in the folder's name.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let binaries = find_binaries()?;
        let owner = Owner::needed()?;
        let folder = fresh_folder(name)?;
        fs::create_dir(folder.join("pids"))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        let reaper = Command::new("sh")
            .args(["-c", REAPER, "reaper"])
            .arg(&folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to our whole process group; the reaper has to outlive it.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        let lab = Self { folder, binaries, owner, reaper, template: Mutex::new(None) };
        lab.give(&lab.folder)?;
        Ok(lab)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a program of PostgreSQL lies.
    pub fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// A program of PostgreSQL, to be run as the user that PostgreSQL runs as.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binary(name));
        command.current_dir(&self.folder).env("LC_ALL", "C").env_remove("PGPORT").env_remove("PGHOST");
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group).env("HOME", &self.folder);
        }
        command
    }

    /// Hands a file or folder to the user that PostgreSQL runs as.
    pub fn give(&self, path: &Path) -> anyhow::Result<()> {
        match self.owner {
            Some(owner) => Ok(chown(path, Some(owner.user), Some(owner.group))?),
            None => Ok(()),
        }
    }

    /// Notes a process that must not outlive the lab.
    pub fn adopt(&self, name: &str, pid: u32) -> anyhow::Result<()> {
        Ok(fs::write(self.folder.join("pids").join(name), pid.to_string())?)
    }

    /// Forgets a process that has ended.
    pub fn release(&self, name: &str) {
        // Nothing depends on it: the reaper skips what is gone.
        fs::remove_file(self.folder.join("pids").join(name)).ok();
    }

    /// A fresh data folder, as `initdb` makes it, with the role and database `app`.
    pub fn data_folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let template = {
            let mut known = self.template.lock();
            match &*known {
                Some(template) => template.clone(),
                None => known.insert(self.make_template()?).clone(),
            }
        };
        let data = self.folder.join(name);
        let mut copy = Command::new("cp");
        run(copy.arg("-a").arg(template).arg(&data))?;
        Ok(data)
    }

    fn make_template(&self) -> anyhow::Result<PathBuf> {
        let template = self.folder.join("template");
        let mut initdb = self.program("initdb");
        initdb.arg("-D").arg(&template).args([
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ]);
        run(&mut initdb)?;
        let bootstrap = self.folder.join("bootstrap.sql");
        fs::write(&bootstrap, BOOTSTRAP)?;
        let mut single = self.program("postgres");
        single.args(["--single", "-F", "-D"]).arg(&template).arg("postgres").stdin(fs::File::open(&bootstrap)?);
        run(&mut single)?;
        Ok(template)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        self.reaper.wait().ok();
    }
}

impl Owner {
    /// `None` when we are an ordinary user ourselves.
    fn needed() -> anyhow::Result<Option<Self>> {
        if id(&["-u"])? != 0 {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let (Ok(user), Ok(group)) = (id(&["-u", name]), id(&["-g", name])) {
                return Ok(Some(Self { user, group }));
            }
        }
        bail!("PostgreSQL does not run as root, and there is no user postgres or nobody")
    }
}

/// Runs a program to its end; its words become the error.
pub fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::piped()).output().with_context(|| format!("cannot start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed:\n{said}");
    Ok(said)
}

fn id(arguments: &[&str]) -> anyhow::Result<u32> {
    Ok(run(Command::new("id").args(arguments))?.trim().parse()?)
}

fn fresh_folder(name: &str) -> anyhow::Result<PathBuf> {
    // Sockets live in here, and their whole path must stay below 104 bytes: a short name.
    let base = std::env::temp_dir();
    for attempt in 0..1000 {
        let folder = base.join(format!("shardway-{name}-{}-{attempt}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => (),
            Err(error) => return Err(error).context("cannot make a temporary folder"),
        }
    }
    bail!("no free name for a temporary folder in {}", base.display())
}

/// `initdb` and `postgres` of the newest PostgreSQL on this machine.
fn find_binaries() -> anyhow::Result<PathBuf> {
    candidates().into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists()).context(
        "PostgreSQL's server programs were not found; install them (Debian: apt-get install postgresql, macOS: brew install postgresql)",
    )
}

fn candidates() -> Vec<PathBuf> {
    let asked = run(Command::new("pg_config").arg("--bindir")).unwrap_or_default();
    let mut found: Vec<PathBuf> = std::env::var_os("SHARDWAY_POSTGRES_BIN").into_iter().map(PathBuf::from).collect();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/Library/PostgreSQL", ""),
        ("/usr", "pgsql-"),
    ] {
        found.extend(versions(Path::new(parent), prefix).into_iter().map(|folder| folder.join("bin")));
    }
    found.push(PathBuf::from(asked.trim()));
    found.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    found
}

/// Folders in `parent` whose names start with `prefix`, newest version first.
fn versions(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.trim_start_matches('@').trim_start_matches('-');
            Some((version.parse().unwrap_or(0), entry.path()))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}
