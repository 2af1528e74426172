//! The echo service of `ws_echo` and `ws_cases`: frames only, without JSON-RPC.

use std::future::poll_fn;
use std::time::Duration;

use birpc::Limits;
use birpc::transport::{Frame, Transport, TransportError, close};

/// The maximum time for the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Raises the limits for the largest messages of the Autobahn|Testsuite: 16 MiB, and 4 MiB in fragments of 64
/// bytes.
pub(crate) fn raise(limits: &mut Limits) {
    limits.max_message_in = 64 << 20;
    limits.max_fragments = 1 << 17;
}

/// Sends every message back, until the peer closes or violates RFC 6455.
pub(crate) async fn echo(mut transport: impl Transport) {
    let frame = loop {
        match poll_fn(|cx| transport.poll_recv(cx)).await {
            Some(Ok(frame @ (Frame::Text(_) | Frame::Binary(_)))) => {
                if transport.send(frame).is_err() {
                    return;
                }
            }
            // The transport has queued an answer, which must be flushed.
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
            Some(Ok(_)) | None => break None,
            Some(Err(TransportError::Violation(frame))) => break Some(frame),
            Some(Err(_)) => return,
        }
        // Nothing more is read until the peer has read its answer, so that memory stays limited.
        if poll_fn(|cx| transport.poll_flush(cx)).await.is_err() {
            return;
        }
    };
    // A peer that takes longer is cut off.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, close(&mut transport, frame)).await;
}
