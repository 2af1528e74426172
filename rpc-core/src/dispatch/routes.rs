//! What generated code registers the methods of one trait with.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;

use super::blocking::blocking;
use super::router::{Router, notification_route, request_route};
use crate::context::Context;
use crate::error::MethodResult;
use crate::message::Params;

/// Adds the methods of one service to a router.
pub struct Routes<'r, T> {
    router: &'r mut Router,
    service: Arc<T>,
    ordered: bool,
}

impl<'r, T: Send + Sync + 'static> Routes<'r, T> {
    /// Methods of `service`.
    pub fn new(router: &'r mut Router, service: Arc<T>) -> Self {
        Self { router, service, ordered: false }
    }

    /// For methods of which one runs at a time; see [`Router::ordered`].
    pub fn ordered(&mut self) -> Routes<'_, T> {
        Routes { router: self.router, service: self.service.clone(), ordered: true }
    }

    /// A request by its wire names, and the wire names of its parameters.
    pub fn request<P, F, Fut>(&mut self, names: &[&str], params: &'static [&'static str], handler: F)
    where
        P: Params,
        F: Fn(Arc<T>, Context, P) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: MethodResult<Ok: Serialize>,
    {
        for name in names {
            let (service, handler) = (self.service.clone(), handler.clone());
            let route = request_route(params, move |cx, params| handler(service.clone(), cx, params));
            self.router.add_route(name, route, self.ordered);
        }
    }

    /// A notification by its wire names, and the wire names of its parameters.
    pub fn notification<P, F, Fut>(&mut self, names: &[&str], params: &'static [&'static str], handler: F)
    where
        P: Params,
        F: Fn(Arc<T>, Context, P) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        for name in names {
            let (service, handler) = (self.service.clone(), handler.clone());
            let route = notification_route(params, move |cx, params| handler(service.clone(), cx, params));
            self.router.add_route(name, route, self.ordered);
        }
    }

    /// A request whose handler blocks its thread; see [`Routes::request`].
    pub fn blocking_request<P, F, R>(&mut self, names: &[&str], params: &'static [&'static str], handler: F)
    where
        P: Params + Send + 'static,
        F: Fn(Arc<T>, Context, P) -> R + Clone + Send + Sync + 'static,
        R: MethodResult<Ok: Serialize> + Send + 'static,
    {
        self.request(names, params, move |this, cx, params| {
            let handler = handler.clone();
            blocking(cx, move |cx| handler(this, cx, params))
        });
    }

    /// A notification whose handler blocks its thread; see [`Routes::notification`].
    pub fn blocking_notification<P, F>(&mut self, names: &[&str], params: &'static [&'static str], handler: F)
    where
        P: Params + Send + 'static,
        F: Fn(Arc<T>, Context, P) + Clone + Send + Sync + 'static,
    {
        self.notification(names, params, move |this, cx, params| {
            let handler = handler.clone();
            blocking(cx, move |cx| handler(this, cx, params))
        });
    }
}
