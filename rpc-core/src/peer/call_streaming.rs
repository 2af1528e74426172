//! The additional parts of a call with streams.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Peer;
use super::arguments::ArgumentTasks;
use super::attempts::{self, Attempts, Entered, Opened};
use super::consumed::Consumed;
use super::remote_stream::{OwnCall, RawStream};
use super::subscribing::Subscribing;
use crate::config::Limits;
use crate::error::CallError;
use crate::message::{RequestText, Totals};
use crate::multiplexer::{CallStreams, Subscribe};
use crate::observe::{CallItems, End, Observed};
use crate::shared_state::{SharedState, Ticket};
use crate::streaming::Sources;

pub(super) struct CallStreaming {
    /// Whether the result is a stream.
    is_result: bool,
    /// Whether the result may be a value too.
    accepts_value: bool,
    /// The window of the result, if the caller has set it.
    window: Option<Totals>,
    idle: Option<Duration>,
    /// How the result is consumed at a peer that does not speak `birpc.v1`.
    subscribing: Subscribing,
    /// The arguments, until the first poll.
    sources: Sources,
    tasks: Option<ArgumentTasks>,
    /// The result's entry in a table of the call's connection.
    result: Option<Consumed>,
    /// The id of the connection that the call was sent on last.
    at: Option<u64>,
    /// Set once the call was sent, or was to be.
    items: Option<CallItems>,
}

/// How a call with streams is made at a peer.
enum Form {
    /// With the streams of `birpc.v1`.
    Streams,
    Subscription(Subscribe),
    /// Without streams: the result is a value.
    Value,
}

/// Why a call with streams cannot be made.
const NO_STREAMS: &str = "streams need birpc.v1, which the peer does not speak";
const NO_RUNTIME: &str = "arguments that are streams can be sent only within a tokio runtime";

impl CallStreaming {
    pub(super) fn new(is_result: bool, sources: Sources) -> Self {
        Self {
            is_result,
            accepts_value: false,
            window: None,
            idle: None,
            subscribing: Subscribing::default(),
            sources,
            tasks: None,
            result: None,
            at: None,
            items: None,
        }
    }

    /// The same for another call of the method, on another connection.
    pub(super) fn again(&self) -> Self {
        let subscribing = self.subscribing.clone();
        Self {
            window: self.window,
            idle: self.idle,
            accepts_value: self.accepts_value,
            subscribing,
            ..Self::new(self.is_result, Sources::default())
        }
    }

    /// Whether it can be made again: nothing of it was sent with the call.
    pub(super) fn is_repeatable(&self) -> bool {
        self.sources.is_empty() && self.tasks.is_none()
    }

    /// Accepts a result that is a value.
    pub(super) fn accept_value(&mut self) {
        self.accepts_value = true;
    }

    /// Whether the result may be a value, and not a stream.
    pub(super) fn accepts_value(&self) -> bool {
        self.accepts_value
    }

    pub(super) fn set_window(&mut self, items: usize, bytes: usize) {
        self.window = Some(Totals { items: items as u64, bytes: bytes as u64 });
    }

    pub(super) fn set_idle_timeout(&mut self, timeout: Duration) {
        self.idle = Some(timeout);
    }

    /// The result, which has been opened.
    pub(super) fn into_stream(self, shared: Arc<SharedState>, result: Consumed, call: OwnCall) -> RawStream {
        let observed = self.items.map(|items| items.consumed(shared.meters()));
        RawStream::new(shared, result, Some(call), self.idle).observed(observed)
    }

    pub(super) fn subscribing(&mut self) -> &mut Subscribing {
        &mut self.subscribing
    }

    pub(super) fn result(&self) -> Option<Consumed> {
        self.result
    }

    /// The id of the connection that the call was sent on last.
    pub(super) fn at(&self) -> Option<u64> {
        self.at
    }

    /// Spawns the tasks of the arguments, when the call is first polled. Returns whether the request must not
    /// be sent twice, because the items of its arguments cannot be sent again.
    pub(super) fn begin(&mut self, peer: &Peer) -> Result<bool, CallError> {
        if self.sources.is_empty() {
            return Ok(false);
        }
        let runtime = peer.current().runtime().cloned().or_else(|| Handle::try_current().ok());
        let Some(runtime) = runtime else { return Err(CallError::unsendable(NO_RUNTIME)) };
        self.tasks = Some(ArgumentTasks::spawn(std::mem::take(&mut self.sources), &runtime));
        Ok(true)
    }

    /// Enters the call and its streams into the tables, and queues its request if there is room.
    pub(super) fn open(
        &mut self,
        peer: &Peer,
        attempts: &mut Option<Box<Attempts>>,
        cx: &mut Context<'_>,
        frame: RequestText,
        ticket: &mut Option<Ticket>,
    ) -> Result<Opened<RequestText, Entered>, CallError> {
        let items = self.items.get_or_insert_with(|| CallItems::called(&frame.method()));
        let numbers = self.tasks.as_ref().map(ArgumentTasks::numbers).unwrap_or_default();
        let limits = peer.limits();
        let window = self.is_result.then(|| self.window.unwrap_or_else(|| of_streams(limits)));
        let opened = attempts::open(peer, attempts, cx, frame, |shared, frame, waker| {
            self.at = Some(shared.id());
            let form = match shared.info().speaks_birpc() {
                true => Form::Streams,
                false if numbers.is_empty() && self.is_result => {
                    let window = self.window.unwrap_or_else(|| of_subscriptions(limits));
                    match self.subscribing.at_plain_peer(window) {
                        Some(subscribe) => Form::Subscription(subscribe),
                        None if self.accepts_value => Form::Value,
                        None => return Ok(None),
                    }
                }
                false => return Ok(None),
            };
            let subscribes = matches!(form, Form::Subscription(_));
            let mut observed =
                Observed::called(shared.id(), (shared.meters(), shared.inspected()), || frame.method());
            observed.watch(items);
            let without_streams = |(id, left)| (id, left, CallStreams::default());
            let entered = match form {
                Form::Streams => shared.as_consumer().open_call(frame, (window, numbers), waker, ticket),
                Form::Subscription(subscribe) => {
                    shared.as_subscriber().open_call(frame, subscribe, waker, ticket).map(without_streams)
                }
                Form::Value => shared.as_caller().open_call(frame, waker, ticket).map(without_streams),
            };
            match entered {
                Ok(call) => {
                    observed.numbered(call.0);
                    Ok(Some((shared, call, observed, subscribes)))
                }
                Err(ended) => {
                    observed.end(End::Disconnected);
                    Err(ended)
                }
            }
        });
        Ok(match opened {
            Opened::Open(Some((shared, (id, left, streams), observed, subscribes))) => {
                let subscription = subscribes.then_some(Consumed::Subscription(id));
                self.result = streams.result.map(Consumed::Stream).or(subscription);
                if let Some(tasks) = &self.tasks {
                    tasks.entered(&shared, id, &streams.arguments, items);
                }
                Opened::Open((shared, id, left, observed))
            }
            Opened::Open(None) => return Err(CallError::unsendable(NO_STREAMS)),
            Opened::Down(frame) => Opened::Down(frame),
            Opened::Stopped(stopped) => Opened::Stopped(stopped),
        })
    }

    /// Drops the result of a call that has ended without it.
    pub(super) fn drop_result(&mut self, shared: &SharedState) {
        if let Some(result) = self.result.take() {
            result.abandon(shared);
        }
    }
}

fn of_streams(limits: &Limits) -> Totals {
    let (items, bytes) = (limits.stream_window_items, limits.stream_window_bytes);
    Totals { items: items as u64, bytes: bytes as u64 }
}

fn of_subscriptions(limits: &Limits) -> Totals {
    let (items, bytes) = (limits.subscription_window_items, limits.subscription_window_bytes);
    Totals { items: items as u64, bytes: bytes as u64 }
}
