pub trait Lanes: ::birpc::__private::Send + ::birpc::__private::Sync + 'static {
    fn in_turn(
        &self,
        n: u64,
    ) -> impl ::birpc::__private::Future<
        Output = Answer<u64>,
    > + ::birpc::__private::Send;
    fn by_itself(&self, cx: &Context, n: u64) -> Answer<u64>;
    fn both(&self, line: String) {
        drop(line);
    }
    fn moved(
        &self,
        x: i64,
    ) -> impl ::birpc::__private::Future<Output = ()> + ::birpc::__private::Send;
    fn changed(
        &self,
        edit: String,
    ) -> impl ::birpc::__private::Future<Output = ()> + ::birpc::__private::Send;
}
/// Serves a [`Lanes`]: give it to a `Router`.
pub struct LanesServer<T>(::birpc::__private::Arc<T>);
impl<T: Lanes> LanesServer<T> {
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
impl<T: Lanes> ::birpc::__private::Service for LanesServer<T> {
    fn register(self, router_: &mut ::birpc::__private::Router) {
        let mut routes_ = ::birpc::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .ordered()
            .request::<
                (::birpc::__private::Param<u64>,),
                ::birpc::__private::Reply<Answer<u64>>,
                _,
            >(
                &["in_turn"],
                &["n"],
                |me_, _, (n,)| async move { Lanes::in_turn(&*me_, n).await },
            );
        (&mut routes_)
            .blocking_request::<
                (::birpc::__private::BlockingParam<u64>,),
                ::birpc::__private::BlockingReply<Answer<u64>>,
            >(&["by_itself"], &["n"], |me_, cx_, (n,)| Lanes::by_itself(&*me_, &cx_, n));
        (&mut routes_)
            .ordered()
            .blocking_notification::<
                (::birpc::__private::NotificationParam<String>,),
            >(&["both"], &["line"], |me_, _, (line,)| Lanes::both(&*me_, line));
        (&mut routes_)
            .overflow(::birpc::__private::Overflow::Latest)
            .notification::<
                (::birpc::__private::NotificationParam<i64>,),
                _,
            >(
                &["moved"],
                &["x"],
                |me_, _, (x,)| async move { Lanes::moved(&*me_, x).await },
            );
        (&mut routes_)
            .ordered()
            .overflow(::birpc::__private::Overflow::Close)
            .notification::<
                (::birpc::__private::NotificationParam<String>,),
                _,
            >(
                &["changed"],
                &["edit"],
                |me_, _, (edit,)| async move { Lanes::changed(&*me_, edit).await },
            );
    }
}
impl<T> ::birpc::__private::fmt::Debug for LanesServer<T> {
    fn fmt(&self, f_: ::birpc::__private::Format<'_, '_>) -> ::birpc::__private::Fmt {
        f_.write_str("LanesServer")
    }
}
/// Calls a [`Lanes`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub struct LanesClient(::birpc::__private::Peer);
impl LanesClient {
    /// Calls `in_turn`.
    pub fn in_turn(&self, n: u64) -> ::birpc::__private::Call<Answer<u64>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<u64>>,
            (::birpc::__private::Param<u64>,),
        >(&self.0, "in_turn", (n,))
    }
    /// Calls `by_itself`.
    pub fn by_itself(&self, n: u64) -> ::birpc::__private::Call<Answer<u64>> {
        ::birpc::__private::request::<
            ::birpc::__private::BlockingReply<Answer<u64>>,
            (::birpc::__private::BlockingParam<u64>,),
        >(&self.0, "by_itself", (n,))
    }
    /// Calls `both`.
    pub fn both(&self, line: String) -> ::birpc::__private::Notify {
        ::birpc::__private::notification::<
            (::birpc::__private::NotificationParam<String>,),
        >(&self.0, "both", (line,))
    }
    /// Calls `moved`.
    pub fn moved(&self, x: i64) -> ::birpc::__private::Notify {
        ::birpc::__private::notification::<
            (::birpc::__private::NotificationParam<i64>,),
        >(&self.0, "moved", (x,))
    }
    /// Calls `changed`.
    pub fn changed(&self, edit: String) -> ::birpc::__private::Notify {
        ::birpc::__private::notification::<
            (::birpc::__private::NotificationParam<String>,),
        >(&self.0, "changed", (edit,))
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<LanesBatch> {
        ::birpc::__private::batch(&self.0, LanesBatch)
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
impl ::birpc::__private::From<::birpc::__private::Peer> for LanesClient {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        Self(peer_)
    }
}
/// Collects calls of a [`Lanes`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct LanesBatch(LanesClient, ::birpc::__private::BatchCalls);
impl LanesBatch {
    /// Calls `in_turn`.
    #[inline]
    pub fn in_turn(&mut self, n: u64) -> ::birpc::__private::BatchCall<Answer<u64>> {
        ::birpc::__private::batch_call(&mut self.1, LanesClient::in_turn(&self.0, n))
    }
    /// Calls `by_itself`.
    #[inline]
    pub fn by_itself(&mut self, n: u64) -> ::birpc::__private::BatchCall<Answer<u64>> {
        ::birpc::__private::batch_call(&mut self.1, LanesClient::by_itself(&self.0, n))
    }
    /// Calls `both`.
    #[inline]
    pub fn both(&mut self, line: String) {
        ::birpc::__private::batch_notification(
            &mut self.1,
            LanesClient::both(&self.0, line),
        )
    }
    /// Calls `moved`.
    #[inline]
    pub fn moved(&mut self, x: i64) {
        ::birpc::__private::batch_notification(
            &mut self.1,
            LanesClient::moved(&self.0, x),
        )
    }
    /// Calls `changed`.
    #[inline]
    pub fn changed(&mut self, edit: String) {
        ::birpc::__private::batch_notification(
            &mut self.1,
            LanesClient::changed(&self.0, edit),
        )
    }
}
