//! Progress in the words of LSP and MCP, with peers that say what a test likes.

use birpc::{Dialect, ErrorObject, Peer, Progress, Router, Streaming, SubscriptionForm, rpc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{Join, Raw, Record, Side, over_both};

over_both! {
    who_asks_in_lsp_hears_with_the_token
    who_asks_in_mcp_hears_with_the_token
    without_a_token_nothing_is_reported
    what_begins_in_lsp_is_not_replaced
    in_mcp_only_objects_are_reported
    our_calls_ask_in_lsp
    our_calls_ask_in_mcp
    our_calls_that_subscribe_ask_too
    reports_that_are_not_ours_are_the_applications
    reports_that_nobody_knows_are_ignored
    birpc_v1_keeps_its_own_words
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum WorkDone {
    Begin { title: String },
    Report { percentage: u32 },
    End,
}

#[derive(Serialize, Deserialize)]
struct Params {
    target: String,
}

#[rpc]
trait Builds {
    #[rpc(params = "named")]
    async fn build(&self, steps: u32, progress: Progress<Value>) -> Result<String, ErrorObject>;
    #[rpc(params = "single")]
    async fn rename(&self, params: Params, progress: Progress<WorkDone>) -> Result<String, ErrorObject>;
    #[rpc(params = "named")]
    async fn number(&self, progress: Progress<u32>) -> Result<bool, ErrorObject>;
    async fn positional(&self, a: u32, progress: Progress<Value>) -> Result<bool, ErrorObject>;
}

struct Service;

impl Builds for Service {
    async fn build(&self, steps: u32, progress: Progress<Value>) -> Result<String, ErrorObject> {
        (1..=steps).for_each(|step| progress.report(json!({"progress": step, "total": steps})));
        Ok("built".into())
    }

    async fn rename(&self, params: Params, progress: Progress<WorkDone>) -> Result<String, ErrorObject> {
        progress.report(WorkDone::Begin { title: "x".into() });
        progress.report(WorkDone::Begin { title: params.target.clone() });
        (0..10).for_each(|percentage| progress.report(WorkDone::Report { percentage }));
        progress.report(WorkDone::End);
        Ok(params.target)
    }

    async fn number(&self, progress: Progress<u32>) -> Result<bool, ErrorObject> {
        progress.report(1);
        Ok(progress.is_wanted())
    }

    async fn positional(&self, _: u32, progress: Progress<Value>) -> Result<bool, ErrorObject> {
        Ok(progress.is_wanted())
    }
}

async fn caller(join_by: Join, dialect: Dialect) -> (Raw, Peer) {
    let side = Side::new(BuildsServer::new(Service)).config(|config| config.dialect = dialect);
    join_by.raw(None, side).await
}

fn request(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn reply(id: u64, result: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result.into()})
}

async fn who_asks_in_lsp_hears_with_the_token(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, Dialect::lsp()).await;
    for token in [json!("a token"), json!(0), json!(-3), json!("")] {
        let asked = request("build", json!({"workDoneToken": token, "steps": 3}));
        let value = json!({"progress": 3, "total": 3});
        let expected = notification("$/progress", json!({"token": token, "value": value}));
        assert_eq!(raw.ask(&asked).await, expected);
        assert_eq!(raw.json().await, reply(1, "built"));
    }
}

async fn who_asks_in_mcp_hears_with_the_token(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, Dialect::mcp()).await;
    for token in [json!("a token"), json!(0)] {
        let asked = request("build", json!({"steps": 3, "_meta": {"other": 1, "progressToken": token}}));
        let params = json!({"progressToken": token, "progress": 3, "total": 3});
        assert_eq!(raw.ask(&asked).await, notification("notifications/progress", params));
        assert_eq!(raw.json().await, reply(1, "built"));
    }
}

async fn without_a_token_nothing_is_reported(join_by: Join) {
    for dialect in
        [Dialect::lsp(), Dialect::mcp(), Dialect::plain(), Dialect::plain().cancel_method("a", "b")]
    {
        let is_lsp = dialect == Dialect::lsp();
        let (mut raw, _peer) = caller(join_by, dialect.clone()).await;
        let other = match is_lsp {
            true => json!({"steps": 3, "_meta": {"progressToken": 1}, "token": 1}),
            false => json!({"steps": 3, "workDoneToken": 1, "progressToken": 1}),
        };
        let none = json!({"steps": 3, "workDoneToken": null, "_meta": {"progressToken": null}});
        let wrong = json!({"steps": 3, "workDoneToken": [1], "_meta": [1]});
        let within = json!({"steps": 3, "inner": {"workDoneToken": 1, "_meta": {"progressToken": 1}}});
        for params in [json!({"steps": 3}), other, none, wrong, within] {
            assert_eq!(raw.ask(&request("build", params)).await, reply(1, "built"));
        }
        // In an array there is no place for a token.
        assert_eq!(raw.ask(&request("positional", json!([1]))).await, reply(1, false));
        let member = r#"{"jsonrpc":"2.0","id":1,"method":"build","params":{"steps":3},"progress":true}"#;
        assert_eq!(raw.ask(member).await, reply(1, "built"));
        // A notification is no request, whatever it has.
        raw.send([notification("build", json!({"steps": 3, "workDoneToken": 1})).to_string()]).await;
        assert_eq!(raw.ask(&request("build", json!({"steps": 0}))).await, reply(1, "built"));
    }
}

async fn what_begins_in_lsp_is_not_replaced(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, Dialect::lsp()).await;
    raw.send([request("rename", json!({"target": "y", "workDoneToken": "t"}))]).await;
    for value in [json!({"kind": "begin", "title": "y"}), json!({"kind": "end"})] {
        assert_eq!(raw.json().await, notification("$/progress", json!({"token": "t", "value": value})));
    }
    assert_eq!(raw.json().await, reply(1, "y"));
}

async fn in_mcp_only_objects_are_reported(join_by: Join) {
    let (mut raw, _peer) = caller(join_by, Dialect::mcp()).await;
    let asked = request("number", json!({"_meta": {"progressToken": 1}}));
    assert_eq!(raw.ask(&asked).await, reply(1, true));
    let (mut raw, _peer) = caller(join_by, Dialect::lsp()).await;
    let told = raw.ask(&request("number", json!({"workDoneToken": 1}))).await;
    assert_eq!(told, notification("$/progress", json!({"token": 1, "value": 1})));
}

/// A side that only calls, and what it hears.
async fn callee(join_by: Join, dialect: Dialect, router: Router) -> (Raw, Peer) {
    let side = Side::new(router).config(|config| config.dialect = dialect);
    join_by.raw(None, side).await
}

fn heard<T: Send + 'static>() -> (Progress<T>, mpsc::UnboundedReceiver<T>) {
    let (tell, told) = mpsc::unbounded_channel();
    (Progress::to(move |step| drop(tell.send(step))), told)
}

async fn our_calls_ask_in_lsp(join_by: Join) {
    let (mut raw, peer) = callee(join_by, Dialect::lsp(), Router::new()).await;
    let builds: BuildsClient = peer.stub();
    let (progress, mut told) = heard();
    let call = tokio::spawn(builds.rename(Params { target: "y".into() }, progress));
    let asked = raw.json().await;
    assert_eq!((&asked["id"], &asked["params"]), (&json!(1), &json!({"workDoneToken": 1, "target": "y"})));
    let report = |value: Value| notification("$/progress", json!({"token": 1, "value": value})).to_string();
    raw.send([report(json!({"kind": "report", "percentage": 5}))]).await;
    assert_eq!(told.recv().await, Some(WorkDone::Report { percentage: 5 }));
    raw.send([report(json!({"kind": "end"})), reply(1, "y").to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok("y".into()));
    assert_eq!(told.recv().await, Some(WorkDone::End));

    let call = tokio::spawn(builds.rename(Params { target: "y".into() }, Progress::none()));
    assert_eq!(raw.json().await["params"], json!({"target": "y"}));
    raw.send([reply(2, "y").to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok("y".into()));
    // By position there is no place for a token.
    let call = tokio::spawn(builds.positional(1, heard().0));
    assert_eq!(raw.json().await["params"], json!([1]));
    raw.send([reply(3, false).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(false));
}

async fn our_calls_ask_in_mcp(join_by: Join) {
    let (mut raw, peer) = callee(join_by, Dialect::mcp(), Router::new()).await;
    let (progress, mut told) = heard::<Value>();
    let call = peer.call::<u8>("tools/call", json!({"name": "x", "_meta": {"a": 1}})).with_progress(progress);
    let call = tokio::spawn(call);
    let params = json!({"name": "x", "_meta": {"progressToken": 1, "a": 1}});
    assert_eq!(raw.json().await["params"], params);
    let report = |params: Value| notification("notifications/progress", params).to_string();
    raw.send([report(json!({"progress": 0.5, "progressToken": 1, "message": "half"}))]).await;
    assert_eq!(told.recv().await, Some(json!({"progress": 0.5, "message": "half"})));
    raw.send([report(json!({"progressToken": 1})), reply(1, 0).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(0));
    assert_eq!(told.recv().await, Some(json!({})));

    let call = tokio::spawn(peer.call::<u8>("tools/list", ()).with_progress(heard::<Value>().0));
    assert_eq!(raw.json().await["params"], json!({"_meta": {"progressToken": 2}}));
    raw.send([reply(2, 0).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(0));
}

async fn our_calls_that_subscribe_ask_too(join_by: Join) {
    let (mut raw, peer) = callee(join_by, Dialect::lsp(), Router::new()).await;
    let (progress, mut told) = heard::<u32>();
    let call = peer.invoke::<Result<Streaming<u64>, ErrorObject>>("subscribe", json!({}));
    let call = call.subscription(&SubscriptionForm::new("item", "unsubscribe")).with_progress(progress);
    let call = tokio::spawn(call);
    assert_eq!(raw.json().await["params"], json!({"workDoneToken": 1}));
    raw.send([notification("$/progress", json!({"token": 1, "value": 7})).to_string()]).await;
    assert_eq!(told.recv().await, Some(7));
    raw.send([reply(1, "0x1").to_string()]).await;
    assert!(call.await.expect("no panic").is_ok());
}

async fn reports_that_are_not_ours_are_the_applications(join_by: Join) {
    let all = Record::<Value>::default();
    let router = |record: Record<Value>| {
        Router::new()
            .notification("$/progress", move |_, params: Value| {
                record.push(params);
                async {}
            })
            .method("ping", |_, _: Option<()>| async { Ok::<_, ErrorObject>(0) })
    };
    let (mut raw, peer) = callee(join_by, Dialect::lsp(), router(all.clone())).await;
    let (progress, mut told) = heard::<u32>();
    let call = tokio::spawn(peer.call::<u8>("build", json!({})).with_progress(progress));
    assert_eq!(raw.json().await["params"], json!({"workDoneToken": 1}));
    let foreign =
        [json!({"token": "indexing", "value": 1}), json!({"token": 2, "value": 1}), json!({"token": 1})];
    raw.send(foreign.clone().map(|params| notification("$/progress", params).to_string())).await;
    raw.send([notification("$/progress", json!({"token": 1, "value": 7})).to_string()]).await;
    assert_eq!(told.recv().await, Some(7));
    raw.send([reply(1, 0).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(0));
    let late = json!({"token": 1, "value": 8});
    raw.send([notification("$/progress", late.clone()).to_string()]).await;
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await, reply(1, 0));
    assert_eq!(all.take(), [&foreign[..], &[late]].concat());
}

async fn reports_that_nobody_knows_are_ignored(join_by: Join) {
    for (dialect, method) in [(Dialect::lsp(), "$/progress"), (Dialect::mcp(), "notifications/progress")] {
        let (mut raw, peer) = caller(join_by, dialect).await;
        let words = [json!({}), json!([1, 2]), json!({"token": 1, "value": 1}), json!({"progressToken": {}})];
        raw.send(words.map(|params| notification(method, params).to_string())).await;
        raw.send([format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#)]).await;
        assert_eq!(raw.ask(&request("build", json!({"steps": 1}))).await, reply(1, "built"));
        assert_eq!(peer.dropped_notifications(), 0);
    }
}

async fn birpc_v1_keeps_its_own_words(join_by: Join) {
    let side = Side::new(BuildsServer::new(Service)).config(|config| config.dialect = Dialect::lsp());
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), side).await;
    let asked = request("build", json!({"steps": 3, "workDoneToken": 1}));
    assert_eq!(raw.ask(&asked).await, reply(1, "built"));
    let asked = r#"{"jsonrpc":"2.0","id":1,"method":"build","params":{"steps":3},"progress":true}"#;
    assert_eq!(raw.ask(asked).await["method"], "rpc.progress");
    assert_eq!(raw.json().await, reply(1, "built"));
}
