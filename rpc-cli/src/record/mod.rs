//! `birpc record`: a proxy between a client and a server that writes down what they say.

mod block;
mod proxy;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::transport::Transport;
use birpc::{ConnectionInfo, Router, Server};
use clap::Args;
use tokio::sync::{mpsc, watch};

use crate::access::ListenArguments;
use crate::connection::{ConnectArguments, Deadline, Session};
use crate::failure::Failure;
use crate::output;
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

/// How long the proxy waits at its end for connections to be closed.
const LAST: Duration = Duration::from_millis(2500);

/// What all connections need.
struct Recorder {
    url: String,
    connect: ConnectArguments,
    recording: Recording,
    /// The number of connections so far.
    count: AtomicUsize,
    stopped: watch::Receiver<bool>,
    /// The failure of a recording, which ends the command.
    failed: mpsc::Sender<Failure>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { file, url, listen, connect } = arguments;
    let recording = Recording::open(file)?;
    let subprotocol = subprotocol_of(&connect, &url).await?;
    let mut signals = Signals::listen()?;
    let largest = connect.max_message();
    let builder = Server::builder().subprotocols(subprotocol.as_deref()).lenient_subprotocols(true);
    let server = listen.bind(builder.limits(|limits| limits.max_message_in = largest)).await?;

    let (stop, stopped) = watch::channel(false);
    let (failed, mut failures) = mpsc::channel(1);
    let recorder = Recorder { url, connect, recording, count: AtomicUsize::new(0), stopped, failed };
    let recorder = Arc::new(recorder);
    // Each connection holds the sender, so that the receiver ends with the last of them.
    let (alive, mut gone) = mpsc::channel::<()>(1);
    let alive = Arc::new(alive);
    let living = Arc::downgrade(&alive);
    let serving = server.serve_transports(move |transport, info| {
        let (living, recorder) = (living.upgrade(), recorder.clone());
        async move {
            if living.is_some() {
                recorder.record(transport, info).await;
            }
        }
    });
    tokio::pin!(serving);
    let ended = tokio::select! {
        () = &mut serving => Failure::silent(0),
        Some(failure) = failures.recv() => failure,
        ended = signals.next() => ended,
    };
    drop(alive);
    // There may be no connection that hears it.
    let _ = stop.send(true);
    tokio::select! {
        () = &mut serving => {}
        _ = gone.recv() => {}
        () = tokio::time::sleep(LAST) => {}
        _ = signals.next() => {}
    }
    Err(ended)
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
    async fn record(&self, client: Box<dyn Transport>, info: ConnectionInfo) {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if let Err(failure) = self.record_as(number, client, info).await {
            // A failure that is there already says the same.
            let _ = self.failed.try_send(failure);
        }
    }

    async fn record_as(
        &self,
        number: usize,
        client: Box<dyn Transport>,
        info: ConnectionInfo,
    ) -> Result<(), Failure> {
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
        proxy::pass_on(client, server, block, self.stopped.clone()).await
    }
}
