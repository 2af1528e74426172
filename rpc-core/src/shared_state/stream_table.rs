//! The table of a connection's streams, which is made for the first of them.

use std::task::Waker;

use crate::multiplexer::{Outcome, StreamEnd, StreamLimits, Streams};

#[derive(Default)]
pub(super) struct StreamTable(Option<Box<Streams<Waker>>>);

impl StreamTable {
    pub(super) fn or_new(&mut self, limits: StreamLimits) -> &mut Streams<Waker> {
        self.0.get_or_insert_with(|| Box::new(Streams::new(limits)))
    }

    /// `None` if there never was a stream.
    #[inline]
    pub(super) fn get(&mut self) -> Option<&mut Streams<Waker>> {
        self.0.as_deref_mut()
    }

    /// A call of ours is given up, and its streams with it. Gives whom to wake.
    pub(super) fn cancel_call(&mut self, id: u64) -> Vec<Waker> {
        self.get().map(|streams| streams.cancel_call(id)).unwrap_or_default()
    }

    /// A reply ends the streams of its call. Gives whom to wake, and whether nobody awaits the reply itself:
    /// the result is a stream that was opened.
    pub(super) fn end_call(&mut self, id: u64, outcome: &Outcome) -> (Vec<Waker>, bool) {
        let Some(streams) = self.get().filter(|streams| streams.has_call(id)) else {
            return (Vec::new(), false);
        };
        let is_opened = streams.result_of(id).is_some_and(|key| streams.is_opened(key));
        let end = match outcome {
            Outcome::Result(_) => StreamEnd::Complete,
            Outcome::Error(error) => StreamEnd::of_error((**error).clone()),
            _ => StreamEnd::Undecodable("the reply that ends the stream is no valid response"),
        };
        (streams.handle_reply(id, &end), is_opened)
    }

    /// The connection ends. Gives whom to wake.
    pub(super) fn disconnect(&mut self) -> Vec<Waker> {
        self.get().map(|streams| streams.disconnect()).unwrap_or_default()
    }
}
