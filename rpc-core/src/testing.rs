//! Support for tests of applications: a [`Context`] for handlers that a test calls as plain functions, and
//! the trait that connects a server and a client in memory.

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

/// A call for unit tests of handlers. It dereferences to its [`Context`], and gives the test control of the
/// caller.
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
    /// Creates a request whose caller serves nothing. Must be called within a tokio runtime.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Configures a call.
    pub fn builder() -> TestContextBuilder {
        TestContextBuilder {
            method: "test".into(),
            id: Some(Id::number(1)),
            caller: Arc::default(),
            remote_addr: None,
            values: Vec::new(),
        }
    }

    /// Cancels the call as its caller would: [`Context::is_cancelled`] becomes true, [`Context::cancelled`]
    /// completes, and calls that were made through the context are cancelled. A server would also drop the
    /// handler; here the test owns it.
    pub fn cancel(&self) {
        self.context.call().cancel();
    }

    /// The caller's side of the connection, for closing or inspecting it. Its peer is the handler's side.
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

/// Closes the connection, as a caller that leaves would.
impl Drop for TestContext {
    fn drop(&mut self) {
        // This cannot fail: the code may be sent and the reason is short.
        let _ = self.caller.close(1000, "");
    }
}

impl fmt::Debug for TestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestContext").field(&self.context).finish()
    }
}

type Insert = Box<dyn FnOnce(&Peer) + Send>;

/// Configures a [`TestContext`].
#[must_use = "a builder does nothing until it builds"]
pub struct TestContextBuilder {
    method: Arc<str>,
    id: Option<Id>,
    caller: Arc<Router>,
    remote_addr: Option<SocketAddr>,
    values: Vec<Insert>,
}

impl TestContextBuilder {
    /// Sets the wire name by which the method was called. Default: `test`.
    pub fn method(mut self, name: &str) -> Self {
        self.method = name.into();
        self
    }

    /// Makes the call a notification. Default: a request with the id 1.
    pub fn notification(mut self) -> Self {
        self.id = None;
        self
    }

    /// Adds a value that is kept with the connection, as a grant of `authorize` or [`Peer::insert`] does.
    pub fn value<T: std::any::Any + Send + Sync>(mut self, value: T) -> Self {
        self.values.push(Box::new(move |peer| drop(peer.insert(value))));
        self
    }

    /// Sets the methods that the caller serves; the handler reaches them through [`Context::peer`]. Default:
    /// none.
    pub fn caller(mut self, router: impl IntoRouter) -> Self {
        self.caller = router.into_router();
        self
    }

    /// Sets the caller's address. Default: none.
    pub fn remote_addr(mut self, address: SocketAddr) -> Self {
        self.remote_addr = Some(address);
        self
    }

    /// Creates the call, over a connection in memory that speaks `birpc.v1`. Must be called within a tokio
    /// runtime.
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
        let call = ServedCall::new(peer.current(), self.method, self.id, None, false, 0);
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

/// A client that can be connected over streams in memory: birpc's `ClientBuilder`.
/// `Acceptor::connect_in_memory` takes this trait because its crate does not depend on the client's.
pub trait InMemoryClient: Send {
    /// The connected client.
    type Client;
    /// Why the client could not connect.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Connects to a URL over a stream that `open` returns. A client that reconnects calls `open` again for
    /// each further connection.
    ///
    /// # Errors
    /// The errors of the client.
    /// Those of the client.
    fn connect_over_streams(
        self,
        url: String,
        open: impl Fn() -> DuplexStream + Send + Sync + 'static,
    ) -> impl Future<Output = Result<Self::Client, Self::Error>> + Send;
}
