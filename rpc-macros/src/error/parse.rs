//! Parses `#[rpc(…)]` on an error type, its variants and their fields.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, ExprLit, ExprUnary, Ident, Lit, LitInt, LitStr, Meta, Path, UnOp};

use crate::errors::Errors;
use crate::keys::{Keys, Place, ungrouped, value};

const ON_ENUM: Place = Place { name: "an enum", keys: &["schema", "crate"] };

const ON_STRUCT: Place = Place { name: "a struct", keys: &["code", "transparent", "schema", "crate"] };

const ON_VARIANT: Place = Place { name: "a variant", keys: &["code", "transparent"] };

const ON_NAMED_FIELD: Place = Place { name: "a named field", keys: &["name"] };

const ON_UNNAMED_FIELD: Place = Place { name: "an unnamed field", keys: &[] };

/// The keys that identify a variant on the wire.
pub(super) struct VariantKeys {
    pub(super) code: Option<Code>,
    pub(super) transparent: Option<Path>,
    /// Whether one of them was given, valid or not.
    pub(super) given: bool,
}

/// A code, with its position.
pub(super) struct Code {
    pub(super) value: i64,
    pub(super) written: Expr,
}

/// The keys of the type.
pub(super) struct TypeKeys {
    /// The path of birpc.
    pub(super) krate: Option<Path>,
    /// The key `schema`, if given.
    pub(super) schema: Option<Path>,
}

impl TypeKeys {
    pub(super) fn of_enum(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        Self::read(&Keys::take(attrs, &ON_ENUM, errors), errors)
    }

    /// Those of a struct, and those that it has as its only variant.
    pub(super) fn of_struct(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> (Self, VariantKeys) {
        let keys = Keys::take(attrs, &ON_STRUCT, errors);
        (Self::read(&keys, errors), VariantKeys::read(&keys, errors))
    }

    fn read(keys: &Keys, errors: &mut Errors) -> Self {
        Self { krate: keys.path("crate", errors), schema: keys.flag("schema", errors) }
    }
}

/// The wire name that was given for a named field, if any.
pub(super) fn take_field_name(
    attrs: &mut Vec<Attribute>,
    is_named: bool,
    errors: &mut Errors,
) -> Option<LitStr> {
    let place = if is_named { &ON_NAMED_FIELD } else { &ON_UNNAMED_FIELD };
    Keys::take(attrs, place, errors).string("name", errors)
}

/// What a variant's message says: thiserror's format string, or the first line of the docs, or the name.
pub(super) fn message(attrs: &[Attribute], name: &Ident) -> LitStr {
    let of_thiserror = attrs.iter().find_map(|attr| match &attr.meta {
        Meta::List(list) if list.path.is_ident("error") => {
            // Arguments may follow.
            let parse = |input: ParseStream<'_>| {
                let text = input.parse::<LitStr>()?;
                input.parse::<TokenStream>()?;
                Ok(text)
            };
            parse.parse2(list.tokens.clone()).ok()
        }
        _ => None,
    });
    let of_docs = || {
        attrs.iter().find_map(|attr| match &attr.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                    Some(LitStr::new(text.value().trim(), text.span()))
                }
                _ => None,
            },
            _ => None,
        })
    };
    of_thiserror.or_else(of_docs).unwrap_or_else(|| LitStr::new(&name.unraw().to_string(), name.span()))
}

impl VariantKeys {
    pub(super) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        Self::read(&Keys::take(attrs, &ON_VARIANT, errors), errors)
    }

    fn read(keys: &Keys, errors: &mut Errors) -> Self {
        Self {
            code: keys.get("code").and_then(|meta| Code::read(meta, errors)),
            transparent: keys.flag("transparent", errors),
            given: keys.get("code").is_some() || keys.get("transparent").is_some(),
        }
    }
}

impl Code {
    fn read(meta: &Meta, errors: &mut Errors) -> Option<Self> {
        let Some(written) = value(meta) else {
            errors.at(meta, NO_INTEGER);
            return None;
        };
        let Some((is_negative, digits)) = integer(written) else {
            errors.at(written, NO_INTEGER);
            return None;
        };
        let magnitude = digits.base10_parse::<i128>().ok();
        let number = magnitude.map(|it| if is_negative { -it } else { it });
        match number.and_then(|it| i64::try_from(it).ok()) {
            Some(value) => Some(Self { value, written: written.clone() }),
            None => {
                errors.at(written, "a code is an `i64`: this number is too large");
                None
            }
        }
    }

    /// The code as a literal and as a pattern, without a type suffix.
    pub(super) fn literal(&self) -> TokenStream {
        let minus = (self.value < 0).then(|| quote!(-));
        let digits = Literal::u64_unsuffixed(self.value.unsigned_abs());
        quote!(#minus #digits)
    }
}

const NO_INTEGER: &str = "`code` takes an integer: `code = 1` or `code = -1`";

/// The sign and the digits of an integer, if the expression is one.
fn integer(expr: &Expr) -> Option<(bool, &LitInt)> {
    match ungrouped(expr) {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Some((true, digits(expr)?)),
        other => Some((false, digits(other)?)),
    }
}

fn digits(expr: &Expr) -> Option<&LitInt> {
    match ungrouped(expr) {
        Expr::Lit(ExprLit { lit: Lit::Int(digits), .. }) => Some(digits),
        _ => None,
    }
}
