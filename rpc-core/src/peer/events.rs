//! The life of a connection, event by event, as users of the browser's WebSocket know it.

use super::Peer;
use crate::close::{CloseReason, Initiator};
use crate::reconnecting::{Phase, Standing};

/// What happens to a connection: `onopen`, `onerror` and `onclose` of the browser's WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The connection is open.
    Open,
    /// The connection of a client that reconnects has ended, and the next is looked for. An [`Event::Open`]
    /// follows, or the end.
    Lost(CloseReason),
    /// It ends because something went wrong: it was lost, or a side broke a rule. A close follows.
    Error(CloseReason),
    /// It has ended.
    Close(CloseReason),
}

/// The events of one connection; see [`Peer::events`].
#[derive(Debug)]
pub struct Events {
    peer: Peer,
    next: Next,
}

#[derive(Debug)]
enum Next {
    /// The opening that there has been already. `ups` counts the connections of a client that have been up.
    Opened {
        ups: u64,
    },
    /// An opening or the end, whatever comes first.
    Open,
    /// A loss or the end.
    End {
        ups: u64,
    },
    Close(CloseReason),
    Nothing,
}

impl Events {
    pub(super) fn new(peer: Peer) -> Self {
        // Noted now: a loss before the first look is to be told too.
        let next = match peer.endpoint.reconnecting().map(|reconnecting| reconnecting.standing()) {
            Some(Standing { phase: Phase::Up, ups, .. }) => Next::Opened { ups },
            _ => Next::Open,
        };
        Self { peer, next }
    }

    /// Waits for the next event: [`Event::Open`], at once if the connection is open; then at most one
    /// [`Event::Error`], then [`Event::Close`], then `None`. A client that reconnects has an [`Event::Lost`]
    /// and an [`Event::Open`] for each further connection in between; who looks so seldom that it misses some
    /// learns of the last alone.
    ///
    /// # Cancel safety
    /// Safe: no event is lost.
    pub async fn next(&mut self) -> Option<Event> {
        let event = match &self.next {
            Next::Opened { ups } => {
                self.next = Next::End { ups: *ups };
                Event::Open
            }
            Next::Open => {
                let (event, ups) = self.opened().await;
                self.next = Next::End { ups };
                event
            }
            Next::End { ups } => self.ended(*ups).await,
            Next::Close(reason) => Event::Close(reason.clone()),
            Next::Nothing => return None,
        };
        match &event {
            Event::Open => {}
            Event::Lost(_) => self.next = Next::Open,
            Event::Error(reason) => self.next = Next::Close(reason.clone()),
            Event::Close(_) => self.next = Next::Nothing,
        }
        Some(event)
    }

    /// The opening, and which one it is; or the end.
    async fn opened(&self) -> (Event, u64) {
        let Some(reconnecting) = self.peer.endpoint.reconnecting() else { return (Event::Open, 0) };
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

    async fn ended(&self, told: u64) -> Event {
        let Some(reconnecting) = self.peer.endpoint.reconnecting() else {
            return end(self.peer.closed().await);
        };
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
}

fn end(reason: CloseReason) -> Event {
    if is_error(&reason) { Event::Error(reason) } else { Event::Close(reason) }
}

fn is_error(reason: &CloseReason) -> bool {
    reason.initiator == Initiator::Network || matches!(reason.code, 1002 | 1003 | 1007..=1009 | 1011)
}
