//! Streams both ways: results and arguments, how each ends, and that nothing of them is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::{CallError, Context, ErrorObject, RpcError, StreamError, Streaming, rpc};
use futures_util::StreamExt;

use crate::support::{Join, Pair, Side, over_both};

over_both! {
    a_result_is_complete_in_order
    an_argument_is_complete_in_order
    both_ways_at_once
    the_server_calls_streams_of_its_client
    a_stream_that_fails_gives_its_items_and_then_its_error
    a_refused_stream_never_opens
    a_stream_without_items_is_complete
    a_producer_that_panics_is_no_clean_end
    a_consumer_that_drops_a_result_stops_its_producer
    a_handler_that_drops_an_argument_stops_its_producer_and_goes_on
    an_argument_that_fails_is_no_clean_end
    an_argument_whose_producer_panics_is_no_clean_end
    items_beyond_the_window_wait_for_the_consumer
    windows_of_one_byte_move_large_items
    an_item_that_does_not_fit_ends_its_stream
    a_lost_connection_is_no_clean_end
    a_broadcast_tells_what_was_missed
    an_item_of_another_type_ends_the_stream_and_the_call
    a_call_that_is_dropped_before_it_opens_is_cancelled
    a_handle_cancels_an_open_stream
    plain_methods_go_on_beside_a_stalled_stream
    a_peer_of_another_subprotocol_has_no_streams
    a_consumer_that_waits_too_long_ends_its_stream
    too_many_results_are_refused_until_one_has_ended
    a_drain_ends_broadcasts_and_lets_others_end
    a_batch_and_a_notification_carry_no_stream
    a_stream_of_one_peer_is_passed_on_to_another
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum Failed {
    #[error("after {n}")]
    #[rpc(code = 7)]
    After { n: u64 },
}

#[rpc]
trait Numbers {
    async fn count(&self, from: i64, to: i64) -> Result<Streaming<i64>, ErrorObject>;
    async fn endless(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn big(&self, bytes: usize, n: usize) -> Result<Streaming<String>, ErrorObject>;
    async fn fail_after(&self, n: u64) -> Result<Streaming<u64, Failed>, ErrorObject>;
    async fn panic_after(&self, n: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn refuse(&self) -> Result<Streaming<u64>, Failed>;
    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn pending(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn never(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn sum(&self, numbers: Streaming<i64>) -> Result<i64, ErrorObject>;
    async fn first(&self, k: usize, numbers: Streaming<u64>) -> Result<Vec<u64>, ErrorObject>;
    #[rpc(params = "named")]
    async fn double(&self, cx: &Context, numbers: Streaming<i64>) -> Result<Streaming<i64>, ErrorObject>;
    async fn ping(&self) -> Result<u64, ErrorObject>;
}

/// Counts what lives of it.
#[derive(Default)]
struct Service {
    live: Arc<AtomicUsize>,
    prices: Option<tokio::sync::broadcast::Sender<u64>>,
}

/// As long as it lives, something is at work.
struct Life(Arc<AtomicUsize>);

impl Life {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, Ordering::SeqCst);
        Self(live.clone())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service {
    fn living<T: 'static, I>(&self, items: I) -> impl Iterator<Item = T> + use<T, I>
    where
        I: Iterator<Item = T>,
    {
        let life = Life::new(&self.live);
        items.inspect(move |_| {
            let _ = &life;
        })
    }
}

impl Numbers for Service {
    async fn count(&self, from: i64, to: i64) -> Result<Streaming<i64>, ErrorObject> {
        Ok(Streaming::from_iter(self.living(from..to)))
    }

    async fn endless(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_iter(self.living(0..)))
    }

    async fn big(&self, bytes: usize, n: usize) -> Result<Streaming<String>, ErrorObject> {
        Ok(Streaming::from_iter(self.living((0..n).map(move |_| "x".repeat(bytes)))))
    }

    async fn fail_after(&self, n: u64) -> Result<Streaming<u64, Failed>, ErrorObject> {
        let life = Life::new(&self.live);
        Ok(Streaming::produce(move |out| async move {
            let _life = life;
            for number in 0..n {
                out.send(number).await?;
                tokio::task::yield_now().await;
            }
            Err(Failed::After { n })?
        }))
    }

    async fn panic_after(&self, n: u64) -> Result<Streaming<u64>, ErrorObject> {
        let items = (0..=n).inspect(move |number| assert!(*number < n, "a producer that panics"));
        Ok(Streaming::from_iter(self.living(items)))
    }

    async fn refuse(&self) -> Result<Streaming<u64>, Failed> {
        Err(Failed::After { n: 0 })
    }

    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_broadcast(self.prices.as_ref().expect("there are prices").subscribe()))
    }

    async fn pending(&self) -> Result<Streaming<u64>, ErrorObject> {
        let life = Life::new(&self.live);
        Ok(Streaming::produce(move |out| async move {
            let _life = life;
            out.closed().await;
            Ok(())
        }))
    }

    async fn never(&self) -> Result<Streaming<u64>, ErrorObject> {
        let _life = Life::new(&self.live);
        std::future::pending().await
    }

    async fn sum(&self, mut numbers: Streaming<i64>) -> Result<i64, ErrorObject> {
        let _life = Life::new(&self.live);
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += number.map_err(|error| ErrorObject::new(9, error.to_string()))?;
        }
        Ok(sum)
    }

    async fn first(&self, k: usize, numbers: Streaming<u64>) -> Result<Vec<u64>, ErrorObject> {
        let _life = Life::new(&self.live);
        let first =
            numbers.take(k).map(|number| number.map_err(|error| ErrorObject::new(9, error.to_string())));
        let first = first.collect::<Vec<_>>().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        // It goes on when it has dropped its argument.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(first)
    }

    async fn double(&self, _cx: &Context, numbers: Streaming<i64>) -> Result<Streaming<i64>, ErrorObject> {
        let life = Life::new(&self.live);
        Ok(Streaming::try_from_stream(numbers.map(move |number| {
            let _ = &life;
            number.map(|number| number * 2).map_err(|error| ErrorObject::new(9, error.to_string()))
        })))
    }

    async fn ping(&self) -> Result<u64, ErrorObject> {
        Ok(1)
    }
}

struct Scene {
    pair: Pair,
    live: Arc<AtomicUsize>,
}

impl Scene {
    async fn new(join_by: Join) -> Self {
        Self::with(join_by, Service::default()).await
    }

    async fn with(join_by: Join, service: Service) -> Self {
        let live = service.live.clone();
        let back = NumbersServer::new(Service { live: live.clone(), prices: None });
        let pair = join_by.peers(Side::new(back), Side::new(NumbersServer::new(service))).await;
        Self { pair, live }
    }

    fn stub(&self) -> NumbersClient {
        self.pair.client.stub()
    }

    /// Waits until nothing is at work at either side.
    async fn rest(&self) {
        let rested = async {
            while self.live.load(Ordering::SeqCst) > 0
                || self.pair.server.serving() > 0
                || self.pair.client.serving() > 0
                || self.pair.client.in_flight() > 0
                || self.pair.server.in_flight() > 0
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let live = || self.live.load(Ordering::SeqCst);
        if tokio::time::timeout(Duration::from_secs(5), rested).await.is_err() {
            let (served, open) = (self.pair.server.serving(), self.pair.client.in_flight());
            panic!("still at work: {} alive, {served} served, {open} open", live());
        }
    }
}

/// All items, and how it ended.
pub(crate) async fn collect<T, E>(mut stream: Streaming<T, E>) -> (Vec<T>, Option<StreamError<E>>) {
    let mut items = Vec::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(item) => items.push(item),
            Err(error) => return (items, Some(error)),
        }
    }
    (items, None)
}

async fn a_result_is_complete_in_order(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let (items, end) = collect(scene.stub().count(0, 1000).await.expect("it opens")).await;
    assert_eq!((items, end), ((0..1000).collect(), None));
    scene.rest().await;
}

async fn an_argument_is_complete_in_order(join_by: Join) {
    let scene = Scene::new(join_by).await;
    assert_eq!(scene.stub().sum(Streaming::from_iter(0..1000)).await, Ok(499_500));
    assert_eq!(scene.stub().sum(Streaming::empty()).await, Ok(0));
    scene.rest().await;
}

async fn both_ways_at_once(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let doubled = scene.stub().double(Streaming::from_iter(0..1000)).window(4, 100).await.expect("it opens");
    assert_eq!(collect(doubled).await, ((0..1000).map(|n| n * 2).collect(), None));
    scene.rest().await;
}

async fn the_server_calls_streams_of_its_client(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let back: NumbersClient = scene.pair.server.stub();
    assert_eq!(collect(back.count(0, 100).await.expect("it opens")).await, ((0..100).collect(), None));
    assert_eq!(back.sum(Streaming::from_iter(0..100)).await, Ok(4950));
    scene.rest().await;
}

async fn a_stream_that_fails_gives_its_items_and_then_its_error(join_by: Join) {
    let scene = Scene::new(join_by).await;
    for n in [0, 1, 100] {
        let (items, end) = collect(scene.stub().fail_after(n).await.expect("it opens")).await;
        assert_eq!((items, end), ((0..n).collect(), Some(StreamError::Method(Failed::After { n }))));
    }
    scene.rest().await;
}

async fn a_refused_stream_never_opens(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let refused = scene.stub().refuse().await.map(|_| ());
    assert_eq!(refused, Err(CallError::Method(Failed::After { n: 0 })));
    scene.rest().await;
}

async fn a_stream_without_items_is_complete(join_by: Join) {
    let scene = Scene::new(join_by).await;
    assert_eq!(collect(scene.stub().count(0, 0).await.expect("it opens")).await, (vec![], None));
    scene.rest().await;
}

async fn a_producer_that_panics_is_no_clean_end(join_by: Join) {
    let scene = Scene::new(join_by).await;
    for n in [0, 3, 40] {
        let (items, end) = collect(scene.stub().panic_after(n).await.expect("it opens")).await;
        assert_eq!(items, (0..n).collect::<Vec<_>>(), "what came before the panic");
        let Some(StreamError::Refused(error)) = end else { panic!("{end:?}") };
        assert_eq!(error.code(), -32603);
    }
    scene.rest().await;
}

async fn a_consumer_that_drops_a_result_stops_its_producer(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let mut endless = scene.stub().endless().await.expect("it opens");
    for n in 0..100 {
        assert_eq!(endless.next().await, Some(Ok(n)));
    }
    drop(endless);
    scene.rest().await;
    drop(scene.stub().pending().await.expect("it opens"));
    scene.rest().await;
}

async fn a_handler_that_drops_an_argument_stops_its_producer_and_goes_on(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let life = Life::new(&scene.live);
    let endless = (0..).inspect(move |_| {
        let _ = &life;
    });
    assert_eq!(scene.stub().first(3, Streaming::from_iter(endless)).await, Ok(vec![0, 1, 2]));
    assert_eq!(scene.stub().first(0, Streaming::from_iter(0..)).await, Ok(vec![]));
    scene.rest().await;
}

async fn an_argument_that_fails_is_no_clean_end(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let numbers = Streaming::produce(|out| async move {
        out.send(1).await?;
        Err(ErrorObject::new(5, "no more"))?
    });
    let Err(CallError::Method(error)) = scene.stub().sum(numbers).await else { panic!("it is complete") };
    assert_eq!((error.code(), error.message()), (9, "no more (5)"));
    scene.rest().await;
}

async fn an_argument_whose_producer_panics_is_no_clean_end(join_by: Join) {
    let scene = Scene::new(join_by).await;
    for n in [0, 3, 40] {
        let numbers = (0..=n).inspect(move |number| assert!(*number < n, "a producer that panics"));
        let doubled = scene.stub().double(Streaming::from_iter(numbers)).await.expect("it opens");
        let (items, end) = collect(doubled).await;
        assert_eq!(items, (0..n).map(|n| n * 2).collect::<Vec<_>>(), "what came before the panic");
        let Some(StreamError::Method(error)) = end else { panic!("{end:?}") };
        assert_eq!(error.code(), 9);
    }
    scene.rest().await;
}

async fn items_beyond_the_window_wait_for_the_consumer(join_by: Join) {
    let taken = Arc::new(AtomicUsize::new(0));
    let scene = Scene::new(join_by).await;
    let counted = taken.clone();
    let numbers = Streaming::from_iter((0..).inspect(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let mut doubled = scene.stub().double(numbers).window(2, 1 << 20).await.expect("it opens");
    tokio::time::sleep(Duration::from_millis(50)).await;
    // Two of the result, one that is held ahead, sixty-four of the argument's window and one more.
    assert!(taken.load(Ordering::SeqCst) <= 68, "{taken:?} were taken");
    assert_eq!(doubled.next().await, Some(Ok(0)));
    drop(doubled);
    scene.rest().await;
}

async fn windows_of_one_byte_move_large_items(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let big = scene.stub().big(100_000, 20).window(1, 1).await.expect("it opens");
    let (items, end) = collect(big).await;
    assert_eq!((items.len(), end), (20, None));
    assert!(items.iter().all(|item| item.len() == 100_000));
    let none = scene.stub().count(0, 5).window(0, 0).await.expect("it opens");
    assert_eq!(collect(none).await, ((0..5).collect(), None));
    scene.rest().await;
}

async fn an_item_that_does_not_fit_ends_its_stream(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let (items, end) = collect(scene.stub().big(2 << 20, 1).await.expect("it opens")).await;
    let Some(StreamError::Refused(error)) = end else { panic!("{items:?} {end:?}") };
    assert_eq!(error.code(), -32603);
    // One that fits alone, but not behind others.
    let (items, end) = collect(scene.stub().big((1 << 20) - 200, 3).await.expect("it opens")).await;
    assert_eq!((items.len(), end), (3, None));
    scene.rest().await;
}

async fn a_lost_connection_is_no_clean_end(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let mut pending = scene.stub().pending().await.expect("it opens");
    let sum = tokio::spawn(scene.stub().sum(Streaming::produce(|out| async move {
        out.closed().await;
        Ok(())
    })));
    scene.pair.server.close(4000, "over").expect("a code");
    let Some(Err(StreamError::Disconnected { reason })) = pending.next().await else { panic!("a clean end") };
    assert_eq!(reason.code, 4000);
    assert_eq!(pending.next().await, None);
    let ended = sum.await.expect("it ends");
    assert!(matches!(ended, Err(CallError::Disconnected { .. })), "{ended:?}");
    scene.rest().await;
}

async fn a_broadcast_tells_what_was_missed(join_by: Join) {
    let (prices, _) = tokio::sync::broadcast::channel(4);
    let scene = Scene::with(join_by, Service { prices: Some(prices.clone()), ..Service::default() }).await;
    let mut watched = scene.stub().prices().await.expect("it opens");
    prices.send(1).expect("it is watched");
    assert_eq!(watched.next().await, Some(Ok(1)));
    (0..100).for_each(|price| drop(prices.send(price)));
    let (_, end) = collect(watched).await;
    assert!(matches!(end, Some(StreamError::Lagged { missed }) if missed > 0), "{end:?}");
    scene.rest().await;
}

async fn an_item_of_another_type_ends_the_stream_and_the_call(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let strings = scene.pair.client.invoke::<Result<Streaming<String>, ErrorObject>>("endless", ());
    let mut strings = strings.await.expect("it opens");
    let Some(Err(StreamError::Undecodable(why))) = strings.next().await else { panic!("it decodes") };
    assert_eq!(why.to_string(), "expected a string; the item: 0");
    assert_eq!(strings.next().await, None);
    scene.rest().await;
}

async fn a_call_that_is_dropped_before_it_opens_is_cancelled(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let call = tokio::spawn(scene.stub().never());
    while scene.live.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    scene.rest().await;
    let limited = scene.stub().with_timeout(Duration::from_millis(20)).never().await;
    assert!(matches!(limited, Err(CallError::TimedOut)));
    scene.rest().await;
}

async fn a_handle_cancels_an_open_stream(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let call = scene.stub().pending();
    let handle = call.handle();
    let mut pending = call.await.expect("it opens");
    handle.cancel();
    assert_eq!(pending.next().await, Some(Err(StreamError::Cancelled)));
    scene.rest().await;
}

async fn plain_methods_go_on_beside_a_stalled_stream(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let stalled: Vec<_> = {
        let calls = (0..50).map(|_| scene.stub().endless().into_future());
        futures_util::future::join_all(calls).await
    };
    for _ in 0..100 {
        assert_eq!(scene.stub().ping().await, Ok(1));
    }
    assert!(stalled.iter().all(Result::is_ok));
    drop(stalled);
    scene.rest().await;
}

async fn a_peer_of_another_subprotocol_has_no_streams(join_by: Join) {
    let server = Side::new(NumbersServer::new(Service::default()));
    let pair = join_by.peers_of(Some("jsonrpc"), Side::default(), server).await;
    let stub: NumbersClient = pair.client.stub();
    assert!(matches!(stub.count(0, 3).await, Err(CallError::Unsendable(_))));
    assert!(matches!(stub.sum(Streaming::from_iter(0..3)).await, Err(CallError::Unsendable(_))));
    assert_eq!(stub.ping().await, Ok(1));
}

async fn a_consumer_that_waits_too_long_ends_its_stream(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let call = scene.stub().pending().idle_timeout(Duration::from_millis(20));
    let (items, end) = collect(call.await.expect("it opens")).await;
    assert_eq!((items, end), (vec![], Some(StreamError::TimedOut)));
    scene.rest().await;
}

async fn too_many_results_are_refused_until_one_has_ended(join_by: Join) {
    let server = Side::new(NumbersServer::new(Service::default())).limits(|limits| limits.max_streams = 1);
    let pair = join_by.peers(Side::default(), server).await;
    let stub: NumbersClient = pair.client.stub();
    let first = stub.pending().await.expect("it opens");
    let Err(CallError::Rpc(error)) = stub.count(0, 3).await else { panic!("it opens") };
    assert_eq!((error.code(), error.is_not_served()), (-32005, true));
    assert_eq!(stub.sum(Streaming::from_iter(0..3)).await, Ok(3), "arguments do not count");
    drop(first);
    // The cancel goes out before the next request, and is answered before that.
    while pair.server.serving() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(collect(stub.count(0, 3).await.expect("it opens")).await, (vec![0, 1, 2], None));
}

async fn a_drain_ends_broadcasts_and_lets_others_end(join_by: Join) {
    let (prices, _) = tokio::sync::broadcast::channel(4);
    let scene = Scene::with(join_by, Service { prices: Some(prices.clone()), ..Service::default() }).await;
    let watched = scene.stub().prices().await.expect("it opens");
    let mut counted = scene.stub().count(0, 100).window(1, 1).await.expect("it opens");
    assert_eq!(counted.next().await, Some(Ok(0)));
    let server = scene.pair.server.clone();
    let drained = tokio::spawn(async move { server.drain().await });
    let (_, end) = collect(watched).await;
    let Some(StreamError::Refused(error)) = end else { panic!("{end:?}") };
    assert_eq!(error.code(), -32001);
    assert_eq!(collect(counted).await, ((1..100).collect(), None));
    drained.await.expect("it is drained");
}

async fn a_batch_and_a_notification_carry_no_stream(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let notified = scene.stub().sum(Streaming::from_iter(0..3)).notify().await;
    assert!(matches!(notified, Err(CallError::Unsendable(_))), "{notified:?}");
    let mut batch = scene.stub().batch();
    let sum = batch.sum(Streaming::from_iter(0..3));
    let ping = batch.ping();
    assert!(matches!(batch.send().await, Err(CallError::Unsendable(_))));
    assert!(matches!(sum.await, Err(CallError::Unsendable(_))));
    assert!(matches!(ping.await, Err(CallError::Unsendable(_))));
    scene.rest().await;
}

async fn a_stream_of_one_peer_is_passed_on_to_another(join_by: Join) {
    let scene = Scene::new(join_by).await;
    let counted = scene.stub().count(0, 100).await.expect("it opens");
    assert_eq!(scene.stub().sum(counted).await, Ok(4950));
    let mut failing = scene.stub().panic_after(3).await.expect("it opens");
    assert_eq!(failing.next().await, Some(Ok(0)));
    let Err(CallError::Method(error)) = scene.stub().first(9, failing).await.map(|_| ()) else {
        panic!("it is complete")
    };
    assert_eq!(error.code(), 9);
    scene.rest().await;
}
