//! Peers that violate the protocols: messages that are not JSON-RPC, and bytes that are not a WebSocket.

use std::future::poll_fn;
use std::time::Duration;

use birpc::transport::{self, Frame, Transport};
use birpc::{Client, CloseFrame};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::random::Random;

/// Complete messages. Each is also used as an element of a batch.
const MESSAGES: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"sleep","params":[3600000]}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"sleep","params":[5]}"#,
    r#"{"jsonrpc":"2.0","id":"three","method":"panic"}"#,
    r#"{"jsonrpc":"2.0","id":null,"method":"relay","params":["echo",[1]]}"#,
    r#"{"jsonrpc":"2.0","id":1e400,"method":"echo","params":[1]}"#,
    r#"{"jsonrpc":"2.0","id":4,"method":"echo","params":"none"}"#,
    r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":1}}"#,
    r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":99}}"#,
    r#"{"jsonrpc":"2.0","method":"log","params":["a line"]}"#,
    r#"{"jsonrpc":"2.0","method":"log","params":{"line":[]}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":1}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#,
    r#"{"jsonrpc":"2.0","id":{},"error":{"code":"none"}}"#,
    r#"{"jsonrpc":"1.0","id":5,"method":"add"}"#,
    "{}",
    "[]",
    "[[]]",
    "1",
    "nothing",
    "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"echo\",\"params\":[\"",
];

/// WebSocket frames (RFC 6455 §5.2): without a mask, with reserved bits, with an unknown opcode, a control
/// frame that is too long, a continuation without a message, a length of 2⁶³, and a frame that ends within
/// its header.
const FRAMES: &[&[u8]] = &[
    b"\x81\x02{}",
    b"\xf1\x80\0\0\0\0",
    b"\x83\x80\0\0\0\0",
    b"\x89\xfe\x01\0\0\0\0\0",
    b"\x80\x80\0\0\0\0",
    b"\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0",
    b"\x81\xfe\x01",
];

/// Sends messages, reads some answers, and disconnects in one way or another.
pub(crate) async fn messages(url: &str, mut random: Random) -> Result<(), String> {
    let connected = Client::builder().connect_transport(url).await;
    let mut transport = connected.map_err(|error| error.to_string())?;
    for _ in 0..random.below(50) {
        let text = message(&mut random);
        let frame = if random.one_in(10) { Frame::Binary(text.into()) } else { Frame::Text(text.into()) };
        // The server may have closed already.
        if transport.send(frame).is_err() || poll_fn(|cx| transport.poll_flush(cx)).await.is_err() {
            return Ok(());
        }
    }
    let answers = async { while let Some(Ok(_)) = poll_fn(|cx| transport.poll_recv(cx)).await {} };
    let _ = tokio::time::timeout(random.millis(20), answers).await;
    if random.one_in(2) {
        let close = transport::close(&mut transport, CloseFrame::new(4000, "enough").ok());
        let _ = tokio::time::timeout(Duration::from_secs(1), close).await;
    }
    Ok(())
}

fn message(random: &mut Random) -> String {
    if random.one_in(3) {
        let elements = (0..random.below(300)).map(|_| random.pick(MESSAGES)).collect::<Vec<_>>();
        return format!("[{}]", elements.join(","));
    }
    random.pick(MESSAGES).to_owned()
}

/// Sends bytes before, within or after the handshake, and disconnects.
pub(crate) async fn bytes(address: &str, mut random: Random) -> Result<(), String> {
    let connected = TcpStream::connect(address).await;
    let mut stream = connected.map_err(|error| error.to_string())?;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let garbage = match random.below(4) {
        0 => random.bytes(500),
        1 => request.as_bytes()[..random.below(request.len() as u64) as usize].to_vec(),
        2 => [request.as_bytes(), random.pick(FRAMES)].concat(),
        _ => [request.as_bytes(), &random.bytes(500)].concat(),
    };
    let _ = stream.write_all(&garbage).await; // the server may have had enough of it already
    tokio::time::sleep(random.millis(10)).await;
    Ok(())
}
