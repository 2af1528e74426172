use birpc::RpcError;

#[derive(RpcError)]
#[rpc(code = 1)]
struct TooLong {
    max: usize,
    #[rpc(name = "max")]
    limit: usize,
}

fn main() {}
