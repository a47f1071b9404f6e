//! Where clients come in: opened at the start, closed when the proxy ends.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use socket2::{Domain, Socket, Type};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::systemd;
use crate::config::ListenSettings;
use crate::proxy::door::Listener;
use crate::proxy::entrance::Entrance;

/// The tasks that accept clients.
pub struct Listening {
    tasks: Vec<JoinHandle<()>>,
    closing: watch::Sender<bool>,
    /// Where clients may connect
    pub addresses: Vec<SocketAddr>,
}

impl Default for Listening {
    /// Nowhere yet.
    fn default() -> Self {
        Self { tasks: Vec::new(), closing: watch::channel(false).0, addresses: Vec::new() }
    }
}

impl Listening {
    /// Opens what the settings name, or takes the sockets that whoever started us has opened.
    pub fn open(listen: &ListenSettings, entrance: &Arc<Entrance>) -> anyhow::Result<Self> {
        let mut listeners = systemd::given_listeners(listen.socket)?;
        if listeners.is_empty() {
            listeners = named(listen)?;
        } else {
            tracing::info!(sockets = listeners.len(), "listening on sockets that were handed over (LISTEN_FDS)");
        }
        let addresses = listeners.iter().filter_map(Listener::local_address).collect();
        let (closing, _) = watch::channel(false);
        let accept = |listener| tokio::spawn(Arc::clone(entrance).accept(listener, closing.subscribe()));
        Ok(Self { tasks: listeners.into_iter().map(accept).collect(), closing, addresses })
    }

    /// No more clients; who has knocked already is let in.
    pub async fn close(self) {
        self.closing.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a listener did not close");
            }
        }
    }
}

/// Does another process listen on one of the ports? It shares it with us, as we do with our successor.
pub fn has_predecessor(listen: &ListenSettings) -> bool {
    let is_taken = |address: &SocketAddr| {
        let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&(*address).into())
    };
    let mut taken = listen.addresses.iter().map(is_taken);
    taken.any(|bound| bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse))
}

fn named(listen: &ListenSettings) -> anyhow::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for address in &listen.addresses {
        let listener = Listener::tcp(*address, listen.backlog, true, listen.socket)
            .with_context(|| format!("cannot listen on {address}"))?;
        listeners.push(listener);
    }
    if let Some(folder) = &listen.unix_socket {
        let port = listen.addresses.first().map_or(6432, SocketAddr::port);
        let listener = Listener::unix(folder, port, listen.unix_socket_mode, listen.backlog)
            .with_context(|| format!("cannot listen in {}", folder.display()))?;
        listeners.push(listener);
    }
    Ok(listeners)
}
