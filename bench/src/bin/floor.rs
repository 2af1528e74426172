//! The floor as a server: `floor --listen 127.0.0.1:0` prints `listening on ws://127.0.0.1:PORT/` first.

use std::error::Error;

use birpc_bench::{floor, options::option};
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let listen = option("--listen", "127.0.0.1:0".to_owned())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        println!("listening on ws://{}/", listener.local_addr()?);
        Ok(floor::serve(listener).await?)
    })
}
