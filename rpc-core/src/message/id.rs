//! Request ids, echoed byte for byte.

use std::{fmt, sync::Arc};

use crate::excerpt::excerpt;

/// Characters of an id in logs.
const MAX_SHOWN: usize = 64;

/// The id of a request (JSON-RPC 2.0 §4): a string, a number or null, kept as the text that came, since
/// the reply must carry the very same (2⁵³ + 1, 1.0 and "\u0061" would not survive a round trip through
/// numbers and strings). Two ids are equal if their texts are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id(Text);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    /// A decimal integer that fits: the usual case, held without an allocation.
    Number(u64),
    Other(Arc<str>),
}

impl Id {
    pub(crate) const fn number(number: u64) -> Self {
        Self(Text::Number(number))
    }

    pub(crate) fn null() -> Self {
        Self(Text::Other("null".into()))
    }

    /// Takes the text of a string, a number or null; every other JSON value is no id.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        match text.as_bytes().first()? {
            b'0'..=b'9' => Some(match text.parse() {
                Ok(number) => Self::number(number),
                Err(_) => Self(Text::Other(text.into())),
            }),
            b'"' | b'-' | b'n' => Some(Self(Text::Other(text.into()))),
            _ => None,
        }
    }

    /// The integer, if it is one that fits: all ids that we give out do.
    pub(crate) fn as_number(&self) -> Option<u64> {
        match self.0 {
            Text::Number(number) => Some(number),
            Text::Other(_) => None,
        }
    }

    /// Null ids are no identity: any number of requests may carry one at once.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.0, Text::Other(text) if &**text == "null")
    }

    /// Bytes that it holds beyond its own size.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Text::Number(_) => 0,
            Text::Other(text) => text.len(),
        }
    }

    /// Its beginning, for logs: a peer may have made it as long as a message.
    pub(crate) fn short(&self) -> String {
        excerpt(&self.to_string(), MAX_SHOWN)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Text::Number(number) => write_number(*number, out),
            Text::Other(text) => out.extend_from_slice(text.as_bytes()),
        }
    }
}

/// Writes decimal digits without the formatting machinery, which a profile of small calls shows.
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
        match &self.0 {
            Text::Number(number) => number.fmt(f),
            Text::Other(text) => f.write_str(text),
        }
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
    fn ids_are_echoed_byte_for_byte() {
        for text in [
            "0",
            "7",
            "18446744073709551615",
            "18446744073709551616",
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
    fn other_values_are_no_ids() {
        for text in ["true", "false", "{}", "[1]"] {
            assert_eq!(id(text), None);
        }
    }
}
