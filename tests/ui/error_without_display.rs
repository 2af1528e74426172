use birpc::RpcError;

#[derive(RpcError)]
#[rpc(code = 1)]
struct Gone;

fn main() {}
