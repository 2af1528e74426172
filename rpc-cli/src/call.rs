//! `birpc call`: one call, whose result goes to standard output.

use birpc::{ErrorObject, Peer, Progress, RawValue, Streaming, ValueOrStream};
use clap::Args;

use crate::failure::Failure;
use crate::invocation::MethodArguments;
use crate::output;
use crate::params::Params;

/// Call a method, and print its result
///
/// The result is printed as it was received. If the method returns a stream, each item is a line, and the
/// end prints nothing. Progress goes to standard error. An error goes to standard error as one line of JSON.
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
        let doing = format!("`{method}`");
        let step = |step: Box<RawValue>| output::note(&progress_line(&step));
        match deadline.within(&doing, call(&peer, method, params, step)).await? {
            ValueOrStream::Value(value) => output::line(value.get()),
            ValueOrStream::Stream(items) => print(method, items).await,
        }
    };
    session.run(work).await.map(|_| ())
}

/// What a method returns that is called by its name.
pub(crate) type Any = ValueOrStream<Box<RawValue>>;

/// Calls the method, and passes reports of its progress to `step`. Progress is asked for only under
/// `birpc.v1`: in other dialects that would change the params.
pub(crate) async fn call(
    peer: &Peer,
    method: &str,
    params: Params,
    step: impl FnMut(Box<RawValue>) + Send + 'static,
) -> Result<Any, Failure> {
    let mut call = peer.invoke::<Result<Any, ErrorObject>>(method, params);
    if peer.subprotocol() == Some("birpc.v1") {
        call = call.with_progress(Progress::to(step));
    }
    call.await.map_err(|error| Failure::of_call(method, error))
}

/// The line for a report of progress.
pub(crate) fn progress_line(step: &RawValue) -> String {
    format!("progress: {}", output::on_one_line(step.get()))
}

/// Prints each item of a stream on a line.
async fn print(method: &str, mut items: Streaming<Box<RawValue>>) -> Result<(), Failure> {
    while let Some(item) = items.next().await {
        let item = item.map_err(|error| Failure::of_stream(method, error))?;
        output::line(&output::on_one_line(item.get()))?;
        // Items may always be there, and a signal must be noticed.
        tokio::task::yield_now().await;
    }
    Ok(())
}
