//! A single call of a tower service, which waits until the service is ready.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

/// The error type of layers' services: any error that converts into this.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// A single call of a service: waits until the service is ready, then calls it.
    #[project = Step]
    pub(crate) enum Oneshot<S: Service<C>, C> {
        /// `call` is `None` once the service has taken it.
        Waiting { service: S, call: Option<C> },
        Running { #[pin] running: S::Future },
    }
}

impl<S: Service<C>, C> Oneshot<S, C> {
    pub(crate) fn new(service: S, call: C) -> Self {
        Self::Waiting { service, call: Some(call) }
    }
}

impl<S: Service<C>, C> Future for Oneshot<S, C> {
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let running = match self.as_mut().project() {
                Step::Running { running } => return running.poll(cx),
                Step::Waiting { service, call } => {
                    ready!(service.poll_ready(cx))?;
                    // If it is polled again after it has failed or panicked, it stays pending, as std's fused
                    // futures do.
                    let Some(call) = call.take() else { return Poll::Pending };
                    service.call(call)
                }
            };
            self.set(Self::Running { running });
        }
    }
}
