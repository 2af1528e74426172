//! The log warns of calls that stay open.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use birpc::transport::memory_pair;
use birpc::{Config, Connection, ConnectionInfo, Context, ErrorObject, Peer, Router};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Level;

use crate::support::logs::Logs;
use crate::support::{Join, NoParams, Side, bounded, hanging};

/// A peer that serves calls that never end, and short ones.
fn peer(warn_open_after: Option<Duration>) -> Peer {
    let hang = |_: Context, _: NoParams| pending::<Result<(), ErrorObject>>();
    let nap = |_: Context, _: NoParams| async {
        sleep(Duration::from_secs(1)).await;
        Ok::<_, ErrorObject>(())
    };
    let router =
        Router::new().method("hang", hang).method("nap", nap).ordered(Router::new().method("in order", hang));
    let mut config = Config::default();
    config.warn_open_after = warn_open_after;
    let (near, far) = memory_pair();
    let (peer, connection) = Connection::new(near, Arc::default(), ConnectionInfo::default());
    let (_, serving) = Connection::new(far, Arc::new(config), ConnectionInfo::default());
    tokio::spawn(connection);
    tokio::spawn(serving.serve(router));
    peer
}

fn warnings(logs: &Logs) -> Vec<String> {
    logs.with(Level::WARN, "(warn_open_after)")
}

fn start(peer: &Peer, method: &str) {
    let call = peer.call::<()>(method, ());
    tokio::spawn(call);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_stays_open_is_warned_of_once_and_in_time() {
    let logs = Logs::hear();
    let (peer, began) = (peer(Some(Duration::from_secs(60))), Instant::now());
    sleep(Duration::from_secs(7)).await;
    start(&peer, "hang");
    while began.elapsed() < Duration::from_secs(66) {
        peer.call::<()>("nap", ()).await.expect("a result");
    }
    assert_eq!(warnings(&logs), [""; 0], "it is not open for long yet");
    sleep_until(began + Duration::from_secs(7 + 91)).await;
    let warned = warnings(&logs);
    assert_eq!(warned.len(), 1, "{warned:?}");
    for part in ["connection=", "method=hang", "id=", "state=runs", "after=60s"] {
        assert!(warned[0].contains(part), "{part} in {warned:?}");
    }
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(warnings(&logs).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_behind_one_of_an_ordered_method_are_warned_of_too() {
    let logs = Logs::hear();
    let peer = peer(Some(Duration::from_secs(60)));
    start(&peer, "in order");
    start(&peer, "in order");
    sleep(Duration::from_secs(100)).await;
    let warned = warnings(&logs);
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert!(warned[1].contains("state=waits its turn"), "{warned:?}");
}

#[tokio::test(start_paused = true)]
async fn many_calls_that_stay_open_fill_no_log() {
    let logs = Logs::hear();
    let peer = peer(Some(Duration::from_secs(60)));
    (0..100).for_each(|_| start(&peer, "hang"));
    sleep(Duration::from_secs(100)).await;
    let warned = warnings(&logs);
    assert_eq!(warned.len(), 9, "{warned:?}");
    assert!(warned[8].contains("more=92"), "{warned:?}");
}

// Also during the first poll of a handler, when its call is not in the table yet.
#[tokio::test]
async fn a_handler_is_counted_among_the_calls_that_are_served() {
    let count = |cx: Context, _: NoParams| async move { Ok::<_, ErrorObject>(cx.peer().serving()) };
    let (hang, mut handlers) = hanging();
    let release = Arc::new(tokio::sync::Notify::new());
    let released = release.clone();
    let wait = move |_: Context, _: NoParams| {
        let released = released.clone();
        async move {
            released.notified().await;
            Ok::<_, ErrorObject>(())
        }
    };
    let router = hang.method("count", count).method("wait", wait);
    let pair = Join::Memory.peers(Side::default(), Side::new(router).in_flight(2)).await;
    let serving = async || bounded(pair.client.call::<usize>("count", ())).await.expect("a count");
    assert_eq!(serving().await, 1);
    start(&pair.client, "hang");
    handlers.began.recv().await.expect("it runs");
    assert_eq!(serving().await, 2);
    // The last call waits its turn.
    let waits = tokio::spawn(pair.client.call::<()>("wait", ()));
    while pair.server.serving() < 2 {
        tokio::task::yield_now().await;
    }
    let counted = tokio::spawn(pair.client.call::<usize>("count", ()));
    while pair.server.serving() < 3 {
        tokio::task::yield_now().await;
    }
    release.notify_one();
    bounded(waits).await.expect("no panic").expect("it was released");
    assert_eq!(bounded(counted).await.expect("no panic"), Ok(2));
}

#[tokio::test(start_paused = true)]
async fn the_warning_may_be_turned_off() {
    let logs = Logs::hear();
    let peer = peer(None);
    start(&peer, "hang");
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(warnings(&logs), [""; 0]);
}
