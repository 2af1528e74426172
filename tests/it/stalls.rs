//! Networks that hold bytes back, and peers that stop reading, over sockets. The tests use real time, with
//! upper bounds that leave room for a busy machine.

use std::time::{Duration, Instant};

use birpc::{CallError, ConnectError, Dialect, Initiator, Keepalive, Peer};
use futures_util::future::{join, try_join_all};

use crate::support::proxied::{Proxied, echo, ended_by, proxied};
use crate::support::proxy::Proxy;
use crate::support::{Side, bounded, listen};

/// Long enough not to be an accident, short enough for a test.
const BEAT: Duration = Duration::from_millis(150);

/// The time that a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

const SILENT: &str = "the peer has been silent for too long";

// Nothing is closed and nothing arrives: only keepalive detects it.
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
        // A side that still receives the other's pings learns of the loss when the other side ends.
        match directions {
            "to the server" => assert_eq!(server.reason, SILENT),
            "to the client" => assert_eq!(client.reason, SILENT),
            _ => assert!([client, server].iter().any(|reason| reason.reason == SILENT)),
        }
    }
}

// There is no keepalive during the handshake: its deadline ends it, on both sides.
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
            // The server's side has ended too, so the next client finds room.
            while birpc::Client::connect(&listening.url()).await.is_err() {}
        })
        .await;
    }
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_closed_and_disturbs_nobody() {
    bounded(async {
        let server = Side::new(echo()).limits(|limits| limits.write_stall = BEAT);
        // Not `birpc.v1`, which a client with a dialect does not offer: the server would wait for credit.
        let client = Side::default().config(|config| config.dialect = Dialect::lsp());
        let Proxied { proxy, client, server, listening } = proxied(client, server).await;
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
        assert_eq!((reason.code, reason.initiator), (1013, Initiator::Local));
        assert!(answered > 0);
        // A peer that reads again within the close timeout gets the reason.
        proxy.release();
        let reason = client.closed().await;
        assert_eq!(
            (reason.code, reason.initiator, &*reason.reason),
            (1013, Initiator::Remote, "the peer reads too slowly")
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
