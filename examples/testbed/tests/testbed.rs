//! The behaviour of the testbed on which foreign clients and benchmarks rely.

#[allow(dead_code, unreachable_pub)]
#[path = "../../../tests/support/process.rs"]
mod process;

use std::time::Duration;

use birpc::{CallError, Client, Context, ErrorObject, RawValue, Router, Streaming, rpc};
use process::{Running, example};
use serde_json::{Value, json};

/// Fails a test that would wait for ever.
async fn bounded<F: Future>(test: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test hangs")
}

/// The code of an error reply; 0 for any other outcome.
fn code<T>(outcome: &Result<T, CallError>) -> i64 {
    match outcome {
        Err(CallError::Method(error) | CallError::Rpc(error)) => error.code(),
        _ => 0,
    }
}

// The testbed's wire is fixed: foreign clients and benchmarks use it.
#[tokio::test]
async fn testbed_answers_as_it_should() {
    bounded(async {
        let mut command = example("testbed");
        command.args(["--listen", "127.0.0.1:0", "--threads", "2", "--max-in-flight", "2"]);
        let mut testbed = Running::start(command);
        let client = Client::connect(&testbed.url().await).await.expect("it listens");
        let call = async |method: &str, params: Value| client.peer().call::<Value>(method, params).await;
        assert_eq!(call("add", json!([40, 2])).await, Ok(json!(42)));
        assert_eq!(call("add", json!({"a": 40, "b": 2})).await, Ok(json!(42)));
        assert_eq!(call("echo", json!([{"x": [1, null]}])).await, Ok(json!({"x": [1, null]})));
        assert_eq!(call("sleep", json!([1])).await, Ok(json!(1)));
        let error = ErrorObject::new(7, "seven");
        assert_eq!(call("fail", json!([7, "seven"])).await, Err(CallError::Method(error.clone())));
        let error = error.with_data(&json!({"a": 1}));
        assert_eq!(call("fail", json!([7, "seven", {"a": 1}])).await, Err(CallError::Method(error)));
        assert_eq!(code(&call("panic", json!([])).await), -32603);
        assert_eq!(call("nap", json!([1])).await, Ok(json!(1)));
        assert_eq!(call("area", json!([{"kind": "rect", "w": 2, "h": 3}])).await, Ok(json!(6.0)));
        let error = ErrorObject::new(10, "`r` is negative").with_data(&json!({"field": "r"}));
        assert_eq!(call("area", json!([{"kind": "circle", "r": -1}])).await, Err(CallError::Method(error)));
        let too_large = json!([{"kind": "rect", "w": 1e300, "h": 1e300}]);
        assert_eq!(code(&call("area", too_large).await), 11);
        assert_eq!(code(&call("area", json!([{"kind": "square"}])).await), -32602);
        for line in ["one", "two"] {
            client.peer().notify("log", [line]).await.expect("a server");
        }
        assert_eq!(call("logged", json!([])).await, Ok(json!(["one", "two"])));
        assert_eq!(call("broadcast", json!(["said", ["x"]])).await, Ok(json!(1)));
        assert_eq!(code(&call("relay", json!(["add", [1, 2]])).await), -32601);
        let whoami = call("whoami", json!([])).await.expect("a result");
        assert_eq!((&whoami["connections"], &whoami["in_flight"]), (&json!(1), &json!(1)), "{whoami}");
        let _ = call("close", json!([4000, "enough"])).await;
        let reason = client.closed().await;
        assert_eq!((reason.code, &*reason.reason), (4000, "enough"));
    })
    .await;
}

// A caller of plain JSON-RPC, which notifies before it has answered.
#[tokio::test]
async fn testbed_subscribes_at_its_caller() {
    bounded(async {
        let mut command = example("testbed");
        command.args(["--listen", "127.0.0.1:0"]);
        let mut testbed = Running::start(command);
        let (leave, mut left) = tokio::sync::mpsc::unbounded_channel();
        let subscribe = |cx: Context, (first, id): (u64, Value)| async move {
            let peer = cx.peer().detached();
            for item in first..first + 20 {
                peer.notify("sub_subscription", json!({"subscription": id, "result": item})).await?;
            }
            Ok::<_, ErrorObject>(id)
        };
        let unsubscribe = move |_: Context, params: Value| {
            let _ = leave.send(params); // the test may be over
            async { Ok::<_, ErrorObject>(true) }
        };
        let refuse = |_: Context, _: Value| async { Err::<Value, _>(ErrorObject::new(8, "refused")) };
        let router = Router::new()
            .method("sub_subscribe", subscribe)
            .method("sub_unsubscribe", unsubscribe)
            .method("other_subscribe", refuse);
        let builder = Client::builder().subprotocols(["jsonrpc"]).serve(router);
        let client = builder.connect(&testbed.url().await).await.expect("it listens");
        let take = |params: Value| client.peer().call::<Value>("take_subscription", params);
        for id in [json!("0x1"), json!(7)] {
            assert_eq!(take(json!(["sub", [3, id], 4])).await, Ok(json!([3, 4, 5, 6])));
            assert_eq!(left.recv().await, Some(json!([id])));
        }
        assert_eq!(code(&take(json!(["other", [], 1])).await), 8);
        assert_eq!(code(&take(json!(["none", null, 1])).await), -32601);
    })
    .await;
}

#[rpc]
trait Nests {
    /// An array in an array, and so on.
    async fn nested(&self, depth: usize) -> Result<Streaming<Box<RawValue>>, ErrorObject>;
}

struct Own;

impl Nests for Own {
    async fn nested(&self, depth: usize) -> Result<Streaming<Box<RawValue>>, ErrorObject> {
        let item = RawValue::from_string("[".repeat(depth) + &"]".repeat(depth)).expect("JSON");
        Ok(Streaming::from_iter([item]))
    }
}

#[tokio::test]
async fn testbed_survives_items_that_nest_too_deep_for_a_value() {
    bounded(async {
        let mut command = example("testbed");
        command.args(["--listen", "127.0.0.1:0"]);
        let mut testbed = Running::start(command);
        let builder = Client::builder().serve(NestsServer::new(Own));
        let client = builder.connect(&testbed.url().await).await.expect("it listens");
        let pull = |depth: usize| client.peer().call::<Value>("pull", json!(["nested", [depth]]));
        assert_eq!(pull(3).await, Ok(json!({"items": [[[[]]]], "end": "complete"})));
        let deep = pull(200).await.expect("it does not panic");
        assert_eq!(deep["items"], json!([]));
        assert!(deep["end"]["undecodable"].is_string(), "{deep}");
    })
    .await;
}

#[tokio::test]
async fn discover_answers_the_document_that_the_testbed_prints() {
    bounded(async {
        let printed = async |flag: &str| {
            let output = example("testbed").arg(flag).output().await;
            let output = output.expect("the example is built");
            assert!(output.status.success(), "{flag}");
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        let mut command = example("testbed");
        command.args(["--listen", "127.0.0.1:0"]);
        let mut testbed = Running::start(command);
        let client = Client::connect(&testbed.url().await).await.expect("it listens");
        let document = client.peer().call::<Value>("rpc.discover", ()).await.expect("it is served");
        assert_eq!(serde_json::from_str::<Value>(&printed("--openrpc").await).expect("JSON"), document);
        serde_json::from_str::<Value>(&printed("--asyncapi").await).expect("JSON");
        assert!(printed("--typescript").await.contains("export const testbed: birpc.Table<TestbedClient>"));
    })
    .await;
}

#[tokio::test]
async fn testbed_sends_to_groups_and_users_and_calls_their_members() {
    bounded(async {
        let mut command = example("testbed");
        command.args(["--listen", "127.0.0.1:0", "--node", "one"]);
        let mut testbed = Running::start(command);
        let url = testbed.url().await;
        let connect = async |name: &'static str| {
            let (hear, heard) = tokio::sync::mpsc::unbounded_channel();
            let router = Router::new()
                .notification("said", move |_: Context, (line,): (String,)| {
                    let _ = hear.send(line);
                    std::future::ready(())
                })
                .method("who", move |_: Context, _: Option<()>| async move { Ok::<_, ErrorObject>(name) });
            let client = Client::builder().serve(router).connect(&url).await.expect("it listens");
            let id: String = client.peer().call("id", ()).await.expect("it is served");
            client.peer().call::<()>("login", ["ada"]).await.expect("it is served");
            client.peer().call::<()>("join", ["tea"]).await.expect("it is served");
            client.peer().call::<()>("track", json!(["tea", "ada", name])).await.expect("it is served");
            (client, id, heard)
        };
        let (one, first, _heard) = connect("phone").await;
        let (_two, second, mut heard) = connect("laptop").await;
        let call = async |method: &str, params: Value| one.peer().call::<Value>(method, params).await;
        let reached = |local: usize| Ok(json!({"local": local, "remote": "none"}));
        assert_eq!(call("send", json!(["tea", "said", ["1"], true])).await, reached(1));
        assert_eq!(call("send_user", json!(["ada", "said", ["2"]])).await, reached(2));
        assert_eq!(call("send_all", json!(["said", ["3"]])).await, reached(2));
        for line in ["1", "2", "3"] {
            assert_eq!(heard.recv().await.as_deref(), Some(line));
        }
        let mut answers = call("ask", json!(["tea", "who", null, 5000])).await.expect("it is served");
        let answers = answers.as_array_mut().expect("a list");
        answers.sort_by_key(|answer| answer["result"].as_str().map(str::to_owned));
        let expected = json!([{"peer": second, "result": "laptop"}, {"peer": first, "result": "phone"}]);
        assert_eq!(json!(answers), expected);
        assert_eq!(call("call_peer", json!([second, "who", null, 5000])).await, Ok(json!("laptop")));
        let nobody = call("call_peer", json!(["nobody", "who", null, 5000])).await.expect_err("no such peer");
        let CallError::Method(error) = nobody else { panic!("{nobody:?}") };
        assert_eq!(error.code(), 20);
        assert_eq!(error.data::<Value>(), Some(json!({"kind": "disconnected", "sent": false})));
        assert_eq!(call("members", json!(["tea"])).await, Ok(json!({"ada": ["phone", "laptop"]})));
        let nodes = call("nodes", json!([])).await.expect("it is served");
        assert_eq!(
            (&nodes[0]["name"], &nodes[0]["load"], &nodes[1]),
            (&json!("one"), &json!(2), &Value::Null)
        );
        assert_eq!(call("leave", json!(["tea"])).await, Ok(json!(true)));
        assert_eq!(call("gaps", json!([])).await, Ok(json!({})));
    })
    .await;
}

/// The time that a busy machine may add.
#[cfg(unix)]
const SLACK: Duration = Duration::from_secs(3);

/// Threads cannot be stopped, so the wait for the runtime is limited.
#[cfg(unix)]
#[tokio::test]
async fn a_method_that_never_returns_does_not_keep_the_process() {
    bounded(async {
        let mut command = example("testbed");
        command.args(["--listen", "127.0.0.1:0", "--drain", "200"]);
        let mut testbed = Running::start(command);
        let client = Client::connect(&testbed.url().await).await.expect("it listens");
        let block = |_| tokio::spawn(client.peer().call::<Value>("block", [Value::Null]));
        let calls: Vec<_> = (0..3).map(block).collect();
        while client.peer().call::<Value>("whoami", ()).await.expect("it runs")["in_flight"] != 4 {
            tokio::task::yield_now().await;
        }
        let began = std::time::Instant::now();
        testbed.signal("TERM").await;
        assert_eq!(client.closed().await.code, 1001);
        for call in calls {
            let outcome = call.await.expect("no panic");
            assert!(matches!(outcome, Err(CallError::Disconnected { sent: true, .. })), "{outcome:?}");
        }
        let (rest, ok) = testbed.rest().await;
        assert!(ok && rest == ["0 calls finished, 3 cut"], "{rest:?}");
        // 200 ms to drain, a second for the runtime.
        assert!(began.elapsed() < Duration::from_millis(1200) + SLACK, "{:?}", began.elapsed());
    })
    .await;
}
