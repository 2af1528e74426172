//! The wire log: the messages of a connection, one short line each, without secrets.

use birpc::{Context, ErrorObject, Router};
use serde_json::{Value, json};

use crate::support::logs::Logs;
use crate::support::{Join, Raw, Side, bounded};

fn echo() -> Router {
    Router::new().method("echo", |_: Context, params: Value| async { Ok::<_, ErrorObject>(params) })
}

async fn raw() -> Raw {
    Join::Memory.raw(None, Side::new(echo())).await.0
}

#[tokio::test]
async fn messages_of_both_directions_are_logged() {
    let logs = Logs::hear();
    let mut raw = raw().await;
    bounded(raw.ask(r#"{"jsonrpc":"2.0","method":"echo","params":[1],"id":7}"#)).await;
    raw.close(4001, "bye\n\u{1b}[31mfake").await;
    bounded(raw.hear()).await;
    let wire = logs.wire();
    let has = |parts: &[&str]| wire.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&[r#""params":[1],"id":7}"#, "direction=received", "kind=text", "bytes=53"]), "{wire:#?}");
    assert!(has(&[r#"{"jsonrpc":"2.0","id":7,"result":[1]}"#, "direction=sent"]), "{wire:#?}");
    assert!(has(&[r"4001 bye \u{1b}[31mfake", "kind=close"]), "{wire:#?}");
}

#[tokio::test]
async fn values_of_secret_keys_are_not_logged() {
    let logs = Logs::hear();
    let mut raw = raw().await;
    let params = json!({"user": "ann", "Password": "hunter2", "deep": [{"api_token": {"x": "hunter2"}}]});
    let request = json!({"jsonrpc": "2.0", "method": "echo", "params": params, "id": 1});
    bounded(raw.ask(&request.to_string())).await;
    bounded(raw.ask(&json!([request]).to_string())).await;
    bounded(raw.ask(r#"{"jsonrpc":"2.0","secret":"hunter2"#)).await;
    let wire = logs.wire().join("\n");
    assert!(wire.contains(r#""Password":"<hidden>""#), "{wire}");
    assert!(!wire.contains("hunter2"), "{wire}");
}

#[tokio::test]
async fn a_line_is_bounded_and_stays_one_line() {
    let logs = Logs::hear();
    let mut raw = raw().await;
    let long = format!(
        "{{\"jsonrpc\":\"2.0\",\r\n\t\"method\":\"echo\",\"params\":[\"{}\"],\"id\":1}}",
        "x".repeat(100_000)
    );
    bounded(raw.ask(&long)).await;
    let wire = logs.wire();
    assert_eq!(wire.len(), 2);
    assert!(wire.iter().all(|line| line.len() < 1200 && !line.contains(['\n', '\r', '\t'])), "{wire:#?}");
}

#[tokio::test]
async fn parameters_with_names_of_secrets_are_not_logged_by_position() {
    #[birpc::rpc]
    trait Door {
        async fn enter(&self, user: String, password: String) -> Result<bool, ErrorObject>;
    }
    struct Open;
    impl Door for Open {
        async fn enter(&self, _user: String, _password: String) -> Result<bool, ErrorObject> {
            Ok(true)
        }
    }
    let logs = Logs::hear();
    let router = Router::new().service(DoorServer::new(Open));
    let (mut raw, _peer) = Join::Memory.raw(None, Side::new(router)).await;
    let answer =
        bounded(raw.ask(r#"{"jsonrpc":"2.0","method":"enter","params":["ann","hunter2"],"id":1}"#)).await;
    assert_eq!(answer["result"], true);
    let wire = logs.wire().join("\n");
    assert!(wire.contains(r#"["ann","<hidden>"]"#) && !wire.contains("hunter2"), "{wire}");
}

/// The error shows why the reply is invalid, but no secrets.
#[tokio::test]
async fn an_undecodable_reply_is_shown_without_secrets() {
    let (mut raw, peer) = Join::Memory.raw(None, Side::new(echo())).await;
    let mut undecodable = async |reply: &str| {
        let call = tokio::spawn(peer.call::<u64>("number", ()));
        let id = bounded(raw.json()).await["id"].to_string();
        raw.send([reply.replace("ID", &id)]).await;
        bounded(call).await.expect("no panic").expect_err("it is no number").to_string()
    };
    let error =
        undecodable(r#"{"jsonrpc":"2.0","id":ID,"result":{"token":"hunter2","a":"\u001b\u202e"}}"#).await;
    assert!(
        error.ends_with(r#"expected u64; the result: {"token":"<hidden>","a":"\u001b\u202e"}"#),
        "{error}"
    );
    let error = undecodable("{\"jsonrpc\":\"2.0\",\r\n\"id\":ID,\"error\":\"\u{202e}no\"}").await;
    assert!(error.ends_with(r#"the reply: {"jsonrpc":"2.0", "id":2,"error":"\u{202e}no"}"#), "{error}");
    let error =
        undecodable(&format!(r#"{{"jsonrpc":"2.0","id":ID,"result":"{}"}}"#, "x".repeat(100_000))).await;
    assert!(error.len() < 500, "{error}");
}

/// The log of a fault shows it even without verbose settings.
mod at_warn {
    use tracing::Level;

    use super::*;

    async fn warned(message: &str) -> Vec<String> {
        let logs = Logs::hear();
        let router = echo().notification("moved", |_: Context, (_, _): (i64, i64)| async {});
        let (mut raw, _peer) = Join::Memory.raw(None, Side::new(router)).await;
        raw.send([message, message]).await;
        bounded(raw.ask(r#"{"jsonrpc":"2.0","method":"echo","id":1,"params":[]}"#)).await;
        let lines = logs.lines().into_iter().filter(|line| line.level <= Level::INFO);
        lines.map(|line| line.text).collect()
    }

    #[tokio::test]
    async fn a_notification_with_wrong_params_is_told_once() {
        let lines = warned(r#"{"jsonrpc":"2.0","method":"moved","params":["x",1]}"#).await;
        assert!(
            matches!(&lines[..], [line] if line.contains("method=moved") && line.contains("i64")),
            "{lines:?}"
        );
    }

    #[tokio::test]
    async fn a_notification_of_an_unknown_method_is_told_once() {
        let long = format!("no\\n{}", "x".repeat(10_000));
        let lines = warned(&format!(r#"{{"jsonrpc":"2.0","method":"{long}"}}"#)).await;
        let told = |line: &str| line.contains("method=no x") && line.len() < 1000 && !line.contains('\n');
        assert!(matches!(&lines[..], [line] if told(line)), "{lines:?}");
    }

    #[tokio::test]
    async fn a_response_that_matches_nothing_is_told_once() {
        let lines = warned(r#"{"jsonrpc":"2.0","id":"1","result":1}"#).await;
        assert!(matches!(&lines[..], [line] if line.contains("id=\"1\"")), "{lines:?}");
    }

    #[tokio::test]
    async fn a_late_response_is_nothing_to_warn_of() {
        let logs = Logs::hear();
        let (mut raw, peer) = Join::Memory.raw(None, Side::new(echo())).await;
        let call = peer.call::<Value>("slow", ()).with_timeout(std::time::Duration::from_millis(1));
        bounded(call).await.expect_err("it times out");
        bounded(raw.json()).await;
        raw.send([r#"{"jsonrpc":"2.0","id":1,"result":1}"#]).await;
        bounded(raw.ask(r#"{"jsonrpc":"2.0","method":"echo","id":1,"params":[]}"#)).await;
        assert_eq!(logs.with(Level::WARN, ""), Vec::<String>::new());
        assert_eq!(peer.unmatched_responses(), 1);
    }
}
