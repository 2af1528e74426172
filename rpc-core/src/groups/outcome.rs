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

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.into()).expect("JSON")
    }

    #[test]
    fn an_outcome_is_the_same_on_the_other_server() {
        let reason = |initiator| CloseReason::new(4001, "bye \"\n", initiator);
        let lost = |initiator, sent| CallError::Disconnected { reason: reason(initiator), sent };
        let data = ErrorObject::new(7, "é").with_data(&[1, 2]);
        let errors = [
            CallError::Method(data.clone()),
            CallError::Rpc(data),
            CallError::Rpc(ErrorObject::new(-32601, "Method not found")),
            CallError::TimedOut,
            CallError::Cancelled,
            lost(Initiator::Local, true),
            lost(Initiator::Remote, false),
            lost(Initiator::Network, true),
            CallError::Undecodable("no \"result\"".into()),
            CallError::Unsendable("too large".into()),
            CallError::Layer("it failed".into()),
        ];
        for error in errors {
            let outcome = read_outcome(&write_outcome(Err(error.clone())));
            let Some(Err(received)) = outcome else { panic!("{error:?} became {outcome:?}") };
            assert_eq!(received, error);
        }
        for json in ["null", "1.50", r#"{"a": [" "]}"#, r#""\u00e9""#] {
            let received = read_outcome(&write_outcome(Ok(raw(json))));
            assert_eq!(received.and_then(Result::ok).map(|raw| raw.get().to_owned()).as_deref(), Some(json));
        }
    }

    #[test]
    fn whether_a_call_was_served_is_kept() {
        let refused = ErrorObject::new(-32005, "full").not_served();
        let outcome = read_outcome(&write_outcome(Err(CallError::Rpc(refused))));
        assert!(matches!(outcome, Some(Err(CallError::Rpc(error))) if error.is_not_served()));
        // The data alone states nothing, as from a peer of plain JSON-RPC.
        let unsaid = ErrorObject::new(7, "no").with_data(&serde_json::json!({"served": false}));
        let outcome = read_outcome(&write_outcome(Err(CallError::Rpc(unsaid))));
        assert!(matches!(outcome, Some(Err(CallError::Rpc(error))) if !error.is_not_served()));
    }

    #[test]
    fn other_texts_are_no_outcomes() {
        let texts = ["", "null", "{}", "[]", r#"{"result":}"#, r#"{"method":{}}"#, r#"{"other":1}"#, "\u{0}"];
        assert!(texts.iter().all(|text| read_outcome(text.as_bytes()).is_none()));
        assert!(read_outcome(&[0xff]).is_none());
        assert!(read_outcome("[".repeat(100_000).as_bytes()).is_none());
    }
}
