//! Spans and events of calls with streams.

use birpc::{ErrorObject, Streaming, rpc};
use futures_util::{StreamExt, stream};

use super::{Closed, Listener, joined};
use crate::support::{Join, Side, bounded};

#[rpc]
trait Feed {
    async fn double(&self, numbers: Streaming<u64>) -> Result<Streaming<u64>, ErrorObject>;
    async fn sum(&self, numbers: Streaming<u64>) -> Result<u64, ErrorObject>;
    async fn fail(&self) -> Result<Streaming<u64>, ErrorObject>;
}

struct Feeder;

impl Feed for Feeder {
    async fn double(&self, numbers: Streaming<u64>) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_stream(numbers.map(|number| number.unwrap_or_default() * 2)))
    }

    async fn sum(&self, numbers: Streaming<u64>) -> Result<u64, ErrorObject> {
        Ok(numbers.map(Result::unwrap_or_default).fold(0, |sum, number| async move { sum + number }).await)
    }

    async fn fail(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::try_from_stream(stream::iter([Ok(1), Err(ErrorObject::new(17, "no more"))])))
    }
}

/// What spans say of items.
fn items(span: &Closed) -> (String, &str, &str) {
    (span.line(), span.get("items_sent"), span.get("items_received"))
}

#[tokio::test]
async fn the_span_of_a_call_with_streams_lasts_to_its_end_and_counts_items() {
    let (listener, _guard) = Listener::listen();
    let pair = Join::Memory.peers(Side::default(), Side::new(FeedServer::new(Feeder))).await;
    let feed: FeedClient = pair.client.stub();
    let mut doubled = bounded(feed.double(Streaming::from_iter(0..10))).await.expect("it opens");
    assert_eq!(bounded(doubled.next()).await, Some(Ok(0)));
    assert!(listener.closed.take().iter().all(|span| span.span != "call"), "it goes on");
    while let Some(number) = bounded(doubled.next()).await {
        number.expect("it does not fail");
    }
    assert_eq!(bounded(feed.sum(Streaming::from_iter(0..5))).await, Ok(10));
    let mut failing = bounded(feed.fail()).await.expect("it opens");
    while bounded(failing.next()).await.is_some() {}
    let closed = listener.closed.take();
    let calls: Vec<_> = closed.iter().filter(|span| span.span == "call").map(items).collect();
    let line = |line: &str, sent, received| (line.to_owned(), sent, received);
    assert_eq!(
        calls,
        [
            line("call double: ok", "10", "10"),
            line("call sum: ok", "5", "0"),
            line("call fail: 17", "0", "1")
        ]
    );
    let served = closed.iter().find(|span| span.line() == "serve fail: 17").map(items);
    assert_eq!(served, Some(line("serve fail: 17", "1", "0")));
}

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self) -> Result<Streaming<u64>, ErrorObject>;
}

impl Eth for Feeder {
    async fn subscribe(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_iter(0..10))
    }
}

/// A peer that does not speak `birpc.v1` is answered when its subscription begins.
#[tokio::test]
async fn the_span_of_a_served_subscription_closes_at_its_end_and_has_its_items() {
    let (listener, _guard) = Listener::listen();
    let pair = Join::Memory.peers_of(None, Side::default(), Side::new(EthServer::new(Feeder))).await;
    let mut numbers = bounded(pair.client.stub::<EthClient>().subscribe()).await.expect("it opens");
    for number in 0..10 {
        assert_eq!(bounded(numbers.next()).await, Some(Ok(number)));
    }
    let served = |span: &Closed| span.span == "serve";
    let closed = bounded(async {
        loop {
            if let Some(span) = listener.closed.take().into_iter().find(served) {
                return span;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(items(&closed), ("serve eth_subscribe: ok".to_owned(), "10", "0"));
}

#[tokio::test]
async fn a_span_of_a_call_without_streams_counts_no_items() {
    let (listener, _guard) = Listener::listen();
    let pair = joined(Join::Memory).await;
    assert_eq!(bounded(pair.client.call::<i64>("double", (4,))).await, Ok(8));
    assert!(listener.closed.take().iter().all(|span| span.get("items_sent").is_empty()));
}

#[tokio::test]
async fn the_log_tells_of_streams_that_fail() {
    let (listener, _guard) = Listener::listen();
    let pair = Join::Memory.peers(Side::default(), Side::new(FeedServer::new(Feeder))).await;
    let feed: FeedClient = pair.client.stub();
    let mut failing = bounded(feed.fail()).await.expect("it opens");
    while bounded(failing.next()).await.is_some() {}
    let panicking = Streaming::from_iter((0..2).inspect(|number| assert_eq!(*number, 0, "on purpose")));
    assert_eq!(bounded(feed.sum(panicking)).await, Ok(0), "the panic is an error of the argument");
    let events = listener.events.take();
    let messages = ["a stream failed", "a stream of the peer failed", "the producer of a stream panicked"];
    for message in messages {
        assert!(events.iter().any(|(heard, _)| heard == message), "{message}: {events:?}");
    }
}
