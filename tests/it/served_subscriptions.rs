//! What goes over the wire of subscriptions, to peers that do not speak `birpc.v1`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc::middleware::{Handler, IncomingCall, Next, from_fn};
use birpc::{Client, ErrorObject, Router, Streaming, rpc};
use serde_json::{Value, json};

use crate::support::{Heard, Join, Raw, Side, bounded, over_both};
use node::{begun, item, items, nothing, request, result, subscribe, unsubscribe};

pub(crate) mod node;
pub(crate) use node::{EthServer, Node};

over_both! {
    the_reply_comes_first_and_then_the_items
    what_a_handler_sends_comes_before_the_reply
    unsubscribe_is_the_last_word
    an_unsubscribe_of_what_is_not_there_answers_false
    subscriptions_of_a_batch_begin_behind_its_array
    a_subscribe_without_an_id_starts_nothing
    a_subscription_that_is_refused_has_no_id
    a_bad_end_is_a_notification_with_the_error
    a_silent_end_says_nothing
    a_bad_end_may_close_the_connection
    under_birpc_v1_it_is_an_ordinary_stream
}

async fn the_reply_comes_first_and_then_the_items(join_by: Join) {
    for subprotocol in [None, Some("jsonrpc")] {
        let (mut raw, peer) = join_by.raw(subprotocol, Node::default().side()).await;
        for count in [0, 1, 1000] {
            for kind in ["ticks", "slow"] {
                let id = begun(&mut raw, subscribe(kind, count)).await;
                items(&mut raw, &id, count).await;
                nothing(&mut raw).await;
                assert_eq!(peer.serving(), 0, "its call has been answered");
                raw.send([unsubscribe(&id)]).await;
                assert_eq!(result(&mut raw, "off").await, kind == "slow", "the other one is complete");
            }
        }
    }
}

async fn what_a_handler_sends_comes_before_the_reply(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(None, Node::default().side()).await;
    raw.send([subscribe("greet", 3)]).await;
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "hello", "params": [3]}));
    let id = result(&mut raw, 1).await;
    items(&mut raw, &id, 3).await;
}

async fn unsubscribe_is_the_last_word(join_by: Join) {
    let node = Node::default();
    let (mut raw, _peer) = join_by.raw(None, node.side()).await;
    for round in 0..10 {
        let id = begun(&mut raw, subscribe("flood", u64::MAX)).await;
        items(&mut raw, &id, round).await;
        raw.send([unsubscribe(&id), unsubscribe(&id)]).await;
        let mut next = round;
        loop {
            let message = raw.json().await;
            if message["id"] == "off" {
                assert_eq!(message["result"], true);
                break;
            }
            assert_eq!(message, item("eth_subscription", &id, next), "no item is missing");
            next += 1;
        }
        assert_eq!(result(&mut raw, "off").await, false, "it is the second");
        node.rest().await;
    }
    nothing(&mut raw).await;
}

async fn an_unsubscribe_of_what_is_not_there_answers_false(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(None, Node::default().side()).await;
    let id = begun(&mut raw, subscribe("wait", 0)).await;
    let slot = raw.ask(&request(2, "slotSubscribe", json!(["wait", 1]))).await["result"].clone();
    assert!(slot.as_u64().is_some_and(|slot| slot < 1 << 53), "{slot}");
    assert_eq!(raw.json().await, item("slotNotification", &slot, 0));
    let unknown =
        [json!("0x0"), json!(""), json!(0), json!(-1), json!(1.5), json!(slot.to_string()), slot.clone()];
    for unknown in unknown {
        raw.send([unsubscribe(&unknown)]).await;
        assert_eq!(result(&mut raw, "off").await, false, "{unknown}");
    }
    let params = [json!([]), json!([null]), json!([true]), json!([[id]]), json!([{"subscription": id}])];
    for params in params {
        let answer = raw.ask(&request("off", "eth_unsubscribe", params.clone())).await;
        assert_eq!(answer["error"]["code"], -32602, "{params}");
    }
    let wrong = raw.ask(&request(3, "slotUnsubscribe", json!([id]))).await;
    assert_eq!(wrong["result"], false, "another method ends it");
    for (method, params) in
        [("slotUnsubscribe", json!([slot])), ("eth_unsubscribe", json!({"subscription": id}))]
    {
        assert_eq!(raw.ask(&request(3, method, params)).await["result"], true);
    }
    // The same text may be written in other ways.
    let id = begun(&mut raw, subscribe("wait", 0)).await;
    let escaped = unsubscribe(&id).replace("0x", "\\u0030x");
    assert_eq!(raw.ask(&escaped).await["result"], true);
}

async fn subscriptions_of_a_batch_begin_behind_its_array(join_by: Join) {
    let node = Node::default();
    let small = node.side().limits(|limits| limits.max_message_out = 500);
    for slow in ["eth_add", "eth_slow"] {
        let (mut raw, _peer) = join_by.raw(None, node.side()).await;
        let params = if slow == "eth_add" { json!([2, 3]) } else { json!([]) };
        let entries = [
            subscribe("ticks", 3),
            request(2, slow, params),
            request(3, "eth_subscribe", json!(["slow", 2])),
        ];
        let answers = raw.ask(&format!("[{}]", entries.join(","))).await;
        let of = |id: i64| {
            let mut answers = answers.as_array().expect("an array").iter();
            answers.find(|answer| answer["id"] == id).expect("it is answered")["result"].clone()
        };
        assert_eq!(of(2), 5);
        let mut left = [(of(1), 0, 3), (of(3), 0, 2)];
        for _ in 0..5 {
            let message = raw.json().await;
            let one = left.iter_mut().find(|(id, ..)| message["params"]["subscription"] == *id);
            let (id, next, _) = one.expect("it is one of the two");
            assert_eq!(message, item("eth_subscription", id, *next));
            *next += 1;
        }
        assert!(left.iter().all(|(_, next, count)| next == count));
        nothing(&mut raw).await;
    }
    // An array that is too long is answered with one error, so that nobody knows the ids.
    node.rest().await;
    let (mut raw, _peer) = join_by.raw(None, small).await;
    let entries: Vec<_> = (0..20).map(|id| request(id, "eth_subscribe", json!(["wait", 3]))).collect();
    let answer = raw.ask(&format!("[{}]", entries.join(","))).await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32600)), "{answer}");
    nothing(&mut raw).await;
    node.rest().await;
}

async fn a_subscribe_without_an_id_starts_nothing(join_by: Join) {
    let node = Node::default();
    let (mut raw, _peer) = join_by.raw(None, node.side()).await;
    let without = json!({"jsonrpc": "2.0", "method": "eth_subscribe", "params": ["flood", 9]}).to_string();
    raw.send([&without, &format!("[{without}]")]).await;
    nothing(&mut raw).await;
    assert_eq!(node.produced.load(Ordering::SeqCst), 0);
    // Null is an id like others, for peers that have one request at a time.
    let null = request(Value::Null, "eth_subscribe", json!(["ticks", 2]));
    let id = begun(&mut raw, null).await;
    items(&mut raw, &id, 2).await;
}

async fn a_subscription_that_is_refused_has_no_id(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Node::default().side()).await;
    for (params, code) in [(json!(["refuse", 0]), 8), (json!(["ticks"]), -32602), (json!([7, 7]), -32602)] {
        let answer = raw.ask(&request(1, "eth_subscribe", params)).await;
        assert_eq!(answer["error"]["code"], code);
    }
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 0);
}

async fn a_bad_end_is_a_notification_with_the_error(join_by: Join) {
    let node = Node::default();
    let (mut raw, _peer) = join_by.raw(None, node.side()).await;
    for (kind, code, data) in
        [("fail", 7, json!({"n": 2})), ("panic", -32603, json!("*")), ("large", -32603, json!("*"))]
    {
        let id = begun(&mut raw, subscribe(kind, 2)).await;
        items(&mut raw, &id, 2).await;
        let end = raw.json().await;
        assert_eq!((&end["method"], &end["params"]["subscription"]), (&json!("eth_subscription"), &id));
        let error = &end["params"]["error"];
        assert_eq!(error["code"], code);
        assert!(data == "*" || error["data"] == data, "{error}");
        raw.send([unsubscribe(&id)]).await;
        assert_eq!(result(&mut raw, "off").await, false, "it is over");
    }
    let id = begun(&mut raw, subscribe("lag", 3)).await;
    let end = raw.json().await["params"].clone();
    let error =
        json!({"code": -32006, "message": "Items were lost", "data": {"kind": "lagged", "missed": 3}});
    assert_eq!(end, json!({"subscription": id, "error": error}));
    nothing(&mut raw).await;
    node.rest().await;
}

async fn a_silent_end_says_nothing(join_by: Join) {
    let node = Node::default();
    let (mut raw, _peer) = join_by.raw(None, node.side()).await;
    let id = raw.ask(&request(1, "slotSubscribe", json!(["fail", 1]))).await["result"].clone();
    assert_eq!(raw.json().await, item("slotNotification", &id, 0));
    nothing(&mut raw).await;
    node.rest().await;
    assert_eq!(raw.ask(&request(1, "slotUnsubscribe", json!([id]))).await["result"], false);
}

async fn a_bad_end_may_close_the_connection(join_by: Join) {
    let node = Node::default();
    let (mut raw, _peer) = join_by.raw(None, node.side()).await;
    let id = begun(&mut raw, request(1, "eth_watch", json!(["fail", 2]))).await;
    for number in 0..2 {
        assert_eq!(raw.json().await, item("eth_watched", &id, number));
    }
    assert_eq!(raw.hear().await, Heard::Close(1013, "a subscription has failed".into()));
    node.rest().await;
}

async fn under_birpc_v1_it_is_an_ordinary_stream(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), Node::default().side()).await;
    let call = request(1, "eth_subscribe", json!(["ticks", 2])).replacen('{', r#"{"stream":[9,99],"#, 1);
    let opened = raw.ask(&call).await;
    assert_eq!(opened, json!({"jsonrpc": "2.0", "method": "rpc.item", "params": [1, 0, 1]}));
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "id": 1, "result": null}));
    raw.send([unsubscribe(&json!("0x0")), unsubscribe(&json!(1))]).await;
    assert_eq!((result(&mut raw, "off").await, result(&mut raw, "off").await), (json!(false), json!(false)));
    assert_eq!(raw.ask(&subscribe("ticks", 2)).await["error"]["code"], -32600, "`stream` is missing");
}

// A client serves them too.
#[tokio::test]
async fn a_server_subscribes_at_its_client() {
    bounded(async {
        let node = Node::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
        let client = Client::builder().subprotocols([]).serve(EthServer::new(node.clone()));
        let accepting = async { Raw::accept(listener.accept().await.expect("a client").0).await };
        let (client, mut raw) = tokio::join!(client.connect(&url), accepting);
        let client = client.expect("it connects");
        let id = begun(&mut raw, subscribe("flood", 1000)).await;
        items(&mut raw, &id, 1000).await;
        raw.send([unsubscribe(&id)]).await;
        assert_eq!(result(&mut raw, "off").await, true);
        node.rest().await;
        begun(&mut raw, subscribe("wait", 0)).await;
        drop(client);
        node.rest().await;
    })
    .await;
}

#[rpc(namespace = "eth", separator = "_")]
trait Logs {
    #[rpc(subscription(notify = "logs", unsubscribe = "unsubscribe"))]
    async fn logs(&self) -> Result<Streaming<u64>, ErrorObject>;
}

impl Logs for Node {
    async fn logs(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::empty())
    }
}

/// Two services share the method that ends subscriptions, and one of them has a layer.
#[tokio::test]
async fn a_method_that_two_services_share_keeps_its_layer() {
    let passed = Arc::new(AtomicUsize::new(0));
    let counting = passed.clone();
    let layer = from_fn(move |call: IncomingCall, next: Next<Handler>| {
        counting.fetch_add(1, Ordering::SeqCst);
        next.run(call)
    });
    let layered = Router::new().service(EthServer::new(Node::default())).layer(layer);
    let other = || Router::new().service(LogsServer::new(Node::default()));
    for (calls, router) in [layered.clone().merge(other()), other().merge(layered)].into_iter().enumerate() {
        router.check().expect("it may be shared");
        let (mut raw, _peer) = Join::Memory.raw(None, Side::new(router)).await;
        raw.send([unsubscribe(&json!("0x0"))]).await;
        assert_eq!(result(&mut raw, "off").await, false);
        assert_eq!(passed.load(Ordering::SeqCst), calls + 1);
    }
}
