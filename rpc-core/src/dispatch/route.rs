//! One method that is served.

use std::sync::Arc;

use super::handling::HandlerFactory;
use super::streams::StreamSignature;
use crate::config::Overflow;
use crate::redact::copy_marks;
use crate::subscription::SubscriptionForm;

/// The name of all methods of a fallback in metrics, and of refused calls of unknown methods.
const OTHER: &str = "(other)";

#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Arc<str>,
    /// Its name in metrics. Those of a fallback have one for all, since peers choose their names.
    pub(crate) label: Arc<str>,
    /// Whether it serves names that the router does not have.
    pub(crate) is_fallback: bool,
    pub(crate) factory: Arc<HandlerFactory>,
    /// Whether the method runs one at a time with the other ordered methods of its connection.
    pub(crate) ordered: bool,
    /// What happens to a notification past a limit; `None` if the connection's settings decide.
    pub(crate) overflow: Option<Overflow>,
    /// Which of its parameters are streams, and whether its result is one.
    pub(crate) streams: StreamSignature,
    /// The form of its result, a stream, for peers that do not speak `birpc.v1`.
    pub(crate) subscription: Option<Arc<SubscriptionForm>>,
    /// Whether the method ends subscriptions. Several methods that subscribe may share it.
    pub(super) unsubscribes: bool,
    /// Whether the route has layers.
    pub(super) layered: bool,
}

impl Route {
    /// A method without layers.
    pub(super) fn new(
        name: &str,
        factory: Arc<HandlerFactory>,
        options: RouteOptions,
        streams: StreamSignature,
    ) -> Self {
        let RouteOptions { ordered, overflow, subscription } = options;
        let subscription = subscription.cloned().map(Arc::new);
        let method: Arc<str> = name.into();
        Self {
            label: method.clone(),
            method,
            is_fallback: false,
            factory,
            ordered,
            overflow,
            streams,
            subscription,
            unsubscribes: false,
            layered: false,
        }
    }

    /// The route of all names that the router does not have. Each call has a copy with its own name.
    pub(super) fn fallback(factory: Arc<HandlerFactory>) -> Self {
        let route = Self::new("", factory, RouteOptions::default(), StreamSignature::NONE);
        Self { label: OTHER.into(), is_fallback: true, ..route }
    }

    /// The form of its result in a router that puts a prefix before its names.
    pub(super) fn nested_subscription(&self, prefix: &str) -> Option<Arc<SubscriptionForm>> {
        let form = self.subscription.as_ref()?;
        let nested = form.prefixed(prefix);
        copy_marks(form.notification_name(), nested.notification_name());
        Some(Arc::new(nested))
    }
}

/// The properties of a method that its attributes set.
#[derive(Clone, Copy, Default)]
pub(super) struct RouteOptions {
    pub(super) ordered: bool,
    pub(super) overflow: Option<Overflow>,
    pub(super) subscription: Option<&'static SubscriptionForm>,
}
