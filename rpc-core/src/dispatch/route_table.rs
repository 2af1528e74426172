//! The routes of a router, by their wire names.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::handling::HandlerFactory;
use super::layer::begun_by_layers;
use super::route::Route;

/// The largest name of a method that is passed to the fallback, in bytes. The name is kept beside the call,
/// and no limit counts it.
const MAX_FALLBACK_NAME: usize = 1024;

/// Two methods of a router have the same wire name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("two services of this router serve the method `{method}`; give one a namespace or another name")]
pub struct DuplicateMethod {
    /// The wire name.
    pub method: String,
}

#[derive(Clone, Default)]
pub(super) struct RouteTable {
    /// The hash is fast and not keyed: peers look names up, but cannot add one.
    routes: FxHashMap<Box<str>, Arc<Route>>,
    /// Serves the names that are not in the map.
    fallback: Option<Route>,
    duplicate: Option<DuplicateMethod>,
}

impl RouteTable {
    pub(super) fn insert(&mut self, route: Route) {
        let method = route.method.clone();
        if let Some(other) = self.routes.get(&*method) {
            // Several methods that subscribe may share the method that ends their subscriptions. One that has
            // layers keeps them.
            if route.unsubscribes && other.unsubscribes {
                if other.layered {
                    return;
                }
            } else {
                self.duplicate.get_or_insert(DuplicateMethod { method: method.to_string() });
            }
        }
        self.routes.insert((*method).into(), Arc::new(route));
    }

    /// Sets the route of all other names. A later one replaces it.
    pub(super) fn set_fallback(&mut self, route: Route) {
        self.fallback = Some(route);
    }

    /// Drops the fallback.
    pub(super) fn without_fallback(self) -> Self {
        Self { fallback: None, ..self }
    }

    /// Adds the routes of another table, each changed by `change`. The fallback that is there already stays.
    pub(super) fn adopt(&mut self, other: Self, change: impl Fn(Route) -> Route) {
        let duplicate = self.duplicate.take();
        self.duplicate = duplicate.or(other.duplicate);
        let fallback = self.fallback.take();
        self.fallback = fallback.or_else(|| other.fallback.map(&change));
        for route in other.routes.into_values() {
            self.insert(change(Arc::unwrap_or_clone(route)));
        }
    }

    /// Puts a layer around each route. `around` makes the factory of a layered handler from the one behind.
    pub(super) fn layer(&mut self, around: impl Fn(Arc<HandlerFactory>) -> Arc<HandlerFactory>) {
        let routes = self.routes.values_mut().map(Arc::make_mut);
        for route in routes.chain(self.fallback.as_mut()) {
            let behind = match std::mem::replace(&mut route.layered, true) {
                true => route.factory.clone(),
                false => begun_by_layers(route.factory.clone()),
            };
            route.factory = around(behind);
        }
    }

    #[inline]
    pub(super) fn find(&self, method: &str) -> Option<&Arc<Route>> {
        self.routes.get(method)
    }

    /// The route of a name that is not in the map, if there is a fallback.
    #[cold]
    pub(super) fn fallback(&self, method: &str) -> Option<Arc<Route>> {
        let fallback = self.fallback.as_ref().filter(|_| method.len() <= MAX_FALLBACK_NAME)?;
        Some(Arc::new(Route { method: method.into(), ..fallback.clone() }))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(|name| &**name)
    }

    pub(super) fn duplicate(&self) -> Option<DuplicateMethod> {
        self.duplicate.clone()
    }
}
