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
}
/// Serves a [`Lanes`]: give it to a `Router`.
pub struct LanesServer<T>(::birpc::__private::Arc<T>);
impl<T: Lanes> LanesServer<T> {
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
impl<T: Lanes> ::birpc::__private::Service for LanesServer<T> {
    fn register(self, router: &mut ::birpc::__private::Router) {
        let mut routes = ::birpc::__private::Routes::new(router, self.0);
        routes
            .ordered()
            .request::<
                (u64,),
                _,
                _,
            >(
                &["in_turn"],
                &["n"],
                |this, _, (n,)| async move { Lanes::in_turn(&*this, n).await },
            );
        routes
            .blocking_request::<
                (u64,),
                _,
                _,
            >(&["by_itself"], &["n"], |this, cx, (n,)| Lanes::by_itself(&*this, &cx, n));
        routes
            .ordered()
            .blocking_notification::<
                (String,),
                _,
            >(&["both"], &["line"], |this, _, (line,)| Lanes::both(&*this, line));
    }
}
/// Calls a [`Lanes`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub struct LanesClient(::birpc::__private::Peer);
impl LanesClient {
    /// Calls `in_turn`.
    pub fn in_turn(&self, n: u64) -> ::birpc::__private::Call<Answer<u64>> {
        ::birpc::__private::Peer::invoke(&self.0, "in_turn", (n,))
    }
    /// Calls `by_itself`.
    pub fn by_itself(&self, n: u64) -> ::birpc::__private::Call<Answer<u64>> {
        ::birpc::__private::Peer::invoke(&self.0, "by_itself", (n,))
    }
    /// Calls `both`.
    pub fn both(&self, line: String) -> ::birpc::__private::Notify {
        ::birpc::__private::Peer::notify(&self.0, "both", (line,))
    }
    /// Gathers calls, which go out in one JSON-RPC batch when it is sent.
    pub fn batch(&self) -> ::birpc::__private::Batch<LanesBatch> {
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
impl ::birpc::__private::From<::birpc::__private::Peer> for LanesClient {
    fn from(peer: ::birpc::__private::Peer) -> Self {
        Self(peer)
    }
}
/// Gathers calls of a [`Lanes`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct LanesBatch(LanesClient, ::birpc::__private::BatchCalls);
impl LanesBatch {
    /// Calls `in_turn`.
    #[inline]
    pub fn in_turn(&mut self, n: u64) -> ::birpc::__private::BatchCall<Answer<u64>> {
        self.1.request(self.0.in_turn(n))
    }
    /// Calls `by_itself`.
    #[inline]
    pub fn by_itself(&mut self, n: u64) -> ::birpc::__private::BatchCall<Answer<u64>> {
        self.1.request(self.0.by_itself(n))
    }
    /// Calls `both`.
    #[inline]
    pub fn both(&mut self, line: String) {
        self.1.notification(self.0.both(line))
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::BatchCalls> for LanesBatch {
    fn from(calls: ::birpc::__private::BatchCalls) -> Self {
        Self(calls.stub(), calls)
    }
}
