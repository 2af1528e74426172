//! The metrics of calls and connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::{Context, ErrorObject, Router};
use futures_util::FutureExt;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde_json::json;

use crate::support::{Join, NoParams, Side, bounded, code, hanging};

/// All metrics by name and labels; those that are zero are left out. Reading resets them, so a gauge shows
/// its change.
pub(crate) fn look(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let metrics = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let labels: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
        let name = format!("{} {}", key.key().name().trim_start_matches("birpc_"), labels.join(" "));
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(values) => values.iter().map(|value| value.0).sum(),
        };
        (name.trim_end().to_owned(), value)
    });
    metrics.filter(|(_, value)| *value != 0.0).collect()
}

/// Runs a test with its own clock and its own recorder.
pub(crate) fn recorded<F: Future<Output = ()>>(test: impl FnOnce(Snapshotter) -> F) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    metrics::with_local_recorder(&recorder, || {
        runtime.expect("a runtime").block_on(bounded(test(snapshotter)))
    });
}

pub(crate) fn only(metrics: &BTreeMap<String, f64>, name: &str) -> BTreeMap<String, f64> {
    let of_name = metrics.iter().filter(|(key, _)| key.starts_with(name));
    of_name.map(|(key, value)| (key[name.len()..].trim_start().to_owned(), *value)).collect()
}

pub(crate) fn counts<const N: usize>(counts: [(&str, f64); N]) -> BTreeMap<String, f64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

fn methods() -> Router {
    Router::new()
        .method("slow", |_: Context, _: NoParams| async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok::<_, ErrorObject>(())
        })
        .method("fail", |_: Context, _: NoParams| async { Err::<(), _>(ErrorObject::new(17, "no")) })
        .notification("say", |_: Context, _: NoParams| async {})
}

#[test]
fn calls_are_counted_by_method_direction_and_outcome() {
    recorded(|snapshotter| async move {
        let pair = Join::Memory.peers(Side::default(), Side::new(methods())).await;
        for _ in 0..2 {
            pair.client.call::<()>("slow", ()).await.expect("an answer");
        }
        assert_eq!(code(&pair.client.call::<()>("fail", ()).await), 17);
        assert_eq!(code(&pair.client.call::<()>("fail", (1, 2)).await), -32602);
        pair.client.notify("say", ()).await.expect("it is sent");
        pair.client.call::<()>("slow", ()).await.expect("an answer, behind the notification");
        let seen = look(&snapshotter);
        let calls = counts([
            ("slow in ok", 3.0),
            ("slow out ok", 3.0),
            ("fail in error", 1.0),
            ("fail out error", 1.0),
            ("fail in invalid_params", 1.0),
            ("fail out invalid_params", 1.0),
            ("say in ok", 1.0),
        ]);
        assert_eq!(only(&seen, "calls_total"), calls);
        let durations = counts([("slow in", 9.0), ("slow out", 9.0)]);
        assert_eq!(only(&seen, "call_duration_seconds"), durations);
        assert!(only(&seen, "calls_in_flight").is_empty(), "all have ended");
    });
}

#[test]
fn an_unknown_name_never_becomes_a_label() {
    recorded(|snapshotter| async move {
        let (mut raw, _) = Join::Memory.raw(None, Side::new(methods())).await;
        for n in 0..100 {
            raw.send([json!({"jsonrpc": "2.0", "method": format!("no{n}"), "id": n}).to_string()]).await;
            assert_eq!(raw.json().await["error"]["code"], -32601);
            raw.send([json!({"jsonrpc": "2.0", "method": format!("no{n}")}).to_string()]).await;
        }
        raw.send([r#"{"jsonrpc":"2.0","method":"fail","id":1}"#]).await;
        assert_eq!(raw.json().await["error"]["code"], 17);
        let seen = look(&snapshotter);
        let calls = counts([("(other) in method_not_found", 200.0), ("fail in error", 1.0)]);
        assert_eq!(only(&seen, "calls_total"), calls);
    });
}

#[test]
fn the_names_that_a_fallback_serves_never_become_labels() {
    recorded(|snapshotter| async move {
        let router = methods().fallback(|_: Context, _: NoParams| async { Ok::<_, ErrorObject>(()) });
        let (mut raw, _) = Join::Memory.raw(None, Side::new(router)).await;
        for n in 0..100 {
            raw.send([json!({"jsonrpc": "2.0", "method": format!("no{n}"), "id": n}).to_string()]).await;
            assert!(raw.json().await["result"].is_null());
        }
        raw.send([r#"{"jsonrpc":"2.0","method":"fail","id":1}"#]).await;
        assert_eq!(raw.json().await["error"]["code"], 17);
        let seen = look(&snapshotter);
        assert_eq!(only(&seen, "calls_total"), counts([("(other) in ok", 100.0), ("fail in error", 1.0)]));
    });
}

#[test]
fn what_is_in_flight_is_a_gauge() {
    recorded(|snapshotter| async move {
        let (router, mut handler) = hanging();
        let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;
        let mut call = Box::pin(pair.client.call::<()>("hang", ()));
        assert!(call.as_mut().now_or_never().is_none());
        handler.began.recv().await.expect("the handler runs");
        let seen = look(&snapshotter);
        assert_eq!(only(&seen, "calls_in_flight"), counts([("in", 1.0), ("out", 1.0)]));
        assert_eq!(only(&seen, "connections"), counts([("", 2.0)]), "both ends are here");
        drop(call);
        handler.dropped.recv().await.expect("the handler is dropped");
        let seen = look(&snapshotter);
        assert_eq!(only(&seen, "calls_in_flight"), counts([("in", -1.0), ("out", -1.0)]));
        assert_eq!(
            only(&seen, "calls_total"),
            counts([("hang in cancelled", 1.0), ("hang out cancelled", 1.0)])
        );
    });
}

#[test]
fn a_recorder_that_comes_late_counts_no_call_down_that_it_has_not_counted_up() {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let (router, mut handler) = hanging();
    let (pair, call) = runtime.block_on(async {
        let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;
        let mut call = Box::pin(pair.client.call::<()>("hang", ()));
        assert!(call.as_mut().now_or_never().is_none());
        handler.began.recv().await.expect("the handler runs");
        (pair, call)
    });
    metrics::with_local_recorder(&recorder, || {
        drop(call);
        runtime.block_on(handler.dropped.recv()).expect("the handler is dropped");
    });
    let seen = look(&recorder.snapshotter());
    assert!(only(&seen, "calls_in_flight").is_empty(), "{seen:?}");
    assert!(!only(&seen, "calls_total").is_empty(), "{seen:?}");
    drop(pair);
}

/// Calls that are open when a recorder is installed count from then on: a program may install its exporter
/// last.
#[test]
fn a_recorder_that_comes_late_counts_what_comes_after_it() {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let pair = runtime.block_on(async {
        let pair = Join::Memory.peers(Side::default(), Side::new(methods())).await;
        for _ in 0..3 {
            assert_eq!(code(&pair.client.call::<()>("fail", ()).await), 17, "nothing counts it");
        }
        pair
    });
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            pair.client.call::<()>("slow", ()).await.expect("an answer");
            assert_eq!(code(&pair.client.call::<()>("none", ()).await), -32601);
        });
    });
    let seen = look(&recorder.snapshotter());
    let calls = counts([
        ("slow in ok", 1.0),
        ("slow out ok", 1.0),
        ("none out method_not_found", 1.0),
        ("(other) in method_not_found", 1.0),
    ]);
    assert_eq!(only(&seen, "calls_total"), calls);
    assert_eq!(only(&seen, "call_duration_seconds"), counts([("slow in", 3.0), ("slow out", 3.0)]));
    assert_eq!(only(&seen, "connections"), counts([("", 2.0)]), "both ends are here");
    // Two requests and their replies, each counted at both ends; not the three earlier calls.
    let bytes = seen["sent_bytes_total"];
    assert!((200.0..600.0).contains(&bytes), "{seen:?}");
    assert_eq!(bytes, seen["received_bytes_total"]);
}

/// Asks another recorder for handles, and counts how often.
struct Counting<'a> {
    recorder: &'a DebuggingRecorder,
    asked: &'a AtomicUsize,
}

impl Recorder for Counting<'_> {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.recorder.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.recorder.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.recorder.register_histogram(key, metadata)
    }
}

/// Asking for a handle costs more than a call.
#[test]
fn a_recorder_is_asked_once_for_each_handle() {
    let (recorder, asked) = (DebuggingRecorder::new(), AtomicUsize::new(0));
    let counting = Counting { recorder: &recorder, asked: &asked };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    metrics::with_local_recorder(&counting, || {
        runtime.expect("a runtime").block_on(bounded(async {
            let pair = Join::Memory.peers(Side::default(), Side::new(methods())).await;
            let calls = async || {
                pair.client.call::<()>("slow", ()).await.expect("an answer");
                assert_eq!(code(&pair.client.call::<()>("fail", ()).await), 17);
                assert_eq!(code(&pair.client.call::<()>("fail", (1, 2)).await), -32602);
                pair.client.notify("say", ()).await.expect("it is sent");
            };
            calls().await;
            pair.client.call::<()>("slow", ()).await.expect("an answer, behind the notification");
            let first = asked.load(Ordering::Relaxed);
            for _ in 0..3 {
                calls().await;
            }
            pair.client.call::<()>("slow", ()).await.expect("an answer, behind the notification");
            assert_eq!(asked.load(Ordering::Relaxed), first);
        }));
    });
    let seen = look(&recorder.snapshotter());
    assert_eq!(seen["calls_total slow in ok"], 6.0);
    assert_eq!(seen["calls_total fail out error"], 4.0);
}

/// Each thread may have its own recorder, and a router may serve all of them.
#[test]
fn one_router_counts_for_each_recorder() {
    let router = Arc::new(methods());
    for _ in 0..10 {
        let router = router.clone();
        let thread = std::thread::spawn(|| {
            recorded(|snapshotter| async move {
                let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;
                pair.client.call::<()>("slow", ()).await.expect("an answer");
                let calls = counts([("slow in ok", 1.0), ("slow out ok", 1.0)]);
                assert_eq!(only(&look(&snapshotter), "calls_total"), calls);
            });
        });
        thread.join().expect("it counts");
    }
}

#[test]
fn a_name_with_escapes_is_the_label_as_it_is() {
    recorded(|snapshotter| async move {
        let name = "a \"quoted\" \\ näme\n";
        let router = Router::new().method(name, |_: Context, _: NoParams| async { Ok::<_, ErrorObject>(()) });
        let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;
        pair.client.call::<()>(name, ()).await.expect("an answer");
        pair.client.call::<()>("näme", ()).await.expect_err("no such method");
        let seen = only(&look(&snapshotter), "calls_total");
        for label in [&format!("{name} in ok"), &format!("{name} out ok"), "näme out method_not_found"] {
            assert_eq!(seen.get(label), Some(&1.0), "{label}: {seen:?}");
        }
    });
}

#[test]
fn bytes_and_connections_are_counted_to_the_end() {
    recorded(|snapshotter| async move {
        let pair = Join::Memory.peers(Side::default(), Side::new(methods())).await;
        assert_eq!(code(&pair.client.call::<()>("fail", ()).await), 17);
        pair.client.close(1000, "").expect("it may be sent");
        tokio::join!(pair.client.closed(), pair.server.closed());
        // The connections' tasks are dropped after their peers have been notified.
        let mut seen = look(&snapshotter);
        while seen.get("connections").copied().unwrap_or_default() != 0.0 {
            tokio::task::yield_now().await;
            for (name, value) in look(&snapshotter) {
                *seen.entry(name).or_default() += value;
            }
        }
        let request = r#"{"jsonrpc":"2.0","method":"fail","id":1}"#;
        assert!(seen["sent_bytes_total"] > request.len() as f64 * 2.0, "the request and its reply: {seen:?}");
        assert_eq!(seen["sent_bytes_total"], seen["received_bytes_total"], "both ends are here");
        assert_eq!(seen.get("queued_bytes").copied().unwrap_or_default(), 0.0);
    });
}

#[test]
fn what_waits_for_a_peer_that_does_not_read_is_a_gauge() {
    recorded(|snapshotter| async move {
        let (mut raw, peer) = Join::Memory.raw(None, Side::default()).await;
        let line = "x".repeat(1000);
        for _ in 0..1000 {
            peer.notify("said", [&line]).await.expect("there is room");
        }
        let mut queued = 0.0;
        let mut move_to = async |goal: fn(f64) -> bool| {
            while !goal(queued) {
                tokio::task::yield_now().await;
                queued += look(&snapshotter).get("queued_bytes").copied().unwrap_or_default();
            }
        };
        move_to(|queued| queued > 500_000.0).await;
        for _ in 0..1000 {
            raw.json().await;
        }
        move_to(|queued| queued == 0.0).await;
    });
}

#[test]
fn round_trips_are_measured() {
    recorded(|snapshotter| async move {
        let server =
            Side::default().config(|config| config.keepalive.interval = Some(Duration::from_secs(1)));
        let pair = Join::Memory.peers(Side::default(), server).await;
        while pair.server.round_trip().is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let names: Vec<_> = snapshotter.snapshot().into_vec().into_iter().collect();
        let measured = names.iter().any(|(key, _, _, value)| {
            key.key().name() == "birpc_round_trip_seconds"
                && matches!(value, DebugValue::Histogram(values) if !values.is_empty())
        });
        assert!(measured);
    });
}

#[test]
fn the_calls_of_a_batch_are_calls() {
    recorded(|snapshotter| async move {
        let pair = Join::Memory.peers(Side::default(), Side::new(methods())).await;
        let mut batch = pair.client.batch();
        let (slow, fail) = (batch.call::<()>("slow", ()), batch.call::<()>("fail", ()));
        drop(batch.call::<()>("slow", ()));
        batch.notify("say", ());
        batch.send().await.expect("it is sent");
        assert_eq!((slow.await, code(&fail.await)), (Ok(()), 17));
        let unsent = pair.client.batch().call::<()>("slow", ());
        assert!(unsent.await.is_err(), "its batch is gone");
        let calls = counts([
            ("slow in ok", 1.0),
            ("slow out ok", 1.0),
            ("fail in error", 1.0),
            ("fail out error", 1.0),
            ("say in ok", 1.0),
        ]);
        assert_eq!(only(&look(&snapshotter), "calls_total"), calls);
    });
}
