//! `birpc notify`: one notification, which has no answer.

use clap::Args;

use crate::connection::all_was_sent;
use crate::failure::Failure;
use crate::invocation::MethodArguments;

/// Send a notification, which has no answer
///
/// The command ends when the server has received it, which does not say that it has understood it.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    invocation: MethodArguments,
}

pub(crate) async fn run(Arguments { invocation }: Arguments) -> Result<(), Failure> {
    let (session, params, deadline) = invocation.open().await?;
    let peer = session.peer().clone();
    let method = &*invocation.method;
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
