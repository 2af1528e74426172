//! From the model to code.
//!
//! What is emitted names nothing but the user's own tokens and `__private`. Its own variables have
//! mixed-site spans, so that a parameter called `this` or `router` is another variable.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, Ident};

use super::model::Service;
use crate::generics::{Generics, identifiers};

mod attributes;
mod batch;
mod client;
mod definition;
mod server;

/// What the three parts of an expansion share.
struct Names<'a> {
    service: &'a Service,
    /// The trait's type and const parameters, with the bounds that birpc adds.
    generics: Generics,
    /// The conditions of the trait, under which everything else has to be as well.
    cfgs: Vec<&'a Attribute>,
}

impl<'a> Names<'a> {
    fn new(service: &'a Service) -> Self {
        let private = &service.private;
        let site = Span::mixed_site();
        let bounds = quote_spanned! {site=>
            #private::Serialize + #private::DeserializeOwned + #private::Send + #private::Sync + 'static
        };
        Self {
            service,
            generics: Generics::new(&service.item.generics).bound(&bounds),
            cfgs: attributes::conditions(&service.item.attrs).collect(),
        }
    }

    /// `ChatServer`, `ChatClient`, `ChatBatch`: spanned as the trait's name, where a clash would be put right.
    fn derived(&self, suffix: &str) -> Ident {
        let ident = &self.service.item.ident;
        Ident::new(&format!("{}{suffix}", ident.unraw()), ident.span())
    }

    /// What the field of [`Generics::phantom`] is made with, if there is one.
    fn phantom(&self) -> Option<TokenStream> {
        let private = &self.service.private;
        let site = Span::mixed_site();
        let needed = !self.generics.types.is_empty();
        needed.then(|| quote_spanned!(site=> #private::PhantomData))
    }

    /// Serving what is deprecated, or having a batch of it, is not using it.
    fn quiet(&self) -> Option<TokenStream> {
        let mut methods = self.service.methods.iter();
        let deprecated = attributes::are_deprecated(&self.service.item.attrs)
            || methods.any(|it| attributes::are_deprecated(&it.syntax.attrs));
        deprecated.then(|| quote!(#[allow(deprecated)]))
    }

    /// A name for the server's type parameter that the trait does not use for anything: hygiene does
    /// not keep types apart.
    fn implementor(&self) -> Ident {
        let mut taken = identifiers(self.service.item.to_token_stream());
        for method in &self.service.methods {
            taken.extend(identifiers(method.syntax.sig.to_token_stream()));
        }
        let mut name = String::from("T");
        while taken.contains(&name) {
            name.push('_');
        }
        Ident::new(&name, Span::mixed_site())
    }
}

/// The expansion of a trait without mistakes.
pub(super) fn service(service: &Service) -> TokenStream {
    let names = Names::new(service);
    let definition = definition::expand(&names);
    let server = server::expand(&names);
    let (client, batch) = (client::expand(&names), batch::expand(&names));
    quote!(#definition #server #client #batch)
}

/// The trait as the user's impls expect it, a server that serves nothing, and a stub with the
/// methods that are in order.
pub(super) fn stubs_only(service: &Service) -> TokenStream {
    let names = Names::new(service);
    let definition = definition::expand(&names);
    let server = server::expand_empty(&names);
    let (client, batch) = (client::expand(&names), batch::expand(&names));
    quote!(#definition #server #client #batch)
}

/// A tuple of `items`, which is located at `span`: that is what rustc underlines of it.
fn tuple<T: ToTokens>(items: impl IntoIterator<Item = T>, span: Span) -> TokenStream {
    let items = items.into_iter();
    let site = Span::mixed_site().located_at(span);
    quote_spanned!(site=> (#(#items,)*))
}
