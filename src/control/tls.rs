//! TLS towards servers, as libpq's `sslmode` means it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::logic::topology::{ServerTls, TlsMode};

/// Where systems keep the authorities they trust: Debian, Red Hat, macOS and BSD.
const SYSTEM_ROOTS: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Why there is no TLS to be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// The file cannot be read, or holds no certificates
    #[error("cannot read authorities from {path}: {reason}")]
    Roots {
        /// The file
        path: PathBuf,
        /// What is wrong with it
        reason: String,
    },
    /// No file is named, and the system has none
    #[error("no authorities to trust: name a file in root_file")]
    NoRoots,
    /// rustls does not like it
    #[error(transparent)]
    Rustls(#[from] Error),
}

/// The configuration for one server.
pub fn client_config(tls: &ServerTls) -> Result<ClientConfig, TlsFault> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    // libpq: `require` with a root file present means `verify-ca`.
    let verifier = match (tls.mode, &tls.root_file) {
        (TlsMode::VerifyFull, _) => return Ok(builder.with_root_certificates(roots(tls)?).with_no_client_auth()),
        (TlsMode::VerifyCa, _) | (TlsMode::Require, Some(_)) => {
            let chain = WebPkiServerVerifier::builder_with_provider(roots(tls)?.into(), provider.clone());
            Some(chain.build().map_err(|fault| Error::General(fault.to_string()))?)
        }
        (TlsMode::Disable | TlsMode::Prefer | TlsMode::Require, _) => None,
    };
    let verifier = Arc::new(AnyName { chain: verifier, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn roots(tls: &ServerTls) -> Result<RootCertStore, TlsFault> {
    let named = tls.root_file.as_deref();
    let path = named.or_else(|| SYSTEM_ROOTS.iter().map(Path::new).find(|it| it.exists())).ok_or(TlsFault::NoRoots)?;
    let fault = |reason: String| TlsFault::Roots { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| fault(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let mut roots = RootCertStore::empty();
    // Of a system's hundred authorities some are too odd for webpki; of the operator's own none may be.
    let (_, ignored) = roots.add_parsable_certificates(certificates.map_err(|error| fault(error.to_string()))?);
    match roots.is_empty() || (named.is_some() && ignored > 0) {
        true => Err(fault("not certificates of authorities".to_owned())),
        false => Ok(roots),
    }
}

/// Checks the chain when there is one to check, and never the name.
#[derive(Debug)]
struct AnyName {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The name is checked last: the chain was good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
