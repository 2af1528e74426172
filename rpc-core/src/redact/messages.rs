//! Finds the sensitive parts of a connection's messages, also where only an earlier message tells that they
//! are: in results, and in the items and the progress of calls.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::marks::{any_mark, hidden_params, hides_result};
use super::redacted;
use crate::message::{
    Decoded, Id, Incoming, ParsedWord, Request, Response, ResponseOutcome, Version, Word, array_elements,
    decode, decode_element, object_members, parse_stream_param,
};

/// The number of requests of each side that are remembered. When exceeded, results and items are hidden that
/// answer a request that is not remembered.
const MAX_REMEMBERED: usize = 4096;

/// The notifications that report progress, of `birpc.v1`, LSP and MCP.
const PROGRESS: [&str; 3] = ["rpc.progress", "$/progress", "notifications/progress"];

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer.
    Received,
    /// To the peer.
    Sent,
}

impl Direction {
    fn other(self) -> Self {
        match self {
            Self::Received => Self::Sent,
            Self::Sent => Self::Received,
        }
    }
}

/// Prepares the messages of one connection for a log. It must see all of them, in both directions.
#[derive(Debug, Default)]
pub struct Redactor {
    /// Created with the first request that must be remembered.
    requests: Option<Box<Requests>>,
    /// Whether the connection may have exchanged messages before.
    is_late: bool,
}

/// The open requests, by the side that made them and a hash of the id, which may be long.
#[derive(Debug, Default)]
struct Requests {
    received: HashMap<u64, Known>,
    sent: HashMap<u64, Known>,
    hasher: RandomState,
    /// There were too many to remember.
    is_full: bool,
}

/// The requests of one side with one id. There should be one; a further one is answered with an error, which
/// must not end what is known of the first.
#[derive(Debug, Default)]
struct Known {
    hides: Hides,
    open: usize,
}

/// What is hidden of the messages that belong to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hides {
    /// Its result, the items of its result, and its progress.
    result: bool,
    /// The items of its arguments.
    arguments: bool,
}

impl Redactor {
    /// Creates one for a connection that may have exchanged messages before. What answers a request that it
    /// has not seen is hidden, if the program marks anything of that kind as sensitive. So is a message that
    /// is not JSON-RPC.
    #[must_use]
    pub fn late() -> Self {
        Self { requests: None, is_late: true }
    }

    /// Any text as one line of at most `max` characters, without the values of keys that name secrets.
    #[must_use]
    pub fn show_text(text: &str, max: usize) -> String {
        redacted(text, max, Vec::new())
    }

    /// The text of a message as one line of at most `max` characters, without secrets. `None` if it is not
    /// JSON-RPC, for a redactor of [`Redactor::late`].
    pub fn show(&mut self, direction: Direction, text: &[u8], max: usize) -> Option<String> {
        let Ok(text) = std::str::from_utf8(text) else {
            return (!self.is_late).then(|| "(not UTF-8)".into());
        };
        let mut hidden = Vec::new();
        match decode(text.as_bytes(), usize::MAX, Version::Any) {
            Decoded::One(Incoming::Invalid { .. }) | Decoded::Refused(_) | Decoded::NotJson
                if self.is_late =>
            {
                return None;
            }
            Decoded::One(message) => self.hide((direction, text, text), message, &mut hidden),
            Decoded::Batch(elements) => {
                for element in elements {
                    let message = decode_element(element, Version::Any);
                    self.hide((direction, text, element), message, &mut hidden);
                }
            }
            Decoded::Refused(_) | Decoded::NotJson => {}
        }
        Some(redacted(text, max, hidden))
    }

    /// Finds the sensitive parts of `element` in `text`.
    fn hide(
        &mut self,
        (direction, text, element): (Direction, &str, &str),
        message: Incoming<'_>,
        hidden: &mut Vec<Range<usize>>,
    ) {
        match message {
            Incoming::Request(request) => self.hide_request(direction, text, request, hidden),
            Incoming::Notification { method, params: Some(params) } => {
                hidden_params(&method, params, offset(text, params), hidden);
                if self.hides_notification(direction, &method, params) {
                    hidden.push(range(text, params));
                }
            }
            Incoming::Notification { params: None, .. } => {}
            Incoming::Response(response) => {
                if self.take(direction.other(), &response.id).result {
                    hidden.extend(result_of(&response, element).map(|part| range(text, part)));
                }
            }
            Incoming::Invalid { .. } if self.is_late => hidden.push(range(text, element)),
            Incoming::Invalid { .. } => {}
        }
    }

    fn hide_request(
        &mut self,
        direction: Direction,
        text: &str,
        request: Request<'_>,
        hidden: &mut Vec<Range<usize>>,
    ) {
        let before = hidden.len();
        if let Some(params) = request.params {
            hidden_params(&request.method, params, offset(text, params), hidden);
        }
        let arguments = hidden[before..].iter().any(|part| has_stream(&text[part.clone()]));
        let hides = Hides { result: hides_result(&request.method), arguments };
        let is_known = self.requests.as_ref().is_some_and(|it| it.find(direction, &request.id).is_some());
        if hides != Hides::NOTHING || is_known || (self.is_late && Hides::marked() != Hides::NOTHING) {
            self.requests.get_or_insert_default().remember(direction, &request.id, hides);
        }
    }

    /// Whether a notification carries a part of a request whose parts of this kind are hidden.
    fn hides_notification(&self, direction: Direction, method: &str, params: &str) -> bool {
        if PROGRESS.contains(&method) {
            // A token of LSP or MCP need not be an id.
            return self.may_hide_results(direction.other());
        }
        match Word::parse(method, Some(params)) {
            ParsedWord::Word(Word::Item { id, .. }) => self.find(direction.other(), &id).result,
            ParsedWord::Word(Word::Push { id, .. }) => self.find(direction, &id).arguments,
            ParsedWord::Malformed => self.is_late,
            ParsedWord::Word(_) | ParsedWord::Other => false,
        }
    }

    /// Whether a request of this side may be open whose result is hidden.
    fn may_hide_results(&self, by: Direction) -> bool {
        let known = self.requests.as_ref().is_some_and(|requests| {
            requests.is_full || requests.of(by).values().any(|known| known.hides.result)
        });
        known || self.unknown().result
    }

    /// What is hidden of the messages that belong to a request of this side.
    fn find(&self, by: Direction, id: &Id) -> Hides {
        let known = self.requests.as_ref().and_then(|requests| requests.find(by, id));
        known.unwrap_or_else(|| self.unknown())
    }

    /// [`Redactor::find`] for the request's end.
    fn take(&mut self, by: Direction, id: &Id) -> Hides {
        let known = self.requests.as_mut().and_then(|requests| requests.take(by, id));
        known.unwrap_or_else(|| self.unknown())
    }

    /// What is hidden of a request that is not remembered.
    fn unknown(&self) -> Hides {
        match &self.requests {
            Some(requests) if requests.is_full => Hides { result: true, arguments: true },
            _ if self.is_late => Hides::marked(),
            _ => Hides::NOTHING,
        }
    }
}

impl Hides {
    const NOTHING: Self = Self { result: false, arguments: false };

    /// What may be hidden of any request: what the program marks of some method.
    fn marked() -> Self {
        Self { result: any_mark(|_, result| result), arguments: any_mark(|params, _| params) }
    }
}

impl Requests {
    fn of(&self, by: Direction) -> &HashMap<u64, Known> {
        match by {
            Direction::Received => &self.received,
            Direction::Sent => &self.sent,
        }
    }

    fn of_mut(&mut self, by: Direction) -> &mut HashMap<u64, Known> {
        match by {
            Direction::Received => &mut self.received,
            Direction::Sent => &mut self.sent,
        }
    }

    fn remember(&mut self, by: Direction, id: &Id, hides: Hides) {
        let hash = self.hasher.hash_one(id);
        let requests = self.of_mut(by);
        if requests.len() >= MAX_REMEMBERED && !requests.contains_key(&hash) {
            self.is_full = true;
            return;
        }
        let known = requests.entry(hash).or_default();
        known.open = known.open.saturating_add(1);
        known.hides.result |= hides.result;
        known.hides.arguments |= hides.arguments;
    }

    fn find(&self, by: Direction, id: &Id) -> Option<Hides> {
        self.of(by).get(&self.hasher.hash_one(id)).map(|known| known.hides)
    }

    fn take(&mut self, by: Direction, id: &Id) -> Option<Hides> {
        let hash = self.hasher.hash_one(id);
        let known = self.of_mut(by).get_mut(&hash)?;
        let hides = known.hides;
        known.open = known.open.saturating_sub(1);
        if known.open == 0 {
            self.of_mut(by).remove(&hash);
        }
        Some(hides)
    }
}

/// The part of a response that is its result.
fn result_of<'a>(response: &Response<'a>, element: &'a str) -> Option<&'a str> {
    match response.outcome {
        ResponseOutcome::Result(result) => Some(result),
        ResponseOutcome::Error(_) => None,
        // An invalid response may contain the result as well.
        ResponseOutcome::Broken { .. } => Some(element),
    }
}

/// Whether params, or one of them, are an argument that is a stream.
fn has_stream(params: &str) -> bool {
    let mut has = parse_stream_param(params).is_some();
    array_elements(params, |value| has |= parse_stream_param(value).is_some());
    object_members(params, |_, value| has |= parse_stream_param(value).is_some());
    has
}

/// The position of a part of a text.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

fn range(text: &str, part: &str) -> Range<usize> {
    let at = offset(text, part);
    at..at + part.len()
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
