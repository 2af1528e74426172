//! The layer that limits the rate of each peer's calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::middleware::RateLimit;
use birpc::{Acceptor, CallError, Client, Context, ErrorObject, Router, Server};
use tokio::time::sleep;
use tracing::Level;

use crate::support::NoParams;
use crate::support::logs::Logs;

/// A server with a limit, and the number of notifications that were served.
fn server(limit: &RateLimit) -> (Acceptor, Arc<AtomicUsize>) {
    let heard = Arc::new(AtomicUsize::new(0));
    let hears = heard.clone();
    let router = Router::new()
        .method("ping", |_: Context, _: NoParams| async { Ok::<_, ErrorObject>("pong") })
        .notification("note", move |_: Context, _: NoParams| {
            let hears = hears.clone();
            async move { _ = hears.fetch_add(1, Ordering::Relaxed) }
        })
        .layer(limit.clone())
        .method("free", |_: Context, _: NoParams| async { Ok::<_, ErrorObject>("pong") });
    (Server::builder().mount(router).expect("no duplicates"), heard)
}

async fn connect(server: &Acceptor) -> Client {
    server.connect_in_memory(Client::builder()).await.expect("a connection")
}

async fn pings(client: &Client, calls: usize) -> usize {
    let mut pongs = 0;
    for _ in 0..calls {
        pongs += usize::from(client.peer().call::<String>("ping", ()).await.is_ok());
    }
    pongs
}

#[tokio::test(start_paused = true)]
async fn a_peer_has_a_burst_and_then_its_rate() {
    let limit = RateLimit::new(10, Duration::from_secs(1)).burst(5);
    let client = connect(&server(&limit).0).await;
    assert_eq!(pings(&client, 8).await, 5);
    sleep(Duration::from_millis(210)).await;
    assert_eq!(pings(&client, 8).await, 2);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(pings(&client, 8).await, 5, "a long silence earns one burst");
    assert_eq!(limit.refused(), 3 + 6 + 3);
}

#[tokio::test(start_paused = true)]
async fn the_refusal_says_when_to_try_again_and_that_nothing_ran() {
    let limit = RateLimit::new(4, Duration::from_secs(1)).burst(1);
    let client = connect(&server(&limit).0).await;
    assert_eq!(pings(&client, 1).await, 1);
    let refused = client.peer().call::<String>("ping", ()).await.expect_err("too soon");
    assert!(!refused.may_have_run());
    let CallError::Rpc(error) = refused else { panic!("{refused:?}") };
    assert_eq!(error.code(), -32005);
    assert_eq!(error.raw_data().map(|data| data.get()), Some(DATA));
    let wait = error.retry_after().expect("a time");
    assert_eq!(wait, Duration::from_millis(250));
    sleep(wait - Duration::from_millis(2)).await;
    assert_eq!(pings(&client, 1).await, 0);
    sleep(Duration::from_millis(3)).await;
    assert_eq!(pings(&client, 1).await, 1);
}

const DATA: &str = r#"{"kind":"limit_exceeded","detail":"too many calls in too short a time","retry_after_ms":250,"served":false}"#;

#[tokio::test(start_paused = true)]
async fn each_peer_has_its_own_bucket_and_methods_without_the_layer_have_none() {
    let limit = RateLimit::new(1, Duration::from_secs(1)).burst(3);
    let (server, _) = server(&limit);
    let (one, other) = (connect(&server).await, connect(&server).await);
    assert_eq!((pings(&one, 9).await, pings(&other, 2).await), (3, 2));
    assert_eq!(one.peer().call::<String>("free", ()).await.as_deref(), Ok("pong"));
    assert_eq!(pings(&connect(&server).await, 9).await, 3, "a new connection begins with a full bucket");
}

#[tokio::test(start_paused = true)]
async fn notifications_are_dropped_and_counted_and_the_log_tells_once() {
    let logs = Logs::hear();
    let limit = RateLimit::new(1, Duration::from_secs(1)).burst(4);
    let (server, heard) = server(&limit);
    let client = connect(&server).await;
    for _ in 0..10 {
        client.peer().notify("note", ()).await.expect("it is queued");
    }
    client.peer().call::<String>("free", ()).await.expect("a result"); // all came before
    assert_eq!((heard.load(Ordering::Relaxed), limit.dropped(), limit.refused()), (4, 6, 0));
    assert_eq!(logs.with(Level::WARN, "a notification was dropped").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_limits_count_apart() {
    let (wide, narrow) =
        (RateLimit::new(4, Duration::from_secs(1)), RateLimit::new(1, Duration::from_secs(1)));
    let ping = |_: Context, _: NoParams| async { Ok::<_, ErrorObject>("pong") };
    let router = Router::new().method("narrow", ping).layer(narrow).method("ping", ping).layer(wide);
    let (client, _server) =
        Server::builder().connect_in_memory(router, Client::builder()).await.expect("a connection");
    let call = async |method| client.peer().call::<String>(method, ()).await.is_ok();
    assert_eq!((call("narrow").await, call("narrow").await), (true, false));
    assert_eq!(pings(&client, 4).await, 2, "the refused call counted against the outer limit");
}
