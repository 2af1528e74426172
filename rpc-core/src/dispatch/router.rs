//! The methods that one side of a connection serves.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use thiserror::Error;
use tower_layer::Layer;
use tower_service::Service as TowerService;

use super::handling::{HandlerFactory, notification_factory, request_factory};
use super::layer::{Handler, IncomingCall, begun_by_layers, layered};
use crate::context::Context;
use crate::error::MethodResult;
use crate::message::Single;
use crate::oneshot::BoxError;
use crate::peer::Peer;
use crate::redact::{copy_marks, mark_names};

/// The methods that one side of a connection serves. One router may serve any number of connections. A clone
/// shares the handlers and their layers.
///
/// ```
/// use birpc_core::{Context, ErrorObject, Router};
///
/// let router = Router::new()
///     .method("add", |_cx: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) })
///     .notification("log", |cx: Context, (line,): (String,)| async move { println!("{cx:?}: {line}") });
/// assert_eq!(router.methods().count(), 2);
/// ```
#[derive(Clone, Default)]
pub struct Router {
    /// With a hash that is quick and not secret: peers look names up, but never add one.
    routes: FxHashMap<Box<str>, Arc<Route>>,
    duplicate: Option<DuplicateMethod>,
    other: Option<Arc<OtherMessages>>,
}

/// Hears of messages that are none of JSON-RPC.
pub(crate) type OtherMessages = dyn Fn(&Peer, &str) + Send + Sync;

/// Two services of one router have a method of the same wire name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("two services of this router serve the method `{method}`; give one a namespace or another name")]
pub struct DuplicateMethod {
    /// The wire name.
    pub method: String,
}

/// What `#[rpc]` makes of a trait's implementation: something that can be added to a [`Router`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "a router takes what `#[rpc]` generates",
    note = "wrap the implementation of a trait `Chat`: `ChatServer::new(…)`"
)]
pub trait Service {
    /// Adds each method.
    fn register(self, router: &mut Router);
}

#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Arc<str>,
    pub(crate) factory: Arc<HandlerFactory>,
    /// Whether it runs one at a time with the other ordered methods of its connection.
    pub(crate) ordered: bool,
    /// Whether layers are around it.
    layered: bool,
}

/// What servers, clients and connections take as what they serve: a [`Router`], shared or not, or one service
/// alone, such as the `ChatServer` that `#[rpc]` generates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served",
    label = "this is neither a `Router` nor a server that `#[rpc]` generates",
    note = "wrap the implementation of a trait `Chat` in its server: `ChatServer::new(…)`; a `Router` \
            takes several services"
)]
pub trait IntoRouter {
    /// The router.
    fn into_router(self) -> Arc<Router>;
}

impl IntoRouter for Router {
    fn into_router(self) -> Arc<Router> {
        Arc::new(self)
    }
}

impl IntoRouter for Arc<Router> {
    fn into_router(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<S: Service> IntoRouter for S {
    fn into_router(self) -> Arc<Router> {
        let mut router = Router::new();
        self.register(&mut router);
        Arc::new(router)
    }
}

impl Router {
    /// A router that serves nothing: all requests are answered with −32601.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds all methods of a service, such as the `…Server` that `#[rpc]` generates.
    #[must_use]
    pub fn service(mut self, service: impl Service) -> Self {
        service.register(&mut self);
        self
    }

    /// Adds a method that has no trait, and is answered. `params` decode from the whole `params` member: a
    /// tuple takes an array, a struct an object.
    #[must_use]
    pub fn method<P, F, Fut>(mut self, method: &str, handler: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        F: Fn(Context, P) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: MethodResult<Ok: Serialize>,
    {
        let factory = request_factory(&[], move |cx, Single(params)| handler(cx, params));
        mark_names(&[method], &[]);
        self.register(&[method], factory, false);
        self
    }

    /// Adds a notification that has no trait; see [`Router::method`].
    #[must_use]
    pub fn notification<P, F, Fut>(mut self, method: &str, handler: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        F: Fn(Context, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let factory = notification_factory(&[], move |cx, Single(params)| handler(cx, params));
        mark_names(&[method], &[]);
        self.register(&[method], factory, false);
        self
    }

    /// Adds all methods of another router or service, as ordered ones: those that came over one connection
    /// run one at a time, in the order in which they arrived. See `#[rpc(ordered)]`, which is the same for a
    /// method of a trait.
    ///
    /// All ordered methods of a connection share one lane, in which the next starts when the one before has
    /// finished, be it that it was cancelled; other methods run beside them, and connections beside each
    /// other. Those that wait count as calls that wait their turn ([`crate::Limits::max_in_flight`]).
    ///
    /// An ordered method that calls its peer, which then calls an ordered method back and awaits it, waits
    /// for itself: without a timeout for ever.
    ///
    /// ```
    /// use birpc_core::{Context, ErrorObject, Router};
    ///
    /// let router = Router::new()
    ///     .method("size", |_cx: Context, ()| async { Ok::<_, ErrorObject>(2) })
    ///     .ordered(
    ///         Router::new()
    ///             .method("open", |_cx: Context, (path,): (String,)| async { Ok::<_, ErrorObject>(path) })
    ///             .notification("changed", |_cx: Context, (edit,): (String,)| async { drop(edit) }),
    ///     );
    /// assert_eq!(router.methods().count(), 3);
    /// ```
    #[must_use]
    pub fn ordered(self, methods: impl IntoRouter) -> Self {
        self.adopt(methods, |route| Route { ordered: true, ..route })
    }

    /// Adds all methods of another router or service, with the layers that are around them; layers that are
    /// added later are around these methods too. If both have a method of one name, [`Router::check`] says
    /// so. If both have a hook for other messages ([`Router::on_other_message`]), this router's stays.
    ///
    /// ```
    /// use birpc_core::{Context, ErrorObject, Router};
    ///
    /// let health = Router::new().method("health", |_: Context, ()| async { Ok::<_, ErrorObject>("fine") });
    /// let router = Router::new()
    ///     .method("add", |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) })
    ///     .merge(health);
    /// assert_eq!(router.methods().count(), 2);
    /// ```
    #[must_use]
    pub fn merge(self, other: impl IntoRouter) -> Self {
        self.adopt(other, |route| route)
    }

    /// [`Router::merge`] with `prefix` before the wire name of each method. The prefix is taken as it is,
    /// with the separator that the names have: `"admin."`, `"admin/"`, `"admin_"`. Handlers and layers see
    /// the name as it was called ([`Context::method`]). What the methods have marked as sensitive, logs
    /// leave out under the new names too.
    ///
    /// ```
    /// use birpc_core::{Context, ErrorObject, Router};
    ///
    /// let admin = Router::new().method("stop", |_: Context, ()| async { Ok::<_, ErrorObject>(()) });
    /// let router = Router::new().nest("admin.", admin);
    /// assert_eq!(router.methods().collect::<Vec<_>>(), ["admin.stop"]);
    /// ```
    #[must_use]
    pub fn nest(self, prefix: &str, other: impl IntoRouter) -> Self {
        self.adopt(other, |route| {
            let method: Arc<str> = format!("{prefix}{}", route.method).into();
            copy_marks(&route.method, &method);
            Route { method, ..route }
        })
    }

    /// Puts a layer around every method that was added so far; the last that is added is the outermost. It is
    /// applied once, so what its service counts it counts over all of these methods, and over all connections
    /// that this router serves. Methods that are added later go without, and so do calls that never reach a
    /// method: unknown ones, and those past a limit.
    ///
    /// The layer's service is cloned for each call, and then called when it is ready. What it gives back is
    /// the call's result; an [`ErrorObject`] goes to the caller as it is, any other error is logged and
    /// becomes −32603. What a layer gives back for a notification goes nowhere. A call that is cancelled
    /// drops the future of the service, wherever it is, and a panic in it is the call's alone.
    ///
    /// tower's own layers fit, `ServiceBuilder` included; one whose service is no `Clone`, such as that of a
    /// rate limit, goes behind a `BufferLayer`. See also [`crate::middleware::from_fn`].
    ///
    /// [`ErrorObject`]: crate::ErrorObject
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Handler>,
        L::Service: TowerService<IncomingCall, Response = Box<RawValue>> + Clone + Send + Sync + 'static,
        <L::Service as TowerService<IncomingCall>>::Error: Into<BoxError>,
        <L::Service as TowerService<IncomingCall>>::Future: Send,
    {
        let service = layer.layer(Handler::new());
        for route in self.routes.values_mut() {
            let route = Arc::make_mut(route);
            let behind = match std::mem::replace(&mut route.layered, true) {
                true => route.factory.clone(),
                false => begun_by_layers(route.factory.clone()),
            };
            route.factory = layered(service.clone(), behind);
        }
        self
    }

    /// Takes messages that are none of JSON-RPC, with the peer that sent them: text that is not JSON, values
    /// that are no objects, objects without `method`, `result` and `error`, and arrays of nothing but such.
    /// They are not answered then, and count as no fault. Without a hook they are answered with −32600, or
    /// with −32700 if they are not JSON.
    ///
    /// Broken requests are answered all the same, and binary messages that are not UTF-8 too. The text is at
    /// most [`crate::Limits::max_message_in`] bytes. The hook runs on the connection's task, in the order in
    /// which messages came, and one call of it ends before the next begins. It should not block: if it does,
    /// the connection goes on in another task of a runtime with several threads, and messages wait for the
    /// hook, as many as calls may wait their turn ([`crate::Limits::max_in_flight`],
    /// [`crate::Limits::max_parked_bytes`]); those past that are dropped, which the log tells. A panic in it
    /// is caught and logged.
    ///
    /// ```
    /// use birpc_core::{Peer, Router};
    ///
    /// // rpc-websockets sends its events so: {"notification":"tick","params":[1]}
    /// let router = Router::new()
    ///     .on_other_message(|peer: &Peer, text: &str| println!("{}: {text}", peer.id()));
    /// ```
    #[must_use]
    pub fn on_other_message(mut self, hear: impl Fn(&Peer, &str) + Send + Sync + 'static) -> Self {
        self.other = Some(Arc::new(hear));
        self
    }

    /// The wire names that are served, in no order.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(|name| &**name)
    }

    /// What [`Router::service`] found wrong. Servers and clients ask before they start.
    ///
    /// # Errors
    /// [`DuplicateMethod`] names the first method that two services share.
    pub fn check(&self) -> Result<(), DuplicateMethod> {
        self.duplicate.clone().map_or(Ok(()), Err)
    }

    /// Adds a method under each of its wire names.
    pub(super) fn register(&mut self, names: &[&str], factory: Arc<HandlerFactory>, ordered: bool) {
        for name in names {
            let route = Route { method: (*name).into(), factory: factory.clone(), ordered, layered: false };
            self.insert(route);
        }
    }

    /// Adds the methods of another router, changed.
    fn adopt(mut self, other: impl IntoRouter, change: impl Fn(Route) -> Route) -> Self {
        let other = Arc::unwrap_or_clone(other.into_router());
        self.duplicate = self.duplicate.or(other.duplicate);
        self.other = self.other.or(other.other);
        for route in other.routes.into_values() {
            self.insert(change(Arc::unwrap_or_clone(route)));
        }
        self
    }

    fn insert(&mut self, route: Route) {
        let method = route.method.clone();
        if self.routes.insert((*method).into(), Arc::new(route)).is_some() {
            self.duplicate.get_or_insert(DuplicateMethod { method: method.to_string() });
        }
    }

    pub(crate) fn other(&self) -> Option<&Arc<OtherMessages>> {
        self.other.as_ref()
    }

    #[inline]
    pub(crate) fn route(&self, method: &str) -> Option<&Arc<Route>> {
        self.routes.get(method)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.methods()).finish()
    }
}
