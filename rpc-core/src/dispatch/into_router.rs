//! What can be served to a connection.

use std::sync::Arc;

use super::router::{Router, Service};

/// What servers, clients and connections take as what they serve: a [`Router`], shared or not, or one service
/// alone, such as the `ChatServer` that `#[rpc]` generates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served",
    label = "this is neither a `Router` nor a server that `#[rpc]` generates",
    note = "wrap the implementation of a trait `Chat` in its server: `ChatServer::new(…)`; a `Router` \
            takes several services"
)]
pub trait IntoRouter {
    /// The router.
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
