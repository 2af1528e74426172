//! What the two sides share for TLS: certificates and keys from PEM (RFC 7468), what can be wrong with them,
//! and the settings of rustls that are the same on both. TLS itself is in the crates of the server and of the
//! client.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// Why certificates, a key or a TLS configuration cannot be used. What goes wrong with a connection is not
/// here.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The text is not PEM.
    #[error("{origin} is not valid PEM: {why}")]
    Pem {
        /// Which text: a file's path, or what it was given for.
        origin: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no certificate in it.
    #[error("{origin} has no certificate: PEM with `-----BEGIN CERTIFICATE-----` is needed, not DER")]
    NoCertificate {
        /// Which text: a file's path, or what it was given for.
        origin: String,
    },
    /// There is no private key in it.
    #[error(
        "{origin} has no private key: PEM with `-----BEGIN PRIVATE KEY-----` (or RSA, or EC) is needed, \
         not encrypted and not DER"
    )]
    NoKey {
        /// Which text: a file's path, or what it was given for.
        origin: String,
    },
    /// It was read, but is of no use: a key that does not belong to the certificate, an algorithm that is not
    /// known, a certificate that is broken.
    #[error("{origin} cannot be used: {why}")]
    Unusable {
        /// Which certificates or key.
        origin: String,
        /// What is wrong with it.
        why: String,
    },
    /// A ready configuration is used as it is.
    #[error("a ready TLS configuration is used as it is; make the change where it is made")]
    ReadyConfig,
}

impl TlsError {
    /// [`TlsError::Unusable`].
    pub fn unusable(origin: impl Into<String>, why: impl Display) -> Self {
        Self::Unusable { origin: origin.into(), why: why.to_string() }
    }
}

/// PEM text, and what to call it in errors.
#[derive(Debug)]
pub struct Pem {
    origin: String,
    text: Vec<u8>,
}

impl Pem {
    /// Text that is there already.
    pub fn new(origin: &str, text: impl AsRef<[u8]>) -> Self {
        Self { origin: origin.to_owned(), text: text.as_ref().to_vec() }
    }

    /// The text of a file, which is read at once.
    ///
    /// # Errors
    /// [`TlsError::Read`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let path = path.as_ref();
        let failed = |source| TlsError::Read { path: path.to_owned(), source };
        Ok(Self { text: fs::read(path).map_err(failed)?, origin: path.display().to_string() })
    }

    /// What it is called in errors.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every certificate in it, in their order; at least one. Other sections are passed over.
    ///
    /// # Errors
    /// [`TlsError::Pem`], [`TlsError::NoCertificate`].
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text).collect();
        let found = found.map_err(|error| self.broken(&error))?;
        if found.is_empty() {
            return Err(TlsError::NoCertificate { origin: self.origin.clone() });
        }
        Ok(found)
    }

    /// The first private key in it: PKCS #8, PKCS #1 or SEC 1. Other sections are passed over.
    ///
    /// # Errors
    /// [`TlsError::Pem`], [`TlsError::NoKey`].
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

/// The only protocol that is spoken over TLS (RFC 7301): a WebSocket begins as HTTP/1.1.
#[doc(hidden)]
pub const ALPN: &[u8] = b"http/1.1";

/// ring's, whatever the process has as its default.
#[doc(hidden)]
#[must_use]
pub fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// A certificate with its key.
///
/// # Errors
/// [`TlsError`] says what is wrong with them, or that they do not belong together.
#[doc(hidden)]
pub fn certified_key(chain: &Pem, key: &Pem) -> Result<CertifiedKey, TlsError> {
    CertifiedKey::from_der(chain.certificates()?, key.key()?, &provider())
        .map_err(|error| TlsError::unusable(format!("{} with {}", chain.origin(), key.origin()), error))
}

/// Trusts every certificate in `ca`, too.
///
/// # Errors
/// [`TlsError`] says what is wrong with them.
#[doc(hidden)]
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
