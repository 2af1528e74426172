//! What `#[rpc(…)]` says on an error type, on its variants and on their fields.

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

/// How a variant is told from the others on the wire.
pub(super) struct VariantKeys {
    pub(super) code: Option<Code>,
    pub(super) transparent: Option<Path>,
    /// Whether one of them was there, understood or not.
    pub(super) given: bool,
}

/// A code, and where it stands.
pub(super) struct Code {
    pub(super) value: i64,
    pub(super) written: Expr,
}

/// Where birpc is, according to an enum.
pub(super) fn take_from_enum(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Path> {
    Keys::take(attrs, &ON_ENUM, errors).path("crate", errors)
}

/// Where birpc is, according to a struct, and the keys that it has as its own only variant.
pub(super) fn take_from_struct(
    attrs: &mut Vec<Attribute>,
    errors: &mut Errors,
) -> (Option<Path>, VariantKeys) {
    let keys = Keys::take(attrs, &ON_STRUCT, errors);
    (keys.path("crate", errors), VariantKeys::read(&keys, errors))
}

/// The name that a named field was given for the wire, if it was.
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
                errors.at(written, "a code is an `i64`: this one does not fit");
                None
            }
        }
    }

    /// The code as a literal and as a pattern, without what a suffix says of its type.
    pub(super) fn literal(&self) -> TokenStream {
        let minus = (self.value < 0).then(|| quote!(-));
        let digits = Literal::u64_unsuffixed(self.value.unsigned_abs());
        quote!(#minus #digits)
    }
}

const NO_INTEGER: &str = "`code` takes an integer: `code = 1`, or `code = -1`";

/// The sign and the digits of an integer, if that is what an expression is.
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
