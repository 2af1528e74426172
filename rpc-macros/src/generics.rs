//! Type and const parameters in the four forms that an expansion needs.
//!
//! They are tokens and not [`syn::Generics`], because the server puts its own type parameter in front of the
//! user's, and because the bounds that birpc adds are not valid in user code.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericParam, Ident, Type};

use crate::private::Private;

/// The parameters of a trait or a type, without lifetimes, which are reported as mistakes.
#[derive(Clone, Default)]
pub(crate) struct Generics {
    /// For the declaration of a struct: `A = String, const N: usize = 1`.
    pub(crate) on_struct: Vec<TokenStream>,
    /// For an impl that needs no bounds: `A, const N: usize`.
    pub(crate) bare: Vec<TokenStream>,
    /// For an impl that needs the user's bounds: `A: Clone, const N: usize`.
    pub(crate) bounded: Vec<TokenStream>,
    /// For uses: `A, N`.
    pub(crate) used: Vec<Ident>,
    /// The type parameters only.
    pub(crate) types: Vec<Ident>,
    /// The predicates of the where clause that do not concern `Self`.
    pub(crate) predicates: Vec<TokenStream>,
    /// The predicates that concern `Self`, which is a different type in each impl.
    pub(crate) on_self: Vec<TokenStream>,
}

impl Generics {
    pub(crate) fn new(generics: &syn::Generics) -> Self {
        let mut this = Self::default();
        for param in &generics.params {
            this.push(param);
        }
        if let Some(clause) = &generics.where_clause {
            let predicates = clause.predicates.iter().map(quote_one);
            (this.on_self, this.predicates) = predicates.partition(mentions_self);
        }
        this
    }

    /// Adds `bounds` to each type parameter.
    pub(crate) fn bound(mut self, bounds: &TokenStream) -> Self {
        for ident in &self.types {
            self.predicates.push(quote!(#ident: #bounds));
        }
        self
    }

    /// Adds `bounds` to a type that depends on the parameters. Other types need no bounds here.
    pub(crate) fn require(&mut self, ty: &Type, bounds: &TokenStream) {
        if self.concern(ty) {
            let predicate = quote!(#ty: #bounds);
            let text = predicate.to_string();
            if self.predicates.iter().all(|it| it.to_string() != text) {
                self.predicates.push(predicate);
            }
        }
    }

    /// Whether a type depends on the parameters.
    pub(crate) fn concern(&self, ty: &Type) -> bool {
        let named = identifiers(ty.to_token_stream());
        self.used.iter().any(|param| named.contains(&param.to_string()))
    }

    /// Puts the type parameter `ident: bound` in front of the others. With `sized`, which is `?Sized`, it may
    /// be a `dyn` type.
    pub(crate) fn with_first(
        mut self,
        ident: &Ident,
        bound: &TokenStream,
        sized: Option<&TokenStream>,
    ) -> Self {
        let on_struct = sized.map(|sized| quote!(: #sized));
        self.on_struct.insert(0, quote!(#ident #on_struct));
        let sized = sized.map(|sized| quote!(#sized +));
        let bound = quote!(#sized #bound);
        self.bare.insert(0, quote!(#ident #on_struct));
        self.bounded.insert(0, quote!(#ident: #bound));
        self.used.insert(0, ident.clone());
        self.types.insert(0, ident.clone());
        self
    }

    /// A field that uses the type parameters, for a struct that does not store them. It is a function
    /// pointer, so that the struct is `Send + Sync` for all parameters.
    pub(crate) fn phantom(&self, private: &Private) -> Option<TokenStream> {
        let types = &self.types;
        let needed = !types.is_empty();
        needed.then(|| quote!(#private::PhantomData<fn() -> (#(#types,)*)>))
    }

    fn push(&mut self, param: &GenericParam) {
        match param {
            GenericParam::Lifetime(_) => {}
            GenericParam::Type(param) => {
                let mut bounded = param.clone();
                bounded.default = None;
                let ident = &param.ident;
                let default = param.default.as_ref().map(|(eq, ty)| quote!(#eq #ty));
                self.on_struct.push(quote!(#ident #default));
                self.bare.push(quote!(#ident));
                self.bounded.push(quote!(#bounded));
                self.used.push(ident.clone());
                self.types.push(ident.clone());
            }
            GenericParam::Const(param) => {
                let mut bare = param.clone();
                bare.default = None;
                self.on_struct.push(quote!(#param));
                self.bare.push(quote!(#bare));
                self.bounded.push(quote!(#bare));
                self.used.push(param.ident.clone());
            }
        }
    }
}

/// `<a, b>`, or nothing for an empty list.
pub(crate) fn angled<T: ToTokens>(list: &[T]) -> TokenStream {
    match list {
        [] => TokenStream::new(),
        some => quote!(<#(#some),*>),
    }
}

/// `where a, b`, or nothing for an empty list.
pub(crate) fn where_clause(predicates: &[TokenStream]) -> TokenStream {
    match predicates {
        [] => TokenStream::new(),
        some => quote!(where #(#some),*),
    }
}

fn quote_one(tokens: impl ToTokens) -> TokenStream {
    tokens.into_token_stream()
}

fn mentions_self(predicate: &TokenStream) -> bool {
    identifiers(predicate.clone()).contains("Self")
}

/// All identifiers in `tokens`, at any depth.
pub(crate) fn identifiers(tokens: TokenStream) -> HashSet<String> {
    let mut found = HashSet::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                found.insert(ident.to_string());
            }
            TokenTree::Group(group) => found.extend(identifiers(group.stream())),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    found
}
