//! Writes AsyncAPI 3.0.0: one channel, which is the connection, and an operation for each method.
//!
//! Messages have their JSON-RPC form, so that a client can be made from the document alone. The
//! notifications that move streams are those of `birpc.v1`, and not described.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::content::Content;
use crate::documents::{self, Info, pointer};
use crate::model::{Method, Outcome, Service, Style};
use crate::names::pascal;
use crate::schema::Schema;
use crate::titles::Titled;

const VERSION: &str = "3.0.0";

pub(crate) fn pretty(content: &Content) -> String {
    let titled = Titled::new(content);
    let mut parts = Parts::default();
    parts.add(&titled.served, "receive");
    parts.add(&titled.called, "send");
    documents::pretty(&Document {
        asyncapi: VERSION,
        info: Info::new(content),
        default_content_type: "application/json",
        servers: servers(&content.urls),
        channels: Channels { connection: Channel { messages: parts.messages } },
        operations: parts.operations,
        components: Components { schemas: &titled.schemas },
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    asyncapi: &'static str,
    info: Info<'a>,
    default_content_type: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    servers: BTreeMap<String, ServerObject<'a>>,
    channels: Channels,
    operations: BTreeMap<String, Operation>,
    components: Components<'a>,
}

#[derive(Serialize)]
struct ServerObject<'a> {
    host: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pathname: &'a str,
    protocol: &'a str,
}

#[derive(Serialize)]
struct Channels {
    connection: Channel,
}

#[derive(Serialize)]
struct Channel {
    messages: BTreeMap<String, Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    name: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<CorrelationId>,
    payload: Schema,
}

/// Where the id is that a reply has in common with its request.
#[derive(Serialize)]
struct CorrelationId {
    location: &'static str,
}

#[derive(Serialize)]
struct Operation {
    action: &'static str,
    channel: Reference,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    tags: [Tag; 1],
    messages: [Reference; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Reply>,
    #[serde(rename = "x-stream", skip_serializing_if = "Option::is_none")]
    stream: Option<Schema>,
    #[serde(rename = "x-progress", skip_serializing_if = "Option::is_none")]
    progress: Option<Schema>,
}

#[derive(Serialize)]
struct Tag {
    name: String,
}

#[derive(Serialize)]
struct Reply {
    channel: Reference,
    messages: [Reference; 1],
}

#[derive(Serialize)]
struct Reference {
    #[serde(rename = "$ref")]
    target: String,
}

#[derive(Serialize)]
struct Components<'a> {
    schemas: &'a BTreeMap<String, Schema>,
}

/// The URLs that have a scheme and a host, which AsyncAPI keeps apart.
fn servers(urls: &[String]) -> BTreeMap<String, ServerObject<'_>> {
    let parts = urls.iter().filter_map(|url| {
        let (protocol, rest) = url.split_once("://")?;
        let path = rest.find('/').unwrap_or(rest.len());
        Some(ServerObject { host: &rest[..path], pathname: &rest[path..], protocol })
    });
    parts.enumerate().map(|(index, server)| (format!("server{}", index + 1), server)).collect()
}

/// The messages and operations so far.
#[derive(Default)]
struct Parts {
    messages: BTreeMap<String, Message>,
    operations: BTreeMap<String, Operation>,
}

impl Parts {
    fn add(&mut self, services: &[Service], action: &'static str) {
        for service in services {
            for method in &service.methods {
                self.add_method(service, method, action);
            }
        }
    }

    fn add_method(&mut self, service: &Service, method: &Method, action: &'static str) {
        let name = format!("{action}.{}", method.name);
        // A client may have several forms of one method; a document has a name once.
        if self.operations.contains_key(&name) {
            return;
        }
        let answered = !matches!(method.outcome, Outcome::Notification);
        let title = pascal(&name);
        let kind = if answered { "request" } else { "notification" };
        let request = self.message(format!("{name}.{kind}"), &title, request(method), answered);
        let reply = answered.then(|| {
            let reply = self.message(format!("{name}.reply"), &format!("{title}Reply"), reply(method), true);
            Reply { channel: connection(), messages: [reply] }
        });
        let operation = Operation {
            action,
            channel: connection(),
            summary: method.summary().map(str::to_owned),
            description: method.description().map(str::to_owned),
            tags: [Tag { name: service.name.clone() }],
            messages: [request],
            reply,
            stream: method.outcome.item().cloned(),
            progress: method.progress.clone(),
        };
        self.operations.insert(name, operation);
    }

    fn message(&mut self, name: String, title: &str, payload: Value, answered: bool) -> Reference {
        let target = format!("#/channels/connection/messages/{}", pointer(&name));
        let correlation_id = answered.then_some(CorrelationId { location: "$message.payload#/id" });
        let message = Message {
            name: name.clone(),
            title: title.into(),
            correlation_id,
            payload: Schema::from(payload),
        };
        self.messages.insert(name, message);
        Reference { target }
    }
}

fn connection() -> Reference {
    Reference { target: "#/channels/connection".into() }
}

/// A message with these members, of which some may be missing.
fn envelope(members: Map<String, Value>, optional: &[&str]) -> Value {
    let mut properties = Map::new();
    properties.insert("jsonrpc".into(), json!({ "const": "2.0" }));
    properties.extend(members);
    let required: Vec<_> = properties.keys().filter(|name| !optional.contains(&name.as_str())).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn id() -> Value {
    json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] })
}

fn request(method: &Method) -> Value {
    let mut members = Map::new();
    members.insert("method".into(), json!({ "const": method.name }));
    let mut optional = Vec::new();
    if let Some(params) = params(method) {
        members.insert("params".into(), params);
    }
    if method.params.iter().all(|param| !param.required) {
        optional.push("params");
    }
    if !matches!(method.outcome, Outcome::Notification) {
        members.insert("id".into(), id());
    }
    envelope(members, &optional)
}

/// The params, in both forms that a server accepts.
fn params(method: &Method) -> Option<Value> {
    let schema = |param: &crate::model::Param| match param.stream {
        true => {
            let properties = json!({ "stream": { "type": "integer" } });
            json!({ "type": "object", "properties": properties, "required": ["stream"] })
        }
        false => param.schema.as_value().clone(),
    };
    if let (Style::Single, [param]) = (method.style, &method.params[..]) {
        return Some(schema(param));
    }
    let needed = method.params.iter().rposition(|param| param.required).map_or(0, |last| last + 1);
    let items: Vec<_> = method.params.iter().map(schema).collect();
    let properties: Map<_, _> =
        method.params.iter().map(|param| (param.name.clone(), schema(param))).collect();
    let required: Vec<_> =
        method.params.iter().filter(|param| param.required).map(|param| &param.name).collect();
    let most = items.len();
    (!items.is_empty()).then(|| {
        json!({ "oneOf": [
            { "type": "array", "items": items, "minItems": needed, "maxItems": most },
            { "type": "object", "properties": properties, "required": required },
        ] })
    })
}

fn reply(method: &Method) -> Value {
    let result = match &method.outcome {
        Outcome::Notification | Outcome::Stream(_) => json!({ "type": "null" }),
        Outcome::Result(schema) => schema.as_value().clone(),
        Outcome::Subscription { .. } => json!({ "type": "string" }),
    };
    let of = |member: &str, schema: Value| {
        let members = [(member.to_owned(), schema), ("id".to_owned(), id())];
        envelope(members.into_iter().collect(), &[])
    };
    let declared = method.error_cases();
    let codes: Vec<_> = declared.iter().map(|case| case.code).collect();
    let cases = declared.into_iter().map(|case| {
        let mut properties = json!({
            "code": { "const": case.code },
            "message": { "type": "string", "description": case.message },
        });
        let mut required = vec!["code", "message"];
        if let Some(data) = &case.data {
            properties["data"] = data.as_value().clone();
            required.push("data");
        }
        of("error", json!({ "type": "object", "properties": properties, "required": required }))
    });
    let other_code = match codes[..] {
        [] => json!({ "type": "integer" }),
        _ => json!({ "type": "integer", "not": { "enum": codes } }),
    };
    let any_error = json!({
        "type": "object",
        "description": "Any other error.",
        "properties": { "code": other_code, "message": { "type": "string" }, "data": {} },
        "required": ["code", "message"],
    });
    let choices = [of("result", result)].into_iter().chain(cases).chain([of("error", any_error)]);
    json!({ "oneOf": choices.collect::<Vec<_>>() })
}
