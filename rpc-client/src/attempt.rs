//! An attempt to connect, as the hook `before_attempt` sees it.

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
/// It starts with the URL, headers and subprotocols of the builder. Changes apply to this attempt only.
/// this attempt alone.
#[derive(Clone)]
#[must_use = "the hook returns it"]
pub struct Attempt {
    pub(crate) history: History,
    pub(crate) url: String,
    pub(crate) offer: Offer,
}

/// What happened before an attempt.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// 1 for the first attempt.
    pub(crate) number: u32,
    /// Why the connection that is to be restored has ended.
    pub(crate) lost: Option<CloseReason>,
    /// Why the previous attempt failed.
    pub(crate) failed: Option<Arc<ConnectError>>,
}

impl History {
    /// The history of a client that was never connected.
    pub(crate) fn none() -> Self {
        Self { number: 1, lost: None, failed: None }
    }
}

impl Attempt {
    /// The number of this attempt: 1 for the first one of [`crate::ClientBuilder::connect`], and for the
    /// first one after a connection was lost.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.history.number
    }

    /// Why the last connection ended; `None` if there was none.
    #[must_use]
    pub fn lost(&self) -> Option<&CloseReason> {
        self.history.lost.as_ref()
    }

    /// Why the previous attempt failed; `None` for the very first attempt, and for the first one after a
    /// connection was lost.
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

    /// Sets a header of the request, replacing all with this name. If HTTP does not allow the header, the
    /// attempt fails.
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

/// Omits the URL's query and the values of headers, which may be credentials.
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
