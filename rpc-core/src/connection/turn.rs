//! One turn of a connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use super::budget::Budget;
use super::clock::{Tick, after};
use super::closing::{Ending, Phase};
use super::core::Core;
use super::first_poll::Opening;
use super::serving::Next;
use super::slot::Slot;
use super::watchdog::Watch;
use crate::close::{CloseCode, CloseFrame, CloseReason};
use crate::multiplexer::Due;
use crate::shared_state::QueuedFrame;
use crate::transport::{Frame, Transport};

/// Bytes of a message for which buffers have to grow.
const LARGE: usize = 1 << 10;

/// Messages at once for which the queues have to grow.
const MANY: usize = 64;

/// Bytes taken from the link at once.
const TAKE_BUDGET: usize = 64 << 10;

/// One poll of who drives a connection.
pub(super) enum Driven {
    Pending,
    Ended(CloseReason),
    /// The connection goes on elsewhere.
    Gone,
}

/// Why a turn stops.
pub(super) enum Stop {
    End(Ending),
    /// A handler has held this task, and the connection has gone on elsewhere.
    Gone,
}

impl From<Ending> for Stop {
    fn from(ending: Ending) -> Self {
        Self::End(ending)
    }
}

/// A poll of a connection, with the core but for the time in which a handler is polled.
pub(super) struct Turn<'s, T> {
    slot: &'s Arc<Slot<T>>,
    driver: u64,
    core: Option<Box<Core<T>>>,
    /// From the first handler on that is polled in this turn.
    watch: Option<Watch>,
}

/// Polls a connection for the driver with this number.
pub(super) fn drive<T: Transport>(slot: &Arc<Slot<T>>, driver: u64, cx: &mut Context<'_>) -> Driven {
    slot.shared().register_driver(cx);
    let Some(core) = slot.take(driver) else { return Driven::Gone };
    let mut turn = Turn { slot, driver, core: Some(core), watch: None };
    match turn.poll(cx) {
        Ok(Poll::Pending) => {
            turn.put_back();
            Driven::Pending
        }
        Ok(Poll::Ready(reason)) => {
            let core = turn.core();
            if let Some(on_end) = core.on_end.take() {
                on_end(&reason);
            }
            Driven::Ended(reason)
        }
        Err(Gone) => Driven::Gone,
    }
}

struct Gone;

impl<'s, T: Transport> Turn<'s, T> {
    pub(super) fn slot(&self) -> &'s Slot<T> {
        self.slot
    }

    pub(super) fn driver(&self) -> u64 {
        self.driver
    }

    pub(super) fn core(&mut self) -> &mut Core<T> {
        self.core.as_mut().expect("only Turn::lend takes it, and who lends it stops if it does not come back")
    }

    /// Lets go of the core while a handler is polled.
    pub(super) fn lend(&mut self) {
        if self.watch.is_none() {
            self.watch = Watch::begin(self.slot.clone());
        }
        self.put_back();
    }

    fn put_back(&mut self) {
        if let Some(core) = self.core.take() {
            self.slot.put(self.driver, core);
        }
    }

    /// The core again, unless it has gone elsewhere.
    pub(super) fn take_back(&mut self) -> Option<&mut Core<T>> {
        self.core = self.slot.take(self.driver);
        self.core.as_deref_mut()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Result<Poll<CloseReason>, Gone> {
        let core = self.core();
        if core.phase.is_open() {
            if core.defer_turn() {
                cx.waker().wake_by_ref();
                return Ok(Poll::Pending);
            }
            match self.turn(cx) {
                Ok(()) => return Ok(Poll::Pending),
                Err(Stop::End(ending)) => self.core().begin_closing(ending),
                Err(Stop::Gone) => return Err(Gone),
            }
        }
        Ok(self.core().poll_closing(cx))
    }

    /// Takes what was queued, reads, answers, and flushes once. `Err` ends the connection.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        if matches!(self.core().opening, Opening::New(_)) {
            self.open()?;
        }
        self.core().begin_turn(cx)?;
        let drained = self.read(cx)?;
        // Handlers that have ended free slots for those that wait.
        self.core().flush_queue(cx)?;
        let more_to_start = self.start_parked(cx)?;
        Ok(self.core().end_turn(drained, more_to_start, cx)?)
    }

    /// Reads up to the budget; `true` if nothing more is there.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Stop> {
        self.core().budget = Budget::FULL;
        self.receive_unread(cx)?;
        loop {
            let core = self.core();
            if core.unread.is_some() || core.budget.is_spent() || core.read_paused() {
                return Ok(false);
            }
            core.budget.step();
            match core.writer.transport.poll_recv(cx) {
                Poll::Ready(Some(frame)) => {
                    let frame = frame.map_err(Ending::from)?;
                    if let Some(text) = core.receive(frame)? {
                        self.receive_text(&text, cx)?;
                    }
                }
                Poll::Ready(None) => {
                    return Err(Ending::Lost("the peer ended the connection".into()).into());
                }
                Poll::Pending => return Ok(true),
            }
        }
    }

    /// Starts calls whose turn has come, up to the budget; `true` if there are more.
    fn start_parked(&mut self, cx: &mut Context<'_>) -> Result<bool, Stop> {
        self.core().budget = Budget::FULL;
        loop {
            match self.core().next_parked() {
                Next::Start(start) => self.run(start, cx)?,
                Next::Later { more } => return Ok(more),
            }
        }
    }
}

impl<T: Transport> Core<T> {
    /// Whether to put this turn off, once, since more is about to be queued.
    fn defer_turn(&mut self) -> bool {
        let several_open = self.serving.table.len() > 1;
        self.shared.has_work() && self.gathering.take_expectation(several_open)
    }

    /// What comes before reading: who closes a connection wants nothing more from it.
    fn begin_turn(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        if self.writer.is_blocked() {
            self.writer.flush(cx)?;
            self.more_queued |= !self.writer.is_blocked();
        }
        if self.shared.has_work() { self.flush_queue(cx) } else { Ok(()) }
    }

    fn end_turn(&mut self, drained: bool, more_to_start: bool, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.writer.flush(cx)?;
        self.shared.gauges.set_unflushed(self.writer.unflushed());
        self.meter_traffic();
        self.note_drained();
        let transport = &self.writer.transport;
        self.clock.observe(transport.progress(), transport.unfinished(), self.writer.is_blocked());
        self.poll_clock(cx)?;
        let more_to_send = self.more_queued && !self.writer.is_blocked();
        let more_to_read = !drained && !self.read_paused();
        if more_to_read || more_to_start || more_to_send || self.shared.has_work() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Tells how much went over the wire, and how much waits.
    pub(super) fn meter_traffic(&mut self) {
        self.meter.turn(self.writer.transport.progress(), || self.shared.queued_bytes());
    }

    /// Tells who drains this connection that nothing is open any more, and all of it is out.
    fn note_drained(&self) {
        let waits = self.more_queued || self.shared.has_work() || self.writer.unflushed() > 0;
        let waits = waits || self.unread.is_some();
        if self.shared.drain.has_begun() && self.serving.table.len() == 0 && !waits {
            self.shared.drain.finish();
        }
    }

    /// Whether the peer does not read fast enough and the queue for it is full: no new handler starts.
    pub(super) fn is_congested(&self) -> bool {
        self.writer.is_blocked() && self.shared.queued_bytes() >= self.shared.config.limits.max_queued_bytes
    }

    /// Whether reading itself has filled memory, with answers that need no handler. Nothing else stops the
    /// reading: two peers that did so because of large replies would wait for each other.
    pub(super) fn read_paused(&mut self) -> bool {
        if !self.writer.is_blocked() {
            self.unsolicited_bytes = 0;
        }
        self.unsolicited_bytes > self.shared.config.limits.max_queued_bytes
    }

    /// Hands queued messages to the transport, in order, until it blocks or the budget is spent.
    fn send_queued(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        loop {
            let bytes = if self.writer.is_blocked() { 0 } else { TAKE_BUDGET };
            let work = self.shared.take_work(&mut self.taken, bytes, self.budget.steps());
            self.more_queued = work.more;
            self.requested_close = work.close;
            self.gathering.taken(self.taken.len());
            while let Some(outgoing) = self.taken.pop_front() {
                self.budget.step();
                self.send(outgoing, cx)?;
            }
            if !self.more_queued || self.writer.is_blocked() || self.budget.is_spent() {
                return Ok(());
            }
        }
    }

    fn send(&mut self, outgoing: QueuedFrame, cx: &mut Context<'_>) -> Result<(), Ending> {
        match outgoing {
            QueuedFrame::Frame(text) | QueuedFrame::Reply(text) => self.write(text, cx),
            QueuedFrame::Call { id, frame } => self.write(frame.finish(id), cx),
            QueuedFrame::Batch(batch) => self.write(batch.finish(), cx),
            // Written as it comes: it stands in the queue behind what its handler sent.
            QueuedFrame::Finished { key, mut reply } => match self.finish(key, &mut reply) {
                Due::Frame => self.write(reply.into(), cx),
                Due::Batch(array) => self.write(array, cx),
                Due::Later | Due::Nothing => Ok(()),
            },
        }
    }

    /// Sends a reply, behind what its handler and others have queued before.
    pub(super) fn send_reply(&mut self, reply: Bytes, cx: &mut Context<'_>) -> Result<(), Ending> {
        if self.shared.has_work() || self.more_queued {
            self.send_queued(cx)?;
        }
        if self.writer.is_blocked() || self.more_queued {
            // It counts as written: what is read in this turn must not add more than goes out.
            self.budget.write(reply.len());
            self.shared.queue(QueuedFrame::Reply(reply));
            return Ok(());
        }
        self.write(reply, cx)
    }

    fn write(&mut self, text: Bytes, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.budget.write(text.len());
        self.note_size(text.len());
        Ok(self.writer.text(text, cx)?)
    }

    /// Sends what was queued. A close goes out behind it, but does not wait for ever.
    fn flush_queue(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.budget = Budget::FULL;
        if self.shared.has_work() || self.more_queued {
            self.send_queued(cx)?;
        }
        let Some(frame) = self.requested_close.take() else { return Ok(()) };
        if !self.more_queued && !self.writer.is_blocked() {
            return Err(Ending::Requested(frame));
        }
        self.requested_close = Some(frame);
        if let Phase::Open { close_by: close_by @ None } = &mut self.phase {
            *close_by = Some(after(Instant::now(), self.shared.config.limits.close_timeout));
        }
        Ok(())
    }

    /// Notes the size of a message: a large one leaves large buffers behind.
    pub(super) fn note_size(&mut self, bytes: usize) {
        if bytes > LARGE || self.taken.capacity() > MANY {
            self.clock.grown();
        }
    }

    /// Gives back the memory that a burst or a large message needed.
    fn shrink(&mut self) {
        self.taken = VecDeque::new();
        self.serving.shrink();
        self.shared.shrink();
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        let Phase::Open { close_by } = self.phase else { return Ok(()) };
        while let Poll::Ready(tick) = self.clock.poll(close_by, cx) {
            match tick {
                Tick::Ping if self.writer.is_blocked() => {}
                Tick::Ping => {
                    let payload = self.clock.ping();
                    self.writer.frame(Frame::Ping(payload))?;
                    self.writer.flush(cx)?;
                }
                Tick::Silent => return Err(Ending::Lost("the peer has been silent for too long".into())),
                Tick::HalfMessage => {
                    let why = "a message took too long (message_timeout)";
                    return Err(Ending::Violation(CloseFrame::cut(CloseCode::POLICY, why)));
                }
                Tick::Stalled => return Err(Ending::Violation(CloseFrame::too_slow())),
                Tick::Idle => self.shrink(),
                Tick::Close => {
                    self.send_queued(cx)?;
                    return self.requested_close.take().map_or(Ok(()), |frame| Err(Ending::Requested(frame)));
                }
            }
        }
        Ok(())
    }
}
