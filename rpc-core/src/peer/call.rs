//! One call, from its params to its outcome.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attempts::{Attempts, deadline};
use super::call_handle::Target;
use super::layer::Layered;
use super::{CallHandle, Notify, Peer};
use crate::close::CloseReason;
use crate::error::{CallError, MethodResult};
use crate::link::{Link, Ticket};
use crate::message::{CallFrame, EncodeError};
use crate::multiplexer::Outcome;
use crate::observe::{End, Observed};
use crate::served_call::{Nested, Wait};

/// A call that is sent when it is first polled; its output is the method's result.
///
/// # Cancel safety
/// Dropping it cancels the call: its entry goes at once, a late reply is ignored, and the peer is told to
/// stop if the subprotocol has a word for it (`rpc.cancel` of `birpc.v1`). A call that was never polled was
/// never sent.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<R> {
    /// Keeps a client's connection open. Once the call is open, its link is the one that it is open on.
    peer: Peer,
    state: State,
    idempotent: bool,
    /// Of a call of a line, from its first poll on.
    attempts: Option<Box<Attempts>>,
    /// Set while a handler awaits this call.
    wait: Option<Wait>,
    /// Set while the call whose context this one was made through may cancel it.
    nested: Option<Nested>,
    /// Made when it is first asked for.
    handle: OnceLock<CallHandle>,
    result: PhantomData<fn() -> R>,
}

/// Why the calls of a batch ended that was dropped.
pub(super) const NEVER_SENT: &str = "the batch was never sent";

enum State {
    New(Result<CallFrame, EncodeError>),
    /// The line is down.
    Down(CallFrame),
    /// Entered, but the outbox is full.
    Waiting {
        id: u64,
        frame: CallFrame,
        ticket: Option<Ticket>,
        observed: Observed,
    },
    Sent {
        id: u64,
        observed: Observed,
    },
    /// What is sent is for the handle's layers to say.
    Layered(Box<Layered>),
    Done,
}

impl State {
    fn id(&self) -> Option<u64> {
        match self {
            Self::Waiting { id, .. } | Self::Sent { id, .. } => Some(*id),
            Self::New(_) | Self::Down(_) | Self::Layered(_) | Self::Done => None,
        }
    }
}

impl<R: MethodResult<Ok: DeserializeOwned>> Call<R> {
    pub(super) fn new(peer: Peer, method: &str, params: &impl Serialize) -> Self {
        let state = match &peer.layer {
            None => State::New(CallFrame::encode(method, params)),
            Some(layer) => State::Layered(Box::new(Layered::new(layer.clone(), &peer, method, params))),
        };
        Self {
            peer,
            state,
            idempotent: false,
            attempts: None,
            wait: None,
            nested: None,
            handle: OnceLock::new(),
            result: PhantomData,
        }
    }

    /// Bounds this call; see [`crate::Peer::with_timeout`].
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.peer.timeout = Some(timeout);
        self
    }

    /// Sends the request as a notification: the method runs at the peer and no reply comes.
    pub fn notify(self) -> Notify {
        let peer = self.peer.clone();
        Notify::new(peer, self.into_frame().map(CallFrame::finish_notification))
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<R::Ok, CallError<R::Err>>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::New(_) | State::Down(_) | State::Layered(_) if self.is_cancelled() => {
                Poll::Ready(Err(CallError::Cancelled))
            }
            State::New(frame) => self.begin(frame, cx),
            State::Down(frame) => self.open(frame, cx),
            State::Waiting { id, frame, mut ticket, observed } => {
                // A timeout or the connection's end may come before there is room.
                if let Poll::Ready((outcome, sent)) = self.peer.link.poll_call(id, cx) {
                    self.peer.link.leave(&mut ticket);
                    return self.end(outcome, sent, Some(frame), observed, cx);
                }
                self.state = match self.peer.link.send_call(id, frame, cx.waker(), &mut ticket) {
                    None => State::Sent { id, observed },
                    Some(frame) => State::Waiting { id, frame, ticket, observed },
                };
                Poll::Pending
            }
            State::Sent { id, observed } => match self.peer.link.poll_call(id, cx) {
                Poll::Pending => {
                    self.state = State::Sent { id, observed };
                    Poll::Pending
                }
                Poll::Ready((Outcome::Returned(request), sent)) => {
                    self.end(Outcome::Disconnected, sent, Some(CallFrame::reopen(request, id)), observed, cx)
                }
                Poll::Ready((outcome, sent)) => self.end(outcome, sent, None, observed, cx),
            },
            State::Layered(mut layered) => {
                if let Poll::Ready(ended) = layered.poll(&self.peer, self.idempotent, cx) {
                    return Poll::Ready(
                        ended.map_err(CallError::typed).and_then(|raw| decode(raw.get().as_bytes())),
                    );
                }
                self.state = State::Layered(layered);
                self.stay_pending()
            }
            // A future that is polled after its end stays pending, as std's fused ones do.
            State::Done => Poll::Pending,
        }
    }

    fn begin(
        &mut self,
        frame: Result<CallFrame, EncodeError>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R::Ok, CallError<R::Err>>> {
        let frame = frame.and_then(|frame| frame.within(self.peer.link.config.limits.max_message_out));
        let frame = frame.map_err(|error| CallError::Unsendable(error.to_string()))?;
        self.attempts = Attempts::begin(&self.peer);
        if let Some(attempts) = &mut self.attempts {
            attempts.keep(&frame, self.idempotent);
        }
        // Looked at before: it may be cancelled, and end, while this call is opened.
        let cause = self.peer.cause.clone().filter(|cause| !cause.has_ended());
        let polled = self.open(frame, cx);
        // A line's handle has no cause, so this is the call's only connection.
        self.nested = self.state.id().zip(cause).map(|(id, cause)| Nested::begin(&cause, id));
        polled
    }

    /// Enters the call into its connection's table and queues its request, if there is room. While a line is
    /// down the call waits, if it may.
    fn open(&mut self, mut frame: CallFrame, cx: &mut Context<'_>) -> Poll<Result<R::Ok, CallError<R::Err>>> {
        let (mut ticket, deadline) = (None, deadline(&self.peer, self.attempts.as_deref()));
        self.state = loop {
            match self.attempts.as_mut().map(|attempts| attempts.poll_link(cx)) {
                None => {}
                Some(Poll::Ready(Ok(link))) => self.peer.link = link,
                Some(Poll::Ready(Err(stopped))) => return Poll::Ready(Err(stopped.into())),
                Some(Poll::Pending) => break State::Down(frame),
            }
            let observed = Observed::called(self.peer.link.id, || frame.method());
            match self.peer.link.open_call(frame, deadline, cx.waker(), &mut ticket) {
                Ok((id, left)) => {
                    observed.numbered(id);
                    break match left {
                        None => State::Sent { id, observed },
                        Some(frame) => State::Waiting { id, frame, ticket, observed },
                    };
                }
                Err((reason, back)) => {
                    observed.end(End::Disconnected);
                    let Some(attempts) = &mut self.attempts else {
                        return Poll::Ready(Err(CallError::Disconnected { reason, sent: false }));
                    };
                    attempts.note_over(&self.peer.link);
                    frame = back;
                }
            }
        };
        self.stay_pending()
    }

    /// Pending, unless the handle has cancelled the call before it was told where it is.
    fn stay_pending(&mut self) -> Poll<Result<R::Ok, CallError<R::Err>>> {
        if self.tell_handle() {
            return Poll::Pending;
        }
        self.forget();
        Poll::Ready(Err(CallError::Cancelled))
    }

    /// The call has ended on its connection. On a line, one that was not sent goes out on the next, and so
    /// does one that may be sent again, or was refused by a server that shuts down; `unsent` is the request of the
    /// first.
    fn end(
        &mut self,
        outcome: Outcome,
        sent: bool,
        unsent: Option<CallFrame>,
        observed: Observed,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R::Ok, CallError<R::Err>>> {
        if let Some(attempts) = &mut self.attempts {
            // What was refused was not served.
            attempts.sent |= sent && matches!(outcome, Outcome::Disconnected);
            if let Some(frame) = attempts.again(&outcome, unsent) {
                attempts.note_over(&self.peer.link);
                observed.end(End::of(&outcome));
                // Its handle may have come too late for the connection that has ended.
                let cancelled = self.is_cancelled();
                return if cancelled { Poll::Ready(Err(CallError::Cancelled)) } else { self.open(frame, cx) };
            }
        }
        Poll::Ready(conclude::<R>(&self.peer.link, outcome, sent, observed))
    }
}

/// What the caller learns of how its call ended.
pub(super) fn conclude<R: MethodResult<Ok: DeserializeOwned>>(
    link: &Link,
    outcome: Outcome,
    sent: bool,
    observed: Observed,
) -> Result<R::Ok, CallError<R::Err>> {
    let end = End::of(&outcome);
    let result = match outcome {
        Outcome::Result(text) => decode(&text),
        Outcome::Error(error) => Err(CallError::from_reply(*error)),
        Outcome::Refused(error) => Err(CallError::Refused(*error)),
        Outcome::Broken(why) => Err(CallError::Undecodable(why.into())),
        Outcome::TimedOut => Err(CallError::TimedOut),
        Outcome::Cancelled => Err(CallError::Cancelled),
        Outcome::Unsent => Err(CallError::Unsendable(NEVER_SENT.into())),
        Outcome::Disconnected | Outcome::Returned(_) => {
            let reason = link.ending().unwrap_or_else(|| CloseReason::lost("the connection is gone"));
            Err(CallError::Disconnected { reason, sent })
        }
    };
    // A result may turn out to be of another type than was expected.
    observed.end(if matches!(result, Err(CallError::Undecodable(_))) { End::Undecodable } else { end });
    result
}

impl<R> Call<R> {
    /// The request, of a call that was not polled.
    pub(super) fn into_frame(mut self) -> Result<CallFrame, EncodeError> {
        match &mut self.state {
            State::New(frame) => std::mem::replace(frame, Err(EncodeError::AlreadySent)),
            State::Layered(layered) => layered.take_frame(),
            // It has been polled, so it is sent already, and is cancelled here.
            _ => Err(EncodeError::AlreadySent),
        }
    }
}

fn decode<T: DeserializeOwned, E>(result: &[u8]) -> Result<T, CallError<E>> {
    serde_json::from_slice(result).map_err(|error| CallError::Undecodable(error.to_string()))
}

impl<R: MethodResult<Ok: DeserializeOwned>> Future for Call<R> {
    type Output = Result<R::Ok, CallError<R::Err>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.poll_outcome(cx);
        match &polled {
            Poll::Pending if self.wait.is_none() => self.wait = Wait::begin(),
            Poll::Pending => {}
            Poll::Ready(_) => {
                self.wait = None;
                self.nested = None;
                self.attempts = None;
                self.tell_handle();
            }
        }
        polled
    }
}

impl<R> Call<R> {
    /// Lets a client that reconnects send the request again, if the connection ends after it was sent and before
    /// the reply: the method may run more than once. Of a client that does not reconnect it changes nothing.
    /// `#[rpc(idempotent)]` says so of a method.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Gives a handle that cancels this call from anywhere, while its future is awaited elsewhere.
    #[must_use]
    pub fn handle(&self) -> CallHandle {
        self.handle.get_or_init(|| CallHandle::new(self.target())).clone()
    }

    /// Where a handle finds this call.
    fn target(&self) -> Target {
        match (&self.state, &self.attempts) {
            (State::New(_), _) => Target::Unsent,
            (State::Down(_), Some(attempts)) => match attempts.place() {
                Some(place) => Target::Down { line: attempts.line.clone(), place },
                None => Target::Unsent,
            },
            (State::Layered(layered), _) => layered.target(),
            (State::Waiting { id, .. } | State::Sent { id, .. }, _) => {
                Target::Open { link: self.peer.link.clone(), id: *id }
            }
            (State::Down(_) | State::Done, _) => Target::Ended,
        }
    }

    /// Tells the handle, if there is one, where this call is now; `false` if it has cancelled the call.
    fn tell_handle(&self) -> bool {
        self.handle.get().is_none_or(|handle| handle.set(self.target()))
    }

    fn is_cancelled(&self) -> bool {
        self.handle.get().is_some_and(CallHandle::is_cancelled)
    }

    /// Leaves nothing of this call behind, and tells the peer if it knows of it.
    fn forget(&mut self) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::New(_) | State::Down(_) | State::Layered(_) | State::Done => self.attempts = None,
            State::Waiting { id, mut ticket, .. } => self.peer.link.cancel_call(id, &mut ticket),
            State::Sent { id, .. } => self.peer.link.cancel_call(id, &mut None),
        }
    }
}

impl<R> Drop for Call<R> {
    fn drop(&mut self) {
        self.forget();
        if let Some(handle) = self.handle.get() {
            handle.set(Target::Ended);
        }
    }
}

impl<R> std::fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
