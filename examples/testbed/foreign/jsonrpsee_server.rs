//! Our client with a server of jsonrpsee, which runs in this process. Its ids are numbers or texts.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use birpc::{Client, ErrorObject, StreamError, Streaming, rpc};
use jsonrpsee::core::{SubscriptionError, traits::IdProvider};
use jsonrpsee::server::{
    PendingSubscriptionSink, RandomIntegerIdProvider, RandomStringIdProvider, RpcModule, ServerBuilder,
    ServerConfig, ServerHandle,
};
use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::checks::{Checks, SOON};

#[rpc(namespace = "ticks", separator = "_")]
trait Ticks {
    /// `count` numbers, and then what `end` says.
    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, count: u64, end: Value) -> Result<Streaming<u64>, ErrorObject>;
    /// Subscriptions whose subscriber has left.
    async fn left(&self) -> Result<u64, ErrorObject>;
}

pub(crate) async fn run(checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    check("numbers as ids", RandomIntegerIdProvider, checks).await?;
    check("texts as ids", RandomStringIdProvider::new(16), checks).await
}

async fn check(
    kind: &str,
    ids: impl IdProvider + 'static,
    checks: &mut Checks,
) -> Result<(), Box<dyn Error>> {
    let (address, server) = start(ids).await?;
    let client = Client::builder().call_timeout(SOON).connect(&format!("ws://{address}/")).await?;
    let ticks: TicksClient = client.stub();

    let mut stream = ticks.subscribe(1000, json!("stay")).await?;
    checks.equal(
        &format!("a thousand items, {kind}"),
        take(&mut stream, 1000).await?,
        Vec::from_iter(0..1000),
    );
    checks.equal("nobody has left", ticks.left().await, Ok(0));
    drop(stream);
    let heard = async { while ticks.left().await == Ok(0) {} };
    checks.equal("the server hears who leaves", tokio::time::timeout(SOON, heard).await, Ok(()));

    let error = json!({"code": 7, "message": "seven", "data": {"n": 2}});
    let expected = ErrorObject::new(7, "seven").with_data(&json!({"n": 2}));
    ends("an error object", &ticks, error, expected, checks).await?;
    ends("a text", &ticks, json!("too slow"), ErrorObject::new(-32000, "too slow"), checks).await?;

    let refused = ticks.subscribe(0, json!("refuse")).await.map(drop);
    checks.fails("a refusal", refused, ErrorObject::new(8, "refused"));
    checks.equal("each reply was awaited", client.peer().unmatched_responses(), 0);
    server.stop()?;
    Ok(())
}

/// A subscription that the server ends.
async fn ends(
    name: &str,
    ticks: &TicksClient,
    error: Value,
    expected: ErrorObject,
    checks: &mut Checks,
) -> Result<(), Box<dyn Error>> {
    let mut stream = ticks.subscribe(2, error).await?;
    checks.equal(&format!("items before {name}"), take(&mut stream, 2).await?, vec![0, 1]);
    let end = tokio::time::timeout(SOON, stream.next()).await?;
    checks.equal(&format!("{name} ends it"), end, Some(Err(StreamError::Method(expected))));
    Ok(())
}

async fn take(stream: &mut Streaming<u64>, count: usize) -> Result<Vec<u64>, Box<dyn Error>> {
    let mut items = Vec::new();
    while items.len() < count {
        items.push(tokio::time::timeout(SOON, stream.next()).await?.ok_or("it goes on")??);
    }
    Ok(items)
}

async fn start(ids: impl IdProvider + 'static) -> Result<(SocketAddr, ServerHandle), Box<dyn Error>> {
    let config = ServerConfig::builder().set_id_provider(ids).build();
    let server = ServerBuilder::with_config(config).build("127.0.0.1:0").await?;
    let mut module = RpcModule::new(Arc::new(AtomicU64::new(0)));
    module.register_method("ticks_left", |_, left, _| left.load(Ordering::SeqCst))?;
    let names = ("ticks_subscribe", "ticks_subscription", "ticks_unsubscribe");
    module.register_subscription(names.0, names.1, names.2, |params, pending, left, _| async move {
        serve(params, pending, &left).await
    })?;
    let address = server.local_addr()?;
    Ok((address, server.start(module)))
}

async fn serve(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    left: &AtomicU64,
) -> Result<(), SubscriptionError> {
    let (count, end): (u64, Value) = params.parse()?;
    if end == "refuse" {
        pending.reject(ErrorObjectOwned::owned(8, "refused", None::<()>)).await;
        return Ok(());
    }
    let sink = pending.accept().await?;
    for item in 0..count {
        sink.send(to_raw_value(&item)?).await?;
    }
    if end == "stay" {
        sink.closed().await;
        left.fetch_add(1, Ordering::SeqCst);
        return Ok(());
    }
    Err(SubscriptionError::from_json(to_raw_value(&end)?))
}
