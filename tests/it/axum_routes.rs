//! birpc on a route of an axum application: values from middleware and paths, and how both end.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use birpc::{Client, ConnectError, Context, ErrorObject, Grant, Peer, Refusal, Router, Server, ServerHandle};
use tokio::sync::oneshot;

use crate::support::{NoParams, bounded};

/// The user that a middleware has identified.
#[derive(Clone)]
struct User(String);

struct Room(String);

async fn login(mut request: Request, next: Next) -> Response {
    if let Some(user) = request.headers().get("x-user").and_then(|user| user.to_str().ok()).map(str::to_owned)
    {
        request.extensions_mut().insert(User(user));
    }
    next.run(request).await
}

/// Serves the caller's user and room, and `admin` to one user only.
fn router_of(peer: &Peer) -> Router {
    let router = Router::new().method("where", |cx: Context, _: NoParams| async move {
        let (user, room) = (cx.get::<User>(), cx.get::<Room>());
        Ok::<_, ErrorObject>((user.map(|user| user.0.clone()), room.map(|room| room.0.clone())))
    });
    match peer.get::<User>() {
        Some(user) if user.0 == "ada" => {
            router.method("admin", |_, _: NoParams| async { Ok::<_, ErrorObject>(true) })
        }
        _ => router,
    }
}

async fn serve()
-> (SocketAddr, ServerHandle, oneshot::Sender<()>, tokio::task::JoinHandle<std::io::Result<()>>) {
    let rpc = Server::builder()
        .authorize(|request| async move {
            let user =
                request.extensions().get::<User>().ok_or_else(|| Refusal::unauthorized("log in first"))?;
            let room = request.path_param("room").ok_or_else(|| Refusal::new(404, "no room"))?;
            assert_eq!(request.path_param("other"), None);
            Ok(Grant::new().with(user.clone()).with(Room(room.to_owned())))
        })
        .mount_with(router_of)
        .expect("it can be mounted");
    let handle = rpc.handle();
    let route = rpc.into_route().layer(from_fn(login));
    let app = axum::Router::new().route("/rooms/{room}/rpc", route.clone()).route("/rpc", route);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let draining = handle.clone();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        let _ = stopped.await; // asked to, or the test is over
        draining.shutdown(Duration::from_secs(5)).await;
    });
    (address, handle, stop, tokio::spawn(serving.into_future()))
}

async fn connect(address: SocketAddr, path: &str, user: Option<&str>) -> Result<Client, ConnectError> {
    let builder = Client::builder();
    let builder = if let Some(user) = user { builder.header("x-user", user) } else { builder };
    bounded(builder.connect(&format!("ws://{address}{path}"))).await
}

#[tokio::test]
async fn what_the_application_found_reaches_handlers() {
    let (address, _handle, _stop, _serving) = serve().await;
    for (user, room, path) in [("ada", "a b", "/rooms/a%20b/rpc"), ("bob", "é", "/rooms/%C3%A9/rpc")] {
        let client = connect(address, path, Some(user)).await.expect("it is served");
        let found: (String, String) = client.peer().call("where", ()).await.expect("a reply");
        assert_eq!((found.0.as_str(), found.1.as_str()), (user, room));
        let is_admin = client.peer().call::<bool>("admin", ()).await.is_ok();
        assert_eq!(is_admin, user == "ada", "each connection has a router of its own");
    }
    for (path, user, expected) in
        [("/rooms/1/rpc", None, 401), ("/rpc", Some("ada"), 404), ("/rooms/%ff/rpc", Some("ada"), 400)]
    {
        let refused = connect(address, path, user).await;
        let Err(ConnectError::Refused { status, .. }) = refused else { panic!("{path}: {refused:?}") };
        assert_eq!(status, expected, "{path}");
    }
}

#[tokio::test]
async fn both_end_when_birpc_is_shut_down_first() {
    let (address, handle, stop, serving) = serve().await;
    let client = connect(address, "/rooms/1/rpc", Some("ada")).await.expect("it is served");
    client.peer().call::<(String, String)>("where", ()).await.expect("a reply");
    stop.send(()).expect("it runs");
    assert_eq!(bounded(client.closed()).await.code, 1001);
    bounded(serving).await.expect("no panic").expect("it ends well");
    assert!(handle.is_stopped() && handle.peers().is_empty());
}
