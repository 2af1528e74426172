//! Our client runs all cases of the Autobahn|Testsuite's server. `cargo xtask autobahn` runs this: `cargo run
//! --release --example ws_cases -- ws://127.0.0.1:PORT AGENT`. With `--tungstenite` as the last argument,
//! tokio-tungstenite connects.

mod echo;

use std::error::Error;
use std::future::poll_fn;

use birpc::transport::{Frame, Role, Transport};
use birpc::tungstenite::{self, tokio_tungstenite};
use birpc::{Client, Limits};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(agent)) = (arguments.next(), arguments.next()) else {
        return Err("usage: ws_cases URL AGENT [--tungstenite]".into());
    };
    let by = match arguments.next().as_deref() {
        Some("--tungstenite") => By::Tungstenite,
        _ => By::Birpc,
    };
    let count = case_count(by, &url).await?;
    println!("{count} cases");
    for case in 1..=count {
        echo::echo(by.connect(&format!("{url}/runCase?case={case}&agent={agent}")).await?).await;
    }
    let reports = format!("{url}/updateReports?agent={agent}&shutdownOnComplete=true");
    // The suite writes its reports and then stops at once, possibly before its handshake has been sent.
    if let Ok(transport) = by.connect(&reports).await {
        echo::echo(transport).await;
    }
    Ok(())
}

/// The library that connects.
#[derive(Clone, Copy)]
enum By {
    Birpc,
    Tungstenite,
}

impl By {
    async fn connect(self, url: &str) -> Result<Box<dyn Transport>, Box<dyn Error>> {
        match self {
            // The suite has no subprotocol, so none is offered.
            Self::Birpc => {
                let client = Client::builder().limits(echo::raise).no_subprotocol();
                Ok(Box::new(client.connect_transport(url).await?))
            }
            Self::Tungstenite => {
                let mut limits = Limits::default();
                echo::raise(&mut limits);
                let settings = Some(tungstenite::config(&limits));
                let address = url.trim_start_matches("ws://").split('/').next().unwrap_or_default();
                let stream = TcpStream::connect(address).await?;
                let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, settings).await?;
                Ok(Box::new(tungstenite::WebSocket::new(socket, Role::Client)))
            }
        }
    }
}

async fn case_count(by: By, url: &str) -> Result<u32, Box<dyn Error>> {
    let mut transport = by.connect(&format!("{url}/getCaseCount")).await?;
    let Some(Ok(Frame::Text(count))) = poll_fn(|cx| transport.poll_recv(cx)).await else {
        return Err("the suite does not say how many cases it has".into());
    };
    let count = std::str::from_utf8(&count)?.parse()?;
    echo::echo(transport).await; // to its close
    Ok(count)
}
