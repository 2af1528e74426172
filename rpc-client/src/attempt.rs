//! One attempt to connect, as the hook before it sees it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use birpc_core::CloseReason;
use birpc_core::middleware::BoxError;

use crate::error::ConnectError;
use crate::offer::Offer;
use crate::own_task::in_own_task;

/// One attempt to connect; see [`crate::ClientBuilder::before_attempt`].
///
/// It begins with the URL, the headers and the subprotocols of the builder, and what is changed holds for
/// this attempt alone.
#[derive(Clone)]
#[must_use = "the hook returns it"]
pub struct Attempt {
    pub(crate) history: History,
    pub(crate) url: String,
    pub(crate) offer: Offer,
}

/// What came before an attempt.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// 1 for the first attempt.
    pub(crate) number: u32,
    /// Why the connection ended that is to be restored.
    pub(crate) lost: Option<CloseReason>,
    /// Why the attempt before this one failed.
    pub(crate) failed: Option<Arc<ConnectError>>,
}

impl History {
    /// Of a client that was never connected.
    pub(crate) fn none() -> Self {
        Self { number: 1, lost: None, failed: None }
    }
}

impl Attempt {
    /// Which attempt this is: 1 for the first of [`crate::ClientBuilder::connect`], and for the first after a
    /// connection was lost.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.history.number
    }

    /// Why the last connection ended; `None` before the first.
    #[must_use]
    pub fn lost(&self) -> Option<&CloseReason> {
        self.history.lost.as_ref()
    }

    /// Why the attempt before this one failed; `None` for the first attempt after a connection was lost, and
    /// for the first at all.
    #[must_use]
    pub fn last_error(&self) -> Option<&ConnectError> {
        self.history.failed.as_deref()
    }

    /// The URL to connect to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connects to this URL instead.
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Sets a header of the request, in place of all that have this name. One that HTTP does not allow fails
    /// the attempt.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.offer.set_header(name, value);
        self
    }

    /// Offers these subprotocols instead, in this order.
    pub fn with_subprotocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.offer.subprotocols = names.into_iter().map(String::from).collect();
        self
    }
}

/// Without the URL's query and the values of headers, which may be credentials.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("number", &self.history.number)
            .field("lost", &self.history.lost)
            .field("last_error", &self.history.failed)
            .field("url", &crate::error_text::redacted(&self.url))
            .field("offer", &self.offer)
            .finish()
    }
}

type Prepared = Pin<Box<dyn Future<Output = Result<Attempt, BoxError>> + Send>>;

/// The application's hook before each attempt.
#[derive(Clone)]
pub(crate) struct BeforeAttempt(Arc<dyn Fn(Attempt) -> Prepared + Send + Sync>);

impl BeforeAttempt {
    pub(crate) fn new<F, Fut>(hook: F) -> Self
    where
        F: Fn(Attempt) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Attempt, BoxError>> + Send + 'static,
    {
        Self(Arc::new(move |attempt| Box::pin(hook(attempt))))
    }

    pub(crate) async fn run(&self, attempt: Attempt) -> Result<Attempt, ConnectError> {
        let hook = self.0.clone();
        let prepared =
            in_own_task("the hook before_attempt panicked", async move { hook(attempt).await }).await;
        prepared.unwrap_or_else(|| Err("it panicked".into())).map_err(ConnectError::BeforeAttempt)
    }
}

impl fmt::Debug for BeforeAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BeforeAttempt")
    }
}
