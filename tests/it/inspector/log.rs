//! The log of a peer's messages, in which no secret is.

use birpc::{Client, ErrorObject, Router, Streaming, rpc};
use serde_json::{Value, json};

use super::{Inspected, Items, next, router, stream};
use crate::support::{Raw, bounded};

#[rpc(namespace = "door")]
trait Door {
    async fn enter(&self, user: String, #[rpc(sensitive)] pin: String) -> Result<bool, ErrorObject>;
    #[rpc(sensitive)]
    async fn read(&self, key: String) -> Result<String, ErrorObject>;
    #[rpc(sensitive)]
    async fn watch(&self) -> Result<Streaming<String>, ErrorObject>;
    async fn put(&self, name: String, #[rpc(sensitive)] lines: Streaming<String>)
    -> Result<u64, ErrorObject>;
}

struct Open(tokio::sync::watch::Receiver<bool>);

impl Door for Open {
    async fn enter(&self, _user: String, _pin: String) -> Result<bool, ErrorObject> {
        Ok(true)
    }

    async fn read(&self, _key: String) -> Result<String, ErrorObject> {
        let _ = self.0.clone().wait_for(|open| *open).await;
        Ok("hunter2".into())
    }

    async fn watch(&self) -> Result<Streaming<String>, ErrorObject> {
        Ok(Streaming::from_iter(["hunter2".to_owned(), "hunter2 again".to_owned()]))
    }

    async fn put(&self, _name: String, mut lines: Streaming<String>) -> Result<u64, ErrorObject> {
        let mut count = 0;
        while let Some(Ok(_)) = lines.next().await {
            count += 1;
        }
        Ok(count)
    }
}

fn door() -> (Router, tokio::sync::watch::Sender<bool>) {
    let (open, opened) = tokio::sync::watch::channel(true);
    (router().service(DoorServer::new(Open(opened))), open)
}

/// The messages of the only peer of a server.
async fn messages(inspected: &Inspected, page: &Client) -> Items {
    let id = inspected.server.peers().list()[0].id();
    stream(page, "inspector.messages", [id]).await
}

/// The texts of the log until one contains `last`.
async fn texts(log: &mut Items, last: &str) -> Vec<String> {
    let mut texts = Vec::new();
    bounded(async {
        while !texts.last().is_some_and(|text: &String| text.contains(last)) {
            texts.push(next(log).await.to_string());
        }
    })
    .await;
    texts
}

#[tokio::test]
async fn secrets_are_replaced_wherever_they_are() {
    let (router, _open) = door();
    let inspected = Inspected::serve(router).await;
    let client = inspected.client().await;
    let page = inspected.page().await;
    let mut log = messages(&inspected, &page).await;

    let door: DoorClient = client.peer().stub();
    door.enter("ann".into(), "hunter2".into()).await.expect("a result");
    assert_eq!(door.read("hunter2".into()).await, Ok("hunter2".into()));
    let mut batch = door.batch();
    let (entered, read) = (batch.enter("ann".into(), "hunter2".into()), batch.read("hunter2".into()));
    batch.send().await.expect("it is sent");
    assert_eq!((entered.await, read.await), (Ok(true), Ok("hunter2".into())));
    let mut watched = door.watch().await.expect("a stream");
    while watched.next().await.is_some() {}
    let lines = Streaming::from_iter(["hunter2".to_owned(), "hunter2".to_owned()]);
    assert_eq!(door.put("a".into(), lines).await, Ok(2));
    let deep = json!([{"a": [{"Api-Token": {"x": "hunter2"}, "body": "{\"password\":\"hunter2\"}"}]}]);
    client.peer().call::<Value>("echo", deep).await.expect("a result");
    client.peer().call::<Value>("echo", json!(["the last"])).await.expect("a result");

    let texts = texts(&mut log, "the last").await.join("\n");
    for shown in
        ["door.enter", "ann", "door.read", "door.watch", "rpc.item", "door.put", "rpc.push", "Api-Token"]
    {
        assert!(texts.contains(shown), "{shown}: {texts}");
    }
    assert!(!texts.contains("hunter2"), "{texts}");
}

/// The requests came before the log began, so it cannot know that what answers them is secret.
#[tokio::test]
async fn answers_to_earlier_requests_are_not_shown_if_some_results_are_sensitive() {
    let (router, open) = door();
    open.send_replace(false);
    let inspected = Inspected::serve(router).await;
    let client = inspected.client().await;
    let door: DoorClient = client.peer().stub();
    let read = tokio::spawn(async move { door.read("a".into()).await });
    inspected.serves_a_call().await;
    let page = inspected.page().await;
    let mut log = messages(&inspected, &page).await;
    open.send_replace(true);
    assert_eq!(bounded(read).await.expect("no panic"), Ok("hunter2".into()));
    let texts = texts(&mut log, "result").await.join("\n");
    assert!(texts.contains("<hidden>") && !texts.contains("hunter2"), "{texts}");
}

#[tokio::test]
async fn what_is_not_json_rpc_is_not_kept() {
    let inspected = Inspected::serve(router()).await;
    let socket = tokio::net::TcpStream::connect(inspected.address).await.expect("it listens");
    let mut raw = Raw::connect(socket, &format!("ws://{}/", inspected.address), None).await;
    let page = inspected.page().await;
    let mut log = messages(&inspected, &page).await;
    let broken = [
        "hunter2",
        r#"{"jsonrpc":"2.0","method":"echo","params":["hunter2"],"id":1"#,
        r#"{"password":"hunter2"}"#,
        r#"[{"jsonrpc":"2.0","method":{"x":1},"params":["hunter2"]}]"#,
        r#""hunter2""#,
    ];
    raw.send(broken).await;
    raw.send([r#"{"jsonrpc":"2.0","method":"echo","params":["the last"],"id":1}"#]).await;
    let texts = texts(&mut log, "the last").await;
    assert!(texts.len() > broken.len() && !texts.join("\n").contains("hunter2"), "{texts:#?}");
    raw.close(4001, r#"{"token":"hunter2"}"#).await;
    drop(raw);
    let mut end = Vec::new();
    while let Some(frame) = bounded(log.next()).await {
        end.push(frame.expect("a frame").to_string());
    }
    let end = end.join("\n");
    assert!(end.contains("4001") && end.contains("\"end\"") && !end.contains("hunter2"), "{end}");
}

#[tokio::test]
async fn a_page_that_does_not_read_holds_up_nobody_and_learns_what_it_has_missed() {
    let inspected = Inspected::serve(router()).await;
    let client = inspected.client().await;
    let page = inspected.page().await;
    let mut log = messages(&inspected, &page).await;
    let text = "x".repeat(4000);
    for _ in 0..1000 {
        bounded(client.peer().call::<Value>("echo", [&text])).await.expect("a result");
    }
    client.peer().call::<Value>("echo", ["the last"]).await.expect("a result");
    let mut missed = 0;
    let mut kept = 0;
    bounded(async {
        loop {
            let frame = next(&mut log).await;
            missed += frame["missed"].as_u64().expect("a number");
            kept += u64::from(frame["kind"] == "text");
            if frame["text"].as_str().is_some_and(|text| text.contains("result") && text.contains("the last"))
            {
                break;
            }
        }
    })
    .await;
    assert!(missed > 500 && missed + kept >= 2002, "{missed} missed, {kept} kept");
}

#[tokio::test]
async fn the_number_of_logs_is_bounded_and_a_closed_one_makes_room() {
    let inspected = Inspected::serve(router()).await;
    let _client = inspected.client().await;
    let page = inspected.page().await;
    let mut logs = Vec::new();
    for _ in 0..16 {
        logs.push(messages(&inspected, &page).await);
    }
    let id = inspected.server.peers().list()[0].id();
    let open = || page.peer().invoke::<Result<Items, ErrorObject>>("inspector.messages", [id]);
    let error = open().await.expect_err("there are too many");
    assert!(error.to_string().contains("16 logs"), "{error}");
    logs.pop();
    bounded(async {
        while open().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let unknown = page.peer().invoke::<Result<Items, ErrorObject>>("inspector.messages", [u64::MAX]).await;
    assert!(unknown.expect_err("no such peer").to_string().contains("not connected"));
}
