//! The connection: a task that owns the socket and does all its work in turns.
//!
//! A turn takes what is queued, reads some messages, answers what can be answered at once, and flushes once.
//! Everything that has to wait has a task of its own, so a connection never waits for a handler. If a handler
//! blocks the task in its first poll, the connection continues on another task.

mod admission;
mod allowance;
mod clock;
mod closing;
mod core;
mod ending;
mod first_poll;
mod gathering;
mod half_message;
mod inbound;
mod instant;
mod keepalive;
mod latest;
mod on_end;
mod open_calls;
mod others;
mod outbound;
mod pause;
mod receive;
mod reply_bounds;
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
use crate::inspect::Inspection;
use crate::peer::Peer;
use crate::reconnecting::ReconnectDriver;
use crate::shared_state::{SharedLimits, SharedState};
use crate::transport::{MemoryTransport, Transport, memory_pair};
use slot::{FIRST_DRIVER, Slot};
use turn::{Driven, drive, go_on};

/// One end of a connection: a future that runs the connection and returns the reason of its end. It is the
/// same for servers and clients, which differ only in how a connection begins.
///
/// It polls each handler for the first time. If a handler does not return within a tenth of a second, the
/// connection continues on another task, if the runtime has a free thread, and this future waits for the
/// connection's end.
///
/// # Cancel safety
/// Dropping the future ends the connection without a close frame, on whichever task it runs.
#[must_use = "a connection does nothing until it is spawned or awaited"]
pub struct Connection<T> {
    slot: Arc<Slot<T>>,
    /// Set once the connection has continued on another task.
    elsewhere: Option<Pin<Box<dyn Future<Output = CloseReason> + Send>>>,
}

impl<T: Transport> Connection<T> {
    /// Creates a connection over a transport whose handshake is complete, and the handle for its peer. Must
    /// be called within a tokio runtime.
    pub fn new(transport: T, config: Arc<Config>, info: ConnectionInfo) -> (Peer, Self) {
        Self::sharing(transport, config, info, SharedLimits::default())
    }

    /// Creates one of several connections that share limits; see [`Connection::new`].
    pub fn sharing(
        transport: T,
        config: Arc<Config>,
        info: ConnectionInfo,
        shared: SharedLimits,
    ) -> (Peer, Self) {
        Self::with_shared(transport, Arc::new(SharedState::new(config, info, shared)))
    }

    /// [`Connection::sharing`] for a connection that may be inspected.
    pub(crate) fn inspected_at(
        inspection: &Inspection,
        transport: T,
        config: Arc<Config>,
        info: ConnectionInfo,
        shared: SharedLimits,
    ) -> (Peer, Self) {
        let shared = SharedState::new(config, info, shared).inspected_at(inspection);
        Self::with_shared(transport, Arc::new(shared))
    }

    /// Creates the next connection of a client that reconnects, with the client's settings and values. The
    /// client's other handles use it after [`ReconnectDriver::up`]; until then only the returned handle does.
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
        shared.driver_waker().set_watched(watched);
        (peer, Self { slot, elsewhere: None })
    }

    /// Sets the methods that this end serves; the default is none. If two methods of the router have the same
    /// name ([`Router::check`](crate::Router::check)), the connection closes with 1011 and a reason that
    /// names the method, and the error is logged.
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
    /// read, and after that in a task of its own, which is dropped when the connection begins to end.
    /// Handlers start after the hook's first await, even if it blocks its thread until then. A panic of the
    /// hook is logged and has no other effect.
    pub fn on_begin(self, hook: impl Future<Output = ()> + Send + 'static) -> Self {
        self.slot.set_up(|core| core.first_polls().set_opening(Box::pin(hook)));
        self
    }

    /// Runs `hook` when the connection has ended, before the values that are kept with the connection are
    /// dropped. If the connection is dropped, the hook does not run. A panic of the hook is logged and has no
    /// other effect.
    pub fn on_end(self, hook: impl FnOnce(&CloseReason) + Send + 'static) -> Self {
        self.slot.set_up(|core| core.on_end().set(hook));
        self
    }

    /// Keeps `permit`, such as a server's permit for a connection, while this future exists or a task works
    /// for its peer: a handler that blocks or shields a section may outlive its connection.
    pub fn holding(self, permit: impl Send + Sync + 'static) -> Self {
        self.slot.set_tenancy(Arc::new(permit));
        self
    }
}

impl Connection<MemoryTransport> {
    /// Connects two peers in one process, in memory and with default settings, for tests. `right` serves the
    /// calls of the first handle, `left` those of the second. They speak plain JSON-RPC, so cancels do not
    /// reach the other side. Dropping the handles does not close the connection. Must be called within a
    /// tokio runtime.
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
            Box::pin(async move { shared.as_life().closed().await })
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
