//! The future of a server that serves.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::server::ServeError;

/// What [`crate::Server::serve`] returns: the server runs while this is polled.
#[must_use = "a server does nothing until this is awaited"]
pub struct Serving {
    running: Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>,
}

impl Serving {
    /// Boxed: all that a connection consists of is compiled in this crate, and not anew in each that serves.
    pub(crate) fn new(running: impl Future<Output = Result<(), ServeError>> + Send + 'static) -> Self {
        Self { running: Box::pin(running) }
    }
}

impl Future for Serving {
    type Output = Result<(), ServeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.running.as_mut().poll(cx)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}
