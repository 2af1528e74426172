//! The metrics of subscriptions at peers that do not speak `birpc.v1`, and of progress.

use std::time::Duration;

use birpc::{ErrorObject, Progress, StreamError, Streaming, rpc};
use tokio::sync::broadcast;

use crate::metrics::{counts, look, only, recorded};
use crate::stream_metrics::reach;
use crate::support::{Join, Side};

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, kind: String) -> Result<Streaming<u64>, ErrorObject>;
}

#[derive(Clone)]
struct Node(broadcast::Sender<u64>);

impl Eth for Node {
    async fn subscribe(&self, kind: String) -> Result<Streaming<u64>, ErrorObject> {
        match &*kind {
            "count" => Ok(Streaming::from_iter(0..10)),
            "fail" => Ok(Streaming::try_from_stream(futures_util::stream::iter([
                Ok(1),
                Err(ErrorObject::new(17, "no more")),
            ]))),
            "panic" => Ok(Streaming::from_iter(std::iter::from_fn(|| -> Option<u64> { panic!("asked to") }))),
            _ => Ok(Streaming::from_broadcast(self.0.subscribe())),
        }
    }
}

#[test]
fn subscriptions_are_streams_in_both_directions() {
    recorded(|snapshotter| async move {
        let node = Node(broadcast::Sender::new(4));
        let pair =
            Join::Memory.peers_of(None, Side::default(), Side::new(EthServer::new(node.clone()))).await;
        let eth: EthClient = pair.client.stub();

        let mut failing = eth.subscribe("fail".into()).await.expect("it opens");
        assert_eq!(failing.next().await, Some(Ok(1)));
        assert!(matches!(failing.next().await, Some(Err(StreamError::Method(error))) if error.code() == 17));
        let prices = eth.subscribe("prices".into()).await.expect("it opens");
        let mut counted = eth.subscribe("count".into()).await.expect("it opens");
        for number in 0..10 {
            assert_eq!(counted.next().await, Some(Ok(number)));
        }
        // This form does not tell of a complete end.
        let expected = [("eth_subscribe in error", 1.0), ("eth_subscribe out error", 1.0)];
        let seen = look(&snapshotter);
        let expected = counts([expected[0], expected[1], ("eth_subscribe out ok", 1.0)]);
        assert_eq!(only(&seen, "streams_total"), expected);
        assert_eq!(only(&seen, "streams_open"), counts([("in", 2.0), ("out", 1.0)]));
        let items = only(&seen, "stream_items_total");
        assert_eq!(items.get("eth_subscribe out"), Some(&11.0));
        assert_eq!(only(&seen, "stream_bytes_total").get("eth_subscribe out"), Some(&11.0));

        drop((prices, counted));
        let ends = counts([("eth_subscribe in cancelled", 2.0), ("eth_subscribe out cancelled", 1.0)]);
        reach(&snapshotter, "streams_total", ends).await;
        let mut panicking = eth.subscribe("panic".into()).await.expect("it opens");
        assert!(
            matches!(panicking.next().await, Some(Err(StreamError::Refused(error))) if error.code() == -32603)
        );
        let seen = look(&snapshotter);
        let ends = [("eth_subscribe in internal_error", 1.0), ("eth_subscribe out internal_error", 1.0)];
        assert_eq!(only(&seen, "streams_total"), counts(ends));
        assert_eq!(only(&seen, "stream_stalls_total"), counts([]), "this form has no credit");
    });
}

#[rpc]
trait Ci {
    async fn build(&self, steps: u32, slowly: bool, progress: Progress<u32>) -> Result<(), ErrorObject>;
}

struct Builder;

impl Ci for Builder {
    async fn build(&self, steps: u32, slowly: bool, progress: Progress<u32>) -> Result<(), ErrorObject> {
        for step in 0..steps {
            progress.report(step);
            if slowly {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }
}

#[test]
fn reports_of_progress_are_counted_as_they_are_sent() {
    recorded(|snapshotter| async move {
        let pair = Join::Memory.peers(Side::default(), Side::new(CiServer::new(Builder))).await;
        let ci: CiClient = pair.client.stub();
        ci.build(3, true, Progress::to(drop)).await.expect("it is built");
        let seen = look(&snapshotter);
        let reports = [("build in", 3.0), ("build out", 3.0)];
        assert_eq!(only(&seen, "progress_reports_total"), counts(reports));
        // Each replaces the one before.
        ci.build(100, false, Progress::to(drop)).await.expect("it is built");
        ci.build(3, true, Progress::none()).await.expect("it is built");
        let seen = look(&snapshotter);
        assert_eq!(only(&seen, "progress_reports_total"), counts([("build in", 1.0), ("build out", 1.0)]));
    });
}
