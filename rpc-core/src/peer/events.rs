//! The life of a connection, event by event, as users of the browser's WebSocket know it.

use super::Peer;
use crate::close::{CloseReason, Initiator};

/// What happens to a connection: `onopen`, `onerror` and `onclose` of the browser's WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The connection is open.
    Open,
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
    Open,
    End,
    Close(CloseReason),
    Nothing,
}

impl Events {
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer, next: Next::Open }
    }

    /// Waits for the next event: [`Event::Open`] at once, then at most one [`Event::Error`], then
    /// [`Event::Close`], then `None`.
    ///
    /// # Cancel safety
    /// Safe: no event is lost.
    pub async fn next(&mut self) -> Option<Event> {
        match &self.next {
            Next::Open => {
                self.next = Next::End;
                Some(Event::Open)
            }
            Next::End => {
                let reason = self.peer.closed().await;
                if is_error(&reason) {
                    self.next = Next::Close(reason.clone());
                    return Some(Event::Error(reason));
                }
                self.next = Next::Nothing;
                Some(Event::Close(reason))
            }
            Next::Close(reason) => {
                let event = Event::Close(reason.clone());
                self.next = Next::Nothing;
                Some(event)
            }
            Next::Nothing => None,
        }
    }
}

fn is_error(reason: &CloseReason) -> bool {
    reason.initiator == Initiator::Network || matches!(reason.code, 1002 | 1003 | 1007..=1009 | 1011)
}
