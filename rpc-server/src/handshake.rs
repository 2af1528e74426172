//! The opening handshake (RFC 6455 §4.2): what is asked for, what is agreed on, what is refused.

use birpc_core::transport::accept_key;
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::Full;

/// Which subprotocols a server agrees on.
#[derive(Clone, Debug)]
pub(crate) struct Subprotocols {
    /// In order of preference.
    pub(crate) preferred: Vec<String>,
    /// Whether a client that offers only others is served without one.
    pub(crate) lenient: bool,
}

/// A valid request for an upgrade, and what it comes to.
#[derive(Debug)]
pub(crate) struct Agreed {
    accept: String,
    pub(crate) subprotocol: Option<String>,
    pub(crate) origin: Option<String>,
}

/// Why a request is no upgrade; the text is for whoever reads the response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Bad(&'static str),
    /// Not a WebSocket request, or of another version.
    UpgradeRequired,
    Full,
}

impl Agreed {
    pub(crate) fn on<B>(request: &Request<B>, subprotocols: &Subprotocols) -> Result<Self, Refusal> {
        let headers = request.headers();
        if request.method() != Method::GET {
            return Err(Refusal::Bad("a WebSocket handshake is a GET"));
        }
        if request.version() != Version::HTTP_11 {
            return Err(Refusal::Bad("a WebSocket handshake is HTTP/1.1"));
        }
        let mut hosts = headers.get_all(HOST).iter();
        if hosts.next().is_none() || hosts.next().is_some() {
            return Err(Refusal::Bad("one Host header is needed"));
        }
        if !names(request, &UPGRADE, "websocket") {
            return Err(Refusal::UpgradeRequired);
        }
        if !names(request, &CONNECTION, "upgrade") {
            return Err(Refusal::Bad("the Connection header does not name Upgrade"));
        }
        if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(Refusal::UpgradeRequired);
        }
        let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
        let (Some(key), None) = (keys.next().filter(|key| is_key(key)), keys.next()) else {
            return Err(Refusal::Bad("one Sec-WebSocket-Key of 16 bytes in base64 is needed"));
        };
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
        let subprotocol = agree(request, subprotocols)?;
        Ok(Self { accept: accept_key(key.as_bytes()), subprotocol, origin })
    }

    pub(crate) fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let values =
            [(SEC_WEBSOCKET_ACCEPT, Some(&self.accept)), (SEC_WEBSOCKET_PROTOCOL, self.subprotocol.as_ref())];
        for (name, value) in values {
            // Base64, and a name that came in a header, are valid header values.
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl Refusal {
    pub(crate) fn response(&self) -> Response<Full<Bytes>> {
        let (status, text) = match self {
            Self::Bad(why) => (StatusCode::BAD_REQUEST, *why),
            Self::UpgradeRequired => {
                (StatusCode::UPGRADE_REQUIRED, "this is a WebSocket endpoint; connect with version 13")
            }
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "too many connections; try again later"),
        };
        let mut response = Response::new(Full::new(Bytes::from(format!("{text}\n"))));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        // Nothing else is served here, so the connection need not wait for another request.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if *self == Self::UpgradeRequired {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade, close"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// The first of the server's subprotocols that the client offers.
fn agree<B>(request: &Request<B>, subprotocols: &Subprotocols) -> Result<Option<String>, Refusal> {
    let offered: Vec<&str> = tokens(request, &SEC_WEBSOCKET_PROTOCOL).collect();
    let agreed = subprotocols.preferred.iter().find(|name| offered.contains(&name.as_str()));
    if agreed.is_none() && !offered.is_empty() && !subprotocols.lenient {
        return Err(Refusal::Bad("none of the offered subprotocols is served here"));
    }
    Ok(agreed.cloned())
}

fn names<B>(request: &Request<B>, header: &HeaderName, token: &str) -> bool {
    tokens(request, header).any(|found| found.eq_ignore_ascii_case(token))
}

/// The comma-separated tokens of a header, over all of its lines.
fn tokens<'r, B>(request: &'r Request<B>, header: &HeaderName) -> impl Iterator<Item = &'r str> {
    let lines = request.headers().get_all(header).into_iter();
    let tokens = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    tokens.map(str::trim).filter(|token| !token.is_empty())
}

/// 16 bytes in base64 (RFC 6455 §4.1): 22 digits and two paddings.
fn is_key(value: &HeaderValue) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    matches!(value.as_bytes().split_last_chunk(), Some((digits, b"==")) if digits.len() == 22 && digits.iter().all(digit))
}
