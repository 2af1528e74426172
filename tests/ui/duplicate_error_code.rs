use birpc::RpcError;

#[derive(RpcError)]
enum ChatError {
    #[rpc(code = 16)]
    Empty,
    #[rpc(code = 0x10)]
    TooLong,
}

fn main() {}
