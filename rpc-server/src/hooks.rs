//! The hooks of a server, which the application sets.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use birpc_core::__private::crates::{check_user, set_user};
use birpc_core::{CloseReason, GroupError, Peer};
use futures_util::FutureExt;

use crate::handshake::{Handshake, Refusal};

/// The text of a refusal when the hook has failed.
const UNAUTHORIZED: &str = "the server failed to authorize this connection";

pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub(crate) type Authorize = dyn Fn(Handshake) -> Boxed<Result<Grant, Refusal>> + Send + Sync;
type OnConnect = dyn Fn(Peer) -> Boxed<()> + Send + Sync;
type OnDisconnect = dyn Fn(Peer, CloseReason) -> Boxed<()> + Send + Sync;

#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) authorize: Option<Arc<Authorize>>,
    pub(crate) connect: Option<Arc<OnConnect>>,
    pub(crate) disconnect: Option<Arc<OnDisconnect>>,
}

impl Hooks {
    /// Runs the hook that decides whether a valid request may connect.
    pub(crate) async fn authorize(&self, handshake: Handshake) -> Result<Grant, Refusal> {
        match &self.authorize {
            Some(hook) => {
                let decided = AssertUnwindSafe(async { hook(handshake).await }).catch_unwind().await;
                decided.unwrap_or_else(|panic| {
                    let panic = birpc_core::__private::crates::panic_text(&*panic);
                    tracing::error!(panic, "the hook authorize panicked; the connection is refused");
                    Err(Refusal::new(500, UNAUTHORIZED))
                })
            }
            None => Ok(Grant::new()),
        }
    }

    /// Runs the hook for a connection that has ended: up to its first await here, while the connection's
    /// values exist, and after that in a task of its own, which holds `alive`.
    pub(crate) fn disconnected(&self, peer: Peer, reason: &CloseReason, alive: impl Send + 'static) {
        let Some(hook) = self.disconnect.clone() else { return };
        let (connection, reason) = (peer.id().get(), reason.clone());
        let told = AssertUnwindSafe(async move { hook(peer, reason).await }).catch_unwind();
        let mut told = Box::pin(async move {
            if let Err(panic) = told.await {
                let panic = birpc_core::__private::crates::panic_text(&*panic);
                tracing::error!(connection, panic, "the hook on_disconnect panicked");
            }
        });
        if (&mut told).now_or_never().is_none() {
            tokio::spawn(async move {
                told.await;
                drop(alive);
            });
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("authorize", &self.authorize.is_some())
            .field("connect", &self.connect.is_some())
            .field("disconnect", &self.disconnect.is_some())
            .finish()
    }
}

type Insert = Box<dyn FnOnce(&Peer) + Send>;

/// Permission to connect, with values that handlers read by their type from [`birpc_core::Context::get`].
///
/// ```
/// use birpc_server::Grant;
///
/// struct User(String);
/// let grant = Grant::new().with(User("ada".into()));
/// ```
#[derive(Default)]
#[must_use = "a grant is what an `authorize` hook returns"]
pub struct Grant {
    values: Vec<Insert>,
    user: Option<String>,
}

impl Grant {
    /// Creates a grant without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value. At most one value of each type is kept.
    pub fn with<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.values.push(Box::new(move |peer| drop(peer.insert(value))));
        self
    }

    /// Sets which user the peer belongs to, for [`birpc_core::Groups::user`]. The name has 1 to 256 bytes;
    /// with another one, the request is refused with HTTP 500 and the error is logged. A connection of
    /// [`crate::Acceptor::serve_transport`] is served without a user then.
    /// [`birpc_core::Groups::set_user`] is for servers whose users log in later.
    ///
    /// If other servers are connected, the connection begins, and `on_connect` runs, when what they send to
    /// the user reaches it. If the engine that connects them refuses that, the connection has no user, and
    /// the log says so.
    ///
    /// ```
    /// use birpc_server::Grant;
    ///
    /// let grant = Grant::new().user("ada");
    /// ```
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Checks the user's name.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let Some(Err(error)) = self.user.as_deref().map(check_user) else { return Ok(()) };
        tracing::error!(%error, "the hook authorize granted an invalid user; the connection is refused");
        Err(Refusal::new(500, UNAUTHORIZED))
    }

    /// Moves the values to the connection, and sets its user. Returns a future if other servers must know of
    /// the user before the connection begins.
    pub(crate) fn apply(self, peer: &Peer) -> Option<Boxed<()>> {
        self.values.into_iter().for_each(|insert| insert(peer));
        let connection = peer.id().get();
        let refused =
            move |error: GroupError| tracing::error!(connection, %error, "a connection has no user");
        match set_user(peer, &self.user?) {
            Ok(None) => None,
            Ok(Some(setting)) => Some(Box::pin(async move { setting.await.unwrap_or_else(refused) })),
            Err(error) => {
                refused(error);
                None
            }
        }
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("values", &self.values.len()).field("user", &self.user).finish()
    }
}
