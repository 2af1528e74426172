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
    /// Serves `service`.
    pub fn new(service: T) -> Self {
        Self(::birpc::__private::Arc::new(service))
    }
    /// Serves a `service` that is shared with others.
    pub fn from_arc(service: ::birpc::__private::Arc<T>) -> Self {
        Self(service)
    }
}
#[automatically_derived]
impl<T: Chat> ::birpc::__private::Service for ChatServer<T> {
    fn register(self, router: &mut ::birpc::__private::Router) {
        let mut routes = ::birpc::__private::Routes::new(router, self.0);
        routes
            .request::<
                (String,),
                _,
                _,
            >(
                &["chat.post"],
                &["line"],
                |this, cx, (line,)| async move { Chat::post(&*this, &cx, line).await },
            );
        routes
            .notification::<
                (),
                _,
                _,
            >(
                &["chat.typing"],
                &[],
                |this, cx, ()| async move { Chat::typing(&*this, &cx).await },
            );
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
        ::birpc::__private::Peer::invoke(&self.0, "chat.post", (line,))
    }
    /// Calls `chat.typing`.
    pub fn typing(&self) -> ::birpc::__private::Notify {
        ::birpc::__private::Peer::notify(&self.0, "chat.typing", ())
    }
    /// Gathers calls, which go out in one JSON-RPC batch when it is sent.
    pub fn batch(&self) -> ::birpc::__private::Batch<ChatBatch> {
        ::birpc::__private::Batch::new(&self.0)
    }
    /// Bounds each call of this stub: one that takes longer than `timeout` is cancelled.
    pub fn with_timeout(self, timeout: ::birpc::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout))
    }
    /// The peer that this stub calls.
    pub fn peer(&self) -> &::birpc::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::Peer> for ChatClient {
    fn from(peer: ::birpc::__private::Peer) -> Self {
        Self(peer)
    }
}
/// Gathers calls of a [`Chat`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct ChatBatch(ChatClient, ::birpc::__private::BatchCalls);
impl ChatBatch {
    /// Posts.
    #[inline]
    pub fn post(
        &mut self,
        line: String,
    ) -> ::birpc::__private::BatchCall<Result<u64, ChatError>> {
        self.1.request(self.0.post(line))
    }
    /// Calls `chat.typing`.
    #[inline]
    pub fn typing(&mut self) {
        self.1.notification(self.0.typing())
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::BatchCalls> for ChatBatch {
    fn from(calls: ::birpc::__private::BatchCalls) -> Self {
        Self(calls.stub(), calls)
    }
}
