//! The methods of the server, as far as it describes them (`rpc.discover`).

use std::collections::BTreeMap;
use std::time::Duration;

use birpc::{Peer, RawValue};
use serde_json::Value;

/// How long the server may take to describe itself.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The methods by their names, with their params as text.
#[derive(Default)]
pub(super) struct Catalogue(BTreeMap<String, Description>);

struct Description {
    params: String,
    summary: String,
}

impl Catalogue {
    /// Asks the server. One that does not describe itself has an empty catalogue.
    pub(super) async fn ask(peer: Peer) -> Self {
        let call = peer.call::<Box<RawValue>>("rpc.discover", ()).with_timeout(TIMEOUT);
        let document = call.await.ok().and_then(|text| serde_json::from_str(text.get()).ok());
        document.map(|document| Self::of(&document)).unwrap_or_default()
    }

    /// The methods of an OpenRPC document. Whatever is not as it should be is left out.
    fn of(document: &Value) -> Self {
        let methods = document["methods"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named = methods.iter().filter_map(|method| Some((shown(method["name"].as_str()?)?, method)));
        let described = named.map(|(name, method)| {
            let params = method["params"].as_array().map(Vec::as_slice).unwrap_or_default();
            let params: Vec<_> = params.iter().filter_map(param).collect();
            let summary = method["summary"].as_str().and_then(shown).unwrap_or_default();
            (name.to_owned(), Description { params: params.join(" "), summary: summary.to_owned() })
        });
        Self(described.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names that begin so.
    pub(super) fn beginning_with<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .range(start.to_owned()..)
            .map(|(name, _)| &**name)
            .take_while(move |name| name.starts_with(start))
    }

    /// The params of a method, as text.
    pub(super) fn params(&self, method: &str) -> Option<&str> {
        self.0.get(method).map(|description| &*description.params)
    }

    /// A line for each method.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, Description { params, summary })| {
            let text = format!("{name} {params}");
            if summary.is_empty() { text } else { format!("{text:<40} {summary}") }
        })
    }
}

/// A param as a hint: its name and type, in brackets if it may be missing.
fn param(param: &Value) -> Option<String> {
    let name = shown(param["name"].as_str()?)?;
    let text = kind(&param["schema"]).map_or_else(|| name.to_owned(), |kind| format!("{name}:{kind}"));
    Some(if param["required"] == Value::Bool(true) { text } else { format!("[{text}]") })
}

/// The type of a param: its JSON type, or its name if it is an object or a choice. Other schemas have names
/// only for generators of code.
fn kind(schema: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().and_then(shown).map(String::from);
    let reference = || text(&schema["$ref"]).and_then(|path| path.rsplit('/').next().map(String::from));
    match &schema["type"] {
        Value::Array(types) => {
            types.iter().map(text).collect::<Option<Vec<_>>>().map(|types| types.join("|"))
        }
        Value::String(kind) if kind != "object" => shown(kind).map(String::from),
        _ => reference()
            .or_else(|| optional(schema))
            .or_else(|| text(&schema["title"]))
            .or_else(|| text(&schema["type"])),
    }
}

/// The type of a schema that is one of two, and the other is null.
fn optional(schema: &Value) -> Option<String> {
    let [kind_of, null] = schema["anyOf"].as_array()?.as_slice() else { return None };
    if null["type"] != "null" {
        return None;
    }
    // Of one inside another only the name is shown.
    let inner = if kind_of["anyOf"].is_null() { kind(kind_of) } else { None };
    inner.map(|kind| format!("{kind}|null"))
}

/// A text of the server, if a terminal would show it as it is, and not obey it.
fn shown(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
}

#[test]
fn methods_are_found_in_whatever_a_server_says() {
    let document = serde_json::json!({"methods": [
        {"name": "add", "summary": "Adds.", "params": [
            {"name": "a", "required": true, "schema": {"type": "integer"}},
            {"name": "b", "schema": {"title": "AddB", "type": ["integer", "null"]}},
            {"name": "c", "schema": {"$ref": "#/components/schemas/Carry"}},
            {"name": "d", "schema": {"title": "Digits", "type": "object"}},
            {"name": "n", "schema": {"title": "AddN", "anyOf": [{"type": "number"}, {"type": "null"}]}},
            {"name": "e", "schema": {"title": "AddE\u{1b}", "type": ["integer", 7]}},
            {"$ref": "#/components/contentDescriptors/c"},
        ]},
        {"name": "ad\u{1b}[2Jd"},
        {"name": 7},
        {"$ref": "#/x"},
        {"name": "adopt", "params": {"a": 1}},
    ]});
    let catalogue = Catalogue::of(&document);
    assert_eq!(catalogue.beginning_with("ad").collect::<Vec<_>>(), ["add", "adopt"]);
    assert_eq!(catalogue.beginning_with("b").count(), 0);
    assert_eq!(
        catalogue.params("add"),
        Some("a:integer [b:integer|null] [c:Carry] [d:Digits] [n:number|null] [e]")
    );
    assert_eq!(catalogue.params("adopt"), Some(""));
    for document in [serde_json::json!(null), serde_json::json!({"methods": 1}), serde_json::json!([])] {
        assert!(Catalogue::of(&document).is_empty());
    }
}
