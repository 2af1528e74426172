//! Reads OpenRPC: documents that birpc wrote, and those of other servers.
//!
//! Those of others have no traits, so their methods are grouped by their first tag, and may put `$ref`s where
//! birpc writes the thing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::references::{References, weight};
use crate::content::Content;
use crate::merge;
use crate::model::{ErrorType, Method, Outcome, Param, Service, Style};
use crate::names::{Names, function_of, pascal};
use crate::schema::Schema;

/// Why a text is no OpenRPC document that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no OpenRPC document: {}", self.0)
    }
}

impl Error for ReadError {}

pub(crate) fn read(text: &str) -> Result<Content, ReadError> {
    let document: Value = serde_json::from_str(text).map_err(|error| ReadError(error.to_string()))?;
    Reader { root: &document, references: References::new(&document) }.content()
}

#[derive(Deserialize)]
struct Info {
    title: String,
    version: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct ServerObject {
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MethodObject {
    name: String,
    #[serde(default)]
    tags: Vec<Value>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    deprecated: bool,
    #[serde(default)]
    param_structure: String,
    params: Vec<Value>,
    result: Option<Value>,
    #[serde(default)]
    errors: Vec<Value>,
    #[serde(rename = "x-errors", default)]
    data: BTreeMap<String, Schema>,
    #[serde(rename = "x-error-types", default)]
    types: BTreeMap<String, Vec<i64>>,
    #[serde(rename = "x-stream")]
    stream: Option<StreamObject>,
    #[serde(rename = "x-progress")]
    progress: Option<Schema>,
    #[serde(rename = "x-param")]
    style: Option<String>,
    #[serde(rename = "x-params")]
    single: Option<Value>,
    #[serde(rename = "x-function")]
    function: Option<String>,
    #[serde(rename = "x-idempotent", default)]
    idempotent: bool,
    #[serde(rename = "x-sensitive", default)]
    sensitive: bool,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
    #[serde(default)]
    description: String,
}

/// A parameter, or a result.
#[derive(Deserialize)]
struct ContentDescriptor {
    #[serde(default)]
    name: String,
    #[serde(default)]
    required: bool,
    schema: Schema,
    #[serde(rename = "x-stream")]
    stream: Option<StreamObject>,
    #[serde(rename = "x-optional", default)]
    optional: bool,
    #[serde(rename = "x-sensitive", default)]
    sensitive: bool,
}

#[derive(Deserialize)]
struct StreamObject {
    item: Schema,
    notification: Option<String>,
    unsubscribe: Option<String>,
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
    #[serde(default)]
    message: String,
}

/// Makes a contract of the parts of a document.
struct Reader<'a> {
    root: &'a Value,
    references: References<'a>,
}

impl Reader<'_> {
    fn content(&self) -> Result<Content, ReadError> {
        let root = self.root;
        let version = root.get("openrpc").and_then(Value::as_str);
        if !version.is_some_and(|version| version.starts_with("1.")) {
            return Err(ReadError("it has no member `openrpc` with a version 1.x".into()));
        }
        let info: Info =
            self.references.part(&root["info"]).map_err(|why| ReadError(format!("in `info`: {why}")))?;
        let called = root.pointer("/x-client/methods");
        Ok(Content {
            serves: self.services(&root["methods"], "methods", &info.title)?,
            calls: called
                .map_or(Ok(Vec::new()), |called| self.services(called, "x-client.methods", &info.title))?,
            urls: self.references.parts::<ServerObject>(&root["servers"]).map(|server| server.url).collect(),
            schemas: match root.pointer("/components/schemas") {
                Some(Value::Object(schemas)) => {
                    schemas.iter().map(|(name, schema)| (name.clone(), schema.clone().into())).collect()
                }
                _ => BTreeMap::new(),
            },
            title: info.title,
            version: info.version,
            description: info.description,
        })
    }

    /// A service for each trait, or for each first tag.
    fn services(&self, methods: &Value, place: &str, title: &str) -> Result<Vec<Service>, ReadError> {
        let Value::Array(methods) = methods else {
            return Err(ReadError(format!("`{place}` is no list")));
        };
        let mut services: BTreeMap<String, Service> = BTreeMap::new();
        for (index, method) in methods.iter().enumerate() {
            let wrong = |why| ReadError(format!("in `{place}[{index}]`: {why}"));
            let object: MethodObject = self.references.part(method).map_err(wrong)?;
            let tag: Option<Tag> = object.tags.first().and_then(|tag| self.references.part(tag).ok());
            let tag = tag.unwrap_or_else(|| Tag { name: title.into(), description: String::new() });
            let service = services.entry(tag.name).or_insert_with_key(|name| Service {
                docs: self.docs_of_tag(name).unwrap_or(tag.description),
                ..Service::new(name)
            });
            service.methods.push(self.method(object).map_err(wrong)?);
        }
        let mut services: Vec<_> = services.into_values().collect();
        for service in &mut services {
            separate_functions(&mut service.methods);
            merge::sort(service);
        }
        Ok(services)
    }

    fn docs_of_tag(&self, name: &str) -> Option<String> {
        let tag = self.root.get("components")?.get("tags")?.get(name)?;
        Some(self.references.part::<Tag>(tag).ok()?.description)
    }

    fn method(&self, object: MethodObject) -> Result<Method, String> {
        let outcome = self.outcome(&object)?;
        let single = object.single.as_ref().filter(|_| object.style.as_deref() == Some("single"));
        let params = single.map_or(&object.params[..], std::slice::from_ref).iter();
        let function = object.function.clone().unwrap_or_else(|| function_of(&object.name).to_owned());
        Ok(Method {
            docs: docs(&object),
            deprecated: object.deprecated,
            idempotent: object.idempotent,
            sensitive: object.sensitive,
            style: match (object.style.as_deref(), &*object.param_structure) {
                (Some("single"), _) => Style::Single,
                (Some("named"), _) | (None, "by-name") => Style::Named,
                _ => Style::Positional,
            },
            params: params
                .map(|param| self.references.part(param).map(param_of))
                .collect::<Result<_, _>>()?,
            progress: object.progress.clone(),
            errors: self.errors(&object)?,
            ..Method::new(object.name, function, outcome)
        })
    }

    fn outcome(&self, object: &MethodObject) -> Result<Outcome, String> {
        let result = object
            .result
            .as_ref()
            .map(|result| self.references.part::<ContentDescriptor>(result))
            .transpose()?;
        Ok(match (&object.stream, result) {
            (None, None) => Outcome::Notification,
            (None, Some(result)) => Outcome::Result(result.schema),
            (Some(StreamObject { item, notification: Some(notification), unsubscribe: Some(end) }), _) => {
                Outcome::Subscription {
                    item: item.clone(),
                    notification: notification.clone(),
                    unsubscribe: end.clone(),
                }
            }
            (Some(stream), _) => Outcome::Stream(stream.item.clone()),
        })
    }

    /// The error types. Documents of others have none, so there the errors of a method are one type.
    fn errors(&self, object: &MethodObject) -> Result<Vec<ErrorType>, String> {
        let errors = object.errors.iter().map(|error| self.references.part::<ErrorObject>(error));
        let errors: BTreeMap<_, _> =
            errors.map(|error| error.map(|it| (it.code, it.message))).collect::<Result<_, _>>()?;
        let of_method = || (pascal(&object.name) + "Error", errors.keys().copied().collect());
        let types: Vec<(String, Vec<i64>)> = match &object.types {
            types if !types.is_empty() => types.clone().into_iter().collect(),
            _ if errors.is_empty() => Vec::new(),
            _ => vec![of_method()],
        };
        let of_type = |(name, codes): (String, Vec<i64>)| {
            let mut seen = BTreeSet::new();
            let codes = codes.into_iter().filter(|code| seen.insert(*code));
            let mut cases = codes.filter_map(|code| Some((code, errors.get(&code)?)));
            cases.try_fold(ErrorType::new(name), |error, (code, message)| {
                let data = object.data.get(&code.to_string());
                self.references.charge(message.len() + data.map_or(0, |data| weight(data.as_value())))?;
                Ok(error.with(code, message, data.cloned()))
            })
        };
        types.into_iter().map(of_type).collect()
    }
}

fn param_of(object: ContentDescriptor) -> Param {
    Param {
        required: object.required && !object.optional,
        stream: object.stream.is_some(),
        sensitive: object.sensitive,
        ..Param::new(object.name, object.stream.map_or(object.schema, |stream| stream.item))
    }
}

/// The summary is the first line of the docs. Others repeat it in the description, or do not.
fn docs(object: &MethodObject) -> String {
    let summary = object.summary.split_whitespace().collect::<Vec<_>>().join(" ");
    match &*object.description {
        "" => summary,
        description if description.starts_with(&object.summary) => description.to_owned(),
        description => format!("{summary}\n\n{description}"),
    }
}

/// Gives each method of a service a function of its own: else it is the name on the wire, with a number if
/// that is another's too.
fn separate_functions(methods: &mut [Method]) {
    let mut names = Names::default();
    for method in methods {
        method.function = names.first_free([method.function.clone(), method.name.clone()]);
    }
}
