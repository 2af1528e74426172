//! The rules for the names of methods on the wire.

use std::collections::HashSet;

use syn::LitStr;

use super::super::model::{Method, Namespace};
use crate::errors::Errors;

/// JSON-RPC 2.0 §4 reserves names with this prefix.
const RESERVED: &str = "rpc.";

pub(super) fn namespace(namespace: Option<&Namespace>, errors: &mut Errors) {
    let Some(namespace) = namespace else { return };
    if namespace.literal.value().is_empty() {
        errors.at(&namespace.literal, "a namespace must not be empty: remove the key to use bare names");
    }
    if namespace.prefix.starts_with(RESERVED) {
        refuse_reserved(&namespace.literal, errors);
    }
}

/// Checks names that were given in full. For other names, the namespace has been checked.
pub(super) fn method(method: &Method, errors: &mut Errors) {
    let name = method.name.explicit.then_some(&method.name.literal);
    let others = method.subscription.iter().flat_map(|it| [&it.notification, &it.unsubscribe]);
    for literal in name.into_iter().chain(&method.aliases).chain(others) {
        let name = literal.value();
        if name.is_empty() {
            errors.at(literal, "a method's name on the wire must not be empty");
        }
        if name.starts_with(RESERVED) {
            refuse_reserved(literal, errors);
        }
    }
}

/// Reports two methods of the same name. Methods under a `cfg` are not checked: one may replace the other.
/// Several subscriptions may have one name for the method that ends them.
pub(super) fn duplicates(methods: &[Method], errors: &mut Errors) {
    let is_conditional = |it: &Method| it.syntax.attrs.iter().any(|attr| attr.path().is_ident("cfg"));
    let methods: Vec<_> = methods.iter().filter(|it| !is_conditional(it)).collect();
    let subscriptions = methods.iter().filter_map(|it| it.subscription.as_ref());
    let mut seen: HashSet<_> = subscriptions.map(|it| it.unsubscribe.value()).collect();
    for method in methods {
        for literal in method.names() {
            let name = literal.value();
            if !name.is_empty() && !seen.insert(name.clone()) {
                errors.at(
                    literal,
                    format!(
                        "{name:?} is taken: it is a name of another method, or an alias. A server tells \
                         methods apart by their names; in a trait that is only called, under \
                         `#[rpc(client)]`, several may have one"
                    ),
                );
            }
        }
    }
}

fn refuse_reserved(literal: &LitStr, errors: &mut Errors) {
    errors.at(
        literal,
        format!("names that begin with `{RESERVED}` are reserved by JSON-RPC 2.0: choose another"),
    );
}
