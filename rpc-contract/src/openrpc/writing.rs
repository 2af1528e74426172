//! Writes OpenRPC.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::content::Content;
use crate::documents::{self, Info, is_false};
use crate::model::{ErrorCase, Method, Outcome, Param, Service, Style};
use crate::names::function_of;
use crate::schema::Schema;
use crate::titles::Titled;

/// The newest version that the tools of OpenRPC read.
const VERSION: &str = "1.3.2";

pub(crate) fn pretty(content: &Content) -> String {
    with_document(content, |document| documents::pretty(document))
}

pub(crate) fn compact(content: &Content) -> String {
    with_document(content, |document| documents::compact(document))
}

fn with_document(content: &Content, write: impl FnOnce(&Document<'_>) -> String) -> String {
    let titled = Titled::new(content);
    let called = methods(&titled.called, &titled.schemas);
    write(&Document {
        openrpc: VERSION,
        info: Info::new(content),
        servers: content.urls.iter().map(|url| ServerObject { name: &content.title, url }).collect(),
        methods: methods(&titled.served, &titled.schemas),
        client: (!called.is_empty()).then_some(Client { methods: called }),
        components: Components { schemas: &titled.schemas, tags: tags(&titled) },
    })
}

#[derive(Serialize)]
struct Document<'a> {
    openrpc: &'static str,
    info: Info<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    servers: Vec<ServerObject<'a>>,
    methods: Vec<MethodObject<'a>>,
    #[serde(rename = "x-client", skip_serializing_if = "Option::is_none")]
    client: Option<Client<'a>>,
    components: Components<'a>,
}

#[derive(Serialize)]
struct ServerObject<'a> {
    name: &'a str,
    url: &'a str,
}

/// The methods that this side calls at its peer.
#[derive(Serialize)]
struct Client<'a> {
    methods: Vec<MethodObject<'a>>,
}

#[derive(Serialize)]
struct Components<'a> {
    schemas: &'a BTreeMap<String, Schema>,
    /// The traits that have docs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<&'a str, Tag<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MethodObject<'a> {
    name: &'a str,
    /// The trait that has the method.
    tags: [Tag<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    deprecated: bool,
    param_structure: &'static str,
    params: Vec<ParamObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultObject>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorObject<'a>>,
    /// The types of the errors' data, by code.
    #[serde(rename = "x-errors", skip_serializing_if = "BTreeMap::is_empty")]
    error_data: BTreeMap<String, &'a Schema>,
    /// The codes of each error type.
    #[serde(rename = "x-error-types", skip_serializing_if = "BTreeMap::is_empty")]
    error_types: BTreeMap<&'a str, Vec<i64>>,
    #[serde(rename = "x-stream", skip_serializing_if = "Option::is_none")]
    stream: Option<StreamObject<'a>>,
    #[serde(rename = "x-progress", skip_serializing_if = "Option::is_none")]
    progress: Option<&'a Schema>,
    /// How birpc's callers send the params, if not by position.
    #[serde(rename = "x-param", skip_serializing_if = "Option::is_none")]
    style: Option<&'static str>,
    /// The parameter whose members `params` are.
    #[serde(rename = "x-params", skip_serializing_if = "Option::is_none")]
    single: Option<ParamObject<'a>>,
    /// The name of the function, if the method's does not end with it.
    #[serde(rename = "x-function", skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(rename = "x-idempotent", skip_serializing_if = "is_false")]
    idempotent: bool,
    #[serde(rename = "x-sensitive", skip_serializing_if = "is_false")]
    sensitive: bool,
}

#[derive(Serialize)]
struct Tag<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
}

#[derive(Serialize)]
struct ParamObject<'a> {
    name: &'a str,
    required: bool,
    schema: Schema,
    #[serde(rename = "x-stream", skip_serializing_if = "Option::is_none")]
    stream: Option<StreamObject<'a>>,
    /// It may be null, although it is required.
    #[serde(rename = "x-optional", skip_serializing_if = "is_false")]
    optional: bool,
    #[serde(rename = "x-sensitive", skip_serializing_if = "is_false")]
    sensitive: bool,
}

#[derive(Serialize)]
struct ResultObject {
    name: &'static str,
    schema: Schema,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i64,
    message: &'a str,
}

#[derive(Serialize)]
struct StreamObject<'a> {
    item: &'a Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsubscribe: Option<&'a str>,
}

/// The traits that say something about themselves, each once.
fn tags(titled: &Titled) -> BTreeMap<&str, Tag<'_>> {
    let services = titled.called.iter().chain(&titled.served).filter(|service| !service.docs.is_empty());
    services
        .map(|service| (&*service.name, Tag { name: &service.name, description: &service.docs }))
        .collect()
}

fn methods<'a>(services: &'a [Service], schemas: &'a BTreeMap<String, Schema>) -> Vec<MethodObject<'a>> {
    let methods = services.iter().flat_map(|service| {
        let tag = service.name.as_str();
        service.methods.iter().map(move |it| method(it, tag, schemas))
    });
    let mut methods: Vec<_> = methods.collect();
    methods.sort_by_key(|method| method.name);
    // A client may have several forms of one method; a document has a name once.
    methods.dedup_by_key(|method| method.name);
    methods
}

fn method<'a>(method: &'a Method, tag: &'a str, schemas: &'a BTreeMap<String, Schema>) -> MethodObject<'a> {
    let cases = method.error_cases();
    let members = single_members(method, schemas);
    MethodObject {
        name: &method.name,
        tags: [Tag { name: tag, description: "" }],
        summary: method.summary(),
        description: method.description(),
        deprecated: method.deprecated,
        param_structure: structure(method, members.is_some()),
        single: members.as_ref().and_then(|_| params(&method.params).pop()),
        params: members.unwrap_or_else(|| params(&method.params)),
        result: result(&method.outcome),
        errors: cases
            .iter()
            .map(|ErrorCase { code, message, .. }| ErrorObject { code: *code, message })
            .collect(),
        error_data: cases
            .iter()
            .filter_map(|case| Some((case.code.to_string(), case.data.as_ref()?)))
            .collect(),
        error_types: error_types(method),
        stream: stream(&method.outcome),
        progress: method.progress.as_ref(),
        style: match method.style {
            Style::Positional => None,
            Style::Named => Some("named"),
            Style::Single => Some("single"),
        },
        function: (function_of(&method.name) != method.function).then_some(&method.function),
        idempotent: method.idempotent,
        sensitive: method.sensitive,
    }
}

fn error_types(method: &Method) -> BTreeMap<&str, Vec<i64>> {
    let types = method.errors.iter().filter(|error| !error.cases.is_empty());
    types.map(|error| (&*error.name, error.cases.iter().map(|case| case.code).collect())).collect()
}

/// How callers may send the params.
fn structure(method: &Method, has_members: bool) -> &'static str {
    match method.style {
        Style::Single if has_members => "by-name",
        Style::Single => "by-position",
        Style::Positional | Style::Named => "either",
    }
}

/// Only those at the end are optional: a generator writes no parameter that may be missing before one that
/// may not. A null may stand for the others.
fn params(params: &[Param]) -> Vec<ParamObject<'_>> {
    let needed = params.iter().rposition(|param| param.required).map_or(0, |last| last + 1);
    let params = params.iter().enumerate().map(|(index, param)| ParamObject {
        name: &param.name,
        required: index < needed,
        schema: if param.stream { argument_stream() } else { param.schema.clone() },
        stream: param.stream.then_some(StreamObject::of(&param.schema)),
        optional: !param.required && index < needed,
        sensitive: param.sensitive,
    });
    params.collect()
}

impl<'a> StreamObject<'a> {
    fn of(item: &'a Schema) -> Self {
        Self { item, notification: None, unsubscribe: None }
    }
}

/// What stands for a stream in params.
fn argument_stream() -> Schema {
    Schema::from(serde_json::json!({
        "title": "ArgumentStream",
        "type": "object",
        "description": "The number of a stream of the call.",
        "properties": {
            "stream": {
                "title": "ArgumentStreamStream", "type": "integer", "minimum": 0, "maximum": u16::MAX,
            },
        },
        "required": ["stream"],
    }))
}

/// The members of a parameter that is the whole params, if its type is an object.
fn single_members<'a>(
    method: &'a Method,
    schemas: &'a BTreeMap<String, Schema>,
) -> Option<Vec<ParamObject<'a>>> {
    let [param] = &method.params[..] else { return None };
    let schema = match param.schema.referent() {
        Some(name) => schemas.get(name)?,
        None => &param.schema,
    };
    let whole = schema.as_value();
    if method.style != Style::Single || whole.get("type")? != "object" {
        return None;
    }
    let members = whole.get("properties").and_then(Value::as_object)?;
    let required = whole.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let mut members: Vec<_> = members
        .iter()
        .map(|(name, schema)| ParamObject {
            name,
            required: is_required(name),
            schema: Schema::from(schema.clone()),
            stream: None,
            optional: false,
            sensitive: param.sensitive,
        })
        .collect();
    members.sort_by_key(|member| (!member.required, member.name));
    Some(members)
}

fn result(outcome: &Outcome) -> Option<ResultObject> {
    let schema = match outcome {
        Outcome::Notification => return None,
        Outcome::Result(schema) => schema.clone(),
        // The end of a stream.
        Outcome::Stream(_) => Schema::from(serde_json::json!({ "title": "Null", "type": "null" })),
        Outcome::Subscription { .. } => subscription_id(),
    };
    Some(ResultObject { name: "result", schema })
}

fn subscription_id() -> Schema {
    Schema::from(serde_json::json!({ "title": "SubscriptionId", "type": "string" }))
}

fn stream(outcome: &Outcome) -> Option<StreamObject<'_>> {
    match outcome {
        Outcome::Subscription { item, notification, unsubscribe } => {
            Some(StreamObject { item, notification: Some(notification), unsubscribe: Some(unsubscribe) })
        }
        other => other.item().map(StreamObject::of),
    }
}
