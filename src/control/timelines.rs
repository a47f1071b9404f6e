//! The newest timeline seen of each shard: it outlives the councils, and where a file is given the process too. Without it
//! an old primary that a promotion has left behind is taken for the only one while the newer one is down.
//!
//! A cluster that is made anew (initdb, pg_upgrade) begins again at timeline 1, hence the system's identifier.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::Notify;
use toml_edit::Value;
use tracing::error;

const HEAD: &str = "# Written by shardway: the newest timeline seen of each shard whose servers find their roles. An older primary is not
# used. To take one back, and do without what was written since, promote it anew (README, Failover).
";

/// A shard of a database, and a cluster that it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Of {
    database: Box<str>,
    shard: Box<str>,
    system: i64,
}

type Known = BTreeMap<Of, u32>;

/// See the module.
#[derive(Debug, Default)]
pub struct Timelines {
    known: Mutex<Known>,
    file: Option<PathBuf>,
    /// Writers of the file take turns
    writing: Mutex<()>,
    changed: Notify,
}

impl Timelines {
    /// With what the file says, if there is one yet. One that cannot be written is an error at once, not at a promotion.
    pub fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let Some(file) = file else { return Ok(Self::default()) };
        let says =
            |error: io::Error| io::Error::new(error.kind(), format!("timelines file {}: {error}", file.display()));
        let known = Mutex::new(read(&file).map_err(says)?);
        let timelines = Self { known, file: Some(file.clone()), ..Self::default() };
        timelines.write().map_err(says)?;
        Ok(timelines)
    }

    /// A server was seen on this timeline: the newest one known.
    pub fn note(&self, database: &str, shard: &str, system: i64, timeline: u32) -> u32 {
        let of = Of { database: database.into(), shard: shard.into(), system };
        let mut known = self.known.lock();
        let newest = known.entry(of).or_insert(0);
        if timeline > *newest {
            *newest = timeline;
            self.changed.notify_one();
        }
        *newest
    }

    /// Writes each change into the file, as soon as it is made. Ends with its task.
    pub async fn keep(self: Arc<Self>) {
        loop {
            self.changed.notified().await;
            let timelines = Arc::clone(&self);
            // The disk may be slow: probes go on meanwhile.
            match tokio::task::spawn_blocking(move || timelines.write()).await {
                Ok(Ok(())) => (),
                Ok(Err(error)) => {
                    error!(%error, file = ?self.file, "cannot write the timelines: a restart would not know them")
                }
                Err(error) => error!(%error, "cannot write the timelines"),
            }
        }
    }

    /// Another process may write the same file (one that takes over from the other): nothing of what it knows is lost.
    fn write(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let _turn = self.writing.lock();
        let mut known = self.known.lock().clone();
        for (of, timeline) in read(file)? {
            let newest = known.entry(of).or_insert(0);
            *newest = timeline.max(*newest);
        }
        let beside = file.with_extension(format!("{}.new", std::process::id()));
        let mut written = File::create(&beside)?;
        written.write_all(text(&known).as_bytes())?;
        written.sync_all()?;
        fs::rename(&beside, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// The file.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    shards: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    database: Box<str>,
    shard: Box<str>,
    system: i64,
    timeline: u32,
}

fn read(file: &Path) -> io::Result<Known> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Known::new()),
        read => read?,
    };
    let written: Written = toml::from_str(&text).map_err(io::Error::other)?;
    let of = |line: Line| (Of { database: line.database, shard: line.shard, system: line.system }, line.timeline);
    Ok(written.shards.into_iter().map(of).collect())
}

fn text(known: &Known) -> String {
    let quoted = |name: &str| Value::from(name).to_string();
    let line = |(of, timeline): (&Of, &u32)| {
        let (database, shard) = (quoted(&of.database), quoted(&of.shard));
        format!("\n[[shards]]\ndatabase = {database}\nshard = {shard}\nsystem = {}\ntimeline = {timeline}\n", of.system)
    };
    HEAD.to_owned() + &known.iter().map(line).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_there_again_and_never_older() {
        let folder = std::env::temp_dir().join(format!("shardway-timelines-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("timelines.toml");
        let open = || Timelines::open(Some(file.clone()));
        let (one, other) = (open().expect("a new file"), open().expect("the same file"));
        assert_eq!(one.note("app", "a \"1\"", -7, 2), 2);
        assert_eq!(one.note("app", "a \"1\"", -7, 1), 2, "an older one");
        assert_eq!(one.note("app", "a \"1\"", 8, 1), 1, "another cluster");
        assert_eq!(other.note("app", "b", 8, 5), 5);
        one.write().expect("written");
        other.write().expect("written");
        let again = open().expect("what both have written");
        assert_eq!([again.note("app", "a \"1\"", -7, 0), again.note("app", "b", 8, 0)], [2, 5]);
        fs::write(&file, "shards = 1").expect("written");
        assert!(open().is_err(), "not forgotten in silence");
        fs::remove_dir_all(&folder).expect("removed");
        assert!(open().is_err(), "there is no folder");
    }
}
