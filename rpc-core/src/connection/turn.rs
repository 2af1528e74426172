//! One turn of an open connection.

use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use super::Connection;
use super::clock::{Tick, after};
use super::closing::{Ending, Phase};
use crate::close::{CloseCode, CloseFrame};
use crate::link::Outgoing;
use crate::multiplexer::Due;
use crate::transport::{Frame, Transport};

/// Messages read in one turn, so that one connection does not starve the others of its thread.
const READ_BUDGET: usize = 64;

/// Bytes taken from the link at once.
const TAKE_BUDGET: usize = 64 << 10;

impl<T: Transport> Connection<T> {
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
        self.start_parked(cx)?;
        self.writer.flush(cx)?;
        self.link.gauges.set_unflushed(self.writer.unflushed());
        self.note_drained();
        self.clock.observe(self.writer.transport.progress(), self.writer.is_blocked());
        self.poll_clock(cx)?;
        let more_to_send = self.more_queued && !self.writer.is_blocked();
        let more_to_read = !drained && !self.owes_too_much();
        if more_to_read || more_to_send || self.link.has_work() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Tells who drains this connection that nothing is open any more, and all of it is out.
    fn note_drained(&self) {
        let waits = self.more_queued || self.link.has_work() || self.writer.unflushed() > 0;
        if self.link.drain.has_begun() && self.serving.table.len() == 0 && !waits {
            self.link.drain.finish();
        }
    }

    /// Reads up to the budget; `true` if nothing more is there.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        for _ in 0..READ_BUDGET {
            if self.owes_too_much() {
                return Ok(false);
            }
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
    fn owes_too_much(&mut self) -> bool {
        if !self.writer.is_blocked() {
            self.owed = 0;
        }
        self.owed > self.link.config.limits.max_queued_bytes
    }

    /// Hands queued messages to the transport, in order, until it blocks. Gives the close that was asked
    /// for, if one was.
    fn send_queued(&mut self, cx: &mut Context<'_>) -> Result<Option<CloseFrame>, Ending> {
        loop {
            let budget = if self.writer.is_blocked() { 0 } else { TAKE_BUDGET };
            let work = self.link.take_work(&mut self.taken, budget);
            self.more_queued = work.more;
            self.call_deadline = work.next_deadline;
            while let Some(outgoing) = self.taken.pop_front() {
                match outgoing {
                    Outgoing::Frame(text) | Outgoing::Call { frame: text, .. } => {
                        self.writer.text(text, cx)?
                    }
                    Outgoing::Batch(batch) => self.writer.text(batch.finish(), cx)?,
                    // Written as it comes: it stands in the queue behind what its handler sent.
                    Outgoing::Finished { key, mut reply } => match self.finish(key, &mut reply) {
                        Due::Frame => self.writer.text(reply.into(), cx)?,
                        Due::Batch(array) => self.writer.text(array, cx)?,
                        Due::Later | Due::Nothing => {}
                    },
                }
            }
            if !self.more_queued || self.writer.is_blocked() {
                return Ok(work.close);
            }
        }
    }

    /// Sends a reply, behind what its handler and others have queued before.
    pub(super) fn send_reply(&mut self, reply: Bytes, cx: &mut Context<'_>) -> Result<(), Ending> {
        if self.link.has_work() || self.more_queued {
            self.send_queued(cx)?;
        }
        if self.writer.is_blocked() {
            self.link.queue(Outgoing::Frame(reply));
            return Ok(());
        }
        Ok(self.writer.text(reply, cx)?)
    }

    /// Sends what was queued. A close goes out behind it, but does not wait for ever.
    fn obey(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        let Some(frame) = self.send_queued(cx)? else { return Ok(()) };
        if !self.more_queued && !self.writer.is_blocked() {
            return Err(Ending::Asked(frame));
        }
        if let Phase::Open { close_by: close_by @ None } = &mut self.phase {
            *close_by = Some(after(Instant::now(), self.link.config.limits.close_timeout));
        }
        Ok(())
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
                Tick::Stalled => {
                    return Err(Ending::Violation(CloseFrame::cut(
                        CloseCode::POLICY,
                        "the peer reads too slowly",
                    )));
                }
                Tick::Calls => self.call_deadline = self.link.expire_calls(Instant::now()),
                Tick::Close => {
                    let asked = self.send_queued(cx)?;
                    return asked.map_or(Ok(()), |frame| Err(Ending::Asked(frame)));
                }
            }
        }
        Ok(())
    }
}
