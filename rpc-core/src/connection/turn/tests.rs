use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::config::Config;
use crate::handshake::ConnectionInfo;
use crate::shared_state::SharedLimits;
use crate::transport::{Frame, MemoryTransport, memory_pair};

/// A connection that no task drives yet, and the transport of its peer.
fn slot() -> (Arc<Slot<MemoryTransport>>, MemoryTransport) {
    let (near, far) = memory_pair();
    let config = Arc::new(Config::default());
    let shared = Arc::new(SharedState::new(config, ConnectionInfo::default(), SharedLimits::default()));
    (Arc::new(Slot::new(Core::new(near, shared.clone()), shared, go_on)), far)
}

#[tokio::test(start_paused = true)]
async fn the_next_driver_serves_the_connection() {
    let (slot, mut far) = slot();
    go_on(&Handle::current(), slot.clone(), 0);
    for _ in 0..2 {
        far.send(Frame::Text(r#"{"jsonrpc":"2.0","id":1,"method":"none"}"#.into())).expect("it is open");
        let reply = timeout(Duration::from_secs(60), poll_fn(|cx| far.poll_recv(cx))).await;
        assert!(matches!(reply.expect("in time"), Some(Ok(Frame::Text(_)))));
    }
    assert!(!slot.shared().as_life().is_ending());
}

#[tokio::test]
async fn a_driver_that_a_runtime_drops_ends_its_connection() {
    let (slot, _far) = slot();
    drop(Successor { slot: slot.clone(), driver: 1 });
    assert!(!slot.shared().as_life().is_ending(), "another one drives it");
    drop(Successor { slot: slot.clone(), driver: 0 });
    assert!(slot.shared().as_life().is_ending());
}
