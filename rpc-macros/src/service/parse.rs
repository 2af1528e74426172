//! Parses `#[rpc(…)]` on a trait, its methods and their parameters.

use proc_macro2::Span;
use syn::{Attribute, Expr, Ident, LitStr, Meta, Path};

use super::subscription::Subscription;
use crate::errors::Errors;
use crate::keys::{Keys, Place, as_string, value};

pub(super) const ON_TRAIT: Place = Place {
    name: "a trait",
    keys: &["namespace", "separator", "params", "null", "dyn", "client", "schema", "crate"],
};

const ON_METHOD: Place = Place {
    name: "a method",
    keys: &[
        "notification",
        "name",
        "aliases",
        "params",
        "null",
        "ordered",
        "overflow",
        "blocking",
        "idempotent",
        "sensitive",
        "hidden",
        "subscription",
    ],
};

const ON_PARAMETER: Place = Place { name: "a parameter", keys: &["name", "default", "null", "sensitive"] };

/// For a parameter with serde's attribute for a field.
const OF_SERDE: Place = Place { name: "a parameter, of serde's keys,", keys: &["default"] };

const ON_RECEIVER: Place = Place { name: "`self`", keys: &[] };

/// How the stub sends the parameters of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As an array.
    Positional,
    /// As an object.
    Named,
    /// The only parameter is the whole params.
    Single,
}

impl Style {
    const ON_TRAIT: &[(&str, Self)] = &[("positional", Self::Positional), ("named", Self::Named)];
    const ON_METHOD: &[(&str, Self)] =
        &[("positional", Self::Positional), ("named", Self::Named), ("single", Self::Single)];

    fn read(keys: &Keys, styles: &[(&str, Self)], errors: &mut Errors) -> Option<Self> {
        let text = keys.string("params", errors)?;
        let wanted = text.value();
        let found = styles.iter().find(|(name, _)| *name == wanted);
        if found.is_none() {
            let names: Vec<_> = styles.iter().map(|(name, _)| format!("{name:?}")).collect();
            let hint = if wanted == "single" { "; \"single\" is for one method, not for all" } else { "" };
            let message = format!("`params` is one of {}{hint}", names.join(", "));
            errors.at(text, message);
        }
        found.map(|(_, style)| *style)
    }
}

/// What happens to a notification past a limit.
pub(super) struct Overflow {
    /// The key that gives the default.
    pub(super) key: Meta,
    /// The variant of `Overflow`.
    pub(super) variant: Ident,
}

impl Overflow {
    const NAMES: [(&str, &str); 3] = [("drop", "Drop"), ("latest", "Latest"), ("close", "Close")];

    fn read(keys: &Keys, errors: &mut Errors) -> Option<Self> {
        let text = keys.string("overflow", errors)?;
        let wanted = text.value();
        let Some((_, variant)) = Self::NAMES.iter().find(|(name, _)| *name == wanted) else {
            errors.at(text, "`overflow` is one of \"drop\", \"latest\", \"close\"");
            return None;
        };
        let key = keys.get("overflow")?.clone();
        Some(Self { key, variant: Ident::new(variant, Span::mixed_site().located_at(text.span())) })
    }
}

/// The keys of the trait.
pub(super) struct TraitKeys {
    pub(super) namespace: Option<LitStr>,
    pub(super) separator: Option<LitStr>,
    pub(super) style: Style,
    /// Whether each `None` is sent as null.
    pub(super) null: bool,
    /// The key `dyn`, if given.
    pub(super) object: Option<Path>,
    /// The key `client`, if given.
    pub(super) client: Option<Path>,
    /// The key `schema`, if given.
    pub(super) schema: Option<Path>,
    pub(super) krate: Option<Path>,
}

impl TraitKeys {
    pub(super) fn read(keys: &Keys, errors: &mut Errors) -> Self {
        Self {
            namespace: keys.string("namespace", errors),
            separator: keys.string("separator", errors),
            style: Style::read(keys, Style::ON_TRAIT, errors).unwrap_or(Style::Positional),
            null: keys.flag("null", errors).is_some(),
            object: keys.flag("dyn", errors),
            client: keys.flag("client", errors),
            schema: keys.flag("schema", errors),
            krate: keys.path("crate", errors),
        }
    }
}

/// The keys of a method.
pub(super) struct MethodKeys {
    pub(super) notification: Option<Path>,
    pub(super) name: Option<LitStr>,
    pub(super) aliases: Vec<LitStr>,
    /// `None` if the trait's style applies.
    pub(super) style: Option<Style>,
    pub(super) null: Option<Path>,
    pub(super) ordered: Option<Path>,
    pub(super) overflow: Option<Overflow>,
    pub(super) blocking: Option<Path>,
    pub(super) idempotent: Option<Path>,
    pub(super) sensitive: Option<Path>,
    pub(super) hidden: Option<Path>,
    pub(super) subscription: Option<Subscription>,
}

impl MethodKeys {
    /// `prefix`: the namespace with the separator.
    pub(super) fn take(attrs: &mut Vec<Attribute>, prefix: &str, errors: &mut Errors) -> Self {
        let keys = Keys::take(attrs, &ON_METHOD, errors);
        Self {
            notification: keys.flag("notification", errors),
            name: keys.string("name", errors),
            aliases: keys.strings("aliases", errors),
            style: Style::read(&keys, Style::ON_METHOD, errors),
            null: keys.flag("null", errors),
            ordered: keys.flag("ordered", errors),
            overflow: Overflow::read(&keys, errors),
            blocking: keys.flag("blocking", errors),
            idempotent: keys.flag("idempotent", errors),
            sensitive: keys.flag("sensitive", errors),
            hidden: keys.flag("hidden", errors),
            subscription: Subscription::read(&keys, prefix, errors),
        }
    }
}

/// The keys of a parameter.
pub(super) struct ParameterKeys {
    pub(super) name: Option<LitStr>,
    pub(super) default: Option<DefaultValue>,
    pub(super) null: Option<Path>,
    pub(super) sensitive: Option<Path>,
}

/// The value of a missing parameter.
pub(super) struct DefaultValue {
    /// The key that gives the default.
    pub(super) key: Meta,
    /// The function that returns the value; `None` for the trait `Default`.
    pub(super) function: Option<Path>,
}

impl ParameterKeys {
    pub(super) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let of_serde = Keys::take_named("serde", attrs, &OF_SERDE, errors);
        let keys = Keys::take(attrs, &ON_PARAMETER, errors);
        let (default, other) = (keys.get("default"), of_serde.get("default"));
        if let (Some(_), Some(second)) = (default, other) {
            errors.at(second, "`default` is given twice: keep one of them");
        }
        Self {
            name: keys.string("name", errors),
            default: default.or(other).and_then(|key| DefaultValue::read(key, errors)),
            null: keys.flag("null", errors),
            sensitive: keys.flag("sensitive", errors),
        }
    }

    /// Whether the parameter has any key.
    pub(super) fn given(&self) -> bool {
        self.name.is_some() || self.default.is_some() || self.null.is_some() || self.sensitive.is_some()
    }
}

impl DefaultValue {
    /// Parses `default`, `default = path`, or serde's `default = "path"`.
    fn read(key: &Meta, errors: &mut Errors) -> Option<Self> {
        let function = match (key, value(key)) {
            (Meta::Path(_), _) => return Some(Self { key: key.clone(), function: None }),
            (_, Some(Expr::Path(path))) if path.qself.is_none() => Some(path.path.clone()),
            (_, Some(other)) => as_string(other).and_then(|text| text.parse().ok()),
            _ => None,
        };
        if function.is_none() {
            errors.at(key, "`default` takes the path of a function, or no value: `default = some::path`");
        }
        function.map(|function| Self { key: key.clone(), function: Some(function) })
    }
}

/// Reports keys on `&self`, which has none.
pub(super) fn take_from_receiver(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    Keys::take(attrs, &ON_RECEIVER, errors);
}
