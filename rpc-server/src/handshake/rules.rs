//! Checks an upgrade request (RFC 6455 §4.2.1) against the server's settings.

use std::sync::atomic::{AtomicBool, Ordering};

use birpc_core::__private::crates::{accept_key, excerpt};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, Response, StatusCode, Version};

use super::headers::{is_secure, names, only, tokens};
use super::host::{Hosts, Local};
use super::origin::Origins;
use super::refusal::{Refusal, ResponseBody};

/// The number of characters of a `Host` or an `Origin` that are shown.
const SHOWN: usize = 100;

/// The rules of a server for handshakes, in addition to those of the RFC.
#[derive(Debug)]
pub(crate) struct Rules {
    /// `None`: every path.
    pub(crate) path: Option<String>,
    /// The path of health checks.
    pub(crate) health: Option<String>,
    pub(crate) origins: Origins,
    /// Whether clients use TLS, to this server or to a proxy in front of it.
    pub(crate) secure: bool,
    pub(crate) hosts: Hosts,
    pub(crate) subprotocols: Subprotocols,
    pub(crate) warned: Warned,
}

/// The subprotocols that a server supports.
#[derive(Clone, Debug)]
pub(crate) struct Subprotocols {
    /// In order of preference.
    pub(crate) preferred: Vec<String>,
    /// Whether a client that offers only unsupported ones is served without one.
    pub(crate) lenient: bool,
}

impl Subprotocols {
    /// Picks the first supported subprotocol that the client offers. An unsupported name is never echoed: it
    /// may be a token.
    fn agree(&self, offered: &[String]) -> Result<Option<String>, Refusal> {
        let agreed = self.preferred.iter().find(|name| offered.contains(name));
        if agreed.is_none() && !offered.is_empty() && !self.lenient {
            let served = self.preferred.join(", ");
            return Err(Refusal::bad(&format!(
                "the server supports none of the offered subprotocols; offer one of: {served}"
            )));
        }
        Ok(agreed.cloned())
    }
}

/// The kinds of refusals that have been logged as a warning. The first of a kind is often caused by a proxy
/// that is not configured for WebSockets, so operators should see it; but any client can cause more.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    host: AtomicBool,
    origin: AtomicBool,
}

/// The outcome of a valid request.
pub(crate) struct Agreed {
    accept: String,
    pub(crate) subprotocol: Option<String>,
    pub(crate) origin: Option<String>,
}

impl Rules {
    /// Checks a request; before that, nothing in it is trusted. `local` is the address at which it arrived,
    /// if at a listener of this server.
    pub(crate) fn check<B>(
        &self,
        request: &Request<B>,
        local: Option<Local>,
    ) -> Result<(Agreed, Vec<String>), Refusal> {
        let headers = request.headers();
        let host = only(headers, &HOST).ok_or_else(|| Refusal::bad("exactly one Host header is required"))?;
        if self.path.as_ref().is_some_and(|path| path != request.uri().path()) {
            return Err(Refusal::new(404, "nothing is served at this path"));
        }
        let key = check_upgrade(request)?;
        // A browser sends one `Origin`. If there are several, each must be allowed.
        let origins = headers.get_all(ORIGIN).into_iter();
        let origins: Vec<_> =
            origins.map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned()).collect();
        if !self.hosts.allow(host, local) {
            return Err(self.foreign_host(host, &origins));
        }
        let secure = self.secure || is_secure(headers);
        if let Some(origin) = origins.iter().find(|origin| !self.origins.allow(origin, host, secure)) {
            return Err(self.foreign_origin(origin, host, secure));
        }
        let offered: Vec<String> = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect();
        let subprotocol = self.subprotocols.agree(&offered)?;
        let origin = origins.into_iter().next();
        Ok((Agreed { accept: accept_key(key.as_bytes()), subprotocol, origin }, offered))
    }

    fn foreign_host(&self, host: &str, origins: &[String]) -> Refusal {
        let shown = excerpt(host, SHOWN);
        let origin = origins.first().map_or_else(|| "none".into(), |origin| excerpt(origin, SHOWN));
        let served = match self.hosts {
            Hosts::Unset => {
                "at a loopback address the server accepts only localhost, *.localhost, 127.0.0.0/8 and \
                 [::1], unless `ServerBuilder::hosts` lists others; behind a proxy, list the Host that it \
                 sends"
            }
            _ => {
                "`ServerBuilder::hosts` does not list it; behind a proxy, it is the Host that the proxy sends"
            }
        };
        warn_once(&self.warned.host, &shown, &origin, "a request for a foreign Host was refused");
        Refusal::forbidden(format!("the Host {shown} is not served here (Origin: {origin}): {served}"))
    }

    fn foreign_origin(&self, origin: &str, host: &str, secure: bool) -> Refusal {
        let (origin, host) = (excerpt(origin, SHOWN), excerpt(host, SHOWN));
        let tls = if secure { ", over TLS (https://)" } else { "" };
        warn_once(&self.warned.origin, &host, &origin, "a page of a foreign Origin was refused");
        Refusal::forbidden(format!(
            "pages of the Origin {origin} may not connect to the Host {host}: only pages of the same \
             host and port{tls}, and those that `ServerBuilder::origins` lists, may; a proxy must pass the \
             Host header on unchanged, with its port"
        ))
    }
}

fn warn_once(warned: &AtomicBool, host: &str, origin: &str, what: &str) {
    if !warned.swap(true, Ordering::Relaxed) {
        tracing::warn!(host, origin, "{what}; further ones are logged at debug level");
    }
}

const WEBSOCKET_13: &str = "this is a WebSocket endpoint; connect with Sec-WebSocket-Version 13";

/// Returns the key of a request to upgrade to WebSocket version 13.
fn check_upgrade<B>(request: &Request<B>) -> Result<&str, Refusal> {
    let headers = request.headers();
    if !headers.contains_key(UPGRADE) {
        return Err(Refusal::upgrade_required(
            "this is a WebSocket endpoint, but the request has no Upgrade header: connect with a WebSocket \
             client; if it sent the header, a proxy has dropped it and must pass Upgrade and Connection on",
        ));
    }
    if !names(headers, &UPGRADE, "websocket") {
        return Err(Refusal::upgrade_required(WEBSOCKET_13));
    }
    if request.method() != Method::GET {
        return Err(Refusal::bad("a WebSocket handshake must be a GET"));
    }
    if request.version() != Version::HTTP_11 {
        return Err(Refusal::bad("a WebSocket handshake requires HTTP/1.1"));
    }
    // A body could be mistaken for frames, or frames for the body, and a proxy might decide differently.
    if headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|length| length != "0")
    {
        return Err(Refusal::bad("a WebSocket handshake must not have a body"));
    }
    if !names(headers, &CONNECTION, "upgrade") {
        return Err(Refusal::bad("the Connection header must contain Upgrade"));
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(Refusal::upgrade_required(WEBSOCKET_13));
    }
    only(headers, &SEC_WEBSOCKET_KEY)
        .filter(|key| is_key(key))
        .ok_or_else(|| Refusal::bad("exactly one Sec-WebSocket-Key of 16 bytes in base64 is required"))
}

/// Whether a value is 16 bytes in base64 (RFC 6455 §4.1): 22 digits and two paddings.
fn is_key(key: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix("==").is_some_and(|digits| digits.len() == 22 && digits.bytes().all(digit))
}

impl Agreed {
    pub(crate) fn response(&self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let agreed =
            [(SEC_WEBSOCKET_ACCEPT, Some(&self.accept)), (SEC_WEBSOCKET_PROTOCOL, self.subprotocol.as_ref())];
        for (name, value) in agreed {
            // Base64 and a name that arrived in a header are valid header values.
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
