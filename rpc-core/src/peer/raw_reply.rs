//! What a call of ours came to: a result that is still text, or why there is none.

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

/// Characters of serde's error that are shown.
const MAX_ERROR: usize = 200;

/// Why the calls of a batch ended that was dropped.
pub(super) const NEVER_SENT: &str = "the batch was never sent";

/// A result that has come.
pub(super) struct RawReply {
    text: ResultText,
    /// No error shows it.
    sensitive: bool,
    /// Not of a call that layers made: they have seen its end.
    observed: Option<Observed>,
}

enum ResultText {
    /// Of a message, and JSON.
    Bytes(Bytes),
    /// Of a layer, which has it from the layer behind: it goes on as it is.
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

    /// The result; the error, if it turns out to be of another type than was expected, says what came
    /// instead.
    pub(super) fn decode<T: DeserializeOwned>(self) -> Result<T, ErrorDetail> {
        let decoded = match &self.text {
            ResultText::Bytes(text) => serde_json::from_slice(text),
            ResultText::Raw(raw) => serde_json::from_str(raw.get()),
        };
        self.ended(decoded)
    }

    /// The result for a layer.
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

/// What the caller learns of how its call ended.
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
