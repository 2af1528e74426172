//! Parses `subscription(…)`: the form of a method for peers that do not speak birpc.v1.

use proc_macro2::Span;
use syn::{Ident, LitStr, Meta};

use crate::errors::Errors;
use crate::keys::{Keys, Place};

/// The keys in `subscription(…)`.
const PLACE: Place = Place {
    name: "a subscription",
    keys: &["notify", "unsubscribe", "notify_name", "unsubscribe_name", "end", "ids"],
};

const BAD_ENDS: [(&str, &str); 3] = [("error", "Error"), ("silent", "Silent"), ("close", "Close")];

const IDS: [(&str, &str); 2] = [("text", "Text"), ("number", "Number")];

pub(super) struct Subscription {
    /// The key as it was written.
    pub(super) key: Meta,
    /// The wire name of the notification with the items.
    pub(super) notification: LitStr,
    /// The wire name of the method that ends it.
    pub(super) unsubscribe: LitStr,
    /// The variant of `BadEnd`.
    pub(super) end: Ident,
    /// The variant of `SubscriptionIds`.
    pub(super) ids: Ident,
    /// The values that only a server uses, if they were given.
    pub(super) for_servers: Vec<LitStr>,
}

impl Subscription {
    /// `prefix`: the namespace with the separator.
    pub(super) fn read(keys: &Keys, prefix: &str, errors: &mut Errors) -> Option<Self> {
        let key = keys.get("subscription")?.clone();
        let Meta::List(list) = &key else {
            errors.at(&key, "`subscription` takes keys: `subscription(notify = \"…\", unsubscribe = \"…\")`");
            return None;
        };
        let before = errors.count();
        let keys = Keys::from_args(list.tokens.clone(), &PLACE, errors);
        // A key that could not be parsed may have been the name.
        let complete = errors.count() == before;
        let mut name = |keys_of_it| name(&keys, keys_of_it, prefix, complete.then_some(&key), errors);
        let notification = name(["notify", "notify_name"]);
        let unsubscribe = name(["unsubscribe", "unsubscribe_name"]);
        let end = choice(&keys, "end", &BAD_ENDS, errors);
        let ids = choice(&keys, "ids", &IDS, errors);
        let for_servers = [&end, &ids].into_iter().flatten().map(|(text, _)| text.clone()).collect();
        let variant = |choice: Option<(LitStr, Ident)>, default| {
            choice.map_or_else(|| Ident::new(default, Span::mixed_site()), |(_, variant)| variant)
        };
        Some(Self {
            notification: notification?,
            unsubscribe: unsubscribe?,
            end: variant(end, "Error"),
            ids: variant(ids, "Text"),
            for_servers,
            key,
        })
    }
}

/// A wire name, which is given as a part behind the namespace or as a whole. If it is missing, `all` is
/// reported.
fn name(
    keys: &Keys,
    [part, whole]: [&str; 2],
    prefix: &str,
    all: Option<&Meta>,
    errors: &mut Errors,
) -> Option<LitStr> {
    let (behind, full) = (keys.string(part, errors), keys.string(whole, errors));
    match (behind, full) {
        (Some(_), Some(full)) => {
            errors.at(full, format!("`{part}` and `{whole}` name the same: keep one of them"));
            None
        }
        (Some(behind), None) => Some(LitStr::new(&format!("{prefix}{}", behind.value()), behind.span())),
        (None, Some(full)) => Some(full),
        (None, None) => {
            let given = keys.get(part).or(keys.get(whole)).is_some();
            if let Some(all) = all.filter(|_| !given) {
                errors
                    .at(all, format!("a subscription needs `{part} = \"…\"`, or `{whole}` for a whole name"));
            }
            None
        }
    }
}

/// One of some texts, and the variant that it stands for.
fn choice(keys: &Keys, key: &str, choices: &[(&str, &str)], errors: &mut Errors) -> Option<(LitStr, Ident)> {
    let text = keys.string(key, errors)?;
    let wanted = text.value();
    let Some((_, variant)) = choices.iter().find(|(name, _)| *name == wanted) else {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        errors.at(text, format!("`{key}` is one of {}", names.join(", ")));
        return None;
    };
    let variant = Ident::new(variant, Span::mixed_site().located_at(text.span()));
    Some((text, variant))
}
