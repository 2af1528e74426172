//! The inspector's listener: the page, its WebSocket, and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use birpc_server::__private::until_upgrade;
use birpc_server::{Acceptor, Refusal, ResponseBody, Upgrade};
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::access::Access;
use crate::page;

/// The number of TCP connections at one time, of which each page has one or two.
const MAX_CONNECTIONS: usize = 256;

/// The time limit of an HTTP request's header, and of the pause between two.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after an error of the listener, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The size of a request's header, in bytes.
const MAX_HEADER: usize = 16 << 10;

type Body = Either<Full<Bytes>, ResponseBody>;

/// Serves until the future is dropped, and with it every connection.
pub(crate) async fn serve(listener: TcpListener, access: Access, acceptor: Acceptor) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // Held by the connection. While there are too many, further ones wait in the system's backlog.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, remote)) => {
                let (access, acceptor) = (access.clone(), acceptor.clone());
                connections.spawn(async move {
                    let upgrade = Box::pin(answer(stream, remote, access, acceptor)).await;
                    if let Some(upgrade) = upgrade {
                        upgrade.run().await;
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "the inspector's listener failed to accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the requests of one TCP connection, until it becomes a WebSocket or ends.
async fn answer(
    stream: TcpStream,
    remote: SocketAddr,
    access: Access,
    acceptor: Acceptor,
) -> Option<Upgrade> {
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEADER);
    let (upgrade, served) = until_upgrade(&http, stream, async |request| {
        let (mut response, upgrade) = respond(request, remote, &access, &acceptor).await;
        page::protect(response.headers_mut());
        (response, upgrade)
    })
    .await;
    if let Err(error) = served {
        tracing::debug!(remote_addr = %remote, %error, "no valid HTTP request arrived at the inspector");
    }
    upgrade
}

async fn respond(
    request: Request<Incoming>,
    remote: SocketAddr,
    access: &Access,
    acceptor: &Acceptor,
) -> (Response<Body>, Option<Upgrade>) {
    let (parts, body) = request.into_parts();
    if has_body(&parts.headers) {
        return (refused(Refusal::new(400, "a request must have no body")), None);
    }
    if let Err(refusal) = access.check(&parts, remote).await {
        tracing::debug!(remote_addr = %remote, why = refusal.text(), "the inspector refused a request");
        return (refused(refusal), None);
    }
    if parts.uri.path() != "/" {
        return (refused(Refusal::new(404, "the inspector is at /")), None);
    }
    if parts.headers.contains_key(UPGRADE) {
        let (response, upgrade) = acceptor.accept(Request::from_parts(parts, body), Some(remote)).await;
        return (response.map(Either::Right), upgrade);
    }
    match parts.method {
        Method::GET | Method::HEAD => (page::response().map(Either::Left), None),
        _ => {
            let mut response = refused(Refusal::new(405, "only GET is served"));
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            (response, None)
        }
    }
}

/// Nothing here reads a body, which could be of any size.
fn has_body(headers: &http::HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

fn refused(refusal: Refusal) -> Response<Body> {
    let mut response = refusal.into_response().map(Either::Right);
    if response.status() != StatusCode::UPGRADE_REQUIRED {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
