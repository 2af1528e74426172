//! The application's word that a client should connect now.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;

/// Says it; a cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct Now(Arc<watch::Sender<()>>);

/// Hears it.
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
    /// What was said before an outage does not count for it.
    pub(super) fn forget(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits until it is said.
    pub(super) async fn asked(&mut self) {
        if self.0.changed().await.is_err() {
            // There may be handles without a `Client`, so the outage goes on.
            pending().await
        }
    }
}
