//! The application's request to connect now.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;

/// Requests it. A clone is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Now(Arc<watch::Sender<()>>);

/// Receives the request.
pub(super) struct Asked(watch::Receiver<()>);

impl Now {
    pub(super) fn new() -> (Self, Asked) {
        let (sender, receiver) = watch::channel(());
        (Self(Arc::new(sender)), Asked(receiver))
    }

    pub(crate) fn ask(&self) {
        self.0.send_replace(());
    }
}

impl Asked {
    /// Discards requests that were made before an outage.
    pub(super) fn forget(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits for a request.
    pub(super) async fn asked(&mut self) {
        if self.0.changed().await.is_err() {
            // Handles may exist without a `Client`, so the outage continues.
            pending().await
        }
    }
}
