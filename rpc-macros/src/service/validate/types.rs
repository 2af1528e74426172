//! Finds types that cannot be sent, as far as their tokens show it; trait bounds find the others.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;

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
