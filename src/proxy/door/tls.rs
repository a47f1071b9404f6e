//! TLS towards clients: which certificate we show and which we ask for.

use crate::logic::auth::certificate;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::sasl::scram::ScramServerAuth;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection};

/// The protocol's name in ALPN.
pub const PROTOCOL: &[u8] = b"postgresql";

/// Where to read it from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// What clients must bring
    pub demand: TlsDemand,
    /// PEM file of our certificate, followed by those that lead to its authority
    pub certificate_file: PathBuf,
    /// PEM file of its key
    pub key_file: PathBuf,
    /// PEM file of the authorities whose client certificates count
    pub authorities_file: Option<PathBuf>,
}

/// What clients over TCP must bring; where TLS is off there are no `TlsSettings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsDemand {
    /// As they like
    Allow,
    /// TLS
    Require,
    /// TLS with a certificate signed by one of our authorities
    Verify,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A PEM file does not hold what it should
    #[error("{}: {reason}", path.display())]
    File {
        /// The file
        path: PathBuf,
        /// What is wrong with it
        reason: String,
    },
    /// Client certificates are asked for without saying who signs them
    #[error("client certificates are required, but there is no file of authorities to check them against")]
    NoAuthorities,
    /// Certificate and key do not go together, or the like
    #[error(transparent)]
    Rustls(#[from] tokio_rustls::rustls::Error),
}

/// TLS ready for use: immutable, replaced whole by a reload.
pub struct Tls {
    demand: TlsDemand,
    acceptor: TlsAcceptor,
    binding: ScramServerAuth,
    ends: Option<Duration>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("demand", &self.demand).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads and checks the files.
    pub fn load(settings: &TlsSettings) -> Result<Self, TlsFault> {
        let chain = certificates(&settings.certificate_file)?;
        let binding = binding(&chain[0]);
        let ends = chain.iter().filter_map(|certificate| certificate::ends(certificate)).min();
        let key =
            PrivateKeyDer::from_pem_file(&settings.key_file).map_err(|error| in_file(&settings.key_file, &error))?;
        let provider = Arc::new(ring::default_provider());
        let clients = client_verifier(settings, &provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // libpq never resumes a session: tickets would be a send and a store for nothing.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { demand: settings.demand, acceptor: TlsAcceptor::from(Arc::new(config)), binding, ends })
    }

    /// When the first certificate of our chain ends, since 1970.
    pub fn ends(&self) -> Option<Duration> {
        self.ends
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    pub(super) fn is_required(&self) -> bool {
        match self.demand {
            TlsDemand::Require | TlsDemand::Verify => true,
            TlsDemand::Allow => false,
        }
    }

    /// SCRAM, bound to the certificate where that can be.
    pub(super) fn binding(&self) -> ScramServerAuth {
        self.binding.clone()
    }
}

/// Hands over bytes that were read before it was known that they are TLS. What rustls does not like it says in the handshake.
pub(super) fn replay(session: &mut ServerConnection, mut said: &[u8]) {
    while !said.is_empty() {
        let taken = session.read_tls(&mut said);
        if !matches!(taken, Ok(1..)) || session.process_new_packets().is_err() {
            return;
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if found.is_empty() => Err(in_file(path, &"holds no certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(in_file(path, &error)),
    }
}

fn in_file(path: &Path, reason: &dyn std::fmt::Display) -> TlsFault {
    TlsFault::File { path: path.to_owned(), reason: reason.to_string() }
}

fn client_verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    let Some(path) = &settings.authorities_file else {
        return match settings.demand {
            TlsDemand::Verify => Err(TlsFault::NoAuthorities),
            TlsDemand::Allow | TlsDemand::Require => Ok(WebPkiClientVerifier::no_client_auth()),
        };
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| in_file(path, &error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = match settings.demand {
        TlsDemand::Verify => builder,
        TlsDemand::Allow | TlsDemand::Require => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| in_file(path, &error))
}

/// pgwire hashes the certificate itself and wants it as PEM. Where the hash is not defined, -PLUS is not offered.
fn binding(certificate: &CertificateDer<'_>) -> ScramServerAuth {
    let mut auth = ScramServerAuth::new();
    if certificate::end_point(certificate).is_some() {
        let text = STANDARD.encode(certificate);
        let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        if let Err(error) = auth.configure_certificate(pem.as_bytes()) {
            tracing::warn!(%error, "no channel binding with this certificate");
        }
    }
    auth
}
