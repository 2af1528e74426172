//! One turn of an open connection.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use super::Connection;
use super::budget::Budget;
use super::clock::{Tick, after};
use super::closing::{Ending, Phase};
use crate::close::{CloseCode, CloseFrame};
use crate::link::Outgoing;
use crate::multiplexer::Due;
use crate::transport::{Frame, Transport};

/// Bytes of a message for which buffers have to grow.
const LARGE: usize = 1 << 10;

/// Messages at once for which the queues have to grow.
const MANY: usize = 64;

/// Bytes taken from the link at once.
const TAKE_BUDGET: usize = 64 << 10;

impl<T: Transport> Connection<T> {
    /// Whether to put this turn off, once, since more is about to be queued.
    pub(super) fn put_off(&mut self) -> bool {
        let several_open = self.serving.table.len() > 1;
        self.link.has_work() && self.gathering.take_expectation(several_open)
    }

    /// Takes what was queued, reads, answers, and flushes once. `Err` ends the connection.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        if self.writer.is_blocked() {
            self.writer.flush(cx)?;
            self.more_queued |= !self.writer.is_blocked();
        }
        // Before reading: who closes a connection wants nothing more from it.
        if self.link.has_work() {
            self.obey(cx)?;
        }
        let drained = self.read(cx)?;
        // Handlers that have ended free slots for those that wait.
        self.obey(cx)?;
        let more_to_start = self.start_parked(cx)?;
        self.writer.flush(cx)?;
        self.link.gauges.set_unflushed(self.writer.unflushed());
        self.meter_traffic();
        self.note_drained();
        let transport = &self.writer.transport;
        self.clock.observe(transport.progress(), transport.unfinished(), self.writer.is_blocked());
        self.poll_clock(cx)?;
        let more_to_send = self.more_queued && !self.writer.is_blocked();
        let more_to_read = !drained && !self.owes_too_much();
        if more_to_read || more_to_start || more_to_send || self.link.has_work() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Tells how much went over the wire, and how much waits.
    pub(super) fn meter_traffic(&mut self) {
        self.meter.turn(self.writer.transport.progress(), || self.link.queued_bytes());
    }

    /// Tells who drains this connection that nothing is open any more, and all of it is out.
    fn note_drained(&self) {
        let waits = self.more_queued || self.link.has_work() || self.writer.unflushed() > 0;
        let waits = waits || self.unread.is_some();
        if self.link.drain.has_begun() && self.serving.table.len() == 0 && !waits {
            self.link.drain.finish();
        }
    }

    /// Reads up to the budget; `true` if nothing more is there.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        self.budget = Budget::FULL;
        self.receive_unread(cx)?;
        while self.unread.is_none() && !self.budget.is_spent() && !self.owes_too_much() {
            self.budget.step();
            match self.writer.transport.poll_recv(cx) {
                Poll::Ready(Some(frame)) => self.receive(frame?, cx)?,
                Poll::Ready(None) => return Err(Ending::Lost("the peer ended the connection".into())),
                Poll::Pending => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Whether the peer does not read fast enough and the queue for it is full: no new handler starts.
    pub(super) fn is_congested(&self) -> bool {
        self.writer.is_blocked() && self.link.queued_bytes() >= self.link.config.limits.max_queued_bytes
    }

    /// Whether reading itself has filled memory, with answers that need no handler. Nothing else stops the
    /// reading: two peers that did so because of large replies would wait for each other.
    pub(super) fn owes_too_much(&mut self) -> bool {
        if !self.writer.is_blocked() {
            self.owed = 0;
        }
        self.owed > self.link.config.limits.max_queued_bytes
    }

    /// Hands queued messages to the transport, in order, until it blocks or the budget is spent.
    fn send_queued(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        loop {
            let budget = if self.writer.is_blocked() { 0 } else { TAKE_BUDGET };
            let work = self.link.take_work(&mut self.taken, budget);
            self.more_queued = work.more;
            self.asked = work.close;
            self.gathering.taken(self.taken.len());
            self.call_deadline = work.next_deadline;
            while let Some(outgoing) = self.taken.pop_front() {
                match outgoing {
                    Outgoing::Frame(text) | Outgoing::Reply(text) => self.write(text, cx)?,
                    Outgoing::Call { id, frame } => self.write(frame.finish(id), cx)?,
                    Outgoing::Batch(batch) => self.write(batch.finish(), cx)?,
                    // Written as it comes: it stands in the queue behind what its handler sent.
                    Outgoing::Finished { key, mut reply } => match self.finish(key, &mut reply) {
                        Due::Frame => self.write(reply.into(), cx)?,
                        Due::Batch(array) => self.write(array, cx)?,
                        Due::Later | Due::Nothing => {}
                    },
                }
            }
            if !self.more_queued || self.writer.is_blocked() || self.budget.is_spent() {
                return Ok(());
            }
        }
    }

    /// Sends a reply, behind what its handler and others have queued before.
    pub(super) fn send_reply(&mut self, reply: Bytes, cx: &mut Context<'_>) -> Result<(), Ending> {
        if self.link.has_work() || self.more_queued {
            self.send_queued(cx)?;
        }
        if self.writer.is_blocked() || self.more_queued {
            // It counts as written: what is read in this turn must not add more than goes out.
            self.budget.write(reply.len());
            self.link.queue(Outgoing::Reply(reply));
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
    fn obey(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.budget = Budget::FULL;
        if self.link.has_work() || self.more_queued {
            self.send_queued(cx)?;
        }
        let Some(frame) = self.asked.take() else { return Ok(()) };
        if !self.more_queued && !self.writer.is_blocked() {
            return Err(Ending::Asked(frame));
        }
        self.asked = Some(frame);
        if let Phase::Open { close_by: close_by @ None } = &mut self.phase {
            *close_by = Some(after(Instant::now(), self.link.config.limits.close_timeout));
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
    fn rest(&mut self) {
        self.taken = VecDeque::new();
        self.serving.rest();
        self.link.rest();
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        let Phase::Open { close_by } = self.phase else { return Ok(()) };
        while let Poll::Ready(tick) = self.clock.poll(self.call_deadline, close_by, cx) {
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
                Tick::Rest => self.rest(),
                Tick::Calls => self.call_deadline = self.link.expire_calls(Instant::now()),
                Tick::Close => {
                    self.send_queued(cx)?;
                    return self.asked.take().map_or(Ok(()), |frame| Err(Ending::Asked(frame)));
                }
            }
        }
        Ok(())
    }
}
