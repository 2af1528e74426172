//! What the application decides about connections, and wants to know of them.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use birpc_core::{CloseReason, Peer};
use futures_util::FutureExt;

use crate::grant::Grant;
use crate::handshake::{Handshake, Refusal};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub(crate) type Authorize = dyn Fn(Handshake) -> Boxed<Result<Grant, Refusal>> + Send + Sync;
type OnConnect = dyn Fn(Peer) -> Boxed<()> + Send + Sync;
type OnDisconnect = dyn Fn(&Peer, &CloseReason) + Send + Sync;

#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) authorize: Option<Arc<Authorize>>,
    pub(crate) connect: Option<Arc<OnConnect>>,
    pub(crate) disconnect: Option<Arc<OnDisconnect>>,
}

impl Hooks {
    /// Asks whether a valid request may connect.
    pub(crate) async fn authorize(&self, handshake: Handshake) -> Result<Grant, Refusal> {
        match &self.authorize {
            Some(hook) => {
                let decided = AssertUnwindSafe(async { hook(handshake).await }).catch_unwind().await;
                decided.unwrap_or_else(|panic| {
                    let panic = birpc_core::__private::crates::panic_text(&*panic);
                    tracing::error!(panic, "the hook authorize panicked; the connection is refused");
                    Err(Refusal::new(500, "the server failed to authorize this connection"))
                })
            }
            None => Ok(Grant::new()),
        }
    }

    pub(crate) fn disconnected(&self, peer: &Peer, reason: &CloseReason) {
        if let Some(hook) = &self.disconnect {
            hook(peer, reason);
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
