//! The outcome of a call, as a text for another server.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::close::{CloseReason, Initiator};
use crate::error::CallError;
use crate::message::ErrorObject;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Result(Box<RawValue>),
    Method(Error),
    Rpc(Error),
    TimedOut,
    Cancelled,
    Disconnected { code: u16, reason: String, by: By, clean: bool, sent: bool },
    Undecodable(String),
    Unsendable(String),
    Layer(String),
}

#[derive(Serialize, Deserialize)]
struct Error {
    error: ErrorObject,
    not_served: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    Local,
    Remote,
    Network,
}

/// Writes the outcome of a call for another server.
#[must_use]
pub fn write_outcome(outcome: Result<Box<RawValue>, CallError>) -> Vec<u8> {
    let outcome = match outcome {
        Ok(result) => Outcome::Result(result),
        Err(CallError::Method(error)) => Outcome::Method(Error::of(error)),
        Err(CallError::Rpc(error)) => Outcome::Rpc(Error::of(error)),
        Err(CallError::TimedOut) => Outcome::TimedOut,
        Err(CallError::Cancelled) => Outcome::Cancelled,
        Err(CallError::Disconnected { reason, sent }) => {
            let CloseReason { code, reason, initiator, clean } = reason;
            let by = match initiator {
                Initiator::Local => By::Local,
                Initiator::Remote => By::Remote,
                Initiator::Network => By::Network,
            };
            Outcome::Disconnected { code, reason, by, clean, sent }
        }
        Err(CallError::Undecodable(why)) => Outcome::Undecodable(why.to_string()),
        Err(CallError::Unsendable(why)) => Outcome::Unsendable(why.to_string()),
        Err(CallError::Layer(why)) => Outcome::Layer(why.to_string()),
    };
    // It always serialises.
    serde_json::to_vec(&outcome).unwrap_or_default()
}

/// Reads what [`write_outcome`] has written on another server; `None` if it is something else.
#[must_use]
pub fn read_outcome(text: &[u8]) -> Option<Result<Box<RawValue>, CallError>> {
    Some(Err(match serde_json::from_slice(text).ok()? {
        Outcome::Result(result) => return Some(Ok(result)),
        Outcome::Method(error) => CallError::Method(error.into_object()),
        Outcome::Rpc(error) => CallError::Rpc(error.into_object()),
        Outcome::TimedOut => CallError::TimedOut,
        Outcome::Cancelled => CallError::Cancelled,
        Outcome::Disconnected { code, reason, by, clean, sent } => {
            let initiator = match by {
                By::Local => Initiator::Local,
                By::Remote => Initiator::Remote,
                By::Network => Initiator::Network,
            };
            CallError::Disconnected { reason: CloseReason { code, reason, initiator, clean }, sent }
        }
        Outcome::Undecodable(why) => CallError::Undecodable(why.into()),
        Outcome::Unsendable(why) => CallError::Unsendable(why.into()),
        Outcome::Layer(why) => CallError::Layer(why.into()),
    }))
}

impl Error {
    fn of(error: ErrorObject) -> Self {
        Self { not_served: error.is_not_served(), error }
    }

    fn into_object(self) -> ErrorObject {
        self.error.received(self.not_served)
    }
}
