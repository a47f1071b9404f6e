//! Signals, as PgBouncer has them.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// HUP: load the settings again
    Reload,
    /// To end
    End(How),
}

/// How to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// TERM: clients have time to go elsewhere first
    Gently,
    /// SHUTDOWN WAIT_FOR_CLIENTS: clients go when they like; nobody comes in
    WhenLeft,
    /// INT: clients go as soon as their transaction is over
    Soon,
    /// QUIT
    AtOnce,
}

/// The signals we listen to.
pub struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hang_up.recv() => Told::Reload,
            _ = self.terminate.recv() => Told::End(How::Gently),
            _ = self.interrupt.recv() => Told::End(How::Soon),
            _ = self.quit.recv() => Told::End(How::AtOnce),
        }
    }

    /// The next one that asks to end.
    pub async fn next_end(&mut self) {
        while let Told::Reload = self.next().await {}
    }
}
