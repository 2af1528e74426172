//! The floor as a server: `floor --listen 127.0.0.1:0` prints `listening on ws://127.0.0.1:PORT/` first.

use std::error::Error;

use birpc_bench::{floor, options::option};
use tokio::net::TcpSocket;

fn main() -> Result<(), Box<dyn Error>> {
    let listen = option("--listen", "127.0.0.1:0".to_owned())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // The system's limit (`net.core.somaxconn`) applies as well: clients that connect at once wait, and
        // none is lost.
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(listen.parse()?)?;
        let listener = socket.listen(4096)?;
        println!("listening on ws://{}/", listener.local_addr()?);
        Ok(floor::serve(listener).await?)
    })
}
