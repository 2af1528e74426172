//! Writes messages as lines of a transcript.

use std::fmt::Write;

use serde::de::IgnoredAny;

use super::{Direction, Message};
use crate::output::on_one_line;

/// The line of a message. JSON is written as it is, on one line, and anything else in hexadecimal.
pub(crate) fn message(direction: Direction, message: &Message) -> String {
    let (bytes, as_text, as_hex) = match message {
        Message::Text(bytes) => (bytes, "", "(text hex)"),
        Message::Binary(bytes) => (bytes, "(binary) ", "(hex)"),
    };
    match std::str::from_utf8(bytes).ok().and_then(readable) {
        Some(json) => format!("{} {as_text}{json}", direction.arrow()),
        None => {
            let mut line = format!("{} {as_hex}", direction.arrow());
            for byte in bytes {
                let _ = write!(line, " {byte:02x}");
            }
            line
        }
    }
}

/// The line of a close frame. The code is 1005 if the frame had none.
pub(crate) fn close(direction: Direction, code: u16, reason: &str) -> String {
    let reason = reason.escape_debug().to_string();
    format!("{} close {code} {reason}", direction.arrow()).trim_end().to_owned()
}

/// JSON on one line, if it means itself in a transcript.
fn readable(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let line = on_one_line(text.trim()).into_owned();
    (!line.contains("<<") && !line.contains(|it: char| it.is_control() && it != '\t')).then_some(line)
}

#[test]
fn json_is_readable_and_everything_else_is_exact() {
    let sent = |bytes: &[u8]| message(Direction::Sent, &Message::Text(bytes.into()));
    assert_eq!(sent(br#"{"id":1}"#), r#"--> {"id":1}"#);
    assert_eq!(sent(b" [1,\n\t2]\n"), "--> [1, \t2]");
    assert_eq!(sent(br#"["<<3*a>>"]"#), "--> (text hex) 5b 22 3c 3c 33 2a 61 3e 3e 22 5d");
    assert_eq!(sent(b"nothing"), "--> (text hex) 6e 6f 74 68 69 6e 67");
    assert_eq!(sent(b"\xff"), "--> (text hex) ff");
    assert_eq!(sent(b""), "--> (text hex)");
    let received = |bytes: &[u8]| message(Direction::Received, &Message::Binary(bytes.into()));
    assert_eq!(received(b"[]"), "<-- (binary) []");
    assert_eq!(received(&[0, 255]), "<-- (hex) 00 ff");
    assert_eq!(close(Direction::Sent, 1000, ""), "--> close 1000");
    assert_eq!(close(Direction::Received, 4001, "bye\n"), "<-- close 4001 bye\\n");
}
