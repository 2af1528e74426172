//! A peer that reads too slowly has broken no rule: it is closed with a code after which a client reconnects.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use birpc::transport::{Frame, Transport, memory_pair};
use birpc::{
    Client, Config, Connection, ConnectionInfo, ConnectionState, EncodedNotification, Event, Initiator,
    Reconnect, Router, Server, ServerHandle, WhenFull,
};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::support::bounded;
use crate::support::connection::{recv, start, timed};

async fn serve(when_full: WhenFull) -> (ServerHandle, String) {
    let server = Server::builder()
        .limits(|limits| {
            limits.write_stall = Duration::from_millis(200);
            limits.max_queued_bytes = 64 << 10;
        })
        .when_full(when_full)
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let (url, handle) = (format!("ws://{}/", server.local_addr().expect("it is bound")), server.handle());
    tokio::spawn(server.serve(Router::new()));
    (handle, url)
}

/// A client whose thread, once it is connected, blocks until it is released. Returns its next two events.
fn paused_client(
    url: String,
    connected: oneshot::Sender<()>,
    go_on: mpsc::Receiver<()>,
) -> [Option<Event>; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let reconnect = Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(1));
        // Plain JSON-RPC: with `birpc.v1` notifications would wait for credit, and not for the socket.
        let client = Client::builder()
            .subprotocols(["jsonrpc"])
            .reconnect(reconnect)
            .connect(&url)
            .await
            .expect("a server");
        let mut events = client.events();
        assert!(matches!(events.next().await, Some(Event::Open)));
        connected.send(()).expect("the test waits");
        go_on.recv().expect("the test goes on");
        [events.next().await, events.next().await]
    })
}

#[tokio::test]
async fn a_client_that_was_paused_comes_back() {
    for when_full in [WhenFull::Drop, WhenFull::Buffer, WhenFull::Close] {
        bounded(async {
            let (server, url) = serve(when_full).await;
            let ((tell, connected), (go_on, told)) = (oneshot::channel(), mpsc::channel());
            let client = thread::spawn(move || paused_client(url, tell, told));
            connected.await.expect("it connects");
            while server.peers().is_empty() {
                tokio::task::yield_now().await;
            }
            let peer = server.peers().list().pop().expect("it is there");
            while peer.close_reason().is_none() {
                server.peers().notify("price", ["x".repeat(10_000)]).expect("it may be sent");
                tokio::time::sleep(Duration::from_millis(1)).await; // a stall is a time of the real clock
            }
            let closed = peer.close_reason().expect("it is closed");
            assert_eq!((closed.code, closed.initiator), (1013, Initiator::Local), "{when_full:?}");
            assert_eq!(closed.reason, "the peer reads too slowly");
            go_on.send(()).expect("it waits");
            let events = tokio::task::spawn_blocking(|| client.join().expect("no panic"));
            let [Some(Event::Lost(lost)), Some(Event::Open)] = events.await.expect("no panic") else {
                panic!("{when_full:?}: it did not come back")
            };
            assert!([1013, 1006].contains(&lost.code), "{lost:?}");
        })
        .await;
    }
}

// Its replies are never all sent, but some are sent in each second.
#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_reader_is_not_closed() {
    let (near, mut raw) = memory_pair();
    let (peer, _) = start(near, timed(), |_| {});
    for id in 0..200 {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "text", "params": [0, 60_000]});
        raw.send(Frame::Text(call.to_string().into())).expect("a peer");
    }
    for reply in 0..200 {
        sleep(Duration::from_secs(1)).await; // 60 kB a second
        assert!(matches!(recv(&mut raw).await, Some(Frame::Text(_))), "after {reply} replies");
    }
    assert_eq!(peer.close_reason(), None);
}

#[tokio::test]
async fn what_happens_when_a_queue_is_full_can_be_set_for_one_peer() {
    let mut config = Config::default();
    config.limits.max_queued_bytes = 80;
    let (near, _far) = memory_pair();
    let (peer, _connection) = Connection::new(near, Arc::new(config), ConnectionInfo::default());
    let tick = EncodedNotification::new("tick", ()).expect("it serialises");
    let takes = || peer.try_notify(&tick).expect("it is short");
    assert!(takes() && !takes(), "the queue has room for one");
    peer.set_when_full(WhenFull::Buffer);
    assert!(takes());
    peer.set_when_full(WhenFull::Drop);
    assert!(!takes());
    assert_eq!(peer.state(), ConnectionState::Open);
    peer.set_when_full(WhenFull::Close);
    assert!(!takes());
    assert_eq!(peer.state(), ConnectionState::Closing);
}
