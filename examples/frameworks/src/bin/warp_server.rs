//! A warp server with birpc on `/rpc`.

use std::sync::Arc;

use birpc::Config;
use birpc_frameworks::{methods, warp::route};

#[tokio::main]
async fn main() {
    let route = route(Arc::new(Config::default()), Arc::new(methods()));
    println!("listening on ws://127.0.0.1:9944/rpc");
    warp::serve(route).run(([127, 0, 0, 1], 9944)).await;
}
