//! Moves the items of a source to the write queue of a connection whose peer does not speak `birpc.v1`. Each
//! item is a notification. Such a peer gives no credit, so the source is polled while the queue has room.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::discard::Discard;
use super::pump::{Finish, too_large};
use super::source::{Pulled, Source};
use crate::message::{Id, Totals, WordText};
use crate::multiplexer::StreamKey;
use crate::observe::{CallItems, End, ObservedStream};
use crate::shared_state::{SharedState, Ticket};
use crate::subscription::SubscriptionForm;

/// The number of items in one poll, after which other tasks on the thread get their turn.
const ITEMS_AT_ONCE: usize = 32;

/// A subscription whose items are being sent.
pub(crate) struct Publisher {
    source: Box<dyn Source>,
    key: StreamKey,
    id: Id,
    form: Arc<SubscriptionForm>,
    /// The notification with the next item, written up to that item.
    text: WordText,
    /// Whether the reply with the id has been written or queued.
    started: bool,
    ticket: Option<Ticket>,
    observed: ObservedStream,
    discard: Discard,
}

impl Publisher {
    pub(crate) fn new(
        source: Box<dyn Source>,
        key: StreamKey,
        id: Id,
        form: Arc<SubscriptionForm>,
        observed: ObservedStream,
    ) -> Self {
        let text = WordText::published(form.notification_name(), &id);
        let discard = Discard::default();
        Self { source, key, id, form, text, started: false, ticket: None, observed, discard }
    }

    pub(crate) fn key(&self) -> StreamKey {
        self.key
    }

    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    /// The counts of the items that were sent.
    pub(crate) fn items(&self) -> &CallItems {
        self.observed.items()
    }

    pub(crate) fn form(&self) -> &SubscriptionForm {
        &self.form
    }

    /// Queues what can be queued after the reply with the id. Ready when the stream has ended and all of it
    /// is queued.
    pub(crate) fn poll(&mut self, shared: &SharedState, cx: &mut Context<'_>) -> Poll<Finish> {
        let polled = self.poll_finish(shared, cx);
        self.observed.report();
        polled
    }

    fn poll_finish(&mut self, shared: &SharedState, cx: &mut Context<'_>) -> Poll<Finish> {
        if !self.started {
            match shared.as_producer().poll_started(self.key, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(halt)) => return Poll::Ready(Finish::Halted(halt)),
                Poll::Ready(Ok(())) => self.started = true,
            }
        }
        for _ in 0..ITEMS_AT_ONCE {
            match shared.as_producer().poll_send(self.key, &mut self.ticket, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(halt)) => return Poll::Ready(Finish::Halted(halt)),
                Poll::Ready(Ok(_)) => {}
            }
            match self.source.poll_item(cx, &mut self.text) {
                Poll::Pending => {
                    return shared.as_producer().poll_halted(self.key, cx).map(Finish::Halted);
                }
                Poll::Ready(Pulled::Complete) => return Poll::Ready(Finish::Complete),
                Poll::Ready(Pulled::Failed(error)) => return Poll::Ready(Finish::Failed(error)),
                Poll::Ready(Pulled::Item(bytes)) => {
                    if self.text.len() > shared.config().limits.max_message_out {
                        let method = Some(self.observed.method());
                        return Poll::Ready(Finish::Failed(too_large(self.text.len(), method, shared)));
                    }
                    self.send(bytes, shared);
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Queues the notification with an item. `bytes`: the size of the item's text.
    fn send(&mut self, bytes: u64, shared: &SharedState) {
        let next = WordText::published(self.form.notification_name(), &self.id);
        let text = std::mem::replace(&mut self.text, next);
        let sent = Totals { items: 1, bytes };
        shared.as_producer().send_items(self.key, sent, text.finish());
        self.observed.count(sent);
    }

    /// Polls the source and discards its items, so that a section of it that is shielded from cancels can
    /// complete.
    pub(crate) fn poll_discarding(&mut self, cx: &mut Context<'_>) {
        self.discard.poll(&mut *self.source, cx);
    }

    /// Leaves the line of those who wait for room, and reports the end.
    pub(crate) fn end(&mut self, shared: &SharedState, end: End) {
        shared.as_producer().leave(&mut self.ticket);
        self.observed.set_end(end);
    }
}
