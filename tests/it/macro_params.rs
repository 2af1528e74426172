//! How a stub sends the parameters of a method, and what a server uses for missing ones.

use std::future::Future;

use birpc::{CallError, ErrorObject, Peer, Router, rpc};
use serde_json::{Value, json};

use crate::support::{Join, Raw, Side, bounded};

type Answer<T> = Result<T, ErrorObject>;

#[rpc]
trait Search {
    async fn find(&self, a: Option<u8>, b: Option<String>, c: Option<bool>) -> Answer<()>;
    #[rpc(params = "named")]
    async fn look(&self, a: Option<u8>, b: String, c: Option<bool>) -> Answer<()>;
    #[rpc(params = "named")]
    async fn nothing(&self) -> Answer<()>;
    #[rpc(params = "named", notification)]
    async fn told_nothing(&self);
    #[rpc(null)]
    async fn all_null(&self, a: Option<u8>, b: Option<u8>) -> Answer<()>;
    async fn one_null(&self, #[rpc(null)] a: Option<u8>, b: Option<u8>) -> Answer<()>;
    #[rpc(params = "named")]
    async fn named_null(&self, #[rpc(null)] a: Option<u8>, b: Option<u8>) -> Answer<()>;
    async fn not_an_option(&self, a: Value, b: f64, c: ()) -> Answer<()>;
    #[rpc(notification)]
    async fn told(&self, a: u8, b: Option<u8>);
}

#[rpc(null)]
trait Nulls {
    async fn browse(&self, uri: Option<String>) -> Answer<()>;
    #[rpc(params = "named")]
    async fn look(&self, uri: Option<String>) -> Answer<()>;
}

/// The params that a stub sends; `None` if it sends none.
async fn params<T>(raw: &mut Raw, call: impl Future<Output = T>) -> Option<Value> {
    let heard = async {
        let request = raw.json().await;
        if let Some(id) = request.get("id") {
            raw.send([json!({"jsonrpc": "2.0", "id": id, "result": null}).to_string()]).await;
        }
        request.get("params").cloned()
    };
    bounded(async { tokio::join!(heard, call).0 }).await
}

async fn stub() -> (Raw, Peer) {
    Join::Memory.raw(None, Side::default()).await
}

#[tokio::test]
async fn none_at_the_end_is_left_out_by_position() {
    let (mut raw, peer) = stub().await;
    let search: SearchClient = peer.stub();
    let b = || Some("b".to_owned());
    assert_eq!(params(&mut raw, search.find(Some(1), b(), Some(true))).await, Some(json!([1, "b", true])));
    assert_eq!(params(&mut raw, search.find(Some(1), b(), None)).await, Some(json!([1, "b"])));
    assert_eq!(params(&mut raw, search.find(None, b(), None)).await, Some(json!([null, "b"])));
    assert_eq!(params(&mut raw, search.find(None, None, Some(true))).await, Some(json!([null, null, true])));
    assert_eq!(params(&mut raw, search.find(None, None, None)).await, Some(json!([])));
    assert_eq!(params(&mut raw, search.told(1, None)).await, Some(json!([1])));
    // A null that is not a `None` was meant to be null.
    let call = search.not_an_option(Value::Null, 0.5, ());
    assert_eq!(params(&mut raw, call).await, Some(json!([null, 0.5, null])));
}

#[tokio::test]
async fn none_is_left_out_by_name() {
    let (mut raw, peer) = stub().await;
    let search: SearchClient = peer.stub();
    let call = search.look(None, "b".into(), Some(false));
    assert_eq!(params(&mut raw, call).await, Some(json!({"b": "b", "c": false})));
    assert_eq!(
        params(&mut raw, search.look(Some(1), String::new(), None)).await,
        Some(json!({"a": 1, "b": ""}))
    );
}

#[tokio::test]
async fn no_parameters_by_name_are_an_empty_object() {
    let (mut raw, peer) = stub().await;
    let search: SearchClient = peer.stub();
    assert_eq!(params(&mut raw, search.nothing()).await, Some(json!({})));
    assert_eq!(params(&mut raw, search.told_nothing()).await, Some(json!({})));
    let mut batch = search.batch();
    let call = batch.nothing();
    let heard = async {
        let requests = raw.json().await;
        let reply = json!({"jsonrpc": "2.0", "id": requests[0]["id"], "result": null});
        raw.send([json!([reply]).to_string()]).await;
        requests[0]["params"].clone()
    };
    let sent = bounded(async { tokio::join!(heard, async { batch.send().await.and(call.await) }) }).await;
    assert_eq!(sent, (json!({}), Ok(())));
}

#[tokio::test]
async fn none_is_null_for_a_peer_that_wants_it() {
    let (mut raw, peer) = stub().await;
    let (search, nulls): (SearchClient, NullsClient) = (peer.stub(), peer.stub());
    assert_eq!(params(&mut raw, search.all_null(None, None)).await, Some(json!([null, null])));
    assert_eq!(params(&mut raw, search.one_null(None, None)).await, Some(json!([null])));
    assert_eq!(params(&mut raw, search.one_null(Some(1), Some(2))).await, Some(json!([1, 2])));
    assert_eq!(params(&mut raw, search.named_null(None, None)).await, Some(json!({"a": null})));
    assert_eq!(params(&mut raw, nulls.browse(None)).await, Some(json!([null])));
    assert_eq!(params(&mut raw, nulls.look(None)).await, Some(json!({"uri": null})));
}

#[tokio::test]
async fn params_without_a_trait_are_sent_as_serde_writes_them() {
    let (mut raw, peer) = stub().await;
    assert_eq!(params(&mut raw, peer.call::<()>("m", (1, None::<u8>))).await, Some(json!([1, null])));
    assert_eq!(params(&mut raw, peer.call::<()>("m", None::<u8>)).await, None);
}

mod defaults {
    pub(super) fn limit() -> u32 {
        100
    }
}

#[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Page {
    size: u32,
}

#[rpc]
trait Paged {
    async fn list(
        &self,
        name: String,
        #[rpc(default = defaults::limit)] limit: u32,
        #[serde(default)] page: Page,
        #[serde(default = "defaults::limit")] most: u32,
    ) -> Answer<(String, u32, u32, u32)>;
    #[rpc(params = "single")]
    async fn single(&self, #[rpc(default)] page: Page) -> Answer<Page>;
    #[rpc(blocking)]
    fn blocks(&self, #[rpc(default)] number: u32) -> Answer<u32>;
}

struct Pages;

impl Paged for Pages {
    async fn list(&self, name: String, limit: u32, page: Page, most: u32) -> Answer<(String, u32, u32, u32)> {
        Ok((name, limit, page.size, most))
    }

    async fn single(&self, page: Page) -> Answer<Page> {
        Ok(page)
    }

    fn blocks(&self, number: u32) -> Answer<u32> {
        Ok(number)
    }
}

#[tokio::test]
async fn a_parameter_with_a_default_may_be_missing() {
    let pages = || Side::new(Router::new().service(PagedServer::new(Pages)));
    let pair = Join::Memory.peers(Side::default(), pages()).await;
    let peer = pair.client;
    for (params, result) in [
        (json!(["a"]), json!(["a", 100, 0, 100])),
        (json!(["a", 1]), json!(["a", 1, 0, 100])),
        (json!(["a", 1, {"size": 2}, 3]), json!(["a", 1, 2, 3])),
        (json!({"name": "a"}), json!(["a", 100, 0, 100])),
        (json!({"most": 3, "name": "a", "page": {"size": 2}}), json!(["a", 100, 2, 3])),
    ] {
        assert_eq!(bounded(peer.call::<Value>("list", &params)).await, Ok(result), "{params}");
    }
    // As with serde: null is not missing, and a value must be valid.
    for params in [json!(["a", null]), json!({"name": "a", "limit": null}), json!(["a", "x"]), json!([])] {
        let refused = bounded(peer.call::<Value>("list", &params)).await;
        assert!(
            matches!(&refused, Err(CallError::Rpc(error)) if error.code() == -32602),
            "{params}: {refused:?}"
        );
    }
    assert_eq!(bounded(peer.call::<Value>("single", ())).await, Ok(json!({"size": 0})));
    assert_eq!(bounded(peer.call::<u32>("blocks", ())).await, Ok(0));
    let stub: PagedClient = peer.stub();
    assert_eq!(bounded(stub.list("b".into(), 1, Page { size: 2 }, 3)).await, Ok(("b".into(), 1, 2, 3)));
    assert_eq!(bounded(stub.single(Page { size: 5 })).await, Ok(Page { size: 5 }));
    assert_eq!(bounded(stub.blocks(5)).await, Ok(5));
}
