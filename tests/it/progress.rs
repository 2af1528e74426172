//! Progress between two peers, as traits have it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use birpc::middleware::{Caller, Next, OutgoingCall, from_fn};
use birpc::{CallError, Context, ErrorObject, Peer, Progress, RawValue, Router, Streaming, rpc};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::support::{Join, Pair, Record, Side, bounded, over_both};

over_both! {
    each_side_reports_to_the_other
    nobody_reports_to_who_does_not_want_to_hear
    calls_with_streams_report_their_progress
    a_blocking_method_reports_from_its_thread
    progress_is_passed_on_to_a_call
    clones_report_from_other_tasks
    a_layer_keeps_the_progress_of_a_call
    a_layer_of_the_server_lets_reports_pass
    a_call_with_progress_is_sent_alone
    a_function_that_panics_cancels_its_call
    reports_from_another_thread_never_follow_the_reply
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    done: u32,
}

#[derive(Serialize, Deserialize)]
struct Position {
    line: u32,
}

#[rpc(namespace = "ci")]
trait Ci {
    async fn build(&self, steps: u32, progress: Progress<Step>) -> Result<u32, ErrorObject>;
    async fn is_wanted(&self, progress: Progress<Step>) -> Result<bool, ErrorObject>;
    #[rpc(blocking)]
    fn compile(&self, progress: Progress<Step>, steps: u32) -> Result<u32, ErrorObject>;
    async fn relay(&self, cx: &Context, progress: Progress<Step>) -> Result<u32, ErrorObject>;
    async fn spawn(&self, progress: Progress<Step>) -> Result<(), ErrorObject>;
    async fn race(&self, progress: Progress<u64>) -> Result<(), ErrorObject>;
    async fn put(&self, chunks: Streaming<String>, progress: Progress<Step>) -> Result<u32, ErrorObject>;
    async fn log(&self, progress: Progress<Step>) -> Result<Streaming<u32>, ErrorObject>;
    #[rpc(params = "single")]
    async fn single(&self, progress: Progress<Step>, at: Position) -> Result<u32, ErrorObject>;
    #[rpc(idempotent, params = "named")]
    async fn named(&self, a: u32, progress: Progress<Step>) -> Result<u32, ErrorObject>;
}

struct Service;

impl Ci for Service {
    async fn build(&self, steps: u32, progress: Progress<Step>) -> Result<u32, ErrorObject> {
        for done in 1..=steps {
            progress.report(Step { done });
            // Longer than it takes to send it.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(steps)
    }

    async fn is_wanted(&self, progress: Progress<Step>) -> Result<bool, ErrorObject> {
        progress.report(Step { done: 0 });
        Ok(progress.is_wanted())
    }

    fn compile(&self, progress: Progress<Step>, steps: u32) -> Result<u32, ErrorObject> {
        (1..=steps).for_each(|done| progress.report(Step { done }));
        Ok(steps)
    }

    async fn relay(&self, cx: &Context, progress: Progress<Step>) -> Result<u32, ErrorObject> {
        let ci: CiClient = cx.stub();
        Ok(ci.build(3, progress).await?)
    }

    async fn spawn(&self, progress: Progress<Step>) -> Result<(), ErrorObject> {
        let tasks = (1..=3).map(|done| {
            let progress = progress.clone();
            tokio::spawn(async move { progress.report(Step { done }) })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
        Ok(())
    }

    async fn race(&self, progress: Progress<u64>) -> Result<(), ErrorObject> {
        std::thread::spawn(move || {
            let mut number = 0;
            while progress.is_wanted() {
                progress.report(number);
                number += 1;
            }
            progress.report(u64::MAX);
        });
        Ok(())
    }

    async fn put(&self, mut chunks: Streaming<String>, progress: Progress<Step>) -> Result<u32, ErrorObject> {
        let mut done = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            done += chunk.len() as u32;
            progress.report(Step { done });
        }
        Ok(done)
    }

    async fn log(&self, progress: Progress<Step>) -> Result<Streaming<u32>, ErrorObject> {
        progress.report(Step { done: 1 });
        tokio::time::sleep(Duration::from_millis(5)).await;
        progress.report(Step { done: 2 });
        Ok(Streaming::produce(async move |out| {
            progress.report(Step { done: 3 });
            Ok(out.send(7).await?)
        }))
    }

    async fn single(&self, progress: Progress<Step>, at: Position) -> Result<u32, ErrorObject> {
        progress.report(Step { done: at.line });
        Ok(at.line)
    }

    async fn named(&self, a: u32, progress: Progress<Step>) -> Result<u32, ErrorObject> {
        progress.report(Step { done: a });
        Ok(a)
    }
}

async fn connect(join_by: Join) -> Pair {
    join_by.peers(Side::new(CiServer::new(Service)), Side::new(CiServer::new(Service))).await
}

fn heard<T: Send + 'static>() -> (Progress<T>, Arc<Record<T>>) {
    let log = Arc::new(Record::default());
    let told = log.clone();
    (Progress::to(move |step| told.push(step)), log)
}

/// What is heard is in order, and ends with the last that was reported.
fn assert_ascending(steps: &[Step], last: u32) {
    assert!(steps.windows(2).all(|pair| pair[0].done < pair[1].done), "{steps:?}");
    assert_eq!(steps.last(), Some(&Step { done: last }));
}

async fn each_side_reports_to_the_other(join_by: Join) {
    let pair = connect(join_by).await;
    for peer in [&pair.client, &pair.server] {
        let ci: CiClient = peer.stub();
        let (progress, steps) = heard();
        assert_eq!(ci.build(4, progress).await, Ok(4));
        assert_ascending(&steps.take(), 4);
        let (progress, steps) = heard();
        assert_eq!(ci.named(7, progress).await, Ok(7));
        assert_eq!(steps.take(), [Step { done: 7 }], "it was reported and returned in one poll");
        let (progress, steps) = heard();
        assert_eq!(ci.single(progress, Position { line: 9 }).await, Ok(9));
        assert_eq!(steps.take(), [Step { done: 9 }]);
    }
}

async fn calls_with_streams_report_their_progress(join_by: Join) {
    let pair = connect(join_by).await;
    let ci: CiClient = pair.client.stub();
    let (progress, steps) = heard();
    let chunks = Streaming::from_iter((0..100).map(|_| "ten bytes.".to_owned()));
    assert_eq!(ci.put(chunks, progress).await, Ok(1000));
    assert_ascending(&steps.take(), 1000);
    let (progress, steps) = heard();
    let mut log = ci.log(progress).await.expect("it opens");
    assert_eq!((log.next().await, log.next().await), (Some(Ok(7)), None));
    assert_ascending(&steps.take(), 2);
    assert_eq!(pair.client.in_flight(), 0);
}

async fn nobody_reports_to_who_does_not_want_to_hear(join_by: Join) {
    let pair = connect(join_by).await;
    let ci: CiClient = pair.client.stub();
    assert_eq!(ci.is_wanted(Progress::none()).await, Ok(false));
    assert_eq!(ci.is_wanted(Progress::default()).await, Ok(false));
    assert_eq!(ci.is_wanted(heard().0).await, Ok(true));
    let resets = ci.is_wanted(Progress::none()).timeout_resets(Duration::from_secs(60));
    assert_eq!(resets.await, Ok(true));
    let plain = join_by.peers_of(Some("jsonrpc"), Side::default(), Side::new(CiServer::new(Service))).await;
    let (progress, steps) = heard();
    let ci: CiClient = plain.client.stub();
    assert_eq!(ci.is_wanted(progress).await, Ok(false));
    assert_eq!(steps.take(), []);
}

async fn a_blocking_method_reports_from_its_thread(join_by: Join) {
    let pair = connect(join_by).await;
    let ci: CiClient = pair.client.stub();
    let (progress, steps) = heard();
    assert_eq!(ci.compile(progress, 1000).await, Ok(1000));
    assert_ascending(&steps.take(), 1000);
}

async fn progress_is_passed_on_to_a_call(join_by: Join) {
    let pair = connect(join_by).await;
    let ci: CiClient = pair.client.stub();
    let (progress, steps) = heard();
    assert_eq!(ci.relay(progress).await, Ok(3));
    assert_ascending(&steps.take(), 3);
    assert_eq!(ci.relay(Progress::none()).await, Ok(3));
}

async fn clones_report_from_other_tasks(join_by: Join) {
    let pair = connect(join_by).await;
    let ci: CiClient = pair.client.stub();
    let (progress, steps) = heard();
    assert_eq!(ci.spawn(progress).await, Ok(()));
    let steps = steps.take();
    assert!((1..=3).contains(&steps.len()), "{steps:?}");
}

async fn a_layer_keeps_the_progress_of_a_call(join_by: Join) {
    async fn twice(call: OutgoingCall, next: Next<Caller>) -> Result<Box<RawValue>, CallError> {
        next.run(call.clone()).await?;
        next.run(call).await
    }
    let pair = connect(join_by).await;
    for peer in [pair.client.clone().layer(from_fn(twice)), {
        let inner: Peer = pair.client.clone().layer(from_fn(twice));
        inner.layer(from_fn(async |call: OutgoingCall, next: Next<Caller>| next.run(call).await))
    }] {
        let ci: CiClient = peer.stub();
        let (progress, steps) = heard();
        let call = ci.named(5, progress).with_timeout(Duration::from_secs(60));
        assert_eq!(call.timeout_resets(Duration::from_secs(600)).await, Ok(5));
        assert_eq!(steps.take(), [Step { done: 5 }, Step { done: 5 }]);
        assert_eq!(ci.is_wanted(Progress::none()).await, Ok(false));
    }
}

async fn a_layer_of_the_server_lets_reports_pass(join_by: Join) {
    let router = Router::new().service(CiServer::new(Service)).layer(from_fn(
        async |call: birpc::middleware::IncomingCall, next: Next<birpc::middleware::Handler>| {
            tokio::task::yield_now().await;
            next.run(call).await
        },
    ));
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    let ci: CiClient = pair.client.stub();
    let (progress, steps) = heard();
    assert_eq!(ci.named(2, progress).await, Ok(2));
    assert_eq!(steps.take(), [Step { done: 2 }]);
}

async fn a_call_with_progress_is_sent_alone(join_by: Join) {
    let pair = connect(join_by).await;
    let ci: CiClient = pair.client.stub();
    let why = |outcome: Result<u32, CallError>| match outcome {
        Err(CallError::Unsendable(why)) => why.to_string(),
        other => panic!("{other:?}"),
    };
    let mut batch = ci.batch();
    let asks = batch.named(1, heard().0);
    assert!(why(batch.send().await.map(|()| 0)).contains("sent alone"));
    assert!(asks.await.is_err());
    let mut batch = ci.batch();
    let does_not = batch.named(2, Progress::none());
    batch.send().await.expect("it is sent");
    assert_eq!(does_not.await, Ok(2));
    let notified = ci.named(1, heard().0).notify().await;
    assert!(why(notified.map(|()| 0)).contains("sent alone"));
    assert_eq!(ci.named(1, Progress::none()).notify().await, Ok(()));
}

async fn a_function_that_panics_cancels_its_call(join_by: Join) {
    let pair = connect(join_by).await;
    let ci: CiClient = pair.client.stub();
    let call = ci.build(10_000, Progress::to(|step: Step| panic!("asked to, at {}", step.done)));
    assert!(tokio::spawn(call).await.expect_err("it panics").is_panic());
    while pair.server.serving() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(pair.client.in_flight(), 0);
    assert_eq!(ci.build(1, Progress::none()).await, Ok(1));
}

async fn reports_from_another_thread_never_follow_the_reply(join_by: Join) {
    let side = Side::new(CiServer::new(Service));
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), side).await;
    for id in 0..300 {
        raw.send([format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ci.race","progress":true}}"#)]).await;
        let mut last = None;
        loop {
            let message = raw.json().await;
            if message["method"] != "rpc.progress" {
                assert_eq!(message["id"], id, "{message}");
                break;
            }
            assert_eq!(message["params"][0], id, "{message}");
            let number = message["params"][1].as_u64();
            assert!(number > last && number != Some(u64::MAX), "{message}");
            last = number;
        }
    }
}

/// A peer that does not read gets one report in the end.
#[tokio::test]
async fn a_peer_that_does_not_read_makes_one_report_wait() {
    static REPORTED: AtomicU32 = AtomicU32::new(0);
    let (go_on, going) = mpsc::channel::<()>(1);
    let going = Arc::new(tokio::sync::Mutex::new(going));
    bounded(async move {
        struct Flood(Arc<tokio::sync::Mutex<mpsc::Receiver<()>>>);
        #[rpc]
        trait Floods {
            async fn flood(&self, progress: Progress<u32>) -> Result<(), ErrorObject>;
        }
        impl Floods for Flood {
            async fn flood(&self, progress: Progress<u32>) -> Result<(), ErrorObject> {
                for number in 0..1_000_000 {
                    progress.report(number);
                    if number % 1000 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                REPORTED.store(1, Ordering::SeqCst);
                self.0.lock().await.recv().await;
                Ok(())
            }
        }
        let (mut raw, peer) =
            Join::Memory.raw(Some("birpc.v1"), Side::new(FloodsServer::new(Flood(going)))).await;
        // More than the transport holds.
        for _ in 0..2 {
            peer.notify("filler", ["x".repeat(300 << 10)]).await.expect("there is room");
        }
        raw.send([r#"{"jsonrpc":"2.0","id":1,"method":"flood","progress":true}"#]).await;
        while REPORTED.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let waits = peer.buffered_amount();
        assert!(waits < 700 << 10, "{waits} bytes wait");
        go_on.send(()).await.expect("it waits");
        let mut reports = Vec::new();
        loop {
            let message = raw.json().await;
            match (message["method"].as_str(), &message["id"]) {
                (Some("filler"), _) => {}
                (Some(_), _) => reports.push(message["params"][1].clone()),
                (None, id) => break assert_eq!(*id, 1),
            }
        }
        assert_eq!(reports, [999_999]);
    })
    .await;
}
