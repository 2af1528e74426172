//! What came in: to the handlers, to our calls, or back with an error.

use std::collections::VecDeque;
use std::task::Context;

use bytes::Bytes;

use super::closing::Ending;
use super::core::Core;
use super::first_poll::Start;
use super::serving::Entry;
use super::turn::{Stop, Turn};
use crate::close::{CloseCode, CloseFrame};
use crate::message::{
    Decoded, ErrorCode, ErrorObject, Id, Incoming, Response, ResponseOutcome, bounded_error_reply, decode,
    decode_element,
};
use crate::multiplexer::Outcome;
use crate::redact::excerpt_of_reply;
use crate::shared_state::Oddity;
use crate::transport::{Frame, Transport};

/// After so many messages in a row that are not JSON, the peer is no JSON-RPC peer.
const MAX_NOT_JSON: u8 = 16;

/// What an answer costs beyond its text.
const FRAME_COST: usize = 64;

/// A result above this stays a slice of its frame; one below is copied, so that it does not pin the
/// whole read buffer.
const COPY_BELOW: usize = 2 << 10;

/// The entries of a batch that are still to be read.
pub(super) struct Unread {
    batch: usize,
    elements: VecDeque<Bytes>,
}

/// What is left to do for a message.
enum Received<'t> {
    Done,
    Start(Start<'t>),
    /// It is none of JSON-RPC, and the application wants to hear of such.
    Other(&'t str),
}

impl<T: Transport> Turn<'_, T> {
    /// Handles the text of one message.
    pub(super) fn receive_text(&mut self, text: &Bytes, cx: &mut Context<'_>) -> Result<(), Stop> {
        let core = self.core();
        let decoded = decode(text, core.shared.config.limits.max_batch, core.shared.config.version());
        if !matches!(decoded, Decoded::NotJson) {
            core.not_json = 0;
        }
        match decoded {
            Decoded::One(message) => self.receive_message(message, text, None, cx),
            Decoded::Batch(elements) if core.is_other(&elements) => {
                self.tell_other(&String::from_utf8_lossy(text))
            }
            Decoded::Batch(elements) => {
                core.unread = Some(core.open_batch(&elements, text));
                self.receive_unread(cx)
            }
            Decoded::Refused(error) => Ok(core.reply_error(&Id::null(), &error, None, cx)?),
            Decoded::NotJson => match std::str::from_utf8(text) {
                Ok(other) if core.serving.hears_others() => self.tell_other(other),
                _ => Ok(core.receive_no_json(cx)?),
            },
        }
    }

    /// Goes on with a batch, up to the budget. Entries run concurrently; their replies are gathered into one
    /// array (JSON-RPC 2.0 §6).
    pub(super) fn receive_unread(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        loop {
            let core = self.core();
            let Some(unread) = &mut core.unread else { return Ok(()) };
            let (batch, Some(element)) = (unread.batch, unread.elements.pop_front()) else {
                core.unread = None;
                return Ok(());
            };
            if core.budget.is_spent() || core.read_paused() {
                if let Some(unread) = &mut core.unread {
                    unread.elements.push_front(element);
                }
                return Ok(());
            }
            core.budget.step();
            let version = core.shared.config.version();
            let text = std::str::from_utf8(&element).unwrap_or_default();
            self.receive_message(decode_element(text, version), &element, Some(batch), cx)?;
        }
    }

    fn receive_message(
        &mut self,
        message: Incoming<'_>,
        text: &Bytes,
        batch: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Result<(), Stop> {
        match self.core().receive_message(message, text, batch, cx)? {
            Received::Start(start) => self.run(start, cx),
            Received::Other(text) => self.tell_other(text),
            Received::Done => Ok(()),
        }
    }
}

impl<T: Transport> Core<T> {
    /// Gives the text of a message; what is none is done with here.
    pub(super) fn receive(&mut self, frame: Frame) -> Result<Option<Bytes>, Ending> {
        self.writer.note_received(&frame);
        match frame {
            // UTF-8 JSON in a binary frame is accepted (web3.py sends it) and answered in text.
            Frame::Text(text) | Frame::Binary(text) => {
                self.check_size(text.len())?;
                self.note_size(text.len());
                return Ok(Some(text));
            }
            Frame::Ping(_) | Frame::Pong(_) if !self.clock.control_frame() => {
                return Err(Ending::Violation(CloseFrame::cut(CloseCode::POLICY, "too many pings or pongs")));
            }
            Frame::Ping(payload) => {
                self.unsolicited_bytes += payload.len() + FRAME_COST;
                self.writer.touch();
            }
            Frame::Pong(payload) => {
                if let Some(round_trip) = self.clock.round_trip(&payload) {
                    self.shared.gauges.set_round_trip(round_trip);
                    self.meter.round_trip(round_trip);
                }
            }
            Frame::Close(Some(frame)) => return Err(Ending::Remote(frame.code.get(), frame.reason)),
            Frame::Close(None) => return Err(Ending::Remote(1005, String::new())),
            Frame::UnknownClose(code, reason) => return Err(Ending::Remote(code, reason)),
        }
        Ok(None)
    }

    /// Not every transport knows of the limit.
    fn check_size(&self, size: usize) -> Result<(), Ending> {
        let limit = self.shared.config.limits.max_message_in;
        if size <= limit {
            return Ok(());
        }
        let why = format!("a message of {size} bytes; the limit is {limit} (`max_message_in`)");
        Err(Ending::Violation(CloseFrame::cut(CloseCode::TOO_BIG, &why)))
    }

    /// Whether nothing of an array is JSON-RPC, and somebody wants to hear of what is not.
    fn is_other(&self, elements: &[&str]) -> bool {
        let is_other = |element| {
            let version = self.shared.config.version();
            matches!(decode_element(element, version), Incoming::Invalid { other: Some(_), .. })
        };
        self.serving.hears_others() && elements.iter().copied().all(is_other)
    }

    fn receive_no_json(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.not_json += 1;
        if self.not_json >= MAX_NOT_JSON {
            let why = format!("{MAX_NOT_JSON} messages in a row were not JSON");
            return Err(Ending::Violation(CloseFrame::cut(CloseCode::INVALID_DATA, &why)));
        }
        self.reply_error(&Id::null(), &ErrorObject::framework(ErrorCode::Parse), None, cx)
    }

    fn open_batch(&mut self, elements: &[&str], text: &Bytes) -> Unread {
        let batch = self.serving.table.open_batch(elements.len(), self.shared.config.limits.max_message_out);
        // They stay slices of the message.
        let elements = elements.iter().map(|element| text.slice_ref(element.as_bytes()));
        Unread { batch, elements: elements.collect() }
    }

    /// Handles one message, but for what runs code of the application.
    fn receive_message<'t>(
        &mut self,
        message: Incoming<'t>,
        text: &Bytes,
        batch: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Result<Received<'t>, Ending> {
        match message {
            Incoming::Request(request) => {
                let entry = Entry { id: Some(request.id), batch };
                let started = self.serve_call(entry, &request.method, request.params, cx)?;
                return Ok(started.map_or(Received::Done, Received::Start));
            }
            Incoming::Notification { method, params } => {
                if !self.shared.dialect.is_cancel(&method) {
                    let started = self.serve_call(Entry { id: None, batch: None }, &method, params, cx)?;
                    if let (Some(start), Some(held)) = (started, &mut self.held) {
                        held.answer_behind(batch);
                        return Ok(Received::Start(start));
                    }
                } else {
                    self.cancel(params, cx)?;
                }
                // No reply is due, to itself or in its batch.
                self.answer(batch, &[], cx)?;
            }
            Incoming::Response(response) => return self.receive_response(response, text, batch, cx),
            Incoming::Invalid { other: Some(other), .. } if self.serving.hears_others() => {
                self.answer(batch, &[], cx)?;
                return Ok(Received::Other(other));
            }
            Incoming::Invalid { id, why, .. } => self.refuse(&id, why, batch, cx)?,
        }
        Ok(Received::Done)
    }

    /// Completes a call of ours. A response is never answered: two peers that did would do so for ever.
    fn receive_response<'t>(
        &mut self,
        response: Response<'t>,
        text: &Bytes,
        batch: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Result<Received<'t>, Ending> {
        let bare = response.outcome.as_bare();
        let outcome = match response.outcome {
            ResponseOutcome::Result(result) => Outcome::Result(result_text(result, text)),
            ResponseOutcome::Error(error) => {
                Outcome::Error(Box::new(error.received(self.shared.speaks_birpc())))
            }
            ResponseOutcome::Broken { why, text, .. } => Outcome::Broken(why, excerpt_of_reply(text).into()),
        };
        let completed = match response.id.as_number() {
            Some(id) => self.shared.complete(id, outcome),
            None => Err(outcome),
        };
        let Err(outcome) = completed else {
            self.gathering.answered();
            return self.answer(batch, &[], cx).map(|()| Received::Done);
        };
        if let Some(other) = bare {
            if self.serving.hears_others() {
                return self.answer(batch, &[], cx).map(|()| Received::Other(other));
            }
            // An id and nothing else: as no call of ours has it, it was meant as a request.
            return self.refuse(&response.id, "`method` is missing", batch, cx).map(|()| Received::Done);
        }
        if batch.is_none()
            && response.id.is_null()
            && let Outcome::Error(error) = &outcome
            && self.shared.refuse(error, response.has_id)
        {
            return Ok(Received::Done);
        }
        self.note_unmatched(&response.id);
        self.answer(batch, &[], cx).map(|()| Received::Done)
    }

    /// A response that ends no call. One to a call that was given up is nothing odd.
    fn note_unmatched(&self, id: &Id) {
        self.shared.gauges.count_unmatched();
        let was_ours = id.as_number().is_some_and(|id| self.shared.has_given(id));
        let (connection, shown) = (self.shared.id, id.excerpt());
        if !was_ours && self.shared.log_once.first(Oddity::UnknownResponse) {
            tracing::warn!(
                connection,
                id = shown,
                "a response with an id that no call has; further ones are logged at debug level"
            );
        } else {
            tracing::debug!(connection, id = shown, "a response to no call in flight");
        }
    }

    fn refuse(
        &mut self,
        id: &Id,
        why: &str,
        batch: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        let error = ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", why);
        self.reply_error(id, &error, batch, cx)
    }

    /// Answers with an error what never became a call.
    pub(super) fn reply_error(
        &mut self,
        id: &Id,
        error: &ErrorObject,
        batch: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        let mut reply = Vec::new();
        let has_null = bounded_error_reply(id, error, self.room_for_reply(batch), &mut reply);
        self.unsolicited_bytes += reply.len() + FRAME_COST;
        self.answer(batch, &reply, cx)?;
        if has_null {
            // Behind it, as far as it is out: calls that were queued before it have been taken from the
            // queue.
            self.shared.note_provocation();
        }
        Ok(())
    }
}

fn result_text(result: &str, text: &Bytes) -> Bytes {
    let result = result.as_bytes();
    if result.len() < COPY_BELOW { Bytes::copy_from_slice(result) } else { text.slice_ref(result) }
}
