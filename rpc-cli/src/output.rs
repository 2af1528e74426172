//! Standard output and standard error.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// Writes a line to standard output at once. It may wait for the program that reads it.
///
/// If that program has ended, the command ends too, and that is no failure: `birpc call … | head -n 1`.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::silent(0),
        _ => Failure::io("cannot write to standard output", &error),
    })
}

/// Writes a line to standard error, if there is one.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
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
