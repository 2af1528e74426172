//! Opens the connections of all commands, and closes them.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use birpc::{Client, ClientBuilder, ClientTls, CloseReason, Dialect, Initiator, Peer};
use clap::{Args, ValueEnum};
use tokio::time::Instant;

use crate::failure::Failure;
use crate::signals::{Signals, insist};
use crate::size::size;

/// How long a close may take that the user waits for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How to connect.
#[derive(Args, Clone)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectArguments {
    /// Send a header with the handshake, such as 'Authorization: Bearer …'
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Trust the certificates of this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Cancel calls as this dialect does
    #[arg(long, value_enum, value_name = "DIALECT", default_value_t = DialectName::Auto)]
    dialect: DialectName,
    /// Offer this subprotocol; may be repeated, the best first
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// Offer no subprotocol, for servers that refuse the header
    #[arg(long, conflicts_with = "subprotocol")]
    no_subprotocol: bool,
    /// The largest message, in both directions
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    max_message: usize,
}

/// The dialects of JSON-RPC.
#[derive(Clone, Copy, ValueEnum)]
enum DialectName {
    /// birpc.v1 if the server knows it, otherwise plain JSON-RPC
    Auto,
    /// JSON-RPC 2.0 alone
    Plain,
    /// birpc.v1 or nothing
    Birpc,
    /// Language servers
    Lsp,
    /// Model Context Protocol
    Mcp,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl ConnectArguments {
    /// The builder of a client with these settings.
    pub(crate) fn builder(&self) -> Result<ClientBuilder, Failure> {
        let largest = self.max_message;
        let mut builder = Client::builder().lenient_version(true).limits(|limits| {
            (limits.max_message_in, limits.max_message_out) = (largest, largest);
            limits.max_queued_bytes = limits.max_queued_bytes.max(largest);
            limits.close_timeout = CLOSE_TIMEOUT;
        });
        builder = match self.dialect {
            DialectName::Auto => builder,
            DialectName::Plain => builder.dialect(Dialect::plain()).subprotocols(["jsonrpc"]),
            DialectName::Birpc => builder.subprotocols(["birpc.v1"]).insist_on_subprotocol(true),
            DialectName::Lsp => builder.dialect(Dialect::lsp()),
            DialectName::Mcp => builder.dialect(Dialect::mcp()).subprotocols(["mcp"]),
        };
        if self.no_subprotocol {
            if matches!(self.dialect, DialectName::Birpc) {
                return Err(Failure::usage("`--dialect birpc` cannot be used with --no-subprotocol"));
            }
            builder = builder.no_subprotocol();
        } else if !self.subprotocol.is_empty() {
            builder = builder.subprotocols(self.subprotocol.iter().map(String::as_str));
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        match &self.cacert {
            Some(path) => ClientTls::only_ca_file(path).map(|tls| builder.tls(tls)).map_err(Failure::usage),
            None => Ok(builder),
        }
    }

    /// The same for a connection under the subprotocol `name`, unless the arguments say another, or none.
    pub(crate) fn builder_under(&self, name: &str) -> Result<ClientBuilder, Failure> {
        let builder = self.builder()?;
        if self.no_subprotocol || !self.subprotocol.is_empty() {
            return Ok(builder);
        }
        // A server that speaks JSON-RPC alone need not say so.
        Ok(builder.subprotocols([name]).insist_on_subprotocol(name != "jsonrpc"))
    }

    /// The largest message, in bytes.
    pub(crate) fn max_message(&self) -> usize {
        self.max_message
    }
}

/// The time that a command may take.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// `None`: as long as it takes.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        // A time that cannot be represented never comes.
        Self(timeout.and_then(|timeout| Some((Instant::now().checked_add(timeout)?, timeout))))
    }

    /// Waits for `work`, at most until the deadline. `doing` is what takes too long then.
    pub(crate) async fn within<T>(
        self,
        doing: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some((at, timeout)) = self.0 else { return work.await };
        let late = |_| Failure::timed_out(format_args!("{doing} took longer than {timeout:?} (--timeout)"));
        tokio::time::timeout_at(at, work).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }
}

/// An open connection, which is closed well however its command ends.
pub(crate) struct Session {
    client: Client,
    signals: Signals,
}

impl Session {
    /// Connects, until the deadline or a signal.
    pub(crate) async fn open(builder: ClientBuilder, url: &str, deadline: Deadline) -> Result<Self, Failure> {
        let mut signals = Signals::listen()?;
        let connecting = async { builder.connect(url).await.map_err(|error| Failure::of_connect(&error)) };
        let client = tokio::select! {
            connected = deadline.within("connecting", connecting) => connected?,
            ended = signals.next() => return Err(ended),
        };
        Ok(Self { client, signals })
    }

    pub(crate) fn peer(&self) -> &Peer {
        self.client.peer()
    }

    /// Runs `work` until a signal, and closes the connection with 1000, after what was queued. A second
    /// signal does not wait for the close. `work` is dropped before the close.
    pub(crate) async fn run<T>(
        self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<(T, CloseReason), Failure> {
        insist();
        self.run_with(async move |signals| {
            tokio::select! {
                ended = work => ended,
                ended = signals.next() => Err(ended),
            }
        })
        .await
    }

    /// The same for work that decides itself what signals mean.
    pub(crate) async fn run_with<T>(
        mut self,
        work: impl AsyncFnOnce(&mut Signals) -> Result<T, Failure>,
    ) -> Result<(T, CloseReason), Failure> {
        let ended = work(&mut self.signals).await;
        let closing = async {
            // The code and the reason can be sent.
            match self.client.close(1000, "") {
                Ok(closing) => closing.await,
                Err(_) => self.client.closed().await,
            }
        };
        let closed = tokio::select! {
            closed = closing => closed,
            ended = self.signals.next() => return Err(ended),
        };
        Ok((ended?, closed))
    }
}

/// Whether a connection was closed by this side, and everything that was queued before was sent.
pub(crate) fn all_was_sent(closed: &CloseReason) -> bool {
    closed.initiator == Initiator::Local && closed.clean
}
