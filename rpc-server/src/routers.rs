//! Which router a connection gets.

use std::panic::{AssertUnwindSafe, catch_unwind};
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
    Arc::new(move |peer: &Peer| {
        let made = catch_unwind(AssertUnwindSafe(|| make(peer).into_router()));
        checked(peer, made.map_err(|_| "the function that makes it panicked".to_owned()))
    })
}

/// A router that can serve, or none and a closed connection.
fn checked(peer: &Peer, made: Result<Arc<Router>, String>) -> Arc<Router> {
    let checked = made.and_then(|router| match router.check() {
        Ok(()) => Ok(router),
        Err(error) => Err(error.to_string()),
    });
    match checked {
        Ok(router) => router,
        Err(error) => {
            let connection = peer.id();
            tracing::error!(error, connection, "the router for a connection is invalid; closing it");
            // It cannot be refused: the code may be sent and the reason is short.
            let _ = peer.close(1011, "the server has no service for this connection");
            Arc::default()
        }
    }
}
