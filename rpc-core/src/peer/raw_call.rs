//! A call from its params to its outcome: the part that does not depend on the type of the result, so that it
//! is compiled once and not for each type.

mod new;

use std::sync::Arc;
use std::task::{Context, Poll};

use super::attempts::{self, Attempts, Entered, Opened};
use super::call_extras::CallExtras;
use super::call_handle::LazyHandle;
use super::call_state::CallState;
use super::call_streaming::CallStreaming;
use super::consumed::Consumed;
use super::deadline::Deadline;
use super::layer::Layered;
use super::raw_reply::{RawReply, conclude};
use super::remote_stream::OwnCall;
use super::{CallHandle, Peer};
use crate::error::CallError;
use crate::message::{EncodeError, RequestText};
use crate::multiplexer::Outcome;
use crate::observe::{End, Observed};
use crate::served_call::{Nested, Wait};
use crate::shared_state::{Opening, SharedState, Ticket};

/// A [`super::Call`] whose result is JSON text.
pub(super) struct RawCall {
    /// Keeps a client's connection open.
    pub(super) peer: Peer,
    state: CallState,
    pub(super) idempotent: bool,
    /// Whether errors must not show the result.
    pub(super) sensitive: bool,
    /// Set if it takes or gives streams, or its progress is wanted.
    pub(super) extras: Option<Box<CallExtras>>,
    /// For a client that reconnects: set from the first poll on.
    attempts: Option<Box<Attempts>>,
    /// The timeout over all connections. With layers, that of each request that they send.
    deadline: Deadline,
    /// Set while a handler awaits this call.
    wait: Option<Wait>,
    /// Set while the call whose context this one was made through may cancel it.
    nested: Option<Nested>,
    handle: LazyHandle,
}

impl RawCall {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<RawReply, CallError>> {
        let mut polled = self.poll_outcome(cx);
        if polled.is_pending() && self.extras.is_some() {
            polled = self.poll_extras(cx);
        }
        if polled.is_pending() && self.deadline.poll(cx).is_ready() {
            self.expire();
            polled = Poll::Ready(Err(CallError::TimedOut));
        }
        match &polled {
            Poll::Pending if self.wait.is_none() => self.wait = Wait::begin(),
            Poll::Pending => {}
            Poll::Ready(_) => {
                self.wait = None;
                self.nested = None;
                self.attempts = None;
                self.deadline = Deadline::default();
                self.tell_handle();
            }
        }
        polled
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<RawReply, CallError>> {
        match std::mem::replace(&mut self.state, CallState::Done) {
            CallState::New(_) | CallState::Down(_) | CallState::Layered(_) if self.handle.is_cancelled() => {
                Poll::Ready(Err(CallError::Cancelled))
            }
            CallState::New(frame) => self.begin(frame, cx),
            CallState::Down(frame) => self.open(frame, cx),
            CallState::Waiting { shared, id, frame, mut ticket, observed } => {
                // A timeout or the connection's end may come before there is room.
                if let Poll::Ready((outcome, sent)) = shared.as_caller().poll_call(id, cx) {
                    shared.as_caller().leave(&mut ticket);
                    return self.end(&shared, outcome, sent, Some(frame), observed, cx);
                }
                self.state = match shared.as_caller().send_call(id, frame, cx.waker(), &mut ticket) {
                    None => CallState::Sent { shared, id, observed },
                    Some(frame) => CallState::Waiting { shared, id, frame, ticket, observed },
                };
                Poll::Pending
            }
            CallState::Sent { shared, id, observed } if let Some(key) = self.result_key() => {
                self.poll_opening(shared, (id, key), observed, cx)
            }
            CallState::Sent { shared, id, observed } => match shared.as_caller().poll_call(id, cx) {
                Poll::Pending => {
                    self.state = CallState::Sent { shared, id, observed };
                    Poll::Pending
                }
                Poll::Ready((outcome, sent)) => self.end(&shared, outcome, sent, None, observed, cx),
            },
            CallState::Layered(mut layered) => {
                if let Poll::Ready(ended) = layered.poll(&self.peer, self.idempotent, self.sensitive, cx) {
                    let sensitive = self.sensitive;
                    return Poll::Ready(ended.map(|result| RawReply::of_layer(result, sensitive)));
                }
                self.state = CallState::Layered(layered);
                self.stay_pending()
            }
            // A future that is polled after its end stays pending, as std's fused futures do.
            CallState::Done => Poll::Pending,
        }
    }

    fn begin(
        &mut self,
        frame: Result<RequestText, EncodeError>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<RawReply, CallError>> {
        let frame = frame.and_then(|frame| frame.within(self.peer.limits().max_message_out));
        let frame = frame.map_err(CallError::unsendable)?;
        self.deadline = Deadline::begin(&self.peer);
        self.attempts = Attempts::begin(&self.peer);
        let is_sent_once = match &mut self.extras {
            Some(extras) => extras.begin(&self.peer, &mut self.deadline)?,
            None => false,
        };
        if let Some(attempts) = self.attempts.as_mut().filter(|_| !is_sent_once) {
            attempts.keep(&frame, self.idempotent);
        }
        // Checked first: the cause may be cancelled and end while this call is opened.
        let cause = self.peer.cause.clone().filter(|cause| !cause.has_ended());
        let polled = self.open(frame, cx);
        // A client's handle has no cause, so this is the call's only connection.
        self.nested = self.state.id().zip(cause).map(|(id, cause)| Nested::begin(&cause, id));
        polled
    }

    /// Enters the call into its connection's table and queues its request, if there is room. While a client
    /// has no connection, the call waits if it may.
    fn open(&mut self, frame: RequestText, cx: &mut Context<'_>) -> Poll<Result<RawReply, CallError>> {
        let mut ticket = None;
        if let Some(extras) = &mut self.extras {
            let opened = extras.open(&self.peer, &mut self.attempts, cx, frame, &mut ticket)?;
            return self.opened(opened, ticket);
        }
        let opened = attempts::open_call(&self.peer, &mut self.attempts, cx, frame, &mut ticket);
        self.opened(opened, ticket)
    }

    /// The call is with a connection, or waits for one.
    fn opened(
        &mut self,
        opened: Opened<RequestText, Entered>,
        ticket: Option<Ticket>,
    ) -> Poll<Result<RawReply, CallError>> {
        self.state = CallState::of_opened(opened, ticket)?;
        self.stay_pending()
    }

    /// Pending, unless the handle cancelled the call before the call's new state was recorded.
    fn stay_pending(&mut self) -> Poll<Result<RawReply, CallError>> {
        if self.tell_handle() {
            return Poll::Pending;
        }
        self.forget();
        Poll::Ready(Err(CallError::Cancelled))
    }

    /// Handles the end of the call on its connection. For a client that reconnects, a call that was not sent
    /// goes out on the next connection, and so does one that may be sent again or was refused by a server
    /// that is shutting down. `unsent` is the request of a call that was not sent.
    fn end(
        &mut self,
        shared: &Arc<SharedState>,
        outcome: Outcome,
        sent: bool,
        unsent: Option<RequestText>,
        observed: Observed,
        cx: &mut Context<'_>,
    ) -> Poll<Result<RawReply, CallError>> {
        if let Some(extras) = &mut self.extras {
            extras.end(shared);
        }
        let (outcome, unsent) = match outcome {
            Outcome::Returned(request) => (Outcome::Disconnected, Some(request)),
            outcome => (outcome, unsent),
        };
        if let Some(attempts) = &mut self.attempts
            && let Some(frame) = attempts.again(shared, &outcome, sent, unsent)
        {
            attempts.note_over(shared);
            observed.end(End::of(&outcome));
            // The handle may have been too late to cancel the call on the connection that has ended.
            let cancelled = self.handle.is_cancelled();
            return if cancelled { Poll::Ready(Err(CallError::Cancelled)) } else { self.open(frame, cx) };
        }
        Poll::Ready(conclude(shared, outcome, sent, self.sensitive, observed))
    }

    /// Takes a call that is behind layers and was not polled.
    pub(super) fn take_layered(&mut self) -> Option<Box<Layered>> {
        self.state.take_layered()
    }

    /// The request of a call that has not been polled.
    pub(super) fn into_frame(mut self) -> Result<RequestText, EncodeError> {
        if let Some(why) = self.extras.as_ref().and_then(|extras| extras.why_alone()) {
            return Err(why);
        }
        self.state.take_request()
    }

    /// Its result in a table of the connection, if it is a stream.
    fn result_key(&self) -> Option<Consumed> {
        self.extras.as_ref()?.result()
    }

    /// Does what streams and progress need while the call is pending.
    #[cold]
    fn poll_extras(&mut self, cx: &mut Context<'_>) -> Poll<Result<RawReply, CallError>> {
        if self.result_key().is_some() && matches!(self.state, CallState::Sent { .. }) {
            // The request may have been sent only now. This poll registers the waker for the opening.
            let polled = self.poll_outcome(cx);
            if polled.is_ready() {
                return polled;
            }
        }
        if let (CallState::Sent { shared, .. }, Some(extras)) = (&self.state, &mut self.extras) {
            extras.poll(shared, self.peer.timeout, &mut self.deadline);
        }
        Poll::Pending
    }

    /// Waits until the result is open. The call then returns the stream, which takes over what it needs of
    /// the call.
    #[cold]
    fn poll_opening(
        &mut self,
        shared: Arc<SharedState>,
        (id, result): (u64, Consumed),
        observed: Observed,
        cx: &mut Context<'_>,
    ) -> Poll<Result<RawReply, CallError>> {
        let or_value = self.streams().is_some_and(CallStreaming::accepts_value);
        match result.poll_opening(&shared, id, or_value, cx) {
            Poll::Pending => {
                self.state = CallState::Sent { shared, id, observed };
                Poll::Pending
            }
            Poll::Ready(Opening::Opened) => {
                observed.streams();
                let call = OwnCall {
                    id,
                    _peer: self.peer.clone(),
                    _nested: self.nested.take(),
                    _handle: std::mem::take(&mut self.handle),
                    sensitive: self.sensitive,
                    observed: Some(observed),
                };
                let stream = self.extras.take().and_then(|extras| extras.into_stream(shared, result, call));
                Poll::Ready(stream.map(RawReply::of_stream).ok_or(CallError::Cancelled))
            }
            Poll::Ready(Opening::Ended(outcome, sent)) => {
                self.end(&shared, outcome, sent, None, observed, cx)
            }
        }
    }

    /// Drops the streams and the progress of a call that is given up.
    fn leave(&mut self, shared: &SharedState) {
        if let Some(extras) = &mut self.extras {
            extras.leave(shared);
        }
    }

    /// Its streams, if it has some.
    pub(super) fn streams(&self) -> Option<&CallStreaming> {
        self.extras.as_ref()?.streams.as_ref()
    }

    /// The same, to change how the result is consumed.
    pub(super) fn streams_mut(&mut self) -> Option<&mut CallStreaming> {
        self.extras.as_mut()?.streams.as_mut()
    }

    /// The request of a call that has not been polled, if it can be sent.
    pub(super) fn request(&self) -> Option<&RequestText> {
        match &self.state {
            CallState::New(request) => request.as_ref().ok(),
            _ => None,
        }
    }

    /// The id of the connection that a call with streams was sent on last.
    pub(super) fn connection(&self) -> Option<u64> {
        self.streams()?.at()
    }

    /// Its handle, for a call that continues it.
    pub(super) fn handle_again(&self) -> LazyHandle {
        self.handle.again()
    }

    pub(super) fn handle(&self) -> CallHandle {
        self.handle.get(|| self.state.target(self.attempts.as_deref()))
    }

    /// Records the call's current state in its handle, if there is one; `false` if the handle has cancelled
    /// the call.
    fn tell_handle(&self) -> bool {
        self.handle.tell(|| self.state.target(self.attempts.as_deref()))
    }

    /// Removes everything of this call, and sends the peer a cancel if it knows the call.
    fn forget(&mut self) {
        match std::mem::replace(&mut self.state, CallState::Done).cancel() {
            Some(shared) => self.leave(&shared),
            None => self.attempts = None,
        }
    }

    /// Ends the call because it has timed out, and sends the peer a cancel if it knows the call.
    fn expire(&mut self) {
        if let Some(shared) = std::mem::replace(&mut self.state, CallState::Done).expire() {
            self.leave(&shared);
        }
    }
}

impl Drop for RawCall {
    fn drop(&mut self) {
        self.forget();
    }
}
