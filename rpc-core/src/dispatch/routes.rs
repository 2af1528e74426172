//! Registers the methods of one trait; used by generated code.

use std::future::Future;
use std::sync::Arc;

use super::blocking::blocking;
use super::body::{ServedBody, ServedResult};
use super::factory::{notification_factory, request_factory};
use super::parameters::Parameters;
use super::route::RouteOptions;
use super::router::Router;
use super::streams::StreamSignature;
use super::unsubscribe::unsubscribe_route;
use crate::config::Overflow;
use crate::context::Context;
use crate::error::MethodResult;
use crate::redact::mark_names;
use crate::subscription::SubscriptionForm;

/// Adds the methods of one service to a router.
///
/// The compiler makes a copy of the generic code here for each method of each service, so it contains only
/// what needs the method's types.
pub struct Routes<'r, T: ?Sized> {
    router: &'r mut Router,
    service: Arc<T>,
    options: RouteOptions,
}

impl<'r, T: Send + Sync + ?Sized + 'static> Routes<'r, T> {
    /// Starts to add the methods of `service` to `router`.
    pub fn new(router: &'r mut Router, service: Arc<T>) -> Self {
        Self { router, service, options: RouteOptions::default() }
    }

    /// The same for ordered methods; see [`Router::ordered`].
    pub fn ordered(&mut self) -> Routes<'_, T> {
        self.with_options(RouteOptions { ordered: true, ..self.options })
    }

    /// The same for methods whose notifications have this overflow; see [`Router::overflow`].
    pub fn overflow(&mut self, overflow: Overflow) -> Routes<'_, T> {
        self.with_options(RouteOptions { overflow: Some(overflow), ..self.options })
    }

    /// The same for requests whose results are streams. Peers that do not speak `birpc.v1` get them as
    /// subscriptions of this form. The method that ends these is added too.
    pub fn subscription(&mut self, form: &'static SubscriptionForm) -> Routes<'_, T> {
        self.router.insert(unsubscribe_route(form.unsubscribe_name()));
        self.with_options(RouteOptions { subscription: Some(form), ..self.options })
    }

    fn with_options(&mut self, options: RouteOptions) -> Routes<'_, T> {
        Routes { router: self.router, service: self.service.clone(), options }
    }

    /// Adds a request under the given wire names, with the wire names of its parameters.
    pub fn request<P, R, Fut>(
        &mut self,
        names: &[&str],
        params: &'static [&'static str],
        handler: impl Fn(Arc<T>, Context, P) -> Fut + Send + Sync + 'static,
    ) where
        P: Parameters,
        R: ServedResult,
        Fut: Future<Output = R> + Send + 'static,
    {
        let service = self.service.clone();
        let factory = request_factory(params, move |cx, params| handler(service.clone(), cx, params));
        mark_names(names, params);
        let streams = StreamSignature::of::<P>(<R as MethodResult>::Ok::IS_STREAM, params);
        self.router.register(names, factory, self.options, streams);
    }

    /// Adds a notification under the given wire names, with the wire names of its parameters.
    pub fn notification<P, Fut>(
        &mut self,
        names: &[&str],
        params: &'static [&'static str],
        handler: impl Fn(Arc<T>, Context, P) -> Fut + Send + Sync + 'static,
    ) where
        P: Parameters,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let service = self.service.clone();
        let factory = notification_factory(params, move |cx, params| handler(service.clone(), cx, params));
        mark_names(names, params);
        self.router.register(names, factory, self.options, StreamSignature::NONE);
    }

    /// Adds a request whose handler blocks its thread; see [`Routes::request`].
    pub fn blocking_request<P, R>(
        &mut self,
        names: &[&str],
        params: &'static [&'static str],
        handler: impl Fn(Arc<T>, Context, P) -> R + Clone + Send + Sync + 'static,
    ) where
        P: Parameters + Send + 'static,
        R: ServedResult + Send + 'static,
    {
        self.request(names, params, move |this, cx, params| {
            let handler = handler.clone();
            blocking(cx, move |cx| handler(this, cx, params))
        });
    }

    /// Adds a notification whose handler blocks its thread; see [`Routes::notification`].
    pub fn blocking_notification<P>(
        &mut self,
        names: &[&str],
        params: &'static [&'static str],
        handler: impl Fn(Arc<T>, Context, P) + Clone + Send + Sync + 'static,
    ) where
        P: Parameters + Send + 'static,
    {
        self.notification(names, params, move |this, cx, params| {
            let handler = handler.clone();
            blocking(cx, move |cx| handler(this, cx, params))
        });
    }
}
