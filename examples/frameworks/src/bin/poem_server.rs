//! A poem server with birpc on `/rpc`.

use std::sync::Arc;

use birpc::Config;
use birpc_frameworks::{methods, poem::endpoint};
use poem::listener::TcpListener;
use poem::{Route, Server, get};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let endpoint = endpoint(Arc::new(Config::default()), Arc::new(methods()));
    println!("listening on ws://127.0.0.1:9944/rpc");
    Server::new(TcpListener::bind("127.0.0.1:9944")).run(Route::new().at("/rpc", get(endpoint))).await
}
