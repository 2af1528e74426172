//! The path of `birpc::__private`. An expansion refers to no other items.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Ident, Path};

use crate::manifest::renamed;

/// The path of the hidden module.
///
/// Its tokens have mixed-site spans: they resolve like any other path, and lints ignore code that is not the
/// user's.
pub(crate) struct Private {
    path: TokenStream,
}

impl Private {
    /// The path is that of `#[rpc(crate = …)]`; without it, `::birpc` or the name that birpc has in this
    /// crate.
    pub(crate) fn new(krate: Option<&Path>) -> Self {
        let path = match (krate, renamed().and_then(|name| syn::parse_str::<Ident>(&name).ok())) {
            (Some(path), _) => quote!(#path::__private),
            (None, Some(name)) => quote!(::#name::__private),
            (None, None) => quote!(::birpc::__private),
        };
        let site = Span::mixed_site();
        Self { path: located_at(path, site) }
    }

    /// The path for an item whose errors rustc reports at `span`.
    pub(crate) fn at(&self, span: Span) -> TokenStream {
        located_at(self.path.clone(), span)
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.path.to_tokens(tokens);
    }
}

/// The same tokens with the same resolution, but underlined at another place.
pub(crate) fn located_at(tokens: TokenStream, span: Span) -> TokenStream {
    let relocate = |token| {
        let mut token = match token {
            TokenTree::Group(group) => {
                let stream = located_at(group.stream(), span);
                TokenTree::Group(Group::new(group.delimiter(), stream))
            }
            other => other,
        };
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_iter().map(relocate).collect()
}
