//! The outcome of an outgoing call: a result as JSON text, or the reason why there is none.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::remote_stream::RawStream;
use super::undecodable::undecodable;
use crate::error::{CallError, ErrorDetail, RpcError};
use crate::message::Answer;
use crate::multiplexer::Outcome;
use crate::observe::{End, Observed};
use crate::shared_state::SharedState;
use crate::streaming::Streaming;

/// The reason of calls whose batch was dropped.
pub(super) const NEVER_SENT: &str = "the batch was never sent";

/// A result that has arrived.
pub struct RawReply {
    text: ResultText,
    /// Whether errors must not quote it.
    sensitive: bool,
    /// `None` for a call that layers made: they observe its end themselves.
    observed: Option<Observed>,
}

enum ResultText {
    /// A part of a message; valid JSON.
    Bytes(Bytes),
    /// From a layer, which got it from the layer behind. It is passed on unchanged.
    Raw(Box<RawValue>),
    /// The result is a stream, which is open.
    Stream(Box<RawStream>),
}

impl RawReply {
    pub(super) fn of_layer(result: Box<RawValue>, sensitive: bool) -> Self {
        Self { text: ResultText::Raw(result), sensitive, observed: None }
    }

    /// Decodes the result. If it has another type than expected, the error shows the beginning of the result.
    pub(super) fn decode<T: DeserializeOwned>(self) -> Result<T, ErrorDetail> {
        let text = match &self.text {
            ResultText::Bytes(text) => text,
            ResultText::Raw(raw) => raw.get().as_bytes(),
            ResultText::Stream(_) => return Err(NO_VALUE.into()),
        };
        let decoded =
            serde_json::from_slice(text).map_err(|error| undecodable("result", &error, text, self.sensitive));
        self.end(decoded.is_ok());
        decoded
    }

    /// Creates the result of a call whose stream is open.
    pub(super) fn of_stream(stream: RawStream) -> Self {
        Self { text: ResultText::Stream(Box::new(stream)), sensitive: false, observed: None }
    }

    /// Whether the result is a stream, which is open.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.text, ResultText::Stream(_))
    }

    /// Returns the open stream.
    pub(super) fn into_stream<T, E>(self) -> Result<Streaming<T, E>, ErrorDetail>
    where
        T: DeserializeOwned + Send + 'static,
        E: RpcError,
    {
        self.into_raw_stream().map(|stream| stream.typed())
    }

    /// Returns the open stream, with items that are not decoded.
    pub(super) fn into_raw_stream(self) -> Result<Box<RawStream>, ErrorDetail> {
        match self.text {
            ResultText::Stream(stream) => Ok(stream),
            ResultText::Bytes(_) | ResultText::Raw(_) => Err("the result is a value and not a stream".into()),
        }
    }

    /// Converts the result for a layer.
    pub(super) fn into_raw(self) -> Result<Box<RawValue>, ErrorDetail> {
        match self.text {
            ResultText::Raw(raw) => Ok(raw),
            ResultText::Bytes(_) | ResultText::Stream(_) => self.decode(),
        }
    }

    fn end(self, decoded: bool) {
        if let Some(observed) = self.observed {
            observed.end(if decoded { End::Answered(Answer::Result) } else { End::Undecodable });
        }
    }
}

const NO_VALUE: &str = "the result is a stream, and no value";

/// Converts the outcome into the caller's result.
pub(super) fn conclude(
    shared: &SharedState,
    outcome: Outcome,
    sent: bool,
    sensitive: bool,
    observed: Observed,
) -> Result<RawReply, CallError> {
    let end = End::of(&outcome);
    let error = match outcome {
        Outcome::Result(text) => {
            return Ok(RawReply { text: ResultText::Bytes(text), sensitive, observed: Some(observed) });
        }
        Outcome::Error(error) => CallError::Method(*error),
        Outcome::Refused(error) => CallError::Rpc(*error),
        Outcome::Broken(why, _) if sensitive => CallError::Undecodable(why.into()),
        Outcome::Broken(why, reply) => CallError::Undecodable(format!("{why}; the reply: {reply}").into()),
        Outcome::TimedOut => CallError::TimedOut,
        Outcome::Cancelled => CallError::Cancelled,
        Outcome::Unsent => CallError::Unsendable(NEVER_SENT.into()),
        Outcome::Disconnected | Outcome::Returned(_) => {
            let reason = shared.as_life().why_ended();
            CallError::Disconnected { reason, sent }
        }
    };
    observed.end(end);
    Err(error)
}
