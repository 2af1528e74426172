//! Our client against the Autobahn|Testsuite's server, which it lets run every case; `cargo xtask autobahn`
//! runs it: `cargo run --release --example ws_cases -- ws://127.0.0.1:PORT AGENT`.

mod echo;

use std::error::Error;
use std::future::poll_fn;

use birpc::transport::{Frame, Transport};
use birpc::{Client, ConnectError};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(agent)) = (arguments.next(), arguments.next()) else {
        return Err("usage: ws_cases URL AGENT".into());
    };
    let count = case_count(&url).await?;
    println!("{count} cases");
    for case in 1..=count {
        echo::echo(connect(&format!("{url}/runCase?case={case}&agent={agent}")).await?).await;
    }
    let reports = format!("{url}/updateReports?agent={agent}&shutdownOnComplete=true");
    match connect(&reports).await {
        Ok(transport) => echo::echo(transport).await,
        // The suite writes its reports and then stops at once, before its handshake has gone out.
        Err(ConnectError::Io { .. } | ConnectError::Handshake(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// The suite speaks no subprotocol, so none is offered.
async fn connect(url: &str) -> Result<impl Transport, ConnectError> {
    Client::builder().limits(echo::raise).subprotocols::<&str>([]).connect_transport(url).await
}

async fn case_count(url: &str) -> Result<u32, Box<dyn Error>> {
    let mut transport = connect(&format!("{url}/getCaseCount")).await?;
    let Some(Ok(Frame::Text(count))) = poll_fn(|cx| transport.poll_recv(cx)).await else {
        return Err("the suite does not say how many cases it has".into());
    };
    let count = std::str::from_utf8(&count)?.parse()?;
    echo::echo(transport).await; // to its close
    Ok(count)
}
