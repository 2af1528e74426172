//! A client that connects again when its connection is lost.

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

/// How a client connects again when its connection is lost; see [`crate::ClientBuilder::reconnect`].
///
/// By default it does after 1006 (lost, reset or silent), 1011, 1001, 1012 and 1013; before the first attempt
/// after one of the latter three it waits a random part of 2 s, since a server that goes sends it to all of
/// its clients. After every other close code it stays closed. An attempt that fails is followed by another,
/// whatever went wrong: a connection was up, so URL, certificates and credentials were right, and may be
/// again. That goes for every HTTP status, 401 and 404 too. [`Reconnect::when`] changes each of these
/// decisions. Once a handle has asked for the close, the client stays closed.
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
#[must_use = "it does nothing until a builder has it"]
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
    /// How long to wait between attempts: a random time from zero to a bound. The bound is `initial` at
    /// first, doubles with each attempt, and stops at `cap`; nor does it exceed the time that the outage has
    /// lasted, or `initial`, whichever is longer. It starts over when a connection has lasted for 5 s, or for
    /// `cap` if that is shorter. A server that refuses an attempt with `Retry-After` is left alone for that
    /// time, but for at most five minutes, and for the random time after it. Less than 1 ms counts as 1 ms.
    /// Default: 250 ms, 30 s.
    pub fn backoff(mut self, initial: Duration, cap: Duration) -> Self {
        (self.initial, self.cap) = (initial, cap);
        self
    }

    /// Attempts to end one outage; when so many have failed the client is closed for good. Default: no limit.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// What calls and notifications do that are made during an outage. Default: up to 1024 wait.
    pub fn while_down(mut self, while_down: WhileDown) -> Self {
        self.while_down = while_down;
        self
    }

    /// Decides whether to try again. It is asked after each end of a connection that was up, whatever its
    /// close code, and after each attempt that has failed. It gets what happened and what the default is,
    /// which it returns where it has no opinion. It is not asked when a handle has closed the client, or when
    /// [`Reconnect::max_attempts`] is reached. If it panics, the default is taken.
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

    /// What is done on each connection, the first too, before other calls go out: log in, subscribe. It gets
    /// a handle of this very connection, on which it may call, and which may call it meanwhile. All else
    /// waits for its end as in an outage, [`crate::ClientBuilder::connect`] too: bound what it does.
    ///
    /// When the connection is lost it is dropped at its current await, and runs anew on the next. Should it
    /// panic, the connection closes with 1011 and the next is tried. If the first connection ends before the
    /// hook has, `connect` fails, whatever the code. To end it for good it closes its handle with a
    /// code after which nobody connects again, such as 3000.
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
