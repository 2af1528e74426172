//! When a connection ends, everything that depends on it ends at once with the reason.

use std::time::Duration;

use birpc::transport::{self, Frame, Transport, memory_pair};
use birpc::{
    CallError, Client, Config, Connection, ConnectionInfo, Context, ErrorObject, Initiator, Router, Server,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::connection::{HOUR, start, timed};
use crate::support::pending::{self, Outcome, common_reason};
use crate::support::{Heard, Join, NoParams, OnDrop, Pair, Side, bounded, hanging, over_both};

over_both! {
    a_close_by_the_peer_ends_every_call_with_its_code
    a_close_by_this_side_ends_every_call_too
    a_raw_close_is_told_with_code_and_reason
    a_cut_ends_every_call_and_drops_every_handler
    a_call_after_the_end_was_not_sent
    bad_close_codes_and_reasons_are_refused_and_change_nothing
}

/// Calls in flight in both directions, ended by `end`. Returns the outcomes of the client's calls, then of
/// the server's.
async fn calls_ended_by(join_by: Join, end: impl AsyncFnOnce(&Pair)) -> [Vec<Outcome>; 2] {
    let (client_router, client_side) = hanging();
    let (server_router, server_side) = hanging();
    let pair = join_by.peers(Side::new(client_router), Side::new(server_router)).await;
    let sides = [client_side, server_side];
    pending::calls_ended_by(&pair.client, &pair.server, sides, async || end(&pair).await).await
}

/// Every call had been sent, and has this code, reason and initiator.
fn assert_all_ended(outcomes: &[Outcome], code: u16, text: &str, by: Initiator) {
    let reason = common_reason(outcomes);
    assert_eq!((reason.code, &*reason.reason, reason.initiator), (code, text, by));
}

async fn a_close_by_the_peer_ends_every_call_with_its_code(join_by: Join) {
    let [from_client, from_server] = calls_ended_by(join_by, async |pair| {
        pair.server.close(4001, "enough").expect("it may be sent");
        let reason = pair.client.closed().await;
        assert_eq!((reason.code, reason.initiator, reason.clean), (4001, Initiator::Remote, true));
        let reason = pair.server.closed().await;
        assert_eq!((reason.code, reason.initiator, reason.clean), (4001, Initiator::Local, true));
    })
    .await;
    assert_all_ended(&from_client, 4001, "enough", Initiator::Remote);
    assert_all_ended(&from_server, 4001, "enough", Initiator::Local);
}

async fn a_close_by_this_side_ends_every_call_too(join_by: Join) {
    let [from_client, from_server] = calls_ended_by(join_by, async |pair| {
        pair.client.close(1000, "").expect("it may be sent");
        pair.client.close(4000, "too late").expect("it may be sent");
    })
    .await;
    assert_all_ended(&from_client, 1000, "", Initiator::Local);
    assert_all_ended(&from_server, 1000, "", Initiator::Remote);
}

// A foreign peer closes the connection.
async fn a_raw_close_is_told_with_code_and_reason(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let caller = peer.clone();
    let call = tokio::spawn(async move { caller.call::<()>("hang", ()).await });
    assert_eq!(raw.json().await["method"], "hang");
    raw.close(3999, "ciao").await;
    let Err(CallError::Disconnected { reason, sent: true }) = call.await.expect("no panic") else {
        panic!("the call outlived its connection")
    };
    assert_eq!((reason.code, &*reason.reason), (3999, "ciao"));
    assert_eq!(raw.hear().await, Heard::Close(3999, "ciao".into()));
    drop(raw); // the server waits for it, so that its own close frame is read
    assert_eq!(peer.closed().await, reason);
}

// Without a close frame, whether a cable was cut or a task was dropped.
async fn a_cut_ends_every_call_and_drops_every_handler(join_by: Join) {
    let [from_client, from_server] = calls_ended_by(join_by, async |pair| pair.cut()).await;
    for (outcomes, side) in [(from_client, "client"), (from_server, "server")] {
        let reason = common_reason(&outcomes);
        assert!(!reason.clean && !reason.reason.is_empty(), "{side}: {reason:?}");
        assert_eq!((reason.code, reason.initiator), (1006, Initiator::Network), "{side}");
    }
}

async fn a_call_after_the_end_was_not_sent(join_by: Join) {
    let pair = join_by.peers(Side::default(), Side::default()).await;
    assert_eq!(pair.client.close_reason(), None);
    pair.server.close(1001, "gone").expect("it may be sent");
    let reason = pair.client.closed().await;
    let expected = CallError::Disconnected { reason: reason.clone(), sent: false };
    assert_eq!(pair.client.call::<()>("hang", ()).await, Err(expected.clone()));
    assert_eq!(pair.client.notify("told", ()).await, Err(expected));
    assert_eq!(pair.client.close_reason(), Some(reason));
    pair.client.close(1000, "").expect("closing what is closed is no error");
}

async fn bad_close_codes_and_reasons_are_refused_and_change_nothing(join_by: Join) {
    let pong = || Router::new().method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) });
    let pair = join_by.peers(Side::new(pong()), Side::new(pong())).await;
    for peer in [&pair.client, &pair.server] {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, u16::MAX] {
            assert!(peer.close(code, "").is_err(), "{code}");
        }
        assert!(peer.close(1000, &"x".repeat(124)).is_err());
        assert_eq!(peer.call::<i32>("ping", ()).await, Ok(1));
    }
    let longest = "é".repeat(61);
    pair.client.close(4999, &longest).expect("122 bytes fit");
    let reason = pair.server.closed().await;
    assert_eq!((reason.code, reason.reason), (4999, longest));
}

// A call that the peer cannot have seen can be made again, and reports that.
#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_slow_reader_was_not_sent() {
    let (near, far) = transport::memory_pair();
    let mut config = Config::default();
    config.limits.max_queued_bytes = 1;
    config.limits.write_stall = Duration::MAX;
    let (peer, connection) = Connection::new(near, config.into(), ConnectionInfo::default());
    let connection = tokio::spawn(connection);
    let big = "x".repeat(600 << 10); // more than the pair holds
    let spawn = |method: &'static str| {
        let (peer, params) = (peer.clone(), [big.clone()]);
        tokio::spawn(async move { peer.call::<()>(method, params).await })
    };
    let sent = spawn("sent");
    while peer.in_flight() < 1 {
        tokio::task::yield_now().await;
    }
    let (queued, waiting) = (spawn("queued"), spawn("waiting"));
    while peer.in_flight() < 3 {
        tokio::task::yield_now().await;
    }
    drop(far);
    let reason = connection.await.expect("no panic");
    assert_eq!(reason.code, 1006);
    for (call, was_sent) in [(sent, true), (queued, false), (waiting, false)] {
        let expected = CallError::Disconnected { reason: reason.clone(), sent: was_sent };
        assert_eq!(call.await.expect("no panic"), Err(expected));
    }
}

// A reset socket is a reason too.
#[tokio::test]
async fn a_reset_connection_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    let accept = async {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut raw = crate::support::Raw::accept(stream).await;
        assert_eq!(raw.json().await["id"], 1);
        let crate::support::Raw::Socket(socket) = raw else { unreachable!("it is one") };
        let stream: TcpStream = socket.into_inner();
        // Unread bytes turn the end into a reset.
        stream.set_zero_linger().expect("a socket option");
    };
    let client = async {
        let client = birpc::Client::connect(&url).await.expect("a server");
        client.peer().call::<()>("hang", ()).await
    };
    let ((), outcome) = tokio::join!(accept, client);
    let Err(CallError::Disconnected { reason, sent: true }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((reason.code, reason.initiator, reason.clean), (1006, Initiator::Network, false));
    assert!(reason.reason.contains("reset"), "{reason:?}");
}

// The call has been answered and cannot be cancelled any more; only the connection's end can notify the task.
#[tokio::test(start_paused = true)]
async fn what_a_handler_left_running_learns_that_its_caller_is_gone() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let subscribe = move |cx: Context, _: NoParams| {
        let tell = tell.clone();
        async move {
            tokio::spawn(async move {
                cx.cancelled().await;
                let _ = tell.send(cx.is_cancelled()); // the test may be over
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

// The value holds the peer, and the peer holds the values of the connection: birpc must break this cycle.
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
    tokio::spawn(server.serve(timed()));
    for _ in 0..10 {
        let client = Client::connect(&url).await.expect("a server");
        assert_eq!(bounded(client.peer().call::<u64>("slow", (0,))).await, Ok(0));
        client.close(1000, "").expect("it may be sent");
        bounded(dropped.recv()).await.expect("it is dropped");
    }
}

// There is never room, but the notification must end with the connection, and the end must be noticed.
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

// The gauge must not count calls that the end has dropped. (Found by the fuzz target `connection`.)
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
