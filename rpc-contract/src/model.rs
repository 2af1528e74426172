//! The model of a service: its methods, with the types that are on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::schema::Schema;

/// The methods of one trait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Service {
    /// The name of the trait.
    pub name: String,
    /// Its doc comment.
    #[serde(default)]
    pub docs: String,
    /// Its methods. Documents sort them by their names on the wire.
    pub methods: Vec<Method>,
    /// The types that schemas refer to, as `#/components/schemas/NAME`.
    #[serde(default)]
    pub schemas: BTreeMap<String, Schema>,
}

/// A method of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Method {
    /// The name on the wire.
    pub name: String,
    /// The name of the function in the trait.
    pub function: String,
    /// The doc comment. Its first line is the summary.
    #[serde(default)]
    pub docs: String,
    /// Whether the method is deprecated.
    #[serde(default)]
    pub deprecated: bool,
    /// Whether serving it twice does no harm.
    #[serde(default)]
    pub idempotent: bool,
    /// Whether logs and recordings must not show its params and its result.
    #[serde(default)]
    pub sensitive: bool,
    /// How a caller sends the parameters.
    #[serde(default)]
    pub style: Style,
    /// The parameters on the wire.
    pub params: Vec<Param>,
    /// What the method answers.
    pub outcome: Outcome,
    /// The type of its progress reports, if it makes any.
    #[serde(default)]
    pub progress: Option<Schema>,
    /// The types of the errors with which it fails; those of a stream too.
    #[serde(default)]
    pub errors: Vec<ErrorType>,
}

/// How a caller sends the parameters of a method. A server accepts the first two in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Style {
    /// As an array.
    #[default]
    Positional,
    /// As an object.
    Named,
    /// The only parameter is the whole params.
    Single,
}

/// A parameter of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Param {
    /// The name on the wire.
    pub name: String,
    /// The type of the value, or of each item if it is a stream.
    pub schema: Schema,
    /// Whether the method refuses a call without it.
    pub required: bool,
    /// Whether it is a stream.
    #[serde(default)]
    pub stream: bool,
    /// Whether logs and recordings must not show it.
    #[serde(default)]
    pub sensitive: bool,
}

/// What a method answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing: it is a notification.
    Notification,
    /// A result of this type.
    Result(Schema),
    /// A stream of items of this type.
    Stream(Schema),
    /// A stream that other peers than those of `birpc.v1` get as a subscription.
    Subscription {
        /// The type of the items.
        item: Schema,
        /// The name of the notification that has an item.
        notification: String,
        /// The name of the method that ends the subscription.
        unsubscribe: String,
    },
}

/// An error type: the errors that a method may answer with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorType {
    /// Its name.
    pub name: String,
    /// Its errors, each with another code.
    pub cases: Vec<ErrorCase>,
}

/// An error with its code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorCase {
    /// The code on the wire.
    pub code: i64,
    /// The message, or the format string from which it is made.
    pub message: String,
    /// The type of `data`, if there is any.
    #[serde(default)]
    pub data: Option<Schema>,
}

impl Service {
    /// A service without methods.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Puts `prefix` before the names of all methods on the wire, and before those of a subscription's
    /// notification and its end. It is for a service that `Router::nest` serves.
    #[must_use]
    pub fn nested(mut self, prefix: &str) -> Self {
        for method in &mut self.methods {
            method.name.insert_str(0, prefix);
            if let Outcome::Subscription { notification, unsubscribe, .. } = &mut method.outcome {
                notification.insert_str(0, prefix);
                unsubscribe.insert_str(0, prefix);
            }
        }
        self
    }
}

impl Method {
    /// A method without parameters.
    #[must_use]
    pub fn new(name: impl Into<String>, function: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            name: name.into(),
            function: function.into(),
            docs: String::new(),
            deprecated: false,
            idempotent: false,
            sensitive: false,
            style: Style::Positional,
            params: Vec::new(),
            outcome,
            progress: None,
            errors: Vec::new(),
        }
    }

    /// The first line of the docs.
    pub(crate) fn summary(&self) -> Option<&str> {
        self.docs.lines().next().map(str::trim).filter(|line| !line.is_empty())
    }

    /// The docs, if they have more than the summary.
    pub(crate) fn description(&self) -> Option<&str> {
        let docs = self.docs.trim();
        docs.contains('\n').then_some(docs)
    }

    /// The errors of all types, each code once, by code.
    pub(crate) fn error_cases(&self) -> Vec<&ErrorCase> {
        let mut cases = BTreeMap::new();
        for case in self.errors.iter().flat_map(|error| &error.cases) {
            cases.entry(case.code).or_insert(case);
        }
        cases.into_values().collect()
    }

    /// Calls `f` with each schema of the method.
    pub(crate) fn each_schema(&mut self, mut f: impl FnMut(&mut Schema)) {
        self.params.iter_mut().for_each(|param| f(&mut param.schema));
        match &mut self.outcome {
            Outcome::Notification => {}
            Outcome::Result(schema) | Outcome::Stream(schema) => f(schema),
            Outcome::Subscription { item, .. } => f(item),
        }
        self.progress.iter_mut().for_each(&mut f);
        let cases = self.errors.iter_mut().flat_map(|error| &mut error.cases);
        cases.filter_map(|case| case.data.as_mut()).for_each(f);
    }
}

impl Outcome {
    /// The type of the items, if it is a stream.
    pub(crate) fn item(&self) -> Option<&Schema> {
        match self {
            Self::Stream(item) | Self::Subscription { item, .. } => Some(item),
            Self::Notification | Self::Result(_) => None,
        }
    }
}

impl Param {
    /// A parameter that has to be there.
    #[must_use]
    pub fn new(name: impl Into<String>, schema: Schema) -> Self {
        Self { name: name.into(), schema, required: true, stream: false, sensitive: false }
    }
}

impl ErrorType {
    /// An error type without errors.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), cases: Vec::new() }
    }

    /// Adds an error.
    #[must_use]
    pub fn with(mut self, code: i64, message: impl Into<String>, data: Option<Schema>) -> Self {
        self.cases.push(ErrorCase { code, message: message.into(), data });
        self
    }
}
