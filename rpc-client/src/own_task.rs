//! The application's code in a task of its own: it may block, compute or panic there, and the client goes on.

use std::future::Future;

use tokio::task::JoinSet;

/// Runs `code` in a task, which ends when this is dropped. `None` if it panicked, which the
/// log tells with the text `panicked`.
pub(crate) async fn in_own_task<T: Send + 'static>(
    panicked: &'static str,
    code: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn(code);
    match tasks.join_next().await? {
        Ok(output) => Some(output),
        Err(error) => {
            tracing::error!(%error, "{panicked}");
            None
        }
    }
}
