//! Types that cannot travel, as far as their spelling shows it; traits find the others.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;

use crate::errors::Errors;

pub(super) const BY_REFERENCE: &str = "parameters on the wire are owned: take `String` for `&str`, \
     `Vec<T>` for `&[T]`; only `&Context`, first after `&self`, is taken by reference";

/// What a type is for.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Parameter,
    Output,
}

/// What stands in the way of sending and receiving a type.
#[derive(Clone, Copy)]
enum Obstacle {
    Borrowed,
    Opaque,
    SelfType,
}

/// Reports a type that borrows, or that only the implementor knows.
pub(super) fn owned(ty: &Type, role: Role, errors: &mut Errors) {
    let Some(obstacle) = find(ty.to_token_stream()) else {
        return;
    };
    let message = match (obstacle, role) {
        (Obstacle::Borrowed, Role::Parameter) => BY_REFERENCE,
        (Obstacle::Borrowed, Role::Output) => {
            "a result on the wire is owned: return `String` for `&str`, `Vec<T>` for `&[T]`"
        }
        (Obstacle::Opaque, _) => {
            "what is on the wire has a type that both sides know: write it out, or put a type \
             parameter on the trait"
        }
        (Obstacle::SelfType, _) => "`Self` is the service, which a caller does not know: write the type out",
    };
    errors.at(ty, message);
}

/// Looks at tokens rather than at syntax, because what is looked for may be in any generic argument.
fn find(tokens: TokenStream) -> Option<Obstacle> {
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        let found = match &token {
            TokenTree::Punct(punct) if punct.as_char() == '&' => Some(Obstacle::Borrowed),
            // A lifetime is a quote, and then its name.
            TokenTree::Punct(punct) if punct.as_char() == '\'' => match tokens.next() {
                Some(TokenTree::Ident(name)) if name == "static" => None,
                _ => Some(Obstacle::Borrowed),
            },
            TokenTree::Ident(ident) if ident == "impl" => Some(Obstacle::Opaque),
            TokenTree::Ident(ident) if ident == "Self" => Some(Obstacle::SelfType),
            // Braces hold an expression, as in `[u8; { A & B }]`.
            TokenTree::Group(group) if group.delimiter() != Delimiter::Brace => find(group.stream()),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
