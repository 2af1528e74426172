//! One WebSocket message to one message, or the elements of a batch.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::members::{Incoming, classify};
use super::{ErrorCode, ErrorObject};

/// What the text of one frame holds.
#[derive(Debug)]
pub(crate) enum Decoded<'a> {
    One(Incoming<'a>),
    /// One to `max_batch` elements, in order.
    Batch(Vec<&'a RawValue>),
    /// No message at all; answered once with id null.
    Refused(ErrorObject),
    /// Not JSON; answered once with id null, and counted.
    NotJson,
}

/// Decodes the text of one frame. Never fails: what is wrong is a value to be answered.
pub(crate) fn decode(text: &[u8], max_batch: usize) -> Decoded<'_> {
    let Ok(text) = std::str::from_utf8(text) else { return Decoded::NotJson };
    if text.trim_ascii_start().starts_with('[') {
        return decode_batch(text, max_batch).unwrap_or(Decoded::NotJson);
    }
    classify(text).map_or(Decoded::NotJson, Decoded::One)
}

/// Decodes one element of a batch; the text has been found to be JSON already.
pub(crate) fn decode_element(text: &str) -> Incoming<'_> {
    classify(text).unwrap_or(Incoming::Invalid { id: super::Id::null(), why: "not JSON" })
}

fn decode_batch(text: &str, max_batch: usize) -> Result<Decoded<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let (elements, count) = deserializer.deserialize_seq(ElementsVisitor { max: max_batch })?;
    deserializer.end()?;
    let refused =
        |why: &str| Decoded::Refused(ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", why));
    Ok(match count {
        0 => refused("a batch has at least one element"),
        _ if count > max_batch => refused(&format!("{count} elements; a batch has at most {max_batch}")),
        _ => Decoded::Batch(elements),
    })
}

/// Collects at most `max` elements and counts the others, so that a batch of a million nulls costs
/// nothing but its reading.
struct ElementsVisitor {
    max: usize,
}

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = (Vec<&'de RawValue>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        let mut count = 0;
        while count < self.max {
            let Some(element) = seq.next_element()? else { return Ok((elements, count)) };
            elements.push(element);
            count += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((elements, count))
    }
}
