//! Parses the keys in `#[rpc(…)]`, wherever the attribute is.
//!
//! A place lists the keys that it knows. [`Keys`] reports unknown and repeated ones, and returns the values
//! of the others. `service::parse` and `error::parse` interpret the values.

use std::fmt::Write as _;

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, MetaNameValue, Path, Token};

use crate::errors::Errors;

/// A place where `#[rpc(…)]` is allowed, with its keys.
pub(crate) struct Place {
    /// The name after "on" in messages: "a method".
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
}

/// The keys at one place. Each is known there and occurs once.
pub(crate) struct Keys {
    metas: Vec<Meta>,
}

impl Keys {
    /// Parses the arguments of an attribute macro.
    pub(crate) fn from_args(args: TokenStream, place: &Place, errors: &mut Errors) -> Self {
        let mut keys = Self { metas: Vec::new() };
        keys.extend(List::parse_terminated.parse2(args), place, errors);
        keys
    }

    /// Removes the `#[rpc(…)]` attributes from `attrs`, so that the expansion does not contain them, and
    /// parses them.
    pub(crate) fn take(attrs: &mut Vec<Attribute>, place: &Place, errors: &mut Errors) -> Self {
        Self::take_named("rpc", attrs, place, errors)
    }

    /// The same for attributes of another name.
    pub(crate) fn take_named(
        name: &str,
        attrs: &mut Vec<Attribute>,
        place: &Place,
        errors: &mut Errors,
    ) -> Self {
        let mut keys = Self { metas: Vec::new() };
        for attr in attrs.extract_if(.., |attr| attr.path().is_ident(name)) {
            // A bare `#[rpc]` has no keys, and is not a mistake.
            if !matches!(attr.meta, Meta::Path(_)) {
                keys.extend(attr.parse_args_with(List::parse_terminated), place, errors);
            }
        }
        keys
    }

    /// The path of a key without a value, such as `notification`.
    pub(crate) fn flag(&self, key: &str, errors: &mut Errors) -> Option<Path> {
        match self.get(key)? {
            Meta::Path(path) => Some(path.clone()),
            other => {
                errors.at(other, format!("`{key}` takes no value: write `{key}`"));
                // The intention is clear, so the key is not reported as missing.
                Some(other.path().clone())
            }
        }
    }

    /// The value of `key = "text"`.
    pub(crate) fn string(&self, key: &str, errors: &mut Errors) -> Option<LitStr> {
        let meta = self.get(key)?;
        let found = value(meta).and_then(as_string).cloned();
        if found.is_none() {
            errors.at(meta, format!("`{key}` takes a text: `{key} = \"…\"`"));
        }
        found
    }

    /// The values of `key = ["text", "text"]`.
    pub(crate) fn strings(&self, key: &str, errors: &mut Errors) -> Vec<LitStr> {
        let Some(meta) = self.get(key) else {
            return Vec::new();
        };
        let found: Option<Vec<_>> = match value(meta) {
            Some(Expr::Array(array)) => array.elems.iter().map(as_string).collect(),
            _ => None,
        };
        let Some(texts) = found else {
            errors.at(meta, format!("`{key}` takes a list: `{key} = [\"…\"]`"));
            return Vec::new();
        };
        texts.into_iter().cloned().collect()
    }

    /// The value of `key = some::path`.
    pub(crate) fn path(&self, key: &str, errors: &mut Errors) -> Option<Path> {
        let meta = self.get(key)?;
        match value(meta) {
            Some(Expr::Path(path)) if path.qself.is_none() => Some(path.path.clone()),
            _ => {
                errors.at(meta, format!("`{key}` takes a path: `{key} = some::path`"));
                None
            }
        }
    }

    /// The key and its value as they were written, for callers that interpret them.
    pub(crate) fn get(&self, key: &str) -> Option<&Meta> {
        self.metas.iter().find(|meta| meta.path().is_ident(key))
    }

    fn extend(&mut self, parsed: syn::Result<List>, place: &Place, errors: &mut Errors) {
        let metas = match parsed {
            Ok(metas) => metas,
            Err(error) => return errors.push(error),
        };
        for Key(meta) in metas {
            let known = place.keys.iter().find(|key| meta.path().is_ident(key));
            match known {
                None => errors.at(meta.path(), unknown(&meta, place)),
                Some(key) if self.get(key).is_some() => {
                    errors.at(&meta, format!("`{key}` is given twice: keep one of them"));
                }
                Some(_) => self.metas.push(meta),
            }
        }
    }
}

type List = Punctuated<Key, Token![,]>;

/// A key, with its value if it has one.
struct Key(Meta);

impl Parse for Key {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek2(Token![=]) {
            // syn does not parse this keyword as a path.
            let is_dyn = input.peek(Token![dyn]);
            return if is_dyn {
                input.call(Ident::parse_any).map(|it| Self(Meta::Path(it.into())))
            } else {
                input.parse().map(Self)
            };
        }
        // syn parses `-1` as one literal, of which only the minus would be underlined.
        Ok(Self(Meta::NameValue(MetaNameValue {
            path: Path::parse_mod_style(input)?,
            eq_token: input.parse()?,
            value: input.parse()?,
        })))
    }
}

/// The expression after the `=` of a key, if there is one.
pub(crate) fn value(meta: &Meta) -> Option<&Expr> {
    match meta {
        Meta::NameValue(pair) => Some(ungrouped(&pair.value)),
        Meta::Path(_) | Meta::List(_) => None,
    }
}

/// Removes the invisible delimiters that `macro_rules!` puts around its fragments.
pub(crate) fn ungrouped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => ungrouped(&group.expr),
        other => other,
    }
}

/// The value of an expression that is a string literal.
pub(crate) fn as_string(expr: &Expr) -> Option<&LitStr> {
    match ungrouped(expr) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

fn unknown(meta: &Meta, place: &Place) -> String {
    let mut message = String::from("unknown key");
    if let Some(ident) = meta.path().get_ident() {
        // Writing to a String does not fail.
        let _ = write!(message, " `{ident}`");
    }
    if place.keys.is_empty() {
        let _ = write!(message, ": `#[rpc(…)]` has no keys on {}", place.name);
        return message;
    }
    let _ = write!(message, ": on {} there ", place.name);
    message.push_str(if place.keys.len() == 1 { "is " } else { "are " });
    for (index, key) in place.keys.iter().enumerate() {
        let joint = match index {
            0 => "",
            _ if index + 1 == place.keys.len() => " and ",
            _ => ", ",
        };
        let _ = write!(message, "{joint}`{key}`");
    }
    message
}
