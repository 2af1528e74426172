//! The time that a close may take, and keepalive on both sides. The clock is paused: it advances only when
//! all tasks wait.

use std::time::Duration;

use birpc::transport::Role;
use birpc::{Connection, Initiator, Router, Server};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::bytes::{Bytes, CLOSE, PING, PONG, TEXT, close_payload, wired};
use crate::support::{Join, Side};

#[tokio::test(start_paused = true)]
async fn a_close_that_is_never_answered_ends_after_five_seconds() {
    for role in [Role::Client, Role::Server] {
        let (wired, mut far) = wired(role, Side::default(), 1 << 16).await;
        let began = Instant::now();
        wired.peer.close(4000, "bye").expect("it may be sent");
        assert_eq!(far.close().await, (4000, "bye".into()));
        let reason = wired.ended().await;
        assert_eq!((reason.code, reason.initiator, reason.clean), (4000, Initiator::Local, false));
        assert_eq!(began.elapsed().as_secs(), 5, "{role:?}");
    }
}

// The close frames are exchanged, but the stream beneath stays open.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_ended_is_given_up_after_five_seconds() {
    for role in [Role::Client, Role::Server] {
        let (wired, mut far) = wired(role, Side::default(), 1 << 16).await;
        let began = Instant::now();
        wired.peer.close(1000, "").expect("it may be sent");
        assert_eq!(far.close().await.0, 1000);
        far.send_frame(CLOSE, &close_payload(1000, "")).await;
        let reason = wired.ended().await;
        assert_eq!((reason.code, reason.initiator, reason.clean), (1000, Initiator::Local, true));
        assert_eq!(began.elapsed().as_secs(), 5, "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_of_both_sides_at_once_is_clean_for_both() {
    let pair = Join::Memory.peers(Side::default(), Side::default()).await;
    let began = Instant::now();
    pair.client.close(4000, "the client").expect("it may be sent");
    pair.server.close(4001, "the server").expect("it may be sent");
    for (peer, code) in [(&pair.client, 4000), (&pair.server, 4001)] {
        let reason = peer.closed().await;
        assert_eq!((reason.code, reason.initiator, reason.clean), (code, Initiator::Local, true));
    }
    // The same with frames: the peer's close crosses ours.
    let (wired, mut far) = wired(Role::Server, Side::default(), 1 << 16).await;
    far.send_frame(CLOSE, &close_payload(4001, "the client")).await;
    wired.peer.close(4000, "the server").expect("it may be sent");
    assert_eq!(far.close().await, (4000, "the server".into()));
    far.end().await;
    assert_eq!(far.next().await, None);
    assert!(wired.ended().await.clean);
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_sends_while_we_close_is_dropped() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let router = Router::new().notification("told", move |_, (number,): (u32,)| {
        let _ = tell.send(number); // the test is over
        async {}
    });
    let (wired, mut far) = wired(Role::Server, Side::new(router), 1 << 16).await;
    wired.peer.close(1000, "").expect("it may be sent");
    assert_eq!(far.close().await.0, 1000);
    for number in 0..1000 {
        let text = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"told\",\"params\":[{number}]}}");
        far.send_frame(TEXT, text.as_bytes()).await;
    }
    far.send_frame(CLOSE, &close_payload(1000, "")).await;
    far.end().await;
    assert!(wired.ended().await.clean);
    assert_eq!(told.recv().await, None);
}

// A peer that has vanished does not delay the shutdown any longer.
#[tokio::test]
async fn a_server_stops_although_a_peer_never_answers() {
    let server = Server::bind("127.0.0.1:0").await.expect("a free port");
    let (address, handle) = (server.local_addr().expect("it is bound"), server.handle());
    let serving = tokio::spawn(server.serve(Router::new()));
    let mut far = Bytes::upgraded(address).await;
    far.send_frame(TEXT, br#"{"jsonrpc":"2.0","id":1,"method":"none"}"#).await;
    far.text().await;
    tokio::time::pause();
    let began = Instant::now();
    handle.stop();
    serving.await.expect("no panic").expect("a good router");
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(far.close().await, (1001, "the server is shutting down".into()));
}

#[tokio::test(start_paused = true)]
async fn keepalive_of_both_sides_keeps_an_idle_connection() {
    let (client, server) = tokio::io::duplex(1 << 10);
    let side = async |stream, role| {
        let limits = birpc::Limits::default();
        let transport = birpc::transport::WebSocket::new(stream, vec![], role, &limits);
        let (peer, connection) = Connection::new(transport, Default::default(), Default::default());
        tokio::spawn(connection);
        peer
    };
    let peers = [side(client, Role::Client).await, side(server, Role::Server).await];
    assert!(peers.iter().all(|peer| peer.round_trip().is_none()), "nothing was pinged yet");
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert!(peers.iter().all(|peer| peer.close_reason().is_none()));
    // One side's ping is a sign of life for the other, which then need not send its own.
    assert!(peers.iter().any(|peer| peer.round_trip().is_some()));
}

// A ping would wait behind what the peer does not read.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_not_pinged() {
    for role in [Role::Client, Role::Server] {
        let side = Side::default().limits(|limits| limits.write_stall = Duration::from_secs(1000));
        let (wired, mut far) = wired(role, side, 1 << 10).await;
        wired.peer.notify("told", ["x".repeat(100_000)]).await.expect("it is open");
        tokio::time::sleep(Duration::from_secs(110)).await;
        assert_eq!(far.next().await.map(|frame| frame.first), Some(TEXT));
        let next = tokio::time::timeout(Duration::from_secs(5), far.next()).await;
        assert!(next.is_err(), "{next:?}");
        assert_eq!(far.next().await.map(|frame| frame.first), Some(PING));
    }
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_is_the_time_from_a_ping_to_its_pong() {
    for role in [Role::Client, Role::Server] {
        let (wired, mut far) = wired(role, Side::default(), 1 << 10).await;
        let began = Instant::now();
        for seconds in [3, 1] {
            let ping = far.next().await.expect("a ping");
            assert_eq!(ping.first, PING);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            far.send_frame(PONG, &ping.payload).await;
            tokio::task::yield_now().await;
            assert_eq!(wired.peer.round_trip(), Some(Duration::from_secs(seconds)));
        }
        assert_eq!(began.elapsed().as_secs(), 20 + 3 + 20 + 1);
    }
}

// A client gives up a server that hangs, as a server gives up a client.
#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_is_given_up_by_both_roles() {
    for role in [Role::Client, Role::Server] {
        let (wired, mut far) = wired(role, Side::default(), 1 << 10).await;
        let began = Instant::now();
        assert_eq!(far.next().await.map(|frame| (frame.first, began.elapsed().as_secs())), Some((PING, 20)));
        let reason = wired.ended().await;
        assert_eq!((reason.code, reason.initiator), (1006, Initiator::Network));
        assert_eq!(began.elapsed().as_secs(), 40);
    }
}
