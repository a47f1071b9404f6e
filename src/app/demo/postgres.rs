//! One PostgreSQL server in a lab: a primary or a streaming replica, fast and careless about its data.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::lab::{Lab, run};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What every server is started with: it lives for minutes, so nothing is synced to the disk. `synchronous_commit`
/// stays on: what was committed has then reached the kernel, and survives a killed server.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "32MB"),
    ("max_connections", "200"),
    ("max_prepared_transactions", "20"),
    ("max_wal_senders", "8"),
    ("wal_level", "replica"),
    ("wal_keep_size", "256MB"),
    ("hot_standby", "on"),
    ("autovacuum", "off"),
    ("jit", "off"),
    ("log_min_messages", "warning"),
    ("max_wal_size", "4GB"),
];

/// How the role `app` proves who it is over TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// No password
    Trust,
    /// SCRAM-SHA-256 with the password `secret`
    Scram,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    lab: Arc<Lab>,
    name: String,
    data: PathBuf,
    port: u16,
    settings: Vec<(String, String)>,
    child: Option<Child>,
}

impl Server {
    /// Starts a primary. `settings` come after the usual ones.
    pub fn start(lab: &Arc<Lab>, name: &str, auth: Auth, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let data = lab.data_folder(name)?;
        let method = match auth {
            Auth::Trust => "trust",
            Auth::Scram => "scram-sha-256",
        };
        let rules = format!(
            "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost replication postgres 127.0.0.1/32 trust\n\
             host all all 127.0.0.1/32 {method}\n"
        );
        fs::write(data.join("pg_hba.conf"), rules)?;
        Self::launch(
            lab,
            name,
            data,
            settings.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        )
    }

    /// Starts a streaming replica of `primary`.
    pub fn replica_of(primary: &Self, name: &str) -> anyhow::Result<Self> {
        let lab = &primary.lab;
        let data = lab.folder().join(name);
        let mut copy = lab.program("pg_basebackup");
        copy.args(["-h", "127.0.0.1", "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"]);
        copy.arg("-p").arg(primary.port.to_string()).arg("-D").arg(&data);
        run(&mut copy)?;
        Self::launch(lab, name, data, primary.settings.clone())
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its Unix socket.
    pub fn socket_folder(&self) -> &Path {
        self.lab.folder()
    }

    /// Its lab.
    pub fn lab(&self) -> &Arc<Lab> {
        &self.lab
    }

    /// Its name in the lab.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection string for tokio-postgres and psql: `user` is `app` or the superuser `postgres`.
    pub fn url(&self, user: &str) -> String {
        format!("postgres://{user}:secret@127.0.0.1:{}/app", self.port)
    }

    /// Process id of the postmaster while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills the postmaster and all its children with SIGKILL, as a dying machine would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let family = with_children(child.id())?;
        let mut kill = Command::new("kill");
        kill.arg("-9").args(family.iter().map(u32::to_string)).stderr(Stdio::null()).status()?;
        child.wait()?;
        self.lab.release(&self.name);
        Ok(())
    }

    /// Stops at once (SIGQUIT), without a checkpoint.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        Command::new("kill").arg("-QUIT").arg(child.id().to_string()).stderr(Stdio::null()).status()?;
        child.wait()?;
        self.lab.release(&self.name);
        Ok(())
    }

    /// Starts it again on the same port after `kill` or `stop`.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            // After a kill the old server's memory may be in use for a moment more: PostgreSQL then refuses to start.
            self.spawn()?;
            match self.wait_until_up(deadline) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => self.stop()?,
            }
        }
    }

    /// The end of the server's log, for messages.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The whole server log.
    pub fn log_path(&self) -> PathBuf {
        self.lab.folder().join(format!("{}.log", self.name))
    }

    fn launch(lab: &Arc<Lab>, name: &str, data: PathBuf, settings: Vec<(String, String)>) -> anyhow::Result<Self> {
        let mut server = Self { lab: Arc::clone(lab), name: name.to_owned(), data, port: 0, settings, child: None };
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            // Another process may take the port between our look and PostgreSQL's: then try the next one.
            server.port = free_port()?;
            server.spawn()?;
            match server.wait_until_up(deadline) {
                Ok(()) => return Ok(server),
                Err(error) if Instant::now() > deadline || !server.log_tail().contains("in use") => return Err(error),
                Err(_) => server.stop()?,
            }
        }
    }

    fn spawn(&mut self) -> anyhow::Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let mut command = self.lab.program("postgres");
        command.arg("-D").arg(&self.data).arg("-p").arg(self.port.to_string());
        command.arg("-c").arg(format!("unix_socket_directories={}", self.lab.folder().display()));
        command.arg("-c").arg(format!("cluster_name={}", self.name));
        for (key, value) in SETTINGS {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        for (key, value) in &self.settings {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Ctrl-C is for us: we stop our servers ourselves, in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().context("cannot start postgres")?;
        self.lab.adopt(&self.name, child.id())?;
        self.child = Some(child);
        Ok(())
    }

    fn wait_until_up(&mut self, deadline: Instant) -> anyhow::Result<()> {
        loop {
            if is_up(self.port) {
                return Ok(());
            }
            let ended = match &mut self.child {
                Some(child) => child.try_wait()?.is_some(),
                None => true,
            };
            if ended || Instant::now() > deadline {
                bail!("PostgreSQL {} does not start:\n{}", self.name, self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(15));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A failure here leaves the process to the reaper.
        self.stop().ok();
    }
}

/// A port that nobody listened on a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Does a PostgreSQL server on this port take logins? Asked in its own protocol: while it starts up the answer to
/// a startup message is an error, afterwards a request to authenticate.
pub fn is_up(port: u16) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let parameters = b"\x00\x03\x00\x00user\0postgres\0database\0postgres\0\0";
        stream.write_all(&(parameters.len() as u32 + 4).to_be_bytes())?;
        stream.write_all(parameters)?;
        let mut tag = [0];
        stream.read_exact(&mut tag)?;
        Ok(tag[0])
    };
    ask().is_ok_and(|tag| tag == b'R')
}

/// Does `/readyz` at this port answer that a proxy serves?
pub fn is_ready(metrics_port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", metrics_port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn with_children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let table = run(Command::new("ps").args(["-A", "-o", "pid=,ppid="]))?;
    let children = table.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (pid, its_parent) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
        (its_parent == parent).then_some(pid)
    });
    Ok(std::iter::once(parent).chain(children).collect())
}
