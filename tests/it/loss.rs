//! When a connection ends, everything that depended on it ends at once and says why.

use std::time::Duration;

use birpc::{CallError, Config, Connection, ConnectionInfo, ErrorObject, Initiator, Router, transport};
use tokio::net::{TcpListener, TcpStream};

use crate::support::pending::{self, Outcome, common_reason};
use crate::support::{Heard, Join, NoParams, Pair, Side, hanging, over_both};

over_both! {
    a_close_by_the_peer_ends_every_call_with_its_code
    a_close_by_this_side_ends_every_call_too
    a_raw_close_is_told_with_code_and_reason
    a_cut_ends_every_call_and_drops_every_handler
    a_call_after_the_end_was_not_sent
    bad_close_codes_and_reasons_are_refused_and_change_nothing
}

/// Calls in flight in both directions, ended by `end`: first what the client's met, then the server's.
async fn calls_ended_by(join_by: Join, end: impl AsyncFnOnce(&Pair)) -> [Vec<Outcome>; 2] {
    let (client_router, client_side) = hanging();
    let (server_router, server_side) = hanging();
    let pair = join_by.peers(Side::new(client_router), Side::new(server_router)).await;
    let sides = [client_side, server_side];
    pending::calls_ended_by(&pair.client, &pair.server, sides, async || end(&pair).await).await
}

/// Every call had been sent; code, reason and who began are those.
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

// No close frame, whether a cable was cut or a task was dropped.
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

// A call that the peer cannot have seen may be made again, and says so.
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
        // Bytes that were never read turn the end into a reset.
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
