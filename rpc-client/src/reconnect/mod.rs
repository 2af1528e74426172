//! Clients that reconnect when their connection is lost.

mod backoff;
mod cuts;
mod now;
mod outage;
mod policy;
mod renewal;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::{Peer, WhileDown};

pub(crate) use now::Now;
pub use policy::ReconnectCause;
pub(crate) use renewal::Renewal;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;
type OnConnected = dyn Fn(Peer) -> Boxed + Send + Sync;
type When = dyn Fn(ReconnectCause<'_>, bool) -> bool + Send + Sync;

/// How a client reconnects when its connection is lost; see [`crate::ClientBuilder::reconnect`].
///
/// By default it reconnects after the close codes 1006 (lost, reset or silent), 1011, 1001, 1012 and 1013.
/// After 1001, 1012 and 1013 it first waits a random time of up to 2 s, since a server that shuts down sends
/// these to all clients at once. After any other close code the client stays closed. A failed attempt is
/// followed by another one, whatever the error: since a connection was up before, URL, certificates and
/// credentials were correct and may be again. That includes all HTTP statuses, also 401 and 404.
/// [`Reconnect::when`] changes each of these decisions. Once a handle has closed the client, it stays closed.
///
/// ```no_run
/// # async fn example() -> Result<(), birpc_client::ConnectError> {
/// use birpc_client::{Client, Reconnect};
///
/// let reconnect = Reconnect::default().on_connected(|peer| async move {
///     if peer.call::<()>("login", ("me", "secret")).await.is_err() {
///         let _ = peer.close(3000, "the login failed"); // ends it for good
///     }
/// });
/// let client = Client::builder().reconnect(reconnect).connect("ws://127.0.0.1:9944/").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "this has no effect until a builder gets it"]
pub struct Reconnect {
    initial: Duration,
    cap: Duration,
    max_attempts: Option<u32>,
    while_down: WhileDown,
    when: Option<Arc<When>>,
    on_connected: Option<Arc<OnConnected>>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(250),
            cap: Duration::from_secs(30),
            max_attempts: None,
            while_down: WhileDown::default(),
            when: None,
            on_connected: None,
        }
    }
}

impl Reconnect {
    /// Sets the delay between attempts: a random time from zero to a bound. The bound is `initial` at first,
    /// doubles with each attempt, and stops at `cap`. It also does not exceed the time that the outage has
    /// lasted, or `initial` if that is longer. It starts over after a connection that lasted for 5 s, or for
    /// `cap` if that is shorter. If a server refuses an attempt with `Retry-After`, the client waits that
    /// time, at most five minutes, and then the random delay. Less than 1 ms counts as 1 ms. Default: 250 ms,
    /// 30 s.
    pub fn backoff(mut self, initial: Duration, cap: Duration) -> Self {
        (self.initial, self.cap) = (initial, cap);
        self
    }

    /// Sets the maximum number of attempts in one outage. When all have failed, the client is closed for
    /// good. Default: no limit.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Sets what happens to calls and notifications that are made during an outage. Default: up to 1024 wait.
    pub fn while_down(mut self, while_down: WhileDown) -> Self {
        self.while_down = while_down;
        self
    }

    /// Sets a function that decides whether to try again. It is called after each end of a connection that
    /// was up, whatever the close code, and after each failed attempt. It gets the cause and the default
    /// decision, and returns its own; to change nothing, it returns the default. It is not called when a
    /// handle has closed the client or when [`Reconnect::max_attempts`] is reached. If it panics, the default
    /// applies.
    ///
    /// ```
    /// use birpc_client::{Reconnect, ReconnectCause};
    ///
    /// let reconnect = Reconnect::default().when(|cause, default| match cause {
    ///     ReconnectCause::Closed(reason) => default || matches!(reason.code, 1000 | 1005 | 4100),
    ///     // The account is gone: nothing will change that.
    ///     cause => default && cause.status() != Some(410),
    /// });
    /// # drop(reconnect);
    /// ```
    pub fn when(mut self, decide: impl Fn(ReconnectCause<'_>, bool) -> bool + Send + Sync + 'static) -> Self {
        self.when = Some(Arc::new(decide));
        self
    }

    /// Sets a hook that runs on each connection, the first one included, before other calls are sent: to log
    /// in or to subscribe. It gets a handle for this one connection. It may make calls on it, and the
    /// server's calls are served meanwhile. Everything else waits until the hook has finished, as in an
    /// outage, and so does [`crate::ClientBuilder::connect`]; so give it a time limit.
    ///
    /// When the connection is lost, the hook is dropped at its current await, and runs again on the next
    /// connection. If it panics, the connection closes with 1011 and the next one is tried. If the first
    /// connection ends before the hook has finished, `connect` fails, whatever the code. To end the client
    /// for good, the hook closes its handle with a code after which clients do not reconnect, such as 3000.
    pub fn on_connected<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Peer) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.on_connected = Some(Arc::new(move |peer| Box::pin(hook(peer))));
        self
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("initial", &self.initial)
            .field("cap", &self.cap)
            .field("max_attempts", &self.max_attempts)
            .field("while_down", &self.while_down)
            .field("when", &self.when.is_some())
            .field("on_connected", &self.on_connected.is_some())
            .finish()
    }
}
