//! How the processes of `server` and `testbed` are told to stop.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM, which service managers send, or Ctrl-C.
#[cfg(unix)]
pub async fn asked_to_stop() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

#[cfg(not(unix))]
pub async fn asked_to_stop() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
