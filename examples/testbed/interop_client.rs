//! Our client with a third-party JSON-RPC server. `cargo xtask interop` runs this: `cargo run --example
//! interop_client -- ws://127.0.0.1:PORT/`. It prints a line for each check.

use std::error::Error;
use std::fmt::Debug;
use std::process::ExitCode;

use birpc::{CallError, Client, Context, ErrorObject, Peer, Router};
use futures_util::future::try_join_all;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::mpsc;

type Json = Box<RawValue>;

/// The methods that the server calls on this side.
fn served(said: mpsc::UnboundedSender<String>) -> Router {
    Router::new()
        .method("add", |_, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) })
        .method("echo", |_, (value,): (Json,)| async move { Ok::<_, ErrorObject>(value) })
        .method("fail", |_, (code, message, data): (i64, String, Value)| async move {
            Err::<(), _>(ErrorObject::new(code, message).with_data(&data))
        })
        .method("relay", |cx: Context, (method, params): (String, Json)| async move {
            cx.peer().call::<Json>(&method, params).await.map_err(CallError::relay)
        })
        .notification("said", move |_, (line,): (String,)| {
            let _ = said.send(line); // the checks may be over
            async {}
        })
}

struct Checks {
    failed: bool,
}

impl Checks {
    fn equal<T: PartialEq + Debug>(&mut self, name: &str, got: T, expected: T) {
        if got == expected {
            println!("ok - {name}");
        } else {
            self.failed = true;
            println!("not ok - {name}: got {got:?}, expected {expected:?}");
        }
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: interop_client URL")?;
    let mut checks = Checks { failed: false };
    plain(&format!("{url}none"), &mut checks).await?;
    let (said, heard) = mpsc::unbounded_channel();
    let client = Client::builder().serve(served(said)).connect(&url).await?;
    checks.equal("the second subprotocol is agreed on", client.peer().subprotocol(), Some("jsonrpc"));
    calls(client.peer(), &mut checks).await?;
    batches(client.peer(), &mut checks).await?;
    both_ways(client.peer(), heard, &mut checks).await?;
    client.peer().call::<Value>("close", (4002, "bye")).await.ok();
    let reason = client.closed().await;
    checks.equal("the close code and reason arrive", (reason.code, &*reason.reason), (4002, "bye"));
    Ok(if checks.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A server that picks no subprotocol.
async fn plain(url: &str, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let client = Client::connect(url).await?;
    checks.equal("no subprotocol is plain JSON-RPC", client.peer().subprotocol(), None);
    let sum: i64 = client.peer().call("add", (1, 2)).await?;
    checks.equal("and calls work", sum, 3);
    Ok(())
}

async fn calls(peer: &Peer, checks: &mut Checks) -> Result<(), CallError> {
    checks.equal("add by position", peer.call::<i64>("add", (1, 2)).await?, 3);
    checks.equal("add by name", peer.call::<i64>("add", json!({"a": 1, "b": 2})).await?, 3);
    for value in [Value::Null, json!("żółw 🐢"), json!({"deep": [[{"x": [1.5, true]}]]})] {
        let name = format!("echo of {value}");
        checks.equal(&name, peer.call("echo", [&value]).await?, value);
    }
    let error = peer.call::<Value>("fail", (7, "seven", json!({"a": [1]}))).await;
    let expected = ErrorObject::new(7, "seven").with_data(&json!({"a": [1]}));
    checks.equal("an error with data", error, Err(CallError::Method(expected)));
    let unknown = peer.call::<Value>("no_such_method", ()).await;
    let code = if let Err(CallError::Rpc(error)) = &unknown { error.code() } else { 0 };
    checks.equal("an unknown method is refused", code, -32601);
    for number in 0..100 {
        peer.notify("log", [format!("line {number}")]).await?;
    }
    let lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
    checks.equal("notifications arrive in order", peer.call("logged", ()).await?, lines);
    Ok(())
}

async fn batches(peer: &Peer, checks: &mut Checks) -> Result<(), CallError> {
    let mut batch = peer.batch();
    let sum = batch.call::<i64>("add", (1, 2));
    batch.notify("log", ["batched"]);
    let failing = batch.call::<Value>("fail", (7, "seven", 1));
    batch.send().await?;
    checks.equal("a call of a batch is answered", sum.await?, 3);
    let expected = ErrorObject::new(7, "seven").with_data(&1);
    checks.equal("and one that fails", failing.await, Err(CallError::Method(expected)));
    let lines: Vec<String> = peer.call("logged", ()).await?;
    checks.equal("its notification arrives", lines.last().map(String::as_str), Some("batched"));
    Ok(())
}

async fn both_ways(
    peer: &Peer,
    mut heard: mpsc::UnboundedReceiver<String>,
    checks: &mut Checks,
) -> Result<(), CallError> {
    checks.equal("the server called us first", peer.call::<i64>("greeting", ()).await?, 42);
    let error = peer.call::<Value>("relay", ("fail", (9, "nine", [1]))).await;
    let expected = ErrorObject::new(9, "nine").with_data(&[1]);
    checks.equal("our own error comes back unchanged", error, Err(CallError::Method(expected)));
    let relays = (0..200).map(|n| peer.call::<i64>("relay", ("add", (n, 1))));
    let expected: Vec<i64> = (1..=200).collect();
    checks.equal("200 calls with equal ids both ways", try_join_all(relays).await?, expected);
    let nested = (0..6).fold(json!(["add", [40, 2]]), |inner, _| json!(["relay", inner]));
    checks.equal("nested six deep", peer.call::<i64>("relay", &nested[1]).await?, 42);
    let thousand = (0..1000).map(|_| peer.call::<i64>("relay", &nested[1]));
    checks.equal("a thousand of them at once", try_join_all(thousand).await?, vec![42; 1000]);
    peer.call::<Value>("notify_back", ("said", ["x"])).await?;
    checks.equal("a notification arrives", heard.recv().await.as_deref(), Some("x"));
    Ok(())
}
