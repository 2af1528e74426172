#[derive(RpcError)]
#[rpc(crate = ::other::birpc)]
enum WithRest {
    #[rpc(code = 1)]
    Known,
    #[rpc(transparent)]
    Other(birpc::ErrorObject),
}

#[derive(RpcError)]
#[rpc(transparent)]
struct Anything {
    object: ErrorObject,
}
