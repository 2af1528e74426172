//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use birpc_core::transport::{Role, WebSocket};
use birpc_core::{Config, Connection, ConnectionInfo, Peer, Router};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::handle::ServerHandle;
use crate::handshake::{Agreed, Refusal, Subprotocols};
use crate::hooks::Hooks;

pub(crate) type MakeRouter = dyn Fn(&Peer) -> Arc<Router> + Send + Sync;

/// What every connection of a server shares.
pub(crate) struct Acceptor {
    pub(crate) config: Arc<Config>,
    pub(crate) subprotocols: Subprotocols,
    pub(crate) hooks: Hooks,
    pub(crate) handle: ServerHandle,
    pub(crate) router: Arc<MakeRouter>,
    pub(crate) slots: Arc<Semaphore>,
}

/// A handshake that was answered with 101.
struct Accepted {
    agreed: Agreed,
    slot: OwnedSemaphorePermit,
}

/// Runs a connection to its end. Whatever goes wrong ends this one only.
pub(crate) async fn run(acceptor: Arc<Acceptor>, stream: TcpStream, remote: SocketAddr) {
    // Small frames go out when they are flushed, not when Nagle's timer says so.
    let _ = stream.set_nodelay(true);
    let handshake =
        tokio::time::timeout(acceptor.config.limits.handshake_timeout, upgrade(&acceptor, stream));
    let upgraded = tokio::select! {
        upgraded = handshake => upgraded,
        () = acceptor.handle.stopped() => return,
    };
    match upgraded {
        Ok(Some((parts, accepted))) => serve(&acceptor, parts, accepted, remote).await,
        Ok(None) => {}
        Err(_) => tracing::debug!(%remote, "the opening handshake took too long"),
    }
}

/// Answers HTTP until the connection is a WebSocket, or is over.
async fn upgrade(
    acceptor: &Arc<Acceptor>,
    stream: TcpStream,
) -> Option<(Parts<TokioIo<TcpStream>>, Accepted)> {
    let accepted = Mutex::new(None);
    let service = service_fn(|request| {
        let response = answer(acceptor, request, &accepted);
        async move { Ok::<_, std::convert::Infallible>(response) }
    });
    let limits = &acceptor.config.limits;
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.handshake_timeout)
        .max_buf_size(limits.max_header_bytes.max(8192))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "no HTTP request came");
    }
    let (upgrade, accepted) = accepted.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    let parts = upgrade.await.ok()?.downcast().ok()?;
    Some((parts, accepted))
}

fn answer(
    acceptor: &Acceptor,
    mut request: Request<Incoming>,
    accepted: &Mutex<Option<(OnUpgrade, Accepted)>>,
) -> Response<Full<Bytes>> {
    let agreed = match Agreed::on(&request, &acceptor.subprotocols) {
        Ok(agreed) => agreed,
        Err(refusal) => return refusal.response(),
    };
    let Ok(slot) = acceptor.slots.clone().try_acquire_owned() else {
        return Refusal::Full.response();
    };
    let response = agreed.response();
    let upgrade = hyper::upgrade::on(&mut request);
    *accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, Accepted { agreed, slot }));
    response
}

async fn serve(
    acceptor: &Acceptor,
    parts: Parts<TokioIo<TcpStream>>,
    accepted: Accepted,
    remote: SocketAddr,
) {
    let max_message_in = acceptor.config.limits.max_message_in;
    let stream = parts.io.into_inner();
    let transport = WebSocket::new(stream, parts.read_buf.to_vec(), Role::Server, max_message_in).await;
    let mut info = ConnectionInfo::default();
    info.remote = Some(remote);
    info.subprotocol = accepted.agreed.subprotocol;
    info.origin = accepted.agreed.origin;
    let (peer, connection) = Connection::new(transport, acceptor.config.clone(), info);
    let connection = connection.serve((acceptor.router)(&peer));
    tracing::debug!(connection = peer.id(), %remote, "connected");

    let present = acceptor.handle.peers().enter(peer.clone());
    acceptor.hooks.connected(&peer);
    tokio::pin!(connection);
    let reason = tokio::select! {
        reason = &mut connection => reason,
        () = acceptor.handle.stopped() => {
            // It cannot be refused: the code may be sent and the reason is short.
            let _ = peer.close(1001, "the server stops");
            connection.await
        }
    };
    drop(present);
    drop(accepted.slot);
    tracing::debug!(connection = peer.id(), %reason, "disconnected");
    acceptor.hooks.disconnected(&peer, &reason);
}
