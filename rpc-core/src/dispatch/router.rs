//! The methods that one side of a connection serves.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

#[cfg(feature = "schema")]
use birpc_contract::Contract;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tower_layer::Layer;
use tower_service::Service as TowerService;

#[cfg(feature = "schema")]
use super::discovery;
use super::factory::{notification_factory, request_factory};
use super::handling::HandlerFactory;
use super::layer::{Handler, IncomingCall, layered};
use super::route::{Route, RouteOptions};
use super::route_table::{DuplicateMethod, RouteTable};
use super::streams::StreamSignature;
use crate::config::Overflow;
use crate::context::Context;
use crate::error::MethodResult;
use crate::message::Single;
use crate::oneshot::BoxError;
use crate::peer::Peer;
use crate::redact::{copy_marks, mark_names};

/// The methods that one side of a connection serves. A router may serve any number of connections. A clone
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
    routes: RouteTable,
    other: Option<Arc<OtherMessages>>,
}

/// The hook for messages that are not JSON-RPC.
pub(crate) type OtherMessages = dyn Fn(&Peer, &str) + Send + Sync;

/// A set of methods that can be added to a [`Router`]: the server that `#[rpc]` generates for a trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "a router accepts the servers that `#[rpc]` generates",
    note = "wrap the implementation of a trait `Chat`: `ChatServer::new(…)`"
)]
pub trait Service {
    /// Adds each method of the service to the router.
    fn register(self, router: &mut Router);
}

/// What a server, client or connection can serve: a [`Router`], an `Arc<Router>`, or a single service, such
/// as the `ChatServer` that `#[rpc]` generates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served",
    label = "this is neither a `Router` nor a server that `#[rpc]` generates",
    note = "wrap the implementation of a trait `Chat` in its server: `ChatServer::new(…)`; a `Router` \
            takes several services"
)]
pub trait IntoRouter {
    /// Converts the value into a router.
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
    /// Creates a router without methods. Until some are added, it answers every request with −32601.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds all methods of a service: of a server that `#[rpc]` generates.
    #[must_use]
    pub fn service(mut self, service: impl Service) -> Self {
        service.register(&mut self);
        self
    }

    /// Adds a request by name, without a trait. `params` are decoded from the whole `params` member: a tuple
    /// takes an array, a struct takes an object.
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
        self.register(&[method], factory, RouteOptions::default(), StreamSignature::NONE);
        self
    }

    /// Adds a notification by name, without a trait; see [`Router::method`].
    #[must_use]
    pub fn notification<P, F, Fut>(mut self, method: &str, handler: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        F: Fn(Context, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let factory = notification_factory(&[], move |cx, Single(params)| handler(cx, params));
        mark_names(&[method], &[]);
        self.register(&[method], factory, RouteOptions::default(), StreamSignature::NONE);
        self
    }

    /// Sets the handler of all requests and notifications whose method is not served by name, for relays and
    /// tools. [`Context::method`] is the name, and [`Context::id`] is `None` for a notification, whose result
    /// is dropped. If the handler does not know the method either, it returns an error with code −32601.
    ///
    /// Names that the dialect reserves and names of more than 1024 bytes do not reach it. In metrics its
    /// calls have the method `(other)`, and with [`Overflow::Latest`] its notifications past a limit are
    /// dropped, since peers choose their names. A later fallback replaces this one. [`Router::merge`] adds
    /// that of the other router if this one has none; [`Router::nest`] does not.
    ///
    /// ```
    /// # use birpc_core::{CallError, Context, Peer, RawValue, Router};
    /// # fn example(to: Peer) -> Router {
    /// let relay = Router::new().fallback(move |cx: Context, params: Option<Box<RawValue>>| {
    ///     let call = to.call::<Box<RawValue>>(cx.method(), params);
    ///     async move { call.await.map_err(CallError::relay) }
    /// });
    /// # relay }
    /// ```
    #[must_use]
    pub fn fallback<P, F, Fut>(mut self, handler: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        F: Fn(Context, P) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: MethodResult<Ok: Serialize>,
    {
        let factory = request_factory(&[], move |cx, Single(params)| handler(cx, params));
        self.routes.set_fallback(Route::fallback(factory));
        self
    }

    /// Adds all methods of another router or service as ordered methods. The ordered methods that arrive over
    /// one connection run one at a time, in the order of their arrival. `#[rpc(ordered)]` does the same for a
    /// method of a trait.
    ///
    /// All ordered methods of a connection share one lane: the next one starts when the previous one has
    /// finished or was cancelled. Other methods run beside them, and connections do not wait for each other.
    /// Ordered calls that wait for the lane count as parked calls ([`crate::Limits::max_in_flight`]).
    ///
    /// If an ordered method calls its peer, and the peer calls an ordered method back and awaits it, each
    /// waits for the other; without a timeout, for ever.
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

    /// Adds all methods of another router or service, and says what happens to their notifications past a
    /// limit of calls. See `#[rpc(overflow = "…")]`, which is the same for a method of a trait, and
    /// [`crate::Config::overflow`] for all methods that say nothing of it. Requests stay as they are: past a
    /// limit they are answered with −32005.
    ///
    /// ```
    /// use birpc_core::{Context, Overflow, Router};
    ///
    /// let moved = |_: Context, (x, y): (i32, i32)| async move { println!("{x}, {y}") };
    /// let router = Router::new()
    ///     .overflow(Overflow::Latest, Router::new().notification("moved", moved));
    /// ```
    #[must_use]
    pub fn overflow(self, overflow: Overflow, methods: impl IntoRouter) -> Self {
        self.adopt(methods, |route| Route { overflow: Some(overflow), ..route })
    }

    /// Adds all methods of another router or service, with the layers that are around them. Layers that are
    /// added later are put around these methods too. If both routers have a method of one name,
    /// [`Router::check`] fails. If both have a hook for other messages ([`Router::on_other_message`]), this
    /// router's is kept.
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

    /// Adds all methods of another router or service as [`Router::merge`] does, with `prefix` before each
    /// wire name. The prefix contains the separator: `"admin."`, `"admin/"` or `"admin_"`. Handlers and
    /// layers see the full name ([`Context::method`]). Parameters and results that are marked as sensitive
    /// stay out of logs under the new names too.
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
        let mut other = Arc::unwrap_or_clone(other.into_router());
        other.routes = other.routes.without_fallback();
        self.adopt(other, |route| {
            let method: Arc<str> = format!("{prefix}{}", route.method).into();
            copy_marks(&route.method, &method);
            let subscription = route.nested_subscription(prefix);
            Route { label: method.clone(), method, subscription, ..route }
        })
    }

    /// Puts a layer around every method that has been added so far. The layer that is added last is the
    /// outermost. It is applied once: its service is shared by all of these methods and by all connections
    /// that the router serves. Methods that are added later are not covered, and neither are calls that reach
    /// no method: calls of unknown methods, and calls that exceed a limit.
    ///
    /// For each call, the layer's service is cloned, and called when it is ready. Its response is the result
    /// of the call. If it returns an [`ErrorObject`], the caller gets that error; any other error is logged
    /// and becomes −32603. For a notification, the response is dropped. Cancelling a call drops the service's
    /// future. A panic in the service affects its own call only.
    ///
    /// tower's layers work, `ServiceBuilder` included. A service that is not `Clone`, such as that of tower's
    /// rate limit, needs a `BufferLayer` around it. See also [`crate::middleware::from_fn`].
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
        self.routes.layer(|behind| layered(service.clone(), behind));
        self
    }

    /// Sets the hook for messages that are not JSON-RPC: text that is not JSON, values that are not objects,
    /// objects without `method`, `result` and `error`, and arrays that contain nothing else. With a hook they
    /// are not answered and do not count as invalid messages. Without one they are answered with −32700 if
    /// they are not JSON, and with −32600 otherwise.
    ///
    /// Invalid requests are answered in any case, and so are binary messages that are not UTF-8. The text has
    /// at most [`crate::Limits::max_message_in`] bytes. The hook runs on the connection's task, for one
    /// message at a time, in the order in which messages arrived. It should not block. If it does, the
    /// connection moves to another task if the runtime has several threads, and further messages wait for the
    /// hook: as many as calls may be parked ([`crate::Limits::max_in_flight`],
    /// [`crate::Limits::max_parked_bytes`]). Messages beyond that are dropped, and the log says so. A panic
    /// of the hook is caught and logged.
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

    /// Serves `rpc.discover`, whose result is the OpenRPC document of a contract: what [`Contract::openrpc`]
    /// writes. The text is made once. Without this, a peer gets no description.
    ///
    /// ```
    /// use birpc_core::Router;
    /// use birpc_core::contract::Contract;
    ///
    /// let contract = Contract::new("chat", "0.1.0");
    /// let router = Router::new().discover(&contract);
    /// assert_eq!(router.methods().collect::<Vec<_>>(), ["rpc.discover"]);
    /// ```
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn discover(self, contract: &Contract) -> Self {
        self.method("rpc.discover", discovery::of(contract))
    }

    /// The wire names of all methods, in no particular order.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.routes.names()
    }

    /// Checks that no two methods have the same wire name. Servers and clients call this before they start.
    ///
    /// # Errors
    /// [`DuplicateMethod`] has the first name that was added twice.
    pub fn check(&self) -> Result<(), DuplicateMethod> {
        self.routes.duplicate().map_or(Ok(()), Err)
    }

    /// Adds a method under all of its wire names.
    pub(super) fn register(
        &mut self,
        names: &[&str],
        factory: Arc<HandlerFactory>,
        options: RouteOptions,
        streams: StreamSignature,
    ) {
        for name in names {
            self.insert(Route::new(name, factory.clone(), options, streams));
        }
    }

    /// Adds the methods of another router, each changed by `change`.
    fn adopt(mut self, other: impl IntoRouter, change: impl Fn(Route) -> Route) -> Self {
        let other = Arc::unwrap_or_clone(other.into_router());
        self.other = self.other.or(other.other);
        self.routes.adopt(other.routes, change);
        self
    }

    pub(super) fn insert(&mut self, route: Route) {
        self.routes.insert(route);
    }

    pub(crate) fn other(&self) -> Option<&Arc<OtherMessages>> {
        self.other.as_ref()
    }

    #[inline]
    pub(crate) fn route(&self, method: &str) -> Option<&Arc<Route>> {
        self.routes.find(method)
    }

    /// The route of a method that is not served by name.
    pub(crate) fn fallback_route(&self, method: &str) -> Option<Arc<Route>> {
        self.routes.fallback(method)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.methods()).finish()
    }
}
