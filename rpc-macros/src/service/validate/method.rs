//! The rules for methods, except for their parameters.

use syn::{FnArg, ReceiverKind, ReturnType, Safety, Signature, Type};

use super::super::model::{Method, ungrouped};
use super::types::{self, Role};
use crate::errors::Errors;

/// The methods that every stub has.
const OF_EVERY_STUB: [&str; 3] = ["with_timeout", "peer", "batch"];

pub(super) fn shape(method: &Method, errors: &mut Errors) {
    let signature = &method.syntax.sig;
    qualifiers(method, errors);
    receiver(signature, errors);
    generics(signature, errors);
    if method.notification.is_some() {
        notification_output(signature, errors);
        if let Some(path) = &method.idempotent {
            errors.at(path, "a notification is never sent again: remove `idempotent`");
        }
        if let Some(subscription) = &method.subscription {
            errors.at(
                &subscription.key,
                "a subscription is answered with its id, and a notification never: remove one of them",
            );
        }
    } else if method.sound {
        // Otherwise a key was not understood, which may have been `notification`.
        request_output(signature, errors);
        if let Some(overflow) = &method.overflow {
            errors.at(
                &overflow.key,
                "only a notification needs `overflow`, since a request is answered with -32005: \
                 leave it out, or add `notification`",
            );
        }
    }
    for reserved in OF_EVERY_STUB {
        if signature.ident == reserved {
            errors.at(
                &signature.ident,
                format!(
                    "every stub has a method `{reserved}` of its own: rename this one, and \
                     keep its name on the wire with `#[rpc(name = \"…\")]`"
                ),
            );
        }
    }
}

fn qualifiers(method: &Method, errors: &mut Errors) {
    let signature = &method.syntax.sig;
    asyncness(method, errors);
    if let Some(token) = &signature.constness {
        errors.at(token, "a method of an `#[rpc]` trait cannot be `const`");
    }
    if let Some(token) = &method.syntax.modifiers.defaultness {
        errors.at(token, "remove `default`: the body of a method is its default");
    }
    match &signature.safety {
        Safety::Unsafe(token) => errors
            .at(token, "a method of an `#[rpc]` trait must be safe: a peer cannot uphold a safety contract"),
        Safety::Safe(token) => errors.at(token, "remove `safe`: methods are safe"),
        Safety::Default => {}
    }
    if let Some(abi) = &signature.abi {
        errors.at(abi, "a method of an `#[rpc]` trait has no ABI: remove `extern`");
    }
    if let Some(variadic) = &signature.variadic {
        errors
            .at(variadic, "a method has a fixed number of parameters: take a `Vec` for any number of values");
    }
}

fn asyncness(method: &Method, errors: &mut Errors) {
    let signature = &method.syntax.sig;
    match (&signature.asyncness, &method.blocking) {
        (Some(token), Some(_)) => errors.at(
            token,
            "a blocking method runs on its own thread and cannot await: remove `async` or `blocking`",
        ),
        // Otherwise a key was not understood, which may have been `blocking`.
        (None, None) if method.sound => errors.at(
            signature.fn_token,
            "a method of an `#[rpc]` trait is async: write `async fn`, or `#[rpc(blocking)]` if it blocks \
             its thread",
        ),
        _ => {}
    }
}

fn receiver(signature: &Signature, errors: &mut Errors) {
    let message = "a method takes `&self`: many calls share the service at the same time, so keep \
                   what changes behind a lock or an atomic";
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) => match &receiver.kind {
            ReceiverKind::Reference(_, None, None) => {}
            _ => errors.at(receiver, message),
        },
        _ => errors.at(&signature.ident, message),
    }
}

fn generics(signature: &Signature, errors: &mut Errors) {
    let message = "a method has no generics of its own, since a peer cannot choose types: put type \
                   parameters on the trait";
    if !signature.generics.params.is_empty() {
        errors.at(&signature.generics, message);
    } else if let Some(clause) = &signature.generics.where_clause {
        errors.at(clause, message);
    }
}

fn request_output(signature: &Signature, errors: &mut Errors) {
    match &signature.output {
        ReturnType::Default => errors.at(
            &signature.ident,
            "a request returns `Result<T, E>`; for a method that is never answered write \
             `#[rpc(notification)]`",
        ),
        ReturnType::Type(_, ty) => {
            types::owned(ty, Role::Output, errors);
            types::no_inner(ty, Role::Output, errors);
        }
    }
}

fn notification_output(signature: &Signature, errors: &mut Errors) {
    if let ReturnType::Type(_, ty) = &signature.output {
        let is_unit = matches!(ungrouped(ty), Type::Tuple(tuple) if tuple.elems.is_empty());
        if !is_unit {
            errors.at(
                ty,
                "a notification is never answered: return nothing, or leave out \
                 `#[rpc(notification)]` to make it a request",
            );
        }
    }
}
