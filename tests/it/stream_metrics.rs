//! The metrics of streams.

use std::collections::BTreeMap;
use std::time::Duration;

use birpc::{ErrorObject, Streaming, rpc};
use metrics_util::debugging::Snapshotter;
use tokio::sync::broadcast;

use crate::metrics::{counts, look, only, recorded};
use crate::support::{Join, Pair, Side};

#[rpc]
trait Feed {
    async fn count(&self, to: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn fail(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn sum(&self, numbers: Streaming<u64>) -> Result<u64, ErrorObject>;
    async fn first(&self, numbers: Streaming<u64>) -> Result<u64, ErrorObject>;
}

#[derive(Clone)]
struct Feeder(broadcast::Sender<u64>);

impl Feed for Feeder {
    async fn count(&self, to: u64) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_iter(0..to))
    }

    async fn fail(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::produce(|out| async move {
            out.send(1).await?;
            Err(ErrorObject::new(17, "no more"))?
        }))
    }

    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_broadcast(self.0.subscribe()))
    }

    async fn sum(&self, mut numbers: Streaming<u64>) -> Result<u64, ErrorObject> {
        let mut sum = 0;
        while let Some(Ok(number)) = numbers.next().await {
            sum += number;
        }
        Ok(sum)
    }

    async fn first(&self, mut numbers: Streaming<u64>) -> Result<u64, ErrorObject> {
        numbers.next().await.transpose().map(Option::unwrap_or_default).map_err(|_| ErrorObject::new(1, ""))
    }
}

async fn feed() -> (Pair, FeedClient, Feeder) {
    let feeder = Feeder(broadcast::Sender::new(4));
    let server = Side::new(FeedServer::new(feeder.clone()));
    let pair = Join::Memory.peers(Side::default(), server).await;
    let feed = pair.client.stub();
    (pair, feed, feeder)
}

/// The length of the numbers 0, 1, … to-1 as JSON.
fn digits(to: u64) -> f64 {
    (0..to).map(|number| number.to_string().len()).sum::<usize>() as f64
}

/// Waits until metrics have changed as expected: the two ends of a stream report its end on their own.
pub(crate) async fn reach(snapshotter: &Snapshotter, name: &str, expected: BTreeMap<String, f64>) {
    let mut changed = BTreeMap::<String, f64>::new();
    while changed != expected {
        // So that the paused clock goes on, and the test ends if they never do.
        tokio::time::sleep(Duration::from_millis(1)).await;
        for (label, value) in only(&look(snapshotter), name) {
            *changed.entry(label).or_default() += value;
        }
    }
}

#[test]
fn items_and_bytes_of_streams_are_counted_in_both_directions() {
    recorded(|snapshotter| async move {
        let (_pair, feed, _) = feed().await;
        let mut numbers = feed.count(100).await.expect("it opens");
        while let Some(number) = numbers.next().await {
            number.expect("it does not fail");
        }
        assert_eq!(feed.sum(Streaming::from_iter(0..40)).await, Ok(780));
        let seen = look(&snapshotter);
        let items = [("count in", 100.0), ("count out", 100.0), ("sum in", 40.0), ("sum out", 40.0)];
        assert_eq!(only(&seen, "stream_items_total"), counts(items));
        let bytes = [digits(100), digits(100), digits(40), digits(40)];
        let names = ["count in", "count out", "sum in", "sum out"];
        let expected = names.into_iter().map(String::from).zip(bytes).collect();
        assert_eq!(only(&seen, "stream_bytes_total"), expected);
        let ends = ["count in ok", "count out ok", "sum in ok", "sum out ok"].map(|name| (name, 1.0));
        assert_eq!(only(&seen, "streams_total"), counts(ends));
        assert!(only(&seen, "streams_open").is_empty(), "all have ended");
        let calls = ["count in ok", "count out ok", "sum in ok", "sum out ok"].map(|name| (name, 1.0));
        assert_eq!(only(&seen, "calls_total"), counts(calls));
    });
}

#[test]
fn open_streams_are_a_gauge_and_their_ends_are_counted_by_kind() {
    recorded(|snapshotter| async move {
        let (pair, feed, feeder) = feed().await;
        let mut failing = feed.fail().await.expect("it opens");
        assert_eq!(failing.next().await, Some(Ok(1)));
        assert!(failing.next().await.is_some_and(|end| end.is_err()));
        let (dropped, mut drained) =
            (feed.prices().await.expect("it opens"), feed.prices().await.expect("it opens"));
        let seen = look(&snapshotter);
        assert_eq!(only(&seen, "streams_open"), counts([("in", 2.0), ("out", 2.0)]));
        assert_eq!(only(&seen, "streams_total"), counts([("fail in error", 1.0), ("fail out error", 1.0)]));
        drop(dropped);
        reach(
            &snapshotter,
            "streams_total",
            counts([("prices in cancelled", 1.0), ("prices out cancelled", 1.0)]),
        )
        .await;
        let drain = tokio::spawn(async move { pair.server.drain().await });
        assert!(drained.next().await.is_some_and(|end| end.is_err()));
        drain.await.expect("it runs");
        let ends = counts([("prices in shutting_down", 1.0), ("prices out shutting_down", 1.0)]);
        let seen = look(&snapshotter);
        assert_eq!(only(&seen, "streams_total"), ends);
        assert_eq!(only(&seen, "streams_open"), counts([("in", -1.0), ("out", -1.0)]));
        drop(feeder);
    });
}

#[test]
fn a_stream_that_waits_for_credit_is_a_stall_and_has_a_time() {
    recorded(|snapshotter| async move {
        let (_pair, feed, _) = feed().await;
        let mut numbers = feed.count(3).window(1, 1000).await.expect("it opens");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let seen = look(&snapshotter);
        assert_eq!(only(&seen, "stream_stalls_total"), counts([("count", 1.0)]), "the second item waits");
        assert!(only(&seen, "stream_stall_seconds").is_empty(), "it is not over");
        while let Some(number) = numbers.next().await {
            number.expect("it does not fail");
        }
        let seen = look(&snapshotter);
        let seconds = only(&seen, "stream_stall_seconds").get("count").copied().unwrap_or_default();
        assert!((2.0..3.0).contains(&seconds), "{seen:?}");
    });
}
