//! The inspector: who may see it, what it shows, and that nothing is left of it.

mod access;
mod calls;
mod groups;
mod log;
mod traces;

use std::net::SocketAddr;
use std::time::Duration;

use birpc::inspector::{Inspector, InspectorBuilder};
use birpc::{Client, Context, ErrorObject, IntoRouter, Router, Server, ServerHandle, StreamError, Streaming};
use serde_json::{Value, json};

use crate::support::bounded;

/// A server, and an inspector for it.
struct Inspected {
    server: ServerHandle,
    address: SocketAddr,
    page: SocketAddr,
    url: String,
}

impl Inspected {
    async fn serve(router: impl IntoRouter) -> Self {
        Self::with(router, |inspector| inspector).await
    }

    async fn with(router: impl IntoRouter, set: impl FnOnce(InspectorBuilder) -> InspectorBuilder) -> Self {
        let server = Server::bind("127.0.0.1:0").await.expect("a free port");
        let (handle, address) = (server.handle(), server.local_addr().expect("it is bound"));
        let inspector = set(Inspector::of(&handle)).bind("127.0.0.1:0").await.expect("a free port");
        let (page, url) = (inspector.local_addr(), inspector.url());
        tokio::spawn(server.serve(router));
        tokio::spawn(inspector.serve());
        Self { server: handle, address, page, url }
    }

    /// A client of the server.
    async fn client(&self) -> Client {
        Client::connect(&format!("ws://{}/", self.address)).await.expect("it listens")
    }

    /// Waits until a call of a peer is open.
    async fn serves_a_call(&self) {
        bounded(async {
            while self.server.peers().list().iter().all(|peer| peer.serving() == 0) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// What a page's script is.
    async fn page(&self) -> Client {
        Client::connect(&self.url.replacen("http", "ws", 1)).await.expect("the token is right")
    }
}

type Items = Streaming<Value>;

async fn stream(page: &Client, method: &str, params: impl serde::Serialize) -> Items {
    let call = page.peer().invoke::<Result<Items, ErrorObject>>(method, params);
    bounded(call).await.expect("a stream")
}

async fn next(items: &mut Items) -> Value {
    let item: Option<Result<Value, StreamError>> = bounded(items.next()).await;
    item.expect("it goes on").expect("an item")
}

/// The first sample that has what is wanted.
async fn sample(samples: &mut Items, is_wanted: impl Fn(&Value) -> bool) -> Value {
    bounded(async {
        loop {
            let sample = next(samples).await;
            if is_wanted(&sample) {
                return sample;
            }
        }
    })
    .await
}

fn router() -> Router {
    Router::new()
        .method("add", |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) })
        .method("fail", |_: Context, (): ()| async { Err::<(), _>(ErrorObject::new(7, "no")) })
        .method("wait", |_: Context, (): ()| std::future::pending::<Result<(), ErrorObject>>())
        .method("echo", |_: Context, params: Value| async { Ok::<_, ErrorObject>(params) })
}

/// The row of a method in a sample.
fn row<'a>(sample: &'a Value, method: &str, served: bool) -> &'a Value {
    let rows = sample["methods"].as_array().expect("rows");
    rows.iter().find(|row| row["name"] == method && row["served"] == served).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn samples_count_calls_and_errors_of_both_directions() {
    let inspected = Inspected::serve(router()).await;
    let client = inspected.client().await;
    let page = inspected.page().await;
    let mut samples = stream(&page, "inspector.samples", ()).await;
    next(&mut samples).await;
    for n in 0..20 {
        client.peer().call::<i64>("add", (n, 1)).await.expect("a sum");
    }
    client.peer().call::<()>("fail", ()).await.expect_err("it fails");
    client.peer().call::<()>("none", ()).await.expect_err("there is none");
    let peer = inspected.server.peers().list().remove(0);
    peer.call::<()>("theirs", ()).await.expect_err("the client serves nothing");

    let seen = |sample: &Value| row(sample, "theirs", false)["calls_total"] == 1;
    let sample = sample(&mut samples, seen).await;
    let add = row(&sample, "add", true);
    assert_eq!((&add["calls_total"], &add["failed_total"]), (&json!(20), &json!(0)), "{sample}");
    assert_eq!(row(&sample, "fail", true)["failed_total"], 1);
    assert_eq!(row(&sample, "(unknown)", true)["failed_total"], 1);
    assert_eq!((&sample["peers"], &sample["serving"]), (&json!(1), &json!(0)));
    let codes: Vec<_> = sample["errors"].as_array().expect("errors").iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, [&json!(7), &json!(-32601), &json!(-32601)], "{sample}");
    let limits = sample["limits"].as_array().expect("limits");
    let connections = limits.iter().find(|limit| limit["name"] == "max_connections").expect("a row");
    assert_eq!((&connections["used"], &connections["limit"]), (&json!(1), &json!(10_000)));
}

/// A call that hangs is often the reason why somebody opens the inspector.
#[tokio::test]
async fn calls_that_began_before_are_shown_with_their_age() {
    let inspected = Inspected::serve(router()).await;
    let client = inspected.client().await;
    let call = tokio::spawn(client.peer().call::<()>("wait", ()));
    inspected.serves_a_call().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::resume();
    let page = inspected.page().await;
    let mut samples = stream(&page, "inspector.samples", ()).await;
    let sample = sample(&mut samples, |sample| sample["oldest"] != json!([])).await;
    let oldest = &sample["oldest"][0];
    assert_eq!((&oldest["method"], &oldest["state"]), (&json!("wait"), &json!("runs")), "{sample}");
    assert!(oldest["age_ms"].as_u64() >= Some(5000) && oldest["id"].is_string(), "{sample}");
    call.abort();
}

#[tokio::test]
async fn peers_are_filtered_sorted_and_shown_in_parts() {
    struct User(String);
    let named = |inspector: InspectorBuilder| {
        inspector.user(|peer| match peer.get::<User>()?.0.as_str() {
            "rude" => panic!("the application's function"),
            name => Some(name.to_owned()),
        })
    };
    let inspected = Inspected::with(router(), named).await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(inspected.client().await);
    }
    let mut peers = inspected.server.peers().list();
    peers.sort_by_key(|peer| peer.id());
    peers[3].insert(User("ada".into()));
    peers[4].insert(User("rude".into()));
    let page = inspected.page().await;
    let ask = async |query: Value| {
        let answer = page.peer().call::<Value>("inspector.peers", [query]).await.expect("an answer");
        let ids =
            answer["peers"].as_array().expect("rows").iter().map(|row| row["id"].as_u64().expect("an id"));
        (answer["matching"].clone(), ids.collect::<Vec<_>>(), answer["peers"][0].clone())
    };
    let id = |index: usize| peers[index].id().get();
    let (matching, ids, first) = ask(json!({"take": 3, "skip": 1})).await;
    assert_eq!((matching, ids), (json!(12), vec![id(1), id(2), id(3)]));
    assert_eq!((&first["subprotocol"], &first["state"]), (&json!("birpc.v1"), &json!("open")), "{first}");
    assert_eq!(ask(json!({"take": 2, "descending": true})).await.1, [id(11), id(10)]);
    let (matching, ids, ada) = ask(json!({"take": 9, "filter": "ADA"})).await;
    assert_eq!((matching, ids, &ada["user"]), (json!(1), vec![id(3)], &json!("ada")));
    assert_eq!(ask(json!({"take": usize::MAX, "skip": usize::MAX})).await.1, [0; 0]);
    assert_eq!(ask(json!({"only": id(5), "take": 1})).await.1, [id(5)]);
    assert_eq!(ask(json!({"take": 500})).await.1.len(), 12);
}

#[tokio::test]
async fn peers_are_called_and_closed_only_if_the_application_allows_it() {
    let inspected = Inspected::serve(router()).await;
    let client = inspected.client().await;
    let id = inspected.server.peers().list()[0].id();
    let page = inspected.page().await;
    let refused = page.peer().call::<Value>("inspector.call", (id, "ask", ())).await.expect_err("off");
    assert!(refused.to_string().contains("allow_calls"), "{refused}");
    page.peer().call::<Value>("inspector.close", [id]).await.expect_err("off");

    let contract = r#"{"x-client":{"methods":[]}}"#;
    let allowed = Inspected::with(router(), |inspector| inspector.allow_calls().contract(contract)).await;
    let far = Client::builder().serve(router()).connect(&format!("ws://{}/", allowed.address)).await;
    let far = far.expect("it listens");
    let id = allowed.server.peers().list()[0].id();
    let page = allowed.page().await;
    let sum = page.peer().call::<Value>("inspector.call", (id, "add", [1, 2])).await;
    assert_eq!(sum, Ok(json!(3)));
    let failed = page.peer().call::<Value>("inspector.call", (id, "fail", ())).await.expect_err("it fails");
    assert!(failed.to_string().contains('7'), "{failed}");
    page.peer().call::<Value>("inspector.notify", (id, "told", ())).await.expect("it is sent");
    let about = page.peer().call::<Value>("inspector.about", ()).await.expect("an answer");
    assert_eq!((&about["calls"], &about["contract"]["x-client"]), (&json!(true), &json!({"methods": []})));
    page.peer().call::<Value>("inspector.close", [id]).await.expect("it is closed");
    assert_eq!(bounded(far.closed()).await.code, 1000);
    page.peer().call::<Value>("inspector.close", [id]).await.expect_err("it is gone");
    drop(client);
}

#[tokio::test]
async fn a_contract_that_is_not_json_is_refused() {
    let server = Server::bind("127.0.0.1:0").await.expect("a free port");
    for text in ["", "{", "nonsense", &format!("\"{}\"", "x".repeat(3 << 20))] {
        let bound = Inspector::of(&server.handle()).contract(text).bind("127.0.0.1:0").await;
        assert!(matches!(bound, Err(birpc::inspector::InspectError::Contract(_))), "{bound:?}");
    }
}
