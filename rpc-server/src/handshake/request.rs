//! A valid request for an upgrade: what an `authorize` hook decides on.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{COOKIE, HeaderMap};
use http::{Extensions, Uri};

/// A valid request for an upgrade: what an `authorize` hook decides on.
pub struct Handshake {
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) remote_addr: Option<SocketAddr>,
    pub(crate) offered: Vec<String>,
    pub(crate) certificates: PeerCertificates,
    pub(crate) params: PathParams,
    pub(crate) extensions: Extensions,
}

impl Handshake {
    /// All header lines.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Path and query.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// A parameter of the path, such as `room` of an axum route `/rooms/{room}`, decoded. At a server of its
    /// own, which has no routes, there are none.
    #[must_use]
    pub fn path_param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    /// What the HTTP server around a mounted acceptor has added to the request, by its type: such as the user
    /// that a middleware for logins has found. A [`crate::Grant`] hands it over to handlers.
    ///
    /// ```no_run
    /// # use birpc_server::{Grant, Refusal, Server};
    /// /// What the middleware adds to a request that has a valid session.
    /// #[derive(Clone)]
    /// struct User(String);
    ///
    /// let server = Server::builder().authorize(|request| async move {
    ///     let user = request.extensions().get::<User>();
    ///     let user = user.ok_or_else(|| Refusal::unauthorized("log in first"))?;
    ///     Ok(Grant::new().with(user.clone()))
    /// });
    /// ```
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The peer's address, or its proxy's. An IPv4 address is shown as one, also where it came to a listener
    /// for both IPv6 and IPv4.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.remote_addr
    }

    /// The certificates that the peer has shown over TLS, in DER (RFC 5280 §4.1), its own first; they were
    /// verified before. Empty without TLS, and if it has shown none.
    #[must_use]
    pub fn peer_certificates(&self) -> &[Vec<u8>] {
        self.certificates.as_slice()
    }

    /// Every subprotocol that is offered, also those that are no names: a browser can send a token only
    /// here, such as `["birpc.v1", "bearer.…"]`. What the server does not name itself is never echoed.
    #[must_use]
    pub fn offered_subprotocols(&self) -> &[String] {
        &self.offered
    }

    /// The value of a cookie (RFC 6265 §5.4).
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// A bearer token: from `Authorization: Bearer …` (RFC 6750 §2.1), or from an offered subprotocol
    /// `bearer.…`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let header = self.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let header = header.and_then(|value| value.split_once(' '));
        let header =
            header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        header.or_else(|| self.offered.iter().find_map(|name| name.strip_prefix("bearer.")))
    }
}

/// Without headers, query and extensions: they hold secrets.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("path", &self.uri.path())
            .field("remote_addr", &self.remote_addr)
            .finish_non_exhaustive()
    }
}

/// What the HTTP server around an acceptor has found in the path of a request, such as `room` in
/// `/rooms/{room}`. `Acceptor::into_route` fills it in. Another server puts it among the extensions of the
/// request, and finds it in [`crate::Handshake::path_param`]:
///
/// ```
/// use birpc_server::PathParams;
///
/// fn prepare<B>(request: &mut http::Request<B>, room: &str) {
///     request.extensions_mut().insert(PathParams::new([("room", room)]));
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct PathParams(Arc<[(String, String)]>);

impl PathParams {
    /// Names and values, the latter decoded.
    pub fn new<N: Into<String>, V: Into<String>>(params: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(params.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// The certificates that a client has shown and that were verified, in DER, its own first. A server with
/// `ServerBuilder::tls` fills it in. One that is mounted elsewhere puts it among the extensions of the
/// request, and finds it in [`crate::Handshake::peer_certificates`]:
///
/// ```
/// use birpc_server::PeerCertificates;
///
/// fn prepare<B>(request: &mut http::Request<B>, verified: Vec<Vec<u8>>) {
///     request.extensions_mut().insert(PeerCertificates::new(verified));
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct PeerCertificates(Arc<[Vec<u8>]>);

impl PeerCertificates {
    /// These, in DER, the client's own first.
    pub fn new(certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(certificates.into_iter().collect())
    }

    pub(crate) fn as_slice(&self) -> &[Vec<u8>] {
        &self.0
    }
}
