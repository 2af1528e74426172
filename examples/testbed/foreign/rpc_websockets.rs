//! Our client with a server of rpc-websockets. That server answers unknown notifications with an error whose
//! id is null, and sends events in a format of its own.

use std::error::Error;

use birpc::{CallError, Client, ErrorObject, Peer, Router, rpc};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::checks::{Checks, SOON, a_hundred_sums, mebibyte};

#[rpc]
trait Sums {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    #[rpc(notification)]
    async fn log(&self, line: String);
    async fn logged(&self) -> Result<Vec<String>, ErrorObject>;
    async fn fail(&self, data: Value) -> Result<(), ErrorObject>;
}

pub(crate) async fn run(url: &str, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let (events, heard) = mpsc::unbounded_channel();
    let router = Router::new().on_other_message(move |_, text| {
        let _ = events.send(text.to_owned()); // the checks may be over
    });
    let client = Client::builder().call_timeout(SOON).serve(router).connect(url).await?;
    let sums: SumsClient = client.stub();
    checks.equal("params by position", sums.add(1, 2).await, Ok(3));
    checks.equal("params by name", client.peer().call::<i64>("add", json!({"a": 1, "b": 2})).await, Ok(3));
    for line in ["one", "two", "three"] {
        sums.log(line.into()).await?;
    }
    checks.equal(
        "notifications, in order",
        sums.logged().await,
        Ok(["one", "two", "three"].map(String::from).into()),
    );
    let expected = ErrorObject::new(7, "seven").with_data(&json!({"a": [1]}));
    checks.fails("an error with data", sums.fail(json!({"a": [1]})).await, expected);
    checks.refused("an unknown method", client.peer().call::<Value>("no_such_method", ()).await, -32601);
    let long = mebibyte();
    checks.equal("1 MiB", client.peer().call::<String>("echo", [&long]).await, Ok(long));
    checks.equal("a hundred calls at once", a_hundred_sums(client.peer()).await, Ok((1..=100).collect()));
    batches(client.peer(), checks).await?;
    tick(client.peer(), heard, checks).await?;
    Ok(())
}

/// Its events are not JSON-RPC.
async fn tick(
    peer: &Peer,
    mut heard: mpsc::UnboundedReceiver<String>,
    checks: &mut Checks,
) -> Result<(), Box<dyn Error>> {
    let subscribed = peer.call::<Value>("rpc.on", ["tick"]).await;
    checks.equal("an event is subscribed to", subscribed, Ok(json!({"tick": "ok"})));
    checks.equal("it happens", peer.call::<bool>("tick", [7]).await, Ok(true));
    let event = tokio::time::timeout(SOON, heard.recv()).await?.map(|text| serde_json::from_str(&text));
    let expected = json!({"notification": "tick", "params": [7]});
    checks.equal("and arrives", event.transpose()?, Some(expected));
    let left = heard.try_recv().ok(); // an answer to a message of ours that was none of JSON-RPC either
    checks.equal("and nothing else does", left, None);
    Ok(())
}

/// A batch is served one call after the other. Errors for other messages in the meantime are not refusals of
/// the batch.
async fn batches(peer: &Peer, checks: &mut Checks) -> Result<(), CallError> {
    let mut batch = peer.batch();
    let slow = batch.call::<u64>("slow", [200]);
    let sum = batch.call::<i64>("add", (1, 2));
    batch.send().await?;
    peer.notify("no_such_notification", ()).await?; // answered by -32601 with id null
    checks.equal("a batch is answered", slow.await, Ok(200));
    checks.equal("whatever was refused meanwhile", sum.await, Ok(3));
    Ok(())
}
