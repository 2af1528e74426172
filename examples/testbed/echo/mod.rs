//! What `ws_echo` and `ws_cases` do with a connection: the frames alone, without JSON-RPC.

use std::future::poll_fn;
use std::time::Duration;

use birpc::Limits;
use birpc::transport::{Frame, Transport, TransportError, close};

/// How long a peer may take over the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Room for the largest messages of the Autobahn|Testsuite: 16 MiB, and 4 MiB in fragments of 64 bytes.
pub(crate) fn raise(limits: &mut Limits) {
    limits.max_message_in = 64 << 20;
    limits.max_fragments = 1 << 17;
}

/// Sends every message back, until the peer closes or breaks a rule of RFC 6455.
pub(crate) async fn echo(mut transport: impl Transport) {
    let frame = loop {
        match poll_fn(|cx| transport.poll_recv(cx)).await {
            Some(Ok(frame @ (Frame::Text(_) | Frame::Binary(_)))) => {
                if transport.send(frame).is_err() {
                    return;
                }
            }
            // The transport has answered already; it has to be flushed.
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
            Some(Ok(_)) | None => break None,
            Some(Err(TransportError::Violation(frame))) => break Some(frame),
            Some(Err(_)) => return,
        }
        // Nothing more is read until the peer has taken its answer, so that memory stays bounded.
        if poll_fn(|cx| transport.poll_flush(cx)).await.is_err() {
            return;
        }
    };
    // A peer that takes longer is cut off.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, close(&mut transport, frame)).await;
}
