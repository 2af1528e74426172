//! The notification of `birpc.v1` that gives credit: its params to values, and back. One that is malformed is
//! ignored, as a notification whose params do not decode.

use bytes::Bytes;

use super::grammar::Cursor;
use super::id::write_number;

/// Items and bytes, counted from the beginning: of a connection's notifications. Bytes are those of their
/// JSON texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Totals {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

/// `rpc.allow [items, bytes]`: so many notifications may be sent in all.
pub(crate) const ALLOW: &str = "rpc.allow";

/// The total of an `rpc.allow`; `None` if it is malformed.
pub(crate) fn parse_allow(params: Option<&str>) -> Option<Totals> {
    let mut elements = Elements::of(params?)?;
    let total = Totals { items: parse_total(elements.next()?)?, bytes: parse_total(elements.next()?)? };
    elements.next().is_none().then_some(total)
}

/// An `rpc.allow`.
pub(crate) fn allow_text(total: Totals) -> Bytes {
    let mut text = Vec::with_capacity(96);
    text.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"rpc.allow\",\"params\":[");
    write_number(total.items, &mut text);
    text.push(b',');
    write_number(total.bytes, &mut text);
    text.extend_from_slice(b"]}");
    text.into()
}

/// The elements of an array that has been found to be JSON.
#[derive(Clone, Debug)]
struct Elements<'a> {
    cursor: Cursor<'a>,
    begun: bool,
    over: bool,
}

impl<'a> Elements<'a> {
    /// `None` if the text is no array.
    fn of(text: &'a str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        cursor.begin_array().ok()?;
        Some(Self { cursor, begun: false, over: false })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.over {
            return None;
        }
        let element = self.cursor.next_element(std::mem::replace(&mut self.begun, true));
        self.over = !matches!(element, Ok(Some(_)));
        element.ok().flatten()
    }
}

/// A total: an integer without sign, fraction or exponent. One that is too large for it counts as the
/// largest.
fn parse_total(text: &str) -> Option<u64> {
    let is_unsigned = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_unsigned.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Decoded, Incoming, Version, decode};

    fn parse(params: &str) -> Option<(u64, u64)> {
        parse_allow(Some(params)).map(|total| (total.items, total.bytes))
    }

    #[test]
    fn a_total_is_read() {
        assert_eq!(parse("[1024,1048576]"), Some((1024, 1_048_576)));
        assert_eq!(parse(" [ 0 , 0 ] "), Some((0, 0)));
    }

    #[test]
    fn totals_saturate() {
        let huge = "9".repeat(400);
        assert_eq!(parse(&format!("[{huge},18446744073709551616]")), Some((u64::MAX, u64::MAX)));
    }

    #[test]
    fn what_is_malformed_is_nothing() {
        for params in [
            "[]",
            "[1]",
            "[1,2,3]",
            "[-1,2]",
            "[1.0,2]",
            "[1e3,2]",
            r#"["1",2]"#,
            "[null,2]",
            "[1,2,null]",
            r#"{"items":1,"bytes":2}"#,
            "[[1],2]",
            "[true,2]",
        ] {
            assert_eq!(parse(params), None, "{params}");
        }
        assert_eq!(parse_allow(None), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for total in [Totals::default(), Totals { items: 7, bytes: u64::MAX }] {
            let text = allow_text(total);
            let Decoded::One(Incoming::Notification { method, params }) = decode(&text, 1, Version::Required)
            else {
                panic!("it is no notification");
            };
            assert_eq!((&*method, parse_allow(params)), (ALLOW, Some(total)));
        }
    }
}
