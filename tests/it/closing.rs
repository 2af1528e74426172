//! The contents of close frames and their effects, and the life of a connection in terms of the browser's
//! WebSocket API.

use std::time::Duration;

use birpc::transport::Role;
use birpc::{Client, ConnectionState, ErrorObject, Event, Initiator, Router};
use tokio::sync::{mpsc, oneshot};

use crate::support::bytes::{CLOSE, TEXT, close_payload, wired};
use crate::support::{Join, NoParams, Side, bounded, listen};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The close frame that the peer of an open connection gets after it has sent a close frame with this
/// payload, and the reason of the connection's end.
async fn closed_with(role: Role, payload: &[u8]) -> (u16, birpc::CloseReason) {
    let (wired, mut far) = wired(role, Side::default(), 1 << 16).await;
    far.send_frame(CLOSE, payload).await;
    let (code, _) = far.close().await;
    far.end().await;
    assert_eq!(far.next().await, None, "nothing follows a close frame");
    (code, wired.ended().await)
}

// RFC 6455 §7.4.1: these codes never occur on the wire. §7.4.2: neither do undefined ones.
#[tokio::test(start_paused = true)]
async fn a_code_that_may_not_be_sent_is_answered_with_1002() {
    for role in ROLES {
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            let (answer, reason) = closed_with(role, &close_payload(code, "no")).await;
            assert_eq!((answer, reason.code), (1002, 1002), "{role:?} {code}");
        }
    }
}

// RFC 6455 §5.5.1: the first two bytes of a payload are the code.
#[tokio::test(start_paused = true)]
async fn half_a_code_is_answered_with_1002() {
    for role in ROLES {
        let (answer, reason) = closed_with(role, &[3]).await;
        assert_eq!((answer, reason.code, reason.initiator), (1002, 1002, Initiator::Local), "{role:?}");
    }
}

// RFC 6455 §8.1: the reason must be UTF-8, like all text.
#[tokio::test(start_paused = true)]
async fn a_reason_that_is_not_utf8_is_answered_with_1007() {
    for role in ROLES {
        for broken in [&[0xff][..], &[0xc3], &[0xed, 0xa0, 0x80], &[0xf4, 0x90, 0x80, 0x80]] {
            let (answer, reason) = closed_with(role, &[&1000u16.to_be_bytes(), broken].concat()).await;
            assert_eq!((answer, reason.code, reason.initiator), (1007, 1007, Initiator::Local), "{role:?}");
        }
    }
}

// RFC 6455 §5.5: a control frame has at most 125 bytes and is not fragmented.
#[tokio::test(start_paused = true)]
async fn a_close_frame_that_is_too_long_or_has_fragments_is_answered_with_1002() {
    for role in ROLES {
        let (answer, reason) = closed_with(role, &close_payload(1000, &"x".repeat(124))).await;
        assert_eq!((answer, reason.code), (1002, 1002), "{role:?}");
        let (wired, mut far) = wired(role, Side::default(), 1 << 16).await;
        far.send_frame(CLOSE & 0x7f, &close_payload(1000, "")).await;
        assert_eq!(far.close().await.0, 1002, "{role:?}");
        far.end().await;
        assert_eq!(wired.ended().await.code, 1002);
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_and_its_reason_arrive_and_are_answered_in_kind() {
    let longest = "é".repeat(61);
    for role in ROLES {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4001, 4999]
        {
            for text in ["", "see you", "до встречи 👋", &longest] {
                let (answer, reason) = closed_with(role, &close_payload(code, text)).await;
                assert_eq!((answer, reason.code, &*reason.reason), (code, code, text), "{role:?}");
                assert_eq!((reason.initiator, reason.clean), (Initiator::Remote, true));
            }
        }
        let (answer, reason) = closed_with(role, b"").await;
        assert_eq!((answer, reason.code, &*reason.reason, reason.clean), (1005, 1005, "", true), "{role:?}");
    }
}

// The same from end to end, through the API of both sides.
#[tokio::test]
async fn the_application_reads_what_the_other_side_closed_with() {
    for (code, text) in [(1000, "done"), (1001, "gone"), (3000, "log in"), (4001, "it's full")] {
        for by_server in [false, true] {
            let pair = Join::Socket.peers(Side::default(), Side::default()).await;
            let (near, far) =
                if by_server { (&pair.server, &pair.client) } else { (&pair.client, &pair.server) };
            near.close(code, text).expect("it may be sent");
            let (near, far) = (bounded(near.closed()).await, bounded(far.closed()).await);
            assert_eq!((near.code, &*near.reason, near.initiator), (code, text, Initiator::Local));
            assert_eq!((far.code, &*far.reason, far.initiator), (code, text, Initiator::Remote));
            assert!(near.clean && far.clean);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_open_then_closing_then_closed() {
    for role in ROLES {
        let (wired, mut far) = wired(role, Side::default(), 1 << 16).await;
        let peer = wired.peer.clone();
        let mut events = peer.events();
        assert_eq!((peer.state(), events.next().await), (ConnectionState::Open, Some(Event::Open)));
        assert_eq!((peer.buffered_amount(), peer.close_reason(), peer.extensions()), (0, None, ""));

        peer.close(4000, "bye").expect("it may be sent");
        assert_eq!(peer.state(), ConnectionState::Closing);
        assert_eq!(far.close().await.0, 4000);
        assert_eq!(peer.state(), ConnectionState::Closing);
        let next = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
        assert!(next.is_err(), "it has not closed: {next:?}");

        far.send_frame(CLOSE, &close_payload(4000, "")).await;
        far.end().await;
        let reason = wired.ended().await;
        assert_eq!(peer.state(), ConnectionState::Closed);
        assert_eq!((events.next().await, events.next().await), (Some(Event::Close(reason)), None));
        // `Events` that are created late report everything.
        let mut late = peer.events();
        assert!(matches!((late.next().await, late.next().await), (Some(Event::Open), Some(Event::Close(_)))));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_comes_before_its_close() {
    for role in ROLES {
        // A lost connection, and a broken rule.
        for broken in [&[][..], &[0xc1, 0]] {
            let (wired, mut far) = wired(role, Side::default(), 1 << 16).await;
            let mut events = wired.peer.events();
            assert_eq!(events.next().await, Some(Event::Open));
            far.send(broken).await;
            far.end().await;
            let reason = wired.ended().await;
            assert_eq!(reason.code, if broken.is_empty() { 1006 } else { 1002 });
            assert_eq!(events.next().await, Some(Event::Error(reason.clone())));
            assert_eq!(events.next().await, Some(Event::Close(reason)));
            assert_eq!(events.next().await, None);
        }
    }
}

// The bytes that the operating system has not taken, as in a browser's `bufferedAmount`.
#[tokio::test(start_paused = true)]
async fn buffered_amount_is_what_is_not_yet_sent() {
    for role in ROLES {
        let (wired, mut far) = wired(role, Side::default(), 1 << 10).await;
        let (peer, text) = (&wired.peer, "x".repeat(100_000));
        let mut last = 0;
        for _ in 0..3 {
            peer.notify("told", [&text]).await.expect("it is open");
            assert!(peer.buffered_amount() >= last + text.len(), "{}", peer.buffered_amount());
            last = peer.buffered_amount();
        }
        let mut heard = 0;
        for _ in 0..3 {
            let frame = far.next().await.expect("a frame");
            assert_eq!(frame.first, TEXT);
            heard += frame.payload.len();
        }
        assert_eq!(heard, last, "it counts the messages, and nothing else");
        // The sending task updates it in its turn.
        tokio::time::timeout(Duration::from_secs(1), async {
            while peer.buffered_amount() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("everything is sent");
    }
}

// The frame goes out behind what is queued, which a peer that does not read never takes.
#[tokio::test(start_paused = true)]
async fn a_close_behind_what_the_peer_does_not_read_takes_close_timeout() {
    for role in ROLES {
        let side = Side::default().limits(|limits| limits.close_timeout = Duration::from_secs(7));
        let (wired, _far) = wired(role, side, 1 << 10).await;
        wired.peer.notify("told", ["x".repeat(100_000)]).await.expect("it is open");
        let begun = tokio::time::Instant::now();
        wired.peer.close(4000, "bye").expect("it may be sent");
        let reason = wired.ended().await;
        assert_eq!((begun.elapsed().as_secs(), reason.code, reason.clean), (7, 4000, false), "{role:?}");
    }
}

#[tokio::test]
async fn both_sides_know_where_they_are_connected() {
    let mut listening = listen(Side::default()).await;
    let url = format!("ws://{}/chat?room=1", listening.address);
    let client = birpc::Client::connect(&url).await.expect("a server");
    let peer = listening.connected.recv().await.expect("the server runs");
    assert_eq!((client.url(), client.subprotocol(), client.extensions()), (&*url, Some("birpc.v1"), ""));
    assert_eq!((client.state(), client.buffered_amount()), (ConnectionState::Open, 0));
    assert_eq!((peer.url(), peer.subprotocol(), peer.extensions()), (None, Some("birpc.v1"), ""));
    assert_eq!(client.events().next().await, Some(Event::Open));
    client.close(1000, "").expect("it may be sent");
    assert!(bounded(client.closed()).await.clean);
    assert_eq!(client.state(), ConnectionState::Closed);
}

// The last handle is dropped before the reply arrives, so only the call keeps the client.
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
