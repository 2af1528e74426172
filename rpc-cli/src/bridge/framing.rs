//! How messages are divided on the standard input and output of a command.

use std::io;

use clap::ValueEnum;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::output;

/// The largest header line, and the largest number of them.
const MAX_HEADER: usize = 4096;
const MAX_HEADERS: usize = 32;

/// How messages are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Framing {
    /// A message is a line, as MCP's servers and many tools have it
    Lines,
    /// `Content-Length: N`, an empty line and N bytes, as language servers have it
    Headers,
}

/// Reads the messages that a command writes.
pub(super) struct Messages<R> {
    from: R,
    framing: Framing,
    /// The largest message, in bytes.
    largest: usize,
}

impl Framing {
    /// A message as the command reads it.
    pub(super) fn framed(self, message: &[u8]) -> Vec<u8> {
        match self {
            // Between JSON values a line feed is a space, and inside strings there is none.
            Self::Lines => {
                let mut line: Vec<u8> =
                    message.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
                line.push(b'\n');
                line
            }
            Self::Headers => {
                [format!("Content-Length: {}\r\n\r\n", message.len()).as_bytes(), message].concat()
            }
        }
    }
}

impl<R: AsyncBufRead + Unpin> Messages<R> {
    pub(super) fn new(from: R, framing: Framing, largest: usize) -> Self {
        Self { from, framing, largest }
    }

    /// The next message; `None` at the end. An error says what the command did wrong.
    pub(super) async fn next(&mut self) -> Result<Option<String>, String> {
        let message = match self.framing {
            Framing::Lines => self.next_line().await?,
            Framing::Headers => self.next_behind_headers().await?,
        };
        message.map(|bytes| String::from_utf8(bytes).map_err(|_| "a message is not UTF-8".into())).transpose()
    }

    /// The next line that is a message. Other lines go to standard error.
    async fn next_line(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            let Some(line) = self.line(self.largest).await? else { return Ok(None) };
            match line.trim_ascii_start().first() {
                Some(b'{' | b'[') => return Ok(Some(line)),
                _ => output::note(&String::from_utf8_lossy(&line)),
            }
        }
    }

    async fn next_behind_headers(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut length = None;
        for number in 0..=MAX_HEADERS {
            let Some(line) = self.line(MAX_HEADER).await? else {
                return if number == 0 {
                    Ok(None)
                } else {
                    Err("it ended within the headers of a message".into())
                };
            };
            if line.is_empty() {
                let length = length.ok_or("a message has no Content-Length")?;
                return self.exactly(length).await.map(Some);
            }
            length = self.length(&line)?.or(length);
        }
        Err(format!("a message has more than {MAX_HEADERS} headers"))
    }

    /// The length that a header says, if it is that header.
    fn length(&self, line: &[u8]) -> Result<Option<usize>, String> {
        let line = String::from_utf8_lossy(line);
        let header = line.split_once(':').filter(|(name, _)| is_header_name(name));
        let Some((name, value)) = header else {
            let shown: String = line.chars().take(60).collect();
            return Err(format!("`{}` is no header; is it --framing lines?", shown.escape_debug()));
        };
        if !name.eq_ignore_ascii_case("content-length") {
            return Ok(None);
        }
        match value.trim().parse::<usize>() {
            Ok(length) if length <= self.largest => Ok(Some(length)),
            Ok(length) => Err(too_large(length, self.largest)),
            Err(_) => Err(format!("`{}` is no Content-Length", value.trim().escape_debug())),
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, String> {
        // The length is only what the command says.
        let mut message = Vec::new();
        let read = (&mut self.from).take(length as u64).read_to_end(&mut message).await.map_err(text)?;
        if read < length { Err("it ended within a message".into()) } else { Ok(message) }
    }

    /// A line of at most so many bytes, without its end; `None` at the end.
    async fn line(&mut self, most: usize) -> Result<Option<Vec<u8>>, String> {
        let mut line = Vec::new();
        let read = (&mut self.from).take(most as u64 + 2).read_until(b'\n', &mut line).await.map_err(text)?;
        if read == 0 {
            return Ok(None);
        }
        if line.ends_with(b"\n") {
            line.pop();
        }
        if line.ends_with(b"\r") {
            line.pop();
        }
        if line.len() > most { Err(too_large(line.len(), most)) } else { Ok(Some(line)) }
    }
}

fn too_large(bytes: usize, most: usize) -> String {
    format!("a line or message has {bytes} bytes or more; the limit is {most} (--max-message)")
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn text(error: io::Error) -> String {
    format!("its output cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(framing: Framing, written: &[u8]) -> (Vec<String>, Option<String>) {
        let (mut messages, mut found) = (Messages::new(written, framing, 40), Vec::new());
        loop {
            match messages.next().await {
                Ok(Some(message)) => found.push(message),
                Ok(None) => return (found, None),
                Err(why) => return (found, Some(why)),
            }
        }
    }

    #[tokio::test]
    async fn a_line_is_a_message_if_it_can_be_one() {
        let written = b"{\"a\":1}\nstarting\n\r\n [1]\r\n42\n\xff\n{\"last\":2}";
        let (found, why) = all(Framing::Lines, written).await;
        assert_eq!((&*found, why), (&[r#"{"a":1}"#, " [1]", r#"{"last":2}"#].map(String::from)[..], None));
    }

    #[tokio::test]
    async fn headers_say_how_long_a_message_is() {
        let written = b"Content-Length: 2\r\n\r\n{}content-length:4\nContent-Type: x\n\n[1]\n";
        let (found, why) = all(Framing::Headers, written).await;
        assert_eq!((&*found, why), (&["{}", "[1]\n"].map(String::from)[..], None));
    }

    #[tokio::test]
    async fn a_command_that_breaks_the_framing_is_told_how() {
        let cases: [(Framing, &[u8], &str); 9] = [
            (Framing::Lines, b"[11111111111111111111111111111111111111111111111", "42 bytes or more"),
            (Framing::Lines, b"[\"\xff\"]\n", "not UTF-8"),
            (Framing::Headers, b"{\"jsonrpc\":\"2.0\"}\n", "is no header"),
            (Framing::Headers, b"hello\r\n", "`hello` is no header; is it --framing lines?"),
            (Framing::Headers, b"Content-Length: -1\r\n\r\n", "`-1` is no Content-Length"),
            (Framing::Headers, b"Content-Length: 41\r\n\r\n", "41 bytes or more; the limit is 40"),
            (Framing::Headers, b"Content-Length: 4\r\n\r\n{}", "it ended within a message"),
            (Framing::Headers, b"Content-Length: 4\r\n", "it ended within the headers"),
            (Framing::Headers, b"X: 1\r\n\r\n", "a message has no Content-Length"),
        ];
        for (framing, written, expected) in cases {
            let (_, why) = all(framing, written).await;
            assert!(why.as_ref().is_some_and(|why| why.contains(expected)), "{expected}: {why:?}");
        }
        let endless = b"X: 1\r\n".repeat(MAX_HEADERS + 1);
        let (_, why) = all(Framing::Headers, &endless).await;
        assert!(why.is_some_and(|why| why.contains("more than 32 headers")));
    }

    #[test]
    fn a_message_has_no_line_feed_inside() {
        assert_eq!(Framing::Lines.framed(b"{\n\"a\":\r\n1}"), b"{ \"a\":\r 1}\n");
        assert_eq!(
            Framing::Headers.framed("[\"é\"]\n".as_bytes()),
            "Content-Length: 7\r\n\r\n[\"é\"]\n".as_bytes()
        );
    }
}
