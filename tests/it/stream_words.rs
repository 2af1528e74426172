//! What goes over the wire of streams, to peers that say what a test likes: as callers, and as callees.

use std::time::Duration;

use birpc::{CallError, Context, ErrorObject, Peer, StreamError, Streaming, rpc};
use serde_json::{Value, json};

use crate::support::{Heard, Join, Raw, Side, bounded, over_both};

over_both! {
    items_come_in_order_and_the_reply_is_the_end
    credit_is_kept_item_by_item
    of_bytes_the_last_item_may_overshoot
    a_streaming_method_needs_the_member_stream
    plain_peers_get_no_streams
    a_bad_end_is_an_error_behind_the_items
    a_cancel_ends_a_stream_with_its_call
    words_that_mean_nothing_change_nothing
    equal_ids_of_the_two_directions_never_meet
    an_argument_is_pushed_and_done
    the_end_of_an_argument_is_told_apart
    too_many_items_end_the_call_and_nothing_else
    numbers_of_arguments_are_checked
    a_handler_that_drops_an_argument_says_so_before_it_answers
    streams_of_a_connection_are_bounded
    a_request_of_ours_grants_and_tells_more
    a_peer_that_sends_too_much_is_cancelled
    a_dropped_result_is_cancelled
    arguments_of_ours_wait_for_credit_and_stop
    an_argument_of_ours_that_fails_says_so
}

#[rpc]
trait Numbers {
    async fn count(&self, from: i64, to: i64) -> Result<Streaming<i64>, ErrorObject>;
    async fn big(&self, bytes: usize, n: usize) -> Result<Streaming<String>, ErrorObject>;
    async fn fail_after(&self, n: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn panic_after(&self, n: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn refuse(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn sum(&self, numbers: Streaming<i64>) -> Result<i64, ErrorObject>;
    async fn two(&self, a: Streaming<i64>, b: Streaming<i64>) -> Result<Vec<i64>, ErrorObject>;
    async fn first(&self, k: usize, numbers: Streaming<i64>) -> Result<Vec<i64>, ErrorObject>;
    async fn unread(&self, cx: &Context, numbers: Streaming<i64>) -> Result<(), ErrorObject>;
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
}

struct Service;

impl Numbers for Service {
    async fn count(&self, from: i64, to: i64) -> Result<Streaming<i64>, ErrorObject> {
        Ok(Streaming::from_iter(from..to))
    }

    async fn big(&self, bytes: usize, n: usize) -> Result<Streaming<String>, ErrorObject> {
        Ok(Streaming::from_iter((0..n).map(move |_| "x".repeat(bytes))))
    }

    async fn fail_after(&self, n: u64) -> Result<Streaming<u64>, ErrorObject> {
        let failed = ErrorObject::new(7, "after").with_data(&json!({"n": n}));
        let items = (0..n).map(Ok).chain([Err(failed)]);
        Ok(Streaming::try_from_stream(futures_util::stream::iter(items)))
    }

    async fn panic_after(&self, n: u64) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_iter((0..=n).inspect(move |number| assert!(*number < n, "asked to"))))
    }

    async fn refuse(&self) -> Result<Streaming<u64>, ErrorObject> {
        Err(ErrorObject::new(8, "no"))
    }

    async fn sum(&self, mut numbers: Streaming<i64>) -> Result<i64, ErrorObject> {
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += number.map_err(|error| ErrorObject::new(9, format!("{error:?}")))?;
        }
        Ok(sum)
    }

    async fn two(&self, mut a: Streaming<i64>, mut b: Streaming<i64>) -> Result<Vec<i64>, ErrorObject> {
        let mut all = Vec::new();
        while let Some(Ok(number)) = b.next().await {
            all.push(number);
        }
        while let Some(Ok(number)) = a.next().await {
            all.push(number);
        }
        Ok(all)
    }

    async fn first(&self, k: usize, mut numbers: Streaming<i64>) -> Result<Vec<i64>, ErrorObject> {
        let mut all = Vec::new();
        while all.len() < k
            && let Some(Ok(number)) = numbers.next().await
        {
            all.push(number);
        }
        drop(numbers);
        Ok(all)
    }

    async fn unread(&self, cx: &Context, numbers: Streaming<i64>) -> Result<(), ErrorObject> {
        cx.cancelled().await;
        drop(numbers);
        Ok(())
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        Ok(a + b)
    }
}

fn side() -> Side {
    Side::new(NumbersServer::new(Service))
}

async fn caller(join_by: Join, side: Side) -> (Raw, Peer) {
    join_by.raw(Some("birpc.v1"), side).await
}

fn request(id: impl Into<Value>, method: &str, params: Value, stream: Value) -> String {
    let mut request = json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params});
    if !stream.is_null() {
        request["stream"] = stream;
    }
    request.to_string()
}

fn word(word: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "method": word, "params": params}).to_string()
}

/// The items of the `rpc.item`s for this id until the reply, and the reply; nothing else comes between them.
async fn to_the_end(raw: &mut Raw, id: impl Into<Value>) -> (Vec<Value>, Value) {
    let (id, mut items) = (id.into(), Vec::new());
    loop {
        let message = raw.json().await;
        if message["method"] == "rpc.item" {
            items.extend(items_of(&message, &id));
        } else {
            assert_eq!(message["id"], id, "{message}");
            return (items, message);
        }
    }
}

fn items_of(message: &Value, id: &Value) -> Vec<Value> {
    let params = message["params"].as_array().expect("an array");
    assert_eq!(params[0], *id, "{message}");
    params[1..].to_vec()
}

/// So many items, and nothing behind them.
async fn exactly(raw: &mut Raw, id: impl Into<Value>, count: usize) -> Vec<Value> {
    let (id, mut items) = (id.into(), Vec::new());
    while items.len() < count {
        items.extend(items_of(&raw.json().await, &id));
    }
    assert_eq!(items.len(), count);
    nothing(raw).await;
    items
}

/// Nothing has come: the answer to this is the next.
async fn nothing(raw: &mut Raw) {
    // Producers have a task of their own, which may have to be woken first.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let answer = raw.ask(&request("fence", "add", json!([1, 2]), Value::Null)).await;
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "fence", "result": 3}));
}

const WIDE: &str = "[1000, 1000000]";

fn wide() -> Value {
    serde_json::from_str(WIDE).expect("JSON")
}

async fn items_come_in_order_and_the_reply_is_the_end(join_by: Join) {
    let (mut raw, peer) = caller(join_by, side()).await;
    for (id, count) in [(json!(1), 0), (json!("a"), 1), (json!(2.5), 100), (json!(1), 500)] {
        raw.send([request(id.clone(), "count", json!([0, count]), wide())]).await;
        let (items, reply) = to_the_end(&mut raw, id.clone()).await;
        assert_eq!(items, (0..count).map(Value::from).collect::<Vec<_>>());
        assert_eq!(reply, json!({"jsonrpc": "2.0", "id": id, "result": null}));
    }
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 0);
}

async fn credit_is_kept_item_by_item(join_by: Join) {
    let (mut raw, peer) = caller(join_by, side()).await;
    raw.send([request(7, "count", json!([0, 100]), json!([0, 0]))]).await;
    assert_eq!(raw.json().await["params"], json!([7]), "it is open");
    nothing(&mut raw).await;
    raw.send([word("rpc.more", json!([7, 3, 0]))]).await;
    nothing(&mut raw).await;
    raw.send([word("rpc.more", json!([7, 3, 1_000_000]))]).await;
    assert_eq!(exactly(&mut raw, 7, 3).await, [0, 1, 2]);
    // Each of the two counts as its maximum.
    raw.send([word("rpc.more", json!([7, 1, 1])), word("rpc.more", json!([7, 4, 0]))]).await;
    assert_eq!(exactly(&mut raw, 7, 1).await, [3]);
    assert_eq!(peer.serving(), 1);
    raw.send([word("rpc.more", json!([7, u64::MAX, u64::MAX]))]).await;
    let (items, reply) = to_the_end(&mut raw, 7).await;
    assert_eq!((items.len(), &reply["result"]), (96, &Value::Null));
}

async fn of_bytes_the_last_item_may_overshoot(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, side()).await;
    raw.send([request(7, "big", json!([1000, 5]), json!([100, 1]))]).await;
    exactly(&mut raw, 7, 1).await;
    // Its text has two bytes more than the string.
    raw.send([word("rpc.more", json!([7, 100, 1002]))]).await;
    nothing(&mut raw).await;
    raw.send([word("rpc.more", json!([7, 100, 1003]))]).await;
    exactly(&mut raw, 7, 1).await;
    raw.send([word("rpc.more", json!([7, 100, 3007]))]).await;
    exactly(&mut raw, 7, 2).await;
    raw.send([word("rpc.more", json!([7, 100, 4009]))]).await;
    assert_eq!(to_the_end(&mut raw, 7).await.0.len(), 1);
}

async fn a_streaming_method_needs_the_member_stream(join_by: Join) {
    let (mut raw, peer) = caller(join_by, side()).await;
    for stream in [
        json!(null),
        json!(true),
        json!([]),
        json!([1]),
        json!([1, 2, 3]),
        json!([-1, 2]),
        json!({"items": 1}),
    ] {
        let answer = raw.ask(&request(1, "count", json!([0, 3]), stream.clone())).await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &json!(1)), "{stream}");
        assert!(answer["error"]["data"]["detail"].is_string(), "{answer}");
    }
    let null = format!(r#"{{"jsonrpc":"2.0","id":null,"method":"count","params":[0,3],"stream":{WIDE}}}"#);
    assert_eq!(raw.ask(&null).await["error"]["code"], -32600, "nobody could name it");
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"count","params":[0,3],"stream":[1,1],"stream":[1,1]}"#;
    assert_eq!(raw.ask(twice).await["error"]["code"], -32600);
    let [one, two] = [1, 2].map(|id| request(id, "count", json!([0, 3]), wide()));
    let answers = raw.ask(&format!("[{one},{two}]")).await;
    let codes = |answers: &Value| -> Vec<Value> {
        answers.as_array().expect("an array").iter().map(|answer| answer["error"]["code"].clone()).collect()
    };
    assert_eq!(codes(&answers), [-32600, -32600]);
    let sum = request(1, "sum", json!([{"stream": 1}]), Value::Null);
    assert_eq!(codes(&raw.ask(&format!("[{sum}]")).await), [-32600]);
    // In other methods the member is one that nobody knows, and so is such a param.
    let answer = raw.ask(&request(1, "add", json!([1, 2]), json!("whatever"))).await;
    assert_eq!(answer["result"], 3);
    assert_eq!(
        raw.ask(&request(1, "add", json!([{"stream": 1}, 2]), Value::Null)).await["error"]["code"],
        -32602
    );
    assert_eq!(peer.serving(), 0);
}

async fn plain_peers_get_no_streams(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(Some("jsonrpc"), side()).await;
    for (method, params) in [("count", json!([0, 3])), ("sum", json!([{"stream": 1}]))] {
        let answer = raw.ask(&request(1, method, params, wide())).await;
        assert_eq!(answer["error"]["code"], -32600, "{method}");
        assert!(answer["error"]["data"]["detail"].is_string(), "{answer}");
    }
    assert_eq!(raw.ask(&request(1, "add", json!([1, 2]), Value::Null)).await["result"], 3);
}

async fn a_bad_end_is_an_error_behind_the_items(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, side()).await;
    raw.send([request(1, "fail_after", json!([3]), wide())]).await;
    let (items, reply) = to_the_end(&mut raw, 1).await;
    assert_eq!(items, [0, 1, 2]);
    assert_eq!((&reply["error"]["code"], &reply["error"]["data"]), (&json!(7), &json!({"n": 3})));
    // An error of a stream comes behind the word that opens it, also without items.
    raw.send([request(1, "fail_after", json!([0]), wide())]).await;
    assert_eq!(raw.json().await["params"], json!([1]));
    assert_eq!(raw.json().await["error"]["code"], 7);
    raw.send([request(1, "panic_after", json!([2]), wide())]).await;
    let (items, reply) = to_the_end(&mut raw, 1).await;
    assert_eq!((items.len(), &reply["error"]["code"]), (2, &json!(-32603)));
    raw.send([request(1, "refuse", json!([]), wide())]).await;
    assert_eq!(raw.json().await["error"]["code"], 8, "it was never open");
    nothing(&mut raw).await;
}

async fn a_cancel_ends_a_stream_with_its_call(join_by: Join) {
    let (mut raw, peer) = caller(join_by, side()).await;
    raw.send([request("x", "count", json!([0, 1_000_000]), json!([5, 1000]))]).await;
    exactly(&mut raw, "x", 5).await;
    raw.send([word("rpc.cancel", json!({"id": "x"}))]).await;
    assert_eq!(raw.json().await["error"]["code"], -32800);
    raw.send([word("rpc.more", json!(["x", 1000, 1_000_000]))]).await;
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 0);
    // The id is free again.
    raw.send([request("x", "count", json!([7, 8]), wide())]).await;
    assert_eq!(to_the_end(&mut raw, "x").await.0, [7]);
}

async fn words_that_mean_nothing_change_nothing(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, side()).await;
    raw.send([request(7, "count", json!([0, 100]), json!([2, 1000]))]).await;
    exactly(&mut raw, 7, 2).await;
    let words = [
        ("rpc.more", json!([])),
        ("rpc.more", json!([7])),
        ("rpc.more", json!([7, 50])),
        ("rpc.more", json!([7, "50", 1000])),
        ("rpc.more", json!([7, 50.5, 1000])),
        ("rpc.more", json!([7, -1, 1000])),
        ("rpc.more", json!({"id": 7, "items": 50, "bytes": 1000})),
        ("rpc.more", json!([8, 50, 1000])),
        ("rpc.more", json!(["7", 50, 1000])),
        ("rpc.more", json!([null, 50, 1000])),
        ("rpc.push", json!([7, 1, 1])),
        ("rpc.done", json!([7, 1])),
        ("rpc.item", json!([7, 1])),
        ("rpc.want", json!([7, 1, 50, 1000])),
        ("rpc.stop", json!([7, 1])),
        ("rpc.more", json!([7, 0, 0])),
    ];
    raw.send(words.map(|(name, params)| word(name, params))).await;
    nothing(&mut raw).await;
    // Words may stand in a batch.
    raw.send([format!("[{},{}]", word("rpc.more", json!([7, 3, 9])), word("rpc.more", json!([7, 4, 1000])))])
        .await;
    assert_eq!(exactly(&mut raw, 7, 2).await, [2, 3]);
}

async fn equal_ids_of_the_two_directions_never_meet(join_by: Join) {
    let (mut raw, peer) = caller(join_by, side()).await;
    let numbers: NumbersClient = peer.stub();
    let ours = tokio::spawn(async move {
        let mut stream = numbers.count(0, 2).await.expect("it opens");
        let mut items = Vec::new();
        while let Some(item) = stream.next().await {
            items.push(item.expect("an item"));
        }
        items
    });
    assert_eq!(raw.json().await["id"], 1);
    raw.send([request(1, "count", json!([0, 5]), json!([2, 1000]))]).await;
    let mut theirs = Vec::new();
    while theirs.len() < 2 {
        theirs.extend(items_of(&raw.json().await, &json!(1)));
    }
    raw.send([word("rpc.item", json!([1, 70, 71])), word("rpc.more", json!([1, 5, 1000]))]).await;
    let (items, reply) = to_the_end(&mut raw, 1).await;
    assert_eq!((items, reply.get("result")), (vec![json!(2), json!(3), json!(4)], Some(&Value::Null)));
    raw.send([r#"{"jsonrpc":"2.0","id":1,"result":null}"#]).await;
    assert_eq!(ours.await.expect("no panic"), [70, 71]);
}

async fn an_argument_is_pushed_and_done(join_by: Join) {
    let (mut raw, peer) = caller(join_by, side()).await;
    // What comes before its request is for nobody.
    raw.send([word("rpc.push", json!([8, 1, 100])), word("rpc.done", json!([8, 1]))]).await;
    for number in [0, 1, 65_535] {
        raw.send([
            request(8, "sum", json!([{"stream": number}]), Value::Null),
            word("rpc.push", json!([8, number, 1, 2])),
            word("rpc.push", json!([8, number])),
            word("rpc.push", json!([8, number, 3])),
            word("rpc.done", json!([8, number])),
        ])
        .await;
        let answer = loop {
            let message = raw.json().await;
            if message["method"] != "rpc.want" {
                break message;
            }
            // Half of a window is granted when the handler first reads.
            assert_eq!(message["params"].as_array().map(Vec::len), Some(4), "{message}");
        };
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 8, "result": 6}));
    }
    // By name, and each to its own parameter.
    raw.send([
        request(9, "two", json!({"b": {"stream": 1}, "a": {"stream": 2}}), Value::Null),
        word("rpc.push", json!([9, 2, 20, 21])),
        word("rpc.push", json!([9, 1, 10])),
        format!("[{},{}]", word("rpc.done", json!([9, 2])), word("rpc.done", json!([9, 1]))),
    ])
    .await;
    let answer = loop {
        let message = raw.json().await;
        if message["method"] != "rpc.want" {
            break message;
        }
    };
    assert_eq!(answer["result"], json!([10, 20, 21]));
    assert_eq!(peer.serving(), 0);
}

/// The reply, past the grants before it.
async fn reply(raw: &mut Raw) -> Value {
    loop {
        let message = raw.json().await;
        if message["method"] != "rpc.want" {
            return message;
        }
    }
}

async fn the_end_of_an_argument_is_told_apart(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, side()).await;
    let error = json!({"code": 5, "message": "torn"});
    for (done, part) in [
        (json!([1, 1, error]), "Method"),
        (json!([1, 1, {"code": -32603, "message": "x"}]), "Refused"),
        (json!([1, 1, {"code": -32800, "message": "x"}]), "Cancelled"),
        (
            json!([1, 1, {"code": -32006, "message": "x", "data": {"kind": "lagged", "missed": 3}}]),
            "Lagged { missed: 3 }",
        ),
        (json!([1, 1, null]), "Undecodable"),
        (json!([1, 1, "torn"]), "Undecodable"),
        (json!([1, 1, {}]), "Undecodable"),
    ] {
        raw.send([request(1, "sum", json!([{"stream": 1}]), Value::Null), word("rpc.done", done.clone())])
            .await;
        let answer = reply(&mut raw).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(answer["error"]["code"] == 9 && message.contains(part), "{done}: {answer}");
    }
    // What does not decode is no end, but ends it.
    raw.send([
        request(1, "sum", json!([{"stream": 1}]), Value::Null),
        word("rpc.push", json!([1, 1, "text"])),
    ])
    .await;
    let answer = loop {
        let message = reply(&mut raw).await;
        if message["method"] != "rpc.stop" {
            break message;
        }
    };
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("Undecodable")), "{answer}");
}

async fn too_many_items_end_the_call_and_nothing_else(join_by: Join) {
    let (mut raw, peer) = caller(join_by, side()).await;
    raw.send([
        request(2, "unread", json!([{"stream": 1}]), Value::Null),
        request(3, "unread", json!([{"stream": 1}]), Value::Null),
    ])
    .await;
    // 16 are granted to an argument that nobody reads.
    raw.send([word(
        "rpc.push",
        Value::Array([json!(2), json!(1)].into_iter().chain((0..16).map(Value::from)).collect()),
    )])
    .await;
    nothing(&mut raw).await;
    raw.send([word("rpc.push", json!([2, 1, 17]))]).await;
    let answer = raw.json().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(2), &json!(-32600)));
    raw.send([word("rpc.push", json!([2, 1, 18])), word("rpc.done", json!([2, 1]))]).await;
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 1, "its neighbour is open");
    raw.send([word("rpc.push", json!([3, 1, 1])), word("rpc.cancel", json!({"id": 3}))]).await;
    assert_eq!(raw.json().await["error"]["code"], -32800);
}

async fn numbers_of_arguments_are_checked(join_by: Join) {
    let (mut raw, peer) = caller(join_by, side()).await;
    for params in [
        json!([{"stream": 1}, {"stream": 1}]),
        json!([{"stream": 1}, {"stream": -1}]),
        json!([{"stream": 1}, {"stream": 65536}]),
        json!([{"stream": 1}, {"stream": 1.5}]),
        json!([{"stream": 1}, {"stream": "2"}]),
        json!([{"stream": 1}, {"stream": 2, "more": 3}]),
        json!([{"stream": 1}, 7]),
        json!([{"stream": 1}, null]),
        json!([{"stream": 1}]),
        json!([[1, 2], {"stream": 1}]),
        json!({"a": {"stream": 1}}),
    ] {
        raw.send([request(1, "two", params.clone(), Value::Null)]).await;
        let answer = loop {
            let message = raw.json().await;
            if message["method"] != "rpc.stop" {
                break message;
            }
        };
        assert_eq!(answer["error"]["code"], -32602, "{params}");
    }
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 0);
}

async fn a_handler_that_drops_an_argument_says_so_before_it_answers(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, side()).await;
    raw.send([
        request(1, "first", json!([2, {"stream": 4}]), Value::Null),
        word("rpc.push", json!([1, 4, 7, 8, 9])),
    ])
    .await;
    let mut stopped = false;
    let answer = loop {
        let message = reply(&mut raw).await;
        match message["method"].as_str() {
            Some("rpc.stop") => {
                assert_eq!((message["params"].clone(), stopped), (json!([1, 4]), false));
                stopped = true;
            }
            _ => break message,
        }
    };
    assert_eq!((&answer["result"], stopped), (&json!([7, 8]), true));
    // What is on its way is no excess.
    raw.send((0..40).map(|number| word("rpc.push", json!([1, 4, number])))).await;
    nothing(&mut raw).await;
    // One that has ended is not stopped.
    raw.send([
        request(1, "first", json!([2, {"stream": 4}]), Value::Null),
        word("rpc.push", json!([1, 4, 7])),
        word("rpc.done", json!([1, 4])),
    ])
    .await;
    assert_eq!(reply(&mut raw).await["result"], json!([7]));
}

async fn streams_of_a_connection_are_bounded(join_by: Join) {
    let side = || side().limits(|limits| (limits.max_streams, limits.max_stream_bytes) = (2, 100));
    let (mut raw, peer) = caller(join_by, side()).await;
    raw.send((1..=2).map(|id| request(id, "count", json!([0, 10]), json!([0, 0])))).await;
    for _ in 0..2 {
        assert_eq!(raw.json().await["method"], "rpc.item");
    }
    let answer = raw.ask(&request(3, "count", json!([0, 10]), json!([0, 0]))).await;
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["data"]["served"]),
        (&json!(-32005), &json!(false))
    );
    raw.send([word("rpc.cancel", json!({"id": 1}))]).await;
    assert_eq!(raw.json().await["error"]["code"], -32800);
    raw.send([request(3, "count", json!([0, 1]), wide())]).await;
    assert_eq!(to_the_end(&mut raw, 3).await.0, [0]);
    // Arguments hold at most a message more than they may together.
    raw.send((10..12).map(|id| request(id, "unread", json!([{"stream": 1}]), Value::Null))).await;
    let text = "9".repeat(18).parse::<i64>().expect("a number");
    raw.send((0..6).map(|at| word("rpc.push", json!([10 + at % 2, 1, text])))).await;
    nothing(&mut raw).await;
    raw.send([word("rpc.push", json!([11, 1, text]))]).await;
    let answer = raw.json().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(11), &json!(-32005)));
    raw.send([word("rpc.cancel", json!({"id": 10})), word("rpc.cancel", json!({"id": 2}))]).await;
    for _ in 0..2 {
        assert_eq!(raw.json().await["error"]["code"], -32800);
    }
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 0);
}

async fn a_request_of_ours_grants_and_tells_more(join_by: Join) {
    let (mut raw, peer) = caller(join_by, Side::default()).await;
    let numbers: NumbersClient = peer.stub();
    let consumer = tokio::spawn(async move {
        let mut stream = numbers.count(0, 10).window(4, 1000).await.expect("it opens");
        let (mut items, mut ended) = (Vec::new(), None);
        while let Some(item) = stream.next().await {
            match item {
                Ok(item) => items.push(item),
                Err(error) => ended = Some(error),
            }
        }
        (items, ended)
    });
    let request = raw.json().await;
    assert_eq!((&request["method"], &request["stream"]), (&json!("count"), &json!([4, 1000])));
    raw.send([word("rpc.item", json!([1])), word("rpc.item", json!([1, 0, 1, 2, 3]))]).await;
    let mut told = vec![4];
    while told.last() < Some(&8) {
        let more = raw.json().await;
        assert_eq!((&more["method"], &more["params"][0]), (&json!("rpc.more"), &json!(1)), "{more}");
        told.push(more["params"][1].as_u64().expect("a total"));
    }
    assert!(told.windows(2).all(|pair| pair[1] >= pair[0] + 2), "{told:?}: half a window each");
    raw.send([word("rpc.item", json!([1, 4, 5])), r#"{"jsonrpc":"2.0","id":1,"result":null}"#.into()]).await;
    let (items, ended) = consumer.await.expect("no panic");
    assert_eq!((items, ended.is_none()), (vec![0, 1, 2, 3, 4, 5], true));
    assert_eq!(peer.in_flight(), 0);
}

async fn a_peer_that_sends_too_much_is_cancelled(join_by: Join) {
    let (mut raw, peer) = caller(join_by, Side::default()).await;
    let numbers: NumbersClient = peer.stub();
    let mut opening = Box::pin(numbers.count(0, 10).window(2, 1000));
    let mut stream = tokio::select! {
        biased;
        opened = &mut opening => opened.expect("it opens"),
        () = async {
            raw.json().await;
            raw.send([word("rpc.item", json!([1, 0, 1, 2]))]).await;
            std::future::pending().await
        } => unreachable!("it waits"),
    };
    // Nothing was taken before all three had come, or else it is no excess.
    let (mut items, mut ended) = (0, None);
    while let Some(item) = stream.next().await {
        match item {
            Ok(_) => items += 1,
            Err(error) => ended = Some(error),
        }
    }
    assert_eq!(items, 2, "those within the credit stay");
    assert!(matches!(&ended, Some(StreamError::Refused(error)) if error.code() == -32600), "{ended:?}");
    loop {
        let message = raw.json().await;
        if message["method"] == "rpc.cancel" {
            assert_eq!(message["params"], json!({"id": 1}));
            break;
        }
    }
    raw.send([r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32800,"message":"cancelled"}}"#]).await;
    assert_eq!(peer.in_flight(), 0);
}

async fn a_dropped_result_is_cancelled(join_by: Join) {
    let (mut raw, peer) = caller(join_by, Side::default()).await;
    let numbers: NumbersClient = peer.stub();
    let consumer = tokio::spawn(async move {
        let stream = numbers.count(0, 10).await.expect("it opens");
        drop(stream);
    });
    raw.json().await;
    raw.send([word("rpc.item", json!([1, 5]))]).await;
    consumer.await.expect("no panic");
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": 1}}));
    raw.send([word("rpc.item", json!([1, 5])), r#"{"jsonrpc":"2.0","id":1,"result":null}"#.into()]).await;
    assert_eq!(peer.in_flight(), 0);
}

async fn arguments_of_ours_wait_for_credit_and_stop(join_by: Join) {
    let (mut raw, peer) = caller(join_by, Side::default()).await;
    let numbers: NumbersClient = peer.stub();
    let call = tokio::spawn(async move { numbers.sum(Streaming::from_iter(0..)).await });
    let request = raw.json().await;
    assert_eq!((&request["method"], &request["params"]), (&json!("sum"), &json!([{"stream": 1}])));
    let mut pushed = Vec::new();
    let push = |message: &Value| -> Vec<Value> {
        assert_eq!(message["method"], "rpc.push", "{message}");
        let params = message["params"].as_array().expect("an array");
        assert_eq!(params[..2], [json!(1), json!(1)]);
        params[2..].to_vec()
    };
    while pushed.len() < 16 {
        pushed.extend(push(&raw.json().await));
    }
    raw.send([word("rpc.want", json!([1, 1, 20, 100_000]))]).await;
    while pushed.len() < 20 {
        pushed.extend(push(&raw.json().await));
    }
    assert_eq!(pushed, (0..20).map(Value::from).collect::<Vec<_>>());
    // It stops, and says nothing more of it; the call goes on.
    raw.send([word("rpc.stop", json!([1, 1])), word("rpc.want", json!([1, 1, 50, 100_000]))]).await;
    raw.send([r#"{"jsonrpc":"2.0","id":1,"result":190}"#]).await;
    assert_eq!(call.await.expect("no panic"), Ok(190));
    let ping = tokio::spawn(peer.call::<i64>("ping", ()));
    assert_eq!(raw.json().await["method"], "ping", "nothing came before it");
    raw.send([r#"{"jsonrpc":"2.0","id":2,"result":1}"#]).await;
    assert_eq!(ping.await.expect("no panic"), Ok(1));
}

async fn an_argument_of_ours_that_fails_says_so(join_by: Join) {
    let (mut raw, peer) = caller(join_by, Side::default()).await;
    let numbers: NumbersClient = peer.stub();
    let failing = || {
        let items = [Ok(1), Err(ErrorObject::new(5, "torn"))];
        Streaming::try_from_stream(futures_util::stream::iter(items))
    };
    let panicking = || Streaming::from_iter((0..2).inspect(|number| assert!(*number == 0, "asked to")));
    for (id, numbers, stream, code) in
        [(1, numbers.clone(), failing(), 5), (2, numbers.clone(), panicking(), -32603)]
    {
        let call = tokio::spawn(async move { numbers.sum(stream).await });
        raw.json().await;
        let done = loop {
            let message = raw.json().await;
            if message["method"] == "rpc.done" {
                break message;
            }
        };
        assert_eq!((&done["params"][0], &done["params"][2]["code"]), (&json!(id), &json!(code)), "{done}");
        raw.send([json!({"jsonrpc": "2.0", "id": id, "error": {"code": 9, "message": "torn"}}).to_string()])
            .await;
        assert!(matches!(call.await.expect("no panic"), Err(CallError::Method(error)) if error.code() == 9));
    }
    // Without one it is complete.
    let call = tokio::spawn(async move { numbers.sum(Streaming::empty()).await });
    raw.json().await;
    assert_eq!(raw.json().await["params"], json!([3, 1]));
    raw.send([r#"{"jsonrpc":"2.0","id":3,"result":0}"#]).await;
    assert_eq!(call.await.expect("no panic"), Ok(0));
}

/// A connection that ends while streams are open: what comes then is no clean end.
#[tokio::test]
async fn a_peer_that_is_gone_ends_everything() {
    bounded(async {
        let (mut raw, peer) = caller(Join::Memory, side()).await;
        let numbers: NumbersClient = peer.stub();
        let result = tokio::spawn(async move {
            let mut stream = numbers.count(0, 10).await.expect("it opens");
            let first = stream.next().await;
            (first, stream.next().await)
        });
        raw.json().await;
        raw.send([word("rpc.item", json!([1, 5]))]).await;
        raw.send([request(9, "unread", json!([{"stream": 1}]), Value::Null)]).await;
        while peer.serving() == 0 {
            tokio::task::yield_now().await;
        }
        raw.close(4000, "gone").await;
        assert!(matches!(raw.hear().await, Heard::Text(_) | Heard::Close(4000, _)));
        let (first, then) = result.await.expect("no panic");
        assert_eq!(first, Some(Ok(5)));
        let Some(Err(StreamError::Disconnected { reason })) = then else { panic!("{then:?}") };
        assert_eq!(reason.code, 4000);
        peer.closed().await;
        assert_eq!((peer.serving(), peer.in_flight()), (0, 0));
    })
    .await;
}
