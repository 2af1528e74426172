//! The stream of a call that subscribes again after an outage, or that says where items are missing.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::Stream;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::call_handle::Target;
use super::raw_call::RawCall;
use super::raw_reply::RawReply;
use super::remote_stream::{RawNext, RawStream, reason_of};
use super::resubscribe::Resubscribe;
use crate::close::CloseReason;
use crate::error::{CallError, RpcError};
use crate::message::{ErrorCode, ErrorObject};
use crate::multiplexer::StreamEnd;
use crate::served_call::Wait;
use crate::streaming::{StreamError, Streaming, Update};

/// The part that does not depend on the type of the items.
struct RawUpdates {
    stage: Stage,
    /// `None` if it does not subscribe again.
    again: Option<Box<Resubscribe>>,
    /// Set while a handler waits for the next connection.
    wait: Option<Wait>,
}

enum Stage {
    Open(RawStream),
    /// Waits for the next connection.
    Down(Connected, Lost),
    /// Subscribes on it.
    Opening(Box<RawCall>, Lost),
    Over,
}

type Connected = Pin<Box<dyn Future<Output = Result<Option<CloseReason>, CloseReason>> + Send>>;

/// The outage so far.
struct Lost {
    since: Instant,
    /// `None` until it is known.
    reason: Option<CloseReason>,
    /// The id of the connection that was used last.
    connection: u64,
}

/// The result of polling it.
enum RawUpdate {
    Item(Bytes),
    Missed(u64),
    Gap(Lost),
    End(End),
}

enum End {
    Stream(StreamEnd, CloseReason),
    TimedOut,
    /// The call that subscribes again.
    Call(CallError),
}

/// The stream of a call that is open.
pub(super) fn updates<T, U>(
    reply: RawReply,
    again: Option<Box<Resubscribe>>,
) -> Result<Streaming<Update<T>, U>, CallError>
where
    T: DeserializeOwned + Send + 'static,
    U: RpcError,
{
    let stage = Stage::Open(*reply.into_raw_stream().map_err(CallError::Undecodable)?);
    let raw = RawUpdates { stage, again, wait: None };
    Ok(Streaming::new(Updates { raw, types: PhantomData::<fn() -> (T, U)> }))
}

impl RawUpdates {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<RawUpdate> {
        loop {
            match &mut self.stage {
                Stage::Open(stream) => {
                    let next = ready!(stream.poll(cx));
                    let shared = stream.shared().clone();
                    match next {
                        RawNext::Item(item) => {
                            if let Some(again) = &mut self.again {
                                again.note_item(&item);
                            }
                            return Poll::Ready(RawUpdate::Item(item));
                        }
                        RawNext::Missed(missed) => return Poll::Ready(RawUpdate::Missed(missed)),
                        RawNext::TimedOut => return self.over(End::TimedOut),
                        RawNext::End(end) => match is_lost(&end, shared.info().speaks_birpc()) {
                            true if self.again.is_some() => {
                                let reason = shared.as_life().ending();
                                let (since, connection) = (Instant::now(), shared.id());
                                self.go_down(Lost { since, reason, connection });
                            }
                            _ => return self.over(End::Stream(end, reason_of(&shared))),
                        },
                    }
                }
                Stage::Down(connected, _) => {
                    let polled = connected.as_mut().poll(cx);
                    if let Some(ended) = self.leave_outage(polled, cx) {
                        return ended;
                    }
                }
                Stage::Opening(call, lost) => match ready!(call.poll(cx)).map(RawReply::into_raw_stream) {
                    Ok(Ok(stream)) => {
                        let Lost { since, connection, .. } = *lost;
                        let lost = Lost { since, reason: lost.reason.take(), connection };
                        self.stage = Stage::Open(*stream);
                        return Poll::Ready(RawUpdate::Gap(lost));
                    }
                    Ok(Err(detail)) => return self.over(End::Call(CallError::Undecodable(detail))),
                    Err(error) => match is_lost_again(&error) {
                        true => {
                            let connection = call.connection().unwrap_or(lost.connection);
                            let lost = Lost { since: lost.since, reason: lost.reason.take(), connection };
                            self.go_down(lost);
                        }
                        false => return self.over(End::Call(error)),
                    },
                },
                Stage::Over => return Poll::Pending,
            }
        }
    }

    /// The connection is lost: waits for the next one.
    fn go_down(&mut self, lost: Lost) {
        let Some(again) = &self.again else { return };
        // The rest of the last connection is dropped first, since that ends the call's handle.
        self.stage = Stage::Over;
        self.stage = Stage::Down(Box::pin(again.connected(lost.connection)), lost);
    }

    /// Subscribes on the next connection, if there is one. Otherwise returns what the consumer gets.
    fn leave_outage(
        &mut self,
        connected: Poll<Result<Option<CloseReason>, CloseReason>>,
        cx: &Context<'_>,
    ) -> Option<Poll<RawUpdate>> {
        let Some(again) = &mut self.again else { return Some(Poll::Pending) };
        if !again.handle().tell(|| Target::Layered(cx.waker().clone())) {
            return Some(self.over(End::Call(CallError::Cancelled)));
        }
        match connected {
            Poll::Pending => {
                self.wait = self.wait.take().or_else(Wait::begin);
                Some(Poll::Pending)
            }
            Poll::Ready(Err(reason)) => Some(self.over(End::Stream(StreamEnd::Disconnected, reason))),
            Poll::Ready(Ok(reason)) => {
                self.wait = None;
                match (again.call(), std::mem::replace(&mut self.stage, Stage::Over)) {
                    (Ok(call), Stage::Down(_, lost)) => {
                        let reason = lost.reason.or(reason);
                        self.stage = Stage::Opening(Box::new(call), Lost { reason, ..lost });
                        None
                    }
                    (Err(error), _) => Some(self.over(End::Call(error))),
                    (Ok(_), _) => Some(Poll::Pending),
                }
            }
        }
    }

    fn over(&mut self, end: End) -> Poll<RawUpdate> {
        (self.stage, self.wait, self.again) = (Stage::Over, None, None);
        Poll::Ready(RawUpdate::End(end))
    }
}

/// Whether the stream has ended because its connection has ended or its server is shutting down, so that it
/// may continue on the next connection.
fn is_lost(end: &StreamEnd, speaks_birpc: bool) -> bool {
    match end {
        StreamEnd::Disconnected => true,
        StreamEnd::Error(error) if error.framework_code() == Some(ErrorCode::ShuttingDown) => {
            // At other peers the code alone may mean anything.
            speaks_birpc || says_that_it_shuts_down(error)
        }
        _ => false,
    }
}

fn says_that_it_shuts_down(error: &ErrorObject) -> bool {
    #[derive(serde::Deserialize)]
    struct Data {
        kind: String,
    }
    error.data::<Data>().is_some_and(|data| data.kind == ErrorCode::ShuttingDown.kind())
}

/// The same of a call that subscribes again.
fn is_lost_again(error: &CallError) -> bool {
    match error {
        CallError::Disconnected { .. } => true,
        CallError::Rpc(error) | CallError::Method(error) => error.is_refused_by_shutdown(),
        _ => false,
    }
}

struct Updates<T, U> {
    raw: RawUpdates,
    types: PhantomData<fn() -> (T, U)>,
}

impl<T: DeserializeOwned, U: RpcError> Stream for Updates<T, U> {
    type Item = Result<Update<T>, StreamError<U>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let raw = &mut self.raw;
        raw.poll(cx).map(|update| match update {
            RawUpdate::Item(item) => match &mut raw.stage {
                Stage::Open(stream) => {
                    Some(stream.decode(&item).map(Update::Item).map_err(StreamError::Undecodable))
                }
                _ => None,
            },
            RawUpdate::Missed(missed) => Some(Ok(Update::Lagged { missed })),
            RawUpdate::Gap(lost) => {
                let reason = lost.reason.unwrap_or_else(|| CloseReason::lost("the connection has ended"));
                Some(Ok(Update::Gap { reason, outage: lost.since.elapsed() }))
            }
            RawUpdate::End(End::TimedOut) => Some(Err(StreamError::TimedOut)),
            RawUpdate::End(End::Stream(end, reason)) => StreamError::of_end(end, || reason).map(Err),
            RawUpdate::End(End::Call(CallError::Cancelled)) => Some(Err(StreamError::Cancelled)),
            RawUpdate::End(End::Call(error)) => Some(Err(StreamError::Resubscribe(error))),
        })
    }
}
