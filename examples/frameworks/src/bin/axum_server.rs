//! An axum server with birpc on `/rpc`, through axum's own extractor.

use std::sync::Arc;

use birpc::Config;
use birpc_frameworks::{axum::route, methods};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = axum::Router::new().route("/rpc", route(Arc::new(Config::default()), Arc::new(methods())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9944").await?;
    println!("listening on ws://127.0.0.1:9944/rpc");
    axum::serve(listener, app).await
}
