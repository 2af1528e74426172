//! `birpc discover`: what a server says of itself.

use std::time::Duration;

use birpc::{RawValue, Router};
use birpc_contract::Contract;
use clap::Args;

use crate::connection::{ConnectArguments, Deadline, Session};
use crate::duration::duration;
use crate::failure::Failure;
use crate::output;

/// Print the description of a server, which it answers to `rpc.discover`
///
/// It is an OpenRPC document, which is printed as it was received.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server: ws://HOST:PORT/PATH or wss://…
    url: String,
    /// Print it as an AsyncAPI document
    #[arg(long, conflicts_with = "ts")]
    asyncapi: bool,
    /// Print it as a TypeScript module for @birpc/client
    #[arg(long)]
    ts: bool,
    /// Give up after this time: 300ms, 5s, 2m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    connect: ConnectArguments,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let document = document(&arguments.url, &arguments.connect, arguments.timeout).await?;
    if !arguments.asyncapi && !arguments.ts {
        return output::line(document.get());
    }
    let contract = read(document.get(), &arguments.url)?;
    let text = if arguments.ts { contract.typescript() } else { contract.asyncapi() };
    output::line(text.trim_end())
}

/// Asks a server for its document.
pub(crate) async fn document(
    url: &str,
    connect: &ConnectArguments,
    timeout: Option<Duration>,
) -> Result<Box<RawValue>, Failure> {
    const METHOD: &str = "rpc.discover";
    let deadline = Deadline::after(timeout);
    let session = Session::open(connect.builder()?.serve(Router::new()), url, deadline).await?;
    let call = session.peer().call::<Box<RawValue>>(METHOD, ());
    let work = async { call.await.map_err(|error| Failure::of_call(METHOD, error)) };
    let doing = format!("`{METHOD}`");
    session.run(deadline.within(&doing, work)).await.map(|(document, _)| document)
}

/// Reads an OpenRPC document. `from` names it in the error.
pub(crate) fn read(document: &str, from: &str) -> Result<Contract, Failure> {
    let unreadable =
        |error| Failure::unreadable(format_args!("the document of `{from}` cannot be used: {error}"));
    Contract::from_openrpc(document).map_err(unreadable)
}
