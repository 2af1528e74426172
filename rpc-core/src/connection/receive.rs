//! What came in: to the handlers, to our calls, or back with an error.

use std::collections::VecDeque;
use std::task::Context;

use bytes::Bytes;

use super::Connection;
use super::closing::Ending;
use super::serving::Entry;
use crate::close::{CloseCode, CloseFrame};
use crate::link::Oddity;
use crate::message::{
    Decoded, ErrorCode, ErrorObject, Id, Incoming, Response, ResponseOutcome, bounded_error_reply, decode,
    decode_element,
};
use crate::multiplexer::Outcome;
use crate::redact::excerpt_of_reply;
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

impl<T: Transport> Connection<T> {
    pub(super) fn receive(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.writer.note_received(&frame);
        match frame {
            // UTF-8 JSON in a binary frame is accepted (web3.py sends it) and answered in text.
            Frame::Text(text) | Frame::Binary(text) => {
                self.check_size(text.len())?;
                self.note_size(text.len());
                self.receive_text(&text, cx)
            }
            Frame::Ping(_) | Frame::Pong(_) if !self.clock.control_frame() => {
                Err(Ending::Violation(CloseFrame::cut(CloseCode::POLICY, "too many pings or pongs")))
            }
            Frame::Ping(payload) => {
                self.owed += payload.len() + FRAME_COST;
                self.writer.touch();
                Ok(())
            }
            Frame::Pong(payload) => {
                if let Some(round_trip) = self.clock.round_trip(&payload) {
                    self.link.gauges.set_round_trip(round_trip);
                    self.meter.round_trip(round_trip);
                }
                Ok(())
            }
            Frame::Close(Some(frame)) => Err(Ending::Remote(frame.code.get(), frame.reason)),
            Frame::Close(None) => Err(Ending::Remote(1005, String::new())),
            Frame::UnknownClose(code, reason) => Err(Ending::Remote(code, reason)),
        }
    }

    /// Not every transport knows of the limit.
    fn check_size(&self, size: usize) -> Result<(), Ending> {
        let limit = self.link.config.limits.max_message_in;
        if size <= limit {
            return Ok(());
        }
        let why = format!("a message of {size} bytes; the limit is {limit} (`max_message_in`)");
        Err(Ending::Violation(CloseFrame::cut(CloseCode::TOO_BIG, &why)))
    }

    /// Whether nothing of an array is JSON-RPC, and somebody wants to hear of what is not.
    fn is_other(&self, elements: &[&str]) -> bool {
        let is_other = |element| {
            let version = self.link.config.version();
            matches!(decode_element(element, version), Incoming::Invalid { other: Some(_), .. })
        };
        self.serving.hears_others() && elements.iter().copied().all(is_other)
    }

    /// Gives a message that is none of JSON-RPC to who wants to hear of such; `false` if nobody does.
    fn tell_other(&self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else { return false };
        self.serving.hears_others() && self.serving.tell_other(&self.link, text)
    }

    fn receive_text(&mut self, text: &Bytes, cx: &mut Context<'_>) -> Result<(), Ending> {
        let version = self.link.config.version();
        let decoded = decode(text, self.link.config.limits.max_batch, version);
        if !matches!(decoded, Decoded::NotJson) {
            self.not_json = 0;
        }
        match decoded {
            Decoded::One(message) => self.receive_message(message, text, None, cx),
            Decoded::Batch(elements) if self.is_other(&elements) && self.tell_other(text) => Ok(()),
            Decoded::Batch(elements) => self.receive_batch(&elements, text, cx),
            Decoded::Refused(error) => self.reply_error(&Id::null(), &error, None, cx),
            Decoded::NotJson if self.tell_other(text) => Ok(()),
            Decoded::NotJson => {
                self.not_json += 1;
                if self.not_json >= MAX_NOT_JSON {
                    let why = format!("{MAX_NOT_JSON} messages in a row were not JSON");
                    return Err(Ending::Violation(CloseFrame::cut(CloseCode::INVALID_DATA, &why)));
                }
                self.reply_error(&Id::null(), &ErrorObject::framework(ErrorCode::Parse), None, cx)
            }
        }
    }

    /// Entries run concurrently; their replies are gathered into one array (JSON-RPC 2.0 §6).
    fn receive_batch(&mut self, elements: &[&str], text: &Bytes, cx: &mut Context<'_>) -> Result<(), Ending> {
        let version = self.link.config.version();
        let batch = self.serving.table.open_batch(elements.len(), self.link.config.limits.max_message_out);
        for (index, element) in elements.iter().enumerate() {
            if self.budget.is_spent() {
                // They stay slices of the message.
                let rest = elements[index..].iter().map(|element| text.slice_ref(element.as_bytes()));
                self.unread = Some(Unread { batch, elements: rest.collect() });
                return Ok(());
            }
            self.budget.step();
            self.receive_message(decode_element(element, version), text, Some(batch), cx)?;
        }
        Ok(())
    }

    /// Goes on with a batch that was too much for the last turn.
    pub(super) fn receive_unread(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        let Some(mut unread) = self.unread.take() else { return Ok(()) };
        let version = self.link.config.version();
        while let Some(element) = unread.elements.pop_front() {
            if self.budget.is_spent() || self.owes_too_much() {
                unread.elements.push_front(element);
                self.unread = Some(unread);
                return Ok(());
            }
            self.budget.step();
            let text = std::str::from_utf8(&element).unwrap_or_default();
            self.receive_message(decode_element(text, version), &element, Some(unread.batch), cx)?;
        }
        Ok(())
    }

    fn receive_message(
        &mut self,
        message: Incoming<'_>,
        text: &Bytes,
        batch: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        match message {
            Incoming::Request(request) => {
                let entry = Entry { id: Some(request.id), batch };
                self.serve_call(entry, &request.method, request.params, cx)
            }
            // No reply is due, to itself or in its batch.
            Incoming::Notification { method, params } => {
                if self.link.dialect.is_cancel(&method) {
                    self.cancel(params, cx)?;
                } else {
                    self.serve_call(Entry { id: None, batch: None }, &method, params, cx)?;
                }
                self.answer(batch, &[], cx)
            }
            Incoming::Response(response) => self.receive_response(response, text, batch, cx),
            Incoming::Invalid { other: Some(other), .. } if self.tell_other(other.as_bytes()) => {
                self.answer(batch, &[], cx)
            }
            Incoming::Invalid { id, why, .. } => self.refuse(&id, why, batch, cx),
        }
    }

    /// Completes a call of ours. A response is never answered: two peers that did would do so for ever.
    fn receive_response(
        &mut self,
        response: Response<'_>,
        text: &Bytes,
        batch: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        let bare = response.outcome.as_bare();
        let outcome = match response.outcome {
            ResponseOutcome::Result(result) => Outcome::Result(result_text(result, text)),
            ResponseOutcome::Error(error) => {
                Outcome::Error(Box::new(error.received(self.link.speaks_birpc())))
            }
            ResponseOutcome::Broken { why, text, .. } => Outcome::Broken(why, excerpt_of_reply(text).into()),
        };
        let completed = match response.id.as_number() {
            Some(id) => self.link.complete(id, outcome),
            None => Err(outcome),
        };
        let Err(outcome) = completed else {
            self.gathering.answered();
            return self.answer(batch, &[], cx);
        };
        if let Some(other) = bare {
            if self.tell_other(other.as_bytes()) {
                return self.answer(batch, &[], cx);
            }
            // An id and nothing else: as no call of ours has it, it was meant as a request.
            return self.refuse(&response.id, "`method` is missing", batch, cx);
        }
        if batch.is_none()
            && response.id.is_null()
            && let Outcome::Error(error) = &outcome
            && self.link.refuse(error, response.has_id)
        {
            return Ok(());
        }
        self.note_unmatched(&response.id);
        self.answer(batch, &[], cx)
    }

    /// A response that ends no call. One to a call that was given up is nothing odd.
    fn note_unmatched(&self, id: &Id) {
        self.link.gauges.count_unmatched();
        let was_ours = id.as_number().is_some_and(|id| self.link.has_given(id));
        let (connection, shown) = (self.link.id, id.short());
        if !was_ours && self.link.told.first(Oddity::UnknownResponse) {
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
        self.owed += reply.len() + FRAME_COST;
        self.answer(batch, &reply, cx)?;
        if has_null {
            // Behind it, as far as it is out: calls that were queued before it have been taken from the queue.
            self.link.note_provocation();
        }
        Ok(())
    }
}

fn result_text(result: &str, text: &Bytes) -> Bytes {
    let result = result.as_bytes();
    if result.len() < COPY_BELOW { Bytes::copy_from_slice(result) } else { text.slice_ref(result) }
}
