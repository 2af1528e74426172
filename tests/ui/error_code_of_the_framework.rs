use birpc::RpcError;

#[derive(RpcError)]
enum ChatError {
    #[rpc(code = -32601)]
    Empty,
    #[rpc(code = -32800)]
    TooLong,
}

fn main() {}
