//! Messages to text, written straight into the buffer that becomes their frame.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use thiserror::Error;

use super::finite::Finite;
use super::id::write_number;
use super::{ErrorCode, ErrorObject, Id};

/// Why a message cannot be sent.
#[derive(Debug, Error)]
pub(crate) enum EncodeError {
    #[error("the params do not serialise: {0}")]
    Params(#[from] serde_json::Error),
    #[error(
        "the params are neither an array nor an object (JSON-RPC 2.0 §4.2); pass a tuple, a struct or a map"
    )]
    NotStructured,
    #[error("the message has {size} bytes, over the limit of {limit} (`Limits::max_message_out`)")]
    TooLarge { size: usize, limit: usize },
    #[error("the message was already sent")]
    AlreadySent,
}

/// A value that can be written as JSON, whatever its type: what takes one is compiled once.
pub(crate) trait Json {
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()>;
    fn to_raw(&self) -> serde_json::Result<Box<RawValue>>;
}

impl<T: Serialize> Json for T {
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        write_json(out, self)
    }

    fn to_raw(&self) -> serde_json::Result<Box<RawValue>> {
        raw_json(self)
    }
}

/// A request whose id is still missing: it is given under the connection's lock, so that ids go out in
/// order, while the encoding, which is the work, stays outside of it.
#[derive(Clone, Debug)]
pub(crate) struct RequestText {
    text: Vec<u8>,
}

/// Room for what is around a method's name and its params, the id included.
const ROOM: usize = 64;

/// How each request begins.
const START: &[u8] = b"{\"jsonrpc\":\"2.0\",\"method\":";

impl RequestText {
    pub(crate) fn encode(method: &str, params: &dyn Json) -> Result<Self, EncodeError> {
        encode_open(method, params).map(|text| Self { text })
    }

    /// The same of params that are text already.
    pub(crate) fn encode_text(method: &str, params: Option<&str>) -> Result<Self, EncodeError> {
        let size = START.len() + method.len() + params.map_or(0, str::len) + ROOM;
        let mut text = Vec::with_capacity(size);
        text.extend_from_slice(START);
        write_json(&mut text, method)?;
        match params.filter(|params| *params != "null") {
            None => {}
            Some(params) if params.starts_with(['[', '{']) => {
                text.extend_from_slice(b",\"params\":");
                text.extend_from_slice(params.as_bytes());
            }
            Some(_) => return Err(EncodeError::NotStructured),
        }
        Ok(Self { text })
    }

    /// The method's name, read back for who watches.
    pub(crate) fn method(&self) -> Cow<'_, str> {
        let text = &self.text[START.len()..];
        let name = text.get(1..).unwrap_or_default();
        match name.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(end) if name[end] == b'"' => String::from_utf8_lossy(&name[..end]),
            // It has escapes.
            _ => {
                let mut values = serde_json::Deserializer::from_slice(text).into_iter();
                Cow::Owned(values.next().and_then(Result::ok).unwrap_or_default())
            }
        }
    }

    /// Bytes that a copy of it takes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Checks the size of the message.
    pub(crate) fn within(self, limit: usize) -> Result<Self, EncodeError> {
        within(self.expected_len(), limit)?;
        Ok(self)
    }

    /// The length of the message with the longest id.
    pub(crate) fn expected_len(&self) -> usize {
        self.text.len() + ",\"id\":18446744073709551615}".len()
    }

    /// The length of the message with this id.
    pub(crate) fn finished_len(&self, id: u64) -> usize {
        let digits = id.checked_ilog10().map_or(1, |log| log as usize + 1);
        self.text.len() + ",\"id\":}".len() + digits
    }

    pub(crate) fn finish(mut self, id: u64) -> Bytes {
        self.text.extend_from_slice(b",\"id\":");
        write_number(id, &mut self.text);
        self.text.push(b'}');
        self.text.into()
    }

    pub(crate) fn finish_notification(mut self) -> Bytes {
        self.text.push(b'}');
        self.text.into()
    }
}

pub(crate) fn encode_notification(method: &str, params: &dyn Json) -> Result<Bytes, EncodeError> {
    RequestText::encode(method, params).map(RequestText::finish_notification)
}

/// Checks the size of a message.
pub(crate) fn within(size: usize, limit: usize) -> Result<(), EncodeError> {
    if size > limit { Err(EncodeError::TooLarge { size, limit }) } else { Ok(()) }
}

/// Everything up to the id or the closing brace.
fn encode_open(method: &str, params: &dyn Json) -> Result<Vec<u8>, EncodeError> {
    let mut text = Vec::with_capacity(128);
    text.extend_from_slice(START);
    write_json(&mut text, method)?;
    let before_params = text.len();
    text.extend_from_slice(b",\"params\":");
    let start = text.len();
    params.write(&mut text)?;
    match text.get(start) {
        Some(b'[' | b'{') => Ok(text),
        // No params: the member is left out, as `()` and `None` ask for.
        Some(b'n') => {
            text.truncate(before_params);
            Ok(text)
        }
        _ => Err(EncodeError::NotStructured),
    }
}

/// Writes a reply up to its `result` or `error` member; nothing if there is no id to reply to.
pub(crate) fn begin_reply(id: Option<&Id>, out: &mut Vec<u8>) {
    let Some(id) = id else { return };
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    id.write(out);
    out.push(b',');
}

/// Which member a reply got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Result,
    /// With the error's code.
    Error(i64),
}

/// Writes the `result` member; a result that does not serialise becomes an internal error.
pub(crate) fn write_result(result: &impl Serialize, out: &mut Vec<u8>) -> Answer {
    let start = out.len();
    out.extend_from_slice(b"\"result\":");
    if let Err(error) = write_json(out, result) {
        out.truncate(start);
        return write_error(&unserializable(&error), out);
    }
    Answer::Result
}

/// From this size on, the text of a result becomes the reply's own buffer: to copy it would cost more memory,
/// and more time, than to move it.
const MOVE_FROM: usize = 16 << 10;

/// Writes the `result` member with a result that is text already.
pub(crate) fn write_raw_result(result: Box<RawValue>, out: &mut Vec<u8>) -> Answer {
    if result.get().len() < MOVE_FROM {
        return write_result(&result, out);
    }
    out.extend_from_slice(b"\"result\":");
    let mut text = Box::<str>::from(result).into_boxed_bytes().into_vec();
    let (size, before) = (text.len(), out.len());
    // With room for the brace that closes the reply.
    text.reserve_exact(before + 1);
    text.resize(size + before, 0);
    text.copy_within(..size, before);
    text[..before].copy_from_slice(out);
    *out = text;
    Answer::Result
}

/// The error of a result that does not serialise; the caller learns no inner detail.
pub(crate) fn unserializable(error: &serde_json::Error) -> ErrorObject {
    tracing::error!(%error, "a result does not serialise");
    ErrorObject::framework(ErrorCode::Internal)
}

/// Writes the `error` member.
pub(crate) fn write_error(error: &ErrorObject, out: &mut Vec<u8>) -> Answer {
    let start = out.len();
    out.extend_from_slice(b"\"error\":");
    if write_json(out, error).is_err() {
        // Integers, strings and JSON text always serialise; a peer that waits still gets an answer.
        out.truncate(start);
        out.extend_from_slice(b"\"error\":{\"code\":-32603,\"message\":\"Internal error\"}");
        return Answer::Error(ErrorCode::Internal.number());
    }
    Answer::Error(error.code())
}

/// Ends a reply. Without an id none is due: what the handler wrote is thrown away.
pub(crate) fn finish_reply(id: Option<&Id>, out: &mut Vec<u8>) {
    match id {
        Some(_) => out.push(b'}'),
        None => out.clear(),
    }
}

/// A whole error reply.
pub(crate) fn error_reply(id: &Id, error: &ErrorObject, out: &mut Vec<u8>) {
    begin_reply(Some(id), out);
    write_error(error, out);
    finish_reply(Some(id), out);
}

/// A whole error reply of at most `limit` bytes. One that is longer loses its data; and if its id leaves no
/// room even so, it is −32600 with id null, which may be longer where nothing at all would fit. `true` if the
/// id is null.
pub(crate) fn bounded_error_reply(id: &Id, error: &ErrorObject, limit: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let fits = |out: &mut Vec<u8>| {
        let fits = out.len() - start <= limit;
        if !fits {
            out.truncate(start);
        }
        fits
    };
    error_reply(id, error, out);
    if id.is_null() || fits(out) {
        return id.is_null();
    }
    error_reply(id, &error.clone().without_data(), out);
    if fits(out) {
        return false;
    }
    error_reply(&Id::null(), &unanswerable("the reply with this id would be too long"), out);
    true
}

/// The refusal of what cannot be answered within the limit.
fn unanswerable(why: &str) -> ErrorObject {
    ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", why)
}

/// Bytes of the shortest reply beside its id.
pub(crate) const SHORTEST_REPLY: usize = "{\"jsonrpc\":\"2.0\",\"id\":,\"result\":0}".len();

/// The text of a value, for layers.
pub(crate) fn raw_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Box<RawValue>> {
    to_raw_value(&Finite(value))
}

fn write_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
    serde_json::to_writer(Roomy(out), &Finite(value))
}

/// Writes with room for the brace that closes a message: a large value that comes in one piece would be
/// copied once more for it.
struct Roomy<'a>(&'a mut Vec<u8>);

impl io::Write for Roomy<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.reserve(bytes.len() + 1);
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of an error reply of the framework's, with its detail and an id of the usual length.
pub(crate) const SHORT_ERROR: usize = 200;

/// The array of replies to a batch, while it fills.
#[derive(Debug)]
pub(crate) struct Batch {
    text: Vec<u8>,
    /// Bytes of the replies alone.
    replies: usize,
    /// Entries that are not answered yet.
    pub(crate) due: usize,
    limit: usize,
}

impl Batch {
    /// Of at most `limit` bytes.
    pub(crate) fn new(entries: usize, limit: usize) -> Self {
        Self { text: Vec::new(), replies: 0, due: entries, limit }
    }

    pub(crate) fn replies_len(&self) -> usize {
        self.replies
    }

    /// The length of the whole, if each entry that is still open is answered with a short error.
    pub(crate) fn expected_len(&self) -> usize {
        self.text.len() + self.due.saturating_sub(1) * SHORT_ERROR + 2
    }

    /// Adds the reply of one entry.
    pub(crate) fn push(&mut self, reply: &[u8]) {
        self.text.push(if self.text.is_empty() { b'[' } else { b',' });
        self.text.extend_from_slice(reply);
        self.replies += reply.len();
    }

    /// The array; `None` if no entry was due an answer (JSON-RPC 2.0 §6). If even the shortest answers to all
    /// of its entries are too long together, it is one error with id null.
    pub(crate) fn finish(mut self) -> Option<Bytes> {
        if self.text.is_empty() {
            return None;
        }
        self.text.push(b']');
        if self.text.len() > self.limit {
            self.text.clear();
            error_reply(
                &Id::null(),
                &unanswerable("the answers to this batch would be too long"),
                &mut self.text,
            );
        }
        Some(self.text.into())
    }
}
