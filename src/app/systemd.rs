//! What systemd is told where it has started us, and the sockets it hands over.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::proxy::door::Listener;
use crate::proxy::stream::SocketOptions;

/// The status line is told this often.
const STATUS: Duration = Duration::from_secs(10);

/// Where it lets us keep what a restart is to know (`StateDirectory=`).
pub fn state_folder() -> Option<PathBuf> {
    let folders = std::env::var_os("STATE_DIRECTORY")?;
    std::env::split_paths(&folders).next().filter(|folder| folder.is_absolute())
}

/// Clients are served.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The settings are loaded again; `ready` says that this is over.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the time since the start is not known"),
    }
}

/// The process ends.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Tells how we stand, and that we are alive, until its task is ended. On the loop that serves clients: it shows that
/// this turns.
pub async fn keep_telling(status: impl Fn() -> String) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let watchdog = sd_notify::watchdog_enabled();
    let mut beat = tokio::time::interval(watchdog.map_or(STATUS, |limit| STATUS.min(limit / 2)));
    loop {
        beat.tick().await;
        let status = status();
        // systemd may take its time to read; the loop must not stand still for that.
        let told = tokio::task::spawn_blocking(move || match watchdog {
            Some(_) => tell(&[NotifyState::Watchdog, NotifyState::Status(&status)]),
            None => tell(&[NotifyState::Status(&status)]),
        });
        if let Err(error) = told.await {
            tracing::error!(%error, "systemd was not told how we stand");
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told how we stand");
    }
}

/// The sockets that we were started with (LISTEN_FDS); none where nobody hands over any.
pub fn given_listeners(options: SocketOptions) -> anyhow::Result<Vec<Listener>> {
    let mut given = ListenFd::from_env();
    (0..given.len()).map(|index| given_listener(&mut given, index, options)).collect()
}

fn given_listener(given: &mut ListenFd, index: usize, options: SocketOptions) -> anyhow::Result<Listener> {
    if let Ok(Some(tcp)) = given.take_tcp_listener(index) {
        return Ok(Listener::given_tcp(tcp, options)?);
    }
    let unix = given.take_unix_listener(index).context("a socket of LISTEN_FDS is none to listen on")?;
    Ok(Listener::given_unix(unix.context("a socket of LISTEN_FDS is missing")?)?)
}
