//! Writes replies directly into the buffers of their frames.

use serde::Serialize;
use serde_json::value::RawValue;

use super::finite::write_json;
use super::{ErrorCode, ErrorObject, Id};

/// Writes a reply up to its `result` or `error` member; nothing if there is no id to reply to.
pub(crate) fn begin_reply(id: Option<&Id>, out: &mut Vec<u8>) {
    let Some(id) = id else { return };
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    id.write(out);
    out.push(b',');
}

/// The member that a reply has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Result,
    /// An error, with its code.
    Error(i64),
}

/// Writes the `result` member. A result that does not serialise becomes an internal error.
pub(crate) fn write_result(result: &impl Serialize, out: &mut Vec<u8>) -> Answer {
    let start = out.len();
    out.extend_from_slice(b"\"result\":");
    if let Err(error) = write_json(out, result) {
        out.truncate(start);
        return write_error(&unserializable(&error), out);
    }
    Answer::Result
}

/// From this size on, the text of a result becomes the reply's buffer: moving it needs less memory and time
/// than copying.
const MOVE_FROM: usize = 16 << 10;

/// Writes the `result` member with a result that is already JSON text.
pub(crate) fn write_raw_result(result: Box<RawValue>, out: &mut Vec<u8>) -> Answer {
    if result.get().len() < MOVE_FROM {
        return write_result(&result, out);
    }
    out.extend_from_slice(b"\"result\":");
    let mut text = Box::<str>::from(result).into_boxed_bytes().into_vec();
    let (size, before) = (text.len(), out.len());
    // This leaves room for the brace that closes the reply.
    text.reserve_exact(before + 1);
    text.resize(size + before, 0);
    text.copy_within(..size, before);
    text[..before].copy_from_slice(out);
    *out = text;
    Answer::Result
}

/// The error for a result that does not serialise. The caller gets no details.
pub(crate) fn unserializable(error: &serde_json::Error) -> ErrorObject {
    tracing::error!(%error, "a result does not serialise");
    ErrorObject::framework(ErrorCode::Internal)
}

/// Writes the `error` member.
pub(crate) fn write_error(error: &ErrorObject, out: &mut Vec<u8>) -> Answer {
    let start = out.len();
    out.extend_from_slice(b"\"error\":");
    if write_json(out, error).is_err() {
        // Integers, strings and JSON text always serialise. If they did not, the peer would still get an
        // answer.
        out.truncate(start);
        out.extend_from_slice(b"\"error\":{\"code\":-32603,\"message\":\"Internal error\"}");
        return Answer::Error(ErrorCode::Internal.number());
    }
    Answer::Error(error.code())
}

/// Completes a reply. Without an id there is no reply, and the handler's output is discarded.
pub(crate) fn finish_reply(id: Option<&Id>, out: &mut Vec<u8>) {
    match id {
        Some(_) => out.push(b'}'),
        None => out.clear(),
    }
}

/// Writes a complete error reply.
pub(crate) fn error_reply(id: &Id, error: &ErrorObject, out: &mut Vec<u8>) {
    begin_reply(Some(id), out);
    write_error(error, out);
    finish_reply(Some(id), out);
}

/// Writes a complete error reply of at most `limit` bytes. A longer one loses its data. If it is still too
/// long because of its id, it becomes −32600 with id null, provided that this is shorter: if nothing fits at
/// all, a reply with a short id is sent anyway, since its caller waits for it. Returns `true` if the id is
/// null.
pub(crate) fn bounded_error_reply(id: &Id, error: &ErrorObject, limit: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    error_reply(id, error, out);
    if id.is_null() || out.len() - start <= limit {
        return id.is_null();
    }
    out.truncate(start);
    error_reply(id, &error.clone().without_data(), out);
    let mut without_id = Vec::new();
    error_reply(&Id::null(), &unanswerable("the reply with this id would be too long"), &mut without_id);
    if out.len() - start <= limit.max(without_id.len()) {
        return false;
    }
    out.truncate(start);
    out.append(&mut without_id);
    true
}

/// The error for a message whose reply would exceed the limit.
pub(super) fn unanswerable(why: &str) -> ErrorObject {
    ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", why)
}

/// The size of the shortest reply without its id, in bytes.
pub(crate) const SHORTEST_REPLY: usize = "{\"jsonrpc\":\"2.0\",\"id\":,\"result\":0}".len();
