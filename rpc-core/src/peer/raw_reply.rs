//! The outcome of an outgoing call: a result as JSON text, or the reason why there is none.

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::value::RawValue;

use crate::close::CloseReason;
use crate::error::{CallError, ErrorDetail};
use crate::excerpt::excerpt;
use crate::message::{Answer, without_value};
use crate::multiplexer::Outcome;
use crate::observe::{End, Observed};
use crate::redact::excerpt_of_reply;
use crate::shared_state::SharedState;

/// The number of characters of serde's error that are shown.
const MAX_ERROR: usize = 200;

/// The reason of calls whose batch was dropped.
pub(super) const NEVER_SENT: &str = "the batch was never sent";

/// A result that has arrived.
pub(super) struct RawReply {
    text: ResultText,
    /// Whether errors must not show it.
    sensitive: bool,
    /// `None` for a call that layers made: they observe its end themselves.
    observed: Option<Observed>,
}

enum ResultText {
    /// A part of a message; valid JSON.
    Bytes(Bytes),
    /// From a layer, which got it from the layer behind. It is passed on unchanged.
    Raw(Box<RawValue>),
}

impl ResultText {
    fn shown(&self) -> String {
        match self {
            Self::Bytes(text) => excerpt_of_reply(&String::from_utf8_lossy(text)),
            Self::Raw(raw) => excerpt_of_reply(raw.get()),
        }
    }
}

impl RawReply {
    pub(super) fn of_layer(result: Box<RawValue>, sensitive: bool) -> Self {
        Self { text: ResultText::Raw(result), sensitive, observed: None }
    }

    /// Decodes the result. If it has another type than expected, the error shows the beginning of the result.
    pub(super) fn decode<T: DeserializeOwned>(self) -> Result<T, ErrorDetail> {
        let decoded = match &self.text {
            ResultText::Bytes(text) => serde_json::from_slice(text),
            ResultText::Raw(raw) => serde_json::from_str(raw.get()),
        };
        self.ended(decoded)
    }

    /// Converts the result for a layer.
    pub(super) fn into_raw(self) -> Result<Box<RawValue>, ErrorDetail> {
        match self.text {
            ResultText::Raw(raw) => Ok(raw),
            ResultText::Bytes(_) => self.decode(),
        }
    }

    fn ended<T>(self, decoded: serde_json::Result<T>) -> Result<T, ErrorDetail> {
        let decoded = decoded.map_err(|error| self.undecodable(&error));
        self.end(decoded.is_ok());
        decoded
    }

    fn undecodable(&self, error: &serde_json::Error) -> ErrorDetail {
        if self.sensitive {
            return "the result does not have the expected type; it is sensitive and not shown".into();
        }
        let why = excerpt(&without_value(&error.to_string()), MAX_ERROR);
        let text = format!("{why}; the result: {}", self.text.shown());
        // serde's own error may quote a secret.
        ErrorDetail::quoting(text, serde_json::Error::custom(why))
    }

    fn end(self, decoded: bool) {
        if let Some(observed) = self.observed {
            observed.end(if decoded { End::Answered(Answer::Result) } else { End::Undecodable });
        }
    }
}

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
            let reason = shared.ending().unwrap_or_else(|| CloseReason::lost("the connection has ended"));
            CallError::Disconnected { reason, sent }
        }
    };
    observed.end(end);
    Err(error)
}
