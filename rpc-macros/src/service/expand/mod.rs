//! From the model to code.
//!
//! What is emitted names nothing but the user's own tokens and `__private`. Its own variables have
//! mixed-site spans, so that a parameter called `me_` is another variable; and names that end in `_`, since a
//! constant of the user's that is called as a variable would be taken for a pattern. Methods are called by
//! path, or on what is a reference already, so that a trait in scope has none that rustc would find first.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, ReturnType};

use super::model::Service;
use crate::generics::{Generics, identifiers};

mod attributes;
mod batch;
mod client;
mod definition;
mod marks;
mod server;
mod wire_types;

/// What the three parts of an expansion share.
struct Names<'a> {
    service: &'a Service,
    /// The trait's type and const parameters, with the bounds that the trait itself has.
    generics: Generics,
    /// The conditions of the trait, under which everything else has to be as well, and the lints that it
    /// allows.
    cfgs: Vec<TokenStream>,
}

impl<'a> Names<'a> {
    fn new(service: &'a Service) -> Self {
        let private = &service.private;
        let site = Span::mixed_site();
        let bounds = quote_spanned!(site=> #private::Send + #private::Sync + 'static);
        let mut generics = Generics::new(&service.item.generics).bound(&bounds);
        // What a default body is given is kept in its future.
        let with_body = service.methods.iter().filter(|it| it.syntax.default.is_some());
        for parameter in with_body.flat_map(|it| &it.parameters) {
            generics.require(parameter.ty(), &quote_spanned!(site=> #private::Send));
        }
        Self { service, generics, cfgs: attributes::for_items(&service.item.attrs).collect() }
    }

    /// The parameters with the bounds of who serves the trait: what comes in is decoded, what goes out
    /// encoded.
    fn of_server(&self) -> Generics {
        let private = &self.service.private;
        let site = Span::mixed_site();
        self.with_bounds(
            &quote_spanned!(site=> #private::DeserializeOwned + #private::Send + 'static),
            &quote_spanned!(site=> #private::MethodResult<Ok: #private::Serialize>),
        )
    }

    /// The parameters with the bounds of who calls it.
    fn of_client(&self) -> Generics {
        let private = &self.service.private;
        let site = Span::mixed_site();
        self.with_bounds(
            &quote_spanned!(site=> #private::Serialize),
            &quote_spanned!(site=> #private::MethodResult<Ok: #private::DeserializeOwned>),
        )
    }

    /// Bounds on the types that the methods name, and not on what they are made of: of `C::Hash` nothing
    /// follows for `C`.
    fn with_bounds(&self, on_parameters: &TokenStream, on_results: &TokenStream) -> Generics {
        let mut generics = self.generics.clone();
        for method in self.service.methods.iter().filter(|it| it.sound) {
            for parameter in &method.parameters {
                generics.require(parameter.ty(), on_parameters);
            }
            if let (None, ReturnType::Type(_, ty)) = (&method.notification, &method.syntax.sig.output) {
                generics.require(ty, on_results);
            }
        }
        generics
    }

    /// `ChatServer`, `ChatClient`, `ChatBatch`: spanned as the trait's name, where a clash would be put
    /// right.
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
    expanded(service, server::expand)
}

/// The trait as the user's impls expect it, a server that serves nothing, and a stub with the
/// methods that are in order.
pub(super) fn stubs_only(service: &Service) -> TokenStream {
    expanded(service, server::expand_empty)
}

fn expanded(service: &Service, server: fn(&Names<'_>) -> TokenStream) -> TokenStream {
    let names = Names::new(service);
    let definition = definition::expand(&names);
    let server = service.client.is_none().then(|| server(&names));
    let (client, batch) = (client::expand(&names), batch::expand(&names));
    quote!(#definition #server #client #batch)
}

/// A tuple of `items`, which is located at `span`: that is what rustc underlines of it.
fn tuple<T: ToTokens>(items: impl IntoIterator<Item = T>, span: Span) -> TokenStream {
    let items = items.into_iter();
    let site = Span::mixed_site().located_at(span);
    quote_spanned!(site=> (#(#items,)*))
}
