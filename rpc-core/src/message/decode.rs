//! Decodes the text of a WebSocket message into one JSON-RPC message or the elements of a batch.

use std::borrow::Cow;

use super::grammar::{Cursor, NotJson};
use super::members::{Incoming, Version, classify};
use super::{ErrorCode, ErrorObject};

/// The contents of one frame's text.
#[derive(Debug)]
pub(crate) enum Decoded<'a> {
    One(Incoming<'a>),
    /// One to `max_batch` elements, in order.
    Batch(Vec<&'a str>),
    /// Not a message. It is answered once, with id null.
    Refused(ErrorObject),
    /// Not JSON. It is answered once, with id null, and counts as an invalid message.
    NotJson,
}

/// Decodes the text of one frame. This never fails: an error is a value that is sent as the answer.
pub(crate) fn decode(text: &[u8], max_batch: usize, version: Version) -> Decoded<'_> {
    let Ok(text) = std::str::from_utf8(text) else { return Decoded::NotJson };
    if text.trim_ascii_start().starts_with('[') {
        return decode_batch(text, max_batch).unwrap_or(Decoded::NotJson);
    }
    classify(text, version).map_or(Decoded::NotJson, Decoded::One)
}

/// Decodes an element of a batch. Its text is known to be JSON.
pub(crate) fn decode_element(text: &str, version: Version) -> Incoming<'_> {
    classify(text, version).unwrap_or(Incoming::Invalid {
        id: super::Id::null(),
        why: "not JSON",
        other: None,
    })
}

/// The method and the params, if the text is a notification of JSON-RPC 2.0.
pub(crate) fn as_notification(text: &[u8]) -> Option<(Cow<'_, str>, Option<&str>)> {
    match decode(text, 0, Version::Required) {
        Decoded::One(Incoming::Notification { method, params }) => Some((method, params)),
        _ => None,
    }
}

fn decode_batch(text: &str, max_batch: usize) -> Result<Decoded<'_>, NotJson> {
    let mut cursor = Cursor::new(text);
    let (mut elements, mut count) = (Vec::new(), 0);
    cursor.array(|element| {
        count += 1;
        // Elements beyond the limit are only counted, so a batch of a million nulls costs no more than
        // reading it.
        if count <= max_batch {
            elements.push(element);
        }
    })?;
    cursor.end()?;
    let refused =
        |why: &str| Decoded::Refused(ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", why));
    Ok(match count {
        0 => refused("a batch has at least one element"),
        _ if count > max_batch => refused(&format!("{count} elements; a batch has at most {max_batch}")),
        _ => Decoded::Batch(elements),
    })
}
