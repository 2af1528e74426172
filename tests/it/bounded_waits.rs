//! Time limits of waits at a caller, and other promises about handles.

use std::sync::Arc;
use std::time::Duration;

use birpc::transport::{MemoryTransport, memory_pair};
use birpc::{
    CallError, Client, Config, Connection, ConnectionInfo, Context, EncodedNotification, ErrorObject,
    Initiator, Peer, Reconnect, Router, Server,
};
use serde_json::json;
use tokio::time::Instant;

use crate::support::logs::Logs;
use crate::support::{Dials, Record, bounded};

/// A peer whose queue has room for one message, and whose connection sends nothing.
fn stuck(call_timeout: Option<Duration>) -> (Peer, Connection<MemoryTransport>) {
    let mut config = Config::default();
    config.limits.max_queued_bytes = 1;
    config.call_timeout = call_timeout;
    Connection::new(memory_pair().0, Arc::new(config), ConnectionInfo::default())
}

#[tokio::test(start_paused = true)]
async fn a_notification_waits_no_longer_than_its_handles_timeout() {
    let (peer, _connection) = stuck(Some(Duration::from_secs(9)));
    peer.notify("first", ()).await.expect("there is room for one");
    for (handle, secs) in [(peer.clone().with_timeout(Duration::from_secs(1)), 1), (peer.clone(), 9)] {
        let began = Instant::now();
        assert_eq!(handle.notify("second", ()).await, Err(CallError::TimedOut));
        assert_eq!(began.elapsed(), Duration::from_secs(secs));
        let call = handle.call::<()>("third", ()).notify();
        assert_eq!(call.await, Err(CallError::TimedOut));
    }
    let endless = peer.with_timeout(Duration::MAX);
    let waited = tokio::time::timeout(Duration::from_secs(3600), endless.notify("fourth", ())).await;
    assert!(waited.is_err(), "what is too long for the clock is no bound");
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_room_no_longer_than_its_handles_timeout() {
    let (peer, _connection) = stuck(None);
    peer.notify("first", ()).await.expect("there is room for one");
    let mut batch = peer.clone().with_timeout(Duration::from_secs(1)).batch();
    let call = batch.call::<()>("second", ());
    batch.notify("third", ());
    let began = Instant::now();
    assert_eq!(batch.send().await, Err(CallError::TimedOut));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!(call.await, Err(CallError::TimedOut));
    assert_eq!(peer.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_router_with_two_methods_of_one_name_says_so() {
    let add = |_: Context, ()| async { Ok::<_, ErrorObject>(1) };
    let twice = || Router::new().method("add", add).method("add", add);
    for (left, right) in [(twice(), Router::new()), (Router::new(), twice())] {
        let (one, other) = Connection::pair(left, right);
        for peer in [one, other] {
            let reason = peer.closed().await;
            assert_eq!(reason.code, 1011);
            assert!(reason.reason.contains("`add`"), "{reason}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_peer_of_a_reconnecting_client_is_that_of_its_handlers() {
    let seen = Record::<Peer>::default();
    let sees = seen.clone();
    let router = Router::new().method("see", move |cx: Context, ()| {
        sees.push(cx.peer());
        async { Ok::<_, ErrorObject>(()) }
    });
    let builder = Client::builder().serve(router).reconnect(Reconnect::default());
    let (client, mut dials, mut raw) = Dials::connected(builder).await;
    for _ in 0..2 {
        raw.ask(&json!({"jsonrpc": "2.0", "method": "see", "id": 1}).to_string()).await;
        drop(raw);
        raw = dials.next().await;
    }
    for peer in seen.take() {
        assert_eq!(&peer, client.peer());
        assert_eq!(peer.id(), client.peer().id());
    }
    let (other, _dials, _raw) = Dials::connected(Client::builder().reconnect(Reconnect::default())).await;
    assert_ne!(other.peer(), client.peer());
}

#[tokio::test]
async fn a_close_that_is_awaited_lets_what_was_sent_arrive() {
    bounded(async {
        let heard = Record::<u32>::default();
        let hear = heard.clone();
        let router = Router::new().notification("told", move |_: Context, (number,): (u32,)| {
            hear.push(number);
            async {}
        });
        let server = Server::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("it is bound"));
        tokio::spawn(server.serve(router));
        let client = Client::connect(&url).await.expect("it listens");
        for number in 0..50 {
            client.peer().notify("told", [number]).await.expect("it is open");
        }
        let reason = client.close(1000, "done").expect("it may be sent").await;
        assert_eq!((reason.code, reason.initiator, reason.clean), (1000, Initiator::Local, true));
        assert_eq!(heard.take(), Vec::from_iter(0..50));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_misses_broadcasts_is_told_of_once() {
    let logs = Logs::hear();
    let (peer, _connection) = stuck(None);
    let tick = EncodedNotification::new("tick", ()).expect("it serialises");
    let sent = (0..100).filter(|_| peer.try_notify(&tick).expect("it is short")).count();
    assert_eq!(sent, 1);
    let warned = logs.lines().into_iter().filter(|line| line.level <= tracing::Level::WARN);
    assert_eq!(warned.count(), 1);
}
