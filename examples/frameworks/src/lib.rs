//! birpc over the WebSockets of web frameworks, with [`birpc::transport::SinkStream`]. There is one module
//! for each framework, with the two functions that convert its messages, and a route. Each has a program:
//! `cargo run --package birpc-frameworks --features warp --bin warp_server`.
//!
//! For axum, `Acceptor::into_route` is shorter, and has birpc's own WebSocket, handshake and limits; here
//! axum's own extractor is used.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "poem")]
pub mod poem;
#[cfg(feature = "warp")]
pub mod warp;

use std::sync::Arc;

use birpc::transport::Transport;
use birpc::{CloseReason, Config, Connection, ConnectionInfo, Context, ErrorObject, Router};

/// The subprotocol that the routes agree on. Without one, a connection speaks plain JSON-RPC, in which
/// cancels do not reach the other side.
pub const SUBPROTOCOL: &str = "birpc.v1";

/// The methods that the examples serve: `add` adds, `ask` asks its caller for a number.
#[must_use]
pub fn methods() -> Router {
    Router::new()
        .method("add", |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) })
        .method("ask", |cx: Context, (): ()| async move {
            Ok::<i64, ErrorObject>(cx.peer().call("number", ()).await?)
        })
}

/// Runs a connection until it ends. `subprotocol` is the one that its handshake agreed on.
pub async fn serve(
    transport: impl Transport,
    subprotocol: Option<&str>,
    config: Arc<Config>,
    router: Arc<Router>,
) -> CloseReason {
    let mut info = ConnectionInfo::default();
    info.subprotocol = subprotocol.map(str::to_owned);
    let (_peer, connection) = Connection::new(transport, config, info);
    connection.serve(router).await
}
