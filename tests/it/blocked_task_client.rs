//! A client's deadlines and closes are respected even if the application's code blocks its thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use birpc::transport::MemoryTransport;
use birpc::{
    Client, ClientBuilder, ConnectError, ConnectionInfo, Context, ErrorObject, Peer, Reconnect, Router,
};
use futures_util::FutureExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::support::{NoParams, Side, bounded, listen};

const LIMIT: Duration = Duration::from_millis(300);

/// Less than what is blocked for.
const SOON: Duration = Duration::from_secs(2);

/// Blocks until the test ends.
fn block() {
    thread::sleep(SOON * 2);
}

fn builder() -> ClientBuilder {
    Client::builder().limits(|limits| limits.handshake_timeout = LIMIT)
}

async fn times_out(connecting: impl Future<Output = Result<Client, ConnectError>> + Send + 'static) {
    let began = Instant::now();
    let error = tokio::spawn(connecting).await.expect("no panic").expect_err("it blocks");
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn what_blocks_in_an_attempt_has_the_time_of_a_handshake() {
    let dialling = builder().dial(|_| async {
        block();
        Err::<TcpStream, _>(io::Error::other("late"))
    });
    times_out(async move { dialling.connect("ws://127.0.0.1:1/").await }).await;
    let opening = || async {
        block();
        Err::<(MemoryTransport, ConnectionInfo), _>(io::Error::other("late"))
    };
    times_out(builder().connect_over(opening)).await;
    let preparing = builder().before_attempt(|attempt| async {
        block();
        Ok(attempt)
    });
    times_out(async move { preparing.connect("ws://127.0.0.1:1/").await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_connected_may_block_after_it_has_sent_something() {
    let mut server = listen(Side::new(Router::new())).await;
    let (begin, mut began) = mpsc::unbounded_channel();
    let reconnect = Reconnect::default().on_connected(move |peer: Peer| {
        let begin = begin.clone();
        async move {
            yield_now().await;
            drop(peer.notify("progress", ()).now_or_never());
            let _ = begin.send(()); // the test may be over
            block();
        }
    });
    let pong = Router::new().method("ping", |_: Context, _: NoParams| async { Ok::<_, ErrorObject>(()) });
    let url = server.url();
    let builder = Client::builder().reconnect(reconnect).serve(pong);
    let _connecting = tokio::spawn(async move { builder.connect(&url).await });
    began.recv().await.expect("it blocks");
    let peer = bounded(server.connected.recv()).await.expect("a client");
    let answered = timeout(SOON, peer.call::<()>("ping", ())).await;
    assert!(answered.is_ok_and(|answer| answer.is_ok()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_client_closes_in_time_although_the_decision_to_reconnect_blocks() {
    let mut server = listen(Side::new(Router::new())).await;
    let asked = Arc::new(AtomicBool::new(false));
    let ask = asked.clone();
    let when = Reconnect::default().when(move |_, default| {
        ask.store(true, SeqCst);
        block();
        default
    });
    let client = Client::builder().reconnect(when).connect(&server.url()).await.expect("a server");
    // A client may be connected before the server has listed its peer.
    let peer = bounded(server.connected.recv()).await.expect("a client");
    peer.close(1011, "").expect("it may be sent");
    bounded(async {
        while !asked.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let began = Instant::now();
    let reason = client.close(1000, "done").expect("it may be sent").await;
    assert_eq!(reason.code, 1000);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
