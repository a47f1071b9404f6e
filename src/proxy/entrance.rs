//! Accepts connections, lets guests in, and starts their sessions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::logic::auth::Fatal;
use crate::logic::cancel_key::Addressee;
use crate::logic::crowd::Crowded;
use crate::proxy::console::{self, Console};
use crate::proxy::crowds::{self, Crowds, Name};
use crate::proxy::door::{self, Door, Entered, Guest, Listener, Peer, Turned};
use crate::proxy::leaving::Leaving;
use crate::proxy::metrics::Rejection;
use crate::proxy::peers::PeerNode;
use crate::proxy::session;
use crate::proxy::shared::Shared;
use crate::proxy::stream::Stream;

/// Limits at the entrance; a reload may change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntranceLimits {
    /// Sessions at most
    pub max_clients: u32,
    /// A login must end within this
    pub login_timeout: Duration,
    /// Logins and goodbyes are logged
    pub logs_connections: bool,
}

/// The way in, shared by all listeners of a proxy.
pub struct Entrance {
    door: Arc<Door>,
    shared: Arc<Shared>,
    console: Arc<Console>,
    limits: ArcSwap<EntranceLimits>,
    crowds: Arc<Crowds>,
    peers: ArcSwap<Vec<PeerNode>>,
}

impl Entrance {
    /// Of a proxy that starts.
    pub fn new(door: Arc<Door>, shared: Arc<Shared>, console: Arc<Console>, limits: EntranceLimits) -> Arc<Self> {
        Arc::new(Self {
            door,
            shared,
            console,
            limits: ArcSwap::from_pointee(limits),
            crowds: Arc::default(),
            peers: ArcSwap::default(),
        })
    }

    /// New limits hold for those who come from now on.
    pub fn set_limits(&self, limits: EntranceLimits) {
        self.limits.store(Arc::new(limits));
    }

    /// Sessions and logins under way.
    pub fn open(&self) -> u32 {
        self.console.open()
    }

    /// Accepts until it is told to close. An error of the operating system (too many files) is waited out.
    pub async fn accept(self: Arc<Self>, listener: Listener, mut closing: watch::Receiver<bool>) {
        const PAUSE: Duration = Duration::from_millis(100);
        loop {
            let accepted = tokio::select! {
                biased;
                // An error means that nobody can tell us any more.
                _ = closing.wait_for(|closing| *closing) => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) => {
                    tracing::error!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        if let Err(error) = listener.close(|stream, peer| self.admit(stream, peer)).await {
            tracing::warn!(%error, "a listener did not close well: clients may have been turned away");
        }
    }

    fn admit(self: &Arc<Self>, stream: Stream, peer: Peer) {
        self.shared.metrics.client_connections.increment(1);
        drop(tokio::spawn(Arc::clone(self).login(stream, peer)));
    }

    async fn login(self: Arc<Self>, stream: Stream, peer: Peer) {
        let place = Place::take(&self);
        let limits = **self.limits.load();
        let entering = door::enter(stream, peer, &self.door);
        let entered = match tokio::time::timeout(limits.login_timeout, entering).await {
            Ok(Ok(entered)) => entered,
            Ok(Err(turned)) => return self.turned(&turned, peer),
            Err(_) => {
                tracing::info!(%peer, "login took too long (login_timeout)");
                return self.shared.metrics.rejected(Rejection::Timeout);
            }
        };
        match entered {
            Entered::Cancel { stream, pid, key } => {
                self.cancel(pid, &key).await;
                drop(stream);
            }
            // Operators come in when nobody else does, and no drain waits for them.
            Entered::Session(guest) if console::NAMES.contains(&&*guest.database) => {
                drop(place);
                drop(tokio::spawn(Arc::clone(&self.console).receive(*guest)));
            }
            Entered::Session(guest) => {
                if self.shared.leaving() >= Leaving::Everyone {
                    self.shared.metrics.rejected(Rejection::Draining);
                    drop(guest.turn_away(Fatal::new("57P03", "the pooler is shutting down")).await);
                    return;
                }
                if self.open() > limits.max_clients {
                    self.shared.metrics.rejected(Rejection::Full);
                    let fatal = Fatal::new("53300", "no more connections allowed (max_clients)");
                    drop(guest.turn_away(fatal).await);
                    return;
                }
                let crowds = match self.crowds_of(&guest) {
                    Ok(crowds) => crowds,
                    Err(fatal) => {
                        self.shared.metrics.rejected(Rejection::Full);
                        tracing::info!(%peer, user = %guest.user.name, database = %guest.database, %fatal, "client turned away");
                        drop(guest.turn_away(fatal).await);
                        return;
                    }
                };
                let (user, database) = (guest.user.name.clone(), guest.database.clone());
                let welcome = session::welcome(*guest, Arc::clone(&self.shared));
                let session = match tokio::time::timeout(limits.login_timeout, welcome).await {
                    Ok(Some(session)) => session,
                    Ok(None) => return,
                    Err(_) => {
                        tracing::info!(%peer, %user, %database, "no server took the startup parameters in time (login_timeout)");
                        return self.shared.metrics.rejected(Rejection::Timeout);
                    }
                };
                if limits.logs_connections {
                    tracing::info!(client = session.id(), %peer, %user, %database, "client logged in");
                }
                // A task of its own: the state of a login is larger than that of an idle session.
                drop(tokio::spawn(async move {
                    session::run(session).await;
                    drop((place, crowds));
                }));
            }
        }
    }

    async fn cancel(&self, pid: i32, key: &[u8]) {
        if self.console.cancel(pid, key) {
            return;
        }
        match self.shared.cancels.addressee(pid, key) {
            Addressee::Ours(key) => match self.shared.cancels.find(pid, &key) {
                Some(slot) => slot.cancel(&self.shared.connector).await,
                None => tracing::debug!(pid, "a cancel request names no session"),
            },
            Addressee::Node(id, key) => match self.peers.load().iter().find(|peer| peer.id == id) {
                Some(peer) => peer.cancel(pid, &key).await,
                None => tracing::debug!(pid, node = id, "a cancel request is for a node that is no peer"),
            },
            Addressee::Nobody => tracing::debug!(pid, "a cancel request has a key that nobody has made"),
        }
    }

    /// These are our peers from now on.
    pub fn set_peers(&self, peers: Vec<PeerNode>) {
        self.peers.store(Arc::new(peers));
    }

    /// A place among the clients of its database and of its user.
    fn crowds_of(&self, guest: &Guest) -> Result<[Option<crowds::Place>; 2], Fatal> {
        let now = Instant::now();
        let enter = |name, limits, setting: &str| {
            self.crowds.enter(name, limits, now).map_err(|crowded| match crowded {
                Crowded::Clients => Fatal::new("53300", format!("no more connections allowed ({setting})")),
                Crowded::Logins => Fatal::new("53300", "too many logins in a second (logins_per_second)")
                    .hint("Keep connections open, or try again in a second."),
            })
        };
        let topology = self.shared.topology.load_full();
        let listed = topology.databases.get(&guest.database).map(|it| it.limits.crowd);
        let of_database = listed.or_else(|| topology.wildcard.as_ref().map(|it| it.database.limits.crowd));
        let user = enter(Name::User(guest.user.name.clone()), guest.user.crowd, "max_user_client_connections")?;
        let limits = of_database.unwrap_or_default();
        let database = enter(Name::Database(guest.database.clone()), limits, "max_db_client_connections")?;
        Ok([user, database])
    }

    fn turned(&self, turned: &Turned, peer: Peer) {
        let reason = match turned {
            Turned::Gone => return,
            Turned::Lost(_) => Rejection::Tls,
            Turned::Refused { fatal, .. } if fatal.sqlstate == "28P01" => Rejection::Login,
            Turned::Garbled(_) | Turned::Refused { .. } => Rejection::Protocol,
        };
        self.shared.metrics.rejected(reason);
        tracing::info!(%peer, %turned, "client turned away");
    }
}

/// Counts a connection for as long as it is open.
struct Place(Arc<Entrance>);

impl Place {
    fn take(entrance: &Arc<Entrance>) -> Self {
        entrance.console.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(entrance))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.console.open.fetch_sub(1, Ordering::Relaxed);
    }
}
