//! Progress on the wire of `birpc.v1`, with peers that say what a test likes: as callers, and as callees.

use birpc::{Context, ErrorObject, Peer, Progress, Router, Streaming, rpc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::pending::is_pending;
use crate::support::{Heard, Join, Raw, Side, over_both};

over_both! {
    the_newest_report_precedes_the_reply
    only_true_asks_for_progress
    reports_come_in_order_and_end_with_the_handler
    what_a_cancelled_call_reports_is_dropped
    ids_of_any_kind_name_a_call
    plain_peers_hear_nothing
    entries_of_a_batch_may_ask
    progress_has_no_place_in_params
    a_report_that_cannot_be_sent_is_dropped
    a_report_waits_behind_what_its_handler_sent_before
    our_calls_ask_and_hear
    reports_of_ours_that_mean_nothing_are_ignored
    what_arrived_with_the_reply_is_heard_before
    many_reports_at_once_are_bounded
    equal_ids_of_the_two_directions_never_meet
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    done: u32,
    total: u32,
}

#[rpc]
trait Builds {
    async fn build(&self, steps: u32, progress: Progress<Step>) -> Result<String, ErrorObject>;
    async fn wanted(&self, progress: Progress<Step>) -> Result<bool, ErrorObject>;
    async fn steered(&self, progress: Progress<Value>) -> Result<(), ErrorObject>;
    async fn tell_first(&self, cx: &Context, progress: Progress<u32>) -> Result<(), ErrorObject>;
    async fn between(
        &self,
        a: u32,
        progress: Progress<Step>,
        numbers: Streaming<u32>,
        b: Option<u32>,
    ) -> Result<Value, ErrorObject>;
    async fn infinite(&self, progress: Progress<f64>) -> Result<(), ErrorObject>;
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
}

/// Hands the progress of a call to the test, which steers it.
struct Service(mpsc::UnboundedSender<(Progress<Value>, mpsc::Sender<()>)>);

impl Builds for Service {
    async fn build(&self, steps: u32, progress: Progress<Step>) -> Result<String, ErrorObject> {
        (1..=steps).for_each(|done| progress.report(Step { done, total: steps }));
        Ok("built".into())
    }

    async fn wanted(&self, progress: Progress<Step>) -> Result<bool, ErrorObject> {
        Ok(progress.is_wanted())
    }

    async fn steered(&self, progress: Progress<Value>) -> Result<(), ErrorObject> {
        let (end, mut ended) = mpsc::channel(1);
        self.0.send((progress, end)).expect("the test waits");
        ended.recv().await;
        Ok(())
    }

    async fn tell_first(&self, cx: &Context, progress: Progress<u32>) -> Result<(), ErrorObject> {
        cx.peer().notify("first", ()).await?;
        progress.report(1);
        Ok(())
    }

    async fn between(
        &self,
        a: u32,
        progress: Progress<Step>,
        mut numbers: Streaming<u32>,
        b: Option<u32>,
    ) -> Result<Value, ErrorObject> {
        progress.report(Step { done: 1, total: 1 });
        let mut all = Vec::new();
        while let Some(Ok(number)) = numbers.next().await {
            all.push(number);
        }
        Ok(json!([a, all, b]))
    }

    async fn infinite(&self, progress: Progress<f64>) -> Result<(), ErrorObject> {
        progress.report(1.0);
        progress.report(f64::INFINITY);
        Ok(())
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        Ok(a + b)
    }
}

type Steered = mpsc::UnboundedReceiver<(Progress<Value>, mpsc::Sender<()>)>;

fn side() -> (Side, Steered) {
    let (hand, handed) = mpsc::unbounded_channel();
    (Side::new(BuildsServer::new(Service(hand))), handed)
}

async fn caller(join_by: Join) -> (Raw, Peer, Steered) {
    let (side, handed) = side();
    let (raw, peer) = join_by.raw(Some("birpc.v1"), side).await;
    (raw, peer, handed)
}

/// A request with what is given as its member `progress`.
fn asking(id: impl Into<Value>, method: &str, params: Value, progress: impl Into<Value>) -> String {
    let mut request = json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params});
    request["progress"] = progress.into();
    request.to_string()
}

fn word(params: Value) -> String {
    json!({"jsonrpc": "2.0", "method": "rpc.progress", "params": params}).to_string()
}

fn report(id: impl Into<Value>, value: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "method": "rpc.progress", "params": [id.into(), value.into()]})
}

fn reply(id: impl Into<Value>, result: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "result": result.into()})
}

/// Nothing has come: the answer to this is the next.
async fn nothing(raw: &mut Raw) {
    let fence = json!({"jsonrpc": "2.0", "id": "fence", "method": "add", "params": [1, 2]}).to_string();
    assert_eq!(raw.ask(&fence).await, reply("fence", 3));
}

async fn the_newest_report_precedes_the_reply(join_by: Join) {
    let (mut raw, peer, _) = caller(join_by).await;
    for steps in [1, 3, 1000] {
        let newest = json!({"done": steps, "total": steps});
        assert_eq!(raw.ask(&asking(7, "build", json!([steps]), true)).await, report(7, newest));
        assert_eq!(raw.json().await, reply(7, "built"));
    }
    assert_eq!(raw.ask(&asking(7, "build", json!([0]), true)).await, reply(7, "built"));
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 0);
}

async fn only_true_asks_for_progress(join_by: Join) {
    let (mut raw, _peer, _) = caller(join_by).await;
    for other in [json!(false), json!(null), json!(1), json!("true"), json!([true]), json!({})] {
        assert_eq!(
            raw.ask(&asking(1, "build", json!([3]), other.clone())).await,
            reply(1, "built"),
            "{other}"
        );
        assert_eq!(raw.ask(&asking(1, "wanted", json!([]), other)).await, reply(1, false));
    }
    let absent = r#"{"jsonrpc":"2.0","id":1,"method":"build","params":[3]}"#;
    assert_eq!(raw.ask(absent).await, reply(1, "built"));
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"build","params":[3],"progress":true,"progress":true}"#;
    assert_eq!(raw.ask(twice).await, reply(1, "built"));
    let escaped = r#"{"jsonrpc":"2.0","id":1,"method":"wanted","pro\u0067ress":true}"#;
    assert_eq!(raw.ask(escaped).await, reply(1, true));
    // Whoever asks for what a method does not report gets nothing, and loses nothing.
    assert_eq!(raw.ask(&asking(2, "add", json!([1, 2]), true)).await, reply(2, 3));
    // A notification has no id that could name it, and neither has a request with null.
    let notified = r#"{"jsonrpc":"2.0","method":"build","params":[3],"progress":true}"#;
    raw.send([notified]).await;
    nothing(&mut raw).await;
    assert_eq!(raw.ask(&asking(Value::Null, "build", json!([3]), true)).await, reply(Value::Null, "built"));
}

async fn reports_come_in_order_and_end_with_the_handler(join_by: Join) {
    let (mut raw, peer, mut handed) = caller(join_by).await;
    raw.send([asking("a", "steered", json!([]), true)]).await;
    let (progress, end) = handed.recv().await.expect("it runs");
    assert!(progress.is_wanted());
    for number in 0..100 {
        progress.report(json!(number));
        assert_eq!(raw.json().await, report("a", number));
    }
    progress.report(json!("last"));
    end.send(()).await.expect("it runs");
    assert_eq!(raw.json().await, report("a", "last"));
    assert_eq!(raw.json().await, reply("a", Value::Null));
    progress.report(json!("late"));
    progress.clone().report(json!("later"));
    assert!(!progress.is_wanted());
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 0);
}

async fn what_a_cancelled_call_reports_is_dropped(join_by: Join) {
    let (mut raw, _peer, mut handed) = caller(join_by).await;
    raw.send([asking(1, "steered", json!([]), true)]).await;
    let (progress, end) = handed.recv().await.expect("it runs");
    progress.report(json!(1));
    assert_eq!(raw.json().await, report(1, 1));
    raw.send([r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":1}}"#]).await;
    assert_eq!(raw.json().await["error"]["code"], -32800);
    progress.report(json!(2));
    assert!(!progress.is_wanted());
    end.closed().await; // the handler is dropped
    nothing(&mut raw).await;
}

async fn ids_of_any_kind_name_a_call(join_by: Join) {
    let (mut raw, _peer, _) = caller(join_by).await;
    for id in ["\"\"", "\"a\\u0062\\n\"", "-0.50", "1E400", "123456789012345678901234567890"] {
        raw.send([format!(r#"{{"jsonrpc":"2.0","id":{id},"progress":true,"method":"build","params":[2]}}"#)])
            .await;
        let Heard::Text(text) = raw.hear().await else { panic!("no text") };
        let expected =
            format!(r#"{{"jsonrpc":"2.0","method":"rpc.progress","params":[{id},{{"done":2,"total":2}}]}}"#);
        assert_eq!(text, expected);
        let Heard::Text(text) = raw.hear().await else { panic!("no text") };
        assert!(text.contains(&format!("\"id\":{id}")), "{text}");
    }
}

async fn plain_peers_hear_nothing(join_by: Join) {
    for subprotocol in [Some("jsonrpc"), None] {
        let (side, _handed) = side();
        let (mut raw, _peer) = join_by.raw(subprotocol, side).await;
        assert_eq!(raw.ask(&asking(1, "build", json!([3]), true)).await, reply(1, "built"));
        let tokens = json!({"steps": 3, "workDoneToken": 1, "_meta": {"progressToken": 1}});
        assert_eq!(raw.ask(&asking(1, "build", tokens, true)).await, reply(1, "built"));
        assert_eq!(raw.ask(&asking(1, "wanted", json!([]), true)).await, reply(1, false));
        nothing(&mut raw).await;
    }
}

async fn entries_of_a_batch_may_ask(join_by: Join) {
    let (mut raw, _peer, _) = caller(join_by).await;
    let entries = [asking(1, "build", json!([2]), true), asking(2, "build", json!([3]), false)];
    raw.send([format!("[{}]", entries.join(","))]).await;
    assert_eq!(raw.json().await, report(1, json!({"done": 2, "total": 2})));
    assert_eq!(raw.json().await, json!([reply(1, "built"), reply(2, "built")]));
}

async fn progress_has_no_place_in_params(join_by: Join) {
    let (mut raw, _peer, _) = caller(join_by).await;
    let push = r#"{"jsonrpc":"2.0","method":"rpc.push","params":[1,9,5,6]}"#;
    let done = r#"{"jsonrpc":"2.0","method":"rpc.done","params":[1,9]}"#;
    let by_name = json!({"a": 1, "numbers": {"stream": 9}, "b": 2, "progress": {"stream": 9}});
    for params in [json!([1, {"stream": 9}, 2]), by_name] {
        raw.send([&asking(1, "between", params, true), push, done]).await;
        assert_eq!(raw.json().await, report(1, json!({"done": 1, "total": 1})));
        let mut answer = raw.json().await;
        while answer["method"] == "rpc.want" {
            answer = raw.json().await;
        }
        assert_eq!(answer, reply(1, json!([1, [5, 6], 2])));
    }
    let too_many = raw.ask(&asking(1, "build", json!([1, 2]), true)).await;
    assert_eq!(too_many["error"]["code"], -32602);
    assert_eq!(too_many["error"]["data"]["detail"], "takes 1 params, got 2");
    let wrong = raw.ask(&asking(1, "between", json!([1, {"stream": 9}, "x"]), true)).await;
    assert_eq!(wrong["error"]["data"]["detail"], "parameter `b`: expected u32", "{wrong}");
}

async fn a_report_that_cannot_be_sent_is_dropped(join_by: Join) {
    let (side, mut handed) = side();
    let side = side.limits(|limits| limits.max_message_out = 1000);
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), side).await;
    assert_eq!(raw.ask(&asking(1, "infinite", json!([]), true)).await, report(1, 1.0));
    assert_eq!(raw.json().await, reply(1, Value::Null));
    raw.send([asking(2, "steered", json!([]), true)]).await;
    let (progress, end) = handed.recv().await.expect("it runs");
    progress.report(json!("x".repeat(1000)));
    nothing(&mut raw).await;
    progress.report(json!("x"));
    assert_eq!(raw.json().await, report(2, "x"));
    drop(end);
    assert_eq!(raw.json().await, reply(2, Value::Null));
}

async fn a_report_waits_behind_what_its_handler_sent_before(join_by: Join) {
    let (mut raw, _peer, _) = caller(join_by).await;
    let first = raw.ask(&asking(1, "tell_first", json!([]), true)).await;
    assert_eq!(first["method"], "first");
    assert_eq!(raw.json().await, report(1, 1));
    assert_eq!(raw.json().await, reply(1, Value::Null));
}

/// A progress that tells a channel.
fn heard<T: Send + 'static>() -> (Progress<T>, mpsc::UnboundedReceiver<T>) {
    let (tell, told) = mpsc::unbounded_channel();
    (Progress::to(move |step| drop(tell.send(step))), told)
}

async fn our_calls_ask_and_hear(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(Router::new())).await;
    let builds: BuildsClient = peer.stub();
    let (progress, mut told) = heard();
    let call = tokio::spawn(builds.build(3, progress));
    let asked = json!({"jsonrpc": "2.0", "method": "build", "params": [3], "progress": true, "id": 1});
    assert_eq!(raw.json().await, asked);
    for done in 1..=3 {
        raw.send([word(json!([1, {"done": done, "total": 3, "more": 1}]))]).await;
        assert_eq!(told.recv().await, Some(Step { done, total: 3 }));
    }
    raw.send([reply(1, "built").to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok("built".into()));
    assert_eq!(told.recv().await, None, "what hears is gone with its call");

    let call = tokio::spawn(builds.build(3, Progress::none()));
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "build", "params": [3], "id": 2}));
    raw.send([word(json!([2, {"done": 1, "total": 3}])), reply(2, "built").to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok("built".into()));

    let (progress, mut told) = heard::<u8>();
    let call = tokio::spawn(peer.call::<u8>("named", json!({"a": 1})).with_progress(progress));
    let asked = json!({"jsonrpc": "2.0", "method": "named", "params": {"a": 1}, "progress": true, "id": 3});
    assert_eq!(raw.json().await, asked);
    raw.send([word(json!([3, 9])), reply(3, 1).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(1));
    assert_eq!(told.recv().await, Some(9));
}

async fn reports_of_ours_that_mean_nothing_are_ignored(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(Router::new())).await;
    let (progress, mut told) = heard::<u8>();
    // Before anything was asked.
    raw.send([word(json!([1, 7])), word(json!([u64::MAX, 7]))]).await;
    raw.send([r#"{"jsonrpc":"2.0","method":"rpc.ping","id":0}"#]).await;
    assert_eq!(raw.json().await["id"], 0); // they have been read
    let call = tokio::spawn(peer.call::<u8>("go", ()).with_progress(progress));
    assert_eq!(raw.json().await["id"], 1);
    let other = tokio::spawn(peer.call::<u8>("other", ()));
    assert_eq!(raw.json().await["id"], 2);
    let words = [
        json!([]),
        json!([1]),
        json!([1, 7, 7]),
        json!({"id": 1, "value": 7}),
        json!(["1", 7]),
        json!([1.0, 7]),
        json!([-1, 7]),
        json!([null, 7]),
        json!([[1], 7]),
        json!([2, 7]),
        json!([3, 7]),
        json!([1, "7"]),
        json!([1, 256]),
        json!([1, null]),
    ];
    raw.send(words.map(word)).await;
    raw.send([r#"{"jsonrpc":"2.0","method":"rpc.progress"}"#]).await;
    let (huge, exact) = (format!("[1{},7]", "0".repeat(400)), "[1,7]");
    raw.send(
        [huge, exact.into()]
            .map(|params| format!(r#"{{"jsonrpc":"2.0","method":"rpc.progress","params":{params}}}"#)),
    )
    .await;
    assert_eq!(told.recv().await, Some(7));
    // In a batch too; beside it nothing of the batch is answered.
    raw.send([format!("[{},{}]", word(json!([1, 8])), word(json!([9, 9])))]).await;
    assert_eq!(told.recv().await, Some(8));
    raw.send([reply(2, 0).to_string(), reply(1, 0).to_string(), word(json!([1, 9]))]).await;
    assert_eq!(call.await.expect("no panic"), Ok(0));
    assert_eq!(other.await.expect("no panic"), Ok(0));
    assert_eq!(told.recv().await, None);
    // As a request it is no method.
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.progress","params":[1,7]}"#;
    assert_eq!(raw.ask(request).await["error"]["code"], -32601);
}

async fn what_arrived_with_the_reply_is_heard_before(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(Router::new())).await;
    for result in [reply(1, 5), json!({"jsonrpc": "2.0", "id": 2, "error": {"code": 5, "message": "no"}})] {
        let (progress, mut told) = heard::<u8>();
        let call = tokio::spawn(peer.call::<u8>("go", ()).with_progress(progress));
        let id = raw.json().await["id"].clone();
        let reports = [1, 2, 3].map(|value| word(json!([id, value])));
        raw.send(reports.into_iter().chain([result.to_string(), word(json!([id, 4]))])).await;
        assert_eq!(call.await.expect("no panic").is_ok(), id == 1);
        let mut all = Vec::new();
        while let Some(step) = told.recv().await {
            all.push(step);
        }
        assert_eq!(all, [1, 2, 3]);
    }
}

async fn many_reports_at_once_are_bounded(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(Router::new())).await;
    let (progress, mut told) = heard::<Value>();
    let mut call = peer.call::<u8>("go", ()).with_progress(progress);
    assert!(is_pending(&mut call).await);
    assert_eq!(raw.json().await["id"], 1);
    // Nobody polls the call meanwhile.
    raw.send((0..1000).map(|number| word(json!([1, number])))).await;
    raw.send([word(json!([1, "x".repeat(20 << 10)])), reply(1, 0).to_string()]).await;
    while peer.unmatched_responses() == 0 {
        raw.send([reply(999, 0).to_string()]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(call.await, Ok(0));
    let mut all = Vec::new();
    while let Some(step) = told.recv().await {
        all.push(step);
    }
    assert!((1..=16).contains(&all.len()), "{}", all.len());
    assert!(all.last().is_some_and(|last| last.as_str().is_some_and(|last| last.len() == 20 << 10)));
}

async fn equal_ids_of_the_two_directions_never_meet(join_by: Join) {
    let (mut raw, peer, mut handed) = caller(join_by).await;
    let (progress, mut told) = heard::<u8>();
    let ours = tokio::spawn(peer.call::<u8>("go", ()).with_progress(progress));
    assert_eq!(raw.json().await["id"], 1);
    raw.send([asking(1, "steered", json!([]), true)]).await;
    let (theirs, end) = handed.recv().await.expect("it runs");
    theirs.report(json!("theirs"));
    assert_eq!(raw.json().await, report(1, "theirs"));
    raw.send([word(json!([1, 7]))]).await;
    assert_eq!(told.recv().await, Some(7));
    drop(end);
    assert_eq!(raw.json().await, reply(1, Value::Null));
    raw.send([reply(1, 2).to_string()]).await;
    assert_eq!(ours.await.expect("no panic"), Ok(2));
}
