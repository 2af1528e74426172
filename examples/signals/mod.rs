//! The signals that stop the processes of `server` and `testbed`.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM, which service managers send, or Ctrl-C. Call it before the process prints that it
/// listens: until then SIGTERM kills the process.
#[cfg(unix)]
pub fn asked_to_stop() -> io::Result<impl Future<Output = io::Result<()>>> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted,
        }
    })
}

#[cfg(not(unix))]
pub fn asked_to_stop() -> io::Result<impl Future<Output = io::Result<()>>> {
    Ok(tokio::signal::ctrl_c())
}
