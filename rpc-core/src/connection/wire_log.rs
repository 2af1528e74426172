//! The wire log: each frame as one short line at TRACE, target `birpc::wire`, without secrets.

use std::collections::HashSet;
use std::ops::Range;

use tracing::Level;

use crate::message::{Decoded, Id, Incoming, Response, ResponseOutcome, Version, decode, decode_element};
use crate::redact::{hidden_params, hides_result, redacted};
use crate::transport::Frame;

/// The number of characters of a message that are logged.
const MAX_LINE: usize = 1024;

/// The number of requests whose results must be hidden. When exceeded, the log shows no more results.
const MAX_REMEMBERED: usize = 4096;

/// The state of a connection's wire log. It is empty until, while the log is enabled, a message of a method
/// passes whose result is marked as sensitive.
#[derive(Default)]
pub(super) struct WireLog {
    hidden: Option<Box<HiddenResults>>,
}

/// The requests whose results are hidden, by the side that made them.
#[derive(Default)]
struct HiddenResults {
    ours: HashSet<Id>,
    theirs: HashSet<Id>,
    /// There were too many requests to remember.
    all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Received,
    Sent,
}

impl WireLog {
    #[inline(always)] // nothing but the look whether it is on, for each message
    pub(super) fn received(&mut self, connection: u64, frame: &Frame) {
        if is_on() {
            self.log(connection, Direction::Received, frame);
        }
    }

    #[inline(always)]
    pub(super) fn sent(&mut self, connection: u64, frame: &Frame) {
        if is_on() {
            self.log(connection, Direction::Sent, frame);
        }
    }

    #[cold]
    fn log(&mut self, connection: u64, direction: Direction, frame: &Frame) {
        let (kind, bytes, shown) = match frame {
            Frame::Text(text) => ("text", text.len(), self.message(direction, text)),
            Frame::Binary(text) => ("binary", text.len(), self.message(direction, text)),
            Frame::Ping(payload) => ("ping", payload.len(), String::new()),
            Frame::Pong(payload) => ("pong", payload.len(), String::new()),
            Frame::Close(None) => ("close", 0, String::new()),
            Frame::Close(Some(close)) => {
                let reason = redacted(close.reason(), MAX_LINE, Vec::new());
                ("close", close.reason().len(), format!("{} {reason}", close.code()))
            }
            Frame::UnknownClose(code, reason) => {
                ("close", reason.len(), format!("{code} {}", redacted(reason, MAX_LINE, Vec::new())))
            }
        };
        let direction = match direction {
            Direction::Received => "received",
            Direction::Sent => "sent",
        };
        tracing::trace!(target: "birpc::wire", connection, direction, kind, bytes, "{shown}");
    }

    fn message(&mut self, direction: Direction, text: &[u8]) -> String {
        let Ok(text) = std::str::from_utf8(text) else { return "(not UTF-8)".into() };
        let mut hidden = Vec::new();
        match decode(text.as_bytes(), usize::MAX, Version::Any) {
            Decoded::One(message) => self.hide(direction, text, message, &mut hidden),
            Decoded::Batch(elements) => {
                for element in elements {
                    self.hide(direction, text, decode_element(element, Version::Any), &mut hidden);
                }
            }
            Decoded::Refused(_) | Decoded::NotJson => {}
        }
        redacted(text, MAX_LINE, hidden)
    }

    /// Finds the sensitive parts of a message.
    fn hide(
        &mut self,
        direction: Direction,
        text: &str,
        message: Incoming<'_>,
        hidden: &mut Vec<Range<usize>>,
    ) {
        let (id, method, params) = match message {
            Incoming::Request(request) => (Some(request.id), request.method, request.params),
            Incoming::Notification { method, params } => (None, method, params),
            Incoming::Response(response) => return self.hide_result(direction, text, &response, hidden),
            Incoming::Invalid { .. } => return,
        };
        if let Some(params) = params {
            hidden_params(&method, params, offset(text, params), hidden);
        }
        if let Some(id) = id.filter(|_| hides_result(&method)) {
            self.hidden.get_or_insert_default().remember(direction, id);
        }
    }

    fn hide_result(
        &mut self,
        direction: Direction,
        text: &str,
        response: &Response<'_>,
        hidden: &mut Vec<Range<usize>>,
    ) {
        if self.hidden.as_mut().is_some_and(|hidden| hidden.take(direction, &response.id)) {
            let part = match response.outcome {
                ResponseOutcome::Result(result) => result,
                ResponseOutcome::Error(_) => return,
                // An invalid response may contain the result as well.
                ResponseOutcome::Broken { .. } => text,
            };
            let at = offset(text, part);
            hidden.push(at..at + part.len());
        }
    }
}

impl HiddenResults {
    fn remember(&mut self, direction: Direction, id: Id) {
        let requests = match direction {
            Direction::Received => &mut self.theirs,
            Direction::Sent => &mut self.ours,
        };
        if requests.len() < MAX_REMEMBERED {
            requests.insert(id);
        } else {
            self.all = true;
        }
    }

    /// Whether the result that answers this request is hidden.
    fn take(&mut self, direction: Direction, id: &Id) -> bool {
        let requests = match direction {
            Direction::Received => &mut self.ours,
            Direction::Sent => &mut self.theirs,
        };
        requests.remove(id) || self.all
    }
}

#[inline(always)]
fn is_on() -> bool {
    tracing::enabled!(target: "birpc::wire", Level::TRACE)
}

/// The position of a part of a text.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_results_of_sensitive_methods_are_hidden() {
        let mut log = WireLog::default();
        let reply = r#"{"jsonrpc":"2.0","result":{"pin":1234},"id":7}"#;
        assert_eq!(log.message(Direction::Received, reply.as_bytes()), reply);
        let hidden = log.hidden.get_or_insert_default();
        hidden.remember(Direction::Sent, Id::number(7));
        hidden.remember(Direction::Received, Id::number(8));
        assert!(!hidden.take(Direction::Sent, &Id::number(7)), "the request was made by the other side");
        assert!(!hidden.take(Direction::Received, &Id::number(9)));
        let shown = log.message(Direction::Received, reply.as_bytes());
        assert_eq!(shown, r#"{"jsonrpc":"2.0","result":"<hidden>","id":7}"#);
        assert_eq!(log.message(Direction::Received, reply.as_bytes()), reply, "it was answered");
    }

    #[test]
    fn with_too_many_requests_to_remember_all_results_are_hidden() {
        let mut hidden = HiddenResults::default();
        let ids = || (0..MAX_REMEMBERED as u64).map(Id::number);
        ids().for_each(|id| hidden.remember(Direction::Sent, id));
        assert!(!hidden.take(Direction::Received, &Id::null()));
        hidden.remember(Direction::Sent, Id::null());
        assert_eq!(hidden.ours.len(), MAX_REMEMBERED);
        assert!(hidden.take(Direction::Received, &Id::null()) && hidden.take(Direction::Sent, &Id::null()));
    }
}
