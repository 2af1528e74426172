//! Serves birpc on a route of an axum application.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};

use crate::acceptor::Acceptor;
use crate::handshake::PathParams;

impl Acceptor {
    /// Creates a route for an axum 0.8 application. It shares the application's port; limits and negotiation
    /// are those of the acceptor. The peer's address is known if the application is served with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
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
    /// In [`crate::ServerBuilder::authorize`], [`crate::Handshake::path_param`] returns parameters of the
    /// route's path, such as `room` of `/rooms/{room}`, and [`crate::Handshake::extensions`] has the
    /// extensions that axum's middleware has added.
    pub fn into_route<S: Clone + Send + Sync + 'static>(self) -> MethodRouter<S> {
        any(move |request: Request| async move { self.respond(request).await })
    }

    async fn respond(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        match RawPathParams::from_request_parts(&mut parts, &()).await {
            Ok(params) => drop(parts.extensions.insert(PathParams::new(&params))),
            Err(broken @ RawPathParamsRejection::InvalidUtf8InPathParam(_)) => return broken.into_response(),
            Err(_) => {} // a route that no router has looked for
        }
        let remote = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let (response, upgrade) = self.accept(Request::from_parts(parts, body), remote).await;
        if let Some(upgrade) = upgrade {
            tokio::spawn(upgrade.run());
        }
        response.map(Body::new)
    }
}
