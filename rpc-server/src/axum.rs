//! birpc on a route of an axum application.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::routing::{MethodRouter, any};

use crate::acceptor::Acceptor;

impl Acceptor {
    /// A route of an axum 0.8 application: same port, same limits and negotiation. The peer's address is
    /// known if the application is served with `into_make_service_with_connect_info::<SocketAddr>()`.
    ///
    /// ```no_run
    /// # async fn example(router: birpc_core::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// use birpc_server::Server;
    ///
    /// let rpc = Server::builder().mount(router)?;
    /// let app = axum::Router::new().route("/rpc", rpc.into_route());
    /// axum::serve(tokio::net::TcpListener::bind("127.0.0.1:9944").await?, app).await?;
    /// # Ok(()) }
    /// ```
    pub fn into_route<S: Clone + Send + Sync + 'static>(self) -> MethodRouter<S> {
        any(move |request: Request| async move {
            let remote = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
            let (response, session) = self.accept(request, remote).await;
            if let Some(session) = session {
                tokio::spawn(session.run());
            }
            response
        })
    }
}
