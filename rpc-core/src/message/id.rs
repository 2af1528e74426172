//! Request ids, which are echoed byte for byte.

use std::{fmt, sync::Arc};

use serde::ser::{Error, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::excerpt::excerpt;

/// The number of characters of an id in logs.
const MAX_SHOWN: usize = 64;

/// The id of a request (JSON-RPC 2.0 §4): a string, a number or null. It keeps the text that was received,
/// since the reply must contain exactly the same text (2⁵³ + 1, 1.0 and "\u0061" would not survive a
/// conversion to numbers and strings). Two ids are equal if their texts are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id(Text);

/// The size up to which an id is stored without an allocation: any number up to 2⁶⁴ and most short names fit.
const INLINE: usize = 22;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    /// The usual case. The bytes after the text are 0.
    Inline {
        len: u8,
        bytes: [u8; INLINE],
    },
    Long(Arc<str>),
}

impl Id {
    pub(crate) fn number(number: u64) -> Self {
        let mut digits = Vec::with_capacity(INLINE);
        write_number(number, &mut digits);
        Self::inline(&digits)
    }

    pub(crate) fn null() -> Self {
        Self::inline(b"null")
    }

    /// Stores an id of at most [`INLINE`] bytes.
    fn inline(text: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        bytes[..text.len()].copy_from_slice(text);
        Self(Text::Inline { len: text.len() as u8, bytes })
    }

    /// Accepts the text of a string, a number or null; `None` for any other JSON value.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        match text.as_bytes().first()? {
            b'0'..=b'9' | b'"' | b'-' | b'n' if text.len() <= INLINE => Some(Self::inline(text.as_bytes())),
            b'0'..=b'9' | b'"' | b'-' | b'n' => Some(Self(Text::Long(text.into()))),
            _ => None,
        }
    }

    /// The id as an integer, if it is one that fits. All ids of outgoing calls do.
    pub(crate) fn as_number(&self) -> Option<u64> {
        self.text().parse().ok()
    }

    /// The text of the id, as it was received.
    fn text(&self) -> &str {
        match &self.0 {
            // The bytes were copied from a complete text.
            Text::Inline { .. } => std::str::from_utf8(self.bytes()).unwrap_or_default(),
            Text::Long(text) => text,
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Text::Long(text) => text.as_bytes(),
        }
    }

    /// Null does not identify a request: any number of open requests may have it.
    pub(crate) fn is_null(&self) -> bool {
        self.bytes() == b"null"
    }

    /// The size of the allocation, in bytes.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Text::Inline { .. } => 0,
            Text::Long(text) => text.len(),
        }
    }

    /// The size of the id's text in a message, in bytes.
    pub(crate) fn text_len(&self) -> usize {
        self.bytes().len()
    }

    /// The beginning of the id, for logs: an id may be as long as a message.
    pub(crate) fn excerpt(&self) -> String {
        excerpt(&self.to_string(), MAX_SHOWN)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes());
    }
}

/// With serde_json, writes the text exactly as it was received; with other formats, whatever `RawValue`
/// writes.
impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.text().to_owned()).map_err(Error::custom)?.serialize(serializer)
    }
}

/// Writes decimal digits without the formatting machinery, whose cost shows in a profile of small calls.
pub(crate) fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// The JSON text of the id.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<Id> {
        Id::from_json(text)
    }

    #[test]
    fn ids_serialise_as_the_text_that_came() {
        for text in ["7", "1.0", "1e2", "18446744073709551616", "\"\\u0061\"", "null"] {
            let id = id(text).expect("an id");
            assert_eq!(serde_json::to_string(&[&id]).ok(), Some(format!("[{text}]")));
        }
        assert_eq!(serde_json::to_value(id("7")).ok(), Some(serde_json::json!(7)));
    }

    #[test]
    fn a_short_id_has_no_allocation() {
        assert_eq!(id("12345").map(|id| (id.len(), id.text_len())), Some((0, 5)));
        let long = format!("\"{}\"", "x".repeat(100));
        assert_eq!(id(&long).map(|id| (id.len(), id.text_len())), Some((102, 102)));
    }

    #[test]
    fn ids_are_echoed_byte_for_byte() {
        for text in [
            "0",
            "7",
            "18446744073709551615",
            "18446744073709551616",
            "1844674407370955161600",
            "18446744073709551616000",
            "-1",
            "1.0",
            "1e2",
            "\"\"",
            "\"\\u0061\"",
            "null",
        ] {
            let id = id(text).expect("an id");
            let mut out = Vec::new();
            id.write(&mut out);
            assert_eq!(out, text.as_bytes());
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn only_integers_as_we_write_them_are_numbers() {
        for number in [0, 7, 1 << 53, u64::MAX] {
            assert_eq!(Id::number(number).as_number(), Some(number));
            assert_eq!(id(&number.to_string()), Some(Id::number(number)));
        }
        for text in ["18446744073709551616", "-1", "1.0", "1e2", "\"1\"", "null"] {
            assert_eq!(id(text).expect("an id").as_number(), None);
        }
    }

    #[test]
    fn other_values_are_no_ids() {
        for text in ["true", "false", "{}", "[1]"] {
            assert_eq!(id(text), None);
        }
    }
}
