//! How the stream of a call is consumed if the peer does not speak `birpc.v1`.

use std::sync::Arc;

use crate::message::Totals;
use crate::multiplexer::Subscribe;
use crate::subscription::SubscriptionForm;

/// How to subscribe. It has no effect if the peer speaks `birpc.v1`.
#[derive(Clone, Default)]
pub(super) struct Subscribing {
    /// The methods of the form that the result has: of its notifications, and the one that ends it.
    names: Option<(Arc<str>, Arc<str>)>,
    drop_oldest: bool,
}

impl Subscribing {
    pub(super) fn set_form(&mut self, form: &SubscriptionForm) {
        self.names = Some((form.notification_name().into(), form.unsubscribe_name().into()));
    }

    pub(super) fn set_drop_oldest(&mut self) {
        self.drop_oldest = true;
    }

    /// `None` if the method has no form for such a peer.
    pub(super) fn at_plain_peer(&self, window: Totals) -> Option<Subscribe> {
        let (notify, unsubscribe) = self.names.clone()?;
        Some(Subscribe { notify, unsubscribe, window, drop_oldest: self.drop_oldest })
    }
}
