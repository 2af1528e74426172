//! Networks that fail between a client and a server: cut, reset, held up, trickled and swallowed, over real sockets
//! (pitfalls 5, 12, 21 and 24).

mod support;

use std::time::{Duration, Instant};

use birpc::{CallError, CloseReason, ConnectError, ErrorObject, Initiator, Keepalive, Peer, Router};
use futures_util::future::{join, join_all, try_join_all};
use support::pending::{self, common_reason};
use support::proxy::Proxy;
use support::{Listening, Side, bounded, hanging, listen};

/// A client and a server with a proxy between them.
struct Proxied {
    proxy: Proxy,
    client: Peer,
    server: Peer,
    listening: Listening,
}

async fn proxied(client: Side, server: Side) -> Proxied {
    let listening = listen(server).await;
    let proxy = Proxy::before(listening.address).await;
    connect(client, proxy, listening).await
}

async fn connect(client: Side, proxy: Proxy, mut listening: Listening) -> Proxied {
    let client = client.client().connect(&proxy.url()).await.expect("the proxy lets it pass");
    let server = listening.connected.recv().await.expect("the server runs");
    Proxied { proxy, client: client.peer().clone(), server, listening }
}

fn echo() -> Router {
    Router::new().request("echo", |_, (text,): (String,)| async move { Ok::<_, ErrorObject>(text) })
}

/// Calls in flight in both directions, ended by what `fail` does to the network: why, as the client's calls say, and
/// as the server's do.
async fn ended_by(keepalive: Keepalive, fail: impl AsyncFnOnce(&Proxied)) -> [CloseReason; 2] {
    let ((client_router, client_side), (server_router, server_side)) = (hanging(), hanging());
    let side = |router| Side::new(router).config(|config| config.keepalive = keepalive.clone());
    let proxied = proxied(side(client_router), side(server_router)).await;
    let sides = [client_side, server_side];
    let ended = async || fail(&proxied).await;
    let outcomes = pending::calls_ended_by(&proxied.client, &proxied.server, sides, ended).await;
    for peer in [&proxied.client, &proxied.server] {
        let reason = peer.closed().await;
        assert_eq!((reason.code, reason.initiator, reason.clean), (1006, Initiator::Network, false));
    }
    outcomes.map(|outcomes| common_reason(&outcomes).clone())
}

const NO_CLOSE_FRAME: &str = "the peer ended the connection without a close frame";
const RESET: &str = "connection reset by the peer";
const SILENT: &str = "the peer has been silent for too long";

#[tokio::test]
async fn a_cut_ends_every_call_in_both_directions() {
    bounded(async {
        let reasons = ended_by(Keepalive::default(), async |proxied| proxied.proxy.cut()).await;
        assert_eq!(reasons.map(|reason| reason.reason), [NO_CLOSE_FRAME; 2]);
    })
    .await;
}

#[tokio::test]
async fn a_reset_ends_every_call_in_both_directions() {
    bounded(async {
        let reasons = ended_by(Keepalive::default(), async |proxied| proxied.proxy.reset()).await;
        assert_eq!(reasons.map(|reason| reason.reason), [RESET; 2]);
    })
    .await;
}

// Who can still write but hears nothing more has no use for the connection either.
#[tokio::test]
async fn the_end_of_one_direction_ends_both() {
    for to_server in [true, false] {
        bounded(ended_by(Keepalive::default(), async |Proxied { proxy, .. }| {
            if to_server { proxy.to_server.end() } else { proxy.to_client.end() }
        }))
        .await;
    }
}

// From within a frame's header, its payload, and the fragments of a message.
#[tokio::test]
async fn a_cut_in_the_middle_of_a_message_is_a_cut() {
    for (bytes, size) in [(1, 10), (3, 1000), (9, 100_000), (5000, 100_000), ((1 << 20) + 5000, 3 << 20)] {
        for reset in [false, true] {
            bounded(in_the_middle(bytes, size, reset)).await;
        }
    }
}

async fn in_the_middle(bytes: u64, size: usize, reset: bool) {
    let side = |router: Router| {
        Side::new(router)
            .limits(|limits| (limits.max_message_in, limits.max_message_out) = (4 << 20, 4 << 20))
    };
    let ((client_router, client_side), (server_router, server_side)) = (hanging(), hanging());
    let Proxied { proxy, client, server, listening } =
        proxied(side(client_router), side(server_router)).await;
    let cut = async || {
        proxy.to_server.allow(bytes);
        let call = tokio::spawn(client.call::<()>("hang", ["x".repeat(size)]));
        proxy.to_server.held().await;
        if reset {
            proxy.reset()
        } else {
            proxy.cut()
        }
        let outcome = call.await.expect("no panic");
        assert!(matches!(outcome, Err(CallError::Disconnected { sent: true, .. })), "{outcome:?}");
    };
    let outcomes = pending::calls_ended_by(&client, &server, [client_side, server_side], cut).await;
    for outcomes in outcomes {
        let reason = common_reason(&outcomes);
        assert_eq!((reason.code, reason.initiator), (1006, Initiator::Network), "{bytes} of {size}");
    }
    server.closed().await;
    assert!(listening.handle.peers().is_empty());
}

// A call that never went to the socket says so: it may be made again.
#[tokio::test]
async fn calls_that_a_stalled_network_never_took_were_not_sent() {
    bounded(async {
        let client = Side::default().limits(|limits| limits.max_queued_bytes = 1);
        let Proxied { proxy, client, .. } = proxied(client, Side::default()).await;
        proxy.to_server.hold();
        // More than all buffers of the system between here and the proxy.
        const CALLS: usize = 32;
        let big = "x".repeat(1_000_000);
        let calls = join_all((0..CALLS).map(|_| client.call::<()>("hang", [&big])));
        let reset = async {
            while client.in_flight() < CALLS {
                tokio::task::yield_now().await;
            }
            proxy.to_server.held().await;
            proxy.reset();
        };
        let (outcomes, ()) = join(calls, reset).await;
        let sent: Vec<bool> = outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Err(CallError::Disconnected { sent, .. }) => sent,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(
            sent[0] && !sent[CALLS - 1] && sent.is_sorted_by(|before, after| before >= after),
            "{sent:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_reset_in_the_handshake_is_an_error_and_leaves_nothing() {
    for in_the_request in [true, false] {
        for reset in [true, false] {
            bounded(handshake_fails(in_the_request, reset)).await;
        }
    }
}

async fn handshake_fails(in_the_request: bool, reset: bool) {
    // Room for one: what the lost connection held must come back.
    let one = |limits: &mut birpc::Limits| (limits.max_handshakes, limits.max_connections) = (1, 1);
    let listening = listen(Side::default().limits(one)).await;
    let proxy = Proxy::before(listening.address).await;
    let flow = if in_the_request { &proxy.to_server } else { &proxy.to_client };
    flow.allow(20);
    let fail = async {
        flow.held().await;
        if reset { proxy.reset() } else { proxy.cut() }
    };
    let (outcome, ()) = join(birpc::Client::connect(&proxy.url()), fail).await;
    assert!(matches!(outcome, Err(ConnectError::Io { .. } | ConnectError::Handshake(_))), "{outcome:?}");
    // The server may learn of it a little later than the client.
    while birpc::Client::connect(&listening.url()).await.is_err() {}
}

#[tokio::test]
async fn a_byte_at_a_time_is_enough() {
    bounded(async {
        let listening = listen(Side::new(echo())).await;
        let proxy = Proxy::before(listening.address).await;
        proxy.to_server.trickle();
        proxy.to_client.trickle();
        let Proxied { client, server, .. } = connect(Side::new(echo()), proxy, listening).await;
        // Frames with short and with extended lengths (RFC 6455 §5.2), and characters of several bytes.
        for text in ["", "é€𝄞", &"é€𝄞".repeat(100)] {
            for peer in [&client, &server] {
                assert_eq!(peer.call::<String>("echo", [text]).await.as_deref(), Ok(text));
            }
        }
        client.close(4000, "slowly").expect("it may be sent");
        assert!(client.closed().await.clean);
    })
    .await;
}

/// Long enough to be no accident, short enough for a test.
const BEAT: Duration = Duration::from_millis(150);

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

// Pitfall 24. Nothing is closed, nothing comes: only keepalive can tell.
#[tokio::test]
async fn a_black_hole_is_found_within_the_bound_of_keepalive() {
    for directions in ["both", "to the server", "to the client"] {
        let began = Instant::now();
        let [client, server] =
            bounded(ended_by(Keepalive::every(BEAT, BEAT), async |Proxied { proxy, .. }| match directions {
                "both" => proxy.hold(),
                "to the server" => proxy.to_server.hold(),
                _ => proxy.to_client.hold(),
            }))
            .await;
        let took = began.elapsed();
        assert!((2 * BEAT..2 * BEAT + SLACK).contains(&took), "{directions}: {took:?}");
        // Whoever still hears the other's pings learns by the end that the other makes.
        match directions {
            "to the server" => assert_eq!(server.reason, SILENT),
            "to the client" => assert_eq!(client.reason, SILENT),
            _ => assert!([client, server].iter().any(|reason| reason.reason == SILENT)),
        }
    }
}

// The handshake has no keepalive yet: its own deadline ends it, on both sides.
#[tokio::test]
async fn a_handshake_in_a_black_hole_ends_by_its_deadline() {
    for in_the_request in [true, false] {
        bounded(async {
            let limited = || Side::default().limits(|limits| limits.handshake_timeout = BEAT);
            let listening = listen(limited().limits(|limits| limits.max_handshakes = 1)).await;
            let proxy = Proxy::before(listening.address).await;
            if in_the_request {
                proxy.to_server.allow(20)
            } else {
                proxy.to_client.allow(20)
            }
            let outcome = limited().client().connect(&proxy.url()).await;
            assert!(matches!(outcome, Err(ConnectError::TimedOut { .. })), "{outcome:?}");
            // The server's part is over too, so that the next client finds room.
            while birpc::Client::connect(&listening.url()).await.is_err() {}
        })
        .await;
    }
}

// Pitfalls 12 and 21.
#[tokio::test]
async fn a_peer_that_stops_reading_is_closed_and_disturbs_nobody() {
    bounded(async {
        let server = Side::new(echo()).limits(|limits| limits.write_stall = BEAT);
        let Proxied { proxy, client, server, listening } = proxied(Side::default(), server).await;
        let neighbour = birpc::Client::connect(&listening.url()).await.expect("the server runs");
        proxy.to_client.hold();
        let big = "x".repeat(100_000);
        let notifies = async {
            loop {
                if let Err(error) = server.notify("said", [&big]).await {
                    return error;
                }
            }
        };
        let mut answered = 0;
        let calls = async {
            while server.close_reason().is_none() {
                assert_eq!(neighbour.peer().call::<String>("echo", ["hi"]).await.as_deref(), Ok("hi"));
                answered += 1;
            }
        };
        let (error, ()) = join(notifies, calls).await;
        let CallError::Disconnected { reason, sent: false } = error else { panic!("{error:?}") };
        assert_eq!((reason.code, reason.initiator), (1008, Initiator::Local));
        assert!(answered > 0);
        // Who reads again within the time of a close learns why.
        proxy.release();
        let reason = client.closed().await;
        assert_eq!(
            (reason.code, reason.initiator, &*reason.reason),
            (1008, Initiator::Remote, "the peer reads too slowly")
        );
        server.closed().await;
        assert_eq!(listening.handle.peers().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_held_up_comes_through_later() {
    bounded(async {
        let side = || Side::new(echo()).limits(|limits| limits.max_queued_bytes = 256 << 10);
        let Proxied { proxy, client, server, .. } = proxied(side(), side()).await;
        proxy.hold();
        let text = "x".repeat(200_000);
        // More than the queues and the system's buffers hold.
        let push = |peer: &Peer| try_join_all((0..40).map(|_| peer.call::<String>("echo", [&text])));
        let release = async {
            proxy.to_server.held().await;
            proxy.to_client.held().await;
            proxy.release();
        };
        let (there, back, ()) = tokio::join!(push(&client), push(&server), release);
        for replies in [there, back] {
            assert!(replies.expect("replies").into_iter().all(|reply| reply == text));
        }
        assert_eq!(
            (client.in_flight(), client.serving(), server.in_flight(), server.serving()),
            (0, 0, 0, 0)
        );
    })
    .await;
}
