//! Whom we take for the server: libpq's `sslmode` as a certificate check.

use super::fault::ConnectFault;
use crate::logic::auth::certificate;
use crate::logic::topology::{ServerTls, TlsMode};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// Reads what the mode needs.
pub fn config(tls: &ServerTls) -> Result<ClientConfig, ConnectFault> {
    let provider = Arc::new(ring::default_provider());
    let check = Check::new(tls, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectFault::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(check))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

/// What TLS calls the host. Where the host is no valid name, nothing is checked against it that could pass.
pub(super) fn server_name(host: &str) -> ServerName<'static> {
    let nameless = || ServerName::try_from("name.invalid").expect("it is a valid name");
    ServerName::try_from(host.to_owned()).unwrap_or_else(|_| nameless())
}

#[derive(Debug)]
struct Check {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum Trust {
    /// prefer, require: encryption alone
    Anyone,
    /// verify-ca, verify-full
    Signed { roots: RootCertStore, listed: Vec<CertificateDer<'static>>, by_name: bool },
}

impl Check {
    fn new(tls: &ServerTls, provider: &CryptoProvider) -> Result<Self, ConnectFault> {
        let trust = match tls.mode {
            TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => Trust::Anyone,
            TlsMode::VerifyCa => Self::signed(tls.root_file.as_deref(), false)?,
            TlsMode::VerifyFull => Self::signed(tls.root_file.as_deref(), true)?,
        };
        Ok(Self { trust, algorithms: provider.signature_verification_algorithms })
    }

    fn signed(file: Option<&Path>, by_name: bool) -> Result<Trust, ConnectFault> {
        let Some(file) = file else {
            return Err(ConnectFault::Tls("verify-ca and verify-full need a root file".to_owned()));
        };
        let unread = |reason: String| ConnectFault::Tls(format!("{}: {reason}", file.display()));
        let listed = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let listed = listed.map_err(|error| unread(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in &listed {
            roots.add(certificate.clone()).map_err(|error| unread(error.to_string()))?;
        }
        if listed.is_empty() {
            return Err(unread("holds no certificate".to_owned()));
        }
        Ok(Trust::Signed { roots, listed, by_name })
    }
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (roots, listed, by_name) = match &self.trust {
            Trust::Anyone => return Ok(ServerCertVerified::assertion()),
            Trust::Signed { roots, listed, by_name } => (roots, listed, *by_name),
        };
        let parsed = ParsedCertificate::try_from(own)?;
        // A self-signed certificate that is its own root, as the PostgreSQL manual makes them: rustls would say
        // CaUsedAsEndEntity. Being listed is all the proof there can be.
        if !listed.iter().any(|certificate| certificate == own) {
            verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, self.algorithms.all)?;
        }
        if by_name {
            check_name(own, &parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// As libpq: the alternative names, or the common name where there are none at all.
fn check_name(own: &CertificateDer<'_>, parsed: &ParsedCertificate<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    if certificate::has_alternative_names(own) {
        return verify_server_name(parsed, name);
    }
    match certificate::common_name(own) {
        Some(common) if common.eq_ignore_ascii_case(&name.to_str()) => Ok(()),
        Some(_) | None => Err(Error::InvalidCertificate(CertificateError::NotValidForName)),
    }
}
