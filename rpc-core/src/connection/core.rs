//! The state of a connection. Its parts own their state; the core determines the order of their work.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::allowance;
use super::clock::{Clock, Tick};
use super::closing::Closing;
use super::ending::Ending;
use super::first_poll::{Ceded, FirstPoll, FirstPolls};
use super::inbound::Inbound;
use super::on_end::OnEnd;
use super::others::Others;
use super::outbound::Outbound;
use super::receive::{Received, Receiver, Text};
use super::serving::{BatchReply, NextCall, Serving};
use super::step::Step;
use crate::close::{CloseCode, CloseFrame, CloseReason};
use crate::dispatch::{self, Occupied, Polled, Router};
use crate::message::finish_reply;
use crate::multiplexer::Due;
use crate::observe::ConnectionMeter;
use crate::served_call::ServedCall;
use crate::shared_state::SharedState;
use crate::transport::{Frame, Transport};

/// The state of a connection. The code that works on it owns it. Between turns, and during a handler's first
/// poll, it is in its slot.
pub(super) struct Core<T> {
    shared: Arc<SharedState>,
    inbound: Inbound,
    serving: Serving,
    outbound: Outbound<T>,
    clock: Clock,
    meter: ConnectionMeter,
    closing: Closing,
    first_polls: FirstPolls,
    on_end: OnEnd,
}

impl<T: Transport> Core<T> {
    pub(super) fn new(transport: T, shared: Arc<SharedState>) -> Self {
        Self {
            inbound: Inbound::new(shared.clone()),
            serving: Serving::new(Arc::new(Router::new()), shared.clone()),
            outbound: Outbound::new(transport, shared.clone()),
            clock: Clock::new(shared.config()),
            meter: ConnectionMeter::begin(),
            shared,
            closing: Closing::new(),
            first_polls: FirstPolls::default(),
            on_end: OnEnd::default(),
        }
    }

    pub(super) fn set_router(&mut self, router: Arc<Router>) {
        self.serving = Serving::new(router, self.shared.clone());
    }

    pub(super) fn first_polls(&mut self) -> &mut FirstPolls {
        &mut self.first_polls
    }

    pub(super) fn on_end(&mut self) -> &mut OnEnd {
        &mut self.on_end
    }

    pub(super) fn is_open(&self) -> bool {
        self.closing.is_open()
    }

    /// Whether to defer this turn, once, because more is about to be queued.
    pub(super) fn defer_turn(&mut self) -> bool {
        self.outbound.defer_turn(self.serving.open() > 1)
    }

    /// Prepares a turn. This comes before reading, since after a requested close nothing more is read.
    pub(super) fn begin_turn(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.outbound.resume(cx)?;
        if !self.shared.as_driver().has_work() {
            return Ok(());
        }
        self.flush_queue(cx)?;
        // After the look at the queue: who asks later notifies again.
        self.shared.call_list_requests().answer(|| self.serving.list());
        Ok(())
    }

    /// Sends what is queued. A requested close is sent after it, at the latest when its time has elapsed.
    pub(super) fn flush_queue(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        if self.outbound.has_queued() {
            self.outbound.flush_queue(&mut self.serving, &mut Step::new(cx))?;
        }
        if !self.outbound.close_requested() {
            return Ok(());
        }
        if self.outbound.may_close() {
            return Err(self.requested());
        }
        self.closing.request(self.shared.config().limits.close_timeout);
        Ok(())
    }

    /// The requested close.
    fn requested(&self) -> Ending {
        let frame = self.shared.as_driver().requested_close();
        Ending::Requested(frame.unwrap_or_else(|| CloseFrame::cut(CloseCode::NORMAL, "")))
    }

    /// Flushes, updates gauges and metrics, and checks the clock.
    pub(super) fn end_turn(&mut self, more: bool, cx: &mut Context<'_>) -> Result<(), Ending> {
        let Self { shared, serving, outbound, .. } = self;
        self.clock.observe_silenced(allowance::tell(shared, serving, outbound, cx)?);
        self.outbound.end_turn(cx)?;
        self.meter_traffic();
        let idle = || self.serving.is_idle() && !self.inbound.has_unread() && self.outbound.is_done();
        if self.shared.drain().has_begun() && idle() {
            self.shared.drain().finish();
        }
        self.watch_open();
        if self.outbound.take_grown() {
            self.clock.grown();
        }
        self.clock.observe_pause(self.serving.paused_until());
        self.clock.observe(self.outbound.traffic(), self.outbound.unfinished(), self.outbound.is_blocked());
        self.poll_clock(cx)?;
        if more || self.outbound.can_send_more() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Makes the clock check open calls, repeatedly.
    fn watch_open(&mut self) {
        if self.serving.open() > 0 {
            self.clock.watch_open();
        }
    }

    /// Reports the traffic and the size of the queue.
    fn meter_traffic(&mut self) {
        self.meter.turn(self.outbound.traffic(), || self.shared.as_driver().queued_bytes());
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        while let Poll::Ready(tick) = self.clock.poll(self.closing.deadline(), cx) {
            match tick {
                Tick::Ping if self.outbound.is_blocked() => {}
                Tick::Ping => {
                    self.outbound.send_frame(Frame::Ping(self.clock.ping()))?;
                    self.outbound.flush(cx)?;
                }
                Tick::Silent => return Err(Ending::Lost("the peer has been silent for too long".into())),
                Tick::HalfMessage => {
                    let why = "a message took too long (message_timeout)";
                    return Err(Ending::violation(CloseCode::POLICY, why));
                }
                Tick::Stalled => return Err(Ending::Violation(CloseFrame::too_slow())),
                Tick::Circle => return Err(allowance::circle(&self.shared, &self.serving)),
                Tick::ReadOn => self.serving.read_on(cx),
                Tick::Look => {
                    self.serving.warn_open();
                    self.watch_open();
                }
                Tick::Idle => {
                    self.serving.shrink();
                    self.outbound.shrink();
                }
                Tick::Close => {
                    self.outbound.flush_queue(&mut self.serving, &mut Step::new(cx))?;
                    return Err(self.requested());
                }
            }
        }
        Ok(())
    }

    /// Ends all calls in both directions and starts the closing handshake.
    pub(super) fn begin_closing(&mut self, ending: Ending) {
        let timeout = self.shared.config().limits.close_timeout;
        let reason = self.closing.begin(ending, timeout, &mut self.outbound);
        self.serving.abandon();
        self.inbound.abandon();
        self.shared.as_driver().begin_end(reason);
    }

    /// Continues the closing handshake; ready when the connection has ended.
    pub(super) fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let clean = ready!(self.closing.poll(&mut self.outbound, &mut self.clock, cx));
        self.meter_traffic();
        Poll::Ready(self.shared.as_driver().end(clean))
    }

    /// Whether this turn must not read more.
    pub(super) fn must_stop_reading(&mut self, step: &Step<'_, '_>) -> bool {
        step.is_spent() || !self.can_read_more()
    }

    /// Whether there may be more to read after a turn that did not read everything.
    pub(super) fn can_read_more(&mut self) -> bool {
        !self.outbound.read_paused() && !self.serving.pauses_reading()
    }

    /// The next text to handle: the next element of the current batch, or a message. Other frames are handled
    /// here and return no text.
    pub(super) fn poll_text(&mut self, step: &mut Step<'_, '_>) -> Poll<Result<Option<Text>, Ending>> {
        step.count_message();
        if let Some((element, batch)) = self.inbound.next_element() {
            return Poll::Ready(Ok(Some((element, Some(batch)))));
        }
        Poll::Ready(match ready!(self.outbound.poll_recv(step.cx())) {
            Some(Ok(frame)) => self.receive_frame(frame),
            Some(Err(error)) => Err(error.into()),
            None => Err(Ending::Lost("the peer ended the connection".into())),
        })
    }

    #[inline]
    fn receive_frame(&mut self, frame: Frame) -> Result<Option<Text>, Ending> {
        match frame {
            // JSON in a binary frame is accepted, since web3.py sends it. Replies are text.
            Frame::Text(text) | Frame::Binary(text) => {
                self.inbound.check_size(text.len())?;
                self.outbound.note_size(text.len());
                return Ok(Some((text, None)));
            }
            Frame::Ping(_) | Frame::Pong(_) if !self.clock.control_frame() => {
                return Err(Ending::violation(CloseCode::POLICY, "too many pings or pongs"));
            }
            Frame::Ping(payload) => {
                self.outbound.count_unsolicited(payload.len());
                self.outbound.note_unflushed();
            }
            Frame::Pong(payload) => {
                if let Some(round_trip) = self.clock.round_trip(&payload) {
                    self.shared.gauges().set_round_trip(round_trip);
                    self.meter.round_trip(round_trip);
                }
            }
            Frame::Close(Some(frame)) => return Err(Ending::Remote(frame.code.get(), frame.reason)),
            Frame::Close(None) => return Err(Ending::Remote(1005, String::new())),
            Frame::UnknownClose(code, reason) => return Err(Ending::Remote(code, reason)),
        }
        Ok(None)
    }

    /// Handles a text, except for the parts that run application code.
    #[inline]
    pub(super) fn receive<'t>(
        &mut self,
        text: &'t Text,
        step: &mut Step<'_, '_>,
    ) -> Result<Received<'t>, Ending> {
        let congested = self.is_congested();
        let Self { shared, inbound, serving, outbound, .. } = self;
        Receiver::new(shared, inbound, serving, outbound, congested).receive(text, step)
    }

    /// Whether no handler may start, because of a full queue or because the hook `on_begin` must run first.
    fn is_congested(&mut self) -> bool {
        self.first_polls.hold_others() || self.outbound.is_congested()
    }

    /// The next parked call that may start.
    pub(super) fn next_parked(&mut self, step: &mut Step<'_, '_>) -> NextCall {
        let congested = self.is_congested();
        self.serving.next_parked(congested, step)
    }

    /// Prepares the first poll of a handler. Returns the beginning of its reply. `key` is the call's entry in
    /// the table, if it was parked.
    #[inline]
    pub(super) fn begin_first_poll(&mut self, call: &Arc<ServedCall>, key: Option<usize>) -> Vec<u8> {
        self.first_polls.begin(FirstPoll::Handler(call.clone(), key));
        self.serving.begin_reply(call, key.is_some())
    }

    /// Continues after a handler's first poll, when the core is back.
    #[inline]
    pub(super) fn end_first_poll(
        &mut self,
        polled: Polled,
        occupied: impl FnOnce() -> Occupied,
        mut reply: Vec<u8>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Ending> {
        let Some(FirstPoll::Handler(call, key)) = self.first_polls.end() else { return Ok(()) };
        let sent = match polled {
            Polled::Done => {
                dispatch::release(&call, occupied);
                let due = match key {
                    None => self.serving.finish_at_once(&call, &mut reply),
                    Some(key) => {
                        finish_reply(call.id.as_ref(), &mut reply);
                        self.serving.finish(key, &mut reply)
                    }
                };
                self.outbound.deliver_owned(due, &mut reply, &mut self.serving, step)
            }
            Polled::Pending(handling, observed) => {
                let entered = key.unwrap_or_else(|| self.serving.enter(call.clone()));
                dispatch::spawn(call.clone(), entered, handling, observed, occupied());
                match call.notified_batch().filter(|_| key.is_none()) {
                    None => Ok(()),
                    batch => self.outbound.answer(batch, &[], &mut self.serving, step),
                }
            }
        };
        self.serving.keep_buffer(reply);
        Ok(sent?)
    }

    /// Returns the hook for messages that are not JSON-RPC, if the caller is to run it.
    pub(super) fn take_other(&self, text: &str) -> Option<Arc<Others>> {
        self.serving.others().filter(|others| others.begin(&self.shared, text)).cloned()
    }

    /// Lets the current first poll continue without the core. Returns its remaining state, and its batch's
    /// reply if that is complete now and must be queued, with the subscriptions that begin behind it.
    pub(super) fn cede(&mut self, driver: u64) -> Option<(Ceded, Option<BatchReply>)> {
        let mut answer = None;
        let ceded = self.first_polls.cede(driver, |call| {
            let key = self.serving.enter(call.clone());
            if let Some(batch) = call.notified_batch()
                && let Due::Batch(array, subscriptions) = self.serving.due(Some(batch), &[])
            {
                answer = Some((array, subscriptions));
            }
            key
        });
        ceded.map(|ceded| (ceded, answer))
    }
}

impl<T> Drop for Core<T> {
    /// When a runtime shuts down it drops the task: callers and handlers are notified.
    fn drop(&mut self) {
        self.serving.abandon();
        if let Some(FirstPoll::Handler(call, None)) = self.first_polls.end() {
            // The handler is being polled, and its call is not in the table.
            call.cancel();
            self.shared.drain().count_cut(1);
        }
        self.shared.as_driver().end_with(CloseReason::lost("the connection's task was dropped"));
        // A value may hold a handle of this connection.
        self.shared.values().clear();
    }
}
