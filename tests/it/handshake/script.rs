//! Parses tables into blocks, and their lines into bytes; `tests/it/handshake.rs` describes the lines.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::bytes::{TEXT, frame};

#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) line: usize,
    pub(crate) title: String,
    /// The name of the block's server or client.
    pub(crate) setup: String,
    /// The texts after `-->`, `<--` and `=>`.
    pub(crate) to_server: Vec<String>,
    pub(crate) to_client: Vec<String>,
    pub(crate) outcome: String,
}

/// The values for names in braces.
pub(crate) struct Names<'a> {
    pub(crate) host: &'a str,
    pub(crate) accept: &'a str,
}

const HEADERS: [&str; 5] = [
    "Host: {host}",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// The tables of some directories.
pub(crate) fn files(directories: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let entries = |directory| fs::read_dir(directory).expect("a directory of tables");
    let entries = directories.into_iter().flat_map(entries);
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry of it").path()).collect();
    files.sort();
    files
}

pub(crate) fn read(path: &Path) -> Vec<Block> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(&text).unwrap_or_else(|error| panic!("{}:{error}", path.display()))
}

/// Parses a whole file. An error begins with the number of its line.
fn parse(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    for (number, line) in (1..).zip(text.lines().chain([""])) {
        if line.is_empty() {
            let done = std::mem::take(&mut block);
            if done.line > 0 {
                blocks.push(check(done)?);
            }
            continue;
        }
        if line.starts_with("//") {
            continue;
        }
        if block.line == 0 {
            block.line = number;
        }
        let (mark, text) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            "#" => block.title = format!("{} {text}", block.title).trim().to_owned(),
            "=" => block.setup = text.to_owned(),
            "-->" => block.to_server.push(text.to_owned()),
            "<--" => block.to_client.push(text.to_owned()),
            "=>" => block.outcome = text.to_owned(),
            _ => return Err(format!("{number}: what is `{mark}`?")),
        }
    }
    if blocks.is_empty() { Err("1: there is no block".into()) } else { Ok(blocks) }
}

fn check(block: Block) -> Result<Block, String> {
    let error = if block.title.is_empty() {
        "a block begins with `# what it shows`"
    } else if block.outcome.is_empty() && (block.to_server.is_empty() || block.to_client.is_empty()) {
        "a block has both `-->` and `<--`"
    } else {
        return Ok(block);
    };
    Err(format!("{}: {error}", block.line))
}

/// The bytes of the lines.
pub(crate) fn bytes(lines: &[String], names: &Names<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut in_header = !lines.is_empty();
    for line in lines {
        let end_header = |bytes: &mut Vec<u8>| {
            if in_header {
                bytes.extend(b"\r\n");
            }
        };
        if let Some(raw) = line.strip_prefix("(raw) ") {
            bytes.extend(unescaped(&filled(raw, names)));
            in_header = false;
        } else if let Some(body) = line.strip_prefix("(body) ") {
            end_header(&mut bytes);
            bytes.extend(filled(body, names).into_bytes());
            in_header = false;
        } else if let Some(text) = line.strip_prefix("(frame) ") {
            end_header(&mut bytes);
            bytes.extend(frame(TEXT, text.as_bytes(), true));
            in_header = false;
        } else {
            let lines = headers(line).unwrap_or_else(|| vec![line]);
            bytes.extend(
                lines.into_iter().flat_map(|line| format!("{}\r\n", filled(line, names)).into_bytes()),
            );
        }
    }
    if in_header {
        bytes.extend(b"\r\n");
    }
    bytes
}

/// `{headers}` and `{headers but Host, Upgrade}`.
fn headers(line: &str) -> Option<Vec<&str>> {
    let but = line.strip_prefix("{headers")?.strip_suffix('}')?;
    let but: Vec<_> = but.strip_prefix(" but ").unwrap_or_default().split(", ").collect();
    let is_kept = |line: &&str| line.split_once(':').is_some_and(|(name, _)| !but.contains(&name));
    Some(HEADERS.into_iter().filter(is_kept).collect())
}

fn filled(text: &str, names: &Names<'_>) -> String {
    let text = text.replace("{host}", names.host).replace("{accept}", names.accept);
    let Some((before, rest)) = text.split_once("<<") else { return text };
    let (inside, after) = rest.split_once(">>").expect("`<<` ends with `>>`");
    let (count, copied) = inside.split_once('*').expect("`<<3*ab>>`");
    format!("{before}{}{after}", copied.repeat(count.parse().expect("a count")))
}

/// `\r`, `\n`, `\t`, `\\` and `\xff`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let (byte, length) = match escaped.as_bytes().first() {
            Some(b'r') => (b'\r', 1),
            Some(b'n') => (b'\n', 1),
            Some(b't') => (b'\t', 1),
            Some(b'\\') => (b'\\', 1),
            _ => {
                let digits = escaped.strip_prefix('x').and_then(|digits| digits.get(..2));
                (digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).expect("an escape"), 3)
            }
        };
        bytes.push(byte);
        rest = &escaped[length..];
    }
    bytes.extend(rest.bytes());
    bytes
}

/// The values of a header in an HTTP message's head.
pub(crate) fn values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

#[test]
fn a_block_that_shows_nothing_is_a_mistake() {
    let mistakes = [
        ("", "1: there is no block"),
        ("--> GET\n<-- 400\n", "1: a block begins with `# what it shows`"),
        ("\n# a title\n--> GET\n", "2: a block has both `-->` and `<--`"),
        ("# a title\n-> GET\n", "2: what is `->`?"),
    ];
    for (text, error) in mistakes {
        assert_eq!(parse(text).map(|blocks| blocks.len()), Err(error.into()), "{text:?}");
    }
}

#[test]
fn lines_become_bytes() {
    let names = Names { host: "h:1", accept: "a=" };
    let lines =
        |lines: &[&str]| bytes(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(), &names);
    assert_eq!(lines(&["GET / HTTP/1.1", "Host: {host}"]), b"GET / HTTP/1.1\r\nHost: h:1\r\n\r\n");
    assert_eq!(lines(&["A: <<3*x>>", "(body) yz"]), b"A: xxx\r\n\r\nyz");
    assert_eq!(lines(&["A: {accept}", "(raw) B\\r\\n\\x00\\xff"]), b"A: a=\r\nB\r\n\0\xff");
    let without = "{headers but Host, Sec-WebSocket-Key, Sec-WebSocket-Version}";
    assert_eq!(lines(&[without]), b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}
