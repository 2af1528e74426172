//! Calls by name whose caller does not know whether the method returns a value or a stream.

use birpc::{CallError, ErrorObject, Progress, RawValue, StreamError, Streaming, ValueOrStream, rpc};

use crate::support::{Join, Pair, Record, Side, code, over_both};

over_both! {
    a_value_arrives_as_it_was_sent
    a_stream_arrives_item_by_item
    a_stream_that_has_ended_before_it_is_polled_is_one
    an_empty_stream_that_says_it_is_open_is_a_stream
    errors_are_those_of_the_method
    without_birpc_v1_every_result_is_a_value
    progress_comes_with_both
    a_stream_that_is_dropped_stops_its_producer
    a_lost_connection_ends_the_call
}

#[rpc]
trait Mixed {
    async fn echo(&self, value: Box<RawValue>) -> Result<Box<RawValue>, ErrorObject>;
    async fn count(&self, to: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn endless(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn never(&self) -> Result<(), ErrorObject>;
    async fn refuse(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn fail_after(&self, n: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn build(&self, progress: Progress<u64>) -> Result<String, ErrorObject>;
}

struct Service(Record<&'static str>);

/// Records that it is dropped.
struct Ended(Record<&'static str>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.push("dropped");
    }
}

impl Mixed for Service {
    async fn echo(&self, value: Box<RawValue>) -> Result<Box<RawValue>, ErrorObject> {
        Ok(value)
    }

    async fn count(&self, to: u64) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_iter(0..to))
    }

    async fn endless(&self) -> Result<Streaming<u64>, ErrorObject> {
        let ended = Ended(self.0.clone());
        Ok(Streaming::from_iter((0..).inspect(move |_| {
            let _ = &ended;
        })))
    }

    async fn never(&self) -> Result<(), ErrorObject> {
        std::future::pending().await
    }

    async fn refuse(&self) -> Result<Streaming<u64>, ErrorObject> {
        Err(ErrorObject::new(8, "no"))
    }

    async fn fail_after(&self, n: u64) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::produce(move |out| async move {
            for number in 0..n {
                out.send(number).await?;
            }
            Err(ErrorObject::new(7, "after"))?
        }))
    }

    async fn build(&self, progress: Progress<u64>) -> Result<String, ErrorObject> {
        progress.report(1);
        Ok("built".into())
    }
}

type Any = ValueOrStream<Box<RawValue>>;

async fn peers(join_by: Join, subprotocol: Option<&str>) -> (Pair, Record<&'static str>) {
    let ended = Record::default();
    let server = Side::new(MixedServer::new(Service(ended.clone())));
    (join_by.peers_of(subprotocol, Side::default(), server).await, ended)
}

async fn call(pair: &Pair, method: &str, params: &str) -> Result<Any, CallError> {
    let params: Box<RawValue> = serde_json::from_str(params).expect("JSON");
    pair.client.invoke::<Result<Any, ErrorObject>>(method, params).await
}

fn value(outcome: Result<Any, CallError>) -> String {
    match outcome {
        Ok(ValueOrStream::Value(value)) => value.get().to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn items(outcome: Result<Any, CallError>) -> (Vec<String>, Option<StreamError>) {
    let Ok(ValueOrStream::Stream(mut items)) = outcome else { panic!("{outcome:?}") };
    let mut found = Vec::new();
    loop {
        match items.next().await {
            Some(Ok(item)) => found.push(item.get().to_owned()),
            Some(Err(error)) => return (found, Some(error)),
            None => return (found, None),
        }
    }
}

async fn a_value_arrives_as_it_was_sent(join_by: Join) {
    let (pair, _) = peers(join_by, Some("birpc.v1")).await;
    for json in ["1.50", r#"{"a": [1, 2]}"#, "null", r#""\u0061""#] {
        assert_eq!(value(call(&pair, "echo", &format!("[{json}]")).await), json);
    }
}

async fn a_stream_arrives_item_by_item(join_by: Join) {
    let (pair, _) = peers(join_by, Some("birpc.v1")).await;
    // More than a window.
    let (found, error) = items(call(&pair, "count", "[1000]").await).await;
    assert_eq!((found.len(), error), (1000, None));
    assert_eq!(found.last().map(String::as_str), Some("999"));
}

async fn a_stream_that_has_ended_before_it_is_polled_is_one(join_by: Join) {
    // Its items and its end are in the table before the call is polled again.
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::default()).await;
    let call = tokio::spawn(async move { peer.invoke::<Result<Any, ErrorObject>>("count", ()).await });
    let request = raw.json().await;
    assert_eq!(request["stream"].as_array().map(Vec::len), Some(2), "{request}");
    raw.send([
        r#"{"jsonrpc":"2.0","method":"rpc.item","params":[1,5]}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
    ])
    .await;
    let (found, error) = items(call.await.expect("no panic")).await;
    assert_eq!((found, error), (vec!["5".to_owned()], None));
}

async fn an_empty_stream_that_says_it_is_open_is_a_stream(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::default()).await;
    let call = tokio::spawn(async move { peer.invoke::<Result<Any, ErrorObject>>("count", ()).await });
    raw.json().await;
    raw.send([r#"{"jsonrpc":"2.0","method":"rpc.item","params":[1]}"#]).await;
    let outcome = call.await.expect("no panic");
    raw.send([r#"{"jsonrpc":"2.0","id":1,"result":null}"#]).await;
    assert_eq!(items(outcome).await, (vec![], None));
}

async fn errors_are_those_of_the_method(join_by: Join) {
    let (pair, _) = peers(join_by, Some("birpc.v1")).await;
    assert_eq!(code(&call(&pair, "refuse", "[]").await), 8);
    assert_eq!(code(&call(&pair, "none", "[]").await), -32601);
    assert_eq!(code(&call(&pair, "count", r#"["x"]"#).await), -32602);
    let (found, error) = items(call(&pair, "fail_after", "[2]").await).await;
    assert_eq!(found, ["0", "1"]);
    assert!(matches!(error, Some(StreamError::Method(error)) if error.code() == 7));
}

async fn without_birpc_v1_every_result_is_a_value(join_by: Join) {
    let (pair, _) = peers(join_by, None).await;
    assert_eq!(value(call(&pair, "echo", "[1.50]").await), "1.50");
    assert_eq!(code(&call(&pair, "count", "[3]").await), -32600, "it needs birpc.v1");
    // The request is as plain as any.
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let call = tokio::spawn(async move { peer.invoke::<Result<Any, ErrorObject>>("m", [1]).await });
    assert_eq!(
        raw.json().await,
        serde_json::json!({"jsonrpc": "2.0", "method": "m", "params": [1], "id": 1})
    );
    raw.send([r#"{"jsonrpc":"2.0","id":1,"result":[ 1 ]}"#]).await;
    assert_eq!(value(call.await.expect("no panic")), "[ 1 ]");
}

async fn progress_comes_with_both(join_by: Join) {
    let (pair, _) = peers(join_by, Some("birpc.v1")).await;
    let steps = Record::default();
    let heard = steps.clone();
    let listen = Progress::to(move |step: u64| heard.push(step));
    let call = pair.client.invoke::<Result<Any, ErrorObject>>("build", ()).with_progress(listen);
    assert_eq!(value(call.await), r#""built""#);
    assert_eq!(steps.take(), [1]);
}

async fn a_stream_that_is_dropped_stops_its_producer(join_by: Join) {
    let (pair, ended) = peers(join_by, Some("birpc.v1")).await;
    let Ok(ValueOrStream::Stream(mut items)) = call(&pair, "endless", "[]").await else {
        panic!("it is a stream")
    };
    assert!(items.next().await.is_some_and(|item| item.is_ok()));
    drop(items);
    while ended.take().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(pair.client.in_flight(), 0);
}

async fn a_lost_connection_ends_the_call(join_by: Join) {
    let (pair, _) = peers(join_by, Some("birpc.v1")).await;
    let waiting = call(&pair, "never", "[]");
    let (outcome, ()) = tokio::join!(waiting, async {
        while pair.server.serving() == 0 {
            tokio::task::yield_now().await;
        }
        pair.cut();
    });
    assert!(matches!(outcome, Err(CallError::Disconnected { sent: true, .. })), "{outcome:?}");
}
