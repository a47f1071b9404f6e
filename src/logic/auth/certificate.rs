//! Three facts about a certificate: whom it names, when it ends, and its hash for channel binding. The only file naming the X.509 parser.

use std::time::Duration;

use ring::digest;
use x509_cert::Certificate;
use x509_cert::der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::oid::db::rfc5280::ID_CE_SUBJECT_ALT_NAME;
use x509_cert::der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, SHA_1_WITH_RSA_ENCRYPTION, SHA_256_WITH_RSA_ENCRYPTION,
    SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use x509_cert::der::{Decode, Tag, Tagged};

/// The subject's first common name, as PostgreSQL takes it (`X509_NAME_get_text_by_NID`), and libpq; `None` for names with a
/// NUL in them (CVE-2009-4034).
pub fn common_name(der: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    let mut names = certificate.tbs_certificate.subject.0.iter().flat_map(|part| part.0.iter());
    let value = &names.find(|attribute| attribute.oid == CN)?.value;
    let name = if value.tag() == Tag::Utf8String {
        Utf8StringRef::try_from(value).ok()?.as_str().to_owned()
    } else if value.tag() == Tag::PrintableString {
        PrintableStringRef::try_from(value).ok()?.as_str().to_owned()
    } else {
        TeletexStringRef::try_from(value).ok()?.as_str().to_owned()
    };
    (!name.contains('\0')).then_some(name)
}

/// The end of its validity, since 1970.
pub fn ends(der: &[u8]) -> Option<Duration> {
    Some(Certificate::from_der(der).ok()?.tbs_certificate.validity.not_after.to_unix_duration())
}

/// Says whether it has a subjectAltName: when it has none, its common name is the host's.
pub fn has_alternative_names(der: &[u8]) -> bool {
    Certificate::from_der(der).is_ok_and(|certificate| {
        let extensions = certificate.tbs_certificate.extensions.unwrap_or_default();
        extensions.iter().any(|extension| extension.extn_id == ID_CE_SUBJECT_ALT_NAME)
    })
}

/// RFC 5929 `tls-server-end-point`: the certificate hashed by its signature's own hash, SHA-256 in place of weaker ones.
/// `None` where the RFC leaves it open (Ed25519, RSA-PSS).
pub fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let algorithm = hash_of(Certificate::from_der(der).ok()?.signature_algorithm.oid)?;
    Some(digest::digest(algorithm, der).as_ref().to_vec())
}

fn hash_of(signature: ObjectIdentifier) -> Option<&'static digest::Algorithm> {
    match signature {
        SHA_1_WITH_RSA_ENCRYPTION | SHA_256_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_256 => Some(&digest::SHA256),
        SHA_384_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_384 => Some(&digest::SHA384),
        SHA_512_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_512 => Some(&digest::SHA512),
        _ => None,
    }
}
