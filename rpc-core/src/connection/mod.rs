//! The connection: one task that owns the socket and does everything in turns.
//!
//! A turn takes what was queued, reads some messages, answers what can be answered at once, and flushes
//! once. Whatever has to wait has a task of its own, so nothing here ever waits for a handler. A handler that
//! blocks in its first poll holds the task, and the connection goes on in another.

mod admission;
mod clock;
mod closing;
mod core;
mod ending;
mod first_poll;
mod gathering;
mod half_message;
mod inbound;
mod open_calls;
mod others;
mod outbound;
mod receive;
mod serving;
mod slot;
mod step;
mod turn;
mod wire_log;
mod writer;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use self::core::Core;
use crate::close::{CloseCode, CloseFrame, CloseReason};
use crate::config::Config;
use crate::dispatch::IntoRouter;
use crate::handshake::ConnectionInfo;
use crate::peer::Peer;
use crate::reconnecting::ReconnectDriver;
use crate::shared_state::{SharedLimits, SharedState};
use crate::transport::{MemoryTransport, Transport, memory_pair};
use slot::{FIRST_DRIVER, Slot};
use turn::{Driven, drive, go_on};

/// One end of a connection; a future that runs it and gives the reason of its end. The same for a server
/// and a client: they differ only in how a connection begins.
///
/// It polls each handler for the first time. If one does not return for a tenth of a second, the connection
/// goes on in another task of the runtime, if that has a thread free, and this future waits for its end.
///
/// # Cancel safety
/// Dropping it ends the connection without a close frame, wherever it goes on.
#[must_use = "a connection does nothing until it is spawned or awaited"]
pub struct Connection<T> {
    slot: Arc<Slot<T>>,
    /// Once the connection goes on in another task.
    elsewhere: Option<Pin<Box<dyn Future<Output = CloseReason> + Send>>>,
}

impl<T: Transport> Connection<T> {
    /// A connection over a transport whose handshake is done, and the handle on its other end. Must be
    /// called within a tokio runtime.
    pub fn new(transport: T, config: Arc<Config>, info: ConnectionInfo) -> (Peer, Self) {
        Self::sharing(transport, config, info, SharedLimits::default())
    }

    /// As [`Connection::new`], for one of several connections that have limits in common.
    pub fn sharing(
        transport: T,
        config: Arc<Config>,
        info: ConnectionInfo,
        shared: SharedLimits,
    ) -> (Peer, Self) {
        Self::with_shared(transport, Arc::new(SharedState::new(config, info, shared)))
    }

    /// The next connection of a client that reconnects: with its settings and values. It is up once
    /// [`ReconnectDriver::up`] says so; until then it is the handle's alone.
    pub(crate) fn of_reconnecting(
        transport: T,
        driver: &ReconnectDriver,
        info: ConnectionInfo,
    ) -> (Peer, Self) {
        Self::with_shared(transport, driver.next_connection(info))
    }

    fn with_shared(transport: T, shared: Arc<SharedState>) -> (Peer, Self) {
        let peer = Peer::new(shared.clone());
        let slot = Arc::new(Slot::new(Core::new(transport, shared.clone()), shared.clone(), go_on));
        let watched: Weak<Slot<T>> = Arc::downgrade(&slot);
        shared.set_watched(watched);
        (peer, Self { slot, elsewhere: None })
    }

    /// What this end serves; nothing by default. A router with two methods of one name
    /// ([`Router::check`](crate::Router::check)) closes the connection with 1011 and a reason that names the
    /// method, which the log tells too.
    pub fn serve(self, router: impl IntoRouter) -> Self {
        let (router, shared) = (router.into_router(), self.slot.shared());
        if let Err(error) = router.check() {
            let connection = shared.id();
            tracing::error!(connection, %error, "a connection is closed: its router is invalid");
            shared.as_caller().close(CloseFrame::cut(CloseCode::INTERNAL, &error.to_string()));
        }
        self.slot.set_up(|core| core.set_router(router));
        self
    }

    /// Runs `hook` when the connection is first polled: up to its first await before the first message is
    /// read, and the rest of it in a task of its own, which is dropped when the connection begins to end.
    /// Handlers start behind its first await, also if it blocks its thread until then. A panic in it is
    /// logged, and ends nothing else.
    pub fn on_begin(self, hook: impl Future<Output = ()> + Send + 'static) -> Self {
        self.slot.set_up(|core| core.first_polls().set_opening(Box::pin(hook)));
        self
    }

    /// Runs `hook` when the connection has ended, before the values that are kept with it are dropped. It
    /// does not run if the connection is dropped. A panic in it is logged, and ends nothing else.
    pub fn on_end(self, hook: impl FnOnce(&CloseReason) + Send + 'static) -> Self {
        self.slot.set_up(|core| core.set_on_end(Box::new(hook)));
        self
    }

    /// Keeps `permit`, such as a place among a server's connections, as long as this future is there or
    /// something is at work for its peer: a handler that blocks or shields a section may outlive its
    /// connection.
    pub fn holding(self, permit: impl Send + Sync + 'static) -> Self {
        self.slot.set_tenancy(Arc::new(permit));
        self
    }
}

impl Connection<MemoryTransport> {
    /// Two peers in one process, joined in memory, with the defaults: for tests. The first handle's calls
    /// go to `right`, the second's to `left`. They speak plain JSON-RPC, so no cancel reaches the other side,
    /// and dropping the handles closes nothing. Must be called within a tokio runtime.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), birpc_core::CallError> {
    /// use birpc_core::{Connection, Context, ErrorObject, Router};
    ///
    /// let add = |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) };
    /// let (peer, _) = Connection::pair(Router::new(), Router::new().method("add", add));
    /// assert_eq!(peer.call::<i64>("add", (1, 2)).await?, 3);
    /// # Ok(()) }
    /// ```
    pub fn pair(left: impl IntoRouter, right: impl IntoRouter) -> (Peer, Peer) {
        let (near, far) = memory_pair();
        let config = Arc::new(Config::default());
        let (to_right, left_end) = Self::new(near, config.clone(), ConnectionInfo::default());
        let (to_left, right_end) = Self::new(far, config, ConnectionInfo::default());
        tokio::spawn(left_end.serve(left));
        tokio::spawn(right_end.serve(right));
        (to_right, to_left)
    }
}

impl<T: Transport> Future for Connection<T> {
    type Output = CloseReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = &mut *self;
        if this.elsewhere.is_none() {
            match drive(&this.slot, FIRST_DRIVER, cx) {
                Driven::Pending => return Poll::Pending,
                Driven::Ended(reason) => return Poll::Ready(reason),
                Driven::Gone => {}
            }
        }
        let elsewhere = this.elsewhere.get_or_insert_with(|| {
            let shared = this.slot.shared().clone();
            Box::pin(async move { shared.closed().await })
        });
        elsewhere.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for Connection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.slot.shared().id()).finish_non_exhaustive()
    }
}

impl<T> Drop for Connection<T> {
    fn drop(&mut self) {
        self.slot.dismiss();
    }
}
