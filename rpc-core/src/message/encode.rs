//! Writes requests and notifications directly into the buffers of their frames.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::finite::{raw_json, write_json};
use super::id::write_number;

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
    #[error("a call with streams is sent alone: not as a notification, and in no batch")]
    Streams,
    #[error("a call whose progress is wanted is sent alone: not as a notification, and in no batch")]
    Progress,
}

/// A value of any type that can be written as JSON. Functions that take one are compiled once.
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

/// A request without its id. The id is assigned under the connection's lock, so that ids are sent in order;
/// the encoding, which takes longer, happens outside of the lock.
#[derive(Clone, Debug)]
pub(crate) struct RequestText {
    text: Vec<u8>,
    /// Whether the caller listens to the progress of the call. How a request asks for reports depends on the
    /// connection, and may need the id. So it is added when the request is sent.
    asks_progress: bool,
}

/// The maximum number of bytes with which a request asks for reports of progress.
const LONGEST_ASK: usize = 64;

/// The room for everything except the method's name and the params, the id included.
const ROOM: usize = 64;

/// The beginning of each request.
const START: &[u8] = b"{\"jsonrpc\":\"2.0\",\"method\":";

impl RequestText {
    pub(crate) fn encode(method: &str, params: &dyn Json) -> Result<Self, EncodeError> {
        encode_open(method, params).map(|text| Self { text, asks_progress: false })
    }

    /// The same for params that are already JSON text.
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
        Ok(Self { text, asks_progress: false })
    }

    /// The text, without an id and the closing brace.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Makes the request ask for reports of progress when it is sent.
    pub(crate) fn ask_progress(&mut self) {
        self.asks_progress = true;
    }

    /// Returns the request without that.
    pub(crate) fn without_asking(self) -> Self {
        Self { asks_progress: false, ..self }
    }

    /// Whether the request asks for reports of progress when it is sent.
    #[inline]
    pub(crate) fn asks_progress(&self) -> bool {
        self.asks_progress
    }

    /// Adds members after the params.
    pub(crate) fn with_members(mut self, members: &str) -> Self {
        self.text.extend_from_slice(members.as_bytes());
        self
    }

    /// The text of the params.
    pub(crate) fn params(&self) -> Option<&str> {
        let params = self.text[self.method_end()..].strip_prefix(b",\"params\":")?;
        std::str::from_utf8(params).ok()
    }

    /// Replaces the params.
    pub(crate) fn with_params(mut self, params: &str) -> Self {
        self.text.truncate(self.method_end());
        self.text.extend_from_slice(b",\"params\":");
        self.text.extend_from_slice(params.as_bytes());
        self
    }

    /// The end of the method's name, after the closing quote.
    fn method_end(&self) -> usize {
        let start = START.len() + 1;
        let mut escaped = false;
        let end = self.text[start..].iter().position(|byte| {
            let is_end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            is_end
        });
        end.map_or(self.text.len(), |end| start + end + 1)
    }

    /// The method's name, read back from the text for spans and metrics.
    pub(crate) fn method(&self) -> Cow<'_, str> {
        let text = &self.text[START.len()..];
        let name = text.get(1..).unwrap_or_default();
        match name.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(end) if name[end] == b'"' => String::from_utf8_lossy(&name[..end]),
            // The name has escapes.
            _ => {
                let mut values = serde_json::Deserializer::from_slice(text).into_iter();
                Cow::Owned(values.next().and_then(Result::ok).unwrap_or_default())
            }
        }
    }

    /// The size of a copy, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Checks the size of the message.
    pub(crate) fn within(self, limit: usize) -> Result<Self, EncodeError> {
        within(self.expected_len(), limit)?;
        Ok(self)
    }

    /// The length of the message with the longest possible id.
    pub(crate) fn expected_len(&self) -> usize {
        let ask = usize::from(self.asks_progress) * LONGEST_ASK;
        self.text.len() + ",\"id\":18446744073709551615}".len() + ask
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

    /// Adds the initial credit of a call whose result may be a stream. It is added when the request is sent,
    /// since it depends on the other streams of the connection.
    pub(crate) fn with_stream(mut self, items: u64, bytes: u64) -> Self {
        self.text.extend_from_slice(b",\"stream\":[");
        write_number(items, &mut self.text);
        self.text.push(b',');
        write_number(bytes, &mut self.text);
        self.text.push(b']');
        self
    }

    pub(crate) fn finish_notification(mut self) -> Bytes {
        self.text.push(b'}');
        self.text.into()
    }
}

pub(crate) fn encode_notification(method: &str, params: &dyn Json) -> Result<Bytes, EncodeError> {
    RequestText::encode(method, params).map(RequestText::finish_notification)
}

/// Whether the text of a notification of ours is of a method that JSON-RPC 2.0 reserves (`rpc.…`).
pub(crate) fn is_reserved(notification: &[u8]) -> bool {
    notification.strip_prefix(START).is_some_and(|method| method.starts_with(b"\"rpc."))
}

/// Checks the size of a message.
pub(crate) fn within(size: usize, limit: usize) -> Result<(), EncodeError> {
    if size > limit { Err(EncodeError::TooLarge { size, limit }) } else { Ok(()) }
}

/// Writes the message up to the id, or up to the closing brace.
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
        // `()` and `None` mean that there are no params: the member is left out.
        Some(b'n') => {
            text.truncate(before_params);
            Ok(text)
        }
        _ => Err(EncodeError::NotStructured),
    }
}
