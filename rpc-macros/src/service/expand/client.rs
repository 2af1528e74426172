//! `ChatClient`: the stub.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ReturnType};

use super::super::model::{Method, Parameter};
use super::super::parse::Style;
use super::{Names, attributes, marks, subscription, tuple, wire_types};
use crate::generics::{angled, where_clause};

pub(super) fn expand(names: &Names<'_>) -> TokenStream {
    let (service, generics, cfgs) = (names.service, &names.of_client(), &names.cfgs);
    let private = &service.private;
    let ident = names.derived("Client");
    let declaration = declaration(names, &ident);
    let (header, arguments) = (angled(&generics.bounded), angled(&generics.used));
    let bare = angled(&generics.bare);
    let bounds = where_clause(&generics.predicates);
    let sound = service.methods.iter().filter(|it| it.sound);
    let methods = sound.map(|it| method(it, names));
    let own = own_methods(names);
    let (phantom, marks) = (names.phantom(), marks::set(service));
    let site = Span::mixed_site();
    quote_spanned! {site=>
        #declaration
        #(#cfgs)*
        impl #header #ident #arguments #bounds { #(#methods)* #own }
        #(#cfgs)*
        #[automatically_derived]
        impl #bare #private::From<#private::Peer> for #ident #arguments {
            fn from(peer_: #private::Peer) -> Self {
                #marks
                Self(peer_, #phantom)
            }
        }
    }
}

fn declaration(names: &Names<'_>, ident: &Ident) -> TokenStream {
    let (service, generics, cfgs) = (names.service, &names.generics, &names.cfgs);
    let (private, vis) = (&service.private, &service.item.vis);
    let params = angled(&generics.on_struct);
    let phantom = generics.phantom(private);
    let docs = format!(" Calls a [`{}`] at the other end of a connection.", service.item.ident);
    let (derive, impls) = if phantom.is_none() {
        let derive = quote!(#[derive(#private::Clone, #private::fmt::Debug)]);
        (Some(derive), None)
    } else {
        (None, Some(clone_and_debug(names, ident)))
    };
    quote! {
        #(#cfgs)*
        #[doc = #docs]
        #derive
        #vis struct #ident #params(#private::Peer, #phantom);
        #impls
    }
}

/// These are not derived, since derives would add bounds on the type parameters, which a stub does not store.
fn clone_and_debug(names: &Names<'_>, ident: &Ident) -> TokenStream {
    let (private, cfgs) = (&names.service.private, &names.cfgs);
    let (bare, arguments) = (angled(&names.generics.bare), angled(&names.generics.used));
    let name = ident.to_string();
    let site = Span::mixed_site();
    quote_spanned! {site=>
        #(#cfgs)*
        #[automatically_derived]
        impl #bare #private::Clone for #ident #arguments {
            fn clone(&self) -> Self {
                Self(#private::Clone::clone(&self.0), #private::PhantomData)
            }
        }
        #(#cfgs)*
        #[automatically_derived]
        impl #bare #private::fmt::Debug for #ident #arguments {
            fn fmt(&self, f_: &mut #private::fmt::Formatter<'_>) -> #private::fmt::Result {
                f_.debug_tuple(#name).field(&self.0).finish()
            }
        }
    }
}

/// A method of the stub.
fn method(method: &Method, names: &Names<'_>) -> TokenStream {
    let private = &names.service.private;
    let (ident, name) = (&method.syntax.sig.ident, &method.name.literal);
    let (attrs, inputs) = (attributes_of(method), inputs(method));
    let sent = sent(method, names);
    let site = Span::mixed_site();
    let again = method.idempotent.as_ref().map(|_| quote_spanned!(site=> .idempotent()));
    let sent_type = sent_type(method, names);
    // If the return type is not a `Result`, the error is reported where the type was written.
    let (output, send) = match (&method.notification, &method.syntax.sig.output) {
        (None, ReturnType::Type(_, ty)) => {
            let site = site.located_at(ty.span());
            let private = private.at(ty.span());
            let reply = wire_types::reply(ty, method, names);
            let send = quote_spanned!(site=> #private::request::<#reply, #sent_type>);
            (quote_spanned!(site=> #private::Call<#ty>), send)
        }
        _ => {
            let send = quote_spanned!(site=> #private::notification::<#sent_type>);
            (quote_spanned!(site=> #private::Notify), send)
        }
    };
    let call = quote_spanned!(site=> #send(&self.0, #name, #sent) #again);
    let call = match subscription::form(method, names) {
        Some(form) => quote_spanned!(site=> #private::subscribed(#call, #form)),
        None => call,
    };
    let call = if hides_result(method) { quote_spanned!(site=> #private::sensitive(#call)) } else { call };
    quote_spanned! {site=>
        #attrs
        pub fn #ident(&self, #inputs) -> #output {
            #call
        }
    }
}

/// Whether errors must not show the result.
fn hides_result(method: &Method) -> bool {
    method.sensitive.is_some() && method.notification.is_none()
}

/// The attributes of a stub's method; there is always a doc comment.
pub(super) fn attributes_of(method: &Method) -> TokenStream {
    let attrs = &method.syntax.attrs;
    let kept = attributes::for_stub(attrs);
    let docs = (!attributes::have_docs(attrs)).then(|| {
        let docs = format!(" Calls `{}`.", method.name.literal.value());
        quote!(#[doc = #docs])
    });
    quote!(#docs #(#kept)*)
}

/// The parameters of a stub's method.
pub(super) fn inputs(method: &Method) -> TokenStream {
    let inputs = method.parameters.iter().map(|it| {
        let (ident, ty) = (&it.ident, it.ty());
        quote!(#ident: #ty)
    });
    quote!(#(#inputs),*)
}

/// The expression for the params that are sent.
fn sent(method: &Method, names: &Names<'_>) -> TokenStream {
    let first = method.parameters.first();
    let span = first.map_or_else(Span::mixed_site, |it| it.ty().span());
    let (at, site) = (names.service.private.at(span), Span::mixed_site().located_at(span));
    let values = method.ordered_parameters().map(|it| {
        let ident = &it.ident;
        match is_null(method, it) {
            true => quote_spanned!(site=> #at::Null(#ident)),
            false => quote!(#ident),
        }
    });
    match method.style {
        Style::Single => {
            let single = Ident::new(method.single(), site);
            quote_spanned!(site=> #at::#single(#(#values),*))
        }
        Style::Positional => tuple(values, span),
        Style::Named => {
            let names = method.parameters.iter().map(|it| &it.name);
            let values = tuple(values, span);
            quote_spanned!(site=> #at::Named(&[#(#names),*], #values))
        }
    }
}

/// The type of the params that are sent. If a parameter's type cannot be sent, it is underlined where it was
/// written.
fn sent_type(method: &Method, names: &Names<'_>) -> TokenStream {
    let types = method.ordered_parameters().map(|it| {
        let (ty, span) = (wire_types::param(it, method, names), it.ty().span());
        let at = names.service.private.at(span);
        match is_null(method, it) {
            true => quote_spanned!(Span::mixed_site().located_at(span)=> #at::Null<#ty>),
            false => ty,
        }
    });
    let first = method.parameters.first();
    let span = first.map_or_else(Span::mixed_site, |it| it.ty().span());
    let (at, site) = (names.service.private.at(span), Span::mixed_site().located_at(span));
    match method.style {
        Style::Single => {
            let single = Ident::new(method.single(), site);
            quote_spanned!(site=> #at::#single<#(#types),*>)
        }
        Style::Positional => tuple(types, span),
        Style::Named => {
            let types = tuple(types, span);
            quote_spanned!(site=> #at::Named<#types>)
        }
    }
}

/// Whether a parameter that is `None` is sent as null.
fn is_null(method: &Method, parameter: &Parameter) -> bool {
    method.sends_null(parameter) && method.style != Style::Single
}

/// The methods that every stub has.
fn own_methods(names: &Names<'_>) -> TokenStream {
    let private = &names.service.private;
    let phantom = names.phantom();
    let (batch, arguments) = (names.derived("Batch"), angled(&names.generics.used));
    let site = Span::mixed_site();
    quote_spanned! {site=>
        #[doc = " Creates a batch: its calls are sent together in one JSON-RPC message."]
        pub fn batch(&self) -> #private::Batch<#batch #arguments> {
            #private::batch(&self.0, #batch)
        }
        #[doc = " Sets a timeout for each call of this stub. A call that takes longer is cancelled."]
        #[must_use]
        pub fn with_timeout(self, timeout_: #private::Duration) -> Self {
            Self(self.0.with_timeout(timeout_), #phantom)
        }
        #[doc = " The peer that this stub calls."]
        #[must_use]
        pub fn peer(&self) -> &#private::Peer {
            &self.0
        }
    }
}
