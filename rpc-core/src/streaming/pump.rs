//! From a source to the queue of a connection: items are written as text, gathered into messages, and sent as
//! credit and room allow.

use std::task::{Context, Poll, ready};

use super::source::{Pulled, Source};
use crate::message::{ErrorCode, ErrorObject, Id, Totals, WordText};
use crate::multiplexer::{Halt, StreamKey};
use crate::shared_state::{SharedState, Ticket};

/// Items that go in one message, and bytes after which a message is sent.
const MAX_ITEMS: u64 = 32;
const FULL: usize = 16 << 10;

/// Messages in one poll: others run on this thread too.
const MESSAGES_AT_ONCE: usize = 8;

/// A stream on its way out.
pub(crate) struct Pump {
    source: Box<dyn Source>,
    key: StreamKey,
    name: Name,
    /// The message that is being gathered; it holds `sent` and, behind them, `held`.
    word: WordText,
    sent: Totals,
    /// Bytes of an item for which there was no credit: the source is polled one item ahead, since its end
    /// needs none.
    held: Option<u64>,
    /// What may still go in this message.
    left: Totals,
    /// Whether anything went.
    opened: bool,
    ticket: Option<Ticket>,
}

/// Whose items they are.
pub(crate) enum Name {
    /// The result of a call of the peer's.
    Result(Id),
    /// An argument of a call of ours.
    Argument(u64, u16),
}

impl Name {
    fn begin(&self) -> WordText {
        match self {
            Self::Result(id) => WordText::item(id),
            Self::Argument(id, stream) => WordText::push(*id, *stream),
        }
    }
}

/// How a stream ended that was sent.
#[derive(Debug)]
pub(crate) enum Finish {
    Complete,
    Failed(ErrorObject),
    /// Nobody wants more of it.
    Halted(Halt),
}

impl Pump {
    pub(crate) fn new(source: Box<dyn Source>, key: StreamKey, name: Name) -> Self {
        Self {
            source,
            key,
            word: name.begin(),
            // A result says that it was opened, an argument has been all along.
            opened: matches!(name, Name::Argument(..)),
            name,
            sent: Totals::default(),
            held: None,
            left: Totals::default(),
            ticket: None,
        }
    }

    /// Moves what can be moved. Ready when the stream is over, and all of it is queued.
    pub(crate) fn poll(&mut self, shared: &SharedState, cx: &mut Context<'_>) -> Poll<Finish> {
        let finish = ready!(self.poll_finish(shared, cx));
        shared.as_stream().leave(&mut self.ticket);
        Poll::Ready(finish)
    }

    fn poll_finish(&mut self, shared: &SharedState, cx: &mut Context<'_>) -> Poll<Finish> {
        let mut messages = 0;
        loop {
            if self.held.is_none() {
                match self.pull(shared, cx) {
                    Poll::Ready(Pulled::Item(bytes)) => self.held = Some(bytes),
                    Poll::Ready(Pulled::Complete) => return self.end(shared, Finish::Complete),
                    Poll::Ready(Pulled::Failed(error)) => return self.end(shared, Finish::Failed(error)),
                    Poll::Pending => {
                        self.flush(shared);
                        return shared.as_stream().poll_halted(self.key, cx).map(Finish::Halted);
                    }
                }
            }
            let Some(bytes) = self.held.filter(|_| self.fits(shared)) else {
                if self.sent.items == 0 {
                    return self.end(shared, Finish::Failed(too_large(self.word.len(), shared)));
                }
                self.flush(shared);
                continue;
            };
            if self.sent.items == 0 {
                match shared.as_stream().poll_send(self.key, &mut self.ticket, cx) {
                    Poll::Ready(Ok(left)) => self.left = left,
                    Poll::Ready(Err(halt)) => return Poll::Ready(Finish::Halted(halt)),
                    Poll::Pending => {
                        self.open(shared);
                        return Poll::Pending;
                    }
                }
            }
            self.take(bytes);
            if self.left.items == 0
                || self.left.bytes == 0
                || self.sent.items == MAX_ITEMS
                || self.word.len() > FULL
            {
                self.flush(shared);
                messages += 1;
                if messages == MESSAGES_AT_ONCE {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Polls the source. If that panics, what was gathered before goes out, and a result is opened all the
    /// same: its handler has returned it.
    fn pull(&mut self, shared: &SharedState, cx: &mut Context<'_>) -> Poll<Pulled> {
        struct FlushOnUnwind<'a> {
            pump: &'a mut Pump,
            shared: &'a SharedState,
            gathered: usize,
        }
        impl Drop for FlushOnUnwind<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    // An item may be half written.
                    self.pump.word.truncate(self.gathered);
                    self.pump.flush(self.shared);
                }
            }
        }
        let polling = FlushOnUnwind { gathered: self.word.mark(), pump: self, shared };
        polling.pump.source.poll_item(cx, &mut polling.pump.word)
    }

    /// What a source gives is of no use any more: polls it all the same, so that a section of it that is
    /// shielded from cancels gets on.
    pub(crate) fn poll_discarding(&mut self, cx: &mut Context<'_>) {
        let mut nowhere = self.name.begin();
        if self.source.poll_item(cx, &mut nowhere).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Whether the message is not too large with what is held.
    fn fits(&self, shared: &SharedState) -> bool {
        self.word.len() <= shared.config().limits.max_message_out
    }

    /// Counts what was held as part of the message.
    fn take(&mut self, bytes: u64) {
        self.held = None;
        self.sent.items += 1;
        self.sent.bytes += bytes;
        self.left.items -= 1;
        self.left.bytes = self.left.bytes.saturating_sub(bytes);
    }

    /// Queues what was gathered; a result that has nothing yet is opened. What is held stays.
    fn flush(&mut self, shared: &SharedState) {
        if self.sent.items == 0 {
            return self.open(shared);
        }
        let held = self.held.map(|bytes| self.word.take_back(bytes));
        let word = std::mem::replace(&mut self.word, self.name.begin());
        if let Some(held) = held {
            self.word.put(&held);
        }
        shared.as_stream().send_items(self.key, std::mem::take(&mut self.sent), word.finish());
        self.opened = true;
    }

    /// Says that a result is open, if nothing has said so.
    fn open(&mut self, shared: &SharedState) {
        if !std::mem::replace(&mut self.opened, true) {
            shared.as_stream().send_items(self.key, Totals::default(), self.name.begin().finish());
        }
    }

    /// Queues what is left, and ends. What has failed says first that it was open.
    fn end(&mut self, shared: &SharedState, finish: Finish) -> Poll<Finish> {
        if self.sent.items > 0 || matches!(finish, Finish::Failed(_)) {
            if let Some(bytes) = self.held.take() {
                self.word.take_back(bytes);
            }
            self.flush(shared);
        }
        Poll::Ready(finish)
    }
}

/// The end of a stream of which an item is too large to be sent.
fn too_large(bytes: usize, shared: &SharedState) -> ErrorObject {
    let limit = shared.config().limits.max_message_out;
    let detail = format!(
        "an item of the stream makes a message of {bytes} bytes; the limit is {limit} (`max_message_out`)"
    );
    tracing::warn!(connection = shared.id(), detail, "a stream fails");
    ErrorObject::framework_with(ErrorCode::Internal, "detail", &detail)
}
