//! The server and the stub that `#[rpc]` generates, and the wire between them.

use std::time::Duration;

use birpc::{CallError, Context, ErrorObject, Peer, Router, rpc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Join, Raw, Side, over_both};

over_both! {
    names_on_the_wire_are_those_that_were_given
    params_are_taken_by_position_and_by_name
    a_single_parameter_is_the_whole_of_params
    parameters_may_have_any_name
    a_trait_may_be_generic
    a_default_body_is_served
    notifications_travel_both_ways
}

/// A `Result` that does not look like one.
type Answer<T> = std::result::Result<T, ErrorObject>;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
}

mod documented {
    #![deny(missing_docs, unreachable_pub, unused_qualifications)]
    //! Lints apply to the generated code too.

    use super::{Answer, Context, Open, rpc};

    /// All forms of a method.
    #[rpc(namespace = "doc", separator = "/")]
    pub(crate) trait Document {
        /// A method with a doc comment.
        async fn plain(&self, a: i64, b: Option<i64>) -> Answer<i64>;
        #[doc = "Another name altogether."]
        #[rpc(name = "$/renamed", aliases = ["old", "older"])]
        async fn renamed(&self) -> Answer<String>;
        /// By name.
        #[rpc(params = "named")]
        async fn named(
            &self,
            cx: &Context,
            a: i64,
            #[rpc(name = "type")] kind: Option<String>,
        ) -> Answer<String>;
        /// The whole params.
        #[rpc(params = "single")]
        async fn open(&self, params: Open) -> Answer<Open>;
        /// Raw identifiers.
        async fn r#match(&self, r#in: u8, r#type: u8) -> Answer<u8>;
        /// Names that the expansion also uses.
        #[allow(clippy::too_many_arguments)]
        async fn hygiene(
            &self,
            context: &Context,
            this: u8,
            cx: u8,
            routes: u8,
            service: u8,
            router: u8,
            peer: u8,
            params: u8,
            error: u8,
        ) -> Answer<Vec<u8>>;
        /// Never there.
        #[cfg(any())]
        async fn absent(&self, missing: NoSuchType) -> Answer<()>;
        /// Always there.
        #[cfg(test)]
        async fn present(&self) -> Answer<bool>;
        /// Has a body.
        async fn default(&self, cx: &Context, a: i64) -> Answer<i64> {
            let sum = self.plain(a, Some(1)).await?;
            Ok(sum + i64::from(cx.id().is_none()))
        }
    }
}
use documented::{Document, DocumentClient, DocumentServer};

struct Docs;

impl Document for Docs {
    async fn plain(&self, a: i64, b: Option<i64>) -> Answer<i64> {
        Ok(a + b.unwrap_or(100))
    }

    async fn renamed(&self) -> Answer<String> {
        Ok("renamed".into())
    }

    async fn named(&self, cx: &Context, a: i64, kind: Option<String>) -> Answer<String> {
        Ok(format!("{} {a} {kind:?}", cx.method()))
    }

    async fn open(&self, params: Open) -> Answer<Open> {
        Ok(params)
    }

    async fn r#match(&self, r#in: u8, r#type: u8) -> Answer<u8> {
        Ok(r#in * r#type)
    }

    async fn hygiene(
        &self,
        _: &Context,
        this: u8,
        cx: u8,
        routes: u8,
        service: u8,
        router: u8,
        peer: u8,
        params: u8,
        error: u8,
    ) -> Answer<Vec<u8>> {
        Ok(vec![this, cx, routes, service, router, peer, params, error])
    }

    async fn present(&self) -> Answer<bool> {
        Ok(true)
    }
}

fn docs() -> Side {
    Side::new(Router::new().service(DocumentServer::new(Docs)))
}

async fn stub(join_by: Join) -> (DocumentClient, crate::support::Pair) {
    let pair = join_by.peers(Side::default(), docs()).await;
    (pair.client.stub(), pair)
}

/// Answers what the stub sends with a result of the test's. Returns both.
async fn sent<T>(raw: &mut Raw, call: impl Future<Output = T>, result: Value) -> (Value, T) {
    let answer = async {
        let mut request = raw.json().await;
        let id = request["id"].take();
        raw.send([json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string()]).await;
        request
    };
    tokio::join!(answer, call)
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params, "id": null})
}

async fn names_on_the_wire_are_those_that_were_given(join_by: Join) {
    let methods = Router::new().service(DocumentServer::new(Docs));
    let mut methods: Vec<_> = methods.methods().collect();
    methods.sort_unstable();
    let expected = [
        "$/renamed",
        "doc/default",
        "doc/hygiene",
        "doc/match",
        "doc/named",
        "doc/open",
        "doc/plain",
        "doc/present",
        "old",
        "older",
    ];
    assert_eq!(methods, expected);
    let (stub, pair) = stub(join_by).await;
    for name in ["$/renamed", "old", "older"] {
        assert_eq!(pair.client.call::<String>(name, ()).await, Ok("renamed".to_owned()));
    }
    assert_eq!(crate::support::code(&pair.client.call::<()>("doc/renamed", ()).await), -32601);
    assert_eq!(stub.renamed().await, Ok("renamed".to_owned()));
    assert_eq!(stub.present().await, Ok(true));
    assert_eq!(stub.r#match(6, 7).await, Ok(42));
}

async fn params_are_taken_by_position_and_by_name(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, docs()).await;
    for (params, sum) in [
        (json!([1, 2]), 3),
        (json!([1]), 101),
        (json!([1, null]), 101),
        (json!({"b": 2, "a": 1}), 3),
        (json!({"a": 1, "unknown": 5}), 101),
    ] {
        let call = json!({"jsonrpc": "2.0", "method": "doc/plain", "params": params, "id": 1});
        assert_eq!(raw.ask(&call.to_string()).await["result"], sum, "{call}");
    }
    let stub: DocumentClient = peer.stub();
    let (got, result) = sent(&mut raw, stub.plain(1, None), json!(5)).await;
    assert_eq!((got, result), (request("doc/plain", json!([1])), Ok(5)));
    let (got, _) = sent(&mut raw, stub.named(1, Some("x".into())), json!("y")).await;
    assert_eq!(got, request("doc/named", json!({"a": 1, "type": "x"})));
    let (got, _) = sent(&mut raw, stub.r#match(1, 2), json!(2)).await;
    assert_eq!(got, request("doc/match", json!([1, 2])));
    let (got, _) = sent(&mut raw, stub.renamed(), json!("")).await;
    assert_eq!(got, json!({"jsonrpc": "2.0", "method": "$/renamed", "id": null}));
    let by_raw_name =
        json!({"jsonrpc": "2.0", "method": "doc/match", "params": {"in": 6, "type": 7}, "id": 1});
    assert_eq!(raw.ask(&by_raw_name.to_string()).await["result"], 42);
}

async fn a_single_parameter_is_the_whole_of_params(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, docs()).await;
    let open = Open { uri: "file:///a".into(), version: None };
    let stub: DocumentClient = peer.stub();
    let (got, result) = sent(&mut raw, stub.open(open), json!({"uri": "b", "version": 2})).await;
    assert_eq!(got, request("doc/open", json!({"uri": "file:///a"})));
    assert_eq!(result, Ok(Open { uri: "b".into(), version: Some(2) }));
    let call = json!({"jsonrpc": "2.0", "method": "doc/open", "params": {"uri": "c"}, "id": 1});
    assert_eq!(raw.ask(&call.to_string()).await["result"], json!({"uri": "c"}));
}

async fn parameters_may_have_any_name(join_by: Join) {
    let (stub, _pair) = stub(join_by).await;
    assert_eq!(stub.hygiene(1, 2, 3, 4, 5, 6, 7, 8).await, Ok(vec![1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(stub.named(1, None).await, Ok("doc/named 1 None".to_owned()));
    let bounded = stub.clone().with_timeout(Duration::from_secs(60));
    assert_eq!(bounded.peer(), stub.peer());
    assert_eq!(bounded.plain(1, Some(2)).await, Ok(3));
}

#[rpc(namespace = "store")]
trait Store<K, V = String>
where
    K: Clone,
{
    async fn put(&self, key: K, value: V) -> Answer<(K, V)>;
}

struct Mirror;

impl Store<u8, bool> for Mirror {
    async fn put(&self, key: u8, value: bool) -> Answer<(u8, bool)> {
        Ok((key, value))
    }
}

impl Store<Vec<String>> for Mirror {
    async fn put(&self, key: Vec<String>, value: String) -> Answer<(Vec<String>, String)> {
        Ok((key, value))
    }
}

async fn a_trait_may_be_generic(join_by: Join) {
    let small = Router::new().service(StoreServer::<_, u8, bool>::new(Mirror));
    let large = Router::new().service(StoreServer::<_, Vec<String>>::from_arc(Mirror.into()));
    let pair = join_by.peers(Side::new(large), Side::new(small)).await;
    let small: StoreClient<u8, bool> = pair.client.stub();
    assert_eq!(small.put(1, true).await, Ok((1, true)));
    let large: StoreClient<Vec<String>> = pair.server.stub();
    assert_eq!(large.put(vec!["k".into()], "v".into()).await, Ok((vec!["k".into()], "v".into())));
    assert!(matches!(small.put(1, true).notify().await, Ok(())), "a request may be sent as a notification");
}

async fn a_default_body_is_served(join_by: Join) {
    let (stub, _pair) = stub(join_by).await;
    assert_eq!(stub.default(41).await, Ok(42));
}

#[rpc]
trait Ears {
    #[rpc(notification)]
    async fn heard(&self, cx: &Context, line: String, loud: Option<bool>);
}

struct Echo;

impl Ears for Echo {
    async fn heard(&self, cx: &Context, line: String, loud: Option<bool>) {
        let back: EarsClient = cx.stub();
        if loud.is_none() {
            back.heard(line, Some(true)).await.expect("the caller is there");
        }
    }
}

async fn notifications_travel_both_ways(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::new(Router::new().service(EarsServer::new(Echo)))).await;
    raw.send([r#"{"jsonrpc":"2.0","method":"heard","params":{"line":"a"}}"#]).await;
    let echo = json!({"jsonrpc": "2.0", "method": "heard", "params": ["a", true]});
    assert_eq!(raw.json().await, echo);
    // If it is sent as a request, it is answered with null.
    let asked = r#"{"jsonrpc":"2.0","method":"heard","params":["b",false],"id":1}"#;
    assert_eq!(raw.ask(asked).await, json!({"jsonrpc": "2.0", "id": 1, "result": null}));
    let stub: EarsClient = Peer::stub(&peer);
    stub.heard("c".into(), None).await.expect("a peer");
    assert_eq!(raw.json().await["params"], json!(["c"]));
    let outcome: Result<(), CallError> = stub.heard("x".repeat(2 << 20), None).await;
    assert!(matches!(outcome, Err(CallError::Unsendable(_))));
}
