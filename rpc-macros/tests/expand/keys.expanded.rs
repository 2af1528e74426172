#[allow(dead_code)]
trait Remote: crate::wire::__private::Send + crate::wire::__private::Sync + 'static {
    fn call_text(
        &self,
        text: Option<String>,
    ) -> impl crate::wire::__private::Future<
        Output = Answer<()>,
    > + crate::wire::__private::Send;
    fn call_number(
        &self,
        number: Option<u64>,
    ) -> impl crate::wire::__private::Future<
        Output = Answer<()>,
    > + crate::wire::__private::Send;
}
/// Calls a [`Remote`] at the other end of a connection.
#[derive(crate::wire::__private::Clone, crate::wire::__private::fmt::Debug)]
struct RemoteClient(crate::wire::__private::Peer);
impl RemoteClient {
    /// Calls `call`.
    pub fn call_text(
        &self,
        text: Option<String>,
    ) -> crate::wire::__private::Call<Answer<()>> {
        crate::wire::__private::request::<
            crate::wire::__private::ReceivedReply<Answer<()>>,
            (crate::wire::__private::Null<crate::wire::__private::Sent<Option<String>>>,),
        >(&self.0, "call", (crate::wire::__private::Null(text),))
    }
    /// Calls `call`.
    pub fn call_number(
        &self,
        number: Option<u64>,
    ) -> crate::wire::__private::Call<Answer<()>> {
        crate::wire::__private::request::<
            crate::wire::__private::ReceivedReply<Answer<()>>,
            crate::wire::__private::Named<
                (
                    crate::wire::__private::Null<
                        crate::wire::__private::Sent<Option<u64>>,
                    >,
                ),
            >,
        >(
            &self.0,
            "call",
            crate::wire::__private::Named(
                &["number"],
                (crate::wire::__private::Null(number),),
            ),
        )
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> crate::wire::__private::Batch<RemoteBatch> {
        crate::wire::__private::batch(&self.0, RemoteBatch)
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
impl crate::wire::__private::From<crate::wire::__private::Peer> for RemoteClient {
    fn from(peer_: crate::wire::__private::Peer) -> Self {
        Self(peer_)
    }
}
/// Collects calls of a [`Remote`] for one JSON-RPC batch.
#[derive(crate::wire::__private::fmt::Debug)]
struct RemoteBatch(RemoteClient, crate::wire::__private::BatchCalls);
impl RemoteBatch {
    /// Calls `call`.
    #[inline]
    pub fn call_text(
        &mut self,
        text: Option<String>,
    ) -> crate::wire::__private::BatchCall<Answer<()>> {
        crate::wire::__private::batch_call(
            &mut self.1,
            RemoteClient::call_text(&self.0, text),
        )
    }
    /// Calls `call`.
    #[inline]
    pub fn call_number(
        &mut self,
        number: Option<u64>,
    ) -> crate::wire::__private::BatchCall<Answer<()>> {
        crate::wire::__private::batch_call(
            &mut self.1,
            RemoteClient::call_number(&self.0, number),
        )
    }
}
#[allow(clippy::too_many_arguments)]
#[crate::wire::__private::async_trait]
trait Chosen<
    C: Config,
>: crate::wire::__private::Send + crate::wire::__private::Sync + 'static
where
    C: crate::wire::__private::Send + crate::wire::__private::Sync + 'static,
{
    async fn find(
        &self,
        cx: &Context,
        hash: C::Hash,
        depth: u32,
    ) -> Answer<Vec<C::Block>>;
    async fn count(&self, limit: u32) -> Answer<u64> {
        Ok(limit.into())
    }
    fn scan(&self, key: String, from: Option<u64>) -> Answer<()>;
    async fn secret(&self) -> Answer<String>;
    #[expect(unused_variables, reason = "it does nothing")]
    async fn told(&self, secret: String) {}
}
#[allow(clippy::too_many_arguments)]
/// Serves a [`Chosen`]: give it to a `Router`.
struct ChosenServer<T: ?crate::wire::__private::Sized, C>(
    crate::wire::__private::Arc<T>,
    crate::wire::__private::PhantomData<fn() -> (C,)>,
);
#[allow(clippy::too_many_arguments)]
impl<T: ?crate::wire::__private::Sized + Chosen<C>, C: Config> ChosenServer<T, C>
where
    C: crate::wire::__private::Send + crate::wire::__private::Sync + 'static,
    C::Hash: crate::wire::__private::ServedParam + 'static,
    Answer<
        Vec<C::Block>,
    >: crate::wire::__private::MethodResult<Ok: crate::wire::__private::ServedBody>,
{
    /// Serves an implementation.
    pub fn new(service_: T) -> Self
    where
        T: crate::wire::__private::Sized,
    {
        Self(
            crate::wire::__private::Arc::new(service_),
            crate::wire::__private::PhantomData,
        )
    }
    /// Serves an implementation that is shared with others.
    pub fn from_arc(service_: crate::wire::__private::Arc<T>) -> Self {
        Self(service_, crate::wire::__private::PhantomData)
    }
}
#[allow(clippy::too_many_arguments)]
#[automatically_derived]
impl<
    T: ?crate::wire::__private::Sized + Chosen<C>,
    C: Config,
> crate::wire::__private::Service for ChosenServer<T, C>
where
    C: crate::wire::__private::Send + crate::wire::__private::Sync + 'static,
    C::Hash: crate::wire::__private::ServedParam + 'static,
    Answer<
        Vec<C::Block>,
    >: crate::wire::__private::MethodResult<Ok: crate::wire::__private::ServedBody>,
{
    fn register(self, router_: &mut crate::wire::__private::Router) {
        static MARKS: crate::wire::__private::Marks = crate::wire::__private::Marks::new(
            &[
                crate::wire::__private::Sensitive {
                    method: "scan",
                    params: &[(0, "key")],
                    all_params: false,
                    result: false,
                },
                crate::wire::__private::Sensitive {
                    method: "secret",
                    params: &[],
                    all_params: true,
                    result: true,
                },
                crate::wire::__private::Sensitive {
                    method: "told",
                    params: &[],
                    all_params: true,
                    result: true,
                },
            ],
        );
        (&MARKS).set();
        let mut routes_ = crate::wire::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .request::<
                (
                    C::Hash,
                    crate::wire::__private::Given<crate::wire::__private::Param<u32>>,
                ),
                Answer<Vec<C::Block>>,
                _,
            >(
                &["find"],
                &["hash", "depth"],
                |me_, cx_, (hash, depth)| async move {
                    Chosen::find(
                            &*me_,
                            &cx_,
                            hash,
                            depth.or(crate::wire::__private::Default::default),
                        )
                        .await
                },
            );
        (&mut routes_)
            .request::<
                (crate::wire::__private::Given<crate::wire::__private::Param<u32>>,),
                crate::wire::__private::Reply<Answer<u64>>,
                _,
            >(
                &["count"],
                &["limit"],
                |me_, _, (limit,)| async move {
                    Chosen::count(&*me_, limit.or(defaults::limit)).await
                },
            );
        (&mut routes_)
            .blocking_request::<
                (
                    crate::wire::__private::BlockingParam<String>,
                    crate::wire::__private::BlockingParam<Option<u64>>,
                ),
                crate::wire::__private::BlockingReply<Answer<()>>,
            >(
                &["scan"],
                &["key", "from"],
                |me_, _, (key, from)| Chosen::scan(&*me_, key, from),
            );
        (&mut routes_)
            .request::<
                (),
                crate::wire::__private::Reply<Answer<String>>,
                _,
            >(&["secret"], &[], |me_, _, ()| async move { Chosen::secret(&*me_).await });
        (&mut routes_)
            .notification::<
                (crate::wire::__private::NotificationParam<String>,),
                _,
            >(
                &["told"],
                &["secret"],
                |me_, _, (secret,)| async move { Chosen::told(&*me_, secret).await },
            );
    }
}
#[allow(clippy::too_many_arguments)]
impl<T: ?crate::wire::__private::Sized, C> crate::wire::__private::fmt::Debug
for ChosenServer<T, C> {
    fn fmt(
        &self,
        f_: crate::wire::__private::Format<'_, '_>,
    ) -> crate::wire::__private::Fmt {
        f_.write_str("ChosenServer")
    }
}
#[allow(clippy::too_many_arguments)]
/// Calls a [`Chosen`] at the other end of a connection.
struct ChosenClient<C>(
    crate::wire::__private::Peer,
    crate::wire::__private::PhantomData<fn() -> (C,)>,
);
#[allow(clippy::too_many_arguments)]
#[automatically_derived]
impl<C> crate::wire::__private::Clone for ChosenClient<C> {
    fn clone(&self) -> Self {
        Self(
            crate::wire::__private::Clone::clone(&self.0),
            crate::wire::__private::PhantomData,
        )
    }
}
#[allow(clippy::too_many_arguments)]
#[automatically_derived]
impl<C> crate::wire::__private::fmt::Debug for ChosenClient<C> {
    fn fmt(
        &self,
        f_: &mut crate::wire::__private::fmt::Formatter<'_>,
    ) -> crate::wire::__private::fmt::Result {
        f_.debug_tuple("ChosenClient").field(&self.0).finish()
    }
}
#[allow(clippy::too_many_arguments)]
impl<C: Config> ChosenClient<C>
where
    C: crate::wire::__private::Send + crate::wire::__private::Sync + 'static,
    C::Hash: crate::wire::__private::CalledParam,
    Answer<
        Vec<C::Block>,
    >: crate::wire::__private::MethodResult<Ok: crate::wire::__private::CalledBody>,
{
    /// Calls `find`.
    pub fn find(
        &self,
        hash: C::Hash,
        depth: u32,
    ) -> crate::wire::__private::Call<Answer<Vec<C::Block>>> {
        crate::wire::__private::request::<
            Answer<Vec<C::Block>>,
            (C::Hash, crate::wire::__private::Param<u32>),
        >(&self.0, "find", (hash, depth))
    }
    /// Calls `count`.
    pub fn count(&self, limit: u32) -> crate::wire::__private::Call<Answer<u64>> {
        crate::wire::__private::request::<
            crate::wire::__private::Reply<Answer<u64>>,
            (crate::wire::__private::Param<u32>,),
        >(&self.0, "count", (limit,))
    }
    /// Calls `scan`.
    pub fn scan(
        &self,
        key: String,
        from: Option<u64>,
    ) -> crate::wire::__private::Call<Answer<()>> {
        crate::wire::__private::request::<
            crate::wire::__private::BlockingReply<Answer<()>>,
            (
                crate::wire::__private::BlockingParam<String>,
                crate::wire::__private::Null<
                    crate::wire::__private::BlockingParam<Option<u64>>,
                >,
            ),
        >(&self.0, "scan", (key, crate::wire::__private::Null(from)))
    }
    /// Calls `secret`.
    pub fn secret(&self) -> crate::wire::__private::Call<Answer<String>> {
        crate::wire::__private::sensitive(
            crate::wire::__private::request::<
                crate::wire::__private::Reply<Answer<String>>,
                (),
            >(&self.0, "secret", ()),
        )
    }
    /// Calls `told`.
    #[allow(unused_variables, reason = "it does nothing")]
    pub fn told(&self, secret: String) -> crate::wire::__private::Notify {
        crate::wire::__private::notification::<
            (crate::wire::__private::NotificationParam<String>,),
        >(&self.0, "told", (secret,))
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> crate::wire::__private::Batch<ChosenBatch<C>> {
        crate::wire::__private::batch(&self.0, ChosenBatch)
    }
    /// Sets a timeout for each call of this stub. A call that takes longer is cancelled.
    #[must_use]
    pub fn with_timeout(self, timeout_: crate::wire::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout_), crate::wire::__private::PhantomData)
    }
    /// The peer that this stub calls.
    #[must_use]
    pub fn peer(&self) -> &crate::wire::__private::Peer {
        &self.0
    }
}
#[allow(clippy::too_many_arguments)]
#[automatically_derived]
impl<C> crate::wire::__private::From<crate::wire::__private::Peer> for ChosenClient<C> {
    fn from(peer_: crate::wire::__private::Peer) -> Self {
        static MARKS: crate::wire::__private::Marks = crate::wire::__private::Marks::new(
            &[
                crate::wire::__private::Sensitive {
                    method: "scan",
                    params: &[(0, "key")],
                    all_params: false,
                    result: false,
                },
                crate::wire::__private::Sensitive {
                    method: "secret",
                    params: &[],
                    all_params: true,
                    result: true,
                },
                crate::wire::__private::Sensitive {
                    method: "told",
                    params: &[],
                    all_params: true,
                    result: true,
                },
            ],
        );
        (&MARKS).set();
        Self(peer_, crate::wire::__private::PhantomData)
    }
}
#[allow(clippy::too_many_arguments)]
/// Collects calls of a [`Chosen`] for one JSON-RPC batch.
#[derive(crate::wire::__private::fmt::Debug)]
struct ChosenBatch<C>(ChosenClient<C>, crate::wire::__private::BatchCalls);
#[allow(clippy::too_many_arguments)]
impl<C: Config> ChosenBatch<C>
where
    C: crate::wire::__private::Send + crate::wire::__private::Sync + 'static,
    C::Hash: crate::wire::__private::CalledParam,
    Answer<
        Vec<C::Block>,
    >: crate::wire::__private::MethodResult<Ok: crate::wire::__private::CalledBody>,
{
    /// Calls `find`.
    #[inline]
    pub fn find(
        &mut self,
        hash: C::Hash,
        depth: u32,
    ) -> crate::wire::__private::BatchCall<Answer<Vec<C::Block>>> {
        crate::wire::__private::batch_call(
            &mut self.1,
            ChosenClient::find(&self.0, hash, depth),
        )
    }
    /// Calls `count`.
    #[inline]
    pub fn count(
        &mut self,
        limit: u32,
    ) -> crate::wire::__private::BatchCall<Answer<u64>> {
        crate::wire::__private::batch_call(
            &mut self.1,
            ChosenClient::count(&self.0, limit),
        )
    }
    /// Calls `scan`.
    #[inline]
    pub fn scan(
        &mut self,
        key: String,
        from: Option<u64>,
    ) -> crate::wire::__private::BatchCall<Answer<()>> {
        crate::wire::__private::batch_call(
            &mut self.1,
            ChosenClient::scan(&self.0, key, from),
        )
    }
    /// Calls `secret`.
    #[inline]
    pub fn secret(&mut self) -> crate::wire::__private::BatchCall<Answer<String>> {
        crate::wire::__private::batch_call(&mut self.1, ChosenClient::secret(&self.0))
    }
    /// Calls `told`.
    #[allow(unused_variables, reason = "it does nothing")]
    #[inline]
    pub fn told(&mut self, secret: String) {
        crate::wire::__private::batch_notification(
            &mut self.1,
            ChosenClient::told(&self.0, secret),
        )
    }
}
