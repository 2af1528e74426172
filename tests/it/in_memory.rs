//! A server and its clients in one process, without a port.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use birpc::middleware::{Caller, Handler, IncomingCall, Next, OutgoingCall, from_fn};
use birpc::{
    Acceptor, CallError, Client, ConnectError, ConnectionState, Context, Event, Grant, RawValue, Reconnect,
    Refusal, Router, Server, ServerBuilder,
};
use tokio::sync::mpsc;

use crate::support::NoParams;

type Result<T> = std::result::Result<T, birpc::ErrorObject>;

struct User(String);

/// A server with settings as in production.
fn server() -> ServerBuilder {
    Server::builder().path("/rpc").hosts(["app.example.com"]).authorize(|request| async move {
        assert_eq!(request.uri().path(), "/rpc");
        assert!(request.remote_addr().is_some_and(|address| address.ip().is_loopback()));
        let token = request.bearer().ok_or_else(|| Refusal::unauthorized("log in first"))?;
        Ok(Grant::new().with(User(token.to_owned())))
    })
}

fn router() -> Router {
    let whoami =
        |cx: Context, _: NoParams| async move { Result::Ok(cx.get::<User>().map(|it| it.0.clone())) };
    Router::new().method("whoami", whoami)
}

fn named(name: &str) -> birpc::ClientBuilder {
    Client::builder().header("authorization", &format!("Bearer {name}"))
}

async fn connect(server: &Acceptor, name: &str) -> Client {
    server.connect_in_memory(named(name)).await.expect("a connection")
}

#[tokio::test(start_paused = true)]
async fn handshake_authorize_and_hooks_are_those_of_production() {
    let (told, mut hooks) = mpsc::unbounded_channel();
    let left = told.clone();
    let server = server()
        .on_connect(move |peer| {
            let told = told.clone();
            async move {
                let user = peer.get::<User>().expect("a user");
                told.send(format!("{} came", user.0)).expect("heard")
            }
        })
        .on_disconnect(move |_, reason| {
            left.send(format!("left: {}", reason.code)).expect("heard");
            async {}
        })
        .mount(router())
        .expect("no duplicates");
    let refused = server.connect_in_memory(Client::builder()).await.expect_err("no token");
    assert!(matches!(refused, ConnectError::Refused { status: 401, .. }), "{refused}");
    let (ada, bob) = (connect(&server, "ada").await, connect(&server, "bob").await);
    assert_eq!(hooks.recv().await.as_deref(), Some("ada came"));
    assert_eq!(hooks.recv().await.as_deref(), Some("bob came"));
    for (client, name) in [(&ada, "ada"), (&bob, "bob")] {
        assert_eq!(client.peer().call::<String>("whoami", ()).await.as_deref(), Ok(name));
        assert_eq!(client.peer().subprotocol(), Some("birpc.v1"));
    }
    assert_eq!(server.handle().peers().len(), 2);
    ada.close(1000, "").expect("a code").await;
    assert_eq!(hooks.recv().await.as_deref(), Some("left: 1000"));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_the_handler() {
    struct Tells(mpsc::UnboundedSender<&'static str>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let (told, mut heard) = mpsc::unbounded_channel();
    let hang = move |_: Context, _: NoParams| {
        let tells = Tells(told.clone());
        async move {
            let _tells = tells;
            pending::<Result<()>>().await
        }
    };
    let (client, _server) = Server::builder()
        .connect_in_memory(Router::new().method("hang", hang), Client::builder())
        .await
        .expect("a connection");
    let call = client.peer().call::<()>("hang", ());
    tokio::time::timeout(Duration::from_secs(1), call).await.expect_err("it never ends");
    assert_eq!(heard.recv().await, Some("dropped"));
}

#[tokio::test(start_paused = true)]
async fn limits_and_layers_hold() {
    async fn deny(_: IncomingCall, _: Next<Handler>) -> Result<Box<RawValue>> {
        Err(birpc::ErrorObject::new(7, "denied"))
    }
    async fn twice(call: OutgoingCall, next: Next<Caller>) -> std::result::Result<Box<RawValue>, CallError> {
        next.run(call.clone()).await.expect_err("it is denied");
        next.run(call).await
    }
    let denied = birpc::middleware::RateLimit::new(2, Duration::from_secs(60));
    let router = router().layer(from_fn(deny)).layer(denied.clone());
    let server = Server::builder()
        .limits(|limits| (limits.max_connections, limits.max_message_in) = (1, 1000))
        .mount(router)
        .expect("no duplicates");
    let client =
        server.connect_in_memory(Client::builder().layer(from_fn(twice))).await.expect("a connection");
    let error = client.peer().call::<()>("whoami", ()).await.expect_err("denied");
    assert!(matches!(error, CallError::Method(error) if error.code() == 7));
    client.peer().call::<()>("whoami", ()).await.expect_err("denied");
    assert_eq!(denied.refused(), 2, "two calls passed, and two were refused");
    let full = server.connect_in_memory(Client::builder()).await.expect_err("no place");
    assert!(matches!(full, ConnectError::Refused { status: 503, .. }), "{full}");
    let large = "x".repeat(2000);
    client.peer().call::<()>("whoami", (large,)).await.expect_err("too large");
    assert_eq!(client.closed().await.code, 1009);
}

#[tokio::test(start_paused = true)]
async fn a_client_reconnects_and_a_shutdown_drains() {
    let nap = |_: Context, _: NoParams| async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Result::Ok("rested")
    };
    let server = Server::builder().mount(Router::new().method("nap", nap)).expect("no duplicates");
    let client = Client::builder().reconnect(Reconnect::default());
    let client = server.connect_in_memory(client).await.expect("a connection");
    let mut events = client.events();
    let near = server.handle().peers().list().pop().expect("a peer");
    near.close(1012, "come back").expect("a code");
    near.closed().await;
    assert_eq!(client.peer().call::<String>("nap", ()).await.as_deref(), Ok("rested"));
    let mut lost = false;
    while let Some(event) = events.next().await {
        lost |= matches!(event, Event::Lost(_));
        if lost && client.state() == ConnectionState::Open {
            break;
        }
    }
    let peer = client.peer().clone();
    let call = tokio::spawn(async move { peer.call::<String>("nap", ()).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let drained = server.handle().shutdown(Duration::from_secs(10)).await;
    assert_eq!((drained.finished, drained.cut), (1, 0));
    assert_eq!(call.await.expect("no panic").as_deref(), Ok("rested"));
}

#[tokio::test(start_paused = true)]
async fn handshakes_that_take_too_long_end() {
    let server = Server::builder()
        .limits(|limits| limits.handshake_timeout = Duration::from_secs(2))
        .authorize(|_| pending())
        .mount(Arc::<Router>::default())
        .expect("no duplicates");
    let error = server.connect_in_memory(Client::builder()).await.expect_err("nobody decides");
    assert!(matches!(error, ConnectError::Refused { status: 503, .. } | ConnectError::Io { .. }), "{error}");
}
