//! What comes in: elements of a batch that are still to be read, responses to calls of this side, and whether
//! it is JSON-RPC at all.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::ending::Ending;
use crate::close::CloseCode;
use crate::message::{Decoded, Id, Incoming, Response, ResponseOutcome, decode, decode_element};
use crate::multiplexer::Outcome;
use crate::redact::excerpt_of_reply;
use crate::shared_state::{Oddity, SharedState};

/// After so many messages in a row that are not JSON, the peer is no JSON-RPC peer.
const MAX_NOT_JSON: u8 = 16;

/// A result above this stays a slice of its frame; one below is copied, so that it does not pin the
/// whole read buffer.
const COPY_BELOW: usize = 2 << 10;

pub(super) struct Inbound {
    shared: Arc<SharedState>,
    /// Messages in a row that were not JSON.
    not_json: u8,
    /// What is left of a batch; nothing more is read before it.
    unread: Option<Unread>,
}

/// The elements of a batch that are still to be read.
struct Unread {
    batch: usize,
    elements: VecDeque<Bytes>,
}

/// What became of a response.
pub(super) enum Matched<'t> {
    /// It has ended a call of ours.
    Completed,
    /// It has an id, which no call of ours has, and nothing else: the text of the message.
    Bare(Id, &'t str),
    /// It is an error with id null that ends calls of ours.
    Refused,
    /// It ends nothing.
    Unknown,
}

impl Inbound {
    pub(super) fn new(shared: Arc<SharedState>) -> Self {
        Self { shared, not_json: 0, unread: None }
    }

    /// Whether elements of a batch are left, before which nothing is read.
    pub(super) fn has_unread(&self) -> bool {
        self.unread.is_some()
    }

    /// Keeps the elements of a batch, as slices of their message. They run concurrently, and their replies
    /// are gathered into one array (JSON-RPC 2.0 §6).
    pub(super) fn keep_batch(&mut self, batch: usize, elements: &[&str], text: &Bytes) {
        let elements = elements.iter().map(|element| text.slice_ref(element.as_bytes()));
        self.unread = Some(Unread { batch, elements: elements.collect() });
    }

    /// The next element of the batch that is being read, and the key of the batch.
    #[inline]
    pub(super) fn next_element(&mut self) -> Option<(Bytes, usize)> {
        let unread = self.unread.as_mut()?;
        let next = unread.elements.pop_front().map(|element| (element, unread.batch));
        if unread.elements.is_empty() {
            self.unread = None;
        }
        next
    }

    /// The connection ends: what is left of a batch is not read.
    pub(super) fn abandon(&mut self) {
        self.unread = None;
    }

    /// Not every transport knows of the limit.
    #[inline]
    pub(super) fn check_size(&self, size: usize) -> Result<(), Ending> {
        let limit = self.shared.config().limits.max_message_in;
        if size <= limit {
            return Ok(());
        }
        let why = format!("a message of {size} bytes; the limit is {limit} (`max_message_in`)");
        Err(Ending::violation(CloseCode::TOO_BIG, &why))
    }

    /// What the text of a message is.
    #[inline]
    pub(super) fn decode<'t>(&mut self, text: &'t [u8]) -> Decoded<'t> {
        let config = self.shared.config();
        let decoded = decode(text, config.limits.max_batch, config.version());
        if !matches!(decoded, Decoded::NotJson) {
            self.not_json = 0;
        }
        decoded
    }

    /// What an element of a batch is.
    pub(super) fn decode_element<'t>(&self, text: &'t [u8]) -> Incoming<'t> {
        decode_element(std::str::from_utf8(text).unwrap_or_default(), self.shared.config().version())
    }

    /// Whether nothing of an array is JSON-RPC.
    pub(super) fn is_other(&self, elements: &[&str]) -> bool {
        let version = self.shared.config().version();
        let is_other =
            |text: &str| matches!(decode_element(text, version), Incoming::Invalid { other: Some(_), .. });
        elements.iter().copied().all(is_other)
    }

    /// Counts a message that was not JSON.
    pub(super) fn count_not_json(&mut self) -> Result<(), Ending> {
        self.not_json += 1;
        if self.not_json < MAX_NOT_JSON {
            return Ok(());
        }
        let why = format!("{MAX_NOT_JSON} messages in a row were not JSON");
        Err(Ending::violation(CloseCode::INVALID_DATA, &why))
    }

    /// Completes a call of ours. `alone`: the response is in no batch.
    #[inline]
    pub(super) fn complete<'t>(&self, response: Response<'t>, text: &Bytes, alone: bool) -> Matched<'t> {
        let bare = response.outcome.as_bare();
        let outcome = match response.outcome {
            ResponseOutcome::Result(result) => Outcome::Result(result_text(result, text)),
            ResponseOutcome::Error(error) => {
                Outcome::Error(Box::new(error.received(self.shared.speaks_birpc())))
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

    /// A response that ends no call. One to a call that was given up is nothing odd.
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

fn result_text(result: &str, text: &Bytes) -> Bytes {
    let result = result.as_bytes();
    if result.len() < COPY_BELOW { Bytes::copy_from_slice(result) } else { text.slice_ref(result) }
}
