//! Finds types that cannot be sent, as far as their tokens show it; trait bounds find the others.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type};

use super::super::model::{is_named, ungrouped};
use crate::errors::Errors;

pub(super) const BY_REFERENCE: &str = "parameters must be owned: take `String` for `&str`, \
     `Vec<T>` for `&[T]`; only `&Context`, first after `&self`, is taken by reference";

/// What a type is used for.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Parameter,
    Output,
}

/// Why a type cannot be sent and received.
#[derive(Clone, Copy)]
enum Obstacle {
    Borrowed,
    Opaque,
    SelfType,
}

/// Reports a type that borrows, or that contains `Self`.
pub(super) fn owned(ty: &Type, role: Role, errors: &mut Errors) {
    let Some(obstacle) = find(ty.to_token_stream()) else {
        return;
    };
    let message = match (obstacle, role) {
        (Obstacle::Borrowed, Role::Parameter) => BY_REFERENCE,
        (Obstacle::Borrowed, Role::Output) => {
            "a result must be owned: return `String` for `&str`, `Vec<T>` for `&[T]`"
        }
        (Obstacle::Opaque, _) => {
            "both sides must know the type of a parameter or result: write it out, or put a type \
             parameter on the trait"
        }
        (Obstacle::SelfType, _) => {
            "`Self` is the service's type, which callers do not know: write the type out"
        }
    };
    errors.at(ty, message);
}

/// Reports a stream or progress inside another type: neither is a value that could be a part of one.
pub(super) fn no_inner(ty: &Type, role: Role, errors: &mut Errors) {
    let found = match role {
        Role::Parameter => inner(ty, "Streaming", true),
        // `Result<Streaming<T>, E>`, under whatever alias.
        Role::Output => arguments(ty).enumerate().find_map(|(index, it)| inner(it, "Streaming", index == 0)),
    };
    if let Some(found) = found {
        errors.at(
            found,
            "a stream is part of no other type: take each as a parameter of its own, `Streaming<T>`, or \
             return `Result<Streaming<T>, E>`; an empty stream stands for none. A type of your own with this \
             name is written with its path, such as `self::Streaming<T>`",
        );
    }
    if let Some(found) = inner(ty, "Progress", matches!(role, Role::Parameter)) {
        errors.at(
            found,
            "progress is a parameter of its own, `Progress<T>`, and part of no other type; who calls passes \
             `Progress::none()` for none. A type of your own with this name is written with its path, such \
             as `self::Progress<T>`",
        );
    }
}

/// The first type of this name in a type, apart from the type itself if that may be one.
fn inner<'a>(ty: &'a Type, name: &str, may_be_one: bool) -> Option<&'a Type> {
    let ty = ungrouped(ty);
    if is_named(ty, name) && !may_be_one {
        return Some(ty);
    }
    let elements: Vec<_> = match ty {
        Type::Tuple(tuple) => tuple.elems.iter().collect(),
        Type::Array(array) => vec![&*array.elem],
        other => arguments(other).collect(),
    };
    elements.into_iter().find_map(|element| inner(element, name, false))
}

/// The types in the angle brackets of one.
fn arguments(ty: &Type) -> impl Iterator<Item = &Type> {
    let path = match ungrouped(ty) {
        Type::Path(path) => Some(&path.path),
        _ => None,
    };
    let arguments = path.into_iter().flat_map(|path| &path.segments).filter_map(|it| match &it.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    });
    arguments.flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Searches tokens instead of syntax, because the obstacle may be in any generic argument.
fn find(tokens: TokenStream) -> Option<Obstacle> {
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        let found = match &token {
            TokenTree::Punct(punct) if punct.as_char() == '&' => Some(Obstacle::Borrowed),
            // A lifetime is a quote followed by a name.
            TokenTree::Punct(punct) if punct.as_char() == '\'' => match tokens.next() {
                Some(TokenTree::Ident(name)) if name == "static" => None,
                _ => Some(Obstacle::Borrowed),
            },
            TokenTree::Ident(ident) if ident == "impl" => Some(Obstacle::Opaque),
            TokenTree::Ident(ident) if ident == "Self" => Some(Obstacle::SelfType),
            // Braces contain an expression, as in `[u8; { A & B }]`.
            TokenTree::Group(group) if group.delimiter() != Delimiter::Brace => find(group.stream()),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
