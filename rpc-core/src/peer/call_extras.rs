//! The rare parts of a call: streams, and a listener for its progress.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use super::Peer;
use super::attempts::{self, Attempts, Entered, Opened};
use super::call_progress::CallProgress;
use super::call_streaming::CallStreaming;
use super::consumed::Consumed;
use super::deadline::Deadline;
use super::remote_stream::{OwnCall, RawStream};
use crate::error::CallError;
use crate::message::{EncodeError, RequestText};
use crate::observe::CallReports;
use crate::shared_state::{SharedState, Ticket};

const NO_STREAMS: &str = "streams do not cross servers; the peer is connected to another one";

#[derive(Default)]
pub(super) struct CallExtras {
    pub(super) streams: Option<CallStreaming>,
    pub(super) progress: Option<CallProgress>,
}

impl CallExtras {
    /// The result in a table of the connection, if it is a stream.
    pub(super) fn result(&self) -> Option<Consumed> {
        self.streams.as_ref()?.result()
    }

    /// Why the call is sent alone.
    pub(super) fn why_alone(&self) -> Option<EncodeError> {
        match (&self.streams, &self.progress) {
            (Some(_), _) => Some(EncodeError::Streams),
            (None, Some(_)) => Some(EncodeError::Progress),
            (None, None) => None,
        }
    }

    /// Prepares the first poll of the call. Returns whether the request must not be sent twice.
    pub(super) fn begin(&mut self, peer: &Peer, deadline: &mut Deadline) -> Result<bool, CallError> {
        if peer.place().is_some() {
            return Err(CallError::unsendable(NO_STREAMS));
        }
        if let Some(progress) = &mut self.progress {
            *deadline = progress.begin(peer);
        }
        self.streams.as_mut().map_or(Ok(false), |streams| streams.begin(peer))
    }

    /// Enters the call and its streams, and queues its request, if there is room.
    pub(super) fn open(
        &mut self,
        peer: &Peer,
        attempts: &mut Option<Box<Attempts>>,
        cx: &mut Context<'_>,
        frame: RequestText,
        ticket: &mut Option<Ticket>,
    ) -> Result<Opened<RequestText, Entered>, CallError> {
        if let Some(progress) = &mut self.progress {
            progress.count_as(|| CallReports::called(&frame.method()));
        }
        let opened = match &mut self.streams {
            Some(streams) => streams.open(peer, attempts, cx, frame, ticket)?,
            None => attempts::open_call(peer, attempts, cx, frame, ticket),
        };
        if let (Some(progress), Opened::Open((_, id, ..))) = (&mut self.progress, &opened) {
            progress.entered(*id);
        }
        Ok(opened)
    }

    /// Passes on what has been reported.
    pub(super) fn poll(&mut self, shared: &SharedState, timeout: Option<Duration>, deadline: &mut Deadline) {
        if let Some(progress) = &mut self.progress {
            progress.poll(shared, timeout, deadline);
        }
    }

    /// Handles the end of the call on this connection: passes on the reports that have arrived, and drops a
    /// result that was not opened.
    pub(super) fn end(&mut self, shared: &SharedState) {
        if let Some(streams) = &mut self.streams {
            streams.drop_result(shared);
        }
        if let Some(progress) = &mut self.progress {
            progress.end(shared);
        }
    }

    /// Returns the open result. Later reports are ignored.
    pub(super) fn into_stream(
        mut self,
        shared: Arc<SharedState>,
        result: Consumed,
        call: OwnCall,
    ) -> Option<RawStream> {
        if let Some(progress) = &mut self.progress {
            progress.end(&shared);
        }
        Some(self.streams?.into_stream(shared, result, call))
    }

    /// Handles that the call is dropped.
    pub(super) fn leave(&mut self, shared: &SharedState) {
        if let Some(streams) = &mut self.streams {
            streams.drop_result(shared);
        }
        if let Some(progress) = &mut self.progress {
            progress.leave(shared);
        }
    }
}
