//! The events of a connection, in the terms of the browser's WebSocket.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;

use super::Peer;
use crate::close::{CloseReason, Initiator};
use crate::reconnecting::{Phase, Standing};

/// An event of a connection, like `onopen`, `onerror` and `onclose` of the browser's WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The connection is open.
    Open,
    /// The connection of a client that reconnects has ended, and the client tries to open another one.
    /// [`Event::Open`] or the end follows.
    Lost(CloseReason),
    /// The connection ends because of an error: it was lost, or one side broke a rule. [`Event::Close`]
    /// follows.
    Error(CloseReason),
    /// The connection has ended.
    Close(CloseReason),
}

/// The events of a connection, as a [`Stream`] or through [`Events::next`]; see [`Peer::events`].
pub struct Events {
    peer: Peer,
    next: Next,
    /// Waits for the next event; set from the first poll on.
    waiting: Option<Waiting>,
}

/// An event, and how many connections had been up when it happened.
type Waiting = Pin<Box<dyn Future<Output = (Event, u64)> + Send + Sync>>;

#[derive(Debug)]
enum Next {
    /// The connection was already open. `ups` is the number of the client's connections that have been up.
    Opened {
        ups: u64,
    },
    /// Waits for an opening or the end.
    Open,
    /// Waits for a loss or the end.
    End {
        ups: u64,
    },
    Close(CloseReason),
    Nothing,
}

impl Events {
    pub(super) fn new(peer: Peer) -> Self {
        // Recorded now, so that a loss before the first poll is reported too.
        let next = match peer.endpoint.reconnecting().map(|reconnecting| reconnecting.standing()) {
            Some(Standing { phase: Phase::Up, ups, .. }) => Next::Opened { ups },
            _ => Next::Open,
        };
        Self { peer, next, waiting: None }
    }

    /// Waits for the next event: [`Event::Open`], at once if the connection is open; then at most one
    /// [`Event::Error`]; then [`Event::Close`]; then `None`. A client that reconnects also has an
    /// [`Event::Lost`] and an [`Event::Open`] for each further connection. If several of these have happened
    /// since the last call, only the last is reported.
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let (event, ups) = match &self.next {
            Next::Opened { ups } => (Event::Open, *ups),
            Next::Open => ready!(self.poll_waiting(cx, |peer| Box::pin(opened(peer)))),
            Next::End { ups } => {
                let ups = *ups;
                ready!(
                    self.poll_waiting(cx, move |peer| Box::pin(async move { (ended(peer, ups).await, ups) }))
                )
            }
            Next::Close(reason) => (Event::Close(reason.clone()), 0),
            Next::Nothing => return Poll::Ready(None),
        };
        self.next = match &event {
            Event::Open => Next::End { ups },
            Event::Lost(_) => Next::Open,
            Event::Error(reason) => Next::Close(reason.clone()),
            Event::Close(_) => Next::Nothing,
        };
        Poll::Ready(Some(event))
    }

    fn poll_waiting(
        &mut self,
        cx: &mut Context<'_>,
        wait: impl FnOnce(Peer) -> Waiting,
    ) -> Poll<(Event, u64)> {
        let peer = &self.peer;
        let waiting = self.waiting.get_or_insert_with(|| wait(peer.clone()));
        let event = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(event)
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("peer", &self.peer).field("next", &self.next).finish_non_exhaustive()
    }
}

/// Waits for an opening and returns its number, or waits for the end.
async fn opened(peer: Peer) -> (Event, u64) {
    let Some(reconnecting) = peer.endpoint.reconnecting() else { return (Event::Open, 0) };
    reconnecting
        .until(|reconnecting| {
            let standing = reconnecting.standing();
            match standing.phase {
                Phase::Up => Some((Event::Open, standing.ups)),
                Phase::Down => None,
                Phase::Ended(reason) => Some((end(reason), standing.ups)),
            }
        })
        .await
}

/// Waits for the event after the opening with this number.
async fn ended(peer: Peer, told: u64) -> Event {
    let Some(reconnecting) = peer.endpoint.reconnecting() else { return end(peer.closed().await) };
    reconnecting
        .until(|reconnecting| {
            let standing = reconnecting.standing();
            match standing.phase {
                Phase::Ended(reason) => Some(end(reason)),
                Phase::Up if standing.ups == told => None,
                Phase::Up | Phase::Down => standing.lost.map(Event::Lost),
            }
        })
        .await
}

fn end(reason: CloseReason) -> Event {
    if is_error(&reason) { Event::Error(reason) } else { Event::Close(reason) }
}

fn is_error(reason: &CloseReason) -> bool {
    reason.initiator == Initiator::Network || matches!(reason.code, 1002 | 1003 | 1007..=1009 | 1011)
}
