//! The reasons why a TLS handshake fails, with texts that say what to do.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};
use thiserror::Error;

/// Why a TLS handshake failed. The displayed text says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The server's certificate comes from a CA that this client does not trust.
    #[error(
        "the server's certificate is from a CA that this client does not trust; if it is your own CA, pass \
         its certificate to `ClientTls::add_ca_pem` or `only_ca_pem`"
    )]
    UnknownCa,
    /// The server's certificate has expired.
    #[error("the server's certificate has expired: renew it at the server, or set this machine's clock")]
    Expired,
    /// The server's certificate is not valid yet.
    #[error("the server's certificate is not valid yet: this machine's clock or the server's is wrong")]
    NotValidYet,
    /// The server's certificate is not valid for the host of the URL.
    #[error(
        "the server's certificate is for {}, not for the URL's host: use a URL with one of these names, or \
         issue a certificate for the host (as subjectAltName)",
        list(names)
    )]
    WrongName {
        /// The names and IP addresses that the certificate is valid for.
        names: Vec<String>,
    },
    /// The server presents a CA certificate, which must not be used as a server's own.
    #[error(
        "the server's certificate is a CA certificate (self-signed): issue one for the server with that CA, \
         or make it without `CA:TRUE` (`openssl req -x509 -addext basicConstraints=critical,CA:FALSE`)"
    )]
    IsCa,
    /// The server's certificate cannot be accepted for another reason.
    #[error("the server's certificate is invalid: {0}")]
    BadCertificate(String),
    /// The server does not send TLS.
    #[error("the server does not speak TLS on this port: use ws://, or the server's TLS port")]
    NotTls,
    /// The server requires a client certificate.
    #[error("the server requires a client certificate: pass one to `ClientTls::identity_pem`")]
    CertificateRequired,
    /// The server rejected this client's certificate.
    #[error(
        "the server rejected this client's certificate ({0}): it must be valid now, issued for client use, \
         and from a CA that the server trusts"
    )]
    CertificateRefused(String),
    /// The handshake failed for another reason.
    #[error("{0}")]
    Other(String),
}

impl TlsProblem {
    /// The TLS error among the sources of an error.
    pub(crate) fn beneath(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            // The source of an `io::Error` is the source of the error that it wraps, not that error.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(found) = wrapped.and_then(|wrapped| wrapped.downcast_ref()) {
                return Some(Self::of(found));
            }
            next = error.source();
        }
        None
    }

    fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            other => Self::Other(other.to_string()),
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError as Is;
        match error {
            // The latter two: a trusted CA has the same name, but another key or a key of another kind. With
            // the package ssl-cert, Debian has a certificate `CN=localhost` among the trusted ones.
            Is::UnknownIssuer
            | Is::BadSignature
            | Is::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::UnknownCa,
            Is::Expired | Is::ExpiredContext { .. } => Self::Expired,
            Is::NotValidYet | Is::NotValidYetContext { .. } => Self::NotValidYet,
            Is::NotValidForName => Self::WrongName { names: Vec::new() },
            Is::NotValidForNameContext { presented, .. } => {
                Self::WrongName { names: presented.iter().map(|name| bare(name).to_owned()).collect() }
            }
            // An error of webpki, whose type rustls does not export.
            Is::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => Self::IsCa,
            other => Self::BadCertificate(plain(other)),
        }
    }

    /// Alerts (RFC 8446 §6.2). An alert about a certificate can only concern the client's.
    fn of_alert(alert: AlertDescription) -> Self {
        use AlertDescription as Is;
        match alert {
            Is::CertificateRequired => Self::CertificateRequired,
            Is::BadCertificate
            | Is::UnsupportedCertificate
            | Is::CertificateRevoked
            | Is::CertificateExpired
            | Is::CertificateUnknown
            | Is::UnknownCA => Self::CertificateRefused(format!("{alert:?}")),
            Is::UnrecognisedName => Self::Other("the server has no certificate for the URL's host".into()),
            other => Self::Other(format!("the server ended the handshake with the alert {other:?}")),
        }
    }
}

/// What is wrong with a certificate. rustls prints most of these as Rust values, with numbers of algorithms.
fn plain(error: &CertificateError) -> String {
    use CertificateError as Is;
    let text = match error {
        Is::BadEncoding => "it cannot be parsed",
        Is::Revoked => "it has been revoked",
        Is::UnhandledCriticalExtension => "it has a critical extension that this client does not know",
        Is::UnknownRevocationStatus => "it is not known whether it has been revoked",
        Is::ExpiredRevocationList | Is::ExpiredRevocationListContext { .. } => {
            "the list of revoked certificates has expired"
        }
        Is::UnsupportedSignatureAlgorithmContext { .. } => {
            "it is signed with an algorithm that this client does not support, such as SHA-1"
        }
        Is::InvalidPurpose | Is::InvalidPurposeContext { .. } => {
            "it is not issued for servers (extendedKeyUsage without serverAuth)"
        }
        Is::InvalidOcspResponse => "the OCSP response of the server is invalid",
        Is::ApplicationVerificationFailure => "the application's own verifier rejected it",
        other => return other.to_string(),
    };
    text.to_owned()
}

/// rustls prints names as `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no name".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_bare() {
        assert_eq!(bare(r#"DnsName("localhost")"#), "localhost");
        assert_eq!(bare("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(bare("localhost"), "localhost");
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_in_words() {
        use CertificateError as Is;
        let told = |error: Is| TlsProblem::of(&rustls::Error::InvalidCertificate(error));
        let (signature_algorithm_id, oid) = (vec![6, 8, 42], vec![6, 7, 42]);
        let other_kind = Is::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: signature_algorithm_id.clone(),
            public_key_algorithm_id: oid,
        };
        assert_eq!(told(other_kind), TlsProblem::UnknownCa);
        let unsupported = Is::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id,
            supported_algorithms: Vec::new(),
        };
        let purpose = Is::InvalidPurposeContext {
            required: rustls::ExtendedKeyPurpose::ServerAuth,
            presented: vec![rustls::ExtendedKeyPurpose::Other(vec![1, 3, 6])],
        };
        for error in [unsupported, purpose, Is::BadEncoding, Is::Revoked, Is::UnhandledCriticalExtension] {
            let text = told(error).to_string();
            assert!(text.starts_with("the server's certificate is invalid: "), "{text}");
            let why = text.rsplit(": ").next().unwrap_or_default();
            assert!(why.contains(' ') && !why.contains(['[', '{']), "{text}");
        }
    }

    #[test]
    fn rustls_is_found_beneath() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let inner = io::Error::new(io::ErrorKind::InvalidData, alert);
        assert_eq!(TlsProblem::beneath(&inner), Some(TlsProblem::CertificateRequired));
        let foreign = io::Error::other("reset");
        assert_eq!(TlsProblem::beneath(&foreign), None);
    }
}
