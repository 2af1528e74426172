//! The form that subscriptions have for peers that do not speak `birpc.v1`: Ethereum's.

use std::borrow::Cow;

/// How a method whose result is a stream looks to a peer that does not speak `birpc.v1`: as a subscription,
/// such as `eth_subscribe` of Ethereum.
///
/// The result of the method is the id of the subscription. Items come as notifications with the params
/// `{"subscription": id, "result": item}`, until the subscriber calls the second method with that id.
/// `#[rpc(subscription(…))]` gives this form to a method of a trait.
///
/// ```
/// use birpc_core::{BadEnd, SubscriptionForm};
///
/// let form = SubscriptionForm::new("eth_subscription", "eth_unsubscribe").end(BadEnd::Silent);
/// assert_ne!(form, SubscriptionForm::new("eth_subscription", "eth_unsubscribe"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionForm {
    notification: Cow<'static, str>,
    unsubscribe: Cow<'static, str>,
    end: BadEnd,
    ids: SubscriptionIds,
}

/// How a subscriber hears that a subscription has ended before it was complete. The form has no word for
/// that, and no two clients agree on one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadEnd {
    /// A last notification with the params `{"subscription": id, "error": {…}}`. jsonrpsee and web3 read it;
    /// others ignore it, or report an error.
    #[default]
    Error,
    /// Nothing is sent, as Ethereum's nodes do. The subscriber cannot tell the end from a pause.
    Silent,
    /// The connection closes with 1013, so that a client that reconnects subscribes again.
    Close,
}

/// What the ids of subscriptions are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionIds {
    /// Texts: `"0x"` and 32 hexadecimal digits, as Ethereum has them.
    #[default]
    Text,
    /// Integers below 2^53, as Solana has them.
    Number,
}

impl SubscriptionForm {
    /// The form with these wire names: of the notification that has the items, and of the method that ends a
    /// subscription. Bad ends are sent as [`BadEnd::Error`], and ids are texts.
    #[must_use]
    pub fn new(
        notification: impl Into<Cow<'static, str>>,
        unsubscribe: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (notification, unsubscribe) = (notification.into(), unsubscribe.into());
        Self { notification, unsubscribe, end: BadEnd::Error, ids: SubscriptionIds::Text }
    }

    /// Sets how a bad end is told.
    #[must_use]
    pub fn end(self, end: BadEnd) -> Self {
        Self { end, ..self }
    }

    /// Sets what ids are.
    #[must_use]
    pub fn ids(self, ids: SubscriptionIds) -> Self {
        Self { ids, ..self }
    }

    /// The wire name of the notification that has the items.
    #[must_use]
    pub fn notification_name(&self) -> &str {
        &self.notification
    }

    /// The wire name of the method that ends a subscription.
    #[must_use]
    pub fn unsubscribe_name(&self) -> &str {
        &self.unsubscribe
    }

    /// How a bad end is told.
    #[allow(dead_code)] // until subscriptions are served
    pub(crate) fn bad_end(&self) -> BadEnd {
        self.end
    }

    /// What ids are.
    #[allow(dead_code)] // until subscriptions are served
    pub(crate) fn id_kind(&self) -> SubscriptionIds {
        self.ids
    }

    /// The same with a prefix before both names.
    pub(crate) fn prefixed(&self, prefix: &str) -> Self {
        let prefixed = |name: &str| Cow::Owned(format!("{prefix}{name}"));
        Self {
            notification: prefixed(&self.notification),
            unsubscribe: prefixed(&self.unsubscribe),
            ..self.clone()
        }
    }
}

/// The form that the macro has read from `#[rpc(subscription(…))]`. For generated code.
#[must_use]
pub const fn subscription_form(
    notification: &'static str,
    unsubscribe: &'static str,
    end: BadEnd,
    ids: SubscriptionIds,
) -> SubscriptionForm {
    let (notification, unsubscribe) = (Cow::Borrowed(notification), Cow::Borrowed(unsubscribe));
    SubscriptionForm { notification, unsubscribe, end, ids }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_stands_before_both_names() {
        let form = subscription_form("subscription", "unsubscribe", BadEnd::Close, SubscriptionIds::Number);
        let nested = form.prefixed("eth_");
        assert_eq!(nested.notification_name(), "eth_subscription");
        assert_eq!(nested.unsubscribe_name(), "eth_unsubscribe");
        assert_eq!((nested.bad_end(), nested.id_kind()), (BadEnd::Close, SubscriptionIds::Number));
    }
}
