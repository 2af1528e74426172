//! The table of a connection's streams. It is created with the first stream.

use std::task::Waker;

use crate::config::Limits;
use crate::message::Totals;
use crate::multiplexer::{Outcome, StreamEnd, StreamLimits, Streams};

#[derive(Default)]
pub(super) struct StreamTable {
    streams: Option<Box<Streams<Waker>>>,
    draining: bool,
}

impl StreamTable {
    pub(super) fn or_new(&mut self, limits: &Limits) -> &mut Streams<Waker> {
        self.streams.get_or_insert_with(|| {
            let mut streams = Streams::new(limits_of(limits));
            if self.draining {
                streams.drain();
            }
            Box::new(streams)
        })
    }

    /// `None` if the connection has had no stream.
    #[inline]
    pub(super) fn get(&mut self) -> Option<&mut Streams<Waker>> {
        self.streams.as_deref_mut()
    }

    /// Removes the streams of an outgoing call that its caller has given up. Returns the tasks to wake.
    pub(super) fn cancel_call(&mut self, id: u64) -> Vec<Waker> {
        self.get().map(|streams| streams.cancel_call(id)).unwrap_or_default()
    }

    /// Ends the streams of an outgoing call whose reply has arrived. Returns the tasks to wake, and whether
    /// the result is a stream that was open, so that nobody awaits the reply itself.
    pub(super) fn end_call(&mut self, id: u64, outcome: &Outcome) -> (Vec<Waker>, bool) {
        let Some(streams) = self.get().filter(|streams| streams.has_call(id)) else {
            return (Vec::new(), false);
        };
        let is_opened = streams.result_of(id).is_some_and(|key| streams.is_opened(key));
        let end = match outcome {
            Outcome::Result(_) => StreamEnd::Complete,
            Outcome::Error(error) => StreamEnd::of_error((**error).clone()),
            _ => StreamEnd::Undecodable("the reply that ends the stream is not a valid response"),
        };
        (streams.handle_reply(id, &end), is_opened)
    }

    /// Ends the streams that would never end by themselves, also those that are yet to come. Returns the
    /// tasks to wake.
    pub(super) fn drain(&mut self) -> Vec<Waker> {
        self.draining = true;
        self.get().map(|streams| streams.drain()).unwrap_or_default()
    }

    /// Ends all streams, because the connection ends. Returns the tasks to wake.
    pub(super) fn disconnect(&mut self) -> Vec<Waker> {
        self.get().map(|streams| streams.disconnect()).unwrap_or_default()
    }
}

/// The limits of a connection that concern streams.
fn limits_of(limits: &Limits) -> StreamLimits {
    let (items, bytes) = (limits.stream_window_items, limits.stream_window_bytes);
    StreamLimits {
        max_streams: limits.max_streams,
        max_stream_bytes: limits.max_stream_bytes as u64,
        window: Totals { items: items as u64, bytes: bytes as u64 },
    }
}
