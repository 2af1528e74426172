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
    /// Serves an implementation.
    pub fn new(service_: T_) -> Self {
        Self(crate::wire::__private::Arc::new(service_))
    }
    /// Serves an implementation that is shared with others.
    pub fn from_arc(service_: crate::wire::__private::Arc<T_>) -> Self {
        Self(service_)
    }
}
#[automatically_derived]
impl<T_: Names> crate::wire::__private::Service for NamesServer<T_> {
    fn register(self, router_: &mut crate::wire::__private::Router) {
        let mut routes_ = crate::wire::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .request::<
                (crate::wire::__private::Param<u8>, crate::wire::__private::Param<u8>),
                crate::wire::__private::Reply<Answer<u8>>,
                _,
            >(
                &["a_type"],
                &["in", "for"],
                |me_, _, (r#in, purpose)| async move {
                    Names::r#type(&*me_, r#in, purpose).await
                },
            );
        (&mut routes_)
            .request::<
                (),
                crate::wire::__private::Reply<Answer<()>>,
                _,
            >(
                &["textDocument/didOpen", "open", "didOpen"],
                &[],
                |me_, _, ()| async move { Names::open(&*me_).await },
            );
        (&mut routes_)
            .notification::<
                (
                    crate::wire::__private::NotificationParam<u8>,
                    crate::wire::__private::NotificationParam<u8>,
                    crate::wire::__private::NotificationParam<T>,
                ),
                _,
            >(
                &["$/progress"],
                &["this", "cx", "routes"],
                |me_, _, (this, cx, routes)| async move {
                    Names::progress(&*me_, this, cx, routes).await
                },
            );
    }
}
impl<T_> crate::wire::__private::fmt::Debug for NamesServer<T_> {
    fn fmt(
        &self,
        f_: crate::wire::__private::Format<'_, '_>,
    ) -> crate::wire::__private::Fmt {
        f_.write_str("NamesServer")
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
        crate::wire::__private::request::<
            crate::wire::__private::Reply<Answer<u8>>,
            (crate::wire::__private::Param<u8>, crate::wire::__private::Param<u8>),
        >(&self.0, "a_type", (r#in, purpose))
    }
    /// Calls `textDocument/didOpen`.
    pub fn open(&self) -> crate::wire::__private::Call<Answer<()>> {
        crate::wire::__private::request::<
            crate::wire::__private::Reply<Answer<()>>,
            (),
        >(&self.0, "textDocument/didOpen", ())
    }
    /// Calls `$/progress`.
    pub fn progress(
        &self,
        this: u8,
        cx: u8,
        routes: T,
    ) -> crate::wire::__private::Notify {
        crate::wire::__private::notification::<
            (
                crate::wire::__private::NotificationParam<u8>,
                crate::wire::__private::NotificationParam<u8>,
                crate::wire::__private::NotificationParam<T>,
            ),
        >(&self.0, "$/progress", (this, cx, routes))
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> crate::wire::__private::Batch<NamesBatch> {
        crate::wire::__private::batch(&self.0, NamesBatch)
    }
    /// Sets a timeout for each call of this stub. A call that takes longer is cancelled.
    #[must_use]
    pub fn with_timeout(self, timeout_: crate::wire::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout_))
    }
    /// The peer that this stub calls.
    #[must_use]
    pub fn peer(&self) -> &crate::wire::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl crate::wire::__private::From<crate::wire::__private::Peer> for NamesClient {
    fn from(peer_: crate::wire::__private::Peer) -> Self {
        Self(peer_)
    }
}
/// Collects calls of a [`Names`] for one JSON-RPC batch.
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
        crate::wire::__private::batch_call(
            &mut self.1,
            NamesClient::r#type(&self.0, r#in, purpose),
        )
    }
    /// Calls `textDocument/didOpen`.
    #[inline]
    pub fn open(&mut self) -> crate::wire::__private::BatchCall<Answer<()>> {
        crate::wire::__private::batch_call(&mut self.1, NamesClient::open(&self.0))
    }
    /// Calls `$/progress`.
    #[inline]
    pub fn progress(&mut self, this: u8, cx: u8, routes: T) {
        crate::wire::__private::batch_notification(
            &mut self.1,
            NamesClient::progress(&self.0, this, cx, routes),
        )
    }
}
