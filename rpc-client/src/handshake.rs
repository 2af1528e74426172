//! The client's side of the opening handshake (RFC 6455 §4.1).

use std::error::Error as _;
use std::io;

use birpc_core::__private::crates::{accept_key, generate_key};
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::upgrade::Parts;
use hyper_util::rt::TokioIo;

use crate::error::ConnectError;
use crate::offer::Offer;
use crate::refusal;
use crate::stream::Stream;
use crate::url::Target;

/// A connection after its upgrade.
pub(crate) struct Upgraded {
    pub(crate) parts: Parts<TokioIo<Stream>>,
    pub(crate) subprotocol: Option<String>,
}

pub(crate) async fn upgrade(
    stream: Stream,
    target: &Target,
    offer: &Offer,
) -> Result<Upgraded, ConnectError> {
    let key = generate_key();
    let request = request(target, offer, &key)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(target, error))?;
    // This task ends with the upgrade, or with the stream when this future is dropped.
    tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(|error| broken(target, error))?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal::read(response).await);
    }
    let subprotocol = check(response.headers(), offer, &key).map_err(ConnectError::Handshake)?;
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| broken(target, error))?;
    let parts = upgraded.downcast().map_err(|_| ConnectError::Handshake("the stream is not ours".into()))?;
    Ok(Upgraded { parts, subprotocol })
}

/// The error of a connection that was cut, or of a response that is not HTTP. Over TLS 1.3 a server may also
/// reject the client's certificate at this point (RFC 8446 §4.4.2.4), after the client's side of the TLS
/// handshake has completed.
fn broken(target: &Target, error: hyper::Error) -> ConnectError {
    #[cfg(feature = "tls")]
    if let Some(problem) = crate::tls_problem::TlsProblem::beneath(&error) {
        return ConnectError::Tls { address: target.address(), problem };
    }
    let cut = error.is_incomplete_message() || error.is_closed() || error.is_canceled();
    let system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let source = match system {
        // hyper's own text does not say what the system has said.
        Some(system) => io::Error::new(system.kind(), format!("{system}, during the opening handshake")),
        None if cut => {
            let why = "the server ended the connection during the opening handshake";
            io::Error::new(io::ErrorKind::UnexpectedEof, why)
        }
        None if error.is_parse() => {
            let why = format!(
                "the response is not HTTP ({error}); check the port, and whether it expects TLS (wss://)"
            );
            return ConnectError::Handshake(why);
        }
        None => return ConnectError::Handshake(error.to_string()),
    };
    ConnectError::Io { address: target.address(), source }
}

fn request(target: &Target, offer: &Offer, key: &str) -> Result<Request<Empty<Bytes>>, ConnectError> {
    let invalid = |error: http::Error| ConnectError::Handshake(error.to_string());
    let mut request = Request::get(&target.path).body(Empty::new()).map_err(invalid)?;
    let headers = request.headers_mut();
    headers.clone_from(&offer.headers);
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| invalid(error.into()));
    // The user may set another Host. The other headers belong to the handshake and occur once.
    if !headers.contains_key(HOST) {
        headers.insert(HOST, value(&target.authority)?);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(SEC_WEBSOCKET_KEY, value(key)?);
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if !offer.subprotocols.is_empty() {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&offer.subprotocols.join(", "))?);
    }
    Ok(request)
}

/// Checks the response as RFC 6455 §4.1 requires, and returns the subprotocol that the server picked.
fn check(headers: &HeaderMap, offer: &Offer, key: &str) -> Result<Option<String>, String> {
    let is = |name, expected: &str| {
        let lines = headers.get_all(name).into_iter().filter_map(|line: &HeaderValue| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case(expected))
    };
    let twice = |name| headers.get_all(name).iter().nth(1).is_some();
    if !is(UPGRADE, "websocket") || !is(CONNECTION, "upgrade") {
        return Err("it switches to a protocol other than WebSocket".into());
    }
    let accepts = |accept: &HeaderValue| accept.as_bytes() == accept_key(key.as_bytes()).as_bytes();
    if twice(SEC_WEBSOCKET_ACCEPT) || !headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(accepts) {
        return Err("Sec-WebSocket-Accept does not answer the key".into());
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err("it chose an extension that was not offered".into());
    }
    if twice(SEC_WEBSOCKET_PROTOCOL) {
        return Err("it chose more than one subprotocol".into());
    }
    match headers.get(SEC_WEBSOCKET_PROTOCOL).map(|name| name.to_str().unwrap_or_default()) {
        Some(name) if offer.subprotocols.iter().any(|offered| offered == name) => Ok(Some(name.to_owned())),
        Some(name) => {
            let name = birpc_core::__private::crates::excerpt(name, 100);
            Err(format!("it chose the subprotocol `{name}`, which was not offered"))
        }
        None if offer.insist => Err("it chose none of the offered subprotocols".into()),
        None => Ok(None),
    }
}
