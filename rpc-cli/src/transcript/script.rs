//! Parses transcripts into blocks of steps.
//!
//! birpc's own tests (`tests/it/transcripts.rs`) include this file and `pattern.rs` as modules.

use birpc::CloseFrame;

use super::pattern::Pattern;

/// A message on a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

/// What was said on one connection.
#[derive(Debug)]
pub(crate) struct Block {
    /// The number of its first line.
    pub(crate) line: usize,
    pub(crate) title: String,
    pub(crate) subprotocol: String,
    /// Whether the block is about WebSocket frames. birpc's tests also play blocks without a socket.
    #[allow(dead_code)] // `replay` has a socket for each block.
    pub(crate) socket_only: bool,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) action: Action,
}

#[derive(Debug)]
pub(crate) enum Action {
    Send {
        times: usize,
        message: Message,
    },
    /// `None`: a close frame without a code.
    SendClose(Option<CloseFrame>),
    Expect {
        times: usize,
        expected: Expected,
    },
    ExpectNothing,
    ExpectClose {
        code: u16,
        reason: Option<String>,
    },
}

/// An expected message.
#[derive(Debug)]
pub(crate) enum Expected {
    Text(Pattern),
    Binary(Pattern),
    /// The message, and how the file has it.
    Exactly(Message, String),
}

/// The most that one `<<…>>` may make, in bytes.
const MAX_GENERATED: usize = 1 << 30;

impl Block {
    /// Whether its last step is the end of the connection.
    pub(crate) fn ends_closed(&self) -> bool {
        self.steps.last().is_some_and(|step| matches!(step.action, Action::ExpectClose { .. }))
    }
}

impl Expected {
    pub(crate) fn matches(&self, got: &Message) -> bool {
        match (self, got) {
            (Self::Text(pattern), Message::Text(bytes)) | (Self::Binary(pattern), Message::Binary(bytes)) => {
                pattern.matches(bytes)
            }
            (Self::Exactly(expected, _), got) => expected == got,
            _ => false,
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(pattern) => pattern.text(),
            Self::Binary(pattern) => format!("(binary) {}", pattern.text()),
            Self::Exactly(_, text) => text.clone(),
        }
    }
}

/// Parses a whole file. An error begins with the number of its line.
pub(crate) fn parse(text: &str) -> Result<Vec<Block>, String> {
    let (mut blocks, mut lines) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines().chain([""])) {
        if !line.trim().is_empty() {
            if !line.starts_with("//") {
                lines.push((number, line));
            }
        } else if !lines.is_empty() {
            blocks.push(block(&std::mem::take(&mut lines))?);
        }
    }
    if blocks.is_empty() { Err("1: there is no block".into()) } else { Ok(blocks) }
}

fn block(lines: &[(usize, &str)]) -> Result<Block, String> {
    let mut block = Block {
        line: lines.first().map_or(1, |(line, _)| *line),
        title: String::new(),
        subprotocol: "jsonrpc".into(),
        socket_only: false,
        steps: vec![],
    };
    let mut data_open = false;
    let mut lines = lines.iter().peekable();
    while let Some((line, text)) = lines.next() {
        let mut text = (*text).to_owned();
        while let Some((_, more)) = lines.next_if(|(_, next)| next.starts_with([' ', '\t'])) {
            text.push('\n');
            text.push_str(more);
        }
        let at = |error: String| format!("{line}: {error}");
        if let Some(title) = text.strip_prefix('#').filter(|_| block.steps.is_empty()) {
            block.title = format!("{} {}", block.title, title.trim()).trim().to_owned();
        } else if let Some(option) = text.strip_prefix("= ").filter(|_| block.steps.is_empty()) {
            match option.trim() {
                "data left open" => data_open = true,
                "socket only" => block.socket_only = true,
                name if !name.contains(' ') => block.subprotocol = name.to_owned(),
                _ => return Err(at(format!("no such option: {option}"))),
            }
        } else {
            block.steps.push(Step { line: *line, action: action(&text, data_open).map_err(at)? });
        }
    }
    let closes = |step: &Step| matches!(step.action, Action::ExpectClose { .. });
    match block.steps.iter().rev().skip(1).find(|step| closes(step)) {
        Some(step) => Err(format!("{}: nothing can follow a close frame of the peer", step.line)),
        None => Ok(block),
    }
}

fn action(text: &str, data_open: bool) -> Result<Action, String> {
    if let Some(sent) = text.strip_prefix("-->") {
        if let Some(close) = sent.strip_prefix(" close ") {
            let (code, reason) = close_frame(close)?;
            let frame = match code {
                1005 => None,
                _ => Some(
                    CloseFrame::new(code, reason.as_deref().unwrap_or_default())
                        .map_err(|it| it.to_string())?,
                ),
            };
            return Ok(Action::SendClose(frame));
        }
        let (times, sent) = repeated(sent.strip_prefix(' ').unwrap_or(sent))?;
        return Ok(Action::Send { times, message: message(sent)? });
    }
    let Some(expected) = text.strip_prefix("<-- ") else {
        return Err(format!("neither `-->` nor `<--`, a title or an option: {text}"));
    };
    if expected == "nothing" {
        return Ok(Action::ExpectNothing);
    }
    if let Some(close) = expected.strip_prefix("close ") {
        let (code, reason) = close_frame(close)?;
        return Ok(Action::ExpectClose { code, reason });
    }
    let (times, text) = repeated(expected)?;
    let expected = if text.starts_with("(hex)") || text.starts_with("(text hex)") {
        Expected::Exactly(message(text)?, text.to_owned())
    } else if let Some(text) = text.strip_prefix("(binary) ") {
        Expected::Binary(Pattern::parse(&generated(text)?, data_open)?)
    } else {
        Expected::Text(Pattern::parse(&generated(text)?, data_open)?)
    };
    Ok(Action::Expect { times, expected })
}

fn close_frame(text: &str) -> Result<(u16, Option<String>), String> {
    let (code, reason) =
        text.split_once(' ').map_or((text, None), |(code, why)| (code, Some(why.to_owned())));
    let code = code.parse().map_err(|_| format!("no close code: {code}"))?;
    Ok((code, reason))
}

fn repeated(text: &str) -> Result<(usize, &str), String> {
    let Some((count, rest)) = text.strip_prefix('(').and_then(|text| text.split_once(" times) ")) else {
        return Ok((1, text));
    };
    match count.parse() {
        Ok(0) | Err(_) => Err(format!("no count: {count}")),
        Ok(count) => Ok((count, rest)),
    }
}

fn message(text: &str) -> Result<Message, String> {
    if let Some(bytes) = text.strip_prefix("(hex)") {
        return Ok(Message::Binary(hex(bytes)?));
    }
    if let Some(bytes) = text.strip_prefix("(text hex)") {
        return Ok(Message::Text(hex(bytes)?));
    }
    Ok(match text.strip_prefix("(binary) ") {
        Some(text) => Message::Binary(generated(text)?.into_bytes()),
        None => Message::Text(generated(text)?.into_bytes()),
    })
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let byte = |digits| u8::from_str_radix(digits, 16).map_err(|_| format!("no byte in hex: {digits}"));
    text.split_ascii_whitespace().map(byte).collect()
}

/// A text as it can be shown: a difference should not print a megabyte.
pub(crate) fn shortened(text: &str) -> String {
    const KEPT: usize = 2000;
    if text.len() <= KEPT {
        return text.to_owned();
    }
    let start: String = text.chars().take(KEPT).collect();
    format!("{start}… ({} bytes)", text.len())
}

/// Expands `<<3*ab>>` and `<<3,ab>>`.
fn generated(text: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("<<") {
        let (inside, after) = behind.split_once(">>").ok_or("`<<` without `>>`")?;
        let operator = inside.find(['*', ',']).ok_or("neither `*` nor `,` in `<<…>>`")?;
        let count: usize = inside[..operator].parse().map_err(|_| format!("no count: {inside}"))?;
        let copied = &inside[operator + 1..];
        // With room for a number and a comma.
        if count.saturating_mul(copied.len() + 21) > MAX_GENERATED {
            return Err(format!("`<<{inside}>>` makes more than {MAX_GENERATED} bytes"));
        }
        out.push_str(before);
        if inside[operator..].starts_with('*') {
            out.push_str(&copied.repeat(count));
        } else {
            let items: Vec<_> = (1..=count).map(|n| copied.replace('#', &n.to_string())).collect();
            out.push_str(&items.join(","));
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line() {
        let mistakes = [
            ("", "1: there is no block"),
            ("// only a comment\n", "1: there is no block"),
            ("# a title\n<-- close 1000\n<-- nothing\n", "2: nothing can follow a close frame of the peer"),
            ("# a title\n<- []\n", "2: neither `-->` nor `<--`, a title or an option: <- []"),
            ("# a title\n\n\n<-- not json\n", "4: not JSON"),
            ("= fast food\n<-- nothing\n", "1: no such option: fast food"),
            ("--> (0 times) []\n", "1: no count: 0"),
            ("--> <<9999999999*aa>>\n", "1: `<<9999999999*aa>>` makes more than"),
            ("--> <<99999999999999999999*a>>\n", "1: no count"),
            ("--> (hex) 1 zz\n", "1: no byte in hex: zz"),
            ("--> close 1006\n", "1: "),
            ("--> close five\n", "1: no close code: five"),
        ];
        for (text, error) in mistakes {
            let found = parse(text).map(|blocks| blocks.len());
            assert!(found.as_ref().is_err_and(|found| found.starts_with(error)), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn messages_can_be_generated() {
        let cases = [("a<<3*[>>b<<2*]>>", "a[[[b]]"), ("[<<3,{#}>>]", "[{1},{2},{3}]"), ("<<1,a,b>>", "a,b")];
        for (text, expected) in cases {
            assert_eq!(generated(text).as_deref(), Ok(expected));
        }
        assert_eq!(message("(hex) ff 00"), Ok(Message::Binary(vec![0xff, 0])));
        assert_eq!(message("(text hex)"), Ok(Message::Text(vec![])));
    }
}
