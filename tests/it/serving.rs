//! A server calls, notifies, greets, lists and stops its clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use birpc::{
    CallError, Client, CloseReason, ConnectError, Context, ErrorObject, Initiator, Peer, Router, ServeError,
    Server,
};
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;

use crate::support::{NoParams, OnDrop, Side, bounded, hanging, listen};

/// A client with a name that records the messages it gets.
fn client(name: &'static str) -> (Router, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let router = Router::new()
        .method("name", move |_, _: NoParams| async move { Ok::<_, ErrorObject>(name.to_owned()) })
        .notification("told", move |_, (line,): (String,)| {
            tell.send(line).expect("the test listens");
            async {}
        });
    (router, told)
}

async fn connect(url: &str, router: Router) -> Client {
    Client::builder().serve(router).connect(url).await.expect("a server")
}

// From the hook, from a handler, from the list of peers, and to all at once.
#[tokio::test]
async fn a_server_calls_and_notifies_from_anywhere() {
    bounded(async {
        let server = Server::builder()
            .on_connect(|peer| async move {
                let name: String = peer.call("name", ()).await.expect("a client");
                peer.notify("told", [format!("hello, {name}")]).await.expect("a client");
            })
            .bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let (url, handle) = (format!("ws://{}/", server.local_addr().expect("bound")), server.handle());
        let (tell, mut heard) = mpsc::unbounded_channel();
        let router = Router::new()
            .notification("said", move |_, (line,): (String,)| {
                tell.send(line).expect("the test listens");
                async {}
            })
            .method("who am I", |cx: Context, _: NoParams| async move {
                Ok::<String, ErrorObject>(cx.peer().call("name", ()).await?)
            });
        tokio::spawn(server.serve(router));
        let ((ada, mut to_ada), (bob, mut to_bob)) = (client("Ada"), client("Bob"));
        let (ada, bob) = (connect(&url, ada).await, connect(&url, bob).await);
        assert_eq!(to_ada.recv().await.as_deref(), Some("hello, Ada"));
        assert_eq!(to_bob.recv().await.as_deref(), Some("hello, Bob"));
        assert_eq!(ada.peer().call::<String>("who am I", ()).await, Ok("Ada".to_owned()));
        bob.peer().notify("said", ["something"]).await.expect("a server");
        assert_eq!(heard.recv().await.as_deref(), Some("something"));

        let mut names = Vec::new();
        for peer in handle.peers().list() {
            assert_eq!(handle.peer(peer.id()), Some(peer.clone()));
            names.push(peer.call::<String>("name", ()).await.expect("a client"));
        }
        names.sort();
        assert_eq!(names, ["Ada", "Bob"]);
        let made = AtomicUsize::new(0);
        assert_eq!(handle.peers().notify("told", [Counted("all", &made)]), Ok(2));
        assert_eq!(made.into_inner(), 1, "one text for all of them");
        assert_eq!(
            (to_ada.recv().await.as_deref(), to_bob.recv().await.as_deref()),
            (Some("all"), Some("all"))
        );
    })
    .await;
}

/// A parameter that counts how often it is serialised.
struct Counted<'a>(&'a str, &'a AtomicUsize);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.serialize(serializer)
    }
}

struct Name(String);

#[tokio::test]
async fn a_disconnect_hook_may_await() {
    bounded(async {
        let (go_on, going) = tokio::sync::watch::channel(false);
        let (left, mut gone) = mpsc::unbounded_channel();
        let server = Server::builder()
            .on_connect(|peer: Peer| {
                peer.insert(Name("ada".into()));
                async {}
            })
            .on_disconnect(move |peer: Peer, reason: CloseReason| {
                let (mut going, left) = (going.clone(), left.clone());
                async move {
                    let name = peer.get::<Name>().expect("until the first await");
                    let _ = going.wait_for(|goes| *goes).await;
                    left.send((name.0.clone(), reason.code)).expect("the test listens");
                }
            })
            .bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let (url, handle) = (format!("ws://{}/", server.local_addr().expect("bound")), server.handle());
        let serving = tokio::spawn(server.serve(Router::new()));
        let client = Client::connect(&url).await.expect("a server");
        client.close(1000, "done").expect("it may be sent").await;
        while !handle.peers().is_empty() {
            tokio::task::yield_now().await;
        }
        handle.stop();
        tokio::task::yield_now().await;
        assert!(gone.try_recv().is_err() && !serving.is_finished(), "the server waits for the hook");
        go_on.send_replace(true);
        assert_eq!(gone.recv().await, Some(("ada".into(), 1000)));
        serving.await.expect("no panic").expect("it served");
    })
    .await;
}

#[tokio::test]
async fn hooks_see_the_peer_with_its_values_and_its_reason() {
    bounded(async {
        let (left, mut gone) = mpsc::unbounded_channel();
        let server = Server::builder()
            .on_connect(|peer: Peer| {
                peer.insert(Name(format!("peer {}", peer.id())));
                async {}
            })
            .on_disconnect(move |peer: Peer, reason: CloseReason| {
                let name = peer.get::<Name>().expect("it was inserted");
                left.send((name.0.clone(), reason)).expect("the test listens");
                async {}
            })
            .bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let (url, handle) = (format!("ws://{}/", server.local_addr().expect("bound")), server.handle());
        // The hook has run before the first message was read.
        let name = |cx: Context, _: NoParams| async move {
            Ok::<_, ErrorObject>(cx.get::<Name>().map(|name| name.0.clone()))
        };
        tokio::spawn(server.serve(Router::new().method("my name", name)));
        let client = Client::connect(&url).await.expect("a server");
        let name: Option<String> = client.peer().call("my name", ()).await.expect("a result");
        let peer = handle.peers().list().pop().expect("a client");
        assert_eq!(name, Some(format!("peer {}", peer.id())));
        assert!(peer.get::<String>().is_none());
        let replaced = peer.insert(Name("new".into())).expect("the old one");
        assert_eq!(Some(replaced.0.clone()), name);
        client.close(4000, "bye").expect("it may be sent");
        let (name, reason) = gone.recv().await.expect("the hook runs");
        assert_eq!((&*name, reason.code, &*reason.reason), ("new", 4000, "bye"));
        assert!(handle.peers().is_empty());
        assert_eq!(handle.peer(peer.id()), None);
    })
    .await;
}

// A value of the application lives no longer than the handles of its connection.
#[tokio::test]
async fn values_go_with_the_connection() {
    bounded(async {
        let (end, mut dropped) = mpsc::unbounded_channel();
        let mut listening = listen(Side::default()).await;
        let client = Client::connect(&listening.url()).await.expect("a server");
        let peer = listening.connected.recv().await.expect("the server runs");
        peer.insert(OnDrop::tell(&end));
        drop(client);
        assert_eq!(peer.closed().await.code, 1000);
        drop(peer);
        dropped.recv().await.expect("it is dropped");
    })
    .await;
}

#[tokio::test]
async fn each_connection_may_have_a_router_of_its_own() {
    bounded(async {
        let server = Server::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("bound"));
        tokio::spawn(server.serve_with(|peer| {
            let id = peer.id();
            Router::new().method("id", move |cx: Context, _: NoParams| async move {
                Ok::<_, ErrorObject>(id == cx.peer().id())
            })
        }));
        for _ in 0..3 {
            let client = Client::connect(&url).await.expect("a server");
            assert_eq!(client.peer().call::<bool>("id", ()).await, Ok(true));
        }
    })
    .await;
}

#[tokio::test]
async fn stop_closes_all_with_1001_and_serve_returns() {
    bounded(async {
        let (router, mut hanging) = hanging();
        let server = Server::bind("127.0.0.1:0").await.expect("a free port");
        let (url, handle) = (format!("ws://{}/", server.local_addr().expect("bound")), server.handle());
        let serving = tokio::spawn(server.serve(router));
        let clients = [Client::connect(&url).await, Client::connect(&url).await];
        let clients = clients.map(|client| client.expect("a server"));
        let calls = clients.clone().map(|client| tokio::spawn(client.peer().call::<()>("hang", ())));
        for _ in &clients {
            hanging.began.recv().await.expect("a handler begins");
        }
        handle.stop();
        serving.await.expect("no panic").expect("a good router");
        for call in calls {
            let outcome = call.await.expect("no panic");
            let Err(CallError::Disconnected { reason, sent: true }) = outcome else { panic!("{outcome:?}") };
            assert_eq!((reason.code, reason.initiator, reason.clean), (1001, Initiator::Remote, true));
            hanging.dropped.recv().await.expect("a handler is dropped");
        }
        assert!(handle.peers().is_empty());
        assert!(matches!(Client::connect(&url).await, Err(ConnectError::Io { .. })));
    })
    .await;
}

fn twice() -> Router {
    let one = |_, _: NoParams| async { Ok::<_, ErrorObject>(1) };
    Router::new().method("same", one).method("other", one).method("same", one)
}

#[tokio::test]
async fn a_router_with_a_duplicate_method_is_refused() {
    bounded(async {
        let server = Server::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("bound"));
        let Err(ServeError::Router(duplicate)) = server.serve(twice()).await else { panic!("it serves") };
        assert_eq!(duplicate.method, "same");
        // Before anything is opened: there is no listener any more.
        let connected = Client::builder().serve(twice()).connect(&url).await;
        assert!(matches!(connected, Err(ConnectError::Router(duplicate)) if duplicate.method == "same"));
        let mut listening = listen(Side::new(Arc::new(Router::new()))).await;
        let client = Client::connect(&listening.url()).await.expect("a server");
        assert!(listening.connected.recv().await.is_some());
        assert_eq!(crate::support::code(&client.peer().call::<()>("same", ()).await), -32601);
    })
    .await;
}

#[tokio::test]
async fn an_authorize_that_panics_refuses_with_500() {
    bounded(async {
        let server = Server::builder()
            .authorize(|request| async move {
                assert!(!request.headers().contains_key("x-panic"), "the test's panic");
                Ok(birpc::Grant::new())
            })
            .bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("bound"));
        tokio::spawn(server.serve(Router::new()));
        let refused = Client::builder().header("x-panic", "1").connect(&url).await.expect_err("it panics");
        assert!(matches!(refused, birpc::ConnectError::Refused { status: 500, .. }), "{refused}");
        Client::connect(&url).await.expect("the server goes on");
    })
    .await;
}

// A hook that panics can at most cost its own connection.
#[tokio::test]
async fn a_hook_that_panics_harms_no_other_connection() {
    bounded(async {
        let is_first = AtomicBool::new(true);
        let server = Server::builder()
            .on_connect(move |_| {
                assert!(!is_first.swap(false, Ordering::Relaxed), "the test's panic");
                async {}
            })
            .bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let (url, handle) = (format!("ws://{}/", server.local_addr().expect("bound")), server.handle());
        let serving = tokio::spawn(server.serve(Router::new()));
        let client = Client::connect(&url).await.expect("the handshake comes first");
        // The first client may be served or closed, but it gets an answer.
        let outcome = client.peer().call::<()>("no such", ()).await;
        let is_closed = outcome.as_ref().is_err_and(CallError::is_disconnected);
        assert!(crate::support::code(&outcome) == -32601 || is_closed, "{outcome:?}");
        let client = Client::connect(&url).await.expect("a server");
        assert_eq!(crate::support::code(&client.peer().call::<()>("no such", ()).await), -32601);
        handle.stop();
        serving.await.expect("no panic").expect("a good router");
    })
    .await;
}
