//! The testbed behind a third-party proxy. `cargo xtask interop` runs this: `cargo run --features tls
//! --example behind_proxy -- nginx|haproxy|caddy|apache PROGRAM CONFIG`, where CONFIG is the proxy's file in
//! `xtask/interop/proxies`. This program starts the proxy and the testbed, and prints a line for each check.

#[allow(dead_code)] // this example uses its part of it
#[path = "../foreign/checks.rs"]
mod checks;
mod http;
mod outages;
mod pki;
mod proxy;
mod testbed;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use birpc::{CallError, Client, ClientTls, ConnectError, Context, ErrorObject, Keepalive, Peer, Router};
use serde_json::json;

use checks::{Checks, SOON, a_hundred_sums, mebibyte};
use proxy::{IDLE, Kind, Proxy};
use testbed::{HEALTH, NAME, Testbed};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, program, config] = &arguments[..] else {
        return Err("usage: behind_proxy nginx|haproxy|caddy|apache PROGRAM CONFIG".into());
    };
    let mut checks = Checks::default();
    let mut testbed = Testbed::start(None).await?;
    let mut proxy = Proxy::start(Kind::named(kind)?, program, config, testbed.address).await?;
    let outcome = run(&mut testbed, &mut proxy, &mut checks).await;
    if outcome.is_err() {
        proxy.keep_log();
    }
    outcome?;
    Ok(checks.exit_code())
}

async fn run(testbed: &mut Testbed, proxy: &mut Proxy, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let tls = ClientTls::only_ca_pem(&proxy.ca)?;
    let secure = Client::builder().tls(tls).serve(served()).connect(&proxy.secure_url()).await?;
    calls("TLS that ends at the proxy", secure.peer(), checks).await?;
    let plain = Client::builder().serve(served()).connect(&proxy.url()).await?;
    calls("plain", plain.peer(), checks).await?;
    browsers(proxy, checks).await?;
    health(testbed, proxy, checks).await?;
    idle(proxy, checks).await?;
    outages::reload(proxy, checks).await?;
    outages::restart(testbed, proxy, checks).await?;
    Ok(())
}

/// The methods that the testbed calls on this side.
fn served() -> Router {
    Router::new().method("double", |_: Context, (n,): (i64,)| async move { Ok::<_, ErrorObject>(2 * n) })
}

/// Calls in both directions, and large messages in both directions.
async fn calls(how: &str, peer: &Peer, checks: &mut Checks) -> Result<(), CallError> {
    let sums = a_hundred_sums(peer).await?;
    checks.equal(&format!("{how}: a hundred calls at once"), sums, (1..=100).collect());
    let doubled = peer.call::<i64>("relay", json!(["double", [21]])).await?;
    checks.equal(&format!("{how}: the server calls back"), doubled, 42);
    let long = mebibyte();
    let echo = peer.call::<String>("echo", [&long]).await?;
    checks.equal(&format!("{how}: 1 MiB there and back"), echo == long, true);
    Ok(())
}

/// A page's `Origin` is compared with the `Host` that the browser sent, so the proxy must pass the `Host` on.
async fn browsers(proxy: &Proxy, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let http = proxy.http;
    let own = format!("https://{NAME}");
    let status = http::upgrade(http, NAME, Some(&own)).await?;
    checks.equal("a page of the proxy's own name may connect", status, 101);
    let status = http::upgrade(http, NAME, Some("https://elsewhere.example")).await?;
    checks.equal("a page of another may not", status, 403);
    let status = http::upgrade(http, "rebound.example", Some("https://rebound.example")).await?;
    checks.equal("nor may a page that has a name of its own for the proxy", status, 403);

    let url = proxy.secure_url();
    let tls = ClientTls::only_ca_pem(&proxy.ca)?;
    for (scheme, expected) in [("https", 101), ("http", 403)] {
        let origin = url.trim_end_matches('/').replace("wss", scheme);
        let page = Client::builder().tls(tls.clone()).header("origin", &origin).connect(&url).await;
        let status = match page {
            Ok(_) => 101,
            Err(ConnectError::Refused { status, .. }) => status,
            Err(error) => return Err(error.into()),
        };
        checks.equal(&format!("an {scheme}:// page of a host with TLS"), status, expected);
    }
    Ok(())
}

/// Health checks are answered whatever their `Host` and version of HTTP.
async fn health(testbed: &Testbed, proxy: &Proxy, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    for (address, how) in [(testbed.address, "at the server"), (proxy.http, "through the proxy")] {
        for method in ["GET", "HEAD"] {
            let request = format!("{method} {HEALTH} HTTP/1.1\r\nhost: {NAME}\r\nconnection: close\r\n\r\n");
            let status = http::status(address, &request).await?;
            checks.equal(&format!("the health check {how}, {method}"), status, 200);
        }
    }
    let status = http::status(testbed.address, &format!("GET {HEALTH} HTTP/1.0\r\n\r\n")).await?;
    checks.equal("the health check at the server, HTTP/1.0", status, 200);
    Ok(())
}

/// The proxy cuts a connection that is idle, unless keepalive sends pings.
async fn idle(proxy: &Proxy, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let url = proxy.url();
    let connect = |keepalive| Client::builder().keepalive(keepalive).connect(&url);
    let silent = connect(Keepalive::off()).await?;
    let alive = connect(Keepalive::every(IDLE / 4, SOON)).await?;
    let cut = tokio::time::timeout(IDLE + Duration::from_secs(1), silent.closed()).await;
    let cut = cut.map(|reason| reason.code).ok();
    checks.equal("a connection without a ping is cut", cut, proxy.kind.cuts_idle().then_some(1006));
    checks.equal("one with pings is not", alive.peer().call::<i64>("add", (1, 2)).await, Ok(3));
    Ok(())
}
