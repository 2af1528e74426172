//! A client's TLS settings: the certificates that it trusts and the one that it presents.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use birpc_core::__private::crates::tls::{ALPN, Pem, TlsError, add_roots, certified_key, provider};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};

/// How a client speaks TLS (`wss://`): the CAs that it trusts and the certificate that it presents. TLS 1.3
/// and 1.2, through rustls. A clone is cheap, and clones share the sessions that can be resumed.
///
/// ```no_run
/// # async fn example(private_ca: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use birpc_client::{Client, ClientTls};
///
/// let tls = ClientTls::default().add_ca_pem(private_ca)?;
/// let client = Client::builder().tls(tls).connect("wss://rpc.internal/").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    /// The parts of the configuration; `None` if it was given whole.
    parts: Option<Parts>,
}

#[derive(Clone)]
struct Parts {
    roots: RootCertStore,
    identity: Option<Arc<SingleCertAndKey>>,
}

/// Trusts the system's roots, which are read from its files or store. `SSL_CERT_FILE` and `SSL_CERT_DIR`
/// replace them. If there are none, as in a minimal container, it trusts [`ClientTls::webpki_roots`].
impl Default for ClientTls {
    fn default() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "some of the system's certificates cannot be read");
        }
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::debug!("the system has no root certificates; using webpki-roots");
            return Self::webpki_roots();
        }
        Self::build(Parts { roots, identity: None })
    }
}

impl ClientTls {
    /// Trusts Mozilla's roots, which are compiled in. They are the same on every machine, and as old as the
    /// build.
    ///
    /// ```
    /// let tls = birpc_client::ClientTls::webpki_roots();
    /// ```
    #[must_use]
    pub fn webpki_roots() -> Self {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Self::build(Parts { roots, identity: None })
    }

    /// Trusts only these CAs, in PEM: for a private CA.
    ///
    /// ```no_run
    /// # fn example(ca: &str) -> Result<(), birpc_core::TlsError> {
    /// let tls = birpc_client::ClientTls::only_ca_pem(ca)?;
    /// # Ok(()) }
    /// ```
    /// # Errors
    /// [`TlsError`] if they cannot be used.
    pub fn only_ca_pem(ca: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        Self::none().add_ca(&Pem::new("the CA", ca))
    }

    /// [`ClientTls::only_ca_pem`] from a PEM file, which is read now.
    ///
    /// # Errors
    /// [`TlsError`] names the file and the reason.
    pub fn only_ca_file(path: impl AsRef<Path>) -> Result<Self, TlsError> {
        Self::none().add_ca(&Pem::read(path)?)
    }

    /// Uses a complete rustls configuration, such as one with its own verifier or key store. It is used
    /// unchanged: its ALPN protocols should be `http/1.1`, or none.
    ///
    /// ```no_run
    /// # fn example(config: rustls::ClientConfig) {
    /// let tls = birpc_client::ClientTls::from_config(std::sync::Arc::new(config));
    /// # }
    /// ```
    #[must_use]
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self { config, parts: None }
    }

    /// Also trusts these CAs, in PEM.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be used.
    pub fn add_ca_pem(self, ca: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        self.add_ca(&Pem::new("the CA", ca))
    }

    /// [`ClientTls::add_ca_pem`] from a PEM file, which is read now.
    ///
    /// # Errors
    /// [`TlsError`] names the file and the reason.
    pub fn add_ca_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        self.add_ca(&Pem::read(path)?)
    }

    /// Presents this certificate to servers that request one. `chain` is PEM with the client's own
    /// certificate first, followed by those that lead to the CA; `key` is PEM with its private key. Both may
    /// be the same text.
    ///
    /// ```no_run
    /// # fn example(chain: &str, key: &str) -> Result<(), birpc_core::TlsError> {
    /// let tls = birpc_client::ClientTls::default().identity_pem(chain, key)?;
    /// # Ok(()) }
    /// ```
    /// # Errors
    /// [`TlsError`] if they cannot be used.
    pub fn identity_pem(self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        self.identity(&Pem::new("the client's certificate", chain), &Pem::new("the client's key", key))
    }

    /// [`ClientTls::identity_pem`] from PEM files, which are read now.
    ///
    /// # Errors
    /// [`TlsError`] names the file and the reason.
    pub fn identity_files(self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        self.identity(&Pem::read(chain)?, &Pem::read(key)?)
    }

    /// Trusts no CA.
    fn none() -> Self {
        Self::build(Parts { roots: RootCertStore::empty(), identity: None })
    }

    fn add_ca(self, ca: &Pem) -> Result<Self, TlsError> {
        let mut parts = self.parts.ok_or(TlsError::ReadyConfig)?;
        add_roots(&mut parts.roots, ca)?;
        Ok(Self::build(parts))
    }

    fn identity(self, chain: &Pem, key: &Pem) -> Result<Self, TlsError> {
        let parts = self.parts.ok_or(TlsError::ReadyConfig)?;
        let certified = certified_key(chain, key)?;
        let identity = Some(Arc::new(SingleCertAndKey::from(certified)));
        Ok(Self::build(Parts { identity, ..parts }))
    }

    fn build(parts: Parts) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of TLS 1.2 and 1.3")
            .with_root_certificates(parts.roots.clone());
        let mut config = match &parts.identity {
            Some(identity) => builder.with_client_cert_resolver(identity.clone()),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Self { config: Arc::new(config), parts: Some(parts) }
    }

    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

/// Omits the key.
impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ClientTls");
        if let Some(parts) = &self.parts {
            debug.field("roots", &parts.roots.len()).field("identity", &parts.identity.is_some());
        }
        debug.finish_non_exhaustive()
    }
}
