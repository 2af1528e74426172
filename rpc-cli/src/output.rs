//! Standard output and standard error.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::failure::Failure;

/// Writes a line to standard output at once. It may wait for the program that reads it.
///
/// If that program has ended, the command ends too, and that is no failure: `birpc call … | head -n 1`.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let text = if out.is_terminal() { visible(text) } else { text.into() };
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::silent(0),
        _ => Failure::io("cannot write to standard output", &error),
    })
}

/// Writes a line to standard error, if there is one.
pub(crate) fn note(text: &str) {
    let mut err = io::stderr().lock();
    let text = if err.is_terminal() { visible(text) } else { text.into() };
    let _ = writeln!(err, "{text}");
}

/// A text whose control characters a terminal does not obey. Strings in JSON may have those from U+007F on,
/// and the escapes that replace them mean the same there.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let is_obeyed = |it: char| it.is_control() && !matches!(it, '\n' | '\t');
    if !text.contains(is_obeyed) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Between values.
            '\r' => out.push(' '),
            _ if is_obeyed(character) => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.into()
}

/// A JSON text without line feeds, which strings in JSON cannot contain.
pub(crate) fn on_one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { json.into() }
}

#[test]
fn json_is_put_on_one_line() {
    assert_eq!(on_one_line("[1,\r\n 2]"), "[1,   2]");
    assert_eq!(on_one_line(r#"["a\nb"]"#), r#"["a\nb"]"#);
}

#[test]
fn control_characters_are_shown_and_not_obeyed() {
    let text = visible("[\"\u{9b}2J\u{7f}é\",\r\n\t1]\u{1b}");
    assert_eq!(text, "[\"\\u009b2J\\u007fé\", \n\t1]\\u001b");
}
