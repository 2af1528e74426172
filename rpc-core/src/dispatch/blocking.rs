//! Handlers that block the thread on which they run, and so run on one of the runtime's threads for that.

use std::panic::resume_unwind;

use crate::context::Context;
use crate::observe::Scope;
use crate::served_call::{OnThread, within};

/// Runs a handler where it may block. One whose call is cancelled before a thread is free never runs. One
/// that runs cannot be stopped: it keeps its slot until it returns, so that who calls and cancels in a loop
/// does not pile up threads; and so does one that waits for its thread, since that queue is the runtime's and
/// has no bound of its own.
pub(super) async fn blocking<R: Send + 'static>(
    cx: Context,
    handler: impl FnOnce(Context) -> R + Send + 'static,
) -> R {
    let call = cx.call().clone();
    let on_thread = OnThread::begin(&call);
    let (running, scope) = (call.clone(), Scope::current());
    let thread = tokio::task::spawn_blocking(move || {
        // Dropped when the thread is free again.
        let _on_thread = on_thread;
        (!running.is_cancelled()).then(|| scope.within(|| within(&running, || handler(cx))))
    });
    match thread.await {
        Ok(Some(output)) if !call.is_cancelled() => return output,
        // For the guard around every handler. The panic hook has had it.
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // Cancelled; or the runtime shuts down, and drops this task next.
        Ok(_) | Err(_) => {}
    }
    std::future::pending().await
}
