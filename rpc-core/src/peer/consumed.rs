//! A stream that the peer produces, and the table of its connection that contains it.

use std::task::{Context, Poll};

use crate::multiplexer::{Next, NextUpdate, StreamKey};
use crate::shared_state::{Opening, SharedState};

#[derive(Clone, Copy)]
pub(super) enum Consumed {
    /// A stream of `birpc.v1`.
    Stream(StreamKey),
    /// The subscription of the call with this id.
    Subscription(u64),
}

impl Consumed {
    /// Ready once the result of the call with this id is open, or the call has ended. `or_value`: a result
    /// that was not opened is a value, and not an empty stream.
    pub(super) fn poll_opening(
        self,
        shared: &SharedState,
        id: u64,
        or_value: bool,
        cx: &Context<'_>,
    ) -> Poll<Opening> {
        match self {
            Self::Stream(key) => shared.as_consumer().poll_opening(id, key, or_value, cx),
            Self::Subscription(call) => shared.as_subscriber().poll_opening(call, cx),
        }
    }

    /// The next item or the end. `id` is the outgoing call whose result it is.
    pub(super) fn poll_next(
        self,
        shared: &SharedState,
        id: Option<u64>,
        cx: &Context<'_>,
    ) -> Poll<NextUpdate> {
        match self {
            Self::Stream(key) => shared.as_consumer().poll_next(key, id, cx).map(|next| match next {
                Next::Item(item) => NextUpdate::Item(item),
                Next::End(end) => NextUpdate::End(end),
            }),
            Self::Subscription(call) => shared.as_subscriber().poll_next(call, cx),
        }
    }

    /// Stops a stream whose consumer was dropped, or cannot decode an item.
    pub(super) fn drop_consumer(self, shared: &SharedState, id: Option<u64>, why: &str) {
        match self {
            Self::Stream(key) => shared.as_consumer().drop_consumer(key, id, why),
            Self::Subscription(call) => shared.as_subscriber().drop_consumer(call),
        }
    }

    /// Drops the stream of a call that has ended without it.
    pub(super) fn abandon(self, shared: &SharedState) {
        self.drop_consumer(shared, None, "its call has ended");
    }
}
