//! Configures a connection to NATS.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "tls")]
use birpc_core::__private::crates::tls::{Pem, add_roots};
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use crate::client::{Key, Settings};
use crate::current::Current;
use crate::error::ConnectError;
use crate::keeper::Keeper;
use crate::nats::Nats;
use crate::queue::Queue;
use crate::servers::{Servers, User};
use crate::subjects::Subjects;

/// Configures a connection to NATS. Made by [`Nats::builder`].
#[derive(Clone)]
pub struct NatsBuilder {
    urls: Vec<String>,
    prefix: String,
    name: Option<String>,
    user: Option<User>,
    key: Option<Key>,
    requires_tls: bool,
    #[cfg(feature = "tls")]
    roots: Vec<PathBuf>,
    #[cfg(feature = "tls")]
    identity: Option<(PathBuf, PathBuf)>,
}

impl fmt::Debug for NatsBuilder {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBuilder").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Nats {
    /// Starts to configure a connection to a NATS server: `nats://host:4222`, or `tls://host:4222` for TLS.
    /// Port 4222 may be omitted, and so may `nats://`. Several servers are separated by commas; a user and
    /// password may be before the host, as `nats://user:password@host`.
    #[must_use]
    pub fn builder(url: impl Into<String>) -> NatsBuilder {
        NatsBuilder {
            urls: vec![url.into()],
            prefix: "birpc".into(),
            name: None,
            user: None,
            key: None,
            requires_tls: false,
            #[cfg(feature = "tls")]
            roots: Vec::new(),
            #[cfg(feature = "tls")]
            identity: None,
        }
    }
}

impl NatsBuilder {
    /// Adds the URL of another server of the same NATS cluster, or several, separated by commas. Others are
    /// learned from the servers themselves.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// Sets the beginning of all subjects, 1 to 32 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`. Servers
    /// with different prefixes do not hear each other. Default: `birpc`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the name that NATS shows in its list of connections.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets user and password. Those in a URL are used instead for its server.
    #[must_use]
    pub fn user_and_password(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some(User::Password { user: user.into(), password: password.into() });
        self
    }

    /// Sets a token, instead of user and password.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.user = Some(User::Token(token.into()));
        self
    }

    /// Sets the seed of a user's key, `SU…`.
    #[cfg(feature = "nkeys")]
    #[cfg_attr(docsrs, doc(cfg(feature = "nkeys")))]
    #[must_use]
    pub fn nkey(mut self, seed: impl Into<String>) -> Self {
        self.key = Some(Key::Seed(seed.into()));
        self
    }

    /// Sets the text of a credentials file, with the JWT and the key of a user.
    #[cfg(feature = "nkeys")]
    #[cfg_attr(docsrs, doc(cfg(feature = "nkeys")))]
    #[must_use]
    pub fn credentials(mut self, text: impl Into<String>) -> Self {
        self.key = Some(Key::Credentials(text.into()));
        self
    }

    /// Connects with TLS, also to `nats://` URLs. Without this, it does so if a URL begins with `tls://` or
    /// the server asks for it.
    #[must_use]
    pub fn require_tls(mut self) -> Self {
        self.requires_tls = true;
        self
    }

    /// Trusts the certificates in this PEM file, and no others. It is read by [`NatsBuilder::connect`].
    /// Without this, the roots of the system are trusted.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn add_root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.roots.push(path.into());
        self
    }

    /// Presents a certificate; `certificate` and `key` are PEM files. They are read by
    /// [`NatsBuilder::connect`].
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn add_client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Connects to one of the servers, and keeps the connection. Each server is tried once; a server has six
    /// seconds.
    ///
    /// # Errors
    /// [`ConnectError`] if no server can be reached, or if a server refuses the credentials. Once there has
    /// been a connection, attempts to restore it go on without an end: see [`Nats`].
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no connection.
    pub async fn connect(self) -> Result<Nats, ConnectError> {
        if !Subjects::is_prefix(&self.prefix) {
            return Err(ConnectError::Prefix(self.prefix));
        }
        let mut servers = Servers::parse(&self.urls)?;
        let tls = self.tls()?;
        let random = || u128::from(RandomState::new().hash_one(0_u8));
        let subjects = Subjects::new(self.prefix, random() << 64 | random());
        let settings = Settings {
            subjects: subjects.clone(),
            name: self.name,
            user: self.user,
            key: self.key,
            tls,
            requires_tls: self.requires_tls,
            is_careful: Arc::default(),
        };
        let queue = Arc::new(Queue::default());
        let connection = settings.connect_to_one(&mut servers, &queue).await?;
        let current = Arc::new(Current::new(connection.clone(), queue));
        let keeper = tokio::spawn(Keeper::new(settings, servers, current.clone()).keep(connection));
        Ok(Nats::new(subjects, current, keeper))
    }

    #[cfg(feature = "tls")]
    fn tls(&self) -> Result<ClientConfig, ConnectError> {
        let mut roots = RootCertStore::empty();
        for path in &self.roots {
            add_roots(&mut roots, &Pem::read(path)?)?;
        }
        let config = with_roots(if self.roots.is_empty() { system_roots() } else { roots })?;
        let Some((certificate, key)) = &self.identity else { return Ok(config.with_no_client_auth()) };
        let certificate = Pem::read(certificate)?;
        let (chain, key) = (certificate.certificates()?, Pem::read(key)?.key()?);
        let unusable = |error| birpc_core::TlsError::unusable(certificate.origin(), error);
        Ok(config.with_client_auth_cert(chain, key).map_err(unusable)?)
    }

    #[cfg(not(feature = "tls"))]
    fn tls(&self) -> Result<ClientConfig, ConnectError> {
        Ok(with_roots(system_roots())?.with_no_client_auth())
    }
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The provider is named, since there is no default one where a program has compiled two.
fn with_roots(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConnectError> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions();
    let config = config.map_err(|error| ConnectError::Credentials(error.to_string()))?;
    Ok(config.with_root_certificates(roots))
}
