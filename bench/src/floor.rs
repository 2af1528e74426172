//! The floor: the cost of tokio-tungstenite and serde_json without anything else.
//!
//! There are no limits, errors, batches, notifications or cancellation: a request is parsed, answered and
//! forgotten. The socket library is used as efficiently as possible: with a read buffer of 8 KiB, and one
//! flush for everything that was ready.

use std::io;

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};

/// The size of the read buffer. tungstenite fills it with zeros before each read, and its default of 128 KiB
/// costs more than the calls in it.
pub const READ_BUFFER: usize = 8 << 10;

/// Tungstenite's settings, for the floor and for the bound's client.
#[must_use]
pub fn websocket() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(READ_BUFFER)
}

/// Serves all clients, until accepting fails.
///
/// # Errors
/// The error of accepting a connection.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // However the task ends, the client notices.
        tokio::spawn(connection(stream));
    }
}

async fn connection(stream: TcpStream) -> Result<(), tungstenite::Error> {
    stream.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(websocket())).await?;
    while let Some(first) = socket.next().await {
        let mut next = Some(first?);
        while let Some(message) = next {
            if let Message::Text(request) = &message {
                socket.feed(Message::text(answer(request)?)).await?;
            }
            next = socket.next().now_or_never().flatten().transpose()?;
        }
        socket.flush().await?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Request<'a> {
    id: u64,
    method: &'a str,
    #[serde(borrow)]
    params: &'a RawValue,
}

/// `add` and `echo` with params by position.
fn answer(request: &str) -> Result<String, tungstenite::Error> {
    let failed = |error: serde_json::Error| tungstenite::Error::Io(error.into());
    let Request { id, method, params } = serde_json::from_str(request).map_err(failed)?;
    Ok(if method == "add" {
        let (a, b): (i64, i64) = serde_json::from_str(params.get()).map_err(failed)?;
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, a.wrapping_add(b))
    } else {
        let (value,): (&RawValue,) = serde_json::from_str(params.get()).map_err(failed)?;
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{value}}}"#)
    })
}
