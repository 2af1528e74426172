//! Our client with anvil, a node of Ethereum for tests, which this program starts, kills and starts again.

use std::error::Error;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use birpc::{CallError, Client, ErrorObject, Reconnect, Streaming, Update, rpc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::checks::{Checks, SOON};

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    number: String,
}

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    #[rpc(idempotent, subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, kind: String) -> Result<Streaming<Head>, ErrorObject>;
}

pub(crate) async fn run(program: &str, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut node = start(program, port)?;
    let client = connect(&format!("ws://127.0.0.1:{port}/")).await?;
    let eth: EthClient = client.stub();

    let mut heads = eth.subscribe("newHeads".into()).await?;
    let mut others = eth.subscribe("newHeads".into()).await?;
    mine(&client, 20).await?;
    checks.equal("the heads of all blocks, in order", take(&mut heads, 20).await?, numbers(1..=20));
    checks.equal("each subscription has them", take(&mut others, 20).await?, numbers(1..=20));
    drop(others);
    mine(&client, 5).await?;
    checks.equal("one that was dropped ends alone", take(&mut heads, 5).await?, numbers(21..=25));
    drop(heads);
    let refused = eth.subscribe("nonsense".into()).await.map(drop);
    let refused = matches!(refused, Err(CallError::Method(_) | CallError::Rpc(_)));
    checks.equal("a kind that does not exist is refused", refused, true);

    let mut heads = eth.subscribe("newHeads".into()).resubscribing().await?;
    mine(&client, 1).await?;
    checks.equal("an item before the outage", update(&mut heads).await?, "0x1a".to_owned());
    node.kill().await?;
    let restarting = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        start(program, port)
    };
    let (gap, restarted) = tokio::join!(update(&mut heads), restarting);
    let _node = restarted?;
    checks.equal("a node that was killed is a gap", gap?, "gap".to_owned());
    mine(&client, 2).await?;
    // The new node counts from the beginning.
    let items = [update(&mut heads).await?, update(&mut heads).await?];
    checks.equal("and the subscription goes on, once", items.to_vec(), numbers(1..=2));
    drop(heads);
    mine(&client, 1).await?;
    checks.equal("each reply was awaited", client.peer().unmatched_responses(), 0);
    Ok(())
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|number| format!("{number:#x}")).collect()
}

async fn mine(client: &Client, blocks: usize) -> Result<(), CallError> {
    for _ in 0..blocks {
        client.peer().call::<Value>("evm_mine", ()).await?;
    }
    Ok(())
}

async fn take(heads: &mut Streaming<Head>, count: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let head = tokio::time::timeout(SOON, heads.next()).await?.ok_or("it goes on")??;
        numbers.push(head.number);
    }
    Ok(numbers)
}

async fn update(heads: &mut Streaming<Update<Head>>) -> Result<String, Box<dyn Error>> {
    let update = tokio::time::timeout(4 * SOON, heads.next()).await?.ok_or("it goes on")??;
    Ok(match update {
        Update::Item(head) => head.number,
        Update::Gap { .. } => "gap".to_owned(),
        other => format!("{other:?}"),
    })
}

/// Starts a node that makes a block only if it is asked to.
fn start(program: &str, port: u16) -> Result<Child, Box<dyn Error>> {
    let mut command = Command::new(program);
    command
        .args(["--no-mining", "--silent", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?)
}

/// Connects as soon as the node listens.
async fn connect(url: &str) -> Result<Client, Box<dyn Error>> {
    let connecting = async {
        loop {
            let builder = Client::builder().call_timeout(SOON).reconnect(Reconnect::default());
            match builder.connect(url).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    Ok(tokio::time::timeout(4 * SOON, connecting).await?)
}
