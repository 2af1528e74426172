//! What can be served: a router, or a service of one trait.

use std::sync::Arc;

use super::router::Router;

/// A set of methods that can be added to a [`Router`]: the server that `#[rpc]` generates for a trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "a router accepts the servers that `#[rpc]` generates",
    note = "wrap the implementation of a trait `Chat`: `ChatServer::new(…)`"
)]
pub trait Service {
    /// Adds each method of the service to the router.
    fn register(self, router: &mut Router);
}

/// What a server, client or connection can serve: a [`Router`], an `Arc<Router>`, or a single service, such
/// as the `ChatServer` that `#[rpc]` generates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served",
    label = "this is neither a `Router` nor a server that `#[rpc]` generates",
    note = "wrap the implementation of a trait `Chat` in its server: `ChatServer::new(…)`; a `Router` \
            takes several services"
)]
pub trait IntoRouter {
    /// Converts the value into a router.
    fn into_router(self) -> Arc<Router>;
}

impl IntoRouter for Router {
    fn into_router(self) -> Arc<Router> {
        Arc::new(self)
    }
}

impl IntoRouter for Arc<Router> {
    fn into_router(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<S: Service> IntoRouter for S {
    fn into_router(self) -> Arc<Router> {
        let mut router = Router::new();
        self.register(&mut router);
        Arc::new(router)
    }
}
