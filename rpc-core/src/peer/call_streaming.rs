//! The additional parts of a call with streams.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Peer;
use super::arguments::ArgumentTasks;
use super::attempts::{self, Attempts, Opened};
use crate::config::Limits;
use crate::error::CallError;
use crate::message::{RequestText, Totals};
use crate::multiplexer::StreamKey;
use crate::observe::{End, Observed};
use crate::shared_state::{SharedState, Ticket};
use crate::streaming::Sources;

pub(super) struct CallStreaming {
    /// The window of the result, if that is a stream.
    window: Option<Totals>,
    idle: Option<Duration>,
    /// The arguments, until the first poll.
    sources: Sources,
    tasks: Option<ArgumentTasks>,
    /// The result's entry in the table of the call's connection.
    result: Option<StreamKey>,
}

/// A call in the tables of a connection: its id, and its request if there was no room for it.
pub(super) type Entered = (Arc<SharedState>, u64, Option<RequestText>, Observed);

/// Why a call with streams cannot be made.
const NO_STREAMS: &str = "the peer does not speak birpc.v1, which streams need";
const NO_RUNTIME: &str = "arguments that are streams need a tokio runtime, which sends them";

impl CallStreaming {
    pub(super) fn new(limits: &Limits, is_result: bool, sources: Sources) -> Self {
        let (items, bytes) = (limits.stream_window_items, limits.stream_window_bytes);
        let window = is_result.then_some(Totals { items: items as u64, bytes: bytes as u64 });
        Self { window, idle: None, sources, tasks: None, result: None }
    }

    pub(super) fn set_window(&mut self, items: usize, bytes: usize) {
        self.window = Some(Totals { items: items as u64, bytes: bytes as u64 });
    }

    pub(super) fn set_idle_timeout(&mut self, timeout: Duration) {
        self.idle = Some(timeout);
    }

    /// The maximum time that the consumer of the result waits for an item.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.idle
    }

    pub(super) fn result(&self) -> Option<StreamKey> {
        self.result
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
        let numbers = self.tasks.as_ref().map(ArgumentTasks::numbers).unwrap_or_default();
        let wanted = (self.window, numbers);
        let opened = attempts::open(peer, attempts, cx, frame, |shared, frame, waker| {
            if !shared.speaks_birpc() {
                return Ok(None);
            }
            let observed = Observed::called(shared.id(), shared.meters(), || frame.method());
            match shared.as_consumer().open_call(frame, wanted, waker, ticket) {
                Ok(call) => {
                    observed.numbered(call.0);
                    Ok(Some((shared, call, observed)))
                }
                Err(ended) => {
                    observed.end(End::Disconnected);
                    Err(ended)
                }
            }
        });
        Ok(match opened {
            Opened::Open(Some((shared, (id, left, streams), observed))) => {
                self.result = streams.result;
                if let Some(tasks) = &self.tasks {
                    tasks.entered(&shared, id, &streams.arguments);
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
        if let Some(key) = self.result.take() {
            shared.as_consumer().drop_consumer(key, None, "its call has ended");
        }
    }
}
