//! jsonrpsee's client subscribes at the testbed, for `cargo xtask interop`. It is built here, where jsonrpsee
//! is a dependency that only its users build. Takes the testbed's URL, and prints a line for each check.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use jsonrpsee::core::client::{ClientT, Subscription, SubscriptionClientT};
use jsonrpsee::core::params::ArrayParams;
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use serde_json::Value;
use tokio::time::timeout;

/// Far below the limit of the whole program, so that a check that hangs is named.
const LIMIT: Duration = Duration::from_secs(10);

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("the testbed's URL is missing")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(runtime.block_on(async {
        let mut failed = false;
        let mut note = |name: &str, outcome: Result<Outcome, _>| {
            let outcome = outcome.unwrap_or_else(|_: tokio::time::error::Elapsed| Err("it hangs".into()));
            failed |= outcome.is_err();
            match outcome {
                Ok(()) => println!("ok - {name}"),
                Err(why) => println!("not ok - {name}: {why}"),
            }
        };
        let name = "a thousand items that follow the reply at once are all heard";
        note(name, timeout(LIMIT, all_are_heard(&url)).await);
        let name = "an unsubscribe leaves nothing of the stream";
        note(name, timeout(LIMIT, nothing_is_left(&url)).await);
        let name = "a subscription that fails ends, and one that is refused does not begin";
        note(name, timeout(LIMIT, failures(&url)).await);
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }))
}

async fn subscribe(client: &WsClient, kind: &str, n: u64) -> Result<Subscription<u64>, Box<dyn Error>> {
    let mut params = ArrayParams::new();
    params.insert(kind)?;
    params.insert(n)?;
    params.insert(0)?;
    Ok(client.subscribe("sub_subscribe", params, "sub_unsubscribe").await?)
}

/// Takes the numbers 0, …, `n - 1`.
async fn take(items: &mut Subscription<u64>, n: u64) -> Outcome {
    for expected in 0..n {
        match items.next().await {
            Some(Ok(item)) if item == expected => {}
            other => return Err(format!("{other:?} instead of {expected}").into()),
        }
    }
    Ok(())
}

async fn all_are_heard(url: &str) -> Outcome {
    let client = WsClientBuilder::default().build(url).await?;
    take(&mut subscribe(&client, "ticks", 1000).await?, 1000).await
}

async fn nothing_is_left(url: &str) -> Outcome {
    let client = WsClientBuilder::default().build(url).await?;
    let mut items = subscribe(&client, "ticks", 3).await?;
    take(&mut items, 3).await?;
    let mut params = ArrayParams::new();
    params.insert("endless")?;
    params.insert(0)?;
    params.insert(1)?;
    let mut items: Subscription<u64> = client.subscribe("sub_subscribe", params, "sub_unsubscribe").await?;
    take(&mut items, 10).await?;
    items.unsubscribe().await?;
    loop {
        let streams: Value = client.request("streams", ArrayParams::new()).await?;
        if streams["producing"] == 0 {
            return Ok(());
        }
    }
}

async fn failures(url: &str) -> Outcome {
    let client = WsClientBuilder::default().build(url).await?;
    let mut items = subscribe(&client, "fail", 2).await?;
    take(&mut items, 2).await?;
    // It reads the error, and does not pass it on.
    match items.next().await {
        None => {}
        other => return Err(format!("{other:?} instead of the end").into()),
    }
    match subscribe(&client, "refuse", 0).await {
        Err(error) if error.to_string().contains("refused") => Ok(()),
        other => Err(format!("{other:?} instead of a refusal").into()),
    }
}
