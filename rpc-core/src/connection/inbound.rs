//! Incoming messages: unread elements of a batch, responses to outgoing calls, and the check whether a
//! message is JSON-RPC.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::ending::Ending;
use crate::close::CloseCode;
use crate::message::{Decoded, Id, Incoming, Response, ResponseOutcome, decode, decode_element};
use crate::multiplexer::Outcome;
use crate::redact::excerpt_of_reply;
use crate::shared_state::{Oddity, SharedState};

/// After this many consecutive messages that are not JSON, the peer does not speak JSON-RPC.
const MAX_NOT_JSON: u8 = 16;

/// A result of at least this size remains a slice of its message, if it is the greater part of it. Another
/// one is copied, so that it does not keep the whole read buffer alive.
const COPY_BELOW: usize = 2 << 10;

pub(super) struct Inbound {
    shared: Arc<SharedState>,
    /// The number of consecutive messages that were not JSON.
    not_json: u8,
    /// The unread rest of a batch. Nothing else is read before it.
    unread: Option<Unread>,
}

/// The unread elements of a batch.
struct Unread {
    batch: usize,
    elements: VecDeque<Bytes>,
}

/// The result of a response.
pub(super) enum Matched<'t> {
    /// It has ended a call of ours.
    Completed,
    /// It has nothing but an id that no call of ours has; with the text of the message.
    Bare(Id, &'t str),
    /// It is an error with id null that has ended calls of ours.
    Refused,
    /// It has no effect.
    Unknown,
}

impl Inbound {
    pub(super) fn new(shared: Arc<SharedState>) -> Self {
        Self { shared, not_json: 0, unread: None }
    }

    /// Whether elements of a batch are unread. Nothing else is read before them.
    pub(super) fn has_unread(&self) -> bool {
        self.unread.is_some()
    }

    /// Stores the elements of a batch as slices of their message. They are served concurrently, and their
    /// replies are collected into one array (JSON-RPC 2.0 §6).
    pub(super) fn keep_batch(&mut self, batch: usize, elements: &[&str], text: &Bytes) {
        let elements = elements.iter().map(|element| text.slice_ref(element.as_bytes()));
        self.unread = Some(Unread { batch, elements: elements.collect() });
    }

    /// The next element of the current batch, and the key of the batch.
    #[inline]
    pub(super) fn next_element(&mut self) -> Option<(Bytes, usize)> {
        let unread = self.unread.as_mut()?;
        let next = unread.elements.pop_front().map(|element| (element, unread.batch));
        if unread.elements.is_empty() {
            self.unread = None;
        }
        next
    }

    /// Drops the unread elements of a batch, because the connection ends.
    pub(super) fn abandon(&mut self) {
        self.unread = None;
    }

    /// Checks the size of a message, since a transport may not know the limit.
    #[inline]
    pub(super) fn check_size(&self, size: usize) -> Result<(), Ending> {
        let limit = self.shared.config().limits.max_message_in;
        if size <= limit {
            return Ok(());
        }
        let why = format!("a message of {size} bytes; the limit is {limit} (`max_message_in`)");
        Err(Ending::violation(CloseCode::TOO_BIG, &why))
    }

    /// Decodes the text of a message.
    #[inline]
    pub(super) fn decode<'t>(&mut self, text: &'t [u8]) -> Decoded<'t> {
        let config = self.shared.config();
        let decoded = decode(text, config.limits.max_batch, config.version());
        if !matches!(decoded, Decoded::NotJson) {
            self.not_json = 0;
        }
        decoded
    }

    /// Decodes an element of a batch.
    pub(super) fn decode_element<'t>(&self, text: &'t [u8]) -> Incoming<'t> {
        decode_element(std::str::from_utf8(text).unwrap_or_default(), self.shared.config().version())
    }

    /// Whether no element of an array is JSON-RPC.
    pub(super) fn is_other(&self, elements: &[&str]) -> bool {
        let version = self.shared.config().version();
        let is_other =
            |text: &str| matches!(decode_element(text, version), Incoming::Invalid { other: Some(_), .. });
        elements.iter().copied().all(is_other)
    }

    /// Counts a message that is not JSON.
    pub(super) fn count_not_json(&mut self) -> Result<(), Ending> {
        self.not_json += 1;
        if self.not_json < MAX_NOT_JSON {
            return Ok(());
        }
        let why = format!("{MAX_NOT_JSON} messages in a row were not JSON");
        Err(Ending::violation(CloseCode::INVALID_DATA, &why))
    }

    /// Completes a call of ours. `alone`: the response is not in a batch.
    #[inline]
    pub(super) fn complete<'t>(&self, response: Response<'t>, text: &Bytes, alone: bool) -> Matched<'t> {
        let bare = response.outcome.as_bare();
        let outcome = match response.outcome {
            // A message with several responses is kept alive by none of them.
            ResponseOutcome::Result(result) => Outcome::Result(result_text(result, text, alone)),
            ResponseOutcome::Error(error) => {
                Outcome::Error(Box::new(error.received(self.shared.info().speaks_birpc())))
            }
            ResponseOutcome::Broken { why, text, .. } => Outcome::Broken(why, excerpt_of_reply(text).into()),
        };
        let completed = match response.id.as_number() {
            Some(id) => self.shared.as_driver().complete(id, outcome),
            None => Err(outcome),
        };
        let Err(outcome) = completed else { return Matched::Completed };
        match (bare, outcome) {
            (Some(text), _) => Matched::Bare(response.id, text),
            (None, Outcome::Error(error))
                if alone
                    && response.id.is_null()
                    && self.shared.as_driver().refuse(&error, response.has_id) =>
            {
                Matched::Refused
            }
            _ => {
                self.note_unmatched(&response.id);
                Matched::Unknown
            }
        }
    }

    /// Records a response that ends no call. A response to an abandoned call is not unusual.
    fn note_unmatched(&self, id: &Id) {
        self.shared.gauges().count_unmatched();
        let was_ours = id.as_number().is_some_and(|id| self.shared.as_driver().has_given(id));
        let (connection, shown) = (self.shared.id(), id.excerpt());
        if !was_ours && self.shared.log_once().first(Oddity::UnknownResponse) {
            tracing::warn!(
                connection,
                id = shown,
                "a response whose id belongs to no call; further ones are logged at debug level"
            );
        } else {
            tracing::debug!(connection, id = shown, "a response without a call in flight");
        }
    }
}

/// The text of a result. `alone`: `text` is a whole message, of which the result may be a slice.
fn result_text(result: &str, text: &Bytes, alone: bool) -> Bytes {
    let result = result.as_bytes();
    let is_most = result.len() >= text.len() / 2;
    match alone && is_most && result.len() >= COPY_BELOW {
        true => text.slice_ref(result),
        false => Bytes::copy_from_slice(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_a_slice_of_its_message_only_if_it_is_large_and_most_of_it() {
        for (size, of, alone, is_slice) in [
            (2047, 4000, true, false),
            (2048, 4000, true, true),
            (2049, 4000, true, true),
            (2049, 4000, false, false),
            (3000, 6000, true, true),
            (3000, 6100, true, false),
            (3000, 1 << 20, true, false),
        ] {
            let text = Bytes::from("x".repeat(of));
            let result = std::str::from_utf8(&text[100..100 + size]).expect("it is ASCII");
            let result = result_text(result, &text, alone);
            assert_eq!(result, &text[100..100 + size]);
            let is_within = text.as_ptr_range().contains(&result.as_ptr());
            assert_eq!(is_within, is_slice, "{size} of {of} bytes, alone: {alone}");
        }
    }
}
