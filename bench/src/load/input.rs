//! The bytes of a connection, cut into messages.

use crate::load::frame::{self, Head};

/// The capacity that an empty buffer keeps; memory of a large message is freed.
const KEPT: usize = 64 << 10;

/// An incoming message, as far as the load generator distinguishes them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
}

/// The incomplete frame and the incomplete fragmented message.
#[derive(Default)]
pub(crate) struct Input {
    cut: Vec<u8>,
    fragments: Vec<u8>,
}

impl Input {
    /// Passes each message that these bytes complete to `take`. A message that is completely within them is
    /// not copied.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Message<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.cut.is_empty() {
            let used = self.frames(bytes, &mut take)?;
            self.cut.extend(&bytes[used..]);
            return Ok(());
        }
        let mut cut = std::mem::take(&mut self.cut);
        cut.extend(bytes);
        let used = self.frames(&cut, &mut take)?;
        cut.drain(..used);
        self.cut = if cut.is_empty() && cut.capacity() > KEPT { Vec::new() } else { cut };
        Ok(())
    }

    /// Reads the complete frames at the beginning of `bytes`. Returns their total length.
    fn frames(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Message<'_>) -> Result<(), String>,
    ) -> Result<usize, String> {
        let mut used = 0;
        while let Some(head) = Head::read(&bytes[used..])? {
            let Some(payload) = bytes[used..].get(head.start..head.end) else { break };
            used += head.end;
            match head.opcode {
                frame::TEXT if head.last => take(Message::Text(payload))?,
                frame::TEXT | frame::CONTINUATION => {
                    self.fragments.extend(payload);
                    if head.last {
                        take(Message::Text(&std::mem::take(&mut self.fragments)))?;
                    }
                }
                frame::PING => take(Message::Ping(payload))?,
                frame::PONG => {}
                frame::CLOSE => return Err(closed(payload)),
                other => return Err(format!("a frame with the opcode {other:#x} came")),
            }
        }
        Ok(used)
    }
}

fn closed(payload: &[u8]) -> String {
    match payload {
        [a, b, reason @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            format!("the server closed the connection with {code} ({})", String::from_utf8_lossy(reason))
        }
        _ => "the server closed the connection without a code".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: &[&[u8]] = &[
        b"\x81\x02hi",                      // a text
        b"\x01\x03one\x89\x01p\x80\x03two", // one in two fragments, with a ping between them
        b"\x8a\x00",                        // a pong
        b"\x81\x00",                        // an empty text
    ];

    fn messages(input: &mut Input, bytes: &[u8], all: &mut Vec<String>) -> Result<(), String> {
        input.feed(bytes, |message| {
            all.push(match message {
                Message::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Message::Ping(payload) => format!("ping {}", String::from_utf8_lossy(payload)),
            });
            Ok(())
        })
    }

    #[test]
    fn messages_are_the_same_however_the_bytes_are_cut() {
        let bytes = FRAMES.concat();
        for size in 1..=bytes.len() {
            let (mut input, mut all) = (Input::default(), Vec::new());
            for chunk in bytes.chunks(size) {
                messages(&mut input, chunk, &mut all).expect("all frames are good");
            }
            assert_eq!(all, ["hi", "ping p", "onetwo", ""], "in chunks of {size}");
        }
    }

    #[test]
    fn a_close_is_an_error_that_says_why() {
        let why = messages(&mut Input::default(), b"\x88\x05\x03\xf0bad", &mut Vec::new());
        assert_eq!(why, Err("the server closed the connection with 1008 (bad)".into()));
    }

    #[test]
    fn a_large_message_leaves_no_large_buffer() {
        let mut bytes = vec![0x81, 127, 0, 0, 0, 0, 0, 0x10, 0, 0];
        bytes.resize(10 + (1 << 20), b'x');
        let (mut input, mut all) = (Input::default(), Vec::new());
        for chunk in bytes.chunks(100_000) {
            messages(&mut input, chunk, &mut all).expect("the frame is good");
        }
        assert_eq!(all.len(), 1);
        assert!(input.cut.capacity() <= KEPT);
    }
}
