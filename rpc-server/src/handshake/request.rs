//! A request for an upgrade, checked (RFC 6455 §4.2.1).

use std::fmt;
use std::net::SocketAddr;

use birpc_core::transport::accept_key;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, Response, StatusCode, Uri, Version};

use super::certificates::PeerCertificates;
use super::origin::Origins;
use super::refusal::Refusal;
use super::subprotocol::Subprotocols;
use super::token::{names, only, tokens};

/// What a server asks of a handshake, beyond the standard.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// `None`: every path.
    pub(crate) path: Option<String>,
    pub(crate) origins: Origins,
    /// Whether this server itself speaks TLS.
    pub(crate) secure: bool,
    /// `None`: every host.
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) subprotocols: Subprotocols,
}

/// A valid request for an upgrade: what an `authorize` hook decides on.
pub struct Handshake {
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) offered: Vec<String>,
    pub(crate) certificates: PeerCertificates,
}

/// What a valid request comes to.
pub(crate) struct Agreed {
    accept: String,
    pub(crate) subprotocol: Option<String>,
    pub(crate) origin: Option<String>,
}

impl Rules {
    /// Checks a request; nothing of it is believed before.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(Agreed, Vec<String>), Refusal> {
        let headers = request.headers();
        let host = only(headers, &HOST).ok_or_else(|| Refusal::bad("one Host header is needed"))?;
        if self.path.as_ref().is_some_and(|path| path != request.uri().path()) {
            return Err(Refusal::new(404, "nothing is served at this path"));
        }
        let key = check_upgrade(request)?;
        // A browser sends one; of several, none may be a stranger's.
        let origins = headers.get_all(ORIGIN).into_iter();
        let origins: Vec<_> =
            origins.map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned()).collect();
        if self
            .hosts
            .as_ref()
            .is_some_and(|hosts| !hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)))
        {
            return Err(Refusal::forbidden("this Host is not served here"));
        }
        if !origins.iter().all(|origin| self.origins.allow(origin, host, self.secure)) {
            return Err(Refusal::forbidden("pages of this Origin may not connect"));
        }
        let offered: Vec<String> = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect();
        let subprotocol = self.subprotocols.agree(&offered)?;
        let origin = origins.into_iter().next();
        Ok((Agreed { accept: accept_key(key.as_bytes()), subprotocol, origin }, offered))
    }
}

/// The key of a request that is an upgrade to WebSocket 13.
fn check_upgrade<B>(request: &Request<B>) -> Result<&str, Refusal> {
    let headers = request.headers();
    if !names(headers, &UPGRADE, "websocket") {
        return Err(Refusal::upgrade_required());
    }
    if request.method() != Method::GET {
        return Err(Refusal::bad("a WebSocket handshake is a GET"));
    }
    if request.version() != Version::HTTP_11 {
        return Err(Refusal::bad("a WebSocket handshake is HTTP/1.1"));
    }
    // It would be taken for frames, or what follows for its rest: which of them, a proxy may see otherwise.
    if headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|length| length != "0")
    {
        return Err(Refusal::bad("a WebSocket handshake has no body"));
    }
    if !names(headers, &CONNECTION, "upgrade") {
        return Err(Refusal::bad("the Connection header does not name Upgrade"));
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(Refusal::upgrade_required());
    }
    only(headers, &SEC_WEBSOCKET_KEY)
        .filter(|key| is_key(key))
        .ok_or_else(|| Refusal::bad("one Sec-WebSocket-Key of 16 bytes in base64 is needed"))
}

/// 16 bytes in base64 (RFC 6455 §4.1): 22 digits and two paddings.
fn is_key(key: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix("==").is_some_and(|digits| digits.len() == 22 && digits.bytes().all(digit))
}

impl Agreed {
    pub(crate) fn response(&self) -> Response<String> {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let agreed =
            [(SEC_WEBSOCKET_ACCEPT, Some(&self.accept)), (SEC_WEBSOCKET_PROTOCOL, self.subprotocol.as_ref())];
        for (name, value) in agreed {
            // Base64, and a name that came in a header, are valid header values.
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
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

    /// The peer's address, or its proxy's.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
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

/// Without headers: they hold secrets.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("path", &self.uri.path())
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
