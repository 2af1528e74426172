//! `birpc::__private`, of which alone an expansion names items.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Ident, Path};

use crate::manifest::renamed;

/// The path to the hidden module.
///
/// It has mixed-site spans: they resolve it like any other path, and lints leave alone what they
/// mark as not the user's.
pub(crate) struct Private {
    path: TokenStream,
}

impl Private {
    /// Where `#[rpc(crate = …)]` says that it is; otherwise in `::birpc`, or whatever that is called here.
    pub(crate) fn new(krate: Option<&Path>) -> Self {
        let path = match (krate, renamed().and_then(|name| syn::parse_str::<Ident>(&name).ok())) {
            (Some(path), _) => quote!(#path::__private),
            (None, Some(name)) => quote!(::#name::__private),
            (None, None) => quote!(::birpc::__private),
        };
        let site = Span::mixed_site();
        Self { path: located_at(path, site) }
    }

    /// The path for an item of which rustc reports what is wrong about the tokens at `span`.
    pub(crate) fn at(&self, span: Span) -> TokenStream {
        located_at(self.path.clone(), span)
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.path.to_tokens(tokens);
    }
}

/// The same tokens, which resolve to the same, with another place to underline.
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
