trait Names: crate::wire::__private::Send + crate::wire::__private::Sync + 'static {
    fn r#type(
        &self,
        r#in: u8,
        purpose: u8,
    ) -> impl crate::wire::__private::Future<
        Output = Answer<u8>,
    > + crate::wire::__private::Send;
    fn open(
        &self,
    ) -> impl crate::wire::__private::Future<
        Output = Answer<()>,
    > + crate::wire::__private::Send;
    fn progress(
        &self,
        this: u8,
        cx: u8,
        routes: T,
    ) -> impl crate::wire::__private::Future<Output = ()> + crate::wire::__private::Send;
}
/// Serves a [`Names`]: give it to a `Router`.
struct NamesServer<T_>(crate::wire::__private::Arc<T_>);
impl<T_: Names> NamesServer<T_> {
    /// Serves `service`.
    pub fn new(service: T_) -> Self {
        Self(crate::wire::__private::Arc::new(service))
    }
    /// Serves a `service` that is shared with others.
    pub fn from_arc(service: crate::wire::__private::Arc<T_>) -> Self {
        Self(service)
    }
}
#[automatically_derived]
impl<T_: Names> crate::wire::__private::Service for NamesServer<T_> {
    fn register(self, router: &mut crate::wire::__private::Router) {
        let mut routes = crate::wire::__private::Routes::new(router, self.0);
        routes
            .request::<
                (u8, u8),
                _,
                _,
            >(
                &["a_type"],
                &["in", "for"],
                |this, _, (r#in, purpose)| async move {
                    Names::r#type(&*this, r#in, purpose).await
                },
            );
        routes
            .request::<
                (),
                _,
                _,
            >(
                &["textDocument/didOpen", "open", "didOpen"],
                &[],
                |this, _, ()| async move { Names::open(&*this).await },
            );
        routes
            .notification::<
                (u8, u8, T),
                _,
                _,
            >(
                &["$/progress"],
                &["this", "cx", "routes"],
                |this, _, (this, cx, routes)| async move {
                    Names::progress(&*this, this, cx, routes).await
                },
            );
    }
}
/// Calls a [`Names`] at the other end of a connection.
#[derive(crate::wire::__private::Clone, crate::wire::__private::fmt::Debug)]
struct NamesClient(crate::wire::__private::Peer);
impl NamesClient {
    /// Calls `a_type`.
    pub fn r#type(
        &self,
        r#in: u8,
        purpose: u8,
    ) -> crate::wire::__private::Call<Answer<u8>> {
        crate::wire::__private::Peer::invoke(&self.0, "a_type", (r#in, purpose))
    }
    /// Calls `textDocument/didOpen`.
    pub fn open(&self) -> crate::wire::__private::Call<Answer<()>> {
        crate::wire::__private::Peer::invoke(&self.0, "textDocument/didOpen", ())
    }
    /// Calls `$/progress`.
    pub fn progress(
        &self,
        this: u8,
        cx: u8,
        routes: T,
    ) -> crate::wire::__private::Notify {
        crate::wire::__private::Peer::notify(&self.0, "$/progress", (this, cx, routes))
    }
    /// Gathers calls, which go out in one JSON-RPC batch when it is sent.
    pub fn batch(&self) -> crate::wire::__private::Batch<NamesBatch> {
        crate::wire::__private::Batch::new(&self.0)
    }
    /// Bounds each call of this stub: one that takes longer than `timeout` is cancelled.
    pub fn with_timeout(self, timeout: crate::wire::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout))
    }
    /// The peer that this stub calls.
    pub fn peer(&self) -> &crate::wire::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl crate::wire::__private::From<crate::wire::__private::Peer> for NamesClient {
    fn from(peer: crate::wire::__private::Peer) -> Self {
        Self(peer)
    }
}
/// Gathers calls of a [`Names`] for one JSON-RPC batch.
#[derive(crate::wire::__private::fmt::Debug)]
struct NamesBatch(NamesClient, crate::wire::__private::BatchCalls);
impl NamesBatch {
    /// Calls `a_type`.
    #[inline]
    pub fn r#type(
        &mut self,
        r#in: u8,
        purpose: u8,
    ) -> crate::wire::__private::BatchCall<Answer<u8>> {
        self.1.request(self.0.r#type(r#in, purpose))
    }
    /// Calls `textDocument/didOpen`.
    #[inline]
    pub fn open(&mut self) -> crate::wire::__private::BatchCall<Answer<()>> {
        self.1.request(self.0.open())
    }
    /// Calls `$/progress`.
    #[inline]
    pub fn progress(&mut self, this: u8, cx: u8, routes: T) {
        self.1.notification(self.0.progress(this, cx, routes))
    }
}
#[automatically_derived]
impl crate::wire::__private::From<crate::wire::__private::BatchCalls> for NamesBatch {
    fn from(calls: crate::wire::__private::BatchCalls) -> Self {
        Self(calls.stub(), calls)
    }
}
