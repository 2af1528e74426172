use birpc::RpcError;

#[derive(RpcError)]
enum ChatError {
    Empty,
    #[rpc(code = 2)]
    TooLong,
}

fn main() {}
