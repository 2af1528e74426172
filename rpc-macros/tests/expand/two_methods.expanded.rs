pub trait Chat: ::birpc::__private::Send + ::birpc::__private::Sync + 'static {
    /// Posts.
    fn post(
        &self,
        cx: &Context,
        line: String,
    ) -> impl ::birpc::__private::Future<
        Output = Result<u64, ChatError>,
    > + ::birpc::__private::Send;
    fn typing(
        &self,
        cx: &Context,
    ) -> impl ::birpc::__private::Future<Output = ()> + ::birpc::__private::Send;
}
/// Serves a [`Chat`]: give it to a `Router`.
pub struct ChatServer<T>(::birpc::__private::Arc<T>);
impl<T: Chat> ChatServer<T> {
    /// Serves an implementation.
    pub fn new(service_: T) -> Self {
        Self(::birpc::__private::Arc::new(service_))
    }
    /// Serves an implementation that is shared with others.
    pub fn from_arc(service_: ::birpc::__private::Arc<T>) -> Self {
        Self(service_)
    }
}
#[automatically_derived]
impl<T: Chat> ::birpc::__private::Service for ChatServer<T> {
    fn register(self, router_: &mut ::birpc::__private::Router) {
        let mut routes_ = ::birpc::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .request::<
                (::birpc::__private::Param<String>,),
                ::birpc::__private::Reply<Result<u64, ChatError>>,
                _,
            >(
                &["chat.post"],
                &["line"],
                |me_, cx_, (line,)| async move { Chat::post(&*me_, &cx_, line).await },
            );
        (&mut routes_)
            .notification(
                &["chat.typing"],
                &[],
                |me_, cx_, ()| async move { Chat::typing(&*me_, &cx_).await },
            );
    }
}
impl<T> ::birpc::__private::fmt::Debug for ChatServer<T> {
    fn fmt(&self, f_: ::birpc::__private::Format<'_, '_>) -> ::birpc::__private::Fmt {
        f_.write_str("ChatServer")
    }
}
/// Calls a [`Chat`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub struct ChatClient(::birpc::__private::Peer);
impl ChatClient {
    /// Posts.
    pub fn post(
        &self,
        line: String,
    ) -> ::birpc::__private::Call<Result<u64, ChatError>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Result<u64, ChatError>>,
            (::birpc::__private::Param<String>,),
        >(&self.0, "chat.post", (line,))
    }
    /// Calls `chat.typing`.
    pub fn typing(&self) -> ::birpc::__private::Notify {
        ::birpc::__private::notification::<()>(&self.0, "chat.typing", ())
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<ChatBatch> {
        ::birpc::__private::batch(&self.0, ChatBatch)
    }
    /// Sets a timeout for each call of this stub. A call that takes longer is cancelled.
    #[must_use]
    pub fn with_timeout(self, timeout_: ::birpc::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout_))
    }
    /// The peer that this stub calls.
    #[must_use]
    pub fn peer(&self) -> &::birpc::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::Peer> for ChatClient {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        Self(peer_)
    }
}
/// Collects calls of a [`Chat`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct ChatBatch(ChatClient, ::birpc::__private::BatchCalls);
impl ChatBatch {
    /// Posts.
    #[inline]
    pub fn post(
        &mut self,
        line: String,
    ) -> ::birpc::__private::BatchCall<Result<u64, ChatError>> {
        ::birpc::__private::batch_call(&mut self.1, ChatClient::post(&self.0, line))
    }
    /// Calls `chat.typing`.
    #[inline]
    pub fn typing(&mut self) {
        ::birpc::__private::batch_notification(&mut self.1, ChatClient::typing(&self.0))
    }
}
