//! The model of a trait: its methods, their names on the wire and their parameters.
//!
//! A model can be made of any trait, valid or not; `validate` finds the mistakes. Methods with mistakes still
//! become part of the generated trait, since the user's impls expect them.

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    AttrStyle, FnArg, Ident, ItemTrait, LitStr, Pat, PatType, Path, TraitItem, TraitItemFn, Type, TypePath,
};

use super::parse::{MethodKeys, Overflow, ParameterKeys, Style, TraitKeys, take_from_receiver};
use super::subscription::Subscription;
use crate::errors::Errors;
use crate::keys::Keys;
use crate::private::Private;

/// A trait under `#[rpc]`.
pub(super) struct Service {
    /// The trait without its items and without birpc's attributes.
    pub(super) item: ItemTrait,
    pub(super) methods: Vec<Method>,
    /// Items of the trait that are not methods: reported, and emitted unchanged.
    pub(super) others: Vec<TraitItem>,
    pub(super) namespace: Option<Namespace>,
    /// The key `dyn`, if given.
    pub(super) object: Option<Path>,
    /// The key `client`, if given.
    pub(super) client: Option<Path>,
    /// The key `schema`, if given.
    pub(super) schema: Option<Path>,
    /// The path of `::birpc::__private` in the user's crate.
    pub(super) private: Private,
}

/// The prefix of the methods' names.
pub(super) struct Namespace {
    pub(super) literal: LitStr,
    /// The namespace with the separator.
    pub(super) prefix: String,
}

/// A method of the trait.
pub(super) struct Method {
    /// The method as it was written, without birpc's attributes.
    pub(super) syntax: TraitItemFn,
    /// The key `notification`; `None` for a request.
    pub(super) notification: Option<Path>,
    /// The key `ordered`, if given.
    pub(super) ordered: Option<Path>,
    /// What happens to the method's notifications past a limit; `None` if the connection's setting applies.
    pub(super) overflow: Option<Overflow>,
    /// The key `blocking`, if given. Such a method is not an `async fn`.
    pub(super) blocking: Option<Path>,
    /// The name on the wire.
    pub(super) name: WireName,
    pub(super) aliases: Vec<LitStr>,
    pub(super) style: Style,
    /// The key `null`, if given: the stub sends each `None` as null.
    pub(super) null: Option<Path>,
    /// Whether the trait has the key `null`.
    pub(super) null_by_trait: bool,
    /// The key `idempotent`, if given.
    pub(super) idempotent: Option<Path>,
    /// The key `sensitive`, if given.
    pub(super) sensitive: Option<Path>,
    /// The key `hidden`, if given: no contract has the method.
    pub(super) hidden: Option<Path>,
    /// The form for peers that do not speak birpc.v1, of a method that is a subscription there.
    pub(super) subscription: Option<Subscription>,
    /// The first parameter, if it is a reference.
    pub(super) context: Option<Parameter>,
    /// The parameters on the wire.
    pub(super) parameters: Vec<Parameter>,
    /// Whether the method can have a route and a stub; `validate` decides that.
    pub(super) sound: bool,
}

/// The name of a method on the wire.
pub(super) struct WireName {
    /// Its span is where the user would change it.
    pub(super) literal: LitStr,
    /// Whether it was given in full, with `name = "…"`.
    pub(super) explicit: bool,
}

/// A parameter of a method.
pub(super) struct Parameter {
    /// The parameter as it was written, without birpc's attributes.
    pub(super) syntax: PatType,
    /// Its name, or an invented one if it is a pattern.
    pub(super) ident: Ident,
    /// Its name on the wire. The span is where the user would change it.
    pub(super) name: LitStr,
    pub(super) keys: ParameterKeys,
}

impl Service {
    pub(super) fn new(keys: Keys, mut item: ItemTrait, errors: &mut Errors) -> Self {
        let keys = TraitKeys::read(&keys, errors);
        let namespace = keys.namespace.clone().map(|literal| {
            let separator = keys.separator.as_ref().map_or(".".to_owned(), |text| text.value());
            let prefix = literal.value() + &separator;
            Namespace { literal, prefix }
        });
        let prefix = namespace.as_ref().map_or("", |it| &it.prefix);
        let (mut methods, mut others) = (Vec::new(), Vec::new());
        for member in std::mem::take(&mut item.items) {
            match member {
                TraitItem::Fn(method) => {
                    methods.push(Method::new(method, prefix, &keys, errors));
                }
                other => others.push(other),
            }
        }
        Self {
            item,
            methods,
            others,
            namespace,
            object: keys.object,
            client: keys.client,
            schema: keys.schema,
            private: Private::new(keys.krate.as_ref()),
        }
    }
}

impl Method {
    fn new(mut syntax: TraitItemFn, prefix: &str, on_trait: &TraitKeys, errors: &mut Errors) -> Self {
        let before = errors.count();
        let keys = MethodKeys::take(&mut syntax.attrs, prefix, errors);
        for attr in &mut syntax.attrs {
            // Inner attributes of the body are moved in front of the method and its stub.
            attr.style = AttrStyle::Outer;
        }
        let ident = &syntax.sig.ident;
        let name = WireName {
            explicit: keys.name.is_some(),
            literal: keys.name.unwrap_or_else(|| wire_name(prefix, ident, ident.span())),
        };
        let mut parameters = Vec::new();
        for input in &mut syntax.sig.inputs {
            match input {
                FnArg::Receiver(receiver) => take_from_receiver(&mut receiver.attrs, errors),
                FnArg::Typed(syntax) => {
                    parameters.push(Parameter::new(syntax, parameters.len(), errors));
                }
            }
        }
        let by_reference = parameters.first().is_some_and(Parameter::is_reference);
        let context = by_reference.then(|| parameters.remove(0));
        Self {
            syntax,
            notification: keys.notification,
            ordered: keys.ordered,
            overflow: keys.overflow,
            blocking: keys.blocking,
            name,
            aliases: keys.aliases,
            style: keys.style.unwrap_or(on_trait.style),
            null: keys.null,
            null_by_trait: on_trait.null,
            idempotent: keys.idempotent,
            sensitive: keys.sensitive,
            hidden: keys.hidden,
            subscription: keys.subscription,
            context,
            parameters,
            // A key that could not be parsed may have been a decisive one.
            sound: errors.count() == before,
        }
    }

    /// Whether the stub sends a `None` of this parameter as null.
    pub(super) fn sends_null(&self, parameter: &Parameter) -> bool {
        self.null_by_trait || self.null.is_some() || parameter.keys.null.is_some()
    }

    /// The parameters in the order of the fields of `Single` and `SingleWith`, where the progress is last.
    /// Under other styles, the order in which they are written.
    pub(super) fn ordered_parameters(&self) -> impl Iterator<Item = &Parameter> {
        let moves = |it: &&Parameter| self.style == Style::Single && it.is_progress();
        self.parameters.iter().filter(move |it| !moves(it)).chain(self.parameters.iter().filter(moves))
    }

    /// The type for params that are one parameter.
    pub(super) fn single(&self) -> &'static str {
        if self.parameters.iter().any(Parameter::is_progress) { "SingleWith" } else { "Single" }
    }

    /// The method's name on the wire and its aliases.
    pub(super) fn names(&self) -> impl Iterator<Item = &LitStr> {
        std::iter::once(&self.name.literal).chain(&self.aliases)
    }
}

impl Parameter {
    fn new(syntax: &mut PatType, index: usize, errors: &mut Errors) -> Self {
        let keys = ParameterKeys::take(&mut syntax.attrs, errors);
        let ident = match &*syntax.pat {
            Pat::Ident(pat) => pat.ident.clone(),
            _ => format_ident!("parameter{index}", span = Span::mixed_site()),
        };
        let name = keys.name.clone().unwrap_or_else(|| wire_name("", &ident, ident.span()));
        Self { name, keys, syntax: syntax.clone(), ident }
    }

    pub(super) fn ty(&self) -> &Type {
        &self.syntax.ty
    }

    /// For a reference, the position of the type's name behind it.
    pub(super) fn referent(&self) -> Span {
        match ungrouped(self.ty()) {
            Type::Reference(reference) => reference.elem.span(),
            other => other.span(),
        }
    }

    /// Whether its type is birpc's `Progress`, by its usual names.
    pub(super) fn is_progress(&self) -> bool {
        is_named(self.ty(), "Progress")
    }

    fn is_reference(&self) -> bool {
        matches!(ungrouped(self.ty()), Type::Reference(_))
    }
}

/// Removes parentheses and the delimiters that `macro_rules!` puts around its fragments.
pub(super) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}

/// Whether it is a generic type of birpc's with this name: `Streaming<T>` or `birpc::Streaming<T>`.
pub(super) fn is_named(ty: &Type, name: &str) -> bool {
    let Type::Path(TypePath { qself: None, path, .. }) = ungrouped(ty) else {
        return false;
    };
    let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let has_arguments = path.segments.last().is_some_and(|last| !last.arguments.is_none());
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    has_arguments && (names[..] == [name] || names[..] == ["birpc", name])
}

/// The wire name of `r#type` is `type`.
fn wire_name(prefix: &str, ident: &Ident, span: Span) -> LitStr {
    LitStr::new(&format!("{prefix}{}", ident.unraw()), span)
}
