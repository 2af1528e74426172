//! What `#[rpc(…)]` says on a trait, on its methods and on their parameters.

use syn::{Attribute, LitStr, Path};

use crate::errors::Errors;
use crate::keys::{Keys, Place};

pub(super) const ON_TRAIT: Place =
    Place { name: "a trait", keys: &["namespace", "separator", "params", "crate"] };

const ON_METHOD: Place = Place {
    name: "a method",
    keys: &["notification", "name", "aliases", "params", "ordered", "blocking", "idempotent"],
};

const ON_PARAMETER: Place = Place { name: "a parameter", keys: &["name"] };

const ON_RECEIVER: Place = Place { name: "`self`", keys: &[] };

/// How the stub lays out the parameters of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// An array.
    Positional,
    /// An object.
    Named,
    /// The one parameter is the whole params.
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

/// The keys of the attribute that makes the trait an interface.
pub(super) struct TraitKeys {
    pub(super) namespace: Option<LitStr>,
    pub(super) separator: Option<LitStr>,
    pub(super) style: Style,
    pub(super) krate: Option<Path>,
}

impl TraitKeys {
    pub(super) fn read(keys: &Keys, errors: &mut Errors) -> Self {
        Self {
            namespace: keys.string("namespace", errors),
            separator: keys.string("separator", errors),
            style: Style::read(keys, Style::ON_TRAIT, errors).unwrap_or(Style::Positional),
            krate: keys.path("crate", errors),
        }
    }
}

/// The keys of a method.
pub(super) struct MethodKeys {
    pub(super) notification: Option<Path>,
    pub(super) name: Option<LitStr>,
    pub(super) aliases: Vec<LitStr>,
    /// `None` if it is the trait's.
    pub(super) style: Option<Style>,
    pub(super) ordered: Option<Path>,
    pub(super) blocking: Option<Path>,
    pub(super) idempotent: Option<Path>,
}

impl MethodKeys {
    pub(super) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let keys = Keys::take(attrs, &ON_METHOD, errors);
        Self {
            notification: keys.flag("notification", errors),
            name: keys.string("name", errors),
            aliases: keys.strings("aliases", errors),
            style: Style::read(&keys, Style::ON_METHOD, errors),
            ordered: keys.flag("ordered", errors),
            blocking: keys.flag("blocking", errors),
            idempotent: keys.flag("idempotent", errors),
        }
    }
}

/// The name that a parameter was given for the wire, if it was.
pub(super) fn take_parameter_name(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Option<LitStr> {
    Keys::take(attrs, &ON_PARAMETER, errors).string("name", errors)
}

/// Reports what is said on `&self`, of which there is nothing to say.
pub(super) fn take_from_receiver(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    Keys::take(attrs, &ON_RECEIVER, errors);
}
