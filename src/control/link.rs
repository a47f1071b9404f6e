//! The control plane's own connections to one server: one or two, kept open, apart from those of clients.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio::time::error::Elapsed;
use tokio_postgres::NoTls;
use tokio_postgres::config::{ChannelBinding, Config, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::logic::topology::{Address, Host, Secret, TlsMode};
use crate::proxy::backend::{ConnectFault, tls};

/// As whom the control plane logs in where an address names no user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MonitorSettings {
    /// User; without one, servers whose address names none take no part
    pub user: Option<Box<str>>,
    /// Its password
    pub password: Option<Secret>,
}

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum LinkFault {
    /// Nobody said as whom
    #[error("no user to log in with: set one in the address or in [monitor]")]
    NoUser,
    /// TLS is asked for and cannot be set up
    #[error(transparent)]
    Tls(#[from] ConnectFault),
    /// It is not asked: its probes say so
    #[error("not asked, for it has no primary that is known to be up")]
    Down,
    /// No answer in time
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// Refused, or broken off
    #[error("{}", chain(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// No connection in time
    #[error("no connection in time")]
    NotConnected,
    /// The pool of control connections has none
    #[error("{0}")]
    Pool(String),
}

impl From<PoolError> for LinkFault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => Self::Postgres(error),
            PoolError::Timeout(_) => Self::NotConnected,
            other @ (PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                Self::Pool(other.to_string())
            }
        }
    }
}

impl LinkFault {
    /// A server that turns us away (wrong login, no such database, no connection left) is alive: its clients may fare
    /// better, so our own misfortune must not take it out of use.
    pub fn shows_life(&self) -> bool {
        match self {
            Self::Postgres(error) => error.code().is_some_and(|it| ["28", "3D", "42", "53"].contains(&&it.code()[..2])),
            Self::NoUser | Self::Tls(_) | Self::Down | Self::TimedOut(_) | Self::NotConnected | Self::Pool(_) => false,
        }
    }

    /// The server has no database of this name.
    pub fn is_no_database(&self) -> bool {
        match self {
            Self::Postgres(error) => error.code() == Some(&SqlState::INVALID_CATALOG_NAME),
            Self::NoUser | Self::Tls(_) | Self::Down | Self::TimedOut(_) | Self::NotConnected | Self::Pool(_) => false,
        }
    }

    /// The server has not said no: it has said nothing.
    pub fn is_late(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::NotConnected => true,
            Self::NoUser | Self::Tls(_) | Self::Down | Self::Postgres(_) | Self::Pool(_) => false,
        }
    }
}

/// tokio-postgres keeps the reason of its errors in their source.
fn chain(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Connections to one server.
pub struct Link {
    pool: Pool,
}

impl Link {
    /// Nothing is opened yet.
    pub fn new(address: &Address, settings: &MonitorSettings, connect_timeout: Duration) -> Result<Self, LinkFault> {
        let config = postgres_config(address, settings, connect_timeout)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match address.tls.mode {
            TlsMode::Disable => Manager::from_config(config, NoTls, recycling),
            TlsMode::Prefer | TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => {
                let tls = MakeRustlsConnect::new(tls::config(&address.tls)?);
                Manager::from_config(config, tls, recycling)
            }
        };
        let timeouts = Timeouts { wait: Some(connect_timeout), create: Some(connect_timeout), recycle: None };
        // Whatever search_path the role was given, our queries mean PostgreSQL's own functions.
        let settle = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute("SET search_path = ''").await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager).max_size(1).timeouts(timeouts).runtime(Runtime::Tokio1).post_create(settle);
        Ok(Self { pool: pool.build().map_err(|error| LinkFault::Pool(error.to_string()))? })
    }

    /// The next question goes out on a new connection, as a new session sees the server.
    pub fn renew(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Runs `ask` on a connection, all within `limit`. After any failure the connection is thrown away: who knows what
    /// its server is still busy with.
    pub async fn ask<T>(
        &self,
        limit: Duration,
        ask: impl AsyncFnOnce(&mut Object) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, LinkFault> {
        let asked = async {
            let mut guard = ThrownAway(Some(self.pool.get().await?));
            let client = guard.0.as_mut().expect("it was put there a line above");
            let answer = ask(client).await?;
            drop(guard.0.take());
            Ok(answer)
        };
        tokio::time::timeout(limit, asked).await.unwrap_or_else(|_: Elapsed| Err(LinkFault::TimedOut(limit)))
    }
}

/// Unless emptied, takes the connection out of its pool when dropped: on an error, and when the future is cancelled.
struct ThrownAway(Option<Object>);

impl Drop for ThrownAway {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

fn postgres_config(address: &Address, settings: &MonitorSettings, limit: Duration) -> Result<Config, LinkFault> {
    let mut config = Config::new();
    let (user, password) = match &address.user {
        Some(user) => (user, &address.password),
        None => (settings.user.as_ref().ok_or(LinkFault::NoUser)?, &settings.password),
    };
    config.user(&**user).dbname(&*address.database).port(address.port).application_name("shardway-control");
    if let Some(password) = password {
        config.password(password.expose());
    }
    match &address.host {
        Host::Tcp(host) => config.host(&**host),
        Host::Unix(folder) => config.host_path(folder),
    };
    config.ssl_mode(match address.tls.mode {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    });
    config.channel_binding(ChannelBinding::Prefer).connect_timeout(limit);
    Ok(config)
}
