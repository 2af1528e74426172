//! What one JSON value is, told from its members in one pass.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{ErrorObject, Id};

/// One incoming message; it borrows the frame's text.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    /// Has `method` and `id`.
    Request(Request<'a>),
    /// Has `method` and no `id`.
    Notification { method: Cow<'a, str>, params: Option<&'a RawValue> },
    /// Has `result` or `error`, or neither but an id that may be one of ours.
    Response(Response<'a>),
    /// JSON, but none of the above; the id is the one to answer with.
    Invalid { id: Id, why: &'static str },
}

#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) id: Id,
    pub(crate) method: Cow<'a, str>,
    pub(crate) params: Option<&'a RawValue>,
}

#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) id: Id,
    pub(crate) outcome: ResponseOutcome<'a>,
}

#[derive(Debug)]
pub(crate) enum ResponseOutcome<'a> {
    Result(&'a RawValue),
    Error(ErrorObject),
    /// Both `result` and `error`, an error that is none, or (`bare`) an id and nothing else: a broken
    /// response if the id is ours, else a broken request.
    Broken {
        why: &'static str,
        bare: bool,
    },
}

/// Classifies one JSON value; `Err` means that the text is not JSON.
pub(super) fn classify(text: &str) -> Result<Incoming<'_>, serde_json::Error> {
    if !text.trim_ascii_start().starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text)?;
        return Ok(Incoming::Invalid { id: Id::null(), why: "a message is an object" });
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(MembersVisitor)?;
    deserializer.end()?;
    Ok(members.classify())
}

#[derive(Default)]
struct Members<'a> {
    jsonrpc: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    duplicate: bool,
}

impl<'a> Members<'a> {
    fn classify(self) -> Incoming<'a> {
        let id = self.id.map(Id::from_raw);
        let readable = || id.clone().flatten().unwrap_or_else(Id::null);
        let invalid = |why| Incoming::Invalid { id: readable(), why };
        if self.duplicate {
            let why = "a member occurs twice";
            return match (&self.method, self.result.or(self.error)) {
                (None, Some(_)) => Incoming::Response(Response {
                    id: readable(),
                    outcome: ResponseOutcome::Broken { why, bare: false },
                }),
                _ => invalid(why),
            };
        }
        match self.method {
            Some(method) => {
                if !self.jsonrpc.is_some_and(is_version_2) {
                    return invalid("`jsonrpc` is not \"2.0\"");
                }
                let Some(method) = string(method) else {
                    return invalid("`method` is not a string");
                };
                if self.params.is_some_and(|params| !matches!(params.get().as_bytes()[0], b'{' | b'[')) {
                    return invalid("`params` is neither an array nor an object");
                }
                match id {
                    None => Incoming::Notification { method, params: self.params },
                    Some(None) => invalid("`id` is neither a string nor a number"),
                    Some(Some(id)) => Incoming::Request(Request { id, method, params: self.params }),
                }
            }
            None => match (&id, self.outcome()) {
                (Some(Some(id)), Some(outcome)) => Incoming::Response(Response { id: id.clone(), outcome }),
                // A response needs no answer, whatever its id (two peers must not start an error storm).
                (_, Some(outcome)) if !outcome.is_bare() => {
                    Incoming::Response(Response { id: Id::null(), outcome })
                }
                _ => invalid("`method` is missing"),
            },
        }
    }

    /// `None` if there is nothing of a response at all, not even an id.
    fn outcome(&self) -> Option<ResponseOutcome<'a>> {
        // JSON-RPC 1.0 peers send the other member as null.
        let some = |member: Option<&'a RawValue>| member.filter(|raw| raw.get() != "null");
        Some(match (self.result, some(self.error)) {
            (result, Some(error)) if some(result).is_none() => match serde_json::from_str(error.get()) {
                Ok(error) => ResponseOutcome::Error(error),
                Err(_) => ResponseOutcome::Broken { why: "`error` is no error object", bare: false },
            },
            (Some(_), Some(_)) => ResponseOutcome::Broken { why: "both `result` and `error`", bare: false },
            (Some(result), None) => ResponseOutcome::Result(result),
            (None, _) if self.error.is_some() => {
                ResponseOutcome::Broken { why: "`error` is null and there is no `result`", bare: false }
            }
            (None, _) => {
                self.id?;
                ResponseOutcome::Broken { why: "neither `result` nor `error`", bare: true }
            }
        })
    }
}

impl ResponseOutcome<'_> {
    pub(crate) fn is_bare(&self) -> bool {
        matches!(self, Self::Broken { bare: true, .. })
    }
}

fn is_version_2(raw: &RawValue) -> bool {
    raw.get() == "\"2.0\"" || string(raw).is_some_and(|version| version == "2.0")
}

/// The string that a raw value is; borrowed unless it has escapes.
pub(super) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<Name>()? {
            let member = match name {
                Name::Jsonrpc => &mut members.jsonrpc,
                Name::Id => &mut members.id,
                Name::Method => &mut members.method,
                Name::Params => &mut members.params,
                Name::Result => &mut members.result,
                Name::Error => &mut members.error,
                Name::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let earlier = member.replace(map.next_value()?);
            members.duplicate |= earlier.is_some();
        }
        Ok(members)
    }
}

enum Name {
    Jsonrpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    Unknown,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Raw, since a name may be JSON and yet no `str`: half a surrogate pair, which is nobody's name.
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(match string(raw).as_deref() {
            Some("jsonrpc") => Self::Jsonrpc,
            Some("id") => Self::Id,
            Some("method") => Self::Method,
            Some("params") => Self::Params,
            Some("result") => Self::Result,
            Some("error") => Self::Error,
            _ => Self::Unknown,
        })
    }
}
