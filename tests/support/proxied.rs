//! A client and a server with a network between them that fails on command.

use birpc::{CloseReason, ErrorObject, Initiator, Keepalive, Peer, Router};

use super::pending::{self, common_reason};
use super::proxy::Proxy;
use super::{Listening, Side, hanging, listen};

/// Both peers, and the proxy between them.
pub struct Proxied {
    pub proxy: Proxy,
    pub client: Peer,
    pub server: Peer,
    pub listening: Listening,
}

pub async fn proxied(client: Side, server: Side) -> Proxied {
    let listening = listen(server).await;
    let proxy = Proxy::before(listening.address).await;
    connect(client, proxy, listening).await
}

/// The same, through a proxy that has already been configured.
pub async fn connect(client: Side, proxy: Proxy, mut listening: Listening) -> Proxied {
    let client = client.client().connect(&proxy.url()).await.expect("the proxy lets it pass");
    let server = listening.connected.recv().await.expect("the server runs");
    Proxied { proxy, client: client.peer().clone(), server, listening }
}

pub fn echo() -> Router {
    Router::new().method("echo", |_, (text,): (String,)| async move { Ok::<_, ErrorObject>(text) })
}

/// Runs `fail` on the network while calls are in flight in both directions. Returns why they ended, for the
/// client's calls and for the server's.
pub async fn ended_by(keepalive: Keepalive, fail: impl AsyncFnOnce(&Proxied)) -> [CloseReason; 2] {
    let ((client_router, client_side), (server_router, server_side)) = (hanging(), hanging());
    let side = |router| Side::new(router).config(|config| config.keepalive = keepalive.clone());
    let proxied = proxied(side(client_router), side(server_router)).await;
    let sides = [client_side, server_side];
    let ended = async || fail(&proxied).await;
    let outcomes = pending::calls_ended_by(&proxied.client, &proxied.server, sides, ended).await;
    for peer in [&proxied.client, &proxied.server] {
        let reason = peer.closed().await;
        assert_eq!((reason.code, reason.initiator, reason.clean), (1006, Initiator::Network, false));
    }
    outcomes.map(|outcomes| common_reason(&outcomes).clone())
}
