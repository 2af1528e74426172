//! For tests of applications: a [`Context`] for handlers that are called as plain functions, and what joins a
//! server and a client in memory.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::io::DuplexStream;

use crate::config::Config;
use crate::connection::Connection;
use crate::context::Context;
use crate::dispatch::{IntoRouter, Router};
use crate::handshake::ConnectionInfo;
use crate::message::Id;
use crate::peer::Peer;
use crate::served_call::ServedCall;
use crate::transport::memory_pair;

/// A call for unit tests of handlers: its [`Context`], to which it dereferences, and the caller in the test's
/// hands.
///
/// ```
/// use birpc_core::testing::TestContext;
/// use birpc_core::{Context, ErrorObject, Router};
///
/// struct User(&'static str);
///
/// async fn remove(cx: &Context, name: String) -> Result<String, ErrorObject> {
///     let user = cx.get::<User>().ok_or_else(|| ErrorObject::new(1, "log in first"))?;
///     match cx.peer().call("confirm", (format!("remove {name}?"),)).await {
///         Ok(true) => Ok(format!("{} removed {name}", user.0)),
///         _ => Err(ErrorObject::new(2, "not confirmed")),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let confirm = |_: Context, (_question,): (String,)| async { Ok::<_, ErrorObject>(true) };
/// let cx = TestContext::builder()
///     .value(User("ada"))
///     .caller(Router::new().method("confirm", confirm)) // what the handler can call back
///     .build();
/// assert_eq!(remove(&cx, "a.txt".into()).await, Ok("ada removed a.txt".into()));
/// assert!(remove(&TestContext::new(), "a.txt".into()).await.is_err());
/// # }
/// ```
pub struct TestContext {
    context: Context,
    caller: Peer,
}

impl TestContext {
    /// A request of a caller that serves nothing. Must be called within a tokio runtime.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Sets up a call.
    pub fn builder() -> TestContextBuilder {
        TestContextBuilder {
            method: "test".into(),
            id: Some(Id::number(1)),
            caller: Arc::default(),
            remote_addr: None,
            values: Vec::new(),
        }
    }

    /// Cancels the call, as its caller would: [`Context::is_cancelled`] is true, [`Context::cancelled`] is
    /// ready, and the calls that were made through the context are cancelled. A server would also drop the
    /// handler; here the test holds it.
    pub fn cancel(&self) {
        self.context.call().cancel();
    }

    /// The caller's end of the connection, whose peer is the handler's side: to close it, or to look at it.
    #[must_use]
    pub fn caller(&self) -> &Peer {
        &self.caller
    }
}

impl Default for TestContext {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

/// The caller is gone with the test's context.
impl Drop for TestContext {
    fn drop(&mut self) {
        // It cannot be refused: the code may be sent and the reason is short.
        let _ = self.caller.close(1000, "");
    }
}

impl fmt::Debug for TestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestContext").field(&self.context).finish()
    }
}

type Insert = Box<dyn FnOnce(&Peer) + Send>;

/// Sets up a [`TestContext`].
#[must_use = "a builder does nothing until it builds"]
pub struct TestContextBuilder {
    method: Arc<str>,
    id: Option<Id>,
    caller: Arc<Router>,
    remote_addr: Option<SocketAddr>,
    values: Vec<Insert>,
}

impl TestContextBuilder {
    /// The wire name by which the method was called. Default: `test`.
    pub fn method(mut self, name: &str) -> Self {
        self.method = name.into();
        self
    }

    /// The call is a notification. Default: a request with the id 1.
    pub fn notification(mut self) -> Self {
        self.id = None;
        self
    }

    /// A value that is kept with the connection, as a grant of `authorize` or [`Peer::insert`] adds it.
    pub fn value<T: std::any::Any + Send + Sync>(mut self, value: T) -> Self {
        self.values.push(Box::new(move |peer| drop(peer.insert(value))));
        self
    }

    /// What the caller serves, to be called through [`Context::peer`]. Default: nothing.
    pub fn caller(mut self, router: impl IntoRouter) -> Self {
        self.caller = router.into_router();
        self
    }

    /// The caller's address. Default: none.
    pub fn remote_addr(mut self, address: SocketAddr) -> Self {
        self.remote_addr = Some(address);
        self
    }

    /// The call, over a connection in memory that speaks `birpc.v1`. Must be called within a tokio runtime.
    #[must_use]
    pub fn build(self) -> TestContext {
        let (near, far) = memory_pair();
        let config = Arc::new(Config::default());
        let info = ConnectionInfo::default().with_subprotocol("birpc.v1");
        let mut of_caller = info.clone();
        of_caller.remote_addr = self.remote_addr;
        let (peer, serving) = Connection::new(near, config.clone(), of_caller);
        let (caller, calling) = Connection::new(far, config, info);
        self.values.into_iter().for_each(|insert| insert(&peer));
        let call = ServedCall::new(peer.current(), self.method, self.id, None, false);
        tokio::spawn(serving);
        tokio::spawn(calling.serve(self.caller));
        TestContext { context: Context::new(Arc::new(call)), caller }
    }
}

impl fmt::Debug for TestContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContextBuilder")
            .field("method", &self.method)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A client that can be connected over streams in memory: birpc's `ClientBuilder`. It is what
/// `Acceptor::connect_in_memory` takes, which is in a crate that does not know the client's.
pub trait InMemoryClient: Send {
    /// The connected client.
    type Client;
    /// Why it could not connect.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Connects to a URL over a stream that `open` gives, and with each that follows, if the client
    /// reconnects.
    ///
    /// # Errors
    /// Those of the client.
    fn connect_over_streams(
        self,
        url: String,
        open: impl Fn() -> DuplexStream + Send + Sync + 'static,
    ) -> impl Future<Output = Result<Self::Client, Self::Error>> + Send;
}
