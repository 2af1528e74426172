//! The shared state, as calls that subscribe in Ethereum's form use it, and the consumers of what they open.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use super::subscriber_table::unsubscribe;
use super::{Opening, SharedState, Ticket};
use crate::close::CloseReason;
use crate::message::RequestText;
use crate::multiplexer::{NextUpdate, Outcome, StreamEnd, Subscribe, Taken};

/// The operations of calls that subscribe, and of consumers.
#[derive(Clone, Copy)]
pub(crate) struct SubscriberSide<'a>(&'a SharedState);

impl<'a> SubscriberSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// [`super::caller::CallerSide::open_call`] for a call that subscribes.
    pub(crate) fn open_call(
        self,
        request: RequestText,
        subscribe: Subscribe,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<(u64, Option<RequestText>), (CloseReason, RequestText)> {
        let max_bytes = self.0.config.limits.max_stream_bytes as u64;
        let opened = self.0.as_caller().open_call_with(request, waiter, ticket, |state, id| {
            state.subscriptions.or_new(max_bytes).open_call(id, subscribe);
            // Set before the request is sent, so that no notification of the subscription is missed.
            self.0.subscribes.store(true, Ordering::Release);
        });
        opened.map(|(id, left, ())| (id, left))
    }

    /// Ready once a call has subscribed, or has ended without a subscription.
    pub(crate) fn poll_opening(self, call: u64, cx: &Context<'_>) -> Poll<Opening> {
        self.0.as_caller().poll_call(call, cx).map(|(outcome, sent)| match outcome {
            Outcome::Result(_) => Opening::Opened,
            outcome => Opening::Ended(outcome, sent),
        })
    }

    /// The next item, or the end, of what a call has subscribed to.
    pub(crate) fn poll_next(self, call: u64, cx: &Context<'_>) -> Poll<NextUpdate> {
        // Cloning and dropping a waker runs code of the executor, so both happen outside of the lock.
        let mut waker = None;
        if !self.0.state().subscriptions.get().is_none_or(|table| table.has_next(call)) {
            waker = Some(cx.waker().clone());
        }
        let mut state = self.0.state();
        let next = match state.subscriptions.get() {
            // This takes an item that has arrived since the first look. Nobody else reads the subscription.
            Some(table) => table.poll_next(call, &mut waker),
            None => Poll::Ready(NextUpdate::End(StreamEnd::Disconnected)),
        };
        drop(state);
        next
    }

    /// Ends a subscription whose consumer was dropped, or cannot decode an item. Also removes a call that has
    /// ended without a subscription.
    pub(crate) fn drop_consumer(self, call: u64) {
        let mut state = self.0.state();
        // A call that an error without an id has ended may still get its reply.
        let left = state.subscriptions.get().and_then(|table| table.give_up(call, true));
        let told = unsubscribe(&mut state, left);
        drop(state);
        if told {
            self.0.driver_waker.notify();
        }
    }

    /// Whether a notification can be of a subscription.
    #[inline]
    pub(crate) fn has_any(self) -> bool {
        self.0.subscribes.load(Ordering::Acquire)
    }

    /// Whether there is a subscription that has not ended.
    pub(crate) fn has_live(self) -> bool {
        self.has_any() && self.0.state().subscriptions.get().is_some_and(|table| table.live() > 0)
    }

    /// Handles a notification that is of a subscription. Returns `false` if it is of none.
    pub(crate) fn handle_notification(self, method: &str, params: Option<&str>) -> bool {
        let mut state = self.0.state();
        let Some(table) = state.subscriptions.get() else { return false };
        let Taken::Ours(waker, left) = table.handle_notification(method, params) else { return false };
        let told = unsubscribe(&mut state, left);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        if told {
            let connection = self.0.id;
            tracing::debug!(connection, method, "a subscription is ended: too much is unread, or malformed");
            self.0.driver_waker.notify();
        }
        true
    }
}
