//! Outgoing messages: queued frames and replies, in order, and how much of them waits for the peer.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::gathering::Gathering;
use super::serving::{KEEP_REPLY, Serving};
use super::step::Step;
use super::writer::Writer;
use crate::multiplexer::Due;
use crate::shared_state::{QueuedFrame, SharedState};
use crate::transport::{Frame, Traffic, Transport, TransportError};

/// The size of a message from which on buffers grow.
const LARGE: usize = 1 << 10;

/// The number of messages in a turn from which on the queue grows.
const MANY: usize = 64;

/// The number of bytes that are taken from the write queue at once.
const TAKE_BUDGET: usize = 64 << 10;

/// The overhead that is counted for each reply.
const FRAME_COST: usize = 64;

/// The outgoing half of a connection. It owns the transport, so reading goes through it too.
pub(super) struct Outbound<T> {
    shared: Arc<SharedState>,
    writer: Writer<T>,
    gathering: Gathering,
    /// Messages taken from the write queue, on their way to the transport; empty between turns.
    taken: VecDeque<QueuedFrame>,
    /// Whether the write queue has more than one turn could take.
    more_queued: bool,
    /// Whether broadcasts wait until the peer gives credit for them.
    held: bool,
    /// Whether a handle has requested a close. The close is sent after everything that is queued.
    close_requested: bool,
    /// The size of the answers that no handler gave, such as refusals and pongs, since the peer last read, in
    /// bytes.
    unsolicited_bytes: usize,
    /// Whether buffers may have grown since this was last checked.
    grown: bool,
}

impl<T: Transport> Outbound<T> {
    pub(super) fn new(transport: T, shared: Arc<SharedState>) -> Self {
        Self {
            writer: Writer::new(transport, &shared),
            shared,
            gathering: Gathering::default(),
            taken: VecDeque::new(),
            more_queued: false,
            held: false,
            close_requested: false,
            unsolicited_bytes: 0,
            grown: false,
        }
    }

    /// Receives the next frame.
    #[inline(always)] // nothing but a call, for each message
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        self.writer.poll_recv(cx)
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.writer.traffic()
    }

    /// The bytes of the incomplete message.
    pub(super) fn unfinished(&self) -> u64 {
        self.writer.unfinished()
    }

    /// Whether the peer reads too slowly, so that the transport cannot be flushed.
    pub(super) fn is_blocked(&self) -> bool {
        self.writer.is_blocked()
    }

    /// Whether the peer reads too slowly and its queue is full, so that no new handler may start.
    pub(super) fn is_congested(&self) -> bool {
        self.writer.is_blocked()
            && self.shared.as_driver().queued_bytes() >= self.shared.config().limits.max_queued_bytes
    }

    /// Whether reading is paused because it has filled memory with answers that need no handler. Replies must
    /// not pause it: two peers that paused because of large replies would wait for each other.
    pub(super) fn read_paused(&mut self) -> bool {
        if !self.writer.is_blocked() {
            self.unsolicited_bytes = 0;
        }
        self.unsolicited_bytes > self.shared.config().limits.max_queued_bytes
    }

    /// Counts an answer that no handler gave.
    pub(super) fn count_unsolicited(&mut self, bytes: usize) {
        self.unsolicited_bytes += bytes + FRAME_COST;
    }

    /// Records that the transport itself has something to send, such as a pong.
    pub(super) fn note_unflushed(&mut self) {
        self.writer.touch();
    }

    /// Records that a caller got a reply and may call again at once.
    pub(super) fn note_answered_caller(&mut self) {
        self.gathering.answered();
    }

    /// Whether to defer this turn, once, because more is about to be queued.
    pub(super) fn defer_turn(&mut self, several_open: bool) -> bool {
        self.shared.as_driver().has_work() && self.gathering.take_expectation(several_open)
    }

    /// Whether anything is queued that a turn could send.
    pub(super) fn has_queued(&self) -> bool {
        self.more_queued || self.shared.as_driver().has_work()
    }

    /// Whether a turn could send more than this one did.
    pub(super) fn can_send_more(&self) -> bool {
        (self.more_queued && !self.writer.is_blocked()) || self.shared.as_driver().has_work()
    }

    /// Whether the operating system has taken everything that was queued.
    pub(super) fn is_done(&self) -> bool {
        !self.has_queued() && !self.held && self.writer.unflushed() == 0
    }

    /// Whether a close was requested, and everything that must be sent before it has been sent.
    pub(super) fn may_close(&self) -> bool {
        self.close_requested && !self.more_queued && !self.held && !self.writer.is_blocked()
    }

    /// Whether a close was requested.
    pub(super) fn close_requested(&self) -> bool {
        self.close_requested
    }

    /// Retries to flush a transport that was blocked.
    pub(super) fn resume(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        if self.writer.is_blocked() {
            self.writer.flush(cx)?;
            self.more_queued |= !self.writer.is_blocked();
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        self.writer.flush(cx)
    }

    /// Flushes at the end of a turn, and updates the gauges.
    pub(super) fn end_turn(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        self.writer.flush(cx)?;
        self.shared.gauges().set_unflushed(self.writer.unflushed());
        Ok(())
    }

    /// Ready when the stream beneath has ended.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.writer.poll_shutdown(cx)
    }

    /// Passes a control frame to the transport, ahead of what is queued.
    pub(super) fn send_frame(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.writer.frame(frame)
    }

    /// Passes queued messages to the transport, in order, until it blocks or the budget is used up.
    pub(super) fn flush_queue(
        &mut self,
        serving: &mut Serving,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        loop {
            let bytes = if self.writer.is_blocked() { 0 } else { TAKE_BUDGET };
            let work = self.shared.as_driver().take_work(&mut self.taken, bytes, step.messages());
            self.more_queued = work.more();
            self.held = work.held();
            self.close_requested = work.close_requested();
            self.gathering.taken(self.taken.len());
            while let Some(queued) = self.taken.pop_front() {
                step.count_message();
                self.send_queued(queued, serving, step)?;
            }
            if !self.more_queued || self.writer.is_blocked() || step.is_spent() {
                return Ok(());
            }
        }
    }

    fn send_queued(
        &mut self,
        queued: QueuedFrame,
        serving: &mut Serving,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        match queued {
            QueuedFrame::Frame(text) | QueuedFrame::Reply(text) | QueuedFrame::Items { text, .. } => {
                self.write(text, step)
            }
            // It has been taken from the queue as a frame.
            QueuedFrame::Report(_) => Ok(()),
            QueuedFrame::Call { id, frame } if frame.asks_progress() => {
                self.write(self.shared.dialect().asking_progress(frame, id), step)
            }
            QueuedFrame::Call { id, frame } => self.write(frame.finish(id), step),
            QueuedFrame::Batch(batch) => self.write(batch.finish(), step),
            // Written now: in the queue it is behind everything that its handler has sent.
            QueuedFrame::Finished { key, mut reply } => {
                let due = serving.finish(key, &mut reply);
                if let Some(text) = due.text(|| reply.into()) {
                    self.write(text, step)?;
                }
                self.open_subscriptions(due);
                Ok(())
            }
        }
    }

    /// Sends a reply, after everything that its handler and others have queued before.
    #[inline]
    pub(super) fn send_reply(
        &mut self,
        reply: Bytes,
        serving: &mut Serving,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        if self.has_queued() {
            self.flush_queue(serving, step)?;
        }
        if self.writer.is_blocked() || self.more_queued {
            // The bytes count as written, so that the messages read in this turn do not add more than is
            // sent.
            step.count_bytes(reply.len());
            self.shared.as_driver().queue(QueuedFrame::Reply(reply));
            return Ok(());
        }
        self.write(reply, step)
    }

    /// Answers a message that was never entered into the table of incoming calls. An empty reply is not sent,
    /// but counts in its batch.
    pub(super) fn answer(
        &mut self,
        batch: Option<usize>,
        reply: &[u8],
        serving: &mut Serving,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        let due = serving.due(batch, reply);
        self.deliver(due, reply, serving, step)
    }

    /// [`Outbound::deliver`] for an owned buffer. If the reply is large, its buffer becomes the frame and is
    /// not copied.
    #[inline]
    pub(super) fn deliver_owned(
        &mut self,
        due: Due,
        reply: &mut Vec<u8>,
        serving: &mut Serving,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        if matches!(due, Due::Frame) && reply.len() > KEEP_REPLY {
            let reply = std::mem::take(reply).into_boxed_slice();
            return self.send_reply(reply.into(), serving, step);
        }
        self.deliver(due, reply, serving, step)
    }

    /// Sends the frame that is due.
    #[inline]
    pub(super) fn deliver(
        &mut self,
        due: Due,
        reply: &[u8],
        serving: &mut Serving,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        if matches!(due, Due::Frame) {
            return self.send_reply(Bytes::copy_from_slice(reply), serving, step);
        }
        self.deliver_rare(due, reply, serving, step)
    }

    /// Apart, so that a plain reply is inlined.
    #[cold]
    fn deliver_rare(
        &mut self,
        due: Due,
        reply: &[u8],
        serving: &mut Serving,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        if let Some(text) = due.text(|| Bytes::copy_from_slice(reply)) {
            self.send_reply(text, serving, step)?;
        }
        self.open_subscriptions(due);
        Ok(())
    }

    /// Opens the subscriptions whose replies have been sent.
    #[cold]
    fn open_subscriptions(&self, sent: Due) {
        match sent {
            Due::FrameOf(subscription) => self.shared.as_subscription().open(subscription),
            Due::Batch(array, subscriptions) => {
                self.shared.as_subscription().open_behind(&array, &subscriptions);
            }
            Due::Frame | Due::Later | Due::Nothing => {}
        }
    }

    #[inline]
    fn write(&mut self, text: Bytes, step: &mut Step<'_, '_>) -> Result<(), TransportError> {
        step.count_bytes(text.len());
        self.note_size(text.len());
        self.writer.text(text, step.cx())
    }

    /// Records the size of a message: after a large one, buffers are large.
    pub(super) fn note_size(&mut self, bytes: usize) {
        self.grown |= bytes > LARGE || self.taken.capacity() > MANY;
    }

    /// Whether buffers may have grown since the last call.
    pub(super) fn take_grown(&mut self) -> bool {
        std::mem::take(&mut self.grown)
    }

    /// Frees the memory that a burst or a large message needed.
    pub(super) fn shrink(&mut self) {
        self.taken = VecDeque::new();
        self.shared.as_driver().shrink();
    }
}
