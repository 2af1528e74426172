//! `birpc record`: a proxy between a client and a server that writes down what they say.

mod block;
mod proxy;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc::transport::Transport;
use birpc::{ConnectionInfo, Router, Server};
use clap::Args;

use crate::access::ListenArguments;
use crate::connection::{ConnectArguments, Deadline, Session};
use crate::failure::Failure;
use crate::output;
use crate::serving::{Stopped, serve_until_stopped};
use crate::signals::Signals;
use crate::wire::Wire;
use block::Recording;

/// Write down what a client and a server say
///
/// A client connects to the address that is printed, and everything goes to the server at URL. Each
/// connection becomes a block of FILE when it has ended; until then it is in FILE.N.part. `birpc replay`
/// plays the file. It contains all messages with their secrets, but no headers.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The file, to which blocks are appended
    file: PathBuf,
    /// The server: ws://HOST:PORT/PATH or wss://…
    url: String,
    #[command(flatten)]
    listen: ListenArguments,
    #[command(flatten)]
    connect: ConnectArguments,
}

/// What all connections need.
struct Recorder {
    url: String,
    connect: ConnectArguments,
    recording: Recording,
    /// The number of connections so far.
    count: AtomicUsize,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { file, url, listen, connect } = arguments;
    let recording = Recording::open(file)?;
    let subprotocol = subprotocol_of(&connect, &url).await?;
    let signals = Signals::listen()?;
    let largest = connect.max_message();
    let builder = Server::builder().subprotocols(subprotocol.as_deref()).lenient_subprotocols(true);
    let server = listen.bind(builder.limits(|limits| limits.max_message_in = largest)).await?;
    let recorder = Arc::new(Recorder { url, connect, recording, count: AtomicUsize::new(0) });
    let ended = serve_until_stopped(server, signals, move |transport, info, stopped| {
        let recorder = recorder.clone();
        async move { recorder.record(transport, info, stopped).await }
    });
    Err(ended.await)
}

/// Connects to the server once, and returns the subprotocol that it chooses: the one that the proxy may agree
/// to.
async fn subprotocol_of(connect: &ConnectArguments, url: &str) -> Result<Option<String>, Failure> {
    let builder = connect.builder()?.serve(Router::new());
    let session = Session::open(builder, url, Deadline::after(None)).await?;
    let subprotocol = session.peer().subprotocol().map(String::from);
    session.run(async { Ok(()) }).await?;
    Ok(subprotocol)
}

impl Recorder {
    /// Records a connection. A failure of the recording ends the command.
    async fn record(
        &self,
        client: Box<dyn Transport>,
        info: ConnectionInfo,
        stopped: Stopped,
    ) -> Result<(), Failure> {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Wire::new(client);
        let builder = self.connect.builder()?;
        let builder = match &info.subprotocol {
            Some(name) => builder.subprotocols([&**name]).insist_on_subprotocol(true),
            None => builder.no_subprotocol(),
        };
        let server = match builder.connect_transport(&self.url).await {
            Ok(server) => Wire::new(server),
            Err(error) => {
                output::note(&format!("birpc: connection {number}: {error}"));
                client.close(proxy::closing(1014, "the server cannot be reached")).await;
                return Ok(());
            }
        };
        let block = self.recording.begin(number, info.subprotocol.as_deref())?;
        proxy::pass_on(client, server, block, stopped).await
    }
}
