//! `ChatServer`: maps the names of methods to the methods of an implementation.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ReturnType};

use super::super::model::{Method, Parameter};
use super::super::parse::{Overflow, Style};
use super::{Names, attributes, marks, subscription, tuple, wire_types};
use crate::generics::{Generics, angled, where_clause};

pub(super) fn expand(names: &Names<'_>) -> TokenStream {
    let ident = &names.service.item.ident;
    // As if the expansion had named it; otherwise rustc would suggest adding a missing type parameter here.
    let ident = moved_to(quote!(#ident), Span::mixed_site());
    let arguments = angled(&names.generics.used);
    let server = Server::new(names, &quote!(#ident #arguments));
    let routes = names.service.methods.iter().map(|it| route(it, names));
    let (private, marks) = (&names.service.private, marks::set(names.service));
    let site = Span::mixed_site();
    server.with_register(&quote_spanned! {site=>
        fn register(self, router_: &mut #private::Router) {
            #marks
            let mut routes_ = #private::Routes::new(router_, self.0);
            #(#routes)*
        }
    })
}

/// A server that serves nothing and has no bounds on its implementation: after a mistake, the trait may be
/// impossible to implement.
pub(super) fn expand_empty(names: &Names<'_>) -> TokenStream {
    let mut server = Server::new(names, &TokenStream::new());
    server.generics.predicates.clear();
    let private = &names.service.private;
    server.with_register(&quote!(fn register(self, _: &mut #private::Router) {}))
}

/// The parts that the server's struct and impls share.
struct Server<'a> {
    names: &'a Names<'a>,
    ident: Ident,
    /// The type parameter of the implementation.
    implementor: Ident,
    /// The trait's parameters, with the implementation's in front.
    generics: Generics,
}

impl<'a> Server<'a> {
    fn new(names: &'a Names<'a>, bound: &TokenStream) -> Self {
        let implementor = names.implementor();
        let private = &names.service.private;
        let object = names.service.object.as_ref().map(|_| quote!(?#private::Sized));
        let generics = names.of_server().with_first(&implementor, bound, object.as_ref());
        Self { names, ident: names.derived("Server"), generics, implementor }
    }

    fn with_register(&self, register: &TokenStream) -> TokenStream {
        let declaration = self.declaration();
        let (constructors, debug) = (self.constructors(), self.debug());
        let private = &self.names.service.private;
        let (ident, generics) = (&self.ident, &self.generics);
        let (header, arguments) = (angled(&generics.bounded), angled(&generics.used));
        let bounds = where_clause(&generics.predicates);
        let (cfgs, quiet) = (&self.names.cfgs, self.names.quiet());
        quote! {
            #declaration
            #(#cfgs)* #quiet
            impl #header #ident #arguments #bounds { #constructors }
            #(#cfgs)* #quiet
            #[automatically_derived]
            impl #header #private::Service for #ident #arguments #bounds { #register }
            #debug
        }
    }

    /// Not derived: a derive would require that the implementation is `Debug` too.
    fn debug(&self) -> TokenStream {
        let (private, cfgs, quiet) = (&self.names.service.private, &self.names.cfgs, self.names.quiet());
        let (ident, arguments) = (&self.ident, angled(&self.generics.used));
        let (bare, name) = (angled(&self.generics.bare), self.ident.to_string());
        let site = Span::mixed_site();
        quote_spanned! {site=>
            #(#cfgs)* #quiet
            impl #bare #private::fmt::Debug for #ident #arguments {
                fn fmt(&self, f_: #private::Format<'_, '_>) -> #private::Fmt {
                    f_.write_str(#name)
                }
            }
        }
    }

    fn declaration(&self) -> TokenStream {
        let service = self.names.service;
        let (private, vis, cfgs) = (&service.private, &service.item.vis, &self.names.cfgs);
        let (ident, implementor) = (&self.ident, &self.implementor);
        let params = angled(&self.generics.on_struct);
        let phantom = self.names.generics.phantom(private);
        let docs = format!(" Serves a [`{}`]: give it to a `Router`.", service.item.ident);
        quote! {
            #(#cfgs)*
            #[doc = #docs]
            #vis struct #ident #params(#private::Arc<#implementor>, #phantom);
        }
    }

    fn constructors(&self) -> TokenStream {
        let private = &self.names.service.private;
        let implementor = &self.implementor;
        let phantom = self.names.phantom();
        let site = Span::mixed_site();
        let object = self.names.service.object.as_ref();
        let sized = object.map(|_| quote_spanned!(site=> where #implementor: #private::Sized));
        quote_spanned! {site=>
            #[doc = " Serves an implementation."]
            pub fn new(service_: #implementor) -> Self #sized {
                Self(#private::Arc::new(service_), #phantom)
            }
            #[doc = " Serves an implementation that is shared with others."]
            pub fn from_arc(service_: #private::Arc<#implementor>) -> Self {
                Self(service_, #phantom)
            }
        }
    }
}

/// A line of `register`.
///
/// Its tokens have the span of the method's return type, since that is what rustc reports about a route: the
/// return type is not a `Result`, or cannot be sent.
fn route(method: &Method, names: &Names<'_>) -> TokenStream {
    let site = match &method.syntax.sig.output {
        ReturnType::Type(_, ty) => Span::mixed_site().located_at(ty.span()),
        ReturnType::Default => Span::mixed_site(),
    };
    let cfgs = attributes::conditions(&method.syntax.attrs);
    let wire_names = method.names();
    let parameter_names = match method.style {
        Style::Single => Vec::new(),
        Style::Positional | Style::Named => method.parameters.iter().map(|it| &it.name).collect(),
    };
    let lane = method.ordered.as_ref().map(|_| quote_spanned!(site=> .ordered()));
    let private = &names.service.private;
    let overflow = method
        .overflow
        .as_ref()
        .map(|Overflow { variant, .. }| quote_spanned!(site=> .overflow(#private::Overflow::#variant)));
    let form = subscription::form(method, names).map(|form| quote_spanned!(site=> .subscription(#form)));
    let register = match (&method.notification, &method.blocking) {
        (None, None) => quote_spanned!(site=> request),
        (Some(_), None) => quote_spanned!(site=> notification),
        (None, Some(_)) => quote_spanned!(site=> blocking_request),
        (Some(_), Some(_)) => quote_spanned!(site=> blocking_notification),
    };
    // The pattern of a notification without parameters is sufficient.
    let bare = method.notification.is_some() && method.parameters.is_empty();
    let reply = match (&method.notification, &method.syntax.sig.output) {
        (None, ReturnType::Type(_, ty)) => {
            let reply = wire_types::reply(ty, method, names);
            Some(quote_spanned!(site=> , #reply))
        }
        _ => None,
    };
    // The future of a handler that does not block.
    let future = method.blocking.is_none().then(|| quote_spanned!(site=> , _));
    let params = params(method, names);
    let types = (!bare).then(|| quote_spanned!(site=> ::<#params #reply #future>));
    let handler = handler(method, names, site);
    quote_spanned! {site=>
        #(#cfgs)*
        (&mut routes_) #lane #overflow #form.#register #types(
            &[#(#wire_names),*],
            &[#(#parameter_names),*],
            #handler,
        );
    }
}

/// The type of the parameters on the wire. It contains the user's tokens, and is in a place of its own, so
/// that a type that is not `Deserialize` is underlined.
fn params(method: &Method, names: &Names<'_>) -> TokenStream {
    let first = method.parameters.first();
    let span = first.map_or_else(Span::mixed_site, |it| it.ty().span());
    let (private, site) = (names.service.private.at(span), Span::mixed_site().located_at(span));
    let types = method.ordered_parameters().map(|it| {
        let ty = wire_types::param(it, method, names);
        match it.keys.default {
            Some(_) => quote_spanned!(site=> #private::Given<#ty>),
            None => ty,
        }
    });
    if method.style == Style::Single {
        let single = Ident::new(method.single(), site);
        return quote_spanned!(site=> #private::#single<#(#types),*>);
    }
    tuple(types, span)
}

/// The closure that calls the implementation's method with the decoded params.
fn handler(method: &Method, names: &Names<'_>, site: Span) -> TokenStream {
    let private = names.service.private.at(site);
    let idents = method.ordered_parameters().map(|it| &it.ident);
    let arguments = method.parameters.iter().map(|it| argument(it, names));
    let pattern = match method.style {
        Style::Single => {
            let single = Ident::new(method.single(), site);
            quote_spanned!(site=> #private::#single(#(#idents),*))
        }
        Style::Positional | Style::Named => tuple(idents, site),
    };
    let (service, ident) = (&names.service.item.ident, &method.syntax.sig.ident);
    // If the context's type is not `Context`, that type is underlined.
    let at = method.context.as_ref().map_or(site, |it| Span::mixed_site().located_at(it.referent()));
    let callee = moved_to(quote!(#service::#ident), at);
    let (cx, context) = match &method.context {
        None => (quote_spanned!(site=> _), None),
        Some(_) => (quote_spanned!(site=> cx_), Some(quote_spanned!(at=> &cx_,))),
    };
    let call = quote_spanned!(site=> #callee(&*me_, #context #(#arguments),*));
    match &method.blocking {
        None => quote_spanned!(site=> |me_, #cx, #pattern| async move { #call.await }),
        Some(_) => quote_spanned!(site=> |me_, #cx, #pattern| #call),
    }
}

/// The argument for a parameter. If its type has no default, the error is reported where the default was
/// requested.
fn argument(parameter: &Parameter, names: &Names<'_>) -> TokenStream {
    let ident = &parameter.ident;
    let Some(default) = &parameter.keys.default else {
        return quote!(#ident);
    };
    let span = default.key.span();
    let (private, site) = (names.service.private.at(span), Span::mixed_site().located_at(span));
    match &default.function {
        Some(function) => quote_spanned!(site=> #ident.or(#function)),
        None => quote_spanned!(site=> #ident.or(#private::Default::default)),
    }
}

/// The same path as if the expansion had named it: rustc then treats the code as one piece at one position.
fn moved_to(path: TokenStream, site: Span) -> TokenStream {
    let tokens = path.into_iter().map(|mut token| {
        token.set_span(site);
        token
    });
    tokens.collect()
}
