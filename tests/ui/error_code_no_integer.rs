use birpc::RpcError;

#[derive(RpcError)]
enum ChatError {
    #[rpc(code = "1")]
    Empty,
    #[rpc(code = 1 + 1)]
    TooLong,
    #[rpc(code)]
    Late,
}

fn main() {}
