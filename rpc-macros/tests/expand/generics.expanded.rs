pub trait Store<
    K,
    T = String,
    const N: usize = 4,
>: Audit + ::birpc::__private::Send + ::birpc::__private::Sync + 'static
where
    Self: Sized,
    K: Ord,
    K: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
{
    fn get(
        &self,
        key: K,
    ) -> impl ::birpc::__private::Future<
        Output = Result<Page<T, N>, StoreError<K>>,
    > + ::birpc::__private::Send;
}
/// Serves a [`Store`]: give it to a `Router`.
pub struct StoreServer<T_, K, T = String, const N: usize = 4>(
    ::birpc::__private::Arc<T_>,
    ::birpc::__private::PhantomData<fn() -> (K, T)>,
);
impl<T_: Store<K, T, N>, K, T, const N: usize> StoreServer<T_, K, T, N>
where
    K: Ord,
    K: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    K: ::birpc::__private::ServedParam + 'static,
    Result<
        Page<T, N>,
        StoreError<K>,
    >: ::birpc::__private::MethodResult<Ok: ::birpc::__private::ServedBody>,
{
    /// Serves an implementation.
    pub fn new(service_: T_) -> Self {
        Self(::birpc::__private::Arc::new(service_), ::birpc::__private::PhantomData)
    }
    /// Serves an implementation that is shared with others.
    pub fn from_arc(service_: ::birpc::__private::Arc<T_>) -> Self {
        Self(service_, ::birpc::__private::PhantomData)
    }
}
#[automatically_derived]
impl<T_: Store<K, T, N>, K, T, const N: usize> ::birpc::__private::Service
for StoreServer<T_, K, T, N>
where
    K: Ord,
    K: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    K: ::birpc::__private::ServedParam + 'static,
    Result<
        Page<T, N>,
        StoreError<K>,
    >: ::birpc::__private::MethodResult<Ok: ::birpc::__private::ServedBody>,
{
    fn register(self, router_: &mut ::birpc::__private::Router) {
        let mut routes_ = ::birpc::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .request::<
                (K,),
                Result<Page<T, N>, StoreError<K>>,
                _,
            >(
                &["get"],
                &["key"],
                |me_, _, (key,)| async move { Store::get(&*me_, key).await },
            );
    }
}
impl<T_, K, T, const N: usize> ::birpc::__private::fmt::Debug
for StoreServer<T_, K, T, N> {
    fn fmt(&self, f_: ::birpc::__private::Format<'_, '_>) -> ::birpc::__private::Fmt {
        f_.write_str("StoreServer")
    }
}
/// Calls a [`Store`] at the other end of a connection.
pub struct StoreClient<K, T = String, const N: usize = 4>(
    ::birpc::__private::Peer,
    ::birpc::__private::PhantomData<fn() -> (K, T)>,
);
#[automatically_derived]
impl<K, T, const N: usize> ::birpc::__private::Clone for StoreClient<K, T, N> {
    fn clone(&self) -> Self {
        Self(::birpc::__private::Clone::clone(&self.0), ::birpc::__private::PhantomData)
    }
}
#[automatically_derived]
impl<K, T, const N: usize> ::birpc::__private::fmt::Debug for StoreClient<K, T, N> {
    fn fmt(
        &self,
        f_: &mut ::birpc::__private::fmt::Formatter<'_>,
    ) -> ::birpc::__private::fmt::Result {
        f_.debug_tuple("StoreClient").field(&self.0).finish()
    }
}
impl<K, T, const N: usize> StoreClient<K, T, N>
where
    K: Ord,
    K: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    K: ::birpc::__private::CalledParam,
    Result<
        Page<T, N>,
        StoreError<K>,
    >: ::birpc::__private::MethodResult<Ok: ::birpc::__private::CalledBody>,
{
    /// Calls `get`.
    pub fn get(
        &self,
        key: K,
    ) -> ::birpc::__private::Call<Result<Page<T, N>, StoreError<K>>> {
        ::birpc::__private::request::<
            Result<Page<T, N>, StoreError<K>>,
            (K,),
        >(&self.0, "get", (key,))
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<StoreBatch<K, T, N>> {
        ::birpc::__private::batch(&self.0, StoreBatch)
    }
    /// Sets a timeout for each call of this stub. A call that takes longer is cancelled.
    #[must_use]
    pub fn with_timeout(self, timeout_: ::birpc::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout_), ::birpc::__private::PhantomData)
    }
    /// The peer that this stub calls.
    #[must_use]
    pub fn peer(&self) -> &::birpc::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl<K, T, const N: usize> ::birpc::__private::From<::birpc::__private::Peer>
for StoreClient<K, T, N> {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        Self(peer_, ::birpc::__private::PhantomData)
    }
}
/// Collects calls of a [`Store`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct StoreBatch<K, T = String, const N: usize = 4>(
    StoreClient<K, T, N>,
    ::birpc::__private::BatchCalls,
);
impl<K, T, const N: usize> StoreBatch<K, T, N>
where
    K: Ord,
    K: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    K: ::birpc::__private::CalledParam,
    Result<
        Page<T, N>,
        StoreError<K>,
    >: ::birpc::__private::MethodResult<Ok: ::birpc::__private::CalledBody>,
{
    /// Calls `get`.
    #[inline]
    pub fn get(
        &mut self,
        key: K,
    ) -> ::birpc::__private::BatchCall<Result<Page<T, N>, StoreError<K>>> {
        ::birpc::__private::batch_call(&mut self.1, StoreClient::get(&self.0, key))
    }
}
