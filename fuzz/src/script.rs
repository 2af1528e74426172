//! Scripts: an input that is not raw bytes is read line by line, so that the fuzzer gets past the framing.

use crate::frames::{BINARY, CLOSE, FIN, MORE, PING, PONG, TEXT, write};

/// The meaning of a line. A line that does not begin with `~` is the text of a message.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// Bytes on the wire.
    Send(Vec<u8>),
    /// We call this method of the peer, with or without a timeout.
    Call {
        method: &'a [u8],
        timeout: bool,
    },
    /// We call a method whose result is a stream, which is read as far as it goes, or stays unread.
    Pull {
        method: &'a [u8],
        reads: bool,
    },
    /// We call a method with a stream of this many items.
    Push {
        method: &'a [u8],
        items: u8,
    },
    /// We send a notification.
    Notify(&'a [u8]),
    /// The oldest of our calls is dropped.
    Drop,
    /// The oldest of our results that are streams is dropped.
    DropStream,
    /// This side drains.
    Drain,
    /// We close.
    Close,
    /// This many seconds pass.
    Wait(u64),
    /// The peer starts or stops reading.
    ToggleReading,
    /// Later steps follow each other without turns, or no longer do.
    ToggleBurst,
    Nothing,
}

/// The steps of a script; `masked` are frames of a client.
pub(crate) fn steps(script: &[u8], masked: bool) -> impl Iterator<Item = Step<'_>> {
    script.split(|byte| *byte == b'\n').map(move |line| step(line, masked))
}

fn step(line: &[u8], masked: bool) -> Step<'_> {
    let [b'~', kind, rest @ ..] = line else { return frame(FIN | TEXT, line, masked) };
    match kind {
        b'b' => frame(FIN | BINARY, rest, masked),
        b'f' => Step::Send(fragments(rest, masked)),
        b'i' => frame(FIN | PING, rest, masked),
        b'o' => frame(FIN | PONG, rest, masked),
        b'k' => frame(FIN | CLOSE, rest, masked),
        b'm' => frame(FIN | TEXT, rest, !masked),
        b'r' => Step::Send(rest.to_vec()),
        b'c' => Step::Call { method: rest, timeout: false },
        b't' => Step::Call { method: rest, timeout: true },
        b'p' => Step::Pull { method: rest, reads: true },
        b'h' => Step::Pull { method: rest, reads: false },
        b'u' => Step::Push {
            method: rest.get(1..).unwrap_or_default(),
            items: rest.first().map_or(0, |items| *items),
        },
        b'n' => Step::Notify(rest),
        b'd' => Step::Drop,
        b'q' => Step::DropStream,
        b'y' => Step::Drain,
        b'x' => Step::Close,
        b'w' => Step::Wait(u64::from(rest.first().map_or(1, |digit| digit % 10))),
        b's' => Step::ToggleReading,
        b'+' => Step::ToggleBurst,
        _ => Step::Nothing,
    }
}

fn frame(first: u8, payload: &[u8], masked: bool) -> Step<'static> {
    let mut bytes = Vec::new();
    write(first, payload, masked, &mut bytes);
    Step::Send(bytes)
}

/// A text in fragments of a few bytes (RFC 6455 §5.4).
fn fragments(text: &[u8], masked: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut opcode, mut pieces) = (TEXT, text.chunks(16).peekable());
    while let Some(piece) = pieces.next() {
        let fin = if pieces.peek().is_none() { FIN } else { 0 };
        write(fin | opcode, piece, masked, &mut bytes);
        opcode = MORE;
    }
    bytes
}
