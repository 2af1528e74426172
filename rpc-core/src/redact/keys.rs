//! Finds keys that name secrets and their values, in a text that may be cut off or not JSON at all.

use std::ops::Range;

use crate::message::string;

/// A key names a secret if it contains one of these words, whatever the case of its letters and whatever is
/// between them.
const SECRET: [&str; 10] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorization",
    "apikey",
    "privatekey",
    "credential",
    "cookie",
];

/// Whether the value of a key is hidden.
pub(crate) fn is_secret(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphabetic).collect();
    let letters = letters.to_ascii_lowercase();
    SECRET.iter().any(|word| letters.contains(word))
}

/// Finds the values of secret keys that begin before `end`.
///
/// It goes from string to string and does not require valid JSON: invalid messages are logged too, and their
/// secrets must be hidden as well.
pub(super) fn hide_secrets(text: &str, end: usize, hidden: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(quote) = text.get(at..end).and_then(|rest| rest.find('"')) {
        let start = at + quote;
        let behind = string_end(text, start);
        let value = skip_space(text, behind);
        let is_key = text.as_bytes().get(value) == Some(&b':');
        at = behind;
        if is_key {
            let key = string(&text[start..behind]);
            if key.is_none_or(|key| is_secret(&key)) {
                let start = skip_space(text, value + 1);
                at = value_end(text, start);
                hidden.extend((start < at).then_some(start..at));
            }
        } else if holds_secret(&text[start..behind]) {
            hidden.push(start..behind);
        }
    }
}

/// Whether a string is itself JSON, or a part of JSON, that contains a secret.
fn holds_secret(literal: &str) -> bool {
    let decoded = string(literal);
    // What is cut off, or has wrong escapes, is searched as it is.
    let text = decoded.as_deref().unwrap_or(&literal[1..]);
    text.contains('"') && is_secret(text)
}

/// Returns the end of the string that begins at `start`: after its closing quote, or the end of the text.
fn string_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn skip_space(text: &str, at: usize) -> usize {
    text[at..].find(|char: char| !char.is_ascii_whitespace()).map_or(text.len(), |space| at + space)
}

/// Returns the end of the value that begins at `start`.
fn value_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' | b',' if depth == 0 => return at,
            b']' | b'}' => {
                depth -= 1;
                at += 1;
            }
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => at += 1,
        }
        if depth == 0 && matches!(bytes.get(at - 1), Some(b'"' | b']' | b'}')) {
            return at;
        }
    }
    text.len()
}
