#[derive(RpcError)]
#[rpc(code = 7)]
pub struct Conflict<K: Ord, const N: usize>
where
    K: Clone,
{
    key: [K; N],
}

#[derive(RpcError)]
#[rpc(code = 8)]
struct Gone;
