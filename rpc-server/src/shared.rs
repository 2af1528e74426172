//! The state that all connections of a server share: its settings, the slots for connections, the router.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use birpc_core::__private::crates::panic_text;
use birpc_core::{Config, DuplicateMethod, IntoRouter, Peer, Router, SharedLimits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::handle::ServerHandle;
use crate::handshake::{Agreed, Rules};
use crate::hooks::{Grant, Hooks};

/// The state that all connections of an acceptor share.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    /// The limits on calls over all connections.
    pub(crate) limits: SharedLimits,
    pub(crate) rules: Rules,
    pub(crate) hooks: Hooks,
    pub(crate) handle: ServerHandle,
    pub(crate) router: Arc<MakeRouter>,
    /// One permit for each connection.
    pub(crate) slots: Arc<Semaphore>,
}

/// A request that may become a connection.
pub(crate) struct Admitted {
    pub(crate) agreed: Agreed,
    pub(crate) grant: Grant,
    pub(crate) slot: OwnedSemaphorePermit,
}

impl Shared {
    pub(crate) fn new(
        config: Arc<Config>,
        rules: Rules,
        hooks: Hooks,
        handle: ServerHandle,
        router: Arc<MakeRouter>,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(config.limits.max_connections.min(Semaphore::MAX_PERMITS)));
        let limits = SharedLimits::new(&config.limits);
        Self { config, limits, rules, hooks, handle, router, slots }
    }
}

/// Returns the router of a connection.
pub(crate) type MakeRouter = dyn Fn(&Peer) -> Arc<Router> + Send + Sync;

/// The same router for all connections.
pub(crate) fn one_router(router: Arc<Router>) -> Result<Arc<MakeRouter>, DuplicateMethod> {
    router.check()?;
    Ok(Arc::new(move |_: &Peer| router.clone()))
}

/// A router for each connection. If the router is invalid, its connection is closed.
pub(crate) fn each_router<R: IntoRouter>(
    make: impl Fn(&Peer) -> R + Send + Sync + 'static,
) -> Arc<MakeRouter> {
    Arc::new(move |peer: &Peer| {
        let made = catch_unwind(AssertUnwindSafe(|| make(peer).into_router()));
        let panicked = |panic: Box<dyn Any + Send>| {
            format!("the function that makes it panicked: {}", panic_text(&*panic))
        };
        checked(peer, made.map_err(panicked))
    })
}

/// Returns the router if it is valid. Otherwise closes the connection and returns an empty router.
fn checked(peer: &Peer, made: Result<Arc<Router>, String>) -> Arc<Router> {
    let checked = made.and_then(|router| match router.check() {
        Ok(()) => Ok(router),
        Err(error) => Err(error.to_string()),
    });
    match checked {
        Ok(router) => router,
        Err(error) => {
            let connection = peer.id().get();
            tracing::error!(error, connection, "the router for a connection is invalid; closing it");
            // It cannot be refused: the code may be sent and the reason is short.
            let _ = peer.close(1011, "the server has no service for this connection");
            Arc::default()
        }
    }
}
