//! What went wrong once, in a review's proofs: each test is named after what holds now, and says why it might
//! not. The clock is paused wherever time matters.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use birpc::transport::{Frame, MemoryTransport, Role, Transport, WebSocket, memory_pair};
use birpc::{
    CallError, Client, CloseReason, Config, ConnectError, Connection, ConnectionInfo, Context, ErrorObject,
    Initiator, Keepalive, Limits, Peer, Router, Server,
};
use futures_util::FutureExt;
use futures_util::future::{join, try_join_all};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{NoParams, OnDrop, Side, bounded, hanging, listen};

/// Far longer than anything here takes on a paused clock.
const HOUR: Duration = Duration::from_secs(3600);

fn router() -> Router {
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

fn start(
    transport: impl Transport,
    router: Router,
    change: impl FnOnce(&mut Config),
) -> (Peer, JoinHandle<CloseReason>) {
    let mut config = Config::default();
    // Pings would wake a connection that has gone to sleep by mistake.
    config.keepalive = Keepalive::off();
    change(&mut config);
    let (peer, connection) = Connection::new(transport, Arc::new(config), ConnectionInfo::default());
    (peer, tokio::spawn(connection.serve(router)))
}

async fn recv(transport: &mut MemoryTransport) -> Option<Frame> {
    poll_fn(|cx| transport.poll_recv(cx)).await.map(|frame| frame.expect("no broken frame"))
}

// Nothing else wakes an idle connection than the handler that frees its slot.
#[tokio::test(start_paused = true)]
async fn a_call_that_waits_its_turn_starts_when_a_slot_is_free() {
    let (near, far) = memory_pair();
    let (client, _) = start(near, Router::new(), |_| {});
    let (_server, _) = start(far, router(), |config| config.limits.max_in_flight = 1);
    let calls = try_join_all([client.call::<u64>("slow", (10,)), client.call::<u64>("slow", (10,))]);
    assert_eq!(timeout(HOUR, calls).await.expect("the second starts"), Ok(vec![10, 10]));
}

// No reply of a notification is due: whenever it ends, if ever, none waits for it.
#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_whatever_its_notifications_do() {
    for (notification, request) in [(10, 100), (100, 10), (u64::from(u32::MAX), 10)] {
        let (near, mut raw) = memory_pair();
        let (_peer, _) = start(near, router(), |_| {});
        let batch = json!([
            {"jsonrpc": "2.0", "method": "slowly", "params": [notification]},
            {"jsonrpc": "2.0", "id": 1, "method": "slow", "params": [request]},
        ]);
        raw.send(Frame::Text(batch.to_string().into())).expect("a peer");
        let Ok(Some(Frame::Text(answer))) = timeout(HOUR, recv(&mut raw)).await else { panic!("no answer") };
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer, json!([{"jsonrpc": "2.0", "id": 1, "result": request}]));
    }
}

// Taken for a bad request it would be answered, and the call would wait for ever.
#[tokio::test(start_paused = true)]
async fn a_response_with_a_member_twice_ends_its_call_and_is_not_answered() {
    let twice = [
        r#"{"jsonrpc":"2.0","id":1,"result":1,"result":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""},"error":{"code":2,"message":""}}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"result":1}"#,
    ];
    for response in twice {
        let (near, mut raw) = memory_pair();
        let (peer, _) = start(near, Router::new(), |_| {});
        let call = tokio::spawn(peer.call::<u64>("anything", ()).with_timeout(HOUR));
        recv(&mut raw).await.expect("the request");
        raw.send(Frame::Text(response.into())).expect("a peer");
        let outcome = call.await.expect("no panic");
        assert!(matches!(outcome, Err(CallError::Undecodable(_)) | Ok(1)), "{response}: {outcome:?}");
        assert!(timeout(HOUR, recv(&mut raw)).await.is_err(), "{response} is answered");
    }
}

// Its replies are never all on the wire, but some are with each second: it reads.
#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_reader_is_not_closed() {
    let (near, mut raw) = memory_pair();
    let (peer, _) = start(near, router(), |_| {});
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

// The call has been answered, so that nobody can cancel it any more: only the connection's end can tell.
#[tokio::test(start_paused = true)]
async fn what_a_handler_left_running_learns_that_its_caller_is_gone() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let subscribe = move |cx: Context, _: NoParams| {
        let tell = tell.clone();
        async move {
            tokio::spawn(async move {
                cx.cancelled().await;
                let _ = tell.send(cx.is_cancelled()); // the test is over
            });
            Ok::<_, ErrorObject>(())
        }
    };
    let (near, far) = memory_pair();
    let (_server, _) = start(far, Router::new().method("subscribe", subscribe), |_| {});
    let (client, _) = start(near, Router::new(), |_| {});
    assert_eq!(client.call::<()>("subscribe", ()).await, Ok(()));
    assert!(timeout(HOUR, told.recv()).await.is_err(), "the caller is still there");
    client.close(1000, "").expect("it may be sent");
    assert_eq!(timeout(HOUR, told.recv()).await, Ok(Some(true)));
}

// The value holds the peer, the peer the connection's values: a cycle that somebody must cut.
#[tokio::test]
async fn a_value_that_holds_its_own_peer_is_dropped_with_the_connection() {
    let (end, mut dropped) = mpsc::unbounded_channel();
    let server = Server::builder()
        .on_connect(move |peer| {
            peer.insert((peer.clone(), OnDrop::tell(&end)));
            async {}
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let url = format!("ws://{}/", server.local_addr().expect("bound"));
    tokio::spawn(server.serve(router()));
    for _ in 0..10 {
        let client = Client::connect(&url).await.expect("a server");
        assert_eq!(bounded(client.peer().call::<u64>("slow", (0,))).await, Ok(0));
        client.close(1000, "").expect("it may be sent");
        bounded(dropped.recv()).await.expect("it is dropped");
    }
}

// The last handle is gone before the reply comes, and with it the client, but for the call itself.
#[tokio::test]
async fn a_call_keeps_its_clients_connection_open() {
    let (begin, mut began) = mpsc::unbounded_channel();
    let hold = move |_, _: NoParams| {
        let (free, held) = oneshot::channel::<u32>();
        begin.send(free).expect("the test listens");
        async move { held.await.map_err(|_| ErrorObject::new(1, "the test is over")) }
    };
    let listening = listen(Side::new(Router::new().method("hold", hold))).await;
    let client = Client::connect(&listening.url()).await.expect("a server");
    let call = tokio::spawn(client.peer().call::<u32>("hold", ()));
    drop(client);
    let free = bounded(began.recv()).await.expect("the handler begins");
    free.send(7).expect("the handler waits");
    assert_eq!(bounded(call).await.expect("no panic"), Ok(7));
}

// Who waits for room that there never is must still be told of the end, and the end be seen.
#[tokio::test(start_paused = true)]
async fn a_notification_that_waits_for_room_ends_with_the_connection() {
    let (near, raw) = memory_pair();
    let (peer, _) = start(near, Router::new(), |config| config.limits.max_queued_bytes = 0);
    let notify = tokio::spawn(peer.notify("said", ["a"]));
    tokio::task::yield_now().await;
    drop(raw);
    let reason = timeout(HOUR, peer.closed()).await.expect("it ends");
    assert_eq!((reason.code, reason.initiator), (1006, Initiator::Network));
    let told = timeout(HOUR, notify).await.expect("it is told").expect("no panic");
    assert!(matches!(told, Ok(()) | Err(CallError::Disconnected { .. })), "{told:?}");
}

// The hook runs within the connection's task up to its first await; its panic is its own all the same.
#[tokio::test]
async fn a_connect_hook_that_panics_leaves_its_connection_open() {
    let (tell, mut left) = mpsc::unbounded_channel();
    // Before its first await, and after.
    for awaits in [false, true] {
        let tell = tell.clone();
        let server = Server::builder()
            .on_connect(move |_| async move {
                if awaits {
                    tokio::task::yield_now().await;
                }
                panic!("the test's panic");
            })
            .on_disconnect(move |_, reason| {
                tell.send(reason.code).expect("the test listens");
                async {}
            })
            .bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("bound"));
        tokio::spawn(server.serve(router()));
        let client = Client::connect(&url).await.expect("a server");
        for _ in 0..10 {
            assert_eq!(bounded(client.peer().call::<u64>("slow", (1,))).await, Ok(1));
        }
        client.close(4000, "").expect("it may be sent");
        assert_eq!(bounded(left.recv()).await, Some(4000));
    }
}

// A server may say more than is told, pad it, or never come to its end.
#[tokio::test]
async fn the_beginning_of_a_long_refusal_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let refuse = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.expect("a whole request"));
        }
        // Longer than what is told of it, and it never ends.
        let body = format!("no such key{}", " ".repeat(6000));
        let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes()).await.expect("a client");
        stream
    };
    let (_stream, connected) = bounded(join(refuse, Client::connect(&url))).await;
    let Err(ConnectError::Refused { status, body, .. }) = connected else { panic!("{connected:?}") };
    assert_eq!((status, &*body), (403, "no such key"));
}

// Two that stop reading until the other has read wait for each other until both stall.
#[tokio::test(start_paused = true)]
async fn two_peers_that_push_large_replies_over_a_websocket_do_not_stop_each_other() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let side = async |stream, role| {
        let transport = WebSocket::new(stream, vec![], role, &Limits::default());
        start(transport, router(), |config| config.limits.max_queued_bytes = 256 << 10).0
    };
    let (left, right) = (side(near, Role::Client).await, side(far, Role::Server).await);
    // All replies are ready at the same time.
    let push = |peer: &Peer| try_join_all((0..200).map(|_| peer.call::<String>("text", (200, 20_000))));
    let (there, back) = join(push(&left), push(&right)).await;
    assert!([there, back].into_iter().all(|replies| replies.expect("replies").len() == 200));
    assert_eq!((left.in_flight(), right.in_flight(), left.serving(), right.serving()), (0, 0, 0, 0));
}

// The close frame stands behind a queue that never moves: the wait for both is one.
#[tokio::test(start_paused = true)]
async fn a_close_to_a_peer_that_reads_nothing_takes_one_close_timeout() {
    let (near, _raw) = memory_pair();
    let (peer, ended) = start(near, Router::new(), |_| {});
    while peer.notify("said", ["x".repeat(1000)]).now_or_never().is_some() {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    peer.close(1001, "").expect("it may be sent");
    let reason = ended.await.expect("no panic");
    assert_eq!((reason.code, reason.clean, began.elapsed().as_secs()), (1001, false, 5));
}

// The gauge told of calls that the end had dropped. (Found by the fuzz target `connection`.)
#[tokio::test(start_paused = true)]
async fn a_connection_that_has_ended_serves_nothing() {
    let (router, mut handlers) = hanging();
    let (mut near, far) = memory_pair();
    let (peer, connection) = start(far, router, |_| {});
    near.send(Frame::Text(r#"{"jsonrpc":"2.0","id":1,"method":"hang"}"#.into())).expect("a peer");
    handlers.began.recv().await.expect("it begins");
    assert_eq!(peer.serving(), 1);
    drop(near);
    connection.await.expect("it ends");
    assert_eq!(peer.serving(), 0);
}
