//! Parses `#[rpc(…)]` on an error type, its variants and their fields.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::{Attribute, Expr, ExprLit, ExprUnary, Lit, LitInt, LitStr, Meta, Path, UnOp};

use crate::errors::Errors;
use crate::keys::{Keys, Place, ungrouped, value};

const ON_ENUM: Place = Place { name: "an enum", keys: &["crate"] };

const ON_STRUCT: Place = Place { name: "a struct", keys: &["code", "transparent", "crate"] };

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

/// The path of birpc that an enum gives.
pub(super) fn take_from_enum(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Path> {
    Keys::take(attrs, &ON_ENUM, errors).path("crate", errors)
}

/// The path of birpc that a struct gives, and the keys that it has as its only variant.
pub(super) fn take_from_struct(
    attrs: &mut Vec<Attribute>,
    errors: &mut Errors,
) -> (Option<Path>, VariantKeys) {
    let keys = Keys::take(attrs, &ON_STRUCT, errors);
    (keys.path("crate", errors), VariantKeys::read(&keys, errors))
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
