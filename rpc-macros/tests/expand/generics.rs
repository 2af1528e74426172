#[rpc]
pub trait Store<K, T = String, const N: usize = 4>: Audit
where
    K: Ord,
    Self: Sized,
{
    async fn get(&self, key: K) -> Result<Page<T, N>, StoreError<K>>;
}
