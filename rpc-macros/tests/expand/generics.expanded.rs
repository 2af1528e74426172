pub trait Store<
    K,
    T = String,
    const N: usize = 4,
>: Audit + ::birpc::__private::Send + ::birpc::__private::Sync + 'static
where
    Self: Sized,
    K: Ord,
    K: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
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
    K: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
{
    /// Serves `service`.
    pub fn new(service: T_) -> Self {
        Self(::birpc::__private::Arc::new(service), ::birpc::__private::PhantomData)
    }
    /// Serves a `service` that is shared with others.
    pub fn from_arc(service: ::birpc::__private::Arc<T_>) -> Self {
        Self(service, ::birpc::__private::PhantomData)
    }
}
#[automatically_derived]
impl<T_: Store<K, T, N>, K, T, const N: usize> ::birpc::__private::Service
for StoreServer<T_, K, T, N>
where
    K: Ord,
    K: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
{
    fn register(self, router: &mut ::birpc::__private::Router) {
        let mut routes = ::birpc::__private::Routes::new(router, self.0);
        routes
            .request::<
                (K,),
                _,
                _,
            >(
                &["get"],
                &["key"],
                |this, _, (key,)| async move { Store::get(&*this, key).await },
            );
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
        f: &mut ::birpc::__private::fmt::Formatter<'_>,
    ) -> ::birpc::__private::fmt::Result {
        f.debug_tuple("StoreClient").field(&self.0).finish()
    }
}
impl<K, T, const N: usize> StoreClient<K, T, N>
where
    K: Ord,
    K: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
{
    /// Calls `get`.
    pub fn get(
        &self,
        key: K,
    ) -> ::birpc::__private::Call<Result<Page<T, N>, StoreError<K>>> {
        ::birpc::__private::Peer::invoke(&self.0, "get", (key,))
    }
    /// Gathers calls, which go out in one JSON-RPC batch when it is sent.
    pub fn batch(&self) -> ::birpc::__private::Batch<StoreBatch<K, T, N>> {
        ::birpc::__private::Batch::new(&self.0)
    }
    /// Bounds each call of this stub: one that takes longer than `timeout` is cancelled.
    pub fn with_timeout(self, timeout: ::birpc::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout), ::birpc::__private::PhantomData)
    }
    /// The peer that this stub calls.
    pub fn peer(&self) -> &::birpc::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl<K, T, const N: usize> ::birpc::__private::From<::birpc::__private::Peer>
for StoreClient<K, T, N> {
    fn from(peer: ::birpc::__private::Peer) -> Self {
        Self(peer, ::birpc::__private::PhantomData)
    }
}
/// Gathers calls of a [`Store`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct StoreBatch<K, T = String, const N: usize = 4>(
    StoreClient<K, T, N>,
    ::birpc::__private::BatchCalls,
);
impl<K, T, const N: usize> StoreBatch<K, T, N>
where
    K: Ord,
    K: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    T: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
{
    /// Calls `get`.
    #[inline]
    pub fn get(
        &mut self,
        key: K,
    ) -> ::birpc::__private::BatchCall<Result<Page<T, N>, StoreError<K>>> {
        self.1.request(self.0.get(key))
    }
}
#[automatically_derived]
impl<K, T, const N: usize> ::birpc::__private::From<::birpc::__private::BatchCalls>
for StoreBatch<K, T, N> {
    fn from(calls: ::birpc::__private::BatchCalls) -> Self {
        Self(calls.stub(), calls)
    }
}
