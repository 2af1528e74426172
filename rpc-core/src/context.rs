//! The context of a call, which its handler gets.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::groups::Groups;
use crate::message::Id;
use crate::peer::Peer;
use crate::served_call::{ServedCall, Shielded};

/// The context of the call that a handler serves: the peer that made it, its connection, and whether it has
/// been cancelled. A clone is cheap, and may outlive the handler.
///
/// ```
/// # use birpc_core::{Context, CallError};
/// async fn greet(cx: &Context) -> Result<String, CallError> {
///     let name: String = cx.peer().call("name", ()).await?; // calls the caller back
///     Ok(format!("hello, {name}"))
/// }
/// ```
#[derive(Clone)]
pub struct Context {
    call: Arc<ServedCall>,
}

impl Context {
    pub(crate) fn new(call: Arc<ServedCall>) -> Self {
        Self { call }
    }

    pub(crate) fn call(&self) -> &Arc<ServedCall> {
        &self.call
    }

    /// The peer that made this call. While the handler awaits a call to the peer, it holds no slot of
    /// [`crate::Limits::max_in_flight`].
    ///
    /// Calls made through this handle and its clones are nested calls: if this call is cancelled, those that
    /// are in progress are cancelled too, whichever task awaits them. Calls that are made after this call has
    /// ended are ordinary calls. [`Peer::detached`] returns a handle for calls that are independent of this
    /// one.
    #[must_use]
    pub fn peer(&self) -> Peer {
        Peer::caused_by(self.call.clone())
    }

    /// A typed stub for the peer that made this call: `let user: UserClient = cx.stub();`. Its calls are
    /// nested calls, as with [`Context::peer`].
    #[must_use]
    pub fn stub<S: From<Peer>>(&self) -> S {
        S::from(self.peer())
    }

    /// The groups of the server that the connection belongs to.
    #[must_use]
    pub fn groups(&self) -> Groups {
        Groups::of_config(self.call.shared.config())
    }

    /// The wire name by which the peer called the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.call.method
    }

    /// The request's id; `None` if this is a notification, which is not answered.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.call.id.as_ref()
    }

    /// The value of this type that the application keeps with the connection ([`Peer::insert`]).
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.call.shared.values().get()
    }

    /// Runs a section of the handler to its end, even if the caller cancels the call or disconnects. Use it
    /// for work that must not be left half done. After a cancel, the handler is dropped at its next await
    /// after the section; if it has none, its result is the answer. There is no time limit: a section that
    /// never ends keeps the call open.
    ///
    /// ```
    /// # use birpc_core::{Context, ErrorObject};
    /// # async fn withdraw() {} async fn deposit() {}
    /// async fn transfer(cx: &Context) -> Result<(), ErrorObject> {
    ///     cx.shield(async {
    ///         withdraw().await;
    ///         deposit().await;
    ///     })
    ///     .await;
    ///     Ok(())
    /// }
    /// ```
    /// # Cancel safety
    /// The shield protects against cancels of the call only. Dropping the returned future drops the section,
    /// and so does the end of the runtime.
    pub async fn shield<F: Future>(&self, section: F) -> F::Output {
        let _shielded = Shielded::begin(&self.call);
        section.await
    }

    /// Whether the caller has cancelled this call or has disconnected.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.call.is_cancelled() || self.call.shared.as_life().is_ending()
    }

    /// Whether this side drains the connection: a server that shuts down, or [`Peer::drain`].
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.call.shared.drain().has_begun()
    }

    /// Waits until this side drains the connection, because the server shuts down or [`Peer::drain`] was
    /// called. Open calls may continue until the deadline of the drain, and are then cut. Handlers and
    /// producers that would run for ever use this to end before. A stream of [`Streaming::from_broadcast`]
    /// does not need it, since the drain ends it with −32001.
    ///
    /// It is also ready when the connection ends.
    ///
    /// ```
    /// # use birpc_core::{Context, ErrorObject, StreamError, Streaming};
    /// # async fn next_reading() -> u64 { 1 }
    /// async fn watch(cx: &Context) -> Result<Streaming<u64>, ErrorObject> {
    ///     let cx = cx.clone();
    ///     Ok(Streaming::produce(|out| async move {
    ///         loop {
    ///             tokio::select! {
    ///                 () = cx.draining() => return Ok(()), // the stream is complete
    ///                 reading = next_reading() => out.send(reading).await?,
    ///             }
    ///         }
    ///     }))
    /// }
    /// ```
    /// # Cancel safety
    /// Cancel safe. Any number of tasks may wait, before and after the drain has begun.
    ///
    /// [`Streaming::from_broadcast`]: crate::Streaming::from_broadcast
    pub async fn draining(&self) {
        tokio::select! {
            () = self.call.shared.drain().begun() => {}
            () = self.call.shared.as_life().ending_begun() => {}
        }
    }

    /// Waits until the caller cancels this call or disconnects. This is for tasks that the handler has
    /// spawned; the handler itself is dropped at that moment.
    ///
    /// # Cancel safety
    /// Cancel safe. Any number of tasks may wait.
    pub async fn cancelled(&self) {
        tokio::select! {
            () = self.call.cancelled() => {}
            // Tasks of a handler that has returned wait for the end of the connection: its call cannot be
            // cancelled any more.
            () = self.call.shared.as_life().ending_begun() => {}
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("method", &self.method())
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
