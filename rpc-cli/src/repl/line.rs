//! What the user has typed.

use birpc::RawValue;

use crate::params::Params;

/// A line of the user.
#[derive(Debug)]
pub(super) enum Line {
    Empty,
    /// A call: `METHOD JSON…` or `METHOD NAME=JSON…`.
    Call(String, Params),
    /// `.notify METHOD JSON…`
    Notify(String, Params),
    /// A result for the request of the server that waits.
    Answer(Box<RawValue>),
    /// `.error CODE MESSAGE`, for the same.
    AnswerError(i64, String),
    Help,
    Methods,
    Quit,
}

/// The words that are no methods.
pub(super) const WORDS: [&str; 5] = [".error", ".help", ".methods", ".notify", ".quit"];

/// Parses a line. While a request of the server waits, JSON is its answer.
pub(super) fn parse(text: &str, request_waits: bool) -> Result<Line, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Line::Empty);
    }
    if request_waits && let Ok(answer) = serde_json::from_str(text) {
        return Ok(Line::Answer(answer));
    }
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match word {
        ".help" => Ok(Line::Help),
        ".methods" => Ok(Line::Methods),
        ".quit" | ".exit" => Ok(Line::Quit),
        ".error" if !request_waits => Err("no request of the server waits for an answer".into()),
        ".error" => error(rest),
        ".notify" => {
            let (method, params) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
            if method.is_empty() {
                return Err("write .notify METHOD JSON…".into());
            }
            params_of(params).map(|params| Line::Notify(method.to_owned(), params))
        }
        word if word.starts_with('.') => Err(format!("`{word}` is unknown; .help shows what there is")),
        method => params_of(rest).map(|params| Line::Call(method.to_owned(), params)),
    }
}

fn error(rest: &str) -> Result<Line, String> {
    let (code, message) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    match code.parse() {
        Ok(code) => Ok(Line::AnswerError(code, message.trim().to_owned())),
        Err(_) => Err(format!("`{code}` is no error code; write .error CODE MESSAGE")),
    }
}

/// Parses JSON values, or names with JSON values, with spaces between them.
fn params_of(text: &str) -> Result<Params, String> {
    let (mut positional, mut named) = (Vec::new(), Vec::new());
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let number = positional.len() + named.len() + 1;
        let name = name_of(rest);
        let value = name.map_or(rest, |name| &rest[name.len() + 1..]);
        let mut values = serde_json::Deserializer::from_str(value).into_iter::<Box<RawValue>>();
        let wrong = || match name {
            Some(name) => format!("param `{name}` is not JSON; a string needs its quotes: {name}=\"text\""),
            None => format!("param {number} is not JSON; a string needs its quotes: \"text\""),
        };
        let parsed = values.next().and_then(Result::ok).ok_or_else(wrong)?;
        let behind = &value[values.byte_offset()..];
        match name {
            Some(name) => named.push((name.to_owned(), parsed)),
            None => positional.push(parsed),
        }
        rest = behind.trim_start();
    }
    match (positional.is_empty(), named.is_empty()) {
        (true, true) => Ok(Params::None),
        (false, true) => Ok(Params::Positional(positional)),
        (true, false) => Ok(Params::Named(named)),
        (false, false) => Err("params go by position or by name, not both".into()),
    }
}

/// The name before a `=`, if the text begins with one.
fn name_of(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('=')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$' | b'.');
    let begins = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_' || it == '$');
    (begins && name.bytes().all(is_name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Option<(String, String)> {
        match parse(text, false) {
            Ok(Line::Call(method, params)) => Some((method, serde_json::to_string(&params).ok()?)),
            _ => None,
        }
    }

    #[test]
    fn a_line_is_a_method_and_its_params() {
        let cases = [
            ("ping", "ping", "null"),
            (" add  1 -2 ", "add", "[1,-2]"),
            (r#"say "a b" {"c": [1.50]} null"#, "say", r#"["a b",{"c": [1.50]},null]"#),
            (r#"open path="/tmp" at=[1, 2]"#, "open", r#"{"path":"/tmp","at":[1, 2]}"#),
            (r#"eq "a=b""#, "eq", r#"["a=b"]"#),
        ];
        for (text, method, params) in cases {
            assert_eq!(call(text), Some((method.into(), params.into())), "{text}");
        }
    }

    #[test]
    fn mistakes_are_explained() {
        let cases = [
            ("add one", "param 1 is not JSON"),
            ("add 1 two", "param 2 is not JSON"),
            ("open path=/tmp", "param `path` is not JSON"),
            ("open 1 a=2", "not both"),
            (".wat", "`.wat` is unknown"),
            (".notify", "write .notify"),
            (".error 1 no", "no request of the server waits"),
        ];
        for (text, expected) in cases {
            assert!(parse(text, false).is_err_and(|why| why.contains(expected)), "{text}");
        }
        assert!(parse(".error one", true).is_err_and(|why| why.contains("`one` is no error code")));
    }

    #[test]
    fn json_answers_only_a_request_that_waits() {
        assert!(matches!(parse("true", true), Ok(Line::Answer(_))));
        assert!(matches!(parse("true", false), Ok(Line::Call(..))));
        assert!(matches!(parse("add 1 2", true), Ok(Line::Call(..))));
        let Ok(Line::AnswerError(code, message)) = parse(".error 7 not now", true) else { panic!() };
        assert_eq!((code, &*message), (7, "not now"));
    }
}
