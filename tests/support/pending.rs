//! Calls that are in flight in both directions when their connection ends.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use birpc::{CallError, CloseReason, Peer};
use futures_util::future::join_all;

use super::Hanging;

pub type Outcome = Result<(), CallError>;

/// The number of calls in each direction.
pub const CALLS: usize = 3;

/// Runs `end`, which ends the connection of two peers that serve [`super::hanging`], while calls are in
/// flight. Returns the outcomes of the client's calls, then of the server's. At that point all handlers have
/// been dropped and no entries are left.
pub async fn calls_ended_by(
    client: &Peer,
    server: &Peer,
    mut sides: [Hanging; 2],
    end: impl AsyncFnOnce(),
) -> [Vec<Outcome>; 2] {
    let spawn = |peer: &Peer| {
        let peer = peer.clone();
        tokio::spawn(async move { join_all((0..CALLS).map(|_| peer.call::<()>("hang", ()))).await })
    };
    let (from_client, from_server) = (spawn(client), spawn(server));
    for side in &mut sides {
        for _ in 0..CALLS {
            side.began.recv().await.expect("a handler begins");
        }
    }
    end().await;
    let outcomes = [from_client.await.expect("no panic"), from_server.await.expect("no panic")];
    for side in &mut sides {
        for _ in 0..CALLS {
            side.dropped.recv().await.expect("a handler is dropped");
        }
    }
    assert_eq!((client.in_flight(), server.in_flight()), (0, 0));
    assert_eq!((client.serving(), server.serving()), (0, 0));
    outcomes
}

/// The reason that all outcomes share. Each call had been sent.
pub fn common_reason(outcomes: &[Outcome]) -> &CloseReason {
    assert_eq!(outcomes.len(), CALLS);
    let reason_of = |outcome| match outcome {
        &Err(CallError::Disconnected { ref reason, sent: true }) => reason,
        other => panic!("expected a disconnect of a call that was sent, got {other:?}"),
    };
    let first = reason_of(&outcomes[0]);
    assert!(outcomes.iter().all(|outcome| reason_of(outcome) == first), "{outcomes:?}");
    first
}

/// Polls a future once, and tells whether it waits.
pub async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
}
