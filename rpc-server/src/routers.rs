//! Which router a connection gets.

use std::sync::Arc;

use birpc_core::{DuplicateMethod, IntoRouter, Peer, Router};

/// Gives each connection its router.
pub(crate) type MakeRouter = dyn Fn(&Peer) -> Arc<Router> + Send + Sync;

/// One router for all of them.
pub(crate) fn one(router: Arc<Router>) -> Result<Arc<MakeRouter>, DuplicateMethod> {
    router.check()?;
    Ok(Arc::new(move |_: &Peer| router.clone()))
}

/// A router of its own for each; one that cannot serve closes its connection.
pub(crate) fn each<R: IntoRouter>(make: impl Fn(&Peer) -> R + Send + Sync + 'static) -> Arc<MakeRouter> {
    Arc::new(move |peer: &Peer| checked(peer, make(peer).into_router()))
}

/// A router that can serve, or none and a closed connection.
fn checked(peer: &Peer, router: Arc<Router>) -> Arc<Router> {
    match router.check() {
        Ok(()) => router,
        Err(error) => {
            let connection = peer.id();
            tracing::error!(%error, connection, "the router for a connection is invalid; closing it");
            // It cannot be refused: the code may be sent and the reason is short.
            let _ = peer.close(1011, "the server has no service for this connection");
            Arc::default()
        }
    }
}
