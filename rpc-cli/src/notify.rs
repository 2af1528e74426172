//! `birpc notify`: one notification, which has no answer.

use std::time::Duration;

use birpc::Router;
use clap::Args;

use crate::connection::{ConnectArguments, Deadline, Session, all_was_sent};
use crate::duration::duration;
use crate::failure::Failure;
use crate::params::ParamArguments;

/// Send a notification, which has no answer
///
/// The command ends when the server has received it, which does not say that it has understood it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server: ws://HOST:PORT/PATH or wss://…
    url: String,
    /// The name of the method
    method: String,
    #[command(flatten)]
    params: ParamArguments,
    /// Give up after this time: 300ms, 5s, 2m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    connect: ConnectArguments,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let params = arguments.params.read()?;
    let deadline = Deadline::after(arguments.timeout);
    let builder = arguments.connect.builder()?.serve(Router::new());
    let session = Session::open(builder, &arguments.url, deadline).await?;
    let peer = session.peer().clone();
    let method = &*arguments.method;
    let work = async move {
        let notified =
            async { peer.notify(method, params).await.map_err(|error| Failure::of_call(method, error)) };
        deadline.within(&format!("`{method}`"), notified).await
    };
    let ((), closed) = session.run(work).await?;
    match all_was_sent(&closed) {
        true => Ok(()),
        false => Err(Failure::disconnected(format_args!(
            "the connection ended before the server had received `{method}`: {closed}"
        ))),
    }
}
