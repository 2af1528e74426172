//! One side of a connection over a transport in memory, for tests whose clock is paused.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use birpc::transport::{Frame, MemoryTransport, Transport};
use birpc::{CloseReason, Config, Connection, ConnectionInfo, ErrorObject, Keepalive, Peer, Router};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Far longer than any test takes on a paused clock.
pub const HOUR: Duration = Duration::from_secs(3600);

/// Methods that take their time: `slow` returns after some milliseconds, `text` then returns a text of some
/// length, and the notification `slowly` ends then.
pub fn timed() -> Router {
    let later = async |millis| sleep(Duration::from_millis(millis)).await;
    Router::new()
        .method("slow", move |_, (millis,): (u64,)| async move {
            later(millis).await;
            Ok::<_, ErrorObject>(millis)
        })
        .method("text", move |_, (millis, size): (u64, usize)| async move {
            later(millis).await;
            Ok::<_, ErrorObject>("x".repeat(size))
        })
        .notification("slowly", move |_, (millis,): (u64,)| later(millis))
}

/// Runs a connection without keepalive, whose pings would wake a connection that sleeps by mistake.
pub fn start(
    transport: impl Transport,
    router: Router,
    change: impl FnOnce(&mut Config),
) -> (Peer, JoinHandle<CloseReason>) {
    let mut config = Config::default();
    config.keepalive = Keepalive::off();
    change(&mut config);
    let (peer, connection) = Connection::new(transport, Arc::new(config), ConnectionInfo::default());
    (peer, tokio::spawn(connection.serve(router)))
}

/// Receives the next message, which must be JSON text.
pub async fn recv_json(transport: &mut MemoryTransport) -> Value {
    match recv(transport).await {
        Some(Frame::Text(text)) => serde_json::from_slice(&text).expect("JSON"),
        other => panic!("expected a message, got {other:?}"),
    }
}

/// Receives the next frame.
pub async fn recv(transport: &mut MemoryTransport) -> Option<Frame> {
    poll_fn(|cx| transport.poll_recv(cx)).await.map(|frame| frame.expect("no broken frame"))
}
