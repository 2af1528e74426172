//! Streams while a side drains: what never ends by itself ends at once, and everything else has until the
//! deadline.

use std::time::Duration;

use birpc::{CallError, Context, ErrorCode, ErrorObject, Peer, StreamError, Streaming, rpc};
use tokio::sync::{broadcast, mpsc};

use crate::support::{Join, Pair, Side, bounded, listen, over_both};

#[rpc]
trait Feed {
    /// What never ends by itself.
    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject>;
    /// 0, and 1 once there is a drain.
    async fn watch(&self, cx: &Context) -> Result<Streaming<u64>, ErrorObject>;
    /// What does not end, although birpc cannot know it.
    async fn never(&self) -> Result<Streaming<u64>, ErrorObject>;
    /// How many came.
    async fn take(&self, numbers: Streaming<u64>) -> Result<u64, ErrorObject>;
}

#[derive(Clone)]
struct Server {
    prices: broadcast::Sender<u64>,
    /// How arguments ended.
    ends: mpsc::UnboundedSender<Option<StreamError>>,
}

impl Server {
    fn new() -> (Self, mpsc::UnboundedReceiver<Option<StreamError>>) {
        let (ends, told) = mpsc::unbounded_channel();
        (Self { prices: broadcast::Sender::new(16), ends }, told)
    }
}

impl Feed for Server {
    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_broadcast(self.prices.subscribe()))
    }

    async fn watch(&self, cx: &Context) -> Result<Streaming<u64>, ErrorObject> {
        let cx = cx.clone();
        Ok(Streaming::produce(|out| async move {
            out.send(0).await?;
            cx.draining().await;
            assert!(cx.is_draining());
            Ok(out.send(1).await?)
        }))
    }

    async fn never(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_stream(futures_util::stream::pending()))
    }

    async fn take(&self, mut numbers: Streaming<u64>) -> Result<u64, ErrorObject> {
        let mut taken = 0;
        loop {
            match numbers.next().await {
                Some(Ok(_)) => taken += 1,
                end => {
                    self.ends.send(end.and_then(Result::err)).expect("the test listens");
                    return Ok(taken);
                }
            }
        }
    }
}

/// Two peers that serve the same.
struct Both {
    pair: Pair,
    ends: mpsc::UnboundedReceiver<Option<StreamError>>,
    prices: broadcast::Sender<u64>,
}

impl Both {
    async fn joined(join_by: Join) -> Self {
        let (server, ends) = Server::new();
        let side = || Side::new(FeedServer::new(server.clone()));
        Self { pair: join_by.peers(side(), side()).await, ends, prices: server.prices }
    }

    /// In both roles: a side's handle for the other end, and the other end's for that side.
    fn roles(&self) -> [(Peer, Peer); 2] {
        let (client, server) = (&self.pair.client, &self.pair.server);
        [(client.clone(), server.clone()), (server.clone(), client.clone())]
    }
}

fn is_shutting_down<E>(error: &StreamError<E>) -> bool {
    matches!(error, StreamError::Refused(error) if error.framework_code() == Some(ErrorCode::ShuttingDown))
}

async fn results(join_by: Join) {
    for role in [0, 1] {
        let both = Both::joined(join_by).await;
        let (consumer, producer) = both.roles()[role].clone();
        let feed: FeedClient = consumer.stub();
        let mut prices = bounded(feed.prices()).await.expect("it opens");
        let mut watched = bounded(feed.watch()).await.expect("it opens");
        both.prices.send(7).expect("it is watched");
        assert_eq!((prices.next().await, watched.next().await), (Some(Ok(7)), Some(Ok(0))));
        let drained = tokio::spawn(async move { producer.drain().await });
        let end = prices.next().await.expect("no clean end").expect_err("an end");
        assert!(is_shutting_down(&end), "{end}");
        // A producer that was told ends as it wants.
        assert_eq!((watched.next().await, watched.next().await), (Some(Ok(1)), None));
        let drained = drained.await.expect("it runs");
        assert_eq!((drained.finished, drained.cut), (2, 0));
        let late = feed.prices().await.expect_err("it is refused");
        assert!(matches!(late, CallError::Rpc(error) if error.code() == -32001));
    }
}

async fn arguments(join_by: Join) {
    for role in [0, 1] {
        let mut both = Both::joined(join_by).await;
        // The caller is the one that produces.
        let (producer, consumer) = both.roles()[role].clone();
        let feed: FeedClient = producer.stub();
        let endless = tokio::spawn(feed.take(Streaming::from_broadcast(both.prices.subscribe())));
        let (out, numbers) = mpsc::channel(1);
        let finite = tokio::spawn(feed.take(received(numbers)));
        out.send(1).await.expect("it is read");
        while consumer.serving() < 2 {
            tokio::task::yield_now().await;
        }
        producer.drain().await;
        let end = both.ends.recv().await.expect("the argument ends").expect("no clean end");
        assert!(is_shutting_down(&end), "{end}");
        assert_eq!(endless.await.expect("it runs"), Ok(0));
        // The other goes on.
        out.send(2).await.expect("it is read");
        drop(out);
        assert_eq!(both.ends.recv().await, Some(None));
        assert_eq!(finite.await.expect("it runs"), Ok(2));
        // One that begins during the drain.
        assert_eq!(feed.take(Streaming::from_broadcast(both.prices.subscribe())).await, Ok(0));
        let end = both.ends.recv().await.expect("the argument ends").expect("no clean end");
        assert!(is_shutting_down(&end), "{end}");
    }
}

fn received(items: mpsc::Receiver<u64>) -> Streaming<u64> {
    Streaming::from_stream(futures_util::stream::unfold(items, |mut items| async move {
        Some((items.recv().await?, items))
    }))
}

/// A stream of which nobody has taken anything ends too, and so does one without credit.
async fn endless_streams_without_a_reader(join_by: Join) {
    let both = Both::joined(join_by).await;
    let feed: FeedClient = both.pair.client.stub();
    let mut prices = bounded(feed.prices().window(1, 1)).await.expect("it opens");
    for price in 0..4 {
        both.prices.send(price).expect("it is watched");
    }
    assert_eq!(bounded(both.pair.server.drain()).await.finished, 1);
    let mut items = Vec::new();
    let end = loop {
        match prices.next().await.expect("no clean end") {
            Ok(item) => items.push(item),
            Err(end) => break end,
        }
    };
    assert!(is_shutting_down(&end), "{end}");
    assert!(items.len() <= 4 && items.iter().copied().eq(0..items.len() as u64), "{items:?}");
}

over_both! { results arguments endless_streams_without_a_reader }

#[tokio::test]
async fn at_the_deadline_of_a_shutdown_what_never_ends_is_cut() {
    let listening = listen(Side::new(FeedServer::new(Server::new().0))).await;
    let client = Side::default().client().connect(&listening.url()).await.expect("the server is there");
    let feed: FeedClient = client.stub();
    let mut never = bounded(feed.never()).await.expect("it opens");
    let mut prices = bounded(feed.prices()).await.expect("it opens");
    let drained = bounded(listening.handle.shutdown(Duration::from_millis(200))).await;
    assert_eq!((drained.finished, drained.cut), (1, 1));
    let ends = (bounded(never.next()).await, bounded(prices.next()).await);
    assert!(matches!(&ends.0, Some(Err(StreamError::Disconnected { .. }))), "{ends:?}");
    assert!(matches!(&ends.1, Some(Err(end)) if is_shutting_down(end)), "{ends:?}");
}

#[tokio::test]
async fn whoever_waits_for_a_drain_learns_of_the_end_of_the_connection() {
    let cx = birpc::testing::TestContext::new();
    let waits = tokio::spawn({
        let cx = (*cx).clone();
        async move {
            cx.draining().await;
            cx.is_draining()
        }
    });
    tokio::task::yield_now().await;
    drop(cx);
    assert!(!bounded(waits).await.expect("it runs"), "there was no drain");
    let cx = birpc::testing::TestContext::new();
    assert!(!cx.is_draining());
    cx.peer().drain().await;
    bounded(cx.draining()).await;
    assert!(cx.is_draining());
}
