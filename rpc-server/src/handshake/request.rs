//! A valid upgrade request, as the `authorize` hook sees it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{COOKIE, HeaderMap, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;
use http::{Extensions, Uri};

use super::headers::tokens;

/// A valid upgrade request, on which the `authorize` hook decides.
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
    /// The same view of a request that need not be an upgrade: for an HTTP server that guards pages with the
    /// function that guards its connections. Certificates and parameters of the path are taken from the
    /// request's extensions, as in [`crate::Acceptor::accept`].
    #[must_use]
    pub fn of_parts(parts: Parts, remote_addr: Option<SocketAddr>) -> Self {
        let Parts { headers, uri, mut extensions, .. } = parts;
        let offered = tokens(&headers, &SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect();
        let certificates = extensions.remove().unwrap_or_default();
        let params = extensions.remove().unwrap_or_default();
        Self { headers, uri, remote_addr, offered, certificates, params, extensions }
    }

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

    /// A parameter of the path, decoded, such as `room` of an axum route `/rooms/{room}`. A server with its
    /// own listener has no routes, so it has none.
    #[must_use]
    pub fn path_param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    /// The extensions that the HTTP server around a mounted acceptor has added to the request, such as the
    /// user whom an authentication middleware has identified. A [`crate::Grant`] passes values on to
    /// handlers.
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

    /// The address of the peer or of its proxy. An IPv4 address has its IPv4 form, even if it arrived at a
    /// listener for both IPv6 and IPv4.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.remote_addr
    }

    /// The certificates that the peer presented over TLS, in DER (RFC 5280 §4.1), its own first. They have
    /// been verified. Empty without TLS, and if the peer presented none.
    #[must_use]
    pub fn peer_certificates(&self) -> &[Vec<u8>] {
        self.certificates.as_slice()
    }

    /// All offered subprotocols, including those that are not valid names. A browser can send a token only
    /// here, such as `["birpc.v1", "bearer.…"]`. The server never echoes a name that it does not support.
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

/// Omits headers, query and extensions, which contain secrets.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("path", &self.uri.path())
            .field("remote_addr", &self.remote_addr)
            .finish_non_exhaustive()
    }
}

/// The parameters of a request's path, such as `room` in `/rooms/{room}`. `Acceptor::into_route` sets them.
/// Another HTTP server puts them among the extensions of the request; [`crate::Handshake::path_param`]
/// returns them:
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
    /// Creates parameters from names and decoded values.
    pub fn new<N: Into<String>, V: Into<String>>(params: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(params.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// The verified certificates that a client presented, in DER, its own first. A server with
/// `ServerBuilder::tls` sets them. Another HTTP server puts them among the extensions of the request;
/// [`crate::Handshake::peer_certificates`] returns them:
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
    /// Creates a list of certificates, in DER, the client's own first.
    pub fn new(certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(certificates.into_iter().collect())
    }

    pub(crate) fn as_slice(&self) -> &[Vec<u8>] {
        &self.0
    }
}
