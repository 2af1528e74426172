//! The handle on the other end of a connection: call it, notify it, close it.

mod attempts;
mod batch;
mod call;
mod call_handle;
mod caller;
mod deadline;
mod drain;
mod endpoint;
mod events;
mod id;
mod layer;
mod lifetime;
mod notify;
mod raw_call;
mod raw_reply;
mod stub;

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tower_service::Service;

use crate::close::{CloseFrame, CloseReason, ConnectionState, IntoCloseCode, InvalidClose};
use crate::config::{Limits, WhenFull};
use crate::error::MethodResult;
use crate::message::{ErrorObject, encode_notification};
use crate::oneshot::BoxError;
use crate::served_call::ServedCall;
use crate::shared_state::SharedState;
use endpoint::Endpoint;
use lifetime::CloseOnDrop;
use raw_call::RawCall;

pub use batch::{Batch, BatchCall, BatchCalls, SendBatch};
pub use call::Call;
pub use call_handle::CallHandle;
pub use caller::{Caller, CallerFuture};
pub use drain::Drained;
pub use events::{Event, Events};
pub use id::PeerId;
pub use layer::OutgoingCall;
pub use notify::Notify;
pub use stub::{invoke, notification, request};

/// The other end of a connection. A cheap clone that may be kept anywhere: it queues what is to be sent, and
/// keeps no connection's task. Of a client that reconnects it stands for whichever connection is up, and what
/// it tells of one is that of this, or of the last. A client's connection closes when the last handle made
/// from its `Client` is gone, and so are the calls, notifications and [`Events`] made with them; handles that
/// come from a [`crate::Context`] or a server's list keep nothing open.
///
/// ```
/// # async fn example(peer: birpc_core::Peer) -> Result<(), birpc_core::CallError> {
/// let sum: i64 = peer.call("add", (1, 2)).await?;
/// peer.notify("log", ["done"]).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Peer {
    endpoint: Endpoint,
    timeout: Option<Duration>,
    /// What each call made through this handle goes through.
    layer: Option<Arc<layer::Layer>>,
    /// Shared by a client's handles: the last one closes the connection.
    guard: Option<Arc<CloseOnDrop>>,
    /// The call whose context this handle came from: what is called through it ends when that is cancelled.
    cause: Option<Arc<ServedCall>>,
}

impl Peer {
    pub(crate) fn new(shared: Arc<SharedState>) -> Self {
        Self::at(Endpoint::Connection(shared))
    }

    fn at(endpoint: Endpoint) -> Self {
        let timeout = endpoint.config().call_timeout;
        Self { endpoint, timeout, layer: None, guard: None, cause: None }
    }

    /// The peer that made this call.
    pub(crate) fn caused_by(cause: Arc<ServedCall>) -> Self {
        Self { cause: Some(cause.clone()), ..Self::new(cause.shared.clone()) }
    }

    /// The same peer, without the call whose [`crate::Context`] this handle came from: what is called through
    /// it goes on when that call is cancelled. For handles that are kept.
    #[must_use]
    pub fn detached(self) -> Self {
        Self { cause: None, ..self }
    }

    /// A peer that is not connected: stubs made from it encode messages and send none.
    #[doc(hidden)]
    #[must_use]
    pub fn unconnected() -> Self {
        Self::new(Arc::new(SharedState::unconnected()))
    }

    /// Calls a method by its wire name. `params` is what serialises as a JSON array or object; `()` sends
    /// none. Any result type that decodes will do, `Box<RawValue>` for the text itself.
    ///
    /// # Errors
    /// The future gives the peer's error as [`crate::CallError::Method`], and as the other variants why
    /// the call did not complete.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call. See [`Call`].
    pub fn call<T>(&self, method: &str, params: impl Serialize) -> Call<Result<T, ErrorObject>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.invoke(method, params)
    }

    /// [`Peer::call`] with a typed error; what stubs use.
    pub fn invoke<R: MethodResult<Ok: DeserializeOwned>>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Call<R> {
        Call::new(RawCall::new(self.clone(), method, &params))
    }

    /// Sends a notification, which is never answered (JSON-RPC 2.0 §4.1). The future is ready once the
    /// message is in the connection's queue, and waits while that is full.
    ///
    /// # Errors
    /// [`crate::CallError::Disconnected`] or [`crate::CallError::Unsendable`].
    ///
    /// # Cancel safety
    /// Nothing is sent if the future is dropped before it is ready.
    pub fn notify(&self, method: &str, params: impl Serialize) -> Notify {
        Notify::new(self.clone(), encode_notification(method, &params))
    }

    /// A typed stub for this peer: `let chat: ChatClient = peer.stub();`.
    #[must_use]
    pub fn stub<S: From<Self>>(&self) -> S {
        S::from(self.clone())
    }

    /// The same peer with a bound on each call and notification made through this handle, from the moment
    /// when it is first polled. A call that exceeds it ends as [`crate::CallError::TimedOut`] and is
    /// cancelled. A notification and a batch wait no longer than that for room in the queue. The timer
    /// belongs to the future, and fires in the task that awaits it. Any duration is safe: one that is too
    /// long for the clock is no bound.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same peer with a layer around each call made through this handle, its clones, and the stubs made
    /// from them; the last that is added is the outermost. Other handles of this connection stay as they are,
    /// as does [`crate::Context::peer`]. Notifications and batches pass layers by.
    ///
    /// The layer is applied once, and its service is cloned for each call. Its error reaches the caller as it
    /// is if it is a [`crate::CallError`]; an [`ErrorObject`] counts as the peer's answer, and any other
    /// error becomes [`crate::CallError::Layer`]. The handle's timeout bounds each request that the innermost
    /// layer sends, not what layers do around them. Dropping the call drops the future of the service,
    /// wherever it is, and with it what was sent.
    ///
    /// ```
    /// use birpc_core::middleware::{Caller, Next, OutgoingCall, from_fn};
    /// use birpc_core::{CallError, Peer, RawValue};
    ///
    /// async fn once_more(call: OutgoingCall, next: Next<Caller>) -> Result<Box<RawValue>, CallError> {
    ///     match next.run(call.clone()).await {
    ///         Err(CallError::TimedOut) => next.run(call).await,
    ///         ended => ended,
    ///     }
    /// }
    ///
    /// # fn example(peer: Peer) -> Peer {
    /// peer.layer(from_fn(once_more))
    /// # }
    /// ```
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: tower_layer::Layer<Caller>,
        L::Service: Service<OutgoingCall, Response = Box<RawValue>> + Clone + Send + Sync + 'static,
        <L::Service as Service<OutgoingCall>>::Error: Into<BoxError>,
        <L::Service as Service<OutgoingCall>>::Future: Send,
    {
        self.layer = Some(Arc::new(caller::layered(layer, self.layer.take())));
        self
    }

    /// Closes the connection with a code and a reason (RFC 6455 §7.1.2). What was sent before goes out
    /// first. Calls in flight end as disconnected; handlers that serve this peer are dropped. The first
    /// close counts, later ones change nothing.
    ///
    /// # Errors
    /// [`InvalidClose`] for a code or reason that may not be sent; the connection stays open.
    ///
    /// ```
    /// # fn example(peer: birpc_core::Peer) -> Result<(), birpc_core::InvalidClose> {
    /// use birpc_core::CloseCode;
    ///
    /// peer.close(CloseCode::NORMAL, "done")?;
    /// peer.close(4001, "a code of the application's own")?;
    /// # Ok(()) }
    /// ```
    pub fn close(&self, code: impl IntoCloseCode, reason: &str) -> Result<(), InvalidClose> {
        self.close_with(CloseFrame::new(code, reason)?);
        Ok(())
    }

    /// Waits until the connection has ended and says why. A client that reconnects has ended once no further
    /// connection is to come.
    ///
    /// # Cancel safety
    /// Safe: any number of tasks may wait, at any time, also afterwards.
    pub async fn closed(&self) -> CloseReason {
        self.endpoint.closed().await
    }

    /// Why the connection is ending or has ended; `None` while it is open. In an outage of a client that
    /// reconnects, why the last one ended. Whether the end is clean is
    /// known once it has ended.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.endpoint.ending()
    }

    /// What identifies this connection within the process. All connections of a client that reconnects have
    /// the same.
    #[must_use]
    pub fn id(&self) -> PeerId {
        PeerId(self.endpoint.id())
    }

    /// The peer's address, where the transport has one.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.current().info().remote_addr
    }

    /// Where the connection is in its life: open, closing or closed; connecting in an outage of a client that
    /// reconnects.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.endpoint.state()
    }

    /// Bytes of messages that were given to `call` and `notify`, or are replies, and that the operating
    /// system has not taken yet. What the transport holds counts whole until all of it is out.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.current().as_caller().buffered()
    }

    /// How long the last ping took to be answered; `None` before the first was. Pings go out only when
    /// the peer is silent ([`crate::Keepalive`]).
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.current().gauges().round_trip()
    }

    /// The connection's events, from its opening on, as an alternative to [`Peer::closed`]. The events
    /// of a client keep its connection open.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.clone())
    }

    /// The URL that a client connected to; `None` at a server.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.endpoint.info().url.as_deref()
    }

    /// The WebSocket extensions that were agreed on (RFC 6455 §9): none today.
    #[must_use]
    pub fn extensions(&self) -> &str {
        ""
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.endpoint.subprotocol()
    }

    /// The `Origin` that the peer's handshake gave.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.endpoint.info().origin.as_deref()
    }

    /// Calls made from here that await their reply.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.current().as_caller().in_flight()
    }

    /// Responses so far that no call awaited: late ones, or a peer that is confused.
    #[must_use]
    pub fn unmatched_responses(&self) -> u64 {
        self.current().gauges().unmatched()
    }

    /// Calls of the peer that are being served here, with those that wait their turn.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.current().gauges().serving()
    }

    /// The application's value of this type that is kept with the connection.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.endpoint.values().get()
    }

    /// Keeps a value of the application's with the connection, one for each type; gives back the one that
    /// it replaces. It is dropped when the connection has ended and the server's `on_disconnect` has seen it.
    pub fn insert<T: Any + Send + Sync>(&self, value: T) -> Option<Arc<T>> {
        self.endpoint.values().insert(value)
    }

    /// What a broadcast does with this peer when its queue is full. Default: that of the server
    /// ([`crate::Config::when_full`]).
    pub fn set_when_full(&self, when_full: WhenFull) {
        self.current().as_caller().set_when_full(when_full);
    }

    /// Queues a message that is encoded already: what a broadcast does. `false` if the queue is full.
    #[doc(hidden)]
    #[must_use]
    pub fn try_send(&self, text: bytes::Bytes) -> bool {
        self.current().as_caller().try_send(text)
    }

    /// The limits of this connection.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.endpoint.config().limits
    }
}
