//! The form that subscriptions have for peers that do not speak `birpc.v1`: Ethereum's.

use std::borrow::Cow;

/// The form of a method whose result is a stream for a peer that does not speak `birpc.v1`: a subscription,
/// such as Ethereum's `eth_subscribe`.
///
/// The result of the method is the id of the subscription. Items are notifications with the params
/// `{"subscription": id, "result": item}`. The subscriber ends the subscription by calling a second method
/// with the id. `#[rpc(subscription(…))]` gives this form to a method of a trait.
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

/// How a server tells a subscriber that a subscription has ended before it was complete. Ethereum's
/// specification has no message for that, and clients differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadEnd {
    /// A last notification has the params `{"subscription": id, "error": {…}}`. jsonrpsee and web3 read it;
    /// others ignore it, or report an error.
    #[default]
    Error,
    /// Nothing is sent, as by Ethereum's nodes. The subscriber cannot distinguish the end from a pause.
    Silent,
    /// The connection closes with 1013, so that a client that reconnects subscribes again.
    Close,
}

/// The type of the ids of subscriptions.
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
    /// Creates a form. `notification` is the wire name of the notifications with the items, and `unsubscribe`
    /// that of the method that ends a subscription. Defaults: [`BadEnd::Error`] and
    /// [`SubscriptionIds::Text`].
    #[must_use]
    pub fn new(
        notification: impl Into<Cow<'static, str>>,
        unsubscribe: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (notification, unsubscribe) = (notification.into(), unsubscribe.into());
        Self { notification, unsubscribe, end: BadEnd::Error, ids: SubscriptionIds::Text }
    }

    /// Sets what happens when a subscription ends before it is complete.
    #[must_use]
    pub fn end(self, end: BadEnd) -> Self {
        Self { end, ..self }
    }

    /// Sets the type of the ids.
    #[must_use]
    pub fn ids(self, ids: SubscriptionIds) -> Self {
        Self { ids, ..self }
    }

    /// The wire name of the notifications with the items.
    #[must_use]
    pub fn notification_name(&self) -> &str {
        &self.notification
    }

    /// The wire name of the method that ends a subscription.
    #[must_use]
    pub fn unsubscribe_name(&self) -> &str {
        &self.unsubscribe
    }

    /// What happens when a subscription ends before it is complete.
    pub(crate) fn bad_end(&self) -> BadEnd {
        self.end
    }

    /// The type of the ids.
    pub(crate) fn id_kind(&self) -> SubscriptionIds {
        self.ids
    }

    /// Returns the form with a prefix before both names.
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
