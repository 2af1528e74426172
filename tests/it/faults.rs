//! Networks that fail between a client and a server: cut, reset and trickling, over sockets.

use birpc::{CallError, ConnectError, Initiator, Keepalive, Router};
use futures_util::future::{join, join_all};

use crate::support::pending::{self, common_reason};
use crate::support::proxied::{Proxied, connect, echo, ended_by, proxied};
use crate::support::proxy::Proxy;
use crate::support::{Side, bounded, hanging, listen};

const NO_CLOSE_FRAME: &str = "the peer ended the connection without a close frame";
const RESET: &str = "connection reset by the peer";

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

// A side that can write but receives nothing more cannot use the connection either.
#[tokio::test]
async fn the_end_of_one_direction_ends_both() {
    for to_server in [true, false] {
        bounded(ended_by(Keepalive::default(), async |Proxied { proxy, .. }| {
            if to_server { proxy.to_server.end() } else { proxy.to_client.end() }
        }))
        .await;
    }
}

// Within a frame's header, within its payload, and between the fragments of a message.
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

// A call that was never passed to the socket reports that, so it can be made again.
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
    // Room for one: the resources of the lost connection must become free.
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
    // The server may notice the loss a little later than the client.
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
