//! Handlers that block their thread. They run on the threads that the runtime keeps for blocking code.

use std::panic::resume_unwind;

use crate::context::Context;
use crate::observe::Scope;
use crate::served_call::{OnThread, within};

/// Runs a blocking handler on one of the runtime's threads for blocking code. If the call is cancelled before
/// a thread is free, the handler never runs. A handler that runs cannot be stopped: it keeps its slot until
/// it returns, so a peer that calls and cancels in a loop does not pile up threads. A handler that waits for
/// a thread keeps its slot too, since the runtime's queue is not bounded.
pub(super) async fn blocking<R: Send + 'static>(
    cx: Context,
    handler: impl FnOnce(Context) -> R + Send + 'static,
) -> R {
    let call = cx.call().clone();
    let on_thread = OnThread::begin(&call);
    let (running, scope) = (call.clone(), Scope::current());
    let thread = tokio::task::spawn_blocking(move || {
        // Dropped when the handler returns.
        let _on_thread = on_thread;
        (!running.is_cancelled()).then(|| scope.within(|| within(&running, || handler(cx))))
    });
    match thread.await {
        Ok(Some(output)) if !call.is_cancelled() => return output,
        // Passes the panic on to the guard that is around every handler; the panic hook has run already.
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The call was cancelled, or the runtime is shutting down and drops this task next.
        Ok(_) | Err(_) => {}
    }
    std::future::pending().await
}
