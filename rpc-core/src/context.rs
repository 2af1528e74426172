//! What a handler knows of the call that it serves.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::message::Id;
use crate::peer::Peer;
use crate::served_call::{ServedCall, Shielded};

/// The call that a handler serves: who made it, on which connection, and whether it still matters. A
/// cheap clone that may outlive the handler.
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

    /// The peer that made this call. While the handler awaits a call of its own it holds no slot of
    /// [`crate::Limits::max_in_flight`].
    ///
    /// Calls made through this handle and its clones that are under way when this call is cancelled are
    /// cancelled with it, whichever task awaits them; once this call has ended they are calls as any other.
    /// For a handle that is kept, and has nothing to do with this call, there is [`Peer::detached`].
    #[must_use]
    pub fn peer(&self) -> Peer {
        Peer::caused_by(self.call.clone())
    }

    /// A typed stub of the peer that made this call, as [`Context::peer`]: `let user: UserClient =
    /// cx.stub();`.
    #[must_use]
    pub fn stub<S: From<Peer>>(&self) -> S {
        S::from(self.peer())
    }

    /// The wire name by which the method was called.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.call.method
    }

    /// The request's id; `None` if it came as a notification and nothing will be answered.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.call.id.as_ref()
    }

    /// The application's value of this type that is kept with the connection ([`Peer::insert`]).
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.call.shared.values().get()
    }

    /// Runs a section of the handler to its end, also if the caller cancels the call or is gone meanwhile:
    /// for what must not be left half done. The handler is dropped behind it then, at its next await; if it
    /// has none, it is answered with its result. It bounds nothing: a section that never ends keeps the call
    /// open.
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
    ///
    /// # Cancel safety
    /// The shield holds for cancels of the call. Dropping the future drops the section, and what ends the
    /// runtime ends it too.
    pub async fn shield<F: Future>(&self, section: F) -> F::Output {
        let _shielded = Shielded::begin(&self.call);
        section.await
    }

    /// Whether the caller has cancelled this call or is gone.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.call.is_cancelled() || self.call.shared.is_ending()
    }

    /// Waits until the caller cancels this call or is gone. The handler itself is dropped then; this is
    /// for tasks that it started.
    ///
    /// # Cancel safety
    /// Safe: any number of tasks may wait.
    pub async fn cancelled(&self) {
        tokio::select! {
            () = self.call.cancelled() => {}
            // Also for a handler that has returned, whose call nobody cancels any more.
            () = self.call.shared.ending_begun() => {}
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
