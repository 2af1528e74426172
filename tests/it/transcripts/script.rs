//! Parses transcripts into blocks of steps; `tests/it/transcripts.rs` describes the lines.

use super::json::Pattern;

#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) line: usize,
    pub(crate) title: String,
    pub(crate) subprotocol: &'static str,
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
    Send { times: usize, message: Message },
    SendClose { code: u16, reason: String },
    Expect { times: usize, pattern: Pattern },
    ExpectNothing,
    ExpectClose { code: u16, reason: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

/// Parses a whole file. An error begins with the number of its line.
pub(crate) fn parse(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = Vec::new();
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
        line: lines[0].0,
        title: String::new(),
        subprotocol: "jsonrpc",
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
            match option {
                "jsonrpc" => block.subprotocol = "jsonrpc",
                "birpc.v1" => block.subprotocol = "birpc.v1",
                "data left open" => data_open = true,
                "socket only" => block.socket_only = true,
                _ => return Err(at(format!("no such option: {option}"))),
            }
        } else {
            block.steps.push(Step { line: *line, action: action(&text, data_open).map_err(at)? });
        }
    }
    check(block)
}

/// A block that cannot fail is a mistake.
fn check(block: Block) -> Result<Block, String> {
    let expects = |step: &Step| !matches!(step.action, Action::Send { .. } | Action::SendClose { .. });
    let ends = |step: &Step| matches!(step.action, Action::ExpectClose { .. });
    let error = if block.title.is_empty() {
        "a block begins with `# what it shows`"
    } else if !block.steps.iter().any(expects) {
        "the block expects nothing; say `<-- nothing` if that is what it shows"
    } else if block.steps.iter().rev().skip(1).any(ends) {
        "nothing can follow a close frame"
    } else {
        return Ok(block);
    };
    Err(format!("{}: {error}", block.line))
}

fn action(text: &str, data_open: bool) -> Result<Action, String> {
    if let Some(sent) = text.strip_prefix("-->") {
        if let Some(close) = sent.strip_prefix(" close ") {
            let (code, reason) = close_frame(close)?;
            return Ok(Action::SendClose { code, reason: reason.unwrap_or_default() });
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
    let (times, expected) = repeated(expected)?;
    Ok(Action::Expect { times, pattern: Pattern::parse(&generated(expected)?, data_open)? })
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
    if let Some(bytes) = text.strip_prefix("(hex) ") {
        return Ok(Message::Binary(hex(bytes)?));
    }
    if let Some(bytes) = text.strip_prefix("(text hex) ") {
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

/// Expands `<<3*ab>>` and `<<3,ab>>`.
fn generated(text: &str) -> Result<String, String> {
    let Some((before, rest)) = text.split_once("<<") else { return Ok(text.to_owned()) };
    let (inside, after) = rest.split_once(">>").ok_or("`<<` without `>>`")?;
    let operator = inside.find(['*', ',']).ok_or("neither `*` nor `,` in `<<…>>`")?;
    let count: usize = inside[..operator].parse().map_err(|_| format!("no count: {inside}"))?;
    let copied = &inside[operator + 1..];
    let copies = if inside[operator..].starts_with('*') {
        copied.repeat(count)
    } else {
        let items: Vec<_> = (1..=count).map(|n| copied.replace('#', &n.to_string())).collect();
        items.join(",")
    };
    Ok(format!("{before}{copies}{}", generated(after)?))
}

#[test]
fn a_block_that_cannot_fail_is_a_mistake() {
    let mistakes = [
        ("", "1: there is no block"),
        ("// only a comment\n", "1: there is no block"),
        ("# a title\n", "1: the block expects nothing; say `<-- nothing` if that is what it shows"),
        ("\n# a title\n--> []\n", "2: the block expects nothing; say `<-- nothing` if that is what it shows"),
        ("--> []\n<-- nothing\n", "1: a block begins with `# what it shows`"),
        ("# a title\n<-- close 1000\n<-- nothing\n", "1: nothing can follow a close frame"),
        ("# a title\n<- []\n", "2: neither `-->` nor `<--`, a title or an option: <- []"),
        ("# a title\n<-- not json\n", "2: not JSON: not json"),
        ("# a title\n= fast\n<-- nothing\n", "2: no such option: fast"),
        ("# a title\n--> (0 times) []\n<-- nothing\n", "2: no count: 0"),
    ];
    for (text, error) in mistakes {
        assert_eq!(parse(text).map(|blocks| blocks.len()), Err(error.into()), "{text:?}");
    }
}

#[test]
fn messages_can_be_generated() {
    let cases = [("a<<3*[>>b<<2*]>>", "a[[[b]]"), ("[<<3,{#}>>]", "[{1},{2},{3}]"), ("<<1,a,b>>", "a,b")];
    for (text, expected) in cases {
        assert_eq!(generated(text).as_deref(), Ok(expected));
    }
    assert_eq!(message("(hex) ff 00"), Ok(Message::Binary(vec![0xff, 0])));
    assert_eq!(message(""), Ok(Message::Text(vec![])));
}
