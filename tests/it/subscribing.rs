//! Subscriptions in Ethereum's form, as this side consumes them: a peer that sends anything, at any time, and
//! in either role. The same stub has the streams of a peer that speaks `birpc.v1`.

use std::time::Duration;

use birpc::{
    CallError, Client, ErrorObject, Peer, Router, StreamError, Streaming, SubscriptionForm, Update, rpc,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::streams::collect;
use crate::support::{Join, NoParams, Raw, Side, bounded};

/// Runs each test in both roles.
macro_rules! in_both_roles {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test]
            async fn as_server() {
                crate::support::bounded(super::$name(super::Scene::as_server().await)).await;
            }

            #[tokio::test]
            async fn as_client() {
                crate::support::bounded(super::$name(super::Scene::as_client().await)).await;
            }
        }
    )*};
}

in_both_roles! {
    items_come_whatever_the_id_is_and_dropping_unsubscribes_once
    items_before_the_reply_are_kept
    too_many_items_before_the_reply_end_the_subscription
    the_oldest_are_dropped_if_that_is_wanted
    a_thousand_items_behind_the_reply_all_come
    an_unread_subscription_ends_and_its_neighbours_go_on
    an_error_ends_the_subscription_and_nobody_unsubscribes
    a_lost_connection_is_no_clean_end
    a_refusal_and_a_result_that_is_no_id_open_nothing
    a_call_that_is_given_up_unsubscribes_what_it_opens
    a_call_that_ends_by_an_error_without_an_id_leaves_nothing
    a_handle_ends_what_was_opened
    an_item_of_another_type_ends_the_subscription
    two_methods_may_use_the_same_id
    an_id_of_another_subscription_is_refused
    notifications_of_others_reach_their_handler
    notifications_in_a_batch_are_items
    an_idle_timeout_unsubscribes
    a_method_without_a_form_is_not_called
}

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    #[rpc(idempotent, subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, kind: String) -> Result<Streaming<u64>, ErrorObject>;

    async fn plain(&self) -> Result<Streaming<u64>, ErrorObject>;
}

#[rpc]
trait Chain {
    #[rpc(
        name = "chain_subscribeNewHead",
        subscription(notify_name = "chain_newHead", unsubscribe_name = "chain_unsubscribeNewHead")
    )]
    async fn heads(&self) -> Result<Streaming<u64>, ErrorObject>;
}

/// A peer that sends anything, and the handle to call it.
struct Scene {
    raw: Raw,
    peer: Peer,
    /// What a handler of `eth_subscription` gets.
    heard: mpsc::UnboundedReceiver<Value>,
}

impl Scene {
    fn side() -> (Side, mpsc::UnboundedReceiver<Value>) {
        let (hear, heard) = mpsc::unbounded_channel();
        let router = Router::new().notification("eth_subscription", move |_, params: Value| {
            let _ = hear.send(params); // a test that is over listens no more
            async {}
        });
        (
            Side::new(
                router.method("add", |_, (a, b): (u64, u64)| async move { Ok::<_, ErrorObject>(a + b) }),
            ),
            heard,
        )
    }

    async fn as_server() -> Self {
        let (side, heard) = Self::side();
        let (raw, peer) = Join::Memory.raw(None, side).await;
        Self { raw, peer, heard }
    }

    async fn as_client() -> Self {
        let (side, heard) = Self::side();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
        let accepting = async { Raw::accept(listener.accept().await.expect("a client").0).await };
        let (client, raw) = tokio::join!(side.client().connect(&url), accepting);
        Self { raw, peer: client.expect("it connects").peer().clone(), heard }
    }

    fn eth(&self) -> EthClient {
        self.peer.stub()
    }

    /// Sends items of a subscription with one write.
    async fn items(&mut self, id: &Value, items: impl IntoIterator<Item = u64>) {
        self.raw
            .send(items.into_iter().map(|item| notification("eth_subscription", id, "result", json!(item))))
            .await;
    }

    /// Subscribes, with an answer from the peer.
    async fn subscribed(&mut self, id: &Value) -> Streaming<u64> {
        let opening = tokio::spawn(self.eth().subscribe("heads".into()));
        let request = self.raw.json().await;
        assert_eq!((&request["method"], &request["params"]), (&json!("eth_subscribe"), &json!(["heads"])));
        self.raw.send([reply(&request, id)]).await;
        opening.await.expect("no panic").expect("it opens")
    }

    /// The peer hears that a subscription is over, and nothing else.
    async fn unsubscribed(&mut self, id: &Value) {
        let request = self.raw.json().await;
        assert_eq!((&request["method"], &request["params"]), (&json!("eth_unsubscribe"), &json!([id])));
        assert!(request["id"].is_u64(), "{request}");
        self.raw.send([reply(&request, &json!(true))]).await;
        self.quiet().await;
    }

    /// Nothing more is sent, and the connection goes on.
    async fn quiet(&mut self) {
        let answer = self.raw.ask(r#"{"jsonrpc":"2.0","id":"fence","method":"add","params":[1,2]}"#).await;
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "fence", "result": 3}));
        assert_eq!((self.peer.in_flight(), self.peer.unmatched_responses()), (0, 0));
    }
}

fn reply(request: &Value, result: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string()
}

fn notification(method: &str, id: &Value, member: &str, value: Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": {"subscription": id, member: value}}).to_string()
}

async fn items_come_whatever_the_id_is_and_dropping_unsubscribes_once(mut scene: Scene) {
    for id in [json!("0x9ce59a13059e417087c02d3236a0b1cc"), json!(7), json!("a\"\\\u{e9}"), json!(-1.5)] {
        let mut stream = scene.subscribed(&id).await;
        scene.items(&id, 0..3).await;
        for item in 0..3 {
            assert_eq!(stream.next().await, Some(Ok(item)));
        }
        drop(stream);
        scene.unsubscribed(&id).await;
    }
}

async fn items_before_the_reply_are_kept(mut scene: Scene) {
    let opening = tokio::spawn(scene.eth().subscribe("heads".into()));
    let request = scene.raw.json().await;
    let id = json!("0x1");
    scene.items(&id, 0..32).await;
    scene.raw.send([reply(&request, &id)]).await;
    scene.items(&id, 32..40).await;
    let mut stream = opening.await.expect("no panic").expect("it opens");
    for item in 0..40 {
        assert_eq!(stream.next().await, Some(Ok(item)));
    }
    drop(stream);
    scene.unsubscribed(&id).await;
}

async fn too_many_items_before_the_reply_end_the_subscription(mut scene: Scene) {
    let opening = tokio::spawn(scene.eth().subscribe("heads".into()));
    let request = scene.raw.json().await;
    let id = json!("0x1");
    scene.items(&id, 0..40).await;
    scene.raw.send([reply(&request, &id)]).await;
    let stream = opening.await.expect("no panic").expect("it opens");
    scene.unsubscribed(&id).await;
    let (items, end) = collect(stream).await;
    assert_eq!((items, end), ((0..32).collect(), Some(StreamError::Lagged { missed: 8 })));
    scene.quiet().await;
}

async fn the_oldest_are_dropped_if_that_is_wanted(mut scene: Scene) {
    let opening = tokio::spawn(scene.eth().subscribe("heads".into()).window(4, 1000).drop_oldest());
    let request = scene.raw.json().await;
    let id = json!("0x1");
    scene.items(&id, 0..40).await;
    scene.raw.send([reply(&request, &id)]).await;
    let mut stream = opening.await.expect("no panic").expect("it opens");
    assert_eq!(stream.next().await, Some(Ok(Update::Lagged { missed: 8 })));
    for item in 8..40 {
        assert_eq!(stream.next().await, Some(Ok(Update::Item(item))));
    }
    scene.items(&id, 40..50).await;
    scene.quiet().await;
    assert_eq!(stream.next().await, Some(Ok(Update::Lagged { missed: 6 })));
    assert_eq!(stream.next().await, Some(Ok(Update::Item(46))));
    drop(stream);
    scene.unsubscribed(&id).await;
}

async fn a_thousand_items_behind_the_reply_all_come(mut scene: Scene) {
    let opening = tokio::spawn(scene.eth().subscribe("heads".into()));
    let request = scene.raw.json().await;
    let id = json!(1);
    let items = (0..1000).map(|item| notification("eth_subscription", &id, "result", json!(item)));
    scene.raw.send([reply(&request, &id)].into_iter().chain(items)).await;
    let mut stream = opening.await.expect("no panic").expect("it opens");
    for item in 0..1000 {
        assert_eq!(stream.next().await, Some(Ok(item)));
    }
    drop(stream);
    scene.unsubscribed(&id).await;
}

async fn an_unread_subscription_ends_and_its_neighbours_go_on(mut scene: Scene) {
    let unread = scene.subscribed(&json!(1)).await;
    let mut read = scene.subscribed(&json!(2)).await;
    for round in 0..100 {
        scene.items(&json!(1), round * 100..(round + 1) * 100).await;
        scene.items(&json!(2), [round]).await;
        assert_eq!(read.next().await, Some(Ok(round)));
    }
    scene.unsubscribed(&json!(1)).await;
    let (items, end) = collect(unread).await;
    assert_eq!(items, Vec::from_iter(0..1024));
    assert!(matches!(end, Some(StreamError::Lagged { missed }) if missed >= 1), "{end:?}");
    drop(read);
    scene.unsubscribed(&json!(2)).await;
}

async fn an_error_ends_the_subscription_and_nobody_unsubscribes(mut scene: Scene) {
    let id = json!("0x1");
    for (error, code, message) in [
        (json!({"code": 7, "message": "after 2", "data": {"n": 2}}), 7, "after 2"),
        (json!("too slow"), -32000, "too slow"),
        (json!([1]), -32000, "the subscription has failed"),
    ] {
        let stream = scene.subscribed(&id).await;
        scene.items(&id, 0..2).await;
        scene.raw.send([notification("eth_subscription", &id, "error", error)]).await;
        let (items, end) = collect(stream).await;
        assert_eq!(items, [0, 1]);
        let Some(StreamError::Method(error)) = end else { panic!("{end:?}") };
        assert_eq!((error.code(), error.message()), (code, message));
        scene.quiet().await;
    }
}

async fn a_lost_connection_is_no_clean_end(mut scene: Scene) {
    let stream = scene.subscribed(&json!(1)).await;
    scene.items(&json!(1), 0..2).await;
    scene.quiet().await;
    scene.raw.close(4000, "maintenance").await;
    let (items, end) = collect(stream).await;
    assert_eq!(items, [0, 1]);
    assert!(matches!(&end, Some(StreamError::Disconnected { reason }) if reason.code == 4000), "{end:?}");
}

async fn a_refusal_and_a_result_that_is_no_id_open_nothing(mut scene: Scene) {
    let refused = json!({"code": 8, "message": "no such kind"});
    for (member, value) in
        [("error", refused), ("result", json!(null)), ("result", json!(true)), ("result", json!(["0x1"]))]
    {
        let opening = tokio::spawn(scene.eth().subscribe("heads".into()));
        let request = scene.raw.json().await;
        scene.items(&json!("0x1"), 0..3).await;
        scene.raw.send([json!({"jsonrpc": "2.0", "id": request["id"], member: value}).to_string()]).await;
        let outcome = opening.await.expect("no panic").map(drop);
        match member {
            "error" => assert!(matches!(&outcome, Err(CallError::Method(error)) if error.code() == 8)),
            _ => assert!(matches!(&outcome, Err(CallError::Undecodable(_))), "{outcome:?}"),
        }
        scene.quiet().await;
    }
    assert!(scene.heard.try_recv().is_err(), "they may have been of the call");
}

async fn a_call_that_is_given_up_unsubscribes_what_it_opens(mut scene: Scene) {
    for way in ["dropped", "timed out", "cancelled"] {
        let call = scene.eth().subscribe("heads".into());
        let call = if way == "timed out" { call.with_timeout(Duration::from_millis(1)) } else { call };
        let handle = call.handle();
        let opening = tokio::spawn(call);
        let request = scene.raw.json().await;
        match way {
            "dropped" => opening.abort(),
            "cancelled" => handle.cancel(),
            _ => {}
        }
        let outcome = opening.await.map(|outcome| outcome.map(drop));
        match way {
            "dropped" => assert!(outcome.is_err()),
            "cancelled" => assert_eq!(outcome.expect("no panic"), Err(CallError::Cancelled)),
            _ => assert_eq!(outcome.expect("no panic"), Err(CallError::TimedOut)),
        }
        let id = json!(way);
        scene.items(&id, 0..2).await;
        scene.raw.send([reply(&request, &id)]).await;
        scene.items(&id, 2..4).await;
        scene.unsubscribed(&id).await;
    }
    assert!(scene.heard.try_recv().is_err(), "they were of the calls");
}

async fn a_call_that_ends_by_an_error_without_an_id_leaves_nothing(mut scene: Scene) {
    let opening = tokio::spawn(scene.eth().subscribe("heads".into()));
    let request = scene.raw.json().await;
    let error = json!({"code": -32600, "message": "what?"});
    scene.raw.send([json!({"jsonrpc": "2.0", "error": error}).to_string()]).await;
    let outcome = opening.await.expect("no panic").map(drop);
    assert!(matches!(&outcome, Err(CallError::Rpc(error)) if error.code() == -32600), "{outcome:?}");
    // It was only a guess that the error was of this call.
    scene.items(&json!(1), 0..3).await;
    scene.raw.send([reply(&request, &json!(1))]).await;
    scene.unsubscribed(&json!(1)).await;
    assert!(scene.heard.try_recv().is_err());
    scene.items(&json!(1), [3]).await;
    assert_eq!(scene.heard.recv().await, Some(json!({"subscription": 1, "result": 3})), "it is nobody's");
}

async fn a_handle_ends_what_was_opened(mut scene: Scene) {
    let call = scene.eth().subscribe("heads".into());
    let handle = call.handle();
    let opening = tokio::spawn(call);
    let request = scene.raw.json().await;
    scene.raw.send([reply(&request, &json!(1))]).await;
    let stream = opening.await.expect("no panic").expect("it opens");
    handle.cancel();
    scene.unsubscribed(&json!(1)).await;
    assert_eq!(collect(stream).await, (vec![], Some(StreamError::Cancelled)));
    scene.quiet().await;
}

async fn an_item_of_another_type_ends_the_subscription(mut scene: Scene) {
    let stream = scene.subscribed(&json!(1)).await;
    scene.raw.send([notification("eth_subscription", &json!(1), "result", json!("no number"))]).await;
    let (items, end) = collect(stream).await;
    assert!(items.is_empty() && matches!(end, Some(StreamError::Undecodable(_))), "{end:?}");
    scene.unsubscribed(&json!(1)).await;

    let stream = scene.subscribed(&json!(2)).await;
    let params = json!({"subscription": 2});
    scene
        .raw
        .send([json!({"jsonrpc": "2.0", "method": "eth_subscription", "params": params}).to_string()])
        .await;
    scene.unsubscribed(&json!(2)).await;
    assert!(matches!(collect(stream).await.1, Some(StreamError::Undecodable(_))));
}

async fn two_methods_may_use_the_same_id(mut scene: Scene) {
    let mut eth = scene.subscribed(&json!(1)).await;
    let opening = tokio::spawn(scene.peer.stub::<ChainClient>().heads());
    let request = scene.raw.json().await;
    assert_eq!((&request["method"], request.get("params")), (&json!("chain_subscribeNewHead"), None));
    scene.raw.send([reply(&request, &json!(1))]).await;
    let mut heads = opening.await.expect("no panic").expect("it opens");
    scene.raw.send([notification("chain_newHead", &json!(1), "result", json!(5))]).await;
    scene.items(&json!(1), [6]).await;
    assert_eq!((eth.next().await, heads.next().await), (Some(Ok(6)), Some(Ok(5))));
    drop(heads);
    let request = scene.raw.json().await;
    assert_eq!((&request["method"], &request["params"]), (&json!("chain_unsubscribeNewHead"), &json!([1])));
    drop(eth);
    scene.unsubscribed(&json!(1)).await;
}

async fn an_id_of_another_subscription_is_refused(mut scene: Scene) {
    let mut first = scene.subscribed(&json!(1)).await;
    let opening = tokio::spawn(scene.eth().subscribe("heads".into()));
    let request = scene.raw.json().await;
    scene.raw.send([reply(&request, &json!(1))]).await;
    let outcome = opening.await.expect("no panic").map(drop);
    assert!(matches!(&outcome, Err(CallError::Undecodable(_))), "{outcome:?}");
    scene.items(&json!(1), [9]).await;
    assert_eq!(first.next().await, Some(Ok(9)));
    scene.quiet().await;
    drop(first);
    scene.unsubscribed(&json!(1)).await;
}

async fn notifications_of_others_reach_their_handler(mut scene: Scene) {
    scene.items(&json!(5), [1]).await;
    assert_eq!(scene.heard.recv().await, Some(json!({"subscription": 5, "result": 1})));
    let stream = scene.subscribed(&json!(1)).await;
    scene.items(&json!(5), [2]).await;
    assert_eq!(scene.heard.recv().await, Some(json!({"subscription": 5, "result": 2})));
    scene.items(&json!(1), [3]).await;
    scene.raw.send([r#"{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":[1]}}"#]).await;
    assert_eq!(scene.heard.recv().await, Some(json!({"subscription": [1]})));
    drop(stream);
    scene.unsubscribed(&json!(1)).await;
}

async fn notifications_in_a_batch_are_items(mut scene: Scene) {
    let mut stream = scene.subscribed(&json!(1)).await;
    let batch: Vec<Value> = (0..3)
        .map(|item| notification("eth_subscription", &json!(1), "result", json!(item)))
        .map(|text| serde_json::from_str(&text).expect("JSON"))
        .collect();
    scene.raw.send([json!(batch).to_string()]).await;
    for item in 0..3 {
        assert_eq!(stream.next().await, Some(Ok(item)));
    }
    scene.quiet().await;
    drop(stream);
    scene.unsubscribed(&json!(1)).await;
}

async fn an_idle_timeout_unsubscribes(mut scene: Scene) {
    let opening = tokio::spawn(scene.eth().subscribe("heads".into()).idle_timeout(Duration::from_millis(1)));
    let request = scene.raw.json().await;
    scene.raw.send([reply(&request, &json!(1))]).await;
    let stream = opening.await.expect("no panic").expect("it opens");
    assert_eq!(collect(stream).await, (vec![], Some(StreamError::TimedOut)));
    scene.unsubscribed(&json!(1)).await;
}

async fn a_method_without_a_form_is_not_called(mut scene: Scene) {
    let outcome = scene.eth().plain().await.map(drop);
    assert!(matches!(&outcome, Err(CallError::Unsendable(_))), "{outcome:?}");
    scene.quiet().await;
    // By name, with a form that is given.
    let form = SubscriptionForm::new("logs", "stop");
    let call = scene.peer.invoke::<Result<Streaming<String>, ErrorObject>>("start", [1]).subscription(&form);
    let opening = tokio::spawn(call);
    let request = scene.raw.json().await;
    scene.raw.send([notification("logs", &json!(0), "result", json!("a")), reply(&request, &json!(0))]).await;
    let mut stream = opening.await.expect("no panic").expect("it opens");
    assert_eq!(stream.next().await, Some(Ok("a".to_owned())));
    drop(stream);
    assert_eq!(scene.raw.json().await["method"], "stop");
}

/// A handler that subscribes at its caller, and is cancelled, leaves nothing there.
#[tokio::test]
async fn a_handler_that_ends_unsubscribes() {
    bounded(async {
        let (started, mut starts) = mpsc::unbounded_channel();
        let watch = move |cx: birpc::Context, _: NoParams| {
            let started = started.clone();
            async move {
                let mut stream = cx.stub::<EthClient>().subscribe("heads".into()).await?;
                while let Some(Ok(item)) = stream.next().await {
                    let _ = started.send(item);
                }
                Ok::<_, ErrorObject>(())
            }
        };
        let side = Side::new(Router::new().method("watch", watch));
        let side = side.config(|config| config.dialect = birpc::Dialect::lsp());
        let (mut raw, peer) = Join::Memory.raw(None, side).await;
        raw.send([r#"{"jsonrpc":"2.0","id":"w","method":"watch"}"#]).await;
        let request = raw.json().await;
        raw.send([
            reply(&request, &json!(1)),
            notification("eth_subscription", &json!(1), "result", json!(4)),
        ])
        .await;
        assert_eq!(starts.recv().await, Some(4));
        raw.send([r#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"w"}}"#]).await;
        let mut heard = [raw.json().await, raw.json().await];
        heard.sort_by_key(|message| message["method"].is_null());
        assert_eq!((&heard[0]["method"], &heard[0]["params"]), (&json!("eth_unsubscribe"), &json!([1])));
        assert_eq!(heard[1]["error"]["code"], -32800);
        assert_eq!(peer.in_flight(), 0);
    })
    .await;
}

/// The same stub, and a peer that speaks `birpc.v1`.
#[tokio::test]
async fn the_same_stub_has_streams_of_a_peer_that_speaks_birpc() {
    struct Node;
    impl Eth for Node {
        async fn subscribe(&self, kind: String) -> Result<Streaming<u64>, ErrorObject> {
            Ok(Streaming::from_iter(0..kind.len() as u64))
        }

        async fn plain(&self) -> Result<Streaming<u64>, ErrorObject> {
            Ok(Streaming::empty())
        }
    }
    let pair = Join::Memory.peers(Side::default(), Side::new(EthServer::new(Node))).await;
    let eth: EthClient = pair.client.stub();
    assert_eq!(
        collect(eth.subscribe("heads".into()).await.expect("it opens")).await,
        ((0..5).collect(), None)
    );
    let mut updates = eth.subscribe("abc".into()).drop_oldest().await.expect("it opens");
    for item in 0..3 {
        assert_eq!(updates.next().await, Some(Ok(Update::Item(item))));
    }
    assert_eq!(updates.next().await, None);
}

/// A client that no longer needs its connection still says what it has left.
#[tokio::test]
async fn the_last_handle_that_goes_unsubscribes_before_the_close() {
    bounded(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
        let accepting = async { Raw::accept(listener.accept().await.expect("a client").0).await };
        let (client, mut raw) = tokio::join!(Client::connect(&url), accepting);
        let eth: EthClient = client.expect("it connects").stub();
        let opening = tokio::spawn(eth.subscribe("heads".into()));
        drop(eth);
        let request = raw.json().await;
        raw.send([reply(&request, &json!(1))]).await;
        let mut stream = opening.await.expect("no panic").expect("it opens");
        raw.send([notification("eth_subscription", &json!(1), "result", json!(4))]).await;
        assert_eq!(stream.next().await, Some(Ok(4)), "the stream keeps the connection open");
        drop(stream);
        assert_eq!(raw.json().await["method"], "eth_unsubscribe");
        assert!(matches!(raw.hear().await, crate::support::Heard::Close(1000, _)));
    })
    .await;
}
