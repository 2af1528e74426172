//! The messages of dialects about the progress of a call: how a request asks for reports, and the
//! notifications with the reports.
//!
//! Each has a token that identifies the call. The token of an outgoing call is the request's id. The token of
//! an incoming call is repeated byte for byte.

use std::borrow::Cow;

use bytes::Bytes;

use super::encode::{Json, RequestText};
use super::id::Id;
use super::members::{array_elements, object_members};

/// The messages of one dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressWords {
    /// The request's member `progress`; `rpc.progress [id, value]`.
    Birpc,
    /// `workDoneToken` in params; `$/progress {token, value}`.
    Lsp,
    /// `_meta.progressToken` in params; `notifications/progress` with the members of the value beside
    /// `progressToken`.
    Mcp,
}

const WORK_DONE_TOKEN: &str = "workDoneToken";
const PROGRESS_TOKEN: &str = "progressToken";
const META: &str = "_meta";

impl ProgressWords {
    /// The notification that reports progress.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Birpc => "rpc.progress",
            Self::Lsp => "$/progress",
            Self::Mcp => "notifications/progress",
        }
    }

    /// Makes a request ask for reports. Params that have no place for a token do not change.
    pub(crate) fn ask(self, request: RequestText, id: u64) -> RequestText {
        let asking = match self {
            Self::Birpc => return request.with_members(",\"progress\":true"),
            Self::Lsp => {
                let params = request.params();
                params.and_then(|params| with_first_member(params, WORK_DONE_TOKEN, &id.to_string()))
            }
            Self::Mcp => with_progress_token(request.params(), id),
        };
        match asking {
            Some(params) => request.with_params(&params),
            None => request,
        }
    }

    /// The token with which a request asks for reports; `None` if it asks for none. `asks`: whether its
    /// member `progress` is true.
    pub(crate) fn token(self, id: &Id, asks: bool, params: Option<&str>) -> Option<Id> {
        let token = match self {
            Self::Birpc => return (asks && !id.is_null()).then(|| id.clone()),
            Self::Lsp => member(params?, WORK_DONE_TOKEN)?,
            Self::Mcp => member(member(params?, META)?, PROGRESS_TOKEN)?,
        };
        token_of(token)
    }

    /// Writes a report. `Err` if the value does not serialise. In MCP the members of the value are sent next
    /// to the token, so a value that is not an object is an error.
    pub(crate) fn report(self, token: &Id, value: &dyn Json) -> Result<Report, serde_json::Error> {
        let mut text = Vec::with_capacity(128);
        text.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"");
        text.extend_from_slice(self.method().as_bytes());
        let (before_token, before_value, end): (&[u8], &[u8], &[u8]) = match self {
            Self::Birpc => (b"\",\"params\":[", b",", b"]}"),
            Self::Lsp => (b"\",\"params\":{\"token\":", b",\"value\":", b"}}"),
            Self::Mcp => (b"\",\"params\":{\"progressToken\":", b",", b"}}"),
        };
        text.extend_from_slice(before_token);
        token.write(&mut text);
        text.extend_from_slice(before_value);
        let value_start = text.len();
        value.write(&mut text)?;
        let is_first = self == Self::Lsp && is_begin(&text[value_start..]);
        if self == Self::Mcp {
            merge(&mut text, value_start)?;
        }
        text.extend_from_slice(end);
        Ok(Report { text: text.into(), is_first })
    }

    /// The token and the value of a report; `None` if it is malformed.
    pub(crate) fn parse(self, params: Option<&str>) -> Option<(Id, Cow<'_, str>)> {
        let params = params?;
        let (token, value) = match self {
            Self::Birpc => {
                let mut elements = Vec::with_capacity(2);
                array_elements(params, |element| elements.push(element));
                let [id, value] = elements[..] else { return None };
                (id, value.into())
            }
            Self::Lsp => (member(params, "token")?, member(params, "value")?.into()),
            Self::Mcp => (member(params, PROGRESS_TOKEN)?, without(params, PROGRESS_TOKEN).into()),
        };
        Some((token_of(token)?, value))
    }
}

/// A report as it is sent.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) text: Bytes,
    /// Whether later reports must not replace it: in LSP the one that begins.
    pub(crate) is_first: bool,
}

/// The text of a token: a string or a number.
fn token_of(text: &str) -> Option<Id> {
    Id::from_json(text).filter(|token| !token.is_null())
}

/// The value of a member of an object, the last of its name.
fn member<'a>(object: &'a str, wanted: &str) -> Option<&'a str> {
    let mut found = None;
    object_members(object, |name, value| {
        if name == wanted {
            found = Some(value);
        }
    });
    found
}

/// The object without a member.
fn without(object: &str, unwanted: &str) -> String {
    let mut text = String::with_capacity(object.len());
    object_members(object, |name, value| {
        if name != unwanted {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(&serde_json::Value::from(name).to_string());
            text.push(':');
            text.push_str(value);
        }
    });
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    text
}

/// The object with a member of this name in front. `None` if it has one, or is no object.
fn with_first_member(object: &str, name: &str, value: &str) -> Option<String> {
    let rest = object.strip_prefix('{').filter(|_| member(object, name).is_none())?;
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    Some(format!("{{\"{name}\":{value}{comma}{rest}"))
}

/// The params with the token of an outgoing call in `_meta`. `None` if they have no place for it.
fn with_progress_token(params: Option<&str>, id: u64) -> Option<String> {
    let params = params.unwrap_or("{}");
    let Some(meta) = member(params, META) else {
        return with_first_member(params, META, &format!("{{\"{PROGRESS_TOKEN}\":{id}}}"));
    };
    let asking = with_first_member(meta, PROGRESS_TOKEN, &id.to_string())?;
    let start = meta.as_ptr() as usize - params.as_ptr() as usize;
    Some([&params[..start], &asking, &params[start + meta.len()..]].concat())
}

/// Whether the value of a report in LSP is one that begins.
fn is_begin(value: &[u8]) -> bool {
    std::str::from_utf8(value).ok().and_then(|value| member(value, "kind")) == Some("\"begin\"")
}

/// Moves the members of the object that begins at `start` to the object around it. Before `start` is a comma.
fn merge(text: &mut Vec<u8>, start: usize) -> serde_json::Result<()> {
    let inner = text[start..].strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    match inner.map(<[u8]>::trim_ascii) {
        None => return Err(serde::ser::Error::custom("progress is an object in this dialect")),
        Some([]) => text.truncate(start - 1),
        Some(_) => {
            text.pop();
            text.remove(start);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ProgressWords::{Birpc, Lsp, Mcp};
    use super::*;

    fn asked(words: ProgressWords, params: &str) -> String {
        let params = serde_json::value::RawValue::from_string(params.into()).expect("JSON");
        let mut request = RequestText::encode("a\"b", &params).expect("it encodes");
        request.ask_progress();
        let most = request.expected_len();
        let text = words.ask(request, u64::MAX).finish(u64::MAX);
        assert!(text.len() <= most, "what asks is within what was counted");
        let text = String::from_utf8(text.to_vec()).expect("UTF-8");
        let start = "{\"jsonrpc\":\"2.0\",\"method\":\"a\\\"b\"";
        let rest =
            text.strip_prefix(start).and_then(|rest| rest.strip_suffix(",\"id\":18446744073709551615}"));
        rest.expect("the rest stays").replace(&u64::MAX.to_string(), "7")
    }

    #[test]
    fn a_request_asks_where_its_dialect_has_a_place_for_it() {
        assert_eq!(asked(Birpc, "[1]"), r#","params":[1],"progress":true"#);
        assert_eq!(asked(Birpc, "null"), r#","progress":true"#);
        assert_eq!(asked(Lsp, r#"{"a":1}"#), r#","params":{"workDoneToken":7,"a":1}"#);
        assert_eq!(asked(Lsp, "{ }"), r#","params":{"workDoneToken":7 }"#);
        assert_eq!(asked(Lsp, "[1]"), r#","params":[1]"#);
        assert_eq!(asked(Lsp, "null"), "");
        assert_eq!(asked(Lsp, r#"{"workDoneToken":"x"}"#), r#","params":{"workDoneToken":"x"}"#);
        assert_eq!(asked(Mcp, "null"), r#","params":{"_meta":{"progressToken":7}}"#);
        assert_eq!(asked(Mcp, r#"{"a":1}"#), r#","params":{"_meta":{"progressToken":7},"a":1}"#);
        let with_meta = r#"{"b":2,"_meta":{"x":1},"a":1}"#;
        assert_eq!(asked(Mcp, with_meta), r#","params":{"b":2,"_meta":{"progressToken":7,"x":1},"a":1}"#);
        assert_eq!(asked(Mcp, r#"{"_meta":null}"#), r#","params":{"_meta":null}"#);
        assert_eq!(
            asked(Mcp, r#"{"_meta":{"progressToken":0}}"#),
            r#","params":{"_meta":{"progressToken":0}}"#
        );
        assert_eq!(asked(Mcp, "[1]"), r#","params":[1]"#);
    }

    #[test]
    fn a_token_is_a_string_or_a_number_at_its_place() {
        let id = Id::number(7);
        let token = |words: ProgressWords, asks, params| {
            words.token(&id, asks, params).map(|token| token.to_string())
        };
        assert_eq!(token(Birpc, true, None).as_deref(), Some("7"));
        assert_eq!(token(Birpc, false, Some(r#"{"workDoneToken":1}"#)), None);
        assert_eq!(Birpc.token(&Id::null(), true, None), None);
        let of_lsp = |params| token(Lsp, true, Some(params));
        assert_eq!(of_lsp(r#"{"a":1,"workDoneToken":"é1"}"#).as_deref(), Some("\"é1\""));
        assert_eq!(of_lsp(r#"{"workDoneToken":-1.50}"#).as_deref(), Some("-1.50"));
        for none in [
            "[1]",
            "{}",
            r#"{"workDoneToken":null}"#,
            r#"{"workDoneToken":{}}"#,
            r#"{"a":{"workDoneToken":1}}"#,
        ] {
            assert_eq!(of_lsp(none), None, "{none}");
        }
        let of_mcp = |params| token(Mcp, true, Some(params));
        assert_eq!(of_mcp(r#"{"_meta":{"progressToken":0}}"#).as_deref(), Some("0"));
        for none in [
            "[1]",
            "{}",
            r#"{"_meta":1}"#,
            r#"{"_meta":{}}"#,
            r#"{"progressToken":1}"#,
            r#"{"_meta":{"progressToken":[1]}}"#,
        ] {
            assert_eq!(of_mcp(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_reported_is_parsed_as_it_was() {
        let token = token_of("\"a\\u0062\"").expect("a token");
        for words in [Birpc, Lsp, Mcp] {
            for value in [json!({"done": 1, "total": null}), json!({})] {
                let report = words.report(&token, &value).expect("it encodes");
                let text = std::str::from_utf8(&report.text).expect("UTF-8");
                assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
                assert_eq!(member(text, "method"), Some(&*format!("\"{}\"", words.method())));
                let (parsed, back) = words.parse(member(text, "params")).expect("it is well-formed");
                assert_eq!(parsed, token);
                assert_eq!(serde_json::from_str::<Value>(&back).expect("JSON"), value);
            }
        }
        assert!(Mcp.report(&token, &1).is_err() && Mcp.report(&token, &[1]).is_err());
        assert!(Birpc.report(&token, &f64::NAN).is_err());
        assert!(Lsp.report(&token, &json!({"kind": "begin", "title": "x"})).expect("it encodes").is_first);
        assert!(!Lsp.report(&token, &json!({"kind": "report"})).expect("it encodes").is_first);
        assert!(!Birpc.report(&token, &json!({"kind": "begin"})).expect("it encodes").is_first);
    }

    #[test]
    fn what_is_malformed_is_no_report() {
        for params in ["[]", "[1]", "[1,2,3]", "[null,1]", "[[1],1]", "[true,1]", r#"{"id":1,"value":1}"#] {
            assert!(Birpc.parse(Some(params)).is_none(), "{params}");
        }
        for params in [r#"{"token":1}"#, r#"{"value":1}"#, r#"{"token":{},"value":1}"#, "[1,2]"] {
            assert!(Lsp.parse(Some(params)).is_none(), "{params}");
        }
        for params in [r#"{"progress":1}"#, r#"{"progressToken":null}"#, "[1]"] {
            assert!(Mcp.parse(Some(params)).is_none(), "{params}");
        }
        assert!(Birpc.parse(None).is_none());
    }
}
