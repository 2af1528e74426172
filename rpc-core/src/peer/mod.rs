//! The handle for the other end of a connection: to call it, notify it or close it.

mod arguments;
mod attempts;
mod batch;
mod body;
mod call;
mod call_extras;
mod call_handle;
mod call_progress;
mod call_state;
mod call_streaming;
mod call_template;
mod caller;
mod consumed;
mod deadline;
mod drain;
mod elsewhere;
mod encoded;
mod endpoint;
mod events;
mod facts;
mod grouped;
mod id;
mod layer;
mod lifetime;
mod notify;
mod parameters;
mod raw_call;
mod raw_reply;
mod remote_stream;
mod resubscribe;
mod stub;
mod subscribe_call;
mod subscribing;
mod undecodable;
mod updates;
mod value_or_stream;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tower_service::Service;

use crate::close::{CloseFrame, CloseReason, ConnectionState, IntoCloseCode, InvalidClose};
use crate::config::WhenFull;
use crate::message::{ErrorObject, encode_notification};
use crate::oneshot::BoxError;
use crate::served_call::ServedCall;
use crate::shared_state::SharedState;
use crate::streaming::Sources;
use endpoint::Endpoint;
use layer::Layered;
use lifetime::CloseOnDrop;

pub use batch::{Batch, BatchCall, BatchCalls, SendBatch, batch, batch_call, batch_notification};
pub use body::{CalledBody, CalledResult};
pub use call::{Call, sensitive, subscribed};
pub use call_handle::CallHandle;
pub use caller::{Caller, CallerFuture};
pub use drain::Drained;
pub use encoded::EncodedNotification;
pub use events::{Event, Events};
pub use id::PeerId;
pub use layer::OutgoingCall;
pub use notify::Notify;
pub use parameters::{CalledParam, CalledTuple, SentParams};
pub use stub::{notification, request};
pub use subscribe_call::SubscribeCall;
pub use value_or_stream::ValueOrStream;

pub(crate) use call_template::CallTemplate;
pub(crate) use elsewhere::{SendingElsewhere, SentElsewhere};
pub(crate) use remote_stream::argument_stream;

/// A handle for the other end of a connection. A clone is cheap and may be kept anywhere; a handle does not
/// run the connection. For a client that reconnects, it stands for whichever connection is up, or for the
/// last one. A client's connection closes when the last handle made from its `Client` is dropped, together
/// with the calls, notifications and [`Events`] made with these. Handles from a [`crate::Context`] or from a
/// server's list of peers do not keep a connection open.
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
    /// The layers around each call made through this handle.
    layer: Option<Arc<layer::Layer>>,
    /// Shared by a client's handles: dropping the last one closes the connection.
    guard: Option<Arc<CloseOnDrop>>,
    /// The call whose context this handle comes from. If it is cancelled, calls made through this handle are
    /// cancelled too.
    cause: Option<Arc<ServedCall>>,
}

impl Peer {
    pub(crate) fn new(shared: Arc<SharedState>) -> Self {
        Self::at(Endpoint::Connection(shared))
    }

    fn at(endpoint: Endpoint) -> Self {
        let timeout = endpoint.config().call_timeout;
        let layer = endpoint.layer();
        Self { endpoint, timeout, layer, guard: None, cause: None }
    }

    /// The handle for the peer that made this call.
    pub(crate) fn caused_by(cause: Arc<ServedCall>) -> Self {
        Self { cause: Some(cause.clone()), ..Self::new(cause.shared.clone()) }
    }

    /// Returns a handle that does not depend on the call whose [`crate::Context`] it comes from: if that call
    /// is cancelled, calls made through the new handle continue. Use it for handles that are kept.
    #[must_use]
    pub fn detached(self) -> Self {
        Self { cause: None, ..self }
    }

    /// A peer without a connection. Stubs made from it can encode messages but not send them.
    pub(crate) fn unconnected() -> Self {
        Self::new(SharedState::unconnected())
    }

    /// Calls a method by its wire name. `params` must serialise as a JSON array or object; `()` sends none.
    /// The result may be any type that decodes; `Box<RawValue>` receives its JSON text.
    ///
    /// # Errors
    /// The future returns the peer's error as [`crate::CallError::Method`]. The other variants say why the
    /// call did not complete.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call. See [`Call`].
    pub fn call<T>(&self, method: &str, params: impl Serialize) -> Call<Result<T, ErrorObject>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.invoke(method, params)
    }

    /// [`Peer::call`] with a typed error; for stubs.
    pub fn invoke<R: CalledResult>(&self, method: &str, params: impl Serialize) -> Call<R> {
        Call::of_params(self.clone(), method, &params, Sources::default())
    }

    /// [`Peer::invoke`] for a method that takes streams. `params` is a tuple of the params by position. Each
    /// of them is a value or a [`Streaming`](crate::Streaming).
    ///
    /// ```
    /// # use birpc_core::{CallError, ErrorObject, Peer, Streaming};
    /// # async fn example(peer: Peer) -> Result<(), CallError> {
    /// let lines: Streaming<String> = Streaming::from_iter(["a".to_owned(), "b".to_owned()]);
    /// let stored = peer.invoke_with_streams::<Result<u64, ErrorObject>>("put", ("a.txt", lines)).await?;
    /// # Ok(()) }
    /// ```
    pub fn invoke_with_streams<R: CalledResult>(&self, method: &str, params: impl SentParams) -> Call<R> {
        stub::request(self, method, params)
    }

    /// Sends a notification, which is never answered (JSON-RPC 2.0 §4.1). The future completes when the
    /// message is in the connection's queue. It waits while the queue is full, or the peer gives no credit.
    ///
    /// # Errors
    /// [`crate::CallError::Disconnected`] or [`crate::CallError::Unsendable`].
    ///
    /// # Cancel safety
    /// If the future is dropped before it completes, nothing is sent.
    pub fn notify(&self, method: &str, params: impl Serialize) -> Notify {
        match &self.layer {
            None => Notify::new(self.clone(), encode_notification(method, &params)),
            Some(layer) => {
                Notify::behind_layers(self.clone(), Layered::new(layer.clone(), self, method, &params))
            }
        }
    }

    /// A typed stub for this peer: `let chat: ChatClient = peer.stub();`.
    #[must_use]
    pub fn stub<S: From<Self>>(&self) -> S {
        S::from(self.clone())
    }

    /// Returns a handle with a timeout for each call and notification made through it. The time counts from
    /// the first poll. A call that exceeds it fails with [`crate::CallError::TimedOut`] and is cancelled. A
    /// notification or a batch waits no longer than that for room in the queue. The timer belongs to the
    /// future and fires in the task that awaits it. Any duration is valid; one that is too long for the clock
    /// means no timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Returns a handle with a layer around each call and notification made through it, its clones, and stubs
    /// made from these. The layer that is added last is the outermost. Other handles of this connection,
    /// including [`crate::Context::peer`], are not affected. [`OutgoingCall::is_notification`] tells
    /// notifications from calls. Layers do not apply to calls with streams, to the entries of a [`Batch`],
    /// which is sent as one message, nor to an [`EncodedNotification`].
    ///
    /// The layer is applied once, and its service is cloned for each call. If its error is a
    /// [`crate::CallError`], the caller gets it unchanged; an [`ErrorObject`] counts as the peer's answer;
    /// any other error becomes [`crate::CallError::Layer`]. The handle's timeout applies to each request that
    /// the innermost layer sends, not to the time in the layers. Dropping the call drops the service's
    /// future, and with it any request that was sent.
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

    /// Closes the connection with a code and a reason (RFC 6455 §7.1.2). Queued messages are sent first.
    /// Calls in progress fail with `Disconnected`, and handlers that serve this peer are dropped. Only the
    /// first close has an effect.
    ///
    /// # Errors
    /// [`InvalidClose`] if the code or reason cannot be sent; the connection stays open.
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

    /// Waits until the connection has ended, and returns why. A client that reconnects has ended once no
    /// further connection will follow.
    ///
    /// # Cancel safety
    /// Cancel safe. Any number of tasks may wait at any time, also after the end.
    pub async fn closed(&self) -> CloseReason {
        self.endpoint.closed().await
    }

    /// Why the connection is ending or has ended; `None` while it is open. During an outage of a client that
    /// reconnects, why the last connection ended. Whether the end was clean is known only once the connection
    /// has ended.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.endpoint.ending()
    }

    /// Identifies this connection within the process. All connections of a client that reconnects have the
    /// same id.
    #[must_use]
    pub fn id(&self) -> PeerId {
        PeerId(self.endpoint.id())
    }

    /// The state of the connection: open, closing or closed. During an outage of a client that reconnects it
    /// is connecting.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.endpoint.state()
    }

    /// The connection's events, starting with its opening, as an alternative to [`Peer::closed`]. The events
    /// of a client keep its connection open.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.clone())
    }

    /// The value of this type that the application keeps with the connection.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.endpoint.values().get()
    }

    /// Keeps a value with the connection, one of each type. Returns the value that it replaces. Values are
    /// dropped when the connection has ended and the server's `on_disconnect` has seen them.
    pub fn insert<T: Any + Send + Sync>(&self, value: T) -> Option<Arc<T>> {
        self.endpoint.values().insert(value)
    }

    /// Sets what a broadcast does when the queue of this peer is full. Default: the server's setting
    /// ([`crate::Config::when_full`]).
    pub fn set_when_full(&self, when_full: WhenFull) {
        self.current().as_caller().set_when_full(when_full);
    }
}
