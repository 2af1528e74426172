//! Streams through drains, outages, timeouts, layers and runtimes that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::middleware::{Handler, IncomingCall, Next, from_fn};
use birpc::{
    CallError, Client, ConnectionState, Context, ErrorObject, Keepalive, Reconnect, Router, StreamError,
    Streaming, rpc,
};
use serde_json::json;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio::time::{Instant, sleep};

use crate::streams::collect;
use crate::support::{Dials, Join, Pair, Raw, Side, bounded, listen, over_both};

over_both! {
    a_drain_lets_streams_finish_and_ends_those_that_never_would
    streams_hold_no_slot
    a_layer_sees_a_call_until_its_stream_ends
}

#[rpc]
pub(crate) trait Feed {
    /// 0, 1, … to-1, each as soon as there is a permit for it.
    async fn gated(&self, to: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn count(&self, from: u64, to: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn stuck(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn sum(&self, cx: &Context, numbers: Streaming<u64>) -> Result<u64, ErrorObject>;
    async fn double(&self, numbers: Streaming<u64>) -> Result<Streaming<u64>, ErrorObject>;
    async fn add(&self, a: u64, b: u64) -> Result<u64, ErrorObject>;
}

#[derive(Clone)]
pub(crate) struct Server {
    gate: Arc<Semaphore>,
    prices: broadcast::Sender<u64>,
    /// Handlers and producers that live.
    live: Arc<AtomicUsize>,
}

struct Life(Arc<AtomicUsize>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), prices: broadcast::channel(16).0, live: Arc::default() }
    }

    fn life(&self) -> Life {
        self.live.fetch_add(1, Ordering::SeqCst);
        Life(self.live.clone())
    }

    pub(crate) fn side(&self) -> Side {
        Side::new(FeedServer::new(self.clone()))
    }

    pub(crate) async fn rest(&self) {
        while self.live.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Feed for Server {
    async fn gated(&self, to: u64) -> Result<Streaming<u64>, ErrorObject> {
        let (gate, life) = (self.gate.clone(), self.life());
        Ok(Streaming::produce(move |out| async move {
            let _life = life;
            for number in 0..to {
                gate.acquire().await.expect("it stays open").forget();
                out.send(number).await?;
            }
            Ok(())
        }))
    }

    async fn count(&self, from: u64, to: u64) -> Result<Streaming<u64>, ErrorObject> {
        let life = self.life();
        Ok(Streaming::from_iter((from..to).inspect(move |_| {
            let _ = &life;
        })))
    }

    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_broadcast(self.prices.subscribe()))
    }

    async fn stuck(&self) -> Result<Streaming<u64>, ErrorObject> {
        let _life = self.life();
        std::future::pending().await
    }

    async fn sum(&self, _cx: &Context, mut numbers: Streaming<u64>) -> Result<u64, ErrorObject> {
        let _life = self.life();
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += number.map_err(|error| ErrorObject::new(9, format!("{error:?}")))?;
        }
        Ok(sum)
    }

    async fn double(&self, mut numbers: Streaming<u64>) -> Result<Streaming<u64>, ErrorObject> {
        let life = self.life();
        Ok(Streaming::produce(move |out| async move {
            let _life = life;
            while let Some(number) = numbers.next().await {
                let number = number.map_err(|error| ErrorObject::new(9, format!("{error:?}")))?;
                out.send(2 * number).await?;
            }
            Ok(())
        }))
    }

    async fn add(&self, a: u64, b: u64) -> Result<u64, ErrorObject> {
        Ok(a + b)
    }
}

async fn a_drain_lets_streams_finish_and_ends_those_that_never_would(join_by: Join) {
    let server = Server::new();
    let Pair { client, server: peer, .. } = join_by.peers(Side::default(), server.side()).await;
    let feed: FeedClient = client.stub();
    let finite = feed.gated(3).await.expect("it opens");
    let endless = feed.prices().await.expect("it opens");
    let numbers = Streaming::produce({
        let gate = server.gate.clone();
        move |out| async move {
            gate.acquire().await.expect("it stays open").forget();
            out.send(5).await?;
            Ok(())
        }
    });
    let sum = tokio::spawn(feed.sum(numbers));
    while peer.serving() < 3 {
        tokio::task::yield_now().await;
    }
    let drained = tokio::spawn(async move { peer.drain().await });
    let (items, ended) = collect(endless).await;
    assert!(
        items.is_empty() && matches!(&ended, Some(StreamError::Refused(error)) if error.code() == -32001),
        "{ended:?}"
    );
    let refused = feed.count(0, 3).await.map(drop);
    assert!(matches!(&refused, Err(CallError::Rpc(error)) if error.code() == -32001), "{refused:?}");
    assert!(!drained.is_finished());
    server.gate.add_permits(4);
    assert_eq!(collect(finite).await, (vec![0, 1, 2], None));
    assert_eq!(sum.await.expect("no panic"), Ok(5));
    let drained = drained.await.expect("no panic");
    assert_eq!((drained.finished, drained.cut), (3, 0));
}

async fn streams_hold_no_slot(join_by: Join) {
    let server = Server::new();
    let side = server.side().limits(|limits| (limits.max_in_flight, limits.max_open) = (1, 100));
    let Pair { client, server: peer, .. } = join_by.peers(Side::default(), side).await;
    let feed: FeedClient = client.stub();
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(feed.gated(1).await.expect("it opens"));
    }
    assert_eq!(feed.add(1, 2).await, Ok(3));
    assert_eq!(peer.serving(), 20);
    server.gate.add_permits(20);
    for stream in open {
        assert_eq!(collect(stream).await, (vec![0], None));
    }
    assert_eq!(client.in_flight(), 0);
}

async fn a_layer_sees_a_call_until_its_stream_ends(join_by: Join) {
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let layer = from_fn(move |call: IncomingCall, next: Next<Handler>| {
        let stopped = stopped.clone();
        async move {
            tokio::select! {
                ended = next.run(call) => ended,
                () = stopped.notified() => Err(ErrorObject::new(408, "too long")),
            }
        }
    });
    let server = Server::new();
    let router = Router::new().service(FeedServer::new(server.clone())).layer(layer);
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    let feed: FeedClient = pair.client.stub();
    assert_eq!(collect(feed.count(0, 100).await.expect("it opens")).await, ((0..100).collect(), None));
    assert_eq!(feed.sum(Streaming::from_iter(0..50)).await, Ok(1225));
    let mut stream = feed.gated(3).await.expect("it opens");
    server.gate.add_permits(1);
    assert_eq!(stream.next().await, Some(Ok(0)));
    stop.notify_one();
    let (items, ended) = collect(stream).await;
    assert!(items.is_empty());
    assert!(matches!(&ended, Some(StreamError::Method(error)) if error.code() == 408), "{ended:?}");
    server.rest().await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_bounds_the_opening_and_an_idle_timeout_the_items() {
    let server = Server::new();
    let pair = Join::Memory.peers(Side::default(), server.side()).await;
    let feed = pair.client.stub::<FeedClient>().with_timeout(Duration::from_secs(5));
    let began = Instant::now();
    assert_eq!(feed.stuck().await.map(drop), Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 5);
    server.rest().await;

    let mut stream = feed.gated(3).await.expect("it opens");
    sleep(Duration::from_secs(60)).await;
    server.gate.add_permits(1);
    assert_eq!(stream.next().await, Some(Ok(0)), "the timeout was that of the opening");
    drop(stream);
    server.rest().await;

    let mut stream = feed.gated(3).idle_timeout(Duration::from_secs(7)).await.expect("it opens");
    sleep(Duration::from_secs(60)).await;
    server.gate.add_permits(1);
    assert_eq!(stream.next().await, Some(Ok(0)), "nobody waited for it");
    let began = Instant::now();
    assert_eq!(stream.next().await, Some(Err(StreamError::TimedOut)));
    assert_eq!((began.elapsed().as_secs(), stream.next().await), (7, None));
    server.rest().await;
    while pair.server.serving() > 0 {
        tokio::task::yield_now().await;
    }
}

/// What was open ends with its connection; a call that has not gone out goes on the next one, with its
/// argument untouched.
#[tokio::test(start_paused = true)]
async fn a_client_that_reconnects_ends_its_streams_and_sends_what_was_not_sent() {
    let builder = Client::builder().reconnect(Reconnect::default()).keepalive(Keepalive::off());
    let (client, mut dials, mut raw) = Dials::connected(builder).await;
    let feed: FeedClient = client.stub();
    let opening = tokio::spawn(feed.count(0, 10));
    let request = raw.json().await;
    raw.send([json!({"jsonrpc": "2.0", "method": "rpc.item", "params": [request["id"], 0, 1]}).to_string()])
        .await;
    let mut stream = opening.await.expect("no panic").expect("it opens");
    assert_eq!(stream.next().await, Some(Ok(0)));
    let sent = tokio::spawn(feed.sum(Streaming::from_iter(0..3)));
    while raw.json().await["method"] != "rpc.done" {}
    drop(raw);
    while client.state() != ConnectionState::Connecting {
        tokio::task::yield_now().await;
    }
    assert_eq!(stream.next().await, Some(Ok(1)), "it had come");
    let ended = stream.next().await;
    assert!(
        matches!(&ended, Some(Err(StreamError::Disconnected { reason })) if reason.code == 1006),
        "{ended:?}"
    );
    let sent = sent.await.expect("no panic");
    assert!(matches!(sent, Err(CallError::Disconnected { sent: true, .. })), "{sent:?}");

    let unsent = tokio::spawn(feed.sum(Streaming::from_iter([7, 8])));
    let mut raw: Raw = dials.next().await;
    let request = raw.json().await;
    assert_eq!((&request["method"], &request["params"]), (&json!("sum"), &json!([{"stream": 1}])));
    let mut pushed = Vec::new();
    loop {
        let word = raw.json().await;
        let params = word["params"].as_array().expect("an array");
        assert_eq!(params[..2], [request["id"].clone(), json!(1)]);
        if word["method"] == "rpc.done" {
            break;
        }
        pushed.extend(params[2..].to_vec());
    }
    assert_eq!(pushed, [7, 8]);
    raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": 15}).to_string()]).await;
    assert_eq!(unsent.await.expect("no panic"), Ok(15));
}

/// The runtime of one side ends while streams are open in both directions.
#[test]
fn a_runtime_that_ends_makes_no_clean_end() {
    let threads = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let (ours, theirs) = (threads().expect("a runtime"), threads().expect("a runtime"));
    for _ in 0..20 {
        let server = Server::new();
        let listening = theirs.block_on(listen(server.side()));
        let ended = ours.block_on(bounded(async {
            let client = Client::connect(&listening.url()).await.expect("it listens");
            let feed: FeedClient = client.stub();
            let stream = feed.gated(100).await.expect("it opens");
            server.gate.add_permits(2);
            let numbers = Streaming::produce(|out| async move {
                out.send(1).await?;
                std::future::pending().await
            });
            let sum = tokio::spawn(feed.sum(numbers));
            let reading = tokio::spawn(collect(stream));
            sleep(Duration::from_millis(5)).await;
            listening.task.abort();
            (reading.await.expect("no panic"), sum.await.expect("no panic"))
        }));
        let ((items, end), sum) = ended;
        assert!(items.len() <= 2 && end.is_some(), "{end:?}");
        assert!(sum.is_err(), "{sum:?}");
    }
    theirs.shutdown_background();
}
