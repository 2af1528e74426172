//! Prints above the line that the user is typing.
//!
//! The editor has a printer of its own, but with it the editor of rustyline 17 reads only the first of
//! several characters that arrive at once (rustyline#976), and later versions need a newer compiler.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use unicode_width::UnicodeWidthStr;

use crate::output::visible;

/// The prompt, and the one while a request of the server waits. Both have the same width, since the latter is
/// drawn over the former.
pub(super) const PROMPT: &str = "birpc> ";
const REPLY: &str = "reply> ";

/// What is on the last rows of the terminal.
#[derive(Default)]
pub(super) struct Screen(Mutex<Shown>);

#[derive(Default)]
struct Shown {
    /// Set while a line is being typed.
    typed: Option<Typed>,
    /// Whether a request of the server waits for an answer, so that the prompt is another one.
    request_waits: bool,
}

struct Typed {
    line: String,
    /// The cursor, as a byte of the line.
    cursor: usize,
    /// The width of the terminal.
    columns: usize,
}

impl Screen {
    /// A prompt is shown.
    pub(super) fn begin(&self, columns: usize) {
        self.shown().typed = Some(Typed { line: String::new(), cursor: 0, columns: columns.max(1) });
    }

    /// The line has been typed.
    pub(super) fn end(&self) {
        self.shown().typed = None;
    }

    /// The line has changed, or the cursor has moved.
    pub(super) fn change(&self, line: &str, cursor: usize) {
        if let Some(typed) = &mut self.shown().typed {
            line.clone_into(&mut typed.line);
            typed.cursor = cursor.min(line.len());
        }
    }

    pub(super) fn set_request_waits(&self, waits: bool) {
        self.shown().request_waits = waits;
    }

    pub(super) fn prompt(&self) -> &'static str {
        self.shown().prompt()
    }

    /// Prints lines, and the line that is being typed again below them.
    pub(super) fn print(&self, text: &str) {
        let shown = self.shown();
        let mut out = io::stdout().lock();
        // Without a terminal there is nobody to tell; its end is noticed elsewhere.
        let _ = out.write_all(shown.around(&visible(text)).as_bytes()).and_then(|()| out.flush());
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    fn prompt(&self) -> &'static str {
        if self.request_waits { REPLY } else { PROMPT }
    }

    /// What puts a text above the line that is being typed: the terminal's cursor goes to the beginning of
    /// the prompt and back.
    fn around(&self, text: &str) -> String {
        let Some(Typed { line, cursor, columns }) = &self.typed else { return format!("{text}\n") };
        let (prompt, text) = (self.prompt(), text.replace('\n', "\r\n"));
        let before = line.get(..*cursor).unwrap_or(line);
        let (at, end) = (prompt.width() + before.width(), prompt.width() + line.width());
        let (row, column, last_row) = (at / columns, at % columns, end / columns);
        let up = |rows: usize| if rows == 0 { String::new() } else { format!("\x1b[{rows}A") };
        let right = if column == 0 { String::new() } else { format!("\x1b[{column}C") };
        format!("\r{}\x1b[J{text}\r\n{prompt}{line}\r{}{right}", up(row), up(last_row - row))
    }
}

#[test]
fn the_line_is_drawn_again_below_the_text() {
    let shown = |line: &str, cursor| Shown {
        typed: Some(Typed { line: line.into(), cursor, columns: 10 }),
        request_waits: false,
    };
    assert_eq!(Shown::default().around("a\nb"), "a\nb\n");
    assert_eq!(shown("", 0).around("a"), "\r\x1b[Ja\r\nbirpc> \r\x1b[7C");
    assert_eq!(shown("ab", 1).around("x\ny"), "\r\x1b[Jx\r\ny\r\nbirpc> ab\r\x1b[8C");
    // Seven columns of the prompt, and 14 more: the cursor is in the second row, and the end in the third.
    assert_eq!(
        shown("abcdefghijklmn", 5).around("x"),
        "\r\x1b[1A\x1b[Jx\r\nbirpc> abcdefghijklmn\r\x1b[1A\x1b[2C"
    );
}
