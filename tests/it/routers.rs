//! Routers that are cloned, merged and nested.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc::middleware::{Handler, IncomingCall, Next, from_fn};
use birpc::{Connection, Context, ErrorObject, Peer, RawValue, Router, rpc};

use crate::support::{Join, Side, code, over_both};

over_both! {
    merged_routers_serve_the_methods_of_both
    nested_methods_are_called_by_their_prefixed_names
    layers_stay_around_the_methods_they_were_put_around
    clones_of_a_router_grow_apart
}

type Reply = Result<String, ErrorObject>;

/// A method that replies with the name by which it was called.
fn named(method: &str) -> Router {
    Router::new().method(method, |cx: Context, ()| async move { Reply::Ok(cx.method().to_owned()) })
}

/// Puts a layer around all methods so far that counts calls.
fn counting(router: Router) -> (Router, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let layer = from_fn(move |call: IncomingCall, next: Next<Handler>| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { next.run(call).await as Result<Box<RawValue>, ErrorObject> }
    });
    (router.layer(layer), seen)
}

async fn serving(join_by: Join, router: Router) -> Peer {
    join_by.peers(Side::default(), Side::new(router)).await.client
}

async fn reply(peer: &Peer, method: &str) -> Option<String> {
    match peer.call(method, ()).await {
        Ok(reply) => Some(reply),
        unknown => {
            assert_eq!(code(&unknown), -32601, "{method}: {unknown:?}");
            None
        }
    }
}

async fn merged_routers_serve_the_methods_of_both(join_by: Join) {
    let peer = serving(join_by, named("one").merge(named("two"))).await;
    assert_eq!(reply(&peer, "one").await.as_deref(), Some("one"));
    assert_eq!(reply(&peer, "two").await.as_deref(), Some("two"));
    assert_eq!(reply(&peer, "three").await, None);
}

async fn nested_methods_are_called_by_their_prefixed_names(join_by: Join) {
    let inner = named("stop").nest("users.", named("list"));
    let peer = serving(join_by, named("stop").nest("admin.", inner)).await;
    for method in ["stop", "admin.stop", "admin.users.list"] {
        assert_eq!(reply(&peer, method).await.as_deref(), Some(method));
    }
    for method in ["list", "users.list", "admin.list", "admin.", "admin"] {
        assert_eq!(reply(&peer, method).await, None);
    }
}

async fn layers_stay_around_the_methods_they_were_put_around(join_by: Join) {
    let (inner, seen_inside) = counting(named("inside"));
    let (outer, seen_outside) = counting(named("before").nest("in.", inner));
    let peer = serving(join_by, outer.merge(named("behind"))).await;
    let counts = || (seen_inside.load(Ordering::Relaxed), seen_outside.load(Ordering::Relaxed));

    assert_eq!(reply(&peer, "behind").await.as_deref(), Some("behind"));
    assert_eq!(counts(), (0, 0));
    assert_eq!(reply(&peer, "before").await.as_deref(), Some("before"));
    assert_eq!(counts(), (0, 1));
    assert_eq!(reply(&peer, "in.inside").await.as_deref(), Some("in.inside"));
    assert_eq!(counts(), (1, 2));
    assert_eq!(reply(&peer, "inside").await, None);
    assert_eq!(counts(), (1, 2), "an unknown method reaches no layer");
}

async fn clones_of_a_router_grow_apart(join_by: Join) {
    let base = named("shared");
    let (layered, seen) = counting(base.clone().merge(named("own")));
    let (plain, layered) = (serving(join_by, base).await, serving(join_by, layered).await);
    assert_eq!(reply(&plain, "shared").await.as_deref(), Some("shared"));
    assert_eq!(reply(&plain, "own").await, None);
    assert_eq!(seen.load(Ordering::Relaxed), 0);
    assert_eq!(reply(&layered, "shared").await.as_deref(), Some("shared"));
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[test]
fn a_name_that_two_routers_have_is_a_conflict() {
    let conflict = |router: Router| router.check().err().map(|error| error.method);
    assert_eq!(conflict(named("a").merge(named("a"))).as_deref(), Some("a"));
    assert_eq!(conflict(named("x.a").nest("x.", named("a"))).as_deref(), Some("x.a"));
    assert_eq!(conflict(named("a").nest("x.", named("a"))), None);
    let broken = named("a").merge(named("a"));
    assert_eq!(conflict(named("b").nest("x.", broken)).as_deref(), Some("a"), "a conflict is not lost");
}

#[rpc]
trait Clock {
    async fn now(&self) -> Result<u64, ErrorObject>;
}

struct Stopped;

impl Clock for Stopped {
    async fn now(&self) -> Result<u64, ErrorObject> {
        Ok(0)
    }
}

#[tokio::test]
async fn a_service_is_nested_without_a_router_of_its_own() {
    let router = Router::new().nest("wall.", ClockServer::new(Stopped)).merge(ClockServer::new(Stopped));
    let (peer, _far) = Connection::pair(Router::new(), router);
    assert_eq!(peer.call::<u64>("wall.now", ()).await, Ok(0));
    assert_eq!(peer.stub::<ClockClient>().now().await, Ok(0));
}
