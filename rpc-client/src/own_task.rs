//! Runs application code in a task of its own, where it may block, compute or panic without stopping the
//! client.

use std::future::Future;

use tokio::task::JoinSet;

/// Runs `code` in a task, which is aborted when this future is dropped. If the code panics, the log gets the
/// text `panicked` and the result is `None`.
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
