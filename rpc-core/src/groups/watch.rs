//! A watcher of a group's presence.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;

use super::event::PresenceEvent;
use super::name::Name;
use super::registry::Registry;

/// The presence of a group: its state, then its changes, as a [`Stream`] or through [`PresenceEvents::next`].
/// See [`crate::Groups::presence`].
///
/// It never ends. Changes that happen between two polls are told as one for each key, so a watcher that is
/// slow or not polled at all does not grow: it gets the latest metas, and misses those in between.
#[must_use = "a stream does nothing unless it is polled"]
pub struct PresenceEvents {
    registry: Arc<Registry>,
    /// `None` if the name of the group is invalid: nobody can be present there.
    watched: Option<(Name, usize)>,
    /// Whether the state of such a group has been told.
    is_told: bool,
}

impl PresenceEvents {
    pub(super) fn new(registry: Arc<Registry>, group: &str) -> Self {
        let watched = Name::new(group).ok().map(|group| {
            let watcher = registry.watch(&group);
            (group, watcher)
        });
        Self { registry, watched, is_told: false }
    }

    /// Returns the next event: the state first, then the changes. It is never `None`.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<PresenceEvent> {
        poll_fn(|cx| self.poll_event(cx)).await.into()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<PresenceEvent> {
        let event = match &self.watched {
            Some((group, watcher)) => self.registry.poll_watch(group, *watcher, cx.waker()),
            None if self.is_told => None,
            None => Some(PresenceEvent::State(Default::default())),
        };
        self.is_told = true;
        event.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Stream for PresenceEvents {
    type Item = PresenceEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<PresenceEvent>> {
        self.poll_event(cx).map(Some)
    }
}

impl Drop for PresenceEvents {
    fn drop(&mut self) {
        if let Some((group, watcher)) = &self.watched {
            self.registry.unwatch(group, *watcher);
        }
    }
}

impl fmt::Debug for PresenceEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresenceEvents").field("watched", &self.watched).finish_non_exhaustive()
    }
}
