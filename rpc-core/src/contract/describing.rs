//! Makes the description of a service, as generated code tells it.

use std::collections::BTreeMap;

use birpc_contract::{Method, Outcome, Schema, Service, Style};
use serde_json::json;

use super::types::{DescribeError, DescribedBody, DescribedParam, DescribedResult, Types};
use crate::dispatch::ServedParam;
use crate::message::may_be_missing;
use crate::subscription::SubscriptionForm;

/// The description of a service in the making.
#[derive(Debug)]
pub struct Describing {
    service: Service,
    methods: Vec<Pending>,
}

/// A method whose types are not asked yet. They are asked in the order of the methods' names: if two types
/// have one name, one of them gets a number, and which one must not depend on the order in the source.
#[derive(Debug)]
struct Pending {
    method: Method,
    params: Vec<PendingParam>,
    result: Option<fn(&mut Method, &mut Types)>,
    /// The names of its notification and of the method that ends it, if it is a subscription.
    subscription: Option<(String, String)>,
}

#[derive(Debug)]
struct PendingParam {
    name: &'static str,
    required: bool,
    sensitive: bool,
    describe: fn(&str, bool, &mut Method, &mut Types),
}

impl Describing {
    /// A service without methods. `docs` are the lines of the trait's doc comment.
    #[must_use]
    pub fn new(name: &str, docs: &[&str]) -> Self {
        let mut service = Service::new(name);
        service.docs = text(docs);
        Self { service, methods: Vec::new() }
    }

    /// Adds a method: a notification, unless it is said to be a request.
    pub fn method(&mut self, name: &str, function: &str, docs: &[&str]) -> DescribingMethod<'_> {
        let mut method = Method::new(name, function, Outcome::Notification);
        method.docs = text(docs);
        self.methods.push(Pending { method, params: Vec::new(), result: None, subscription: None });
        let last = self.methods.len() - 1;
        DescribingMethod(&mut self.methods[last])
    }

    /// The description.
    #[must_use]
    pub fn finish(mut self) -> Service {
        let mut types = Types::new();
        self.methods.sort_by(|a, b| a.method.name.cmp(&b.method.name));
        for Pending { mut method, params, result, subscription } in self.methods {
            for PendingParam { name, required, sensitive, describe } in params {
                let before = method.params.len();
                describe(name, required, &mut method, &mut types);
                // Progress is no parameter of the method.
                method.params[before..].iter_mut().for_each(|param| param.sensitive = sensitive);
            }
            if let Some(result) = result {
                result(&mut method, &mut types);
            }
            if let (Outcome::Stream(item), Some((notification, unsubscribe))) =
                (&method.outcome, subscription)
            {
                let item = item.clone();
                method.outcome = Outcome::Subscription { item, notification, unsubscribe };
            }
            self.service.methods.push(method);
        }
        self.service.schemas = types.into_named().collect();
        self.service
    }
}

/// A method in the making.
#[derive(Debug)]
pub struct DescribingMethod<'a>(&'a mut Pending);

impl DescribingMethod<'_> {
    /// Adds a parameter of a method that is served.
    #[must_use]
    pub fn param<T: DescribedParam + ServedParam>(self, name: &'static str) -> Self {
        self.with_param::<T>(name, !may_be_missing::<T::Wire>())
    }

    /// Adds a parameter of a method that is served, with a default.
    #[must_use]
    pub fn param_with_default<T: DescribedParam>(self, name: &'static str) -> Self {
        self.with_param::<T>(name, false)
    }

    /// Adds a parameter of a method that is only called.
    #[must_use]
    pub fn called_param<T: DescribedParam>(self, name: &'static str) -> Self {
        self.with_param::<T>(name, true)
    }

    fn with_param<T: DescribedParam>(self, name: &'static str, required: bool) -> Self {
        self.0.params.push(PendingParam { name, required, sensitive: false, describe: T::describe });
        self
    }

    /// Says that logs must not show the parameter that was added last.
    #[must_use]
    pub fn sensitive_param(self) -> Self {
        if let Some(last) = self.0.params.last_mut() {
            last.sensitive = true;
        }
        self
    }

    /// Says that callers send the parameters by name.
    #[must_use]
    pub fn named(self) -> Self {
        self.0.method.style = Style::Named;
        self
    }

    /// Says that the only parameter is the whole params.
    #[must_use]
    pub fn single(self) -> Self {
        self.0.method.style = Style::Single;
        self
    }

    /// Says that the method is deprecated.
    #[must_use]
    pub fn deprecated(self) -> Self {
        self.0.method.deprecated = true;
        self
    }

    /// Says that serving the method twice does no harm.
    #[must_use]
    pub fn idempotent(self) -> Self {
        self.0.method.idempotent = true;
        self
    }

    /// Says that logs must not show the params and the result.
    #[must_use]
    pub fn sensitive(self) -> Self {
        self.0.method.sensitive = true;
        self
    }

    /// Says that it is a notification.
    pub fn notification(self) {
        self.0.method.outcome = Outcome::Notification;
    }

    /// Says that it is a request, and what it returns.
    pub fn request<R: DescribedResult>(self) {
        self.0.result = Some(|method, types| {
            method.outcome = <R::Ok as DescribedBody>::describe(types);
            let errors = [R::Err::describe(types), <R::Ok as DescribedBody>::errors(types)];
            for error in errors.into_iter().flatten() {
                if !method.errors.contains(&error) {
                    method.errors.push(error);
                }
            }
        });
    }

    /// Says that it is a subscription, and what it returns.
    pub fn subscription<R: DescribedResult>(self, form: &SubscriptionForm) {
        self.0.subscription = Some((form.notification_name().to_owned(), form.unsubscribe_name().to_owned()));
        self.request::<R>();
    }
}

/// The schema of an object with these members.
pub fn object(members: &[(&str, Schema)]) -> Schema {
    let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    let properties: BTreeMap<_, _> =
        members.iter().map(|(name, schema)| (*name, schema.as_value())).collect();
    Schema::from(json!({ "type": "object", "properties": properties, "required": names }))
}

/// The text of a doc comment. Each line begins with the space behind the slashes.
fn text(lines: &[&str]) -> String {
    let lines = lines.iter().flat_map(|line| line.split('\n'));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
