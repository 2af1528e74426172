pub trait Eth: ::birpc::__private::Send + ::birpc::__private::Sync + 'static {
    fn subscribe(
        &self,
        kind: String,
    ) -> impl ::birpc::__private::Future<
        Output = Result<Streaming<Header>, ErrorObject>,
    > + ::birpc::__private::Send;
}
/// Serves a [`Eth`]: give it to a `Router`.
pub struct EthServer<T>(::birpc::__private::Arc<T>);
impl<T: Eth> EthServer<T> {
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
impl<T: Eth> ::birpc::__private::Service for EthServer<T> {
    fn register(self, router_: &mut ::birpc::__private::Router) {
        let mut routes_ = ::birpc::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .subscription(const {
                &::birpc::__private::subscription_form(
                    "eth_subscription",
                    "eth_unsubscribe",
                    ::birpc::__private::BadEnd::Error,
                    ::birpc::__private::SubscriptionIds::Text,
                )
            })
            .request::<
                (::birpc::__private::SubscriptionParam<String>,),
                ::birpc::__private::SubscriptionReply<
                    Result<Streaming<Header>, ErrorObject>,
                >,
                _,
            >(
                &["eth_subscribe"],
                &["kind"],
                |me_, _, (kind,)| async move { Eth::subscribe(&*me_, kind).await },
            );
    }
}
impl<T> ::birpc::__private::fmt::Debug for EthServer<T> {
    fn fmt(&self, f_: ::birpc::__private::Format<'_, '_>) -> ::birpc::__private::Fmt {
        f_.write_str("EthServer")
    }
}
/// Calls a [`Eth`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub struct EthClient(::birpc::__private::Peer);
impl EthClient {
    /// Calls `eth_subscribe`.
    pub fn subscribe(
        &self,
        kind: String,
    ) -> ::birpc::__private::Call<Result<Streaming<Header>, ErrorObject>> {
        ::birpc::__private::subscribed(
            ::birpc::__private::request::<
                ::birpc::__private::SubscriptionReply<
                    Result<Streaming<Header>, ErrorObject>,
                >,
                (::birpc::__private::SubscriptionParam<String>,),
            >(&self.0, "eth_subscribe", (kind,)),
            const {
                &::birpc::__private::subscription_form(
                    "eth_subscription",
                    "eth_unsubscribe",
                    ::birpc::__private::BadEnd::Error,
                    ::birpc::__private::SubscriptionIds::Text,
                )
            },
        )
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<EthBatch> {
        ::birpc::__private::batch(&self.0, EthBatch)
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
impl ::birpc::__private::From<::birpc::__private::Peer> for EthClient {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        Self(peer_)
    }
}
/// Collects calls of a [`Eth`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct EthBatch(EthClient, ::birpc::__private::BatchCalls);
impl EthBatch {
    /// Calls `eth_subscribe`.
    #[inline]
    pub fn subscribe(
        &mut self,
        kind: String,
    ) -> ::birpc::__private::BatchCall<Result<Streaming<Header>, ErrorObject>> {
        ::birpc::__private::batch_call(&mut self.1, EthClient::subscribe(&self.0, kind))
    }
}
