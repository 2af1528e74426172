//! A server's TLS settings: the certificate that it presents, and those that it requests from clients.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use birpc_core::__private::crates::tls::{ALPN, Pem, TlsError, add_roots, certified_key, provider};
use rustls::crypto::ring::Ticketer;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

/// Whether clients must present a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientCertificates {
    /// A client without a certificate is refused during the TLS handshake.
    Required,
    /// A client without a certificate is accepted, and [`crate::Handshake::peer_certificates`] is empty. A
    /// client with an invalid one is refused.
    Optional,
}

/// How a server speaks TLS (`wss://`): its certificate, and whether clients must present one. TLS 1.3 and
/// 1.2, through rustls. A clone is cheap.
///
/// Returning clients resume their sessions for up to twelve hours, however many clients there are. The server
/// keeps no state for them except a random key that changes every six hours. After a restart, and at another
/// process, the key is a different one, so a client's first handshake there is a full one.
///
/// ```no_run
/// # async fn example(router: birpc_core::Router) -> Result<(), Box<dyn std::error::Error>> {
/// use birpc_server::{Server, ServerTls};
///
/// let tls = ServerTls::from_pem_files("chain.pem", "key.pem")?;
/// Server::builder().tls(tls).bind("0.0.0.0:443").await?.serve(router).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    /// The parts of the configuration; `None` if it was given whole.
    parts: Option<Parts>,
}

#[derive(Clone)]
struct Parts {
    certificate: Arc<Certificate>,
    /// The CAs of clients' certificates. If empty, no certificates are requested.
    roots: RootCertStore,
    policy: ClientCertificates,
}

impl ServerTls {
    /// Reads certificate and private key from PEM files, now. The first file has the server's own
    /// certificate, followed by those that lead to the CA; clients have the CA's own certificate already.
    ///
    /// # Errors
    /// [`TlsError`] names the file and the reason.
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        Self::new(&Pem::read(chain)?, &Pem::read(key)?)
    }

    /// Takes certificate and private key in PEM; see [`ServerTls::from_pem_files`]. Both may be the same
    /// text.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be used.
    pub fn from_pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        Self::new(&Pem::new("the server's certificate", chain), &Pem::new("the server's key", key))
    }

    /// Uses a complete rustls configuration, such as one that chooses the certificate by the requested name.
    /// It is used unchanged: its ALPN protocols should be `http/1.1`, or none, and it should have a
    /// `ticketer`, since rustls otherwise keeps the sessions of only about 125 clients.
    ///
    /// ```no_run
    /// # fn example(config: rustls::ServerConfig) {
    /// let tls = birpc_server::ServerTls::from_config(std::sync::Arc::new(config));
    /// # }
    /// ```
    #[must_use]
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self { config, parts: None }
    }

    /// Requests certificates of these CAs (in PEM) from clients. Further calls add CAs, and the last `policy`
    /// applies. A certificate must be valid now and issued for client use.
    /// [`crate::ServerBuilder::authorize`] decides which of the certificates' owners may connect, from
    /// [`crate::Handshake::peer_certificates`].
    ///
    /// ```no_run
    /// # fn example(ca: &str) -> Result<(), birpc_core::TlsError> {
    /// use birpc_server::{ClientCertificates, ServerTls};
    ///
    /// let tls = ServerTls::from_pem_files("chain.pem", "key.pem")?
    ///     .client_ca_pem(ca, ClientCertificates::Required)?;
    /// # Ok(()) }
    /// ```
    /// # Errors
    /// [`TlsError`] if they cannot be used.
    pub fn client_ca_pem(self, ca: impl AsRef<[u8]>, policy: ClientCertificates) -> Result<Self, TlsError> {
        self.client_ca(&Pem::new("the CA of clients' certificates", ca), policy)
    }

    /// [`ServerTls::client_ca_pem`] from a PEM file, which is read now.
    ///
    /// # Errors
    /// [`TlsError`] names the file and the reason.
    pub fn client_ca_file(
        self,
        path: impl AsRef<Path>,
        policy: ClientCertificates,
    ) -> Result<Self, TlsError> {
        self.client_ca(&Pem::read(path)?, policy)
    }

    /// Presents another certificate, such as a renewed one, from the next handshake on. All clones change,
    /// also in servers that already use them. Open connections, resumed sessions and the CAs of clients'
    /// certificates do not change. If this fails, nothing changes.
    ///
    /// ```no_run
    /// # use tokio::sync::mpsc::Receiver;
    /// # async fn example(mut renewed: Receiver<()>) -> Result<(), Box<dyn std::error::Error>> {
    /// use birpc_server::{Server, ServerTls};
    ///
    /// let tls = ServerTls::from_pem_files("chain.pem", "key.pem")?;
    /// let server = Server::builder().tls(tls.clone()).bind("0.0.0.0:443").await?;
    /// # drop(server);
    /// tokio::spawn(async move {
    ///     while renewed.recv().await.is_some() { // a signal, a timer, or whoever writes the files
    ///         if let Err(error) = tls.reload_pem_files("chain.pem", "key.pem") {
    ///             eprintln!("the old certificate stays: {error}");
    ///         }
    ///     }
    /// });
    /// # Ok(()) }
    /// ```
    /// # Errors
    /// [`TlsError`] names the file and the reason; [`TlsError::ReadyConfig`] after
    /// [`ServerTls::from_config`].
    pub fn reload_pem_files(&self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<(), TlsError> {
        self.reload(&Pem::read(chain)?, &Pem::read(key)?)
    }

    /// [`ServerTls::reload_pem_files`] with PEM text.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be used; [`TlsError::ReadyConfig`] after [`ServerTls::from_config`].
    pub fn reload_pem(&self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<(), TlsError> {
        self.reload(&Pem::new("the server's certificate", chain), &Pem::new("the server's key", key))
    }

    fn reload(&self, chain: &Pem, key: &Pem) -> Result<(), TlsError> {
        let parts = self.parts.as_ref().ok_or(TlsError::ReadyConfig)?;
        parts.certificate.replace(certified_key(chain, key)?);
        Ok(())
    }

    fn new(chain: &Pem, key: &Pem) -> Result<Self, TlsError> {
        let certified = certified_key(chain, key)?;
        Self::build(Parts {
            certificate: Arc::new(Certificate::new(certified)),
            roots: RootCertStore::empty(),
            policy: ClientCertificates::Optional,
        })
    }

    fn client_ca(self, ca: &Pem, policy: ClientCertificates) -> Result<Self, TlsError> {
        let mut parts = self.parts.ok_or(TlsError::ReadyConfig)?;
        add_roots(&mut parts.roots, ca)?;
        Self::build(Parts { policy, ..parts })
    }

    fn build(parts: Parts) -> Result<Self, TlsError> {
        let provider = Arc::new(provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of TLS 1.2 and 1.3");
        let builder = if parts.roots.is_empty() {
            builder.with_no_client_auth()
        } else {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(parts.roots.clone()), provider);
            let verifier = match parts.policy {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
            };
            let unusable = |error| TlsError::unusable("the CA of clients' certificates", error);
            builder.with_client_cert_verifier(verifier.build().map_err(unusable)?)
        };
        let mut config = builder.with_cert_resolver(parts.certificate.clone());
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.ticketer =
            Ticketer::new().map_err(|error| TlsError::unusable("the key of session tickets", error))?;
        Ok(Self { config: Arc::new(config), parts: Some(parts) })
    }

    pub(crate) fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }
}

/// The server's certificate, which may be replaced while the server runs.
#[derive(Debug)]
struct Certificate(RwLock<Arc<CertifiedKey>>);

impl Certificate {
    fn new(certified: CertifiedKey) -> Self {
        Self(RwLock::new(Arc::new(certified)))
    }

    fn replace(&self, certified: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Omits the key.
impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.parts.as_ref().filter(|parts| !parts.roots.is_empty()).map(|parts| parts.policy);
        f.debug_struct("ServerTls").field("client_certificates", &clients).finish_non_exhaustive()
    }
}
