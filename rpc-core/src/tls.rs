//! The parts of TLS that server and client share: certificates and keys from PEM (RFC 7468), their errors,
//! and the settings of rustls that are the same on both sides. The TLS connections themselves are in the
//! crates of the server and the client.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// Why certificates, a key or a TLS configuration cannot be used. Errors of a single connection are not among
/// these.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The text is not PEM.
    #[error("{origin} is not valid PEM: {why}")]
    Pem {
        /// The path of the file, or the purpose of the text.
        origin: String,
        /// The defect.
        why: String,
    },
    /// The text contains no certificate.
    #[error("{origin} has no certificate: PEM with `-----BEGIN CERTIFICATE-----` is needed, not DER")]
    NoCertificate {
        /// The path of the file, or the purpose of the text.
        origin: String,
    },
    /// The text contains no private key.
    #[error(
        "{origin} has no private key: PEM with `-----BEGIN PRIVATE KEY-----` (or RSA, or EC) is needed, \
         not encrypted and not DER"
    )]
    NoKey {
        /// The path of the file, or the purpose of the text.
        origin: String,
    },
    /// The certificates or key were read but cannot be used: the key does not belong to the certificate, the
    /// algorithm is not supported, or a certificate is malformed.
    #[error("{origin} cannot be used: {why}")]
    Unusable {
        /// The certificates or key.
        origin: String,
        /// The reason.
        why: String,
    },
    /// A TLS configuration that was given whole cannot be changed by single settings.
    #[error("a complete TLS configuration cannot be changed here; change it where it is created")]
    ReadyConfig,
}

impl TlsError {
    /// Creates a [`TlsError::Unusable`].
    pub fn unusable(origin: impl Into<String>, why: impl Display) -> Self {
        Self::Unusable { origin: origin.into(), why: why.to_string() }
    }
}

/// PEM text, with a name for error messages.
#[derive(Debug)]
pub struct Pem {
    origin: String,
    text: Vec<u8>,
}

impl Pem {
    /// Takes text that is in memory.
    pub fn new(origin: &str, text: impl AsRef<[u8]>) -> Self {
        Self { origin: origin.to_owned(), text: text.as_ref().to_vec() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`TlsError::Read`] if it cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let path = path.as_ref();
        let failed = |source| TlsError::Read { path: path.to_owned(), source };
        Ok(Self { text: fs::read(path).map_err(failed)?, origin: path.display().to_string() })
    }

    /// The name for error messages.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// All certificates in the text, in their order; at least one. Other sections are ignored.
    ///
    /// # Errors
    /// [`TlsError::Pem`] or [`TlsError::NoCertificate`].
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text).collect();
        let found = found.map_err(|error| self.broken(&error))?;
        if found.is_empty() {
            return Err(TlsError::NoCertificate { origin: self.origin.clone() });
        }
        Ok(found)
    }

    /// The first private key in the text: PKCS #8, PKCS #1 or SEC 1. Other sections are ignored.
    ///
    /// # Errors
    /// [`TlsError::Pem`] or [`TlsError::NoKey`].
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(&self.text).map_err(|error| match error {
            PemError::NoItemsFound => TlsError::NoKey { origin: self.origin.clone() },
            error => self.broken(&error),
        })
    }

    fn broken(&self, error: &PemError) -> TlsError {
        TlsError::Pem { origin: self.origin.clone(), why: error.to_string() }
    }
}

/// The only protocol used over TLS (RFC 7301): a WebSocket begins as HTTP/1.1.
pub const ALPN: &[u8] = b"http/1.1";

/// ring's provider, regardless of the default of the process.
#[must_use]
pub fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// A certificate chain with its key.
///
/// # Errors
/// [`TlsError`] if one of them cannot be used, or if they do not belong together.
pub fn certified_key(chain: &Pem, key: &Pem) -> Result<CertifiedKey, TlsError> {
    CertifiedKey::from_der(chain.certificates()?, key.key()?, &provider())
        .map_err(|error| TlsError::unusable(format!("{} with {}", chain.origin(), key.origin()), error))
}

/// Adds every certificate in `ca` to the trusted roots.
///
/// # Errors
/// [`TlsError`] if a certificate cannot be used.
pub fn add_roots(roots: &mut RootCertStore, ca: &Pem) -> Result<(), TlsError> {
    for certificate in ca.certificates()? {
        roots.add(certificate).map_err(|error| TlsError::unusable(ca.origin(), error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_pem_is_said() {
        let certificates = |text: &str| Pem::new("ca.pem", text).certificates().map(|found| found.len());
        let error = certificates("MIIB").expect_err("no PEM").to_string();
        assert!(error.contains("ca.pem has no certificate") && error.contains("BEGIN CERT"), "{error}");
        let error = certificates("-----BEGIN CERTIFICATE-----\nMIIB\n").expect_err("no end").to_string();
        assert!(error.contains("ca.pem is not valid PEM"), "{error}");
        let two = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".repeat(2);
        assert_eq!(certificates(&two).expect("two certificates"), 2);

        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let error = Pem::new("key.pem", encrypted).key().expect_err("encrypted").to_string();
        assert!(error.contains("key.pem has no private key") && error.contains("not encrypted"), "{error}");
        let error = Pem::read("no/such/file.pem").expect_err("no file").to_string();
        assert!(error.contains("no/such/file.pem"), "{error}");
    }
}
