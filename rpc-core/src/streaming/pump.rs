//! Moves the items of a source to the write queue of a connection. It writes them as text into messages, and
//! queues a message when there is credit and room for it.

use std::task::{Context, Poll, ready};

use super::discard::Discard;
use super::source::{Pulled, Source};
use crate::message::{Answer, ErrorCode, ErrorObject, Id, Totals, WordText};
use crate::multiplexer::{Halt, StreamKey};
use crate::observe::{End, ObservedStream};
use crate::shared_state::{SharedState, Ticket};

/// The maximum number of items in a message, and the number of bytes after which a message is queued.
const MAX_ITEMS: u64 = 32;
const FULL: usize = 16 << 10;

/// The number of messages in one poll, after which other tasks on the thread get their turn.
const MESSAGES_AT_ONCE: usize = 8;

/// A stream that is being sent.
pub(crate) struct Pump {
    source: Box<dyn Source>,
    key: StreamKey,
    name: Name,
    /// The message that is being written. It contains the items `sent` and, after them, the item `held`.
    word: WordText,
    sent: Totals,
    /// The size of an item for which there is no credit yet, in bytes. The source is polled one item ahead,
    /// since the end of a stream needs no credit.
    held: Option<u64>,
    /// The credit that is left for this message.
    left: Totals,
    /// Whether a message was queued.
    opened: bool,
    ticket: Option<Ticket>,
    /// `None` once its end is reported.
    observed: Option<ObservedStream>,
    discard: Discard,
}

/// The stream's name on the wire.
pub(crate) enum Name {
    /// The result of an incoming call.
    Result(Id),
    /// An argument of an outgoing call: the call's id, and the argument's number.
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

/// How a stream that was sent has ended.
#[derive(Debug)]
pub(crate) enum Finish {
    Complete,
    Failed(ErrorObject),
    /// The consumer does not want more, or cannot get more.
    Halted(Halt),
}

impl Finish {
    /// The end for spans and metrics.
    pub(crate) fn reported(&self) -> End {
        match self {
            Self::Complete => End::Answered(Answer::Result),
            Self::Failed(error) => End::Answered(Answer::Error(error.code())),
            Self::Halted(halt) => End::of_halt(*halt),
        }
    }
}

impl Pump {
    pub(crate) fn new(source: Box<dyn Source>, key: StreamKey, name: Name) -> Self {
        Self {
            source,
            key,
            word: name.begin(),
            // A message opens a result. An argument is open from the beginning.
            opened: matches!(name, Name::Argument(..)),
            name,
            sent: Totals::default(),
            held: None,
            left: Totals::default(),
            ticket: None,
            observed: None,
            discard: Discard::default(),
        }
    }

    /// Reports the stream.
    pub(crate) fn observed(self, observed: ObservedStream) -> Self {
        Self { observed: Some(observed), ..self }
    }

    /// Queues what can be queued. Ready when the stream has ended and all of it is queued.
    pub(crate) fn poll(&mut self, shared: &SharedState, cx: &mut Context<'_>) -> Poll<Finish> {
        let finish = ready!(self.poll_finish(shared, cx));
        shared.as_producer().leave(&mut self.ticket);
        self.report_end(shared, &finish);
        Poll::Ready(finish)
    }

    fn report_end(&mut self, shared: &SharedState, finish: &Finish) {
        let Some(observed) = self.observed.take() else { return };
        if let Finish::Failed(error) = finish {
            let (connection, method) = (shared.id(), observed.method());
            tracing::debug!(connection, method, %error, "a stream failed");
        }
        observed.end(finish.reported());
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
                        return shared.as_producer().poll_halted(self.key, cx).map(Finish::Halted);
                    }
                }
            }
            let Some(bytes) = self.held.filter(|_| self.fits(shared)) else {
                if self.sent.items == 0 {
                    let method = self.observed.as_ref().map(ObservedStream::method);
                    let error = too_large(self.word.len(), method, shared);
                    return self.end(shared, Finish::Failed(error));
                }
                self.flush(shared);
                continue;
            };
            if self.sent.items == 0 {
                match shared.as_producer().poll_send(self.key, &mut self.ticket, cx) {
                    Poll::Ready(Ok(left)) => {
                        self.left = left;
                        self.observed.as_mut().map(ObservedStream::resume);
                    }
                    Poll::Ready(Err(halt)) => {
                        self.open(shared);
                        return Poll::Ready(Finish::Halted(halt));
                    }
                    Poll::Pending => {
                        if shared.as_producer().lacks_credit(self.key) {
                            self.observed.as_mut().map(ObservedStream::stall);
                        }
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

    /// Polls the source. If it panics, the items before are queued. If there are none, a result is opened
    /// nevertheless, since its handler has returned it.
    fn pull(&mut self, shared: &SharedState, cx: &mut Context<'_>) -> Poll<Pulled> {
        struct FlushOnUnwind<'a> {
            pump: &'a mut Pump,
            shared: &'a SharedState,
            gathered: usize,
        }
        impl Drop for FlushOnUnwind<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    // The last item may be incomplete.
                    self.pump.word.truncate(self.gathered);
                    self.pump.flush(self.shared);
                    self.pump.observed = None;
                }
            }
        }
        let polling = FlushOnUnwind { gathered: self.word.mark(), pump: self, shared };
        polling.pump.source.poll_item(cx, &mut polling.pump.word)
    }

    /// Polls the source and discards its items, so that a section of it that is shielded from cancels can
    /// complete.
    pub(crate) fn poll_discarding(&mut self, cx: &mut Context<'_>) {
        self.discard.poll(&mut *self.source, cx);
    }

    /// Whether the message, with the item that is held, is within the limit.
    fn fits(&self, shared: &SharedState) -> bool {
        self.word.len() <= shared.config().limits.max_message_out
    }

    /// Makes the item that is held a part of the message.
    fn take(&mut self, bytes: u64) {
        self.held = None;
        self.sent.items += 1;
        self.sent.bytes += bytes;
        self.left.items -= 1;
        self.left.bytes = self.left.bytes.saturating_sub(bytes);
    }

    /// Queues the items of the message. If there are none, opens a result. The item that is held stays.
    fn flush(&mut self, shared: &SharedState) {
        if self.sent.items == 0 {
            return self.open(shared);
        }
        let held = self.held.map(|bytes| self.word.take_back(bytes));
        let word = std::mem::replace(&mut self.word, self.name.begin());
        if let Some(held) = held {
            self.word.put(&held);
        }
        let sent = std::mem::take(&mut self.sent);
        shared.as_producer().send_items(self.key, sent, word.finish());
        if let Some(observed) = &mut self.observed {
            observed.count(sent);
            observed.report();
        }
        self.opened = true;
    }

    /// Opens a result, unless a message has opened it.
    fn open(&mut self, shared: &SharedState) {
        if !std::mem::replace(&mut self.opened, true) {
            shared.as_producer().send_items(self.key, Totals::default(), self.name.begin().finish());
        }
    }

    /// Queues what is left, and ends. A result that has failed is opened first.
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

/// The error of a stream with an item that is too large to be sent.
pub(super) fn too_large(bytes: usize, method: Option<&str>, shared: &SharedState) -> ErrorObject {
    let limit = shared.config().limits.max_message_out;
    let detail = format!(
        "an item of the stream makes a message of {bytes} bytes; the limit is {limit} (`max_message_out`)"
    );
    tracing::warn!(connection = shared.id(), method, detail, "a stream fails");
    ErrorObject::framework_with(ErrorCode::Internal, "detail", &detail)
}
