//! A request and its expected reply, prepared so that only the id must be filled in.

use crate::load::frame;

/// Ids have this many digits, so that the length of a frame never changes.
const DIGITS: usize = 10;

/// The first id. Its low bits are zero, so the low bits of the following ids count from zero.
pub(crate) const FIRST_ID: u64 = 1 << 30;

/// A request as a frame, and the expected forms of its reply.
#[derive(Debug)]
pub(crate) struct Exchange {
    request: Vec<u8>,
    /// The position of the id in `request`.
    id_at: usize,
    /// The texts before and after the id in a reply, in both orders of the members.
    replies: [(Vec<u8>, Vec<u8>); 2],
}

impl Exchange {
    /// A call of `method` with `params` that must be answered with `result`; both are JSON.
    pub(crate) fn new(method: &str, params: &str, result: &str) -> Self {
        let before = r#"{"jsonrpc":"2.0","id":"#;
        let after = format!(r#","method":"{method}","params":{params}}}"#);
        let mut request = Vec::new();
        frame::write(frame::TEXT, format!("{before}{FIRST_ID}{after}").as_bytes(), &mut request);
        let id_at = request.len() - after.len() - DIGITS;
        let replies = [
            (before.into(), format!(r#","result":{result}}}"#).into()),
            (format!(r#"{{"jsonrpc":"2.0","result":{result},"id":"#).into(), b"}".into()),
        ];
        Self { request, id_at, replies }
    }

    /// A call of `add`.
    pub(crate) fn add() -> Self {
        Self::new("add", "[1,2]", "3")
    }

    /// A call of `echo` with a string of this many bytes, or of as many as fit a message of 1 MiB, the
    /// default limit.
    pub(crate) fn echo(bytes: usize) -> Self {
        let around = format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"echo","params":[""]}}"#).len();
        let value = format!(r#""{}""#, "x".repeat(bytes.min((1 << 20) - around)));
        Self::new("echo", &format!("[{value}]"), &value)
    }

    /// Appends the request's frame.
    pub(crate) fn write(&self, id: u64, out: &mut Vec<u8>) {
        let at = out.len() + self.id_at;
        out.extend(&self.request);
        write_digits(id, &mut out[at..at + DIGITS]);
    }

    /// The id of a reply that is otherwise as expected.
    pub(crate) fn id_of(&self, reply: &[u8]) -> Result<u64, String> {
        let id = self.replies.iter().find_map(|(before, after)| {
            let id = reply.strip_prefix(&before[..])?.strip_suffix(&after[..])?;
            read_digits(id)
        });
        id.ok_or_else(|| {
            let (before, after) = &self.replies[0];
            format!("instead of {}ID{} there came {}", shown(before), shown(after), shown(reply))
        })
    }
}

fn write_digits(mut id: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (id % 10) as u8;
        id /= 10;
    }
}

fn read_digits(digits: &[u8]) -> Option<u64> {
    let fits = digits.len() == DIGITS && digits.iter().all(u8::is_ascii_digit);
    fits.then(|| digits.iter().fold(0, |id, digit| id * 10 + u64::from(digit - b'0')))
}

/// The beginning of a message, for an error.
pub(crate) fn shown(message: &[u8]) -> String {
    const MOST: usize = 200;
    let text = String::from_utf8_lossy(&message[..message.len().min(MOST)]).into_owned();
    if message.len() > MOST { format!("{text}… ({} bytes)", message.len()) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_differs_from_the_next_by_its_id_alone() {
        let exchange = Exchange::add();
        let mut out = vec![b'-'];
        exchange.write(1234567890, &mut out);
        let text = br#"{"jsonrpc":"2.0","id":1234567890,"method":"add","params":[1,2]}"#;
        let mut expected = vec![b'-'];
        frame::write(frame::TEXT, text, &mut expected);
        assert_eq!(out, expected);
    }

    #[test]
    fn the_longest_echo_fills_a_message_of_one_mebibyte() {
        let head = 14; // of a masked frame of that length (RFC 6455 §5.2)
        assert_eq!(Exchange::echo(usize::MAX).request.len(), head + (1 << 20));
        assert_eq!(Exchange::echo(2).request.len(), Exchange::echo(1).request.len() + 1);
    }

    #[test]
    fn a_reply_may_have_its_members_in_either_order() {
        let exchange = Exchange::add();
        assert_eq!(exchange.id_of(br#"{"jsonrpc":"2.0","id":1073741825,"result":3}"#), Ok(FIRST_ID + 1));
        assert_eq!(exchange.id_of(br#"{"jsonrpc":"2.0","result":3,"id":1073741825}"#), Ok(FIRST_ID + 1));
    }

    #[test]
    fn a_wrong_reply_is_told_in_full() {
        let exchange = Exchange::add();
        for wrong in [
            r#"{"jsonrpc":"2.0","id":1073741824,"result":4}"#,
            r#"{"jsonrpc":"2.0","id":"073741824","result":3}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":3}"#,
            r#"{"jsonrpc":"2.0","id":1073741824,"error":{"code":1,"message":"no"}}"#,
            "",
        ] {
            let why = exchange.id_of(wrong.as_bytes()).expect_err(wrong);
            assert!(why.ends_with(wrong), "{why}");
        }
        assert!(exchange.id_of(&[b'x'; 1 << 20]).expect_err("not a reply").len() < 400);
    }
}
