//! A panic in application code ends only what it belongs to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use birpc::transport::memory_pair;
use birpc::{Client, Config, Connection, ConnectionInfo, Grant, Peer, Router, Server};

use tokio::sync::mpsc;

use crate::support::bounded;
use crate::support::connection::timed;

/// Application values that count their drops, and then panic.
struct Fragile(Arc<AtomicUsize>);
struct FragileToo(#[allow(dead_code)] Fragile);

impl Drop for Fragile {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        panic!("on purpose");
    }
}

#[tokio::test]
async fn what_runs_when_a_connection_has_ended_may_panic() {
    let (near, far) = memory_pair();
    let (peer, connection) = Connection::new(near, Arc::new(Config::default()), ConnectionInfo::default());
    drop(far);
    let connection = connection.serve(Router::new()).on_end(|_| panic!("on purpose"));
    let reason = bounded(tokio::spawn(connection)).await.expect("the connection does not panic");
    assert_eq!((reason.code, bounded(peer.closed()).await.code), (1006, 1006));
}

#[tokio::test]
async fn values_that_are_kept_may_panic_when_they_are_dropped() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let acceptor = Server::builder()
        .on_disconnect(|_, _| async { panic!("on purpose") })
        .mount(Router::new())
        .expect("no duplicate methods");
    let (near, far) = memory_pair();
    let fragile = || Fragile(dropped.clone());
    let grant = Grant::new().with(fragile()).with(FragileToo(fragile()));
    drop(far);
    let serving = acceptor.serve_transport(near, ConnectionInfo::default(), grant);
    bounded(tokio::spawn(serving)).await.expect("what serves it does not panic");
    assert_eq!(dropped.load(SeqCst), 2);
    assert!(acceptor.handle().peers().is_empty());
}

#[tokio::test]
async fn a_connection_whose_router_cannot_be_made_is_closed_with_1011() {
    let server = Server::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", server.local_addr().expect("it is bound"));
    let make = |_: &Peer| -> Router { panic!("on purpose") };
    tokio::spawn(server.serve_with(make));
    let client = bounded(Client::connect(&url)).await.expect("a server");
    let reason = bounded(client.closed()).await;
    assert_eq!((reason.code, &*reason.reason), (1011, "the server has no service for this connection"));
}

// The hook runs in the connection's task up to its first await, but its panic must not end that task.
#[tokio::test]
async fn a_connect_hook_that_panics_leaves_its_connection_open() {
    let (tell, mut left) = mpsc::unbounded_channel();
    // Before its first await, and after.
    for awaits in [false, true] {
        let tell = tell.clone();
        let server = Server::builder()
            .on_connect(move |_| async move {
                if awaits {
                    tokio::task::yield_now().await;
                }
                panic!("the test's panic");
            })
            .on_disconnect(move |_, reason| {
                tell.send(reason.code).expect("the test listens");
                async {}
            })
            .bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("bound"));
        tokio::spawn(server.serve(timed()));
        let client = Client::connect(&url).await.expect("a server");
        for _ in 0..10 {
            assert_eq!(bounded(client.peer().call::<u64>("slow", (1,))).await, Ok(1));
        }
        client.close(4000, "").expect("it may be sent");
        assert_eq!(bounded(left.recv()).await, Some(4000));
    }
}
