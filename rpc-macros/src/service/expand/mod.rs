//! Generates code from the model.
//!
//! The generated code refers only to the user's tokens and to `__private`. Its own variables have mixed-site
//! spans, so that a parameter called `me_` is a different variable. Their names end in `_`, since a user's
//! constant of the same name would turn a variable into a pattern. Methods are called by path, or on
//! references, so that rustc finds no method of another trait that is in scope first.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, ReturnType};

use super::model::Service;
use super::parse::Style;
use crate::generics::{Generics, identifiers};

mod attributes;
mod batch;
mod client;
mod definition;
mod marks;
mod schema;
mod server;
mod subscription;
mod wire_types;

/// The names that the three parts of an expansion share.
struct Names<'a> {
    service: &'a Service,
    /// The trait's type and const parameters, with the trait's own bounds.
    generics: Generics,
    /// The conditions of the trait, under which everything generated must be too, and the lints that it
    /// allows.
    cfgs: Vec<TokenStream>,
}

impl<'a> Names<'a> {
    fn new(service: &'a Service) -> Self {
        let private = &service.private;
        let site = Span::mixed_site();
        let bounds = quote_spanned!(site=> #private::Send + #private::Sync + 'static);
        let mut generics = Generics::new(&service.item.generics).bound(&bounds);
        // The future of a default body holds the method's parameters.
        let with_body = service.methods.iter().filter(|it| it.syntax.default.is_some());
        for parameter in with_body.flat_map(|it| &it.parameters) {
            generics.require(parameter.ty(), &quote_spanned!(site=> #private::Send));
        }
        Self { service, generics, cfgs: attributes::for_items(&service.item.attrs).collect() }
    }

    /// The parameters with the bounds of the serving side: incoming values are decoded, outgoing ones
    /// encoded.
    fn of_server(&self) -> Generics {
        let private = &self.service.private;
        let site = Span::mixed_site();
        self.with_bounds(
            &quote_spanned!(site=> #private::ServedParam + 'static),
            &quote_spanned!(site=> #private::ServedParam<Wire: #private::DeserializeOwned> + 'static),
            &quote_spanned!(site=> #private::MethodResult<Ok: #private::ServedBody>),
        )
    }

    /// The parameters with the bounds of the calling side.
    fn of_client(&self) -> Generics {
        let private = &self.service.private;
        let site = Span::mixed_site();
        self.with_bounds(
            &quote_spanned!(site=> #private::CalledParam),
            &quote_spanned!(site=> #private::CalledParam<Wire: #private::Serialize>),
            &quote_spanned!(site=> #private::MethodResult<Ok: #private::CalledBody>),
        )
    }

    /// Adds bounds on the types that the methods name, and not on the parameters that these depend on: a
    /// bound on `C::Hash` says nothing about `C`. `on_values` is for parameters that are always values.
    fn with_bounds(
        &self,
        on_parameters: &TokenStream,
        on_values: &TokenStream,
        on_results: &TokenStream,
    ) -> Generics {
        let mut generics = self.generics.clone();
        for method in self.service.methods.iter().filter(|it| it.sound) {
            for parameter in &method.parameters {
                let is_single = method.style == Style::Single && !parameter.is_progress();
                let is_value = is_single || parameter.keys.default.is_some();
                generics.require(parameter.ty(), if is_value { on_values } else { on_parameters });
            }
            if let (None, ReturnType::Type(_, ty)) = (&method.notification, &method.syntax.sig.output) {
                generics.require(ty, on_results);
            }
        }
        generics
    }

    /// `ChatServer`, `ChatClient` and `ChatBatch`, with the span of the trait's name, where the user would
    /// resolve a name clash.
    fn derived(&self, suffix: &str) -> Ident {
        let ident = &self.service.item.ident;
        Ident::new(&format!("{}{suffix}", ident.unraw()), ident.span())
    }

    /// The initial value of the field of [`Generics::phantom`], if there is one.
    fn phantom(&self) -> Option<TokenStream> {
        let private = &self.service.private;
        let site = Span::mixed_site();
        let needed = !self.generics.types.is_empty();
        needed.then(|| quote_spanned!(site=> #private::PhantomData))
    }

    /// Serving a deprecated method, or generating a batch with it, does not count as using it.
    fn quiet(&self) -> Option<TokenStream> {
        let mut methods = self.service.methods.iter();
        let deprecated = attributes::are_deprecated(&self.service.item.attrs)
            || methods.any(|it| attributes::are_deprecated(&it.syntax.attrs));
        deprecated.then(|| quote!(#[allow(deprecated)]))
    }

    /// A name for the server's type parameter that the trait does not use: hygiene does not separate types.
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
    expanded(service, server::expand, schema::expand)
}

/// The expansion after a mistake: the trait that the user's impls expect, a server that serves nothing, and a
/// stub with the valid methods.
pub(super) fn stubs_only(service: &Service) -> TokenStream {
    expanded(service, server::expand_empty, |_| None)
}

fn expanded(
    service: &Service,
    server: fn(&Names<'_>) -> TokenStream,
    schema: fn(&Names<'_>) -> Option<TokenStream>,
) -> TokenStream {
    let names = Names::new(service);
    let definition = definition::expand(&names);
    let server = service.client.is_none().then(|| server(&names));
    let (client, batch) = (client::expand(&names), batch::expand(&names));
    let schema = schema(&names);
    quote!(#definition #server #client #batch #schema)
}

/// A tuple of `items` with the span `span`, which rustc underlines in errors about the tuple.
fn tuple<T: ToTokens>(items: impl IntoIterator<Item = T>, span: Span) -> TokenStream {
    let items = items.into_iter();
    let site = Span::mixed_site().located_at(span);
    quote_spanned!(site=> (#(#items,)*))
}
