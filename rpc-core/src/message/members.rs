//! Classifies a JSON value as a kind of message by its members, in one pass.

use std::borrow::Cow;

use super::grammar::{Cursor, NotJson};
use super::strings::{has_escapes, unescaped};
use super::{ErrorObject, Id};

/// An incoming message, which borrows the frame's text. Params and results are the text of a JSON value that
/// has been checked but not decoded.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    /// Has `method` and `id`.
    Request(Request<'a>),
    /// Has `method` and no `id`.
    Notification { method: Cow<'a, str>, params: Option<&'a str> },
    /// Has `result` or `error`, or an id and none of the others.
    Response(Response<'a>),
    /// JSON, but none of the above. The answer gets this id.
    Invalid {
        id: Id,
        why: &'static str,
        /// The whole message, if it has no member of JSON-RPC: a message of some other protocol.
        other: Option<&'a str>,
    },
}

/// Which `jsonrpc` members are accepted in messages with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Only "2.0".
    Required,
    /// Any value, or none.
    Any,
}

#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) id: Id,
    pub(crate) method: Cow<'a, str>,
    pub(crate) params: Option<&'a str>,
    pub(crate) extensions: Extensions<'a>,
}

/// The members that `birpc.v1` adds to requests. Few requests have one, and few methods look for one, so they
/// are found again in the text of the request, which is here if it has one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extensions<'a>(Option<&'a str>);

impl<'a> Extensions<'a> {
    /// That the result may be a stream; any value, of which [`super::parse_initial_credit`] makes sense.
    pub(crate) fn stream(self) -> Option<&'a str> {
        self.member("stream")
    }

    /// Whether the caller wants to hear of the call's progress.
    pub(crate) fn asks_progress(self) -> bool {
        self.member("progress") == Some("true")
    }

    /// A second member of the same name is no mistake: two make one that is malformed.
    fn member(self, wanted: &str) -> Option<&'a str> {
        let mut found = None;
        object_members(self.0?, |name, value| {
            if name == wanted {
                found = Some(if found.is_some() { "null" } else { value });
            }
        });
        found
    }
}

#[derive(Debug)]
pub(crate) struct Response<'a> {
    /// Null if there is no id.
    pub(crate) id: Id,
    /// Whether there is a member `id`, even if it is null.
    pub(crate) has_id: bool,
    pub(crate) outcome: ResponseOutcome<'a>,
}

#[derive(Debug)]
pub(crate) enum ResponseOutcome<'a> {
    Result(&'a str),
    Error(ErrorObject),
    /// Both `result` and `error`, an invalid error, or (`bare`) an id and nothing else. If the id is one of
    /// ours, this is an invalid response, otherwise an invalid request.
    Broken {
        why: &'static str,
        bare: bool,
        /// The text of the whole response.
        text: &'a str,
    },
}

/// The beginning of nearly all messages. Comparing it as a whole saves a tenth of the cost of reading a small
/// message.
const USUAL_START: &str = r#"{"jsonrpc":"2.0","#;

/// The version within it.
const VERSION: &str = r#""2.0""#;

/// Classifies a JSON value. `Err` if the text is not JSON.
pub(super) fn classify(text: &str, version: Version) -> Result<Incoming<'_>, NotJson> {
    let mut cursor = Cursor::new(text);
    let mut members = Members { text, ..Members::default() };
    if cursor.takes_prefix(USUAL_START) {
        members.jsonrpc = Some(VERSION);
        cursor.rest_of_members(|name, value| members.put(name, value))?;
        cursor.end()?;
        return Ok(members.classify(version));
    }
    if cursor.peek() != b'{' {
        cursor.value()?;
        cursor.end()?;
        return Ok(Incoming::Invalid {
            id: Id::null(),
            why: "a message must be an object",
            other: Some(text),
        });
    }
    cursor.object(|name, value| members.put(name, value))?;
    cursor.end()?;
    Ok(members.classify(version))
}

#[derive(Default)]
struct Members<'a> {
    /// The text of the whole object.
    text: &'a str,
    jsonrpc: Option<&'a str>,
    id: Option<&'a str>,
    method: Option<&'a str>,
    params: Option<&'a str>,
    result: Option<&'a str>,
    error: Option<&'a str>,
    extensions: Extensions<'a>,
    duplicate: bool,
}

impl<'a> Members<'a> {
    fn put(&mut self, name: &str, value: &'a str) {
        let put = |member: &mut Option<&'a str>| member.replace(value).is_some();
        self.duplicate |= match self.member(name) {
            Some(member) => put(member),
            None => match unescaped(name) {
                Some(name) if self.member(&name).is_some() => self.member(&name).is_some_and(put),
                Some(name) => self.put_extension(&name),
                None => self.put_extension(name),
            },
        };
    }

    /// Members that plain JSON-RPC does not know.
    fn put_extension(&mut self, name: &str) -> bool {
        if matches!(name, "stream" | "progress") {
            self.extensions = Extensions(Some(self.text));
        }
        false
    }

    fn member(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        Some(match name {
            "jsonrpc" => &mut self.jsonrpc,
            "id" => &mut self.id,
            "method" => &mut self.method,
            "params" => &mut self.params,
            "result" => &mut self.result,
            "error" => &mut self.error,
            _ => return None,
        })
    }

    fn classify(self, version: Version) -> Incoming<'a> {
        let id = self.id.map(Id::from_json);
        let readable = || id.clone().flatten().unwrap_or_else(Id::null);
        let invalid = |why| Incoming::Invalid { id: readable(), why, other: None };
        if self.duplicate {
            let why = "a member occurs twice";
            return match (&self.method, self.result.or(self.error)) {
                (None, Some(_)) => {
                    let outcome = self.broken(why);
                    Incoming::Response(Response { id: readable(), has_id: id.is_some(), outcome })
                }
                _ => invalid(why),
            };
        }
        match self.method {
            Some(method) => {
                if version == Version::Required && !self.jsonrpc.is_some_and(is_version_2) {
                    return invalid("`jsonrpc` is not \"2.0\"");
                }
                let Some(method) = string(method) else {
                    return invalid("`method` is not a string");
                };
                // Some peers, among them Go's and LSP's, send null for no params.
                let params = self.params.filter(|params| *params != "null");
                if params.is_some_and(|params| !params.starts_with(['{', '['])) {
                    return invalid("`params` is neither an array nor an object");
                }
                match id {
                    None => Incoming::Notification { method, params },
                    Some(None) => invalid("`id` is neither a string nor a number"),
                    Some(Some(id)) => {
                        Incoming::Request(Request { id, method, params, extensions: self.extensions })
                    }
                }
            }
            None => match (&id, self.outcome()) {
                (Some(Some(id)), Some(outcome)) => {
                    Incoming::Response(Response { id: id.clone(), has_id: true, outcome })
                }
                // A response is never answered, whatever its id, so that two peers cannot start to answer
                // each other's errors.
                (_, Some(outcome)) if outcome.as_bare().is_none() => {
                    Incoming::Response(Response { id: Id::null(), has_id: id.is_some(), outcome })
                }
                _ => Incoming::Invalid { id: readable(), why: "`method` is missing", other: Some(self.text) },
            },
        }
    }

    /// `None` if the message has no member of a response, not even an id.
    fn outcome(&self) -> Option<ResponseOutcome<'a>> {
        // JSON-RPC 1.0 peers send the other member as null.
        let some = |member: Option<&'a str>| member.filter(|raw| *raw != "null");
        Some(match (self.result, some(self.error)) {
            (result, Some(error)) if some(result).is_none() => match serde_json::from_str(error) {
                Ok(error) => ResponseOutcome::Error(error),
                Err(_) => self.broken("`error` is not an error object"),
            },
            (Some(_), Some(_)) => self.broken("both `result` and `error`"),
            (Some(result), None) => ResponseOutcome::Result(result),
            (None, _) if self.error.is_some() => self.broken("`error` is null and there is no `result`"),
            (None, _) => {
                self.id?;
                let why = "neither `result` nor `error`";
                ResponseOutcome::Broken { why, bare: true, text: self.text }
            }
        })
    }

    fn broken(&self, why: &'static str) -> ResponseOutcome<'a> {
        ResponseOutcome::Broken { why, bare: false, text: self.text }
    }
}

impl<'a> ResponseOutcome<'a> {
    /// The whole message, if it has an id but no member that makes it a request or a response.
    pub(crate) fn as_bare(&self) -> Option<&'a str> {
        match self {
            Self::Broken { bare: true, text, .. } => Some(text),
            _ => None,
        }
    }
}

fn is_version_2(raw: &str) -> bool {
    raw == "\"2.0\"" || string(raw).is_some_and(|version| version == "2.0")
}

/// Calls `element` with each element of an array; does nothing if the text is not an array.
pub(crate) fn array_elements<'a>(text: &'a str, element: impl FnMut(&'a str)) {
    // Elements before the first invalid part have been passed on.
    let _ = Cursor::new(text).array(element);
}

/// Calls `member` with the decoded name and the value of each member; does nothing if the text is not an
/// object.
pub(crate) fn object_members<'a>(text: &'a str, mut member: impl FnMut(&str, &'a str)) {
    let _ = Cursor::new(text).object(|name, value| match unescaped(name) {
        Some(unescaped) => member(&unescaped, value),
        None => member(name, value),
    });
}

/// The value of a JSON string; borrowed unless it has escapes. `None` if the text is not a string.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if has_escapes(inner) { unescaped(inner).map(Cow::Owned) } else { Some(inner.into()) }
}
