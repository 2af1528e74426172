//! Serves the connections of `bridge` and `record` until the command ends.

use std::future::Future;
use std::time::Duration;

use birpc::transport::Transport;
use birpc::{ConnectionInfo, Server};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::failure::Failure;
use crate::signals::{Signals, insist};

/// How long a command waits at its end for its connections. Each ends within 2 s (`process`).
const LAST_CONNECTIONS: Duration = Duration::from_millis(2500);

/// Becomes true when the command ends, and so each connection has to.
pub(crate) type Stopped = watch::Receiver<bool>;

/// Passes each connection to `serve`, until a signal comes or a connection fails. Then waits for all
/// connections to end, unless another signal comes. Returns the end of the command.
pub(crate) async fn serve_until_stopped<Fut>(
    server: Server,
    mut signals: Signals,
    serve: impl Fn(Box<dyn Transport>, ConnectionInfo, Stopped) -> Fut + Send + Sync + 'static,
) -> Failure
where
    Fut: Future<Output = Result<(), Failure>> + Send + 'static,
{
    insist();
    let (stop, stopped) = watch::channel(false);
    // Each connection holds a sender, so that the receiver ends with the last of them.
    let (failed, mut failures) = mpsc::channel(1);
    let open = failed.downgrade();
    let serving = server.serve_transports(move |transport, info| {
        // After the end there is no sender, and no connection begins.
        let serving = open.upgrade().map(|failed| (failed, serve(transport, info, stopped.clone())));
        async move {
            let Some((failed, serving)) = serving else { return };
            if let Err(failure) = serving.await {
                // A failure that is there already says the same.
                let _ = failed.try_send(failure);
            }
        }
    });
    tokio::pin!(serving);
    let ended = tokio::select! {
        // It serves until it is stopped, which nobody does.
        () = &mut serving => Failure::silent(0),
        Some(failure) = failures.recv() => failure,
        ended = signals.next() => ended,
    };
    drop(failed);
    // There may be no connection that hears it.
    let _ = stop.send(true);
    let all_have_ended = async { while failures.recv().await.is_some() {} };
    tokio::select! {
        () = &mut serving => {}
        () = all_have_ended => {}
        () = sleep(LAST_CONNECTIONS) => {}
        _ = signals.next() => {}
    }
    ended
}
