//! Values that `#[rpc(sensitive)]` marks are in no log, on the serving and on the calling side.

use birpc::{CallError, Context, ErrorObject, Router, rpc};
use serde_json::json;

use crate::support::logs::Logs;
use crate::support::{Join, Side, bounded};

#[rpc(namespace = "vault")]
trait Vault {
    #[rpc(aliases = ["old.open"])]
    async fn open(&self, user: String, #[rpc(sensitive)] pin: String) -> Result<bool, ErrorObject>;
    #[rpc(params = "named")]
    async fn open_named(
        &self,
        user: String,
        #[rpc(sensitive, name = "PIN")] pin: String,
    ) -> Result<bool, ErrorObject>;
    #[rpc(sensitive)]
    async fn read(&self, cx: &Context, key: String) -> Result<String, ErrorObject>;
    #[rpc(notification, sensitive)]
    async fn told(&self, what: String);
}

/// The same methods on a side that only calls them, under other names.
#[rpc(client, namespace = "far")]
trait Far {
    async fn open(&self, user: String, #[rpc(sensitive)] pin: String) -> Result<bool, ErrorObject>;
    #[rpc(sensitive)]
    async fn read(&self, key: String) -> Result<String, ErrorObject>;
}

struct Safe;

impl Vault for Safe {
    async fn open(&self, _user: String, pin: String) -> Result<bool, ErrorObject> {
        Ok(pin == "hunter2")
    }

    async fn open_named(&self, _user: String, pin: String) -> Result<bool, ErrorObject> {
        Ok(pin == "hunter2")
    }

    async fn read(&self, _: &Context, key: String) -> Result<String, ErrorObject> {
        Ok(format!("{key} hunter2"))
    }

    async fn told(&self, _what: String) {}
}

#[tokio::test]
async fn what_is_served_is_not_logged() {
    let logs = Logs::hear();
    let (mut raw, _peer) =
        Join::Memory.raw(None, Side::new(Router::new().service(VaultServer::new(Safe)))).await;
    for (method, params, result) in [
        ("vault.open", json!(["ann", "hunter2"]), json!(true)),
        ("old.open", json!(["ann", "hunter2"]), json!(true)),
        ("vault.open", json!({"user": "ann", "pin": "hunter2"}), json!(true)),
        ("vault.open_named", json!({"user": "ann", "PIN": "hunter2"}), json!(true)),
        ("vault.read", json!(["hunter2"]), json!("hunter2 hunter2")),
    ] {
        let request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
        assert_eq!(bounded(raw.ask(&request.to_string())).await["result"], result, "{request}");
        let batch = bounded(raw.ask(&json!([request]).to_string())).await;
        assert_eq!(batch[0]["result"], result, "{request}");
    }
    raw.send([r#"{"jsonrpc":"2.0","method":"vault.told","params":["hunter2"]}"#]).await;
    bounded(raw.ask(r#"{"jsonrpc":"2.0","method":"none","id":1}"#)).await;
    let wire = logs.wire().join("\n");
    assert!(wire.contains(r#"["ann","<hidden>"]"#), "{wire}");
    assert!(wire.contains("vault.told") && !wire.contains("hunter2"), "{wire}");
}

#[tokio::test]
async fn what_is_called_is_not_logged() {
    let logs = Logs::hear();
    let (mut raw, peer) = Join::Memory.raw(None, Side::default()).await;
    let far: FarClient = peer.stub();
    let answer = async {
        for result in [json!(true), json!("hunter2"), json!({"hunter2": 1}), json!({"hunter2": 2})] {
            let mut request = raw.json().await;
            let is_batch = request.is_array();
            let id = if is_batch { request[0]["id"].take() } else { request["id"].take() };
            let reply = json!({"jsonrpc": "2.0", "id": id, "result": result});
            let reply = if is_batch { json!([reply]) } else { reply };
            raw.send([reply.to_string()]).await;
        }
    };
    let calls = async {
        assert_eq!(far.open("ann".into(), "hunter2".into()).await, Ok(true));
        assert_eq!(far.read("hunter2".into()).await, Ok("hunter2".to_owned()));
        let single = far.read("hunter2".into()).await;
        let mut batch = far.batch();
        let call = batch.read("hunter2".into());
        batch.send().await.expect("it is connected");
        [single, call.await]
    };
    let (outcomes, ()) = bounded(async { tokio::join!(calls, answer) }).await;
    for outcome in outcomes {
        let Err(CallError::Undecodable(why)) = &outcome else { panic!("{outcome:?}") };
        assert!(!format!("{why} {why:?}").contains("hunter2"), "{why}");
    }
    let wire = logs.wire().join("\n");
    assert!(wire.contains("far.open") && wire.contains("far.read"), "{wire}");
    assert!(!wire.contains("hunter2"), "{wire}");
}

/// The error for an invalid reply quotes the reply, but not if the result is sensitive.
#[tokio::test]
async fn an_invalid_reply_to_a_sensitive_call_is_not_quoted() {
    let (mut raw, peer) = Join::Memory.raw(None, Side::default()).await;
    let far: FarClient = peer.stub();
    let answer = async {
        for _ in 0..2 {
            let id = raw.json().await["id"].take();
            raw.send([json!({"jsonrpc": "2.0", "id": id, "error": "hunter2"}).to_string()]).await;
        }
    };
    let calls = async { [far.open("ann".into(), "1".into()).await.err(), far.read("1".into()).await.err()] };
    let (errors, ()) = bounded(async { tokio::join!(calls, answer) }).await;
    let quotes = errors.map(|error| {
        let Some(CallError::Undecodable(why)) = error else { panic!("{error:?}") };
        why.to_string().contains("hunter2")
    });
    assert_eq!(quotes, [true, false]);
}
