//! The effects on calls and clients when a proxy reloads and when the server behind it restarts.

use std::error::Error;
use std::time::Duration;

use birpc::{CallError, Client, ClientTls, Peer, Reconnect};

use crate::checks::{Checks, SOON};
use crate::http;
use crate::proxy::Proxy;
use crate::testbed::{HEALTH, NAME, Testbed};

/// The length of a call that is open meanwhile; shorter than the time for which a connection may be silent.
const OPEN: u64 = 1_000;

/// While the proxy reloads its configuration, calls continue, or the client reconnects.
pub(crate) async fn reload(proxy: &mut Proxy, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let client = reconnecting(proxy).await?;
    let open = open_call(client.peer()).await?;
    proxy.reload().await?;
    match open.await? {
        outcome if proxy.kind.keeps_connections() => {
            checks.equal("a call goes on while the proxy reloads", outcome, Ok(OPEN));
        }
        Err(CallError::Disconnected { reason, .. }) => {
            checks.equal("a reload closes", reason.code, 1001);
        }
        outcome => checks.equal("a reload closes", outcome, Ok(0)),
    }
    checks.equal("after a reload the client is up", up_again(client.peer()).await, Ok(3));
    let tls = ClientTls::only_ca_pem(&proxy.ca)?;
    let next = Client::builder().tls(tls).connect(&proxy.secure_url()).await?;
    checks.equal(
        "a new one too, by the new configuration",
        next.peer().call::<i64>("add", (1, 2)).await,
        Ok(3),
    );
    Ok(())
}

/// A server that gets SIGTERM finishes its calls. Until it is back, the proxy sends no clients to it.
pub(crate) async fn restart(
    testbed: &mut Testbed,
    proxy: &Proxy,
    checks: &mut Checks,
) -> Result<(), Box<dyn Error>> {
    let client = reconnecting(proxy).await?;
    let open = open_call(client.peer()).await?;
    testbed.terminate().await?;
    let draining = async {
        while health_of(testbed).await != Some(503) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_millis(OPEN / 2), draining).await;
    checks.equal("the health check is 503 while the server drains", told.is_ok(), true);
    checks.equal("a call that was open is answered", open.await?, Ok(OPEN));
    let down = http::upgrade(proxy.http, NAME, None).await?;
    checks.equal("meanwhile the proxy answers 502 or 503", matches!(down, 502 | 503), true);
    testbed.replace().await?;
    checks.equal("after a restart the client is up again", up_again(client.peer()).await, Ok(3));
    Ok(())
}

async fn health_of(testbed: &Testbed) -> Option<u16> {
    let request = format!("GET {HEALTH} HTTP/1.1\r\nhost: {NAME}\r\n\r\n");
    http::status(testbed.address, &request).await.ok()
}

/// A client that reconnects with default settings.
async fn reconnecting(proxy: &Proxy) -> Result<Client, Box<dyn Error>> {
    Ok(Client::builder().reconnect(Reconnect::default()).connect(&proxy.url()).await?)
}

type Open = tokio::task::JoinHandle<Result<u64, CallError>>;

/// Starts a call. When this returns, the testbed is serving it.
async fn open_call(peer: &Peer) -> Result<Open, CallError> {
    let open = tokio::spawn(peer.call("sleep", [OPEN]));
    tokio::task::yield_now().await;
    // Messages are served in order.
    peer.call::<i64>("add", (1, 2)).await?;
    Ok(open)
}

/// The first sum that is answered.
async fn up_again(peer: &Peer) -> Result<i64, String> {
    let sum = async {
        loop {
            if let Ok(sum) = peer.call("add", (1, 2)).await {
                return sum;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(2 * SOON, sum).await.map_err(|_| format!("it is {:?}", peer.state()))
}
