use birpc::RpcError;

#[derive(RpcError)]
enum ChatError {
    #[rpc(code = 9223372036854775808)]
    Empty,
    #[rpc(code = -9223372036854775808)]
    TooLong,
}

fn main() {}
